/*
 * What a lease says (section 2): the payload of a token, as a value. Owns the members, their ranges
 * and how two members for one thing are joined (check 2); declines to know keys, clocks and who
 * presented it. The payload it reads is unverified: nothing here may be believed yet.
 */
#ifndef WR_CLAIMS_H
#define WR_CLAIMS_H

#include <wavry/relay.h>

#define WR_SUB_BYTES_MAX 256

#define WR_SOFT_LIMIT_KBPS_DEFAULT 50000
#define WR_HARD_LIMIT_KBPS_DEFAULT 100000
#define WR_SOFT_LIMIT_KBPS_MIN     1000

/* Texts are counted; the bytes behind their count are zero (so `kid` is also terminated; `sub` and
 * `rid` of 256 bytes are not).
 *
 * A `rid` of more than 256 bytes, or with a NUL in it, counts as missing: no relay's id is such,
 * and both are wrong_relay. So does a `kid` of more than 255 bytes or with a NUL: no key of the
 * ring is named so, and only a key without a kid fits it. */
struct wr_claims {
    uint32_t sub_bytes; /* 1..256 */
    uint32_t rid_bytes;
    uint32_t kid_bytes;
    bool has_rid, has_kid, has_issued, has_not_before;
    char sub[WR_SUB_BYTES_MAX];
    char rid[256];
    char kid[256];
    struct wr_session_id session; /* not nil */
    enum wr_role role;
    uint64_t expires_unix_ms;    /* the earlier of exp and exp_rfc3339 */
    uint64_t not_before_unix_ms; /* the later of both; 0 where has_not_before is false */
    uint64_t issued_unix_ms;     /* the later of both; 0 where has_issued is false */
    uint32_t soft_limit_kbps;    /* at least WR_SOFT_LIMIT_KBPS_MIN */
    uint32_t hard_limit_kbps;    /* at least soft_limit_kbps */
};

/* Check 2 of section 2: strict JSON in which every known member has its type and range, the
 * required ones are there (`rid` excepted: its absence is wrong_relay, check 7), and expiry is
 * after issue. `null` is no value for a known member. False is malformed_claims; `*out` is then
 * unspecified. Never allocates; the work is bounded by `bytes` (see json.h). */
bool wr_claims_decode(const uint8_t *payload, size_t bytes, struct wr_claims *out);

#endif
