/*
 * The oracles' own reading of a lease: PASETO's parts, the claims by cJSON, the times, and which
 * verdict section 2's checks 5 to 11 come to. Remembers which signatures are good, so that none is
 * computed twice; believes libsodium and nobody else.
 */
#ifndef SIM_ORACLE_TOKEN_H
#define SIM_ORACLE_TOKEN_H

#include <wavry/relay.h>

#define SIM_DIGEST_BYTES 16

struct sim_digest {
    uint8_t bytes[SIM_DIGEST_BYTES];
};

/* A token as read, whether or not it deserves belief. */
struct sim_token {
    bool readable;               /* token and claims have their form */
    struct sim_digest identity;  /* of `sub` */
    struct sim_digest token;     /* of the token's bytes */
    struct sim_digest signed_by; /* of pre-authentication encoding and signature */
    char kid[WR_KID_BYTES_MAX + 1];
    bool has_kid;
    struct wr_session_id session;
    enum wr_role role;
    bool right_relay;
    int64_t expires_ms, not_before_ms, issued_ms; /* unix; INT64_MIN where missing */
    uint32_t soft_kbps, hard_kbps;
};

/* Reads a token that is to be judged by the relay named `relay_id`. */
struct sim_token sim_token_read(const uint8_t *token, uint32_t bytes, const char *relay_id);

/* The digest under which a verification request's result is remembered. */
struct sim_digest sim_token_signed_digest(const uint8_t *message, uint32_t message_bytes,
                                          const uint8_t signature[WR_SIGNATURE_BYTES]);

/* Computes the signature of a token against one key, for results that nobody told. */
bool sim_token_verify(const uint8_t *token, uint32_t bytes, const uint8_t key[WR_PUBLIC_KEY_BYTES]);

/* Digest of an identity as a ban names it. */
struct sim_digest sim_token_identity(const char *sub, size_t bytes);

struct sim_token_context {
    struct wr_session_id session; /* of the header */
    uint8_t presented_role;
    bool strict_role;
    uint64_t now_unix_ms;
    uint64_t skew_ms;
    bool skip_times; /* the very token that is bound (section 2, cache) */
    bool banned;
};

/* Checks 5 to 11 in their order; ACCEPTED where all hold. */
enum wr_verdict sim_token_judge(const struct sim_token *token,
                                const struct sim_token_context *context);

static inline bool sim_digest_equal(const struct sim_digest *a, const struct sim_digest *b)
{
    for (unsigned i = 0; i < SIM_DIGEST_BYTES; i++) {
        if (a->bytes[i] != b->bytes[i])
            return false;
    }
    return true;
}

#endif
