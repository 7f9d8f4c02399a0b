#include "relay_harness.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Ends of leases and sessions, keys, bans, drain, and a wall clock that is not to be trusted. */

#define CLIENT "203.0.113.5:5000"
#define SERVER "203.0.113.9:6000"

static void open_desk(void)
{
    desk_reset();
    desk_open();
}

TestSuite(relay_life, .init = open_desk, .fini = desk_close);

static const uint8_t *cookie_of(uint32_t session, enum wr_role role, const char *address)
{
    struct lease lease = desk_lease(session, role);
    cr_assert_eq(verdict_of(&lease, address), WR_VERDICT_REPEATED);
    return last_cookie();
}

/* A lease of ten seconds, with the skew forty. */
static void join_for_10_s(uint32_t session, const char *client, const char *server)
{
    for (int role = 0; role < WR_ROLES; role++) {
        struct lease lease = desk_lease(session, (enum wr_role)role);
        lease.expires_ms = role == WR_ROLE_CLIENT ? 10000 : 3600000;
        cr_assert_eq(verdict_of(&lease, role == WR_ROLE_CLIENT ? client : server),
                     WR_VERDICT_ACCEPTED);
    }
}

Test(relay_life, a_role_is_vacated_at_its_expiry_and_the_skew)
{
    join_for_10_s(1, CLIENT, SERVER);
    desk_go(40 * WR_S - 1);
    cr_expect_eq(desk_check().sessions_active, 1);
    desk_go(40 * WR_S);
    cr_expect_eq(desk_check().sessions_waiting, 1);
    cr_expect_eq(desk.event.kind, WR_EVENT_VACATED);
    cr_expect_eq(desk.event.why, WR_WHY_EXPIRED);
    struct lease late = desk_lease(1, WR_ROLE_CLIENT);
    late.sub = "somebody else";
    cr_expect_eq(verdict_of(&late, CLIENT), WR_VERDICT_IDENTITY_LOCKED, "its lock stays");
    late = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&late, CLIENT), WR_VERDICT_ACCEPTED);
    cr_expect_eq(desk_check().sessions_active, 1);
}

Test(relay_life, a_session_that_lost_a_role_by_expiry_is_removed_as_expired)
{
    join_for_10_s(1, CLIENT, SERVER);
    desk_go(59 * WR_S);
    forward(1, SERVER, 1);
    renew(1, SERVER, NULL); /* heard */
    desk_go(100 * WR_S - 1);
    cr_expect_eq(desk_check().sessions_waiting, 1);
    desk_go(100 * WR_S);
    cr_expect_eq(desk_check().sessions_waiting, 0);
    cr_expect_eq(desk_check().counters.cleanup_expired_sessions, 1);
}

Test(relay_life, the_wall_clock_neither_prolongs_nor_ends_a_session)
{
    join_for_10_s(1, CLIENT, SERVER);
    desk.wall_offset_ms = 3600000;
    cr_expect_eq(forward(1, CLIENT, 1), WR_OUTCOME_FORWARDED);
    struct lease same = desk_lease(1, WR_ROLE_CLIENT);
    desk.wall_offset_ms = 0;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    same.expires_ms = 10000;
    uint32_t size = desk_encode(&same, bytes);
    desk.wall_offset_ms = 3600000;
    desk_arrive(at(host(1)), bytes, size);
    cr_expect_eq(desk.verdict, WR_VERDICT_CANDIDATE, "the bound token was judged when it came");
    desk.wall_offset_ms = -3600000;
    desk_go(40 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_VACATED], 1);
}

Test(relay_life, a_set_duration_shortens_and_a_bare_renew_restarts_it)
{
    desk_close();
    desk.config.lease_duration_secs = 20;
    desk_open();
    join(1, CLIENT, SERVER);
    cr_expect_eq(last_sent().expires_unix_ms, DESK_UNIX_MS + 20000);
    desk_go(49 * WR_S);
    cr_expect_eq(renew(1, CLIENT, NULL), WR_OUTCOME_RENEWED);
    cr_expect_not(last_sent().has_cookie);
    cr_expect_eq(last_sent().expires_unix_ms, DESK_UNIX_MS + 69000);
    desk_go(50 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_VACATED], 1, "the server's");
    desk_go(99 * WR_S - 1);
    cr_expect_eq(desk.events[WR_EVENT_VACATED], 1);
    desk_go(99 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_VACATED], 2);
}

