#define _POSIX_C_SOURCE 200809L

#include "bench_relay.h"

#include "address.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define START_UNIX_MS UINT64_C(1795000000000)
#define RELAY_ID      "relay-7f3a2c"
#define KID           "master-2026-01"

/* ---- Allocations are counted by the linker's --wrap ------------------------------------------ */

static uint64_t allocations;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    allocations++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    allocations++;
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *block, size_t bytes)
{
    allocations++;
    return __real_realloc(block, bytes);
}

uint64_t bench_allocations(void)
{
    return allocations;
}

/* ---- The real world ----------------------------------------------------------------------------
 */

void bench_start(void)
{
    if (sodium_init() < 0)
        bench_fail("libsodium does not start");
}

void bench_fail(const char *reason)
{
    fprintf(stderr, "bench: %s\n", reason);
    exit(EXIT_FAILURE);
}

uint64_t bench_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

/* splitmix64 */
uint64_t bench_random(struct bench_relay *bench)
{
    uint64_t z = bench->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- The environment ---------------------------------------------------------------------------
 */

static wr_instant monotonic_ns(void *context)
{
    return ((const struct bench_relay *)context)->now_ns;
}

static uint64_t wall_unix_ms(void *context)
{
    return START_UNIX_MS + ((const struct bench_relay *)context)->now_ns / WR_MS;
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    struct bench_relay *bench = context;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)bench_random(bench);
}

static void count_sent(void *context, const struct wr_output *output)
{
    struct bench_relay *bench = context;
    bench->sent += output->size > 0;
}

static void verify(void *context, const struct wr_verification *verification)
{
    struct bench_relay *bench = context;
    bench->is_asked = true;
    bench->id = verification->id;
    bench->is_good = !bench->sign || crypto_sign_verify_detached(
                                         verification->signature, verification->message,
                                         verification->message_size, verification->keys[0]) == 0;
}

/* ---- Relay and population ----------------------------------------------------------------------
 */

void bench_open(struct bench_relay *bench, uint32_t sessions)
{
    static const uint8_t seed[32] = {7};
    *bench = (struct bench_relay){.random = 1};
    wr_relay_config_default(&bench->config);
    bench->config.relay_id = RELAY_ID;
    bench->config.max_sessions = sessions;
    bench->config.load_shed_threshold_pct = 100;
    bench->config.verify_rate = 1000000000;
    const struct wr_environment environment = {
        .context = bench,
        .monotonic_ns = monotonic_ns,
        .wall_unix_ms = wall_unix_ms,
        .entropy = entropy,
        .send = count_sent,
        .verify = verify,
    };
    bench->relay = wr_relay_create(&bench->config, &environment);
    if (bench->relay == NULL)
        bench_fail("the relay cannot be created");
    wr_mint_keypair(seed, bench->public_key, bench->secret_key);
    if (wr_relay_key_add(bench->relay, KID, bench->public_key, false) != WR_KEY_ADDED)
        bench_fail("the key does not join");
}

void bench_close(struct bench_relay *bench)
{
    wr_relay_destroy(bench->relay);
}

static struct wr_address address_of(uint32_t host, uint8_t network, uint16_t port)
{
    const uint8_t ip[4] = {network, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host};
    return wr_address_v4(ip, port);
}

struct wr_address bench_peer_address(uint32_t session, uint32_t role)
{
    return address_of(session, role == WR_ROLE_CLIENT ? 10 : 11, 5000);
}

struct wr_address bench_other_address(uint32_t session, uint32_t round)
{
    return address_of(session, 12, (uint16_t)(1024 + round));
}

static struct wr_session_id id_of(uint32_t session)
{
    struct wr_session_id id = {{0x7a, 0x11, 0, 0, 0x3c, 0x52, 0x4e, 0x0b, 0x9f}};
    for (int i = 0; i < 4; i++)
        id.bytes[12 + i] = (uint8_t)(session >> (8 * i));
    return id;
}

