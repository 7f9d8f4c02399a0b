#include "session.h"

#include <criterion/criterion.h>

static struct wr_session session;

static void bind(enum wr_role role, uint16_t port, wr_instant ends_ns)
{
    struct wr_seat *seat = &session.seats[role];
    seat->is_bound = true;
    seat->bound.address.port = port;
    seat->ends_ns = ends_ns;
}

Test(session, an_address_has_the_role_in_which_it_is_bound)
{
    bind(WR_ROLE_SERVER, 7, 0);
    const struct wr_address server = {.port = 7}, stranger = {.port = 8}, nobody = {.port = 0};
    cr_expect_eq(wr_session_role_of(&session, &server), WR_ROLE_SERVER);
    cr_expect_eq(wr_session_role_of(&session, &stranger), -1);
    cr_expect_eq(wr_session_role_of(&session, &nobody), -1, "an empty seat is nobody's");
    cr_expect_not(wr_session_both_bound(&session));
    bind(WR_ROLE_CLIENT, 8, 0);
    cr_expect_eq(wr_session_role_of(&session, &stranger), WR_ROLE_CLIENT);
    cr_expect(wr_session_both_bound(&session));
}

Test(session, the_lower_limit_of_the_bound_leases_holds)
{
    bind(WR_ROLE_CLIENT, 1, 0);
    session.seats[WR_ROLE_CLIENT].soft_limit_kbps = 3000;
    session.seats[WR_ROLE_CLIENT].hard_limit_kbps = 4000;
    session.seats[WR_ROLE_SERVER].soft_limit_kbps = 2000;
    session.seats[WR_ROLE_SERVER].hard_limit_kbps = 9000;
    wr_session_update_limits(&session);
    cr_expect_eq(session.soft_limit_kbps, 3000);
    cr_expect_eq(session.hard_limit_kbps, 4000);
    bind(WR_ROLE_SERVER, 2, 0);
    wr_session_update_limits(&session);
    cr_expect_eq(session.soft_limit_kbps, 2000);
    cr_expect_eq(session.hard_limit_kbps, 4000);
}

Test(session, tokens_are_ordered_by_issue_then_by_expiry)
{
    const struct wr_token_order a = {10, 50}, b = {11, 40}, c = {10, 51};
    cr_expect_lt(wr_token_order_compare(&a, &b), 0);
    cr_expect_gt(wr_token_order_compare(&b, &a), 0);
    cr_expect_lt(wr_token_order_compare(&a, &c), 0);
    cr_expect_gt(wr_token_order_compare(&c, &a), 0);
    cr_expect_eq(wr_token_order_compare(&a, &a), 0);
}

Test(session, its_deadline_is_the_first_end_of_anything)
{
    session.state = WR_SESSION_ACTIVE;
    session.heard_ns = 100;
    session.waiting_since_ns = 1;
    bind(WR_ROLE_CLIENT, 1, 700);
    bind(WR_ROLE_SERVER, 2, 800);
    cr_expect_eq(wr_session_deadline(&session, 10, 500), 600);
    cr_expect_eq(wr_session_deadline(&session, 10, 5000), 700);
    session.seats[WR_ROLE_SERVER].ends_ns = 650;
    cr_expect_eq(wr_session_deadline(&session, 10, 5000), 650);
    session.seats[WR_ROLE_SERVER].is_bound = false;
    session.state = WR_SESSION_WAITING_PEER;
    cr_expect_eq(wr_session_deadline(&session, 5000, 5000), 700);
    cr_expect_eq(wr_session_deadline(&session, 10, 5000), 11);
    session.heard_ns = WR_NEVER - 1;
    session.waiting_since_ns = WR_NEVER - 1;
    session.seats[WR_ROLE_CLIENT].is_bound = false;
    cr_expect_eq(wr_session_deadline(&session, 10, 5000), WR_NEVER, "no sum wraps");
}
