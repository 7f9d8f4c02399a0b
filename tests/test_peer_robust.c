#include <criterion/criterion.h>

#include "cursor.h"
#include "peer_desk.h"

#include <string.h>

#define EXPIRES UINT64_C(1795000900000)

static struct wr_peer_config robust(void)
{
    struct wr_peer_config config;
    wr_peer_config_default(&config);
    return config;
}

static void open_started(struct desk *desk, struct wr_peer_config config)
{
    desk_open(desk, config);
    wr_peer_start(desk->peer, 0);
}

/* Bound at instant 0 with a lease of 900 s and cookie 0xc1, the path proven. */
static void open_bound(struct desk *desk, struct wr_peer_config config)
{
    open_started(desk, config);
    desk_give_lease(desk, 900, EXPIRES);
    desk_ack(desk, EXPIRES, false, 0xc1);
    desk_ack(desk, EXPIRES, false, 0xc1);
    cr_assert_eq(wr_peer_state(desk->peer), WR_PEER_BOUND);
}

/* A FORWARD of another robust peer. */
static void hear_framed(struct desk *desk, uint64_t sequence, uint16_t flags, uint16_t epoch,
                        uint16_t receipt_epoch, uint64_t receipt, const char *body)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint8_t opaque[WR_DATAGRAM_BYTES_MAX];
    wr_store_u16(opaque, 0x5750);
    wr_store_u16(opaque + 2, flags);
    wr_store_u16(opaque + 4, epoch);
    wr_store_u16(opaque + 6, receipt_epoch);
    wr_store_u64(opaque + 8, receipt);
    memcpy(opaque + 16, body, strlen(body));
    uint32_t size = wr_wire_encode_sequence(out, sizeof out, &desk->session, sequence, opaque,
                                            16 + (uint32_t)strlen(body));
    desk_hear(desk, &desk->relay, out, size);
}

static void hear_foreign(struct desk *desk, uint64_t sequence, const char *body)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size = wr_wire_encode_sequence(out, sizeof out, &desk->session, sequence,
                                            (const uint8_t *)body, (uint32_t)strlen(body));
    desk_hear(desk, &desk->relay, out, size);
}

static uint64_t send_text(struct desk *desk, const char *text)
{
    uint64_t sequence = UINT64_MAX;
    cr_assert(wr_peer_send(desk->peer, desk->now, (const uint8_t *)text, (uint32_t)strlen(text),
                           &sequence));
    return sequence;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

Test(peer_robust, asks_for_a_lease_presents_it_and_proves_its_path)
{
    struct desk desk;
    open_started(&desk, robust());
    cr_expect_eq(desk.want_count, 1);
    cr_expect_eq(desk.wants[0], WR_PEER_WANT_FIRST);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_WANTS_LEASE);
    cr_expect_eq(wr_peer_path(desk.peer), WR_PEER_PATH_NONE);

    desk_give_lease(&desk, 900, EXPIRES);
    struct wr_packet present = desk_packet(&desk, 0);
    cr_expect_eq(present.type, WR_PACKET_LEASE_PRESENT);
    cr_expect_eq(present.role, WR_ROLE_CLIENT);
    cr_expect_eq(present.token_bytes, 64);
    cr_expect_not(present.has_cookie);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_PRESENTING);

    desk_ack(&desk, EXPIRES, false, 0xc1);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    cr_expect_eq(wr_peer_path(desk.peer), WR_PEER_PATH_RELAY);
    struct wr_packet echo = desk_packet(&desk, 0);
    cr_expect_eq(echo.type, WR_PACKET_LEASE_RENEW);
    cr_expect(echo.has_cookie);
    cr_expect_eq(echo.cookie[0], 0xc1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_PROVEN), 0);
    desk_ack(&desk, EXPIRES, false, 0xc2);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_PROVEN), 1);
    cr_expect_eq(wr_peer_cookie(desk.peer)[0], 0xc2);
    cr_expect_eq(desk.events[1].soft_kbps, 50000);
    desk_close(&desk);
}

Test(peer_robust, a_lease_given_before_the_start_is_presented_by_it)
{
    struct desk desk;
    desk_open(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES);
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
    struct wr_peer_config good = robust();
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
    open_started(&desk, robust());
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
    open_started(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES);
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
    open_started(&desk, robust());
    desk.dice = 0;
    desk_give_lease(&desk, 900, EXPIRES);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), 187500 * (WR_MS / 1000));
    desk.dice = 0xff;
    desk_give_lease(&desk, 900, EXPIRES);
    cr_expect_gt(wr_peer_next_deadline(desk.peer), 312 * WR_MS);
    cr_expect_lt(wr_peer_next_deadline(desk.peer), 313 * WR_MS);
    desk_close(&desk);
}

