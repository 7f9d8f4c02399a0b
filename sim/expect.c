#include "expect_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- Making ---------------------------------------------------------------------------------- */

static uint32_t cells_for(const struct sim_expectation *e)
{
    switch (e->kind) {
    case SIM_EXPECT_FLOW:
        return e->sessions.count * sim_expect_roles(e);
    case SIM_EXPECT_SESSION:
        return e->sessions.count;
    case SIM_EXPECT_EVENT:
        return e->sessions.count > 0 && !e->total ? e->sessions.count : 1;
    case SIM_EXPECT_VERDICT:
    case SIM_EXPECT_REJECT:
    case SIM_EXPECT_ACK:
        return e->total ? 1 : e->peers.count;
    case SIM_EXPECT_STRAYS:
        return e->total || e->attackers.count > 0 ? 1 : e->peers.count;
    case SIM_EXPECT_COUNTER:
    case SIM_EXPECT_GAUGE:
    case SIM_EXPECT_REQUESTS:
        break;
    }
    return 1;
}

static int by_value(const void *one, const void *other)
{
    const uint64_t *a = one, *b = other;
    return *a < *b ? -1 : *a > *b;
}

static void collect_samples(struct sim_expect *expect)
{
    const struct sim_scenario *scenario = expect->scenario;
    uint64_t *all =
        SIM_ARENA_ARRAY(expect->arena, uint64_t, (size_t)scenario->expectation_count * 2);
    uint32_t count = 0;
    for (uint32_t i = 0; i < scenario->expectation_count; i++) {
        const struct sim_expectation *e = &scenario->expectations[i];
        if (e->kind != SIM_EXPECT_COUNTER && e->kind != SIM_EXPECT_GAUGE)
            continue;
        if (e->from_ns < scenario->duration_ns && (e->from_ns > 0 || e->kind == SIM_EXPECT_GAUGE))
            all[count++] = e->from_ns;
        if (e->to_ns > 0 && e->to_ns < scenario->duration_ns)
            all[count++] = e->to_ns;
    }
    qsort(all, count, sizeof *all, by_value);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || all[i] != all[i - 1])
            all[expect->sample_count++] = all[i];
    }
    expect->samples = all;
}

static int by_instant(const void *one, const void *other)
{
    const struct sim_expect_watch *a = *(struct sim_expect_watch *const *)one,
                                  *b = *(struct sim_expect_watch *const *)other;
    if (a->expectation->from_ns != b->expectation->from_ns)
        return a->expectation->from_ns < b->expectation->from_ns ? -1 : 1;
    return a->expectation < b->expectation ? -1 : 1;
}

struct sim_expect *sim_expect_create(struct sim_arena *arena, const struct sim_scenario *scenario)
{
    struct sim_expect *expect = sim_arena_take(arena, sizeof *expect);
    expect->arena = arena;
    expect->scenario = scenario;
    uint32_t count = scenario->expectation_count;
    expect->watches = SIM_ARENA_ARRAY(arena, struct sim_expect_watch, count);
    expect->flows = SIM_ARENA_ARRAY(arena, struct sim_expect_watch *, count);
    expect->states = SIM_ARENA_ARRAY(arena, struct sim_expect_watch *, count);
    for (uint32_t i = 0; i < count; i++) {
        struct sim_expect_watch *watch = &expect->watches[i];
        const struct sim_expectation *e = &scenario->expectations[i];
        watch->expectation = e;
        watch->cell_count = cells_for(e);
        watch->cells = SIM_ARENA_ARRAY(arena, struct sim_expect_cell, watch->cell_count);
        for (uint32_t c = 0; c < watch->cell_count; c++)
            watch->cells[c].last_ns = e->from_ns;
        if (e->kind == SIM_EXPECT_FLOW)
            expect->flows[expect->flow_count++] = watch;
        if (e->kind == SIM_EXPECT_SESSION)
            expect->states[expect->state_count++] = watch;
    }
    qsort(expect->states, expect->state_count, sizeof(struct sim_expect_watch *), by_instant);
    if (expect->state_count > 0)
        expect->places = SIM_ARENA_ARRAY(arena, struct sim_expect_place,
                                         (size_t)scenario->relay_count * scenario->session_count);
    collect_samples(expect);
    return expect;
}

const uint64_t *sim_expect_samples(const struct sim_expect *expect, uint32_t *count)
{
    *count = expect->sample_count;
    return expect->samples;
}

/* ---- Watching: flows ------------------------------------------------------------------------- */

