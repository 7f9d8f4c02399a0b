#include "options_given.h"

#include "text_rules.h"

#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LONG 256 /* what getopt_long returns for the first option of the table */

static bool add(struct rd_givens *givens, const struct rd_option *option, enum rd_source source,
                uint32_t line, const char *text, struct rd_error *error)
{
    if (givens->count == givens->room) {
        size_t room = givens->room > 0 ? givens->room * 2 : 32;
        struct rd_given *items = reallocarray(givens->items, room, sizeof *items);
        if (items == NULL)
            return rd_fail(error, "no memory for the options");
        givens->items = items;
        givens->room = room;
    }
    char *copy = strdup(text);
    if (copy == NULL)
        return rd_fail(error, "no memory for the options");
    givens->items[givens->count++] =
        (struct rd_given){.option = option, .source = source, .line = line, .text = copy};
    return true;
}

/* A copy for messages: of bounded length, and nothing in it that could steer a terminal. */
static const char *tamed(const char *text, char out[100])
{
    size_t bytes = strlen(text);
    (void)snprintf(out, 100, "%.90s%s", text, bytes > 90 ? "…" : "");
    for (char *at = out; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    }
    return out;
}

/* ---- Command line ---------------------------------------------------------------------------- */

static void make_long_options(struct option *out)
{
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        int argument = option->kind == RD_KIND_ACTION ? no_argument
                       : option->kind == RD_KIND_FLAG ? optional_argument
                                                      : required_argument;
        out[i] = (struct option){option->name, argument, NULL, FIRST_LONG + (int)i};
    }
}

/* `argument` is "--name" or "--name=value"; only the name is repeated. */
static bool fail_unknown(const char *argument, struct rd_error *error)
{
    char name[64], shown[100];
    size_t bytes = strcspn(argument, "=");
    (void)snprintf(name, sizeof name, "%.*s", (int)(bytes < 63 ? bytes : 63), argument);
    const char *bare = name + strspn(name, "-");
    const char *nearest = rd_option_nearest(bare, false);
    if (nearest == NULL)
        return rd_fail(error, "%s: unknown option (see --help)", tamed(name, shown));
    return rd_fail(error, "%s: unknown option; did you mean --%s?", tamed(name, shown), nearest);
}

/* getopt_long takes abbreviations; they would break when an option joins, so they are unknown. */
static bool is_whole_name(const char *argument, const struct rd_option *option)
{
    size_t bytes = strlen(option->name);
    return strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, option->name, bytes) == 0 &&
           (argument[2 + bytes] == '\0' || argument[2 + bytes] == '=');
}

/* What is said of an option that getopt_long refused. */
static bool fail_option(const char *argument, int result, struct rd_error *error)
{
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        if (!is_whole_name(argument, option))
            continue;
        if (result == ':')
            return rd_fail(error, "--%s: needs a value: %s", option->name, option->argument);
        return rd_fail(error, "--%s: takes no value", option->name);
    }
    return fail_unknown(argument, error);
}

static bool take_option(struct rd_givens *givens, const struct rd_option *option, const char *value,
                        enum rd_ask *ask, struct rd_error *error)
{
    if (option->kind != RD_KIND_ACTION)
        return add(givens, option, RD_SOURCE_COMMAND_LINE, 0, value != NULL ? value : "true",
                   error);
    if (strcmp(option->name, "check-config") == 0)
        *ask = RD_ASK_CHECK;
    else
        *ask = strcmp(option->name, "help") == 0 ? RD_ASK_HELP : RD_ASK_VERSION;
    return true;
}

bool rd_given_command_line(struct rd_givens *givens, int argc, char **argv, enum rd_ask *ask,
                           struct rd_error *error)
{
    struct option long_options[RD_OPTIONS_MAX + 1] = {0};
    char shown[100];
    make_long_options(long_options);
    *ask = RD_ASK_RUN;
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while (argc > 0 && (*ask == RD_ASK_RUN || *ask == RD_ASK_CHECK)) {
        const char *argument = argv[optind > 0 ? optind : 1];
        int result = getopt_long(argc, argv, "+:hV", long_options, NULL);
        if (result == -1)
            break;
        const struct rd_option *option =
            result >= FIRST_LONG ? &rd_option_table[result - FIRST_LONG] : NULL;
        if (result == 'h' || result == 'V')
            *ask = result == 'h' ? RD_ASK_HELP : RD_ASK_VERSION;
        else if (option == NULL || !is_whole_name(argument, option))
            return fail_option(argument, result, error);
        else if (!take_option(givens, option, optarg, ask, error))
            return false;
    }
    if ((*ask == RD_ASK_RUN || *ask == RD_ASK_CHECK) && optind < argc)
        return rd_fail(error, "\"%s\": every argument is an option, and this is none (see --help)",
                       tamed(argv[optind], shown));
    return true;
}

