#include "address.h"

#include <criterion/criterion.h>

static struct wr_address parsed(const char *text)
{
    struct wr_address address;
    cr_assert(wr_address_parse(text, &address), "%s", text);
    return address;
}

Test(address, text_survives_the_round_trip_in_its_rfc_5952_form)
{
    static const char *const cases[][2] = {
        {"203.0.113.5:5000", "203.0.113.5:5000"},
        {"[2001:db8::1]:65535", "[2001:db8::1]:65535"},
        {"[2001:DB8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"},
        {"[2001:db8:0:1:1:1:1:1]:9", "[2001:db8:0:1:1:1:1:1]:9"},
        {"[::]:4000", "[::]:4000"},
        {"[::1]:4000", "[::1]:4000"},
        {"[1::]:4000", "[1::]:4000"},
        {"[fe80::1%3]:4000", "[fe80::1%3]:4000"},
        {"[2001:db8::1%3]:4000", "[2001:db8::1]:4000"},
        {"[::ffff:192.0.2.1]:7", "192.0.2.1:7"},
        {"[::ffff:c000:201]:7", "192.0.2.1:7"},
        {"[1:2:3:4:5:6:7:8]:0", "[1:2:3:4:5:6:7:8]:0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[WR_ADDRESS_TEXT_BYTES];
        struct wr_address address = parsed(cases[i][0]);
        cr_expect_str_eq(wr_address_format(&address, text), cases[i][1]);
    }
}

Test(address, what_is_no_address_is_refused)
{
    static const char *const cases[] = {
        "",
        ":",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3:5",
        "1.2.3.4.5:6",
        "1.2.3.256:4",
        "01.2.3.4:5",
        "1.2.3.4:65536",
        "1.2.3.4:5 ",
        " 1.2.3.4:5",
        "[]:1",
        "[1]:1",
        "[::1:1",
        "::1:1",
        "[1:2:3:4:5:6:7]:1",
        "[1:2:3:4:5:6:7:8:9]:1",
        "[1::2::3]:1",
        "[12345::]:1",
        "[::1%]:1",
        "[::1%x]:1",
        "[1:2:3:4:5:6:7:]:1",
        "[1:2:3:4:5:6:7:1.2.3.4]:1",
        "[::1.2.3]:1",
        "[:1]:1",
        "[1:2:3:4::5:6:7:8]:1",
        "1.2.3.4:-5",
        "1.2.3.4:+5",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wr_address address;
        cr_expect_not(wr_address_parse(cases[i], &address), "%s", cases[i]);
    }
}

Test(address, what_cannot_be_answered_is_known)
{
    static const struct {
        const char *text;
        bool unanswerable;
    } cases[] = {
        {"203.0.113.5:0", true},      {"224.0.0.1:5", true},  {"239.255.255.255:5", true},
        {"255.255.255.255:5", true},  {"0.0.0.0:5", true},    {"240.0.0.1:5", false},
        {"223.255.255.255:5", false}, {"[ff02::1]:5", true},  {"[::]:5", true},
        {"[2001:db8::1]:5", false},   {"127.0.0.1:5", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wr_address address = parsed(cases[i].text);
        cr_expect_eq(wr_address_unanswerable(&address), cases[i].unanswerable, "%s", cases[i].text);
    }
}

Test(address, a_prefix_is_the_whole_v4_address_or_half_the_v6_one)
{
    uint8_t one[16], two[16];
    struct wr_address a = parsed("203.0.113.5:1"), b = parsed("203.0.113.6:1");
    wr_address_prefix(&a, one);
    wr_address_prefix(&b, two);
    cr_expect_neq(memcmp(one, two, 16), 0);
    a = parsed("[2001:db8:1:2::5]:1");
    b = parsed("[2001:db8:1:2:ffff::6]:9");
    wr_address_prefix(&a, one);
    wr_address_prefix(&b, two);
    cr_expect_eq(memcmp(one, two, 16), 0);
    b = parsed("[2001:db8:1:3::5]:1");
    wr_address_prefix(&b, two);
    cr_expect_neq(memcmp(one, two, 16), 0);
}

Test(address, a_session_id_is_a_uuid_in_any_case)
{
    struct wr_session_id id;
    char text[WR_SESSION_TEXT_BYTES];
    cr_assert(wr_session_id_parse("01001000-4000-8000-0000-00000000ABC1", 36, &id));
    cr_expect_str_eq(wr_session_id_format(&id, text), "01001000-4000-8000-0000-00000000abc1");
    cr_expect_not(wr_session_id_is_nil(&id));
    cr_expect_not(wr_session_id_parse("01001000-4000-8000-0000-00000000abc", 35, &id));
    cr_expect_not(wr_session_id_parse("01001000x4000-8000-0000-00000000abc1", 36, &id));
    cr_expect_not(wr_session_id_parse("0100100g-4000-8000-0000-00000000abc1", 36, &id));
    cr_assert(wr_session_id_parse("00000000-0000-0000-0000-000000000000", 36, &id));
    cr_expect(wr_session_id_is_nil(&id));
}
