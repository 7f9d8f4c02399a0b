#include "truth.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct wr_session_id first = {{1}}, second = {{2}};

struct heard {
    uint32_t count;
    struct sim_stuck last;
};

static void hear(void *context, const struct sim_stuck *stuck)
{
    struct heard *heard = context;
    heard->count++;
    heard->last = *stuck;
}

/* Peer 3, "anna", holds a lease until 100 s and wants to be served from 1 s on. */
static struct sim_truth *demanding(void)
{
    struct sim_truth *truth = sim_truth_create(5 * WR_S);
    sim_truth_peer(truth, 3, "anna");
    sim_truth_lease(truth, 1 * WR_S, 3, &first, WR_ROLE_SERVER, 100 * WR_S);
    sim_truth_demand(truth, 1 * WR_S, 3, true);
    return truth;
}

Test(truth, who_is_not_served_in_time_is_named_once)
{
    struct sim_truth *truth = demanding();
    struct heard heard = {0};
    char text[512];
    cr_expect_eq(sim_truth_stuck(truth, 6 * WR_S, &heard, hear), 0);
    sim_truth_outcome(truth, 4 * WR_S, 3, WR_OUTCOME_UNKNOWN_PEER);
    cr_expect_eq(sim_truth_stuck(truth, 6 * WR_S + 1, &heard, hear), 1);
    cr_expect_eq(sim_truth_stuck(truth, 7 * WR_S, &heard, hear), 1);
    cr_expect_eq(heard.count, 1);
    cr_expect_eq(heard.last.since_ns, 1 * WR_S);
    sim_stuck_format(&heard.last, text, sizeof text);
    cr_expect(strstr(text, "anna") && strstr(text, "server") && strstr(text, "1000 ms") &&
                  strstr(text, "unknown_peer"),
              "%s", text);
    sim_truth_destroy(truth);
}

Test(truth, a_fault_excuses_until_it_has_healed_for_the_stated_time)
{
    struct sim_truth *truth = demanding();
    struct heard heard = {0};
    sim_truth_fault_begins(truth, 2 * WR_S);
    sim_truth_fault_begins(truth, 3 * WR_S);
    sim_truth_fault_ends(truth, 20 * WR_S);
    cr_expect_eq(sim_truth_stuck(truth, 40 * WR_S, &heard, hear), 0);
    sim_truth_fault_ends(truth, 50 * WR_S);
    cr_expect_eq(sim_truth_stuck(truth, 55 * WR_S, &heard, hear), 0);
    cr_expect_eq(sim_truth_stuck(truth, 55 * WR_S + 1, &heard, hear), 1);
    sim_truth_destroy(truth);
}

Test(truth, service_an_ended_lease_and_no_demand_leave_nobody_stuck)
{
    struct sim_truth *truth = demanding();
    struct heard heard = {0};
    cr_expect(sim_truth_delivered(truth, 10 * WR_S, 3, &first, 32));
    cr_expect_eq(sim_truth_stuck(truth, 15 * WR_S, &heard, hear), 0);
    cr_expect_eq(sim_truth_stuck(truth, 15 * WR_S + 1, &heard, hear), 1);
    cr_expect_eq(sim_truth_stuck(truth, 100 * WR_S, &heard, hear), 0);
    sim_truth_lease(truth, 100 * WR_S, 3, &second, WR_ROLE_SERVER, 200 * WR_S);
    cr_expect_eq(sim_truth_stuck(truth, 104 * WR_S, &heard, hear), 0);
    sim_truth_demand(truth, 104 * WR_S, 3, false);
    cr_expect_eq(sim_truth_stuck(truth, 150 * WR_S, &heard, hear), 0);
    sim_truth_destroy(truth);
}

Test(truth, a_stranger_is_who_never_held_the_session)
{
    struct sim_truth *truth = demanding();
    sim_truth_lease(truth, 2 * WR_S, 3, &second, WR_ROLE_SERVER, 100 * WR_S);
    cr_expect(sim_truth_delivered(truth, 3 * WR_S, 3, &first, 32));
    cr_expect_not(sim_truth_delivered(truth, 3 * WR_S, 9, &first, 32));
    cr_expect_eq(sim_truth_strangers(truth), 1);
    cr_expect_eq(sim_truth_strangers_of(truth, 9), 1);
    cr_expect_eq(sim_truth_strangers_of(truth, 3), 0);
    cr_expect_eq(sim_truth_strangers_of(truth, 1000), 0);
    sim_truth_destroy(truth);
}
