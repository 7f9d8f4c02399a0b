#include "relay_state.h"

#include "address.h"

static bool silent(const struct wr_relay *relay, const struct wr_seat *seat, uint64_t for_ns)
{
    return wr_elapsed(seat->sign_ns, relay->now) >= for_ns;
}

static bool is_candidate(const struct wr_relay *relay, const struct wr_seat *seat,
                         const struct wr_address *address)
{
    return wr_candidate_lives(&seat->candidate, relay->now) &&
           wr_address_equal(&seat->candidate.route.address, address);
}

static bool is_remembered(const struct wr_relay *relay, const struct wr_seat *seat,
                          const struct wr_address *address)
{
    return !WR_FAULT(no_reversion) && wr_remembered_lives(&seat->remembered, relay->now) &&
           wr_address_equal(&seat->remembered.route.address, address);
}

static bool is_loser(const struct wr_relay *relay, const struct wr_seat *seat,
                     const struct wr_address *address)
{
    return relay->now < seat->loser.until_ns &&
           seat->loser.address_mark == wr_hash_bytes(relay->mark_key, address, sizeof *address);
}

/* The address that is bound now loses its place to one that had it before. */
static void note_loser(const struct wr_relay *relay, struct wr_seat *seat)
{
    seat->loser.address_mark =
        wr_hash_bytes(relay->mark_key, &seat->bound.address, sizeof seat->bound.address);
    seat->loser.until_ns = wr_after(relay->now, WR_REMEMBERED_LIFE_NS);
}

/* The newest candidate replaces the older; one that presents again lives anew. `bytes` is the size
 * of the datagram that made it one. */
static void make_candidate(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                           const struct wr_route *route, uint32_t bytes)
{
    struct wr_seat *seat = &session->seats[role];
    wr_instant until_ns = wr_after(relay->now, WR_CANDIDATE_LIFE_NS);
    if (is_candidate(relay, seat, &route->address)) {
        seat->candidate.route = *route;
        seat->candidate.until_ns = until_ns;
        return;
    }
    seat->candidate =
        (struct wr_candidate){.route = *route, .until_ns = until_ns, .received_bytes = bytes};
    wr_report_seat(relay, WR_EVENT_CANDIDATE, session, role, &route->address, 0);
}

/* The peer is somewhere else now; its being bound there is a sign of life, and it was heard. */
static void bind_at(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                    const struct wr_route *route)
{
    const struct wr_route to = *route; /* it may be the seat's own candidate or memory */
    struct wr_seat *seat = &session->seats[role];
    const struct wr_address from = seat->bound.address;
    wr_session_table_bind(&relay->sessions, session, role, &to);
    wr_report_bound(relay, &from);
    wr_report_bound(relay, &to.address);
    seat->sign_ns = relay->now;
    wr_bind_heard(relay, session, seat);
    if (wr_address_equal(&seat->candidate.route.address, &to.address))
        seat->candidate.until_ns = 0;
}

/* Rules 1 and 2. */
static void promote(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                    const struct wr_route *route, uint32_t rule)
{
    struct wr_seat *seat = &session->seats[role];
    bool same_ip = wr_address_same_ip(&seat->bound.address, &route->address);
    uint64_t received_bytes = seat->candidate.received_bytes;
    if (!wr_remembered_lives(&seat->remembered, relay->now) && !WR_FAULT(forget_to_remember)) {
        seat->remembered = (struct wr_remembered){
            .route = seat->bound,
            .until_ns = wr_after(relay->now, WR_REMEMBERED_LIFE_NS),
            .top = seat->replay.top,
            .empty = wr_replay_empty(&seat->replay),
            .bound_by_token = seat->bound_by_token,
            .path_capped = seat->path_capped,
            .path_credit_bytes = seat->path_credit_bytes,
        };
    }
    bind_at(relay, session, role, route);
    seat->bound_by_token = false;
    if (rule == 1) {
        wr_bind_proven(seat);
        relay->counters.promotions_by_cookie++;
    } else {
        /* Another port behind an unproven address is as unproven. */
        seat->path_capped = seat->path_capped || !same_ip;
        seat->path_credit_bytes = WR_PATH_CAP_FACTOR * received_bytes;
        relay->counters.promotions_by_forward++;
    }
    if (is_loser(relay, seat, &seat->bound.address))
        seat->loser.until_ns = 0;
    relay->counters.nat_rebind_events++;
    wr_report_seat(relay, WR_EVENT_PROMOTED, session, role, &seat->bound.address, rule);
}

/* The remembered address takes its peer back, with the window's top of then; once. */
static void restore(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                    bool by_cookie)
{
    struct wr_seat *seat = &session->seats[role];
    struct wr_remembered was = seat->remembered;
    note_loser(relay, seat);
    seat->remembered.until_ns = 0;
    bind_at(relay, session, role, &was.route);
    wr_replay_restore(&seat->replay, was.top, was.empty);
    seat->bound_by_token = was.bound_by_token;
    seat->path_capped = was.path_capped && !by_cookie;
    seat->path_credit_bytes = was.path_credit_bytes;
    if (by_cookie)
        relay->counters.reversions_by_cookie++;
    else
        relay->counters.reversions_by_forward++;
    wr_report_seat(relay, WR_EVENT_REVERTED, session, role, &seat->bound.address, 2);
}

