#include "expect_state.h"

#include "quantity.h"

#include <inttypes.h>

static const char *member_name(const struct sim_expect *expect,
                               const struct sim_expect_watch *watch, uint32_t index)
{
    static const char *const roles[WR_ROLES] = {"client", "server"};
    const struct sim_expectation *e = watch->expectation;
    const struct sim_scenario *scenario = expect->scenario;
    if (watch->cell_count < 2)
        return "";
    if (e->kind == SIM_EXPECT_FLOW) {
        uint32_t role = e->role == SIM_ANY ? index % WR_ROLES : e->role;
        uint32_t session = e->sessions.first + index / sim_expect_roles(e);
        return sim_arena_print(expect->arena, "%s.%s: ", scenario->sessions[session].name,
                               roles[role]);
    }
    if (e->kind == SIM_EXPECT_SESSION || e->kind == SIM_EXPECT_EVENT)
        return sim_arena_print(expect->arena,
                               "%s: ", scenario->sessions[e->sessions.first + index].name);
    return sim_arena_print(expect->arena, "%s: ", scenario->peers[e->peers.first + index].name);
}

static uint32_t session_of(const struct sim_expect_watch *watch, uint32_t index)
{
    const struct sim_expectation *e = watch->expectation;
    if (e->sessions.count == 0)
        return SIM_NONE;
    if (e->kind == SIM_EXPECT_FLOW)
        return e->sessions.first + index / sim_expect_roles(e);
    return watch->cell_count == e->sessions.count ? e->sessions.first + index : SIM_NONE;
}

static bool in_bound(uint64_t value, const struct sim_bound *bound)
{
    return value >= bound->at_least && value <= bound->at_most;
}

static const char *found_time(struct sim_arena *arena, uint64_t ns, uint64_t since_ns)
{
    char span[SIM_DURATION_TEXT_BYTES], since[SIM_DURATION_TEXT_BYTES];
    sim_duration_format(ns, span);
    if (since_ns == UINT64_MAX)
        return sim_arena_print(arena, "found %s", span);
    return sim_arena_print(arena, "found %s, from %s on", span,
                           sim_duration_format(since_ns, since));
}

/* Whether one member holds; `found` says what it has. */
static bool flow_holds(struct sim_expect *expect, const struct sim_expectation *e,
                       struct sim_expect_cell *cell, const char **found)
{
    struct sim_arena *arena = expect->arena;
    switch (e->measure) {
    case SIM_FLOW_SENT:
    case SIM_FLOW_DELIVERED:
    case SIM_FLOW_REPEATS:
        *found = sim_arena_print(arena, "found %" PRIu64, cell->count);
        return in_bound(cell->count, &e->bound);
    case SIM_FLOW_DELIVERED_SHARE: {
        if (cell->sent == 0) {
            *found = "found that nothing was sent";
            return false;
        }
        uint64_t least = cell->sent * e->share.numerator;
        uint64_t scaled = cell->count * e->share.denominator;
        *found = sim_arena_print(arena, "found %" PRIu64 " of %" PRIu64, cell->count, cell->sent);
        return e->share_is_upper ? scaled <= least : scaled >= least;
    }
    case SIM_FLOW_LONGEST_GAP:
        sim_expect_note_gap(cell, e, e->to_ns);
        *found = found_time(arena, cell->longest_ns, cell->since_ns);
        return in_bound(cell->longest_ns, &e->bound);
    case SIM_FLOW_FIRST:
        if (!cell->seen)
            cell->count = e->to_ns - e->from_ns;
        *found =
            cell->seen ? found_time(arena, cell->count, UINT64_MAX) : "found that nothing arrived";
        return cell->seen && in_bound(cell->count, &e->bound);
    case SIM_FLOW_LATENCY:
        *found = cell->seen ? found_time(arena, cell->longest_ns, UINT64_MAX)
                            : "found that nothing arrived";
        return cell->seen && in_bound(cell->longest_ns, &e->bound);
    }
    return false;
}

static bool member_holds(struct sim_expect *expect, const struct sim_expectation *e,
                         struct sim_expect_cell *cell, const char **found)
{
    static const char *const states[] = {"none", "waiting", "active"};
    switch (e->kind) {
    case SIM_EXPECT_FLOW:
        return flow_holds(expect, e, cell, found);
    case SIM_EXPECT_SESSION:
        *found = sim_arena_print(expect->arena, "found %s", states[cell->count]);
        return cell->seen && cell->count == (uint64_t)e->state;
    case SIM_EXPECT_COUNTER:
    case SIM_EXPECT_GAUGE:
        if (!cell->seen) {
            *found = "found no sample of the relay";
            return false;
        }
        break;
    case SIM_EXPECT_EVENT:
    case SIM_EXPECT_VERDICT:
    case SIM_EXPECT_REJECT:
    case SIM_EXPECT_ACK:
    case SIM_EXPECT_REQUESTS:
    case SIM_EXPECT_STRAYS:
        break;
    }
    *found = sim_arena_print(expect->arena, "found %" PRIu64, cell->count);
    return in_bound(cell->count, &e->bound);
}

struct sim_judgement sim_expect_judge(struct sim_expect *expect, struct sim_expect_watch *watch)
{
    const struct sim_expectation *e = watch->expectation;
    struct sim_judgement judgement = {
        .expectation = e, .held = true, .found = "", .at_ns = e->to_ns, .session = SIM_NONE};
    uint32_t lost = 0;
    for (uint32_t i = 0; i < watch->cell_count; i++) {
        const char *found;
        struct sim_expect_cell *cell = &watch->cells[i];
        if (member_holds(expect, e, cell, &found)) {
            if (judgement.held && watch->cell_count == 1)
                judgement.found = found;
            continue;
        }
        if (lost++ > 0)
            continue;
        judgement.held = false;
        judgement.found =
            sim_arena_print(expect->arena, "%s%s", member_name(expect, watch, i), found);
        judgement.session = session_of(watch, i);
        if (cell->broken)
            judgement.at_ns = cell->broken_ns;
    }
    if (lost > 1)
        judgement.found = sim_arena_print(expect->arena, "%s; and %u more of %u", judgement.found,
                                          lost - 1, watch->cell_count);
    return judgement;
}
