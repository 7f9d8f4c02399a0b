#include "scenario_parse.h"

#include "scenario_reading.h"

#include <sodium.h>

#include <stdlib.h>
#include <string.h>

#define START_UNIX_MS UINT64_C(1794657600000) /* 2026-11-14T12:00:00Z */

struct wr_session_id sim_session_id(const char *name)
{
    struct wr_session_id id;
    crypto_generichash(id.bytes, sizeof id.bytes, (const unsigned char *)name, strlen(name),
                       (const unsigned char *)"wavry-sim session", 17);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x80); /* version 8 */
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    return id;
}

const char *sim_member_name(struct sim_reader *reader, const struct sim_group *group,
                            uint32_t index)
{
    return group->counted ? sim_arena_print(reader->arena, "%s-%u", group->name, index)
                          : group->name;
}

/* ---- Names, before anything can refer to them ------------------------------------------------ */

static bool name_is_good(const char *name)
{
    size_t bytes = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return bytes > 0 && bytes <= 40 && name[bytes] == '\0' && name[0] >= 'a' && name[0] <= 'z';
}

/* How many members a group has: its "count", or for sessions the size of its clients' group. */
static uint32_t members_of(struct sim_reader *reader, const cJSON *object, enum sim_entity entity,
                           bool *counted)
{
    *counted = false;
    if (entity == SIM_ENTITY_SESSION) {
        const cJSON *client = cJSON_GetObjectItemCaseSensitive(object, "client");
        struct sim_range range;
        if (!cJSON_IsString(client) ||
            !sim_find_name(reader, client->valuestring, SIM_ENTITY_PEER, &range))
            return 1; /* complained of when the session is read */
        *counted = range.count > 1;
        return range.count;
    }
    if (entity != SIM_ENTITY_NAT && entity != SIM_ENTITY_PEER)
        return 1;
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(object, "count");
    *counted = cJSON_IsNumber(count) && count->valueint >= 1 && count->valueint <= 100000;
    return *counted ? (uint32_t)count->valueint : 1;
}

/* A name that came before, and that a member of the group has too. */
static void complain_of_taken_names(struct sim_reader *reader, const cJSON *node,
                                    enum sim_entity entity, const struct sim_group *group)
{
    for (uint32_t i = 0; i < reader->group_counts[entity]; i++) {
        const char *earlier = reader->groups[entity][i].name;
        uint32_t index;
        if (sim_group_has(group, earlier, &index))
            sim_complain(reader->document, node, SIM_AT_NAME,
                         "expected names of its own for the members of this group, found that "
                         "\"%s\" is taken",
                         earlier);
    }
}

static void declare_one(struct sim_reader *reader, const cJSON *node, enum sim_entity entity,
                        const char *name, uint32_t *next)
{
    struct sim_range taken;
    if (!name_is_good(name))
        sim_complain(reader->document, node, SIM_AT_NAME,
                     "expected a name of up to 40 lower-case letters, digits, '-' and '_' that "
                     "begins with a letter, found \"%s\"",
                     name);
    else if (sim_find_name(reader, name, entity, &taken) && cJSON_IsObject(node))
        sim_complain(reader->document, node, SIM_AT_NAME,
                     "expected a name of its own, found that \"%s\" is a member of a group", name);
    struct sim_group *group = &reader->groups[entity][reader->group_counts[entity]];
    group->name = sim_arena_text(reader->arena, name, strlen(name));
    group->range.first = *next;
    group->range.count = members_of(reader, node, entity, &group->counted);
    *next += group->range.count;
    complain_of_taken_names(reader, node, entity, group);
    reader->group_counts[entity]++;
}

/* What there is one of where the file does not say: a key, a master, a relay. */
static const char *const given_names[SIM_ENTITY_COUNT] = {
    [SIM_ENTITY_KEY] = "k1",
    [SIM_ENTITY_MASTER] = "master",
    [SIM_ENTITY_RELAY] = "relay",
};

static uint32_t declare(struct sim_reader *reader, const cJSON *root, enum sim_entity entity)
{
    const cJSON *section = cJSON_GetObjectItemCaseSensitive(root, sim_entity_section(entity));
    uint32_t next = 0;
    if (section && !cJSON_IsObject(section)) {
        sim_complain(reader->document, section, SIM_AT_VALUE,
                     "expected an object that names each %s, found %s", sim_entity_name(entity),
                     sim_found(reader, section));
        section = NULL;
    }
    uint32_t groups = section ? (uint32_t)cJSON_GetArraySize(section) : 1;
    reader->groups[entity] = SIM_ARENA_ARRAY(reader->arena, struct sim_group, groups);
    const cJSON *item;
    cJSON_ArrayForEach(item, section)
    {
        declare_one(reader, item, entity, item->string, &next);
    }
    if (!section && given_names[entity])
        declare_one(reader, root, entity, given_names[entity], &next);
    return next;
}