/* A copied newer token had overtaken its owner, who presents the same bytes. */
static void undo_newer_token(struct wr_relay *relay, struct wr_session *session, enum wr_role role)
{
    struct wr_seat *seat = &session->seats[role];
    note_loser(relay, seat);
    seat->displaced.until_ns = 0;
    seat->remembered.until_ns = 0;
    bind_at(relay, session, role, &seat->displaced.route);
    seat->bound_by_token = true;
    wr_bind_proven(seat);
    relay->counters.reversions_by_token++;
    wr_report_seat(relay, WR_EVENT_REVERTED, session, role, &seat->bound.address, 3);
}

void wr_moving_presented(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                         const struct wr_route *from, uint32_t bytes, bool cookie_valid,
                         const uint8_t *token_hash)
{
    struct wr_seat *seat = &session->seats[role];
    if (relay->now < seat->displaced.until_ns &&
        wr_address_equal(&seat->displaced.route.address, &from->address) &&
        memcmp(seat->token_mark, token_hash, sizeof seat->token_mark) == 0) {
        undo_newer_token(relay, session, role);
        return;
    }
    if (cookie_valid && is_remembered(relay, seat, &from->address)) {
        restore(relay, session, role, true);
        return;
    }
    make_candidate(relay, session, role, from, bytes);
    relay->counters.candidates_by_token++;
    bool quiet = silent(relay, seat, WR_SILENCE_BY_COOKIE_NS) || WR_FAULT(promote_without_silence);
    if ((cookie_valid && quiet) || WR_FAULT(candidate_takes_over))
        promote(relay, session, role, from, 1);
}

bool wr_moving_cookie(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                      const struct wr_route *from)
{
    struct wr_seat *seat = &session->seats[role];
    if (is_remembered(relay, seat, &from->address)) {
        restore(relay, session, role, true);
        return true;
    }
    if (!silent(relay, seat, WR_SILENCE_BY_COOKIE_NS) && !WR_FAULT(promote_without_silence)) {
        relay->counters.promotions_refused_unsilent++;
        return false;
    }
    promote(relay, session, role, from, 1);
    return true;
}

void wr_moving_newer_token(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                           const struct wr_route *from)
{
    struct wr_seat *seat = &session->seats[role];
    seat->displaced.route = seat->bound;
    seat->displaced.until_ns =
        seat->bound_by_token ? wr_after(relay->now, WR_REMEMBERED_LIFE_NS) : 0;
    seat->remembered.until_ns = 0;
    bind_at(relay, session, role, from);
    if (is_loser(relay, seat, &seat->bound.address))
        seat->loser.until_ns = 0;
    relay->counters.nat_rebind_events++;
    relay->counters.promotions_by_token++;
    wr_report_seat(relay, WR_EVENT_PROMOTED, session, role, &seat->bound.address, 3);
}

/* ---- FORWARDs of addresses that are not bound -------------------------------------------------
 */

static bool exempt(const struct wr_packet *packet)
{
    return packet->is_rift && wr_rift_exempt(&packet->rift);
}

/* Both roles may have sent it (section 3, passive_rebind): which one did? -1 for nobody knows. */
static int tell_apart(const struct wr_relay *relay, const struct wr_session *session,
                      uint64_t sequence)
{
    const struct wr_seat *client = &session->seats[WR_ROLE_CLIENT];
    const struct wr_seat *server = &session->seats[WR_ROLE_SERVER];
    uint64_t tops[WR_ROLES] = {client->replay.top, server->replay.top};
    uint64_t apart = tops[0] > tops[1] ? tops[0] - tops[1] : tops[1] - tops[0];
    if (apart > 2 * WR_REPLAY_WINDOW) {
        int nearest = -1;
        for (int role = 0; role < WR_ROLES; role++) {
            if (tops[role] < sequence && (nearest < 0 || tops[role] > tops[nearest]))
                nearest = role;
        }
        return nearest;
    }
    bool silent_roles[WR_ROLES] = {silent(relay, client, WR_SILENCE_BY_FORWARD_NS),
                                   silent(relay, server, WR_SILENCE_BY_FORWARD_NS)};
    if (silent_roles[0] != silent_roles[1])
        return silent_roles[0] ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
    if (!silent_roles[0])
        return -1;
    bool ahead[WR_ROLES];
    for (int role = 0; role < WR_ROLES; role++)
        ahead[role] = sequence > tops[role] && sequence - tops[role] <= WR_REPLAY_WINDOW;
    if (ahead[0] == ahead[1])
        return -1;
    return ahead[0] ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
}

