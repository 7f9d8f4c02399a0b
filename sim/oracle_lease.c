#include "oracle_judge.h"

#include <inttypes.h>
#include <string.h>

#define BARE_RENEWS_PER_S 4

const struct sim_token *sim_lease_token(struct sim_oracle *oracle,
                                        const struct sim_arrival *arrival)
{
    if (oracle->token_tag != arrival->tag) {
        oracle->token = sim_token_read(arrival->bytes + arrival->sight.token_at,
                                       arrival->sight.token_bytes, oracle->relay_id);
        oracle->token_tag = arrival->tag;
    }
    return &oracle->token;
}

enum wr_role sim_lease_role(struct sim_oracle *oracle, const struct sim_arrival *arrival)
{
    return oracle->config.role_policy == WR_ROLE_POLICY_STRICT
               ? (enum wr_role)arrival->sight.presented_role
               : sim_lease_token(oracle, arrival)->role;
}

static int64_t issued_of(const struct sim_token *token)
{
    return token->issued_ms == INT64_MIN ? 0 : token->issued_ms;
}

/* Section 3, Order of tokens: negative where `token` is older than the role's. */
static int compared(const struct sim_token *token, const struct sim_role *role)
{
    int64_t issued = issued_of(token);
    if (issued != role->issued_ms)
        return issued < role->issued_ms ? -1 : 1;
    if (token->expires_ms != role->expires_ms)
        return token->expires_ms < role->expires_ms ? -1 : 1;
    return 0;
}

/* What checks 5 to 11 come to for this lease at this moment. */
static enum wr_verdict expected_of(struct sim_oracle *oracle, const struct sim_arrival *arrival,
                                   const struct sim_token *token)
{
    const struct sim_session *session = sim_session_find(oracle, &arrival->sight.session);
    const struct sim_role *role = session != NULL ? &session->roles[token->role] : NULL;
    struct sim_token_context context = {
        .session = arrival->sight.session,
        .presented_role = arrival->sight.presented_role,
        .strict_role = oracle->config.role_policy == WR_ROLE_POLICY_STRICT,
        .now_unix_ms = oracle->wall_ms,
        .skew_ms = (uint64_t)oracle->config.max_clock_skew_secs * 1000,
        .skip_times = role != NULL && role->bound && sim_digest_equal(&role->token, &token->token),
        .banned = sim_is_banned(oracle, &token->identity)};
    return sim_token_judge(token, &context);
}

static void released(struct sim_oracle *oracle, struct sim_arrival *lease,
                     const struct wr_session_id *session, int role, const struct wr_address *from)
{
    if (lease->sight.has_token && lease->has_outcome && !lease->has_verdict &&
        memcmp(&lease->sight.session, session, sizeof *session) == 0 &&
        sim_address_equal(&lease->from, from) && (int)sim_lease_role(oracle, lease) == role)
        lease->peer_left = true;
}

void sim_lease_released(struct sim_oracle *oracle, const struct wr_session_id *session, int role,
                        const struct wr_address *from)
{
    for (uint32_t i = 0; i < oracle->batch_count; i++)
        released(oracle, &oracle->batch[i], session, role, from);
    for (uint32_t i = 0; i < oracle->kept_count; i++) {
        struct sim_arrival *lease = &oracle->kept[i]->arrival;
        if (sim_map_find(&oracle->kept_by_tag, lease->tag) == i)
            released(oracle, lease, session, role, from);
    }
}

/* Section 3, Release: what was on its way when its peer left is not judged any more. */
static void check_not_left(struct sim_oracle *oracle, const struct sim_arrival *arrival)
{
    if (arrival->peer_left)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3, Release: a lease of %s was accepted in session %s though "
                           "its peer had left while it was on its way",
                           sim_text_address(&arrival->from).text,
                           sim_text_session(&arrival->sight.session).text);
}

/* Everything that must hold of a lease that was believed. Returns its key, NULL for none. */
static const uint8_t *check_believed(struct sim_oracle *oracle, const struct sim_arrival *arrival,
                                     const struct sim_token *token)
{
    const uint8_t *key = NULL;
    check_not_left(oracle, arrival);
    if (!token->readable) {
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 2, checks 1 and 2: a lease was accepted whose token or claims "
                           "cannot be read");
        return NULL;
    }
    if (!oracle->config.allow_insecure_dev) {
        key = sim_signing_key(oracle, arrival, token);
        const char *objection = key == NULL ? "no key that the relay was given signed it"
                                            : sim_key_objection(oracle, key, token);
        if (objection != NULL)
            sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                               "section 2, checks 3 and 4: a lease was accepted though %s",
                               objection);
    }
    enum wr_verdict expected = expected_of(oracle, arrival, token);
    if (expected != WR_VERDICT_ACCEPTED)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 2, checks 5 to 11: a lease was accepted that is %s",
                           wr_verdict_name(expected));
    return key;
}