void sim_expect_pass(struct sim_expect_cell *cell, uint64_t value, const struct sim_bound *bound,
                     uint64_t at_ns)
{
    if (value > bound->at_most && !cell->broken) {
        cell->broken = true;
        cell->broken_ns = at_ns;
    }
}

static bool within(const struct sim_expectation *e, uint64_t at_ns)
{
    return at_ns >= e->from_ns && at_ns < e->to_ns;
}

void sim_expect_note_gap(struct sim_expect_cell *cell, const struct sim_expectation *e,
                         uint64_t at_ns)
{
    uint64_t gap_ns = at_ns - cell->last_ns;
    if (gap_ns > cell->longest_ns) {
        cell->longest_ns = gap_ns;
        cell->since_ns = cell->last_ns;
    }
    if (gap_ns > e->bound.at_most)
        sim_expect_pass(cell, gap_ns, &e->bound, cell->last_ns + e->bound.at_most);
    cell->last_ns = at_ns;
}

static void on_sent(struct sim_expect_cell *cell, const struct sim_expectation *e, uint64_t at_ns)
{
    if (!within(e, at_ns))
        return;
    if (e->measure == SIM_FLOW_DELIVERED_SHARE) {
        cell->sent++;
        cell->seen = true;
    } else if (e->measure == SIM_FLOW_SENT) {
        sim_expect_pass(cell, ++cell->count, &e->bound, at_ns);
    }
}

static void on_delivered(struct sim_expect_cell *cell, const struct sim_expectation *e,
                         const struct sim_observation *o)
{
    uint64_t latency_ns = o->at_ns - o->sent_ns;
    if (e->measure == SIM_FLOW_DELIVERED_SHARE) {
        cell->count += within(e, o->sent_ns) && o->repeat == 0;
        return;
    }
    if (!within(e, o->at_ns))
        return;
    switch (e->measure) {
    case SIM_FLOW_DELIVERED:
        if (o->repeat == 0)
            sim_expect_pass(cell, ++cell->count, &e->bound, o->at_ns);
        break;
    case SIM_FLOW_REPEATS:
        if (o->repeat > 0)
            sim_expect_pass(cell, ++cell->count, &e->bound, o->at_ns);
        break;
    case SIM_FLOW_LONGEST_GAP:
        sim_expect_note_gap(cell, e, o->at_ns);
        break;
    case SIM_FLOW_FIRST:
        if (!cell->seen)
            cell->count = o->at_ns - e->from_ns;
        cell->seen = true;
        break;
    case SIM_FLOW_LATENCY:
        cell->seen = true;
        if (latency_ns > cell->longest_ns)
            cell->longest_ns = latency_ns;
        sim_expect_pass(cell, latency_ns, &e->bound, o->at_ns);
        break;
    case SIM_FLOW_SENT:
    case SIM_FLOW_DELIVERED_SHARE:
        break;
    }
}

static void watch_flow(struct sim_expect *expect, const struct sim_observation *o)
{
    for (uint32_t i = 0; i < expect->flow_count; i++) {
        struct sim_expect_watch *watch = expect->flows[i];
        const struct sim_expectation *e = watch->expectation;
        uint32_t member = o->session - e->sessions.first;
        if (member >= e->sessions.count || (e->role != SIM_ANY && e->role != (uint32_t)o->role))
            continue;
        struct sim_expect_cell *cell =
            &watch->cells[e->role == SIM_ANY ? member * WR_ROLES + (uint32_t)o->role : member];
        if (o->kind == SIM_OBSERVED_SENT)
            on_sent(cell, e, o->at_ns);
        else
            on_delivered(cell, e, o);
    }
}

/* ---- Watching: relays ------------------------------------------------------------------------ */

static uint64_t gauge_of(const struct sim_sample *sample, enum sim_gauge gauge)
{
    const struct wr_snapshot *snapshot = sample->snapshot;
    switch (gauge) {
    case SIM_GAUGE_SESSIONS_ACTIVE:
        return snapshot->sessions_active;
    case SIM_GAUGE_SESSIONS_WAITING:
        return snapshot->sessions_waiting;
    case SIM_GAUGE_HELD:
        return snapshot->held;
    case SIM_GAUGE_PENDING:
        return snapshot->pending;
    case SIM_GAUGE_QUEUE_DEPTH:
        return snapshot->queue_depth;
    case SIM_GAUGE_KEYS:
        return snapshot->keys;
    case SIM_GAUGE_DRAINING:
        return snapshot->draining;
    case SIM_GAUGE_DRAINED:
        return snapshot->drained;
    case SIM_GAUGE_REGISTERED:
        return sample->registered;
    case SIM_GAUGE_READY:
        return sample->ready;
    case SIM_GAUGE_RECEIVE_QUEUE:
        return sample->receive_queue_datagrams;
    case SIM_GAUGE_MEMORY_BYTES:
        return sample->memory_bytes;
    case SIM_GAUGE_COUNT:
        break;
    }
    return 0;
}

