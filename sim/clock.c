#include "clock.h"

#include <assert.h>

void sim_clock_init(struct sim_clock *clock, uint64_t start_unix_ms, int64_t offset_ms,
                    int32_t drift_ppb)
{
    *clock = (struct sim_clock){.start_unix_ms = start_unix_ms};
    sim_clock_step(clock, offset_ms);
    sim_clock_set_drift(clock, 0, drift_ppb);
}

static int64_t ahead_ns(const struct sim_clock *clock, wr_instant now)
{
    uint64_t elapsed_ns = wr_elapsed(clock->since_ns, now);
    int64_t whole_s = (int64_t)(elapsed_ns / WR_S);
    int64_t rest_ns = (int64_t)(elapsed_ns % WR_S);
    return clock->ahead_ns + whole_s * clock->drift_ppb +
           rest_ns * clock->drift_ppb / (int64_t)WR_S;
}

uint64_t sim_clock_unix_ms(const struct sim_clock *clock, wr_instant now)
{
    int64_t shown_ns = (int64_t)now + ahead_ns(clock, now);
    int64_t shown_ms = shown_ns / (int64_t)WR_MS - (shown_ns % (int64_t)WR_MS < 0 ? 1 : 0);
    int64_t unix_ms = (int64_t)clock->start_unix_ms + shown_ms;
    return unix_ms > 0 ? (uint64_t)unix_ms : 0;
}

void sim_clock_step(struct sim_clock *clock, int64_t by_ms)
{
    clock->ahead_ns += by_ms * (int64_t)WR_MS;
}

void sim_clock_set_drift(struct sim_clock *clock, wr_instant now, int32_t drift_ppb)
{
    assert(drift_ppb >= -SIM_CLOCK_DRIFT_PPB_MAX && drift_ppb <= SIM_CLOCK_DRIFT_PPB_MAX);
    clock->ahead_ns = ahead_ns(clock, now);
    clock->since_ns = now;
    clock->drift_ppb = drift_ppb;
}
