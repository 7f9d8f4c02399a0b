/*
 * Limits that hold over all relays of a process (section 5): how many sessions there are, and the
 * buckets of verification rate, bandwidth and reject 6. The only memory that two relays on two
 * threads both touch; every function is atomic, so that a limit holds exactly. Owns the numbers;
 * what is tested before what is the caller's.
 */
#ifndef WR_SHARED_H
#define WR_SHARED_H

#include "gcra.h"

#include <wavry/relay.h>

#include <stdatomic.h>

/* A bucket as in gcra.h, a cache line of its own. */
struct wr_shared_bucket {
    _Alignas(64) _Atomic wr_instant tat;
};

struct wr_shared {
    struct wr_shared_bucket verification;
    struct wr_shared_bucket bandwidth;
    struct wr_shared_bucket reject_all;
    _Alignas(64) _Atomic uint32_t sessions;
};

static inline wr_instant wr_shared_tat(const struct wr_shared_bucket *bucket)
{
    return atomic_load_explicit(&bucket->tat, memory_order_relaxed);
}

/* Draws where that is allowed. What another thread drew since somebody tested counts. */
bool wr_shared_draw(struct wr_shared_bucket *bucket, uint64_t cost_ns, uint64_t burst_ns,
                    wr_instant now);

static inline uint32_t wr_shared_sessions(const struct wr_shared *shared)
{
    return atomic_load_explicit(&shared->sessions, memory_order_relaxed);
}

/* One session more where there are fewer than `most`; false (and nothing changes) otherwise. What
 * was done before a place was closed is seen by whoever opens it again. */
bool wr_shared_open(struct wr_shared *shared, uint32_t most);
void wr_shared_close(struct wr_shared *shared, uint32_t sessions);

#endif
