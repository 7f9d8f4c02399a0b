#include "advertise.h"

#include "address.h"
#include "address_kind.h"
#include "text_rules.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void rd_note(struct rd_options *options, const char *format, ...)
{
    struct rd_notes *notes = &options->notes;
    if (notes->count == RD_NOTES_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(notes->texts[notes->count++], sizeof notes->texts[0], format, arguments);
    va_end(arguments);
}

/* ---- The kernel's choice --------------------------------------------------------------------- */

static bool take_sockaddr(const struct sockaddr_storage *from, struct wr_address *out)
{
    struct wr_address address = {0};
    if (from->ss_family == AF_INET) {
        struct sockaddr_in v4;
        uint8_t ip[4];
        memcpy(&v4, from, sizeof v4);
        memcpy(ip, &v4.sin_addr, sizeof ip);
        address = wr_address_v4(ip, 0);
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof v6);
        memcpy(address.ip, &v6.sin6_addr, sizeof address.ip);
        address.zone = v6.sin6_scope_id;
    }
    wr_address_canonicalise(&address);
    *out = address;
    return !rd_address_is_wildcard(&address);
}

/* Connecting a UDP socket sends nothing: the kernel only looks up the way. */
static bool source_towards(const struct sockaddr *to, socklen_t bytes, struct wr_address *out)
{
    struct sockaddr_storage from = {0};
    socklen_t from_bytes = sizeof from;
    int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ok = connect(fd, to, bytes) == 0 &&
              getsockname(fd, (struct sockaddr *)&from, &from_bytes) == 0 &&
              take_sockaddr(&from, out);
    (void)close(fd);
    return ok;
}

static bool source_towards_host(const char *host, int family, int flags, struct wr_address *out)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    bool ok = false;
    if (getaddrinfo(host, "9", &hints, &found) != 0)
        return false;
    for (const struct addrinfo *at = found; at != NULL && !ok; at = at->ai_next)
        ok = source_towards(at->ai_addr, at->ai_addrlen, out);
    freeaddrinfo(found);
    return ok;
}

static void find(struct rd_options *options, const char *host, int family)
{
    /* Addresses for documentation (RFC 5737, RFC 3849): no route of their own, so the default one.
     */
    const char *internet = family == AF_INET ? "192.0.2.1" : "2001:db8::1";
    struct wr_address *out = &options->advertise[options->advertise_count];
    if (source_towards_host(host, family, 0, out) ||
        source_towards_host(internet, family, AI_NUMERICHOST, out)) {
        out->port = options->listen.port;
        options->advertise_count++;
    }
}

/* ---- Outside --------------------------------------------------------------------------------- */

bool rd_advertise_default(struct rd_options *options, struct rd_error *error)
{
    char host[RD_TEXT_MAX];
    bool https;
    if (options->advertise_count > 0)
        return true;
    if (!rd_address_is_wildcard(&options->listen)) {
        options->advertise[options->advertise_count++] = options->listen;
        return true;
    }
    if (!rd_url_host(options->master_url, host, sizeof host, &https))
        return rd_fail(error, "--master-url: no host in it");
    find(options, host, AF_INET);
    if (!wr_address_is_v4(&options->listen))
        find(options, host, AF_INET6);
    if (options->advertise_count == 0)
        return rd_fail(error,
                       "--advertise: this machine has no address towards other machines that "
                       "could be announced to the master: give the one that peers reach");
    return true;
}

void rd_advertise_judge(struct rd_options *options)
{
    char text[WR_ADDRESS_TEXT_BYTES];
    for (uint32_t i = 0; i < options->advertise_count; i++) {
        const struct wr_address *address = &options->advertise[i];
        bool loopback = rd_address_is_loopback(address);
        if (!loopback && !rd_address_is_private(address))
            continue;
        if (loopback && rd_address_is_loopback(&options->listen))
            continue;
        (void)wr_address_format(address, text);
        rd_note(options,
                "the master is told %s, which peers %s cannot reach: --advertise names the "
                "address that they can",
                text, loopback ? "on other machines" : "outside this network");
    }
}
