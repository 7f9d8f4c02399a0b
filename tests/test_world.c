/* Worlds from scenario text to the end of their run: what the engine promises to whoever writes
 * scenarios. What relays, peers, attackers and oracles do in them has tests of its own. */
#include "observation.h"
#include "scenario_parse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 8192
#define EVENTS_MAX 4096

static struct sim_arena *arena;
static const struct sim_scenario *scenario;

/* What one run showed. */
static struct {
    struct sim_run_result result;
    uint64_t sent[WR_ROLES];
    uint64_t delivered[WR_ROLES];
    uint64_t first_ns[WR_ROLES];
    uint64_t last_ns[WR_ROLES];
    uint64_t longest_gap_ns[WR_ROLES];
    uint64_t shortest_ns;
    uint64_t longest_ns;
    uint64_t acks, rejects, strays, notes, datagrams, actions, samples;
    uint32_t last_reason;
    uint64_t requests[SIM_REQUEST_COUNT];
    uint64_t events[WR_EVENT_DRAINED + 1];
    uint64_t outcomes[WR_OUTCOME_COUNT];
    uint64_t verdicts[WR_VERDICT_COUNT];
    uint64_t of_unknown_sender;
    struct wr_snapshot end;
    uint32_t last_relay;
    bool end_running, end_ready, end_registered;
    char violation[512];
} seen;

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

/* A scenario of two robust peers at 20 ms from one relay that talk from 1 s on, 50 datagrams a
 * second each way. `more` replaces or adds members; JSON with single quotes. */
static void read_world(const char *members, const char *timeline)
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

#define TWO_PEERS                                                                                  \
    "'peers': {'alice': {'behaviour': 'robust', 'address': '192.0.2.1:5000', 'link': 'access'},"   \
    "'bob': {'behaviour': 'robust', 'address': '192.0.2.2:6000', 'link': 'access'}},"
#define A_CALL                                                                                     \
    "'sessions': {'call': {'client': 'alice', 'server': 'bob', 'start': '1s', 'traffic': {"        \
    "'client': {'profile': 'audio'}, 'server': {'profile': 'audio'}}}},"
#define A_RELAY "'relays': {'relay': {'address': '198.51.100.1:4000'}},"

static void close_world(void)
{
    if (arena != NULL) {
        sim_arena_destroy(arena);
        arena = NULL;
    }
}

TestSuite(world, .fini = close_world);

/* Whatever the oracles say of it. */
static struct sim_run_result judge_seed(uint64_t seed, bool watched)
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

static struct sim_run_result play_seed(uint64_t seed, bool watched)
{
    judge_seed(seed, watched);
    cr_expect_eq(seen.result.violations, 0u, "%s", seen.violation);
    return seen.result;
}

static void play(const char *timeline)
{
    read_world(TWO_PEERS A_CALL A_RELAY, timeline);
    play_seed(1, true);
}

Test(world, a_call_is_served_from_its_beginning_to_the_end)
{
    play("");
    for (unsigned role = 0; role < WR_ROLES; role++) {
        cr_expect(seen.sent[role] >= 940 && seen.sent[role] <= 950, "%u",
                  (unsigned)seen.sent[role]);
        cr_expect_leq(seen.sent[role] - seen.delivered[role], 3u, "only what is under way");
        cr_expect_lt(seen.longest_gap_ns[role], 25 * WR_MS);
    }
    cr_expect_geq(seen.shortest_ns, 20 * WR_MS, "two links");
    cr_expect_lt(seen.longest_ns, 21 * WR_MS, "and the host's time");
    cr_expect_eq(seen.end.sessions_active, 1u);
    cr_expect(seen.end_running && seen.end_ready && seen.end_registered);
    cr_expect_eq(seen.verdicts[WR_VERDICT_ACCEPTED], 2u);
    cr_expect_eq(seen.of_unknown_sender, 0u);
    cr_expect_eq(seen.strays, 0u);
    cr_expect_geq(seen.requests[SIM_REQUEST_HEARTBEAT], 2u);
    cr_expect_eq(seen.requests[SIM_REQUEST_LEASE], 2u);
    cr_expect_eq(seen.result.datagrams_forwarded, seen.end.counters.packets_forwarded);
    cr_expect_eq(seen.samples, 2u);
    cr_expect_gt(seen.datagrams, 1800u);
}

