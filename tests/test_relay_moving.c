#include "relay_harness.h"

#include <criterion/criterion.h>

/* Moving a peer (section 3): candidates, promotion, reversion, the cap of an unproven path. */

#define CLIENT    "203.0.113.5:5000"
#define CLIENT_2  "203.0.113.5:5001" /* the same host behind another port */
#define CLIENT_3  "203.0.113.5:5002"
#define ELSEWHERE "192.0.2.77:7000"
#define SERVER    "203.0.113.9:6000"

static void open_desk(void)
{
    desk_reset();
    desk_open();
}

TestSuite(relay_moving, .init = open_desk, .fini = desk_close);

static void reopen(enum wr_passive_rebind policy)
{
    desk_close();
    desk.config.passive_rebind = policy;
    desk_open();
}

/* Session 1, both peers with a sequence behind them. */
static void flow(void)
{
    join(1, CLIENT, SERVER);
    cr_assert_eq(forward(1, CLIENT, 10), WR_OUTCOME_FORWARDED);
    cr_assert_eq(forward(1, SERVER, 10), WR_OUTCOME_FORWARDED);
}

/* A lease with the bound token's order: a candidate's, wherever it comes from. */
static struct lease copied(wr_instant minted_ns)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    int64_t age_ms = (int64_t)((desk.now_ns - minted_ns) / WR_MS);
    lease.issued_ms = lease.not_before_ms = -age_ms;
    lease.expires_ms -= age_ms;
    return lease;
}

static struct wr_counters counters(void)
{
    return desk_check().counters;
}

Test(relay_moving, a_candidate_gets_its_ack_and_nothing_else_while_the_peer_lives)
{
    flow();
    struct lease lease = copied(0);
    cr_expect_eq(verdict_of(&lease, ELSEWHERE), WR_VERDICT_CANDIDATE);
    cr_expect(last_went_to(ELSEWHERE));
    cr_expect_eq(forward(1, ELSEWHERE, 11), WR_OUTCOME_CANDIDATE_UNPROVEN);
    forward(1, SERVER, 11);
    cr_expect(last_went_to(CLIENT));
    cr_expect_eq(counters().promotions_refused_unsilent, 1);
    cr_expect_eq(counters().candidates_by_token, 1);
}

Test(relay_moving, rule_1_a_cookie_after_a_second_of_silence)
{
    flow();
    struct lease lease = copied(0);
    verdict_of(&lease, ELSEWHERE);
    const uint8_t *cookie = last_cookie();
    desk_go(WR_S - 1);
    cr_expect_eq(renew(1, ELSEWHERE, cookie), WR_OUTCOME_CANDIDATE_UNPROVEN);
    desk_go(WR_S);
    cr_expect_eq(renew(1, ELSEWHERE, cookie), WR_OUTCOME_COOKIE_PROMOTED);
    cr_expect_eq(desk.event.rule, 1);
    cr_expect(last_went_to(ELSEWHERE));
    cr_expect_eq(last_sent().type, WR_PACKET_LEASE_ACK);
    cr_expect_eq(counters().promotions_by_cookie, 1);
    cr_expect_eq(counters().nat_rebind_events, 1);
}

Test(relay_moving, rule_1_with_the_presented_token)
{
    flow();
    struct lease lease = copied(0);
    verdict_of(&lease, ELSEWHERE);
    lease.cookie = last_cookie();
    desk_go(WR_S);
    struct lease again = copied(0);
    again.cookie = lease.cookie;
    cr_expect_eq(verdict_of(&again, ELSEWHERE), WR_VERDICT_CANDIDATE);
    cr_expect_eq(counters().promotions_by_cookie, 1);
    forward(1, SERVER, 11);
    cr_expect(last_went_to(ELSEWHERE));
}

Test(relay_moving, a_cookie_of_another_or_none_moves_nobody)
{
    flow();
    uint8_t junk[WR_COOKIE_BYTES] = {1};
    desk_go(5 * WR_S);
    cr_expect_eq(renew(1, ELSEWHERE, junk), WR_OUTCOME_COOKIE_INVALID);
    cr_expect_eq(renew(1, ELSEWHERE, NULL), WR_OUTCOME_RENEW_UNKNOWN);
    cr_expect_eq(renew(2, ELSEWHERE, junk), WR_OUTCOME_RENEW_UNKNOWN);
    cr_expect_eq(renew(1, CLIENT, junk), WR_OUTCOME_COOKIE_INVALID);
    cr_expect_eq(release(1, ELSEWHERE, junk), WR_OUTCOME_COOKIE_INVALID);
    cr_expect_eq(counters().nat_rebind_events, 0);
}

