#include "forge.h"

#include "address.h"
#include "mint.h"
#include "signing_key.h"

#include <string.h>

#define LIFETIME_MS       900000
#define GARBAGE_BYTES     200
#define SIGNATURE_FIRST   80 /* characters from the end of a token, inside its signature … */
#define SIGNATURE_LAST    4  /* … to here: the last one holds padding bits and stays */
#define FORWARD_BYTES_MIN 39 /* room for a RIFT header */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sim_forge_init(struct sim_forge *forge, uint64_t seed, const char *name, enum sim_token kind,
                    const char *relay_id, const char *kid, const struct wr_session_id *session,
                    uint64_t wall_unix_ms)
{
    static const char no_json[] = "this is no JSON object at all";
    struct sim_signing_key own;
    struct wr_mint_texts texts;
    char token[SIM_FORGE_TOKEN_BYTES_MAX];

    memset(forge, 0, sizeof *forge);
    forge->dice = sim_rng_named(seed, name, "forgery");
    forge->kind = kind;
    /* Without a session to attack, one that nobody has: a nil one would be malformed. */
    struct wr_session_id invented = sim_forge_session(forge);
    if (wr_session_id_is_nil(session))
        session = &invented;
    struct wr_mint mint = wr_mint_lease(
        &texts, "mallory", session, WR_ROLE_CLIENT, relay_id,
        kind == SIM_TOKEN_UNKNOWN_KID ? "a-kid-that-nobody-has" : kid, wall_unix_ms, LIFETIME_MS);
    if (kind == SIM_TOKEN_MALFORMED) {
        mint.raw_payload = (const uint8_t *)no_json;
        mint.raw_payload_bytes = sizeof no_json - 1;
    }
    sim_signing_key_derive(name, &own); /* its own key, which no ring holds */
    forge->token_bytes = wr_mint_token(&mint, own.secret_key, token, sizeof token);
    memcpy(forge->token, token, forge->token_bytes);
}

uint32_t sim_forge_token(struct sim_forge *forge, uint8_t *out)
{
    if (forge->kind == SIM_TOKEN_GARBAGE) {
        for (uint32_t i = 0; i < GARBAGE_BYTES; i++)
            out[i] = (uint8_t)alphabet[sim_rng_next(&forge->dice) % 64];
        return GARBAGE_BYTES;
    }
    memcpy(out, forge->token, forge->token_bytes);
    uint64_t bits = sim_rng_next(&forge->dice);
    for (uint32_t i = 0; i < 10; i++, bits >>= 6) {
        uint32_t from_end = SIGNATURE_FIRST - i * ((SIGNATURE_FIRST - SIGNATURE_LAST) / 10);
        out[forge->token_bytes - from_end] = (uint8_t)alphabet[bits & 63];
    }
    return forge->token_bytes;
}

struct wr_session_id sim_forge_session(struct sim_forge *forge)
{
    struct wr_session_id session;
    sim_rng_bytes(&forge->dice, session.bytes, sizeof session.bytes);
    session.bytes[0] |= 1; /* not nil */
    return session;
}

uint32_t sim_forge_forward(struct sim_forge *forge, const struct wr_session_id *session, bool rift,
                           uint64_t sequence, uint32_t bytes, uint8_t *out)
{
    uint8_t payload[WR_DATAGRAM_BYTES_MAX];
    if (bytes < FORWARD_BYTES_MIN)
        bytes = FORWARD_BYTES_MIN;
    if (bytes > WR_DATAGRAM_BYTES_MAX)
        bytes = WR_DATAGRAM_BYTES_MAX;
    uint32_t payload_bytes = bytes - WR_WIRE_HEADER_BYTES;
    sim_rng_bytes(&forge->dice, payload, payload_bytes);
    if (rift) {
        wr_rift_encode_transport(payload, 1, sequence);
        return wr_wire_encode_forward(out, WR_DATAGRAM_BYTES_MAX, session, 0, payload,
                                      payload_bytes);
    }
    return wr_wire_encode_sequence(out, WR_DATAGRAM_BYTES_MAX, session, sequence, payload,
                                   payload_bytes - 8);
}

