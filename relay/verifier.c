#include "verifier.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Who may touch a place is said by its state alone. The worker lays a request down in a free one
 * (ASKED); whoever takes it (TAKEN), the thread or the worker itself, is the only one to serve it;
 * the thread leaves the result there (DONE) for the worker, which frees the place. A core has at
 * most WR_VERIFICATIONS_OUT requests out, so there is always a free one. */
enum state { FREE, ASKED, TAKEN, DONE };

struct place {
    _Alignas(64) _Atomic int state;
    _Atomic uint32_t number; /* requests of a worker in their order */
    struct wr_verification asked;
    int key_index;
};

struct lane {
    struct place places[WR_VERIFICATIONS_OUT];
    /* The worker's own. */
    uint32_t numbers;
    uint32_t out;
    wr_instant help_ns; /* when it may serve one itself, while any are out */
};

/* Longer than a thread that is let run ever takes; then one in so long: a lease verified by the
 * worker holds up its media for as long as some fifteen datagrams take, which is too much for each
 * lease of a flood and little for one in a hundred turns. */
#define HELP_AFTER_NS (50 * WR_MS)
#define HELP_GAP_NS   (10 * WR_MS)

struct rd_verifier {
    uint32_t workers;
    void (*wake)(void *context, uint32_t worker);
    void *context;
    pthread_t thread;
    sem_t wanted; /* one for each request, and one for the end */
    _Atomic bool ending;
    _Atomic uint64_t done;
    _Atomic uint64_t busy_ns;
    struct lane lanes[];
};

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

static int try_keys(const struct wr_verification *verification)
{
    for (uint32_t i = 0; i < verification->key_count; i++)
        if (crypto_sign_verify_detached(verification->signature, verification->message,
                                        verification->message_size, verification->keys[i]) == 0)
            return (int)i;
    return -1;
}

/* The oldest request nobody has taken yet, taken; NULL for none. */
static struct place *take(struct lane *lane)
{
    for (;;) {
        struct place *oldest = NULL;
        for (int i = 0; i < WR_VERIFICATIONS_OUT; i++) {
            struct place *place = &lane->places[i];
            if (atomic_load_explicit(&place->state, memory_order_acquire) == ASKED &&
                (oldest == NULL || (int32_t)(place->number - oldest->number) < 0))
                oldest = place;
        }
        int asked = ASKED;
        if (oldest == NULL ||
            atomic_compare_exchange_strong_explicit(&oldest->state, &asked, TAKEN,
                                                    memory_order_acq_rel, memory_order_relaxed))
            return oldest;
    }
}

static void serve(struct rd_verifier *verifier, struct place *place)
{
    uint64_t began_ns = thread_cpu_ns();
    place->key_index = try_keys(&place->asked);
    uint64_t took_ns = wr_elapsed(began_ns, thread_cpu_ns());
    atomic_fetch_add_explicit(&verifier->busy_ns, took_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&verifier->done, 1, memory_order_relaxed);
}

static bool serve_worker(struct rd_verifier *verifier, uint32_t worker)
{
    struct place *place = take(&verifier->lanes[worker]);
    if (place == NULL)
        return false;
    serve(verifier, place);
    atomic_store_explicit(&place->state, DONE, memory_order_release);
    verifier->wake(verifier->context, worker);
    return true;
}

static void *run(void *argument)
{
    struct rd_verifier *verifier = argument;
    (void)pthread_setname_np(pthread_self(), "verifier");
    uint32_t next = 0;
    while (!atomic_load(&verifier->ending)) {
        while (sem_wait(&verifier->wanted) != 0)
            assert(errno == EINTR);
        /* One permit, one request (or none: its worker served it); the workers take turns. */
        for (uint32_t i = 0; i < verifier->workers; i++) {
            uint32_t worker = (next + i) % verifier->workers;
            if (serve_worker(verifier, worker)) {
                next = worker + 1;
                break;
            }
        }
    }
    return NULL;
}

/* A worker that wakes up for a datagram must not wait for the rest of this thread's slice, or a
 * flood of bogus leases would delay the media of everybody. SCHED_IDLE is the one class that every
 * ordinary thread displaces at once, where a nice value only changes shares. What it costs: where
 * all cores are busy, with forwarding or with somebody else's work, leases wait, and the core
 * refuses those that wait too long. That is the order of things here: who is inside comes first.
 * That it does not come to all of them is for rd_verifier_help. Without effect where it is not
 * allowed. */
static void let_others_go_first(pthread_t thread)
{
    const struct sched_param none = {0};
    (void)pthread_setschedparam(thread, SCHED_IDLE, &none);
}

