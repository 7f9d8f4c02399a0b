/*
 * What the sender does when the kernel refuses: sendmmsg is put in the place of the kernel's, and
 * so is the clock.
 */
#include "udp_send.h"

#include "address.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

#define SENT_MAX 4096

/* The kernel in this test. */
static struct {
    int train_errno;        /* what trains are refused with; 0: they are not */
    uint16_t refusing_port; /* only trains to this port are; 0: all */
    int single_errno;       /* the same for datagrams to `single_port` */
    uint16_t single_port;
    int interruptions;
    unsigned at_once; /* messages that one call takes; 0: all */
    long seconds;
    size_t calls;
    size_t trains_seen;
    size_t count;
    struct {
        uint16_t port;
        uint8_t first;
        size_t size;
    } sent[SENT_MAX];
} kernel;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){.tv_sec = kernel.seconds};
    return 0;
}

static uint16_t segment_of(struct msghdr *header)
{
    uint16_t segment = 0;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL;
         control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_SEGMENT)
            memcpy(&segment, CMSG_DATA(control), sizeof segment);
    }
    return segment;
}

/* 0, or why not. A train is written down as what it is taken apart into. */
static int take(struct msghdr *header)
{
    struct sockaddr_in to;
    static uint8_t bytes[65536];
    size_t size = 0;
    uint16_t segment = segment_of(header);
    memcpy(&to, header->msg_name, sizeof to);
    uint16_t port = ntohs(to.sin_port);
    for (size_t i = 0; i < header->msg_iovlen; i++) {
        memcpy(bytes + size, header->msg_iov[i].iov_base, header->msg_iov[i].iov_len);
        size += header->msg_iov[i].iov_len;
    }
    if (segment != 0) {
        kernel.trains_seen++;
        cr_assert_gt(size, segment);
        cr_assert_leq(size, 65507);
        cr_assert_leq((size + segment - 1) / segment, 64);
        if (kernel.train_errno != 0 && (kernel.refusing_port == 0 || kernel.refusing_port == port))
            return kernel.train_errno;
    } else if (kernel.single_errno != 0 && kernel.single_port == port) {
        return kernel.single_errno;
    }
    size_t step = segment != 0 ? segment : size;
    for (size_t at = 0; at < size; at += step) {
        cr_assert_lt(kernel.count, SENT_MAX);
        kernel.sent[kernel.count].port = port;
        kernel.sent[kernel.count].first = bytes[at];
        kernel.sent[kernel.count++].size = size - at < step ? size - at : step;
    }
    return 0;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    (void)fd;
    cr_assert(flags & MSG_DONTWAIT);
    kernel.calls++;
    if (kernel.interruptions > 0) {
        kernel.interruptions--;
        errno = EINTR;
        return -1;
    }
    cr_assert_gt(count, 0);
    for (unsigned i = 0; i < count; i++) {
        if (kernel.at_once != 0 && i == kernel.at_once)
            return (int)i;
        int why = take(&messages[i].msg_hdr);
        if (why != 0) {
            errno = why;
            return i > 0 ? (int)i : -1;
        }
    }
    return (int)count;
}

static struct rd_local_addresses addresses;
static struct rd_net_counters counters;
static struct rd_sender *sender;
static int fd;

static void start(void)
{
    rd_sender_destroy(sender);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    rd_local_addresses_start(&addresses);
    sender = rd_sender_create(fd, false, true, &addresses, &counters);
    cr_assert_not_null(sender);
}

static void stop(void)
{
    rd_sender_destroy(sender);
    sender = NULL;
}

TestSuite(udp_send_refused, .init = start, .fini = stop);

static uint8_t numbers[256][1500];

/* Queues datagrams first..last of this size to this port; the first byte is the number. */
static void queue(uint16_t port, unsigned first, unsigned last, uint32_t size)
{
    for (unsigned i = first; i <= last; i++) {
        struct wr_output output = {.to = wr_address_v4((const uint8_t[]){127, 0, 0, 1}, port),
                                   .bytes = numbers[i],
                                   .size = size};
        numbers[i][0] = (uint8_t)i;
        rd_send(sender, &output, true);
    }
}

/* The kernel took exactly these numbers to this port, in this order. */
static void expect_sent(uint16_t port, unsigned first, unsigned last)
{
    unsigned expected = first;
    for (size_t i = 0; i < kernel.count; i++) {
        if (kernel.sent[i].port == port)
            cr_assert_eq(kernel.sent[i].first, expected++);
    }
    cr_assert_eq(expected, last + 1);
}

