/*
 * Judges a run by its scenario's expectations. Watches the run (observation.h), keeps a few numbers
 * per expectation and member however long the run is, and says at the end which expectations hold
 * and, for one that does not, what was found and at which moment it was lost.
 */
#ifndef SIM_EXPECT_H
#define SIM_EXPECT_H

#include "observation.h"
#include "sim_arena.h"

struct sim_expect;

/* What became of one expectation. */
struct sim_judgement {
    const struct sim_expectation *expectation;
    bool held;
    const char *found; /* "found 3", with the member of a group that it concerns */
    uint64_t at_ns; /* when it was lost: the instant its bound was passed, else the window's end */
    uint32_t session; /* sessions[] it concerns, SIM_NONE for none in particular */
};

/* Both the scenario and the arena outlive it. */
struct sim_expect *sim_expect_create(struct sim_arena *arena, const struct sim_scenario *scenario);

/* The instants at which relays must be sampled, for struct sim_observer. */
const uint64_t *sim_expect_samples(const struct sim_expect *expect, uint32_t *count);

/* An observe function; `context` is the struct sim_expect. */
void sim_expect_observe(void *context, const struct sim_observation *observation);

/* The run is over. One judgement per expectation, in the order of the file; `lost` counts those
 * that do not hold. */
const struct sim_judgement *sim_expect_finish(struct sim_expect *expect, uint32_t *lost);

#endif
