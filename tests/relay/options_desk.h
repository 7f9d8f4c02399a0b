/*
 * Options read as main would, from a command line, an environment and a file that a test writes
 * down. Every test starts with none of the relay's variables set and on loopback addresses that
 * need no leave.
 */
#ifndef OPTIONS_DESK_H
#define OPTIONS_DESK_H

#include "options.h"
#include "options_table.h"

#define DESK_ARGUMENTS_MAX 40

/* A key that is none of anybody's: 64 times this digit. */
const char *desk_hex(char digit);

/* Takes every variable that the options know out of the environment. */
void desk_clear_environment(void);

/* Writes a file in a directory of this test's own; the path lives until the next 8 calls. */
const char *desk_file(const char *name, const char *text);
const char *desk_directory(void);
/* Removes that directory with all in it: the last thing a test does. */
void desk_remove_files(void);

struct desk {
    struct rd_options options;
    struct rd_error error;
    enum rd_options_outcome outcome;
    int argc;
    char *argv[DESK_ARGUMENTS_MAX + 1];
};

/* Reads with these arguments, NULL ends them, behind `--listen 127.0.0.1:0`. */
#define desk_read(...) desk_read_list(true, (const char *const[]){__VA_ARGS__, NULL})
/* Without that `--listen`. */
#define desk_read_bare(...) desk_read_list(false, (const char *const[]){__VA_ARGS__, NULL})
struct desk *desk_read_list(bool listen, const char *const *arguments);
void desk_free(struct desk *desk);

/* The value of an option as rd_option_show has it, "" for none. */
const char *desk_value(const struct desk *desk, const char *name);

/* The words of the refusal, which there must be. */
#define desk_refusal(...) desk_refused(desk_read(__VA_ARGS__))
const char *desk_refused(struct desk *desk);

/* Does the last refusal say all of these? Fails the test where not. */
#define desk_says(text, ...) desk_says_list(text, (const char *const[]){__VA_ARGS__, NULL})
void desk_says_list(const char *text, const char *const *parts);

#endif
