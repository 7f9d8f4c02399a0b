/*
 * The members of every object in a scenario file, as tables for fields.h. Owns names, ranges,
 * defaults and their one-sentence descriptions; the reading order and whatever concerns more than
 * one object at a time is scenario_parse.c's.
 *
 * Where an object is unfolded ("count") or refers to a group, it is read into a draft first.
 */
#ifndef SIM_SCENARIO_TABLES_H
#define SIM_SCENARIO_TABLES_H

#include "fields.h"
#include "scenario_expect.h"
#include "scenario_timeline.h"

/* ---- Drafts ---------------------------------------------------------------------------------- */

struct sim_root_draft {
    struct sim_scenario scenario; /* the scalar members only */
};

struct sim_master_draft {
    struct sim_master_spec spec;
    uint32_t key;
};

struct sim_nat_draft {
    struct sim_nat_spec spec;
    uint32_t count;
};

struct sim_relay_draft {
    struct sim_relay_spec spec;
    uint32_t link;
    bool standalone;
};

struct sim_peer_draft {
    struct sim_peer_spec spec;
    uint32_t count;
    struct sim_range nat;
    uint32_t link;
};

struct sim_session_draft {
    struct sim_session_spec spec;
    struct sim_range peers[WR_ROLES];
    uint64_t start_ns;
    uint64_t spread_ns;
};

struct sim_expect_draft {
    struct sim_expectation expectation;
    uint64_t at_ns;
    uint64_t is;
    struct sim_bound bound;
    const char *flow;
};

/* A bound in an object of its own: {"at_least": …, "at_most": …, "is": …}. */
struct sim_bound_draft {
    struct sim_bound bound;
    uint64_t is;
    struct sim_ratio share_least;
    struct sim_ratio share_most;
};

/* ---- Tables ---------------------------------------------------------------------------------- */

extern const struct sim_table sim_table_root;     /* struct sim_root_draft, without the sections */
extern const struct sim_table sim_table_key;      /* struct sim_key_spec */
extern const struct sim_table sim_table_master;   /* struct sim_master_draft */
extern const struct sim_table sim_table_link;     /* struct sim_link_spec */
extern const struct sim_table sim_table_nat;      /* struct sim_nat_draft */
extern const struct sim_table sim_table_relay;    /* struct sim_relay_draft */
extern const struct sim_table sim_table_options;  /* struct sim_relay_spec */
extern const struct sim_table sim_table_host;     /* struct sim_host_spec */
extern const struct sim_table sim_table_peer;     /* struct sim_peer_draft */
extern const struct sim_table sim_table_session;  /* struct sim_session_draft */
extern const struct sim_table sim_table_lease;    /* struct sim_lease_spec */
extern const struct sim_table sim_table_traffic;  /* struct sim_traffic_spec */
extern const struct sim_table sim_table_attacker; /* struct sim_attacker_spec */

/* Members that the root object has beside those of its table: the sections. */
#define SIM_ROOT_SECTIONS                                                                          \
    "keys masters links nats relays peers sessions attackers timeline expect covers"

/* Members that a session has beside those of its table; each is read with the tables above. */
#define SIM_SESSION_PARTS "lease client_lease server_lease traffic"

/* ---- Timeline -------------------------------------------------------------------------------- */

extern const struct sim_table sim_table_action; /* struct sim_action: every member there is */

struct sim_action_form {
    enum sim_action_kind kind;
    const char *name;     /* what "do" says */
    const char *required; /* members, separated by spaces, beside "at" and "do" */
    const char *optional; /* beside "every" and "times" */
    const char *about;
};

extern const struct sim_action_form sim_action_forms[SIM_DO_COUNT]; /* by kind */

/* ---- Expectations ---------------------------------------------------------------------------- */

struct sim_expect_form {
    enum sim_expect_kind kind;
    const char *name; /* the member that tells it from the others */
    const char *about;
    struct sim_table table; /* struct sim_expect_draft */
};

#define SIM_EXPECT_FORMS 11
extern const struct sim_expect_form sim_expect_forms[SIM_EXPECT_FORMS];

/* What a flow can be measured by: each is a member that holds a bound. */
struct sim_measure_form {
    enum sim_flow_measure measure;
    const char *name;
    const char *about;
    const struct sim_table *bound; /* struct sim_bound_draft: counts, durations or shares */
};

#define SIM_MEASURE_FORMS 7
extern const struct sim_measure_form sim_measure_forms[SIM_MEASURE_FORMS];

extern const struct sim_table sim_table_bound_count;
extern const struct sim_table sim_table_bound_duration;
extern const struct sim_table sim_table_bound_share;

/* Words by value, for reports too. */
extern const struct sim_words sim_words_gauge;
extern const struct sim_words sim_words_event;
extern const struct sim_words sim_words_reason; /* of LEASE_REJECT, from 1 */
extern const struct sim_words sim_words_role;
extern const struct sim_words sim_words_packet;
extern const struct sim_words sim_words_source;
extern const struct sim_words sim_words_state;
extern const struct sim_words sim_words_request;

/* The counter of that name: one of upstream's or ours, "outcomes.…" or "verdicts.…". False where
 * there is none; `each` hears every known name (for suggestions), and may be NULL. */
bool sim_counter_find(const char *name, struct sim_counter_ref *counter, void *context,
                      void (*each)(void *context, const char *known));

/* ---- Defaults -------------------------------------------------------------------------------- */

struct sim_link_spec sim_link_default(void);
struct sim_host_spec sim_host_default(void);
struct sim_lease_spec sim_lease_default(void);

/* The JSON Schema of it all, draft 2020-12. Returns text in the arena. */
const char *sim_schema(struct sim_arena *arena);

#endif
