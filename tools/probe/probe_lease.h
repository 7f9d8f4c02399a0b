/*
 * The leases that a probe or a load presents: minted here from the secret key, or read from files
 * that somebody else's master filled. Owns no key beyond the struct it is given; declines to know
 * whether a relay will believe them.
 */
#ifndef PROBE_LEASE_H
#define PROBE_LEASE_H

#include "claims.h"
#include "mint.h"
#include "probe_net.h"

struct probe_signer {
    char kid[WR_KID_BYTES_MAX + 1]; /* "" for none */
    uint8_t secret_key[WR_SECRET_KEY_BYTES];
};

/* The secret key as wavry-lease keygen writes it: KID:SECRET or SECRET, "-" is standard input. */
bool probe_signer_read(const char *path, struct probe_signer *signer, struct probe_error *error);

struct probe_token {
    char text[WR_TOKEN_TEXT_BYTES_MAX]; /* not terminated */
    uint32_t bytes;
    uint64_t expires_unix_ms;
    uint64_t lifetime_ms; /* from now */
};

struct probe_lease_terms {
    const char *sub;
    const char *relay_id;
    uint32_t ttl_secs;
    uint32_t limit_kbps; /* soft and hard */
};

/* A lease from now on. False where it would not fit a datagram. */
bool probe_mint(const struct probe_signer *signer, const struct probe_lease_terms *terms,
                const struct wr_session_id *session, enum wr_role role, struct probe_token *out);

/* A token somebody else minted, and what it says; its signature is not checked. */
bool probe_token_read(const char *path, struct probe_token *out, struct wr_claims *claims,
                      struct probe_error *error);

/* A random session id (UUID version 4). */
struct wr_session_id probe_random_session(void);

#endif
