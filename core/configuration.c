#include "relay_state.h"

size_t wr_relay_id_bytes(const char *relay_id)
{
    size_t bytes = 0;
    while (bytes <= WR_RELAY_ID_BYTES_MAX && relay_id[bytes] != '\0')
        bytes++;
    return bytes;
}

void wr_relay_config_default(struct wr_relay_config *config)
{
    *config = (struct wr_relay_config){
        .max_sessions = 100,
        .load_shed_threshold_pct = 95,
        .idle_timeout_secs = 60,
        .peer_wait_secs = 60,
        .max_clock_skew_secs = 30,
        .ip_rate_limit_pps = 1000,
        .identity_rate_limit_pps = 200,
        .peer_rate_limit_pps = 20000,
        .drain_timeout_secs = 30,
        .max_bans = 65536,
        .role_policy = WR_ROLE_POLICY_SIGNED,
        .passive_rebind = WR_REBIND_SAME_IP,
        .bare_rift = true,
        .keys_refreshable = true,
    };
}

#define MAX_SESSIONS  (1u << 24)
#define MAX_SECS      (366u * 24 * 3600)
#define MAX_RATE      1000000000u
#define MIN_BANDWIDTH 48u /* kbps: a datagram of 1500 bytes fits a burst of 250 ms */
#define MAX_BANS      (1u << 24)

const char *wr_relay_config_error(const struct wr_relay_config *config)
{
    size_t id_bytes = config->relay_id != NULL ? wr_relay_id_bytes(config->relay_id) : 0;
    if (id_bytes == 0 || id_bytes > WR_RELAY_ID_BYTES_MAX)
        return "relay_id must have 1 to 256 bytes";
    if (config->own_address_count > WR_OWN_ADDRESSES_MAX)
        return "own_address_count must be at most 16";
    if (config->max_sessions < 1 || config->max_sessions > MAX_SESSIONS)
        return "max_sessions must be 1 to 16777216";
    if (config->load_shed_threshold_pct < 1 || config->load_shed_threshold_pct > 100)
        return "load_shed_threshold_pct must be 1 to 100";
    if (config->idle_timeout_secs < 1 || config->idle_timeout_secs > MAX_SECS)
        return "idle_timeout_secs must be 1 to 31622400";
    if (config->peer_wait_secs < 1 || config->peer_wait_secs > MAX_SECS)
        return "peer_wait_secs must be 1 to 31622400";
    if (config->lease_duration_secs > MAX_SECS)
        return "lease_duration_secs must be at most 31622400";
    if (config->max_clock_skew_secs > 3600)
        return "max_clock_skew_secs must be at most 3600";
    if (config->ip_rate_limit_pps < 1 || config->ip_rate_limit_pps > MAX_RATE)
        return "ip_rate_limit_pps must be 1 to 1000000000";
    if (config->identity_rate_limit_pps < 1 || config->identity_rate_limit_pps > MAX_RATE)
        return "identity_rate_limit_pps must be 1 to 1000000000";
    if (config->peer_rate_limit_pps > MAX_RATE)
        return "peer_rate_limit_pps must be at most 1000000000";
    if (config->max_bandwidth_kbps != 0 && config->max_bandwidth_kbps < MIN_BANDWIDTH)
        return "max_bandwidth_kbps must be 0 (off) or at least 48";
    if (config->verify_rate < 1 || config->verify_rate > MAX_RATE)
        return "verify_rate must be 1 to 1000000000";
    if (config->drain_timeout_secs > MAX_SECS)
        return "drain_timeout_secs must be at most 31622400";
    if (config->max_bans > MAX_BANS)
        return "max_bans must be at most 16777216";
    return NULL;
}

void wr_relay_apply_limits(struct wr_relay *relay)
{
    const struct wr_relay_config *config = &relay->config;
    relay->limits = (struct wr_limits){
        .unbound = wr_rate_packets(config->ip_rate_limit_pps),
        .identity = wr_rate_packets(config->identity_rate_limit_pps),
        .peer = wr_rate_packets(config->peer_rate_limit_pps),
        .bare_renew = wr_rate_packets(4),
        .candidate = wr_rate_packets(50),
        .exempt = wr_rate_packets_burst(20, 20),
        .reject_prefix = wr_rate_packets_burst(1, 1),
        .reject_all = wr_rate_packets(1000),
        .bandwidth_kbps = config->max_bandwidth_kbps,
    };
    relay->skew_ms = (uint64_t)config->max_clock_skew_secs * 1000;
    relay->idle_timeout_ns = config->idle_timeout_secs * WR_S;
    relay->peer_wait_ns = config->peer_wait_secs * WR_S;
    uint64_t shed = (uint64_t)config->max_sessions * config->load_shed_threshold_pct / 100;
    relay->shed_at = shed > 0 ? (uint32_t)shed : 1;
}
