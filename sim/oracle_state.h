/*
 * What the oracles remember: the naive model of sessions, roles and leases, the datagrams that
 * await their outcome, and the tables that find them. Owns memory and lookup only; what may happen
 * is judged by oracle_model, oracle_path, oracle_answer, oracle_control and oracle_count.
 */
#ifndef SIM_ORACLE_STATE_H
#define SIM_ORACLE_STATE_H

#include "oracle.h"
#include "oracle_decode.h"
#include "oracle_token.h"
#include "oracle_window.h"

#define SIM_NO_SLOT  UINT32_MAX
#define SIM_COPY_MAX 1504 /* a datagram that can be forwarded, and room for one that cannot */

/* ---- Sessions -------------------------------------------------------------------------------- */

struct sim_candidate {
    bool there, by_token;
    struct wr_address address;
    wr_instant since_ns;
    uint64_t bytes; /* received from it since it became candidate */
    struct sim_jump jump;
};

/* What a promotion displaced, and may come back (section 3, Moving a peer). */
struct sim_displaced {
    bool there;
    struct wr_address address;
    wr_instant until_ns;
    /* by rule 1 or 2: what comes back with it */
    uint64_t top;
    bool empty, bound_by_token, capped;
    uint64_t path_in, path_out;
    struct sim_jump jump;
};

struct sim_role {
    bool bound, bound_by_token, locked, has_token, released;
    bool end_told; /* that it did not end in time has been said */
    struct wr_address address;
    struct sim_digest identity, token;
    uint8_t key[WR_PUBLIC_KEY_BYTES]; /* that signed the bound token */
    int64_t issued_ms, expires_ms;    /* the order of tokens; issued 0 where missing */
    uint64_t shown_expires_ms;        /* what an ACK must say */
    wr_instant end_ns, signed_end_ns;
    uint32_t soft_kbps, hard_kbps;
    wr_instant sign_ns, heard_ns;
    struct sim_candidate candidate;
    struct sim_displaced remembered; /* by rules 1 and 2 */
    struct sim_displaced overtaken;  /* by rule 3 */
    struct wr_address loser;         /* of a reversion: no rule 2 for it until then */
    wr_instant loser_until_ns;
    bool capped; /* path on another IP, not proven (rule 2) */
    uint64_t path_in, path_out;
    wr_instant exempt_tat, peer_tat, bare_renew_tat;
    uint64_t last_forward, last_bare; /* arrival numbers that have left */
    bool shook_hands, sent_transport;
    uint32_t next_of_address; /* chain of the address table: session * 2 + role */
    struct sim_window window;
};

struct sim_session {
    struct wr_session_id id;
    bool used, active, idle_told, wait_told;
    bool role_expired; /* since it was last active */
    wr_instant active_since_ns, waiting_since_ns, heard_ns;
    wr_instant bytes_tat;
    bool first_shaker_known;
    enum wr_role first_shaker; /* whose handshake packet went first */
    wr_instant message_3_due_ns;
    uint32_t waiting_forwards; /* FORWARDs of that side since message 3 is due */
    bool message_3_over;       /* due no more */
    wr_instant heap_key;
    uint32_t heap_place;
    uint32_t next_free;
    struct sim_role roles[WR_ROLES];
};

/* ---- Datagrams on their way ------------------------------------------------------------------ */

struct sim_arrival {
    uint64_t tag, number;
    wr_instant at_ns;
    struct wr_address from;
    const uint8_t *bytes;
    uint32_t size, sender;
    struct sim_sight sight;
    bool bad_source; /* nothing may be sent there (section 5) */
    bool elsewhere;  /* it was bound in an active session of another relay when it arrived */
    bool kept, has_outcome, has_verdict, applied, promoted;
    bool was_bound;           /* the source was bound in its session when it arrived, or since, */
    int role;                 /* in this role */
    bool waits_for_message_3; /* as far as is known: counted in waiting_forwards of its session */
    bool behind_lease;        /* it was held while a lease of its source was on its way */
    bool asked;               /* its verification went out */
    bool peer_left;           /* a lease whose peer released its role while it was on its way */
    bool in_queue;            /* it joined one of the two queues, the first where `first_class` */
    bool first_class;
    bool cookie_was_good; /* when the lease was taken: it does not age while that is verified */
    struct sim_digest signed_by;
    enum wr_outcome outcome;
    enum wr_verdict verdict;
    uint32_t forwards;
    uint32_t answers;
    uint32_t slot;            /* of its session when it was met, a guess afterwards */
    wr_instant hold_until_ns; /* when a held one must have its outcome; WR_NEVER: open */
    struct sim_sight answer;  /* where `answers` is not 0 */
};

struct sim_kept {
    struct sim_arrival arrival;
    uint32_t next_free;
    uint8_t bytes[SIM_COPY_MAX];
};

/* ---- Everything ------------------------------------------------------------------------------ */

