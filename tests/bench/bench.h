/*
 * What the benchmark programs share: a clock, and the one form in which figures are printed
 * (ci/bench reads it). Owns nothing of what is measured.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

/* CPU time of this process in nanoseconds: what one core was busy, whoever else was there. */
uint64_t bench_cpu_ns(void);

/* The middle one of `count` values, which are put into order: one disturbed moment moves no figure.
 */
uint64_t bench_median(uint64_t *values, size_t count);

/* One figure. `bound` is "<= 150", ">= 1000000" or "-". The value is `milli` / 1000. */
void bench_figure(const char *name, uint64_t milli, const char *unit, const char *bound);

/* Ends the program with a message: what was to be measured did not happen. */
_Noreturn void bench_fail(const char *message);

#endif
