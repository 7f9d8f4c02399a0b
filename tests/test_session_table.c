#include "random.h"
#include "session_table.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct wr_session_table table;
static void *memory;

static void open_of(uint32_t capacity)
{
    struct wr_arena sizes = {NULL, 0};
    wr_session_table_layout(&table, &sizes, capacity);
    memory = calloc(1, sizes.used);
    struct wr_arena arena = {memory, 0};
    wr_session_table_layout(&table, &arena, capacity);
    memset(table.key, 3, sizeof table.key);
    wr_session_table_start(&table);
}

static void close_table(void)
{
    free(memory);
}

TestSuite(session_table, .fini = close_table);

static struct wr_session_id id_of(uint32_t number)
{
    struct wr_session_id id = {{1}};
    memcpy(id.bytes + 8, &number, sizeof number);
    return id;
}

static struct wr_session *find(uint32_t number)
{
    const struct wr_session_id id = id_of(number);
    return wr_session_table_find(&table, &id, wr_session_table_hash(&table, &id));
}

static struct wr_session *add(uint32_t number)
{
    const struct wr_session_id id = id_of(number);
    return wr_session_table_add(&table, &id);
}

static struct wr_route route_of(uint32_t number)
{
    return (struct wr_route){.address = {.ip = {9}, .port = (uint16_t)(number + 1)}, .via = number};
}

Test(session_table, a_full_table_takes_no_more_until_one_leaves)
{
    open_of(3);
    cr_expect_eq(wr_session_table_next_deadline(&table), WR_NEVER);
    for (uint32_t number = 0; number < 3; number++)
        cr_expect_not_null(add(number));
    cr_expect_null(add(3));
    wr_session_table_remove(&table, find(1));
    cr_expect_null(find(1));
    struct wr_session *again = add(3);
    cr_expect_not_null(again);
    cr_expect_eq(find(3), again);
    cr_expect_not_null(find(0));
    cr_expect_not_null(find(2));
}

Test(session_table, an_outdated_lookup_is_made_anew)
{
    open_of(2);
    const struct wr_session_id id = id_of(1), other = id_of(2);
    uint64_t hash = wr_session_table_hash(&table, &id);
    struct wr_session *session = add(1);
    cr_expect_eq(wr_session_table_find_again(&table, &id, hash, session), session);
    cr_expect_eq(wr_session_table_find_again(&table, &id, hash, NULL), session);
    wr_session_table_remove(&table, session);
    cr_expect_null(wr_session_table_find_again(&table, &id, hash, session));
    struct wr_session *successor = add(2);
    cr_expect_eq(successor, session, "the same memory");
    cr_expect_null(wr_session_table_find_again(&table, &id, hash, session));
    uint64_t other_hash = wr_session_table_hash(&table, &other);
    cr_expect_eq(wr_session_table_find_again(&table, &other, other_hash, session), successor);
}

/* ---- Against a naive model: plain arrays, looked through from end to end --------------------- */

#define CAPACITY  24
#define NUMBERS   40 /* session ids that come and go */
#define ADDRESSES 12 /* few, so that they are shared */

struct model_session {
    bool exists, active;
    uint64_t created;
    wr_instant deadline;
    int bound[WR_ROLES]; /* address, -1 for none */
};

static struct model_session model[NUMBERS];
static uint64_t creations;

static uint32_t model_count(void)
{
    uint32_t count = 0;
    for (int i = 0; i < NUMBERS; i++)
        count += model[i].exists;
    return count;
}

static void check_bindings(void)
{
    for (uint32_t address = 0; address < ADDRESSES; address++) {
        const struct wr_route route = route_of(address);
        struct wr_session *session = NULL;
        enum wr_role role = WR_ROLE_CLIENT;
        int active = 0, waiting = 0, last = -1;
        for (int i = 0; i < NUMBERS; i++) {
            for (int r = 0; r < WR_ROLES; r++) {
                if (!model[i].exists || model[i].bound[r] != (int)address)
                    continue;
                if (model[i].active) {
                    active++;
                    last = i * WR_ROLES + r;
                } else {
                    waiting++;
                }
            }
        }
        enum wr_bound expected = active > 1    ? WR_BOUND_AMBIGUOUS
                                 : active == 1 ? WR_BOUND_ONCE
                                 : waiting > 0 ? WR_BOUND_WAITING
                                               : WR_BOUND_NOWHERE;
        cr_assert_eq(wr_session_table_binding(&table, &route.address, &session, &role), expected);
        if (expected == WR_BOUND_ONCE) {
            cr_assert_eq(session, find((uint32_t)last / WR_ROLES));
            cr_assert_eq((int)role, last % WR_ROLES);
        }
    }
}

