#include "handover.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

/* More than a datagram may have, so that an oversize one stays oversize when it is cut. */
#define SLOT_BYTES 1536
static_assert(SLOT_BYTES > WR_DATAGRAM_BYTES_MAX, "oversize datagrams must be seen as such");

/*
 * Each slot counts the rounds it has been through. At position `at` of the endless row of
 * datagrams, which lies in slot `at` modulo the capacity: turn == at means free, turn == at + 1
 * means there to be taken, and giving it back makes it free for `at + capacity`. Producers claim
 * positions with a compare-and-swap and publish with the turn, so no lock is ever held. Whoever
 * puts something there wakes the consumer afterwards (rd_worker_wake): the ring itself orders
 * nothing but its bytes.
 */
struct slot {
    _Alignas(CACHE_LINE) _Atomic uint64_t turn;
    struct wr_address from;
    struct rd_local_address local;
    uint64_t tag;
    uint32_t size;
    bool bound_elsewhere;
    bool has_local;
    uint8_t bytes[SLOT_BYTES];
};

struct rd_handover {
    uint64_t capacity; /* a power of two */
    struct slot *slots;
    _Alignas(CACHE_LINE) _Atomic uint64_t head; /* the next position that a producer claims */
    _Alignas(CACHE_LINE) uint64_t taken;        /* the next that the consumer takes */
    uint64_t released;                          /* the next that it gives back */
};

struct rd_handover *rd_handover_create(uint32_t capacity)
{
    struct rd_handover *ring = aligned_alloc(CACHE_LINE, sizeof *ring);
    if (ring == NULL)
        return NULL;
    *ring = (struct rd_handover){.capacity = 2};
    while (ring->capacity < capacity)
        ring->capacity *= 2;
    ring->slots = aligned_alloc(CACHE_LINE, ring->capacity * sizeof *ring->slots);
    if (ring->slots == NULL) {
        free(ring);
        return NULL;
    }
    for (uint64_t i = 0; i < ring->capacity; i++)
        atomic_init(&ring->slots[i].turn, i);
    return ring;
}

void rd_handover_destroy(struct rd_handover *ring)
{
    if (ring == NULL)
        return;
    free(ring->slots);
    free(ring);
}

static struct slot *slot_at(const struct rd_handover *ring, uint64_t at)
{
    return &ring->slots[at & (ring->capacity - 1)];
}

/* A free slot of one's own, NULL where there is none. */
static struct slot *claim(struct rd_handover *ring, uint64_t *position)
{
    uint64_t at = atomic_load_explicit(&ring->head, memory_order_relaxed);
    for (;;) {
        struct slot *slot = slot_at(ring, at);
        uint64_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        if (turn == at) {
            if (atomic_compare_exchange_weak_explicit(&ring->head, &at, at + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                *position = at;
                return slot;
            }
        } else if (turn < at) {
            return NULL; /* a round behind: still in use */
        } else {
            at = atomic_load_explicit(&ring->head, memory_order_relaxed);
        }
    }
}

bool rd_handover_put(struct rd_handover *ring, const struct wr_datagram *datagram,
                     const struct rd_local_address *local)
{
    uint64_t at;
    struct slot *slot = claim(ring, &at);
    if (slot == NULL)
        return false;
    slot->from = datagram->from;
    slot->tag = datagram->tag;
    slot->size = datagram->size < SLOT_BYTES ? datagram->size : SLOT_BYTES;
    slot->bound_elsewhere = datagram->bound_elsewhere;
    slot->has_local = local != NULL;
    if (local != NULL)
        slot->local = *local;
    memcpy(slot->bytes, datagram->bytes, slot->size);
    atomic_store_explicit(&slot->turn, at + 1, memory_order_release);
    return true;
}

size_t rd_handover_take(struct rd_handover *ring, struct rd_local_addresses *addresses,
                        struct wr_datagram *out, size_t room)
{
    size_t count = 0;
    for (; count < room; count++, ring->taken++) {
        const struct slot *slot = slot_at(ring, ring->taken);
        if (atomic_load_explicit(&slot->turn, memory_order_acquire) != ring->taken + 1)
            break;
        out[count] = (struct wr_datagram){
            .from = slot->from,
            .bytes = slot->bytes,
            .size = slot->size,
            .via = slot->has_local ? rd_local_addresses_number(addresses, &slot->local) : 0,
            .bound_elsewhere = slot->bound_elsewhere,
            .tag = slot->tag,
        };
    }
    return count;
}

void rd_handover_release(struct rd_handover *ring)
{
    for (; ring->released < ring->taken; ring->released++)
        atomic_store_explicit(&slot_at(ring, ring->released)->turn, ring->released + ring->capacity,
                              memory_order_release);
}

bool rd_handover_owns(const struct rd_handover *ring, const uint8_t *bytes)
{
    return (uintptr_t)bytes - (uintptr_t)ring->slots < ring->capacity * sizeof *ring->slots;
}