Test(world, one_seed_is_one_run_watched_or_not)
{
    read_world(TWO_PEERS A_CALL A_RELAY, "{'at': '5s', 'do': 'relay_restart', 'for': '1s'}");
    struct sim_run_result first = play_seed(7, true);
    struct sim_run_result second = play_seed(7, true);
    struct sim_run_result unseen = play_seed(7, false);
    struct sim_run_result other = play_seed(8, true);
    cr_expect_eq(first.hash, second.hash);
    cr_expect_eq(first.hash, unseen.hash);
    cr_expect_eq(first.events, unseen.events);
    cr_expect_neq(first.hash, other.hash);
    cr_assert_eq(first.checkpoint_count, SIM_CHECKPOINTS_MAX);
    for (uint32_t i = 0; i < SIM_CHECKPOINTS_MAX; i++) {
        cr_expect_eq(first.checkpoints[i].hash, unseen.checkpoints[i].hash);
        cr_expect_eq(first.checkpoints[i].at_ns, 20 * WR_S / SIM_CHECKPOINTS_MAX * (i + 1));
    }
}

Test(world, permuted_ties_are_another_run_with_the_same_promises)
{
    read_world(TWO_PEERS A_CALL A_RELAY, "");
    struct sim_run_result plain = play_seed(1, true);
    sim_arena_destroy(arena);
    read_world("'permute_ties': true," TWO_PEERS A_CALL A_RELAY, "");
    struct sim_run_result permuted = play_seed(1, true);
    cr_expect_neq(plain.hash, permuted.hash);
    cr_expect_leq(seen.sent[0] - seen.delivered[0], 3u);
    cr_expect_eq(play_seed(1, false).hash, permuted.hash);
}

Test(world, a_partition_is_one_way_and_heals)
{
    play("{'at': '5s', 'do': 'partition', 'peer': 'alice', 'direction': 'down', 'for': '2s'}");
    cr_expect(seen.longest_gap_ns[WR_ROLE_SERVER] >= 2 * WR_S, "alice hears nothing");
    cr_expect(seen.longest_gap_ns[WR_ROLE_SERVER] < 4 * WR_S);
    cr_expect(seen.longest_gap_ns[WR_ROLE_CLIENT] < 100 * WR_MS, "and is heard");
    cr_expect_eq(seen.actions, 1u);
}

Test(world, a_partition_lasts_until_it_is_healed)
{
    play("{'at': '5s', 'do': 'partition', 'relay': 'relay'},"
         "{'at': '8s', 'do': 'heal', 'relay': 'relay'}");
    cr_expect(seen.longest_gap_ns[WR_ROLE_CLIENT] >= 3 * WR_S);
    cr_expect_gt(seen.last_ns[WR_ROLE_CLIENT], 19 * WR_S);
}

#define TWO_RELAYS                                                                                 \
    "'relays': {'one': {'address': '198.51.100.1:4000'}, "                                         \
    "'two': {'address': '198.51.100.2:4000'}}, " TWO_PEERS                                         \
    "'sessions': {'call': {'client': 'alice', 'server': 'bob', 'relay': 'one', 'traffic': {"       \
    "'client': {'profile': 'audio'}, 'server': {'profile': 'audio'}}}},"

