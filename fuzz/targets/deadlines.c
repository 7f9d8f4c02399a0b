/*
 * The verification queue and its deadlines (section 2) against lists that are looked through: who
 * goes out next and when the budget allows it, whose two seconds are over first, who holds a
 * datagram for whom. Time moves as it does in a relay: to the next deadline, or past it.
 */
#include "actions.h"

#include <keyed_hash.h>
#include <session.h>
#include <verify_queue.h>

#include <stdlib.h>
#include <string.h>

#define ADDRESSES 4
#define SESSIONS  4
#define HASHES    65536 /* a multiple of the heads of any table */
#define NAMES     32
#define QUEUE_MAX 512 /* section 2: of each queue, */
#define KEY_WAIT  64  /* that wait for a key, */
#define OUT_MAX   4   /* and that are out */
#define PENDING   (2 * QUEUE_MAX + KEY_WAIT + OUT_MAX)

enum tag {
    JOIN,
    REJOIN,
    LEAVE,
    OUT,
    HOLD,
    WAIT,
    TO_DEADLINE,
    TIME_OUT,
    START,
    SESSION,
    CROWD,
    TAGS
};
static const char *const names[TAGS] = {
    "join",        "key came",  "leave", "goes out", "hold",  "time",
    "to deadline", "timed out", "start", "session",  "crowd",
};

const struct fuzz_target fuzz_target = {
    .name = "deadlines",
    .property = "the verification queue and every deadline are what section 2 says, to the ns",
    .bytes_max = 1024,
    .canaries = {{"queue_late_by_arrival", 20000}, {"queue_newest_holder", 20000}},
};

/* Actions name requests: a name means the one that joined by it last, as long as that is pending.
 * Nothing that is done with other names changes whom it means. */
struct model_request {
    bool pending;
    uint32_t name;
    enum wr_verify_place place;
    bool first;
    uint32_t address, session, held;
    uint64_t number;
    wr_instant joined;
    uint64_t joined_number; /* among those of the same instant and list */
    struct wr_verify_request *request;
};

struct world {
    struct wr_verify_queue queue;
    struct wr_shared_bucket budget;
    struct model_request requests[PENDING];
    uint32_t count; /* of `requests`, places of gone ones included */
    struct model_request *named[NAMES];
    uint32_t out;
    uint64_t numbers, joins;
    uint32_t rate;
    __int128 level_ns, level_at; /* of the budget, as a leaking bucket */
    wr_instant now;
};

static void *memory;
static uint32_t neighbour; /* 0: not chosen yet */

static struct wr_address address_of(uint32_t number)
{
    struct wr_address address = {.ip = {7, (uint8_t)number}, .port = 9};
    if (number == ADDRESSES - 1)
        memcpy(address.ip + 2, &neighbour, sizeof neighbour);
    return address;
}

/* The last address is one whose keyed hash is that of the first, as far as any table of the queue
 * looks at it: so that two sources share a chain. */
static void choose_neighbour(const uint8_t key[WR_HASH_KEY_BYTES])
{
    const struct wr_address first = address_of(0);
    uint64_t wanted = wr_hash_bytes(key, &first, sizeof first) % HASHES;
    struct wr_address last;
    do {
        neighbour++;
        last = address_of(ADDRESSES - 1);
    } while (wr_hash_bytes(key, &last, sizeof last) % HASHES != wanted);
}

static void begin(struct world *world, uint32_t rate)
{
    struct wr_arena arena = {NULL, 0};
    wr_instant now = world->now;
    uint32_t places = world->queue.fresh; /* that the last queue used */
    memset(world, 0, sizeof *world);
    world->now = now;
    wr_verify_queue_layout(&world->queue, &arena);
    if (memory == NULL) {
        size_t bytes = (arena.used + 63) / 64 * 64;
        memory = aligned_alloc(WR_ARENA_ALIGN, bytes);
        if (memory == NULL)
            abort();
        memset(memory, 0, bytes);
    }
    arena = (struct wr_arena){memory, 0};
    wr_verify_queue_layout(&world->queue, &arena);
    memset(world->queue.requests, 0, places * sizeof *world->queue.requests);
    memset(world->queue.key, 5, sizeof world->queue.key);
    if (neighbour == 0)
        choose_neighbour(world->queue.key);
    wr_verify_queue_start(&world->queue, rate, &world->budget);
    world->rate = rate;
    world->level_at = now;
}

