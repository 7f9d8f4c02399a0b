/*
 * Mutations of the target `relay`: those of fuzz/actions.h, whole stories that lead somewhere (a
 * pair that talks, a peer that moves, a handshake), busy moments of a few peers, and the engine's
 * own on bare bytes.
 */
#include "relay_actions.h"

#include <string.h>

/* A record from its tag and the first bytes of its body; the rest is zeros, which mean the usual.
 */
#define DO(tag, ...) RELAY_DO_##tag, (uint8_t)(sizeof((const uint8_t[]){__VA_ARGS__})), __VA_ARGS__

/* Bodies begin with the sender: 0 is a client's address, 1 a server's. */
#define CLIENT_LEASE DO(LEASE, 0, 0, 0, 0, 0, 0)
#define SERVER_LEASE DO(LEASE, 1, 0, 0, 1, 0, 1)
#define PAIR         CLIENT_LEASE, SERVER_LEASE
#define TALK         DO(FORWARD, 0, 0), DO(FORWARD, 1, 0)

static const uint8_t pair_talks[] = {PAIR, TALK, TALK};
static const uint8_t client_moves[] = {
    PAIR, TALK, DO(PASS, 9, 2), DO(FORWARD, 2, 0), TALK, DO(FORWARD, 2, 0)};
static const uint8_t client_moves_by_cookie[] = {
    PAIR, TALK, DO(LEASE, 2, 0, 0, 0, 0, 0), DO(PASS, 9, 1), DO(RENEW, 2, 0, 1, 0), TALK};
static const uint8_t newer_token[] = {PAIR, TALK, DO(LEASE, 4, 0, 0, 0, 0, 0, 0, 0, 1), TALK};
static const uint8_t handshake[] = {
    PAIR, DO(BARE, 0, 0, 32), DO(BARE, 1, 0, 96), DO(FORWARD, 0, 0), DO(BARE, 0, 1, 64), TALK};
static const uint8_t release[] = {PAIR, TALK, DO(RENEW, 0, 0, 3, 0)};
static const uint8_t keeps_alive[] = {DO(PASS, 9, 20), TALK, DO(PASS, 9, 20), TALK};
static const uint8_t slow_verifier[] = {DO(OPTION, 17, 3), CLIENT_LEASE, DO(FORWARD, 0, 0),
                                        DO(BARE, 0, 0, 32), SERVER_LEASE};

static const struct {
    const uint8_t *records;
    size_t bytes;
} stories[] = {
    {pair_talks, sizeof pair_talks},
    {client_moves, sizeof client_moves},
    {client_moves_by_cookie, sizeof client_moves_by_cookie},
    {newer_token, sizeof newer_token},
    {handshake, sizeof handshake},
    {release, sizeof release},
    {keeps_alive, sizeof keeps_alive},
    {slow_verifier, sizeof slow_verifier},
};
#define STORIES ((uint32_t)(sizeof stories / sizeof *stories))

#define BODY_MAX 14

/* Where a record begins, at random; the end of the list is one of the places. */
static size_t boundary(const uint8_t *bytes, size_t size, uint64_t *random)
{
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    struct fuzz_action action;
    uint32_t records = 0;
    while (fuzz_next_action(&list, &action))
        records++;
    uint32_t skip = fuzz_random_below(random, records + 1);
    list = fuzz_actions_over(bytes, size);
    while (skip-- > 0)
        (void)fuzz_next_action(&list, &action);
    return (size_t)(list.at - bytes);
}

/* Between two records at random; `*at` says where. False where there is no room. */
static bool insert(uint8_t *bytes, size_t size, size_t size_max, const uint8_t *records,
                   size_t count, uint64_t *random, size_t *at)
{
    *at = boundary(bytes, size, random);
    if (count > size_max - size)
        return false;
    memmove(bytes + *at + count, bytes + *at, size - *at);
    memcpy(bytes + *at, records, count);
    return true;
}

