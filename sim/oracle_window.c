#include "oracle_window.h"

#include <string.h>

#define JUMP_NS     (2 * WR_S)
#define LAST_USABLE (UINT64_MAX - 8192)
#define PASSES_RIFT 3

static unsigned passes_of(const struct sim_window *window, uint64_t sequence)
{
    unsigned place = (unsigned)(sequence % SIM_WINDOW_SPAN);
    return (unsigned)window->passes[place / 4] >> (place % 4 * 2) & 3u;
}

static void set_passes(struct sim_window *window, uint64_t sequence, unsigned count)
{
    unsigned place = (unsigned)(sequence % SIM_WINDOW_SPAN), shift = place % 4 * 2;
    unsigned others = window->passes[place / 4] & ~(3u << shift);
    window->passes[place / 4] = (uint8_t)(others | count << shift);
}

void sim_window_clear(struct sim_window *window)
{
    memset(window, 0, sizeof *window);
    window->empty = true;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

bool sim_jump_confirms(const struct sim_jump *jump, uint64_t sequence, wr_instant now)
{
    return jump->sequences == 2 && wr_elapsed(jump->at_ns, now) < JUMP_NS &&
           apart(sequence, jump->anchor) <= SIM_WINDOW_SPAN && sequence != jump->anchor &&
           sequence != jump->other;
}

void sim_jump_drop(struct sim_jump *jump, uint64_t sequence, wr_instant now)
{
    bool same_jump = jump->sequences > 0 && wr_elapsed(jump->at_ns, now) < JUMP_NS &&
                     apart(sequence, jump->anchor) <= SIM_WINDOW_SPAN;
    if (!same_jump) {
        *jump = (struct sim_jump){.anchor = sequence, .at_ns = now, .sequences = 1};
    } else if (jump->sequences == 1 && sequence != jump->anchor) {
        jump->other = sequence;
        jump->sequences = 2;
    }
}

enum sim_window_says sim_window_judge(const struct sim_window *window, uint64_t sequence, bool rift,
                                      wr_instant now)
{
    if (sequence > LAST_USABLE)
        return SIM_WINDOW_REFUSED;
    if (sequence > window->top + SIM_WINDOW_SPAN)
        return sim_jump_confirms(&window->jump, sequence, now) ? SIM_WINDOW_CONFIRMED
                                                               : SIM_WINDOW_FAR;
    if (sequence > window->top)
        return SIM_WINDOW_FRESH;
    if (window->top - sequence >= SIM_WINDOW_SPAN)
        return SIM_WINDOW_SEEN;
    unsigned passes = passes_of(window, sequence);
    if (passes == 0)
        return SIM_WINDOW_FRESH;
    return rift && passes < PASSES_RIFT ? SIM_WINDOW_REPEAT : SIM_WINDOW_SEEN;
}

void sim_window_pass(struct sim_window *window, uint64_t sequence, enum sim_window_says says)
{
    if (says == SIM_WINDOW_CONFIRMED || sequence > window->top + SIM_WINDOW_SPAN) {
        memset(window->passes, 0, sizeof window->passes);
        window->top = sequence;
    }
    for (uint64_t skipped = window->top; skipped < sequence; skipped++)
        set_passes(window, skipped + 1, 0);
    if (sequence > window->top)
        window->top = sequence;
    if (window->top - sequence < SIM_WINDOW_SPAN && passes_of(window, sequence) < 3)
        set_passes(window, sequence, passes_of(window, sequence) + 1);
    if (says != SIM_WINDOW_REPEAT)
        window->jump.sequences = 0;
    window->empty = false;
}

void sim_window_restore(struct sim_window *window, uint64_t top, bool empty)
{
    if (empty) {
        sim_window_clear(window);
        return;
    }
    memset(window->passes, 0xff, sizeof window->passes);
    window->top = top;
    window->empty = false;
    window->jump.sequences = 0;
}
