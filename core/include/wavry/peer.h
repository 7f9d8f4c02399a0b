/*
 * The peer side of the protocol: one end of a session as a state machine that takes time as an
 * argument and emits datagrams through a callback. Two behaviours share this interface: `robust`
 * uses all of sections 3 and 6, `upstream` does what the client of 0.0.5 does (section 11). A peer
 * owns its token, cookie, sequences and timers; it declines to know sockets, clocks, the master
 * and what the payload means.
 *
 * All memory is taken in wr_peer_create. Nothing here is thread-safe: one peer belongs to one
 * thread. Section numbers in comments are those of docs/protocol.md.
 */
#ifndef WAVRY_PEER_H
#define WAVRY_PEER_H

#include <wavry/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct wr_peer;

enum wr_peer_behaviour { WR_PEER_ROBUST, WR_PEER_UPSTREAM };

/* How a robust peer wraps what it forwards: an 8-byte sequence and opaque bytes, or a RIFT packet
 * in transport form. An upstream peer always speaks RIFT. */
enum wr_peer_form { WR_PEER_OPAQUE, WR_PEER_RIFT };

/* The way that payload takes. Direct paths are chosen by a later stage: whatever finds one reports
 * it here, and the relay stays what the peer falls back to. */
enum wr_peer_path { WR_PEER_PATH_NONE, WR_PEER_PATH_RELAY };

enum wr_peer_state {
    WR_PEER_IDLE,        /* not started, or restarted and not started again */
    WR_PEER_WANTS_LEASE, /* asked the environment, no lease yet */
    WR_PEER_PRESENTING,  /* robust: presented, no ACK yet. upstream: the handshake runs */
    WR_PEER_BOUND,       /* robust: acknowledged, payload can be sent. upstream: HelloAck came */
    WR_PEER_LEFT,        /* released and silent */
    WR_PEER_GAVE_UP,     /* silent for good, see enum wr_peer_end */
};
const char *wr_peer_state_name(enum wr_peer_state state);

/* Why a lease is wanted. */
enum wr_peer_want {
    WR_PEER_WANT_FIRST,        /* started without one */
    WR_PEER_WANT_RENEWAL,      /* half of the lease's life is over */
    WR_PEER_WANT_AFTER_REJECT, /* the relay refused the one at hand */
    WR_PEER_WANT_UNREACHABLE,  /* the relay answers nothing */
    WR_PEER_WANT_FRUITLESS,    /* FORWARDs bring nothing back for 2 s in spite of cookies */
    WR_PEER_WANT_OTHER_RELAY,  /* the relay drains, is full or is the wrong one */
    WR_PEER_WANT_RESTART,      /* the peer has restarted */
};
const char *wr_peer_want_name(enum wr_peer_want want);

/* Why a peer is silent for good. */
enum wr_peer_end {
    WR_PEER_END_BANNED,            /* reject 5 */
    WR_PEER_END_NO_LEASE,          /* the environment refused one for good */
    WR_PEER_END_HANDSHAKE_TIMEOUT, /* upstream client: six times message 1, no message 2 */
    WR_PEER_END_HELLO_UNANSWERED,  /* upstream client: message 3, Hello or HelloAck was lost */
    WR_PEER_END_RUINED,            /* upstream host: its third packet was not message 3 */
};
const char *wr_peer_end_name(enum wr_peer_end end);

enum wr_peer_event_kind {
    WR_PEER_EVENT_PRESENTED, /* attempt: how many presentations without an ACK, this one included */
    WR_PEER_EVENT_ACKED,     /* expires_unix_ms, soft_kbps, hard_kbps, draining */
    WR_PEER_EVENT_REJECTED,  /* reason, with_cookie */
    WR_PEER_EVENT_PROVEN,    /* an ACK to a cookie echo: this path is bound now, or still is */
    WR_PEER_EVENT_SILENCE,   /* the relay has answered nothing for 1 s: presenting again */
    WR_PEER_EVENT_ESTABLISHED, /* the other peer was heard for the first time, end to end */
    WR_PEER_EVENT_MOVED,       /* another relay acknowledged; the old one was released */
    WR_PEER_EVENT_RELEASED,    /* left */
    WR_PEER_EVENT_GAVE_UP,     /* end */
};
const char *wr_peer_event_name(enum wr_peer_event_kind kind);

