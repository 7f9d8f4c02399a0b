/*
 * A relay on a bench: sessions with two bound peers each, a clock that stands still unless it is
 * moved, an environment that counts what comes out. Owns the relay; declines to know what is
 * measured on it.
 */
#ifndef BENCH_BED_H
#define BENCH_BED_H

#include "paseto.h"

#include <wavry/relay.h>

#define BED_UNIX_MS  UINT64_C(1795000000000)
#define BED_RELAY_ID "bench-relay"
#define BED_KID      "bench"

struct bed {
    struct wr_relay *relay;
    wr_instant now_ns;
    uint64_t sends;
    uint8_t last_type; /* of the last datagram sent */
    uint8_t public_key[WR_PUBLIC_KEY_BYTES];
    uint8_t secret_key[64];
    uint64_t entropy;
    struct wr_verification asked[WR_VERIFICATIONS_OUT]; /* verifications that are out */
    uint32_t asked_count;
};

/* A relay for `sessions` without limits that would get in the way. With `insecure` it takes any
 * signature. */
void bed_open(struct bed *bed, uint32_t sessions, bool insecure);
void bed_close(struct bed *bed);

/* Session `number` (from 0), and the address of one of its peers; no two are alike. */
struct wr_session_id bed_session(uint32_t number);
struct wr_address bed_address(uint32_t number, enum wr_role role);

/* The LEASE_PRESENT of one of its peers. With `sign` the signature is good, else zero bytes.
 * Returns its size. */
uint32_t bed_present(const struct bed *bed, uint32_t number, enum wr_role role, bool sign,
                     uint8_t out[WR_DATAGRAM_BYTES_MAX]);

/* One datagram into the relay. */
void bed_receive(struct bed *bed, const struct wr_address *from, const uint8_t *bytes,
                 uint32_t size);

/* Computes the signatures that were asked for, until none is out. */
void bed_verify(struct bed *bed);

/* Both peers of all sessions, bound; the relay must be insecure. */
void bed_fill(struct bed *bed, uint32_t sessions);

#endif
