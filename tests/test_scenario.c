#include "scenario_parse.h"

#include <address.h>

#include <criterion/criterion.h>

#include <string.h>

/* Reads a scenario whose sections beside the required members are `sections`. */
static struct sim_scenario *scenario_of(const char *sections)
{
    static struct sim_document document;
    char text[8192];
    int bytes = snprintf(text, sizeof text,
                         "{\"name\": \"test\", \"shows\": \"What this test needs.\", \"covers\": "
                         "[\"PROTOCOL 3\"], \"duration\": \"30s\", %s}",
                         sections);
    cr_assert(bytes > 0 && (size_t)bytes < sizeof text);
    struct sim_arena *arena = sim_arena_create();
    cr_assert(sim_document_parse(&document, arena, "scenarios/nat/test.json", text, (size_t)bytes));
    struct sim_scenario *scenario = sim_scenario_parse(&document);
    if (!scenario)
        sim_document_print_problems(&document, stderr);
    cr_assert_not_null(scenario);
    sim_document_close(&document);
    return scenario;
}

#define EXPECT "\"expect\": [{\"counter\": \"packets_rx\", \"at_least\": 1}]"
#define TWO_PEERS                                                                                  \
    "\"peers\": {\"alice\": {\"behaviour\": \"robust\", \"address\": \"192.0.2.1:5000\"}, "        \
    "\"bob\": {\"behaviour\": \"upstream\", \"address\": \"192.0.2.2:6000\"}}, "
#define CALL "\"sessions\": {\"call\": {\"client\": \"alice\", \"server\": \"bob\"%s}}, "

static void expect_address(const struct wr_address *address, const char *text)
{
    char found[WR_ADDRESS_TEXT_BYTES];
    cr_expect_str_eq(wr_address_format(address, found), text);
}

Test(scenario, what_json_leaves_out_has_its_default)
{
    struct sim_scenario *s = scenario_of(EXPECT);
    cr_expect_str_eq(s->name, "test");
    cr_expect_str_eq(s->family, "nat");
    cr_expect_eq(s->seed, 1);
    cr_expect_eq(s->duration_ns, 30 * WR_S);
    cr_expect_eq(s->start_unix_ms, UINT64_C(1794657600000));
    cr_assert_eq(s->key_count, 1);
    cr_expect_str_eq(s->keys[0].kid, "k1");
    cr_assert_eq(s->master_count, 1);
    cr_expect_eq(s->masters[0].signs_with, 0);
    cr_expect_eq(s->masters[0].publishes, 0);
    cr_assert_eq(s->relay_count, 1);
    expect_address(&s->relays[0].address, "198.51.100.1:4000");
    cr_expect_str_eq(s->relays[0].config.relay_id, "relay");
    cr_expect_eq(s->relays[0].master, 0);
    cr_expect(s->relays[0].config.keys_refreshable);
    cr_expect_eq(s->relays[0].config.verify_rate, 7812, "half of what 64 us each allow");
    sim_scenario_free(s);
}

Test(scenario, a_relay_without_options_has_the_relays_own_defaults)
{
    struct wr_relay_config ours;
    wr_relay_config_default(&ours);
    struct sim_scenario *s = scenario_of(EXPECT);
    const struct wr_relay_config *theirs = &s->relays[0].config;
    cr_expect_eq(theirs->max_sessions, ours.max_sessions);
    cr_expect_eq(theirs->load_shed_threshold_pct, ours.load_shed_threshold_pct);
    cr_expect_eq(theirs->idle_timeout_secs, ours.idle_timeout_secs);
    cr_expect_eq(theirs->max_clock_skew_secs, ours.max_clock_skew_secs);
    cr_expect_eq(theirs->role_policy, ours.role_policy);
    cr_expect_eq(theirs->passive_rebind, ours.passive_rebind);
    sim_scenario_free(s);
}

Test(scenario, groups_are_unfolded_with_addresses_that_count_up)
{
    struct sim_scenario *s = scenario_of(
        "\"nats\": {\"street\": {\"count\": 3, \"public\": [\"203.0.113.1\", \"203.0.113.2\"]}}, "
        "\"peers\": {\"c\": {\"count\": 3, \"behaviour\": \"robust\", \"address\": "
        "\"10.0.0.255:5000\", \"nat\": \"street\"}, \"h\": {\"count\": 3, \"behaviour\": "
        "\"robust\", \"address\": \"192.0.2.1:6000\"}}, \"sessions\": {\"calls\": {\"client\": "
        "\"c\", \"server\": \"h\", \"start\": \"1s\", \"spread\": \"250ms\"}}, " EXPECT);
    cr_assert_eq(s->nat_count, 3);
    cr_expect_str_eq(s->nats[2].name, "street-2");
    expect_address(&s->nats[2].public_ips[0], "203.0.113.5:0");
    expect_address(&s->nats[2].public_ips[1], "203.0.113.6:0");
    cr_assert_eq(s->peer_count, 6);
    cr_expect_str_eq(s->peers[1].name, "c-1");
    cr_expect_str_eq(s->peers[1].identity, "c-1");
    expect_address(&s->peers[1].address, "10.0.1.0:5000");
    cr_expect_eq(s->peers[1].nat, 1);
    cr_expect_eq(s->peers[4].nat, SIM_NONE);
    cr_assert_eq(s->session_count, 3);
    cr_expect_str_eq(s->sessions[2].name, "calls-2");
    cr_expect_eq(s->sessions[2].peers[WR_ROLE_CLIENT], 2);
    cr_expect_eq(s->sessions[2].peers[WR_ROLE_SERVER], 5);
    cr_expect_eq(s->sessions[2].start_ns[WR_ROLE_SERVER], 1500 * WR_MS);
    cr_expect_neq(memcmp(&s->sessions[1].id, &s->sessions[2].id, 16), 0);
    sim_scenario_free(s);
}

