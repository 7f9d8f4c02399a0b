/* What other threads ask of a worker, and how the worker carries it out. */
#include "worker_state.h"

#include "log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- On the asking thread ----------------------------------------------------------------------
 */

static struct rd_order *prepare(enum rd_order_kind kind)
{
    struct rd_order *order = rd_order_create(kind);
    if (order == NULL)
        RD_LOG(RD_LOG_ERROR, "order_lost", rd_text("why", "memory is short"),
               rd_number("order", kind));
    return order;
}

static void post(struct rd_worker *worker, struct rd_order *order)
{
    if (order == NULL)
        return;
    rd_mailbox_put(&worker->mailbox, order);
    rd_worker_wake(worker);
}

static void post_key(struct rd_worker *worker, enum rd_order_kind kind, const char *kid,
                     const uint8_t key[WR_PUBLIC_KEY_BYTES], enum wr_key_standing standing)
{
    struct rd_order *order = prepare(kind);
    if (order == NULL)
        return;
    (void)strncpy(order->key.kid, kid, sizeof order->key.kid - 1);
    memcpy(order->key.bytes, key, sizeof order->key.bytes);
    order->key.standing = standing;
    post(worker, order);
}

void rd_worker_key_add(struct rd_worker *worker, const char *kid,
                       const uint8_t key[WR_PUBLIC_KEY_BYTES], enum wr_key_standing standing)
{
    post_key(worker, RD_ORDER_KEY_ADD, kid, key, standing);
}

void rd_worker_key_retire(struct rd_worker *worker, const uint8_t key[WR_PUBLIC_KEY_BYTES])
{
    post_key(worker, RD_ORDER_KEY_RETIRE, "", key, WR_KEY_PINNED);
}

void rd_worker_key_revoke(struct rd_worker *worker, const uint8_t key[WR_PUBLIC_KEY_BYTES])
{
    post_key(worker, RD_ORDER_KEY_REVOKE, "", key, WR_KEY_PINNED);
}

static void post_sub(struct rd_worker *worker, enum rd_order_kind kind, const char *sub)
{
    struct rd_order *order = prepare(kind);
    if (order == NULL)
        return;
    assert(strlen(sub) <= RD_SUB_BYTES_MAX);
    (void)strncpy(order->sub, sub, sizeof order->sub - 1);
    post(worker, order);
}

void rd_worker_ban(struct rd_worker *worker, const char *sub)
{
    post_sub(worker, RD_ORDER_BAN, sub);
}

void rd_worker_unban(struct rd_worker *worker, const char *sub)
{
    post_sub(worker, RD_ORDER_UNBAN, sub);
}

void rd_worker_set_limits(struct rd_worker *worker, const struct wr_relay_config *config)
{
    struct rd_order *order = prepare(RD_ORDER_SET_LIMITS);
    if (order == NULL)
        return;
    order->limits = *config;
    post(worker, order);
}

void rd_worker_set_own_addresses(struct rd_worker *worker, const struct rd_own_addresses *own)
{
    struct rd_order *order = prepare(RD_ORDER_SET_OWN_ADDRESSES);
    if (order == NULL)
        return;
    order->own = *own;
    post(worker, order);
}

void rd_worker_drain(struct rd_worker *worker)
{
    post(worker, prepare(RD_ORDER_DRAIN));
}

void rd_worker_halt(struct rd_worker *worker)
{
    if (!worker->running)
        return;
    struct rd_order *order = prepare(RD_ORDER_STOP);
    assert(order != NULL); /* there is no other way to end the thread */
    post(worker, order);
    (void)pthread_join(worker->thread, NULL);
    worker->running = false;
}

uint32_t rd_worker_sessions(const struct rd_worker *worker)
{
    return atomic_load_explicit(&worker->sessions, memory_order_relaxed);
}

/* ---- Snapshots ---------------------------------------------------------------------------------
 */

static struct rd_snapshot_slip *ask(struct rd_worker *worker)
{
    struct rd_order *order = prepare(RD_ORDER_SNAPSHOT);
    if (order == NULL)
        return NULL;
    order->slip = rd_snapshot_slip_create();
    if (order->slip == NULL) {
        rd_order_free(order);
        return NULL;
    }
    struct rd_snapshot_slip *slip = order->slip;
    post(worker, order);
    return slip;
}

static bool answered_by(struct rd_snapshot_slip *slip, const struct timespec *deadline)
{
    int result;
    do
        result = sem_clockwait(&slip->answered, CLOCK_MONOTONIC, deadline);
    while (result != 0 && errno == EINTR);
    return result == 0 && atomic_load_explicit(&slip->is_answered, memory_order_acquire);
}

static void add_numbers(uint64_t *sum, const uint64_t *numbers, size_t bytes)
{
    for (size_t i = 0; i < bytes / sizeof *sum; i++)
        sum[i] += numbers[i];
}

static void add(struct rd_worker_snapshot *sum, const struct rd_worker_snapshot *one)
{
    /* Both are counters of 64 bits and nothing else. */
    _Static_assert(sizeof(struct wr_counters) % sizeof(uint64_t) == 0, "numbers only");
    add_numbers((uint64_t *)&sum->core.counters, (const uint64_t *)&one->core.counters,
                sizeof sum->core.counters);
    add_numbers((uint64_t *)&sum->net, (const uint64_t *)&one->net, sizeof sum->net);
    sum->core.held += one->core.held;
    sum->core.pending += one->core.pending;
    sum->core.sessions_waiting += one->core.sessions_waiting;
    sum->core.sessions_active += one->core.sessions_active;
    sum->core.queue_depth += one->core.queue_depth;
    if (one->core.key_ring_generation > sum->core.key_ring_generation)
        sum->core.key_ring_generation = one->core.key_ring_generation;
    if (one->core.keys > sum->core.keys)
        sum->core.keys = one->core.keys;
    sum->core.draining = sum->core.draining || one->core.draining;
    sum->core.drained = sum->core.drained && one->core.drained;
    rd_histogram_merge(&sum->forward_latency_ns, &one->forward_latency_ns);
    rd_histogram_merge(&sum->batch_size, &one->batch_size);
}

