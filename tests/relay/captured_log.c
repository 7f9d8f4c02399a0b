#include "captured_log.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINES_MAX  256
#define DEADLINE_S 60

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t grown = PTHREAD_COND_INITIALIZER;
static char lines[LINES_MAX][1024];
static size_t line_count, looked_at;

bool rd_log_wants(enum rd_log_level level)
{
    return level <= RD_LOG_DEBUG;
}

static size_t print_field(char *out, size_t room, const struct rd_field *field)
{
    int bytes = field->kind == RD_FIELD_NUMBER
                    ? snprintf(out, room, " %s=%" PRIu64, field->name, field->number)
                    : snprintf(out, room, " %s=%s", field->name, field->text);
    cr_assert_lt((size_t)bytes, room, "a line too long to capture");
    return (size_t)bytes;
}

void rd_log_write(struct rd_log_site *site, enum rd_log_level level, const char *event,
                  const struct rd_field *fields)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
    (void)site;
    pthread_mutex_lock(&lock);
    cr_assert_lt(line_count, LINES_MAX);
    char *line = lines[line_count];
    size_t at = (size_t)snprintf(line, sizeof lines[0], "%s %s", levels[level], event);
    for (; fields->kind != RD_FIELD_END; fields++) {
        cr_assert(fields->kind == RD_FIELD_TEXT || fields->kind == RD_FIELD_NUMBER);
        at += print_field(line + at, sizeof lines[0] - at, fields);
    }
    line_count++;
    pthread_cond_broadcast(&grown);
    pthread_mutex_unlock(&lock);
}

static bool find(const char *part, const char *other, char *line)
{
    for (; looked_at < line_count; looked_at++) {
        if (strstr(lines[looked_at], part) == NULL ||
            (other != NULL && strstr(lines[looked_at], other) == NULL))
            continue;
        strcpy(line, lines[looked_at++]);
        return true;
    }
    return false;
}

void captured_log_await(const char *part, const char *other, char line[1024])
{
    struct timespec deadline;
    timespec_get(&deadline, TIME_UTC);
    deadline.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&lock);
    while (!find(part, other, line))
        cr_assert_eq(pthread_cond_timedwait(&grown, &lock, &deadline), 0, "never logged: %s (%s)",
                     part, other != NULL ? other : "");
    pthread_mutex_unlock(&lock);
}

bool captured_log_has(const char *part)
{
    bool has = false;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < line_count; i++)
        has = has || strstr(lines[i], part) != NULL;
    pthread_mutex_unlock(&lock);
    return has;
}
