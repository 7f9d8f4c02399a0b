#include "relay_state.h"

#include "address.h"
#include "memory.h"

#include <assert.h>

/* ---- Life --------------------------------------------------------------------------------------
 */

/* The tables, one behind the other, after the struct itself. */
static void layout(struct wr_relay *relay, struct wr_arena *arena,
                   const struct wr_relay_config *config)
{
    (void)wr_arena_take(arena, 1, sizeof *relay);
    wr_session_table_layout(&relay->sessions, arena, config->max_sessions);
    wr_bucket_table_layout(&relay->sources, arena);
    wr_bucket_table_layout(&relay->identities, arena);
    wr_token_cache_layout(&relay->cache, arena);
    wr_verify_queue_layout(&relay->queue, arena);
    wr_hold_pool_layout(&relay->pool, arena);
    wr_ban_list_layout(&relay->bans, arena, config->max_bans);
}

size_t wr_relay_memory_bytes(const struct wr_relay_config *config)
{
    struct wr_relay scratch; /* for the addresses, which mean nothing here */
    struct wr_arena arena = {NULL, 0};
    layout(&scratch, &arena, config);
    return arena.used;
}

static void draw_keys(struct wr_relay *relay)
{
    const struct wr_environment *environment = &relay->environment;
    uint8_t root[WR_COOKIE_ROOT_BYTES];
    environment->entropy(environment->context, relay->sessions.key, sizeof relay->sessions.key);
    environment->entropy(environment->context, relay->sources.key, sizeof relay->sources.key);
    environment->entropy(environment->context, relay->queue.key, sizeof relay->queue.key);
    environment->entropy(environment->context, relay->identity_key, sizeof relay->identity_key);
    environment->entropy(environment->context, relay->token_key, sizeof relay->token_key);
    environment->entropy(environment->context, relay->mark_key, sizeof relay->mark_key);
    environment->entropy(environment->context, root, sizeof root);
    wr_cookie_jar_start(&relay->cookies, root, relay->now);
}

void wr_relay_take_own_addresses(struct wr_relay *relay, const struct wr_address *addresses,
                                 uint32_t count)
{
    assert(count <= WR_OWN_ADDRESSES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        relay->own_addresses[i] = addresses[i];
        wr_address_canonicalise(&relay->own_addresses[i]);
    }
    relay->config.own_addresses = relay->own_addresses;
    relay->config.own_address_count = count;
}

struct wr_relay *wr_relay_create(const struct wr_relay_config *config,
                                 const struct wr_environment *environment)
{
    if (wr_relay_config_error(config) != NULL)
        return NULL;
    struct wr_relay *relay = wr_memory_take(wr_relay_memory_bytes(config));
    if (relay == NULL)
        return NULL;
    struct wr_arena arena = {(uint8_t *)relay, 0};
    layout(relay, &arena, config);
    relay->environment = *environment;
    relay->config = *config;
    relay->relay_id_bytes = wr_relay_id_bytes(config->relay_id);
    memcpy(relay->relay_id, config->relay_id, relay->relay_id_bytes);
    relay->config.relay_id = relay->relay_id;
    wr_relay_take_own_addresses(relay, config->own_addresses, config->own_address_count);
    relay->drain_ends_ns = WR_NEVER;
    relay->waiters_oldest = WR_HOLD_NONE;
    relay->waiters_newest = WR_HOLD_NONE;
    relay->now = environment->monotonic_ns(environment->context);
    wr_relay_apply_limits(relay);
    wr_session_table_start(&relay->sessions);
    relay->shared = config->shared != NULL ? config->shared : &relay->own_shared;
    wr_verify_queue_start(&relay->queue, config->verify_rate, &relay->shared->verification);
    wr_hold_pool_start(&relay->pool);
    wr_keyring_start(&relay->ring, relay->skew_ms * WR_MS);
    draw_keys(relay);
    return relay;
}

void wr_relay_destroy(struct wr_relay *relay)
{
    if (relay != NULL) /* its sessions end with it: their places are the others' */
        wr_shared_close(relay->shared, relay->sessions.count);
    wr_memory_give_back(relay);
}

/* ---- Time --------------------------------------------------------------------------------------
 */

uint64_t wr_relay_wall(struct wr_relay *relay)
{
    if (!relay->wall_known) {
        relay->wall_unix_ms = relay->environment.wall_unix_ms(relay->environment.context);
        relay->wall_known = true;
    }
    return relay->wall_unix_ms;
}

static wr_instant minimum(wr_instant a, wr_instant b)
{
    return a < b ? a : b;
}

