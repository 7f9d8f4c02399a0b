/*
 * The datagrams between peers and relay (section 1): bytes to value and back. Owns the 20-byte
 * header, the five types and their payloads; declines to know who sent one, whether a type may come
 * from there, and everything inside a token or behind a RIFT header.
 */
#ifndef WR_WIRE_H
#define WR_WIRE_H

#include "rift.h"

#include <wavry/relay.h>

#define WR_WIRE_MAGIC        0x57
#define WR_WIRE_VERSION      1
#define WR_WIRE_HEADER_BYTES 20

/* The longest token that fits a datagram: role and length take 3 bytes of the payload. */
#define WR_TOKEN_TEXT_BYTES_MAX (WR_DATAGRAM_BYTES_MAX - WR_WIRE_HEADER_BYTES - 3)

enum wr_packet_type {
    WR_PACKET_LEASE_PRESENT = 0x01,
    WR_PACKET_LEASE_ACK = 0x02,
    WR_PACKET_LEASE_REJECT = 0x03,
    WR_PACKET_LEASE_RENEW = 0x04,
    WR_PACKET_FORWARD = 0x10,
};

#define WR_FLAG_COOKIE   0x01 /* PRESENT, ACK, REJECT, RENEW */
#define WR_FLAG_RELEASE  0x02 /* RENEW */
#define WR_FLAG_DRAINING 0x02 /* ACK */

/* Reasons of LEASE_REJECT; NONE is never on the wire. */
enum wr_reject_reason {
    WR_REJECT_NONE = 0,
    WR_REJECT_EXPIRED = 1,
    WR_REJECT_INVALID_SIGNATURE = 2,
    WR_REJECT_WRONG_RELAY = 3,
    WR_REJECT_SESSION_FULL = 4,
    WR_REJECT_BANNED = 5,
    WR_REJECT_RATE_LIMITED = 6,
};

/* "expired" … "rate_limited"; "none" for WR_REJECT_NONE. */
const char *wr_reject_reason_name(enum wr_reject_reason reason);

/* "lease_present" … "forward". */
const char *wr_packet_type_name(enum wr_packet_type type);

/* One decoded datagram. Pointers are views into the bytes that were decoded. Only the members named
 * for the type are set; the others keep whatever they held (the decoder of the hot path writes no
 * more than it must). */
struct wr_packet {
    enum wr_packet_type type;
    uint8_t flags;
    struct wr_session_id session;

    /* FORWARD */
    bool is_rift;
    uint32_t payload_bytes;
    const uint8_t *payload; /* what follows the header, whole: sequence or RIFT header included */
    uint64_t sequence;      /* the packet id where is_rift */
    struct wr_rift rift;    /* only where is_rift */

    /* LEASE_PRESENT, LEASE_RENEW */
    bool has_token; /* always in PRESENT */
    bool release;   /* only in RENEW; then has_cookie and not has_token */
    enum wr_role role;
    const uint8_t *token; /* NULL without a token; role is then CLIENT and means nothing */
    uint32_t token_bytes;

    /* LEASE_PRESENT, LEASE_RENEW, LEASE_ACK, LEASE_REJECT */
    bool has_cookie;
    const uint8_t *cookie; /* WR_COOKIE_BYTES, NULL without one */

    /* LEASE_ACK */
    bool draining;
    uint64_t expires_unix_ms;
    uint32_t soft_limit_kbps, hard_limit_kbps;

    /* LEASE_REJECT: 1..6 */
    uint16_t reason;
};

/* Reads one datagram. True: `*out` holds it. False: `*failure` is one of WR_OUTCOME_SHORT,
 * OVERSIZE, BAD_MAGIC, BAD_VERSION, UNKNOWN_TYPE, NIL_SESSION, BAD_PAYLOAD, found in this order
 * (section 1), and `*out` is unspecified. `bytes` may be NULL when size is 0. Trailing bytes behind
 * a token, and behind what an ACK or REJECT holds, are ignored, so are unknown flags. */
bool wr_wire_decode(const uint8_t *bytes, size_t size, struct wr_packet *out,
                    enum wr_outcome *failure);

/* ---- Encoding: bytes written to `out`, 0 where `capacity` or a datagram's size does not do. ---
 */

/* `cookie` is WR_COOKIE_BYTES or NULL for none, everywhere below. */
uint32_t wr_wire_encode_ack(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                            uint64_t expires_unix_ms, uint32_t soft_limit_kbps,
                            uint32_t hard_limit_kbps, bool draining, const uint8_t *cookie);
uint32_t wr_wire_encode_reject(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                               enum wr_reject_reason reason, const uint8_t *cookie);
uint32_t wr_wire_encode_present(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                                enum wr_role role, const uint8_t *token, uint32_t token_bytes,
                                const uint8_t *cookie);

/* `token` NULL: a bare renew, `role` is ignored. */
uint32_t wr_wire_encode_renew(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                              enum wr_role role, const uint8_t *token, uint32_t token_bytes,
                              const uint8_t *cookie);

/* The release of section 3: a bare renew that gives the role up. Needs a cookie. */
uint32_t wr_wire_encode_release(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                                const uint8_t *cookie);

/* `payload` is a RIFT packet, or begins with its 8-byte sequence; it is not checked. */
uint32_t wr_wire_encode_forward(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                                uint8_t flags, const uint8_t *payload, uint32_t payload_bytes);

/* Writes `sequence` before `opaque`; the opaque form of section 1. */
uint32_t wr_wire_encode_sequence(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                                 uint64_t sequence, const uint8_t *opaque, uint32_t opaque_bytes);

#endif