/* The identity lock and the other role's address (section 3). */
static void check_place(struct sim_oracle *oracle, const struct sim_session *session, int role,
                        const struct sim_arrival *arrival, const struct sim_token *token)
{
    const struct sim_role *mine = &session->roles[role], *other = &session->roles[1 - role];
    if (mine->locked && !sim_digest_equal(&mine->identity, &token->identity))
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3: the %s of session %s is locked to an identity, and another "
                           "one took the role",
                           sim_role_name(role), sim_text_session(&session->id).text);
    if (other->bound && sim_address_equal(&other->address, &arrival->from))
        sim_oracle_violate(
            oracle, SIM_ORACLE_MODEL, arrival->tag, "section 3: %s took both roles of session %s",
            sim_text_address(&arrival->from).text, sim_text_session(&session->id).text);
}

/* When an identity's bucket is full again (section 5); it moves with the next identity. */
static wr_instant *identity_tat(struct sim_oracle *oracle, const struct sim_digest *identity)
{
    uint64_t name;
    memcpy(&name, identity->bytes, sizeof name);
    uint32_t at = sim_map_find(&oracle->identity_map, name);
    if (at != SIM_NO_SLOT)
        return &oracle->identity_tats[at];
    at = oracle->identity_count++;
    oracle->identity_tats = sim_oracle_grow(oracle->identity_tats, &oracle->identity_capacity,
                                            at + 1, sizeof *oracle->identity_tats);
    oracle->identity_tats[at] = 0;
    sim_map_put(&oracle->identity_map, name, at);
    return &oracle->identity_tats[at];
}

static void set_end(struct sim_oracle *oracle, struct sim_role *role)
{
    uint64_t duration_s = oracle->config.lease_duration_secs;
    role->end_told = false;
    role->end_ns = role->signed_end_ns;
    role->shown_expires_ms = (uint64_t)role->expires_ms;
    if (duration_s > 0) {
        wr_instant end =
            wr_after(oracle->now, (duration_s + oracle->config.max_clock_skew_secs) * WR_S);
        if (end < role->end_ns) {
            role->end_ns = end;
            role->shown_expires_ms = oracle->wall_ms + duration_s * 1000;
        }
    }
}

/* The lease's terms become the role's. */
static void take_terms(struct sim_oracle *oracle, struct sim_role *role,
                       const struct sim_token *token, const uint8_t *key)
{
    int64_t left_ms = token->expires_ms + (int64_t)oracle->config.max_clock_skew_secs * 1000 -
                      (int64_t)oracle->wall_ms;
    role->signed_end_ns = wr_after(oracle->now, left_ms > 0 ? (uint64_t)left_ms * WR_MS : 0);
    role->identity = token->identity;
    role->locked = true;
    role->token = token->token;
    role->has_token = true;
    role->issued_ms = issued_of(token);
    role->expires_ms = token->expires_ms;
    role->soft_kbps = token->soft_kbps;
    role->hard_kbps = token->hard_kbps;
    role->sign_ns = role->heard_ns = oracle->now;
    if (key != NULL)
        memcpy(role->key, key, WR_PUBLIC_KEY_BYTES);
    set_end(oracle, role);
}

static void restarted(struct sim_session *session, int role, const struct sim_arrival *arrival)
{
    if (arrival->sight.kind != SIM_SIGHT_PRESENT)
        return;
    sim_window_clear(&session->roles[role].window);
    sim_path_handshake_anew(session);
}

