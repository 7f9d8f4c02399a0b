/*
 * What operator and master do to a relay: keys, bans, revocations, drain, and the link over which
 * it registers. What an operator has set outlives the process; what the master said does not.
 */
#include "world.h"

#include <string.h>

#define COUNTERS (sizeof(struct wr_counters) / sizeof(uint64_t))

/* Every member is a uint64_t: a sum of counters is a sum of words. */
_Static_assert(sizeof(struct wr_counters) % sizeof(uint64_t) == 0, "counters are words");

static void add_up(struct wr_counters *sum, const struct wr_counters *more)
{
    uint64_t words[COUNTERS];
    uint64_t more_words[COUNTERS];
    memcpy(words, sum, sizeof words);
    memcpy(more_words, more, sizeof more_words);
    for (size_t i = 0; i < COUNTERS; i++) {
        words[i] += more_words[i];
    }
    memcpy(sum, words, sizeof words);
}

void world_add_counters(struct wr_counters *sum, const struct wr_relay *core)
{
    struct wr_snapshot snapshot;
    wr_relay_snapshot(core, &snapshot);
    add_up(sum, &snapshot.counters);
}

void world_relay_snapshot(const struct world_relay *relay, struct wr_snapshot *out)
{
    memset(out, 0, sizeof *out);
    if (relay->core != NULL) {
        wr_relay_snapshot(relay->core, out);
    }
    add_up(&out->counters, &relay->past);
}

bool world_relay_ready(const struct world_relay *relay)
{
    return relay->core != NULL && wr_relay_accepts_sessions(relay->core) &&
           (!relay->has_link || wr_master_link_registered(&relay->link));
}

/* ---- Operator ----------------------------------------------------------------------------------
 */

static void add_key(struct world_relay *relay, const char *kid,
                    const uint8_t public_key[WR_PUBLIC_KEY_BYTES], bool pinned)
{
    world_relay_enter(relay);
    sim_oracle_key_add(relay->oracle, kid, public_key, pinned);
    (void)wr_relay_key_add(relay->core, kid, public_key, pinned);
    world_relay_leave(relay);
    world_relay_rearm(relay);
}

static void add_pinned(struct world_relay *relay, uint32_t key)
{
    const struct world *world = relay->world;
    add_key(relay, world->scenario->keys[key].kid, world->keys[key].public_key, true);
}

static void revoke(struct world_relay *relay, uint32_t key)
{
    const uint8_t *public_key = relay->world->keys[key].public_key;
    world_relay_enter(relay);
    sim_oracle_key_revoke(relay->oracle, public_key);
    (void)wr_relay_key_revoke(relay->core, public_key);
    world_relay_leave(relay);
    world_relay_rearm(relay);
}

static void ban(struct world_relay *relay, uint32_t peer)
{
    const char *identity = relay->world->scenario->peers[peer].identity;
    world_relay_enter(relay);
    sim_oracle_ban(relay->oracle, identity, strlen(identity));
    (void)wr_relay_ban(relay->core, identity, strlen(identity));
    world_relay_leave(relay);
    world_relay_rearm(relay);
}

void world_relay_tell_operator_state(struct world_relay *relay)
{
    const struct sim_scenario *scenario = relay->world->scenario;
    for (uint32_t i = 0; i < scenario->key_count; i++) {
        if (relay->is_revoked[i]) {
            revoke(relay, i);
        }
    }
    for (uint32_t i = 0; i < relay->pinned_count; i++) {
        add_pinned(relay, relay->pinned[i]);
    }
    for (uint32_t i = 0; i < scenario->peer_count; i++) {
        if (relay->is_banned[i]) {
            ban(relay, i);
        }
    }
}

static bool contains(const uint32_t *list, uint32_t count, uint32_t value)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == value) {
            return true;
        }
    }
    return false;
}

/* It can know the key that signs the leases for it, and trusts it. */
static bool can_verify(const struct world_relay *relay)
{
    const struct world *world = relay->world;
    const struct world_master *issuer;
    if (relay->spec->issuer == SIM_NONE) {
        return true;
    }
    issuer = &world->masters[relay->spec->issuer];
    if (relay->is_revoked[issuer->signs_with]) {
        return false;
    }
    if (relay->pinned_count > 0) {
        return contains(relay->pinned, relay->pinned_count, issuer->signs_with);
    }
    return issuer->has_published[issuer->signs_with];
}

void world_judge_keys(struct world *world)
{
    for (uint32_t i = 0; i < world->scenario->relay_count; i++) {
        struct world_relay *relay = &world->relays[i];
        world_trouble_set(world, &relay->keys_are_trouble, !can_verify(relay));
    }
}

/* Where the next pinned key is kept: a revoked one makes room, in the relay's ring as well. There
 * is no place where all are taken; the relay refuses the key then, too. */
static uint32_t pinned_place(const struct world_relay *relay)
{
    uint32_t place = relay->pinned_count;
    for (uint32_t i = 0; place == SIM_PINNED_KEYS_MAX && i < relay->pinned_count; i++) {
        place = relay->is_revoked[relay->pinned[i]] ? i : place;
    }
    return place;
}

