/*
 * Named streams of pseudo-random numbers. A stream is derived from (seed, entity, purpose), so that
 * removing one fault from a scenario does not shift the dice of the rest. Everything is integer:
 * the same stream gives the same numbers on every compiler and word size. Owns no entropy and
 * declines to know what the numbers are for.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include "ratio.h"

#include <wavry/types.h>

/* xoshiro256** by Blackman and Vigna. */
struct sim_rng {
    uint64_t state[4];
};

/* Largest mean or deviation of the distributions below: about 18 minutes. */
#define SIM_RNG_SPREAD_NS_MAX (UINT64_C(1) << 40)

/* The stream of this name under this seed: BLAKE2b-256 of all three. Names are NUL-terminated. */
struct sim_rng sim_rng_named(uint64_t seed, const char *entity, const char *purpose);

uint64_t sim_rng_next(struct sim_rng *rng);

/* Uniform in 0..bound-1 without bias; bound at least 1. */
uint64_t sim_rng_below(struct sim_rng *rng, uint64_t bound);

/* True with exactly this probability, 0..1; never and always draw nothing. A zeroed ratio means
 * never, so that a zeroed configuration has no faults. */
bool sim_rng_chance(struct sim_rng *rng, struct sim_ratio ratio);

/* Exponentially distributed span with this mean, 0..SIM_RNG_SPREAD_NS_MAX. At most 45 means. */
uint64_t sim_rng_exponential_ns(struct sim_rng *rng, uint64_t mean_ns);

/* Bell-shaped span (the sum of twelve uniform ones) around 0 with this standard deviation,
 * 0..SIM_RNG_SPREAD_NS_MAX. At most six deviations to either side. */
int64_t sim_rng_normal_ns(struct sim_rng *rng, uint64_t deviation_ns);

/* Fills `out` with the stream's numbers in little-endian order. */
void sim_rng_bytes(struct sim_rng *rng, uint8_t *out, size_t bytes);

#endif