Test(relay_moving, rule_2_a_forward_ahead_after_two_seconds_of_silence)
{
    flow();
    desk_go(2 * WR_S - 1);
    cr_expect_eq(forward(1, CLIENT_2, 11), WR_OUTCOME_CANDIDATE_UNPROVEN);
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 9), WR_OUTCOME_CANDIDATE_UNPROVEN, "unseen, but behind");
    cr_expect_eq(rift(1, CLIENT_2, 0), WR_OUTCOME_CANDIDATE_UNPROVEN, "exempt");
    cr_expect_eq(forward(1, CLIENT_2, 11), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk.event.rule, 2);
    cr_expect_eq(counters().candidates_by_forward, 1);
    cr_expect_eq(counters().promotions_refused_sequence, 2);
    for (uint64_t sequence = 11; sequence < 60; sequence++)
        cr_assert_eq(forward_sized(1, SERVER, sequence, 1000), WR_OUTCOME_FORWARDED, "same host");
}

Test(relay_moving, rule_2_by_the_third_packet_of_a_jump)
{
    flow();
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 90000), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, CLIENT_2, 90001), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, CLIENT_2, 90002), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, CLIENT_2, 90003), WR_OUTCOME_FORWARDED);
}

Test(relay_moving, an_empty_window_moves_nobody)
{
    join(1, CLIENT, SERVER);
    desk_go(2 * WR_S);
    forward(1, SERVER, 1);
    cr_expect_eq(forward(1, CLIENT_2, 1), WR_OUTCOME_CANDIDATE_UNPROVEN);
}

Test(relay_moving, on_another_ip_three_bytes_go_out_for_each_that_came_in)
{
    flow();
    struct lease lease = copied(0);
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    uint32_t present_bytes = desk_encode(&lease, bytes);
    verdict_of(&lease, ELSEWHERE);
    desk_go(2 * WR_S);
    forward(1, SERVER, 11);
    cr_expect_eq(forward_sized(1, ELSEWHERE, 11, 100), WR_OUTCOME_FORWARDED);
    uint32_t cap = 3 * (present_bytes + 100);
    uint64_t sequence = 12;
    for (; cap >= 1100; cap -= 1000)
        cr_assert_eq(forward_sized(1, SERVER, sequence++, 1000), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward_sized(1, SERVER, sequence, cap + 1), WR_OUTCOME_PATH_CAPPED);
    cr_expect_eq(forward_sized(1, SERVER, sequence++, cap), WR_OUTCOME_FORWARDED);
    cr_expect_eq(bare_handshake(SERVER), WR_OUTCOME_PATH_CAPPED);
    cr_expect_eq(bare_handshake(ELSEWHERE), WR_OUTCOME_BARE_FORWARDED, "62 bytes came in");
    cr_expect_eq(forward_sized(1, SERVER, sequence, 187), WR_OUTCOME_PATH_CAPPED);
    cr_expect_eq(forward_sized(1, SERVER, sequence++, 186), WR_OUTCOME_FORWARDED);
    struct lease repeat = copied(0);
    verdict_of(&repeat, ELSEWHERE);
    cr_expect_eq(renew(1, ELSEWHERE, last_cookie()), WR_OUTCOME_RENEWED);
    for (; sequence < 60; sequence++)
        cr_assert_eq(forward_sized(1, SERVER, sequence, 1000), WR_OUTCOME_FORWARDED, "proven");
}

Test(relay_moving, rule_3_a_newer_token_from_anywhere_at_once)
{
    flow();
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = 1;
    cr_expect_eq(verdict_of(&lease, ELSEWHERE), WR_VERDICT_NEWER_TOKEN);
    cr_expect_eq(counters().promotions_by_token, 1);
    cr_expect_eq(forward(1, ELSEWHERE, 1), WR_OUTCOME_FORWARDED, "its window was emptied");
}

