/*
 * The replay window of one sender (section 3) against the oracles' (sim/oracle_window.c, written
 * apart): every sequence of arrivals gets the same verdicts, and so does the memory of a jump that
 * a candidate has of its own (rule 2).
 */
#include "actions.h"

#include <oracle_window.h>
#include <replay.h>

#include <inttypes.h>
#include <string.h>

enum tag { ARRIVE, ARRIVE_RIFT, FAR, WAIT, RESET, RESTORE, AHEAD, ABSOLUTE, TAGS };
static const char *const names[TAGS] = {"near the top", "RIFT near the top", "near the jump",
                                        "time passes",  "window emptied",    "window restored",
                                        "rule 2",       "any sequence"};

const struct fuzz_target fuzz_target = {
    .name = "replay",
    .property = "the replay window and the oracles' naive one say the same of every arrival",
    .bytes_max = 4096,
    .canaries = {{"replay_window_of_1025", 50000}, {"replay_jump_of_twins", 50000}},
};

struct world {
    struct wr_replay window;
    struct sim_window naive;
    struct wr_jump jump; /* a candidate's */
    struct sim_jump naive_jump;
    uint64_t far; /* where the last jump went */
    wr_instant now;
};

static enum wr_replay_verdict verdict_of(enum sim_window_says says)
{
    switch (says) {
    case SIM_WINDOW_FRESH:
    case SIM_WINDOW_REPEAT:
    case SIM_WINDOW_CONFIRMED:
        return WR_REPLAY_FRESH;
    case SIM_WINDOW_SEEN:
        return WR_REPLAY_SEEN;
    case SIM_WINDOW_FAR:
        return WR_REPLAY_UNCONFIRMED;
    case SIM_WINDOW_REFUSED:
        return WR_REPLAY_REFUSED;
    }
    return WR_REPLAY_REFUSED;
}

/* `drops`: something else drops it, after it was checked: nothing may change. */
static void arrive(struct world *world, uint64_t sequence, bool rift, bool drops)
{
    const struct wr_replay before = world->window;
    unsigned passes_max = rift ? WR_REPLAY_PASSES_RIFT : WR_REPLAY_PASSES;
    enum wr_replay_verdict verdict =
        wr_replay_check(&world->window, sequence, passes_max, world->now);
    enum sim_window_says says = sim_window_judge(&world->naive, sequence, rift, world->now);
    /* A copy, padding and all. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    FUZZ_REQUIRE(memcmp(&before, &world->window, sizeof before) == 0, "checking changes nothing");
    FUZZ_REQUIRE(verdict == verdict_of(says), "%" PRIu64 " at a top of %" PRIu64 ": %d or %d",
                 sequence, world->window.top, (int)verdict, (int)says);
    if (drops)
        return;
    if (verdict == WR_REPLAY_FRESH) {
        wr_replay_commit(&world->window, sequence);
        sim_window_pass(&world->naive, sequence, says);
    } else if (verdict == WR_REPLAY_UNCONFIRMED) {
        wr_jump_note(&world->window.jump, sequence, world->now);
        sim_jump_drop(&world->naive.jump, sequence, world->now);
        world->far = sequence;
    }
    FUZZ_REQUIRE(world->window.top == world->naive.top, "the top");
    FUZZ_REQUIRE(wr_replay_empty(&world->window) == world->naive.empty, "empty");
}

/* Section 3, rule 2, in so many words. */
static bool naive_ahead(struct world *world, uint64_t top, uint64_t sequence)
{
    if (sequence > UINT64_MAX - 8192 || sequence <= top)
        return false;
    if (sequence - top <= 1024 || sim_jump_confirms(&world->naive_jump, sequence, world->now))
        return true;
    sim_jump_drop(&world->naive_jump, sequence, world->now);
    return false;
}

/* A sequence `action` away from `from`: signed 16 bits. */
static uint64_t around(uint64_t from, struct fuzz_action *action)
{
    uint64_t steps = fuzz_take(action, 2);
    return steps < 32768 ? from + steps : from - (65536 - steps);
}

static void step(struct world *world, struct fuzz_action *action)
{
    uint64_t sequence, top;
    bool ahead, empty;
    switch ((enum tag)(action->tag % TAGS)) {
    case ARRIVE:
        sequence = around(world->window.top, action);
        arrive(world, sequence, false, fuzz_take_u8(action) == 1);
        break;
    case ARRIVE_RIFT:
        sequence = around(world->window.top, action);
        arrive(world, sequence, true, fuzz_take_u8(action) == 1);
        break;
    case FAR:
        sequence = around(world->far, action);
        arrive(world, sequence, fuzz_take_u8(action) == 1, false);
        break;
    case WAIT:
        world->now = wr_after(world->now, fuzz_take_span_ns(action));
        break;
    case RESET:
        wr_replay_reset(&world->window);
        sim_window_clear(&world->naive);
        break;
    case RESTORE:
        empty = fuzz_take_u8(action) == 1;
        top = fuzz_take(action, 8);
        top = top > UINT64_MAX - 8192 ? UINT64_MAX - 8192 : top;
        wr_replay_restore(&world->window, empty ? 0 : top, empty);
        sim_window_restore(&world->naive, empty ? 0 : top, empty);
        break;
    case AHEAD:
        top = world->window.top;
        sequence = around(fuzz_take_u8(action) == 1 ? world->far : top, action);
        ahead = naive_ahead(world, top, sequence);
        FUZZ_REQUIRE(wr_replay_ahead(top, &world->jump, sequence, world->now) == ahead,
                     "%" PRIu64 " is ahead of %" PRIu64 ": %d", sequence, top, ahead);
        break;
    case ABSOLUTE:
        arrive(world, fuzz_take(action, 8), false, false);
        break;
    case TAGS:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct world world = {.now = WR_S};
    struct fuzz_action action;
    if (size > fuzz_target.bytes_max)
        return 0;
    FUZZ_STAIN(world.window);
    wr_replay_reset(&world.window);
    sim_window_clear(&world.naive);
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    while (fuzz_next_action(&list, &action))
        step(&world, &action);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    if (seed % 8 == 0)
        return fuzz_mutate(bytes, size, size_max);
    return fuzz_mutate_actions(bytes, size, size_max, seed, TAGS, 9);
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    return fuzz_count_actions(bytes, size);
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    fuzz_explain_actions(bytes, size, names, TAGS, out);
}