Test(udp_send_refused, too_long_a_train_goes_one_by_one_and_its_destination_alone_for_a_minute)
{
    kernel.train_errno = EMSGSIZE;
    kernel.refusing_port = 1000;
    queue(1000, 0, 9, 1200);
    queue(2000, 10, 19, 1200);
    cr_expect_eq(rd_send_flush(sender), 20);
    expect_sent(1000, 0, 9);
    expect_sent(2000, 10, 19);
    cr_expect_eq(counters.gso_fallbacks, 1);
    cr_expect_eq(counters.send_failed, 0);
    cr_expect_eq(kernel.trains_seen, 2);
    /* Within the minute: no train to the one, trains to the other. */
    kernel.seconds = 59;
    queue(1000, 10, 19, 1200);
    queue(2000, 20, 29, 1200);
    cr_expect_eq(rd_send_flush(sender), 20);
    cr_expect_eq(kernel.trains_seen, 3);
    cr_expect_eq(counters.gso_fallbacks, 1);
    kernel.seconds = 60;
    queue(1000, 20, 29, 1200);
    cr_expect_eq(rd_send_flush(sender), 10);
    cr_expect_eq(kernel.trains_seen, 4);
    cr_expect_eq(counters.gso_fallbacks, 2);
    expect_sent(1000, 0, 29);
    expect_sent(2000, 10, 29);
}

static void expect_off_for_good(int why)
{
    start();
    memset(&kernel, 0, sizeof kernel);
    counters = (struct rd_net_counters){0};
    kernel.train_errno = why;
    queue(1000, 0, 9, 1200);
    queue(3000, 0, 0, 1200);
    queue(2000, 0, 9, 1200);
    queue(3000, 1, 1, 1000);
    cr_expect_eq(rd_send_flush(sender), 22);
    expect_sent(1000, 0, 9);
    expect_sent(2000, 0, 9);
    expect_sent(3000, 0, 1);
    cr_expect_eq(kernel.trains_seen, 1, "%s", strerror(why));
    kernel.train_errno = 0;
    kernel.seconds = 1000000;
    queue(1000, 10, 19, 1200);
    cr_expect_eq(rd_send_flush(sender), 10);
    cr_expect_eq(kernel.trains_seen, 1);
    cr_expect_eq(counters.send_failed, 0);
    stop();
}

Test(udp_send_refused, a_kernel_without_gso_gets_no_trains_any_more)
{
    expect_off_for_good(EIO);
    expect_off_for_good(EINVAL);
    expect_off_for_good(ENOPROTOOPT);
    expect_off_for_good(EOPNOTSUPP);
}

Test(udp_send_refused, a_destination_that_refuses_everything_does_not_switch_gso_off)
{
    kernel.train_errno = kernel.single_errno = EINVAL;
    kernel.refusing_port = kernel.single_port = 1000;
    queue(1000, 0, 9, 1200);
    queue(2000, 0, 9, 1200);
    cr_expect_eq(rd_send_flush(sender), 10);
    cr_expect_eq(counters.send_failed, 10);
    expect_sent(2000, 0, 9);
    cr_expect_eq(kernel.trains_seen, 2);
}

/* As kernels before 6.14 say it of a path whose MTU is smaller: one peer's must not cost all. */
Test(udp_send_refused, where_trains_went_before_only_the_one_that_refuses_them_gets_none)
{
    queue(2000, 0, 9, 1200);
    cr_expect_eq(rd_send_flush(sender), 10);
    kernel.train_errno = EINVAL;
    kernel.refusing_port = 1000;
    queue(1000, 0, 9, 1200);
    queue(2000, 10, 19, 1200);
    cr_expect_eq(rd_send_flush(sender), 20);
    queue(1000, 10, 19, 1200);
    queue(2000, 20, 29, 1200);
    cr_expect_eq(rd_send_flush(sender), 20);
    expect_sent(1000, 0, 19);
    expect_sent(2000, 0, 29);
    cr_expect_eq(kernel.trains_seen, 4);
    cr_expect_eq(counters.gso_fallbacks, 1);
}

Test(udp_send_refused, many_that_refuse_trains_in_a_row_mean_that_there_is_no_gso)
{
    queue(2000, 0, 9, 1200);
    cr_expect_eq(rd_send_flush(sender), 10);
    kernel.train_errno = EIO;
    for (uint16_t i = 0; i < 100; i++)
        queue((uint16_t)(3000 + i), 0, 1, 1200);
    cr_expect_eq(rd_send_flush(sender), 200);
    cr_expect_eq(kernel.trains_seen, 1 + 64);
}

Test(udp_send_refused, one_refused_datagram_costs_only_itself)
{
    kernel.single_errno = EPERM;
    kernel.single_port = 7;
    queue(1000, 0, 0, 100);
    queue(7, 0, 0, 100);
    queue(2000, 0, 0, 100);
    queue(7, 1, 1, 200);
    queue(2000, 1, 1, 200);
    queue(7, 2, 2, 300);
    cr_expect_eq(rd_send_flush(sender), 3);
    expect_sent(1000, 0, 0);
    expect_sent(2000, 0, 1);
    cr_expect_eq(counters.send_failed, 3);
    cr_expect_eq(counters.send_too_long, 0);
    cr_expect_eq(counters.send_would_block, 0);
}

