/*
 * The relay: one protocol core, driven from outside. It owns sessions, keys, queues and counters,
 * and declines to know sockets, threads, files and clocks: those are the environment table's.
 *
 * Every entry takes the time from the environment once and first acts on every deadline that lies
 * before it, so the results depend only on the sequence of (time, input), never on how often or in
 * which batches somebody called. All memory is taken in wr_relay_create. Nothing here is
 * thread-safe: one relay belongs to one thread.
 *
 * Section numbers in comments are those of docs/protocol.md.
 */
#ifndef WAVRY_RELAY_H
#define WAVRY_RELAY_H

#include <wavry/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct wr_relay;

/* ---- What is counted (section 7) ------------------------------------------------------------ */

/* Every received datagram ends in exactly one outcome. */
#define WR_OUTCOMES(X)                                                                             \
    X(SHORT, "short")                                                                              \
    X(OVERSIZE, "oversize")                                                                        \
    X(BAD_MAGIC, "bad_magic")                                                                      \
    X(BAD_VERSION, "bad_version")                                                                  \
    X(UNKNOWN_TYPE, "unknown_type")                                                                \
    X(NIL_SESSION, "nil_session")                                                                  \
    X(BAD_PAYLOAD, "bad_payload")                                                                  \
    X(UNEXPECTED_TYPE, "unexpected_type")                                                          \
    X(BAD_SOURCE, "bad_source")                                                                    \
    X(UNBOUND_LIMITED, "unbound_limited")                                                          \
    X(LEASE_TAKEN, "lease_taken")                                                                  \
    X(RENEWED, "renewed")                                                                          \
    X(RENEW_UNKNOWN, "renew_unknown")                                                              \
    X(COOKIE_PROMOTED, "cookie_promoted")                                                          \
    X(COOKIE_INVALID, "cookie_invalid")                                                            \
    X(RELEASED, "released")                                                                        \
    X(FORWARDED, "forwarded")                                                                      \
    X(BARE_FORWARDED, "bare_forwarded")                                                            \
    X(SESSION_NOT_FOUND, "session_not_found")                                                      \
    X(SESSION_NOT_ACTIVE, "session_not_active")                                                    \
    X(UNKNOWN_PEER, "unknown_peer")                                                                \
    X(BARE_AMBIGUOUS, "bare_ambiguous")                                                            \
    X(BARE_OUT_OF_TURN, "bare_out_of_turn")                                                        \
    X(CANDIDATE_UNPROVEN, "candidate_unproven")                                                    \
    X(CANDIDATE_LIMITED, "candidate_limited")                                                      \
    X(REPLAYED, "replayed")                                                                        \
    X(JUMP_UNCONFIRMED, "jump_unconfirmed")                                                        \
    X(SEQUENCE_REFUSED, "sequence_refused")                                                        \
    X(EXEMPT_LIMITED, "exempt_limited")                                                            \
    X(STALE_RECEIVER, "stale_receiver")                                                            \
    X(PATH_CAPPED, "path_capped")                                                                  \
    X(PEER_LIMITED, "peer_limited")                                                                \
    X(SESSION_LIMITED, "session_limited")                                                          \
    X(RELAY_LIMITED, "relay_limited")

/* Every LEASE_TAKEN ends in exactly one verdict. The first twelve are those of section 2. */
#define WR_VERDICTS(X)                                                                             \
    X(ACCEPTED, "accepted")                                                                        \
    X(MALFORMED_TOKEN, "malformed_token")                                                          \
    X(MALFORMED_CLAIMS, "malformed_claims")                                                        \
    X(UNKNOWN_KEY, "unknown_key")                                                                  \
    X(BAD_SIGNATURE, "bad_signature")                                                              \
    X(WRONG_SESSION, "wrong_session")                                                              \
    X(WRONG_ROLE, "wrong_role")                                                                    \
    X(WRONG_RELAY, "wrong_relay")                                                                  \
    X(EXPIRED, "expired")                                                                          \
    X(HORIZON_EXCEEDED, "horizon_exceeded")                                                        \
    X(NOT_YET_VALID, "not_yet_valid")                                                              \
    X(ISSUED_IN_FUTURE, "issued_in_future")                                                        \
    X(BANNED, "banned")                                                                            \
    X(NEWER_TOKEN, "newer_token")                                                                  \
    X(CANDIDATE, "candidate")                                                                      \
    X(REPEATED, "repeated")                                                                        \
    X(IDENTITY_LIMITED, "identity_limited")                                                        \
    X(IDENTITY_LOCKED, "identity_locked")                                                          \
    X(SAME_ADDRESS, "same_address")                                                                \
    X(OLDER_TOKEN, "older_token")                                                                  \
    X(SHED, "shed")                                                                                \
    X(FULL, "full")                                                                                \
    X(DRAINING, "draining")                                                                        \
    X(QUEUE_DROPPED, "queue_dropped")

