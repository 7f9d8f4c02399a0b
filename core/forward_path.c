#include "relay_state.h"

#include "address.h"

/* What one datagram costs its buckets, and which limit it would cross first. */
struct charge {
    uint64_t session_ns;
    uint64_t soft_ns;
    uint64_t relay_ns;
};

static bool path_allows(const struct wr_seat *receiver, uint32_t bytes)
{
    return !receiver->path_capped || WR_FAULT(no_path_cap) || bytes <= receiver->path_credit_bytes;
}

/* The limits of section 5 in the order of section 4; all are tested before any is drawn. */
static enum wr_outcome test_limits(const struct wr_relay *relay, const struct wr_session *session,
                                   const struct wr_seat *sender, const struct wr_seat *receiver,
                                   uint32_t bytes, struct charge *charge)
{
    uint32_t relay_kbps = relay->limits.bandwidth_kbps;
    if (!path_allows(receiver, bytes))
        return WR_OUTCOME_PATH_CAPPED;
    if (!wr_rate_allows(&relay->limits.peer, sender->peer_tat, relay->now) &&
        !WR_FAULT(unlimited_peer))
        return WR_OUTCOME_PEER_LIMITED;
    charge->session_ns = wr_bytes_cost_ns(bytes, session->hard_limit_kbps);
    if (!wr_gcra_allows(session->hard_tat, charge->session_ns, WR_BYTES_BURST_NS, relay->now) &&
        !WR_FAULT(unlimited_session))
        return WR_OUTCOME_SESSION_LIMITED;
    charge->relay_ns = relay_kbps != 0 ? wr_bytes_cost_ns(bytes, relay_kbps) : 0;
    if (relay_kbps != 0 && !wr_gcra_allows(wr_shared_tat(&relay->shared->bandwidth),
                                           charge->relay_ns, WR_BYTES_BURST_NS, relay->now))
        return WR_OUTCOME_RELAY_LIMITED;
    charge->soft_ns = wr_bytes_cost_ns(bytes, session->soft_limit_kbps);
    return WR_OUTCOME_FORWARDED;
}

/* False where another relay of the process drew the bandwidth since it was tested: then nothing is
 * drawn. */
static bool draw_limits(struct wr_relay *relay, struct wr_session *session, struct wr_seat *sender,
                        struct wr_seat *receiver, uint32_t bytes, const struct charge *charge)
{
    if (relay->limits.bandwidth_kbps != 0 &&
        !wr_shared_draw(&relay->shared->bandwidth, charge->relay_ns, WR_BYTES_BURST_NS, relay->now))
        return false;
    wr_rate_draw(&relay->limits.peer, &sender->peer_tat, relay->now);
    wr_gcra_draw(&session->hard_tat, charge->session_ns, relay->now);
    if (receiver->path_capped)
        receiver->path_credit_bytes -=
            bytes < receiver->path_credit_bytes ? bytes : receiver->path_credit_bytes;
    /* The soft limit drops nothing: crossings are counted. */
    if (wr_gcra_allows(session->soft_tat, charge->soft_ns, WR_BYTES_BURST_NS, relay->now)) {
        wr_gcra_draw(&session->soft_tat, charge->soft_ns, relay->now);
        session->over_soft = false;
    } else if (!session->over_soft) {
        session->over_soft = true;
        relay->counters.soft_limit_crossings++;
    }
    return true;
}

/* Nothing to an address that was not heard for 30 s, counted from ACTIVE at the earliest. */
static bool stale(const struct wr_relay *relay, const struct wr_session *session,
                  const struct wr_seat *receiver)
{
    wr_instant since = receiver->heard_ns > session->active_since_ns ? receiver->heard_ns
                                                                     : session->active_since_ns;
    return wr_elapsed(since, relay->now) >= WR_STALE_RECEIVER_NS && !WR_FAULT(never_stale);
}

