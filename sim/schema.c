/* The JSON Schema of scenario files, written from the very tables that the parser reads by. */
#include "scenario_tables.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <string.h>

static cJSON *reference(const char *name)
{
    cJSON *node = cJSON_CreateObject();
    char path[128];
    snprintf(path, sizeof path, "#/$defs/%s", name);
    cJSON_AddStringToObject(node, "$ref", path);
    return node;
}

static cJSON *typed(const char *type)
{
    cJSON *node = cJSON_CreateObject();
    cJSON_AddStringToObject(node, "type", type);
    return node;
}

/* Numbers are written as digits: cJSON would keep and print them as doubles. */
static void add_whole(cJSON *node, const char *name, uint64_t value, bool negative)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%s%" PRIu64, negative ? "-" : "", value);
    cJSON_AddRawToObject(node, name, digits);
}

static cJSON *whole(const struct sim_field *field, uint64_t type_max)
{
    cJSON *node = typed("integer");
    add_whole(node, "minimum", field->min, false);
    add_whole(node, "maximum", field->max ? field->max : type_max, false);
    return node;
}

static cJSON *words(const struct sim_words *list)
{
    cJSON *node = cJSON_CreateObject();
    cJSON *values = cJSON_AddArrayToObject(node, "enum");
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->words[i])
            cJSON_AddItemToArray(values, cJSON_CreateString(list->words[i]));
    }
    return node;
}

static cJSON *name_or_null(void)
{
    cJSON *node = cJSON_CreateObject();
    cJSON *types = cJSON_AddArrayToObject(node, "type");
    cJSON_AddItemToArray(types, cJSON_CreateString("string"));
    cJSON_AddItemToArray(types, cJSON_CreateString("null"));
    return node;
}

static cJSON *value_schema(const struct sim_field *field)
{
    cJSON *node = NULL;
    switch (field->kind) {
    case SIM_FIELD_STRING:
        node = typed("string");
        add_whole(node, "minLength", field->min, false);
        add_whole(node, "maxLength", field->max ? field->max : 256, false);
        break;
    case SIM_FIELD_BOOL:
        node = typed("boolean");
        break;
    case SIM_FIELD_U16:
        node = whole(field, UINT16_MAX);
        break;
    case SIM_FIELD_U32:
        node = whole(field, UINT32_MAX);
        break;
    case SIM_FIELD_U64:
        node = whole(field, SIM_EXACT_MAX);
        break;
    case SIM_FIELD_I32:
        node = typed("integer");
        add_whole(node, "minimum", field->max, true);
        add_whole(node, "maximum", field->max, false);
        break;
    case SIM_FIELD_DURATION:
        node = reference("duration");
        break;
    case SIM_FIELD_OFFSET:
        node = reference("offset");
        break;
    case SIM_FIELD_RATIO:
        node = reference("ratio");
        break;
    case SIM_FIELD_WORD:
        node = words(field->words);
        break;
    case SIM_FIELD_ADDRESS:
        node = reference("address");
        break;
    case SIM_FIELD_DATE:
        node = reference("date");
        break;
    case SIM_FIELD_OBJECT:
        node = reference(field->table->name);
        break;
    case SIM_FIELD_ONE_OR_NONE:
        node = name_or_null();
        break;
    case SIM_FIELD_ONE:
    case SIM_FIELD_SOME:
        node = typed("string");
        break;
    case SIM_FIELD_CUSTOM:
        node = cJSON_Parse(field->schema);
        break;
    }
    cJSON_AddStringToObject(node, "description", field->about);
    return node;
}

/* An object by its table. `required` and `optional` narrow it to an action's members; NULL: all. */
static cJSON *object_schema(const struct sim_table *table)
{
    cJSON *node = typed("object");
    cJSON_AddStringToObject(node, "description", table->about);
    cJSON *properties = cJSON_AddObjectToObject(node, "properties");
    cJSON *required = cJSON_CreateArray();
    for (uint32_t i = 0; i < table->count; i++) {
        const struct sim_field *field = &table->fields[i];
        cJSON_AddItemToObject(properties, field->name, value_schema(field));
        if (field->required)
            cJSON_AddItemToArray(required, cJSON_CreateString(field->name));
    }
    if (cJSON_GetArraySize(required) > 0)
        cJSON_AddItemToObject(node, "required", required);
    else
        cJSON_Delete(required);
    cJSON_AddFalseToObject(node, "additionalProperties");
    return node;
}

static void define(cJSON *defs, const struct sim_table *table)
{
    if (cJSON_HasObjectItem(defs, table->name))
        return;
    cJSON_AddItemToObject(defs, table->name, object_schema(table));
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->fields[i].table)
            define(defs, table->fields[i].table);
    }
}

static void define_text(cJSON *defs, const char *name, const char *pattern, const char *about)
{
    cJSON *node = typed("string");
    cJSON_AddStringToObject(node, "pattern", pattern);
    cJSON_AddStringToObject(node, "description", about);
    cJSON_AddItemToObject(defs, name, node);
}

