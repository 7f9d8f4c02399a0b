#include <criterion/criterion.h>

#include "address.h"
#include "master_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Requests -------------------------------------------------------------------------------- */

static struct rd_options options_of(const char *listen, const char *first, const char *second)
{
    struct rd_options options = {.max_bitrate_kbps = 20000};
    options.core.max_sessions = 100;
    cr_assert(wr_address_parse(listen, &options.listen));
    cr_assert(wr_address_parse(first, &options.advertise[options.advertise_count++]));
    if (second != NULL)
        cr_assert(wr_address_parse(second, &options.advertise[options.advertise_count++]));
    return options;
}

static void expect_body(char *body, const char *expected)
{
    cr_assert_not_null(body);
    cr_expect_str_eq(body, expected);
    free(body);
}

Test(master_json, a_registration_is_what_the_real_master_takes)
{
    struct rd_options options = options_of("[::]:4000", "203.0.113.7:4000", "[2001:db8::1]:4000");
    options.asn = 64500;
    strcpy(options.region, "eu-west");
    expect_body(
        rd_master_register_body(&options, options.core.max_sessions, "6f1c"),
        "{\"relay_id\":\"6f1c\",\"endpoints\":[\"203.0.113.7:4000\","
        "\"[2001:db8::1]:4000\"],\"region\":\"eu-west\",\"asn\":64500,"
        "\"max_sessions\":100,\"max_bitrate_kbps\":20000,\"features\":[\"ipv4\",\"ipv6\"]}");
}

Test(master_json, what_is_not_known_is_null)
{
    struct rd_options options = options_of("127.0.0.1:4000", "127.0.0.1:4000", NULL);
    expect_body(rd_master_register_body(&options, options.core.max_sessions, "r"),
                "{\"relay_id\":\"r\",\"endpoints\":[\"127.0.0.1:4000\"],\"region\":null,"
                "\"asn\":null,\"max_sessions\":100,\"max_bitrate_kbps\":20000,"
                "\"features\":[\"ipv4\"]}");
}

Test(master_json, numbers_stay_whole_up_to_32_bits_and_texts_are_escaped)
{
    struct rd_options options = options_of("[::1]:4000", "[::1]:4000", NULL);
    options.asn = UINT32_MAX;
    options.max_bitrate_kbps = UINT32_MAX;
    options.core.max_sessions = 1 << 24;
    strcpy(options.region, "a\"b\\c\n\xc3\xa9");
    expect_body(rd_master_register_body(&options, options.core.max_sessions, "r"),
                "{\"relay_id\":\"r\",\"endpoints\":[\"[::1]:4000\"],"
                "\"region\":\"a\\\"b\\\\c\\n\xc3\xa9\",\"asn\":4294967295,"
                "\"max_sessions\":16777216,\"max_bitrate_kbps\":4294967295,"
                "\"features\":[\"ipv6\"]}");
}

Test(master_json, an_ipv4_wildcard_is_ipv4_only)
{
    struct rd_options options = options_of("0.0.0.0:4000", "203.0.113.7:4000", NULL);
    char *body = rd_master_register_body(&options, options.core.max_sessions, "r");
    cr_expect_not_null(strstr(body, "\"features\":[\"ipv4\"]"), "%s", body);
    free(body);
}

