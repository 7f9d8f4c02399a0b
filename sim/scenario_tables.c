#include "scenario_tables.h"
#include "field_macros.h"
#include "quantity.h"

#define MILLISECOND WR_MS
#define SECOND      WR_S
#define HOUR        (3600 * WR_S)

_Static_assert(sizeof(enum sim_profile) == sizeof(uint32_t), "words are stored as uint32_t");

/* ---- The whole ------------------------------------------------------------------------------- */

static const struct sim_field root_fields[] = {
    FIELD("name", STRING, struct sim_root_draft, scenario.name,
          "The stem of the file's name: it says the symptom.", .min = 1, .required = true),
    FIELD("shows", STRING, struct sim_root_draft, scenario.shows, "One sentence.", .min = 10,
          .max = 400, .required = true),
    FIELD("seed", U64, struct sim_root_draft, scenario.seed,
          "Seed of all random streams. Default 1."),
    FIELD("duration", DURATION, struct sim_root_draft, scenario.duration_ns,
          "How long the run is, in simulated time.", .min = MILLISECOND, .max = 1000 * HOUR,
          .required = true),
    FIELD("start", DATE, struct sim_root_draft, scenario.start_unix_ms,
          "True wall time at the start. Default 2026-11-14T12:00:00Z."),
    FIELD("served_within", DURATION, struct sim_root_draft, scenario.served_within_ns,
          "Who holds a valid lease is served this soon after the last fault has healed, else the "
          "liveness oracle objects. Default 10s.",
          .min = 1),
    FIELD("permute_ties", BOOL, struct sim_root_draft, scenario.permute_ties,
          "Events at one instant come in a seeded order. Default false."),
};
const struct sim_table sim_table_root = TABLE("scenario", root_fields, "A scenario.");

/* ---- Keys, clocks, masters ------------------------------------------------------------------- */

static const struct sim_field key_fields[] = {
    FIELD("kid", STRING, struct sim_key_spec, kid,
          "Key id in tokens and answers. Default: the name. \"\" for a key without one.",
          .max = WR_KID_BYTES_MAX),
};
const struct sim_table sim_table_key =
    TABLE("key", key_fields, "A signing key. Its bytes follow from its name alone.");

static const struct sim_field clock_fields[] = {
    FIELD("offset", OFFSET, struct sim_clock_spec, offset_ms,
          "Wall clock minus true time at the start. Default 0s."),
    FIELD("drift_ppb", I32, struct sim_clock_spec, drift_ppb,
          "How much faster the clock runs, in parts per thousand million. Default 0.",
          .max = 100000000),
};
static const struct sim_table clock_table =
    TABLE("clock", clock_fields, "How a wall clock differs from true time.");

static const struct sim_field master_fields[] = {
    FIELD("key", ONE, struct sim_master_draft, key, "Signs leases with it and publishes it.",
          .entity = SIM_ENTITY_KEY),
    FIELD("signs_with", ONE, struct sim_master_draft, spec.signs_with,
          "Signs leases with it. Default: \"key\".", .entity = SIM_ENTITY_KEY),
    FIELD("publishes", ONE, struct sim_master_draft, spec.publishes,
          "The key in its answers to relays. Default: \"key\".", .entity = SIM_ENTITY_KEY),
    FIELD("answer_delay", DURATION, struct sim_master_draft, spec.answer_delay_ns, "Default 20ms.",
          .max = HOUR),
    FIELD("answer_jitter", DURATION, struct sim_master_draft, spec.answer_jitter_ns,
          "Each answer takes delay + 0 .. jitter. Default 0s.", .max = HOUR),
    FIELD("heartbeat_interval", DURATION, struct sim_master_draft, spec.heartbeat_interval_ns,
          "Default 5s.", .min = MILLISECOND, .max = HOUR),
    FIELD("leases_per_minute", U32, struct sim_master_draft, spec.leases_per_minute,
          "Of one identity; 0 is no limit. Default 10."),
    FIELD("clock", OBJECT, struct sim_master_draft, spec.clock, "Its wall clock.",
          .table = &clock_table),
};
const struct sim_table sim_table_master =
    TABLE("master", master_fields, "Issues leases, knows relays, publishes its key.");

/* ---- Links ----------------------------------------------------------------------------------- */

