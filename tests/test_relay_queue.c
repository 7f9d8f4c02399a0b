#include "relay_harness.h"

#include <criterion/criterion.h>
#include <string.h>

/* Leases that wait: queues, budget, keys that are still to come, and what is held behind them. */

static void open_desk(void)
{
    desk_reset();
    desk.config.max_sessions = 2000;
    desk.config.load_shed_threshold_pct = 100;
    desk_open();
}

TestSuite(relay_queue, .init = open_desk, .fini = desk_close);

static void present_many(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct lease lease = desk_lease(i, WR_ROLE_CLIENT);
        cr_assert_eq(present(&lease, host(i)), WR_OUTCOME_LEASE_TAKEN);
    }
}

Test(relay_queue, four_are_out_512_wait_and_the_next_is_told_to_come_back)
{
    desk.verifies_later = true;
    present_many(0, 4 + 512);
    cr_expect_eq(desk.asked_count, 4);
    cr_expect_eq(desk_check().queue_depth, 512);
    cr_expect_eq(desk.sent_count, 0);
    struct lease late = desk_lease(600, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&late, host(600)), WR_VERDICT_QUEUE_DROPPED);
    cr_expect_eq(last_sent().reason, WR_REJECT_RATE_LIMITED);
    late.cookie = last_cookie();
    cr_expect_eq(present(&late, host(600)), WR_OUTCOME_LEASE_TAKEN);
    cr_expect_eq(desk.verdict, WR_VERDICT_COUNT, "it waits, in the first queue");
    late.cookie = NULL;
    cr_expect_eq(verdict_of(&late, host(601)), WR_VERDICT_QUEUE_DROPPED);
    desk_verify();
    cr_expect_eq(desk_check().sessions_waiting, 4 + 512 + 1);
}

Test(relay_queue, the_first_queue_has_512_places_too)
{
    present_many(0, 4 + 513);
    desk.verifies_later = true;
    for (uint32_t i = 0; i < 4 + 513; i++) {
        struct lease renewal = desk_lease(i, WR_ROLE_CLIENT);
        renewal.issued_ms = 1;
        present(&renewal, host(i));
        cr_assert_eq(desk.verdict, i < 4 + 512 ? WR_VERDICT_COUNT : WR_VERDICT_QUEUE_DROPPED);
    }
    present_many(1000, 1001); /* the second queue is not concerned */
    cr_expect_eq(desk_check().pending, 4 + 512 + 1);
}

Test(relay_queue, who_waited_two_seconds_is_dropped_before_the_budget_would_let_him_go)
{
    desk_close();
    desk.config.verify_rate = 1;
    desk_open();
    present_many(0, 3); /* at 0 s, 1 s and, too late, 2 s */
    desk_go(WR_S);
    cr_expect_eq(desk_check().counters.verdicts[WR_VERDICT_ACCEPTED], 2);
    desk_go(2 * WR_S - 1);
    cr_expect_eq(desk_check().pending, 1);
    desk_go(2 * WR_S);
    cr_expect_eq(desk_check().counters.verdicts[WR_VERDICT_QUEUE_DROPPED], 1);
    cr_expect_eq(last_sent().reason, WR_REJECT_RATE_LIMITED);
    cr_expect(last_sent().has_cookie);
    cr_expect_eq(desk_check().counters.verification_wait_ns, WR_S);
}

Test(relay_queue, results_may_come_back_in_any_order)
{
    desk.verifies_later = true;
    present_many(0, 4);
    uint32_t id = desk.asked[0].id;
    desk.asked[0] = desk.asked[3];
    desk.asked[3].id = id;
    desk_verify();
    cr_expect_eq(desk_check().sessions_waiting, 4);
}

/* ---- Keys that are still to come --------------------------------------------------------------
 */

Test(relay_queue, an_unknown_kid_waits_two_seconds_for_its_key)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.kid = "k2";
    lease.key = 2;
    present(&lease, host(1));
    cr_expect_eq(desk.events[WR_EVENT_KEY_REFRESH_WANTED], 1);
    cr_expect_str_eq(desk.kid, "k2");
    desk_go(2 * WR_S - 1);
    cr_expect_eq(desk_check().pending, 1);
    desk_key("k2", 2, WR_KEY_LEARNED);
    cr_expect_eq(desk.verdict, WR_VERDICT_ACCEPTED);
    lease = desk_lease(2, WR_ROLE_CLIENT);
    lease.kid = "k3";
    present(&lease, host(2));
    desk_wait(2 * WR_S);
    cr_expect_eq(desk.verdict, WR_VERDICT_UNKNOWN_KEY);
    cr_expect_eq(last_sent().reason, WR_REJECT_INVALID_SIGNATURE);
}

