/*
 * A second reading of the operator's text files (relay/text_file.h says the rules): lines,
 * comments, quotes, UTF-8. Shares no code with the relay.
 */
#ifndef FUZZ_SECOND_LINES_H
#define FUZZ_SECOND_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct second_line {
    uint32_t number; /* from 1 */
    size_t at, end;  /* in the text, without the blanks around it */
};

/* The next line behind `line` (all zero: from the start) that says something. */
bool second_line(const uint8_t *text, size_t size, struct second_line *line);

/* The value between `at` and `end`, without its comment and quotes, of at most `most` bytes. False
 * where it is none. */
bool second_line_value(const uint8_t *text, size_t at, size_t end, char *out, size_t most,
                       size_t *bytes);

/* UTF-8 without control characters (those of Latin-1 included). */
bool second_is_clean(const uint8_t *text, size_t bytes);

/* 64 hexadecimal digits and nothing else. */
bool second_hex_key(const char *text, size_t bytes, uint8_t out[32]);

#endif
