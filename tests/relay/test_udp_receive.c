#include "udp_receive.h"

#include "../random.h"
#include "loopback.h"

#include <netinet/udp.h>

static struct rd_local_addresses addresses;
static struct rd_net_counters counters;

static struct rd_receiver *receiver_at(const char *listen, bool gro, int *fd,
                                       struct wr_address *bound)
{
    *bound = loopback_open(listen, 1, gro, fd);
    rd_local_addresses_start(&addresses);
    struct rd_receiver *receiver = rd_receiver_create(*fd, gro, &addresses, &counters);
    cr_assert_not_null(receiver);
    return receiver;
}

/* Sends as one GSO train of datagrams of `segment` bytes. */
static void send_train(int fd, const struct wr_address *to, const void *bytes, size_t size,
                       uint16_t segment)
{
    struct sockaddr_storage name;
    socklen_t name_size = loopback_name(to, &name);
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof segment)] = {0};
    struct msghdr header = {.msg_name = &name,
                            .msg_namelen = name_size,
                            .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control};
    struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = IPPROTO_UDP;
    first->cmsg_type = UDP_SEGMENT;
    first->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(first), &segment, sizeof segment);
    cr_assert_eq(sendmsg(fd, &header, 0), (ssize_t)size);
}

static void expect_datagram(const struct wr_datagram *datagram, const struct wr_address *from,
                            const void *bytes, size_t size)
{
    cr_assert_eq(datagram->size, size);
    cr_assert_eq(memcmp(datagram->bytes, bytes, size), 0);
    cr_assert(wr_address_equal(&datagram->from, from));
    cr_assert_eq(datagram->tag, 0);
    cr_assert_not(datagram->bound_elsewhere);
}

static void fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&seed);
}

/* Everything that waits, counted and compared with `bytes`, which were sent in that order. */
static size_t expect_stream(struct rd_receiver *receiver, const uint8_t *bytes, size_t size,
                            uint32_t segment)
{
    struct wr_datagram *datagrams;
    size_t count, heard = 0, at = 0;
    bool more;
    while ((count = rd_receive(receiver, false, &datagrams, &more)) > 0) {
        for (size_t i = 0; i < count; i++) {
            size_t left = size - at;
            cr_assert_eq(datagrams[i].size, left < segment ? left : segment);
            cr_assert_eq(memcmp(datagrams[i].bytes, bytes + at, datagrams[i].size), 0);
            cr_assert(rd_receiver_owns(receiver, datagrams[i].bytes));
            at += datagrams[i].size;
        }
        heard += count;
    }
    cr_assert_eq(at, size);
    cr_assert_not(more);
    return heard;
}

static void expect_batches(const char *listen, const char *peer_at, bool gro)
{
    int fd;
    struct wr_address relay, peer_address;
    uint8_t bytes[200][40];
    struct wr_datagram *datagrams;
    bool more;
    struct rd_receiver *receiver = receiver_at(listen, gro, &fd, &relay);
    int peer = loopback_peer(peer_at, &peer_address);
    relay = loopback_address(peer_at);
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    relay.port = loopback_canonical(&name).port;
    cr_assert_eq(rd_receive(receiver, false, &datagrams, &more), 0);
    cr_assert_not(more);
    fill(bytes[0], sizeof bytes, 1);
    for (size_t i = 0; i < 200; i++)
        loopback_send(peer, &relay, bytes[i], i % 41);
    size_t heard = 0, count;
    do {
        count = rd_receive(receiver, false, &datagrams, &more);
        for (size_t i = 0; i < count; i++, heard++)
            expect_datagram(&datagrams[i], &peer_address, bytes[heard], heard % 41);
        cr_assert(more || heard == 200);
    } while (more);
    cr_assert_eq(heard, 200);
    rd_receiver_destroy(receiver);
    close(fd);
    close(peer);
}

