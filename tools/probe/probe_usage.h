/*
 * How wavry-probe complains of its command line, and numbers in it. All return false, or true for a
 * number in its range.
 */
#ifndef PROBE_USAGE_H
#define PROBE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

__attribute__((format(printf, 1, 2))) bool probe_usage(const char *format, ...);
bool probe_usage_hint(void);
bool probe_take_u32(const char *name, const char *value, uint32_t least, uint32_t most,
                    uint32_t *out);

#endif
