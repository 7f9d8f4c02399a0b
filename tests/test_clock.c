#include "clock.h"

#include <criterion/criterion.h>

#define START_MS UINT64_C(1795000000000)

Test(clock, shows_true_time_where_nothing_is_wrong)
{
    struct sim_clock clock;
    sim_clock_init(&clock, START_MS, 0, 0);
    cr_expect_eq(sim_clock_unix_ms(&clock, 0), START_MS);
    cr_expect_eq(sim_clock_unix_ms(&clock, 1999999), START_MS + 1);
}

Test(clock, an_offset_goes_either_way)
{
    struct sim_clock clock;
    sim_clock_init(&clock, START_MS, -5000, 0);
    cr_expect_eq(sim_clock_unix_ms(&clock, WR_S), START_MS - 4000);
    /* Whole milliseconds are cut off downwards, before the start too. */
    cr_expect_eq(sim_clock_unix_ms(&clock, 1), START_MS - 5000);
    sim_clock_step(&clock, 7000);
    cr_expect_eq(sim_clock_unix_ms(&clock, WR_S), START_MS + 3000);
}

Test(clock, drift_adds_up_from_where_it_begins)
{
    struct sim_clock clock;
    sim_clock_init(&clock, START_MS, 0, 100000); /* 100 ppm: 8.64 s a day */
    cr_expect_eq(sim_clock_unix_ms(&clock, 86400 * WR_S), START_MS + 86408640);
    sim_clock_set_drift(&clock, 86400 * WR_S, -100000);
    cr_expect_eq(sim_clock_unix_ms(&clock, 2 * 86400 * WR_S), START_MS + 2 * 86400000);
    sim_clock_set_drift(&clock, 2 * 86400 * WR_S, 0);
    cr_expect_eq(sim_clock_unix_ms(&clock, 3 * 86400 * WR_S), START_MS + 3 * 86400000);
}

Test(clock, years_of_drift_do_not_overflow)
{
    struct sim_clock clock;
    sim_clock_init(&clock, START_MS, 0, SIM_CLOCK_DRIFT_PPB_MAX);
    uint64_t year_s = 365 * UINT64_C(86400);
    cr_expect_eq(sim_clock_unix_ms(&clock, year_s * WR_S), START_MS + year_s * 1500);
}
