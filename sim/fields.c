#include "fields.h"

#include "nearest.h"

#include "quantity.h"
#include <fault.h>

#include <address.h>

#include <inttypes.h>
#include <string.h>

static const char *const entity_names[] = {"key",   "master", "link",    "nat",
                                           "relay", "peer",   "session", "attacker"};
static const char *const entity_sections[] = {"keys",   "masters", "links",    "nats",
                                              "relays", "peers",   "sessions", "attackers"};

const char *sim_entity_name(enum sim_entity entity)
{
    return entity_names[entity];
}

const char *sim_entity_section(enum sim_entity entity)
{
    return entity_sections[entity];
}

bool sim_list_has(const char *list, const char *word)
{
    size_t bytes = strlen(word);
    for (const char *at = list; at && *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == bytes && memcmp(at, word, bytes) == 0)
            return true;
    }
    return false;
}

const struct sim_field *sim_table_field(const struct sim_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (strcmp(table->fields[i].name, name) == 0)
            return &table->fields[i];
    }
    return NULL;
}

bool sim_given(const struct sim_table *table, uint64_t given, const char *name)
{
    const struct sim_field *field = sim_table_field(table, name);
    return field && (given >> (field - table->fields) & 1);
}

const char *sim_found(struct sim_reader *reader, const cJSON *value)
{
    if (cJSON_IsObject(value))
        return "an object";
    if (cJSON_IsArray(value))
        return "an array";
    char *text = cJSON_PrintUnformatted(value);
    const char *kept = text && strlen(text) <= 80
                           ? sim_arena_text(reader->arena, text, strlen(text))
                           : "a long string";
    cJSON_free(text);
    return kept;
}

static bool expected(struct sim_reader *reader, const cJSON *value, const char *what)
{
    sim_complain(reader->document, value, SIM_AT_VALUE, "expected %s, found %s", what,
                 sim_found(reader, value));
    return false;
}

/* ---- Names ----------------------------------------------------------------------------------- */

bool sim_group_has(const struct sim_group *group, const char *name, uint32_t *index)
{
    size_t bytes = strlen(group->name);
    if (!group->counted || strncmp(group->name, name, bytes) != 0 || name[bytes] != '-')
        return false;
    uint64_t number = 0;
    const char *digit = name + bytes + 1;
    const char *first = digit;
    for (; *digit >= '0' && *digit <= '9' && digit - first < 9; digit++)
        number = number * 10 + (uint64_t)(*digit - '0');
    *index = (uint32_t)number;
    return digit > first && !*digit && (*first != '0' || digit - first == 1) &&
           number < group->range.count + WR_FAULT(scenario_name_beyond);
}

bool sim_find_name(const struct sim_reader *reader, const char *name, enum sim_entity entity,
                   struct sim_range *range)
{
    for (uint32_t i = 0; i < reader->group_counts[entity]; i++) {
        const struct sim_group *group = &reader->groups[entity][i];
        uint32_t index;
        if (strcmp(group->name, name) == 0) {
            *range = group->range;
            return true;
        }
        if (sim_group_has(group, name, &index)) {
            *range = (struct sim_range){group->range.first + index, 1};
            return true;
        }
    }
    return false;
}

bool sim_read_name(struct sim_reader *reader, const cJSON *value, enum sim_entity entity,
                   struct sim_range *range)
{
    if (!cJSON_IsString(value))
        return expected(reader, value,
                        sim_arena_print(reader->arena, "the name of a %s", entity_names[entity]));
    if (sim_find_name(reader, value->valuestring, entity, range))
        return true;
    struct wr_nearest nearest = wr_nearest_to(value->valuestring);
    for (uint32_t i = 0; i < reader->group_counts[entity]; i++)
        wr_nearest_offer(&nearest, reader->groups[entity][i].name);
    if (nearest.best)
        sim_complain(reader->document, value, SIM_AT_VALUE,
                     "expected the name of a %s, found \"%s\"; did you mean \"%s\"?",
                     entity_names[entity], value->valuestring, nearest.best);
    else
        sim_complain(reader->document, value, SIM_AT_VALUE,
                     "expected the name of a %s, found \"%s\", which \"%s\" does not declare",
                     entity_names[entity], value->valuestring, entity_sections[entity]);
    return false;
}