Test(world, who_is_not_healed_owes_no_service)
{
    play("{'at': '4s', 'do': 'partition', 'peer': 'alice'},"
         "{'at': '4s', 'do': 'partition', 'peer': 'bob'},"
         "{'at': '5s', 'do': 'heal', 'peer': 'bob'}");
    static const char *const other_relay[] = {
        "{'at': '4s', 'do': 'relay_crash', 'relay': 'one'},"
        "{'at': '4s', 'do': 'relay_crash', 'relay': 'two'},"
        "{'at': '5s', 'do': 'relay_restart', 'relay': 'two'}",
        "{'at': '4s', 'do': 'relay_pause', 'relay': 'one'},"
        "{'at': '4s', 'do': 'relay_pause', 'relay': 'two'},"
        "{'at': '5s', 'do': 'relay_resume', 'relay': 'two'}",
        "{'at': '4s', 'do': 'partition', 'relay': 'one'},"
        "{'at': '4s', 'do': 'partition', 'relay': 'two', 'for': '1s'}",
    };
    for (unsigned i = 0; i < 3; i++) {
        close_world();
        read_world(TWO_RELAYS, other_relay[i]);
        play_seed(1, true);
        cr_expect_lt(seen.last_ns[WR_ROLE_CLIENT], 4100 * WR_MS, "nobody is served any more");
    }
}

#define CUT_AT_8S "{'at': '8s', 'do': 'link_change', 'link': 'access', 'to_link': 'dead'}"

/* Alice's link is cut at 8 s without a word to the oracles: a fault of the service like any other,
 * which they must see where everything that the timeline did before is over. */
static void expect_judged_after(const char *troubles)
{
    char timeline[1024];
    snprintf(timeline, sizeof timeline, "%s, " CUT_AT_8S, troubles);
    read_world(TWO_PEERS A_CALL A_RELAY, timeline);
    judge_seed(1, true);
    cr_expect_gt(seen.result.violations, 0u, "%s", troubles);
    close_world();
}

Test(world, what_is_over_mutes_no_oracle)
{
    expect_judged_after("{'at': '4s', 'do': 'partition', 'peer': 'alice'},"
                        "{'at': '5s', 'do': 'heal', 'peer': 'alice'}");
    expect_judged_after("{'at': '4s', 'do': 'partition', 'peer': 'alice', 'for': '1m'},"
                        "{'at': '5s', 'do': 'heal', 'peer': 'alice'}");
    expect_judged_after("{'at': '4s', 'do': 'peer_pause', 'peer': 'alice'},"
                        "{'at': '5s', 'do': 'peer_resume', 'peer': 'alice'}");
    expect_judged_after("{'at': '4s', 'do': 'relay_crash'},"
                        "{'at': '5s', 'do': 'relay_restart'}");
    expect_judged_after("{'at': '4s', 'do': 'master_fail', 'how': 'refuse'},"
                        "{'at': '5s', 'do': 'master_recover'}");
    expect_judged_after("{'at': '4s', 'do': 'relay_pause'},"
                        "{'at': '5s', 'do': 'relay_restart', 'for': '100ms'}");
    expect_judged_after("{'at': '3s', 'do': 'relay_pause'}, {'at': '4s', 'do': 'relay_crash'},"
                        "{'at': '5s', 'do': 'relay_restart'}");
}

#define A_CALL_WITH(lease)                                                                         \
    "'sessions': {'call': {'client': 'alice', 'server': 'bob', 'lease': {" lease "}, 'traffic': {" \
    "'client': {'profile': 'audio'}, 'server': {'profile': 'audio'}}}},"

Test(world, a_lease_that_the_relay_must_refuse_promises_nothing)
{
    static const char *const refused[] = {
        TWO_PEERS A_RELAY A_CALL_WITH("'ttl': '2h'"),
        TWO_PEERS A_RELAY A_CALL_WITH("'ttl': '3631s'"),
        TWO_PEERS A_RELAY A_CALL_WITH("'ttl': '2h', 'applies_to': 'first'"),
        TWO_PEERS A_RELAY A_CALL_WITH("'soft_kbps': 999"),
        TWO_PEERS A_RELAY A_CALL_WITH("'soft_kbps': 2000, 'hard_kbps': 1999"),
        TWO_PEERS A_CALL_WITH("'ttl': '3601s'") "'relays': {'relay': {'address': "
                                                "'198.51.100.1:4000', 'options': "
                                                "{'max-clock-skew-secs': 0}}},",
        TWO_PEERS A_CALL
        "'masters': {'master': {'clock': {'offset': '-20s'}}}, 'relays': {'relay': "
        "{'address': '198.51.100.1:4000', 'clock': {'offset': '20s'}}}, ",
        TWO_PEERS A_CALL "'masters': {'master': {'clock': {'offset': '20s'}}}, 'relays': {'relay': "
                         "{'address': '198.51.100.1:4000', 'clock': {'offset': '-20s'}}}, ",
    };
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
        read_world(refused[i], "");
        play_seed(1, true);
        close_world();
    }
}

