#include "claims.h"

#include "address.h"
#include "mint.h"

#include <criterion/criterion.h>
#include <string.h>

/* ---- Payloads ---------------------------------------------------------------------------------
 */

/* A lease that is right in every member; tests spoil or take away one. */
static struct wr_mint lease(void)
{
    return (struct wr_mint){
        .sub = "alice",
        .sid = "01001000-4000-8000-0000-00000000abc1",
        .role = "client",
        .rid = "relay-1",
        .kid = "k1",
        .exp_rfc3339 = "2026-11-14T21:00:00Z",
        .nbf_rfc3339 = "2026-11-14T20:00:00Z",
        .iat_rfc3339 = "2026-11-14T20:00:00Z",
        .has_soft_limit = true,
        .has_hard_limit = true,
        .soft_limit_kbps = 5000,
        .hard_limit_kbps = 8000,
    };
}

static bool decodes(const struct wr_mint *mint, struct wr_claims *claims)
{
    uint8_t payload[2000];
    uint32_t bytes = wr_mint_payload(mint, payload, sizeof payload);
    cr_assert_gt(bytes, 0U);
    return wr_claims_decode(payload, bytes, claims);
}

static struct wr_claims decoded(const struct wr_mint *mint)
{
    struct wr_claims claims;
    cr_assert(decodes(mint, &claims));
    return claims;
}

static bool refused(const struct wr_mint *mint)
{
    struct wr_claims claims;
    return !decodes(mint, &claims);
}

/* A lease without `member`, with raw JSON in its place. */
static bool refused_with(void (*without)(struct wr_mint *), const char *extra)
{
    struct wr_mint mint = lease();
    without(&mint);
    mint.extra = extra;
    return refused(&mint);
}

Test(claims, all_members_are_read)
{
    struct wr_mint mint = lease();
    struct wr_claims claims = decoded(&mint);
    struct wr_session_id session;
    wr_session_id_parse(mint.sid, 36, &session);
    cr_expect_eq(claims.sub_bytes, 5U);
    cr_expect_eq(memcmp(claims.sub, "alice", 6), 0, "the rest is zero");
    cr_expect(claims.has_rid && claims.rid_bytes == 7 && memcmp(claims.rid, "relay-1", 8) == 0);
    cr_expect(claims.has_kid && claims.kid_bytes == 2 && memcmp(claims.kid, "k1", 3) == 0);
    cr_expect_eq(memcmp(&claims.session, &session, sizeof session), 0);
    cr_expect_eq(claims.role, WR_ROLE_CLIENT);
    cr_expect_eq(claims.expires_unix_ms, 1794690000000U);
    cr_expect(claims.has_issued && claims.issued_unix_ms == 1794686400000U);
    cr_expect(claims.has_not_before && claims.not_before_unix_ms == 1794686400000U);
    cr_expect_eq(claims.soft_limit_kbps, 5000U);
    cr_expect_eq(claims.hard_limit_kbps, 8000U);
}

Test(claims, nothing_of_what_was_there_before_is_left)
{
    struct wr_mint mint = {.sub = "a", .sid = lease().sid, .role = "server"};
    struct wr_claims claims;
    static const char zeros[256];
    mint.exp = "2026-11-14T21:00:00Z";
    memset(&claims, 0xee, sizeof claims);
    cr_assert(decodes(&mint, &claims));
    cr_expect_eq(memcmp(claims.sub + 1, zeros, sizeof claims.sub - 1), 0);
    cr_expect_eq(memcmp(claims.rid, zeros, sizeof claims.rid), 0);
    cr_expect_eq(memcmp(claims.kid, zeros, sizeof claims.kid), 0);
    cr_expect(claims.rid_bytes == 0 && claims.kid_bytes == 0);
    cr_expect(claims.issued_unix_ms == 0 && claims.not_before_unix_ms == 0);
}

