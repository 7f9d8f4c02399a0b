#include "worker_stage.h"

#include "address.h"
#include "allocations.h"
#include "rift.h"
#include "worker_state.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <sys/socket.h>

#define NO_KEY true

TestSuite(worker, .init = stage_prepare, .fini = stage_close);

static void exchange(struct peer pair[WR_ROLES], uint64_t sequence)
{
    peer_forward(&pair[0], sequence);
    peer_expect_forward(&pair[1], sequence);
    peer_forward(&pair[1], sequence);
    peer_expect_forward(&pair[0], sequence);
}

static void leave(struct peer pair[WR_ROLES])
{
    peer_close(&pair[0]);
    peer_close(&pair[1]);
}

/* ---- One worker --------------------------------------------------------------------------------
 */

Test(worker, forwards_between_two_peers)
{
    struct peer pair[WR_ROLES];
    stage_open(1, false);
    stage_pair(stage_session(0, 1), pair);
    for (uint64_t sequence = 1; sequence <= 100; sequence++)
        exchange(pair, sequence);
    struct rd_worker_snapshot snapshot = stage_snapshot();
    cr_expect_eq(snapshot.core.counters.packets_forwarded, 200);
    cr_expect_eq(snapshot.core.sessions_active, 1);
    cr_expect_eq(rd_worker_sessions(stage.group.workers[0]), 1);
    leave(pair);
}

Test(worker, measures_batches_and_latencies)
{
    struct peer pair[WR_ROLES];
    stage_open(1, false);
    stage_pair(stage_session(0, 1), pair);
    exchange(pair, 1);
    struct rd_worker_snapshot snapshot = stage_snapshot();
    uint64_t batches = 0, latencies = 0;
    for (uint32_t i = 0; i <= RD_HISTOGRAM_BOUNDS_MAX; i++) {
        batches += snapshot.batch_size.counts[i];
        latencies += snapshot.forward_latency_ns.counts[i];
    }
    cr_expect_eq(snapshot.batch_size.sum, 4, "two leases, two FORWARDs");
    cr_expect(batches >= 1 && batches <= 4);
    cr_expect_geq(latencies, 2);
    cr_expect_gt(snapshot.forward_latency_ns.sum, 0);
    leave(pair);
}

Test(worker, forwarding_allocates_nothing)
{
    struct peer pair[WR_ROLES];
    stage_open(1, false);
    stage_pair(stage_session(0, 1), pair);
    exchange(pair, 1);
    uint64_t before = allocations_so_far();
    for (uint64_t sequence = 2; sequence <= 500; sequence++)
        exchange(pair, sequence);
    cr_expect_eq(allocations_so_far(), before);
    leave(pair);
}

static uint64_t idle_sessions(const struct rd_worker_snapshot *snapshot)
{
    return snapshot->core.counters.cleanup_idle_sessions;
}

Test(worker, keeps_its_deadlines_when_nothing_comes)
{
    struct peer pair[WR_ROLES];
    stage.options.core.idle_timeout_secs = 1;
    stage_open(1, false);
    stage_pair(stage_session(0, 1), pair);
    stage_wait(idle_sessions, 1);
    cr_expect_eq(rd_worker_sessions(stage.group.workers[0]), 0);
    leave(pair);
}

Test(worker, asks_for_a_key_it_does_not_have_and_uses_the_one_that_comes)
{
    stage_open(1, NO_KEY);
    struct peer peer = stage_peer(stage_session(0, 1), WR_ROLE_CLIENT);
    peer_present(&peer, NULL);
    while (sem_wait(&stage.key_wanted) != 0)
        cr_assert_eq(errno, EINTR);
    rd_worker_key_add(stage.group.workers[0], "k", stage.public_key, WR_KEY_LEARNED);
    peer_receive(&peer);
    cr_expect_eq(peer.last[2], 0x02, "an ACK");
    peer_close(&peer);
}

Test(worker, with_pinned_keys_nobody_is_asked)
{
    stage.options.keys.pinned_count = 1; /* what the operator pins, the stage hands over itself */
    stage_open(1, NO_KEY);
    struct peer peer = stage_peer(stage_session(0, 1), WR_ROLE_CLIENT);
    peer_refused(&peer, NULL, 2);
    cr_expect_eq(sem_trywait(&stage.key_wanted), -1);
    peer_close(&peer);
}

static uint64_t bad_signatures(const struct rd_worker_snapshot *snapshot)
{
    return snapshot->core.counters.verdicts[WR_VERDICT_BAD_SIGNATURE];
}

