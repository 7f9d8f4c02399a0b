#include "relay_actions.h"

#include "relay_tokens.h"

#include <inttypes.h>
#include <string.h>

/* What a setting may become, the default first. `name` is the option of traces, NULL where they
 * have none. */
#define CHOICES_MAX 6
static const struct setting {
    const char *name;
    size_t member;
    uint32_t choices[CHOICES_MAX];
    uint32_t count;
} settings[] = {
#define SETTING(name, member, count, ...)                                                          \
    {                                                                                              \
        name, offsetof(struct wr_relay_config, member), {__VA_ARGS__}, count                       \
    }
    SETTING("max-sessions", max_sessions, 5, 8, 1, 2, 3, 4),
    SETTING("load-shed-threshold-pct", load_shed_threshold_pct, 4, 95, 1, 50, 100),
    SETTING("idle-timeout", idle_timeout_secs, 6, 60, 1, 5, 29, 600, 7200),
    SETTING("peer-wait-secs", peer_wait_secs, 6, 60, 1, 5, 59, 600, 7200),
    SETTING("lease-duration-secs", lease_duration_secs, 5, 0, 1, 15, 60, 3600),
    SETTING("max-clock-skew-secs", max_clock_skew_secs, 4, 30, 0, 1, 3600),
    SETTING("ip-rate-limit-pps", ip_rate_limit_pps, 5, 1000, 1, 2, 8, 50),
    SETTING("identity-rate-limit-pps", identity_rate_limit_pps, 4, 200, 1, 2, 4),
    SETTING("peer-rate-limit-pps", peer_rate_limit_pps, 5, 20000, 0, 1, 4, 20),
    SETTING("max-bandwidth-kbps", max_bandwidth_kbps, 4, 0, 48, 100, 1000),
    SETTING("verify-rate", verify_rate, 5, 100000, 1, 2, 4, 1000),
    SETTING("drain-timeout-secs", drain_timeout_secs, 4, 30, 0, 1, 60),
};
#define SETTINGS ((uint32_t)(sizeof settings / sizeof *settings))

enum {
    ROLE_POLICY = SETTINGS,
    PASSIVE_REBIND,
    BARE_RIFT,
    INSECURE,
    REFRESHABLE,
    VERIFY_NS,
    OPTIONS
};

static const char *const policies[] = {"signed", "strict"};
static const char *const rebinds[] = {"off", "same-ip", "any"};
static const uint64_t verify_spans[] = {0,        WR_MS,    50 * WR_MS,   500 * WR_MS,
                                        2 * WR_S, 3 * WR_S, 2 * WR_S - 1, 10 * WR_MS};

static uint32_t *member_of(struct wr_relay_config *config, const struct setting *setting)
{
    return (uint32_t *)(void *)((char *)config + setting->member);
}

void relay_options_default(struct relay_options *options)
{
    wr_relay_config_default(&options->config);
    options->config.relay_id = RELAY_ID;
    options->config.own_addresses = relay_address(14);
    options->config.own_address_count = 1;
    options->config.max_bans = 8;
    options->verify_ns = 0;
    for (uint32_t i = 0; i < SETTINGS; i++)
        *member_of(&options->config, &settings[i]) = settings[i].choices[0];
}

void relay_options_set(struct relay_options *options, uint8_t option, uint8_t choice, bool at_birth,
                       char *text, size_t bytes)
{
    struct wr_relay_config *config = &options->config;
    uint32_t number = option % OPTIONS;
    if (number < SETTINGS) {
        uint32_t value = settings[number].choices[choice % settings[number].count];
        *member_of(config, &settings[number]) = value;
        snprintf(text, bytes, "%s %" PRIu32, settings[number].name, value);
    } else if (number == ROLE_POLICY) {
        config->role_policy = (enum wr_role_policy)(choice % 2);
        snprintf(text, bytes, "role-policy %s", policies[choice % 2]);
    } else if (number == PASSIVE_REBIND) {
        config->passive_rebind = (enum wr_passive_rebind)(choice % 3);
        snprintf(text, bytes, "passive-rebind %s", rebinds[choice % 3]);
    } else if (number == BARE_RIFT) {
        config->bare_rift = choice % 2 == 0;
        snprintf(text, bytes, "bare-rift %s", config->bare_rift ? "on" : "off");
    } else if (!at_birth) {
        snprintf(text, bytes, "nothing that changes");
    } else if (number == INSECURE) {
        config->allow_insecure_dev = choice % 2 != 0;
        snprintf(text, bytes, "allow-insecure-dev %d", config->allow_insecure_dev);
    } else if (number == REFRESHABLE) {
        config->keys_refreshable = choice % 2 == 0;
        snprintf(text, bytes, "keys refreshable %d", config->keys_refreshable);
    } else {
        options->verify_ns = verify_spans[choice % 8];
        snprintf(text, bytes, "a verification takes %" PRIu64 " ns", options->verify_ns);
    }
}

