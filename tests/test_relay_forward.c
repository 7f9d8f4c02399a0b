#include "relay_harness.h"

#include <criterion/criterion.h>
#include <string.h>

#define CLIENT "203.0.113.5:5000"
#define SERVER "203.0.113.9:6000"

static void open_desk(void)
{
    desk_reset();
    desk_open();
}

/* The same with something changed in `desk.config`. */
static void reopen(void)
{
    desk_close();
    desk_open();
}

TestSuite(relay_forward, .init = open_desk, .fini = desk_close);

static enum wr_outcome arrive_bytes(const uint8_t *bytes, uint32_t size)
{
    return desk_arrive(at(CLIENT), bytes, size);
}

Test(relay_forward, what_is_no_packet_ends_in_the_parser)
{
    uint8_t bytes[1501] = {0x57, 1, 0x10, 0, 1};
    cr_expect_eq(desk_arrive(at(CLIENT), NULL, 0), WR_OUTCOME_SHORT);
    cr_expect_eq(arrive_bytes(bytes, 19), WR_OUTCOME_SHORT);
    cr_expect_eq(arrive_bytes(bytes, 1501), WR_OUTCOME_OVERSIZE);
    cr_expect_eq(arrive_bytes(bytes, 27), WR_OUTCOME_BAD_PAYLOAD);
    cr_expect_eq(arrive_bytes(bytes, 28), WR_OUTCOME_SESSION_NOT_FOUND);
    bytes[4] = 0;
    cr_expect_eq(arrive_bytes(bytes, 28), WR_OUTCOME_NIL_SESSION);
    bytes[2] = 0x11;
    cr_expect_eq(arrive_bytes(bytes, 28), WR_OUTCOME_UNKNOWN_TYPE);
    bytes[1] = 2;
    cr_expect_eq(arrive_bytes(bytes, 28), WR_OUTCOME_BAD_VERSION);
    bytes[0] = 0;
    cr_expect_eq(arrive_bytes(bytes, 28), WR_OUTCOME_BAD_MAGIC);
    cr_expect_eq(desk_check().counters.invalid_packets, 8);
}

Test(relay_forward, what_only_relays_send_is_unexpected)
{
    uint8_t bytes[64];
    const struct wr_session_id id = session_of(1);
    uint32_t size = wr_wire_encode_ack(bytes, sizeof bytes, &id, 1, 1, 1, false, NULL);
    cr_expect_eq(arrive_bytes(bytes, size), WR_OUTCOME_UNEXPECTED_TYPE);
    size = wr_wire_encode_reject(bytes, sizeof bytes, &id, WR_REJECT_BANNED, NULL);
    cr_expect_eq(arrive_bytes(bytes, size), WR_OUTCOME_UNEXPECTED_TYPE);
}

Test(relay_forward, a_source_that_cannot_be_answered_is_dropped)
{
    const struct wr_address own = at("198.51.100.1:4000");
    desk.config.own_addresses = &own;
    desk.config.own_address_count = 1;
    reopen();
    cr_expect_eq(forward(1, "198.51.100.1:4000", 1), WR_OUTCOME_BAD_SOURCE);
    cr_expect_eq(forward(1, "198.51.100.1:4001", 1), WR_OUTCOME_SESSION_NOT_FOUND);
    cr_expect_eq(forward(1, "203.0.113.5:0", 1), WR_OUTCOME_BAD_SOURCE);
    cr_expect_eq(forward(1, "224.0.0.1:5000", 1), WR_OUTCOME_BAD_SOURCE);
    cr_expect_eq(bare_handshake("255.255.255.255:5000"), WR_OUTCOME_BAD_SOURCE);
}

