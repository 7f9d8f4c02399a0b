#include "rng.h"

#include <criterion/criterion.h>
#include <string.h>

static struct sim_rng stream(const char *entity, const char *purpose)
{
    return sim_rng_named(7, entity, purpose);
}

Test(rng, a_stream_is_fixed_for_all_time_by_its_name)
{
    struct sim_rng rng = sim_rng_named(42, "alice", "loss");
    cr_expect_eq(sim_rng_next(&rng), UINT64_C(0xcd69f0384e148e58));
    cr_expect_eq(sim_rng_next(&rng), UINT64_C(0xac315bc60c9e4f58));
}

Test(rng, the_generator_is_xoshiro256_star_star)
{
    /* Reference values of the authors' program for the state 1, 2, 3, 4. */
    struct sim_rng rng = {{1, 2, 3, 4}};
    cr_expect_eq(sim_rng_next(&rng), 11520u);
    cr_expect_eq(sim_rng_next(&rng), 0u);
    cr_expect_eq(sim_rng_next(&rng), 1509978240u);
    cr_expect_eq(sim_rng_next(&rng), UINT64_C(1215971899390074240));
}

Test(rng, entity_purpose_and_seed_each_make_another_stream)
{
    struct sim_rng base = stream("ab", "c");
    struct sim_rng others[] = {stream("a", "bc"), stream("ab", "d"), stream("b", "c"),
                               sim_rng_named(8, "ab", "c")};
    uint64_t first = sim_rng_next(&base);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect_neq(sim_rng_next(&others[i]), first);
    }
}

Test(rng, bounded_numbers_reach_every_value_evenly)
{
    struct sim_rng rng = stream("die", "roll");
    uint32_t seen[6] = {0};
    for (unsigned i = 0; i < 60000; i++) {
        uint64_t value = sim_rng_below(&rng, 6);
        cr_assert_lt(value, 6u);
        seen[value]++;
    }
    for (unsigned i = 0; i < 6; i++) {
        cr_expect(seen[i] > 9600 && seen[i] < 10400, "%u came %u times", i, seen[i]);
    }
}

Test(rng, a_bound_beyond_32_bits_is_kept)
{
    struct sim_rng rng = stream("wide", "roll");
    uint64_t bound = (UINT64_C(1) << 33) + 1;
    uint64_t largest = 0;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t value = sim_rng_below(&rng, bound);
        cr_assert_lt(value, bound);
        largest = value > largest ? value : largest;
    }
    cr_expect_gt(largest, UINT64_C(1) << 32);
    cr_expect_eq(sim_rng_below(&rng, 1), 0u);
}

Test(rng, never_and_always_draw_nothing)
{
    struct sim_rng rng = stream("coin", "toss");
    struct sim_rng before = rng;
    cr_expect_not(sim_rng_chance(&rng, (struct sim_ratio){0, 0}));
    cr_expect_not(sim_rng_chance(&rng, SIM_RATIO_ZERO));
    cr_expect(sim_rng_chance(&rng, SIM_RATIO_ONE));
    cr_expect_arr_eq(rng.state, before.state, sizeof rng.state);
}

Test(rng, a_chance_comes_as_often_as_it_says)
{
    struct sim_rng rng = stream("coin", "toss");
    unsigned hits = 0;
    for (unsigned i = 0; i < 100000; i++) {
        hits += sim_rng_chance(&rng, (struct sim_ratio){3, 100}) ? 1u : 0u;
    }
    cr_expect(hits > 2800 && hits < 3200, "%u", hits);
}

Test(rng, exponential_spans_have_their_mean_and_their_tail)
{
    struct sim_rng rng = stream("link", "jitter");
    uint64_t sum = 0;
    unsigned beyond = 0;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t span = sim_rng_exponential_ns(&rng, 1000000);
        sum += span;
        beyond += span > 3000000 ? 1u : 0u; /* e^-3 = 4.98 % */
    }
    cr_expect(sum / 100000 > 985000 && sum / 100000 < 1015000, "%u", (unsigned)(sum / 100000));
    cr_expect(beyond > 4700 && beyond < 5260, "%u", beyond);
    cr_expect_eq(sim_rng_exponential_ns(&rng, 0), 0u);
}

Test(rng, normal_spans_have_their_deviation_and_no_side)
{
    struct sim_rng rng = stream("link", "jitter");
    int64_t sum = 0;
    unsigned within = 0;
    for (unsigned i = 0; i < 100000; i++) {
        int64_t span = sim_rng_normal_ns(&rng, 1000000);
        cr_assert(span >= -6000000 && span <= 6000000);
        sum += span;
        within += span > -1000000 && span < 1000000 ? 1u : 0u; /* 68.3 % */
    }
    cr_expect(sum / 100000 > -15000 && sum / 100000 < 15000);
    cr_expect(within > 67300 && within < 69300, "%u", within);
}

Test(rng, bytes_are_the_numbers_in_little_endian_order)
{
    struct sim_rng rng = stream("key", "bytes");
    struct sim_rng twin = rng;
    uint8_t bytes[11];
    sim_rng_bytes(&rng, bytes, sizeof bytes);
    uint64_t first = sim_rng_next(&twin);
    uint64_t second = sim_rng_next(&twin);
    for (unsigned i = 0; i < 8; i++) {
        cr_expect_eq(bytes[i], (uint8_t)(first >> (8 * i)));
    }
    cr_expect_eq(bytes[10], (uint8_t)(second >> 16));
    cr_expect_arr_eq(rng.state, twin.state, sizeof rng.state);
}
