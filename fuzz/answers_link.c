#include "answers_link.h"

#include "support.h"

#include <inttypes.h>
#include <string.h>

#define START (1000 * WR_S)
#define LOAD  37u

enum pinned { PINNED_NONE, PINNED_OTHER, PINNED_SAME };

/* One registration or heartbeat may be on its way, and one question for the key. */
enum lane { LANE_CONTACT, LANE_KEY, LANES };

/* What the link asked of its owner. */
struct asked {
    struct wr_master_request last;
    struct {
        uint64_t id; /* 0: nothing is on its way */
        wr_instant asked_ns;
    } waiting[LANES];
    uint32_t timed_out[LANES];
    uint32_t requests[3], keys, conflicts, registered, lost;
};

struct life {
    struct wr_master_link link;
    struct asked asked;
    enum pinned pinned;
    uint8_t keys[2][WR_PUBLIC_KEY_BYTES]; /* another one than the answer's, and that */
    bool drains;
    wr_instant now;
};

static void take_request(void *context, const struct wr_master_request *request)
{
    static const char *const names[3] = {"register", "heartbeat", "key"};
    struct life *life = context;
    struct asked *asked = &life->asked;
    enum lane lane = request->kind == WR_MASTER_KEY ? LANE_KEY : LANE_CONTACT;
    FUZZ_REQUIRE(request->id != 0 && request->id != asked->last.id, "a request without a name");
    FUZZ_REQUIRE(strcmp(wr_master_request_name(request->kind), names[request->kind]) == 0, "%d",
                 (int)request->kind);
    FUZZ_REQUIRE(asked->waiting[lane].id == 0, "asked while another is on its way");
    asked->waiting[lane].id = request->id;
    asked->waiting[lane].asked_ns = life->now;
    asked->last = *request;
    asked->requests[request->kind]++;
}

static void take_entropy(void *context, uint8_t *out, size_t bytes)
{
    uint64_t state = ((const struct life *)context)->asked.last.id;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)fuzz_random(&state);
}

static uint32_t take_load(void *context)
{
    (void)context;
    return LOAD;
}

static void take_key(void *context, const char *kid, const uint8_t *key)
{
    (void)kid;
    (void)key;
    ((struct life *)context)->asked.keys++;
}

static void take_conflict(void *context, const char *kid, const uint8_t *key)
{
    (void)kid;
    (void)key;
    ((struct life *)context)->asked.conflicts++;
}

static void take_event(void *context, enum wr_master_event event)
{
    struct asked *asked = &((struct life *)context)->asked;
    asked->registered += event == WR_MASTER_REGISTERED;
    asked->lost += event == WR_MASTER_LOST;
}

static const uint8_t (*keys_of(const struct life *life))[WR_PUBLIC_KEY_BYTES]
{
    return (const uint8_t(*)[WR_PUBLIC_KEY_BYTES])life->keys;
}

/* The operator pins the answer's key as well, or takes it out again. */
static void pin_others(struct life *life)
{
    if (life->pinned == PINNED_NONE)
        return;
    life->pinned = life->pinned == PINNED_OTHER ? PINNED_SAME : PINNED_OTHER;
    wr_master_link_set_pinned(&life->link, keys_of(life), (uint32_t)life->pinned);
}

static void begin(struct life *life, const struct wr_master_answer *answer, uint8_t terms)
{
    memset(life, 0, sizeof *life);
    FUZZ_STAIN(life->link);
    life->pinned = (enum pinned)(terms % 3);
    life->drains = terms / 3 % 2 != 0;
    life->now = START;
    memcpy(life->keys[1], answer->public_key, WR_PUBLIC_KEY_BYTES);
    life->keys[0][0] = 0xaa;
    life->keys[0][1] = (uint8_t)~answer->public_key[1];
    const struct wr_master_environment environment = {
        .context = life,
        .request = take_request,
        .entropy = take_entropy,
        .load_pct = take_load,
        .key = take_key,
        .key_conflict = take_conflict,
        .event = take_event,
    };
    wr_master_link_init(&life->link, &environment, keys_of(life), (uint32_t)life->pinned,
                        life->now);
    FUZZ_REQUIRE(wr_master_link_next_deadline(&life->link) == life->now,
                 "the first is due at once");
}

static uint64_t failures_of(const struct life *life)
{
    return life->link.counters.registers_failed + life->link.counters.heartbeats_failed +
           life->link.counters.key_fetches_failed;
}