void sim_judge_bound(struct sim_oracle *oracle, const struct wr_event *event)
{
    struct sim_arrival *arrival = sim_arrival_find(oracle, event->tag);
    struct sim_session *session = sim_session_find(oracle, event->session);
    int role = (int)event->role;
    sim_oracle_judges(oracle, SIM_ORACLE_MODEL);
    if (arrival == NULL || !arrival->sight.has_token || session == NULL) {
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3: the %s of session %s was bound, but %s", sim_role_name(role),
                           sim_text_session(event->session).text,
                           session == NULL ? "there is no such session"
                                           : "not by a lease that was received");
        return;
    }
    const struct sim_token *token = sim_lease_token(oracle, arrival);
    const uint8_t *key = check_believed(oracle, arrival, token);
    struct sim_role *mine = &session->roles[role];
    check_place(oracle, session, role, arrival, token);
    if (mine->bound || token->role != event->role ||
        !sim_address_equal(event->address, &arrival->from))
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3: %s was bound as %s of session %s; the lease says %s, came "
                           "from %s, and the role was %s",
                           sim_text_address(event->address).text, sim_role_name(role),
                           sim_text_session(&session->id).text, sim_role_name((int)token->role),
                           sim_text_address(&arrival->from).text, mine->bound ? "taken" : "free");
    if (mine->has_token && compared(token, mine) < (mine->released ? 1 : 0))
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3, Order of tokens: the %s of session %s was taken again by %s",
                           sim_role_name(role), sim_text_session(&session->id).text,
                           mine->released ? "the released token or an older one"
                                          : "an older token");
    arrival->applied = true;
    sim_packets_draw(identity_tat(oracle, &token->identity), oracle->config.identity_rate_limit_pps,
                     oracle->now);
    restarted(session, role, arrival);
    take_terms(oracle, mine, token, key);
    sim_session_bind(oracle, session, role, event->address);
    mine->bound_by_token = true;
    mine->released = mine->capped = false;
    mine->candidate.there = mine->remembered.there = mine->overtaken.there = false;
    mine->loser_until_ns = 0;
    session->heard_ns = oracle->now;
    sim_session_deadline_moved(oracle, session);
}

void sim_judge_newer(struct sim_oracle *oracle, struct sim_session *session, int role,
                     struct sim_arrival *arrival)
{
    const struct sim_token *token = sim_lease_token(oracle, arrival);
    struct sim_role *mine = &session->roles[role];
    const uint8_t *key = check_believed(oracle, arrival, token);
    check_place(oracle, session, role, arrival, token);
    if (!mine->bound || compared(token, mine) <= 0)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3, Order of tokens: a token counted as newer for the %s of "
                           "session %s, but %s",
                           sim_role_name(role), sim_text_session(&session->id).text,
                           mine->bound ? "it is not" : "no token is bound there");
    arrival->applied = true;
    restarted(session, role, arrival);
    take_terms(oracle, mine, token, key);
    if (mine->bound && sim_address_equal(&mine->address, &arrival->from)) {
        mine->bound_by_token = true;
        mine->capped = false;
    }
    session->heard_ns = oracle->now;
    sim_session_deadline_moved(oracle, session);
}

/* Its ACK is longer than it, so there are few (section 5). */
static void judge_bare_renew(struct sim_oracle *oracle, struct sim_role *role,
                             const struct sim_arrival *arrival)
{
    sim_oracle_judges(oracle, SIM_ORACLE_REFLECTION);
    if (!sim_packets_allowed(role->bare_renew_tat, BARE_RENEWS_PER_S, 1, oracle->now))
        sim_oracle_violate(oracle, SIM_ORACLE_REFLECTION, arrival->tag,
                           "section 5: %s was sent more than 4 ACKs a second to renews without a "
                           "cookie",
                           sim_text_address(&arrival->from).text);
    sim_packets_draw(&role->bare_renew_tat, BARE_RENEWS_PER_S, oracle->now);
}

void sim_judge_renewed(struct sim_oracle *oracle, struct sim_session *session, int role,
                       const struct sim_arrival *arrival)
{
    struct sim_role *mine = &session->roles[role];
    mine->heard_ns = session->heard_ns = oracle->now;
    if (arrival->sight.has_token)
        return; /* a repeat; its cookie counted when it was taken (sim_lease_taken) */
    if (arrival->sight.has_cookie && sim_cookie_good(oracle, arrival, role)) {
        mine->sign_ns = oracle->now;
        mine->capped = false;
    }
    if (!arrival->sight.has_cookie)
        judge_bare_renew(oracle, mine, arrival);
    set_end(oracle, mine);
    sim_session_deadline_moved(oracle, session);
}

/* ---- Verdicts -------------------------------------------------------------------------------- */

static bool is_check_of_claims(enum wr_verdict verdict)
{
    return verdict >= WR_VERDICT_WRONG_SESSION && verdict <= WR_VERDICT_BANNED;
}

