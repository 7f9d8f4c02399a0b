/*
 * Both kinds of peers against the real relay core, over a network of one delay and no loss but the
 * one a test asks for: what the protocol promises must come out where both sides meet.
 */
#include <criterion/criterion.h>

#include "address.h"
#include "mint.h"

#include <wavry/peer.h>
#include <wavry/relay.h>

#include <sodium.h>
#include <string.h>

#define DELAY_NS      (10 * WR_MS)
#define LEASE_NS      (20 * WR_MS)
#define WALL          UINT64_C(1795000000000)
#define IN_FLIGHT_MAX 4096
#define PEERS         2

enum flight_kind { FLIGHT_TO_RELAY, FLIGHT_FROM_RELAY, FLIGHT_LEASE, FLIGHT_VERIFIED };

struct flight {
    wr_instant due_ns;
    uint64_t number; /* orders what is due together */
    enum flight_kind kind;
    struct wr_address address; /* source on the way to the relay, target on the way from it */
    uint32_t peer;             /* LEASE */
    uint32_t id;               /* VERIFIED */
    int key_index;
    uint32_t size;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

struct end {
    struct flow *flow;
    struct wr_peer *peer;
    enum wr_role role;
    struct wr_address address; /* as the relay sees it */
    wr_instant send_every_ns;  /* 0: no payload */
    wr_instant next_send_ns;
    uint64_t delivered;
    wr_instant last_delivered_ns;
    uint64_t longest_gap_ns; /* since the first delivery, or since it was set to 0 */
    uint32_t wants[8];       /* by enum wr_peer_want */
    uint32_t leases;
    bool asleep;
};

struct flow {
    wr_instant now;
    struct wr_relay_config config;
    struct wr_relay *relay;
    struct wr_address relay_address;
    struct wr_session_id session;
    uint64_t lease_ttl_ms;
    uint8_t public_key[WR_PUBLIC_KEY_BYTES];
    uint8_t secret_key[WR_SECRET_KEY_BYTES];
    struct end ends[PEERS];
    struct flight *flights;
    uint32_t flight_count;
    uint64_t flight_number;
    uint8_t entropy;
    bool relay_is_down;
};

static struct flight *launch(struct flow *flow, enum flight_kind kind, uint64_t after_ns)
{
    cr_assert_lt(flow->flight_count, IN_FLIGHT_MAX);
    struct flight *flight = &flow->flights[flow->flight_count++];
    flight->kind = kind;
    flight->due_ns = flow->now + after_ns;
    flight->number = flow->flight_number++;
    return flight;
}

/* ---- The relay's environment ----------------------------------------------------------------- */

static wr_instant relay_clock(void *context)
{
    return ((struct flow *)context)->now;
}

static uint64_t relay_wall(void *context)
{
    return WALL + ((struct flow *)context)->now / WR_MS;
}

static void some_bytes(void *context, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(((struct flow *)context)->entropy++ * 37u);
}

static void relay_sends(void *context, const struct wr_output *output)
{
    struct flight *flight = launch(context, FLIGHT_FROM_RELAY, DELAY_NS);
    flight->address = output->to;
    flight->size = output->size;
    memcpy(flight->bytes, output->bytes, output->size);
}

static void relay_verifies(void *context, const struct wr_verification *verification)
{
    struct flight *flight = launch(context, FLIGHT_VERIFIED, 64000);
    flight->id = verification->id;
    flight->key_index = -1;
    for (uint32_t i = 0; i < verification->key_count && flight->key_index < 0; i++)
        if (crypto_sign_verify_detached(verification->signature, verification->message,
                                        verification->message_size, verification->keys[i]) == 0)
            flight->key_index = (int)i;
}

static void relay_starts(struct flow *flow)
{
    struct wr_environment environment = {.context = flow,
                                         .monotonic_ns = relay_clock,
                                         .wall_unix_ms = relay_wall,
                                         .entropy = some_bytes,
                                         .send = relay_sends,
                                         .verify = relay_verifies};
    flow->relay = wr_relay_create(&flow->config, &environment);
    cr_assert_not_null(flow->relay);
    cr_assert_eq(wr_relay_key_add(flow->relay, "k1", flow->public_key, WR_KEY_LEARNED), WR_KEY_ADDED);
    flow->relay_is_down = false;
}

static void relay_crashes(struct flow *flow)
{
    wr_relay_destroy(flow->relay);
    flow->relay_is_down = true;
    for (uint32_t i = 0; i < flow->flight_count; i++)
        if (flow->flights[i].kind == FLIGHT_VERIFIED)
            flow->flights[i].due_ns = WR_NEVER;
}

/* ---- A peer's environment -------------------------------------------------------------------- */

static void peer_sends(void *context, const struct wr_address *to, const uint8_t *bytes,
                       uint32_t size)
{
    struct end *end = context;
    cr_assert(wr_address_equal(to, &end->flow->relay_address));
    struct flight *flight = launch(end->flow, FLIGHT_TO_RELAY, DELAY_NS);
    flight->address = end->address;
    flight->size = size;
    memcpy(flight->bytes, bytes, size);
}

static void peer_entropy(void *context, uint8_t *out, size_t bytes)
{
    some_bytes(((struct end *)context)->flow, out, bytes);
}

static void peer_wants_lease(void *context, enum wr_peer_want want, const struct wr_address *avoid)
{
    struct end *end = context;
    (void)avoid;
    end->wants[want]++;
    launch(end->flow, FLIGHT_LEASE, LEASE_NS)->peer = (uint32_t)(end - end->flow->ends);
}

static void peer_delivers(void *context, const struct wr_peer_delivery *delivery)
{
    struct end *end = context;
    uint64_t gap_ns = end->delivered == 0 ? 0 : end->flow->now - end->last_delivered_ns;
    (void)delivery;
    end->delivered++;
    end->last_delivered_ns = end->flow->now;
    if (gap_ns > end->longest_gap_ns)
        end->longest_gap_ns = gap_ns;
}

static bool peer_recalls(void *context, uint64_t sequence, uint8_t *body, uint32_t body_bytes)
{
    (void)context;
    (void)sequence;
    memset(body, 0x42, body_bytes);
    return true;
}

static void give_lease(struct flow *flow, struct end *end)
{
    struct wr_mint_texts texts;
    char token[WR_TOKEN_TEXT_BYTES_MAX];
    uint64_t wall = relay_wall(flow);
    struct wr_mint mint =
        wr_mint_lease(&texts, end->role == WR_ROLE_CLIENT ? "alice" : "bob", &flow->session,
                      end->role, flow->config.relay_id, "k1", wall, flow->lease_ttl_ms);
    uint32_t bytes = wr_mint_token(&mint, flow->secret_key, token, sizeof token);
    struct wr_peer_lease lease = {.relay = flow->relay_address,
                                  .token = (const uint8_t *)token,
                                  .token_bytes = bytes,
                                  .lifetime_ns = flow->lease_ttl_ms * WR_MS,
                                  .expires_unix_ms = wall + flow->lease_ttl_ms};
    end->leases++;
    cr_assert(wr_peer_lease(end->peer, flow->now, &lease));
}

/* ---- The run --------------------------------------------------------------------------------- */

static void open_flow(struct flow *flow, enum wr_peer_behaviour behaviour, enum wr_peer_form form)
{
    static const struct wr_peer_environment environment = {.send = peer_sends,
                                                           .entropy = peer_entropy,
                                                           .lease_wanted = peer_wants_lease,
                                                           .delivered = peer_delivers,
                                                           .recall = peer_recalls};
    static const uint8_t seed[32] = {7};
    static struct flight flights[IN_FLIGHT_MAX];
    memset(flow, 0, sizeof *flow);
    flow->flights = flights;
    flow->lease_ttl_ms = 900000;
    flow->relay_address = wr_address_v4((const uint8_t[]){198, 51, 100, 1}, 4000);
    memset(flow->session.bytes, 0x3c, sizeof flow->session.bytes);
    wr_mint_keypair(seed, flow->public_key, flow->secret_key);
    wr_relay_config_default(&flow->config);
    flow->config.relay_id = "relay-a";
    flow->config.verify_rate = 10000;
    relay_starts(flow);
    for (uint32_t i = 0; i < PEERS; i++) {
        struct end *end = &flow->ends[i];
        struct wr_peer_config config;
        wr_peer_config_default(&config);
        config.behaviour = behaviour;
        config.form = form;
        config.session = flow->session;
        config.role = end->role = i == 0 ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
        end->flow = flow;
        end->address = wr_address_v4((const uint8_t[]){203, 0, 113, (uint8_t)(10 + i)}, 5000);
        end->peer = wr_peer_create(&config, &environment, end);
        cr_assert_not_null(end->peer);
    }
    /* The host first: a client of 0.0.5 has only so much patience. */
    wr_peer_start(flow->ends[1].peer, 0);
    wr_peer_start(flow->ends[0].peer, 0);
}

static void close_flow(struct flow *flow)
{
    for (uint32_t i = 0; i < PEERS; i++)
        wr_peer_destroy(flow->ends[i].peer);
    if (!flow->relay_is_down)
        wr_relay_destroy(flow->relay);
}

static void stream(struct end *end, uint64_t every_ms)
{
    end->send_every_ns = every_ms * WR_MS;
    end->next_send_ns = end->flow->now;
}

static struct flight take_flight(struct flow *flow, uint32_t at)
{
    struct flight flight = flow->flights[at];
    flow->flights[at] = flow->flights[--flow->flight_count];
    return flight;
}

static void land(struct flow *flow, const struct flight *flight)
{
    struct wr_datagram datagram = {
        .from = flight->address, .bytes = flight->bytes, .size = flight->size, .tag = 1};
    switch (flight->kind) {
    case FLIGHT_TO_RELAY:
        if (!flow->relay_is_down)
            wr_relay_receive(flow->relay, &datagram, 1);
        break;
    case FLIGHT_FROM_RELAY:
        for (uint32_t i = 0; i < PEERS; i++)
            if (wr_address_equal(&flow->ends[i].address, &flight->address) && !flow->ends[i].asleep)
                wr_peer_receive(flow->ends[i].peer, flow->now, &flow->relay_address, flight->bytes,
                                flight->size);
        break;
    case FLIGHT_LEASE:
        give_lease(flow, &flow->ends[flight->peer]);
        break;
    case FLIGHT_VERIFIED:
        wr_relay_verified(flow->relay, flight->id, flight->key_index);
        break;
    }
}

static wr_instant earlier(wr_instant a, wr_instant b)
{
    return a < b ? a : b;
}

static uint32_t next_flight(const struct flow *flow)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < flow->flight_count; i++)
        if (flow->flights[i].due_ns < flow->flights[best].due_ns ||
            (flow->flights[i].due_ns == flow->flights[best].due_ns &&
             flow->flights[i].number < flow->flights[best].number))
            best = i;
    return best;
}

