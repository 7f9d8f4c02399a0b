/*
 * What a check found, stage by stage, and how it is told: to a person as text, to a program as one
 * JSON object. Owns the stages' names; declines to know how anything was found.
 */
#ifndef PROBE_REPORT_H
#define PROBE_REPORT_H

#include "probe_net.h"

#define PROBE_STAGES(X)                                                                            \
    X(RESOLVE, "resolve")     /* the relay's name */                                               \
    X(HEALTH, "health")       /* what /health says */                                              \
    X(SOCKET, "socket")       /* two UDP sockets here */                                           \
    X(LEASE, "lease")         /* two leases */                                                     \
    X(CLIENT, "client")       /* the client's lease is accepted */                                 \
    X(SERVER, "server")       /* the server's lease is accepted */                                 \
    X(HANDSHAKE, "handshake") /* upstream behaviour: bare RIFT, Hello, HelloAck */                 \
    X(FORWARD, "forward")     /* the first datagram passes each way */                             \
    X(MEASURE, "measure")     /* all the others */                                                 \
    X(RELEASE, "release")     /* both roles are given back */

#define PROBE_ENUM_STAGE(name, text) PROBE_STAGE_##name,
enum probe_stage { PROBE_STAGES(PROBE_ENUM_STAGE) PROBE_STAGE_COUNT };
const char *probe_stage_name(enum probe_stage stage);

/* Times in nanoseconds of what arrived. */
struct probe_times {
    uint64_t count;
    uint64_t min, median, p99, max;
};

/* One direction. */
struct probe_way {
    uint64_t sent, received; /* each once */
    uint64_t duplicated, reordered;
    struct probe_times times;
};

struct probe_report {
    const char *target;
    char relay[WR_ADDRESS_TEXT_BYTES]; /* "" before it is resolved */
    const char *relay_id;              /* NULL before it is known */
    char session[WR_SESSION_TEXT_BYTES];
    bool done[PROBE_STAGE_COUNT]; /* this stage was passed */
    char detail[PROBE_STAGE_COUNT][256];
    bool failed;
    enum probe_stage failed_stage;
    struct probe_error reason; /* what happened */
    struct probe_error advice; /* what to look at; may be empty */
    bool measured;
    struct probe_times round_trip;
    struct probe_way ways[2]; /* client to server, server to client */
};

/* The stage was passed; the text says what was found there. */
__attribute__((format(printf, 3, 4))) void
probe_report_pass(struct probe_report *report, enum probe_stage stage, const char *format, ...);

/* The stage failed: the end of the check. Returns false. */
__attribute__((format(printf, 3, 4))) bool
probe_report_fail(struct probe_report *report, enum probe_stage stage, const char *format, ...);

/* Sorts `times` in place. */
struct probe_times probe_times_of(uint64_t *times, uint64_t count);

void probe_report_print(const struct probe_report *report, bool json);

#endif
