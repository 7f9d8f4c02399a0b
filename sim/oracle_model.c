#include "oracle_judge.h"

#include <inttypes.h>

#define CANDIDATE_NS    (30 * WR_S)
#define REMEMBERED_NS   (30 * WR_S)
#define SILENCE_COOKIE  (1 * WR_S)
#define SILENCE_FORWARD (2 * WR_S)

uint32_t sim_model_sessions_max(const struct sim_oracle *oracle)
{
    uint64_t shed =
        (uint64_t)oracle->config.max_sessions * oracle->config.load_shed_threshold_pct / 100;
    return shed > 0 ? (uint32_t)shed : 1;
}

static void judge_created(struct sim_oracle *oracle, const struct wr_event *event)
{
    const char *objection = NULL;
    if (sim_session_find(oracle, event->session) != NULL)
        objection = "it existed already";
    else if (oracle->draining)
        objection = "the relay drains";
    else if (oracle->sessions_used >= sim_model_sessions_max(oracle))
        objection = "the shed threshold is reached";
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "sections 3 and 5: session %s was created, but %s",
                           sim_text_session(event->session).text, objection);
    if (sim_session_find(oracle, event->session) != NULL)
        return;
    struct sim_session *session = sim_session_create(oracle, event->session);
    session->waiting_since_ns = session->heard_ns = event->at_ns;
    sim_session_deadline_moved(oracle, session);
}

static void judge_active(struct sim_oracle *oracle, struct sim_session *session,
                         const struct wr_event *event)
{
    if (session->active || !session->roles[0].bound || !session->roles[1].bound)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3: session %s became active, but %s",
                           sim_text_session(&session->id).text,
                           session->active ? "it was already" : "not both roles are bound");
    if (!session->active)
        oracle->sessions_active++;
    session->active = true;
    session->role_expired = false;
    session->active_since_ns = event->at_ns;
}

/* ---- Moving a peer --------------------------------------------------------------------------- */

/* Its packets may be those of the other role's peer still. */
static bool left_other_role(const struct sim_session *session, const struct wr_event *event)
{
    const struct sim_role *other = &session->roles[1 - (int)event->role];
    return other->locked && !other->bound && sim_address_equal(&other->address, event->address);
}

static void judge_candidate(struct sim_oracle *oracle, struct sim_session *session,
                            const struct wr_event *event)
{
    struct sim_role *role = &session->roles[event->role];
    const struct sim_arrival *arrival = sim_arrival_find(oracle, event->tag);
    const char *objection = NULL;
    bool by_token = arrival != NULL && arrival->sight.has_token;
    if (arrival == NULL || !sim_address_equal(&arrival->from, event->address))
        objection = "no datagram came from it";
    else if (!role->bound)
        objection = "the role is free";
    else if (sim_address_equal(&role->address, event->address))
        objection = "it is bound already";
    else if (!by_token && oracle->config.passive_rebind == WR_REBIND_OFF)
        objection = "passive rebinding is off";
    else if (!by_token && oracle->config.passive_rebind == WR_REBIND_SAME_IP &&
             !sim_address_same_ip(&role->address, event->address))
        objection = "it is on another IP and presented nothing";
    else if (!by_token && left_other_role(session, event))
        objection = "it left the other role and presented nothing";
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3, Moving a peer: %s became candidate for the %s of session "
                           "%s, but %s",
                           sim_text_address(event->address).text, sim_role_name((int)event->role),
                           sim_text_session(&session->id).text, objection);
    uint64_t bytes = arrival != NULL ? arrival->size : 0;
    if (role->candidate.there && sim_address_equal(&role->candidate.address, event->address))
        bytes = role->candidate.bytes;
    role->candidate = (struct sim_candidate){.there = true,
                                             .by_token = by_token,
                                             .address = *event->address,
                                             .since_ns = event->at_ns,
                                             .bytes = bytes};
}

static const char *objection_1(struct sim_oracle *oracle, const struct sim_role *role, int number,
                               const struct sim_arrival *arrival)
{
    if (!arrival->sight.has_cookie || !sim_cookie_good(oracle, arrival, number))
        return "no cookie that was given to that address came from it";
    if (wr_elapsed(role->sign_ns, oracle->now) < SILENCE_COOKIE)
        return "the bound address gave a sign of life less than 1 s ago";
    return NULL;
}

