/*
 * Many datagrams per system call: a socket with a batch that goes out and a batch that comes in,
 * any source address of 127.0.0.0/8, segmentation offload and kernel timestamps. Owns the buffers;
 * declines to know what is in them.
 */
#ifndef PROBE_LOAD_NET_H
#define PROBE_LOAD_NET_H

#include "probe_net.h"

#include <netinet/in.h>
#include <sys/uio.h>

#define LOAD_BATCH        64
#define LOAD_ARENA_BYTES  (256 * 1024)
#define LOAD_SLOT_BYTES   2048  /* of one received datagram */
#define LOAD_TRAIN_BYTES  65536 /* of a received run */
#define LOAD_TRAINS       16    /* of them in a batch */
#define LOAD_BUFFER_BYTES (32 * 1024 * 1024)

/* What arrived: one datagram. */
struct load_arrival {
    const uint8_t *bytes;
    uint32_t size;
    uint64_t unix_ns; /* when the kernel got it, 0 where that was not asked for */
};

struct load_socket {
    int fd;
    struct sockaddr_storage relay;
    socklen_t relay_bytes;
    uint64_t sent, failed; /* datagrams */

    /* What goes out next, in `arena`. */
    uint8_t *arena;
    uint32_t used, pending;
    uint64_t segments[LOAD_BATCH];
    struct mmsghdr out[LOAD_BATCH];
    struct iovec out_at[LOAD_BATCH];
    _Alignas(struct cmsghdr) uint8_t out_control[LOAD_BATCH][64];

    /* What came in. */
    bool trains;
    uint8_t *in_bytes;
    struct mmsghdr in[LOAD_BATCH];
    struct iovec in_at[LOAD_BATCH];
    _Alignas(struct cmsghdr) uint8_t in_control[LOAD_BATCH][128];
};

/* `trains`: receive runs as one (UDP_GRO). `timestamps`: see struct load_arrival. `port`:
 * where it is, 0 for any. */
bool load_socket_open(struct load_socket *self, const struct wr_address *relay, uint16_t port,
                      bool trains, bool timestamps, struct probe_error *error);
void load_socket_close(struct load_socket *self);

/* Room for `size` bytes that go out as one message, of datagrams of `segment` bytes each (0: one
 * datagram), from `source` (an IPv4 address in host order; 0: the socket's own). Never NULL; what
 * does not fit goes out first. */
uint8_t *load_socket_room(struct load_socket *self, uint32_t source, uint32_t size,
                          uint32_t segment);
/* Sends what waits. A full socket buffer counts as failed: nothing waits for it. */
void load_socket_flush(struct load_socket *self);

/* Hands each datagram of one batch to `take`; returns how many, 0 where none has come. */
uint32_t load_socket_take(struct load_socket *self,
                          void (*take)(void *context, const struct load_arrival *arrival),
                          void *context);

#endif
