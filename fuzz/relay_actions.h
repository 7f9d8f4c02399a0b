/*
 * What the records of an input to the target `relay` mean (fuzz/actions.h is their form). Every
 * record stands for itself: it names addresses, sessions, keys and tokens by small numbers, and
 * what it says of them does not depend on where it stands. Sequences are said relative to the top
 * of a replay window, spans relative to the next deadline, cookies by whom they were given to: by
 * what the relay's state is, not by how many records came before. Copies alone are counted: COPY
 * means one of the last four datagrams that an address has sent, so taking one of those out, or
 * putting one between, gives it another.
 */
#ifndef FUZZ_RELAY_ACTIONS_H
#define FUZZ_RELAY_ACTIONS_H

#include "actions.h"
#include "relay_world.h"

/* Tag, name, bytes of its body: a byte a number, as is said above the function that carries it out
 * (relay_actions.c). */
#define RELAY_ACTIONS(X)                                                                           \
    X(NOTHING, "nothing", 0)                                                                       \
    X(LEASE, "lease", 14)                                                                          \
    X(RENEW, "renew", 4)                                                                           \
    X(FORWARD, "forward", 9)                                                                       \
    X(BARE, "bare", 5)                                                                             \
    X(JUNK, "junk", 7)                                                                             \
    X(RAW, "raw", 64)                                                                              \
    X(COPY, "copy", 4)                                                                             \
    X(PASS, "pass", 2)                                                                             \
    X(DEADLINE, "deadline", 1)                                                                     \
    X(WALL_STEP, "wall-step", 2)                                                                   \
    X(KEY, "key", 3)                                                                               \
    X(RETIRE, "retire", 1)                                                                         \
    X(REVOKE, "revoke", 1)                                                                         \
    X(BAN, "ban", 1)                                                                               \
    X(UNBAN, "unban", 1)                                                                           \
    X(DRAIN, "drain", 1)                                                                           \
    X(BACKPRESSURE, "backpressure", 1)                                                             \
    X(VERIFY_NOW, "verify-now", 1)                                                                 \
    X(VERIFY_LATER, "verify-later", 2)                                                             \
    X(LIMIT, "limit", 2)                                                                           \
    X(OPTION, "option", 2)                                                                         \
    X(LOOK, "look", 0)                                                                             \
    X(REFUSAL, "refusal", 2)                                                                       \
    X(ROOM_FOR_BANS, "room-for-bans", 1)

#define RELAY_ENUM_ACTION(name, text, bytes) RELAY_DO_##name,
enum relay_action_tag { RELAY_ACTIONS(RELAY_ENUM_ACTION) RELAY_ACTION_COUNT };

/* Lives the whole input: OPTION and ROOM_FOR_BANS records first, wherever they stand, then the
 * others in order. With
 * `explain` or `trace` it says what it does on the way. */
void relay_actions_live(struct relay_world *world, const uint8_t *bytes, size_t size, FILE *explain,
                        FILE *trace);

const char *relay_action_name(uint8_t tag); /* NULL for one that means nothing */
uint32_t relay_action_bytes(uint8_t tag);

/* ---- Options (relay_options.c) --------------------------------------------------------------- */

/* Members of the configuration that inputs set, and what to. */
struct relay_options {
    struct wr_relay_config config;
    uint64_t verify_ns;
};
void relay_options_default(struct relay_options *options);

/* One option by number and choice, both of any size; `at_birth` says that the relay is not made
 * yet. Describes itself into `text`. */
void relay_options_set(struct relay_options *options, uint8_t option, uint8_t choice, bool at_birth,
                       char *text, size_t bytes);

/* Puts a member beyond the range of docs/protocol.md, by number and choice of any size, and returns
 * the member's name: what the core must object to. */
const char *relay_options_spoil(struct wr_relay_config *config, uint8_t option, uint8_t choice);

/* The first line of a trace. */
void relay_options_trace(const struct relay_options *options, FILE *out);

/* Names what a trace cannot say of them, NULL where it can say all. */
const char *relay_options_beyond_trace(const struct relay_options *options);

/* ---- Coverage (relay_coverage.c) ------------------------------------------------------------- */

/* Tells the fuzzing engine which combination of states the model is in now: after each action. */
void relay_coverage(struct relay_world *world, uint32_t from);

#endif
