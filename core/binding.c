#include "relay_state.h"

#include "address.h"

#include <assert.h>

/* Milliseconds from `from` to `to` in nanoseconds; 0 when it lies behind. */
static uint64_t span_ns(uint64_t from_unix_ms, uint64_t to_unix_ms)
{
    uint64_t ms = to_unix_ms > from_unix_ms ? to_unix_ms - from_unix_ms : 0;
    return ms > WR_NEVER / WR_MS ? WR_NEVER : ms * WR_MS;
}

/* The end that applies from now on: the signed one, or a set duration where that is shorter. */
static void set_end(struct wr_relay *relay, struct wr_seat *seat)
{
    uint64_t wall = wr_relay_wall(relay);
    seat->ends_ns = seat->signed_ends_ns;
    seat->ack_expires_unix_ms = seat->order.expires_unix_ms;
    if (relay->config.lease_duration_secs == 0)
        return;
    uint64_t duration_ms = (uint64_t)relay->config.lease_duration_secs * 1000;
    wr_instant shortened = wr_after(relay->now, (duration_ms + relay->skew_ms) * WR_MS);
    if (shortened < seat->signed_ends_ns) {
        seat->ends_ns = shortened;
        seat->ack_expires_unix_ms = wall + duration_ms;
    }
}

/* What both a first and a newer token set: lifetime, limits, order, bytes, key. */
static void take_token(struct wr_relay *relay, struct wr_seat *seat, const struct wr_grant *grant)
{
    const struct wr_claims *claims = grant->claims;
    uint64_t last_unix_ms = claims->expires_unix_ms + relay->skew_ms;
    seat->signed_ends_ns = wr_after(relay->now, span_ns(wr_relay_wall(relay), last_unix_ms));
    if (WR_FAULT(expire_late))
        seat->signed_ends_ns = wr_after(seat->signed_ends_ns, WR_S);
    if (WR_FAULT(ignore_expiry))
        seat->signed_ends_ns = WR_NEVER;
    seat->order.issued_unix_ms = claims->has_issued ? claims->issued_unix_ms : 0;
    seat->order.expires_unix_ms = claims->expires_unix_ms;
    set_end(relay, seat);
    seat->soft_limit_kbps = claims->soft_limit_kbps;
    seat->hard_limit_kbps = claims->hard_limit_kbps;
    memcpy(seat->token_mark, grant->token_hash, sizeof seat->token_mark);
    seat->key_mark = wr_hash_bytes(relay->mark_key, grant->key, WR_PUBLIC_KEY_BYTES);
    seat->bound_by_token = true;
    seat->sign_ns = relay->now;
    wr_bind_proven(seat);
    if (!grant->origin->renew || WR_FAULT(renew_empties_window))
        wr_replay_reset(&seat->replay); /* the peer has restarted */
}

void wr_bind_proven(struct wr_seat *seat)
{
    seat->path_capped = false;
}

void wr_bind_schedule(struct wr_relay *relay, struct wr_session *session)
{
    wr_session_table_schedule(
        &relay->sessions, session,
        wr_session_deadline(session, relay->peer_wait_ns, relay->idle_timeout_ns));
}

struct wr_session *wr_bind_open(struct wr_relay *relay, const struct wr_session_id *id)
{
    struct wr_session *session = wr_session_table_add(&relay->sessions, id);
    assert(session != NULL); /* admission counted the places */
    session->waiting_since_ns = relay->now;
    session->heard_ns = relay->now;
    for (int role = 0; role < WR_ROLES; role++)
        wr_replay_reset(&session->seats[role].replay);
    wr_report_session(relay, WR_EVENT_CREATED, session);
    return session;
}

/* A change of the session's state is one for both of its addresses. */
static void report_seats(struct wr_relay *relay, const struct wr_session *session)
{
    for (int role = 0; role < WR_ROLES; role++) {
        if (session->seats[role].is_bound)
            wr_report_bound(relay, &session->seats[role].bound.address);
    }
}

void wr_bind_seat(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                  const struct wr_grant *grant)
{
    struct wr_seat *seat = &session->seats[role];
    const struct wr_route route = {grant->origin->from, grant->origin->via};
    wr_session_table_bind(&relay->sessions, session, role, &route);
    seat->is_locked = true;
    seat->is_released = false;
    memcpy(seat->identity, grant->identity, sizeof seat->identity);
    seat->candidate.until_ns = 0;
    seat->remembered.until_ns = 0;
    seat->displaced.until_ns = 0;
    seat->loser.until_ns = 0;
    take_token(relay, seat, grant);
    wr_bind_heard(relay, session, seat);
    wr_session_update_limits(session);
    wr_report_seat(relay, WR_EVENT_BOUND, session, role, &seat->bound.address, 0);
    if (wr_session_both_bound(session)) {
        wr_session_table_set_state(&relay->sessions, session, WR_SESSION_ACTIVE);
        session->active_since_ns = relay->now;
        session->expired_role = false;
        wr_report_session(relay, WR_EVENT_ACTIVE, session);
    }
    report_seats(relay, session);
    wr_bind_schedule(relay, session);
}

