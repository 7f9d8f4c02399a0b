/*
 * The signing keys of simulated masters. A key's bytes are derived from its name alone, so that
 * they are the same in every run and whoever names a key means the same one; two names with one kid
 * are "the same kid with other bytes". Owns the derivation, and nothing else.
 */
#ifndef SIM_SIGNING_KEY_H
#define SIM_SIGNING_KEY_H

#include <wavry/types.h>

struct sim_signing_key {
    uint8_t public_key[WR_PUBLIC_KEY_BYTES];
    uint8_t secret_key[64]; /* libsodium's form: seed and public key */
};

/* The Ed25519 pair that goes with a name. Costs a scalar multiplication: keep what it gives. */
void sim_signing_key_derive(const char *name, struct sim_signing_key *out);

#endif