Test(world, a_lease_as_long_as_a_relay_believes_in_promises_service)
{
    read_world(TWO_PEERS A_RELAY A_CALL_WITH("'ttl': '3630s'"), CUT_AT_8S);
    judge_seed(1, true);
    cr_expect_geq(seen.verdicts[WR_VERDICT_ACCEPTED], 2u);
    cr_expect_gt(seen.result.violations, 0u);
}

Test(world, a_clock_that_drifts_too_far_is_a_trouble_without_an_action)
{
    read_world(TWO_PEERS "'relays': {'relay': {'address': '198.51.100.1:4000', "
                         "'options': {'max-clock-skew-secs': 0}, "
                         "'clock': {'drift_ppb': -100000000}}}," A_CALL,
               "");
    play_seed(1, true);
    cr_expect_gt(seen.verdicts[WR_VERDICT_NOT_YET_VALID], 0u);
    cr_expect_eq(seen.verdicts[WR_VERDICT_ACCEPTED], 0u);
}

#define QUIET_PEERS                                                                                \
    "'peers': {'alice': {'behaviour': 'robust', 'address': '192.0.2.1:5000', 'link': 'access', "   \
    "'sign_of_life': '0s'}, 'bob': {'behaviour': 'robust', 'address': '192.0.2.2:6000', "          \
    "'sign_of_life': '0s'}},"

Test(world, nobody_waits_for_what_nobody_says)
{
    play("{'at': '3s', 'do': 'traffic_stop', 'session': 'call'}");
    close_world();
    play("{'at': '3s', 'do': 'traffic_stop', 'session': 'call', 'role': 'client'}");
    close_world();
    read_world(QUIET_PEERS A_CALL A_RELAY, "{'at': '3s', 'do': 'traffic_stop', 'session': 'call'}");
    play_seed(1, true);
}

Test(world, who_only_listens_is_owed_what_the_other_says)
{
    play("{'at': '3s', 'do': 'traffic_stop', 'session': 'call', 'role': 'server'}");
    close_world();
    read_world(
        TWO_PEERS A_CALL A_RELAY,
        "{'at': '3s', 'do': 'traffic_stop', 'session': 'call', 'role': 'server'}," CUT_AT_8S);
    judge_seed(1, true);
    cr_expect_eq(seen.result.violations, 1u, "bob's, who hears nothing: nobody talks to alice");
}

Test(world, a_link_behaves_like_another_for_a_while)
{
    play("{'at': '5s', 'do': 'link_change', 'link': 'access', 'to_link': 'slow', 'for': '2s'}");
    cr_expect(seen.longest_ns > 100 * WR_MS && seen.longest_ns <= 121 * WR_MS);
    cr_expect_lt(seen.shortest_ns, 21 * WR_MS);
    sim_arena_destroy(arena);
    play("{'at': '5s', 'do': 'link_change', 'link': 'access', 'to_link': 'dead', 'for': '2s'}");
    cr_expect(seen.longest_gap_ns[WR_ROLE_CLIENT] >= 2 * WR_S);
    cr_expect_gt(seen.last_ns[WR_ROLE_CLIENT], 19 * WR_S);
}

Test(world, a_relay_that_restarts_counts_on_and_is_registered_again)
{
    play("{'at': '5s', 'do': 'relay_restart', 'for': '2s'}");
    cr_expect_eq(seen.requests[SIM_REQUEST_REGISTER], 2u);
    cr_expect_eq(seen.end.counters.verdicts[WR_VERDICT_ACCEPTED],
                 seen.verdicts[WR_VERDICT_ACCEPTED], "sums over both processes");
    cr_expect_geq(seen.verdicts[WR_VERDICT_ACCEPTED], 4u);
    cr_expect(seen.longest_gap_ns[WR_ROLE_CLIENT] >= 2 * WR_S);
    cr_expect_gt(seen.last_ns[WR_ROLE_CLIENT], 19 * WR_S);
    cr_expect_eq(seen.end.sessions_active, 1u);
}

