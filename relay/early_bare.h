/*
 * Bare packets that came too early. A real client sends its handshake right behind its lease
 * (section 2); the two reach different workers, and the handshake may be looked at before the lease
 * has told the table of addresses where it waits. So a handshake packet from an address that nobody
 * knows is kept for a moment and looked at again. Owns copies, in the order they are due; time
 * comes in as an argument.
 */
#ifndef RD_EARLY_BARE_H
#define RD_EARLY_BARE_H

#include <wavry/relay.h>

/* A look every RD_EARLY_LOOK_NS, for RD_EARLY_NS in all: a worker that is awake has read the lease
 * within the first, and one that has a full socket before it within the rest. */
#define RD_EARLY_LOOK_NS (2 * WR_MS)
#define RD_EARLY_NS      (20 * WR_MS)
#define RD_EARLY_MAX     512

struct rd_early_bare;

/* NULL where memory is short. */
struct rd_early_bare *rd_early_bare_create(void);
void rd_early_bare_destroy(struct rd_early_bare *early);

/* Keeps a copy. `since` is when it came: now, or what rd_early_bare_take said. False where it has
 * waited its time, or there is no room: it is judged as it is. */
bool rd_early_bare_put(struct rd_early_bare *early, const struct wr_datagram *datagram,
                       wr_instant since, wr_instant now);

/* When the next one is to be looked at, WR_NEVER for none. */
wr_instant rd_early_bare_due(const struct rd_early_bare *early);

/* The one that is due, if any; its bytes stay until the next rd_early_bare_put, which may be its
 * own. */
bool rd_early_bare_take(struct rd_early_bare *early, wr_instant now, struct wr_datagram *out,
                        wr_instant *since);

#endif
