/*
 * Plays one scenario and gathers all there is to report about it. Owns who watches a run; declines
 * to know how reports look.
 */
#ifndef SIM_PLAY_H
#define SIM_PLAY_H

#include "chronicle.h"
#include "expect.h"

enum sim_ending {
    SIM_ENDED_PASSED,
    SIM_ENDED_FAILED,     /* an expectation does not hold */
    SIM_ENDED_UNREADABLE, /* the file has mistakes, or memory was short */
    SIM_ENDED_VIOLATED,   /* an oracle objected */
    SIM_ENDED_DIVERGED,   /* two runs with one seed differ */
};

/* The exit code that goes with an ending: 0, 1, 2, 3, 4 in the order above. */
int sim_ending_exit_code(enum sim_ending ending);
const char *sim_ending_name(enum sim_ending ending);

#define SIM_VIOLATIONS_KEPT 20

struct sim_play_options {
    bool seed_given;
    uint64_t seed;
    bool check_determinism; /* plays it twice */
    FILE *capture;          /* NULL for none */
    void (*progress)(void *context, uint64_t at_ns, uint64_t events);
    void *progress_context;
};

struct sim_outcome {
    struct sim_arena *arena; /* owns all of this and the scenario */
    const char *path;
    const struct sim_scenario *scenario; /* NULL where unreadable */
    enum sim_ending ending;
    uint64_t seed;
    uint64_t wall_ns; /* real time it took */
    struct sim_run_result result;
    const struct sim_judgement *judgements; /* one per expectation */
    uint32_t lost;
    const struct sim_chronicle *chronicle;
    struct {
        uint64_t at_ns;
        const char *text;
    } violations[SIM_VIOLATIONS_KEPT];
    uint32_t violation_count; /* kept ones */
    uint64_t diverged_at_ns;  /* DIVERGED: between this checkpoint and the one before it */
    uint64_t second_hash;
};

/* Mistakes in the file go to `problems`. To be given back by sim_outcome_free. */
struct sim_outcome *sim_play(const char *path, const struct sim_play_options *options,
                             FILE *problems);
void sim_outcome_free(struct sim_outcome *outcome);

#endif
