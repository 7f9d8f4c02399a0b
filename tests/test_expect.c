#include "expect.h"
#include "scenario_parse.h"

#include <criterion/criterion.h>

#include <string.h>

/* A run told by hand to the expectations of a scenario. */
struct run {
    struct sim_scenario *scenario;
    struct sim_expect *expect;
    struct wr_snapshot snapshot;
    struct sim_sample sample;
};

static struct run run_among(const char *relays, const char *expectations)
{
    static struct sim_document document;
    char text[4096];
    int bytes = snprintf(
        text, sizeof text,
        "{\"name\": \"test\", \"shows\": \"What this test needs.\", \"covers\": [\"PROTOCOL 3\"], "
        "\"duration\": \"10s\", \"peers\": {\"c\": {\"count\": 2, \"behaviour\": \"robust\", "
        "\"address\": \"192.0.2.1:5000\"}, \"h\": {\"count\": 2, \"behaviour\": \"robust\", "
        "\"address\": \"192.0.2.9:5000\"}}, \"relays\": {%s}, \"sessions\": {\"calls\": {"
        "\"relay\": \"one\", \"client\": \"c\", \"server\": \"h\", \"traffic\": {\"client\": "
        "{\"profile\": \"audio\"}, \"server\": "
        "{\"profile\": \"audio\"}}}}, \"attackers\": {\"mallory\": {\"relay\": \"one\", "
        "\"attack\": \"spoofed_flood\", "
        "\"address\": \"198.18.0.1:7000\"}}, \"expect\": [%s]}",
        relays, expectations);
    cr_assert(bytes > 0 && (size_t)bytes < sizeof text);
    struct run run = {0};
    cr_assert(sim_document_parse(&document, sim_arena_create(), "test.json", text, (size_t)bytes));
    run.scenario = sim_scenario_parse(&document);
    if (!run.scenario)
        sim_document_print_problems(&document, stderr);
    cr_assert_not_null(run.scenario);
    sim_document_close(&document);
    run.expect = sim_expect_create(run.scenario->arena, run.scenario);
    return run;
}

#define RELAY_ONE "\"one\": {\"address\": \"198.51.100.1:4000\"}"
#define RELAY_TWO "\"two\": {\"address\": \"198.51.100.2:4000\"}"

static struct run run_with(const char *expectations)
{
    return run_among(RELAY_ONE, expectations);
}

static void tell(struct run *run, struct sim_observation o)
{
    sim_expect_observe(run->expect, &o);
}

static void sent(struct run *run, uint64_t at_ms, uint32_t session, enum wr_role role)
{
    struct sim_observation o = sim_observation(SIM_OBSERVED_SENT, at_ms * WR_MS);
    o.session = session;
    o.role = role;
    tell(run, o);
}

static void delivered(struct run *run, uint64_t at_ms, uint64_t sent_ms, uint32_t session,
                      enum wr_role role, uint32_t repeat)
{
    struct sim_observation o = sim_observation(SIM_OBSERVED_DELIVERED, at_ms * WR_MS);
    o.session = session;
    o.role = role;
    o.sent_ns = sent_ms * WR_MS;
    o.repeat = repeat;
    tell(run, o);
}

static void event_at(struct run *run, uint64_t at_ms, uint32_t relay, struct wr_event event,
                     uint32_t session, uint32_t peer)
{
    struct sim_observation o = sim_observation(SIM_OBSERVED_RELAY, at_ms * WR_MS);
    o.relay = relay;
    o.session = session;
    o.peer = peer;
    o.event = &event;
    tell(run, o);
}

static void event(struct run *run, uint64_t at_ms, struct wr_event event, uint32_t session,
                  uint32_t peer)
{
    event_at(run, at_ms, 0, event, session, peer);
}

static void sampled(struct run *run, uint64_t at_ms)
{
    struct sim_observation o = sim_observation(SIM_OBSERVED_SAMPLE, at_ms * WR_MS);
    o.relay = 0;
    run->sample.snapshot = &run->snapshot;
    o.sample = &run->sample;
    tell(run, o);
}

/* The judgement on the only expectation. */
static struct sim_judgement judged(struct run *run)
{
    uint32_t lost;
    struct sim_judgement judgement = *sim_expect_finish(run->expect, &lost);
    cr_expect_eq(lost, !judgement.held);
    return judgement;
}

static void expect_held(struct run *run)
{
    struct sim_judgement judgement = judged(run);
    cr_expect(judgement.held, "%s", judgement.found);
    sim_scenario_free(run->scenario);
}

