#include "relay_harness.h"

#include <criterion/criterion.h>
#include <string.h>

#define CLIENT "203.0.113.5:5000"
#define SERVER "203.0.113.9:6000"
#define OTHER  "198.51.100.7:7000"

static void open_desk(void)
{
    desk_reset();
    desk_open();
}

TestSuite(relay_lease, .init = open_desk, .fini = desk_close);

static void expect_refused(const struct lease *lease, enum wr_verdict verdict, uint16_t reason)
{
    uint32_t sent = desk.sent_count;
    cr_expect_eq(verdict_of(lease, OTHER), verdict, "%s", wr_verdict_name(desk.verdict));
    cr_assert_eq(desk.sent_count, sent + 1);
    cr_expect_eq(last_sent().type, WR_PACKET_LEASE_REJECT);
    cr_expect_eq(last_sent().reason, reason);
    cr_expect(last_went_to(OTHER));
}

static enum wr_verdict present_token(const char *token, uint32_t bytes)
{
    uint8_t datagram[WR_DATAGRAM_BYTES_MAX];
    const struct wr_session_id id = session_of(1);
    uint32_t size = wr_wire_encode_present(datagram, sizeof datagram, &id, WR_ROLE_CLIENT,
                                           (const uint8_t *)token, bytes, NULL);
    cr_assert_eq(desk_arrive(at(OTHER), datagram, size), WR_OUTCOME_LEASE_TAKEN);
    return desk.verdict;
}

Test(relay_lease, each_check_has_its_verdict_and_its_reason)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.spoiled = true;
    expect_refused(&lease, WR_VERDICT_BAD_SIGNATURE, WR_REJECT_INVALID_SIGNATURE);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.sid = session_of(2);
    expect_refused(&lease, WR_VERDICT_WRONG_SESSION, WR_REJECT_INVALID_SIGNATURE);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.rid = "relay-b";
    expect_refused(&lease, WR_VERDICT_WRONG_RELAY, WR_REJECT_WRONG_RELAY);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = lease.not_before_ms = -60000;
    lease.expires_ms = -30000;
    expect_refused(&lease, WR_VERDICT_EXPIRED, WR_REJECT_EXPIRED);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.expires_ms = 3630001;
    expect_refused(&lease, WR_VERDICT_HORIZON_EXCEEDED, WR_REJECT_INVALID_SIGNATURE);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.not_before_ms = 30001;
    expect_refused(&lease, WR_VERDICT_NOT_YET_VALID, WR_REJECT_INVALID_SIGNATURE);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = 30001;
    expect_refused(&lease, WR_VERDICT_ISSUED_IN_FUTURE, WR_REJECT_INVALID_SIGNATURE);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect(wr_relay_ban(desk.relay, lease.sub, strlen(lease.sub)));
    expect_refused(&lease, WR_VERDICT_BANNED, WR_REJECT_BANNED);
    wr_relay_unban(desk.relay, lease.sub, strlen(lease.sub));
    cr_expect_eq(verdict_of(&lease, OTHER), WR_VERDICT_ACCEPTED);
}

Test(relay_lease, at_its_last_moment_each_check_still_passes)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = lease.not_before_ms = -60000;
    lease.expires_ms = -29999;
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_ACCEPTED);
    lease = desk_lease(2, WR_ROLE_CLIENT);
    lease.expires_ms = 3630000;
    cr_expect_eq(verdict_of(&lease, host(2)), WR_VERDICT_ACCEPTED);
    lease = desk_lease(3, WR_ROLE_CLIENT);
    lease.issued_ms = lease.not_before_ms = 30000;
    cr_expect_eq(verdict_of(&lease, host(3)), WR_VERDICT_ACCEPTED);
    desk_wait(WR_MS - 1);
    cr_expect_eq(desk.events[WR_EVENT_VACATED], 0);
    desk_wait(1);
    cr_expect_eq(desk.events[WR_EVENT_VACATED], 1, "1 ms was left to the first");
}