static const struct sim_field burst_fields[] = {
    FIELD("enter", RATIO, struct sim_burst_loss_spec, enter, "Good to bad, per datagram.",
          .required = true),
    FIELD("leave", RATIO, struct sim_burst_loss_spec, leave, "Bad to good, per datagram.",
          .required = true),
    FIELD("loss_good", RATIO, struct sim_burst_loss_spec, loss_good,
          "Loss in the good state. Default 0."),
    FIELD("loss_bad", RATIO, struct sim_burst_loss_spec, loss_bad,
          "Loss in the bad state. Default 1."),
};
static const struct sim_table burst_table =
    TABLE("burst_loss", burst_fields, "Gilbert-Elliott bursts.");

static const struct sim_field link_fields[] = {
    FIELD("latency", DURATION, struct sim_link_spec, latency_ns, "One way. Default 0s.",
          .max = HOUR),
    FIELD("jitter", DURATION, struct sim_link_spec, jitter_ns,
          "Each datagram takes latency + 0 .. jitter. Default 0s.", .max = HOUR),
    FIELD("jitter_reorders", BOOL, struct sim_link_spec, jitter_reorders,
          "Jitter lets datagrams overtake each other. Default false."),
    FIELD("loss", RATIO, struct sim_link_spec, loss, "Independent loss. Default 0."),
    FIELD("burst_loss", OBJECT, struct sim_link_spec, burst_loss, "Loss in bursts. Default none.",
          .table = &burst_table),
    FIELD("reorder", RATIO, struct sim_link_spec, reorder,
          "This share is late by \"reorder_delay\". Default 0."),
    FIELD("reorder_delay", DURATION, struct sim_link_spec, reorder_delay_ns, "Default 10ms.",
          .max = HOUR),
    FIELD("duplicate", RATIO, struct sim_link_spec, duplicate, "Arrives twice. Default 0."),
    FIELD("corrupt", RATIO, struct sim_link_spec, corrupt,
          "Arrives with one bit flipped. Default 0."),
    FIELD("bandwidth_kbps", U32, struct sim_link_spec, bandwidth_kbps, "Default 0: unlimited."),
    FIELD("queue_bytes", U32, struct sim_link_spec, queue_bytes,
          "Room in front of the bandwidth. Default 262144.", .min = 1500),
    FIELD("mtu", U32, struct sim_link_spec, mtu_bytes,
          "IP bytes; longer datagrams are dropped. Default 1600.", .min = 576, .max = 9000),
};
const struct sim_table sim_table_link =
    TABLE("link", link_fields, "A path in both directions; each user has one of its own.");

struct sim_link_spec sim_link_default(void)
{
    return (struct sim_link_spec){
        .loss = SIM_RATIO_ZERO,
        .burst_loss = {SIM_RATIO_ZERO, SIM_RATIO_ZERO, SIM_RATIO_ZERO, SIM_RATIO_ONE},
        .reorder = SIM_RATIO_ZERO,
        .reorder_delay_ns = 10 * MILLISECOND,
        .duplicate = SIM_RATIO_ZERO,
        .corrupt = SIM_RATIO_ZERO,
        .queue_bytes = 262144,
        .mtu_bytes = 1600,
    };
}

/* ---- NATs ------------------------------------------------------------------------------------ */

static bool read_public(struct sim_reader *reader, const cJSON *value, void *target)
{
    struct sim_nat_spec *nat = target;
    nat->public_ip_count = 0;
    uint32_t count = cJSON_IsArray(value) ? (uint32_t)cJSON_GetArraySize(value) : 1;
    if (count < 1 || count > SIM_NAT_PUBLIC_MAX) {
        sim_complain(reader->document, value, SIM_AT_VALUE,
                     "expected 1 to %d IP addresses, found %u", SIM_NAT_PUBLIC_MAX, count);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const cJSON *ip = cJSON_IsArray(value) ? cJSON_GetArrayItem(value, (int)i) : value;
        if (!cJSON_IsString(ip) || !sim_ip_parse(ip->valuestring, &nat->public_ips[i])) {
            sim_complain(reader->document, ip, SIM_AT_VALUE,
                         "expected an IP address without a port, found %s", sim_found(reader, ip));
            return false;
        }
        nat->public_ip_count++;
    }
    return true;
}

