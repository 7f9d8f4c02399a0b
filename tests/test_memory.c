#include "arena.h"
#include "memory.h"

#include <criterion/criterion.h>
#include <stdint.h>

Test(memory, a_block_is_aligned_to_a_cache_line_and_zero)
{
    for (size_t bytes = 1; bytes < 5000; bytes += 331) {
        uint8_t *block = wr_memory_take(bytes);
        cr_assert_not_null(block);
        cr_expect_eq((uintptr_t)block % WR_ARENA_ALIGN, 0);
        for (size_t i = 0; i < bytes; i++) {
            cr_assert_eq(block[i], 0);
            block[i] = 0xff;
        }
        wr_memory_give_back(block);
    }
}

Test(memory, what_is_too_much_is_not_given)
{
    cr_expect_null(wr_memory_take(SIZE_MAX));
    cr_expect_null(wr_memory_take(SIZE_MAX - 2 * WR_ARENA_ALIGN + 1));
}

Test(memory, nothing_can_be_given_back)
{
    wr_memory_give_back(NULL);
}

Test(memory, an_arena_adds_up_first_and_hands_out_then)
{
    struct wr_arena sizes = {NULL, 0};
    cr_expect_null(wr_arena_take(&sizes, 3, 10));
    cr_expect_null(wr_arena_take(&sizes, 1, 1));
    cr_expect_eq(sizes.used, 65);
    uint8_t base[65];
    struct wr_arena arena = {base, 0};
    cr_expect_eq(wr_arena_take(&arena, 3, 10), (void *)base);
    cr_expect_eq(wr_arena_take(&arena, 1, 1), (void *)(base + 64));
    cr_expect_eq(arena.used, sizes.used);
}

Test(memory, sizes_that_do_not_fit_are_too_much_and_never_wrap)
{
    /* 2^24 sessions are more than the address space of 32 bits. */
    struct wr_arena sizes = {NULL, 0};
    wr_arena_take(&sizes, 1, 100);
    wr_arena_take(&sizes, SIZE_MAX / 8, 16);
    cr_expect_eq(sizes.used, SIZE_MAX);
    wr_arena_take(&sizes, 1, 100);
    cr_expect_eq(sizes.used, SIZE_MAX);
    cr_expect_null(wr_memory_take(sizes.used));
    struct wr_arena nearly = {NULL, SIZE_MAX - 10};
    wr_arena_take(&nearly, 0, 16);
    cr_expect_eq(nearly.used, SIZE_MAX);
    struct wr_arena sum = {NULL, 64};
    wr_arena_take(&sum, 1, SIZE_MAX - 63);
    cr_expect_eq(sum.used, SIZE_MAX);
}

Test(memory, powers_of_two)
{
    cr_expect_eq(wr_power_of_two(0), 1);
    cr_expect_eq(wr_power_of_two(1), 1);
    cr_expect_eq(wr_power_of_two(3), 4);
    cr_expect_eq(wr_power_of_two(1u << 20), 1u << 20);
    cr_expect_eq(wr_power_of_two(UINT32_MAX), UINT32_C(1) << 31);
}
