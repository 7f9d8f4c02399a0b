/*
 * From a scenario to a world, and back to nothing.
 */
#include "world.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 320

void *world_zeroed(size_t count, size_t element_bytes)
{
    void *memory = calloc(count > 0 ? count : 1, element_bytes);
    if (memory == NULL) {
        abort(); /* the simulator does not outlive its memory */
    }
    return memory;
}

void *world_resized(void *array, size_t count, size_t element_bytes)
{
    void *memory = realloc(array, count * element_bytes);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static struct sim_link_config link_config(const struct sim_link_spec *spec)
{
    return (struct sim_link_config){
        .latency_ns = spec->latency_ns,
        .jitter_ns = spec->jitter_ns,
        .jitter = spec->jitter_ns > 0 ? SIM_JITTER_UNIFORM : SIM_JITTER_NONE,
        .jitter_reorders = spec->jitter_reorders,
        .mtu_bytes = spec->mtu_bytes,
        .bandwidth_kbps = spec->bandwidth_kbps,
        .queue_bytes = spec->queue_bytes,
        .loss = spec->loss,
        .burst_enter = spec->burst_loss.enter,
        .burst_leave = spec->burst_loss.leave,
        .loss_good = spec->burst_loss.loss_good,
        .loss_bad = spec->burst_loss.loss_bad,
        .reorder = spec->reorder,
        .reorder_delay_ns = spec->reorder_delay_ns,
        .duplicate = spec->duplicate,
        .corrupt = spec->corrupt,
    };
}

uint32_t world_add_link(struct world *world, uint32_t spec, const char *user, const char *side)
{
    char name[NAME_BYTES];
    if (spec == SIM_NONE) {
        return SIM_NET_NONE;
    }
    snprintf(name, sizeof name, "%s/%s", user, side);
    if (world->link_count == world->link_capacity) {
        world->link_capacity = world->link_capacity > 0 ? 2 * world->link_capacity : 64;
        world->links = world_resized(world->links, world->link_capacity, sizeof *world->links);
    }
    uint32_t link = sim_net_add_link(world->net, &world->link_configs[spec], name);
    world->links[world->link_count++] = (struct world_link){.link = link, .spec = spec};
    return link;
}

static struct sim_nat_config nat_config(const struct sim_nat_spec *spec)
{
    static const enum sim_nat_scope scopes[] = {
        [SIM_NAT_ENDPOINT_INDEPENDENT] = SIM_SCOPE_ENDPOINT,
        [SIM_NAT_ADDRESS_DEPENDENT] = SIM_SCOPE_ADDRESS,
        [SIM_NAT_ADDRESS_AND_PORT_DEPENDENT] = SIM_SCOPE_ADDRESS_AND_PORT,
    };
    static const enum sim_nat_allocation allocations[] = {
        [SIM_NAT_PORTS_PRESERVE] = SIM_ALLOCATE_PRESERVE,
        [SIM_NAT_PORTS_CONTIGUOUS] = SIM_ALLOCATE_CONTIGUOUS,
        [SIM_NAT_PORTS_RANDOM] = SIM_ALLOCATE_RANDOM,
    };
    return (struct sim_nat_config){
        .mapping = scopes[spec->mapping],
        .filtering = scopes[spec->filtering],
        .allocation = allocations[spec->ports],
        .timeout_ns = spec->mapping_timeout_ns,
        .inbound_refreshes = spec->refresh == SIM_NAT_REFRESH_BOTH,
        .paired = spec->pooling_paired,
        .hairpin = spec->hairpin,
        .port_first = spec->port_min,
        .port_last = spec->port_max,
        .block_ports = spec->block_ports,
    };
}

static void build_nats(struct world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    for (uint32_t i = 0; i < scenario->nat_count; i++) {
        const struct sim_nat_spec *spec = &scenario->nats[i];
        struct sim_nat_config config = nat_config(spec);
        uint32_t up = world_add_link(world, spec->link, spec->name, "up");
        uint32_t down = world_add_link(world, spec->link, spec->name, "down");
        world->nats[i] = sim_net_add_nat(world->net, SIM_NET_CORE, up, down, &config,
                                         spec->public_ips, spec->public_ip_count, spec->name);
    }
}

static void delivered(void *context, uint32_t endpoint, struct sim_datagram *datagram)
{
    struct world *world = context;
    uint32_t peers = world->scenario->peer_count;
    if (endpoint < peers) {
        world_peer_arrive(world, endpoint, datagram);
    } else if (world_is_relay_endpoint(world, endpoint)) {
        world_relay_arrive(&world->relays[endpoint - world_relay_endpoint(world, 0)], datagram);
    } else {
        world_attacker_arrive(world, endpoint - peers, datagram);
    }
}

static uint64_t entered(void *context, const struct sim_datagram *datagram)
{
    struct world *world = context;
    world_observe_datagram(world, datagram);
    return world_attackers_saw(world, datagram);
}

static void allocate(struct world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    world->link_configs = world_zeroed(scenario->link_count, sizeof *world->link_configs);
    world->nats = world_zeroed(scenario->nat_count, sizeof *world->nats);
    world->relays = world_zeroed(scenario->relay_count, sizeof *world->relays);
    world->peers = world_zeroed(scenario->peer_count, sizeof *world->peers);
    world->ends = world_zeroed((size_t)scenario->session_count * WR_ROLES, sizeof *world->ends);
    world->masters = world_zeroed(scenario->master_count, sizeof *world->masters);
    world->attackers = world_zeroed(scenario->attacker_count, sizeof *world->attackers);
    world->keys = world_zeroed(scenario->key_count, sizeof *world->keys);
    world->session_relays = world_zeroed(scenario->session_count, sizeof *world->session_relays);
    world->later_free = SIM_NONE;
    world_index_sessions(world);
    for (uint32_t i = 0; i < scenario->link_count; i++) {
        world->link_configs[i] = link_config(&scenario->links[i]);
    }
    for (uint32_t i = 0; i < scenario->key_count; i++) {
        sim_signing_key_derive(scenario->keys[i].name, &world->keys[i]);
    }
    for (uint32_t i = 0; i < scenario->session_count; i++) {
        world->session_relays[i] = scenario->sessions[i].relay;
    }
}

static bool build_engine(struct world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    const struct sim_net_listener listener = {
        .context = world,
        .delivered = delivered,
        .entered = entered,
    };
    if (!sim_queue_init(&world->queue, 1024 + 4 * scenario->peer_count) ||
        !sim_hash_init(&world->hash, 1 << 16)) {
        return false;
    }
    if (scenario->permute_ties) {
        sim_queue_permute_ties(&world->queue, world->seed);
    }
    world->packets = sim_packets_create(0);
    if (world->packets == NULL) {
        return false;
    }
    world->net = sim_net_create(&world->queue, world->packets, &world->hash, world->seed,
                                WORLD_CLASS_LINK, WORLD_LINK, &listener);
    world->truth = sim_truth_create(scenario->served_within_ns);
    world->source = sim_queue_source(&world->queue);
    return world->net != NULL && world->truth != NULL;
}

static bool populate(struct world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    build_nats(world);
    if (!world_masters_build(world)) {
        return false;
    }
    for (uint32_t i = 0; i < scenario->relay_count; i++) {
        if (!world_relay_build(world, i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < scenario->peer_count; i++) {
        world_peer_build(world, i);
    }
    for (uint32_t i = 0; i < WR_ROLES * scenario->session_count; i++) {
        if (!world_end_build(world, i)) {
            return false;
        }
    }
    return world_attackers_build(world);
}

static void schedule(struct world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    if (scenario->action_count > 0) {
        sim_queue_push(&world->queue, scenario->actions[0].at_ns, WORLD_CLASS_TIMELINE,
                       world->source, WORLD_ACTION, 0);
    }
    sim_queue_push(&world->queue, WORLD_JUDGED_EVERY_NS, WORLD_CLASS_LIVENESS, world->source,
                   WORLD_LIVENESS, 0);
}

struct world *world_create(const struct sim_scenario *scenario,
                           const struct sim_run_options *options)
{
    if (sodium_init() < 0) {
        return NULL;
    }
    struct world *world = world_zeroed(1, sizeof *world);
    world->scenario = scenario;
    world->observer = options->observer;
    world->seed = options->seed;
    allocate(world);
    if (!build_engine(world) || !populate(world)) {
        world_destroy(world);
        return NULL;
    }
    sim_hash_text(&world->hash, scenario->name);
    sim_hash_word(&world->hash, world->seed);
    sim_hash_word(&world->hash, scenario->permute_ties ? 1 : 0);
    schedule(world);
    return world;
}

void world_destroy(struct world *world)
{
    const struct sim_scenario *scenario = world->scenario;
    for (uint32_t i = 0; i < WR_ROLES * scenario->session_count; i++) {
        world_end_free(&world->ends[i]);
    }
    for (uint32_t i = 0; i < scenario->relay_count; i++) {
        world_relay_free(&world->relays[i]);
    }
    world_attackers_free(world);
    world_masters_free(world);
    sim_net_destroy(world->net);
    sim_truth_destroy(world->truth);
    sim_packets_destroy(world->packets);
    sim_hash_free(&world->hash);
    sim_queue_free(&world->queue);
    free(world->link_configs);
    free(world->links);
    free(world->nats);
    free(world->relays);
    free(world->peers);
    free(world->ends);
    free(world->masters);
    free(world->attackers);
    free(world->keys);
    free(world->session_relays);
    free(world->session_buckets);
    free(world->session_next);
    free(world->laters);
    free(world);
}
