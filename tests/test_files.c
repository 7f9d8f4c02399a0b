#include "files.h"

#include <criterion/criterion.h>

#include <string.h>

Test(files, a_folder_means_all_scenarios_below_it_in_the_order_of_their_names)
{
    struct sim_arena *arena = sim_arena_create();
    struct sim_files files = {0};
    cr_assert(sim_files_add(&files, arena, WAVRY_TEST_DATA "/../../scenarios//"));
    cr_assert_gt(files.count, 32);
    for (uint32_t i = 0; i < files.count; i++) {
        cr_expect_null(strstr(files.paths[i], "schema.json"));
        cr_expect_null(strstr(files.paths[i], "//"));
        if (i > 0)
            cr_expect_lt(strcmp(files.paths[i - 1], files.paths[i]), 0);
    }
    sim_arena_destroy(arena);
}

Test(files, a_file_is_taken_as_it_is_and_nothing_is_refused)
{
    struct sim_arena *arena = sim_arena_create();
    struct sim_files files = {0};
    cr_expect(sim_files_add(&files, arena, WAVRY_TEST_DATA "/play/a-call.json"));
    cr_expect(sim_files_add(&files, arena, WAVRY_TEST_DATA "/play"));
    cr_expect_eq(files.count, 2);
    cr_expect_not(sim_files_add(&files, arena, WAVRY_TEST_DATA "/play/no-such-file.json"));
    cr_expect_not(sim_files_add(&files, arena, WAVRY_TEST_DATA "/no-such-folder"));
    cr_expect_eq(files.count, 2);
    sim_arena_destroy(arena);
}
