#include <criterion/criterion.h>

#include "peer_desk.h"

/* ---- Signs of life and silence --------------------------------------------------------------- */

Test(peer_robust_life, gives_a_sign_of_life_every_400_ms)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    for (uint64_t n = 1; n <= 50; n++) {
        uint32_t mark = desk.sent_count;
        desk_run(&desk, n * 400 * WR_MS - 1);
        cr_expect_eq(desk.sent_count, mark);
        desk_run(&desk, n * 400 * WR_MS);
        cr_expect_eq(desk.sent_count, mark + 1);
        cr_expect(desk_packet(&desk, 0).has_cookie);
        desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    }
    desk_close(&desk);
}

Test(peer_robust_life, traffic_is_a_sign_of_life)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    for (uint64_t ms = 100; ms <= 3000; ms += 100) {
        desk_run(&desk, ms * WR_MS);
        desk_send_text(&desk, "x");
        desk_hear_framed(&desk, ms, 0, 9, desk.peer->as.robust.epoch,
                         desk.peer->as.robust.last_payload, "");
    }
    cr_expect_eq(desk_count(&desk, 2, WR_PACKET_LEASE_RENEW), 0);
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_FORWARD), 30);
    desk_close(&desk);
}

Test(peer_robust_life, a_cookie_is_refreshed_every_10_s_though_traffic_flows)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    for (uint64_t ms = 300; ms <= 60300; ms += 300) {
        desk.event_count = 0;
        desk_run(&desk, ms * WR_MS);
        desk.sent_count = desk.sent_count > 400 ? 2 : desk.sent_count;
        desk_send_text(&desk, "x");
        desk_hear_framed(&desk, ms, 0, 9, desk.peer->as.robust.epoch,
                         desk.peer->as.robust.last_payload, "");
    }
    cr_expect_eq(desk.peer->counters.renews_sent, 7, "the echo, and six times since");
    desk_close(&desk);
}

Test(peer_robust_life, one_without_signs_of_life_is_as_silent_as_its_application)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.sign_of_life_ns = 0;
    desk_open_bound(&desk, config);
    uint32_t mark = desk.sent_count;
    desk_hear_framed(&desk, 1, 1, 9, 0, 0, "payload wants no receipt from it");
    desk_run(&desk, 400 * WR_S);
    cr_expect_eq(desk.sent_count, mark);
    desk_send_text(&desk, "x");
    desk_run(&desk, 402 * WR_S);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_RENEW), 1, "nothing came back: a probe");
    desk_close(&desk);
}

Test(peer_robust_life, without_a_cookie_an_empty_forward_is_the_sign)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.echoes_cookies = false;
    desk_open_started(&desk, config);
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 400 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_FORWARD), 1);
    desk_run(&desk, 800 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_RENEW), 1, "and a bare renew asks");
    cr_expect_not(desk_packet(&desk, 1).has_cookie && desk_packet(&desk, 0).has_cookie);
    desk_close(&desk);
}

Test(peer_robust_life, a_silent_relay_is_presented_the_token_again)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_run(&desk, 400 * WR_MS);
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 1400 * WR_MS - 1);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 0);
    desk_run(&desk, 1400 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_SILENCE), 1);
    desk_run(&desk, 3 * WR_S);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 3, "with backoff");
    desk_ack(&desk, DESK_EXPIRES, false, 0xc5);
    struct wr_packet echo = desk_packet(&desk, 0);
    cr_expect_eq(echo.type, WR_PACKET_LEASE_RENEW);
    cr_expect_eq(echo.cookie[0], 0xc5, "the new path proves itself at once");
    desk_ack(&desk, DESK_EXPIRES, false, 0xc5);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_PROVEN), 2);
    desk_close(&desk);
}

Test(peer_robust_life, acks_to_the_token_but_none_to_the_cookie_mean_somebody_else_is_bound)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    for (uint64_t ms = 0; ms <= 5000; ms += 10) {
        uint32_t presents = desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT);
        desk_run(&desk, ms * WR_MS);
        if (desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT) > presents)
            desk_ack(&desk, DESK_EXPIRES, false, 0xc5);
    }
    cr_expect_geq(desk_events(&desk, WR_PEER_EVENT_SILENCE), 3);
    cr_assert(desk_wanted(&desk, WR_PEER_WANT_FRUITLESS));
    desk_give_lease(&desk, 900, DESK_EXPIRES + 1);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_PRESENT);
    desk_close(&desk);
}