static bool read_port_range(struct sim_reader *reader, const cJSON *value, void *target)
{
    struct sim_nat_spec *nat = target;
    const cJSON *first = cJSON_GetArrayItem(value, 0), *last = cJSON_GetArrayItem(value, 1);
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != 2 || !cJSON_IsNumber(first) ||
        !cJSON_IsNumber(last) || first->valueint < 1 || last->valueint > 65535 ||
        first->valueint > last->valueint || first->valuedouble != first->valueint ||
        last->valuedouble != last->valueint) {
        sim_complain(reader->document, value, SIM_AT_VALUE,
                     "expected two ports, the first not above the last, such as [1024, 65535]");
        return false;
    }
    nat->port_min = (uint16_t)first->valueint;
    nat->port_max = (uint16_t)last->valueint;
    return true;
}

static const char *const dependence_list[] = {"endpoint-independent", "address-dependent",
                                              "address-and-port-dependent"};
static const struct sim_words dependence_words = WORDS(dependence_list);
static const char *const ports_list[] = {"preserve", "contiguous", "random"};
static const struct sim_words ports_words = WORDS(ports_list);
static const char *const refresh_list[] = {"outbound", "both"};
static const struct sim_words refresh_words = WORDS(refresh_list);

static const struct sim_field nat_fields[] = {
    FIELD("count", U32, struct sim_nat_draft, count,
          "A group name-0, name-1, ...; public addresses count up. Default: no group.", .min = 1,
          .max = 100000),
    CUSTOM("public", "Its public addresses.", .read = read_public,
           .schema = "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": "
                     "{\"type\": \"string\"}, \"minItems\": 1, \"maxItems\": 16}]}",
           .required = true),
    FIELD("pooling_paired", BOOL, struct sim_nat_draft, spec.pooling_paired,
          "One inside host always gets the same public address. Default true."),
    FIELD("mapping", WORD, struct sim_nat_draft, spec.mapping,
          "RFC 4787, section 4.1. Default endpoint-independent.", .words = &dependence_words),
    FIELD("filtering", WORD, struct sim_nat_draft, spec.filtering,
          "RFC 4787, section 5. Default address-and-port-dependent.", .words = &dependence_words),
    FIELD("ports", WORD, struct sim_nat_draft, spec.ports,
          "How external ports are chosen. Default preserve.", .words = &ports_words),
    FIELD("refresh", WORD, struct sim_nat_draft, spec.refresh,
          "Which packets keep a mapping alive. Default outbound.", .words = &refresh_words),
    FIELD("mapping_timeout", DURATION, struct sim_nat_draft, spec.mapping_timeout_ns,
          "Default 120s.", .min = MILLISECOND),
    CUSTOM("port_range", "External ports, both inclusive. Default [1024, 65535].",
           .read = read_port_range,
           .schema = "{\"type\": \"array\", \"items\": {\"type\": \"integer\", \"minimum\": 1, "
                     "\"maximum\": 65535}, \"minItems\": 2, \"maxItems\": 2}"),
    FIELD("block_ports", U16, struct sim_nat_draft, spec.block_ports,
          "External ports set aside for each inside host. Default 0: none."),
    FIELD("hairpin", BOOL, struct sim_nat_draft, spec.hairpin,
          "Inside hosts reach each other by their public addresses. Default true."),
    FIELD("link", ONE, struct sim_nat_draft, spec.link,
          "Between the NAT and the public network. Default: no delay.", .entity = SIM_ENTITY_LINK),
};
const struct sim_table sim_table_nat = TABLE("nat", nat_fields, "A NAT after RFC 4787.");

/* ---- Relays ---------------------------------------------------------------------------------- */

struct sim_host_spec sim_host_default(void)
{
    return (struct sim_host_spec){
        .receive_ns = 1000,
        .forward_ns = 2000,
        .answer_ns = 2000,
        .verify_ns = 64000,
        .receive_queue_datagrams = 2048,
    };
}

static const struct sim_field host_fields[] = {
    FIELD("receive", DURATION, struct sim_host_spec, receive_ns,
          "Taking any datagram from the queue. Default 1us.", .max = HOUR),
    FIELD("forward", DURATION, struct sim_host_spec, forward_ns,
          "On top, for one that is sent on. Default 2us.", .max = HOUR),
    FIELD("answer", DURATION, struct sim_host_spec, answer_ns,
          "On top, for an ACK or a reject. Default 2us.", .max = HOUR),
    FIELD("verify", DURATION, struct sim_host_spec, verify_ns,
          "One signature, by a helper beside the datagrams. Default 64us.", .max = HOUR),
    FIELD("receive_queue", U32, struct sim_host_spec, receive_queue_datagrams,
          "A full queue drops. Default 2048.", .min = 1, .max = 1000000),
};
const struct sim_table sim_table_host = TABLE("host", host_fields, "A host's service times.");

