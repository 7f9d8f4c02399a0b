/*
 * A machine's wall clock: off at the start, drifting, stepped now and then. Owns the difference to
 * the world's true time; declines to know who reads it. Integer arithmetic throughout.
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <wavry/types.h>

#define SIM_CLOCK_DRIFT_PPB_MAX 500000000 /* half as fast again, or half as slow */

struct sim_clock {
    uint64_t start_unix_ms; /* true wall time at instant 0 */
    int64_t ahead_ns;       /* wall clock - true time at `since_ns` */
    wr_instant since_ns;    /* the drift below holds from then on */
    int32_t drift_ppb;      /* positive runs fast */
};

/* True wall time is `start_unix_ms` at instant 0; this clock shows `offset_ms` more. */
void sim_clock_init(struct sim_clock *clock, uint64_t start_unix_ms, int64_t offset_ms,
                    int32_t drift_ppb);

/* What it shows at `now`, not before the last change; 0 where it would lie before 1970. */
uint64_t sim_clock_unix_ms(const struct sim_clock *clock, wr_instant now);

void sim_clock_step(struct sim_clock *clock, int64_t by_ms);
void sim_clock_set_drift(struct sim_clock *clock, wr_instant now, int32_t drift_ppb);

#endif