static uint32_t bare(struct sim_forge *forge, uint8_t *out)
{
    static const uint8_t no_session[16];
    wr_rift_encode_handshake(out, no_session, 0);
    sim_rng_bytes(&forge->dice, out + WR_RIFT_HANDSHAKE_BYTES, 32);
    return WR_RIFT_HANDSHAKE_BYTES + 32;
}

static uint32_t junk(struct sim_forge *forge, uint8_t *out)
{
    uint32_t bytes = 1 + (uint32_t)sim_rng_below(&forge->dice, WR_DATAGRAM_BYTES_MAX);
    sim_rng_bytes(&forge->dice, out, bytes);
    return bytes;
}

uint32_t sim_forge_packet(struct sim_forge *forge, enum sim_packet kind,
                          const struct wr_session_id *session, uint32_t bytes, uint8_t *out)
{
    if (kind == SIM_PACKET_ANY)
        kind = (enum sim_packet)(SIM_PACKET_PRESENT + sim_rng_below(&forge->dice, 7));
    switch (kind) {
    case SIM_PACKET_ANY:
        break;
    case SIM_PACKET_PRESENT: {
        uint8_t token[SIM_FORGE_TOKEN_BYTES_MAX];
        uint32_t token_bytes = sim_forge_token(forge, token);
        return wr_wire_encode_present(out, WR_DATAGRAM_BYTES_MAX, session, WR_ROLE_CLIENT, token,
                                      token_bytes, NULL);
    }
    case SIM_PACKET_ACK:
        return wr_wire_encode_ack(out, WR_DATAGRAM_BYTES_MAX, session, sim_rng_next(&forge->dice),
                                  50000, 100000, false, NULL);
    case SIM_PACKET_REJECT:
        return wr_wire_encode_reject(out, WR_DATAGRAM_BYTES_MAX, session, WR_REJECT_EXPIRED, NULL);
    case SIM_PACKET_RENEW:
        return wr_wire_encode_renew(out, WR_DATAGRAM_BYTES_MAX, session, WR_ROLE_CLIENT, NULL, 0,
                                    NULL);
    case SIM_PACKET_FORWARD:
        return sim_forge_forward(forge, session, false, sim_rng_next(&forge->dice) >> 16, bytes,
                                 out);
    case SIM_PACKET_BARE:
        return bare(forge, out);
    case SIM_PACKET_JUNK:
        break;
    }
    return junk(forge, out);
}

uint32_t sim_forge_with_cookie(const uint8_t *bytes, uint32_t size, const uint8_t *cookie,
                               uint8_t *out)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    bool lease = wr_wire_decode(bytes, size, &packet, &failure) &&
                 (packet.type == WR_PACKET_LEASE_PRESENT || packet.type == WR_PACKET_LEASE_RENEW);
    if (!lease) {
        memcpy(out, bytes, size);
        return size;
    }
    if (packet.type == WR_PACKET_LEASE_PRESENT)
        return wr_wire_encode_present(out, WR_DATAGRAM_BYTES_MAX, &packet.session, packet.role,
                                      packet.token, packet.token_bytes, cookie);
    return wr_wire_encode_renew(out, WR_DATAGRAM_BYTES_MAX, &packet.session, packet.role,
                                packet.token, packet.token_bytes, cookie);
}

enum sim_packet sim_forge_kind(const uint8_t *bytes, uint32_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    if (wr_rift_bare(bytes, size) != WR_BARE_NONE)
        return SIM_PACKET_BARE;
    if (!wr_wire_decode(bytes, size, &packet, &failure))
        return SIM_PACKET_JUNK;
    switch (packet.type) {
    case WR_PACKET_LEASE_PRESENT:
        return SIM_PACKET_PRESENT;
    case WR_PACKET_LEASE_ACK:
        return SIM_PACKET_ACK;
    case WR_PACKET_LEASE_REJECT:
        return SIM_PACKET_REJECT;
    case WR_PACKET_LEASE_RENEW:
        return SIM_PACKET_RENEW;
    case WR_PACKET_FORWARD:
        return SIM_PACKET_FORWARD;
    }
    return SIM_PACKET_JUNK;
}
