/*
 * A relay on its host: the core's environment table. The core is entered for one datagram at a
 * time, when the host comes to it; what that entry sends leaves when its service time is over.
 */
#include "world.h"

#include <address.h>

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- Who sent what the core still thinks about ----------------------------------------------- */

static uint32_t tag_place(const struct world_relay *relay, uint64_t tag)
{
    uint32_t place = (uint32_t)tag & (relay->tag_capacity - 1);
    while (relay->tags[place].tag != 0 && relay->tags[place].tag != tag) {
        place = (place + 1) & (relay->tag_capacity - 1);
    }
    return place;
}

static void remember_sender(struct world_relay *relay, uint64_t tag, uint32_t sender)
{
    if (2 * relay->tag_count >= relay->tag_capacity) {
        struct world_tag *old = relay->tags;
        uint32_t old_capacity = relay->tag_capacity;
        relay->tag_capacity = old_capacity > 0 ? 2 * old_capacity : 64;
        relay->tags = world_zeroed(relay->tag_capacity, sizeof *relay->tags);
        for (uint32_t i = 0; i < old_capacity; i++) {
            if (old[i].tag != 0) {
                relay->tags[tag_place(relay, old[i].tag)] = old[i];
            }
        }
        free(old);
    }
    struct world_tag *place = &relay->tags[tag_place(relay, tag)];
    relay->tag_count += place->tag == 0 ? 1u : 0u;
    *place = (struct world_tag){.tag = tag, .sender = sender};
}

static uint32_t sender_of(const struct world_relay *relay, uint64_t tag)
{
    if (relay->serving != NULL && relay->serving->number == tag) {
        return relay->serving->sender;
    }
    if (relay->tag_count == 0 || tag == 0) {
        return SIM_NONE;
    }
    const struct world_tag *place = &relay->tags[tag_place(relay, tag)];
    return place->tag == tag ? place->sender : SIM_NONE;
}

/* Linear probing without tombstones: what was pushed aside by the one that goes moves up. */
static void forget_sender(struct world_relay *relay, uint64_t tag)
{
    if (relay->tag_count == 0) {
        return;
    }
    uint32_t mask = relay->tag_capacity - 1;
    uint32_t hole = tag_place(relay, tag);
    if (relay->tags[hole].tag == 0) {
        return;
    }
    relay->tag_count--;
    for (uint32_t next = (hole + 1) & mask; relay->tags[next].tag != 0; next = (next + 1) & mask) {
        uint32_t home = (uint32_t)relay->tags[next].tag & mask;
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            relay->tags[hole] = relay->tags[next];
            hole = next;
        }
    }
    relay->tags[hole].tag = 0;
}

/* ---- The environment table ------------------------------------------------------------------- */

static wr_instant monotonic_ns(void *context)
{
    const struct world_relay *relay = context;
    return sim_queue_now_ns(&relay->world->queue);
}

static uint64_t wall_unix_ms(void *context)
{
    const struct world_relay *relay = context;
    return sim_clock_unix_ms(&relay->clock, sim_queue_now_ns(&relay->world->queue));
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    struct world_relay *relay = context;
    sim_rng_bytes(&relay->entropy, out, bytes);
}

/* Kept until the entry is over and its cost is known. A forwarded datagram keeps its bytes. */
static void send(void *context, const struct wr_output *output)
{
    struct world_relay *relay = context;
    struct sim_packets *packets = relay->world->packets;
    const struct sim_datagram *serving = relay->serving;
    bool is_forwarded = serving != NULL && serving->payload->size == output->size &&
                        output->bytes == sim_content_bytes(serving->payload);
    struct sim_content *payload = is_forwarded
                                      ? sim_content_share(serving->payload)
                                      : sim_content_make(packets, output->bytes, output->size);
    struct sim_datagram *datagram = sim_datagram_make(packets, payload);
    sim_oracle_sent(relay->oracle, output);
    datagram->from = relay->spec->address;
    datagram->to = output->to;
    datagram->cause = output->cause;
    datagram->asker = sender_of(relay, output->cause);
    datagram->sender = relay->endpoint;
    if (world_is_answer(output->bytes, output->size)) {
        relay->entry_cost_ns += relay->host.config.answer_ns;
    } else {
        relay->entry_cost_ns += relay->host.config.forward_ns;
        relay->world->forwarded++;
    }
    if (relay->send_count == relay->send_capacity) {
        relay->send_capacity = relay->send_capacity > 0 ? 2 * relay->send_capacity : 16;
        relay->sends = world_resized(relay->sends, relay->send_capacity, sizeof *relay->sends);
    }
    relay->sends[relay->send_count++] = datagram;
}

