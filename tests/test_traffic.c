#include <criterion/criterion.h>

#include "traffic.h"

static struct sim_traffic_spec constant(uint32_t rate_pps)
{
    return (struct sim_traffic_spec){
        .profile = SIM_PROFILE_CONSTANT, .rate_pps = rate_pps, .bytes = 200, .until_ns = WR_NEVER};
}

/* Takes all that is due by `until`, at its own times; returns the number of datagrams. */
static uint64_t run(struct sim_traffic *traffic, wr_instant until, uint64_t *bytes)
{
    uint64_t count = 0;
    *bytes = 0;
    while (sim_traffic_next_deadline(traffic) <= until) {
        uint32_t size = sim_traffic_take(traffic, sim_traffic_next_deadline(traffic));
        cr_assert_gt(size, 0);
        *bytes += size;
        count++;
    }
    return count;
}

Test(traffic, a_constant_rate_has_no_drift)
{
    struct sim_traffic traffic;
    uint64_t bytes;
    struct sim_traffic_spec spec = constant(7); /* a seventh of a second is no whole number of ns */
    sim_traffic_begin(&traffic, &spec, 0);
    cr_expect_eq(run(&traffic, 1000000 * WR_S - 1, &bytes), 7000000);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 1000000 * WR_S);
}

Test(traffic, instants_of_a_rate_of_three)
{
    struct sim_traffic traffic;
    struct sim_traffic_spec spec = constant(3);
    static const wr_instant due[] = {0, 333333333, 666666666, 1000000000, 1333333333};
    sim_traffic_begin(&traffic, &spec, 0);
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(sim_traffic_next_deadline(&traffic), due[i]);
        if (due[i] > 0)
            cr_expect_eq(sim_traffic_take(&traffic, due[i] - 1), 0, "not yet");
        cr_expect_eq(sim_traffic_take(&traffic, due[i]), 200);
    }
}

Test(traffic, begins_when_both_are_ready_and_ends_before_its_end)
{
    struct sim_traffic traffic;
    uint64_t bytes;
    struct sim_traffic_spec spec = constant(10);
    spec.from_ns = 2 * WR_S;
    spec.until_ns = 4 * WR_S;
    sim_traffic_begin(&traffic, &spec, 1 * WR_S);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 2 * WR_S);
    cr_expect_eq(run(&traffic, 100 * WR_S, &bytes), 20);
    sim_traffic_begin(&traffic, &spec, 3 * WR_S);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 3 * WR_S);
    cr_expect_eq(run(&traffic, 100 * WR_S, &bytes), 10);
    sim_traffic_begin(&traffic, &spec, 4 * WR_S);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), WR_NEVER);
}

Test(traffic, silence_sends_nothing)
{
    struct sim_traffic traffic;
    struct sim_traffic_spec spec = {.profile = SIM_PROFILE_SILENT, .until_ns = WR_NEVER};
    sim_traffic_begin(&traffic, &spec, 0);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), WR_NEVER);
    sim_traffic_stop(&traffic, 0, 1);
    sim_traffic_start(&traffic, 2);
    sim_traffic_skip(&traffic, 3);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), WR_NEVER);
    cr_expect_eq(sim_traffic_take(&traffic, 4), 0);
    spec = constant(0);
    sim_traffic_begin(&traffic, &spec, 0);
    sim_traffic_start(&traffic, 2);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), WR_NEVER);
}

Test(traffic, video_gives_exactly_its_rate)
{
    static const uint32_t rates[] = {1, 5000, 7777, 20000, 50000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct sim_traffic traffic;
        struct sim_traffic_spec spec = {
            .profile = SIM_PROFILE_VIDEO, .kbps = rates[i], .until_ns = 10 * WR_S};
        uint64_t bytes = 0;
        sim_traffic_begin(&traffic, &spec, 0);
        uint64_t count = run(&traffic, WR_NEVER - 1, &bytes);
        cr_expect_geq(bytes, (uint64_t)rates[i] * 125 * 10);
        cr_expect_leq(bytes, (uint64_t)rates[i] * 125 * 10 + 600 * SIM_TRAFFIC_CHUNK_BYTES_MIN);
        cr_expect_geq(count, 600);
    }
}

Test(traffic, a_frame_is_a_burst_of_full_chunks_and_a_rest)
{
    struct sim_traffic traffic;
    struct sim_traffic_spec spec = {
        .profile = SIM_PROFILE_VIDEO, .kbps = 5000, .until_ns = WR_NEVER};
    sim_traffic_begin(&traffic, &spec, 0);
    /* 625,000 bytes a second: 10,416 bytes in the first frame, 8 chunks and 248 bytes. */
    for (int n = 0; n < 8; n++)
        cr_expect_eq(sim_traffic_take(&traffic, 0), 1271);
    cr_expect_eq(sim_traffic_take(&traffic, 0), 10416 - 8 * 1271);
    cr_expect_eq(sim_traffic_take(&traffic, 0), 0);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), WR_S / 60);
}