Test(relay_lease, what_is_no_token_and_what_says_nothing_is_malformed)
{
    char token[WR_TOKEN_TEXT_BYTES_MAX];
    static const uint8_t nothing[] = "{}";
    const struct wr_mint mint = {.raw_payload = nothing, .raw_payload_bytes = 2};
    uint32_t bytes = wr_mint_token(&mint, desk.secret_keys[1], token, sizeof token);
    cr_expect_eq(present_token("v4.public.", 10), WR_VERDICT_MALFORMED_TOKEN);
    cr_expect_eq(present_token(token, bytes), WR_VERDICT_MALFORMED_CLAIMS);
    cr_expect_eq(desk_check().counters.verifications_requested, 0);
}

Test(relay_lease, under_policy_strict_the_presented_role_must_be_the_signed_one)
{
    desk_close();
    desk.config.role_policy = WR_ROLE_POLICY_STRICT;
    desk_open();
    struct lease lease = desk_lease(1, WR_ROLE_SERVER);
    lease.presented = WR_ROLE_CLIENT;
    expect_refused(&lease, WR_VERDICT_WRONG_ROLE, WR_REJECT_INVALID_SIGNATURE);
    lease.presented = WR_ROLE_SERVER;
    cr_expect_eq(verdict_of(&lease, SERVER), WR_VERDICT_ACCEPTED);
    cr_expect_eq(desk.event.role, WR_ROLE_SERVER);
}

Test(relay_lease, under_policy_signed_the_presented_role_means_nothing)
{
    struct lease lease = desk_lease(1, WR_ROLE_SERVER);
    lease.presented = WR_ROLE_CLIENT;
    cr_expect_eq(verdict_of(&lease, SERVER), WR_VERDICT_ACCEPTED);
    cr_expect_eq(desk.event.role, WR_ROLE_SERVER);
}

Test(relay_lease, a_second_peer_must_be_another_at_another_address)
{
    join(1, CLIENT, SERVER);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.sub = "somebody else";
    expect_refused(&lease, WR_VERDICT_IDENTITY_LOCKED, WR_REJECT_INVALID_SIGNATURE);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = 1;
    cr_expect_eq(verdict_of(&lease, SERVER), WR_VERDICT_SAME_ADDRESS);
    lease.issued_ms = -1;
    expect_refused(&lease, WR_VERDICT_OLDER_TOKEN, WR_REJECT_INVALID_SIGNATURE);
}

Test(relay_lease, tokens_of_a_bound_role_repeat_move_or_replace)
{
    join(1, CLIENT, SERVER);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    uint64_t asked = desk_check().counters.verifications_requested;
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_REPEATED);
    cr_expect_eq(desk_check().counters.verifications_requested, asked, "no check runs");
    lease.extra = "\"a\":1";
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_REPEATED, "the same, whatever its bytes");
    cr_expect_eq(desk_check().counters.verifications_requested, asked + 1, "verified all the same");
    cr_expect_eq(verdict_of(&lease, OTHER), WR_VERDICT_CANDIDATE);
    lease.issued_ms = 1;
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_NEWER_TOKEN);
    cr_expect_eq(desk.events[WR_EVENT_PROMOTED], 0);
    lease.issued_ms = 2;
    lease.renew = true;
    cr_expect_eq(verdict_of(&lease, OTHER), WR_VERDICT_NEWER_TOKEN);
    cr_expect_eq(desk.events[WR_EVENT_PROMOTED], 1);
    cr_expect_eq(desk.event.rule, 3);
}

/* One of a kind a second, and none saved up. */
static void open_with_identity_limit(uint32_t max_sessions)
{
    desk_close();
    desk.config.identity_rate_limit_pps = 1;
    desk.config.max_sessions = max_sessions;
    desk.config.load_shed_threshold_pct = 100;
    desk_open();
}

/* May this identity open the session now? */
static enum wr_verdict verdict_of_new(uint32_t session, const char *sub)
{
    struct lease lease = desk_lease(session, WR_ROLE_CLIENT);
    lease.sub = sub;
    return verdict_of(&lease, host(session));
}

