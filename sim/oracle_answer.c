#include "oracle_judge.h"

#include <inttypes.h>
#include <string.h>

#define COOKIE_PERIOD_NS     (120 * WR_S)
#define REJECTS_ALL_PER_S    1000
#define REASON_RATE_LIMITED  6
#define STRANGERS_JUDGED_MAX 2048

/* ---- Cookies: which were given to whom, this period and the last (section 6) ------------------
 */

static uint64_t word(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

void sim_answer_time(struct sim_oracle *oracle)
{
    uint64_t period = wr_elapsed(oracle->started_ns, oracle->now) / COOKIE_PERIOD_NS;
    uint64_t second = oracle->now / WR_S;
    if (second != oracle->unbound_second) {
        oracle->unbound_seen[1] =
            second == oracle->unbound_second + 1 ? oracle->unbound_seen[0] : 0;
        oracle->unbound_seen[0] = 0;
        oracle->unbound_second = second;
    }
    if (period == oracle->cookie_period)
        return;
    struct sim_given_cookie *cookies = oracle->cookies[1];
    uint32_t capacity = oracle->cookie_capacity[1];
    struct sim_map map = oracle->cookie_map[1];
    oracle->cookies[1] = oracle->cookies[0];
    oracle->cookie_capacity[1] = oracle->cookie_capacity[0];
    oracle->cookie_map[1] = oracle->cookie_map[0];
    oracle->cookie_count[1] = oracle->cookie_count[0];
    oracle->cookies[0] = cookies;
    oracle->cookie_capacity[0] = capacity;
    oracle->cookie_map[0] = map;
    oracle->cookie_count[0] = 0;
    sim_map_clear(&oracle->cookie_map[0]);
    if (period > oracle->cookie_period + 1) {
        oracle->cookie_count[1] = 0;
        sim_map_clear(&oracle->cookie_map[1]);
    }
    oracle->cookie_period = period;
}

static void give_cookie(struct sim_oracle *oracle, const uint8_t *cookie,
                        const struct wr_session_id *session, int role,
                        const struct wr_address *address)
{
    if (sim_map_find(&oracle->cookie_map[0], word(cookie)) != SIM_NO_SLOT)
        return;
    uint32_t at = oracle->cookie_count[0]++;
    oracle->cookies[0] = sim_oracle_grow(oracle->cookies[0], &oracle->cookie_capacity[0], at + 1,
                                         sizeof *oracle->cookies[0]);
    struct sim_given_cookie *given = &oracle->cookies[0][at];
    memcpy(given->cookie, cookie, WR_COOKIE_BYTES);
    given->session = *session;
    given->role = role;
    given->address = *address;
    sim_map_put(&oracle->cookie_map[0], word(cookie), at);
}

bool sim_cookie_good(struct sim_oracle *oracle, const struct sim_arrival *arrival, int role)
{
    const uint8_t *cookie = arrival->bytes + arrival->sight.cookie_at;
    if (arrival->cookie_was_good && (role < 0 || role == (int)sim_lease_role(oracle, arrival)))
        return true;
    for (int i = 0; i < 2 && arrival->sight.has_cookie; i++) {
        uint32_t at = sim_map_find(&oracle->cookie_map[i], word(cookie));
        if (at == SIM_NO_SLOT)
            continue;
        const struct sim_given_cookie *given = &oracle->cookies[i][at];
        if (memcmp(given->cookie, cookie, WR_COOKIE_BYTES) == 0 &&
            memcmp(&given->session, &arrival->sight.session, sizeof given->session) == 0 &&
            sim_address_equal(&given->address, &arrival->from) &&
            (role < 0 || given->role < 0 || role == given->role))
            return true;
    }
    return false;
}

/* ---- Where anything may be sent (section 5, Reflection) ----------------------------------------
 */

bool sim_source_bad(const struct sim_oracle *oracle, const struct wr_address *address)
{
    if (sim_sight_unanswerable(address))
        return true;
    for (uint32_t i = 0; i < oracle->config.own_address_count; i++) {
        if (sim_address_equal(&oracle->own[i], address))
            return true;
    }
    return false;
}

void sim_judge_destination(struct sim_oracle *oracle, const struct wr_output *output)
{
    sim_oracle_judges(oracle, SIM_ORACLE_REFLECTION);
    if (sim_source_bad(oracle, &output->to))
        sim_oracle_violate(oracle, SIM_ORACLE_REFLECTION, output->cause,
                           "section 5, Reflection: something was sent to %s; nothing ever goes to "
                           "port 0, multicast, broadcast or the relay itself",
                           sim_text_address(&output->to).text);
}

static uint64_t prefix_of(const struct wr_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(address->ip, mapped, 12) != 0)
        return word(address->ip);
    return (uint64_t)0xffff << 32 | (uint64_t)address->ip[12] << 24 |
           (uint64_t)address->ip[13] << 16 | (uint64_t)address->ip[14] << 8 | address->ip[15];
}

