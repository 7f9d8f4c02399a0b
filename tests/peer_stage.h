/*
 * Two peers and the real relay core, over a network of one delay and no loss but the one a test
 * asks for: a stage for what must come out where both sides of the protocol meet.
 */
#ifndef PEER_STAGE_H
#define PEER_STAGE_H

#include "address.h"
#include "mint.h"

#include <wavry/peer.h>
#include <wavry/relay.h>

#define PEERS         2
#define IN_FLIGHT_MAX 4096

enum flight_kind { FLIGHT_TO_RELAY, FLIGHT_FROM_RELAY, FLIGHT_LEASE, FLIGHT_VERIFIED };

struct flight {
    wr_instant due_ns;
    uint64_t number; /* orders what is due together */
    enum flight_kind kind;
    struct wr_address address; /* source on the way to the relay, target on the way from it */
    uint32_t peer;             /* LEASE */
    uint32_t id;               /* VERIFIED */
    int key_index;
    uint32_t size;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

struct end {
    struct flow *flow;
    struct wr_peer *peer;
    enum wr_role role;
    struct wr_address address; /* as the relay sees it */
    wr_instant send_every_ns;  /* 0: no payload */
    wr_instant next_send_ns;
    uint64_t delivered;
    wr_instant last_delivered_ns;
    uint64_t longest_gap_ns; /* since the first delivery, or since it was set to 0 */
    uint32_t wants[8];       /* by enum wr_peer_want */
    uint32_t leases;
    bool asleep;
};

struct flow {
    wr_instant now;
    struct wr_relay_config config;
    struct wr_relay *relay;
    struct wr_address relay_address;
    struct wr_session_id session;
    uint64_t lease_ttl_ms;
    uint8_t public_key[WR_PUBLIC_KEY_BYTES];
    uint8_t secret_key[WR_SECRET_KEY_BYTES];
    struct end ends[PEERS];
    struct flight *flights;
    uint32_t flight_count;
    uint64_t flight_number;
    uint8_t entropy;
    bool relay_is_down;
};

/* Something lands `after_ns` from now; the caller fills in the rest. */
struct flight *flow_launch(struct flow *flow, enum flight_kind kind, uint64_t after_ns);

void flow_relay_starts(struct flow *flow);
void flow_relay_crashes(struct flow *flow);

/* The relay runs, both peers have started at instant 0, the host first: a client of 0.0.5 has only
 * so much patience. One flow at a time. */
void flow_open(struct flow *flow, enum wr_peer_behaviour behaviour, enum wr_peer_form form);
/* Robust peers; both stream, all is in order at 2 s, from where gaps are counted. */
void flow_open_streaming(struct flow *flow, enum wr_peer_form form);
void flow_close(struct flow *flow);

/* Payload of 100 bytes every so often from now on. */
void flow_stream(struct end *end, uint64_t every_ms);
void flow_run(struct flow *flow, uint64_t until_ms);
struct wr_snapshot flow_snapshot(const struct flow *flow);

/* Nobody waited longer than `gap_ms` for payload, and both are served now. */
void flow_expect_served(struct flow *flow, uint64_t gap_ms);

#endif
