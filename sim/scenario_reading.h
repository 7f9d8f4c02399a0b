/*
 * The steps of sim_scenario_parse that have a file of their own. Each reads one section into
 * reader->scenario, after everything that it can refer to.
 */
#ifndef SIM_SCENARIO_READING_H
#define SIM_SCENARIO_READING_H

#include "scenario_tables.h"

/* keys, masters, links, nats, relays, peers: scenario_topology.c. Names were declared before. */
void sim_read_topology(struct sim_reader *reader, const cJSON *root);

/* sessions, attackers: scenario_sessions.c. */
void sim_read_sessions(struct sim_reader *reader, const cJSON *root);
void sim_read_attackers(struct sim_reader *reader, const cJSON *root);

/* timeline: scenario_actions.c. */
void sim_read_timeline(struct sim_reader *reader, const cJSON *root);

/* expect: scenario_expectations.c. */
void sim_read_expectations(struct sim_reader *reader, const cJSON *root);

/* The only member of a kind, SIM_NONE where there is none or more than one. */
static inline uint32_t sim_only(uint32_t count)
{
    return count == 1 ? 0 : SIM_NONE;
}

/* Whether the last of `times` (1 or more) instants, the first at `at_ns`, is before the end of the
 * run. Spans can be so long that their product is beyond 64 bits. */
static inline bool sim_within_run(const struct sim_scenario *scenario, uint64_t at_ns,
                                  uint64_t every_ns, uint32_t times)
{
    return at_ns < scenario->duration_ns &&
           (times == 1 || every_ns <= (scenario->duration_ns - 1 - at_ns) / (times - 1));
}

/* "name", or "name-3" for the fourth of a counted group. */
const char *sim_member_name(struct sim_reader *reader, const struct sim_group *group,
                            uint32_t index);

#endif