Test(udp_receive, batches_come_whole_and_in_order)
{
    expect_batches("127.0.0.1:0", "127.0.0.1:0", false);
    expect_batches("127.0.0.1:0", "127.0.0.1:0", true);
    expect_batches("[::1]:0", "[::1]:0", true);
}

Test(udp_receive, ipv4_at_the_ipv6_wildcard_is_ipv4)
{
    expect_batches("[::]:0", "127.0.0.1:0", true);
    expect_batches("[::]:0", "[::1]:0", false);
}

Test(udp_receive, trains_are_taken_apart)
{
    static uint8_t bytes[64000];
    int fd;
    struct wr_address relay, peer_address;
    struct rd_receiver *receiver = receiver_at("127.0.0.1:0", true, &fd, &relay);
    int peer = loopback_peer("127.0.0.1:0", &peer_address);
    fill(bytes, sizeof bytes, 2);
    counters.receive_trains = 0;
    send_train(peer, &relay, bytes, 50 * 1200, 1200);
    cr_expect_eq(expect_stream(receiver, bytes, 50 * 1200, 1200), 50);
    send_train(peer, &relay, bytes, 7 * 100 + 99, 100); /* the last one is shorter */
    cr_expect_eq(expect_stream(receiver, bytes, 7 * 100 + 99, 100), 8);
    send_train(peer, &relay, bytes, 100, 100); /* a train of one is none */
    cr_expect_eq(expect_stream(receiver, bytes, 100, 100), 1);
    cr_expect_eq(counters.receive_trains, 2);
    rd_receiver_destroy(receiver);
}

Test(udp_receive, more_trains_than_one_call_hands_out_come_by_and_by)
{
    static uint8_t bytes[64 * 60 * 300];
    int fd;
    struct wr_address relay, peer_address;
    struct rd_receiver *receiver = receiver_at("127.0.0.1:0", true, &fd, &relay);
    int peer = loopback_peer("127.0.0.1:0", &peer_address);
    fill(bytes, sizeof bytes, 3);
    for (size_t train = 0; train < 64; train++)
        send_train(peer, &relay, bytes + train * 60 * 300, 60 * 300, 300);
    counters.receive_calls = 0;
    cr_expect_eq(expect_stream(receiver, bytes, sizeof bytes, 300), 64 * 60);
    cr_expect_eq(counters.receive_calls, 2); /* the second found nothing more */
    rd_receiver_destroy(receiver);
}

Test(udp_receive, an_oversize_datagram_stays_oversize)
{
    static uint8_t bytes[65507];
    struct wr_datagram *datagrams;
    bool more;
    for (int gro = 0; gro < 2; gro++) {
        int fd;
        struct wr_address relay, peer_address;
        struct rd_receiver *receiver = receiver_at("127.0.0.1:0", gro, &fd, &relay);
        int peer = loopback_peer("127.0.0.1:0", &peer_address);
        const size_t sizes[] = {1500, 1501, 1536, 1537, 2000, 65507};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            loopback_send(peer, &relay, bytes, sizes[i]);
        cr_assert_eq(rd_receive(receiver, false, &datagrams, &more),
                     sizeof sizes / sizeof sizes[0]);
        cr_expect_eq(datagrams[0].size, WR_DATAGRAM_BYTES_MAX);
        for (size_t i = 1; i < sizeof sizes / sizeof sizes[0]; i++) {
            cr_expect_gt(datagrams[i].size, WR_DATAGRAM_BYTES_MAX);
            cr_expect_leq(datagrams[i].size, sizes[i]);
            cr_expect(rd_receiver_owns(receiver, datagrams[i].bytes + datagrams[i].size - 1));
        }
        rd_receiver_destroy(receiver);
    }
}

