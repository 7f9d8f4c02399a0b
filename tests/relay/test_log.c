#include "log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Standard error of this test's process is a pipe from here on; Criterion speaks through another
 * channel. Returns the reading end. */
static int pipe_for_standard_error(void)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    cr_assert_eq(close(ends[1]), 0);
    return ends[0];
}

static char output[4 << 20];
static size_t output_bytes;

/* Reads until standard error is closed; stops the log and closes it first. */
static void finish(int reading)
{
    rd_log_stop();
    cr_assert_eq(close(STDERR_FILENO), 0);
    ssize_t count;
    while ((count = read(reading, output + output_bytes, sizeof output - 1 - output_bytes)) > 0)
        output_bytes += (size_t)count;
    cr_assert_eq(count, 0);
    output[output_bytes] = '\0';
    cr_assert_eq(close(reading), 0);
}

static uint32_t occurrences(const char *needle)
{
    uint32_t found = 0;
    for (const char *at = output; (at = strstr(at, needle)) != NULL; at += strlen(needle))
        found++;
    return found;
}

static void start(enum rd_log_format format, enum rd_log_level level)
{
    struct rd_error error;
    cr_assert(rd_log_start(format, level, &error), "%s", error.text);
}

/* The places of a test: each line its own, so that no rate limit is in the way. */
#define SITES 2000
static struct rd_log_site sites[SITES];

static void log_numbered(uint32_t number)
{
    struct rd_field fields[] = {rd_number("number", number), {0}};
    rd_log_write(&sites[number % SITES], RD_LOG_INFO, "numbered", fields);
}

Test(log, what_is_logged_is_there_after_stop_in_order)
{
    int reading = pipe_for_standard_error();
    start(RD_LOG_TEXT, RD_LOG_INFO);
    for (uint32_t i = 0; i < 300; i++)
        log_numbered(i);
    finish(reading);
    cr_expect_eq(occurrences("event=numbered"), 300);
    cr_expect_eq(occurrences("\n"), 300);
    const char *at = output;
    for (uint32_t i = 0; i < 300; i++) {
        char wanted[32];
        (void)snprintf(wanted, sizeof wanted, " number=%u\n", i);
        at = strstr(at, wanted);
        cr_assert_not_null(at, "%u", i);
    }
    cr_expect_eq(rd_log_dropped(), 0);
    cr_expect_eq(rd_log_suppressed(), 0);
}

Test(log, json_is_one_object_a_line)
{
    int reading = pipe_for_standard_error();
    start(RD_LOG_JSON, RD_LOG_INFO);
    RD_LOG(RD_LOG_WARN, "first", rd_text("kid", "a\nb"));
    RD_LOG(RD_LOG_ERROR, "second");
    finish(reading);
    cr_expect_eq(occurrences("\n"), 2);
    cr_expect_not_null(
        strstr(output, "\"level\":\"warn\",\"event\":\"first\",\"kid\":\"a\\nb\"}\n"));
    cr_expect_not_null(strstr(output, "\"level\":\"error\",\"event\":\"second\"}\n"));
}

Test(log, lines_before_the_start_and_after_the_stop_go_straight_out)
{
    int reading = pipe_for_standard_error();
    RD_LOG(RD_LOG_INFO, "before");
    start(RD_LOG_TEXT, RD_LOG_INFO);
    RD_LOG(RD_LOG_INFO, "between");
    rd_log_stop();
    RD_LOG(RD_LOG_INFO, "after");
    start(RD_LOG_TEXT, RD_LOG_INFO);
    RD_LOG(RD_LOG_INFO, "again");
    finish(reading);
    cr_expect_eq(occurrences("\n"), 4);
    const char *at = output;
    static const char *const events[] = {"=before\n", "=between\n", "=after\n", "=again\n"};
    for (size_t i = 0; i < 4; i++)
        cr_assert_not_null(at = strstr(at, events[i]), "%s", events[i]);
}

