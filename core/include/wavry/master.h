/*
 * The relay's link to its master (section 8): register, heartbeat, backoff, re-registration and key
 * refresh as one state machine. It emits requests as values and takes parsed answers; it declines
 * to know HTTP, JSON, clocks and relay cores: keys go to its owner through a callback, so that one
 * link can feed many cores.
 *
 * Section numbers in comments are those of docs/protocol.md.
 */
#ifndef WAVRY_MASTER_H
#define WAVRY_MASTER_H

#include <wavry/relay.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WR_MASTER_INTERVAL_MIN_NS    (500 * WR_MS)
#define WR_MASTER_INTERVAL_MAX_NS    (60 * WR_S)
#define WR_MASTER_BACKOFF_MIN_NS     (1 * WR_S)
#define WR_MASTER_BACKOFF_MAX_NS     (60 * WR_S)
#define WR_MASTER_KEY_PERIOD_NS      (60 * WR_S) /* well-known is asked this often anyway */
#define WR_MASTER_KEY_WANTED_NS      (10 * WR_S) /* and at most this often for an unknown kid */
#define WR_MASTER_TIMEOUT_NS         (10 * WR_S) /* a request without an answer has failed */
#define WR_MASTER_HEARTBEAT_FAILURES 6           /* in a row: register again */

enum wr_master_request_kind {
    WR_MASTER_REGISTER,  /* POST /v1/relays/register */
    WR_MASTER_HEARTBEAT, /* POST /v1/relays/heartbeat */
    WR_MASTER_KEY,       /* GET /.well-known/wavry-id */
};
const char *wr_master_request_name(enum wr_master_request_kind kind);

struct wr_master_request {
    enum wr_master_request_kind kind;
    uint32_t load_pct; /* heartbeat: 0..100 */
    uint64_t id;       /* names the request in its answer; never 0 */
};

/* What became of a request. Everything but OK is a failure. */
enum wr_master_status {
    WR_MASTER_OK,
    WR_MASTER_BAD_REQUEST,  /* 400 */
    WR_MASTER_UNAUTHORIZED, /* 401 */
    WR_MASTER_FORBIDDEN,    /* 403 */
    WR_MASTER_NOT_FOUND,    /* 404 */
    WR_MASTER_OTHER,        /* any other HTTP status, redirects included */
    WR_MASTER_GARBAGE,      /* 200 with an answer that cannot be read, or is longer than 64 KiB */
    WR_MASTER_UNREACHABLE,  /* no connection, or it broke */
    WR_MASTER_TIMED_OUT,    /* the environment or this link lost patience */
};
#define WR_MASTER_STATUS_COUNT 9
const char *wr_master_status_name(enum wr_master_status status);

/* The master will not have what it was told (400, 401, 403): to say the same again is no use. */
static inline bool wr_master_status_refuses(enum wr_master_status status)
{
    return status == WR_MASTER_BAD_REQUEST || status == WR_MASTER_UNAUTHORIZED ||
           status == WR_MASTER_FORBIDDEN;
}

struct wr_master_answer {
    enum wr_master_status status;
    uint64_t heartbeat_interval_ms; /* register */
    bool has_key;                   /* register, key */
    uint8_t public_key[WR_PUBLIC_KEY_BYTES];
    char kid[WR_KID_BYTES_MAX + 1]; /* NUL-terminated; "" for none */
};

enum wr_master_event {
    WR_MASTER_REGISTERED, /* registered_with_master is true now */
    WR_MASTER_LOST,       /* and now it is false */
};

/* What the link asks of its owner. No function may call back into the link. `event` and
 * `key_conflict` may be NULL. */
struct wr_master_environment {
    void *context;
    void (*request)(void *context, const struct wr_master_request *request);
    void (*entropy)(void *context, uint8_t *out, size_t bytes);
    uint32_t (*load_pct)(void *context); /* asked for each heartbeat, not while draining */
    /* A key from the master, to be added to every core (not pinned). Told with every answer that
     * carries one: the ring knows what is new. Never called where keys are pinned. */
    void (*key)(void *context, const char *kid, const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);
    /* Keys are pinned and the master names another one: log it (section 8, Key ring). */
    void (*key_conflict)(void *context, const char *kid,
                         const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);
    void (*event)(void *context, enum wr_master_event event);
};

