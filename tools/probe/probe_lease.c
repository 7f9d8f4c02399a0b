#include "probe_lease.h"

#include "lease_keys.h"
#include "lease_text.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* "[KID:]SECRET": 64 hex digits of seed, or 128 of seed and public key, which must belong
 * together. The text is wiped. */
static bool parse_key(struct probe_signer *signer, char *text)
{
    uint8_t bytes[WR_SECRET_KEY_BYTES], public_key[WR_PUBLIC_KEY_BYTES];
    text[strcspn(text, "\r\n")] = '\0';
    const char *hex = lease_split_kid(text, true, signer->kid);
    bool with_public = hex != NULL && lease_parse_hex(hex, bytes, 64);
    bool good = with_public || (hex != NULL && lease_parse_hex(hex, bytes, 32));
    sodium_memzero(text, strlen(text));
    if (good) {
        wr_mint_keypair(bytes, public_key, signer->secret_key);
        good = !with_public || memcmp(public_key, bytes + 32, sizeof public_key) == 0;
    }
    sodium_memzero(bytes, sizeof bytes);
    return good;
}

bool probe_signer_read(const char *path, struct probe_signer *signer, struct probe_error *error)
{
    char text[1024];
    size_t bytes;
    if (!lease_read_file(path, text, sizeof text, &bytes))
        return probe_fail(error, "%s: %s", path, strerror(errno));
    if (!parse_key(signer, text))
        return probe_fail(error,
                          "%s: not a secret key as wavry-lease keygen writes it "
                          "([KID:]SECRET, 64 hex digits of secret)",
                          path);
    return true;
}

bool probe_mint(const struct probe_signer *signer, const struct probe_lease_terms *terms,
                const struct wr_session_id *session, enum wr_role role, struct probe_token *out)
{
    struct wr_mint_texts texts;
    uint64_t now_ms = lease_clock_unix_ms();
    const char *kid = signer->kid[0] != '\0' ? signer->kid : NULL;
    struct wr_mint mint = wr_mint_lease(&texts, terms->sub, session, role, terms->relay_id, kid,
                                        now_ms, (uint64_t)terms->ttl_secs * 1000);
    mint.soft_limit_kbps = terms->limit_kbps;
    mint.hard_limit_kbps = terms->limit_kbps;
    mint.has_soft_limit = mint.has_hard_limit = true;
    out->bytes = wr_mint_token(&mint, signer->secret_key, out->text, sizeof out->text);
    out->lifetime_ms = (uint64_t)terms->ttl_secs * 1000;
    out->expires_unix_ms = now_ms + out->lifetime_ms;
    return out->bytes > 0;
}

bool probe_token_read(const char *path, struct probe_token *out, struct wr_claims *claims,
                      struct probe_error *error)
{
    struct wr_token token;
    size_t bytes;
    char text[WR_TOKEN_TEXT_BYTES_MAX + 4];
    if (!lease_read_file(path, text, sizeof text, &bytes))
        return probe_fail(error, "%s: %s", path, strerror(errno));
    bytes = strcspn(text, "\r\n");
    if (!wr_token_decode((const uint8_t *)text, bytes, &token))
        return probe_fail(error, "%s: not a lease token (v4.public.…)", path);
    if (!wr_claims_decode(token.payload, token.payload_bytes, claims))
        return probe_fail(
            error, "%s: the token's claims are malformed; 'wavry-lease inspect' says how", path);
    memcpy(out->text, text, bytes);
    out->bytes = (uint32_t)bytes;
    out->expires_unix_ms = claims->expires_unix_ms;
    out->lifetime_ms = wr_elapsed(lease_clock_unix_ms(), claims->expires_unix_ms);
    return true;
}

struct wr_session_id probe_random_session(void)
{
    struct wr_session_id session;
    randombytes_buf(session.bytes, sizeof session.bytes);
    session.bytes[6] = (uint8_t)((session.bytes[6] & 0x0f) | 0x40);
    session.bytes[8] = (uint8_t)((session.bytes[8] & 0x3f) | 0x80);
    return session;
}
