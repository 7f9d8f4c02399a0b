/*
 * From bytes to a scenario: what the records of an input to the target `world` (fuzz/actions.h is
 * their form) say of a small world, written as the JSON that `wavry-sim run` takes. Three sessions
 * of two peers each at most, three NATs, three links, two attackers, one relay and its master: they
 * have fixed names and numbers, a record changes one thing about one of them, and what is not
 * mentioned is as the simulator has it by default. Every input gives a scenario without mistakes.
 */
#ifndef FUZZ_WORLD_SCENARIO_H
#define FUZZ_WORLD_SCENARIO_H

#include "actions.h"

/* Tag, name, bytes of the body. All but DO: (which,) member, choice. */
#define WORLD_RECORDS(X)                                                                           \
    X(NOTHING, "nothing", 0)                                                                       \
    X(RUN, "run", 2)                                                                               \
    X(LINK, "link", 3)                                                                             \
    X(NAT, "nat", 3)                                                                               \
    X(OPTION, "option", 2)                                                                         \
    X(RELAY, "relay", 2)                                                                           \
    X(MASTER, "master", 2)                                                                         \
    X(PEER, "peer", 3)                                                                             \
    X(SESSION, "session", 3)                                                                       \
    X(LEASE, "lease", 3)                                                                           \
    X(ATTACKER, "attacker", 3)                                                                     \
    X(DO, "do", 13)

#define WORLD_ENUM_RECORD(name, text, bytes) WORLD_##name,
enum world_record_tag { WORLD_RECORDS(WORLD_ENUM_RECORD) WORLD_RECORD_COUNT };

/* Longest body of a record. */
#define WORLD_BODY_MAX 13

#define WORLD_JSON_MAX 65536

/* Writes the scenario named `name` (lower-case letters, digits, '-') into `json`, terminated.
 * Returns its characters. */
size_t world_scenario_write(const uint8_t *bytes, size_t size, const char *name,
                            char json[WORLD_JSON_MAX]);

#endif
