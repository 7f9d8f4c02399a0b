/*
 * Leases whose signature is to be checked (section 2): two queues of 512, those that wait for a
 * key, and the ones that are out with the environment, at most four. Owns their order, their time
 * and their places; what a verdict means is the lease path's to know.
 */
#ifndef WR_VERIFY_QUEUE_H
#define WR_VERIFY_QUEUE_H

#include "arena.h"
#include "claims.h"
#include "gcra.h"
#include "keyed_hash.h"
#include "paseto.h"
#include "shared.h"

#include <wavry/relay.h>

#define WR_VERIFY_QUEUE_MAX   512 /* of each queue */
#define WR_VERIFY_KEY_WAITERS 64
#define WR_VERIFY_REQUESTS    (2 * WR_VERIFY_QUEUE_MAX + WR_VERIFY_KEY_WAITERS + WR_VERIFICATIONS_OUT)
#define WR_VERIFY_TIMEOUT_NS  (2 * WR_S)
#define WR_VERIFY_HELD_MAX    2 /* datagrams held with one request */
#define WR_VERIFY_NONE        UINT32_MAX

/* Where a request is. The first three are lists, in the order of joining. */
enum wr_verify_place {
    WR_VERIFY_FIRST,    /* the queue of those with a cookie or from a bound address */
    WR_VERIFY_SECOND,   /* the queue of all others */
    WR_VERIFY_KEY_WAIT, /* waits for its kid */
    WR_VERIFY_LISTS,
    WR_VERIFY_OUT = WR_VERIFY_LISTS,
    WR_VERIFY_FREE,
};

/* What is known of a lease packet while its verdict is pending. */
struct wr_lease_origin {
    struct wr_address from;
    uint32_t via;
    uint32_t size; /* of its datagram */
    uint64_t tag;
    struct wr_session_id session;
    enum wr_role presented_role;
    bool renew;        /* a LEASE_RENEW with a token: leaves the replay window alone */
    bool cookie_valid; /* it carried a valid path cookie when it arrived */
};

/* Pending requests are found by their source address, and by that and their session, the oldest
 * first, while they can hold a datagram more: however many leases an address has pending, one that
 * finds no place costs nothing. A third index has all of a source address and session. */
enum wr_verify_index {
    WR_VERIFY_BY_ADDRESS,
    WR_VERIFY_BY_SESSION,
    WR_VERIFY_ALL,
    WR_VERIFY_INDEXES
};

struct wr_verify_request {
    enum wr_verify_place place;
    bool first;    /* belongs into the first queue */
    bool released; /* its peer left while it was pending: it is not judged any more */
    uint8_t held_count;
    uint32_t older, newer; /* neighbours in its list; `newer` also links free places */
    uint32_t chain[WR_VERIFY_INDEXES][2]; /* older and newer with the same head */
    uint32_t held[WR_VERIFY_HELD_MAX];
    wr_instant joined_ns; /* its list */
    wr_instant arrived_ns;
    uint64_t number; /* order of arrival over all lists */
    struct wr_lease_origin origin;
    uint32_t message_size;
    uint32_t key_count;       /* of the keys it went out with */
    uint64_t ring_generation; /* of the ring they were taken from */
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    uint8_t token_hash[WR_TOKEN_HASH_BYTES];
    uint8_t signature[WR_SIGNATURE_BYTES];
    uint8_t message[WR_SIGNING_INPUT_BYTES_MAX];
    struct wr_claims claims;
};

struct wr_verify_list {
    uint32_t oldest, newest, count;
};

struct wr_verify_chain {
    uint32_t oldest, newest;
};

struct wr_verify_queue {
    struct wr_verify_request *requests;
    struct wr_verify_chain *chains[WR_VERIFY_INDEXES];
    struct wr_verify_list lists[WR_VERIFY_LISTS];
    uint32_t free;  /* a list of places that were used and are free again */
    uint32_t fresh; /* places from here on were never used: their pages stay untouched */
    uint32_t out;
    uint32_t pending; /* in the lists or out */
    uint64_t numbers;
    struct wr_rate rate;
    struct wr_shared_bucket *budget; /* borrowed */
    uint8_t key[WR_HASH_KEY_BYTES];
};

void wr_verify_queue_layout(struct wr_verify_queue *queue, struct wr_arena *arena);

/* Empties everything; what goes out draws on `budget`. `queue->key` is the caller's to fill before
 * or after. */
void wr_verify_queue_start(struct wr_verify_queue *queue, uint32_t per_second,
                           struct wr_shared_bucket *budget);

/* Is there room in this list? */
bool wr_verify_queue_fits(const struct wr_verify_queue *queue, enum wr_verify_place place);

/* A free request, already in the list and in the index; the caller fills the rest. Call only where
 * it fits. */
struct wr_verify_request *wr_verify_queue_join(struct wr_verify_queue *queue,
                                               enum wr_verify_place place,
                                               const struct wr_lease_origin *origin,
                                               wr_instant now);

/* Moves a request that waited for a key into its queue, anew. False where that is full. */
bool wr_verify_queue_rejoin(struct wr_verify_queue *queue, struct wr_verify_request *request,
                            wr_instant now);

/* Takes it out of the lists and the index; its contents stay until the next join. */
void wr_verify_queue_leave(struct wr_verify_queue *queue, struct wr_verify_request *request);

uint32_t wr_verify_queue_id(const struct wr_verify_queue *queue,
                            const struct wr_verify_request *request);

/* The request to send out now, moved to WR_VERIFY_OUT and charged to the budget; NULL for none. */
struct wr_verify_request *wr_verify_queue_next_out(struct wr_verify_queue *queue, wr_instant now);

/* When the budget allows the next one, WR_NEVER where none waits or four are out. */
wr_instant wr_verify_queue_budget_deadline(const struct wr_verify_queue *queue, wr_instant now);

/* The request whose two seconds are over first; NULL for none that is over at `now`. */
struct wr_verify_request *wr_verify_queue_timed_out(struct wr_verify_queue *queue, wr_instant now);
wr_instant wr_verify_queue_timeout_deadline(const struct wr_verify_queue *queue);

/* Notes the place of a datagram that is held with a request, which had room for it. One that is
 * full leaves the index: nobody walks past it. */
void wr_verify_queue_hold(struct wr_verify_queue *queue, struct wr_verify_request *request,
                          uint32_t held);

/* The oldest pending request from this address (of this session, where one is given) that can hold
 * one datagram more; NULL for none. */
struct wr_verify_request *wr_verify_queue_holder(struct wr_verify_queue *queue,
                                                 const struct wr_address *from,
                                                 const struct wr_session_id *session);

/* All pending requests of an address and session, oldest first, whatever they hold: the one behind
 * `before`, with NULL the first; NULL for none. */
struct wr_verify_request *wr_verify_queue_pending(struct wr_verify_queue *queue,
                                                  const struct wr_address *from,
                                                  const struct wr_session_id *session,
                                                  const struct wr_verify_request *before);

#endif
