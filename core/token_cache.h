/*
 * What verification said about tokens, by a keyed hash of the token (section 2): parsed claims of
 * good ones, the mere fact for bad ones, in two stores so that junk evicts no good one. Least
 * recently used out. Signature results only: checks 5 to 11 are made anew by the caller.
 */
#ifndef WR_TOKEN_CACHE_H
#define WR_TOKEN_CACHE_H

#include "arena.h"
#include "claims.h"
#include "keyed_hash.h"

#define WR_TOKEN_CACHE_ENTRIES 4096

struct wr_cached_token {
    uint8_t hash[WR_TOKEN_HASH_BYTES];
    uint8_t key[WR_PUBLIC_KEY_BYTES]; /* that signed it; zero in the store of bad ones */
    uint32_t chain;                   /* next with the same head; places count from 1, 0 ends */
    uint32_t older, newer;            /* order of use */
};

struct wr_token_store {
    struct wr_cached_token *entries;
    struct wr_claims *claims; /* NULL in the store of bad ones */
    uint32_t *heads;
    uint32_t used;
    uint32_t oldest, newest;
};

struct wr_token_cache {
    struct wr_token_store good;
    struct wr_token_store bad;
};

void wr_token_cache_layout(struct wr_token_cache *cache, struct wr_arena *arena);

/* Forgets everything (a change of the key ring). */
void wr_token_cache_clear(struct wr_token_cache *cache);

/* The claims of a token known to be good, and the key that signed it; NULL for none. The pointers
 * live until the next change of the cache. */
const struct wr_claims *wr_token_cache_good(struct wr_token_cache *cache,
                                            const uint8_t hash[WR_TOKEN_HASH_BYTES],
                                            const uint8_t **key);
bool wr_token_cache_bad(struct wr_token_cache *cache, const uint8_t hash[WR_TOKEN_HASH_BYTES]);

void wr_token_cache_add_good(struct wr_token_cache *cache, const uint8_t hash[WR_TOKEN_HASH_BYTES],
                             const struct wr_claims *claims,
                             const uint8_t key[WR_PUBLIC_KEY_BYTES]);
void wr_token_cache_add_bad(struct wr_token_cache *cache, const uint8_t hash[WR_TOKEN_HASH_BYTES]);

#endif
