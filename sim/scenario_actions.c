#include "scenario_reading.h"

#include "nearest.h"
#include "quantity.h"

#include <stdlib.h>
#include <string.h>

#define REPEATS_MAX 10000

/* ---- The form of an action ------------------------------------------------------------------- */

static const struct sim_action_form *form_of(struct sim_reader *reader, const cJSON *item)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "do");
    if (!cJSON_IsString(name)) {
        sim_complain(reader->document, name ? name : item, SIM_AT_VALUE,
                     "expected \"do\", the name of an action, found %s",
                     sim_found(reader, name ? name : item));
        return NULL;
    }
    struct wr_nearest nearest = wr_nearest_to(name->valuestring);
    for (uint32_t i = 0; i < SIM_DO_COUNT; i++) {
        if (strcmp(sim_action_forms[i].name, name->valuestring) == 0)
            return &sim_action_forms[i];
        wr_nearest_offer(&nearest, sim_action_forms[i].name);
    }
    sim_complain(reader->document, name, SIM_AT_VALUE,
                 "expected the name of an action, found \"%s\"%s%s%s", name->valuestring,
                 nearest.best ? "; did you mean \"" : "", nearest.best ? nearest.best : "",
                 nearest.best ? "\"?" : "");
    return NULL;
}

/* The members that this action has, out of all there are. */
static struct sim_table table_of(struct sim_reader *reader, const struct sim_action_form *form)
{
    struct sim_field *fields =
        SIM_ARENA_ARRAY(reader->arena, struct sim_field, sim_table_action.count);
    struct sim_table table = {.name = form->name, .about = form->about, .fields = fields};
    for (uint32_t i = 0; i < sim_table_action.count; i++) {
        const struct sim_field *field = &sim_table_action.fields[i];
        bool required = field->required || sim_list_has(form->required, field->name);
        if (!required && !sim_list_has(form->optional, field->name))
            continue;
        fields[table.count] = *field;
        fields[table.count++].required = required;
    }
    return table;
}

/* ---- Rules for single kinds ------------------------------------------------------------------ */

static void want(struct sim_reader *reader, const cJSON *item, bool good, const char *what)
{
    if (!good)
        sim_complain(reader->document, item, SIM_AT_VALUE, "expected %s", what);
}

static bool one_peer_behind_a_nat(const struct sim_reader *reader, const struct sim_action *action)
{
    return action->peers.count == 1 && reader->scenario->peers[action->peers.first].nat != SIM_NONE;
}

static void check_action(struct sim_reader *reader, const cJSON *item,
                         const struct sim_action *action)
{
    const struct sim_peer_spec *peers = reader->scenario->peers;
    switch (action->kind) {
    case SIM_DO_NAT_REBIND:
        want(reader, item, action->nats.count > 0 || action->peers.count > 0,
             "\"nat\" or \"peer\", found neither");
        for (uint32_t i = 0; i < action->peers.count; i++)
            want(reader, item, peers[action->peers.first + i].nat != SIM_NONE,
                 "a peer behind a NAT, found one at a public address");
        break;
    case SIM_DO_NAT_MOVE_MAPPING:
        want(reader, item, one_peer_behind_a_nat(reader, action), "one peer behind a NAT");
        break;
    case SIM_DO_NAT_GIVE_PORT:
        want(reader, item,
             one_peer_behind_a_nat(reader, action) && action->other.count == 1 &&
                 action->other.first != action->peers.first &&
                 peers[action->other.first].nat == peers[action->peers.first].nat,
             "two different peers behind the same NAT");
        break;
    case SIM_DO_PEER_MOVE:
        want(reader, item, action->nats.count <= 1 || action->nats.count == action->peers.count,
             "one NAT, or as many as there are peers");
        break;
    case SIM_DO_PEER_RESTART:
        want(reader, item, action->use == SIM_USE_NEWER || action->use == SIM_USE_CURRENT,
             "\"newer\" or \"current\" as its lease");
        break;
    case SIM_DO_PEER_PRESENT:
        want(reader, item, action->use != SIM_USE_NONE, "a lease to present, found \"none\"");
        break;
    case SIM_DO_PARTITION:
    case SIM_DO_HEAL:
        want(reader, item, action->peers.count > 0 || action->relays.count > 0,
             "\"peer\" or \"relay\", found neither");
        break;
    case SIM_DO_MASTER_FAIL:
        want(reader, item, action->mode != SIM_MASTER_OK, "a failure; \"master_recover\" ends one");
        want(reader, item, (action->mode == SIM_MASTER_WRONG_KEY) == (action->key_count == 1),
             "\"key\" together with \"wrong_key\"");
        break;
    case SIM_DO_COPY:
        want(reader, item,
             action->sessions.count == 1 && action->attackers.count == 1 &&
                 reader->scenario->attackers[action->attackers.first].session ==
                     action->sessions.first,
             "an attacker that watches this one session");
        break;
    case SIM_DO_NAT_REBOOT:
    case SIM_DO_NAT_TIMEOUT:
    case SIM_DO_PEER_PAUSE:
    case SIM_DO_PEER_RESUME:
    case SIM_DO_PEER_CRASH:
    case SIM_DO_PEER_RENEW:
    case SIM_DO_PEER_RELEASE:
    case SIM_DO_PEER_CLOCK_STEP:
    case SIM_DO_TRAFFIC_STOP:
    case SIM_DO_TRAFFIC_START:
    case SIM_DO_DROP_NEXT:
    case SIM_DO_DUPLICATE_NEXT:
    case SIM_DO_DELAY_NEXT:
    case SIM_DO_CORRUPT_NEXT:
    case SIM_DO_LINK_CHANGE:
    case SIM_DO_RELAY_CRASH:
    case SIM_DO_RELAY_RESTART:
    case SIM_DO_RELAY_PAUSE:
    case SIM_DO_RELAY_RESUME:
    case SIM_DO_RELAY_HOST:
    case SIM_DO_RELAY_DRAIN:
    case SIM_DO_RELAY_KEY_ADD:
    case SIM_DO_RELAY_KEY_REVOKE:
    case SIM_DO_RELAY_BAN:
    case SIM_DO_RELAY_UNBAN:
    case SIM_DO_RELAY_CLOCK_STEP:
    case SIM_DO_RELAY_CLOCK_DRIFT:
    case SIM_DO_MASTER_SIGN:
    case SIM_DO_MASTER_PUBLISH:
    case SIM_DO_MASTER_ROTATE:
    case SIM_DO_MASTER_RECOVER:
    case SIM_DO_MASTER_DELAY:
    case SIM_DO_MASTER_RESTART:
    case SIM_DO_MASTER_FORGET:
    case SIM_DO_ATTACK_START:
    case SIM_DO_ATTACK_STOP:
    case SIM_DO_COUNT:
        break;
    }
}

