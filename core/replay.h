/*
 * The replay window of one sender's FORWARDs (section 3, "Replay of FORWARD"): 1024 sequences, a
 * count of passes for each, and the memory of a jump. Checking changes nothing; committing does.
 * Which packets are exempt, and what else may drop a packet in between, is the caller's to know.
 */
#ifndef WR_REPLAY_H
#define WR_REPLAY_H

#include <wavry/types.h>

#define WR_REPLAY_WINDOW      1024       /* sequences behind and ahead of the top that are judged */
#define WR_REPLAY_REFUSED_TOP 8192       /* sequences at the end of u64 that are refused */
#define WR_REPLAY_JUMP_NS     (2 * WR_S) /* a jump is confirmed within less than this */
#define WR_REPLAY_PASSES      1          /* times an opaque payload passes */
#define WR_REPLAY_PASSES_RIFT 3 /* times a RIFT transport packet passes: NACKs are answered so */

/* Sequences seen far ahead of a window, not believed yet. */
struct wr_jump {
    uint64_t first;
    wr_instant first_seen_ns;
    int16_t second_offset; /* from the first to the second, at most 1024 either way */
    uint16_t seen;         /* 0, 1 or 2 distinct sequences */
};

struct wr_replay {
    uint64_t top; /* the highest sequence committed; 0 in an empty window */
    struct wr_jump jump;
    uint64_t passes[WR_REPLAY_WINDOW / 32]; /* two bits a sequence, at its number mod 1024 */
};

enum wr_replay_verdict {
    WR_REPLAY_FRESH,       /* may pass; wr_replay_commit when it did */
    WR_REPLAY_SEEN,        /* passed often enough, or lies behind the window */
    WR_REPLAY_UNCONFIRMED, /* a jump: note it with wr_replay_note_jump and drop the packet */
    WR_REPLAY_REFUSED,     /* in the last 8192 of u64 */
};

/* Nothing was committed since the last reset: then the top is 0 and was not seen either. */
static inline bool wr_replay_empty(const struct wr_replay *window)
{
    return window->top == 0 && (window->passes[0] & 3) == 0;
}

/* Nothing seen, top at 0. */
void wr_replay_reset(struct wr_replay *window);

/* All up to `top` counts as seen often enough; above it nothing. */
void wr_replay_restore(struct wr_replay *window, uint64_t top, bool empty);

/* May `sequence` pass once more, if it may pass `passes_max` times in all? Changes nothing. The
 * third distinct sequence of a jump is WR_REPLAY_FRESH. */
enum wr_replay_verdict wr_replay_check(const struct wr_replay *window, uint64_t sequence,
                                       unsigned passes_max, wr_instant now)
    __attribute__((warn_unused_result));

/* Records one pass of a sequence that was WR_REPLAY_FRESH; moves the window as far as needed. */
void wr_replay_commit(struct wr_replay *window, uint64_t sequence);

/* Remembers a sequence that was WR_REPLAY_UNCONFIRMED. */
void wr_jump_note(struct wr_jump *jump, uint64_t sequence, wr_instant now);

/* Would `sequence` be the third of the jump that is remembered? */
bool wr_jump_confirms(const struct wr_jump *jump, uint64_t sequence, wr_instant now);

/* Rule 2 of "Moving a peer": is `sequence` ahead of `top` by up to 1024, or the third packet of a
 * jump in `jump` (which remembers it where it is not)? */
bool wr_replay_ahead(uint64_t top, struct wr_jump *jump, uint64_t sequence, wr_instant now);

static inline bool wr_replay_refused(uint64_t sequence)
{
    return sequence > UINT64_MAX - WR_REPLAY_REFUSED_TOP;
}

#endif