static const char *objection_2(struct sim_oracle *oracle, const struct sim_role *role,
                               const struct sim_arrival *arrival)
{
    const struct sim_candidate *candidate = &role->candidate;
    if (arrival->sight.kind != SIM_SIGHT_FORWARD || arrival->sight.exempt)
        return "no FORWARD with a sequence came from it";
    if (!candidate->there || !sim_address_equal(&candidate->address, &arrival->from) ||
        wr_elapsed(candidate->since_ns, oracle->now) >= CANDIDATE_NS)
        return "it was no candidate";
    if (wr_elapsed(role->sign_ns, oracle->now) < SILENCE_FORWARD)
        return "the bound address gave a sign of life less than 2 s ago";
    if (role->window.empty)
        return "the replay window is empty";
    if (!sim_path_ahead(role->window.top, &candidate->jump, arrival->sight.sequence, oracle->now))
        return "its sequence is not ahead of the top of the window";
    if (oracle->now < role->loser_until_ns && sim_address_equal(&role->loser, &arrival->from))
        return "it lost the role by a reversion less than 30 s ago";
    return NULL;
}

static void judge_promoted(struct sim_oracle *oracle, struct sim_session *session,
                           const struct wr_event *event)
{
    struct sim_role *role = &session->roles[event->role];
    struct sim_arrival *arrival = sim_arrival_find(oracle, event->tag);
    const char *objection = NULL;
    if (arrival == NULL || !sim_address_equal(&arrival->from, event->address))
        objection = "no datagram came from it";
    else if (!role->bound || sim_address_equal(&role->address, event->address))
        objection = role->bound ? "it was bound already" : "the role is free";
    else if (event->rule == 1)
        objection = objection_1(oracle, role, (int)event->role, arrival);
    else if (event->rule == 2)
        objection = objection_2(oracle, role, arrival);
    else if (!arrival->sight.has_token)
        objection = "it presented no token";
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3, Moving a peer, rule %" PRIu32 ": the %s of session %s moved "
                           "to %s, but %s",
                           event->rule, sim_role_name((int)event->role),
                           sim_text_session(&session->id).text,
                           sim_text_address(event->address).text, objection);
    if (event->rule == 3 && arrival != NULL && arrival->sight.has_token && !arrival->applied)
        sim_judge_newer(oracle, session, (int)event->role, arrival);
    struct wr_address old = role->address;
    if (event->rule == 3) {
        role->overtaken.there = role->bound_by_token;
        role->overtaken.address = old;
        role->overtaken.until_ns = wr_after(oracle->now, REMEMBERED_NS);
        role->remembered.there = role->capped = false;
    } else {
        if (!role->remembered.there || oracle->now >= role->remembered.until_ns)
            role->remembered =
                (struct sim_displaced){.there = true,
                                       .address = old,
                                       .until_ns = wr_after(oracle->now, REMEMBERED_NS),
                                       .top = role->window.top,
                                       .empty = role->window.empty,
                                       .bound_by_token = role->bound_by_token,
                                       .capped = role->capped,
                                       .path_in = role->path_in,
                                       .path_out = role->path_out};
        /* another port behind an unproven address is as unproven */
        role->capped =
            event->rule == 2 && (role->capped || !sim_address_same_ip(&old, event->address));
        if (event->rule == 2 && role->candidate.jump.sequences > 0)
            role->window.jump = role->candidate.jump; /* its third packet moves the window */
        role->path_in = role->candidate.bytes;
        role->path_out = 0;
    }
    if (sim_address_equal(&role->loser, event->address))
        role->loser_until_ns = 0;
    role->bound_by_token = event->rule == 3;
    if (role->candidate.there && sim_address_equal(&role->candidate.address, event->address))
        role->candidate.there = false;
    sim_session_bind(oracle, session, (int)event->role, event->address);
    role->sign_ns = role->heard_ns = session->heard_ns = oracle->now;
    if (arrival != NULL)
        sim_path_sender_moved(session, (int)event->role, arrival);
}

static const char *objection_reverted(struct sim_oracle *oracle, const struct sim_role *role,
                                      struct sim_arrival *arrival, const struct wr_event *event)
{
    const struct sim_displaced *gone = event->rule == 3 ? &role->overtaken : &role->remembered;
    if (arrival == NULL || !sim_address_equal(&arrival->from, event->address))
        return "no datagram came from it";
    if (!gone->there || !sim_address_equal(&gone->address, event->address) ||
        oracle->now >= gone->until_ns)
        return "it is not what a promotion of the last 30 s displaced";
    if (event->rule == 3)
        return arrival->sight.has_token &&
                       sim_digest_equal(&role->token, &sim_lease_token(oracle, arrival)->token)
                   ? NULL
                   : "it did not present the very token that had overtaken it";
    if (arrival->sight.kind != SIM_SIGHT_FORWARD)
        return arrival->sight.has_cookie && sim_cookie_good(oracle, arrival, (int)event->role)
                   ? NULL
                   : "no cookie that was given to that address came from it";
    if (arrival->sight.exempt || gone->empty ||
        !sim_path_ahead(gone->top, &gone->jump, arrival->sight.sequence, oracle->now))
        return "its FORWARD is not ahead of the top that was remembered";
    return NULL;
}

