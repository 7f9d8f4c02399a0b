#include "traffic.h"

#include <string.h>

#define HEADER_BYTES_MIN 28 /* the relay's header and a sequence */

/* Units a second: datagrams, or frames of a video. */
static uint32_t rate_of(const struct sim_traffic_spec *spec)
{
    return spec->profile == SIM_PROFILE_VIDEO ? SIM_TRAFFIC_FRAMES_PER_SECOND : spec->rate_pps;
}

/* A whole number of units per second keeps its pace without drift: unit n is due n / rate seconds
 * after the anchor, rounded down to the nanosecond. */
static wr_instant due_of(const struct sim_traffic *traffic, uint64_t unit)
{
    uint32_t rate = rate_of(traffic->spec);
    uint64_t whole_ns = unit / rate * WR_S;
    return wr_after(traffic->anchor_ns, whole_ns + unit % rate * WR_S / rate);
}

/* The first unit that is due at `at` or later. */
static uint64_t first_unit_at(const struct sim_traffic *traffic, wr_instant at)
{
    uint32_t rate = rate_of(traffic->spec);
    uint64_t since_ns = wr_elapsed(traffic->anchor_ns, at);
    uint64_t unit = since_ns / WR_S * rate + since_ns % WR_S * rate / WR_S;
    while (due_of(traffic, unit) < at)
        unit++;
    return unit;
}

/* Bytes of frame n: what the rate has given by the end of it, less what it had given before. */
static uint32_t bytes_of_frame(const struct sim_traffic_spec *spec, uint64_t frame)
{
    uint64_t bytes_per_s = (uint64_t)spec->kbps * 125;
    uint64_t in_second = frame % SIM_TRAFFIC_FRAMES_PER_SECOND;
    return (uint32_t)(bytes_per_s * (in_second + 1) / SIM_TRAFFIC_FRAMES_PER_SECOND -
                      bytes_per_s * in_second / SIM_TRAFFIC_FRAMES_PER_SECOND);
}

/* The end of the silence that covers `at`, or `at` where none does. Pauses may overlap. */
static wr_instant end_of_silence(const struct sim_traffic *traffic, wr_instant at)
{
    const struct sim_traffic_spec *spec = traffic->spec;
    bool moved = true;
    while (moved) {
        moved = false;
        for (uint32_t i = 0; i < spec->pause_count; i++) {
            wr_instant end = wr_after(spec->pauses[i].at_ns, spec->pauses[i].for_ns);
            if (spec->pauses[i].at_ns <= at && at < end) {
                at = end;
                moved = true;
            }
        }
        if (at < traffic->stopped_until_ns) {
            at = traffic->stopped_until_ns;
            moved = true;
        }
    }
    return at;
}

/* Goes to the first unit from `unit` on that falls into no silence. */
static void seek(struct sim_traffic *traffic, uint64_t unit)
{
    for (;;) {
        wr_instant due = due_of(traffic, unit);
        wr_instant free_at = end_of_silence(traffic, due);
        if (due >= traffic->spec->until_ns || free_at >= traffic->spec->until_ns) {
            traffic->next_ns = WR_NEVER;
            return;
        }
        if (free_at == due) {
            traffic->unit = unit;
            traffic->next_ns = due;
            traffic->frame_bytes = traffic->spec->profile == SIM_PROFILE_VIDEO
                                       ? bytes_of_frame(traffic->spec, unit)
                                       : 0;
            return;
        }
        unit = first_unit_at(traffic, free_at);
    }
}

void sim_traffic_begin(struct sim_traffic *traffic, const struct sim_traffic_spec *spec,
                       wr_instant ready_ns)
{
    memset(traffic, 0, sizeof *traffic);
    traffic->spec = spec;
    traffic->anchor_ns = ready_ns > spec->from_ns ? ready_ns : spec->from_ns;
    traffic->next_ns = WR_NEVER;
    if (spec->profile != SIM_PROFILE_SILENT && rate_of(spec) > 0)
        seek(traffic, 0);
}

bool sim_traffic_speaks(const struct sim_traffic *traffic, wr_instant now)
{
    return traffic->next_ns != WR_NEVER &&
           wr_elapsed(now, traffic->next_ns) <= WR_S / rate_of(traffic->spec) + 1;
}

static uint32_t take_chunk(struct sim_traffic *traffic)
{
    uint32_t bytes = traffic->frame_bytes;
    if (bytes > SIM_TRAFFIC_CHUNK_BYTES)
        bytes = SIM_TRAFFIC_CHUNK_BYTES;
    traffic->frame_bytes -= bytes;
    if (traffic->frame_bytes == 0)
        seek(traffic, traffic->unit + 1);
    return bytes < SIM_TRAFFIC_CHUNK_BYTES_MIN ? SIM_TRAFFIC_CHUNK_BYTES_MIN : bytes;
}

uint32_t sim_traffic_take(struct sim_traffic *traffic, wr_instant now)
{
    if (traffic->next_ns > now)
        return 0;
    if (traffic->spec->profile == SIM_PROFILE_VIDEO)
        return take_chunk(traffic);
    seek(traffic, traffic->unit + 1);
    return traffic->spec->bytes < HEADER_BYTES_MIN ? HEADER_BYTES_MIN : traffic->spec->bytes;
}

void sim_traffic_skip(struct sim_traffic *traffic, wr_instant now)
{
    if (traffic->next_ns < now)
        seek(traffic, first_unit_at(traffic, now));
}

void sim_traffic_stop(struct sim_traffic *traffic, wr_instant now, wr_instant until_ns)
{
    traffic->stopped_until_ns = until_ns;
    if (traffic->next_ns != WR_NEVER)
        seek(traffic, first_unit_at(traffic, now));
}

void sim_traffic_start(struct sim_traffic *traffic, wr_instant now)
{
    traffic->stopped_until_ns = 0;
    if (traffic->spec->profile != SIM_PROFILE_SILENT && rate_of(traffic->spec) > 0)
        seek(traffic, first_unit_at(traffic, now));
}
