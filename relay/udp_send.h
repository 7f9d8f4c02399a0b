/*
 * Sending in batches: outputs are queued and leave with rd_send_flush, by sendmmsg, runs of equal
 * size to one destination as one GSO train. What one destination gets keeps its order. A refused
 * train goes again one by one, and its destination gets none for a while; where no train ever went,
 * or many in a row are refused as if there were no GSO (EIO, EINVAL and their like), it is off for
 * good. Nothing here waits: what the kernel will not take is dropped and counted.
 */
#ifndef RD_UDP_SEND_H
#define RD_UDP_SEND_H

#include "local_addresses.h"
#include "snapshot.h"

#include <wavry/relay.h>

struct rd_sender;

struct rd_sender *rd_sender_create(int fd, bool is_ipv6, bool gso,
                                   const struct rd_local_addresses *addresses,
                                   struct rd_net_counters *counters);
void rd_sender_destroy(struct rd_sender *sender);

/* Queues one datagram. `stable`: the bytes stay until the flush; otherwise they are copied. Flushes
 * by itself when there is no room. */
void rd_send(struct rd_sender *sender, const struct wr_output *output, bool stable);

/* Hands everything to the kernel. Returns the number of datagrams that it took. */
size_t rd_send_flush(struct rd_sender *sender);

#endif
