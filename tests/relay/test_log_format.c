#include "log_format.h"

#include "address.h"
#include "utf8.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char line[RD_LOG_LINE_BYTES + 1];

/* The line as a string without its line feed, which must be its only one. */
static const char *formatted(enum rd_log_format format, const struct rd_field *fields,
                             uint64_t suppressed)
{
    struct rd_log_line record = {.unix_ms = UINT64_C(1794686984883),
                                 .level = RD_LOG_INFO,
                                 .event = "session_active",
                                 .fields = fields,
                                 .suppressed = suppressed};
    size_t bytes = rd_log_format_line(&record, format, line);
    cr_assert(bytes > 0 && bytes <= RD_LOG_LINE_BYTES);
    cr_assert_eq(line[bytes - 1], '\n');
    line[bytes - 1] = '\0';
    cr_assert_eq(strlen(line), bytes - 1);
    cr_assert_null(strchr(line, '\n'));
    return line;
}

static const char *formatted_text(enum rd_log_format format, const char *text)
{
    struct rd_field fields[] = {rd_text("kid", text), rd_number("n", 7), {0}};
    return formatted(format, fields, 0);
}

#define HEAD_TEXT "ts=2026-11-14T20:09:44.883Z level=info event=session_active"
#define HEAD_JSON                                                                                  \
    "{\"ts\":\"2026-11-14T20:09:44.883Z\",\"level\":\"info\",\"event\":\"session_active\""

static void expect_both(const char *value, const char *text, const char *json)
{
    char wanted[1024];
    (void)snprintf(wanted, sizeof wanted, HEAD_TEXT " kid=%s n=7", text);
    cr_expect_str_eq(formatted_text(RD_LOG_TEXT, value), wanted);
    (void)snprintf(wanted, sizeof wanted, HEAD_JSON ",\"kid\":%s,\"n\":7}", json);
    cr_expect_str_eq(formatted_text(RD_LOG_JSON, value), wanted);
}

/* Every code in it is written out: nothing but plain characters of UTF-8. */
static void expect_plain_utf8(const char *text)
{
    uint32_t code;
    for (size_t at = 0; text[at] != '\0';) {
        size_t taken = rd_utf8_take(text + at, &code);
        cr_assert_gt(taken, 0, "not UTF-8: %s", text);
        cr_assert(rd_utf8_is_plain(code), "U+%04x in %s", (unsigned)code, text);
        at += taken;
    }
}

Test(log_format, fields_of_every_kind)
{
    struct wr_address address;
    cr_assert(wr_address_parse("[2001:db8::1]:4000", &address));
    struct wr_session_id session;
    cr_assert(wr_session_id_parse("00112233-4455-6677-8899-aabbccddeeff", 36, &session));
    struct rd_field fields[] = {rd_session("session", &session),
                                rd_address("peer", &address),
                                rd_number("bytes", UINT64_MAX),
                                rd_text("why", "idle"),
                                {0}};
    cr_expect_str_eq(formatted(RD_LOG_TEXT, fields, 0),
                     HEAD_TEXT " session=00112233-4455-6677-8899-aabbccddeeff"
                               " peer=[2001:db8::1]:4000 bytes=18446744073709551615 why=idle");
    cr_expect_str_eq(formatted(RD_LOG_JSON, fields, 3),
                     HEAD_JSON ",\"suppressed\":3"
                               ",\"session\":\"00112233-4455-6677-8899-aabbccddeeff\""
                               ",\"peer\":\"[2001:db8::1]:4000\""
                               ",\"bytes\":18446744073709551615,\"why\":\"idle\"}");
}

Test(log_format, no_fields_at_all)
{
    struct rd_field none[] = {{0}};
    cr_expect_str_eq(formatted(RD_LOG_TEXT, none, 12), HEAD_TEXT " suppressed=12");
    cr_expect_str_eq(formatted(RD_LOG_JSON, none, 0), HEAD_JSON "}");
}

Test(log_format, what_is_not_there_is_no_field)
{
    struct rd_field fields[] = {
        rd_address("peer", NULL), rd_session("session", NULL), rd_text("kid", NULL), {0}};
    cr_expect_str_eq(formatted(RD_LOG_TEXT, fields, 0), HEAD_TEXT " kid=\"\"");
}

Test(log_format, values_that_need_quotes_get_them)
{
    expect_both("plain-word_1.2:3/4", "plain-word_1.2:3/4", "\"plain-word_1.2:3/4\"");
    expect_both("", "\"\"", "\"\"");
    expect_both("two words", "\"two words\"", "\"two words\"");
    expect_both("a=b", "\"a=b\"", "\"a=b\"");
    expect_both("say \"hi\"", "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\"");
    expect_both("back\\slash", "\"back\\\\slash\"", "\"back\\\\slash\"");
    expect_both("Übung 日本 😀", "\"Übung 日本 😀\"", "\"Übung 日本 😀\"");
}