Test(master_json, a_heartbeat_is_an_id_and_a_load)
{
    expect_body(rd_master_heartbeat_body("6f1c", 0), "{\"relay_id\":\"6f1c\",\"load_pct\":0}");
    expect_body(rd_master_heartbeat_body("6f1c", 100), "{\"relay_id\":\"6f1c\",\"load_pct\":100}");
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* Read from a block of exactly its size, so that reading past its end is seen. */
static struct wr_master_answer read_bytes(enum wr_master_request_kind kind, const char *text,
                                          size_t size)
{
    struct wr_master_answer answer;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    cr_assert_not_null(bytes);
    memcpy(bytes, text, size);
    rd_master_read_answer(kind, bytes, size, &answer);
    free(bytes);
    return answer;
}

static struct wr_master_answer read_text(enum wr_master_request_kind kind, const char *text)
{
    return read_bytes(kind, text, strlen(text));
}

static void expect_garbage(enum wr_master_request_kind kind, const char *text)
{
    static const struct wr_master_answer nothing = {.status = WR_MASTER_GARBAGE};
    struct wr_master_answer answer = read_text(kind, text);
    cr_expect_eq(answer.status, WR_MASTER_GARBAGE, "taken: %.200s", text);
    cr_expect_eq(memcmp(&answer, &nothing, sizeof answer), 0, "left something: %.200s", text);
}

#define NUMBERS_31                                                                                 \
    "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30"
#define NUMBERS "[" NUMBERS_31 ",255]"
#define HEX     "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1EfF"

static void expect_the_key(const struct wr_master_answer *answer)
{
    cr_expect_eq(answer->status, WR_MASTER_OK);
    cr_expect(answer->has_key);
    for (int i = 0; i < 31; i++)
        cr_expect_eq(answer->public_key[i], i);
    cr_expect_eq(answer->public_key[31], 255);
}

Test(master_json, a_register_answer_is_read)
{
    struct wr_master_answer answer = read_text(
        WR_MASTER_REGISTER, "{\"heartbeat_interval_ms\":5000,\"master_public_key\":" NUMBERS
                            ",\"master_key_id\":\"k1\"}");
    expect_the_key(&answer);
    cr_expect_eq(answer.heartbeat_interval_ms, 5000U);
    cr_expect_str_eq(answer.kid, "k1");
}

Test(master_json, order_blanks_and_unknown_members_do_not_matter)
{
    struct wr_master_answer answer =
        read_text(WR_MASTER_REGISTER,
                  " {\n\"new\":{\"master_key_id\":[1.5e3,{}]}, \"master_public_key\" :" NUMBERS
                  ",\"heartbeat_interval_ms\":18446744073709551615}\n");
    expect_the_key(&answer);
    cr_expect_eq(answer.heartbeat_interval_ms, UINT64_MAX, "the link clamps it");
    cr_expect_str_eq(answer.kid, "", "no id is no kid");
}

Test(master_json, a_key_answer_is_read)
{
    struct wr_master_answer answer = read_text(
        WR_MASTER_KEY, "{\"public_key\":\"" HEX "\",\"key_id\":\"k\\u0031\",\"version\":\"1.0\"}");
    expect_the_key(&answer);
    cr_expect_str_eq(answer.kid, "k1");
    answer = read_text(WR_MASTER_KEY, "{\"public_key\":\"" HEX "\",\"key_id\":null}");
    expect_the_key(&answer);
    cr_expect_str_eq(answer.kid, "");
}

Test(master_json, a_heartbeat_answer_is_true_or_garbage)
{
    cr_expect_eq(read_text(WR_MASTER_HEARTBEAT, "{\"ok\":true}").status, WR_MASTER_OK);
    cr_expect_eq(read_text(WR_MASTER_HEARTBEAT, "{\"ok\": true ,\"more\":[]}").status,
                 WR_MASTER_OK);
    cr_expect_not(read_text(WR_MASTER_HEARTBEAT, "{\"ok\":true}").has_key);
    expect_garbage(WR_MASTER_HEARTBEAT, "{\"ok\":false}");
    expect_garbage(WR_MASTER_HEARTBEAT, "{\"ok\":1}");
    expect_garbage(WR_MASTER_HEARTBEAT, "{\"ok\":\"true\"}");
    expect_garbage(WR_MASTER_HEARTBEAT, "{\"ok\":truer}");
    expect_garbage(WR_MASTER_HEARTBEAT, "{\"ok\":true,\"ok\":true}");
    expect_garbage(WR_MASTER_HEARTBEAT, "{}");
}

Test(master_json, what_is_no_object_is_garbage)
{
    static const char *const texts[] = {"",     " ",   "null",         "[]",          "\"ok\"",
                                        "true", "{",   "{\"ok\":true", "ok",          "<html>",
                                        "[{}]", "{},", "{} {}",        "{\"ok\":}",   "{ok:true}",
                                        "\xff", "{}x", "{'ok':true}",  "{\"\xff\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        expect_garbage(WR_MASTER_REGISTER, texts[i]);
        expect_garbage(WR_MASTER_HEARTBEAT, texts[i]);
        expect_garbage(WR_MASTER_KEY, texts[i]);
    }
}

Test(master_json, bad_intervals_are_garbage)
{
    static const char *const values[] = {"-1",   "5000.0", "5e3",   "\"5000\"",
                                         "null", "05000",  "1e999", "18446744073709551616",
                                         "true", "[5000]", "{}",    "NaN"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"master_public_key\":" NUMBERS ",\"heartbeat_interval_ms\":%s}", values[i]);
        expect_garbage(WR_MASTER_REGISTER, text);
    }
    expect_garbage(WR_MASTER_REGISTER, "{\"master_public_key\":" NUMBERS "}");
    expect_garbage(WR_MASTER_REGISTER, "{\"heartbeat_interval_ms\":1,\"heartbeat_interval_ms\":1,"
                                       "\"master_public_key\":" NUMBERS "}");
}

Test(master_json, bad_keys_are_garbage)
{
    static const char *const values[] = {
        "[]",           "[" NUMBERS_31 "]",       "[" NUMBERS_31 ",31,32]", "[" NUMBERS_31 ",256]",
        "null",         "[" NUMBERS_31 ",-1]",    "[" NUMBERS_31 ",1.0]",   "[" NUMBERS_31 ",1e0]",
        "\"" HEX "\"",  "[" NUMBERS_31 ",\"1\"]", "[" NUMBERS_31 ",[1]]",   "[" NUMBERS_31 ",null]",
        "{\"0\":1}",    "[" NUMBERS_31 ",]",      "[" NUMBERS_31 ",1e400]", "[" NUMBERS_31 " 1]",
        "[" NUMBERS_31, "[" NUMBERS_31 ",01]"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"heartbeat_interval_ms\":5000,\"master_public_key\":%s}",
                 values[i]);
        expect_garbage(WR_MASTER_REGISTER, text);
    }
    expect_garbage(WR_MASTER_REGISTER, "{\"heartbeat_interval_ms\":5000}");
    expect_garbage(WR_MASTER_REGISTER,
                   "{\"heartbeat_interval_ms\":5000,\"master_public_key\":" NUMBERS
                   ",\"master_public_\\u006bey\":" NUMBERS "}");
}

