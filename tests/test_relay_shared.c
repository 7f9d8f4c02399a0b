#include "relay_harness.h"
#include "shared.h"

#include <criterion/criterion.h>

/* A relay with company: what others of its process hold and draw counts here too (section 5). */

#define CLIENT "203.0.113.5:5000"
#define SERVER "203.0.113.9:6000"

static struct wr_shared *shared;

static void open_desk(void)
{
    shared = wr_shared_create();
    desk_reset();
    desk.config.shared = shared;
    desk.config.max_sessions = 4;
    desk.config.load_shed_threshold_pct = 100;
}

static void close_desk(void)
{
    desk_close();
    cr_expect_eq(wr_shared_sessions(shared), 0, "a relay that ends gives its places back");
    wr_shared_destroy(shared);
}

TestSuite(relay_shared, .init = open_desk, .fini = close_desk);

static enum wr_verdict verdict_of_client(uint32_t session)
{
    struct lease lease = desk_lease(session, WR_ROLE_CLIENT);
    return verdict_of(&lease, host(session));
}

static void others_hold(uint32_t sessions)
{
    for (uint32_t i = 0; i < sessions; i++)
        cr_assert(wr_shared_open(shared, UINT32_MAX));
}

Test(relay_shared, the_sessions_of_others_count)
{
    desk_open();
    others_hold(2);
    cr_expect_eq(verdict_of_client(1), WR_VERDICT_ACCEPTED);
    cr_expect_eq(verdict_of_client(2), WR_VERDICT_ACCEPTED);
    cr_expect_eq(wr_shared_sessions(shared), 4);
    cr_expect_eq(verdict_of_client(3), WR_VERDICT_FULL);
    cr_expect_not(wr_relay_accepts_sessions(desk.relay));
    wr_shared_close(shared, 1);
    cr_expect(wr_relay_accepts_sessions(desk.relay));
    cr_expect_eq(verdict_of_client(3), WR_VERDICT_ACCEPTED);
    wr_shared_close(shared, 1);
}

Test(relay_shared, a_place_that_another_took_meanwhile_is_gone)
{
    desk.verifies_later = true;
    desk_open();
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(present(&lease, host(1)), WR_OUTCOME_LEASE_TAKEN);
    others_hold(4);
    desk_verify();
    cr_expect_eq(desk.verdict, WR_VERDICT_FULL);
    wr_shared_close(shared, 4);
}

Test(relay_shared, sessions_that_end_give_their_places_back)
{
    desk_open();
    join(1, CLIENT, SERVER);
    cr_expect_eq(wr_shared_sessions(shared), 1);
    desk_wait(61 * WR_S);
    cr_expect_eq(wr_shared_sessions(shared), 0);
}

/* Whoever keeps a table of all bound addresses makes it for the sessions that there may be. */
Test(relay_shared, a_place_is_given_back_when_its_addresses_are_bound_no_more)
{
    desk_open();
    join(1, CLIENT, SERVER);
    uint32_t before = desk.bound_count;
    desk_wait(61 * WR_S);
    cr_assert_eq(desk.bound_count, before + 2);
    for (uint32_t i = before; i < desk.bound_count; i++) {
        cr_expect_eq(desk.bound[i % DESK_SENT].bound, WR_BOUND_NOWHERE);
        cr_expect_eq(desk.bound[i % DESK_SENT].shared_sessions, 1);
    }
    cr_expect_eq(wr_shared_sessions(shared), 0);
}

Test(relay_shared, signatures_of_others_draw_on_the_same_budget)
{
    desk.config.verify_rate = 4; /* a burst of one */
    desk_open();
    cr_assert(wr_shared_draw(&shared->verification, WR_S / 4, WR_S / 4, desk.now_ns));
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(present(&lease, host(1)), WR_OUTCOME_LEASE_TAKEN);
    cr_expect_eq(desk.verdict, WR_VERDICT_COUNT, "it waits");
    cr_expect_eq(wr_relay_next_deadline(desk.relay), desk.now_ns + WR_S / 4);
    desk_wait(WR_S / 4);
    cr_expect_eq(desk.verdict, WR_VERDICT_ACCEPTED);
}

Test(relay_shared, bandwidth_of_others_draws_on_the_same_bucket)
{
    desk.config.max_bandwidth_kbps = 48; /* a burst of 1500 bytes */
    desk_open();
    join(1, CLIENT, SERVER);
    cr_assert(wr_shared_draw(&shared->bandwidth, 100 * WR_MS, 250 * WR_MS, desk.now_ns));
    cr_expect_eq(forward_sized(1, CLIENT, 1, 1000), WR_OUTCOME_RELAY_LIMITED);
    cr_expect_eq(forward_sized(1, CLIENT, 1, 900), WR_OUTCOME_FORWARDED);
}