Test(world, a_relay_that_crashed_stays_down)
{
    play("{'at': '5s', 'do': 'relay_crash'}");
    cr_expect_not(seen.end_running);
    cr_expect_lt(seen.last_ns[WR_ROLE_CLIENT], 5 * WR_S + 30 * WR_MS);
    cr_expect_gt(seen.end.counters.packets_forwarded, 300u, "what it had counted is not lost");
}

Test(world, a_relay_that_is_paused_drops_what_its_queue_does_not_hold)
{
    read_world(TWO_PEERS A_CALL "'relays': {'relay': {'address': '198.51.100.1:4000', "
                                "'host': {'receive_queue': 20}}},",
               "{'at': '5s', 'do': 'relay_pause', 'for': '1s'}");
    play_seed(1, true);
    uint64_t lost = seen.end.counters.backpressure_dropped_packets;
    cr_expect(lost > 60 && lost < 120, "%u", (unsigned)lost);
    cr_expect(seen.longest_ns >= WR_S && seen.longest_ns < 1100 * WR_MS, "the queue waited");
}

Test(world, a_slow_host_makes_datagrams_wait)
{
    play("{'at': '5s', 'do': 'relay_host', 'host': {'forward': '5ms'}, 'for': '1s'}");
    cr_expect(seen.longest_ns > 25 * WR_MS && seen.longest_ns < 60 * WR_MS);
    cr_expect_eq(seen.end.counters.backpressure_dropped_packets, 0u);
}

Test(world, a_peer_that_sleeps_neither_sends_nor_hears)
{
    play("{'at': '5s', 'do': 'peer_pause', 'peer': 'alice', 'for': '2s'}");
    cr_expect(seen.longest_gap_ns[WR_ROLE_CLIENT] >= 2 * WR_S);
    cr_expect(seen.longest_gap_ns[WR_ROLE_SERVER] >= 2 * WR_S);
    cr_expect_leq(seen.sent[WR_ROLE_CLIENT] + 98, seen.sent[WR_ROLE_SERVER]);
    cr_expect_gt(seen.last_ns[WR_ROLE_SERVER], 19 * WR_S);
}

Test(world, a_peer_that_crashed_is_gone)
{
    play("{'at': '5s', 'do': 'peer_crash', 'peer': 'alice'}");
    cr_expect_lt(seen.last_ns[WR_ROLE_CLIENT], 5 * WR_S + 30 * WR_MS);
    cr_expect_lt(seen.last_ns[WR_ROLE_SERVER], 5 * WR_S + 30 * WR_MS);
}

Test(world, a_peer_restarts_with_a_newer_lease)
{
    play("{'at': '5s', 'do': 'peer_restart', 'peer': 'alice', 'lease': 'newer', 'for': '1s'}");
    cr_expect_eq(seen.requests[SIM_REQUEST_LEASE], 3u);
    cr_expect_eq(seen.verdicts[WR_VERDICT_NEWER_TOKEN], 1u);
    cr_expect_gt(seen.last_ns[WR_ROLE_CLIENT], 19 * WR_S);
}

Test(world, a_peer_that_leaves_is_silent)
{
    play("{'at': '5s', 'do': 'peer_release', 'peer': 'alice'}");
    cr_expect_eq(seen.outcomes[WR_OUTCOME_RELEASED], 1u);
    cr_expect_lt(seen.last_ns[WR_ROLE_CLIENT], 5 * WR_S + 30 * WR_MS);
}

