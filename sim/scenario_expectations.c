#include "scenario_reading.h"

#include "nearest.h"
#include "quantity.h"

#include <inttypes.h>
#include <string.h>

/* A count that no run of a simulator reaches: to be at most that is no expectation. */
#define BEYOND_REACH UINT64_C(1000000000000)

/* Sizes of section 2 and 8, for bounds that nothing can exceed. */
#define HELD_MAX  1024 /* the pool of held datagrams */
#define QUEUE_MAX 1024 /* two queues of 512 */

static bool refuse(struct sim_reader *reader, const cJSON *item, const char *why)
{
    sim_complain(reader->document, item, SIM_AT_VALUE,
                 "expected an expectation that can fail and can hold, found that %s", why);
    return false;
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

static bool refuse_most(struct sim_reader *reader, const cJSON *item, uint64_t most, bool is_time)
{
    char text[SIM_DURATION_TEXT_BYTES];
    if (is_time)
        sim_duration_format(most, text);
    else
        snprintf(text, sizeof text, "%" PRIu64, most);
    return refuse(reader, item, sim_arena_print(reader->arena, "it never exceeds %s", text));
}

/* Merges "is", "at_least" and "at_most" of a draft that has NONE where nothing was given. `most` is
 * the largest value there can be. */
static bool settle_bound(struct sim_reader *reader, const cJSON *item, uint64_t is,
                         struct sim_bound *bound, uint64_t most, bool is_time)
{
    bool has_is = cJSON_HasObjectItem(item, "is");
    bool has_least = cJSON_HasObjectItem(item, "at_least");
    bool has_most = cJSON_HasObjectItem(item, "at_most");
    if (has_is && (has_least || has_most))
        return refuse(reader, item, "\"is\" leaves nothing to say for \"at_least\" or \"at_most\"");
    if (has_is)
        *bound = (struct sim_bound){is, is};
    else if (!has_least && !has_most)
        return refuse(reader, item, "it has no \"is\", \"at_least\" or \"at_most\"");
    if (has_least && bound->at_least == 0)
        return refuse(reader, item, "everything is at least 0");
    if (!has_is && !has_least)
        bound->at_least = 0;
    if (!has_is && !has_most)
        bound->at_most = UINT64_MAX;
    if (bound->at_least > bound->at_most)
        return refuse(reader, item, "nothing is that much at least and that little at most");
    if (bound->at_least > most || (bound->at_least == 0 && bound->at_most >= most))
        return refuse_most(reader, item, most, is_time);
    return true;
}

static bool settle_share(struct sim_reader *reader, const cJSON *item,
                         const struct sim_bound_draft *draft, struct sim_expectation *expectation)
{
    bool has_least = cJSON_HasObjectItem(item, "at_least");
    bool has_most = cJSON_HasObjectItem(item, "at_most");
    if (has_least == has_most)
        return refuse(reader, item, "a share has either \"at_least\" or \"at_most\"");
    if (has_least && draft->share_least.numerator == 0)
        return refuse(reader, item, "every share is at least 0");
    if (has_most && draft->share_most.numerator == draft->share_most.denominator)
        return refuse(reader, item, "every share is at most 1");
    expectation->share = has_least ? draft->share_least : draft->share_most;
    expectation->share_is_upper = has_most;
    return true;
}

/* "at least 3", "between 1 and 5", "exactly 2", with a unit's own spelling. */
static const char *bound_text(struct sim_arena *arena, struct sim_bound bound, bool is_time)
{
    char least[SIM_DURATION_TEXT_BYTES], most[SIM_DURATION_TEXT_BYTES];
    if (is_time) {
        sim_duration_format(bound.at_least, least);
        sim_duration_format(bound.at_most, most);
    } else {
        snprintf(least, sizeof least, "%" PRIu64, bound.at_least);
        snprintf(most, sizeof most, "%" PRIu64, bound.at_most);
    }
    if (bound.at_least == bound.at_most)
        return sim_arena_print(arena, "exactly %s", least);
    if (bound.at_most == UINT64_MAX)
        return sim_arena_print(arena, "at least %s", least);
    if (bound.at_least == 0)
        return sim_arena_print(arena, "at most %s", most);
    return sim_arena_print(arena, "from %s to %s", least, most);
}

static const char *window_text(struct sim_reader *reader, const struct sim_expectation *e)
{
    char from[SIM_DURATION_TEXT_BYTES], to[SIM_DURATION_TEXT_BYTES];
    sim_duration_format(e->from_ns, from);
    sim_duration_format(e->to_ns, to);
    if (e->from_ns == e->to_ns)
        return sim_arena_print(reader->arena, " at %s", from);
    if (e->from_ns == 0 && e->to_ns == reader->scenario->duration_ns)
        return "";
    return sim_arena_print(reader->arena, " from %s to %s", from, to);
}

/* ---- Windows --------------------------------------------------------------------------------- */

static bool settle_window(struct sim_reader *reader, const cJSON *item,
                          const struct sim_expect_form *form, struct sim_expect_draft *draft)
{
    struct sim_expectation *e = &draft->expectation;
    uint64_t end_ns = reader->scenario->duration_ns;
    bool instant = form->kind == SIM_EXPECT_GAUGE || form->kind == SIM_EXPECT_SESSION;
    if (instant) {
        if (!cJSON_HasObjectItem(item, "at"))
            draft->at_ns = end_ns;
        e->from_ns = e->to_ns = draft->at_ns;
        return draft->at_ns <= end_ns || refuse(reader, item, "its instant is not in the run");
    }
    if (!cJSON_HasObjectItem(item, "between")) {
        e->from_ns = 0;
        e->to_ns = end_ns;
    }
    if (e->from_ns >= e->to_ns)
        return refuse(reader, item, "its window is empty");
    return e->to_ns <= end_ns || refuse(reader, item, "its window reaches beyond the run");
}

/* ---- Flows ----------------------------------------------------------------------------------- */

static bool sends_within(const struct sim_session_spec *session, uint32_t role, uint64_t from_ns,
                         uint64_t to_ns)
{
    const struct sim_traffic_spec *traffic = &session->traffic[role];
    uint64_t begins_ns =
        traffic->from_ns > session->start_ns[role] ? traffic->from_ns : session->start_ns[role];
    return traffic->profile != SIM_PROFILE_SILENT && begins_ns < to_ns &&
           traffic->until_ns > from_ns;
}

/* "call.client" → sessions and role; "call" → both roles. */
static bool read_flow_name(struct sim_reader *reader, const cJSON *item, const char *flow,
                           struct sim_expectation *e)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(item, "flow");
    const char *dot = strrchr(flow, '.');
    const char *session = dot ? sim_arena_text(reader->arena, flow, (size_t)(dot - flow)) : flow;
    e->role = SIM_ANY;
    if (dot && strcmp(dot, ".client") == 0)
        e->role = WR_ROLE_CLIENT;
    else if (dot && strcmp(dot, ".server") == 0)
        e->role = WR_ROLE_SERVER;
    else if (dot) {
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected a session with \".client\" or \".server\" behind it, found \"%s\"",
                     flow);
        return false;
    }
    if (sim_find_name(reader, session, SIM_ENTITY_SESSION, &e->sessions))
        return true;
    struct wr_nearest nearest = wr_nearest_to(session);
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_SESSION]; i++)
        wr_nearest_offer(&nearest, reader->groups[SIM_ENTITY_SESSION][i].name);
    sim_complain(reader->document, node, SIM_AT_VALUE,
                 "expected the name of a session, found \"%s\"%s%s%s", session,
                 nearest.best ? "; did you mean \"" : "", nearest.best ? nearest.best : "",
                 nearest.best ? "\"?" : "");
    return false;
}

