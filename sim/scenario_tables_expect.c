#include "field_macros.h"
#include "nearest.h"
#include "scenario_tables.h"

#include <string.h>

static const char *const gauge_list[SIM_GAUGE_COUNT] = {
    "sessions_active", "sessions_waiting", "held",
    "pending",         "queue_depth",      "keys",
    "draining",        "drained",          "registered",
    "ready",           "receive_queue",    "memory_bytes"};
const struct sim_words sim_words_gauge = WORDS(gauge_list);

static const char *const event_list[] = {
    [WR_EVENT_CREATED] = "created",
    [WR_EVENT_ACTIVE] = "active",
    [WR_EVENT_BOUND] = "bound",
    [WR_EVENT_CANDIDATE] = "candidate",
    [WR_EVENT_PROMOTED] = "promoted",
    [WR_EVENT_REVERTED] = "reverted",
    [WR_EVENT_VACATED] = "vacated",
    [WR_EVENT_REMOVED] = "removed",
    [WR_EVENT_KEY_ADDED] = "key_added",
    [WR_EVENT_KEY_DROPPED] = "key_dropped",
    [WR_EVENT_KEY_REFRESH_WANTED] = "key_refresh_wanted",
    [WR_EVENT_DRAINED] = "drained",
};
const struct sim_words sim_words_event = WORDS(event_list);

static const char *const why_list[] = {
    [WR_WHY_EXPIRED] = "expired", [WR_WHY_IDLE] = "idle",     [WR_WHY_RELEASED] = "released",
    [WR_WHY_REVOKED] = "revoked", [WR_WHY_BANNED] = "banned",
};
static const struct sim_words why_words = WORDS(why_list);

static const char *const reason_list[] = {
    NULL, "expired", "invalid_signature", "wrong_relay", "session_full", "banned", "rate_limited"};
const struct sim_words sim_words_reason = WORDS(reason_list);

static const char *const verdict_list[] = {
#define VERDICT_WORD(name, text) [WR_VERDICT_##name] = (text),
    WR_VERDICTS(VERDICT_WORD)};
static const struct sim_words verdict_words = WORDS(verdict_list);

static const char *const state_list[] = {"none", "waiting", "active"};
const struct sim_words sim_words_state = WORDS(state_list);
static const char *const request_list[SIM_REQUEST_COUNT] = {"register", "heartbeat", "well_known",
                                                            "lease"};
const struct sim_words sim_words_request = WORDS(request_list);

/* ---- Counters -------------------------------------------------------------------------------- */