Test(relay_moving, a_newer_token_overtaken_by_a_copy_comes_back_with_the_same_bytes)
{
    flow();
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = 1;
    verdict_of(&lease, ELSEWHERE); /* the copy */
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_CANDIDATE);
    cr_expect_eq(counters().reversions_by_token, 1);
    cr_expect_eq(desk.events[WR_EVENT_REVERTED], 1);
    forward(1, SERVER, 11);
    cr_expect(last_went_to(CLIENT));
    cr_expect_eq(verdict_of(&lease, ELSEWHERE), WR_VERDICT_CANDIDATE, "once only");
    cr_expect_eq(counters().reversions_by_token, 1);
}

Test(relay_moving, the_remembered_address_takes_its_peer_back_once)
{
    flow();
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 11), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, CLIENT, 10), WR_OUTCOME_CANDIDATE_UNPROVEN, "not ahead of its top");
    cr_expect_eq(rift(1, CLIENT, 0), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, CLIENT, 11), WR_OUTCOME_FORWARDED, "above its top it passes once more");
    cr_expect_eq(desk.events[WR_EVENT_REVERTED], 1);
    cr_expect_eq(counters().reversions_by_forward, 1);
    desk_wait(2 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 12), WR_OUTCOME_CANDIDATE_UNPROVEN, "the loser stays out");
    cr_expect_eq(counters().promotions_refused_loser, 1);
    desk_wait(28 * WR_S);
    forward(1, SERVER, 11);
    cr_expect_eq(forward(1, CLIENT_2, 12), WR_OUTCOME_FORWARDED, "for thirty seconds");
}

Test(relay_moving, the_remembered_address_comes_back_by_a_jump_or_a_cookie)
{
    flow();
    struct lease lease = copied(0);
    verdict_of(&lease, CLIENT);
    const uint8_t *cookie = last_cookie();
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 11), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, CLIENT, 5000), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, CLIENT, 5001), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, CLIENT, 5002), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, CLIENT, 5003), WR_OUTCOME_FORWARDED);
    desk_wait(2 * WR_S);
    forward(1, SERVER, 11);
    cr_expect_eq(forward(1, CLIENT_3, 5004), WR_OUTCOME_FORWARDED);
    cr_expect_eq(renew(1, CLIENT, cookie), WR_OUTCOME_COOKIE_PROMOTED, "however live the other is");
    cr_expect_eq(counters().reversions_by_cookie, 1);
    desk_wait(2 * WR_S);
    lease = copied(0);
    lease.cookie = cookie;
    forward(1, SERVER, 12);
    cr_expect_eq(forward(1, "203.0.113.5:5009", 5004), WR_OUTCOME_FORWARDED);
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_CANDIDATE);
    cr_expect_eq(counters().reversions_by_cookie, 2, "in a PRESENT as well");
}

Test(relay_moving, a_reversion_by_forward_restores_the_cap_that_was)
{
    flow();
    struct lease lease = copied(0);
    verdict_of(&lease, ELSEWHERE);
    desk_go(2 * WR_S);
    forward(1, SERVER, 11);
    cr_assert_eq(forward(1, ELSEWHERE, 11), WR_OUTCOME_FORWARDED); /* capped; CLIENT remembered */
    desk_go(33 * WR_S);                                            /* and forgotten */
    forward(1, SERVER, 12);
    lease = copied(0);
    verdict_of(&lease, "192.0.2.78:7000");
    cr_assert_eq(forward(1, "192.0.2.78:7000", 12), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward(1, ELSEWHERE, 12), WR_OUTCOME_FORWARDED, "back");
    cr_expect_eq(desk.events[WR_EVENT_REVERTED], 1);
    cr_expect_eq(forward_sized(1, SERVER, 13, 1000), WR_OUTCOME_FORWARDED, "three times the lease");
    cr_expect_eq(forward_sized(1, SERVER, 14, 1000), WR_OUTCOME_PATH_CAPPED);
}