static void watch_sample(struct sim_expect *expect, const struct sim_observation *o)
{
    for (uint32_t i = 0; i < expect->scenario->expectation_count; i++) {
        struct sim_expect_watch *watch = &expect->watches[i];
        const struct sim_expectation *e = watch->expectation;
        struct sim_expect_cell *cell = watch->cells;
        if (e->relay != o->relay)
            continue;
        if (e->kind == SIM_EXPECT_GAUGE && o->at_ns == e->from_ns) {
            cell->count = gauge_of(o->sample, e->gauge);
            cell->seen = true;
        } else if (e->kind == SIM_EXPECT_COUNTER) {
            uint64_t value;
            memcpy(&value, (const char *)&o->sample->snapshot->counters + e->counter.offset,
                   sizeof value);
            if (o->at_ns == e->from_ns)
                cell->base = value;
            if (o->at_ns == e->to_ns) {
                cell->count = value - cell->base;
                cell->seen = true;
            }
        }
    }
}

static bool event_fits(const struct sim_expectation *e, const struct sim_observation *o)
{
    const struct wr_event *event = o->event;
    return e->relay == o->relay && e->event == (uint32_t)event->kind &&
           (e->role == SIM_ANY || e->role == (uint32_t)event->role) &&
           (e->rule == SIM_ANY || e->rule == event->rule) &&
           (e->why == SIM_ANY || e->why == (uint32_t)event->why) &&
           (e->sessions.count == 0 || o->session - e->sessions.first < e->sessions.count);
}

static void count_one(struct sim_expect_watch *watch, uint32_t member, uint64_t at_ns)
{
    struct sim_expect_cell *cell = &watch->cells[watch->cell_count > 1 ? member : 0];
    sim_expect_pass(cell, ++cell->count, &watch->expectation->bound, at_ns);
}

static struct sim_expect_place *place_of(const struct sim_expect *expect, uint32_t relay,
                                         uint32_t session)
{
    return &expect->places[(size_t)relay * expect->scenario->session_count + session];
}

static void follow_session(struct sim_expect *expect, const struct sim_observation *o)
{
    if (o->session == SIM_NONE || expect->places == NULL)
        return;
    struct sim_expect_place *place = place_of(expect, o->relay, o->session);
    enum wr_event_kind kind = o->event->kind;
    if (kind == WR_EVENT_CREATED || kind == WR_EVENT_VACATED)
        place->state = SIM_SESSION_WAITING;
    else if (kind == WR_EVENT_ACTIVE)
        place->state = SIM_SESSION_ACTIVE;
    else if (kind == WR_EVENT_REMOVED)
        place->state = SIM_SESSION_NONE;
    if (kind == WR_EVENT_CREATED || kind == WR_EVENT_BOUND || kind == WR_EVENT_ACTIVE)
        place->turn = ++expect->turns;
}

/* A relay process that dies takes its sessions along and reports nothing. */
static void forget_sessions(struct sim_expect *expect, const struct sim_action *action)
{
    if ((action->kind != SIM_DO_RELAY_CRASH && action->kind != SIM_DO_RELAY_RESTART) ||
        expect->places == NULL)
        return;
    for (uint32_t i = 0; i < action->relays.count; i++) {
        for (uint32_t s = 0; s < expect->scenario->session_count; s++)
            place_of(expect, action->relays.first + i, s)->state = SIM_SESSION_NONE;
    }
}

/* At the relay that serves it: of those that have it, the one that bound one of its peers last. A
 * relay that its peers have left may keep it until it is idle there. */
static enum sim_session_state state_of(const struct sim_expect *expect, uint32_t session)
{
    struct sim_expect_place serving = {.state = SIM_SESSION_NONE};
    for (uint32_t i = 0; i < expect->scenario->relay_count; i++) {
        const struct sim_expect_place *place = place_of(expect, i, session);
        if (place->state != SIM_SESSION_NONE && place->turn > serving.turn)
            serving = *place;
    }
    return serving.state;
}

