#include "json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Whether a whole document is one valid value. */
static bool valid_bytes(const char *text, size_t bytes)
{
    struct wr_json json;
    wr_json_begin(&json, (const uint8_t *)text, bytes);
    wr_json_skip(&json);
    return wr_json_end(&json);
}

static bool valid(const char *text)
{
    return valid_bytes(text, strlen(text));
}

Test(json, what_is_json_is_taken)
{
    static const char *const cases[] = {
        "{}",
        "[]",
        " \t\r\n{ } \n",
        "0",
        "-0",
        "-12.5e+10",
        "1E9",
        "1e-9",
        "0.0",
        "10",
        "true",
        "false",
        "null",
        "\"\"",
        "[1,2,[3,{\"a\":[]}],\"x\"]",
        "{\"a\":1,\"b\":{\"a\":1},\"c\":[{\"a\":1},{\"a\":2}],\"\":0}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
        "\"\xc3\xa9 \xe4\xbd\xbf \xf0\x9f\x98\x80 \xef\xbf\xbf \xed\x9f\xbf \xf4\x8f\xbf\xbf\"",
        "\"\xe0\xa0\x80 \xf0\x90\x80\x80 \xf1\x80\x80\x80 \xc2\x80 \x7f\"",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect(valid(cases[i]), "%s", cases[i]);
}

Test(json, what_is_not_json_is_refused)
{
    static const char *const cases[] = {
        "",
        "  ",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "[1,",
        "01",
        "-",
        "-01",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "Infinity",
        "tru",
        "True",
        "nul",
        "nulll",
        "true false",
        "\"",
        "\"\\\"",
        "\"\\",
        "\"\\x\"",
        "\"\\'\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u123",
        "\"a\nb\"",
        "\"\x1f\"",
        "\"\t\"",
        "{}x",
        "{}{}",
        "\xef\xbb\xbf{}",
        "// c\n{}",
        "\v{}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_not(valid(cases[i]), "%s", cases[i]);
    cr_expect_not(valid_bytes("\"a\0b\"", 5));
    cr_expect_not(valid_bytes("\"\\\0\"", 4));
    cr_expect_not(valid_bytes("{}\0", 3));
}

Test(json, what_is_not_utf8_is_refused)
{
    static const char *const cases[] = {
        "\"\x80\"",
        "\"\xbf\"",
        "\"\xc0\x80\"",
        "\"\xc1\xbf\"",
        "\"\xc3\"",
        "\"\xc3(\"",
        "\"\xe0\x9f\xbf\"",
        "\"\xe4\xbd\"",
        "\"\xe4(\xbf\"",
        "\"\xe4\xbd(\"",
        "\"\xed\xa0\x80\"",
        "\"\xed\xbf\xbf\"",
        "\"\xf0\x8f\xbf\xbf\"",
        "\"\xf0\x9f\x98\"",
        "\"\xf0\x9f\x98(\"",
        "\"\xf0\x9f(\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xff\"",
        "\"\xc3",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_not(valid(cases[i]), "case %zu", i);
}

Test(json, half_a_surrogate_pair_is_no_character)
{
    cr_expect_not(valid("\"\\ud83d\""));
    cr_expect_not(valid("\"\\ude00\""));
    cr_expect_not(valid("\"\\ud83dx\\ude00\""));
    cr_expect_not(valid("\"\\ud83d\\n12345\""));
    cr_expect_not(valid("\"\\ud83d\\u0041\""));
    cr_expect_not(valid("\"\\ud83d\\ud83d\""));
    cr_expect_not(valid("\"\\ud83d\\uzzzz\""));
    cr_expect_not(valid("\"\\ud83d\\u"));
    cr_expect(valid("\"\\udbff\\udfff\""));
}

static bool nested(int depth, char open, char close)
{
    char text[100];
    int at = 0;
    for (int i = 0; i < depth; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, open == '{' ? "{\"\":" : "[");
    text[at++] = '1';
    for (int i = 0; i < depth; i++)
        text[at++] = close;
    return valid_bytes(text, (size_t)at);
}

Test(json, nesting_ends_at_sixteen)
{
    cr_expect(nested(16, '{', '}'));
    cr_expect_not(nested(17, '{', '}'));
    cr_expect(nested(16, '[', ']'));
    cr_expect_not(nested(17, '[', ']'));
}

Test(json, a_document_larger_than_its_bound_is_refused)
{
    static char text[WR_JSON_BYTES_MAX + 1];
    memset(text, ' ', sizeof text);
    text[0] = '1';
    cr_expect(valid_bytes(text, WR_JSON_BYTES_MAX));
    cr_expect_not(valid_bytes(text, sizeof text));
}

/* ---- Duplicates ------------------------------------------------------------------------------
 */

Test(json, a_member_twice_is_refused_at_every_level)
{
    cr_expect_not(valid("{\"a\":1,\"a\":1}"));
    cr_expect_not(valid("{\"\":1,\"\":1}"));
    cr_expect_not(valid("{\"a\":1,\"b\":{\"c\":1},\"a\":1}"));
    cr_expect_not(valid("{\"x\":{\"a\":1,\"b\":2,\"a\":3}}"));
    cr_expect_not(valid("{\"x\":[[{\"a\":1,\"a\":3}]]}"));
    cr_expect_not(valid("[{\"a\":1},{\"a\":1,\"a\":2}]"));
    cr_expect(valid("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}"));
}

Test(json, a_member_twice_is_found_behind_its_escapes)
{
    cr_expect_not(valid("{\"role\":1,\"\\u0072ole\":1}"));
    cr_expect_not(valid("{\"\\u0072ole\":1,\"rol\\u0065\":1}"));
    cr_expect_not(valid("{\"/\":1,\"\\/\":1}"));
    cr_expect_not(valid("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":1}"));
    cr_expect(valid("{\"role\":1,\"Role\":1,\"role \":1}"));
}

Test(json, names_whose_hashes_collide_are_not_the_same)
{
    /* two pairs of FNV-1a collisions (32 bits) */
    cr_expect(valid("{\"costarring\":1,\"liquid\":2}"));
    cr_expect(valid("{\"declinate\":1,\"macallums\":2}"));
    cr_expect_not(valid("{\"costarring\":1,\"liquid\":2,\"costarring\":3}"));
}

Test(json, names_made_to_collide_cost_no_more_than_a_few_comparisons)
{
    /* All of these have the same FNV-1a hash, and such names are easily made: 86 of them in one
     * payload were 3,655 comparisons in full, five times the work of a signature. */
    cr_expect(valid("{\"Z2Uacic\":0,\"Zb4acOx\":0,\"qfzadN5\":0,"
                    "\"-eUaeGU\":0,\"tdYaw3a\":0,\"pZhazKK\":0}"));
    cr_expect_not(valid("{\"Z2Uacic\":0,\"Zb4acOx\":0,\"qfzadN5\":0,"
                        "\"-eUaeGU\":0,\"tdYaw3a\":0,\"pZhazKK\":0,\"RX-aORl\":0}"));
}

/* {"0":0,"1":0,…} */
static bool valid_with_members(int members)
{
    static char text[8000];
    int at = snprintf(text, sizeof text, "{");
    for (int i = 0; i < members; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s\"%d\":0", i > 0 ? "," : "", i);
    at += snprintf(text + at, sizeof text - (size_t)at, "}");
    return valid_bytes(text, (size_t)at);
}

Test(json, more_members_than_can_be_told_apart_are_refused)
{
    cr_expect(valid_with_members(WR_JSON_MEMBERS_MAX));
    cr_expect_not(valid_with_members(WR_JSON_MEMBERS_MAX + 1));
}

/* ---- Pulling ---------------------------------------------------------------------------------
 */

static struct wr_json begun(const char *text)
{
    struct wr_json json;
    wr_json_begin(&json, (const uint8_t *)text, strlen(text));
    return json;
}

Test(json, members_come_one_by_one)
{
    struct wr_json json = begun("{\"a\" : \"x\\n\", \"b\":[1,{\"c\":2}], \"d\":7}");
    struct wr_json_text name, text;
    uint32_t number;
    char out[8];
    cr_assert(wr_json_enter(&json));
    cr_assert(wr_json_member(&json, &name));
    cr_expect(wr_json_is(&name, "a"));
    cr_expect_eq(wr_json_peek(&json), WR_JSON_STRING);
    cr_assert(wr_json_string(&json, &text));
    cr_expect_eq(wr_json_unescape(&text, out, sizeof out), 2U);
    cr_expect_eq(memcmp(out, "x\n", 2), 0);
    cr_assert(wr_json_member(&json, &name));
    cr_expect_eq(wr_json_peek(&json), WR_JSON_ARRAY);
    cr_assert(wr_json_skip(&json));
    cr_assert(wr_json_member(&json, &name));
    cr_expect(wr_json_is(&name, "d"));
    cr_assert(wr_json_u32(&json, &number));
    cr_expect_eq(number, 7U);
    cr_expect_not(wr_json_end(&json), "the object is still open");
    cr_expect_not(wr_json_member(&json, &name));
    cr_expect(wr_json_end(&json));
}

Test(json, a_value_of_another_kind_fails_for_good)
{
    struct wr_json_text text;
    uint32_t number;
    struct wr_json json = begun("{\"a\":1}");
    wr_json_enter(&json);
    wr_json_member(&json, &text);
    cr_expect_not(wr_json_string(&json, &text));
    cr_expect_not(wr_json_member(&json, &text));
    cr_expect_eq(wr_json_peek(&json), WR_JSON_NONE);
    cr_expect_not(wr_json_skip(&json));
    cr_expect_not(wr_json_end(&json));
    json = begun("\"1\"");
    cr_expect_not(wr_json_u32(&json, &number));
    json = begun("[]");
    cr_expect_not(wr_json_enter(&json));
}

static bool u32(const char *text, uint32_t *number)
{
    struct wr_json json = begun(text);
    return wr_json_u32(&json, number) && wr_json_end(&json);
}

Test(json, whole_numbers_are_digits_only)
{
    uint32_t number;
    cr_assert(u32("0", &number));
    cr_expect_eq(number, 0U);
    cr_assert(u32("4294967295", &number));
    cr_expect_eq(number, UINT32_MAX);
    cr_expect_not(u32("4294967296", &number));
    cr_expect_not(u32("99999999999999999999999999999999", &number));
    cr_expect_not(u32("-1", &number));
    cr_expect_not(u32("-0", &number));
    cr_expect_not(u32("1.0", &number));
    cr_expect_not(u32("1e3", &number));
    cr_expect_not(u32("007", &number));
    cr_expect_not(u32("true", &number));
    cr_expect_not(u32("", &number));
}

Test(json, whole_numbers_reach_64_bits)
{
    uint64_t number;
    struct wr_json json = begun("[18446744073709551615,18446744073709551616]");
    cr_assert(wr_json_enter_array(&json));
    cr_assert(wr_json_element(&json));
    cr_assert(wr_json_u64(&json, &number));
    cr_expect_eq(number, UINT64_MAX);
    cr_assert(wr_json_element(&json));
    cr_expect_not(wr_json_u64(&json, &number));
    cr_expect_not(wr_json_element(&json), "failed for good");
    cr_expect_not(wr_json_end(&json));
}

Test(json, arrays_can_be_walked)
{
    uint32_t number, sum = 0;
    struct wr_json json = begun("[1, 2,[],3]");
    cr_assert(wr_json_enter_array(&json));
    while (wr_json_element(&json)) {
        if (wr_json_peek(&json) == WR_JSON_ARRAY) {
            cr_expect(wr_json_skip(&json));
        } else {
            cr_expect(wr_json_u32(&json, &number));
            sum += number;
        }
    }
    cr_expect(wr_json_end(&json));
    cr_expect_eq(sum, 6U);
    json = begun("{}");
    cr_expect_not(wr_json_enter_array(&json));
}

Test(json, a_literal_is_taken_only_where_it_stands)
{
    struct wr_json json = begun(" null");
    cr_expect_not(wr_json_literal(&json, "true"));
    cr_expect(wr_json_literal(&json, "null"));
    cr_expect(wr_json_end(&json));
    json = begun("truth");
    cr_expect_not(wr_json_literal(&json, "true"));
    json = begun("[true1]");
    cr_assert(wr_json_enter_array(&json) && wr_json_element(&json));
    cr_expect(wr_json_literal(&json, "true"));
    cr_expect_not(wr_json_element(&json));
    cr_expect_not(wr_json_end(&json));
}

Test(json, unescaping_says_how_long_it_would_be)
{
    struct wr_json_text text;
    char out[5] = "....";
    struct wr_json json = begun("\"ab\\u00e9\\u4f7f\\ud83d\\ude00\"");
    cr_assert(wr_json_string(&json, &text));
    cr_expect_eq(wr_json_unescape(&text, out, 3), 11U);
    cr_expect_eq(memcmp(out, "ab\xc3.", 4), 0);
    json = begun("\"plain\"");
    cr_assert(wr_json_string(&json, &text));
    cr_expect_eq(wr_json_unescape(&text, out, 2), 5U);
    cr_expect_eq(memcmp(out, "pl", 2), 0);
    char all[16];
    json = begun("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"");
    cr_assert(wr_json_string(&json, &text));
    cr_expect_eq(wr_json_unescape(&text, all, sizeof all), 9U);
    cr_expect_eq(memcmp(all, "\"\\/\b\f\n\r\tA", 9), 0);
    cr_expect(wr_json_is(&text, "\"\\/\b\f\n\r\tA"));
    cr_expect_not(wr_json_is(&text, "\"\\/\b\f\n\r\t"));
}