Test(udp_receive, each_local_address_has_a_number_of_its_own)
{
    int fd;
    struct wr_address relay, peer_address;
    struct wr_datagram *datagrams;
    bool more;
    struct rd_receiver *receiver = receiver_at("0.0.0.0:0", true, &fd, &relay);
    int peer = loopback_peer("127.0.0.1:0", &peer_address);
    struct wr_address one = loopback_address("127.0.0.1:1"), two = loopback_address("127.0.0.2:1");
    one.port = two.port = relay.port;
    loopback_send(peer, &one, "a", 1);
    loopback_send(peer, &two, "b", 1);
    loopback_send(peer, &one, "c", 1);
    cr_assert_eq(rd_receive(receiver, false, &datagrams, &more), 3);
    cr_expect_neq(datagrams[0].via, 0);
    cr_expect_eq(datagrams[2].via, datagrams[0].via);
    cr_expect_neq(datagrams[1].via, datagrams[0].via);
    const struct rd_local_address *local = rd_local_addresses_get(&addresses, datagrams[1].via);
    cr_expect_eq(memcmp(local->ip, two.ip, 16), 0);
    cr_expect_eq(local->ifindex, 0);
    rd_receiver_destroy(receiver);
}

Test(udp_receive, the_ipv6_wildcard_tells_both_families_apart)
{
    int fd;
    struct wr_address relay, peer_address;
    struct wr_datagram *datagrams;
    bool more;
    struct rd_receiver *receiver = receiver_at("[::]:0", false, &fd, &relay);
    struct wr_address ipv4 = loopback_address("127.0.0.3:1"), ipv6 = loopback_address("[::1]:1");
    ipv4.port = ipv6.port = relay.port;
    loopback_send(loopback_peer("127.0.0.1:0", &peer_address), &ipv4, "a", 1);
    loopback_send(loopback_peer("[::1]:0", &peer_address), &ipv6, "b", 1);
    cr_assert_eq(rd_receive(receiver, false, &datagrams, &more), 2);
    const struct rd_local_address *first = rd_local_addresses_get(&addresses, datagrams[0].via);
    cr_expect_eq(memcmp(first->ip, ipv4.ip, 16), 0);
    const struct rd_local_address *second = rd_local_addresses_get(&addresses, datagrams[1].via);
    cr_expect_eq(memcmp(second->ip, ipv6.ip, 16), 0);
    rd_receiver_destroy(receiver);
}

Test(udp_receive, what_the_kernel_drops_is_counted_once)
{
    int fd, small = 4096;
    uint64_t sent = 0, heard = 0;
    size_t count;
    bool more;
    uint8_t bytes[1200] = {0};
    struct wr_address relay, peer_address;
    struct wr_datagram *datagrams;
    struct rd_receiver *receiver = receiver_at("127.0.0.1:0", false, &fd, &relay);
    int peer = loopback_peer("127.0.0.1:0", &peer_address);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_expect_eq(rd_receiver_take_drops(receiver), 0);
    counters.kernel_dropped = 0;
    for (int round = 0; round < 2; round++) {
        uint64_t drops = 0;
        for (int i = 0; i < 50; i++, sent++)
            loopback_send(peer, &relay, bytes, sizeof bytes);
        while ((count = rd_receive(receiver, false, &datagrams, &more)) > 0)
            heard += count;
        /* The next datagram tells of those that were dropped before it. */
        loopback_send(peer, &relay, bytes, sizeof bytes);
        sent++;
        heard += rd_receive(receiver, false, &datagrams, &more);
        drops = rd_receiver_take_drops(receiver);
        cr_expect_gt(drops, 0);
        cr_expect_eq(rd_receiver_take_drops(receiver), 0);
        cr_expect_eq(counters.kernel_dropped, sent - heard);
    }
    rd_receiver_destroy(receiver);
}

Test(udp_receive, only_its_own_buffers_are_its_own)
{
    int fd;
    struct wr_address relay;
    uint8_t elsewhere;
    struct rd_receiver *receiver = receiver_at("127.0.0.1:0", true, &fd, &relay);
    cr_expect_not(rd_receiver_owns(receiver, &elsewhere));
    cr_expect_not(rd_receiver_owns(receiver, NULL));
    rd_receiver_destroy(receiver);
    rd_receiver_destroy(NULL);
}