static void act_at_end(struct end *end)
{
    static const uint8_t body[100] = {0x42};
    uint64_t sequence;
    if (end->asleep)
        return;
    wr_peer_on_deadline(end->peer, end->flow->now);
    if (end->send_every_ns > 0 && end->next_send_ns <= end->flow->now) {
        wr_peer_send(end->peer, end->flow->now, body, sizeof body, &sequence);
        end->next_send_ns = end->flow->now + end->send_every_ns;
    }
}

static void run(struct flow *flow, uint64_t until_ms)
{
    for (;;) {
        uint32_t at = next_flight(flow);
        wr_instant due = flow->flight_count > 0 ? flow->flights[at].due_ns : WR_NEVER;
        wr_instant next = due;
        if (!flow->relay_is_down)
            next = earlier(next, wr_relay_next_deadline(flow->relay));
        for (uint32_t i = 0; i < PEERS; i++) {
            const struct end *end = &flow->ends[i];
            if (end->asleep)
                continue;
            next = earlier(next, wr_peer_next_deadline(end->peer));
            if (end->send_every_ns > 0)
                next = earlier(next, end->next_send_ns);
        }
        if (next > until_ms * WR_MS)
            break;
        flow->now = next > flow->now ? next : flow->now;
        if (due <= flow->now) {
            struct flight flight = take_flight(flow, at);
            land(flow, &flight);
        }
        if (!flow->relay_is_down)
            wr_relay_on_deadline(flow->relay);
        for (uint32_t i = 0; i < PEERS; i++)
            act_at_end(&flow->ends[i]);
    }
    flow->now = until_ms * WR_MS;
}