static void judge_reverted(struct sim_oracle *oracle, struct sim_session *session,
                           const struct wr_event *event)
{
    struct sim_role *role = &session->roles[event->role];
    struct sim_arrival *arrival = sim_arrival_find(oracle, event->tag);
    const char *objection = objection_reverted(oracle, role, arrival, event);
    bool by_forward = arrival != NULL && arrival->sight.kind == SIM_SIGHT_FORWARD;
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3, Moving a peer: the %s of session %s was given back to %s by "
                           "rule %" PRIu32 ", but %s",
                           sim_role_name((int)event->role), sim_text_session(&session->id).text,
                           sim_text_address(event->address).text, event->rule, objection);
    role->loser = role->address;
    role->loser_until_ns = wr_after(oracle->now, REMEMBERED_NS);
    if (event->rule == 3) {
        role->overtaken.there = role->capped = false;
        role->bound_by_token = true;
    } else {
        sim_window_restore(&role->window, role->remembered.top, role->remembered.empty);
        if (by_forward)
            role->window.jump = role->remembered.jump;
        role->bound_by_token = role->remembered.bound_by_token;
        role->capped = role->remembered.capped && by_forward;
        role->path_in = role->remembered.path_in;
        role->path_out = role->remembered.path_out;
    }
    role->remembered.there = false;
    if (role->candidate.there && sim_address_equal(&role->candidate.address, event->address))
        role->candidate.there = false;
    sim_session_bind(oracle, session, (int)event->role, event->address);
    role->sign_ns = role->heard_ns = session->heard_ns = oracle->now;
    if (arrival != NULL) {
        sim_path_sender_moved(session, (int)event->role, arrival);
        arrival->applied = true;
    }
}

/* ---- FORWARDs of addresses that are not bound -------------------------------------------------
 */

static bool is_remembered(const struct sim_oracle *oracle, const struct sim_role *role,
                          const struct wr_address *from)
{
    return role->remembered.there && oracle->now < role->remembered.until_ns &&
           sim_address_equal(&role->remembered.address, from);
}

static bool is_candidate(const struct sim_oracle *oracle, const struct sim_role *role,
                         const struct wr_address *from)
{
    return role->candidate.there && sim_address_equal(&role->candidate.address, from) &&
           wr_elapsed(role->candidate.since_ns, oracle->now) < CANDIDATE_NS;
}

bool sim_moving_contends(const struct sim_oracle *oracle, const struct sim_session *session,
                         const struct wr_address *from)
{
    for (int i = 0; i < WR_ROLES; i++) {
        const struct sim_role *role = &session->roles[i];
        if (role->bound && (is_remembered(oracle, role, from) || is_candidate(oracle, role, from)))
            return true;
    }
    return false;
}

/* A candidate's or remembered address's FORWARD: its jump is remembered apart, with the one role
 * that it is taken for. */
void sim_moving_unproven(struct sim_oracle *oracle, struct sim_session *session,
                         const struct sim_arrival *arrival)
{
    uint64_t sequence = arrival->sight.sequence;
    if (arrival->sight.exempt || sequence > UINT64_MAX - 8192)
        return;
    for (int i = 0; i < WR_ROLES; i++) {
        struct sim_displaced *gone = &session->roles[i].remembered;
        if (!is_remembered(oracle, &session->roles[i], &arrival->from))
            continue;
        if (sequence > gone->top + SIM_WINDOW_SPAN)
            sim_jump_drop(&gone->jump, sequence, oracle->now);
        return;
    }
    for (int i = 0; i < WR_ROLES; i++) {
        struct sim_role *role = &session->roles[i];
        struct sim_candidate *candidate = &role->candidate;
        if (!is_candidate(oracle, role, &arrival->from))
            continue;
        if (sequence > role->window.top + SIM_WINDOW_SPAN)
            sim_jump_drop(&candidate->jump, sequence, oracle->now);
        return;
    }
}

