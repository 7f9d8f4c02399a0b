#include "verify_queue.h"

#include "address.h"
#include "fault.h"

#include <assert.h>

#define CHAINS 4096

void wr_verify_queue_layout(struct wr_verify_queue *queue, struct wr_arena *arena)
{
    queue->requests = wr_arena_take(arena, WR_VERIFY_REQUESTS, sizeof *queue->requests);
    for (int i = 0; i < WR_VERIFY_INDEXES; i++)
        queue->chains[i] = wr_arena_take(arena, CHAINS, sizeof *queue->chains[i]);
}

void wr_verify_queue_start(struct wr_verify_queue *queue, uint32_t per_second,
                           struct wr_shared_bucket *budget)
{
    for (int index = 0; index < WR_VERIFY_INDEXES; index++) {
        for (uint32_t i = 0; i < CHAINS; i++)
            queue->chains[index][i] = (struct wr_verify_chain){WR_VERIFY_NONE, WR_VERIFY_NONE};
    }
    for (int i = 0; i < WR_VERIFY_LISTS; i++)
        queue->lists[i] = (struct wr_verify_list){WR_VERIFY_NONE, WR_VERIFY_NONE, 0};
    queue->free = WR_VERIFY_NONE;
    queue->fresh = 0;
    queue->rate = wr_rate_packets(per_second);
    queue->budget = budget;
}

bool wr_verify_queue_fits(const struct wr_verify_queue *queue, enum wr_verify_place place)
{
    uint32_t most = place == WR_VERIFY_KEY_WAIT ? WR_VERIFY_KEY_WAITERS : WR_VERIFY_QUEUE_MAX;
    return queue->lists[place].count < most;
}

uint32_t wr_verify_queue_id(const struct wr_verify_queue *queue,
                            const struct wr_verify_request *request)
{
    return (uint32_t)(request - queue->requests);
}

static struct wr_verify_chain *chain_of(const struct wr_verify_queue *queue,
                                        enum wr_verify_index index, const struct wr_address *from,
                                        const struct wr_session_id *session)
{
    uint8_t name[sizeof *from + sizeof *session];
    size_t bytes = sizeof *from;
    memcpy(name, from, sizeof *from);
    if (index != WR_VERIFY_BY_ADDRESS) {
        memcpy(name + sizeof *from, session, sizeof *session);
        bytes = sizeof name;
    }
    return &queue->chains[index][wr_hash_bytes(queue->key, name, bytes) % CHAINS];
}

static void chain_append(struct wr_verify_queue *queue, enum wr_verify_index index,
                         struct wr_verify_request *request)
{
    struct wr_verify_chain *chain =
        chain_of(queue, index, &request->origin.from, &request->origin.session);
    uint32_t at = wr_verify_queue_id(queue, request);
    request->chain[index][0] = chain->newest;
    request->chain[index][1] = WR_VERIFY_NONE;
    *(chain->newest != WR_VERIFY_NONE ? &queue->requests[chain->newest].chain[index][1]
                                      : &chain->oldest) = at;
    chain->newest = at;
}

static void chain_remove(struct wr_verify_queue *queue, enum wr_verify_index index,
                         struct wr_verify_request *request)
{
    struct wr_verify_chain *chain =
        chain_of(queue, index, &request->origin.from, &request->origin.session);
    uint32_t older = request->chain[index][0], newer = request->chain[index][1];
    *(older != WR_VERIFY_NONE ? &queue->requests[older].chain[index][1] : &chain->oldest) = newer;
    *(newer != WR_VERIFY_NONE ? &queue->requests[newer].chain[index][0] : &chain->newest) = older;
}

/* No datagram more is held with it. */
static void leave_holders(struct wr_verify_queue *queue, struct wr_verify_request *request)
{
    chain_remove(queue, WR_VERIFY_BY_ADDRESS, request);
    chain_remove(queue, WR_VERIFY_BY_SESSION, request);
}