static struct wr_snapshot snapshot(const struct flow *flow)
{
    struct wr_snapshot snapshot;
    wr_relay_snapshot(flow->relay, &snapshot);
    return snapshot;
}

/* Both stream; everything is in order at 2 s, from where gaps are counted. */
static void open_streaming(struct flow *flow, enum wr_peer_form form)
{
    open_flow(flow, WR_PEER_ROBUST, form);
    run(flow, 500);
    for (uint32_t i = 0; i < PEERS; i++)
        stream(&flow->ends[i], 20);
    run(flow, 2000);
    for (uint32_t i = 0; i < PEERS; i++) {
        cr_assert_eq(wr_peer_state(flow->ends[i].peer), WR_PEER_BOUND);
        cr_assert_gt(flow->ends[i].delivered, 60);
        flow->ends[i].longest_gap_ns = 0;
    }
}

static void expect_served(struct flow *flow, uint64_t gap_ms)
{
    for (uint32_t i = 0; i < PEERS; i++) {
        cr_expect_leq(flow->ends[i].longest_gap_ns, gap_ms * WR_MS, "peer %u: %u ms", i,
                      (unsigned)(flow->ends[i].longest_gap_ns / WR_MS));
        cr_expect_leq(flow->now - flow->ends[i].last_delivered_ns, 100 * WR_MS, "peer %u", i);
    }
}

