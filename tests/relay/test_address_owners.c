#include "address_owners.h"

#include "../random.h"
#include "address.h"

#include <criterion/criterion.h>

#define NOBODY 63

static struct rd_address_owners *owners;

static void start(void)
{
    owners = rd_address_owners_create(100);
    cr_assert_not_null(owners);
}

static void stop(void)
{
    rd_address_owners_destroy(owners);
}

TestSuite(address_owners, .init = start, .fini = stop);

static struct wr_address numbered(uint32_t i)
{
    return wr_address_v4((const uint8_t[]){10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i},
                         4000);
}

static void bind_to(uint32_t i, uint32_t worker, enum wr_bound bound)
{
    struct wr_address address = numbered(i);
    rd_address_owners_bound(owners, &address, worker, bound);
}

static void expect_owner_or(uint32_t i, uint32_t otherwise, uint32_t worker, bool ambiguous)
{
    struct wr_address address = numbered(i);
    bool said = !ambiguous;
    cr_assert_eq(rd_address_owners_find(owners, &address, otherwise, &said), worker);
    cr_assert_eq(said, ambiguous);
}

static void expect_owner(uint32_t i, uint32_t worker, bool ambiguous)
{
    expect_owner_or(i, NOBODY, worker, ambiguous);
}

Test(address_owners, an_unknown_address_belongs_where_it_came)
{
    expect_owner(1, NOBODY, false);
    expect_owner_or(1, 0, 0, false);
}

Test(address_owners, a_bound_address_belongs_to_its_worker_until_it_is_bound_no_more)
{
    bind_to(1, 5, WR_BOUND_ONCE);
    expect_owner(1, 5, false);
    expect_owner(2, NOBODY, false);
    bind_to(1, 5, WR_BOUND_AMBIGUOUS); /* two sessions of one worker: its core says so itself */
    expect_owner(1, 5, false);
    bind_to(1, 5, WR_BOUND_WAITING);
    expect_owner(1, 5, false);
    bind_to(1, 5, WR_BOUND_NOWHERE);
    expect_owner(1, NOBODY, false);
    bind_to(1, 5, WR_BOUND_NOWHERE);
    expect_owner(1, NOBODY, false);
}

Test(address_owners, active_at_two_workers_is_ambiguous_and_one_of_them_gets_it)
{
    bind_to(1, 5, WR_BOUND_ONCE);
    bind_to(1, 9, WR_BOUND_AMBIGUOUS);
    expect_owner(1, 5, true);
    expect_owner_or(1, 9, 9, true);
    expect_owner_or(1, 5, 5, true);
    expect_owner_or(1, 6, 5, true);
    bind_to(1, 5, WR_BOUND_WAITING);
    expect_owner_or(1, 5, 9, false);
    bind_to(1, 9, WR_BOUND_NOWHERE);
    expect_owner(1, 5, false);
}

Test(address_owners, an_active_session_counts_before_a_waiting_one_and_that_before_a_pending_lease)
{
    struct wr_address address = numbered(1);
    rd_address_owners_pending(owners, &address, 2);
    expect_owner(1, 2, false);
    bind_to(1, 3, WR_BOUND_WAITING);
    expect_owner(1, 3, false);
    bind_to(1, 4, WR_BOUND_ONCE);
    expect_owner(1, 4, false);
    bind_to(1, 4, WR_BOUND_NOWHERE);
    bind_to(1, 3, WR_BOUND_NOWHERE);
    expect_owner(1, 2, false);
    rd_address_owners_pending(owners, &address, 7); /* the newest counts */
    expect_owner(1, 7, false);
}

Test(address_owners, waiting_at_two_workers_is_not_ambiguous)
{
    bind_to(1, 3, WR_BOUND_WAITING);
    bind_to(1, 8, WR_BOUND_WAITING);
    expect_owner(1, 3, false);
    expect_owner_or(1, 8, 8, false);
}

Test(address_owners, ports_and_zones_are_part_of_an_address)
{
    struct wr_address one, two;
    bool ambiguous;
    cr_assert(wr_address_parse("[fe80::1%2]:4000", &one));
    two = one;
    two.zone = 3;
    rd_address_owners_bound(owners, &one, 1, WR_BOUND_ONCE);
    cr_expect_eq(rd_address_owners_find(owners, &one, NOBODY, &ambiguous), 1);
    cr_expect_eq(rd_address_owners_find(owners, &two, NOBODY, &ambiguous), NOBODY);
    two = one;
    two.port++;
    cr_expect_eq(rd_address_owners_find(owners, &two, NOBODY, &ambiguous), NOBODY);
}

