/*
 * What world_scenario.c and world_timeline.c share: what an input says, and the writer of JSON.
 */
#ifndef FUZZ_WORLD_PLAN_H
#define FUZZ_WORLD_PLAN_H

#include "actions.h"

#define WORLD_SESSIONS    3
#define WORLD_PEERS       6 /* session i: client 2i, server 2i + 1 */
#define WORLD_NATS        3
#define WORLD_LINKS       3
#define WORLD_ATTACKERS   2
#define WORLD_MEMBERS_MAX 16
#define WORLD_ACTIONS_MAX 64

typedef uint8_t
    world_chosen[WORLD_MEMBERS_MAX]; /* by member: 0 where nothing was said, else choice + 1 */

struct world_plan {
    world_chosen run, links[WORLD_LINKS], nats[WORLD_NATS], options, relay, master,
        peers[WORLD_PEERS], sessions[WORLD_SESSIONS], leases[WORLD_SESSIONS],
        attackers[WORLD_ATTACKERS];
    bool has_session[WORLD_SESSIONS], has_attacker[WORLD_ATTACKERS];
    struct world_doing {
        uint8_t kind;
        uint32_t at_ms;
        uint8_t peer, other, session, role, nat, link, key, span, choice, more;
    } doings[WORLD_ACTIONS_MAX];
    uint32_t doing_count;
    bool harsh;
};

struct world_writer {
    char *at, *end;
    bool first; /* nothing stands in the object under way */
};

void world_put(struct world_writer *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline bool world_has_peer(const struct world_plan *plan, uint32_t peer)
{
    return plan->has_session[peer / 2];
}

/* The NAT that a peer is behind, -1 for none. */
int world_nat_of(const struct world_plan *plan, uint32_t peer);

/* The session that an attacker watches: one that there is. */
uint32_t world_watched_by(const struct world_plan *plan, uint32_t attacker);

/* How long the run is. */
uint32_t world_duration_ms(const struct world_plan *plan);

/* ---- Timeline (world_timeline.c) ------------------------------------------------------------- */

/* One record of what happens. */
void world_read_doing(struct world_plan *plan, struct fuzz_action *record);

/* The timeline's entries, those whose things are there and whose moment lies within the run. */
void world_put_doings(struct world_writer *out, const struct world_plan *plan);

#endif
