/*
 * The session table (core/session_table.h) against plain arrays that are looked through from end to
 * end: who exists, who is bound where, which deadline comes first and whose it is, and the order of
 * creation.
 */
#include "actions.h"

#include <session_table.h>

#include <stdlib.h>
#include <string.h>

#define CAPACITY  12
#define NUMBERS   20 /* session ids that come and go */
#define ADDRESSES 6  /* few, so that they are shared */

enum tag { ADD, REMOVE, BIND, UNBIND, SET_STATE, SCHEDULE, RESCHEDULE, FIND_AGAIN, TAGS };
static const char *const names[TAGS] = {"add",   "remove",   "bind",       "unbind",
                                        "state", "schedule", "reschedule", "find again"};

const struct fuzz_target fuzz_target = {
    .name = "table",
    .property = "the session table says what arrays say that are looked through from end to end",
    .bytes_max = 2048,
    .canaries = {{"table_ties_by_slot", 20000}, {"table_hole_sinks", 20000}},
};

struct model_session {
    bool exists, active;
    uint64_t created;
    wr_instant deadline;
    int bound[WR_ROLES]; /* address, -1 for none */
};

static struct wr_session_table table;
static void *memory;
static size_t memory_bytes;
static struct model_session model[NUMBERS];
static uint64_t creations;

static void begin(void)
{
    struct wr_arena sizes = {NULL, 0};
    memset(&table, 0, sizeof table);
    wr_session_table_layout(&table, &sizes, CAPACITY);
    if (memory == NULL) {
        memory_bytes = sizes.used;
        memory = aligned_alloc(WR_ARENA_ALIGN, (memory_bytes + 63) / 64 * 64);
        if (memory == NULL)
            abort();
    }
    memset(memory, 0, memory_bytes);
    struct wr_arena arena = {memory, 0};
    wr_session_table_layout(&table, &arena, CAPACITY);
    memset(table.key, 3, sizeof table.key);
    wr_session_table_start(&table);
    memset(model, 0, sizeof model);
    creations = 0;
}

static struct wr_session_id id_of(uint32_t number)
{
    return (struct wr_session_id){{1, [15] = (uint8_t)number}};
}

static struct wr_session *find(uint32_t number)
{
    const struct wr_session_id id = id_of(number);
    return wr_session_table_find(&table, &id, wr_session_table_hash(&table, &id));
}

static struct wr_route route_of(uint32_t address)
{
    return (struct wr_route){.address = {.ip = {9}, .port = (uint16_t)(address + 1)},
                             .via = address};
}

static uint32_t model_count(void)
{
    uint32_t count = 0;
    for (int i = 0; i < NUMBERS; i++)
        count += model[i].exists;
    return count;
}

/* ---- What must hold after every action ------------------------------------------------------- */

static void check_binding(uint32_t address)
{
    const struct wr_route route = route_of(address);
    struct wr_session *session = NULL;
    enum wr_role role = WR_ROLE_CLIENT;
    int active = 0, waiting = 0, last = -1;
    for (int i = 0; i < NUMBERS * WR_ROLES; i++) {
        const struct model_session *one = &model[i / WR_ROLES];
        if (!one->exists || one->bound[i % WR_ROLES] != (int)address)
            continue;
        active += one->active;
        waiting += !one->active;
        last = one->active ? i : last;
    }
    enum wr_bound expected = active > 1    ? WR_BOUND_AMBIGUOUS
                             : active == 1 ? WR_BOUND_ONCE
                             : waiting > 0 ? WR_BOUND_WAITING
                                           : WR_BOUND_NOWHERE;
    FUZZ_REQUIRE(wr_session_table_binding(&table, &route.address, &session, &role) == expected,
                 "address %u is bound %d times", address, active);
    if (expected == WR_BOUND_ONCE)
        FUZZ_REQUIRE(session == find((uint32_t)last / WR_ROLES) && (int)role == last % WR_ROLES,
                     "address %u", address);
}

static void check_seats(const struct wr_session *session, const struct model_session *expected)
{
    FUZZ_REQUIRE((session->state == WR_SESSION_ACTIVE) == expected->active, "state");
    for (int role = 0; role < WR_ROLES; role++) {
        const struct wr_seat *seat = &session->seats[role];
        FUZZ_REQUIRE(seat->is_bound == (expected->bound[role] >= 0), "bound");
        if (seat->is_bound)
            FUZZ_REQUIRE((int)seat->bound.via == expected->bound[role], "the route");
    }
}

/* The heap: no entry comes before the one above it, and every session knows its place. */
static void check_heap(void)
{
    for (uint32_t at = 0; at < table.count; at++) {
        const struct wr_deadline *entry = &table.heap[at],
                                 *above = &table.heap[at == 0 ? 0 : (at - 1) / 4];
        FUZZ_REQUIRE(table.sessions[entry->slot].heap_at == at, "place %u", at);
        if (at > 0)
            FUZZ_REQUIRE(above->at_ns < entry->at_ns || (above->at_ns == entry->at_ns &&
                                                         table.sessions[above->slot].number <
                                                             table.sessions[entry->slot].number),
                         "place %u comes before the one above it", at);
    }
}