static void check_all(void)
{
    uint32_t active = 0;
    int first = -1;
    for (int i = 0; i < NUMBERS; i++) {
        struct wr_session *session = find((uint32_t)i);
        cr_assert_eq(session != NULL, model[i].exists);
        if (!model[i].exists)
            continue;
        active += model[i].active;
        if (first < 0 || model[i].deadline < model[first].deadline ||
            (model[i].deadline == model[first].deadline && model[i].created < model[first].created))
            first = i;
    }
    cr_assert_eq(table.count, model_count());
    cr_assert_eq(table.active, active);
    if (first >= 0) {
        cr_assert_eq(wr_session_table_next_deadline(&table), model[first].deadline);
        cr_assert_eq(wr_session_table_first(&table), find((uint32_t)first));
    }
    /* The order of creation, from the oldest on. */
    uint64_t before = 0;
    uint32_t seen = 0;
    for (uint32_t slot = table.oldest; slot != WR_SLOT_NONE; slot = table.sessions[slot].newer) {
        cr_assert(seen == 0 || table.sessions[slot].number > before);
        before = table.sessions[slot].number;
        seen++;
    }
    cr_assert_eq(seen, table.count);
    check_bindings();
}

static void unbind(int number, enum wr_role role)
{
    wr_session_table_unbind(&table, find((uint32_t)number), role);
    model[number].bound[role] = -1;
}

static void add_or_remove(int number)
{
    struct model_session *expected = &model[number];
    if (expected->exists) {
        unbind(number, WR_ROLE_CLIENT);
        unbind(number, WR_ROLE_SERVER);
        wr_session_table_remove(&table, find((uint32_t)number));
        expected->exists = false;
    } else if (model_count() == CAPACITY) {
        cr_assert_null(add((uint32_t)number));
    } else {
        cr_assert_not_null(add((uint32_t)number));
        *expected = (struct model_session){
            .exists = true, .created = creations++, .deadline = WR_NEVER, .bound = {-1, -1}};
    }
}

static void step(uint64_t *random)
{
    int number = (int)random_below(random, NUMBERS);
    enum wr_role role = (enum wr_role)random_below(random, WR_ROLES);
    uint32_t what = random_below(random, 8);
    struct model_session *expected = &model[number];
    if (what == 0 || !expected->exists) {
        add_or_remove(number);
        return;
    }
    struct wr_session *session = find((uint32_t)number);
    if (what <= 2) {
        uint32_t address = random_below(random, ADDRESSES);
        const struct wr_route route = route_of(address);
        wr_session_table_bind(&table, session, role, &route);
        expected->bound[role] = (int)address;
    } else if (what == 3) {
        unbind(number, role);
    } else if (what == 4) {
        expected->active = random_below(random, 2) == 0;
        wr_session_table_set_state(&table, session,
                                   expected->active ? WR_SESSION_ACTIVE : WR_SESSION_WAITING_PEER);
    } else {
        wr_instant at_ns = random_below(random, 10); /* few, so that there are ties */
        if (what == 5) {
            wr_session_table_reschedule(&table, session, at_ns);
            expected->deadline = at_ns;
        } else {
            wr_session_table_schedule(&table, session, at_ns);
            if (at_ns < expected->deadline)
                expected->deadline = at_ns;
        }
    }
}

Test(session_table, agrees_with_a_naive_model)
{
    open_of(CAPACITY);
    uint64_t random = 20260101;
    for (int i = 0; i < 20000; i++) {
        step(&random);
        check_all();
    }
}

Test(session_table, deadlines_come_in_order_and_ties_by_creation)
{
    open_of(1000);
    uint64_t random = 5;
    for (uint32_t number = 0; number < 1000; number++)
        wr_session_table_reschedule(&table, add(number), random_below(&random, 50));
    wr_instant before_ns = 0;
    uint64_t before_number = 0;
    for (int i = 0; i < 1000; i++) {
        wr_instant at_ns = wr_session_table_next_deadline(&table);
        struct wr_session *session = wr_session_table_first(&table);
        cr_assert(at_ns > before_ns || i == 0 ||
                  (at_ns == before_ns && session->number > before_number));
        before_ns = at_ns;
        before_number = session->number;
        wr_session_table_remove(&table, session);
    }
    cr_expect_eq(table.count, 0);
}

Test(session_table, prefetching_what_is_not_there_does_no_harm)
{
    open_of(4);
    wr_session_table_prefetch_head(&table, 12345);
    wr_session_table_prefetch_first(&table, 12345);
    struct wr_session *session = add(1);
    const struct wr_session_id id = id_of(1);
    wr_session_table_prefetch_first(&table, wr_session_table_hash(&table, &id));
    wr_session_table_prefetch_session(session, UINT32_MAX);
    wr_session_table_prefetch_seats(session);
    cr_expect_eq(find(1), session);
}
