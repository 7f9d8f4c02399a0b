/*
 * Sockets on the loopback interface for tests: a peer's, the relay's, and waiting for what must
 * come. Loopback delivers within the call that sends; the deadline only ends a broken program.
 */
#ifndef TEST_LOOPBACK_H
#define TEST_LOOPBACK_H

#include "address.h"
#include "udp_socket.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK_DEADLINE_MS 10000

static inline struct wr_address loopback_address(const char *text)
{
    struct wr_address address;
    cr_assert(wr_address_parse(text, &address), "%s", text);
    return address;
}

/* The kernel's form, of the family that the address is of. Returns its length. */
static inline socklen_t loopback_name(const struct wr_address *address,
                                      struct sockaddr_storage *name)
{
    memset(name, 0, sizeof *name);
    if (wr_address_is_v4(address)) {
        struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&ipv4.sin_addr, address->ip + 12, 4);
        memcpy(name, &ipv4, sizeof ipv4);
        return sizeof ipv4;
    }
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    memcpy(&ipv6.sin6_addr, address->ip, 16);
    memcpy(name, &ipv6, sizeof ipv6);
    return sizeof ipv6;
}

static inline struct wr_address loopback_canonical(const struct sockaddr_storage *name)
{
    struct wr_address address = {0};
    if (name->ss_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, name, sizeof ipv4);
        return wr_address_v4((const uint8_t *)&ipv4.sin_addr, ntohs(ipv4.sin_port));
    }
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, name, sizeof ipv6);
    memcpy(address.ip, &ipv6.sin6_addr, 16);
    address.port = ntohs(ipv6.sin6_port);
    return address;
}

/* A plain socket bound there (port 0: any); `*at` is where it is. */
static inline int loopback_peer(const char *text, struct wr_address *at)
{
    struct sockaddr_storage name;
    struct wr_address wanted = loopback_address(text);
    socklen_t size = loopback_name(&wanted, &name);
    int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&name, size), 0);
    size = sizeof name;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    *at = loopback_canonical(&name);
    return fd;
}

static inline void loopback_send(int fd, const struct wr_address *to, const void *bytes,
                                 size_t size)
{
    struct sockaddr_storage name;
    socklen_t name_size = loopback_name(to, &name);
    cr_assert_eq(sendto(fd, bytes, size, 0, (struct sockaddr *)&name, name_size), (ssize_t)size);
}

static inline bool loopback_is_readable(int fd, int deadline_ms)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    return poll(&poller, 1, deadline_ms) == 1;
}

/* Waits for a datagram; its size. `from` may be NULL. */
static inline size_t loopback_receive(int fd, void *bytes, size_t room, struct wr_address *from)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    cr_assert(loopback_is_readable(fd, LOOPBACK_DEADLINE_MS), "nothing came");
    ssize_t count = recvfrom(fd, bytes, room, MSG_TRUNC, (struct sockaddr *)&name, &size);
    cr_assert(count >= 0);
    if (from != NULL)
        *from = loopback_canonical(&name);
    return (size_t)count;
}

/* The relay's sockets. */
static inline struct wr_address loopback_open(const char *listen, uint32_t workers, bool gro,
                                              int *fds)
{
    struct rd_error error;
    struct wr_address bound = {0};
    struct rd_udp_settings settings = {.listen = loopback_address(listen),
                                       .workers = workers,
                                       .buffer_bytes = 1 << 20,
                                       .dscp = -1,
                                       .gro = gro};
    cr_assert(rd_udp_open(&settings, fds, &bound, &error), "%s", error.text);
    return bound;
}

#endif
