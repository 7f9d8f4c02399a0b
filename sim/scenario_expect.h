/*
 * What must come of a run. An expectation names something countable, a window of time and a
 * bound; sim_scenario_parse refuses one that no run could violate. Evaluation is expect.h's.
 */
#ifndef SIM_SCENARIO_EXPECT_H
#define SIM_SCENARIO_EXPECT_H

#include "scenario.h"

enum sim_expect_kind {
    SIM_EXPECT_COUNTER,  /* relay: a counter, outcome or verdict, gained within the window */
    SIM_EXPECT_GAUGE,    /* relay: something that goes up and down, at an instant */
    SIM_EXPECT_FLOW,     /* sessions + role: what the receiver got of it within the window */
    SIM_EXPECT_SESSION,  /* sessions: their state at an instant, at the relay that serves them */
    SIM_EXPECT_EVENT,    /* relay: events within the window that fit the filter */
    SIM_EXPECT_VERDICT,  /* peers: verdicts on their leases within the window */
    SIM_EXPECT_REJECT,   /* peers: LEASE_REJECTs that they received within the window */
    SIM_EXPECT_ACK,      /* peers: LEASE_ACKs that they received within the window */
    SIM_EXPECT_REQUESTS, /* master: requests of a kind within the window */
    SIM_EXPECT_STRAYS,   /* peers or attackers: datagrams of sessions that are not theirs */
};

/* Read from struct wr_counters at `offset`. */
struct sim_counter_ref {
    const char *name;
    uint32_t offset; /* in bytes, of a uint64_t */
};

enum sim_gauge {
    SIM_GAUGE_SESSIONS_ACTIVE,
    SIM_GAUGE_SESSIONS_WAITING,
    SIM_GAUGE_HELD,
    SIM_GAUGE_PENDING,
    SIM_GAUGE_QUEUE_DEPTH,
    SIM_GAUGE_KEYS,
    SIM_GAUGE_DRAINING,
    SIM_GAUGE_DRAINED,
    SIM_GAUGE_REGISTERED,    /* registered with its master */
    SIM_GAUGE_READY,         /* what /ready says */
    SIM_GAUGE_RECEIVE_QUEUE, /* datagrams in the host's receive queue */
    SIM_GAUGE_MEMORY_BYTES,  /* taken by the core, all in */
    SIM_GAUGE_COUNT
};

enum sim_flow_measure {
    SIM_FLOW_SENT,            /* datagrams the sender handed to its network */
    SIM_FLOW_DELIVERED,       /* different datagrams that the receiver got */
    SIM_FLOW_DELIVERED_SHARE, /* delivered / sent, of those sent within the window */
    SIM_FLOW_REPEATS,         /* copies beyond the first */
    SIM_FLOW_LONGEST_GAP,     /* ns without a delivery, the window's edges included */
    SIM_FLOW_FIRST,           /* ns from the window's start to the first delivery */
    SIM_FLOW_LATENCY,         /* ns, the longest of those delivered within the window */
};

enum sim_session_state { SIM_SESSION_NONE, SIM_SESSION_WAITING, SIM_SESSION_ACTIVE };

enum sim_request {
    SIM_REQUEST_REGISTER,
    SIM_REQUEST_HEARTBEAT,
    SIM_REQUEST_WELL_KNOWN, /* /.well-known/wavry-id */
    SIM_REQUEST_LEASE,      /* by peers */
    SIM_REQUEST_COUNT
};

/* Bounds, all inclusive. A group of flows, sessions or peers: each member for itself, but counts of
 * `total` expectations are those of all together. */
struct sim_bound {
    uint64_t at_least;
    uint64_t at_most; /* UINT64_MAX: none */
};

#define SIM_ANY UINT32_MAX /* an enum filter that fits all */

struct sim_expectation {
    enum sim_expect_kind kind;
    uint32_t line;    /* of the file */
    const char *text; /* the expectation in words, for reports */

    uint64_t from_ns; /* window [from, to); an instant has from == to */
    uint64_t to_ns;
    struct sim_bound bound; /* counts, or ns */
    bool total;             /* of a group: the sum, not each */

    uint32_t relay;  /* relays[] */
    uint32_t master; /* masters[] */
    struct sim_range sessions;
    struct sim_range peers;
    struct sim_range attackers;
    uint32_t role; /* enum wr_role or SIM_ANY */
    struct sim_counter_ref counter;
    enum sim_gauge gauge;
    enum sim_flow_measure measure;
    struct sim_ratio share; /* DELIVERED_SHARE: at least, or at most where share_is_upper */
    bool share_is_upper;
    enum sim_session_state state;
    uint32_t event;   /* enum wr_event_kind */
    uint32_t rule;    /* 1..3 or SIM_ANY */
    uint32_t why;     /* enum wr_why or SIM_ANY */
    uint32_t verdict; /* enum wr_verdict */
    uint32_t reason;  /* of a reject: 1..6 or SIM_ANY */
    enum sim_request request;
};

#endif