static bool flow_has_traffic(struct sim_reader *reader, const cJSON *item,
                             const struct sim_expectation *e)
{
    for (uint32_t i = 0; i < e->sessions.count; i++) {
        const struct sim_session_spec *session = &reader->scenario->sessions[e->sessions.first + i];
        for (uint32_t role = 0; role < WR_ROLES; role++) {
            if (session->name && (e->role == SIM_ANY || e->role == role) &&
                !sends_within(session, role, e->from_ns, e->to_ns))
                return refuse(
                    reader, item,
                    sim_arena_print(reader->arena, "the %s of \"%s\" sends nothing in that time",
                                    role == WR_ROLE_CLIENT ? "client" : "server", session->name));
        }
    }
    return true;
}

static bool settle_measure(struct sim_reader *reader, const cJSON *node,
                           const struct sim_measure_form *form, const char *flow,
                           struct sim_expectation *e)
{
    struct sim_bound_draft draft = {.share_least = SIM_RATIO_ZERO, .share_most = SIM_RATIO_ONE};
    uint32_t problems = reader->document->problem_count;
    sim_read_object(reader, node, form->bound, NULL, &draft);
    if (reader->document->problem_count > problems)
        return false;
    const char *bound;
    e->measure = form->measure;
    if (form->bound == &sim_table_bound_share) {
        if (!settle_share(reader, node, &draft, e))
            return false;
        bound =
            sim_arena_print(reader->arena, "%s %u/%u", e->share_is_upper ? "at most" : "at least",
                            e->share.numerator, e->share.denominator);
    } else {
        bool is_time = form->bound == &sim_table_bound_duration;
        uint64_t most = !is_time                            ? BEYOND_REACH
                        : form->measure == SIM_FLOW_LATENCY ? reader->scenario->duration_ns
                                                            : e->to_ns - e->from_ns;
        e->bound = draft.bound;
        if (!settle_bound(reader, node, draft.is, &e->bound, most, is_time))
            return false;
        bound = bound_text(reader->arena, e->bound, is_time);
    }
    e->line = sim_document_line(reader->document, node);
    e->text = sim_arena_print(reader->arena, "%s of %s %s%s", form->name, flow, bound,
                              window_text(reader, e));
    return true;
}

