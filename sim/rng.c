#include "rng.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* ln(1 + i/64) in units of 2^-32; a straight line between two entries is off by at most 2^-15. */
static const uint32_t log_of_mantissa[65] = {
    0u,          66589974u,   132163268u,  196750459u,  260380768u,  323082134u,  384881291u,
    445803834u,  505874286u,  565116154u,  623551984u,  681203418u,  738091233u,  794235396u,
    849655098u,  904368797u,  958394255u,  1011748572u, 1064448219u, 1116509066u, 1167946415u,
    1218775023u, 1269009132u, 1318662486u, 1367748360u, 1416279581u, 1464268541u, 1511727226u,
    1558667227u, 1605099758u, 1651035675u, 1696485489u, 1741459379u, 1785967210u, 1830018543u,
    1873622647u, 1916788510u, 1959524856u, 2001840147u, 2043742599u, 2085240191u, 2126340670u,
    2167051565u, 2207380193u, 2247333665u, 2286918897u, 2326142616u, 2365011363u, 2403531508u,
    2441709246u, 2479550612u, 2517061482u, 2554247578u, 2591114477u, 2627667611u, 2663912276u,
    2699853634u, 2735496721u, 2770846446u, 2805907598u, 2840684851u, 2875182766u, 2909405794u,
    2943358281u, 2977044472u,
};
#define LN2_Q32 UINT64_C(2977044472)

static uint64_t load_le64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

struct sim_rng sim_rng_named(uint64_t seed, const char *entity, const char *purpose)
{
    uint8_t seed_bytes[8];
    uint8_t digest[32];
    crypto_generichash_state state;
    struct sim_rng rng;

    for (unsigned i = 0; i < 8; i++) {
        seed_bytes[i] = (uint8_t)(seed >> (8 * i));
    }
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    crypto_generichash_update(&state, seed_bytes, sizeof seed_bytes);
    /* With their NULs, so that ("ab", "c") is not ("a", "bc"). */
    crypto_generichash_update(&state, (const uint8_t *)entity, strlen(entity) + 1);
    crypto_generichash_update(&state, (const uint8_t *)purpose, strlen(purpose) + 1);
    crypto_generichash_final(&state, digest, sizeof digest);
    for (unsigned i = 0; i < 4; i++) {
        rng.state[i] = load_le64(digest + 8 * i);
    }
    if ((rng.state[0] | rng.state[1] | rng.state[2] | rng.state[3]) == 0) {
        rng.state[0] = 1; /* the one state that xoshiro never leaves */
    }
    return rng;
}

uint64_t sim_rng_next(struct sim_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire's multiplication method on 32-bit draws. */
static uint32_t below_32(struct sim_rng *rng, uint32_t bound)
{
    uint64_t product = (sim_rng_next(rng) >> 32) * bound;
    if ((uint32_t)product < bound) {
        uint32_t threshold = (0u - bound) % bound;
        while ((uint32_t)product < threshold) {
            product = (sim_rng_next(rng) >> 32) * bound;
        }
    }
    return (uint32_t)(product >> 32);
}

uint64_t sim_rng_below(struct sim_rng *rng, uint64_t bound)
{
    assert(bound > 0);
    if (bound <= UINT32_MAX) {
        return below_32(rng, (uint32_t)bound);
    }
    uint64_t mask = UINT64_MAX >> __builtin_clzll(bound - 1);
    uint64_t value;
    do {
        value = sim_rng_next(rng) & mask;
    } while (value >= bound);
    return value;
}

bool sim_rng_chance(struct sim_rng *rng, struct sim_ratio ratio)
{
    assert(ratio.numerator <= ratio.denominator);
    if (ratio.numerator == 0) {
        return false;
    }
    if (ratio.numerator == ratio.denominator) {
        return true;
    }
    return below_32(rng, ratio.denominator) < ratio.numerator;
}

/* -ln(u / 2^64) in units of 2^-32, for u > 0. */
static uint64_t minus_log_q32(uint64_t u)
{
    unsigned zeros = (unsigned)__builtin_clzll(u);
    uint64_t mantissa = u << zeros;
    unsigned index = (unsigned)(mantissa >> 57) & 63;
    uint64_t fraction = mantissa >> 25 & UINT64_C(0xffffffff);
    uint64_t low = log_of_mantissa[index];
    uint64_t high = log_of_mantissa[index + 1];
    uint64_t log = low + ((high - low) * fraction >> 32);
    return (zeros + 1) * LN2_Q32 - log;
}

uint64_t sim_rng_exponential_ns(struct sim_rng *rng, uint64_t mean_ns)
{
    assert(mean_ns <= SIM_RNG_SPREAD_NS_MAX);
    uint64_t u;
    do {
        u = sim_rng_next(rng);
    } while (u == 0);
    return mean_ns * (minus_log_q32(u) >> 16) >> 16;
}

int64_t sim_rng_normal_ns(struct sim_rng *rng, uint64_t deviation_ns)
{
    assert(deviation_ns <= SIM_RNG_SPREAD_NS_MAX);
    int64_t sum = -6 * INT64_C(65535);
    for (unsigned draw = 0; draw < 3; draw++) {
        uint64_t bits = sim_rng_next(rng);
        for (unsigned part = 0; part < 4; part++) {
            sum += (int64_t)(bits >> (16 * part) & 0xffff);
        }
    }
    /* The sum of twelve uniform numbers of 0..65535 has a standard deviation of 65536. */
    return (int64_t)deviation_ns * sum / 65536;
}

void sim_rng_bytes(struct sim_rng *rng, uint8_t *out, size_t bytes)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (i % 8 == 0) {
            bits = sim_rng_next(rng);
        }
        out[i] = (uint8_t)(bits >> (8 * (i % 8)));
    }
}
