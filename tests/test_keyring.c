#include "keyring.h"

#include <criterion/criterion.h>
#include <string.h>

#define SKEW_NS (30 * WR_S)

static struct wr_keyring ring;
static bool evicted;
static char evicted_kid[WR_KID_BYTES_MAX + 1];
static unsigned dropped;

static void open_ring(void)
{
    wr_keyring_start(&ring, SKEW_NS);
}

TestSuite(keyring, .init = open_ring);

struct key {
    uint8_t bytes[WR_PUBLIC_KEY_BYTES];
};

static struct key key(uint32_t number)
{
    struct key made = {{0}};
    memcpy(made.bytes, &number, sizeof number);
    made.bytes[31] = 1;
    return made;
}

static enum wr_key_result add_at(const char *kid, uint32_t number, enum wr_key_standing standing,
                                 wr_instant now)
{
    return wr_keyring_add(&ring, kid, key(number).bytes, standing, now, &evicted, evicted_kid);
}

static enum wr_key_result add(const char *kid, uint32_t number)
{
    return add_at(kid, number, WR_KEY_LEARNED, 0);
}

static uint32_t selected(const char *kid, uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES])
{
    return wr_keyring_select(&ring, kid, (uint32_t)strlen(kid), keys);
}

static void count_dropped(void *context, const char *kid)
{
    (void)context;
    (void)kid;
    dropped++;
}

static bool revoke(uint32_t number)
{
    return wr_keyring_revoke(&ring, key(number).bytes, count_dropped, NULL);
}

Test(keyring, of_keys_with_one_kid_the_newest_is_first_and_the_one_without_last)
{
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    cr_expect_eq(add("", 9), WR_KEY_ADDED);
    cr_expect_eq(add("a", 1), WR_KEY_ADDED);
    cr_expect_eq(add("b", 2), WR_KEY_ADDED);
    cr_expect_eq(add("a", 3), WR_KEY_ADDED);
    cr_assert_eq(selected("a", keys), 3);
    cr_expect_arr_eq(keys[0], key(3).bytes, WR_PUBLIC_KEY_BYTES);
    cr_expect_arr_eq(keys[1], key(1).bytes, WR_PUBLIC_KEY_BYTES);
    cr_expect_arr_eq(keys[2], key(9).bytes, WR_PUBLIC_KEY_BYTES);
    cr_assert_eq(selected("", keys), 1);
    cr_expect_arr_eq(keys[0], key(9).bytes, WR_PUBLIC_KEY_BYTES);
    cr_expect_eq(selected("c", keys), 1);
}

Test(keyring, without_a_key_that_fits_nothing_is_selected)
{
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    add("a", 1);
    cr_expect_eq(selected("ab", keys), 0);
    cr_expect_eq(selected("b", keys), 0);
    cr_expect_eq(selected("", keys), 0);
}

Test(keyring, one_key_may_have_no_kid)
{
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    add("", 1);
    cr_expect_eq(add("", 2), WR_KEY_ADDED);
    cr_expect(evicted);
    cr_expect_str_eq(evicted_kid, "");
    cr_expect_eq(ring.count, 1);
    cr_assert_eq(selected("x", keys), 1);
    cr_expect_arr_eq(keys[0], key(2).bytes, WR_PUBLIC_KEY_BYTES);
    cr_expect_eq(add_at("", 3, WR_KEY_PINNED, 0), WR_KEY_ADDED);
    cr_expect_eq(add("", 4), WR_KEY_NO_ROOM, "the pinned one is never evicted");
    cr_expect_not(evicted);
}

Test(keyring, a_superseded_key_stays_3600_s_and_twice_the_skew)
{
    char kid[WR_KID_BYTES_MAX + 1];
    wr_instant leaves = 5 * WR_S + 3600 * WR_S + 2 * SKEW_NS;
    add("old", 1);
    cr_expect_eq(wr_keyring_next_deadline(&ring), WR_NEVER);
    add_at("new", 2, WR_KEY_LEARNED, 5 * WR_S);
    cr_expect_eq(wr_keyring_next_deadline(&ring), leaves);
    add_at("newer", 3, WR_KEY_LEARNED, 9 * WR_S);
    cr_expect_eq(wr_keyring_next_deadline(&ring), leaves, "the first successor counts");
    cr_expect_not(wr_keyring_expire_one(&ring, leaves - 1, kid));
    cr_expect(wr_keyring_expire_one(&ring, leaves, kid));
    cr_expect_str_eq(kid, "old");
    cr_expect_not(wr_keyring_expire_one(&ring, leaves, kid));
    cr_expect(wr_keyring_expire_one(&ring, leaves + 4 * WR_S, kid));
    cr_expect_str_eq(kid, "new");
    cr_expect_eq(ring.count, 1);
}

Test(keyring, a_key_named_again_is_current_again)
{
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    add("a", 1);
    add("a", 2);
    uint64_t generation = ring.generation;
    cr_expect_eq(add_at("a", 1, WR_KEY_LEARNED, WR_S), WR_KEY_KNOWN);
    cr_expect_eq(ring.generation, generation);
    cr_assert_eq(selected("a", keys), 2);
    cr_expect_arr_eq(keys[0], key(1).bytes, WR_PUBLIC_KEY_BYTES);
    cr_expect_eq(ring.keys[1].leaves_ns, WR_NEVER);
    cr_expect_eq(ring.keys[0].leaves_ns, WR_S + 3600 * WR_S + 2 * SKEW_NS);
}

