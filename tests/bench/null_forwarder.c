/*
 * The null forwarder: what forwarding costs when nothing is decided. recvmmsg, rewrite nothing,
 * sendmmsg; with --gso the same with GRO and GSO. A benchmark holds the relay against it: same
 * traffic, same core, CPU time per forwarded datagram.
 */
#define _GNU_SOURCE /* recvmmsg, sendmmsg */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH        64
#define TRAIN_BYTES  65536
#define SINGLE_BYTES 2048
#define WAIT_MS      100  /* a signal that comes just before a wait is heeded after it */
#define STAGGER      1216 /* buffers at round distances compete for the same cache lines */

static const char usage[] =
    "usage: null_forwarder [--listen IP:PORT] --client-ports FIRST COUNT --server-ports FIRST "
    "COUNT\n"
    "                      [--pairs FILE] [--gso] [--poll] [--buffer BYTES]\n"
    "\n"
    "Forwards UDP datagrams on one IPv4 socket: what comes from a port goes to that port's partner "
    "on\n"
    "the host it came from, and back. What comes from any other port is dropped.\n"
    "\n"
    "  --listen IP:PORT           where to listen (127.0.0.1:0: any port)\n"
    "  --client-ports FIRST COUNT ports of one side: FIRST+i has the partner\n"
    "  --server-ports FIRST COUNT FIRST+i of the other side, as many\n"
    "  --pairs FILE               more pairs, \"PORT PORT\" a line; - reads the standard input\n"
    "  --gso                      receive with UDP_GRO, send trains with UDP_SEGMENT\n"
    "  --poll                     wait with poll and receive without waiting, as a program must "
    "that\n"
    "                             waits for other things too; otherwise recvmmsg itself waits\n"
    "  --buffer BYTES             socket buffer each way (8388608)\n"
    "\n"
    "Prints \"listening PORT\" when it is ready. Ends at SIGTERM or SIGINT, exit 0, with one "
    "line:\n"
    "  received N datagrams, sent N, dropped N, receive calls N, send calls N, cpu_ns N\n"
    "cpu_ns is CPU time of the process, user and system. Send it SIGUSR1 for such a line "
    "meanwhile\n"
    "(\"so far: \" stands before it), to measure what lies between two.\n";

struct options {
    struct sockaddr_in listen;
    int buffer_bytes;
    bool gso;
    bool poll;
    uint16_t partners[65536]; /* by port; both in network order; 0: nobody */
};

struct totals {
    uint64_t received, sent, dropped, receive_calls, send_calls;
};

static volatile sig_atomic_t ended, asked;

static void on_signal(int signal)
{
    if (signal == SIGUSR1)
        asked = 1;
    else
        ended = 1;
}

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- Options --------------------------------------------------------------------------------- */

static _Noreturn void misused(const char *what)
{
    fprintf(stderr, "null_forwarder: %s\n%s", what, usage);
    exit(2);
}

static uint32_t number(const char *text, uint32_t min, uint32_t max, const char *what)
{
    char *end;
    errno = 0;
    unsigned long value = text != NULL ? strtoul(text, &end, 10) : 0;
    if (text == NULL || errno != 0 || end == text || *end != '\0' || value < min || value > max)
        misused(what);
    return (uint32_t)value;
}

