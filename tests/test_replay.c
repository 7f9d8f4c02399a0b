#include "random.h"
#include "replay.h"

#include <criterion/criterion.h>
#include <string.h>

static struct wr_replay seen(uint64_t top)
{
    struct wr_replay window;
    wr_replay_reset(&window);
    wr_replay_commit(&window, top);
    return window;
}

static enum wr_replay_verdict check(const struct wr_replay *window, uint64_t sequence,
                                    wr_instant now)
{
    return wr_replay_check(window, sequence, WR_REPLAY_PASSES, now);
}

/* As the forwarding path does it. */
static enum wr_replay_verdict arrive(struct wr_replay *window, uint64_t sequence, wr_instant now)
{
    enum wr_replay_verdict verdict = check(window, sequence, now);
    if (verdict == WR_REPLAY_FRESH)
        wr_replay_commit(window, sequence);
    else if (verdict == WR_REPLAY_UNCONFIRMED)
        wr_jump_note(&window->jump, sequence, now);
    return verdict;
}

Test(replay, an_empty_window_takes_0_to_1024)
{
    struct wr_replay window;
    wr_replay_reset(&window);
    cr_expect(wr_replay_empty(&window));
    cr_expect_eq(check(&window, 0, 0), WR_REPLAY_FRESH);
    cr_expect_eq(check(&window, 1024, 0), WR_REPLAY_FRESH);
    cr_expect_eq(check(&window, 1025, 0), WR_REPLAY_UNCONFIRMED);
    wr_replay_commit(&window, 0);
    cr_expect_not(wr_replay_empty(&window));
    cr_expect_eq(check(&window, 0, 0), WR_REPLAY_SEEN);
}

Test(replay, the_window_reaches_1023_back_and_1024_ahead)
{
    struct wr_replay window = seen(5000);
    cr_expect_eq(check(&window, 5000 - 1023, 0), WR_REPLAY_FRESH);
    cr_expect_eq(check(&window, 5000 - 1024, 0), WR_REPLAY_SEEN);
    cr_expect_eq(check(&window, 5000 + 1024, 0), WR_REPLAY_FRESH);
    cr_expect_eq(check(&window, 5000 + 1025, 0), WR_REPLAY_UNCONFIRMED);
}

Test(replay, a_rift_packet_passes_three_times)
{
    struct wr_replay window;
    wr_replay_reset(&window);
    for (int pass = 0; pass < 3; pass++) {
        cr_expect_eq(wr_replay_check(&window, 9, WR_REPLAY_PASSES_RIFT, 0), WR_REPLAY_FRESH);
        wr_replay_commit(&window, 9);
    }
    cr_expect_eq(wr_replay_check(&window, 9, WR_REPLAY_PASSES_RIFT, 0), WR_REPLAY_SEEN);
    wr_replay_commit(&window, 9); /* one too many counts no further and spills into no neighbour */
    cr_expect_eq(wr_replay_check(&window, 8, 1, 0), WR_REPLAY_FRESH);
    cr_expect_eq(wr_replay_check(&window, 10, 1, 0), WR_REPLAY_FRESH);
}

Test(replay, a_forged_jump_does_not_mute_the_peer)
{
    struct wr_replay window = seen(100);
    cr_expect_eq(arrive(&window, UINT64_C(1) << 30, 0), WR_REPLAY_UNCONFIRMED);
    cr_expect_eq(arrive(&window, 101, 0), WR_REPLAY_FRESH);
}

