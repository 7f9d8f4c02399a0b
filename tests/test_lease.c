#include "lease.h"

#include "address.h"
#include "paseto.h"
#include "rfc3339.h"
#include "vectors.h"

#include <criterion/criterion.h>
#include <string.h>

/* ---- The vectors ------------------------------------------------------------------------------
 */

static const char *verdict_name(enum wr_verdict verdict)
{
#define NAME(verdict, text) text,
    static const char *const names[] = {WR_VERDICTS(NAME)};
#undef NAME
    return names[verdict];
}

/* Checks 3 and 4 as section 2 has them: the keys of the token's kid, the newest (last) first, then
 * those without one. */
static enum wr_verdict check_keys(const struct wr_token *token, const struct wr_claims *claims,
                                  const cJSON *keys)
{
    bool tried = false;
    for (int named = 1; named >= 0; named--) {
        for (int i = cJSON_GetArraySize(keys) - 1; i >= 0; i--) {
            const cJSON *key = cJSON_GetArrayItem(keys, i);
            const cJSON *kid = cJSON_GetObjectItemCaseSensitive(key, "kid");
            uint8_t bytes[32];
            if (cJSON_IsString(kid) != named)
                continue;
            if (named && (!claims->has_kid || strlen(kid->valuestring) != claims->kid_bytes ||
                          memcmp(kid->valuestring, claims->kid, claims->kid_bytes) != 0))
                continue;
            vectors_hex(vectors_string(key, "public_key_hex"), bytes, sizeof bytes);
            tried = true;
            if (wr_token_verify(token, bytes))
                return WR_VERDICT_ACCEPTED;
        }
    }
    return tried ? WR_VERDICT_BAD_SIGNATURE : WR_VERDICT_UNKNOWN_KEY;
}

static enum wr_verdict check(const cJSON *test, struct wr_claims *claims)
{
    const char *text = vectors_string(test, "token"), *now = vectors_string(test, "now");
    const char *session = vectors_string(test, "session_id");
    struct wr_token token;
    struct wr_lease_terms terms = {
        .strict_role = true,
        .presented_role =
            strcmp(vectors_string(test, "role"), "client") == 0 ? WR_ROLE_CLIENT : WR_ROLE_SERVER,
        .relay_id = vectors_string(test, "relay_id"),
        .relay_id_bytes = strlen(vectors_string(test, "relay_id")),
        .skew_ms = vectors_number(test, "max_clock_skew_secs") * 1000,
    };
    cr_assert(wr_session_id_parse(session, strlen(session), &terms.session));
    cr_assert(wr_rfc3339_parse(now, strlen(now), &terms.now_unix_ms));
    if (!wr_token_decode((const uint8_t *)text, strlen(text), &token))
        return WR_VERDICT_MALFORMED_TOKEN;
    if (!wr_claims_decode(token.payload, token.payload_bytes, claims))
        return WR_VERDICT_MALFORMED_CLAIMS;
    enum wr_verdict keys =
        check_keys(&token, claims, cJSON_GetObjectItemCaseSensitive(test, "keys"));
    return keys == WR_VERDICT_ACCEPTED ? wr_lease_check(claims, &terms) : keys;
}

static void expect_text(const cJSON *expected, bool has, const char *text, uint32_t bytes)
{
    cr_expect_eq(cJSON_IsString(expected), has);
    if (!has || !cJSON_IsString(expected))
        return;
    cr_expect_eq(bytes, strlen(expected->valuestring));
    cr_expect_eq(memcmp(text, expected->valuestring, bytes), 0);
}

static void expect_claims(const cJSON *expected, const struct wr_claims *claims)
{
    cr_assert_eq(cJSON_GetArraySize(expected), 5);
    expect_text(cJSON_GetObjectItemCaseSensitive(expected, "sub"), true, claims->sub,
                claims->sub_bytes);
    expect_text(cJSON_GetObjectItemCaseSensitive(expected, "kid"), claims->has_kid, claims->kid,
                claims->kid_bytes);
    cr_expect_eq(claims->expires_unix_ms, vectors_number(expected, "expires_unix_ms"));
    cr_expect_eq(claims->soft_limit_kbps, vectors_number(expected, "soft_limit_kbps"));
    cr_expect_eq(claims->hard_limit_kbps, vectors_number(expected, "hard_limit_kbps"));
}