Test(peer_robust, one_that_does_not_retransmit_presents_once)
{
    struct desk desk;
    struct wr_peer_config config = robust();
    config.retransmits = false;
    open_started(&desk, config);
    desk_give_lease(&desk, 900, EXPIRES);
    desk_run(&desk, 60 * WR_S);
    cr_expect_eq(desk.sent_count, 1);
    desk_close(&desk);
}

/* ---- Leases ---------------------------------------------------------------------------------- */

Test(peer_robust, renews_with_a_token_at_half_life)
{
    struct desk desk;
    open_bound(&desk, robust());
    for (uint64_t s = 1; s < 450; s++) {
        desk.sent_count = desk.event_count = 0;
        desk_run(&desk, s * WR_S);
        desk_ack(&desk, EXPIRES, false, 0xc1);
    }
    cr_expect_not(desk_wanted(&desk, WR_PEER_WANT_RENEWAL));
    desk_run(&desk, 450 * WR_S);
    cr_assert(desk_wanted(&desk, WR_PEER_WANT_RENEWAL));

    desk_give_lease(&desk, 900, EXPIRES + 450000);
    struct wr_packet renew = desk_packet(&desk, 0);
    cr_expect_eq(renew.type, WR_PACKET_LEASE_RENEW);
    cr_expect(renew.has_token);
    cr_expect(renew.has_cookie);

    uint32_t mark = desk.sent_count;
    desk_ack(&desk, EXPIRES, false, 0xc1);
    desk_run(&desk, 450 * WR_S + 250 * WR_MS);
    cr_expect_eq(desk.sent_count, mark + 1, "that ACK was of an earlier, bare renew");
    desk_ack(&desk, EXPIRES + 450000, false, 0xc1);
    mark = desk.sent_count;
    desk_run(&desk, 450 * WR_S + 640 * WR_MS);
    cr_expect_eq(desk.sent_count, mark, "acknowledged: no more of it");
    desk_close(&desk);
}

Test(peer_robust, an_ack_to_the_third_sending_is_believed_whatever_it_names)
{
    struct desk desk;
    open_bound(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES + 1000);
    desk_ack(&desk, EXPIRES - 500000, false, 0xc1);
    cr_expect(desk.peer->as.robust.token_owed);
    desk_run(&desk, 800 * WR_MS);
    desk_ack(&desk, EXPIRES - 500000, false, 0xc1);
    cr_expect_not(desk.peer->as.robust.token_owed);
    desk_close(&desk);
}

Test(peer_robust, a_shortened_lease_is_kept_alive_by_bare_renews)
{
    struct desk desk;
    struct wr_peer_config config = robust();
    config.sign_of_life_ns = 0;
    open_started(&desk, config);
    desk_give_lease(&desk, 900, EXPIRES);
    desk_ack(&desk, EXPIRES - 880000, false, 0xc1);
    desk_ack(&desk, EXPIRES - 880000, false, 0xc1);
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 10 * WR_S - 1);
    cr_expect_eq(desk.sent_count, mark);
    desk_run(&desk, 10 * WR_S);
    cr_expect_eq(desk.sent_count, mark + 1, "half of the 20 s that the relay gave");
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_RENEW);
    desk_ack(&desk, EXPIRES, false, 0xc1);
    cr_expect_eq(desk.peer->as.robust.shortened_due_ns, WR_NEVER);
    desk_ack(&desk, EXPIRES - 900001, false, 0xc1);
    cr_expect_eq(desk.peer->as.robust.shortened_due_ns, WR_NEVER, "an end in the past is no end");
    desk_close(&desk);
}

Test(peer_robust, an_unanswered_wish_is_repeated_and_a_refused_one_backs_off)
{
    struct desk desk;
    open_started(&desk, robust());
    desk_run(&desk, 10 * WR_S - 1);
    cr_expect_eq(desk.want_count, 1);
    desk_run(&desk, 10 * WR_S);
    cr_expect_eq(desk.want_count, 2);
    uint64_t expected_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
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
    desk_open(&desk, robust());
    wr_peer_lease_refused(desk.peer, 0, true);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_IDLE);
    desk_close(&desk);
    open_bound(&desk, robust());
    wr_peer_lease_refused(desk.peer, 0, true);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    desk_close(&desk);
}

