/*
 * Scenario files through the simulator's reader (sim/scenario_parse.h). Every mistake has a place
 * inside the text. What a file means does not depend on how it is laid out. A NUL, a member that
 * appears twice, one that nobody knows, a number that is too big, and a scenario that expects
 * nothing are refused. Whatever is accepted names only what exists, keeps its order of time, and
 * can be given back. Every text in it that is an address (core/address.h) is one for the C library
 * too, and is written as it writes it.
 */
#include "support.h"

#include "second/address.h"

#include <address.h>
#include <scenario_parse.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "scenario",
    .property = "a scenario means the same however it is laid out, and names only what exists",
    .bytes_max = 8192,
    .canaries = {{"scenario_twins_apart", 2000}, {"scenario_name_beyond", 6000}},
};

#define COUNT_MAX 100000 /* of a group's members */
#define TIMES_MAX 10000  /* that an action is repeated */
/* Numbers from here to those bounds multiply the work of reading, not what there is to find in it.
 * Those above are refused. */
#define GROUP_MAX 64

/* Is there a number by that name anywhere below? */
static bool any_between(const cJSON *node, const char *name, int least, int most)
{
    for (const cJSON *child = node == NULL ? NULL : node->child; child != NULL;
         child = child->next) {
        if (child->string != NULL && strcmp(child->string, name) == 0 && cJSON_IsNumber(child) &&
            child->valueint >= least && child->valueint <= most)
            return true;
        if (any_between(child, name, least, most))
            return true;
    }
    return false;
}

static bool slow_to_read(const cJSON *root)
{
    return any_between(root, "count", GROUP_MAX + 1, COUNT_MAX) ||
           any_between(root, "times", GROUP_MAX + 1, TIMES_MAX);
}

static bool beyond_bounds(const cJSON *root)
{
    const cJSON *nats = cJSON_GetObjectItemCaseSensitive(root, "nats");
    const cJSON *peers = cJSON_GetObjectItemCaseSensitive(root, "peers");
    return any_between(nats, "count", COUNT_MAX + 1, INT_MAX) ||
           any_between(peers, "count", COUNT_MAX + 1, INT_MAX) ||
           any_between(root, "times", TIMES_MAX + 1, INT_MAX);
}

static bool has_twins(const cJSON *node)
{
    for (const cJSON *one = node->child; one != NULL; one = one->next) {
        for (const cJSON *other = one->next; cJSON_IsObject(node) && other != NULL;
             other = other->next) {
            if (strcmp(one->string, other->string) == 0)
                return true;
        }
        if (has_twins(one))
            return true;
    }
    return false;
}

/* ---- What an accepted scenario may name ------------------------------------------------------ */

static void check_index(uint32_t index, uint32_t count, const char *what)
{
    FUZZ_REQUIRE(index == SIM_NONE || index < count, "%s %u of %u", what, index, count);
}

static void check_range(struct sim_range range, uint32_t count, const char *what)
{
    FUZZ_REQUIRE(range.count <= count && (range.count == 0 || range.first <= count - range.count),
                 "%s %u and %u more of %u", what, range.first, range.count, count);
}

static void check_actions(const struct sim_scenario *s)
{
    for (uint32_t i = 0; i < s->action_count; i++) {
        const struct sim_action *action = &s->actions[i];
        FUZZ_REQUIRE(i == 0 || s->actions[i - 1].at_ns <= action->at_ns, "order of time");
        FUZZ_REQUIRE(action->kind < SIM_DO_COUNT, "kind %d", (int)action->kind);
        check_range(action->peers, s->peer_count, "peers");
        check_range(action->other, s->peer_count, "other peers");
        check_range(action->sessions, s->session_count, "sessions");
        check_range(action->nats, s->nat_count, "nats");
        check_range(action->relays, s->relay_count, "relays");
        check_range(action->masters, s->master_count, "masters");
        check_range(action->attackers, s->attacker_count, "attackers");
        check_index(action->link, s->link_count, "link");
        check_index(action->to_link, s->link_count, "link");
        FUZZ_REQUIRE(action->key_count <= SIM_PINNED_KEYS_MAX, "keys");
        for (uint32_t k = 0; k < action->key_count; k++)
            check_index(action->keys[k], s->key_count, "key");
    }
}