/* A story, with all of it in another session as often as not. */
static size_t tell(uint8_t *bytes, size_t size, size_t size_max, uint64_t *random)
{
    uint32_t which = fuzz_random_below(random, STORIES);
    size_t count = stories[which].bytes, at;
    if (!insert(bytes, size, size_max, stories[which].records, count, random, &at))
        return size;
    uint8_t session = (uint8_t)fuzz_random_below(random, 3);
    struct fuzz_actions list = fuzz_actions_over(bytes + at, count);
    struct fuzz_action action;
    while (fuzz_next_action(&list, &action)) {
        size_t body = (size_t)(action.at - bytes), length = (size_t)(action.end - action.at);
        if (action.tag == RELAY_DO_LEASE && length > 4)
            bytes[body + 4] = session;
        else if ((action.tag == RELAY_DO_FORWARD || action.tag == RELAY_DO_RENEW) && length > 1)
            bytes[body + 1] = session;
    }
    return size + count;
}

/* ---- Busy moments ------------------------------------------------------------------------------
 * What has gone wrong in oracles and core took several things at once: handshakes, leases on their
 * way and peers that move, some of it handed in together. What the numbers of a record mean is said
 * above its do_… in relay_actions.c; they are chosen so that most of them do something.
 */

#define MOMENT_MAX 16 /* records */
#define RECORD_MAX (2 + BODY_MAX)

