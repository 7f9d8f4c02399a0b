/*
 * The key ring (section 8) against the section told in a list: up to eight keys by kid, which are
 * tried and in which order, when a superseded one leaves, who must go for a new one, and which
 * bytes are refused for good.
 */
#include "actions.h"

#include <keyring.h>

#include <stdlib.h>
#include <string.h>

enum tag { ADD, REVOKE, WAIT, EXPIRE, SELECT, ADD_LONG, RETIRE, SKEW, REVOKE_MANY, TAGS };
static const char *const names[TAGS] = {"add",    "revoke",     "time passes",
                                        "expire", "select",     "add with a long kid",
                                        "retire", "other skew", "revoke many"};

const struct fuzz_target fuzz_target = {
    .name = "keyring",
    .property = "the key ring holds, tries, evicts and refuses what section 8 says",
    .bytes_max = 2048,
    .canaries = {{"ring_oldest_first", 20000}, {"ring_lingers_anew", 50000}},
};

/* Bytes and kids are drawn from few, so that they meet: key b has 32 times the byte b, kid k is
 * "k" and its number, kid 0 is none. */
struct model_key {
    uint8_t byte, kid;
    bool pinned;
    wr_instant leaves; /* WR_NEVER: current */
};

struct world {
    struct wr_keyring ring;
    struct model_key keys[WR_KEYS_MAX]; /* oldest first */
    uint32_t count;
    bool revoked[256];
    uint32_t revoked_count; /* keys that never were in the ring too */
    uint32_t strangers;
    wr_instant now;
    uint64_t skew_ns;
    uint64_t generation;
    uint32_t dropped;
};

static const char *kid_text(uint8_t kid, char text[8])
{
    if (kid == 0)
        text[0] = '\0';
    else
        snprintf(text, 8, "k%u", kid);
    return text;
}

static void forget(struct world *world, uint32_t at)
{
    for (world->count--; at < world->count; at++)
        world->keys[at] = world->keys[at + 1];
}

/* "A new key joins; the old one stays for 3600 s + 2 × skew from then." */
static void supersede(struct world *world)
{
    for (uint32_t i = 0; i + 1 < world->count; i++) {
        struct model_key *key = &world->keys[i];
        if (!key->pinned && key->leaves == WR_NEVER)
            key->leaves = wr_after(world->now, 3600 * WR_S + 2 * world->skew_ns);
    }
}

static int model_find(const struct world *world, uint8_t kid, int byte)
{
    for (uint32_t i = 0; i < world->count; i++) {
        if (world->keys[i].kid == kid && (byte < 0 || world->keys[i].byte == byte))
            return (int)i;
    }
    return -1;
}

/* Who must go for a key that has no place: the one without a kid where another such one comes,
 * else, in a full ring, of those not pinned the one that leaves first. -1: nobody can; count:
 * nobody must. */
static int model_victim(const struct world *world, uint8_t kid)
{
    int victim = kid == 0 ? model_find(world, 0, -1) : -1;
    if (victim >= 0)
        return world->keys[victim].pinned ? -1 : victim;
    if (world->count < WR_KEYS_MAX)
        return (int)world->count;
    for (uint32_t i = 0; i < world->count; i++) {
        if (!world->keys[i].pinned &&
            (victim < 0 || world->keys[i].leaves < world->keys[victim].leaves))
            victim = (int)i;
    }
    return victim;
}

static enum wr_key_result model_add(struct world *world, uint8_t byte, uint8_t kid,
                                    enum wr_key_standing standing, int *evicted)
{
    struct model_key key = {byte, kid, standing == WR_KEY_PINNED, WR_NEVER};
    *evicted = -1;
    if (world->revoked[byte])
        return WR_KEY_REVOKED;
    int known = model_find(world, kid, byte), victim;
    if (known >= 0) {
        key.pinned = key.pinned || world->keys[known].pinned;
        forget(world, (uint32_t)known);
    } else {
        victim = model_victim(world, kid);
        if (victim < 0)
            return WR_KEY_NO_ROOM;
        if (victim < (int)world->count) {
            *evicted = world->keys[victim].kid;
            forget(world, (uint32_t)victim);
        }
    }
    world->keys[world->count++] = key;
    if (standing == WR_KEY_LEARNED)
        supersede(world);
    return known >= 0 ? WR_KEY_KNOWN : WR_KEY_ADDED;
}

