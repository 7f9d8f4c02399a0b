/*
 * Receiving in batches: recvmmsg, and GRO where the kernel joined datagrams, taken apart here. The
 * buffers stay untouched until the next rd_receive, so that what is forwarded out of them needs no
 * copy. Owns buffers and control messages; declines to know what the bytes mean.
 */
#ifndef RD_UDP_RECEIVE_H
#define RD_UDP_RECEIVE_H

#include "local_addresses.h"
#include "snapshot.h"

#include <wavry/relay.h>

struct rd_receiver;

/* NULL where memory is short. `addresses` and `counters` are borrowed. */
struct rd_receiver *rd_receiver_create(int fd, bool gro, struct rd_local_addresses *addresses,
                                       struct rd_net_counters *counters);
void rd_receiver_destroy(struct rd_receiver *receiver);

/* Takes what is there. Where nothing is, and `wait`, it waits for the first datagram, if the socket
 * is one that blocks, for as long as its SO_RCVTIMEO says. The datagrams lie in `*datagrams` until
 * the next call. Returns how many; 0 for none. `*more` says that another call may find more at
 * once. */
size_t rd_receive(struct rd_receiver *receiver, bool wait, struct wr_datagram **datagrams,
                  bool *more);

/* Datagrams that the kernel dropped at this socket since the last call. A system call (SO_MEMINFO);
 * on a kernel without it, what the latest datagrams told (SO_RXQ_OVFL). */
uint64_t rd_receiver_take_drops(struct rd_receiver *receiver);

/* True where these bytes lie in the receiver's buffers, and so stay until the next rd_receive. */
bool rd_receiver_owns(const struct rd_receiver *receiver, const uint8_t *bytes);

#endif
