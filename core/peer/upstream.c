#include "address.h"
#include "cursor.h"
#include "peer_private.h"

#include <string.h>

/*
 * Timers. message 1: every 2 s, six times. stuck: message 3 and Hello went out once; whoever has no
 * HelloAck 6 s later never gets one, and that has a name. ping 500 ms, statistics 1 s, and a
 * latency report 1/60 s after the last one as long as frames come.
 */
#define MESSAGE_1_NS (2 * WR_S)
#define STUCK_NS     (6 * WR_S)
#define PING_NS      (500 * WR_MS)
#define STATS_NS     (1 * WR_S)
#define REPORT_NS    (WR_S / 60)
#define TICK_NS      (2 * WR_MS) /* the client's ids advance once a tick, sent or not */

/* The byte behind the RIFT header. */
enum kind {
    KIND_NONE,
    KIND_HELLO,
    KIND_HELLO_ACK,
    KIND_PING,
    KIND_PONG,
    KIND_STATS,
    KIND_REPORT,
    KIND_NACK,
    KIND_MEDIA,
};

#define OVERHEAD_BYTES  (WR_WIRE_HEADER_BYTES + WR_RIFT_TRANSPORT_BYTES + 1)
#define NACK_BODY_BYTES 24 /* the top, and two words of bits below it */
#define ALIAS           1

static bool is_client(const struct wr_peer *peer)
{
    return peer->config.role == WR_ROLE_CLIENT;
}

/* Recognisable bytes: the message's number, repeated. */
static void fill(uint8_t *out, uint32_t bytes, uint8_t value)
{
    memset(out, value, bytes);
}

/* ---- The handshake --------------------------------------------------------------------------- */

static void send_bare(struct wr_peer *peer, const uint8_t *bytes, uint32_t size)
{
    peer->counters.bare_sent++;
    wr_peer_emit(peer, &peer->relay, bytes, size);
}

static void send_handshake_message(struct wr_peer *peer, uint8_t number, uint32_t size)
{
    static const uint8_t no_session[16];
    uint8_t out[WR_UPSTREAM_MESSAGE_2_BYTES];
    wr_rift_encode_handshake(out, no_session, 0);
    fill(out + WR_RIFT_HANDSHAKE_BYTES, size - WR_RIFT_HANDSHAKE_BYTES, number);
    send_bare(peer, out, size);
}

static void send_message_1(struct wr_peer *peer, wr_instant now)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    send_handshake_message(peer, 1, WR_UPSTREAM_MESSAGE_1_BYTES);
    upstream->message_1_sent++;
    upstream->next_message_1_ns = wr_after(now, MESSAGE_1_NS);
}

static void send_message_3(struct wr_peer *peer)
{
    uint8_t out[WR_UPSTREAM_MESSAGE_3_BYTES];
    wr_rift_encode_transport(out, ALIAS, 0);
    fill(out + WR_RIFT_TRANSPORT_BYTES, sizeof out - WR_RIFT_TRANSPORT_BYTES, 3);
    send_bare(peer, out, sizeof out);
}

/* ---- Wrapped packets ------------------------------------------------------------------------- */

static void send_wrapped(struct wr_peer *peer, uint64_t id, enum kind kind, const uint8_t *body,
                         uint32_t body_bytes)
{
    uint8_t rift[WR_DATAGRAM_BYTES_MAX];
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    wr_rift_encode_transport(rift, ALIAS, id);
    rift[WR_RIFT_TRANSPORT_BYTES] = (uint8_t)kind;
    if (body_bytes > 0)
        memcpy(rift + WR_RIFT_TRANSPORT_BYTES + 1, body, body_bytes);
    uint32_t size = wr_wire_encode_forward(out, sizeof out, &peer->config.session, 0, rift,
                                           WR_RIFT_TRANSPORT_BYTES + 1 + body_bytes);
    peer->counters.forwards_sent++;
    wr_peer_emit(peer, &peer->relay, out, size);
}

/* The host counts its packets; the client's ids also advance with every tick of its loop, about 500
 * a second even when nothing is sent (section 11). Hello is 1 on either side. */
static uint64_t next_id(struct wr_peer *peer, wr_instant now)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    uint64_t ticks = is_client(peer) ? wr_elapsed(upstream->started_ns, now) / TICK_NS : 0;
    return ++upstream->sent + ticks;
}

static uint64_t send_new(struct wr_peer *peer, wr_instant now, enum kind kind, const uint8_t *body,
                         uint32_t body_bytes)
{
    uint64_t id = next_id(peer, now);
    if (peer->history != NULL)
        peer->history[id % WR_UPSTREAM_HISTORY] = (struct wr_upstream_sent){
            .id = id, .kind = (uint8_t)kind, .body_bytes = (uint16_t)body_bytes};
    send_wrapped(peer, id, kind, body, body_bytes);
    return id;
}

