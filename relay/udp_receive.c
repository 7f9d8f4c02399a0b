#include "udp_receive.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define MESSAGES      64  /* of one recvmmsg */
#define DATAGRAMS_MAX 512 /* of one rd_receive; trains that do not fit wait in their buffers */

/* A train is at most what UDP can carry; a lone datagram must show that it is oversize. Each buffer
 * begins some cache lines further than the one before it modulo 4096: at a round distance all of
 * them would compete for the same lines of the first-level cache. */
#define TRAIN_BYTES   65536
#define TRAIN_STRIDE  (TRAIN_BYTES + 1216)
#define SINGLE_BYTES  1536
#define SINGLE_STRIDE 1600

#define HUGE_PAGE ((size_t)2 << 20)

/* Room for every control message that the socket can be asked for. */
#define CONTROL_BYTES                                                                              \
    (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint32_t)) +                       \
     CMSG_SPACE(sizeof(int)))

static_assert(SINGLE_BYTES > WR_DATAGRAM_BYTES_MAX, "oversize datagrams must be seen as such");

/* What a message's control messages say. */
struct arrival {
    uint32_t via;
    uint32_t segment; /* 0: not a train */
};

union name {
    sa_family_t family;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

struct rd_receiver {
    int fd;
    struct rd_local_addresses *addresses;
    struct rd_net_counters *counters;
    uint8_t *buffers;
    size_t buffers_bytes; /* of the mapping */
    size_t stride;
    uint32_t used;                /* messages of the last recvmmsg, to be readied for the next */
    uint32_t next;                /* the first of them that was not handed out, or not whole */
    uint32_t done;                /* bytes of it that were */
    bool full;                    /* the last recvmmsg filled every message */
    struct in6_pktinfo last_ipv6; /* the last local address of each family, and its number */
    struct in_addr last_ipv4;
    uint32_t last_ipv6_via, last_ipv4_via; /* 0: none yet */
    bool asks_drops;                       /* else datagrams tell of them */
    uint32_t drops_seen;
    uint32_t drops_told;
    struct mmsghdr messages[MESSAGES];
    struct iovec parts[MESSAGES];
    union name names[MESSAGES];
    struct wr_datagram datagrams[DATAGRAMS_MAX];
    _Alignas(struct cmsghdr) uint8_t controls[MESSAGES][CONTROL_BYTES];
};

/* Buffers on huge pages where the kernel has some: 64 of them lie on 64 pages otherwise. */
static bool map_buffers(struct rd_receiver *receiver)
{
    size_t bytes = receiver->stride * MESSAGES;
    receiver->buffers_bytes = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    receiver->buffers = aligned_alloc(HUGE_PAGE, receiver->buffers_bytes);
    if (receiver->buffers == NULL)
        return false;
    (void)madvise(receiver->buffers, receiver->buffers_bytes, MADV_HUGEPAGE);
    return true;
}

/* The kernel's count of drops at this socket. */
static bool ask_drops(int fd, uint32_t *drops)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) != 0 ||
        size <= SK_MEMINFO_DROPS * sizeof *info)
        return false;
    *drops = info[SK_MEMINFO_DROPS];
    return true;
}

/* After its first drop a socket with SO_RXQ_OVFL says the count with every datagram, which costs 3
 * % of forwarding it. To ask for it costs one call whenever somebody wants to know. */
static void choose_drops(struct rd_receiver *receiver)
{
    int off = 0;
    receiver->asks_drops = ask_drops(receiver->fd, &receiver->drops_seen);
    if (receiver->asks_drops)
        (void)setsockopt(receiver->fd, SOL_SOCKET, SO_RXQ_OVFL, &off, sizeof off);
}