static void verify(void *context, const struct wr_verification *verification)
{
    struct world_relay *relay = context;
    wr_instant due_ns = sim_host_verify(&relay->host, sim_queue_now_ns(&relay->world->queue));
    assert(relay->job_count < WR_VERIFICATIONS_OUT);
    sim_oracle_verification(relay->oracle, verification);
    relay->jobs[(relay->first_job + relay->job_count++) % WR_VERIFICATIONS_OUT] =
        (struct world_job){.due_ns = due_ns, .verification = *verification};
}

static void observe(void *context, const struct wr_event *event)
{
    struct world_relay *relay = context;
    struct world *world = relay->world;
    uint32_t sender = sender_of(relay, event->tag);
    sim_oracle_observed(relay->oracle, event);
    sim_hash_word(&world->hash, event->tag << 8 | (unsigned)event->kind);
    sim_hash_word(&world->hash, (uint64_t)event->outcome << 32 | (uint64_t)event->verdict << 16 |
                                    (uint64_t)event->role << 12 | (uint64_t)event->why << 8 |
                                    event->rule);
    world_observe_relay(relay, event, sender);
    switch (event->kind) {
    case WR_EVENT_OUTCOME:
        relay->outcome_seen = true;
        relay->verdict_due = event->outcome == WR_OUTCOME_LEASE_TAKEN;
        if (!relay->verdict_due) {
            forget_sender(relay, event->tag);
        }
        break;
    case WR_EVENT_VERDICT:
        relay->verdict_due = false;
        forget_sender(relay, event->tag);
        break;
    case WR_EVENT_KEY_REFRESH_WANTED:
        relay->key_wanted = true;
        break;
    case WR_EVENT_CREATED:
    case WR_EVENT_ACTIVE:
    case WR_EVENT_BOUND:
    case WR_EVENT_CANDIDATE:
    case WR_EVENT_PROMOTED:
    case WR_EVENT_REVERTED:
    case WR_EVENT_VACATED:
    case WR_EVENT_REMOVED:
    case WR_EVENT_KEY_ADDED:
    case WR_EVENT_KEY_DROPPED:
    case WR_EVENT_DRAINED:
        break;
    }
}

/* ---- Entries --------------------------------------------------------------------------------- */

/* A process that is paused does nothing before its pause is over. */
static void arm(struct world_relay *relay, struct world_timer *timer, wr_instant due_ns,
                enum world_class class_, enum world_what what)
{
    wr_instant paused_ns = relay->host.paused_until_ns;
    world_arm(relay->world, timer, due_ns > paused_ns ? due_ns : paused_ns, class_, what,
              relay->index);
}

void world_relay_rearm(struct world_relay *relay)
{
    if (relay->core == NULL) {
        return;
    }
    arm(relay, &relay->host_timer, sim_host_next_deadline(&relay->host), WORLD_CLASS_HOST,
        WORLD_HOST);
    wr_instant core_due_ns = wr_relay_next_deadline(relay->core);
    if (core_due_ns < relay->core_rests_until_ns) {
        core_due_ns = relay->core_rests_until_ns;
    }
    arm(relay, &relay->core_timer, core_due_ns, WORLD_CLASS_RELAY, WORLD_RELAY_DEADLINE);
    if (relay->job_count > 0) {
        arm(relay, &relay->helper_timer, relay->jobs[relay->first_job].due_ns, WORLD_CLASS_HOST,
            WORLD_VERIFIED);
    }
    if (relay->has_link) {
        if (relay->key_wanted && !relay->in_link) {
            relay->key_wanted = false;
            wr_master_link_key_wanted(&relay->link, sim_queue_now_ns(&relay->world->queue));
        }
        arm(relay, &relay->link_timer, wr_master_link_next_deadline(&relay->link),
            WORLD_CLASS_RELAY, WORLD_RELAY_LINK);
    }
}

void world_relay_enter(struct world_relay *relay)
{
    wr_instant now = sim_queue_now_ns(&relay->world->queue);
    relay->entry_cost_ns = 0;
    sim_oracle_enter(relay->oracle, now, sim_clock_unix_ms(&relay->clock, now));
}

void world_relay_leave(struct world_relay *relay)
{
    struct world *world = relay->world;
    wr_instant now = sim_queue_now_ns(&world->queue);
    wr_instant departs_ns = now;
    sim_oracle_leave(relay->oracle, wr_relay_next_deadline(relay->core));
    if (relay->entry_cost_ns > 0 || relay->host.busy_until_ns > now) {
        departs_ns = sim_host_spend(&relay->host, now, relay->entry_cost_ns);
    }
    for (uint32_t i = 0; i < relay->send_count; i++) {
        sim_net_send(world->net, departs_ns, relay->node, relay->sends[i]);
    }
    relay->send_count = 0;
}

