#include <criterion/criterion.h>

#include "cursor.h"
#include "peer_desk.h"

#include <string.h>

/* ---- Payload and receipts -------------------------------------------------------------------- */

Test(peer_robust_payload, sends_payload_with_its_own_sequence)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    cr_expect_eq(desk_send_text(&desk, "hello"), 0);
    cr_expect_eq(desk_send_text(&desk, "hello"), 1);
    struct wr_packet packet = desk_packet(&desk, 0);
    cr_expect_not(packet.is_rift);
    cr_expect_eq(packet.sequence, 1);
    cr_expect_eq(desk.sent[desk.sent_count - 1].size, wr_peer_overhead_bytes(desk.peer) + 5);
    cr_expect_eq(memcmp(packet.payload + 24, "hello", 5), 0);
    desk_close(&desk);
}

Test(peer_robust_payload, speaks_rift_where_told_to)
{
    struct desk desk;
    struct wr_peer_config config = desk_robust();
    config.form = WR_PEER_RIFT;
    desk_open_bound(&desk, config);
    cr_expect_eq(desk_send_text(&desk, "hello"), 1, "packet id 0 is exempt from the window");
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

Test(peer_robust_payload, payload_that_cannot_be_sent_is_refused)
{
    struct desk desk;
    uint8_t body[WR_DATAGRAM_BYTES_MAX] = {0};
    uint64_t sequence;
    desk_open_started(&desk, desk_robust());
    cr_expect_not(wr_peer_send(desk.peer, 0, body, 1, &sequence));
    desk_close(&desk);
    desk_open_bound(&desk, desk_robust());
    uint32_t most = WR_DATAGRAM_BYTES_MAX - wr_peer_overhead_bytes(desk.peer);
    cr_expect(wr_peer_send(desk.peer, 0, body, most, &sequence));
    cr_expect_eq(desk.sent[desk.sent_count - 1].size, WR_DATAGRAM_BYTES_MAX);
    cr_expect_not(wr_peer_send(desk.peer, 0, body, most + 1, &sequence));
    cr_expect_eq(wr_peer_counters(desk.peer)->sends_refused, 1);
    desk_close(&desk);
}

Test(peer_robust_payload, delivers_each_sequence_once)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_hear_framed(&desk, 5, 1, 9, 0, 0, "five");
    desk_hear_framed(&desk, 5, 1, 9, 0, 0, "five");
    desk_hear_framed(&desk, 3, 1, 9, 0, 0, "three");
    desk_hear_framed(&desk, 4000, 1, 9, 0, 0, "far");
    cr_expect_eq(desk.delivery_count, 3);
    cr_expect_eq(desk.deliveries[2].sequence, 4000);
    cr_expect_eq(wr_peer_counters(desk.peer)->duplicates_received, 1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_ESTABLISHED), 1);
    desk_close(&desk);
}

Test(peer_robust_payload, a_forged_sequence_far_ahead_does_not_deafen_it)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_hear_framed(&desk, 5, 1, 9, 0, 0, "five");
    desk_hear_framed(&desk, 1000000, 1, 9, 0, 0, "forged");
    desk_hear_framed(&desk, 6, 1, 9, 0, 0, "six");
    desk_hear_framed(&desk, 6, 1, 9, 0, 0, "six");
    cr_expect_eq(desk.delivery_count, 3);
    cr_expect_eq(wr_peer_counters(desk.peer)->duplicates_received, 1);
    desk_close(&desk);
}

Test(peer_robust_payload, a_restart_of_the_other_peer_begins_its_sequences_anew)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_hear_framed(&desk, 5000, 1, 9, 0, 0, "before");
    desk_hear_framed(&desk, 0, 1, 10, 0, 0, "after");
    cr_expect_eq(desk.delivery_count, 2);
    desk_close(&desk);
}

Test(peer_robust_payload, a_peer_of_another_make_is_heard_whole)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_hear_foreign(&desk, 5000, "no frame at all");
    desk_hear_foreign(&desk, 5000, "no frame at all");
    desk_hear_foreign(&desk, 4999, "");
    desk_hear_foreign(&desk, 1, "restarted, it seems");
    cr_expect_eq(desk.delivery_count, 3);
    cr_expect_eq(memcmp(desk.last_body, "restarted", 9), 0);
    cr_expect_eq(wr_peer_counters(desk.peer)->duplicates_received, 1);
    desk_close(&desk);
}

Test(peer_robust_payload, payload_that_came_is_receipted_within_400_ms)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    desk_run(&desk, 100 * WR_MS);
    desk_hear_framed(&desk, 7, 1, 9, 0, 0, "x");
    desk_hear_framed(&desk, 8, 1, 9, 0, 0, "y");
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
        desk_send_text(desk, "x");
        if (desk_count(desk, 0, WR_PACKET_LEASE_RENEW) > renews)
            desk_ack(desk, DESK_EXPIRES, false, 0xc1);
    }
}

Test(peer_robust_payload, forwards_that_bring_nothing_back_ask_for_a_new_lease_and_present_it)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    stream_into_the_void(&desk, 0, 1900);
    cr_expect_not(desk_wanted(&desk, WR_PEER_WANT_FRUITLESS));
    cr_expect_gt(desk_count(&desk, 2, WR_PACKET_LEASE_RENEW), 2, "cookies were tried");
    stream_into_the_void(&desk, 2000, 2000);
    cr_assert(desk_wanted(&desk, WR_PEER_WANT_FRUITLESS));
    desk_give_lease(&desk, 900, DESK_EXPIRES + 2000);
    cr_expect_eq(desk_packet(&desk, 0).type, WR_PACKET_LEASE_PRESENT, "to empty the window");
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 1);
    desk_ack(&desk, DESK_EXPIRES + 2000, false, 0xc1);
    desk_ack(&desk, DESK_EXPIRES + 2000, false, 0xc1);
    stream_into_the_void(&desk, 2100, 5900);
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 1, "4 s the next time");
    stream_into_the_void(&desk, 6000, 6100);
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 2);
    desk_close(&desk);
}

