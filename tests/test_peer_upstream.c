#include <criterion/criterion.h>

#include "cursor.h"
#include "peer_desk.h"

#include <string.h>

#define EXPIRES UINT64_C(1795000900000)

static struct wr_peer_config upstream(enum wr_role role)
{
    struct wr_peer_config config;
    wr_peer_config_default(&config);
    config.behaviour = WR_PEER_UPSTREAM;
    config.role = role;
    return config;
}

static void open_presented(struct desk *desk, enum wr_role role)
{
    desk_open(desk, upstream(role));
    wr_peer_start(desk->peer, 0);
    desk_give_lease(desk, 900, EXPIRES);
}

static const struct desk_sent *last_sent(const struct desk *desk)
{
    return &desk->sent[desk->sent_count - 1];
}

/* A bare handshake packet of `size` bytes, as message 1 or 2. */
static void hear_handshake(struct desk *desk, const struct wr_address *from, uint32_t size)
{
    static const uint8_t no_session[16];
    uint8_t out[256] = {0};
    wr_rift_encode_handshake(out, no_session, 0);
    desk_hear(desk, from, out, size);
}

static void hear_message_3(struct desk *desk, uint32_t size)
{
    uint8_t out[256] = {0};
    wr_rift_encode_transport(out, 1, 0);
    desk_hear(desk, &desk->relay, out, size);
}

/* A wrapped packet: the byte behind the RIFT header is its kind. */
enum { HELLO = 1, HELLO_ACK, PING, PONG, STATS, REPORT, NACK, MEDIA };

static void hear_wrapped(struct desk *desk, uint64_t id, uint8_t kind, const uint8_t *body,
                         uint32_t body_bytes)
{
    uint8_t rift[WR_DATAGRAM_BYTES_MAX];
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    wr_rift_encode_transport(rift, 1, id);
    rift[WR_RIFT_TRANSPORT_BYTES] = kind;
    if (body_bytes > 0)
        memcpy(rift + WR_RIFT_TRANSPORT_BYTES + 1, body, body_bytes);
    uint32_t size = wr_wire_encode_forward(out, sizeof out, &desk->session, 0, rift,
                                           WR_RIFT_TRANSPORT_BYTES + 1 + body_bytes);
    desk_hear(desk, &desk->relay, out, size);
}

static uint8_t kind_of(const struct desk_sent *sent)
{
    return sent->bytes[WR_WIRE_HEADER_BYTES + WR_RIFT_TRANSPORT_BYTES];
}

static uint32_t count_kind(const struct desk *desk, uint32_t mark, uint8_t kind)
{
    uint32_t count = 0;
    for (uint32_t i = mark; i < desk->sent_count; i++)
        count += desk->sent[i].bytes[0] == WR_WIRE_MAGIC &&
                 desk->sent[i].bytes[2] == WR_PACKET_FORWARD && kind_of(&desk->sent[i]) == kind;
    return count;
}

static void open_client_streaming(struct desk *desk)
{
    open_presented(desk, WR_ROLE_CLIENT);
    hear_handshake(desk, &desk->relay, WR_UPSTREAM_MESSAGE_2_BYTES);
    hear_wrapped(desk, 1, HELLO_ACK, NULL, 0);
    cr_assert_eq(wr_peer_state(desk->peer), WR_PEER_BOUND);
}

static void open_host_streaming(struct desk *desk)
{
    open_presented(desk, WR_ROLE_SERVER);
    hear_handshake(desk, &desk->relay, WR_UPSTREAM_MESSAGE_1_BYTES);
    hear_message_3(desk, WR_UPSTREAM_MESSAGE_3_BYTES);
    hear_wrapped(desk, 1, HELLO, NULL, 0);
    cr_assert_eq(wr_peer_state(desk->peer), WR_PEER_BOUND);
}

static uint64_t send_bytes(struct desk *desk, uint32_t bytes)
{
    static const uint8_t body[WR_DATAGRAM_BYTES_MAX];
    uint64_t sequence = 0;
    cr_assert(wr_peer_send(desk->peer, desk->now, body, bytes, &sequence));
    return sequence;
}

/* ---- The handshake --------------------------------------------------------------------------- */

