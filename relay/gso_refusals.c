#include "gso_refusals.h"

#include "address.h"

void rd_gso_refusals_remember(struct rd_gso_refusals *refusals, const struct wr_address *to,
                              uint64_t hash, wr_instant now)
{
    uint64_t at = hash & (RD_GSO_REFUSALS_MAX - 1);
    refusals->count += refusals->places[at].until == 0;
    refusals->places[at].to = *to;
    refusals->places[at].until = wr_after(now, RD_GSO_REFUSAL_NS);
}

bool rd_gso_refusals_has(struct rd_gso_refusals *refusals, const struct wr_address *to,
                         uint64_t hash, wr_instant now)
{
    uint64_t at = hash & (RD_GSO_REFUSALS_MAX - 1);
    if (refusals->places[at].until == 0 || !wr_address_equal(&refusals->places[at].to, to))
        return false;
    if (now < refusals->places[at].until)
        return true;
    refusals->places[at].until = 0;
    refusals->count--;
    return false;
}
