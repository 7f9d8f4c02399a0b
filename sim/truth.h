/*
 * The ground truth of a world, as the oracles need it: which peer really holds which session, who
 * wants to be served, which faults are active, and what was delivered to whom. One per world,
 * shared by its relays' oracles; it knows no relay. A relay cannot know these things, so what the
 * protocol leaves open shows here as a count (deliveries to strangers), which scenarios bound.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include <wavry/relay.h>

#define SIM_TRUTH_NOBODY UINT32_MAX

struct sim_truth;

/* `served_within_ns`: how long after the last fault has healed, after its demand began and after
 * it was last served a peer may go without service. Returns NULL where memory is short. */
struct sim_truth *sim_truth_create(uint64_t served_within_ns);
void sim_truth_destroy(struct sim_truth *truth);

/* `peer` is a small number of the world's choice (the table grows to it); `name` is copied. An
 * attacker or bystander is a peer that holds nothing. */
void sim_truth_peer(struct sim_truth *truth, uint32_t peer, const char *name);

/* The master gave `peer` a lease of this session (again), valid until `until_ns` on the world's
 * clock. One peer holds one session at a time; the newest counts for service, an earlier one still
 * counts as its own for deliveries (a late packet of the last session is not a stranger's). */
void sim_truth_lease(struct sim_truth *truth, wr_instant now_ns, uint32_t number,
                     const struct wr_session_id *session, enum wr_role role, wr_instant until_ns);

/* Whether `peer` is up and does all that its kind does to be served: then it must be. The world
 * says false for one that by its nature may be lost for good (section 11, upstream). */
void sim_truth_demand(struct sim_truth *truth, wr_instant now_ns, uint32_t number, bool demands);

/* Faults (partitions, crashes, attacks, outages, loss) nest; the last end is when all has healed.
 */
void sim_truth_fault_begins(struct sim_truth *truth, wr_instant now_ns);
void sim_truth_fault_ends(struct sim_truth *truth, wr_instant now_ns);

/* Told by the oracles: what became of a datagram that `peer` sent, and what reached it. `session`
 * is the one the relay forwarded it in; returns whether that is one of the peer's own. */
void sim_truth_outcome(struct sim_truth *truth, wr_instant now_ns, uint32_t number,
                       enum wr_outcome outcome);
bool sim_truth_delivered(struct sim_truth *truth, wr_instant now_ns, uint32_t peer,
                         const struct wr_session_id *session, uint32_t size);

/* A peer that should be served and is not. */
struct sim_stuck {
    uint32_t peer;
    const char *name;
    struct wr_session_id session;
    enum wr_role role;
    wr_instant since_ns; /* last served, or when it should have begun */
    bool outcome_known;
    enum wr_outcome last_outcome; /* of its own datagrams at the relay */
    wr_instant last_outcome_ns;
};

/* Peers that are stuck at `now_ns`, in order of their number: calls `each` for every one and
 * returns how many. A peer reported once is reported again only after it was served. */
uint32_t sim_truth_stuck(struct sim_truth *truth, wr_instant now_ns, void *context,
                         void (*each)(void *context, const struct sim_stuck *stuck));

/* The same as a sentence, for reports. Returns `text`. */
char *sim_stuck_format(const struct sim_stuck *stuck, char *text, size_t bytes);

/* Forwarded datagrams that reached a peer which never held their session: in all, and to one. */
uint64_t sim_truth_strangers(const struct sim_truth *truth);
uint64_t sim_truth_strangers_of(const struct sim_truth *truth, uint32_t peer);

#endif