Test(peer_upstream, presents_once_with_role_0_and_sends_message_1_right_behind_it)
{
    struct desk desk;
    open_presented(&desk, WR_ROLE_CLIENT);
    cr_expect_eq(desk.wants[0], WR_PEER_WANT_FIRST);
    cr_assert_eq(desk.sent_count, 2);
    cr_expect_eq(desk_packet(&desk, 1).type, WR_PACKET_LEASE_PRESENT);
    cr_expect_eq(last_sent(&desk)->size, 62);
    cr_expect_eq(wr_rift_bare(last_sent(&desk)->bytes, 62), WR_BARE_HANDSHAKE);
    desk_close(&desk);
}

Test(peer_upstream, the_host_presents_role_0_as_well)
{
    struct desk desk;
    open_presented(&desk, WR_ROLE_SERVER);
    cr_assert_eq(desk.sent_count, 1);
    cr_expect_eq(desk_packet(&desk, 0).role, WR_ROLE_CLIENT);
    cr_expect_eq(wr_peer_next_deadline(desk.peer), WR_NEVER);
    desk_close(&desk);
}

Test(peer_upstream, message_1_goes_six_times_2_s_apart)
{
    struct desk desk;
    open_presented(&desk, WR_ROLE_CLIENT);
    for (uint32_t n = 1; n < 6; n++) {
        desk_run(&desk, n * 2 * WR_S - 1);
        cr_expect_eq(desk.sent_count, n + 1);
        desk_run(&desk, n * 2 * WR_S);
        cr_expect_eq(desk.sent_count, n + 2);
    }
    desk_run(&desk, 12 * WR_S);
    cr_expect_eq(desk.sent_count, 7);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_GAVE_UP);
    cr_expect_eq(desk.events[desk.event_count - 1].end, WR_PEER_END_HANDSHAKE_TIMEOUT);
    cr_expect_eq(desk_count(&desk, 0, WR_PACKET_LEASE_PRESENT), 1);
    desk_close(&desk);
}

Test(peer_upstream, message_2_is_answered_by_message_3_and_hello_at_once_and_once)
{
    struct desk desk;
    open_presented(&desk, WR_ROLE_CLIENT);
    hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_2_BYTES);
    cr_assert_eq(desk.sent_count, 4);
    cr_expect_eq(desk.sent[2].size, 82);
    cr_expect_eq(wr_rift_bare(desk.sent[2].bytes, 82), WR_BARE_TRANSPORT);
    cr_expect_eq(desk.sent[3].size, 77);
    struct wr_packet hello = desk_packet(&desk, 0);
    cr_expect_eq(hello.rift.alias, 1);
    cr_expect_eq(hello.sequence, 1);
    hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_2_BYTES);
    desk_run(&desk, 30 * WR_S);
    cr_expect_eq(desk.sent_count, 4, "never repeated");
    cr_expect_eq(desk.events[desk.event_count - 1].end, WR_PEER_END_HELLO_UNANSWERED);
    desk_close(&desk);
}

Test(peer_upstream, only_message_2_from_the_address_it_sent_to_counts)
{
    struct desk desk;
    struct wr_address other_port = desk_address(1, 4001);
    open_presented(&desk, WR_ROLE_CLIENT);
    hear_handshake(&desk, &other_port, WR_UPSTREAM_MESSAGE_2_BYTES);
    hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_2_BYTES - 1);
    hear_message_3(&desk, WR_UPSTREAM_MESSAGE_3_BYTES);
    hear_wrapped(&desk, 1, HELLO_ACK, NULL, 0);
    cr_expect_eq(desk.sent_count, 2);
    cr_expect_eq(wr_peer_counters(desk.peer)->ignored_received, 4);
    desk_close(&desk);
}

Test(peer_upstream, answers_of_the_relay_are_discarded_unseen)
{
    struct desk desk;
    open_presented(&desk, WR_ROLE_CLIENT);
    desk_ack(&desk, EXPIRES, true, 0xc1);
    desk_reject(&desk, WR_REJECT_BANNED, 0);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_PRESENTING);
    cr_expect_eq(desk.sent_count, 2);
    cr_expect_null(wr_peer_cookie(desk.peer));
    cr_expect_eq(wr_peer_counters(desk.peer)->rejects[5], 1);
    desk_close(&desk);
    open_presented(&desk, WR_ROLE_SERVER);
    hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_1_BYTES);
    desk_ack(&desk, EXPIRES, false, 0xc1);
    hear_message_3(&desk, WR_UPSTREAM_MESSAGE_3_BYTES);
    cr_expect_eq(desk.peer->as.upstream.step, WR_UPSTREAM_AWAIT_HELLO);
    desk_close(&desk);
}

