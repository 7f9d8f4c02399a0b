#include "address.h"
#include "cursor.h"
#include "peer_private.h"

#include <string.h>

#define MARK 0x5750

static void told(struct wr_peer *peer, enum wr_peer_event_kind kind, uint32_t attempt)
{
    struct wr_peer_event event = {.kind = kind, .attempt = attempt};
    wr_peer_tell(peer, &event);
}

void wr_robust_spoke(struct wr_peer *peer, wr_instant now)
{
    peer->as.robust.last_word_ns = now;
}

void wr_robust_say_token(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size;
    /* A cookie of the relay in use says nothing to another one. */
    bool same_relay = wr_address_equal(&peer->relay, &peer->lease_relay);
    const uint8_t *cookie = same_relay ? wr_peer_cookie(peer) : NULL;

    if (robust->token_in_renew) {
        size = wr_wire_encode_renew(out, sizeof out, &peer->config.session, peer->config.role,
                                    peer->token, peer->token_bytes, cookie);
        peer->counters.token_renews_sent++;
    } else {
        size = wr_wire_encode_present(out, sizeof out, &peer->config.session, peer->config.role,
                                      peer->token, peer->token_bytes, cookie);
        peer->counters.presents_sent++;
    }
    wr_peer_emit(peer, &peer->lease_relay, out, size);
    if (same_relay)
        robust->last_word_ns = now;
    robust->attempts++;
    told(peer, WR_PEER_EVENT_PRESENTED, robust->attempts);
}

void wr_robust_say_renew(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    const uint8_t *cookie = wr_peer_cookie(peer);
    uint32_t size = wr_wire_encode_renew(out, sizeof out, &peer->config.session, peer->config.role,
                                         NULL, 0, cookie);
    peer->counters.renews_sent++;
    wr_peer_emit(peer, &peer->relay, out, size);
    robust->last_renew_ns = now;
    if (robust->unanswered_since_ns == WR_NEVER)
        robust->unanswered_since_ns = now;
    if (cookie != NULL)
        robust->last_word_ns = now;
}

void wr_robust_say_release(struct wr_peer *peer)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    const uint8_t *cookie = wr_peer_cookie(peer);
    if (cookie == NULL)
        return;
    uint32_t size = wr_wire_encode_release(out, sizeof out, &peer->config.session, cookie);
    peer->counters.releases_sent++;
    wr_peer_emit(peer, &peer->relay, out, size);
}

uint64_t wr_robust_say_forward(struct wr_peer *peer, wr_instant now, uint16_t flags,
                               const uint8_t *body, uint32_t body_bytes)
{
    struct wr_robust *robust = &peer->as.robust;
    uint8_t payload[WR_DATAGRAM_BYTES_MAX];
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint64_t sequence = robust->next_sequence++;
    uint8_t *frame;

    if (peer->config.form == WR_PEER_RIFT) {
        wr_rift_encode_transport(payload, 1, sequence);
        frame = payload + WR_RIFT_TRANSPORT_BYTES;
    } else {
        wr_store_u64(payload, sequence);
        frame = payload + 8;
    }
    wr_store_u16(frame, MARK);
    wr_store_u16(frame + 2, flags);
    wr_store_u16(frame + 4, robust->epoch);
    wr_store_u16(frame + 6, robust->other_epoch);
    wr_store_u64(frame + 8, robust->receipt);
    if (body_bytes > 0)
        memcpy(frame + WR_ROBUST_FRAME_BYTES, body, body_bytes);

    uint32_t payload_bytes = (uint32_t)(frame - payload) + WR_ROBUST_FRAME_BYTES + body_bytes;
    uint32_t size =
        wr_wire_encode_forward(out, sizeof out, &peer->config.session, 0, payload, payload_bytes);
    peer->counters.forwards_sent++;
    wr_peer_emit(peer, &peer->relay, out, size);
    robust->last_word_ns = now;
    robust->receipt_owed_ns = WR_NEVER;
    if (robust->unheard_since_ns == WR_NEVER)
        robust->unheard_since_ns = now;
    return sequence;
}

void wr_robust_say_empty(struct wr_peer *peer, wr_instant now)
{
    wr_robust_say_forward(peer, now, 0, NULL, 0);
}

/* ---- Hearing a FORWARD ----------------------------------------------------------------------- */

static void window_clear(struct wr_robust_window *window)
{
    memset(window, 0, sizeof *window);
    window->empty = true;
}