Test(peer_robust, refused_for_good_it_uses_up_the_lease_it_has)
{
    struct desk desk;
    open_bound(&desk, robust());
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
    struct wr_peer_config config = robust();
    config.renew_at_permille = 1000;
    open_started(&desk, config);
    desk_give_lease(&desk, 5, EXPIRES);
    desk_ack(&desk, EXPIRES, false, 0xc1);
    for (uint64_t ms = 400; ms <= 4800; ms += 400) {
        desk_run(&desk, ms * WR_MS);
        desk_ack(&desk, EXPIRES, false, 0xc1);
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
    open_started(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES);
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
    struct wr_peer_config config = robust();
    config.echoes_cookies = false;
    open_started(&desk, config);
    desk_give_lease(&desk, 900, EXPIRES);
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
        static const uint64_t delays_s[] = {0, 1, 2, 4, 8, 16, 32, 60, 60};
        struct desk desk;
        open_started(&desk, robust());
        for (size_t n = 0; n < 9; n++) {
            uint32_t wants = desk.want_count;
            desk_give_lease(&desk, 900, EXPIRES);
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
    open_started(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES);
    desk_reject(&desk, WR_REJECT_SESSION_FULL, 0);
    desk_run(&desk, 10 * WR_S);
    cr_expect_eq(desk.wants[1], WR_PEER_WANT_OTHER_RELAY);
    cr_expect_geq(desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT), 2);
    desk_close(&desk);
}

Test(peer_robust, full_and_without_retransmission_it_waits_for_the_other_relay)
{
    struct desk desk;
    struct wr_peer_config config = robust();
    config.retransmits = false;
    open_started(&desk, config);
    desk_give_lease(&desk, 900, EXPIRES);
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
    open_started(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES);
    desk_reject(&desk, WR_REJECT_BANNED, 0);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_GAVE_UP);
    cr_expect_eq(desk.events[desk.event_count - 1].end, WR_PEER_END_BANNED);
    desk_give_lease(&desk, 900, EXPIRES);
    desk_ack(&desk, EXPIRES, false, 0xc1);
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
    open_started(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES);
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
    open_bound(&desk, robust());
    desk_reject(&desk, WR_REJECT_BANNED, 0xee);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    cr_expect_eq(wr_peer_cookie(desk.peer)[0], 0xc1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_REJECTED), 1);
    desk_close(&desk);
}

Test(peer_robust, a_renewal_that_is_refused_leaves_the_old_lease_in_use)
{
    struct desk desk;
    open_bound(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES + 1);
    desk_reject(&desk, WR_REJECT_INVALID_SIGNATURE, 0);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_BOUND);
    send_text(&desk, "still here");
    desk_run(&desk, 3 * WR_S);
    cr_expect(desk_wanted(&desk, WR_PEER_WANT_AFTER_REJECT));
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT), 1, "a refused token stays away");
    desk_close(&desk);
}

/* ---- Signs of life and silence --------------------------------------------------------------- */

Test(peer_robust, gives_a_sign_of_life_every_400_ms)
{
    struct desk desk;
    open_bound(&desk, robust());
    for (uint64_t n = 1; n <= 50; n++) {
        uint32_t mark = desk.sent_count;
        desk_run(&desk, n * 400 * WR_MS - 1);
        cr_expect_eq(desk.sent_count, mark);
        desk_run(&desk, n * 400 * WR_MS);
        cr_expect_eq(desk.sent_count, mark + 1);
        cr_expect(desk_packet(&desk, 0).has_cookie);
        desk_ack(&desk, EXPIRES, false, 0xc1);
    }
    desk_close(&desk);
}

Test(peer_robust, traffic_is_a_sign_of_life)
{
    struct desk desk;
    open_bound(&desk, robust());
    for (uint64_t ms = 100; ms <= 3000; ms += 100) {
        desk_run(&desk, ms * WR_MS);
        send_text(&desk, "x");
        hear_framed(&desk, ms, 0, 9, desk.peer->as.robust.epoch, desk.peer->as.robust.last_payload,
                    "");
    }
    cr_expect_eq(desk_count(&desk, 2, WR_PACKET_LEASE_RENEW), 0);
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_FORWARD), 30);
    desk_close(&desk);
}

Test(peer_robust, a_cookie_is_refreshed_every_30_s_though_traffic_flows)
{
    struct desk desk;
    open_bound(&desk, robust());
    for (uint64_t ms = 300; ms <= 60300; ms += 300) {
        desk.event_count = 0;
        desk_run(&desk, ms * WR_MS);
        desk.sent_count = desk.sent_count > 400 ? 2 : desk.sent_count;
        send_text(&desk, "x");
        hear_framed(&desk, ms, 0, 9, desk.peer->as.robust.epoch, desk.peer->as.robust.last_payload,
                    "");
    }
    cr_expect_eq(desk.peer->counters.renews_sent, 3, "the echo, 30 s, 60 s");
    desk_close(&desk);
}

Test(peer_robust, one_without_signs_of_life_is_as_silent_as_its_application)
{
    struct desk desk;
    struct wr_peer_config config = robust();
    config.sign_of_life_ns = 0;
    open_bound(&desk, config);
    uint32_t mark = desk.sent_count;
    hear_framed(&desk, 1, 1, 9, 0, 0, "payload wants no receipt from it");
    desk_run(&desk, 400 * WR_S);
    cr_expect_eq(desk.sent_count, mark);
    send_text(&desk, "x");
    desk_run(&desk, 402 * WR_S);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_RENEW), 1, "nothing came back: a probe");
    desk_close(&desk);
}