Test(peer_upstream, the_host_resends_the_very_same_message_2)
{
    struct desk desk;
    open_presented(&desk, WR_ROLE_SERVER);
    hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_1_BYTES);
    hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_1_BYTES);
    cr_assert_eq(desk.sent_count, 3);
    cr_expect_eq(desk.sent[1].size, 126);
    cr_expect_eq(memcmp(desk.sent[1].bytes, desk.sent[2].bytes, 126), 0);
    desk_close(&desk);
}

Test(peer_upstream, whatever_comes_third_is_message_3_or_the_hosts_ruin)
{
    for (int kind = 0; kind < 3; kind++) {
        struct desk desk;
        open_presented(&desk, WR_ROLE_SERVER);
        hear_wrapped(&desk, 1, HELLO, NULL, 0);
        cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_PRESENTING, "nothing has begun yet");
        hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_1_BYTES);
        if (kind == 0)
            hear_wrapped(&desk, 1, HELLO, NULL, 0);
        else if (kind == 1)
            hear_message_3(&desk, WR_UPSTREAM_MESSAGE_3_BYTES - 1);
        else
            hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_1_BYTES + 1);
        cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_GAVE_UP);
        cr_expect_eq(desk.events[desk.event_count - 1].end, WR_PEER_END_RUINED);
        desk_close(&desk);
    }
}

Test(peer_upstream, the_host_answers_hello_once)
{
    struct desk desk;
    open_host_streaming(&desk);
    cr_expect_eq(count_kind(&desk, 0, HELLO_ACK), 1);
    cr_expect_eq(last_sent(&desk)->size, 77);
    cr_expect_eq(desk_packet(&desk, 0).sequence, 1);
    hear_wrapped(&desk, 2, HELLO, NULL, 0);
    cr_expect_eq(count_kind(&desk, 0, HELLO_ACK), 1);
    cr_expect_eq(desk_events(&desk, WR_PEER_EVENT_ESTABLISHED), 1);
    desk_close(&desk);
}

Test(peer_upstream, before_hello_the_host_hears_nothing_else)
{
    struct desk desk;
    open_presented(&desk, WR_ROLE_SERVER);
    hear_handshake(&desk, &desk.relay, WR_UPSTREAM_MESSAGE_1_BYTES);
    hear_message_3(&desk, WR_UPSTREAM_MESSAGE_3_BYTES);
    hear_wrapped(&desk, 5, MEDIA, NULL, 0);
    hear_wrapped(&desk, 6, PING, NULL, 0);
    hear_wrapped(&desk, 7, HELLO_ACK, NULL, 0);
    cr_expect_eq(desk.delivery_count, 0);
    cr_expect_eq(desk.sent_count, 2);
    desk_close(&desk);
}

Test(peer_upstream, without_a_handshake_it_streams_as_soon_as_it_has_presented)
{
    struct desk desk;
    struct wr_peer_config config = upstream(WR_ROLE_CLIENT);
    config.handshake = false;
    desk_open(&desk, config);
    desk_give_lease(&desk, 900, EXPIRES);
    wr_peer_start(desk.peer, 0);
    cr_expect_eq(desk.sent_count, 1);
    cr_expect_eq(send_bytes(&desk, 10), 1);
    desk_close(&desk);
}

/* ---- Streaming ------------------------------------------------------------------------------- */

Test(peer_upstream, pings_every_500_ms_and_reports_statistics_every_second)
{
    struct desk desk;
    open_client_streaming(&desk);
    uint32_t mark = desk.sent_count;
    desk_run(&desk, 10 * WR_S);
    cr_expect_eq(count_kind(&desk, mark, PING), 20);
    cr_expect_eq(count_kind(&desk, mark, STATS), 10);
    cr_expect_eq(count_kind(&desk, mark, REPORT), 0, "no frames, no latency");
    desk_close(&desk);
}