static void expect_lost(struct run *run, uint64_t at_ms, const char *found)
{
    struct sim_judgement judgement = judged(run);
    cr_expect_not(judgement.held);
    cr_expect_str_eq(judgement.found, found);
    cr_expect_eq(judgement.at_ns, at_ms * WR_MS);
    sim_scenario_free(run->scenario);
}

Test(expect, a_counter_gains_between_two_samples)
{
    static const char text[] =
        "{\"counter\": \"packets_rx\", \"between\": [\"2s\", \"4s\"], \"is\": 7}";
    for (uint64_t gained = 6; gained <= 8; gained++) {
        struct run run = run_with(text);
        uint32_t count;
        const uint64_t *samples = sim_expect_samples(run.expect, &count);
        cr_assert_eq(count, 2);
        cr_expect_eq(samples[0], 2 * WR_S);
        cr_expect_eq(samples[1], 4 * WR_S);
        run.snapshot.counters.packets_rx = 100;
        sampled(&run, 2000);
        run.snapshot.counters.packets_rx = 100 + gained;
        sampled(&run, 4000);
        run.snapshot.counters.packets_rx = 500;
        sampled(&run, 10000);
        if (gained == 7)
            expect_held(&run);
        else
            expect_lost(&run, 4000, gained == 6 ? "found 6" : "found 8");
    }
}

Test(expect, a_counter_of_the_whole_run_is_read_at_its_end)
{
    struct run run = run_with("{\"counter\": \"verdicts.expired\", \"at_least\": 2}");
    uint32_t count;
    sim_expect_samples(run.expect, &count);
    cr_expect_eq(count, 0, "the end is sampled anyway");
    run.snapshot.counters.verdicts[WR_VERDICT_EXPIRED] = 2;
    sampled(&run, 10000);
    expect_held(&run);
    run = run_with("{\"counter\": \"verdicts.expired\", \"at_most\": 2}");
    expect_lost(&run, 10000, "found no sample of the relay");
}

Test(expect, a_gauge_is_read_at_its_instant)
{
    struct run run = run_with("{\"gauge\": \"sessions_active\", \"at\": \"3s\", \"is\": 1}");
    run.snapshot.sessions_active = 1;
    sampled(&run, 3000);
    run.snapshot.sessions_active = 5;
    sampled(&run, 10000);
    expect_held(&run);
    run = run_with("{\"gauge\": \"ready\", \"is\": true}");
    sampled(&run, 10000);
    expect_lost(&run, 10000, "found 0");
}

Test(expect, a_gap_is_measured_to_the_edges_of_the_window)
{
    static const char text[] = "{\"flow\": \"calls-0.client\", \"between\": [\"1s\", \"5s\"], "
                               "\"longest_gap\": {\"at_most\": \"1500ms\"}}";
    struct run run = run_with(text);
    delivered(&run, 900, 900, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 2500, 2500, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 4000, 4000, 0, WR_ROLE_CLIENT, 0);
    expect_held(&run);
    run = run_with(text);
    delivered(&run, 2501, 2501, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 4000, 4000, 0, WR_ROLE_CLIENT, 0);
    expect_lost(&run, 2500, "found 1.501s, from 1s on");
    run = run_with(text);
    delivered(&run, 2000, 2000, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 2100, 2100, 0, WR_ROLE_SERVER, 0);
    delivered(&run, 3400, 3400, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 3450, 3450, 1, WR_ROLE_CLIENT, 0);
    expect_lost(&run, 4900, "found 1.6s, from 3.4s on");
}

Test(expect, a_share_counts_what_was_sent_within_the_window_whenever_it_arrives)
{
    static const char text[] = "{\"flow\": \"calls-0.client\", \"between\": [\"1s\", \"2s\"], "
                               "\"delivered_share\": {\"at_least\": \"1/2\"}}";
    struct run run = run_with(text);
    sent(&run, 999, 0, WR_ROLE_CLIENT);
    for (uint64_t ms = 1000; ms < 1004; ms++)
        sent(&run, ms, 0, WR_ROLE_CLIENT);
    delivered(&run, 1001, 999, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 1010, 1000, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 1011, 1000, 0, WR_ROLE_CLIENT, 1);
    delivered(&run, 2500, 1003, 0, WR_ROLE_CLIENT, 0);
    expect_held(&run);
    run = run_with(text);
    sent(&run, 1000, 0, WR_ROLE_CLIENT);
    sent(&run, 1001, 0, WR_ROLE_CLIENT);
    sent(&run, 1002, 0, WR_ROLE_CLIENT);
    delivered(&run, 1010, 1000, 0, WR_ROLE_CLIENT, 0);
    expect_lost(&run, 2000, "found 1 of 3");
    run = run_with(text);
    expect_lost(&run, 2000, "found that nothing was sent");
}

