/*
 * A status in which every number is another one, so that a value that shows in the wrong place is
 * noticed. Owned by the tests of metrics and HTTP.
 */
#ifndef STATUS_OF_NUMBERS_H
#define STATUS_OF_NUMBERS_H

#include "snapshot.h"

#include <string.h>

/* Above 2^53: a double would not keep it. */
#define NUMBERS_FROM UINT64_C(9007199254741001)

static inline void number_all(void *fields, size_t bytes, uint64_t *next)
{
    for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
        memcpy((char *)fields + at, next, sizeof *next);
        ++*next;
    }
}

static inline struct rd_status status_of_numbers(void)
{
    struct rd_status status = {.relay_id = "relay-1", .version = "1.2.3"};
    uint64_t next = NUMBERS_FROM;
    struct wr_snapshot *core = &status.sum.core;
    number_all(&core->counters, sizeof core->counters, &next);
    number_all(&status.sum.net, sizeof status.sum.net, &next);
    number_all(&status.master, sizeof status.master, &next);
    uint64_t *const wide[] = {
        &core->held,
        &core->pending,
        &core->sessions_waiting,
        &core->sessions_active,
        &core->queue_depth,
        &core->key_ring_generation,
        &status.uptime_secs,
        &status.verifications_done,
        &status.verification_busy_ns,
        &status.log_lines_suppressed,
        &status.log_lines_dropped,
    };
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        *wide[i] = next++;
    core->keys = 8;
    status.max_sessions = 1000;
    status.workers = 4;
    status.verify_rate = 12345;
    status.registered = true;
    status.has_master_key = true;
    status.ready = true;
    rd_histogram_start(&status.sum.forward_latency_ns, rd_latency_bounds_ns,
                       rd_latency_bound_count);
    rd_histogram_start(&status.sum.batch_size, rd_batch_bounds, rd_batch_bound_count);
    for (uint32_t i = 0; i < rd_latency_bound_count; i++)
        rd_histogram_add(&status.sum.forward_latency_ns, rd_latency_bounds_ns[i], i + 1);
    rd_histogram_add(&status.sum.forward_latency_ns, WR_S, 5);
    rd_histogram_add(&status.sum.batch_size, 64, 7);
    rd_histogram_add(&status.sum.batch_size, 5000, 1);
    return status;
}

#endif
