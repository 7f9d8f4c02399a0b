/*
 * What happens during a run: one action per entry, carried out at its instant. Which members an
 * action uses is written behind its name; the others are SIM_NONE, 0 or an empty range. Actions
 * that a file repeats ("every", "times") are unfolded.
 */
#ifndef SIM_SCENARIO_TIMELINE_H
#define SIM_SCENARIO_TIMELINE_H

#include "scenario.h"

enum sim_action_kind {
    /* NATs. Where `peers` is empty, all mappings of `nats` are meant. */
    SIM_DO_NAT_REBIND,       /* nats, peers: each mapping gets another external port, at once; what
                                comes for the old one is dropped */
    SIM_DO_NAT_REBOOT,       /* nats, address: all mappings are forgotten and allocation starts
                                anew; with has_address the public address changes to it as well */
    SIM_DO_NAT_MOVE_MAPPING, /* peers (one), address: its mapping towards its relay moves to this
                                external address and port; IP or port may be zero: stays */
    SIM_DO_NAT_GIVE_PORT,    /* peers (one), other: its external port now belongs to `other`, and
                                its own next packet gets another one */
    SIM_DO_NAT_TIMEOUT,      /* nats, value_ns: another mapping timeout from now on */

    /* Peers. */
    SIM_DO_PEER_MOVE,       /* peers, address (counting up by member), nat, uplink, downlink: its
                               socket is there from now on; in a group of NATs one to one */
    SIM_DO_PEER_PAUSE,      /* peers, for_ns: as a laptop that sleeps: it neither sends nor hears,
                               its timers run on and are late */
    SIM_DO_PEER_RESUME,     /* peers */
    SIM_DO_PEER_CRASH,      /* peers: gone, and forgets everything */
    SIM_DO_PEER_RESTART,    /* peers, lease, for_ns: crashes, and after for_ns begins anew with
                               sequence 0, with a newer lease or the very one it had */
    SIM_DO_PEER_PRESENT,    /* peers, lease: sends a PRESENT now */
    SIM_DO_PEER_RENEW,      /* peers, lease: sends a RENEW now; SIM_USE_NONE sends a bare one */
    SIM_DO_PEER_RELEASE,    /* peers: releases its role now and leaves */
    SIM_DO_PEER_CLOCK_STEP, /* peers, offset_ms */
    SIM_DO_TRAFFIC_STOP,    /* sessions, roles, for_ns: the application has nothing to send */
    SIM_DO_TRAFFIC_START,   /* sessions, roles */

    /* Single datagrams of a peer, at its end of the path. `count` of them, from now on. */
    SIM_DO_DROP_NEXT,      /* peers, packet, direction, count */
    SIM_DO_DUPLICATE_NEXT, /* peers, packet, direction, count, value_ns: the copy's delay */
    SIM_DO_DELAY_NEXT,     /* peers, packet, direction, count, value_ns */
    SIM_DO_CORRUPT_NEXT,   /* peers, packet, direction, count: one bit of the last byte flips */

    /* Links. With for_ns it heals by itself. */
    SIM_DO_LINK_CHANGE, /* links, to_link, for_ns: all that use it behave like `to_link` */
    SIM_DO_PARTITION,   /* peers and relays, direction, for_ns: nothing passes */
    SIM_DO_HEAL,        /* peers and relays: ends partitions */

    /* Relays. */
    SIM_DO_RELAY_CRASH,       /* relays: sessions, queues, counters of the process are gone */
    SIM_DO_RELAY_RESTART,     /* relays, for_ns, keys: crashes and comes back after for_ns with the
                                 same id; with `key_count` it pins these keys from then on */
    SIM_DO_RELAY_PAUSE,       /* relays, for_ns: the process stands still, its queue fills */
    SIM_DO_RELAY_RESUME,      /* relays */
    SIM_DO_RELAY_HOST,        /* relays, host, for_ns: other service times, then the old ones */
    SIM_DO_RELAY_DRAIN,       /* relays */
    SIM_DO_RELAY_KEY_ADD,     /* relays, keys: pinned by the operator */
    SIM_DO_RELAY_KEY_REVOKE,  /* relays, keys */
    SIM_DO_RELAY_BAN,         /* relays, peers: by identity */
    SIM_DO_RELAY_UNBAN,       /* relays, peers */
    SIM_DO_RELAY_CLOCK_STEP,  /* relays, offset_ms */
    SIM_DO_RELAY_CLOCK_DRIFT, /* relays, drift_ppb */

