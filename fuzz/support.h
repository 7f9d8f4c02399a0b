/*
 * What targets share: a violated property, and small things for explaining inputs and mutating
 * them. Owns how a violation looks (campaigns tell findings apart by it).
 */
#ifndef FUZZ_SUPPORT_H
#define FUZZ_SUPPORT_H

#include "target.h"

#include <stdbool.h>
#include <string.h>

/* States a property. Where it does not hold, says so with file, line and the words behind it
 * (printf's), and ends the run. */
#define FUZZ_REQUIRE(holds, ...)                                                                   \
    ((holds) ? (void)0 : fuzz_violated(__FILE__, __LINE__, #holds, __VA_ARGS__))

_Noreturn void fuzz_violated(const char *file, int line, const char *condition, const char *format,
                             ...) __attribute__((format(printf, 4, 5)));

/* Before the core fills `out`: what it leaves unwritten then shows, and in every run alike. */
#define FUZZ_STAIN(out) memset(&(out), 0xa5, sizeof(out))

/* Called instead of abort() where it is set: for whoever looks for violations. */
extern void (*fuzz_on_violation)(void);

/* ---- Explaining ------------------------------------------------------------------------------ */

/* Hex in lower case, at most 64 bytes of it. */
void fuzz_print_hex(FILE *out, const uint8_t *bytes, size_t size);

/* Text between quotes, with everything unprintable as \xNN. */
void fuzz_print_text(FILE *out, const void *text, size_t size);

/* ---- Mutating -------------------------------------------------------------------------------- */

/* splitmix64: a stream of numbers for custom mutators, from their seed. */
uint64_t fuzz_random(uint64_t *state);
uint32_t fuzz_random_below(uint64_t *state, uint32_t bound);

/* The engine's own blind mutation: LLVMFuzzerMutate, whose writing MemorySanitizer does not see. */
size_t fuzz_mutate(uint8_t *bytes, size_t size, size_t size_max);

/* Puts the right checksum into the RIFT header that begins at `bytes`, where one could. */
void fuzz_mend_rift(uint8_t *bytes, size_t size);

#endif