Test(relay_moving, candidates_draw_on_fifty_a_second_and_the_remembered_on_others)
{
    flow();
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 11), WR_OUTCOME_FORWARDED);
    for (int i = 0; i < 11; i++)
        cr_assert_eq(forward(1, CLIENT_3, 12), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, CLIENT_3, 12), WR_OUTCOME_CANDIDATE_LIMITED);
    for (int i = 0; i < 12; i++)
        cr_assert_eq(forward(1, CLIENT, 1), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, CLIENT, 11), WR_OUTCOME_CANDIDATE_LIMITED);
    desk_wait(20 * WR_MS);
    cr_expect_eq(forward(1, CLIENT_3, 12), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, CLIENT, 11), WR_OUTCOME_FORWARDED);
}

/* With a newer token under way, what comes behind it is held and draws on the prefix; where
 * neighbours have emptied that, the owner still comes back. */
Test(relay_moving, an_owner_who_has_presented_comes_back_through_a_flood_of_its_prefix)
{
    flow();
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 11), WR_OUTCOME_FORWARDED);
    struct lease lease = copied(0);
    cr_expect_eq(verdict_of(&lease, CLIENT_3), WR_VERDICT_CANDIDATE);
    desk.verifies_later = true;
    lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(present(&lease, CLIENT), WR_OUTCOME_LEASE_TAKEN);
    lease.issued_ms = 1;
    cr_expect_eq(present(&lease, CLIENT_3), WR_OUTCOME_LEASE_TAKEN);
    lease.session = lease.sid = session_of(2);
    cr_expect_eq(present(&lease, "203.0.113.5:9998"), WR_OUTCOME_LEASE_TAKEN);
    while (forward(9, "203.0.113.5:9999", 1) == WR_OUTCOME_SESSION_NOT_FOUND)
        continue;
    cr_expect_eq(forward(1, CLIENT_3, 11), WR_OUTCOME_CANDIDATE_UNPROVEN, "a candidate");
    cr_expect_eq(forward(2, "203.0.113.5:9998", 12), WR_OUTCOME_UNBOUND_LIMITED, "a stranger");
    cr_expect_eq(bare_handshake("203.0.113.5:9998"), WR_OUTCOME_UNBOUND_LIMITED);
    cr_expect_eq(forward(1, CLIENT, 11), WR_OUTCOME_FORWARDED, "remembered");
    cr_expect_eq(desk.events[WR_EVENT_REVERTED], 1);
    cr_expect_eq(desk_check().held, 0);
}

Test(relay_moving, a_candidate_lives_thirty_seconds)
{
    reopen(WR_REBIND_OFF);
    flow();
    struct lease lease = copied(0);
    verdict_of(&lease, CLIENT_2);
    desk_go(30 * WR_S - 1);
    forward(1, SERVER, 11);
    desk_go(30 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 11), WR_OUTCOME_UNKNOWN_PEER);
}

Test(relay_moving, a_passive_move_needs_the_policy)
{
    reopen(WR_REBIND_OFF);
    flow();
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, CLIENT_2, 11), WR_OUTCOME_UNKNOWN_PEER);
    reopen(WR_REBIND_SAME_IP);
    flow();
    desk_wait(2 * WR_S);
    cr_expect_eq(forward(1, ELSEWHERE, 11), WR_OUTCOME_UNKNOWN_PEER);
    reopen(WR_REBIND_ANY);
    flow();
    desk_wait(2 * WR_S);
    forward(1, SERVER, 11);
    cr_expect_eq(forward(1, ELSEWHERE, 11), WR_OUTCOME_FORWARDED, "the server was heard");
}

Test(relay_moving, a_passive_move_of_the_server)
{
    flow();
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, "203.0.113.9:6001", 11), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk.event.role, WR_ROLE_SERVER);
}

/* ---- Both behind one address: who moved? ----------------------------------------------------- */

#define TWIN  "203.0.113.5:6000"
#define MOVED "203.0.113.5:7000"

static void twins(uint64_t client_top, uint64_t server_top)
{
    join(1, CLIENT, TWIN);
    for (uint64_t top = 1000; top < client_top; top += 1000)
        forward(1, CLIENT, top);
    cr_assert_eq(forward(1, CLIENT, client_top), WR_OUTCOME_FORWARDED);
    for (uint64_t top = 1000; top < server_top; top += 1000)
        forward(1, TWIN, top);
    cr_assert_eq(forward(1, TWIN, server_top), WR_OUTCOME_FORWARDED);
}

