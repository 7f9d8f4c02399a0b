/*
 * Orders to a worker from other threads: keys, bans, limits, drain, "show yourself", stop. Any
 * thread puts them in, one takes them out, and they come in the order they were put. Neither side
 * ever waits for the other: a list with one atomic head. Owns the orders while they lie here;
 * waking the worker is the worker's business.
 */
#ifndef RD_MAILBOX_H
#define RD_MAILBOX_H

#include "ban_file.h"
#include "own_addresses.h"
#include "snapshot.h"

#include <semaphore.h>
#include <stdatomic.h>

enum rd_order_kind {
    RD_ORDER_KEY_ADD,
    RD_ORDER_KEY_RETIRE,
    RD_ORDER_KEY_REVOKE,
    RD_ORDER_BAN,
    RD_ORDER_UNBAN,
    RD_ORDER_SET_LIMITS,
    RD_ORDER_SET_OWN_ADDRESSES,
    RD_ORDER_DRAIN,
    RD_ORDER_SNAPSHOT,
    RD_ORDER_STOP,
};

/* A question and its answer. Whoever asked may have lost patience by the time it comes, so both
 * sides hold it, and the last one to let go frees it. */
struct rd_snapshot_slip {
    _Atomic int holders;
    sem_t answered;           /* for the wait */
    _Atomic bool is_answered; /* for the order of memory: `snapshot` is written before it */
    struct rd_worker_snapshot snapshot;
};
/* Held by two; NULL where memory is short. */
struct rd_snapshot_slip *rd_snapshot_slip_create(void);
void rd_snapshot_slip_let_go(struct rd_snapshot_slip *slip);

struct rd_order {
    struct rd_order *next; /* the mailbox's */
    enum rd_order_kind kind;
    union {
        struct {
            char kid[WR_KID_BYTES_MAX + 1];
            uint8_t bytes[WR_PUBLIC_KEY_BYTES];
            enum wr_key_standing standing;
        } key;
        char sub[RD_SUB_BYTES_MAX + 1];
        struct wr_relay_config limits; /* its pointers mean nothing: the worker puts in its own */
        struct rd_own_addresses own;
        struct rd_snapshot_slip *slip; /* one hold on it */
    };
};

struct rd_mailbox {
    _Atomic(struct rd_order *) newest;
};

void rd_mailbox_start(struct rd_mailbox *mailbox);
/* An order to fill in, all zero besides; NULL where memory is short. */
struct rd_order *rd_order_create(enum rd_order_kind kind);
/* From any thread. The mailbox owns the order from now on. */
void rd_mailbox_put(struct rd_mailbox *mailbox, struct rd_order *order);
/* On the owner's thread: all that lie there, the oldest first, linked by `next`; NULL for none.
 * Each is given back by rd_order_free. */
struct rd_order *rd_mailbox_take(struct rd_mailbox *mailbox);
/* Lets go of what the order holds, too. */
void rd_order_free(struct rd_order *order);
/* And those linked behind it. NULL is allowed. */
void rd_order_free_all(struct rd_order *order);
/* Frees what nobody took. No thread may put anything in any more. */
void rd_mailbox_end(struct rd_mailbox *mailbox);

#endif