Test(relay_shared, rejects_of_others_count_towards_the_cap)
{
    desk.config.ip_rate_limit_pps = 1;
    desk_open();
    join(1, CLIENT, SERVER);
    uint32_t sent = desk.sent_count;
    struct lease lease = desk_lease(2, WR_ROLE_CLIENT);
    lease.spoiled = true;
    present(&lease, host(7)); /* a rejection with reason 2; the prefix is used up now */
    cr_expect_eq(desk.sent_count, sent + 1);
    for (int i = 0; i < 250; i++)
        cr_assert(wr_shared_draw(&shared->reject_all, WR_MS, 250 * WR_MS, desk.now_ns));
    cr_expect_eq(present(&lease, host(7)), WR_OUTCOME_UNBOUND_LIMITED);
    cr_expect_eq(desk.sent_count, sent + 1, "the cap is reached");
    desk_wait(WR_MS);
    cr_expect_eq(present(&lease, host(7)), WR_OUTCOME_UNBOUND_LIMITED);
    cr_expect_eq(desk.sent_count, sent + 2, "nothing was drawn on the prefix");
}

Test(relay_shared, it_tells_how_addresses_are_bound)
{
    desk_open();
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&lease, CLIENT), WR_VERDICT_ACCEPTED);
    cr_expect_eq(last_bound(CLIENT), WR_BOUND_WAITING);
    lease = desk_lease(1, WR_ROLE_SERVER);
    cr_expect_eq(verdict_of(&lease, SERVER), WR_VERDICT_ACCEPTED);
    cr_expect_eq(last_bound(CLIENT), WR_BOUND_ONCE);
    cr_expect_eq(last_bound(SERVER), WR_BOUND_ONCE);
    join(2, CLIENT, host(9));
    cr_expect_eq(last_bound(CLIENT), WR_BOUND_AMBIGUOUS);
    lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.issued_ms = 1;
    cr_expect_eq(verdict_of(&lease, host(4)), WR_VERDICT_NEWER_TOKEN);
    cr_expect_eq(last_bound(host(4)), WR_BOUND_ONCE);
    cr_expect_eq(last_bound(CLIENT), WR_BOUND_ONCE, "in session 2 alone");
    desk_wait(61 * WR_S);
    cr_expect_eq(last_bound(CLIENT), WR_BOUND_NOWHERE);
    cr_expect_eq(last_bound(SERVER), WR_BOUND_NOWHERE);
}

Test(relay_shared, a_vacated_role_makes_the_other_wait)
{
    desk_open();
    join(1, CLIENT, SERVER);
    uint8_t cookie[WR_COOKIE_BYTES];
    memcpy(cookie, last_cookie(), sizeof cookie); /* the server's */
    cr_expect_eq(release(1, SERVER, cookie), WR_OUTCOME_RELEASED);
    cr_expect_eq(last_bound(SERVER), WR_BOUND_NOWHERE);
    cr_expect_eq(last_bound(CLIENT), WR_BOUND_WAITING);
}

/* ---- Limits that change while it runs ----------------------------------------------------------
 */

Test(relay_shared, limits_change_at_once)
{
    desk_open();
    cr_expect_eq(verdict_of_client(1), WR_VERDICT_ACCEPTED);
    struct wr_relay_config next = desk.config;
    next.max_sessions = 1;
    cr_expect_null(wr_relay_set_limits(desk.relay, &next));
    cr_expect_eq(verdict_of_client(2), WR_VERDICT_FULL);
    next.max_sessions = 4;
    next.peer_wait_secs = 10;
    cr_expect_null(wr_relay_set_limits(desk.relay, &next));
    cr_expect_eq(verdict_of_client(2), WR_VERDICT_ACCEPTED);
    desk_wait(10 * WR_S - 1);
    cr_expect_eq(wr_shared_sessions(shared), 2);
    desk_wait(1);
    cr_expect_eq(wr_shared_sessions(shared), 0, "the session that was there ends by the new wait");
}

Test(relay_shared, what_cannot_change_is_refused_or_kept)
{
    desk_open();
    struct wr_relay_config next = desk.config;
    next.max_sessions = 5;
    cr_expect_not_null(wr_relay_set_limits(desk.relay, &next), "it was created for 4");
    next = desk.config;
    next.load_shed_threshold_pct = 0;
    cr_expect_not_null(wr_relay_set_limits(desk.relay, &next));
    next = desk.config;
    next.relay_id = "another";
    next.shared = NULL;
    cr_expect_null(wr_relay_set_limits(desk.relay, &next));
    cr_expect_eq(verdict_of_client(1), WR_VERDICT_ACCEPTED, "the id is the old one");
    cr_expect_eq(wr_shared_sessions(shared), 1);
}

Test(relay_shared, a_retired_key_is_good_until_its_time_is_over)
{
    desk_open();
    cr_assert_eq(desk_key("pinned", 2, WR_KEY_PINNED), WR_KEY_ADDED);
    wr_relay_key_retire(desk.relay, desk.public_keys[2]);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    lease.kid = "pinned";
    lease.key = 2;
    cr_expect_eq(verdict_of(&lease, host(1)), WR_VERDICT_ACCEPTED);
    desk_wait(3660 * WR_S);
    lease = desk_lease(2, WR_ROLE_CLIENT);
    lease.kid = "pinned";
    lease.key = 2;
    present(&lease, host(2));
    desk_wait(2 * WR_S); /* it may wait for a refresh */
    cr_expect_eq(desk.verdict, WR_VERDICT_UNKNOWN_KEY);
}
