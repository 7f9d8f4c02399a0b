#include "hash.h"

#include <criterion/criterion.h>
#include <string.h>

static struct sim_hash fresh(uint64_t interval)
{
    struct sim_hash hash;
    cr_assert(sim_hash_init(&hash, interval));
    return hash;
}

Test(hash, the_values_are_fixed_for_all_time)
{
    struct sim_hash hash = fresh(10);
    char text[SIM_HASH_TEXT_BYTES];
    sim_hash_text(&hash, "preamble");
    sim_hash_event(&hash, 1, 2, 3);
    cr_expect_str_eq(sim_hash_format(sim_hash_value(&hash), text), "4b11774dd221709b");
    cr_expect_str_eq(
        sim_hash_format(sim_hash_bytes((const uint8_t *)"a text of thirty-six bytes to hash!!", 36),
                        text),
        "ac333558fda81dd8");
    sim_hash_free(&hash);
}

Test(hash, order_and_every_word_count)
{
    struct sim_hash hashes[4] = {fresh(10), fresh(10), fresh(10), fresh(10)};
    sim_hash_event(&hashes[0], 1, 2, 3);
    sim_hash_event(&hashes[1], 1, 3, 2);
    sim_hash_event(&hashes[2], 2, 2, 3);
    sim_hash_event(&hashes[3], 1, 2, 3);
    sim_hash_word(&hashes[3], 0);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < i; j++) {
            cr_expect_neq(sim_hash_value(&hashes[i]), sim_hash_value(&hashes[j]));
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        sim_hash_free(&hashes[i]);
    }
}

Test(hash, every_bit_and_the_length_of_bytes_count)
{
    uint8_t bytes[100];
    memset(bytes, 0x5a, sizeof bytes);
    uint64_t whole = sim_hash_bytes(bytes, sizeof bytes);
    for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        cr_expect_neq(sim_hash_bytes(bytes, sizeof bytes), whole, "bit %u", bit);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    }
    uint8_t zeros[64] = {0};
    cr_expect_neq(sim_hash_bytes(zeros, 33), sim_hash_bytes(zeros, 34));
    cr_expect_neq(sim_hash_bytes(zeros, 0), sim_hash_bytes(zeros, 1));
    cr_expect_eq(sim_hash_bytes(bytes + 1, 50), sim_hash_bytes(bytes + 2, 50));
}

Test(hash, a_divergence_is_found_between_two_checkpoints)
{
    struct sim_hash a = fresh(10);
    struct sim_hash b = fresh(10);
    for (uint64_t i = 0; i < 100; i++) {
        sim_hash_event(&a, i, i, 0);
        sim_hash_event(&b, i, i, i == 57 ? 1 : 0);
    }
    int32_t at = sim_hash_first_difference(a.checkpoints, a.checkpoint_count, b.checkpoints,
                                           b.checkpoint_count);
    cr_assert_eq(at, 5);
    cr_expect_eq(a.checkpoints[at].events, 60u);
    cr_expect_eq(a.checkpoints[at].at_ns, 59u);
    cr_expect_eq(sim_hash_first_difference(a.checkpoints, 5, b.checkpoints, 5), -1);
    sim_hash_free(&a);
    sim_hash_free(&b);
}

Test(hash, checkpoints_thin_out_instead_of_growing_without_end)
{
    struct sim_hash hash = fresh(1);
    for (uint64_t i = 0; i < 3 * SIM_HASH_CHECKPOINTS_MAX; i++) {
        sim_hash_event(&hash, i, 0, 0);
    }
    cr_expect_eq(hash.interval, 4u);
    cr_expect_leq(hash.checkpoint_count, SIM_HASH_CHECKPOINTS_MAX);
    for (uint32_t i = 0; i < hash.checkpoint_count; i++) {
        cr_assert_eq(hash.checkpoints[i].events, 4 * (uint64_t)(i + 1), "checkpoint %u", i);
    }
    cr_expect_eq(hash.checkpoint_count, 3u * SIM_HASH_CHECKPOINTS_MAX / 4);
    sim_hash_free(&hash);
}
