#include "rfc3339.h"

#include <criterion/criterion.h>
#include <string.h>

static uint64_t parsed(const char *text)
{
    uint64_t unix_ms;
    cr_assert(wr_rfc3339_parse(text, strlen(text), &unix_ms), "%s", text);
    return unix_ms;
}

static bool refused(const char *text)
{
    uint64_t unix_ms = 12345;
    bool ok = wr_rfc3339_parse(text, strlen(text), &unix_ms);
    cr_expect(ok || unix_ms == 12345, "the result is left alone: %s", text);
    return !ok;
}

Test(rfc3339, instants_are_known)
{
    cr_expect_eq(parsed("1970-01-01T00:00:00Z"), 0U);
    cr_expect_eq(parsed("1970-01-01T00:00:00.001Z"), 1U);
    cr_expect_eq(parsed("2000-02-29T12:34:56Z"), 951827696000U);
    cr_expect_eq(parsed("2026-11-21T11:24:22.965306618+00:00"), 1795260262965U);
    cr_expect_eq(parsed("2100-03-01T00:00:00Z"), 4107542400000U);
    cr_expect_eq(parsed("9999-12-31T23:59:59.999Z"), WR_RFC3339_UNIX_MS_MAX);
}

Test(rfc3339, offsets_move_the_instant_the_other_way)
{
    uint64_t noon = parsed("2026-11-14T12:00:00Z");
    cr_expect_eq(parsed("2026-11-14T14:30:00+02:30"), noon);
    cr_expect_eq(parsed("2026-11-14T05:00:00-07:00"), noon);
    cr_expect_eq(parsed("2026-11-15T11:59:00+23:59"), noon);
    cr_expect_eq(parsed("2026-11-13T12:01:00-23:59"), noon);
    cr_expect_eq(parsed("2026-11-14T12:00:00-00:00"), noon);
}

Test(rfc3339, a_fraction_of_any_length_is_cut_to_milliseconds)
{
    cr_expect_eq(parsed("1970-01-01T00:00:00.1Z"), 100U);
    cr_expect_eq(parsed("1970-01-01T00:00:00.12Z"), 120U);
    cr_expect_eq(parsed("1970-01-01T00:00:00.1239Z"), 123U);
    cr_expect_eq(parsed("1970-01-01T00:00:00.999999999999999999999999999999Z"), 999U);
}

Test(rfc3339, the_edges_of_the_years_hold_in_utc_too)
{
    cr_expect_eq(parsed("1970-01-01T01:00:00+01:00"), 0U);
    cr_expect(refused("1970-01-01T00:59:59.999+01:00"));
    cr_expect(refused("1969-12-31T23:59:59Z"));
    cr_expect(refused("1969-12-31T23:30:00-01:00"));
    cr_expect_eq(parsed("9999-12-31T22:59:59.999-01:00"), WR_RFC3339_UNIX_MS_MAX);
    cr_expect(refused("9999-12-31T23:00:00-01:00"));
    cr_expect(refused("10000-01-01T00:00:00Z"));
}

Test(rfc3339, what_is_no_instant_is_refused)
{
    static const char *const cases[] = {
        "",
        "2026",
        "2026-11-14",
        "2026-11-14T12:00:00",
        "2026-11-14t12:00:00Z",
        "2026-11-14T12:00:00z",
        "2026-11-14 12:00:00Z",
        "2026-11-14T12:00Z",
        "2026-11-14T12:00:00Z ",
        " 2026-11-14T12:00:00Z",
        "2026-11-14T12:00:00ZZ",
        "2026-11-14T12:00:00.Z",
        "2026-11-14T12:00:00,5Z",
        "2026-11-14T12:00:00.5",
        "2026-11-14T24:00:00Z",
        "2026-11-14T12:60:00Z",
        "2026-11-14T12:00:60Z",
        "2016-12-31T23:59:60Z",
        "2026-00-14T12:00:00Z",
        "2026-13-14T12:00:00Z",
        "2026-11-00T12:00:00Z",
        "2026-11-31T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "2100-02-29T12:00:00Z",
        "2026-11-14T12:00:00+24:00",
        "2026-11-14T12:00:00+00:60",
        "2026-11-14T12:00:00+0100",
        "2026-11-14T12:00:00+01",
        "2026-11-14T12:00:00+01:0",
        "2026-11-14T12:00:00*01:00",
        "20261114T120000Z",
        "+2026-11-14T12:00:00Z",
        "-026-11-14T12:00:00Z",
        "2026-1-14T12:00:00Z",
        "2026/11/14T12:00:00Z",
        "2026-11-14T12.00:00Z",
        "2026-11-14T12:00.00Z",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect(refused(cases[i]), "%s", cases[i]);
    uint64_t unix_ms;
    cr_expect_not(wr_rfc3339_parse("2026-11-14T12:00:00Z", 19, &unix_ms), "one byte short");
    cr_expect_not(wr_rfc3339_parse("2026-11-14T12:00:00Z", 21, &unix_ms), "with its NUL");
    cr_expect(wr_rfc3339_parse("2026-02-28T12:00:00Zmore", 20, &unix_ms), "counted, not ended");
}

Test(rfc3339, every_day_of_every_year_survives_the_round_trip)
{
    char text[WR_RFC3339_TEXT_BYTES], last[WR_RFC3339_TEXT_BYTES] = "";
    for (uint64_t day = 0; day <= WR_RFC3339_UNIX_MS_MAX / 86400000; day++) {
        uint64_t unix_ms = day * 86400000 + day * 7919 % 86400000;
        wr_rfc3339_format(unix_ms, text);
        cr_assert_eq(parsed(text), unix_ms, "%s", text);
        cr_assert_gt(strcmp(text, last), 0, "texts grow as time does");
        memcpy(last, text, sizeof last);
    }
}

Test(rfc3339, writing_is_in_utc_with_three_digits)
{
    char text[WR_RFC3339_TEXT_BYTES];
    cr_expect_str_eq(wr_rfc3339_format(0, text), "1970-01-01T00:00:00.000Z");
    cr_expect_str_eq(wr_rfc3339_format(1795260262965, text), "2026-11-21T11:24:22.965Z");
    cr_expect_str_eq(wr_rfc3339_format(WR_RFC3339_UNIX_MS_MAX, text), "9999-12-31T23:59:59.999Z");
    cr_expect_str_eq(wr_rfc3339_format(UINT64_MAX, text), "9999-12-31T23:59:59.999Z");
}
