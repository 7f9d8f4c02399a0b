/*
 * Who judges what: each function takes one thing that the core said or did, holds it against the
 * model, reports where they part, and then lets the model follow the core, so that one fault is
 * reported once and not at every datagram after it.
 */
#ifndef SIM_ORACLE_JUDGE_H
#define SIM_ORACLE_JUDGE_H

#include "oracle_state.h"

/* oracle_lease.c: verdicts, and what an accepted lease does to its session. */
void sim_judge_verdict(struct sim_oracle *oracle, const struct wr_event *event);
void sim_judge_bound(struct sim_oracle *oracle, const struct wr_event *event);
/* A newer token, told by its verdict or by its promotion, whichever comes first. */
void sim_judge_newer(struct sim_oracle *oracle, struct sim_session *session, int role,
                     struct sim_arrival *arrival);
/* The peer in this role has released it: what is on its way of its address for it comes to nothing.
 */
void sim_lease_released(struct sim_oracle *oracle, const struct wr_session_id *session, int role,
                        const struct wr_address *from);
void sim_judge_leases_settled(struct sim_oracle *oracle, struct sim_arrival *arrival);
void sim_judge_renewed(struct sim_oracle *oracle, struct sim_session *session, int role,
                       const struct sim_arrival *arrival);
/* The claims of the lease that `arrival` carries; valid until the next call. */
const struct sim_token *sim_lease_token(struct sim_oracle *oracle,
                                        const struct sim_arrival *arrival);

/* The role that it is for: the signed one, or under policy strict the presented one. */
enum wr_role sim_lease_role(struct sim_oracle *oracle, const struct sim_arrival *arrival);

/* oracle_model.c: sessions created, active, moved, vacated, removed. */
void sim_judge_session(struct sim_oracle *oracle, const struct wr_event *event);
void sim_judge_deadlines(struct sim_oracle *oracle, wr_instant next_deadline_ns);
uint32_t sim_model_sessions_max(const struct sim_oracle *oracle);
/* Of FORWARDs from addresses that are not bound: whether theirs is remembered or a live
 * candidate's, what one that moved nobody leaves behind, and why it should have moved its peer,
 * NULL for no reason. */
bool sim_moving_contends(const struct sim_oracle *oracle, const struct sim_session *session,
                         const struct wr_address *from);
void sim_moving_unproven(struct sim_oracle *oracle, struct sim_session *session,
                         const struct sim_arrival *arrival);
const char *sim_moving_missed(const struct sim_oracle *oracle, const struct sim_session *session,
                              const struct sim_arrival *arrival);

/* oracle_path.c: what is forwarded. */
/* The session and role that a datagram is sent in: by its header, or where bare by its source;
 * NULL and -1 for none. */
struct sim_session *sim_path_place(struct sim_oracle *oracle, const struct sim_arrival *arrival,
                                   int *role);
void sim_judge_forward(struct sim_oracle *oracle, const struct wr_output *output,
                       struct sim_arrival *arrival);
/* A FORWARD or bare packet that was dropped: whether there was reason, and what it changes. */
void sim_judge_dropped(struct sim_oracle *oracle, struct sim_arrival *arrival);
void sim_path_set_limits(struct sim_oracle *oracle);
void sim_path_arrived(struct sim_oracle *oracle, struct sim_arrival *arrival);
/* Whether this role's FORWARDs wait for its message 3 (section 1). */
bool sim_path_message_3_due(const struct sim_session *session, int role);
/* Counts what comes from a bound address, once, where it is a FORWARD that message 3 must precede.
 */
void sim_path_waits_for_message_3(struct sim_session *session, struct sim_arrival *arrival);
/* A vacated role or a newer token in a PRESENT starts the bare handshake anew (section 1). */
void sim_path_handshake_anew(struct sim_session *session);
/* The datagram that moved its sender is a bound address's from now on, and so are those behind it.
 */
void sim_path_sender_moved(struct sim_session *session, int role, struct sim_arrival *arrival);
/* A FORWARD that had waited goes on, whatever becomes of it: message 3 is due no more. `role` is
 * its sender's now. */
void sim_path_waited_for_message_3(struct sim_session *session, int role,
                                   const struct sim_arrival *arrival);
