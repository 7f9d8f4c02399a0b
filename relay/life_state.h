/*
 * What a running relay process is made of, for the files that together are its life: life.c (the
 * order of things, signals), life_reload.c (SIGHUP), life_status.c (what it shows of itself).
 */
#ifndef RD_LIFE_STATE_H
#define RD_LIFE_STATE_H

#include "clock.h"
#include "http.h"
#include "life.h"
#include "master_client.h"
#include "worker.h"

#include <pthread.h>
#include <stdatomic.h>

struct life {
    /* As it was started: workers, HTTP and the master client read this copy as long as they run,
     * but for its lists, which are good until the first reload only. */
    struct rd_options options;
    /* As it runs since the last reload; the main thread's. */
    struct rd_options *running;
    int argc;
    char **argv;
    char relay_id[WR_RELAY_ID_BYTES_MAX + 1];
    wr_instant started_ns;

    int fds[RD_WORKERS_MAX]; /* -1 once a worker owns it */
    struct rd_worker_group group;
    struct rd_http *http;
    /* Workers and HTTP look at it from the moment they run. */
    _Atomic(struct rd_master_client *) master;
    int signal_fd;
    int event_fd; /* written when a worker is drained */

    /* Read by HTTP and the master client. */
    _Atomic uint32_t max_sessions;
    _Atomic uint32_t load_shed_threshold_pct;
    _Atomic uint32_t verify_rate;
    _Atomic bool draining;
    _Atomic uint32_t drained; /* workers */

    uint32_t measured_verify_rate; /* 0: not yet; the main thread's */

    /* One at a time asks the workers. */
    pthread_mutex_t asking;
    struct rd_status last_logged; /* the statistics log's, the main thread's */
    wr_instant last_logged_ns;
};

/* life_reload.c. */
void rd_life_reload(struct life *life);
/* Keys and bans of the start, to every worker, before any is started. */
void rd_life_load(struct life *life);

/* What is wrong with them is logged; false where the host does not tell its addresses. */
bool rd_life_find_own_addresses(const struct life *life, struct rd_own_addresses *out);

/* The rate that these options ask for, which status shows from now on. "auto" is measured once. */
uint32_t rd_life_verify_rate(struct life *life, const struct rd_options *options);

/* life_status.c. */
void rd_life_status(void *context, struct rd_status *out); /* of a struct life */
/* Sessions in percent of the most there may be, 0..100. */
uint32_t rd_life_load_pct(void *context);
void rd_life_log_statistics(struct life *life);

#endif
