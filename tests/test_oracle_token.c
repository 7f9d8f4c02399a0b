#include "oracle_token.h"

#include "address.h"
#include "rfc3339.h"
#include "vectors.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <string.h>

static bool signed_by_one_of(const cJSON *keys, const char *token, const struct sim_token *read)
{
    const cJSON *key;
    cJSON_ArrayForEach(key, keys)
    {
        const cJSON *kid = cJSON_GetObjectItemCaseSensitive(key, "kid");
        uint8_t bytes[32];
        vectors_hex(vectors_string(key, "public_key_hex"), bytes, sizeof bytes);
        if (cJSON_IsString(kid) && (!read->has_kid || strcmp(kid->valuestring, read->kid) != 0))
            continue;
        if (sim_token_verify((const uint8_t *)token, (uint32_t)strlen(token), bytes))
            return true;
    }
    return false;
}

/* Forms are the core's to be strict about: the oracles only refuse to believe what they cannot
 * read, so a malformed case may be anything but a lease that all checks hold of. */
Test(oracle_token, comes_to_the_vectors_verdicts_from_the_signature_on)
{
    cJSON *file = vectors_load("leases.json");
    const cJSON *test;
    unsigned judged = 0;
    cJSON_ArrayForEach(test, vectors_cases(file, "cases"))
    {
        const char *name = vectors_string(test, "name"), *text = vectors_string(test, "token");
        const char *verdict = vectors_string(test, "verdict"), *now = vectors_string(test, "now");
        const char *session = vectors_string(test, "session_id");
        if (strncmp(verdict, "malformed", 9) == 0 || strcmp(verdict, "unknown_key") == 0)
            continue;
        struct sim_token token = sim_token_read((const uint8_t *)text, (uint32_t)strlen(text),
                                                vectors_string(test, "relay_id"));
        bool good = signed_by_one_of(cJSON_GetObjectItemCaseSensitive(test, "keys"), text, &token);
        cr_expect(token.readable, "%s", name);
        cr_expect_eq(good, strcmp(verdict, "bad_signature") != 0, "%s", name);
        struct sim_token_context context = {
            .presented_role = strcmp(vectors_string(test, "role"), "server") == 0,
            .strict_role = true,
            .skew_ms = vectors_number(test, "max_clock_skew_secs") * 1000,
        };
        cr_assert(wr_session_id_parse(session, strlen(session), &context.session));
        cr_assert(wr_rfc3339_parse(now, strlen(now), &context.now_unix_ms));
        enum wr_verdict judgement = sim_token_judge(&token, &context);
        judged++;
        if (good)
            cr_expect_str_eq(wr_verdict_name(judgement), verdict, "%s", name);
        if (strcmp(verdict, "accepted") != 0)
            continue;
        const cJSON *claims = cJSON_GetObjectItemCaseSensitive(test, "claims");
        cr_expect_eq((uint64_t)token.expires_ms, vectors_number(claims, "expires_unix_ms"), "%s",
                     name);
        cr_expect_eq(token.soft_kbps, vectors_number(claims, "soft_limit_kbps"), "%s", name);
        cr_expect_eq(token.hard_kbps, vectors_number(claims, "hard_limit_kbps"), "%s", name);
    }
    cr_expect_gt(judged, 50);
    cJSON_Delete(file);
}

Test(oracle_token, a_ban_counts_last_and_the_bound_token_is_not_judged_by_time)
{
    struct sim_token token = {.right_relay = true,
                              .expires_ms = 1000,
                              .not_before_ms = INT64_MIN,
                              .issued_ms = INT64_MIN};
    struct sim_token_context context = {.now_unix_ms = 5000, .banned = true};
    cr_expect_eq(sim_token_judge(&token, &context), WR_VERDICT_EXPIRED);
    context.skip_times = true;
    cr_expect_eq(sim_token_judge(&token, &context), WR_VERDICT_BANNED);
    context.banned = false;
    cr_expect_eq(sim_token_judge(&token, &context), WR_VERDICT_ACCEPTED);
}

/* Found by the fuzz target "lease": cJSON ends a text at its NUL. */
Test(oracle_token, a_relay_id_with_a_nul_in_it_is_that_of_no_relay)
{
    static const char *const payloads[] = {
        "{\"sub\":\"a\",\"sid\":\"4ee35c39-ed02-4f65-966f-f347caa07e4c\",\"role\":\"client\","
        "\"rid\":\"relay-1\",\"exp\":\"2026-11-14T20:24:44Z\",\"x\":\"\\\\u0000\"}",
        "{\"sub\":\"a\",\"sid\":\"4ee35c39-ed02-4f65-966f-f347caa07e4c\",\"role\":\"client\","
        "\"rid\":\"relay-1\\u0000\",\"exp\":\"2026-11-14T20:24:44Z\"}",
    };
    for (int i = 0; i < 2; i++) {
        uint8_t body[512];
        char text[1024] = "v4.public.";
        size_t bytes = strlen(payloads[i]);
        memcpy(body, payloads[i], bytes);
        memset(body + bytes, 0, 64);
        sodium_bin2base64(text + 10, sizeof text - 10, body, bytes + 64,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        struct sim_token token =
            sim_token_read((const uint8_t *)text, (uint32_t)strlen(text), "relay-1");
        cr_assert(token.readable);
        cr_expect_eq(token.right_relay, i == 0);
    }
}