Test(address_owners, as_many_fit_as_were_asked_for_and_freed_places_are_used_again)
{
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            bind_to(round * 1000 + i, i % 64, WR_BOUND_ONCE);
            bind_to(round * 1000 + i, (i + 1) % 64, WR_BOUND_WAITING);
        }
        for (uint32_t i = 0; i < 100; i++)
            expect_owner(round * 1000 + i, i % 64, false);
        bind_to(round * 1000 + 100, 1, WR_BOUND_ONCE); /* one too many is forgotten */
        expect_owner(round * 1000 + 100, NOBODY, false);
        for (uint32_t i = 0; i < 100; i++) {
            bind_to(round * 1000 + i, i % 64, WR_BOUND_NOWHERE);
            bind_to(round * 1000 + i, (i + 1) % 64, WR_BOUND_NOWHERE);
        }
    }
}

Test(address_owners, no_flood_of_pending_leases_grows_the_memory_or_touches_what_is_bound)
{
    uint32_t remembered = 0;
    for (uint32_t i = 0; i < 50; i++)
        bind_to(i, 5, WR_BOUND_ONCE);
    for (uint32_t i = 0; i < 100000; i++) {
        struct wr_address address = numbered(i);
        rd_address_owners_pending(owners, &address, i % 3);
        bool ambiguous;
        if (i >= 50)
            cr_assert_eq(rd_address_owners_find(owners, &address, NOBODY, &ambiguous), i % 3);
    }
    for (uint32_t i = 0; i < 50; i++)
        expect_owner(i, 5, false);
    for (uint32_t i = 50; i < 100000; i++) {
        struct wr_address address = numbered(i);
        bool ambiguous;
        remembered += rd_address_owners_find(owners, &address, NOBODY, &ambiguous) != NOBODY;
    }
    cr_expect_leq(remembered, 4096);
    cr_expect_gt(remembered, 2048);
}

/* Against a plain array of what each worker said last. */
Test(address_owners, it_agrees_with_a_naive_model)
{
    static enum wr_bound said[60][64];
    uint64_t state = 6;
    for (int step = 0; step < 100000; step++) {
        uint32_t i = random_below(&state, 60), worker = random_below(&state, 64);
        enum wr_bound bound = random_below(&state, 3) == 0 ? (enum wr_bound)random_below(&state, 4)
                                                           : WR_BOUND_NOWHERE;
        said[i][worker] = bound;
        bind_to(i, worker, bound);
        uint32_t look = random_below(&state, 60), active = 0, first_active = NOBODY;
        uint32_t first_waiting = NOBODY, otherwise = random_below(&state, 64);
        bool here_active = said[look][otherwise] >= WR_BOUND_ONCE;
        bool here_waiting = said[look][otherwise] == WR_BOUND_WAITING, known = false;
        for (uint32_t w = 64; w-- > 0;) {
            known = known || said[look][w] != WR_BOUND_NOWHERE;
            if (said[look][w] >= WR_BOUND_ONCE) {
                active++;
                first_active = w;
            } else if (said[look][w] == WR_BOUND_WAITING) {
                first_waiting = w;
            }
        }
        uint32_t expected = otherwise;
        if (active > 0)
            expected = here_active ? otherwise : first_active;
        else if (known)
            expected = here_waiting ? otherwise : first_waiting;
        expect_owner_or(look, otherwise, expected, active > 1);
    }
}

Test(address_owners, knows_who_is_bound_or_has_a_lease_waiting)
{
    struct wr_address address = numbered(1);
    cr_expect_not(rd_address_owners_know(owners, &address));
    rd_address_owners_pending(owners, &address, 3);
    cr_expect(rd_address_owners_know(owners, &address));
    rd_address_owners_settled(owners, &address, 4); /* another worker's */
    cr_expect(rd_address_owners_know(owners, &address));
    bind_to(1, 3, WR_BOUND_WAITING);
    rd_address_owners_settled(owners, &address, 3);
    expect_owner(1, 3, false);
    bind_to(1, 3, WR_BOUND_NOWHERE);
    cr_expect_not(rd_address_owners_know(owners, &address), "the lease does not wait any more");
    expect_owner(1, NOBODY, false);
}