Test(claims, the_least_lease_has_four_members)
{
    struct wr_mint mint = {
        .sub = "a", .sid = lease().sid, .role = "server", .exp = "2026-11-14T21:00:00Z"};
    struct wr_claims claims = decoded(&mint);
    cr_expect_not(claims.has_rid || claims.has_kid || claims.has_issued || claims.has_not_before);
    cr_expect_eq(claims.issued_unix_ms, 0U);
    cr_expect_eq(claims.role, WR_ROLE_SERVER);
    cr_expect_eq(claims.soft_limit_kbps, 50000U);
    cr_expect_eq(claims.hard_limit_kbps, 100000U);
}

Test(claims, each_required_member_is_required)
{
    struct wr_mint mint = lease();
    mint.sub = NULL;
    cr_expect(refused(&mint));
    mint = lease();
    mint.sid = NULL;
    cr_expect(refused(&mint));
    mint = lease();
    mint.role = NULL;
    cr_expect(refused(&mint));
    mint = lease();
    mint.exp_rfc3339 = NULL;
    cr_expect(refused(&mint));
    mint.exp = "2026-11-14T21:00:00Z";
    cr_expect_not(refused(&mint));
    mint = lease();
    mint.rid = NULL;
    cr_expect_not(refused(&mint), "a missing rid is wrong_relay, later");
}

/* ---- Times ------------------------------------------------------------------------------------
 */

Test(claims, the_earlier_expiry_and_the_later_other_times_count)
{
    struct wr_mint mint = lease();
    mint.exp = "2026-11-14T20:30:00Z";
    mint.nbf = "2026-11-14T20:10:00Z";
    mint.iat = "2026-11-14T20:20:00Z";
    struct wr_claims claims = decoded(&mint);
    cr_expect_eq(claims.expires_unix_ms, 1794688200000U);
    cr_expect_eq(claims.not_before_unix_ms, 1794687000000U);
    cr_expect_eq(claims.issued_unix_ms, 1794687600000U);
    mint.exp = "2026-11-14T22:00:00Z";
    mint.nbf = "2026-11-14T19:00:00Z";
    mint.iat = "2026-11-14T19:00:00Z";
    claims = decoded(&mint);
    cr_expect_eq(claims.expires_unix_ms, 1794690000000U);
    cr_expect_eq(claims.not_before_unix_ms, 1794686400000U);
    cr_expect_eq(claims.issued_unix_ms, 1794686400000U);
}

Test(claims, expiry_is_after_issue)
{
    struct wr_mint mint = lease();
    mint.iat = mint.exp_rfc3339;
    cr_expect(refused(&mint));
    mint.iat = "2026-11-14T20:59:59.999Z";
    cr_expect_not(refused(&mint));
    mint.iat = "2026-11-14T21:00:00.0009Z";
    cr_expect(refused(&mint), "the same millisecond");
}

Test(claims, a_bad_time_spoils_the_lease_even_beside_a_good_one)
{
    struct wr_mint mint = lease();
    mint.exp = "tomorrow";
    cr_expect(refused(&mint));
    mint = lease();
    mint.nbf = "";
    cr_expect(refused(&mint));
    mint = lease();
    mint.iat = "2026-11-14";
    cr_expect(refused(&mint));
}

Test(claims, an_escaped_time_is_a_time)
{
    struct wr_mint mint = lease();
    mint.extra = "\"exp\":\"2026-11-14T20\\u003a30:00Z\"";
    cr_expect_eq(decoded(&mint).expires_unix_ms, 1794688200000U);
    mint.extra = "\"exp\":\"2026-11-14T20\\u003b30:00Z\"";
    cr_expect(refused(&mint));
}

/* ---- Who and where ----------------------------------------------------------------------------
 */

static bool sub_refused(const char *sub)
{
    struct wr_mint mint = lease();
    mint.sub = sub;
    return refused(&mint);
}

