/*
 * Peers: a machine with one socket, on which the protocol's peer side (wavry/peer.h) plays one end
 * of a session, or of several. Sleep, crash and restart are the machine's; what the timeline does
 * to single datagrams happens between socket and network.
 */
#include "world.h"

#include <address.h>

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES  20
#define REJECT_FULL   4 /* section 1 */
#define REJECT_BANNED 5

static wr_instant now_of(const struct world *world)
{
    return sim_queue_now_ns(&world->queue);
}

/* ---- Between socket and network -------------------------------------------------------------- */

static struct world_meddling *meddling_for(struct world_peer *peer, enum sim_packet packet, bool up)
{
    enum sim_direction other = up ? SIM_DIRECTION_DOWN : SIM_DIRECTION_UP;
    for (unsigned i = 0; i < WORLD_MEDDLINGS_MAX; i++) {
        struct world_meddling *meddling = &peer->meddlings[i];
        if (meddling->count > 0 && meddling->direction != other &&
            (meddling->packet == SIM_PACKET_ANY || meddling->packet == packet)) {
            meddling->count--;
            return meddling;
        }
    }
    return NULL;
}

void world_peer_meddle(struct world *world, uint32_t peer, const struct sim_action *action)
{
    for (unsigned i = 0; i < WORLD_MEDDLINGS_MAX; i++) {
        struct world_meddling *meddling = &world->peers[peer].meddlings[i];
        if (meddling->count == 0) {
            *meddling = (struct world_meddling){
                .kind = action->kind,
                .packet = action->packet,
                .direction = action->direction,
                .count = action->count,
                .value_ns = action->value_ns,
            };
            world->peers[peer].is_meddled_with = true;
            return;
        }
    }
    world_observe_note(world, peer, "too many things are done to its datagrams at once");
}

static void hold_back(struct world *world, uint32_t peer, bool up, uint64_t for_ns,
                      struct sim_datagram *datagram)
{
    if (world->later_free == SIM_NONE) {
        world->laters =
            world_resized(world->laters, world->later_count + 1u, sizeof *world->laters);
        world->laters[world->later_count].next_free = SIM_NONE;
        world->later_free = world->later_count++;
    }
    uint32_t index = world->later_free;
    world->later_free = world->laters[index].next_free;
    world->laters[index] =
        (struct world_later){.datagram = datagram, .peer = peer, .up = up, .next_free = SIM_NONE};
    sim_queue_push(&world->queue, wr_after(now_of(world), for_ns), WORLD_CLASS_PEER, world->source,
                   WORLD_LATER, index);
}

static void corrupt_last_byte(struct world *world, struct sim_datagram *datagram)
{
    if (datagram->payload->size > 0) {
        struct sim_content *flipped = sim_content_flipped(world->packets, datagram->payload,
                                                          datagram->payload->size * 8u - 8u);
        sim_content_release(world->packets, datagram->payload);
        datagram->payload = flipped;
    }
}

/* What the timeline does to this one. False where it does not go on now. */
static bool meddle(struct world *world, uint32_t index, bool up, struct sim_datagram *datagram)
{
    if (!world->peers[index].is_meddled_with) {
        return true;
    }
    const struct sim_content *payload = datagram->payload;
    enum sim_packet packet = world_packet(sim_content_bytes(payload), payload->size);
    const struct world_meddling *meddling = meddling_for(&world->peers[index], packet, up);
    if (meddling == NULL) {
        return true;
    }
    /* A trouble of this instant, however long after the action. */
    sim_truth_fault_begins(world->truth, now_of(world));
    sim_truth_fault_ends(world->truth, now_of(world));
    if (meddling->kind == SIM_DO_DROP_NEXT) {
        sim_datagram_release(world->packets, datagram);
        return false;
    }
    if (meddling->kind == SIM_DO_DELAY_NEXT) {
        hold_back(world, index, up, meddling->value_ns, datagram);
        return false;
    }
    if (meddling->kind == SIM_DO_DUPLICATE_NEXT) {
        hold_back(world, index, up, meddling->value_ns,
                  sim_datagram_duplicate(world->packets, datagram));
    } else {
        corrupt_last_byte(world, datagram);
    }
    return true;
}