/* A request without an answer has failed 10 s after it was asked, neither earlier nor later.
 * Returns how many have now. */
static uint32_t take_timeouts(struct life *life)
{
    uint32_t count = 0;
    for (int lane = 0; lane < LANES; lane++) {
        wr_instant late_ns = life->asked.waiting[lane].asked_ns + 10 * WR_S;
        if (life->asked.waiting[lane].id == 0)
            continue;
        FUZZ_REQUIRE(life->now <= late_ns, "waits %" PRIu64 " ns too long", life->now - late_ns);
        if (life->now < late_ns)
            continue;
        life->asked.waiting[lane].id = 0;
        life->asked.timed_out[lane]++;
        count++;
    }
    return count;
}

/* To the next deadline, which must lie within these bounds, and what is due there. */
static void go_on(struct life *life, uint64_t least_ns, uint64_t most_ns)
{
    wr_instant next = wr_master_link_next_deadline(&life->link);
    FUZZ_REQUIRE(next >= life->now + least_ns && next <= life->now + most_ns,
                 "after %" PRIu64 " ns, not %" PRIu64 " to %" PRIu64, next - life->now, least_ns,
                 most_ns);
    life->now = next;
    uint64_t timed_out = life->link.counters.answers[WR_MASTER_TIMED_OUT];
    uint64_t failures = failures_of(life);
    uint32_t expected = take_timeouts(life);
    wr_master_link_on_deadline(&life->link, life->now);
    FUZZ_REQUIRE(life->link.counters.answers[WR_MASTER_TIMED_OUT] == timed_out + expected &&
                     failures_of(life) == failures + expected,
                 "%" PRIu64 " have failed, not %" PRIu32, failures_of(life) - failures, expected);
    FUZZ_REQUIRE(wr_master_link_next_deadline(&life->link) > life->now, "due again at once");
}

static void expect_request(const struct life *life, enum wr_master_request_kind kind)
{
    FUZZ_REQUIRE(life->asked.last.kind == kind, "a %s, not a %s",
                 wr_master_request_name(life->asked.last.kind), wr_master_request_name(kind));
}

static void answer_last(struct life *life, const struct wr_master_answer *answer)
{
    for (int lane = 0; lane < LANES; lane++) {
        if (life->asked.waiting[lane].id == life->asked.last.id)
            life->asked.waiting[lane].id = 0;
    }
    wr_master_link_answer(&life->link, life->now, life->asked.last.id, answer);
}

static void register_well(struct life *life)
{
    const struct wr_master_answer well = {.heartbeat_interval_ms = 1000};
    go_on(life, 0, 0);
    expect_request(life, WR_MASTER_REGISTER);
    answer_last(life, &well);
    FUZZ_REQUIRE(wr_master_link_registered(&life->link) && life->asked.registered == 1,
                 "registered");
}

/* Pinned keys are the only ones trusted; another one is told, the same one is no news. */
static void expect_key(const struct life *life, const struct wr_master_answer *answer,
                       uint32_t times)
{
    bool told = answer->status == WR_MASTER_OK && answer->has_key;
    uint32_t keys = told && life->pinned == PINNED_NONE ? times : 0;
    uint32_t conflicts = told && life->pinned == PINNED_OTHER ? times : 0;
    FUZZ_REQUIRE(life->asked.keys == keys && life->link.counters.keys_learned == keys, "%u keys",
                 life->asked.keys);
    FUZZ_REQUIRE(life->asked.conflicts == conflicts &&
                     life->link.counters.keys_conflicting == conflicts,
                 "%u conflicts", life->asked.conflicts);
}

/* ---- The answer to a registration ------------------------------------------------------------ */

