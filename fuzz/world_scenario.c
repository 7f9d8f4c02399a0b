#include "world_scenario.h"

#include <stdarg.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* ---- What can be said ------------------------------------------------------------------------ */

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
#define PAUSING  "{ \"profile\": \"ping\", \"pauses\": [{ \"at\": \"3s\", \"for\": \"2500ms\" }] }"
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

/* What `do` names, and what of a record's body it takes, a letter each (write_argument). */
static const struct action {
    const char *name, *arguments;
    bool gentle;
} actions[] = {
    {"nat_rebind", "n", true},
    {"nat_rebind", "q", true},
    {"nat_reboot", "n", true},
    {"nat_reboot", "nA", false},
    {"nat_move_mapping", "qM", true},
    {"nat_give_port", "G", false},
    {"nat_timeout", "nt", false},
    {"peer_move", "pa", true},
    {"peer_move", "pN", true},
    {"peer_pause", "pf", true},
    {"peer_pause", "p", false},
    {"peer_resume", "p", true},
    {"peer_crash", "p", false},
    {"peer_restart", "pvf", true},
    {"peer_present", "pw", true},
    {"peer_renew", "pu", true},
    {"peer_release", "p", false},
    {"peer_clock_step", "po", false},
    {"traffic_stop", "srf", true},
    {"traffic_stop", "s", true},
    {"traffic_start", "s", true},
    {"drop_next", "pgc", true},
    {"duplicate_next", "pgcd", true},
    {"delay_next", "pgd", true},
    {"corrupt_next", "pgc", true},
    {"link_change", "lLf", false},
    {"partition", "pf", true},
    {"partition", "Rf", true},
    {"heal", "p", true},
    {"relay_crash", "", false},
    {"relay_restart", "f", false},
    {"relay_restart", "fK", false},
    {"relay_pause", "f", false},
    {"relay_resume", "", true},
    {"relay_host", "hf", false},
    {"relay_drain", "", false},
    {"relay_key_add", "k", false},
    {"relay_key_revoke", "k", false},
    {"relay_ban", "p", false},
    {"relay_unban", "p", true},
    {"relay_clock_step", "o", false},
    {"relay_clock_drift", "D", false},
    {"master_sign", "k", false},
    {"master_publish", "k", false},
    {"master_rotate", "k", false},
    {"master_fail", "yf", false},
    {"master_fail", "Yf", false},
    {"master_recover", "", true},
    {"master_delay", "df", false},
    {"master_restart", "f", false},
    {"master_restart", "kf", false},
    {"master_forget", "", false},
    {"attack_start", "xf", false},
    {"attack_stop", "x", true},
    {"copy", "Xgz", false},
};

/* ---- What an input says ---------------------------------------------------------------------- */

#define SESSIONS    3
#define PEERS       6 /* session i: client 2i, server 2i + 1 */
#define NATS        3
#define LINKS       3
#define ATTACKERS   2
#define MEMBERS_MAX 16
#define ACTIONS_MAX 64

typedef uint8_t chosen[MEMBERS_MAX]; /* by member: 0 where nothing was said, else choice + 1 */

struct plan {
    chosen run, links[LINKS], nats[NATS], options, relay, master, peers[PEERS], sessions[SESSIONS],
        leases[SESSIONS], attackers[ATTACKERS];
    bool has_session[SESSIONS], has_attacker[ATTACKERS];
    struct doing {
        uint8_t kind;
        uint32_t at_ms;
        uint8_t peer, other, session, role, nat, link, key, span, choice, more;
    } doings[ACTIONS_MAX];
    uint32_t doing_count;
    bool harsh;
};

static uint32_t choices_of(const struct member *member)
{
    uint32_t count = 0;
    while (count < CHOICES_MAX && member->choices[count] != NULL)
        count++;
    return count;
}

