/*
 * What a relay is made of, for the modules that are the relay: one struct, and the functions that
 * the stages of a datagram's way call on one another. The way itself is told in core/README.md.
 */
#ifndef WR_RELAY_STATE_H
#define WR_RELAY_STATE_H

#include "ban_list.h"
#include "bucket_table.h"
#include "claims.h"
#include "cookie.h"
#include "fault.h"
#include "gcra.h"
#include "hold_pool.h"
#include "keyed_hash.h"
#include "keyring.h"
#include "session_table.h"
#include "shared.h"
#include "token_cache.h"
#include "verify_queue.h"
#include "wire.h"

#include <wavry/relay.h>

/* An ACK carries a cookie where the request had room for one (section 6). */
#define WR_COOKIE_REQUEST_BYTES 52

#define WR_KEY_REFRESH_INTERVAL_NS (10 * WR_S) /* for unknown kids (section 8) */

/* The limits of section 5 as costs and bursts. */
struct wr_limits {
    struct wr_rate unbound;
    struct wr_rate identity;
    struct wr_rate peer;
    struct wr_rate bare_renew; /* of a seat, without a cookie */
    struct wr_rate candidate;  /* candidates of a session; apart, its remembered addresses */
    struct wr_rate exempt;     /* exempt and bare packets of a sender */
    struct wr_rate reject_prefix;
    struct wr_rate reject_all;
    uint32_t bandwidth_kbps; /* 0: off */
};

struct wr_relay {
    struct wr_environment environment;
    struct wr_relay_config config;
    char relay_id[WR_RELAY_ID_BYTES_MAX + 1];
    size_t relay_id_bytes;
    struct wr_address own_addresses[WR_OWN_ADDRESSES_MAX];
    uint64_t skew_ms;
    uint64_t idle_timeout_ns;
    uint64_t peer_wait_ns;
    uint32_t shed_at; /* new sessions are shed from this many on */
    struct wr_limits limits;

    wr_instant now; /* of the entry or the deadline that is being worked on */
    uint64_t tag;   /* of the datagram at work, which events name; 0 for none */
    uint64_t wall_unix_ms;
    bool wall_known; /* `wall_unix_ms` was read in this entry */
    bool draining;
    bool drained;
    wr_instant drain_ends_ns;

    wr_instant key_refresh_allowed_ns; /* an unknown kid asks the master no earlier */

    struct wr_session_table sessions;
    struct wr_bucket_table sources;
    struct wr_bucket_table identities;
    struct wr_token_cache cache;
    struct wr_verify_queue queue;
    struct wr_hold_pool pool;
    struct wr_keyring ring;
    struct wr_ban_list bans;
    struct wr_cookie_jar cookies;
    struct wr_shared *shared; /* `own_shared`, unless it has company */
    struct wr_shared own_shared;
    uint8_t identity_key[WR_HASH_KEY_BYTES];
    uint8_t token_key[WR_NAME_KEY_BYTES];
    uint8_t mark_key[WR_HASH_KEY_BYTES];

    /* FORWARDs that wait for message 3, in the order in which they came. */
    uint32_t waiters_oldest, waiters_newest;

    struct wr_counters counters;
};

/* ---- Entries (relay.c, configuration.c) ------------------------------------------------------ */

/* Begins an entry: the clock is read once (it never runs back), and what is due before now is
 * done; what is due at this very instant only where `due_now_too`. */
void wr_relay_enter(struct wr_relay *relay, bool due_now_too);

/* Limits and times as the configuration has them now. */
void wr_relay_apply_limits(struct wr_relay *relay);

/* Copies them. */
void wr_relay_take_own_addresses(struct wr_relay *relay, const struct wr_address *addresses,
                                 uint32_t count);

/* Bytes of the id, WR_RELAY_ID_BYTES_MAX + 1 for one that is too long. */
size_t wr_relay_id_bytes(const char *relay_id);

/* ---- Counting and telling (report.c) -------------------------------------------------------- */

/* Every datagram ends here exactly once. `session` may be NULL. */
void wr_report_outcome(struct wr_relay *relay, uint64_t tag, enum wr_outcome outcome,
                       const struct wr_session_id *session);

/* Every lease that was taken ends here exactly once. */
void wr_report_verdict(struct wr_relay *relay, const struct wr_lease_origin *origin,
                       enum wr_verdict verdict);

void wr_report_session(struct wr_relay *relay, enum wr_event_kind kind,
                       const struct wr_session *session);
void wr_report_removed(struct wr_relay *relay, const struct wr_session *session, enum wr_why why);
void wr_report_vacated(struct wr_relay *relay, const struct wr_session *session, enum wr_role role,
                       enum wr_why why);

