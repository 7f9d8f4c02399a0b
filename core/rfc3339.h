/*
 * RFC 3339 timestamps to unix milliseconds and back (section 2, times of claims). Owns the
 * calendar; declines to know what time it is.
 */
#ifndef WR_RFC3339_H
#define WR_RFC3339_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "9999-12-31T23:59:59.999Z" and its NUL. */
#define WR_RFC3339_TEXT_BYTES 25

/* The last millisecond of the year 9999. */
#define WR_RFC3339_UNIX_MS_MAX UINT64_C(253402300799999)

/* Strict, the whole text: `T` and `Z` in capitals, any number of fraction digits (at least one
 * behind a dot; what is finer than a millisecond is cut off), `Z` or an offset up to 23:59. The
 * year as written is 1970..9999, and so is the instant in UTC. Leap seconds (":60") are refused:
 * unix time has no place for them, and two instants must not compare as one. False leaves
 * `*unix_ms` alone. `text` need not be terminated. */
bool wr_rfc3339_parse(const char *text, size_t bytes, uint64_t *unix_ms);

/* "2026-11-14T20:09:44.883Z", always in UTC and with three digits. A time behind the year 9999 is
 * written as the last millisecond of it. Returns `out`. */
char *wr_rfc3339_format(uint64_t unix_ms, char out[WR_RFC3339_TEXT_BYTES]);

#endif