Test(relay_lease, copies_of_a_token_leave_its_owners_limit_alone)
{
    open_with_identity_limit(100);
    join(1, CLIENT, SERVER);
    struct lease bound = desk_lease(1, WR_ROLE_CLIENT), newer = bound, later = bound;
    newer.issued_ms = 1;
    later.issued_ms = 2;
    for (uint32_t i = 0; i < 10; i++)
        cr_expect_eq(verdict_of(&bound, host(100 + i)), WR_VERDICT_CANDIDATE);
    cr_expect_eq(verdict_of(&newer, CLIENT), WR_VERDICT_NEWER_TOKEN, "the owner renews");
    for (uint32_t i = 0; i < 10; i++)
        cr_expect_eq(verdict_of(&bound, host(100 + i)), WR_VERDICT_OLDER_TOKEN);
    cr_expect_eq(verdict_of(&newer, SERVER), WR_VERDICT_SAME_ADDRESS);
    cr_expect_eq(verdict_of(&later, OTHER), WR_VERDICT_NEWER_TOKEN, "and comes back elsewhere");
    cr_expect_eq(verdict_of_new(2, bound.sub), WR_VERDICT_IDENTITY_LIMITED);
    desk_wait(WR_S);
    cr_expect_eq(verdict_of_new(2, bound.sub), WR_VERDICT_ACCEPTED, "nothing of that was drawn");
}

Test(relay_lease, an_identity_that_floods_with_sessions_still_renews)
{
    open_with_identity_limit(100);
    join(1, CLIENT, SERVER);
    struct lease newer = desk_lease(1, WR_ROLE_CLIENT);
    newer.issued_ms = 1;
    cr_expect_eq(verdict_of_new(2, newer.sub), WR_VERDICT_IDENTITY_LIMITED);
    cr_expect_eq(verdict_of(&newer, CLIENT), WR_VERDICT_NEWER_TOKEN);
}

Test(relay_lease, who_is_turned_away_draws_nothing)
{
    open_with_identity_limit(1);
    cr_expect_eq(verdict_of_new(1, "somebody"), WR_VERDICT_ACCEPTED);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.sub = "somebody else";
    cr_expect_eq(verdict_of(&lease, OTHER), WR_VERDICT_IDENTITY_LOCKED);
    lease.role = WR_ROLE_SERVER;
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_SAME_ADDRESS);
    cr_expect_eq(verdict_of(&lease, OTHER), WR_VERDICT_ACCEPTED, "its first draw");
    cr_expect_eq(verdict_of_new(2, "somebody"), WR_VERDICT_FULL);
}

Test(relay_lease, a_full_relay_says_so_before_it_counts_an_identity)
{
    open_with_identity_limit(1);
    desk.verifies_later = true;
    struct lease first = desk_lease(1, WR_ROLE_CLIENT), second = desk_lease(2, WR_ROLE_CLIENT);
    second.sub = first.sub;
    present(&first, host(1));
    present(&second, host(2));
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_FULL);
}

Test(relay_lease, a_token_without_issue_is_older_than_any_with_one)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.no_issue = true;
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_ACCEPTED);
    lease.expires_ms += 1;
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_NEWER_TOKEN, "by its expiry");
    lease.no_issue = false;
    lease.expires_ms -= 1000;
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_NEWER_TOKEN, "even to an earlier end");
    lease.no_issue = true;
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_OLDER_TOKEN);
}

Test(relay_lease, an_ack_says_what_applies_and_carries_a_cookie)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.soft_limit_kbps = 2000;
    lease.hard_limit_kbps = 3000;
    verdict_of(&lease, CLIENT);
    struct wr_packet ack = last_sent();
    cr_expect_eq(ack.type, WR_PACKET_LEASE_ACK);
    cr_expect_eq(ack.expires_unix_ms, DESK_UNIX_MS + 3600000);
    cr_expect_eq(ack.soft_limit_kbps, 2000);
    cr_expect_eq(ack.hard_limit_kbps, 3000);
    cr_expect(ack.has_cookie);
    cr_expect_not(ack.draining);
}

Test(relay_lease, answers_leave_where_the_question_came_in)
{
    desk.via = 3;
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, CLIENT);
    cr_expect_eq(desk.sent[0].via, 3);
    cr_expect_eq(desk.sent[0].cause, desk.tags);
    lease = desk_lease(1, WR_ROLE_SERVER);
    verdict_of(&lease, SERVER);
    desk.via = 4;
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = 1;
    verdict_of(&lease, CLIENT);
    desk.via = 5;
    forward(1, CLIENT, 1);
    desk.via = 3;
    forward(1, SERVER, 1);
    cr_expect_eq(desk.sent[(desk.sent_count - 1) % DESK_SENT].via, 4, "the client's newest lease");
}