static void add(struct world *world, uint8_t byte, uint8_t kid, enum wr_key_standing standing)
{
    uint8_t bytes[WR_PUBLIC_KEY_BYTES];
    char text[8], evicted_kid[WR_KID_BYTES_MAX + 1] = "?";
    bool evicted = false;
    int expected_evicted;
    memset(bytes, byte, sizeof bytes);
    enum wr_key_result result = wr_keyring_add(&world->ring, kid_text(kid, text), bytes, standing,
                                               world->now, &evicted, evicted_kid);
    enum wr_key_result expected = model_add(world, byte, kid, standing, &expected_evicted);
    FUZZ_REQUIRE(result == expected, "adding gave %d, not %d", (int)result, (int)expected);
    FUZZ_REQUIRE(evicted == (expected_evicted >= 0), "evicted: %d", evicted);
    if (evicted)
        FUZZ_REQUIRE(strcmp(evicted_kid, kid_text((uint8_t)expected_evicted, text)) == 0,
                     "%s had to go", evicted_kid);
}

static void count_dropped(void *context, const char *kid)
{
    struct world *world = context;
    (void)kid;
    world->dropped++;
}

static void revoke(struct world *world, uint8_t byte)
{
    uint8_t bytes[WR_PUBLIC_KEY_BYTES];
    uint32_t expected = 0;
    memset(bytes, byte, sizeof bytes);
    for (uint32_t i = 0; i < world->count;) {
        if (world->keys[i].byte != byte) {
            i++;
            continue;
        }
        forget(world, i);
        expected++;
    }
    bool fits = world->revoked[byte] || world->revoked_count < WR_KEYS_REVOKED_MAX;
    world->revoked_count += fits && !world->revoked[byte];
    world->revoked[byte] = fits;
    world->dropped = 0;
    FUZZ_REQUIRE(wr_keyring_revoke(&world->ring, bytes, count_dropped, world) == fits,
                 "%u are revoked", world->revoked_count);
    FUZZ_REQUIRE(world->dropped == expected, "%u keys left", world->dropped);
}

#define REFUSED_MAX 8 /* of one action: the next ones would only take time */

/* Keys that nobody saw before: as many as there is room for stay revoked. */
static void revoke_many(struct world *world, uint32_t count)
{
    for (uint32_t refused = 0; count > 0 && refused < REFUSED_MAX; count--) {
        uint32_t number = world->strangers++;
        const uint8_t bytes[WR_PUBLIC_KEY_BYTES] = {0xff, (uint8_t)(number >> 16),
                                                    (uint8_t)(number >> 8), (uint8_t)number};
        bool fits = world->revoked_count < WR_KEYS_REVOKED_MAX;
        FUZZ_REQUIRE(wr_keyring_revoke(&world->ring, bytes, count_dropped, world) == fits,
                     "%u are revoked", world->revoked_count);
        FUZZ_REQUIRE(wr_keyring_revoked(&world->ring, bytes) == fits, "revoked or not");
        world->revoked_count += fits;
        refused += !fits;
    }
}

/* A pinned key is pinned no longer and leaves like a superseded one. */
static void retire(struct world *world, uint8_t byte)
{
    uint8_t bytes[WR_PUBLIC_KEY_BYTES];
    memset(bytes, byte, sizeof bytes);
    for (uint32_t i = 0; i < world->count; i++) {
        struct model_key *key = &world->keys[i];
        if (key->byte != byte || !key->pinned)
            continue;
        key->pinned = false;
        key->leaves = wr_after(world->now, 3600 * WR_S + 2 * world->skew_ns);
    }
    wr_keyring_retire(&world->ring, bytes, world->now);
}

static void expire(struct world *world)
{
    char kid[WR_KID_BYTES_MAX + 1], text[8];
    int due = -1;
    FUZZ_STAIN(kid);
    for (uint32_t i = 0; due < 0 && i < world->count; i++)
        due = world->keys[i].leaves <= world->now ? (int)i : -1;
    FUZZ_REQUIRE(wr_keyring_expire_one(&world->ring, world->now, kid) == (due >= 0), "due");
    if (due < 0)
        return;
    FUZZ_REQUIRE(strcmp(kid, kid_text(world->keys[due].kid, text)) == 0, "%s left", kid);
    forget(world, (uint32_t)due);
}

