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
 *   world_trouble.c   what the oracles' truth is told of the timeline
 *   world_observe.c   what watchers are told
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "attacker.h"
#include "clock.h"
#include "hash.h"
#include "host.h"
#include "master.h"
#include "net.h"
#include "net_route.h"
#include "observation.h"
#include "oracle.h"
#include "packet.h"
#include "queue.h"
#include "rng.h"
#include "signing_key.h"
#include "traffic.h"

#include <wavry/master.h>
#include <wavry/peer.h>
#include <wavry/relay.h>

/* In this order at one instant. */
enum world_class {
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
    WORLD_ACTION,         /* scenario actions */
    WORLD_ACTION_END,     /* scenario actions: what was to last for_ns is over */
    WORLD_FAULT,          /* 1: an attack of its own begins, 0: it ends */
    WORLD_MASTER_ANSWER,  /* exchanges */
    WORLD_LINK,           /* links of the network */
    WORLD_HOST,           /* relays: the head of the receive queue can be served */
    WORLD_VERIFIED,       /* relays: the helper has a result */
    WORLD_RELAY_DEADLINE, /* relays */
    WORLD_RELAY_LINK,     /* relays: deadline of the link to the master */
    WORLD_END_START,      /* ends */
    WORLD_END_DEADLINE,   /* ends */
    WORLD_TRAFFIC,        /* ends */
    WORLD_LATER,          /* datagrams that were held back at their sender or receiver */
    WORLD_ATTACKER,       /* attackers */
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
    wr_instant core_rests_until_ns; /* its deadline stood still: not asked again before */
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
    struct sim_rng link_entropy;
    bool has_link;
    bool in_link; /* inside one of its entries */
    bool key_wanted;
    bool in_trouble;       /* down, paused, draining or cut off, as the timeline has left it */
    bool keys_are_trouble; /* it cannot know the key that signs the leases for it */
    bool clock_is_trouble; /* its wall clock is off by more than the skew that leases are allowed */
    uint32_t process;      /* counts starts: answers to an earlier process are not for this one */
    uint32_t pinned[SIM_PINNED_KEYS_MAX];
    uint32_t pinned_count;
    bool *is_revoked;        /* by key */
    bool *is_banned;         /* by peer: its identity */
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

/* Whether leases can be judged by each relay's wall clock is part of the truth. */
void world_judge_clocks(struct world *world);

/* Whether each relay can know the key that signs for it is part of the truth, too. */
void world_judge_keys(struct world *world);

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
void world_relay_ban(struct world_relay *relay, uint32_t peer);
void world_relay_unban(struct world_relay *relay, uint32_t peer);
void world_relay_drain(struct world_relay *relay);
void world_relay_link_start(struct world_relay *relay);
void world_relay_on_link(struct world_relay *relay);
void world_relay_answer(struct world_relay *relay, uint32_t process, uint64_t id,
                        const struct wr_master_answer *answer);
void world_relay_snapshot(const struct world_relay *relay, struct wr_snapshot *out);
bool world_relay_ready(const struct world_relay *relay);

/* ---- Peers ----------------------------------------------------------------------------------- */

#define WORLD_MEDDLINGS_MAX 16
#define WORLD_HISTORY       512 /* payloads that an upstream host can repeat (section 11) */

/* What the timeline does to the next datagrams of a peer. */
struct world_meddling {
    enum sim_action_kind kind; /* SIM_DO_*_NEXT */
    enum sim_packet packet;
    enum sim_direction direction;
    uint32_t count; /* still to come; 0: free */
    uint64_t value_ns;
};

/* A machine with one socket. */
struct world_peer {
    const struct sim_peer_spec *spec;
    uint32_t index;
    uint32_t node;
    struct wr_address address; /* of its socket, behind its NAT */
    uint32_t nat;              /* scenario nats[]; SIM_NONE */
    uint32_t uplink, downlink; /* links of the network */
    uint32_t first_end;        /* ends[], SIM_NONE */
    bool asleep;
    bool crashed;
    bool in_trouble; /* one of these, or cut off */
    struct sim_clock clock;
    bool is_meddled_with; /* was, at least once */
    struct world_meddling meddlings[WORLD_MEDDLINGS_MAX];
};

/* A lease as it was handed out. */
struct world_token {
    uint8_t bytes[WR_PEER_TOKEN_BYTES_MAX];
    uint32_t size;
    uint64_t expires_unix_ms;
    wr_instant until_ns; /* by the issuer's clock at the time of issue */
    bool is_repeat;      /* the one that it holds already */
    bool is_honest;      /* nothing about it differs from what the master gives by itself */
};

struct world_sent {
    uint64_t sequence;
    uint64_t number;
    wr_instant sent_ns;
};

/* What the application at one end has to say. */
struct world_traffic {
    struct sim_traffic profile;
    struct world_timer timer;
    uint64_t number;            /* of the next datagram */
    struct world_sent *history; /* upstream only, WORLD_HISTORY of them */
    bool stopped;
};

/* One place in a session: the peer's side of the protocol, and what it has to say. */
struct world_end {
    struct world *world;
    struct wr_peer *core;
    uint32_t index; /* 2 * session + role */
    uint32_t peer;
    uint32_t session;
    uint32_t next_end; /* of the same peer */
    enum wr_role role;
    struct sim_rng entropy;
    struct world_timer core_timer;
    struct world_traffic traffic;
    struct world_token *current; /* NULL before the first lease */
    struct world_token *older;
    uint32_t leases_given;
    uint32_t refusal; /* reason of the last reject since the last ACK, 0 for none */
    bool started;
    bool is_muted;     /* what its protocol says is not sent */
    bool keeps_lease;  /* the next lease it wants is the one it holds (a restart) */
    bool present_next; /* the timeline wants the next lease in a PRESENT, or in a RENEW, as soon as
                        */
    bool renew_next;   /*   it comes */
};

bool world_peer_build(struct world *world, uint32_t index);
bool world_end_build(struct world *world, uint32_t index);
void world_end_free(struct world_end *end);
void world_end_start(struct world_end *end);
void world_end_on_deadline(struct world_end *end);
void world_end_rearm(struct world_end *end);

/* The master's answer: a lease, or none for good. */
void world_end_lease(struct world_end *end, const struct world_token *token);
void world_end_no_lease(struct world_end *end, bool final);

/* A datagram reached the peer's socket. */
void world_peer_arrive(struct world *world, uint32_t index, struct sim_datagram *datagram);

/* LEASE_PRESENT or LEASE_RENEW with this lease (NULL: a bare renew), now. */
void world_end_present(struct world_end *end, const struct world_token *token);
void world_end_renew(struct world_end *end, const struct world_token *token);
void world_end_leave(struct world_end *end);

/* Tells the truth who must be served: each end of a session to which the other has something to
 * say, where both do all that robust peers do. */
void world_tell_demands(struct world *world);

void world_peer_sleep(struct world *world, uint32_t peer);
void world_peer_wake(struct world *world, uint32_t peer);
void world_peer_crash(struct world *world, uint32_t peer);
void world_peer_restart(struct world *world, uint32_t peer, bool keeps_lease);
void world_peer_move(struct world *world, uint32_t index, const struct wr_address *address,
                     uint32_t nat, uint32_t uplink, uint32_t downlink);
void world_peer_meddle(struct world *world, uint32_t peer, const struct sim_action *action);
void world_on_later(struct world *world, uint32_t index);

/* world_traffic.c */
void world_traffic_build(struct world_end *end);
void world_traffic_begin(struct world_end *end);
/* Goes on after the machine was away: what it missed is not made up for. */
void world_traffic_resume(struct world_end *end);
void world_traffic_on_event(struct world_end *end);
void world_traffic_stop(struct world_end *end, wr_instant until_ns);
void world_traffic_start(struct world_end *end);
void world_traffic_delivered(struct world_end *end, const struct wr_peer_delivery *delivery);
bool world_traffic_recall(struct world_end *end, uint64_t sequence, uint8_t *body,
                          uint32_t body_bytes);

/* ---- Masters ----------------------------------------------------------------------------------
 */

/* An answer on its way from a master, to a relay or to an end. */
struct world_exchange {
    struct world_relay *relay; /* NULL: to `end` */
    struct world_end *end;
    uint32_t process; /* of the relay that asked */
    uint64_t request;
    struct wr_master_answer answer;
    bool granted;
    struct world_token token;
};

struct world_master {
    struct sim_master *master;
    uint32_t signs_with; /* keys[], as the timeline has set it */
    bool *has_published; /* by key: at some time */
    bool in_trouble;     /* it fails */
    struct sim_clock clock;
    uint32_t source;
};

bool world_masters_build(struct world *world);
void world_masters_free(struct world *world);

/* The relay's link asks. */
void world_master_request(struct world_relay *relay, const struct wr_master_request *request);

/* An end wants a lease, for another relay than `avoid` (NULL: for its session's). */
void world_master_ask_lease(struct world_end *end, const struct wr_address *avoid);

/* The clocks of this end's relay and of the master that signs for it differ by no more than the
 * relay allows. */
bool world_master_clock_is_right(const struct world_end *end);

void world_master_sign_with(struct world *world, uint32_t master, uint32_t key);
void world_master_publish(struct world *world, uint32_t master, uint32_t key);

void world_master_on_answer(struct world *world, uint32_t place);

/* A lease that an attacker obtains in its own name. Returns the bytes of the token, 0 for none. */
uint32_t world_master_sign_for(struct world *world, const struct sim_attacker_spec *attacker,
                               const struct wr_session_id *session, uint8_t *out,
                               uint32_t capacity);

/* ---- Attackers --------------------------------------------------------------------------------
 */

struct world_attacker {
    struct world *world;
    const struct sim_attacker_spec *spec;
    struct sim_attacker *core;
    struct world_timer timer;
    wr_instant ordered_until_ns; /* by the timeline; 0: it is not */
    bool in_trouble;             /* it attacks by order of the timeline */
    uint32_t index;
    uint32_t node;
};

bool world_attackers_build(struct world *world);
void world_attackers_free(struct world *world);
void world_attacker_rearm(struct world_attacker *attacker);
void world_attacker_on_deadline(struct world_attacker *attacker);
void world_attacker_arrive(struct world *world, uint32_t index, struct sim_datagram *datagram);

/* A peer's datagram enters the public network. Returns for how long somebody holds it back. */
uint64_t world_attackers_saw(struct world *world, const struct sim_datagram *datagram);

/* ---- The whole ------------------------------------------------------------------------------- */

/* A datagram that was held back at its sender (up) or receiver. */
struct world_later {
    struct sim_datagram *datagram; /* NULL: free place */
    uint32_t peer;
    bool up;
    uint32_t next_free;
};

/* Which link of the scenario a link of the network behaves like. */
struct world_link {
    uint32_t link; /* of the network */
    uint32_t spec; /* scenario links[] it was made from */
};

struct world {
    const struct sim_scenario *scenario;
    const struct sim_observer *observer; /* NULL for none */
    uint64_t seed;
    struct sim_queue queue;
    struct sim_hash hash;
    struct sim_packets *packets;
    struct sim_net *net;
    struct sim_truth *truth;
    uint32_t source; /* of the world's own events */
    uint64_t events;
    uint64_t forwarded;
    uint64_t violations;

