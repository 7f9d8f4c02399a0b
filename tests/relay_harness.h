/*
 * One relay on a test's desk, driven through its public header: a clock moved by hand, leases with
 * real signatures, and a record of everything that comes out. Owns the global `desk` (a test is a
 * process of its own) and checks after every step that the counts add up; declines to know what a
 * test expects.
 */
#ifndef RELAY_HARNESS_H
#define RELAY_HARNESS_H

#include "mint.h"

#include <wavry/relay.h>

#define DESK_RELAY_ID "relay-a"
#define DESK_UNIX_MS  UINT64_C(1795000000000) /* wall clock at monotonic time 0 */
#define DESK_KEYS     12
#define DESK_SENT     8 /* so many of the last sends are kept */
#define DESK_LOG      (1 << 20)

struct desk_sent {
    struct wr_address to;
    uint64_t cause;
    uint32_t via;
    uint32_t size;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

struct desk {
    struct wr_relay_config config; /* a test may change it before desk_open */
    struct wr_relay *relay;
    wr_instant now_ns;
    int64_t wall_offset_ms;
    bool verifies_later; /* results wait for desk_verify; else they come right behind the input */
    uint64_t entropy;
    uint64_t tags;        /* the last one given */
    uint32_t via;         /* of what arrives */
    bool bound_elsewhere; /* so does this */
    struct {
        struct wr_address address;
        enum wr_bound bound;
        uint32_t shared_sessions; /* at that moment, where something is shared */
    } bound[DESK_SENT];           /* number n at n % DESK_SENT: what changed last */
    uint32_t bound_count;

    enum wr_outcome outcome; /* of the last datagram; WR_OUTCOME_COUNT while it has none */
    enum wr_verdict verdict; /* the last one heard; WR_VERDICT_COUNT for none since the input */
    struct wr_event event;   /* the last that is no outcome or verdict; pointers are gone */
    char kid[WR_KID_BYTES_MAX + 1];
    uint32_t events[WR_EVENT_DRAINED + 1];
    struct desk_sent sent[DESK_SENT]; /* number n at n % DESK_SENT */
    uint32_t sent_count;
    struct {
        uint32_t id;
        int result;
    } asked[WR_VERIFICATIONS_OUT];
    uint32_t asked_count;
    uint32_t asked_keys; /* of the last verification */

    uint8_t public_keys[DESK_KEYS][WR_PUBLIC_KEY_BYTES];
    uint8_t secret_keys[DESK_KEYS][WR_SECRET_KEY_BYTES];

    char *log; /* everything that came out, one line each; NULL while nobody wants it */
    size_t log_bytes;
};
extern struct desk desk;

/* A lease to mint, filled with what is usual by desk_lease. */
struct lease {
    const char *sub;
    const char *rid;
    const char *kid; /* NULL for none */
    uint32_t key;    /* that signs it */
    struct wr_session_id session;
    struct wr_session_id sid; /* what the claims say; the same, usually */
    enum wr_role role;
    enum wr_role presented;
    int64_t issued_ms;  /* from now */
    int64_t expires_ms; /* from now */
    int64_t not_before_ms;
    bool no_issue;
    uint32_t soft_limit_kbps, hard_limit_kbps;
    const char *extra; /* to make other bytes of the same claims */
    bool spoiled;      /* its signature */
    bool renew;        /* in a LEASE_RENEW */
    const uint8_t *cookie;
};

/* The configuration that tests start from, and keys. desk_open creates the relay and adds key 1 as
 * "k1"; desk_close ends it. */
void desk_reset(void);
void desk_open(void);
void desk_close(void);

/* Moves the clock, acting on every deadline up to and including then. */
void desk_go(wr_instant at_ns);
void desk_wait(uint64_t span_ns);

/* Gives back the results of all verifications that are out, in their order. */
void desk_verify(void);

/* Snapshots the relay and checks that outcomes and verdicts add up. */
struct wr_snapshot desk_check(void);

struct wr_address at(const char *text);

/* "10.x.y.z:5000": a network of its own for every number. The text lives for 16 calls. */
const char *host(uint32_t number);
struct wr_session_id session_of(uint32_t number);
enum wr_key_result desk_key(const char *kid, uint32_t key, enum wr_key_standing standing);
void desk_drop_key(uint32_t key);

/* The lease of a session's peer: subject "client-N" or "server-N", an hour from now. */
struct lease desk_lease(uint32_t session, enum wr_role role);
uint32_t desk_encode(const struct lease *lease, uint8_t out[WR_DATAGRAM_BYTES_MAX]);

/* What follows sends one datagram into the relay and returns its outcome (WR_OUTCOME_COUNT while it
 * is held); `desk.verdict` tells about a lease. */
enum wr_outcome desk_arrive(struct wr_address from, const uint8_t *bytes, uint32_t size);
enum wr_outcome present(const struct lease *lease, const char *from);
enum wr_outcome forward(uint32_t session, const char *from, uint64_t sequence);
enum wr_outcome forward_sized(uint32_t session, const char *from, uint64_t sequence, uint32_t size);
enum wr_outcome rift(uint32_t session, const char *from, uint64_t packet_id);
enum wr_outcome bare_handshake(const char *from);
enum wr_outcome bare_transport(const char *from);
enum wr_outcome renew(uint32_t session, const char *from, const uint8_t *cookie);
enum wr_outcome release(uint32_t session, const char *from, const uint8_t *cookie);

/* Presents and gives the verdict. */
enum wr_verdict verdict_of(const struct lease *lease, const char *from);

/* Both peers of a session, from these addresses; both must be accepted. */
void join(uint32_t session, const char *client, const char *server);

/* The last datagram that was sent, decoded; fails the test where there is none. */
struct wr_packet last_sent(void);
const uint8_t *last_cookie(void);

/* How the relay said last that it has an address bound; -1 where it never spoke of it. */
int last_bound(const char *address);

/* To whom it went. */
bool last_went_to(const char *address);

#endif