static void leave_socket(struct world *world, uint32_t index, struct sim_datagram *datagram)
{
    sim_net_send(world->net, now_of(world), world->peers[index].node, datagram);
}

static void send(void *context, const struct wr_address *to, const uint8_t *bytes, uint32_t size)
{
    struct world_end *end = context;
    struct world *world = end->world;
    uint32_t index = end->peer;
    const struct world_peer *peer = &world->peers[index];
    if (peer->asleep || peer->crashed || end->is_muted) {
        return;
    }
    struct sim_datagram *datagram =
        sim_datagram_make(world->packets, sim_content_make(world->packets, bytes, size));
    datagram->from = peer->address;
    datagram->to = *to;
    datagram->sender = index;
    if (meddle(world, index, true, datagram)) {
        leave_socket(world, index, datagram);
    }
}

static struct world_end *end_for(struct world *world, uint32_t peer, const uint8_t *bytes,
                                 uint32_t size)
{
    if (size < HEADER_BYTES || world_packet(bytes, size) == SIM_PACKET_BARE) {
        return NULL;
    }
    for (uint32_t i = world->peers[peer].first_end; i != SIM_NONE; i = world->ends[i].next_end) {
        if (memcmp(world->scenario->sessions[world->ends[i].session].id.bytes, bytes + 4, 16) ==
            0) {
            return &world->ends[i];
        }
    }
    return NULL;
}

static void reach_socket(struct world *world, uint32_t index, struct sim_datagram *datagram)
{
    struct world_peer *peer = &world->peers[index];
    const uint8_t *bytes = sim_content_bytes(datagram->payload);
    uint32_t size = datagram->payload->size;
    wr_instant now = now_of(world);
    if (!peer->asleep && !peer->crashed) {
        world_observe_arrival(world, index, datagram);
        struct world_end *end = end_for(world, index, bytes, size);
        uint32_t i = end != NULL ? end->index : peer->first_end;
        while (i != SIM_NONE) { /* a bare one does not say which end it is for */
            struct world_end *one = &world->ends[i];
            if (one->started) {
                wr_peer_receive(one->core, now, &datagram->from, bytes, size);
                world_end_rearm(one);
            }
            i = end != NULL ? SIM_NONE : one->next_end;
        }
    }
    sim_datagram_release(world->packets, datagram);
}

void world_peer_arrive(struct world *world, uint32_t index, struct sim_datagram *datagram)
{
    if (meddle(world, index, false, datagram)) {
        reach_socket(world, index, datagram);
    }
}

void world_on_later(struct world *world, uint32_t index)
{
    struct world_later later = world->laters[index];
    world->laters[index] = (struct world_later){.next_free = world->later_free};
    world->later_free = index;
    if (later.up) {
        leave_socket(world, later.peer, later.datagram);
    } else {
        reach_socket(world, later.peer, later.datagram);
    }
}

/* ---- The environment of the protocol's peer side --------------------------------------------- */

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    struct world_end *end = context;
    sim_rng_bytes(&end->entropy, out, bytes);
}

static void lease_wanted(void *context, enum wr_peer_want want, const struct wr_address *avoid)
{
    struct world_end *end = context;
    sim_hash_word(&end->world->hash, (uint64_t)end->index << 8 | (unsigned)want);
    world_master_ask_lease(end, avoid);
}

static void delivered(void *context, const struct wr_peer_delivery *delivery)
{
    struct world_end *end = context;
    sim_hash_word(&end->world->hash, delivery->sequence << 1 | 1);
    world_traffic_delivered(end, delivery);
}

static void event(void *context, const struct wr_peer_event *what)
{
    struct world_end *end = context;
    struct world *world = end->world;
    sim_hash_word(&world->hash,
                  (uint64_t)end->index << 32 | (uint64_t)what->reason << 8 | (unsigned)what->kind);
    if (what->kind == WR_PEER_EVENT_GAVE_UP) {
        world_observe_note(world, end->peer, wr_peer_end_name(what->end));
    } else if (what->kind == WR_PEER_EVENT_REJECTED) {
        end->refusal = what->reason;
    } else if (what->kind == WR_PEER_EVENT_ACKED) {
        end->refusal = 0;
    }
}