static struct wr_session_id session_of(uint32_t number)
{
    return (struct wr_session_id){{8, (uint8_t)number}};
}

/* ---- The naive view -------------------------------------------------------------------------- */

static uint32_t count_in(const struct world *world, enum wr_verify_place place)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->count; i++)
        count += world->requests[i].pending && world->requests[i].place == place;
    return count;
}

/* The one that joined its list first. */
static struct model_request *oldest_in(struct world *world, enum wr_verify_place place)
{
    struct model_request *oldest = NULL;
    for (uint32_t i = 0; i < world->count; i++) {
        struct model_request *one = &world->requests[i];
        if (one->pending && one->place == place &&
            (oldest == NULL || one->joined_number < oldest->joined_number))
            oldest = one;
    }
    return oldest;
}

/* Of all that wait anywhere the one whose two seconds are over first; of equals the first to come.
 */
static struct model_request *first_to_time_out(struct world *world)
{
    struct model_request *first = NULL;
    for (int place = 0; place < WR_VERIFY_LISTS; place++) {
        struct model_request *one = oldest_in(world, (enum wr_verify_place)place);
        if (one != NULL && (first == NULL || one->joined < first->joined ||
                            (one->joined == first->joined && one->number < first->number)))
            first = one;
    }
    return first;
}

static bool out_wanted(const struct world *world)
{
    return world->out < OUT_MAX &&
           count_in(world, WR_VERIFY_FIRST) + count_in(world, WR_VERIFY_SECOND) > 0;
}

static uint64_t cost_ns(const struct world *world)
{
    return (WR_S + world->rate - 1) / world->rate;
}

/* When the budget allows one more: the level must have sunk to burst minus cost. */
static wr_instant budget_at(struct world *world)
{
    uint64_t burst = (world->rate / 4 > 1 ? world->rate / 4 : 1) * cost_ns(world);
    __int128 passed = (__int128)world->now - world->level_at;
    world->level_ns = world->level_ns > passed ? world->level_ns - passed : 0;
    world->level_at = world->now;
    __int128 over = world->level_ns + (__int128)cost_ns(world) - burst;
    return over <= 0 ? world->now : world->now + (wr_instant)over;
}

static void check_all(struct world *world)
{
    const struct model_request *late = first_to_time_out(world);
    wr_instant timeout = late == NULL ? WR_NEVER : wr_after(late->joined, 2 * WR_S);
    wr_instant budget = out_wanted(world) ? budget_at(world) : WR_NEVER;
    FUZZ_REQUIRE(wr_verify_queue_timeout_deadline(&world->queue) == timeout, "the next timeout");
    FUZZ_REQUIRE(wr_verify_queue_budget_deadline(&world->queue, world->now) == budget,
                 "when the budget allows one");
}

/* Who would hold a datagram from this address, of each session and of any. */
static void check_holders(struct world *world, uint32_t address)
{
    const struct wr_address from = address_of(address);
    for (uint32_t session = 0; session <= SESSIONS; session++) { /* SESSIONS: any */
        const struct wr_session_id id = session_of(session);
        const struct model_request *expected = NULL;
        for (uint32_t i = 0; i < world->count; i++) {
            const struct model_request *one = &world->requests[i];
            if (one->pending && one->address == address && one->held < 2 &&
                (session == SESSIONS || one->session == session) &&
                (expected == NULL || one->number < expected->number))
                expected = one;
        }
        FUZZ_REQUIRE(
            wr_verify_queue_holder(&world->queue, &from, session == SESSIONS ? NULL : &id) ==
                (expected == NULL ? NULL : expected->request),
            "who holds for address %u, session %u", address, session);
    }
}

/* ---- Actions --------------------------------------------------------------------------------- */