Test(relay_lease, a_bad_signature_is_remembered_and_a_good_one_too)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.spoiled = true;
    verdict_of(&lease, CLIENT);
    cr_expect_eq(verdict_of(&lease, SERVER), WR_VERDICT_BAD_SIGNATURE);
    lease.spoiled = false;
    verdict_of(&lease, CLIENT);
    cr_expect_eq(verdict_of(&lease, OTHER), WR_VERDICT_CANDIDATE);
    struct wr_snapshot snapshot = desk_check();
    cr_expect_eq(snapshot.counters.verifications_requested, 2);
    cr_expect_eq(snapshot.counters.verification_cache_hits, 2);
}

Test(relay_lease, a_change_of_the_ring_empties_the_cache)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, CLIENT);
    desk_key("k2", 2, WR_KEY_LEARNED);
    cr_expect_eq(verdict_of(&lease, OTHER), WR_VERDICT_CANDIDATE);
    cr_expect_eq(desk_check().counters.verifications_requested, 2);
}

/* ---- Places for sessions --------------------------------------------------------------------- */

static void open_with_sessions(uint32_t max_sessions, uint32_t shed_pct)
{
    desk_close();
    desk.config.max_sessions = max_sessions;
    desk.config.load_shed_threshold_pct = shed_pct;
    desk_open();
}

Test(relay_lease, new_sessions_are_shed_at_the_threshold_and_second_peers_are_not)
{
    open_with_sessions(10, 25); /* two */
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect(wr_relay_accepts_sessions(desk.relay));
    verdict_of(&lease, host(1));
    lease = desk_lease(2, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&lease, host(2)), WR_VERDICT_ACCEPTED);
    cr_expect_not(wr_relay_accepts_sessions(desk.relay));
    uint64_t asked = desk_check().counters.verifications_requested;
    lease = desk_lease(3, WR_ROLE_CLIENT);
    expect_refused(&lease, WR_VERDICT_SHED, WR_REJECT_SESSION_FULL);
    cr_expect_eq(desk_check().counters.verifications_requested, asked, "before any signature");
    lease = desk_lease(2, WR_ROLE_SERVER);
    cr_expect_eq(verdict_of(&lease, host(3)), WR_VERDICT_ACCEPTED);
    cr_expect_eq(desk_check().counters.overload_shed_packets, 1);
}

Test(relay_lease, at_least_one_session_is_never_shed)
{
    open_with_sessions(1, 1);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_ACCEPTED);
    lease = desk_lease(2, WR_ROLE_CLIENT);
    expect_refused(&lease, WR_VERDICT_FULL, WR_REJECT_SESSION_FULL);
}

Test(relay_lease, the_last_place_is_tested_again_when_the_signature_is_known)
{
    open_with_sessions(1, 100);
    desk.verifies_later = true;
    struct lease first = desk_lease(1, WR_ROLE_CLIENT), second = desk_lease(2, WR_ROLE_CLIENT);
    present(&first, host(1));
    present(&second, host(2));
    cr_expect_eq(desk_check().pending, 2);
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_FULL);
    cr_expect_eq(desk_check().pending, 0);
}

Test(relay_lease, a_removed_session_makes_room)
{
    open_with_sessions(1, 100);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, host(1));
    desk_wait(60 * WR_S - 1);
    cr_expect_eq(desk_check().sessions_waiting, 1);
    desk_wait(1);
    cr_expect_eq(desk_check().sessions_waiting, 0);
    cr_expect_eq(desk.event.kind, WR_EVENT_REMOVED);
    cr_expect_eq(desk.event.why, WR_WHY_IDLE);
    lease = desk_lease(2, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&lease, host(2)), WR_VERDICT_ACCEPTED);
}

/* ---- Insecure
 * ------------------------------------------------------------------------------------
 */

Test(relay_lease, insecure_dev_skips_keys_and_signatures_and_nothing_else)
{
    desk_close();
    desk.config.allow_insecure_dev = true;
    desk_open();
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.spoiled = true;
    lease.kid = "nobody";
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_ACCEPTED);
    lease = desk_lease(2, WR_ROLE_CLIENT);
    lease.rid = "relay-b";
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_WRONG_RELAY);
    cr_expect_eq(desk_check().counters.verifications_requested, 0);
}
