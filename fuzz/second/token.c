#include "second/token.h"

#include <sodium.h>
#include <string.h>

static bool decoded(const uint8_t *text, size_t bytes, uint8_t *out, size_t *out_bytes)
{
    const char *end;
    /* libsodium 1.0.18 takes some bytes above 0x7f for characters of base64 (0xb4, found by the
     * lease target). */
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] > 0x7f)
            return false;
    }
    return sodium_base642bin(out, 1500, (const char *)text, bytes, NULL, out_bytes, &end,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           end == (const char *)text + bytes;
}

bool second_token(const uint8_t *token, size_t bytes, struct second_token *out)
{
    size_t dots = 0, footer = 0, body_bytes;
    /* A datagram of 1500 bytes has room for 1477 characters. */
    if (bytes > 1477 || bytes < 10 || memcmp(token, "v4.public.", 10) != 0)
        return false;
    for (size_t i = 10; i < bytes; i++) {
        if (token[i] == '.') {
            dots++;
            footer = i + 1;
        }
    }
    if (dots > 1)
        return false;
    size_t body_end = dots == 1 ? footer - 1 : bytes;
    out->footer_bytes = 0;
    if (dots == 1 && (!decoded(token + footer, bytes - footer, out->footer, &out->footer_bytes) ||
                      out->footer_bytes == 0))
        return false;
    if (!decoded(token + 10, body_end - 10, out->body, &body_bytes) || body_bytes < 64)
        return false;
    out->payload_bytes = body_bytes - 64;
    return true;
}

static uint8_t *piece(uint8_t *at, const void *bytes, size_t count)
{
    for (int i = 0; i < 8; i++)
        *at++ = (uint8_t)(i < 4 ? count >> 8 * i : 0);
    if (count > 0)
        memcpy(at, bytes, count);
    return at + count;
}

bool second_token_signed(const struct second_token *token, const uint8_t key[32])
{
    uint8_t message[3200], *at = message;
    memcpy(at, "\4\0\0\0\0\0\0", 8);
    at = piece(at + 8, "v4.public.", 10);
    at = piece(at, token->body, token->payload_bytes);
    at = piece(at, token->footer, token->footer_bytes);
    at = piece(at, NULL, 0);
    return crypto_sign_verify_detached(token->body + token->payload_bytes, message,
                                       (size_t)(at - message), key) == 0;
}
