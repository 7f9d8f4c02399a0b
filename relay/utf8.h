/*
 * Text that others chose, made fit to show: which bytes are UTF-8, and which characters a terminal,
 * a log or a page may be led astray by. Owns that judgement; how it is escaped is each format's
 * own.
 */
#ifndef RD_UTF8_H
#define RD_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at the start of a NUL-terminated, not empty text: how many bytes it takes, and its
 * code in `*code`. 0 where the bytes are not UTF-8 (overlong forms and surrogates are none). */
size_t rd_utf8_take(const char *text, uint32_t *code);
/* The same of a text that ends after `left` bytes, at least one. */
size_t rd_utf8_take_of(const char *text, size_t left, uint32_t *code);

/* False for what does something other than stand there: control characters (C1 too), line
 * separators, and marks that reorder or hide text. */
bool rd_utf8_is_plain(uint32_t code);

/* As "\u001b", and as a pair of surrogates where it does not fit. Returns the length, without NUL;
 * `out` has room for 13 bytes. */
size_t rd_utf8_escape(uint32_t code, char out[13]);

#endif
