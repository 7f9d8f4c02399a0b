/*
 * Some workers on loopback sockets, and peers in the place of clients. Owns the global `stage` (a
 * test is a process of its own); waits for what happens, with a deadline that only a broken program
 * meets.
 */
#ifndef WORKER_STAGE_H
#define WORKER_STAGE_H

#include "mint.h"
#include "worker.h"

#include <semaphore.h>
#include <stdatomic.h>

#define STAGE_RELAY_ID      "relay-a"
#define STAGE_DEADLINE_SECS 20

struct stage {
    struct rd_options options; /* a test may change them before stage_open */
    struct rd_worker_group group;
    uint8_t public_key[WR_PUBLIC_KEY_BYTES];
    uint8_t secret_key[WR_SECRET_KEY_BYTES];
    _Atomic uint32_t drained;
    sem_t key_wanted;
    _Atomic bool verifier_stands; /* from its next result on, until stage_close */
    sem_t verifier_goes_on;
};
extern struct stage stage;

/* One worker, defaults, the stage's key under the kid "k" known to nobody yet. */
void stage_prepare(void);
/* Opens sockets and starts `workers` of them, with the key unless `without_key`. */
void stage_open(uint32_t workers, bool without_key);
void stage_close(void);
void stage_pin(void);

/* A session id that belongs to `worker`; another one for each `number`. */
struct wr_session_id stage_session(uint32_t worker, uint32_t number);

struct peer {
    int fd;
    struct wr_session_id session;
    enum wr_role role;
    uint8_t last[2048]; /* what it received last */
    size_t last_bytes;
};
struct peer stage_peer(struct wr_session_id session, enum wr_role role);
void peer_close(struct peer *peer);
void peer_send(const struct peer *peer, const void *bytes, size_t size);
/* The next datagram for it; fails the test where none comes. */
void peer_receive(struct peer *peer);
/* True where there is nothing for it now. */
bool peer_has_nothing(const struct peer *peer);
/* Sends a lease for `sub` (NULL: a name of its own). */
void peer_present(const struct peer *peer, const char *sub);
/* A lease as the real one, but signed by nobody; each one with another signature. Answers, if any,
 * are left where they are. */
void peer_present_bogus(const struct peer *peer);
/* Presents, and expects an ACK. */
void peer_join(struct peer *peer);
/* Presents, and expects a reject for this reason. */
void peer_refused(struct peer *peer, const char *sub, uint16_t reason);
/* A FORWARD with sequence and 16 bytes behind it; how long it is. */
size_t forward_of(const struct peer *peer, uint64_t sequence, uint8_t out[64]);
void peer_forward(const struct peer *peer, uint64_t sequence);
/* Expects exactly that FORWARD of the other. */
void peer_expect_forward(struct peer *peer, uint64_t sequence);
/* Both peers of a session, joined. */
void stage_pair(struct wr_session_id session, struct peer pair[WR_ROLES]);

struct rd_worker_snapshot stage_snapshot(void);
/* Asks again and again until the counter that `read` names is at least so high. */
void stage_wait(uint64_t (*read)(const struct rd_worker_snapshot *snapshot), uint64_t at_least);

#endif