/* Tells the core what its host had to drop since the last time. */
static void tell_backpressure(struct world_relay *relay)
{
    uint64_t overflows = sim_host_take_overflows(&relay->host);
    if (overflows > 0) {
        world_relay_enter(relay);
        sim_oracle_backpressure(relay->oracle, overflows);
        wr_relay_backpressure(relay->core, overflows);
        world_relay_leave(relay);
    }
}

static void serve(struct world_relay *relay, struct sim_datagram *datagram)
{
    const struct wr_datagram input = {
        .from = datagram->from,
        .bytes = sim_content_bytes(datagram->payload),
        .size = datagram->payload->size,
        .tag = datagram->number,
    };
    tell_backpressure(relay);
    relay->serving = datagram;
    relay->outcome_seen = relay->verdict_due = false;
    world_relay_enter(relay);
    relay->entry_cost_ns += relay->host.config.receive_ns;
    sim_oracle_arrive(relay->oracle, &input, &datagram->sender, 1);
    wr_relay_receive(relay->core, &input, 1);
    relay->serving = NULL;
    if (!relay->outcome_seen || relay->verdict_due) {
        remember_sender(relay, datagram->number, datagram->sender);
    }
    world_relay_leave(relay);
    sim_datagram_release(relay->world->packets, datagram);
}

static void serve_all(struct world_relay *relay)
{
    wr_instant now = sim_queue_now_ns(&relay->world->queue);
    struct sim_datagram *datagram;
    while (relay->core != NULL && (datagram = sim_host_next(&relay->host, now)) != NULL) {
        serve(relay, datagram);
    }
}

void world_relay_arrive(struct world_relay *relay, struct sim_datagram *datagram)
{
    if (sim_host_arrive(&relay->host, relay->world->packets, datagram) != SIM_HOST_QUEUED) {
        return;
    }
    serve_all(relay);
    world_relay_rearm(relay);
}

void world_relay_on_host(struct world_relay *relay)
{
    serve_all(relay);
    world_relay_rearm(relay);
}

void world_relay_on_deadline(struct world_relay *relay)
{
    wr_instant now = sim_queue_now_ns(&relay->world->queue);
    if (relay->core == NULL || sim_host_paused(&relay->host, now)) {
        return;
    }
    if (wr_relay_next_deadline(relay->core) <= now) {
        world_relay_enter(relay);
        sim_oracle_deadline(relay->oracle);
        wr_relay_on_deadline(relay->core);
        world_relay_leave(relay);
        /* A core whose deadline stands still breaks its promise, as the oracle has said by now; it
         * must not hold the world at this instant. */
        if (wr_relay_next_deadline(relay->core) <= now) {
            relay->core_rests_until_ns = wr_after(now, WR_MS);
        }
    }
    world_relay_rearm(relay);
}

