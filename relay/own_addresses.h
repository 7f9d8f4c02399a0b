/*
 * The relay's own addresses: nothing that claims to come from one is served (section 5,
 * Reflection), or a forged source could have the relay talk to itself.
 */
#ifndef RD_OWN_ADDRESSES_H
#define RD_OWN_ADDRESSES_H

#include "options.h"

/* Those that are announced; then where the sockets are bound, or every address of this host where
 * that is a wildcard, each with the sockets' port. Each once. Returns how many of
 * WR_OWN_ADDRESSES_MAX; `*left_out` counts those that found no room. */
uint32_t rd_own_addresses(const struct wr_address *bound, const struct rd_options *options,
                          struct wr_address out[WR_OWN_ADDRESSES_MAX], uint32_t *left_out);

#endif
