/*
 * What an application sends: when, and how many bytes. A generator of integers: datagram n of a
 * profile has one instant and one size, whoever asks when, without drift. It owns its place in the
 * profile; it declines to know what the bytes say and whether they can be sent.
 */
#ifndef SIM_TRAFFIC_H
#define SIM_TRAFFIC_H

#include "scenario.h"

#define SIM_TRAFFIC_FRAMES_PER_SECOND 60
#define SIM_TRAFFIC_CHUNK_BYTES       1271 /* of a datagram of VIDEO, the largest */
#define SIM_TRAFFIC_CHUNK_BYTES_MIN   64   /* the last of a frame is at least so long */

struct sim_traffic {
    const struct sim_traffic_spec *spec;
    wr_instant anchor_ns;        /* when number 0 is due */
    uint64_t unit;               /* number of the next datagram, or of the frame at hand */
    uint32_t frame_bytes;        /* VIDEO: of the frame at hand that are still to be sent */
    wr_instant next_ns;          /* WR_NEVER: nothing more */
    wr_instant stopped_until_ns; /* by order; 0: not stopped */
};

/* The traffic of a sender that is ready at `ready_ns`: it begins then or at spec->from_ns,
 * whichever is later. `spec` is borrowed. */
void sim_traffic_begin(struct sim_traffic *traffic, const struct sim_traffic_spec *spec,
                       wr_instant ready_ns);

/* When the next datagram is due; WR_NEVER for none. Datagrams of a frame are due together. */
static inline wr_instant sim_traffic_next_deadline(const struct sim_traffic *traffic)
{
    return traffic->next_ns;
}

/* Whether it is saying something at `now`: the next datagram is due by the pace of the profile, not
 * at the end of a silence or never. */
bool sim_traffic_speaks(const struct sim_traffic *traffic, wr_instant now);

/* Takes the next datagram, which is due by `now`: its bytes with the relay's header, 28..1500. 0
 * where none is due. */
uint32_t sim_traffic_take(struct sim_traffic *traffic, wr_instant now);

/* Goes on at `now`: what was due before never existed (the machine was asleep, or gone). */
void sim_traffic_skip(struct sim_traffic *traffic, wr_instant now);

/* The application has nothing to send until `until_ns` (WR_NEVER: until it is started again). */
void sim_traffic_stop(struct sim_traffic *traffic, wr_instant now, wr_instant until_ns);
void sim_traffic_start(struct sim_traffic *traffic, wr_instant now);

#endif
