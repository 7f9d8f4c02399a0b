/*
 * All memory of a relay, in one block: modules lay their tables out one behind the other, first
 * to learn the size (base NULL), then for real. Nothing is ever given back piecemeal.
 */
#ifndef WR_ARENA_H
#define WR_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct wr_arena {
    uint8_t *base; /* NULL while only sizes are added up */
    size_t used;
};

#define WR_ARENA_ALIGN 64 /* a cache line */

/* `count` items of `bytes` (at least 1) each, aligned to a cache line, zero when the block is; NULL
 * while only sizes are added up. A sum that does not fit (2^24 sessions on a machine of 32 bits) is
 * SIZE_MAX and stays so, which is more than wr_memory_take ever gives. */
static inline void *wr_arena_take(struct wr_arena *arena, size_t count, size_t bytes)
{
    if (arena->used > SIZE_MAX - (WR_ARENA_ALIGN - 1)) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    size_t at = (arena->used + WR_ARENA_ALIGN - 1) / WR_ARENA_ALIGN * WR_ARENA_ALIGN;
    arena->used = count > (SIZE_MAX - at) / bytes ? SIZE_MAX : at + count * bytes;
    return arena->base != NULL ? arena->base + at : NULL;
}

/* The smallest power of two that is at least `count` (at most 2^31). */
static inline uint32_t wr_power_of_two(uint32_t count)
{
    uint32_t power = 1;
    while (power < count && power < UINT32_C(1) << 31)
        power *= 2;
    return power;
}

#endif