/* The index of the first key that signed it, -1 for none. */
static int verified_by(const struct wr_verification *verification)
{
    for (uint32_t i = 0; i < verification->key_count; i++) {
        if (crypto_sign_verify_detached(verification->signature, verification->message,
                                        verification->message_size, verification->keys[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void world_relay_on_verified(struct world_relay *relay)
{
    wr_instant now = sim_queue_now_ns(&relay->world->queue);
    while (relay->core != NULL && !sim_host_paused(&relay->host, now) && relay->job_count > 0 &&
           relay->jobs[relay->first_job].due_ns <= now) {
        /* The place is free before the core is told: it may ask for the next one at once. */
        struct wr_verification verification = relay->jobs[relay->first_job].verification;
        relay->first_job = (relay->first_job + 1) % WR_VERIFICATIONS_OUT;
        relay->job_count--;
        int key_index = verified_by(&verification);
        world_relay_enter(relay);
        sim_oracle_verified(relay->oracle, verification.id, key_index);
        wr_relay_verified(relay->core, verification.id, key_index);
        world_relay_leave(relay);
    }
    world_relay_rearm(relay);
}

/* ---- Life ------------------------------------------------------------------------------------ */

bool world_relay_start(struct world_relay *relay)
{
    struct world *world = relay->world;
    struct wr_relay_config config = relay->spec->config;
    const struct wr_environment environment = {
        .context = relay,
        .monotonic_ns = monotonic_ns,
        .wall_unix_ms = wall_unix_ms,
        .entropy = entropy,
        .send = send,
        .verify = verify,
        .observe = observe,
    };
    wr_instant now = sim_queue_now_ns(&world->queue);
    config.own_addresses = &relay->spec->address;
    config.own_address_count = 1;
    config.keys_refreshable = relay->spec->master != SIM_NONE && relay->pinned_count == 0;
    sim_host_start(&relay->host, now);
    relay->core = wr_relay_create(&config, &environment);
    if (relay->core == NULL) {
        return false;
    }
    relay->process++;
    if (relay->process > 1) {
        sim_oracle_restart(relay->oracle);
    }
    world_relay_tell_operator_state(relay);
    world_relay_link_start(relay);
    world_relay_rearm(relay);
    return true;
}

void world_relay_crash(struct world_relay *relay)
{
    if (relay->core == NULL) {
        return;
    }
    world_add_counters(&relay->past, relay->core);
    wr_relay_destroy(relay->core);
    relay->core = NULL;
    relay->has_link = false;
    relay->job_count = 0;
    relay->key_wanted = false;
    if (relay->tag_count > 0) {
        memset(relay->tags, 0, relay->tag_capacity * sizeof *relay->tags);
        relay->tag_count = 0;
    }
    sim_host_crash(&relay->host, relay->world->packets);
}

static bool clock_is_off(const struct world_relay *relay)
{
    wr_instant now = sim_queue_now_ns(&relay->world->queue);
    uint64_t shown_ms = sim_clock_unix_ms(&relay->clock, now);
    uint64_t true_ms = relay->world->scenario->start_unix_ms + now / WR_MS;
    uint64_t off_ms = shown_ms > true_ms ? shown_ms - true_ms : true_ms - shown_ms;
    return off_ms > (uint64_t)relay->spec->config.max_clock_skew_secs * 1000;
}

void world_judge_clocks(struct world *world)
{
    for (uint32_t i = 0; i < world->scenario->relay_count; i++) {
        struct world_relay *relay = &world->relays[i];
        world_trouble_set(world, &relay->clock_is_trouble, clock_is_off(relay));
    }
}

bool world_relay_build(struct world *world, uint32_t index)
{
    struct world_relay *relay = &world->relays[index];
    const struct sim_relay_spec *spec = &world->scenario->relays[index];
    const struct sim_host_config host = {
        .receive_ns = spec->host.receive_ns,
        .forward_ns = spec->host.forward_ns,
        .answer_ns = spec->host.answer_ns,
        .verify_ns = spec->host.verify_ns,
        .receive_queue_datagrams = spec->host.receive_queue_datagrams,
    };
    relay->world = world;
    relay->spec = spec;
    relay->index = index;
    relay->endpoint = world_relay_endpoint(world, index);
    relay->node = sim_net_add_endpoint(
        world->net, SIM_NET_CORE, world_add_link(world, spec->uplink, spec->name, "up"),
        world_add_link(world, spec->downlink, spec->name, "down"), &spec->address, relay->endpoint);
    relay->entropy = sim_rng_named(world->seed, spec->name, "entropy");
    relay->link_entropy = sim_rng_named(world->seed, spec->name, "link entropy");
    relay->host_timer = world_timer(world);
    relay->core_timer = world_timer(world);
    relay->helper_timer = world_timer(world);
    relay->link_timer = world_timer(world);
    relay->pinned_count = spec->pinned_key_count;
    memcpy(relay->pinned, spec->pinned_keys, sizeof relay->pinned);
    relay->is_revoked = world_zeroed(world->scenario->key_count, sizeof *relay->is_revoked);
    relay->is_banned = world_zeroed(world->scenario->peer_count, sizeof *relay->is_banned);
    sim_host_init(&relay->host, &host);
    sim_clock_init(&relay->clock, world->scenario->start_unix_ms, spec->clock.offset_ms,
                   spec->clock.drift_ppb);

    struct wr_relay_config config = spec->config;
    config.own_addresses = &spec->address;
    config.own_address_count = 1;
    relay->memory_bytes = wr_relay_memory_bytes(&config);
    relay->oracle = sim_oracle_create(&(struct sim_oracle_config){
        .relay = &config,
        .name = spec->name,
        .truth = world->truth,
        .context = relay,
        .violated = world_observe_violation,
    });
    return relay->oracle != NULL && world_relay_start(relay);
}

void world_relay_free(struct world_relay *relay)
{
    if (relay->core != NULL) {
        wr_relay_destroy(relay->core);
    }
    if (relay->oracle != NULL) {
        sim_oracle_destroy(relay->oracle);
    }
    if (relay->world != NULL) {
        sim_host_crash(&relay->host, relay->world->packets);
    }
    free(relay->sends);
    free(relay->tags);
    free(relay->is_revoked);
    free(relay->is_banned);
}
