#include "bucket_table.h"

void wr_bucket_table_layout(struct wr_bucket_table *table, struct wr_arena *arena)
{
    table->entries = wr_arena_take(arena, WR_BUCKET_TABLE_ENTRIES, sizeof *table->entries);
}

struct wr_bucket *wr_bucket_table_find(struct wr_bucket_table *table,
                                       const uint8_t name[WR_BUCKET_NAME_BYTES])
{
    uint64_t hash = wr_hash_bytes(table->key, name, WR_BUCKET_NAME_BYTES);
    uint32_t set = (uint32_t)(hash % (WR_BUCKET_TABLE_ENTRIES / WR_BUCKET_TABLE_WAYS));
    struct wr_bucket *ways = &table->entries[set * WR_BUCKET_TABLE_WAYS];
    struct wr_bucket *oldest = ways;
    table->uses++;
    for (int i = 0; i < WR_BUCKET_TABLE_WAYS; i++) {
        struct wr_bucket *bucket = &ways[i];
        if (bucket->used != 0 && memcmp(bucket->name, name, WR_BUCKET_NAME_BYTES) == 0) {
            bucket->used = table->uses;
            return bucket;
        }
        if (bucket->used < oldest->used)
            oldest = bucket;
    }
    memcpy(oldest->name, name, WR_BUCKET_NAME_BYTES);
    oldest->tat = 0;
    oldest->reject_tat = 0;
    oldest->used = table->uses;
    return oldest;
}
