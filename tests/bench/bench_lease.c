/*
 * What accepting leases costs beyond the signature: real tokens, verified by libsodium as a relay's
 * helper would, against libsodium alone on the same tokens. Then the same tokens again, from the
 * cache: from their bound addresses (a repeat) and from others (all checks but the signature).
 */
#include "bed.h"
#include "bench.h"
#include "wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LEASES      1024 /* fewer than the cache holds */
#define BLOCK       16   /* leases between two readings of the clock */
#define GENERATIONS 4    /* of sessions, one after the other in the same memory */
#define REPEATS     50   /* rounds over all of them */

/* Small enough that a thousand of them stay where a datagram is that just came: in the cache. */
struct lease {
    struct wr_address from;
    uint32_t size;
    uint32_t message_bytes;
    uint8_t present[640];
    uint8_t message[512]; /* what the core would hand to libsodium */
    uint8_t signature[WR_SIGNATURE_BYTES];
};

static struct bed bed;
static struct lease leases[LEASES];

static void make_lease(struct lease *lease, uint32_t session, enum wr_role role)
{
    static struct wr_token token;
    uint8_t present[WR_DATAGRAM_BYTES_MAX];
    struct wr_packet packet;
    enum wr_outcome failure;
    lease->from = bed_address(session, role);
    lease->size = bed_present(&bed, session, role, true, present);
    if (lease->size > sizeof lease->present ||
        !wr_wire_decode(present, lease->size, &packet, &failure) ||
        !wr_token_decode(packet.token, packet.token_bytes, &token))
        bench_fail("a token cannot be used");
    memcpy(lease->present, present, lease->size);
    memcpy(lease->signature, token.signature, sizeof lease->signature);
    lease->message_bytes = wr_token_signing_input(&token, lease->message, sizeof lease->message);
    if (lease->message_bytes == 0)
        bench_fail("a token is too long");
}

/* Two peers to a session: the first opens it, the second makes it active. */
static void make_leases(uint32_t generation)
{
    for (uint32_t i = 0; i < LEASES; i++)
        make_lease(&leases[i], (generation * LEASES + i) / WR_ROLES, (enum wr_role)(i % WR_ROLES));
}

/* libsodium alone. */
static uint64_t verify_block_ns(const struct lease *block)
{
    uint64_t began = bench_cpu_ns();
    for (int i = 0; i < BLOCK; i++) {
        if (crypto_sign_verify_detached(block[i].signature, block[i].message,
                                        block[i].message_bytes, bed.public_key) != 0)
            bench_fail("a signature is wrong");
    }
    return bench_cpu_ns() - began;
}

static uint64_t accept_block_ns(const struct lease *block)
{
    uint64_t began = bench_cpu_ns();
    for (int i = 0; i < BLOCK; i++) {
        bed_receive(&bed, &block[i].from, block[i].present, block[i].size);
        bed_verify(&bed);
    }
    return bench_cpu_ns() - began;
}

/* Every token once more: from its address (`port` 0), or from another port. All must be
 * acknowledged. */
static uint64_t repeat_ns(uint16_t port)
{
    uint64_t sends_before = bed.sends;
    bed.now_ns += 5 * WR_MS; /* so that nobody presents more often than it may */
    uint64_t began = bench_cpu_ns();
    for (uint32_t i = 0; i < LEASES; i++) {
        struct wr_address from = leases[i].from;
        if (port != 0)
            from.port = port;
        bed_receive(&bed, &from, leases[i].present, leases[i].size);
    }
    uint64_t spent_ns = bench_cpu_ns() - began;
    if (bed.sends - sends_before != LEASES || bed.last_type != WR_PACKET_LEASE_ACK)
        bench_fail("a repeated token was not acknowledged");
    return spent_ns;
}

/* Rounds of `repeat_ns` next to verifications: by how much the former are faster, in thousandths.
 */
static uint64_t repeat_all(bool elsewhere)
{
    static uint64_t times[REPEATS];
    for (uint16_t round = 0; round < REPEATS; round++) {
        const struct lease *block = &leases[round % (LEASES / BLOCK) * BLOCK];
        uint64_t bare_ns = verify_block_ns(block);
        uint64_t spent_ns = repeat_ns(elsewhere ? (uint16_t)(6000 + round) : 0);
        times[round] = bare_ns * (LEASES / BLOCK) * 1000 / spent_ns;
    }
    return bench_median(times, REPEATS);
}

int main(void)
{
    static uint64_t bare[LEASES / BLOCK], accepted[LEASES / BLOCK], shares[LEASES / BLOCK];
    struct wr_snapshot snapshot;
    bed_open(&bed, LEASES, false);
    /* The first generation touches memory that the system has only promised. Each later one finds
     * the places of sessions that ended, as on a relay that has run for a while. */
    for (uint32_t generation = 0; generation < GENERATIONS; generation++) {
        make_leases(generation);
        bed.now_ns += 61 * WR_S;
        /* In turns, because a machine's pace changes within a second. */
        for (uint32_t i = 0; i < LEASES / BLOCK; i++) {
            bare[i] = verify_block_ns(&leases[i * BLOCK]);
            accepted[i] = accept_block_ns(&leases[i * BLOCK]);
            shares[i] = bare[i] * 100000 / accepted[i];
        }
    }
    wr_relay_snapshot(bed.relay, &snapshot);
    if (snapshot.sessions_active != LEASES / WR_ROLES ||
        snapshot.counters.verdicts[WR_VERDICT_ACCEPTED] != GENERATIONS * LEASES)
        bench_fail("not all leases were accepted");
    uint64_t repeated = repeat_all(false), elsewhere = repeat_all(true);
    wr_relay_snapshot(bed.relay, &snapshot);
    if (snapshot.counters.verdicts[WR_VERDICT_CANDIDATE] != REPEATS * LEASES ||
        snapshot.counters.verification_cache_hits != REPEATS * LEASES)
        bench_fail("a lease from elsewhere did not come from the cache");

    bench_figure("libsodium: verify alone",
                 BLOCK * WR_S * 1000 / bench_median(bare, LEASES / BLOCK), "per s", "-");
    bench_figure("lease: accepted", BLOCK * WR_S * 1000 / bench_median(accepted, LEASES / BLOCK),
                 "per s", "-");
    bench_figure("lease: accepted, share of libsodium's rate", bench_median(shares, LEASES / BLOCK),
                 "%", ">= 90");
    bench_figure("lease: repeated from its address, times libsodium's rate", repeated, "times",
                 ">= 50");
    bench_figure("lease: from elsewhere by the cache, times libsodium's rate", elsewhere, "times",
                 ">= 50");
    bed_close(&bed);
    return 0;
}
