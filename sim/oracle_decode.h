/*
 * The oracles' own reading of a datagram: what section 1 says it is, and what a relay must call it
 * where it is not one. Owns the layout of the wire a second time, written apart from the core's on
 * purpose; knows no sessions and no state.
 */
#ifndef SIM_ORACLE_DECODE_H
#define SIM_ORACLE_DECODE_H

#include <wavry/relay.h>

enum sim_sight_kind {
    SIM_SIGHT_JUNK, /* `failure` says which outcome it must have */
    SIM_SIGHT_PRESENT,
    SIM_SIGHT_RENEW,
    SIM_SIGHT_ACK,
    SIM_SIGHT_REJECT,
    SIM_SIGHT_FORWARD,
    SIM_SIGHT_BARE_HANDSHAKE,
    SIM_SIGHT_BARE_TRANSPORT,
};

/* Offsets point into the datagram it was read from; nothing is copied but fixed fields. */
struct sim_sight {
    enum sim_sight_kind kind;
    enum wr_outcome failure; /* JUNK only */
    struct wr_session_id session;
    uint8_t flags;

    /* PRESENT and RENEW */
    bool has_token;
    uint8_t presented_role;
    uint32_t token_at, token_bytes;
    bool has_cookie; /* also ACK and REJECT */
    uint32_t cookie_at;
    bool releases;

    /* ACK and REJECT */
    uint64_t expires_unix_ms;
    uint32_t soft_kbps, hard_kbps;
    uint16_t reason;

    /* FORWARD */
    bool rift;
    bool exempt; /* RIFT handshake form or packet id 0 (section 3, Replay) */
    uint64_t sequence;
};

/* Reads one datagram, in the order of section 1's checks. */
struct sim_sight sim_sight_of(const uint8_t *bytes, uint32_t size, bool bare_rift);

/* Port 0, multicast, broadcast, unspecified (section 5, Reflection). */
bool sim_sight_unanswerable(const struct wr_address *address);

#endif
