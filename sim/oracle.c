#include "oracle_judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *promise;
} oracles[SIM_ORACLE_COUNT] = {
#define ROW(name, text, promise) {text, promise},
    SIM_ORACLES(ROW)
#undef ROW
};

const char *sim_oracle_name(enum sim_oracle_name name)
{
    return oracles[name].name;
}

const char *sim_oracle_promise(enum sim_oracle_name name)
{
    return oracles[name].promise;
}

/* ---- Reports --------------------------------------------------------------------------------- */

void sim_oracle_violate(struct sim_oracle *oracle, enum sim_oracle_name name, uint64_t tag,
                        const char *format, ...)
{
    struct sim_violation violation = {.oracle = name, .at_ns = oracle->now, .tag = tag};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(violation.text, sizeof violation.text, format, arguments);
    va_end(arguments);
    if (oracle->violations < SIM_VIOLATIONS_KEPT)
        oracle->kept_violations[oracle->violations] = violation;
    oracle->violations++;
    oracle->violations_of[name]++;
    if (oracle->violated != NULL)
        oracle->violated(oracle->context, &violation);
}

struct sim_text sim_text_address(const struct wr_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *ip = address->ip;
    struct sim_text out;
    if (memcmp(ip, mapped, 12) == 0) {
        snprintf(out.text, sizeof out.text, "%u.%u.%u.%u:%u", ip[12], ip[13], ip[14], ip[15],
                 address->port);
        return out;
    }
    int at = snprintf(out.text, sizeof out.text, "[");
    for (int i = 0; i < 16; i += 2)
        at += snprintf(out.text + at, sizeof out.text - (size_t)at, "%s%x", i > 0 ? ":" : "",
                       (unsigned)ip[i] << 8 | ip[i + 1]);
    snprintf(out.text + at, sizeof out.text - (size_t)at, "]:%u", address->port);
    return out;
}

struct sim_text sim_text_session(const struct wr_session_id *id)
{
    struct sim_text out;
    int at = 0;
    for (int i = 0; i < 16; i++)
        at += snprintf(out.text + at, sizeof out.text - (size_t)at,
                       i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id->bytes[i]);
    return out;
}

/* ---- Making one ------------------------------------------------------------------------------ */

struct sim_oracle *sim_oracle_create(const struct sim_oracle_config *config)
{
    struct sim_oracle *oracle = calloc(1, sizeof *oracle);
    if (oracle == NULL)
        return NULL;
    oracle->config = *config->relay;
    snprintf(oracle->relay_id, sizeof oracle->relay_id, "%s", config->relay->relay_id);
    snprintf(oracle->name, sizeof oracle->name, "%s", config->name != NULL ? config->name : "");
    memcpy(oracle->own, config->relay->own_addresses,
           config->relay->own_address_count * sizeof *oracle->own);
    oracle->config.relay_id = oracle->relay_id;
    oracle->config.own_addresses = oracle->own;
    sim_path_set_limits(oracle);
    oracle->truth = config->truth;
    oracle->context = config->context;
    oracle->violated = config->violated;
    oracle->session_free = oracle->kept_free = SIM_NO_SLOT;
    sim_oracle_state_clear(oracle);
    return oracle;
}

void sim_oracle_destroy(struct sim_oracle *oracle)
{
    if (oracle != NULL)
        sim_oracle_state_free(oracle);
    free(oracle);
}

void sim_oracle_restart(struct sim_oracle *oracle)
{
    sim_oracle_state_clear(oracle);
}

/* ---- The bracket -------------------------------------------------------------------------------
 */

void sim_oracle_enter(struct sim_oracle *oracle, wr_instant now_ns, uint64_t wall_unix_ms)
{
    oracle->inside = true;
    oracle->now = now_ns;
    oracle->wall_ms = wall_unix_ms;
    oracle->entry = SIM_ENTRY_OTHER;
    if (!oracle->started) {
        oracle->started = true;
        oracle->started_ns = now_ns;
    }
    oracle->since_ns = oracle->due_ns < now_ns ? oracle->due_ns : now_ns;
    sim_answer_time(oracle);
}

void sim_oracle_deadline(struct sim_oracle *oracle)
{
    oracle->entry = SIM_ENTRY_DEADLINE;
}

void sim_oracle_arrive(struct sim_oracle *oracle, const struct wr_datagram *datagrams,
                       const uint32_t *senders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct sim_arrival *arrival =
            sim_arrival_add(oracle, &datagrams[i], senders != NULL ? senders[i] : SIM_TRUTH_NOBODY);
        oracle->expected.packets_rx++;
        oracle->expected.bytes_rx += datagrams[i].size;
        if (arrival->bad_source)
            continue;
        oracle->expected.lease_present_packets += arrival->sight.kind == SIM_SIGHT_PRESENT;
        oracle->expected.lease_renew_packets += arrival->sight.kind == SIM_SIGHT_RENEW;
    }
}

void sim_oracle_leave(struct sim_oracle *oracle, wr_instant next_deadline_ns)
{
    struct wr_address decided[8]; /* sources whose lease has its verdict now */
    uint32_t count = 0;
    for (uint32_t i = 0; i < oracle->batch_count + oracle->touched_count; i++) {
        struct sim_arrival *arrival =
            i < oracle->batch_count
                ? &oracle->batch[i]
                : &oracle->kept[oracle->touched[i - oracle->batch_count]]->arrival;
        sim_judge_arrival_settled(oracle, arrival);
        if (arrival->has_verdict && oracle->held_now > 0 &&
            count < sizeof decided / sizeof *decided)
            decided[count++] = arrival->from;
    }
    sim_arrivals_settle(oracle);
    for (uint32_t i = 0; i < count; i++)
        sim_held_lease_decided(oracle, &decided[i]);
    sim_judge_held(oracle, next_deadline_ns);
    sim_judge_control_settled(oracle);
    sim_judge_deadlines(oracle, next_deadline_ns);
    oracle->due_ns = next_deadline_ns;
    oracle->inside = false;
}

