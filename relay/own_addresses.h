/*
 * The relay's own addresses: nothing that claims to come from one is served (section 5,
 * Reflection), or a forged source could have the relay talk to itself.
 */
#ifndef RD_OWN_ADDRESSES_H
#define RD_OWN_ADDRESSES_H

#include "options.h"

struct rd_own_addresses {
    struct wr_address addresses[WR_OWN_ADDRESSES_MAX];
    uint32_t count;
    uint32_t left_out; /* those that found no room */
};

/* Those that are announced; then where the sockets are bound, or every address that this host has
 * now where that is a wildcard, each with the sockets' port. Each once. False where the host does
 * not tell its addresses: they are missing then. */
bool rd_own_addresses_find(const struct wr_address *bound, const struct rd_options *options,
                           struct rd_own_addresses *out);

/* Are they the same ones, in whatever order? */
bool rd_own_addresses_equal(const struct rd_own_addresses *one,
                            const struct rd_own_addresses *other);

#endif
