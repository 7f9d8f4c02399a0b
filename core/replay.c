#include "replay.h"

#include "fault.h"

#include <string.h>

static unsigned passes_of(const struct wr_replay *window, uint64_t sequence)
{
    uint32_t at = (uint32_t)(sequence % WR_REPLAY_WINDOW);
    return (unsigned)(window->passes[at / 32] >> (at % 32 * 2)) & 3;
}

static void set_passes(struct wr_replay *window, uint64_t sequence, unsigned passes)
{
    uint32_t at = (uint32_t)(sequence % WR_REPLAY_WINDOW);
    uint64_t mask = UINT64_C(3) << (at % 32 * 2);
    window->passes[at / 32] = (window->passes[at / 32] & ~mask) | (uint64_t)passes << (at % 32 * 2);
}

void wr_replay_reset(struct wr_replay *window)
{
    memset(window, 0, sizeof *window);
}

void wr_replay_restore(struct wr_replay *window, uint64_t top, bool empty)
{
    wr_replay_reset(window);
    if (empty)
        return;
    window->top = top;
    memset(window->passes, 0xff, sizeof window->passes);
}

static bool near(uint64_t a, uint64_t b)
{
    return (a > b ? a - b : b - a) <= WR_REPLAY_WINDOW;
}

/* Of a sequence near the first one. */
static int16_t offset_of(const struct wr_jump *jump, uint64_t sequence)
{
    return (int16_t)(sequence > jump->first ? (int)(sequence - jump->first)
                                            : -(int)(jump->first - sequence));
}

bool wr_jump_confirms(const struct wr_jump *jump, uint64_t sequence, wr_instant now)
{
    return jump->seen == 2 && wr_elapsed(jump->first_seen_ns, now) < WR_REPLAY_JUMP_NS &&
           near(sequence, jump->first) && sequence != jump->first &&
           (offset_of(jump, sequence) != jump->second_offset || WR_FAULT(replay_jump_of_twins));
}

void wr_jump_note(struct wr_jump *jump, uint64_t sequence, wr_instant now)
{
    bool remembered = jump->seen > 0 && near(sequence, jump->first) &&
                      wr_elapsed(jump->first_seen_ns, now) < WR_REPLAY_JUMP_NS;
    if (!remembered) {
        *jump = (struct wr_jump){.first = sequence, .first_seen_ns = now, .seen = 1};
    } else if (jump->seen == 1 && sequence != jump->first) {
        jump->second_offset = offset_of(jump, sequence);
        jump->seen = 2;
    }
}

enum wr_replay_verdict wr_replay_check(const struct wr_replay *window, uint64_t sequence,
                                       unsigned passes_max, wr_instant now)
{
    if (wr_replay_refused(sequence))
        return WR_REPLAY_REFUSED;
    if (sequence > window->top) {
        if (sequence - window->top <= WR_REPLAY_WINDOW ||
            wr_jump_confirms(&window->jump, sequence, now))
            return WR_REPLAY_FRESH;
        return WR_REPLAY_UNCONFIRMED;
    }
    if (WR_FAULT(replay_window_of_1025) && window->top - sequence == WR_REPLAY_WINDOW)
        return WR_REPLAY_FRESH;
    if (window->top - sequence >= WR_REPLAY_WINDOW || passes_of(window, sequence) >= passes_max)
        return WR_REPLAY_SEEN;
    return WR_REPLAY_FRESH;
}

void wr_replay_commit(struct wr_replay *window, uint64_t sequence)
{
    if (sequence > window->top) {
        uint64_t ahead = sequence - window->top;
        if (ahead >= WR_REPLAY_WINDOW) {
            memset(window->passes, 0, sizeof window->passes);
        } else {
            for (uint64_t skipped = window->top + 1; skipped < sequence; skipped++)
                set_passes(window, skipped, 0);
        }
        window->top = sequence;
        set_passes(window, sequence, 1);
        window->jump.seen = 0;
        return;
    }
    unsigned passes = passes_of(window, sequence);
    if (passes == 0)
        window->jump.seen = 0; /* a new sequence at the old place: the peer did not jump */
    set_passes(window, sequence, passes < 3 ? passes + 1 : 3);
}

bool wr_replay_ahead(uint64_t top, struct wr_jump *jump, uint64_t sequence, wr_instant now)
{
    if (sequence <= top || wr_replay_refused(sequence))
        return false;
    if (sequence - top <= WR_REPLAY_WINDOW || wr_jump_confirms(jump, sequence, now))
        return true;
    wr_jump_note(jump, sequence, now);
    return false;
}
