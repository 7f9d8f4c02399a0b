/*
 * The small world of the target `relay`: one relay core, its oracles, a clock that inputs move, a
 * verifier, and what an outsider could know of past datagrams (cookies given out, packets to copy).
 * Every entry is told to the oracles, and a violation ends the run. Nothing stays from one input to
 * the next but the memory that a relay is made in.
 */
#ifndef FUZZ_RELAY_WORLD_H
#define FUZZ_RELAY_WORLD_H

#include "support.h"

#include <oracle_judge.h>
#include <wavry/relay.h>

#define RELAY_ADDRESSES 16
#define RELAY_COPIES    4 /* datagrams of an address that are remembered */
#define RELAY_BATCH     16
#define RELAY_ROOM      1600 /* for a datagram, too long ones too */
#define RELAY_VIAS      5
#define RELAY_LINES     8192 /* more than an input comes to */
#define RELAY_BANNED    5    /* identities that there are: RELAY_SUBS */
#define RELAY_TIME_MAX  (30 * UINT64_C(86400) * WR_S)

/* Datagrams that one input may send: a bound on its time, not on what it means. */
#define RELAY_DATAGRAMS_MAX 4096

struct relay_packet {
    uint32_t size;
    uint32_t cookie_at;   /* 0: none in it */
    uint64_t cookie_line; /* of the datagram whose answer gave it, 0: made up */
    bool elsewhere;       /* wr_datagram.bound_elsewhere */
    uint8_t bytes[RELAY_ROOM];
};

struct relay_world {
    struct wr_relay *relay;
    struct sim_oracle *oracle;
    struct wr_environment environment;
    struct wr_relay_config config; /* as it is now */
    uint32_t created_sessions;     /* max_sessions at creation */
    wr_instant now;
    int64_t wall_step_ms;
    uint64_t verify_ns; /* how long one verification takes; one runs at a time */
    struct wr_verification pending[WR_VERIFICATIONS_OUT];
    wr_instant pending_ends[WR_VERIFICATIONS_OUT];
    uint32_t pending_count;
    uint64_t line; /* of the last line of the trace, and the tag of a datagram */
    uint8_t via; /* the local end that datagrams come to now: an answer from another one is seen */
    uint8_t vias[RELAY_LINES]; /* that datagrams came to, by line */
    uint64_t entropy, datagrams, refreshes;

    struct {
        uint64_t line; /* 0: none was given */
        uint8_t bytes[WR_COOKIE_BYTES];
    } cookies[RELAY_ADDRESSES][8]; /* the newest given there, by session */
    uint32_t copies_made[RELAY_ADDRESSES];
    enum wr_bound told[RELAY_ADDRESSES];
    bool banned[RELAY_BANNED];
    uint32_t bans;

    struct wr_datagram batch[RELAY_BATCH];
    uint32_t batch_count;

    /* for coverage and explanations: what the last entry came to */
    enum wr_outcome outcome;
    enum wr_verdict verdict;
    bool has_outcome, has_verdict;
    const char *last_word; /* the last outcome or verdict of all, NULL for none */

    FILE *explain;            /* NULL: silent */
    FILE *trace;              /* NULL: none is written */
    const char *beyond_trace; /* what a trace cannot say, NULL so far */
};

/* The address with this number (modulo RELAY_ADDRESSES): clients, servers, and some that nobody may
 * answer. */
const struct wr_address *relay_address(uint32_t number);

/* A relay of this configuration, without a key. `explain` and `trace` may be NULL. */
void relay_world_open(struct relay_world *world, const struct wr_relay_config *config,
                      uint64_t verify_ns, FILE *explain, FILE *trace);
/* The first key is in the ring before anything happens. */
void relay_world_begin(struct relay_world *world);
void relay_world_close(struct relay_world *world);

/* From here on a trace would tell another story: `what` is missing in it. Says so at once, because
 * the input may end in a violation. */
void relay_world_beyond_trace(struct relay_world *world, const char *what);

/* Passes time: what is due until then happens at its moment. */
void relay_world_pass(struct relay_world *world, uint64_t span_ns);

/* A datagram arrives. With `joins` it is handed in together with the next one. */
void relay_world_receive(struct relay_world *world, uint32_t from,
                         const struct relay_packet *packet, bool joins);
/* Hands in what still waits for a next one. Every other entry does so first. */
void relay_world_flush(struct relay_world *world);

/* One of the last datagrams of that address, NULL where it sent none. */
const struct relay_packet *relay_world_copy(const struct relay_world *world, uint32_t from,
                                            uint32_t back);

/* One of the verifications that are out has its result now, before its turn; or all of them take
 * longer by that. */
void relay_world_verify_now(struct relay_world *world, uint32_t which);
void relay_world_verify_later(struct relay_world *world, uint64_t span_ns);

/* Around every entry that is no datagram and no deadline: what waits goes first, what is due
 * follows. Each is a line of the trace. */
void relay_world_begin_control(struct relay_world *world);
void relay_world_end_control(struct relay_world *world);

/* Control entries, told to the oracles (relay_control.c). */
void relay_world_key(struct relay_world *world, const char *kid, uint32_t key,
                     enum wr_key_standing standing);
void relay_world_retire(struct relay_world *world, uint32_t key);
void relay_world_revoke(struct relay_world *world, uint32_t key);
void relay_world_ban(struct relay_world *world, const char *sub);
void relay_world_unban(struct relay_world *world, const char *sub);
void relay_world_drain(struct relay_world *world);
void relay_world_backpressure(struct relay_world *world, uint64_t datagrams);
void relay_world_limits(struct relay_world *world, const struct wr_relay_config *config);
/* A configuration whose `member` is out of its range: everybody objects to it by that name, and
 * nothing changes. */
void relay_world_refused(struct relay_world *world, const struct wr_relay_config *config,
                         const char *member);
void relay_world_wall_step(struct relay_world *world, int64_t step_ms);

/* The oracles look at a snapshot, and what the relay said of bound addresses is compared with the
 * model. */
void relay_world_look(struct relay_world *world);

#endif