/* ---- Environment ----------------------------------------------------------------------------- */

bool rd_given_environment(struct rd_givens *givens, struct rd_error *error)
{
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        const char *text = option->variable != NULL ? getenv(option->variable) : NULL;
        if (text != NULL && text[0] != '\0' &&
            !add(givens, option, RD_SOURCE_VARIABLE, 0, text, error))
            return false;
    }
    return true;
}

/* ---- Configuration file ---------------------------------------------------------------------- */

static const struct rd_option *find_setting(const struct rd_text *text, const struct rd_line *line,
                                            const char *name, struct rd_error *error)
{
    const struct rd_option *option = rd_option_find(name);
    if (option != NULL && rd_option_is_setting(option))
        return option;
    char shown[100];
    const char *nearest = option == NULL ? rd_option_nearest(name, true) : NULL;
    if (option != NULL)
        (void)rd_line_fail(text, line, error, "%s: only on the command line", name);
    else if (nearest != NULL)
        (void)rd_line_fail(text, line, error, "%s: unknown option; did you mean %s?",
                           tamed(name, shown), nearest);
    else
        (void)rd_line_fail(text, line, error, "%s: unknown option", tamed(name, shown));
    return NULL;
}

static bool take_line(struct rd_givens *givens, const struct rd_text *text,
                      const struct rd_line *line, struct rd_error *error)
{
    char name[64], value[RD_TEXT_MAX + 64];
    const char *equals = memchr(line->at, '=', (size_t)(line->end - line->at));
    const char *end = equals;
    while (end != NULL && end > line->at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (end == NULL || end == line->at || (size_t)(end - line->at) >= sizeof name ||
        !rd_text_is_clean(line->at, (size_t)(end - line->at)))
        return rd_line_fail(text, line, error, "expected `name = value`");
    memcpy(name, line->at, (size_t)(end - line->at));
    name[end - line->at] = '\0';
    const struct rd_option *option = find_setting(text, line, name, error);
    if (option == NULL)
        return false;
    const struct rd_given *before = rd_given_last(givens, name, RD_SOURCE_FILE);
    if (before != NULL && !option->repeatable)
        return rd_line_fail(text, line, error, "%s: stands in line %u already", name, before->line);
    bool ok = rd_line_value(text, line, equals + 1, value, sizeof value, error) &&
              add(givens, option, RD_SOURCE_FILE, line->number, value, error);
    sodium_memzero(value, sizeof value);
    return ok;
}

bool rd_given_file(struct rd_givens *givens, const struct rd_text *text, struct rd_error *error)
{
    struct rd_line line = {0};
    givens->file = text->name;
    while (rd_line_next(text, &line)) {
        if (!take_line(givens, text, &line, error))
            return false;
    }
    return true;
}

/* ---- All of them ----------------------------------------------------------------------------- */

const struct rd_given *rd_given_last(const struct rd_givens *givens, const char *name,
                                     enum rd_source source)
{
    for (size_t i = givens->count; i > 0; i--) {
        const struct rd_given *given = &givens->items[i - 1];
        if (given->source == source && strcmp(given->option->name, name) == 0)
            return given;
    }
    return NULL;
}

/* A URL with a user or a query is refused, and may hold a password there. */
static bool may_be_shown(const struct rd_option *option, const char *text)
{
    bool is_url = option->kind == RD_KIND_TEXT && option->wrong == rd_url_wrong;
    return !option->secret && !(is_url && strpbrk(text, "@?#") != NULL);
}

bool rd_given_fail(const struct rd_givens *givens, const struct rd_given *given,
                   const char *expected, struct rd_error *error)
{
    const struct rd_option *option = given->option;
    char place[320], shown[100], what[128];
    switch (given->source) {
    case RD_SOURCE_DEFAULT:
    case RD_SOURCE_COMMAND_LINE:
        (void)snprintf(place, sizeof place, "--%s", option->name);
        break;
    case RD_SOURCE_VARIABLE:
        (void)snprintf(place, sizeof place, "--%s (from %s)", option->name, option->variable);
        break;
    case RD_SOURCE_FILE:
        (void)snprintf(place, sizeof place, "%s:%u: %s", givens->file, given->line, option->name);
        break;
    }
    if (may_be_shown(option, given->text))
        (void)snprintf(what, sizeof what, "\"%s\"", tamed(given->text, shown));
    else
        (void)snprintf(what, sizeof what, "a value of %zu bytes", strlen(given->text));
    return rd_fail(error, "%s: %s was given, expected %s", place, what, expected);
}

void rd_givens_free(struct rd_givens *givens)
{
    for (size_t i = 0; i < givens->count; i++) {
        sodium_memzero(givens->items[i].text, strlen(givens->items[i].text));
        free(givens->items[i].text);
    }
    free(givens->items);
    *givens = (struct rd_givens){0};
}
