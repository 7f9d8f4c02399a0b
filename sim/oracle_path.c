#include "oracle_judge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STALE_NS      (30 * WR_S)
#define BURST_NS      (250 * WR_MS)
#define HOLD_FORWARDS 2
#define HELD_MAX      1024
#define EXEMPT_RATE   20

/* ---- Rates (section 5), reckoned apart from the core's ----------------------------------------
 */

static bool allowed(wr_instant tat, uint64_t cost, uint64_t burst, wr_instant now)
{
    uint64_t owed = tat > now ? tat - now : 0;
    return owed + cost <= burst;
}

static uint64_t bytes_cost(uint64_t bytes, uint32_t kbps)
{
    uint64_t bits = bytes * 8, cost = bits * 1000000 / kbps;
    return cost * kbps == bits * 1000000 ? cost : cost + 1;
}

bool sim_bytes_allowed(wr_instant tat, uint64_t bytes, uint32_t kbps, wr_instant now)
{
    return allowed(tat, bytes_cost(bytes, kbps), BURST_NS, now);
}

static uint64_t packet_cost(uint32_t per_second)
{
    return WR_S / per_second + (WR_S % per_second != 0);
}

bool sim_packets_allowed(wr_instant tat, uint32_t per_second, uint32_t burst, wr_instant now)
{
    uint64_t cost = packet_cost(per_second);
    return allowed(tat, cost, cost * burst, now);
}

void sim_path_set_limits(struct sim_oracle *oracle)
{
    uint32_t rate = oracle->config.peer_rate_limit_pps;
    oracle->peer_cost_ns = rate > 0 ? packet_cost(rate) : 0;
    oracle->peer_burst_ns = oracle->peer_cost_ns * (rate >= 4 ? rate / 4 : 1);
}

static void draw(wr_instant *tat, uint64_t cost, wr_instant now)
{
    *tat = (*tat > now ? *tat : now) + cost;
}

void sim_packets_draw(wr_instant *tat, uint32_t per_second, wr_instant now)
{
    draw(tat, packet_cost(per_second), now);
}

static uint32_t hard_kbps(const struct sim_session *session)
{
    uint32_t a = session->roles[0].hard_kbps, b = session->roles[1].hard_kbps;
    return a < b ? a : b;
}

/* ---- Where a datagram belongs ---------------------------------------------------------------- */

static bool is_bare(const struct sim_arrival *arrival)
{
    return arrival->sight.kind == SIM_SIGHT_BARE_HANDSHAKE ||
           arrival->sight.kind == SIM_SIGHT_BARE_TRANSPORT;
}

/* Active sessions, here and in the relays that share the socket, that a bare packet's source is
 * bound in. Of another relay what counts is what was so when it arrived. */
static uint32_t active_everywhere(const struct sim_arrival *arrival,
                                  const struct sim_bindings *bindings)
{
    return bindings->active + (bindings->active > 0 && arrival->elsewhere);
}

struct sim_session *sim_path_place(struct sim_oracle *oracle, const struct sim_arrival *arrival,
                                   int *role)
{
    *role = -1;
    if (is_bare(arrival)) {
        struct sim_bindings bindings = sim_address_bindings(oracle, &arrival->from);
        if (active_everywhere(arrival, &bindings) != 1)
            return NULL;
        *role = bindings.role;
        return bindings.session;
    }
    if (arrival->sight.kind == SIM_SIGHT_JUNK)
        return NULL;
    struct sim_session *session = NULL;
    if (arrival->slot < oracle->session_count)
        session = &oracle->sessions[arrival->slot];
    if (session == NULL || !session->used ||
        memcmp(&session->id, &arrival->sight.session, sizeof session->id) != 0)
        session = sim_session_find(oracle, &arrival->sight.session);
    if (session != NULL)
        *role = sim_session_role_of(session, &arrival->from);
    return session;
}

bool sim_path_ahead(uint64_t top, const struct sim_jump *jump, uint64_t sequence, wr_instant now)
{
    if (sequence <= top)
        return false;
    return sequence - top <= SIM_WINDOW_SPAN || sim_jump_confirms(jump, sequence, now);
}

bool sim_path_message_3_due(const struct sim_session *session, int role)
{
    return session->active && session->first_shaker_known && !session->message_3_over &&
           (int)session->first_shaker == role && session->roles[0].shook_hands &&
           session->roles[1].shook_hands && !session->roles[role].sent_transport;
}

