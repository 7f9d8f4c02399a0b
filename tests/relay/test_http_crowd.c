/* Many clients, and slow ones. */
#include "http_client.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static void expect_open(int fd)
{
    char byte;
    cr_expect_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    cr_expect_eq(errno, EAGAIN);
}

/* Slow clients that never finish their request: 24 of one IP stay, each further one takes the place
 * of the oldest, and whoever asks is served. */
Test(http, one_ip_keeps_its_newest_connections)
{
    struct rd_http *http = start();
    int slow[40];
    for (int i = 0; i < 40; i++) {
        slow[i] = connect_from(http, 1);
        say(slow[i], "GET /health HT");
        if (i >= 24)
            expect_closed(slow[i - 24]);
    }
    for (int i = 16; i < 40; i++)
        expect_open(slow[i]);
    cr_expect_eq(code_of(ask(http, "GET", "/ready")), 200);
    expect_closed(slow[16]);
    for (int i = 17; i < 40; i++) {
        expect_open(slow[i]);
        cr_assert_eq(close(slow[i]), 0);
    }
    rd_http_stop(http);
}

/* From many IPs, 20 each: in all 48 stay. */
Test(http, all_together_keep_their_newest_connections)
{
    struct rd_http *http = start();
    int slow[200];
    for (int i = 0; i < 200; i++) {
        slow[i] = connect_from(http, (uint8_t)(10 + i / 20));
        say(slow[i], "GET /hea");
        if (i >= 48)
            expect_closed(slow[i - 48]);
    }
    cr_expect_eq(code_of(ask(http, "GET", "/ready")), 200);
    expect_closed(slow[152]);
    for (int i = 153; i < 200; i++) {
        expect_open(slow[i]);
        cr_assert_eq(close(slow[i]), 0);
    }
    rd_http_stop(http);
}

/* A client that asks for much and reads nothing holds up nobody else. */
Test(http, a_client_that_does_not_read_holds_up_nobody)
{
    struct rd_http *http = start();
    int deaf = connect_from(http, 2);
    int small = 4096;
    cr_assert_eq(setsockopt(deaf, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    for (int i = 0; i < 200; i++)
        (void)send(deaf, "GET /metrics/prometheus HTTP/1.1\r\nHost: r\r\n\r\n", 45,
                   MSG_NOSIGNAL | MSG_DONTWAIT);
    for (int i = 0; i < 20; i++)
        cr_expect_eq(code_of(ask(http, "GET", "/metrics/prometheus")), 200);
    cr_assert_eq(close(deaf), 0);
    rd_http_stop(http);
}

struct asker {
    pthread_t thread;
    const struct rd_http *http;
    uint8_t from;
    uint32_t served;
};

static void *asker_main(void *argument)
{
    struct asker *asker = argument;
    for (int i = 0; i < 50; i++) {
        char answer[16] = "";
        int fd = connect_from(asker->http, asker->from);
        say(fd, "GET /ready HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n");
        asker->served +=
            recv(fd, answer, 15, MSG_WAITALL) == 15 && strncmp(answer, "HTTP/1.1 200 OK", 15) == 0;
        (void)close(fd);
    }
    return NULL;
}

/* 16 at a time, below every limit: all are served, each from a status of its own. */
Test(http, clients_at_once_are_all_served)
{
    struct rd_http *http = start();
    struct asker askers[16];
    for (uint8_t i = 0; i < 16; i++) {
        askers[i] = (struct asker){.http = http, .from = (uint8_t)(1 + i % 4)};
        cr_assert_eq(pthread_create(&askers[i].thread, NULL, asker_main, &askers[i]), 0);
    }
    uint32_t served = 0;
    for (int i = 0; i < 16; i++) {
        cr_assert_eq(pthread_join(askers[i].thread, NULL), 0);
        served += askers[i].served;
    }
    cr_expect_eq(served, 800);
    cr_expect_eq(atomic_load(&asked), 800);
    rd_http_stop(http);
}

Test(http, stopping_ends_open_connections)
{
    struct rd_http *http = start();
    int idle = connect_from(http, 1);
    int slow = connect_from(http, 1);
    say(slow, "GET /health HTTP/1.1\r\nHo");
    cr_expect_eq(code_of(ask(http, "GET", "/ready")), 200); /* both are accepted by now */
    struct wr_address address = rd_http_address(http);
    rd_http_stop(http);
    expect_closed(idle);
    expect_closed(slow);
    struct rd_error error;
    http = rd_http_start(&address, show, &shown, &error); /* the port is free again, at once */
    cr_assert_not_null(http, "%s", error.text);
    cr_expect_eq(code_of(ask(http, "GET", "/ready")), 200);
    rd_http_stop(http);
    rd_http_stop(NULL);
}

/* The server ends them by itself, after 5 s; nothing else in this test takes time. */
Test(http, silent_connections_are_closed)
{
    struct rd_http *http = start();
    int idle = connect_from(http, 1);
    int slow = connect_from(http, 1);
    int served = connect_from(http, 1);
    say(slow, "GET /ready HTTP/1.1\r\nHost: r\r\n");
    say(served, "GET /ready HTTP/1.1\r\nHost: r\r\n\r\n");
    expect_closed(idle);
    expect_closed(slow);
    cr_expect_eq(code_of(hear_to_the_end(served)), 200); /* answered at once, closed later */
    rd_http_stop(http);
}

/* 50 at once and 1000 a second is what workers are bothered with, whoever asks how often. */
Test(http, a_flood_of_requests_is_slowed_and_served)
{
    struct rd_http *http = start();
    struct timespec from, to;
    cr_assert_eq(clock_gettime(CLOCK_MONOTONIC, &from), 0);
    int fd = connect_from(http, 1);
    for (int i = 1; i <= 250; i++)
        say(fd, i < 250 ? "GET /ready HTTP/1.1\r\nHost: r\r\n\r\n"
                        : "GET /ready HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n");
    (void)hear_to_the_end(fd);
    cr_assert_eq(clock_gettime(CLOCK_MONOTONIC, &to), 0);
    cr_expect_eq(atomic_load(&asked), 250);
    int64_t took_ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
    cr_expect_geq(took_ms, 199);
    rd_http_stop(http);
}
