/* Both kinds of peers against the real relay core: what the protocol promises, end to end. */
#include <criterion/criterion.h>

#include "peer_stage.h"
#include "wire.h"

/* ---- Robust peers ---------------------------------------------------------------------------- */

Test(peer_flow, two_robust_peers_are_served_without_a_gap)
{
    for (int form = WR_PEER_OPAQUE; form <= WR_PEER_RIFT; form++) {
        struct flow flow;
        flow_open_streaming(&flow, (enum wr_peer_form)form);
        flow_run(&flow, 20000);
        flow_expect_served(&flow, 25);
        struct wr_snapshot now = flow_snapshot(&flow);
        cr_expect_eq(now.counters.dropped_packets, 0);
        cr_expect_eq(now.counters.nat_rebind_events, 0);
        cr_expect_eq(flow.ends[0].leases, 1);
        flow_close(&flow);
    }
}

Test(peer_flow, one_who_only_listens_gives_receipts)
{
    struct flow flow;
    flow_open(&flow, WR_PEER_ROBUST, WR_PEER_OPAQUE);
    flow_run(&flow, 500);
    flow_stream(&flow.ends[1], 20);
    flow_run(&flow, 30000);
    cr_expect_eq(flow.ends[1].wants[WR_PEER_WANT_FRUITLESS], 0);
    cr_expect_eq(flow_snapshot(&flow).counters.outcomes[WR_OUTCOME_STALE_RECEIVER], 0);
    cr_expect_gt(flow.ends[0].delivered, 1470);
    flow_close(&flow);
}

Test(peer_flow, leases_are_renewed_without_a_gap)
{
    struct flow flow;
    flow_open(&flow, WR_PEER_ROBUST, WR_PEER_OPAQUE);
    flow.lease_ttl_ms = 20000;
    flow_run(&flow, 500);
    flow_stream(&flow.ends[0], 20);
    flow_stream(&flow.ends[1], 20);
    flow_run(&flow, 100000);
    flow_expect_served(&flow, 25);
    cr_expect_geq(flow.ends[0].wants[WR_PEER_WANT_RENEWAL], 9);
    cr_expect_eq(flow_snapshot(&flow).counters.verdicts[WR_VERDICT_NEWER_TOKEN],
                 (uint64_t)flow.ends[0].leases + flow.ends[1].leases - 2);
    flow_close(&flow);
}

Test(peer_flow, a_shortened_lease_lives_on_by_bare_renews)
{
    struct flow flow;
    flow_open(&flow, WR_PEER_ROBUST, WR_PEER_OPAQUE);
    wr_relay_destroy(flow.relay);
    flow.config.lease_duration_secs = 10;
    flow.config.max_clock_skew_secs = 0;
    flow_relay_starts(&flow);
    flow_run(&flow, 500);
    flow_stream(&flow.ends[0], 20);
    flow_stream(&flow.ends[1], 20);
    flow_run(&flow, 60000);
    flow_expect_served(&flow, 25);
    cr_expect_eq(flow.ends[0].leases, 1);
    flow_close(&flow);
}

Test(peer_flow, a_rebind_in_mid_stream_costs_under_3_s)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    flow.ends[0].address.port = 6000;
    flow_run(&flow, 10000);
    flow_expect_served(&flow, 3000);
    cr_expect_eq(flow_snapshot(&flow).counters.nat_rebind_events, 1);
    cr_expect_eq(flow.ends[0].leases, 1, "the old lease was good enough");
    flow_close(&flow);
}

Test(peer_flow, moving_to_another_network_costs_under_3_s)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_RIFT);
    flow.ends[1].address = wr_address_v4((const uint8_t[]){192, 0, 2, 77}, 7000);
    flow_run(&flow, 10000);
    flow_expect_served(&flow, 3000);
    struct wr_snapshot now = flow_snapshot(&flow);
    cr_expect_eq(now.counters.promotions_by_cookie, 1);
    cr_expect_eq(now.counters.outcomes[WR_OUTCOME_PATH_CAPPED], 0, "a cookie has proven it");
    flow_close(&flow);
}

