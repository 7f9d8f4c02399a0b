/*
 * Times in buckets of less than 1 % width, for percentiles of any number of datagrams in a fixed
 * size. Owns the buckets; declines to know what was timed.
 */
#ifndef PROBE_LOAD_HISTOGRAM_H
#define PROBE_LOAD_HISTOGRAM_H

#include <stdint.h>

#define LOAD_HISTOGRAM_STEPS   128 /* per doubling */
#define LOAD_HISTOGRAM_BUCKETS (LOAD_HISTOGRAM_STEPS * 36)

struct load_histogram {
    uint64_t count, min, max;
    uint32_t buckets[LOAD_HISTOGRAM_BUCKETS];
};

void load_histogram_add(struct load_histogram *histogram, uint64_t ns);

/* The time that `permille` of all do not exceed, to 1 %; 0 where there are none. */
uint64_t load_histogram_at(const struct load_histogram *histogram, uint32_t permille);

#endif
