#include "health_check.h"

#include "address.h"
#include "address_kind.h"
#include "socket_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Who listens on a wildcard hears loopback too. */
static socklen_t where_to_ask(const struct wr_address *address, struct sockaddr_storage *out)
{
    struct wr_address asked = *address;
    if (rd_address_is_wildcard(address) && wr_address_is_v4(address))
        asked.ip[12] = 127;
    if (rd_address_is_wildcard(address))
        asked.ip[15] = 1;
    return rd_socket_address(&asked, out);
}

static bool send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Reads up to the end of the status line, or what fits. */
static size_t read_line(int fd, char *line, size_t room)
{
    size_t size = 0;
    while (size < room && memchr(line, '\n', size) == NULL) {
        ssize_t got = recv(fd, line + size, room - size, 0);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    return size;
}

static int ask(int fd)
{
    static const char request[] =
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char line[256] = "";
    errno = 0;
    if (!send_all(fd, request, sizeof request - 1))
        return fprintf(stderr, "health: cannot ask: %s\n", strerror(errno)), 1;
    size_t size = read_line(fd, line, sizeof line - 1);
    line[size] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, "HTTP/1.", 7) == 0 && strncmp(line + 8, " 200", 4) == 0 &&
        (line[12] == ' ' || line[12] == '\0'))
        return 0;
    fprintf(stderr, "health: expected \"HTTP/1.1 200 OK\", got \"%s\"%s%s\n", line,
            errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    return 1;
}

int rd_health_check(const struct wr_address *address)
{
    struct sockaddr_storage to;
    socklen_t bytes = where_to_ask(address, &to);
    const struct timeval limit = {.tv_sec = 3};
    char text[WR_ADDRESS_TEXT_BYTES];
    int outcome = 1;
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* The limit of sending is also the limit of connecting. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        connect(fd, (const struct sockaddr *)&to, bytes) != 0)
        fprintf(stderr, "health: cannot connect to %s: %s\n", wr_address_format(address, text),
                strerror(errno));
    else
        outcome = ask(fd);
    if (fd >= 0)
        (void)close(fd);
    return outcome;
}
