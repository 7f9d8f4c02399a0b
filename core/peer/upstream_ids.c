#include "upstream.h"

/*
 * A span of 128 ids below the highest one received, as two words: bit i of the pair stands for
 * top - i.
 */

static void shift(uint64_t bits[2], uint64_t by)
{
    if (by >= 128) {
        bits[0] = bits[1] = 0;
    } else if (by >= 64) {
        bits[1] = bits[0] << (by - 64);
        bits[0] = 0;
    } else if (by > 0) {
        bits[1] = bits[1] << by | bits[0] >> (64 - by);
        bits[0] <<= by;
    }
}

static uint64_t bit_of(uint64_t distance)
{
    return UINT64_C(1) << (distance % 64);
}

bool wr_upstream_take_id(struct wr_upstream *upstream, uint64_t id)
{
    if (!upstream->heard) {
        upstream->heard = true;
        upstream->top = id;
        upstream->seen[0] = upstream->seen[1] = UINT64_MAX; /* what came before is not missed */
        return true;
    }
    if (id > upstream->top) {
        uint64_t by = id - upstream->top;
        shift(upstream->seen, by);
        shift(upstream->asked, by);
        upstream->seen[0] |= 1;
        upstream->top = id;
        return true;
    }
    uint64_t distance = upstream->top - id;
    if (distance >= WR_UPSTREAM_NACK_SPAN ||
        (upstream->seen[distance / 64] & bit_of(distance)) != 0)
        return false;
    upstream->seen[distance / 64] |= bit_of(distance);
    return true;
}

bool wr_upstream_missing(struct wr_upstream *upstream, uint64_t bits[2])
{
    for (int i = 0; i < 2; i++) {
        bits[i] = ~upstream->seen[i] & ~upstream->asked[i];
        upstream->asked[i] |= bits[i];
    }
    return (bits[0] | bits[1]) != 0;
}