Test(relay_life, a_bare_renew_never_outlives_the_signature)
{
    desk_close();
    desk.config.lease_duration_secs = 20;
    desk_open();
    join_for_10_s(1, CLIENT, SERVER);
    desk_go(39 * WR_S);
    renew(1, CLIENT, NULL);
    cr_expect_eq(last_sent().expires_unix_ms, DESK_UNIX_MS + 10000);
    desk_go(40 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_VACATED], 1);
}

Test(relay_life, a_silent_session_is_removed_after_its_idle_time)
{
    join(1, CLIENT, SERVER);
    desk_go(WR_S);
    forward(1, CLIENT, 1);
    desk_go(61 * WR_S - 1);
    cr_expect_eq(desk_check().sessions_active, 1);
    desk_go(61 * WR_S);
    cr_expect_eq(desk_check().sessions_active, 0);
    cr_expect_eq(desk_check().counters.cleanup_idle_sessions, 1);
}

Test(relay_life, deadlines_of_one_instant_go_by_creation)
{
    struct lease lease = desk_lease(2, WR_ROLE_CLIENT);
    verdict_of(&lease, host(1));
    lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, host(2));
    desk.log = calloc(1, DESK_LOG);
    desk_go(60 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_REMOVED], 2);
    cr_expect_str_eq(desk.log, "event 9 at 60000000000, role 0, rule 0, why idle\n"
                               "event 9 at 60000000000, role 0, rule 0, why idle\n");
}

Test(relay_life, a_release_vacates_and_the_last_one_removes)
{
    join(1, CLIENT, SERVER);
    const uint8_t *client = cookie_of(1, WR_ROLE_CLIENT, CLIENT);
    const uint8_t *server = cookie_of(1, WR_ROLE_SERVER, SERVER);
    uint32_t sent = desk.sent_count;
    cr_expect_eq(release(1, CLIENT, server), WR_OUTCOME_COOKIE_INVALID);
    cr_expect_eq(release(1, CLIENT, client), WR_OUTCOME_RELEASED);
    cr_expect_eq(desk_check().sessions_waiting, 1);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_OLDER_TOKEN, "the released one");
    lease.issued_ms = 1;
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_ACCEPTED);
    client = last_cookie();
    cr_expect_eq(release(1, SERVER, server), WR_OUTCOME_RELEASED);
    cr_expect_eq(release(1, CLIENT, client), WR_OUTCOME_RELEASED);
    cr_expect_eq(desk_check().sessions_waiting, 0);
    cr_expect_eq(desk_check().counters.sessions_released, 1);
    cr_expect_eq(desk.sent_count, sent + 2, "a reject and an ACK to the leases, nothing else");
}

/* ---- Keys and bans -----------------------------------------------------------------------------
 */

Test(relay_life, a_superseded_key_serves_3660_s_and_no_session_drops_with_it)
{
    join(1, CLIENT, SERVER);
    desk_key("k2", 2, WR_KEY_LEARNED);
    for (uint64_t second = 10; second < 3600; second += 10) {
        desk_go(second * WR_S);
        renew(1, CLIENT, NULL);
    }
    desk_go(3660 * WR_S - 1);
    cr_expect_eq(desk_check().keys, 2);
    struct lease lease = desk_lease(2, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_ACCEPTED);
    desk_go(3660 * WR_S);
    cr_expect_eq(desk_check().keys, 1);
    cr_expect_eq(desk.events[WR_EVENT_KEY_DROPPED], 1);
    cr_expect_str_eq(desk.kid, "k1");
    cr_expect_eq(desk_check().sessions_waiting, 1);
}

Test(relay_life, a_revocation_ends_what_the_key_signed_in_order_of_creation)
{
    desk_key("k2", 2, WR_KEY_LEARNED);
    for (uint32_t i = 1; i <= 3; i++) {
        struct lease lease = desk_lease(i, WR_ROLE_CLIENT);
        if (i == 2) {
            lease.kid = "k2";
            lease.key = 2;
        }
        verdict_of(&lease, host(i));
    }
    desk_drop_key(1);
    cr_expect_eq(desk_check().sessions_waiting, 1);
    cr_expect_eq(desk_check().counters.sessions_revoked, 2);
    cr_expect_eq(desk_key("k1", 1, WR_KEY_LEARNED), WR_KEY_REVOKED);
    cr_expect_eq(desk_check().counters.key_refused, 1);
    struct lease lease = desk_lease(4, WR_ROLE_CLIENT);
    lease.kid = NULL;
    cr_expect_eq(verdict_of(&lease, host(4)), WR_VERDICT_UNKNOWN_KEY);
}

