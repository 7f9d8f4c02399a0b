/*
 * What a run shows to those who watch it: expectations, reports, packet captures. The world calls
 * every watcher's `observe` at the moment something happens, in the order of the run; watchers
 * decide nothing, so a run that is watched and one that is not are the same run. The world declines
 * to know what is asked; a watcher keeps what it needs and nothing else, however long the run.
 */
#ifndef SIM_OBSERVATION_H
#define SIM_OBSERVATION_H

#include "scenario_expect.h"
#include "scenario_timeline.h"

enum sim_observation_kind {
    SIM_OBSERVED_SENT,      /* session, role: the peer in that role handed one payload datagram of
                               its traffic to its network; `number` counts them from 0 */
    SIM_OBSERVED_DELIVERED, /* session, role (the sender's), number, sent_ns, repeat: it arrived at
                               the other peer of the session */
    SIM_OBSERVED_STRAY,     /* peer or attacker, session: a datagram that a relay forwarded reached
                               one who has no part in the session */
    SIM_OBSERVED_ANSWER,    /* peer, session, role, packet (ACK or REJECT), reason: it arrived */
    SIM_OBSERVED_RELAY,     /* relay, event; peer or attacker that sent the datagram of event->tag,
                               session where it is one of the scenario's */
    SIM_OBSERVED_SAMPLE,    /* relay, sample: at an instant of sim_observer.sample_ns, before
                               anything else of that instant, and at the end of the run */
    SIM_OBSERVED_REQUEST,   /* master, request: it arrived there; relay or peer that asked */
    SIM_OBSERVED_ACTION,    /* action: it has been carried out */
    SIM_OBSERVED_VIOLATION, /* relay, text: an oracle speaks; `number` is its enum */
    SIM_OBSERVED_NOTE,      /* text: something a person may want to know, a peer that gave up */
    SIM_OBSERVED_DATAGRAM,  /* from, to, bytes, size: a datagram enters the public network (only
                               where sim_observer.datagrams is set) */
};

/* One relay at one instant. Counters are the sums over all processes the relay has had, so that a
 * restart does not set them back; what goes up and down is of the process at hand. */
struct sim_sample {
    const struct wr_snapshot *snapshot;
    uint64_t memory_bytes;
    uint64_t receive_queue_datagrams;
    bool registered;
    bool ready;
    bool running; /* false: crashed or being restarted */
};

/* Members that do not belong to the kind are SIM_NONE, 0 or NULL. Pointers are borrowed. */
struct sim_observation {
    enum sim_observation_kind kind;
    uint64_t at_ns;
    uint32_t relay;
    uint32_t master;
    uint32_t peer;
    uint32_t attacker;
    uint32_t session;
    enum wr_role role;
    uint64_t number;
    uint64_t sent_ns;
    uint32_t repeat; /* deliveries of the same payload datagram before this one */
    enum sim_packet packet;
    uint32_t reason;
    enum sim_request request;
    const struct wr_event *event;
    const struct sim_sample *sample;
    const struct sim_action *action;
    const char *text;
    struct wr_address from;
    struct wr_address to;
    const uint8_t *bytes;
    uint32_t size;
};

/* An observation of `kind` with nothing else said yet. */
static inline struct sim_observation sim_observation(enum sim_observation_kind kind, uint64_t at_ns)
{
    return (struct sim_observation){.kind = kind,
                                    .at_ns = at_ns,
                                    .relay = SIM_NONE,
                                    .master = SIM_NONE,
                                    .peer = SIM_NONE,
                                    .attacker = SIM_NONE,
                                    .session = SIM_NONE};
}

struct sim_observer {
    void *context;
    void (*observe)(void *context, const struct sim_observation *observation);
    const uint64_t *sample_ns; /* when relays are sampled: rising, without repeats, below the end */
    uint32_t sample_count;
    bool datagrams; /* wants SIM_OBSERVED_DATAGRAM */
};

/* ---- The run --------------------------------------------------------------------------------- */

#define SIM_CHECKPOINTS_MAX 64

/* What is left of a run when it is over. */
struct sim_run_result {
    bool created; /* false: memory was short, nothing else is set */
    uint64_t hash;
    uint64_t events;
    uint64_t datagrams_forwarded;
    uint64_t violations; /* of oracles; each was a SIM_OBSERVED_VIOLATION */
    /* The rolling hash at multiples of the duration / SIM_CHECKPOINTS_MAX. */
    struct {
        uint64_t at_ns;
        uint64_t events;
        uint64_t hash;
    } checkpoints[SIM_CHECKPOINTS_MAX];
    uint32_t checkpoint_count;
};

struct sim_run_options {
    uint64_t seed;                       /* in place of the scenario's */
    const struct sim_observer *observer; /* NULL for none */
    /* Called now and then in real time, for a progress display; may be NULL. */
    void *progress_context;
    void (*progress)(void *context, uint64_t at_ns, uint64_t events);
};

/* Plays the scenario from its start to its end: events before `duration_ns`. Implemented by the
 * world (world.c). */
struct sim_run_result sim_run(const struct sim_scenario *scenario,
                              const struct sim_run_options *options);

#endif
