#include "commands.h"
#include "scenario_tables.h"

#include <stdio.h>
#include <string.h>

int sim_schema_command(int argc, char **argv)
{
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0;
        fputs("usage: wavry-sim schema\n"
              "Prints the JSON Schema of scenario files (scenarios/schema.json).\n",
              help ? stdout : stderr);
        return help ? 0 : SIM_EXIT_USAGE;
    }
    struct sim_arena *arena = sim_arena_create();
    fputs(sim_schema(arena), stdout);
    sim_arena_destroy(arena);
    return 0;
}
