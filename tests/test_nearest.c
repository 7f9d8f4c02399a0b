#include "nearest.h"

#include "random.h"

#include <criterion/criterion.h>
#include <string.h>

Test(nearest, a_slip_of_the_finger_costs_one)
{
    cr_expect_eq(wr_word_distance("robust", "robust"), 0);
    cr_expect_eq(wr_word_distance("robst", "robust"), 1);
    cr_expect_eq(wr_word_distance("orbust", "robust"), 1);
    cr_expect_eq(wr_word_distance("rabust", "robust"), 1);
    cr_expect_eq(wr_word_distance("robusto", "robust"), 1);
    cr_expect_eq(wr_word_distance("", "abc"), 3);
    cr_expect_eq(wr_word_distance("Max-Sessions", "max_sessions"), 0);
}

Test(nearest, the_nearest_of_several_is_suggested_and_of_equals_the_first)
{
    struct wr_nearest search = wr_nearest_to("packets_fx");
    wr_nearest_offer(&search, "bytes_rx");
    wr_nearest_offer(&search, "packets_rx");
    wr_nearest_offer(&search, "packets_tx");
    cr_expect_str_eq(search.best, "packets_rx");
}

Test(nearest, what_is_far_from_everything_gets_no_suggestion)
{
    struct wr_nearest search = wr_nearest_to("bandwidth");
    wr_nearest_offer(&search, "latency");
    wr_nearest_offer(&search, "jitter");
    cr_expect_null(search.best);
    search = wr_nearest_to("a_word_that_is_longer_than_any_name_could_ever_be_in_this_language");
    wr_nearest_offer(&search, "a_word_that_is_longer_than_any_name_could_ever_be_in_this_language");
    cr_expect_null(search.best);
}

/* Of two letters, so that near words are many. */
static void make_word(uint64_t *random, char out[10])
{
    uint32_t bytes = random_below(random, 10);
    for (uint32_t i = 0; i < bytes; i++)
        out[i] = (char)('a' + random_below(random, 2));
    out[bytes] = '\0';
}

Test(nearest, a_search_agrees_with_the_distance_of_each)
{
    uint64_t random = 7;
    for (int turn = 0; turn < 20000; turn++) {
        char word[10], known[4][10];
        make_word(&random, word);
        uint32_t best = UINT32_MAX, allowed = strlen(word) >= 6 ? (uint32_t)strlen(word) / 3 : 1;
        const char *expected = NULL;
        struct wr_nearest search = wr_nearest_to(word);
        for (int i = 0; i < 4; i++) {
            make_word(&random, known[i]);
            uint32_t distance = wr_word_distance(word, known[i]);
            cr_assert_eq(distance, wr_word_distance(known[i], word));
            if (distance <= allowed && distance < best) {
                best = distance;
                expected = known[i];
            }
            wr_nearest_offer(&search, known[i]);
        }
        cr_assert_eq(search.best, expected, "\"%s\": %s, not %s", word, search.best, expected);
    }
}
