#include "oracle_token.h"

#include <cjson/cJSON.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX       "v4.public."
#define PREFIX_BYTES 10
#define TOKEN_MAX    2048

struct parts {
    uint8_t body[TOKEN_MAX]; /* payload, then 64 bytes of signature */
    size_t body_bytes;
    uint8_t footer[TOKEN_MAX];
    size_t footer_bytes;
};

static bool unbase64(const char *text, size_t bytes, uint8_t *out, size_t *out_bytes)
{
    const char *end;
    return sodium_base642bin(out, TOKEN_MAX, text, bytes, NULL, out_bytes, &end,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           end == text + bytes;
}

static bool split(const uint8_t *token, size_t bytes, struct parts *parts)
{
    const char *text = (const char *)token;
    if (bytes <= PREFIX_BYTES || memcmp(text, PREFIX, PREFIX_BYTES) != 0)
        return false;
    const char *body = text + PREFIX_BYTES;
    size_t rest = bytes - PREFIX_BYTES;
    const char *dot = memchr(body, '.', rest);
    size_t body_text = dot != NULL ? (size_t)(dot - body) : rest;
    parts->footer_bytes = 0;
    if (dot != NULL &&
        !unbase64(dot + 1, rest - body_text - 1, parts->footer, &parts->footer_bytes))
        return false;
    return unbase64(body, body_text, parts->body, &parts->body_bytes) &&
           parts->body_bytes > WR_SIGNATURE_BYTES;
}

static size_t put_piece(uint8_t *out, const void *bytes, size_t count)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)count >> (8 * i));
    if (count > 0)
        memcpy(out + 8, bytes, count);
    return 8 + count;
}

/* PASETO's pre-authentication encoding: header, payload, footer, implicit assertion. */
static size_t encode(const struct parts *parts, uint8_t out[2 * TOKEN_MAX + 64])
{
    size_t at = 8;
    memset(out, 0, 8);
    out[0] = 4;
    at += put_piece(out + at, PREFIX, PREFIX_BYTES);
    at += put_piece(out + at, parts->body, parts->body_bytes - WR_SIGNATURE_BYTES);
    at += put_piece(out + at, parts->footer, parts->footer_bytes);
    at += put_piece(out + at, "", 0);
    return at;
}

static struct sim_digest digest_of(const void *bytes, size_t count, const void *more, size_t extra)
{
    struct sim_digest digest;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, SIM_DIGEST_BYTES);
    crypto_generichash_update(&state, bytes, count);
    crypto_generichash_update(&state, more, extra);
    crypto_generichash_final(&state, digest.bytes, SIM_DIGEST_BYTES);
    return digest;
}

struct sim_digest sim_token_signed_digest(const uint8_t *message, uint32_t message_bytes,
                                          const uint8_t signature[WR_SIGNATURE_BYTES])
{
    return digest_of(message, message_bytes, signature, WR_SIGNATURE_BYTES);
}

struct sim_digest sim_token_identity(const char *sub, size_t bytes)
{
    return digest_of("identity", 8, sub, bytes);
}

bool sim_token_verify(const uint8_t *token, uint32_t bytes, const uint8_t key[WR_PUBLIC_KEY_BYTES])
{
    struct parts parts;
    uint8_t message[2 * TOKEN_MAX + 64];
    if (!split(token, bytes, &parts))
        return false;
    size_t size = encode(&parts, message);
    return crypto_sign_verify_detached(parts.body + parts.body_bytes - WR_SIGNATURE_BYTES, message,
                                       size, key) == 0;
}

/* ---- Claims ---------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static int64_t days_from(int64_t year, int64_t month, int64_t day)
{
    static const int before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t past = year - 1;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return past * 365 + past / 4 - past / 100 + past / 400 - 719162 + before[month - 1] +
           (leap && month > 2 ? 1 : 0) + day - 1;
}

static bool digits(const char **at, unsigned count, int64_t *out)
{
    *out = 0;
    for (; count > 0; count--, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool is(const char **at, char c)
{
    return *(*at)++ == c;
}

/* RFC 3339 to unix milliseconds, the rest cut off (section 2). */
static bool read_time(const char *at, int64_t *out_ms)
{
    int64_t year, month, day, hour, minute, second, ms = 0, scale = 100, zone = 0;
    if (!digits(&at, 4, &year) || !is(&at, '-') || !digits(&at, 2, &month) || !is(&at, '-') ||
        !digits(&at, 2, &day) || !is(&at, 'T') || !digits(&at, 2, &hour) || !is(&at, ':') ||
        !digits(&at, 2, &minute) || !is(&at, ':') || !digits(&at, 2, &second) || month < 1 ||
        month > 12)
        return false;
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
            ms += (*at - '0') * scale;
    }
    if (*at == '+' || *at == '-') {
        int64_t sign = *at++ == '-' ? -1 : 1, hours, minutes;
        if (!digits(&at, 2, &hours) || !is(&at, ':') || !digits(&at, 2, &minutes))
            return false;
        zone = sign * (hours * 60 + minutes);
    } else if (!is(&at, 'Z')) {
        return false;
    }
    int64_t minutes = days_from(year, month, day) * 1440 + hour * 60 + minute - zone;
    *out_ms = (minutes * 60 + second) * 1000 + ms;
    return *at == '\0';
}

/* The earlier or later of two members; unchanged where neither is there. */
static bool member_time(const cJSON *claims, const char *const names[2], bool later, int64_t *out)
{
    for (int i = 0; i < 2; i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(claims, names[i]);
        int64_t ms;
        if (member == NULL)
            continue;
        if (!cJSON_IsString(member) || !read_time(member->valuestring, &ms))
            return false;
        if (*out == INT64_MIN || (later ? ms > *out : ms < *out))
            *out = ms;
    }
    return true;
}

