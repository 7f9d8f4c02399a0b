#include "loopback.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdio.h>

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    cr_assert_eq(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static int open_files(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    cr_assert_not_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* Opening fails, says why in these words, names the address and leaves nothing open. */
static void expect_failure(const char *listen, uint32_t workers, const char *why)
{
    struct rd_error error = {"nothing"};
    struct wr_address bound;
    int fds[64];
    struct rd_udp_settings settings = {
        .listen = loopback_address(listen), .workers = workers, .buffer_bytes = 65536, .dscp = -1};
    int before = open_files();
    cr_expect_not(rd_udp_open(&settings, fds, &bound, &error));
    cr_expect_eq(open_files(), before);
    cr_expect_not_null(strstr(error.text, why), "%s", error.text);
    cr_expect_not_null(strstr(error.text, listen), "%s", error.text);
}

Test(udp_socket, workers_share_the_port_that_the_kernel_chose)
{
    int fds[8];
    struct wr_address bound = loopback_open("127.0.0.1:0", 8, false, fds);
    cr_assert_neq(bound.port, 0);
    for (int i = 0; i < 8; i++) {
        struct sockaddr_storage name;
        socklen_t size = sizeof name;
        cr_assert_eq(getsockname(fds[i], (struct sockaddr *)&name, &size), 0);
        struct wr_address at = loopback_canonical(&name);
        cr_expect(wr_address_equal(&at, &bound));
        cr_expect(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
        cr_expect(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
        cr_expect_eq(option(fds[i], SOL_SOCKET, SO_REUSEPORT), 1);
    }
}

Test(udp_socket, a_port_that_anybody_holds_is_an_error)
{
    char text[WR_ADDRESS_TEXT_BYTES];
    struct wr_address held;
    int one = 1, fds[2], plain = loopback_peer("127.0.0.1:0", &held);
    wr_address_format(&held, text);
    expect_failure(text, 1, "holds this port");
    expect_failure(text, 2, "holds this port");
    /* One that would share it is another one all the same. */
    cr_assert_eq(setsockopt(plain, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
    expect_failure(text, 1, "holds this port");
    expect_failure(text, 2, "holds this port");
    close(plain);
    /* And so is another relay, whether it has one worker or several. */
    held = loopback_open("127.0.0.1:0", 2, false, fds);
    wr_address_format(&held, text);
    expect_failure(text, 1, "holds this port");
    expect_failure(text, 2, "holds this port");
    close(fds[0]);
    expect_failure(text, 2, "holds this port");
    close(fds[1]);
    held = loopback_open(text, 2, false, fds);
}

Test(udp_socket, one_worker_shares_its_port_with_nobody)
{
    int fd, one = 1;
    struct sockaddr_storage name;
    struct wr_address bound = loopback_open("127.0.0.1:0", 1, false, &fd);
    int other = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
    socklen_t size = loopback_name(&bound, &name);
    cr_expect_neq(bind(other, (struct sockaddr *)&name, size), 0);
    cr_expect_eq(option(fd, SOL_SOCKET, SO_REUSEPORT), 0);
}

Test(udp_socket, an_address_that_the_host_does_not_have_is_an_error)
{
    expect_failure("192.0.2.1:47001", 2, "no interface of this host");
    expect_failure("[fe80::1]:47001", 1, "link-local");
}

Test(udp_socket, the_ipv6_wildcard_takes_ipv4_and_a_specific_address_does_not)
{
    int wildcard, specific;
    struct wr_address peer, bound = loopback_open("[::]:0", 1, false, &wildcard);
    struct wr_address to = loopback_address("127.0.0.1:1");
    uint8_t bytes[4];
    int fd = loopback_peer("127.0.0.1:0", &peer);
    to.port = bound.port;
    loopback_send(fd, &to, "four", 4);
    cr_expect_eq(loopback_receive(wildcard, bytes, sizeof bytes, NULL), 4);
    fd = loopback_peer("[::1]:0", &peer);
    to = loopback_address("[::1]:1");
    to.port = bound.port;
    loopback_send(fd, &to, "six", 3);
    cr_expect_eq(loopback_receive(wildcard, bytes, sizeof bytes, NULL), 3);
    loopback_open("[::1]:0", 1, false, &specific);
    cr_expect_eq(option(wildcard, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    cr_expect_eq(option(specific, IPPROTO_IPV6, IPV6_V6ONLY), 1);
}

Test(udp_socket, only_a_wildcard_asks_where_datagrams_came_to)
{
    int fd;
    loopback_open("127.0.0.1:0", 1, false, &fd);
    cr_expect_eq(option(fd, IPPROTO_IP, IP_PKTINFO), 0);
    loopback_open("0.0.0.0:0", 1, false, &fd);
    cr_expect_eq(option(fd, IPPROTO_IP, IP_PKTINFO), 1);
    loopback_open("[::1]:0", 1, false, &fd);
    cr_expect_eq(option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO), 0);
    loopback_open("[::]:0", 1, false, &fd);
    cr_expect_eq(option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
}

Test(udp_socket, fragments_are_allowed_and_drops_are_told)
{
    int fd;
    loopback_open("127.0.0.1:0", 1, false, &fd);
    cr_expect_eq(option(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
    cr_expect_eq(option(fd, SOL_SOCKET, SO_RXQ_OVFL), 1);
    loopback_open("[::]:0", 1, false, &fd);
    cr_expect_eq(option(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
    cr_expect_eq(option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_DONT);
}

Test(udp_socket, the_mark_and_the_buffers_are_those_that_were_asked_for)
{
    int fds[2];
    struct wr_address bound;
    struct rd_error error;
    struct rd_udp_settings settings = {.listen = loopback_address("[::]:0"),
                                       .workers = 2,
                                       .buffer_bytes = 100000,
                                       .dscp = 46,
                                       .gro = true};
    cr_assert(rd_udp_open(&settings, fds, &bound, &error), "%s", error.text);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(option(fds[i], IPPROTO_IP, IP_TOS), 46 << 2);
        cr_expect_eq(option(fds[i], IPPROTO_IPV6, IPV6_TCLASS), 46 << 2);
        cr_expect_eq(option(fds[i], SOL_SOCKET, SO_RCVBUF), 200000); /* the kernel doubles it */
        cr_expect_eq(option(fds[i], SOL_SOCKET, SO_SNDBUF), 200000);
        cr_expect_eq(rd_udp_receive_buffer(fds[i]), 100000);
        cr_expect_eq(rd_udp_send_buffer(fds[i]), 100000);
        cr_expect_eq(option(fds[i], IPPROTO_UDP, UDP_GRO), 1);
    }
}

Test(udp_socket, a_mark_that_cannot_be_set_is_an_error)
{
    int fd;
    struct wr_address bound;
    struct rd_error error;
    struct rd_udp_settings settings = {
        .listen = loopback_address("[::]:0"), .workers = 1, .buffer_bytes = 65536, .dscp = 64};
    cr_expect_not(rd_udp_open(&settings, &fd, &bound, &error));
    cr_expect_not_null(strstr(error.text, "--dscp"), "%s", error.text);
}
