/*
 * The destinations that refused a GSO train (EMSGSIZE: their path is narrower) and get their
 * datagrams one by one for a while. A bounded memory: where two share a place the newer one has it,
 * and the other is simply tried again. Time comes in as an argument.
 */
#ifndef RD_GSO_REFUSALS_H
#define RD_GSO_REFUSALS_H

#include <wavry/types.h>

#define RD_GSO_REFUSAL_NS   (60 * WR_S)
#define RD_GSO_REFUSALS_MAX 64 /* a power of two */

/* All zero: empty. */
struct rd_gso_refusals {
    uint32_t count; /* places in use: 0 answers every question at once */
    struct {
        struct wr_address to;
        wr_instant until; /* 0: unused */
    } places[RD_GSO_REFUSALS_MAX];
};

/* `hash` is the address's, by any function, the same for both. */
void rd_gso_refusals_remember(struct rd_gso_refusals *refusals, const struct wr_address *to,
                              uint64_t hash, wr_instant now);
bool rd_gso_refusals_has(struct rd_gso_refusals *refusals, const struct wr_address *to,
                         uint64_t hash, wr_instant now);

#endif
