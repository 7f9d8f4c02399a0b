#include "gso_refusals.h"

#include "address.h"

#include <criterion/criterion.h>

static struct rd_gso_refusals refusals;

static struct wr_address at_port(uint16_t port)
{
    return wr_address_v4((const uint8_t[]){192, 0, 2, 1}, port);
}

static bool has(uint16_t port, wr_instant now)
{
    struct wr_address address = at_port(port);
    return rd_gso_refusals_has(&refusals, &address, port, now);
}

static void remember(uint16_t port, wr_instant now)
{
    struct wr_address address = at_port(port);
    rd_gso_refusals_remember(&refusals, &address, port, now);
}

Test(gso_refusals, a_refusal_lasts_a_minute_from_the_newest)
{
    cr_expect_not(has(1, 5));
    remember(1, 5);
    cr_expect(has(1, 5));
    cr_expect(has(1, 5 + RD_GSO_REFUSAL_NS - 1));
    remember(1, 6);
    cr_expect(has(1, 5 + RD_GSO_REFUSAL_NS));
    cr_expect_not(has(2, 6));
    cr_expect_eq(refusals.count, 1);
    cr_expect_not(has(1, 6 + RD_GSO_REFUSAL_NS));
    cr_expect_eq(refusals.count, 0);
    cr_expect_not(has(1, 6)); /* it was forgotten, not only late */
}

Test(gso_refusals, of_two_that_share_a_place_the_newer_one_is_remembered)
{
    for (uint16_t port = 1; port <= RD_GSO_REFUSALS_MAX; port++)
        remember(port, 5);
    cr_expect_eq(refusals.count, RD_GSO_REFUSALS_MAX);
    remember(RD_GSO_REFUSALS_MAX + 1, 5);
    cr_expect_eq(refusals.count, RD_GSO_REFUSALS_MAX);
    cr_expect_not(has(1, 5));
    cr_expect(has(2, 5));
    cr_expect(has(RD_GSO_REFUSALS_MAX + 1, 5));
}
