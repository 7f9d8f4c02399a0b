#include "hold_pool.h"

#include <assert.h>
#include <string.h>

void wr_hold_pool_layout(struct wr_hold_pool *pool, struct wr_arena *arena)
{
    pool->entries = wr_arena_take(arena, WR_HOLD_POOL_ENTRIES, sizeof *pool->entries);
}

void wr_hold_pool_start(struct wr_hold_pool *pool)
{
    pool->free = WR_HOLD_NONE;
    pool->fresh = 0;
    pool->used = 0;
}

uint32_t wr_hold_pool_put(struct wr_hold_pool *pool, const struct wr_datagram *datagram,
                          wr_instant now)
{
    if (wr_hold_pool_full(pool))
        return WR_HOLD_NONE;
    uint32_t at = pool->free != WR_HOLD_NONE ? pool->free : pool->fresh++;
    struct wr_held *held = &pool->entries[at];
    assert(datagram->size <= sizeof held->bytes); /* oversize ones ended in the parser */
    if (at == pool->free)
        pool->free = held->newer;
    pool->used++;
    held->from = datagram->from;
    held->via = datagram->via;
    held->size = datagram->size;
    held->tag = datagram->tag;
    held->bound_elsewhere = datagram->bound_elsewhere;
    held->since_ns = now;
    held->older = WR_HOLD_NONE;
    held->newer = WR_HOLD_NONE;
    memcpy(held->bytes, datagram->bytes, datagram->size);
    return at;
}

struct wr_datagram wr_hold_pool_get(const struct wr_hold_pool *pool, uint32_t at)
{
    const struct wr_held *held = &pool->entries[at];
    return (struct wr_datagram){
        .from = held->from,
        .bytes = held->bytes,
        .size = held->size,
        .via = held->via,
        .bound_elsewhere = held->bound_elsewhere,
        .tag = held->tag,
    };
}

void wr_hold_pool_free(struct wr_hold_pool *pool, uint32_t at)
{
    assert(pool->used > 0);
    pool->entries[at].newer = pool->free;
    pool->free = at;
    pool->used--;
}