static void check_expectations(const struct sim_scenario *s)
{
    FUZZ_REQUIRE(s->expectation_count > 0, "expects nothing");
    for (uint32_t i = 0; i < s->expectation_count; i++) {
        const struct sim_expectation *one = &s->expectations[i];
        FUZZ_REQUIRE(one->text != NULL && one->text[0] != '\0', "in words");
        FUZZ_REQUIRE(one->from_ns <= one->to_ns && one->to_ns <= s->duration_ns, "its window");
        FUZZ_REQUIRE(one->bound.at_least <= one->bound.at_most, "a bound that nothing meets");
        check_range(one->sessions, s->session_count, "sessions");
        check_range(one->peers, s->peer_count, "peers");
        check_range(one->attackers, s->attacker_count, "attackers");
        check_index(one->relay, s->relay_count, "relay");
        check_index(one->master, s->master_count, "master");
        if (one->kind == SIM_EXPECT_COUNTER)
            FUZZ_REQUIRE(one->counter.offset <= sizeof(struct wr_counters) - 8, "a counter");
    }
}

static void check_topology(const struct sim_scenario *s)
{
    for (uint32_t i = 0; i < s->master_count; i++) {
        check_index(s->masters[i].signs_with, s->key_count, "key");
        check_index(s->masters[i].publishes, s->key_count, "key");
    }
    for (uint32_t i = 0; i < s->nat_count; i++)
        FUZZ_REQUIRE(s->nats[i].public_ip_count >= 1 &&
                         s->nats[i].public_ip_count <= SIM_NAT_PUBLIC_MAX &&
                         s->nats[i].port_min <= s->nats[i].port_max,
                     "nat %u", i);
    for (uint32_t i = 0; i < s->relay_count; i++) {
        check_index(s->relays[i].master, s->master_count, "master");
        check_index(s->relays[i].uplink, s->link_count, "link");
        check_index(s->relays[i].downlink, s->link_count, "link");
        FUZZ_REQUIRE(s->relays[i].pinned_key_count <= SIM_PINNED_KEYS_MAX, "keys");
    }
    for (uint32_t i = 0; i < s->peer_count; i++) {
        check_index(s->peers[i].nat, s->nat_count, "nat");
        check_index(s->peers[i].uplink, s->link_count, "link");
    }
    for (uint32_t i = 0; i < s->session_count; i++) {
        const struct sim_session_spec *session = &s->sessions[i];
        FUZZ_REQUIRE(session->relay < s->relay_count, "session %u has no relay", i);
        for (int role = 0; role < WR_ROLES; role++) {
            FUZZ_REQUIRE(session->peers[role] < s->peer_count, "session %u has no peer", i);
            FUZZ_REQUIRE(session->traffic[role].pause_count <= SIM_PAUSES_MAX, "pauses");
            check_index(session->lease[role].key, s->key_count, "key");
        }
    }
    for (uint32_t i = 0; i < s->attacker_count; i++) {
        check_index(s->attackers[i].relay, s->relay_count, "relay");
        check_index(s->attackers[i].session, s->session_count, "session");
        check_index(s->attackers[i].victim, s->peer_count, "peer");
    }
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static void check_address(const char *text)
{
    struct wr_address address, again;
    struct second_address second;
    char written[WR_ADDRESS_TEXT_BYTES], wanted[SECOND_ADDRESS_TEXT_BYTES];
    uint8_t prefix[16];
    FUZZ_STAIN(address);
    FUZZ_STAIN(again);
    FUZZ_STAIN(written);
    FUZZ_STAIN(prefix);
    bool good = wr_address_parse(text, &address);
    FUZZ_REQUIRE(good == second_address(text, &second), "%s: an address for one reader", text);
    if (!good)
        return;
    FUZZ_REQUIRE(memcmp(address.ip, second.ip, 16) == 0 && address.port == second.port &&
                     address.zone == second.zone && address.reserved == 0,
                 "%s is another address", text);
    FUZZ_REQUIRE(wr_address_unanswerable(&address) == second_address_unanswerable(&second),
                 "%s: nothing may be sent there, for one reader", text);
    wr_address_prefix(&address, prefix);
    size_t shared = wr_address_is_v4(&address) ? 16 : 8;
    FUZZ_REQUIRE(memcmp(prefix, second.ip, shared) == 0, "%s: its prefix", text);
    for (size_t i = shared; i < sizeof prefix; i++)
        FUZZ_REQUIRE(prefix[i] == 0, "%s: behind its prefix", text);
    wr_address_format(&address, written);
    FUZZ_REQUIRE(wr_address_parse(written, &again) && wr_address_equal(&address, &again) &&
                     wr_address_same_ip(&address, &again),
                 "%s is written as %s", text, written);
    if (second_address_text(&second, wanted) != NULL)
        FUZZ_REQUIRE(strcmp(written, wanted) == 0, "%s, not %s", written, wanted);
}

static void check_addresses(const cJSON *node)
{
    if (cJSON_IsString(node))
        check_address(node->valuestring);
    for (const cJSON *child = node->child; child != NULL; child = child->next)
        check_addresses(child);
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct reading {
    bool json, accepted;
    uint32_t problems;
    struct sim_problem list[SIM_PROBLEMS_MAX];
    struct sim_arena *arena;
};

/* The file is named as its scenario says, so that this is not what it is refused for. */
static const char *path_for(struct sim_arena *arena, const char *text, size_t size)
{
    cJSON *root = cJSON_ParseWithLength(text, size);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "name"));
    const char *path = sim_arena_print(arena, "scenarios/fuzz/%s.json", name != NULL ? name : "x");
    cJSON_Delete(root);
    return path;
}

