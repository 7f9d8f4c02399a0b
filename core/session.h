/*
 * A session and its two seats (section 3): what each peer was granted, where it is bound, where it
 * may be moving, and when all of that ends. Owns the state and its small rules; finding sessions is
 * session_table's, changing them in answer to datagrams is lease_path's, renew_path's, moving's and
 * forward_path's.
 */
#ifndef WR_SESSION_H
#define WR_SESSION_H

#include "keyed_hash.h"
#include "replay.h"

#include <wavry/relay.h>

#define WR_SLOT_NONE UINT32_MAX

#define WR_CANDIDATE_LIFE_NS     (30 * WR_S) /* a candidate waits so long for its promotion */
#define WR_REMEMBERED_LIFE_NS    (30 * WR_S) /* a displaced address may come back so long */
#define WR_SILENCE_BY_COOKIE_NS  (1 * WR_S)  /* rule 1 */
#define WR_SILENCE_BY_FORWARD_NS (2 * WR_S)  /* rule 2 */
#define WR_STALE_RECEIVER_NS     (30 * WR_S) /* cf. consent freshness, RFC 7675 */
#define WR_MESSAGE_3_WAIT_NS     (50 * WR_MS)
#define WR_MESSAGE_3_HELD_MAX    2

#define WR_PATH_CAP_FACTOR 3 /* bytes to an unproven path for each byte from it */

/* Where a datagram came from, and so where an answer goes: the address and the local end. */
struct wr_route {
    struct wr_address address;
    uint32_t via;
};

/* An address that presented the bound token or sent a FORWARD, not promoted yet. Lives until
 * `until_ns`; 0 means none. */
struct wr_candidate {
    struct wr_route route;
    wr_instant until_ns;
    uint64_t received_bytes; /* since it became candidate */
    struct wr_jump jump;
};

/* The address that a promotion by rule 1 or 2 displaced, and its window's top. */
struct wr_remembered {
    struct wr_route route;
    bool empty;          /* the window was */
    bool bound_by_token; /* and what else was true of the seat */
    bool path_capped;
    wr_instant until_ns; /* 0: none */
    uint64_t top;
    uint64_t path_credit_bytes; /* what may still be sent there while path_capped */
    struct wr_jump jump;
};

/* The address that a promotion by rule 3 displaced. */
struct wr_displaced {
    struct wr_route route;
    wr_instant until_ns; /* 0: none */
};

/* The address that a reversion displaced: rule 2 does not bring it back before `until_ns`. */
struct wr_loser {
    uint64_t address_mark; /* keyed hash */
    wr_instant until_ns;
};

/* The order of a role's tokens (section 3): by issue, then by expiry. */
struct wr_token_order {
    uint64_t issued_unix_ms; /* 0 where missing */
    uint64_t expires_unix_ms;
};

struct wr_seat {
    /* Touched by every FORWARD. */
    struct wr_route bound;
    bool is_bound;
    bool is_locked : 1;   /* `identity` holds for the session's life */
    bool is_released : 1; /* vacated by its peer: the released token does not come back */
    bool bound_by_token;  /* not by rule 1 or 2 */
    bool path_capped;     /* moved by rule 2 to another IP and not proven since */
    wr_instant sign_ns;   /* last sign of life of the bound address */
    wr_instant heard_ns;  /* last time that it was heard */
    wr_instant peer_tat;
    wr_instant exempt_tat;
    wr_instant bare_renew_tat;
    uint64_t path_credit_bytes; /* what may still be sent there while path_capped */
    struct wr_replay replay;

    /* The lease. */
    wr_instant ends_ns;           /* forwarded to and from until then */
    wr_instant signed_ends_ns;    /* what the signature allows */
    uint64_t ack_expires_unix_ms; /* the end that applies, without skew */
    uint32_t soft_limit_kbps;
    uint32_t hard_limit_kbps;
    struct wr_token_order order;
    uint8_t token_mark[WR_TOKEN_MARK_BYTES]; /* of the bound token's bytes */
    uint8_t identity[WR_IDENTITY_HASH_BYTES];
    uint64_t key_mark; /* keyed hash of the key that signed the bound token */

    /* The index by address: neighbours with the same head (session_table). */
    uint32_t index_next, index_previous;

    /* Moving. */
    struct wr_candidate candidate;
    struct wr_remembered remembered;
    struct wr_displaced displaced;
    struct wr_loser loser;
};

enum wr_session_state { WR_SESSION_WAITING_PEER, WR_SESSION_ACTIVE };

/* How far a bare handshake got (section 1). */
struct wr_handshake {
    bool seen[WR_ROLES]; /* a handshake packet of this side was relayed */
    bool started;        /* `first` is known */
    bool message_3_due;
    uint8_t first; /* role whose handshake packet went first */
    uint8_t held_count;
    uint32_t held[WR_MESSAGE_3_HELD_MAX]; /* FORWARDs of `first`, in the hold pool */
};

struct wr_session {
    struct wr_session_id id;
    enum wr_session_state state;
    uint32_t next;         /* in its bucket of the index by id, or in the free list */
    uint32_t heap_at;      /* place in the deadline heap */
    uint32_t older, newer; /* order of creation */
    bool expired_role;     /* a role was vacated by expiry since it was last active */
    bool over_soft;        /* above the soft limit now */
    struct wr_handshake handshake;
    uint64_t number;          /* order of creation */
    uint32_t soft_limit_kbps; /* the lower of both leases */
    uint32_t hard_limit_kbps;
    wr_instant hard_tat;
    wr_instant soft_tat;
    wr_instant candidate_tat;
    wr_instant remembered_tat;
    wr_instant active_since_ns;
    wr_instant waiting_since_ns;
    wr_instant heard_ns; /* last time that any bound address was */
    struct wr_seat seats[WR_ROLES];
};

/* Sessions lie one behind the other: whole cache lines, so that none shares one with its neighbour
 * and a FORWARD touches as few as can be. */
_Static_assert(sizeof(void *) < 8 || sizeof(struct wr_session) % 64 == 0, "whole cache lines");

/* The role in which an address is bound; -1 for none. */
int wr_session_role_of(const struct wr_session *session, const struct wr_address *address);

/* True when exactly both seats are bound. */
static inline bool wr_session_both_bound(const struct wr_session *session)
{
    return session->seats[WR_ROLE_CLIENT].is_bound && session->seats[WR_ROLE_SERVER].is_bound;
}

/* Limits of the session: the lower of those of the bound roles' leases. */
void wr_session_update_limits(struct wr_session *session);

/* Older, equal or newer: <0, 0, >0. */
int wr_token_order_compare(const struct wr_token_order *a, const struct wr_token_order *b);

/* The earliest end of anything: a bound lease, the wait for a peer, idleness. */
wr_instant wr_session_deadline(const struct wr_session *session, uint64_t peer_wait_ns,
                               uint64_t idle_timeout_ns);

static inline bool wr_candidate_lives(const struct wr_candidate *candidate, wr_instant now)
{
    return now < candidate->until_ns;
}

static inline bool wr_remembered_lives(const struct wr_remembered *remembered, wr_instant now)
{
    return now < remembered->until_ns;
}

#endif