Test(udp_send_refused, what_is_too_long_for_the_path_is_counted)
{
    kernel.single_errno = EMSGSIZE;
    kernel.single_port = 7;
    queue(7, 0, 0, 1500);
    queue(8, 0, 0, 1500);
    cr_expect_eq(rd_send_flush(sender), 1);
    cr_expect_eq(counters.send_failed, 1);
    cr_expect_eq(counters.send_too_long, 1);
    cr_expect_eq(counters.gso_fallbacks, 0);
}

Test(udp_send_refused, a_full_send_buffer_drops_and_never_waits)
{
    kernel.single_errno = kernel.train_errno = EAGAIN;
    kernel.refusing_port = kernel.single_port = 7;
    queue(7, 0, 0, 100);
    queue(8, 0, 0, 100);
    queue(7, 1, 4, 200); /* a train is dropped whole */
    queue(8, 1, 4, 200);
    cr_expect_eq(rd_send_flush(sender), 5);
    cr_expect_eq(counters.send_would_block, 5);
    cr_expect_eq(counters.send_failed, 5);
    cr_expect_eq(counters.gso_fallbacks, 0);
    cr_expect_eq(kernel.calls, 4); /* 7 | 8 | 7 7 7 7 | 8 8 8 8: none is tried again */
    expect_sent(8, 0, 4);
}

Test(udp_send_refused, a_call_that_takes_only_some_is_followed_by_another)
{
    kernel.at_once = 3;
    for (uint16_t i = 0; i < 100; i++)
        queue((uint16_t)(1000 + i), i, i, 300);
    cr_expect_eq(rd_send_flush(sender), 100);
    cr_expect_eq(kernel.calls, 34);
    cr_expect_eq(counters.send_calls, 34);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(kernel.sent[i].port, 1000 + i);
}

Test(udp_send_refused, an_interrupted_call_is_made_again)
{
    kernel.interruptions = 3;
    queue(1000, 0, 1, 300);
    cr_expect_eq(rd_send_flush(sender), 2);
    cr_expect_eq(counters.send_failed, 0);
    expect_sent(1000, 0, 1);
}

Test(udp_send_refused, trains_stay_within_what_every_kernel_takes)
{
    queue(1000, 0, 199, 40); /* more than 64 */
    queue(2000, 0, 199, 1472);
    cr_expect_eq(rd_send_flush(sender), 400);
    expect_sent(1000, 0, 199);
    expect_sent(2000, 0, 199);
    cr_expect_eq(kernel.trains_seen, 4 + 5); /* 44 of 1472 bytes fit, 64 of 40 */
    cr_expect_eq(counters.send_trains, 4 + 5);
}

Test(udp_send_refused, what_no_ordinary_path_carries_whole_is_no_train)
{
    queue(1000, 0, 9, 1473);
    cr_expect_eq(rd_send_flush(sender), 10);
    cr_expect_eq(kernel.trains_seen, 0);
}

Test(udp_send_refused, a_longer_datagram_starts_a_train_of_its_own)
{
    queue(1000, 0, 1, 100);
    queue(1000, 2, 3, 200);
    queue(1000, 4, 4, 50);
    queue(1000, 5, 6, 50); /* behind the shorter one, which ended its train */
    cr_expect_eq(rd_send_flush(sender), 7);
    expect_sent(1000, 0, 6);
    cr_expect_eq(kernel.trains_seen, 3);
    cr_expect_eq(kernel.calls, 1);
}

Test(udp_send_refused, more_destinations_refuse_than_can_be_remembered)
{
    kernel.train_errno = EMSGSIZE;
    for (uint16_t port = 1; port <= 300; port++) {
        queue(port, 0, 1, 500);
        cr_assert_eq(rd_send_flush(sender), 2);
    }
    cr_expect_eq(counters.gso_fallbacks, 300);
    /* The newest is remembered; one that was forgotten is simply tried again. Nothing is lost. */
    size_t before = kernel.trains_seen;
    queue(300, 2, 3, 500);
    cr_assert_eq(rd_send_flush(sender), 2);
    cr_expect_eq(kernel.trains_seen, before);
    for (uint16_t port = 1; port < 300; port++) {
        queue(port, 2, 3, 500);
        cr_assert_eq(rd_send_flush(sender), 2);
    }
    cr_expect_gt(kernel.trains_seen - before, 300 - 65);
    for (uint16_t port = 1; port <= 300; port++)
        expect_sent(port, 0, 3);
}
