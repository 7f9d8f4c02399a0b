#include "field_macros.h"
#include "quantity.h"
#include "scenario_reading.h"

#define MILLISECOND WR_MS
#define SECOND      WR_S
#define HOUR        (3600 * WR_S)

/* ---- Sessions -------------------------------------------------------------------------------- */

static const char *const role_list[] = {"client", "server"};
const struct sim_words sim_words_role = WORDS(role_list);
static const char *const scope_list[] = {"all", "first"};
static const struct sim_words scope_words = WORDS(scope_list);

static bool read_claim_offset(struct sim_reader *reader, const cJSON *value, int64_t *offset,
                              bool *has)
{
    static const struct sim_field field = {.kind = SIM_FIELD_OFFSET};
    *has = !cJSON_IsNull(value);
    return !*has || sim_read_value(reader, value, &field, offset);
}

static bool read_issued(struct sim_reader *reader, const cJSON *value, void *target)
{
    struct sim_lease_spec *lease = target;
    return read_claim_offset(reader, value, &lease->issued_offset_ms, &lease->has_issued);
}

static bool read_not_before(struct sim_reader *reader, const cJSON *value, void *target)
{
    struct sim_lease_spec *lease = target;
    return read_claim_offset(reader, value, &lease->not_before_offset_ms, &lease->has_not_before);
}

static bool read_lease_role(struct sim_reader *reader, const cJSON *value, void *target)
{
    static const struct sim_field field = {.kind = SIM_FIELD_WORD,
                                           .offset = offsetof(struct sim_lease_spec, role),
                                           .words = &sim_words_role};
    struct sim_lease_spec *lease = target;
    lease->role_given = true;
    return sim_read_value(reader, value, &field, lease);
}

#define OFFSET_SCHEMA                                                                              \
    "{\"anyOf\": [{\"type\": \"null\"}, {\"type\": \"string\", \"pattern\": "                      \
    "\"^[+-]?([0-9.]+(h|m|s|ms))+$\"}]}"

static const struct sim_field lease_fields[] = {
    FIELD("applies_to", WORD, struct sim_lease_spec, scope,
          "All leases of the session, or the first one only. Default all.", .words = &scope_words),
    FIELD("ttl", DURATION, struct sim_lease_spec, ttl_ns, "Expiry minus issue. Default 900s.",
          .min = MILLISECOND, .max = 100 * HOUR),
    CUSTOM("issued", "iat, as an offset to the time of issue; null leaves it out. Default 0s.",
           .read = read_issued, .schema = OFFSET_SCHEMA),
    CUSTOM("not_before", "nbf, as an offset to the time of issue; null leaves it out. Default 0s.",
           .read = read_not_before, .schema = OFFSET_SCHEMA),
    FIELD("soft_kbps", U32, struct sim_lease_spec, soft_kbps, "Default 50000."),
    FIELD("hard_kbps", U32, struct sim_lease_spec, hard_kbps, "Default 100000."),
    FIELD("key", ONE, struct sim_lease_spec, key,
          "Signed with it. Default: what the master signs with.", .entity = SIM_ENTITY_KEY),
    FIELD("kid", STRING, struct sim_lease_spec, kid, "\"\" leaves it out. Default: the key's kid."),
    FIELD("relay_id", STRING, struct sim_lease_spec, relay_id, "Default: the session's relay.",
          .min = 1),
    FIELD("identity", STRING, struct sim_lease_spec, identity, "Default: the peer's.", .min = 1),
    FIELD("session", STRING, struct sim_lease_spec, session_name,
          "For the session id of that name. Default: this session.", .min = 1),
    CUSTOM("role", "Default: the peer's role in the session.", .read = read_lease_role,
           .schema = "{\"enum\": [\"client\", \"server\"]}"),
    FIELD("signature_spoiled", BOOL, struct sim_lease_spec, signature_spoiled,
          "One bit of the signature is flipped. Default false."),
};
const struct sim_table sim_table_lease =
    TABLE("lease", lease_fields, "How leases differ from what the master gives everybody.");

struct sim_lease_spec sim_lease_default(void)
{
    return (struct sim_lease_spec){
        .ttl_ns = 900 * SECOND,
        .has_issued = true,
        .has_not_before = true,
        .soft_kbps = 50000,
        .hard_kbps = 100000,
        .key = SIM_NONE,
    };
}

static const char *const profile_list[] = {"silent", "ping", "audio", "video", "constant"};
static const struct sim_words profile_words = WORDS(profile_list);
static const char *const payload_list[] = {"sequence", "rift"};
static const struct sim_words payload_words = WORDS(payload_list);

