/*
 * Random lives of a sound relay: leases copied, replayed and overtaken, peers that move, handshakes
 * out of order, keys and bans that come and go, clocks that jump. Two independent descriptions of
 * the protocol watch one another here: where they part, one of them is wrong.
 */
#include "address.h"
#include "oracle_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS     1200
#define SEEDS     40
#define TOKENS    48
#define ADDRESSES 9

static const char *const addresses[ADDRESSES] = {
    "203.0.113.5:5000", "203.0.113.5:5001",   "203.0.113.5:5002",
    "192.0.2.77:6000",  "192.0.2.77:6001",    "198.18.0.9:7000",
    "198.18.0.9:7001",  "[2001:db8::7]:9000", "198.18.3.4:0",
};

struct walk {
    struct world world;
    uint64_t random;
    uint8_t tokens[TOKENS][1200];
    uint32_t token_bytes[TOKENS];
    unsigned token_session[TOKENS];
    uint32_t token_count;
    uint64_t sequences[ADDRESSES];
    uint8_t cookies[ADDRESSES][4][WR_COOKIE_BYTES]; /* by session, the newest given */
    uint64_t cookies_read;
    uint8_t public_keys[3][WR_PUBLIC_KEY_BYTES], secret_keys[3][WR_SECRET_KEY_BYTES];
};

static uint64_t roll(struct walk *walk, uint64_t sides)
{
    uint64_t z = walk->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % sides;
}

static void put(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint32_t header(uint8_t *out, uint8_t type, uint8_t flags, unsigned session)
{
    struct wr_session_id id = world_session(session);
    out[0] = 0x57;
    out[1] = 1;
    out[2] = type;
    out[3] = flags;
    memcpy(out + 4, id.bytes, 16);
    return 20;
}

static uint16_t crc(const uint8_t *bytes, unsigned count)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count * 8; i++) {
        unsigned bit = (value ^ (unsigned)bytes[i / 8] >> i % 8) & 1;
        value = value >> 1 ^ (bit ? 0x8408u : 0u);
    }
    return (uint16_t)value;
}

static uint32_t rift(uint8_t *out, bool handshake, uint64_t packet_id)
{
    uint32_t size = handshake ? 30 : 18;
    memset(out, 0, size);
    put(out, 0x52490001, 4);
    if (!handshake)
        put(out + 4, 1, 4);
    put(out + size - 10, packet_id, 8);
    put(out + size - 2, crc(out, size - 2), 2);
    return size;
}

/* Whatever cookies the relay has given out since, by address and session. */
static void read_cookies(struct walk *walk)
{
    const struct world *world = &walk->world;
    for (; walk->cookies_read < world->sent_count; walk->cookies_read++) {
        const struct world_sent *sent = &world->sent[walk->cookies_read % WORLD_SENT_MAX];
        unsigned session = sent->bytes[19];
        if (sent->bytes[0] != 0x57 || (sent->bytes[2] != 2 && sent->bytes[2] != 3) ||
            (sent->bytes[3] & 1) == 0 || session >= 4)
            continue;
        for (unsigned i = 0; i < ADDRESSES; i++) {
            struct wr_address address;
            cr_assert(wr_address_parse(addresses[i], &address));
            if (wr_address_equal(&address, &sent->to))
                memcpy(walk->cookies[i][session], sent->bytes + sent->size - WR_COOKIE_BYTES,
                       WR_COOKIE_BYTES);
        }
    }
}

/* ---- Steps -------------------------------------------------------------------------------------
 */

static void mint(struct walk *walk)
{
    static const char *const subs[] = {"alice", "bob", "carol"};
    static const uint64_t ttls[] = {3000, 20000, 60000, 900000, 3600000, 3700000};
    struct wr_mint_texts texts;
    unsigned session = (unsigned)roll(walk, 3) + 1, key = roll(walk, 8) == 0 ? 1 : 0;
    enum wr_role role = roll(walk, 2) ? WR_ROLE_SERVER : WR_ROLE_CLIENT;
    struct wr_session_id id = world_session(session);
    uint64_t wall = walk->world.start_unix_ms + walk->world.now / WR_MS;
    uint32_t at = walk->token_count++ % TOKENS;
    if (roll(walk, 12) == 0)
        key = 2;
    struct wr_mint lease =
        wr_mint_lease(&texts, roll(walk, 8) == 0 ? subs[2] : subs[role], &id, role,
                      roll(walk, 30) == 0 ? "another" : "relay-1",
                      (const char *[]){"k1", "k2", "k3"}[roll(walk, 10) == 0 ? roll(walk, 3) : key],
                      wall - roll(walk, 3) * 10000 + roll(walk, 4) * 9000, ttls[roll(walk, 6)]);
    if (roll(walk, 3) == 0) {
        lease.has_soft_limit = lease.has_hard_limit = true;
        lease.soft_limit_kbps = lease.hard_limit_kbps = 1000;
    }
    if (roll(walk, 20) == 0)
        lease.iat_rfc3339 = lease.iat = NULL;
    walk->token_session[at] = session;
    walk->token_bytes[at] = wr_mint_token(&lease, walk->secret_keys[key], (char *)walk->tokens[at],
                                          sizeof walk->tokens[at]);
    cr_assert_gt(walk->token_bytes[at], 0);
}