/* ---- What comes out -------------------------------------------------------------------------- */

static bool looks_like_an_answer(const struct wr_output *output)
{
    return output->size >= 3 && output->bytes[0] == 0x57 &&
           (output->bytes[2] == 2 || output->bytes[2] == 3);
}

void sim_oracle_sent(struct sim_oracle *oracle, const struct wr_output *output)
{
    struct sim_arrival *arrival = sim_arrival_find(oracle, output->cause);
    sim_judge_destination(oracle, output);
    if (arrival == NULL) {
        sim_oracle_judges(oracle, SIM_ORACLE_BYTES);
        sim_oracle_violate(oracle, SIM_ORACLE_BYTES, output->cause,
                           "section 4: %" PRIu32 " bytes were sent to %s, and no received "
                           "datagram is the cause",
                           output->size, sim_text_address(&output->to).text);
        return;
    }
    if (looks_like_an_answer(output)) {
        sim_judge_answer(oracle, output, arrival);
        return;
    }
    oracle->expected.packets_forwarded++;
    oracle->expected.bytes_forwarded += output->size;
    sim_judge_forward(oracle, output, arrival);
}

void sim_oracle_verification(struct sim_oracle *oracle, const struct wr_verification *verification)
{
    sim_judge_verification(oracle, verification);
}

void sim_oracle_observed(struct sim_oracle *oracle, const struct wr_event *event)
{
    switch (event->kind) {
    case WR_EVENT_OUTCOME:
        sim_judge_outcome(oracle, event);
        break;
    case WR_EVENT_VERDICT:
        sim_judge_verdict(oracle, event);
        break;
    case WR_EVENT_BOUND:
        sim_judge_bound(oracle, event);
        break;
    case WR_EVENT_CREATED:
    case WR_EVENT_ACTIVE:
    case WR_EVENT_CANDIDATE:
    case WR_EVENT_PROMOTED:
    case WR_EVENT_REVERTED:
    case WR_EVENT_VACATED:
    case WR_EVENT_REMOVED:
        sim_judge_session(oracle, event);
        break;
    case WR_EVENT_KEY_ADDED:
    case WR_EVENT_KEY_DROPPED:
    case WR_EVENT_KEY_REFRESH_WANTED:
        sim_judge_key_event(oracle, event);
        break;
    case WR_EVENT_DRAINED:
        oracle->drained = true;
        break;
    }
}

/* ---- Between entries ------------------------------------------------------------------------- */

void sim_oracle_snapshot(struct sim_oracle *oracle, wr_instant now_ns,
                         const struct wr_snapshot *snapshot)
{
    oracle->now = now_ns;
    sim_judge_snapshot(oracle, snapshot);
}

void sim_oracle_delivered(struct sim_oracle *oracle, wr_instant now_ns, uint32_t peer,
                          uint64_t cause, const uint8_t *bytes, uint32_t size)
{
    struct sim_sight sight = sim_sight_of(bytes, size, true);
    const struct wr_session_id *session = NULL;
    if (oracle->truth == NULL ||
        looks_like_an_answer(&(struct wr_output){.bytes = bytes, .size = size}))
        return;
    if (sight.kind == SIM_SIGHT_FORWARD)
        session = &sight.session;
    for (uint64_t back = 1;
         session == NULL && back <= oracle->bare_sends && back <= SIM_BARE_CAUSES; back++) {
        const struct sim_bare_cause *bare =
            &oracle->bare_causes[(oracle->bare_sends - back) % SIM_BARE_CAUSES];
        if (bare->cause == cause)
            session = &bare->session;
    }
    if (session != NULL)
        sim_truth_delivered(oracle->truth, now_ns, peer, session, size);
}

struct stuck_report {
    struct sim_oracle *oracle;
};

static void report_stuck(void *context, const struct sim_stuck *stuck)
{
    char text[SIM_VIOLATION_TEXT_BYTES];
    struct sim_oracle *oracle = ((struct stuck_report *)context)->oracle;
    sim_oracle_violate(oracle, SIM_ORACLE_LIVENESS, 0, "%s",
                       sim_stuck_format(stuck, text, sizeof text));
}

void sim_oracle_liveness(struct sim_oracle *oracle, wr_instant now_ns)
{
    oracle->now = now_ns;
    if (oracle->truth == NULL)
        return;
    sim_oracle_judges(oracle, SIM_ORACLE_LIVENESS);
    sim_truth_stuck(oracle->truth, now_ns, &(struct stuck_report){oracle}, report_stuck);
}

/* ---- Results -----------------------------------------------------------------------------------
 */

uint64_t sim_oracle_violations(const struct sim_oracle *oracle)
{
    return oracle->violations;
}

uint64_t sim_oracle_violations_of(const struct sim_oracle *oracle, enum sim_oracle_name name)
{
    return oracle->violations_of[name];
}

const struct sim_violation *sim_oracle_violation(const struct sim_oracle *oracle, uint64_t index)
{
    uint64_t kept =
        oracle->violations < SIM_VIOLATIONS_KEPT ? oracle->violations : SIM_VIOLATIONS_KEPT;
    return index < kept ? &oracle->kept_violations[index] : NULL;
}

uint64_t sim_oracle_judged(const struct sim_oracle *oracle, enum sim_oracle_name name)
{
    return oracle->judged[name];
}
