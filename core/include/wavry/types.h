/*
 * The few value types that every room shares: time, addresses, session ids, roles. They own
 * nothing and know nothing of sockets; an address is plain bytes in canonical form.
 */
#ifndef WAVRY_TYPES_H
#define WAVRY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A point on the monotonic clock, in nanoseconds. The epoch is the environment's business. */
typedef uint64_t wr_instant;

/* "No deadline": later than every instant that a clock can show. */
#define WR_NEVER UINT64_MAX

#define WR_MS UINT64_C(1000000)    /* nanoseconds in a millisecond */
#define WR_S  UINT64_C(1000000000) /* nanoseconds in a second */

/* Saturating sum of an instant and a span: never wraps, WR_NEVER absorbs. */
static inline wr_instant wr_after(wr_instant start, uint64_t span_ns)
{
    return span_ns > WR_NEVER - start ? WR_NEVER : start + span_ns;
}

/* Nanoseconds from `start` to `now`; zero when `start` lies ahead. */
static inline uint64_t wr_elapsed(wr_instant start, wr_instant now)
{
    return now > start ? now - start : 0;
}

/* The two places of a session (protocol section 1: role u8). */
enum wr_role { WR_ROLE_CLIENT = 0, WR_ROLE_SERVER = 1 };
#define WR_ROLES 2

static inline enum wr_role wr_role_other(enum wr_role role)
{
    return role == WR_ROLE_CLIENT ? WR_ROLE_SERVER : WR_ROLE_CLIENT;
}

/* A session's UUID, in the order of its bytes on the wire. All zero is invalid. */
struct wr_session_id {
    uint8_t bytes[16];
};

/*
 * An IP address and UDP port in canonical form. IPv4 is kept as IPv4-mapped IPv6
 * (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2), so that one address has one form; `zone` is the
 * interface of a link-local IPv6 address and 0 otherwise. `reserved` is always 0: two equal
 * addresses are equal byte for byte.
 */
struct wr_address {
    uint8_t ip[16];
    uint32_t zone;
    uint16_t port; /* host byte order */
    uint16_t reserved;
};

/* Longest text of an address with its port and terminating NUL: "[v6%zone]:port". */
#define WR_ADDRESS_TEXT_BYTES 72

/* Longest text of a UUID with its terminating NUL. */
#define WR_SESSION_TEXT_BYTES 37

#define WR_PUBLIC_KEY_BYTES 32 /* Ed25519 */
#define WR_SIGNATURE_BYTES  64 /* Ed25519 */
#define WR_COOKIE_BYTES     16 /* protocol section 6 */

#define WR_DATAGRAM_BYTES_MIN 20   /* protocol section 1 */
#define WR_DATAGRAM_BYTES_MAX 1500 /* protocol section 1 */

#endif