Test(peer_flow, both_may_move_at_once)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    flow.ends[0].address.port = 6000;
    flow.ends[1].address.port = 6001;
    flow_run(&flow, 10000);
    flow_expect_served(&flow, 3000);
    flow_close(&flow);
}

Test(peer_flow, a_relay_that_restarts_with_its_id_is_found_again)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    flow_relay_crashes(&flow);
    flow_run(&flow, 3000);
    flow_relay_starts(&flow);
    flow_run(&flow, 12000);
    flow_expect_served(&flow, 5000);
    cr_expect_eq(flow.ends[0].leases, 1, "leases survive a restart");
    cr_expect_eq(flow_snapshot(&flow).sessions_active, 1);
    flow_close(&flow);
}

Test(peer_flow, a_poisoned_window_is_emptied_by_a_new_lease)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    for (uint64_t i = 0; i < 3; i++) {
        struct flight *forged = flow_launch(&flow, FLIGHT_TO_RELAY, 0);
        forged->address = flow.ends[0].address;
        forged->size = wr_wire_encode_sequence(forged->bytes, sizeof forged->bytes, &flow.session,
                                               1000000000 + i, (const uint8_t *)"poison", 6);
    }
    flow_run(&flow, 12000);
    cr_expect_geq(flow.ends[0].wants[WR_PEER_WANT_FRUITLESS], 1);
    flow_expect_served(&flow, 4000);
    flow_close(&flow);
}

/* The thief copies the client's first PRESENT, arrives before it, and gives signs of life. */
Test(peer_flow, an_overtaken_peer_displaces_the_thief_by_a_newer_token)
{
    struct flow flow;
    struct wr_address thief = wr_address_v4((const uint8_t[]){192, 0, 2, 66}, 6666);
    flow_open(&flow, WR_PEER_ROBUST, WR_PEER_OPAQUE);
    flow_run(&flow, 20);
    for (uint32_t i = 0; i < flow.flight_count; i++)
        if (flow.flights[i].kind == FLIGHT_TO_RELAY &&
            wr_address_equal(&flow.flights[i].address, &flow.ends[0].address)) {
            flow.flights[i].address = thief;
            break;
        }
    for (uint64_t n = 0; n < 200; n++) {
        struct flight *forged = flow_launch(&flow, FLIGHT_TO_RELAY, (n + 1) * 50 * WR_MS);
        forged->address = thief;
        forged->size = wr_wire_encode_sequence(forged->bytes, sizeof forged->bytes, &flow.session,
                                               n, (const uint8_t *)"thief", 5);
    }
    flow_stream(&flow.ends[0], 20);
    flow_stream(&flow.ends[1], 20);
    flow_run(&flow, 9000);
    cr_expect_geq(flow.ends[0].wants[WR_PEER_WANT_FRUITLESS], 1);
    cr_expect_geq(flow_snapshot(&flow).counters.promotions_by_token, 1);
    cr_expect_leq(flow.now - flow.ends[0].last_delivered_ns, 100 * WR_MS);
    flow_close(&flow);
}

Test(peer_flow, a_restarted_peer_is_served_again_from_sequence_0)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    flow_run(&flow, 3000);
    wr_peer_restart(flow.ends[0].peer, flow.now);
    flow_run(&flow, 8000);
    flow_expect_served(&flow, 200);
    cr_expect_eq(flow.ends[0].wants[WR_PEER_WANT_RESTART], 1);
    flow_close(&flow);
}

Test(peer_flow, one_who_slept_speaks_first_and_is_served_at_once)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    flow_run(&flow, 3000);
    flow.ends[0].asleep = true;
    flow_run(&flow, 48000);
    flow.ends[0].asleep = false;
    flow.ends[0].next_send_ns = flow.now;
    flow.ends[0].longest_gap_ns = flow.ends[1].longest_gap_ns = 0;
    flow.ends[0].last_delivered_ns = flow.ends[1].last_delivered_ns = flow.now;
    flow_run(&flow, 55000);
    flow_expect_served(&flow, 500);
    flow_close(&flow);
}