/* ---- Robust peers ---------------------------------------------------------------------------- */

Test(peer_flow, two_robust_peers_are_served_without_a_gap)
{
    for (int form = WR_PEER_OPAQUE; form <= WR_PEER_RIFT; form++) {
        struct flow flow;
        open_streaming(&flow, (enum wr_peer_form)form);
        run(&flow, 20000);
        expect_served(&flow, 25);
        struct wr_snapshot now = snapshot(&flow);
        cr_expect_eq(now.counters.dropped_packets, 0);
        cr_expect_eq(now.counters.nat_rebind_events, 0);
        cr_expect_eq(flow.ends[0].leases, 1);
        close_flow(&flow);
    }
}

Test(peer_flow, one_who_only_listens_gives_receipts)
{
    struct flow flow;
    open_flow(&flow, WR_PEER_ROBUST, WR_PEER_OPAQUE);
    run(&flow, 500);
    stream(&flow.ends[1], 20);
    run(&flow, 30000);
    cr_expect_eq(flow.ends[1].wants[WR_PEER_WANT_FRUITLESS], 0);
    cr_expect_eq(snapshot(&flow).counters.outcomes[WR_OUTCOME_STALE_RECEIVER], 0);
    cr_expect_gt(flow.ends[0].delivered, 1470);
    close_flow(&flow);
}

Test(peer_flow, leases_are_renewed_without_a_gap)
{
    struct flow flow;
    open_flow(&flow, WR_PEER_ROBUST, WR_PEER_OPAQUE);
    flow.lease_ttl_ms = 20000;
    run(&flow, 500);
    stream(&flow.ends[0], 20);
    stream(&flow.ends[1], 20);
    run(&flow, 100000);
    expect_served(&flow, 25);
    cr_expect_geq(flow.ends[0].wants[WR_PEER_WANT_RENEWAL], 9);
    cr_expect_eq(snapshot(&flow).counters.verdicts[WR_VERDICT_NEWER_TOKEN],
                 (uint64_t)flow.ends[0].leases + flow.ends[1].leases - 2);
    close_flow(&flow);
}

