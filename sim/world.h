/*
 * The inside of a simulated world: what world_*.c share. A world owns everything of one run of one
 * scenario (queue, network, relays, masters, peers, attackers, oracles, hash) and nothing outside
 * of it, so that a run can be repeated any number of times in one process with the same result.
 * The only thing others call is sim_run (observation.h).
 *
 *   world_build.c     from a scenario to a world, and back to nothing
 *   world_run.c       the loop over events, and what is left at the end
 *   world_relay.c     a relay on its host: the core's environment
 *   world_control.c   what operator and master do to a relay: keys, bans, restarts
 *   world_master.c    requests to masters and their answers
 *   world_peer.c      peers: the protocol's peer side on a socket of the simulated network
 *   world_traffic.c   what peers have to say to each other
 *   world_attack.c    attackers
 *   world_timeline.c  the actions of a scenario, and their ends
 *   world_observe.c   what watchers are told
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "clock.h"
#include "hash.h"
#include "host.h"
#include "net.h"
#include "observation.h"
#include "oracle.h"
#include "packet.h"
#include "queue.h"
#include "rng.h"

#include <wavry/master.h>
#include <wavry/peer.h>
#include <wavry/relay.h>

/* In this order at one instant. */
enum world_class {
    WORLD_CLASS_SAMPLE,
    WORLD_CLASS_TIMELINE,
    WORLD_CLASS_MASTER,
    WORLD_CLASS_LINK,
    WORLD_CLASS_HOST,
    WORLD_CLASS_RELAY,
    WORLD_CLASS_PEER,
    WORLD_CLASS_ATTACKER,
    WORLD_CLASS_LIVENESS,
};

/* What an event is; its data is an index of the kind named here. */
enum world_what {
    WORLD_SAMPLE,           /* sim_observer.sample_ns */
    WORLD_ACTION,           /* scenario actions */
    WORLD_ACTION_END,       /* scenario actions: what was to last for_ns is over */
    WORLD_MASTER_ANSWER,    /* exchanges */
    WORLD_MASTER_REQUEST,   /* exchanges */
    WORLD_LINK,             /* links of the network */
    WORLD_HOST,             /* relays: the head of the receive queue can be served */
    WORLD_VERIFIED,         /* relays: the helper has a result */
    WORLD_RELAY_DEADLINE,   /* relays */
    WORLD_RELAY_LINK,       /* relays: deadline of the link to the master */
    WORLD_END_START,        /* ends */
    WORLD_END_DEADLINE,     /* ends */
    WORLD_TRAFFIC,          /* ends */
    WORLD_LATER,            /* datagrams that were held back at their sender or receiver */
    WORLD_ATTACKER,         /* attackers */
    WORLD_LIVENESS,
};

/* A deadline that moves. Only the event at armed_ns counts; those that were pushed for later times
 * and overtaken since are ignored when they come. */
struct world_timer {
    wr_instant armed_ns;
    uint32_t source;
};

struct world;

/* ---- Relays ---------------------------------------------------------------------------------- */

#define WORLD_SENDS_MAX 16 /* datagrams that one entry into a relay's core can send, at first */
#define WORLD_BANS_MAX  256

/* Who sent a datagram whose outcome or verdict is still to come. */
struct world_tag {
    uint64_t tag; /* 0: free place */
    uint32_t sender;
};

/* A verification on the helper of a relay's host. */
struct world_job {
    wr_instant due_ns;
    struct wr_verification verification;
};

struct world_relay {
    struct world *world;
    const struct sim_relay_spec *spec;
    uint32_t index;
    uint32_t endpoint;
    uint32_t node;
    struct wr_relay *core; /* NULL while it is down */
    struct sim_oracle *oracle;
    struct sim_host host;
    struct sim_clock clock;
    struct sim_rng entropy;
    struct world_timer host_timer;
    struct world_timer core_timer;
    struct world_timer helper_timer;
    struct world_timer link_timer;

    /* Inside one entry into the core. */
    struct sim_datagram *serving; /* NULL for an entry that is no datagram's */
    struct sim_datagram **sends;
    uint32_t send_count, send_capacity;
    uint64_t entry_cost_ns;
    bool outcome_seen;
    bool verdict_due;

    struct world_tag *tags; /* open addressing, a power of two */
    uint32_t tag_capacity, tag_count;

    struct world_job jobs[WR_VERIFICATIONS_OUT];
    uint32_t first_job, job_count;

    /* The link to the master, and what an operator has set: it outlives the process. */
    struct wr_master_link link;
    bool has_link;
    bool key_wanted;
    uint32_t process; /* counts starts: answers to an earlier process are not for this one */
    uint32_t pinned[SIM_PINNED_KEYS_MAX];
    uint32_t pinned_count;
    uint32_t revoked[SIM_PINNED_KEYS_MAX];
    uint32_t revoked_count;
    const char *bans[WORLD_BANS_MAX];
    uint32_t ban_count;
    struct wr_counters past; /* sums over the processes before this one */
    uint64_t memory_bytes;
};

bool world_relay_build(struct world *world, uint32_t index);
void world_relay_free(struct world_relay *relay);

/* The process starts, with an empty core, and tells it what its operator had set. */
bool world_relay_start(struct world_relay *relay);
void world_relay_crash(struct world_relay *relay);

/* A datagram reached the host. */
void world_relay_arrive(struct world_relay *relay, struct sim_datagram *datagram);

/* Events of a relay. */
void world_relay_on_host(struct world_relay *relay);
void world_relay_on_verified(struct world_relay *relay);
void world_relay_on_deadline(struct world_relay *relay);

/* Brackets every entry into the core that is not a datagram: `enter` before, `leave` after. What
 * was sent in between leaves with `leave`. */
void world_relay_enter(struct world_relay *relay);
void world_relay_leave(struct world_relay *relay);

/* Arms what the relay waits for, after its host was paused, resumed or changed. */
void world_relay_rearm(struct world_relay *relay);

/* world_control.c */
void world_relay_tell_operator_state(struct world_relay *relay);
void world_relay_pin(struct world_relay *relay, uint32_t key);
void world_relay_revoke(struct world_relay *relay, uint32_t key);
void world_relay_ban(struct world_relay *relay, const char *identity);
void world_relay_unban(struct world_relay *relay, const char *identity);
void world_relay_drain(struct world_relay *relay);
void world_relay_link_start(struct world_relay *relay);
void world_relay_on_link(struct world_relay *relay);
void world_relay_answer(struct world_relay *relay, uint64_t request,
                        const struct wr_master_answer *answer);
void world_relay_snapshot(const struct world_relay *relay, struct wr_snapshot *out);
bool world_relay_ready(const struct world_relay *relay);

#endif