void world_relay_pin(struct world_relay *relay, uint32_t key)
{
    uint32_t place = pinned_place(relay);
    if (!contains(relay->pinned, relay->pinned_count, key) && place < SIM_PINNED_KEYS_MAX) {
        relay->pinned[place] = key;
        relay->pinned_count += place == relay->pinned_count ? 1u : 0u;
    }
    if (relay->core != NULL) {
        add_pinned(relay, key);
    }
}

void world_relay_revoke(struct world_relay *relay, uint32_t key)
{
    relay->is_revoked[key] = true;
    if (relay->core != NULL) {
        revoke(relay, key);
    }
}

void world_relay_ban(struct world_relay *relay, uint32_t peer)
{
    relay->is_banned[peer] = true;
    if (relay->core != NULL) {
        ban(relay, peer);
    }
}

void world_relay_unban(struct world_relay *relay, uint32_t peer)
{
    const struct sim_scenario *scenario = relay->world->scenario;
    const char *identity = scenario->peers[peer].identity;
    for (uint32_t i = 0; i < scenario->peer_count; i++) { /* others may have the same identity */
        if (relay->is_banned[i] && strcmp(scenario->peers[i].identity, identity) == 0) {
            relay->is_banned[i] = false;
        }
    }
    if (relay->core != NULL) {
        world_relay_enter(relay);
        sim_oracle_unban(relay->oracle, identity, strlen(identity));
        wr_relay_unban(relay->core, identity, strlen(identity));
        world_relay_leave(relay);
    }
}

void world_relay_drain(struct world_relay *relay)
{
    if (relay->core == NULL) {
        return;
    }
    world_relay_enter(relay);
    sim_oracle_drain(relay->oracle);
    wr_relay_drain(relay->core);
    world_relay_leave(relay);
    if (relay->has_link) {
        relay->in_link = true;
        wr_master_link_drain(&relay->link, sim_queue_now_ns(&relay->world->queue));
        relay->in_link = false;
    }
    world_relay_rearm(relay);
}

/* ---- The link to the master --------------------------------------------------------------------
 */

static void request(void *context, const struct wr_master_request *what)
{
    world_master_request(context, what);
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    struct world_relay *relay = context;
    sim_rng_bytes(&relay->link_entropy, out, bytes);
}

static uint32_t load_pct(void *context)
{
    const struct world_relay *relay = context;
    struct wr_snapshot snapshot;
    wr_relay_snapshot(relay->core, &snapshot);
    uint64_t sessions = snapshot.sessions_active + snapshot.sessions_waiting;
    uint64_t pct = sessions * 100 / relay->spec->config.max_sessions;
    return pct > 100 ? 100 : (uint32_t)pct;
}

static void key(void *context, const char *kid, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    add_key(context, kid, public_key, false);
}

static void key_conflict(void *context, const char *kid,
                         const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    const struct world_relay *relay = context;
    (void)kid;
    (void)public_key;
    world_observe_relay_note(relay, "its master names a key that is not among the pinned ones");
}

static void link_event(void *context, enum wr_master_event event)
{
    const struct world_relay *relay = context;
    sim_hash_word(&relay->world->hash, (uint64_t)relay->index << 8 | (unsigned)event);
    world_observe_relay_note(relay, event == WR_MASTER_REGISTERED ? "is registered with its master"
                                                                  : "has lost its master");
}

void world_relay_link_start(struct world_relay *relay)
{
    struct world *world = relay->world;
    const struct wr_master_environment environment = {
        .context = relay,
        .request = request,
        .entropy = entropy,
        .load_pct = load_pct,
        .key = key,
        .key_conflict = key_conflict,
        .event = link_event,
    };
    uint8_t pinned[SIM_PINNED_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    relay->has_link = relay->spec->master != SIM_NONE;
    if (!relay->has_link) {
        return;
    }
    for (uint32_t i = 0; i < relay->pinned_count; i++) {
        memcpy(pinned[i], world->keys[relay->pinned[i]].public_key, WR_PUBLIC_KEY_BYTES);
    }
    wr_master_link_init(&relay->link, &environment, (const uint8_t(*)[WR_PUBLIC_KEY_BYTES])pinned,
                        relay->pinned_count, sim_queue_now_ns(&world->queue));
}

void world_relay_on_link(struct world_relay *relay)
{
    wr_instant now = sim_queue_now_ns(&relay->world->queue);
    if (relay->core == NULL || !relay->has_link || sim_host_paused(&relay->host, now)) {
        return;
    }
    if (wr_master_link_next_deadline(&relay->link) <= now) {
        relay->in_link = true;
        wr_master_link_on_deadline(&relay->link, now);
        relay->in_link = false;
    }
    world_relay_rearm(relay);
}

void world_relay_answer(struct world_relay *relay, uint32_t process, uint64_t id,
                        const struct wr_master_answer *answer)
{
    if (relay->core == NULL || !relay->has_link || process != relay->process) {
        return;
    }
    relay->in_link = true;
    wr_master_link_answer(&relay->link, sim_queue_now_ns(&relay->world->queue), id, answer);
    relay->in_link = false;
    world_relay_rearm(relay);
}
