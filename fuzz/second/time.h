/*
 * A second reading of RFC 3339 (docs/protocol.md section 2), by pattern and by another calendar
 * arithmetic than the core's. Shares no code with it.
 */
#ifndef FUZZ_SECOND_TIME_H
#define FUZZ_SECOND_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool second_time(const uint8_t *text, size_t bytes, int64_t *unix_ms);

#endif
