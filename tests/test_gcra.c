#include "gcra.h"

#include <criterion/criterion.h>

static uint32_t taken_at(const struct wr_rate *rate, wr_instant *tat, wr_instant now)
{
    uint32_t taken = 0;
    while (taken < 100000 && wr_rate_take(rate, tat, now))
        taken++;
    return taken;
}

Test(gcra, a_rate_of_packets_bursts_a_quarter_of_a_second)
{
    struct wr_rate rate = wr_rate_packets(1000);
    wr_instant tat = 0;
    cr_expect_eq(rate.cost_ns, WR_MS);
    cr_expect_eq(taken_at(&rate, &tat, 5 * WR_S), 250);
    cr_expect_eq(taken_at(&rate, &tat, 5 * WR_S + WR_MS - 1), 0);
    cr_expect_eq(taken_at(&rate, &tat, 5 * WR_S + WR_MS), 1);
}

Test(gcra, a_slow_rate_bursts_at_least_one_packet)
{
    for (uint32_t per_second = 1; per_second <= 7; per_second++) {
        struct wr_rate rate = wr_rate_packets(per_second);
        wr_instant tat = 0;
        cr_expect_eq(taken_at(&rate, &tat, WR_S), 1, "%u per second", per_second);
    }
    struct wr_rate eight = wr_rate_packets(8);
    wr_instant tat = 0;
    cr_expect_eq(taken_at(&eight, &tat, WR_S), 2);
}

Test(gcra, costs_are_rounded_up)
{
    cr_expect_eq(wr_rate_packets(3).cost_ns, 333333334);
    cr_expect_eq(wr_rate_packets(1000000000).cost_ns, 1);
    cr_expect_eq(wr_rate_packets(999999999).cost_ns, 2);
    cr_expect_eq(wr_bytes_cost_ns(1, 1), 8000000);
    cr_expect_eq(wr_bytes_cost_ns(1200, 100000), 96000);
    cr_expect_eq(wr_bytes_cost_ns(1, 7000000), 2);
    cr_expect_eq(wr_bytes_cost_ns(1500, UINT32_MAX), 3);
}

Test(gcra, a_burst_can_be_set_apart_from_the_rate)
{
    struct wr_rate rate = wr_rate_packets_burst(20, 20);
    wr_instant tat = 0;
    cr_expect_eq(taken_at(&rate, &tat, 0), 20);
    cr_expect_eq(taken_at(&rate, &tat, 50 * WR_MS), 1);
}

Test(gcra, a_rate_of_zero_is_off)
{
    struct wr_rate off = wr_rate_packets(0);
    wr_instant tat = 17;
    cr_expect(wr_rate_take(&off, &tat, 0));
    cr_expect(wr_rate_allows(&off, WR_NEVER, 0));
    wr_rate_draw(&off, &tat, 0);
    cr_expect_eq(tat, 17);
}

Test(gcra, what_is_never_drawn_changes_nothing)
{
    struct wr_rate rate = wr_rate_packets(1);
    wr_instant tat = 0;
    wr_rate_draw(&rate, &tat, 10 * WR_S);
    cr_expect_eq(tat, 11 * WR_S);
    for (wr_instant now = 10 * WR_S; now < 11 * WR_S; now += WR_S / 10)
        cr_expect_not(wr_rate_take(&rate, &tat, now));
    cr_expect_eq(tat, 11 * WR_S);
    cr_expect(wr_rate_allows(&rate, tat, 11 * WR_S));
}

Test(gcra, a_cost_above_the_burst_never_fits)
{
    cr_expect_not(wr_gcra_allows(0, 251 * WR_MS, WR_BYTES_BURST_NS, 100 * WR_S));
    cr_expect(wr_gcra_allows(0, 250 * WR_MS, WR_BYTES_BURST_NS, 100 * WR_S));
}

Test(gcra, the_end_of_time_does_not_wrap)
{
    wr_instant tat = WR_NEVER - 1;
    wr_gcra_draw(&tat, WR_S, 0);
    cr_expect_eq(tat, WR_NEVER);
    cr_expect_not(wr_gcra_allows(tat, 1, WR_S, 5));
}

Test(gcra, the_next_instant_is_the_first_that_allows)
{
    struct wr_rate rate = wr_rate_packets(20);
    wr_instant tat = 0;
    cr_expect_eq(wr_rate_next(&rate, tat, 3 * WR_S), 3 * WR_S);
    cr_expect_eq(taken_at(&rate, &tat, 3 * WR_S), 5);
    wr_instant next = wr_rate_next(&rate, tat, 3 * WR_S);
    cr_expect_eq(next, 3 * WR_S + 50 * WR_MS);
    cr_expect_not(wr_rate_allows(&rate, tat, next - 1));
    cr_expect(wr_rate_allows(&rate, tat, next));
}
