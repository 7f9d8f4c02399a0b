/*
 * Limits: the table of buckets (core/bucket_table.h) against a list that forgets the least recently
 * used of each set, and the cell rate algorithm (core/gcra.h) against a leaking bucket whose level
 * is kept in wide integers. A limit never lets more than burst and rate through. Beside them
 * (fuzz/bucket_parts.h) what relays share, and the memory of tokens.
 */
#include "bucket_parts.h"

#include <bucket_table.h>
#include <gcra.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SETS        3
#define NAMES       24
#define HISTORY_MAX 2048

enum tag {
    USE,
    WAIT,
    WAIT_LONG,
    DRAW_BYTES,
    SWITCH_RATE,
    REJECT,
    SHARED_OPEN,
    SHARED_CLOSE,
    SHARED_DRAW,
    TOKENS_ADD,
    TOKENS_FIND,
    TOKENS_CLEAR,
    TAGS
};
static const char *const names[TAGS] = {
    "use",         "time passes",      "much time passes", "draw bytes",
    "other rate",  "reject",           "open a session",   "close sessions",
    "draw shared", "tokens are known", "ask for a token",  "forget tokens"};

const struct fuzz_target fuzz_target = {
    .name = "bucket",
    .property = "buckets and the memory of tokens hold what a naive list holds, and no limit lets "
                "more through than it says",
    .bytes_max = 2048,
    .canaries = {{"bucket_keeps_oldest", 10000}},
};

static const uint32_t rates[] = {0, 1, 2, 3, 20, 50, 200, 1000, 20000, 999999937};
#define RATES (sizeof rates / sizeof *rates)

struct model_bucket {
    bool exists;
    uint64_t used;
    struct leak packets, rejects;
};

struct world {
    struct wr_bucket_table table;
    struct model_bucket buckets[SETS][NAMES];
    struct wr_rate rate, reject_rate;
    uint32_t per_second;
    uint64_t uses;
    wr_instant now;
    wr_instant bytes_tat;
    struct leak bytes;
};

static struct wr_bucket *entries;

static void begin(struct world *world)
{
    if (entries == NULL) {
        struct wr_arena sizes = {NULL, 0};
        wr_bucket_table_layout(&world->table, &sizes);
        entries = aligned_alloc(WR_ARENA_ALIGN, (sizes.used + 63) / 64 * 64);
        if (entries == NULL)
            abort();
    }
    memset(world, 0, sizeof *world);
    memset(entries, 0, SETS * WR_BUCKET_TABLE_WAYS * sizeof *entries);
    world->table.entries = entries;
    world->per_second = 20;
    world->rate = wr_rate_packets(20);
    world->reject_rate = wr_rate_packets_burst(1, 1);
    world->now = WR_S;
}

/* Section 5: the level sinks with time; a cost is allowed where it does not lift it over the burst.
 */
static bool leak_allows(struct leak *leak, wr_instant now, uint64_t cost_ns, uint64_t burst_ns)
{
    __int128 passed = (__int128)now - leak->at_ns;
    leak->level_ns = leak->level_ns > passed ? leak->level_ns - passed : 0;
    leak->at_ns = now;
    return leak->level_ns + cost_ns <= burst_ns;
}

bool leak_take(struct leak *leak, wr_instant now, uint64_t cost_ns, uint64_t burst_ns)
{
    if (!leak_allows(leak, now, cost_ns, burst_ns))
        return false;
    leak->level_ns += cost_ns;
    return true;
}

static struct model_bucket *model_find(struct world *world, uint32_t set, uint32_t name)
{
    struct model_bucket *wanted = &world->buckets[set][name], *oldest = NULL;
    uint32_t count = 0;
    world->uses++;
    if (!wanted->exists) {
        for (uint32_t i = 0; i < NAMES; i++) {
            struct model_bucket *one = &world->buckets[set][i];
            count += one->exists;
            if (one->exists && (oldest == NULL || one->used < oldest->used))
                oldest = one;
        }
        if (count == WR_BUCKET_TABLE_WAYS)
            oldest->exists = false;
        *wanted = (struct model_bucket){.exists = true};
    }
    wanted->used = world->uses;
    return wanted;
}

