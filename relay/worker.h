/*
 * A worker: one thread, one core, one socket. It receives, hands over what belongs elsewhere, feeds
 * the core, sends in batches, acts on deadlines, takes results of the verifier and orders from the
 * control thread. Nothing of its data path is shared with another worker.
 */
#ifndef RD_WORKER_H
#define RD_WORKER_H

#include "address_owners.h"
#include "error.h"
#include "handover.h"
#include "options.h"
#include "own_addresses.h"
#include "snapshot.h"
#include "verifier.h"

/* What all workers of a process share, set up before any starts. */
struct rd_worker_group {
    const struct rd_options *options; /* those it was started with */
    const char *relay_id;
    struct wr_address bound;     /* where the sockets are */
    struct rd_own_addresses own; /* those a worker starts with */
    uint32_t verify_rate;
    uint32_t count;
    struct wr_shared *shared; /* limits that hold over all cores */
    struct rd_verifier *verifier;
    struct rd_address_owners *owners; /* NULL with one worker */
    struct rd_worker *workers[RD_WORKERS_MAX];
    /* Called on a worker's thread; must not block. */
    void (*key_wanted)(void *context);
    void (*drained)(void *context, uint32_t worker);
    void *context;
};

struct rd_worker;

/* Takes all memory and owns `fd` from then on; the thread runs from rd_worker_start. */
struct rd_worker *rd_worker_create(struct rd_worker_group *group, uint32_t index, int fd,
                                   struct rd_error *error);
/* Before it is started: carries out what was ordered so far, on this thread. */
void rd_worker_settle(struct rd_worker *worker);
bool rd_worker_start(struct rd_worker *worker, struct rd_error *error);

/* Something lies ready for it (an order, a result, a datagram in its ring). From any thread. */
void rd_worker_wake(struct rd_worker *worker);

/* Orders, from any thread; each is carried out in the order given. Where one finds no memory it is
 * logged as lost. */
void rd_worker_key_add(struct rd_worker *worker, const char *kid,
                       const uint8_t key[WR_PUBLIC_KEY_BYTES], enum wr_key_standing standing);
void rd_worker_key_retire(struct rd_worker *worker, const uint8_t key[WR_PUBLIC_KEY_BYTES]);
void rd_worker_key_revoke(struct rd_worker *worker, const uint8_t key[WR_PUBLIC_KEY_BYTES]);
void rd_worker_ban(struct rd_worker *worker, const char *sub);
void rd_worker_unban(struct rd_worker *worker, const char *sub);
/* What differs from before takes effect; relay_id, addresses and `shared` stay the worker's own. */
void rd_worker_set_limits(struct rd_worker *worker, const struct wr_relay_config *config);
/* Copied. */
void rd_worker_set_own_addresses(struct rd_worker *worker, const struct rd_own_addresses *own);
void rd_worker_drain(struct rd_worker *worker);

/* Sessions it has now: a number that may be read at any time. */
uint32_t rd_worker_sessions(const struct rd_worker *worker);
/* The sum over all workers: counters and gauges added up, keys and generation the highest, draining
 * where one is, drained where all are. Waits for up to a second in all; a worker that did not
 * answer by then counts with what it answered last, and the result is false. One caller at a time.
 */
bool rd_workers_snapshot(struct rd_worker_group *group, struct rd_worker_snapshot *sum);

/* Ends the thread; what other threads still ask of the worker is without effect. */
void rd_worker_halt(struct rd_worker *worker);
/* Gives everything back, once nobody can name the worker any more. NULL is allowed. */
void rd_worker_destroy(struct rd_worker *worker);

#endif
