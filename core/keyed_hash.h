/*
 * Keyed hashes for tables that strangers fill (section 5): SipHash-2-4 for places in tables and,
 * with 128 bits, for identities, BLAKE2b for tokens. The keys come from the entropy interface, so
 * no sender can choose collisions.
 */
#ifndef WR_KEYED_HASH_H
#define WR_KEYED_HASH_H

#include <wavry/types.h>

#include <sodium.h>
#include <string.h>

#define WR_HASH_KEY_BYTES      crypto_shorthash_KEYBYTES   /* 16 */
#define WR_NAME_KEY_BYTES      crypto_generichash_KEYBYTES /* 32 */
#define WR_TOKEN_HASH_BYTES    32
#define WR_IDENTITY_HASH_BYTES 16

/* The first half of a token's hash tells tokens of one role apart. */
#define WR_TOKEN_MARK_BYTES 16

/* Eight bytes as one number, the first the lowest (compilers make one load of it). */
static inline uint64_t wr_hash_value(const uint8_t bytes[8])
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
           (uint64_t)bytes[3] << 24 | (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 |
           (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

static inline uint64_t wr_hash_bytes(const uint8_t key[WR_HASH_KEY_BYTES], const void *bytes,
                                     size_t count)
{
    uint8_t out[crypto_shorthash_BYTES];
    crypto_shorthash(out, bytes, count, key);
    return wr_hash_value(out);
}

/* Keyed BLAKE2b-256 of a token (section 2, the cache). */
static inline void wr_hash_token(const uint8_t key[WR_NAME_KEY_BYTES], const uint8_t *token,
                                 size_t bytes, uint8_t out[WR_TOKEN_HASH_BYTES])
{
    crypto_generichash(out, WR_TOKEN_HASH_BYTES, token, bytes, key, WR_NAME_KEY_BYTES);
}

/* 128 bits of SipHash of an identity (section 3, locks; logs and bans carry nothing else). Every
 * lease needs one, and for names this short BLAKE2b takes ten times as long. */
static inline void wr_hash_identity(const uint8_t key[WR_HASH_KEY_BYTES], const void *sub,
                                    size_t bytes, uint8_t out[WR_IDENTITY_HASH_BYTES])
{
    crypto_shorthash_siphashx24(out, sub, bytes, key);
}

#endif