/* The token of a population that is not signed: the payload with 64 zero bytes behind it. */
static uint32_t unsigned_token(const struct wr_mint *mint, char *out, size_t capacity)
{
    uint8_t body[WR_TOKEN_PAYLOAD_BYTES_MAX + WR_SIGNATURE_BYTES] = {0};
    uint32_t bytes = wr_mint_payload(mint, body, WR_TOKEN_PAYLOAD_BYTES_MAX);
    memset(body + bytes, 0, WR_SIGNATURE_BYTES);
    memcpy(out, WR_TOKEN_HEADER, WR_TOKEN_HEADER_BYTES);
    return WR_TOKEN_HEADER_BYTES + wr_base64url_encode(body, bytes + WR_SIGNATURE_BYTES,
                                                       out + WR_TOKEN_HEADER_BYTES,
                                                       capacity - WR_TOKEN_HEADER_BYTES);
}

void bench_mint(struct bench_relay *bench, struct bench_lease *lease, uint32_t session,
                enum wr_role role)
{
    struct wr_mint_texts texts;
    struct wr_session_id id = id_of(session);
    char sub[32], text[WR_TOKEN_TEXT_BYTES_MAX];
    struct wr_token token;
    snprintf(sub, sizeof sub, "user-%u-%d", session, (int)role);
    struct wr_mint mint = wr_mint_lease(&texts, sub, &id, role, RELAY_ID, KID, wall_unix_ms(bench),
                                        UINT64_C(3600000));
    uint32_t bytes = bench->sign ? wr_mint_token(&mint, bench->secret_key, text, sizeof text)
                                 : unsigned_token(&mint, text, sizeof text);
    if (bytes == 0 || !wr_token_decode((const uint8_t *)text, bytes, &token))
        bench_fail("a token cannot be minted");
    lease->size = wr_wire_encode_present(lease->datagram, sizeof lease->datagram, &id, role,
                                         (const uint8_t *)text, bytes, NULL);
    lease->message_bytes = wr_token_signing_input(&token, lease->message, sizeof lease->message);
    if (lease->size == 0 || lease->message_bytes == 0)
        bench_fail("a token is too long");
    memcpy(lease->signature, token.signature, sizeof lease->signature);
}

void bench_present(struct bench_relay *bench, const struct bench_lease *lease,
                   struct wr_address from)
{
    const struct wr_datagram datagram = {
        .from = from, .bytes = lease->datagram, .size = lease->size};
    bench->now_ns += 10000;
    wr_relay_receive(bench->relay, &datagram, 1);
    if (bench->is_asked) {
        bench->is_asked = false;
        wr_relay_verified(bench->relay, bench->id, bench->is_good ? 0 : -1);
    }
}

void bench_verify_bare(const struct bench_relay *bench, const struct bench_lease *lease)
{
    if (crypto_sign_verify_detached(lease->signature, lease->message, lease->message_bytes,
                                    bench->public_key) != 0)
        bench_fail("a signature is wrong");
}

void bench_join_both(struct bench_relay *bench, uint32_t session)
{
    struct bench_lease lease;
    for (uint32_t role = 0; role < WR_ROLES; role++) {
        bench_mint(bench, &lease, session, (enum wr_role)role);
        bench_present(bench, &lease, bench_peer_address(session, role));
        bench->now_ns -= 9900; /* a million sessions join well within a minute */
    }
}

void bench_write_forward(uint8_t *out, uint32_t session, uint64_t sequence)
{
    struct wr_session_id id = id_of(session);
    out[0] = WR_WIRE_MAGIC;
    out[1] = WR_WIRE_VERSION;
    out[2] = WR_PACKET_FORWARD;
    out[3] = 0;
    memcpy(out + 4, id.bytes, sizeof id.bytes);
    for (int i = 0; i < 8; i++)
        out[WR_WIRE_HEADER_BYTES + i] = (uint8_t)(sequence >> (56 - 8 * i));
}
