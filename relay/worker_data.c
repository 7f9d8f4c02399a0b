#include "worker_state.h"

#include "rift.h"
#include "steering.h"

/* So many datagrams are taken out of the own ring at a time, and so many times before the socket
 * has its turn: other workers cannot keep it from being read. */
#define RING_BATCH  64
#define RING_ROUNDS 16

/* Traffic flows where a batch comes so soon after the one before. */
#define DENSE_NS (1 * WR_MS)

size_t rd_worker_flush(struct rd_worker *worker)
{
    size_t sent = rd_send_flush(worker->sender);
    if (sent > 0)
        worker->now = rd_clock();
    return sent;
}

/* Section 1, bare RIFT: no header of ours, so no session that could tell where it belongs. */
static bool is_bare(const struct wr_datagram *datagram)
{
    return wr_rift_begins(datagram->bytes, datagram->size) &&
           wr_rift_bare(datagram->bytes, datagram->size) != WR_BARE_NONE;
}

static uint32_t owner(struct rd_worker *worker, struct wr_datagram *datagram)
{
    if (is_bare(datagram))
        return rd_address_owners_find(worker->group->owners, &datagram->from, worker->index,
                                      &datagram->bound_elsewhere);
    /* Too short to name a session: its outcome is the same everywhere. */
    if (datagram->size < WR_DATAGRAM_BYTES_MIN)
        return worker->index;
    return rd_steering_worker(datagram->bytes, datagram->size, worker->group->count);
}

static void hand_over(struct rd_worker *worker, uint32_t to, const struct wr_datagram *datagram)
{
    struct rd_worker *other = worker->group->workers[to];
    const struct rd_local_address *local =
        rd_local_addresses_get(&worker->addresses, datagram->via);
    worker->to_wake |= UINT64_C(1) << to; /* also when it is full: it had better be at work */
    if (rd_handover_put(other->ring, datagram, local)) {
        worker->net.handed_over++;
        return;
    }
    worker->net.handover_full++;
    wr_relay_backpressure(worker->relay, 1);
}

/* Stays here because nobody knows its sender: its lease may just not have been read yet. */
static bool comes_early(struct rd_worker *worker, const struct wr_datagram *datagram)
{
    return worker->config.bare_rift && wr_rift_begins(datagram->bytes, datagram->size) &&
           wr_rift_bare(datagram->bytes, datagram->size) == WR_BARE_HANDSHAKE &&
           !rd_address_owners_know(worker->group->owners, &datagram->from);
}

/* Hands over what is not ours and moves the rest together, in order. Returns how many stay. */
static size_t keep_own(struct rd_worker *worker, struct wr_datagram *datagrams, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t to = owner(worker, &datagrams[i]);
        if (to != worker->index) {
            hand_over(worker, to, &datagrams[i]);
            continue;
        }
        if (comes_early(worker, &datagrams[i]) &&
            rd_early_bare_put(worker->early, &datagrams[i], worker->now, worker->now))
            continue;
        datagrams[kept] = datagrams[i];
        datagrams[kept].tag = kept + 1;
        kept++;
    }
    return kept;
}

static void wake_others(struct rd_worker *worker)
{
    while (worker->to_wake != 0) {
        int next = __builtin_ctzll(worker->to_wake);
        worker->to_wake &= worker->to_wake - 1;
        rd_worker_wake(worker->group->workers[next]);
    }
}

/* Into the core, and out again. */
static void feed(struct rd_worker *worker, const struct wr_datagram *datagrams, size_t count,
                 wr_instant received_ns)
{
    worker->fed = datagrams;
    worker->fed_count = count;
    wr_relay_receive(worker->relay, datagrams, count);
    worker->fed_count = 0;
    size_t sent = rd_worker_flush(worker);
    if (sent > 0)
        rd_histogram_add(&worker->forward_latency_ns, wr_elapsed(received_ns, worker->now), sent);
}

bool rd_worker_receive(struct rd_worker *worker, bool wait)
{
    struct wr_datagram *datagrams;
    size_t count = rd_receive(worker->receiver, wait, &datagrams, &worker->backlog);
    worker->now = rd_clock();
    if (count == 0)
        return false;
    /* What was asked of us before these were sent comes before them. */
    rd_worker_attend(worker);
    worker->flowing = wr_elapsed(worker->arrived_ns, worker->now) < DENSE_NS;
    worker->arrived_ns = worker->now;
    rd_histogram_add(&worker->batch_size, count, 1);
    if (worker->group->count > 1)
        count = keep_own(worker, datagrams, count);
    if (count > 0)
        feed(worker, datagrams, count, worker->arrived_ns);
    if (worker->to_wake != 0)
        wake_others(worker);
    return true;
}

void rd_worker_drain_ring(struct rd_worker *worker)
{
    struct wr_datagram datagrams[RING_BATCH];
    for (uint32_t round = 0; round < RING_ROUNDS; round++) {
        size_t count = rd_handover_take(worker->ring, &worker->addresses, datagrams, RING_BATCH);
        if (count == 0)
            return;
        /* Whoever handed it over decided that it belongs here. Only whether it is bound elsewhere
         * too may have changed since. */
        for (size_t i = 0; i < count; i++) {
            datagrams[i].tag = i + 1;
            datagrams[i].bound_elsewhere = false;
            if (is_bare(&datagrams[i]))
                (void)rd_address_owners_find(worker->group->owners, &datagrams[i].from,
                                             worker->index, &datagrams[i].bound_elsewhere);
        }
        feed(worker, datagrams, count, worker->now);
        rd_handover_release(worker->ring);
    }
    atomic_store(&worker->attention, true); /* there may be more: after the socket's turn */
}

void rd_worker_look_again(struct rd_worker *worker)
{
    struct wr_datagram datagram;
    wr_instant since;
    while (rd_early_bare_take(worker->early, worker->now, &datagram, &since)) {
        if (comes_early(worker, &datagram) &&
            rd_early_bare_put(worker->early, &datagram, since, worker->now))
            continue;
        uint32_t to = owner(worker, &datagram);
        if (to != worker->index) {
            hand_over(worker, to, &datagram);
            continue;
        }
        datagram.tag = 1;
        feed(worker, &datagram, 1, worker->now);
    }
    wake_others(worker);
}