struct rd_receiver *rd_receiver_create(int fd, bool gro, struct rd_local_addresses *addresses,
                                       struct rd_net_counters *counters)
{
    struct rd_receiver *receiver = calloc(1, sizeof *receiver);
    if (receiver == NULL)
        return NULL;
    receiver->fd = fd;
    receiver->addresses = addresses;
    receiver->counters = counters;
    receiver->stride = gro ? TRAIN_STRIDE : SINGLE_STRIDE;
    if (!map_buffers(receiver)) {
        free(receiver);
        return NULL;
    }
    for (size_t i = 0; i < MESSAGES; i++) {
        receiver->parts[i] = (struct iovec){.iov_base = receiver->buffers + i * receiver->stride,
                                            .iov_len = gro ? TRAIN_BYTES : SINGLE_BYTES};
        struct msghdr *header = &receiver->messages[i].msg_hdr;
        header->msg_iov = &receiver->parts[i];
        header->msg_iovlen = 1;
        header->msg_name = &receiver->names[i];
        header->msg_control = receiver->controls[i];
    }
    receiver->used = receiver->next = MESSAGES;
    choose_drops(receiver);
    return receiver;
}

void rd_receiver_destroy(struct rd_receiver *receiver)
{
    if (receiver == NULL)
        return;
    free(receiver->buffers);
    free(receiver);
}

/* The kernel wrote over these three of every message that it filled. */
static void ready_messages(struct rd_receiver *receiver)
{
    for (uint32_t i = 0; i < receiver->used; i++) {
        struct msghdr *header = &receiver->messages[i].msg_hdr;
        header->msg_namelen = sizeof receiver->names[i];
        header->msg_controllen = sizeof receiver->controls[i];
        header->msg_flags = 0;
    }
}

static bool fill(struct rd_receiver *receiver, bool wait)
{
    int count;
    ready_messages(receiver);
    receiver->used = receiver->next = 0;
    do {
        receiver->counters->receive_calls++;
        count = recvmmsg(receiver->fd, receiver->messages, MESSAGES,
                         wait ? MSG_WAITFORONE : MSG_DONTWAIT, NULL);
    } while (count < 0 && errno == EINTR);
    if (count > 0)
        receiver->used = (uint32_t)count;
    receiver->full = count == MESSAGES;
    return count > 0;
}

/* ---- What a message says --------------------------------------------------------------------- */

static bool is_link_local(const uint8_t ip[16])
{
    return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

/* Most datagrams come to the same address as the one before: no need to put it together again. */
static uint32_t via_ipv6(struct rd_receiver *receiver, const struct cmsghdr *control)
{
    struct rd_local_address local = {0};
    struct in6_pktinfo *last = &receiver->last_ipv6;
    if (receiver->last_ipv6_via != 0 && memcmp(last, CMSG_DATA(control), sizeof *last) == 0)
        return receiver->last_ipv6_via;
    memcpy(last, CMSG_DATA(control), sizeof *last);
    memcpy(local.ip, &last->ipi6_addr, sizeof local.ip);
    if (is_link_local(local.ip))
        local.ifindex = last->ipi6_ifindex;
    return receiver->last_ipv6_via = rd_local_addresses_number(receiver->addresses, &local);
}

static uint32_t via_ipv4(struct rd_receiver *receiver, const struct cmsghdr *control)
{
    struct rd_local_address local = {.ip = {[10] = 0xff, [11] = 0xff}};
    const uint8_t *ip = CMSG_DATA(control) + offsetof(struct in_pktinfo, ipi_addr);
    struct in_addr *last = &receiver->last_ipv4;
    if (receiver->last_ipv4_via != 0 && memcmp(last, ip, sizeof *last) == 0)
        return receiver->last_ipv4_via;
    memcpy(last, ip, sizeof *last);
    memcpy(local.ip + 12, ip, 4);
    return receiver->last_ipv4_via = rd_local_addresses_number(receiver->addresses, &local);
}

static struct arrival read_controls(struct rd_receiver *receiver, struct msghdr *header)
{
    struct arrival arrival = {0};
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL;
         control = CMSG_NXTHDR(header, control)) {
        int value;
        if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_GRO) {
            memcpy(&value, CMSG_DATA(control), sizeof value);
            arrival.segment = (uint32_t)value;
        } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&receiver->drops_seen, CMSG_DATA(control), sizeof receiver->drops_seen);
        } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            arrival.via = via_ipv6(receiver, control);
        } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            arrival.via = via_ipv4(receiver, control);
        }
    }
    return arrival;
}