Test(peer_flow, a_shortened_lease_lives_on_by_bare_renews)
{
    struct flow flow;
    open_flow(&flow, WR_PEER_ROBUST, WR_PEER_OPAQUE);
    wr_relay_destroy(flow.relay);
    flow.config.lease_duration_secs = 10;
    flow.config.max_clock_skew_secs = 0;
    relay_starts(&flow);
    run(&flow, 500);
    stream(&flow.ends[0], 20);
    stream(&flow.ends[1], 20);
    run(&flow, 60000);
    expect_served(&flow, 25);
    cr_expect_eq(flow.ends[0].leases, 1);
    close_flow(&flow);
}

Test(peer_flow, a_rebind_in_mid_stream_costs_under_3_s)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    flow.ends[0].address.port = 6000;
    run(&flow, 10000);
    expect_served(&flow, 3000);
    cr_expect_eq(snapshot(&flow).counters.nat_rebind_events, 1);
    cr_expect_eq(flow.ends[0].leases, 1, "the old lease was good enough");
    close_flow(&flow);
}

Test(peer_flow, moving_to_another_network_costs_under_3_s)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_RIFT);
    flow.ends[1].address = wr_address_v4((const uint8_t[]){192, 0, 2, 77}, 7000);
    run(&flow, 10000);
    expect_served(&flow, 3000);
    struct wr_snapshot now = snapshot(&flow);
    cr_expect_eq(now.counters.promotions_by_cookie, 1);
    cr_expect_eq(now.counters.outcomes[WR_OUTCOME_PATH_CAPPED], 0, "a cookie has proven it");
    close_flow(&flow);
}

Test(peer_flow, both_may_move_at_once)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    flow.ends[0].address.port = 6000;
    flow.ends[1].address.port = 6001;
    run(&flow, 10000);
    expect_served(&flow, 3000);
    close_flow(&flow);
}

Test(peer_flow, a_relay_that_restarts_with_its_id_is_found_again)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    relay_crashes(&flow);
    run(&flow, 3000);
    relay_starts(&flow);
    run(&flow, 12000);
    expect_served(&flow, 5000);
    cr_expect_eq(flow.ends[0].leases, 1, "leases survive a restart");
    cr_expect_eq(snapshot(&flow).sessions_active, 1);
    close_flow(&flow);
}

Test(peer_flow, a_poisoned_window_is_emptied_by_a_new_lease)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    for (uint64_t i = 0; i < 3; i++) {
        struct flight *forged = launch(&flow, FLIGHT_TO_RELAY, 0);
        forged->address = flow.ends[0].address;
        forged->size = wr_wire_encode_sequence(forged->bytes, sizeof forged->bytes, &flow.session,
                                               1000000000 + i, (const uint8_t *)"poison", 6);
    }
    run(&flow, 12000);
    cr_expect_geq(flow.ends[0].wants[WR_PEER_WANT_FRUITLESS], 1);
    expect_served(&flow, 4000);
    close_flow(&flow);
}

Test(peer_flow, a_restarted_peer_is_served_again_from_sequence_0)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    run(&flow, 3000);
    wr_peer_restart(flow.ends[0].peer, flow.now);
    run(&flow, 8000);
    expect_served(&flow, 200);
    cr_expect_eq(flow.ends[0].wants[WR_PEER_WANT_RESTART], 1);
    close_flow(&flow);
}

Test(peer_flow, one_who_slept_speaks_first_and_is_served_at_once)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    run(&flow, 3000);
    flow.ends[0].asleep = true;
    run(&flow, 48000);
    flow.ends[0].asleep = false;
    flow.ends[0].next_send_ns = flow.now;
    flow.ends[0].longest_gap_ns = flow.ends[1].longest_gap_ns = 0;
    flow.ends[0].last_delivered_ns = flow.ends[1].last_delivered_ns = flow.now;
    run(&flow, 55000);
    expect_served(&flow, 500);
    close_flow(&flow);
}