Test(log_format, no_value_ends_its_line_or_forges_a_field)
{
    expect_both("x\nts=2026 level=error event=owned", "\"x\\nts=2026 level=error event=owned\"",
                "\"x\\nts=2026 level=error event=owned\"");
    expect_both("a\r\tb", "\"a\\r\\tb\"", "\"a\\r\\tb\"");
    expect_both("\",\"level\":\"error", "\"\\\",\\\"level\\\":\\\"error\"",
                "\"\\\",\\\"level\\\":\\\"error\"");
}

Test(log_format, no_value_steers_a_terminal)
{
    expect_both("\x1b[2J", "\"\\u001b[2J\"", "\"\\u001b[2J\"");
    expect_both("\x7f", "\"\\u007f\"", "\"\\u007f\"");
    expect_both("\xc2\x9b"
                "31m",
                "\"\\u009b31m\"", "\"\\u009b31m\""); /* CSI of C1 */
    expect_both("\xe2\x80\xae"
                "gpj",
                "\"\\u202egpj\"", "\"\\u202egpj\"");           /* right to left */
    expect_both("\xe2\x80\xa8", "\"\\u2028\"", "\"\\u2028\""); /* line separator */
    expect_both("\xf3\xa0\x81\x81", "\"\\udb40\\udc41\"", "\"\\udb40\\udc41\""); /* a hidden tag */
}

Test(log_format, bytes_that_are_not_utf8_are_shown)
{
    expect_both("\xff", "\"\\xff\"", "\"\\\\xff\"");
    expect_both("a\xc3", "\"a\\xc3\"", "\"a\\\\xc3\"");              /* cut short */
    expect_both("\xc0\xaf", "\"\\xc0\\xaf\"", "\"\\\\xc0\\\\xaf\""); /* overlong */
    expect_both("\xed\xa0\x80", "\"\\xed\\xa0\\x80\"", "\"\\\\xed\\\\xa0\\\\x80\"");
    expect_both("\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"", "\"\\\\xf4\\\\x90\\\\x80\\\\x80\"");
}

Test(log_format, whatever_the_bytes_a_line_is_one_line_of_plain_utf8)
{
    uint64_t state = 1;
    for (int round = 0; round < 3000; round++) {
        char value[400];
        size_t bytes = (size_t)round % (sizeof value - 1);
        for (size_t i = 0; i < bytes; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
            value[i] = (char)(state >> 40);
            if (value[i] == '\0')
                value[i] = '\x80';
        }
        value[bytes] = '\0';
        expect_plain_utf8(formatted_text(RD_LOG_TEXT, value));
        expect_plain_utf8(formatted_text(RD_LOG_JSON, value));
        cJSON *json = cJSON_Parse(line);
        cr_assert_not_null(json, "%s", line);
        cr_assert_eq(cJSON_GetArraySize(json), 5);
        cJSON_Delete(json);
    }
}

/* At every length of a first value around the limit, so that each way of running out is met. */
Test(log_format, a_line_that_runs_out_of_room_says_so_and_stays_well_formed)
{
    char value[RD_LOG_LINE_BYTES + 1];
    for (size_t bytes = RD_LOG_LINE_BYTES - 200; bytes < sizeof value; bytes++) {
        memset(value, 'x', bytes);
        value[bytes] = '\0';
        memcpy(value + bytes - 60, "\x1b\x1b\xff\"\\", 5);
        struct rd_field fields[] = {
            rd_text("kid", value), rd_number("n", 123456789), rd_text("why", "two words"), {0}};
        const char *text = formatted(RD_LOG_TEXT, fields, 0);
        bool whole = strstr(text, " why=\"two words\"") != NULL;
        bool cut = strstr(text, " cut=true") != NULL;
        cr_assert(whole != cut, "%zu: %s", bytes, text);
        cr_assert(whole || strcmp(text + strlen(text) - 9, " cut=true") == 0);

        cJSON *json = cJSON_Parse(formatted(RD_LOG_JSON, fields, 0));
        cr_assert_not_null(json, "%zu: %s", bytes, line);
        whole = cJSON_GetObjectItem(json, "why") != NULL &&
                strcmp(cJSON_GetObjectItem(json, "why")->valuestring, "two words") == 0;
        cr_assert(whole != cJSON_IsTrue(cJSON_GetObjectItem(json, "cut")));
        cJSON_Delete(json);
    }
    cr_assert_not_null(strstr(line, "\"cut\":true"));
}

Test(log_format, levels_have_their_names)
{
    cr_expect_str_eq(rd_log_level_name(RD_LOG_ERROR), "error");
    cr_expect_str_eq(rd_log_level_name(RD_LOG_WARN), "warn");
    cr_expect_str_eq(rd_log_level_name(RD_LOG_INFO), "info");
    cr_expect_str_eq(rd_log_level_name(RD_LOG_DEBUG), "debug");
    cr_expect_str_eq(rd_log_level_name(RD_LOG_TRACE), "trace");
}
