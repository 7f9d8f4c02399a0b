/*
 * Plays a golden trace (docs/traces.md) in a world with oracles. The trace says what goes in; what
 * comes out is the oracles' to judge, and no expectation is read.
 */
#ifndef ORACLE_TRACE_H
#define ORACLE_TRACE_H

#include "oracle.h"

/* Violations by oracle. Where not `tolerant`, each fails the test with its text. */
void oracle_trace_play(const char *path, bool tolerant, uint64_t violations[SIM_ORACLE_COUNT]);

#endif
