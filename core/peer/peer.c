#include "peer_private.h"

#include "address.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *wr_peer_state_name(enum wr_peer_state state)
{
    static const char *const names[] = {"idle",  "wants_lease", "presenting",
                                        "bound", "left",        "gave_up"};
    return names[state];
}

const char *wr_peer_want_name(enum wr_peer_want want)
{
    static const char *const names[] = {"first",     "renewal",     "after_reject", "unreachable",
                                        "fruitless", "other_relay", "restart"};
    return names[want];
}

const char *wr_peer_end_name(enum wr_peer_end end)
{
    static const char *const names[] = {"banned", "no_lease", "handshake_timeout",
                                        "hello_unanswered", "ruined"};
    return names[end];
}

const char *wr_peer_event_name(enum wr_peer_event_kind kind)
{
    static const char *const names[] = {"presented",   "acked", "rejected", "proven", "silence",
                                        "established", "moved", "released", "gave_up"};
    return names[kind];
}

/* ---- Set-up ---------------------------------------------------------------------------------- */

void wr_peer_config_default(struct wr_peer_config *config)
{
    memset(config, 0, sizeof *config);
    config->behaviour = WR_PEER_ROBUST;
    config->form = WR_PEER_OPAQUE;
    config->role = WR_ROLE_CLIENT;
    config->token_bytes_max = WR_PEER_TOKEN_BYTES_DEFAULT;
    config->sign_of_life_ns = 400 * WR_MS;
    config->renew_at_permille = 500;
    config->echoes_cookies = true;
    config->retransmits = true;
    config->handshake = true;
}

static bool config_usable(const struct wr_peer_config *config)
{
    return !wr_session_id_is_nil(&config->session) && config->token_bytes_max >= 1 &&
           config->token_bytes_max <= WR_PEER_TOKEN_BYTES_MAX && config->renew_at_permille >= 1 &&
           config->renew_at_permille <= 1000;
}

static bool keeps_history(const struct wr_peer_config *config)
{
    return config->behaviour == WR_PEER_UPSTREAM && config->role == WR_ROLE_SERVER;
}

static size_t history_bytes(const struct wr_peer_config *config)
{
    return keeps_history(config) ? WR_UPSTREAM_HISTORY * sizeof(struct wr_upstream_sent) : 0;
}

size_t wr_peer_memory_bytes(const struct wr_peer_config *config)
{
    return sizeof(struct wr_peer) + config->token_bytes_max + history_bytes(config);
}

struct wr_peer *wr_peer_create(const struct wr_peer_config *config,
                               const struct wr_peer_environment *environment, void *context)
{
    if (!config_usable(config))
        return NULL;
    struct wr_peer *peer = calloc(1, sizeof *peer + config->token_bytes_max);
    if (peer == NULL)
        return NULL;
    peer->config = *config;
    peer->environment = environment;
    peer->context = context;
    if (keeps_history(config)) {
        peer->history = calloc(1, history_bytes(config));
        if (peer->history == NULL) {
            free(peer);
            return NULL;
        }
    }
    return peer;
}

void wr_peer_destroy(struct wr_peer *peer)
{
    if (peer == NULL)
        return;
    free(peer->history);
    free(peer);
}

/* ---- What both behaviours do through -------------------------------------------------------- */

void wr_peer_emit(struct wr_peer *peer, const struct wr_address *to, const uint8_t *bytes,
                  uint32_t size)
{
    assert(size > 0);
    peer->counters.bytes_sent += size;
    peer->environment->send(peer->context, to, bytes, size);
}

void wr_peer_tell(struct wr_peer *peer, const struct wr_peer_event *event)
{
    if (peer->environment->event != NULL)
        peer->environment->event(peer->context, event);
}

void wr_peer_give_up(struct wr_peer *peer, enum wr_peer_end end)
{
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_GAVE_UP, .end = end};
    peer->state = WR_PEER_GAVE_UP;
    wr_peer_tell(peer, &event);
}

