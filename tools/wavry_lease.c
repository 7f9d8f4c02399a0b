/* wavry-lease: keys and lease tokens, for people and scripts. This file only chooses the command.
 */

#include "lease_commands.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char help[] = "Usage: wavry-lease COMMAND [OPTIONS]\n"
                           "\n"
                           "  keygen    make a key pair that signs leases\n"
                           "  mint      sign a lease token\n"
                           "  inspect   explain a token in words, without trusting it\n"
                           "  verify    judge a token as a relay would, and say so in JSON\n"
                           "\n"
                           "'wavry-lease COMMAND --help' tells more.\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"keygen", lease_keygen_command},
    {"mint", lease_mint_command},
    {"inspect", lease_inspect_command},
    {"verify", lease_verify_command},
};

/* What was printed must have arrived: a key that went nowhere is lost. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return code;
    perror("wavry-lease: standard output");
    return LEASE_EXIT_REFUSED;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0) {
        fprintf(stderr, "wavry-lease: libsodium could not be set up\n");
        return LEASE_EXIT_REFUSED;
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        fputs(help, stdout);
        return finish(LEASE_EXIT_OK);
    }
    for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return finish(commands[i].run(argc - 1, argv + 1));
    }
    if (argc >= 2)
        fprintf(stderr, "wavry-lease: there is no command '%s'\n", argv[1]);
    fputs(help, stderr);
    return LEASE_EXIT_USAGE;
}
