/*
 * Banned identities, as keyed 128-bit hashes in a sorted table of fixed size (section 2, check 11).
 * Changes are rare, looking is cheap.
 */
#ifndef WR_BAN_LIST_H
#define WR_BAN_LIST_H

#include "arena.h"
#include "keyed_hash.h"

struct wr_ban_list {
    uint8_t (*entries)[WR_IDENTITY_HASH_BYTES];
    uint32_t count;
    uint32_t capacity;
};

void wr_ban_list_layout(struct wr_ban_list *list, struct wr_arena *arena, uint32_t capacity);
bool wr_ban_list_holds(const struct wr_ban_list *list,
                       const uint8_t identity[WR_IDENTITY_HASH_BYTES]);

/* False where the table is full. */
bool wr_ban_list_add(struct wr_ban_list *list, const uint8_t identity[WR_IDENTITY_HASH_BYTES]);
void wr_ban_list_remove(struct wr_ban_list *list, const uint8_t identity[WR_IDENTITY_HASH_BYTES]);

#endif
