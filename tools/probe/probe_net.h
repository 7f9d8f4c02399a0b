/*
 * Names, addresses and UDP sockets of a program that looks at a relay from outside, and its two
 * clocks. Owns the way between struct wr_address and the system's addresses; declines to know what
 * is said over a socket.
 */
#ifndef PROBE_NET_H
#define PROBE_NET_H

#include <wavry/types.h>

#include <sys/socket.h>

/* What went wrong, in words for the operator. */
struct probe_error {
    char text[512];
};

/* Formats into `error` and returns false, for `return probe_fail(…)`. */
__attribute__((format(printf, 2, 3))) bool probe_fail(struct probe_error *error, const char *format,
                                                      ...);

wr_instant probe_monotonic_ns(void);

/* "HOST:PORT" or "[V6]:PORT" to the first address there is; `family` is AF_UNSPEC, AF_INET or
 * AF_INET6. `count` tells how many addresses the name has. */
bool probe_resolve(const char *host_port, int family, struct wr_address *out, unsigned *count,
                   struct probe_error *error);

/* Both are the identity for what they can hold; an address that is no IP becomes all zero. */
socklen_t probe_to_system(const struct wr_address *address, struct sockaddr_storage *out);
struct wr_address probe_from_system(const struct sockaddr_storage *address);

/* A non-blocking UDP socket of the relay's family on a port of its own, -1 on failure. It hears
 * ICMP errors (probe_socket_errno) and is not connected: an answer from another address is seen. */
int probe_socket(const struct wr_address *relay, struct probe_error *error);

/* The latest error that the network reported for what was sent, 0 for none since the last time. */
int probe_socket_errno(int fd);

/* One datagram. False with errno where it could not be sent. */
bool probe_send(int fd, const struct wr_address *to, const uint8_t *bytes, size_t size);

/* One datagram, -1 where there is none. */
ssize_t probe_receive(int fd, uint8_t *bytes, size_t capacity, struct wr_address *from);

#endif