static bool recall(void *context, uint64_t sequence, uint8_t *body, uint32_t body_bytes)
{
    return world_traffic_recall(context, sequence, body, body_bytes);
}

static const struct wr_peer_environment environment = {
    .send = send,
    .entropy = entropy,
    .lease_wanted = lease_wanted,
    .delivered = delivered,
    .event = event,
    .recall = recall,
};

/* ---- One end ----------------------------------------------------------------------------------
 */

static bool is_robust(const struct world_end *end)
{
    return end->world->scenario->peers[end->peer].behaviour == SIM_ROBUST;
}

/* At least 1, and 1000 ("never") only for a whole. */
static uint32_t permille(struct sim_ratio share)
{
    uint64_t parts = (uint64_t)share.numerator * 1000 / share.denominator;
    return parts == 0 ? 1 : (uint32_t)parts;
}

bool world_end_build(struct world *world, uint32_t index)
{
    struct world_end *end = &world->ends[index];
    const struct sim_session_spec *session = &world->scenario->sessions[index / WR_ROLES];
    enum wr_role role = (enum wr_role)(index % WR_ROLES);
    uint32_t peer = session->peers[role];
    const struct sim_peer_spec *spec = &world->scenario->peers[peer];
    struct wr_peer_config config;

    wr_peer_config_default(&config);
    config.behaviour = spec->behaviour == SIM_ROBUST ? WR_PEER_ROBUST : WR_PEER_UPSTREAM;
    config.form =
        session->traffic[role].payload == SIM_PAYLOAD_RIFT ? WR_PEER_RIFT : WR_PEER_OPAQUE;
    config.role = role;
    config.session = session->id;
    config.token_bytes_max = WR_PEER_TOKEN_BYTES_MAX;
    config.handshake = session->handshake;
    config.sign_of_life_ns = spec->sign_of_life_ns;
    config.renew_at_permille = permille(spec->renew_at);
    config.echoes_cookies = spec->echoes_cookies;
    config.retransmits = spec->retransmits;
    end->world = world;
    end->index = index;
    end->peer = peer;
    end->session = index / WR_ROLES;
    end->role = role;
    end->entropy = sim_rng_named(world->seed, spec->name, session->name);
    end->core_timer = world_timer(world);
    end->core = wr_peer_create(&config, &environment, end);
    end->next_end = world->peers[peer].first_end;
    world->peers[peer].first_end = index;
    if (end->core == NULL) {
        return false;
    }
    world_traffic_build(end);
    if (session->start_ns[role] != WR_NEVER) {
        sim_queue_push(&world->queue, session->start_ns[role], WORLD_CLASS_PEER,
                       end->core_timer.source, WORLD_END_START, index);
    }
    return true;
}

void world_end_free(struct world_end *end)
{
    if (end->core != NULL) {
        wr_peer_destroy(end->core);
    }
    free(end->traffic.history);
    free(end->current);
    free(end->older);
}

void world_end_rearm(struct world_end *end)
{
    const struct world_peer *peer = &end->world->peers[end->peer];
    if (end->started && !peer->asleep && !peer->crashed) {
        world_arm(end->world, &end->core_timer, wr_peer_next_deadline(end->core), WORLD_CLASS_PEER,
                  WORLD_END_DEADLINE, end->index);
    }
}

void world_end_start(struct world_end *end)
{
    struct world *world = end->world;
    const struct world_peer *peer = &world->peers[end->peer];
    if (peer->crashed || end->started) {
        return;
    }
    end->started = true;
    wr_peer_start(end->core, now_of(world));
    world_end_rearm(end);
    world_traffic_begin(end);
}