Test(traffic, a_short_rest_is_padded)
{
    struct sim_traffic traffic;
    struct sim_traffic_spec spec = {.profile = SIM_PROFILE_VIDEO, .kbps = 1, .until_ns = WR_NEVER};
    sim_traffic_begin(&traffic, &spec, 0);
    cr_expect_eq(sim_traffic_take(&traffic, 0), SIM_TRAFFIC_CHUNK_BYTES_MIN);
    spec = constant(1);
    spec.bytes = 3;
    sim_traffic_begin(&traffic, &spec, 0);
    cr_expect_eq(sim_traffic_take(&traffic, 0), 28);
}

Test(traffic, nothing_falls_into_a_pause_and_the_beat_goes_on_behind_it)
{
    struct sim_traffic traffic;
    uint64_t bytes;
    struct sim_traffic_spec spec = constant(10);
    spec.pauses[0] = (struct sim_pause_spec){.at_ns = 950 * WR_MS, .for_ns = 1 * WR_S};
    spec.pauses[1] = (struct sim_pause_spec){.at_ns = 1800 * WR_MS, .for_ns = 1 * WR_S};
    spec.pause_count = 2;
    sim_traffic_begin(&traffic, &spec, 0);
    cr_expect_eq(run(&traffic, 2799 * WR_MS, &bytes), 10, "0 to 900 ms");
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 2800 * WR_MS, "they overlap");
    cr_expect_eq(run(&traffic, 5 * WR_S - 1, &bytes), 22);
}

Test(traffic, a_pause_until_the_end_is_the_end)
{
    struct sim_traffic traffic;
    uint64_t bytes;
    struct sim_traffic_spec spec = constant(10);
    spec.until_ns = 10 * WR_S;
    spec.pauses[0] = (struct sim_pause_spec){.at_ns = 1 * WR_S, .for_ns = WR_NEVER};
    spec.pause_count = 1;
    sim_traffic_begin(&traffic, &spec, 0);
    cr_expect_eq(run(&traffic, 20 * WR_S, &bytes), 10);
}

Test(traffic, is_stopped_and_started_by_order)
{
    struct sim_traffic traffic;
    uint64_t bytes;
    struct sim_traffic_spec spec = constant(10);
    sim_traffic_begin(&traffic, &spec, 0);
    run(&traffic, 1 * WR_S, &bytes);
    sim_traffic_stop(&traffic, 1 * WR_S, 3 * WR_S);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 3 * WR_S);
    sim_traffic_stop(&traffic, 2 * WR_S, WR_NEVER);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), WR_NEVER);
    sim_traffic_stop(&traffic, 2 * WR_S, WR_NEVER);
    sim_traffic_start(&traffic, 4050 * WR_MS);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 4100 * WR_MS);
}

Test(traffic, what_was_due_during_a_sleep_never_existed)
{
    struct sim_traffic traffic;
    struct sim_traffic_spec spec = constant(10);
    sim_traffic_begin(&traffic, &spec, 0);
    sim_traffic_skip(&traffic, 0);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 0);
    sim_traffic_skip(&traffic, 7 * WR_S + 1);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 7100 * WR_MS);
}

Test(traffic, a_million_seconds_later_arithmetic_still_holds)
{
    struct sim_traffic traffic;
    struct sim_traffic_spec spec = constant(4000000000u);
    sim_traffic_begin(&traffic, &spec, 0);
    sim_traffic_skip(&traffic, 1000000 * WR_S + 5);
    cr_expect_eq(sim_traffic_next_deadline(&traffic), 1000000 * WR_S + 5);
}

Test(traffic, speaks_at_its_pace_and_neither_before_nor_in_a_silence)
{
    struct sim_traffic traffic;
    uint64_t bytes;
    struct sim_traffic_spec spec = constant(10);
    spec.from_ns = 2 * WR_S;
    spec.until_ns = 8 * WR_S;
    sim_traffic_begin(&traffic, &spec, 0);
    cr_expect_not(sim_traffic_speaks(&traffic, WR_S));
    cr_expect(sim_traffic_speaks(&traffic, 2 * WR_S));
    run(&traffic, 3 * WR_S, &bytes);
    cr_expect(sim_traffic_speaks(&traffic, 3 * WR_S));
    sim_traffic_stop(&traffic, 3 * WR_S + 1, 5 * WR_S);
    cr_expect_not(sim_traffic_speaks(&traffic, 4 * WR_S));
    cr_expect(sim_traffic_speaks(&traffic, 5 * WR_S));
    run(&traffic, 8 * WR_S, &bytes);
    cr_expect_not(sim_traffic_speaks(&traffic, 8 * WR_S));
    spec.profile = SIM_PROFILE_SILENT;
    sim_traffic_begin(&traffic, &spec, 0);
    cr_expect_not(sim_traffic_speaks(&traffic, 2 * WR_S));
}
