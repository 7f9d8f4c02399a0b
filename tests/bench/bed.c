#include "bed.h"

#include "address.h"
#include "bench.h"
#include "mint.h"
#include "wire.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static wr_instant monotonic_ns(void *context)
{
    return ((struct bed *)context)->now_ns;
}

static uint64_t wall_unix_ms(void *context)
{
    return BED_UNIX_MS + ((struct bed *)context)->now_ns / WR_MS;
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    struct bed *bed = context;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(++bed->entropy * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static void sent(void *context, const struct wr_output *output)
{
    struct bed *bed = context;
    bed->sends++;
    bed->last_type = output->bytes[2];
}

static void verify(void *context, const struct wr_verification *verification)
{
    struct bed *bed = context;
    bed->asked[bed->asked_count++] = *verification;
}

void bed_open(struct bed *bed, uint32_t sessions, bool insecure)
{
    static const uint8_t seed[32] = "a seed that signs on the bench";
    struct wr_relay_config config;
    if (sodium_init() < 0)
        bench_fail("libsodium cannot be used");
    *bed = (struct bed){.now_ns = WR_S};
    wr_mint_keypair(seed, bed->public_key, bed->secret_key);
    wr_relay_config_default(&config);
    config.relay_id = BED_RELAY_ID;
    config.max_sessions = sessions;
    config.load_shed_threshold_pct = 100;
    config.ip_rate_limit_pps = 1000000000;
    config.identity_rate_limit_pps = 1000000000;
    config.verify_rate = 1000000000;
    config.allow_insecure_dev = insecure;
    const struct wr_environment environment = {
        .context = bed,
        .monotonic_ns = monotonic_ns,
        .wall_unix_ms = wall_unix_ms,
        .entropy = entropy,
        .send = sent,
        .verify = verify,
    };
    bed->relay = wr_relay_create(&config, &environment);
    if (bed->relay == NULL)
        bench_fail("the relay could not be created");
    if (wr_relay_key_add(bed->relay, BED_KID, bed->public_key, WR_KEY_PINNED) != WR_KEY_ADDED)
        bench_fail("the key was not taken");
}

void bed_close(struct bed *bed)
{
    wr_relay_destroy(bed->relay);
}

struct wr_session_id bed_session(uint32_t number)
{
    struct wr_session_id id = {.bytes = {0x01, 0, 0, 0, 0, 0, 0x40, 0, 0x80}};
    for (int i = 0; i < 4; i++)
        id.bytes[12 + i] = (uint8_t)(number >> (24 - 8 * i));
    return id;
}

/* 10.x.y.z and 11.x.y.z. */
struct wr_address bed_address(uint32_t number, enum wr_role role)
{
    const uint8_t ip[4] = {role == WR_ROLE_CLIENT ? 10 : 11, (uint8_t)(number >> 16),
                           (uint8_t)(number >> 8), (uint8_t)number};
    return wr_address_v4(ip, 5000);
}

uint32_t bed_present(const struct bed *bed, uint32_t number, enum wr_role role, bool sign,
                     uint8_t out[WR_DATAGRAM_BYTES_MAX])
{
    char subject[32];
    char token[WR_TOKEN_TEXT_BYTES_MAX];
    struct wr_mint_texts texts;
    struct wr_session_id session = bed_session(number);
    uint32_t token_bytes;
    snprintf(subject, sizeof subject, "%s-%u", role == WR_ROLE_CLIENT ? "client" : "server",
             number);
    struct wr_mint mint = wr_mint_lease(&texts, subject, &session, role, BED_RELAY_ID, BED_KID,
                                        BED_UNIX_MS, UINT64_C(3600000));
    if (sign) {
        token_bytes = wr_mint_token(&mint, bed->secret_key, token, sizeof token);
    } else {
        uint8_t body[WR_TOKEN_PAYLOAD_BYTES_MAX + WR_SIGNATURE_BYTES] = {0};
        uint32_t payload_bytes = wr_mint_payload(&mint, body, WR_TOKEN_PAYLOAD_BYTES_MAX);
        memcpy(token, WR_TOKEN_HEADER, WR_TOKEN_HEADER_BYTES);
        token_bytes =
            WR_TOKEN_HEADER_BYTES + wr_base64url_encode(body, payload_bytes + WR_SIGNATURE_BYTES,
                                                        token + WR_TOKEN_HEADER_BYTES,
                                                        sizeof token - WR_TOKEN_HEADER_BYTES);
    }
    uint32_t size = wr_wire_encode_present(out, WR_DATAGRAM_BYTES_MAX, &session, role,
                                           (const uint8_t *)token, token_bytes, NULL);
    if (size == 0)
        bench_fail("a PRESENT could not be made");
    return size;
}

void bed_receive(struct bed *bed, const struct wr_address *from, const uint8_t *bytes,
                 uint32_t size)
{
    const struct wr_datagram datagram = {.from = *from, .bytes = bytes, .size = size};
    wr_relay_receive(bed->relay, &datagram, 1);
}

void bed_verify(struct bed *bed)
{
    while (bed->asked_count > 0) {
        const struct wr_verification asked = bed->asked[--bed->asked_count];
        int fits = -1;
        for (uint32_t i = 0; i < asked.key_count && fits < 0; i++) {
            if (crypto_sign_verify_detached(asked.signature, asked.message, asked.message_size,
                                            asked.keys[i]) == 0)
                fits = (int)i;
        }
        wr_relay_verified(bed->relay, asked.id, fits);
    }
}

void bed_fill(struct bed *bed, uint32_t sessions)
{
    uint8_t present[WR_DATAGRAM_BYTES_MAX];
    struct wr_snapshot snapshot;
    for (uint32_t number = 0; number < sessions; number++) {
        for (int role = 0; role < WR_ROLES; role++) {
            struct wr_address from = bed_address(number, (enum wr_role)role);
            uint32_t size = bed_present(bed, number, (enum wr_role)role, false, present);
            bed_receive(bed, &from, present, size);
        }
    }
    wr_relay_snapshot(bed->relay, &snapshot);
    if (snapshot.sessions_active != sessions)
        bench_fail("not all sessions became active");
}
