/*
 * A second reading of a token's form (docs/protocol.md section 2, check 1), by libsodium's base64.
 */
#ifndef FUZZ_SECOND_TOKEN_H
#define FUZZ_SECOND_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct second_token {
    size_t payload_bytes, footer_bytes;
    uint8_t body[1500]; /* payload, then 64 bytes of signature */
    uint8_t footer[1500];
};

bool second_token(const uint8_t *token, size_t bytes, struct second_token *out);

/* The signature holds under `key`, computed over an encoding of our own. */
bool second_token_signed(const struct second_token *token, const uint8_t key[32]);

#endif
