#include "udp_send.h"

#include "../random.h"
#include "allocations.h"
#include "loopback.h"
#include "udp_receive.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>

static struct rd_local_addresses addresses;
static struct rd_net_counters counters;

static struct rd_sender *sender_at(const char *listen, bool gso, int *fd)
{
    struct wr_address bound = loopback_open(listen, 1, false, fd);
    rd_local_addresses_start(&addresses);
    struct rd_sender *sender =
        rd_sender_create(*fd, !wr_address_is_v4(&bound), gso, &addresses, &counters);
    cr_assert_not_null(sender);
    return sender;
}

static void queue(struct rd_sender *sender, const struct wr_address *to, const void *bytes,
                  uint32_t size, uint32_t via, bool stable)
{
    struct wr_output output = {.to = *to, .bytes = bytes, .size = size, .via = via};
    rd_send(sender, &output, stable);
}

static void expect_bytes(int fd, const uint8_t *bytes, size_t size)
{
    uint8_t heard[2048];
    cr_assert_eq(loopback_receive(fd, heard, sizeof heard, NULL), size);
    cr_assert_eq(memcmp(heard, bytes, size), 0);
}

Test(udp_send, runs_of_equal_size_leave_as_one_train)
{
    static uint8_t bytes[10 * 1200];
    int fd;
    struct wr_address to;
    int peer = loopback_peer("127.0.0.1:0", &to);
    struct rd_sender *sender = sender_at("127.0.0.1:0", true, &fd);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i / 1200);
    for (uint32_t i = 0; i < 9; i++) /* backwards, so that no two lie together */
        queue(sender, &to, bytes + (9 - i) * 1200, 1200, 0, true);
    queue(sender, &to, bytes, 700, 0, true); /* a shorter one ends it */
    cr_expect_not(loopback_is_readable(peer, 0), "nothing leaves before the flush");
    cr_expect_eq(rd_send_flush(sender), 10);
    for (uint32_t i = 0; i < 9; i++)
        expect_bytes(peer, bytes + (9 - i) * 1200, 1200);
    expect_bytes(peer, bytes, 700);
    cr_expect_eq(counters.send_trains, 1);
    cr_expect_eq(counters.send_calls, 1);
    cr_expect_eq(counters.send_failed, 0);
    rd_sender_destroy(sender);
}

Test(udp_send, without_gso_every_datagram_is_a_message)
{
    int fd;
    struct wr_address to;
    int peer = loopback_peer("127.0.0.1:0", &to);
    struct rd_sender *sender = sender_at("127.0.0.1:0", false, &fd);
    for (int i = 0; i < 10; i++)
        queue(sender, &to, "same", 4, 0, true);
    cr_expect_eq(rd_send_flush(sender), 10);
    for (int i = 0; i < 10; i++)
        expect_bytes(peer, (const uint8_t *)"same", 4);
    cr_expect_eq(counters.send_trains, 0);
    rd_sender_destroy(sender);
}

Test(udp_send, unstable_bytes_are_copied_and_stable_ones_are_not)
{
    int fd;
    uint8_t bytes[4] = "old";
    struct wr_address to;
    int peer = loopback_peer("127.0.0.1:0", &to);
    struct rd_sender *sender = sender_at("127.0.0.1:0", true, &fd);
    queue(sender, &to, bytes, 4, 0, false);
    queue(sender, &to, bytes, 3, 0, true);
    memcpy(bytes, "new", 4);
    cr_expect_eq(rd_send_flush(sender), 2);
    expect_bytes(peer, (const uint8_t *)"old", 4);
    expect_bytes(peer, (const uint8_t *)"new", 3);
    rd_sender_destroy(sender);
}

/* What was sent to each of the destinations, in order: its number and the datagram's. */
struct note {
    uint32_t destination, number;
    uint8_t rest[1400];
};

