/*
 * Which worker a datagram belongs to: a classic BPF program for the kernel, and the same rule in C.
 * Both read the session id of the 20-byte header; a datagram without one (short, bare RIFT) has no
 * owner by itself.
 */
#ifndef RD_STEERING_H
#define RD_STEERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The worker (0..workers - 1) that owns the session of this datagram. Where it is too short to
 * name one, or is no datagram of ours, 0. */
uint32_t rd_steering_worker(const uint8_t *bytes, size_t size, uint32_t workers);

/* Attaches the program to a SO_REUSEPORT group (any of its sockets). False: errno says why. */
bool rd_steering_attach(int fd, uint32_t workers);

#endif
