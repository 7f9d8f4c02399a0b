/*
 * What JSON's reader lets pass and a person cannot have meant. cJSON ends a text at an escaped NUL,
 * takes numbers that JSON does not know, rounds a number that is whole by a hair to a whole one,
 * and keeps every member of one name. Owns finding these; declines to say what is wrong about them.
 */
#ifndef SIM_JSON_TEXT_H
#define SIM_JSON_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* 2^53 - 1: of no larger whole number is a reader certain that keeps a double. What is written as
 * 2^53 + 1 is 2^53 to it. */
#define SIM_EXACT_MAX UINT64_C(9007199254740991)

/* The first such place of a text that cJSON has read whole; NULL for none. Then `*expected` says
 * what should be there ("a number as JSON writes it") and `*bytes` how long it is. */
const char *sim_json_flaw(const char *text, const char **expected, uint32_t *bytes);

/* Whether a number is whole and from 0 to SIM_EXACT_MAX. It is written to `*out` then, and nothing
 * otherwise. */
bool sim_json_whole(const cJSON *item, uint64_t *out);

/* Whether an earlier member of the object has this one's name. */
bool sim_json_is_twin(const cJSON *object, const cJSON *member);

#endif
