/*
 * A server with a status of numbers, and a client of plain sockets for it: what the tests of HTTP
 * share. One server a process.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "http.h"

#include "address.h"
#include "status_of_numbers.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long anything may take before the test is lost: only a broken server ever waits for it. */
#define DEADLINE_MS 30000

/* ---- The server --------------------------------------------------------------------------------
 */

static struct rd_status shown;
static _Atomic uint32_t asked;

static inline void show(void *context, struct rd_status *out)
{
    cr_assert_eq(context, &shown);
    *out = shown;
    atomic_fetch_add(&asked, 1);
}

static inline struct rd_http *start_at(const char *listen)
{
    struct wr_address address;
    struct rd_error error;
    cr_assert(wr_address_parse(listen, &address));
    shown = status_of_numbers();
    struct rd_http *http = rd_http_start(&address, show, &shown, &error);
    cr_assert_not_null(http, "%s", error.text);
    cr_assert_neq(rd_http_address(http).port, 0);
    return http;
}

static inline struct rd_http *start(void)
{
    return start_at("127.0.0.1:0");
}

/* ---- A client ----------------------------------------------------------------------------------
 */

/* A connection to 127.0.0.1 from 127.0.0.`from`. */
static inline int connect_from(const struct rd_http *http, uint8_t from)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u | from)};
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons(rd_http_address(http).port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
    return fd;
}

static inline void say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static char heard[1 << 20];

/* Everything until the server closes. */
static inline const char *hear_to_the_end(int fd)
{
    size_t bytes = 0;
    for (;;) {
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&wanted, 1, DEADLINE_MS), 1, "the server said nothing");
        ssize_t count = recv(fd, heard + bytes, sizeof heard - 1 - bytes, 0);
        if (count <= 0)
            break; /* closed, or reset where it did not read all that was sent */
        bytes += (size_t)count;
    }
    heard[bytes] = '\0';
    cr_assert_eq(close(fd), 0);
    return heard;
}

static inline const char *ask(const struct rd_http *http, const char *method, const char *path)
{
    char request[512];
    (void)snprintf(request, sizeof request,
                   "%s %s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n", method, path);
    int fd = connect_from(http, 1);
    say(fd, request);
    return hear_to_the_end(fd);
}

static inline int code_of(const char *answer)
{
    int code = 0;
    cr_assert_eq(sscanf(answer, "HTTP/1.1 %d ", &code), 1, "%s", answer);
    return code;
}

static inline const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    cr_assert_not_null(end);
    return end + 4;
}

static inline void expect_header(const char *answer, const char *line)
{
    char whole[256];
    (void)snprintf(whole, sizeof whole, "\r\n%s\r\n", line);
    const char *at = strcasestr(answer, whole);
    cr_expect(at != NULL && at < body_of(answer), "%s in %s", line, answer);
}

/* Waits for the server to close the connection; it has said nothing. */
static inline void expect_closed(int fd)
{
    char byte;
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&wanted, 1, DEADLINE_MS), 1, "still open");
    cr_expect_leq(recv(fd, &byte, 1, 0), 0);
    cr_assert_eq(close(fd), 0);
}

#endif
