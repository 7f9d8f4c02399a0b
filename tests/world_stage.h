/*
 * A stage for worlds: a small scenario as text, its run, and what the run showed.
 */
#ifndef WORLD_STAGE_H
#define WORLD_STAGE_H

#include "observation.h"

/* What one run showed. */
struct seen {
    struct sim_run_result result;
    uint64_t sent[WR_ROLES];
    uint64_t delivered[WR_ROLES];
    uint64_t first_ns[WR_ROLES];
    uint64_t last_ns[WR_ROLES];
    uint64_t longest_gap_ns[WR_ROLES];
    uint64_t shortest_ns;
    uint64_t longest_ns;
    uint64_t acks, rejects, strays, notes, datagrams, actions, samples;
    uint32_t last_reason;
    uint64_t requests[SIM_REQUEST_COUNT];
    uint64_t events[WR_EVENT_DRAINED + 1];
    uint64_t outcomes[WR_OUTCOME_COUNT];
    uint64_t verdicts[WR_VERDICT_COUNT];
    uint64_t of_unknown_sender;
    struct wr_snapshot end;
    uint32_t last_relay;
    bool end_running, end_ready, end_registered;
    char violation[512];
};
extern struct seen seen;

/* A scenario of two robust peers at 20 ms from one relay that talk from 1 s on, 50 datagrams a
 * second each way. `more` replaces or adds members; JSON with single quotes. */
void read_world(const char *members, const char *timeline);
void close_world(void);

#define TWO_PEERS                                                                                  \
    "'peers': {'alice': {'behaviour': 'robust', 'address': '192.0.2.1:5000', 'link': 'access'},"   \
    "'bob': {'behaviour': 'robust', 'address': '192.0.2.2:6000', 'link': 'access'}},"
#define A_CALL                                                                                     \
    "'sessions': {'call': {'client': 'alice', 'server': 'bob', 'start': '1s', 'traffic': {"        \
    "'client': {'profile': 'audio'}, 'server': {'profile': 'audio'}}}},"
#define A_RELAY "'relays': {'relay': {'address': '198.51.100.1:4000'}},"

/* Plays what was read, whatever the oracles say of it; play_seed expects that they are silent. */
struct sim_run_result judge_seed(uint64_t seed, bool watched);
struct sim_run_result play_seed(uint64_t seed, bool watched);

/* Two peers, a call and a relay. */
void play(const char *timeline);

#endif