Test(world, leases_are_said_as_the_timeline_wants)
{
    play("{'at': '5s', 'do': 'peer_present', 'peer': 'alice', 'lease': 'newer'},"
         "{'at': '6s', 'do': 'peer_present', 'peer': 'alice', 'lease': 'older'},"
         "{'at': '7s', 'do': 'peer_renew', 'peer': 'alice', 'lease': 'current'},"
         "{'at': '8s', 'do': 'peer_present', 'peer': 'bob', 'lease': 'older'}");
    cr_expect_eq(seen.verdicts[WR_VERDICT_NEWER_TOKEN], 1u);
    cr_expect_eq(seen.verdicts[WR_VERDICT_OLDER_TOKEN], 1u);
    cr_expect_eq(seen.rejects, 1u);
    cr_expect_eq(seen.last_reason, 2u);
    cr_expect_eq(seen.notes, 2u, "registered; bob has no older one");
}

Test(world, single_datagrams_are_dropped_doubled_delayed_and_spoiled)
{
    play("{'at': '5s', 'do': 'drop_next', 'peer': 'alice', 'packet': 'forward', "
         "'direction': 'up', 'count': 10},"
         "{'at': '6s', 'do': 'duplicate_next', 'peer': 'alice', 'packet': 'forward', "
         "'direction': 'up', 'count': 5, 'delay': '1ms'},"
         "{'at': '7s', 'do': 'delay_next', 'peer': 'bob', 'packet': 'forward', "
         "'direction': 'down', 'count': 1, 'delay': '300ms'}");
    cr_expect_eq(seen.outcomes[WR_OUTCOME_REPLAYED], 5u);
    cr_expect(seen.longest_ns >= 320 * WR_MS && seen.longest_ns < 321 * WR_MS);
    uint64_t lost = seen.sent[WR_ROLE_CLIENT] - seen.delivered[WR_ROLE_CLIENT];
    cr_expect(lost >= 9 && lost <= 12, "%u", (unsigned)lost);
    sim_arena_destroy(arena);
    play("{'at': '5s', 'do': 'corrupt_next', 'peer': 'alice', 'packet': 'forward', "
         "'direction': 'up', 'count': 3}");
    cr_expect_gt(seen.last_ns[WR_ROLE_CLIENT], 19 * WR_S, "one bit of the last byte: payload");
}

Test(world, traffic_stops_and_starts)
{
    play("{'at': '5s', 'do': 'traffic_stop', 'session': 'call', 'role': 'client', 'for': '3s'},"
         "{'at': '10s', 'do': 'traffic_stop', 'session': 'call', 'role': 'server'},"
         "{'at': '12s', 'do': 'traffic_start', 'session': 'call', 'role': 'server'}");
    cr_expect(seen.longest_gap_ns[WR_ROLE_CLIENT] >= 2990 * WR_MS &&
              seen.longest_gap_ns[WR_ROLE_CLIENT] <= 3030 * WR_MS);
    cr_expect(seen.longest_gap_ns[WR_ROLE_SERVER] >= 1990 * WR_MS &&
              seen.longest_gap_ns[WR_ROLE_SERVER] <= 2030 * WR_MS);
}

Test(world, a_ban_ends_a_session_and_survives_a_restart)
{
    play("{'at': '5s', 'do': 'relay_ban', 'peer': 'alice'},"
         "{'at': '8s', 'do': 'relay_restart', 'for': '1s'}");
    cr_expect_geq(seen.events[WR_EVENT_REMOVED], 1u);
    cr_expect_lt(seen.last_ns[WR_ROLE_CLIENT], 5 * WR_S + 30 * WR_MS);
    cr_expect_eq(seen.last_reason, 5u);
    cr_expect_eq(seen.end.sessions_active, 0u);
}