Test(peer_upstream, reports_latency_60_times_a_second_while_frames_come)
{
    struct desk desk;
    open_client_streaming(&desk);
    uint32_t mark = desk.sent_count;
    for (uint64_t id = 2; id <= 121; id++) {
        desk_run(&desk, (id - 2) * (WR_S / 120));
        hear_wrapped(&desk, id, MEDIA, NULL, 0);
    }
    desk_run(&desk, 5 * WR_S);
    cr_expect_geq(count_kind(&desk, mark, REPORT), 58);
    cr_expect_leq(count_kind(&desk, mark, REPORT), 62);
    desk_close(&desk);
}

Test(peer_upstream, ids_of_the_client_advance_though_nothing_is_sent)
{
    struct desk desk;
    open_client_streaming(&desk);
    cr_expect_eq(send_bytes(&desk, 1), 2);
    desk.now = 1 * WR_S;
    cr_expect_eq(send_bytes(&desk, 1), 503);
    desk_close(&desk);
    open_host_streaming(&desk);
    cr_expect_eq(send_bytes(&desk, 1), 2);
    desk.now = 1 * WR_S;
    cr_expect_eq(send_bytes(&desk, 1), 3, "the host counts its packets");
    desk_close(&desk);
}

Test(peer_upstream, the_host_answers_pings)
{
    struct desk desk;
    open_host_streaming(&desk);
    hear_wrapped(&desk, 2, PING, NULL, 0);
    cr_expect_eq(kind_of(last_sent(&desk)), PONG);
    hear_wrapped(&desk, 3, STATS, NULL, 0);
    hear_wrapped(&desk, 4, 99, NULL, 0);
    cr_expect_eq(count_kind(&desk, 0, PONG), 1);
    desk_close(&desk);
}

Test(peer_upstream, video_of_1271_bytes_fits)
{
    struct desk desk;
    open_host_streaming(&desk);
    send_bytes(&desk, 1271 - wr_peer_overhead_bytes(desk.peer));
    cr_expect_eq(last_sent(&desk)->size, 1271);
    desk_close(&desk);
}

Test(peer_upstream, each_missing_id_is_asked_for_once)
{
    struct desk desk;
    open_client_streaming(&desk);
    hear_wrapped(&desk, 2, MEDIA, NULL, 0);
    uint32_t mark = desk.sent_count;
    hear_wrapped(&desk, 5, MEDIA, NULL, 0);
    cr_assert_eq(count_kind(&desk, mark, NACK), 1);
    const uint8_t *body = last_sent(&desk)->bytes + 39;
    cr_expect_eq(wr_load_u64(body), 5);
    cr_expect_eq(wr_load_u64(body + 8), 0x6, "ids 4 and 3");
    hear_wrapped(&desk, 6, MEDIA, NULL, 0);
    hear_wrapped(&desk, 3, MEDIA, NULL, 0);
    hear_wrapped(&desk, 3, MEDIA, NULL, 0);
    cr_expect_eq(count_kind(&desk, mark, NACK), 1);
    cr_expect_eq(desk.delivery_count, 4);
    cr_expect_eq(wr_peer_counters(desk.peer)->duplicates_received, 1);
    hear_wrapped(&desk, 300, MEDIA, NULL, 0);
    body = last_sent(&desk)->bytes + 39;
    cr_expect_eq(wr_load_u64(body), 300);
    cr_expect_eq(wr_load_u64(body + 8), UINT64_MAX - 1, "the last 128 only");
    cr_expect_eq(wr_load_u64(body + 16), UINT64_MAX);
    desk_close(&desk);
}

Test(peer_upstream, missing_ids_agree_with_a_naive_account)
{
    static bool seen[4096], asked[4096];
    struct wr_upstream ids = {0};
    uint64_t top = 0;
    uint32_t dice = 5;
    cr_assert(wr_upstream_take_id(&ids, 0));
    seen[0] = true;
    for (int step = 0; step < 1500; step++) {
        dice = dice * 1664525u + 1013904223u;
        uint64_t id = (uint64_t)step + (dice >> 16) % 150;
        bool fresh = id > top || (top - id < 128 && !seen[id]);
        cr_assert_eq(wr_upstream_take_id(&ids, id), fresh);
        seen[id] = seen[id] || fresh;
        top = id > top ? id : top;
        uint64_t bits[2];
        wr_upstream_missing(&ids, bits);
        for (uint64_t i = 0; i < 128 && i <= top; i++) {
            bool missing = !seen[top - i] && !asked[top - i];
            cr_assert_eq(bits[i / 64] >> (i % 64) & 1, missing, "step %d id %u", step,
                         (unsigned)(top - i));
            asked[top - i] = asked[top - i] || missing;
        }
    }
}

