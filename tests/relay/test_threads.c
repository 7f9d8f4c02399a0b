/*
 * What several threads share in the relay, by several threads: a program of its own, without a test
 * framework, so that it also runs under ThreadSanitizer (configure with -DWAVRY_SANITIZE=thread).
 * Exit 0, or an assertion that failed.
 */
#include "address.h"
#include "address_owners.h"
#include "handover.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define THREADS 4

/* ---- The ring -------------------------------------------------------------------------------- */

#define EACH 20000

struct message {
    uint32_t thread, number, copies[300];
};

static struct rd_handover *ring;
static _Atomic uint64_t refused;
static uint32_t numbers[THREADS] = {0, 1, 2, 3};

static void *produce(void *argument)
{
    struct message message = {.thread = *(uint32_t *)argument};
    struct rd_local_address local = {.ip = {[15] = (uint8_t)message.thread}};
    for (uint32_t i = 0; i < EACH; i++) {
        uint32_t copies = i % 300;
        message.number = i;
        for (uint32_t c = 0; c < copies; c++)
            message.copies[c] = i;
        struct wr_datagram datagram = {
            .bytes = (const uint8_t *)&message,
            .size = (uint32_t)(offsetof(struct message, copies) + copies * sizeof i),
            .tag = i,
        };
        while (!rd_handover_put(ring, &datagram, &local)) {
            atomic_fetch_add(&refused, 1);
            sched_yield();
        }
    }
    return NULL;
}

static void check_message(const struct wr_datagram *datagram, uint32_t *next,
                          const struct rd_local_addresses *addresses)
{
    struct message message;
    assert(datagram->size <= sizeof message);
    memcpy(&message, datagram->bytes, datagram->size);
    assert(message.thread < THREADS);
    assert(message.number == next[message.thread]++); /* each producer's own order */
    assert(datagram->tag == message.number);
    size_t copies = (datagram->size - offsetof(struct message, copies)) / sizeof message.number;
    assert(copies == message.number % 300);
    for (size_t c = 0; c < copies; c++)
        assert(message.copies[c] == message.number);
    assert(rd_local_addresses_get(addresses, datagram->via)->ip[15] == message.thread);
}

static void test_ring(void)
{
    static struct rd_local_addresses addresses;
    struct wr_datagram out[32];
    uint32_t next[THREADS] = {0};
    pthread_t threads[THREADS];
    uint64_t heard = 0;
    rd_local_addresses_start(&addresses);
    ring = rd_handover_create(64);
    assert(ring != NULL);
    for (int i = 0; i < THREADS; i++)
        assert(pthread_create(&threads[i], NULL, produce, &numbers[i]) == 0);
    while (heard < (uint64_t)THREADS * EACH) {
        size_t count = rd_handover_take(ring, &addresses, out, 1 + heard % 32);
        for (size_t i = 0; i < count; i++)
            check_message(&out[i], next, &addresses);
        rd_handover_release(ring);
        heard += count;
        if (count == 0)
            sched_yield();
    }
    for (int i = 0; i < THREADS; i++)
        assert(pthread_join(threads[i], NULL) == 0);
    assert(rd_handover_take(ring, &addresses, out, 1) == 0);
    rd_handover_destroy(ring);
    printf("handover: %lu datagrams of %d producers, %lu times full\n", (unsigned long)heard,
           THREADS, (unsigned long)atomic_load(&refused));
}

/* ---- The table ------------------------------------------------------------------------------- */

#define ADDRESSES 256
#define ROUNDS    200

static struct rd_address_owners *owners;

static struct wr_address numbered(uint32_t i)
{
    return wr_address_v4((const uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i}, 4000);
}

/* All workers bind and let go of all addresses; in the end each keeps a quarter of them. */
static void *bind_and_let_go(void *argument)
{
    uint32_t worker = *(uint32_t *)argument;
    bool ambiguous;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < ADDRESSES; i++) {
            struct wr_address address = numbered(i);
            rd_address_owners_pending(owners, &address, worker);
            rd_address_owners_bound(owners, &address, worker, WR_BOUND_ONCE);
            uint32_t found = rd_address_owners_find(owners, &address, worker, &ambiguous);
            assert(found == worker); /* it is bound here, whoever else has it */
            rd_address_owners_bound(owners, &address, worker,
                                    i % THREADS == worker ? WR_BOUND_WAITING : WR_BOUND_NOWHERE);
        }
    }
    return NULL;
}

static void test_owners(void)
{
    pthread_t threads[THREADS];
    bool ambiguous;
    owners = rd_address_owners_create(ADDRESSES);
    assert(owners != NULL);
    for (int i = 0; i < THREADS; i++)
        assert(pthread_create(&threads[i], NULL, bind_and_let_go, &numbers[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        assert(pthread_join(threads[i], NULL) == 0);
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        struct wr_address address = numbered(i);
        assert(rd_address_owners_find(owners, &address, 63, &ambiguous) == i % THREADS);
        assert(!ambiguous);
    }
    rd_address_owners_destroy(owners);
    printf("address owners: %d changes by %d workers\n", 2 * THREADS * ROUNDS * ADDRESSES, THREADS);
}

int main(void)
{
    test_ring();
    test_owners();
    return 0;
}
