#include "mint.h"

#include "address.h"
#include "claims.h"

#include <criterion/criterion.h>
#include <string.h>

static const uint8_t seed[32] = {7};

static struct wr_token minted(const struct wr_mint *mint)
{
    uint8_t key[WR_PUBLIC_KEY_BYTES], secret[WR_SECRET_KEY_BYTES];
    char text[WR_TOKEN_TEXT_BYTES_MAX];
    struct wr_token token;
    wr_mint_keypair(seed, key, secret);
    uint32_t bytes = wr_mint_token(mint, secret, text, sizeof text);
    cr_assert_gt(bytes, 0U);
    cr_assert(wr_token_decode((uint8_t *)text, bytes, &token));
    cr_expect(wr_token_verify(&token, key));
    return token;
}

static uint32_t token_bytes(const struct wr_mint *mint, size_t capacity)
{
    uint8_t key[WR_PUBLIC_KEY_BYTES], secret[WR_SECRET_KEY_BYTES];
    static char text[4000];
    wr_mint_keypair(seed, key, secret);
    return wr_mint_token(mint, secret, text, capacity);
}

Test(mint, a_common_lease_is_a_good_one)
{
    struct wr_mint_texts texts;
    struct wr_session_id session = {{1, 2, 3}};
    struct wr_claims claims;
    struct wr_mint mint = wr_mint_lease(&texts, "bob", &session, WR_ROLE_SERVER, "relay-1", "k1",
                                        1795000000000, 900000);
    struct wr_token token = minted(&mint);
    cr_assert(wr_claims_decode(token.payload, token.payload_bytes, &claims));
    cr_expect_eq(memcmp(claims.sub, "bob", 4), 0);
    cr_expect_eq(memcmp(&claims.session, &session, 16), 0);
    cr_expect_eq(claims.role, WR_ROLE_SERVER);
    cr_expect_eq(claims.issued_unix_ms, 1795000000000U);
    cr_expect_eq(claims.not_before_unix_ms, 1795000000000U);
    cr_expect_eq(claims.expires_unix_ms, 1795000900000U);
    cr_expect_eq(claims.soft_limit_kbps, 50000U);
    cr_expect_eq(claims.hard_limit_kbps, 100000U);
    cr_expect_eq(token.footer_bytes, 0U);
    mint = wr_mint_lease(&texts, "bob", &session, WR_ROLE_CLIENT, "relay-1", NULL, 1, UINT64_MAX);
    cr_expect_str_eq(mint.role, "client");
    cr_expect_str_eq(texts.expires, "9999-12-31T23:59:59.999Z", "no sum wraps");
}

Test(mint, members_are_written_as_given)
{
    struct wr_mint mint = {.sub = "a\"\\\n\x01z",
                           .exp = "x",
                           .extra = "\"y\":[1]",
                           .has_hard_limit = true,
                           .hard_limit_kbps = UINT32_MAX};
    struct wr_token token = minted(&mint);
    static const char expected[] =
        "{\"sub\":\"a\\\"\\\\\\u000a\\u0001z\",\"exp\":\"x\",\"hlimit\":4294967295,\"y\":[1]}";
    cr_assert_eq(token.payload_bytes, sizeof expected - 1);
    cr_expect_eq(memcmp(token.payload, expected, sizeof expected - 1), 0);
    mint = (struct wr_mint){.extra = "\"y\":1"};
    cr_expect_eq(memcmp(minted(&mint).payload, "{\"y\":1}", 7), 0);
    mint = (struct wr_mint){.has_soft_limit = true};
    cr_expect_eq(memcmp(minted(&mint).payload, "{\"slimit\":0}", 12), 0);
    mint = (struct wr_mint){0};
    cr_expect_eq(minted(&mint).payload_bytes, 2U);
}

Test(mint, a_raw_payload_and_a_footer_are_taken_as_they_are)
{
    static const uint8_t raw[] = {0xff, 0, '{'}, footer[] = "{\"kid\":1}";
    struct wr_mint mint = {.sub = "ignored",
                           .raw_payload = raw,
                           .raw_payload_bytes = 3,
                           .footer = footer,
                           .footer_bytes = 9};
    struct wr_token token = minted(&mint);
    cr_expect_eq(token.payload_bytes, 3U);
    cr_expect_eq(memcmp(token.payload, raw, 3), 0);
    cr_expect_eq(token.footer_bytes, 9U);
    mint.raw_payload_bytes = 0;
    cr_expect_eq(minted(&mint).payload_bytes, 0U, "an empty payload is an oddity tests need");
}

Test(mint, what_does_not_fit_a_datagram_is_not_minted)
{
    static uint8_t big[WR_TOKEN_PAYLOAD_BYTES_MAX + 1];
    struct wr_mint mint = {.raw_payload = big, .raw_payload_bytes = WR_TOKEN_PAYLOAD_BYTES_MAX};
    cr_expect_eq(token_bytes(&mint, 4000), (uint32_t)WR_TOKEN_TEXT_BYTES_MAX);
    mint.footer = big;
    mint.footer_bytes = 1;
    cr_expect_eq(token_bytes(&mint, 4000), 0U);
    mint.footer_bytes = UINT32_MAX;
    cr_expect_eq(token_bytes(&mint, 4000), 0U);
    mint.footer_bytes = 0;
    mint.raw_payload_bytes++;
    cr_expect_eq(token_bytes(&mint, 4000), 0U);
    mint = (struct wr_mint){
        .raw_payload = big, .raw_payload_bytes = 2, .footer = big, .footer_bytes = 3};
    cr_expect_eq(token_bytes(&mint, 10 + 88 + 1 + 4), 103U);
    cr_expect_eq(token_bytes(&mint, 102), 0U, "no room for the footer");
    cr_expect_eq(token_bytes(&mint, 98), 0U, "no room for its dot");
    cr_expect_eq(token_bytes(&mint, 97), 0U, "no room for the body");
    cr_expect_eq(token_bytes(&mint, 9), 0U, "no room for the header");
    char sub[1100];
    memset(sub, 'u', sizeof sub);
    sub[sizeof sub - 1] = '\0';
    mint = (struct wr_mint){.sub = sub};
    cr_expect_eq(token_bytes(&mint, 4000), 0U);
}

Test(mint, the_same_seed_gives_the_same_keys)
{
    uint8_t key_a[32], key_b[32], secret_a[64], secret_b[64];
    wr_mint_keypair(seed, key_a, secret_a);
    wr_mint_keypair(seed, key_b, secret_b);
    cr_expect_eq(memcmp(key_a, key_b, 32), 0);
    cr_expect_eq(memcmp(secret_a, secret_b, 64), 0);
    cr_expect_eq(memcmp(secret_a, seed, 32), 0);
}
