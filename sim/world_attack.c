/*
 * Attackers in the world: their addresses, what passes before their eyes, and what they send.
 */
#include "world.h"

#include <address.h>

#include <string.h>

static wr_instant now_of(const struct world *world)
{
    return sim_queue_now_ns(&world->queue);
}

static void send(void *context, const struct wr_address *from, const uint8_t *bytes, uint32_t size)
{
    struct world_attacker *attacker = context;
    struct world *world = attacker->world;
    struct sim_datagram *datagram =
        sim_datagram_make(world->packets, sim_content_make(world->packets, bytes, size));
    datagram->from = *from;
    datagram->to = world->scenario->relays[attacker->spec->relay].address;
    datagram->sender = world_attacker_endpoint(world, attacker->index);
    sim_net_send(world->net, now_of(world), attacker->node, datagram);
}

static uint32_t valid_token(void *context, const struct wr_session_id *session, uint8_t *out,
                            uint32_t capacity)
{
    struct world_attacker *attacker = context;
    return world_master_sign_for(attacker->world, attacker->spec, session, out, capacity);
}

static struct wr_address victim_address(void *context)
{
    struct world_attacker *attacker = context;
    struct world *world = attacker->world;
    if (attacker->spec->victim == SIM_NONE) {
        return attacker->spec->address;
    }
    return world_peer_public(world, attacker->spec->victim,
                             &world->scenario->relays[attacker->spec->relay].address);
}

static const char *kid_of_issuer(const struct world *world, uint32_t relay)
{
    const struct sim_scenario *scenario = world->scenario;
    uint32_t master = scenario->relays[relay].issuer;
    return master == SIM_NONE ? "" : scenario->keys[scenario->masters[master].signs_with].kid;
}

static void place_in_network(struct world_attacker *attacker)
{
    struct world *world = attacker->world;
    const struct sim_attacker_spec *spec = attacker->spec;
    uint32_t up = world_add_link(world, spec->link, spec->name, "up");
    uint32_t down = world_add_link(world, spec->link, spec->name, "down");
    attacker->node = sim_net_add_endpoint(world->net, SIM_NET_CORE, up, down, &spec->address,
                                          world_attacker_endpoint(world, attacker->index));
    if (spec->sources > 1) {
        struct wr_address last = sim_address_plus(&spec->address, spec->sources - 1);
        if (sim_attacker_owns(attacker->core, &last)) {
            sim_net_add_addresses(world->net, attacker->node, &spec->address, spec->sources);
        }
    }
}

static bool build(struct world *world, uint32_t index)
{
    const struct sim_scenario *scenario = world->scenario;
    const struct sim_attacker_spec *spec = &scenario->attackers[index];
    const struct sim_attacker_environment environment = {
        .context = &world->attackers[index],
        .send = send,
        .valid_token = valid_token,
        .victim_address = victim_address,
    };
    const struct sim_attacker_target target = {
        .relay_id = scenario->relays[spec->relay].config.relay_id,
        .kid = kid_of_issuer(world, spec->relay),
        /* Claims that it forges must name some session to be worth a signature. */
        .session = spec->session == SIM_NONE ? sim_session_id(spec->name)
                                             : scenario->sessions[spec->session].id,
        .wall_unix_ms = scenario->start_unix_ms,
    };
    struct world_attacker *attacker = &world->attackers[index];
    attacker->world = world;
    attacker->spec = spec;
    attacker->index = index;
    attacker->timer = world_timer(world);
    attacker->core = sim_attacker_create(spec, &target, &environment, world->seed);
    if (attacker->core == NULL) {
        return false;
    }
    place_in_network(attacker);
    sim_truth_peer(world->truth, world_attacker_endpoint(world, index), spec->name);
    world->watchers += spec->session != SIM_NONE ? 1u : 0u;
    if (spec->start_ns != WR_NEVER) {
        sim_queue_push(&world->queue, spec->start_ns, WORLD_CLASS_TIMELINE, world->source,
                       WORLD_FAULT, 1);
        if (spec->stop_ns != WR_NEVER) {
            sim_queue_push(&world->queue, spec->stop_ns, WORLD_CLASS_TIMELINE, world->source,
                           WORLD_FAULT, 0);
        }
    }
    world_attacker_rearm(attacker);
    return true;
}

bool world_attackers_build(struct world *world)
{
    for (uint32_t i = 0; i < world->scenario->attacker_count; i++) {
        if (!build(world, i)) {
            return false;
        }
    }
    return true;
}

void world_attackers_free(struct world *world)
{
    for (uint32_t i = 0; world->attackers != NULL && i < world->scenario->attacker_count; i++) {
        sim_attacker_destroy(world->attackers[i].core);
    }
}

void world_attacker_rearm(struct world_attacker *attacker)
{
    world_arm(attacker->world, &attacker->timer, sim_attacker_next_deadline(attacker->core),
              WORLD_CLASS_ATTACKER, WORLD_ATTACKER, attacker->index);
}

void world_attacker_on_deadline(struct world_attacker *attacker)
{
    sim_attacker_on_deadline(attacker->core, now_of(attacker->world));
    world_attacker_rearm(attacker);
}

void world_attacker_arrive(struct world *world, uint32_t index, struct sim_datagram *datagram)
{
    struct world_attacker *attacker = &world->attackers[index];
    world_observe_arrival(world, world_attacker_endpoint(world, index), datagram);
    sim_attacker_receive(attacker->core, now_of(world), &datagram->to,
                         sim_content_bytes(datagram->payload), datagram->payload->size);
    world_attacker_rearm(attacker);
    sim_datagram_release(world->packets, datagram);
}

uint64_t world_attackers_saw(struct world *world, const struct sim_datagram *datagram)
{
    uint64_t held_ns = 0;
    if (world->watchers == 0 || datagram->sender >= world->scenario->peer_count) {
        return 0;
    }
    for (uint32_t i = 0; i < world->scenario->attacker_count; i++) {
        struct world_attacker *attacker = &world->attackers[i];
        const struct sim_session_spec *session;
        if (attacker->spec->session == SIM_NONE) {
            continue;
        }
        session = &world->scenario->sessions[attacker->spec->session];
        for (unsigned role = 0; role < WR_ROLES; role++) {
            if (session->peers[role] == datagram->sender) {
                uint64_t wants_ns = sim_attacker_saw(
                    attacker->core, now_of(world), (enum wr_role)role, &datagram->from,
                    sim_content_bytes(datagram->payload), datagram->payload->size);
                held_ns = wants_ns > held_ns ? wants_ns : held_ns;
            }
        }
        world_attacker_rearm(attacker);
    }
    return held_ns;
}
