#include "hold_pool.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct wr_hold_pool pool;

static void open_pool(void)
{
    struct wr_arena sizes = {NULL, 0};
    wr_hold_pool_layout(&pool, &sizes);
    struct wr_arena arena = {calloc(1, sizes.used), 0};
    wr_hold_pool_layout(&pool, &arena);
    wr_hold_pool_start(&pool);
}

static void close_pool(void)
{
    free(pool.entries);
}

TestSuite(hold_pool, .init = open_pool, .fini = close_pool);

Test(hold_pool, gives_back_the_datagram_as_it_was)
{
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    memset(bytes, 0xa5, sizeof bytes);
    const struct wr_datagram datagram = {
        .from = {.ip = {1}, .port = 7}, .bytes = bytes, .size = sizeof bytes, .via = 3, .tag = 9};
    uint32_t at = wr_hold_pool_put(&pool, &datagram, 55);
    memset(bytes, 0, sizeof bytes); /* a copy is kept: the receive buffer serves the next one */
    struct wr_datagram held = wr_hold_pool_get(&pool, at);
    cr_expect_eq(held.size, sizeof bytes);
    cr_expect_eq(held.via, 3);
    cr_expect_eq(held.tag, 9);
    cr_expect_eq(held.from.port, 7);
    cr_expect_eq(held.bytes[0], 0xa5);
    cr_expect_eq(held.bytes[WR_DATAGRAM_BYTES_MAX - 1], 0xa5);
    cr_expect_eq(pool.entries[at].since_ns, 55);
}

Test(hold_pool, holds_1024_and_no_more)
{
    const uint8_t byte = 0;
    const struct wr_datagram datagram = {.bytes = &byte, .size = 1};
    uint32_t last = WR_HOLD_NONE;
    for (int i = 0; i < 1024; i++) {
        last = wr_hold_pool_put(&pool, &datagram, 0);
        cr_assert_neq(last, WR_HOLD_NONE);
    }
    cr_expect_eq(wr_hold_pool_put(&pool, &datagram, 0), WR_HOLD_NONE);
    wr_hold_pool_free(&pool, last);
    cr_expect_eq(pool.used, 1023);
    cr_expect_eq(wr_hold_pool_put(&pool, &datagram, 0), last);
}

Test(hold_pool, leaves_places_untouched_until_they_are_used)
{
    const uint8_t byte = 7;
    const struct wr_datagram datagram = {.bytes = &byte, .size = 1};
    uint8_t unused[sizeof *pool.entries];
    memset(unused, 0xa5, sizeof unused);
    memset(pool.entries, 0xa5, WR_HOLD_POOL_ENTRIES * sizeof *pool.entries);
    wr_hold_pool_start(&pool);
    cr_expect_eq(wr_hold_pool_put(&pool, &datagram, 0), 0);
    cr_expect_eq(wr_hold_pool_put(&pool, &datagram, 0), 1);
    wr_hold_pool_free(&pool, 0);
    cr_expect_eq(wr_hold_pool_put(&pool, &datagram, 0), 0);
    for (uint32_t at = 2; at < WR_HOLD_POOL_ENTRIES; at++)
        cr_expect_arr_eq(&pool.entries[at], unused, sizeof unused);
}