static void expect_order(const char *listen, const char *peer_at, bool gso)
{
    enum { DESTINATIONS = 40, ROUNDS = 30, EACH = 100 };
    static struct note notes[EACH];
    static uint32_t sent[DESTINATIONS], sizes[DESTINATIONS][EACH * ROUNDS];
    static struct note heard;
    struct wr_address to[DESTINATIONS];
    int fd, peers[DESTINATIONS];
    uint64_t state = 5;
    struct rd_sender *sender = sender_at(listen, gso, &fd);
    memset(sent, 0, sizeof sent);
    counters = (struct rd_net_counters){0};
    for (int i = 0; i < DESTINATIONS; i++)
        peers[i] = loopback_peer(peer_at, &to[i]);
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < EACH; i++) {
            uint32_t where = random_below(&state, round % 2 == 0 ? DESTINATIONS : 3);
            uint32_t size = random_below(&state, 4) > 0 ? 900 : 8 + random_below(&state, 1400);
            notes[i].destination = where;
            notes[i].number = sent[where];
            sizes[where][sent[where]++] = size;
            queue(sender, &to[where], &notes[i], size, 0, random_below(&state, 2) > 0);
        }
        cr_assert_eq(rd_send_flush(sender), EACH);
        for (uint32_t where = 0; where < DESTINATIONS; where++) {
            static uint32_t next[DESTINATIONS];
            if (round == 0)
                next[where] = 0;
            for (; next[where] < sent[where]; next[where]++) {
                size_t size = loopback_receive(peers[where], &heard, sizeof heard, NULL);
                cr_assert_eq(heard.destination, where);
                cr_assert_eq(heard.number, next[where]);
                cr_assert_eq(size, sizes[where][next[where]]);
            }
        }
    }
    cr_expect_eq(counters.send_trains > 0, gso);
    cr_expect_eq(counters.send_failed, 0);
    for (int i = 0; i < DESTINATIONS; i++)
        close(peers[i]);
    rd_sender_destroy(sender);
    close(fd);
}

Test(udp_send, each_destination_gets_its_datagrams_in_order)
{
    expect_order("127.0.0.1:0", "127.0.0.1:0", true);
    expect_order("127.0.0.1:0", "127.0.0.1:0", false);
    expect_order("[::1]:0", "[::1]:0", true);
    expect_order("[::]:0", "127.0.0.1:0", true);
}

static void expect_local(const char *listen, const char *peer_at, const char *local_text)
{
    int fd;
    uint8_t bytes[16];
    struct wr_address to, from, local = loopback_address(local_text);
    struct rd_local_address wanted = {0};
    int peer = loopback_peer(peer_at, &to);
    struct rd_sender *sender = sender_at(listen, true, &fd);
    memcpy(wanted.ip, local.ip, 16);
    uint32_t via = rd_local_addresses_number(&addresses, &wanted);
    queue(sender, &to, "one", 3, via, true);
    queue(sender, &to, "two", 3, via, true);
    queue(sender, &to, "any", 3, 0, true); /* the kernel's choice: not in the same train */
    cr_assert_eq(rd_send_flush(sender), 3);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(loopback_receive(peer, bytes, sizeof bytes, &from), 3);
        cr_assert_eq(memcmp(bytes, i == 0 ? "one" : "two", 3), 0);
        cr_assert_eq(memcmp(from.ip, local.ip, 16), 0);
    }
    cr_assert_eq(loopback_receive(peer, bytes, sizeof bytes, &from), 3);
    cr_assert_eq(memcmp(bytes, "any", 3), 0);
    cr_assert_eq(memcmp(from.ip, to.ip, 16), 0); /* the nearest one: the peer's own */
    rd_sender_destroy(sender);
    close(fd);
    close(peer);
}

Test(udp_send, datagrams_leave_from_the_address_that_was_asked)
{
    expect_local("0.0.0.0:0", "127.0.0.1:0", "127.0.0.9:1");
    expect_local("[::]:0", "127.0.0.1:0", "127.0.0.9:1");
    expect_local("[::]:0", "[::1]:0", "[::1]:1");
}

