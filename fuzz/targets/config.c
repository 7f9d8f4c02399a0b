/*
 * Configuration files (section 10): the relay's reading and a second one take the same lines for
 * settings with the same values, and refuse a file at the same line. A value that is allowed, shown
 * and read again is the same; no message repeats a secret.
 */
#include "support.h"

#include "second/lines.h"

#include <key_file.h>
#include <option_value.h>
#include <options_given.h>

#include <stdlib.h>
#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "config",
    .property = "two readings of a configuration agree, and what is shown reads as the same again",
    .bytes_max = 2048,
    .canaries = {{"text_comment_anywhere", 20000}},
};

/* ---- The second reading ---------------------------------------------------------------------- */

struct expected_line {
    const struct rd_option *option;
    uint32_t number;
    char value[1088];
    size_t bytes;
};

static const struct rd_option *setting_named(const uint8_t *name, size_t bytes)
{
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        if (option->name[0] == (char)name[0] && strlen(option->name) == bytes &&
            memcmp(option->name, name, bytes) == 0)
            return option->kind == RD_KIND_ACTION ? NULL : option;
    }
    return NULL;
}

/* One line; false where it is no setting. `config` names the file itself, so no file may say it. */
static bool read_line(const uint8_t *text, const struct second_line *line,
                      struct expected_line *out)
{
    size_t equals = line->at;
    while (equals < line->end && text[equals] != '=')
        equals++;
    size_t end = equals;
    while (end > line->at && (text[end - 1] == ' ' || text[end - 1] == '\t'))
        end--;
    out->number = line->number;
    out->option = equals == line->end ? NULL : setting_named(text + line->at, end - line->at);
    return out->option != NULL && strcmp(out->option->name, "config") != 0 &&
           second_line_value(text, equals + 1, line->end, out->value, 1087, &out->bytes);
}

/* ---- Properties ------------------------------------------------------------------------------ */

static bool is_plain_value(const struct rd_option *option)
{
    return !option->secret && !option->repeatable && option->kind != RD_KIND_UNUSED &&
           option->kind != RD_KIND_KEY && option->kind != RD_KIND_PUBLIC_KEY;
}

/* "name = value", texts between quotes, as --check-config prints it. */
static void write_setting(char *line, const struct rd_option *option, const char *value)
{
    char *at = line + sprintf(line, "%s = ", option->name);
    if (option->kind != RD_KIND_TEXT) {
        (void)sprintf(at, "%s", value);
        return;
    }
    *at++ = '"';
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            *at++ = '\\';
        *at++ = *value;
    }
    (void)sprintf(at, "\"\n");
}

static void check_shown(const struct rd_options *options, const struct rd_option *option)
{
    static struct rd_options again;
    char shown[RD_SHOWN_BYTES], line[2 * RD_SHOWN_BYTES + 128], allowed[RD_ALLOWED_BYTES] = "";
    struct rd_givens givens = {0};
    struct rd_error error = {""};
    FUZZ_STAIN(shown);
    const char *value = rd_option_show(options, option, shown);
    if (value == NULL)
        return;
    write_setting(line, option, value);
    const struct rd_text text = {line, strlen(line), "shown"};
    memset(&again, 0, sizeof again);
    FUZZ_REQUIRE(rd_given_file(&givens, &text, &error), "%s", error.text);
    FUZZ_REQUIRE(givens.count == 1 && rd_option_set(&again, option, givens.items[0].text, allowed),
                 "%s: %s", line, allowed);
    FUZZ_REQUIRE(rd_option_equal(options, &again, option), "reads as another value: %s", line);
    rd_givens_free(&givens);
}

/* Another value of the same look: every letter and digit is another one of its kind. */
static void disguise(const char *text, char *out)
{
    static const char *const kinds[] = {"0123456789", "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEF",
                                        "GHIJKLMNOPQRSTUVWXYZ"};
    for (; *text != '\0'; text++, out++) {
        *out = *text;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            const char *at = strchr(kinds[i], *text);
            if (at != NULL)
                *out = at[1] != '\0' ? at[1] : kinds[i][0];
        }
    }
    *out = '\0';
}

/* A message may hold the words of a secret by chance ("aster-pub" in the option's name): it says
 * nothing about it if it is the same for another value. */
