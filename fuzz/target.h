/*
 * What a fuzz target is: one property of one part, judged on one input. A target is one file,
 * targets/NAME.c, that defines all of this; the engine (libFuzzer, AFL++, or our own driver.c) is
 * linked to it and calls in. A target keeps nothing from one input to the next.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A deliberate fault of core/fault.h and the runs within which it must be found by `canary_NAME
 * --canaries`: from the seeds alone, by blind mutations, with the seed 1. */
struct fuzz_canary {
    const char *fault; /* NULL ends the list */
    uint32_t runs;
};

#define FUZZ_CANARIES_MAX 4

struct fuzz_target {
    const char *name;
    const char *property; /* what holds for every input, in a sentence */
    size_t bytes_max;     /* of an input worth trying */
    struct fuzz_canary canaries[FUZZ_CANARIES_MAX];
};

extern const struct fuzz_target fuzz_target;

/* Judges one input. Returns 0; a property that does not hold ends in fuzz_violated. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Sets up what all targets share, and selects the fault that WAVRY_FUZZ_FAULT names in a build that
 * has them. Defined in support.c; engines call it once. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What the input says, for people: fields, actions, claims. */
void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out);

/* What becomes of the input, in a word or two: part of the name of what a campaign finds. */
const char *fuzz_outcome(const uint8_t *bytes, size_t size);

/* Optional (weak in driver.c): a mutator that knows the target's form. Works in place, returns the
 * new size. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed);

/* The engine's own blind mutation; custom mutators call fuzz_mutate of support.h. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t size_max);

#endif
