/*
 * The local addresses that peers sent to, each by a small number: the `via` of datagrams, so that
 * answers leave from the address that was asked (section 5, Network). One table per worker;
 * bounded: when it is full further addresses are 0, "let the kernel choose".
 */
#ifndef RD_LOCAL_ADDRESSES_H
#define RD_LOCAL_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

#define RD_LOCAL_ADDRESSES_MAX 1024

struct rd_local_address {
    uint8_t ip[16];   /* IPv4 as IPv4-mapped */
    uint32_t ifindex; /* for link-local IPv6, else 0 */
};

struct rd_local_addresses {
    uint32_t count; /* entry 0 is unused: "unknown" */
    uint32_t last;  /* most lookups ask for the same one again */
    struct rd_local_address entries[RD_LOCAL_ADDRESSES_MAX];
};

void rd_local_addresses_start(struct rd_local_addresses *table);
uint32_t rd_local_addresses_number(struct rd_local_addresses *table,
                                   const struct rd_local_address *address);
/* NULL for 0. */
const struct rd_local_address *rd_local_addresses_get(const struct rd_local_addresses *table,
                                                      uint32_t number);

#endif
