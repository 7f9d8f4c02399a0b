#include "lease.h"

#include "fault.h"

#include <string.h>

static uint64_t plus(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* Checks 8 to 10. */
static enum wr_verdict check_time(const struct wr_claims *claims,
                                  const struct wr_lease_terms *terms)
{
    uint64_t latest_ms = plus(terms->now_unix_ms, terms->skew_ms);
    if (plus(claims->expires_unix_ms, terms->skew_ms) <= terms->now_unix_ms &&
        !WR_FAULT(skip_expired))
        return WR_VERDICT_EXPIRED;
    if (claims->expires_unix_ms > plus(latest_ms, WR_LEASE_HORIZON_MS) && !WR_FAULT(skip_horizon))
        return WR_VERDICT_HORIZON_EXCEEDED;
    if (claims->has_not_before && claims->not_before_unix_ms > latest_ms &&
        !WR_FAULT(skip_not_yet_valid))
        return WR_VERDICT_NOT_YET_VALID;
    if (claims->has_issued && claims->issued_unix_ms > latest_ms)
        return WR_VERDICT_ISSUED_IN_FUTURE;
    return WR_VERDICT_ACCEPTED;
}

enum wr_verdict wr_lease_check(const struct wr_claims *claims, const struct wr_lease_terms *terms)
{
    if (memcmp(&claims->session, &terms->session, sizeof claims->session) != 0)
        return WR_VERDICT_WRONG_SESSION;
    if (terms->strict_role && claims->role != terms->presented_role)
        return WR_VERDICT_WRONG_ROLE;
    if ((!claims->has_rid || claims->rid_bytes != terms->relay_id_bytes ||
         memcmp(claims->rid, terms->relay_id, claims->rid_bytes) != 0) &&
        !WR_FAULT(skip_wrong_relay))
        return WR_VERDICT_WRONG_RELAY;
    return terms->time_judged ? WR_VERDICT_ACCEPTED : check_time(claims, terms);
}

enum wr_reject_reason wr_lease_reject_reason(enum wr_verdict verdict)
{
    switch (verdict) {
    case WR_VERDICT_ACCEPTED:
    case WR_VERDICT_NEWER_TOKEN:
    case WR_VERDICT_CANDIDATE:
    case WR_VERDICT_REPEATED:
    case WR_VERDICT_COUNT:
        break;
    case WR_VERDICT_EXPIRED:
        return WR_REJECT_EXPIRED;
    case WR_VERDICT_MALFORMED_TOKEN:
    case WR_VERDICT_MALFORMED_CLAIMS:
    case WR_VERDICT_UNKNOWN_KEY:
    case WR_VERDICT_BAD_SIGNATURE:
    case WR_VERDICT_WRONG_SESSION:
    case WR_VERDICT_WRONG_ROLE:
    case WR_VERDICT_HORIZON_EXCEEDED:
    case WR_VERDICT_NOT_YET_VALID:
    case WR_VERDICT_ISSUED_IN_FUTURE:
    case WR_VERDICT_IDENTITY_LOCKED:
    case WR_VERDICT_SAME_ADDRESS:
    case WR_VERDICT_OLDER_TOKEN:
        return WR_REJECT_INVALID_SIGNATURE;
    case WR_VERDICT_WRONG_RELAY:
        return WR_REJECT_WRONG_RELAY;
    case WR_VERDICT_SHED:
    case WR_VERDICT_FULL:
    case WR_VERDICT_DRAINING:
        return WR_REJECT_SESSION_FULL;
    case WR_VERDICT_BANNED:
        return WR_REJECT_BANNED;
    case WR_VERDICT_IDENTITY_LIMITED:
    case WR_VERDICT_QUEUE_DROPPED:
        return WR_REJECT_RATE_LIMITED;
    }
    return WR_REJECT_NONE;
}