Test(claims, an_identity_is_1_to_256_bytes_and_not_blank)
{
    char sub[258];
    memset(sub, 'u', sizeof sub);
    sub[257] = '\0';
    cr_expect(sub_refused(sub), "257 bytes");
    sub[256] = '\0';
    cr_expect_not(sub_refused(sub), "256 bytes");
    cr_expect(sub_refused(""));
    cr_expect(sub_refused(" "));
    cr_expect(sub_refused(" \t\r\n\v\f"));
    cr_expect(sub_refused("\xc2\xa0\xc2\x85"));
    cr_expect(sub_refused("\xe1\x9a\x80\xe2\x80\x80\xe2\x80\x8a\xe2\x80\xa8\xe2\x80\xa9"));
    cr_expect(sub_refused("\xe2\x80\xaf\xe2\x81\x9f\xe3\x80\x80"));
    cr_expect_not(sub_refused(" a"));
    cr_expect_not(sub_refused("\xe2\x80\x8b"), "a zero width space is no blank of Unicode");
    cr_expect_not(sub_refused("\xe3\x81\x81"));
    cr_expect_not(sub_refused("\xc2\xa1"));
}

static void no_sub(struct wr_mint *mint)
{
    mint->sub = NULL;
}

static void no_rid(struct wr_mint *mint)
{
    mint->rid = NULL;
}

static void no_kid(struct wr_mint *mint)
{
    mint->kid = NULL;
}

static void no_expiry(struct wr_mint *mint)
{
    mint->exp_rfc3339 = NULL;
}

static void no_limits(struct wr_mint *mint)
{
    mint->has_soft_limit = mint->has_hard_limit = false;
}

static void nothing(struct wr_mint *mint)
{
    (void)mint;
}

Test(claims, a_known_member_of_another_type_is_refused)
{
    cr_expect(refused_with(no_sub, "\"sub\":7"));
    cr_expect(refused_with(no_sub, "\"sub\":null"));
    cr_expect(refused_with(no_sub, "\"sub\":\"a\\u0000b\""));
    cr_expect(refused_with(no_rid, "\"rid\":1"));
    cr_expect(refused_with(no_rid, "\"rid\":null"));
    cr_expect(refused_with(no_kid, "\"kid\":null"));
    cr_expect(refused_with(no_kid, "\"kid\":[]"));
    cr_expect(refused_with(no_expiry, "\"exp\":1794690000"));
    cr_expect(refused_with(nothing, "\"nbf\":true"));
    cr_expect(refused_with(nothing, "\"iat\":{}"));
    cr_expect(refused_with(no_limits, "\"slimit\":\"1\""));
    cr_expect(refused_with(no_limits, "\"slimit\":-1"));
    cr_expect(refused_with(no_limits, "\"hlimit\":1.5"));
    cr_expect(refused_with(no_limits, "\"hlimit\":1e5"));
    cr_expect(refused_with(no_limits, "\"hlimit\":4294967296"));
    cr_expect(refused_with(no_limits, "\"hlimit\":null"));
    cr_expect_not(refused_with(no_limits, "\"hlimit\":4294967295,\"slimit\":0"));
}

Test(claims, unknown_members_are_ignored_but_must_be_json)
{
    cr_expect_not(refused_with(nothing, "\"x\":{\"sub\":[1,2,{\"sub\":null}]},\"SUB\":0"));
    cr_expect(refused_with(nothing, "\"x\":{\"a\":1,\"a\":1}"));
    cr_expect(refused_with(nothing, "\"x\":tru"));
    cr_expect(refused_with(nothing, "\"x\":1,\"x\":2"));
    cr_expect(refused_with(nothing, "\"kid\":\"k1\""), "twice");
    cr_expect(refused_with(nothing, "\"k\\u0069d\":\"k1\""), "twice, in disguise");
}

Test(claims, an_escaped_name_is_the_same_member)
{
    struct wr_mint mint = lease();
    mint.sub = NULL;
    mint.extra = "\"s\\u0075b\":\"bob\\u0021\"";
    struct wr_claims claims = decoded(&mint);
    cr_expect_eq(claims.sub_bytes, 4U);
    cr_expect_eq(memcmp(claims.sub, "bob!", 5), 0);
}

Test(claims, a_session_is_a_uuid_and_not_nil)
{
    struct wr_mint mint = lease();
    mint.sid = "01001000-4000-8000-0000-00000000ABC1";
    cr_expect_not(refused(&mint), "any case");
    mint.sid = "00000000-0000-0000-0000-000000000000";
    cr_expect(refused(&mint));
    mint.sid = "010010004000800000000000000000abc1";
    cr_expect(refused(&mint));
    mint.sid = "01001000-4000-8000-0000-00000000abc11";
    cr_expect(refused(&mint));
    mint.sid = "";
    cr_expect(refused(&mint));
}

