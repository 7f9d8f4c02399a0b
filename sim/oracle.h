/*
 * The oracles: always-on judges of one relay in a simulated run. They see what goes into the core
 * (datagrams, control events, verification results), what comes out (sends, observer events,
 * snapshots), keep their own naive model of sessions and leases, and say in plain words where the
 * two part. They share no code with the core's parsers and decide nothing: a run with oracles and
 * one without are the same run.
 *
 * Section numbers are those of docs/protocol.md. Nothing here is thread-safe.
 *
 * Every entry into the core is bracketed:
 *
 *     sim_oracle_enter(oracle, now, wall);
 *     sim_oracle_arrive(oracle, datagrams, senders, count);  or _verified, _key_add, _ban, ...
 *     wr_relay_receive(relay, datagrams, count);             or wr_relay_verified, ...
 *         the environment's send     -> sim_oracle_sent
 *         the environment's verify   -> sim_oracle_verification
 *         the environment's observe  -> sim_oracle_observed
 *     sim_oracle_leave(oracle, wr_relay_next_deadline(relay));
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include <wavry/relay.h>

#include "truth.h"

/* ---- Violations ------------------------------------------------------------------------------ */

/* One per promise of the protocol; each has a test with a broken core that it catches. */
#define SIM_ORACLES(X)                                                                             \
    X(MODEL, "model", "sessions, roles, addresses and leases change only as section 3 allows")     \
    X(LEASES, "leases", "nothing is forwarded without two valid leases, or to a stale receiver")   \
    X(RECIPIENT, "recipient", "a datagram goes to its session's other peer and to nobody else")    \
    X(BYTES, "bytes", "what is forwarded is one received datagram, byte for byte")                 \
    X(REPLAY, "replay", "no sequence passes more often than section 3 allows")                     \
    X(COUNTING, "counting", "outcomes, verdicts and upstream's counters add up (section 7)")       \
    X(REFLECTION, "reflection", "nobody is made a target: sizes, rates, addresses (section 5)")    \
    X(MEMORY, "memory", "tables and queues stay within the room that the protocol gives them")     \
    X(LIMIT, "limit", "no session is forwarded more than its hard limit allows (section 5)")       \
    X(DEADLINES, "deadlines", "what ends ends at its deadline, and the next one lies ahead")       \
    X(LIVENESS, "liveness", "who holds a valid lease is served once all faults have healed")       \
    X(ORDER, "order", "a sender's packets leave in order, bare RIFT by its rules (section 1)")

#define SIM_ENUM_ORACLE(name, text, promise) SIM_ORACLE_##name,
enum sim_oracle_name { SIM_ORACLES(SIM_ENUM_ORACLE) SIM_ORACLE_COUNT };

/* "model", "leases", ... and the promise as a sentence. */
const char *sim_oracle_name(enum sim_oracle_name name);
const char *sim_oracle_promise(enum sim_oracle_name name);

#define SIM_VIOLATION_TEXT_BYTES 512

struct sim_violation {
    enum sim_oracle_name oracle;
    wr_instant at_ns;
    uint64_t tag; /* the datagram concerned, 0 for none */
    /* "section 3, Moving a peer: ...rule...; seen ...; expected ..." */
    char text[SIM_VIOLATION_TEXT_BYTES];
};

/* ---- Making one ------------------------------------------------------------------------------ */

struct sim_oracle;

struct sim_oracle_config {
    const struct wr_relay_config *relay; /* copied, with the strings it points to */
    const char *name;                    /* of the relay in reports; copied; NULL for none */
    struct sim_truth *truth;             /* shared by all relays of a world; NULL for none */
    void *context;
    /* Called at each violation, in order, from inside the call that revealed it. May be NULL. */
    void (*violated)(void *context, const struct sim_violation *violation);
};

/* NULL where memory is short. `truth`, where given, outlives the oracle. */
struct sim_oracle *sim_oracle_create(const struct sim_oracle_config *config);
void sim_oracle_destroy(struct sim_oracle *oracle);

/* The relay process died: model, keys and counts start anew (bans and revocations too: the world
 * tells those of the new process again). Deliveries already under way are still judged. */
