#include "relay_options.h"

#include "json_text.h"

#include <stddef.h>
#include <string.h>

enum kind {
    KIND_NUMBER,
    KIND_BOOL,
    KIND_ON_OFF,
    KIND_ROLE_POLICY,
    KIND_PASSIVE_REBIND,
    KIND_IGNORED
};

struct option {
    const char *name;
    enum kind kind;
    size_t offset; /* of its member in struct wr_relay_config */
};

#define MEMBER(name) offsetof(struct wr_relay_config, name)

static const struct option options[] = {
    {"max-sessions", KIND_NUMBER, MEMBER(max_sessions)},
    {"idle-timeout", KIND_NUMBER, MEMBER(idle_timeout_secs)},
    {"cleanup-interval-secs", KIND_IGNORED, 0},
    {"lease-duration-secs", KIND_NUMBER, MEMBER(lease_duration_secs)},
    {"ip-rate-limit-pps", KIND_NUMBER, MEMBER(ip_rate_limit_pps)},
    {"identity-rate-limit-pps", KIND_NUMBER, MEMBER(identity_rate_limit_pps)},
    {"load-shed-threshold-pct", KIND_NUMBER, MEMBER(load_shed_threshold_pct)},
    {"allow-insecure-dev", KIND_BOOL, MEMBER(allow_insecure_dev)},
    {"role-policy", KIND_ROLE_POLICY, MEMBER(role_policy)},
    {"passive-rebind", KIND_PASSIVE_REBIND, MEMBER(passive_rebind)},
    {"bare-rift", KIND_ON_OFF, MEMBER(bare_rift)},
    {"peer-rate-limit-pps", KIND_NUMBER, MEMBER(peer_rate_limit_pps)},
    {"max-bandwidth-kbps", KIND_NUMBER, MEMBER(max_bandwidth_kbps)},
    {"verify-rate", KIND_NUMBER, MEMBER(verify_rate)},
    {"drain-timeout-secs", KIND_NUMBER, MEMBER(drain_timeout_secs)},
    {"max-clock-skew-secs", KIND_NUMBER, MEMBER(max_clock_skew_secs)},
    {"peer-wait-secs", KIND_NUMBER, MEMBER(peer_wait_secs)},
};

#define OPTIONS (sizeof options / sizeof *options)

const char *sim_relay_option_name(size_t index)
{
    return index < OPTIONS ? options[index].name : NULL;
}

/* The index of a text among the choices; -1 where it is none of them. */
static int choose(const cJSON *value, const char *const *choices, int count)
{
    for (int i = 0; cJSON_IsString(value) && i < count; i++) {
        if (strcmp(value->valuestring, choices[i]) == 0)
            return i;
    }
    return -1;
}

static const char *set_number(void *member, const cJSON *value)
{
    uint64_t number;
    if (!sim_json_whole(value, &number) || number > UINT32_MAX)
        return "a whole number from 0 to 4294967295";
    uint32_t whole = (uint32_t)number;
    memcpy(member, &whole, sizeof whole);
    return NULL;
}

static const char *set(struct wr_relay_config *config, const struct option *option,
                       const cJSON *value)
{
    static const char *const on_off[] = {"off", "on"};
    static const char *const policies[] = {"signed", "strict"};
    static const char *const rebinds[] = {"off", "same-ip", "any"};
    int choice;
    switch (option->kind) {
    case KIND_NUMBER:
        return set_number((char *)config + option->offset, value);
    case KIND_IGNORED: {
        uint32_t unused;
        return set_number(&unused, value);
    }
    case KIND_BOOL:
        if (!cJSON_IsBool(value))
            return "true or false";
        config->allow_insecure_dev = cJSON_IsTrue(value);
        return NULL;
    case KIND_ON_OFF:
        choice = choose(value, on_off, 2);
        config->bare_rift = choice == 1;
        return choice >= 0 ? NULL : "\"on\" or \"off\"";
    case KIND_ROLE_POLICY:
        choice = choose(value, policies, 2);
        config->role_policy = choice == 1 ? WR_ROLE_POLICY_STRICT : WR_ROLE_POLICY_SIGNED;
        return choice >= 0 ? NULL : "\"signed\" or \"strict\"";
    case KIND_PASSIVE_REBIND:
        choice = choose(value, rebinds, 3);
        config->passive_rebind = choice == 0   ? WR_REBIND_OFF
                                 : choice == 1 ? WR_REBIND_SAME_IP
                                               : WR_REBIND_ANY;
        return choice >= 0 ? NULL : "\"off\", \"same-ip\" or \"any\"";
    }
    return NULL;
}

const char *sim_relay_option_set(struct wr_relay_config *config, const char *name,
                                 const cJSON *value, bool *known)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(options[i].name, name) == 0) {
            *known = true;
            return set(config, &options[i], value);
        }
    }
    *known = false;
    return NULL;
}
