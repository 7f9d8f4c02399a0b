#include "oracle_judge.h"

#include <inttypes.h>

#define QUEUED_MAX  (2 * 512)
#define PENDING_MAX (QUEUED_MAX + WR_VERIFICATIONS_OUT + 64)
#define HELD_MAX    1024

/* ---- The table of section 7 --------------------------------------------------------------------
 */

static void count_outcome(struct wr_counters *count, enum wr_outcome outcome)
{
    count->outcomes[outcome]++;
    if (outcome == WR_OUTCOME_LEASE_TAKEN || outcome == WR_OUTCOME_RENEWED ||
        outcome == WR_OUTCOME_COOKIE_PROMOTED || outcome == WR_OUTCOME_RELEASED ||
        outcome == WR_OUTCOME_FORWARDED || outcome == WR_OUTCOME_BARE_FORWARDED)
        return;
    count->dropped_packets++;
    switch (outcome) {
    case WR_OUTCOME_SHORT:
    case WR_OUTCOME_OVERSIZE:
    case WR_OUTCOME_BAD_MAGIC:
    case WR_OUTCOME_BAD_VERSION:
    case WR_OUTCOME_UNKNOWN_TYPE:
    case WR_OUTCOME_NIL_SESSION:
    case WR_OUTCOME_BAD_PAYLOAD:
    case WR_OUTCOME_UNEXPECTED_TYPE:
    case WR_OUTCOME_BAD_SOURCE:
        count->invalid_packets++;
        break;
    case WR_OUTCOME_UNBOUND_LIMITED:
    case WR_OUTCOME_CANDIDATE_LIMITED:
    case WR_OUTCOME_EXEMPT_LIMITED:
    case WR_OUTCOME_PEER_LIMITED:
    case WR_OUTCOME_SESSION_LIMITED:
    case WR_OUTCOME_RELAY_LIMITED:
    case WR_OUTCOME_PATH_CAPPED:
        count->rate_limited_packets++;
        break;
    case WR_OUTCOME_REPLAYED:
    case WR_OUTCOME_JUMP_UNCONFIRMED:
    case WR_OUTCOME_SEQUENCE_REFUSED:
        count->replay_dropped_packets++;
        break;
    case WR_OUTCOME_SESSION_NOT_FOUND:
    case WR_OUTCOME_RENEW_UNKNOWN:
    case WR_OUTCOME_COOKIE_INVALID:
        count->session_not_found_packets++;
        break;
    case WR_OUTCOME_SESSION_NOT_ACTIVE:
    case WR_OUTCOME_STALE_RECEIVER:
    case WR_OUTCOME_BARE_OUT_OF_TURN:
        count->session_not_active_packets++;
        break;
    default: /* unknown_peer, bare_ambiguous, candidate_unproven */
        count->unknown_peer_packets++;
        break;
    }
}

