/*
 * Minting leases: claims to payload to signed token, the reverse of claims.h and paseto.h. For
 * tools, the simulator's master and tests, which also need every wrong token there is; the relay
 * never links it. A library of its own (wavry_mint); allocates nothing either.
 */
#ifndef WR_MINT_H
#define WR_MINT_H

#include "paseto.h"
#include "rfc3339.h"

#define WR_SECRET_KEY_BYTES 64 /* libsodium's form: seed and public key */

/* One lease to mint. All zero is a token without a single member; a text member is left out where
 * its pointer is NULL, a number where its `has_` is false. Everything is written as it is, right or
 * wrong; texts are escaped as JSON asks. Pointers are borrowed for the call. */
struct wr_mint {
    const char *sub;
    const char *sid;
    const char *role;
    const char *rid;
    const char *kid;
    const char *exp_rfc3339, *exp;
    const char *nbf_rfc3339, *nbf;
    const char *iat_rfc3339, *iat;
    bool has_soft_limit, has_hard_limit;
    uint32_t soft_limit_kbps, hard_limit_kbps;
    const char *extra; /* further members as raw JSON ("\"a\":1,\"b\":[]"), appended */

    const uint8_t *raw_payload; /* not NULL: these bytes are the payload, all members are ignored */
    uint32_t raw_payload_bytes;
    const uint8_t *footer; /* NULL: none */
    uint32_t footer_bytes;
};

/* The common case, filled in: subject, session, role, relay, kid (NULL for none), issued and not
 * before at `now_unix_ms`, expiry `ttl_ms` later, default limits. The texts of session and times
 * live in `texts`, which must outlive the use of the result. */
struct wr_mint_texts {
    char sid[WR_SESSION_TEXT_BYTES];
    char issued[WR_RFC3339_TEXT_BYTES];
    char expires[WR_RFC3339_TEXT_BYTES];
};
struct wr_mint wr_mint_lease(struct wr_mint_texts *texts, const char *sub,
                             const struct wr_session_id *session, enum wr_role role,
                             const char *rid, const char *kid, uint64_t now_unix_ms,
                             uint64_t ttl_ms);

/* The JSON payload alone. Returns its bytes, 0 where `capacity` does not do. */
uint32_t wr_mint_payload(const struct wr_mint *mint, uint8_t *out, size_t capacity);

/* The signed token, never terminated. Returns its characters, 0 where payload, footer or token are
 * longer than a datagram's token can be, or `capacity` (WR_TOKEN_TEXT_BYTES_MAX always does). */
uint32_t wr_mint_token(const struct wr_mint *mint, const uint8_t secret_key[WR_SECRET_KEY_BYTES],
                       char *out, size_t capacity);

/* A key pair from a 32-byte seed: the same seed gives the same keys. */
void wr_mint_keypair(const uint8_t seed[32], uint8_t public_key[WR_PUBLIC_KEY_BYTES],
                     uint8_t secret_key[WR_SECRET_KEY_BYTES]);

#endif