Test(relay_queue, the_master_is_asked_at_most_every_ten_seconds)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.kid = "k2";
    present(&lease, host(1));
    desk_go(10 * WR_S - 1);
    present(&lease, host(1));
    cr_expect_eq(desk.events[WR_EVENT_KEY_REFRESH_WANTED], 1);
    desk_go(10 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_KEY_REFRESH_WANTED], 1, "only an arrival asks");
    present(&lease, host(1));
    cr_expect_eq(desk.events[WR_EVENT_KEY_REFRESH_WANTED], 2);
}

Test(relay_queue, nobody_is_asked_for_who_waits_no_more)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.kid = "k2";
    present(&lease, host(1));
    desk_go(5 * WR_S);
    present(&lease, host(1)); /* gives up at 7 s */
    desk_go(20 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_KEY_REFRESH_WANTED], 1);
}

Test(relay_queue, of_65_that_wait_for_a_key_the_last_is_refused)
{
    for (uint32_t i = 0; i < 65; i++) {
        struct lease lease = desk_lease(i, WR_ROLE_CLIENT);
        lease.kid = "k2";
        present(&lease, host(i));
        cr_assert_eq(desk.verdict, i < 64 ? WR_VERDICT_COUNT : WR_VERDICT_UNKNOWN_KEY);
    }
    cr_expect_eq(desk.events[WR_EVENT_KEY_REFRESH_WANTED], 1);
}

Test(relay_queue, without_a_kid_or_a_master_nobody_waits)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.kid = NULL;
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_UNKNOWN_KEY);
    lease.kid = "";
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_UNKNOWN_KEY);
    desk_close();
    desk.config.keys_refreshable = false;
    desk_open();
    lease.kid = "k2";
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_UNKNOWN_KEY);
}

Test(relay_queue, who_waited_for_a_key_and_finds_the_queue_full_is_dropped)
{
    struct lease lease = desk_lease(1999, WR_ROLE_CLIENT);
    lease.kid = "k2";
    lease.key = 2;
    present(&lease, host(5000));
    desk.verifies_later = true;
    present_many(0, 4 + 512);
    desk_key("k2", 2, WR_KEY_LEARNED);
    cr_expect_eq(desk.verdict, WR_VERDICT_QUEUE_DROPPED);
    cr_expect(last_sent().has_cookie);
}

Test(relay_queue, a_key_that_left_takes_its_waiting_leases_with_it)
{
    desk.verifies_later = true;
    present_many(0, 6); /* two are queued */
    desk_drop_key(1);
    desk_verify();
    cr_expect_eq(desk_check().counters.verdicts[WR_VERDICT_UNKNOWN_KEY], 6);
    cr_expect_eq(desk_check().counters.verifications_requested, 4);
}

Test(relay_queue, a_bad_result_of_keys_that_all_left_is_unknown_key)
{
    desk.verifies_later = true;
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.spoiled = true;
    present(&lease, host(1));
    desk_drop_key(1);
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_UNKNOWN_KEY);
}

Test(relay_queue, a_key_that_left_does_not_come_back_under_another_kid)
{
    desk_key("k2", 1, WR_KEY_LEARNED); /* the same bytes; k1 grows old from now on */
    desk.verifies_later = true;
    desk_go(3660 * WR_S - 1);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT), spoiled = lease;
    spoiled.spoiled = true;
    present(&lease, host(1));
    present(&spoiled, host(1));
    desk_wait(1);
    desk_verify();
    cr_expect_eq(desk_check().counters.verdicts[WR_VERDICT_UNKNOWN_KEY], 2);
    lease.kid = "k2";
    present(&lease, host(1));
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_ACCEPTED);
}

Test(relay_queue, a_bad_result_from_before_a_change_of_the_ring_is_not_remembered)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.key = 2; /* the master was restarted: the same kid, other bytes */
    desk.verifies_later = true;
    present(&lease, host(1));
    desk_key("k1", 2, WR_KEY_LEARNED);
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_BAD_SIGNATURE, "of the keys it went out with");
    present(&lease, host(1));
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_ACCEPTED, "the new key was not asked yet");
    cr_expect_eq(desk.asked_keys, 2);
}

/* ---- Who leaves meanwhile ----------------------------------------------------------------------
 */

static uint8_t cookie[WR_COOKIE_BYTES];

/* The client of session 1 at host(1), who keeps its cookie; the server where it is wanted. */
static struct lease join_client(bool with_server)
{
    struct lease client = desk_lease(1, WR_ROLE_CLIENT), server = desk_lease(1, WR_ROLE_SERVER);
    if (with_server)
        cr_assert_eq(verdict_of(&server, host(2)), WR_VERDICT_ACCEPTED);
    cr_assert_eq(verdict_of(&client, host(1)), WR_VERDICT_ACCEPTED);
    memcpy(cookie, last_cookie(), sizeof cookie);
    desk.verifies_later = true;
    return client;
}

