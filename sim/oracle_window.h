/*
 * The oracles' naive replay window of one sender: how often each of the last 1024 sequences has
 * passed, and the jumps that were dropped (section 3, Replay of FORWARD). It judges what the core
 * did; it knows neither addresses nor time limits of anything but jumps.
 */
#ifndef SIM_ORACLE_WINDOW_H
#define SIM_ORACLE_WINDOW_H

#include <wavry/types.h>

#define SIM_WINDOW_SPAN 1024

enum sim_window_says {
    SIM_WINDOW_FRESH,     /* may pass; the first time */
    SIM_WINDOW_REPEAT,    /* may pass again: RIFT, up to three times in all */
    SIM_WINDOW_SEEN,      /* may not: passed too often, or behind the window */
    SIM_WINDOW_FAR,       /* may not yet: a jump that nobody confirmed */
    SIM_WINDOW_CONFIRMED, /* may pass: the third of a jump, which moves the window */
    SIM_WINDOW_REFUSED,   /* may not: in the top 8192 of 64 bits */
};

struct sim_jump {
    uint64_t anchor;   /* the sequence remembered */
    uint64_t other;    /* the second distinct one */
    wr_instant at_ns;  /* of the anchor */
    uint8_t sequences; /* 0: nothing remembered */
};

struct sim_window {
    uint64_t top;
    bool empty;
    struct sim_jump jump;
    uint8_t passes[SIM_WINDOW_SPAN / 4]; /* two bits each, by sequence modulo the span */
};

void sim_window_clear(struct sim_window *window);

/* What `sequence` is, without any change. */
enum sim_window_says sim_window_judge(const struct sim_window *window, uint64_t sequence, bool rift,
                                      wr_instant now);

/* It passed: counts it, moves the top; `says` is what sim_window_judge said. */
void sim_window_pass(struct sim_window *window, uint64_t sequence, enum sim_window_says says);

/* It was dropped as a jump. */
void sim_jump_drop(struct sim_jump *jump, uint64_t sequence, wr_instant now);

/* Whether `sequence` would be the third of the jump remembered. */
bool sim_jump_confirms(const struct sim_jump *jump, uint64_t sequence, wr_instant now);

/* After a reversion: all up to `top` counts as seen, what lies above may pass once more. */
void sim_window_restore(struct sim_window *window, uint64_t top, bool empty);

#endif