Test(log, the_level_is_obeyed_and_can_change)
{
    int reading = pipe_for_standard_error();
    start(RD_LOG_TEXT, RD_LOG_WARN);
    cr_expect(rd_log_wants(RD_LOG_ERROR));
    cr_expect(rd_log_wants(RD_LOG_WARN));
    cr_expect_not(rd_log_wants(RD_LOG_INFO));
    RD_LOG(RD_LOG_INFO, "unwanted");
    RD_LOG(RD_LOG_WARN, "wanted");
    rd_log_set_level(RD_LOG_TRACE);
    RD_LOG(RD_LOG_TRACE, "wanted");
    rd_log_set_level(RD_LOG_ERROR);
    RD_LOG(RD_LOG_WARN, "unwanted");
    RD_LOG(RD_LOG_ERROR, "wanted");
    struct rd_field none[] = {{0}};
    rd_log_write(&sites[0], RD_LOG_WARN, "unwanted", none);
    finish(reading);
    cr_expect_eq(occurrences("event=wanted"), 3);
    cr_expect_eq(occurrences("unwanted"), 0);
}

Test(log, starting_twice_is_refused)
{
    int reading = pipe_for_standard_error();
    start(RD_LOG_TEXT, RD_LOG_INFO);
    struct rd_error error;
    cr_expect_not(rd_log_start(RD_LOG_JSON, RD_LOG_INFO, &error));
    cr_expect_not_null(strstr(error.text, "already"));
    finish(reading);
}

/* 10 lines a second, 20 at once. The test says nothing about how long it takes: what was written
 * and what was kept back add up, and the burst is at least there. */
Test(log, one_place_is_limited_and_says_what_it_kept_back)
{
    int reading = pipe_for_standard_error();
    start(RD_LOG_TEXT, RD_LOG_INFO);
    struct rd_field none[] = {{0}};
    for (uint32_t i = 0; i < 5000; i++)
        rd_log_write(&sites[0], RD_LOG_ERROR, "flood", none);
    RD_LOG(RD_LOG_INFO, "elsewhere");
    uint64_t kept_back = rd_log_suppressed();
    cr_assert_gt(kept_back, 0);
    cr_expect_eq(sites[0].suppressed + 0, kept_back);
    sites[0].tat_ns = 0; /* as if a long time had passed */
    rd_log_write(&sites[0], RD_LOG_ERROR, "calm", none);
    cr_expect_eq(sites[0].suppressed + 0, 0);
    finish(reading);
    cr_expect_geq(occurrences("event=flood"), 20);
    cr_expect_eq(occurrences("event=flood") + kept_back, 5000);
    cr_expect_eq(occurrences("event=elsewhere"), 1);
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "event=calm suppressed=%u\n", (unsigned)kept_back);
    cr_expect_not_null(strstr(output, wanted));
    cr_expect_eq(rd_log_dropped(), 0);
}

struct flood {
    pthread_t thread;
    uint32_t first;
    uint32_t count;
};

static void *flood_main(void *argument)
{
    const struct flood *flood = argument;
    for (uint32_t i = 0; i < flood->count; i++)
        log_numbered(flood->first + i);
    return NULL;
}

