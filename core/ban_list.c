#include "ban_list.h"

void wr_ban_list_layout(struct wr_ban_list *list, struct wr_arena *arena, uint32_t capacity)
{
    list->capacity = capacity;
    list->entries = wr_arena_take(arena, capacity, sizeof *list->entries);
}

/* The place of the first entry that is not below `identity`. */
static uint32_t place_of(const struct wr_ban_list *list, const uint8_t *identity)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(list->entries[middle], identity, WR_IDENTITY_HASH_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stands_at(const struct wr_ban_list *list, uint32_t at, const uint8_t *identity)
{
    return at < list->count && memcmp(list->entries[at], identity, WR_IDENTITY_HASH_BYTES) == 0;
}

bool wr_ban_list_holds(const struct wr_ban_list *list,
                       const uint8_t identity[WR_IDENTITY_HASH_BYTES])
{
    return stands_at(list, place_of(list, identity), identity);
}

bool wr_ban_list_add(struct wr_ban_list *list, const uint8_t identity[WR_IDENTITY_HASH_BYTES])
{
    uint32_t at = place_of(list, identity);
    if (stands_at(list, at, identity))
        return true;
    if (list->count == list->capacity)
        return false;
    memmove(list->entries[at + 1], list->entries[at],
            (size_t)(list->count - at) * sizeof *list->entries);
    memcpy(list->entries[at], identity, WR_IDENTITY_HASH_BYTES);
    list->count++;
    return true;
}

void wr_ban_list_remove(struct wr_ban_list *list, const uint8_t identity[WR_IDENTITY_HASH_BYTES])
{
    uint32_t at = place_of(list, identity);
    if (!stands_at(list, at, identity))
        return;
    list->count--;
    memmove(list->entries[at], list->entries[at + 1],
            (size_t)(list->count - at) * sizeof *list->entries);
}
