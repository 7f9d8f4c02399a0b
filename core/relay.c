#include "relay_state.h"

#include "address.h"
#include "memory.h"

#include <assert.h>

/* ---- Configuration and life --------------------------------------------------------------------
 */

void wr_relay_config_default(struct wr_relay_config *config)
{
    *config = (struct wr_relay_config){
        .max_sessions = 100,
        .load_shed_threshold_pct = 95,
        .idle_timeout_secs = 60,
        .peer_wait_secs = 60,
        .max_clock_skew_secs = 30,
        .ip_rate_limit_pps = 1000,
        .identity_rate_limit_pps = 200,
        .peer_rate_limit_pps = 20000,
        .drain_timeout_secs = 30,
        .max_bans = 65536,
        .role_policy = WR_ROLE_POLICY_SIGNED,
        .passive_rebind = WR_REBIND_SAME_IP,
        .bare_rift = true,
        .keys_refreshable = true,
    };
}

#define MAX_SESSIONS  (1u << 24)
#define MAX_SECS      (366u * 24 * 3600)
#define MAX_RATE      1000000000u
#define MIN_BANDWIDTH 48u /* kbps: a datagram of 1500 bytes fits a burst of 250 ms */
#define MAX_BANS      (1u << 24)

static size_t text_bytes(const char *text, size_t most)
{
    size_t bytes = 0;
    while (bytes <= most && text[bytes] != '\0')
        bytes++;
    return bytes;
}

const char *wr_relay_config_error(const struct wr_relay_config *config)
{
    size_t id_bytes =
        config->relay_id != NULL ? text_bytes(config->relay_id, WR_RELAY_ID_BYTES_MAX) : 0;
    if (id_bytes == 0 || id_bytes > WR_RELAY_ID_BYTES_MAX)
        return "relay_id must have 1 to 256 bytes";
    if (config->own_address_count > WR_OWN_ADDRESSES_MAX)
        return "own_address_count must be at most 16";
    if (config->max_sessions < 1 || config->max_sessions > MAX_SESSIONS)
        return "max_sessions must be 1 to 16777216";
    if (config->load_shed_threshold_pct < 1 || config->load_shed_threshold_pct > 100)
        return "load_shed_threshold_pct must be 1 to 100";
    if (config->idle_timeout_secs < 1 || config->idle_timeout_secs > MAX_SECS)
        return "idle_timeout_secs must be 1 to 31622400";
    if (config->peer_wait_secs < 1 || config->peer_wait_secs > MAX_SECS)
        return "peer_wait_secs must be 1 to 31622400";
    if (config->lease_duration_secs > MAX_SECS)
        return "lease_duration_secs must be at most 31622400";
    if (config->max_clock_skew_secs > 3600)
        return "max_clock_skew_secs must be at most 3600";
    if (config->ip_rate_limit_pps < 1 || config->ip_rate_limit_pps > MAX_RATE)
        return "ip_rate_limit_pps must be 1 to 1000000000";
    if (config->identity_rate_limit_pps < 1 || config->identity_rate_limit_pps > MAX_RATE)
        return "identity_rate_limit_pps must be 1 to 1000000000";
    if (config->peer_rate_limit_pps > MAX_RATE)
        return "peer_rate_limit_pps must be at most 1000000000";
    if (config->max_bandwidth_kbps != 0 && config->max_bandwidth_kbps < MIN_BANDWIDTH)
        return "max_bandwidth_kbps must be 0 (off) or at least 48";
    if (config->verify_rate < 1 || config->verify_rate > MAX_RATE)
        return "verify_rate must be 1 to 1000000000";
    if (config->drain_timeout_secs > MAX_SECS)
        return "drain_timeout_secs must be at most 31622400";
    if (config->max_bans > MAX_BANS)
        return "max_bans must be at most 16777216";
    return NULL;
}

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

static void set_limits(struct wr_relay *relay)
{
    const struct wr_relay_config *config = &relay->config;
    relay->limits = (struct wr_limits){
        .unbound = wr_rate_packets(config->ip_rate_limit_pps),
        .identity = wr_rate_packets(config->identity_rate_limit_pps),
        .peer = wr_rate_packets(config->peer_rate_limit_pps),
        .candidate = wr_rate_packets(50),
        .exempt = wr_rate_packets_burst(20, 20),
        .reject_prefix = wr_rate_packets_burst(1, 1),
        .reject_all = wr_rate_packets(1000),
        .bandwidth_kbps = config->max_bandwidth_kbps,
    };
    uint64_t shed = (uint64_t)config->max_sessions * config->load_shed_threshold_pct / 100;
    relay->shed_at = shed > 0 ? (uint32_t)shed : 1;
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
    relay->relay_id_bytes = text_bytes(config->relay_id, WR_RELAY_ID_BYTES_MAX);
    memcpy(relay->relay_id, config->relay_id, relay->relay_id_bytes);
    relay->config.relay_id = relay->relay_id;
    for (uint32_t i = 0; i < config->own_address_count; i++) {
        relay->own_addresses[i] = config->own_addresses[i];
        wr_address_canonicalise(&relay->own_addresses[i]);
    }
    relay->config.own_addresses = relay->own_addresses;
    relay->skew_ms = (uint64_t)config->max_clock_skew_secs * 1000;
    relay->idle_timeout_ns = config->idle_timeout_secs * WR_S;
    relay->peer_wait_ns = config->peer_wait_secs * WR_S;
    relay->drain_ends_ns = WR_NEVER;
    relay->waiters_oldest = WR_HOLD_NONE;
    relay->waiters_newest = WR_HOLD_NONE;
    relay->now = environment->monotonic_ns(environment->context);
    set_limits(relay);
    wr_session_table_start(&relay->sessions);
    wr_verify_queue_start(&relay->queue, config->verify_rate);
    wr_hold_pool_start(&relay->pool);
    wr_keyring_start(&relay->ring, relay->skew_ms * WR_MS);
    draw_keys(relay);
    return relay;
}