Test(replay, the_third_distinct_sequence_of_a_jump_moves_the_window)
{
    struct wr_replay window = seen(100);
    cr_expect_eq(arrive(&window, 50000, 0), WR_REPLAY_UNCONFIRMED);
    cr_expect_eq(arrive(&window, 50000, 1), WR_REPLAY_UNCONFIRMED);
    cr_expect_eq(arrive(&window, 48976, 2), WR_REPLAY_UNCONFIRMED);
    cr_expect_eq(arrive(&window, 48976, 3), WR_REPLAY_UNCONFIRMED);
    cr_expect_eq(arrive(&window, 51024, 2 * WR_S - 1), WR_REPLAY_FRESH);
    cr_expect_eq(window.top, 51024);
    cr_expect_eq(check(&window, 50001, 0), WR_REPLAY_FRESH); /* 1023 behind: counts as unseen */
    cr_expect_eq(check(&window, 50000, 0), WR_REPLAY_SEEN);
}

Test(replay, what_a_jump_dropped_may_pass_later)
{
    struct wr_replay window = seen(100);
    arrive(&window, 50000, 0);
    arrive(&window, 50001, 0);
    cr_expect_eq(arrive(&window, 50002, 0), WR_REPLAY_FRESH);
    cr_expect_eq(arrive(&window, 50000, 0), WR_REPLAY_FRESH);
    cr_expect_eq(arrive(&window, 50001, 0), WR_REPLAY_FRESH);
    cr_expect_eq(arrive(&window, 50001, 0), WR_REPLAY_SEEN);
}

Test(replay, a_jump_further_than_1024_from_the_remembered_one_replaces_it)
{
    struct wr_replay window = seen(100);
    arrive(&window, 50000, 0);
    arrive(&window, 50001, 0);
    cr_expect_eq(arrive(&window, 51025, 0), WR_REPLAY_UNCONFIRMED);
    cr_expect_eq(arrive(&window, 50002, 0), WR_REPLAY_UNCONFIRMED); /* near 51025: its second */
    cr_expect_eq(arrive(&window, 51026, 0), WR_REPLAY_FRESH);
}

Test(replay, a_jump_is_forgotten_after_two_seconds)
{
    struct wr_replay window = seen(100);
    arrive(&window, 50000, 0);
    arrive(&window, 50001, WR_S);
    cr_expect_eq(arrive(&window, 50002, 2 * WR_S), WR_REPLAY_UNCONFIRMED);
    cr_expect_eq(arrive(&window, 50003, 2 * WR_S), WR_REPLAY_UNCONFIRMED);
    cr_expect_eq(arrive(&window, 50004, 2 * WR_S), WR_REPLAY_FRESH);
}

Test(replay, a_new_sequence_at_the_old_place_clears_a_jump_a_repeated_one_does_not)
{
    struct wr_replay window = seen(100);
    arrive(&window, 50000, 0);
    arrive(&window, 50001, 0);
    wr_replay_commit(&window, 100); /* the second pass of a RIFT packet: nothing new */
    cr_expect_eq(check(&window, 50002, 0), WR_REPLAY_FRESH);
    cr_expect_eq(arrive(&window, 99, 0), WR_REPLAY_FRESH);
    cr_expect_eq(check(&window, 50002, 0), WR_REPLAY_UNCONFIRMED);
}

Test(replay, the_last_8192_sequences_are_refused_and_nothing_wraps)
{
    uint64_t last = UINT64_MAX - 8192;
    struct wr_replay window = seen(last);
    cr_expect_eq(check(&window, last + 1, 0), WR_REPLAY_REFUSED);
    cr_expect_eq(check(&window, UINT64_MAX, 0), WR_REPLAY_REFUSED);
    cr_expect_eq(check(&window, last - 1, 0), WR_REPLAY_FRESH);
    cr_expect_eq(check(&window, 0, 0), WR_REPLAY_SEEN);
}

Test(replay, a_restored_window_has_seen_all_up_to_its_top)
{
    struct wr_replay window;
    wr_replay_restore(&window, 7000, false);
    for (uint64_t sequence = 7000 - 1024; sequence <= 7000; sequence++)
        cr_assert_eq(wr_replay_check(&window, sequence, 3, 0), WR_REPLAY_SEEN);
    cr_expect_eq(arrive(&window, 7001, 0), WR_REPLAY_FRESH);
    wr_replay_restore(&window, 7000, true);
    cr_expect(wr_replay_empty(&window));
    wr_replay_restore(&window, 0, false);
    cr_expect_not(wr_replay_empty(&window));
}

