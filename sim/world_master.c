/*
 * Requests to masters and their answers. A request arrives at once, the answer takes as long as the
 * master says; what an answer finds when it comes is for its receiver to see.
 */
#include "world.h"

#include <address.h>

#include <stdlib.h>
#include <string.h>

/* Section 2: the longest lease that a relay believes in, and the least limit. */
#define HORIZON_MS    3600000
#define SOFT_KBPS_MIN 1000

bool world_masters_build(struct world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    for (uint32_t i = 0; i < scenario->master_count; i++) {
        const struct sim_master_spec *spec = &scenario->masters[i];
        struct world_master *master = &world->masters[i];
        master->source = sim_queue_source(&world->queue);
        master->has_published = world_zeroed(scenario->key_count, sizeof *master->has_published);
        master->has_published[spec->publishes] = true;
        master->signs_with = spec->signs_with;
        master->master = sim_master_create(scenario, i, world->seed);
        if (master->master == NULL) {
            return false;
        }
        sim_clock_init(&master->clock, scenario->start_unix_ms, spec->clock.offset_ms,
                       spec->clock.drift_ppb);
    }
    return true;
}

void world_masters_free(struct world *world)
{
    for (uint32_t i = 0; world->masters != NULL && i < world->scenario->master_count; i++) {
        sim_master_destroy(world->masters[i].master);
        free(world->masters[i].has_published);
    }
    for (uint32_t i = 0; i < world->exchange_capacity; i++) {
        free(world->exchanges[i]);
    }
    free(world->exchanges);
}

void world_master_sign_with(struct world *world, uint32_t master, uint32_t key)
{
    world->masters[master].signs_with = key;
    sim_master_sign_with(world->masters[master].master, key);
}

void world_master_publish(struct world *world, uint32_t master, uint32_t key)
{
    world->masters[master].has_published[key] = true;
    sim_master_publish(world->masters[master].master, key);
}

static void answer_later(struct world *world, uint32_t master, uint64_t delay_ns,
                         struct world_exchange *exchange)
{
    uint32_t place = 0;
    while (place < world->exchange_capacity && world->exchanges[place] != NULL) {
        place++;
    }
    if (place == world->exchange_capacity) {
        uint32_t capacity = place > 0 ? 2 * place : 16;
        world->exchanges = world_resized(world->exchanges, capacity, sizeof *world->exchanges);
        memset(world->exchanges + place, 0, (capacity - place) * sizeof *world->exchanges);
        world->exchange_capacity = capacity;
    }
    world->exchanges[place] = exchange;
    sim_queue_push(&world->queue, wr_after(sim_queue_now_ns(&world->queue), delay_ns),
                   WORLD_CLASS_MASTER, world->masters[master].source, WORLD_MASTER_ANSWER, place);
}

void world_master_on_answer(struct world *world, uint32_t place)
{
    struct world_exchange *exchange = world->exchanges[place];
    world->exchanges[place] = NULL;
    if (exchange->relay != NULL) {
        world_relay_answer(exchange->relay, exchange->process, exchange->request,
                           &exchange->answer);
    } else if (exchange->granted) {
        world_end_lease(exchange->end, &exchange->token);
    } else {
        world_end_no_lease(exchange->end, false);
    }
    free(exchange);
}

void world_master_request(struct world_relay *relay, const struct wr_master_request *request)
{
    static const enum sim_request kinds[] = {
        [WR_MASTER_REGISTER] = SIM_REQUEST_REGISTER,
        [WR_MASTER_HEARTBEAT] = SIM_REQUEST_HEARTBEAT,
        [WR_MASTER_KEY] = SIM_REQUEST_WELL_KNOWN,
    };
    struct world *world = relay->world;
    uint32_t index = relay->spec->master;
    struct sim_master_reply reply = sim_master_request(
        world->masters[index].master, sim_queue_now_ns(&world->queue), relay->index, request);
    sim_hash_word(&world->hash, (uint64_t)relay->index << 8 | (unsigned)request->kind);
    world_observe_request(world, index, kinds[request->kind], relay->index, SIM_NONE);
    if (reply.answered) {
        struct world_exchange *exchange = world_zeroed(1, sizeof *exchange);
        exchange->relay = relay;
        exchange->process = relay->process;
        exchange->request = request->id;
        exchange->answer = reply.answer;
        answer_later(world, index, reply.delay_ns, exchange);
    }
}

const struct sim_relay_spec *world_end_relay(const struct world_end *end)
{
    const struct world *world = end->world;
    return &world->scenario->relays[world->session_relays[end->session]];
}

/* The session goes to the next relay of the same issuer that is assigned, if there is one. The
 * other end follows when it asks. */
static void leave_relay(struct world_end *end, const struct wr_address *avoid)
{
    struct world *world = end->world;
    const struct sim_scenario *scenario = world->scenario;
    uint32_t current = world->session_relays[end->session];
    if (!wr_address_equal(&scenario->relays[current].address, avoid)) {
        return; /* the other end has asked before */
    }
    for (uint32_t step = 1; step < scenario->relay_count; step++) {
        uint32_t next = (current + step) % scenario->relay_count;
        uint32_t master = scenario->relays[next].master;
        if (scenario->relays[next].issuer == scenario->relays[current].issuer &&
            (master == SIM_NONE ||
             sim_master_assigns(sim_master_standing(world->masters[master].master,
                                                    sim_queue_now_ns(&world->queue), next)))) {
            world->session_relays[end->session] = next;
            return;
        }
    }
}

