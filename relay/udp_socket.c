#include "udp_socket.h"

#include "address.h"
#include "address_kind.h"
#include "socket_address.h"
#include "steering.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is being opened, and for whom errors are. */
struct opening {
    const struct rd_udp_settings *settings;
    struct wr_address at;
    bool is_ipv6;
    bool is_wildcard;
    struct rd_error *error;
};

static bool fail(const struct opening *opening, const char *what, const char *advice)
{
    char text[WR_ADDRESS_TEXT_BYTES];
    int why = errno;
    return rd_fail(opening->error, "UDP socket at %s: %s: %s%s",
                   wr_address_format(&opening->at, text), what, strerror(why), advice);
}

static bool set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/* The kernel doubles what it is asked for, and caps it silently unless it is forced. */
static void set_buffers(int fd, uint32_t bytes)
{
    int value = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, value))
        (void)set(fd, SOL_SOCKET, SO_RCVBUF, value);
    if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, value))
        (void)set(fd, SOL_SOCKET, SO_SNDBUF, value);
}

/* DF is off (section 5, Network). An IPv6 socket needs both: it may carry IPv4 as well. */
static bool allow_fragments(const struct opening *opening, int fd)
{
    if (!set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT))
        return fail(opening, "switching DF off", "");
    if (opening->is_ipv6 && !set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT))
        return fail(opening, "allowing fragments", "");
    return true;
}

static bool mark(const struct opening *opening, int fd)
{
    int value = opening->settings->dscp * 4; /* the two bits of ECN stay 0 */
    if (opening->settings->dscp < 0)
        return true;
    if (!set(fd, IPPROTO_IP, IP_TOS, value) ||
        (opening->is_ipv6 && !set(fd, IPPROTO_IPV6, IPV6_TCLASS, value)))
        return fail(opening, "setting the DSCP", "; start without --dscp");
    return true;
}

/* Only at a wildcard address does the kernel have to tell where a datagram came to. */
static bool ask_for_local_address(const struct opening *opening, int fd)
{
    if (!opening->is_wildcard)
        return true;
    bool done = opening->is_ipv6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                 : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
    return done || fail(opening, "asking for the local address of datagrams",
                        "; listen on a specific address");
}

static bool set_options(const struct opening *opening, int fd)
{
    set_buffers(fd, opening->settings->buffer_bytes);
    if (opening->is_ipv6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !opening->is_wildcard))
        return fail(opening, "setting IPV6_V6ONLY", "");
    if (!set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1))
        return fail(opening, "asking for the number of drops", "");
    /* A kernel without GRO hands datagrams over one by one: nothing else changes. */
    if (opening->settings->gro)
        (void)set(fd, IPPROTO_UDP, UDP_GRO, 1);
    return allow_fragments(opening, fd) && mark(opening, fd) && ask_for_local_address(opening, fd);
}

static bool bind_to(const struct opening *opening, int fd)
{
    struct sockaddr_storage name;
    socklen_t bytes = rd_socket_address(&opening->at, &name);
    int result = bind(fd, (const struct sockaddr *)&name, bytes);
    if (result == 0)
        return true;
    switch (errno) {
    case EADDRINUSE:
        return fail(opening, "bind",
                    "; another program (or another relay) holds this port: stop it, or choose "
                    "another one with --listen");
    case EADDRNOTAVAIL:
        return fail(opening, "bind",
                    "; no interface of this host has this address: choose one that `ip address` "
                    "shows, or a wildcard");
    case EACCES:
        return fail(opening, "bind",
                    "; ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or choose a higher "
                    "port");
    case EINVAL:
        return fail(opening, "bind",
                    "; a link-local address needs its interface, as in [fe80::1%2]:4000");
    default:
        return fail(opening, "bind", "");
    }
}

/* The first socket binds alone, so that a port which anybody holds is an error, and then lets the
 * others in. They join the group in the order of their binding, which is the steering's index. */
static bool open_one(struct opening *opening, uint32_t index, int *fd)
{
    bool shared = opening->settings->workers > 1;
    *fd = socket(opening->is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                 IPPROTO_UDP);
    if (*fd < 0)
        return fail(opening, "socket",
                    errno == EAFNOSUPPORT ? "; this host has no IPv6: listen on an IPv4 address"
                                          : "");
    if (!set_options(opening, *fd))
        return false;
    if (index > 0 && !set(*fd, SOL_SOCKET, SO_REUSEPORT, 1))
        return fail(opening, "sharing the port", "; start with --workers 1");
    if (!bind_to(opening, *fd))
        return false;
    if (index == 0) {
        if (shared && !set(*fd, SOL_SOCKET, SO_REUSEPORT, 1))
            return fail(opening, "sharing the port", "; start with --workers 1");
        return rd_socket_port(*fd, &opening->at.port) ||
               fail(opening, "reading its own address", "");
    }
    return true;
}

bool rd_udp_open(const struct rd_udp_settings *settings, int *fds, struct wr_address *bound,
                 struct rd_error *error)
{
    struct opening opening = {
        .settings = settings,
        .at = settings->listen,
        .is_ipv6 = !wr_address_is_v4(&settings->listen),
        .is_wildcard = rd_address_is_wildcard(&settings->listen),
        .error = error,
    };
    uint32_t opened = 0;
    while (opened < settings->workers) {
        uint32_t index = opened++;
        fds[index] = -1;
        if (!open_one(&opening, index, &fds[index]))
            goto unwind;
    }
    if (settings->workers > 1 && !rd_steering_attach(fds[0], settings->workers)) {
        (void)fail(&opening, "attaching the steering program", "; start with --workers 1");
        goto unwind;
    }
    *bound = opening.at;
    return true;
unwind:
    while (opened-- > 0) {
        if (fds[opened] >= 0)
            (void)close(fds[opened]);
    }
    return false;
}

/* The kernel's numbers have room for its own bookkeeping in them: twice what was asked for. */
static uint32_t granted(int fd, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 && value > 0 ? (uint32_t)value / 2
                                                                             : 0;
}

uint32_t rd_udp_receive_buffer(int fd)
{
    return granted(fd, SO_RCVBUF);
}

uint32_t rd_udp_send_buffer(int fd)
{
    return granted(fd, SO_SNDBUF);
}