static void choose(struct plan *plan, chosen of, const struct member *members, uint32_t count,
                   struct fuzz_action *record)
{
    uint32_t member = fuzz_take_below(record, count);
    of[member] = (uint8_t)(1 + fuzz_take_below(record, choices_of(&members[member])));
    plan->harsh = plan->harsh || !members[member].gentle;
}

static void read_doing(struct plan *plan, struct fuzz_action *record)
{
    if (plan->doing_count == ACTIONS_MAX)
        return;
    struct doing *doing = &plan->doings[plan->doing_count++];
    doing->kind = (uint8_t)fuzz_take_below(record, COUNT(actions));
    doing->at_ms = (uint32_t)fuzz_take(record, 2) * 2;
    doing->peer = (uint8_t)fuzz_take_below(record, PEERS);
    doing->other = (uint8_t)fuzz_take_below(record, PEERS);
    doing->session = (uint8_t)fuzz_take_below(record, SESSIONS);
    doing->role = (uint8_t)fuzz_take_below(record, 2);
    doing->nat = (uint8_t)fuzz_take_below(record, NATS);
    doing->link = (uint8_t)fuzz_take_below(record, LINKS);
    doing->key = (uint8_t)fuzz_take_below(record, 3);
    doing->span = fuzz_take_u8(record);
    doing->choice = fuzz_take_u8(record);
    doing->more = fuzz_take_u8(record);
    plan->harsh = plan->harsh || !actions[doing->kind].gentle;
}

#define CHOOSE(of, members) choose(plan, of, members, COUNT(members), record)

static void read_record(struct plan *plan, struct fuzz_action *record)
{
    uint32_t which;
    switch (record->tag) {
    case WORLD_RUN:
        CHOOSE(plan->run, run_members);
        break;
    case WORLD_LINK:
        which = fuzz_take_below(record, LINKS);
        CHOOSE(plan->links[which], link_members);
        break;
    case WORLD_NAT:
        which = fuzz_take_below(record, NATS);
        CHOOSE(plan->nats[which], nat_members);
        break;
    case WORLD_OPTION:
        CHOOSE(plan->options, option_members);
        break;
    case WORLD_RELAY:
        CHOOSE(plan->relay, relay_members);
        break;
    case WORLD_MASTER:
        CHOOSE(plan->master, master_members);
        break;
    case WORLD_PEER:
        which = fuzz_take_below(record, PEERS);
        CHOOSE(plan->peers[which], peer_members);
        break;
    case WORLD_SESSION:
        which = fuzz_take_below(record, SESSIONS);
        plan->has_session[which] = true;
        CHOOSE(plan->sessions[which], session_members);
        break;
    case WORLD_LEASE:
        which = fuzz_take_below(record, SESSIONS);
        CHOOSE(plan->leases[which], lease_members);
        break;
    case WORLD_ATTACKER:
        which = fuzz_take_below(record, ATTACKERS);
        plan->has_attacker[which] = true;
        CHOOSE(plan->attackers[which], attacker_members);
        break;
    case WORLD_DO:
        read_doing(plan, record);
        break;
    default:
        break;
    }
}

static void read_plan(struct plan *plan, const uint8_t *bytes, size_t size)
{
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    struct fuzz_action record;
    memset(plan, 0, sizeof *plan);
    plan->has_session[0] = true;
    while (fuzz_next_action(&list, &record))
        read_record(plan, &record);
}

/* ---- Writing it ------------------------------------------------------------------------------ */

struct writer {
    char *at, *end;
    bool first; /* nothing stands in the object under way */
};

static void put(struct writer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(out->at, (size_t)(out->end - out->at), format, arguments);
    va_end(arguments);
    FUZZ_REQUIRE(count >= 0 && count < out->end - out->at, "a scenario has room for %d characters",
                 WORLD_JSON_MAX);
    out->at += count;
}

static void open_object(struct writer *out, const char *name)
{
    put(out, "%s\n  \"%s\": {", out->first ? "" : ",", name);
    out->first = true;
}

