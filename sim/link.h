/*
 * One direction of a link: latency, jitter, loss, bursts of loss, reordering, duplication,
 * corruption, a bounded queue in front of a bandwidth, an MTU, and partitions. Owns the datagrams
 * under way on it; declines to know where they come from and where they go. Time comes in as an
 * argument, and there is one deadline however many datagrams are under way.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "packet.h"
#include "rng.h"

enum sim_jitter {
    SIM_JITTER_NONE,
    SIM_JITTER_UNIFORM,     /* 0 .. jitter_ns, all alike */
    SIM_JITTER_EXPONENTIAL, /* jitter_ns on average */
    SIM_JITTER_NORMAL,      /* around the latency, jitter_ns is the standard deviation */
};

/* A zeroed configuration is a perfect link: it passes everything at once. */
struct sim_link_config {
    uint64_t latency_ns;
    uint64_t jitter_ns; /* 0..SIM_RNG_SPREAD_NS_MAX */
    enum sim_jitter jitter;
    bool jitter_reorders; /* false: jitter alone never lets a datagram overtake another */
    bool fragments;       /* longer than the MTU: goes in pieces, each with its own chance of loss;
                             false: is dropped */
    uint32_t mtu_bytes;   /* of the IP datagram; 0: none, else 68 .. */
    uint32_t bandwidth_kbps; /* 0: unlimited */
    uint32_t queue_bytes;  /* IP bytes that wait for the bandwidth; what does not fit is dropped */
    struct sim_ratio loss; /* of each datagram by itself */
    /* Gilbert–Elliott: one step of a machine of two states before each datagram. */
    struct sim_ratio burst_enter; /* good -> bad */
    struct sim_ratio burst_leave; /* bad -> good */
    struct sim_ratio loss_good;
    struct sim_ratio loss_bad;
    struct sim_ratio reorder; /* this share is late by another reorder_delay_ns, and is overtaken */
    uint64_t reorder_delay_ns;
    struct sim_ratio duplicate; /* this share arrives twice, the second one right behind */
    struct sim_ratio corrupt;   /* this share arrives with one bit flipped */
};

enum sim_link_fate {
    SIM_LINK_CARRIED,
    SIM_LINK_LOST,       /* by loss or by a burst */
    SIM_LINK_BLOCKED,    /* by a partition */
    SIM_LINK_TOO_LONG,   /* for the MTU */
    SIM_LINK_QUEUE_FULL, /* the bandwidth's queue */
    SIM_LINK_FATE_COUNT
};

/* A stream for each fault, so that none shifts another's dice. */
struct sim_link_dice {
    struct sim_rng jitter, loss, burst, reorder, duplicate, corrupt;
};

struct sim_link_list {
    struct sim_datagram *first;
    struct sim_datagram *last;
};

struct sim_link {
    const struct sim_link_config *config; /* borrowed, shared by all links of a kind */
    struct sim_link_dice *dice;           /* owned; NULL while the configuration needs none */
    struct sim_link_list line;            /* in the order of their sending */
    struct sim_link_list late;            /* those that are overtaken, by time of delivery */
    wr_instant free_ns;                   /* the bandwidth is taken until then */
    uint64_t fates[SIM_LINK_FATE_COUNT];
    bool bad;     /* state of the burst machine */
    bool blocked; /* partition */
};

/* `config` is borrowed until the link is freed or changed. `name` and `seed` name its dice. */
void sim_link_init(struct sim_link *link, const struct sim_link_config *config, uint64_t seed,
                   const char *name);

/* Releases what is under way. */
void sim_link_free(struct sim_link *link, struct sim_packets *packets);

/* Another configuration from now on. What is under way arrives as it would have. */
void sim_link_change(struct sim_link *link, const struct sim_link_config *config, uint64_t seed,
                     const char *name);

/* Nothing is let in any more, or again. What is under way arrives. */
static inline void sim_link_block(struct sim_link *link, bool blocked)
{
    link->blocked = blocked;
}

/* Takes the datagram over where it is carried; else it stays the caller's. `now` never decreases by
 * more than the caller is ready to see made up for: nothing overtakes by it. */
enum sim_link_fate sim_link_send(struct sim_link *link, struct sim_packets *packets, wr_instant now,
                                 struct sim_datagram *datagram);

/* Passes everything at once and has nothing under way: it may as well be left out. */
bool sim_link_is_perfect(const struct sim_link *link);

/* When the next datagram arrives, WR_NEVER where none is under way. */
wr_instant sim_link_next_deadline(const struct sim_link *link);

/* The next datagram that has arrived by `now`, the caller's from here on; NULL for none. */
struct sim_datagram *sim_link_take(struct sim_link *link, wr_instant now);

/* Bytes that wait for the bandwidth at `now`, a begun one in full. */
uint64_t sim_link_backlog_bytes(const struct sim_link *link, wr_instant now);

#endif