    /* Masters. */
    SIM_DO_MASTER_SIGN,    /* masters, keys (one): signs with it from now on */
    SIM_DO_MASTER_PUBLISH, /* masters, keys (one): announces it from now on */
    SIM_DO_MASTER_ROTATE,  /* masters, keys (one): both at once */
    SIM_DO_MASTER_FAIL,    /* masters, mode, keys (one, for WRONG_KEY), for_ns */
    SIM_DO_MASTER_RECOVER, /* masters */
    SIM_DO_MASTER_DELAY,   /* masters, value_ns, for_ns: another answer delay */
    SIM_DO_MASTER_RESTART, /* masters, keys (0 or 1), for_ns: down for for_ns; forgets its relays;
                              with a key it signs and publishes that one from then on */
    SIM_DO_MASTER_FORGET,  /* masters, relays: the next heartbeat is answered 404 */

    /* Attackers. */
    SIM_DO_ATTACK_START, /* attackers, for_ns */
    SIM_DO_ATTACK_STOP,  /* attackers */
    SIM_DO_COPY,         /* attackers (one), sessions (one), roles (one), packet, copy, cookie,
                            source, count, value_ns */
    SIM_DO_COUNT
};

/* Which lease a peer uses. */
enum sim_use {
    SIM_USE_CURRENT, /* the one it holds */
    SIM_USE_NEWER,   /* a new one from the master; it waits for the answer */
    SIM_USE_OLDER,   /* the one before the one it holds */
    SIM_USE_NONE,    /* RENEW: bare */
};

enum sim_direction { SIM_DIRECTION_BOTH, SIM_DIRECTION_UP, SIM_DIRECTION_DOWN };

/* SIM_DO_COPY: which datagram of the watched flow, and when the copy leaves. LATEST: the latest one
 * seen, now. OVERTAKE: the next one; the copy goes at once, the original is held back by value_ns.
 * FOLLOW: the next one; the copy goes value_ns after it. */
enum sim_copy { SIM_COPY_LATEST, SIM_COPY_OVERTAKE, SIM_COPY_FOLLOW };

/* Which cookie the copy of a PRESENT or RENEW carries. KEEP: the bytes as they were. */
enum sim_cookie { SIM_COOKIE_KEEP, SIM_COOKIE_NONE, SIM_COOKIE_OWN };

#define SIM_ROLE_BIT(role) (1u << (role))

struct sim_action {
    uint64_t at_ns;
    enum sim_action_kind kind;
    uint32_t line; /* of the file, for reports */

    struct sim_range peers;
    struct sim_range other; /* peers[] too: a second party */
    struct sim_range sessions;
    struct sim_range nats;
    struct sim_range relays;
    struct sim_range masters;
    struct sim_range attackers;
    uint32_t link;    /* links[] */
    uint32_t to_link; /* links[] */
    uint32_t keys[SIM_PINNED_KEYS_MAX];
    uint32_t key_count;

    uint64_t for_ns;   /* 0: until something else ends it */
    uint64_t value_ns; /* as said with the kind */
    int64_t offset_ms;
    int32_t drift_ppb;
    uint32_t count;
    uint32_t roles; /* SIM_ROLE_BIT of each role meant */

    bool has_address;
    struct wr_address address;
    bool has_nat; /* PEER_MOVE: `nats` says where to, an empty range means a public address */
    bool has_link;
    uint32_t uplink;
    uint32_t downlink;

    struct sim_host_spec host;
    enum sim_use use;
    enum sim_packet packet;
    enum sim_direction direction;
    enum sim_master_mode mode;
    enum sim_copy copy;
    enum sim_cookie cookie;
    enum sim_source source;
};

#endif