Test(peer_flow, who_leaves_releases_and_the_last_one_ends_the_session)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    wr_peer_leave(flow.ends[0].peer, flow.now);
    flow.ends[0].send_every_ns = flow.ends[1].send_every_ns = 0;
    run(&flow, 2200);
    cr_expect_eq(snapshot(&flow).sessions_waiting, 1);
    wr_peer_leave(flow.ends[1].peer, flow.now);
    run(&flow, 2400);
    cr_expect_eq(snapshot(&flow).sessions_waiting, 0);
    cr_expect_eq(snapshot(&flow).counters.sessions_released, 1);
    close_flow(&flow);
}

Test(peer_flow, a_banned_peer_gives_up_and_stays_away)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    cr_assert(wr_relay_ban(flow.relay, "alice", 5));
    run(&flow, 10000);
    cr_expect_eq(wr_peer_state(flow.ends[0].peer), WR_PEER_GAVE_UP);
    cr_expect_neq(wr_peer_state(flow.ends[1].peer), WR_PEER_GAVE_UP);
    close_flow(&flow);
}

Test(peer_flow, a_draining_relay_tells_its_peers_to_ask_for_another)
{
    struct flow flow;
    open_streaming(&flow, WR_PEER_OPAQUE);
    flow.ends[1].send_every_ns = 0;
    wr_relay_drain(flow.relay);
    run(&flow, 12000);
    cr_expect_gt(flow.ends[0].wants[WR_PEER_WANT_OTHER_RELAY] +
                     flow.ends[1].wants[WR_PEER_WANT_OTHER_RELAY],
                 0);
    close_flow(&flow);
}

/* ---- Upstream peers -------------------------------------------------------------------------- */

Test(peer_flow, two_upstream_peers_shake_hands_and_stream)
{
    struct flow flow;
    open_flow(&flow, WR_PEER_UPSTREAM, WR_PEER_RIFT);
    run(&flow, 1000);
    cr_assert_eq(wr_peer_state(flow.ends[0].peer), WR_PEER_BOUND);
    cr_assert_eq(wr_peer_state(flow.ends[1].peer), WR_PEER_BOUND);
    cr_expect_eq(snapshot(&flow).counters.outcomes[WR_OUTCOME_BARE_FORWARDED], 3);
    stream(&flow.ends[1], 5);
    run(&flow, 20000);
    cr_expect_gt(flow.ends[0].delivered, 3700);
    cr_expect_leq(flow.ends[0].longest_gap_ns, 10 * WR_MS);
    cr_expect_eq(wr_peer_counters(flow.ends[0].peer)->presents_sent, 1);
    cr_expect_eq(snapshot(&flow).counters.replay_dropped_packets, 0);
    close_flow(&flow);
}

Test(peer_flow, a_lost_video_packet_is_asked_for_and_repeated)
{
    struct flow flow;
    open_flow(&flow, WR_PEER_UPSTREAM, WR_PEER_RIFT);
    run(&flow, 1000);
    stream(&flow.ends[1], 5);
    run(&flow, 2000);
    uint64_t before = flow.ends[0].delivered;
    for (uint32_t i = 0; i < flow.flight_count; i++)
        if (flow.flights[i].kind == FLIGHT_FROM_RELAY && flow.flights[i].size > 100) {
            flow.flights[i].due_ns = WR_NEVER;
            break;
        }
    run(&flow, 3000);
    cr_expect_eq(wr_peer_counters(flow.ends[1].peer)->repeats_sent, 1);
    cr_expect_geq(flow.ends[0].delivered, before + 199);
    close_flow(&flow);
}

Test(peer_flow, an_upstream_client_survives_a_rebind_by_its_forwards)
{
    struct flow flow;
    open_flow(&flow, WR_PEER_UPSTREAM, WR_PEER_RIFT);
    run(&flow, 1000);
    stream(&flow.ends[1], 5);
    run(&flow, 5000);
    flow.ends[0].longest_gap_ns = 0;
    flow.ends[0].address.port = 6000;
    run(&flow, 12000);
    cr_expect_leq(flow.ends[0].longest_gap_ns, 3 * WR_S);
    cr_expect_eq(snapshot(&flow).counters.promotions_by_forward, 1);
    close_flow(&flow);
}