static void list_append(struct wr_verify_queue *queue, enum wr_verify_place place,
                        struct wr_verify_request *request, wr_instant now)
{
    struct wr_verify_list *list = &queue->lists[place];
    uint32_t at = wr_verify_queue_id(queue, request);
    request->place = place;
    request->joined_ns = now;
    request->older = list->newest;
    request->newer = WR_VERIFY_NONE;
    *(list->newest != WR_VERIFY_NONE ? &queue->requests[list->newest].newer : &list->oldest) = at;
    list->newest = at;
    list->count++;
}

static void list_remove(struct wr_verify_queue *queue, struct wr_verify_request *request)
{
    struct wr_verify_list *list = &queue->lists[request->place];
    *(request->older != WR_VERIFY_NONE ? &queue->requests[request->older].newer : &list->oldest) =
        request->newer;
    *(request->newer != WR_VERIFY_NONE ? &queue->requests[request->newer].older : &list->newest) =
        request->older;
    list->count--;
}

struct wr_verify_request *wr_verify_queue_join(struct wr_verify_queue *queue,
                                               enum wr_verify_place place,
                                               const struct wr_lease_origin *origin, wr_instant now)
{
    uint32_t at = queue->free != WR_VERIFY_NONE ? queue->free : queue->fresh++;
    assert(at < WR_VERIFY_REQUESTS); /* every list has its places */
    struct wr_verify_request *request = &queue->requests[at];
    if (at == queue->free)
        queue->free = request->newer;
    queue->pending++;
    request->origin = *origin;
    request->held_count = 0;
    request->released = false;
    request->arrived_ns = now;
    request->number = queue->numbers++;
    for (int index = 0; index < WR_VERIFY_INDEXES; index++)
        chain_append(queue, (enum wr_verify_index)index, request);
    list_append(queue, place, request, now);
    return request;
}

bool wr_verify_queue_rejoin(struct wr_verify_queue *queue, struct wr_verify_request *request,
                            wr_instant now)
{
    enum wr_verify_place place = request->first ? WR_VERIFY_FIRST : WR_VERIFY_SECOND;
    assert(request->place == WR_VERIFY_KEY_WAIT);
    if (!wr_verify_queue_fits(queue, place))
        return false;
    list_remove(queue, request);
    list_append(queue, place, request, now);
    if (WR_FAULT(queue_late_by_arrival))
        request->joined_ns = request->arrived_ns;
    return true;
}

void wr_verify_queue_leave(struct wr_verify_queue *queue, struct wr_verify_request *request)
{
    uint32_t at = wr_verify_queue_id(queue, request);
    assert(request->place != WR_VERIFY_FREE);
    if (request->place == WR_VERIFY_OUT)
        queue->out--;
    else
        list_remove(queue, request);
    if (request->held_count < WR_VERIFY_HELD_MAX)
        leave_holders(queue, request);
    chain_remove(queue, WR_VERIFY_ALL, request);
    request->place = WR_VERIFY_FREE;
    request->newer = queue->free;
    queue->free = at;
    queue->pending--;
}

static bool out_wanted(const struct wr_verify_queue *queue)
{
    return queue->out < WR_VERIFICATIONS_OUT &&
           queue->lists[WR_VERIFY_FIRST].count + queue->lists[WR_VERIFY_SECOND].count > 0;
}

struct wr_verify_request *wr_verify_queue_next_out(struct wr_verify_queue *queue, wr_instant now)
{
    if (!out_wanted(queue) ||
        (!WR_FAULT(verify_without_budget) &&
         !wr_shared_draw(queue->budget, queue->rate.cost_ns, queue->rate.burst_ns, now)))
        return NULL;
    uint32_t at = queue->lists[WR_VERIFY_FIRST].count > 0 ? queue->lists[WR_VERIFY_FIRST].oldest
                                                          : queue->lists[WR_VERIFY_SECOND].oldest;
    struct wr_verify_request *request = &queue->requests[at];
    list_remove(queue, request);
    request->place = WR_VERIFY_OUT;
    queue->out++;
    return request;
}

