#include "relay_state.h"

/* For which role is this cookie valid from this address? -1 for neither. */
static int cookie_role(struct wr_relay *relay, const struct wr_session *session,
                       const struct wr_address *from, const struct wr_packet *packet)
{
    for (int role = 0; role < WR_ROLES; role++) {
        if (session->seats[role].is_bound &&
            wr_cookie_valid(&relay->cookies, &session->id, (enum wr_role)role, from, relay->now,
                            packet->cookie))
            return role;
    }
    return -1;
}

/* From a bound address: acknowledged; a shortened lease starts anew; a release vacates. */
static enum wr_outcome renew_bound(struct wr_relay *relay, struct wr_session *session,
                                   enum wr_role role, const struct wr_datagram *datagram,
                                   const struct wr_packet *packet)
{
    struct wr_seat *seat = &session->seats[role];
    /* An ACK is longer than a bare renew, and who sends that has not shown that it receives. */
    bool bare = !packet->has_cookie;
    if (!wr_rate_allows(&relay->limits.peer, seat->peer_tat, relay->now) ||
        (bare && !WR_FAULT(bare_renews_unlimited) &&
         !wr_rate_allows(&relay->limits.bare_renew, seat->bare_renew_tat, relay->now)))
        return WR_OUTCOME_PEER_LIMITED;
    wr_rate_draw(&relay->limits.peer, &seat->peer_tat, relay->now);
    if (bare)
        wr_rate_draw(&relay->limits.bare_renew, &seat->bare_renew_tat, relay->now);
    bool valid = packet->has_cookie && wr_cookie_valid(&relay->cookies, &session->id, role,
                                                       &datagram->from, relay->now, packet->cookie);
    if (packet->has_cookie && !valid && !WR_FAULT(release_by_anyone))
        return WR_OUTCOME_COOKIE_INVALID;
    if (packet->release)
        return WR_OUTCOME_RELEASED;
    if (valid) {
        seat->sign_ns = relay->now;
        wr_bind_proven(seat);
    }
    wr_bind_heard(relay, session, seat);
    wr_bind_renew(relay, session, role);
    return WR_OUTCOME_RENEWED;
}

/* From another address: only a valid cookie does anything. */
static enum wr_outcome renew_unbound(struct wr_relay *relay, struct wr_session *session,
                                     const struct wr_route *from, const struct wr_packet *packet,
                                     enum wr_role *role)
{
    if (!packet->has_cookie)
        return WR_OUTCOME_RENEW_UNKNOWN;
    int found = packet->release ? -1 : cookie_role(relay, session, &from->address, packet);
    if (WR_FAULT(release_by_anyone) && packet->release && session->seats[*role].is_bound)
        return WR_OUTCOME_RELEASED;
    if (found < 0)
        return WR_OUTCOME_COOKIE_INVALID;
    *role = (enum wr_role)found;
    return wr_moving_cookie(relay, session, *role, from) ? WR_OUTCOME_COOKIE_PROMOTED
                                                         : WR_OUTCOME_CANDIDATE_UNPROVEN;
}

void wr_renew_path_receive(struct wr_relay *relay, const struct wr_datagram *datagram,
                           const struct wr_packet *packet, struct wr_session *session)
{
    const struct wr_route from = {datagram->from, datagram->via};
    enum wr_role role = WR_ROLE_CLIENT;
    enum wr_outcome outcome;
    relay->counters.lease_renew_packets++;
    int bound = session != NULL ? wr_session_role_of(session, &datagram->from) : -1;
    if (session != NULL)
        wr_moving_received(relay, session, &datagram->from, datagram->size);
    if (bound >= 0) {
        role = (enum wr_role)bound;
        outcome = renew_bound(relay, session, role, datagram, packet);
    } else if (!wr_admit_unbound(relay, &datagram->from)) {
        outcome = WR_OUTCOME_UNBOUND_LIMITED;
    } else if (session == NULL) {
        outcome = WR_OUTCOME_RENEW_UNKNOWN;
    } else {
        outcome = renew_unbound(relay, session, &from, packet, &role);
    }
    wr_report_outcome(relay, datagram->tag, outcome, &packet->session);
    if (outcome == WR_OUTCOME_COOKIE_PROMOTED) /* it is bound now, and renews like any other */
        wr_bind_renew(relay, session, role);
    if (outcome == WR_OUTCOME_RENEWED || outcome == WR_OUTCOME_COOKIE_PROMOTED) {
        wr_answer_ack(relay, session, role, &from, datagram->tag, datagram->size,
                      packet->has_cookie);
    } else if (outcome == WR_OUTCOME_RELEASED) {
        wr_lease_path_released(relay, &session->id, role, &datagram->from);
        wr_bind_vacate(relay, session, role, WR_WHY_RELEASED);
        if (!session->seats[wr_role_other(role)].is_bound)
            wr_bind_remove(relay, session, WR_WHY_RELEASED);
    }
}
