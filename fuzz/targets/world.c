/*
 * A whole simulated world: peers, NATs, links, a master, attackers, a relay. The input is a list of
 * records that make a scenario (world_scenario.h); it is run twice, once with somebody watching,
 * and the oracles judge every step. Both runs must be the same run.
 */
#include "oracle_says.h"
#include "target.h"
#include "world_scenario.h"

#include <observation.h>
#include <oracle.h>
#include <scenario_parse.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "world",
    .property = "no world makes an oracle object, and every world is the same the second time",
    .bytes_max = 1024,
    .canaries = {{"held_forgotten", 400},
                 {"rejects_uncapped", 1200},
                 {"idle_never", 400},
                 {"skip_not_yet_valid", 1200}},
};

#define COUNTERS 4096u
__attribute__((section("__libfuzzer_extra_counters"), used)) static uint8_t counters[COUNTERS];

/* What happened, for engines that count this as coverage: each kind of event, and each pair of one
 * kind after another in a session. */
static void seen(uint64_t what)
{
    counters[(what * UINT64_C(0x9e3779b97f4a7c15)) >> 52] = 1;
}

struct watcher {
    uint32_t last[4]; /* by session */
    const char *word;
    FILE *explain;
};

static void watch(void *context, const struct sim_observation *o)
{
    struct watcher *watcher = context;
    if (o->kind == SIM_OBSERVED_VIOLATION) {
        const char *name = sim_oracle_name((enum sim_oracle_name)o->number);
        if (watcher->explain != NULL)
            fflush(watcher->explain);
        fuzz_oracle_says(name, strlen(name), o->text, o->at_ns, 0);
    }
    if (o->kind != SIM_OBSERVED_RELAY)
        return;
    uint32_t session = o->session < 3 ? o->session : 3;
    uint32_t what = (uint32_t)o->event->kind << 8;
    if (o->event->kind == WR_EVENT_OUTCOME)
        what += (uint32_t)o->event->outcome;
    else if (o->event->kind == WR_EVENT_VERDICT)
        what += (uint32_t)o->event->verdict;
    else
        what += o->event->rule * 16 + (uint32_t)o->event->role * 8 + (uint32_t)o->event->why;
    seen(what);
    seen((uint64_t)watcher->last[session] << 16 | what);
    watcher->last[session] = what;
    if (o->event->kind == WR_EVENT_VERDICT)
        watcher->word = wr_verdict_name(o->event->verdict);
}

static struct sim_scenario *parse(const char *path, const char *json, size_t bytes)
{
    struct sim_arena *arena = sim_arena_create();
    struct sim_document document;
    bool read = sim_document_parse(&document, arena, path, json, bytes);
    struct sim_scenario *scenario = read ? sim_scenario_parse(&document) : NULL;
    if (scenario == NULL) {
        sim_document_print_problems(&document, stderr);
        fputs(json, stderr);
    }
    FUZZ_REQUIRE(scenario != NULL, "%s", "the scenario has mistakes");
    sim_document_close(&document);
    return scenario;
}

static uint64_t live(const char *json, size_t bytes, const char *path, struct watcher *watcher)
{
    struct sim_scenario *scenario = parse(path, json, bytes);
    const struct sim_observer observer = {.context = watcher, .observe = watch};
    const struct sim_run_options watched = {.seed = scenario->seed, .observer = &observer};
    const struct sim_run_options alone = {.seed = scenario->seed};
    const struct sim_run_result one = sim_run(scenario, &watched);
    const struct sim_run_result other = sim_run(scenario, &alone);
    FUZZ_REQUIRE(one.created && other.created, "%s", "there was memory for the world");
    FUZZ_REQUIRE(one.violations == 0, "%" PRIu64 " violations that nobody heard of",
                 one.violations);
    FUZZ_REQUIRE(one.hash == other.hash && one.events == other.events,
                 "%016" PRIx64 " after %" PRIu64 " events, then %016" PRIx64 " after %" PRIu64,
                 one.hash, one.events, other.hash, other.events);
    sim_arena_destroy(scenario->arena);
    return one.hash;
}

static char json[WORLD_JSON_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct watcher watcher = {.explain = NULL};
    size_t count = world_scenario_write(bytes, size, "fuzzed", json);
    (void)live(json, count, "fuzzed.json", &watcher);
    return 0;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    struct watcher watcher = {.explain = NULL};
    size_t count = world_scenario_write(bytes, size, "fuzzed", json);
    (void)live(json, count, "fuzzed.json", &watcher);
    return watcher.word != NULL ? watcher.word : "silence";
}

/* A scenario's name is that of its file. */
static void name_of(const char *path, char name[64])
{
    const char *slash = strrchr(path, '/'), *stem = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(stem, '.');
    snprintf(name, 64, "%.*s", dot != NULL ? (int)(dot - stem) : (int)strlen(stem), stem);
}

/* With WAVRY_FUZZ_SCENARIO=FILE.json the scenario is written there: `wavry-sim run --hash FILE` has
 * the hash that is printed here. */
void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    struct watcher watcher = {.explain = out};
    const char *path = getenv("WAVRY_FUZZ_SCENARIO");
    char name[64];
    name_of(path != NULL ? path : "fuzzed.json", name);
    size_t count = world_scenario_write(bytes, size, name, json);
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file != NULL) {
        fwrite(json, 1, count, file);
        fclose(file);
    } else if (path != NULL) {
        fprintf(stderr, "%s: cannot be written\n", path);
    }
    fwrite(json, 1, count, out);
    uint64_t hash = live(json, count, path != NULL ? path : "fuzzed.json", &watcher);
    fprintf(out, "hash %016" PRIx64 "\n", hash);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    uint64_t random = seed;
    if (fuzz_random_below(&random, 10) == 0)
        return LLVMFuzzerMutate(bytes, size, size_max);
    return fuzz_mutate_actions(bytes, size, size_max, (unsigned)fuzz_random(&random),
                               WORLD_RECORD_COUNT, WORLD_BODY_MAX);
}