static struct model_request *free_place(struct world *world)
{
    for (uint32_t i = 0; i < world->count; i++) {
        if (!world->requests[i].pending)
            return &world->requests[i];
    }
    FUZZ_REQUIRE(world->count < PENDING, "more than %d are pending", PENDING);
    return &world->requests[world->count++];
}

/* Fills the rest of `what`; false where its list is full. */
static bool join(struct world *world, struct model_request what)
{
    uint32_t most = what.place == WR_VERIFY_KEY_WAIT ? KEY_WAIT : QUEUE_MAX;
    bool fits = count_in(world, what.place) < most;
    FUZZ_REQUIRE(wr_verify_queue_fits(&world->queue, what.place) == fits, "room in list %d",
                 (int)what.place);
    if (!fits)
        return false;
    const struct wr_lease_origin origin = {.from = address_of(what.address),
                                           .session = session_of(what.session)};
    struct model_request *one = free_place(world);
    *one = what;
    one->pending = true;
    one->first = what.first || what.place == WR_VERIFY_FIRST;
    one->number = world->numbers++;
    one->joined = world->now;
    one->joined_number = world->joins++;
    one->request = wr_verify_queue_join(&world->queue, one->place, &origin, world->now);
    one->request->first = one->first;
    world->named[one->name] = one;
    return true;
}

/* place, address, session, belongs into the first queue, name */
static void join_one(struct world *world, struct fuzz_action *action)
{
    struct model_request one = {0};
    one.place = (enum wr_verify_place)fuzz_take_below(action, WR_VERIFY_LISTS);
    one.address = fuzz_take_below(action, ADDRESSES);
    one.session = fuzz_take_below(action, SESSIONS);
    one.first = fuzz_take_u8(action) % 2 == 1;
    one.name = fuzz_take_below(action, NAMES);
    join(world, one);
}

/* place, how many less one, belong into the first queue: of all addresses and sessions in turn, by
 * all names in turn, as many as there is room for */
static void join_many(struct world *world, struct fuzz_action *action)
{
    struct model_request one = {0};
    one.place = (enum wr_verify_place)fuzz_take_below(action, WR_VERIFY_LISTS);
    uint32_t count = fuzz_take_u8(action) + 1u;
    one.first = fuzz_take_u8(action) % 2 == 1;
    for (uint32_t i = 0; i < count; i++) {
        one.address = i % ADDRESSES;
        one.session = i / ADDRESSES % SESSIONS;
        one.name = i % NAMES;
        if (!join(world, one))
            return;
    }
}

static struct model_request *take_pending(struct world *world, struct fuzz_action *action)
{
    return world->named[fuzz_take_below(action, NAMES)];
}

static void rejoin(struct world *world, struct model_request *one)
{
    if (one == NULL || one->place != WR_VERIFY_KEY_WAIT)
        return;
    enum wr_verify_place place = one->first ? WR_VERIFY_FIRST : WR_VERIFY_SECOND;
    bool fits = count_in(world, place) < QUEUE_MAX;
    FUZZ_REQUIRE(wr_verify_queue_rejoin(&world->queue, one->request, world->now) == fits,
                 "room in queue %d", (int)place);
    if (!fits)
        return;
    one->place = place;
    one->joined = world->now;
    one->joined_number = world->joins++;
}

static void leave(struct world *world, struct model_request *one)
{
    if (one == NULL)
        return;
    world->out -= one->place == WR_VERIFY_OUT;
    one->pending = false;
    if (world->named[one->name] == one)
        world->named[one->name] = NULL;
    wr_verify_queue_leave(&world->queue, one->request);
}

static void go_out(struct world *world)
{
    struct model_request *expected = NULL;
    if (out_wanted(world) && budget_at(world) == world->now) {
        expected = oldest_in(world, WR_VERIFY_FIRST);
        if (expected == NULL)
            expected = oldest_in(world, WR_VERIFY_SECOND);
        expected->place = WR_VERIFY_OUT;
        world->out++;
        world->level_ns += cost_ns(world);
    }
    FUZZ_REQUIRE(wr_verify_queue_next_out(&world->queue, world->now) ==
                     (expected == NULL ? NULL : expected->request),
                 "who goes out");
}

