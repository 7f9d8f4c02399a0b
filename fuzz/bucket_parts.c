#include "bucket_parts.h"

#include <shared.h>
#include <token_cache.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Limits that relays share ---------------------------------------------------------------- */

#define BURST_NS (250 * WR_MS)

static struct wr_shared *shared;
static uint32_t sessions;
static struct leak leaks[3];

static struct wr_shared *the_shared(void)
{
    if (shared != NULL)
        return shared;
    shared = wr_shared_create();
    if (shared == NULL)
        abort();
    FUZZ_REQUIRE((uintptr_t)shared % 64 == 0, "not on a cache line");
    sessions = 0;
    memset(leaks, 0, sizeof leaks);
    return shared;
}

void shared_open(uint32_t most)
{
    bool fits = wr_shared_sessions(the_shared()) < most;
    FUZZ_REQUIRE(wr_shared_open(shared, most) == fits, "%u of %u", sessions, most);
    sessions += fits;
    FUZZ_REQUIRE(wr_shared_sessions(shared) == sessions, "%u sessions", sessions);
}

void shared_close(uint32_t closed)
{
    the_shared();
    closed = closed < sessions ? closed : sessions;
    wr_shared_close(shared, closed);
    sessions -= closed;
    FUZZ_REQUIRE(wr_shared_sessions(shared) == sessions, "%u sessions", sessions);
}

void shared_draw(uint32_t which, uint64_t cost_ns, wr_instant now)
{
    the_shared();
    struct wr_shared_bucket *const buckets[3] = {&shared->verification, &shared->bandwidth,
                                                 &shared->reject_all};
    wr_instant before = wr_shared_tat(buckets[which]);
    bool allowed = leak_take(&leaks[which], now, cost_ns, BURST_NS);
    FUZZ_REQUIRE(wr_shared_draw(buckets[which], cost_ns, BURST_NS, now) == allowed, "draws");
    if (!allowed)
        FUZZ_REQUIRE(wr_shared_tat(buckets[which]) == before, "what is not allowed draws nothing");
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

#define ADDS_MAX 6000u /* of one input: a bound on its time */
#define USES_MAX 8192u /* adds, and no more finds than an input has actions */

static struct wr_token_cache cache;
static struct wr_claims claims;
static struct {
    uint32_t used[TOKEN_NAMES]; /* its last use, counted from 1; 0: it is not there */
    uint32_t uses, count;
    uint16_t log[USES_MAX]; /* who each use was of */
    uint32_t oldest;        /* neither this use nor one before it is anybody's last */
} stores[2];
static uint32_t adds;
static bool tokens_used;

static void begin_tokens(void)
{
    if (tokens_used)
        return;
    if (cache.good.entries == NULL) {
        struct wr_arena sizes = {NULL, 0}, arena = {NULL, 0};
        wr_token_cache_layout(&cache, &sizes);
        arena.base = aligned_alloc(WR_ARENA_ALIGN, (sizes.used + 63) / 64 * 64);
        if (arena.base == NULL)
            abort();
        memset(arena.base, 0, sizes.used);
        wr_token_cache_layout(&cache, &arena);
    }
    tokens_used = true;
    adds = 0;
    tokens_clear();
}

/* Sixteen names share each of 512 heads. */
static void hash_of(uint32_t name, uint8_t hash[WR_TOKEN_HASH_BYTES])
{
    memset(hash, 0, WR_TOKEN_HASH_BYTES);
    hash[0] = (uint8_t)name;
    hash[1] = (uint8_t)(name >> 8 & 1);
    hash[WR_TOKEN_HASH_BYTES - 1] = (uint8_t)(name >> 8);
}

static void key_of(uint32_t name, uint8_t key[WR_PUBLIC_KEY_BYTES])
{
    memset(key, (int)(name % 251), WR_PUBLIC_KEY_BYTES);
}

static void model_use(bool good, uint32_t name)
{
    uint32_t use = ++stores[good].uses;
    FUZZ_REQUIRE(use < USES_MAX, "%u uses", use);
    stores[good].used[name] = use;
    stores[good].log[use] = (uint16_t)name;
}

/* In a full store the least recently used goes: the first of the log that was not used since. */
static void model_add(bool good, uint32_t name)
{
    if (stores[good].used[name] == 0 && stores[good].count == WR_TOKEN_CACHE_ENTRIES) {
        uint32_t use = stores[good].oldest + 1; /* that one was evicted, or there is none yet */
        while (stores[good].used[stores[good].log[use]] != use)
            use++;
        stores[good].used[stores[good].log[use]] = 0;
        stores[good].oldest = use;
        stores[good].count--;
    }
    stores[good].count += stores[good].used[name] == 0;
    model_use(good, name);
}

void tokens_add(bool good, uint32_t name, uint32_t count)
{
    uint8_t hash[WR_TOKEN_HASH_BYTES], key[WR_PUBLIC_KEY_BYTES];
    begin_tokens();
    for (; count > 0 && adds < ADDS_MAX; count--, adds++) {
        hash_of(name, hash);
        key_of(name, key);
        claims.expires_unix_ms = name;
        if (good)
            wr_token_cache_add_good(&cache, hash, &claims, key);
        else
            wr_token_cache_add_bad(&cache, hash);
        model_add(good, name);
        name = (name + 1) % TOKEN_NAMES;
    }
}

void tokens_find(bool good, uint32_t name)
{
    uint8_t hash[WR_TOKEN_HASH_BYTES], wanted[WR_PUBLIC_KEY_BYTES];
    const uint8_t *key = NULL;
    begin_tokens();
    hash_of(name, hash);
    bool there = stores[good].used[name] != 0;
    if (there)
        model_use(good, name);
    if (!good) {
        FUZZ_REQUIRE(wr_token_cache_bad(&cache, hash) == there, "bad token %u: %d", name, there);
        return;
    }
    const struct wr_claims *found = wr_token_cache_good(&cache, hash, &key);
    FUZZ_REQUIRE((found != NULL) == there, "good token %u: %d", name, there);
    if (!there)
        return;
    key_of(name, wanted);
    FUZZ_REQUIRE(found->expires_unix_ms == name, "the claims of %" PRIu64, found->expires_unix_ms);
    FUZZ_REQUIRE(memcmp(key, wanted, sizeof wanted) == 0, "the key of another token");
}

void tokens_clear(void)
{
    begin_tokens();
    wr_token_cache_clear(&cache);
    memset(stores, 0, sizeof stores);
}

void parts_end(void)
{
    tokens_used = false;
    wr_shared_destroy(shared);
    shared = NULL;
}