static void define_values(cJSON *defs)
{
    define_text(defs, "duration", "^([0-9]+(\\.[0-9]+)?(h|m|s|ms|us|ns))+$",
                "A span of time such as \"250ms\", \"2us\" or \"1h30m\".");
    define_text(defs, "offset", "^[+-]?([0-9]+(\\.[0-9]+)?(h|m|s|ms))+$",
                "A span of whole milliseconds with a sign, such as \"-30s\".");
    define_text(defs, "address", "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9A-Fa-f:.%]+\\]):[0-9]+$",
                "An IP address with a port.");
    define_text(defs, "date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
                "A time such as \"2026-11-14T12:00:00Z\".");
    cJSON_AddItemToObject(
        defs, "ratio",
        cJSON_Parse("{\"description\": \"A share such as \\\"1/100\\\", \\\"2.5%\\\", 0 or 1.\", "
                    "\"anyOf\": [{\"enum\": [0, 1]}, {\"type\": \"string\", \"pattern\": "
                    "\"^[0-9]+(/[0-9]+|(\\\\.[0-9]+)?%)?$\"}]}"));
}

static void add_counter(void *context, const char *known)
{
    cJSON_AddItemToArray(context, cJSON_CreateString(known));
}

static void define_counters(cJSON *defs)
{
    cJSON *node = cJSON_CreateObject();
    struct sim_counter_ref none;
    sim_counter_find("", &none, cJSON_AddArrayToObject(node, "enum"), add_counter);
    cJSON_AddItemToObject(defs, "counter", node);
}

/* ---- Sections -------------------------------------------------------------------------------- */

static void add_section(cJSON *properties, cJSON *defs, enum sim_entity entity,
                        const struct sim_table *table)
{
    define(defs, table);
    cJSON *node = typed("object");
    cJSON_AddStringToObject(node, "description", table->about);
    cJSON *names = cJSON_AddObjectToObject(node, "propertyNames");
    cJSON_AddStringToObject(names, "pattern", "^[a-z][a-z0-9_-]{0,39}$");
    cJSON_AddItemToObject(node, "additionalProperties", reference(table->name));
    cJSON_AddItemToObject(properties, sim_entity_section(entity), node);
}

static cJSON *array_of(const char *about, cJSON *items, int least)
{
    cJSON *node = typed("array");
    cJSON_AddStringToObject(node, "description", about);
    cJSON_AddNumberToObject(node, "minItems", least);
    cJSON_AddItemToObject(node, "items", items);
    return node;
}

static void add_session_parts(cJSON *defs)
{
    cJSON *session = cJSON_GetObjectItem(defs, sim_table_session.name);
    cJSON *properties = cJSON_GetObjectItem(session, "properties");
    static const char *const leases[] = {"lease", "client_lease", "server_lease"};
    define(defs, &sim_table_lease);
    define(defs, &sim_table_traffic);
    for (size_t i = 0; i < SIM_COUNT(leases); i++)
        cJSON_AddItemToObject(properties, leases[i], reference(sim_table_lease.name));
    cJSON *traffic = typed("object");
    cJSON *sides = cJSON_AddObjectToObject(traffic, "properties");
    cJSON_AddItemToObject(sides, "client", reference(sim_table_traffic.name));
    cJSON_AddItemToObject(sides, "server", reference(sim_table_traffic.name));
    cJSON_AddFalseToObject(traffic, "additionalProperties");
    cJSON_AddItemToObject(properties, "traffic", traffic);
}

static cJSON *action_schema(const struct sim_action_form *form)
{
    cJSON *node = typed("object");
    cJSON_AddStringToObject(node, "description", form->about);
    cJSON *properties = cJSON_AddObjectToObject(node, "properties");
    cJSON *required = cJSON_AddArrayToObject(node, "required");
    cJSON *name = cJSON_AddObjectToObject(properties, "do");
    cJSON_AddStringToObject(name, "const", form->name);
    cJSON_AddStringToObject(name, "description", form->about);
    cJSON_AddItemToArray(required, cJSON_CreateString("do"));
    for (uint32_t i = 0; i < sim_table_action.count; i++) {
        const struct sim_field *field = &sim_table_action.fields[i];
        bool must = field->required || sim_list_has(form->required, field->name);
        if (!must && !sim_list_has(form->optional, field->name))
            continue;
        cJSON_AddItemToObject(properties, field->name, value_schema(field));
        if (must)
            cJSON_AddItemToArray(required, cJSON_CreateString(field->name));
    }
    cJSON_AddItemToObject(properties, "every", reference("duration"));
    cJSON *times = typed("integer");
    cJSON_AddNumberToObject(times, "minimum", 2);
    cJSON_AddItemToObject(properties, "times", times);
    cJSON *together = cJSON_AddObjectToObject(node, "dependentRequired");
    cJSON_AddItemToObject(together, "every", cJSON_Parse("[\"times\"]"));
    cJSON_AddItemToObject(together, "times", cJSON_Parse("[\"every\"]"));
    cJSON_AddFalseToObject(node, "additionalProperties");
    return node;
}