void sim_path_waits_for_message_3(struct sim_session *session, struct sim_arrival *arrival)
{
    if (arrival->waits_for_message_3 || arrival->sight.kind != SIM_SIGHT_FORWARD ||
        !sim_path_message_3_due(session, arrival->role))
        return;
    arrival->waits_for_message_3 = true;
    session->waiting_forwards++;
}

void sim_path_handshake_anew(struct sim_session *session)
{
    session->first_shaker_known = session->message_3_over = false;
    session->waiting_forwards = 0;
    for (int role = 0; role < WR_ROLES; role++)
        session->roles[role].shook_hands = session->roles[role].sent_transport = false;
}

void sim_path_sender_moved(struct sim_session *session, int role, struct sim_arrival *arrival)
{
    /* one that waited as another role, before its sender lost that, waits no more */
    sim_path_waited_for_message_3(session, role, arrival);
    arrival->promoted = true;
    arrival->was_bound = true;
    arrival->role = role;
    sim_path_waits_for_message_3(session, arrival);
}

void sim_path_arrived(struct sim_oracle *oracle, struct sim_arrival *arrival)
{
    int role;
    struct sim_session *session = sim_path_place(oracle, arrival, &role);
    if (session == NULL)
        return;
    arrival->slot = (uint32_t)(session - oracle->sessions);
    arrival->was_bound = role >= 0;
    arrival->role = role;
    for (int i = 0; i < WR_ROLES; i++) {
        struct sim_candidate *candidate = &session->roles[i].candidate;
        if (candidate->there && sim_address_equal(&candidate->address, &arrival->from))
            candidate->bytes += arrival->size;
        struct sim_displaced *gone = &session->roles[i].remembered;
        if (gone->there && sim_address_equal(&gone->address, &arrival->from))
            gone->path_in += arrival->size;
    }
    if (role < 0)
        return;
    if (session->roles[role].capped)
        session->roles[role].path_in += arrival->size;
    sim_path_waits_for_message_3(session, arrival);
}

/* ---- Forwarded ------------------------------------------------------------------------------- */

static void judge_bytes(struct sim_oracle *oracle, const struct wr_output *output,
                        const struct sim_arrival *arrival)
{
    sim_oracle_judges(oracle, SIM_ORACLE_BYTES);
    if (output->size != arrival->size)
        sim_oracle_violate(oracle, SIM_ORACLE_BYTES, arrival->tag,
                           "section 4: a datagram of %" PRIu32 " bytes was forwarded as %" PRIu32
                           "; the identical bytes must go",
                           arrival->size, output->size);
    else if (memcmp(output->bytes, arrival->bytes, output->size) != 0)
        sim_oracle_violate(oracle, SIM_ORACLE_BYTES, arrival->tag,
                           "section 4: the bytes of a datagram were changed on the way; the "
                           "identical bytes must go");
    if (arrival->forwards > 1)
        sim_oracle_violate(oracle, SIM_ORACLE_BYTES, arrival->tag,
                           "section 4: one received datagram was forwarded %" PRIu32 " times",
                           arrival->forwards);
}

static void judge_leases(struct sim_oracle *oracle, const struct sim_session *session, int role,
                         const struct sim_arrival *arrival)
{
    sim_oracle_judges(oracle, SIM_ORACLE_LEASES);
    for (int i = 0; i < WR_ROLES; i++) {
        const struct sim_role *holder = &session->roles[i];
        /* at the very instant at which a lease ends, what was held still goes */
        if (!holder->bound || holder->end_ns < oracle->now + !arrival->kept)
            sim_oracle_violate(oracle, SIM_ORACLE_LEASES, arrival->tag,
                               "section 3, Lifetime: forwarded in session %s, but the %s %s",
                               sim_text_session(&session->id).text, sim_role_name(i),
                               holder->bound ? "has a lease that has ended" : "holds no lease");
    }
    const struct sim_role *receiver = &session->roles[1 - role];
    wr_instant from = receiver->heard_ns > session->active_since_ns ? receiver->heard_ns
                                                                    : session->active_since_ns;
    if (wr_elapsed(from, oracle->now) >= STALE_NS)
        sim_oracle_violate(oracle, SIM_ORACLE_LEASES, arrival->tag,
                           "section 3, Ends: forwarded in session %s to the %s, who was not heard "
                           "for %" PRIu64 " ms; after 30 s nothing may go there",
                           sim_text_session(&session->id).text, sim_role_name(1 - role),
                           wr_elapsed(from, oracle->now) / WR_MS);
}