static void close_object(struct writer *out)
{
    put(out, " }");
    out->first = false;
}

static void put_member(struct writer *out, const char *name, const char *json)
{
    put(out, "%s \"%s\": %s", out->first ? "" : ",", name, json);
    out->first = false;
}

static const char *said(const chosen of, const struct member *members, uint32_t member)
{
    return of[member] > 0 ? members[member].choices[of[member] - 1] : NULL;
}

static void put_chosen(struct writer *out, const chosen of, const struct member *members,
                       uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (of[i] > 0)
            put_member(out, members[i].name, members[i].choices[of[i] - 1]);
    }
}

#define PUT_CHOSEN(out, of, members, from) put_chosen(out, of, members, from, COUNT(members))

/* The NAT that a peer is behind, -1 for none. */
static int nat_of(const struct plan *plan, uint32_t peer)
{
    uint8_t choice = plan->peers[peer][PEER_NAT];
    return choice >= 1 && choice <= NATS ? choice - 1 : -1;
}

static void put_peer(struct writer *out, const struct plan *plan, uint32_t peer)
{
    const uint8_t *of = plan->peers[peer];
    int nat = nat_of(plan, peer);
    bool upstream = of[PEER_UPSTREAM] == 2;
    char text[64];
    snprintf(text, sizeof text, "p%u", peer);
    put(out, "%s\n    \"%s\": {", out->first ? "" : ",", text);
    out->first = true;
    put_member(out, "behaviour", upstream ? "\"upstream\"" : "\"robust\"");
    if (nat >= 0)
        snprintf(text, sizeof text, "\"192.168.%d.%u:5000\"", nat, 10 + peer);
    else
        snprintf(text, sizeof text, "\"192.0.2.%u:6000\"", 10 + peer);
    put_member(out, "address", text);
    if (nat >= 0)
        put_member(out, "nat", said(of, peer_members, PEER_NAT));
    if (!upstream)
        put_chosen(out, of, peer_members, PEER_ROBUST_ONLY, PEER_ROBUST_END);
    PUT_CHOSEN(out, of, peer_members, PEER_ROBUST_END);
    close_object(out);
}

static void put_session(struct writer *out, const struct plan *plan, uint32_t session)
{
    static const char *const sides[2] = {"client", "server"};
    const uint8_t *of = plan->sessions[session];
    char text[16];
    put(out, "%s\n    \"s%u\": {", out->first ? "" : ",", session);
    out->first = true;
    for (uint32_t side = 0; side < 2; side++) {
        snprintf(text, sizeof text, "\"p%u\"", 2 * session + side);
        put_member(out, sides[side], text);
    }
    PUT_CHOSEN(out, of, session_members, SESSION_PLAIN);
    put(out, ", \"traffic\": { \"client\": %s, \"server\": %s }",
        of[SESSION_TRAFFIC_CLIENT] > 0 ? said(of, session_members, SESSION_TRAFFIC_CLIENT) : PING,
        of[SESSION_TRAFFIC_SERVER] > 0 ? said(of, session_members, SESSION_TRAFFIC_SERVER) : PING);
    put(out, ", \"lease\": {");
    out->first = true;
    PUT_CHOSEN(out, plan->leases[session], lease_members, 0);
    close_object(out);
    close_object(out);
}

/* The session that an attacker watches: one that there is. */
static uint32_t watched_by(const struct plan *plan, uint32_t attacker)
{
    uint8_t choice = plan->attackers[attacker][ATTACKER_SESSION];
    uint32_t session = choice > 0 ? choice - 1u : 0;
    return plan->has_session[session] ? session : 0;
}

