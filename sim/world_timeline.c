/*
 * The actions of a scenario. What lasts for_ns is undone by world_act_end.
 */
#include "world.h"

#include <address.h>

#include <stdio.h>
#include <string.h>

#define SIDE_BYTES 64

static wr_instant now_of(const struct world *world)
{
    return sim_queue_now_ns(&world->queue);
}

static uint32_t end_of_range(struct sim_range range)
{
    return range.first + range.count;
}

/* ---- NATs --------------------------------------------------------------------------------------
 */

static const struct wr_address *relay_address_of(struct world *world, uint32_t peer)
{
    uint32_t end = world->peers[peer].first_end;
    return end == SIM_NONE ? &world->scenario->relays[0].address
                           : &world_end_relay(&world->ends[end])->address;
}

static struct sim_nat *nat_of_peer(struct world *world, uint32_t peer)
{
    uint32_t nat = world->peers[peer].nat;
    if (nat == SIM_NONE) {
        world_observe_note(world, peer, "is behind no NAT: nothing happens to its mappings");
        return NULL;
    }
    return sim_net_nat(world->net, world->nats[nat]);
}

static void rebind(struct world *world, const struct sim_action *action)
{
    if (action->peers.count == 0) {
        for (uint32_t i = action->nats.first; i < end_of_range(action->nats); i++) {
            sim_nat_rebind(sim_net_nat(world->net, world->nats[i]), now_of(world), NULL);
        }
    }
    for (uint32_t i = action->peers.first; i < end_of_range(action->peers); i++) {
        struct sim_nat *nat = nat_of_peer(world, i);
        if (nat != NULL) {
            sim_nat_rebind(nat, now_of(world), &world->peers[i].address);
        }
    }
}

static void reboot(struct world *world, const struct sim_action *action)
{
    for (uint32_t i = action->nats.first; i < end_of_range(action->nats); i++) {
        struct wr_address ip = sim_address_plus(&action->address, i - action->nats.first);
        sim_net_reboot_nat(world->net, world->nats[i], action->has_address ? &ip : NULL,
                           action->has_address ? 1 : 0);
    }
}

static void move_mapping(struct world *world, const struct sim_action *action)
{
    uint32_t peer = action->peers.first;
    struct sim_nat *nat = nat_of_peer(world, peer);
    if (nat != NULL && !sim_nat_move(nat, now_of(world), &world->peers[peer].address,
                                     relay_address_of(world, peer), &action->address)) {
        world_observe_note(world, peer, "its mapping could not be moved there");
    }
}

static void give_port(struct world *world, const struct sim_action *action)
{
    uint32_t peer = action->peers.first;
    struct sim_nat *nat = nat_of_peer(world, peer);
    if (nat != NULL && sim_nat_give(nat, now_of(world), &world->peers[peer].address,
                                    &world->peers[action->other.first].address) == 0) {
        world_observe_note(world, peer, "has no mapping that could be given away");
    }
}

/* ---- Links and partitions ----------------------------------------------------------------------
 */

static void change_links(struct world *world, uint32_t spec, uint32_t to_spec)
{
    for (uint32_t i = 0; i < world->link_count; i++) {
        if (world->links[i].spec == spec) {
            sim_net_change_link(world->net, world->links[i].link, &world->link_configs[to_spec]);
        }
    }
}

static void block(struct world *world, const struct sim_action *action,
                  enum sim_direction direction, bool blocked)
{
    bool up = direction != SIM_DIRECTION_DOWN;
    bool down = direction != SIM_DIRECTION_UP;
    for (uint32_t i = action->peers.first; i < end_of_range(action->peers); i++) {
        const struct sim_node *node = sim_net_node(world->net, world->peers[i].node);
        sim_net_block(world->net, world->peers[i].node, up ? blocked : node->up_blocked,
                      down ? blocked : node->down_blocked);
    }
    for (uint32_t i = action->relays.first; i < end_of_range(action->relays); i++) {
        const struct sim_node *node = sim_net_node(world->net, world->relays[i].node);
        sim_net_block(world->net, world->relays[i].node, up ? blocked : node->up_blocked,
                      down ? blocked : node->down_blocked);
    }
}

