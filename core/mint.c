#include "mint.h"

#include "address.h"
#include "claims.h"
#include "cursor.h"

#include <sodium.h>
#include <string.h>

/* ---- Payload --------------------------------------------------------------------------------- */

static void put_text(struct wr_writer *out, const char *text)
{
    wr_put(out, text, strlen(text));
}

/* A JSON string. What must be escaped is; everything else is written as it is, so a test can put
 * invalid UTF-8 there. */
static void put_string(struct wr_writer *out, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    put_text(out, "\"");
    for (; *text != '\0'; text++) {
        uint8_t c = (uint8_t)*text;
        if (c == '"' || c == '\\') {
            put_text(out, "\\");
        } else if (c < 0x20) {
            put_text(out, "\\u00");
            wr_put_u8(out, (uint8_t)hex[c >> 4]);
            c = (uint8_t)hex[c & 15];
        }
        wr_put_u8(out, c);
    }
    put_text(out, "\"");
}

static void put_separator(struct wr_writer *out)
{
    if (out->used > 1)
        put_text(out, ",");
}

/* One of our names: nothing in it needs escaping. */
static void put_name(struct wr_writer *out, const char *name)
{
    put_separator(out);
    put_text(out, "\"");
    put_text(out, name);
    put_text(out, "\":");
}

static void put_string_member(struct wr_writer *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    put_name(out, name);
    put_string(out, value);
}

static void put_number_member(struct wr_writer *out, const char *name, bool has, uint32_t value)
{
    char digits[10];
    uint32_t count = 0;
    if (!has)
        return;
    put_name(out, name);
    do {
        digits[sizeof digits - ++count] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    wr_put(out, digits + sizeof digits - count, count);
}

uint32_t wr_mint_payload(const struct wr_mint *mint, uint8_t *out, size_t capacity)
{
    struct wr_writer writer = wr_writer_over(out, capacity);
    if (mint->raw_payload != NULL) {
        wr_put(&writer, mint->raw_payload, mint->raw_payload_bytes);
        return writer.ran_out ? 0 : (uint32_t)writer.used;
    }
    put_text(&writer, "{");
    put_string_member(&writer, "sub", mint->sub);
    put_string_member(&writer, "sid", mint->sid);
    put_string_member(&writer, "role", mint->role);
    put_string_member(&writer, "rid", mint->rid);
    put_string_member(&writer, "kid", mint->kid);
    put_string_member(&writer, "exp_rfc3339", mint->exp_rfc3339);
    put_string_member(&writer, "exp", mint->exp);
    put_string_member(&writer, "nbf_rfc3339", mint->nbf_rfc3339);
    put_string_member(&writer, "nbf", mint->nbf);
    put_string_member(&writer, "iat_rfc3339", mint->iat_rfc3339);
    put_string_member(&writer, "iat", mint->iat);
    put_number_member(&writer, "slimit", mint->has_soft_limit, mint->soft_limit_kbps);
    put_number_member(&writer, "hlimit", mint->has_hard_limit, mint->hard_limit_kbps);
    if (mint->extra != NULL) {
        put_separator(&writer);
        put_text(&writer, mint->extra);
    }
    put_text(&writer, "}");
    return writer.ran_out ? 0 : (uint32_t)writer.used;
}

struct wr_mint wr_mint_lease(struct wr_mint_texts *texts, const char *sub,
                             const struct wr_session_id *session, enum wr_role role,
                             const char *rid, const char *kid, uint64_t now_unix_ms,
                             uint64_t ttl_ms)
{
    uint64_t expires_ms = ttl_ms > UINT64_MAX - now_unix_ms ? UINT64_MAX : now_unix_ms + ttl_ms;
    wr_session_id_format(session, texts->sid);
    wr_rfc3339_format(now_unix_ms, texts->issued);
    wr_rfc3339_format(expires_ms, texts->expires);
    return (struct wr_mint){
        .sub = sub,
        .sid = texts->sid,
        .role = role == WR_ROLE_CLIENT ? "client" : "server",
        .rid = rid,
        .kid = kid,
        .exp_rfc3339 = texts->expires,
        .nbf_rfc3339 = texts->issued,
        .iat_rfc3339 = texts->issued,
        .has_soft_limit = true,
        .has_hard_limit = true,
        .soft_limit_kbps = WR_SOFT_LIMIT_KBPS_DEFAULT,
        .hard_limit_kbps = WR_HARD_LIMIT_KBPS_DEFAULT,
    };
}

/* ---- Token ----------------------------------------------------------------------------------- */

/* Appends base64url; false where it does not fit. */
static bool put_base64url(struct wr_writer *out, const uint8_t *bytes, uint32_t size)
{
    uint32_t written =
        wr_base64url_encode(bytes, size, (char *)out->start + out->used, out->capacity - out->used);
    out->used += written;
    return written > 0;
}

uint32_t wr_mint_token(const struct wr_mint *mint, const uint8_t secret_key[WR_SECRET_KEY_BYTES],
                       char *out, size_t capacity)
{
    struct wr_token token;
    uint8_t input[WR_SIGNING_INPUT_BYTES_MAX];
    uint8_t body[WR_TOKEN_PAYLOAD_BYTES_MAX + WR_SIGNATURE_BYTES];
    struct wr_writer writer = wr_writer_over(
        (uint8_t *)out, capacity < WR_TOKEN_TEXT_BYTES_MAX ? capacity : WR_TOKEN_TEXT_BYTES_MAX);
    token.payload_bytes = wr_mint_payload(mint, token.payload, sizeof token.payload);
    token.footer_bytes = mint->footer == NULL ? 0 : mint->footer_bytes;
    bool empty_on_purpose = mint->raw_payload != NULL && mint->raw_payload_bytes == 0;
    if ((token.payload_bytes == 0 && !empty_on_purpose) ||
        token.footer_bytes > WR_TOKEN_PAYLOAD_BYTES_MAX - token.payload_bytes)
        return 0;
    if (token.footer_bytes > 0)
        memcpy(token.footer, mint->footer, token.footer_bytes);
    uint32_t input_bytes = wr_token_signing_input(&token, input, sizeof input);
    crypto_sign_detached(token.signature, NULL, input, input_bytes, secret_key);
    memcpy(body, token.payload, token.payload_bytes);
    memcpy(body + token.payload_bytes, token.signature, WR_SIGNATURE_BYTES);
    wr_put(&writer, WR_TOKEN_HEADER, WR_TOKEN_HEADER_BYTES);
    if (writer.ran_out || !put_base64url(&writer, body, token.payload_bytes + WR_SIGNATURE_BYTES))
        return 0;
    if (token.footer_bytes > 0) {
        wr_put(&writer, ".", 1);
        if (writer.ran_out || !put_base64url(&writer, token.footer, token.footer_bytes))
            return 0;
    }
    return (uint32_t)writer.used;
}

void wr_mint_keypair(const uint8_t seed[32], uint8_t public_key[WR_PUBLIC_KEY_BYTES],
                     uint8_t secret_key[WR_SECRET_KEY_BYTES])
{
    crypto_sign_seed_keypair(public_key, secret_key, seed);
}