Test(peer_flow, who_leaves_releases_and_the_last_one_ends_the_session)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    wr_peer_leave(flow.ends[0].peer, flow.now);
    flow.ends[0].send_every_ns = flow.ends[1].send_every_ns = 0;
    flow_run(&flow, 2200);
    cr_expect_eq(flow_snapshot(&flow).sessions_waiting, 1);
    wr_peer_leave(flow.ends[1].peer, flow.now);
    flow_run(&flow, 2400);
    cr_expect_eq(flow_snapshot(&flow).sessions_waiting, 0);
    cr_expect_eq(flow_snapshot(&flow).counters.sessions_released, 1);
    flow_close(&flow);
}

Test(peer_flow, a_banned_peer_gives_up_and_stays_away)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    cr_assert(wr_relay_ban(flow.relay, "alice", 5));
    flow_run(&flow, 10000);
    cr_expect_eq(wr_peer_state(flow.ends[0].peer), WR_PEER_GAVE_UP);
    cr_expect_neq(wr_peer_state(flow.ends[1].peer), WR_PEER_GAVE_UP);
    flow_close(&flow);
}

Test(peer_flow, a_draining_relay_tells_its_peers_to_ask_for_another)
{
    struct flow flow;
    flow_open_streaming(&flow, WR_PEER_OPAQUE);
    flow.ends[1].send_every_ns = 0;
    wr_relay_drain(flow.relay);
    flow_run(&flow, 12000);
    cr_expect_gt(flow.ends[0].wants[WR_PEER_WANT_OTHER_RELAY] +
                     flow.ends[1].wants[WR_PEER_WANT_OTHER_RELAY],
                 0);
    flow_close(&flow);
}

/* ---- Upstream peers -------------------------------------------------------------------------- */

Test(peer_flow, two_upstream_peers_shake_hands_and_stream)
{
    struct flow flow;
    flow_open(&flow, WR_PEER_UPSTREAM, WR_PEER_RIFT);
    flow_run(&flow, 1000);
    cr_assert_eq(wr_peer_state(flow.ends[0].peer), WR_PEER_BOUND);
    cr_assert_eq(wr_peer_state(flow.ends[1].peer), WR_PEER_BOUND);
    cr_expect_eq(flow_snapshot(&flow).counters.outcomes[WR_OUTCOME_BARE_FORWARDED], 3);
    flow_stream(&flow.ends[1], 5);
    flow_run(&flow, 20000);
    cr_expect_gt(flow.ends[0].delivered, 3700);
    cr_expect_leq(flow.ends[0].longest_gap_ns, 10 * WR_MS);
    cr_expect_eq(wr_peer_counters(flow.ends[0].peer)->presents_sent, 1);
    cr_expect_eq(flow_snapshot(&flow).counters.replay_dropped_packets, 0);
    flow_close(&flow);
}

Test(peer_flow, a_lost_video_packet_is_asked_for_and_repeated)
{
    struct flow flow;
    flow_open(&flow, WR_PEER_UPSTREAM, WR_PEER_RIFT);
    flow_run(&flow, 1000);
    flow_stream(&flow.ends[1], 5);
    flow_run(&flow, 2000);
    uint64_t before = flow.ends[0].delivered;
    for (uint32_t i = 0; i < flow.flight_count; i++)
        if (flow.flights[i].kind == FLIGHT_FROM_RELAY && flow.flights[i].size > 100) {
            flow.flights[i].due_ns = WR_NEVER;
            break;
        }
    flow_run(&flow, 3000);
    cr_expect_eq(wr_peer_counters(flow.ends[1].peer)->repeats_sent, 1);
    cr_expect_geq(flow.ends[0].delivered, before + 199);
    flow_close(&flow);
}

Test(peer_flow, an_upstream_client_survives_a_rebind_by_its_forwards)
{
    struct flow flow;
    flow_open(&flow, WR_PEER_UPSTREAM, WR_PEER_RIFT);
    flow_run(&flow, 1000);
    flow_stream(&flow.ends[1], 5);
    flow_run(&flow, 5000);
    flow.ends[0].longest_gap_ns = 0;
    flow.ends[0].address.port = 6000;
    flow_run(&flow, 12000);
    cr_expect_leq(flow.ends[0].longest_gap_ns, 3 * WR_S);
    cr_expect_eq(flow_snapshot(&flow).counters.promotions_by_forward, 1);
    flow_close(&flow);
}
