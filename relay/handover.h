/*
 * Datagrams that reached another worker than their own: a bounded ring per worker, many producers,
 * one consumer. The bytes are copied in; a full ring is backpressure and costs the datagram.
 */
#ifndef RD_HANDOVER_H
#define RD_HANDOVER_H

#include "local_addresses.h"

#include <wavry/relay.h>

struct rd_handover;

/* `capacity` datagrams, rounded up to a power of two. */
struct rd_handover *rd_handover_create(uint32_t capacity);
void rd_handover_destroy(struct rd_handover *ring);

/* From any thread. False: full. `local` is where it arrived: the owner gives it a number of its
 * own; NULL where unknown. An oversize datagram is cut, but so that it stays oversize. */
bool rd_handover_put(struct rd_handover *ring, const struct wr_datagram *datagram,
                     const struct rd_local_address *local);

/* On the owner's thread: up to `room` datagrams, in order. They stay where they are until
 * rd_handover_release. */
size_t rd_handover_take(struct rd_handover *ring, struct rd_local_addresses *addresses,
                        struct wr_datagram *out, size_t room);
void rd_handover_release(struct rd_handover *ring);
bool rd_handover_owns(const struct rd_handover *ring, const uint8_t *bytes);

#endif
