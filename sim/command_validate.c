#include "commands.h"
#include "files.h"
#include "scenario_parse.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: wavry-sim validate FILE|FOLDER...\n"
    "Reads scenarios without playing them and names every mistake with its place.\n"
    "Exit code 0: all are good; 2: some are not.\n";

int sim_validate_command(int argc, char **argv)
{
    struct sim_arena *arena = sim_arena_create();
    struct sim_files files = {0};
    bool found = argc > 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            sim_arena_destroy(arena);
            return 0;
        }
        if (argv[i][0] == '-') {
            fprintf(stderr, "no option \"%s\"\n", argv[i]);
            found = false;
            continue;
        }
        found = sim_files_add(&files, arena, argv[i]) && found;
    }
    if (!found) {
        if (argc < 2)
            fputs(usage, stderr);
        sim_arena_destroy(arena);
        return SIM_EXIT_USAGE;
    }
    uint32_t bad = 0;
    for (uint32_t i = 0; i < files.count; i++) {
        struct sim_scenario *scenario = sim_scenario_load(files.paths[i], stderr);
        bad += !scenario;
        sim_scenario_free(scenario);
    }
    printf("%u scenario%s, %u with mistakes\n", files.count, files.count == 1 ? "" : "s", bad);
    sim_arena_destroy(arena);
    return bad > 0 ? SIM_EXIT_USAGE : 0;
}