#ifdef WAVRY_FAULTS
/* What a broken core makes of a datagram on its way out. */
static void send_broken(const struct wr_relay *relay, const struct wr_datagram *datagram,
                        const struct wr_seat *receiver, struct wr_output output)
{
    uint8_t copy[WR_DATAGRAM_BYTES_MAX];
    if (WR_FAULT(forward_to_wrong_peer) && relay->counters.packets_forwarded % 8 == 0)
        output.to = datagram->from;
    if (WR_FAULT(forward_to_candidate) && wr_candidate_lives(&receiver->candidate, relay->now))
        output.to = receiver->candidate.route.address;
    if (WR_FAULT(cut_a_byte))
        output.size--;
    if (WR_FAULT(flip_a_byte)) {
        memcpy(copy, datagram->bytes, datagram->size);
        copy[datagram->size - 1] ^= 1;
        output.bytes = copy;
    }
    if (WR_FAULT(forward_twice))
        relay->environment.send(relay->environment.context, &output);
    relay->environment.send(relay->environment.context, &output);
}
#endif

/* The receiver must not be stale and every limit allow it; then all are drawn on. */
static enum wr_outcome take_limits(struct wr_relay *relay, struct wr_session *session,
                                   struct wr_seat *sender, struct wr_seat *receiver, uint32_t bytes)
{
    struct charge charge;
    if (stale(relay, session, receiver))
        return WR_OUTCOME_STALE_RECEIVER;
    enum wr_outcome outcome = test_limits(relay, session, sender, receiver, bytes, &charge);
    if (outcome == WR_OUTCOME_FORWARDED &&
        !draw_limits(relay, session, sender, receiver, bytes, &charge))
        outcome = WR_OUTCOME_RELAY_LIMITED;
    return outcome;
}

/* The identical bytes go to the other peer. */
static void send_on(struct wr_relay *relay, const struct wr_datagram *datagram,
                    const struct wr_seat *receiver)
{
    const struct wr_output output = {
        .to = receiver->bound.address,
        .bytes = datagram->bytes,
        .size = datagram->size,
        .via = receiver->bound.via,
        .cause = datagram->tag,
    };
    relay->counters.packets_forwarded++;
    relay->counters.bytes_forwarded += datagram->size;
#ifdef WAVRY_FAULTS
    send_broken(relay, datagram, receiver, output);
#else
    relay->environment.send(relay->environment.context, &output);
#endif
}

static bool exempt_packet(const struct wr_packet *packet)
{
    return packet->is_rift && wr_rift_exempt(&packet->rift);
}

static unsigned passes_max(const struct wr_packet *packet)
{
    if (WR_FAULT(rift_repeats_unlimited) && packet->is_rift)
        return UINT32_MAX;
    return packet->is_rift ? WR_REPLAY_PASSES_RIFT : WR_REPLAY_PASSES;
}

/* From a bound address of an ACTIVE session: sequence, receiver, limits, out, commit. */
static enum wr_outcome forward(struct wr_relay *relay, struct wr_session *session,
                               enum wr_role role, const struct wr_datagram *datagram,
                               const struct wr_packet *packet)
{
    struct wr_seat *sender = &session->seats[role];
    struct wr_seat *receiver = &session->seats[wr_role_other(role)];
    bool exempt = exempt_packet(packet);
    if (exempt) {
        if (!wr_rate_allows(&relay->limits.exempt, sender->exempt_tat, relay->now) &&
            !WR_FAULT(exempt_unlimited))
            return WR_OUTCOME_EXEMPT_LIMITED;
    } else {
        switch (
            wr_replay_check(&sender->replay, packet->sequence, passes_max(packet), relay->now)) {
        case WR_REPLAY_FRESH:
            break;
        case WR_REPLAY_SEEN:
            if (WR_FAULT(no_replay_window))
                break;
            return WR_OUTCOME_REPLAYED;
        case WR_REPLAY_UNCONFIRMED:
            if (WR_FAULT(jump_at_once))
                break;
            wr_jump_note(&sender->replay.jump, packet->sequence, relay->now);
            return WR_OUTCOME_JUMP_UNCONFIRMED;
        case WR_REPLAY_REFUSED:
            return WR_OUTCOME_SEQUENCE_REFUSED;
        }
        sender->sign_ns = relay->now; /* whatever drops it later */
        wr_bind_heard(relay, session, sender);
    }
    enum wr_outcome outcome = take_limits(relay, session, sender, receiver, datagram->size);
    if (outcome != WR_OUTCOME_FORWARDED)
        return outcome;
    if (exempt)
        wr_rate_draw(&relay->limits.exempt, &sender->exempt_tat, relay->now);
    else
        wr_replay_commit(&sender->replay, packet->sequence);
    send_on(relay, datagram, receiver);
    return WR_OUTCOME_FORWARDED;
}