/* More than a fixed table would hold, and the one that counts comes last. */
Test(world, what_an_operator_has_set_survives_a_restart_however_much_it_is)
{
    read_world("'peers': {'alice': {'behaviour': 'robust', 'address': '192.0.2.1:5000', 'link': "
               "'access'}, 'bob': {'behaviour': 'robust', 'address': '192.0.2.2:6000', 'link': "
               "'access'}, 'crowd': {'behaviour': 'robust', 'count': 300, 'address': "
               "'10.1.0.1:5000'}}," A_CALL A_RELAY,
               "{'at': '5s', 'do': 'relay_ban', 'peer': 'crowd'},"
               "{'at': '6s', 'do': 'relay_ban', 'peer': 'alice'},"
               "{'at': '8s', 'do': 'relay_restart', 'for': '1s'}");
    play_seed(1, true);
    cr_expect_eq(seen.last_reason, 5u);
    cr_expect_eq(seen.end.sessions_active, 0u);
    close_world();

    read_world(
        "'keys': {'old-0': {}, 'old-1': {}, 'old-2': {}, 'old-3': {}, 'old-4': {}, 'old-5': {}, "
        "'old-6': {}, 'old-7': {}, 'k': {}}, 'masters': {'master': {'key': 'k'}}," TWO_PEERS A_CALL
            A_RELAY,
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'old-0'},"
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'old-1'},"
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'old-2'},"
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'old-3'},"
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'old-4'},"
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'old-5'},"
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'old-6'},"
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'old-7'},"
        "{'at': '5s', 'do': 'relay_key_revoke', 'key': 'k'},"
        "{'at': '8s', 'do': 'relay_restart', 'for': '1s'}");
    play_seed(1, true);
    cr_expect_eq(seen.end.sessions_active, 0u);
    cr_expect_lt(seen.last_ns[WR_ROLE_CLIENT], 5100 * WR_MS);
}

Test(world, a_key_that_took_the_place_of_a_revoked_one_is_pinned_after_a_restart)
{
    read_world(
        "'keys': {'a': {}, 'b': {}, 'c': {}, 'd': {}, 'e': {}, 'f': {}, 'g': {}, 'h': {}, "
        "'new': {}}, 'masters': {'master': {'key': 'a'}}, 'relays': {'relay': {'address': "
        "'198.51.100.1:4000', 'pinned_keys': ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']}}," TWO_PEERS
            A_CALL,
        "{'at': '4s', 'do': 'relay_key_revoke', 'key': 'h'},"
        "{'at': '5s', 'do': 'relay_key_add', 'key': 'new'},"
        "{'at': '6s', 'do': 'master_rotate', 'key': 'new'},"
        "{'at': '8s', 'do': 'relay_restart', 'for': '1s'},"
        "{'at': '10s', 'do': 'peer_restart', 'peer': 'alice'},"
        "{'at': '10s', 'do': 'peer_restart', 'peer': 'bob'}");
    play_seed(1, true);
    cr_expect_gt(seen.last_ns[WR_ROLE_CLIENT], 19 * WR_S);
    cr_expect_eq(seen.verdicts[WR_VERDICT_UNKNOWN_KEY], 0u);
}

Test(world, a_master_that_is_down_gives_no_leases_and_then_does)
{
    read_world(TWO_PEERS A_CALL A_RELAY, "{'at': '500ms', 'do': 'master_fail', 'how': 'refuse', "
                                         "'for': '4s'}");
    play_seed(1, true);
    cr_expect_gt(seen.first_ns[WR_ROLE_CLIENT], 4500 * WR_MS);
    cr_expect_gt(seen.last_ns[WR_ROLE_CLIENT], 19 * WR_S);
    cr_expect_gt(seen.requests[SIM_REQUEST_LEASE], 2u);
}

Test(world, a_restarted_relay_with_another_pinned_key_refuses)
{
    read_world("'keys': {'k1': {}, 'k2': {}}, 'masters': {'master': {'key': 'k1'}}, "
               "'relays': {'relay': {'address': '198.51.100.1:4000', "
               "'pinned_keys': ['k1']}}," TWO_PEERS A_CALL,
               "{'at': '5s', 'do': 'relay_restart', 'keys': ['k2'], 'for': '1s'}");
    play_seed(1, true);
    cr_expect_geq(seen.verdicts[WR_VERDICT_UNKNOWN_KEY], 2u);
    cr_expect_lt(seen.last_ns[WR_ROLE_CLIENT], 5 * WR_S + 30 * WR_MS);
}

#define NATS                                                                                       \
    "'nats': {'home': {'public': '203.0.113.1'}, 'mobile': {'public': '203.0.113.2'}},"            \
    "'peers': {'alice': {'behaviour': 'robust', 'address': '192.168.0.2:5000', 'nat': 'home', "    \
    "'link': 'access'}, 'bob': {'behaviour': 'robust', 'address': '192.0.2.2:6000', "              \
    "'link': 'access'}},"