static const char *const policy_list[] = {"signed", "strict"};
static const struct sim_words policy_words = WORDS(policy_list);
static const char *const rebind_list[] = {"off", "same-ip", "any"};
static const struct sim_words rebind_words = WORDS(rebind_list);

#define OPTION(name_, kind_, member_, ...)                                                         \
    FIELD(name_, kind_, struct sim_relay_spec, member_, __VA_ARGS__)

static const struct sim_field option_fields[] = {
    OPTION("relay-id", STRING, config.relay_id, "Default: the relay's name.", .min = 1),
    OPTION("max-sessions", U32, config.max_sessions, "Default 100.", .min = 1, .max = 16777216),
    OPTION("load-shed-threshold-pct", U32, config.load_shed_threshold_pct, "Default 95.", .min = 1,
           .max = 100),
    OPTION("idle-timeout", U32, config.idle_timeout_secs, "Seconds. Default 60.", .min = 1,
           .max = 1000000),
    OPTION("peer-wait-secs", U32, config.peer_wait_secs, "Default 60.", .min = 1, .max = 1000000),
    OPTION("lease-duration-secs", U32, config.lease_duration_secs,
           "Shortens every lease to this. Default: the signature alone counts.", .min = 1,
           .max = 1000000),
    OPTION("max-clock-skew-secs", U32, config.max_clock_skew_secs, "Default 30.", .max = 1000000),
    OPTION("ip-rate-limit-pps", U32, config.ip_rate_limit_pps, "Default 1000.", .min = 1,
           .max = 1000000000),
    OPTION("identity-rate-limit-pps", U32, config.identity_rate_limit_pps, "Default 200.", .min = 1,
           .max = 1000000000),
    OPTION("peer-rate-limit-pps", U32, config.peer_rate_limit_pps, "0: off. Default 20000.",
           .max = 1000000000),
    OPTION("max-bandwidth-kbps", U32, config.max_bandwidth_kbps, "Default 0: off."),
    OPTION("verify-rate", U32, config.verify_rate,
           "Signatures per second. Default: half of what the host can do.", .min = 1,
           .max = 1000000000),
    OPTION("drain-timeout-secs", U32, config.drain_timeout_secs, "Default 30.", .max = 1000000),
    OPTION("role-policy", WORD, config.role_policy, "Default signed.", .words = &policy_words),
    OPTION("passive-rebind", WORD, config.passive_rebind, "Default same-ip.",
           .words = &rebind_words),
    OPTION("bare-rift", BOOL, config.bare_rift, "Default true."),
    OPTION("allow-insecure-dev", BOOL, config.allow_insecure_dev, "Default false."),
    OPTION("region", STRING, region, "Announced to the master. Default none."),
    OPTION("max-bitrate-kbps", U32, max_bitrate_kbps, "Announced to the master. Default 20000.",
           .min = 1),
};
const struct sim_table sim_table_options =
    TABLE("options", option_fields, "The relay's long options (protocol section 10).");

static bool read_pinned(struct sim_reader *reader, const cJSON *value, void *target)
{
    static const struct sim_field one = {.kind = SIM_FIELD_ONE, .entity = SIM_ENTITY_KEY};
    struct sim_relay_spec *relay = target;
    uint32_t count = (uint32_t)cJSON_GetArraySize(value);
    if (!cJSON_IsArray(value) || count < 1 || count > SIM_PINNED_KEYS_MAX) {
        sim_complain(reader->document, value, SIM_AT_VALUE,
                     "expected an array of 1 to %d key names, found %s", SIM_PINNED_KEYS_MAX,
                     sim_found(reader, value));
        return false;
    }
    relay->pinned_key_count = 0;
    bool read = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *key = &relay->pinned_keys[relay->pinned_key_count];
        if (sim_read_value(reader, cJSON_GetArrayItem(value, (int)i), &one, key))
            relay->pinned_key_count++;
        else
            read = false;
    }
    return read;
}