static void put_attacker(struct writer *out, const struct plan *plan, uint32_t attacker)
{
    const uint8_t *of = plan->attackers[attacker];
    char text[32];
    put(out, "%s\n    \"a%u\": {", out->first ? "" : ",", attacker);
    out->first = true;
    put_member(out, "attack",
               of[ATTACKER_ATTACK] > 0 ? said(of, attacker_members, ATTACKER_ATTACK)
                                       : "\"on_path\"");
    snprintf(text, sizeof text, "\"198.18.%u.1:7000\"", attacker + 1);
    put_member(out, "address", text);
    snprintf(text, sizeof text, "\"s%u\"", watched_by(plan, attacker));
    put_member(out, "session", text);
    put_member(out, "victim", "\"p1\"");
    if (of[ATTACKER_ATTACK] == 7) /* a reflection aims at somebody else than itself */
        put_member(out, "bytes", "120");
    PUT_CHOSEN(out, of, attacker_members, ATTACKER_START);
    close_object(out);
}

/* ---- Timeline -------------------------------------------------------------------------------- */

static const char *const spans[] = {"1ms", "20ms",  "100ms",  "500ms", "1s",  "1500ms",
                                    "2s",  "3s",    "2500ms", "5s",    "10s", "31s",
                                    "61s", "200ms", "50ms",   "4s"};
static const char *const offsets[] = {"5s", "-5s", "29s", "-29s", "31s", "-31s", "1h", "-1h"};
static const char *const packets[] = {"any",   "present", "ack",  "reject",
                                      "renew", "forward", "bare", "junk"};
static const char *const modes[] = {"refuse", "hang", "error", "unauthorized", "garbage"};
static const char *const uses[] = {"current", "newer", "older", "none"};
static const char *const hosts[] = {"{ \"receive\": \"4ms\" }", "{ \"verify\": \"500ms\" }",
                                    "{ \"forward\": \"10ms\" }", "{ \"receive_queue\": 2 }"};
static const char *const copies[] = {"latest", "overtake", "follow"};
static const char *const cookies[] = {"keep", "none", "own"};
static const char *const sources[] = {"own", "victim"};

static const char *pick(const char *const *from, uint32_t count, uint8_t choice)
{
    return from[choice % count];
}
#define PICK(from, choice) pick(from, COUNT(from), choice)

