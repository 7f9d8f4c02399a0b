/*
 * Inputs that are lists of actions. Each action is a record that says its own length:
 *
 *     | tag u8 | length u8 | body: `length` bytes |
 *
 * so that taking a record out, putting one in or changing a body never changes how another one is
 * read. Bodies are read number by number; one that is too short goes on with zeros, what is too
 * much is ignored, a tag that means nothing is passed over, and so is a record cut off by the end
 * of the input. Every list of bytes is thus a list of actions, and a shorter one is a simpler one.
 */
#ifndef FUZZ_ACTIONS_H
#define FUZZ_ACTIONS_H

#include "support.h"

struct fuzz_actions {
    const uint8_t *at, *end;
};

struct fuzz_action {
    uint8_t tag;
    const uint8_t *at, *end; /* what is left of its body */
};

static inline struct fuzz_actions fuzz_actions_over(const uint8_t *bytes, size_t size)
{
    return (struct fuzz_actions){bytes, bytes + size};
}

/* False at the end of the list. */
static inline bool fuzz_next_action(struct fuzz_actions *list, struct fuzz_action *action)
{
    if (list->end - list->at < 2 || list->end - list->at - 2 < list->at[1])
        return false;
    action->tag = list->at[0];
    action->at = list->at + 2;
    action->end = action->at + list->at[1];
    list->at = action->end;
    return true;
}

/* Big-endian; zeros behind the end of the body. */
static inline uint64_t fuzz_take(struct fuzz_action *action, unsigned bytes)
{
    uint64_t value = 0;
    for (; bytes > 0; bytes--)
        value = value << 8 | (action->at < action->end ? *action->at++ : 0u);
    return value;
}

static inline uint8_t fuzz_take_u8(struct fuzz_action *action)
{
    return (uint8_t)fuzz_take(action, 1);
}

/* A number below `bound` (1 to 256) from one byte. */
static inline uint32_t fuzz_take_below(struct fuzz_action *action, uint32_t bound)
{
    return fuzz_take_u8(action) % (bound > 0 ? bound : 1);
}

/* A span of time from two bytes: scale and digit, so that a few bytes reach from a nanosecond to
 * hours, and the exact boundaries in between are a flip away (`off`: -1, 0 or +1 ns). */
static inline uint64_t fuzz_take_span_ns(struct fuzz_action *action)
{
    static const uint64_t scales[16] = {
        0,           1,           1000,         1000000,       10000000,   50000000,
        100000000,   250000000,   500000000,    1000000000,    2000000000, 10000000000,
        30000000000, 60000000000, 600000000000, 3600000000000,
    };
    unsigned what = fuzz_take_u8(action), count = fuzz_take_u8(action);
    uint64_t span = scales[what & 15] * (count & 63 ? count & 63 : 1);
    return (count & 64) != 0 ? span + 1 : (count & 128) != 0 && span > 0 ? span - 1 : span;
}

/* The names of a target's actions by tag, for fuzz_explain: prints each record of the list. */
void fuzz_explain_actions(const uint8_t *bytes, size_t size, const char *const *names,
                          uint32_t count, FILE *out);

/* "7 actions": for fuzz_outcome, where the actions themselves are all there is to say. */
const char *fuzz_count_actions(const uint8_t *bytes, size_t size);

/* A custom mutator by records: takes some out, doubles, moves, adds, or changes a body. `tags` is
 * how many the target knows, `body_max` the longest body that makes sense. */
size_t fuzz_mutate_actions(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed,
                           uint32_t tags, uint32_t body_max);

#endif
