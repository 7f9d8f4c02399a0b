/*
 * What the truth is told of the timeline. Every action, and every end of one, is a trouble of its
 * instant. What lasts is not booked by actions but seen: after each the peers, relays, masters and
 * attackers that it names are looked at, and each of them that is cut off, down or attacking is a
 * trouble until it no longer is. So the oracles know from when on everybody must be served,
 * whatever actions have begun a trouble and ended it, and whoever else is still in one.
 */
#include "world.h"

static wr_instant now_of(const struct world *world)
{
    return sim_queue_now_ns(&world->queue);
}

void world_trouble_set(struct world *world, bool *in_trouble, bool is_trouble)
{
    if (is_trouble && !*in_trouble) {
        sim_truth_fault_begins(world->truth, now_of(world));
    } else if (!is_trouble && *in_trouble) {
        sim_truth_fault_ends(world->truth, now_of(world));
    }
    *in_trouble = is_trouble;
}

static bool is_cut_off(const struct world *world, uint32_t node)
{
    const struct sim_node *place = sim_net_node(world->net, node);
    return place->up_blocked || place->down_blocked;
}

static bool is_draining(const struct world_relay *relay)
{
    struct wr_snapshot snapshot;
    wr_relay_snapshot(relay->core, &snapshot);
    return snapshot.draining;
}

static void look_at(struct world *world, const struct sim_action *action)
{
    for (uint32_t i = 0; i < action->peers.count; i++) {
        struct world_peer *peer = &world->peers[action->peers.first + i];
        world_trouble_set(world, &peer->in_trouble,
                          peer->asleep || peer->crashed || is_cut_off(world, peer->node));
    }
    for (uint32_t i = 0; i < action->relays.count; i++) {
        struct world_relay *relay = &world->relays[action->relays.first + i];
        world_trouble_set(world, &relay->in_trouble,
                          relay->core == NULL || is_draining(relay) ||
                              sim_host_paused(&relay->host, now_of(world)) ||
                              is_cut_off(world, relay->node));
    }
    for (uint32_t i = 0; i < action->masters.count; i++) {
        struct world_master *master = &world->masters[action->masters.first + i];
        world_trouble_set(world, &master->in_trouble, sim_master_fails(master->master));
    }
    for (uint32_t i = 0; i < action->attackers.count; i++) {
        struct world_attacker *attacker = &world->attackers[action->attackers.first + i];
        world_trouble_set(world, &attacker->in_trouble, now_of(world) < attacker->ordered_until_ns);
    }
}

/* What only its action can tell: it is over with its for_ns. */
static bool lasts_unseen(const struct sim_action *action)
{
    return action->for_ns > 0 &&
           (action->kind == SIM_DO_LINK_CHANGE || action->kind == SIM_DO_RELAY_HOST ||
            action->kind == SIM_DO_MASTER_DELAY || action->kind == SIM_DO_TRAFFIC_STOP);
}

void world_trouble_begins(struct world *world, const struct sim_action *action)
{
    sim_truth_fault_begins(world->truth, now_of(world));
    look_at(world, action);
    if (!lasts_unseen(action)) {
        sim_truth_fault_ends(world->truth, now_of(world));
    }
}

void world_trouble_ends(struct world *world, const struct sim_action *action)
{
    if (!lasts_unseen(action)) {
        sim_truth_fault_begins(world->truth, now_of(world));
    }
    look_at(world, action);
    sim_truth_fault_ends(world->truth, now_of(world));
}
