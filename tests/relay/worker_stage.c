#include "worker_stage.h"

#include "address.h"
#include "clock.h"
#include "log.h"
#include "steering.h"
#include "udp_socket.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct stage stage;

static void wake(void *context, uint32_t worker)
{
    struct rd_worker_group *group = context;
    while (atomic_load(&stage.verifier_stands) && sem_wait(&stage.verifier_goes_on) != 0)
        cr_assert_eq(errno, EINTR);
    rd_worker_wake(group->workers[worker]);
}

static void key_wanted(void *context)
{
    (void)context;
    sem_post(&stage.key_wanted);
}

static void drained(void *context, uint32_t worker)
{
    (void)context;
    (void)worker;
    atomic_fetch_add(&stage.drained, 1);
}

void stage_prepare(void)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    static const uint8_t seed[32] = {1};
    cr_assert_geq(sodium_init(), 0);
    wr_mint_keypair(seed, stage.public_key, stage.secret_key);
    sem_init(&stage.key_wanted, 0, 0);
    sem_init(&stage.verifier_goes_on, 0, 0);
    wr_relay_config_default(&stage.options.core);
    stage.options.listen = wr_address_v4(loopback, 0);
    stage.options.packet_queue_capacity = 2048;
    stage.options.gro = stage.options.gso = true;
    rd_log_set_level(RD_LOG_ERROR);
}

void stage_pin(void)
{
    for (uint32_t i = 0; i < stage.group.count; i++)
        rd_worker_key_add(stage.group.workers[i], "k", stage.public_key, WR_KEY_PINNED);
}

void stage_open(uint32_t workers, bool without_key)
{
    struct rd_error error = {""};
    struct rd_worker_group *group = &stage.group;
    int fds[RD_WORKERS_MAX];
    struct rd_udp_settings settings = {.listen = stage.options.listen,
                                       .workers = workers,
                                       .buffer_bytes = 1 << 20,
                                       .dscp = -1,
                                       .gro = stage.options.gro};
    stage.options.workers = workers;
    *group = (struct rd_worker_group){
        .options = &stage.options,
        .relay_id = STAGE_RELAY_ID,
        .verify_rate = 10000,
        .count = workers,
        .key_wanted = key_wanted,
        .drained = drained,
    };
    cr_assert(rd_udp_open(&settings, fds, &group->bound, &error), "%s", error.text);
    if (workers > 1) {
        group->shared = wr_shared_create();
        group->owners = rd_address_owners_create(2 * stage.options.core.max_sessions);
    }
    group->verifier = rd_verifier_start(workers, wake, group, &error);
    for (uint32_t i = 0; i < workers; i++) {
        group->workers[i] = rd_worker_create(group, i, fds[i], &error);
        cr_assert_not_null(group->workers[i], "%s", error.text);
    }
    if (!without_key)
        stage_pin();
    for (uint32_t i = 0; i < workers; i++)
        cr_assert(rd_worker_start(group->workers[i], &error), "%s", error.text);
}

void stage_close(void)
{
    struct rd_worker_group *group = &stage.group;
    for (uint32_t i = 0; i < group->count; i++)
        rd_worker_halt(group->workers[i]);
    atomic_store(&stage.verifier_stands, false);
    sem_post(&stage.verifier_goes_on);
    rd_verifier_stop(group->verifier);
    for (uint32_t i = 0; i < group->count; i++)
        rd_worker_destroy(group->workers[i]);
    rd_address_owners_destroy(group->owners);
    wr_shared_destroy(group->shared);
}

struct wr_session_id stage_session(uint32_t worker, uint32_t number)
{
    uint8_t datagram[WR_DATAGRAM_BYTES_MIN] = {0x57, 1, 0x10};
    struct wr_session_id session;
    uint32_t workers = stage.group.count;
    for (uint32_t draw = 0;; draw++) {
        randombytes_buf(session.bytes, sizeof session.bytes);
        memcpy(session.bytes, &number, sizeof number);
        memcpy(datagram + 4, session.bytes, sizeof session.bytes);
        if (rd_steering_worker(datagram, sizeof datagram, workers) == worker)
            return session;
        cr_assert_lt(draw, 100000, "no session belongs to worker %u", worker);
    }
}

struct peer stage_peer(struct wr_session_id session, enum wr_role role)
{
    struct peer peer = {.fd = socket(AF_INET, SOCK_DGRAM, 0), .session = session, .role = role};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(stage.group.bound.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = STAGE_DEADLINE_SECS};
    cr_assert_eq(connect(peer.fd, (const struct sockaddr *)&to, sizeof to), 0);
    setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return peer;
}

void peer_close(struct peer *peer)
{
    close(peer->fd);
}

void peer_send(const struct peer *peer, const void *bytes, size_t size)
{
    cr_assert_eq(send(peer->fd, bytes, size, 0), (ssize_t)size);
}

