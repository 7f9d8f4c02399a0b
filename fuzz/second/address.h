/*
 * A second reading of addresses with ports, by way of the C library's inet_pton and inet_ntop: what
 * one is, who may be answered there, and how it is written.
 */
#ifndef FUZZ_SECOND_ADDRESS_H
#define FUZZ_SECOND_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct second_address {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint32_t zone;  /* 0 where the address is not link-local */
    uint16_t port;
};

#define SECOND_ADDRESS_TEXT_BYTES 80

/* "a.b.c.d:port" or "[v6]:port" or "[v6%zone]:port", all of it; numbers without leading zeros. */
bool second_address(const char *text, struct second_address *out);

/* Port 0, multicast, broadcast or unspecified: nothing may be sent there. */
bool second_address_unanswerable(const struct second_address *address);

/* In the form of RFC 5952. Returns `text`; NULL where the C library would write the last 32 bits in
 * dotted form, which is left open here. */
const char *second_address_text(const struct second_address *address,
                                char text[SECOND_ADDRESS_TEXT_BYTES]);

#endif
