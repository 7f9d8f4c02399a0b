/*
 * What was given, before anything is made of it: the texts for each option from the command line,
 * the configuration file and the environment, and where each stood. Owns those three forms; what a
 * text may be is option_value's to know.
 */
#ifndef RD_OPTIONS_GIVEN_H
#define RD_OPTIONS_GIVEN_H

#include "options_table.h"
#include "text_file.h"

#define RD_CONFIG_BYTES_MAX (1u << 20)

struct rd_given {
    const struct rd_option *option;
    enum rd_source source;
    uint32_t line; /* of the file */
    char *text;    /* owned */
};

struct rd_givens {
    struct rd_given *items; /* owned; in the order in which they stood */
    size_t count;
    size_t room;
    const char *file; /* name of the configuration file, for messages; borrowed */
};

enum rd_ask { RD_ASK_RUN, RD_ASK_CHECK, RD_ASK_HELP, RD_ASK_VERSION };

/* Each adds to `givens`. `--help` and `--version` end the reading of a command line at once. */
bool rd_given_command_line(struct rd_givens *givens, int argc, char **argv, enum rd_ask *ask,
                           struct rd_error *error);
/* A variable that is empty counts as not set: compose files set those that nobody filled in. */
bool rd_given_environment(struct rd_givens *givens, struct rd_error *error);
/* The text of a configuration file; `text->name` is borrowed as long as `givens` lives. */
bool rd_given_file(struct rd_givens *givens, const struct rd_text *text, struct rd_error *error);

/* The last one given for an option by a source, NULL for none. */
const struct rd_given *rd_given_last(const struct rd_givens *givens, const char *name,
                                     enum rd_source source);

/* Fails, saying where it stood, what was given (but no secret) and what was expected. */
bool rd_given_fail(const struct rd_givens *givens, const struct rd_given *given,
                   const char *expected, struct rd_error *error);

void rd_givens_free(struct rd_givens *givens);

#endif