struct pause_draft {
    struct sim_pause_spec pause;
    uint64_t every_ns;
    uint32_t times;
};

static const struct sim_field pause_fields[] = {
    FIELD("at", DURATION, struct pause_draft, pause.at_ns, "When it begins.", .required = true),
    FIELD("for", DURATION, struct pause_draft, pause.for_ns, "How long it is.", .min = 1,
          .required = true),
    FIELD("every", DURATION, struct pause_draft, every_ns, "Again this often.", .min = 1),
    FIELD("times", U32, struct pause_draft, times, "How many in all.", .min = 1,
          .max = SIM_PAUSES_MAX),
};
static const struct sim_table pause_table =
    TABLE("pause", pause_fields, "The application has nothing to send for a while.");

static bool read_pauses(struct sim_reader *reader, const cJSON *value, void *target)
{
    struct sim_traffic_spec *traffic = target;
    if (!cJSON_IsArray(value)) {
        sim_complain(reader->document, value, SIM_AT_VALUE, "expected an array of pauses, found %s",
                     sim_found(reader, value));
        return false;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        struct pause_draft draft = {.times = 1};
        uint64_t given = sim_read_object(reader, item, &pause_table, NULL, &draft);
        if (sim_given(&pause_table, given, "every") != sim_given(&pause_table, given, "times")) {
            sim_complain(reader->document, item, SIM_AT_VALUE,
                         "expected \"every\" and \"times\" together, found one of them");
            return false;
        }
        if (!sim_within_run(reader->scenario, draft.pause.at_ns, draft.every_ns, draft.times)) {
            char end[SIM_DURATION_TEXT_BYTES];
            sim_complain(reader->document, item, SIM_AT_VALUE,
                         "expected pauses that begin within the run of %s",
                         sim_duration_format(reader->scenario->duration_ns, end));
            return false;
        }
        for (uint32_t i = 0; i < draft.times; i++) {
            if (traffic->pause_count == SIM_PAUSES_MAX) {
                sim_complain(reader->document, value, SIM_AT_VALUE,
                             "expected at most %d pauses, found more", SIM_PAUSES_MAX);
                return false;
            }
            traffic->pauses[traffic->pause_count] = draft.pause;
            traffic->pauses[traffic->pause_count++].at_ns += i * draft.every_ns;
        }
    }
    return true;
}

static const struct sim_field traffic_fields[] = {
    FIELD("profile", WORD, struct sim_traffic_spec, profile,
          "silent; ping: one of 48 bytes every 500 ms; audio: 50 a second of 180 bytes; video: 60 "
          "frames a second at \"kbps\"; constant: \"rate_pps\" of \"bytes\".",
          .words = &profile_words, .required = true),
    FIELD("payload", WORD, struct sim_traffic_spec, payload,
          "What FORWARD carries. Default: sequence for robust peers, rift for upstream's.",
          .words = &payload_words),
    FIELD("rate_pps", U32, struct sim_traffic_spec, rate_pps, "Datagrams a second.", .min = 1,
          .max = 1000000),
    FIELD("bytes", U32, struct sim_traffic_spec, bytes,
          "Of the whole datagram with the relay's header.", .min = 38, .max = 1500),
    FIELD("kbps", U32, struct sim_traffic_spec, kbps, "Of video. Default 8000.", .min = 100,
          .max = 1000000),
    FIELD("from", DURATION, struct sim_traffic_spec, from_ns, "Default: at once."),
    FIELD("until", DURATION, struct sim_traffic_spec, until_ns, "Default: the end of the run."),
    CUSTOM("pauses", "When it sends nothing.", .read = read_pauses,
           .schema = "{\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/pause\"}}",
           .table = &pause_table),
};
const struct sim_table sim_table_traffic =
    TABLE("traffic", traffic_fields, "What the application of one peer sends.");

