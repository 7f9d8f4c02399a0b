#include "own_addresses.h"

#include "address.h"
#include "address_kind.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool has(const struct rd_own_addresses *list, const struct wr_address *address)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (wr_address_equal(&list->addresses[i], address))
            return true;
    return false;
}

static void add(struct rd_own_addresses *list, struct wr_address address)
{
    wr_address_canonicalise(&address);
    if (has(list, &address))
        return;
    if (list->count == WR_OWN_ADDRESSES_MAX)
        list->left_out++;
    else
        list->addresses[list->count++] = address;
}

/* A socket that is bound to IPv4 hears nothing else. */
static void add_interface(struct rd_own_addresses *list, const struct sockaddr *name,
                          const struct wr_address *bound)
{
    if (name != NULL && name->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, name, sizeof v4);
        add(list, wr_address_v4((const uint8_t *)&v4.sin_addr, bound->port));
    } else if (name != NULL && name->sa_family == AF_INET6 && !wr_address_is_v4(bound)) {
        struct sockaddr_in6 v6;
        struct wr_address address = {.port = bound->port};
        memcpy(&v6, name, sizeof v6);
        memcpy(address.ip, &v6.sin6_addr, sizeof address.ip);
        address.zone = v6.sin6_scope_id;
        add(list, address);
    }
}

bool rd_own_addresses_find(const struct wr_address *bound, const struct rd_options *options,
                           struct rd_own_addresses *out)
{
    struct ifaddrs *interfaces = NULL;
    out->count = out->left_out = 0;
    for (uint32_t i = 0; i < options->advertise_count; i++)
        add(out, options->advertise[i]);
    if (!rd_address_is_wildcard(bound)) {
        add(out, *bound);
        return true;
    }
    if (getifaddrs(&interfaces) != 0)
        return false;
    for (const struct ifaddrs *one = interfaces; one != NULL; one = one->ifa_next)
        add_interface(out, one->ifa_addr, bound);
    freeifaddrs(interfaces);
    return true;
}

bool rd_own_addresses_equal(const struct rd_own_addresses *one,
                            const struct rd_own_addresses *other)
{
    if (one->count != other->count)
        return false;
    for (uint32_t i = 0; i < one->count; i++)
        if (!has(other, &one->addresses[i]))
            return false;
    return true;
}
