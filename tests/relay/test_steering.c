#include "steering.h"

#include "../random.h"
#include "loopback.h"

/* What the kernel makes of a datagram: the index of the socket that it came to. */
static uint32_t arrived_at(const int *fds, uint32_t workers)
{
    struct pollfd pollers[64];
    uint8_t bytes[2048];
    uint32_t at = workers;
    for (uint32_t i = 0; i < workers; i++)
        pollers[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    int ready = poll(pollers, workers, LOOPBACK_DEADLINE_MS);
    cr_assert_eq(ready, 1, "%d sockets have it", ready);
    for (uint32_t i = 0; i < workers; i++) {
        if (pollers[i].revents != 0)
            at = i;
    }
    cr_assert_geq(recv(fds[at], bytes, sizeof bytes, 0), 0);
    return at;
}

/* Random bytes of a random size, of which most begin like a datagram of ours. */
static size_t random_datagram(uint64_t *state, uint8_t *bytes, size_t size_max)
{
    size_t size = random_below(state, (uint32_t)size_max + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(state);
    if (size > 0 && random_below(state, 8) > 0)
        bytes[0] = 0x57;
    if (size > 1 && random_below(state, 8) > 0)
        bytes[1] = 1;
    return size;
}

static void expect_agreement(const char *listen, const char *peer_at, uint32_t workers)
{
    int fds[64];
    uint32_t heard[64] = {0};
    uint8_t bytes[64];
    uint64_t state = workers;
    struct wr_address peer_address;
    struct wr_address relay = loopback_open(listen, workers, false, fds);
    int peer = loopback_peer(peer_at, &peer_address);
    for (int i = 0; i < 1500; i++) {
        size_t size = random_datagram(&state, bytes, i % 3 == 0 ? 24 : sizeof bytes);
        loopback_send(peer, &relay, bytes, size);
        uint32_t at = arrived_at(fds, workers);
        cr_assert_eq(at, rd_steering_worker(bytes, size, workers), "size %zu", size);
        heard[at]++;
    }
    for (uint32_t i = 0; i < workers; i++) {
        cr_assert_gt(heard[i], 0, "worker %u heard nothing", i);
        close(fds[i]);
    }
    close(peer);
}

Test(steering, the_kernel_and_the_c_twin_agree_on_every_datagram)
{
    expect_agreement("127.0.0.1:0", "127.0.0.1:0", 2);
    expect_agreement("127.0.0.1:0", "127.0.0.1:0", 7);
    expect_agreement("127.0.0.1:0", "127.0.0.1:0", 64);
}

Test(steering, they_agree_over_ipv6_and_at_wildcards)
{
    expect_agreement("[::1]:0", "[::1]:0", 3);
    struct wr_address ipv4;
    uint8_t bytes[32] = {0x57, 1, 0x10, 0};
    int fds[4], peer = loopback_peer("127.0.0.1:0", &ipv4);
    struct wr_address relay = loopback_open("[::]:0", 4, false, fds);
    ipv4.port = relay.port;
    for (uint8_t i = 0; i < 100; i++) {
        bytes[19] = i;
        loopback_send(peer, &ipv4, bytes, sizeof bytes);
        cr_assert_eq(arrived_at(fds, 4), rd_steering_worker(bytes, sizeof bytes, 4));
    }
}

Test(steering, what_names_no_session_has_worker_0)
{
    uint8_t bytes[64];
    memset(bytes, 0xa5, sizeof bytes);
    for (uint32_t workers = 1; workers <= 64; workers++) {
        bytes[0] = 0x57;
        bytes[1] = 1;
        for (size_t size = 0; size < 20; size++)
            cr_assert_eq(rd_steering_worker(bytes, size, workers), 0);
        cr_assert_lt(rd_steering_worker(bytes, 20, workers), workers);
        bytes[0] = 0x52; /* bare RIFT */
        bytes[1] = 0x49;
        cr_assert_eq(rd_steering_worker(bytes, sizeof bytes, workers), 0);
    }
}

/* No worker of `workers` gets less than half or more than twice its share. */
static void expect_even(const uint32_t *heard, uint32_t workers, uint32_t sessions)
{
    for (uint32_t i = 0; i < workers; i++) {
        cr_expect_geq(heard[i], sessions / workers / 2, "worker %u of %u", i, workers);
        cr_expect_leq(heard[i], sessions / workers * 2, "worker %u of %u", i, workers);
    }
}

Test(steering, random_and_counted_session_ids_spread_over_all_workers)
{
    uint64_t state = 4;
    for (uint32_t workers = 1; workers <= 64; workers++) {
        uint32_t random_heard[64] = {0}, counted_heard[64] = {0}, first_heard[64] = {0};
        uint32_t sessions = workers * 200;
        for (uint32_t i = 0; i < sessions; i++) {
            uint8_t bytes[20] = {0x57, 1, 0x10, 0};
            for (size_t at = 4; at < 20; at++)
                bytes[at] = (uint8_t)random_next(&state);
            bytes[10] = 0x40 | (bytes[10] & 15);   /* version 4 */
            bytes[12] = 0x80 | (bytes[12] & 0x3f); /* and its variant */
            random_heard[rd_steering_worker(bytes, sizeof bytes, workers)]++;
            memset(bytes + 4, 0, 16);
            bytes[18] = (uint8_t)(i >> 8);
            bytes[19] = (uint8_t)i;
            counted_heard[rd_steering_worker(bytes, sizeof bytes, workers)]++;
            bytes[4] = bytes[19];
            bytes[5] = bytes[18];
            bytes[18] = bytes[19] = 0;
            first_heard[rd_steering_worker(bytes, sizeof bytes, workers)]++;
        }
        expect_even(random_heard, workers, sessions);
        expect_even(counted_heard, workers, sessions);
        expect_even(first_heard, workers, sessions);
    }
}

Test(steering, a_socket_that_is_none_is_told_by_errno)
{
    cr_expect_not(rd_steering_attach(-1, 2));
}