Test(expect, of_a_group_each_member_counts_and_the_first_that_fails_is_named)
{
    struct run run = run_with("{\"flow\": \"calls\", \"first_after\": {\"at_most\": \"100ms\"}}");
    delivered(&run, 50, 40, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 60, 40, 0, WR_ROLE_SERVER, 0);
    delivered(&run, 101, 40, 1, WR_ROLE_CLIENT, 0);
    expect_lost(&run, 10000, "calls-1.client: found 101ms; and 1 more of 4");
}

Test(expect, latency_repeats_and_counts_of_a_flow)
{
    struct run run =
        run_with("{\"flow\": \"calls-0.client\", \"latency\": {\"at_most\": \"50ms\"}}");
    expect_lost(&run, 10000, "found that nothing arrived");
    run = run_with("{\"flow\": \"calls-0.client\", \"latency\": {\"at_most\": \"50ms\"}}");
    delivered(&run, 1050, 1000, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 2051, 2000, 0, WR_ROLE_CLIENT, 0);
    expect_lost(&run, 2051, "found 51ms");
    run = run_with("{\"flow\": \"calls-0.client\", \"repeats\": {\"at_most\": 0}}");
    delivered(&run, 1050, 1000, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 1060, 1000, 0, WR_ROLE_CLIENT, 1);
    expect_lost(&run, 1060, "found 1");
    run = run_with("{\"flow\": \"calls-0.client\", \"delivered\": {\"is\": 1}, \"sent\": {\"is\": "
                   "2}}");
    sent(&run, 1000, 0, WR_ROLE_CLIENT);
    sent(&run, 1000, 0, WR_ROLE_CLIENT);
    delivered(&run, 1050, 1000, 0, WR_ROLE_CLIENT, 0);
    delivered(&run, 1060, 1000, 0, WR_ROLE_CLIENT, 1);
    expect_held(&run);
}

Test(expect, a_session_is_followed_by_its_relays_events)
{
    static const char text[] = "{\"session\": \"calls-0\", \"state\": \"active\", \"at\": \"5s\"}";
    struct run run = run_with(text);
    event(&run, 1000, (struct wr_event){.kind = WR_EVENT_CREATED}, 0, SIM_NONE);
    event(&run, 2000, (struct wr_event){.kind = WR_EVENT_ACTIVE}, 0, SIM_NONE);
    event(&run, 5000, (struct wr_event){.kind = WR_EVENT_VACATED}, 0, SIM_NONE);
    expect_held(&run);
    run = run_with(text);
    event(&run, 2000, (struct wr_event){.kind = WR_EVENT_ACTIVE}, 0, SIM_NONE);
    event(&run, 4999, (struct wr_event){.kind = WR_EVENT_VACATED}, 0, SIM_NONE);
    expect_lost(&run, 5000, "found waiting");
    run = run_with(text);
    event(&run, 2000, (struct wr_event){.kind = WR_EVENT_ACTIVE}, 0, SIM_NONE);
    struct sim_action crash = {.kind = SIM_DO_RELAY_CRASH, .relays = {0, 1}};
    struct sim_observation o = sim_observation(SIM_OBSERVED_ACTION, 3 * WR_S);
    o.action = &crash;
    tell(&run, o);
    expect_lost(&run, 5000, "found none");
}

static void says(struct run *run, uint64_t at_ms, uint32_t relay, enum wr_event_kind kind)
{
    event_at(run, at_ms, relay, (struct wr_event){.kind = kind}, 0, SIM_NONE);
}

static void crashes(struct run *run, uint64_t at_ms, uint32_t relay)
{
    struct sim_action crash = {.kind = SIM_DO_RELAY_CRASH, .relays = {relay, 1}};
    struct sim_observation o = sim_observation(SIM_OBSERVED_ACTION, at_ms * WR_MS);
    o.action = &crash;
    tell(run, o);
}

Test(expect, a_session_that_moved_is_asked_of_the_relay_that_serves_it_now)
{
    static const char text[] = "{\"session\": \"calls-0\", \"state\": \"active\", \"at\": \"5s\"}";
    struct run run = run_among(RELAY_ONE ", " RELAY_TWO, text);
    says(&run, 1000, 0, WR_EVENT_ACTIVE);
    says(&run, 2000, 1, WR_EVENT_CREATED);
    says(&run, 2010, 1, WR_EVENT_ACTIVE);
    says(&run, 2020, 0, WR_EVENT_VACATED);
    says(&run, 2030, 0, WR_EVENT_REMOVED);
    expect_held(&run);

    run = run_among(RELAY_ONE ", " RELAY_TWO, text);
    says(&run, 1000, 0, WR_EVENT_ACTIVE);
    says(&run, 2000, 1, WR_EVENT_CREATED);
    expect_lost(&run, 5000, "found waiting"); /* the first one has it until it is idle there */

    run = run_among(RELAY_ONE ", " RELAY_TWO, text);
    says(&run, 1000, 1, WR_EVENT_ACTIVE);
    says(&run, 2000, 0, WR_EVENT_ACTIVE);
    says(&run, 3000, 1, WR_EVENT_BOUND);
    says(&run, 4000, 0, WR_EVENT_VACATED);
    expect_held(&run); /* a peer came back to where the session still was */
}