static struct sim_prefix *find_prefix(struct sim_oracle *oracle, const struct wr_address *address)
{
    uint64_t prefix = prefix_of(address);
    uint32_t at = sim_map_find(&oracle->prefix_map, prefix);
    if (at != SIM_NO_SLOT)
        return &oracle->prefixes[at];
    if (oracle->prefix_count == SIM_PREFIXES_MAX) { /* a flood: begin anew, in their favour */
        sim_map_clear(&oracle->prefix_map);
        oracle->prefix_count = 0;
    }
    at = oracle->prefix_count++;
    oracle->prefixes = sim_oracle_grow(oracle->prefixes, &oracle->prefix_capacity, at + 1,
                                       sizeof *oracle->prefixes);
    oracle->prefixes[at] = (struct sim_prefix){0, 0};
    sim_map_put(&oracle->prefix_map, prefix, at);
    return &oracle->prefixes[at];
}

/* The table of sources may forget a prefix in a flood and must not fail closed, so prefixes are
 * judged only while few strangers are about. */
static bool prefixes_judged(const struct sim_oracle *oracle)
{
    return oracle->unbound_seen[0] + oracle->unbound_seen[1] < STRANGERS_JUDGED_MAX;
}

void sim_judge_unbound(struct sim_oracle *oracle, const struct sim_arrival *arrival, bool drawn)
{
    struct sim_prefix *prefix = find_prefix(oracle, &arrival->from);
    uint32_t rate = oracle->config.ip_rate_limit_pps;
    oracle->unbound_seen[0]++;
    if (!drawn)
        return;
    sim_oracle_judges(oracle, SIM_ORACLE_LIMIT);
    if (!sim_packets_allowed(prefix->unbound_tat, rate, rate >= 4 ? rate / 4 : 1, oracle->now) &&
        prefixes_judged(oracle))
        sim_oracle_violate(oracle, SIM_ORACLE_LIMIT, arrival->tag,
                           "section 5: the prefix of %s, which is not bound, is listened to more "
                           "than %" PRIu32 " times a second",
                           sim_text_address(&arrival->from).text, rate);
    sim_packets_draw(&prefix->unbound_tat, rate, oracle->now);
}

/* Reject 6: at most 1/s per prefix and 1000/s in all. */
static void judge_reject_rate(struct sim_oracle *oracle, const struct wr_output *output)
{
    struct sim_prefix *prefix = find_prefix(oracle, &output->to);
    if (!sim_packets_allowed(oracle->reject_all_tat, REJECTS_ALL_PER_S, REJECTS_ALL_PER_S / 4,
                             oracle->now))
        sim_oracle_violate(oracle, SIM_ORACLE_REFLECTION, output->cause,
                           "section 5: more than 1000 rejects (6, rate_limited) a second were "
                           "sent");
    sim_packets_draw(&oracle->reject_all_tat, REJECTS_ALL_PER_S, oracle->since_ns);
    if (!sim_packets_allowed(prefix->reject_tat, 1, 1, oracle->now) && prefixes_judged(oracle))
        sim_oracle_violate(oracle, SIM_ORACLE_REFLECTION, output->cause,
                           "section 5: the prefix of %s was sent more than one reject (6, "
                           "rate_limited) a second",
                           sim_text_address(&output->to).text);
    sim_packets_draw(&prefix->reject_tat, 1, oracle->since_ns);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* The role that a cookie in this answer serves; -1 where that is not known. */
static int cookie_role(struct sim_oracle *oracle, const struct sim_session *session,
                       const struct wr_output *output, const struct sim_arrival *arrival)
{
    int bound = session != NULL ? sim_session_role_of(session, &output->to) : -1;
    if (output->bytes[2] == 2 && bound >= 0)
        return bound;
    return arrival->sight.has_token ? (int)sim_lease_role(oracle, arrival) : -1;
}

void sim_judge_answer(struct sim_oracle *oracle, const struct wr_output *output,
                      struct sim_arrival *arrival)
{
    struct sim_sight sight = sim_sight_of(output->bytes, output->size, false);
    const struct sim_session *session = sim_session_find(oracle, &arrival->sight.session);
    bool bound = session != NULL && sim_session_role_of(session, &output->to) >= 0;
    const char *objection = NULL;
    sim_oracle_judges(oracle, SIM_ORACLE_REFLECTION);
    if (sight.kind != SIM_SIGHT_ACK && sight.kind != SIM_SIGHT_REJECT)
        objection = "it is neither an ACK nor a REJECT in its proper form";
    else if (arrival->sight.kind != SIM_SIGHT_PRESENT && arrival->sight.kind != SIM_SIGHT_RENEW)
        objection = "what it answers is no lease packet";
    else if (!sim_address_equal(&output->to, &arrival->from))
        objection = "it went to another address than the request came from";
    else if (memcmp(&sight.session, &arrival->sight.session, sizeof sight.session) != 0)
        objection = "it names another session than the request";
    else if (!bound && output->size > arrival->size)
        objection = "it is longer than its request, and its address is not bound";
    else if (sight.kind == SIM_SIGHT_REJECT && !arrival->sight.has_token)
        objection = "a bare LEASE_RENEW is never rejected";
    else if (arrival->sight.releases)
        objection = "a release is not answered";
    else if (++arrival->answers > 1)
        objection = "it is the second answer to one request";
    if (objection != NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_REFLECTION, arrival->tag,
                           "section 5, Reflection: an answer to %s: %s",
                           sim_text_address(&output->to).text, objection);
    arrival->answer = sight;
    if (sight.kind == SIM_SIGHT_REJECT && sight.reason == REASON_RATE_LIMITED)
        judge_reject_rate(oracle, output);
    if ((sight.kind == SIM_SIGHT_ACK || sight.kind == SIM_SIGHT_REJECT) && sight.has_cookie)
        give_cookie(oracle, output->bytes + sight.cookie_at, &sight.session,
                    cookie_role(oracle, session, output, arrival), &output->to);
}

static uint16_t reason_of(enum wr_verdict verdict)
{
    switch (verdict) {
    case WR_VERDICT_EXPIRED:
        return 1;
    case WR_VERDICT_WRONG_RELAY:
        return 3;
    case WR_VERDICT_SHED:
    case WR_VERDICT_FULL:
    case WR_VERDICT_DRAINING:
        return 4;
    case WR_VERDICT_BANNED:
        return 5;
    case WR_VERDICT_IDENTITY_LIMITED:
    case WR_VERDICT_QUEUE_DROPPED:
        return 6;
    case WR_VERDICT_ACCEPTED:
    case WR_VERDICT_NEWER_TOKEN:
    case WR_VERDICT_CANDIDATE:
    case WR_VERDICT_REPEATED:
        return 0;
    default:
        return 2;
    }
}

/* An ACK goes to who holds the role, or to its candidate, and says when the lease ends. */
static void judge_ack(struct sim_oracle *oracle, const struct sim_arrival *arrival)
{
    const struct sim_session *session = sim_session_find(oracle, &arrival->sight.session);
    const struct sim_role *role = NULL;
    bool judged = arrival->sight.has_token && arrival->verdict != WR_VERDICT_REPEATED;
    int number = judged            ? (int)sim_lease_role(oracle, arrival)
                 : session != NULL ? sim_session_role_of(session, &arrival->from)
                                   : -1;
    if (session != NULL && number >= 0) {
        const struct sim_role *holder = &session->roles[number];
        if (holder->bound && (sim_address_equal(&holder->address, &arrival->from) ||
                              (holder->candidate.there &&
                               sim_address_equal(&holder->candidate.address, &arrival->from))))
            role = holder;
    }
    if (role == NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3: %s got an ACK for session %s, where it is neither bound "
                           "nor a candidate",
                           sim_text_address(&arrival->from).text,
                           sim_text_session(&arrival->sight.session).text);
    else if (arrival->answer.expires_unix_ms != role->shown_expires_ms)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 3, Lifetime: an ACK to %s says the lease ends at %" PRIu64
                           " ms; it ends at %" PRIu64 " ms",
                           sim_text_address(&arrival->from).text, arrival->answer.expires_unix_ms,
                           role->shown_expires_ms);
}

