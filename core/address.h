/*
 * Addresses: canonical form, comparison, classes and text. Owns the rules of section 5 about what
 * an address is ("IPv4-mapped IPv6 addresses are canonicalised before anything looks at them");
 * declines to know who is bound where.
 */
#ifndef WR_ADDRESS_H
#define WR_ADDRESS_H

#include <wavry/types.h>

#include <string.h>

static inline bool wr_address_equal(const struct wr_address *a, const struct wr_address *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The same host, whatever the port (the whole address in IPv6 too: section 3, same-ip). */
static inline bool wr_address_same_ip(const struct wr_address *a, const struct wr_address *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->zone == b->zone;
}

bool wr_address_is_v4(const struct wr_address *address);

/* a.b.c.d:port in canonical form. `ip` is in network order, as on the wire. */
struct wr_address wr_address_v4(const uint8_t ip[4], uint16_t port);

/* Clears `reserved`, and `zone` where the address is not link-local. */
void wr_address_canonicalise(struct wr_address *address);

/* Nothing may ever be sent there (section 5, Reflection): port 0, multicast, broadcast or the
 * unspecified address. */
bool wr_address_unanswerable(const struct wr_address *address);

/* The source prefix that shares one limit: /32 of IPv4, /64 of IPv6. Written to 16 bytes; the rest
 * of an IPv6 prefix is zero. */
void wr_address_prefix(const struct wr_address *address, uint8_t prefix[16]);

/* "a.b.c.d:port" or "[v6]:port" (RFC 5952 form, "%zone" as a number). Returns `text`. */
char *wr_address_format(const struct wr_address *address, char text[WR_ADDRESS_TEXT_BYTES]);

/* The reverse: strict, whole string. False where it is not an address with a port. */
bool wr_address_parse(const char *text, struct wr_address *out);

/* Lower-case hyphenated UUID. Returns `text`. */
char *wr_session_id_format(const struct wr_session_id *id, char text[WR_SESSION_TEXT_BYTES]);

/* Hyphenated UUID of 36 characters, any case (section 2, `sid`); not checked for nil. */
bool wr_session_id_parse(const char *text, size_t bytes, struct wr_session_id *out);

static inline bool wr_session_id_is_nil(const struct wr_session_id *id)
{
    static const struct wr_session_id nil;
    return memcmp(id, &nil, sizeof nil) == 0;
}

#endif
