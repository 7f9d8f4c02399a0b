/*
 * Datagrams that an attacker makes up: tokens without a valid signature, packets of every kind, a
 * copy with another cookie, a FORWARD ahead of what was seen. Owns the templates of its tokens and
 * the dice; declines to know when they are sent, and from where.
 */
#ifndef SIM_FORGE_H
#define SIM_FORGE_H

#include "rng.h"
#include "scenario_timeline.h"
#include "wire.h"

#define SIM_FORGE_TOKEN_BYTES_MAX 900

struct sim_forge {
    struct sim_rng dice;
    uint32_t token_bytes;
    uint8_t token[SIM_FORGE_TOKEN_BYTES_MAX]; /* each use gets a signature of its own */
    enum sim_token kind;
};

/* Tokens of `kind` (not VALID: only a master makes those) that claim `relay_id`, `kid` and
 * `session` (nil: an invented one), and to be issued at `wall_unix_ms`. `name` seeds the dice
 * together with `seed`. */
void sim_forge_init(struct sim_forge *forge, uint64_t seed, const char *name, enum sim_token kind,
                    const char *relay_id, const char *kid, const struct wr_session_id *session,
                    uint64_t wall_unix_ms);

/* A token, each time another one. Returns its bytes; at most `capacity`, which is at least
 * SIM_FORGE_TOKEN_BYTES_MAX. */
uint32_t sim_forge_token(struct sim_forge *forge, uint8_t *out);

struct wr_session_id sim_forge_session(struct sim_forge *forge);

/* All below write a datagram of at most WR_DATAGRAM_BYTES_MAX bytes and return its size. */

/* Of this kind (ANY: one of them all) and about `bytes` long, where the kind leaves the choice. */
uint32_t sim_forge_packet(struct sim_forge *forge, enum sim_packet kind,
                          const struct wr_session_id *session, uint32_t bytes, uint8_t *out);

/* A FORWARD with this sequence, `bytes` long, as RIFT where the flow speaks it. */
uint32_t sim_forge_forward(struct sim_forge *forge, const struct wr_session_id *session, bool rift,
                           uint64_t sequence, uint32_t bytes, uint8_t *out);

/* The same packet with `cookie` (NULL: without one) where it is a PRESENT or RENEW, else as it is.
 */
uint32_t sim_forge_with_cookie(const uint8_t *bytes, uint32_t size, const uint8_t *cookie,
                               uint8_t *out);

/* What kind a datagram is. */
enum sim_packet sim_forge_kind(const uint8_t *bytes, uint32_t size);

#endif