static void check_places(const struct sim_document *document)
{
    uint32_t lines = 1;
    for (size_t i = 0; i < document->bytes; i++)
        lines += document->text[i] == '\n';
    for (uint32_t i = 0; i < document->problem_count; i++) {
        const struct sim_problem *problem = &document->problems[i];
        FUZZ_REQUIRE(problem->text != NULL && problem->text[0] != '\0', "a problem without words");
        FUZZ_REQUIRE(problem->line >= 1 && problem->line <= lines && problem->column >= 1,
                     "%s: at %u:%u of %u lines", problem->text, problem->line, problem->column,
                     lines);
    }
}

static struct reading read(const char *text, size_t size)
{
    struct reading reading = {.arena = sim_arena_create()};
    struct sim_document document;
    const char *path = path_for(reading.arena, text, size);
    reading.json = sim_document_parse(&document, reading.arena, path, text, size);
    if (size > 0 && memchr(text, 0, size) != NULL)
        FUZZ_REQUIRE(!reading.json, "a NUL");
    if (reading.json) {
        const struct sim_scenario *scenario = sim_scenario_parse(&document);
        reading.accepted = scenario != NULL;
        if (scenario != NULL) {
            check_topology(scenario);
            check_actions(scenario);
            check_expectations(scenario);
        }
        if (has_twins(document.root))
            FUZZ_REQUIRE(!reading.accepted, "a member that appears twice");
        if (beyond_bounds(document.root))
            FUZZ_REQUIRE(!reading.accepted, "a number that is too big");
    }
    FUZZ_REQUIRE(reading.accepted == (document.problem_count == 0), "%u problems",
                 document.problem_count);
    check_places(&document);
    reading.problems = document.problem_count + document.problems_left_out;
    memcpy(reading.list, document.problems, sizeof reading.list);
    sim_document_close(&document);
    return reading;
}

/* The same words, wherever they stand now. */
static void compare(const struct reading *one, const struct reading *other)
{
    FUZZ_REQUIRE(one->accepted == other->accepted, "laid out anew: accepted %d", other->accepted);
    for (uint32_t i = 0; one->problems <= 8 && i < one->problems; i++) {
        bool found = false;
        for (uint32_t k = 0; !found && k < other->problems && k < SIM_PROBLEMS_MAX; k++)
            found = strcmp(one->list[i].text, other->list[k].text) == 0;
        FUZZ_REQUIRE(found, "only in one layout: %s", one->list[i].text);
    }
}

static void check_reading_of(const cJSON *root, bool accepted, const char *what)
{
    char *text = cJSON_PrintUnformatted(root);
    if (text == NULL)
        abort();
    struct reading reading = read(text, strlen(text));
    FUZZ_REQUIRE(reading.accepted == accepted, "%s", what);
    sim_arena_destroy(reading.arena);
    free(text);
}

/* What cJSON prints it reads as the same again (an infinite number it does not). */
static void check_layouts(cJSON *root, const struct reading *reading)
{
    char *text = cJSON_Print(root);
    cJSON *copy = text == NULL ? NULL : cJSON_Parse(text);
    if (copy != NULL && cJSON_Compare(root, copy, true)) {
        struct reading again = read(text, strlen(text));
        compare(reading, &again);
        sim_arena_destroy(again.arena);
    }
    cJSON_Delete(copy);
    free(text);
    if (!reading->accepted)
        return;
    cJSON *extra = cJSON_AddNumberToObject(root, "nobody knows this", 1);
    check_reading_of(root, false, "a member that nobody knows");
    cJSON_Delete(cJSON_DetachItemViaPointer(root, extra));
    cJSON_DeleteItemFromObjectCaseSensitive(root, "expect");
    check_reading_of(root, false, "nothing expected");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size > fuzz_target.bytes_max)
        return 0;
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    cJSON *root = cJSON_ParseWithLength(text, size);
    if (root != NULL)
        check_addresses(root);
    if (!slow_to_read(root)) {
        struct reading reading = read(text, size);
        if (root != NULL && reading.json && !has_twins(root))
            check_layouts(root, &reading);
        sim_arena_destroy(reading.arena);
    }
    cJSON_Delete(root);
    free(text);
    return 0;
}