static void put_text(struct writer *out, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_text(struct writer *out, const char *name, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put(out, ", \"%s\": \"%s\"", name, text);
}

static bool has_peer(const struct plan *plan, uint32_t peer)
{
    return plan->has_session[peer / 2];
}

/* Whether the things that an argument names are there. */
static bool fits(const struct plan *plan, const struct doing *doing, char argument)
{
    switch (argument) {
    case 'p':
        return has_peer(plan, doing->peer);
    case 'q': /* one behind a NAT */
        return has_peer(plan, doing->peer) && nat_of(plan, doing->peer) >= 0;
    case 'G': /* two behind the same one */
        return has_peer(plan, doing->peer) && has_peer(plan, doing->other) &&
               doing->peer != doing->other && nat_of(plan, doing->peer) >= 0 &&
               nat_of(plan, doing->peer) == nat_of(plan, doing->other);
    case 's':
        return plan->has_session[doing->session];
    case 'x':
    case 'X':
        return plan->has_attacker[doing->other % ATTACKERS];
    default:
        return true;
    }
}

static void write_argument(struct writer *out, const struct plan *plan, const struct doing *doing,
                           char argument)
{
    uint32_t attacker = doing->other % ATTACKERS;
    switch (argument) {
    case 'p':
    case 'q':
        put_text(out, "peer", "p%u", doing->peer);
        break;
    case 'G':
        put_text(out, "peer", "p%u", doing->peer);
        put_text(out, "to_peer", "p%u", doing->other);
        break;
    case 'n':
        put_text(out, "nat", "n%u", doing->nat);
        break;
    case 'A':
        put_text(out, "address", "203.0.113.%u:1024", 50 + doing->nat * 4 + doing->choice % 4);
        break;
    case 'M':
        put_text(out, "address", "203.0.113.%d:%u", 5 + nat_of(plan, doing->peer),
                 40000 + doing->choice % 8);
        break;
    case 'a':
        put_text(out, "address", "198.19.0.%u:7000", 10 + doing->peer * 4 + doing->choice % 4);
        break;
    case 'N':
        put_text(out, "nat", "n%u", doing->nat);
        put_text(out, "address", "192.168.%u.%u:5000", doing->nat, 100 + doing->peer);
        break;
    case 's':
        put_text(out, "session", "s%u", doing->session);
        break;
    case 'r':
        put_text(out, "role", "%s", doing->role == 0 ? "client" : "server");
        break;
    case 'R':
        put_text(out, "relay", "relay");
        break;
    case 'l':
        put_text(out, "link", "l%u", doing->link);
        break;
    case 'L':
        put_text(out, "to_link", "l%u", doing->choice % LINKS);
        break;
    case 'k':
        put_text(out, "key", "k%u", doing->key + 1);
        break;
    case 'K':
        put(out, ", \"keys\": [\"k%u\"]", doing->key + 1);
        break;
    case 'f':
        put_text(out, "for", "%s", PICK(spans, doing->span));
        break;
    case 'd':
        put_text(out, "delay", "%s", PICK(spans, doing->more));
        break;
    case 't':
        put_text(out, "timeout", "%s", PICK(spans, doing->more));
        break;
    case 'o':
        put_text(out, "offset", "%s", PICK(offsets, doing->choice));
        break;
    case 'D':
        put(out, ", \"drift_ppb\": %d", (doing->choice - 128) * 700000);
        break;
    case 'c':
        put(out, ", \"count\": %u", 1 + doing->choice % 20);
        break;
    case 'h':
        put(out, ", \"host\": %s", PICK(hosts, doing->choice));
        break;
    case 'u':
        put_text(out, "lease", "%s", pick(uses, 4, doing->choice));
        break;
    case 'w':
        put_text(out, "lease", "%s", pick(uses, 3, doing->choice));
        break;
    case 'v':
        put_text(out, "lease", "%s", pick(uses, 2, doing->choice));
        break;
    case 'g':
        put_text(out, "packet", "%s", PICK(packets, doing->more));
        break;
    case 'y':
        put_text(out, "how", "%s", PICK(modes, doing->choice));
        break;
    case 'Y':
        put_text(out, "how", "wrong_key");
        put_text(out, "key", "k%u", doing->key + 1);
        break;
    case 'x':
        put_text(out, "attacker", "a%u", attacker);
        break;
    case 'X':
        put_text(out, "attacker", "a%u", attacker);
        put_text(out, "session", "s%u", watched_by(plan, attacker));
        put_text(out, "role", "%s", doing->role == 0 ? "client" : "server");
        break;
    default: /* 'z': how a copy is made */
        put_text(out, "when", "%s", PICK(copies, doing->choice));
        put_text(out, "cookie", "%s", PICK(cookies, (uint8_t)(doing->choice / 3)));
        put_text(out, "source", "%s", PICK(sources, (uint8_t)(doing->choice / 9)));
        put_text(out, "delay", "%s", PICK(spans, doing->span));
        break;
    }
}

static const uint32_t durations_ms[] = {20000, 5000, 10000, 40000, 70000, 100000, 130000, 2000};

static uint32_t duration_of(const struct plan *plan)
{
    return durations_ms[plan->run[0] > 0 ? plan->run[0] - 1 : 0];
}

static void put_doing(struct writer *out, const struct plan *plan, const struct doing *doing)
{
    const struct action *action = &actions[doing->kind];
    if (doing->at_ms >= duration_of(plan))
        return;
    for (const char *argument = action->arguments; *argument != '\0'; argument++) {
        if (!fits(plan, doing, *argument))
            return;
    }
    put(out, "%s\n    { \"at\": \"%ums\", \"do\": \"%s\"", out->first ? "" : ",", doing->at_ms,
        action->name);
    for (const char *argument = action->arguments; *argument != '\0'; argument++)
        write_argument(out, plan, doing, *argument);
    put(out, " }");
    out->first = false;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static void put_network(struct writer *out, const struct plan *plan)
{
    open_object(out, "keys");
    put(out, " \"k1\": {}, \"k2\": {}, \"k3\": {}");
    close_object(out);
    open_object(out, "links");
    for (uint32_t i = 0; i < LINKS; i++) {
        put(out, "%s\n    \"l%u\": {", i > 0 ? "," : "", i);
        out->first = true;
        PUT_CHOSEN(out, plan->links[i], link_members, 0);
        close_object(out);
    }
    close_object(out);
    open_object(out, "nats");
    for (uint32_t i = 0; i < NATS; i++) {
        put(out, "%s\n    \"n%u\": { \"public\": \"203.0.113.%u\"", i > 0 ? "," : "", i, 5 + i);
        out->first = false;
        PUT_CHOSEN(out, plan->nats[i], nat_members, 0);
        close_object(out);
    }
    close_object(out);
}

static void put_relay(struct writer *out, const struct plan *plan)
{
    open_object(out, "masters");
    put(out, "\n    \"master\": { \"key\": \"k1\"");
    out->first = false;
    PUT_CHOSEN(out, plan->master, master_members, 0);
    close_object(out);
    close_object(out);
    open_object(out, "relays");
    put(out, "\n    \"relay\": { \"address\": \"198.51.100.1:4000\"");
    out->first = false;
    PUT_CHOSEN(out, plan->relay, relay_members, 0);
    put(out, ", \"options\": {");
    out->first = true;
    PUT_CHOSEN(out, plan->options, option_members, 0);
    close_object(out);
    close_object(out);
    close_object(out);
}

static void put_people(struct writer *out, const struct plan *plan)
{
    open_object(out, "peers");
    for (uint32_t i = 0; i < PEERS; i++) {
        if (has_peer(plan, i))
            put_peer(out, plan, i);
    }
    close_object(out);
    open_object(out, "sessions");
    for (uint32_t i = 0; i < SESSIONS; i++) {
        if (plan->has_session[i])
            put_session(out, plan, i);
    }
    close_object(out);
    open_object(out, "attackers");
    for (uint32_t i = 0; i < ATTACKERS; i++) {
        if (plan->has_attacker[i])
            put_attacker(out, plan, i);
    }
    close_object(out);
}

size_t world_scenario_write(const uint8_t *bytes, size_t size, const char *name,
                            char json[WORLD_JSON_MAX])
{
    static struct plan plan;
    struct writer out = {json, json + WORLD_JSON_MAX, true};
    read_plan(&plan, bytes, size);
    put(&out,
        "{\n  \"name\": \"%s\",\n  \"shows\": \"What a fuzzer came upon.\",\n"
        "  \"covers\": [\"fuzz/targets/world.c\"]",
        name);
    out.first = false;
    put(&out, ",\n ");
    out.first = true;
    if (plan.run[0] == 0)
        put_member(&out, "duration", "\"20s\"");
    PUT_CHOSEN(&out, plan.run, run_members, 0);
    put_member(&out, "served_within", plan.harsh ? "\"1000h\"" : "\"20s\"");
    put_network(&out, &plan);
    put_relay(&out, &plan);
    put_people(&out, &plan);
    put(&out, ",\n  \"timeline\": [");
    out.first = true;
    for (uint32_t i = 0; i < plan.doing_count; i++)
        put_doing(&out, &plan, &plan.doings[i]);
    put(&out,
        "\n  ],\n  \"expect\": [{ \"counter\": \"packets_rx\", \"between\": [\"0s\", \"%ums\"], "
        "\"at_least\": 1 }]\n}\n",
        duration_of(&plan));
    return (size_t)(out.at - json);
}
