#include "options_check.h"

#include "address_kind.h"
#include "advertise.h"
#include "bind_policy.h"
#include "key_file.h"
#include "options_table.h"
#include "text_rules.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_MIN 64 /* upstream raises smaller ones as well */

uint32_t rd_cores(void)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    return count > 0 ? (uint32_t)count : 1;
}

static bool given(const struct rd_options *options, const char *name)
{
    return options->sources[rd_option_find(name) - rd_option_table] != RD_SOURCE_DEFAULT;
}

static bool check_trust(struct rd_options *options, struct rd_error *error)
{
    const struct rd_keys *keys = &options->keys;
    if (options->core.allow_insecure_dev && !rd_variable_is_true("WAVRY_ALLOW_INSECURE_RELAY"))
        return rd_fail(error, "--allow-insecure-dev: accepts leases that anybody can make; where "
                              "that is really wanted, set WAVRY_ALLOW_INSECURE_RELAY=1 as well");
    if (options->core.allow_insecure_dev)
        rd_note(options, "--allow-insecure-dev: signatures are not checked, anybody can make "
                         "leases; never do this in production");
    if (options->standalone && keys->pinned_count == 0 && !options->core.allow_insecure_dev)
        return rd_fail(error, "--standalone: without a master the relay must be told whose leases "
                              "are good: give --key, --key-file or --master-public-key");
    for (uint32_t i = 0; i < keys->pinned_count; i++) {
        if (rd_keys_revoked(keys, keys->pinned[i].bytes))
            rd_note(options, "the pinned key with the kid \"%s\" is revoked as well: it is refused",
                    keys->pinned[i].kid);
    }
    options->core.keys_refreshable = keys->pinned_count == 0 && !options->standalone;
    return true;
}

static bool host_is_local(const char *host)
{
    struct wr_address address = {0};
    struct in_addr v4;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, address.ip) == 1 && rd_address_is_loopback(&address);
}

static bool check_master(struct rd_options *options, struct rd_error *error)
{
    char host[RD_TEXT_MAX];
    bool https;
    if (options->standalone && given(options, "master-url"))
        return rd_fail(error, "--standalone: means to work without a master, but --master-url "
                              "names one: leave one of them out");
    size_t bytes = strlen(options->master_url);
    while (bytes > 0 && options->master_url[bytes - 1] == '/')
        options->master_url[--bytes] = '\0';
    if (!rd_url_host(options->master_url, host, sizeof host, &https))
        return rd_fail(error, "--master-url: no host in it");
    if (!options->standalone && !https && !host_is_local(host)) {
        bool token = options->master_auth_token[0] != '\0';
        if (token || options->keys.pinned_count == 0)
            rd_note(options,
                    "--master-url: http, not https: who is on the way to the master can "
                    "%s%s%s",
                    token ? "read the token" : "",
                    token && options->keys.pinned_count == 0 ? " and " : "",
                    options->keys.pinned_count == 0 ? "hand the relay keys of its own" : "");
    }
    return true;
}

static bool check_process(struct rd_options *options, struct rd_error *error)
{
    if (options->workers == 0) {
        uint32_t cores = rd_cores();
        options->workers = cores < RD_WORKERS_MAX ? cores : RD_WORKERS_MAX;
    }
    if (options->packet_queue_capacity < QUEUE_MIN) {
        rd_note(options, "--packet-queue-capacity: %u is raised to %d",
                options->packet_queue_capacity, QUEUE_MIN);
        options->packet_queue_capacity = QUEUE_MIN;
    }
    if (geteuid() == 0 && getpwnam(options->user) == NULL)
        return rd_fail(error,
                       "--user: \"%s\" was given, expected a user of this machine (the relay was "
                       "started as root and becomes that user)",
                       options->user);
    return true;
}

/* The core's check wants what only the start will know. */
static bool check_core(const struct rd_options *options, struct rd_error *error)
{
    struct wr_relay_config config = options->core;
    config.relay_id = "unknown yet";
    if (config.verify_rate == 0)
        config.verify_rate = 1;
    const char *wrong = wr_relay_config_error(&config);
    return wrong == NULL || rd_fail(error, "%s", wrong);
}

bool rd_options_check(struct rd_options *options, struct rd_error *error)
{
    struct rd_bind_facts facts = rd_bind_facts_gather("");
    options->max_sessions_at_start = options->core.max_sessions;
    return check_core(options, error) && check_trust(options, error) &&
           check_master(options, error) &&
           rd_bind_allowed(&facts, "listen", &options->listen, error) &&
           rd_bind_allowed(&facts, "health-listen", &options->health_listen, error) &&
           check_process(options, error);
}
