#include "snapshot.h"

#include <criterion/criterion.h>

static struct rd_histogram latency(void)
{
    struct rd_histogram histogram;
    rd_histogram_start(&histogram, rd_latency_bounds_ns, rd_latency_bound_count);
    return histogram;
}

static uint64_t count_of(const struct rd_histogram *histogram)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i <= histogram->bound_count; i++)
        count += histogram->counts[i];
    return count;
}

static void expect_rising(const uint64_t *bounds, uint32_t count)
{
    cr_assert(count > 0 && count <= RD_HISTOGRAM_BOUNDS_MAX);
    for (uint32_t i = 1; i < count; i++)
        cr_expect_lt(bounds[i - 1], bounds[i]);
}

Test(histogram, bounds_rise_from_a_microsecond_to_a_tenth_of_a_second)
{
    expect_rising(rd_latency_bounds_ns, rd_latency_bound_count);
    cr_expect_eq(rd_latency_bounds_ns[0], WR_MS / 1000);
    cr_expect_eq(rd_latency_bounds_ns[rd_latency_bound_count - 1], 100 * WR_MS);
    expect_rising(rd_batch_bounds, rd_batch_bound_count);
    cr_expect_eq(rd_batch_bounds[0], 1);
    cr_expect_eq(rd_batch_bounds[rd_batch_bound_count - 1], 4096);
}

Test(histogram, a_value_on_a_bound_counts_below_it)
{
    for (uint32_t i = 0; i < rd_latency_bound_count; i++) {
        struct rd_histogram histogram = latency();
        rd_histogram_add(&histogram, rd_latency_bounds_ns[i], 1);
        cr_expect_eq(histogram.counts[i], 1);
        rd_histogram_add(&histogram, rd_latency_bounds_ns[i] + 1, 1);
        cr_expect_eq(histogram.counts[i + 1], 1);
        cr_expect_eq(histogram.sum, 2 * rd_latency_bounds_ns[i] + 1);
    }
}

Test(histogram, the_first_bucket_takes_zero_and_the_last_everything_else)
{
    struct rd_histogram histogram = latency();
    rd_histogram_add(&histogram, 0, 3);
    rd_histogram_add(&histogram, UINT64_MAX / 2, 1);
    cr_expect_eq(histogram.counts[0], 3);
    cr_expect_eq(histogram.counts[rd_latency_bound_count], 1);
    cr_expect_eq(histogram.sum, UINT64_MAX / 2);
}

Test(histogram, a_batch_counts_as_often_as_it_has_datagrams)
{
    struct rd_histogram histogram = latency();
    rd_histogram_add(&histogram, 1500, 64);
    rd_histogram_add(&histogram, 1500, 0);
    cr_expect_eq(histogram.counts[1], 64);
    cr_expect_eq(histogram.sum, 64 * 1500);
}

Test(histogram, merging_adds_up)
{
    struct rd_histogram a = latency();
    struct rd_histogram b = latency();
    for (uint64_t i = 0; i < 1000; i++) {
        rd_histogram_add(&a, i * i * 200, 1);
        rd_histogram_add(&b, i * 777, 2);
    }
    struct rd_histogram sum = a;
    rd_histogram_merge(&sum, &b);
    cr_expect_eq(count_of(&sum), 3000);
    cr_expect_eq(sum.sum, a.sum + b.sum);
    for (uint32_t i = 0; i <= sum.bound_count; i++)
        cr_expect_eq(sum.counts[i], a.counts[i] + b.counts[i]);
}