/* Open addressing from 64 bits to a slot; grows by doubling, never shrinks. */
struct sim_map {
    uint64_t *keys;
    uint32_t *slots;
    uint32_t size, used; /* `used` counts tombstones too */
    uint32_t live;
};

struct sim_key {
    char kid[WR_KID_BYTES_MAX + 1];
    uint8_t bytes[WR_PUBLIC_KEY_BYTES];
    bool pinned, in_ring;
    enum wr_key_standing standing;
    wr_instant joined_ns;
    wr_instant superseded_ns; /* WR_NEVER while nothing newer joined */
    wr_instant leaves_ns;     /* by the skew of that moment */
};

struct sim_good_signature {
    struct sim_digest digest;
    uint8_t key[WR_PUBLIC_KEY_BYTES];
};

struct sim_given_cookie {
    uint8_t cookie[WR_COOKIE_BYTES];
    int role; /* that it serves, -1 for not known */
    struct wr_session_id session;
    struct wr_address address;
};

struct sim_request {
    bool out;
    uint32_t id, key_count;
    struct sim_digest digest;
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
};

/* What one source prefix has drawn from its buckets. */
struct sim_prefix {
    wr_instant unbound_tat, reject_tat;
};

#define SIM_PREFIXES_MAX 65536

struct sim_bare_cause {
    uint64_t cause;
    struct wr_session_id session;
};

#define SIM_BARE_CAUSES 1024

enum sim_entry {
    SIM_ENTRY_OTHER,
    SIM_ENTRY_DEADLINE,
    SIM_ENTRY_VERIFIED,
    SIM_ENTRY_REVOKE,
    SIM_ENTRY_BAN,
    SIM_ENTRY_LIMITS,
};

struct sim_oracle {
    struct wr_relay_config config;
    struct wr_address own[WR_OWN_ADDRESSES_MAX];
    char relay_id[WR_RELAY_ID_BYTES_MAX + 1];
    char name[64];
    uint64_t peer_cost_ns, peer_burst_ns; /* of one packet; 0 where the limit is off */
    struct sim_truth *truth;
    void *context;
    void (*violated)(void *context, const struct sim_violation *violation);

    /* the entry under way */
    bool inside;
    wr_instant now;
    uint64_t wall_ms;
    wr_instant started_ns; /* of the relay: cookie periods count from here */
    bool started;
    wr_instant limits_ns; /* when limits changed last: what they brought forward ends no earlier */
    uint32_t limits_sessions; /* and the sessions there were then, which stay */
    enum sim_entry entry;
    struct sim_digest entry_ban;
    uint8_t entry_key[WR_PUBLIC_KEY_BYTES];

    struct sim_arrival *batch;
    uint8_t *batch_bytes;
    uint32_t batch_count, batch_capacity, batch_cursor;
    uint32_t batch_met; /* the first so many of them: the core has had them */
    uint64_t arrivals;

    struct sim_kept **kept; /* pointers, so that growth moves no bytes */
    uint32_t kept_count, kept_free, kept_capacity;
    struct sim_map kept_by_tag;
    uint32_t *touched; /* kept slots that something happened to in this entry */
    uint32_t touched_count, touched_capacity;
    uint32_t held_now, pending_now;
    wr_instant next_hold_ns;

    struct sim_session *sessions;
    uint32_t session_count, session_capacity, session_free, sessions_used, sessions_active;
    uint32_t *session_table; /* by id, open addressing; slot + 1, 0 for none */
    uint32_t session_table_size, session_table_filled;
    uint32_t *address_heads; /* by address, chained; node + 1 */
    uint32_t address_table_size, address_nodes;
    uint32_t *heap;
    uint32_t heap_count;

    struct sim_key *keys;
    uint32_t key_count, key_capacity;
    uint8_t (*revoked)[WR_PUBLIC_KEY_BYTES];
    uint32_t revoked_count, revoked_capacity;
    struct sim_digest *bans;
    uint32_t ban_count, ban_capacity;
    bool draining, drained;
    bool key_expected, key_arrived;
    uint32_t key_given;           /* place of the key that was handed in last */
    wr_instant refresh_wanted_ns; /* the last; WR_NEVER for none */

    struct sim_request requests[WR_VERIFICATIONS_OUT + 1];
    wr_instant verify_tat;
    /* What is due while a host is paused happens late, all at once, as if at its moment: from here
     * on it may have been, so here it draws on limits. The same as `now` for a host in time. */
    wr_instant since_ns;
    wr_instant due_ns; /* the relay's next deadline, as it said last */
    struct sim_good_signature *good;
    uint32_t good_count, good_capacity;
    struct sim_map good_map;

    struct sim_given_cookie *cookies[2]; /* of this period and of the one before */
    uint32_t cookie_count[2], cookie_capacity[2];
    struct sim_map cookie_map[2];
    uint64_t cookie_period;

