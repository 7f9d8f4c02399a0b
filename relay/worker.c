#include "worker_state.h"

#include "address.h"
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A wait is a system call and so is a receive. Where batches come densely both are one: the thread
 * waits inside the receive, which saves a fifth of the cost of a lone datagram. That wait hears the
 * socket and nothing else, so it is kept for moments when nothing else is to be heard soon: no
 * deadline within DEADLINE_NEAR_NS and nothing out at the verifier. An order from the control
 * thread, or a datagram handed over, is then seen with the next batch, or when the wait ends by
 * itself: RECEIVE_WAIT_US, rounded up to the kernel's tick (10 ms at worst). A batch is dense that
 * comes within DENSE_NS of the one before. */

#define RECEIVE_WAIT_US  2000
#define DEADLINE_NEAR_NS (25 * WR_MS)

/* ---- Its time ----------------------------------------------------------------------------------
 */

/* Whoever raises the flag first wakes; who finds it raised knows that somebody does. The worker
 * says "asleep" before it looks at the flag for the last time, and we raise the flag before we look
 * at "asleep": one of the two sees the other. */
void rd_worker_wake(struct rd_worker *worker)
{
    if (atomic_exchange(&worker->attention, true))
        return;
    if (atomic_load(&worker->asleep)) {
        uint64_t one = 1;
        while (write(worker->event_fd, &one, sizeof one) < 0 && errno == EINTR)
            continue;
    }
}

/* Results come before anything else that is due at the same instant: all of them, then time goes
 * on (wr_relay_verified). */
static void take_results(struct rd_worker *worker)
{
    uint32_t id;
    int key_index;
    while (
        rd_verifier_result(worker->group->verifier, worker->index, worker->now, &id, &key_index)) {
        worker->verifying--;
        wr_relay_verified(worker->relay, id, key_index);
    }
}

/* Where the machine is so busy that the verifier does not run, not even to wake us. */
static void help_verifier(struct rd_worker *worker)
{
    uint32_t id;
    int key_index;
    if (worker->now < rd_verifier_help_at(worker->group->verifier, worker->index))
        return;
    take_results(worker);
    if (!rd_verifier_help(worker->group->verifier, worker->index, worker->now, &id, &key_index))
        return;
    worker->verifying--;
    wr_relay_verified(worker->relay, id, key_index);
}

void rd_worker_attend(struct rd_worker *worker)
{
    if (!atomic_load_explicit(&worker->attention, memory_order_relaxed))
        return;
    (void)atomic_exchange(&worker->attention, false);
    take_results(worker);
    if (worker->ring != NULL)
        rd_worker_drain_ring(worker);
    if (rd_worker_obey(worker))
        atomic_store(&worker->attention, true); /* the media is waited for in between */
}

/* Until the socket has something, another thread wakes us, or the deadline comes. */
static void sleep_until(struct rd_worker *worker, wr_instant deadline)
{
    atomic_store(&worker->asleep, true);
    if (!atomic_load(&worker->attention)) {
        struct pollfd waited_for[2] = {{.fd = worker->fd, .events = POLLIN},
                                       {.fd = worker->event_fd, .events = POLLIN}};
        uint64_t left_ns = wr_elapsed(worker->now, deadline);
        struct timespec left = {.tv_sec = (time_t)(left_ns / WR_S),
                                .tv_nsec = (long)(left_ns % WR_S)};
        int ready = ppoll(waited_for, 2, deadline == WR_NEVER ? NULL : &left, NULL);
        if (ready > 0 && waited_for[1].revents != 0) {
            uint64_t count;
            (void)!read(worker->event_fd, &count, sizeof count);
        }
    }
    atomic_store(&worker->asleep, false);
    worker->now = rd_clock();
}

/* One turn: what lies ready, what is due, what came. */
static void turn(struct rd_worker *worker)
{
    rd_worker_attend(worker);
    if (worker->stopping)
        return;
    help_verifier(worker);
    wr_instant deadline = WR_NEVER, look = WR_NEVER;
    if (worker->early != NULL) {
        rd_worker_look_again(worker);
        look = rd_early_bare_due(worker->early);
    }
    if (!worker->backlog) {
        deadline = wr_relay_next_deadline(worker->relay);
        if (deadline <= worker->now) {
            wr_relay_on_deadline(worker->relay);
            deadline = wr_relay_next_deadline(worker->relay);
        }
    }
    deadline = look < deadline ? look : deadline;
    /* Results, orders and deadlines may have answers to send. */
    (void)rd_worker_flush(worker);
    if (worker->backlog || atomic_load_explicit(&worker->attention, memory_order_relaxed)) {
        (void)rd_worker_receive(worker, false);
        return;
    }
    if (worker->flowing && worker->verifying == 0 &&
        deadline >= wr_after(worker->now, DEADLINE_NEAR_NS)) {
        if (!rd_worker_receive(worker, true))
            worker->flowing = false;
        return;
    }
    wr_instant help_at = rd_verifier_help_at(worker->group->verifier, worker->index);
    sleep_until(worker, help_at < deadline ? help_at : deadline);
    (void)rd_worker_receive(worker, false);
}