static bool is_locked_out(const struct sim_role *role, const struct sim_token *token)
{
    return role != NULL && role->locked && !sim_digest_equal(&role->identity, &token->identity);
}

static bool is_older(const struct sim_role *role, const struct sim_token *token)
{
    return role != NULL && role->has_token && compared(token, role) < (role->released ? 1 : 0);
}

static bool is_same_address(const struct sim_session *session, const struct sim_arrival *arrival,
                            const struct sim_token *token)
{
    const struct sim_role *other = session != NULL ? &session->roles[1 - token->role] : NULL;
    return other != NULL && other->bound && sim_address_equal(&other->address, &arrival->from);
}

/* The limit of an identity is the last thing that is tested, and for those that take a free role
 * only (sections 4 and 5). */
static const char *identity_limit_objection(struct sim_oracle *oracle,
                                            const struct sim_session *session,
                                            const struct sim_arrival *arrival,
                                            const struct sim_token *token)
{
    const struct sim_role *role = session != NULL ? &session->roles[token->role] : NULL;
    uint32_t rate = oracle->config.identity_rate_limit_pps;
    if (expected_of(oracle, arrival, token) != WR_VERDICT_ACCEPTED)
        return "one of checks 5 to 11 fails before that";
    if (is_locked_out(role, token) || is_same_address(session, arrival, token) ||
        is_older(role, token))
        return "an earlier test fails";
    if (role != NULL && role->bound)
        return "it takes no free role";
    /* It may have been tested at an earlier moment than it is told. */
    return sim_packets_allowed(*identity_tat(oracle, &token->identity), rate,
                               rate >= 4 ? rate / 4 : 1, oracle->since_ns)
               ? "its bucket has room"
               : NULL;
}

/* A refusal must have its reason. Returns what is wrong with it, NULL where it stands. */
static const char *refusal_objection(struct sim_oracle *oracle, enum wr_verdict verdict,
                                     const struct sim_arrival *arrival)
{
    const struct sim_token *token = sim_lease_token(oracle, arrival);
    const struct sim_session *session = sim_session_find(oracle, &arrival->sight.session);
    if (arrival->peer_left && verdict != WR_VERDICT_UNKNOWN_KEY &&
        verdict != WR_VERDICT_BAD_SIGNATURE && verdict != WR_VERDICT_QUEUE_DROPPED)
        return verdict == WR_VERDICT_OLDER_TOKEN ? NULL : "its peer had left while it was pending";
    if (verdict == WR_VERDICT_FULL)
        return oracle->sessions_used >= oracle->config.max_sessions ? NULL : "there was room";
    if (verdict == WR_VERDICT_SHED)
        return oracle->sessions_used >= sim_model_sessions_max(oracle)
                   ? NULL
                   : "the shed threshold was not reached";
    if (verdict == WR_VERDICT_DRAINING)
        return oracle->draining ? NULL : "the relay does not drain";
    if (!token->readable)
        return NULL;
    const struct sim_role *role = session != NULL ? &session->roles[token->role] : NULL;
    if (is_check_of_claims(verdict))
        return expected_of(oracle, arrival, token) == verdict ? NULL : "that check holds";
    if (verdict == WR_VERDICT_BAD_SIGNATURE) {
        const uint8_t *key = sim_signing_key_known(oracle, token);
        /* With the ring of when it was asked about (section 13). */
        return key == NULL || sim_key_objection(oracle, key, token) != NULL ||
                       sim_key_joined_since(oracle, key, token, arrival->at_ns)
                   ? NULL
                   : "it is good";
    }
    if (verdict == WR_VERDICT_IDENTITY_LOCKED)
        return is_locked_out(role, token) ? NULL : "the role is not locked to another identity";
    if (verdict == WR_VERDICT_OLDER_TOKEN)
        return is_older(role, token) ? NULL : "no newer token was accepted before";
    if (verdict == WR_VERDICT_SAME_ADDRESS)
        return is_same_address(session, arrival, token)
                   ? NULL
                   : "the address is not bound in the other role";
    return verdict == WR_VERDICT_IDENTITY_LIMITED
               ? identity_limit_objection(oracle, session, arrival, token)
               : NULL;
}

