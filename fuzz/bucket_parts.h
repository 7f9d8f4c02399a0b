/*
 * Parts of the target `bucket` besides its buckets: limits that relays share (core/shared.h) and
 * the memory of tokens (core/token_cache.h), each beside a naive model of itself. Each begins anew
 * with every input, when it is first used.
 */
#ifndef FUZZ_BUCKET_PARTS_H
#define FUZZ_BUCKET_PARTS_H

#include "actions.h"

#include <wavry/types.h>

/* A bucket that leaks one nanosecond a nanosecond: the rule of core/gcra.h told by its level. */
struct leak {
    __int128 level_ns, at_ns;
};

/* Section 5: the level sinks with time; a cost is allowed where it does not lift it over the burst,
 * and is drawn then. */
bool leak_take(struct leak *leak, wr_instant now, uint64_t cost_ns, uint64_t burst_ns);

/* A session more where there are fewer than `most`; up to so many fewer; a cost, drawn from one of
 * three buckets. */
void shared_open(uint32_t most);
void shared_close(uint32_t closed);
void shared_draw(uint32_t which, uint64_t cost_ns, wr_instant now);

#define TOKEN_NAMES 8192u

/* Tokens by number, below TOKEN_NAMES: known to be good or bad from now on, `count` of them in a
 * row; asked for; all forgotten. */
void tokens_add(bool good, uint32_t name, uint32_t count);
void tokens_find(bool good, uint32_t name);
void tokens_clear(void);

/* The end of an input, or of its first part: all of them are new then. */
void parts_end(void);

#endif