/* BOUND, CANDIDATE (rule 0), PROMOTED and REVERTED. */
void wr_report_seat(struct wr_relay *relay, enum wr_event_kind kind,
                    const struct wr_session *session, enum wr_role role,
                    const struct wr_address *address, uint32_t rule);
/* How an address is bound may have changed. */
void wr_report_bound(struct wr_relay *relay, const struct wr_address *address);
void wr_report_key(struct wr_relay *relay, enum wr_event_kind kind, const char *kid);
void wr_report_drained(struct wr_relay *relay);

/* ---- Answers (answers.c) ----------------------------------------------------------------------
 */

/* An ACK of what `role` of the session holds, to where the request came from. */
void wr_answer_ack(struct wr_relay *relay, const struct wr_session *session, enum wr_role role,
                   const struct wr_route *to, uint64_t tag, uint32_t request_bytes,
                   bool with_cookie);

/* A REJECT; reason 6 within its own limits. `with_cookie` gives the cookie for `role`. */
void wr_answer_reject(struct wr_relay *relay, const struct wr_lease_origin *origin,
                      enum wr_reject_reason reason, bool with_cookie, enum wr_role role);

/* ---- Clock ------------------------------------------------------------------------------------
 */

/* The wall clock of this entry, read at most once. */
uint64_t wr_relay_wall(struct wr_relay *relay);

/* ---- Admission (admission.c) ------------------------------------------------------------------
 */

/* Where the bucket of a source's prefix is kept. Asked for before something that takes long, the
 * bucket has arrived in the cache when that is done. */
struct wr_source {
    uint8_t prefix[WR_BUCKET_NAME_BYTES];
    struct wr_bucket *set;
};
struct wr_source wr_admit_source(const struct wr_relay *relay, const struct wr_address *from);

/* Draws on the bucket of a source's prefix; false where it is empty. */
bool wr_admit_source_unbound(struct wr_relay *relay, const struct wr_source *source);
bool wr_admit_unbound(struct wr_relay *relay, const struct wr_address *from);

/* May a session that does not exist yet be opened now? WR_VERDICT_ACCEPTED, or DRAINING, FULL or
 * SHED, tested in that order. */
enum wr_verdict wr_admit_session(const struct wr_relay *relay);

/* The same, and where the answer is WR_VERDICT_ACCEPTED its place is taken: open it now. */
enum wr_verdict wr_admit_session_place(struct wr_relay *relay);

/* True where nothing may come from this address and nothing go there (section 5). */
bool wr_admit_bad_source(const struct wr_relay *relay, const struct wr_address *from);

/* ---- Leases (lease_path.c) ---------------------------------------------------------------------
 */

/* A LEASE_PRESENT, or a LEASE_RENEW with a token. `session` is the one it names, NULL for none. */
void wr_lease_path_receive(struct wr_relay *relay, const struct wr_datagram *datagram,
                           const struct wr_packet *packet, struct wr_session *session);

/* The result of a verification that is out. */
void wr_lease_path_verified(struct wr_relay *relay, struct wr_verify_request *request,
                            int key_index);

/* A request whose two seconds are over. */
void wr_lease_path_timed_out(struct wr_relay *relay, struct wr_verify_request *request);

/* Sends out what the budget allows now. */
void wr_lease_path_pump(struct wr_relay *relay);

/* After a change of the ring: requests whose key came join the queue. */
void wr_lease_path_keys_changed(struct wr_relay *relay);

/* The peer in this role releases it: what is pending of its address for it comes to nothing. */
void wr_lease_path_released(struct wr_relay *relay, const struct wr_session_id *session,
                            enum wr_role role, const struct wr_address *from);

/* ---- Binding (binding.c) -----------------------------------------------------------------------
 */

/* What an accepted lease grants. */
struct wr_grant {
    const struct wr_claims *claims;
    const struct wr_lease_origin *origin;
    const uint8_t *token_hash;
    const uint8_t *key; /* that signed it; zero bytes where none did (insecure) */
    const uint8_t *identity;
};

/* Opens a session for a lease that passed every check. Never fails: wr_admit_session_place was
 * asked. */
struct wr_session *wr_bind_open(struct wr_relay *relay, const struct wr_session_id *id);

/* Takes a free seat. */
void wr_bind_seat(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                  const struct wr_grant *grant);

/* A newer token of a bound seat, from wherever it came (rule 3). */
void wr_bind_newer(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                   const struct wr_grant *grant);

/* A bare LEASE_RENEW restarts a shortened lease. */
void wr_bind_renew(struct wr_relay *relay, struct wr_session *session, enum wr_role role);