Test(keyring, pinned_keys_neither_age_nor_make_others_age)
{
    add_at("p", 1, WR_KEY_PINNED, 0);
    add("a", 2);
    cr_expect_eq(wr_keyring_next_deadline(&ring), WR_NEVER);
    add_at("q", 3, WR_KEY_PINNED, 0);
    cr_expect_eq(wr_keyring_next_deadline(&ring), WR_NEVER);
    cr_expect_eq(add_at("a", 2, WR_KEY_PINNED, 0), WR_KEY_KNOWN);
    add("b", 4);
    cr_expect_eq(wr_keyring_next_deadline(&ring), WR_NEVER, "a is pinned by now");
}

Test(keyring, keys_known_from_the_start_make_no_other_old)
{
    add_at("a", 1, WR_KEY_INITIAL, 0);
    add_at("b", 2, WR_KEY_INITIAL, 0);
    cr_expect_eq(wr_keyring_next_deadline(&ring), WR_NEVER);
    cr_expect_eq(add_at("a", 1, WR_KEY_INITIAL, 0), WR_KEY_KNOWN);
    cr_expect_eq(wr_keyring_next_deadline(&ring), WR_NEVER);
    add_at("c", 3, WR_KEY_LEARNED, WR_S);
    cr_expect_eq(wr_keyring_next_deadline(&ring), WR_S + 3600 * WR_S + 2 * SKEW_NS);
}

Test(keyring, a_full_ring_evicts_the_unpinned_key_that_leaves_first)
{
    uint8_t found[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    char kid[2] = "a";
    add_at("p", 100, WR_KEY_PINNED, 0);
    for (uint32_t i = 0; i < WR_KEYS_MAX - 1; i++, kid[0]++)
        cr_expect_eq(add_at(kid, i, WR_KEY_LEARNED, i * WR_S), WR_KEY_ADDED);
    cr_expect_eq(ring.count, WR_KEYS_MAX);
    cr_expect_eq(add_at("z", 50, WR_KEY_LEARNED, 20 * WR_S), WR_KEY_ADDED);
    cr_expect(evicted);
    cr_expect_str_eq(evicted_kid, "a");
    cr_expect_eq(ring.count, WR_KEYS_MAX);
    cr_expect_eq(wr_keyring_select(&ring, "p", 1, found), 1);
    cr_expect_arr_eq(found[0], key(100).bytes, WR_PUBLIC_KEY_BYTES);
    cr_expect_eq(wr_keyring_select(&ring, "a", 1, found), 0);
}

Test(keyring, a_ring_full_of_pinned_keys_takes_no_other)
{
    char kid[2] = "a";
    for (uint32_t i = 0; i < WR_KEYS_MAX; i++, kid[0]++)
        add_at(kid, i, WR_KEY_PINNED, 0);
    cr_expect_eq(add("z", 50), WR_KEY_NO_ROOM);
    cr_expect_eq(add_at("z", 50, WR_KEY_PINNED, 0), WR_KEY_NO_ROOM);
    cr_expect_eq(add("a", 0), WR_KEY_KNOWN);
    cr_expect_eq(add("", 50), WR_KEY_NO_ROOM);
}

Test(keyring, a_kid_of_255_bytes_fits_and_one_of_256_does_not)
{
    char kid[257];
    memset(kid, 'k', sizeof kid);
    kid[256] = '\0';
    cr_expect_eq(add(kid, 1), WR_KEY_NO_ROOM);
    kid[255] = '\0';
    cr_expect_eq(add(kid, 1), WR_KEY_ADDED);
    cr_expect_str_eq(ring.keys[0].kid, kid);
}

Test(keyring, revoked_bytes_leave_under_every_kid_and_never_come_back)
{
    add("a", 1);
    add("b", 1);
    add("c", 2);
    cr_expect(revoke(1));
    cr_expect_eq(dropped, 2);
    cr_expect_eq(ring.count, 1);
    cr_expect_eq(add("d", 1), WR_KEY_REVOKED);
    cr_expect(revoke(1), "known already");
    cr_expect_eq(ring.revoked_count, 1);
}

Test(keyring, a_full_table_of_revoked_keys_says_so_and_drops_the_key_all_the_same)
{
    for (uint32_t i = 0; i < WR_KEYS_REVOKED_MAX; i++)
        cr_assert(revoke(1000 + i));
    add("a", 1);
    cr_expect_not(revoke(1));
    cr_expect_eq(dropped, 1);
    cr_expect_eq(ring.count, 0);
    cr_expect_eq(add("a", 1), WR_KEY_ADDED);
    cr_expect_eq(add("b", 1000), WR_KEY_REVOKED);
}

Test(keyring, a_retired_key_leaves_like_a_superseded_one)
{
    add_at("p", 1, WR_KEY_PINNED, 0);
    add_at("q", 2, WR_KEY_PINNED, 0);
    wr_keyring_retire(&ring, key(1).bytes, WR_S);
    cr_expect_eq(ring.keys[0].leaves_ns, WR_S + 3600 * WR_S + 2 * SKEW_NS);
    cr_expect_eq(ring.keys[1].leaves_ns, WR_NEVER);
    wr_keyring_retire(&ring, key(1).bytes, 2 * WR_S);
    cr_expect_eq(ring.keys[0].leaves_ns, WR_S + 3600 * WR_S + 2 * SKEW_NS, "not anew");
    cr_expect_eq(add_at("p", 1, WR_KEY_PINNED, 3 * WR_S), WR_KEY_KNOWN);
    cr_expect_eq(wr_keyring_next_deadline(&ring), WR_NEVER, "pinned again");
}

Test(keyring, another_skew_holds_for_keys_that_are_superseded_later)
{
    add("a", 1);
    wr_keyring_set_skew(&ring, WR_S);
    add("b", 2);
    cr_expect_eq(ring.keys[0].leaves_ns, 3600 * WR_S + 2 * WR_S);
}