Test(peer_robust, without_a_cookie_an_empty_forward_is_the_sign)
{
    struct desk desk;
    struct wr_peer_config config = robust();
    config.echoes_cookies = false;
    open_started(&desk, config);
    desk_give_lease(&desk, 900, EXPIRES);
    desk_ack(&desk, EXPIRES, false, 0xc1);
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 400 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_FORWARD), 1);
    desk_run(&desk, 800 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_RENEW), 1, "and a bare renew asks");
    cr_expect_not(desk_packet(&desk, 1).has_cookie && desk_packet(&desk, 0).has_cookie);
    desk_close(&desk);
}

Test(peer_robust, a_silent_relay_is_presented_the_token_again)
{
    struct desk desk;
    open_bound(&desk, robust());
    desk_run(&desk, 400 * WR_MS);
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 1400 * WR_MS - 1);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 0);
    desk_run(&desk, 1400 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_SILENCE), 1);
    desk_run(&desk, 3 * WR_S);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 3, "with backoff");
    desk_ack(&desk, EXPIRES, false, 0xc5);
    struct wr_packet echo = desk_packet(&desk, 0);
    cr_expect_eq(echo.type, WR_PACKET_LEASE_RENEW);
    cr_expect_eq(echo.cookie[0], 0xc5, "the new path proves itself at once");
    desk_ack(&desk, EXPIRES, false, 0xc5);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_PROVEN), 2);
    desk_close(&desk);
}

Test(peer_robust, a_forward_ends_the_silence_too)
{
    struct desk desk;
    open_bound(&desk, robust());
    desk_run(&desk, 1400 * WR_MS);
    cr_assert(desk.peer->as.robust.silent);
    hear_framed(&desk, 1, 1, 9, 0, 0, "x");
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 1790 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 0);
    desk_close(&desk);
}

Test(peer_robust, a_new_token_is_owed_even_when_a_forward_ends_the_silence)
{
    struct desk desk;
    open_bound(&desk, robust());
    desk_run(&desk, 1400 * WR_MS);
    desk_give_lease(&desk, 900, EXPIRES + 5);
    hear_framed(&desk, 1, 1, 9, 0, 0, "x");
    cr_expect(desk.peer->as.robust.token_owed);
    cr_expect_not(desk.peer->as.robust.token_in_renew, "after silence it goes in a PRESENT");
    desk_close(&desk);
}

Test(peer_robust, its_first_word_after_a_sleep_is_a_cookie)
{
    struct desk desk;
    open_bound(&desk, robust());
    desk_run(&desk, 400 * WR_MS);
    uint32_t mark = desk.sent_count;
    desk_sleep(&desk, 40 * WR_S);
    cr_expect_eq(desk.sent_count, mark + 1);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_RENEW);
    cr_expect(desk_packet(&desk, 0).has_cookie);
    desk_run(&desk, 41 * WR_S);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 1, "a second later");
    desk_close(&desk);
}

Test(peer_robust, asleep_while_a_token_was_owed_it_still_speaks_first)
{
    struct desk desk;
    open_bound(&desk, robust());
    send_text(&desk, "x");
    desk_run(&desk, 1400 * WR_MS);
    uint32_t mark = desk.sent_count;
    desk_sleep(&desk, 40 * WR_S);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 0);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_RENEW), 1);
    desk_run(&desk, 40 * WR_S + 250 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 1);
    desk_close(&desk);
}

Test(peer_robust, a_lease_that_comes_after_a_sleep_follows_a_first_word)
{
    struct desk desk;
    open_bound(&desk, robust());
    desk.now = 40 * WR_S;
    desk_give_lease(&desk, 900, EXPIRES + 1);
    cr_expect_not(desk_packet(&desk, 1).has_token);
    cr_expect(desk_packet(&desk, 1).has_cookie);
    cr_expect(desk_packet(&desk, 0).has_token);
    desk_close(&desk);
}

Test(peer_robust, without_a_cookie_the_first_word_is_a_forward)
{
    struct desk desk;
    struct wr_peer_config config = robust();
    config.echoes_cookies = false;
    open_bound(&desk, config);
    desk_sleep(&desk, 40 * WR_S);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_FORWARD);
    desk_close(&desk);
}

/* ---- Payload and receipts -------------------------------------------------------------------- */

Test(peer_robust, sends_payload_with_its_own_sequence)
{
    struct desk desk;
    open_bound(&desk, robust());
    cr_expect_eq(send_text(&desk, "hello"), 0);
    cr_expect_eq(send_text(&desk, "hello"), 1);
    struct wr_packet packet = desk_packet(&desk, 0);
    cr_expect_not(packet.is_rift);
    cr_expect_eq(packet.sequence, 1);
    cr_expect_eq(desk.sent[desk.sent_count - 1].size, wr_peer_overhead_bytes(desk.peer) + 5);
    cr_expect_eq(memcmp(packet.payload + 24, "hello", 5), 0);
    desk_close(&desk);
}