Test(peer_robust_payload, receipts_show_that_payload_arrives)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    uint16_t epoch = desk.peer->as.robust.epoch;
    for (uint64_t ms = 0; ms < 10000; ms += 200) {
        desk_run(&desk, ms * WR_MS);
        desk_send_text(&desk, "x");
        desk_hear_framed(&desk, ms, 0, 9, epoch, desk.peer->as.robust.last_payload, "");
    }
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 0);
    cr_expect_eq(desk.peer->as.robust.unconfirmed_since_ns, WR_NEVER);
    desk_close(&desk);
}

Test(peer_robust_payload, traffic_of_the_other_side_alone_is_no_receipt)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    uint16_t epoch = desk.peer->as.robust.epoch;
    desk_send_text(&desk, "first");
    for (uint64_t ms = 0; ms <= 2000; ms += 200) {
        desk_run(&desk, ms * WR_MS);
        desk_hear_framed(&desk, ms, 1, 9, (uint16_t)(epoch + 1), 0, "of an earlier life");
        desk_hear_framed(&desk, ms + 1, 1, 9, epoch, 77, "of what was never sent");
    }
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 1);
    desk_close(&desk);
}

Test(peer_robust_payload, a_receipt_of_the_first_of_two_leaves_the_second_open)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    uint16_t epoch = desk.peer->as.robust.epoch;
    desk_send_text(&desk, "one");
    desk_send_text(&desk, "two");
    desk_run(&desk, 100 * WR_MS);
    desk_hear_framed(&desk, 1, 0, 9, epoch, 0, "");
    cr_expect_eq(desk.peer->as.robust.unconfirmed_since_ns, 100 * WR_MS);
    desk_hear_framed(&desk, 2, 0, 9, epoch, 0, "");
    desk_hear_framed(&desk, 3, 0, 9, epoch, 1, "");
    cr_expect_eq(desk.peer->as.robust.unconfirmed_since_ns, WR_NEVER);
    desk_close(&desk);
}

Test(peer_robust_payload, a_silent_relay_is_not_fruitless_traffic)
{
    struct desk desk;
    desk_open_bound(&desk, desk_robust());
    for (uint64_t ms = 0; ms <= 6000; ms += 500) {
        desk_run(&desk, ms * WR_MS);
        desk_send_text(&desk, "x");
    }
    cr_expect_eq(wr_peer_counters(desk.peer)->fruitless, 0);
    cr_expect_eq(wr_peer_counters(desk.peer)->silences, 1);
    desk_close(&desk);
}

/* ---- What it does not listen to -------------------------------------------------------------- */

Test(peer_robust_payload, strangers_other_sessions_and_wrong_types_are_ignored)
{
    struct desk desk;
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    struct wr_session_id session = {{1}};
    struct wr_address stranger = desk_address(66, 6);
    desk_open_started(&desk, desk_robust());
    desk_ack(&desk, DESK_EXPIRES, false, 0xc1);
    desk_give_lease(&desk, 900, DESK_EXPIRES);
    uint32_t size =
        wr_wire_encode_ack(out, sizeof out, &desk.session, DESK_EXPIRES, 1, 1, false, NULL);
    desk_hear(&desk, &stranger, out, size);
    size = wr_wire_encode_ack(out, sizeof out, &session, DESK_EXPIRES, 1, 1, false, NULL);
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

Test(peer_robust_payload, says_what_an_experiment_tells_it_to)
{
    struct desk desk;
    uint8_t token[WR_DATAGRAM_BYTES_MAX] = {'o'};
    desk_open_started(&desk, desk_robust());
    wr_peer_say_present(desk.peer, 0, token, 3);
    wr_peer_say_renew(desk.peer, 0, token, 3);
    cr_expect_eq(desk.sent_count, 0, "nobody to say it to");
    struct wr_address none = wr_peer_relay(desk.peer);
    cr_expect_eq(none.port, 0);
    desk_close(&desk);

    desk_open_bound(&desk, desk_robust());
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

Test(peer_robust_payload, nobody_has_to_listen)
{
    struct desk desk;
    struct wr_peer_environment deaf;
    desk_open_bound(&desk, desk_robust());
    deaf = *desk.peer->environment;
    deaf.event = NULL;
    deaf.delivered = NULL;
    desk.peer->environment = &deaf;
    desk_hear_framed(&desk, 1, 1, 9, 0, 0, "x");
    cr_expect_eq(wr_peer_counters(desk.peer)->payloads_delivered, 1);
    desk_close(&desk);
}

Test(peer_robust_payload, everything_has_a_name)
{
    cr_expect_str_eq(wr_peer_state_name(WR_PEER_GAVE_UP), "gave_up");
    cr_expect_str_eq(wr_peer_want_name(WR_PEER_WANT_RESTART), "restart");
    cr_expect_str_eq(wr_peer_end_name(WR_PEER_END_RUINED), "ruined");
    cr_expect_str_eq(wr_peer_event_name(WR_PEER_EVENT_GAVE_UP), "gave_up");
}

/* A window of 1024 against the plain truth. */
Test(peer_robust_payload, the_window_agrees_with_a_naive_one)
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