Test(scenario, a_relay_asks_its_master_without_any_session)
{
    struct sim_scenario *s =
        scenario_of("\"expect\": [{\"requests\": \"heartbeat\", \"at_least\": 1}]");
    cr_assert_eq(s->expectation_count, 1);
    cr_expect_eq(s->expectations[0].request, SIM_REQUEST_HEARTBEAT);
    sim_scenario_free(s);
}

Test(scenario, a_group_sees_strays_where_one_member_has_no_part_in_a_session)
{
    struct sim_scenario *s = scenario_of(
        "\"peers\": {\"c\": {\"count\": 2, \"behaviour\": \"robust\", \"address\": "
        "\"192.0.2.1:5000\"}, \"h\": {\"count\": 2, \"behaviour\": \"robust\", \"address\": "
        "\"192.0.3.1:6000\"}}, \"sessions\": {\"call\": {\"client\": \"c-0\", \"server\": "
        "\"h-0\"}}, \"expect\": [{\"strays\": \"c\", \"is\": 0}, {\"strays\": \"h-1\", \"is\": "
        "0}]");
    cr_expect_eq(s->expectation_count, 2);
    sim_scenario_free(s);
}

Test(scenario, leases_differ_for_both_or_for_one_role)
{
    struct sim_scenario *s = scenario_of(
        TWO_PEERS
        "\"sessions\": {\"call\": {\"client\": \"alice\", \"server\": \"bob\", \"lease\": "
        "{\"ttl\": "
        "\"60s\"}, \"client_lease\": {\"not_before\": \"20s\", \"role\": \"server\", \"issued\": "
        "null}}}, " EXPECT);
    const struct sim_lease_spec *client = &s->sessions[0].lease[WR_ROLE_CLIENT];
    const struct sim_lease_spec *server = &s->sessions[0].lease[WR_ROLE_SERVER];
    cr_expect_eq(client->ttl_ns, 60 * WR_S);
    cr_expect_eq(server->ttl_ns, 60 * WR_S);
    cr_expect_eq(client->not_before_offset_ms, 20000);
    cr_expect(client->role_given);
    cr_expect_eq(client->role, WR_ROLE_SERVER);
    cr_expect_not(client->has_issued);
    cr_expect_not(server->role_given);
    cr_expect(server->has_issued);
    cr_expect_eq(server->key, SIM_NONE);
    sim_scenario_free(s);
}

Test(scenario, traffic_profiles_are_filled_in)
{
    struct sim_scenario *s = scenario_of(
        TWO_PEERS
        "\"sessions\": {\"call\": {\"client\": \"alice\", \"server\": \"bob\", \"traffic\": "
        "{\"client\": {\"profile\": \"audio\", \"pauses\": [{\"at\": \"9s\", \"for\": \"1s\"}, "
        "{\"at\": \"2s\", \"for\": \"1s\", \"every\": \"2s\", \"times\": 3}]}, \"server\": "
        "{\"profile\": \"video\", \"until\": \"20s\"}}}}, " EXPECT);
    const struct sim_traffic_spec *client = &s->sessions[0].traffic[WR_ROLE_CLIENT];
    const struct sim_traffic_spec *server = &s->sessions[0].traffic[WR_ROLE_SERVER];
    cr_expect_eq(client->rate_pps, 50);
    cr_expect_eq(client->bytes, 180);
    cr_expect_eq(client->payload, SIM_PAYLOAD_SEQUENCE);
    cr_expect_eq(client->until_ns, 30 * WR_S);
    cr_assert_eq(client->pause_count, 4);
    cr_expect_eq(client->pauses[0].at_ns, 2 * WR_S);
    cr_expect_eq(client->pauses[2].at_ns, 6 * WR_S);
    cr_expect_eq(client->pauses[3].at_ns, 9 * WR_S);
    cr_expect_eq(server->kbps, 8000);
    cr_expect_eq(server->payload, SIM_PAYLOAD_RIFT);
    cr_expect_eq(server->until_ns, 20 * WR_S);
    cr_expect_not(s->sessions[0].handshake, "the client is a robust one");
    sim_scenario_free(s);
}