/* ---- Peers -------------------------------------------------------------------------------------
 */

static uint32_t new_nat(const struct sim_action *action, uint32_t nth)
{
    if (action->nats.count == 0) {
        return SIM_NONE;
    }
    return action->nats.first + (action->nats.count == 1 ? 0 : nth);
}

static void move_peers(struct world *world, const struct sim_action *action)
{
    for (uint32_t nth = 0; nth < action->peers.count; nth++) {
        uint32_t index = action->peers.first + nth;
        const struct world_peer *peer = &world->peers[index];
        struct wr_address address = peer->address;
        uint32_t uplink = peer->uplink;
        uint32_t downlink = peer->downlink;
        if (action->has_address) {
            address = sim_address_plus(&action->address, nth);
        }
        if (action->has_link) {
            char side[SIDE_BYTES];
            snprintf(side, sizeof side, "up from line %u", (unsigned)action->line);
            uplink = world_add_link(world, action->uplink, peer->spec->name, side);
            snprintf(side, sizeof side, "down from line %u", (unsigned)action->line);
            downlink = world_add_link(world, action->downlink, peer->spec->name, side);
        }
        world_peer_move(world, index, &address, action->has_nat ? new_nat(action, nth) : peer->nat,
                        uplink, downlink);
    }
}

static void say_lease(struct world_end *end, const struct sim_action *action)
{
    bool renews = action->kind == SIM_DO_PEER_RENEW;
    const struct world_token *token = NULL;
    switch (action->use) {
    case SIM_USE_CURRENT:
        token = end->current;
        break;
    case SIM_USE_OLDER:
        token = end->older;
        break;
    case SIM_USE_NEWER:
        *(renews ? &end->renew_next : &end->present_next) = true;
        world_master_ask_lease(end, NULL);
        return;
    case SIM_USE_NONE:
        break;
    }
    if (token == NULL && action->use != SIM_USE_NONE) {
        world_observe_note(end->world, end->peer, "holds no such lease");
    } else if (renews) {
        world_end_renew(end, token);
    } else {
        world_end_present(end, token);
    }
    world_end_rearm(end);
}

static void each_end(struct world *world, const struct sim_action *action, uint32_t peer)
{
    for (uint32_t i = world->peers[peer].first_end; i != SIM_NONE; i = world->ends[i].next_end) {
        if (action->kind == SIM_DO_PEER_RELEASE) {
            world_end_leave(&world->ends[i]);
        } else {
            say_lease(&world->ends[i], action);
        }
    }
}

static void act_on_peer(struct world *world, const struct sim_action *action, uint32_t peer)
{
    switch (action->kind) {
    case SIM_DO_PEER_PAUSE:
        world_peer_sleep(world, peer);
        break;
    case SIM_DO_PEER_RESUME:
        world_peer_wake(world, peer);
        break;
    case SIM_DO_PEER_CRASH:
        world_peer_crash(world, peer);
        break;
    case SIM_DO_PEER_RESTART:
        world_peer_crash(world, peer);
        if (action->for_ns == 0) {
            world_peer_restart(world, peer, action->use == SIM_USE_CURRENT);
        }
        break;
    case SIM_DO_PEER_PRESENT:
    case SIM_DO_PEER_RENEW:
    case SIM_DO_PEER_RELEASE:
        each_end(world, action, peer);
        break;
    case SIM_DO_PEER_CLOCK_STEP:
        sim_clock_step(&world->peers[peer].clock, action->offset_ms);
        break;
    default:
        world_peer_meddle(world, peer, action);
        break;
    }
}

static void act_on_traffic(struct world *world, const struct sim_action *action)
{
    wr_instant until_ns = action->for_ns > 0 ? wr_after(now_of(world), action->for_ns) : WR_NEVER;
    for (uint32_t i = action->sessions.first; i < end_of_range(action->sessions); i++) {
        for (unsigned role = 0; role < WR_ROLES; role++) {
            struct world_end *end = &world->ends[WR_ROLES * i + role];
            if ((action->roles & SIM_ROLE_BIT(role)) == 0) {
                continue;
            }
            if (action->kind == SIM_DO_TRAFFIC_STOP) {
                world_traffic_stop(end, until_ns);
            } else {
                world_traffic_start(end);
            }
        }
    }
}