/* A packet whose body says nothing: so many bytes in all, filled with its kind. */
static void send_filled(struct wr_peer *peer, wr_instant now, enum kind kind,
                        uint32_t datagram_bytes)
{
    uint8_t body[WR_DATAGRAM_BYTES_MAX];
    fill(body, datagram_bytes - OVERHEAD_BYTES, (uint8_t)kind);
    send_new(peer, now, kind, body, datagram_bytes - OVERHEAD_BYTES);
}

static void streaming(struct wr_peer *peer, wr_instant now)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_ESTABLISHED};
    upstream->step = WR_UPSTREAM_STREAMING;
    upstream->stuck_ns = WR_NEVER;
    if (is_client(peer)) {
        upstream->ping_ns = wr_after(now, PING_NS);
        upstream->stats_ns = wr_after(now, STATS_NS);
    }
    peer->state = WR_PEER_BOUND;
    wr_peer_tell(peer, &event);
}

/* ---- Beginning ------------------------------------------------------------------------------- */

void wr_upstream_start(struct wr_peer *peer, wr_instant now, enum wr_peer_want reason)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    memset(upstream, 0, sizeof *upstream);
    if (peer->history != NULL)
        memset(peer->history, 0, WR_UPSTREAM_HISTORY * sizeof *peer->history);
    upstream->next_message_1_ns = WR_NEVER;
    upstream->stuck_ns = WR_NEVER;
    upstream->ping_ns = WR_NEVER;
    upstream->stats_ns = WR_NEVER;
    upstream->report_ns = WR_NEVER;
    peer->state = WR_PEER_WANTS_LEASE;
    if (peer->token_bytes > 0)
        wr_upstream_lease(peer, now);
    else
        wr_peer_want_lease(peer, reason, NULL);
}

/* One PRESENT, with role 0 whoever sends it, and what follows awaits no ACK. Once begun, another
 * lease is of no interest: this peer never renews. */
void wr_upstream_lease(struct wr_peer *peer, wr_instant now)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_PRESENTED, .attempt = 1};
    if (peer->state != WR_PEER_WANTS_LEASE)
        return;
    peer->relay = peer->lease_relay;
    peer->has_relay = true;
    peer->state = WR_PEER_PRESENTING;
    wr_peer_say_present(peer, now, peer->token, peer->token_bytes);
    wr_peer_tell(peer, &event);
    upstream->started_ns = now;
    if (!peer->config.handshake) {
        streaming(peer, now);
    } else if (is_client(peer)) {
        upstream->step = WR_UPSTREAM_AWAIT_MESSAGE_2;
        send_message_1(peer, now);
    } else {
        upstream->step = WR_UPSTREAM_AWAIT_MESSAGE_1;
    }
}

void wr_upstream_lease_refused(struct wr_peer *peer, wr_instant now, bool final)
{
    (void)now;
    (void) final; /* it asks once and tells its user */
    if (peer->state == WR_PEER_WANTS_LEASE)
        wr_peer_give_up(peer, WR_PEER_END_NO_LEASE);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* Only a bare message 2 with session 0 from exactly the address it sent to counts. */
static void client_hears_bare(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                              enum wr_bare bare, uint32_t size)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    if (upstream->step != WR_UPSTREAM_AWAIT_MESSAGE_2 || bare != WR_BARE_HANDSHAKE ||
        size != WR_UPSTREAM_MESSAGE_2_BYTES || !wr_address_equal(from, &peer->relay)) {
        peer->counters.ignored_received++;
        return;
    }
    peer->counters.bare_received++;
    upstream->step = WR_UPSTREAM_AWAIT_HELLO_ACK;
    upstream->next_message_1_ns = WR_NEVER;
    upstream->stuck_ns = wr_after(now, STUCK_NS);
    upstream->started_ns = now; /* ids are counted from here: Hello is 1 */
    send_message_3(peer);
    send_filled(peer, now, KIND_HELLO, WR_UPSTREAM_HELLO_BYTES);
}

/* The host answers message 1, again with the same bytes if it is repeated, and takes whatever comes
 * then as message 3. */
static void host_hears(struct wr_peer *peer, enum wr_bare bare, uint32_t size)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    if (bare == WR_BARE_HANDSHAKE && size == WR_UPSTREAM_MESSAGE_1_BYTES) {
        peer->counters.bare_received++;
        upstream->step = WR_UPSTREAM_AWAIT_MESSAGE_3;
        send_handshake_message(peer, 2, WR_UPSTREAM_MESSAGE_2_BYTES);
        return;
    }
    if (upstream->step == WR_UPSTREAM_AWAIT_MESSAGE_1) {
        peer->counters.ignored_received++;
        return;
    }
    if (bare == WR_BARE_TRANSPORT && size == WR_UPSTREAM_MESSAGE_3_BYTES) {
        peer->counters.bare_received++;
        upstream->step = WR_UPSTREAM_AWAIT_HELLO;
        return;
    }
    wr_peer_give_up(peer, WR_PEER_END_RUINED);
}

