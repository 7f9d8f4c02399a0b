/*
 * The smallest world that has a relay and its oracles: a clock moved by hand, addresses, leases
 * minted for them, and every datagram in and out told to the oracles as a simulator would. Knows
 * nothing of links or NATs: what is sent arrives nowhere, unless a test takes it.
 */
#ifndef ORACLE_WORLD_H
#define ORACLE_WORLD_H

#include "oracle.h"

#include "mint.h"

#define WORLD_START_UNIX_MS UINT64_C(1795000000000)
#define WORLD_SENT_MAX      64

struct world_sent {
    struct wr_address to;
    uint32_t size;
    uint64_t cause;
    uint8_t bytes[1504];
};

struct world {
    struct wr_relay *relay;
    struct sim_oracle *oracle;
    struct sim_truth *truth;
    struct wr_relay_config config;
    struct wr_address listen;
    wr_instant now;
    int64_t wall_step_ms;
    uint64_t start_unix_ms;
    uint64_t verify_ns; /* how long one verification takes */
    uint64_t next_tag, entropy;
    struct wr_verification pending[WR_VERIFICATIONS_OUT + 1];
    wr_instant pending_ends[WR_VERIFICATIONS_OUT + 1];
    uint32_t pending_count;
    enum wr_outcome last_outcome;
    struct world_sent sent[WORLD_SENT_MAX]; /* the last ones, a ring */
    uint64_t sent_count;
    uint8_t public_key[WR_PUBLIC_KEY_BYTES], secret_key[WR_SECRET_KEY_BYTES];
    bool tolerant; /* else a violation fails the test at once */
};

/* A world with default options, `verify_rate` 100000 and the key "k1" in the ring. */
void world_start(struct world *world);
/* The same in two steps, for tests that set options in between. */
void world_prepare(struct world *world);
void world_open(struct world *world);
void world_open_without_key(struct world *world);
void world_end(struct world *world);

/* Passes time: everything that is due until then is done at its moment. */
void world_until(struct world *world, wr_instant at_ns);
void world_pass(struct world *world, uint64_t span_ns);

/* A datagram arrives now, as it is or with the next tag, which is returned. */
void world_deliver(struct world *world, const struct wr_datagram *datagram);
uint64_t world_receive(struct world *world, const char *from, const uint8_t *bytes, uint32_t size);

/* Control entries. */
void world_key(struct world *world, const char *kid, const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);
void world_revoke(struct world *world, const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);
void world_ban(struct world *world, const char *sub);
void world_unban(struct world *world, const char *sub);
void world_drain(struct world *world);
void world_snapshot(struct world *world);

/* ---- Datagrams ------------------------------------------------------------------------------- */

/* Session number `n` of a test. */
struct wr_session_id world_session(unsigned n);

/* Presents the lease of "alice" (client) or "bob" (server), good for 900 s, from there. */
uint64_t world_present(struct world *world, const char *from, unsigned session, enum wr_role role);
/* A FORWARD of 32 bytes. */
uint64_t world_forward(struct world *world, const char *from, unsigned session, uint64_t sequence);

/* Client at 203.0.113.5:5000 and server at 192.0.2.77:6000 of session 1, both accepted, and one
 * FORWARD each way. */
#define CLIENT "203.0.113.5:5000"
#define SERVER "192.0.2.77:6000"
void world_pair(struct world *world);

#endif