void sim_oracle_restart(struct sim_oracle *oracle);

/* ---- The bracket around each entry ----------------------------------------------------------- */

/* The core is about to be entered at `now_ns`, where its wall clock shows `wall_unix_ms`. */
void sim_oracle_enter(struct sim_oracle *oracle, wr_instant now_ns, uint64_t wall_unix_ms);

/* The core has returned; `next_deadline_ns` is what wr_relay_next_deadline says now. */
void sim_oracle_leave(struct sim_oracle *oracle, wr_instant next_deadline_ns);

/* ---- Inside: what goes in ----------------------------------------------------------------------
 */

/* Datagrams handed to wr_relay_receive, in their order. Tags are not 0, and no two datagrams of a
 * run have the same. `senders` names who truly sent each (SIM_TRUTH_NOBODY where nobody known), or
 * is NULL. The bytes are copied, so that a core that writes into them is found out. */
void sim_oracle_arrive(struct sim_oracle *oracle, const struct wr_datagram *datagrams,
                       const uint32_t *senders, size_t count);

/* wr_relay_on_deadline is about to be called. */
void sim_oracle_deadline(struct sim_oracle *oracle);

/* wr_relay_verified is about to be called. The result must be the truth (libsodium's). */
void sim_oracle_verified(struct sim_oracle *oracle, uint32_t id, int key_index);

/* The control entries of the same names are about to be called. */
void sim_oracle_key_add(struct sim_oracle *oracle, const char *kid,
                        const uint8_t public_key[WR_PUBLIC_KEY_BYTES],
                        enum wr_key_standing standing);
void sim_oracle_key_revoke(struct sim_oracle *oracle,
                           const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);
void sim_oracle_key_retire(struct sim_oracle *oracle,
                           const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);
void sim_oracle_ban(struct sim_oracle *oracle, const char *sub, size_t sub_bytes);
void sim_oracle_unban(struct sim_oracle *oracle, const char *sub, size_t sub_bytes);
void sim_oracle_drain(struct sim_oracle *oracle);
void sim_oracle_backpressure(struct sim_oracle *oracle, uint64_t datagrams);
/* Of limits that the relay takes: what it is born with stays, here as there. */
void sim_oracle_set_limits(struct sim_oracle *oracle, const struct wr_relay_config *config);

/* ---- Inside: what comes out ------------------------------------------------------------------ */

void sim_oracle_sent(struct sim_oracle *oracle, const struct wr_output *output);
void sim_oracle_verification(struct sim_oracle *oracle, const struct wr_verification *verification);
void sim_oracle_observed(struct sim_oracle *oracle, const struct wr_event *event);

/* ---- Between entries ------------------------------------------------------------------------- */

/* At intervals of the world's choice, and at the end. */
void sim_oracle_snapshot(struct sim_oracle *oracle, wr_instant now_ns,
                         const struct wr_snapshot *snapshot);

/* A datagram that this relay sent, because of datagram `cause`, has reached the host of `peer`:
 * the one that truly has the address at this moment. Counted in the truth (strangers, service). */
void sim_oracle_delivered(struct sim_oracle *oracle, wr_instant now_ns, uint32_t peer,
                          uint64_t cause, const uint8_t *bytes, uint32_t size);

/* Asks the truth who is stuck and says so (oracle "liveness"). At intervals of the world's choice
 * and at the end, by one oracle of the world. */
void sim_oracle_liveness(struct sim_oracle *oracle, wr_instant now_ns);

/* ---- Results -----------------------------------------------------------------------------------
 */

/* Violations so far, in all or of one oracle. */
uint64_t sim_oracle_violations(const struct sim_oracle *oracle);
uint64_t sim_oracle_violations_of(const struct sim_oracle *oracle, enum sim_oracle_name name);

/* The first SIM_VIOLATIONS_KEPT are kept; NULL beyond them. */
#define SIM_VIOLATIONS_KEPT 64
const struct sim_violation *sim_oracle_violation(const struct sim_oracle *oracle, uint64_t index);

/* How often each oracle had something to judge: one that judged nothing has shown nothing. */
uint64_t sim_oracle_judged(const struct sim_oracle *oracle, enum sim_oracle_name name);

#endif
