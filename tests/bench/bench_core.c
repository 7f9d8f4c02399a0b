/*
 * What the core costs: forwarding in batches with the observer off, accepting a lease, and judging
 * one again from the cache, each through the public header alone. Prints FIGURE lines for ci/bench.
 * Time inside the relay is made up (a virtual clock that the benchmark moves), so that no limit
 * bites; only what is measured is read from the real clock.
 */
#define _POSIX_C_SOURCE 200809L

#include "bench_relay.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH          32
#define BATCHES        64 /* prepared before the clock runs */
#define DATAGRAM_BYTES 1200
#define ROUNDS         500

#define LEASES        1024 /* in (b) and (c) */
#define GENERATIONS   5
#define LEASE_BLOCK   16
#define CACHED_ROUNDS 400

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

/* ---- (a) Forwarding ----------------------------------------------------------------------------
 */

static uint8_t payloads[BATCHES * BATCH][DATAGRAM_BYTES];
static struct wr_datagram datagrams[BATCHES * BATCH];

/* Datagrams of sessions and directions picked at random, each with its next sequence. */
static void prepare_round(struct bench_relay *bench, uint32_t sessions, uint32_t *sequences)
{
    for (size_t i = 0; i < BATCHES * BATCH; i++) {
        uint32_t seat = (uint32_t)(bench_random(bench) % (sessions * (uint64_t)WR_ROLES));
        bench_write_forward(payloads[i], seat / WR_ROLES, ++sequences[seat]);
        datagrams[i] = (struct wr_datagram){
            .from = bench_peer_address(seat / WR_ROLES, seat % WR_ROLES),
            .bytes = payloads[i],
            .size = DATAGRAM_BYTES,
        };
    }
}

static void measure_forwarding(uint32_t sessions, const char *bound, bool with_memory)
{
    static double nanoseconds[ROUNDS];
    struct bench_relay bench;
    struct wr_snapshot before, after;
    uint32_t *sequences = calloc((size_t)sessions * WR_ROLES, sizeof *sequences);
    if (sequences == NULL)
        bench_fail("no memory");
    bench_open(&bench, sessions);
    for (uint32_t i = 0; i < sessions; i++)
        bench_join_both(&bench, i);
    wr_relay_snapshot(bench.relay, &before);
    uint64_t allocations = bench_allocations();
    for (size_t round = 0; round < ROUNDS; round++) {
        prepare_round(&bench, sessions, sequences);
        uint64_t start_ns = bench_clock_ns();
        for (size_t batch = 0; batch < BATCHES; batch++) {
            bench.now_ns += BATCH * UINT64_C(1000);
            wr_relay_receive(bench.relay, datagrams + batch * BATCH, BATCH);
        }
        nanoseconds[round] = (double)(bench_clock_ns() - start_ns) / (BATCHES * BATCH);
    }
    allocations = bench_allocations() - allocations;
    wr_relay_snapshot(bench.relay, &after);
    if (after.counters.packets_forwarded - before.counters.packets_forwarded !=
        (uint64_t)ROUNDS * BATCHES * BATCH)
        bench_fail("a datagram was not forwarded");
    printf("FIGURE\tcore: forward a datagram, %u sessions\t%.1f\tns\t%s\n", sessions,
           median(nanoseconds, ROUNDS), bound);
    printf("FIGURE\tcore: allocations while forwarding, %u sessions\t%llu\tcalls\t<= 0\n", sessions,
           (unsigned long long)allocations);
    if (with_memory)
        printf("FIGURE\tcore: memory for each session, all in, of %u\t%.0f\tbytes\t<= 1536\n",
               sessions, (double)wr_relay_memory_bytes(&bench.config) / sessions);
    bench_close(&bench);
    free(sequences);
}

/* ---- (b) Acceptance, (c) the cache -------------------------------------------------------------
 */

static struct bench_lease leases[LEASES];

/* Bare verification of the same signatures. */
static uint64_t verify_block(struct bench_relay *bench, size_t first)
{
    uint64_t start_ns = bench_clock_ns();
    for (size_t i = first; i < first + LEASE_BLOCK; i++)
        bench_verify_bare(bench, &leases[i]);
    return bench_clock_ns() - start_ns;
}