static void add_timeline(cJSON *properties, cJSON *defs)
{
    define(defs, &sim_table_host);
    cJSON *action = cJSON_AddObjectToObject(defs, "action");
    cJSON *forms = cJSON_AddArrayToObject(action, "oneOf");
    for (uint32_t i = 0; i < SIM_DO_COUNT; i++)
        cJSON_AddItemToArray(forms, action_schema(&sim_action_forms[i]));
    cJSON_AddItemToObject(properties, "timeline",
                          array_of("What happens, and when.", reference("action"), 0));
}

static void add_expectations(cJSON *properties, cJSON *defs)
{
    cJSON *expectation = cJSON_CreateObject();
    cJSON *forms = cJSON_AddArrayToObject(expectation, "oneOf");
    for (uint32_t i = 0; i < SIM_EXPECT_FORMS; i++) {
        const struct sim_expect_form *form = &sim_expect_forms[i];
        define(defs, &form->table);
        cJSON_AddItemToArray(forms, reference(form->table.name));
        if (form->kind != SIM_EXPECT_FLOW)
            continue;
        cJSON *members =
            cJSON_GetObjectItem(cJSON_GetObjectItem(defs, form->table.name), "properties");
        for (uint32_t m = 0; m < SIM_MEASURE_FORMS; m++) {
            const struct sim_measure_form *measure = &sim_measure_forms[m];
            define(defs, measure->bound);
            cJSON *bound = reference(measure->bound->name);
            cJSON_AddStringToObject(bound, "description", measure->about);
            cJSON_AddItemToObject(members, measure->name, bound);
        }
    }
    cJSON_AddItemToObject(defs, "expectation", expectation);
    cJSON_AddItemToObject(properties, "expect",
                          array_of("What must come of it. One that cannot fail is refused.",
                                   reference("expectation"), 1));
}

/* cJSON indents by tabs; editors and diffs like spaces better. */
static const char *with_spaces(struct sim_arena *arena, const char *text)
{
    size_t tabs = 0;
    for (const char *c = text; *c; c++)
        tabs += *c == '\t';
    char *out = sim_arena_take(arena, strlen(text) + tabs + 2), *to = out;
    for (const char *c = text; *c; c++) {
        if (*c != '\t') {
            *to++ = *c;
        } else if (c[-1] != ':') { /* none between a name and its value */
            *to++ = ' ';
            *to++ = ' ';
        } else {
            *to++ = ' ';
        }
    }
    *to++ = '\n';
    return out;
}

const char *sim_schema(struct sim_arena *arena)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cJSON_AddStringToObject(root, "title", "A scenario for wavry-sim");
    cJSON *body = object_schema(&sim_table_root);
    cJSON *properties = cJSON_GetObjectItem(body, "properties");
    cJSON *defs = cJSON_CreateObject();
    define_values(defs);
    define_counters(defs);
    cJSON *cover = typed("string");
    cJSON_AddNumberToObject(cover, "minLength", 3);
    cJSON_AddItemToObject(
        properties, "covers",
        array_of("Sections of the protocol and documents that it shows.", cover, 1));
    add_section(properties, defs, SIM_ENTITY_KEY, &sim_table_key);
    add_section(properties, defs, SIM_ENTITY_MASTER, &sim_table_master);
    add_section(properties, defs, SIM_ENTITY_LINK, &sim_table_link);
    add_section(properties, defs, SIM_ENTITY_NAT, &sim_table_nat);
    add_section(properties, defs, SIM_ENTITY_RELAY, &sim_table_relay);
    add_section(properties, defs, SIM_ENTITY_PEER, &sim_table_peer);
    add_section(properties, defs, SIM_ENTITY_SESSION, &sim_table_session);
    add_session_parts(defs);
    add_section(properties, defs, SIM_ENTITY_ATTACKER, &sim_table_attacker);
    add_timeline(properties, defs);
    add_expectations(properties, defs);
    cJSON *required = cJSON_GetObjectItem(body, "required");
    cJSON_AddItemToArray(required, cJSON_CreateString("covers"));
    cJSON_AddItemToArray(required, cJSON_CreateString("expect"));
    while (body->child) {
        cJSON *member = cJSON_DetachItemViaPointer(body, body->child);
        const char *name = sim_arena_text(arena, member->string, strlen(member->string));
        cJSON_AddItemToObject(root, name, member);
    }
    cJSON_Delete(body);
    cJSON_AddItemToObject(root, "$defs", defs);
    char *text = cJSON_Print(root);
    const char *kept = with_spaces(arena, text);
    cJSON_free(text);
    cJSON_Delete(root);
    return kept;
}
