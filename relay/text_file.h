/*
 * Text files of the operator: configuration, keys, bans. Owns reading them whole and the rules that
 * all three share: one entry a line; `#` at the start of a line or behind white space begins a
 * comment; a value may stand in double quotes, in which `#` and blanks are ordinary and \" and \\
 * stand for themselves. Declines to know what an entry means. Everything but rd_file_read works on
 * bytes and opens nothing.
 */
#ifndef RD_TEXT_FILE_H
#define RD_TEXT_FILE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of a file in memory. `name` is what messages call it. */
struct rd_text {
    const char *bytes;
    size_t size;
    const char *name;
};

/* Reads a regular file of at most `bytes_max` whole; one that everybody may write to is refused.
 * `*bytes` is the caller's to free; `mode` gets its permission bits, where it is not NULL. */
bool rd_file_read(const char *path, size_t bytes_max, char **bytes, size_t *size, mode_t *mode,
                  struct rd_error *error);

/* A line without the blanks around it: a view into the text, not terminated. */
struct rd_line {
    const char *at;
    const char *end;
    uint32_t number; /* from 1 */
};

/* The next line that is neither empty nor a comment; false at the end. Starts with a zeroed line.
 */
bool rd_line_next(const struct rd_text *text, struct rd_line *line);

/* The value that begins at `from` and goes to the end of the line or its comment, unquoted and
 * terminated: at most `room` - 1 bytes of UTF-8 without control characters. On failure `error`
 * names file and line; the value itself is never repeated. */
bool rd_line_value(const struct rd_text *text, const struct rd_line *line, const char *from,
                   char *out, size_t room, struct rd_error *error);

/* Fails with "NAME:LINE: " before the words. */
bool rd_line_fail(const struct rd_text *text, const struct rd_line *line, struct rd_error *error,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Valid UTF-8 (no overlong forms, no surrogates) without control characters. */
bool rd_text_is_clean(const char *text, size_t bytes);

/* Public keys as 64 hexadecimal digits, any case, and nothing else. */
bool rd_hex_key(const char *text, uint8_t out[32]);

#endif