void world_end_on_deadline(struct world_end *end)
{
    const struct world_peer *peer = &end->world->peers[end->peer];
    wr_instant now = now_of(end->world);
    if (!end->started || peer->asleep || peer->crashed) {
        return;
    }
    if (wr_peer_next_deadline(end->core) <= now) {
        wr_peer_on_deadline(end->core, now);
    }
    world_end_rearm(end);
}

/* ---- Leases -----------------------------------------------------------------------------------
 */

static void keep(struct world_end *end, const struct world_token *token)
{
    struct world_token *oldest = end->older;
    end->older = end->current;
    end->current = oldest != NULL ? oldest : world_zeroed(1, sizeof *end->current);
    *end->current = *token;
}

static void hand_over(struct world_end *end, const struct world_token *token)
{
    struct world *world = end->world;
    wr_instant now = now_of(world);
    const struct wr_peer_lease lease = {
        .relay = world_end_relay(end)->address,
        .token = token->bytes,
        .token_bytes = token->size,
        .lifetime_ns = wr_elapsed(now, token->until_ns),
        .expires_unix_ms = token->expires_unix_ms,
    };
    if (!wr_peer_lease(end->core, now, &lease)) {
        world_observe_note(world, end->peer, "was given a lease that it cannot use");
    }
    world_end_rearm(end);
}

/* The timeline wants this lease said in its own way: the peer learns of it, and its own first word
 * about it is not heard. It repeats it where nobody answers. */
static void say_in_its_place(struct world_end *end)
{
    wr_instant now = now_of(end->world);
    end->is_muted = true;
    hand_over(end, end->current);
    if (wr_peer_next_deadline(end->core) <= now) {
        wr_peer_on_deadline(end->core, now);
    }
    end->is_muted = false;
    if (end->present_next) {
        world_end_present(end, end->current);
    } else {
        world_end_renew(end, end->current);
    }
    end->present_next = end->renew_next = false;
    world_end_rearm(end);
}

void world_end_lease(struct world_end *end, const struct world_token *token)
{
    struct world *world = end->world;
    const struct world_peer *peer = &world->peers[end->peer];
    if (!token->is_repeat) {
        keep(end, token);
        end->leases_given++;
        if (token->is_honest) {
            sim_truth_lease(world->truth, now_of(world), end->peer,
                            &world->scenario->sessions[end->session].id, end->role,
                            token->until_ns);
        }
    }
    if (peer->crashed || !end->started) {
        return;
    }
    if (end->present_next || end->renew_next) {
        say_in_its_place(end);
    } else {
        hand_over(end, end->current);
    }
}

void world_end_no_lease(struct world_end *end, bool final)
{
    if (end->started && !end->world->peers[end->peer].crashed) {
        wr_peer_lease_refused(end->core, now_of(end->world), final);
        world_end_rearm(end);
    }
}

void world_end_present(struct world_end *end, const struct world_token *token)
{
    if (end->started && token != NULL) {
        wr_peer_say_present(end->core, now_of(end->world), token->bytes, token->size);
    }
}

void world_end_renew(struct world_end *end, const struct world_token *token)
{
    if (end->started) {
        wr_peer_say_renew(end->core, now_of(end->world), token != NULL ? token->bytes : NULL,
                          token != NULL ? token->size : 0);
    }
}

void world_end_leave(struct world_end *end)
{
    if (end->started) {
        wr_peer_leave(end->core, now_of(end->world));
        world_end_rearm(end);
    }
}

/* ---- The machine ------------------------------------------------------------------------------
 */

bool world_peer_build(struct world *world, uint32_t index)
{
    struct world_peer *peer = &world->peers[index];
    const struct sim_peer_spec *spec = &world->scenario->peers[index];
    uint32_t parent = spec->nat == SIM_NONE ? SIM_NET_CORE : world->nats[spec->nat];
    peer->spec = spec;
    peer->index = index;
    peer->address = spec->address;
    peer->nat = spec->nat;
    peer->first_end = SIM_NONE;
    peer->uplink = world_add_link(world, spec->uplink, spec->name, "up");
    peer->downlink = world_add_link(world, spec->downlink, spec->name, "down");
    peer->node = sim_net_add_endpoint(world->net, parent, peer->uplink, peer->downlink,
                                      &spec->address, index);
    sim_clock_init(&peer->clock, world->scenario->start_unix_ms, spec->clock.offset_ms,
                   spec->clock.drift_ppb);
    sim_truth_peer(world->truth, index, spec->name);
    return true;
}

