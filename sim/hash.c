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
            .hash = sim_hash_mixed(hash->state),
        };
    }
    hash->next_checkpoint = hash->events - hash->events % hash->interval + hash->interval;
}

uint64_t sim_hash_value(const struct sim_hash *hash)
{
    return sim_hash_mixed(hash->state ^ hash->events * PRIME_1);
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

#define STRIPE_BYTES 64 /* four lanes of 16 */

/* The two halves of a product of 128 bits, folded (the idea is wyhash's). */
static uint64_t folded_product(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t low_mask = UINT64_C(0xffffffff);
    uint64_t low = (a & low_mask) * (b & low_mask);
    uint64_t middle = (a >> 32) * (b & low_mask) + (low >> 32);
    uint64_t other = (a & low_mask) * (b >> 32) + (middle & low_mask);
    uint64_t high = (a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32);
    return (other << 32 | (low & low_mask)) ^ high;
#endif
}

/* Sixteen bytes of a stripe. `offset` makes the place count. */
static inline uint64_t lane_part(const uint8_t *bytes, uint64_t offset)
{
    return folded_product(load_le64(bytes) ^ (PRIME_1 + offset),
                          load_le64(bytes + 8) ^ (PRIME_2 + offset));
}

/* Independent lanes in registers, so that the multiplications overlap. */
uint64_t sim_hash_bytes(const uint8_t *bytes, size_t size)
{
    uint64_t a = 0, b = 0, c = 0, d = 0, offset = 0;
    uint8_t rest[STRIPE_BYTES] = {0};
    size_t at = 0;

    for (; at + STRIPE_BYTES <= size; at += STRIPE_BYTES) {
        a += lane_part(bytes + at, offset);
        b += lane_part(bytes + at + 16, offset);
        c += lane_part(bytes + at + 32, offset);
        d += lane_part(bytes + at + 48, offset);
        offset += PRIME_1;
    }
    if (at < size) {
        memcpy(rest, bytes + at, size - at);
        a += lane_part(rest, offset);
        b += lane_part(rest + 16, offset);
        c += lane_part(rest + 32, offset);
        d += lane_part(rest + 48, offset);
    }
    return sim_hash_mixed(mixed(mixed(mixed(mixed(size, a), b), c), d));
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
