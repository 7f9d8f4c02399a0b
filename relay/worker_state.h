/*
 * What a worker is made of, for the files that together are one: worker.c (its thread and its
 * time), worker_data.c (the way of datagrams), worker_events.c (what its core asks and tells),
 * worker_orders.c (what other threads ask).
 */
#ifndef RD_WORKER_STATE_H
#define RD_WORKER_STATE_H

#include "clock.h"
#include "early_bare.h"
#include "local_addresses.h"
#include "mailbox.h"
#include "udp_receive.h"
#include "udp_send.h"
#include "worker.h"

#include <pthread.h>

struct rd_worker {
    /* Touched by other threads. `attention` says that something lies ready; `asleep` that nobody
     * will look before event_fd is written. */
    _Alignas(64) _Atomic bool attention;
    _Atomic bool asleep;
    _Atomic uint32_t sessions;
    struct rd_mailbox mailbox;
    int event_fd;

    /* Set up once. */
    _Alignas(64) struct rd_worker_group *group;
    uint32_t index;
    int fd;
    pthread_t thread;
    bool running;
    struct rd_receiver *receiver;
    struct rd_sender *sender;
    struct rd_handover *ring;    /* NULL with one worker */
    struct rd_early_bare *early; /* and so is this */
    struct wr_relay *relay;
    struct wr_relay_config config; /* as its core has it */

    /* The thread's own. */
    bool stopping;
    struct rd_order *orders; /* taken out of the mailbox, to be carried out */
    bool flowing;            /* traffic comes so densely that waiting in the receive itself pays */
    bool backlog;            /* the last receive said that there is more */
    wr_instant now;          /* what its core is told; read anew after every wait and every send */
    wr_instant arrived_ns;   /* the last batch */
    uint32_t verifying;      /* requests at the verifier */
    const struct wr_datagram *fed; /* the batch at work; tag n is fed[n - 1] */
    size_t fed_count;
    uint64_t to_wake; /* workers that were handed something, a bit each */
    struct rd_local_addresses addresses;
    struct rd_net_counters net;
    struct rd_histogram forward_latency_ns;
    struct rd_histogram batch_size;

    struct rd_worker_snapshot last; /* that was answered in time; the asking thread's */
};

_Static_assert(RD_WORKERS_MAX <= 64, "to_wake has a bit for each");

/* worker.c. What other threads laid ready: results, datagrams handed over, orders. */
void rd_worker_attend(struct rd_worker *worker);

/* worker_data.c. What is received from the socket, without waiting or (where `wait`) until
 * something comes or about 2 ms have passed; false where nothing came. */
bool rd_worker_receive(struct rd_worker *worker, bool wait);
/* What other workers handed over. */
void rd_worker_drain_ring(struct rd_worker *worker);
/* Looks again at bare packets that had come early. */
void rd_worker_look_again(struct rd_worker *worker);
/* Sends what is queued. Reads the clock anew. Returns the number of datagrams the kernel took. */
size_t rd_worker_flush(struct rd_worker *worker);

/* worker_events.c. */
struct wr_environment rd_worker_environment(struct rd_worker *worker);

/* worker_orders.c. What lies in the mailbox, as much as about a millisecond allows; true where
 * there may be more. */
bool rd_worker_obey(struct rd_worker *worker);

#endif
