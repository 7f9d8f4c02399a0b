#include "peer_stage.h"

#include <criterion/criterion.h>

#include <sodium.h>
#include <string.h>

#define DELAY_NS (10 * WR_MS)
#define LEASE_NS (20 * WR_MS)
#define WALL     UINT64_C(1795000000000)

struct flight *flow_launch(struct flow *flow, enum flight_kind kind, uint64_t after_ns)
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
    struct flight *flight = flow_launch(context, FLIGHT_FROM_RELAY, DELAY_NS);
    flight->address = output->to;
    flight->size = output->size;
    memcpy(flight->bytes, output->bytes, output->size);
}

static void relay_verifies(void *context, const struct wr_verification *verification)
{
    struct flight *flight = flow_launch(context, FLIGHT_VERIFIED, 64000);
    flight->id = verification->id;
    flight->key_index = -1;
    for (uint32_t i = 0; i < verification->key_count && flight->key_index < 0; i++)
        if (crypto_sign_verify_detached(verification->signature, verification->message,
                                        verification->message_size, verification->keys[i]) == 0)
            flight->key_index = (int)i;
}

void flow_relay_starts(struct flow *flow)
{
    struct wr_environment environment = {.context = flow,
                                         .monotonic_ns = relay_clock,
                                         .wall_unix_ms = relay_wall,
                                         .entropy = some_bytes,
                                         .send = relay_sends,
                                         .verify = relay_verifies};
    flow->relay = wr_relay_create(&flow->config, &environment);
    cr_assert_not_null(flow->relay);
    cr_assert_eq(wr_relay_key_add(flow->relay, "k1", flow->public_key, false), WR_KEY_ADDED);
    flow->relay_is_down = false;
}

void flow_relay_crashes(struct flow *flow)
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
    struct flight *flight = flow_launch(end->flow, FLIGHT_TO_RELAY, DELAY_NS);
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
    flow_launch(end->flow, FLIGHT_LEASE, LEASE_NS)->peer = (uint32_t)(end - end->flow->ends);
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

void flow_open(struct flow *flow, enum wr_peer_behaviour behaviour, enum wr_peer_form form)
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
    flow_relay_starts(flow);
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
    wr_peer_start(flow->ends[1].peer, 0);
    wr_peer_start(flow->ends[0].peer, 0);
}

void flow_close(struct flow *flow)
{
    for (uint32_t i = 0; i < PEERS; i++)
        wr_peer_destroy(flow->ends[i].peer);
    if (!flow->relay_is_down)
        wr_relay_destroy(flow->relay);
}

void flow_stream(struct end *end, uint64_t every_ms)
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

void flow_run(struct flow *flow, uint64_t until_ms)
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

struct wr_snapshot flow_snapshot(const struct flow *flow)
{
    struct wr_snapshot snapshot;
    wr_relay_snapshot(flow->relay, &snapshot);
    return snapshot;
}

void flow_open_streaming(struct flow *flow, enum wr_peer_form form)
{
    flow_open(flow, WR_PEER_ROBUST, form);
    flow_run(flow, 500);
    for (uint32_t i = 0; i < PEERS; i++)
        flow_stream(&flow->ends[i], 20);
    flow_run(flow, 2000);
    for (uint32_t i = 0; i < PEERS; i++) {
        cr_assert_eq(wr_peer_state(flow->ends[i].peer), WR_PEER_BOUND);
        cr_assert_gt(flow->ends[i].delivered, 60);
        flow->ends[i].longest_gap_ns = 0;
    }
}

void flow_expect_served(struct flow *flow, uint64_t gap_ms)
{
    for (uint32_t i = 0; i < PEERS; i++) {
        cr_expect_leq(flow->ends[i].longest_gap_ns, gap_ms * WR_MS, "peer %u: %u ms", i,
                      (unsigned)(flow->ends[i].longest_gap_ns / WR_MS));
        cr_expect_leq(flow->now - flow->ends[i].last_delivered_ns, 100 * WR_MS, "peer %u", i);
    }
}