Test(relay_life, revoking_a_key_that_is_not_there_keeps_it_out)
{
    uint64_t changes = desk_check().counters.key_ring_changes;
    desk_drop_key(5);
    cr_expect_eq(desk_check().counters.key_ring_changes, changes);
    cr_expect_eq(desk_key("k5", 5, WR_KEY_PINNED), WR_KEY_REVOKED);
    cr_expect_eq(desk_key("k1", 1, WR_KEY_LEARNED), WR_KEY_KNOWN);
    cr_expect_eq(desk_check().counters.key_refused, 1);
}

Test(relay_life, a_full_ring_drops_the_oldest_and_says_so)
{
    for (uint32_t key = 2; key <= 9; key++)
        cr_expect_eq(desk_key("many", key, WR_KEY_LEARNED), WR_KEY_ADDED);
    cr_expect_eq(desk.events[WR_EVENT_KEY_DROPPED], 1);
    cr_expect_eq(desk_check().keys, 8);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.kid = "many";
    lease.key = 2;
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_ACCEPTED);
    cr_expect_eq(desk.asked_keys, 8);
}

Test(relay_life, a_ban_ends_its_sessions_also_where_its_role_is_vacant)
{
    join(1, CLIENT, SERVER);
    join(2, host(1), host(2));
    cr_expect_eq(release(1, CLIENT, cookie_of(1, WR_ROLE_CLIENT, CLIENT)), WR_OUTCOME_RELEASED);
    cr_expect(wr_relay_ban(desk.relay, "client-1", strlen("client-1")));
    cr_expect_eq(desk_check().sessions_waiting, 0);
    cr_expect_eq(desk_check().sessions_active, 1);
    cr_expect_eq(desk_check().counters.sessions_banned, 1);
}

Test(relay_life, a_full_ban_table_says_so)
{
    desk_close();
    desk.config.max_bans = 2;
    desk_open();
    cr_expect(wr_relay_ban(desk.relay, "a", 1));
    cr_expect(wr_relay_ban(desk.relay, "b", 1));
    cr_expect_not(wr_relay_ban(desk.relay, "c", 1));
    wr_relay_unban(desk.relay, "a", 1);
    cr_expect(wr_relay_ban(desk.relay, "c", 1));
}

/* ---- Drain -------------------------------------------------------------------------------------
 */

Test(relay_life, a_draining_relay_opens_no_session_but_lets_second_peers_in)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, CLIENT);
    wr_relay_drain(desk.relay);
    cr_expect_not(wr_relay_accepts_sessions(desk.relay));
    lease = desk_lease(2, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_DRAINING);
    cr_expect_eq(last_sent().reason, WR_REJECT_SESSION_FULL);
    lease = desk_lease(1, WR_ROLE_SERVER);
    cr_expect_eq(verdict_of(&lease, SERVER), WR_VERDICT_ACCEPTED);
    cr_expect(last_sent().draining);
    desk_go(30 * WR_S - 1);
    wr_relay_drain(desk.relay); /* a second time changes nothing */
    cr_expect_eq(desk.events[WR_EVENT_DRAINED], 0);
    desk_go(30 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_DRAINED], 1);
    desk_go(100 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_DRAINED], 1);
}

Test(relay_life, it_is_drained_when_the_last_session_is_gone)
{
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, CLIENT);
    const uint8_t *cookie = last_cookie();
    wr_relay_drain(desk.relay);
    cr_expect_not(desk_check().drained);
    cr_expect_eq(release(1, CLIENT, cookie), WR_OUTCOME_RELEASED);
    cr_expect(desk_check().drained);
    cr_expect_eq(desk.events[WR_EVENT_DRAINED], 1);
    desk_go(31 * WR_S);
    cr_expect_eq(desk.events[WR_EVENT_DRAINED], 1);
}

Test(relay_life, without_sessions_it_is_drained_at_once)
{
    wr_relay_drain(desk.relay);
    cr_expect(desk_check().drained);
    cr_expect(desk_check().draining);
}

Test(relay_life, a_relay_without_a_key_accepts_nothing)
{
    cr_expect(wr_relay_accepts_sessions(desk.relay));
    desk_drop_key(1);
    cr_expect_not(wr_relay_accepts_sessions(desk.relay));
    desk_close();
    desk.config.allow_insecure_dev = true;
    desk_open();
    desk_drop_key(1);
    cr_expect(wr_relay_accepts_sessions(desk.relay));
}
