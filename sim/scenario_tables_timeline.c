#include "field_macros.h"
#include "scenario_tables.h"

#define HOUR (3600 * WR_S)

static const char *const direction_list[] = {"both", "up", "down"};
static const struct sim_words direction_words = WORDS(direction_list);
static const char *const use_list[] = {"current", "newer", "older", "none"};
static const struct sim_words use_words = WORDS(use_list);
static const char *const mode_list[] = {"ok",           "refuse",  "hang",     "error",
                                        "unauthorized", "garbage", "wrong_key"};
static const struct sim_words mode_words = WORDS(mode_list);
static const char *const copy_list[] = {"latest", "overtake", "follow"};
static const struct sim_words copy_words = WORDS(copy_list);
static const char *const cookie_list[] = {"keep", "none", "own"};
static const struct sim_words cookie_words = WORDS(cookie_list);

static bool read_roles(struct sim_reader *reader, const cJSON *value, void *target)
{
    static const struct sim_field field = {.kind = SIM_FIELD_WORD, .words = &sim_words_role};
    struct sim_action *action = target;
    uint32_t role;
    if (!sim_read_value(reader, value, &field, &role))
        return false;
    action->roles = SIM_ROLE_BIT(role);
    return true;
}

static bool read_key(struct sim_reader *reader, const cJSON *value, void *target)
{
    static const struct sim_field field = {.kind = SIM_FIELD_ONE, .entity = SIM_ENTITY_KEY};
    struct sim_action *action = target;
    if (!sim_read_value(reader, value, &field, &action->keys[0]))
        return false;
    action->key_count = 1;
    return true;
}

static bool read_keys(struct sim_reader *reader, const cJSON *value, void *target)
{
    struct sim_action *action = target;
    struct sim_relay_spec pinned = {0};
    const struct sim_field *field = sim_table_field(&sim_table_relay, "pinned_keys");
    if (!field->read(reader, value, &pinned))
        return false;
    for (uint32_t i = 0; i < pinned.pinned_key_count; i++)
        action->keys[i] = pinned.pinned_keys[i];
    action->key_count = pinned.pinned_key_count;
    return true;
}

static bool read_link(struct sim_reader *reader, const cJSON *value, void *target)
{
    static const struct sim_field field = {.kind = SIM_FIELD_ONE, .entity = SIM_ENTITY_LINK};
    struct sim_action *action = target;
    if (!sim_read_value(reader, value, &field, &action->link))
        return false;
    action->has_link = true;
    action->uplink = action->link;
    action->downlink = action->link;
    return true;
}

static bool read_address(struct sim_reader *reader, const cJSON *value, void *target)
{
    static const struct sim_field field = {.kind = SIM_FIELD_ADDRESS,
                                           .offset = offsetof(struct sim_action, address)};
    struct sim_action *action = target;
    action->has_address = sim_read_value(reader, value, &field, action);
    return action->has_address;
}

static bool read_nat(struct sim_reader *reader, const cJSON *value, void *target)
{
    struct sim_action *action = target;
    action->has_nat =
        cJSON_IsNull(value) || sim_read_name(reader, value, SIM_ENTITY_NAT, &action->nats);
    return action->has_nat;
}

