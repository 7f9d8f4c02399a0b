/* The oracles are silent where the core is right: every golden trace is played with them on. */
#include "oracle_trace.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

static unsigned play_all(const char *name)
{
    char path[512];
    unsigned played = 0;
    snprintf(path, sizeof path, "%s/%s", WAVRY_TEST_DATA, name);
    DIR *folder = opendir(path);
    cr_assert(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        uint64_t violations[SIM_ORACLE_COUNT], sum = 0;
        char file[1024];
        size_t bytes = strlen(entry->d_name);
        if (bytes < 6 || strcmp(entry->d_name + bytes - 6, ".jsonl") != 0 ||
            strstr(entry->d_name, ".expected.") != NULL)
            continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        oracle_trace_play(file, false, violations);
        for (unsigned i = 0; i < SIM_ORACLE_COUNT; i++)
            sum += violations[i];
        cr_expect_eq(sum, 0, "%s", entry->d_name);
        played++;
    }
    closedir(folder);
    return played;
}

Test(oracle_traces, no_golden_trace_violates_an_oracle)
{
    cr_expect_geq(play_all("traces"), 106);
    cr_expect_geq(play_all("traces-own"), 4);
}