void sim_judge_answer_settled(struct sim_oracle *oracle, struct sim_arrival *arrival)
{
    bool renewed =
        arrival->outcome == WR_OUTCOME_RENEWED || arrival->outcome == WR_OUTCOME_COOKIE_PROMOTED;
    uint16_t reason = arrival->has_verdict ? reason_of(arrival->verdict) : 0;
    bool limited = arrival->outcome == WR_OUTCOME_UNBOUND_LIMITED ||
                   arrival->outcome == WR_OUTCOME_PEER_LIMITED;
    sim_oracle_judges(oracle, SIM_ORACLE_MODEL);
    if (arrival->answers == 0) {
        if (renewed || (arrival->has_verdict && reason != REASON_RATE_LIMITED))
            sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                               "section 1: a lease packet from %s (%s) got no answer",
                               sim_text_address(&arrival->from).text,
                               arrival->has_verdict ? wr_verdict_name(arrival->verdict)
                                                    : wr_outcome_name(arrival->outcome));
        return;
    }
    if (arrival->answer.kind == SIM_SIGHT_ACK) {
        if (!renewed && !(arrival->has_verdict && reason == 0))
            sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                               "section 1: a lease packet from %s was acknowledged, but its end "
                               "was %s",
                               sim_text_address(&arrival->from).text,
                               arrival->has_verdict ? wr_verdict_name(arrival->verdict)
                                                    : wr_outcome_name(arrival->outcome));
        else if (oracle->batch_count <= 1)
            judge_ack(oracle, arrival);
        return;
    }
    uint16_t expected = arrival->has_verdict ? reason : limited ? REASON_RATE_LIMITED : 0;
    if (arrival->answer.kind == SIM_SIGHT_REJECT && arrival->answer.reason != expected)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, arrival->tag,
                           "section 2: a lease packet from %s (%s) was rejected with reason %u; "
                           "it should be %u",
                           sim_text_address(&arrival->from).text,
                           arrival->has_verdict ? wr_verdict_name(arrival->verdict)
                                                : wr_outcome_name(arrival->outcome),
                           arrival->answer.reason, expected);
}