/* Upstream's counters, by the names that operators know. */
#define WR_COUNTERS(X)                                                                             \
    X(packets_rx)                                                                                  \
    X(bytes_rx)                                                                                    \
    X(packets_forwarded)                                                                           \
    X(bytes_forwarded)                                                                             \
    X(lease_present_packets)                                                                       \
    X(lease_renew_packets)                                                                         \
    X(dropped_packets)                                                                             \
    X(rate_limited_packets)                                                                        \
    X(identity_rate_limited_packets)                                                               \
    X(invalid_packets)                                                                             \
    X(auth_reject_packets)                                                                         \
    X(session_not_found_packets)                                                                   \
    X(session_not_active_packets)                                                                  \
    X(unknown_peer_packets)                                                                        \
    X(replay_dropped_packets)                                                                      \
    X(backpressure_dropped_packets)                                                                \
    X(session_full_rejects)                                                                        \
    X(wrong_relay_rejects)                                                                         \
    X(expired_lease_rejects)                                                                       \
    X(cleanup_expired_sessions)                                                                    \
    X(cleanup_idle_sessions)                                                                       \
    X(overload_shed_packets)                                                                       \
    X(nat_rebind_events)

/* Ours, beside them. Rules are those of section 3, "Moving a peer". */
#define WR_OWN_COUNTERS(X)                                                                         \
    X(candidates_by_token)                                                                         \
    X(candidates_by_forward)                                                                       \
    X(promotions_by_cookie)                                                                        \
    X(promotions_by_forward)                                                                       \
    X(promotions_by_token)                                                                         \
    X(reversions_by_cookie)                                                                        \
    X(reversions_by_forward)                                                                       \
    X(reversions_by_token)                                                                         \
    X(promotions_refused_unsilent)                                                                 \
    X(promotions_refused_sequence)                                                                 \
    X(promotions_refused_loser)                                                                    \
    X(soft_limit_crossings)                                                                        \
    X(verifications_requested)                                                                     \
    X(verification_cache_hits)                                                                     \
    X(verification_wait_ns)                                                                        \
    X(rejects_sent)                                                                                \
    X(rejects_withheld)                                                                            \
    X(acks_sent)                                                                                   \
    X(key_ring_changes)                                                                            \
    X(key_refused)                                                                                 \
    X(sessions_created)                                                                            \
    X(sessions_released)                                                                           \
    X(sessions_revoked)                                                                            \
    X(sessions_banned)

#define WR_ENUM_OUTCOME(name, text) WR_OUTCOME_##name,
enum wr_outcome { WR_OUTCOMES(WR_ENUM_OUTCOME) WR_OUTCOME_COUNT };
#define WR_ENUM_VERDICT(name, text) WR_VERDICT_##name,
enum wr_verdict { WR_VERDICTS(WR_ENUM_VERDICT) WR_VERDICT_COUNT };

/* The words of sections 2 and 7, as traces, logs and metrics spell them. */
const char *wr_outcome_name(enum wr_outcome outcome);
const char *wr_verdict_name(enum wr_verdict verdict);

struct wr_counters {
#define WR_FIELD_COUNTER(name) uint64_t name;
    WR_COUNTERS(WR_FIELD_COUNTER)
    WR_OWN_COUNTERS(WR_FIELD_COUNTER)
    uint64_t outcomes[WR_OUTCOME_COUNT];
    uint64_t verdicts[WR_VERDICT_COUNT];
};