#define KEY_LIST_SCHEMA                                                                            \
    "{\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"minItems\": 1, \"maxItems\": 8}"

static const struct sim_field relay_fields[] = {
    FIELD("address", ADDRESS, struct sim_relay_draft, spec.address, "Its public address.",
          .required = true),
    FIELD("master", ONE, struct sim_relay_draft, spec.master,
          "Default: the only master, where there is one.", .entity = SIM_ENTITY_MASTER),
    FIELD("standalone", BOOL, struct sim_relay_draft, standalone,
          "Has no master; needs pinned keys. Default false."),
    FIELD("options", OBJECT, struct sim_relay_draft, spec, "The relay's long options.",
          .table = &sim_table_options),
    CUSTOM("pinned_keys", "Then only these are trusted. Default: what the master publishes.",
           .read = read_pinned, .schema = KEY_LIST_SCHEMA),
    FIELD("host", OBJECT, struct sim_relay_draft, spec.host, "Service times.",
          .table = &sim_table_host),
    FIELD("clock", OBJECT, struct sim_relay_draft, spec.clock, "Its wall clock.",
          .table = &clock_table),
    FIELD("link", ONE, struct sim_relay_draft, link, "To the public network. Default: no delay.",
          .entity = SIM_ENTITY_LINK),
    FIELD("uplink", ONE, struct sim_relay_draft, spec.uplink, "From it. Default: \"link\".",
          .entity = SIM_ENTITY_LINK),
    FIELD("downlink", ONE, struct sim_relay_draft, spec.downlink, "To it. Default: \"link\".",
          .entity = SIM_ENTITY_LINK),
};
const struct sim_table sim_table_relay = TABLE("relay", relay_fields, "A relay and its host.");

/* ---- Peers ----------------------------------------------------------------------------------- */

static const char *const behaviour_list[] = {"upstream", "robust"};
static const struct sim_words behaviour_words = WORDS(behaviour_list);

static const struct sim_field peer_fields[] = {
    FIELD("count", U32, struct sim_peer_draft, count,
          "A group name-0, name-1, ...; addresses count up. Default: no group.", .min = 1,
          .max = 100000),
    FIELD("behaviour", WORD, struct sim_peer_draft, spec.behaviour,
          "Upstream's client of 0.0.5, or one that uses the whole protocol (section 11).",
          .words = &behaviour_words, .required = true),
    FIELD("address", ADDRESS, struct sim_peer_draft, spec.address,
          "Where its socket is; private where it is behind a NAT.", .required = true),
    FIELD("identity", STRING, struct sim_peer_draft, spec.identity,
          "sub of its leases. Default: its name.", .min = 1, .max = 256),
    FIELD("nat", SOME, struct sim_peer_draft, nat,
          "The NAT it is behind; a group of NATs one to one. Default: none.",
          .entity = SIM_ENTITY_NAT),
    FIELD("link", ONE, struct sim_peer_draft, link,
          "To its NAT or the public network. Default: no delay.", .entity = SIM_ENTITY_LINK),
    FIELD("uplink", ONE, struct sim_peer_draft, spec.uplink, "Default: \"link\".",
          .entity = SIM_ENTITY_LINK),
    FIELD("downlink", ONE, struct sim_peer_draft, spec.downlink, "Default: \"link\".",
          .entity = SIM_ENTITY_LINK),
    FIELD("clock", OBJECT, struct sim_peer_draft, spec.clock, "Its wall clock.",
          .table = &clock_table),
    FIELD("sign_of_life", DURATION, struct sim_peer_draft, spec.sign_of_life_ns,
          "Robust: it is never silent for longer; 0s: only its traffic counts. Default 400ms."),
    FIELD("renew_at", RATIO, struct sim_peer_draft, spec.renew_at,
          "Robust: asks for a new lease at this share of its life; 1: never. Default 1/2."),
    FIELD("echoes_cookies", BOOL, struct sim_peer_draft, spec.echoes_cookies,
          "Robust: uses path cookies. Default true."),
    FIELD("retransmits", BOOL, struct sim_peer_draft, spec.retransmits,
          "Robust: repeats PRESENT and RENEW with backoff. Default true."),
};
const struct sim_table sim_table_peer = TABLE("peer", peer_fields, "A peer, or a group of them.");
