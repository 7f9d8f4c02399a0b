#include "relay_state.h"

const char *wr_outcome_name(enum wr_outcome outcome)
{
#define OUTCOME_TEXT(name, text) text,
    static const char *const names[WR_OUTCOME_COUNT] = {WR_OUTCOMES(OUTCOME_TEXT)};
    return (unsigned)outcome < WR_OUTCOME_COUNT ? names[outcome] : "none";
}

const char *wr_verdict_name(enum wr_verdict verdict)
{
#define VERDICT_TEXT(name, text) text,
    static const char *const names[WR_VERDICT_COUNT] = {WR_VERDICTS(VERDICT_TEXT)};
    return (unsigned)verdict < WR_VERDICT_COUNT ? names[verdict] : "none";
}

const char *wr_why_name(enum wr_why why)
{
    switch (why) {
    case WR_WHY_EXPIRED:
        return "expired";
    case WR_WHY_IDLE:
        return "idle";
    case WR_WHY_RELEASED:
        return "released";
    case WR_WHY_REVOKED:
        return "revoked";
    case WR_WHY_BANNED:
        return "banned";
    }
    return "none";
}

/* What is no outcome or verdict is named after the datagram at work. */
static void tell(const struct wr_relay *relay, struct wr_event *event)
{
    if (relay->environment.observe == NULL)
        return;
    if (event->tag == 0)
        event->tag = relay->tag;
    event->at_ns = relay->now;
    relay->environment.observe(relay->environment.context, event);
}

/* The second column of section 7's table, for outcomes. */
static void count_outcome(struct wr_counters *counters, enum wr_outcome outcome)
{
    counters->outcomes[outcome]++;
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
        counters->dropped_packets++;
        counters->invalid_packets++;
        return;
    case WR_OUTCOME_UNBOUND_LIMITED:
    case WR_OUTCOME_CANDIDATE_LIMITED:
    case WR_OUTCOME_EXEMPT_LIMITED:
    case WR_OUTCOME_PATH_CAPPED:
    case WR_OUTCOME_PEER_LIMITED:
    case WR_OUTCOME_SESSION_LIMITED:
    case WR_OUTCOME_RELAY_LIMITED:
        counters->dropped_packets++;
        counters->rate_limited_packets++;
        return;
    case WR_OUTCOME_REPLAYED:
    case WR_OUTCOME_JUMP_UNCONFIRMED:
    case WR_OUTCOME_SEQUENCE_REFUSED:
        counters->dropped_packets++;
        counters->replay_dropped_packets++;
        return;
    case WR_OUTCOME_SESSION_NOT_FOUND:
    case WR_OUTCOME_RENEW_UNKNOWN:
    case WR_OUTCOME_COOKIE_INVALID:
        counters->dropped_packets++;
        counters->session_not_found_packets++;
        return;
    case WR_OUTCOME_SESSION_NOT_ACTIVE:
    case WR_OUTCOME_STALE_RECEIVER:
    case WR_OUTCOME_BARE_OUT_OF_TURN:
        counters->dropped_packets++;
        counters->session_not_active_packets++;
        return;
    case WR_OUTCOME_UNKNOWN_PEER:
    case WR_OUTCOME_BARE_AMBIGUOUS:
    case WR_OUTCOME_CANDIDATE_UNPROVEN:
        counters->dropped_packets++;
        counters->unknown_peer_packets++;
        return;
    case WR_OUTCOME_LEASE_TAKEN:
    case WR_OUTCOME_RENEWED:
    case WR_OUTCOME_COOKIE_PROMOTED:
    case WR_OUTCOME_RELEASED:
    case WR_OUTCOME_FORWARDED:
    case WR_OUTCOME_BARE_FORWARDED:
    case WR_OUTCOME_COUNT:
        return;
    }
}