/* A FORWARD of an address that is not bound, dropped where it should have moved its peer. */
const char *sim_moving_missed(const struct sim_oracle *oracle, const struct sim_session *session,
                              const struct sim_arrival *arrival)
{
    uint64_t sequence = arrival->sight.sequence;
    int fitting = 0;
    if (arrival->sight.exempt || sequence > UINT64_MAX - 8192)
        return NULL;
    for (int i = 0; i < WR_ROLES; i++) {
        const struct sim_displaced *gone = &session->roles[i].remembered;
        if (session->roles[i].bound && is_remembered(oracle, &session->roles[i], &arrival->from))
            return !gone->empty && sim_path_ahead(gone->top, &gone->jump, sequence, oracle->now)
                       ? "it was displaced less than 30 s ago and is ahead of the top remembered"
                       : NULL;
    }
    for (int i = 0; i < WR_ROLES; i++) {
        const struct sim_role *role = &session->roles[i];
        const struct sim_candidate *candidate = &role->candidate;
        fitting += role->bound && (oracle->config.passive_rebind == WR_REBIND_ANY ||
                                   sim_address_same_ip(&role->address, &arrival->from));
        if (!role->bound || !is_candidate(oracle, role, &arrival->from))
            continue;
        bool loser =
            oracle->now < role->loser_until_ns && sim_address_equal(&role->loser, &arrival->from);
        return !loser && !role->window.empty &&
                       wr_elapsed(role->sign_ns, oracle->now) >= SILENCE_FORWARD &&
                       sim_path_ahead(role->window.top, &candidate->jump, sequence, oracle->now)
                   ? "it is a candidate ahead of the top of a peer that was silent for 2 s"
                   : NULL;
    }
    return fitting == 1 && oracle->config.passive_rebind != WR_REBIND_OFF &&
                   arrival->outcome == WR_OUTCOME_UNKNOWN_PEER
               ? "it fits one bound peer and should be its candidate"
               : NULL;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static const char *objection_vacated(struct sim_oracle *oracle, const struct sim_session *session,
                                     const struct wr_event *event)
{
    const struct sim_role *role = &session->roles[event->role];
    if (!role->bound)
        return "nobody held it";
    switch (event->why) {
    case WR_WHY_EXPIRED:
        return NULL; /* its moment is the deadlines' to judge */
    case WR_WHY_RELEASED: {
        const struct sim_arrival *arrival = sim_arrival_find(oracle, event->tag);
        if (arrival == NULL || !arrival->sight.releases)
            return "nobody released it";
        if (!sim_address_equal(&arrival->from, &role->address))
            return "the release came from an address that is not bound";
        return sim_cookie_good(oracle, arrival, (int)event->role)
                   ? NULL
                   : "the release carried no valid cookie";
    }
    case WR_WHY_REVOKED:
        return oracle->entry == SIM_ENTRY_REVOKE ? NULL : "no key was revoked";
    case WR_WHY_BANNED:
        return oracle->entry == SIM_ENTRY_BAN ? NULL : "nobody was banned";
    case WR_WHY_IDLE:
        return "a role does not end by being idle";
    }
    return "the reason is none";
}

static void judge_moment(struct sim_oracle *oracle, const struct wr_event *event, wr_instant due,
                         const char *what)
{
    sim_oracle_judges(oracle, SIM_ORACLE_DEADLINES);
    if (event->at_ns != due)
        sim_oracle_violate(oracle, SIM_ORACLE_DEADLINES, event->tag,
                           "section 3, Ends: %s of session %s came at %" PRIu64
                           " ns; its deadline was %" PRIu64 " ns",
                           what, sim_text_session(event->session).text, event->at_ns, due);
}

static void judge_vacated(struct sim_oracle *oracle, struct sim_session *session,
                          const struct wr_event *event)
{
    struct sim_role *role = &session->roles[event->role];
    const char *objection = objection_vacated(oracle, session, event);
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3, Ends: the %s of session %s was vacated (%s), but %s",
                           sim_role_name((int)event->role), sim_text_session(&session->id).text,
                           wr_why_name(event->why), objection);
    else if (event->why == WR_WHY_EXPIRED)
        judge_moment(oracle, event, role->end_ns, "the end of a lease");
    session->role_expired = session->role_expired || event->why == WR_WHY_EXPIRED;
    role->released = event->why == WR_WHY_RELEASED;
    if (role->released)
        sim_lease_released(oracle, &session->id, (int)event->role, &role->address);
    role->candidate.there = role->remembered.there = role->overtaken.there = false;
    role->capped = false;
    role->loser_until_ns = 0;
    sim_session_unbind(oracle, session, (int)event->role);
    if (session->active) {
        oracle->sessions_active--;
        session->waiting_since_ns = event->at_ns;
    }
    session->active = false;
    sim_path_handshake_anew(session);
    sim_session_deadline_moved(oracle, session);
}

