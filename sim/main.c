/* wavry-sim: the simulator's command line. */
#include "commands.h"
#include "datagram_command.h"
#include "feed.h"
#include "standard_files.h"

#include <sodium.h>

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    {"run", sim_run_command, "play scenarios and say what came of each"},
    {"validate", sim_validate_command, "read scenarios without playing them"},
    {"list", sim_list_command, "name scenarios and what they show"},
    {"schema", sim_schema_command, "print the JSON Schema of scenario files"},
    {"feed", sim_feed_command, "drive the core alone by a text trace"},
    {"datagram", sim_datagram_command, "print the parse of one datagram"},
};

static void print_usage(FILE *out)
{
    fputs("usage: wavry-sim COMMAND [ARGUMENT...]\n", out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].about);
    fputs("wavry-sim COMMAND --help says more.\n", out);
}

/* What was printed must have arrived: a result that went nowhere is none. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return code;
    perror("wavry-sim: standard output");
    return code > SIM_EXIT_USAGE ? code : SIM_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    /* Else a report could be written over the file that took the place of standard output. */
    if (!wr_standard_files_hold() || sodium_init() < 0) {
        fputs("/dev/null or libsodium cannot be used\n", stderr);
        return SIM_EXIT_USAGE;
    }
    if (argc < 2) {
        print_usage(stderr);
        return SIM_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return finish(0);
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            return finish(commands[i].run(argc - 1, argv + 1));
    }
    fprintf(stderr, "wavry-sim: no command \"%s\"\n", argv[1]);
    print_usage(stderr);
    return SIM_EXIT_USAGE;
}