Test(world, a_rebind_is_survived_and_so_is_a_reboot)
{
    read_world(NATS A_CALL A_RELAY, "{'at': '5s', 'do': 'nat_rebind', 'nat': 'home'},"
                                    "{'at': '12s', 'do': 'nat_reboot', 'nat': 'home', "
                                    "'address': '203.0.113.77:1'}");
    play_seed(1, true);
    cr_expect_geq(seen.events[WR_EVENT_PROMOTED], 2u);
    cr_expect_lt(seen.longest_gap_ns[WR_ROLE_SERVER], 3 * WR_S);
    cr_expect_gt(seen.longest_gap_ns[WR_ROLE_SERVER], 900 * WR_MS);
    cr_expect_gt(seen.last_ns[WR_ROLE_SERVER], 19 * WR_S);
}

Test(world, a_phone_moves_to_another_network)
{
    read_world(NATS A_CALL A_RELAY, "{'at': '5s', 'do': 'peer_move', 'peer': 'alice', 'nat': "
                                    "'mobile', 'address': '10.0.0.9:5000', 'link': 'slow'}");
    play_seed(1, true);
    cr_expect_geq(seen.events[WR_EVENT_PROMOTED], 1u);
    cr_expect(seen.longest_ns >= 70 * WR_MS, "over the other link");
    cr_expect_gt(seen.last_ns[WR_ROLE_SERVER], 19 * WR_S);
}

Test(world, a_drained_relay_hands_its_call_to_another)
{
    read_world("'relays': {'one': {'address': '198.51.100.1:4000'}, "
               "'two': {'address': '198.51.100.2:4000'}}, " TWO_PEERS
               "'sessions': {'call': {'client': 'alice', 'server': 'bob', 'relay': 'one', "
               "'start': '1s', 'lease': {'ttl': '12s'}, 'traffic': {'client': {'profile': "
               "'audio'}, 'server': {'profile': 'audio'}}}},",
               "{'at': '5s', 'do': 'relay_drain', 'relay': 'one'}");
    play_seed(1, true);
    cr_expect_eq(seen.last_relay, 1u, "asked at the renewal, both went to the other one");
    cr_expect_gt(seen.last_ns[WR_ROLE_CLIENT], 19 * WR_S);
    cr_expect_lt(seen.longest_gap_ns[WR_ROLE_CLIENT], 5 * WR_S);
}

Test(world, an_attacker_is_told_apart_and_gets_nothing)
{
    read_world(TWO_PEERS A_CALL A_RELAY
               "'attackers': {'mallory': {'attack': 'lease_flood', 'address': '203.0.113.66:666', "
               "'token': 'forged', 'rate_pps': 100, 'sources': 10, 'start': '3s', 'stop': '6s'}},",
               "");
    play_seed(1, true);
    cr_expect(seen.verdicts[WR_VERDICT_BAD_SIGNATURE] > 250 &&
                  seen.verdicts[WR_VERDICT_BAD_SIGNATURE] <= 301,
              "%u", (unsigned)seen.verdicts[WR_VERDICT_BAD_SIGNATURE]);
    cr_expect_eq(seen.of_unknown_sender, 0u);
    cr_expect_eq(seen.strays, 0u);
    cr_expect_leq(seen.sent[0] - seen.delivered[0], 3u);
}

Test(world, an_upstream_client_shakes_hands_and_talks)
{
    read_world("'peers': {'alice': {'behaviour': 'upstream', 'address': '192.0.2.1:5000', "
               "'link': 'access'}, 'bob': {'behaviour': 'upstream', "
               "'address': '192.0.2.2:6000', 'link': 'access'}}," A_CALL A_RELAY,
               "");
    play_seed(1, true);
    cr_expect_geq(seen.outcomes[WR_OUTCOME_BARE_FORWARDED], 3u);
    cr_expect_gt(seen.delivered[WR_ROLE_SERVER], 800u);
}
