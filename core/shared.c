#include "shared.h"

#include "memory.h"

#include <assert.h>

struct wr_shared *wr_shared_create(void)
{
    return wr_memory_take(sizeof(struct wr_shared));
}

void wr_shared_destroy(struct wr_shared *shared)
{
    wr_memory_give_back(shared);
}

bool wr_shared_draw(struct wr_shared_bucket *bucket, uint64_t cost_ns, uint64_t burst_ns,
                    wr_instant now)
{
    wr_instant tat = wr_shared_tat(bucket);
    wr_instant drawn;
    do {
        if (!wr_gcra_allows(tat, cost_ns, burst_ns, now))
            return false;
        drawn = tat;
        wr_gcra_draw(&drawn, cost_ns, now);
    } while (!atomic_compare_exchange_weak_explicit(&bucket->tat, &tat, drawn, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

bool wr_shared_open(struct wr_shared *shared, uint32_t most)
{
    uint32_t sessions = wr_shared_sessions(shared);
    do {
        if (sessions >= most)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&shared->sessions, &sessions, sessions + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

void wr_shared_close(struct wr_shared *shared, uint32_t sessions)
{
    uint32_t before = atomic_fetch_sub_explicit(&shared->sessions, sessions, memory_order_release);
    assert(before >= sessions); /* each was opened before */
}