/* A copy of everything countable at one instant. */
struct wr_snapshot {
    struct wr_counters counters;
    uint64_t held;    /* datagrams held now (sections 1 and 2): received, no outcome yet */
    uint64_t pending; /* leases taken whose verdict is not out yet */
    uint64_t sessions_waiting;
    uint64_t sessions_active;
    uint64_t queue_depth; /* verification requests queued (both queues) */
    uint64_t key_ring_generation;
    uint32_t keys; /* keys in the ring */
    bool draining;
    bool drained;
};

/* ---- What goes in and out -------------------------------------------------------------------- */

/* A received datagram. `bytes` is borrowed for the call only. Receive into more than
 * WR_DATAGRAM_BYTES_MAX bytes, so that an oversize datagram is seen as one (section 1). */
struct wr_datagram {
    struct wr_address from; /* canonicalised by the core, see wr_address_canonicalise */
    const uint8_t *bytes;
    uint32_t size;
    uint32_t via; /* opaque: the local address or socket it came to; given back with each send */
    /* Its source is bound in an active session of another relay that shares this one's socket: bare
     * packets are bare_ambiguous then, where it is bound in one of this relay's too. */
    bool bound_elsewhere;
    uint64_t tag; /* opaque: named by observer events and sends that this datagram causes */
};

/* A datagram to send. `bytes` is borrowed: the environment sends or queues before it returns, or
 * keeps the received buffer alive itself (for a forwarded one, `bytes` is the very buffer that was
 * handed to wr_relay_receive, or the relay's own when it had been held). */
struct wr_output {
    struct wr_address to;
    const uint8_t *bytes;
    uint32_t size;
    uint32_t via;
    uint64_t cause; /* tag of the datagram that caused it, 0 for none */
};

/* A signature to check, with each key in turn until one fits (section 2). `message` stays valid
 * until the result is given. At most WR_VERIFICATIONS_OUT are out at a time. */
#define WR_VERIFICATIONS_OUT 4
#define WR_KEYS_MAX          8
struct wr_verification {
    uint32_t id;
    uint32_t message_size;
    const uint8_t *message; /* PASETO pre-authentication encoding */
    const uint8_t *signature;
    uint32_t key_count; /* at least 1 */
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
};

/* What the observer hears. Pointers inside an event are borrowed for the call. */
enum wr_event_kind {
    WR_EVENT_OUTCOME,            /* tag, outcome; session where the datagram named one */
    WR_EVENT_VERDICT,            /* tag, verdict, session, address */
    WR_EVENT_CREATED,            /* session */
    WR_EVENT_ACTIVE,             /* session */
    WR_EVENT_BOUND,              /* session, role, address */
    WR_EVENT_CANDIDATE,          /* session, role, address */
    WR_EVENT_PROMOTED,           /* session, role, address, rule */
    WR_EVENT_REVERTED,           /* session, role, address, rule */
    WR_EVENT_VACATED,            /* session, role, why */
    WR_EVENT_REMOVED,            /* session, why */
    WR_EVENT_KEY_ADDED,          /* kid */
    WR_EVENT_KEY_DROPPED,        /* kid */
    WR_EVENT_KEY_REFRESH_WANTED, /* kid */
    WR_EVENT_DRAINED,
};

enum wr_why { WR_WHY_EXPIRED, WR_WHY_IDLE, WR_WHY_RELEASED, WR_WHY_REVOKED, WR_WHY_BANNED };
const char *wr_why_name(enum wr_why why);

struct wr_event {
    enum wr_event_kind kind;
    wr_instant at_ns;
    uint64_t tag; /* of the datagram concerned, 0 for none */
    enum wr_outcome outcome;
    enum wr_verdict verdict;
    enum wr_role role;
    enum wr_why why;
    uint32_t rule;                       /* 1, 2 or 3 */
    const struct wr_session_id *session; /* NULL for none */
    const struct wr_address *address;    /* NULL for none */
    const char *kid;                     /* "" for a key without one, NULL for none */
};

