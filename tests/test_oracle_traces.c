/* The oracles are silent where the core is right: every golden trace is played with them on. */
#include "oracle_trace.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

Test(oracle_traces, no_golden_trace_violates_an_oracle)
{
    DIR *folder = opendir(WAVRY_TEST_DATA "/traces");
    unsigned played = 0;
    cr_assert(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        uint64_t violations[SIM_ORACLE_COUNT], sum = 0;
        char path[1024];
        size_t bytes = strlen(entry->d_name);
        if (bytes < 6 || strcmp(entry->d_name + bytes - 6, ".jsonl") != 0 ||
            strstr(entry->d_name, ".expected.") != NULL)
            continue;
        snprintf(path, sizeof path, "%s/traces/%s", WAVRY_TEST_DATA, entry->d_name);
        oracle_trace_play(path, false, violations);
        for (unsigned i = 0; i < SIM_ORACLE_COUNT; i++)
            sum += violations[i];
        cr_expect_eq(sum, 0, "%s", entry->d_name);
        played++;
    }
    closedir(folder);
    cr_expect_geq(played, 106);
}
