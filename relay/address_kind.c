#include "address_kind.h"

#include "address.h"

#include <string.h>

bool rd_address_is_loopback(const struct wr_address *address)
{
    static const uint8_t v6[16] = {[15] = 1};
    if (wr_address_is_v4(address))
        return address->ip[12] == 127;
    return memcmp(address->ip, v6, sizeof v6) == 0;
}

bool rd_address_is_wildcard(const struct wr_address *address)
{
    static const uint8_t none[16];
    return memcmp(address->ip, none, sizeof none) == 0 ||
           (wr_address_is_v4(address) && memcmp(address->ip + 12, none, 4) == 0);
}

bool rd_address_is_private(const struct wr_address *address)
{
    const uint8_t *ip = address->ip;
    if (!wr_address_is_v4(address))
        return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
    ip += 12;
    return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
           (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254) ||
           (ip[0] == 100 && (ip[1] & 0xc0) == 64);
}