void sim_count_verdict(struct sim_oracle *oracle, enum wr_verdict verdict)
{
    struct wr_counters *count = &oracle->expected;
    count->verdicts[verdict]++;
    if (verdict == WR_VERDICT_ACCEPTED || verdict == WR_VERDICT_NEWER_TOKEN ||
        verdict == WR_VERDICT_CANDIDATE || verdict == WR_VERDICT_REPEATED)
        return;
    count->dropped_packets++;
    if (verdict == WR_VERDICT_QUEUE_DROPPED || verdict == WR_VERDICT_IDENTITY_LIMITED) {
        count->rate_limited_packets++;
        if (verdict == WR_VERDICT_IDENTITY_LIMITED)
            count->identity_rate_limited_packets++;
    } else if (verdict == WR_VERDICT_WRONG_RELAY) {
        count->wrong_relay_rejects++;
    } else if (verdict == WR_VERDICT_SHED) {
        count->overload_shed_packets++;
    } else if (verdict == WR_VERDICT_FULL || verdict == WR_VERDICT_DRAINING) {
        count->session_full_rejects++;
    } else {
        count->auth_reject_packets++;
        if (verdict == WR_VERDICT_EXPIRED)
            count->expired_lease_rejects++;
    }
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

/* What a datagram must be by its bytes and source alone; LEASE_TAKEN stands for "anything else". */
static enum wr_outcome by_its_form(const struct sim_arrival *arrival)
{
    if (arrival->sight.kind == SIM_SIGHT_JUNK)
        return arrival->sight.failure;
    if (arrival->sight.kind == SIM_SIGHT_ACK || arrival->sight.kind == SIM_SIGHT_REJECT)
        return WR_OUTCOME_UNEXPECTED_TYPE;
    return arrival->bad_source ? WR_OUTCOME_BAD_SOURCE : WR_OUTCOME_LEASE_TAKEN;
}

/* Which kinds of packet may end so (section 7). */
static bool fits(enum wr_outcome outcome, const struct sim_sight *sight)
{
    bool bare = sight->kind == SIM_SIGHT_BARE_HANDSHAKE || sight->kind == SIM_SIGHT_BARE_TRANSPORT;
    bool lease = sight->kind == SIM_SIGHT_PRESENT || sight->kind == SIM_SIGHT_RENEW;
    switch (outcome) {
    case WR_OUTCOME_LEASE_TAKEN:
        return lease && sight->has_token;
    case WR_OUTCOME_RENEWED:
    case WR_OUTCOME_RENEW_UNKNOWN:
        return sight->kind == SIM_SIGHT_RENEW && !sight->has_token;
    case WR_OUTCOME_RELEASED:
        return sight->releases;
    case WR_OUTCOME_COOKIE_PROMOTED:
    case WR_OUTCOME_COOKIE_INVALID:
        return sight->kind == SIM_SIGHT_RENEW && sight->has_cookie;
    case WR_OUTCOME_FORWARDED:
    case WR_OUTCOME_SESSION_NOT_FOUND:
    case WR_OUTCOME_CANDIDATE_LIMITED:
    case WR_OUTCOME_REPLAYED:
    case WR_OUTCOME_JUMP_UNCONFIRMED:
    case WR_OUTCOME_SEQUENCE_REFUSED:
        return sight->kind == SIM_SIGHT_FORWARD;
    case WR_OUTCOME_BARE_FORWARDED:
    case WR_OUTCOME_BARE_AMBIGUOUS:
    case WR_OUTCOME_BARE_OUT_OF_TURN:
        return bare;
    case WR_OUTCOME_SESSION_NOT_ACTIVE:
    case WR_OUTCOME_UNKNOWN_PEER:
    case WR_OUTCOME_EXEMPT_LIMITED:
    case WR_OUTCOME_STALE_RECEIVER:
    case WR_OUTCOME_PATH_CAPPED:
    case WR_OUTCOME_SESSION_LIMITED:
    case WR_OUTCOME_RELAY_LIMITED:
        return bare || sight->kind == SIM_SIGHT_FORWARD;
    default:
        return true;
    }
}

static bool is_form(enum wr_outcome outcome)
{
    return outcome <= WR_OUTCOME_BAD_SOURCE;
}

/* What a renewal changes, and whether there was one to be had. */
static void judge_renew(struct sim_oracle *oracle, struct sim_arrival *arrival)
{
    struct sim_session *session = sim_session_find(oracle, &arrival->sight.session);
    int role = session != NULL ? sim_session_role_of(session, &arrival->from) : -1;
    bool good = sim_cookie_good(oracle, arrival, -1);
    const char *objection = NULL;
    sim_oracle_judges(oracle, SIM_ORACLE_MODEL);
    if (arrival->outcome == WR_OUTCOME_RENEWED && role < 0)
        objection = "its source is not bound in its session";
    else if (arrival->outcome == WR_OUTCOME_RENEW_UNKNOWN && role >= 0)
        objection = "its source is bound in its session";
    else if (arrival->outcome == WR_OUTCOME_COOKIE_PROMOTED && !good)
        objection = "its cookie was not given to its source";
    else if (role >= 0 && (arrival->outcome == WR_OUTCOME_RENEWED ||
                           arrival->outcome == WR_OUTCOME_COOKIE_PROMOTED))
        sim_judge_renewed(oracle, session, role, arrival);
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3, Renew: a LEASE_RENEW from %s counts as %s, but %s",
                           sim_text_address(&arrival->from).text, wr_outcome_name(arrival->outcome),
                           objection);
}

