/*
 * Claims (section 2, check 2): the core's reading of a payload and a second one, over a JSON reader
 * and a calendar of its own, accept the same payloads and come to the same claims.
 */
#include "support.h"

#include "second/claims.h"

#include <address.h>
#include <claims.h>
#include <json.h>
#include <mint.h>
#include <rfc3339.h>

#include <inttypes.h>
#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "claims",
    .property = "two readings of a lease's payload agree on its form and on every claim; written "
                "anew it says the same",
    .bytes_max = 1100, /* a token has room for 1036 */
    .canaries = {{"claims_last_expiry", 50000}, {"claims_hard_below_soft", 50000}},
};

static struct second_json room;
static const char zeros[256];

static void compare_text(const char *text, uint32_t bytes, uint32_t capacity,
                         const struct second_text *second, const char *what)
{
    FUZZ_REQUIRE(bytes == second->bytes && memcmp(text, second->at, bytes) == 0, "%s", what);
    FUZZ_REQUIRE(memcmp(text + bytes, zeros, capacity - bytes) == 0, "%s: zeros behind it", what);
}

static void compare(const struct wr_claims *claims, const struct second_claims *second)
{
    static const uint8_t nothing[1];
    struct second_text rid = second->rid, kid = second->kid;
    rid.at = rid.there ? rid.at : nothing;
    kid.at = kid.there ? kid.at : nothing;
    compare_text(claims->sub, claims->sub_bytes, sizeof claims->sub, &second->sub, "sub");
    compare_text(claims->rid, claims->rid_bytes, sizeof claims->rid, &rid, "rid");
    compare_text(claims->kid, claims->kid_bytes, sizeof claims->kid, &kid, "kid");
    FUZZ_REQUIRE(claims->has_rid == rid.there && claims->has_kid == kid.there, "rid or kid");
    FUZZ_REQUIRE(memcmp(claims->session.bytes, second->session, 16) == 0, "sid");
    FUZZ_REQUIRE((claims->role == WR_ROLE_SERVER) == second->server, "role");
    FUZZ_REQUIRE((int64_t)claims->expires_unix_ms == second->expires_ms, "expiry");
    FUZZ_REQUIRE(claims->has_not_before == second->has_not_before &&
                     (int64_t)claims->not_before_unix_ms == second->not_before_ms,
                 "not before");
    FUZZ_REQUIRE(claims->has_issued == second->has_issued &&
                     (int64_t)claims->issued_unix_ms == second->issued_ms,
                 "issued");
    FUZZ_REQUIRE(claims->soft_limit_kbps == second->soft_kbps, "%" PRIu64, second->soft_kbps);
    FUZZ_REQUIRE(claims->hard_limit_kbps == second->hard_kbps, "%" PRIu64, second->hard_kbps);
}

/* Members that say what holds without them are left out as well, where `sparing`. */
static struct wr_mint mint_of(const struct wr_claims *claims, char texts[4][WR_RFC3339_TEXT_BYTES],
                              char *sid, const char *sub, const char *rid, bool sparing)
{
    wr_rfc3339_format(claims->expires_unix_ms, texts[0]);
    wr_rfc3339_format(claims->not_before_unix_ms, texts[1]);
    wr_rfc3339_format(claims->issued_unix_ms, texts[2]);
    return (struct wr_mint){
        .sub = sub,
        .sid = wr_session_id_format(&claims->session, sid),
        .role = claims->role == WR_ROLE_SERVER ? "server" : "client",
        .rid = claims->has_rid ? rid : NULL,
        .kid = claims->has_kid ? claims->kid : NULL,
        .exp_rfc3339 = sparing ? NULL : texts[0],
        .exp = sparing ? texts[0] : NULL,
        .nbf_rfc3339 = claims->has_not_before && !sparing ? texts[1] : NULL,
        .nbf = claims->has_not_before && sparing ? texts[1] : NULL,
        .iat = claims->has_issued ? texts[2] : NULL,
        .has_soft_limit = !sparing || claims->soft_limit_kbps != WR_SOFT_LIMIT_KBPS_DEFAULT,
        .has_hard_limit = !sparing || claims->hard_limit_kbps != WR_HARD_LIMIT_KBPS_DEFAULT,
        .soft_limit_kbps = claims->soft_limit_kbps,
        .hard_limit_kbps = claims->hard_limit_kbps,
        .extra = sparing ? "\"other\":[null]" : NULL,
    };
}

/* What was read, written by the mint and read again, is the same; written into just enough room
 * too, or not into less. */
static void check_minted(const struct wr_claims *claims, bool sparing, uint32_t lacking)
{
    uint8_t payload[2 * WR_TOKEN_PAYLOAD_BYTES_MAX];
    char sub[WR_SUB_BYTES_MAX + 1] = "", rid[WR_RELAY_ID_BYTES_MAX + 1] = "";
    char sid[WR_SESSION_TEXT_BYTES], texts[4][WR_RFC3339_TEXT_BYTES];
    struct wr_claims again;
    memcpy(sub, claims->sub, claims->sub_bytes);
    memcpy(rid, claims->rid, claims->rid_bytes);
    if (strlen(sub) != claims->sub_bytes) /* the mint takes names that end at their NUL */
        return;
    struct wr_mint mint = mint_of(claims, texts, sid, sub, rid, sparing);
    FUZZ_STAIN(payload);
    uint32_t bytes = wr_mint_payload(&mint, payload, sizeof payload);
    if (bytes == 0) /* escaped, all of it may need more room than there is */
        return;
    FUZZ_STAIN(again);
    FUZZ_REQUIRE(wr_claims_decode(payload, bytes, &again), "written anew it is malformed");
    /* Both were zeroed whole. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    FUZZ_REQUIRE(memcmp(&again, claims, sizeof again) == 0, "written anew it says something else");
    FUZZ_REQUIRE(wr_mint_payload(&mint, payload, bytes - lacking) == (lacking == 0 ? bytes : 0),
                 "into room for all but %u", (unsigned)lacking);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct wr_claims claims;
    struct second_claims second;
    if (size > fuzz_target.bytes_max)
        return 0;
    bool second_good = second_claims(&room, bytes, size, &second);
    second_good = second_good && room.names_most <= WR_JSON_MEMBERS_MAX &&
                  room.alike_names <= WR_JSON_COLLISIONS_MAX;
    FUZZ_STAIN(claims);
    bool good = wr_claims_decode(bytes, size, &claims);
    FUZZ_REQUIRE(good == second_good, "claims for one reader: %d", good);
    if (good)
        compare(&claims, &second);
    if (good && size % 4 == 0) /* it takes longer than both readings */
        check_minted(&claims, size / 4 % 2 != 0, size / 8 % 2);
    return 0;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    struct wr_claims claims;
    return wr_claims_decode(bytes, size, &claims) ? "claims" : "malformed claims";
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    struct wr_claims claims;
    fprintf(out, "  ");
    fuzz_print_text(out, bytes, size);
    fprintf(out, "\n  %s\n",
            wr_claims_decode(bytes, size, &claims) ? "claims" : "malformed_claims");
}
