#include "paseto.h"

#include "fault.h"

#include <sodium.h>
#include <string.h>

_Static_assert(WR_TOKEN_PAYLOAD_BYTES_MAX == 1036, "a token of 1477 characters");

/* ---- Base64url (RFC 4648 section 5), without padding ------------------------------------------
 */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Values of the characters; 64 for what is none. A table, because no processor guesses the branches
 * that a signature's random characters would take. */
/* clang-format off */
static const uint8_t values[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
    64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63,
    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
};
/* clang-format on */

static unsigned value_of(uint8_t c)
{
    return values[c];
}

int32_t wr_base64url_decode(const uint8_t *text, size_t bytes, uint8_t *out, size_t capacity)
{
    size_t rest = bytes % 4, whole = bytes - rest;
    size_t decoded = whole / 4 * 3 + (rest > 0 ? rest - 1 : 0);
    unsigned seen = 0; /* gathers bit 6 of every value: something was no character of base64url */
    if (rest == 1 || decoded > capacity || decoded > INT32_MAX)
        return -1;
    for (size_t i = 0; i < whole; i += 4) {
        unsigned a = value_of(text[i]), b = value_of(text[i + 1]);
        unsigned c = value_of(text[i + 2]), d = value_of(text[i + 3]);
        seen |= a | b | c | d;
        *out++ = (uint8_t)(a << 2 | b >> 4);
        *out++ = (uint8_t)(b << 4 | c >> 2);
        *out++ = (uint8_t)(c << 6 | d);
    }
    if (rest > 0) {
        unsigned a = value_of(text[whole]), b = value_of(text[whole + 1]);
        unsigned c = rest == 3 ? value_of(text[whole + 2]) : 0;
        seen |= a | b | c;
        if ((rest == 2 ? b & 15 : c & 3) != 0 && !WR_FAULT(token_loose_bits))
            return -1; /* bits that no byte owns */
        *out++ = (uint8_t)(a << 2 | b >> 4);
        if (rest == 3)
            *out = (uint8_t)(b << 4 | c >> 2);
    }
    return (seen & 64) != 0 ? -1 : (int32_t)decoded;
}

uint32_t wr_base64url_encode(const uint8_t *bytes, size_t size, char *out, size_t capacity)
{
    size_t rest = size % 3;
    size_t encoded = size / 3 * 4 + (rest > 0 ? rest + 1 : 0);
    if (encoded > capacity || encoded > UINT32_MAX)
        return 0;
    for (; size >= 3; size -= 3, bytes += 3) {
        *out++ = alphabet[bytes[0] >> 2];
        *out++ = alphabet[(bytes[0] << 4 | bytes[1] >> 4) & 63];
        *out++ = alphabet[(bytes[1] << 2 | bytes[2] >> 6) & 63];
        *out++ = alphabet[bytes[2] & 63];
    }
    if (rest > 0) {
        *out++ = alphabet[bytes[0] >> 2];
        *out++ = alphabet[(bytes[0] << 4 | (rest == 2 ? bytes[1] >> 4 : 0)) & 63];
        if (rest == 2)
            *out = alphabet[(bytes[1] << 2) & 63];
    }
    return (uint32_t)encoded;
}

/* ---- Form ------------------------------------------------------------------------------------ */

static bool take_body(const uint8_t *text, size_t bytes, struct wr_token *out)
{
    uint8_t body[WR_TOKEN_PAYLOAD_BYTES_MAX + WR_SIGNATURE_BYTES];
    int32_t body_bytes = wr_base64url_decode(text, bytes, body, sizeof body);
    if (body_bytes < WR_SIGNATURE_BYTES)
        return false;
    out->payload_bytes = (uint32_t)body_bytes - WR_SIGNATURE_BYTES;
    memcpy(out->payload, body, out->payload_bytes);
    memcpy(out->signature, body + out->payload_bytes, WR_SIGNATURE_BYTES);
    return true;
}

bool wr_token_decode(const uint8_t *token, size_t bytes, struct wr_token *out)
{
    if (bytes <= WR_TOKEN_HEADER_BYTES || bytes > WR_TOKEN_TEXT_BYTES_MAX ||
        memcmp(token, WR_TOKEN_HEADER, WR_TOKEN_HEADER_BYTES) != 0)
        return false;
    const uint8_t *body = token + WR_TOKEN_HEADER_BYTES, *end = token + bytes;
    const uint8_t *dot = memchr(body, '.', (size_t)(end - body));
    out->footer_bytes = 0;
    if (dot == NULL)
        return take_body(body, (size_t)(end - body), out);
    int32_t footer_bytes =
        wr_base64url_decode(dot + 1, (size_t)(end - dot - 1), out->footer, sizeof out->footer);
    if (footer_bytes <= 0)
        return false;
    out->footer_bytes = (uint32_t)footer_bytes;
    return take_body(body, (size_t)(dot - body), out);
}

/* ---- Signature ------------------------------------------------------------------------------- */

/* PAE counts in little-endian, 64 bits with the topmost clear. */
static uint8_t *put_length(uint8_t *at, uint32_t value)
{
    memset(at, 0, 8);
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
    return at + 8;
}

static uint8_t *put_piece(uint8_t *at, const void *piece, uint32_t bytes)
{
    at = put_length(at, bytes);
    memcpy(at, piece, bytes);
    return at + bytes;
}

uint32_t wr_token_signing_input(const struct wr_token *token, uint8_t *out, size_t capacity)
{
    uint32_t bytes = 40 + WR_TOKEN_HEADER_BYTES + token->payload_bytes + token->footer_bytes;
    if (bytes > capacity)
        return 0;
    uint8_t *at = put_length(out, 4);
    at = put_piece(at, WR_TOKEN_HEADER, WR_TOKEN_HEADER_BYTES);
    at = put_piece(at, token->payload, token->payload_bytes);
    at = put_piece(at, token->footer, token->footer_bytes);
    put_length(at, 0);
    return bytes;
}

bool wr_token_verify(const struct wr_token *token, const uint8_t key[WR_PUBLIC_KEY_BYTES])
{
    uint8_t input[WR_SIGNING_INPUT_BYTES_MAX];
    uint32_t bytes = wr_token_signing_input(token, input, sizeof input);
    return bytes > 0 && crypto_sign_verify_detached(token->signature, input, bytes, key) == 0;
}