static void judge_recipient(struct sim_oracle *oracle, const struct sim_session *session, int role,
                            const struct wr_output *output)
{
    const struct sim_role *receiver = &session->roles[1 - role];
    sim_oracle_judges(oracle, SIM_ORACLE_RECIPIENT);
    if (!receiver->bound || !sim_address_equal(&receiver->address, &output->to))
        sim_oracle_violate(oracle, SIM_ORACLE_RECIPIENT, output->cause,
                           "section 4: what the %s of session %s sent went to %s; the %s is bound "
                           "at %s",
                           sim_role_name(role), sim_text_session(&session->id).text,
                           sim_text_address(&output->to).text, sim_role_name(1 - role),
                           receiver->bound ? sim_text_address(&receiver->address).text
                                           : "no address");
}

static void judge_sequence(struct sim_oracle *oracle, struct sim_session *session, int role,
                           const struct sim_arrival *arrival)
{
    struct sim_role *sender = &session->roles[role];
    const struct sim_sight *sight = &arrival->sight;
    sim_oracle_judges(oracle, SIM_ORACLE_REPLAY);
    if (is_bare(arrival) || sight->exempt) {
        if (!sim_packets_allowed(sender->exempt_tat, EXEMPT_RATE, EXEMPT_RATE, oracle->now))
            sim_oracle_violate(oracle, SIM_ORACLE_REPLAY, arrival->tag,
                               "section 3, Replay: more than 20 exempt or bare packets a second "
                               "passed from the %s of session %s",
                               sim_role_name(role), sim_text_session(&session->id).text);
        sim_packets_draw(&sender->exempt_tat, EXEMPT_RATE, oracle->now);
        return;
    }
    enum sim_window_says says =
        sim_window_judge(&sender->window, sight->sequence, sight->rift, oracle->now);
    const char *objection = says == SIM_WINDOW_SEEN
                                ? "it had passed as often as allowed, or lay behind the window"
                            : says == SIM_WINDOW_REFUSED ? "it lies in the last 8192"
                            : says == SIM_WINDOW_FAR && !arrival->promoted
                                ? "it is a jump that no third packet confirmed"
                                : NULL;
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_REPLAY, arrival->tag,
                           "section 3, Replay: sequence %" PRIu64 " of the %s of session %s "
                           "passed, but %s (top %" PRIu64 ")",
                           sight->sequence, sim_role_name(role),
                           sim_text_session(&session->id).text, objection, sender->window.top);
    sim_window_pass(&sender->window, sight->sequence, says);
}

static void judge_limits(struct sim_oracle *oracle, struct sim_session *session, int role,
                         const struct sim_arrival *arrival)
{
    struct sim_role *sender = &session->roles[role], *receiver = &session->roles[1 - role];
    uint32_t kbps = hard_kbps(session);
    sim_oracle_judges(oracle, SIM_ORACLE_LIMIT);
    if (kbps > 0) {
        uint64_t cost = bytes_cost(arrival->size, kbps);
        if (!allowed(session->bytes_tat, cost, BURST_NS, oracle->now))
            sim_oracle_violate(oracle, SIM_ORACLE_LIMIT, arrival->tag,
                               "section 5: session %s was forwarded more than its hard limit of "
                               "%" PRIu32 " kbps and a burst of 250 ms allow",
                               sim_text_session(&session->id).text, kbps);
        draw(&session->bytes_tat, cost, oracle->now);
    }
    if (oracle->peer_cost_ns > 0) {
        if (!allowed(sender->peer_tat, oracle->peer_cost_ns, oracle->peer_burst_ns, oracle->now))
            sim_oracle_violate(oracle, SIM_ORACLE_LIMIT, arrival->tag,
                               "section 5: the %s of session %s was forwarded more than %" PRIu32
                               " packets a second",
                               sim_role_name(role), sim_text_session(&session->id).text,
                               oracle->config.peer_rate_limit_pps);
        draw(&sender->peer_tat, oracle->peer_cost_ns, oracle->now);
    }
    if (receiver->capped) {
        sim_oracle_judges(oracle, SIM_ORACLE_REFLECTION);
        receiver->path_out += arrival->size;
        if (receiver->path_out > 3 * receiver->path_in)
            sim_oracle_violate(oracle, SIM_ORACLE_REFLECTION, arrival->tag,
                               "section 3, Moving a peer, rule 2: %s, which proved nothing yet, "
                               "was sent %" PRIu64 " bytes for the %" PRIu64
                               " it sent; at most three times as many may go",
                               sim_text_address(&receiver->address).text, receiver->path_out,
                               receiver->path_in);
    }
}

