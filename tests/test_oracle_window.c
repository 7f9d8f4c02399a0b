#include "oracle_window.h"

#include <criterion/criterion.h>

static struct sim_window seen_up_to(uint64_t top)
{
    struct sim_window window;
    sim_window_clear(&window);
    sim_window_restore(&window, top, false);
    return window;
}

static enum sim_window_says take(struct sim_window *window, uint64_t sequence, bool rift)
{
    enum sim_window_says says = sim_window_judge(window, sequence, rift, 0);
    if (says == SIM_WINDOW_FAR)
        sim_jump_drop(&window->jump, sequence, 0);
    else if (says != SIM_WINDOW_SEEN && says != SIM_WINDOW_REFUSED)
        sim_window_pass(window, sequence, says);
    return says;
}

Test(oracle_window, an_empty_window_has_its_top_at_0_and_0_may_pass)
{
    struct sim_window window;
    sim_window_clear(&window);
    cr_expect_eq(take(&window, 0, false), SIM_WINDOW_FRESH);
    cr_expect_eq(take(&window, 0, false), SIM_WINDOW_SEEN);
    cr_expect_eq(take(&window, 1025, false), SIM_WINDOW_FAR);
    cr_expect_eq(take(&window, 1024, false), SIM_WINDOW_FRESH);
    cr_expect_eq(take(&window, 1, false), SIM_WINDOW_FRESH);
    cr_expect_eq(take(&window, 0, false), SIM_WINDOW_SEEN);
}

Test(oracle_window, rift_passes_three_times_and_others_once)
{
    struct sim_window window = seen_up_to(10);
    cr_expect_eq(take(&window, 11, true), SIM_WINDOW_FRESH);
    cr_expect_eq(take(&window, 11, true), SIM_WINDOW_REPEAT);
    cr_expect_eq(take(&window, 11, true), SIM_WINDOW_REPEAT);
    cr_expect_eq(take(&window, 11, true), SIM_WINDOW_SEEN);
    cr_expect_eq(take(&window, 11, false), SIM_WINDOW_SEEN);
    cr_expect_eq(take(&window, 10, true), SIM_WINDOW_SEEN);
}

Test(oracle_window, a_jump_needs_three_packets_within_2_s)
{
    struct sim_window window = seen_up_to(10);
    cr_expect_eq(take(&window, 5000, false), SIM_WINDOW_FAR);
    cr_expect_eq(take(&window, 5000, false), SIM_WINDOW_FAR);
    cr_expect_eq(take(&window, 5001, false), SIM_WINDOW_FAR);
    cr_expect_eq(sim_window_judge(&window, 5002, false, 2 * WR_S), SIM_WINDOW_FAR);
    cr_expect_eq(sim_window_judge(&window, 5002, false, 2 * WR_S - 1), SIM_WINDOW_CONFIRMED);
    cr_expect_eq(take(&window, 5002, false), SIM_WINDOW_CONFIRMED);
    cr_expect_eq(take(&window, 5000, false), SIM_WINDOW_FRESH);
    cr_expect_eq(take(&window, 11, false), SIM_WINDOW_SEEN);
}

Test(oracle_window, a_fresh_packet_at_the_old_place_spoils_a_jump)
{
    struct sim_window window = seen_up_to(10);
    take(&window, 5000, false);
    take(&window, 5001, false);
    cr_expect_eq(take(&window, 11, false), SIM_WINDOW_FRESH);
    cr_expect_eq(take(&window, 5002, false), SIM_WINDOW_FAR);
}

Test(oracle_window, the_last_8192_are_refused_and_nothing_wraps)
{
    struct sim_window window = seen_up_to(UINT64_MAX - 8192);
    cr_expect_eq(sim_window_judge(&window, UINT64_MAX - 8191, false, 0), SIM_WINDOW_REFUSED);
    cr_expect_eq(sim_window_judge(&window, UINT64_MAX, false, 0), SIM_WINDOW_REFUSED);
    cr_expect_eq(sim_window_judge(&window, UINT64_MAX - 8192, false, 0), SIM_WINDOW_SEEN);
}

Test(oracle_window, after_a_reversion_what_lies_above_may_pass_once_more)
{
    struct sim_window window = seen_up_to(10);
    take(&window, 11, false);
    take(&window, 12, false);
    sim_window_restore(&window, 11, false);
    cr_expect_eq(take(&window, 11, false), SIM_WINDOW_SEEN);
    cr_expect_eq(take(&window, 12, false), SIM_WINDOW_FRESH);
    sim_window_restore(&window, 0, true);
    cr_expect(window.empty);
    cr_expect_eq(take(&window, 0, false), SIM_WINDOW_FRESH);
}