void sim_judge_outcome(struct sim_oracle *oracle, const struct wr_event *event)
{
    struct sim_arrival *arrival = sim_arrival_find(oracle, event->tag);
    sim_oracle_judges(oracle, SIM_ORACLE_COUNTING);
    if (arrival == NULL || arrival->has_outcome) {
        sim_oracle_violate(oracle, SIM_ORACLE_COUNTING, event->tag,
                           "section 7: outcome %s for %s; every datagram ends in exactly one",
                           wr_outcome_name(event->outcome),
                           arrival != NULL ? "a datagram that has its outcome already"
                                           : "no datagram that was received and is open");
        return;
    }
    arrival->has_outcome = true;
    arrival->outcome = event->outcome;
    count_outcome(&oracle->expected, event->outcome);
    if (oracle->truth != NULL && arrival->sender != SIM_TRUTH_NOBODY)
        sim_truth_outcome(oracle->truth, oracle->now, arrival->sender, event->outcome);
    enum wr_outcome form = by_its_form(arrival);
    if (form != WR_OUTCOME_LEASE_TAKEN
            ? event->outcome != form
            : is_form(event->outcome) || !fits(event->outcome, &arrival->sight))
        sim_oracle_violate(oracle, SIM_ORACLE_COUNTING, event->tag,
                           "sections 1 and 7: a datagram from %s counts as %s%s%s",
                           sim_text_address(&arrival->from).text, wr_outcome_name(event->outcome),
                           form != WR_OUTCOME_LEASE_TAKEN ? "; it is " : ", which it cannot be",
                           form != WR_OUTCOME_LEASE_TAKEN ? wr_outcome_name(form) : "");
    bool unbound = event->outcome == WR_OUTCOME_SESSION_NOT_FOUND ||
                   event->outcome == WR_OUTCOME_UNKNOWN_PEER ||
                   event->outcome == WR_OUTCOME_RENEW_UNKNOWN ||
                   event->outcome == WR_OUTCOME_UNBOUND_LIMITED;
    if (unbound && !arrival->kept) /* one that was held drew on its bucket then */
        sim_judge_unbound(oracle, arrival, event->outcome != WR_OUTCOME_UNBOUND_LIMITED);
    if (event->outcome == WR_OUTCOME_LEASE_TAKEN && arrival->sight.has_token)
        sim_lease_taken(oracle, arrival);
    if (arrival->sight.kind == SIM_SIGHT_RENEW && event->outcome != WR_OUTCOME_LEASE_TAKEN)
        judge_renew(oracle, arrival);
    else if (event->outcome != WR_OUTCOME_FORWARDED &&
             event->outcome != WR_OUTCOME_BARE_FORWARDED && form == WR_OUTCOME_LEASE_TAKEN)
        sim_judge_dropped(oracle, arrival);
}