Test(expect, a_crash_takes_only_the_sessions_of_its_own_relay)
{
    static const char text[] = "{\"session\": \"calls-0\", \"state\": \"active\", \"at\": \"5s\"}";
    struct run run = run_among(RELAY_ONE ", " RELAY_TWO, text);
    says(&run, 2000, 1, WR_EVENT_ACTIVE);
    crashes(&run, 3000, 0);
    expect_held(&run);
    run = run_among(RELAY_ONE ", " RELAY_TWO, text);
    says(&run, 2000, 1, WR_EVENT_ACTIVE);
    crashes(&run, 3000, 1);
    expect_lost(&run, 5000, "found none");
}

Test(expect, events_are_filtered_by_rule_role_session_and_window)
{
    struct run run = run_with("{\"event\": \"promoted\", \"session\": \"calls-1\", \"role\": "
                              "\"client\", \"rule\": 2, \"between\": [\"1s\", \"2s\"], \"is\": 1}");
    struct wr_event promoted = {.kind = WR_EVENT_PROMOTED, .role = WR_ROLE_CLIENT, .rule = 2};
    event(&run, 1500, promoted, 1, SIM_NONE);
    event(&run, 1500, promoted, 0, SIM_NONE);
    event(&run, 2000, promoted, 1, SIM_NONE);
    promoted.rule = 1;
    event(&run, 1500, promoted, 1, SIM_NONE);
    promoted.rule = 2;
    promoted.role = WR_ROLE_SERVER;
    event(&run, 1500, promoted, 1, SIM_NONE);
    promoted.kind = WR_EVENT_REVERTED;
    event(&run, 1500, promoted, 1, SIM_NONE);
    expect_held(&run);
    run = run_with("{\"event\": \"removed\", \"why\": \"idle\", \"at_most\": 1}");
    struct wr_event removed = {.kind = WR_EVENT_REMOVED, .why = WR_WHY_IDLE};
    event(&run, 1000, removed, 0, SIM_NONE);
    event(&run, 3000, removed, 1, SIM_NONE);
    expect_lost(&run, 3000, "found 2");
}

Test(expect, verdicts_answers_requests_and_strays_are_counted_for_whom_they_concern)
{
    struct run run = run_with("{\"verdict\": \"expired\", \"peer\": \"c\", \"is\": 1}");
    struct wr_event verdict = {.kind = WR_EVENT_VERDICT, .verdict = WR_VERDICT_EXPIRED};
    event(&run, 1000, verdict, 0, 0);
    event(&run, 1000, verdict, 0, 2);
    expect_lost(&run, 10000, "c-1: found 0");
    run = run_with("{\"verdict\": \"expired\", \"peer\": \"c\", \"is\": 2, \"total\": true}");
    event(&run, 1000, verdict, 0, 0);
    event(&run, 1000, verdict, 1, 1);
    expect_held(&run);

    run = run_with("{\"reject\": \"banned\", \"peer\": \"c-0\", \"is\": 1}");
    struct sim_observation o = sim_observation(SIM_OBSERVED_ANSWER, WR_S);
    o.peer = 0;
    o.packet = SIM_PACKET_REJECT;
    o.reason = 5;
    tell(&run, o);
    o.reason = 4;
    tell(&run, o);
    o.packet = SIM_PACKET_ACK;
    o.reason = 5;
    tell(&run, o);
    expect_held(&run);

    run = run_with("{\"requests\": \"register\", \"at_most\": 0}");
    o = sim_observation(SIM_OBSERVED_REQUEST, 2 * WR_S);
    o.master = 0;
    o.request = SIM_REQUEST_HEARTBEAT;
    tell(&run, o);
    o.request = SIM_REQUEST_REGISTER;
    tell(&run, o);
    expect_lost(&run, 2000, "found 1");

    run = run_with("{\"strays_to\": \"mallory\", \"is\": 1}");
    o = sim_observation(SIM_OBSERVED_STRAY, 2 * WR_S);
    o.attacker = 0;
    tell(&run, o);
    o.attacker = SIM_NONE;
    o.peer = 1;
    tell(&run, o);
    expect_held(&run);
}
