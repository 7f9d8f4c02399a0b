#include "peer_desk.h"

#include "cursor.h"

#include <criterion/criterion.h>

#include <string.h>

static void on_send(void *context, const struct wr_address *to, const uint8_t *bytes, uint32_t size)
{
    struct desk *desk = context;
    cr_assert_lt(desk->sent_count, DESK_SENT_MAX);
    cr_assert_leq(size, WR_DATAGRAM_BYTES_MAX);
    struct desk_sent *sent = &desk->sent[desk->sent_count++];
    sent->to = *to;
    sent->size = size;
    memcpy(sent->bytes, bytes, size);
}

static void on_entropy(void *context, uint8_t *out, size_t bytes)
{
    memset(out, 0, bytes);
    if (bytes > 0)
        out[0] = ((struct desk *)context)->dice;
}

static void on_lease_wanted(void *context, enum wr_peer_want want, const struct wr_address *avoid)
{
    struct desk *desk = context;
    cr_assert_lt(desk->want_count, 64);
    desk->avoids[desk->want_count] = avoid != NULL;
    desk->wants[desk->want_count++] = want;
}

static void on_delivered(void *context, const struct wr_peer_delivery *delivery)
{
    struct desk *desk = context;
    memcpy(desk->last_body, delivery->body, delivery->body_bytes);
    desk->deliveries[desk->delivery_count++ % 64] = *delivery;
}

static void on_event(void *context, const struct wr_peer_event *event)
{
    struct desk *desk = context;
    cr_assert_lt(desk->event_count, DESK_EVENTS_MAX);
    desk->events[desk->event_count++] = *event;
}

static bool on_recall(void *context, uint64_t sequence, uint8_t *body, uint32_t body_bytes)
{
    memset(body, (int)(sequence & 0xff), body_bytes);
    return !((struct desk *)context)->forgets;
}

static const struct wr_peer_environment environment = {.send = on_send,
                                                       .entropy = on_entropy,
                                                       .lease_wanted = on_lease_wanted,
                                                       .delivered = on_delivered,
                                                       .event = on_event,
                                                       .recall = on_recall};

struct wr_address desk_address(uint8_t last_byte, uint16_t port)
{
    const uint8_t ip[4] = {198, 51, 100, last_byte};
    return wr_address_v4(ip, port);
}

void desk_open(struct desk *desk, struct wr_peer_config config)
{
    memset(desk, 0, sizeof *desk);
    desk->dice = 0x80;
    desk->relay = desk_address(1, 4000);
    memset(desk->session.bytes, 0xab, sizeof desk->session.bytes);
    config.session = desk->session;
    desk->config = config;
    desk->peer = wr_peer_create(&config, &environment, desk);
    cr_assert_not_null(desk->peer);
}

void desk_close(struct desk *desk)
{
    wr_peer_destroy(desk->peer);
}

void desk_give_lease_at(struct desk *desk, struct wr_address relay, uint64_t lifetime_s,
                        uint64_t expires_ms)
{
    static const uint8_t token[64] =
        "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt";
    struct wr_peer_lease lease = {.relay = relay,
                                  .token = token,
                                  .token_bytes = sizeof token,
                                  .lifetime_ns = lifetime_s * WR_S,
                                  .expires_unix_ms = expires_ms};
    cr_assert(wr_peer_lease(desk->peer, desk->now, &lease));
}

void desk_give_lease(struct desk *desk, uint64_t lifetime_s, uint64_t expires_ms)
{
    desk_give_lease_at(desk, desk->relay, lifetime_s, expires_ms);
}

void desk_hear(struct desk *desk, const struct wr_address *from, const uint8_t *bytes,
               uint32_t size)
{
    wr_peer_receive(desk->peer, desk->now, from, bytes, size);
}

void desk_ack(struct desk *desk, uint64_t expires_ms, bool draining, uint8_t cookie)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint8_t filled[WR_COOKIE_BYTES];
    memset(filled, cookie, sizeof filled);
    uint32_t size = wr_wire_encode_ack(out, sizeof out, &desk->session, expires_ms, 50000, 100000,
                                       draining, cookie == 0 ? NULL : filled);
    desk_hear(desk, &desk->relay, out, size);
}

