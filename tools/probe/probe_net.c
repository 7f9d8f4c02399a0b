#include "probe_net.h"

#include "address.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool probe_fail(struct probe_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

wr_instant probe_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

/* ---- Names and addresses --------------------------------------------------------------------- */

/* Splits at the last colon; the brackets of a literal IPv6 address are taken off. */
static bool split(const char *host_port, char *host, size_t capacity, const char **port)
{
    const char *colon = strrchr(host_port, ':');
    if (colon == NULL || colon == host_port || colon[1] == '\0')
        return false;
    size_t bytes = (size_t)(colon - host_port);
    bool bracketed = host_port[0] == '[' && colon[-1] == ']';
    if (!bracketed && memchr(host_port, ':', bytes) != NULL)
        return false;
    const char *start = bracketed ? host_port + 1 : host_port;
    bytes -= bracketed ? 2 : 0;
    if (bytes == 0 || bytes >= capacity)
        return false;
    memcpy(host, start, bytes);
    host[bytes] = '\0';
    *port = colon + 1;
    return true;
}

bool probe_resolve(const char *host_port, int family, struct wr_address *out, unsigned *count,
                   struct probe_error *error)
{
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    struct sockaddr_storage first;
    char host[256];
    const char *port;

    if (!split(host_port, host, sizeof host, &port))
        return probe_fail(error, "'%s' is not HOST:PORT ([ADDRESS]:PORT for IPv6)", host_port);
    int failure = getaddrinfo(host, port, &hints, &found);
    if (failure != 0)
        return probe_fail(error, "%s: %s", host_port, gai_strerror(failure));
    memset(&first, 0, sizeof first);
    memcpy(&first, found->ai_addr, found->ai_addrlen);
    *out = probe_from_system(&first);
    *count = 0;
    for (const struct addrinfo *each = found; each != NULL; each = each->ai_next)
        ++*count;
    freeaddrinfo(found);
    if (wr_address_unanswerable(out)) {
        char text[WR_ADDRESS_TEXT_BYTES];
        return probe_fail(error, "%s is no address that a relay can have",
                          wr_address_format(out, text));
    }
    return true;
}

socklen_t probe_to_system(const struct wr_address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (wr_address_is_v4(address)) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address->port);
        memcpy(&v4->sin_addr, address->ip + 12, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address->port);
    v6->sin6_scope_id = address->zone;
    memcpy(&v6->sin6_addr, address->ip, 16);
    return sizeof *v6;
}

struct wr_address probe_from_system(const struct sockaddr_storage *address)
{
    struct wr_address out = {.port = 0};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        return wr_address_v4((const uint8_t *)&v4->sin_addr, ntohs(v4->sin_port));
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        memcpy(out.ip, &v6->sin6_addr, 16);
        out.zone = v6->sin6_scope_id;
        out.port = ntohs(v6->sin6_port);
        wr_address_canonicalise(&out);
    }
    return out;
}

/* ---- Sockets --------------------------------------------------------------------------------- */

int probe_socket(const struct wr_address *relay, struct probe_error *error)
{
    bool v4 = wr_address_is_v4(relay);
    int yes = 1;
    int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        probe_fail(error, "no UDP socket for %s: %s", v4 ? "IPv4" : "IPv6", strerror(errno));
        return -1;
    }
    struct sockaddr_storage any = {.ss_family = v4 ? AF_INET : AF_INET6};
    int heard = v4 ? setsockopt(fd, IPPROTO_IP, IP_RECVERR, &yes, sizeof yes)
                   : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &yes, sizeof yes);
    if (heard != 0 || bind(fd, (struct sockaddr *)&any,
                           v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) != 0) {
        probe_fail(error, "the UDP socket could not be set up: %s", strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

int probe_socket_errno(int fd)
{
    int latest = 0;
    for (;;) {
        _Alignas(struct cmsghdr) uint8_t control[512];
        uint8_t byte;
        struct iovec iov = {&byte, 1};
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return latest;
        for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each != NULL;
             each = CMSG_NXTHDR(&message, each)) {
            struct sock_extended_err report;
            if ((each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_RECVERR) ||
                (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_RECVERR)) {
                memcpy(&report, CMSG_DATA(each), sizeof report);
                latest = (int)report.ee_errno;
            }
        }
    }
}

/* A pending ICMP error fails the next call once; it is in the error queue too, so the call is
 * simply made again. */
bool probe_send(int fd, const struct wr_address *to, const uint8_t *bytes, size_t size)
{
    struct sockaddr_storage address;
    socklen_t address_bytes = probe_to_system(to, &address);
    for (int attempt = 0; attempt < 3; attempt++) {
        if (sendto(fd, bytes, size, 0, (struct sockaddr *)&address, address_bytes) >= 0)
            return true;
        if (errno != ECONNREFUSED && errno != EINTR)
            return false;
    }
    return false;
}

ssize_t probe_receive(int fd, uint8_t *bytes, size_t capacity, struct wr_address *from)
{
    struct sockaddr_storage address = {0};
    for (int attempt = 0; attempt < 3; attempt++) {
        socklen_t address_bytes = sizeof address;
        ssize_t size =
            recvfrom(fd, bytes, capacity, 0, (struct sockaddr *)&address, &address_bytes);
        if (size >= 0) {
            *from = probe_from_system(&address);
            return size;
        }
        if (errno == EAGAIN)
            return -1;
    }
    return -1;
}
