#include "hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)

bool sim_hash_init(struct sim_hash *hash, uint64_t interval)
{
    assert(interval > 0);
    memset(hash, 0, sizeof *hash);
    hash->state = UINT64_C(0x77617672792d7369); /* "wavry-si", so that a zero first word counts */
    hash->interval = interval;
    hash->next_checkpoint = interval;
    hash->checkpoints = malloc(SIM_HASH_CHECKPOINTS_MAX * sizeof *hash->checkpoints);
    return hash->checkpoints != NULL;
}

void sim_hash_free(struct sim_hash *hash)
{
    free(hash->checkpoints);
    memset(hash, 0, sizeof *hash);
}

void sim_hash_text(struct sim_hash *hash, const char *text)
{
    size_t bytes = strlen(text);
    sim_hash_word(hash, bytes);
    sim_hash_word(hash, sim_hash_bytes((const uint8_t *)text, bytes));
}

static uint64_t finished(uint64_t value)
{
    value ^= value >> 33;
    value *= PRIME_2;
    value ^= value >> 29;
    value *= PRIME_1;
    return value ^ value >> 32;
}

void sim_hash_checkpoint(struct sim_hash *hash, wr_instant at_ns)
{
    if (hash->checkpoint_count == SIM_HASH_CHECKPOINTS_MAX) {
        for (uint32_t kept = 0; kept < SIM_HASH_CHECKPOINTS_MAX / 2; kept++) {
            hash->checkpoints[kept] = hash->checkpoints[2 * kept + 1];
        }
        hash->checkpoint_count = SIM_HASH_CHECKPOINTS_MAX / 2;
        hash->interval *= 2;
    }
    if (hash->events % hash->interval == 0) {
        hash->checkpoints[hash->checkpoint_count++] = (struct sim_checkpoint){
            .events = hash->events,
            .at_ns = at_ns,
            .hash = finished(hash->state),
        };
    }
    hash->next_checkpoint = hash->events - hash->events % hash->interval + hash->interval;
}

uint64_t sim_hash_value(const struct sim_hash *hash)
{
    return finished(hash->state ^ hash->events * PRIME_1);
}

char *sim_hash_format(uint64_t value, char text[SIM_HASH_TEXT_BYTES])
{
    for (unsigned i = 0; i < 16; i++) {
        text[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
    }
    text[16] = '\0';
    return text;
}

static uint64_t load_le64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static uint64_t mixed(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * PRIME_1;
    return lane ^ lane >> 31;
}

/* Four independent lanes, so that the multiplications overlap. */
uint64_t sim_hash_bytes(const uint8_t *bytes, size_t size)
{
    uint64_t lanes[4] = {PRIME_1, PRIME_2, ~PRIME_1, ~PRIME_2};
    uint8_t rest[32] = {0};
    size_t whole = size / 32 * 32;

    for (size_t at = 0; at < whole; at += 32) {
        lanes[0] = mixed(lanes[0], load_le64(bytes + at));
        lanes[1] = mixed(lanes[1], load_le64(bytes + at + 8));
        lanes[2] = mixed(lanes[2], load_le64(bytes + at + 16));
        lanes[3] = mixed(lanes[3], load_le64(bytes + at + 24));
    }
    if (size > whole) {
        memcpy(rest, bytes + whole, size - whole);
        for (unsigned i = 0; i < 4; i++) {
            lanes[i] = mixed(lanes[i], load_le64(rest + 8 * i));
        }
    }
    uint64_t value = size;
    for (unsigned i = 0; i < 4; i++) {
        value = mixed(value, lanes[i]);
    }
    return finished(value);
}

int32_t sim_hash_first_difference(const struct sim_checkpoint *a, uint32_t a_count,
                                  const struct sim_checkpoint *b, uint32_t b_count)
{
    uint32_t j = 0;
    for (uint32_t i = 0; i < a_count; i++) {
        while (j < b_count && b[j].events < a[i].events) {
            j++;
        }
        if (j < b_count && b[j].events == a[i].events && b[j].hash != a[i].hash) {
            return (int32_t)i;
        }
    }
    return -1;
}
