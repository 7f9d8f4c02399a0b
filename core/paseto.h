/*
 * PASETO v4.public tokens (section 2): their form, their signing input, their signature. Owns
 * base64url and the pre-authentication encoding; declines to know what a payload says and which
 * keys are trusted.
 */
#ifndef WR_PASETO_H
#define WR_PASETO_H

#include "wire.h"

#define WR_TOKEN_HEADER       "v4.public."
#define WR_TOKEN_HEADER_BYTES 10

/* Of a token of WR_TOKEN_TEXT_BYTES_MAX characters: 4 of them carry 3 bytes, 64 of which are the
 * signature. Payload and footer together never have more either. */
#define WR_TOKEN_PAYLOAD_BYTES_MAX                                                                 \
    ((WR_TOKEN_TEXT_BYTES_MAX - WR_TOKEN_HEADER_BYTES) * 3 / 4 - WR_SIGNATURE_BYTES)
#define WR_TOKEN_FOOTER_BYTES_MAX WR_TOKEN_PAYLOAD_BYTES_MAX

/* Count and four lengths of 8 bytes, then the header, payload and footer. */
#define WR_SIGNING_INPUT_BYTES_MAX (40 + WR_TOKEN_HEADER_BYTES + WR_TOKEN_PAYLOAD_BYTES_MAX)

struct wr_token {
    uint32_t payload_bytes;
    uint32_t footer_bytes; /* 0 without a footer */
    uint8_t signature[WR_SIGNATURE_BYTES];
    uint8_t payload[WR_TOKEN_PAYLOAD_BYTES_MAX];
    uint8_t footer[WR_TOKEN_FOOTER_BYTES_MAX];
};

/* Check 1 of section 2. Strict: the header in lower case, base64url without padding whose last
 * character carries no bits that no byte owns, a signature's 64 bytes at least, and a footer part
 * only where it is not empty. A token longer than fits a datagram is refused. False is
 * malformed_token; `*out` is then unspecified. Bytes behind a count are not written. */
bool wr_token_decode(const uint8_t *token, size_t bytes, struct wr_token *out);

/* What was signed: PAE(header, payload, footer, "") of the PASETO specification. Returns its bytes,
 * 0 where `capacity` does not do (WR_SIGNING_INPUT_BYTES_MAX always does). */
uint32_t wr_token_signing_input(const struct wr_token *token, uint8_t *out, size_t capacity);

/* Check 4, computed here and now. For tools and tests only: the relay never computes a signature
 * itself, it asks its environment (section 2). */
bool wr_token_verify(const struct wr_token *token, const uint8_t key[WR_PUBLIC_KEY_BYTES]);

/* Base64url without padding. Decoding is strict as above; returns the decoded bytes, or -1 where
 * the text is not base64url or `capacity` does not do. Encoding returns the characters written
 * (never terminated), 0 where `capacity` does not do or there is nothing to encode. */
int32_t wr_base64url_decode(const uint8_t *text, size_t bytes, uint8_t *out, size_t capacity);
uint32_t wr_base64url_encode(const uint8_t *bytes, size_t size, char *out, size_t capacity);

#endif