void peer_receive(struct peer *peer)
{
    ssize_t size = recv(peer->fd, peer->last, sizeof peer->last, 0);
    cr_assert_gt(size, 0, "nothing came: %s", strerror(errno));
    peer->last_bytes = (size_t)size;
}

bool peer_has_nothing(const struct peer *peer)
{
    uint8_t byte;
    return recv(peer->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static size_t start_datagram(const struct peer *peer, uint8_t type, uint8_t *out)
{
    memcpy(out, (const uint8_t[]){0x57, 1, type, 0}, 4);
    memcpy(out + 4, peer->session.bytes, sizeof peer->session.bytes);
    return WR_DATAGRAM_BYTES_MIN;
}

static size_t lease_datagram(const struct peer *peer, const char *sub,
                             uint8_t datagram[WR_DATAGRAM_BYTES_MAX])
{
    char name[64];
    struct wr_mint_texts texts;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / WR_MS;
    snprintf(name, sizeof name, "peer-%d", peer->fd);
    struct wr_mint mint = wr_mint_lease(&texts, sub != NULL ? sub : name, &peer->session,
                                        peer->role, STAGE_RELAY_ID, "k", now_ms, 600 * 1000);
    size_t size = start_datagram(peer, 0x01, datagram);
    datagram[size++] = (uint8_t)peer->role;
    uint32_t token_bytes = wr_mint_token(&mint, stage.secret_key, (char *)datagram + size + 2,
                                         WR_DATAGRAM_BYTES_MAX - size - 2);
    cr_assert_gt(token_bytes, 0);
    datagram[size++] = (uint8_t)(token_bytes >> 8);
    datagram[size++] = (uint8_t)token_bytes;
    return size + token_bytes;
}

void peer_present(const struct peer *peer, const char *sub)
{
    uint8_t datagram[WR_DATAGRAM_BYTES_MAX];
    peer_send(peer, datagram, lease_datagram(peer, sub, datagram));
}

void peer_present_bogus(const struct peer *peer)
{
    static uint8_t datagram[WR_DATAGRAM_BYTES_MAX]; /* minted once: that takes its time */
    static size_t size;
    static uint32_t count;
    if (size == 0)
        size = lease_datagram(peer, NULL, datagram);
    /* The token ends with the signature, six bits a letter. */
    uint32_t rest = count++;
    for (size_t at = size - 40; at < size - 34; at++, rest /= 16)
        datagram[at] = (uint8_t)('a' + rest % 16);
    peer_send(peer, datagram, size);
}

void peer_join(struct peer *peer)
{
    peer_present(peer, NULL);
    peer_receive(peer);
    cr_assert_eq(peer->last[2], 0x02, "an ACK, not type %u", peer->last[2]);
}

void peer_refused(struct peer *peer, const char *sub, uint16_t reason)
{
    peer_present(peer, sub);
    peer_receive(peer);
    cr_assert_eq(peer->last[2], 0x03, "a REJECT, not type %u", peer->last[2]);
    cr_assert_eq(peer->last[20] << 8 | peer->last[21], reason);
}

size_t forward_of(const struct peer *peer, uint64_t sequence, uint8_t out[64])
{
    size_t size = start_datagram(peer, 0x10, out);
    for (int shift = 56; shift >= 0; shift -= 8)
        out[size++] = (uint8_t)(sequence >> shift);
    memset(out + size, 0xa5, 16);
    return size + 16;
}

void peer_forward(const struct peer *peer, uint64_t sequence)
{
    uint8_t datagram[64];
    peer_send(peer, datagram, forward_of(peer, sequence, datagram));
}

void peer_expect_forward(struct peer *peer, uint64_t sequence)
{
    uint8_t expected[64];
    size_t size = forward_of(peer, sequence, expected);
    peer_receive(peer);
    cr_assert_arr_eq(peer->last, expected, size);
    cr_assert_eq(peer->last_bytes, size);
}

void stage_pair(struct wr_session_id session, struct peer pair[WR_ROLES])
{
    for (uint32_t role = 0; role < WR_ROLES; role++) {
        pair[role] = stage_peer(session, (enum wr_role)role);
        peer_join(&pair[role]);
    }
}

struct rd_worker_snapshot stage_snapshot(void)
{
    struct rd_worker_snapshot snapshot;
    cr_assert(rd_workers_snapshot(&stage.group, &snapshot), "every worker answers");
    return snapshot;
}

void stage_wait(uint64_t (*read)(const struct rd_worker_snapshot *snapshot), uint64_t at_least)
{
    wr_instant deadline = rd_clock() + STAGE_DEADLINE_SECS * WR_S;
    struct rd_worker_snapshot snapshot;
    do {
        snapshot = stage_snapshot();
        cr_assert_lt(rd_clock(), deadline, "only %llu", (unsigned long long)read(&snapshot));
    } while (read(&snapshot) < at_least);
}
