/*
 * Which worker has an address bound: bare RIFT names no session, so its sender's address must tell
 * where it belongs (ARCHITECTURE's table address → worker). Written when a core reports how an
 * address is bound, and when a lease from an address begins to wait; read for bare packets only.
 * One table for all workers; any thread may call.
 */
#ifndef RD_ADDRESS_OWNERS_H
#define RD_ADDRESS_OWNERS_H

#include <wavry/relay.h>

struct rd_address_owners;

/* Room for `bound_max` bound addresses (an address of several workers counts once). */
struct rd_address_owners *rd_address_owners_create(uint32_t bound_max);
void rd_address_owners_destroy(struct rd_address_owners *owners);

/* How `worker` has the address bound from now on: what wr_environment.bound_changed says. */
void rd_address_owners_bound(struct rd_address_owners *owners, const struct wr_address *address,
                             uint32_t worker, enum wr_bound bound);

/* A lease from this address waits at `worker` for its verdict: bare packets behind it belong
 * there. A bounded memory of the newest ones. */
void rd_address_owners_pending(struct rd_address_owners *owners, const struct wr_address *address,
                               uint32_t worker);

/* The verdict is there: what follows is bound, or belongs nowhere. */
void rd_address_owners_settled(struct rd_address_owners *owners, const struct wr_address *address,
                               uint32_t worker);

/* Where a bare packet from here belongs; `otherwise` where nobody knows the address. `*ambiguous`:
 * it is bound in active sessions of several workers (bare_ambiguous). */
uint32_t rd_address_owners_find(struct rd_address_owners *owners, const struct wr_address *address,
                                uint32_t otherwise, bool *ambiguous);

/* Does any worker have it bound, or a lease from it waiting? */
bool rd_address_owners_know(struct rd_address_owners *owners, const struct wr_address *address);

#endif