/* ---- Defaults -------------------------------------------------------------------------------- */

/* The relay or master meant where there is only one. Partitions are another matter: no relay there
 * means none. */
static void fill_in_the_only_one(struct sim_reader *reader, const cJSON *item,
                                 const struct sim_action_form *form, const char *name,
                                 uint32_t count, struct sim_range *range)
{
    if (range->count > 0 || form->kind == SIM_DO_PARTITION || form->kind == SIM_DO_HEAL ||
        (!sim_list_has(form->required, name) && !sim_list_has(form->optional, name)))
        return;
    if (count == 1)
        *range = (struct sim_range){0, 1};
    else
        sim_complain(reader->document, item, SIM_AT_VALUE,
                     "expected \"%s\", since there is more than one, found nothing", name);
}

static void fill_in(struct sim_reader *reader, const cJSON *item,
                    const struct sim_action_form *form, const struct sim_table *table,
                    uint64_t given, struct sim_action *action)
{
    fill_in_the_only_one(reader, item, form, "relay", reader->scenario->relay_count,
                         &action->relays);
    fill_in_the_only_one(reader, item, form, "master", reader->scenario->master_count,
                         &action->masters);
    if (sim_table_field(table, "direction") && !sim_given(table, given, "direction") &&
        form->kind != SIM_DO_PARTITION)
        action->direction = action->packet == SIM_PACKET_ACK || action->packet == SIM_PACKET_REJECT
                                ? SIM_DIRECTION_DOWN
                                : SIM_DIRECTION_UP;
    if (form->kind == SIM_DO_PEER_RESTART && !sim_given(table, given, "lease"))
        action->use = SIM_USE_NEWER;
    bool restarts = form->kind == SIM_DO_PEER_RESTART || form->kind == SIM_DO_RELAY_RESTART ||
                    form->kind == SIM_DO_MASTER_RESTART;
    if (restarts && action->for_ns == 0)
        action->for_ns = WR_S;
    const cJSON *host = cJSON_GetObjectItemCaseSensitive(item, "host");
    if (form->kind == SIM_DO_RELAY_HOST && cJSON_IsObject(host) && action->relays.count > 0) {
        action->host = reader->scenario->relays[action->relays.first].host;
        sim_read_object(reader, host, &sim_table_host, NULL, &action->host);
    }
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct repeat {
    uint64_t every_ns;
    uint32_t times;
};

static struct repeat read_repeat(struct sim_reader *reader, const cJSON *item)
{
    static const struct sim_field every = {
        .kind = SIM_FIELD_DURATION, .offset = offsetof(struct repeat, every_ns), .min = 1};
    static const struct sim_field times = {.kind = SIM_FIELD_U32,
                                           .offset = offsetof(struct repeat, times),
                                           .min = 2,
                                           .max = REPEATS_MAX};
    const cJSON *every_node = cJSON_GetObjectItemCaseSensitive(item, "every");
    const cJSON *times_node = cJSON_GetObjectItemCaseSensitive(item, "times");
    struct repeat repeat = {.times = 1};
    if (!every_node && !times_node)
        return repeat;
    if (!every_node || !times_node) {
        sim_complain(reader->document, item, SIM_AT_VALUE,
                     "expected \"every\" and \"times\" together, found one of them");
        return repeat;
    }
    sim_read_value(reader, every_node, &every, &repeat);
    sim_read_value(reader, times_node, &times, &repeat);
    return repeat;
}

static void check_instants(struct sim_reader *reader, const cJSON *item, uint64_t at_ns,
                           const struct repeat *repeat)
{
    const struct sim_scenario *scenario = reader->scenario;
    if (sim_within_run(scenario, at_ns, repeat->every_ns, repeat->times))
        return;
    char first[SIM_DURATION_TEXT_BYTES], end[SIM_DURATION_TEXT_BYTES];
    sim_duration_format(scenario->duration_ns, end);
    if (at_ns >= scenario->duration_ns)
        sim_complain(reader->document, item, SIM_AT_VALUE,
                     "expected an instant within the run of %s, found %s", end,
                     sim_duration_format(at_ns, first));
    else
        sim_complain(reader->document, item, SIM_AT_VALUE,
                     "expected instants within the run of %s, found that the last of %u is beyond "
                     "it",
                     end, repeat->times);
}

/* Reads one entry; `out` takes it as often as it is repeated. Returns how often. */
static uint32_t read_action(struct sim_reader *reader, const cJSON *item, struct sim_action *out,
                            uint32_t room)
{
    if (!cJSON_IsObject(item)) {
        sim_complain(reader->document, item, SIM_AT_VALUE, "expected an action, found %s",
                     sim_found(reader, item));
        return 0;
    }
    const struct sim_action_form *form = form_of(reader, item);
    if (!form)
        return 0;
    struct sim_action action = {
        .kind = form->kind,
        .line = sim_document_line(reader->document, item),
        .link = SIM_NONE,
        .to_link = SIM_NONE,
        .uplink = SIM_NONE,
        .downlink = SIM_NONE,
        .count = 1,
        .roles = SIM_ROLE_BIT(WR_ROLE_CLIENT) | SIM_ROLE_BIT(WR_ROLE_SERVER),
    };
    struct sim_table table = table_of(reader, form);
    uint32_t problems = reader->document->problem_count;
    uint64_t given = sim_read_object(reader, item, &table, "do every times", &action);
    struct repeat repeat = read_repeat(reader, item);
    fill_in(reader, item, form, &table, given, &action);
    check_instants(reader, item, action.at_ns, &repeat);
    if (reader->document->problem_count == problems)
        check_action(reader, item, &action);
    for (uint32_t i = 0; i < repeat.times && i < room; i++) {
        out[i] = action;
        out[i].at_ns += i * repeat.every_ns;
    }
    return repeat.times;
}

static uint32_t repeats_of(const cJSON *item)
{
    const cJSON *times = cJSON_GetObjectItemCaseSensitive(item, "times");
    return cJSON_IsNumber(times) && times->valueint >= 1 && times->valueint <= REPEATS_MAX
               ? (uint32_t)times->valueint
               : 1;
}

/* A stable sort by time: actions of one instant keep the order of the file. */
static void sort_actions(struct sim_arena *arena, struct sim_action *actions, uint32_t count)
{
    struct sim_action *spare = SIM_ARENA_ARRAY(arena, struct sim_action, count);
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t start = 0; start < count; start += 2 * width) {
            uint32_t middle = start + width < count ? start + width : count;
            uint32_t end = start + 2 * width < count ? start + 2 * width : count;
            uint32_t left = start, right = middle;
            for (uint32_t i = start; i < end; i++) {
                bool from_left =
                    left < middle && (right >= end || actions[left].at_ns <= actions[right].at_ns);
                spare[i] = actions[from_left ? left++ : right++];
            }
        }
        memcpy(actions, spare, sizeof *actions * count);
    }
}

void sim_read_timeline(struct sim_reader *reader, const cJSON *root)
{
    struct sim_scenario *scenario = reader->scenario;
    const cJSON *timeline = cJSON_GetObjectItemCaseSensitive(root, "timeline"), *item;
    if (timeline && !cJSON_IsArray(timeline)) {
        sim_complain(reader->document, timeline, SIM_AT_VALUE,
                     "expected an array of actions, found %s", sim_found(reader, timeline));
        return;
    }
    uint32_t room = 0;
    cJSON_ArrayForEach(item, timeline)
    {
        room += repeats_of(item);
    }
    scenario->actions = SIM_ARENA_ARRAY(reader->arena, struct sim_action, room);
    cJSON_ArrayForEach(item, timeline)
    {
        scenario->action_count +=
            read_action(reader, item, scenario->actions + scenario->action_count,
                        room - scenario->action_count);
    }
    sort_actions(reader->arena, scenario->actions, scenario->action_count);
}