#define WR_MASTER_COUNTERS(X)                                                                      \
    X(registers_sent)                                                                              \
    X(registers_failed)                                                                            \
    X(heartbeats_sent)                                                                             \
    X(heartbeats_failed)                                                                           \
    X(key_fetches_sent)                                                                            \
    X(key_fetches_failed)                                                                          \
    X(keys_learned)     /* answers whose key was handed on */                                      \
    X(keys_conflicting) /* answers whose key is not among the pinned ones */                       \
    X(late_answers)     /* to a request that is no longer waited for */

struct wr_master_counters {
#define WR_MASTER_FIELD_COUNTER(name) uint64_t name;
    WR_MASTER_COUNTERS(WR_MASTER_FIELD_COUNTER)
    uint64_t answers[WR_MASTER_STATUS_COUNT]; /* by status, timeouts of this link included */
};

/* One request on its way. `id` 0: none. */
struct wr_master_pending {
    uint64_t id;
    wr_instant timeout_ns;
};

/* Open, so that an owner can embed it and a test can hold one on its stack; only the functions
 * below write to it. */
struct wr_master_link {
    struct wr_master_environment environment;
    struct wr_master_counters counters;
    uint8_t pinned[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    uint32_t pinned_count;
    bool registered; /* registered_with_master: the last register or heartbeat succeeded */
    bool enlisted;   /* the master has taken us in: heartbeats, not registers, are due */
    bool draining;
    bool key_wanted;            /* an unknown kid asks for a refresh that was not sent yet */
    uint32_t failures_in_a_row; /* heartbeats */
    uint64_t last_id;
    uint64_t interval_ns;
    uint64_t backoff_ns;              /* of the next failed register */
    wr_instant next_contact_ns;       /* register or heartbeat */
    wr_instant renewal_ns;            /* while enlisted: register anew, WR_NEVER for not */
    wr_instant next_key_ns;           /* the refresh that comes anyway */
    wr_instant key_allowed_ns;        /* before it no refresh for an unknown kid */
    struct wr_master_pending contact; /* register or heartbeat */
    bool contact_is_register;
    struct wr_master_pending key_fetch;
};

/* `pinned` (0..WR_KEYS_MAX keys, copied) are then the only ones trusted; the owner adds them to its
 * cores itself. The first register is due at `now`: call wr_master_link_on_deadline. */
void wr_master_link_init(struct wr_master_link *link,
                         const struct wr_master_environment *environment,
                         const uint8_t (*pinned)[WR_PUBLIC_KEY_BYTES], uint32_t pinned_count,
                         wr_instant now);

/* Other keys are pinned from now on: the master's next answers are judged by them. Whether any are
 * stays as it was at wr_master_link_init. */
void wr_master_link_set_pinned(struct wr_master_link *link,
                               const uint8_t (*pinned)[WR_PUBLIC_KEY_BYTES], uint32_t pinned_count);

/* The next instant at which on_deadline has work. After on_deadline(now) it lies ahead of now. */
wr_instant wr_master_link_next_deadline(const struct wr_master_link *link);
void wr_master_link_on_deadline(struct wr_master_link *link, wr_instant now);

/* The answer to the request `id`. An id that is not waited for (any more) is counted, no more. */
void wr_master_link_answer(struct wr_master_link *link, wr_instant now, uint64_t id,
                           const struct wr_master_answer *answer);

/* An unknown kid was seen (WR_EVENT_KEY_REFRESH_WANTED): asks the master for its key now, or as
 * soon as 10 s have passed since it was last asked for that reason. Without effect where keys are
 * pinned. */
void wr_master_link_key_wanted(struct wr_master_link *link, wr_instant now);

/* What the owner's registrations say has changed: one goes at once, or right behind the request
 * that is on its way. As long as it fails, heartbeats go on and it is tried again with backoff;
 * where the master refuses it (400, 401, 403) what it was told before holds, until it is told anew.
 * Without effect while draining: a registration has the master assign the relay again. */
void wr_master_link_changed(struct wr_master_link *link, wr_instant now);

/* From now on heartbeats say 100 % load; the next one goes at once (section 8, Drain). */
void wr_master_link_drain(struct wr_master_link *link, wr_instant now);

/* registered_with_master of section 9. */
static inline bool wr_master_link_registered(const struct wr_master_link *link)
{
    return link->registered;
}

#ifdef __cplusplus
}
#endif

#endif