Test(claims, a_role_is_one_of_two_words)
{
    struct wr_mint mint = lease();
    mint.role = "Client";
    cr_expect(refused(&mint));
    mint.role = "servers";
    cr_expect(refused(&mint));
    mint.role = "";
    cr_expect(refused(&mint));
}

Test(claims, names_that_no_relay_or_key_can_have_count_as_missing)
{
    char name[300];
    struct wr_mint mint = lease();
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    mint.rid = name;
    cr_expect(decoded(&mint).has_rid);
    cr_expect_eq(decoded(&mint).rid_bytes, 256U);
    name[256] = 'n';
    name[257] = '\0';
    cr_expect_not(decoded(&mint).has_rid);
    cr_expect_eq(decoded(&mint).rid_bytes, 0U);
    mint = lease();
    name[255] = '\0';
    mint.kid = name;
    cr_expect_eq(decoded(&mint).kid_bytes, 255U);
    name[255] = 'n';
    name[256] = '\0';
    cr_expect_not(decoded(&mint).has_kid);
    cr_expect_eq(decoded(&mint).kid[0], '\0');
    mint = lease();
    mint.rid = mint.kid = NULL;
    mint.extra = "\"rid\":\"relay-1\\u0000\",\"kid\":\"k1\\u0000\"";
    cr_expect_not(decoded(&mint).has_rid);
    cr_expect_not(decoded(&mint).has_kid);
    mint.extra = "\"kid\":\"\"";
    cr_expect(decoded(&mint).has_kid && decoded(&mint).kid_bytes == 0);
}

/* ---- Limits -----------------------------------------------------------------------------------
 */

static struct wr_claims limited(uint32_t soft_kbps, uint32_t hard_kbps)
{
    struct wr_mint mint = lease();
    mint.soft_limit_kbps = soft_kbps;
    mint.hard_limit_kbps = hard_kbps;
    return decoded(&mint);
}

Test(claims, soft_is_at_least_1000_and_hard_at_least_soft)
{
    cr_expect_eq(limited(0, 0).soft_limit_kbps, 1000U);
    cr_expect_eq(limited(0, 0).hard_limit_kbps, 1000U);
    cr_expect_eq(limited(999, 5000).soft_limit_kbps, 1000U);
    cr_expect_eq(limited(1000, 1000).hard_limit_kbps, 1000U);
    cr_expect_eq(limited(80000, 1).hard_limit_kbps, 80000U);
    cr_expect_eq(limited(UINT32_MAX, 0).hard_limit_kbps, UINT32_MAX);
    struct wr_mint mint = lease();
    mint.has_hard_limit = false;
    mint.soft_limit_kbps = 200000;
    cr_expect_eq(decoded(&mint).hard_limit_kbps, 200000U);
}

/* ---- Whole payloads ---------------------------------------------------------------------------
 */

Test(claims, what_is_not_one_object_is_refused)
{
    static const char *const cases[] = {"",     "[]", "1",  "\"x\"",
                                        "null", "{",  "{}", "{\"sub\":\"a\"}"};
    struct wr_claims claims;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_not(wr_claims_decode((const uint8_t *)cases[i], strlen(cases[i]), &claims));
}

Test(claims, every_truncation_of_a_lease_is_refused)
{
    struct wr_mint mint = lease();
    struct wr_claims claims;
    uint8_t payload[600];
    uint32_t bytes = wr_mint_payload(&mint, payload, sizeof payload);
    for (uint32_t cut = 0; cut < bytes; cut++)
        cr_expect_not(wr_claims_decode(payload, cut, &claims), "%u", cut);
    payload[bytes] = 'x';
    cr_expect_not(wr_claims_decode(payload, bytes + 1, &claims));
    payload[bytes] = ' ';
    cr_expect(wr_claims_decode(payload, bytes + 1, &claims));
}