Test(peer_robust, speaks_rift_where_told_to)
{
    struct desk desk;
    struct wr_peer_config config = robust();
    config.form = WR_PEER_RIFT;
    open_bound(&desk, config);
    cr_expect_eq(send_text(&desk, "hello"), 1, "packet id 0 is exempt from the window");
    struct wr_packet packet = desk_packet(&desk, 0);
    cr_expect(packet.is_rift);
    cr_expect_eq(packet.rift.alias, 1);
    cr_expect_eq(desk.sent[desk.sent_count - 1].size, wr_peer_overhead_bytes(desk.peer) + 5);

    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size = wr_wire_encode_forward(out, sizeof out, &desk.session, 0, packet.payload,
                                           packet.payload_bytes);
    desk_hear(&desk, &desk.relay, out, size);
    cr_expect_eq(desk.delivery_count, 1);
    cr_expect_eq(desk.deliveries[0].body_bytes, 5);
    desk_close(&desk);
}

Test(peer_robust, payload_that_cannot_be_sent_is_refused)
{
    struct desk desk;
    uint8_t body[WR_DATAGRAM_BYTES_MAX] = {0};
    uint64_t sequence;
    open_started(&desk, robust());
    cr_expect_not(wr_peer_send(desk.peer, 0, body, 1, &sequence));
    desk_close(&desk);
    open_bound(&desk, robust());
    uint32_t most = WR_DATAGRAM_BYTES_MAX - wr_peer_overhead_bytes(desk.peer);
    cr_expect(wr_peer_send(desk.peer, 0, body, most, &sequence));
    cr_expect_eq(desk.sent[desk.sent_count - 1].size, WR_DATAGRAM_BYTES_MAX);
    cr_expect_not(wr_peer_send(desk.peer, 0, body, most + 1, &sequence));
    cr_expect_eq(wr_peer_counters(desk.peer)->sends_refused, 1);
    desk_close(&desk);
}

Test(peer_robust, delivers_each_sequence_once)
{
    struct desk desk;
    open_bound(&desk, robust());
    hear_framed(&desk, 5, 1, 9, 0, 0, "five");
    hear_framed(&desk, 5, 1, 9, 0, 0, "five");
    hear_framed(&desk, 3, 1, 9, 0, 0, "three");
    hear_framed(&desk, 4000, 1, 9, 0, 0, "far");
    hear_framed(&desk, 5, 1, 9, 0, 0, "too old to tell");
    cr_expect_eq(desk.delivery_count, 3);
    cr_expect_eq(desk.deliveries[2].sequence, 4000);
    cr_expect_eq(wr_peer_counters(desk.peer)->duplicates_received, 2);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_ESTABLISHED), 1);
    desk_close(&desk);
}

Test(peer_robust, a_restart_of_the_other_peer_begins_its_sequences_anew)
{
    struct desk desk;
    open_bound(&desk, robust());
    hear_framed(&desk, 5000, 1, 9, 0, 0, "before");
    hear_framed(&desk, 0, 1, 10, 0, 0, "after");
    cr_expect_eq(desk.delivery_count, 2);
    desk_close(&desk);
}

Test(peer_robust, a_peer_of_another_make_is_heard_whole)
{
    struct desk desk;
    open_bound(&desk, robust());
    hear_foreign(&desk, 5000, "no frame at all");
    hear_foreign(&desk, 5000, "no frame at all");
    hear_foreign(&desk, 4999, "");
    hear_foreign(&desk, 1, "restarted, it seems");
    cr_expect_eq(desk.delivery_count, 3);
    cr_expect_eq(memcmp(desk.last_body, "restarted", 9), 0);
    cr_expect_eq(wr_peer_counters(desk.peer)->duplicates_received, 1);
    desk_close(&desk);
}

Test(peer_robust, payload_that_came_is_receipted_within_400_ms)
{
    struct desk desk;
    open_bound(&desk, robust());
    desk_run(&desk, 100 * WR_MS);
    hear_framed(&desk, 7, 1, 9, 0, 0, "x");
    hear_framed(&desk, 8, 1, 9, 0, 0, "y");
    desk_run(&desk, 500 * WR_MS);
    struct wr_packet receipt = desk_packet(&desk, 0);
    cr_assert_eq(receipt.type, WR_PACKET_FORWARD);
    cr_expect_eq(wr_load_u16(receipt.payload + 10), 0, "no payload");
    cr_expect_eq(wr_load_u16(receipt.payload + 14), 9);
    cr_expect_eq(wr_load_u64(receipt.payload + 16), 8);
    desk_close(&desk);
}

