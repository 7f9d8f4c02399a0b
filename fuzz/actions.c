#include "actions.h"

#include <string.h>

void fuzz_explain_actions(const uint8_t *bytes, size_t size, const char *const *names,
                          uint32_t count, FILE *out)
{
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    struct fuzz_action action;
    for (unsigned number = 1; fuzz_next_action(&list, &action); number++) {
        fprintf(out, "%3u  %-16s ", number, names[action.tag % count]);
        fuzz_print_hex(out, action.at, (size_t)(action.end - action.at));
        fputc('\n', out);
    }
    if (list.at != list.end)
        fprintf(out, "     (%zu bytes cut off)\n", (size_t)(list.end - list.at));
}

const char *fuzz_count_actions(const uint8_t *bytes, size_t size)
{
    static char text[32];
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    struct fuzz_action action;
    unsigned count = 0;
    while (fuzz_next_action(&list, &action))
        count++;
    snprintf(text, sizeof text, "%u action%s", count, count == 1 ? "" : "s");
    return text;
}

#define RECORDS_MAX 512

struct records {
    uint32_t count;
    size_t starts[RECORDS_MAX + 1]; /* the last: where the list ends */
};

static void find_records(const uint8_t *bytes, size_t size, struct records *records)
{
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    struct fuzz_action action;
    records->count = 0;
    records->starts[0] = 0;
    while (records->count < RECORDS_MAX && fuzz_next_action(&list, &action))
        records->starts[++records->count] = (size_t)(list.at - bytes);
}

static size_t take_out(uint8_t *bytes, size_t size, size_t from, size_t to)
{
    memmove(bytes + from, bytes + to, size - to);
    return size - (to - from);
}

static size_t put_in(uint8_t *bytes, size_t size, size_t size_max, size_t at, const uint8_t *record,
                     size_t record_bytes)
{
    if (record_bytes > size_max - size)
        return size;
    memmove(bytes + at + record_bytes, bytes + at, size - at);
    memcpy(bytes + at, record, record_bytes);
    return size + record_bytes;
}

static size_t invent(uint8_t record[257], uint64_t *random, uint32_t tags, uint32_t body_max)
{
    uint32_t body = fuzz_random_below(random, body_max + 1);
    record[0] = (uint8_t)fuzz_random_below(random, tags);
    record[1] = (uint8_t)body;
    for (uint32_t i = 0; i < body; i++) {
        /* Small numbers are names of things that exist, so they meet each other. */
        uint32_t bits = 1 + fuzz_random_below(random, 8);
        record[2 + i] = (uint8_t)fuzz_random_below(random, 1u << bits);
    }
    return 2 + body;
}

static size_t change_once(uint8_t *bytes, size_t size, size_t size_max, uint64_t *random,
                          uint32_t tags, uint32_t body_max)
{
    static struct records records;
    static uint8_t record[257];
    find_records(bytes, size, &records);
    size = records.starts[records.count];
    uint32_t one = fuzz_random_below(random, records.count + 1);
    size_t at = records.starts[one];
    uint32_t what = one == records.count ? 0 : fuzz_random_below(random, 8);
    if (what <= 1)
        return put_in(bytes, size, size_max, at, record, invent(record, random, tags, body_max));
    size_t end = records.starts[one + 1];
    if (what == 2) {
        uint32_t last =
            one + fuzz_random_below(random, records.count - one < 8 ? records.count - one : 8);
        return take_out(bytes, size, at, records.starts[last + 1]);
    }
    if (what <= 4) { /* doubled or moved elsewhere */
        memcpy(record, bytes + at, end - at);
        size_t record_bytes = end - at;
        if (what == 4)
            size = take_out(bytes, size, at, end);
        find_records(bytes, size, &records);
        uint32_t there = fuzz_random_below(random, records.count + 1);
        return put_in(bytes, size, size_max, records.starts[there], record, record_bytes);
    }
    if (what == 5) {
        bytes[at] = (uint8_t)fuzz_random_below(random, tags);
        return size;
    }
    if (end - at > 2) {
        size_t byte = at + 2 + fuzz_random_below(random, (uint32_t)(end - at - 2));
        switch (fuzz_random_below(random, 4)) {
        case 0:
            bytes[byte] ^= (uint8_t)(1u << fuzz_random_below(random, 8));
            break;
        case 1:
            bytes[byte]++;
            break;
        case 2:
            bytes[byte]--;
            break;
        default:
            bytes[byte] = (uint8_t)fuzz_random(random);
            break;
        }
    }
    return size;
}

size_t fuzz_mutate_actions(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed,
                           uint32_t tags, uint32_t body_max)
{
    uint64_t random = seed;
    for (uint32_t times = 1 + fuzz_random_below(&random, 4); times > 0; times--)
        size = change_once(bytes, size, size_max, &random, tags, body_max);
    return size;
}
