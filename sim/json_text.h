/*
 * What JSON's reader lets pass and a person cannot have meant. cJSON ends a text at an escaped NUL,
 * takes numbers that JSON does not know, and rounds a number that is whole by a hair to a whole
 * one. Owns finding these; declines to read anything.
 */
#ifndef SIM_JSON_TEXT_H
#define SIM_JSON_TEXT_H

#include <stdint.h>

/* 2^53 - 1: of no larger whole number is a reader certain that keeps a double. What is written as
 * 2^53 + 1 is 2^53 to it. */
#define SIM_EXACT_MAX UINT64_C(9007199254740991)

/* The first such place of a text that cJSON has read whole; NULL for none. Then `*expected` says
 * what should be there ("a number as JSON writes it") and `*bytes` how long it is. */
const char *sim_json_flaw(const char *text, const char **expected, uint32_t *bytes);

#endif