void desk_reject(struct desk *desk, enum wr_reject_reason reason, uint8_t cookie)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint8_t filled[WR_COOKIE_BYTES];
    memset(filled, cookie, sizeof filled);
    uint32_t size =
        wr_wire_encode_reject(out, sizeof out, &desk->session, reason, cookie == 0 ? NULL : filled);
    desk_hear(desk, &desk->relay, out, size);
}

void desk_run(struct desk *desk, wr_instant until)
{
    while (wr_peer_next_deadline(desk->peer) <= until) {
        desk->now = wr_peer_next_deadline(desk->peer);
        wr_peer_on_deadline(desk->peer, desk->now);
        cr_assert_gt(wr_peer_next_deadline(desk->peer), desk->now, "the deadline stands still");
    }
    desk->now = until;
}

void desk_sleep(struct desk *desk, wr_instant until)
{
    desk->now = until;
    wr_peer_on_deadline(desk->peer, until);
    cr_assert_gt(wr_peer_next_deadline(desk->peer), until);
}

struct wr_packet desk_packet(const struct desk *desk, uint32_t back)
{
    struct wr_packet packet = {0};
    enum wr_outcome failure;
    cr_assert_lt(back, desk->sent_count);
    const struct desk_sent *sent = &desk->sent[desk->sent_count - 1 - back];
    cr_assert(wr_wire_decode(sent->bytes, sent->size, &packet, &failure));
    return packet;
}

uint32_t desk_count(const struct desk *desk, uint32_t mark, enum wr_packet_type type)
{
    uint32_t count = 0;
    for (uint32_t i = mark; i < desk->sent_count; i++)
        count += desk->sent[i].bytes[0] == WR_WIRE_MAGIC && desk->sent[i].bytes[2] == type;
    return count;
}

uint32_t desk_events(const struct desk *desk, enum wr_peer_event_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < desk->event_count; i++)
        count += desk->events[i].kind == kind;
    return count;
}

bool desk_wanted(const struct desk *desk, enum wr_peer_want want)
{
    for (uint32_t i = 0; i < desk->want_count; i++)
        if (desk->wants[i] == want)
            return true;
    return false;
}

/* ---- A robust peer's desk ---------------------------------------------------------------------
 */

struct wr_peer_config desk_robust(void)
{
    struct wr_peer_config config;
    wr_peer_config_default(&config);
    return config;
}

void desk_open_started(struct desk *desk, struct wr_peer_config config)
{
    desk_open(desk, config);
    wr_peer_start(desk->peer, 0);
}

void desk_open_bound(struct desk *desk, struct wr_peer_config config)
{
    desk_open_started(desk, config);
    desk_give_lease(desk, 900, DESK_EXPIRES);
    desk_ack(desk, DESK_EXPIRES, false, 0xc1);
    desk_ack(desk, DESK_EXPIRES, false, 0xc1);
    cr_assert_eq(wr_peer_state(desk->peer), WR_PEER_BOUND);
}

void desk_hear_framed(struct desk *desk, uint64_t sequence, uint16_t flags, uint16_t epoch,
                      uint16_t receipt_epoch, uint64_t receipt, const char *body)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint8_t opaque[WR_DATAGRAM_BYTES_MAX];
    wr_store_u16(opaque, 0x5750);
    wr_store_u16(opaque + 2, flags);
    wr_store_u16(opaque + 4, epoch);
    wr_store_u16(opaque + 6, receipt_epoch);
    wr_store_u64(opaque + 8, receipt);
    size_t body_bytes = 0;
    for (; body[body_bytes] != '\0'; body_bytes++)
        opaque[16 + body_bytes] = (uint8_t)body[body_bytes];
    uint32_t size = wr_wire_encode_sequence(out, sizeof out, &desk->session, sequence, opaque,
                                            16 + (uint32_t)body_bytes);
    desk_hear(desk, &desk->relay, out, size);
}

void desk_hear_foreign(struct desk *desk, uint64_t sequence, const char *body)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size = wr_wire_encode_sequence(out, sizeof out, &desk->session, sequence,
                                            (const uint8_t *)body, (uint32_t)strlen(body));
    desk_hear(desk, &desk->relay, out, size);
}

uint64_t desk_send_text(struct desk *desk, const char *text)
{
    uint64_t sequence = UINT64_MAX;
    cr_assert(wr_peer_send(desk->peer, desk->now, (const uint8_t *)text, (uint32_t)strlen(text),
                           &sequence));
    return sequence;
}