Test(relay_forward, an_address_that_becomes_the_relays_own_is_served_no_more)
{
    const struct wr_address own[] = {at("198.51.100.1:4000"), at("[::ffff:198.51.100.2]:4000")};
    desk.config.own_addresses = own;
    desk.config.own_address_count = 1;
    reopen();
    wr_relay_set_own_addresses(desk.relay, own + 1, 1);
    cr_expect_eq(forward(1, "198.51.100.1:4000", 1), WR_OUTCOME_SESSION_NOT_FOUND);
    cr_expect_eq(forward(1, "198.51.100.2:4000", 1), WR_OUTCOME_BAD_SOURCE);
    cr_expect_null(wr_relay_set_limits(desk.relay, &desk.config));
    cr_expect_eq(forward(1, "198.51.100.1:4000", 1), WR_OUTCOME_SESSION_NOT_FOUND);
    cr_expect_eq(forward(1, "198.51.100.2:4000", 1), WR_OUTCOME_BAD_SOURCE);
    wr_relay_set_own_addresses(desk.relay, NULL, 0);
    cr_expect_eq(forward(1, "198.51.100.2:4000", 1), WR_OUTCOME_SESSION_NOT_FOUND);

    join(1, CLIENT, SERVER);
    const struct wr_address client = at(CLIENT);
    wr_relay_set_own_addresses(desk.relay, &client, 1);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_BAD_SOURCE);
    desk_go(30 * WR_S);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_STALE_RECEIVER);
}

Test(relay_forward, the_identical_bytes_go_to_the_other_peer)
{
    join(1, CLIENT, SERVER);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_FORWARDED);
    cr_expect(last_went_to(SERVER));
    cr_expect_eq(last_sent().sequence, 1);
    cr_expect_eq(desk.sent[(desk.sent_count - 1) % DESK_SENT].size, 100);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_FORWARDED);
    cr_expect(last_went_to(CLIENT));
    struct wr_snapshot snapshot = desk_check();
    cr_expect_eq(snapshot.counters.packets_forwarded, 2);
    cr_expect_eq(snapshot.counters.bytes_forwarded, 200);
}

Test(relay_forward, who_is_not_bound_or_alone_gets_nothing_through)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, CLIENT);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_SESSION_NOT_ACTIVE);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_SESSION_NOT_ACTIVE);
    lease = desk_lease(1, WR_ROLE_SERVER);
    verdict_of(&lease, SERVER);
    cr_expect_eq(forward(1, host(1), 1), WR_OUTCOME_UNKNOWN_PEER);
    cr_expect_eq(forward(2, CLIENT, 1), WR_OUTCOME_SESSION_NOT_FOUND);
}

Test(relay_forward, sequences_pass_once_and_nothing_is_committed_that_was_dropped)
{
    join(1, CLIENT, SERVER);
    cr_expect_eq(forward(1, CLIENT, 5000), WR_OUTCOME_JUMP_UNCONFIRMED);
    cr_expect_eq(forward(1, CLIENT, 7), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, CLIENT, 7), WR_OUTCOME_REPLAYED);
    cr_expect_eq(forward(1, CLIENT, UINT64_MAX), WR_OUTCOME_SEQUENCE_REFUSED);
    for (int pass = 0; pass < 3; pass++)
        cr_expect_eq(rift(1, CLIENT, 8), WR_OUTCOME_FORWARDED);
    cr_expect_eq(rift(1, CLIENT, 8), WR_OUTCOME_REPLAYED);
    cr_expect_eq(forward(1, SERVER, 7), WR_OUTCOME_FORWARDED, "windows are each peer's own");
}

Test(relay_forward, nothing_goes_to_who_was_not_heard_for_thirty_seconds)
{
    join(1, CLIENT, SERVER);
    desk_go(30 * WR_S - 1);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_FORWARDED);
    desk_go(30 * WR_S);
    cr_expect_eq(forward(1, CLIENT, 2), WR_OUTCOME_STALE_RECEIVER);
    cr_expect_eq(rift(1, CLIENT, 0), WR_OUTCOME_STALE_RECEIVER);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, CLIENT, 2), WR_OUTCOME_FORWARDED, "it was not committed");
}

/* ---- Limits ------------------------------------------------------------------------------------
 */

