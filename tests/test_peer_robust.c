#include <criterion/criterion.h>

#include "peer_desk.h"

#include <string.h>

/* ---- Beginning ------------------------------------------------------------------------------- */

Test(peer_robust, asks_for_a_lease_presents_it_and_proves_its_path)
{
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    cr_expect_eq(desk.want_count, 1);
    cr_expect_eq(desk.wants[0], WR_PEER_WANT_FIRST);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_WANTS_LEASE);
    cr_expect_eq(wr_peer_path(desk.peer), WR_PEER_PATH_NONE);

    desk_give_lease(&desk, 900, DESK_EXPIRES);
    struct wr_packet present = desk_packet(&desk, 0);
    cr_expect_eq(present.type, WR_PACKET_LEASE_PRESENT);
    cr_expect_eq(present.role, WR_ROLE_CLIENT);
    cr_expect_eq(present.token_bytes, 64);
    cr_expect_not(present.has_cookie);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_PRESENTING);

    desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    cr_expect_eq(wr_peer_path(desk.peer), WR_PEER_PATH_RELAY);
    struct wr_packet echo = desk_packet(&desk, 0);
    cr_expect_eq(echo.type, WR_PACKET_LEASE_RENEW);
    cr_expect(echo.has_cookie);
    cr_expect_eq(echo.cookie[0], 0xc1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_PROVEN), 0);
    desk_ack(&desk, DESK_EXPIRES, false, 0xc2);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_PROVEN), 1);
    cr_expect_eq(wr_peer_cookie(desk.peer)[0], 0xc2);
    cr_expect_eq(desk.events[1].soft_kbps, 50000);
    desk_close(&desk);
}

Test(peer_robust, a_lease_given_before_the_start_is_presented_by_it)
{
    struct desk desk;
    desk_open(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    cr_expect_eq(desk.sent_count, 0);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), WR_NEVER);
    wr_peer_start(desk.peer, 0);
    wr_peer_start(desk.peer, 0);
    cr_expect_eq(desk.sent_count, 1);
    cr_expect_eq(desk.want_count, 0);
    desk_close(&desk);
}

Test(peer_robust, configurations_out_of_range_make_no_peer)
{
    static const struct wr_peer_environment nothing;
    struct wr_peer_config good = desk_robust();
    memset(good.session.bytes, 1, sizeof good.session.bytes);
    struct wr_peer_config bad[5] = {good, good, good, good, good};
    memset(bad[0].session.bytes, 0, sizeof bad[0].session.bytes);
    bad[1].token_bytes_max = 0;
    bad[2].token_bytes_max = WR_PEER_TOKEN_BYTES_MAX + 1;
    bad[3].renew_at_permille = 0;
    bad[4].renew_at_permille = 1001;
    for (size_t i = 0; i < 5; i++)
        cr_expect_null(wr_peer_create(&bad[i], &nothing, NULL), "case %zu", i);
    struct wr_peer *peer = wr_peer_create(&good, &nothing, NULL);
    cr_expect_not_null(peer);
    cr_expect_geq(wr_peer_memory_bytes(&good), good.token_bytes_max);
    wr_peer_destroy(peer);
    wr_peer_destroy(NULL);
}

Test(peer_robust, a_token_that_does_not_fit_is_refused)
{
    struct desk desk;
    uint8_t token[2048] = {0};
    struct wr_peer_lease lease = {.relay = desk_address(1, 4000), .token = token};
    desk_open_started(&desk, desk_robust());
    lease.token_bytes = 0;
    cr_expect_not(wr_peer_lease(desk.peer, 0, &lease));
    lease.token_bytes = WR_PEER_TOKEN_BYTES_DEFAULT + 1;
    cr_expect_not(wr_peer_lease(desk.peer, 0, &lease));
    cr_expect_eq(desk.sent_count, 0);
    desk_close(&desk);
}

