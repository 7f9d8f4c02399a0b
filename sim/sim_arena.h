/*
 * An arena: memory that is handed out piece by piece and given back all at once. Everything that
 * belongs to one parsed scenario or one report lives and dies together, so nothing needs an owner
 * of its own. Not for the simulated world: no decision may depend on an address.
 */
#ifndef SIM_ARENA_H
#define SIM_ARENA_H

#include <stddef.h>

struct sim_arena;

/* Both end the program with a message where memory is short: a tool that cannot read its input has
 * nothing to go on with. */
struct sim_arena *sim_arena_create(void);

/* `bytes` zeroed bytes, aligned for any type. */
void *sim_arena_take(struct sim_arena *arena, size_t bytes);

/* `count` zeroed elements; never NULL, also for a count of 0. */
#define SIM_ARENA_ARRAY(arena, type, count)                                                        \
    ((type *)sim_arena_take((arena), sizeof(type) * ((size_t)(count) + 1)))

/* A copy of `bytes` bytes of text with a NUL behind them. */
char *sim_arena_text(struct sim_arena *arena, const char *text, size_t bytes);

/* printf into the arena. */
char *sim_arena_print(struct sim_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void sim_arena_destroy(struct sim_arena *arena);

#endif
