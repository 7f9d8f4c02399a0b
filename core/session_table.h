/*
 * All sessions of a relay, in memory taken once: the index by session id, two indexes by bound
 * address (of active and of waiting sessions), the order of creation, and a heap of deadlines. A
 * full table is the caller's outcome. Knows nothing of the protocol but who is bound where.
 */
#ifndef WR_SESSION_TABLE_H
#define WR_SESSION_TABLE_H

#include "arena.h"
#include "session.h"

/* A seat's number in the address indexes: two to a slot. */
#define WR_SEAT_NONE UINT32_MAX

struct wr_deadline {
    wr_instant at_ns; /* never later than the session's true deadline */
    uint32_t slot;
};

struct wr_session_table {
    struct wr_session *sessions;
    uint32_t *id_heads;
    uint32_t *address_heads[2]; /* by enum wr_session_state */
    struct wr_deadline *heap;
    uint32_t capacity;
    uint32_t id_mask;
    uint32_t address_mask;
    uint32_t count;
    uint32_t active;
    uint32_t free;
    uint32_t oldest, newest;
    uint64_t numbers;
    uint8_t key[WR_HASH_KEY_BYTES];
};

void wr_session_table_layout(struct wr_session_table *table, struct wr_arena *arena,
                             uint32_t capacity);
void wr_session_table_start(struct wr_session_table *table);

static inline uint64_t wr_session_table_hash(const struct wr_session_table *table,
                                             const struct wr_session_id *id)
{
    return wr_hash_bytes(table->key, id->bytes, sizeof id->bytes);
}

/* NULL where there is no such session. `hash` is wr_session_table_hash of `id`. */
struct wr_session *wr_session_table_find(struct wr_session_table *table,
                                         const struct wr_session_id *id, uint64_t hash);

/* The same, where an earlier lookup in the batch found `hint` (NULL: nothing): what happened since
 * may have removed it, or put another session into its place. */
static inline struct wr_session *wr_session_table_find_again(struct wr_session_table *table,
                                                             const struct wr_session_id *id,
                                                             uint64_t hash, struct wr_session *hint)
{
    bool still = hint != NULL && memcmp(&hint->id, id, sizeof *id) == 0;
    return still ? hint : wr_session_table_find(table, id, hash);
}

/* Pull towards the cache what a batch will touch, a round over the whole batch each: the head of a
 * hash, the first session behind it, and (when it was found) what a FORWARD with this sequence
 * reads and writes of a session. */
void wr_session_table_prefetch_head(const struct wr_session_table *table, uint64_t hash);
void wr_session_table_prefetch_first(const struct wr_session_table *table, uint64_t hash);
void wr_session_table_prefetch_session(const struct wr_session *session, uint32_t sequence);

/* The rest of both seats: leases, candidates, memories. For what reads them soon, not at once. */
static inline void wr_session_table_prefetch_seats(const struct wr_session *session)
{
    const char *seats = (const char *)session->seats;
    for (size_t at = 0; at < sizeof session->seats; at += 64)
        __builtin_prefetch(seats + at, 1);
}

/* A new session, zeroed but for its id, WAITING_PEER, without a deadline yet; NULL when full. */
struct wr_session *wr_session_table_add(struct wr_session_table *table,
                                        const struct wr_session_id *id);

/* Takes it out of every index. Both seats must have been unbound by wr_session_table_unbind. */
void wr_session_table_remove(struct wr_session_table *table, struct wr_session *session);

static inline uint32_t wr_session_slot(const struct wr_session_table *table,
                                       const struct wr_session *session)
{
    return (uint32_t)(session - table->sessions);
}

/* Binds a seat to a route and keeps the address index true. Rebinding is allowed. */
void wr_session_table_bind(struct wr_session_table *table, struct wr_session *session,
                           enum wr_role role, const struct wr_route *route);
void wr_session_table_unbind(struct wr_session_table *table, struct wr_session *session,
                             enum wr_role role);

/* Changes the state and moves the bound seats to the index of that state. */
void wr_session_table_set_state(struct wr_session_table *table, struct wr_session *session,
                                enum wr_session_state state);

/* How an address is bound, and for WR_BOUND_ONCE where. */
enum wr_bound wr_session_table_binding(struct wr_session_table *table,
                                       const struct wr_address *address,
                                       struct wr_session **session, enum wr_role *role);

/* Lets the heap know that a session's deadline is `at_ns`; only an earlier one moves anything (a
 * later one is found out when the old one comes). */
void wr_session_table_schedule(struct wr_session_table *table, struct wr_session *session,
                               wr_instant at_ns);

/* The same, also where the new deadline is later. */
void wr_session_table_reschedule(struct wr_session_table *table, struct wr_session *session,
                                 wr_instant at_ns);

static inline wr_instant wr_session_table_next_deadline(const struct wr_session_table *table)
{
    return table->count > 0 ? table->heap[0].at_ns : WR_NEVER;
}

/* The session with the earliest deadline; of equal ones the one that was created first. */
static inline struct wr_session *wr_session_table_first(struct wr_session_table *table)
{
    return &table->sessions[table->heap[0].slot];
}

#endif