/* One expectation per measure. Returns how many were written to `out`. */
static uint32_t read_flow(struct sim_reader *reader, const cJSON *item,
                          const struct sim_expect_draft *draft, struct sim_expectation *out)
{
    struct sim_expectation base = draft->expectation;
    uint32_t count = 0;
    if (!draft->flow || !read_flow_name(reader, item, draft->flow, &base) ||
        !flow_has_traffic(reader, item, &base))
        return 0;
    for (uint32_t i = 0; i < SIM_MEASURE_FORMS; i++) {
        const cJSON *node = cJSON_GetObjectItemCaseSensitive(item, sim_measure_forms[i].name);
        if (!node)
            continue;
        out[count] = base;
        settle_measure(reader, node, &sim_measure_forms[i], draft->flow, &out[count++]);
    }
    if (count == 0)
        refuse(reader, item, "it measures nothing");
    return count;
}

/* ---- What fits together ---------------------------------------------------------------------- */

static uint64_t gauge_most(const struct sim_relay_spec *relay, enum sim_gauge gauge)
{
    switch (gauge) {
    case SIM_GAUGE_SESSIONS_ACTIVE:
    case SIM_GAUGE_SESSIONS_WAITING:
        return relay->config.max_sessions;
    case SIM_GAUGE_HELD: // NOLINT(bugprone-branch-clone): two tables of one size
        return HELD_MAX;
    case SIM_GAUGE_QUEUE_DEPTH:
        return QUEUE_MAX;
    case SIM_GAUGE_KEYS:
        return WR_KEYS_MAX;
    case SIM_GAUGE_DRAINING:
    case SIM_GAUGE_DRAINED:
    case SIM_GAUGE_REGISTERED:
    case SIM_GAUGE_READY:
        return 1;
    case SIM_GAUGE_RECEIVE_QUEUE:
        return relay->host.receive_queue_datagrams;
    case SIM_GAUGE_PENDING:
    case SIM_GAUGE_MEMORY_BYTES:
    case SIM_GAUGE_COUNT:
        break;
    }
    return BEYOND_REACH;
}