void sim_path_waited_for_message_3(struct sim_session *session, int role,
                                   const struct sim_arrival *arrival)
{
    /* one that was held behind its lease waits for message 3 from there on as what it was bound as
     * then, and may be bound no more when the wait ends */
    int sender = arrival->was_bound ? arrival->role : role;
    if (arrival->kept && (arrival->was_bound || arrival->behind_lease) &&
        arrival->sight.kind == SIM_SIGHT_FORWARD && sim_path_message_3_due(session, sender))
        session->message_3_over = true;
}

/* FORWARDs for this session that came behind this one in one batch and are not the other peer's: a
 * third one of the sender, from wherever it is by then, ends the wait for message 3 before the
 * oracles have met it. */
static uint32_t forwards_behind(const struct sim_oracle *oracle, const struct sim_session *session,
                                int role, const struct sim_arrival *arrival)
{
    const struct sim_role *other_role = &session->roles[1 - role];
    uint32_t behind = 0;
    for (uint32_t i = 0; i < oracle->batch_count; i++) {
        const struct sim_arrival *other = &oracle->batch[i];
        behind += other->number > arrival->number && other->sight.kind == SIM_SIGHT_FORWARD &&
                  memcmp(&other->sight.session, &arrival->sight.session, 16) == 0 &&
                  !(other_role->bound && sim_address_equal(&other->from, &other_role->address));
    }
    return behind;
}

static void judge_order(struct sim_oracle *oracle, struct sim_session *session, int role,
                        const struct sim_arrival *arrival)
{
    struct sim_role *sender = &session->roles[role];
    const char *objection = NULL;
    bool transport = arrival->sight.kind == SIM_SIGHT_BARE_TRANSPORT;
    bool behind_forward = arrival->number < sender->last_forward;
    bool behind_bare = arrival->number < sender->last_bare;
    bool waited = arrival->kept || arrival->waits_for_message_3;
    /* behind a lease, or as the other role: its source may be bound by somebody else since */
    bool of_another = arrival->behind_lease || (arrival->was_bound && arrival->role != role);
    sim_oracle_judges(oracle, SIM_ORACLE_ORDER);
    if (transport && (!session->roles[0].shook_hands || !session->roles[1].shook_hands))
        objection = "a bare transport packet passed before a handshake packet went each way";
    else if (of_another)
        objection = NULL;
    else if (transport ? behind_bare /* message 3 goes before FORWARDs that waited for it */
             : is_bare(arrival) ? behind_bare || behind_forward
                                : behind_forward || (behind_bare && !waited))
        objection = "it left behind a later packet of its sender";
    else if (!is_bare(arrival) && sim_path_message_3_due(session, role) && !arrival->kept &&
             session->waiting_forwards + forwards_behind(oracle, session, role, arrival) <=
                 HOLD_FORWARDS &&
             oracle->held_now < HELD_MAX)
        objection = "it did not wait for message 3";
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_ORDER, arrival->tag,
                           "section 1, Bare RIFT: a packet of the %s of session %s left out of "
                           "turn: %s",
                           sim_role_name(role), sim_text_session(&session->id).text, objection);
    if (arrival->sight.kind == SIM_SIGHT_FORWARD) {
        if (sim_path_message_3_due(session, role))
            session->message_3_over = true;
        sim_path_waited_for_message_3(session, role, arrival);
        if (arrival->number > sender->last_forward)
            sender->last_forward = arrival->number;
    } else if (arrival->number > sender->last_bare) {
        sender->last_bare = arrival->number;
    }
}

static void remember_bare(struct sim_oracle *oracle, struct sim_session *session, int role,
                          const struct sim_arrival *arrival)
{
    if (oracle->bare_causes == NULL)
        oracle->bare_causes = calloc(SIM_BARE_CAUSES, sizeof *oracle->bare_causes);
    if (oracle->bare_causes == NULL)
        abort();
    oracle->bare_causes[oracle->bare_sends++ % SIM_BARE_CAUSES] =
        (struct sim_bare_cause){arrival->tag, session->id};
    if (arrival->sight.kind == SIM_SIGHT_BARE_TRANSPORT) {
        session->roles[role].sent_transport = true;
        return;
    }
    if (!session->first_shaker_known) {
        session->first_shaker_known = true;
        session->message_3_over = false;
        session->first_shaker = (enum wr_role)role;
    }
    session->roles[role].shook_hands = true;
}