static void read_listen(const char *text, struct sockaddr_in *out)
{
    char ip[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    size_t size = colon != NULL ? (size_t)(colon - text) : sizeof ip;
    if (size >= sizeof ip)
        misused("--listen wants IP:PORT");
    memcpy(ip, text, size);
    ip[size] = '\0';
    out->sin_port = htons((uint16_t)number(colon + 1, 0, 65535, "--listen wants IP:PORT"));
    if (inet_pton(AF_INET, ip, &out->sin_addr) != 1)
        misused("--listen wants an IPv4 address");
}

/* FIRST is the option's argument, COUNT the word behind it. */
static uint32_t read_ports(char **argv, uint16_t *first)
{
    uint32_t count;
    *first = (uint16_t)number(optarg, 1, 65535, "ports are FIRST COUNT, 1..65535");
    count = number(argv[optind], 1, 65536u - *first, "ports are FIRST COUNT, up to 65535");
    optind++;
    return count;
}

static void pair(struct options *options, uint32_t one, uint32_t other)
{
    options->partners[htons((uint16_t)one)] = htons((uint16_t)other);
    options->partners[htons((uint16_t)other)] = htons((uint16_t)one);
}

static void read_pairs(struct options *options, const char *name)
{
    unsigned one, other;
    int fields;
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    if (file == NULL)
        fail(name);
    while ((fields = fscanf(file, "%u %u", &one, &other)) == 2) {
        if (one < 1 || one > 65535 || other < 1 || other > 65535)
            misused("a port in --pairs is 1..65535");
        pair(options, one, other);
    }
    if (fields != EOF)
        misused("--pairs wants two ports a line");
    if (file != stdin)
        (void)fclose(file);
}

static void read_options(struct options *options, int argc, char **argv)
{
    static const struct option longs[] = {
        {"listen", required_argument, NULL, 'l'},
        {"client-ports", required_argument, NULL, 'c'},
        {"server-ports", required_argument, NULL, 's'},
        {"pairs", required_argument, NULL, 'f'},
        {"gso", no_argument, NULL, 'g'},
        {"poll", no_argument, NULL, 'p'},
        {"buffer", required_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint16_t client_first = 0, server_first = 0;
    uint32_t clients = 0, servers = 0;
    int which;
    options->buffer_bytes = 8 << 20;
    options->listen.sin_family = AF_INET;
    options->listen.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while ((which = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (which) {
        case 'l':
            read_listen(optarg, &options->listen);
            break;
        case 'c':
            clients = read_ports(argv, &client_first);
            break;
        case 's':
            servers = read_ports(argv, &server_first);
            break;
        case 'g':
            options->gso = true;
            break;
        case 'f':
            read_pairs(options, optarg);
            break;
        case 'p':
            options->poll = true;
            break;
        case 'b':
            options->buffer_bytes =
                (int)number(optarg, 1024, 1 << 30, "--buffer is 1024..1073741824 bytes");
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            misused("unknown option");
        }
    }
    if (optind != argc)
        misused("too many words");
    if (clients != servers)
        misused("--client-ports and --server-ports go together, with the same COUNT");
    for (uint32_t i = 0; i < clients; i++)
        pair(options, client_first + i, server_first + i);
}

/* ---- Forwarding ------------------------------------------------------------------------------ */

/* One batch: the messages that were received are the messages that are sent. */
struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_in names[BATCH];
    _Alignas(struct cmsghdr) uint8_t controls[BATCH][CMSG_SPACE(sizeof(int))];
    uint32_t segments[BATCH]; /* datagrams of each */
    size_t room;              /* of a buffer */
    struct totals totals;
};

static void start_batch(struct batch *batch, const struct options *options)
{
    batch->room = options->gso ? TRAIN_BYTES : SINGLE_BYTES;
    size_t stride = batch->room + STAGGER;
    uint8_t *buffers = malloc(stride * BATCH);
    if (buffers == NULL)
        fail("malloc");
    for (size_t i = 0; i < BATCH; i++) {
        struct msghdr *header = &batch->messages[i].msg_hdr;
        batch->parts[i].iov_base = buffers + i * stride;
        header->msg_iov = &batch->parts[i];
        header->msg_iovlen = 1;
        header->msg_name = &batch->names[i];
        header->msg_namelen = sizeof batch->names[i];
    }
}

/* Makes a received message one to be sent. False: it goes nowhere. */
static bool turn(struct batch *batch, const struct options *options, uint32_t from, uint32_t to)
{
    struct mmsghdr *message = &batch->messages[from];
    uint32_t size = message->msg_len;
    int segment = 0;
    struct cmsghdr *control =
        message->msg_hdr.msg_controllen > 0 ? CMSG_FIRSTHDR(&message->msg_hdr) : NULL;
    if (control != NULL && control->cmsg_type == UDP_GRO)
        memcpy(&segment, CMSG_DATA(control), sizeof segment);
    bool is_train = options->gso && segment > 0 && (uint32_t)segment < size;
    uint32_t segments = is_train ? (size + (uint32_t)segment - 1) / (uint32_t)segment : 1;
    uint16_t partner = options->partners[batch->names[from].sin_port];
    batch->totals.received += segments;
    if (partner == 0) {
        batch->totals.dropped += segments;
        return false;
    }
    /* A dropped one leaves a gap: the places behind it change with the one they fill. */
    if (from != to) {
        struct iovec part = batch->parts[to];
        batch->parts[to] = batch->parts[from];
        batch->parts[from] = part;
        batch->names[to] = batch->names[from];
    }
    batch->names[to].sin_port = partner;
    batch->parts[to].iov_len = size;
    batch->segments[to] = segments;
    struct msghdr *header = &batch->messages[to].msg_hdr;
    header->msg_control = NULL;
    header->msg_controllen = 0;
    if (is_train) {
        uint16_t segment_bytes = (uint16_t)segment;
        header->msg_control = batch->controls[to];
        header->msg_controllen = CMSG_SPACE(sizeof segment_bytes);
        control = CMSG_FIRSTHDR(header);
        control->cmsg_level = IPPROTO_UDP;
        control->cmsg_type = UDP_SEGMENT;
        control->cmsg_len = CMSG_LEN(sizeof segment_bytes);
        memcpy(CMSG_DATA(control), &segment_bytes, sizeof segment_bytes);
    }
    return true;
}

static void send_batch(int fd, struct batch *batch, uint32_t count)
{
    uint32_t at = 0;
    while (at < count) {
        batch->totals.send_calls++;
        int sent = sendmmsg(fd, batch->messages + at, count - at, MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) { /* the first one is refused, the others are not */
            batch->totals.dropped += batch->segments[at++];
            continue;
        }
        for (int i = 0; i < sent; i++)
            batch->totals.sent += batch->segments[at++];
    }
}

/* True: more may wait already. */
static bool forward(int fd, struct batch *batch, const struct options *options)
{
    bool gso = options->gso;
    for (uint32_t i = 0; i < BATCH; i++) {
        struct msghdr *header = &batch->messages[i].msg_hdr;
        batch->parts[i].iov_len = batch->room;
        header->msg_namelen = sizeof batch->names[i];
        header->msg_control = gso ? batch->controls[i] : NULL;
        header->msg_controllen = gso ? sizeof batch->controls[i] : 0;
    }
    batch->totals.receive_calls++;
    int received =
        recvmmsg(fd, batch->messages, BATCH, options->poll ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
    uint32_t count = 0;
    for (int i = 0; i < received; i++)
        count += turn(batch, options, (uint32_t)i, count);
    send_batch(fd, batch, count);
    return received == BATCH;
}

/* ---- The program ----------------------------------------------------------------------------- */

static int open_socket(struct options *options)
{
    int one = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof options->listen;
    if (fd < 0)
        fail("socket");
    const int names[][2] = {{SO_RCVBUFFORCE, SO_RCVBUF}, {SO_SNDBUFFORCE, SO_SNDBUF}};
    for (int i = 0; i < 2; i++) {
        if (setsockopt(fd, SOL_SOCKET, names[i][0], &options->buffer_bytes, sizeof(int)) != 0)
            (void)setsockopt(fd, SOL_SOCKET, names[i][1], &options->buffer_bytes, sizeof(int));
    }
    if (options->gso && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one) != 0)
        fail("UDP_GRO");
    const struct timeval wait = {.tv_usec = WAIT_MS * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0)
        fail("SO_RCVTIMEO");
    if (bind(fd, (const struct sockaddr *)&options->listen, size) != 0)
        fail("bind");
    if (getsockname(fd, (struct sockaddr *)&options->listen, &size) != 0)
        fail("getsockname");
    return fd;
}

static void report(const char *before, const struct totals *totals)
{
    struct rusage usage_now;
    (void)getrusage(RUSAGE_SELF, &usage_now);
    uint64_t cpu_us = (uint64_t)(usage_now.ru_utime.tv_sec + usage_now.ru_stime.tv_sec) * 1000000u +
                      (uint64_t)(usage_now.ru_utime.tv_usec + usage_now.ru_stime.tv_usec);
    printf("%sreceived %llu datagrams, sent %llu, dropped %llu, receive calls %llu, send calls "
           "%llu, cpu_ns %llu\n",
           before, (unsigned long long)totals->received, (unsigned long long)totals->sent,
           (unsigned long long)totals->dropped, (unsigned long long)totals->receive_calls,
           (unsigned long long)totals->send_calls, (unsigned long long)cpu_us * 1000u);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct batch batch;
    static struct options options;
    read_options(&options, argc, argv);
    struct sigaction action = {.sa_handler = on_signal}; /* interrupts what waits */
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGUSR1, &action, NULL);
    int fd = open_socket(&options);
    start_batch(&batch, &options);
    printf("listening %u\n", ntohs(options.listen.sin_port));
    (void)fflush(stdout);
    bool more = false;
    while (!ended) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        if (options.poll && !more)
            (void)poll(&poller, 1, WAIT_MS);
        more = forward(fd, &batch, &options);
        if (asked)
            report("so far: ", &batch.totals);
        asked = 0;
    }
    report("", &batch.totals);
    return 0;
}
