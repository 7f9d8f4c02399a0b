/*
 * A desk for one peer: it records what the peer sends, asks and tells, and lets a test answer by
 * hand as the relay would. No network, no time but the test's.
 */
#ifndef PEER_DESK_H
#define PEER_DESK_H

#include "address.h"
#include "peer_private.h"

#define DESK_SENT_MAX   512
#define DESK_EVENTS_MAX 256

struct desk_sent {
    struct wr_address to;
    uint32_t size;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

struct desk {
    struct wr_peer *peer;
    struct wr_address relay;
    struct wr_session_id session;
    struct wr_peer_config config;
    wr_instant now;
    uint8_t dice; /* what entropy gives; 0x80 is no jitter at all */

    struct desk_sent sent[DESK_SENT_MAX];
    uint32_t sent_count;
    enum wr_peer_want wants[64];
    bool avoids[64];
    uint32_t want_count;
    struct wr_peer_event events[DESK_EVENTS_MAX];
    uint32_t event_count;
    struct wr_peer_delivery deliveries[64]; /* the bodies are gone */
    uint8_t last_body[WR_DATAGRAM_BYTES_MAX];
    uint32_t delivery_count;
    bool forgets; /* recall says no */
};

/* A peer with `config` (its session is filled in) at instant 0, not started. */
void desk_open(struct desk *desk, struct wr_peer_config config);
void desk_close(struct desk *desk);

struct wr_address desk_address(uint8_t last_byte, uint16_t port);

/* A lease of `token_bytes` bytes 't' at the desk's relay, good for `lifetime_s`, which expires at
 * `expires_ms`. */
void desk_give_lease(struct desk *desk, uint64_t lifetime_s, uint64_t expires_ms);
void desk_give_lease_at(struct desk *desk, struct wr_address relay, uint64_t lifetime_s,
                        uint64_t expires_ms);

/* The relay speaks. `cookie` fills 16 bytes, 0 for none. */
void desk_ack(struct desk *desk, uint64_t expires_ms, bool draining, uint8_t cookie);
void desk_reject(struct desk *desk, enum wr_reject_reason reason, uint8_t cookie);
void desk_hear(struct desk *desk, const struct wr_address *from, const uint8_t *bytes,
               uint32_t size);

/* Acts on every deadline up to and including `until`, each at its own time. */
void desk_run(struct desk *desk, wr_instant until);
/* Time passes and nobody looks: one late look at `until`. */
void desk_sleep(struct desk *desk, wr_instant until);

/* The `back`-th last datagram sent (0: the last), decoded; fails the test where it is not one. */
struct wr_packet desk_packet(const struct desk *desk, uint32_t back);
/* How many datagrams of this type were sent since `mark` (a sent_count). */
uint32_t desk_count(const struct desk *desk, uint32_t mark, enum wr_packet_type type);
uint32_t desk_events(const struct desk *desk, enum wr_peer_event_kind kind);
bool desk_wanted(const struct desk *desk, enum wr_peer_want want);

/* ---- A robust peer's desk ---------------------------------------------------------------------
 */

#define DESK_EXPIRES UINT64_C(1795000900000)

struct wr_peer_config desk_robust(void);
/* Started at instant 0. */
void desk_open_started(struct desk *desk, struct wr_peer_config config);
/* Bound at instant 0 with a lease of 900 s and cookie 0xc1, the path proven. */
void desk_open_bound(struct desk *desk, struct wr_peer_config config);

/* A FORWARD of another robust peer, and one of another make. */
void desk_hear_framed(struct desk *desk, uint64_t sequence, uint16_t flags, uint16_t epoch,
                      uint16_t receipt_epoch, uint64_t receipt, const char *body);
void desk_hear_foreign(struct desk *desk, uint64_t sequence, const char *body);

/* Payload from here; returns its sequence. */
uint64_t desk_send_text(struct desk *desk, const char *text);

#endif
