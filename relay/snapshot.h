/*
 * What a relay process shows of itself: each worker's share, and the sum that HTTP, metrics and the
 * statistics log read. Plain values, copied whole; nothing here is shared between threads.
 */
#ifndef RD_SNAPSHOT_H
#define RD_SNAPSHOT_H

#include <wavry/master.h>
#include <wavry/relay.h>

/* A histogram with fixed upper bounds, as Prometheus has them: bucket i counts values <=
 * bounds[i] and above bounds[i - 1]; the last one everything else. */
#define RD_HISTOGRAM_BOUNDS_MAX 20
struct rd_histogram {
    const uint64_t *bounds;
    uint32_t bound_count;
    uint64_t counts[RD_HISTOGRAM_BOUNDS_MAX + 1];
    uint64_t sum;
};
extern const uint64_t rd_latency_bounds_ns[];
extern const uint32_t rd_latency_bound_count;
extern const uint64_t rd_batch_bounds[];
extern const uint32_t rd_batch_bound_count;

void rd_histogram_start(struct rd_histogram *histogram, const uint64_t *bounds, uint32_t count);
/* `times` values of the same size: a batch shares one latency. */
void rd_histogram_add(struct rd_histogram *histogram, uint64_t value, uint64_t times);
void rd_histogram_merge(struct rd_histogram *into, const struct rd_histogram *from);

/* What the sockets did, beside the core's counters. */
#define RD_NET_COUNTERS(X)                                                                         \
    X(receive_calls)                                                                               \
    X(receive_trains) /* messages that GRO had joined from several datagrams */                    \
    X(send_calls)                                                                                  \
    X(send_trains)      /* messages that GSO takes apart again */                                  \
    X(send_failed)      /* datagrams that the kernel refused, for whatever reason */               \
    X(send_too_long)    /* those of them that were too long for the path (EMSGSIZE) */             \
    X(send_would_block) /* those of them for which the send buffer had no room */                  \
    X(gso_fallbacks)    /* trains sent one by one because GSO was refused */                       \
    X(handed_over)      /* datagrams given to the worker that owns their session */                \
    X(handover_full)    /* those dropped because its ring was full (also backpressure) */          \
    X(kernel_dropped)   /* at the socket (also backpressure_dropped_packets) */

struct rd_net_counters {
#define RD_NET_FIELD(name) uint64_t name;
    RD_NET_COUNTERS(RD_NET_FIELD)
};

struct rd_worker_snapshot {
    struct wr_snapshot core;
    struct rd_net_counters net;
    struct rd_histogram forward_latency_ns; /* from receive to handed to the kernel */
    struct rd_histogram batch_size;         /* datagrams per receive */
};

/* Everything there is to show, at one instant. */
struct rd_status {
    const char *relay_id;
    const char *version;
    uint64_t uptime_secs;
    uint32_t max_sessions;
    uint32_t workers;
    bool standalone;
    bool registered;     /* with the master */
    bool has_master_key; /* at least one key is in the ring */
    bool draining;
    bool ready;           /* section 9 */
    uint32_t verify_rate; /* signatures per second, as measured or as asked for */
    uint64_t verifications_done;
    uint64_t verification_busy_ns; /* time in signatures, workers' too */
    uint64_t log_lines_suppressed; /* by rate limits */
    uint64_t log_lines_dropped;    /* no room */
    struct wr_master_counters master;
    struct rd_worker_snapshot sum; /* counters added up; gauges too */
};

#endif
