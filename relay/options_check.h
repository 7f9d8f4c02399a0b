/*
 * What must hold between options, once each for itself is well (section 10). Owns the rules and
 * their wording; leaves notes where something is allowed and yet worth knowing.
 */
#ifndef RD_OPTIONS_CHECK_H
#define RD_OPTIONS_CHECK_H

#include "options.h"

/* Judges options whose files are read, settles what follows from them (keys_refreshable, the
 * number of workers) and calls the core's own check. */
bool rd_options_check(struct rd_options *options, struct rd_error *error);

/* Cores that this process may run on, at least 1. */
uint32_t rd_cores(void);

#endif