static bool member_limit(const cJSON *claims, const char *name, uint32_t *out)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(claims, name);
    if (member == NULL)
        return true;
    if (!cJSON_IsNumber(member) || !(member->valuedouble >= 0) ||
        !(member->valuedouble <= 4294967295.0))
        return false;
    *out = (uint32_t)member->valuedouble;
    return true;
}

static bool read_uuid(const char *text, struct wr_session_id *out)
{
    size_t bytes;
    const char *end;
    return strlen(text) == 36 && sodium_hex2bin(out->bytes, 16, text, 36, "-", &bytes, &end) == 0 &&
           bytes == 16 && end == text + 36;
}

static bool read_claims(const cJSON *claims, const char *relay_id, struct sim_token *out)
{
    static const char *const expiry[2] = {"exp_rfc3339", "exp"};
    static const char *const not_before[2] = {"nbf_rfc3339", "nbf"};
    static const char *const issued[2] = {"iat_rfc3339", "iat"};
    const char *sub = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(claims, "sub"));
    const char *sid = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(claims, "sid"));
    const char *role = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(claims, "role"));
    const char *rid = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(claims, "rid"));
    const char *kid = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(claims, "kid"));
    if (sub == NULL || sid == NULL || role == NULL || !read_uuid(sid, &out->session))
        return false;
    out->identity = sim_token_identity(sub, strlen(sub));
    out->role = strcmp(role, "server") == 0 ? WR_ROLE_SERVER : WR_ROLE_CLIENT;
    out->right_relay = rid != NULL && strcmp(rid, relay_id) == 0;
    out->has_kid = kid != NULL;
    if (kid != NULL)
        strncpy(out->kid, kid, sizeof out->kid - 1);
    if (!member_time(claims, expiry, false, &out->expires_ms) ||
        !member_time(claims, not_before, true, &out->not_before_ms) ||
        !member_time(claims, issued, true, &out->issued_ms) || out->expires_ms == INT64_MIN)
        return false;
    if (!member_limit(claims, "slimit", &out->soft_kbps) ||
        !member_limit(claims, "hlimit", &out->hard_kbps))
        return false;
    if (out->soft_kbps < 1000)
        out->soft_kbps = 1000;
    if (out->hard_kbps < out->soft_kbps)
        out->hard_kbps = out->soft_kbps;
    return strcmp(role, "server") == 0 || strcmp(role, "client") == 0;
}

/* cJSON gives texts as C has them, so that one with an escaped NUL would read as its beginning, and
 * "relay\u0000" as the name of a relay. Section 2: such a name equals none of ours. Another
 * character in the NUL's place, one that no name has, says the same. */
static void veil_nuls(uint8_t *payload, size_t bytes)
{
    for (size_t at = 0; at + 1 < bytes; at++) {
        if (payload[at] != '\\')
            continue;
        if (bytes - at >= 6 && memcmp(payload + at, "\\u0000", 6) == 0)
            payload[at + 2] = 'e'; /* U+E000, private use */
        at++;
    }
}

struct sim_token sim_token_read(const uint8_t *token, uint32_t bytes, const char *relay_id)
{
    struct sim_token out = {.expires_ms = INT64_MIN,
                            .not_before_ms = INT64_MIN,
                            .issued_ms = INT64_MIN,
                            .soft_kbps = 50000,
                            .hard_kbps = 100000};
    struct parts parts;
    uint8_t message[2 * TOKEN_MAX + 64];
    out.token = digest_of("token", 5, token, bytes);
    if (!split(token, bytes, &parts))
        return out;
    size_t payload = parts.body_bytes - WR_SIGNATURE_BYTES;
    size_t message_bytes = encode(&parts, message);
    out.signed_by = sim_token_signed_digest(message, (uint32_t)message_bytes, parts.body + payload);
    veil_nuls(parts.body, payload);
    cJSON *claims = cJSON_ParseWithLength((const char *)parts.body, payload);
    out.readable = claims != NULL && read_claims(claims, relay_id, &out);
    cJSON_Delete(claims);
    return out;
}

/* ---- Verdicts -------------------------------------------------------------------------------- */

enum wr_verdict sim_token_judge(const struct sim_token *token,
                                const struct sim_token_context *context)
{
    int64_t now = (int64_t)context->now_unix_ms, skew = (int64_t)context->skew_ms;
    if (memcmp(token->session.bytes, context->session.bytes, 16) != 0)
        return WR_VERDICT_WRONG_SESSION;
    if (context->strict_role && token->role != (enum wr_role)context->presented_role)
        return WR_VERDICT_WRONG_ROLE;
    if (!token->right_relay)
        return WR_VERDICT_WRONG_RELAY;
    if (!context->skip_times) {
        if (token->expires_ms + skew <= now)
            return WR_VERDICT_EXPIRED;
        if (token->expires_ms > now + 3600000 + skew)
            return WR_VERDICT_HORIZON_EXCEEDED;
        if (token->not_before_ms != INT64_MIN && token->not_before_ms > now + skew)
            return WR_VERDICT_NOT_YET_VALID;
        if (token->issued_ms != INT64_MIN && token->issued_ms > now + skew)
            return WR_VERDICT_ISSUED_IN_FUTURE;
    }
    return context->banned ? WR_VERDICT_BANNED : WR_VERDICT_ACCEPTED;
}