static const struct sim_field action_fields[] = {
    FIELD("at", DURATION, struct sim_action, at_ns, "When.", .required = true),
    FIELD("peer", SOME, struct sim_action, peers, "The peer, or group, concerned.",
          .entity = SIM_ENTITY_PEER),
    FIELD("to_peer", SOME, struct sim_action, other, "Who gets it.", .entity = SIM_ENTITY_PEER),
    FIELD("session", SOME, struct sim_action, sessions, "The session, or group, concerned.",
          .entity = SIM_ENTITY_SESSION),
    CUSTOM("role", "Which side. Default: both, where both can be.", .read = read_roles,
           .schema = "{\"enum\": [\"client\", \"server\"]}"),
    CUSTOM("nat", "The NAT, or group; null in peer_move: a public address.", .read = read_nat,
           .schema = "{\"type\": [\"string\", \"null\"]}"),
    FIELD("relay", SOME, struct sim_action, relays, "Default: the only one.",
          .entity = SIM_ENTITY_RELAY),
    FIELD("master", SOME, struct sim_action, masters, "Default: the only one.",
          .entity = SIM_ENTITY_MASTER),
    FIELD("attacker", SOME, struct sim_action, attackers, "The attacker.",
          .entity = SIM_ENTITY_ATTACKER),
    CUSTOM("link", "The link.", .read = read_link, .schema = "{\"type\": \"string\"}"),
    FIELD("to_link", ONE, struct sim_action, to_link, "What it behaves like from now on.",
          .entity = SIM_ENTITY_LINK),
    CUSTOM("key", "A key.", .read = read_key, .schema = "{\"type\": \"string\"}"),
    CUSTOM("keys", "Keys.", .read = read_keys,
           .schema = "{\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"minItems\": 1, "
                     "\"maxItems\": 8}"),
    FIELD("for", DURATION, struct sim_action, for_ns, "For how long.", .min = 1),
    FIELD("delay", DURATION, struct sim_action, value_ns, "By how much.", .max = HOUR),
    FIELD("timeout", DURATION, struct sim_action, value_ns, "The new timeout.", .min = WR_MS),
    FIELD("offset", OFFSET, struct sim_action, offset_ms, "By how much the clock jumps."),
    FIELD("drift_ppb", I32, struct sim_action, drift_ppb, "Parts per thousand million.",
          .max = 100000000),
    FIELD("count", U32, struct sim_action, count, "How many. Default 1.", .min = 1, .max = 1000000),
    CUSTOM("address", "The new address.", .read = read_address, .schema = "{\"type\": \"string\"}"),
    FIELD("host", OBJECT, struct sim_action, host, "Service times that change.",
          .table = &sim_table_host),
    FIELD("lease", WORD, struct sim_action, use,
          "The one it has, a new one from the master, the one before, or (renew) none at all.",
          .words = &use_words),
    FIELD("packet", WORD, struct sim_action, packet, "Which kind of datagram.",
          .words = &sim_words_packet),
    FIELD("direction", WORD, struct sim_action, direction,
          "up: what it sends. down: what it is sent.", .words = &direction_words),
    FIELD("how", WORD, struct sim_action, mode, "What it answers.", .words = &mode_words),
    FIELD("when", WORD, struct sim_action, copy,
          "The latest one seen, at once; or the next one, ahead of it or behind it. Default "
          "latest.",
          .words = &copy_words),
    FIELD("cookie", WORD, struct sim_action, cookie,
          "Of the copy: as it was, none, or the attacker's own. Default keep.",
          .words = &cookie_words),
    FIELD("source", WORD, struct sim_action, source,
          "From its own address, or with that of the copied peer. Default own.",
          .words = &sim_words_source),
};
const struct sim_table sim_table_action = TABLE("action", action_fields, "Something that happens.");

