/*
 * What an address is good for from an operator's point of view. Ports do not matter here.
 */
#ifndef RD_ADDRESS_KIND_H
#define RD_ADDRESS_KIND_H

#include <wavry/types.h>

/* 127.0.0.0/8 or ::1. */
bool rd_address_is_loopback(const struct wr_address *address);
/* 0.0.0.0 or ::. */
bool rd_address_is_wildcard(const struct wr_address *address);
/* Not routed on the internet: RFC 1918, RFC 6598, RFC 4193, link-local. */
bool rd_address_is_private(const struct wr_address *address);

#endif
