#include "lease_text.h"
#include "probe_check.h"
#include "probe_usage.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: wavry-probe HOST:PORT --key-file FILE (--relay-id ID | --health WHERE) [OPTIONS]\n"
    "       wavry-probe HOST:PORT --token-client FILE --token-server FILE [OPTIONS]\n"
    "       wavry-probe load HOST:PORT … (see wavry-probe load --help)\n"
    "\n"
    "Checks a relay from outside: two peers present leases, exchange datagrams through it and\n"
    "measure round trip, loss, duplication and reordering. Says which stage failed, and why.\n"
    "\n"
    "Leases:\n"
    "  --key-file FILE       the secret key that signs leases (wavry-lease keygen); \"-\": "
    "standard\n"
    "                        input\n"
    "  --kid KID             the key's name in the leases; else the one of the key file\n"
    "  --relay-id ID         the id that the relay was given\n"
    "  --health WHERE        ask the relay for its id: HOST:PORT of its --health-listen, or a URL\n"
    "  --token-client FILE, --token-server FILE\n"
    "                        leases that a master gave, instead of a key: one session, both roles\n"
    "\n"
    "Traffic:\n"
    "  --behaviour WHAT      robust (default), or upstream: as real clients of 0.0.5 do, with "
    "their\n"
    "                        bare RIFT handshake, nothing repeated\n"
    "  --form FORM           opaque (default) or rift; robust only\n"
    "  --count N             datagrams each way, 1 to 1000000 (200)\n"
    "  --rate N              of them per second, 1 to 10000 (100)\n"
    "  --size BYTES          of a datagram (UDP payload), 80 to 1500 (200)\n"
    "  --max-loss PERCENT    more loss than that, either way, is a failure (10)\n"
    "\n"
    "  --timeout MS          of each stage, 100 to 600000 (5000)\n"
    "  -4, -6                IPv4 or IPv6 only\n"
    "  --json                the report as one JSON object\n"
    "  --help                this text\n"
    "\n"
    "Stages: resolve health socket lease client server handshake forward measure release.\n"
    "Exit code: 0 the relay forwards, 1 it does not, 2 wrong usage.\n";

enum {
    OPTION_KEY_FILE = 256,
    OPTION_KID,
    OPTION_RELAY_ID,
    OPTION_HEALTH,
    OPTION_TOKEN_CLIENT,
    OPTION_TOKEN_SERVER,
    OPTION_BEHAVIOUR,
    OPTION_FORM,
    OPTION_COUNT,
    OPTION_RATE,
    OPTION_SIZE,
    OPTION_MAX_LOSS,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_HELP,
};

static const struct option names[] = {
    {"key-file", required_argument, NULL, OPTION_KEY_FILE},
    {"kid", required_argument, NULL, OPTION_KID},
    {"relay-id", required_argument, NULL, OPTION_RELAY_ID},
    {"health", required_argument, NULL, OPTION_HEALTH},
    {"token-client", required_argument, NULL, OPTION_TOKEN_CLIENT},
    {"token-server", required_argument, NULL, OPTION_TOKEN_SERVER},
    {"behaviour", required_argument, NULL, OPTION_BEHAVIOUR},
    {"form", required_argument, NULL, OPTION_FORM},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"max-loss", required_argument, NULL, OPTION_MAX_LOSS},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool take_word(const char *name, const char *value, const char *first, const char *second,
                      bool *is_second)
{
    *is_second = strcmp(value, second) == 0;
    if (*is_second || strcmp(value, first) == 0)
        return true;
    return probe_usage("%s is %s or %s, not '%s'", name, first, second, value);
}

static bool take_option(struct probe_options *options, int option, const char *value, bool *help_it)
{
    bool second = false;
    bool good = true;
    switch (option) {
    case OPTION_KEY_FILE:
        options->key_file = value;
        return true;
    case OPTION_KID:
        options->kid = value;
        return strlen(value) <= WR_KID_BYTES_MAX ||
               probe_usage("--kid has at most %d bytes", WR_KID_BYTES_MAX);
    case OPTION_RELAY_ID:
        options->relay_id = value;
        return (*value != '\0' && strlen(value) <= WR_RELAY_ID_BYTES_MAX) ||
               probe_usage("--relay-id has 1 to %d bytes", WR_RELAY_ID_BYTES_MAX);
    case OPTION_HEALTH:
        options->health = value;
        return true;
    case OPTION_TOKEN_CLIENT:
        options->token_files[WR_ROLE_CLIENT] = value;
        return true;
    case OPTION_TOKEN_SERVER:
        options->token_files[WR_ROLE_SERVER] = value;
        return true;
    case OPTION_BEHAVIOUR:
        good = take_word("--behaviour", value, "robust", "upstream", &second);
        options->behaviour = second ? WR_PEER_UPSTREAM : WR_PEER_ROBUST;
        return good;
    case OPTION_FORM:
        good = take_word("--form", value, "opaque", "rift", &second);
        options->form = second ? WR_PEER_RIFT : WR_PEER_OPAQUE;
        return good;
    case OPTION_COUNT:
        return probe_take_u32("--count", value, 1, PROBE_COUNT_MAX, &options->count);
    case OPTION_RATE:
        return probe_take_u32("--rate", value, 1, PROBE_RATE_MAX, &options->rate);
    case OPTION_SIZE:
        return probe_take_u32("--size", value, PROBE_SIZE_MIN, WR_DATAGRAM_BYTES_MAX,
                              &options->size);
    case OPTION_MAX_LOSS:
        return probe_take_u32("--max-loss", value, 0, 100, &options->max_loss_pct);
    case OPTION_TIMEOUT:
        return probe_take_u32("--timeout", value, 100, 600000, &options->timeout_ms);
    case '4':
        options->family = AF_INET;
        return true;
    case '6':
        options->family = AF_INET6;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_HELP:
        *help_it = true;
        return true;
    default:
        return probe_usage_hint();
    }
}

static bool check_given(const struct probe_options *options)
{
    bool client = options->token_files[WR_ROLE_CLIENT] != NULL;
    bool server = options->token_files[WR_ROLE_SERVER] != NULL;
    if (options->target == NULL)
        return probe_usage("HOST:PORT of the relay is missing");
    if (client != server)
        return probe_usage("--token-client and --token-server go together");
    if (client == (options->key_file != NULL))
        return probe_usage("either --key-file, or --token-client and --token-server");
    if (client && options->kid != NULL)
        return probe_usage("--kid goes with --key-file");
    if (!client && options->relay_id == NULL && options->health == NULL)
        return probe_usage("a lease names its relay: --relay-id ID, or --health to ask it");
    return true;
}

int probe_options_read(struct probe_options *options, int argc, char **argv)
{
    bool help_it = false;
    int option;
    *options = (struct probe_options){.count = 200,
                                      .rate = 100,
                                      .size = 200,
                                      .max_loss_pct = 10,
                                      .timeout_ms = 5000,
                                      .family = AF_UNSPEC};
    while ((option = getopt_long(argc, argv, "46", names, NULL)) != -1) {
        if (!take_option(options, option, optarg, &help_it))
            return 2;
    }
    if (help_it) {
        fputs(help, stdout);
        return 1;
    }
    if (optind < argc)
        options->target = argv[optind++];
    if (optind < argc) {
        probe_usage("'%s' is not expected", argv[optind]);
        return 2;
    }
    return check_given(options) ? 0 : 2;
}
