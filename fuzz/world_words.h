/*
 * The words of the target `world`: which members of a scenario's objects an input can set, and to
 * what. Order is meaning: inputs name both by number, so new ones go behind the old ones.
 */
#ifndef FUZZ_WORLD_WORDS_H
#define FUZZ_WORLD_WORDS_H

#include <stdbool.h>

/* A member of an object and what it may be set to, as JSON. Where a world with it still owes every
 * peer its service, it is `gentle`: the liveness oracle stays on. */
#define CHOICES_MAX 8
struct member {
    const char *name;
    bool gentle;
    const char *choices[CHOICES_MAX];
};

static const struct member run_members[] = {
    {"duration",
     true,
     {"\"20s\"", "\"5s\"", "\"10s\"", "\"40s\"", "\"70s\"", "\"100s\"", "\"130s\"", "\"2s\""}},
    {"seed", true, {"1", "2", "3", "4", "5", "6", "7", "8"}},
    {"permute_ties", true, {"true", "false"}},
};

static const struct member link_members[] = {
    {"latency", true, {"\"0s\"", "\"1ms\"", "\"15ms\"", "\"80ms\"", "\"300ms\"", "\"1s\""}},
    {"jitter", true, {"\"1ms\"", "\"20ms\"", "\"200ms\""}},
    {"jitter_reorders", true, {"true", "false"}},
    {"loss", false, {"\"1%\"", "\"10%\"", "\"50%\"", "1"}},
    {"reorder", true, {"\"1%\"", "\"20%\"", "1"}},
    {"reorder_delay", true, {"\"1ms\"", "\"40ms\"", "\"2s\""}},
    {"duplicate", true, {"\"1%\"", "\"30%\"", "1"}},
    {"corrupt", false, {"\"1%\"", "\"30%\"", "1"}},
    {"bandwidth_kbps", false, {"64", "1000", "20000"}},
    {"mtu", false, {"600", "1280", "1500"}},
    {"burst_loss", false, {"{ \"enter\": \"2%\", \"leave\": \"10%\" }"}},
};

static const struct member nat_members[] = {
    {"mapping", false, {"\"address-dependent\"", "\"address-and-port-dependent\""}},
    {"filtering", true, {"\"address-dependent\"", "\"endpoint-independent\""}},
    {"ports", true, {"\"preserve\"", "\"contiguous\"", "\"random\""}},
    {"refresh", true, {"\"both\"", "\"outbound\""}},
    {"mapping_timeout", false, {"\"300ms\"", "\"1s\"", "\"5s\"", "\"30s\"", "\"120s\""}},
    {"port_range", false, {"[1024, 1025]", "[4000, 4003]", "[50000, 50100]"}},
    {"block_ports", false, {"1", "2", "16"}},
    {"hairpin", true, {"false", "true"}},
    {"link", true, {"\"l0\"", "\"l1\"", "\"l2\""}},
};

static const struct member option_members[] = {
    {"max-sessions", false, {"1", "2", "3", "100"}},
    {"load-shed-threshold-pct", false, {"1", "50", "100"}},
    {"idle-timeout", false, {"1", "3", "10", "60"}},
    {"peer-wait-secs", false, {"1", "3", "10", "60"}},
    {"lease-duration-secs", false, {"1", "5", "15", "60"}},
    {"max-clock-skew-secs", false, {"0", "1", "5", "3600"}},
    {"ip-rate-limit-pps", false, {"1", "4", "20", "1000"}},
    {"identity-rate-limit-pps", false, {"1", "2", "200"}},
    {"peer-rate-limit-pps", false, {"0", "1", "4", "20"}},
    {"max-bandwidth-kbps", false, {"48", "100", "1000"}},
    {"verify-rate", false, {"1", "2", "10", "1000"}},
    {"drain-timeout-secs", false, {"0", "1", "5"}},
    {"role-policy", false, {"\"strict\"", "\"signed\""}},
    {"passive-rebind", true, {"\"off\"", "\"same-ip\"", "\"any\""}},
    {"bare-rift", false, {"false", "true"}},
    {"allow-insecure-dev", false, {"true", "false"}},
};

static const struct member relay_members[] = {
    {"host",
     false,
     {"{ \"verify\": \"30ms\" }", "{ \"verify\": \"700ms\" }", "{ \"receive\": \"3ms\" }",
      "{ \"receive_queue\": 3, \"receive\": \"1ms\" }", "{ \"forward\": \"5ms\" }"}},
    {"clock",
     false,
     {"{ \"offset\": \"20s\" }", "{ \"offset\": \"-20s\" }", "{ \"offset\": \"100s\" }",
      "{ \"drift_ppb\": 100000000 }", "{ \"drift_ppb\": -100000000 }"}},
    {"link", true, {"\"l0\"", "\"l1\"", "\"l2\""}},
    {"pinned_keys", false, {"[\"k1\"]", "[\"k2\"]", "[\"k1\", \"k2\", \"k3\"]"}},
};