    struct sim_link_config *link_configs; /* scenario links[] */
    struct world_link *links;
    uint32_t link_count, link_capacity;
    uint32_t *nats; /* scenario nats[] -> node */
    struct world_relay *relays;
    struct world_peer *peers;
    struct world_end *ends; /* two a session */
    struct world_master *masters;
    struct world_attacker *attackers;
    struct sim_signing_key *keys; /* scenario keys[] */
    uint32_t *session_relays;     /* where each session is served now */
    uint32_t watchers;            /* attackers that watch a session */

    struct world_exchange **exchanges; /* NULL: free place */
    uint32_t exchange_capacity;

    struct world_later *laters;
    uint32_t later_count, later_free;
    uint32_t *session_buckets; /* by session id */
    uint32_t *session_next;
    uint32_t session_bucket_count;
};

/* How often the oracles look at snapshots and ask who is stuck. */
#define WORLD_JUDGED_EVERY_NS (500 * WR_MS)

struct world *world_create(const struct sim_scenario *scenario,
                           const struct sim_run_options *options);
void world_destroy(struct world *world);

/* Memory; the program ends where there is none. */
void *world_zeroed(size_t count, size_t element_bytes);
void *world_resized(void *array, size_t count, size_t element_bytes);

struct world_timer world_timer(struct world *world);
void world_arm(struct world *world, struct world_timer *timer, wr_instant due_ns,
               enum world_class class_, enum world_what what, uint32_t data);
/* False where the event is one that was overtaken. */
bool world_fired(struct world_timer *timer, const struct sim_event *event);

/* An instance of a link of the scenario for one user, SIM_NET_NONE for SIM_NONE. */
uint32_t world_add_link(struct world *world, uint32_t spec, const char *user, const char *side);

/* Endpoints of the network: peers first, then attackers, then relays. The first two are also the
 * peers of the truth. */
static inline uint32_t world_attacker_endpoint(const struct world *world, uint32_t index)
{
    return world->scenario->peer_count + index;
}

static inline uint32_t world_relay_endpoint(const struct world *world, uint32_t index)
{
    return world->scenario->peer_count + world->scenario->attacker_count + index;
}

static inline bool world_is_relay_endpoint(const struct world *world, uint32_t endpoint)
{
    return endpoint >= world_relay_endpoint(world, 0);
}

/* Builds the table behind world_session. */
void world_index_sessions(struct world *world);

/* The session of the scenario with this id, SIM_NONE for none. */
uint32_t world_session(const struct world *world, const uint8_t id[16]);

/* The relay that the session of this end is served by now. */
const struct sim_relay_spec *world_end_relay(const struct world_end *end);

/* The address from which the rest of the network hears a peer now, at `remote`. */
struct wr_address world_peer_public(struct world *world, uint32_t index,
                                    const struct wr_address *remote);

/* What a datagram is, by its first bytes: read here and not with the core's parser. */
enum sim_packet world_packet(const uint8_t *bytes, uint32_t size);
bool world_is_answer(const uint8_t *bytes, uint32_t size);

/* Adds the counters of a core to a sum. */
void world_add_counters(struct wr_counters *sum, const struct wr_relay *core);

/* Carries out an action of the timeline, or ends it after its for_ns. */
void world_act(struct world *world, const struct sim_action *action);
void world_act_end(struct world *world, const struct sim_action *action);

/* world_trouble.c: an action was carried out, or what was to last for_ns is over. */
void world_trouble_begins(struct world *world, const struct sim_action *action);
void world_trouble_ends(struct world *world, const struct sim_action *action);

/* Whether something is in a trouble now; `in_trouble` remembers whether it was. */
void world_trouble_set(struct world *world, bool *in_trouble, bool is_trouble);

/* world_observe.c: each tells the watcher, where there is one. */
void world_observe_relay(struct world_relay *relay, const struct wr_event *event, uint32_t sender);
void world_observe_violation(void *context, const struct sim_violation *violation);
void world_observe_sent(struct world_end *end, uint64_t number);
void world_observe_delivered(struct world_end *end, uint64_t number, wr_instant sent_ns);
void world_observe_arrival(struct world *world, uint32_t endpoint,
                           const struct sim_datagram *datagram);
void world_observe_sample(struct world *world, wr_instant at_ns);
void world_observe_action(struct world *world, const struct sim_action *action);
void world_observe_note(struct world *world, uint32_t peer, const char *text);
void world_observe_relay_note(const struct world_relay *relay, const char *text);
void world_observe_request(struct world *world, uint32_t master, enum sim_request request,
                           uint32_t relay, uint32_t peer);
void world_observe_datagram(struct world *world, const struct sim_datagram *datagram);

#endif
