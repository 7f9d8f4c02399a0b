#include "local_addresses.h"

#include <criterion/criterion.h>
#include <string.h>

static struct rd_local_addresses table;

static struct rd_local_address numbered(uint32_t i)
{
    struct rd_local_address address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}};
    address.ip[14] = (uint8_t)(i >> 8);
    address.ip[15] = (uint8_t)i;
    return address;
}

Test(local_addresses, an_address_keeps_its_number)
{
    rd_local_addresses_start(&table);
    struct rd_local_address first = numbered(1), second = numbered(2);
    uint32_t number = rd_local_addresses_number(&table, &first);
    cr_assert_neq(number, 0);
    uint32_t other = rd_local_addresses_number(&table, &second);
    cr_assert_neq(other, 0);
    cr_assert_neq(other, number);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(rd_local_addresses_number(&table, &first), number);
        cr_expect_eq(rd_local_addresses_number(&table, &first), number);
        cr_expect_eq(rd_local_addresses_number(&table, &second), other);
    }
    const struct rd_local_address *read = rd_local_addresses_get(&table, number);
    cr_expect_eq(memcmp(read, &first, sizeof first), 0);
}

Test(local_addresses, link_local_addresses_of_two_interfaces_are_two)
{
    rd_local_addresses_start(&table);
    struct rd_local_address one = {.ip = {0xfe, 0x80, [15] = 1}, .ifindex = 1}, two = one;
    two.ifindex = 2;
    cr_expect_neq(rd_local_addresses_number(&table, &one), rd_local_addresses_number(&table, &two));
}

Test(local_addresses, the_unknown_address_is_none)
{
    rd_local_addresses_start(&table);
    cr_expect_null(rd_local_addresses_get(&table, 0));
    cr_expect_null(rd_local_addresses_get(&table, 1));
}

Test(local_addresses, a_full_table_knows_the_old_ones_and_leaves_new_ones_to_the_kernel)
{
    rd_local_addresses_start(&table);
    struct rd_local_address address;
    for (uint32_t i = 1; i < RD_LOCAL_ADDRESSES_MAX; i++) {
        address = numbered(i);
        cr_assert_eq(rd_local_addresses_number(&table, &address), i);
    }
    address = numbered(RD_LOCAL_ADDRESSES_MAX);
    cr_expect_eq(rd_local_addresses_number(&table, &address), 0);
    address = numbered(1);
    cr_expect_eq(rd_local_addresses_number(&table, &address), 1);
}