Test(worker, a_flood_of_bogus_leases_costs_the_media_nothing)
{
    struct peer pair[WR_ROLES];
    stage.options.core.ip_rate_limit_pps = 1000000;
    stage_open(1, false);
    stage_pair(stage_session(0, 1), pair);
    struct peer flood = stage_peer(stage_session(0, 2), WR_ROLE_CLIENT);
    for (uint64_t sequence = 1; sequence <= 500; sequence++) {
        for (uint32_t i = 0; i < 20; i++)
            peer_present_bogus(&flood);
        exchange(pair, sequence);
    }
    stage_wait(bad_signatures, 1);
    struct rd_worker_snapshot snapshot = stage_snapshot();
    cr_expect_eq(snapshot.core.counters.packets_forwarded, 1000);
    cr_expect_eq(snapshot.core.counters.outcomes[WR_OUTCOME_LEASE_TAKEN], 2 + 10000);
    leave(pair);
    peer_close(&flood);
}

/* ---- Orders ------------------------------------------------------------------------------------
 */

/* A long ban list, by SIGHUP: the media must have its turn in between. */
Test(worker, many_orders_are_carried_out_bit_by_bit)
{
    enum { BANS = 60000 };
    stage_open(1, false);
    struct rd_worker *worker = stage.group.workers[0];
    rd_worker_halt(worker); /* the worker is this thread */
    uint32_t turns = 1;
    for (uint32_t i = 0; i < BANS; i++) {
        char sub[16];
        snprintf(sub, sizeof sub, "mallory-%u", i);
        rd_worker_ban(worker, sub);
    }
    while (rd_worker_obey(worker))
        turns++;
    cr_expect_gt(turns, 1);
    rd_worker_ban(worker, "one more that nobody carries out");
}

static uint64_t banned_sessions(const struct rd_worker_snapshot *snapshot)
{
    return snapshot->core.counters.sessions_banned;
}

/* A machine that is busy with something else: the thread got as far as its first result and stands
 * there, before it could wake anybody. */
Test(worker, peers_can_join_where_the_verifier_does_not_run)
{
    struct peer pair[WR_ROLES];
    stage_open(1, false);
    atomic_store(&stage.verifier_stands, true);
    stage_pair(stage_session(0, 1), pair);
    exchange(pair, 1);
    leave(pair);
}

Test(worker, a_ban_ends_sessions_and_an_unban_lets_in_again)
{
    stage_open(1, false);
    struct peer peer = stage_peer(stage_session(0, 1), WR_ROLE_CLIENT);
    peer_present(&peer, "mallory");
    peer_receive(&peer);
    rd_worker_ban(stage.group.workers[0], "mallory");
    stage_wait(banned_sessions, 1);
    peer_refused(&peer, "mallory", 5);
    rd_worker_unban(stage.group.workers[0], "mallory");
    peer_present(&peer, "mallory");
    peer_receive(&peer);
    cr_expect_eq(peer.last[2], 0x02, "an ACK");
    peer_close(&peer);
}

Test(worker, a_revoked_key_ends_what_it_signed)
{
    struct peer pair[WR_ROLES];
    stage_open(1, false);
    stage_pair(stage_session(0, 1), pair);
    rd_worker_key_revoke(stage.group.workers[0], stage.public_key);
    struct rd_worker_snapshot snapshot = stage_snapshot();
    cr_expect_eq(snapshot.core.counters.sessions_revoked, 1, "orders are carried out in order");
    cr_expect_eq(snapshot.core.keys, 0);
    leave(pair);
}

Test(worker, a_retired_key_still_serves_the_leases_it_signed)
{
    struct peer pair[WR_ROLES];
    stage_open(1, false);
    stage_pair(stage_session(0, 1), pair);
    rd_worker_key_retire(stage.group.workers[0], stage.public_key);
    cr_expect_eq(stage_snapshot().core.keys, 1);
    exchange(pair, 1);
    leave(pair);
}

Test(worker, new_limits_count_at_once)
{
    stage.options.core.load_shed_threshold_pct = 100;
    stage_open(1, false);
    struct wr_relay_config config = stage.options.core;
    config.verify_rate = stage.group.verify_rate;
    config.max_sessions = 1;
    rd_worker_set_limits(stage.group.workers[0], &config);
    struct peer first = stage_peer(stage_session(0, 1), WR_ROLE_CLIENT);
    struct peer second = stage_peer(stage_session(0, 2), WR_ROLE_CLIENT);
    peer_join(&first);
    peer_refused(&second, NULL, 4);
    peer_close(&first);
    peer_close(&second);
}

