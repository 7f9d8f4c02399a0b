#include "relay_harness.h"

#include <criterion/criterion.h>
#include <string.h>

/* Bare RIFT and the wait for message 3 (section 1). */

#define CLIENT "203.0.113.5:5000"
#define SERVER "203.0.113.9:6000"

static void open_desk(void)
{
    desk_reset();
    desk_open();
    join(1, CLIENT, SERVER);
}

TestSuite(relay_handshake, .init = open_desk, .fini = desk_close);

/* A handshake packet each way: message 3 of the client is due. */
static void both_ways(void)
{
    cr_assert_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_FORWARDED);
    cr_assert_eq(bare_handshake(SERVER), WR_OUTCOME_BARE_FORWARDED);
}

static uint64_t outcomes(enum wr_outcome outcome)
{
    return desk_check().counters.outcomes[outcome];
}

Test(relay_handshake, the_transport_form_passes_after_a_packet_each_way)
{
    cr_expect_eq(bare_transport(CLIENT), WR_OUTCOME_BARE_OUT_OF_TURN);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_FORWARDED);
    cr_expect(last_went_to(SERVER));
    cr_expect_eq(bare_transport(CLIENT), WR_OUTCOME_BARE_OUT_OF_TURN);
    cr_expect_eq(bare_handshake(SERVER), WR_OUTCOME_BARE_FORWARDED);
    cr_expect_eq(bare_transport(CLIENT), WR_OUTCOME_BARE_FORWARDED);
    cr_expect_eq(bare_transport(SERVER), WR_OUTCOME_BARE_FORWARDED);
}

Test(relay_handshake, only_an_address_bound_once_is_understood)
{
    cr_expect_eq(bare_handshake(host(1)), WR_OUTCOME_UNKNOWN_PEER);
    struct lease waiting = desk_lease(2, WR_ROLE_CLIENT);
    verdict_of(&waiting, host(2));
    cr_expect_eq(bare_handshake(host(2)), WR_OUTCOME_SESSION_NOT_ACTIVE);
    join(3, CLIENT, host(3));
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_AMBIGUOUS);
    cr_expect_eq(bare_handshake(host(3)), WR_OUTCOME_BARE_FORWARDED);
}

Test(relay_handshake, switched_off_it_is_bad_magic)
{
    desk_close();
    desk.config.bare_rift = false;
    desk_open();
    join(1, CLIENT, SERVER);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BAD_MAGIC);
}

Test(relay_handshake, forwards_of_the_first_side_wait_for_message_3)
{
    both_ways();
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_COUNT);
    cr_expect_eq(forward(1, CLIENT, 2), WR_OUTCOME_COUNT);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_FORWARDED, "the other side's do not");
    cr_expect_eq(bare_transport(SERVER), WR_OUTCOME_BARE_FORWARDED, "nor is this message 3");
    cr_expect_eq(desk_check().held, 2);
    uint32_t sent = desk.sent_count;
    cr_expect_eq(bare_transport(CLIENT), WR_OUTCOME_BARE_FORWARDED);
    cr_expect_eq(desk.sent_count, sent + 3);
    cr_expect_eq(last_sent().sequence, 2, "behind message 3, in their order");
    cr_expect_eq(forward(1, CLIENT, 3), WR_OUTCOME_FORWARDED, "due no more");
}

Test(relay_handshake, they_wait_50_ms)
{
    both_ways();
    desk_go(WR_S);
    forward(1, CLIENT, 1);
    desk_wait(20 * WR_MS);
    forward(1, CLIENT, 2);
    desk_wait(30 * WR_MS - 1);
    cr_expect_eq(desk_check().held, 2);
    desk_wait(1);
    cr_expect_eq(outcomes(WR_OUTCOME_FORWARDED), 2, "the second goes with the first");
    cr_expect_eq(forward(1, CLIENT, 3), WR_OUTCOME_FORWARDED);
}

Test(relay_handshake, a_third_ends_the_wait)
{
    both_ways();
    forward(1, CLIENT, 1);
    forward(1, CLIENT, 2);
    cr_expect_eq(forward(1, CLIENT, 3), WR_OUTCOME_FORWARDED);
    cr_expect_eq(outcomes(WR_OUTCOME_FORWARDED), 3);
    cr_expect_eq(last_sent().sequence, 3);
}

