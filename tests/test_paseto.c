#include "paseto.h"

#include "mint.h"
#include "vectors.h"

#include <criterion/criterion.h>
#include <string.h>

static bool decodes(const char *text, struct wr_token *token)
{
    return wr_token_decode((const uint8_t *)text, strlen(text), token);
}

/* ---- The standard's vectors -------------------------------------------------------------------
 */

static void expect_token(const cJSON *test)
{
    const char *name = vectors_string(test, "name");
    const char *payload = vectors_string(test, "payload");
    const char *footer = vectors_string(test, "footer");
    const char *text = vectors_string(test, "token");
    bool implicit = *vectors_string(test, "implicit-assertion") != '\0';
    uint8_t key[32], secret[64];
    char minted[WR_TOKEN_TEXT_BYTES_MAX];
    struct wr_token token;
    vectors_hex(vectors_string(test, "public-key"), key, sizeof key);
    vectors_hex(vectors_string(test, "secret-key"), secret, sizeof secret);
    cr_assert(decodes(text, &token), "%s", name);
    cr_assert_eq(token.payload_bytes, strlen(payload));
    cr_expect_eq(memcmp(token.payload, payload, token.payload_bytes), 0);
    cr_assert_eq(token.footer_bytes, strlen(footer));
    cr_expect_eq(memcmp(token.footer, footer, token.footer_bytes), 0);
    /* ours never have an implicit assertion, so a signature over one must not count */
    cr_expect_eq(wr_token_verify(&token, key), !implicit, "%s", name);
    struct wr_mint mint = {.raw_payload = (const uint8_t *)payload,
                           .raw_payload_bytes = (uint32_t)strlen(payload),
                           .footer = (const uint8_t *)footer,
                           .footer_bytes = (uint32_t)strlen(footer)};
    uint32_t bytes = wr_mint_token(&mint, secret, minted, sizeof minted);
    cr_expect_eq(bytes, strlen(text));
    cr_expect_eq(memcmp(minted, text, bytes) == 0, !implicit, "%s", name);
}

Test(paseto, the_standards_vectors_hold)
{
    cJSON *file = vectors_load("paseto-v4.json");
    const cJSON *test;
    int good = 0, bad = 0;
    cJSON_ArrayForEach(test, vectors_cases(file, "tests"))
    {
        struct wr_token token;
        static const uint8_t some_key[32] = {1};
        if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(test, "expect-fail"))) {
            expect_token(test);
            good++;
            continue;
        }
        const char *text = vectors_string(test, "token");
        cr_expect(!decodes(text, &token) || !wr_token_verify(&token, some_key));
        cr_expect_eq(decodes(text, &token), strncmp(text, "v4.public.", 10) == 0);
        bad++;
    }
    cr_expect_eq(good, 3);
    cr_expect_eq(bad, 5);
    cJSON_Delete(file);
}

/* ---- Base64url --------------------------------------------------------------------------------
 */

static int32_t decoded_bytes(const char *text)
{
    uint8_t out[16];
    return wr_base64url_decode((const uint8_t *)text, strlen(text), out, sizeof out);
}

Test(paseto, base64url_survives_the_round_trip_at_every_length)
{
    uint8_t bytes[100], again[100];
    char text[140];
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 200);
    for (uint32_t size = 1; size <= sizeof bytes; size++) {
        uint32_t written = wr_base64url_encode(bytes, size, text, sizeof text);
        cr_assert_eq(written, (size * 4 + 2) / 3);
        cr_assert_eq(wr_base64url_decode((uint8_t *)text, written, again, size), (int32_t)size);
        cr_assert_eq(memcmp(bytes, again, size), 0);
        cr_assert_eq(wr_base64url_encode(bytes, size, text, written - 1), 0U);
        cr_assert_eq(wr_base64url_decode((uint8_t *)text, written, again, size - 1), -1);
    }
    cr_expect_eq(wr_base64url_encode(bytes, 0, text, sizeof text), 0U);
    cr_expect_eq(decoded_bytes(""), 0);
}

Test(paseto, base64url_knows_its_64_characters_and_no_other)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (unsigned c = 1; c < 256; c++) {
        for (int place = 0; place < 4; place++) {
            char text[5] = "AAAA";
            text[place] = (char)c;
            const char *found = strchr(alphabet, (int)c);
            cr_expect_eq(decoded_bytes(text), found != NULL ? 3 : -1, "%u at %d", c, place);
        }
    }
    cr_expect_eq(decoded_bytes("A+"), -1);
    cr_expect_eq(decoded_bytes("+A"), -1);
    cr_expect_eq(decoded_bytes("AA+"), -1);
}