/* 3000 datagrams, of which every second one is `longer`, so that trains are short or long. */
static void expect_many(bool gso, bool stable, uint32_t longer)
{
    enum { COUNT = 3000 };
    int fd, room = 8 << 20;
    static uint8_t bytes[COUNT][32], heard[32];
    struct wr_address to;
    int peer = loopback_peer("127.0.0.1:0", &to);
    cr_assert_eq(setsockopt(peer, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
    struct rd_sender *sender = sender_at("127.0.0.1:0", gso, &fd);
    queue(sender, &to, "odd", 3, 0, true); /* so that room ends in the middle of a train */
    for (uint32_t i = 0; i < COUNT; i++) {
        memcpy(bytes[i], &i, sizeof i);
        queue(sender, &to, bytes[i], 20 + i % 2 * longer, 0, stable);
    }
    cr_expect_eq(rd_send_flush(sender), COUNT + 1);
    cr_expect_eq(rd_send_flush(sender), 0);
    expect_bytes(peer, (const uint8_t *)"odd", 3);
    for (uint32_t i = 0; i < COUNT; i++) {
        cr_assert_eq(loopback_receive(peer, heard, sizeof heard, NULL), 20 + i % 2 * longer);
        cr_assert_eq(memcmp(heard, &i, sizeof i), 0);
    }
    rd_sender_destroy(sender);
    close(peer);
    close(fd);
}

Test(udp_send, more_than_one_flush_can_hold_is_flushed_on_the_way)
{
    for (uint32_t longer = 0; longer < 2; longer++) {
        expect_many(false, false, longer);
        expect_many(false, true, longer);
        expect_many(true, false, longer);
        expect_many(true, true, longer);
    }
}

Test(udp_send, an_ipv4_socket_reaches_no_ipv6_address)
{
    int fd;
    struct rd_sender *sender = sender_at("127.0.0.1:0", true, &fd);
    struct wr_address to = loopback_address("[::1]:4000");
    queue(sender, &to, "x", 1, 0, true);
    cr_expect_eq(rd_send_flush(sender), 0);
    cr_expect_eq(counters.send_failed, 1);
    rd_sender_destroy(sender);
}

Test(udp_send, a_closed_port_ends_nothing)
{
    int fd;
    struct wr_address closed, to;
    close(loopback_peer("127.0.0.1:0", &closed));
    int peer = loopback_peer("127.0.0.1:0", &to);
    struct rd_sender *sender = sender_at("127.0.0.1:0", true, &fd);
    for (int i = 0; i < 5; i++) {
        queue(sender, &closed, "nobody", 6, 0, true);
        queue(sender, &to, "peer", 4, 0, true);
        cr_expect_eq(rd_send_flush(sender), 2);
        expect_bytes(peer, (const uint8_t *)"peer", 4);
    }
    rd_sender_destroy(sender);
}

/* A loopback interface of its own, which carries no more than `mtu` bytes at once. */
static void enter_narrow_network(int mtu)
{
    struct ifreq request = {.ifr_name = "lo"};
    if (unshare(CLONE_NEWNET) != 0 && errno == EPERM)
        cr_skip_test("needs the right to make a network namespace");
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags |= IFF_UP;
    cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    request.ifr_mtu = mtu;
    cr_assert_eq(ioctl(fd, SIOCSIFMTU, &request), 0);
    close(fd);
}

Test(udp_send, a_train_that_a_real_path_refuses_arrives_all_the_same)
{
    static uint8_t bytes[10][1200];
    int fd;
    struct wr_address to;
    enter_narrow_network(1000);
    int peer = loopback_peer("127.0.0.1:0", &to);
    struct rd_sender *sender = sender_at("127.0.0.1:0", true, &fd);
    for (int round = 1; round <= 2; round++) {
        for (uint8_t i = 0; i < 10; i++) {
            memset(bytes[i], i, sizeof bytes[i]);
            queue(sender, &to, bytes[i], sizeof bytes[i], 0, true);
        }
        cr_expect_eq(rd_send_flush(sender), 10);
        for (int i = 0; i < 10; i++)
            expect_bytes(peer, bytes[i], sizeof bytes[i]);
        cr_expect_eq(counters.gso_fallbacks, 1); /* no second train is tried */
        cr_expect_eq(counters.send_failed, 0);
    }
    rd_sender_destroy(sender);
}

Test(udp_send, no_datagram_costs_an_allocation)
{
    static uint8_t bytes[64][1200];
    int fd;
    bool more;
    struct wr_address to[8];
    struct wr_datagram *datagrams;
    size_t heard = 0;
    struct rd_sender *sender = sender_at("127.0.0.1:0", true, &fd);
    for (int i = 0; i < 8; i++)
        loopback_peer("127.0.0.1:0", &to[i]);
    int heard_at;
    to[0] = loopback_open("127.0.0.1:0", 1, true, &heard_at);
    struct rd_receiver *receiver = rd_receiver_create(heard_at, true, &addresses, &counters);
    uint64_t before = allocations_so_far();
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 64; i++)
            queue(sender, &to[i % 8], bytes[i], 1200, 0, round % 2 == 0);
        cr_assert_eq(rd_send_flush(sender), 64);
        heard += rd_receive(receiver, false, &datagrams, &more);
    }
    cr_expect_eq(allocations_so_far(), before);
    cr_expect_eq(heard, 50 * 8);
    rd_receiver_destroy(receiver);
    rd_sender_destroy(sender);
}
