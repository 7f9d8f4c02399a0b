#include "ban_list.h"

#include <criterion/criterion.h>

#define CAPACITY 64

static uint8_t memory[CAPACITY][WR_IDENTITY_HASH_BYTES];
static struct wr_ban_list list = {memory, 0, CAPACITY};

struct identity {
    uint8_t bytes[WR_IDENTITY_HASH_BYTES];
};

static struct identity identity(uint32_t number)
{
    struct identity made = {{0}};
    uint32_t scattered = number * UINT32_C(2654435761);
    memcpy(made.bytes, &scattered, sizeof scattered);
    return made;
}

static bool add(uint32_t number)
{
    return wr_ban_list_add(&list, identity(number).bytes);
}

static bool holds(uint32_t number)
{
    return wr_ban_list_holds(&list, identity(number).bytes);
}

Test(ban_list, lays_out_as_many_places_as_asked_for)
{
    struct wr_ban_list laid;
    struct wr_arena arena = {NULL, 0};
    wr_ban_list_layout(&laid, &arena, 1000);
    cr_expect_eq(arena.used, 16000);
    cr_expect_eq(laid.capacity, 1000);
}

Test(ban_list, holds_what_was_added_until_it_is_removed)
{
    cr_expect_not(holds(1));
    for (uint32_t number = 0; number < CAPACITY; number++)
        cr_expect(add(number));
    for (uint32_t number = 0; number < CAPACITY; number++)
        cr_expect(holds(number));
    for (uint32_t number = 0; number < CAPACITY; number += 2)
        wr_ban_list_remove(&list, identity(number).bytes);
    for (uint32_t number = 0; number < CAPACITY; number++)
        cr_expect_eq(holds(number), number % 2 == 1);
    cr_expect_eq(list.count, CAPACITY / 2);
}

Test(ban_list, twice_banned_is_once_banned)
{
    add(5);
    cr_expect(add(5));
    cr_expect_eq(list.count, 1);
    wr_ban_list_remove(&list, identity(5).bytes);
    wr_ban_list_remove(&list, identity(5).bytes);
    cr_expect_not(holds(5));
    cr_expect_eq(list.count, 0);
}

Test(ban_list, a_full_table_says_so)
{
    for (uint32_t number = 0; number < CAPACITY; number++)
        add(number);
    cr_expect_not(add(1000));
    cr_expect(add(3), "known already");
    cr_expect_not(holds(1000));
}