static void answer_nack(struct wr_peer *peer, const uint8_t *body, uint32_t body_bytes)
{
    uint8_t again[WR_DATAGRAM_BYTES_MAX];
    uint32_t repeats = 0;
    if (peer->history == NULL || body_bytes != NACK_BODY_BYTES)
        return;
    uint64_t top = wr_load_u64(body);
    for (uint64_t i = 0; i < WR_UPSTREAM_NACK_SPAN && repeats < WR_UPSTREAM_REPEATS_MAX; i++) {
        uint64_t id = top - i; /* ids are asked for from the latest to the oldest */
        const struct wr_upstream_sent *sent = &peer->history[id % WR_UPSTREAM_HISTORY];
        if ((wr_load_u64(body + 8 + 8 * (i / 64)) >> (i % 64) & 1) == 0 || sent->id != id ||
            sent->kind == KIND_NONE)
            continue;
        if (sent->kind != KIND_MEDIA)
            fill(again, sent->body_bytes, sent->kind);
        else if (peer->environment->recall == NULL ||
                 !peer->environment->recall(peer->context, id, again, sent->body_bytes))
            continue;
        peer->counters.repeats_sent++;
        send_wrapped(peer, id, (enum kind)sent->kind, again, sent->body_bytes);
        repeats++;
    }
}

/* Each missing id is asked for once. Only the client asks: what it sends itself has gaps by nature.
 */
static void ask_for_missing(struct wr_peer *peer, wr_instant now)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    uint64_t bits[2];
    uint8_t body[NACK_BODY_BYTES];
    if (!is_client(peer) || !wr_upstream_missing(upstream, bits))
        return;
    wr_store_u64(body, upstream->top);
    wr_store_u64(body + 8, bits[0]);
    wr_store_u64(body + 16, bits[1]);
    peer->counters.nacks_sent++;
    send_new(peer, now, KIND_NACK, body, sizeof body);
}

static void hear_media(struct wr_peer *peer, wr_instant now, uint64_t id, const uint8_t *body,
                       uint32_t body_bytes)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    if (is_client(peer)) {
        upstream->frames_since_report = true;
        if (upstream->report_ns == WR_NEVER)
            upstream->report_ns = wr_after(now, REPORT_NS);
    }
    wr_peer_deliver(peer, id, body, body_bytes);
}

static void hear_kind(struct wr_peer *peer, wr_instant now, uint64_t id, uint8_t kind,
                      const uint8_t *body, uint32_t body_bytes)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    switch (kind) {
    case KIND_HELLO:
        if (upstream->step == WR_UPSTREAM_AWAIT_HELLO) {
            send_filled(peer, now, KIND_HELLO_ACK, WR_UPSTREAM_HELLO_BYTES);
            streaming(peer, now);
        }
        break;
    case KIND_HELLO_ACK:
        if (upstream->step == WR_UPSTREAM_AWAIT_HELLO_ACK)
            streaming(peer, now);
        break;
    case KIND_PING:
        if (upstream->step == WR_UPSTREAM_STREAMING)
            send_filled(peer, now, KIND_PONG, WR_UPSTREAM_PING_BYTES);
        break;
    case KIND_NACK:
        answer_nack(peer, body, body_bytes);
        break;
    case KIND_MEDIA:
        if (upstream->step == WR_UPSTREAM_STREAMING)
            hear_media(peer, now, id, body, body_bytes);
        break;
    default:
        break; /* pongs, statistics, reports, and whatever another make sends */
    }
}

/* After the handshake neither source address nor session id is checked (section 11). */
static void hear_wrapped(struct wr_peer *peer, wr_instant now, const struct wr_packet *packet)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    const uint8_t *body = packet->payload + WR_RIFT_TRANSPORT_BYTES;
    if (!packet->is_rift || packet->rift.handshake ||
        packet->payload_bytes <= WR_RIFT_TRANSPORT_BYTES ||
        (upstream->step != WR_UPSTREAM_STREAMING && upstream->step != WR_UPSTREAM_AWAIT_HELLO &&
         upstream->step != WR_UPSTREAM_AWAIT_HELLO_ACK)) {
        peer->counters.ignored_received++;
        return;
    }
    peer->counters.forwards_received++;
    if (!wr_upstream_take_id(upstream, packet->sequence)) {
        peer->counters.duplicates_received++;
        return;
    }
    hear_kind(peer, now, packet->sequence, body[0], body + 1,
              packet->payload_bytes - WR_RIFT_TRANSPORT_BYTES - 1);
    if (upstream->step == WR_UPSTREAM_STREAMING)
        ask_for_missing(peer, now);
}