static uint32_t add_cookie(struct walk *walk, uint8_t *bytes, uint32_t size, unsigned from,
                           unsigned session)
{
    unsigned whose = roll(walk, 4) == 0 ? (unsigned)roll(walk, ADDRESSES) : from;
    memcpy(bytes + size, walk->cookies[whose][session % 4], WR_COOKIE_BYTES);
    return size + WR_COOKIE_BYTES;
}

static void step_lease(struct walk *walk, unsigned from)
{
    uint8_t bytes[1500];
    if (walk->token_count == 0 || roll(walk, 3) == 0)
        mint(walk);
    uint32_t kept = walk->token_count < TOKENS ? walk->token_count : TOKENS;
    uint32_t at = (uint32_t)roll(walk, kept < 6 || roll(walk, 4) == 0 ? kept : 6);
    at = (walk->token_count - 1 - at) % TOKENS;
    bool cookie = roll(walk, 3) == 0;
    uint32_t size = header(bytes, roll(walk, 4) == 0 ? 4 : 1, cookie ? 1 : 0,
                           roll(walk, 40) == 0 ? 2 : walk->token_session[at]);
    bytes[size] = (uint8_t)roll(walk, 2);
    put(bytes + size + 1, walk->token_bytes[at], 2);
    memcpy(bytes + size + 3, walk->tokens[at], walk->token_bytes[at]);
    size += 3 + walk->token_bytes[at];
    if (roll(walk, 50) == 0)
        bytes[30 + roll(walk, size - 30)] ^= 4;
    if (cookie)
        size = add_cookie(walk, bytes, size, from, walk->token_session[at]);
    world_receive(&walk->world, addresses[from], bytes, size);
}

static void step_renew(struct walk *walk, unsigned from)
{
    uint8_t bytes[64], flags = (uint8_t)(roll(walk, 4) == 0 ? 0 : roll(walk, 8) == 0 ? 3 : 1);
    unsigned session = (unsigned)roll(walk, 3) + 1;
    uint32_t size = header(bytes, 4, flags, session);
    if (flags != 0)
        size = add_cookie(walk, bytes, size, from, session);
    world_receive(&walk->world, addresses[from], bytes, size);
}

static uint64_t next_sequence(struct walk *walk, unsigned from)
{
    uint64_t *last = &walk->sequences[from];
    switch (roll(walk, 12)) {
    case 0:
        return *last > 3 ? *last - roll(walk, 4) : *last;
    case 1:
        return *last += roll(walk, 1500);
    case 2:
        return *last + 5000 + roll(walk, 3);
    case 3:
        return *last = walk->sequences[roll(walk, ADDRESSES)] + 1; /* of a peer that moved */
    case 4:
        return roll(walk, 10) == 0 ? UINT64_MAX - roll(walk, 9000) : *last;
    default:
        return ++*last;
    }
}

static void step_forward(struct walk *walk, unsigned from)
{
    uint8_t bytes[1500];
    uint32_t size = header(bytes, 16, (uint8_t)roll(walk, 4), (unsigned)roll(walk, 3) + 1);
    uint64_t sequence = next_sequence(walk, from), form = roll(walk, 8);
    memset(bytes + size, 0xee, sizeof bytes - size);
    if (form == 0) {
        size += rift(bytes + size, roll(walk, 2) == 0, 0);
    } else if (form < 4) {
        size += rift(bytes + size, roll(walk, 10) == 0, sequence);
    } else {
        put(bytes + size, sequence, 8);
        size += 8;
    }
    size += (uint32_t)roll(walk, roll(walk, 3) == 0 ? 1400 : 40);
    world_receive(&walk->world, addresses[from], bytes, size);
}

static void step_bare(struct walk *walk, unsigned from)
{
    uint8_t bytes[82];
    memset(bytes, 0xdd, sizeof bytes);
    bool handshake = roll(walk, 3) > 0;
    rift(bytes, handshake, roll(walk, 20) == 0);
    world_receive(&walk->world, addresses[from], bytes, handshake ? 62 : 82);
}

static void step_junk(struct walk *walk, unsigned from)
{
    uint8_t bytes[1600];
    uint32_t size = (uint32_t)roll(walk, roll(walk, 3) == 0 ? 1600 : 60);
    header(bytes, (uint8_t)roll(walk, 18), (uint8_t)roll(walk, 4), (unsigned)roll(walk, 4));
    for (uint32_t i = 20; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)roll(walk, 256);
    if (roll(walk, 4) == 0)
        bytes[roll(walk, 3)] ^= 1;
    world_receive(&walk->world, addresses[from], bytes, size);
}

