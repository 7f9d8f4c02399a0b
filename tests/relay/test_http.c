#include "http_client.h"

#include <cjson/cJSON.h>

/* ---- Pages -------------------------------------------------------------------------------------
 */

Test(http, health_is_json)
{
    struct rd_http *http = start();
    const char *answer = ask(http, "GET", "/health");
    cr_expect_eq(code_of(answer), 200);
    expect_header(answer, "Content-Type: application/json");
    expect_header(answer, "Cache-Control: no-store");
    cJSON *json = cJSON_Parse(body_of(answer));
    cr_assert_not_null(json);
    cr_expect_str_eq(cJSON_GetObjectItem(json, "relay_id")->valuestring, "relay-1");
    cJSON_Delete(json);
    rd_http_stop(http);
}

Test(http, ready_has_the_code_that_it_says)
{
    struct rd_http *http = start();
    const char *answer = ask(http, "GET", "/ready");
    cr_expect_eq(code_of(answer), 200);
    cr_expect_str_eq(body_of(answer), "{\"relay_id\":\"relay-1\",\"ready\":true}\n");
    shown.ready = false;
    answer = ask(http, "GET", "/ready?whatever=1");
    cr_expect_eq(code_of(answer), 503);
    cr_expect_str_eq(body_of(answer), "{\"relay_id\":\"relay-1\",\"ready\":false}\n");
    rd_http_stop(http);
}

Test(http, metrics_come_both_ways)
{
    struct rd_http *http = start();
    const char *answer = ask(http, "GET", "/metrics");
    cr_expect_eq(code_of(answer), 200);
    expect_header(answer, "Content-Type: application/json");
    cr_expect_eq(strncmp(body_of(answer), "{\"packets_rx\":9007199254741001,", 31), 0);
    answer = ask(http, "GET", "/metrics/prometheus");
    cr_expect_eq(code_of(answer), 200);
    expect_header(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8");
    cr_expect_not_null(
        strstr(answer, "\nwavry_relay_packets_rx{relay_id=\"relay-1\"} 9007199254741001\n"));
    rd_http_stop(http);
}

Test(http, head_is_get_without_the_body)
{
    struct rd_http *http = start();
    static const char *const paths[] = {"/health", "/ready", "/metrics", "/metrics/prometheus"};
    for (size_t i = 0; i < 4; i++) {
        char length[64];
        (void)snprintf(length, sizeof length, "Content-Length: %zu",
                       strlen(body_of(ask(http, "GET", paths[i]))));
        const char *answer = ask(http, "HEAD", paths[i]);
        cr_expect_eq(code_of(answer), 200);
        expect_header(answer, length);
        cr_expect_str_empty(body_of(answer));
    }
    rd_http_stop(http);
}

Test(http, elsewhere_is_nothing_but_the_way)
{
    struct rd_http *http = start();
    static const char *const paths[] = {"/",         "/healthz",       "/health/",
                                        "/metrics/", "/../etc/passwd", "/%2e%2e/health",
                                        "/HEALTH",   "//health"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *answer = ask(http, "GET", paths[i]);
        cr_expect_eq(code_of(answer), 404, "%s", paths[i]);
        expect_header(answer, "Content-Type: application/json");
        cJSON *json = cJSON_Parse(body_of(answer));
        cr_assert_not_null(json);
        cr_expect_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "endpoints")), 4);
        cJSON_Delete(json);
    }
    cr_expect_eq(atomic_load(&asked), 0, "nobody was bothered");
    rd_http_stop(http);
}

Test(http, other_methods_are_told_which_are_allowed)
{
    struct rd_http *http = start();
    static const char *const methods[] = {"POST",  "PUT", "DELETE", "OPTIONS",
                                          "PATCH", "get", "FROB"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *answer = ask(http, methods[i], "/health");
        cr_expect_eq(code_of(answer), 405, "%s", methods[i]);
        expect_header(answer, "Allow: GET, HEAD");
    }
    rd_http_stop(http);
}

Test(http, one_connection_serves_many_requests)
{
    struct rd_http *http = start();
    int fd = connect_from(http, 1);
    for (int i = 0; i < 20; i++)
        say(fd, "GET /ready HTTP/1.1\r\nHost: relay\r\n\r\n");
    say(fd, "GET /ready HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
    const char *answer = hear_to_the_end(fd);
    uint32_t answers = 0;
    while ((answer = strstr(answer, "HTTP/1.1 200 ")) != NULL)
        answers++, answer++;
    cr_expect_eq(answers, 21);
    cr_expect_eq(atomic_load(&asked), 21);
    rd_http_stop(http);
}

/* ---- Bodies and garbage ------------------------------------------------------------------------
 */

/* The body is never sent: a server that waited for it would not answer. */
Test(http, bodies_are_refused_unread)
{
    static const struct {
        const char *head;
        int code;
    } requests[] = {
        {"POST /health HTTP/1.1\r\nHost: r\r\nContent-Length: 1000000000000\r\n\r\n", 405},
        {"GET /health HTTP/1.1\r\nHost: r\r\nContent-Length: 100000000\r\n\r\n", 413},
        {"GET /health HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n", 413},
        {"PUT /nothing HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n", 405},
        {"GET /nothing HTTP/1.1\r\nHost: r\r\nContent-Length: 7\r\n\r\n", 404},
        {"POST / HTTP/1.1\r\nHost: r\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", 405},
    };
    struct rd_http *http = start();
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        int fd = connect_from(http, 1);
        say(fd, requests[i].head);
        const char *answer = hear_to_the_end(fd);
        cr_expect_eq(code_of(answer), requests[i].code, "%s: %s", requests[i].head, answer);
        expect_header(answer, "Connection: close");
    }
    cr_expect_eq(atomic_load(&asked), 0);
    rd_http_stop(http);
}