void sim_judge_arrival_settled(struct sim_oracle *oracle, struct sim_arrival *arrival)
{
    bool passed = arrival->has_outcome && (arrival->outcome == WR_OUTCOME_FORWARDED ||
                                           arrival->outcome == WR_OUTCOME_BARE_FORWARDED);
    bool lease = arrival->sight.kind == SIM_SIGHT_PRESENT || arrival->sight.kind == SIM_SIGHT_RENEW;
    if (arrival->has_outcome && passed != (arrival->forwards > 0))
        sim_oracle_violate(oracle, SIM_ORACLE_BYTES, arrival->tag,
                           "section 4: a datagram from %s counts as %s, but was%s sent on",
                           sim_text_address(&arrival->from).text, wr_outcome_name(arrival->outcome),
                           passed ? " not" : "");
    if (!arrival->has_outcome && (lease || by_its_form(arrival) != WR_OUTCOME_LEASE_TAKEN) &&
        !arrival->kept)
        sim_oracle_violate(oracle, SIM_ORACLE_COUNTING, arrival->tag,
                           "section 7: a datagram from %s has no outcome, and may not be held",
                           sim_text_address(&arrival->from).text);
    if (!arrival->has_outcome)
        return;
    if (lease && (arrival->outcome != WR_OUTCOME_LEASE_TAKEN || arrival->has_verdict)) {
        sim_judge_answer_settled(oracle, arrival);
        sim_judge_leases_settled(oracle, arrival);
    }
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

static void judge_count(struct sim_oracle *oracle, const char *name, uint64_t seen,
                        uint64_t expected)
{
    if (seen != expected)
        sim_oracle_violate(oracle, SIM_ORACLE_COUNTING, 0,
                           "section 7: %s is %" PRIu64 "; by what was seen it should be %" PRIu64,
                           name, seen, expected);
}

static void judge_sums(struct sim_oracle *oracle, const struct wr_snapshot *snapshot)
{
    uint64_t outcomes = 0, verdicts = 0;
    for (unsigned i = 0; i < WR_OUTCOME_COUNT; i++)
        outcomes += snapshot->counters.outcomes[i];
    for (unsigned i = 0; i < WR_VERDICT_COUNT; i++)
        verdicts += snapshot->counters.verdicts[i];
    judge_count(oracle, "the sum of outcomes and datagrams held", outcomes + snapshot->held,
                snapshot->counters.packets_rx);
    judge_count(oracle, "the sum of verdicts and requests pending", verdicts + snapshot->pending,
                snapshot->counters.outcomes[WR_OUTCOME_LEASE_TAKEN]);
    for (unsigned i = 0; i < WR_OUTCOME_COUNT; i++)
        judge_count(oracle, wr_outcome_name((enum wr_outcome)i), snapshot->counters.outcomes[i],
                    oracle->expected.outcomes[i]);
    for (unsigned i = 0; i < WR_VERDICT_COUNT; i++)
        judge_count(oracle, wr_verdict_name((enum wr_verdict)i), snapshot->counters.verdicts[i],
                    oracle->expected.verdicts[i]);
#define SAME(name) judge_count(oracle, #name, snapshot->counters.name, oracle->expected.name);
    WR_COUNTERS(SAME)
#undef SAME
    judge_count(oracle, "held", snapshot->held, oracle->held_now);
    judge_count(oracle, "pending", snapshot->pending, oracle->pending_now);
    judge_count(oracle, "the number of waiting sessions", snapshot->sessions_waiting,
                oracle->sessions_used - oracle->sessions_active);
    judge_count(oracle, "the number of active sessions", snapshot->sessions_active,
                oracle->sessions_active);
}

static void judge_bound(struct sim_oracle *oracle, const char *name, uint64_t seen, uint64_t bound)
{
    if (seen > bound)
        sim_oracle_violate(oracle, SIM_ORACLE_MEMORY, 0,
                           "sections 2 and 5: %s: %" PRIu64 "; there is room for %" PRIu64, name,
                           seen, bound);
}

void sim_judge_snapshot(struct sim_oracle *oracle, const struct wr_snapshot *snapshot)
{
    sim_oracle_judges(oracle, SIM_ORACLE_COUNTING);
    sim_oracle_judges(oracle, SIM_ORACLE_MEMORY);
    judge_sums(oracle, snapshot);
    uint32_t sessions_max = sim_model_sessions_max(oracle);
    judge_bound(oracle, "sessions", snapshot->sessions_waiting + snapshot->sessions_active,
                sessions_max > oracle->limits_sessions ? sessions_max : oracle->limits_sessions);
    judge_bound(oracle, "verification requests queued", snapshot->queue_depth, QUEUED_MAX);
    judge_bound(oracle, "leases pending", snapshot->pending, PENDING_MAX);
    judge_bound(oracle, "datagrams held", snapshot->held, HELD_MAX);
    judge_bound(oracle, "keys", snapshot->keys, WR_KEYS_MAX);
}