static void use(struct world *world, uint32_t set, uint32_t number, bool reject)
{
    uint8_t name[WR_BUCKET_NAME_BYTES] = {(uint8_t)number, [15] = 1};
    struct wr_bucket *bucket =
        wr_bucket_table_find(&world->table, wr_bucket_table_set(&world->table, set), name);
    struct model_bucket *expected = model_find(world, set, number);
    const struct wr_rate *rate = reject ? &world->reject_rate : &world->rate;
    wr_instant *tat = reject ? &bucket->reject_tat : &bucket->tat;
    struct leak *leak = reject ? &expected->rejects : &expected->packets;
    wr_instant before_tat = *tat;
    bool allowed = rate->cost_ns == 0 || leak_take(leak, world->now, rate->cost_ns, rate->burst_ns);
    FUZZ_REQUIRE(memcmp(bucket->name, name, sizeof name) == 0, "the bucket of another name");
    FUZZ_REQUIRE(wr_rate_allows(rate, *tat, world->now) == allowed, "allows");
    wr_instant next = wr_rate_next(rate, *tat, world->now);
    FUZZ_REQUIRE((next == world->now) == allowed && next >= world->now, "the next chance");
    if (!allowed)
        FUZZ_REQUIRE(wr_rate_allows(rate, *tat, next) && !wr_rate_allows(rate, *tat, next - 1),
                     "not the first chance");
    FUZZ_REQUIRE(wr_rate_take(rate, tat, world->now) == allowed, "takes what it allows");
    if (!allowed)
        FUZZ_REQUIRE(*tat == before_tat, "what is not allowed draws nothing");
}

static void draw_bytes(struct world *world, uint64_t bytes, uint32_t kbps)
{
    /* Section 5: n bytes cost n·8·10^6 / kbps ns, rounded up. */
    unsigned __int128 product = (unsigned __int128)bytes * 8000000u;
    uint64_t cost_ns = (uint64_t)((product + kbps - 1) / kbps);
    FUZZ_REQUIRE(wr_bytes_cost_ns(bytes, kbps) == cost_ns, "%" PRIu64 " at %u", bytes, kbps);
    bool allowed = leak_take(&world->bytes, world->now, cost_ns, WR_BYTES_BURST_NS);
    FUZZ_REQUIRE(wr_gcra_allows(world->bytes_tat, cost_ns, WR_BYTES_BURST_NS, world->now) ==
                     allowed,
                 "allows %" PRIu64 " ns", cost_ns);
    if (allowed)
        wr_gcra_draw(&world->bytes_tat, cost_ns, world->now);
}

/* A rate as section 5 gives it. A new one begins with all things new, time too: no relay changes
 * one. */
static void switch_rate(struct world *world, uint32_t per_second, uint32_t burst)
{
    parts_end();
    begin(world);
    world->per_second = per_second;
    world->rate =
        burst > 0 ? wr_rate_packets_burst(per_second, burst) : wr_rate_packets(per_second);
    if (per_second == 0) {
        FUZZ_REQUIRE(world->rate.cost_ns == 0, "off");
        return;
    }
    uint64_t cost_ns = 1000000000u / per_second + (1000000000u % per_second != 0);
    uint64_t packets = burst > 0 ? burst : per_second / 4 > 1 ? per_second / 4 : 1;
    FUZZ_REQUIRE(world->rate.cost_ns == cost_ns, "cost at %u", per_second);
    FUZZ_REQUIRE(world->rate.burst_ns == packets * cost_ns, "burst at %u", per_second);
}

static void step(struct world *world, struct fuzz_action *action)
{
    uint32_t set, name;
    uint64_t bytes;
    switch ((enum tag)(action->tag % TAGS)) {
    case USE:
    case REJECT:
        set = fuzz_take_below(action, SETS);
        name = fuzz_take_below(action, NAMES);
        use(world, set, name, action->tag % TAGS == REJECT);
        break;
    case WAIT:
        world->now += fuzz_take_span_ns(action);
        break;
    case WAIT_LONG:
        world->now = wr_after(world->now, fuzz_take(action, 5));
        break;
    case DRAW_BYTES:
        bytes = fuzz_take(action, 2);
        draw_bytes(world, bytes, (uint32_t)fuzz_take(action, 4) | 1);
        break;
    case SWITCH_RATE:
        name = rates[fuzz_take_below(action, RATES)];
        switch_rate(world, name, fuzz_take_below(action, 32));
        break;
    case SHARED_OPEN:
        shared_open(fuzz_take_u8(action));
        break;
    case SHARED_CLOSE:
        shared_close(fuzz_take_u8(action));
        break;
    case SHARED_DRAW:
        set = fuzz_take_below(action, 3);
        shared_draw(set, fuzz_take(action, 4), world->now);
        break;
    case TOKENS_ADD:
        set = fuzz_take_below(action, 2);
        name = (uint32_t)fuzz_take(action, 2) % TOKEN_NAMES;
        tokens_add(set == 0, name, 1 + (uint32_t)fuzz_take(action, 2));
        break;
    case TOKENS_FIND:
        set = fuzz_take_below(action, 2);
        tokens_find(set == 0, (uint32_t)fuzz_take(action, 2) % TOKEN_NAMES);
        break;
    case TOKENS_CLEAR:
        tokens_clear();
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
    begin(&world);
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    while (fuzz_next_action(&list, &action))
        step(&world, &action);
    parts_end();
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    if (seed % 8 == 0)
        return fuzz_mutate(bytes, size, size_max);
    return fuzz_mutate_actions(bytes, size, size_max, seed, TAGS, 6);
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    return fuzz_count_actions(bytes, size);
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    fuzz_explain_actions(bytes, size, names, TAGS, out);
}
