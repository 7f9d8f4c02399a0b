#include "commands.h"
#include "files.h"
#include "quantity.h"
#include "scenario_parse.h"

#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: wavry-sim list [--markdown] [--covers] FILE|FOLDER...\n"
                            "One line per scenario: its name and what it shows.\n"
                            "  --covers    the documents and sections that each covers, too\n"
                            "  --markdown  as the index that scenarios/README.md holds\n";

static const char index_head[] =
    "# Scenarios\n"
    "\n"
    "Each file is a test and a page of documentation: who is there, what happens, what must come\n"
    "of it. `wavry-sim run scenarios` plays them all, `wavry-sim run FILE` one of them;\n"
    "`schema.json` helps editors. This index is written by `wavry-sim list --markdown "
    "scenarios`.\n";

static void print_covers(const struct sim_scenario *scenario, const char *between)
{
    for (uint32_t i = 0; i < scenario->cover_count; i++)
        printf("%s%s", i > 0 ? between : "", scenario->covers[i]);
}

static void print_plain(const struct sim_scenario *scenario, bool covers)
{
    char duration[SIM_DURATION_TEXT_BYTES];
    printf("%s/%s  %s  (%s)\n", scenario->family, scenario->name, scenario->shows,
           sim_duration_format(scenario->duration_ns, duration));
    if (covers) {
        printf("    covers ");
        print_covers(scenario, "; ");
        printf("\n");
    }
}

static void print_markdown(const struct sim_scenario *scenario, const char *family)
{
    if (strcmp(scenario->family, family) != 0)
        printf("\n## %s\n\n| scenario | shows | covers |\n|---|---|---|\n", scenario->family);
    printf("| [%s](%s/%s.json) | %s | ", scenario->name, scenario->family, scenario->name,
           scenario->shows);
    print_covers(scenario, "; ");
    printf(" |\n");
}

static int list(const struct sim_files *files, struct sim_arena *arena, bool markdown, bool covers)
{
    const char *family = "";
    int code = 0;
    if (markdown)
        fputs(index_head, stdout);
    for (uint32_t i = 0; i < files->count; i++) {
        struct sim_scenario *scenario = sim_scenario_load(files->paths[i], stderr);
        if (!scenario) {
            code = SIM_EXIT_USAGE;
            continue;
        }
        if (markdown)
            print_markdown(scenario, family);
        else
            print_plain(scenario, covers);
        family = sim_arena_text(arena, scenario->family, strlen(scenario->family));
        sim_scenario_free(scenario);
    }
    return code;
}

int sim_list_command(int argc, char **argv)
{
    struct sim_arena *arena = sim_arena_create();
    struct sim_files files = {0};
    bool markdown = false, covers = false, good = true, named = false;
    for (int i = 1; i < argc && good; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            sim_arena_destroy(arena);
            return 0;
        }
        if (strcmp(argv[i], "--markdown") == 0) {
            markdown = true;
        } else if (strcmp(argv[i], "--covers") == 0) {
            covers = true;
        } else if (argv[i][0] == '-') {
            fprintf(stderr, "no option \"%s\"\n", argv[i]);
            good = false;
        } else {
            good = sim_files_add(&files, arena, argv[i]);
            named = true;
        }
    }
    int code = SIM_EXIT_USAGE;
    if (good && named)
        code = list(&files, arena, markdown, covers);
    else if (good)
        fputs(usage, stderr);
    sim_arena_destroy(arena);
    return code;
}