static void *run(void *argument)
{
    struct rd_worker *worker = argument;
    char name[16];
    (void)snprintf(name, sizeof name, "worker-%u", worker->index);
    (void)pthread_setname_np(pthread_self(), name);
    worker->now = rd_clock();
    while (!worker->stopping)
        turn(worker);
    return NULL;
}

/* ---- Its life ----------------------------------------------------------------------------------
 */

static struct wr_relay_config core_config(const struct rd_worker_group *group)
{
    struct wr_relay_config config = group->options->core;
    config.shared = group->shared;
    config.relay_id = group->relay_id;
    config.own_addresses = group->own.addresses;
    config.own_address_count = group->own.count;
    config.verify_rate = group->verify_rate;
    /* Pinned keys are the only ones trusted: to ask the master for another is no use. */
    config.keys_refreshable = !group->options->standalone && group->options->keys.pinned_count == 0;
    return config;
}

/* Waiting inside the receive, and not longer than that. */
static bool let_receive_wait(int fd)
{
    struct timeval wait = {.tv_usec = RECEIVE_WAIT_US};
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0;
}

static bool open_network(struct rd_worker *worker)
{
    const struct rd_worker_group *group = worker->group;
    const struct rd_options *options = group->options;
    worker->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (worker->event_fd < 0 || !let_receive_wait(worker->fd))
        return false;
    worker->receiver =
        rd_receiver_create(worker->fd, options->gro, &worker->addresses, &worker->net);
    worker->sender = rd_sender_create(worker->fd, !wr_address_is_v4(&group->bound), options->gso,
                                      &worker->addresses, &worker->net);
    if (group->count > 1) {
        worker->ring = rd_handover_create(options->packet_queue_capacity);
        worker->early = rd_early_bare_create();
    }
    return worker->receiver != NULL && worker->sender != NULL &&
           (group->count == 1 || (worker->ring != NULL && worker->early != NULL));
}

struct rd_worker *rd_worker_create(struct rd_worker_group *group, uint32_t index, int fd,
                                   struct rd_error *error)
{
    struct rd_worker *worker = aligned_alloc(64, (sizeof *worker + 63) / 64 * 64);
    if (worker == NULL) {
        (void)rd_fail(error, "worker %u finds no memory", index);
        (void)close(fd);
        return NULL;
    }
    memset(worker, 0, sizeof *worker);
    worker->group = group;
    worker->index = index;
    worker->fd = fd;
    worker->event_fd = -1;
    rd_mailbox_start(&worker->mailbox);
    rd_local_addresses_start(&worker->addresses);
    rd_histogram_start(&worker->forward_latency_ns, rd_latency_bounds_ns, rd_latency_bound_count);
    rd_histogram_start(&worker->batch_size, rd_batch_bounds, rd_batch_bound_count);
    worker->last.forward_latency_ns = worker->forward_latency_ns;
    worker->last.batch_size = worker->batch_size;
    worker->config = core_config(group);
    worker->now = rd_clock();
    struct wr_environment environment = rd_worker_environment(worker);
    if (!open_network(worker)) {
        (void)rd_fail(error, "worker %u cannot prepare its socket: %s", index, strerror(errno));
    } else if ((worker->relay = wr_relay_create(&worker->config, &environment)) == NULL) {
        const char *why = wr_relay_config_error(&worker->config);
        (void)rd_fail(error, "worker %u cannot be set up for %u sessions: %s", index,
                      worker->config.max_sessions, why != NULL ? why : "memory is short");
    } else {
        return worker;
    }
    rd_worker_destroy(worker);
    return NULL;
}

void rd_worker_settle(struct rd_worker *worker)
{
    assert(!worker->running);
    while (rd_worker_obey(worker))
        continue;
}

bool rd_worker_start(struct rd_worker *worker, struct rd_error *error)
{
    int failure = pthread_create(&worker->thread, NULL, run, worker);
    if (failure != 0)
        return rd_fail(error, "the thread of worker %u cannot be started: %s", worker->index,
                       strerror(failure));
    worker->running = true;
    return true;
}

void rd_worker_destroy(struct rd_worker *worker)
{
    if (worker == NULL)
        return;
    assert(!worker->running);
    wr_relay_destroy(worker->relay);
    if (worker->sender != NULL)
        rd_sender_destroy(worker->sender);
    if (worker->receiver != NULL)
        rd_receiver_destroy(worker->receiver);
    if (worker->ring != NULL)
        rd_handover_destroy(worker->ring);
    rd_early_bare_destroy(worker->early);
    rd_order_free_all(worker->orders);
    rd_mailbox_end(&worker->mailbox);
    if (worker->event_fd >= 0)
        (void)close(worker->event_fd);
    (void)close(worker->fd);
    free(worker);
}
