#include "options.h"

#include "advertise.h"
#include "ban_file.h"
#include "help.h"
#include "key_file.h"
#include "option_value.h"
#include "options_check.h"
#include "options_given.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Values ---------------------------------------------------------------------------------- */

static size_t place(const struct rd_option *option)
{
    return (size_t)(option - rd_option_table);
}

static void set_defaults(struct rd_options *options)
{
    char allowed[RD_ALLOWED_BYTES];
    memset(options, 0, sizeof *options);
    wr_relay_config_default(&options->core);
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        bool ok =
            option->initial == NULL || rd_option_set(options, option, option->initial, allowed);
        assert(ok);
        (void)ok;
    }
}

/* Is there a later one of the same source, which counts instead? */
static bool is_overruled(const struct rd_givens *givens, size_t index)
{
    const struct rd_given *given = &givens->items[index];
    return !given->option->repeatable &&
           rd_given_last(givens, given->option->name, given->source) != given;
}

static void find_sources(const struct rd_givens *givens, struct rd_options *options)
{
    for (size_t i = 0; i < givens->count; i++) {
        uint8_t *source = &options->sources[place(givens->items[i].option)];
        if (givens->items[i].source > *source)
            *source = (uint8_t)givens->items[i].source;
    }
}

/* Sets what counts. What a file says is judged even where something else counts: it would be wrong
 * one day. A variable that does not count is not looked at. */
static bool set_given(const struct rd_givens *givens, struct rd_options *options,
                      struct rd_error *error)
{
    char allowed[RD_ALLOWED_BYTES] = "";
    struct rd_options scratch;
    find_sources(givens, options);
    for (size_t i = 0; i < givens->count; i++) {
        const struct rd_given *given = &givens->items[i];
        bool counts = options->sources[place(given->option)] == given->source;
        if (is_overruled(givens, i) || (!counts && given->source != RD_SOURCE_FILE))
            continue;
        if (!counts)
            memset(&scratch, 0, sizeof scratch);
        if (!rd_option_set(counts ? options : &scratch, given->option, given->text, allowed))
            return rd_given_fail(givens, given, allowed, error);
    }
    return true;
}

/* ---- Sources --------------------------------------------------------------------------------- */

/* Names the option in front of what is wrong with its file. */
static bool blame(const char *option, struct rd_error *error)
{
    struct rd_error told = *error;
    return rd_fail(error, "--%s: %.700s", option, told.text);
}

static bool read_config_file(struct rd_givens *givens, struct rd_options *options,
                             struct rd_error *error)
{
    const struct rd_given *config = rd_given_last(givens, "config", RD_SOURCE_COMMAND_LINE);
    char allowed[RD_ALLOWED_BYTES], *bytes;
    struct rd_text text = {.name = options->config_file};
    mode_t mode;
    if (config == NULL)
        return true;
    if (!rd_option_set(options, config->option, config->text, allowed))
        return rd_given_fail(givens, config, allowed, error);
    if (!rd_file_read(options->config_file, RD_CONFIG_BYTES_MAX, &bytes, &text.size, &mode, error))
        return blame("config", error);
    text.bytes = bytes;
    bool ok = rd_given_file(givens, &text, error);
    if (ok && (mode & S_IROTH) != 0 &&
        rd_given_last(givens, "master-auth-token", RD_SOURCE_FILE) != NULL)
        rd_note(options, "%.200s: holds a token, and everybody may read it", options->config_file);
    sodium_memzero(bytes, text.size);
    free(bytes);
    return ok;
}

static bool read_lists(struct rd_options *options, struct rd_error *error)
{
    if (options->key_file[0] != '\0' && !rd_key_file_read(options->key_file, &options->keys, error))
        return blame("key-file", error);
    if (options->ban_file[0] != '\0' &&
        !rd_ban_file_read(options->ban_file, options->core.max_bans, &options->bans, error))
        return blame("ban-file", error);
    return true;
}

static bool read_all(struct rd_options *options, struct rd_givens *givens, struct rd_error *error)
{
    return read_config_file(givens, options, error) && rd_given_environment(givens, error) &&
           set_given(givens, options, error) && read_lists(options, error) &&
           rd_options_check(options, error);
}

/* ---- Outside --------------------------------------------------------------------------------- */

static enum rd_options_outcome finish(struct rd_options *options, bool announces, enum rd_ask ask,
                                      struct rd_error *error)
{
    if (announces && !options->standalone && !rd_advertise_default(options, error))
        return RD_OPTIONS_BAD;
    rd_advertise_judge(options);
    if (ask != RD_ASK_CHECK)
        return RD_OPTIONS_RUN;
    rd_print_options(stdout, options);
    return RD_OPTIONS_CHECK;
}

static enum rd_options_outcome read_options(struct rd_options *options, int argc, char **argv,
                                            bool announces, struct rd_error *error)
{
    struct rd_givens givens = {0};
    enum rd_ask ask;
    enum rd_options_outcome outcome = RD_OPTIONS_BAD;
    set_defaults(options);
    if (rd_given_command_line(&givens, argc, argv, &ask, error)) {
        switch (ask) {
        case RD_ASK_HELP:
            rd_print_help(stdout);
            outcome = RD_OPTIONS_DONE;
            break;
        case RD_ASK_VERSION:
            rd_print_version(stdout);
            outcome = RD_OPTIONS_DONE;
            break;
        case RD_ASK_RUN:
        case RD_ASK_CHECK:
            if (read_all(options, &givens, error))
                outcome = finish(options, announces, ask, error);
            break;
        }
    }
    rd_givens_free(&givens);
    return outcome;
}

enum rd_options_outcome rd_options_read(struct rd_options *options, int argc, char **argv,
                                        struct rd_error *error)
{
    return read_options(options, argc, argv, true, error);
}

enum rd_options_outcome rd_options_read_health(struct rd_options *options, int argc, char **argv,
                                               struct rd_error *error)
{
    return read_options(options, argc, argv, false, error);
}

bool rd_options_read_again(struct rd_options *options, int argc, char **argv,
                           struct rd_error *error)
{
    struct rd_givens givens = {0};
    enum rd_ask ask;
    set_defaults(options);
    bool ok = rd_given_command_line(&givens, argc, argv, &ask, error) &&
              read_all(options, &givens, error);
    rd_givens_free(&givens);
    if (ok)
        rd_advertise_judge(options);
    else
        rd_options_free(options);
    return ok;
}

void rd_options_free(struct rd_options *options)
{
    rd_keys_free(&options->keys);
    rd_bans_free(&options->bans);
    sodium_memzero(options->master_auth_token, sizeof options->master_auth_token);
}
