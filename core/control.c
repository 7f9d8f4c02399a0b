#include "relay_state.h"

enum wr_key_result wr_relay_key_add(struct wr_relay *relay, const char *kid,
                                    const uint8_t public_key[WR_PUBLIC_KEY_BYTES],
                                    enum wr_key_standing standing)
{
    char evicted_kid[WR_KID_BYTES_MAX + 1];
    bool evicted;
    wr_relay_enter(relay, true);
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

void wr_relay_key_retire(struct wr_relay *relay, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    wr_relay_enter(relay, true);
    wr_keyring_retire(&relay->ring, public_key, relay->now);
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
    wr_relay_enter(relay, true);
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
    wr_relay_enter(relay, true);
    wr_hash_identity(relay->identity_key, sub, sub_bytes, identity);
    bool added = wr_ban_list_add(&relay->bans, identity);
    if (added && !WR_FAULT(ban_ignored))
        end_sessions(relay, WR_WHY_BANNED, held_by, identity);
    return added;
}

void wr_relay_unban(struct wr_relay *relay, const char *sub, size_t sub_bytes)
{
    uint8_t identity[WR_IDENTITY_HASH_BYTES];
    wr_relay_enter(relay, true);
    wr_hash_identity(relay->identity_key, sub, sub_bytes, identity);
    wr_ban_list_remove(&relay->bans, identity);
}

/* Every deadline may lie elsewhere once the timeouts have changed. */
static void reschedule_all(struct wr_relay *relay)
{
    for (uint32_t slot = relay->sessions.oldest; slot != WR_SLOT_NONE;) {
        struct wr_session *session = &relay->sessions.sessions[slot];
        slot = session->newer;
        wr_session_table_reschedule(
            &relay->sessions, session,
            wr_session_deadline(session, relay->peer_wait_ns, relay->idle_timeout_ns));
    }
}

const char *wr_relay_set_limits(struct wr_relay *relay, const struct wr_relay_config *config)
{
    struct wr_relay_config next = *config;
    wr_relay_enter(relay, true);
    /* What a relay is born with stays. */
    next.shared = relay->config.shared;
    next.relay_id = relay->config.relay_id;
    next.own_addresses = relay->config.own_addresses;
    next.own_address_count = relay->config.own_address_count;
    next.max_bans = relay->config.max_bans;
    next.allow_insecure_dev = relay->config.allow_insecure_dev;
    next.keys_refreshable = relay->config.keys_refreshable;
    const char *error = wr_relay_config_error(&next);
    if (error != NULL)
        return error;
    if (next.max_sessions > relay->sessions.capacity)
        return "max_sessions cannot be more than the relay was created with";
    relay->config = next;
    wr_relay_apply_limits(relay);
    relay->queue.rate = wr_rate_packets(next.verify_rate);
    wr_keyring_set_skew(&relay->ring, relay->skew_ms * WR_MS);
    reschedule_all(relay);
    return NULL;
}

void wr_relay_set_own_addresses(struct wr_relay *relay, const struct wr_address *addresses,
                                uint32_t count)
{
    wr_relay_enter(relay, true);
    wr_relay_take_own_addresses(relay, addresses, count);
}

void wr_relay_drain(struct wr_relay *relay)
{
    wr_relay_enter(relay, true);
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