wr_instant wr_relay_next_deadline(const struct wr_relay *relay)
{
    wr_instant next = wr_session_table_next_deadline(&relay->sessions);
    if (relay->queue.pending > 0) {
        next = minimum(next, wr_verify_queue_timeout_deadline(&relay->queue));
        next = minimum(next, wr_verify_queue_budget_deadline(&relay->queue, relay->now));
    }
    next = minimum(next, wr_holding_deadline(relay));
    next = minimum(next, wr_keyring_next_deadline(&relay->ring));
    if (WR_FAULT(deadline_stands_still) && relay->sessions.count > 0)
        next = minimum(next, relay->now);
    return minimum(next, relay->drain_ends_ns);
}

static void drop_old_keys(struct wr_relay *relay)
{
    char kid[WR_KID_BYTES_MAX + 1];
    while (wr_keyring_expire_one(&relay->ring, relay->now, kid)) {
        wr_report_key(relay, WR_EVENT_KEY_DROPPED, kid);
        wr_lease_path_keys_changed(relay);
    }
}

/* Everything that is due at one instant, in the order that ties go by: requests that ran out of
 * time, requests due by the budget, what waited for message 3, sessions as they were created,
 * keys, drain. (Results of verifications come before all of them: wr_relay_verified.) */
static void act(struct wr_relay *relay)
{
    struct wr_verify_request *request;
    while ((request = wr_verify_queue_timed_out(&relay->queue, relay->now)) != NULL)
        wr_lease_path_timed_out(relay, request);
    wr_lease_path_pump(relay);
    while (wr_holding_deadline(relay) <= relay->now)
        wr_holding_on_deadline(relay);
    while (wr_session_table_next_deadline(&relay->sessions) <= relay->now)
        wr_bind_on_deadline(relay, wr_session_table_first(&relay->sessions));
    drop_old_keys(relay);
    if (relay->drain_ends_ns <= relay->now) {
        relay->drain_ends_ns = WR_NEVER;
        if (!relay->drained) {
            relay->drained = true;
            wr_report_drained(relay);
        }
    }
}

/* Acts on every deadline before `until`, instant by instant. */
static void act_before(struct wr_relay *relay, wr_instant until)
{
    for (;;) {
        wr_instant next = wr_relay_next_deadline(relay);
        if (next >= until)
            return;
        if (next > relay->now)
            relay->now = next;
        act(relay);
        if (WR_FAULT(deadline_stands_still))
            return;
    }
}

void wr_relay_enter(struct wr_relay *relay, bool due_now_too)
{
    wr_instant now = relay->environment.monotonic_ns(relay->environment.context);
    if (now < relay->now)
        now = relay->now;
    relay->wall_known = false;
    relay->tag = 0;
    act_before(relay, due_now_too ? wr_after(now, 1) : now);
    relay->now = now;
}

void wr_relay_on_deadline(struct wr_relay *relay)
{
    wr_relay_enter(relay, true);
}

/* ---- Datagrams ---------------------------------------------------------------------------------
 */

#define BATCH 32

static void receive_undecodable(struct wr_relay *relay, const struct wr_datagram *datagram,
                                enum wr_outcome failure)
{
    enum wr_bare bare = WR_BARE_NONE;
    if (failure == WR_OUTCOME_BAD_MAGIC && relay->config.bare_rift)
        bare = wr_rift_bare(datagram->bytes, datagram->size);
    if (bare == WR_BARE_NONE)
        wr_report_outcome(relay, datagram->tag, failure, NULL);
    else if (wr_admit_bad_source(relay, &datagram->from))
        wr_report_outcome(relay, datagram->tag, WR_OUTCOME_BAD_SOURCE, NULL);
    else
        wr_forward_path_bare(relay, datagram, bare);
}

static void receive_one(struct wr_relay *relay, const struct wr_datagram *datagram, uint64_t hash,
                        struct wr_session *hint)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    relay->counters.packets_rx++;
    relay->counters.bytes_rx += datagram->size;
    if (!wr_wire_decode(datagram->bytes, datagram->size, &packet, &failure)) {
        receive_undecodable(relay, datagram, failure);
        return;
    }
    if (packet.type == WR_PACKET_LEASE_ACK || packet.type == WR_PACKET_LEASE_REJECT) {
        wr_report_outcome(relay, datagram->tag, WR_OUTCOME_UNEXPECTED_TYPE, &packet.session);
        return;
    }
    if (wr_admit_bad_source(relay, &datagram->from)) {
        wr_report_outcome(relay, datagram->tag, WR_OUTCOME_BAD_SOURCE, &packet.session);
        return;
    }
    struct wr_session *session =
        wr_session_table_find_again(&relay->sessions, &packet.session, hash, hint);
    if (packet.type == WR_PACKET_FORWARD)
        wr_forward_path_receive(relay, datagram, &packet, session);
    else if (packet.has_token)
        wr_lease_path_receive(relay, datagram, &packet, session);
    else
        wr_renew_path_receive(relay, datagram, &packet, session);
}

