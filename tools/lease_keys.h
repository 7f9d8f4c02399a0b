/*
 * Keys as the commands of wavry-lease take them: "KID:HEX", one in an argument or one a line in a
 * file. Owns their parsing and the order in which a token tries them (protocol section 2, checks 3
 * and 4); declines to know where they come from.
 */
#ifndef WR_LEASE_KEYS_H
#define WR_LEASE_KEYS_H

#include "claims.h"
#include "paseto.h"

#define LEASE_KEYS_MAX 64

/* A public key by its name; `kid` "" is a key without one. */
struct lease_key {
    char kid[WR_KID_BYTES_MAX + 1];
    uint8_t public_key[WR_PUBLIC_KEY_BYTES];
};

/* In the order given: the last is the newest. */
struct lease_keys {
    uint32_t count;
    struct lease_key keys[LEASE_KEYS_MAX];
};

/* Splits "KID:REST" at the last colon, or takes "REST" alone with an empty KID where
 * `kid_optional`. NULL where the kid is too long or the colon is missing; else the REST. */
const char *lease_split_kid(const char *text, bool kid_optional, char kid[WR_KID_BYTES_MAX + 1]);

/* Adds "KID:HEX" (KID may be empty). NULL, or what is wrong with it. */
const char *lease_keys_add(struct lease_keys *keys, const char *text);

/* Checks 3 and 4: ACCEPTED, UNKNOWN_KEY or BAD_SIGNATURE. */
enum wr_verdict lease_keys_check(const struct lease_keys *keys, const struct wr_token *token,
                                 const struct wr_claims *claims);

/* The names of the protocol for verdicts. */
const char *lease_verdict_name(enum wr_verdict verdict);

#endif