/* The pace of heartbeats is the master's wish, from 500 ms to 60 s. */
static void check_register(struct life *life, const struct wr_master_answer *answer)
{
    uint64_t wait_ns = 1000 * WR_MS, interval_ms = answer->heartbeat_interval_ms;
    go_on(life, 0, 0);
    expect_request(life, WR_MASTER_REGISTER);
    answer_last(life, answer);
    expect_key(life, answer, 1);
    if (answer->status == WR_MASTER_OK) {
        interval_ms = interval_ms < 500 ? 500 : interval_ms > 60000 ? 60000 : interval_ms;
        FUZZ_REQUIRE(wr_master_link_registered(&life->link), "registered");
        go_on(life, interval_ms * WR_MS, interval_ms * WR_MS);
        FUZZ_REQUIRE(life->asked.requests[WR_MASTER_HEARTBEAT] == 1, "a heartbeat");
        return;
    }
    /* Tries again after 1 s, 2 s, … 60 s, a quarter earlier at most. */
    for (uint32_t i = 2; i < 10; i++) {
        FUZZ_REQUIRE(!wr_master_link_registered(&life->link), "not registered");
        uint64_t key_ns = life->link.next_key_ns - life->now; /* the refresh that comes anyway */
        go_on(life, wait_ns * 3 / 4 < key_ns ? wait_ns * 3 / 4 : key_ns, wait_ns);
        if (life->asked.requests[WR_MASTER_KEY] > 0)
            return;
        FUZZ_REQUIRE(life->asked.requests[WR_MASTER_REGISTER] == i, "register anew");
        answer_last(life, answer);
        wait_ns = wait_ns * 2 < 60 * WR_S ? wait_ns * 2 : 60 * WR_S;
    }
    FUZZ_REQUIRE(false, "no key was asked for within a minute");
}

/* To a registration that goes because what it says has changed. Where it fails heartbeats go on,
 * the first at once; it is tried again, unless the master refused it. */
static void check_renewal(struct life *life, const struct wr_master_answer *answer)
{
    const struct wr_master_answer well = {.status = WR_MASTER_OK};
    bool ok = answer->status == WR_MASTER_OK;
    bool refused = answer->status == WR_MASTER_BAD_REQUEST ||
                   answer->status == WR_MASTER_UNAUTHORIZED ||
                   answer->status == WR_MASTER_FORBIDDEN;
    register_well(life);
    pin_others(life);
    wr_master_link_changed(&life->link, life->now);
    FUZZ_REQUIRE(life->asked.requests[WR_MASTER_REGISTER] == 2, "goes at once");
    answer_last(life, answer);
    expect_key(life, answer, 1);
    FUZZ_REQUIRE(wr_master_link_registered(&life->link) == ok, "registered: %d", ok);
    FUZZ_REQUIRE(life->asked.requests[WR_MASTER_HEARTBEAT] == !ok, "a heartbeat, where it failed");
    if (ok) { /* changed once more, and then again while that is on its way */
        wr_master_link_changed(&life->link, life->now);
        wr_master_link_changed(&life->link, life->now);
        FUZZ_REQUIRE(life->asked.requests[WR_MASTER_REGISTER] == 3, "one is on its way");
        answer_last(life, answer);
        FUZZ_REQUIRE(life->asked.requests[WR_MASTER_REGISTER] == 4, "and one right behind it");
        return;
    }
    answer_last(life, &well);
    FUZZ_REQUIRE(wr_master_link_registered(&life->link), "registered all the same");
    wr_instant failed_ns = life->now;
    for (uint32_t i = 0; i < 3 && life->asked.requests[WR_MASTER_REGISTER] == 2; i++) {
        go_on(life, 0, WR_S);
        if (life->asked.last.kind == WR_MASTER_HEARTBEAT)
            answer_last(life, &well);
    }
    bool again = life->asked.requests[WR_MASTER_REGISTER] > 2;
    FUZZ_REQUIRE(again == !refused, "tried again: %d", again);
    if (again)
        FUZZ_REQUIRE(life->now - failed_ns >= WR_S * 3 / 4 && life->now - failed_ns <= WR_S,
                     "after %" PRIu64 " ns", life->now - failed_ns);
}

/* ---- To heartbeats --------------------------------------------------------------------------- */

