#include "quantity.h"

#include <address.h>

#include <criterion/criterion.h>

Test(quantity, durations_are_read_as_people_write_them)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"0s", 0},
        {"1ns", 1},
        {"2us", 2000},
        {"250ms", 250 * WR_MS},
        {"1.5s", 1500 * WR_MS},
        {"0.000001s", 1000},
        {"1h30m", 5400 * WR_S},
        {"1m0.5s", 60 * WR_S + 500 * WR_MS},
        {"1.25us", 1250},
        {"87840h", UINT64_C(87840) * 3600 * WR_S},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t ns = 7;
        cr_expect(sim_duration_parse(cases[i].text, &ns), "%s", cases[i].text);
        cr_expect_eq(ns, cases[i].ns, "%s", cases[i].text);
    }
}

Test(quantity, what_is_no_duration_is_refused)
{
    static const char *const cases[] = {
        "",     "5",        "s",     "5 s",    "-5s",
        "5s ",  "1.s",      ".5s",   "1s1m",   "1s1s",
        "5sec", "1.0001us", "0.5ns", "87841h", "99999999999999999999s",
        "1e3s", "5S"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t ns;
        cr_expect_not(sim_duration_parse(cases[i], &ns), "%s", cases[i]);
    }
}

Test(quantity, durations_are_written_in_the_unit_that_fits)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},          {7, "7ns"},
        {2000, "2us"},      {250 * WR_MS, "250ms"},
        {WR_S, "1s"},       {1250 * WR_MS, "1.25s"},
        {90 * WR_S, "90s"}, {1234567, "1.234ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[SIM_DURATION_TEXT_BYTES];
        cr_expect_str_eq(sim_duration_format(cases[i].ns, text), cases[i].text);
    }
}

Test(quantity, offsets_have_a_sign_and_whole_milliseconds)
{
    int64_t ms = 0;
    cr_expect(sim_offset_parse("-30s", &ms));
    cr_expect_eq(ms, -30000);
    cr_expect(sim_offset_parse("+1ms", &ms));
    cr_expect_eq(ms, 1);
    cr_expect(sim_offset_parse("2h", &ms));
    cr_expect_eq(ms, 7200000);
    cr_expect_not(sim_offset_parse("1us", &ms));
    cr_expect_not(sim_offset_parse("--1s", &ms));
}

Test(quantity, shares_are_fractions_or_percentages_up_to_one)
{
    static const struct {
        const char *text;
        struct sim_ratio ratio;
    } cases[] = {
        {"1/100", {1, 100}},  {"3%", {3, 100}}, {"0.05%", {5, 10000}},
        {"2.5%", {25, 1000}}, {"0", {0, 1}},    {"1", {1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_ratio ratio;
        cr_expect(sim_ratio_parse(cases[i].text, &ratio), "%s", cases[i].text);
        cr_expect_eq(ratio.numerator, cases[i].ratio.numerator, "%s", cases[i].text);
        cr_expect_eq(ratio.denominator, cases[i].ratio.denominator, "%s", cases[i].text);
    }
    static const char *const wrong[] = {"", "2", "2/1", "1/0", "0.5", "101%", "%", "1/", "-1/2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sim_ratio ratio;
        cr_expect_not(sim_ratio_parse(wrong[i], &ratio), "%s", wrong[i]);
    }
}

Test(quantity, an_address_counts_up_over_its_bytes)
{
    struct wr_address address;
    char text[WR_ADDRESS_TEXT_BYTES];
    cr_assert(wr_address_parse("10.0.0.250:5000", &address));
    address = sim_address_step(address, 6);
    cr_expect_str_eq(wr_address_format(&address, text), "10.0.1.0:5000");
    cr_assert(sim_ip_parse("2001:db8::ffff", &address));
    address = sim_address_step(address, 1);
    cr_expect_str_eq(wr_address_format(&address, text), "[2001:db8::1:0]:0");
    cr_expect_not(sim_ip_parse("10.0.0.1:5", &address));
}

Test(quantity, dates_are_rfc_3339_in_utc)
{
    uint64_t ms = 7;
    cr_expect(sim_date_parse("1970-01-01T00:00:00Z", &ms));
    cr_expect_eq(ms, 0);
    cr_expect(sim_date_parse("2026-11-14T12:00:00Z", &ms));
    cr_expect_eq(ms, UINT64_C(1794657600000));
    cr_expect(sim_date_parse("2000-02-29T23:59:59Z", &ms));
    cr_expect_eq(ms, UINT64_C(951868799000));
    static const char *const wrong[] = {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
                                        "2026-11-14 12:00:00Z", "2026-11-14T24:00:00Z",
                                        "2026-11-14T12:00:00",  "1969-12-31T23:59:59Z"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(sim_date_parse(wrong[i], &ms), "%s", wrong[i]);
}
