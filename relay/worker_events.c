/* What a worker's core asks of the world, and what it tells. */
#include "worker_state.h"

#include "log.h"

#include <sodium.h>
#include <time.h>

static wr_instant monotonic_ns(void *context)
{
    const struct rd_worker *worker = context;
    return worker->now;
}

static uint64_t wall_unix_ms(void *context)
{
    (void)context;
    return rd_wall_unix_ms();
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    (void)context;
    randombytes_buf(out, bytes);
}

static void send_output(void *context, const struct wr_output *output)
{
    struct rd_worker *worker = context;
    bool stable = rd_receiver_owns(worker->receiver, output->bytes) ||
                  (worker->ring != NULL && rd_handover_owns(worker->ring, output->bytes));
    rd_send(worker->sender, output, stable);
}

static void verify(void *context, const struct wr_verification *verification)
{
    struct rd_worker *worker = context;
    worker->verifying++;
    rd_verifier_ask(worker->group->verifier, worker->index, verification, worker->now);
}

static void bound_changed(void *context, const struct wr_address *address, enum wr_bound bound)
{
    struct rd_worker *worker = context;
    rd_address_owners_bound(worker->group->owners, address, worker->index, bound);
}

static const char *role_name(enum wr_role role)
{
    return role == WR_ROLE_CLIENT ? "client" : "server";
}

/* Sessions coming and going are for the operator, addresses only for who looks for a fault. */
static void log_session(const struct rd_worker *worker, const struct wr_event *event,
                        const char *what)
{
    RD_LOG(RD_LOG_DEBUG, what, rd_session("session", event->session),
           rd_number("worker", worker->index));
}

static void log_seat(const struct wr_event *event, const char *what)
{
    RD_LOG(RD_LOG_DEBUG, what, rd_session("session", event->session),
           rd_text("role", role_name(event->role)), rd_address("address", event->address),
           rd_number("rule", event->rule));
}

static void log_verdict(const struct wr_event *event)
{
    RD_LOG(RD_LOG_DEBUG, "lease_verdict", rd_text("verdict", wr_verdict_name(event->verdict)),
           rd_session("session", event->session), rd_address("address", event->address));
}

static void log_key(const struct rd_worker *worker, const struct wr_event *event, const char *what)
{
    if (worker->index == 0) /* every worker has the same ring */
        RD_LOG(RD_LOG_INFO, what, rd_text("kid", event->kid));
}

static void observe(void *context, const struct wr_event *event)
{
    struct rd_worker *worker = context;
    switch (event->kind) {
    case WR_EVENT_OUTCOME:
        /* Bare packets may follow right behind: they belong to where the lease waits. */
        if (event->outcome == WR_OUTCOME_LEASE_TAKEN && worker->group->count > 1 &&
            event->tag - 1 < worker->fed_count)
            rd_address_owners_pending(worker->group->owners, &worker->fed[event->tag - 1].from,
                                      worker->index);
        return;
    case WR_EVENT_VERDICT:
        if (worker->group->count > 1)
            rd_address_owners_settled(worker->group->owners, event->address, worker->index);
        log_verdict(event);
        return;
    case WR_EVENT_CREATED:
        atomic_fetch_add_explicit(&worker->sessions, 1, memory_order_relaxed);
        log_session(worker, event, "session_created");
        return;
    case WR_EVENT_ACTIVE:
        RD_LOG(RD_LOG_INFO, "session_active", rd_session("session", event->session),
               rd_number("worker", worker->index));
        return;
    case WR_EVENT_BOUND:
        log_seat(event, "peer_bound");
        return;
    case WR_EVENT_CANDIDATE:
        log_seat(event, "peer_candidate");
        return;
    case WR_EVENT_PROMOTED:
    case WR_EVENT_REVERTED:
        RD_LOG(RD_LOG_INFO, event->kind == WR_EVENT_PROMOTED ? "peer_moved" : "peer_moved_back",
               rd_session("session", event->session), rd_text("role", role_name(event->role)),
               rd_number("rule", event->rule));
        log_seat(event, "peer_address");
        return;
    case WR_EVENT_VACATED:
        RD_LOG(RD_LOG_DEBUG, "role_vacated", rd_session("session", event->session),
               rd_text("role", role_name(event->role)), rd_text("why", wr_why_name(event->why)));
        return;
    case WR_EVENT_REMOVED:
        atomic_fetch_sub_explicit(&worker->sessions, 1, memory_order_relaxed);
        RD_LOG(RD_LOG_INFO, "session_removed", rd_session("session", event->session),
               rd_text("why", wr_why_name(event->why)));
        return;
    case WR_EVENT_KEY_ADDED:
        log_key(worker, event, "key_added");
        return;
    case WR_EVENT_KEY_DROPPED:
        log_key(worker, event, "key_dropped");
        return;
    case WR_EVENT_KEY_REFRESH_WANTED:
        worker->group->key_wanted(worker->group->context);
        return;
    case WR_EVENT_DRAINED:
        worker->group->drained(worker->group->context, worker->index);
        return;
    }
}

struct wr_environment rd_worker_environment(struct rd_worker *worker)
{
    return (struct wr_environment){
        .context = worker,
        .monotonic_ns = monotonic_ns,
        .wall_unix_ms = wall_unix_ms,
        .entropy = entropy,
        .send = send_output,
        .verify = verify,
        .observe = observe,
        .bound_changed = worker->group->count > 1 ? bound_changed : NULL,
    };
}
