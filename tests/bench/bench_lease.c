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

#define LEASES  2000 /* fewer than the cache holds */
#define REPEATS 50   /* rounds over all of them */

struct lease {
    uint32_t size;
    uint8_t present[WR_DATAGRAM_BYTES_MAX];
    struct wr_address from;
};

static struct bed bed;
static struct lease leases[LEASES];

/* Two peers to a session: the first opens it, the second makes it active. */
static void make_leases(void)
{
    for (uint32_t i = 0; i < LEASES; i++) {
        enum wr_role role = (enum wr_role)(i % WR_ROLES);
        leases[i].from = bed_address(i / WR_ROLES, role);
        leases[i].size = bed_present(&bed, i / WR_ROLES, role, true, leases[i].present);
    }
}

/* libsodium alone, on what the core would hand to it. */
static uint64_t verify_ns(const struct lease *lease)
{
    static struct wr_token token;
    static uint8_t input[WR_SIGNING_INPUT_BYTES_MAX];
    struct wr_packet packet;
    enum wr_outcome failure;
    if (!wr_wire_decode(lease->present, lease->size, &packet, &failure) ||
        !wr_token_decode(packet.token, packet.token_bytes, &token))
        bench_fail("a token cannot be read");
    uint32_t bytes = wr_token_signing_input(&token, input, sizeof input);
    uint64_t began = bench_cpu_ns();
    int result = crypto_sign_verify_detached(token.signature, input, bytes, bed.public_key);
    uint64_t spent_ns = bench_cpu_ns() - began;
    if (result != 0)
        bench_fail("a signature is wrong");
    return spent_ns;
}

static uint64_t accept_ns(const struct lease *lease)
{
    uint64_t began = bench_cpu_ns();
    bed_receive(&bed, &lease->from, lease->present, lease->size);
    bed_verify(&bed);
    return bench_cpu_ns() - began;
}

/* Every token REPEATS times, `elsewhere` from another port. All must be acknowledged. */
static uint64_t repeat_all_ns(bool elsewhere)
{
    uint64_t sends_before = bed.sends;
    uint64_t spent_ns = 0;
    for (int round = 0; round < REPEATS; round++) {
        bed.now_ns += WR_MS; /* so that no peer presents more often than it may */
        uint64_t began = bench_cpu_ns();
        for (uint32_t i = 0; i < LEASES; i++) {
            struct wr_address from = leases[i].from;
            if (elsewhere)
                from.port = (uint16_t)(6000 + round);
            bed_receive(&bed, &from, leases[i].present, leases[i].size);
        }
        spent_ns += bench_cpu_ns() - began;
    }
    if (bed.sends - sends_before != (uint64_t)LEASES * REPEATS ||
        bed.last_type != WR_PACKET_LEASE_ACK)
        bench_fail("a repeated token was not acknowledged");
    return spent_ns;
}

int main(void)
{
    struct wr_snapshot snapshot;
    bed_open(&bed, LEASES, false);
    make_leases();
    /* In turns, because a machine's pace changes within a second. */
    uint64_t bare_ns = 0, accepted_ns = 0;
    for (uint32_t i = 0; i < LEASES; i++) {
        verify_ns(&leases[i]); /* warm */
        bare_ns += verify_ns(&leases[i]);
        accepted_ns += accept_ns(&leases[i]);
    }
    wr_relay_snapshot(bed.relay, &snapshot);
    if (snapshot.sessions_active != LEASES / WR_ROLES)
        bench_fail("not all leases were accepted");
    uint64_t repeated_ns = repeat_all_ns(false);
    uint64_t elsewhere_ns = repeat_all_ns(true);

    bench_figure("libsodium: verify alone", LEASES * WR_S * 1000 / bare_ns, "per s", "-");
    bench_figure("lease: accepted", LEASES * WR_S * 1000 / accepted_ns, "per s", "-");
    bench_figure("lease: accepted, share of libsodium's rate", bare_ns * 100000 / accepted_ns, "%",
                 ">= 90");
    bench_figure("lease: repeated from its address, times the rate of accepted",
                 accepted_ns * REPEATS * 1000 / repeated_ns, "times", ">= 50");
    bench_figure("lease: from elsewhere by the cache, times the rate of accepted",
                 accepted_ns * REPEATS * 1000 / elsewhere_ns, "times", ">= 50");
    bed_close(&bed);
    return 0;
}