Test(paseto, base64url_has_one_text_for_each_content)
{
    cr_expect_eq(decoded_bytes("A"), -1);
    cr_expect_eq(decoded_bytes("AAAAA"), -1);
    cr_expect_eq(decoded_bytes("AQ"), 1);
    cr_expect_eq(decoded_bytes("AB"), -1, "four bits that no byte owns");
    cr_expect_eq(decoded_bytes("AAE"), 2);
    cr_expect_eq(decoded_bytes("AAB"), -1, "two bits that no byte owns");
    cr_expect_eq(decoded_bytes("AAA="), -1);
}

/* ---- Form -------------------------------------------------------------------------------------
 */

/* "v4.public." and a body of `count` characters A, then `tail`. */
static bool decodes_with(size_t count, const char *tail, struct wr_token *token)
{
    char text[2000] = "v4.public.";
    memset(text + 10, 'A', count);
    memcpy(text + 10 + count, tail, strlen(tail) + 1);
    return decodes(text, token);
}

Test(paseto, a_token_holds_a_signature_at_least)
{
    struct wr_token token;
    cr_expect_not(decodes_with(0, "", &token));
    cr_expect_not(decodes_with(84, "", &token), "63 bytes");
    cr_assert(decodes_with(86, "", &token), "64 bytes");
    cr_expect_eq(token.payload_bytes, 0U);
    cr_assert(decodes_with(88, "", &token));
    cr_expect_eq(token.payload_bytes, 2U);
    cr_expect_not(decodes_with(85, "", &token));
}

Test(paseto, a_footer_is_there_or_not_but_never_empty)
{
    struct wr_token token;
    cr_assert(decodes_with(86, ".YQ", &token));
    cr_expect_eq(token.footer_bytes, 1U);
    cr_expect_eq(token.footer[0], 'a');
    cr_expect_not(decodes_with(86, ".", &token));
    cr_expect_not(decodes_with(86, ".Y", &token));
    cr_expect_not(decodes_with(86, ".YR", &token));
    cr_expect_not(decodes_with(86, ".YQ.", &token));
    cr_expect_not(decodes_with(86, ".YQ.YQ", &token));
    cr_expect_not(decodes_with(84, ".YQ", &token));
    cr_expect_not(decodes_with(0, ".YQ", &token));
}

Test(paseto, the_header_is_exact)
{
    static const char *const headers[] = {"v4.Public.", "V4.public.", "v3.public.",
                                          "v4.local.A", "v4.public_", " v4.public"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char text[200];
        struct wr_token token;
        memset(text, 'A', 96);
        memcpy(text, headers[i], 10);
        text[96] = '\0';
        cr_expect_not(decodes(text, &token), "%s", headers[i]);
    }
    struct wr_token token;
    cr_expect_not(decodes("", &token));
    cr_expect_not(decodes("v4.public.", &token));
}

Test(paseto, the_longest_token_of_a_datagram_fits_and_no_longer_one)
{
    struct wr_token token;
    uint8_t input[WR_SIGNING_INPUT_BYTES_MAX];
    cr_assert(decodes_with(WR_TOKEN_TEXT_BYTES_MAX - 10, "", &token));
    cr_expect_eq(token.payload_bytes, (uint32_t)WR_TOKEN_PAYLOAD_BYTES_MAX);
    cr_expect_eq(wr_token_signing_input(&token, input, sizeof input), sizeof input);
    cr_expect_eq(wr_token_signing_input(&token, input, sizeof input - 1), 0U);
    cr_expect_not(decodes_with(WR_TOKEN_TEXT_BYTES_MAX - 9, "", &token));
    /* the longest footer */
    char tail[WR_TOKEN_TEXT_BYTES_MAX - 10 - 86 + 1] = ".";
    memset(tail + 1, 'A', sizeof tail - 2);
    tail[sizeof tail - 1] = '\0';
    cr_assert(decodes_with(86, tail, &token));
    cr_expect_eq(token.footer_bytes, 1035U);
    cr_expect_gt(wr_token_signing_input(&token, input, sizeof input), 0U);
}

Test(paseto, the_signing_input_is_the_pre_authentication_encoding)
{
    struct wr_token token = {.payload_bytes = 2, .footer_bytes = 1, .payload = "{}", .footer = "f"};
    static const uint8_t expected[] = "\4\0\0\0\0\0\0\0"
                                      "\12\0\0\0\0\0\0\0v4.public."
                                      "\2\0\0\0\0\0\0\0{}"
                                      "\1\0\0\0\0\0\0\0f"
                                      "\0\0\0\0\0\0\0\0";
    uint8_t input[100];
    cr_assert_eq(wr_token_signing_input(&token, input, sizeof input), sizeof expected - 1);
    cr_expect_eq(memcmp(input, expected, sizeof expected - 1), 0);
}

Test(paseto, a_token_too_large_to_sign_never_verifies)
{
    static const uint8_t key[32] = {1};
    struct wr_token token = {.payload_bytes = WR_TOKEN_PAYLOAD_BYTES_MAX, .footer_bytes = 1};
    cr_expect_not(wr_token_verify(&token, key));
}
