#include "world_stage.h"

#include "scenario_parse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 8192

static struct sim_arena *arena;
static const struct sim_scenario *scenario;
struct seen seen;

static void delivered(const struct sim_observation *what)
{
    uint64_t took_ns = what->at_ns - what->sent_ns;
    uint64_t gap_ns = what->at_ns - seen.last_ns[what->role];
    if (seen.delivered[what->role]++ == 0) {
        seen.first_ns[what->role] = what->at_ns;
    } else if (gap_ns > seen.longest_gap_ns[what->role]) {
        seen.longest_gap_ns[what->role] = gap_ns;
    }
    seen.last_ns[what->role] = what->at_ns;
    seen.shortest_ns =
        seen.shortest_ns == 0 || took_ns < seen.shortest_ns ? took_ns : seen.shortest_ns;
    seen.longest_ns = took_ns > seen.longest_ns ? took_ns : seen.longest_ns;
}

static void relay_event(const struct sim_observation *what)
{
    seen.events[what->event->kind]++;
    if (what->event->kind == WR_EVENT_OUTCOME) {
        seen.outcomes[what->event->outcome]++;
        seen.of_unknown_sender += what->peer == SIM_NONE && what->attacker == SIM_NONE ? 1u : 0u;
    } else if (what->event->kind == WR_EVENT_VERDICT) {
        seen.verdicts[what->event->verdict]++;
        seen.of_unknown_sender += what->peer == SIM_NONE && what->attacker == SIM_NONE ? 1u : 0u;
    }
}

static void observe(void *context, const struct sim_observation *what)
{
    (void)context;
    switch (what->kind) {
    case SIM_OBSERVED_SENT:
        cr_assert_eq(what->number, seen.sent[what->role], "numbers count up");
        seen.sent[what->role]++;
        break;
    case SIM_OBSERVED_DELIVERED:
        delivered(what);
        break;
    case SIM_OBSERVED_STRAY:
        seen.strays++;
        break;
    case SIM_OBSERVED_ANSWER:
        seen.acks += what->packet == SIM_PACKET_ACK ? 1u : 0u;
        seen.rejects += what->packet == SIM_PACKET_REJECT ? 1u : 0u;
        seen.last_reason = what->packet == SIM_PACKET_REJECT ? what->reason : seen.last_reason;
        break;
    case SIM_OBSERVED_RELAY:
        seen.last_relay = what->relay;
        relay_event(what);
        break;
    case SIM_OBSERVED_SAMPLE:
        seen.samples++;
        seen.end = *what->sample->snapshot;
        seen.end_running = what->sample->running;
        seen.end_ready = what->sample->ready;
        seen.end_registered = what->sample->registered;
        break;
    case SIM_OBSERVED_REQUEST:
        seen.requests[what->request]++;
        break;
    case SIM_OBSERVED_ACTION:
        seen.actions++;
        break;
    case SIM_OBSERVED_VIOLATION:
        snprintf(seen.violation, sizeof seen.violation, "%s", what->text);
        break;
    case SIM_OBSERVED_NOTE:
        seen.notes++;
        break;
    case SIM_OBSERVED_DATAGRAM:
        seen.datagrams++;
        break;
    }
}

void read_world(const char *members, const char *timeline)
{
    char text[TEXT_BYTES];
    struct sim_document document;
    int bytes =
        snprintf(text, sizeof text,
                 "{'name': 'test', 'shows': 'What the engine does in a small world.', "
                 "'covers': ['the engine'], 'duration': '20s', 'served_within': '10s', %s"
                 "'links': {'access': {'latency': '10ms'}, 'slow': {'latency': '60ms'}, "
                 "'dead': {'latency': '10ms', 'loss': '1'}}, "
                 "'timeline': [%s], 'expect': [{'flow': 'call', 'delivered': {'at_least': 1}}]}",
                 members, timeline);
    cr_assert(bytes > 0 && (size_t)bytes < sizeof text);
    for (int i = 0; i < bytes; i++) {
        text[i] = text[i] == '\'' ? '"' : text[i];
    }
    arena = sim_arena_create();
    cr_assert(sim_document_parse(&document, arena, "test", text, (size_t)bytes));
    scenario = sim_scenario_parse(&document);
    if (scenario == NULL) {
        sim_document_print_problems(&document, stderr);
    }
    cr_assert_not_null(scenario);
    sim_document_close(&document);
}

void close_world(void)
{
    if (arena != NULL) {
        sim_arena_destroy(arena);
        arena = NULL;
    }
}

struct sim_run_result judge_seed(uint64_t seed, bool watched)
{
    static const uint64_t samples_ns[] = {5 * WR_S};
    static const struct sim_observer observer = {
        .observe = observe, .sample_ns = samples_ns, .sample_count = 1, .datagrams = true};
    const struct sim_run_options options = {.seed = seed, .observer = watched ? &observer : NULL};
    memset(&seen, 0, sizeof seen);
    seen.result = sim_run(scenario, &options);
    cr_assert(seen.result.created);
    return seen.result;
}

struct sim_run_result play_seed(uint64_t seed, bool watched)
{
    judge_seed(seed, watched);
    cr_expect_eq(seen.result.violations, 0u, "%s", seen.violation);
    return seen.result;
}

void play(const char *timeline)
{
    read_world(TWO_PEERS A_CALL A_RELAY, timeline);
    play_seed(1, true);
}