static void judge_removed(struct sim_oracle *oracle, struct sim_session *session,
                          const struct wr_event *event)
{
    wr_instant wait_over = sim_session_wait_over(oracle, session);
    wr_instant idle = sim_session_idle_over(oracle, session);
    bool expired = session->role_expired;
    const char *objection = NULL;
    switch (event->why) {
    case WR_WHY_EXPIRED:
        if (session->active || !expired)
            objection = "no role had been vacated by expiry";
        else
            judge_moment(oracle, event, wait_over, "the end of the wait");
        oracle->expected.cleanup_expired_sessions++;
        break;
    case WR_WHY_IDLE:
        if (!session->active && !expired && wait_over < idle)
            idle = wait_over;
        judge_moment(oracle, event, idle, "the removal as idle");
        oracle->expected.cleanup_idle_sessions++;
        break;
    case WR_WHY_RELEASED:
        if (session->roles[0].bound || session->roles[1].bound)
            objection = "a role is still bound";
        break;
    case WR_WHY_REVOKED:
        if (oracle->entry != SIM_ENTRY_REVOKE)
            objection = "no key was revoked";
        break;
    case WR_WHY_BANNED:
        if (oracle->entry != SIM_ENTRY_BAN)
            objection = "nobody was banned";
        break;
    }
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3, Ends: session %s was removed (%s), but %s",
                           sim_text_session(&session->id).text, wr_why_name(event->why), objection);
    sim_session_remove(oracle, session);
}

void sim_judge_session(struct sim_oracle *oracle, const struct wr_event *event)
{
    sim_oracle_judges(oracle, SIM_ORACLE_MODEL);
    if (event->kind == WR_EVENT_CREATED) {
        judge_created(oracle, event);
        return;
    }
    struct sim_session *session = sim_session_find(oracle, event->session);
    if (session == NULL) {
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3: something happened in session %s, which does not exist",
                           sim_text_session(event->session).text);
        return;
    }
    if (event->kind == WR_EVENT_ACTIVE)
        judge_active(oracle, session, event);
    else if (event->kind == WR_EVENT_CANDIDATE)
        judge_candidate(oracle, session, event);
    else if (event->kind == WR_EVENT_PROMOTED)
        judge_promoted(oracle, session, event);
    else if (event->kind == WR_EVENT_REVERTED)
        judge_reverted(oracle, session, event);
    else if (event->kind == WR_EVENT_VACATED)
        judge_vacated(oracle, session, event);
    else
        judge_removed(oracle, session, event);
    if (event->kind == WR_EVENT_PROMOTED)
        oracle->expected.nat_rebind_events++;
}

void sim_judge_deadlines(struct sim_oracle *oracle, wr_instant next_deadline_ns)
{
    /* all others act on what is due now */
    bool acted = oracle->entry != SIM_ENTRY_VERIFIED && oracle->entry != SIM_ENTRY_LIMITS;
    sim_oracle_judges(oracle, SIM_ORACLE_DEADLINES);
    if (oracle->entry == SIM_ENTRY_DEADLINE && next_deadline_ns <= oracle->now)
        sim_oracle_violate(oracle, SIM_ORACLE_DEADLINES, 0,
                           "after acting on %" PRIu64 " ns the next deadline is %" PRIu64
                           " ns; it must lie ahead",
                           oracle->now, next_deadline_ns);
    wr_instant before = acted ? oracle->now + 1 : oracle->now;
    if (next_deadline_ns != WR_NEVER && next_deadline_ns > before)
        before = next_deadline_ns;
    else if (next_deadline_ns == WR_NEVER)
        before = WR_NEVER;
    struct sim_session *late = sim_session_overdue(oracle, before);
    if (late == NULL)
        return;
    wr_instant due = sim_session_deadline(oracle, late);
    sim_oracle_violate(oracle, SIM_ORACLE_DEADLINES, 0,
                       "section 3, Ends: in session %s something ends at %" PRIu64 " ns; %s",
                       sim_text_session(&late->id).text, due,
                       due <= oracle->now ? "it did not" : "the next deadline named is later");
    for (int role = 0; role < WR_ROLES; role++) { /* said once */
        if (late->roles[role].bound && late->roles[role].end_ns == due)
            late->roles[role].end_told = true;
    }
    if (sim_session_idle_over(oracle, late) == due)
        late->idle_told = true;
    if (sim_session_wait_over(oracle, late) == due)
        late->wait_told = true;
    sim_session_deadline_moved(oracle, late);
}
