#include "load.h"

#include "probe_usage.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: wavry-probe load HOST:PORT --key-file FILE (--relay-id ID | --health WHERE) [OPTIONS]\n"
    "\n"
    "Loads a relay: sets up sessions with real leases, sends a stream of datagrams through each "
    "from\n"
    "client to server, and counts what is delivered. One thread: pin it with taskset. A relay on "
    "an\n"
    "IPv4 loopback address sees another source address for every peer.\n"
    "\n"
    "  --key-file FILE, --kid KID, --relay-id ID, --health WHERE\n"
    "                        as for the check (wavry-probe --help)\n"
    "\n"
    "  --flows N             sessions, 1 to 1000000 (1)\n"
    "  --rate N|max          datagrams per second in all (1000), or as fast as it goes\n"
    "  --size BYTES          of a datagram (UDP payload), 44 to 1500 (1200)\n"
    "  --seconds N           0.1 to 3000 (5)\n"
    "  --burst N             datagrams at a time of a paced stream, 1 to 1024 (16)\n"
    "  --run N               of them in a row for one flow, 1 to 64 (1; with --gso 16)\n"
    "  --gso                 send runs as one (UDP_SEGMENT)\n"
    "  --gro-sink            receive runs as one (UDP_GRO)\n"
    "  --latency             measure it for each datagram, to the kernel's receive timestamp\n"
    "  --max-loss PERCENT    more loss than that is a failure (100: only that of all)\n"
    "  --keep                do not release the sessions at the end\n"
    "\n"
    "Beside the stream:\n"
    "  --bogus-leases RATE   well-formed leases with a wrong signature, per second, each with\n"
    "                        another session and source\n"
    "  --malformed N         datagrams that are wrong in every way, evenly over the time\n"
    "  --churn RATE          sessions per second that are set up, used once, and released\n"
    "  --churn-total N       so many such sessions instead, as fast as the relay takes them; goes "
    "on\n"
    "                        until all have ended\n"
    "  --seed N              of what is random in those (1)\n"
    "\n"
    "For benchmarks:\n"
    "  --cpu-of PID          CPU time of that process while the stream runs\n"
    "  --no-leases           no session is set up: for something that only forwards\n"
    "  --client-port N, --server-port N\n"
    "                        where the two sockets are (any free port)\n"
    "\n"
    "  -4, -6                IPv4 or IPv6 only\n"
    "  --json                the results as one JSON object\n"
    "  --help                this text\n"
    "\n"
    "Exit code: 0 delivered, 1 not (or too much lost, or no sessions), 2 wrong usage.\n";

enum {
    OPTION_KEY_FILE = 256,
    OPTION_KID,
    OPTION_RELAY_ID,
    OPTION_HEALTH,
    OPTION_FLOWS,
    OPTION_RATE,
    OPTION_SIZE,
    OPTION_SECONDS,
    OPTION_BURST,
    OPTION_RUN,
    OPTION_GSO,
    OPTION_GRO_SINK,
    OPTION_LATENCY,
    OPTION_MAX_LOSS,
    OPTION_KEEP,
    OPTION_BOGUS,
    OPTION_MALFORMED,
    OPTION_CHURN,
    OPTION_CHURN_TOTAL,
    OPTION_SEED,
    OPTION_CPU_OF,
    OPTION_NO_LEASES,
    OPTION_CLIENT_PORT,
    OPTION_SERVER_PORT,
    OPTION_JSON,
    OPTION_HELP,
};

static const struct option names[] = {
    {"key-file", required_argument, NULL, OPTION_KEY_FILE},
    {"kid", required_argument, NULL, OPTION_KID},
    {"relay-id", required_argument, NULL, OPTION_RELAY_ID},
    {"health", required_argument, NULL, OPTION_HEALTH},
    {"flows", required_argument, NULL, OPTION_FLOWS},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"burst", required_argument, NULL, OPTION_BURST},
    {"run", required_argument, NULL, OPTION_RUN},
    {"gso", no_argument, NULL, OPTION_GSO},
    {"gro-sink", no_argument, NULL, OPTION_GRO_SINK},
    {"latency", no_argument, NULL, OPTION_LATENCY},
    {"max-loss", required_argument, NULL, OPTION_MAX_LOSS},
    {"keep", no_argument, NULL, OPTION_KEEP},
    {"bogus-leases", required_argument, NULL, OPTION_BOGUS},
    {"malformed", required_argument, NULL, OPTION_MALFORMED},
    {"churn", required_argument, NULL, OPTION_CHURN},
    {"churn-total", required_argument, NULL, OPTION_CHURN_TOTAL},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"cpu-of", required_argument, NULL, OPTION_CPU_OF},
    {"no-leases", no_argument, NULL, OPTION_NO_LEASES},
    {"client-port", required_argument, NULL, OPTION_CLIENT_PORT},
    {"server-port", required_argument, NULL, OPTION_SERVER_PORT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool take_text(struct load_options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_KEY_FILE:
        options->key_file = value;
        break;
    case OPTION_KID:
        options->kid = value;
        return strlen(value) <= WR_KID_BYTES_MAX ||
               probe_usage("--kid has at most %d bytes", WR_KID_BYTES_MAX);
    case OPTION_RELAY_ID:
        options->relay_id = value;
        return (*value != '\0' && strlen(value) <= WR_RELAY_ID_BYTES_MAX) ||
               probe_usage("--relay-id has 1 to %d bytes", WR_RELAY_ID_BYTES_MAX);
    default:
        options->health = value;
        break;
    }
    return true;
}

