/*
 * Reads the protocol's test vectors (the JSON files in tests/data) for tests. Owns the parsed file;
 * every accessor fails the test where a member is missing or of another kind, so no case passes
 * unread.
 */
#ifndef WR_TEST_VECTORS_H
#define WR_TEST_VECTORS_H

#include <wavry/types.h>

#include <cjson/cJSON.h>

/* The parsed file of that name in tests/data; cJSON_Delete is the caller's. */
cJSON *vectors_load(const char *name);

/* The array member of the file that holds its cases, with at least one. */
const cJSON *vectors_cases(const cJSON *file, const char *member);

const char *vectors_string(const cJSON *object, const char *member);
uint64_t vectors_number(const cJSON *object, const char *member);

/* Decodes hex digits of exactly twice `capacity` or fewer bytes; returns the bytes. */
size_t vectors_hex(const char *hex, uint8_t *out, size_t capacity);

#endif
