/*
 * The peer of 0.0.5 (section 11): the client as its own code behaves when run, and the host that
 * would use its handshake. One PRESENT, never repeated; bare handshake; then pings, statistics and
 * latency reports in RIFT packets, NACKs from the client, repeats from the host. What the messages
 * say is not real, their sizes, headers and times are.
 *
 * Behind the RIFT header of a wrapped packet stands one byte for its kind, then the body.
 */
#ifndef WR_PEER_UPSTREAM_H
#define WR_PEER_UPSTREAM_H

#include <wavry/peer.h>

#define WR_UPSTREAM_MESSAGE_1_BYTES 62
#define WR_UPSTREAM_MESSAGE_2_BYTES 126
#define WR_UPSTREAM_MESSAGE_3_BYTES 82
#define WR_UPSTREAM_HELLO_BYTES     77 /* the whole datagram, as the other wrapped ones */
#define WR_UPSTREAM_PING_BYTES      63
#define WR_UPSTREAM_STATS_BYTES     103
#define WR_UPSTREAM_REPORT_BYTES    71

#define WR_UPSTREAM_MESSAGE_1_TIMES 6
#define WR_UPSTREAM_HISTORY         512 /* packets that the host can repeat */
#define WR_UPSTREAM_REPEATS_MAX     16  /* per NACK */
#define WR_UPSTREAM_NACK_SPAN       128 /* ids behind the top that the client asks for */

enum wr_upstream_step {
    WR_UPSTREAM_AWAIT_MESSAGE_1,
    WR_UPSTREAM_AWAIT_MESSAGE_2,
    WR_UPSTREAM_AWAIT_MESSAGE_3,
    WR_UPSTREAM_AWAIT_HELLO,
    WR_UPSTREAM_AWAIT_HELLO_ACK,
    WR_UPSTREAM_STREAMING,
};

struct wr_upstream_sent {
    uint64_t id;
    uint8_t kind; /* 0: nothing */
    uint16_t body_bytes;
};

struct wr_upstream {
    enum wr_upstream_step step;
    uint32_t message_1_sent;
    wr_instant started_ns;
    wr_instant next_message_1_ns;
    wr_instant stuck_ns; /* from then on the missing HelloAck has a name */
    wr_instant ping_ns;
    wr_instant stats_ns;
    wr_instant report_ns;
    bool frames_since_report;

    uint64_t sent;     /* wrapped packets; with the ticks of 2 ms they make the client's ids */
    uint64_t top;      /* highest id received */
    uint64_t seen[2];  /* bit i: top - i was received; 128 ids */
    uint64_t asked[2]; /* bit i: top - i was asked for */
    bool heard;        /* anything wrapped was received: top is valid */
};

struct wr_peer;

void wr_upstream_start(struct wr_peer *peer, wr_instant now, enum wr_peer_want reason);
void wr_upstream_lease(struct wr_peer *peer, wr_instant now);
void wr_upstream_lease_refused(struct wr_peer *peer, wr_instant now, bool final);
void wr_upstream_receive(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                         const uint8_t *bytes, uint32_t size);
uint64_t wr_upstream_send(struct wr_peer *peer, wr_instant now, const uint8_t *body,
                          uint32_t body_bytes);
wr_instant wr_upstream_next_deadline(const struct wr_peer *peer);
void wr_upstream_on_deadline(struct wr_peer *peer, wr_instant now);

/* ---- upstream_ids.c: which ids were received, and which are missing ----------------------------
 */

/* Marks an id received. False: it was before, or lies behind the span. */
bool wr_upstream_take_id(struct wr_upstream *upstream, uint64_t id);

/* Ids missing in the span that were never asked for, as bits below the top (bit i: top - i); they
 * count as asked for from now on. False where there is none. */
bool wr_upstream_missing(struct wr_upstream *upstream, uint64_t bits[2]);

#endif