static int run_vectors(const char *name)
{
    cJSON *file = vectors_load(name);
    const cJSON *test;
    int cases = 0;
    cJSON_ArrayForEach(test, vectors_cases(file, "cases"))
    {
        struct wr_claims claims;
        enum wr_verdict verdict = check(test, &claims);
        const cJSON *expected = cJSON_GetObjectItemCaseSensitive(test, "claims");
        cr_expect_str_eq(verdict_name(verdict), vectors_string(test, "verdict"), "%s",
                         vectors_string(test, "name"));
        cr_expect_eq(expected != NULL, verdict == WR_VERDICT_ACCEPTED);
        if (verdict == WR_VERDICT_ACCEPTED)
            expect_claims(expected, &claims);
        cases++;
    }
    cJSON_Delete(file);
    return cases;
}

Test(lease, every_vector_has_its_verdict_and_claims)
{
    cr_expect_eq(run_vectors("leases.json"), 121);
}

Test(lease, what_the_real_master_handed_out_is_accepted)
{
    cr_expect_eq(run_vectors("real-master-leases.json"), 2);
}

/* ---- Each check at its boundary ---------------------------------------------------------------
 */

#define NOW_MS  UINT64_C(1795000000000)
#define SKEW_MS UINT64_C(30000)

static struct wr_claims claims_of(uint64_t expires_ms)
{
    return (struct wr_claims){.session = {{1}},
                              .role = WR_ROLE_SERVER,
                              .has_rid = true,
                              .rid = "relay",
                              .rid_bytes = 5,
                              .expires_unix_ms = expires_ms};
}

static struct wr_lease_terms terms(void)
{
    return (struct wr_lease_terms){.session = {{1}},
                                   .presented_role = WR_ROLE_SERVER,
                                   .strict_role = true,
                                   .relay_id = "relay",
                                   .relay_id_bytes = 5,
                                   .now_unix_ms = NOW_MS,
                                   .skew_ms = SKEW_MS};
}

static enum wr_verdict at_terms(const struct wr_claims *claims, struct wr_lease_terms terms_now)
{
    return wr_lease_check(claims, &terms_now);
}

Test(lease, a_lease_lives_until_its_expiry_and_the_skew)
{
    struct wr_claims claims = claims_of(NOW_MS - SKEW_MS);
    cr_expect_eq(at_terms(&claims, terms()), WR_VERDICT_EXPIRED);
    claims = claims_of(NOW_MS - SKEW_MS + 1);
    cr_expect_eq(at_terms(&claims, terms()), WR_VERDICT_ACCEPTED);
}

Test(lease, a_lease_reaches_an_hour_and_the_skew_ahead)
{
    struct wr_claims claims = claims_of(NOW_MS + 3600000 + SKEW_MS);
    cr_expect_eq(at_terms(&claims, terms()), WR_VERDICT_ACCEPTED);
    claims.expires_unix_ms++;
    cr_expect_eq(at_terms(&claims, terms()), WR_VERDICT_HORIZON_EXCEEDED);
}

Test(lease, not_before_and_issue_may_lie_ahead_by_the_skew)
{
    struct wr_claims claims = claims_of(NOW_MS + 900000);
    claims.not_before_unix_ms = claims.issued_unix_ms = NOW_MS + SKEW_MS + 1;
    cr_expect_eq(at_terms(&claims, terms()), WR_VERDICT_ACCEPTED, "there are none");
    claims.has_not_before = claims.has_issued = true;
    cr_expect_eq(at_terms(&claims, terms()), WR_VERDICT_NOT_YET_VALID);
    claims.not_before_unix_ms--;
    cr_expect_eq(at_terms(&claims, terms()), WR_VERDICT_ISSUED_IN_FUTURE);
    claims.issued_unix_ms--;
    cr_expect_eq(at_terms(&claims, terms()), WR_VERDICT_ACCEPTED);
}

Test(lease, the_checks_come_in_their_order)
{
    struct wr_claims claims = claims_of(NOW_MS - SKEW_MS);
    struct wr_lease_terms all_wrong = terms();
    claims.has_not_before = claims.has_issued = true;
    claims.not_before_unix_ms = claims.issued_unix_ms = UINT64_MAX;
    all_wrong.session.bytes[15] = 1;
    all_wrong.presented_role = WR_ROLE_CLIENT;
    all_wrong.relay_id = "other";
    cr_expect_eq(at_terms(&claims, all_wrong), WR_VERDICT_WRONG_SESSION);
    all_wrong.session.bytes[15] = 0;
    cr_expect_eq(at_terms(&claims, all_wrong), WR_VERDICT_WRONG_ROLE);
    all_wrong.strict_role = false;
    cr_expect_eq(at_terms(&claims, all_wrong), WR_VERDICT_WRONG_RELAY);
    all_wrong.relay_id = "relay";
    cr_expect_eq(at_terms(&claims, all_wrong), WR_VERDICT_EXPIRED);
    claims.expires_unix_ms = NOW_MS + 7200000;
    cr_expect_eq(at_terms(&claims, all_wrong), WR_VERDICT_HORIZON_EXCEEDED);
    claims.expires_unix_ms = NOW_MS + 1;
    cr_expect_eq(at_terms(&claims, all_wrong), WR_VERDICT_NOT_YET_VALID);
    claims.has_not_before = false;
    cr_expect_eq(at_terms(&claims, all_wrong), WR_VERDICT_ISSUED_IN_FUTURE);
}

