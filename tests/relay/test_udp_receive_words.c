/*
 * What no loopback socket says on request: the kernel's answers are put into recvmmsg's place.
 */
#include "udp_receive.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);

/* The one message that comes next; `size` 0: none. */
static struct {
    uint32_t size;
    int segment;
    int flags;
    uint32_t drops;
    bool says_drops;
    int interruptions;
    struct sockaddr_in6 from;
    struct in6_pktinfo local;
} next;

static size_t put(uint8_t *control, int level, int type, const void *data, size_t size)
{
    struct cmsghdr header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
    memcpy(control, &header, sizeof header);
    memcpy(control + CMSG_LEN(0), data, size);
    return CMSG_SPACE(size);
}

int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    (void)fd, (void)count, (void)flags, (void)timeout;
    if (next.interruptions > 0) {
        next.interruptions--;
        errno = EINTR;
        return -1;
    }
    if (next.size == 0) {
        errno = EAGAIN;
        return -1;
    }
    struct msghdr *header = &messages[0].msg_hdr;
    cr_assert_geq(header->msg_iov->iov_len, next.size);
    for (uint32_t i = 0; i < next.size; i++)
        ((uint8_t *)header->msg_iov->iov_base)[i] = (uint8_t)i;
    cr_assert_geq(header->msg_namelen, sizeof next.from);
    memcpy(header->msg_name, &next.from, sizeof next.from);
    header->msg_namelen = sizeof next.from;
    size_t used =
        put(header->msg_control, IPPROTO_IPV6, IPV6_PKTINFO, &next.local, sizeof next.local);
    uint8_t *control = header->msg_control;
    if (next.says_drops)
        used += put(control + used, SOL_SOCKET, SO_RXQ_OVFL, &next.drops, sizeof next.drops);
    if (next.segment != 0)
        used += put(control + used, IPPROTO_UDP, UDP_GRO, &next.segment, sizeof next.segment);
    cr_assert_geq(header->msg_controllen, used);
    header->msg_controllen = used;
    header->msg_flags = next.flags;
    messages[0].msg_len = next.size;
    next.size = 0;
    return 1;
}

static struct rd_local_addresses addresses;
static struct rd_net_counters counters;
static struct rd_receiver *receiver;

static void start(void)
{
    rd_local_addresses_start(&addresses);
    receiver = rd_receiver_create(-1, true, &addresses, &counters);
    cr_assert_not_null(receiver);
    next.from = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(4711)};
    next.from.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
}

static void stop(void)
{
    rd_receiver_destroy(receiver);
}

TestSuite(udp_receive_words, .init = start, .fini = stop);

Test(udp_receive_words, a_train_of_more_datagrams_than_any_call_hands_out_comes_in_pieces)
{
    struct wr_datagram *datagrams;
    size_t count, heard = 0;
    bool more;
    next.size = 60001;
    next.segment = 3;
    do {
        count = rd_receive(receiver, false, &datagrams, &more);
        for (size_t i = 0; i < count; i++, heard++) {
            cr_assert_eq(datagrams[i].size, heard < 20000 ? 3 : 1);
            cr_assert_eq(datagrams[i].bytes[0], (uint8_t)(heard * 3));
        }
    } while (more);
    cr_expect_eq(heard, 20001);
    cr_expect_eq(counters.receive_trains, 1);
}

Test(udp_receive_words, a_train_that_was_cut_is_one_oversize_datagram)
{
    struct wr_datagram *datagrams;
    bool more;
    next.size = 65536;
    next.segment = 1200;
    next.flags = MSG_TRUNC;
    cr_assert_eq(rd_receive(receiver, false, &datagrams, &more), 1);
    cr_expect_gt(datagrams[0].size, WR_DATAGRAM_BYTES_MAX);
}

Test(udp_receive_words, only_link_local_addresses_keep_their_interface)
{
    struct wr_datagram *datagrams;
    bool more;
    next.size = 20;
    next.from.sin6_scope_id = 7;
    next.local.ipi6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    next.local.ipi6_ifindex = 7;
    cr_assert_eq(rd_receive(receiver, false, &datagrams, &more), 1);
    cr_expect_eq(datagrams[0].from.zone, 0);
    cr_expect_eq(datagrams[0].from.port, 4711);
    cr_expect_eq(rd_local_addresses_get(&addresses, datagrams[0].via)->ifindex, 0);
    next.size = 20;
    next.from.sin6_addr.s6_addr[0] = next.local.ipi6_addr.s6_addr[0] = 0xfe;
    next.from.sin6_addr.s6_addr[1] = next.local.ipi6_addr.s6_addr[1] = 0x80;
    cr_assert_eq(rd_receive(receiver, false, &datagrams, &more), 1);
    cr_expect_eq(datagrams[0].from.zone, 7);
    cr_expect_eq(rd_local_addresses_get(&addresses, datagrams[0].via)->ifindex, 7);
}

Test(udp_receive_words, the_kernels_counter_of_drops_may_wrap)
{
    struct wr_datagram *datagrams;
    bool more;
    next.says_drops = true;
    next.size = 20;
    next.drops = UINT32_MAX - 1;
    cr_assert_eq(rd_receive(receiver, false, &datagrams, &more), 1);
    cr_expect_eq(rd_receiver_take_drops(receiver), UINT32_MAX - 1);
    next.size = 20;
    next.drops = 3;
    cr_assert_eq(rd_receive(receiver, false, &datagrams, &more), 1);
    cr_expect_eq(rd_receiver_take_drops(receiver), 5);
    cr_expect_eq(counters.kernel_dropped, (uint64_t)UINT32_MAX + 4);
}

Test(udp_receive_words, an_interrupted_call_is_made_again)
{
    struct wr_datagram *datagrams;
    bool more;
    next.interruptions = 2;
    next.size = 20;
    cr_expect_eq(rd_receive(receiver, false, &datagrams, &more), 1);
    cr_expect_eq(counters.receive_calls, 3);
}