static void judge_candidate(struct sim_oracle *oracle, struct sim_session *session,
                            const struct sim_arrival *arrival, const struct sim_token *token)
{
    struct sim_role *role = &session->roles[token->role];
    if (role->candidate.there && sim_address_equal(&role->candidate.address, &arrival->from))
        role->candidate.since_ns = oracle->now; /* one that presents again lives anew */
    check_believed(oracle, arrival, token);
    if (!role->bound || compared(token, role) != 0)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3, Moving a peer: %s counts as a candidate for the %s of "
                           "session %s, but it did not present the bound token",
                           sim_text_address(&arrival->from).text, sim_role_name((int)token->role),
                           sim_text_session(&session->id).text);
}

static void judge_repeated(struct sim_oracle *oracle, struct sim_session *session,
                           const struct sim_arrival *arrival, const struct sim_token *token)
{
    struct sim_role *role = &session->roles[token->role];
    if (!role->bound || !sim_address_equal(&role->address, &arrival->from) ||
        compared(token, role) != 0) {
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3, Repeats: %s counts as a repeat in session %s, but it is not "
                           "the bound token from the bound address",
                           sim_text_address(&arrival->from).text,
                           sim_text_session(&session->id).text);
        return;
    }
    if (!sim_digest_equal(&role->token, &token->token))
        check_believed(oracle, arrival, token);
    sim_judge_renewed(oracle, session, (int)token->role, arrival);
}

void sim_judge_verdict(struct sim_oracle *oracle, const struct wr_event *event)
{
    struct sim_arrival *arrival = sim_arrival_find(oracle, event->tag);
    sim_oracle_judges(oracle, SIM_ORACLE_COUNTING);
    sim_count_verdict(oracle, event->verdict);
    if (arrival == NULL || !arrival->sight.has_token || arrival->has_verdict) {
        sim_oracle_violate(oracle, SIM_ORACLE_COUNTING, event->tag, "section 7: verdict %s for %s",
                           wr_verdict_name(event->verdict),
                           arrival != NULL && arrival->has_verdict
                               ? "a lease that has its verdict already"
                               : "something that is no lease on its way");
        return;
    }
    arrival->has_verdict = true;
    arrival->verdict = event->verdict;
    struct sim_session *session = sim_session_find(oracle, &arrival->sight.session);
    const struct sim_token *token = sim_lease_token(oracle, arrival);
    sim_oracle_judges(oracle, SIM_ORACLE_MODEL);
    if (event->verdict == WR_VERDICT_ACCEPTED)
        return; /* judged at its binding, which sim_judge_leases_settled asks for */
    if (event->verdict != WR_VERDICT_NEWER_TOKEN && event->verdict != WR_VERDICT_CANDIDATE &&
        event->verdict != WR_VERDICT_REPEATED) {
        const char *objection = refusal_objection(oracle, event->verdict, arrival);
        if (objection != NULL)
            sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                               "section 2: a lease for session %s was refused as %s, but %s",
                               sim_text_session(&arrival->sight.session).text,
                               wr_verdict_name(event->verdict), objection);
    } else if (session == NULL) {
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, event->tag,
                           "section 3: verdict %s in session %s, which does not exist",
                           wr_verdict_name(event->verdict),
                           sim_text_session(&arrival->sight.session).text);
    } else if (event->verdict == WR_VERDICT_NEWER_TOKEN) {
        if (!arrival->applied)
            sim_judge_newer(oracle, session, (int)token->role, arrival);
    } else if (event->verdict == WR_VERDICT_CANDIDATE) {
        if (!arrival->applied)
            judge_candidate(oracle, session, arrival, token);
    } else {
        judge_repeated(oracle, session, arrival, token);
    }
}

void sim_judge_leases_settled(struct sim_oracle *oracle, struct sim_arrival *arrival)
{
    if (!arrival->has_verdict)
        return;
    if (arrival->verdict == WR_VERDICT_ACCEPTED && !arrival->applied)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3: a lease was accepted, but its role was never bound");
    if (arrival->verdict != WR_VERDICT_NEWER_TOKEN)
        return;
    const struct sim_session *session = sim_session_find(oracle, &arrival->sight.session);
    if (session != NULL && oracle->batch_count <= 1 &&
        sim_session_role_of(session, &arrival->from) != (int)sim_lease_token(oracle, arrival)->role)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3, Moving a peer, rule 3: a newer token from %s did not move "
                           "its peer in session %s",
                           sim_text_address(&arrival->from).text,
                           sim_text_session(&session->id).text);
}