/* The role that may have moved to this address without a word; -1 for none. */
static int passive_role(const struct wr_relay *relay, const struct wr_session *session,
                        const struct wr_address *from, uint64_t sequence)
{
    bool fits[WR_ROLES];
    if (relay->config.passive_rebind == WR_REBIND_OFF || WR_FAULT(rebind_off))
        return -1;
    for (int role = 0; role < WR_ROLES; role++) {
        const struct wr_seat *seat = &session->seats[role];
        if (!seat->is_bound && seat->is_locked && wr_address_equal(&seat->bound.address, from))
            return -1; /* it had this role until that was vacated, and may be sending still */
        fits[role] = seat->is_bound && (relay->config.passive_rebind == WR_REBIND_ANY ||
                                        wr_address_same_ip(&seat->bound.address, from));
    }
    if (fits[0] && fits[1])
        return tell_apart(relay, session, sequence);
    if (fits[0])
        return WR_ROLE_CLIENT;
    return fits[1] ? WR_ROLE_SERVER : -1;
}

/* A FORWARD of the remembered address: back to it, or nothing. */
static enum wr_moving forward_of_remembered(struct wr_relay *relay, struct wr_session *session,
                                            enum wr_role role, const struct wr_packet *packet)
{
    struct wr_seat *seat = &session->seats[role];
    struct wr_remembered *remembered = &seat->remembered;
    if (!wr_rate_take(&relay->limits.candidate, &session->remembered_tat, relay->now))
        return WR_MOVING_LIMITED;
    if (exempt(packet) || remembered->empty ||
        !wr_replay_ahead(remembered->top, &remembered->jump, packet->sequence, relay->now)) {
        relay->counters.promotions_refused_sequence++;
        return WR_MOVING_UNPROVEN;
    }
    struct wr_jump jump = remembered->jump;
    restore(relay, session, role, false);
    seat->replay.jump = jump; /* so that the third packet of a jump moves the window too */
    return WR_MOVING_PROMOTED;
}

/* Rule 2, for the candidate of a role. */
static enum wr_moving forward_of_candidate(struct wr_relay *relay, struct wr_session *session,
                                           enum wr_role role, const struct wr_packet *packet)
{
    struct wr_seat *seat = &session->seats[role];
    struct wr_candidate *candidate = &seat->candidate;
    if (!WR_FAULT(promote_behind_top) &&
        (exempt(packet) || wr_replay_empty(&seat->replay) ||
         !wr_replay_ahead(seat->replay.top, &candidate->jump, packet->sequence, relay->now))) {
        relay->counters.promotions_refused_sequence++;
        return WR_MOVING_UNPROVEN;
    }
    if (!silent(relay, seat, WR_SILENCE_BY_FORWARD_NS) &&
        !WR_FAULT(promote_by_forward_without_silence)) {
        relay->counters.promotions_refused_unsilent++;
        return WR_MOVING_UNPROVEN;
    }
    if (is_loser(relay, seat, &candidate->route.address)) {
        relay->counters.promotions_refused_loser++;
        return WR_MOVING_UNPROVEN;
    }
    struct wr_jump jump = candidate->jump;
    promote(relay, session, role, &candidate->route, 2);
    if (jump.seen > 0)
        seat->replay.jump = jump;
    return WR_MOVING_PROMOTED;
}

enum wr_moving wr_moving_forward(struct wr_relay *relay, struct wr_session *session,
                                 const struct wr_datagram *datagram, const struct wr_packet *packet,
                                 enum wr_role *role)
{
    const struct wr_address *from = &datagram->from;
    int found = -1;
    for (int i = 0; i < WR_ROLES; i++) {
        if (session->seats[i].is_bound && is_remembered(relay, &session->seats[i], from)) {
            *role = (enum wr_role)i;
            return forward_of_remembered(relay, session, *role, packet);
        }
    }
    for (int i = WR_ROLES - 1; i >= 0; i--) {
        if (session->seats[i].is_bound && is_candidate(relay, &session->seats[i], from))
            found = i;
    }
    bool is_new = found < 0;
    if (is_new)
        found = passive_role(relay, session, from, packet->sequence);
    if (found < 0)
        return WR_MOVING_UNRELATED;
    *role = (enum wr_role)found;
    if (!wr_rate_take(&relay->limits.candidate, &session->candidate_tat, relay->now))
        return WR_MOVING_LIMITED;
    if (is_new) {
        const struct wr_route route = {*from, datagram->via};
        make_candidate(relay, session, *role, &route, datagram->size);
        relay->counters.candidates_by_forward++;
    }
    return forward_of_candidate(relay, session, *role, packet);
}

void wr_moving_received(struct wr_relay *relay, struct wr_session *session,
                        const struct wr_address *from, uint32_t bytes)
{
    for (int role = 0; role < WR_ROLES; role++) {
        struct wr_seat *seat = &session->seats[role];
        if (!seat->is_bound)
            continue;
        if (is_candidate(relay, seat, from))
            seat->candidate.received_bytes += bytes;
        if (seat->remembered.path_capped && is_remembered(relay, seat, from))
            seat->remembered.path_credit_bytes += WR_PATH_CAP_FACTOR * (uint64_t)bytes;
        if (seat->path_capped && wr_address_equal(&seat->bound.address, from))
            seat->path_credit_bytes += WR_PATH_CAP_FACTOR * (uint64_t)bytes;
    }
}