struct wr_peer_event {
    enum wr_peer_event_kind kind;
    enum wr_peer_end end;
    uint64_t expires_unix_ms;
    uint32_t soft_kbps;
    uint32_t hard_kbps;
    uint32_t attempt;
    uint16_t reason; /* section 1: 1..6 */
    bool draining;
    bool with_cookie;
};

/* What came from the other peer, each sequence once. `body` is borrowed for the call. */
struct wr_peer_delivery {
    uint64_t sequence;
    const uint8_t *body;
    uint32_t body_bytes;
};

/* Everything a peer asks of the world; one table may serve many peers. No function may call back
 * into the peer it was called from. `delivered`, `event` and `recall` may be NULL. */
struct wr_peer_environment {
    /* One datagram. `bytes` is borrowed for the call. */
    void (*send)(void *context, const struct wr_address *to, const uint8_t *bytes, uint32_t size);
    void (*entropy)(void *context, uint8_t *out, size_t bytes);
    /* Get a lease. Answered later by wr_peer_lease or wr_peer_lease_refused; while one is wanted
     * none is asked for again until 10 s have passed. `avoid` is the relay to be left, or NULL. */
    void (*lease_wanted)(void *context, enum wr_peer_want want, const struct wr_address *avoid);
    void (*delivered)(void *context, const struct wr_peer_delivery *delivery);
    void (*event)(void *context, const struct wr_peer_event *event);
    /* Upstream host: write again the `body_bytes` bytes that were sent under `sequence`, for an
     * identical repeat. False: no longer known, no repeat. */
    bool (*recall)(void *context, uint64_t sequence, uint8_t *body, uint32_t body_bytes);
};

#define WR_PEER_TOKEN_BYTES_MAX     1400 /* a PRESENT with cookie stays below 1500 bytes */
#define WR_PEER_TOKEN_BYTES_DEFAULT 1024

struct wr_peer_config {
    enum wr_peer_behaviour behaviour;
    enum wr_peer_form form; /* robust only */
    enum wr_role role;      /* client or server (host) */
    struct wr_session_id session;
    uint32_t token_bytes_max; /* 1..WR_PEER_TOKEN_BYTES_MAX */

    /* Robust. The defaults are those of section 11; the rest is for peers that lack a virtue. */
    uint64_t sign_of_life_ns;   /* at least every so often; 0: none but its traffic */
    uint32_t renew_at_permille; /* share of the lease's life, 1..1000; 1000: never renews */
    bool echoes_cookies;        /* false: as if it never saw one */
    bool retransmits;           /* PRESENT and RENEW with backoff */

    /* Upstream. False: no bare handshake, it counts as bound as soon as it has presented. */
    bool handshake;
};

/* Robust, opaque, client, WR_PEER_TOKEN_BYTES_DEFAULT, all virtues; the session is left nil and
 * required. */
void wr_peer_config_default(struct wr_peer_config *config);

/* NULL where memory is short or the configuration is out of range. `environment` is borrowed until
 * wr_peer_destroy, the configuration is copied. `context` goes to every callback. */
struct wr_peer *wr_peer_create(const struct wr_peer_config *config,
                               const struct wr_peer_environment *environment, void *context);
void wr_peer_destroy(struct wr_peer *peer);

/* Bytes that wr_peer_create takes. */
size_t wr_peer_memory_bytes(const struct wr_peer_config *config);

/* A lease as the master (or a gateway) hands it out. The token is copied. */
struct wr_peer_lease {
    struct wr_address relay;
    const uint8_t *token; /* PASETO text, not NUL-terminated */
    uint32_t token_bytes; /* 1..token_bytes_max */
    uint64_t lifetime_ns; /* from now to the signed expiry, by the issuer's clock */
    uint64_t expires_unix_ms;
};

/* ---- Inputs. `now` never goes back from call to call ----------------------------------------- */

/* Begins. Asks for a lease, or presents the one that was given before. */
void wr_peer_start(struct wr_peer *peer, wr_instant now);

/* The answer to `lease_wanted`, or an unasked newer lease. False where the token does not fit. */
bool wr_peer_lease(struct wr_peer *peer, wr_instant now, const struct wr_peer_lease *lease);

/* The other answer. `final`: give up where there is no lease to go on with; otherwise the peer asks
 * again after a backoff of 1 s doubling to 15 s. */
void wr_peer_lease_refused(struct wr_peer *peer, wr_instant now, bool final);

/* A datagram that arrived at this peer's socket. */
void wr_peer_receive(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                     const uint8_t *bytes, uint32_t size);