/* Written field by field to where it stays: a copy of what was just put together from pieces makes
 * the processor wait for each of them. */
static void read_name(const union name *name, struct wr_address *out)
{
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    out->zone = 0;
    out->reserved = 0;
    if (name->family == AF_INET) {
        memcpy(out->ip, v4_mapped, sizeof v4_mapped);
        memcpy(out->ip + 12, &name->ipv4.sin_addr, 4);
        out->port = ntohs(name->ipv4.sin_port);
        return;
    }
    memcpy(out->ip, &name->ipv6.sin6_addr, 16);
    out->port = ntohs(name->ipv6.sin6_port);
    if (is_link_local(out->ip))
        out->zone = name->ipv6.sin6_scope_id;
}

/* ---- Handing out ----------------------------------------------------------------------------- */

/* True where the message is a train. One of which the kernel cut something off, which it never
 * should, shows no more where its datagrams end: it counts as one, and that is oversize. */
static bool is_train(const struct mmsghdr *message, struct arrival arrival)
{
    return arrival.segment != 0 && arrival.segment < message->msg_len &&
           (message->msg_hdr.msg_flags & MSG_TRUNC) == 0;
}

/* Takes the rest of the next message apart into `out`, which has `room` places. Returns how many it
 * took: 0 where there are too few places and another call has more. */
static size_t hand_out(struct rd_receiver *receiver, struct wr_datagram *out, size_t room)
{
    struct mmsghdr *message = &receiver->messages[receiver->next];
    struct arrival arrival = {0};
    uint32_t left = message->msg_len - receiver->done;
    uint32_t step = left;
    size_t count = 1;
    if (message->msg_hdr.msg_controllen > 0)
        arrival = read_controls(receiver, &message->msg_hdr);
    if (is_train(message, arrival)) {
        step = arrival.segment;
        count = (left + step - 1) / step;
        if (count > room && room < DATAGRAMS_MAX)
            return 0;
        receiver->counters->receive_trains += receiver->done == 0;
    }
    const uint8_t *bytes =
        (const uint8_t *)receiver->parts[receiver->next].iov_base + receiver->done;
    read_name(&receiver->names[receiver->next], &out->from);
    for (size_t i = 0; i < count && i < room; i++) {
        uint32_t size = left < step ? left : step;
        if (i > 0)
            out[i].from = out->from;
        out[i].bytes = bytes;
        out[i].size = size;
        out[i].via = arrival.via;
        out[i].bound_elsewhere = false;
        out[i].tag = 0;
        bytes += size;
        left -= size;
    }
    receiver->done = left > 0 ? message->msg_len - left : 0;
    receiver->next += left == 0;
    return count < room ? count : room;
}

size_t rd_receive(struct rd_receiver *receiver, bool wait, struct wr_datagram **datagrams,
                  bool *more)
{
    size_t count = 0;
    *datagrams = receiver->datagrams;
    *more = false;
    if (receiver->next == receiver->used && !fill(receiver, wait))
        return 0;
    while (receiver->next < receiver->used && count < DATAGRAMS_MAX) {
        size_t taken = hand_out(receiver, receiver->datagrams + count, DATAGRAMS_MAX - count);
        if (taken == 0)
            break;
        count += taken;
    }
    *more = receiver->next < receiver->used || receiver->full;
    return count;
}

uint64_t rd_receiver_take_drops(struct rd_receiver *receiver)
{
    if (receiver->asks_drops)
        (void)ask_drops(receiver->fd, &receiver->drops_seen);
    uint32_t drops = receiver->drops_seen - receiver->drops_told; /* the kernel's counter wraps */
    receiver->drops_told = receiver->drops_seen;
    receiver->counters->kernel_dropped += drops;
    return drops;
}

bool rd_receiver_owns(const struct rd_receiver *receiver, const uint8_t *bytes)
{
    uintptr_t start = (uintptr_t)receiver->buffers;
    return (uintptr_t)bytes - start < receiver->stride * MESSAGES;
}
