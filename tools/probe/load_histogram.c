#include "load_histogram.h"

#define STEP_BITS 7 /* of LOAD_HISTOGRAM_STEPS */

/* Below 128 ns one bucket each; above, the top 8 bits choose. */
static uint32_t bucket_of(uint64_t ns)
{
    if (ns < LOAD_HISTOGRAM_STEPS)
        return (uint32_t)ns;
    uint32_t shift = (uint32_t)(63 - __builtin_clzll(ns)) - STEP_BITS;
    uint32_t bucket =
        (shift + 1) * LOAD_HISTOGRAM_STEPS + (uint32_t)(ns >> shift) - LOAD_HISTOGRAM_STEPS;
    return bucket < LOAD_HISTOGRAM_BUCKETS ? bucket : LOAD_HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t time_of(uint32_t bucket)
{
    if (bucket < LOAD_HISTOGRAM_STEPS)
        return bucket;
    uint32_t shift = bucket / LOAD_HISTOGRAM_STEPS - 1;
    uint64_t low = (uint64_t)(bucket % LOAD_HISTOGRAM_STEPS + LOAD_HISTOGRAM_STEPS) << shift;
    return low + (shift > 0 ? UINT64_C(1) << (shift - 1) : 0);
}

void load_histogram_add(struct load_histogram *histogram, uint64_t ns)
{
    if (histogram->count == 0 || ns < histogram->min)
        histogram->min = ns;
    if (ns > histogram->max)
        histogram->max = ns;
    histogram->count++;
    histogram->buckets[bucket_of(ns)]++;
}

uint64_t load_histogram_at(const struct load_histogram *histogram, uint32_t permille)
{
    uint64_t rank = (histogram->count * permille + 999) / 1000, seen = 0;
    if (histogram->count == 0)
        return 0;
    for (uint32_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank && seen > 0)
            return time_of(i);
    }
    return histogram->max;
}
