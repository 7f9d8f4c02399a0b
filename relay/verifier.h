/*
 * The helper thread that computes signatures (section 2), so that no worker ever does. Each worker
 * has a ring of requests and one of results; the thread serves the workers in turn and wakes a
 * worker through the callback it was given.
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
                     const struct wr_verification *verification);
/* On the worker's thread: the next result, false for none. */
bool rd_verifier_result(struct rd_verifier *verifier, uint32_t worker, uint32_t *id,
                        int *key_index);

uint64_t rd_verifier_done(const struct rd_verifier *verifier);
uint64_t rd_verifier_busy_ns(const struct rd_verifier *verifier);

/* Signatures per second that half a core computes here: measured for about 50 ms. */
uint32_t rd_verifier_measure(void);

#endif
