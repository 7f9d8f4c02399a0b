/*
 * The helper thread that computes signatures (section 2), so that workers need not. Each worker has
 * places for its requests, where the thread leaves the results; the thread serves the workers in
 * turn and wakes a worker through the callback it was given.
 *
 * The thread runs when nothing else on the machine wants to, so that it takes no time from
 * anybody's media. Where something always wants to, it would not run at all and nobody could join:
 * a worker that has waited in vain for long serves one of its requests itself, a hundred a second
 * at most.
 */
#ifndef RD_VERIFIER_H
#define RD_VERIFIER_H

#include "error.h"

#include <wavry/relay.h>

struct rd_verifier;

struct rd_verifier *rd_verifier_start(uint32_t workers,
                                      void (*wake)(void *context, uint32_t worker), void *context,
                                      struct rd_error *error);
void rd_verifier_stop(struct rd_verifier *verifier);

/* On the worker's thread. The core has at most WR_VERIFICATIONS_OUT out, so there is always room.
 * The message stays where it is until the result is taken. */
void rd_verifier_ask(struct rd_verifier *verifier, uint32_t worker,
                     const struct wr_verification *verification, wr_instant now);
/* On the worker's thread: the next result, false for none. */
bool rd_verifier_result(struct rd_verifier *verifier, uint32_t worker, wr_instant now, uint32_t *id,
                        int *key_index);
/* On the worker's thread: from when on it should help, WR_NEVER where nothing is out. */
wr_instant rd_verifier_help_at(const struct rd_verifier *verifier, uint32_t worker);
/* On the worker's thread: where it is time to help and there is a request that the thread has not
 * begun, computes that one. Its result, false for none; help_at is later than `now` then. */
bool rd_verifier_help(struct rd_verifier *verifier, uint32_t worker, wr_instant now, uint32_t *id,
                      int *key_index);

uint64_t rd_verifier_done(const struct rd_verifier *verifier);
uint64_t rd_verifier_busy_ns(const struct rd_verifier *verifier);

/* Signatures per second that half a core computes here: measured for about 50 ms. */
uint32_t rd_verifier_measure(void);

#endif
