#include "socket_address.h"

#include "address.h"

#include <netinet/in.h>
#include <string.h>

socklen_t rd_socket_address(const struct wr_address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (wr_address_is_v4(address)) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        memcpy(&in->sin_addr, address->ip + 12, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(address->port);
    in6->sin6_scope_id = address->zone;
    memcpy(&in6->sin6_addr, address->ip, 16);
    return sizeof *in6;
}

bool rd_socket_port(int fd, uint16_t *port)
{
    union {
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } name = {0};
    socklen_t bytes = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &bytes) != 0)
        return false;
    *port = ntohs(name.ipv4.sin_family == AF_INET ? name.ipv4.sin_port : name.ipv6.sin6_port);
    return true;
}