static void time_out(struct world *world)
{
    struct model_request *late = first_to_time_out(world);
    if (late != NULL && world->now < wr_after(late->joined, 2 * WR_S))
        late = NULL;
    FUZZ_REQUIRE(wr_verify_queue_timed_out(&world->queue, world->now) ==
                     (late == NULL ? NULL : late->request),
                 "whose time is over");
    leave(world, late);
}

static void to_deadline(struct world *world)
{
    wr_instant timeout = wr_verify_queue_timeout_deadline(&world->queue);
    wr_instant budget = wr_verify_queue_budget_deadline(&world->queue, world->now);
    wr_instant next = timeout < budget ? timeout : budget;
    if (next != WR_NEVER && next > world->now)
        world->now = next;
}

/* Section 3, "Ends": the earliest of a lease's end, idleness, and the wait for a peer. */
static void session_deadline(struct fuzz_action *action)
{
    struct wr_session session = {.state = fuzz_take_u8(action) % 2 == 0 ? WR_SESSION_WAITING_PEER
                                                                        : WR_SESSION_ACTIVE};
    uint64_t wait_ns = fuzz_take_span_ns(action), idle_ns = fuzz_take_span_ns(action);
    session.heard_ns = fuzz_take(action, 8);
    session.waiting_since_ns = fuzz_take(action, 8);
    wr_instant expected = wr_after(session.heard_ns, idle_ns);
    for (int role = 0; role < WR_ROLES; role++) {
        session.seats[role].is_bound = fuzz_take_u8(action) % 2 == 1;
        session.seats[role].ends_ns = fuzz_take(action, 8);
        if (session.seats[role].is_bound && session.seats[role].ends_ns < expected)
            expected = session.seats[role].ends_ns;
    }
    if (session.state == WR_SESSION_WAITING_PEER &&
        wr_after(session.waiting_since_ns, wait_ns) < expected)
        expected = wr_after(session.waiting_since_ns, wait_ns);
    FUZZ_REQUIRE(wr_session_deadline(&session, wait_ns, idle_ns) == expected, "a session's end");
}

static void step(struct world *world, struct fuzz_action *action)
{
    struct model_request *one;
    switch ((enum tag)(action->tag % TAGS)) {
    case JOIN:
        join_one(world, action);
        break;
    case REJOIN:
        rejoin(world, take_pending(world, action));
        break;
    case LEAVE:
        leave(world, take_pending(world, action));
        break;
    case OUT:
        go_out(world);
        break;
    case HOLD:
        one = take_pending(world, action);
        if (one != NULL && one->held < 2)
            wr_verify_queue_hold(&world->queue, one->request, one->held++);
        break;
    case WAIT:
        world->now += fuzz_take_span_ns(action);
        break;
    case TO_DEADLINE:
        to_deadline(world);
        break;
    case TIME_OUT:
        time_out(world);
        break;
    case START:
        begin(world, (uint32_t)fuzz_take(action, 2) + 1);
        break;
    case SESSION:
        session_deadline(action);
        break;
    case CROWD:
        join_many(world, action);
        break;
    case TAGS:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct world world;
    struct fuzz_action action;
    if (size > fuzz_target.bytes_max)
        return 0;
    world.now = WR_S;
    begin(&world, 50);
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    while (fuzz_next_action(&list, &action)) {
        step(&world, &action);
        check_all(&world);
        check_holders(&world, action.tag % ADDRESSES); /* one in turn; all of them at the end */
    }
    for (uint32_t address = 0; address < ADDRESSES; address++)
        check_holders(&world, address);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    if (seed % 8 == 0)
        return fuzz_mutate(bytes, size, size_max);
    return fuzz_mutate_actions(bytes, size, size_max, seed, TAGS, 5);
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    return fuzz_count_actions(bytes, size);
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    fuzz_explain_actions(bytes, size, names, TAGS, out);
}