/* Rule 2: ahead of the top by up to 1024, or the third packet of a jump. */
bool sim_path_ahead(uint64_t top, const struct sim_jump *jump, uint64_t sequence, wr_instant now);
/* Within integer GCRA at `kbps`, burst 250 ms (section 5). */
bool sim_bytes_allowed(wr_instant tat, uint64_t bytes, uint32_t kbps, wr_instant now);
bool sim_packets_allowed(wr_instant tat, uint32_t per_second, uint32_t burst, wr_instant now);
void sim_packets_draw(wr_instant *tat, uint32_t per_second, wr_instant now);

/* oracle_held.c: what has neither outcome nor verdict yet. */
void sim_judge_held(struct sim_oracle *oracle, wr_instant next_deadline_ns);
void sim_held_new(struct sim_oracle *oracle, struct sim_arrival *held);
/* A lease from there has its verdict: what was held for it must go on. */
void sim_held_lease_decided(struct sim_oracle *oracle, const struct wr_address *from);

/* oracle_answer.c: ACKs, rejects, cookies, and where anything is sent at all. */
void sim_judge_destination(struct sim_oracle *oracle, const struct wr_output *output);
void sim_judge_answer(struct sim_oracle *oracle, const struct wr_output *output,
                      struct sim_arrival *arrival);
void sim_judge_answer_settled(struct sim_oracle *oracle, struct sim_arrival *arrival);
/* Whether it carries a cookie that its source was given for this role (-1: for either). */
bool sim_cookie_good(struct sim_oracle *oracle, const struct sim_arrival *arrival, int role);
bool sim_source_bad(const struct sim_oracle *oracle, const struct wr_address *address);
void sim_answer_time(struct sim_oracle *oracle);
/* One packet of a source that is not bound, which draws on its prefix's bucket (`drawn`) or was
 * refused by it. */
void sim_judge_unbound(struct sim_oracle *oracle, const struct sim_arrival *arrival, bool drawn);

/* oracle_control.c: keys, bans, verification. */
/* A lease was taken: which queue it belongs to. */
void sim_lease_taken(struct sim_oracle *oracle, struct sim_arrival *arrival);
void sim_judge_verification(struct sim_oracle *oracle, const struct wr_verification *request);
void sim_judge_key_event(struct sim_oracle *oracle, const struct wr_event *event);
void sim_judge_control_settled(struct sim_oracle *oracle);
/* The key that signed the lease of `arrival`, or NULL. */
const uint8_t *sim_signing_key(struct sim_oracle *oracle, const struct sim_arrival *arrival,
                               const struct sim_token *token);
/* The same, as far as known without computing anything. */
const uint8_t *sim_signing_key_known(struct sim_oracle *oracle, const struct sim_token *token);
/* NULL where a lease under this key may be accepted now, else why not. */
const char *sim_key_objection(struct sim_oracle *oracle, const uint8_t *key,
                              const struct sim_token *token);
/* Whether the key, as far as it fits the token, joined the ring at that moment or later. */
bool sim_key_joined_since(const struct sim_oracle *oracle, const uint8_t *key,
                          const struct sim_token *token, wr_instant since_ns);
bool sim_is_banned(const struct sim_oracle *oracle, const struct sim_digest *identity);

/* oracle_count.c: outcomes, counters, memory. */
void sim_judge_outcome(struct sim_oracle *oracle, const struct wr_event *event);
void sim_count_verdict(struct sim_oracle *oracle, enum wr_verdict verdict);
void sim_judge_arrival_settled(struct sim_oracle *oracle, struct sim_arrival *arrival);
void sim_judge_snapshot(struct sim_oracle *oracle, const struct wr_snapshot *snapshot);

/* Text for reports; each call has a buffer of its own for the expression it stands in. */
struct sim_text {
    char text[WR_ADDRESS_TEXT_BYTES];
};
struct sim_text sim_text_address(const struct wr_address *address);
struct sim_text sim_text_session(const struct wr_session_id *id);
static inline const char *sim_role_name(int role)
{
    return role == WR_ROLE_SERVER ? "server" : "client";
}

#endif
