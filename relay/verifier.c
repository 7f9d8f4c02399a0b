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

/* One side writes at `tail`, the other reads at `head`; both only ever grow. A core has at most
 * WR_VERIFICATIONS_OUT requests out and takes every result, so neither ring can be full. */
#define RING 8
_Static_assert(RING >= WR_VERIFICATIONS_OUT && (RING & (RING - 1)) == 0, "a ring holds them all");

struct result {
    uint32_t id;
    int key_index;
};

/* The heads and tails of a ring lie on cache lines of their own: each is written by one thread. */
struct lane {
    _Alignas(64) _Atomic uint32_t asked_tail; /* the worker's */
    _Alignas(64) _Atomic uint32_t asked_head; /* the thread's, as is results_tail */
    _Atomic uint32_t results_tail;
    _Alignas(64) _Atomic uint32_t results_head; /* the worker's */
    struct wr_verification asked[RING];
    struct result results[RING];
};

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

static bool serve(struct rd_verifier *verifier, uint32_t worker)
{
    struct lane *lane = &verifier->lanes[worker];
    uint32_t head = atomic_load_explicit(&lane->asked_head, memory_order_relaxed);
    if (head == atomic_load_explicit(&lane->asked_tail, memory_order_acquire))
        return false;
    const struct wr_verification *asked = &lane->asked[head % RING];
    uint64_t began_ns = thread_cpu_ns();
    struct result result = {asked->id, try_keys(asked)};
    uint64_t took_ns = wr_elapsed(began_ns, thread_cpu_ns());
    atomic_fetch_add_explicit(&verifier->busy_ns, took_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&verifier->done, 1, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&lane->results_tail, memory_order_relaxed);
    lane->results[tail % RING] = result;
    atomic_store_explicit(&lane->asked_head, head + 1, memory_order_release);
    atomic_store_explicit(&lane->results_tail, tail + 1, memory_order_release);
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
        /* One permit, one request; the workers take turns. */
        for (uint32_t i = 0; i < verifier->workers; i++) {
            uint32_t worker = (next + i) % verifier->workers;
            if (serve(verifier, worker)) {
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
 * all cores are busy forwarding, leases wait, and the core refuses those that wait too long. That
 * is the order of things here: who is inside comes first. Without effect where it is not allowed.
 */
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
                     const struct wr_verification *verification)
{
    struct lane *lane = &verifier->lanes[worker];
    uint32_t tail = atomic_load_explicit(&lane->asked_tail, memory_order_relaxed);
    assert(tail - atomic_load_explicit(&lane->asked_head, memory_order_acquire) < RING);
    lane->asked[tail % RING] = *verification;
    atomic_store_explicit(&lane->asked_tail, tail + 1, memory_order_release);
    (void)sem_post(&verifier->wanted);
}

bool rd_verifier_result(struct rd_verifier *verifier, uint32_t worker, uint32_t *id, int *key_index)
{
    struct lane *lane = &verifier->lanes[worker];
    uint32_t head = atomic_load_explicit(&lane->results_head, memory_order_relaxed);
    if (head == atomic_load_explicit(&lane->results_tail, memory_order_acquire))
        return false;
    *id = lane->results[head % RING].id;
    *key_index = lane->results[head % RING].key_index;
    atomic_store_explicit(&lane->results_head, head + 1, memory_order_release);
    return true;
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