/* ---- Mutating the tree ----------------------------------------------------------------------- */

static cJSON *pick(cJSON *node, uint32_t *number)
{
    for (cJSON *child = node->child; child != NULL; child = child->next) {
        if ((*number)-- == 0)
            return child;
        cJSON *found = pick(child, number);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static uint32_t count_nodes(const cJSON *node)
{
    uint32_t count = 0;
    for (const cJSON *child = node->child; child != NULL; child = child->next)
        count += 1 + count_nodes(child);
    return count;
}

static cJSON *parent_of(cJSON *node, const cJSON *wanted)
{
    for (cJSON *child = node->child; child != NULL; child = child->next) {
        cJSON *found = child == wanted ? node : parent_of(child, wanted);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* The last digit of a text or a number goes up or down: names of a group, durations, addresses. */
static void change_digit(cJSON *node, uint64_t *random)
{
    int step = fuzz_random_below(random, 2) == 0 ? 1 : -1;
    if (cJSON_IsNumber(node))
        cJSON_SetNumberHelper(node, node->valuedouble + step);
    for (char *at = cJSON_IsString(node) ? node->valuestring + strlen(node->valuestring) : NULL;
         at != NULL && at > node->valuestring;) {
        if (*--at >= '0' && *at <= '9') {
            *at = (char)('0' + (*at - '0' + 10 + step) % 10);
            return;
        }
    }
}

static bool names_a_member(const cJSON *node)
{
    const char *dash = cJSON_IsString(node) ? strrchr(node->valuestring, '-') : NULL;
    return dash != NULL && dash[1] >= '0' && dash[1] <= '9';
}

static void change_tree(cJSON *root, uint64_t *random)
{
    uint32_t count = count_nodes(root);
    if (count == 0)
        return;
    uint32_t one = fuzz_random_below(random, count), other = fuzz_random_below(random, count);
    cJSON *node = pick(root, &one), *donor = pick(root, &other), *parent = parent_of(root, node);
    switch (fuzz_random_below(random, 5)) {
    case 0:
        cJSON_Delete(cJSON_DetachItemViaPointer(parent, node));
        break;
    case 1: /* once more, behind its brothers */
        if (cJSON_IsObject(parent))
            cJSON_AddItemToObject(parent, node->string, cJSON_Duplicate(node, true));
        else
            cJSON_AddItemToArray(parent, cJSON_Duplicate(node, true));
        break;
    case 2: /* what stands elsewhere comes here too */
        donor = cJSON_Duplicate(donor, true);
        if (cJSON_IsObject(node) && donor->string != NULL)
            cJSON_AddItemToObject(node, donor->string, donor);
        else if (cJSON_IsArray(node))
            cJSON_AddItemToArray(node, donor);
        else if (cJSON_IsObject(parent))
            cJSON_ReplaceItemInObjectCaseSensitive(parent, node->string, donor);
        else
            cJSON_Delete(donor);
        break;
    default: /* the name of a member of a group, where there is one */
        for (int i = 0; i < 12 && !names_a_member(node); i++) {
            one = fuzz_random_below(random, count);
            node = pick(root, &one);
        }
        change_digit(node, random);
        break;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    uint64_t random = seed;
    cJSON *root = seed % 4 == 0 ? NULL : cJSON_ParseWithLength((const char *)bytes, size);
    if (root == NULL)
        return fuzz_mutate(bytes, size, size_max);
    change_tree(root, &random);
    char *text = seed % 4 == 1 ? cJSON_Print(root) : cJSON_PrintUnformatted(root);
    size_t text_bytes = text == NULL ? 0 : strlen(text);
    if (text_bytes > 0 && text_bytes <= size_max) {
        memcpy(bytes, text, text_bytes); /* NOLINT(bugprone-not-null-terminated-result) */
        size = text_bytes;
    }
    free(text);
    cJSON_Delete(root);
    return size;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    struct sim_document document;
    struct sim_arena *arena = sim_arena_create();
    const char *path = path_for(arena, (const char *)bytes, size);
    const char *outcome = "no json";
    if (sim_document_parse(&document, arena, path, (const char *)bytes, size))
        outcome = sim_scenario_parse(&document) != NULL ? "accepted" : "refused";
    sim_document_close(&document);
    sim_arena_destroy(arena);
    return outcome;
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    struct sim_document document;
    struct sim_arena *arena = sim_arena_create();
    const char *path = path_for(arena, (const char *)bytes, size);
    bool json = sim_document_parse(&document, arena, path, (const char *)bytes, size);
    if (json && sim_scenario_parse(&document) != NULL)
        fprintf(out, "  a scenario\n");
    sim_document_print_problems(&document, out);
    sim_document_close(&document);
    sim_arena_destroy(arena);
}