/* It claims what an honest lease of this session, role and relay does. */
static bool claims_are_honest(const struct sim_lease_spec *spec)
{
    return spec->issued_offset_ms == 0 && spec->not_before_offset_ms == 0 &&
           spec->key == SIM_NONE && spec->kid == NULL && spec->relay_id == NULL &&
           spec->identity == NULL && spec->session_name == NULL && !spec->role_given &&
           !spec->signature_spoiled;
}

/* How far the clock of a session's relay is ahead of its master's. */
static int64_t relay_ahead_ms(const struct world_end *end)
{
    const struct world *world = end->world;
    const struct world_relay *relay = &world->relays[world->session_relays[end->session]];
    const struct world_master *master = &world->masters[relay->spec->issuer];
    wr_instant now = sim_queue_now_ns(&world->queue);
    return (int64_t)sim_clock_unix_ms(&relay->clock, now) -
           (int64_t)sim_clock_unix_ms(&master->clock, now);
}

static int64_t skew_ms(const struct world_end *end)
{
    return (int64_t)world_end_relay(end)->config.max_clock_skew_secs * 1000;
}

bool world_master_clock_is_right(const struct world_end *end)
{
    int64_t ahead_ms = relay_ahead_ms(end);
    return ahead_ms <= skew_ms(end) && -ahead_ms <= skew_ms(end);
}

/* Its holder may count on being served with it: the relay must accept it (section 2, the claims'
 * form and checks 5 to 10), now and, as clocks go on, later. */
static bool is_honest(const struct world_end *end, const struct sim_lease_request *request)
{
    const struct sim_lease_spec *spec = request->spec;
    bool differs = spec->scope == SIM_LEASE_ALL || request->first;
    int64_t horizon_ms = HORIZON_MS + skew_ms(end) + relay_ahead_ms(end);
    return world_master_clock_is_right(end) && (!differs || claims_are_honest(spec)) &&
           (int64_t)(spec->ttl_ns / WR_MS) <= horizon_ms && spec->soft_kbps >= SOFT_KBPS_MIN &&
           spec->hard_kbps >= spec->soft_kbps;
}

/* The lease it holds, once more: for a peer that restarts and has kept it. */
static void give_again(struct world_end *end, uint32_t master)
{
    struct world_exchange *exchange = world_zeroed(1, sizeof *exchange);
    exchange->end = end;
    exchange->granted = true;
    exchange->token = *end->current;
    exchange->token.is_repeat = true;
    answer_later(end->world, master, 0, exchange);
}

void world_master_ask_lease(struct world_end *end, const struct wr_address *avoid)
{
    struct world *world = end->world;
    const struct sim_session_spec *session = &world->scenario->sessions[end->session];
    const struct sim_peer_spec *peer = &world->scenario->peers[end->peer];
    wr_instant now = sim_queue_now_ns(&world->queue);
    if (avoid != NULL) {
        leave_relay(end, avoid);
    }
    uint32_t index = world_end_relay(end)->issuer;
    struct world_master *master = &world->masters[index];
    if (end->keeps_lease) {
        end->keeps_lease = false;
        give_again(end, index);
        return;
    }
    const struct sim_lease_request request = {
        .identity = peer->identity,
        .session = &session->id,
        .role = end->role,
        .relay = world->session_relays[end->session],
        .spec = &session->lease[end->role],
        .first = end->leases_given == 0,
        .wall_unix_ms = sim_clock_unix_ms(&master->clock, now),
    };
    struct sim_lease_reply reply;
    sim_master_lease(master->master, now, &request, &reply);
    world_observe_request(world, index, SIM_REQUEST_LEASE, SIM_NONE, end->peer);
    if (reply.result == SIM_LEASE_NOT_ANSWERED) {
        return;
    }
    struct world_exchange *exchange = world_zeroed(1, sizeof *exchange);
    exchange->end = end;
    exchange->granted = reply.result == SIM_LEASE_GRANTED &&
                        reply.token_bytes <= WR_PEER_TOKEN_BYTES_MAX && reply.token_bytes > 0;
    if (exchange->granted) {
        memcpy(exchange->token.bytes, reply.token, reply.token_bytes);
        exchange->token.size = reply.token_bytes;
        exchange->token.expires_unix_ms = reply.expires_unix_ms;
        exchange->token.until_ns = wr_after(now, reply.lifetime_ns);
        exchange->token.is_honest = is_honest(end, &request);
    }
    answer_later(world, index, reply.delay_ns, exchange);
}

uint32_t world_master_sign_for(struct world *world, const struct sim_attacker_spec *attacker,
                               const struct wr_session_id *session, uint8_t *out, uint32_t capacity)
{
    static const struct sim_lease_spec honest = {
        .ttl_ns = 900 * WR_S,
        .has_issued = true,
        .has_not_before = true,
        .soft_kbps = 50000,
        .hard_kbps = 100000,
        .key = SIM_NONE,
    };
    struct world_master *master = &world->masters[world->scenario->relays[attacker->relay].issuer];
    wr_instant now = sim_queue_now_ns(&world->queue);
    const struct sim_lease_request request = {
        .identity = attacker->name,
        .session = session,
        .role = attacker->role,
        .relay = attacker->relay,
        .spec = &honest,
        .wall_unix_ms = sim_clock_unix_ms(&master->clock, now),
    };
    struct sim_lease_reply reply;
    sim_master_lease(master->master, now, &request, &reply);
    if (reply.result != SIM_LEASE_GRANTED || reply.token_bytes > capacity) {
        return 0;
    }
    memcpy(out, reply.token, reply.token_bytes);
    return reply.token_bytes;
}