void wr_bind_newer(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                   const struct wr_grant *grant)
{
    struct wr_seat *seat = &session->seats[role];
    const struct wr_route route = {grant->origin->from, grant->origin->via};
    if (!wr_address_equal(&seat->bound.address, &route.address))
        wr_moving_newer_token(relay, session, role, &route);
    else
        seat->displaced.until_ns = 0; /* only the very token that moved the peer is undone */
    seat->bound.via = route.via;
    take_token(relay, seat, grant);
    wr_bind_heard(relay, session, seat);
    wr_session_update_limits(session);
    wr_bind_schedule(relay, session);
}

void wr_bind_renew(struct wr_relay *relay, struct wr_session *session, enum wr_role role)
{
    if (WR_FAULT(renew_outlives_signature)) {
        session->seats[role].signed_ends_ns = wr_after(relay->now, 300 * WR_S);
        session->seats[role].order.expires_unix_ms = wr_relay_wall(relay) + 300000;
    }
    set_end(relay, &session->seats[role]);
    wr_bind_schedule(relay, session);
}

void wr_bind_vacate(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                    enum wr_why why)
{
    struct wr_seat *seat = &session->seats[role];
    wr_session_table_unbind(&relay->sessions, session, role);
    seat->is_released = why == WR_WHY_RELEASED;
    seat->candidate.until_ns = 0;
    seat->remembered.until_ns = 0;
    seat->displaced.until_ns = 0;
    seat->loser.until_ns = 0;
    if (session->state == WR_SESSION_ACTIVE) {
        wr_session_table_set_state(&relay->sessions, session, WR_SESSION_WAITING_PEER);
        session->waiting_since_ns = relay->now;
    }
    wr_report_bound(relay, &seat->bound.address);
    report_seats(relay, session);
    if (why == WR_WHY_EXPIRED)
        session->expired_role = true;
    wr_session_update_limits(session);
    wr_report_vacated(relay, session, role, why);
    wr_bind_schedule(relay, session);
    wr_holding_restart(relay, session);
}

void wr_bind_remove(struct wr_relay *relay, struct wr_session *session, enum wr_why why)
{
    /* What waits for message 3 is given its outcome when the session is gone: its places are
     * taken over here, because the session's memory may serve another from now on. */
    struct wr_handshake handshake = session->handshake;
    session->handshake.held_count = 0;
    wr_report_removed(relay, session, why);
    bool was_bound[WR_ROLES];
    struct wr_address addresses[WR_ROLES];
    for (int role = 0; role < WR_ROLES; role++) {
        was_bound[role] = session->seats[role].is_bound;
        addresses[role] = session->seats[role].bound.address;
        wr_session_table_unbind(&relay->sessions, session, (enum wr_role)role);
    }
    wr_session_table_remove(&relay->sessions, session);
    for (int role = 0; role < WR_ROLES; role++) {
        if (was_bound[role])
            wr_report_bound(relay, &addresses[role]);
    }
    wr_shared_close(relay->shared, 1); /* the last: another relay may take the place at once */
    wr_holding_orphans(relay, &handshake);
    if (relay->draining && !relay->drained && relay->sessions.count == 0) {
        relay->drained = true;
        wr_report_drained(relay);
    }
}

void wr_bind_on_deadline(struct wr_relay *relay, struct wr_session *session)
{
    if (WR_FAULT(idle_never))
        session->heard_ns = relay->now;
    if (WR_FAULT(wait_forever))
        session->waiting_since_ns = relay->now;
    for (int role = 0; role < WR_ROLES; role++) {
        struct wr_seat *seat = &session->seats[role];
        if (seat->is_bound && seat->ends_ns <= relay->now)
            wr_bind_vacate(relay, session, (enum wr_role)role, WR_WHY_EXPIRED);
    }
    if (session->state == WR_SESSION_WAITING_PEER &&
        wr_after(session->waiting_since_ns, relay->peer_wait_ns) <= relay->now) {
        wr_bind_remove(relay, session, session->expired_role ? WR_WHY_EXPIRED : WR_WHY_IDLE);
        return;
    }
    if (wr_after(session->heard_ns, relay->idle_timeout_ns) <= relay->now) {
        wr_bind_remove(relay, session, WR_WHY_IDLE);
        return;
    }
    wr_session_table_reschedule(
        &relay->sessions, session,
        wr_session_deadline(session, relay->peer_wait_ns, relay->idle_timeout_ns));
}