static const struct sim_counter_ref counters[] = {
#define COUNTER(name) {#name, offsetof(struct wr_counters, name)},
    WR_COUNTERS(COUNTER) WR_OWN_COUNTERS(COUNTER)
#define OUTCOME(name, text)                                                                        \
    {"outcomes." text,                                                                             \
     offsetof(struct wr_counters, outcomes) + sizeof(uint64_t) * WR_OUTCOME_##name},
        WR_OUTCOMES(OUTCOME)
#define VERDICT(name, text)                                                                        \
    {"verdicts." text,                                                                             \
     offsetof(struct wr_counters, verdicts) + sizeof(uint64_t) * WR_VERDICT_##name},
            WR_VERDICTS(VERDICT)};

bool sim_counter_find(const char *name, struct sim_counter_ref *counter, void *context,
                      void (*each)(void *context, const char *known))
{
    for (size_t i = 0; i < SIM_COUNT(counters); i++) {
        if (strcmp(counters[i].name, name) == 0) {
            *counter = counters[i];
            return true;
        }
        if (each)
            each(context, counters[i].name);
    }
    return false;
}

static void offer(void *context, const char *known)
{
    wr_nearest_offer(context, known);
}

static bool read_counter(struct sim_reader *reader, const cJSON *value, void *target)
{
    struct sim_expect_draft *draft = target;
    const char *name = cJSON_IsString(value) ? value->valuestring : "";
    struct wr_nearest nearest = wr_nearest_to(name);
    if (sim_counter_find(name, &draft->expectation.counter, &nearest, offer))
        return true;
    sim_complain(reader->document, value, SIM_AT_VALUE,
                 "expected a counter of the relay, an outcome (\"outcomes.forwarded\") or a "
                 "verdict (\"verdicts.accepted\"), found %s%s%s%s",
                 sim_found(reader, value), nearest.best ? "; did you mean \"" : "",
                 nearest.best ? nearest.best : "", nearest.best ? "\"?" : "");
    return false;
}

/* ---- Windows and bounds ---------------------------------------------------------------------- */

static bool read_between(struct sim_reader *reader, const cJSON *value, void *target)
{
    static const struct sim_field field = {.kind = SIM_FIELD_DURATION};
    struct sim_expect_draft *draft = target;
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != 2) {
        sim_complain(reader->document, value, SIM_AT_VALUE,
                     "expected two instants such as [\"5s\", \"30s\"], found %s",
                     sim_found(reader, value));
        return false;
    }
    return sim_read_value(reader, cJSON_GetArrayItem(value, 0), &field,
                          &draft->expectation.from_ns) &&
           sim_read_value(reader, cJSON_GetArrayItem(value, 1), &field, &draft->expectation.to_ns);
}

/* A count; true and false are 1 and 0, for gauges that are yes or no. */
static bool read_is(struct sim_reader *reader, const cJSON *value, void *target)
{
    static const struct sim_field field = {.kind = SIM_FIELD_U64,
                                           .offset = offsetof(struct sim_expect_draft, is)};
    struct sim_expect_draft *draft = target;
    if (!cJSON_IsBool(value))
        return sim_read_value(reader, value, &field, draft);
    draft->is = cJSON_IsTrue(value) ? 1 : 0;
    return true;
}

#define BETWEEN                                                                                    \
    CUSTOM("between",                                                                              \
           "From the first instant up to, not including, the second. Default: the whole run.",     \
           .read = read_between,                                                                   \
           .schema = "{\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/duration\"}, "         \
                     "\"minItems\": 2, \"maxItems\": 2}")
#define AT FIELD("at", DURATION, struct sim_expect_draft, at_ns, "When. Default: at the end.")
#define COUNT_BOUNDS                                                                               \
    CUSTOM("is", "Exactly this many.", .read = read_is,                                            \
           .schema = "{\"type\": [\"integer\", \"boolean\"], \"minimum\": 0}"),                    \
        FIELD("at_least", U64, struct sim_expect_draft, bound.at_least, "This many or more.",      \
              .min = 1),                                                                           \
        FIELD("at_most", U64, struct sim_expect_draft, bound.at_most, "This many or fewer.")
#define RELAY                                                                                      \
    FIELD("relay", ONE, struct sim_expect_draft, expectation.relay, "Default: the only one.",      \
          .entity = SIM_ENTITY_RELAY)
#define TOTAL                                                                                      \
    FIELD("total", BOOL, struct sim_expect_draft, expectation.total,                               \
          "Of a group: the sum of all, not each for itself. Default false.")

static const struct sim_field counter_fields[] = {
    CUSTOM("counter", "A counter of the relay, \"outcomes.…\" or \"verdicts.…\": what it gained.",
           .read = read_counter, .schema = "{\"$ref\": \"#/$defs/counter\"}", .required = true),
    RELAY,
    BETWEEN,
    COUNT_BOUNDS,
};

static const struct sim_field gauge_fields[] = {
    FIELD("gauge", WORD, struct sim_expect_draft, expectation.gauge,
          "Something of the relay that goes up and down.", .words = &sim_words_gauge,
          .required = true),
    RELAY,
    AT,
    COUNT_BOUNDS,
};

static const struct sim_field flow_fields[] = {
    FIELD("flow", STRING, struct sim_expect_draft, flow,
          "\"call.client\": what the client of session call sends and the server gets. Of a "
          "group, each; without a role, both.",
          .min = 1, .required = true),
    BETWEEN,
};

static const struct sim_field session_fields[] = {
    FIELD("session", SOME, struct sim_expect_draft, expectation.sessions,
          "A session; of a group, each.", .entity = SIM_ENTITY_SESSION, .required = true),
    FIELD("state", WORD, struct sim_expect_draft, expectation.state,
          "Its state at the relay that serves it.", .words = &sim_words_state, .required = true),
    AT,
};

static const struct sim_field event_fields[] = {
    FIELD("event", WORD, struct sim_expect_draft, expectation.event,
          "Something that the relay reports.", .words = &sim_words_event, .required = true),
    RELAY,
    FIELD("session", SOME, struct sim_expect_draft, expectation.sessions,
          "Only of this session; of a group, each.", .entity = SIM_ENTITY_SESSION),
    FIELD("role", WORD, struct sim_expect_draft, expectation.role, "Only of this role.",
          .words = &sim_words_role),
    FIELD("rule", U32, struct sim_expect_draft, expectation.rule,
          "Only by this rule of protocol section 3.", .min = 1, .max = 3),
    FIELD("why", WORD, struct sim_expect_draft, expectation.why, "Only for this reason.",
          .words = &why_words),
    BETWEEN,
    COUNT_BOUNDS,
    TOTAL,
};

#define PEER_REQUIRED                                                                              \
    FIELD("peer", SOME, struct sim_expect_draft, expectation.peers, "A peer; of a group, each.",   \
          .entity = SIM_ENTITY_PEER, .required = true)

static const struct sim_field verdict_fields[] = {
    FIELD("verdict", WORD, struct sim_expect_draft, expectation.verdict,
          "On leases that the peer presented.", .words = &verdict_words, .required = true),
    PEER_REQUIRED,
    BETWEEN,
    COUNT_BOUNDS,
    TOTAL,
};

static const struct sim_field reject_fields[] = {
    FIELD("reject", WORD, struct sim_expect_draft, expectation.reason,
          "LEASE_REJECTs that reached the peer.", .words = &sim_words_reason, .required = true),
    PEER_REQUIRED,
    BETWEEN,
    COUNT_BOUNDS,
    TOTAL,
};

static const struct sim_field ack_fields[] = {
    FIELD("ack", SOME, struct sim_expect_draft, expectation.peers,
          "LEASE_ACKs that reached this peer; of a group, each.", .entity = SIM_ENTITY_PEER,
          .required = true),
    BETWEEN,
    COUNT_BOUNDS,
    TOTAL,
};

static const struct sim_field request_fields[] = {
    FIELD("requests", WORD, struct sim_expect_draft, expectation.request,
          "Requests that reached the master.", .words = &sim_words_request, .required = true),
    FIELD("master", ONE, struct sim_expect_draft, expectation.master, "Default: the only one.",
          .entity = SIM_ENTITY_MASTER),
    BETWEEN,
    COUNT_BOUNDS,
};

static const struct sim_field stray_fields[] = {
    FIELD("strays", SOME, struct sim_expect_draft, expectation.peers,
          "Datagrams of sessions in which this peer has no part, and that reached it.",
          .entity = SIM_ENTITY_PEER, .required = true),
    BETWEEN,
    COUNT_BOUNDS,
    TOTAL,
};

static const struct sim_field theft_fields[] = {
    FIELD("strays_to", SOME, struct sim_expect_draft, expectation.attackers,
          "Datagrams of sessions that reached this attacker.", .entity = SIM_ENTITY_ATTACKER,
          .required = true),
    BETWEEN,
    COUNT_BOUNDS,
};

#define EXPECT(kind_, name_, fields_, about_)                                                      \
    {                                                                                              \
        SIM_EXPECT_##kind_, (name_), (about_), TABLE("expect_" name_, fields_, about_)             \
    }

const struct sim_expect_form sim_expect_forms[SIM_EXPECT_FORMS] = {
    EXPECT(COUNTER, "counter", counter_fields, "What a counter of a relay gained."),
    EXPECT(GAUGE, "gauge", gauge_fields, "What a relay has at one instant."),
    EXPECT(FLOW, "flow", flow_fields, "What of a peer's traffic reached the other one."),
    EXPECT(EVENT, "event", event_fields, "How often a relay reported something."),
    EXPECT(SESSION, "session", session_fields, "The state of a session at one instant."),
    EXPECT(VERDICT, "verdict", verdict_fields, "How often a peer's leases got a verdict."),
    EXPECT(REJECT, "reject", reject_fields, "How many rejects a peer received."),
    EXPECT(ACK, "ack", ack_fields, "How many ACKs a peer received."),
    EXPECT(REQUESTS, "requests", request_fields, "What a master was asked."),
    EXPECT(STRAYS, "strays", stray_fields, "What reached a peer that it should not have got."),
    EXPECT(STRAYS, "strays_to", theft_fields, "What reached an attacker."),
};

/* ---- Flows ----------------------------------------------------------------------------------- */

#define BOUND(kind_, is_, least_, most_)                                                           \
    FIELD("is", kind_, struct sim_bound_draft, is_, "Exactly."),                                   \
        FIELD("at_least", kind_, struct sim_bound_draft, least_, "This much or more."),            \
        FIELD("at_most", kind_, struct sim_bound_draft, most_, "This much or less.")

static const struct sim_field bound_count_fields[] = {
    BOUND(U64, is, bound.at_least, bound.at_most)};
const struct sim_table sim_table_bound_count =
    TABLE("bound_count", bound_count_fields, "Bounds of a count, inclusive.");

static const struct sim_field bound_duration_fields[] = {
    FIELD("at_least", DURATION, struct sim_bound_draft, bound.at_least, "This long or longer."),
    FIELD("at_most", DURATION, struct sim_bound_draft, bound.at_most, "This long or shorter.")};
const struct sim_table sim_table_bound_duration =
    TABLE("bound_duration", bound_duration_fields, "Bounds of a time, inclusive.");

static const struct sim_field bound_share_fields[] = {
    FIELD("at_least", RATIO, struct sim_bound_draft, share_least, "This share or more."),
    FIELD("at_most", RATIO, struct sim_bound_draft, share_most, "This share or less.")};
const struct sim_table sim_table_bound_share =
    TABLE("bound_share", bound_share_fields, "Bounds of a share, inclusive.");

const struct sim_measure_form sim_measure_forms[SIM_MEASURE_FORMS] = {
    {SIM_FLOW_SENT, "sent", "Datagrams that the sender's application sent.",
     &sim_table_bound_count},
    {SIM_FLOW_DELIVERED, "delivered", "Different datagrams that arrived.", &sim_table_bound_count},
    {SIM_FLOW_DELIVERED_SHARE, "delivered_share",
     "Of those sent within the window, the share that arrived at all.", &sim_table_bound_share},
    {SIM_FLOW_REPEATS, "repeats", "Copies that arrived beyond the first.", &sim_table_bound_count},
    {SIM_FLOW_LONGEST_GAP, "longest_gap",
     "The longest time without an arrival, the window's edges included.",
     &sim_table_bound_duration},
    {SIM_FLOW_FIRST, "first_after", "From the window's start to the first arrival.",
     &sim_table_bound_duration},
    {SIM_FLOW_LATENCY, "latency", "The longest way of one that arrived.",
     &sim_table_bound_duration},
};
