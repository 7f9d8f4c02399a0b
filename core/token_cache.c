#include "token_cache.h"

#define HEADS (2 * WR_TOKEN_CACHE_ENTRIES)

static void layout(struct wr_token_store *store, struct wr_arena *arena, bool with_claims)
{
    store->entries = wr_arena_take(arena, WR_TOKEN_CACHE_ENTRIES, sizeof *store->entries);
    store->heads = wr_arena_take(arena, HEADS, sizeof *store->heads);
    store->claims =
        with_claims ? wr_arena_take(arena, WR_TOKEN_CACHE_ENTRIES, sizeof *store->claims) : NULL;
}

void wr_token_cache_layout(struct wr_token_cache *cache, struct wr_arena *arena)
{
    layout(&cache->good, arena, true);
    layout(&cache->bad, arena, false);
}

static void clear(struct wr_token_store *store)
{
    if (store->used == 0)
        return;
    memset(store->heads, 0, HEADS * sizeof *store->heads);
    store->used = 0;
    store->oldest = 0;
    store->newest = 0;
}

void wr_token_cache_clear(struct wr_token_cache *cache)
{
    clear(&cache->good);
    clear(&cache->bad);
}

/* The hash is keyed already: its first bytes are as good as any. */
static uint32_t head_of(const uint8_t hash[WR_TOKEN_HASH_BYTES])
{
    uint32_t value = (uint32_t)hash[0] | (uint32_t)hash[1] << 8 | (uint32_t)hash[2] << 16;
    return value % HEADS;
}

static void unlink_use(struct wr_token_store *store, uint32_t at)
{
    struct wr_cached_token *entry = &store->entries[at - 1];
    *(entry->older ? &store->entries[entry->older - 1].newer : &store->oldest) = entry->newer;
    *(entry->newer ? &store->entries[entry->newer - 1].older : &store->newest) = entry->older;
}

static void link_newest(struct wr_token_store *store, uint32_t at)
{
    struct wr_cached_token *entry = &store->entries[at - 1];
    entry->older = store->newest;
    entry->newer = 0;
    *(store->newest ? &store->entries[store->newest - 1].newer : &store->oldest) = at;
    store->newest = at;
}

static uint32_t find(struct wr_token_store *store, const uint8_t hash[WR_TOKEN_HASH_BYTES])
{
    uint32_t at = store->heads[head_of(hash)];
    while (at != 0 && memcmp(store->entries[at - 1].hash, hash, WR_TOKEN_HASH_BYTES) != 0)
        at = store->entries[at - 1].chain;
    if (at != 0 && store->newest != at) {
        unlink_use(store, at);
        link_newest(store, at);
    }
    return at;
}

static void unlink_chain(struct wr_token_store *store, uint32_t at)
{
    uint32_t *link = &store->heads[head_of(store->entries[at - 1].hash)];
    while (*link != at)
        link = &store->entries[*link - 1].chain;
    *link = store->entries[at - 1].chain;
}

/* The place of a hash: its own, a free one, or that of the least recently used. */
static uint32_t add(struct wr_token_store *store, const uint8_t hash[WR_TOKEN_HASH_BYTES])
{
    uint32_t at = find(store, hash);
    if (at != 0)
        return at;
    if (store->used < WR_TOKEN_CACHE_ENTRIES) {
        at = ++store->used;
    } else {
        at = store->oldest;
        unlink_use(store, at);
        unlink_chain(store, at);
    }
    struct wr_cached_token *entry = &store->entries[at - 1];
    memcpy(entry->hash, hash, WR_TOKEN_HASH_BYTES);
    entry->chain = store->heads[head_of(hash)];
    store->heads[head_of(hash)] = at;
    link_newest(store, at);
    return at;
}

const struct wr_claims *wr_token_cache_good(struct wr_token_cache *cache,
                                            const uint8_t hash[WR_TOKEN_HASH_BYTES],
                                            const uint8_t **key)
{
    uint32_t at = find(&cache->good, hash);
    if (at == 0)
        return NULL;
    *key = cache->good.entries[at - 1].key;
    return &cache->good.claims[at - 1];
}

bool wr_token_cache_bad(struct wr_token_cache *cache, const uint8_t hash[WR_TOKEN_HASH_BYTES])
{
    return find(&cache->bad, hash) != 0;
}

void wr_token_cache_add_good(struct wr_token_cache *cache, const uint8_t hash[WR_TOKEN_HASH_BYTES],
                             const struct wr_claims *claims, const uint8_t key[WR_PUBLIC_KEY_BYTES])
{
    uint32_t at = add(&cache->good, hash);
    cache->good.claims[at - 1] = *claims;
    memcpy(cache->good.entries[at - 1].key, key, WR_PUBLIC_KEY_BYTES);
}

void wr_token_cache_add_bad(struct wr_token_cache *cache, const uint8_t hash[WR_TOKEN_HASH_BYTES])
{
    (void)add(&cache->bad, hash);
}
