/*
 * What the simulator costs: whole runs with hash and oracles on, as in any test. Scenarios are made
 * here, because each asks for one size. Prints events and forwarded datagrams per second of CPU
 * time, simulated time against CPU time, and memory for 10 to 100,000 peers.
 */
#include "bench.h"
#include "observation.h"
#include "scenario_parse.h"

#include <inttypes.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct load {
    uint32_t pairs;
    const char *behaviour;
    const char *traffic; /* of both sides */
    uint32_t duration_ms;
    uint32_t latency_ms;
    uint32_t spread_us; /* between the starts of pairs */
};

struct cost {
    struct sim_run_result result;
    uint64_t cpu_ns;
    uint64_t memory_bytes; /* the most that was in use, beyond the scenario */
};

static uint64_t memory_most;

static uint64_t memory_now(void)
{
    struct mallinfo2 info = mallinfo2();
    return (uint64_t)info.uordblks + (uint64_t)info.hblkhd;
}

static void look_at_memory(void *context, const struct sim_observation *observation)
{
    (void)context;
    if (observation->kind != SIM_OBSERVED_SAMPLE)
        return;
    uint64_t now = memory_now();
    if (now > memory_most)
        memory_most = now;
}

static struct sim_scenario *make(const struct load *load, struct sim_document *document,
                                 struct sim_arena *arena)
{
    static char text[4096];
    int bytes = snprintf(
        text, sizeof text,
        "{\"name\": \"bench\", \"shows\": \"What a run of this size costs.\","
        " \"covers\": [\"figures\"], \"duration\": \"%ums\","
        " \"masters\": {\"master\": {\"leases_per_minute\": 0}},"
        " \"links\": {\"path\": {\"latency\": \"%ums\"}},"
        " \"relays\": {\"relay\": {\"address\": \"198.51.100.1:4000\","
        "   \"options\": {\"max-sessions\": %u, \"load-shed-threshold-pct\": 100,"
        "     \"verify-rate\": 1000000},"
        "   \"host\": {\"receive\": \"0s\", \"forward\": \"0s\", \"answer\": \"0s\","
        "     \"verify\": \"1us\", \"receive_queue\": 1000000}}},"
        " \"peers\": {"
        "   \"left\": {\"count\": %u, \"behaviour\": \"%s\", \"address\": \"10.0.0.1:5000\","
        "     \"link\": \"path\"},"
        "   \"right\": {\"count\": %u, \"behaviour\": \"%s\", \"address\": \"11.0.0.1:5000\","
        "     \"link\": \"path\"}},"
        " \"sessions\": {\"call\": {\"client\": \"left\", \"server\": \"right\","
        "   \"spread\": \"%uus\", \"traffic\": {\"client\": %s, \"server\": %s}}},"
        " \"expect\": [{\"gauge\": \"sessions_active\", \"is\": %u}]}",
        load->duration_ms, load->latency_ms, load->pairs, load->pairs, load->behaviour, load->pairs,
        load->behaviour, load->spread_us, load->traffic, load->traffic, load->pairs);
    if (bytes < 0 || (size_t)bytes >= sizeof text)
        bench_fail("the scenario is too long");
    if (!sim_document_parse(document, arena, "bench", text, (size_t)bytes))
        bench_fail("the scenario is no JSON");
    struct sim_scenario *scenario = sim_scenario_parse(document);
    for (uint32_t i = 0; i < document->problem_count; i++)
        fprintf(stderr, "%u:%u: %s\n", document->problems[i].line, document->problems[i].column,
                document->problems[i].text);
    if (scenario == NULL || document->problem_count > 0)
        bench_fail("the scenario has mistakes");
    return scenario;
}

static struct cost run(const struct load *load)
{
    struct sim_arena *arena = sim_arena_create();
    struct sim_document document;
    struct sim_scenario *scenario = make(load, &document, arena);
    uint64_t end_ns = scenario->duration_ns - 1;
    const struct sim_observer observer = {
        .observe = look_at_memory, .sample_ns = &end_ns, .sample_count = 1};
    const struct sim_run_options options = {.seed = 1, .observer = &observer};
    struct cost cost;
    uint64_t memory_before = memory_now();
    memory_most = memory_before;
    uint64_t began = bench_cpu_ns();
    cost.result = sim_run(scenario, &options);
    cost.cpu_ns = bench_cpu_ns() - began;
    cost.memory_bytes = memory_most - memory_before;
    if (!cost.result.created || cost.result.violations > 0)
        bench_fail("the run did not go as it should");
    sim_document_close(&document);
    sim_scenario_free(scenario);
    return cost;
}

/* `numerator` per second of CPU time, in thousandths. */
static uint64_t per_second(uint64_t numerator, uint64_t cpu_ns)
{
    return numerator * 1000000 / (cpu_ns / 1000 + 1) * 1000;
}

static void measure_events(void)
{
    const struct load load = {.pairs = 500,
                              .behaviour = "robust",
                              .traffic = "{\"profile\": \"audio\"}",
                              .duration_ms = 10000,
                              .latency_ms = 20,
                              .spread_us = 100};
    struct cost cost = run(&load);
    bench_figure("sim: events, 1,000 peers", per_second(cost.result.events, cost.cpu_ns),
                 "events/s", ">= 1000000");
}

static void measure_forwarding(void)
{
    const struct load load = {
        .pairs = 100,
        .behaviour = "robust",
        .traffic = "{\"profile\": \"constant\", \"rate_pps\": 1000, \"bytes\": 1200}",
        .duration_ms = 5000,
        .latency_ms = 20,
        .spread_us = 100};
    struct cost cost = run(&load);
    bench_figure("sim: forwarded, 100 pairs x 1000/s x 1200 bytes each way",
                 per_second(cost.result.datagrams_forwarded, cost.cpu_ns), "datagrams/s",
                 ">= 400000");
}

static void measure_light(void)
{
    const struct load load = {.pairs = 10,
                              .behaviour = "robust",
                              .traffic = "{\"profile\": \"ping\"}",
                              .duration_ms = 600000,
                              .latency_ms = 20,
                              .spread_us = 100};
    struct cost cost = run(&load);
    bench_figure("sim: 20 peers with light traffic, times real time",
                 UINT64_C(600000000) * 1000 / (cost.cpu_ns / 1000 + 1), "times", ">= 1000");
}

/* What a peer and an event cost at three sizes; each peer says the same. */
static void measure_sizes(void)
{
    static const uint32_t peers[] = {10, 1000, 100000};
    static const uint32_t durations_ms[] = {100000, 20000, 12000};
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        char name[64];
        const struct load load = {.pairs = peers[i] / 2,
                                  .behaviour = "robust",
                                  .traffic = "{\"profile\": \"ping\"}",
                                  .duration_ms = durations_ms[i],
                                  .latency_ms = 20,
                                  .spread_us = 100};
        struct cost cost = run(&load);
        snprintf(name, sizeof name, "sim: cost of an event, %" PRIu32 " peers", peers[i]);
        bench_figure(name, cost.cpu_ns * 1000 / (cost.result.events + 1), "ns/event", "-");
        snprintf(name, sizeof name, "sim: memory, %" PRIu32 " peers", peers[i]);
        bench_figure(name, cost.memory_bytes * 1000 / peers[i] / 1024, "KiB/peer", "-");
    }
}

int main(void)
{
    if (sodium_init() < 0)
        bench_fail("libsodium cannot be used");
    measure_events();
    measure_forwarding();
    measure_light();
    measure_sizes();
    return 0;
}