Test(replay, ahead_is_up_to_1024_or_the_third_of_a_jump)
{
    struct wr_jump jump = {.seen = 0};
    cr_expect_not(wr_replay_ahead(100, &jump, 100, 0));
    cr_expect(wr_replay_ahead(100, &jump, 101, 0));
    cr_expect(wr_replay_ahead(100, &jump, 1124, 0));
    cr_expect_not(wr_replay_ahead(100, &jump, 1125, 0));
    cr_expect_not(wr_replay_ahead(100, &jump, 1126, 0));
    cr_expect(wr_replay_ahead(100, &jump, 1127, 0));
    cr_expect_not(wr_replay_ahead(100, &jump, UINT64_MAX, 0));
}

/* ---- Against a naive model: a list of everything, read from the rule ------------------------- */

#define MODEL_SEQUENCES 20000

struct model {
    uint64_t top;
    uint8_t passes[MODEL_SEQUENCES];
    bool jumping;
    uint64_t first, second;
    bool has_second;
    wr_instant first_at;
};

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static enum wr_replay_verdict model_arrive(struct model *model, uint64_t sequence, unsigned max,
                                           wr_instant now)
{
    bool near_jump = model->jumping && now - model->first_at < 2 * WR_S &&
                     distance(sequence, model->first) <= 1024;
    if (sequence <= model->top + 1024) {
        if (sequence + 1023 < model->top || model->passes[sequence] >= max)
            return WR_REPLAY_SEEN;
    } else if (!near_jump) {
        model->jumping = true;
        model->has_second = false;
        model->first = sequence;
        model->first_at = now;
        return WR_REPLAY_UNCONFIRMED;
    } else if (sequence == model->first || (model->has_second && sequence == model->second)) {
        return WR_REPLAY_UNCONFIRMED;
    } else if (!model->has_second) {
        model->has_second = true;
        model->second = sequence;
        return WR_REPLAY_UNCONFIRMED;
    }
    if (model->passes[sequence] == 0)
        model->jumping = false;
    model->passes[sequence]++;
    if (sequence > model->top)
        model->top = sequence;
    return WR_REPLAY_FRESH;
}

Test(replay, agrees_with_a_naive_model)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        static struct model model;
        struct wr_replay window;
        uint64_t random = seed;
        wr_instant now = 0;
        memset(&model, 0, sizeof model);
        wr_replay_reset(&window);
        for (int step = 0; step < 3000; step++) {
            uint64_t around = model.top;
            uint32_t kind = random_below(&random, 10);
            if (kind == 0)
                around += 1024;
            else if (kind == 1 && model.jumping)
                around = model.first + 1024;
            uint32_t spread = kind < 4 ? 2100 : 8;
            uint64_t sequence = around + random_below(&random, spread);
            sequence = sequence > spread / 2 ? sequence - spread / 2 : 0;
            if (sequence >= MODEL_SEQUENCES)
                break;
            unsigned max = random_below(&random, 2) == 0 ? 1 : 3;
            now += random_below(&random, 20) == 0 ? 900 * WR_MS : WR_MS;
            enum wr_replay_verdict verdict = wr_replay_check(&window, sequence, max, now);
            if (verdict == WR_REPLAY_FRESH)
                wr_replay_commit(&window, sequence);
            else if (verdict == WR_REPLAY_UNCONFIRMED)
                wr_jump_note(&window.jump, sequence, now);
            cr_assert_eq(verdict, model_arrive(&model, sequence, max, now),
                         "seed %llu step %d sequence %llu", (unsigned long long)seed, step,
                         (unsigned long long)sequence);
            cr_assert_eq(window.top, model.top);
        }
    }
}