Test(relay_moving, far_apart_the_nearest_top_below_counts)
{
    twins(100, 2149);
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, MOVED, 99), WR_OUTCOME_UNKNOWN_PEER, "below both");
    cr_expect_eq(forward(1, MOVED, 2150), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk.event.role, WR_ROLE_SERVER);
    cr_expect_eq(forward(1, "203.0.113.5:7001", 101), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk.event.role, WR_ROLE_CLIENT);
}

Test(relay_moving, far_apart_the_other_way_round)
{
    twins(2149, 100);
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, MOVED, 2150), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk.event.role, WR_ROLE_CLIENT);
}

Test(relay_moving, nearer_the_silent_one_counts)
{
    twins(100, 2148);
    desk_go(2 * WR_S);
    forward(1, TWIN, 2149);
    cr_expect_eq(forward(1, MOVED, 101), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk.event.role, WR_ROLE_CLIENT);
    desk_wait(2 * WR_S);
    forward(1, MOVED, 102);
    cr_expect_eq(forward(1, "203.0.113.5:7001", 2150), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk.event.role, WR_ROLE_SERVER);
}

Test(relay_moving, both_silent_the_one_whose_top_fits_counts)
{
    twins(100, 1500);
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, MOVED, 1), WR_OUTCOME_UNKNOWN_PEER, "ahead of none");
    cr_expect_eq(forward(1, MOVED, 1600), WR_OUTCOME_FORWARDED, "too far ahead of the client");
    cr_expect_eq(desk.event.role, WR_ROLE_SERVER);
}

Test(relay_moving, both_silent_and_ahead_of_the_client_only)
{
    twins(100, 1500);
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, MOVED, 1124), WR_OUTCOME_FORWARDED);
    cr_expect_eq(desk.event.role, WR_ROLE_CLIENT);
}

Test(relay_moving, where_both_or_neither_could_have_moved_nobody_does)
{
    twins(100, 200);
    cr_expect_eq(forward(1, MOVED, 201), WR_OUTCOME_UNKNOWN_PEER, "neither is silent");
    desk_go(2 * WR_S);
    cr_expect_eq(forward(1, MOVED, 201), WR_OUTCOME_UNKNOWN_PEER, "ahead of both");
}

/* ---- While the session waits for the other peer ------------------------------------------------
 */

static const char *twin_session_loses_its_client(void)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_assert_eq(verdict_of(&lease, CLIENT), WR_VERDICT_ACCEPTED);
    const uint8_t *cookie = last_cookie();
    lease = desk_lease(1, WR_ROLE_SERVER);
    cr_assert_eq(verdict_of(&lease, TWIN), WR_VERDICT_ACCEPTED);
    cr_assert_eq(forward(1, CLIENT, 10), WR_OUTCOME_FORWARDED);
    cr_assert_eq(forward(1, TWIN, 10), WR_OUTCOME_FORWARDED);
    cr_assert_eq(release(1, CLIENT, cookie), WR_OUTCOME_RELEASED);
    return CLIENT;
}

Test(relay_moving, who_left_a_role_does_not_slip_into_the_others)
{
    const char *left = twin_session_loses_its_client();
    for (int i = 0; i < 20; i++) { /* both talk, and neither is heard by the other */
        desk_wait(400 * WR_MS);
        cr_expect_eq(forward(1, left, 11), WR_OUTCOME_SESSION_NOT_ACTIVE);
    }
    cr_expect_eq(desk.events[WR_EVENT_CANDIDATE], 0);
    cr_expect_eq(desk.events[WR_EVENT_PROMOTED], 0, "the server was silent, but is who it was");
    struct lease back = desk_lease(1, WR_ROLE_CLIENT);
    back.issued_ms = 1;
    cr_expect_eq(verdict_of(&back, left), WR_VERDICT_ACCEPTED);
    cr_expect_eq(forward(1, TWIN, 11), WR_OUTCOME_FORWARDED);
}

Test(relay_moving, another_port_is_a_candidate_in_a_waiting_session_too)
{
    twin_session_loses_its_client();
    desk_wait(2 * WR_S);
    cr_expect_eq(forward(1, MOVED, 11), WR_OUTCOME_SESSION_NOT_ACTIVE);
    cr_expect_eq(desk.events[WR_EVENT_PROMOTED], 1);
    cr_expect_eq(desk.event.role, WR_ROLE_SERVER);
}