static void declare_all(struct sim_reader *reader, const cJSON *root)
{
    struct sim_scenario *scenario = reader->scenario;
    struct sim_arena *arena = reader->arena;
    scenario->key_count = declare(reader, root, SIM_ENTITY_KEY);
    scenario->master_count = declare(reader, root, SIM_ENTITY_MASTER);
    scenario->link_count = declare(reader, root, SIM_ENTITY_LINK);
    scenario->nat_count = declare(reader, root, SIM_ENTITY_NAT);
    scenario->relay_count = declare(reader, root, SIM_ENTITY_RELAY);
    scenario->peer_count = declare(reader, root, SIM_ENTITY_PEER);
    scenario->session_count = declare(reader, root, SIM_ENTITY_SESSION);
    scenario->attacker_count = declare(reader, root, SIM_ENTITY_ATTACKER);
    scenario->keys = SIM_ARENA_ARRAY(arena, struct sim_key_spec, scenario->key_count);
    scenario->masters = SIM_ARENA_ARRAY(arena, struct sim_master_spec, scenario->master_count);
    scenario->links = SIM_ARENA_ARRAY(arena, struct sim_link_spec, scenario->link_count);
    scenario->nats = SIM_ARENA_ARRAY(arena, struct sim_nat_spec, scenario->nat_count);
    scenario->relays = SIM_ARENA_ARRAY(arena, struct sim_relay_spec, scenario->relay_count);
    scenario->peers = SIM_ARENA_ARRAY(arena, struct sim_peer_spec, scenario->peer_count);
    scenario->sessions = SIM_ARENA_ARRAY(arena, struct sim_session_spec, scenario->session_count);
    scenario->attackers =
        SIM_ARENA_ARRAY(arena, struct sim_attacker_spec, scenario->attacker_count);
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* The stem and the folder of "scenarios/nat/a-name.json". */
static void split_path(struct sim_arena *arena, const char *path, const char **family,
                       const char **stem)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    const char *dot = strrchr(file, '.');
    *stem = sim_arena_text(arena, file, dot ? (size_t)(dot - file) : strlen(file));
    const char *folder = slash;
    while (folder && folder > path && folder[-1] != '/')
        folder--;
    *family = slash ? sim_arena_text(arena, folder, (size_t)(slash - folder)) : ".";
}

static void read_covers(struct sim_reader *reader, const cJSON *root)
{
    struct sim_scenario *scenario = reader->scenario;
    const cJSON *covers = cJSON_GetObjectItemCaseSensitive(root, "covers"), *item;
    uint32_t count = (uint32_t)cJSON_GetArraySize(covers);
    if (!cJSON_IsArray(covers) || count == 0) {
        sim_complain(reader->document, covers ? covers : root, SIM_AT_VALUE,
                     "expected \"covers\", an array of documents and sections, found %s",
                     covers ? sim_found(reader, covers) : "nothing");
        return;
    }
    const char **list = SIM_ARENA_ARRAY(reader->arena, const char *, count);
    cJSON_ArrayForEach(item, covers)
    {
        static const struct sim_field field = {.kind = SIM_FIELD_STRING, .min = 3, .max = 200};
        if (sim_read_value(reader, item, &field, &list[scenario->cover_count]))
            scenario->cover_count++;
    }
    scenario->covers = list;
}

static void read_root(struct sim_reader *reader, const cJSON *root)
{
    struct sim_scenario *scenario = reader->scenario;
    struct sim_root_draft draft = {.scenario = {.seed = 1,
                                                .start_unix_ms = START_UNIX_MS,
                                                .duration_ns = 1000 * WR_S,
                                                .served_within_ns = 10 * WR_S}};
    const char *stem;
    sim_read_object(reader, root, &sim_table_root, SIM_ROOT_SECTIONS, &draft);
    *scenario = draft.scenario;
    scenario->arena = reader->arena;
    scenario->path = reader->document->path;
    split_path(reader->arena, scenario->path, &scenario->family, &stem);
    if (scenario->name && strcmp(scenario->name, stem) != 0)
        sim_complain(reader->document, cJSON_GetObjectItemCaseSensitive(root, "name"), SIM_AT_VALUE,
                     "expected the name of the file, \"%s\", found \"%s\"", stem, scenario->name);
    read_covers(reader, root);
}

struct sim_scenario *sim_scenario_parse(struct sim_document *document)
{
    struct sim_reader reader = {.document = document, .arena = document->arena};
    reader.scenario = sim_arena_take(reader.arena, sizeof *reader.scenario);
    const cJSON *root = document->root;
    if (!cJSON_IsObject(root)) {
        sim_complain(document, root, SIM_AT_VALUE, "expected a scenario, an object, found %s",
                     sim_found(&reader, root));
        return NULL;
    }
    read_root(&reader, root);
    declare_all(&reader, root);
    sim_read_topology(&reader, root);
    sim_read_sessions(&reader, root);
    sim_read_attackers(&reader, root);
    sim_read_timeline(&reader, root);
    sim_read_expectations(&reader, root);
    return document->problem_count == 0 ? reader.scenario : NULL;
}

struct sim_scenario *sim_scenario_load(const char *path, FILE *problems)
{
    struct sim_arena *arena = sim_arena_create();
    struct sim_document document;
    struct sim_scenario *scenario = NULL;
    if (sim_document_read(&document, arena, path))
        scenario = sim_scenario_parse(&document);
    sim_document_print_problems(&document, problems);
    sim_document_close(&document);
    if (!scenario)
        sim_arena_destroy(arena);
    return scenario;
}

void sim_scenario_free(struct sim_scenario *scenario)
{
    if (scenario)
        sim_arena_destroy(scenario->arena);
}
