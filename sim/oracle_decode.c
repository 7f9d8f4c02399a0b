#include "oracle_decode.h"

#include <string.h>

enum {
    HEADER = 20,
    FLAG_COOKIE = 1,
    FLAG_RELEASE = 2,
    TYPE_PRESENT = 1,
    TYPE_ACK = 2,
    TYPE_REJECT = 3,
    TYPE_RENEW = 4,
    TYPE_FORWARD = 16,
    RIFT_TRANSPORT = 18,
    RIFT_HANDSHAKE = 30,
};

/* Big-endian, 1 to 8 bytes. */
static inline uint64_t number(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* CRC-16/KERMIT: reflected 0x1021, start 0, a table of its own. */
static uint16_t kermit(const uint8_t *bytes, unsigned count)
{
    static const uint16_t nibble[16] = {0x0000, 0x1081, 0x2102, 0x3183, 0x4204, 0x5285,
                                        0x6306, 0x7387, 0x8408, 0x9489, 0xa50a, 0xb58b,
                                        0xc60c, 0xd68d, 0xe70e, 0xf78f};
    unsigned crc = 0;
    for (unsigned i = 0; i < count; i++) {
        crc = crc >> 4 ^ nibble[(crc ^ bytes[i]) & 15];
        crc = crc >> 4 ^ nibble[(crc ^ (unsigned)bytes[i] >> 4) & 15];
    }
    return (uint16_t)crc;
}

static inline bool all_zero(const uint8_t *bytes, unsigned count)
{
    static const uint8_t zero[16];
    return memcmp(bytes, zero, count) == 0;
}

struct rift {
    bool valid, handshake;
    uint64_t packet_id;
};

static struct rift rift_of(const uint8_t *bytes, uint32_t size)
{
    struct rift rift = {0};
    if (size < RIFT_TRANSPORT || number(bytes, 2) != 0x5249 || number(bytes + 2, 2) != 1)
        return rift;
    rift.handshake = size >= RIFT_HANDSHAKE && all_zero(bytes + 4, 4);
    unsigned header = rift.handshake ? RIFT_HANDSHAKE : RIFT_TRANSPORT;
    rift.packet_id = number(bytes + header - 10, 8);
    rift.valid = number(bytes + header - 2, 2) == kermit(bytes, header - 2);
    return rift;
}

static struct sim_sight junk(enum wr_outcome failure)
{
    return (struct sim_sight){.kind = SIM_SIGHT_JUNK, .failure = failure};
}

/* Bare RIFT: exactly handshake form with session 0 and id 0, and transport form with alias 1 and
 * id 0 (section 1). */
static struct sim_sight bare(const uint8_t *bytes, uint32_t size)
{
    struct rift rift = rift_of(bytes, size);
    if (rift.valid && rift.packet_id == 0) {
        if (rift.handshake && all_zero(bytes + 4, 16))
            return (struct sim_sight){.kind = SIM_SIGHT_BARE_HANDSHAKE};
        if (!rift.handshake && number(bytes + 4, 4) == 1)
            return (struct sim_sight){.kind = SIM_SIGHT_BARE_TRANSPORT};
    }
    return junk(WR_OUTCOME_BAD_MAGIC);
}

static bool read_token(struct sim_sight *sight, const uint8_t *bytes, uint32_t end)
{
    if (end < HEADER + 3)
        return false;
    sight->presented_role = bytes[HEADER];
    sight->token_bytes = (uint32_t)number(bytes + HEADER + 1, 2);
    sight->token_at = HEADER + 3;
    sight->has_token = true;
    return sight->presented_role <= 1 && sight->token_bytes > 0 &&
           sight->token_bytes <= end - sight->token_at;
}

/* The end of the payload proper, before a cookie; false where the cookie does not fit. */
static bool strip_cookie(struct sim_sight *sight, uint32_t size, uint32_t *end)
{
    *end = size;
    if ((sight->flags & FLAG_COOKIE) == 0)
        return true;
    if (size < HEADER + WR_COOKIE_BYTES)
        return false;
    sight->has_cookie = true;
    sight->cookie_at = size - WR_COOKIE_BYTES;
    *end = sight->cookie_at;
    return true;
}

static bool read_present(struct sim_sight *sight, const uint8_t *bytes, uint32_t size)
{
    uint32_t end;
    sight->kind = SIM_SIGHT_PRESENT;
    return strip_cookie(sight, size, &end) && read_token(sight, bytes, end);
}

static bool read_renew(struct sim_sight *sight, const uint8_t *bytes, uint32_t size)
{
    uint32_t end;
    sight->kind = SIM_SIGHT_RENEW;
    sight->releases = (sight->flags & FLAG_RELEASE) != 0;
    if (!strip_cookie(sight, size, &end))
        return false;
    if (sight->releases)
        return sight->has_cookie && end == HEADER;
    return end == HEADER || read_token(sight, bytes, end);
}

static bool read_ack(struct sim_sight *sight, const uint8_t *bytes, uint32_t size)
{
    uint32_t end;
    sight->kind = SIM_SIGHT_ACK;
    if (!strip_cookie(sight, size, &end) || end < HEADER + 16)
        return false;
    sight->expires_unix_ms = number(bytes + HEADER, 8);
    sight->soft_kbps = (uint32_t)number(bytes + HEADER + 8, 4);
    sight->hard_kbps = (uint32_t)number(bytes + HEADER + 12, 4);
    return true;
}

static bool read_reject(struct sim_sight *sight, const uint8_t *bytes, uint32_t size)
{
    uint32_t end;
    sight->kind = SIM_SIGHT_REJECT;
    if (!strip_cookie(sight, size, &end) || end < HEADER + 2)
        return false;
    sight->reason = (uint16_t)number(bytes + HEADER, 2);
    return sight->reason >= 1 && sight->reason <= 6;
}

static bool read_forward(struct sim_sight *sight, const uint8_t *bytes, uint32_t size)
{
    sight->kind = SIM_SIGHT_FORWARD;
    if (size >= HEADER + 2 && number(bytes + HEADER, 2) == 0x5249) {
        struct rift rift = rift_of(bytes + HEADER, size - HEADER);
        sight->rift = true;
        sight->exempt = rift.handshake || rift.packet_id == 0;
        sight->sequence = rift.packet_id;
        return rift.valid;
    }
    if (size < HEADER + 8)
        return false;
    sight->sequence = number(bytes + HEADER, 8);
    return true;
}

struct sim_sight sim_sight_of(const uint8_t *bytes, uint32_t size, bool bare_rift)
{
    struct sim_sight sight = {0};
    bool whole = false;
    if (size < HEADER)
        return junk(WR_OUTCOME_SHORT);
    if (size > 1500)
        return junk(WR_OUTCOME_OVERSIZE);
    if (bare_rift && number(bytes, 2) == 0x5249)
        return bare(bytes, size);
    if (bytes[0] != 0x57)
        return junk(WR_OUTCOME_BAD_MAGIC);
    if (bytes[1] != 1)
        return junk(WR_OUTCOME_BAD_VERSION);
    unsigned type = bytes[2];
    if ((type < TYPE_PRESENT || type > TYPE_RENEW) && type != TYPE_FORWARD)
        return junk(WR_OUTCOME_UNKNOWN_TYPE);
    if (all_zero(bytes + 4, 16))
        return junk(WR_OUTCOME_NIL_SESSION);
    sight.flags = bytes[3];
    memcpy(sight.session.bytes, bytes + 4, 16);
    if (type == TYPE_PRESENT)
        whole = read_present(&sight, bytes, size);
    else if (type == TYPE_ACK)
        whole = read_ack(&sight, bytes, size);
    else if (type == TYPE_REJECT)
        whole = read_reject(&sight, bytes, size);
    else if (type == TYPE_RENEW)
        whole = read_renew(&sight, bytes, size);
    else
        whole = read_forward(&sight, bytes, size);
    return whole ? sight : junk(WR_OUTCOME_BAD_PAYLOAD);
}

bool sim_sight_unanswerable(const struct wr_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *ip = address->ip;
    if (address->port == 0 || all_zero(ip, 16))
        return true;
    if (memcmp(ip, mapped, 12) != 0)
        return ip[0] == 0xff;
    return ip[12] >> 4 == 14 || all_zero(ip + 12, 4) || (ip[12] & ip[13] & ip[14] & ip[15]) == 0xff;
}
