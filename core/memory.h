/*
 * The one place where the core asks for memory: a relay's block at its creation. Everything else
 * lives inside that block.
 */
#ifndef WR_MEMORY_H
#define WR_MEMORY_H

#include <stddef.h>

/* A block of zeroes aligned to a cache line, or NULL. */
void *wr_memory_take(size_t bytes);
void wr_memory_give_back(void *block);

#endif
