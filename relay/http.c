/*
 * One thread serves all connections. Whoever comes last is served: where one IP or all together
 * hold many connections, the oldest of them is closed, so that slow or silent clients keep nobody
 * out. A request's body is never read.
 */
#include "http.h"

#include "address.h"
#include "clock.h"
#include "gcra.h"
#include "log.h"
#include "metrics.h"
#include "socket_address.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX      64 /* no further one is accepted */
#define CONNECTIONS_CROWD    48 /* from here on the oldest of all must go */
#define CONNECTIONS_PER_IP   24 /* from here on the oldest of that IP must go */
#define CONNECTION_TIMEOUT_S 5  /* without a byte */
#define CONNECTION_BYTES     16384
#define STATUS_PER_SECOND    1000 /* what workers are bothered with at most; requests wait */
#define STATUS_BURST         50

/* One open connection; touched on the server's thread only. */
struct place {
    struct MHD_Connection *connection; /* NULL: free */
    uint64_t age;                      /* smaller is older */
    uint8_t ip[16];
    bool leaving;
};

struct rd_http {
    struct MHD_Daemon *daemon;
    struct wr_address address;
    rd_status_source source;
    void *context;
    wr_instant status_tat;
    uint64_t arrivals;
    struct place places[CONNECTIONS_MAX];
};

/* ---- Connections -------------------------------------------------------------------------------
 */

