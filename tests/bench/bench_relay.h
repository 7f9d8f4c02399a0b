/*
 * A relay to measure: a virtual clock, an environment that counts what is sent, and leases. Owns
 * the made-up population (session i, its two peers and their addresses); declines to know what is
 * measured.
 */
#ifndef BENCH_RELAY_H
#define BENCH_RELAY_H

#include "mint.h"

#include <wavry/relay.h>

struct bench_relay {
    struct wr_relay *relay;
    struct wr_relay_config config;
    wr_instant now_ns;
    uint64_t random;
    uint64_t sent;
    bool sign;     /* tokens are signed and verified; else both are skipped */
    bool is_asked; /* `id` is out */
    bool is_good;  /* what its verification said */
    uint32_t id;
    uint8_t public_key[WR_PUBLIC_KEY_BYTES];
    uint8_t secret_key[WR_SECRET_KEY_BYTES];
};

/* A lease as a datagram, and what of it is signed. Sized for the tokens that bench_mint makes, so
 * that a thousand of them stay where a received datagram is: in the cache. */
struct bench_lease {
    uint32_t size;
    uint32_t message_bytes;
    uint8_t signature[WR_SIGNATURE_BYTES];
    uint8_t message[512];
    uint8_t datagram[640];
};

/* Once, before anything else. */
void bench_start(void);

_Noreturn void bench_fail(const char *reason);

uint64_t bench_clock_ns(void);

/* Calls of malloc, calloc, realloc and free so far, by the core and by the benchmark. */
uint64_t bench_allocations(void);

uint64_t bench_random(struct bench_relay *bench);

void bench_open(struct bench_relay *bench, uint32_t sessions);
void bench_close(struct bench_relay *bench);

/* Every session has peers on networks of their own. */
struct wr_address bench_peer_address(uint32_t session, uint32_t role);

/* Where the client of a session is not bound: another one for each `round`. */
struct wr_address bench_other_address(uint32_t session, uint32_t round);

void bench_mint(struct bench_relay *bench, struct bench_lease *lease, uint32_t session,
                enum wr_role role);

/* Presents a lease; the verification, where one is asked for, is computed at once. */
void bench_present(struct bench_relay *bench, const struct bench_lease *lease,
                   struct wr_address from);

/* What libsodium alone would do for it. */
void bench_verify_bare(const struct bench_relay *bench, const struct bench_lease *lease);

/* Both peers of a session present their leases. */
void bench_join_both(struct bench_relay *bench, uint32_t session);

/* The first 28 bytes of a FORWARD of opaque bytes: header and sequence. */
void bench_write_forward(uint8_t *out, uint32_t session, uint64_t sequence);

#endif