wr_instant wr_verify_queue_budget_deadline(const struct wr_verify_queue *queue, wr_instant now)
{
    return out_wanted(queue) ? wr_rate_next(&queue->rate, wr_shared_tat(queue->budget), now)
                             : WR_NEVER;
}

/* Each list is in the order of joining, so its oldest runs out of time first. */
static uint32_t first_to_time_out(const struct wr_verify_queue *queue)
{
    uint32_t first = WR_VERIFY_NONE;
    for (int i = 0; i < WR_VERIFY_LISTS; i++) {
        uint32_t at = queue->lists[i].oldest;
        if (at == WR_VERIFY_NONE)
            continue;
        const struct wr_verify_request *request = &queue->requests[at];
        if (first == WR_VERIFY_NONE || request->joined_ns < queue->requests[first].joined_ns ||
            (request->joined_ns == queue->requests[first].joined_ns &&
             request->number < queue->requests[first].number))
            first = at;
    }
    return first;
}

wr_instant wr_verify_queue_timeout_deadline(const struct wr_verify_queue *queue)
{
    uint32_t at = first_to_time_out(queue);
    return at == WR_VERIFY_NONE ? WR_NEVER
                                : wr_after(queue->requests[at].joined_ns, WR_VERIFY_TIMEOUT_NS);
}

struct wr_verify_request *wr_verify_queue_timed_out(struct wr_verify_queue *queue, wr_instant now)
{
    return wr_verify_queue_timeout_deadline(queue) <= now
               ? &queue->requests[first_to_time_out(queue)]
               : NULL;
}

void wr_verify_queue_hold(struct wr_verify_queue *queue, struct wr_verify_request *request,
                          uint32_t held)
{
    assert(request->held_count < WR_VERIFY_HELD_MAX);
    request->held[request->held_count++] = held;
    if (request->held_count == WR_VERIFY_HELD_MAX)
        leave_holders(queue, request);
}

static bool is_of(const struct wr_verify_request *request, const struct wr_address *from,
                  const struct wr_session_id *session)
{
    return wr_address_equal(&request->origin.from, from) &&
           (session == NULL || memcmp(&request->origin.session, session, sizeof *session) == 0);
}

/* The first one from `at` on in a chain; other names may share it. */
static struct wr_verify_request *find_in_chain(struct wr_verify_queue *queue,
                                               enum wr_verify_index index, uint32_t at,
                                               const struct wr_address *from,
                                               const struct wr_session_id *session)
{
    while (at != WR_VERIFY_NONE && !is_of(&queue->requests[at], from, session))
        at = queue->requests[at].chain[index][1];
    return at != WR_VERIFY_NONE ? &queue->requests[at] : NULL;
}

struct wr_verify_request *wr_verify_queue_holder(struct wr_verify_queue *queue,
                                                 const struct wr_address *from,
                                                 const struct wr_session_id *session)
{
    if (queue->pending == 0)
        return NULL;
    enum wr_verify_index index = session != NULL ? WR_VERIFY_BY_SESSION : WR_VERIFY_BY_ADDRESS;
    const struct wr_verify_chain *chain = chain_of(queue, index, from, session);
    return find_in_chain(
        queue, index, WR_FAULT(queue_newest_holder) ? chain->newest : chain->oldest, from, session);
}

struct wr_verify_request *wr_verify_queue_pending(struct wr_verify_queue *queue,
                                                  const struct wr_address *from,
                                                  const struct wr_session_id *session,
                                                  const struct wr_verify_request *before)
{
    uint32_t at = before != NULL ? before->chain[WR_VERIFY_ALL][1]
                                 : chain_of(queue, WR_VERIFY_ALL, from, session)->oldest;
    return find_in_chain(queue, WR_VERIFY_ALL, at, from, session);
}
