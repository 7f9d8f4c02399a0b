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