/* The same for verdicts. */
static void count_verdict(struct wr_counters *counters, enum wr_verdict verdict)
{
    if (WR_FAULT(verdict_uncounted) && verdict != WR_VERDICT_ACCEPTED)
        return;
    counters->verdicts[verdict]++;
    switch (verdict) {
    case WR_VERDICT_ACCEPTED:
    case WR_VERDICT_NEWER_TOKEN:
    case WR_VERDICT_CANDIDATE:
    case WR_VERDICT_REPEATED:
    case WR_VERDICT_COUNT:
        return;
    case WR_VERDICT_EXPIRED:
        counters->dropped_packets++;
        counters->auth_reject_packets++;
        counters->expired_lease_rejects++;
        return;
    case WR_VERDICT_WRONG_RELAY:
        counters->dropped_packets++;
        counters->wrong_relay_rejects++;
        return;
    case WR_VERDICT_MALFORMED_TOKEN:
    case WR_VERDICT_MALFORMED_CLAIMS:
    case WR_VERDICT_UNKNOWN_KEY:
    case WR_VERDICT_BAD_SIGNATURE:
    case WR_VERDICT_WRONG_SESSION:
    case WR_VERDICT_WRONG_ROLE:
    case WR_VERDICT_HORIZON_EXCEEDED:
    case WR_VERDICT_NOT_YET_VALID:
    case WR_VERDICT_ISSUED_IN_FUTURE:
    case WR_VERDICT_BANNED:
    case WR_VERDICT_IDENTITY_LOCKED:
    case WR_VERDICT_SAME_ADDRESS:
    case WR_VERDICT_OLDER_TOKEN:
        counters->dropped_packets++;
        counters->auth_reject_packets++;
        return;
    case WR_VERDICT_SHED:
        counters->dropped_packets++;
        counters->overload_shed_packets++;
        return;
    case WR_VERDICT_FULL:
    case WR_VERDICT_DRAINING:
        counters->dropped_packets++;
        counters->session_full_rejects++;
        return;
    case WR_VERDICT_QUEUE_DROPPED:
        counters->dropped_packets++;
        counters->rate_limited_packets++;
        return;
    case WR_VERDICT_IDENTITY_LIMITED:
        counters->dropped_packets++;
        counters->rate_limited_packets++;
        counters->identity_rate_limited_packets++;
        return;
    }
}

void wr_report_outcome(struct wr_relay *relay, uint64_t tag, enum wr_outcome outcome,
                       const struct wr_session_id *session)
{
    if (WR_FAULT(drops_uncounted))
        relay->counters.outcomes[outcome]++;
    else
        count_outcome(&relay->counters, outcome);
    if (WR_FAULT(count_outcome_twice) && relay->counters.packets_rx % 16 == 0)
        relay->counters.outcomes[outcome]++;
    tell(relay, &(struct wr_event){
                    .kind = WR_EVENT_OUTCOME, .tag = tag, .outcome = outcome, .session = session});
}

void wr_report_verdict(struct wr_relay *relay, const struct wr_lease_origin *origin,
                       enum wr_verdict verdict)
{
    count_verdict(&relay->counters, verdict);
    tell(relay, &(struct wr_event){.kind = WR_EVENT_VERDICT,
                                   .tag = origin->tag,
                                   .verdict = verdict,
                                   .session = &origin->session,
                                   .address = &origin->from});
}

void wr_report_session(struct wr_relay *relay, enum wr_event_kind kind,
                       const struct wr_session *session)
{
    if (kind == WR_EVENT_CREATED)
        relay->counters.sessions_created++;
    tell(relay, &(struct wr_event){.kind = kind, .session = &session->id});
}

void wr_report_removed(struct wr_relay *relay, const struct wr_session *session, enum wr_why why)
{
    struct wr_counters *counters = &relay->counters;
    switch (why) {
    case WR_WHY_EXPIRED:
        counters->cleanup_expired_sessions++;
        break;
    case WR_WHY_IDLE:
        counters->cleanup_idle_sessions++;
        break;
    case WR_WHY_RELEASED:
        counters->sessions_released++;
        break;
    case WR_WHY_REVOKED:
        counters->sessions_revoked++;
        break;
    case WR_WHY_BANNED:
        counters->sessions_banned++;
        break;
    }
    tell(relay, &(struct wr_event){.kind = WR_EVENT_REMOVED, .session = &session->id, .why = why});
}

void wr_report_vacated(struct wr_relay *relay, const struct wr_session *session, enum wr_role role,
                       enum wr_why why)
{
    tell(relay, &(struct wr_event){
                    .kind = WR_EVENT_VACATED, .session = &session->id, .role = role, .why = why});
}

void wr_report_seat(struct wr_relay *relay, enum wr_event_kind kind,
                    const struct wr_session *session, enum wr_role role,
                    const struct wr_address *address, uint32_t rule)
{
    tell(
        relay,
        &(struct wr_event){
            .kind = kind, .session = &session->id, .role = role, .address = address, .rule = rule});
}

void wr_report_bound(struct wr_relay *relay, const struct wr_address *address)
{
    struct wr_session *session;
    enum wr_role role;
    if (relay->environment.bound_changed == NULL)
        return;
    relay->environment.bound_changed(
        relay->environment.context, address,
        wr_session_table_binding(&relay->sessions, address, &session, &role));
}

void wr_report_key(struct wr_relay *relay, enum wr_event_kind kind, const char *kid)
{
    tell(relay, &(struct wr_event){.kind = kind, .kid = kid});
}

void wr_report_drained(struct wr_relay *relay)
{
    tell(relay, &(struct wr_event){.kind = WR_EVENT_DRAINED});
}