static bool read_one(struct sim_reader *reader, const cJSON *value, enum sim_entity entity,
                     uint32_t *index)
{
    struct sim_range range;
    if (!sim_read_name(reader, value, entity, &range))
        return false;
    if (range.count != 1) {
        sim_complain(reader->document, value, SIM_AT_VALUE,
                     "expected one %s, found a group of %u; its members are \"%s-0\" to \"%s-%u\"",
                     entity_names[entity], range.count, value->valuestring, value->valuestring,
                     range.count - 1);
        return false;
    }
    *index = range.first;
    return true;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static bool read_whole(struct sim_reader *reader, const cJSON *value, const struct sim_field *field,
                       uint64_t type_max, uint64_t *whole)
{
    uint64_t max = field->max ? field->max : type_max;
    uint64_t number;
    if (sim_json_whole(value, &number) && number >= field->min && number <= max) {
        *whole = number;
        return true;
    }
    return expected(
        reader, value,
        max == SIM_EXACT_MAX
            ? sim_arena_print(reader->arena, "a whole number of at least %" PRIu64, field->min)
            : sim_arena_print(reader->arena, "a whole number from %" PRIu64 " to %" PRIu64,
                              field->min, max));
}

static bool read_string(struct sim_reader *reader, const cJSON *value,
                        const struct sim_field *field, const char **out)
{
    size_t max = field->max ? (size_t)field->max : 256;
    bool clean = cJSON_IsString(value) && strlen(value->valuestring) <= max &&
                 strlen(value->valuestring) >= field->min;
    for (const char *c = clean ? value->valuestring : ""; *c; c++)
        clean = clean && (unsigned char)*c >= ' ';
    if (!clean)
        return expected(reader, value,
                        sim_arena_print(reader->arena, "a text of %u to %u bytes",
                                        (unsigned)field->min, (unsigned)max));
    *out = sim_arena_text(reader->arena, value->valuestring, strlen(value->valuestring));
    return true;
}

static bool read_duration(struct sim_reader *reader, const cJSON *value,
                          const struct sim_field *field, uint64_t *out)
{
    uint64_t ns;
    if (!cJSON_IsString(value) || !sim_duration_parse(value->valuestring, &ns))
        return expected(reader, value, "a duration such as \"250ms\", \"2us\" or \"1h30m\"");
    if (ns < field->min || (field->max && ns > field->max)) {
        char least[SIM_DURATION_TEXT_BYTES], most[SIM_DURATION_TEXT_BYTES];
        sim_duration_format(field->min, least);
        if (!field->max)
            return expected(reader, value,
                            sim_arena_print(reader->arena, "a duration of at least %s", least));
        return expected(reader, value,
                        sim_arena_print(reader->arena, "a duration from %s to %s", least,
                                        sim_duration_format(field->max, most)));
    }
    *out = ns;
    return true;
}

static bool read_word(struct sim_reader *reader, const cJSON *value, const struct sim_field *field,
                      uint32_t *out)
{
    const char *list = "";
    for (uint32_t i = 0; i < field->words->count; i++) {
        const char *word = field->words->words[i];
        if (!word)
            continue;
        if (cJSON_IsString(value) && strcmp(value->valuestring, word) == 0) {
            *out = i;
            return true;
        }
        list = sim_arena_print(reader->arena, "%s%s%s", list, *list ? ", " : "", word);
    }
    if (!cJSON_IsString(value))
        return expected(reader, value, sim_arena_print(reader->arena, "one of %s", list));
    struct wr_nearest nearest = wr_nearest_to(value->valuestring);
    for (uint32_t i = 0; i < field->words->count; i++) {
        if (field->words->words[i])
            wr_nearest_offer(&nearest, field->words->words[i]);
    }
    sim_complain(reader->document, value, SIM_AT_VALUE, "expected one of %s; found \"%s\"%s%s%s",
                 list, value->valuestring, nearest.best ? "; did you mean \"" : "",
                 nearest.best ? nearest.best : "", nearest.best ? "\"?" : "");
    return false;
}

static bool read_ratio(struct sim_reader *reader, const cJSON *value, struct sim_ratio *out)
{
    if (cJSON_IsString(value) && sim_ratio_parse(value->valuestring, out))
        return true;
    if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= 1 &&
        (value->valuedouble <= 0 || value->valuedouble >= 1)) {
        *out = value->valuedouble >= 1 ? SIM_RATIO_ONE : SIM_RATIO_ZERO;
        return true;
    }
    return expected(reader, value, "a share such as \"1/100\", \"2.5%\", 0 or 1");
}

static bool read_signed(struct sim_reader *reader, const cJSON *value,
                        const struct sim_field *field, int32_t *out)
{
    double bound = field->max ? (double)field->max : (double)INT32_MAX;
    double number = value->valuedouble;
    if (cJSON_IsNumber(value) && number >= -bound && number <= bound &&
        (double)(int32_t)number == number) {
        *out = (int32_t)number;
        return true;
    }
    return expected(
        reader, value,
        sim_arena_print(reader->arena, "a whole number from -%d to %d", (int)bound, (int)bound));
}

