#include "help.h"

#include "option_value.h"
#include "options_table.h"

#include <string.h>

#define COLUMNS_MAX 100
#define TEXT_COLUMN 34

void rd_print_version(FILE *out)
{
    (void)fprintf(out, "wavry-relay %s\n", WAVRY_VERSION);
}

/* ---- Help ------------------------------------------------------------------------------------ */

/* One piece from TEXT_COLUMN on, on a new line where it would leave the page; `column` is where the
 * page stands and is carried on. */
static void print_piece(FILE *out, const char *text, size_t bytes, size_t *column)
{
    if (*column > TEXT_COLUMN && *column + 1 + bytes > COLUMNS_MAX) {
        (void)fprintf(out, "\n%*s", TEXT_COLUMN, "");
        *column = TEXT_COLUMN;
    }
    if (*column > TEXT_COLUMN) {
        (void)fputc(' ', out);
        ++*column;
    }
    (void)fprintf(out, "%.*s", (int)bytes, text);
    *column += bytes;
}

static void print_words(FILE *out, const char *text, size_t *column)
{
    while (*text != '\0') {
        size_t bytes = strcspn(text, " ");
        print_piece(out, text, bytes, column);
        text += bytes;
        text += strspn(text, " ");
    }
}

static void print_option(FILE *out, const struct rd_option *option)
{
    char head[128], tail[160];
    const char *dash = strcmp(option->name, "help") == 0      ? "-h, "
                       : strcmp(option->name, "version") == 0 ? "-V, "
                                                              : "    ";
    (void)snprintf(head, sizeof head, "  %s--%s%s%s", dash, option->name,
                   option->argument != NULL ? " " : "",
                   option->argument != NULL ? option->argument : "");
    size_t column = strlen(head);
    (void)fputs(head, out);
    if (column + 2 > TEXT_COLUMN) {
        (void)fputc('\n', out);
        column = 0;
    }
    (void)fprintf(out, "%*s", (int)(TEXT_COLUMN - column), "");
    column = TEXT_COLUMN;
    print_words(out, option->help, &column);
    if (option->initial != NULL && option->kind != RD_KIND_FLAG) {
        (void)snprintf(tail, sizeof tail, "[default: %s]", option->initial);
        print_piece(out, tail, strlen(tail), &column);
    }
    if (option->variable != NULL) {
        (void)snprintf(tail, sizeof tail, "[env: %s]", option->variable);
        print_piece(out, tail, strlen(tail), &column);
    }
    (void)fputc('\n', out);
}

void rd_print_help(FILE *out)
{
    (void)fputs(
        "Wavry relay: forwards encrypted UDP traffic between two peers that hold leases.\n"
        "\n"
        "Usage: wavry-relay [OPTION]...\n"
        "       wavry-relay health [OPTION]...   asks the relay that has these options how it is\n"
        "\n"
        "An option counts from the command line, else from its variable, else from the\n"
        "configuration file, else by its default. --name value and --name=value are the same.\n"
        "SIGHUP reads the files again, SIGTERM drains, and a second one ends at once.\n",
        out);
    for (size_t i = 0; i < rd_option_count; i++) {
        if (i == 0 || rd_option_table[i].group != rd_option_table[i - 1].group)
            (void)fprintf(out, "\n%s:\n", rd_option_group_title(rd_option_table[i].group));
        print_option(out, &rd_option_table[i]);
    }
    (void)fputs("\nExit codes: 0 ended as asked, 1 something failed, 2 an option is wrong, 130 or "
                "143 a second\n"
                "signal came.\n",
                out);
}

/* ---- The configuration ----------------------------------------------------------------------- */

static const char *source_name(enum rd_source source)
{
    switch (source) {
    case RD_SOURCE_DEFAULT:
        return "default";
    case RD_SOURCE_FILE:
        return "file";
    case RD_SOURCE_VARIABLE:
        return "environment";
    case RD_SOURCE_COMMAND_LINE:
        return "command line";
    }
    return "";
}

static void print_setting(FILE *out, const struct rd_option *option, const char *value,
                          enum rd_source source)
{
    (void)fprintf(out, "%s = ", option->name);
    if (option->kind == RD_KIND_TEXT) {
        (void)fputc('"', out);
        for (const char *at = value; *at != '\0'; at++)
            (void)fprintf(out, "%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
        (void)fputc('"', out);
    } else
        (void)fputs(value, out);
    (void)fprintf(out, "  # %s\n", source_name(source));
}

static void print_advertise(FILE *out, const struct rd_options *options,
                            const struct rd_option *option, enum rd_source source)
{
    struct rd_options one = {0};
    char text[RD_SHOWN_BYTES];
    one.advertise_count = 1;
    for (uint32_t i = 0; i < options->advertise_count; i++) {
        one.advertise[0] = options->advertise[i];
        print_setting(out, option, rd_option_show(&one, option, text), source);
    }
}

void rd_print_options(FILE *out, const struct rd_options *options)
{
    char text[RD_SHOWN_BYTES];
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        enum rd_source source = (enum rd_source)options->sources[i];
        const char *value = rd_option_show(options, option, text);
        if (!rd_option_is_setting(option) || value == NULL)
            continue;
        if (option->kind == RD_KIND_ADVERTISE)
            print_advertise(out, options, option, source);
        else if (option->secret)
            (void)fprintf(out, "# %s is set  # %s\n", option->name, source_name(source));
        else
            print_setting(out, option, value, source);
    }
    (void)fprintf(out, "# keys: %u pinned, %u revoked\n", options->keys.pinned_count,
                  options->keys.revoked_count);
    (void)fprintf(out, "# banned identities: %zu\n", options->bans.count);
    for (uint32_t i = 0; i < options->notes.count; i++)
        (void)fprintf(out, "# note: %s\n", options->notes.texts[i]);
}
