/*
 * The chronicle of a run: what a person would want to read about it, in order, as sentences. Keeps
 * actions, the relays' events, rejects, requests that matter, violations and notes; not every
 * datagram. Its size is bounded: of a long run the beginning is kept whole, and what no longer fits
 * is counted.
 */
#ifndef SIM_CHRONICLE_H
#define SIM_CHRONICLE_H

#include "observation.h"
#include "sim_arena.h"

#include <stdio.h>

struct sim_chronicle;

/* Both outlive it. */
struct sim_chronicle *sim_chronicle_create(struct sim_arena *arena,
                                           const struct sim_scenario *scenario);

/* An observe function; `context` is the struct sim_chronicle. */
void sim_chronicle_observe(void *context, const struct sim_observation *observation);

/* Prints what happened around an instant: at most `before` entries up to it and `after` behind it,
 * each on a line with `indent` in front. With a session, only what concerns it or everybody. */
void sim_chronicle_around(const struct sim_chronicle *chronicle, uint64_t at_ns, uint32_t session,
                          uint32_t before, uint32_t after, const char *indent, FILE *out);

/* The whole of it, one entry a line. */
void sim_chronicle_print(const struct sim_chronicle *chronicle, FILE *out);

#endif