    struct sim_map prefix_map; /* of sources -> place in prefixes */
    struct sim_prefix *prefixes;
    uint32_t prefix_count, prefix_capacity;
    wr_instant reject_all_tat;
    struct sim_map identity_map; /* of identities that took a role -> place in identity_tats */
    wr_instant *identity_tats;
    uint32_t identity_count, identity_capacity;
    uint64_t unbound_second, unbound_seen[2]; /* requests of strangers, this second and the last */

    struct wr_counters expected;
    uint64_t bare_forwarded_bytes;

    struct sim_token token; /* the last one read */
    uint64_t token_tag;

    struct sim_bare_cause *bare_causes; /* of the last bare sends, a ring */
    uint64_t bare_sends;
    struct sim_violation kept_violations[SIM_VIOLATIONS_KEPT];
    uint64_t violations, violations_of[SIM_ORACLE_COUNT], judged[SIM_ORACLE_COUNT];
};

/* Counts, formats and reports. `tag` 0 for none. */
void sim_oracle_violate(struct sim_oracle *oracle, enum sim_oracle_name name, uint64_t tag,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

static inline void sim_oracle_judges(struct sim_oracle *oracle, enum sim_oracle_name name)
{
    oracle->judged[name]++;
}

/* ---- Lookup ---------------------------------------------------------------------------------- */

/* Memory that grows by doubling; aborts where there is none (a run cannot go on without). */
void *sim_oracle_grow(void *items, uint32_t *capacity, uint32_t needed, size_t item_bytes);

uint32_t sim_map_find(const struct sim_map *map, uint64_t key); /* SIM_NO_SLOT for none */
void sim_map_put(struct sim_map *map, uint64_t key, uint32_t slot);
void sim_map_remove(struct sim_map *map, uint64_t key);
void sim_map_clear(struct sim_map *map);
void sim_map_free(struct sim_map *map);

struct sim_session *sim_session_find(struct sim_oracle *oracle, const struct wr_session_id *id);
/* The result moves with the next creation; hold slots, not pointers, across it. */
struct sim_session *sim_session_create(struct sim_oracle *oracle, const struct wr_session_id *id);
void sim_session_remove(struct sim_oracle *oracle, struct sim_session *session);

/* The role that `address` is bound in, or -1. */
static inline int sim_session_role_of(const struct sim_session *session,
                                      const struct wr_address *address)
{
    for (int role = 0; role < WR_ROLES; role++) {
        if (session->roles[role].bound &&
            __builtin_memcmp(&session->roles[role].address, address, sizeof *address) == 0)
            return role;
    }
    return -1;
}

static inline bool sim_address_equal(const struct wr_address *a, const struct wr_address *b)
{
    return __builtin_memcmp(a, b, sizeof *a) == 0;
}

static inline bool sim_address_same_ip(const struct wr_address *a, const struct wr_address *b)
{
    return __builtin_memcmp(a->ip, b->ip, 16) == 0 && a->zone == b->zone;
}

/* Binds or unbinds a role's address in the address table; the role's own fields are set. */
void sim_session_bind(struct sim_oracle *oracle, struct sim_session *session, int role,
                      const struct wr_address *address);
void sim_session_unbind(struct sim_oracle *oracle, struct sim_session *session, int role);

/* Sessions where `address` is bound: how many in all and how many active; one active one. */
struct sim_bindings {
    uint32_t all, active;
    struct sim_session *session;
    int role;
};
struct sim_bindings sim_address_bindings(struct sim_oracle *oracle,
                                         const struct wr_address *address);

/* The ends of its wait for a peer, and of its idleness. */
wr_instant sim_session_wait_over(const struct sim_oracle *oracle,
                                 const struct sim_session *session);
wr_instant sim_session_idle_over(const struct sim_oracle *oracle,
                                 const struct sim_session *session);
/* When something must end in this session, as the model has it. */
wr_instant sim_session_deadline(const struct sim_oracle *oracle, const struct sim_session *session);
/* To be called when a deadline may have come nearer. */
void sim_session_deadline_moved(struct sim_oracle *oracle, struct sim_session *session);
/* The session whose deadline lies before `before`, or NULL. */
struct sim_session *sim_session_overdue(struct sim_oracle *oracle, wr_instant before);

/* ---- Arrivals: sim/oracle_arrival.c ---------------------------------------------------------- */

/* The datagram with this tag, if its outcome or verdict is still open or came in this entry. */
struct sim_arrival *sim_arrival_find(struct sim_oracle *oracle, uint64_t tag);
struct sim_arrival *sim_arrival_add(struct sim_oracle *oracle, const struct wr_datagram *datagram,
                                    uint32_t sender);
/* At the end of an entry: keeps what is open, forgets what is done. */
void sim_arrivals_settle(struct sim_oracle *oracle);

void sim_oracle_state_clear(struct sim_oracle *oracle);
void sim_oracle_state_free(struct sim_oracle *oracle);

#endif
