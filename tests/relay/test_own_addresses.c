#include "own_addresses.h"

#include "address.h"

#include <criterion/criterion.h>

static struct rd_own_addresses list;
static struct rd_options options;

static uint32_t own_of(const char *bound_text)
{
    struct wr_address bound;
    cr_assert(wr_address_parse(bound_text, &bound));
    cr_assert(rd_own_addresses_find(&bound, &options, &list));
    return list.count;
}

static void announce(const char *text)
{
    cr_assert(wr_address_parse(text, &options.advertise[options.advertise_count++]));
}

static bool has(uint32_t count, const char *text)
{
    struct wr_address wanted;
    cr_assert(wr_address_parse(text, &wanted));
    for (uint32_t i = 0; i < count; i++)
        if (wr_address_equal(&list.addresses[i], &wanted))
            return true;
    return false;
}

Test(own_addresses, a_bound_address_is_the_only_one)
{
    cr_assert_eq(own_of("127.0.0.1:4000"), 1);
    cr_expect(has(1, "127.0.0.1:4000"));
    cr_expect_eq(list.left_out, 0);
}

Test(own_addresses, a_wildcard_is_every_address_of_the_host_with_its_port)
{
    uint32_t count = own_of("0.0.0.0:4000");
    cr_expect(has(count, "127.0.0.1:4000"));
    cr_expect_not(has(count, "0.0.0.0:4000"));
    count = own_of("[::]:4001");
    cr_expect(has(count, "127.0.0.1:4001"), "it takes IPv4 as well");
}

Test(own_addresses, announced_ones_belong_to_it_each_once)
{
    announce("192.0.2.1:4000");
    announce("127.0.0.1:4000");
    announce("192.0.2.1:4000");
    uint32_t count = own_of("127.0.0.1:4000");
    cr_expect_eq(count, 2);
    cr_expect(has(count, "192.0.2.1:4000"));
}

/* The kernel refuses what claims to come from an interface of this host, but knows nothing of the
 * address that a NAT before it has. */
Test(own_addresses, however_many_a_host_has_the_announced_ones_are_among_them)
{
    announce("192.0.2.1:4000");
    announce("192.0.2.2:4000");
    uint32_t count = own_of("[::]:4000");
    cr_assert_gt(count, 2);
    cr_expect(has(2, "192.0.2.1:4000") && has(2, "192.0.2.2:4000"), "they come first");
}

Test(own_addresses, a_relay_on_ipv4_has_no_place_for_ipv6)
{
    uint32_t count = own_of("0.0.0.0:4000");
    for (uint32_t i = 0; i < count; i++)
        cr_expect(wr_address_is_v4(&list.addresses[i]));
}

Test(own_addresses, lists_are_equal_in_any_order)
{
    announce("192.0.2.1:4000");
    announce("192.0.2.2:4000");
    (void)own_of("127.0.0.1:4000");
    struct rd_own_addresses one = list;
    options.advertise_count = 0;
    announce("192.0.2.2:4000");
    announce("192.0.2.1:4000");
    (void)own_of("127.0.0.1:4000");
    cr_expect(rd_own_addresses_equal(&one, &list));
    options.advertise_count = 1;
    (void)own_of("127.0.0.1:4000");
    cr_expect_not(rd_own_addresses_equal(&one, &list), "one less");
    announce("192.0.2.3:4000");
    (void)own_of("127.0.0.1:4000");
    cr_expect_not(rd_own_addresses_equal(&one, &list), "another one");
}
