#include "token_cache.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct wr_token_cache cache;
static void *memory;

static void open_cache(void)
{
    struct wr_arena sizes = {NULL, 0};
    wr_token_cache_layout(&cache, &sizes);
    memory = calloc(1, sizes.used);
    struct wr_arena arena = {memory, 0};
    wr_token_cache_layout(&cache, &arena);
}

static void close_cache(void)
{
    free(memory);
}

TestSuite(token_cache, .init = open_cache, .fini = close_cache);

struct hash {
    uint8_t bytes[WR_TOKEN_HASH_BYTES];
};

/* Many share a head: the first three bytes take few values. */
static struct hash hash(uint32_t number)
{
    struct hash made = {{(uint8_t)(number % 7)}};
    memcpy(made.bytes + 8, &number, sizeof number);
    return made;
}

static void add_good(uint32_t number)
{
    struct wr_claims claims = {.expires_unix_ms = number};
    uint8_t key[WR_PUBLIC_KEY_BYTES] = {(uint8_t)number};
    wr_token_cache_add_good(&cache, hash(number).bytes, &claims, key);
}

static bool is_good(uint32_t number)
{
    const uint8_t *key = NULL;
    const struct wr_claims *claims = wr_token_cache_good(&cache, hash(number).bytes, &key);
    if (claims == NULL)
        return false;
    cr_assert_eq(claims->expires_unix_ms, number);
    cr_assert_eq(key[0], (uint8_t)number);
    return true;
}

static bool is_bad(uint32_t number)
{
    return wr_token_cache_bad(&cache, hash(number).bytes);
}

Test(token_cache, knows_good_from_bad_from_unknown)
{
    add_good(1);
    wr_token_cache_add_bad(&cache, hash(2).bytes);
    cr_expect(is_good(1));
    cr_expect_not(is_bad(1));
    cr_expect(is_bad(2));
    cr_expect_not(is_good(2));
    cr_expect_not(is_good(3));
    cr_expect_not(is_bad(3));
}

Test(token_cache, holds_4096_and_forgets_the_least_recently_used)
{
    for (uint32_t number = 0; number < 4096; number++)
        add_good(number);
    cr_expect(is_good(0)); /* used again: 1 is the oldest now */
    add_good(4096);
    cr_expect(is_good(0));
    cr_expect_not(is_good(1));
    for (uint32_t number = 2; number <= 4096; number++)
        cr_assert(is_good(number));
}

Test(token_cache, junk_evicts_no_good_token)
{
    add_good(1);
    for (uint32_t number = 2; number < 9000; number++)
        wr_token_cache_add_bad(&cache, hash(number).bytes);
    cr_expect(is_good(1));
    cr_expect_not(is_bad(2));
    cr_expect(is_bad(8999));
    cr_expect(is_bad(9000 - 4096));
    cr_expect_not(is_bad(9000 - 4097));
}

Test(token_cache, a_token_added_again_is_the_newest_and_takes_no_second_place)
{
    for (uint32_t number = 0; number < 4096; number++)
        add_good(number);
    add_good(0);
    cr_expect_eq(cache.good.used, 4096);
    add_good(5000);
    cr_expect(is_good(0));
    cr_expect_not(is_good(1));
}

Test(token_cache, a_cleared_cache_knows_nothing_and_serves_on)
{
    wr_token_cache_clear(&cache);
    for (uint32_t number = 0; number < 5000; number++) {
        add_good(number);
        wr_token_cache_add_bad(&cache, hash(10000 + number).bytes);
    }
    wr_token_cache_clear(&cache);
    for (uint32_t number = 0; number < 5000; number++) {
        cr_assert_not(is_good(number));
        cr_assert_not(is_bad(10000 + number));
    }
    add_good(7);
    cr_expect(is_good(7));
}
