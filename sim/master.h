/*
 * A simulated master: it signs real leases, answers relays, keeps their states, rotates and loses
 * keys, fails and recovers. It owns its keys, its list of relays and the limits per user; it
 * declines to know the network: the world carries requests here and answers back, after the delay
 * that each answer names.
 *
 * Keys, relays and identities are named as in the scenario: keys[] and relays[] by index.
 */
#ifndef SIM_MASTER_H
#define SIM_MASTER_H

#include "scenario.h"

#include <wavry/master.h>

#define SIM_MASTER_QUARANTINE_NS (120 * WR_S) /* a relay unseen for so long is not assigned */
#define SIM_MASTER_FORGET_NS     (600 * WR_S) /* and then not known any more */

struct sim_master;

/* `scenario` and its strings are borrowed for the master's life; `index` is its place in
 * scenario->masters. NULL where memory is short. */
struct sim_master *sim_master_create(const struct sim_scenario *scenario, uint32_t index,
                                     uint64_t seed);
void sim_master_destroy(struct sim_master *master);

/* ---- Relays ---------------------------------------------------------------------------------- */

/* What becomes of a relay's request: `answer` reaches it `delay_ns` later, or never where
 * `answered` is false (the link to the master gives up by itself). */
struct sim_master_reply {
    bool answered;
    uint64_t delay_ns;
    struct wr_master_answer answer;
};
struct sim_master_reply sim_master_request(struct sim_master *master, wr_instant now,
                                           uint32_t relay, const struct wr_master_request *request);

/* Section 8: only the first four are assigned. */
enum sim_relay_standing {
    SIM_STANDING_UNKNOWN, /* never registered, or forgotten */
    SIM_STANDING_NEW,     /* registered, no heartbeat yet */
    SIM_STANDING_ACTIVE,
    SIM_STANDING_PROBATION, /* load of 85 % or more */
    SIM_STANDING_DEGRADED,  /* 95 % or more: at less weight, but assigned */
    SIM_STANDING_QUARANTINED,
};
const char *sim_relay_standing_name(enum sim_relay_standing standing);
enum sim_relay_standing sim_master_standing(const struct sim_master *master, wr_instant now,
                                            uint32_t relay);
bool sim_master_assigns(enum sim_relay_standing standing);

/* ---- Leases ---------------------------------------------------------------------------------- */

struct sim_lease_request {
    const char *identity;
    const struct wr_session_id *session;
    enum wr_role role;
    uint32_t relay;                    /* relays[]: the one that the session uses */
    bool relay_must_be_known;          /* refuse where the relay is not assigned at the moment */
    const struct sim_lease_spec *spec; /* what differs from an honest lease */
    bool first;                        /* the first lease of this peer in this session */
    uint64_t wall_unix_ms;             /* by the master's clock */
};

enum sim_lease_result {
    SIM_LEASE_GRANTED,
    SIM_LEASE_LIMITED,     /* too many of this identity within a minute */
    SIM_LEASE_NO_RELAY,    /* the relay is not assigned */
    SIM_LEASE_FAILED,      /* the master fails */
    SIM_LEASE_NOT_ANSWERED /* the master hangs */
};
const char *sim_lease_result_name(enum sim_lease_result result);

struct sim_lease_reply {
    enum sim_lease_result result;
    uint64_t delay_ns;    /* of the answer */
    uint64_t lifetime_ns; /* from now to the expiry, by the master's clock; 0 where that is past */
    uint64_t issued_unix_ms;
    uint64_t expires_unix_ms;
    uint32_t token_bytes;
    uint8_t token[WR_DATAGRAM_BYTES_MAX]; /* not terminated */
};

/* Signs a lease (24 us of real time). `spec` counts in full where its scope is ALL, or for a first
 * lease; otherwise only its ttl and limits count. Any ttl is granted: a scenario that asks for more
 * than the real master's 3600 s, or less than its 60 s, wants that. */
void sim_master_lease(struct sim_master *master, wr_instant now,
                      const struct sim_lease_request *request, struct sim_lease_reply *reply);

/* ---- What a scenario does to it -------------------------------------------------------------- */

void sim_master_fail(struct sim_master *master, enum sim_master_mode mode, uint32_t wrong_key);
void sim_master_recover(struct sim_master *master);
bool sim_master_fails(const struct sim_master *master);
void sim_master_sign_with(struct sim_master *master, uint32_t key);
void sim_master_publish(struct sim_master *master, uint32_t key);
void sim_master_set_delay(struct sim_master *master, uint64_t answer_delay_ns);

/* One relay: its next heartbeat is answered 404. */
void sim_master_forget(struct sim_master *master, uint32_t relay);

/* It comes back from a restart: relays and limits are forgotten, its keys are as they were. A
 * master without a provisioned key comes back with sim_master_sign_with and _publish. */
void sim_master_restart(struct sim_master *master);

#endif