Test(http, a_body_is_no_further_request)
{
    struct rd_http *http = start();
    int fd = connect_from(http, 1);
    say(fd, "GET /health HTTP/1.1\r\nHost: r\r\nContent-Length: 36\r\n\r\n"
            "GET /metrics HTTP/1.1\r\nHost: r\r\n\r\n");
    const char *answer = hear_to_the_end(fd);
    cr_expect_eq(code_of(answer), 413);
    cr_expect_null(strstr(answer + 1, "HTTP/1.1"));
    cr_expect_eq(atomic_load(&asked), 0);
    rd_http_stop(http);
}

Test(http, a_body_of_nothing_is_none)
{
    struct rd_http *http = start();
    int fd = connect_from(http, 1);
    say(fd, "GET /ready HTTP/1.1\r\nHost: r\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    cr_expect_eq(code_of(hear_to_the_end(fd)), 200);
    rd_http_stop(http);
}

/* A request line longer than a connection's memory. */
Test(http, a_request_without_end_is_cut_off)
{
    struct rd_http *http = start();
    int fd = connect_from(http, 1);
    static char line[60000];
    memset(line, 'x', sizeof line - 1);
    (void)send(fd, "GET /", 5, MSG_NOSIGNAL);
    (void)send(fd, line, sizeof line - 1, MSG_NOSIGNAL);
    const char *answer = hear_to_the_end(fd);
    cr_expect(answer[0] == '\0' || code_of(answer) >= 400);
    cr_expect_eq(code_of(ask(http, "GET", "/ready")), 200);
    rd_http_stop(http);
}

Test(http, garbage_ends_its_own_connection_only)
{
    struct rd_http *http = start();
    uint64_t state = 42;
    for (int round = 0; round < 300; round++) {
        char garbage[300];
        size_t bytes = 1 + (size_t)round % (sizeof garbage - 1);
        for (size_t i = 0; i < bytes; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
            garbage[i] = (char)(state >> 33);
        }
        int fd = connect_from(http, 1);
        if (round % 3 == 0)
            say(fd, "GET /metrics HTTP/1.1\r\n");
        (void)send(fd, garbage, bytes, MSG_NOSIGNAL);
        cr_assert_eq(shutdown(fd, SHUT_WR), 0);
        const char *answer = hear_to_the_end(fd);
        cr_expect(answer[0] == '\0' || code_of(answer) >= 400, "%s", answer);
    }
    cr_expect_eq(code_of(ask(http, "GET", "/ready")), 200);
    rd_http_stop(http);
}

/* ---- Listening ---------------------------------------------------------------------------------
 */

Test(http, a_port_in_use_is_an_error_that_names_it)
{
    struct rd_http *http = start();
    struct wr_address address = rd_http_address(http);
    char text[WR_ADDRESS_TEXT_BYTES];
    struct rd_error error;
    cr_expect_null(rd_http_start(&address, show, &shown, &error));
    cr_expect_not_null(strstr(error.text, wr_address_format(&address, text)), "%s", error.text);
    cr_expect_not_null(strstr(error.text, "in use"), "%s", error.text);
    cr_expect_eq(code_of(ask(http, "GET", "/ready")), 200);
    rd_http_stop(http);
}

Test(http, an_address_that_is_not_ours_is_an_error_that_names_it)
{
    struct wr_address address;
    struct rd_error error;
    cr_assert(wr_address_parse("192.0.2.1:0", &address));
    cr_expect_null(rd_http_start(&address, show, &shown, &error));
    cr_expect_not_null(strstr(error.text, "192.0.2.1:0"), "%s", error.text);
}

static int connect_v6(uint16_t port)
{
    struct sockaddr_in6 there = {
        .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
    return fd;
}

Test(http, ipv6_is_served)
{
    struct rd_http *http = start_at("[::1]:0");
    int fd = connect_v6(rd_http_address(http).port);
    say(fd, "GET /ready HTTP/1.0\r\n\r\n");
    cr_expect_eq(code_of(hear_to_the_end(fd)), 200);
    rd_http_stop(http);
}

Test(http, the_ipv6_wildcard_takes_ipv4_too)
{
    struct rd_http *http = start_at("[::]:0");
    int fd = connect_v6(rd_http_address(http).port);
    say(fd, "GET /ready HTTP/1.0\r\n\r\n");
    cr_expect_eq(code_of(hear_to_the_end(fd)), 200);
    cr_expect_eq(code_of(ask(http, "GET", "/ready")), 200);
    rd_http_stop(http);
}
