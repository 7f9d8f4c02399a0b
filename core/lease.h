/*
 * Whether a lease counts here and now (section 2, checks 5 to 10), and the word for it on the wire.
 * Owns the order of the checks and their arithmetic of time; declines to know signatures (checks 1
 * to 4 were passed before) and bans (check 11 is the caller's, who has the list).
 */
#ifndef WR_LEASE_H
#define WR_LEASE_H

#include "claims.h"
#include "wire.h"

/* The real master's longest lease, in milliseconds (check 8). */
#define WR_LEASE_HORIZON_MS UINT64_C(3600000)

/* What the claims are held against. `relay_id` is borrowed and need not be terminated. */
struct wr_lease_terms {
    struct wr_session_id session; /* of the header */
    enum wr_role presented_role;
    bool strict_role; /* policy strict; false is policy signed: the presented role is ignored */
    const char *relay_id;
    size_t relay_id_bytes;
    uint64_t now_unix_ms;
    uint64_t skew_ms;
    bool time_judged; /* the very token that is bound already: checks 8 to 10 are skipped */
};

/* Checks 5 to 10 in their order: WR_VERDICT_ACCEPTED when all pass, else WRONG_SESSION, WRONG_ROLE,
 * WRONG_RELAY, EXPIRED, HORIZON_EXCEEDED, NOT_YET_VALID or ISSUED_IN_FUTURE. No sum wraps. */
__attribute__((warn_unused_result)) enum wr_verdict
wr_lease_check(const struct wr_claims *claims, const struct wr_lease_terms *terms);

/* The reason that a LEASE_REJECT gives for a verdict (sections 2, 3 and 5): WR_REJECT_NONE for the
 * four that are no refusal. */
enum wr_reject_reason wr_lease_reject_reason(enum wr_verdict verdict);

#endif