Test(relay_moving, who_presents_the_others_token_from_where_it_left_is_a_candidate)
{
    const char *left = twin_session_loses_its_client();
    struct lease lease = desk_lease(1, WR_ROLE_SERVER);
    cr_expect_eq(verdict_of(&lease, left), WR_VERDICT_CANDIDATE);
    desk_wait(2 * WR_S);
    cr_expect_eq(forward(1, left, 11), WR_OUTCOME_SESSION_NOT_ACTIVE);
    cr_expect_eq(desk.events[WR_EVENT_PROMOTED], 1, "it said whose it is");
}

Test(relay_moving, forwards_of_a_waiting_session_are_signs_of_life)
{
    twin_session_loses_its_client();
    desk_wait(2 * WR_S - 1);
    cr_expect_eq(forward(1, TWIN, 11), WR_OUTCOME_SESSION_NOT_ACTIVE);
    desk_wait(2 * WR_S - 1);
    cr_expect_eq(forward(1, MOVED, 12), WR_OUTCOME_CANDIDATE_UNPROVEN);
    cr_expect_eq(forward(1, TWIN, 10), WR_OUTCOME_SESSION_NOT_ACTIVE, "replayed: no sign");
    cr_expect_eq(rift(1, TWIN, 0), WR_OUTCOME_SESSION_NOT_ACTIVE, "exempt: none");
    desk_wait(1);
    cr_expect_eq(forward(1, MOVED, 12), WR_OUTCOME_SESSION_NOT_ACTIVE, "moved");
    cr_expect_eq(desk.events[WR_EVENT_PROMOTED], 1);
}

Test(relay_moving, a_sign_of_life_in_a_waiting_session_commits_nothing)
{
    twin_session_loses_its_client();
    desk_go(30 * WR_S);
    cr_expect_eq(forward(1, TWIN, 11), WR_OUTCOME_SESSION_NOT_ACTIVE);
    struct lease back = desk_lease(1, WR_ROLE_CLIENT);
    back.issued_ms = 1;
    cr_expect_eq(verdict_of(&back, CLIENT), WR_VERDICT_ACCEPTED);
    cr_expect_eq(forward(1, MOVED, 12), WR_OUTCOME_UNKNOWN_PEER, "neither is silent");
    cr_expect_eq(forward(1, TWIN, 11), WR_OUTCOME_FORWARDED, "it was not committed");
}

Test(relay_moving, a_sign_of_life_in_a_waiting_session_keeps_no_idle_session)
{
    desk_close();
    desk.config.peer_wait_secs = 100;
    desk_open();
    twin_session_loses_its_client();
    desk_go(30 * WR_S);
    cr_expect_eq(forward(1, TWIN, 11), WR_OUTCOME_SESSION_NOT_ACTIVE);
    desk_go(60 * WR_S);
    cr_expect_eq(desk_check().sessions_waiting, 0, "it was not heard");
}

/* A real client's packet ids run on by 500 a second, whatever becomes of its packets. */
Test(relay_moving, a_peer_whose_sequence_ran_ahead_while_it_waited_is_alive_by_a_jump)
{
    twin_session_loses_its_client();
    desk_wait(5 * WR_S);
    cr_expect_eq(forward(1, TWIN, 3000), WR_OUTCOME_SESSION_NOT_ACTIVE, "far ahead");
    cr_expect_eq(forward(1, TWIN, 3001), WR_OUTCOME_SESSION_NOT_ACTIVE);
    cr_expect_eq(forward(1, TWIN, 3002), WR_OUTCOME_SESSION_NOT_ACTIVE, "the third: a sign");
    desk_wait(2 * WR_S - 1);
    cr_expect_eq(forward(1, MOVED, 11), WR_OUTCOME_CANDIDATE_UNPROVEN);
    desk_wait(1);
    cr_expect_eq(forward(1, MOVED, 11), WR_OUTCOME_SESSION_NOT_ACTIVE);
    cr_expect_eq(desk.events[WR_EVENT_PROMOTED], 1);
}
