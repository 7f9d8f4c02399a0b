/*
 * Quantities as people write them: durations, shares, dates, addresses without a port. Owns their
 * spelling in both directions; integers throughout.
 */
#ifndef SIM_QUANTITY_H
#define SIM_QUANTITY_H

#include "ratio.h"

#include <wavry/types.h>

/* "250ms", "2us", "1.5s", "1h30m", "0s": numbers with a unit of ns, us, ms, s, m or h, from the
 * largest to the smallest, fractions exact to the nanosecond. At most 10 years. False where it is
 * not a duration. */
bool sim_duration_parse(const char *text, uint64_t *ns);

/* The same with an optional sign in front, for offsets. Whole milliseconds only. */
bool sim_offset_parse(const char *text, int64_t *ms);

/* "1/100", "3%", "0.05%", "0" and "1". At most 1. */
bool sim_ratio_parse(const char *text, struct sim_ratio *ratio);

/* "203.0.113.1", "2001:db8::1": an address whose port is 0. */
bool sim_ip_parse(const char *text, struct wr_address *address);

/* The address `steps` further, carried over the whole address. The port stays. */
struct wr_address sim_address_step(struct wr_address address, uint32_t steps);

/* RFC 3339 with Z, whole seconds: "2026-11-14T12:00:00Z", as milliseconds since 1970. */
bool sim_date_parse(const char *text, uint64_t *unix_ms);

/* Room for any duration as text, with its NUL. */
#define SIM_DURATION_TEXT_BYTES 48

/* In the largest unit of s, ms and us that fits, cut off behind three places: "1.25s", "250ms".
 * Returns `text`. */
char *sim_duration_format(uint64_t ns, char text[SIM_DURATION_TEXT_BYTES]);

#endif