/* ACKs and rejects are seen by nobody: during the handshake they are discarded, later ignored. They
 * are counted, so that a report can say what the relay had answered. */
static void hear_control(struct wr_peer *peer, const struct wr_packet *packet)
{
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_ACKED};
    if (packet->type == WR_PACKET_LEASE_ACK) {
        event.expires_unix_ms = packet->expires_unix_ms;
        event.soft_kbps = packet->soft_limit_kbps;
        event.hard_kbps = packet->hard_limit_kbps;
        event.draining = packet->draining;
        peer->counters.acks_received++;
    } else {
        event.kind = WR_PEER_EVENT_REJECTED;
        event.reason = packet->reason;
        peer->counters.rejects_received++;
        peer->counters.rejects[packet->reason < WR_PEER_REASONS ? packet->reason : 0]++;
    }
    event.with_cookie = packet->has_cookie;
    wr_peer_tell(peer, &event);
}

static bool host_in_handshake(const struct wr_peer *peer)
{
    enum wr_upstream_step step = peer->as.upstream.step;
    return step == WR_UPSTREAM_AWAIT_MESSAGE_1 || step == WR_UPSTREAM_AWAIT_MESSAGE_3;
}

void wr_upstream_receive(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                         const uint8_t *bytes, uint32_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    enum wr_bare bare = wr_rift_bare(bytes, size);
    bool wrapped = bare == WR_BARE_NONE && wr_wire_decode(bytes, size, &packet, &failure);

    if (wrapped && (packet.type == WR_PACKET_LEASE_ACK || packet.type == WR_PACKET_LEASE_REJECT))
        hear_control(peer, &packet);
    else if (host_in_handshake(peer))
        host_hears(peer, bare, size);
    else if (bare != WR_BARE_NONE && is_client(peer))
        client_hears_bare(peer, now, from, bare, size);
    else if (wrapped && packet.type == WR_PACKET_FORWARD)
        hear_wrapped(peer, now, &packet);
    else
        peer->counters.ignored_received++;
}

/* ---- Payload and time ------------------------------------------------------------------------ */

uint64_t wr_upstream_send(struct wr_peer *peer, wr_instant now, const uint8_t *body,
                          uint32_t body_bytes)
{
    return send_new(peer, now, KIND_MEDIA, body, body_bytes);
}

static wr_instant earlier(wr_instant a, wr_instant b)
{
    return a < b ? a : b;
}

wr_instant wr_upstream_next_deadline(const struct wr_peer *peer)
{
    const struct wr_upstream *upstream = &peer->as.upstream;
    wr_instant due = earlier(upstream->next_message_1_ns, upstream->stuck_ns);
    due = earlier(due, earlier(upstream->ping_ns, upstream->stats_ns));
    return earlier(due, upstream->report_ns);
}

static void report(struct wr_peer *peer, wr_instant now)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    upstream->report_ns = WR_NEVER;
    if (!upstream->frames_since_report)
        return;
    upstream->frames_since_report = false;
    upstream->report_ns = wr_after(now, REPORT_NS);
    peer->counters.reports_sent++;
    send_filled(peer, now, KIND_REPORT, WR_UPSTREAM_REPORT_BYTES);
}

void wr_upstream_on_deadline(struct wr_peer *peer, wr_instant now)
{
    struct wr_upstream *upstream = &peer->as.upstream;
    if (upstream->stuck_ns <= now) {
        wr_peer_give_up(peer, WR_PEER_END_HELLO_UNANSWERED);
        return;
    }
    if (upstream->next_message_1_ns <= now) {
        if (upstream->message_1_sent == WR_UPSTREAM_MESSAGE_1_TIMES) {
            wr_peer_give_up(peer, WR_PEER_END_HANDSHAKE_TIMEOUT);
            return;
        }
        send_message_1(peer, now);
    }
    if (upstream->ping_ns <= now) {
        upstream->ping_ns = wr_after(now, PING_NS);
        peer->counters.pings_sent++;
        send_filled(peer, now, KIND_PING, WR_UPSTREAM_PING_BYTES);
    }
    if (upstream->stats_ns <= now) {
        upstream->stats_ns = wr_after(now, STATS_NS);
        peer->counters.reports_sent++;
        send_filled(peer, now, KIND_STATS, WR_UPSTREAM_STATS_BYTES);
    }
    if (upstream->report_ns <= now)
        report(peer, now);
}