void wr_peer_want_lease(struct wr_peer *peer, enum wr_peer_want want,
                        const struct wr_address *avoid)
{
    peer->counters.leases_wanted++;
    peer->environment->lease_wanted(peer->context, want, avoid);
}

void wr_peer_deliver(struct wr_peer *peer, uint64_t sequence, const uint8_t *body,
                     uint32_t body_bytes)
{
    struct wr_peer_delivery delivery = {
        .sequence = sequence, .body = body, .body_bytes = body_bytes};
    peer->counters.payloads_delivered++;
    if (peer->environment->delivered != NULL)
        peer->environment->delivered(peer->context, &delivery);
}

uint64_t wr_peer_jittered(struct wr_peer *peer, uint64_t span_ns)
{
    uint8_t dice[2];
    peer->environment->entropy(peer->context, dice, sizeof dice);
    return span_ns - span_ns / 4 + ((span_ns / 2) * ((unsigned)dice[0] << 8 | dice[1]) >> 16);
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static bool is_robust(const struct wr_peer *peer)
{
    return peer->config.behaviour == WR_PEER_ROBUST;
}

static bool is_over(const struct wr_peer *peer)
{
    return peer->state == WR_PEER_LEFT || peer->state == WR_PEER_GAVE_UP;
}

static void begin(struct wr_peer *peer, wr_instant now, enum wr_peer_want want)
{
    if (is_robust(peer))
        wr_robust_start(peer, now, want);
    else
        wr_upstream_start(peer, now, want);
}

void wr_peer_start(struct wr_peer *peer, wr_instant now)
{
    if (peer->state == WR_PEER_IDLE)
        begin(peer, now, WR_PEER_WANT_FIRST);
}

void wr_peer_restart(struct wr_peer *peer, wr_instant now)
{
    peer->has_relay = false;
    peer->token_bytes = 0;
    begin(peer, now, WR_PEER_WANT_RESTART);
}

bool wr_peer_lease(struct wr_peer *peer, wr_instant now, const struct wr_peer_lease *lease)
{
    if (lease->token_bytes == 0 || lease->token_bytes > peer->config.token_bytes_max)
        return false;
    if (is_over(peer))
        return true;
    memcpy(peer->token, lease->token, lease->token_bytes);
    peer->token_bytes = lease->token_bytes;
    peer->lease_relay = lease->relay;
    peer->lease_expires_unix_ms = lease->expires_unix_ms;
    peer->lease_obtained_ns = now;
    peer->lease_ends_ns = wr_after(now, lease->lifetime_ns);
    if (peer->state == WR_PEER_IDLE)
        return true;
    if (is_robust(peer))
        wr_robust_lease(peer, now);
    else
        wr_upstream_lease(peer, now);
    return true;
}

void wr_peer_lease_refused(struct wr_peer *peer, wr_instant now, bool final)
{
    if (is_over(peer) || peer->state == WR_PEER_IDLE)
        return;
    if (is_robust(peer))
        wr_robust_lease_refused(peer, now, final);
    else
        wr_upstream_lease_refused(peer, now, final);
}

void wr_peer_receive(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                     const uint8_t *bytes, uint32_t size)
{
    peer->counters.bytes_received += size;
    if (is_over(peer) || !peer->has_relay)
        peer->counters.ignored_received++;
    else if (is_robust(peer))
        wr_robust_receive(peer, now, from, bytes, size);
    else
        wr_upstream_receive(peer, now, from, bytes, size);
}

bool wr_peer_send(struct wr_peer *peer, wr_instant now, const uint8_t *body, uint32_t body_bytes,
                  uint64_t *sequence)
{
    if (peer->state != WR_PEER_BOUND ||
        body_bytes > WR_DATAGRAM_BYTES_MAX - wr_peer_overhead_bytes(peer)) {
        peer->counters.sends_refused++;
        return false;
    }
    peer->counters.payloads_sent++;
    *sequence = is_robust(peer) ? wr_robust_send(peer, now, body, body_bytes)
                                : wr_upstream_send(peer, now, body, body_bytes);
    return true;
}

void wr_peer_say_present(struct wr_peer *peer, wr_instant now, const uint8_t *token,
                         uint32_t token_bytes)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    enum wr_role role = is_robust(peer) ? peer->config.role : WR_ROLE_CLIENT;
    if (!peer->has_relay || is_over(peer))
        return;
    uint32_t size = wr_wire_encode_present(out, sizeof out, &peer->config.session, role, token,
                                           token_bytes, wr_peer_cookie(peer));
    if (size == 0)
        return;
    peer->counters.presents_sent++;
    wr_peer_emit(peer, &peer->relay, out, size);
    if (is_robust(peer))
        wr_robust_spoke(peer, now);
}

