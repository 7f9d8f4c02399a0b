#include "bucket_table.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct wr_bucket_table table;

static void open_table(void)
{
    struct wr_arena sizes = {NULL, 0};
    wr_bucket_table_layout(&table, &sizes);
    struct wr_arena arena = {calloc(1, sizes.used), 0};
    wr_bucket_table_layout(&table, &arena);
    memset(table.key, 7, sizeof table.key);
}

static void close_table(void)
{
    free(table.entries);
}

TestSuite(bucket_table, .init = open_table, .fini = close_table);

static struct wr_bucket *find(uint32_t number)
{
    uint8_t name[WR_BUCKET_NAME_BYTES] = {0};
    memcpy(name, &number, sizeof number);
    return wr_bucket_table_find(&table, wr_bucket_table_set_of(&table, name), name);
}

static struct wr_bucket *find_in_set(struct wr_bucket *set, uint8_t number)
{
    const uint8_t name[WR_BUCKET_NAME_BYTES] = {number};
    return wr_bucket_table_find(&table, set, name);
}

Test(bucket_table, a_new_name_has_a_full_bucket_and_keeps_what_it_drew)
{
    struct wr_bucket *bucket = find(1);
    cr_expect_eq(bucket->tat, 0);
    bucket->tat = 77;
    bucket->reject_tat = 78;
    cr_expect_eq(find(1)->tat, 77);
    cr_expect_eq(find(1)->reject_tat, 78);
    cr_expect_eq(find(2)->tat, 0);
}

Test(bucket_table, of_five_names_in_a_set_the_least_recently_used_is_forgotten)
{
    struct wr_bucket *set = wr_bucket_table_set(&table, 12345);
    for (uint8_t name = 1; name <= 4; name++)
        find_in_set(set, name)->tat = name;
    find_in_set(set, 1); /* used again: 2 is the oldest now */
    cr_expect_eq(find_in_set(set, 5)->tat, 0, "never fails closed");
    cr_expect_eq(find_in_set(set, 1)->tat, 1);
    cr_expect_eq(find_in_set(set, 3)->tat, 3);
    cr_expect_eq(find_in_set(set, 4)->tat, 4);
    cr_expect_eq(find_in_set(set, 2)->tat, 0, "forgotten");
}

Test(bucket_table, a_name_of_zeroes_is_a_name)
{
    struct wr_bucket *set = wr_bucket_table_set(&table, 0);
    find_in_set(set, 0)->tat = 5;
    cr_expect_eq(find_in_set(set, 0)->tat, 5);
    cr_expect_neq(find_in_set(set, 1), find_in_set(set, 0));
}

Test(bucket_table, a_flood_of_names_takes_the_places_there_are_and_no_more)
{
    for (uint32_t number = 0; number < 2 * WR_BUCKET_TABLE_ENTRIES; number++) {
        struct wr_bucket *bucket = find(number);
        cr_assert(bucket >= table.entries && bucket < table.entries + WR_BUCKET_TABLE_ENTRIES);
        cr_assert_eq(bucket->tat, 0);
        bucket->tat = 1;
    }
}