Test(scenario, the_timeline_is_unfolded_and_in_order_of_time)
{
    struct sim_scenario *s = scenario_of(
        TWO_PEERS
        "\"timeline\": [{\"at\": \"5s\", \"do\": \"peer_pause\", \"peer\": \"alice\", \"for\": "
        "\"1s\", \"every\": \"5s\", \"times\": 3}, {\"at\": \"10s\", \"do\": \"drop_next\", "
        "\"peer\": \"bob\", \"packet\": \"ack\"}, {\"at\": \"1s\", \"do\": \"relay_restart\"}, "
        "{\"at\": \"2s\", \"do\": \"relay_host\", \"host\": {\"verify\": \"1ms\"}}], " EXPECT);
    cr_assert_eq(s->action_count, 6);
    static const enum sim_action_kind kinds[] = {SIM_DO_RELAY_RESTART, SIM_DO_RELAY_HOST,
                                                 SIM_DO_PEER_PAUSE,    SIM_DO_PEER_PAUSE,
                                                 SIM_DO_DROP_NEXT,     SIM_DO_PEER_PAUSE};
    for (uint32_t i = 0; i < 6; i++)
        cr_expect_eq(s->actions[i].kind, kinds[i], "action %u", i);
    cr_expect_eq(s->actions[0].for_ns, WR_S);
    cr_expect_eq(s->actions[0].relays.count, 1, "the only relay is meant");
    cr_expect_eq(s->actions[1].host.verify_ns, WR_MS);
    cr_expect_eq(s->actions[1].host.receive_ns, s->relays[0].host.receive_ns);
    cr_expect_eq(s->actions[3].at_ns, 10 * WR_S);
    cr_expect_eq(s->actions[4].direction, SIM_DIRECTION_DOWN, "an ACK comes down");
    cr_expect_eq(s->actions[4].peers.first, 1);
    cr_expect_eq(s->actions[4].count, 1);
    cr_expect_eq(s->actions[5].at_ns, 15 * WR_S);
    sim_scenario_free(s);
}

Test(scenario, expectations_are_resolved_and_put_into_words)
{
    struct sim_scenario *s = scenario_of(
        TWO_PEERS
        "\"sessions\": {\"call\": {\"client\": \"alice\", \"server\": \"bob\", \"traffic\": "
        "{\"client\": {\"profile\": \"audio\"}}}}, \"expect\": ["
        "{\"counter\": \"outcomes.forwarded\", \"at_least\": 5, \"at_most\": 9},"
        "{\"gauge\": \"ready\", \"is\": true, \"at\": \"3s\"},"
        "{\"flow\": \"call.client\", \"between\": [\"1s\", \"5s\"], \"longest_gap\": {\"at_most\": "
        "\"1.5s\"}, \"delivered_share\": {\"at_least\": \"99%\"}},"
        "{\"event\": \"promoted\", \"session\": \"call\", \"rule\": 2, \"is\": 0},"
        "{\"session\": \"call\", \"state\": \"waiting\"},"
        "{\"reject\": \"expired\", \"peer\": \"bob\", \"at_least\": 1},"
        "{\"requests\": \"register\", \"at_most\": 3}]");
    static const char *const texts[] = {
        "outcomes.forwarded of relay from 5 to 9",
        "ready of relay exactly 1 at 3s",
        "delivered_share of call.client at least 99/100 from 1s to 5s",
        "longest_gap of call.client at most 1.5s from 1s to 5s",
        "event promoted of call by rule 2 exactly 0",
        "session call is waiting at 30s",
        "reject expired to bob at least 1",
        "requests register to master at most 3",
    };
    cr_assert_eq(s->expectation_count, sizeof texts / sizeof *texts);
    for (uint32_t i = 0; i < s->expectation_count; i++)
        cr_expect_str_eq(s->expectations[i].text, texts[i]);
    cr_expect_eq(s->expectations[0].counter.offset,
                 offsetof(struct wr_counters, outcomes) + 8 * WR_OUTCOME_FORWARDED);
    cr_expect_eq(s->expectations[2].role, WR_ROLE_CLIENT);
    cr_expect_eq(s->expectations[3].bound.at_most, 1500 * WR_MS);
    cr_expect_eq(s->expectations[5].from_ns, 30 * WR_S);
    cr_expect_eq(s->expectations[6].reason, 1);
    sim_scenario_free(s);
}

Test(scenario, a_session_id_follows_from_the_name_alone)
{
    struct wr_session_id one = sim_session_id("call"), again = sim_session_id("call");
    cr_expect_eq(memcmp(&one, &again, sizeof one), 0);
    cr_expect_eq(one.bytes[6] >> 4, 8);
    cr_expect_eq(one.bytes[8] >> 6, 2);
    again = sim_session_id("calls");
    cr_expect_neq(memcmp(&one, &again, sizeof one), 0);
}
