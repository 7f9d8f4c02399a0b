#include "address.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of `text` as a number in the form that printf writes. */
static bool number_of(const char *text, unsigned long long most, unsigned long long *out)
{
    char again[24];
    *out = strtoull(text, NULL, 10);
    snprintf(again, sizeof again, "%llu", *out);
    return *out <= most && strcmp(again, text) == 0;
}

static bool take_host(char *host, struct second_address *out)
{
    struct in6_addr v6;
    unsigned long long zone = 0;
    if (host[0] != '[') {
        out->ip[10] = out->ip[11] = 0xff;
        return inet_pton(AF_INET, host, out->ip + 12) == 1;
    }
    size_t bytes = strlen(host);
    if (host[bytes - 1] != ']')
        return false;
    host[bytes - 1] = '\0';
    char *percent = strchr(host, '%');
    if (percent != NULL)
        *percent = '\0';
    if (inet_pton(AF_INET6, host + 1, &v6) != 1 ||
        (percent != NULL && !number_of(percent + 1, UINT32_MAX, &zone)))
        return false;
    memcpy(out->ip, &v6, 16);
    out->zone = IN6_IS_ADDR_LINKLOCAL(&v6) ? (uint32_t)zone : 0;
    return true;
}

bool second_address(const char *text, struct second_address *out)
{
    char host[SECOND_ADDRESS_TEXT_BYTES];
    unsigned long long port;
    const char *colon = strrchr(text, ':');
    memset(out, 0, sizeof *out);
    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof host ||
        !number_of(colon + 1, 65535, &port))
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    out->port = (uint16_t)port;
    return take_host(host, out);
}

bool second_address_unanswerable(const struct second_address *address)
{
    struct in6_addr v6;
    memcpy(&v6, address->ip, sizeof v6);
    if (address->port == 0)
        return true;
    if (!IN6_IS_ADDR_V4MAPPED(&v6))
        return IN6_IS_ADDR_MULTICAST(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6);
    uint32_t v4 = (uint32_t)address->ip[12] << 24 | (uint32_t)address->ip[13] << 16 |
                  (uint32_t)address->ip[14] << 8 | address->ip[15];
    return IN_MULTICAST(v4) || v4 == INADDR_BROADCAST || v4 == INADDR_ANY;
}

const char *second_address_text(const struct second_address *address,
                                char text[SECOND_ADDRESS_TEXT_BYTES])
{
    char ip[INET6_ADDRSTRLEN], zone[16] = "";
    struct in6_addr v6;
    memcpy(&v6, address->ip, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        snprintf(text, SECOND_ADDRESS_TEXT_BYTES, "%u.%u.%u.%u:%u", address->ip[12],
                 address->ip[13], address->ip[14], address->ip[15], address->port);
        return text;
    }
    if (inet_ntop(AF_INET6, &v6, ip, sizeof ip) == NULL || strchr(ip, '.') != NULL)
        return NULL;
    if (address->zone != 0)
        snprintf(zone, sizeof zone, "%%%" PRIu32, address->zone);
    snprintf(text, SECOND_ADDRESS_TEXT_BYTES, "[%s%s]:%u", ip, zone, address->port);
    return text;
}
