#include "address.h"
#include "cookie.h"

#include <criterion/criterion.h>

static const struct wr_session_id session = {{1, 2, 3}};
static struct wr_address home;
static struct wr_cookie_jar jar;

static void open_jar(void)
{
    static const uint8_t root[WR_COOKIE_ROOT_BYTES] = {42};
    cr_assert(wr_address_parse("203.0.113.5:5000", &home));
    wr_cookie_jar_start(&jar, root, 1000);
}

TestSuite(cookie, .init = open_jar);

static bool valid(const struct wr_session_id *id, enum wr_role role,
                  const struct wr_address *address, wr_instant now, const uint8_t *cookie)
{
    return wr_cookie_valid(&jar, id, role, address, now, cookie);
}

Test(cookie, serves_the_session_the_role_and_the_address_it_was_given_to_and_no_other)
{
    uint8_t cookie[WR_COOKIE_BYTES];
    struct wr_session_id other_session = {{1, 2, 4}};
    wr_cookie_make(&jar, &session, WR_ROLE_CLIENT, &home, 1000, cookie);
    cr_expect(valid(&session, WR_ROLE_CLIENT, &home, 1000, cookie));
    cr_expect_not(valid(&other_session, WR_ROLE_CLIENT, &home, 1000, cookie));
    cr_expect_not(valid(&session, WR_ROLE_SERVER, &home, 1000, cookie));
    struct wr_address elsewhere = home;
    elsewhere.port++;
    cr_expect_not(valid(&session, WR_ROLE_CLIENT, &elsewhere, 1000, cookie));
    elsewhere = home;
    elsewhere.ip[15] ^= 1;
    cr_expect_not(valid(&session, WR_ROLE_CLIENT, &elsewhere, 1000, cookie));
    elsewhere = home;
    elsewhere.zone = 3;
    cr_expect_not(valid(&session, WR_ROLE_CLIENT, &elsewhere, 1000, cookie));
    for (int i = 0; i < WR_COOKIE_BYTES; i++) {
        cookie[i] ^= 1;
        cr_expect_not(valid(&session, WR_ROLE_CLIENT, &home, 1000, cookie));
        cookie[i] ^= 1;
    }
}

Test(cookie, lasts_until_the_second_renewal_of_the_secret)
{
    uint8_t cookie[WR_COOKIE_BYTES];
    wr_instant given = 1000 + 120 * WR_S - 1; /* the last moment of the first period */
    wr_cookie_make(&jar, &session, WR_ROLE_CLIENT, &home, given, cookie);
    cr_expect(valid(&session, WR_ROLE_CLIENT, &home, 1000 + 240 * WR_S - 1, cookie));
    cr_expect_not(valid(&session, WR_ROLE_CLIENT, &home, 1000 + 240 * WR_S, cookie));
    wr_cookie_make(&jar, &session, WR_ROLE_CLIENT, &home, 1000 + 240 * WR_S, cookie);
    cr_expect(valid(&session, WR_ROLE_CLIENT, &home, 1000 + 480 * WR_S - 1, cookie));
    cr_expect_not(valid(&session, WR_ROLE_CLIENT, &home, 1000 + 480 * WR_S, cookie));
}

Test(cookie, does_not_depend_on_how_often_somebody_looked)
{
    uint8_t steady[WR_COOKIE_BYTES], late[WR_COOKIE_BYTES];
    static const uint8_t root[WR_COOKIE_ROOT_BYTES] = {42};
    for (wr_instant now = 1000; now < 1000 + 1000 * WR_S; now += 60 * WR_S)
        wr_cookie_make(&jar, &session, WR_ROLE_SERVER, &home, now, steady);
    wr_cookie_make(&jar, &session, WR_ROLE_SERVER, &home, 1000 + 1000 * WR_S, steady);
    wr_cookie_jar_start(&jar, root, 1000);
    wr_cookie_make(&jar, &session, WR_ROLE_SERVER, &home, 1000 + 1000 * WR_S, late);
    cr_expect_arr_eq(steady, late, sizeof steady);
}