struct rd_verifier *rd_verifier_start(uint32_t workers,
                                      void (*wake)(void *context, uint32_t worker), void *context,
                                      struct rd_error *error)
{
    size_t bytes = sizeof(struct rd_verifier) + workers * sizeof(struct lane);
    struct rd_verifier *verifier = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (verifier == NULL) {
        (void)rd_fail(error, "the verifier finds no memory (%zu bytes)", bytes);
        return NULL;
    }
    memset(verifier, 0, bytes);
    verifier->workers = workers;
    verifier->wake = wake;
    verifier->context = context;
    (void)sem_init(&verifier->wanted, 0, 0);
    int failure = pthread_create(&verifier->thread, NULL, run, verifier);
    if (failure != 0) {
        (void)rd_fail(error, "the verifier's thread cannot be started: %s", strerror(failure));
        (void)sem_destroy(&verifier->wanted);
        free(verifier);
        return NULL;
    }
    let_others_go_first(verifier->thread);
    return verifier;
}

void rd_verifier_stop(struct rd_verifier *verifier)
{
    if (verifier == NULL)
        return;
    atomic_store(&verifier->ending, true);
    (void)sem_post(&verifier->wanted);
    (void)pthread_join(verifier->thread, NULL);
    (void)sem_destroy(&verifier->wanted);
    free(verifier);
}

void rd_verifier_ask(struct rd_verifier *verifier, uint32_t worker,
                     const struct wr_verification *verification, wr_instant now)
{
    struct lane *lane = &verifier->lanes[worker];
    struct place *place = lane->places;
    while (atomic_load_explicit(&place->state, memory_order_relaxed) != FREE) {
        place++;
        assert(place < lane->places + WR_VERIFICATIONS_OUT);
    }
    if (lane->out++ == 0)
        lane->help_ns = wr_after(now, HELP_AFTER_NS);
    place->number = lane->numbers++;
    place->asked = *verification;
    atomic_store_explicit(&place->state, ASKED, memory_order_release);
    (void)sem_post(&verifier->wanted);
}

/* Its place is free again. */
static bool give(struct lane *lane, struct place *place, uint32_t *id, int *key_index)
{
    *id = place->asked.id;
    *key_index = place->key_index;
    lane->out--;
    atomic_store_explicit(&place->state, FREE, memory_order_relaxed);
    return true;
}

bool rd_verifier_result(struct rd_verifier *verifier, uint32_t worker, wr_instant now, uint32_t *id,
                        int *key_index)
{
    struct lane *lane = &verifier->lanes[worker];
    struct place *oldest = NULL;
    for (int i = 0; i < WR_VERIFICATIONS_OUT; i++) {
        struct place *place = &lane->places[i];
        if (atomic_load_explicit(&place->state, memory_order_acquire) == DONE &&
            (oldest == NULL || (int32_t)(place->number - oldest->number) < 0))
            oldest = place;
    }
    if (oldest == NULL)
        return false;
    lane->help_ns = wr_after(now, HELP_AFTER_NS);
    return give(lane, oldest, id, key_index);
}

wr_instant rd_verifier_help_at(const struct rd_verifier *verifier, uint32_t worker)
{
    const struct lane *lane = &verifier->lanes[worker];
    return lane->out > 0 ? lane->help_ns : WR_NEVER;
}

bool rd_verifier_help(struct rd_verifier *verifier, uint32_t worker, wr_instant now, uint32_t *id,
                      int *key_index)
{
    struct lane *lane = &verifier->lanes[worker];
    if (now < rd_verifier_help_at(verifier, worker))
        return false;
    lane->help_ns = wr_after(now, HELP_GAP_NS);
    struct place *place = take(lane);
    if (place == NULL)
        return false;
    serve(verifier, place);
    return give(lane, place, id, key_index);
}

uint64_t rd_verifier_done(const struct rd_verifier *verifier)
{
    return atomic_load_explicit(&verifier->done, memory_order_relaxed);
}

uint64_t rd_verifier_busy_ns(const struct rd_verifier *verifier)
{
    return atomic_load_explicit(&verifier->busy_ns, memory_order_relaxed);
}

uint32_t rd_verifier_measure(void)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
    uint8_t signature[crypto_sign_BYTES];
    uint8_t message[400]; /* about what a lease has */
    (void)crypto_sign_keypair(public_key, secret_key);
    memset(message, 0x57, sizeof message);
    (void)crypto_sign_detached(signature, NULL, message, sizeof message, secret_key);
    sodium_memzero(secret_key, sizeof secret_key);
    /* By the thread's own time: what else runs at this moment says nothing about this machine. */
    uint64_t began_ns = thread_cpu_ns();
    uint64_t took_ns;
    uint64_t count = 0;
    do {
        int verdict = crypto_sign_verify_detached(signature, message, sizeof message, public_key);
        assert(verdict == 0);
        count++;
        took_ns = wr_elapsed(began_ns, thread_cpu_ns());
    } while (took_ns < 50 * WR_MS);
    uint64_t rate = count * WR_S / took_ns / 2;
    return rate > 0 ? (uint32_t)rate : 1;
}