/* Section 10's ranges, and the values next to them that are outside. */
static const struct {
    const char *name;
    size_t member;
    uint32_t outside[2];
} bounds[] = {
#define BOUND(member, ...)                                                                         \
    {                                                                                              \
#member, offsetof(struct wr_relay_config, member),                                         \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
    BOUND(max_sessions, 0, 16777217),
    BOUND(load_shed_threshold_pct, 0, 101),
    BOUND(idle_timeout_secs, 0, 31622401),
    BOUND(peer_wait_secs, 0, 31622401),
    BOUND(lease_duration_secs, 31622401, UINT32_MAX),
    BOUND(max_clock_skew_secs, 3601, UINT32_MAX),
    BOUND(ip_rate_limit_pps, 0, 1000000001),
    BOUND(identity_rate_limit_pps, 0, 1000000001),
    BOUND(peer_rate_limit_pps, 1000000001, UINT32_MAX),
    BOUND(max_bandwidth_kbps, 1, 47),
    BOUND(verify_rate, 0, 1000000001),
    BOUND(drain_timeout_secs, 31622401, UINT32_MAX),
    /* A relay is born with these. */
    BOUND(max_bans, 16777217, UINT32_MAX),
    BOUND(own_address_count, 17, UINT32_MAX),
};
#define BOUNDS ((uint32_t)(sizeof bounds / sizeof *bounds))

const char *relay_options_spoil(struct wr_relay_config *config, uint8_t option, uint8_t choice)
{
    static char too_long[WR_RELAY_ID_BYTES_MAX + 2];
    uint32_t number = option % (BOUNDS + 1);
    if (number < BOUNDS) {
        *(uint32_t *)(void *)((char *)config + bounds[number].member) =
            bounds[number].outside[choice % 2];
        return bounds[number].name;
    }
    memset(too_long, 'r', sizeof too_long - 1);
    config->relay_id = choice % 3 == 0 ? "" : choice % 3 == 1 ? too_long : NULL;
    return "relay_id";
}

void relay_options_trace(const struct relay_options *options, FILE *out)
{
    struct relay_options copy = *options;
    const struct wr_relay_config *config = &copy.config;
    char listen[WR_ADDRESS_TEXT_BYTES];
    snprintf(listen, sizeof listen, "198.51.100.1:4000");
    fprintf(out,
            "{\"relay_id\": \"%s\", \"listen\": \"%s\", \"start_unix_ms\": %" PRIu64
            ", \"keys\": [{\"kid\": \"%s\", \"public_key_hex\": \"",
            RELAY_ID, listen, RELAY_START_UNIX_MS, relay_kid(0));
    for (uint32_t i = 0; i < WR_PUBLIC_KEY_BYTES; i++)
        fprintf(out, "%02x", relay_key(0)[i]);
    fputs("\"}], \"options\": {", out);
    for (uint32_t i = 0; i < SETTINGS; i++)
        fprintf(out, "\"%s\": %" PRIu32 ", ", settings[i].name,
                *member_of(&copy.config, &settings[i]));
    fprintf(out,
            "\"role-policy\": \"%s\", \"passive-rebind\": \"%s\", \"bare-rift\": \"%s\", "
            "\"allow-insecure-dev\": %s}, \"verify_ns\": %" PRIu64 "}\n",
            policies[config->role_policy], rebinds[config->passive_rebind],
            config->bare_rift ? "on" : "off", config->allow_insecure_dev ? "true" : "false",
            options->verify_ns);
}

const char *relay_options_beyond_trace(const struct relay_options *options)
{
    if (options->config.max_bans < RELAY_SUBS)
        return "a table of bans that is too small";
    return options->config.keys_refreshable ? NULL : "keys that nobody refreshes";
}
