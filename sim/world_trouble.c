/*
 * What the truth is told of the timeline: every action is a trouble, of an instant, of a while or
 * until another action ends its kind. So the oracles know from when on everybody must be served.
 */
#include "world.h"

/* ---- Troubles ----------------------------------------------------------------------------------
 */

/* The kind of trouble that an action begins. */
static enum world_trouble begins(const struct sim_action *action)
{
    switch (action->kind) {
    case SIM_DO_PARTITION:
        return WORLD_TROUBLE_PARTITION;
    case SIM_DO_RELAY_CRASH:
    case SIM_DO_RELAY_DRAIN:
        return WORLD_TROUBLE_RELAY;
    case SIM_DO_RELAY_PAUSE:
        return WORLD_TROUBLE_PAUSE;
    case SIM_DO_PEER_PAUSE:
    case SIM_DO_PEER_CRASH:
        return WORLD_TROUBLE_PEER;
    case SIM_DO_MASTER_FAIL:
        return WORLD_TROUBLE_MASTER;
    case SIM_DO_ATTACK_START:
        return WORLD_TROUBLE_ATTACK;
    default:
        return WORLD_TROUBLE_NONE;
    }
}

/* And the kind that it ends. */
static enum world_trouble ends(const struct sim_action *action)
{
    switch (action->kind) {
    case SIM_DO_HEAL:
        return WORLD_TROUBLE_PARTITION;
    case SIM_DO_RELAY_RESTART:
        return WORLD_TROUBLE_RELAY;
    case SIM_DO_RELAY_RESUME:
        return WORLD_TROUBLE_PAUSE;
    case SIM_DO_PEER_RESUME:
    case SIM_DO_PEER_RESTART:
        return WORLD_TROUBLE_PEER;
    case SIM_DO_MASTER_RECOVER:
        return WORLD_TROUBLE_MASTER;
    case SIM_DO_ATTACK_STOP:
        return WORLD_TROUBLE_ATTACK;
    default:
        return WORLD_TROUBLE_NONE;
    }
}

void world_trouble_begins(struct world *world, const struct sim_action *action)
{
    enum world_trouble over = ends(action);
    enum world_trouble begun = begins(action);
    while (over != WORLD_TROUBLE_NONE && world->troubles[over] > 0) {
        world->troubles[over]--;
        sim_truth_fault_ends(world->truth, sim_queue_now_ns(&world->queue));
    }
    sim_truth_fault_begins(world->truth, sim_queue_now_ns(&world->queue));
    if (action->for_ns > 0) {
        return; /* ends with the action */
    }
    if (begun != WORLD_TROUBLE_NONE) {
        world->troubles[begun]++;
    } else {
        sim_truth_fault_ends(world->truth,
                             sim_queue_now_ns(&world->queue)); /* a trouble of this instant */
    }
}

void world_trouble_ends(struct world *world)
{
    sim_truth_fault_ends(world->truth, sim_queue_now_ns(&world->queue));
}