Test(relay_forward, an_unbound_source_has_250_at_once_and_1000_a_second)
{
    for (int i = 0; i < 250; i++)
        cr_assert_eq(forward(1, CLIENT, 1), WR_OUTCOME_SESSION_NOT_FOUND);
    cr_expect_eq(forward(1, "203.0.113.5:6000", 1), WR_OUTCOME_UNBOUND_LIMITED, "any port");
    cr_expect_eq(renew(1, CLIENT, NULL), WR_OUTCOME_UNBOUND_LIMITED);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_UNBOUND_LIMITED);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_SESSION_NOT_FOUND, "another prefix");
    desk_wait(WR_MS - 1);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_UNBOUND_LIMITED);
    desk_wait(1);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_SESSION_NOT_FOUND);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_UNBOUND_LIMITED);
}

Test(relay_forward, a_bound_flow_is_free_of_that_limit)
{
    desk.config.ip_rate_limit_pps = 1;
    reopen();
    join(1, CLIENT, SERVER);
    for (uint64_t sequence = 1; sequence <= 100; sequence++)
        cr_assert_eq(forward(1, CLIENT, sequence), WR_OUTCOME_FORWARDED);
}

Test(relay_forward, reject_6_goes_to_a_prefix_once_a_second)
{
    desk.config.ip_rate_limit_pps = 1;
    reopen();
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, CLIENT);
    uint32_t sent = desk.sent_count;
    lease = desk_lease(2, WR_ROLE_CLIENT);
    cr_expect_eq(present(&lease, CLIENT), WR_OUTCOME_UNBOUND_LIMITED);
    cr_expect_eq(desk.sent_count, sent + 1);
    cr_expect_eq(last_sent().reason, WR_REJECT_RATE_LIMITED);
    desk_wait(WR_S - 1);
    cr_expect_eq(present(&lease, CLIENT), WR_OUTCOME_UNBOUND_LIMITED);
    cr_expect_eq(desk.sent_count, sent + 1);
    desk_wait(1);
    forward(3, CLIENT, 1); /* takes what the second brought */
    cr_expect_eq(present(&lease, CLIENT), WR_OUTCOME_UNBOUND_LIMITED);
    cr_expect_eq(desk.sent_count, sent + 2);
    cr_expect_eq(desk_check().counters.rejects_withheld, 1);
}

Test(relay_forward, reject_6_goes_out_250_at_once_and_1000_a_second_in_all)
{
    desk.config.ip_rate_limit_pps = 1;
    reopen();
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    for (uint32_t i = 0; i < 252; i++) {
        forward(9, host(i), 1);
        uint32_t sent = desk.sent_count;
        if (i == 251)
            desk_wait(WR_MS);
        cr_assert_eq(present(&lease, host(i)), WR_OUTCOME_UNBOUND_LIMITED);
        cr_assert_eq(desk.sent_count, sent + (i != 250), "%u", i);
    }
}

Test(relay_forward, a_flood_of_sources_does_not_lock_anybody_out)
{
    desk.config.ip_rate_limit_pps = 1;
    reopen();
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_SESSION_NOT_FOUND);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_UNBOUND_LIMITED);
    for (uint32_t i = 0; i < 6 * 65536; i++) {
        const uint8_t bytes[28] = {0x57, 1, 0x10, 0, 1};
        struct wr_address from = at(SERVER);
        from.ip[12] = 10;
        from.ip[13] = (uint8_t)(i >> 16);
        from.ip[14] = (uint8_t)(i >> 8);
        from.ip[15] = (uint8_t)i;
        const struct wr_datagram datagram = {.from = from, .bytes = bytes, .size = sizeof bytes};
        wr_relay_receive(desk.relay, &datagram, 1);
    }
    cr_expect_eq(desk_check().counters.outcomes[WR_OUTCOME_UNBOUND_LIMITED], 1);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_SESSION_NOT_FOUND, "forgotten, not refused");
}

