/*
 * One robust peer of the core (wavry/peer.h) on a real socket, for tests: it presents the token it
 * is given, sends a payload every 20 ms, and answers questions on standard input.
 *
 *   robust_peer RELAY ROLE SESSION TOKEN
 *
 *   report   prints one JSON object: what was delivered here, the longest gap between two
 *            deliveries since the last "reset" (the one that is going on counts), its state
 *   reset    the longest gap begins anew with the next delivery
 *   leave    releases the role
 *
 * Ends with standard input.
 */
#include "address.h"

#include <wavry/peer.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_EVERY_NS (20 * WR_MS)
#define PAYLOAD_BYTES    160 /* a packet of speech */

struct station {
    int fd;
    struct wr_peer *peer;
    wr_instant next_payload_ns;
    uint64_t delivered;
    wr_instant last_delivery_ns; /* 0: none since the last reset */
    uint64_t longest_gap_ns;
    bool done;
};

static wr_instant now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

static void send_datagram(void *context, const struct wr_address *to, const uint8_t *bytes,
                          uint32_t size)
{
    const struct station *station = context;
    struct sockaddr_in socket_address = {.sin_family = AF_INET, .sin_port = htons(to->port)};
    memcpy(&socket_address.sin_addr, to->ip + 12, 4);
    /* What the network refuses is lost, like what it loses. */
    (void)sendto(station->fd, bytes, size, 0, (const struct sockaddr *)&socket_address,
                 sizeof socket_address);
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    (void)context;
    randombytes_buf(out, bytes);
}

/* There is one lease, and no master: the peer lives on what it has. */
static void lease_wanted(void *context, enum wr_peer_want want, const struct wr_address *avoid)
{
    (void)context;
    (void)want;
    (void)avoid;
}

static uint64_t gap_until(const struct station *station, wr_instant now)
{
    uint64_t gap_ns = station->last_delivery_ns != 0 ? now - station->last_delivery_ns : 0;
    return gap_ns > station->longest_gap_ns ? gap_ns : station->longest_gap_ns;
}

static void delivered(void *context, const struct wr_peer_delivery *delivery)
{
    struct station *station = context;
    wr_instant now = now_ns();
    if (delivery->body_bytes != PAYLOAD_BYTES)
        return; /* a sign of life */
    station->longest_gap_ns = gap_until(station, now);
    station->last_delivery_ns = now;
    station->delivered++;
}

static void report(const struct station *station)
{
    printf("{\"delivered\": %llu, \"longest_gap_ms\": %llu, \"state\": \"%s\"}\n",
           (unsigned long long)station->delivered,
           (unsigned long long)(gap_until(station, now_ns()) / WR_MS),
           wr_peer_state_name(wr_peer_state(station->peer)));
    fflush(stdout);
}

static void obey(struct station *station)
{
    char line[64];
    ssize_t got = read(STDIN_FILENO, line, sizeof line - 1);
    if (got <= 0) {
        station->done = true;
        return;
    }
    line[got] = '\0';
    for (char *rest = line, *word; (word = strtok_r(rest, "\n", &rest)) != NULL;) {
        if (strcmp(word, "report") == 0)
            report(station);
        else if (strcmp(word, "reset") == 0)
            station->longest_gap_ns = station->last_delivery_ns = 0;
        else if (strcmp(word, "leave") == 0)
            wr_peer_leave(station->peer, now_ns());
    }
}

static void receive(struct station *station)
{
    uint8_t bytes[2048];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t got =
        recvfrom(station->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (got < 0)
        return; /* an ICMP error, or nothing after all */
    uint8_t ip[4];
    memcpy(ip, &from.sin_addr, sizeof ip);
    const struct wr_address address = wr_address_v4(ip, ntohs(from.sin_port));
    wr_peer_receive(station->peer, now_ns(), &address, bytes, (uint32_t)got);
}

static void run(struct station *station)
{
    static const uint8_t payload[PAYLOAD_BYTES];
    struct pollfd wait[] = {{.fd = station->fd, .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
    while (!station->done) {
        wr_instant now = now_ns();
        if (wr_peer_next_deadline(station->peer) <= now)
            wr_peer_on_deadline(station->peer, now);
        if (station->next_payload_ns <= now) {
            (void)wr_peer_send(station->peer, now, payload, sizeof payload, &(uint64_t){0});
            station->next_payload_ns = now + PAYLOAD_EVERY_NS;
        }
        wr_instant until = wr_peer_next_deadline(station->peer);
        if (station->next_payload_ns < until)
            until = station->next_payload_ns;
        uint64_t span_ns = wr_elapsed(now_ns(), until);
        const struct timespec timeout = {(time_t)(span_ns / WR_S), (long)(span_ns % WR_S)};
        if (ppoll(wait, 2, &timeout, NULL) < 0 && errno != EINTR)
            station->done = true;
        if (wait[0].revents != 0)
            receive(station);
        if (wait[1].revents != 0)
            obey(station);
    }
}

static int fail(const char *what)
{
    fprintf(stderr, "robust_peer: %s\n", what);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct wr_peer_environment environment = {
        .send = send_datagram,
        .entropy = entropy,
        .lease_wanted = lease_wanted,
        .delivered = delivered,
    };
    struct wr_peer_config config;
    struct wr_peer_lease lease = {.lifetime_ns = 900 * WR_S};
    wr_peer_config_default(&config);
    if (argc != 5)
        return fail("usage: robust_peer RELAY ROLE SESSION TOKEN");
    if (!wr_address_parse(argv[1], &lease.relay))
        return fail("RELAY is no address");
    config.role = strcmp(argv[2], "server") == 0 ? WR_ROLE_SERVER : WR_ROLE_CLIENT;
    if (!wr_session_id_parse(argv[3], strlen(argv[3]), &config.session))
        return fail("SESSION is no UUID");
    lease.token = (const uint8_t *)argv[4];
    lease.token_bytes = (uint32_t)strlen(argv[4]);
    if (sodium_init() < 0)
        return fail("no random numbers");
    struct station station = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    station.peer = wr_peer_create(&config, &environment, &station);
    if (station.fd < 0 || station.peer == NULL)
        return fail("no socket or no memory");
    wr_peer_start(station.peer, now_ns());
    if (!wr_peer_lease(station.peer, now_ns(), &lease))
        return fail("TOKEN does not fit");
    run(&station);
    wr_peer_destroy(station.peer);
    close(station.fd);
    return 0;
}
