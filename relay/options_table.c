#include "options_table.h"

#include "text_rules.h"

#include <nearest.h>
#include <string.h>

#define SECS_MAX (366u * 24 * 3600)
#define RATE_MAX 1000000000u

static const char *const role_policies[] = {"signed", "strict", NULL};
static const char *const rebinds[] = {"off", "same-ip", "any", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", "trace", NULL};
static const char *const log_formats[] = {"text", "json", NULL};

#define AT(member) .offset = offsetof(struct rd_options, member)
#define TEXT_AT(member)                                                                            \
    .kind = RD_KIND_TEXT, AT(member), .room = sizeof(((struct rd_options *)NULL)->member)
#define NUMBER_AT(member, least, most)                                                             \
    .kind = RD_KIND_NUMBER, AT(member), .min = (least), .max = (most)
#define SECS_AT(member, least) NUMBER_AT(member, least, SECS_MAX)

#define NETWORK       .group = RD_GROUP_NETWORK
#define MASTER        .group = RD_GROUP_MASTER
#define TRUST         .group = RD_GROUP_TRUST
#define LIMITS        .group = RD_GROUP_LIMITS
#define TIMES         .group = RD_GROUP_TIMES
#define PROTOCOL      .group = RD_GROUP_PROTOCOL
#define PROCESS       .group = RD_GROUP_PROCESS
#define LOG           .group = RD_GROUP_LOG
#define CONFIGURATION .group = RD_GROUP_CONFIGURATION

/* clang-format off */
const struct rd_option rd_option_table[] = {
    {"listen", "WAVRY_RELAY_LISTEN", "ADDR:PORT", "0.0.0.0:4000",
     "UDP address of the peers; [::]:PORT takes IPv4 too, port 0 is any free one. One that is not "
     "loopback needs WAVRY_RELAY_ALLOW_PUBLIC_BIND=1 and, outside a container, "
     "WAVRY_RELAY_ALLOW_HOST_PROD_BIND=1 as well",
     RD_KIND_ADDRESS, NETWORK, AT(listen)},
    {"advertise", NULL, "ADDR[:PORT]", NULL,
     "address that the master tells peers, up to 8 times; without it the one of --listen or, where "
     "that is a wildcard, the one the kernel would use towards the master",
     RD_KIND_ADVERTISE, NETWORK, AT(advertise), .repeatable = true},
    {"health-listen", "WAVRY_RELAY_HEALTH_LISTEN", "ADDR:PORT", "127.0.0.1:9091",
     "TCP address of /health, /ready and /metrics; what is said of --listen holds here too",
     RD_KIND_ADDRESS, NETWORK, AT(health_listen)},
    {"dscp", NULL, "N", "off", "DSCP of what is sent, 0 to 63",
     NETWORK, NUMBER_AT(dscp, 0, 63), .word = "off", .word_value = UINT32_MAX},
    {"gro", NULL, "on|off", "on", "let the kernel gather received datagrams where it can",
     RD_KIND_SWITCH, NETWORK, AT(gro)},
    {"gso", NULL, "on|off", "on", "let the kernel split sent datagrams where it can",
     RD_KIND_SWITCH, NETWORK, AT(gso)},

    {"master-url", "WAVRY_MASTER_URL", "URL", "http://localhost:8080", "master, http or https",
     MASTER, TEXT_AT(master_url), .wrong = rd_url_wrong},
    {"master-auth-token", "WAVRY_RELAY_MASTER_TOKEN", "TOKEN", NULL,
     "bearer token for the master (better given by the variable: a command line can be read by "
     "every user)",
     MASTER, TEXT_AT(master_auth_token), .wrong = rd_token_wrong, .secret = true},
    {"standalone", NULL, NULL, "false", "work without a master; needs keys",
     RD_KIND_FLAG, MASTER, AT(standalone)},
    {"relay-id", NULL, "ID", NULL,
     "name that leases are made out to; without it the one in --state-dir, else a new UUID",
     MASTER, TEXT_AT(relay_id), .wrong = rd_relay_id_wrong},
    {"state-dir", NULL, "DIR", NULL,
     "where the relay id is kept, so that leases outlive a restart",
     MASTER, TEXT_AT(state_dir), .wrong = rd_words_wrong},
    {"region", "WAVRY_RELAY_REGION", "NAME", NULL, "region told to the master",
     MASTER, TEXT_AT(region), .wrong = rd_words_wrong},
    {"asn", "WAVRY_RELAY_ASN", "N", "0", "autonomous system number told to the master, 0 for none",
     MASTER, NUMBER_AT(asn, 0, UINT32_MAX)},
    {"max-bitrate-kbps", "WAVRY_RELAY_MAX_BITRATE", "KBPS", "20000",
     "bitrate told to the master, which refuses less than 10000",
     MASTER, NUMBER_AT(max_bitrate_kbps, 10000, UINT32_MAX)},

    {"master-public-key", "WAVRY_RELAY_MASTER_PUBLIC_KEY", "HEX", NULL,
     "pin this Ed25519 key of the master's, for leases with any kid; once a key is pinned, only "
     "pinned ones are trusted",
     RD_KIND_PUBLIC_KEY, TRUST, .secret = true, .live = true},
    {"key", NULL, "KID:HEX", NULL, "pin this key for leases with this kid; up to 8 times",
     RD_KIND_KEY, TRUST, .secret = true, .repeatable = true, .live = true},
    {"key-file", NULL, "FILE", NULL,
     "keys to pin, KID:HEX a line, and keys never to trust again, `revoke HEX` a line",
     TRUST, TEXT_AT(key_file), .wrong = rd_words_wrong, .live = true},
    {"ban-file", NULL, "FILE", NULL, "banned identities, one a line",
     TRUST, TEXT_AT(ban_file), .wrong = rd_words_wrong, .live = true},
    {"allow-insecure-dev", "WAVRY_RELAY_ALLOW_INSECURE_DEV", NULL, "false",
     "do not check signatures: anybody can make leases; development only, needs "
     "WAVRY_ALLOW_INSECURE_RELAY=1 as well",
     RD_KIND_FLAG, TRUST, AT(core.allow_insecure_dev)},
    {"role-policy", NULL, "signed|strict", "signed",
     "the signed role counts, or the presented one must be the same",
     RD_KIND_CHOICE, TRUST, AT(core.role_policy), .choices = role_policies, .live = true},

    {"max-sessions", NULL, "N", "100", "sessions at a time; while running it cannot go beyond what it was at the start",
     LIMITS, NUMBER_AT(core.max_sessions, 1, 1u << 24), .live = true},
    {"load-shed-threshold-pct", NULL, "PCT", "95", "percent of --max-sessions from which new ones "
     "are refused",
     LIMITS, NUMBER_AT(core.load_shed_threshold_pct, 1, 100), .live = true},
    {"ip-rate-limit-pps", "WAVRY_RELAY_IP_RATE_LIMIT_PPS", "PPS", "1000",
     "packets a second of a source prefix (/32, /64) outside its sessions",
     LIMITS, NUMBER_AT(core.ip_rate_limit_pps, 1, RATE_MAX), .live = true},
    {"identity-rate-limit-pps", "WAVRY_RELAY_IDENTITY_RATE_LIMIT_PPS", "PPS", "200",
     "roles that an identity may take in a second",
     LIMITS, NUMBER_AT(core.identity_rate_limit_pps, 1, RATE_MAX), .live = true},
    {"peer-rate-limit-pps", NULL, "PPS", "20000", "packets a second of a peer in its session, 0 "
     "for no limit",
     LIMITS, NUMBER_AT(core.peer_rate_limit_pps, 0, RATE_MAX), .live = true},
    {"max-bandwidth-kbps", NULL, "KBPS", "0", "bandwidth of all sessions together, 0 for no limit",
     LIMITS, NUMBER_AT(core.max_bandwidth_kbps, 48, UINT32_MAX), .word = "0", .live = true},
    {"verify-rate", NULL, "N", "auto",
     "signatures checked a second; auto is what half a core can do, measured at the start",
     LIMITS, NUMBER_AT(core.verify_rate, 1, RATE_MAX), .word = "auto", .live = true},
    {"packet-queue-capacity", "WAVRY_RELAY_PACKET_QUEUE_CAPACITY", "N", "2048",
     "datagrams that may wait for a worker that is not the one they reached; at least 64 are taken",
     LIMITS, NUMBER_AT(packet_queue_capacity, 1, 1u << 20)},

    {"idle-timeout", NULL, "SECS", "60", "end a session in which no peer was heard for so long",
     TIMES, SECS_AT(core.idle_timeout_secs, 1), .live = true},
    {"peer-wait-secs", NULL, "SECS", "60", "end a session whose second peer did not come in this time",
     TIMES, SECS_AT(core.peer_wait_secs, 1), .live = true},
    {"lease-duration-secs", NULL, "SECS", "0",
     "shorten leases to this, 0 for what their signature says",
     TIMES, SECS_AT(core.lease_duration_secs, 0), .live = true},
    {"max-clock-skew-secs", NULL, "SECS", "30", "by how much clocks may differ",
     TIMES, NUMBER_AT(core.max_clock_skew_secs, 0, 3600), .live = true},
    {"drain-timeout-secs", NULL, "SECS", "30",
     "how long sessions may go on after SIGTERM",
     TIMES, SECS_AT(core.drain_timeout_secs, 0), .live = true},
    {"cleanup-interval-secs", NULL, "SECS", "10",
     "without effect, accepted for compatibility: everything ends at its deadline",
     RD_KIND_UNUSED, TIMES, .max = UINT32_MAX},

    {"passive-rebind", NULL, "off|same-ip|any", "same-ip",
     "from where a peer may move to a new address without presenting its lease again",
     RD_KIND_CHOICE, PROTOCOL, AT(core.passive_rebind), .choices = rebinds, .live = true},
    {"bare-rift", NULL, "on|off", "on", "relay the handshake of clients that send it unwrapped",
     RD_KIND_SWITCH, PROTOCOL, AT(core.bare_rift), .live = true},

    {"workers", NULL, "N", "auto", "threads that forward; auto is one for each core, at most 64",
     PROCESS, NUMBER_AT(workers, 1, RD_WORKERS_MAX), .word = "auto"},
    {"user", NULL, "NAME", "nobody", "user to become when started as root",
     PROCESS, TEXT_AT(user), .wrong = rd_user_wrong},
    {"seccomp", NULL, "on|off", "on", "refuse system calls that the relay does not need",
     RD_KIND_SWITCH, PROCESS, AT(seccomp)},

    {"log-level", NULL, "LEVEL", "info", "error, warn, info, debug or trace",
     RD_KIND_CHOICE, LOG, AT(log_level), .choices = log_levels, .live = true},
    {"log-format", NULL, "text|json", "text", "form of a line of the log",
     RD_KIND_CHOICE, LOG, AT(log_format), .choices = log_formats},
    {"stats-log-interval-secs", NULL, "SECS", "30", "time between statistics in the log, 0 for none",
     LOG, SECS_AT(stats_log_interval_secs, 0), .live = true},

    {"config", NULL, "FILE", NULL, "read options from this file, `name = value` a line",
     CONFIGURATION, TEXT_AT(config_file), .wrong = rd_words_wrong},
    {"check-config", NULL, NULL, NULL, "say what would be used, and exit: 0 all is well, 2 not",
     RD_KIND_ACTION, CONFIGURATION},
    {"help", NULL, NULL, NULL, "print this and exit", RD_KIND_ACTION, CONFIGURATION},
    {"version", NULL, NULL, NULL, "print the version and exit", RD_KIND_ACTION, CONFIGURATION},
};
/* clang-format on */
const size_t rd_option_count = sizeof rd_option_table / sizeof *rd_option_table;
_Static_assert(sizeof rd_option_table / sizeof *rd_option_table <= RD_OPTIONS_MAX,
               "every option has a place in rd_options.sources");
_Static_assert(sizeof(enum rd_log_level) == sizeof(uint32_t) &&
                   sizeof(enum wr_passive_rebind) == sizeof(uint32_t) &&
                   sizeof(int) == sizeof(uint32_t),
               "numbers and choices are written as uint32_t");

const struct rd_option *rd_option_find(const char *name)
{
    for (size_t i = 0; i < rd_option_count; i++) {
        if (strcmp(rd_option_table[i].name, name) == 0)
            return &rd_option_table[i];
    }
    return NULL;
}

bool rd_option_is_setting(const struct rd_option *option)
{
    return option->kind != RD_KIND_ACTION && strcmp(option->name, "config") != 0;
}

const char *rd_option_nearest(const char *name, bool settings)
{
    struct wr_nearest search = wr_nearest_to(name);
    for (size_t i = 0; i < rd_option_count; i++) {
        if (!settings || rd_option_is_setting(&rd_option_table[i]))
            wr_nearest_offer(&search, rd_option_table[i].name);
    }
    return search.best;
}

const char *rd_option_group_title(enum rd_option_group group)
{
    switch (group) {
    case RD_GROUP_NETWORK:
        return "Network";
    case RD_GROUP_MASTER:
        return "Master";
    case RD_GROUP_TRUST:
        return "Trust";
    case RD_GROUP_LIMITS:
        return "Limits";
    case RD_GROUP_TIMES:
        return "Times";
    case RD_GROUP_PROTOCOL:
        return "Protocol";
    case RD_GROUP_PROCESS:
        return "Process";
    case RD_GROUP_LOG:
        return "Log";
    case RD_GROUP_CONFIGURATION:
        return "Configuration";
    }
    return "";
}