static void step_time(struct walk *walk)
{
    static const uint64_t spans[] = {0,           1,         WR_MS,     20 * WR_MS,   50 * WR_MS,
                                     400 * WR_MS, WR_S,      2 * WR_S,  2 * WR_S - 1, 5 * WR_S,
                                     10 * WR_S,   29 * WR_S, 31 * WR_S, 61 * WR_S,    125 * WR_S};
    uint64_t most = roll(walk, 12) == 0 ? 15 : roll(walk, 3) == 0 ? 9 : 6;
    world_pass(&walk->world, spans[roll(walk, most)]);
}

static void step_control(struct walk *walk)
{
    static const char *const kids[] = {"k1", "k2", "k3"};
    unsigned key = (unsigned)roll(walk, 3);
    switch (roll(walk, 8)) {
    case 0:
        walk->world.wall_step_ms += (int64_t)roll(walk, 80000) - 40000;
        break;
    case 1:
        world_ban(&walk->world, "carol");
        break;
    case 2:
        world_unban(&walk->world, "carol");
        break;
    case 3:
        if (roll(walk, 10) == 0)
            world_revoke(&walk->world, walk->public_keys[2]);
        break;
    case 4:
        if (roll(walk, 40) == 0)
            world_drain(&walk->world);
        break;
    default:
        world_key(&walk->world, kids[roll(walk, 12) == 0 ? roll(walk, 3) : key],
                  walk->public_keys[key]);
    }
}

static void set_options(struct walk *walk)
{
    struct wr_relay_config *config = &walk->world.config;
    config->passive_rebind = (enum wr_passive_rebind)roll(walk, 3);
    config->role_policy = roll(walk, 5) == 0 ? WR_ROLE_POLICY_STRICT : WR_ROLE_POLICY_SIGNED;
    config->max_sessions = roll(walk, 3) == 0 ? 2 : 100;
    config->lease_duration_secs = roll(walk, 3) == 0 ? 15 : 0;
    config->peer_rate_limit_pps = roll(walk, 4) == 0 ? 4 : 20000;
    config->ip_rate_limit_pps = roll(walk, 4) == 0 ? 8 : 1000;
    config->identity_rate_limit_pps = roll(walk, 4) == 0 ? 4 : 200;
    config->max_bandwidth_kbps = roll(walk, 5) == 0 ? 100 : 0;
    config->verify_rate = roll(walk, 3) == 0 ? 2 : 1000;
    config->bare_rift = roll(walk, 6) > 0;
    config->keys_refreshable = roll(walk, 2) == 0;
    config->allow_insecure_dev = roll(walk, 12) == 0;
    walk->world.verify_ns = roll(walk, 2) * 30 * WR_MS * roll(walk, 40);
}

static void live(struct walk *walk, uint64_t seed)
{
    memset(walk, 0, sizeof *walk);
    walk->random = seed;
    world_prepare(&walk->world);
    set_options(walk);
    for (unsigned i = 0; i < 3; i++)
        wr_mint_keypair((const uint8_t[32]){(uint8_t)(i + 1)}, walk->public_keys[i],
                        walk->secret_keys[i]);
    world_open(&walk->world);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned from = (unsigned)roll(walk, roll(walk, 3) == 0 ? ADDRESSES : 4);
        uint64_t choice = roll(walk, 100);
        if (choice < 18)
            step_lease(walk, from);
        else if (choice < 24)
            step_renew(walk, from);
        else if (choice < 64)
            step_forward(walk, from);
        else if (choice < 76)
            step_bare(walk, from);
        else if (choice < 78)
            step_junk(walk, from);
        else if (choice < 98)
            step_time(walk);
        else
            step_control(walk);
        read_cookies(walk);
        if (step % 16 == 0)
            world_snapshot(&walk->world);
    }
    world_snapshot(&walk->world);
    cr_expect_eq(sim_oracle_violations(walk->world.oracle), 0, "seed %llu",
                 (unsigned long long)seed);
    world_end(&walk->world);
}

Test(oracle_random, a_sound_core_and_the_oracles_agree_whatever_happens)
{
    const char *more = getenv("WAVRY_ORACLE_SEEDS");
    const char *later = getenv("WAVRY_ORACLE_FIRST_SEED");
    uint64_t seeds = more != NULL ? strtoull(more, NULL, 10) : SEEDS;
    uint64_t first = later != NULL ? strtoull(later, NULL, 10) : 1;
    struct walk *walk = malloc(sizeof *walk);
    cr_assert_not_null(walk);
    for (uint64_t seed = first; seed < first + seeds; seed++)
        live(walk, seed);
    free(walk);
}