/* Keeps the relay answering while payload goes out and nothing comes back. */
static void stream_into_the_void(struct desk *desk, uint64_t from_ms, uint64_t until_ms)
{
    for (uint64_t ms = from_ms; ms <= until_ms; ms += 100) {
        uint32_t renews = desk_count(desk, 0, WR_PACKET_LEASE_RENEW);
        desk_run(desk, ms * WR_MS);
        send_text(desk, "x");
        if (desk_count(desk, 0, WR_PACKET_LEASE_RENEW) > renews)
            desk_ack(desk, EXPIRES, false, 0xc1);
    }
}

Test(peer_robust, forwards_that_bring_nothing_back_ask_for_a_new_lease_and_present_it)
{
    struct desk desk;
    open_bound(&desk, robust());
    stream_into_the_void(&desk, 0, 1900);
    cr_expect_not(desk_wanted(&desk, WR_PEER_WANT_FRUITLESS));
    cr_expect_gt(desk_count(&desk, 2, WR_PACKET_LEASE_RENEW), 2, "cookies were tried");
    stream_into_the_void(&desk, 2000, 2000);
    cr_assert(desk_wanted(&desk, WR_PEER_WANT_FRUITLESS));
    desk_give_lease(&desk, 900, EXPIRES + 2000);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_PRESENT, "to empty the window");
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 1);
    desk_ack(&desk, EXPIRES + 2000, false, 0xc1);
    desk_ack(&desk, EXPIRES + 2000, false, 0xc1);
    stream_into_the_void(&desk, 2100, 5900);
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 1, "4 s the next time");
    stream_into_the_void(&desk, 6000, 6100);
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 2);
    desk_close(&desk);
}

Test(peer_robust, receipts_show_that_payload_arrives)
{
    struct desk desk;
    open_bound(&desk, robust());
    uint16_t epoch = desk.peer->as.robust.epoch;
    for (uint64_t ms = 0; ms < 10000; ms += 200) {
        desk_run(&desk, ms * WR_MS);
        send_text(&desk, "x");
        hear_framed(&desk, ms, 0, 9, epoch, desk.peer->as.robust.last_payload, "");
    }
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 0);
    cr_expect_eq(desk.peer->as.robust.unconfirmed_since_ns, WR_NEVER);
    desk_close(&desk);
}

Test(peer_robust, traffic_of_the_other_side_alone_is_no_receipt)
{
    struct desk desk;
    open_bound(&desk, robust());
    uint16_t epoch = desk.peer->as.robust.epoch;
    send_text(&desk, "first");
    for (uint64_t ms = 0; ms <= 2000; ms += 200) {
        desk_run(&desk, ms * WR_MS);
        hear_framed(&desk, ms, 1, 9, (uint16_t)(epoch + 1), 0, "of an earlier life");
        hear_framed(&desk, ms + 1, 1, 9, epoch, 77, "of what was never sent");
    }
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 1);
    desk_close(&desk);
}

Test(peer_robust, a_receipt_of_the_first_of_two_leaves_the_second_open)
{
    struct desk desk;
    open_bound(&desk, robust());
    uint16_t epoch = desk.peer->as.robust.epoch;
    send_text(&desk, "one");
    send_text(&desk, "two");
    desk_run(&desk, 100 * WR_MS);
    hear_framed(&desk, 1, 0, 9, epoch, 0, "");
    cr_expect_eq(desk.peer->as.robust.unconfirmed_since_ns, 100 * WR_MS);
    hear_framed(&desk, 2, 0, 9, epoch, 0, "");
    hear_framed(&desk, 3, 0, 9, epoch, 1, "");
    cr_expect_eq(desk.peer->as.robust.unconfirmed_since_ns, WR_NEVER);
    desk_close(&desk);
}

Test(peer_robust, a_silent_relay_is_not_fruitless_traffic)
{
    struct desk desk;
    open_bound(&desk, robust());
    for (uint64_t ms = 0; ms <= 6000; ms += 500) {
        desk_run(&desk, ms * WR_MS);
        send_text(&desk, "x");
    }
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 0);
    cr_expect_eq(wr_peer_counters(desk.peer)->silences, 1);
    desk_close(&desk);
}

/* ---- Restart, leaving, other relays ---------------------------------------------------------- */

Test(peer_robust, a_restart_forgets_everything_and_asks_for_a_new_lease)
{
    struct desk desk;
    open_bound(&desk, robust());
    send_text(&desk, "x");
    desk.dice = 0x11;
    wr_peer_restart(desk.peer, 5 * WR_S);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_WANTS_LEASE);
    cr_expect(desk_wanted(&desk, WR_PEER_WANT_RESTART));
    cr_expect_null(wr_peer_cookie(desk.peer));
    desk.now = 5 * WR_S;
    desk_give_lease(&desk, 900, EXPIRES + 5000);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_PRESENT);
    desk_ack(&desk, EXPIRES + 5000, false, 0xc9);
    cr_expect_eq(send_text(&desk, "x"), 0);
    desk_close(&desk);
}