/* How an address is bound, for datagrams that name no session. */
enum wr_bound {
    WR_BOUND_NOWHERE,
    WR_BOUND_WAITING,   /* only in sessions that wait for a peer */
    WR_BOUND_ONCE,      /* in exactly one active session */
    WR_BOUND_AMBIGUOUS, /* in several */
};

/* Everything the core asks of the world. All functions are called on the relay's own thread and
 * must not call back into the relay. `observe` and `bound_changed` may be NULL. */
struct wr_environment {
    void *context;
    wr_instant (*monotonic_ns)(void *context);
    uint64_t (*wall_unix_ms)(void *context);
    void (*entropy)(void *context, uint8_t *out, size_t bytes);
    void (*send)(void *context, const struct wr_output *output);
    /* The result must come back by wr_relay_verified, later, never from inside this call. */
    void (*verify)(void *context, const struct wr_verification *verification);
    void (*observe)(void *context, const struct wr_event *event);
    /* How this relay has an address bound from now on; told when it may have changed. For an
     * environment with several relays behind one socket, which must find the one that a packet
     * without a session id belongs to. */
    void (*bound_changed)(void *context, const struct wr_address *address, enum wr_bound bound);
};

/* ---- Configuration (sections 5 and 10) ---------------------------------------------------------
 */

enum wr_role_policy { WR_ROLE_POLICY_SIGNED, WR_ROLE_POLICY_STRICT };
enum wr_passive_rebind { WR_REBIND_OFF, WR_REBIND_SAME_IP, WR_REBIND_ANY };

#define WR_RELAY_ID_BYTES_MAX 256
#define WR_OWN_ADDRESSES_MAX  16

/* What several relays of one process share, so that limits that are per relay hold over all of them
 * exactly: the number of sessions, the rate of signatures, the bandwidth and the cap of reject 6
 * (section 5). The only thing here that more than one thread touches. */
struct wr_shared;
struct wr_shared *wr_shared_create(void); /* NULL where memory is short */
void wr_shared_destroy(struct wr_shared *shared);

struct wr_relay_config {
    struct wr_shared *shared;               /* borrowed until wr_relay_destroy; NULL: none */
    const char *relay_id;                   /* NUL-terminated, 1..256 bytes, copied */
    const struct wr_address *own_addresses; /* the relay's own, copied */
    uint32_t own_address_count;             /* 0..WR_OWN_ADDRESSES_MAX */
    uint32_t max_sessions;                  /* 1..2^24 */
    uint32_t load_shed_threshold_pct;       /* 1..100 */
    uint32_t idle_timeout_secs;
    uint32_t peer_wait_secs;
    uint32_t lease_duration_secs; /* 0: the signature alone counts */
    uint32_t max_clock_skew_secs;
    uint32_t ip_rate_limit_pps;       /* 1.. */
    uint32_t identity_rate_limit_pps; /* 1.. */
    uint32_t peer_rate_limit_pps;     /* 0: off */
    uint32_t max_bandwidth_kbps;      /* 0: off, else at least 48 (one datagram per burst) */
    uint32_t verify_rate;             /* signatures per second, 1.. ; no default */
    uint32_t drain_timeout_secs;
    uint32_t max_bans; /* size of the ban table */
    enum wr_role_policy role_policy;
    enum wr_passive_rebind passive_rebind;
    bool bare_rift;
    bool allow_insecure_dev;
    bool keys_refreshable; /* an unknown kid may wait for the master; false where keys are pinned */
};

/* The defaults of section 10. `relay_id` and `verify_rate` are left empty: both are required. */
void wr_relay_config_default(struct wr_relay_config *config);

/* NULL where the configuration can be used, else a sentence naming the member and its range. */
const char *wr_relay_config_error(const struct wr_relay_config *config);

/* Bytes that wr_relay_create takes, all in: sessions, tables, queues, pools. */
size_t wr_relay_memory_bytes(const struct wr_relay_config *config);

/* Takes all memory the relay will ever use. `environment` is copied. Returns NULL where memory is
 * short or wr_relay_config_error objects. */
struct wr_relay *wr_relay_create(const struct wr_relay_config *config,
                                 const struct wr_environment *environment);
void wr_relay_destroy(struct wr_relay *relay);