/* Payload for the other peer. True and its sequence where it was sent; false where nothing can be
 * sent in this state (counted as sends_refused) or it is longer than
 * WR_DATAGRAM_BYTES_MAX - wr_peer_overhead_bytes. */
bool wr_peer_send(struct wr_peer *peer, wr_instant now, const uint8_t *body, uint32_t body_bytes,
                  uint64_t *sequence);

/* Sends a PRESENT or RENEW with this token now (a RENEW without one, NULL, is bare), with the
 * cookie at hand where the peer echoes cookies. Changes nothing else: for experiments that want a
 * certain packet at a certain time. Nothing is sent where there is no relay yet. */
void wr_peer_say_present(struct wr_peer *peer, wr_instant now, const uint8_t *token,
                         uint32_t token_bytes);
void wr_peer_say_renew(struct wr_peer *peer, wr_instant now, const uint8_t *token,
                       uint32_t token_bytes);

/* Leaves: a robust peer releases its role (section 3, Release), an upstream peer just stops. */
void wr_peer_leave(struct wr_peer *peer, wr_instant now);

/* The process died and came back: everything is forgotten, sequences begin anew, and a new lease is
 * asked for (WR_PEER_WANT_RESTART). */
void wr_peer_restart(struct wr_peer *peer, wr_instant now);

/* The next instant at which wr_peer_on_deadline has work, WR_NEVER for none. After
 * wr_peer_on_deadline(now) it lies ahead of now. Acting late is allowed: a peer whose host paused
 * speaks first by FORWARD or cookie. */
wr_instant wr_peer_next_deadline(const struct wr_peer *peer);
void wr_peer_on_deadline(struct wr_peer *peer, wr_instant now);

/* ---- Reading --------------------------------------------------------------------------------- */

#define WR_PEER_COUNTERS(X)                                                                        \
    X(presents_sent)     /* LEASE_PRESENT */                                                       \
    X(renews_sent)       /* LEASE_RENEW without a token: cookie echoes, signs of life */           \
    X(token_renews_sent) /* LEASE_RENEW with a token */                                            \
    X(releases_sent)                                                                               \
    X(bare_sent)     /* handshake messages */                                                      \
    X(forwards_sent) /* all FORWARDs, repeats and keepalives included */                           \
    X(payloads_sent) /* those that wr_peer_send caused */                                          \
    X(repeats_sent)  /* answers to NACK */                                                         \
    X(nacks_sent)                                                                                  \
    X(pings_sent)                                                                                  \
    X(reports_sent) /* statistics and latency reports */                                           \
    X(sends_refused)                                                                               \
    X(bytes_sent) /* UDP payload bytes */                                                          \
    X(bytes_received)                                                                              \
    X(acks_received)                                                                               \
    X(rejects_received)                                                                            \
    X(bare_received)                                                                               \
    X(forwards_received)                                                                           \
    X(payloads_delivered)                                                                          \
    X(duplicates_received)                                                                         \
    X(ignored_received) /* wrong source, wrong session, malformed, or out of turn */               \
    X(leases_wanted)                                                                               \
    X(silences)  /* times the relay fell silent */                                                 \
    X(fruitless) /* times a newer token was needed to be heard at all */

#define WR_PEER_REASONS 7 /* reject reasons 1..6; index 0 counts unknown ones */

struct wr_peer_counters {
#define WR_PEER_FIELD_COUNTER(name) uint64_t name;
    WR_PEER_COUNTERS(WR_PEER_FIELD_COUNTER)
    uint64_t rejects[WR_PEER_REASONS];
};

const struct wr_peer_counters *wr_peer_counters(const struct wr_peer *peer);
enum wr_peer_state wr_peer_state(const struct wr_peer *peer);
enum wr_peer_path wr_peer_path(const struct wr_peer *peer);

/* The relay in use; all zero where there is none yet. */
struct wr_address wr_peer_relay(const struct wr_peer *peer);

/* What a datagram carries beside the body of wr_peer_send: header, sequence or RIFT header, and the
 * peer's own framing. A traffic profile that names datagram sizes subtracts it. */
uint32_t wr_peer_overhead_bytes(const struct wr_peer *peer);

/* Latest cookie, for tests and observers: NULL for none. */
const uint8_t *wr_peer_cookie(const struct wr_peer *peer);

#ifdef __cplusplus
}
#endif

#endif
