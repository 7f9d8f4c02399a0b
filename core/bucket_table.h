/*
 * Buckets for names that strangers choose (section 5): source prefixes and identities. A fixed
 * number of entries, four ways, least recently used out, placed by a keyed hash; a full table
 * forgets, it never fails closed.
 */
#ifndef WR_BUCKET_TABLE_H
#define WR_BUCKET_TABLE_H

#include "arena.h"
#include "keyed_hash.h"

#define WR_BUCKET_TABLE_ENTRIES 65536
#define WR_BUCKET_TABLE_WAYS    4
#define WR_BUCKET_NAME_BYTES    16

struct wr_bucket {
    uint8_t name[WR_BUCKET_NAME_BYTES];
    wr_instant tat;        /* packets or leases */
    wr_instant reject_tat; /* answers of reject 6 */
    uint64_t used;         /* number of its last use, 0: free */
};

struct wr_bucket_table {
    struct wr_bucket *entries;
    uint64_t uses;
    uint8_t key[WR_HASH_KEY_BYTES]; /* for names that are no keyed hashes already */
};

void wr_bucket_table_layout(struct wr_bucket_table *table, struct wr_arena *arena);

/* The set of ways for a keyed hash. Pulls it towards the cache: whoever asks early finds it there
 * later. */
static inline struct wr_bucket *wr_bucket_table_set(const struct wr_bucket_table *table,
                                                    uint64_t hash)
{
    uint32_t set = (uint32_t)(hash % (WR_BUCKET_TABLE_ENTRIES / WR_BUCKET_TABLE_WAYS));
    struct wr_bucket *ways = &table->entries[set * WR_BUCKET_TABLE_WAYS];
    for (int i = 0; i < WR_BUCKET_TABLE_WAYS; i++)
        __builtin_prefetch(&ways[i], 1);
    return ways;
}

/* The same for a name that anybody can choose. */
static inline struct wr_bucket *wr_bucket_table_set_of(const struct wr_bucket_table *table,
                                                       const uint8_t name[WR_BUCKET_NAME_BYTES])
{
    return wr_bucket_table_set(table, wr_hash_bytes(table->key, name, WR_BUCKET_NAME_BYTES));
}

/* The bucket of a name in its set, made anew (full) where it is not there. Never NULL. */
struct wr_bucket *wr_bucket_table_find(struct wr_bucket_table *table, struct wr_bucket *set,
                                       const uint8_t name[WR_BUCKET_NAME_BYTES]);

#endif
