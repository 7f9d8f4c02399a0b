/*
 * A yard for one attacker: it keeps what the attacker sends, lets it see what a peer says, and
 * answers as a relay would.
 */
#ifndef ATTACKER_YARD_H
#define ATTACKER_YARD_H

#include "attacker.h"
#include "forge.h"

#define YARD_WALL UINT64_C(1795000000000)
#define SENT_MAX  4096

struct sent {
    struct wr_address from;
    uint32_t size;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

/* The world around one attacker: keeps what it sends. */
struct yard {
    struct sim_attacker *attacker;
    struct sim_attacker_spec spec;
    struct wr_session_id session;
    struct wr_address victim;
    struct sent *sent;
    uint32_t sent_count;
    uint32_t valid_tokens;
    bool no_leases;
};

struct wr_address yard_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* An attack of this kind with everything else as harmless as can be; 100 datagrams a second from
 * instant 0 on. */
struct sim_attacker_spec yard_attack(enum sim_attack kind);

/* One yard at a time: what was sent lies in one buffer. */
void yard_open(struct yard *yard, struct sim_attacker_spec spec);
void yard_run(struct yard *yard, wr_instant until);

/* The datagram, decoded; fails the test where it is none of the protocol's. */
struct wr_packet yard_packet(const struct sent *sent);
const struct sent *yard_last(const struct yard *yard);

/* The owner in role client, at its address, says something. Returns the hold-back. */
uint64_t yard_owner_says(struct yard *yard, wr_instant now, const uint8_t *bytes, uint32_t size);
uint64_t yard_owner_forwards(struct yard *yard, wr_instant now, uint64_t sequence);
uint64_t yard_owner_presents(struct yard *yard, wr_instant now, const uint8_t *cookie);

/* An ACK, or a reject 6. */
void yard_relay_answers(struct yard *yard, const struct wr_address *to, bool reject,
                        const uint8_t *cookie);

extern const uint8_t yard_cookie[WR_COOKIE_BYTES];

#endif
