/*
 * The load generator: many sessions through one relay, a stream of datagrams in each from client to
 * server, and beside it what a relay must bear: leases with wrong signatures, garbage, sessions
 * that come and go. One thread drives everything, so that it can be pinned to one core. Sessions
 * are set up by the core's peer side; the measured stream is written in place, for speed.
 *
 * On an IPv4 loopback relay every flow has addresses of its own (127.16.0.0 and up for clients,
 * 127.32.0.0 and up for servers) behind two sockets: the relay sees as many sources as there are
 * peers, while the generator makes one system call for 64 datagrams. Elsewhere all flows share the
 * two sockets' addresses.
 */
#ifndef PROBE_LOAD_H
#define PROBE_LOAD_H

#include "load_histogram.h"
#include "load_net.h"
#include "probe_lease.h"

#include <wavry/peer.h>

#define LOAD_FLOWS_MAX   1000000
#define LOAD_SECONDS_MAX 3000 /* leases last for an hour and are not renewed */
#define LOAD_SIZE_MIN    44   /* header, sequence, and what the stream says */
#define LOAD_REASONS     7    /* of rejects; 0 counts unknown ones */

struct load_options {
    const char *target, *key_file, *kid, *relay_id, *health;
    uint32_t flows;
    uint32_t rate; /* datagrams per second in all, 0: as fast as it goes */
    uint32_t size; /* of a datagram, UDP payload bytes */
    uint32_t duration_ms;
    uint32_t burst;       /* datagrams per wake-up of a paced stream */
    uint32_t run;         /* datagrams of one flow in a row */
    uint32_t bogus;       /* wrong leases per second */
    uint32_t malformed;   /* datagrams in all */
    uint32_t churn;       /* sessions per second */
    uint32_t churn_total; /* or so many in all, as fast as they are taken; 0: none */
    uint32_t seed;        /* of what is random in floods */
    uint32_t cpu_of;      /* process whose CPU time is measured, 0: none */
    uint32_t max_loss_pct;
    uint32_t ports[WR_ROLES]; /* of the two sockets, 0: any */
    bool gso;                 /* send runs as one */
    bool gro_sink;            /* receive runs as one */
    bool latency;             /* measure it, by the kernel's receive timestamps */
    bool bare;                /* no leases: what is there forwards without */
    bool keep;                /* release nothing at the end */
    bool json;
    int family;
};

/* 0: go on. 1: --help was printed. 2: wrong usage, said so. */
int load_options_read(struct load_options *options, int argc, char **argv);

struct load_flow {
    struct wr_session_id session;
    uint64_t next_sequence[WR_ROLES];
    uint64_t highest; /* sequence that arrived at the server */
    uint8_t cookie[WR_ROLES][WR_COOKIE_BYTES];
    bool bound[WR_ROLES];
    bool has_cookie[WR_ROLES];
    int32_t slot; /* its peers while it is being set up, -1 for none */
};

struct load_results {
    uint64_t setup_ns;
    uint32_t flows_up;
    uint64_t sent, delivered, late; /* late: behind a higher sequence of the flow */
    uint64_t bytes_delivered;
    uint64_t unsent;    /* the pace asked for them, the generator was too slow */
    uint64_t stream_ns; /* from the first sending to the last */
    uint64_t cpu_ns;    /* of the process that was asked for */
    uint64_t bogus_sent, malformed_sent;
    uint64_t rejects[LOAD_REASONS];
    uint64_t acks;
    uint64_t stray; /* arrived and belongs to nothing */
    uint64_t churn_started, churn_ended, churn_failed;
    uint64_t keepalives;
};

struct load {
    const struct load_options *options;
    const struct probe_signer *signer;
    const char *relay_id;
    struct wr_address relay;
    bool spread; /* addresses of their own for all */
    struct load_socket sockets[WR_ROLES];
    struct load_socket flood;
    struct load_flow *flows;
    uint64_t run_id; /* in every session id of this run */
    struct load_histogram latency;
    struct load_results results;
    struct load_slots *slots;
    uint32_t keepalive_next; /* flow */
    wr_instant keepalive_ns;
};

/* Everything from names to releases. False, with `error`, where it could not be done. */
bool load_run(const struct load_options *options, const struct probe_signer *signer,
              struct load_results *results, struct load_histogram *latency,
              struct probe_error *error);

void load_print(const struct load_options *options, const struct load_results *results,
                const struct load_histogram *latency);

/* ---- load_sessions.c: sessions set up by real peers -------------------------------------------
 */

/* All flows, bound. */
bool load_set_up(struct load *load, struct probe_error *error);
/* Sessions that come and go: so many more begin now, all are served. */
void load_churn(struct load *load, wr_instant now, uint32_t begin);
/* How many more a relay can take at once without dropping any. */
uint32_t load_churn_room(const struct load *load);
/* An answer of the relay's for a session that has peers. False where it has none. */
bool load_session_heard(struct load *load, enum wr_role role, const uint8_t *bytes, uint32_t size);
/* Gives all flows back. */
void load_release(struct load *load);
void load_slots_free(struct load *load);

/* ---- load_stream.c: the measured stream -------------------------------------------------------
 */

/* Sends so many datagrams, in runs, flow after flow. */
void load_stream_send(struct load *load, uint32_t count);
/* Takes everything that has arrived at either socket. Returns how many datagrams. */
uint32_t load_drain(struct load *load);
/* One datagram from each end of each flow every 10 s, so that none is taken for dead. */
void load_keep_alive(struct load *load, wr_instant now);

/* ---- load_flood.c -----------------------------------------------------------------------------
 */

bool load_flood_open(struct load *load, struct probe_error *error);
/* Leases that only their signature tells from good ones, each from another session and source. */
void load_flood_bogus(struct load *load, uint32_t count);
/* Datagrams that are wrong in every way there is. */
void load_flood_malformed(struct load *load, uint32_t count);

/* ---- Addresses --------------------------------------------------------------------------------
 */

#define LOAD_CLIENTS   0x7f100000u /* 127.16.0.0 */
#define LOAD_SERVERS   0x7f200000u
#define LOAD_GARBAGE   0x7f300000u
#define LOAD_BOGUS     0x7f400000u
#define LOAD_CHURN     0x7f800000u /* clients; servers 2^20 above */
#define LOAD_PER_RANGE 0x00100000u

#endif