Test(peer_robust, an_epoch_is_never_0)
{
    struct desk desk;
    desk_open(&desk, robust());
    desk.dice = 0;
    wr_peer_start(desk.peer, 0);
    cr_expect_eq(desk.peer->as.robust.epoch, 1);
    desk_close(&desk);
}

Test(peer_robust, releases_its_role_when_it_leaves)
{
    struct desk desk;
    open_bound(&desk, robust());
    wr_peer_leave(desk.peer, 1);
    struct wr_packet release = desk_packet(&desk, 0);
    cr_expect(release.release);
    cr_expect(release.has_cookie);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_LEFT);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), WR_NEVER);
    uint32_t mark = desk.sent_count;
    wr_peer_leave(desk.peer, 2);
    wr_peer_on_deadline(desk.peer, 100 * WR_S);
    desk_ack(&desk, EXPIRES, false, 0xc1);
    cr_expect_eq(desk.sent_count, mark);
    desk_close(&desk);
}

Test(peer_robust, without_a_cookie_or_a_relay_it_just_goes)
{
    struct desk desk;
    open_started(&desk, robust());
    wr_peer_leave(desk.peer, 0);
    cr_expect_eq(desk.sent_count, 0);
    desk_close(&desk);
    open_started(&desk, robust());
    desk_give_lease(&desk, 900, EXPIRES);
    wr_peer_leave(desk.peer, 0);
    cr_expect_eq(desk.sent_count, 1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_RELEASED), 1);
    desk_close(&desk);
}

Test(peer_robust, a_draining_relay_makes_it_ask_for_another_and_move)
{
    struct desk desk;
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    struct wr_address other = desk_address(2, 4000);
    open_bound(&desk, robust());
    desk_run(&desk, 400 * WR_MS);
    desk_ack(&desk, EXPIRES, true, 0xc1);
    desk_run(&desk, 401 * WR_MS);
    cr_assert_eq(desk.wants[desk.want_count - 1], WR_PEER_WANT_OTHER_RELAY);
    cr_expect(desk.avoids[desk.want_count - 1]);

    desk_give_lease_at(&desk, other, 900, EXPIRES + 1);
    struct wr_packet present = desk_packet(&desk, 0);
    cr_expect_eq(present.type, WR_PACKET_LEASE_PRESENT);
    cr_expect_not(present.has_cookie, "the old relay's cookie means nothing there");
    cr_expect(wr_address_equal(&desk.sent[desk.sent_count - 1].to, &other));
    send_text(&desk, "meanwhile by the old one");
    cr_expect(wr_address_equal(&desk.sent[desk.sent_count - 1].to, &desk.relay));

    struct wr_address old = desk.relay;
    desk.relay = other;
    desk_ack(&desk, EXPIRES + 1, false, 0xd1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_MOVED), 1);
    struct wr_address used = wr_peer_relay(desk.peer);
    cr_expect(wr_address_equal(&used, &other));
    cr_expect(desk_packet(&desk, 1).release, "the old one is released");
    cr_expect(wr_address_equal(&desk.sent[desk.sent_count - 2].to, &old));
    cr_expect_eq(desk_packet(&desk, 0).cookie[0], 0xd1);

    uint32_t size = wr_wire_encode_ack(out, sizeof out, &desk.session, EXPIRES, 1, 1, false, NULL);
    uint64_t ignored = wr_peer_counters(desk.peer)->ignored_received;
    desk_hear(&desk, &old, out, size);
    cr_expect_eq(wr_peer_counters(desk.peer)->ignored_received, ignored + 1);
    desk_close(&desk);
}

Test(peer_robust, the_other_relay_may_refuse)
{
    struct desk desk;
    struct wr_address old = desk_address(1, 4000);
    struct wr_address other = desk_address(2, 4000);
    open_bound(&desk, robust());
    desk_give_lease_at(&desk, other, 900, EXPIRES + 1);
    desk.relay = other;
    desk_reject(&desk, WR_REJECT_EXPIRED, 0xd1);
    struct wr_address used = wr_peer_relay(desk.peer);
    cr_expect(wr_address_equal(&used, &old));
    cr_expect_eq(wr_peer_cookie(desk.peer)[0], 0xc1, "not a cookie of the relay in use");
    desk_close(&desk);
}

Test(peer_robust, where_there_is_no_other_relay_it_asks_every_10_s)
{
    struct desk desk;
    open_bound(&desk, robust());
    for (uint64_t ms = 400; ms <= 30000; ms += 400) {
        uint32_t wants = desk.want_count;
        desk.sent_count = desk.event_count = 0;
        desk_run(&desk, ms * WR_MS);
        desk_ack(&desk, EXPIRES + desk.want_count, true, 0xc1);
        if (desk.want_count > wants)
            desk_give_lease(&desk, 900, EXPIRES + desk.want_count);
    }
    cr_expect_leq(desk.want_count, 5);
    cr_expect_geq(desk.want_count, 3);
    desk_close(&desk);
}