Test(relay_forward, an_identity_may_present_50_leases_at_once_and_200_a_second)
{
    desk.config.max_sessions = 1000;
    reopen();
    for (uint32_t i = 0; i < 51; i++) {
        struct lease lease = desk_lease(i, WR_ROLE_CLIENT);
        lease.sub = "one and the same";
        cr_assert_eq(verdict_of(&lease, host(i)),
                     i < 50 ? WR_VERDICT_ACCEPTED : WR_VERDICT_IDENTITY_LIMITED);
    }
    cr_expect_eq(last_sent().reason, WR_REJECT_RATE_LIMITED);
    desk_wait(5 * WR_MS);
    struct lease lease = desk_lease(50, WR_ROLE_CLIENT);
    lease.sub = "one and the same";
    cr_expect_eq(verdict_of(&lease, host(50)), WR_VERDICT_ACCEPTED);
    cr_expect_eq(desk_check().counters.identity_rate_limited_packets, 1);
}

Test(relay_forward, a_peer_is_limited_in_packets_of_all_kinds)
{
    desk.config.peer_rate_limit_pps = 12; /* three at once */
    reopen();
    join(1, CLIENT, SERVER);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_FORWARDED);
    cr_expect_eq(renew(1, CLIENT, NULL), WR_OUTCOME_RENEWED);
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_REPEATED);
    cr_expect_eq(forward(1, CLIENT, 2), WR_OUTCOME_PEER_LIMITED);
    cr_expect_eq(renew(1, CLIENT, NULL), WR_OUTCOME_PEER_LIMITED);
    cr_expect_eq(present(&lease, CLIENT), WR_OUTCOME_PEER_LIMITED);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_FORWARDED);
    desk_wait(83333334);
    cr_expect_eq(forward(1, CLIENT, 2), WR_OUTCOME_FORWARDED);
}

Test(relay_forward, a_renew_without_a_cookie_is_acknowledged_four_times_a_second)
{
    join(1, CLIENT, SERVER);
    const uint8_t *cookie = last_cookie(); /* the server's */
    uint32_t sent = desk.sent_count;
    for (int i = 0; i < 10; i++)
        cr_expect_eq(renew(1, SERVER, NULL), i == 0 ? WR_OUTCOME_RENEWED : WR_OUTCOME_PEER_LIMITED);
    cr_expect_eq(desk.sent_count, sent + 1, "20 bytes from there, 36 to there");
    for (int i = 0; i < 10; i++)
        cr_expect_eq(renew(1, SERVER, cookie), WR_OUTCOME_RENEWED, "who receives there may");
    cr_expect_eq(renew(1, CLIENT, NULL), WR_OUTCOME_RENEWED, "each seat has its own");
    desk_wait(250 * WR_MS - 1);
    cr_expect_eq(renew(1, SERVER, NULL), WR_OUTCOME_PEER_LIMITED);
    desk_wait(1);
    cr_expect_eq(renew(1, SERVER, NULL), WR_OUTCOME_RENEWED);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_FORWARDED, "nothing else is limited by it");
}

Test(relay_forward, a_renew_that_is_limited_neither_is_heard_nor_draws_on_the_peers_limit)
{
    desk.config.peer_rate_limit_pps = 12; /* three at once */
    desk.config.idle_timeout_secs = 1;
    reopen();
    join(1, CLIENT, SERVER);
    desk_go(WR_S - 200 * WR_MS);
    cr_expect_eq(renew(1, SERVER, NULL), WR_OUTCOME_RENEWED);
    cr_expect_eq(renew(1, SERVER, NULL), WR_OUTCOME_PEER_LIMITED);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, SERVER, 2), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, SERVER, 3), WR_OUTCOME_PEER_LIMITED);
    wr_instant heard_ns = desk.now_ns; /* by its sequence */
    desk_wait(200 * WR_MS);
    cr_expect_eq(renew(1, SERVER, NULL), WR_OUTCOME_PEER_LIMITED);
    desk_go(heard_ns + WR_S);
    cr_expect_eq(desk_check().sessions_active, 0);
}

Test(relay_forward, a_peer_limit_of_zero_is_off)
{
    desk.config.peer_rate_limit_pps = 0;
    reopen();
    join(1, CLIENT, SERVER);
    for (uint64_t sequence = 1; sequence <= 10000; sequence++)
        cr_assert_eq(forward_sized(1, CLIENT, sequence, 28), WR_OUTCOME_FORWARDED);
}

