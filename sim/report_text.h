/*
 * The summary that a person reads: one line per scenario as it ends, the reason and the moment of
 * what went wrong with the events around it, totals at the end, progress meanwhile on a terminal.
 */
#ifndef SIM_REPORT_TEXT_H
#define SIM_REPORT_TEXT_H

#include "play.h"

struct sim_report_text {
    FILE *out;
    bool colours;
    bool progress; /* a line that is written over: terminals only */
    bool hashes;   /* --hash: the final hash and the checkpoints */
    uint32_t done;
    uint32_t total;
    uint32_t by_ending[5]; /* by enum sim_ending */
    uint64_t simulated_ns;
    uint64_t wall_ns;
    uint64_t events;
    const char *current;
    uint64_t current_duration_ns;
};

/* `out` is a terminal: colours and progress. */
void sim_report_text_begin(struct sim_report_text *report, FILE *out, uint32_t scenarios);

/* Before a scenario; then a progress function for struct sim_play_options. */
void sim_report_text_start(struct sim_report_text *report, const char *path);
void sim_report_text_progress(void *context, uint64_t at_ns, uint64_t events);

void sim_report_text_outcome(struct sim_report_text *report, const struct sim_outcome *outcome);
void sim_report_text_end(struct sim_report_text *report);

#endif
