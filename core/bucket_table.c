#include "bucket_table.h"

#include "fault.h"

void wr_bucket_table_layout(struct wr_bucket_table *table, struct wr_arena *arena)
{
    table->entries = wr_arena_take(arena, WR_BUCKET_TABLE_ENTRIES, sizeof *table->entries);
}

struct wr_bucket *wr_bucket_table_find(struct wr_bucket_table *table, struct wr_bucket *set,
                                       const uint8_t name[WR_BUCKET_NAME_BYTES])
{
    struct wr_bucket *oldest = set;
    table->uses++;
    for (int i = 0; i < WR_BUCKET_TABLE_WAYS; i++) {
        struct wr_bucket *bucket = &set[i];
        if (bucket->used != 0 && memcmp(bucket->name, name, WR_BUCKET_NAME_BYTES) == 0) {
            bucket->used = table->uses;
            return bucket;
        }
        if (WR_FAULT(bucket_keeps_oldest) ? bucket->used > oldest->used
                                          : bucket->used < oldest->used)
            oldest = bucket;
    }
    memcpy(oldest->name, name, WR_BUCKET_NAME_BYTES);
    oldest->tat = 0;
    oldest->reject_tat = 0;
    oldest->used = table->uses;
    return oldest;
}
