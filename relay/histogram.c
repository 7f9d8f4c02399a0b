#include "snapshot.h"

#include <assert.h>

const uint64_t rd_latency_bounds_ns[] = {
    1000,   2000,    5000,    10000,   20000,    50000,    100000,   200000,
    500000, 1000000, 2000000, 5000000, 10000000, 20000000, 50000000, 100000000,
};
const uint32_t rd_latency_bound_count = sizeof rd_latency_bounds_ns / sizeof(uint64_t);

const uint64_t rd_batch_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
const uint32_t rd_batch_bound_count = sizeof rd_batch_bounds / sizeof(uint64_t);

_Static_assert(sizeof rd_latency_bounds_ns / sizeof(uint64_t) <= RD_HISTOGRAM_BOUNDS_MAX, "room");
_Static_assert(sizeof rd_batch_bounds / sizeof(uint64_t) <= RD_HISTOGRAM_BOUNDS_MAX, "room");

void rd_histogram_start(struct rd_histogram *histogram, const uint64_t *bounds, uint32_t count)
{
    assert(count <= RD_HISTOGRAM_BOUNDS_MAX);
    *histogram = (struct rd_histogram){.bounds = bounds, .bound_count = count};
}

void rd_histogram_add(struct rd_histogram *histogram, uint64_t value, uint64_t times)
{
    uint32_t bucket = 0;
    while (bucket < histogram->bound_count && value > histogram->bounds[bucket])
        bucket++;
    histogram->counts[bucket] += times;
    histogram->sum += value * times;
}

void rd_histogram_merge(struct rd_histogram *into, const struct rd_histogram *from)
{
    assert(into->bounds == from->bounds && into->bound_count == from->bound_count);
    for (uint32_t i = 0; i <= into->bound_count; i++)
        into->counts[i] += from->counts[i];
    into->sum += from->sum;
}