/* The low bits of the sequence of an opaque FORWARD or of a RIFT packet id: enough to know which
 * part of a window will be touched. Whatever the bytes are, only a prefetch depends on them. */
static uint32_t sequence_hint(const struct wr_datagram *datagram)
{
    if (datagram->size < WR_WIRE_HEADER_BYTES + WR_RIFT_TRANSPORT_BYTES)
        return 0;
    const uint8_t *payload = datagram->bytes + WR_WIRE_HEADER_BYTES;
    const uint8_t *low = wr_rift_begins(payload, 2) ? payload + 14 : payload + 6;
    return (uint32_t)low[0] << 8 | low[1];
}

/* Looks up the sessions that a batch names, so that what it will touch is on its way when it is
 * touched. A lookup may be outdated by the time its datagram's turn comes. */
static void look_up(struct wr_relay *relay, const struct wr_datagram *datagrams, size_t count,
                    uint64_t hashes[BATCH], struct wr_session *hints[BATCH])
{
    struct wr_session_table *table = &relay->sessions;
    static const struct wr_session_id nobody; /* no session: what is too short names none */
    const struct wr_session_id *ids[BATCH];
    for (size_t i = 0; i < count; i++) {
        bool names_one = datagrams[i].size >= WR_DATAGRAM_BYTES_MIN;
        ids[i] = names_one ? (const void *)(datagrams[i].bytes + 4) : &nobody;
        hashes[i] = wr_session_table_hash(table, ids[i]);
        hints[i] = NULL;
        wr_session_table_prefetch_head(table, hashes[i]);
    }
    if (count == 1)
        return;
    for (size_t i = 0; i < count; i++)
        wr_session_table_prefetch_first(table, hashes[i]);
    for (size_t i = 0; i < count; i++) {
        hints[i] = wr_session_table_find(table, ids[i], hashes[i]);
        if (hints[i] != NULL)
            wr_session_table_prefetch_session(hints[i], sequence_hint(&datagrams[i]));
    }
}

void wr_relay_receive(struct wr_relay *relay, const struct wr_datagram *datagrams, size_t count)
{
    uint64_t hashes[BATCH];
    struct wr_session *hints[BATCH];
    wr_relay_enter(relay, true);
    for (size_t start = 0; start < count; start += BATCH) {
        size_t batch = count - start < BATCH ? count - start : BATCH;
        look_up(relay, datagrams + start, batch, hashes, hints);
        for (size_t i = 0; i < batch; i++) {
            struct wr_datagram datagram = datagrams[start + i];
            wr_address_canonicalise(&datagram.from);
            relay->tag = datagram.tag;
            receive_one(relay, &datagram, hashes[i], hints[i]);
        }
    }
    relay->tag = 0;
}

void wr_relay_verified(struct wr_relay *relay, uint32_t id, int key_index)
{
    wr_relay_enter(relay, false);
    assert(id < WR_VERIFY_REQUESTS);
    struct wr_verify_request *request = &relay->queue.requests[id];
    assert(request->place == WR_VERIFY_OUT); /* the environment's promise: once for each request */
    assert(key_index < (int)request->key_count);
    relay->tag = request->origin.tag;
    wr_lease_path_verified(relay, request, key_index);
    relay->tag = 0;
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

void wr_relay_snapshot(const struct wr_relay *relay, struct wr_snapshot *out)
{
    memset(out, 0, sizeof *out);
    out->counters = relay->counters;
    out->held = relay->pool.used;
    out->pending = relay->queue.pending;
    out->sessions_active = relay->sessions.active;
    out->sessions_waiting = relay->sessions.count - relay->sessions.active;
    out->queue_depth = relay->queue.lists[WR_VERIFY_FIRST].count +
                       (uint64_t)relay->queue.lists[WR_VERIFY_SECOND].count;
    out->key_ring_generation = relay->ring.generation;
    out->keys = relay->ring.count;
    out->draining = relay->draining;
    out->drained = relay->drained;
}

bool wr_relay_accepts_sessions(const struct wr_relay *relay)
{
    return (relay->ring.count > 0 || relay->config.allow_insecure_dev) &&
           wr_admit_session(relay) == WR_VERDICT_ACCEPTED;
}