bool sim_read_value(struct sim_reader *reader, const cJSON *value, const struct sim_field *field,
                    void *out)
{
    void *target = (char *)out + field->offset;
    uint64_t whole;
    switch (field->kind) {
    case SIM_FIELD_STRING:
        return read_string(reader, value, field, target);
    case SIM_FIELD_BOOL:
        if (!cJSON_IsBool(value))
            return expected(reader, value, "true or false");
        *(bool *)target = cJSON_IsTrue(value);
        return true;
    case SIM_FIELD_U16:
        if (!read_whole(reader, value, field, UINT16_MAX, &whole))
            return false;
        *(uint16_t *)target = (uint16_t)whole;
        return true;
    case SIM_FIELD_U32:
        if (!read_whole(reader, value, field, UINT32_MAX, &whole))
            return false;
        *(uint32_t *)target = (uint32_t)whole;
        return true;
    case SIM_FIELD_U64:
        return read_whole(reader, value, field, SIM_EXACT_MAX, target);
    case SIM_FIELD_I32:
        return read_signed(reader, value, field, target);
    case SIM_FIELD_DURATION:
        return read_duration(reader, value, field, target);
    case SIM_FIELD_OFFSET:
        if (cJSON_IsString(value) && sim_offset_parse(value->valuestring, target))
            return true;
        return expected(reader, value, "an offset in whole milliseconds such as \"-30s\"");
    case SIM_FIELD_RATIO:
        return read_ratio(reader, value, target);
    case SIM_FIELD_WORD:
        return read_word(reader, value, field, target);
    case SIM_FIELD_ADDRESS: {
        struct wr_address address;
        if (!cJSON_IsString(value) || !wr_address_parse(value->valuestring, &address) ||
            address.port == 0)
            return expected(reader, value,
                            "an address with a port such as \"203.0.113.1:5000\" or "
                            "\"[2001:db8::1]:5000\"");
        *(struct wr_address *)target = address;
        return true;
    }
    case SIM_FIELD_DATE:
        if (cJSON_IsString(value) && sim_date_parse(value->valuestring, target))
            return true;
        return expected(reader, value, "a time such as \"2026-11-14T12:00:00Z\"");
    case SIM_FIELD_OBJECT:
        if (!cJSON_IsObject(value))
            return expected(reader, value, "an object");
        sim_read_object(reader, value, field->table, NULL, target);
        return true;
    case SIM_FIELD_ONE:
        return read_one(reader, value, field->entity, target);
    case SIM_FIELD_ONE_OR_NONE:
        if (cJSON_IsNull(value)) {
            *(uint32_t *)target = SIM_NONE;
            return true;
        }
        return read_one(reader, value, field->entity, target);
    case SIM_FIELD_SOME:
        return sim_read_name(reader, value, field->entity, target);
    case SIM_FIELD_CUSTOM:
        return field->read(reader, value, out);
    }
    return false;
}

/* ---- Objects --------------------------------------------------------------------------------- */

static void complain_of_stranger(struct sim_reader *reader, const cJSON *member,
                                 const struct sim_table *table, const char *also)
{
    struct wr_nearest nearest = wr_nearest_to(member->string);
    const char *list = "";
    for (uint32_t i = 0; i < table->count; i++) {
        wr_nearest_offer(&nearest, table->fields[i].name);
        list = sim_arena_print(reader->arena, "%s%s%s", list, *list ? ", " : "",
                               table->fields[i].name);
    }
    for (const char *at = also; at && *at;) {
        at += strspn(at, " ");
        const char *word = sim_arena_text(reader->arena, at, strcspn(at, " "));
        wr_nearest_offer(&nearest, word);
        list = sim_arena_print(reader->arena, "%s%s%s", list, *list ? ", " : "", word);
        at += strcspn(at, " ");
    }
    if (nearest.best)
        sim_complain(reader->document, member, SIM_AT_NAME,
                     "expected a known member, found \"%s\"; did you mean \"%s\"?", member->string,
                     nearest.best);
    else
        sim_complain(reader->document, member, SIM_AT_NAME,
                     "expected a known member, found \"%s\"; known are %s", member->string, list);
}

uint64_t sim_read_object(struct sim_reader *reader, const cJSON *object,
                         const struct sim_table *table, const char *also, void *out)
{
    uint64_t given = 0, wrong = 0;
    if (!cJSON_IsObject(object)) {
        expected(reader, object, "an object");
        return 0;
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        const struct sim_field *field = sim_table_field(table, member->string);
        if (!field) {
            if (!sim_list_has(also, member->string))
                complain_of_stranger(reader, member, table, also);
            continue;
        }
        uint64_t bit = UINT64_C(1) << (field - table->fields);
        if (sim_read_value(reader, member, field, out))
            given |= bit;
        else
            wrong |= bit;
    }
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->fields[i].required && !((given | wrong) >> i & 1))
            sim_complain(reader->document, object, SIM_AT_VALUE, "expected \"%s\", found nothing",
                         table->fields[i].name);
    }
    return given;
}
