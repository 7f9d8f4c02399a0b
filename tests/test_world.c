/* Worlds from scenario text to the end of their run: what the engine promises to whoever writes
 * scenarios. What relays, peers, attackers and oracles do in them has tests of its own. */
#include "world_stage.h"

#include <criterion/criterion.h>

TestSuite(world, .fini = close_world);

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
    close_world();
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

Test(world, a_link_behaves_like_another_for_a_while)
{
    play("{'at': '5s', 'do': 'link_change', 'link': 'access', 'to_link': 'slow', 'for': '2s'}");
    cr_expect(seen.longest_ns > 100 * WR_MS && seen.longest_ns <= 121 * WR_MS);
    cr_expect_lt(seen.shortest_ns, 21 * WR_MS);
    close_world();
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
    close_world();
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
