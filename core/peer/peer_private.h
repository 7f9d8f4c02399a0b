/*
 * What both behaviours share: the configuration, the environment, the counters, and the one place
 * that emits a datagram. robust.h and upstream.h hold what differs.
 */
#ifndef WR_PEER_PRIVATE_H
#define WR_PEER_PRIVATE_H

#include "robust.h"
#include "upstream.h"
#include "wire.h"

#include <wavry/peer.h>

struct wr_peer {
    struct wr_peer_config config;
    const struct wr_peer_environment *environment;
    void *context;
    struct wr_peer_counters counters;
    enum wr_peer_state state;
    struct wr_address relay; /* in use */
    bool has_relay;
    struct wr_address lease_relay; /* where the lease at hand is good */
    uint32_t token_bytes;          /* 0: no lease */
    uint64_t lease_expires_unix_ms;
    wr_instant lease_obtained_ns;
    wr_instant lease_ends_ns; /* by the issuer's clock: obtained + lifetime */
    union {
        struct wr_robust robust;
        struct wr_upstream upstream;
    } as;
    struct wr_upstream_sent *history; /* upstream host: WR_UPSTREAM_HISTORY by id modulo */
    uint8_t token[];                  /* config.token_bytes_max */
};

/* Sends `size` bytes (0: the encoder refused, nothing is sent) and counts them. */
void wr_peer_emit(struct wr_peer *peer, const struct wr_address *to, const uint8_t *bytes,
                  uint32_t size);

/* Tells the environment. `event.kind` is set by the caller. */
void wr_peer_tell(struct wr_peer *peer, const struct wr_peer_event *event);

/* Silent for good. */
void wr_peer_give_up(struct wr_peer *peer, enum wr_peer_end end);

/* Asks the environment for a lease and counts it. */
void wr_peer_want_lease(struct wr_peer *peer, enum wr_peer_want want,
                        const struct wr_address *avoid);

/* Hands a body up. */
void wr_peer_deliver(struct wr_peer *peer, uint64_t sequence, const uint8_t *body,
                     uint32_t body_bytes);

/* `span_ns` times 3/4 to 5/4, by the entropy callback. */
uint64_t wr_peer_jittered(struct wr_peer *peer, uint64_t span_ns);

#endif
