/*
 * Our addresses as the socket interface wants them: IPv4-mapped ones as AF_INET, all others as
 * AF_INET6 with their zone.
 */
#ifndef RD_SOCKET_ADDRESS_H
#define RD_SOCKET_ADDRESS_H

#include <wavry/types.h>

#include <stdbool.h>
#include <sys/socket.h>

/* Returns how many bytes of `out` count. */
socklen_t rd_socket_address(const struct wr_address *address, struct sockaddr_storage *out);

/* The port that a socket is bound to, which the kernel chose where 0 was asked for. False with
 * errno. */
bool rd_socket_port(int fd, uint16_t *port);

#endif