static void judge_states(struct sim_expect *expect, uint64_t now_ns)
{
    for (; expect->states_done < expect->state_count; expect->states_done++) {
        struct sim_expect_watch *watch = expect->states[expect->states_done];
        const struct sim_expectation *e = watch->expectation;
        if (e->from_ns > now_ns)
            return;
        for (uint32_t m = 0; m < e->sessions.count; m++) {
            watch->cells[m].count = state_of(expect, e->sessions.first + m);
            watch->cells[m].seen = true;
        }
    }
}

/* ---- Watching: the rest ---------------------------------------------------------------------- */

static void watch_others(struct sim_expect *expect, const struct sim_observation *o)
{
    for (uint32_t i = 0; i < expect->scenario->expectation_count; i++) {
        struct sim_expect_watch *watch = &expect->watches[i];
        const struct sim_expectation *e = watch->expectation;
        uint32_t peer = o->peer - e->peers.first;
        bool of_peers = o->peer != SIM_NONE && peer < e->peers.count;
        if (!within(e, o->at_ns))
            continue;
        switch (e->kind) {
        case SIM_EXPECT_EVENT:
            if (o->kind == SIM_OBSERVED_RELAY && event_fits(e, o))
                count_one(watch, o->session - e->sessions.first, o->at_ns);
            break;
        case SIM_EXPECT_VERDICT:
            if (o->kind == SIM_OBSERVED_RELAY && o->event->kind == WR_EVENT_VERDICT && of_peers &&
                (uint32_t)o->event->verdict == e->verdict)
                count_one(watch, peer, o->at_ns);
            break;
        case SIM_EXPECT_REJECT:
            if (o->kind == SIM_OBSERVED_ANSWER && o->packet == SIM_PACKET_REJECT && of_peers &&
                (e->reason == SIM_ANY || e->reason == o->reason))
                count_one(watch, peer, o->at_ns);
            break;
        case SIM_EXPECT_ACK:
            if (o->kind == SIM_OBSERVED_ANSWER && o->packet == SIM_PACKET_ACK && of_peers)
                count_one(watch, peer, o->at_ns);
            break;
        case SIM_EXPECT_REQUESTS:
            if (o->kind == SIM_OBSERVED_REQUEST && o->master == e->master &&
                o->request == e->request)
                count_one(watch, 0, o->at_ns);
            break;
        case SIM_EXPECT_STRAYS:
            if (o->kind == SIM_OBSERVED_STRAY &&
                (of_peers || o->attacker - e->attackers.first < e->attackers.count))
                count_one(watch, of_peers ? peer : 0, o->at_ns);
            break;
        case SIM_EXPECT_COUNTER:
        case SIM_EXPECT_GAUGE:
        case SIM_EXPECT_FLOW:
        case SIM_EXPECT_SESSION:
            break;
        }
    }
}

void sim_expect_observe(void *context, const struct sim_observation *observation)
{
    struct sim_expect *expect = context;
    if (expect->states_done < expect->state_count)
        judge_states(expect, observation->at_ns);
    switch (observation->kind) {
    case SIM_OBSERVED_SENT:
    case SIM_OBSERVED_DELIVERED:
        watch_flow(expect, observation);
        break;
    case SIM_OBSERVED_SAMPLE:
        watch_sample(expect, observation);
        break;
    case SIM_OBSERVED_RELAY:
        if (observation->event->kind == WR_EVENT_OUTCOME)
            break;
        follow_session(expect, observation);
        watch_others(expect, observation);
        break;
    case SIM_OBSERVED_STRAY:
    case SIM_OBSERVED_ANSWER:
    case SIM_OBSERVED_REQUEST:
        watch_others(expect, observation);
        break;
    case SIM_OBSERVED_ACTION:
        forget_sessions(expect, observation->action);
        break;
    case SIM_OBSERVED_VIOLATION:
    case SIM_OBSERVED_NOTE:
    case SIM_OBSERVED_DATAGRAM:
        break;
    }
}

const struct sim_judgement *sim_expect_finish(struct sim_expect *expect, uint32_t *lost)
{
    uint32_t count = expect->scenario->expectation_count;
    struct sim_judgement *judgements = SIM_ARENA_ARRAY(expect->arena, struct sim_judgement, count);
    judge_states(expect, UINT64_MAX);
    *lost = 0;
    for (uint32_t i = 0; i < count; i++) {
        judgements[i] = sim_expect_judge(expect, &expect->watches[i]);
        *lost += !judgements[i].held;
    }
    return judgements;
}
