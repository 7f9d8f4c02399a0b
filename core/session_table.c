#include "session_table.h"

#include "address.h"
#include "fault.h"

#include <assert.h>

void wr_session_table_layout(struct wr_session_table *table, struct wr_arena *arena,
                             uint32_t capacity)
{
    /* Sessions are found by id for every datagram, by address for bare ones only. */
    uint32_t id_heads = wr_power_of_two(capacity) * 2;
    uint32_t address_heads = wr_power_of_two(capacity / 2 + 1);
    table->capacity = capacity;
    table->id_mask = id_heads - 1;
    table->address_mask = address_heads - 1;
    table->sessions = wr_arena_take(arena, capacity, sizeof *table->sessions);
    table->id_heads = wr_arena_take(arena, id_heads, sizeof *table->id_heads);
    table->address_heads[0] = wr_arena_take(arena, address_heads, sizeof *table->address_heads[0]);
    table->address_heads[1] = wr_arena_take(arena, address_heads, sizeof *table->address_heads[1]);
    table->heap = wr_arena_take(arena, capacity, sizeof *table->heap);
}

/* Heads and free links hold slot + 1, so that memory that was never touched reads as "none". */
void wr_session_table_start(struct wr_session_table *table)
{
    table->count = 0;
    table->active = 0;
    table->free = 0;
    table->oldest = WR_SLOT_NONE;
    table->newest = WR_SLOT_NONE;
    table->numbers = 0;
}

struct wr_session *wr_session_table_find(struct wr_session_table *table,
                                         const struct wr_session_id *id, uint64_t hash)
{
    uint32_t link = table->id_heads[hash & table->id_mask];
    while (link != 0) {
        struct wr_session *session = &table->sessions[link - 1];
        if (memcmp(&session->id, id, sizeof *id) == 0)
            return session;
        link = session->next;
    }
    return NULL;
}

void wr_session_table_prefetch_head(const struct wr_session_table *table, uint64_t hash)
{
    __builtin_prefetch(&table->id_heads[hash & table->id_mask]);
}

void wr_session_table_prefetch_first(const struct wr_session_table *table, uint64_t hash)
{
    uint32_t link = table->id_heads[hash & table->id_mask];
    if (link != 0)
        __builtin_prefetch(&table->sessions[link - 1], 1);
}

void wr_session_table_prefetch_session(const struct wr_session *session, uint32_t sequence)
{
    const char *head = (const char *)session;
    for (size_t at = 64; at < offsetof(struct wr_session, seats); at += 64)
        __builtin_prefetch(head + at, 1);
    for (int role = 0; role < WR_ROLES; role++) {
        const char *seat = (const char *)&session->seats[role];
        for (size_t at = 0; at <= offsetof(struct wr_seat, replay.passes); at += 64)
            __builtin_prefetch(seat + at, 1);
        __builtin_prefetch(&session->seats[role].replay.passes[sequence % WR_REPLAY_WINDOW / 32],
                           1);
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* Slots are taken from the free list, or else in order: `count` counts those in use, and the ones
 * never used lie behind all that ever were. */
static uint32_t take_slot(struct wr_session_table *table)
{
    if (table->free != 0) {
        uint32_t slot = table->free - 1;
        table->free = table->sessions[slot].next;
        return slot;
    }
    return table->count;
}

static bool earlier(const struct wr_session_table *table, const struct wr_deadline *a,
                    const struct wr_deadline *b)
{
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns;
    if (WR_FAULT(table_ties_by_slot))
        return a->slot < b->slot;
    return table->sessions[a->slot].number < table->sessions[b->slot].number;
}

static void heap_set(struct wr_session_table *table, uint32_t at, struct wr_deadline deadline)
{
    table->heap[at] = deadline;
    table->sessions[deadline.slot].heap_at = at;
}

static void heap_up(struct wr_session_table *table, uint32_t at, struct wr_deadline deadline)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 4;
        if (!earlier(table, &deadline, &table->heap[parent]))
            break;
        heap_set(table, at, table->heap[parent]);
        at = parent;
    }
    heap_set(table, at, deadline);
}

static void heap_down(struct wr_session_table *table, uint32_t at, struct wr_deadline deadline)
{
    for (;;) {
        uint64_t first = (uint64_t)at * 4 + 1;
        if (first >= table->count)
            break;
        uint32_t best = (uint32_t)first;
        for (uint32_t child = best + 1; child < first + 4 && child < table->count; child++) {
            if (earlier(table, &table->heap[child], &table->heap[best]))
                best = child;
        }
        if (!earlier(table, &table->heap[best], &deadline))
            break;
        heap_set(table, at, table->heap[best]);
        at = best;
    }
    heap_set(table, at, deadline);
}

struct wr_session *wr_session_table_add(struct wr_session_table *table,
                                        const struct wr_session_id *id)
{
    if (table->count == table->capacity)
        return NULL;
    uint32_t slot = take_slot(table);
    uint64_t hash = wr_session_table_hash(table, id);
    struct wr_session *session = &table->sessions[slot];
    memset(session, 0, sizeof *session);
    session->id = *id;
    session->number = table->numbers++;
    session->next = table->id_heads[hash & table->id_mask];
    table->id_heads[hash & table->id_mask] = slot + 1;
    session->older = table->newest;
    session->newer = WR_SLOT_NONE;
    *(table->newest != WR_SLOT_NONE ? &table->sessions[table->newest].newer : &table->oldest) =
        slot;
    table->newest = slot;
    table->count++;
    heap_up(table, table->count - 1, (struct wr_deadline){WR_NEVER, slot});
    return session;
}