Test(relay_queue, a_release_is_not_undone_by_a_newer_token_that_was_on_its_way)
{
    struct lease newer = join_client(true);
    newer.issued_ms = 1;
    present(&newer, host(1));
    cr_expect_eq(release(1, host(1), cookie), WR_OUTCOME_RELEASED);
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_OLDER_TOKEN);
    cr_expect_eq(last_sent().reason, WR_REJECT_INVALID_SIGNATURE);
    cr_expect_eq(desk_check().sessions_active, 0);
    cr_expect_eq(verdict_of(&newer, host(1)), WR_VERDICT_ACCEPTED, "who comes after it, comes");
}

Test(relay_queue, a_released_session_is_not_opened_by_what_was_queued)
{
    struct lease client = join_client(false);
    present_many(10, 14); /* nobody else goes out */
    client.extra = "\"again\":1";
    present(&client, host(1)); /* in the first queue */
    client.issued_ms = 1;
    present(&client, host(1));
    client.kid = "k2"; /* which is still to come */
    client.key = 2;
    present(&client, host(1));
    cr_expect_eq(release(1, host(1), cookie), WR_OUTCOME_RELEASED);
    cr_expect_eq(desk_check().sessions_waiting, 0);
    desk_key("k2", 2, WR_KEY_LEARNED);
    desk_verify();
    cr_expect_eq(desk_check().counters.verdicts[WR_VERDICT_OLDER_TOKEN], 3);
    cr_expect_eq(desk_check().sessions_waiting, 4, "the others");
}

Test(relay_queue, a_release_concerns_its_role_its_address_and_its_session)
{
    struct lease newer = join_client(true), second = desk_lease(2, WR_ROLE_CLIENT);
    struct lease server = desk_lease(1, WR_ROLE_SERVER);
    newer.issued_ms = server.issued_ms = 1;
    present(&newer, host(3));
    present(&server, host(1));
    present(&second, host(1));
    cr_expect_eq(release(1, host(1), cookie), WR_OUTCOME_RELEASED);
    desk_verify();
    struct wr_snapshot snapshot = desk_check();
    cr_expect_eq(snapshot.counters.verdicts[WR_VERDICT_OLDER_TOKEN], 0);
    cr_expect_eq(snapshot.counters.verdicts[WR_VERDICT_NEWER_TOKEN], 1, "the server's");
    cr_expect_eq(snapshot.sessions_active, 1);
    cr_expect_eq(snapshot.sessions_waiting, 1);
}

Test(relay_queue, what_a_leaving_peer_left_behind_a_lease_is_judged_as_ever)
{
    struct lease newer = join_client(true);
    newer.issued_ms = 1;
    present(&newer, host(1));
    cr_expect_eq(release(1, host(1), cookie), WR_OUTCOME_RELEASED);
    cr_expect_eq(forward(1, host(1), 1), WR_OUTCOME_COUNT);
    cr_expect_eq(forward(1, host(1), 2), WR_OUTCOME_COUNT);
    desk_verify();
    cr_expect_eq(desk_check().held, 0);
    cr_expect_eq(desk_check().counters.outcomes[WR_OUTCOME_SESSION_NOT_ACTIVE], 2);
}

Test(relay_queue, a_release_reaches_also_what_holds_two_datagrams)
{
    struct lease newer = desk_lease(1, WR_ROLE_CLIENT), client = newer;
    newer.issued_ms = 1;
    desk.verifies_later = true;
    present(&client, host(1));
    present(&newer, host(1));
    for (uint64_t sequence = 1; sequence <= 4; sequence++)
        cr_expect_eq(forward(1, host(1), sequence), WR_OUTCOME_COUNT);
    uint32_t second = desk.asked[1].id;
    desk.asked_count = 1; /* the first result comes first */
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_ACCEPTED);
    cr_expect_eq(release(1, host(1), last_cookie()), WR_OUTCOME_RELEASED);
    wr_relay_verified(desk.relay, second, 0);
    cr_expect_eq(desk.verdict, WR_VERDICT_OLDER_TOKEN);
    cr_expect_eq(desk_check().sessions_waiting, 0);
}

/* ---- What is held ------------------------------------------------------------------------------
 */