Test(peer_robust, retransmits_a_present_with_backoff)
{
    static const uint64_t at_ms[] = {0, 250, 750, 1750, 3750, 7750, 15750, 23750};
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    for (uint32_t i = 1; i < 8; i++) {
        desk_run(&desk, at_ms[i] * WR_MS - 1);
        cr_expect_eq(desk.sent_count, i, "before %u", i);
        desk_run(&desk, at_ms[i] * WR_MS);
        cr_expect_eq(desk.sent_count, i + 1, "at %u", i);
    }
    cr_expect(desk_wanted(&desk, WR_PEER_WANT_UNREACHABLE), "the sixth asks for another lease");
    cr_expect_eq(desk.events[desk.event_count - 1].attempt, 8);
    desk_close(&desk);
}

Test(peer_robust, jitter_moves_a_retransmission_by_at_most_a_quarter)
{
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    desk.dice = 0;
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), 187500 * (WR_MS / 1000));
    desk.dice = 0xff;
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    cr_expect_gt(wr_peer_next_deadline(desk.peer), 312 * WR_MS);
    cr_expect_lt(wr_peer_next_deadline(desk.peer), 313 * WR_MS);
    desk_close(&desk);
}

Test(peer_robust, one_that_does_not_retransmit_presents_once)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.retransmits = false;
    desk_open_started(&desk, config);
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_run(&desk, 60 * WR_S);
    cr_expect_eq(desk.sent_count, 1);
    desk_close(&desk);
}

/* ---- Leases ---------------------------------------------------------------------------------- */

Test(peer_robust, renews_with_a_token_at_half_life)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    for (uint64_t s = 1; s < 450; s++) {
        desk.sent_count = desk.event_count = 0;
        desk_run(&desk, s * WR_S);
        desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    }
    cr_expect_not(desk_wanted(&desk, WR_PEER_WANT_RENEWAL));
    desk_run(&desk, 450 * WR_S);
    cr_assert(desk_wanted(&desk, WR_PEER_WANT_RENEWAL));

    desk_give_lease(&desk, 900, DESK_EXPIRES + 450000);
    struct wr_packet renew = desk_packet(&desk, 0);
    cr_expect_eq(renew.type, WR_PACKET_LEASE_RENEW);
    cr_expect(renew.has_token);
    cr_expect(renew.has_cookie);

    uint32_t mark = desk.sent_count;
    desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    desk_run(&desk, 450 * WR_S + 250 * WR_MS);
    cr_expect_eq(desk.sent_count, mark + 1, "that ACK was of an earlier, bare renew");
    desk_ack(&desk, DESK_EXPIRES + 450000, false, 0xc1);
    mark = desk.sent_count;
    desk_run(&desk, 450 * WR_S + 640 * WR_MS);
    cr_expect_eq(desk.sent_count, mark, "acknowledged: no more of it");
    desk_close(&desk);
}

Test(peer_robust, an_ack_to_the_third_sending_is_believed_whatever_it_names)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES + 1000);
    desk_ack(&desk, DESK_EXPIRES - 500000, false, 0xc1);
    cr_expect(desk.peer->as.robust.token_owed);
    desk_run(&desk, 800 * WR_MS);
    desk_ack(&desk, DESK_EXPIRES - 500000, false, 0xc1);
    cr_expect_not(desk.peer->as.robust.token_owed);
    desk_close(&desk);
}

Test(peer_robust, a_shortened_lease_is_kept_alive_by_bare_renews)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.sign_of_life_ns = 0;
    desk_open_started(&desk, config);
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_ack(&desk, DESK_EXPIRES - 880000, false, 0xc1);
    desk_ack(&desk, DESK_EXPIRES - 880000, false, 0xc1);
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 10 * WR_S - 1);
    cr_expect_eq(desk.sent_count, mark);
    desk_run(&desk, 10 * WR_S);
    cr_expect_eq(desk.sent_count, mark + 1, "half of the 20 s that the relay gave");
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_RENEW);
    desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    cr_expect_eq(desk.peer->as.robust.shortened_due_ns, WR_NEVER);
    desk_ack(&desk, DESK_EXPIRES - 900001, false, 0xc1);
    cr_expect_eq(desk.peer->as.robust.shortened_due_ns, WR_NEVER, "an end in the past is no end");
    desk_close(&desk);
}