Test(worker, limits_that_cannot_be_change_nothing)
{
    stage_open(1, false);
    struct wr_relay_config config = stage.options.core;
    config.verify_rate = stage.group.verify_rate;
    config.max_sessions = stage.options.core.max_sessions + 1;
    config.ip_rate_limit_pps = 1;
    rd_worker_set_limits(stage.group.workers[0], &config);
    for (uint32_t i = 0; i < 5; i++) { /* more than one a second from one address */
        struct peer peer = stage_peer(stage_session(0, i), WR_ROLE_CLIENT);
        peer_join(&peer);
        peer_close(&peer);
    }
}

static uint64_t bad_sources(const struct rd_worker_snapshot *snapshot)
{
    return snapshot->core.counters.outcomes[WR_OUTCOME_BAD_SOURCE];
}

static struct wr_address address_of(const struct peer *peer)
{
    struct sockaddr_in name;
    socklen_t bytes = sizeof name;
    cr_assert_eq(getsockname(peer->fd, (struct sockaddr *)&name, &bytes), 0);
    return wr_address_v4((const uint8_t *)&name.sin_addr, ntohs(name.sin_port));
}

/* A snapshot shows that the worker has carried out what was ordered before. */
static void take_for_own(const struct wr_address *address)
{
    struct rd_own_addresses own = {.count = address != NULL};
    if (address != NULL)
        own.addresses[0] = *address;
    rd_worker_set_own_addresses(stage.group.workers[0], &own);
    (void)stage_snapshot();
}

Test(worker, an_address_that_becomes_the_relays_own_is_served_no_more)
{
    struct peer pair[WR_ROLES];
    stage_open(1, false);
    stage_pair(stage_session(0, 1), pair);
    const struct wr_address address = address_of(&pair[0]);
    take_for_own(&address);
    peer_forward(&pair[0], 1);
    stage_wait(bad_sources, 1);
    struct wr_relay_config config = stage.options.core;
    config.verify_rate = stage.group.verify_rate;
    rd_worker_set_limits(stage.group.workers[0], &config);
    (void)stage_snapshot();
    peer_forward(&pair[0], 2);
    stage_wait(bad_sources, 2);
    take_for_own(NULL);
    exchange(pair, 3);
    leave(pair);
}

/* ---- Several workers ---------------------------------------------------------------------------
 */

#define WORKERS 3

Test(worker, every_worker_serves_the_sessions_that_are_its_own)
{
    struct peer pairs[2 * WORKERS][WR_ROLES];
    stage_open(WORKERS, false);
    for (uint32_t i = 0; i < 2 * WORKERS; i++) {
        stage_pair(stage_session(i % WORKERS, i), pairs[i]);
        exchange(pairs[i], 1);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        cr_expect_eq(rd_worker_sessions(stage.group.workers[i]), 2, "worker %u", i);
    struct rd_worker_snapshot sum = stage_snapshot();
    cr_expect_eq(sum.core.counters.packets_forwarded, 4 * WORKERS);
    cr_expect_eq(sum.core.sessions_active, 2 * WORKERS);
    cr_expect_eq(sum.core.keys, 1, "the same ring everywhere");
    cr_expect_eq(sum.net.handed_over, 0, "the kernel steers");
    for (uint32_t i = 0; i < 2 * WORKERS; i++)
        leave(pairs[i]);
}

/* Several datagrams of equal size as one train: the kernel steers it whole by its first. */
static void send_train(const struct peer *from, const uint8_t *bytes, size_t size, uint16_t each)
{
    struct iovec part = {(void *)bytes, size};
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof each)] = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *segment = CMSG_FIRSTHDR(&message);
    segment->cmsg_level = IPPROTO_UDP;
    segment->cmsg_type = UDP_SEGMENT;
    segment->cmsg_len = CMSG_LEN(sizeof each);
    memcpy(CMSG_DATA(segment), &each, sizeof each);
    cr_assert_eq(sendmsg(from->fd, &message, 0), (ssize_t)size, "%s", strerror(errno));
}