Test(relay_queue, two_datagrams_are_held_behind_a_lease_and_go_right_behind_its_verdict)
{
    struct lease server = desk_lease(1, WR_ROLE_SERVER), client = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&server, host(2));
    desk.verifies_later = true;
    present(&client, host(1));
    cr_expect_eq(forward(1, host(1), 1), WR_OUTCOME_COUNT);
    cr_expect_eq(bare_handshake(host(1)), WR_OUTCOME_COUNT);
    cr_expect_eq(forward(1, host(1), 2), WR_OUTCOME_SESSION_NOT_ACTIVE, "a third is not held");
    cr_expect_eq(desk_check().held, 2);
    desk_verify();
    struct wr_snapshot snapshot = desk_check();
    cr_expect_eq(snapshot.held, 0);
    cr_expect_eq(snapshot.counters.outcomes[WR_OUTCOME_FORWARDED], 1);
    cr_expect_eq(snapshot.counters.outcomes[WR_OUTCOME_BARE_FORWARDED], 1);
    cr_expect(last_went_to(host(2)));
}

Test(relay_queue, what_is_held_draws_on_its_source)
{
    desk_close();
    desk.config.ip_rate_limit_pps = 8; /* two at once */
    desk_open();
    desk.verifies_later = true;
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    present(&lease, host(1));
    cr_expect_eq(forward(1, host(1), 1), WR_OUTCOME_COUNT);
    cr_expect_eq(forward(1, host(1), 2), WR_OUTCOME_UNBOUND_LIMITED);
    desk_wait(125 * WR_MS);
    cr_expect_eq(bare_handshake(host(1)), WR_OUTCOME_COUNT);
    desk_verify();
    cr_expect_eq(desk_check().counters.outcomes[WR_OUTCOME_SESSION_NOT_ACTIVE], 2);
    present(&lease, host(2)); /* repeats behind an empty bucket */
    cr_expect_eq(bare_handshake(host(2)), WR_OUTCOME_COUNT);
    cr_expect_eq(bare_handshake(host(2)), WR_OUTCOME_UNBOUND_LIMITED);
}

Test(relay_queue, the_pool_holds_1024_and_when_it_is_full_nothing_waits)
{
    join(1900, host(7000), host(7001));
    cr_expect_eq(bare_handshake(host(7000)), WR_OUTCOME_BARE_FORWARDED);
    cr_expect_eq(bare_handshake(host(7001)), WR_OUTCOME_BARE_FORWARDED);
    desk.verifies_later = true;
    present_many(0, 513);
    for (uint32_t i = 0; i < 512; i++) {
        cr_assert_eq(forward(i, host(i), 1), WR_OUTCOME_COUNT);
        cr_assert_eq(forward(i, host(i), 2), WR_OUTCOME_COUNT);
    }
    cr_expect_eq(desk_check().held, 1024);
    cr_expect_eq(forward(512, host(512), 1), WR_OUTCOME_SESSION_NOT_FOUND);
    cr_expect_eq(bare_handshake(host(512)), WR_OUTCOME_UNKNOWN_PEER);
    cr_expect_eq(forward(1900, host(7000), 1), WR_OUTCOME_FORWARDED, "message 3 is due, but");
    desk_verify();
    cr_expect_eq(desk_check().held, 0);
    cr_expect_eq(forward(1900, host(7000), 2), WR_OUTCOME_FORWARDED, "due no more");
}

Test(relay_queue, bytes_of_a_candidate_count_for_its_path_also_while_they_are_held)
{
    join(1, host(1), host(2));
    forward(1, host(1), 1);
    desk_wait(2 * WR_S); /* the client gives no sign of life */
    forward(1, host(2), 1);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = -2000;
    lease.expires_ms -= 2000; /* the bound token, other bytes */
    lease.extra = "\"a\":1";
    present(&lease, host(3)); /* candidate: its own bytes count */
    uint32_t present_bytes = 0;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    present_bytes = desk_encode(&lease, bytes);
    desk.verifies_later = true;
    lease.extra = "\"a\":2";
    present(&lease, host(3));
    uint32_t second_bytes = desk_encode(&lease, bytes);
    cr_expect_eq(forward_sized(1, host(3), 1, 500), WR_OUTCOME_COUNT, "held");
    desk_verify();
    cr_expect_eq(forward_sized(1, host(3), 2, 100), WR_OUTCOME_FORWARDED,
                 "rule 2 moves the client");
    uint64_t cap = 3 * (uint64_t)(present_bytes + second_bytes + 500 + 100);
    uint64_t sequence = 10;
    for (; cap >= 1000; cap -= 1000)
        cr_assert_eq(forward_sized(1, host(2), sequence++, 1000), WR_OUTCOME_FORWARDED);
    if (cap >= 29)
        cr_assert_eq(forward_sized(1, host(2), sequence++, (uint32_t)cap), WR_OUTCOME_FORWARDED);
    cr_expect_eq(forward_sized(1, host(2), sequence, 29), WR_OUTCOME_PATH_CAPPED);
}
