#include "memory.h"

#include "arena.h"

#include <assert.h>
#include <stdlib.h>

/* calloc leaves pages that nobody touches untouched, which aligned_alloc and memset would not; so
 * the alignment is made by hand, and what calloc gave is kept in front of the block. */
void *wr_memory_take(size_t bytes)
{
    if (bytes > SIZE_MAX - 2 * WR_ARENA_ALIGN)
        return NULL;
    uint8_t *raw = calloc(1, bytes + 2 * WR_ARENA_ALIGN);
    if (raw == NULL)
        return NULL;
    size_t offset = WR_ARENA_ALIGN - (size_t)((uintptr_t)raw % WR_ARENA_ALIGN);
    assert(offset >= sizeof raw); /* what calloc gives is aligned to more than a pointer */
    uint8_t *block = raw + offset;
    ((void **)(void *)block)[-1] = raw;
    return block;
}

void wr_memory_give_back(void *block)
{
    if (block != NULL)
        free(((void **)block)[-1]);
}