Test(worker, what_came_to_another_worker_is_handed_over)
{
    struct peer pairs[WORKERS][WR_ROLES];
    uint8_t train[4 * WORKERS * 64];
    size_t size = 0, each = 0;
    stage_open(WORKERS, false);
    /* One client in as many sessions, each with a server of its own. */
    for (uint32_t i = 0; i < WORKERS; i++) {
        stage_pair(stage_session(i, i), pairs[i]);
        peer_close(&pairs[i][0]);
    }
    struct peer client = stage_peer(pairs[0][0].session, WR_ROLE_CLIENT);
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct wr_session_id session = stage_session(i, 10 + i);
        client.session = session;
        peer_join(&client);
        pairs[i][1].session = session;
        peer_join(&pairs[i][1]);
    }
    for (uint64_t sequence = 1; sequence <= 4; sequence++)
        for (uint32_t i = 0; i < WORKERS; i++) {
            client.session = pairs[i][1].session;
            each = forward_of(&client, sequence, train + size);
            size += each;
        }
    send_train(&client, train, size, (uint16_t)each);
    for (uint32_t i = 0; i < WORKERS; i++) {
        for (uint64_t sequence = 1; sequence <= 4; sequence++)
            peer_expect_forward(&pairs[i][1], sequence);
        peer_close(&pairs[i][1]);
    }
    struct rd_worker_snapshot sum = stage_snapshot();
    cr_expect_eq(sum.net.handed_over, 4 * (WORKERS - 1));
    cr_expect_eq(sum.net.handover_full, 0);
    peer_close(&client);
}

/* A worker that does not work: its ring takes what it has room for, and nobody waits for it. */
Test(worker, what_its_owner_does_not_take_in_time_is_backpressure)
{
    enum { ROOM = 2, SENT = 10 };
    uint8_t train[SENT * 64];
    struct rd_worker_snapshot sum;
    size_t size = 0;
    stage.options.packet_queue_capacity = ROOM;
    stage_open(2, false);
    rd_worker_halt(stage.group.workers[1]);
    struct peer peer = stage_peer(stage_session(0, 1), WR_ROLE_CLIENT);
    for (uint64_t i = 0; i <= SENT; i++) {
        if (i == 1) /* the first steers all of them */
            peer.session = stage_session(1, 2);
        size_t each = forward_of(&peer, i, train + size);
        if (i == SENT)
            send_train(&peer, train, size, (uint16_t)each);
        size += each;
    }
    do
        cr_assert_not(rd_workers_snapshot(&stage.group, &sum), "one worker does not answer");
    while (sum.core.counters.packets_rx == 0);
    cr_expect_eq(sum.net.handed_over, ROOM);
    cr_expect_eq(sum.net.handover_full, SENT - 1 - ROOM);
    cr_expect_eq(sum.core.counters.backpressure_dropped_packets, SENT - 1 - ROOM);
    peer_close(&peer);
}

Test(worker, bare_packets_find_the_worker_that_has_their_sender_bound)
{
    uint8_t bare[WR_RIFT_HANDSHAKE_BYTES + 32] = {0};
    static const uint8_t no_session[16];
    stage_open(WORKERS, false);
    wr_rift_encode_handshake(bare, no_session, 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct peer pair[WR_ROLES];
        stage_pair(stage_session(i, i), pair);
        for (uint32_t from = 0; from < WR_ROLES; from++) {
            bare[sizeof bare - 1] = (uint8_t)(10 * i + from);
            peer_send(&pair[from], bare, sizeof bare);
            peer_receive(&pair[1 - from]);
            cr_expect_eq(pair[1 - from].last_bytes, sizeof bare);
            cr_expect_arr_eq(pair[1 - from].last, bare, sizeof bare);
        }
        leave(pair);
    }
    cr_expect_eq(stage_snapshot().core.counters.outcomes[WR_OUTCOME_BARE_FORWARDED], 2 * WORKERS);
}

static uint64_t received(const struct rd_worker_snapshot *snapshot)
{
    return snapshot->batch_size.sum;
}

static uint64_t bare_judged(const struct rd_worker_snapshot *snapshot)
{
    const uint64_t *outcomes = snapshot->core.counters.outcomes;
    return outcomes[WR_OUTCOME_BARE_FORWARDED] + outcomes[WR_OUTCOME_UNKNOWN_PEER] +
           outcomes[WR_OUTCOME_SESSION_NOT_ACTIVE];
}

/* Lease and handshake leave a client together, and are read by two workers. Here the one that has
 * the handshake has read it before the lease is even sent. It waits for a while only, which a busy
 * machine may miss, but not every time. */
