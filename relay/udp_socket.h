/*
 * The relay's UDP sockets: one per worker, in one SO_REUSEPORT group steered by session id. Owns
 * how they are opened and what options they carry; declines to know datagrams.
 */
#ifndef RD_UDP_SOCKET_H
#define RD_UDP_SOCKET_H

#include "error.h"

#include <wavry/types.h>

struct rd_udp_settings {
    struct wr_address listen; /* a wildcard is allowed; [::] takes IPv4 too */
    uint32_t workers;
    uint32_t buffer_bytes; /* of each socket, each way; the kernel may grant less */
    int dscp;              /* -1: leave it alone */
    bool gro;
};

/* Opens them, in the order of the workers. A port that anybody else holds is an error. `bound` is
 * where they really are (port 0 was asked for: tests). */
bool rd_udp_open(const struct rd_udp_settings *settings, int *fds, struct wr_address *bound,
                 struct rd_error *error);

/* What the kernel granted: bytes of the receive or the send buffer, in the measure of
 * `buffer_bytes`. */
uint32_t rd_udp_receive_buffer(int fd);
uint32_t rd_udp_send_buffer(int fd);

#endif