/* ---- Relays ------------------------------------------------------------------------------------
 */

static void set_host(struct world_relay *relay, const struct sim_host_spec *spec)
{
    relay->host.config.receive_ns = spec->receive_ns;
    relay->host.config.forward_ns = spec->forward_ns;
    relay->host.config.answer_ns = spec->answer_ns;
    relay->host.config.verify_ns = spec->verify_ns;
    relay->host.config.receive_queue_datagrams = spec->receive_queue_datagrams;
}

static void restart_relay(struct world_relay *relay, const struct sim_action *action)
{
    world_relay_crash(relay);
    if (action->key_count > 0) {
        memcpy(relay->pinned, action->keys, sizeof relay->pinned);
        relay->pinned_count = action->key_count;
    }
    if (action->for_ns == 0 && !world_relay_start(relay)) {
        world_observe_relay_note(relay, "has no memory to start again");
    }
}

static void act_on_relay(struct world *world, const struct sim_action *action,
                         struct world_relay *relay)
{
    switch (action->kind) {
    case SIM_DO_RELAY_CRASH:
        world_relay_crash(relay);
        break;
    case SIM_DO_RELAY_RESTART:
        restart_relay(relay, action);
        break;
    case SIM_DO_RELAY_PAUSE:
        sim_host_pause(&relay->host,
                       action->for_ns > 0 ? wr_after(now_of(world), action->for_ns) : WR_NEVER);
        break;
    case SIM_DO_RELAY_RESUME:
        sim_host_resume(&relay->host);
        world_relay_rearm(relay);
        break;
    case SIM_DO_RELAY_HOST:
        set_host(relay, &action->host);
        break;
    case SIM_DO_RELAY_DRAIN:
        world_relay_drain(relay);
        break;
    case SIM_DO_RELAY_KEY_ADD:
    case SIM_DO_RELAY_KEY_REVOKE:
        for (uint32_t i = 0; i < action->key_count; i++) {
            if (action->kind == SIM_DO_RELAY_KEY_ADD) {
                world_relay_pin(relay, action->keys[i]);
            } else {
                world_relay_revoke(relay, action->keys[i]);
            }
        }
        break;
    case SIM_DO_RELAY_BAN:
    case SIM_DO_RELAY_UNBAN:
        for (uint32_t i = action->peers.first; i < end_of_range(action->peers); i++) {
            if (action->kind == SIM_DO_RELAY_BAN) {
                world_relay_ban(relay, i);
            } else {
                world_relay_unban(relay, i);
            }
        }
        break;
    case SIM_DO_RELAY_CLOCK_STEP:
        sim_clock_step(&relay->clock, action->offset_ms);
        break;
    default:
        sim_clock_set_drift(&relay->clock, now_of(world), action->drift_ppb);
        break;
    }
}

/* ---- Masters and attackers ---------------------------------------------------------------------
 */

static void act_on_master(struct world *world, const struct sim_action *action, uint32_t index)
{
    struct sim_master *master = world->masters[index].master;
    switch (action->kind) {
    case SIM_DO_MASTER_SIGN:
        world_master_sign_with(world, index, action->keys[0]);
        break;
    case SIM_DO_MASTER_PUBLISH:
        world_master_publish(world, index, action->keys[0]);
        break;
    case SIM_DO_MASTER_ROTATE:
        world_master_sign_with(world, index, action->keys[0]);
        world_master_publish(world, index, action->keys[0]);
        break;
    case SIM_DO_MASTER_FAIL:
        sim_master_fail(master, action->mode, action->key_count > 0 ? action->keys[0] : 0);
        break;
    case SIM_DO_MASTER_DELAY:
        sim_master_set_delay(master, action->value_ns);
        break;
    case SIM_DO_MASTER_FORGET:
        for (uint32_t i = action->relays.first; i < end_of_range(action->relays); i++) {
            sim_master_forget(master, i);
        }
        break;
    default:
        sim_master_recover(master);
        break;
    }
}