Test(worker, a_handshake_that_is_read_before_its_lease_waits_for_it)
{
    enum { TRIES = 50 };
    uint8_t bare[WR_RIFT_HANDSHAKE_BYTES] = {0};
    static const uint8_t no_session[16];
    bool relayed = false;
    stage_open(2, false);
    wr_rift_encode_handshake(bare, no_session, 0);
    for (uint32_t i = 0; i < TRIES && !relayed; i++) {
        struct wr_session_id session = stage_session(1, i);
        struct peer server = stage_peer(session, WR_ROLE_SERVER);
        struct peer client = stage_peer(session, WR_ROLE_CLIENT);
        peer_join(&server);
        peer_send(&client, bare, sizeof bare);
        stage_wait(received, 3 * i + 2);
        peer_join(&client);
        stage_wait(bare_judged, i + 1);
        relayed = !peer_has_nothing(&server);
        peer_close(&server);
        peer_close(&client);
    }
    cr_expect(relayed);
}

Test(worker, a_handshake_of_nobody_is_judged_when_its_time_is_over)
{
    uint8_t bare[WR_RIFT_HANDSHAKE_BYTES] = {0};
    static const uint8_t no_session[16];
    stage.options.core.ip_rate_limit_pps = 1000000;
    stage_open(2, false);
    wr_rift_encode_handshake(bare, no_session, 0);
    struct peer nobody = stage_peer(stage_session(0, 1), WR_ROLE_CLIENT);
    for (uint32_t i = 0; i < 700; i++) /* more than may wait */
        peer_send(&nobody, bare, sizeof bare);
    stage_wait(bare_judged, 700);
    cr_expect_eq(stage_snapshot().core.counters.packets_rx, 700);
    peer_close(&nobody);
}

static uint64_t ambiguous(const struct rd_worker_snapshot *snapshot)
{
    return snapshot->core.counters.outcomes[WR_OUTCOME_BARE_AMBIGUOUS];
}

Test(worker, a_bare_packet_from_an_address_bound_at_two_workers_is_ambiguous)
{
    uint8_t bare[WR_RIFT_HANDSHAKE_BYTES] = {0};
    static const uint8_t no_session[16];
    stage_open(2, false);
    wr_rift_encode_handshake(bare, no_session, 0);
    struct peer pair[WR_ROLES];
    stage_pair(stage_session(0, 1), pair);
    struct peer other = stage_peer(stage_session(1, 2), WR_ROLE_SERVER);
    pair[0].session = other.session;
    peer_join(&pair[0]);
    peer_join(&other);
    peer_send(&pair[0], bare, sizeof bare);
    stage_wait(ambiguous, 1);
    cr_expect(peer_has_nothing(&other) && peer_has_nothing(&pair[1]));
    leave(pair);
    peer_close(&other);
}

Test(worker, the_number_of_sessions_is_limited_over_all_workers)
{
    enum { ROOM = 4, TRIES = 4 * WORKERS };
    struct peer peers[TRIES];
    uint32_t joined = 0, refused = 0;
    stage.options.core.max_sessions = ROOM;
    stage.options.core.load_shed_threshold_pct = 100;
    stage_open(WORKERS, false);
    for (uint32_t i = 0; i < TRIES; i++) {
        peers[i] = stage_peer(stage_session(i % WORKERS, i), WR_ROLE_CLIENT);
        peer_present(&peers[i], NULL);
    }
    for (uint32_t i = 0; i < TRIES; i++) {
        peer_receive(&peers[i]);
        joined += peers[i].last[2] == 0x02;
        refused += peers[i].last[2] == 0x03 && peers[i].last[21] == 4;
        peer_close(&peers[i]);
    }
    cr_expect_eq(joined, ROOM);
    cr_expect_eq(refused, TRIES - ROOM);
}

static uint64_t drained_workers(const struct rd_worker_snapshot *snapshot)
{
    (void)snapshot;
    return atomic_load(&stage.drained);
}

Test(worker, a_drain_ends_where_there_is_nothing_and_waits_where_there_is)
{
    struct peer pair[WR_ROLES];
    stage.options.core.idle_timeout_secs = 2;
    stage_open(WORKERS, false);
    stage_pair(stage_session(1, 1), pair);
    for (uint32_t i = 0; i < WORKERS; i++)
        rd_worker_drain(stage.group.workers[i]);
    stage_wait(drained_workers, WORKERS - 1);
    struct peer late = stage_peer(stage_session(0, 2), WR_ROLE_CLIENT);
    peer_refused(&late, NULL, 4);
    cr_expect(stage_snapshot().core.draining);
    stage_wait(drained_workers, WORKERS);
    cr_expect(stage_snapshot().core.drained);
    leave(pair);
    peer_close(&late);
}