static void ip_of(const struct sockaddr *address, uint8_t ip[16])
{
    if (address->sa_family == AF_INET) {
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        memcpy(ip, mapped, sizeof mapped);
        memcpy(ip + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else {
        memcpy(ip, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    }
}

/* The oldest of those that are not leaving yet, of one IP or (NULL) of all; `*count` of them. */
static struct place *oldest_of(struct rd_http *http, const uint8_t *ip, uint32_t *count)
{
    struct place *oldest = NULL;
    *count = 0;
    for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct place *place = &http->places[i];
        if (place->connection == NULL || place->leaving ||
            (ip != NULL && memcmp(place->ip, ip, sizeof place->ip) != 0))
            continue;
        ++*count;
        if (oldest == NULL || place->age < oldest->age)
            oldest = place;
    }
    return oldest;
}

/* The server sees the end of the connection and closes it itself. */
static void make_leave(struct place *place)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(place->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL)
        (void)shutdown(info->connect_fd, SHUT_RDWR);
    place->leaving = true;
}

static void arrive(struct rd_http *http, struct MHD_Connection *connection, void **own)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct place *place = http->places;
    while (place < http->places + CONNECTIONS_MAX && place->connection != NULL)
        place++;
    if (info == NULL || place == http->places + CONNECTIONS_MAX)
        return;
    *place = (struct place){.connection = connection, .age = http->arrivals++};
    ip_of(info->client_addr, place->ip);
    *own = place;

    uint32_t count;
    struct place *oldest = oldest_of(http, place->ip, &count);
    if (count > CONNECTIONS_PER_IP)
        make_leave(oldest);
    oldest = oldest_of(http, NULL, &count);
    if (count > CONNECTIONS_CROWD)
        make_leave(oldest);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **own,
                          enum MHD_ConnectionNotificationCode code)
{
    switch (code) {
    case MHD_CONNECTION_NOTIFY_STARTED:
        arrive(context, connection, own);
        return;
    case MHD_CONNECTION_NOTIFY_CLOSED:
        if (*own != NULL)
            *(struct place *)*own = (struct place){0};
        return;
    }
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define ENDPOINTS "\"endpoints\":[\"/health\",\"/ready\",\"/metrics\",\"/metrics/prometheus\"]"

/* Always of now, so that whoever asks after an event sees it; a flood of requests waits instead. */
static void take_status(struct rd_http *http, struct rd_status *status)
{
    const struct wr_rate rate = wr_rate_packets_burst(STATUS_PER_SECOND, STATUS_BURST);
    wr_instant now = rd_clock();
    wr_instant allowed = wr_rate_next(&rate, http->status_tat, now);
    struct timespec until = {.tv_sec = (time_t)(allowed / WR_S), .tv_nsec = (long)(allowed % WR_S)};
    while (allowed > now && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
    wr_rate_draw(&rate, &http->status_tat, allowed);
    memset(status, 0, sizeof *status);
    http->source(http->context, status);
}

/* Gives `text` away. */
static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int code, char *text,
                             size_t bytes, const char *type, bool close_after)
{
    if (text == NULL)
        return MHD_NO;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    bool whole = MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
                 MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES;
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        whole = MHD_add_response_header(response, "Allow", "GET, HEAD") == MHD_YES && whole;
    if (close_after)
        whole = MHD_add_response_header(response, "Connection", "close") == MHD_YES && whole;
    enum MHD_Result result = whole ? MHD_queue_response(connection, code, response) : MHD_NO;
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned int code, char *text)
{
    return reply(connection, code, text, text != NULL ? strlen(text) : 0, JSON_TYPE, false);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int code,
                              const char *json, bool close_after)
{
    return reply(connection, code, strdup(json), strlen(json), JSON_TYPE, close_after);
}

static bool is_endpoint(const char *path)
{
    return strcmp(path, "/health") == 0 || strcmp(path, "/ready") == 0 ||
           strcmp(path, "/metrics") == 0 || strcmp(path, "/metrics/prometheus") == 0;
}

static enum MHD_Result serve(struct rd_http *http, struct MHD_Connection *connection,
                             const char *path)
{
    struct rd_status status;
    take_status(http, &status);
    if (strcmp(path, "/health") == 0)
        return reply_json(connection, MHD_HTTP_OK, rd_health_json(&status));
    if (strcmp(path, "/ready") == 0)
        return reply_json(connection, status.ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                          rd_ready_json(&status));
    if (strcmp(path, "/metrics") == 0)
        return reply_json(connection, MHD_HTTP_OK, rd_metrics_json(&status));
    size_t bytes = 0;
    char *text = rd_metrics_prometheus(&status, &bytes);
    return reply(connection, MHD_HTTP_OK, text, bytes, TEXT_TYPE, false);
}

static bool announces_body(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return (length != NULL && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
}

/* Called with the headers and, unless that already refused, once more when the request is there.
 * A refusal of a request with a body closes the connection behind it: the body stays unread. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *body, size_t *body_bytes, void **own)
{
    static int headers_seen;
    (void)version;
    (void)body;
    bool first = *own == NULL;
    *own = &headers_seen;
    *body_bytes = 0;
    bool has_body = announces_body(connection);
    if (first && !has_body)
        return MHD_YES;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                      "{\"error\":\"only GET and HEAD are served\"," ENDPOINTS "}\n", has_body);
    if (!is_endpoint(path))
        return refuse(connection, MHD_HTTP_NOT_FOUND,
                      "{\"error\":\"no such page\"," ENDPOINTS "}\n", has_body);
    if (has_body)
        return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE,
                      "{\"error\":\"a request has no body here\"," ENDPOINTS "}\n", true);
    return serve(context, connection, path);
}

static void on_message(void *context, const char *format, va_list arguments)
{
    (void)context;
    char text[256];
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\r\n")] = '\0';
    RD_LOG(RD_LOG_DEBUG, "http_trouble", rd_text("what", text));
}

/* ---- Listening ---------------------------------------------------------------------------------
 */

/* -1 where `error` says why; `address` gets the port that it became. [::] takes IPv4 too. */
static int listen_at(struct wr_address *address, struct rd_error *error)
{
    struct sockaddr_storage where;
    socklen_t bytes = rd_socket_address(address, &where);
    const int on = 1, off = 0;
    int fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    if (ok && where.ss_family == AF_INET6)
        ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
    ok = ok && bind(fd, (const struct sockaddr *)&where, bytes) == 0;
    ok = ok && listen(fd, CONNECTIONS_MAX) == 0 && rd_socket_port(fd, &address->port);
    if (ok)
        return fd;

    int reason = errno;
    char text[WR_ADDRESS_TEXT_BYTES];
    (void)wr_address_format(address, text);
    if (reason == EADDRINUSE)
        (void)rd_fail(error,
                      "cannot serve HTTP at %s: the port is in use by another program; stop "
                      "that one or choose another with --health-listen",
                      text);
    else
        (void)rd_fail(error, "cannot serve HTTP at %s: %s", text, strerror(reason));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static struct MHD_Daemon *start_daemon(struct rd_http *http, int fd)
{
    return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
                            MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd, MHD_OPTION_NOTIFY_CONNECTION,
                            on_connection, http, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned int)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned int)CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)CONNECTION_BYTES, MHD_OPTION_END);
}

struct rd_http *rd_http_start(const struct wr_address *listen_address, rd_status_source source,
                              void *context, struct rd_error *error)
{
    struct rd_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        (void)rd_fail(error, "cannot serve HTTP: memory is short");
        return NULL;
    }
    *http = (struct rd_http){.address = *listen_address, .source = source, .context = context};
    int fd = listen_at(&http->address, error);
    if (fd < 0)
        goto failed;

    /* Signals are for those who wait for them; threads inherit what is blocked. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    http->daemon = start_daemon(http, fd);
    int reason = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (http->daemon == NULL) { /* which has closed the socket, or not: it must not be twice */
        (void)rd_fail(error, "cannot serve HTTP: the server did not start: %s", strerror(reason));
        goto failed;
    }
    return http;

failed:
    free(http);
    return NULL;
}

struct wr_address rd_http_address(const struct rd_http *http)
{
    return http->address;
}

void rd_http_stop(struct rd_http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}
