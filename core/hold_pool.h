/*
 * Datagrams that wait: behind a lease whose verification is pending (section 2) or for message 3 of
 * a handshake (section 1). A fixed pool; a full one is an outcome. Owns the copies, nothing else.
 */
#ifndef WR_HOLD_POOL_H
#define WR_HOLD_POOL_H

#include "arena.h"

#include <wavry/relay.h>

#define WR_HOLD_POOL_ENTRIES 1024
#define WR_HOLD_NONE         UINT32_MAX

struct wr_held {
    struct wr_address from;
    uint32_t via;
    uint32_t size;
    uint64_t tag;
    wr_instant since_ns;
    uint32_t session;      /* slot of the session whose message 3 it waits for */
    uint32_t older, newer; /* neighbours among those that wait for message 3; free places */
    bool bound_elsewhere;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

struct wr_hold_pool {
    struct wr_held *entries;
    uint32_t free;  /* a list of places that were used and are free again */
    uint32_t fresh; /* places from here on were never used: their pages stay untouched */
    uint32_t used;
};

static inline bool wr_hold_pool_full(const struct wr_hold_pool *pool)
{
    return pool->used == WR_HOLD_POOL_ENTRIES;
}

void wr_hold_pool_layout(struct wr_hold_pool *pool, struct wr_arena *arena);
void wr_hold_pool_start(struct wr_hold_pool *pool);

/* Copies a datagram. WR_HOLD_NONE when the pool is full. */
uint32_t wr_hold_pool_put(struct wr_hold_pool *pool, const struct wr_datagram *datagram,
                          wr_instant now);

/* The datagram as it was received; its bytes live in the pool until it is freed. */
struct wr_datagram wr_hold_pool_get(const struct wr_hold_pool *pool, uint32_t at);

void wr_hold_pool_free(struct wr_hold_pool *pool, uint32_t at);

#endif