/* ---- Entries --------------------------------------------------------------------------------- */

/* Datagrams that arrived, in their order. Any count; the results equal those of one at a time. */
void wr_relay_receive(struct wr_relay *relay, const struct wr_datagram *datagrams, size_t count);

/* The next instant at which wr_relay_on_deadline has work, WR_NEVER for none. It can be earlier
 * than any visible effect, never later. After wr_relay_on_deadline it lies ahead of now. */
wr_instant wr_relay_next_deadline(const struct wr_relay *relay);
void wr_relay_on_deadline(struct wr_relay *relay);

/* The result of a verification: the index of the key that fitted, or -1 for none. Results come
 * before everything else that is due at the same instant: hand in all that are there, then ask for
 * the next deadline, which may be now (the next verification goes out with it). */
void wr_relay_verified(struct wr_relay *relay, uint32_t id, int key_index);

/* ---- Control events (section 8) ----------------------------------------------------------------
 */

enum wr_key_result {
    WR_KEY_ADDED,
    WR_KEY_KNOWN,   /* the same kid and bytes are there already */
    WR_KEY_REVOKED, /* refused: these bytes were revoked */
    WR_KEY_NO_ROOM, /* refused: every place is taken by a pinned key, or the kid is too long */
};
#define WR_KID_BYTES_MAX 255

/* Where a key comes from, and so how long it stays. */
enum wr_key_standing {
    WR_KEY_LEARNED, /* from the master: the others that are not pinned are old from now on */
    WR_KEY_PINNED,  /* from the operator: never evicted, never old */
    WR_KEY_INITIAL, /* known from the start: grows old like a learned one, makes no other old */
};

/* A key joins the ring. `kid` may be "" (one key may have none). */
enum wr_key_result wr_relay_key_add(struct wr_relay *relay, const char *kid,
                                    const uint8_t public_key[WR_PUBLIC_KEY_BYTES],
                                    enum wr_key_standing standing);

/* The operator pins this key no longer: it grows old like a learned one that was followed by
 * another, and leaves the ring when its time is over. Without effect where it is not pinned. */
void wr_relay_key_retire(struct wr_relay *relay, const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);

/* Refuses these bytes from now on and ends the sessions whose leases they signed. False where the
 * table of revoked keys is full (the key is dropped from the ring all the same). */
bool wr_relay_key_revoke(struct wr_relay *relay, const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);

/* Bans an identity (`sub`) and ends its sessions. False where the table is full. */
bool wr_relay_ban(struct wr_relay *relay, const char *sub, size_t sub_bytes);
void wr_relay_unban(struct wr_relay *relay, const char *sub, size_t sub_bytes);

/* Takes over what can change while a relay runs: every rate and percentage, the timeouts, the skew,
 * the policies, and max_sessions up to what the relay was created with. What is under way keeps
 * what it was granted. NULL, or (nothing is changed then) the sentence that says what cannot be. */
const char *wr_relay_set_limits(struct wr_relay *relay, const struct wr_relay_config *config);

/* The relay's own addresses from now on, instead of those it was created with (section 5,
 * Reflection); copied, 0..WR_OWN_ADDRESSES_MAX. What is bound at a new one already is not heard any
 * more, and gets nothing once it was not heard for 30 s. */
void wr_relay_set_own_addresses(struct wr_relay *relay, const struct wr_address *addresses,
                                uint32_t count);

/* No new sessions from now on; WR_EVENT_DRAINED when the last is gone or the time is over. */
void wr_relay_drain(struct wr_relay *relay);

/* Datagrams that the kernel or a host's queue dropped before the relay saw them. */
void wr_relay_backpressure(struct wr_relay *relay, uint64_t datagrams);

/* ---- Reading --------------------------------------------------------------------------------- */

void wr_relay_snapshot(const struct wr_relay *relay, struct wr_snapshot *out);

/* The ban list, the ring and the limits apart, ready means: a key, not draining, below the shed
 * threshold. Registration is the master link's to know (wavry/master.h). */
bool wr_relay_accepts_sessions(const struct wr_relay *relay);

#ifdef __cplusplus
}
#endif

#endif