static void check_secret(const struct rd_givens *givens, const struct rd_given *given,
                         const struct rd_error *error)
{
    static struct rd_options options;
    char allowed[RD_ALLOWED_BYTES] = "";
    struct rd_error other_error = {""};
    struct rd_given other = *given;
    size_t bytes = strlen(given->text);
    if (bytes < 8 || strstr(error->text, given->text) == NULL)
        return;
    char *text = malloc(bytes + 1);
    if (text == NULL)
        abort();
    disguise(given->text, text);
    other.text = text;
    memset(&options, 0, sizeof options);
    if (!rd_option_set(&options, other.option, other.text, allowed))
        rd_given_fail(givens, &other, allowed, &other_error);
    rd_keys_free(&options.keys);
    free(text);
    FUZZ_REQUIRE(strcmp(error->text, other_error.text) == 0, "a secret: %s", error->text);
}

static void check_value(const struct rd_givens *givens, const struct rd_given *given)
{
    static struct rd_options options;
    char allowed[RD_ALLOWED_BYTES] = "";
    struct rd_error error = {""};
    memset(&options, 0, sizeof options);
    if (!rd_option_set(&options, given->option, given->text, allowed)) {
        FUZZ_REQUIRE(allowed[0] != '\0', "%s: no word of what is allowed", given->option->name);
        rd_given_fail(givens, given, allowed, &error);
        if (given->option->secret)
            check_secret(givens, given, &error);
    } else if (is_plain_value(given->option)) {
        check_shown(&options, given->option);
    }
    rd_keys_free(&options.keys);
}

static void check_refusal(const struct rd_error *error, uint32_t line)
{
    char place[32];
    snprintf(place, sizeof place, "conf:%u: ", line);
    FUZZ_REQUIRE(strncmp(error->text, place, strlen(place)) == 0, "\"%s\", not at %s", error->text,
                 place);
}

static bool stood_before(const struct rd_givens *givens, size_t count,
                         const struct rd_option *option)
{
    for (size_t i = 0; i < count; i++) {
        if (givens->items[i].option == option)
            return true;
    }
    return false;
}

static void compare(const struct rd_givens *givens, bool good, const struct rd_error *error,
                    const uint8_t *text, size_t size)
{
    static struct expected_line expected;
    struct second_line line = {0};
    for (size_t i = 0;; i++) {
        if (!second_line(text, size, &line)) {
            FUZZ_REQUIRE(good && i == givens->count, "%zu settings: %s", i, error->text);
            return;
        }
        bool fine = read_line(text, &line, &expected) &&
                    (expected.option->repeatable || !stood_before(givens, i, expected.option));
        if (!fine) {
            FUZZ_REQUIRE(!good && i == givens->count, "takes line %u", line.number);
            check_refusal(error, line.number);
            return;
        }
        FUZZ_REQUIRE(i < givens->count, "line %u: %s", line.number, error->text);
        const struct rd_given *given = &givens->items[i];
        FUZZ_REQUIRE(given->option == expected.option && given->line == expected.number &&
                         given->source == RD_SOURCE_FILE,
                     "line %u", line.number);
        FUZZ_REQUIRE(strlen(given->text) == expected.bytes &&
                         memcmp(given->text, expected.value, expected.bytes) == 0,
                     "line %u: another value", line.number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rd_givens givens = {0};
    struct rd_error error = {""};
    const struct rd_text text = {(const char *)bytes, size, "conf"};
    if (size > fuzz_target.bytes_max)
        return 0;
    bool good = rd_given_file(&givens, &text, &error);
    compare(&givens, good, &error, bytes, size);
    for (size_t i = 0; i < givens.count; i++)
        check_value(&givens, &givens.items[i]);
    rd_givens_free(&givens);
    return 0;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    struct rd_givens givens = {0};
    struct rd_error error;
    const struct rd_text text = {(const char *)bytes, size, "conf"};
    bool good = rd_given_file(&givens, &text, &error);
    rd_givens_free(&givens);
    return good ? "settings" : "refused";
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    struct rd_givens givens = {0};
    struct rd_error error = {"well formed"};
    const struct rd_text text = {(const char *)bytes, size, "conf"};
    (void)rd_given_file(&givens, &text, &error);
    for (size_t i = 0; i < givens.count; i++) {
        fprintf(out, "  line %u: %s = ", givens.items[i].line, givens.items[i].option->name);
        fuzz_print_text(out, givens.items[i].text, strlen(givens.items[i].text));
        fputc('\n', out);
    }
    fprintf(out, "  %s\n", error.text);
    rd_givens_free(&givens);
}