static void check_all(void)
{
    uint32_t active = 0, seen = 0;
    int first = -1;
    for (int i = 0; i < NUMBERS; i++) {
        const struct wr_session *session = find((uint32_t)i);
        FUZZ_REQUIRE((session != NULL) == model[i].exists, "session %d", i);
        if (!model[i].exists)
            continue;
        check_seats(session, &model[i]);
        active += model[i].active;
        if (first < 0 || model[i].deadline < model[first].deadline ||
            (model[i].deadline == model[first].deadline && model[i].created < model[first].created))
            first = i;
    }
    FUZZ_REQUIRE(table.count == model_count() && table.active == active, "counts");
    FUZZ_REQUIRE(wr_session_table_next_deadline(&table) ==
                     (first < 0 ? WR_NEVER : model[first].deadline),
                 "the next deadline");
    if (first >= 0)
        FUZZ_REQUIRE(wr_session_table_first(&table) == find((uint32_t)first), "session %d", first);
    for (uint32_t slot = table.oldest, before = WR_SLOT_NONE; slot != WR_SLOT_NONE;
         before = slot, slot = table.sessions[slot].newer) {
        FUZZ_REQUIRE(table.sessions[slot].older == before, "neighbours by age");
        FUZZ_REQUIRE(before == WR_SLOT_NONE ||
                         table.sessions[before].number < table.sessions[slot].number,
                     "age");
        FUZZ_REQUIRE(++seen <= CAPACITY, "a ring");
    }
    FUZZ_REQUIRE(seen == table.count, "all by age");
    check_heap();
    for (uint32_t address = 0; address < ADDRESSES; address++)
        check_binding(address);
}

/* ---- Actions --------------------------------------------------------------------------------- */

static void add(uint32_t number)
{
    const struct wr_session_id id = id_of(number);
    if (model[number].exists)
        return;
    bool room = model_count() < CAPACITY;
    FUZZ_REQUIRE((wr_session_table_add(&table, &id) != NULL) == room, "room for one more");
    if (room)
        model[number] = (struct model_session){
            .exists = true, .created = creations++, .deadline = WR_NEVER, .bound = {-1, -1}};
}

static void remove_one(struct wr_session *session, struct model_session *expected)
{
    wr_session_table_unbind(&table, session, WR_ROLE_CLIENT);
    wr_session_table_unbind(&table, session, WR_ROLE_SERVER);
    wr_session_table_remove(&table, session);
    expected->exists = false;
}

/* An old pointer is a hint and nothing more. */
static void find_again(uint32_t number, uint32_t hint)
{
    const struct wr_session_id id = id_of(number);
    FUZZ_REQUIRE(wr_session_table_find_again(&table, &id, wr_session_table_hash(&table, &id),
                                             &table.sessions[hint]) == find(number),
                 "session %u by the hint %u", number, hint);
}

static void step(struct fuzz_action *action)
{
    uint32_t number = fuzz_take_below(action, NUMBERS), what = fuzz_take_u8(action);
    enum wr_role role = what % 2 == 0 ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
    struct model_session *expected = &model[number];
    enum tag tag = (enum tag)(action->tag % TAGS);
    struct wr_session *session = find(number);
    struct wr_route route;
    if (tag == ADD)
        add(number);
    if (tag == FIND_AGAIN)
        find_again(number, what % CAPACITY);
    if (session == NULL)
        return;
    switch (tag) {
    case ADD:
    case FIND_AGAIN:
    case TAGS:
        break;
    case REMOVE:
        remove_one(session, expected);
        break;
    case BIND:
        route = route_of(what / 2 % ADDRESSES);
        wr_session_table_bind(&table, session, role, &route);
        expected->bound[role] = (int)route.via;
        break;
    case UNBIND:
        wr_session_table_unbind(&table, session, role);
        expected->bound[role] = -1;
        break;
    case SET_STATE:
        expected->active = what % 2 == 1;
        wr_session_table_set_state(&table, session,
                                   expected->active ? WR_SESSION_ACTIVE : WR_SESSION_WAITING_PEER);
        break;
    case SCHEDULE:
        wr_session_table_schedule(&table, session, what);
        expected->deadline = what < expected->deadline ? what : expected->deadline;
        break;
    case RESCHEDULE:
        expected->deadline = what == 255 ? WR_NEVER : what;
        wr_session_table_reschedule(&table, session, expected->deadline);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_action action;
    if (size > fuzz_target.bytes_max)
        return 0;
    begin();
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    while (fuzz_next_action(&list, &action)) {
        step(&action);
        check_all();
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    if (seed % 8 == 0)
        return fuzz_mutate(bytes, size, size_max);
    return fuzz_mutate_actions(bytes, size, size_max, seed, TAGS, 2);
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    return fuzz_count_actions(bytes, size);
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    fuzz_explain_actions(bytes, size, names, TAGS, out);
}