static const struct member master_members[] = {
    {"publishes", false, {"\"k1\"", "\"k2\"", "\"k3\""}},
    {"answer_delay", false, {"\"0s\"", "\"500ms\"", "\"5s\""}},
    {"answer_jitter", false, {"\"1s\""}},
    {"heartbeat_interval", false, {"\"500ms\"", "\"2s\"", "\"60s\""}},
    {"leases_per_minute", false, {"1", "2", "0"}},
    {"clock", false, {"{ \"offset\": \"25s\" }", "{ \"offset\": \"-40s\" }"}},
};

/* The first two are written by the emitter: they decide what else fits. */
enum { PEER_UPSTREAM, PEER_NAT, PEER_ROBUST_ONLY };
static const struct member peer_members[] = {
    {"behaviour", true, {"\"robust\"", "\"upstream\""}},
    {"nat", true, {"\"n0\"", "\"n1\"", "\"n2\"", ""}},
    {"sign_of_life", false, {"\"0s\"", "\"100ms\"", "\"5s\""}},
    {"renew_at", false, {"1", "\"90%\"", "\"10%\""}},
    {"echoes_cookies", false, {"false", "true"}},
    {"retransmits", false, {"false", "true"}},
    {"link", true, {"\"l0\"", "\"l1\"", "\"l2\""}},
    {"clock", false, {"{ \"offset\": \"50s\" }", "{ \"offset\": \"-50s\" }"}},
    {"identity", false, {"\"p0\"", "\"p1\"", "\"somebody\""}},
};
#define PEER_ROBUST_END 6 /* of those that only a robust peer has */

#define PING     "{ \"profile\": \"ping\" }"
#define SLOW     "{ \"profile\": \"constant\", \"rate_pps\": 5, \"bytes\": 60 }"
#define FAST     "{ \"profile\": \"constant\", \"rate_pps\": 25, \"bytes\": 1200 }"
#define RIFT     "{ \"profile\": \"constant\", \"rate_pps\": 10, \"bytes\": 80, \"payload\": \"rift\" }"
#define PAUSING  "{ \"profile\": \"ping\", \"pauses\": [{ \"at\": \"1s\", \"for\": \"2500ms\" }] }"
#define SILENT   "{ \"profile\": \"silent\" }"
#define FOR_LONG "{ \"profile\": \"ping\", \"until\": \"1s\" }"
enum { SESSION_TRAFFIC_CLIENT, SESSION_TRAFFIC_SERVER, SESSION_PLAIN };
static const struct member session_members[] = {
    {"client", true, {PING, SLOW, FAST, RIFT, PAUSING, SILENT, FOR_LONG}},
    {"server", true, {PING, SLOW, FAST, RIFT, PAUSING, SILENT, FOR_LONG}},
    {"client_start", true, {"\"0s\"", "\"10ms\"", "\"1s\"", "\"1500ms\""}},
    {"server_start", true, {"\"0s\"", "\"10ms\"", "\"1s\"", "\"1500ms\""}},
    {"handshake", true, {"true", "false"}},
};

static const struct member lease_members[] = {
    {"applies_to", false, {"\"first\"", "\"all\""}},
    {"ttl", false, {"\"500ms\"", "\"3s\"", "\"15s\"", "\"60s\"", "\"1h\"", "\"2h\""}},
    {"issued", false, {"null", "\"-20s\"", "\"20s\"", "\"40s\""}},
    {"not_before", false, {"null", "\"20s\"", "\"40s\""}},
    {"soft_kbps", false, {"1000", "4000000000"}},
    {"hard_kbps", false, {"0", "1000", "4000000000"}},
    {"key", false, {"\"k1\"", "\"k2\"", "\"k3\""}},
    {"kid", false, {"\"\"", "\"k1\"", "\"k2\"", "\"nobody\""}},
    {"relay_id", false, {"\"another\""}},
    {"identity", false, {"\"p0\"", "\"thief\""}},
    {"session", false, {"\"s0\"", "\"elsewhere\""}},
    {"role", false, {"\"client\"", "\"server\""}},
    {"signature_spoiled", false, {"true"}},
};

enum { ATTACKER_ATTACK, ATTACKER_SESSION, ATTACKER_START, ATTACKER_STOP };
static const struct member attacker_members[] = {
    {"attack",
     false,
     {"\"on_path\"", "\"spoofed_flood\"", "\"lease_flood\"", "\"replay\"", "\"window_poison\"",
      "\"session_guess\"", "\"reflection\"", "\"thief\""}},
    {"session", false, {"\"s0\"", "\"s1\"", "\"s2\""}},
    {"start", false, {"\"0s\"", "\"500ms\"", "\"1s\"", "\"1900ms\""}},
    {"role", false, {"\"client\"", "\"server\""}},
    {"packet",
     false,
     {"\"any\"", "\"present\"", "\"renew\"", "\"forward\"", "\"bare\"", "\"junk\""}},
    {"token",
     false,
     {"\"garbage\"", "\"malformed\"", "\"forged\"", "\"unknown_kid\"", "\"valid\""}},
    {"source", false, {"\"own\"", "\"victim\""}},
    {"sources", false, {"1", "3", "1000"}},
    {"rate_pps", false, {"1", "5", "40"}},
    {"ahead", false, {"1", "1000", "1000000"}},
    {"names_live_session", false, {"true", "false"}},
    {"echoes_cookies", false, {"true", "false"}},
};

#endif