#define FORM(kind_, name_, required_, optional_, about_)                                           \
    [SIM_DO_##kind_] = {SIM_DO_##kind_, (name_), (required_), (optional_), (about_)}

const struct sim_action_form sim_action_forms[SIM_DO_COUNT] = {
    FORM(NAT_REBIND, "nat_rebind", "", "nat peer",
         "Mappings get other external ports; what comes for the old ones is dropped."),
    FORM(NAT_REBOOT, "nat_reboot", "nat", "address",
         "All mappings are forgotten; with an address, the NAT has that one from now on."),
    FORM(NAT_MOVE_MAPPING, "nat_move_mapping", "peer address", "",
         "The peer's mapping moves to this external address and port."),
    FORM(NAT_GIVE_PORT, "nat_give_port", "peer to_peer", "",
         "The peer's external port now belongs to another inside host."),
    FORM(NAT_TIMEOUT, "nat_timeout", "nat timeout", "", "Another mapping timeout."),
    FORM(PEER_MOVE, "peer_move", "peer address", "nat link",
         "Its socket is on another network from now on. Without \"nat\": at a public address."),
    FORM(PEER_PAUSE, "peer_pause", "peer", "for", "It sleeps: neither sends nor hears."),
    FORM(PEER_RESUME, "peer_resume", "peer", "", "It wakes."),
    FORM(PEER_CRASH, "peer_crash", "peer", "", "It is gone and forgets everything."),
    FORM(PEER_RESTART, "peer_restart", "peer", "lease for",
         "It crashes and begins anew with sequence 0. Lease: newer (default) or current."),
    FORM(PEER_PRESENT, "peer_present", "peer", "lease", "It presents a lease now."),
    FORM(PEER_RENEW, "peer_renew", "peer", "lease", "It renews now; lease none: a bare one."),
    FORM(PEER_RELEASE, "peer_release", "peer", "", "It releases its role and leaves."),
    FORM(PEER_CLOCK_STEP, "peer_clock_step", "peer offset", "", "Its wall clock jumps."),
    FORM(TRAFFIC_STOP, "traffic_stop", "session", "role for",
         "The application has nothing to send."),
    FORM(TRAFFIC_START, "traffic_start", "session", "role", "It has again."),
    FORM(DROP_NEXT, "drop_next", "peer packet", "direction count",
         "The next datagrams of a kind are lost on the peer's path."),
    FORM(DUPLICATE_NEXT, "duplicate_next", "peer packet", "direction count delay",
         "The next datagrams of a kind arrive twice."),
    FORM(DELAY_NEXT, "delay_next", "peer packet delay", "direction count",
         "The next datagrams of a kind are late."),
    FORM(CORRUPT_NEXT, "corrupt_next", "peer packet", "direction count",
         "One bit of the next datagrams of a kind flips."),
    FORM(LINK_CHANGE, "link_change", "link to_link", "for",
         "All that use a link find it behaves like another."),
    FORM(PARTITION, "partition", "", "peer relay direction for", "Nothing passes."),
    FORM(HEAL, "heal", "", "peer relay", "Everything passes again."),
    FORM(RELAY_CRASH, "relay_crash", "", "relay", "The process is gone, with its sessions."),
    FORM(RELAY_RESTART, "relay_restart", "", "relay for keys",
         "It crashes and comes back with the same id; with keys, it pins these."),
    FORM(RELAY_PAUSE, "relay_pause", "", "relay for", "The process stands still."),
    FORM(RELAY_RESUME, "relay_resume", "", "relay", "It goes on."),
    FORM(RELAY_HOST, "relay_host", "host", "relay for", "Its host becomes slower or faster."),
    FORM(RELAY_DRAIN, "relay_drain", "", "relay", "No new sessions; it ends when all are gone."),
    FORM(RELAY_KEY_ADD, "relay_key_add", "key", "relay", "The operator pins a key."),
    FORM(RELAY_KEY_REVOKE, "relay_key_revoke", "key", "relay", "The operator revokes a key."),
    FORM(RELAY_BAN, "relay_ban", "peer", "relay", "The operator bans an identity."),
    FORM(RELAY_UNBAN, "relay_unban", "peer", "relay", "The operator lifts a ban."),
    FORM(RELAY_CLOCK_STEP, "relay_clock_step", "offset", "relay", "Its wall clock jumps."),
    FORM(RELAY_CLOCK_DRIFT, "relay_clock_drift", "drift_ppb", "relay",
         "Its wall clock runs faster or slower."),
    FORM(MASTER_SIGN, "master_sign", "key", "master", "It signs with another key."),
    FORM(MASTER_PUBLISH, "master_publish", "key", "master", "It announces another key."),
    FORM(MASTER_ROTATE, "master_rotate", "key", "master", "Both at once."),
    FORM(MASTER_FAIL, "master_fail", "how", "master key for", "It answers wrongly or not at all."),
    FORM(MASTER_RECOVER, "master_recover", "", "master", "It answers as it should."),
    FORM(MASTER_DELAY, "master_delay", "delay", "master for", "It answers this late."),
    FORM(MASTER_RESTART, "master_restart", "", "master key for",
         "It is down for a while and forgets its relays; with a key, it comes back with that."),
    FORM(MASTER_FORGET, "master_forget", "", "master relay", "The next heartbeat is answered 404."),
    FORM(ATTACK_START, "attack_start", "attacker", "for", "The attack begins."),
    FORM(ATTACK_STOP, "attack_stop", "attacker", "", "The attack ends."),
    FORM(COPY, "copy", "attacker session role packet", "when cookie source count delay",
         "Somebody on the path sends a copy of one of the session's datagrams."),
};