static void heard(struct sim_oracle *oracle, struct sim_session *session, int role,
                  const struct sim_arrival *arrival)
{
    if (is_bare(arrival) || arrival->sight.exempt)
        return; /* they are no sign of life and pass no sequence check */
    session->roles[role].heard_ns = session->heard_ns = oracle->now;
    session->roles[role].sign_ns = oracle->now;
}

void sim_judge_forward(struct sim_oracle *oracle, const struct wr_output *output,
                       struct sim_arrival *arrival)
{
    int role;
    arrival->forwards++;
    judge_bytes(oracle, output, arrival);
    struct sim_session *session = sim_path_place(oracle, arrival, &role);
    if (arrival->sight.kind != SIM_SIGHT_FORWARD && !is_bare(arrival)) {
        sim_oracle_violate(oracle, SIM_ORACLE_BYTES, arrival->tag,
                           "section 4: something was forwarded that is neither a FORWARD nor bare "
                           "RIFT");
        return;
    }
    if (session == NULL) {
        sim_oracle_violate(oracle, SIM_ORACLE_LEASES, arrival->tag,
                           "section 3: a datagram from %s was forwarded, but it names no session "
                           "there is%s",
                           sim_text_address(&arrival->from).text,
                           is_bare(arrival) ? " by its address" : "");
        return;
    }
    if (role < 0) {
        sim_oracle_violate(oracle, SIM_ORACLE_RECIPIENT, arrival->tag,
                           "section 4: %s is not bound in session %s, but what it sent was "
                           "forwarded",
                           sim_text_address(&arrival->from).text,
                           sim_text_session(&session->id).text);
        return;
    }
    judge_leases(oracle, session, role, arrival);
    judge_recipient(oracle, session, role, output);
    judge_order(oracle, session, role, arrival);
    judge_sequence(oracle, session, role, arrival);
    judge_limits(oracle, session, role, arrival);
    heard(oracle, session, role, arrival);
    if (is_bare(arrival))
        remember_bare(oracle, session, role, arrival);
}

/* ---- Dropped --------------------------------------------------------------------------------- */

static void unfounded(struct sim_oracle *oracle, enum sim_oracle_name name,
                      const struct sim_arrival *arrival, const char *why)
{
    sim_oracle_violate(
        oracle, name, arrival->tag, "section 4: a datagram from %s was dropped as %s, but %s",
        sim_text_address(&arrival->from).text, wr_outcome_name(arrival->outcome), why);
}

/* What the window made of a FORWARD that a bound address sent. */
static void judge_window_drop(struct sim_oracle *oracle, struct sim_role *sender,
                              const struct sim_arrival *arrival)
{
    uint64_t sequence = arrival->sight.sequence;
    enum sim_window_says says =
        sim_window_judge(&sender->window, sequence, arrival->sight.rift, oracle->now);
    sim_oracle_judges(oracle, SIM_ORACLE_REPLAY);
    if (arrival->outcome == WR_OUTCOME_REPLAYED && says != SIM_WINDOW_SEEN)
        unfounded(oracle, SIM_ORACLE_REPLAY, arrival, "its sequence may pass");
    if (arrival->outcome == WR_OUTCOME_SEQUENCE_REFUSED && says != SIM_WINDOW_REFUSED)
        unfounded(oracle, SIM_ORACLE_REPLAY, arrival, "its sequence is not in the last 8192");
    if (arrival->outcome == WR_OUTCOME_JUMP_UNCONFIRMED) {
        if (says != SIM_WINDOW_FAR)
            unfounded(oracle, SIM_ORACLE_REPLAY, arrival, "it is no unconfirmed jump");
        sim_jump_drop(&sender->window.jump, sequence, oracle->now);
    }
}

/* A FORWARD of the peer that waits: no sign of being heard, but one of life, or of a jump. */
static void note_talk(struct sim_oracle *oracle, struct sim_role *sender,
                      const struct sim_arrival *arrival)
{
    const struct sim_sight *sight = &arrival->sight;
    if (sight->kind != SIM_SIGHT_FORWARD || sight->exempt)
        return;
    enum sim_window_says says =
        sim_window_judge(&sender->window, sight->sequence, sight->rift, oracle->now);
    if (says == SIM_WINDOW_FAR)
        sim_jump_drop(&sender->window.jump, sight->sequence, oracle->now);
    else if (says != SIM_WINDOW_SEEN && says != SIM_WINDOW_REFUSED)
        sender->sign_ns = oracle->now;
}

