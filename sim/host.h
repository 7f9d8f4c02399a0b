/*
 * The machine a relay runs on, as far as it makes datagrams wait: a bounded receive queue, a
 * processor that takes its time, a helper that verifies signatures one at a time, pauses and
 * crashes. Owns the datagrams in its queue; declines to know what a relay does with them: whoever
 * serves one says afterwards what it cost.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "packet.h"

/* Integer nanoseconds per kind of work. All zero is an infinitely fast host. */
struct sim_host_config {
    uint64_t receive_ns; /* taking any datagram from the queue, parse and drop or hold included */
    uint64_t forward_ns; /* on top, for each that is sent on */
    uint64_t answer_ns;  /* on top, for each ACK or reject */
    uint64_t verify_ns;  /* one signature, on the helper */
    uint32_t receive_queue_datagrams; /* 1.. ; a full queue drops */
};

enum sim_host_arrival { SIM_HOST_QUEUED, SIM_HOST_OVERFLOW, SIM_HOST_DOWN };

struct sim_host {
    struct sim_host_config config;
    struct sim_datagram *first;
    struct sim_datagram *last;
    uint32_t queued;
    bool running;
    wr_instant busy_until_ns;
    wr_instant paused_until_ns;
    wr_instant helper_until_ns;
    uint64_t received;   /* put into the queue */
    uint64_t overflowed; /* dropped because it was full */
    uint64_t lost;       /* dropped because the host was down */
    uint64_t unreported; /* overflows that the relay was not told of yet */
};

/* A running host with an empty queue. */
void sim_host_init(struct sim_host *host, const struct sim_host_config *config);

/* A datagram reaches the host, which takes it over. */
enum sim_host_arrival sim_host_arrive(struct sim_host *host, struct sim_packets *packets,
                                      struct sim_datagram *datagram);

/* The datagram to serve at `now`, the caller's from here on; NULL while the host is busy, paused
 * or down, or its queue is empty. */
struct sim_datagram *sim_host_next(struct sim_host *host, wr_instant now);

/* What was served at `now` took `spent_ns`. Returns when that is over. */
wr_instant sim_host_spend(struct sim_host *host, wr_instant now, uint64_t spent_ns);

/* When the datagram at the head of the queue can be served, WR_NEVER where there is none or nobody
 * knows (a pause without end). */
wr_instant sim_host_next_deadline(const struct sim_host *host);

/* A verification is asked for at `now`: when its result is there. One at a time, first come first
 * served. */
wr_instant sim_host_verify(struct sim_host *host, wr_instant now);

/* The process stands still until `until_ns` (WR_NEVER: until sim_host_resume); the queue fills. */
void sim_host_pause(struct sim_host *host, wr_instant until_ns);
void sim_host_resume(struct sim_host *host);
static inline bool sim_host_paused(const struct sim_host *host, wr_instant now)
{
    return now < host->paused_until_ns;
}

/* The process is gone, and its queue with it; what arrives is lost until it starts again. */
void sim_host_crash(struct sim_host *host, struct sim_packets *packets);
void sim_host_start(struct sim_host *host, wr_instant now);

/* Overflows since the last call: what the relay has to be told (wr_relay_backpressure). */
uint64_t sim_host_take_overflows(struct sim_host *host);

#endif