/* Check 3 of section 2: the newest of its kid first, the one without a kid last. */
static void check_select(const struct world *world, uint8_t kid)
{
    uint8_t out[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES], expected[WR_KEYS_MAX] = {0};
    uint32_t count = 0;
    char text[8];
    FUZZ_STAIN(out);
    for (int pass = kid == 0; pass < 2; pass++) {
        for (uint32_t i = world->count; i > 0; i--) {
            if (world->keys[i - 1].kid == (pass == 0 ? kid : 0))
                expected[count++] = world->keys[i - 1].byte;
        }
    }
    kid_text(kid, text);
    FUZZ_REQUIRE(wr_keyring_select(&world->ring, text, (uint32_t)strlen(text), out) == count,
                 "%u keys for %s", count, text);
    for (uint32_t i = 0; i < count; i++)
        FUZZ_REQUIRE(out[i][0] == expected[i], "key %u for %s", i, text);
}

static void check_all(struct world *world)
{
    wr_instant next = WR_NEVER;
    FUZZ_REQUIRE(world->ring.count == world->count, "%u keys", world->ring.count);
    for (uint32_t i = 0; i < world->count; i++) {
        const struct model_key *key = &world->keys[i];
        uint8_t bytes[WR_PUBLIC_KEY_BYTES];
        memset(bytes, key->byte, sizeof bytes);
        FUZZ_REQUIRE(memcmp(world->ring.keys[i].bytes, bytes, sizeof bytes) == 0, "key %u",
                     key->byte);
        FUZZ_REQUIRE(!wr_keyring_revoked(&world->ring, bytes), "key %u", key->byte);
        next = key->leaves < next ? key->leaves : next;
    }
    FUZZ_REQUIRE(wr_keyring_next_deadline(&world->ring) == next, "the next deadline");
    FUZZ_REQUIRE(world->ring.generation >= world->generation, "generations");
    world->generation = world->ring.generation;
}

static void step(struct world *world, struct fuzz_action *action)
{
    uint8_t byte, kid;
    char long_kid[WR_KID_BYTES_MAX + 3], evicted_kid[WR_KID_BYTES_MAX + 1];
    bool evicted;
    switch ((enum tag)(action->tag % TAGS)) {
    case ADD:
        byte = fuzz_take_u8(action) % 16;
        kid = fuzz_take_u8(action) % 12;
        add(world, byte, kid, (enum wr_key_standing)fuzz_take_below(action, 3));
        break;
    case REVOKE:
        revoke(world, fuzz_take_u8(action) % 16);
        break;
    case WAIT:
        world->now = wr_after(world->now, fuzz_take_span_ns(action));
        break;
    case EXPIRE:
        expire(world);
        break;
    case SELECT:
        check_select(world, fuzz_take_u8(action) % 12);
        break;
    case ADD_LONG:
        memset(long_kid, 'x', sizeof long_kid);
        long_kid[WR_KID_BYTES_MAX + 1 + fuzz_take_below(action, 2)] = '\0';
        FUZZ_REQUIRE(wr_keyring_add(&world->ring, long_kid, (const uint8_t *)long_kid,
                                    WR_KEY_LEARNED, world->now, &evicted,
                                    evicted_kid) == WR_KEY_NO_ROOM,
                     "a kid of %zu bytes", strlen(long_kid));
        break;
    case RETIRE:
        retire(world, fuzz_take_u8(action) % 16);
        break;
    case SKEW: /* for keys that are superseded later */
        world->skew_ns = fuzz_take_u8(action) * WR_S;
        wr_keyring_set_skew(&world->ring, world->skew_ns);
        break;
    case REVOKE_MANY:
        revoke_many(world, fuzz_take_u8(action));
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
    memset(&world, 0, sizeof world);
    world.now = WR_S;
    world.skew_ns = 30 * WR_S;
    wr_keyring_start(&world.ring, world.skew_ns);
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    while (fuzz_next_action(&list, &action)) {
        step(&world, &action);
        check_all(&world);
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    if (seed % 8 == 0)
        return fuzz_mutate(bytes, size, size_max);
    return fuzz_mutate_actions(bytes, size, size_max, seed, TAGS, 3);
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    return fuzz_count_actions(bytes, size);
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    fuzz_explain_actions(bytes, size, names, TAGS, out);
}