static void check_heartbeat(struct life *life, const struct wr_master_answer *answer)
{
    bool ok = answer->status == WR_MASTER_OK, refused = answer->status == WR_MASTER_NOT_FOUND;
    register_well(life);
    if (life->drains) { /* the next one goes at once */
        wr_master_link_drain(&life->link, life->now);
        wr_master_link_drain(&life->link, life->now);
        wr_master_link_changed(&life->link, life->now);
        FUZZ_REQUIRE(life->asked.requests[WR_MASTER_HEARTBEAT] == 1, "goes at once, and once");
    } else {
        go_on(life, WR_S, WR_S);
    }
    uint32_t wanted = refused ? 1 : WR_MASTER_HEARTBEAT_FAILURES;
    for (uint32_t i = 1; i <= wanted; i++) {
        expect_request(life, WR_MASTER_HEARTBEAT);
        FUZZ_REQUIRE(life->asked.last.load_pct == (life->drains ? 100 : LOAD), "load %u",
                     life->asked.last.load_pct);
        answer_last(life, answer);
        FUZZ_REQUIRE(wr_master_link_registered(&life->link) == ok, "registered: %d", ok);
        FUZZ_REQUIRE(life->asked.lost == !ok, "lost %u times", life->asked.lost);
        if (ok || i < wanted)
            go_on(life, WR_S, WR_S);
    }
    expect_key(life, answer, 0);
    /* A master that forgot the relay, or failed six times in a row, is registered with again. */
    expect_request(life, ok ? WR_MASTER_HEARTBEAT : WR_MASTER_REGISTER);
    FUZZ_REQUIRE(life->asked.requests[WR_MASTER_REGISTER] == (ok ? 1u : 2u), "register anew");
}

/* ---- To a question for the key --------------------------------------------------------------- */

static void check_key(struct life *life, const struct wr_master_answer *answer)
{
    register_well(life);
    wr_master_link_key_wanted(&life->link, life->now);
    uint32_t asks = life->pinned == PINNED_NONE;
    FUZZ_REQUIRE(life->asked.requests[WR_MASTER_KEY] == asks,
                 "asks at once, unless keys are pinned");
    if (asks == 0)
        return;
    wr_master_link_key_wanted(&life->link, life->now);
    wr_instant asked_ns = life->now;
    uint64_t id = life->asked.last.id;
    answer_last(life, answer);
    expect_key(life, answer, 1);
    FUZZ_REQUIRE(life->link.counters.key_fetches_failed == (answer->status != WR_MASTER_OK),
                 "failed");
    wr_master_link_answer(&life->link, life->now, id, answer);
    FUZZ_REQUIRE(life->link.counters.late_answers == 1, "the same answer once more is too late");
    /* What was wanted meanwhile goes out ten seconds after the last one that was wanted. */
    while (life->asked.requests[WR_MASTER_KEY] == 1) {
        FUZZ_REQUIRE(life->now < asked_ns + 10 * WR_S, "asked for too late");
        go_on(life, 0, WR_S);
        if (life->asked.last.kind == WR_MASTER_HEARTBEAT && life->now < asked_ns + 10 * WR_S)
            answer_last(life, &(struct wr_master_answer){.status = WR_MASTER_OK});
    }
    FUZZ_REQUIRE(life->now == asked_ns + 10 * WR_S, "asked for too early");
}

/* A master that hangs is one that fails: heartbeats or registrations, and questions for the key,
 * which come every minute. */
static void check_silence(struct life *life)
{
    wr_instant until = life->now + 70 * WR_S;
    memset(life->asked.timed_out, 0, sizeof life->asked.timed_out);
    while (life->asked.timed_out[LANE_CONTACT] == 0 || life->asked.timed_out[LANE_KEY] == 0) {
        go_on(life, 1, 60 * WR_S);
        FUZZ_REQUIRE(life->now <= until, "waits for ever");
    }
}

static void check_names(enum wr_master_status status)
{
    static const char *const names[WR_MASTER_STATUS_COUNT] = {
        "ok",    "bad_request", "unauthorized", "forbidden", "not_found",
        "other", "garbage",     "unreachable",  "timed_out"};
    FUZZ_REQUIRE(strcmp(wr_master_status_name(status), names[status]) == 0, "%s", names[status]);
}

void answers_check_link(enum wr_master_request_kind kind, const struct wr_master_answer *answer,
                        uint8_t terms)
{
    struct life life;
    struct wr_master_answer given = *answer;
    if (terms % WR_MASTER_STATUS_COUNT != 0)
        given = (struct wr_master_answer){
            .status = (enum wr_master_status)(terms % WR_MASTER_STATUS_COUNT)};
    check_names(given.status);
    begin(&life, answer, terms / WR_MASTER_STATUS_COUNT);
    switch (kind) {
    case WR_MASTER_REGISTER:
        if (life.drains) /* which a relay that never registered cannot show */
            check_renewal(&life, &given);
        else
            check_register(&life, &given);
        break;
    case WR_MASTER_HEARTBEAT:
        check_heartbeat(&life, &given);
        break;
    case WR_MASTER_KEY:
        check_key(&life, &given);
        break;
    }
    check_silence(&life);
}