Test(peer_robust_life, a_forward_ends_the_silence_too)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_run(&desk, 1400 * WR_MS);
    cr_assert(desk.peer->as.robust.silent);
    desk_hear_framed(&desk, 1, 1, 9, 0, 0, "x");
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 1790 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 0);
    desk_close(&desk);
}

Test(peer_robust_life, a_new_token_is_owed_even_when_a_forward_ends_the_silence)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_run(&desk, 1400 * WR_MS);
    desk_give_lease(&desk, 900, DESK_EXPIRES + 5);
    desk_hear_framed(&desk, 1, 1, 9, 0, 0, "x");
    cr_expect(desk.peer->as.robust.token_owed);
    cr_expect_not(desk.peer->as.robust.token_in_renew, "after silence it goes in a PRESENT");
    desk_close(&desk);
}

Test(peer_robust_life, its_first_word_after_a_sleep_is_a_cookie)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
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

Test(peer_robust_life, asleep_while_a_token_was_owed_it_still_speaks_first)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_send_text(&desk, "x");
    desk_run(&desk, 1400 * WR_MS);
    uint32_t mark = desk.sent_count;
    desk_sleep(&desk, 40 * WR_S);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 0);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_RENEW), 1);
    desk_run(&desk, 40 * WR_S + 250 * WR_MS);
    cr_expect_eq(desk_count(&desk, mark, WR_PACKET_LEASE_PRESENT), 1);
    desk_close(&desk);
}

Test(peer_robust_life, a_lease_that_comes_after_a_sleep_follows_a_first_word)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk.now = 40 * WR_S;
    desk_give_lease(&desk, 900, DESK_EXPIRES + 1);
    cr_expect_not(desk_packet(&desk, 1).has_token);
    cr_expect(desk_packet(&desk, 1).has_cookie);
    cr_expect(desk_packet(&desk, 0).has_token);
    desk_close(&desk);
}

Test(peer_robust_life, without_a_cookie_the_first_word_is_a_forward)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.echoes_cookies = false;
    desk_open_bound(&desk, config);
    desk_sleep(&desk, 40 * WR_S);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_FORWARD);
    desk_close(&desk);
}

/* ---- Restart, leaving, other relays ---------------------------------------------------------- */

Test(peer_robust_life, a_restart_forgets_everything_and_asks_for_a_new_lease)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_send_text(&desk, "x");
    desk.dice = 0x11;
    wr_peer_restart(desk.peer, 5 * WR_S);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_WANTS_LEASE);
    cr_expect(desk_wanted(&desk, WR_PEER_WANT_RESTART));
    cr_expect_null(wr_peer_cookie(desk.peer));
    desk.now = 5 * WR_S;
    desk_give_lease(&desk, 900, DESK_EXPIRES + 5000);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_PRESENT);
    desk_ack(&desk, DESK_EXPIRES + 5000, false, 0xc9);
    cr_expect_eq(desk_send_text(&desk, "x"), 0);
    desk_close(&desk);
}

Test(peer_robust_life, an_epoch_is_never_0)
{
    struct desk desk;
    desk_open(&desk, desk_robust());
    desk.dice = 0;
    wr_peer_start(desk.peer, 0);
    cr_expect_eq(desk.peer->as.robust.epoch, 1);
    desk_close(&desk);
}

Test(peer_robust_life, releases_its_role_when_it_leaves)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    wr_peer_leave(desk.peer, 1);
    struct wr_packet release = desk_packet(&desk, 0);
    cr_expect(release.release);
    cr_expect(release.has_cookie);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_LEFT);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), WR_NEVER);
    uint32_t mark = desk.sent_count;
    wr_peer_leave(desk.peer, 2);
    wr_peer_on_deadline(desk.peer, 100 * WR_S);
    desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    cr_expect_eq(desk.sent_count, mark);
    desk_close(&desk);
}

