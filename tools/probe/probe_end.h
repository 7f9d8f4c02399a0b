/*
 * One end of a session: the core's peer side on a UDP socket of its own, and what it was told. Owns
 * the socket and the peer; declines to know what a probe asks of them.
 */
#ifndef PROBE_END_H
#define PROBE_END_H

#include "probe_lease.h"

#include <wavry/peer.h>

struct probe_end {
    struct wr_peer *peer;
    int fd;
    enum wr_role role;
    struct wr_address relay;
    const struct probe_token *token;

    /* What the relay said. */
    bool acked, rejected, gave_up, established;
    uint16_t reject_reason; /* the latest */
    struct wr_peer_event ack;
    enum wr_peer_end why_gave_up;
    int send_errno;    /* of the latest send that failed, 0 for none */
    int network_errno; /* the latest ICMP error, 0 for none */
    uint64_t sent, received;
    uint64_t from_elsewhere; /* datagrams that did not come from the relay's address */
    struct wr_address elsewhere;

    /* What the other end said; one datagram delivers at most one body. `delivered` must not call
     * the peer, `taken` (after each datagram) may. */
    void (*delivered)(void *context, struct probe_end *end, const struct wr_peer_delivery *body);
    void (*taken)(void *context, struct probe_end *end);
    void *context;
};

/* Opens the socket. The rest of the struct is set to nothing. */
bool probe_end_open(struct probe_end *end, enum wr_role role, const struct wr_address *relay,
                    struct probe_error *error);
void probe_end_close(struct probe_end *end);

/* Presents `token` (borrowed). False where memory is short. */
bool probe_end_start(struct probe_end *end, wr_instant now, enum wr_peer_behaviour behaviour,
                     enum wr_peer_form form, const struct wr_session_id *session,
                     const struct probe_token *token);

/* Takes everything that has arrived, each at the time it is taken, then acts on deadlines. */
void probe_end_service(struct probe_end *end);

/* Services all ends until `done` says so or `until` has come; true where it said so. */
bool probe_ends_run(struct probe_end *ends, size_t count, wr_instant until,
                    bool (*done)(void *context), void *context);

#endif