/* From a bound address of a session that waits for the other peer: nothing passes, but who talks is
 * alive. Jumps are remembered as ever, for nothing is committed and the sequence runs on. */
static void talk_while_waiting(const struct wr_relay *relay, struct wr_seat *sender,
                               const struct wr_packet *packet)
{
    if (exempt_packet(packet))
        return;
    switch (wr_replay_check(&sender->replay, packet->sequence, passes_max(packet), relay->now)) {
    case WR_REPLAY_FRESH:
        sender->sign_ns = relay->now;
        break;
    case WR_REPLAY_UNCONFIRMED:
        wr_jump_note(&sender->replay.jump, packet->sequence, relay->now);
        break;
    case WR_REPLAY_SEEN:
    case WR_REPLAY_REFUSED:
        break;
    }
}

/* From a bound address. False: it waits for message 3 and has no outcome yet. */
static bool from_bound(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                       const struct wr_datagram *datagram, const struct wr_packet *packet,
                       enum wr_outcome *outcome)
{
    if (session->state != WR_SESSION_ACTIVE && !WR_FAULT(forward_without_second_lease)) {
        talk_while_waiting(relay, &session->seats[role], packet);
        *outcome = WR_OUTCOME_SESSION_NOT_ACTIVE;
        return true;
    }
    if (session->handshake.message_3_due &&
        wr_holding_for_message_3(relay, session, role, datagram))
        return false;
    if (wr_session_role_of(session, &datagram->from) != (int)role) {
        /* what had waited went first, and its sender took the peer back */
        *outcome = WR_OUTCOME_CANDIDATE_UNPROVEN;
        return true;
    }
    *outcome = forward(relay, session, role, datagram, packet);
    return true;
}

/* From an address that is not bound there: held, candidate, or nothing. */
static bool from_unbound(struct wr_relay *relay, struct wr_session *session,
                         const struct wr_datagram *datagram, const struct wr_packet *packet,
                         bool resumed, enum wr_outcome *outcome)
{
    enum wr_role role;
    if (!resumed && session != NULL) /* held or not, a candidate sent it */
        wr_moving_received(relay, session, &datagram->from, datagram->size);
    if (!resumed && wr_holding_behind_lease(relay, datagram, &packet->session))
        return false;
    if (session != NULL) {
        switch (wr_moving_forward(relay, session, datagram, packet, &role)) {
        case WR_MOVING_PROMOTED:
            return from_bound(relay, session, role, datagram, packet, outcome);
        case WR_MOVING_UNPROVEN:
            *outcome = WR_OUTCOME_CANDIDATE_UNPROVEN;
            return true;
        case WR_MOVING_LIMITED:
            *outcome = WR_OUTCOME_CANDIDATE_LIMITED;
            return true;
        case WR_MOVING_UNRELATED:
            break;
        }
    }
    if (!resumed && !wr_admit_unbound(relay, &datagram->from))
        *outcome = WR_OUTCOME_UNBOUND_LIMITED;
    else if (session == NULL)
        *outcome = WR_OUTCOME_SESSION_NOT_FOUND;
    else if (session->state != WR_SESSION_ACTIVE)
        *outcome = WR_OUTCOME_SESSION_NOT_ACTIVE;
    else
        *outcome = WR_OUTCOME_UNKNOWN_PEER;
    return true;
}

static void receive(struct wr_relay *relay, const struct wr_datagram *datagram,
                    const struct wr_packet *packet, struct wr_session *session, bool resumed)
{
    enum wr_outcome outcome;
    int role = session != NULL ? wr_session_role_of(session, &datagram->from) : -1;
    bool decided;
    if (role >= 0) {
        struct wr_seat *sender = &session->seats[role];
        if (sender->path_capped && !resumed)
            sender->path_credit_bytes += WR_PATH_CAP_FACTOR * (uint64_t)datagram->size;
        decided = from_bound(relay, session, (enum wr_role)role, datagram, packet, &outcome);
    } else {
        decided = from_unbound(relay, session, datagram, packet, resumed, &outcome);
    }
    if (decided)
        wr_report_outcome(relay, datagram->tag, outcome, &packet->session);
}

void wr_forward_path_receive(struct wr_relay *relay, const struct wr_datagram *datagram,
                             const struct wr_packet *packet, struct wr_session *session)
{
    receive(relay, datagram, packet, session, false);
}