bool rd_workers_snapshot(struct rd_worker_group *group, struct rd_worker_snapshot *sum)
{
    struct rd_snapshot_slip *slips[RD_WORKERS_MAX];
    struct timespec deadline;
    (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec++;
    for (uint32_t i = 0; i < group->count; i++)
        slips[i] = ask(group->workers[i]);
    memset(sum, 0, sizeof *sum);
    sum->core.drained = true;
    rd_histogram_start(&sum->forward_latency_ns, rd_latency_bounds_ns, rd_latency_bound_count);
    rd_histogram_start(&sum->batch_size, rd_batch_bounds, rd_batch_bound_count);
    bool all = true;
    for (uint32_t i = 0; i < group->count; i++) {
        struct rd_worker *worker = group->workers[i];
        if (slips[i] != NULL && answered_by(slips[i], &deadline))
            worker->last = slips[i]->snapshot;
        else
            all = false;
        if (slips[i] != NULL)
            rd_snapshot_slip_let_go(slips[i]);
        add(sum, &worker->last);
    }
    return all;
}

/* ---- On the worker's thread --------------------------------------------------------------------
 */

/* So long at a time: a ban looks at every session, and a ban list may have thousands of entries. */
#define ORDERS_NS (1 * WR_MS)

static void add_key(struct rd_worker *worker, const struct rd_order *order)
{
    const char *why = NULL;
    switch (
        wr_relay_key_add(worker->relay, order->key.kid, order->key.bytes, order->key.standing)) {
    case WR_KEY_ADDED:
    case WR_KEY_KNOWN:
        return;
    case WR_KEY_REVOKED:
        why = "it was revoked";
        break;
    case WR_KEY_NO_ROOM:
        why = "every place in the ring is pinned";
        break;
    }
    RD_LOG(RD_LOG_ERROR, "key_refused", rd_text("kid", order->key.kid), rd_text("why", why),
           rd_number("worker", worker->index));
}

static void set_limits(struct rd_worker *worker, const struct rd_order *order)
{
    struct wr_relay_config config = order->limits;
    config.shared = worker->config.shared;
    config.relay_id = worker->config.relay_id;
    config.keys_refreshable = worker->config.keys_refreshable;
    const char *why = wr_relay_set_limits(worker->relay, &config);
    if (why == NULL)
        worker->config = config;
    else
        RD_LOG(RD_LOG_ERROR, "limits_refused", rd_text("why", why),
               rd_number("worker", worker->index));
}

static void answer(struct rd_worker *worker, struct rd_snapshot_slip *slip)
{
    struct rd_worker_snapshot *snapshot = &slip->snapshot;
    uint64_t dropped = rd_receiver_take_drops(worker->receiver);
    if (dropped > 0)
        wr_relay_backpressure(worker->relay, dropped);
    wr_relay_snapshot(worker->relay, &snapshot->core);
    snapshot->net = worker->net;
    snapshot->forward_latency_ns = worker->forward_latency_ns;
    snapshot->batch_size = worker->batch_size;
    atomic_store_explicit(&slip->is_answered, true, memory_order_release);
    (void)sem_post(&slip->answered);
}

static void log_full(const struct rd_worker *worker, const char *table)
{
    RD_LOG(RD_LOG_ERROR, "table_full", rd_text("table", table), rd_number("worker", worker->index));
}

static void carry_out(struct rd_worker *worker, const struct rd_order *order)
{
    switch (order->kind) {
    case RD_ORDER_KEY_ADD:
        add_key(worker, order);
        return;
    case RD_ORDER_KEY_RETIRE:
        wr_relay_key_retire(worker->relay, order->key.bytes);
        return;
    case RD_ORDER_KEY_REVOKE:
        if (!wr_relay_key_revoke(worker->relay, order->key.bytes))
            log_full(worker, "revoked keys");
        return;
    case RD_ORDER_BAN:
        if (!wr_relay_ban(worker->relay, order->sub, strlen(order->sub)))
            log_full(worker, "bans");
        return;
    case RD_ORDER_UNBAN:
        wr_relay_unban(worker->relay, order->sub, strlen(order->sub));
        return;
    case RD_ORDER_SET_LIMITS:
        set_limits(worker, order);
        return;
    case RD_ORDER_SET_OWN_ADDRESSES:
        wr_relay_set_own_addresses(worker->relay, order->own.addresses, order->own.count);
        return;
    case RD_ORDER_DRAIN:
        wr_relay_drain(worker->relay);
        return;
    case RD_ORDER_SNAPSHOT:
        answer(worker, order->slip);
        return;
    case RD_ORDER_STOP:
        worker->stopping = true;
        return;
    }
}

bool rd_worker_obey(struct rd_worker *worker)
{
    wr_instant until = wr_after(rd_clock(), ORDERS_NS);
    do {
        if (worker->orders == NULL)
            worker->orders = rd_mailbox_take(&worker->mailbox);
        struct rd_order *order = worker->orders;
        if (order == NULL)
            return false;
        worker->orders = order->next;
        carry_out(worker, order);
        rd_order_free(order);
    } while (rd_clock() < until);
    return true;
}