static void join_with_limits(uint32_t session, uint32_t soft_kbps, uint32_t hard_kbps)
{
    for (int role = 0; role < WR_ROLES; role++) {
        struct lease lease = desk_lease(session, (enum wr_role)role);
        lease.soft_limit_kbps = soft_kbps;
        lease.hard_limit_kbps = hard_kbps;
        cr_assert_eq(verdict_of(&lease, host(2 * session + (uint32_t)role)), WR_VERDICT_ACCEPTED);
    }
}

/* 1000 kbps are 31,250 bytes in 250 ms: 25 datagrams of 1250 bytes, one each 10 ms. */
Test(relay_forward, a_session_has_250_ms_worth_at_once_for_both_directions)
{
    join_with_limits(1, 1000, 1000);
    for (uint64_t sequence = 1; sequence <= 25; sequence++)
        cr_assert_eq(forward_sized(1, host(2 + sequence % 2), sequence, 1250),
                     WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward_sized(1, host(2), 26, 1250), WR_OUTCOME_SESSION_LIMITED);
    cr_expect_eq(forward_sized(1, host(3), 26, 28), WR_OUTCOME_SESSION_LIMITED);
    desk_wait(10 * WR_MS - 1);
    cr_expect_eq(forward_sized(1, host(2), 26, 1250), WR_OUTCOME_SESSION_LIMITED);
    desk_wait(1);
    cr_expect_eq(forward_sized(1, host(2), 26, 1250), WR_OUTCOME_FORWARDED);
}

Test(relay_forward, crossing_the_soft_limit_drops_nothing_and_counts_once_each_time)
{
    join_with_limits(1, 1000, 2000);
    uint64_t sequence = 1;
    for (; sequence <= 25; sequence++)
        forward_sized(1, host(2), sequence, 1250);
    cr_expect_eq(desk_check().counters.soft_limit_crossings, 0);
    cr_expect_eq(forward_sized(1, host(2), sequence++, 1250), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward_sized(1, host(2), sequence++, 1250), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk_check().counters.soft_limit_crossings, 1);
    desk_wait(10 * WR_MS);
    forward_sized(1, host(2), sequence++, 1250); /* below again */
    cr_expect_eq(desk_check().counters.soft_limit_crossings, 1);
    forward_sized(1, host(2), sequence++, 1250);
    cr_expect_eq(desk_check().counters.soft_limit_crossings, 2);
}

Test(relay_forward, the_relay_is_limited_over_all_sessions)
{
    desk.config.max_bandwidth_kbps = 1000;
    reopen();
    join_with_limits(1, 50000, 100000);
    join_with_limits(2, 50000, 100000);
    for (uint64_t sequence = 1; sequence <= 25; sequence++)
        cr_assert_eq(forward_sized(1, host(2), sequence, 1250), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward_sized(2, host(4), 1, 1250), WR_OUTCOME_RELAY_LIMITED);
    desk_wait(10 * WR_MS);
    cr_expect_eq(forward_sized(2, host(4), 1, 1250), WR_OUTCOME_FORWARDED);
}

Test(relay_forward, exempt_packets_pass_twenty_at_once_and_twenty_a_second)
{
    join(1, CLIENT, SERVER);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(rift(1, CLIENT, 0), WR_OUTCOME_FORWARDED);
    cr_expect_eq(rift(1, CLIENT, 0), WR_OUTCOME_EXEMPT_LIMITED);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_EXEMPT_LIMITED, "one bucket with bare ones");
    cr_expect_eq(rift(1, SERVER, 0), WR_OUTCOME_FORWARDED, "each sender has one");
    desk_wait(50 * WR_MS);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_FORWARDED);
    cr_expect_eq(rift(1, CLIENT, 0), WR_OUTCOME_EXEMPT_LIMITED);
}

Test(relay_forward, datagrams_lost_before_the_relay_count_as_backpressure_only)
{
    wr_relay_backpressure(desk.relay, 7);
    struct wr_snapshot snapshot = desk_check();
    cr_expect_eq(snapshot.counters.backpressure_dropped_packets, 7);
    cr_expect_eq(snapshot.counters.dropped_packets, 0);
}
