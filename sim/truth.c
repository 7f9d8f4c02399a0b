#include "truth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_KEPT 8 /* a peer's own sessions, the newest ones */
#define NAME_BYTES    48

struct held {
    struct wr_session_id session;
    enum wr_role role;
    wr_instant until_ns;
};

struct peer {
    char name[NAME_BYTES];
    struct held held[SESSIONS_KEPT]; /* a ring; the newest is at `held_count - 1` */
    uint32_t held_count;
    bool demands, told;
    wr_instant demands_since_ns;
    wr_instant served_ns;
    bool was_served;
    bool outcome_known;
    enum wr_outcome last_outcome;
    wr_instant last_outcome_ns;
    uint64_t strange;
};

struct sim_truth {
    uint64_t served_within_ns;
    struct peer *peers;
    uint32_t count, capacity;
    uint32_t faults;
    wr_instant healed_ns;
    uint64_t strangers;
};

struct sim_truth *sim_truth_create(uint64_t served_within_ns)
{
    struct sim_truth *truth = calloc(1, sizeof *truth);
    if (truth != NULL)
        truth->served_within_ns = served_within_ns;
    return truth;
}

void sim_truth_destroy(struct sim_truth *truth)
{
    if (truth != NULL)
        free(truth->peers);
    free(truth);
}

static struct peer *peer_of(struct sim_truth *truth, uint32_t number)
{
    while (number >= truth->capacity) {
        uint32_t capacity = truth->capacity > 0 ? truth->capacity * 2 : 16;
        struct peer *peers = realloc(truth->peers, capacity * sizeof *peers);
        if (peers == NULL)
            abort();
        memset(peers + truth->capacity, 0, (capacity - truth->capacity) * sizeof *peers);
        truth->peers = peers;
        truth->capacity = capacity;
    }
    if (number >= truth->count)
        truth->count = number + 1;
    return &truth->peers[number];
}

void sim_truth_peer(struct sim_truth *truth, uint32_t peer, const char *name)
{
    snprintf(peer_of(truth, peer)->name, NAME_BYTES, "%s", name);
}

static struct held *newest(struct peer *peer)
{
    return peer->held_count > 0 ? &peer->held[(peer->held_count - 1) % SESSIONS_KEPT] : NULL;
}

void sim_truth_lease(struct sim_truth *truth, wr_instant now_ns, uint32_t number,
                     const struct wr_session_id *session, enum wr_role role, wr_instant until_ns)
{
    struct peer *peer = peer_of(truth, number);
    struct held *held = newest(peer);
    if (held == NULL || memcmp(&held->session, session, sizeof *session) != 0) {
        held = &peer->held[peer->held_count++ % SESSIONS_KEPT];
        held->session = *session;
        peer->demands_since_ns = now_ns; /* a new session takes its time to begin */
    } else if (held->until_ns <= now_ns) {
        peer->demands_since_ns = now_ns;
    }
    held->role = role;
    held->until_ns = until_ns;
}

void sim_truth_demand(struct sim_truth *truth, wr_instant now_ns, uint32_t number, bool demands)
{
    struct peer *peer = peer_of(truth, number);
    if (demands && !peer->demands)
        peer->demands_since_ns = now_ns;
    peer->demands = demands;
}

void sim_truth_fault_begins(struct sim_truth *truth, wr_instant now_ns)
{
    (void)now_ns;
    truth->faults++;
}

void sim_truth_fault_ends(struct sim_truth *truth, wr_instant now_ns)
{
    if (truth->faults > 0)
        truth->faults--;
    truth->healed_ns = now_ns;
}

void sim_truth_outcome(struct sim_truth *truth, wr_instant now_ns, uint32_t number,
                       enum wr_outcome outcome)
{
    struct peer *peer = peer_of(truth, number);
    peer->outcome_known = true;
    peer->last_outcome = outcome;
    peer->last_outcome_ns = now_ns;
}

bool sim_truth_delivered(struct sim_truth *truth, wr_instant now_ns, uint32_t number,
                         const struct wr_session_id *session, uint32_t size)
{
    struct peer *peer = peer_of(truth, number);
    (void)size;
    for (uint32_t i = 0; i < SESSIONS_KEPT && i < peer->held_count; i++) {
        if (memcmp(&peer->held[i].session, session, sizeof *session) != 0)
            continue;
        if (&peer->held[i] == newest(peer)) {
            peer->served_ns = now_ns;
            peer->was_served = true;
            peer->told = false;
        }
        return true;
    }
    peer->strange++;
    truth->strangers++;
    return false;
}

/* Since when this peer should have been served and was not; WR_NEVER where nothing is amiss. */
static wr_instant unserved_since(const struct sim_truth *truth, struct peer *peer,
                                 wr_instant now_ns)
{
    const struct held *held = newest(peer);
    if (truth->faults > 0 || !peer->demands || held == NULL || held->until_ns <= now_ns)
        return WR_NEVER;
    wr_instant since = peer->demands_since_ns;
    if (peer->was_served && peer->served_ns > since)
        since = peer->served_ns;
    wr_instant from = truth->healed_ns > since ? truth->healed_ns : since;
    return wr_elapsed(from, now_ns) > truth->served_within_ns ? since : WR_NEVER;
}

uint32_t sim_truth_stuck(struct sim_truth *truth, wr_instant now_ns, void *context,
                         void (*each)(void *context, const struct sim_stuck *stuck))
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < truth->count; i++) {
        struct peer *peer = &truth->peers[i];
        wr_instant since = unserved_since(truth, peer, now_ns);
        if (since == WR_NEVER)
            continue;
        count++;
        if (peer->told)
            continue;
        peer->told = true;
        const struct sim_stuck stuck = {.peer = i,
                                        .name = peer->name,
                                        .session = newest(peer)->session,
                                        .role = newest(peer)->role,
                                        .since_ns = since,
                                        .outcome_known = peer->outcome_known,
                                        .last_outcome = peer->last_outcome,
                                        .last_outcome_ns = peer->last_outcome_ns};
        each(context, &stuck);
    }
    return count;
}

char *sim_stuck_format(const struct sim_stuck *stuck, char *text, size_t bytes)
{
    char session[2 * 16 + 5];
    int at = 0;
    for (int i = 0; i < 16; i++)
        at += snprintf(session + at, sizeof session - (size_t)at,
                       i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
                       stuck->session.bytes[i]);
    at = snprintf(text, bytes,
                  "%s (peer %" PRIu32 ", %s of session %s) holds a valid lease, all faults have "
                  "healed, and nothing has reached it since %" PRIu64 " ms; ",
                  stuck->name, stuck->peer, stuck->role == WR_ROLE_SERVER ? "server" : "client",
                  session, stuck->since_ns / WR_MS);
    if (at < 0 || (size_t)at >= bytes)
        return text;
    if (stuck->outcome_known)
        snprintf(text + at, bytes - (size_t)at,
                 "the last of its own datagrams at the relay, at %" PRIu64 " ms, was %s",
                 stuck->last_outcome_ns / WR_MS, wr_outcome_name(stuck->last_outcome));
    else
        snprintf(text + at, bytes - (size_t)at, "none of its own datagrams reached the relay");
    return text;
}

uint64_t sim_truth_strangers(const struct sim_truth *truth)
{
    return truth->strangers;
}

uint64_t sim_truth_strangers_of(const struct sim_truth *truth, uint32_t peer)
{
    return peer < truth->count ? truth->peers[peer].strange : 0;
}