bool wr_robust_window_take(struct wr_robust_window *window, uint64_t sequence)
{
    uint64_t slot = sequence % WR_ROBUST_WINDOW;
    uint64_t bit = UINT64_C(1) << (slot % 64);

    if (window->empty || sequence > window->top) {
        uint64_t start = window->empty ? sequence : window->top + 1;
        if (window->empty || sequence - window->top >= WR_ROBUST_WINDOW) {
            memset(window->seen, 0, sizeof window->seen);
            start = sequence;
        }
        for (uint64_t i = start; i < sequence; i++)
            window->seen[i % WR_ROBUST_WINDOW / 64] &=
                ~(UINT64_C(1) << (i % WR_ROBUST_WINDOW % 64));
        window->top = sequence;
        window->empty = false;
        window->seen[slot / 64] |= bit;
        return true;
    }
    if (window->top - sequence >= WR_ROBUST_WINDOW || (window->seen[slot / 64] & bit) != 0)
        return false;
    window->seen[slot / 64] |= bit;
    return true;
}

/* The relay guards against replays; this window only spares the application second copies. So a
 * sequence too far behind to tell is taken as a new beginning: the other peer restarted, or
 * somebody had moved the window ahead. */
static bool take_once(struct wr_peer *peer, uint64_t sequence)
{
    struct wr_robust_window *window = &peer->as.robust.window;
    if (!window->empty && sequence < window->top && window->top - sequence >= WR_ROBUST_WINDOW)
        window_clear(window);
    if (wr_robust_window_take(window, sequence))
        return true;
    peer->counters.duplicates_received++;
    return false;
}

/* Something that was forwarded came back as a receipt, or as any word of a peer of another make. */
static void progress(struct wr_robust *robust, wr_instant now, bool all_confirmed)
{
    robust->fruitless_span_ns = WR_ROBUST_FRUITLESS_NS;
    robust->unconfirmed_since_ns = all_confirmed ? WR_NEVER : now;
}

/* A receipt beyond what was sent, or of another epoch, belongs to an earlier life of this peer. */
static void hear_receipt(struct wr_robust *robust, wr_instant now, uint16_t epoch, uint64_t receipt)
{
    if (epoch != robust->epoch || receipt < robust->confirmed || receipt >= robust->next_sequence)
        return;
    robust->confirmed = receipt + 1;
    progress(robust, now, receipt >= robust->last_payload);
}

static void hear_foreign(struct wr_peer *peer, wr_instant now, uint64_t sequence,
                         const uint8_t *payload, uint32_t payload_bytes)
{
    struct wr_robust *robust = &peer->as.robust;
    if (!take_once(peer, sequence))
        return;
    progress(robust, now, true);
    wr_peer_deliver(peer, sequence, payload, payload_bytes);
}

static void hear_framed(struct wr_peer *peer, wr_instant now, uint64_t sequence,
                        const uint8_t *frame, uint32_t frame_bytes)
{
    struct wr_robust *robust = &peer->as.robust;
    uint16_t flags = wr_load_u16(frame + 2);
    uint16_t epoch = wr_load_u16(frame + 4);

    if (epoch != robust->other_epoch) {
        robust->other_epoch = epoch;
        window_clear(&robust->window);
    }
    if (!take_once(peer, sequence))
        return;
    robust->receipt = sequence;
    hear_receipt(robust, now, wr_load_u16(frame + 6), wr_load_u64(frame + 8));
    if ((flags & WR_ROBUST_PAYLOAD) == 0)
        return;
    if (robust->receipt_owed_ns == WR_NEVER && peer->config.sign_of_life_ns > 0)
        robust->receipt_owed_ns = wr_after(now, peer->config.sign_of_life_ns);
    wr_peer_deliver(peer, sequence, frame + WR_ROBUST_FRAME_BYTES,
                    frame_bytes - WR_ROBUST_FRAME_BYTES);
}

void wr_robust_hear_forward(struct wr_peer *peer, wr_instant now, uint64_t sequence,
                            const uint8_t *payload, uint32_t payload_bytes)
{
    struct wr_robust *robust = &peer->as.robust;
    peer->counters.forwards_received++;
    if (!robust->heard_other) {
        robust->heard_other = true;
        told(peer, WR_PEER_EVENT_ESTABLISHED, 0);
    }
    if (payload_bytes >= WR_ROBUST_FRAME_BYTES && wr_load_u16(payload) == MARK)
        hear_framed(peer, now, sequence, payload, payload_bytes);
    else
        hear_foreign(peer, now, sequence, payload, payload_bytes);
}