/* ---- Bare RIFT (section 1) ----------------------------------------------------------------------
 */

/* How far the handshake is once a packet of this role has passed. */
static void note_handshake(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                           enum wr_bare bare)
{
    struct wr_handshake *handshake = &session->handshake;
    if (bare == WR_BARE_TRANSPORT) {
        if (handshake->message_3_due && handshake->first == (uint8_t)role)
            wr_holding_flush(relay, session);
        return;
    }
    if (!handshake->started) {
        handshake->started = true;
        handshake->first = (uint8_t)role;
    }
    bool both = handshake->seen[0] && handshake->seen[1];
    handshake->seen[role] = true;
    if (!both && handshake->seen[0] && handshake->seen[1])
        handshake->message_3_due = true;
}

static enum wr_outcome forward_bare(struct wr_relay *relay, struct wr_session *session,
                                    enum wr_role role, const struct wr_datagram *datagram,
                                    enum wr_bare bare)
{
    struct wr_seat *sender = &session->seats[role];
    struct wr_seat *receiver = &session->seats[wr_role_other(role)];
    const struct wr_handshake *handshake = &session->handshake;
    if (sender->path_capped)
        sender->path_credit_bytes += WR_PATH_CAP_FACTOR * (uint64_t)datagram->size;
    if (bare == WR_BARE_TRANSPORT && !(handshake->seen[0] && handshake->seen[1]) &&
        !WR_FAULT(bare_transport_first))
        return WR_OUTCOME_BARE_OUT_OF_TURN;
    if (!wr_rate_allows(&relay->limits.exempt, sender->exempt_tat, relay->now))
        return WR_OUTCOME_EXEMPT_LIMITED;
    enum wr_outcome outcome = take_limits(relay, session, sender, receiver, datagram->size);
    if (outcome != WR_OUTCOME_FORWARDED)
        return outcome;
    wr_rate_draw(&relay->limits.exempt, &sender->exempt_tat, relay->now);
    send_on(relay, datagram, receiver);
    return WR_OUTCOME_BARE_FORWARDED;
}

static void receive_bare(struct wr_relay *relay, const struct wr_datagram *datagram,
                         enum wr_bare bare, bool resumed)
{
    struct wr_session *session = NULL;
    enum wr_role role = WR_ROLE_CLIENT;
    enum wr_outcome outcome = WR_OUTCOME_UNKNOWN_PEER;
    switch (wr_session_table_binding(&relay->sessions, &datagram->from, &session, &role)) {
    case WR_BOUND_ONCE:
        if (datagram->bound_elsewhere) {
            outcome = WR_OUTCOME_BARE_AMBIGUOUS;
            break;
        }
        outcome = forward_bare(relay, session, role, datagram, bare);
        wr_report_outcome(relay, datagram->tag, outcome, &session->id);
        if (outcome == WR_OUTCOME_BARE_FORWARDED)
            note_handshake(relay, session, role, bare);
        return;
    case WR_BOUND_AMBIGUOUS:
        outcome = WR_OUTCOME_BARE_AMBIGUOUS;
        break;
    case WR_BOUND_WAITING:
        outcome = WR_OUTCOME_SESSION_NOT_ACTIVE;
        break;
    case WR_BOUND_NOWHERE:
        if (!resumed && wr_holding_behind_lease(relay, datagram, NULL))
            return;
        break;
    }
    if (!resumed && !wr_admit_unbound(relay, &datagram->from))
        outcome = WR_OUTCOME_UNBOUND_LIMITED;
    wr_report_outcome(relay, datagram->tag, outcome, NULL);
}

void wr_forward_path_bare(struct wr_relay *relay, const struct wr_datagram *datagram,
                          enum wr_bare bare)
{
    receive_bare(relay, datagram, bare, false);
}

void wr_forward_path_resume(struct wr_relay *relay, const struct wr_datagram *datagram)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    uint64_t tag = relay->tag;
    relay->tag = datagram->tag;
    if (wr_wire_decode(datagram->bytes, datagram->size, &packet, &failure))
        receive(relay, datagram, &packet,
                wr_session_table_find(&relay->sessions, &packet.session,
                                      wr_session_table_hash(&relay->sessions, &packet.session)),
                true);
    else
        receive_bare(relay, datagram, wr_rift_bare(datagram->bytes, datagram->size), true);
    relay->tag = tag;
}