static void come_back(struct world *world, const struct sim_action *action, uint32_t index)
{
    sim_master_recover(world->masters[index].master);
    sim_master_restart(world->masters[index].master);
    if (action->key_count > 0) {
        world_master_sign_with(world, index, action->keys[0]);
        world_master_publish(world, index, action->keys[0]);
    }
}

static void act_on_attacker(struct world *world, const struct sim_action *action,
                            struct world_attacker *attacker)
{
    wr_instant until_ns = action->for_ns > 0 ? wr_after(now_of(world), action->for_ns) : WR_NEVER;
    if (action->kind == SIM_DO_ATTACK_START) {
        sim_attacker_start(attacker->core, now_of(world), until_ns);
        attacker->ordered_until_ns = until_ns;
    } else if (action->kind == SIM_DO_ATTACK_STOP) {
        sim_attacker_stop(attacker->core);
        attacker->ordered_until_ns = 0;
    } else {
        sim_attacker_copy(attacker->core, now_of(world), action);
    }
    world_attacker_rearm(attacker);
}

/* ---- All of them -------------------------------------------------------------------------------
 */

static void act_on_peers(struct world *world, const struct sim_action *action)
{
    for (uint32_t i = action->peers.first; i < end_of_range(action->peers); i++) {
        act_on_peer(world, action, i);
    }
}

static void act_on_relays(struct world *world, const struct sim_action *action)
{
    for (uint32_t i = action->relays.first; i < end_of_range(action->relays); i++) {
        act_on_relay(world, action, &world->relays[i]);
    }
}

static void act_on_masters(struct world *world, const struct sim_action *action)
{
    for (uint32_t i = action->masters.first; i < end_of_range(action->masters); i++) {
        if (action->kind != SIM_DO_MASTER_RESTART) {
            act_on_master(world, action, i);
        } else if (action->for_ns > 0) {
            sim_master_fail(world->masters[i].master, SIM_MASTER_REFUSE, 0);
        } else {
            come_back(world, action, i);
        }
    }
}

static void act_on_attackers(struct world *world, const struct sim_action *action)
{
    for (uint32_t i = action->attackers.first; i < end_of_range(action->attackers); i++) {
        act_on_attacker(world, action, &world->attackers[i]);
    }
}

static void carry_out(struct world *world, const struct sim_action *action)
{
    switch (action->kind) {
    case SIM_DO_NAT_REBIND:
        rebind(world, action);
        return;
    case SIM_DO_NAT_REBOOT:
        reboot(world, action);
        return;
    case SIM_DO_NAT_MOVE_MAPPING:
        move_mapping(world, action);
        return;
    case SIM_DO_NAT_GIVE_PORT:
        give_port(world, action);
        return;
    case SIM_DO_NAT_TIMEOUT:
        for (uint32_t i = action->nats.first; i < end_of_range(action->nats); i++) {
            sim_nat_set_timeout(sim_net_nat(world->net, world->nats[i]), now_of(world),
                                action->value_ns);
        }
        return;
    case SIM_DO_PEER_MOVE:
        move_peers(world, action);
        return;
    case SIM_DO_PEER_PAUSE:
    case SIM_DO_PEER_RESUME:
    case SIM_DO_PEER_CRASH:
    case SIM_DO_PEER_RESTART:
    case SIM_DO_PEER_PRESENT:
    case SIM_DO_PEER_RENEW:
    case SIM_DO_PEER_RELEASE:
    case SIM_DO_PEER_CLOCK_STEP:
    case SIM_DO_DROP_NEXT:
    case SIM_DO_DUPLICATE_NEXT:
    case SIM_DO_DELAY_NEXT:
    case SIM_DO_CORRUPT_NEXT:
        act_on_peers(world, action);
        return;
    case SIM_DO_TRAFFIC_STOP:
    case SIM_DO_TRAFFIC_START:
        act_on_traffic(world, action);
        return;
    case SIM_DO_LINK_CHANGE:
        change_links(world, action->link, action->to_link);
        return;
    case SIM_DO_PARTITION:
        block(world, action, action->direction, true);
        return;
    case SIM_DO_HEAL:
        block(world, action, SIM_DIRECTION_BOTH, false);
        return;
    case SIM_DO_RELAY_CRASH:
    case SIM_DO_RELAY_RESTART:
    case SIM_DO_RELAY_PAUSE:
    case SIM_DO_RELAY_RESUME:
    case SIM_DO_RELAY_HOST:
    case SIM_DO_RELAY_DRAIN:
    case SIM_DO_RELAY_KEY_ADD:
    case SIM_DO_RELAY_KEY_REVOKE:
    case SIM_DO_RELAY_BAN:
    case SIM_DO_RELAY_UNBAN:
    case SIM_DO_RELAY_CLOCK_STEP:
    case SIM_DO_RELAY_CLOCK_DRIFT:
        act_on_relays(world, action);
        return;
    case SIM_DO_MASTER_SIGN:
    case SIM_DO_MASTER_PUBLISH:
    case SIM_DO_MASTER_ROTATE:
    case SIM_DO_MASTER_FAIL:
    case SIM_DO_MASTER_RECOVER:
    case SIM_DO_MASTER_DELAY:
    case SIM_DO_MASTER_RESTART:
    case SIM_DO_MASTER_FORGET:
        act_on_masters(world, action);
        return;
    case SIM_DO_ATTACK_START:
    case SIM_DO_ATTACK_STOP:
    case SIM_DO_COPY:
        act_on_attackers(world, action);
        return;
    case SIM_DO_COUNT:
        return;
    }
}