static bool holds_a_lease(const struct sim_scenario *scenario, struct sim_range peers)
{
    for (uint32_t i = 0; i < scenario->session_count; i++) {
        for (int role = 0; role < WR_ROLES; role++) {
            if (scenario->sessions[i].peers[role] - peers.first < peers.count)
                return true;
        }
    }
    return false;
}

static bool is_in(const struct sim_session_spec *session, uint32_t peer)
{
    return session->peers[WR_ROLE_CLIENT] == peer || session->peers[WR_ROLE_SERVER] == peer;
}

/* Whether there is a session in which one of these has no part: only its datagrams are strays to
 * them. */
static bool can_see_strays(const struct sim_scenario *scenario, struct sim_range peers)
{
    for (uint32_t i = 0; i < scenario->session_count; i++) {
        for (uint32_t peer = peers.first; peer < peers.first + peers.count; peer++) {
            if (!is_in(&scenario->sessions[i], peer))
                return true;
        }
    }
    return false;
}

/* What only some expectations of a kind can have. */
static bool check_fit(struct sim_reader *reader, const cJSON *item, const struct sim_expectation *e)
{
    const struct sim_scenario *scenario = reader->scenario;
    switch (e->kind) {
    case SIM_EXPECT_EVENT:
        if (e->rule != SIM_ANY && e->event != WR_EVENT_PROMOTED && e->event != WR_EVENT_REVERTED)
            return refuse(reader, item, "only \"promoted\" and \"reverted\" have a rule");
        if (e->why != SIM_ANY && e->event != WR_EVENT_VACATED && e->event != WR_EVENT_REMOVED)
            return refuse(reader, item, "only \"vacated\" and \"removed\" have a reason");
        if (e->role != SIM_ANY && (e->event < WR_EVENT_BOUND || e->event > WR_EVENT_VACATED))
            return refuse(reader, item, "this event has no role");
        if (e->sessions.count > 0 && (e->event < WR_EVENT_CREATED || e->event > WR_EVENT_REMOVED))
            return refuse(reader, item, "this event has no session");
        break;
    case SIM_EXPECT_VERDICT:
    case SIM_EXPECT_REJECT:
    case SIM_EXPECT_ACK:
        if (!holds_a_lease(scenario, e->peers))
            return refuse(reader, item, "this peer is in no session and presents nothing");
        break;
    case SIM_EXPECT_STRAYS:
        if (scenario->session_count == 0)
            return refuse(reader, item, "there is no session");
        if (e->peers.count > 0 && !can_see_strays(scenario, e->peers))
            return refuse(reader, item, "this peer has a part in every session");
        break;
    case SIM_EXPECT_REQUESTS:
        if (e->request == SIM_REQUEST_LEASE && scenario->session_count == 0)
            return refuse(reader, item, "there is no session, so nobody asks for a lease");
        break;
    case SIM_EXPECT_COUNTER:
    case SIM_EXPECT_GAUGE:
    case SIM_EXPECT_FLOW:
    case SIM_EXPECT_SESSION:
        break;
    }
    return true;
}

