#include "rift.h"

#include "cursor.h"
#include "fault.h"

#include <string.h>

/* ---- Checksum --------------------------------------------------------------------------------
 *
 * Eight bytes a step ("slicing"): slice s holds the checksum of a byte with s zero bytes behind it.
 * A checksum is linear, so each slice follows from its values for the eight single bits, which are
 * all that is written down here; a test rebuilds every one of them bit by bit.
 */

#define BIT(b, k, value) ((((b) >> (k)) & 1) != 0 ? (value) : 0)
#define MIX(b, k0, k1, k2, k3, k4, k5, k6, k7)                                                     \
    (BIT(b, 0, k0) ^ BIT(b, 1, k1) ^ BIT(b, 2, k2) ^ BIT(b, 3, k3) ^ BIT(b, 4, k4) ^               \
     BIT(b, 5, k5) ^ BIT(b, 6, k6) ^ BIT(b, 7, k7))

#define SLICE_0(b) MIX(b, 0x1189, 0x2312, 0x4624, 0x8c48, 0x1081, 0x2102, 0x4204, 0x8408)
#define SLICE_1(b) MIX(b, 0x19d8, 0x33b0, 0x6760, 0xcec0, 0x9591, 0x2333, 0x4666, 0x8ccc)
#define SLICE_2(b) MIX(b, 0x5adc, 0xb5b8, 0x6361, 0xc6c2, 0x8595, 0x033b, 0x0676, 0x0cec)
#define SLICE_3(b) MIX(b, 0x1cbb, 0x3976, 0x72ec, 0xe5d8, 0xc3a1, 0x8f53, 0x16b7, 0x2d6e)
#define SLICE_4(b) MIX(b, 0x0b44, 0x1688, 0x2d10, 0x5a20, 0xb440, 0x6091, 0xc122, 0x8a55)
#define SLICE_5(b) MIX(b, 0x042b, 0x0856, 0x10ac, 0x2158, 0x42b0, 0x8560, 0x02d1, 0x05a2)
#define SLICE_6(b) MIX(b, 0x9fd5, 0x37bb, 0x6f76, 0xdeec, 0xb5c9, 0x6383, 0xc706, 0x861d)
#define SLICE_7(b) MIX(b, 0x81bf, 0x0b6f, 0x16de, 0x2dbc, 0x5b78, 0xb6f0, 0x65f1, 0xcbe2)

#define FOUR(S, b)    S(b), S((b) + 1), S((b) + 2), S((b) + 3)
#define SIXTEEN(S, b) FOUR(S, b), FOUR(S, (b) + 4), FOUR(S, (b) + 8), FOUR(S, (b) + 12)
#define SIXTY_FOUR(S, b)                                                                           \
    SIXTEEN(S, b), SIXTEEN(S, (b) + 16), SIXTEEN(S, (b) + 32), SIXTEEN(S, (b) + 48)
#define ALL(S) SIXTY_FOUR(S, 0), SIXTY_FOUR(S, 64), SIXTY_FOUR(S, 128), SIXTY_FOUR(S, 192)

static const uint16_t slices[8][256] = {
    {ALL(SLICE_0)}, {ALL(SLICE_1)}, {ALL(SLICE_2)}, {ALL(SLICE_3)},
    {ALL(SLICE_4)}, {ALL(SLICE_5)}, {ALL(SLICE_6)}, {ALL(SLICE_7)},
};

uint16_t wr_crc16_kermit(const uint8_t *bytes, size_t size)
{
    unsigned crc = 0;
    for (; size >= 8; size -= 8, bytes += 8) {
        crc = (unsigned)slices[7][(bytes[0] ^ crc) & 255] ^ slices[6][bytes[1] ^ crc >> 8] ^
              slices[5][bytes[2]] ^ slices[4][bytes[3]] ^ slices[3][bytes[4]] ^
              slices[2][bytes[5]] ^ slices[1][bytes[6]] ^ slices[0][bytes[7]];
    }
    for (; size > 0; size--, bytes++)
        crc = crc >> 8 ^ slices[0][(bytes[0] ^ crc) & 255];
    return (uint16_t)crc;
}

/* ---- Headers --------------------------------------------------------------------------------- */

bool wr_rift_decode(const uint8_t *bytes, size_t size, struct wr_rift *out)
{
    if (size < WR_RIFT_TRANSPORT_BYTES || !wr_rift_begins(bytes, size) ||
        wr_load_u16(bytes + 2) != WR_RIFT_VERSION)
        return false;
    out->alias = wr_load_u32(bytes + 4);
    out->handshake = out->alias == 0 && size >= WR_RIFT_HANDSHAKE_BYTES;
    if (WR_FAULT(rift_handshake_at_28) && out->alias == 0 && size >= 28 && !out->handshake)
        return false;
    out->header_bytes = out->handshake ? WR_RIFT_HANDSHAKE_BYTES : WR_RIFT_TRANSPORT_BYTES;
    out->session = out->handshake ? bytes + 4 : NULL;
    out->packet_id = wr_load_u64(bytes + (out->handshake ? 20 : 8));
    return wr_crc16_kermit(bytes, out->header_bytes - 2) ==
           wr_load_u16(bytes + out->header_bytes - 2);
}

enum wr_bare wr_rift_bare(const uint8_t *bytes, size_t size)
{
    static const uint8_t no_session[16];
    struct wr_rift rift;
    if (!wr_rift_decode(bytes, size, &rift) || rift.packet_id != 0)
        return WR_BARE_NONE;
    if (rift.handshake)
        return memcmp(rift.session, no_session, 16) == 0 ? WR_BARE_HANDSHAKE : WR_BARE_NONE;
    return rift.alias == 1 || WR_FAULT(rift_bare_any_alias) ? WR_BARE_TRANSPORT : WR_BARE_NONE;
}

static void put_start(uint8_t *out)
{
    out[0] = 0x52;
    out[1] = 0x49;
    wr_store_u16(out + 2, WR_RIFT_VERSION);
}

void wr_rift_encode_handshake(uint8_t out[WR_RIFT_HANDSHAKE_BYTES], const uint8_t session[16],
                              uint64_t packet_id)
{
    put_start(out);
    memcpy(out + 4, session, 16);
    wr_store_u64(out + 20, packet_id);
    wr_store_u16(out + 28, wr_crc16_kermit(out, 28));
}

void wr_rift_encode_transport(uint8_t out[WR_RIFT_TRANSPORT_BYTES], uint32_t alias,
                              uint64_t packet_id)
{
    put_start(out);
    wr_store_u32(out + 4, alias);
    wr_store_u64(out + 8, packet_id);
    wr_store_u16(out + 16, wr_crc16_kermit(out, 16));
}