void wr_relay_destroy(struct wr_relay *relay)
{
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

/* Begins an entry: the clock is read once (it never runs back), and what is due before now is
 * done; what is due at this very instant only where `due_now_too`. */
static void enter(struct wr_relay *relay, bool due_now_too)
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
    enter(relay, true);
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
    enter(relay, true);
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
    enter(relay, false);
    assert(id < WR_VERIFY_REQUESTS);
    struct wr_verify_request *request = &relay->queue.requests[id];
    assert(request->place == WR_VERIFY_OUT); /* the environment's promise: once for each request */
    assert(key_index < (int)request->key_count);
    relay->tag = request->origin.tag;
    wr_lease_path_verified(relay, request, key_index);
    relay->tag = 0;
}

/* ---- Control events -----------------------------------------------------------------------------
 */

enum wr_key_result wr_relay_key_add(struct wr_relay *relay, const char *kid,
                                    const uint8_t public_key[WR_PUBLIC_KEY_BYTES],
                                    enum wr_key_standing standing)
{
    char evicted_kid[WR_KID_BYTES_MAX + 1];
    bool evicted;
    enter(relay, true);
    if (WR_FAULT(key_never_joins) && relay->ring.count > 0)
        return WR_KEY_KNOWN;
    enum wr_key_result result =
        wr_keyring_add(&relay->ring, kid, public_key, standing, relay->now, &evicted, evicted_kid);
    if (evicted)
        wr_report_key(relay, WR_EVENT_KEY_DROPPED, evicted_kid);
    if (result == WR_KEY_ADDED) {
        wr_report_key(relay, WR_EVENT_KEY_ADDED, kid);
        wr_lease_path_keys_changed(relay);
    } else if (result != WR_KEY_KNOWN) {
        relay->counters.key_refused++;
    }
    return result;
}

static void report_dropped(void *context, const char *kid)
{
    wr_report_key(context, WR_EVENT_KEY_DROPPED, kid);
}

/* Ends, in the order of their creation, the sessions that `concerned` names. */
static void end_sessions(struct wr_relay *relay, enum wr_why why,
                         bool (*concerned)(const struct wr_seat *seat, const void *argument),
                         const void *argument)
{
    uint32_t slot = relay->sessions.oldest;
    while (slot != WR_SLOT_NONE) {
        struct wr_session *session = &relay->sessions.sessions[slot];
        slot = session->newer;
        if (concerned(&session->seats[WR_ROLE_CLIENT], argument) ||
            concerned(&session->seats[WR_ROLE_SERVER], argument))
            wr_bind_remove(relay, session, why);
    }
}

static bool signed_by(const struct wr_seat *seat, const void *argument)
{
    const uint64_t *mark = argument;
    return seat->is_bound && seat->key_mark == *mark;
}

bool wr_relay_key_revoke(struct wr_relay *relay, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    enter(relay, true);
    if (WR_FAULT(revoke_ignored))
        return true;
    uint64_t generation = relay->ring.generation;
    uint64_t mark = wr_hash_bytes(relay->mark_key, public_key, WR_PUBLIC_KEY_BYTES);
    bool remembered = wr_keyring_revoke(&relay->ring, public_key, report_dropped, relay);
    end_sessions(relay, WR_WHY_REVOKED, signed_by, &mark);
    if (relay->ring.generation != generation)
        wr_lease_path_keys_changed(relay);
    return remembered;
}

static bool held_by(const struct wr_seat *seat, const void *argument)
{
    return seat->is_locked && memcmp(seat->identity, argument, sizeof seat->identity) == 0;
}

bool wr_relay_ban(struct wr_relay *relay, const char *sub, size_t sub_bytes)
{
    uint8_t identity[WR_IDENTITY_HASH_BYTES];
    enter(relay, true);
    wr_hash_identity(relay->identity_key, sub, sub_bytes, identity);
    bool added = wr_ban_list_add(&relay->bans, identity);
    if (added && !WR_FAULT(ban_ignored))
        end_sessions(relay, WR_WHY_BANNED, held_by, identity);
    return added;
}

void wr_relay_unban(struct wr_relay *relay, const char *sub, size_t sub_bytes)
{
    uint8_t identity[WR_IDENTITY_HASH_BYTES];
    enter(relay, true);
    wr_hash_identity(relay->identity_key, sub, sub_bytes, identity);
    wr_ban_list_remove(&relay->bans, identity);
}

void wr_relay_drain(struct wr_relay *relay)
{
    enter(relay, true);
    if (relay->draining)
        return;
    relay->draining = true;
    relay->drain_ends_ns = wr_after(relay->now, relay->config.drain_timeout_secs * WR_S);
    if (relay->sessions.count == 0) {
        relay->drained = true;
        wr_report_drained(relay);
    }
}

void wr_relay_backpressure(struct wr_relay *relay, uint64_t datagrams)
{
    relay->counters.backpressure_dropped_packets += datagrams;
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