static const char *subject_text(struct sim_reader *reader, const cJSON *item,
                                const struct sim_expectation *e)
{
    struct sim_arena *arena = reader->arena;
    const struct sim_scenario *scenario = reader->scenario;
    const cJSON *session = cJSON_GetObjectItemCaseSensitive(item, "session");
    const cJSON *peer = cJSON_GetObjectItemCaseSensitive(item, "peer");
    const char *first = item->child->valuestring; /* overwritten below where it is no name */
    switch (e->kind) {
    case SIM_EXPECT_COUNTER:
        return sim_arena_print(arena, "%s of %s", e->counter.name, scenario->relays[e->relay].name);
    case SIM_EXPECT_GAUGE:
        return sim_arena_print(arena, "%s of %s", sim_words_gauge.words[e->gauge],
                               scenario->relays[e->relay].name);
    case SIM_EXPECT_EVENT:
        return sim_arena_print(
            arena, "event %s%s%s%s%s%s%s", sim_words_event.words[e->event], session ? " of " : "",
            session ? session->valuestring : "", e->role != SIM_ANY ? "." : "",
            e->role != SIM_ANY ? sim_words_role.words[e->role] : "",
            e->rule != SIM_ANY ? sim_arena_print(arena, " by rule %u", e->rule) : "",
            e->why != SIM_ANY
                ? sim_arena_print(arena, " because %s",
                                  cJSON_GetObjectItemCaseSensitive(item, "why")->valuestring)
                : "");
    case SIM_EXPECT_SESSION:
        return sim_arena_print(arena, "session %s", session->valuestring);
    case SIM_EXPECT_VERDICT:
        return sim_arena_print(arena, "verdict %s on %s",
                               cJSON_GetObjectItemCaseSensitive(item, "verdict")->valuestring,
                               peer->valuestring);
    case SIM_EXPECT_REJECT:
        return sim_arena_print(arena, "reject %s to %s", sim_words_reason.words[e->reason],
                               peer->valuestring);
    case SIM_EXPECT_ACK:
        return sim_arena_print(arena, "ACKs to %s",
                               cJSON_GetObjectItemCaseSensitive(item, "ack")->valuestring);
    case SIM_EXPECT_REQUESTS:
        return sim_arena_print(arena, "requests %s to %s", sim_words_request.words[e->request],
                               scenario->masters[e->master].name);
    case SIM_EXPECT_STRAYS:
        first = e->peers.count > 0
                    ? cJSON_GetObjectItemCaseSensitive(item, "strays")->valuestring
                    : cJSON_GetObjectItemCaseSensitive(item, "strays_to")->valuestring;
        return sim_arena_print(arena, "strays to %s", first);
    case SIM_EXPECT_FLOW:
        break;
    }
    return first;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static const struct sim_expect_form *form_of(struct sim_reader *reader, const cJSON *item)
{
    struct wr_nearest best = {0};
    const char *list = "";
    for (uint32_t i = 0; i < SIM_EXPECT_FORMS; i++) {
        if (cJSON_GetObjectItemCaseSensitive(item, sim_expect_forms[i].name))
            return &sim_expect_forms[i];
        list = sim_arena_print(reader->arena, "%s%s%s", list, *list ? ", " : "",
                               sim_expect_forms[i].name);
    }
    for (const cJSON *member = item->child; member && !best.best; member = member->next) {
        best = wr_nearest_to(member->string ? member->string : "");
        for (uint32_t i = 0; i < SIM_EXPECT_FORMS; i++)
            wr_nearest_offer(&best, sim_expect_forms[i].name);
    }
    sim_complain(reader->document, item, SIM_AT_VALUE,
                 "expected one of the members %s, found none%s%s%s", list,
                 best.best ? "; did you mean \"" : "", best.best ? best.best : "",
                 best.best ? "\"?" : "");
    return NULL;
}

static bool fill_in_the_only_ones(struct sim_reader *reader, const cJSON *item,
                                  struct sim_expectation *e)
{
    bool relay =
        e->kind == SIM_EXPECT_COUNTER || e->kind == SIM_EXPECT_GAUGE || e->kind == SIM_EXPECT_EVENT;
    if (relay && e->relay == SIM_NONE)
        e->relay = sim_only(reader->scenario->relay_count);
    if (e->kind == SIM_EXPECT_REQUESTS && e->master == SIM_NONE)
        e->master = sim_only(reader->scenario->master_count);
    if ((relay && e->relay == SIM_NONE) ||
        (e->kind == SIM_EXPECT_REQUESTS && e->master == SIM_NONE)) {
        sim_complain(reader->document, item, SIM_AT_VALUE,
                     "expected \"%s\", since there is more than one, found nothing",
                     relay ? "relay" : "master");
        return false;
    }
    return true;
}

/* Writes the expectations of one entry, at most SIM_MEASURE_FORMS; returns how many. */
static uint32_t read_expectation(struct sim_reader *reader, const cJSON *item,
                                 struct sim_expectation *out)
{
    const struct sim_expect_form *form = cJSON_IsObject(item) ? form_of(reader, item) : NULL;
    if (!cJSON_IsObject(item))
        sim_complain(reader->document, item, SIM_AT_VALUE, "expected an expectation, found %s",
                     sim_found(reader, item));
    if (!form)
        return 0;
    struct sim_expect_draft draft = {
        .expectation = {.kind = form->kind,
                        .line = sim_document_line(reader->document, item),
                        .relay = SIM_NONE,
                        .master = SIM_NONE,
                        .role = SIM_ANY,
                        .rule = SIM_ANY,
                        .why = SIM_ANY,
                        .event = SIM_ANY,
                        .reason = SIM_ANY},
    };
    const char *also = "";
    for (uint32_t i = 0; form->kind == SIM_EXPECT_FLOW && i < SIM_MEASURE_FORMS; i++)
        also = sim_arena_print(reader->arena, "%s %s", also, sim_measure_forms[i].name);
    uint32_t problems = reader->document->problem_count;
    sim_read_object(reader, item, &form->table, also, &draft);
    struct sim_expectation *e = &draft.expectation;
    if (reader->document->problem_count > problems || !settle_window(reader, item, form, &draft) ||
        !fill_in_the_only_ones(reader, item, e))
        return 0;
    if (form->kind == SIM_EXPECT_FLOW)
        return read_flow(reader, item, &draft, out);
    e->bound = draft.bound;
    const char *bound;
    if (form->kind == SIM_EXPECT_SESSION) {
        bound = sim_arena_print(reader->arena, "is %s", sim_words_state.words[e->state]);
    } else {
        uint64_t most = form->kind == SIM_EXPECT_GAUGE
                            ? gauge_most(&reader->scenario->relays[e->relay], e->gauge)
                            : BEYOND_REACH;
        if (!settle_bound(reader, item, draft.is, &e->bound, most, false))
            return 0;
        bound = bound_text(reader->arena, e->bound, false);
    }
    if (!check_fit(reader, item, e))
        return 0;
    e->text = sim_arena_print(reader->arena, "%s %s%s%s", subject_text(reader, item, e), bound,
                              e->total ? " in all" : "", window_text(reader, e));
    *out = *e;
    return 1;
}

void sim_read_expectations(struct sim_reader *reader, const cJSON *root)
{
    struct sim_scenario *scenario = reader->scenario;
    const cJSON *expect = cJSON_GetObjectItemCaseSensitive(root, "expect"), *item;
    uint32_t count = (uint32_t)cJSON_GetArraySize(expect);
    if (!cJSON_IsArray(expect) || count == 0) {
        sim_complain(reader->document, expect ? expect : root, SIM_AT_VALUE,
                     "expected \"expect\", an array of at least one expectation, found %s",
                     expect ? sim_found(reader, expect) : "nothing");
        return;
    }
    scenario->expectations =
        SIM_ARENA_ARRAY(reader->arena, struct sim_expectation, count * SIM_MEASURE_FORMS);
    cJSON_ArrayForEach(item, expect)
    {
        scenario->expectation_count +=
            read_expectation(reader, item, scenario->expectations + scenario->expectation_count);
    }
}
