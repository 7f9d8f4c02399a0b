/*
 * The plaintext physical header of a RIFT packet (section 1): two forms, a checksum, and the two
 * bare packets that real clients send without the relay's header. Owns those bytes and nothing
 * behind them; declines to know sessions, and never reads what follows the header.
 */
#ifndef WR_RIFT_H
#define WR_RIFT_H

#include <wavry/types.h>

#define WR_RIFT_TRANSPORT_BYTES 18
#define WR_RIFT_HANDSHAKE_BYTES 30
#define WR_RIFT_VERSION         1

/*
 * transport   | 52 49 | version u16 | alias u32 | packet id u64 | checksum u16 |
 * handshake   | 52 49 | version u16 | session u128 | packet id u64 | checksum u16 |
 */
struct wr_rift {
    bool handshake;
    uint32_t alias; /* 0 in the handshake form */
    uint64_t packet_id;
    uint32_t header_bytes;  /* WR_RIFT_TRANSPORT_BYTES or WR_RIFT_HANDSHAKE_BYTES */
    const uint8_t *session; /* 16 borrowed bytes of the handshake form, else NULL */
};

/* CRC-16/KERMIT: polynomial 0x1021 reflected, start 0, no final inversion. */
uint16_t wr_crc16_kermit(const uint8_t *bytes, size_t size);

/* Begins like a RIFT packet, whatever follows. `bytes` may be anything when size < 2. */
static inline bool wr_rift_begins(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x52 && bytes[1] == 0x49;
}

/* Reads the header at the start of `bytes`. False where it is no valid header: too short, another
 * version, a wrong checksum; `*out` is then unspecified. Section 1: the handshake form when bytes
 * 4..7 are zero and at least 30 bytes are there, else the transport form. */
bool wr_rift_decode(const uint8_t *bytes, size_t size, struct wr_rift *out);

/* A packet that may repeat within its own limit instead of passing the replay window (section 3):
 * the handshake form, and packet id 0. */
static inline bool wr_rift_exempt(const struct wr_rift *rift)
{
    return rift->handshake || rift->packet_id == 0;
}

/* The two packets that a real client sends bare (section 1). */
enum wr_bare {
    WR_BARE_NONE,
    WR_BARE_HANDSHAKE, /* handshake form, session 0, packet id 0: messages 1 and 2 */
    WR_BARE_TRANSPORT, /* transport form, alias 1, packet id 0: message 3 */
};

/* Which of the two a whole datagram is; anything else, and a wrong checksum, is WR_BARE_NONE. */
enum wr_bare wr_rift_bare(const uint8_t *bytes, size_t size);

/* Write a header with its checksum; the payload is the caller's to append. `session` is 16 bytes;
 * its first four must be zero, else the result reads as the transport form. */
void wr_rift_encode_handshake(uint8_t out[WR_RIFT_HANDSHAKE_BYTES], const uint8_t session[16],
                              uint64_t packet_id);
void wr_rift_encode_transport(uint8_t out[WR_RIFT_TRANSPORT_BYTES], uint32_t alias,
                              uint64_t packet_id);

#endif