Test(relay_handshake, a_newer_token_in_a_present_starts_it_anew)
{
    both_ways();
    forward(1, CLIENT, 1);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = 1;
    lease.renew = true;
    verdict_of(&lease, CLIENT);
    cr_expect_eq(desk_check().held, 1, "a renew does not");
    lease.issued_ms = 2;
    lease.renew = false;
    verdict_of(&lease, CLIENT);
    cr_expect_eq(desk_check().held, 0);
    cr_expect_eq(bare_transport(CLIENT), WR_OUTCOME_BARE_OUT_OF_TURN);
    cr_expect_eq(bare_handshake(SERVER), WR_OUTCOME_BARE_FORWARDED);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_FORWARDED);
    cr_expect_eq(forward(1, CLIENT, 2), WR_OUTCOME_FORWARDED, "the server went first this time");
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_COUNT);
}

Test(relay_handshake, what_waits_gets_its_outcome_when_the_role_is_vacated)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, CLIENT); /* a repeat, for its cookie */
    const uint8_t *cookie = last_cookie();
    both_ways();
    forward(1, CLIENT, 1);
    cr_expect_eq(release(1, CLIENT, cookie), WR_OUTCOME_RELEASED);
    struct wr_snapshot snapshot = desk_check();
    cr_expect_eq(snapshot.held, 0);
    cr_expect_eq(snapshot.counters.outcomes[WR_OUTCOME_SESSION_NOT_ACTIVE], 1);
}

Test(relay_handshake, what_waits_gets_its_outcome_when_the_session_is_removed)
{
    both_ways();
    forward(1, CLIENT, 1);
    forward(1, CLIENT, 2);
    join(2, host(1), host(2)); /* its waiting ones are not concerned */
    bare_handshake(host(1));
    bare_handshake(host(2));
    forward(2, host(1), 1);
    cr_expect(wr_relay_ban(desk.relay, "server-1", strlen("server-1")));
    struct wr_snapshot snapshot = desk_check();
    cr_expect_eq(snapshot.counters.outcomes[WR_OUTCOME_SESSION_NOT_FOUND], 2);
    cr_expect_eq(snapshot.held, 1);
    desk_wait(50 * WR_MS);
    cr_expect_eq(outcomes(WR_OUTCOME_FORWARDED), 1);
}

Test(relay_handshake, waits_of_several_sessions_end_in_their_order)
{
    join(2, host(1), host(2));
    both_ways();
    bare_handshake(host(1));
    bare_handshake(host(2));
    forward(1, CLIENT, 1);
    desk_wait(WR_MS);
    forward(2, host(1), 1);
    desk_wait(WR_MS);
    forward(1, CLIENT, 2);
    cr_expect_eq(bare_transport(host(1)), WR_OUTCOME_BARE_FORWARDED, "from the middle");
    cr_expect_eq(desk_check().held, 2);
    desk_go(50 * WR_MS);
    cr_expect_eq(desk_check().held, 0);
}

Test(relay_handshake, bare_packets_obey_the_limits_of_forwards)
{
    desk_go(30 * WR_S);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_STALE_RECEIVER);
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_STALE_RECEIVER);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_FORWARDED, "the server was heard by that");
    cr_expect_eq(forward(1, SERVER, 1), WR_OUTCOME_STALE_RECEIVER, "a bare packet is no sign");
    desk_close();
    desk.config.peer_rate_limit_pps = 4;
    desk_open();
    join(1, CLIENT, SERVER);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_FORWARDED);
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_PEER_LIMITED);
}

Test(relay_handshake, an_address_bound_by_another_relay_too_is_ambiguous)
{
    desk.bound_elsewhere = true;
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_AMBIGUOUS);
    cr_expect_eq(bare_handshake(host(1)), WR_OUTCOME_UNKNOWN_PEER);
    desk.bound_elsewhere = false;
    cr_expect_eq(bare_handshake(CLIENT), WR_OUTCOME_BARE_FORWARDED);
}

/* What waits behind a lease is judged by what was so when it came, as if it had not waited. */
Test(relay_handshake, bound_by_another_relay_it_is_ambiguous_behind_its_lease_too)
{
    join(2, host(1), host(2));
    uint64_t before = outcomes(WR_OUTCOME_BARE_AMBIGUOUS);
    struct lease again = desk_lease(2, WR_ROLE_CLIENT);
    again.expires_ms += 1000;
    desk.verifies_later = true;
    present(&again, host(3));
    desk.bound_elsewhere = true;
    cr_expect_eq(bare_handshake(host(3)), WR_OUTCOME_COUNT, "it waits for the lease");
    desk.bound_elsewhere = false;
    desk_verify();
    cr_expect_eq(last_bound(host(3)), WR_BOUND_ONCE);
    cr_expect_eq(outcomes(WR_OUTCOME_BARE_AMBIGUOUS), before + 1);
}
