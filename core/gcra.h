/*
 * The generic cell rate algorithm in whole nanoseconds (section 5): one instant per bucket, the
 * theoretical arrival time. A result never depends on how often somebody looked. Owns the
 * arithmetic; who draws on which bucket is the caller's.
 *
 *     allowed:  max(tat, now) + cost - now <= burst
 *     drawn:    tat = max(tat, now) + cost
 */
#ifndef WR_GCRA_H
#define WR_GCRA_H

#include <wavry/types.h>

/* A rate as its cost and burst. A `cost_ns` of 0 means the limit is off. */
struct wr_rate {
    uint64_t cost_ns; /* of one packet */
    uint64_t burst_ns;
};

/* `per_second` packets, burst 250 ms' worth but at least one packet; 0 turns the limit off. */
static inline struct wr_rate wr_rate_packets(uint32_t per_second)
{
    struct wr_rate rate = {0, 0};
    if (per_second > 0) {
        uint64_t packets = per_second / 4 > 0 ? per_second / 4 : 1;
        rate.cost_ns = (WR_S + per_second - 1) / per_second;
        rate.burst_ns = packets * rate.cost_ns;
    }
    return rate;
}

/* `per_second` packets with a burst of `burst_packets`. */
static inline struct wr_rate wr_rate_packets_burst(uint32_t per_second, uint32_t burst_packets)
{
    struct wr_rate rate = wr_rate_packets(per_second);
    rate.burst_ns = rate.cost_ns * burst_packets;
    return rate;
}

#define WR_BYTES_BURST_NS (250 * WR_MS)

/* What `bytes` cost at `kbps` (1 kbps = 125 bytes per second), rounded up. `kbps` is at least 1. */
static inline uint64_t wr_bytes_cost_ns(uint64_t bytes, uint32_t kbps)
{
    return (bytes * UINT64_C(8000000) + kbps - 1) / kbps;
}

static inline bool wr_gcra_allows(wr_instant tat, uint64_t cost_ns, uint64_t burst_ns,
                                  wr_instant now)
{
    uint64_t ahead_ns = tat > now ? tat - now : 0;
    return cost_ns <= burst_ns && ahead_ns <= burst_ns - cost_ns;
}

static inline void wr_gcra_draw(wr_instant *tat, uint64_t cost_ns, wr_instant now)
{
    *tat = wr_after(*tat > now ? *tat : now, cost_ns);
}

/* Draws one packet where the rate allows it; an off limit always allows. */
static inline bool wr_rate_take(const struct wr_rate *rate, wr_instant *tat, wr_instant now)
{
    if (rate->cost_ns == 0)
        return true;
    if (!wr_gcra_allows(*tat, rate->cost_ns, rate->burst_ns, now))
        return false;
    wr_gcra_draw(tat, rate->cost_ns, now);
    return true;
}

static inline bool wr_rate_allows(const struct wr_rate *rate, wr_instant tat, wr_instant now)
{
    return rate->cost_ns == 0 || wr_gcra_allows(tat, rate->cost_ns, rate->burst_ns, now);
}

static inline void wr_rate_draw(const struct wr_rate *rate, wr_instant *tat, wr_instant now)
{
    if (rate->cost_ns != 0)
        wr_gcra_draw(tat, rate->cost_ns, now);
}

/* The first instant from `now` on at which one packet is allowed. */
static inline wr_instant wr_rate_next(const struct wr_rate *rate, wr_instant tat, wr_instant now)
{
    if (wr_rate_allows(rate, tat, now))
        return now;
    return tat - (rate->burst_ns - rate->cost_ns);
}

#endif