static void judge_limited(struct sim_oracle *oracle, struct sim_session *session, int role,
                          const struct sim_arrival *arrival)
{
    const struct sim_role *receiver = &session->roles[1 - role];
    wr_instant from = receiver->heard_ns > session->active_since_ns ? receiver->heard_ns
                                                                    : session->active_since_ns;
    if (arrival->outcome == WR_OUTCOME_STALE_RECEIVER && wr_elapsed(from, oracle->now) < STALE_NS)
        unfounded(oracle, SIM_ORACLE_LEASES, arrival, "the receiver was heard within 30 s");
    if (arrival->outcome == WR_OUTCOME_SESSION_LIMITED && hard_kbps(session) > 0 &&
        sim_bytes_allowed(session->bytes_tat, arrival->size, hard_kbps(session), oracle->now))
        unfounded(oracle, SIM_ORACLE_LIMIT, arrival, "the hard limit leaves room for it");
    if (arrival->outcome == WR_OUTCOME_PATH_CAPPED && !receiver->capped)
        unfounded(oracle, SIM_ORACLE_LIMIT, arrival, "the receiver's path is not capped");
    heard(oracle, session, role, arrival);
}

void sim_judge_dropped(struct sim_oracle *oracle, struct sim_arrival *arrival)
{
    int role;
    struct sim_session *session = sim_path_place(oracle, arrival, &role);
    struct sim_bindings bindings = {0};
    const char *missed = NULL;
    if (is_bare(arrival))
        bindings = sim_address_bindings(oracle, &arrival->from);
    sim_oracle_judges(oracle, SIM_ORACLE_MODEL);
    if (session != NULL)
        sim_path_waited_for_message_3(session, role, arrival);
    switch (arrival->outcome) {
    case WR_OUTCOME_SESSION_NOT_FOUND:
        if (session != NULL)
            unfounded(oracle, SIM_ORACLE_MODEL, arrival, "its session exists");
        break;
    case WR_OUTCOME_SESSION_NOT_ACTIVE:
        if (is_bare(arrival) ? bindings.active > 0 : session == NULL || session->active)
            unfounded(oracle, SIM_ORACLE_MODEL, arrival, "its session is not waiting for a peer");
        else if (session != NULL && role >= 0)
            note_talk(oracle, &session->roles[role], arrival);
        break;
    case WR_OUTCOME_UNKNOWN_PEER:
        if (session != NULL && role < 0)
            missed = sim_moving_missed(oracle, session, arrival);
        if (is_bare(arrival) ? bindings.all > 0 : session == NULL || role >= 0)
            unfounded(oracle, SIM_ORACLE_MODEL, arrival, "it is bound there");
        break;
    case WR_OUTCOME_BARE_AMBIGUOUS:
        if (active_everywhere(arrival, &bindings) < 2)
            unfounded(oracle, SIM_ORACLE_ORDER, arrival, "it is not bound in two active sessions");
        break;
    case WR_OUTCOME_REPLAYED:
    case WR_OUTCOME_JUMP_UNCONFIRMED:
    case WR_OUTCOME_SEQUENCE_REFUSED:
        if (session != NULL && role >= 0)
            judge_window_drop(oracle, &session->roles[role], arrival);
        break;
    case WR_OUTCOME_CANDIDATE_UNPROVEN:
        if (session == NULL || arrival->sight.kind != SIM_SIGHT_FORWARD)
            break;
        missed = sim_moving_missed(oracle, session, arrival);
        sim_moving_unproven(oracle, session, arrival);
        break;
    case WR_OUTCOME_UNBOUND_LIMITED:
        if (session != NULL && arrival->sight.kind == SIM_SIGHT_FORWARD &&
            sim_moving_contends(oracle, session, &arrival->from))
            missed = "it is a candidate or remembered, and draws on buckets of its session";
        break;
    case WR_OUTCOME_STALE_RECEIVER:
    case WR_OUTCOME_PATH_CAPPED:
    case WR_OUTCOME_PEER_LIMITED:
    case WR_OUTCOME_SESSION_LIMITED:
    case WR_OUTCOME_RELAY_LIMITED:
        if (session != NULL && role >= 0 && !arrival->sight.has_token)
            judge_limited(oracle, session, role, arrival);
        break;
    default: /* the others say nothing that the model knows better */
        break;
    }
    if (missed != NULL)
        unfounded(oracle, SIM_ORACLE_MODEL, arrival, missed);
}
