#include "play.h"

#include "capture.h"
#include "scenario_parse.h"

#include <string.h>
#include <time.h>

struct audience {
    struct sim_outcome *outcome;
    struct sim_expect *expect;
    struct sim_chronicle *chronicle;
    FILE *capture;
};

static const char *const ending_names[] = {"passed", "failed", "unreadable", "violated",
                                           "diverged"};

int sim_ending_exit_code(enum sim_ending ending)
{
    return (int)ending;
}

const char *sim_ending_name(enum sim_ending ending)
{
    return ending_names[ending];
}

static void keep_violation(struct sim_outcome *outcome, const struct sim_observation *o)
{
    if (outcome->violation_count == SIM_VIOLATIONS_KEPT)
        return;
    uint32_t i = outcome->violation_count++;
    outcome->violations[i].at_ns = o->at_ns;
    outcome->violations[i].text = sim_arena_text(outcome->arena, o->text, strlen(o->text));
}

static void watch(void *context, const struct sim_observation *observation)
{
    struct audience *audience = context;
    sim_expect_observe(audience->expect, observation);
    if (observation->kind == SIM_OBSERVED_DATAGRAM) {
        if (audience->capture)
            sim_capture_datagram(audience->capture, audience->outcome->scenario, observation);
        return;
    }
    if (observation->kind == SIM_OBSERVED_SENT || observation->kind == SIM_OBSERVED_DELIVERED)
        return;
    sim_chronicle_observe(audience->chronicle, observation);
    if (observation->kind == SIM_OBSERVED_VIOLATION)
        keep_violation(audience->outcome, observation);
}

/* Real time, for the report only. */
static uint64_t wall_ns(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

static void play_once(struct sim_outcome *outcome, const struct sim_play_options *options)
{
    const struct sim_scenario *scenario = outcome->scenario;
    struct audience audience = {.outcome = outcome, .capture = options->capture};
    audience.expect = sim_expect_create(outcome->arena, scenario);
    audience.chronicle = sim_chronicle_create(outcome->arena, scenario);
    struct sim_observer observer = {
        .context = &audience, .observe = watch, .datagrams = options->capture != NULL};
    observer.sample_ns = sim_expect_samples(audience.expect, &observer.sample_count);
    struct sim_run_options run = {.seed = outcome->seed,
                                  .observer = &observer,
                                  .progress_context = options->progress_context,
                                  .progress = options->progress};
    if (options->capture)
        sim_capture_begin(options->capture);
    outcome->result = sim_run(scenario, &run);
    outcome->judgements = sim_expect_finish(audience.expect, &outcome->lost);
    outcome->chronicle = audience.chronicle;
}

/* The first checkpoint at which two runs differ, the end of the run where only the end does. */
static uint64_t parting(const struct sim_scenario *scenario, const struct sim_run_result *one,
                        const struct sim_run_result *other)
{
    uint32_t count = one->checkpoint_count < other->checkpoint_count ? one->checkpoint_count
                                                                     : other->checkpoint_count;
    for (uint32_t i = 0; i < count; i++) {
        if (one->checkpoints[i].hash != other->checkpoints[i].hash)
            return one->checkpoints[i].at_ns;
    }
    return scenario->duration_ns;
}

/* Plays it again, unwatched: watchers decide nothing, so the hash must be the same. */
static bool plays_alike(struct sim_outcome *outcome)
{
    struct sim_run_options run = {.seed = outcome->seed};
    struct sim_run_result again = sim_run(outcome->scenario, &run);
    outcome->second_hash = again.hash;
    if (again.hash == outcome->result.hash && again.events == outcome->result.events)
        return true;
    outcome->diverged_at_ns = parting(outcome->scenario, &outcome->result, &again);
    return false;
}

struct sim_outcome *sim_play(const char *path, const struct sim_play_options *options,
                             FILE *problems)
{
    struct sim_scenario *scenario = sim_scenario_load(path, problems);
    struct sim_arena *arena = scenario ? scenario->arena : sim_arena_create();
    struct sim_outcome *outcome = sim_arena_take(arena, sizeof *outcome);
    outcome->arena = arena;
    outcome->path = sim_arena_text(arena, path, strlen(path));
    outcome->scenario = scenario;
    outcome->ending = SIM_ENDED_UNREADABLE;
    if (!scenario)
        return outcome;
    uint64_t started_ns = wall_ns();
    outcome->seed = options->seed_given ? options->seed : scenario->seed;
    play_once(outcome, options);
    outcome->wall_ns = wall_ns() - started_ns;
    if (!outcome->result.created) {
        fprintf(problems, "%s: not enough memory to play it\n", path);
        return outcome;
    }
    if (outcome->result.violations > 0)
        outcome->ending = SIM_ENDED_VIOLATED;
    else if (options->check_determinism && !plays_alike(outcome))
        outcome->ending = SIM_ENDED_DIVERGED;
    else
        outcome->ending = outcome->lost > 0 ? SIM_ENDED_FAILED : SIM_ENDED_PASSED;
    return outcome;
}

void sim_outcome_free(struct sim_outcome *outcome)
{
    if (outcome)
        sim_arena_destroy(outcome->arena);
}