void world_act(struct world *world, const struct sim_action *action)
{
    carry_out(world, action);
    world_trouble_begins(world, action);
}

static void end_on_relays(struct world *world, const struct sim_action *action)
{
    for (uint32_t i = action->relays.first; i < end_of_range(action->relays); i++) {
        struct world_relay *relay = &world->relays[i];
        if (action->kind == SIM_DO_RELAY_HOST) {
            set_host(relay, &relay->spec->host);
        } else if (action->kind == SIM_DO_RELAY_RESTART && relay->core == NULL &&
                   !world_relay_start(relay)) {
            world_observe_relay_note(relay, "has no memory to start again");
        }
        world_relay_rearm(relay);
    }
}

static void end_on_masters(struct world *world, const struct sim_action *action)
{
    for (uint32_t i = action->masters.first; i < end_of_range(action->masters); i++) {
        struct sim_master *master = world->masters[i].master;
        if (action->kind == SIM_DO_MASTER_RESTART) {
            come_back(world, action, i);
        } else if (action->kind == SIM_DO_MASTER_DELAY) {
            sim_master_set_delay(master, world->scenario->masters[i].answer_delay_ns);
        } else {
            sim_master_recover(master);
        }
    }
}

static void undo(struct world *world, const struct sim_action *action)
{
    switch (action->kind) {
    case SIM_DO_PEER_PAUSE:
        for (uint32_t i = action->peers.first; i < end_of_range(action->peers); i++) {
            world_peer_wake(world, i);
        }
        return;
    case SIM_DO_PEER_RESTART:
        for (uint32_t i = action->peers.first; i < end_of_range(action->peers); i++) {
            world_peer_restart(world, i, action->use == SIM_USE_CURRENT);
        }
        return;
    case SIM_DO_TRAFFIC_STOP:
        return; /* it knew its end from the beginning */
    case SIM_DO_LINK_CHANGE:
        change_links(world, action->link, action->link);
        return;
    case SIM_DO_PARTITION:
        block(world, action, action->direction, false);
        return;
    case SIM_DO_RELAY_RESTART:
    case SIM_DO_RELAY_PAUSE:
    case SIM_DO_RELAY_HOST:
        end_on_relays(world, action);
        return;
    case SIM_DO_MASTER_FAIL:
    case SIM_DO_MASTER_RESTART:
    case SIM_DO_MASTER_DELAY:
        end_on_masters(world, action);
        return;
    default:
        return; /* what happens at an instant has no end of its own */
    }
}

void world_act_end(struct world *world, const struct sim_action *action)
{
    undo(world, action);
    world_trouble_ends(world, action);
}
