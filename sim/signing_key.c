#include "signing_key.h"

#include "mint.h"

#include <sodium.h>
#include <string.h>

void sim_signing_key_derive(const char *name, struct sim_signing_key *out)
{
    static const char prefix[] = "wavry-sim signing key ";
    crypto_generichash_state state;
    uint8_t seed[32];
    crypto_generichash_init(&state, NULL, 0, sizeof seed);
    crypto_generichash_update(&state, (const uint8_t *)prefix, sizeof prefix - 1);
    crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
    crypto_generichash_final(&state, seed, sizeof seed);
    wr_mint_keypair(seed, out->public_key, out->secret_key);
}
