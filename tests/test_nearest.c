#include "nearest.h"

#include <criterion/criterion.h>

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