Test(master_json, bad_hex_is_garbage)
{
    expect_garbage(WR_MASTER_KEY, "{\"public_key\":\"\"}");
    expect_garbage(WR_MASTER_KEY, "{\"public_key\":\"" HEX "0\"}");
    expect_garbage(WR_MASTER_KEY, "{\"public_key\":\"" HEX "00\"}");
    expect_garbage(
        WR_MASTER_KEY,
        "{\"public_key\":\"0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}");
    expect_garbage(
        WR_MASTER_KEY,
        "{\"public_key\":\" 00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}");
    expect_garbage(WR_MASTER_KEY, "{\"public_key\":" NUMBERS "}");
    expect_garbage(WR_MASTER_KEY, "{\"public_key\":null}");
    expect_garbage(WR_MASTER_KEY, "{\"key_id\":\"k1\"}");
    expect_garbage(WR_MASTER_KEY, "{\"public_key\":\"" HEX "\",\"public_key\":\"" HEX "\"}");
}

static struct wr_master_answer key_with_kid(const char *kid)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"public_key\":\"" HEX "\",\"key_id\":%s}", kid);
    return read_text(WR_MASTER_KEY, text);
}

Test(master_json, a_kid_is_at_most_its_bound_and_has_no_nul)
{
    char kid[WR_KID_BYTES_MAX + 8] = "\"";
    memset(kid + 1, 'k', WR_KID_BYTES_MAX);
    strcpy(kid + 1 + WR_KID_BYTES_MAX, "\"");
    struct wr_master_answer answer = key_with_kid(kid);
    cr_expect_eq(answer.status, WR_MASTER_OK);
    cr_expect_eq(strlen(answer.kid), WR_KID_BYTES_MAX);
    strcpy(kid + 1 + WR_KID_BYTES_MAX, "k\"");
    cr_expect_eq(key_with_kid(kid).status, WR_MASTER_GARBAGE);
    cr_expect_eq(key_with_kid("\"k\\u0000\"").status, WR_MASTER_GARBAGE);
    cr_expect_eq(key_with_kid("\"\\u0000\"").status, WR_MASTER_GARBAGE);
    cr_expect_eq(key_with_kid("7").status, WR_MASTER_GARBAGE);
    cr_expect_eq(key_with_kid("[]").status, WR_MASTER_GARBAGE);
    cr_expect_eq(key_with_kid("\"\\ud800\"").status, WR_MASTER_GARBAGE);
    cr_expect_eq(key_with_kid("\"\xff\"").status, WR_MASTER_GARBAGE);
}

Test(master_json, deep_nesting_is_garbage_and_no_crash)
{
    static char text[RD_MASTER_ANSWER_BYTES_MAX + 1];
    memcpy(text, "{\"x\":", 5);
    memset(text + 5, '[', sizeof text - 6);
    expect_garbage(WR_MASTER_REGISTER, text);
    for (size_t i = 5; i + 5 < sizeof text; i += 5)
        memcpy(text + i, "{\"x\":", 5);
    expect_garbage(WR_MASTER_KEY, text);
}

Test(master_json, an_answer_of_the_full_size_is_read_and_no_more)
{
    static char text[RD_MASTER_ANSWER_BYTES_MAX + 1];
    memset(text, ' ', sizeof text);
    memcpy(text, "{\"ok\":true}", 11);
    cr_expect_eq(read_bytes(WR_MASTER_HEARTBEAT, text, RD_MASTER_ANSWER_BYTES_MAX).status,
                 WR_MASTER_OK);
    cr_expect_eq(read_bytes(WR_MASTER_HEARTBEAT, text, sizeof text).status, WR_MASTER_GARBAGE);
}

/* Every answer cut short anywhere, and with every byte replaced by some others: garbage or exactly
 * a key, never a crash (run under sanitizers). */
Test(master_json, damage_never_gives_half_an_answer)
{
    static const char whole[] = "{\"heartbeat_interval_ms\":5000,\"master_public_key\":" NUMBERS
                                ",\"master_key_id\":\"k1\"}";
    static const char junk[] = {'\0', '"', '{', ']', ',', '9', '\\', (char)0xff};
    for (size_t size = 0; size < sizeof whole - 1; size++)
        cr_expect_eq(read_bytes(WR_MASTER_REGISTER, whole, size).status, WR_MASTER_GARBAGE);
    for (size_t at = 0; at < sizeof whole - 1; at++) {
        for (size_t i = 0; i < sizeof junk; i++) {
            char text[sizeof whole];
            memcpy(text, whole, sizeof whole);
            text[at] = junk[i];
            struct wr_master_answer answer = read_bytes(WR_MASTER_REGISTER, text, sizeof text - 1);
            cr_expect_eq(answer.has_key, answer.status == WR_MASTER_OK);
        }
    }
}