Test(lease, policy_signed_ignores_the_presented_role)
{
    struct wr_claims claims = claims_of(NOW_MS + 1);
    struct wr_lease_terms real_client = terms();
    real_client.presented_role = WR_ROLE_CLIENT;
    cr_expect_eq(at_terms(&claims, real_client), WR_VERDICT_WRONG_ROLE);
    real_client.strict_role = false;
    cr_expect_eq(at_terms(&claims, real_client), WR_VERDICT_ACCEPTED);
}

Test(lease, a_relay_id_is_compared_whole)
{
    struct wr_claims claims = claims_of(NOW_MS + 1);
    struct wr_lease_terms other = terms();
    other.relay_id = "relay-2";
    other.relay_id_bytes = 7;
    cr_expect_eq(at_terms(&claims, other), WR_VERDICT_WRONG_RELAY);
    other.relay_id_bytes = 4;
    cr_expect_eq(at_terms(&claims, other), WR_VERDICT_WRONG_RELAY);
    other.relay_id_bytes = 5;
    cr_expect_eq(at_terms(&claims, other), WR_VERDICT_ACCEPTED, "counted, not terminated");
    claims.has_rid = false;
    cr_expect_eq(at_terms(&claims, other), WR_VERDICT_WRONG_RELAY);
}

Test(lease, a_token_judged_before_is_not_judged_by_the_clock_again)
{
    struct wr_claims claims = claims_of(1);
    struct wr_lease_terms judged = terms();
    cr_expect_eq(at_terms(&claims, judged), WR_VERDICT_EXPIRED);
    judged.time_judged = true;
    cr_expect_eq(at_terms(&claims, judged), WR_VERDICT_ACCEPTED);
    claims.has_rid = false;
    cr_expect_eq(at_terms(&claims, judged), WR_VERDICT_WRONG_RELAY, "the others run anew");
}

Test(lease, no_sum_of_times_wraps)
{
    struct wr_claims claims = claims_of(WR_RFC3339_UNIX_MS_MAX);
    struct wr_lease_terms far = terms();
    far.skew_ms = UINT64_MAX;
    cr_expect_eq(at_terms(&claims, far), WR_VERDICT_ACCEPTED);
    far.now_unix_ms = UINT64_MAX;
    far.skew_ms = 0;
    cr_expect_eq(at_terms(&claims, far), WR_VERDICT_EXPIRED);
    claims.expires_unix_ms = UINT64_MAX;
    far.now_unix_ms = UINT64_MAX - 1;
    far.skew_ms = SKEW_MS;
    cr_expect_eq(at_terms(&claims, far), WR_VERDICT_ACCEPTED);
}

/* ---- On the wire ------------------------------------------------------------------------------
 */

Test(lease, every_verdict_has_its_reason_on_the_wire)
{
    for (unsigned verdict = 0; verdict < WR_VERDICT_COUNT; verdict++) {
        enum wr_reject_reason expected = WR_REJECT_INVALID_SIGNATURE;
        if (verdict == WR_VERDICT_ACCEPTED || verdict == WR_VERDICT_NEWER_TOKEN ||
            verdict == WR_VERDICT_CANDIDATE || verdict == WR_VERDICT_REPEATED)
            expected = WR_REJECT_NONE;
        if (verdict == WR_VERDICT_EXPIRED)
            expected = WR_REJECT_EXPIRED;
        if (verdict == WR_VERDICT_WRONG_RELAY)
            expected = WR_REJECT_WRONG_RELAY;
        if (verdict == WR_VERDICT_SHED || verdict == WR_VERDICT_FULL ||
            verdict == WR_VERDICT_DRAINING)
            expected = WR_REJECT_SESSION_FULL;
        if (verdict == WR_VERDICT_BANNED)
            expected = WR_REJECT_BANNED;
        if (verdict == WR_VERDICT_IDENTITY_LIMITED || verdict == WR_VERDICT_QUEUE_DROPPED)
            expected = WR_REJECT_RATE_LIMITED;
        cr_expect_eq(wr_lease_reject_reason((enum wr_verdict)verdict), expected, "%u", verdict);
    }
    cr_expect_eq(wr_lease_reject_reason(WR_VERDICT_COUNT), WR_REJECT_NONE);
    cr_expect_eq(wr_lease_reject_reason((enum wr_verdict)999), WR_REJECT_NONE);
}