Test(peer_upstream, a_jump_of_any_width_keeps_the_account)
{
    for (uint64_t by = 1; by <= 200; by++) {
        struct wr_upstream ids = {0};
        uint64_t bits[2];
        wr_upstream_take_id(&ids, 1000);
        cr_expect_not(wr_upstream_missing(&ids, bits));
        cr_expect(wr_upstream_take_id(&ids, 1000 + by));
        cr_expect_eq(wr_upstream_missing(&ids, bits), by > 1);
        for (uint64_t i = 0; i < 128; i++)
            cr_expect_eq(bits[i / 64] >> (i % 64) & 1, i > 0 && i < by, "by %u, %u", (unsigned)by,
                         (unsigned)i);
        cr_expect_eq(wr_upstream_take_id(&ids, 1000), false, "seen, or too far behind");
    }
}

static void hear_nack(struct desk *desk, uint64_t id, uint64_t top, uint64_t low, uint64_t high)
{
    uint8_t body[24];
    wr_store_u64(body, top);
    wr_store_u64(body + 8, low);
    wr_store_u64(body + 16, high);
    hear_wrapped(desk, id, NACK, body, sizeof body);
}

Test(peer_upstream, the_host_repeats_identical_bytes_16_at_most)
{
    struct desk desk;
    open_host_streaming(&desk);
    for (uint64_t i = 0; i < 40; i++) {
        uint8_t body[20];
        uint64_t sequence;
        memset(body, (int)(i + 2), sizeof body);
        cr_assert(wr_peer_send(desk.peer, 0, body, sizeof body, &sequence));
        cr_assert_eq(sequence, i + 2);
    }
    struct desk_sent original = *last_sent(&desk);
    uint32_t mark = desk.sent_count;
    hear_nack(&desk, 2, 41, 1, 0);
    cr_assert_eq(desk.sent_count, mark + 1);
    cr_expect_eq(last_sent(&desk)->size, original.size);
    cr_expect_eq(memcmp(last_sent(&desk)->bytes, original.bytes, original.size), 0);
    mark = desk.sent_count;
    hear_nack(&desk, 3, 41, UINT64_MAX, 0);
    cr_expect_eq(desk.sent_count, mark + 16);
    cr_expect_eq(wr_peer_counters(desk.peer)->repeats_sent, 17);
    mark = desk.sent_count;
    hear_nack(&desk, 4, 1, 1, 0);
    cr_assert_eq(desk.sent_count, mark + 1, "HelloAck can be repeated too");
    cr_expect_eq(kind_of(last_sent(&desk)), HELLO_ACK);
    desk_close(&desk);
}

Test(peer_upstream, what_left_the_history_is_not_repeated)
{
    struct desk desk;
    open_host_streaming(&desk);
    for (uint64_t i = 0; i < 512; i++) {
        desk.sent_count = 0;
        send_bytes(&desk, 4);
    }
    uint32_t mark = desk.sent_count;
    hear_nack(&desk, 2, 1, 1, 0);
    cr_expect_eq(desk.sent_count, mark, "513 packets ago");
    hear_nack(&desk, 3, 600, 1, 0);
    cr_expect_eq(desk.sent_count, mark, "never sent");
    hear_nack(&desk, 4, 2, 1, 0);
    cr_expect_eq(desk.sent_count, mark + 1);
    desk.forgets = true;
    hear_nack(&desk, 5, 3, 1, 0);
    cr_expect_eq(desk.sent_count, mark + 1, "the application has forgotten");
    hear_wrapped(&desk, 6, NACK, (const uint8_t *)"short", 5);
    cr_expect_eq(desk.sent_count, mark + 1);
    struct wr_peer_environment deaf = *desk.peer->environment;
    deaf.recall = NULL;
    desk.peer->environment = &deaf;
    hear_nack(&desk, 7, 4, 1, 0);
    cr_expect_eq(desk.sent_count, mark + 1);
    desk_close(&desk);
}

