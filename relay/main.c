/* wavry-relay: reads what the operator asks for, and lives accordingly. */
#include "health_check.h"
#include "identity.h"
#include "life.h"
#include "standard_files.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define EXIT_USAGE 2

static int check(const struct rd_options *options)
{
    char relay_id[WR_RELAY_ID_BYTES_MAX + 1];
    struct rd_error error = {""};
    if (!rd_identity_check(options, relay_id, &error)) {
        (void)fprintf(stderr, "wavry-relay: %s\n", error.text);
        return EXIT_USAGE;
    }
    (void)fputs("wavry-relay: the configuration is fine (", stdout);
    if (relay_id[0] != '\0')
        (void)printf("relay id %s)\n", relay_id);
    else if (options->state_dir[0] != '\0')
        (void)printf("a new relay id will be made in %s)\n", options->state_dir);
    else
        (void)puts("each start has a new relay id)");
    return 0;
}

int main(int argc, char **argv)
{
    /* "wavry-relay health OPTION…" asks a relay that runs with the same options. */
    bool asks_health = argc > 1 && strcmp(argv[1], "health") == 0;
    if (asks_health) {
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    struct rd_options options;
    struct rd_error error = {""};
    int code = EXIT_USAGE;
    /* Else the next files to be opened would take the places of closed ones, and the log would be
     * written into a socket or an eventfd. */
    if (!wr_standard_files_hold() || sodium_init() < 0) {
        (void)fputs("wavry-relay: /dev/null or libsodium cannot be used\n", stderr);
        return 1;
    }
    enum rd_options_outcome outcome = asks_health
                                          ? rd_options_read_health(&options, argc, argv, &error)
                                          : rd_options_read(&options, argc, argv, &error);
    switch (outcome) {
    case RD_OPTIONS_RUN:
        code = asks_health ? rd_health_check(&options.health_listen)
                           : rd_life_run(&options, argc, argv);
        break;
    case RD_OPTIONS_DONE:
        code = 0;
        break;
    case RD_OPTIONS_CHECK:
        code = check(&options);
        break;
    case RD_OPTIONS_BAD:
        (void)fprintf(stderr, "wavry-relay: %s\n", error.text);
        break;
    }
    rd_options_free(&options);
    return code;
}