static uint64_t accept_block(struct bench_relay *bench, size_t first)
{
    uint64_t start_ns = bench_clock_ns();
    for (size_t i = first; i < first + LEASE_BLOCK; i++)
        bench_present(bench, &leases[i], bench_peer_address((uint32_t)i, WR_ROLE_CLIENT));
    return bench_clock_ns() - start_ns;
}

/* Every lease once more, from an address where its session is not bound. */
static uint64_t cached_round(struct bench_relay *bench, uint32_t round)
{
    uint64_t start_ns = bench_clock_ns();
    for (size_t i = 0; i < LEASES; i++)
        bench_present(bench, &leases[i], bench_other_address((uint32_t)i, round));
    return bench_clock_ns() - start_ns;
}

/* One after the other, so that neither is always the one that finds warm caches. */
static void accept_all(struct bench_relay *bench, double *ratios, double *verifications)
{
    for (size_t block = 0; block < LEASES / LEASE_BLOCK; block++) {
        uint64_t bare_ns = 0;
        if (block % 2 == 0)
            bare_ns = verify_block(bench, block * LEASE_BLOCK);
        uint64_t accepted_ns = accept_block(bench, block * LEASE_BLOCK);
        if (block % 2 == 1)
            bare_ns = verify_block(bench, block * LEASE_BLOCK);
        ratios[block] = 100.0 * (double)bare_ns / (double)accepted_ns;
        verifications[block] = (double)bare_ns / LEASE_BLOCK;
    }
}

static void measure_leases(void)
{
    static double ratios[LEASES / LEASE_BLOCK], verifications[LEASES / LEASE_BLOCK];
    static double cached[CACHED_ROUNDS], multiples[CACHED_ROUNDS];
    struct bench_relay bench;
    struct wr_snapshot snapshot;
    bench_open(&bench, 2 * LEASES);
    bench.sign = true;
    /* The first generations touch the memory that the kernel has promised only; the last one
     * counts. In between every session ends, because nobody joined it. */
    for (int generation = 0; generation < GENERATIONS; generation++) {
        bench.now_ns += 61 * WR_S;
        for (uint32_t i = 0; i < LEASES; i++)
            bench_mint(&bench, &leases[i], i, WR_ROLE_CLIENT);
        accept_all(&bench, ratios, verifications);
    }
    wr_relay_snapshot(bench.relay, &snapshot);
    if (snapshot.counters.verdicts[WR_VERDICT_ACCEPTED] != GENERATIONS * LEASES)
        bench_fail("a lease was not accepted");
    for (uint32_t round = 0; round < CACHED_ROUNDS; round++) {
        size_t block = round % (LEASES / LEASE_BLOCK);
        double bare_ns = (double)verify_block(&bench, block * LEASE_BLOCK) / LEASE_BLOCK;
        cached[round] = (double)cached_round(&bench, round) / LEASES;
        multiples[round] = bare_ns / cached[round];
    }
    wr_relay_snapshot(bench.relay, &snapshot);
    if (snapshot.counters.verdicts[WR_VERDICT_CANDIDATE] != (uint64_t)CACHED_ROUNDS * LEASES ||
        snapshot.counters.verification_cache_hits != (uint64_t)CACHED_ROUNDS * LEASES)
        bench_fail("a repeated lease did not come from the cache");
    printf("FIGURE\tlibsodium: verify a signature\t%.0f\tns\t-\n",
           median(verifications, LEASES / LEASE_BLOCK));
    printf("FIGURE\tcore: leases accepted, of libsodium's bare rate\t%.1f\t%%\t>= 90\n",
           median(ratios, LEASES / LEASE_BLOCK));
    printf("FIGURE\tcore: judge a lease again from the cache\t%.0f\tns\t-\n",
           median(cached, CACHED_ROUNDS));
    printf("FIGURE\tcore: leases from the cache, of libsodium's bare rate\t%.1f\ttimes\t>= 50\n",
           median(multiples, CACHED_ROUNDS));
    bench_close(&bench);
}

int main(int argc, char **argv)
{
    (void)argv;
    bench_start();
    measure_leases();
    if (argc > 1) /* leases alone, for profiles */
        return 0;
    measure_forwarding(1000, "<= 150", false);
    measure_forwarding(1000000, "<= 400", true);
    return 0;
}