#define ONE_OF(random, ...)                                                                        \
    one_of(random, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static uint8_t one_of(uint64_t *random, const uint8_t *choices, size_t count)
{
    return choices[fuzz_random_below(random, (uint32_t)count)];
}

struct moment {
    uint64_t *random;
    uint8_t *at;
};

static void number(struct moment *moment, uint8_t value)
{
    *moment->at++ = value;
}

static uint8_t someone(struct moment *moment)
{
    return ONE_OF(moment->random, 0, 0, 1, 1, 2, 3, 4);
}

static uint8_t some_session(struct moment *moment)
{
    return ONE_OF(moment->random, 0, 0, 0, 0, 0, 1);
}

static uint8_t together(struct moment *moment)
{
    return ONE_OF(moment->random, 0, 16);
}

static uint8_t some_times(struct moment *moment)
{
    return ONE_OF(moment->random, 0, 0, 0, 193, 194, 195);
}

static void forwards(struct moment *moment)
{
    number(moment, someone(moment));
    number(moment, some_session(moment));
    number(moment, ONE_OF(moment->random, 0, 0, 0, 1, 2, 3));    /* form */
    number(moment, ONE_OF(moment->random, 0, 0, 0, 1, 2, 3, 4)); /* base of the sequence */
    number(moment, 0);
    number(moment, ONE_OF(moment->random, 0, 0, 1, 2, 5)); /* distance */
    number(moment, ONE_OF(moment->random, 0, 0, 0, 210));  /* size */
    number(moment, together(moment));
    number(moment, some_times(moment));
}

static void bare_packets(struct moment *moment)
{
    number(moment, someone(moment));
    number(moment, ONE_OF(moment->random, 0, 0, 1)); /* handshake or transport */
    number(moment, 32);
    number(moment, some_times(moment));
    number(moment, together(moment));
}

static void lease_of_someone(struct moment *moment)
{
    uint8_t role = ONE_OF(moment->random, 0, 1);
    number(moment, someone(moment));
    number(moment, ONE_OF(moment->random, 0, 0, 1, 2, 3)); /* renews, cookie */
    number(moment, 0);
    number(moment, role); /* its sub */
    number(moment, some_session(moment));
    number(moment, role);
    number(moment, ONE_OF(moment->random, 0, 0, 0, 0, 1));       /* key */
    number(moment, 0);                                           /* its own kid */
    number(moment, ONE_OF(moment->random, 0, 0, 1, 2, 3));       /* issued */
    number(moment, ONE_OF(moment->random, 0, 0, 0, 0, 3, 4, 5)); /* lifetime */
    number(moment, 0);
    number(moment, ONE_OF(moment->random, 0, 0, 0, 0, 0, 0, 0, 1)); /* damage */
    number(moment, 0);
    number(moment, together(moment));
}

static void renews(struct moment *moment)
{
    number(moment, someone(moment));
    number(moment, some_session(moment));
    /* with a cookie, or that and a release */
    number(moment, (uint8_t)(ONE_OF(moment->random, 0, 1, 1, 3) | together(moment)));
    number(moment, 0);
}

static void copies(struct moment *moment)
{
    number(moment, someone(moment));
    number(moment, someone(moment));
    number(moment, ONE_OF(moment->random, 0, 1, 2, 3));
    number(moment, some_times(moment));
}

static void time_passes(struct moment *moment)
{
    number(moment, ONE_OF(moment->random, 0, 1, 2, 3, 4, 5, 6, 7, 9, 9, 11)); /* scale */
    number(moment, ONE_OF(moment->random, 1, 2, 3, 4, 5));
}

static void one_byte(struct moment *moment)
{
    number(moment, ONE_OF(moment->random, 0, 0, 0, 1, 2, 3));
}

static void verifier_is_slow(struct moment *moment)
{
    number(moment, 17); /* the option verify-ns, as in slow_verifier above */
    number(moment, ONE_OF(moment->random, 1, 2, 3, 4, 5));
}

static const struct {
    uint8_t tag, weight;
    void (*body)(struct moment *moment);
} happenings[] = {
    {RELAY_DO_FORWARD, 10, forwards},
    {RELAY_DO_BARE, 6, bare_packets},
    {RELAY_DO_LEASE, 5, lease_of_someone},
    {RELAY_DO_RENEW, 3, renews},
    {RELAY_DO_COPY, 1, copies},
    {RELAY_DO_PASS, 4, time_passes},
    {RELAY_DO_DEADLINE, 2, one_byte},
    {RELAY_DO_VERIFY_NOW, 1, one_byte},
    {RELAY_DO_VERIFY_LATER, 1, time_passes},
    {RELAY_DO_OPTION, 1, verifier_is_slow},
    {RELAY_DO_KEY, 1, one_byte},
};
#define HAPPENINGS (sizeof happenings / sizeof *happenings)

static void happen(struct moment *moment)
{
    uint32_t sum = 0, which = 0;
    for (size_t i = 0; i < HAPPENINGS; i++)
        sum += happenings[i].weight;
    for (uint32_t left = fuzz_random_below(moment->random, sum); left >= happenings[which].weight;)
        left -= happenings[which++].weight;
    uint8_t *record = moment->at;
    moment->at = record + 2;
    happenings[which].body(moment);
    record[0] = happenings[which].tag;
    record[1] = (uint8_t)(moment->at - record - 2);
}

static size_t live_on(uint8_t *bytes, size_t size, size_t size_max, uint64_t *random)
{
    uint8_t records[MOMENT_MAX * RECORD_MAX];
    struct moment moment = {random, records};
    for (uint32_t left = 1 + fuzz_random_below(random, MOMENT_MAX); left > 0; left--)
        happen(&moment);
    size_t count = (size_t)(moment.at - records), at;
    return insert(bytes, size, size_max, records, count, random, &at) ? size + count : size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    uint64_t random = seed;
    switch (fuzz_random_below(&random, 8)) {
    case 0:
        return tell(bytes, size, size_max, &random);
    case 1:
    case 2:
        return live_on(bytes, size, size_max, &random);
    case 3:
        return LLVMFuzzerMutate(bytes, size, size_max);
    default:
        return fuzz_mutate_actions(bytes, size, size_max, (unsigned)fuzz_random(&random),
                                   RELAY_ACTION_COUNT, BODY_MAX);
    }
}

/* Called by libFuzzer: the head of one list and the tail of another, cut between records. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second,
                                 size_t second_size, uint8_t *out, size_t out_max,
                                 unsigned int seed);

size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second,
                                 size_t second_size, uint8_t *out, size_t out_max,
                                 unsigned int seed)
{
    uint64_t random = seed;
    size_t head = boundary(first, first_size, &random);
    size_t from = boundary(second, second_size, &random), tail = second_size - from;
    if (head > out_max)
        head = out_max;
    if (tail > out_max - head)
        tail = out_max - head;
    memcpy(out, first, head);
    memcpy(out + head, second + from, tail);
    return head + tail;
}