/* Vacates a role; a session that was ACTIVE waits again. */
void wr_bind_vacate(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                    enum wr_why why);

/* The session is gone. */
void wr_bind_remove(struct wr_relay *relay, struct wr_session *session, enum wr_why why);

/* Acts on a session whose deadline came. */
void wr_bind_on_deadline(struct wr_relay *relay, struct wr_session *session);

/* Keeps the heap true after anything that may bring a deadline forward. */
void wr_bind_schedule(struct wr_relay *relay, struct wr_session *session);

/* A bound address was heard (section 3, Ends). */
static inline void wr_bind_heard(const struct wr_relay *relay, struct wr_session *session,
                                 struct wr_seat *seat)
{
    seat->heard_ns = relay->now;
    session->heard_ns = relay->now;
}

/* The bound address proved that it receives (a valid cookie or a newer token): no more path cap. */
void wr_bind_proven(struct wr_seat *seat);

/* ---- Renewing (renew_path.c) -------------------------------------------------------------------
 */

/* A LEASE_RENEW without a token: bare, with a cookie, or a release. `session` is the one it names,
 * NULL for none. */
void wr_renew_path_receive(struct wr_relay *relay, const struct wr_datagram *datagram,
                           const struct wr_packet *packet, struct wr_session *session);

/* ---- Moving a peer (moving.c) ------------------------------------------------------------------
 */

/* The address presented the bound token: candidate, or more where a rule holds. `cookie_valid`
 * says that the presentation carried a valid cookie, `token_hash` which bytes were presented. */
void wr_moving_presented(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                         const struct wr_route *from, uint32_t bytes, bool cookie_valid,
                         const uint8_t *token_hash);

/* A valid cookie in a bare renew from an address that is not bound. True: it moved the peer. */
bool wr_moving_cookie(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                      const struct wr_route *from);

/* What a FORWARD from an address that is not bound does to the session. */
enum wr_moving {
    WR_MOVING_PROMOTED, /* the sender is bound now: `*role` */
    WR_MOVING_UNPROVEN,
    WR_MOVING_LIMITED,
    WR_MOVING_UNRELATED, /* no candidate and no reason to become one */
};
enum wr_moving wr_moving_forward(struct wr_relay *relay, struct wr_session *session,
                                 const struct wr_datagram *datagram, const struct wr_packet *packet,
                                 enum wr_role *role);

/* Counts bytes that came from a candidate or from a capped path. */
void wr_moving_received(struct wr_relay *relay, struct wr_session *session,
                        const struct wr_address *from, uint32_t bytes);

/* A newer token came from another address than the bound one (rule 3). */
void wr_moving_newer_token(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                           const struct wr_route *from);

/* ---- Forwarding (forward_path.c) ---------------------------------------------------------------
 */

/* A FORWARD. `session` is the one it names, NULL for none. */
void wr_forward_path_receive(struct wr_relay *relay, const struct wr_datagram *datagram,
                             const struct wr_packet *packet, struct wr_session *session);

/* A bare RIFT packet (section 1). */
void wr_forward_path_bare(struct wr_relay *relay, const struct wr_datagram *datagram,
                          enum wr_bare bare);

/* ---- Holding (holding.c) -----------------------------------------------------------------------
 */

/* Holds a datagram with the pending lease of its sender; false where there is none, or no room, or
 * its source's bucket is empty. */
bool wr_holding_behind_lease(struct wr_relay *relay, const struct wr_datagram *datagram,
                             const struct wr_session_id *session);

/* Processes what was held with a request, after its verdict. */
void wr_holding_release(struct wr_relay *relay, struct wr_verify_request *request);

/* Should this FORWARD wait for message 3? Then it does, and true. */
bool wr_holding_for_message_3(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                              const struct wr_datagram *datagram);

/* Message 3 is due no more: what waited goes, in its order. */
void wr_holding_flush(struct wr_relay *relay, struct wr_session *session);

/* The handshake starts anew (a vacated role, a newer token): what waited goes. */
void wr_holding_restart(struct wr_relay *relay, struct wr_session *session);

/* The session is gone: what waited for its message 3 goes its way without it. */
void wr_holding_orphans(struct wr_relay *relay, const struct wr_handshake *handshake);

wr_instant wr_holding_deadline(const struct wr_relay *relay);
void wr_holding_on_deadline(struct wr_relay *relay);

/* A datagram that was held takes up its way again, its bucket drawn on already. */
void wr_forward_path_resume(struct wr_relay *relay, const struct wr_datagram *datagram);

#endif
