#include "claims.h"

#include "address.h"
#include "fault.h"
#include "json.h"
#include "rfc3339.h"

#include <string.h>

/* ---- Members --------------------------------------------------------------------------------- */

/* What the members say, before they are joined. */
struct raw {
    bool has_sub, has_sid, has_role, has_exp;
    bool has_soft, has_hard;
    struct wr_claims *claims;
};

/* A blank character of Unicode (White_Space), as UTF-8: its bytes, 0 where it is none. */
static uint32_t blank_bytes(const char *text, uint32_t left)
{
    static const struct {
        const char *utf8;
        uint32_t bytes;
    } blanks[] = {
        {"\xc2\x85", 2},     {"\xc2\xa0", 2},     {"\xe1\x9a\x80", 3}, {"\xe2\x80\xa8", 3},
        {"\xe2\x80\xa9", 3}, {"\xe2\x80\xaf", 3}, {"\xe2\x81\x9f", 3}, {"\xe3\x80\x80", 3},
    };
    if (*text == ' ' || (*text >= '\t' && *text <= '\r'))
        return 1;
    if (left >= 3 && memcmp(text, "\xe2\x80", 2) == 0 && (uint8_t)text[2] >= 0x80 &&
        (uint8_t)text[2] <= 0x8a)
        return 3;
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        if (left >= blanks[i].bytes && memcmp(text, blanks[i].utf8, blanks[i].bytes) == 0)
            return blanks[i].bytes;
    }
    return 0;
}

