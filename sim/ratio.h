/*
 * A probability or share as a fraction of integers: what decides a simulated event never touches
 * floating point. Owns nothing but the value; drawing by it is rng.h's business.
 */
#ifndef SIM_RATIO_H
#define SIM_RATIO_H

#include <stdint.h>

/* numerator / denominator; the denominator is at least 1. {0, 1} is never, {1, 1} always. */
struct sim_ratio {
    uint32_t numerator;
    uint32_t denominator;
};

#define SIM_RATIO_ZERO ((struct sim_ratio){0, 1})
#define SIM_RATIO_ONE  ((struct sim_ratio){1, 1})

#endif