void wr_peer_say_renew(struct wr_peer *peer, wr_instant now, const uint8_t *token,
                       uint32_t token_bytes)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    if (!peer->has_relay || is_over(peer))
        return;
    uint32_t size = wr_wire_encode_renew(out, sizeof out, &peer->config.session, peer->config.role,
                                         token, token_bytes, wr_peer_cookie(peer));
    if (size == 0)
        return;
    if (token == NULL)
        peer->counters.renews_sent++;
    else
        peer->counters.token_renews_sent++;
    wr_peer_emit(peer, &peer->relay, out, size);
    if (is_robust(peer))
        wr_robust_spoke(peer, now);
}

void wr_peer_leave(struct wr_peer *peer, wr_instant now)
{
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_RELEASED};
    (void)now;
    if (is_over(peer))
        return;
    if (is_robust(peer) && peer->has_relay)
        wr_robust_say_release(peer);
    peer->state = WR_PEER_LEFT;
    wr_peer_tell(peer, &event);
}

wr_instant wr_peer_next_deadline(const struct wr_peer *peer)
{
    if (is_over(peer) || peer->state == WR_PEER_IDLE)
        return WR_NEVER;
    return is_robust(peer) ? wr_robust_next_deadline(peer) : wr_upstream_next_deadline(peer);
}

void wr_peer_on_deadline(struct wr_peer *peer, wr_instant now)
{
    if (wr_peer_next_deadline(peer) > now)
        return;
    if (is_robust(peer))
        wr_robust_on_deadline(peer, now);
    else
        wr_upstream_on_deadline(peer, now);
}

/* ---- Reading --------------------------------------------------------------------------------- */

const struct wr_peer_counters *wr_peer_counters(const struct wr_peer *peer)
{
    return &peer->counters;
}

enum wr_peer_state wr_peer_state(const struct wr_peer *peer)
{
    return peer->state;
}

enum wr_peer_path wr_peer_path(const struct wr_peer *peer)
{
    return peer->state == WR_PEER_BOUND ? WR_PEER_PATH_RELAY : WR_PEER_PATH_NONE;
}

struct wr_address wr_peer_relay(const struct wr_peer *peer)
{
    static const struct wr_address none;
    return peer->has_relay ? peer->relay : none;
}

uint32_t wr_peer_overhead_bytes(const struct wr_peer *peer)
{
    if (!is_robust(peer))
        return WR_WIRE_HEADER_BYTES + WR_RIFT_TRANSPORT_BYTES + 1;
    return WR_WIRE_HEADER_BYTES + WR_ROBUST_FRAME_BYTES +
           (peer->config.form == WR_PEER_RIFT ? (uint32_t)WR_RIFT_TRANSPORT_BYTES : 8u);
}

const uint8_t *wr_peer_cookie(const struct wr_peer *peer)
{
    return is_robust(peer) && peer->as.robust.has_cookie ? peer->as.robust.cookie : NULL;
}