Test(peer_robust, an_unanswered_wish_is_repeated_and_a_refused_one_backs_off)
{
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    desk_run(&desk, 10 * WR_S - 1);
    cr_expect_eq(desk.want_count, 1);
    desk_run(&desk, 10 * WR_S);
    cr_expect_eq(desk.want_count, 2);
    uint64_t expected_s[] = {1, 2, 4, 8, 15, 15, 15, 15};
    for (size_t i = 0; i < 8; i++) {
        wr_peer_lease_refused(desk.peer, desk.now, false);
        cr_expect_eq(wr_peer_next_deadline(desk.peer) - desk.now, expected_s[i] * WR_S);
        desk_run(&desk, wr_peer_next_deadline(desk.peer));
    }
    wr_peer_lease_refused(desk.peer, desk.now, true);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_GAVE_UP);
    cr_expect_eq(desk.events[0].end, WR_PEER_END_NO_LEASE);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), WR_NEVER);
    desk_close(&desk);
}

Test(peer_robust, a_refusal_that_nobody_waits_for_changes_nothing)
{
    struct desk desk;
    desk_open(&desk, desk_robust());
    wr_peer_lease_refused(desk.peer, 0, true);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_IDLE);
    desk_close(&desk);
    desk_open_bound(&desk, desk_robust());
    wr_peer_lease_refused(desk.peer, 0, true);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    desk_close(&desk);
}

Test(peer_robust, refused_for_good_it_uses_up_the_lease_it_has)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk.peer->as.robust.renewal_due_ns = 1;
    desk_run(&desk, 1);
    cr_assert(desk_wanted(&desk, WR_PEER_WANT_RENEWAL));
    wr_peer_lease_refused(desk.peer, desk.now, true);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    desk_close(&desk);
}

Test(peer_robust, one_that_never_renews_stays_silent_about_the_end_of_its_lease)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.renew_at_permille = 1000;
    desk_open_started(&desk, config);
    desk_give_lease(&desk, 5, DESK_EXPIRES);
    desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    for (uint64_t ms = 400; ms <= 4800; ms += 400) {
        desk_run(&desk, ms * WR_MS);
        desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    }
    uint32_t presents = desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT);
    desk_run(&desk, 20 * WR_S);
    cr_expect_eq(desk.want_count, 1);
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT), presents);
    desk_close(&desk);
}

/* ---- Rejects --------------------------------------------------------------------------------- */

Test(peer_robust, reject_6_with_a_cookie_is_answered_soon_and_with_it)
{
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_reject(&desk, WR_REJECT_RATE_LIMITED, 0xc7);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), 100 * WR_MS);
    desk_run(&desk, 100 * WR_MS);
    struct wr_packet present = desk_packet(&desk, 0);
    cr_expect_eq(present.type, WR_PACKET_LEASE_PRESENT);
    cr_assert(present.has_cookie);
    cr_expect_eq(present.cookie[15], 0xc7);
    desk_reject(&desk, WR_REJECT_RATE_LIMITED, 0xc7);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), 600 * WR_MS, "once; then the usual patience");
    cr_expect_eq(wr_peer_counters(desk.peer)->rejects[6], 2);
    desk_close(&desk);
}

Test(peer_robust, one_without_cookies_comes_back_with_patience_alone)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.echoes_cookies = false;
    desk_open_started(&desk, config);
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_reject(&desk, WR_REJECT_RATE_LIMITED, 0xc7);
    cr_expect_null(wr_peer_cookie(desk.peer));
    cr_expect_eq(wr_peer_next_deadline(desk.peer), 250 * WR_MS);
    desk_close(&desk);
}