/* Nobody reads: were a logging thread ever to wait for the writer, the threads would not end. */
Test(log, a_reader_that_never_reads_stops_nobody, .timeout = 60)
{
    int reading = pipe_for_standard_error();
    start(RD_LOG_TEXT, RD_LOG_INFO);
    struct flood floods[4];
    for (uint32_t i = 0; i < 4; i++) {
        /* 40,000 lines: more than pipe and queue hold. */
        floods[i] = (struct flood){.first = i * 500, .count = 10000};
        cr_assert_eq(pthread_create(&floods[i].thread, NULL, flood_main, &floods[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(floods[i].thread, NULL), 0);
    uint64_t dropped = rd_log_dropped();
    cr_expect_gt(dropped, 0);
    rd_log_stop(); /* gives up on the reader, and counts what it could not write */
    cr_expect_gt(rd_log_dropped(), dropped);
    cr_assert_eq(close(STDERR_FILENO), 0);
    ssize_t count = read(reading, output, sizeof output - 1);
    cr_assert_gt(count, 0);
    output[count] = '\0';
    cr_expect_eq(strncmp(output, "ts=", 3), 0);
}

/* The lines that the log says were lost, in all. */
static uint64_t told(void)
{
    static const char event[] = "event=log_lines_dropped lines=";
    uint64_t lines = 0;
    for (const char *at = output; (at = strstr(at, event)) != NULL;)
        lines += strtoull(at += sizeof event - 1, NULL, 10);
    return lines;
}

/* Fills pipe and queue, then reads: everything queued comes, and a line says what was lost. */
static void lost_lines_are_told(bool nonblocking)
{
    int reading = pipe_for_standard_error();
    if (nonblocking)
        cr_assert_eq(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
    start(RD_LOG_TEXT, RD_LOG_INFO);
    uint32_t logged = 0;
    while (rd_log_dropped() < 10)
        log_numbered(logged++ % SITES);
    uint64_t kept_back = rd_log_suppressed();
    while (occurrences("event=numbered") + told() + kept_back < logged || output[0] == '\0' ||
           output[output_bytes - 1] != '\n') {
        ssize_t count = read(reading, output + output_bytes, 4096);
        cr_assert_gt(count, 0);
        output_bytes += (size_t)count;
        output[output_bytes] = '\0';
    }
    finish(reading);
    cr_expect_eq(told(), 10);
    cr_expect_eq(occurrences("event=numbered") + 10 + kept_back, logged);
    cr_expect_eq(rd_log_dropped(), 10);
}

Test(log, lost_lines_are_told_once_there_is_room, .timeout = 60)
{
    lost_lines_are_told(false);
}

Test(log, a_nonblocking_standard_error_loses_nothing_more, .timeout = 60)
{
    lost_lines_are_told(true);
}

Test(log, a_reader_that_went_away_ends_nothing, .timeout = 60)
{
    int reading = pipe_for_standard_error();
    cr_assert_eq(close(reading), 0);
    RD_LOG(RD_LOG_INFO, "straight"); /* SIGPIPE would end this process */
    cr_expect_eq(rd_log_dropped(), 1);
    start(RD_LOG_TEXT, RD_LOG_INFO);
    for (uint32_t i = 0; i < 100; i++)
        log_numbered(i);
    rd_log_stop();
    cr_expect_eq(rd_log_dropped(), 101);
    RD_LOG(RD_LOG_INFO, "straight");
    cr_expect_eq(rd_log_dropped(), 102);
    cr_assert_eq(close(STDERR_FILENO), 0);
    RD_LOG(RD_LOG_INFO, "closed");
    cr_expect_eq(rd_log_dropped(), 103);
}

/* Threads that log at once: no line is torn, none is lost but those counted. */
Test(log, lines_of_many_threads_stay_whole, .timeout = 60)
{
    int reading = pipe_for_standard_error();
    start(RD_LOG_JSON, RD_LOG_INFO);
    struct flood floods[4];
    for (uint32_t i = 0; i < 4; i++) {
        floods[i] = (struct flood){.first = i * 500, .count = 100};
        cr_assert_eq(pthread_create(&floods[i].thread, NULL, flood_main, &floods[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(floods[i].thread, NULL), 0);
    finish(reading);
    cr_expect_eq(rd_log_dropped(), 0);
    cr_expect_eq(occurrences("\n"), 400);
    for (uint32_t i = 0; i < 400; i++) {
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted, "\"event\":\"numbered\",\"number\":%u}\n",
                       i / 100 * 500 + i % 100);
        cr_expect_not_null(strstr(output, wanted), "%s", wanted);
    }
}