/* Does all that a robust peer does to be served, and has what it takes. */
static bool is_able(const struct world_end *end)
{
    const struct world_peer *peer = &end->world->peers[end->peer];
    enum wr_peer_state state = wr_peer_state(end->core);
    return is_robust(end) && end->started && !peer->asleep && !peer->crashed &&
           state != WR_PEER_LEFT && state != WR_PEER_GAVE_UP && end->refusal != REJECT_FULL &&
           end->refusal != REJECT_BANNED && end->current != NULL && end->current->is_honest &&
           end->current->until_ns > now_of(end->world) && world_master_clock_is_right(end);
}

/* It is heard often enough for the relay, and for NATs, to know where it is. */
static bool can_be_reached(const struct world_end *end)
{
    uint64_t sign_of_life_ns = end->world->peers[end->peer].spec->sign_of_life_ns;
    return sim_traffic_speaks(&end->traffic.profile, now_of(end->world)) ||
           (sign_of_life_ns > 0 && sign_of_life_ns <= end->world->scenario->served_within_ns);
}

void world_tell_demands(struct world *world)
{
    for (uint32_t i = 0; i < WR_ROLES * world->scenario->session_count; i += WR_ROLES) {
        bool both = is_able(&world->ends[i]) && is_able(&world->ends[i + 1]);
        for (unsigned role = 0; role < WR_ROLES; role++) {
            const struct world_end *end = &world->ends[i + role];
            const struct world_end *other = &world->ends[i + wr_role_other(end->role)];
            sim_truth_demand(world->truth, now_of(world), end->peer,
                             both && can_be_reached(end) &&
                                 sim_traffic_speaks(&other->traffic.profile, now_of(world)));
        }
    }
}

void world_peer_sleep(struct world *world, uint32_t peer)
{
    world->peers[peer].asleep = true;
}

void world_peer_wake(struct world *world, uint32_t peer)
{
    if (!world->peers[peer].asleep) {
        return;
    }
    world->peers[peer].asleep = false;
    for (uint32_t i = world->peers[peer].first_end; i != SIM_NONE; i = world->ends[i].next_end) {
        world_end_on_deadline(&world->ends[i]);
        world_traffic_resume(&world->ends[i]);
    }
}

void world_peer_crash(struct world *world, uint32_t peer)
{
    world->peers[peer].crashed = true;
}

void world_peer_restart(struct world *world, uint32_t peer, bool keeps_lease)
{
    world->peers[peer].crashed = false;
    for (uint32_t i = world->peers[peer].first_end; i != SIM_NONE; i = world->ends[i].next_end) {
        struct world_end *end = &world->ends[i];
        end->keeps_lease = keeps_lease && end->current != NULL;
        if (end->started) {
            wr_peer_restart(end->core, now_of(world));
            world_end_rearm(end);
            world_traffic_resume(end);
        } else {
            world_end_start(end);
        }
    }
}

void world_peer_move(struct world *world, uint32_t index, const struct wr_address *address,
                     uint32_t nat, uint32_t uplink, uint32_t downlink)
{
    struct world_peer *peer = &world->peers[index];
    peer->address = *address;
    peer->nat = nat;
    peer->uplink = uplink;
    peer->downlink = downlink;
    sim_net_move(world->net, peer->node, nat == SIM_NONE ? SIM_NET_CORE : world->nats[nat], uplink,
                 downlink, address);
}

struct wr_address world_peer_public(struct world *world, uint32_t index,
                                    const struct wr_address *remote)
{
    const struct world_peer *peer = &world->peers[index];
    struct wr_address outside = peer->address;
    if (peer->nat != SIM_NONE) {
        sim_nat_external(sim_net_nat(world->net, world->nats[peer->nat]), now_of(world),
                         &peer->address, remote, &outside);
    }
    return outside;
}