static bool is_blank(const char *text, uint32_t bytes)
{
    uint32_t at = 0;
    while (at < bytes) {
        uint32_t step = blank_bytes(text + at, bytes - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

static bool take_sub(struct raw *raw, const struct wr_json_text *text)
{
    struct wr_claims *claims = raw->claims;
    raw->has_sub = true;
    claims->sub_bytes = wr_json_unescape(text, claims->sub, sizeof claims->sub);
    return claims->sub_bytes <= sizeof claims->sub &&
           memchr(claims->sub, '\0', claims->sub_bytes) == NULL &&
           !is_blank(claims->sub, claims->sub_bytes);
}

static bool take_sid(struct raw *raw, const struct wr_json_text *text)
{
    char uuid[WR_SESSION_TEXT_BYTES];
    uint32_t bytes = wr_json_unescape(text, uuid, sizeof uuid);
    raw->has_sid = true;
    return wr_session_id_parse(uuid, bytes, &raw->claims->session) &&
           !wr_session_id_is_nil(&raw->claims->session);
}

static bool take_role(struct raw *raw, const struct wr_json_text *text)
{
    bool client = wr_json_is(text, "client");
    raw->has_role = true;
    raw->claims->role = client ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
    return client || wr_json_is(text, "server");
}

/* A name that is compared with one of ours. What could never be equal (too long, a NUL inside)
 * counts as missing. */
static bool take_name(const struct wr_json_text *text, char *out, uint32_t capacity,
                      uint32_t *bytes)
{
    *bytes = wr_json_unescape(text, out, capacity);
    if (*bytes <= capacity && memchr(out, '\0', *bytes) == NULL)
        return true;
    memset(out, 0, capacity);
    *bytes = 0;
    return false;
}

static bool take_time(const struct wr_json_text *text, uint64_t *unix_ms)
{
    char unescaped[WR_DATAGRAM_BYTES_MAX]; /* no payload is longer */
    if (!text->escaped)
        return wr_rfc3339_parse((const char *)text->at, text->bytes, unix_ms);
    uint32_t bytes = wr_json_unescape(text, unescaped, sizeof unescaped);
    return bytes <= sizeof unescaped && wr_rfc3339_parse(unescaped, bytes, unix_ms);
}

static bool take_expiry(struct raw *raw, const struct wr_json_text *text)
{
    uint64_t unix_ms;
    if (!take_time(text, &unix_ms))
        return false;
    if (!raw->has_exp || unix_ms < raw->claims->expires_unix_ms || WR_FAULT(claims_last_expiry))
        raw->claims->expires_unix_ms = unix_ms;
    raw->has_exp = true;
    return true;
}

/* Of two times the later counts. */
static bool take_later(const struct wr_json_text *text, bool *has, uint64_t *later_ms)
{
    uint64_t unix_ms;
    if (!take_time(text, &unix_ms))
        return false;
    if (!*has || unix_ms > *later_ms)
        *later_ms = unix_ms;
    *has = true;
    return true;
}

/* ---- The object ------------------------------------------------------------------------------ */

enum member { SUB, SID, ROLE, RID, KID, EXPIRY, NOT_BEFORE, ISSUED, SOFT, HARD, UNKNOWN };

static enum member member_named(const struct wr_json_text *name)
{
    static const struct {
        const char *name;
        enum member member;
    } known[] = {
        {"sub", SUB},     {"sid", SID},        {"role", ROLE},
        {"rid", RID},     {"kid", KID},        {"exp_rfc3339", EXPIRY},
        {"exp", EXPIRY},  {"nbf", NOT_BEFORE}, {"nbf_rfc3339", NOT_BEFORE},
        {"iat", ISSUED},  {"slimit", SOFT},    {"iat_rfc3339", ISSUED},
        {"hlimit", HARD},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (wr_json_is(name, known[i].name))
            return known[i].member;
    }
    return UNKNOWN;
}

/* The members whose value is a text. */
static bool take_text_member(struct wr_json *json, enum member member, struct raw *raw)
{
    struct wr_claims *claims = raw->claims;
    struct wr_json_text text;
    if (!wr_json_string(json, &text))
        return false;
    switch (member) {
    case SUB:
        return take_sub(raw, &text);
    case SID:
        return take_sid(raw, &text);
    case ROLE:
        return take_role(raw, &text);
    case RID:
        claims->has_rid = take_name(&text, claims->rid, sizeof claims->rid, &claims->rid_bytes);
        return true;
    case KID:
        claims->has_kid = take_name(&text, claims->kid, WR_KID_BYTES_MAX, &claims->kid_bytes);
        return true;
    case EXPIRY:
        return take_expiry(raw, &text);
    case NOT_BEFORE:
        return take_later(&text, &claims->has_not_before, &claims->not_before_unix_ms);
    case ISSUED:
        return take_later(&text, &claims->has_issued, &claims->issued_unix_ms);
    case SOFT:
    case HARD:
    case UNKNOWN:
        break;
    }
    return false;
}

static bool take_member(struct wr_json *json, const struct wr_json_text *name, struct raw *raw)
{
    enum member member = member_named(name);
    if (member == UNKNOWN)
        return wr_json_skip(json);
    if (member == SOFT) {
        raw->has_soft = true;
        return wr_json_u32(json, &raw->claims->soft_limit_kbps);
    }
    if (member == HARD) {
        raw->has_hard = true;
        return wr_json_u32(json, &raw->claims->hard_limit_kbps);
    }
    return take_text_member(json, member, raw);
}

/* Section 2: defaults, soft at least 1000, hard at least soft. */
static void normalise_limits(const struct raw *raw, struct wr_claims *claims)
{
    if (!raw->has_soft)
        claims->soft_limit_kbps = WR_SOFT_LIMIT_KBPS_DEFAULT;
    if (!raw->has_hard)
        claims->hard_limit_kbps = WR_HARD_LIMIT_KBPS_DEFAULT;
    if (claims->soft_limit_kbps < WR_SOFT_LIMIT_KBPS_MIN)
        claims->soft_limit_kbps = WR_SOFT_LIMIT_KBPS_MIN;
    if (claims->hard_limit_kbps < claims->soft_limit_kbps && !WR_FAULT(claims_hard_below_soft))
        claims->hard_limit_kbps = claims->soft_limit_kbps;
}

bool wr_claims_decode(const uint8_t *payload, size_t bytes, struct wr_claims *out)
{
    struct raw raw = {.claims = out};
    struct wr_json json;
    struct wr_json_text name;
    memset(out, 0, sizeof *out);
    wr_json_begin(&json, payload, bytes);
    if (!wr_json_enter(&json))
        return false;
    while (wr_json_member(&json, &name)) {
        if (!take_member(&json, &name, &raw))
            return false;
    }
    if (!wr_json_end(&json) || !raw.has_sub || !raw.has_sid || !raw.has_role || !raw.has_exp)
        return false;
    normalise_limits(&raw, out);
    return !out->has_issued || out->expires_unix_ms > out->issued_unix_ms;
}
