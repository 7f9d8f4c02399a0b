/*
 * Objects of a scenario, read by tables: each table names an object's members with their types,
 * ranges and meaning. One set of tables serves the reader, which reports every mistake with its
 * place, and the JSON Schema that editors use, so the two cannot disagree.
 */
#ifndef SIM_FIELDS_H
#define SIM_FIELDS_H

#include "document.h"
#include "json_text.h"
#include "scenario.h"

/* What a name can stand for. */
enum sim_entity {
    SIM_ENTITY_KEY,
    SIM_ENTITY_MASTER,
    SIM_ENTITY_LINK,
    SIM_ENTITY_NAT,
    SIM_ENTITY_RELAY,
    SIM_ENTITY_PEER,
    SIM_ENTITY_SESSION,
    SIM_ENTITY_ATTACKER,
    SIM_ENTITY_COUNT
};

/* "key", and the member of the scenario that declares such: "keys". */
const char *sim_entity_name(enum sim_entity entity);
const char *sim_entity_section(enum sim_entity entity);

struct sim_group {
    const char *name;
    struct sim_range range;
    bool counted; /* has a "count": its members are name-0, name-1, … */
};

struct sim_reader {
    struct sim_document *document;
    struct sim_arena *arena;
    struct sim_scenario *scenario;
    struct sim_group *groups[SIM_ENTITY_COUNT];
    uint32_t group_counts[SIM_ENTITY_COUNT];
};

/* Words of an enum, by value. NULL is a value without a word. */
struct sim_words {
    const char *const *words;
    uint32_t count;
};

enum sim_field_kind {
    SIM_FIELD_STRING, /* const char *, 1..256 bytes unless `max` says more, no control characters */
    SIM_FIELD_BOOL,   /* bool */
    SIM_FIELD_U16,    /* uint16_t, min..max */
    SIM_FIELD_U32,    /* uint32_t, min..max */
    SIM_FIELD_U64,    /* uint64_t, min..max, at most SIM_EXACT_MAX */
    SIM_FIELD_I32,    /* int32_t, -max..max */
    SIM_FIELD_DURATION,    /* uint64_t, ns, min..max */
    SIM_FIELD_OFFSET,      /* int64_t, ms */
    SIM_FIELD_RATIO,       /* struct sim_ratio */
    SIM_FIELD_WORD,        /* enum or uint32_t, one of `words` */
    SIM_FIELD_ADDRESS,     /* struct wr_address, with a port */
    SIM_FIELD_DATE,        /* uint64_t, ms since 1970 */
    SIM_FIELD_OBJECT,      /* a struct inside, by `table` */
    SIM_FIELD_ONE,         /* uint32_t, index of one `entity` */
    SIM_FIELD_SOME,        /* struct sim_range of `entity` */
    SIM_FIELD_ONE_OR_NONE, /* the same as ONE; null stands for SIM_NONE */
    SIM_FIELD_CUSTOM,      /* by `read` */
};

struct sim_field {
    const char *name;
    enum sim_field_kind kind;
    uint32_t offset;
    const char *about; /* one sentence or less, for the schema */
    uint64_t min;
    uint64_t max; /* 0: none but the type's */
    const struct sim_words *words;
    const struct sim_table *table;
    enum sim_entity entity;
    bool (*read)(struct sim_reader *reader, const cJSON *value, void *out);
    const char *schema; /* CUSTOM: what the value looks like, as a JSON Schema */
    bool required;
};

struct sim_table {
    const char *name; /* for $defs of the schema */
    const char *about;
    const struct sim_field *fields;
    uint32_t count; /* at most 64 */
};

#define SIM_COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* Reads `object` into `out`, which holds the defaults. Returns the fields that were given, bit i
 * for field i; whatever is wrong becomes a problem, and its field keeps the default. `also` names
 * members that the caller reads itself, separated by spaces; NULL for none. */
uint64_t sim_read_object(struct sim_reader *reader, const cJSON *object,
                         const struct sim_table *table, const char *also, void *out);

/* One value by its field; `out` is the struct that holds it. False with a problem where wrong. */
bool sim_read_value(struct sim_reader *reader, const cJSON *value, const struct sim_field *field,
                    void *out);

/* The field of that name, NULL for none. */
const struct sim_field *sim_table_field(const struct sim_table *table, const char *name);

/* Whether `given`, as sim_read_object returned it, has the field of that name. */
bool sim_given(const struct sim_table *table, uint64_t given, const char *name);

/* Resolves a name; complains, with the nearest known one, where there is none. */
bool sim_read_name(struct sim_reader *reader, const cJSON *value, enum sim_entity entity,
                   struct sim_range *range);

/* Whether the name is that of one member of the group, "name-3" of a counted one; and which. */
bool sim_group_has(const struct sim_group *group, const char *name, uint32_t *index);

/* The members that a name stands for; false, without a problem, where there is none. */
bool sim_find_name(const struct sim_reader *reader, const char *name, enum sim_entity entity,
                   struct sim_range *range);

/* Whether the space-separated list has the word. */
bool sim_list_has(const char *list, const char *word);

/* "a JSON type in words and, where short, its value": for "found …". Lives in the arena. */
const char *sim_found(struct sim_reader *reader, const cJSON *value);

#endif
