/*
 * An attacker: what it sends, when, and from which address it says it comes. It knows what someone
 * in its place could: its own address, the target, what it saw on the path of the session it
 * watches, what arrived at its addresses. It declines to know how a datagram travels; it never
 * breaks a signature.
 */
#ifndef SIM_ATTACKER_H
#define SIM_ATTACKER_H

#include "scenario_timeline.h"

struct sim_attacker;

/* What an attacker needs of the world. No function may call back into the attacker. */
struct sim_attacker_environment {
    void *context;
    /* One datagram with `from` as its source, its own or spoofed. `bytes` is borrowed. */
    void (*send)(void *context, const struct wr_address *from, const uint8_t *bytes, uint32_t size);
    /* A lease that the master really signed, for this session (SIM_TOKEN_VALID). Returns the
     * token's bytes, 0 where there is none to be had now. */
    uint32_t (*valid_token)(void *context, const struct wr_session_id *session, uint8_t *out,
                            uint32_t capacity);
    /* The address from which the relay now hears spec->victim (REFLECTION). */
    struct wr_address (*victim_address)(void *context);
};

/* What it knows of its target from the beginning. */
struct sim_attacker_target {
    const char *relay_id;
    const char *kid;              /* of the master's current key: for FORGED tokens */
    struct wr_session_id session; /* of spec->session; nil where there is none */
    uint64_t wall_unix_ms;        /* now, for the claims it invents */
};

/* `spec` and the target's strings are borrowed for the attacker's life. It begins by itself at
 * spec->start_ns, unless that is WR_NEVER. NULL where memory is short. */
struct sim_attacker *sim_attacker_create(const struct sim_attacker_spec *spec,
                                         const struct sim_attacker_target *target,
                                         const struct sim_attacker_environment *environment,
                                         uint64_t seed);
void sim_attacker_destroy(struct sim_attacker *attacker);

/* SIM_DO_ATTACK_START and _STOP. `until_ns` WR_NEVER: until stopped. */
void sim_attacker_start(struct sim_attacker *attacker, wr_instant now, wr_instant until_ns);
void sim_attacker_stop(struct sim_attacker *attacker);

wr_instant sim_attacker_next_deadline(const struct sim_attacker *attacker);
void sim_attacker_on_deadline(struct sim_attacker *attacker, wr_instant now);

/* A datagram of the watched session passes: from the peer in `role` on its way to the relay, with
 * the source address that the relay will see. Returns how long the original is held back (a copy
 * that overtakes it), 0 for not at all. */
uint64_t sim_attacker_saw(struct sim_attacker *attacker, wr_instant now, enum wr_role role,
                          const struct wr_address *from, const uint8_t *bytes, uint32_t size);

/* A datagram of the relay arrives at `to`, one of the attacker's own addresses. */
void sim_attacker_receive(struct sim_attacker *attacker, wr_instant now,
                          const struct wr_address *to, const uint8_t *bytes, uint32_t size);

/* SIM_DO_COPY: copies what it saw, or will see next, as the action says. */
void sim_attacker_copy(struct sim_attacker *attacker, wr_instant now,
                       const struct sim_action *action);

/* True where `address` is one of those it owns: spec->address and, for attacks from sources of its
 * own, those that count up from it. */
bool sim_attacker_owns(const struct sim_attacker *attacker, const struct wr_address *address);
bool sim_attacker_spec_owns(const struct sim_attacker_spec *spec, const struct wr_address *address);

struct sim_attacker_counts {
    uint64_t sent;
    uint64_t seen;
    uint64_t received;          /* everything that came to its addresses */
    uint64_t forwards_received; /* of these: somebody's payload */
    uint64_t cookies_echoed;
};
const struct sim_attacker_counts *sim_attacker_counts(const struct sim_attacker *attacker);

#endif
