#include "lease_keys.h"

#include "lease_text.h"

#include <string.h>

const char *lease_split_kid(const char *text, bool kid_optional, char kid[WR_KID_BYTES_MAX + 1])
{
    const char *colon = strrchr(text, ':');
    kid[0] = '\0';
    if (colon == NULL)
        return kid_optional ? text : NULL;
    size_t bytes = (size_t)(colon - text);
    if (bytes > WR_KID_BYTES_MAX)
        return NULL;
    memcpy(kid, text, bytes);
    kid[bytes] = '\0';
    return colon + 1;
}

const char *lease_keys_add(struct lease_keys *keys, const char *text)
{
    if (keys->count == LEASE_KEYS_MAX)
        return "too many keys";
    struct lease_key *key = &keys->keys[keys->count];
    const char *hex = lease_split_kid(text, false, key->kid);
    if (hex == NULL)
        return "not KID:HEX (KID has at most 255 bytes and may be empty)";
    if (!lease_parse_hex(hex, key->public_key, sizeof key->public_key))
        return "the public key is not 64 hex digits";
    keys->count++;
    return NULL;
}

static bool fits(const struct lease_key *key, const struct wr_claims *claims, bool named)
{
    if (!named)
        return key->kid[0] == '\0';
    return key->kid[0] != '\0' && claims->has_kid && strlen(key->kid) == claims->kid_bytes &&
           memcmp(key->kid, claims->kid, claims->kid_bytes) == 0;
}

enum wr_verdict lease_keys_check(const struct lease_keys *keys, const struct wr_token *token,
                                 const struct wr_claims *claims)
{
    static const bool rounds[] = {true, false}; /* the keys of that kid, then those without one */
    enum wr_verdict verdict = WR_VERDICT_UNKNOWN_KEY;
    for (size_t round = 0; round < 2; round++) {
        for (uint32_t i = keys->count; i-- > 0;) {
            if (!fits(&keys->keys[i], claims, rounds[round]))
                continue;
            if (wr_token_verify(token, keys->keys[i].public_key))
                return WR_VERDICT_ACCEPTED;
            verdict = WR_VERDICT_BAD_SIGNATURE;
        }
    }
    return verdict;
}

const char *lease_verdict_name(enum wr_verdict verdict)
{
#define NAME(verdict, text) text,
    static const char *const names[] = {WR_VERDICTS(NAME)};
#undef NAME
    return names[verdict];
}