void wr_session_table_remove(struct wr_session_table *table, struct wr_session *session)
{
    uint32_t slot = wr_session_slot(table, session);
    uint64_t hash = wr_session_table_hash(table, &session->id);
    assert(!session->seats[0].is_bound && !session->seats[1].is_bound);
    if (session->state == WR_SESSION_ACTIVE)
        table->active--;
    uint32_t *link = &table->id_heads[hash & table->id_mask];
    while (*link != slot + 1)
        link = &table->sessions[*link - 1].next;
    *link = session->next;
    *(session->older != WR_SLOT_NONE ? &table->sessions[session->older].newer : &table->oldest) =
        session->newer;
    *(session->newer != WR_SLOT_NONE ? &table->sessions[session->newer].older : &table->newest) =
        session->older;
    uint32_t at = session->heap_at;
    table->count--;
    if (at != table->count) {
        struct wr_deadline last = table->heap[table->count];
        if (at > 0 && earlier(table, &last, &table->heap[(at - 1) / 4]) &&
            !WR_FAULT(table_hole_sinks))
            heap_up(table, at, last);
        else
            heap_down(table, at, last);
    }
    memset(&session->id, 0, sizeof session->id);
    session->next = table->free;
    table->free = slot + 1;
}

/* ---- By address ------------------------------------------------------------------------------ */

static struct wr_seat *seat_at(struct wr_session_table *table, uint32_t number)
{
    return &table->sessions[number / WR_ROLES].seats[number % WR_ROLES];
}

static uint32_t *address_head(struct wr_session_table *table, enum wr_session_state state,
                              const struct wr_address *address)
{
    uint64_t hash = wr_hash_bytes(table->key, address, sizeof *address);
    return &table->address_heads[state][hash & table->address_mask];
}

/* Links hold seat number + 1. */
static void index_add(struct wr_session_table *table, struct wr_session *session, enum wr_role role)
{
    struct wr_seat *seat = &session->seats[role];
    uint32_t link = wr_session_slot(table, session) * WR_ROLES + (uint32_t)role + 1;
    uint32_t *head = address_head(table, session->state, &seat->bound.address);
    seat->index_previous = 0;
    seat->index_next = *head;
    if (*head != 0)
        seat_at(table, *head - 1)->index_previous = link;
    *head = link;
}

static void index_remove(struct wr_session_table *table, struct wr_session *session,
                         enum wr_role role)
{
    struct wr_seat *seat = &session->seats[role];
    uint32_t *link = seat->index_previous != 0
                         ? &seat_at(table, seat->index_previous - 1)->index_next
                         : address_head(table, session->state, &seat->bound.address);
    *link = seat->index_next;
    if (seat->index_next != 0)
        seat_at(table, seat->index_next - 1)->index_previous = seat->index_previous;
}

void wr_session_table_bind(struct wr_session_table *table, struct wr_session *session,
                           enum wr_role role, const struct wr_route *route)
{
    struct wr_seat *seat = &session->seats[role];
    if (seat->is_bound)
        index_remove(table, session, role);
    seat->bound = *route;
    seat->is_bound = true;
    index_add(table, session, role);
}

void wr_session_table_unbind(struct wr_session_table *table, struct wr_session *session,
                             enum wr_role role)
{
    if (!session->seats[role].is_bound)
        return;
    index_remove(table, session, role);
    session->seats[role].is_bound = false;
}

void wr_session_table_set_state(struct wr_session_table *table, struct wr_session *session,
                                enum wr_session_state state)
{
    if (session->state == state)
        return;
    for (int role = 0; role < WR_ROLES; role++) {
        if (session->seats[role].is_bound)
            index_remove(table, session, (enum wr_role)role);
    }
    session->state = state;
    for (int role = 0; role < WR_ROLES; role++) {
        if (session->seats[role].is_bound)
            index_add(table, session, (enum wr_role)role);
    }
    if (state == WR_SESSION_ACTIVE)
        table->active++;
    else
        table->active--;
}

static uint32_t find_bound(struct wr_session_table *table, uint32_t link,
                           const struct wr_address *address)
{
    while (link != 0 && !wr_address_equal(&seat_at(table, link - 1)->bound.address, address))
        link = seat_at(table, link - 1)->index_next;
    return link;
}

enum wr_bound wr_session_table_binding(struct wr_session_table *table,
                                       const struct wr_address *address,
                                       struct wr_session **session, enum wr_role *role)
{
    uint32_t first = find_bound(table, *address_head(table, WR_SESSION_ACTIVE, address), address);
    if (first == 0) {
        uint32_t head = *address_head(table, WR_SESSION_WAITING_PEER, address);
        return find_bound(table, head, address) != 0 ? WR_BOUND_WAITING : WR_BOUND_NOWHERE;
    }
    if (find_bound(table, seat_at(table, first - 1)->index_next, address) != 0)
        return WR_BOUND_AMBIGUOUS;
    *session = &table->sessions[(first - 1) / WR_ROLES];
    *role = (first - 1) % WR_ROLES == 0 ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
    return WR_BOUND_ONCE;
}

/* ---- Deadlines ------------------------------------------------------------------------------- */

void wr_session_table_schedule(struct wr_session_table *table, struct wr_session *session,
                               wr_instant at_ns)
{
    if (at_ns < table->heap[session->heap_at].at_ns)
        wr_session_table_reschedule(table, session, at_ns);
}

void wr_session_table_reschedule(struct wr_session_table *table, struct wr_session *session,
                                 wr_instant at_ns)
{
    struct wr_deadline deadline = {at_ns, wr_session_slot(table, session)};
    uint32_t at = session->heap_at;
    if (at > 0 && earlier(table, &deadline, &table->heap[(at - 1) / 4]))
        heap_up(table, at, deadline);
    else
        heap_down(table, at, deadline);
}