/* ---- What it does not listen to -------------------------------------------------------------- */

Test(peer_robust, strangers_other_sessions_and_wrong_types_are_ignored)
{
    struct desk desk;
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    struct wr_session_id session = {{1}};
    struct wr_address stranger = desk_address(66, 6);
    open_started(&desk, robust());
    desk_ack(&desk, EXPIRES, false, 0xc1);
    desk_give_lease(&desk, 900, EXPIRES);
    uint32_t size = wr_wire_encode_ack(out, sizeof out, &desk.session, EXPIRES, 1, 1, false, NULL);
    desk_hear(&desk, &stranger, out, size);
    size = wr_wire_encode_ack(out, sizeof out, &session, EXPIRES, 1, 1, false, NULL);
    desk_hear(&desk, &desk.relay, out, size);
    desk_hear(&desk, &desk.relay, out, 3);
    size = wr_wire_encode_present(out, sizeof out, &desk.session, WR_ROLE_CLIENT,
                                  (const uint8_t *)"t", 1, NULL);
    desk_hear(&desk, &desk.relay, out, size);
    size = wr_wire_encode_renew(out, sizeof out, &desk.session, WR_ROLE_CLIENT, NULL, 0, NULL);
    desk_hear(&desk, &desk.relay, out, size);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_PRESENTING);
    cr_expect_eq(wr_peer_counters(desk.peer)->ignored_received, 6);
    desk_close(&desk);
}

Test(peer_robust, says_what_an_experiment_tells_it_to)
{
    struct desk desk;
    uint8_t token[WR_DATAGRAM_BYTES_MAX] = {'o'};
    open_started(&desk, robust());
    wr_peer_say_present(desk.peer, 0, token, 3);
    wr_peer_say_renew(desk.peer, 0, token, 3);
    cr_expect_eq(desk.sent_count, 0, "nobody to say it to");
    struct wr_address none = wr_peer_relay(desk.peer);
    cr_expect_eq(none.port, 0);
    desk_close(&desk);

    open_bound(&desk, robust());
    wr_peer_say_present(desk.peer, 0, token, 3);
    cr_expect_eq(desk_packet(&desk, 0).token_bytes, 3);
    wr_peer_say_renew(desk.peer, 0, token, 3);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_RENEW);
    wr_peer_say_renew(desk.peer, 0, NULL, 0);
    cr_expect_not(desk_packet(&desk, 0).has_token);
    uint32_t mark = desk.sent_count;
    wr_peer_say_present(desk.peer, 0, token, sizeof token);
    wr_peer_say_renew(desk.peer, 0, token, sizeof token);
    cr_expect_eq(desk.sent_count, mark, "too long for a datagram");
    desk_close(&desk);
}

Test(peer_robust, nobody_has_to_listen)
{
    struct desk desk;
    struct wr_peer_environment deaf;
    open_bound(&desk, robust());
    deaf = *desk.peer->environment;
    deaf.event = NULL;
    deaf.delivered = NULL;
    desk.peer->environment = &deaf;
    hear_framed(&desk, 1, 1, 9, 0, 0, "x");
    cr_expect_eq(wr_peer_counters(desk.peer)->payloads_delivered, 1);
    desk_close(&desk);
}

Test(peer_robust, everything_has_a_name)
{
    cr_expect_str_eq(wr_peer_state_name(WR_PEER_GAVE_UP), "gave_up");
    cr_expect_str_eq(wr_peer_want_name(WR_PEER_WANT_RESTART), "restart");
    cr_expect_str_eq(wr_peer_end_name(WR_PEER_END_RUINED), "ruined");
    cr_expect_str_eq(wr_peer_event_name(WR_PEER_EVENT_GAVE_UP), "gave_up");
}

/* A window of 1024 against the plain truth. */
Test(peer_robust, the_window_agrees_with_a_naive_one)
{
    static bool seen[8192];
    struct wr_robust_window window = {.empty = true};
    uint64_t top = 0;
    uint32_t dice = 7;
    for (int step = 0; step < 20000; step++) {
        dice = dice * 1664525u + 1013904223u;
        uint64_t sequence = (uint64_t)(step / 3) + (dice >> 20) % 1400;
        if (sequence >= 8192)
            break;
        bool first = step == 0;
        bool fresh = first || sequence > top || (top - sequence < 1024 && !seen[sequence]);
        cr_assert_eq(wr_robust_window_take(&window, sequence), fresh, "step %d", step);
        seen[sequence] = seen[sequence] || fresh;
        top = first || sequence > top ? sequence : top;
    }
}