Test(peer_robust_life, without_a_cookie_or_a_relay_it_just_goes)
{
    struct desk desk;
    desk_open_started(&desk, desk_robust());
    wr_peer_leave(desk.peer, 0);
    cr_expect_eq(desk.sent_count, 0);
    desk_close(&desk);
    desk_open_started(&desk, desk_robust());
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    wr_peer_leave(desk.peer, 0);
    cr_expect_eq(desk.sent_count, 1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_RELEASED), 1);
    desk_close(&desk);
}

Test(peer_robust_life, a_draining_relay_makes_it_ask_for_another_and_move)
{
    struct desk desk;
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    struct wr_address other = desk_address(2, 4000);
    desk_open_bound(&desk, desk_robust());
    desk_run(&desk, 400 * WR_MS);
    desk_ack(&desk, DESK_EXPIRES, true, 0xc1);
    desk_run(&desk, 401 * WR_MS);
    cr_assert_eq(desk.wants[desk.want_count - 1], WR_PEER_WANT_OTHER_RELAY);
    cr_expect(desk.avoids[desk.want_count - 1]);

    desk_give_lease_at(&desk, other, 900, DESK_EXPIRES + 1);
    struct wr_packet present = desk_packet(&desk, 0);
    cr_expect_eq(present.type, WR_PACKET_LEASE_PRESENT);
    cr_expect_not(present.has_cookie, "the old relay's cookie means nothing there");
    cr_expect(wr_address_equal(&desk.sent[desk.sent_count - 1].to, &other));
    desk_send_text(&desk, "meanwhile by the old one");
    cr_expect(wr_address_equal(&desk.sent[desk.sent_count - 1].to, &desk.relay));

    struct wr_address old = desk.relay;
    desk.relay = other;
    desk_ack(&desk, DESK_EXPIRES + 1, false, 0xd1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_MOVED), 1);
    struct wr_address used = wr_peer_relay(desk.peer);
    cr_expect(wr_address_equal(&used, &other));
    cr_expect(desk_packet(&desk, 1).release, "the old one is released");
    cr_expect(wr_address_equal(&desk.sent[desk.sent_count - 2].to, &old));
    cr_expect_eq(desk_packet(&desk, 0).cookie[0], 0xd1);

    uint32_t size =
        wr_wire_encode_ack(out, sizeof out, &desk.session, DESK_EXPIRES, 1, 1, false, NULL);
    uint64_t ignored = wr_peer_counters(desk.peer)->ignored_received;
    desk_hear(&desk, &old, out, size);
    cr_expect_eq(wr_peer_counters(desk.peer)->ignored_received, ignored + 1);
    desk_close(&desk);
}

Test(peer_robust_life, the_other_relay_may_refuse)
{
    struct desk desk;
    struct wr_address old = desk_address(1, 4000);
    struct wr_address other = desk_address(2, 4000);
    desk_open_bound(&desk, desk_robust());
    desk_give_lease_at(&desk, other, 900, DESK_EXPIRES + 1);
    desk.relay = other;
    desk_reject(&desk, WR_REJECT_EXPIRED, 0xd1);
    struct wr_address used = wr_peer_relay(desk.peer);
    cr_expect(wr_address_equal(&used, &old));
    cr_expect_eq(wr_peer_cookie(desk.peer)[0], 0xc1, "not a cookie of the relay in use");
    desk_close(&desk);
}

Test(peer_robust_life, where_there_is_no_other_relay_it_asks_every_10_s)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    for (uint64_t ms = 400; ms <= 30000; ms += 400) {
        uint32_t wants = desk.want_count;
        desk.sent_count = desk.event_count = 0;
        desk_run(&desk, ms * WR_MS);
        desk_ack(&desk, DESK_EXPIRES + desk.want_count, true, 0xc1);
        if (desk.want_count > wants)
            desk_give_lease(&desk, 900, DESK_EXPIRES + desk.want_count);
    }
    cr_expect_leq(desk.want_count, 5);
    cr_expect_geq(desk.want_count, 3);
    desk_close(&desk);
}