static bool take_flag(struct load_options *options, int option)
{
    switch (option) {
    case OPTION_GSO:
        return options->gso = true;
    case OPTION_GRO_SINK:
        return options->gro_sink = true;
    case OPTION_LATENCY:
        return options->latency = true;
    case OPTION_KEEP:
        return options->keep = true;
    case OPTION_NO_LEASES:
        return options->bare = true;
    case OPTION_JSON:
        return options->json = true;
    case '4':
        options->family = AF_INET;
        return true;
    case '6':
        options->family = AF_INET6;
        return true;
    default:
        return probe_usage_hint();
    }
}

/* Whole seconds, and perhaps a tenth: "0.5". */
static bool take_seconds(const char *value, uint32_t *out_ms)
{
    char whole[8];
    size_t bytes = strcspn(value, ".");
    const char *tenth = value + bytes;
    uint32_t seconds;
    bool has_tenth = *tenth == '.' && tenth[1] >= '0' && tenth[1] <= '9' && tenth[2] == '\0';
    snprintf(whole, sizeof whole, "%.*s", (int)bytes, value);
    if (bytes >= sizeof whole || (*tenth != '\0' && !has_tenth))
        return probe_usage("--seconds is 0.1 to %d, not '%s'", LOAD_SECONDS_MAX, value);
    if (!probe_take_u32("--seconds", whole, 0, LOAD_SECONDS_MAX, &seconds))
        return false;
    *out_ms = seconds * 1000 + (has_tenth ? (uint32_t)(tenth[1] - '0') * 100 : 0);
    return (*out_ms > 0 && *out_ms <= LOAD_SECONDS_MAX * 1000) ||
           probe_usage("--seconds is 0.1 to %d, not '%s'", LOAD_SECONDS_MAX, value);
}

static bool take_number(struct load_options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_FLOWS:
        return probe_take_u32("--flows", value, 1, LOAD_FLOWS_MAX, &options->flows);
    case OPTION_RATE:
        if (strcmp(value, "max") != 0)
            return probe_take_u32("--rate", value, 1, 100000000, &options->rate);
        options->rate = 0;
        return true;
    case OPTION_SIZE:
        return probe_take_u32("--size", value, LOAD_SIZE_MIN, WR_DATAGRAM_BYTES_MAX,
                              &options->size);
    case OPTION_SECONDS:
        return take_seconds(value, &options->duration_ms);
    case OPTION_BURST:
        return probe_take_u32("--burst", value, 1, 1024, &options->burst);
    case OPTION_RUN:
        return probe_take_u32("--run", value, 1, LOAD_BATCH, &options->run);
    case OPTION_MAX_LOSS:
        return probe_take_u32("--max-loss", value, 0, 100, &options->max_loss_pct);
    case OPTION_BOGUS:
        return probe_take_u32("--bogus-leases", value, 0, 10000000, &options->bogus);
    case OPTION_MALFORMED:
        return probe_take_u32("--malformed", value, 0, 1000000000, &options->malformed);
    case OPTION_CHURN:
        return probe_take_u32("--churn", value, 0, 100000, &options->churn);
    case OPTION_CHURN_TOTAL:
        return probe_take_u32("--churn-total", value, 0, 1000000000, &options->churn_total);
    case OPTION_SEED:
        return probe_take_u32("--seed", value, 0, UINT32_MAX, &options->seed);
    case OPTION_CPU_OF:
        return probe_take_u32("--cpu-of", value, 1, INT32_MAX, &options->cpu_of);
    case OPTION_CLIENT_PORT:
        return probe_take_u32("--client-port", value, 0, UINT16_MAX, &options->ports[0]);
    case OPTION_SERVER_PORT:
        return probe_take_u32("--server-port", value, 0, UINT16_MAX, &options->ports[1]);
    default:
        return take_flag(options, option);
    }
}

static bool check_given(struct load_options *options)
{
    if (options->target == NULL)
        return probe_usage("HOST:PORT of the relay is missing");
    if (options->run == 0)
        options->run = options->gso ? 16 : 1;
    if (options->run * options->size > 65000)
        return probe_usage("--run times --size is at most 65000 bytes");
    if (options->churn > 0 && options->churn_total > 0)
        return probe_usage("either --churn or --churn-total");
    if (options->bare) {
        bool alone = options->key_file == NULL && options->bogus == 0 && options->churn == 0 &&
                     options->churn_total == 0 && options->malformed == 0;
        return alone || probe_usage("--no-leases goes with the stream alone, without --key-file");
    }
    if (options->key_file == NULL)
        return probe_usage("--key-file is missing");
    if (options->relay_id == NULL && options->health == NULL)
        return probe_usage("a lease names its relay: --relay-id ID, or --health to ask it");
    return true;
}

int load_options_read(struct load_options *options, int argc, char **argv)
{
    int option;
    *options = (struct load_options){.flows = 1,
                                     .rate = 1000,
                                     .size = 1200,
                                     .duration_ms = 5000,
                                     .burst = 16,
                                     .seed = 1,
                                     .max_loss_pct = 100,
                                     .family = AF_UNSPEC};
    while ((option = getopt_long(argc, argv, "46", names, NULL)) != -1) {
        bool text = option >= OPTION_KEY_FILE && option <= OPTION_HEALTH;
        if (option == OPTION_HELP) {
            fputs(help, stdout);
            return 1;
        }
        if (!(text ? take_text(options, option, optarg) : take_number(options, option, optarg)))
            return 2;
    }
    if (optind < argc)
        options->target = argv[optind++];
    if (optind < argc) {
        probe_usage("'%s' is not expected", argv[optind]);
        return 2;
    }
    return check_given(options) ? 0 : 2;
}
