/*
 * What expect.c keeps of a run and expect_judge.c judges by: a few numbers per expectation and
 * member of its group.
 */
#ifndef SIM_EXPECT_STATE_H
#define SIM_EXPECT_STATE_H

#include "expect.h"

/* What is remembered of one expectation for one member of its group. */
struct sim_expect_cell {
    uint64_t count;      /* of whatever is counted */
    uint64_t base;       /* a counter at the window's start */
    uint64_t sent;       /* DELIVERED_SHARE: the denominator */
    uint64_t last_ns;    /* LONGEST_GAP: the latest arrival */
    uint64_t longest_ns; /* LONGEST_GAP, LATENCY */
    uint64_t since_ns;   /* LONGEST_GAP: where the longest began */
    uint64_t broken_ns;  /* when an upper bound was passed */
    bool seen;           /* there is something to judge by */
    bool broken;
};

struct sim_expect_watch {
    const struct sim_expectation *expectation;
    struct sim_expect_cell *cells;
    uint32_t cell_count;
};

/* A session as one relay has it. */
struct sim_expect_place {
    enum sim_session_state state;
    uint64_t turn; /* when it last bound one of the peers, counted over all relays */
};

struct sim_expect {
    struct sim_arena *arena;
    const struct sim_scenario *scenario;
    struct sim_expect_watch *watches;
    struct sim_expect_watch **flows; /* those of SIM_EXPECT_FLOW, which hear most of what happens */
    uint32_t flow_count;
    struct sim_expect_watch **states; /* those of SIM_EXPECT_SESSION, in order of their instants */
    uint32_t state_count;
    uint32_t states_done;
    struct sim_expect_place *places; /* by relay and session; NULL where nobody asks for states */
    uint64_t turns;
    uint64_t *samples;
    uint32_t sample_count;
};

/* How many roles an expectation on a flow means. */
static inline uint32_t sim_expect_roles(const struct sim_expectation *e)
{
    return e->role == SIM_ANY ? WR_ROLES : 1;
}

/* Takes note that `value` is what there is at `at_ns`: remembers when an upper bound was passed. */
void sim_expect_pass(struct sim_expect_cell *cell, uint64_t value, const struct sim_bound *bound,
                     uint64_t at_ns);

/* A flow was silent from the cell's latest arrival to `at_ns`. */
void sim_expect_note_gap(struct sim_expect_cell *cell, const struct sim_expectation *e,
                         uint64_t at_ns);

/* The judgement on one expectation, once the run is over. */
struct sim_judgement sim_expect_judge(struct sim_expect *expect, struct sim_expect_watch *watch);

#endif