static const struct sim_field session_fields[] = {
    FIELD("client", SOME, struct sim_session_draft, peers[WR_ROLE_CLIENT],
          "A peer, or a group that is paired one to one.", .entity = SIM_ENTITY_PEER,
          .required = true),
    FIELD("server", SOME, struct sim_session_draft, peers[WR_ROLE_SERVER],
          "A peer, or a group of the same size.", .entity = SIM_ENTITY_PEER, .required = true),
    FIELD("relay", ONE, struct sim_session_draft, spec.relay, "Default: the only one.",
          .entity = SIM_ENTITY_RELAY),
    FIELD("start", DURATION, struct sim_session_draft, start_ns,
          "When both ask for their leases and begin. Default 0s."),
    FIELD("client_start", DURATION, struct sim_session_draft, spec.start_ns[WR_ROLE_CLIENT],
          "Default: \"start\"."),
    FIELD("server_start", DURATION, struct sim_session_draft, spec.start_ns[WR_ROLE_SERVER],
          "Default: \"start\"."),
    FIELD("spread", DURATION, struct sim_session_draft, spread_ns,
          "Each further pair of a group begins this much later. Default 0s."),
    FIELD("handshake", BOOL, struct sim_session_draft, spec.handshake,
          "The client begins with the bare RIFT handshake. Default: where it is upstream's."),
};
const struct sim_table sim_table_session =
    TABLE("session", session_fields, "Two peers that talk through a relay, or pairs of them.");

/* ---- Attackers ------------------------------------------------------------------------------- */

static const char *const attack_list[] = {"spoofed_flood", "lease_flood", "replay", "window_poison",
                                          "session_guess", "reflection",  "thief",  "on_path"};
static const struct sim_words attack_words = WORDS(attack_list);
static const char *const packet_list[] = {"any",   "present", "ack",  "reject",
                                          "renew", "forward", "bare", "junk"};
const struct sim_words sim_words_packet = WORDS(packet_list);
static const char *const token_list[] = {"garbage", "malformed", "forged", "unknown_kid", "valid"};
static const struct sim_words token_words = WORDS(token_list);
static const char *const source_list[] = {"own", "victim"};
const struct sim_words sim_words_source = WORDS(source_list);

static const struct sim_field attacker_fields[] = {
    FIELD("attack", WORD, struct sim_attacker_spec, attack, "What it does.", .words = &attack_words,
          .required = true),
    FIELD("address", ADDRESS, struct sim_attacker_spec, address,
          "Its own; a group of sources counts up from here.", .required = true),
    FIELD("link", ONE, struct sim_attacker_spec, link, "Default: no delay.",
          .entity = SIM_ENTITY_LINK),
    FIELD("relay", ONE, struct sim_attacker_spec, relay, "Its target. Default: the only one.",
          .entity = SIM_ENTITY_RELAY),
    FIELD("session", ONE, struct sim_attacker_spec, session, "The session it attacks or watches.",
          .entity = SIM_ENTITY_SESSION),
    FIELD("role", WORD, struct sim_attacker_spec, role,
          "Whose datagrams it copies or forges. Default client.", .words = &sim_words_role),
    FIELD("victim", ONE, struct sim_attacker_spec, victim, "Reflection: who shall be hit.",
          .entity = SIM_ENTITY_PEER),
    FIELD("packet", WORD, struct sim_attacker_spec, packet,
          "What it sends. Default: junk in a spoofed flood, else what fits the attack.",
          .words = &sim_words_packet),
    FIELD("token", WORD, struct sim_attacker_spec, token,
          "What its PRESENTs carry. Default forged.", .words = &token_words),
    FIELD("source", WORD, struct sim_attacker_spec, source,
          "Sends from its own address, or with the victim's. Default own.",
          .words = &sim_words_source),
    FIELD("sources", U32, struct sim_attacker_spec, sources,
          "How many addresses it uses. Default 1.", .min = 1, .max = 16777216),
    FIELD("rate_pps", U32, struct sim_attacker_spec, rate_pps, "Default 100.", .min = 1,
          .max = 10000000),
    FIELD("bytes", U32, struct sim_attacker_spec, bytes, "Of its datagrams. Default 200.", .min = 1,
          .max = 1500),
    FIELD("ahead", U64, struct sim_attacker_spec, ahead,
          "window_poison: how far ahead of what it saw. Default 1000000.", .min = 1),
    FIELD("names_live_session", BOOL, struct sim_attacker_spec, names_live_session,
          "lease_flood: its PRESENTs name \"session\". Default false."),
    FIELD("echoes_cookies", BOOL, struct sim_attacker_spec, echoes_cookies,
          "Uses the cookies it receives. Default false."),
    FIELD("start", DURATION, struct sim_attacker_spec, start_ns,
          "Default: when the timeline says attack_start."),
    FIELD("stop", DURATION, struct sim_attacker_spec, stop_ns, "Default: the end of the run."),
};
const struct sim_table sim_table_attacker = TABLE("attacker", attacker_fields, "Somebody hostile.");