Test(peer_upstream, a_client_has_nothing_to_repeat)
{
    struct desk desk;
    open_client_streaming(&desk);
    uint32_t mark = desk.sent_count;
    hear_nack(&desk, 2, 1, 1, 0);
    cr_expect_eq(desk.sent_count, mark);
    desk_close(&desk);
}

Test(peer_upstream, after_the_handshake_neither_source_nor_session_is_checked)
{
    struct desk desk;
    struct wr_address stranger = desk_address(66, 6);
    open_client_streaming(&desk);
    desk.relay = stranger;
    memset(desk.session.bytes, 0x77, sizeof desk.session.bytes);
    hear_wrapped(&desk, 2, MEDIA, (const uint8_t *)"x", 1);
    cr_expect_eq(desk.delivery_count, 1);
    desk_close(&desk);
}

Test(peer_upstream, what_is_no_wrapped_transport_packet_is_ignored)
{
    struct desk desk;
    uint8_t rift[64] = {0};
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    static const uint8_t no_session[16];
    open_client_streaming(&desk);
    uint32_t size = wr_wire_encode_sequence(out, sizeof out, &desk.session, 9, rift, 8);
    desk_hear(&desk, &desk.relay, out, size);
    wr_rift_encode_handshake(rift, no_session, 7);
    size = wr_wire_encode_forward(out, sizeof out, &desk.session, 0, rift, 40);
    desk_hear(&desk, &desk.relay, out, size);
    wr_rift_encode_transport(rift, 1, 9);
    size = wr_wire_encode_forward(out, sizeof out, &desk.session, 0, rift, 18);
    desk_hear(&desk, &desk.relay, out, size);
    size = wr_wire_encode_renew(out, sizeof out, &desk.session, WR_ROLE_CLIENT, NULL, 0, NULL);
    desk_hear(&desk, &desk.relay, out, size);
    desk_hear(&desk, &desk.relay, out, 2);
    cr_expect_eq(wr_peer_counters(desk.peer)->ignored_received, 5);
    desk_close(&desk);
}

/* ---- Its lease ------------------------------------------------------------------------------- */

Test(peer_upstream, never_renews)
{
    struct desk desk;
    open_client_streaming(&desk);
    for (uint64_t s = 1; s <= 1000; s++) {
        desk.sent_count = 2;
        desk_run(&desk, s * WR_S);
    }
    cr_expect_eq(desk.want_count, 1);
    desk_give_lease(&desk, 900, EXPIRES);
    cr_expect_eq(desk_count(&desk, 2, WR_PACKET_LEASE_PRESENT), 0, "nor with a lease unasked for");
    cr_expect_eq(wr_peer_counters(desk.peer)->presents_sent, 1);
    desk_close(&desk);
}

Test(peer_upstream, refused_a_lease_it_gives_up)
{
    struct desk desk;
    desk_open(&desk, upstream(WR_ROLE_CLIENT));
    wr_peer_start(desk.peer, 0);
    wr_peer_lease_refused(desk.peer, 0, false);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_GAVE_UP);
    desk_close(&desk);
    open_presented(&desk, WR_ROLE_CLIENT);
    wr_peer_lease_refused(desk.peer, 0, true);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_PRESENTING);
    desk_close(&desk);
}

Test(peer_upstream, restarted_it_begins_from_the_beginning)
{
    struct desk desk;
    open_host_streaming(&desk);
    send_bytes(&desk, 10);
    wr_peer_restart(desk.peer, 1);
    cr_expect(desk_wanted(&desk, WR_PEER_WANT_RESTART));
    cr_expect_eq(desk.peer->history[2].kind, 0);
    hear_wrapped(&desk, 9, MEDIA, NULL, 0);
    desk_give_lease(&desk, 900, EXPIRES);
    cr_expect_eq(desk.peer->as.upstream.step, WR_UPSTREAM_AWAIT_MESSAGE_1);
    wr_peer_leave(desk.peer, 2);
    cr_expect_eq(wr_peer_state(desk.peer), WR_PEER_LEFT);
    desk_close(&desk);
}

Test(peer_upstream, only_a_host_pays_for_a_history)
{
    struct wr_peer_config client = upstream(WR_ROLE_CLIENT);
    struct wr_peer_config host = upstream(WR_ROLE_SERVER);
    cr_expect_gt(wr_peer_memory_bytes(&host), wr_peer_memory_bytes(&client) + 512);
}