Test(peer_robust, a_useless_token_is_replaced_at_once_and_then_ever_more_slowly)
{
    static const struct {
        enum wr_reject_reason reason;
        enum wr_peer_want want;
    } cases[] = {{WR_REJECT_EXPIRED, WR_PEER_WANT_AFTER_REJECT},
                 {WR_REJECT_INVALID_SIGNATURE, WR_PEER_WANT_AFTER_REJECT},
                 {WR_REJECT_WRONG_RELAY, WR_PEER_WANT_OTHER_RELAY}};
    for (size_t i = 0; i < 3; i++) {
        static const uint64_t delays_s[] = {0, 1, 2, 4, 8, 15, 15, 15, 15};
        struct desk desk;
        desk_open_started(&desk, desk_robust());
        for (size_t n = 0; n < 9; n++) {
            uint32_t wants = desk.want_count;
            desk_give_lease(&desk, 900, DESK_EXPIRES);
            desk_reject(&desk, cases[i].reason, 0);
            cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_WANTS_LEASE);
            cr_expect_eq(wr_peer_next_deadline(desk.peer), desk.now + delays_s[n] * WR_S);
            desk_run(&desk, wr_peer_next_deadline(desk.peer));
            cr_expect_eq(desk.want_count, wants + 1);
            cr_expect_eq(desk.wants[wants], cases[i].want);
        }
        cr_expect_eq(desk.avoids[1], cases[i].want == WR_PEER_WANT_OTHER_RELAY);
        desk_close(&desk);
    }
}

Test(peer_robust, a_full_relay_is_asked_again_after_a_second_and_another_one_looked_for)
{
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_reject(&desk, WR_REJECT_SESSION_FULL, 0);
    desk_run(&desk, 1);
    cr_expect_eq(desk.wants[1], WR_PEER_WANT_OTHER_RELAY);
    cr_expect(desk.avoids[1]);
    desk_run(&desk, 1 * WR_S - 1);
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT), 1);
    desk_run(&desk, 1 * WR_S);
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT), 2);
    desk_give_lease(&desk, 900, DESK_EXPIRES + 1);
    desk_reject(&desk, WR_REJECT_SESSION_FULL, 0);
    desk_run(&desk, 10 * WR_S - 1);
    cr_expect_eq(desk.want_count, 2, "there may be no other one");
    desk_run(&desk, 10 * WR_S);
    cr_expect_eq(desk.want_count, 3);
    desk_close(&desk);
}

Test(peer_robust, full_and_without_retransmission_it_waits_for_the_other_relay)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.retransmits = false;
    desk_open_started(&desk, config);
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk.now = 20 * WR_S;
    desk_reject(&desk, WR_REJECT_SESSION_FULL, 0);
    desk_run(&desk, 21 * WR_S);
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT), 1);
    cr_expect_eq(desk.want_count, 2);
    desk_close(&desk);
}

Test(peer_robust, banned_is_the_end)
{
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_reject(&desk, WR_REJECT_BANNED, 0);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_GAVE_UP);
    cr_expect_eq(desk.events[desk.event_count - 1].end, WR_PEER_END_BANNED);
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    wr_peer_lease_refused(desk.peer, 0, true);
    wr_peer_leave(desk.peer, 0);
    wr_peer_say_present(desk.peer, 0, (const uint8_t *)"t", 1);
    wr_peer_say_renew(desk.peer, 0, NULL, 0);
    cr_expect_eq(desk.sent_count, 1);
    desk_close(&desk);
}

Test(peer_robust, refused_for_good_and_then_rejected_it_gives_up)
{
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_run(&desk, 8 * WR_S);
    cr_assert(desk_wanted(&desk, WR_PEER_WANT_UNREACHABLE));
    wr_peer_lease_refused(desk.peer, desk.now, true);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_PRESENTING);
    desk_reject(&desk, WR_REJECT_EXPIRED, 0);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_GAVE_UP);
    desk_close(&desk);
}

Test(peer_robust, a_reject_that_answers_nothing_is_late_or_forged)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_reject(&desk, WR_REJECT_BANNED, 0xee);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    cr_expect_eq(wr_peer_cookie(desk.peer)[0], 0xc1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_REJECTED), 1);
    desk_close(&desk);
}

Test(peer_robust, a_renewal_that_is_refused_leaves_the_old_lease_in_use)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES + 1);
    desk_reject(&desk, WR_REJECT_INVALID_SIGNATURE, 0);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    desk_send_text(&desk, "still here");
    desk_run(&desk, 3 * WR_S);
    cr_expect(desk_wanted(&desk, WR_PEER_WANT_AFTER_REJECT));
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT), 1, "a refused token stays away");
    desk_close(&desk);
}
