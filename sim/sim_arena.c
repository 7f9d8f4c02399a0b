#include "sim_arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

union aligned {
    long long integer;
    long double real;
    void *pointer;
};

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    union aligned bytes[];
};

struct sim_arena {
    struct chunk *chunks;
};

static void *must(void *memory)
{
    if (!memory) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

struct sim_arena *sim_arena_create(void)
{
    return must(calloc(1, sizeof(struct sim_arena)));
}

void *sim_arena_take(struct sim_arena *arena, size_t bytes)
{
    bytes = (bytes + sizeof(union aligned) - 1) / sizeof(union aligned) * sizeof(union aligned);
    struct chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < bytes) {
        size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        chunk = must(calloc(1, sizeof *chunk + size));
        chunk->size = size;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *taken = (char *)chunk->bytes + chunk->used;
    chunk->used += bytes;
    return taken;
}

char *sim_arena_text(struct sim_arena *arena, const char *text, size_t bytes)
{
    char *copy = sim_arena_take(arena, bytes + 1);
    memcpy(copy, text, bytes);
    return copy;
}

char *sim_arena_print(struct sim_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = sim_arena_take(arena, bytes < 0 ? 1 : (size_t)bytes + 1);
    if (bytes >= 0)
        vsnprintf(text, (size_t)bytes + 1, format, again);
    va_end(again);
    return text;
}

void sim_arena_destroy(struct sim_arena *arena)
{
    if (!arena)
        return;
    for (struct chunk *chunk = arena->chunks; chunk;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(arena);
}
