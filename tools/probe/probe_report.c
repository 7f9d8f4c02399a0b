#include "probe_report.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *probe_stage_name(enum probe_stage stage)
{
#define NAME(name, text) text,
    static const char *const names[] = {PROBE_STAGES(NAME)};
#undef NAME
    return names[stage];
}

void probe_report_pass(struct probe_report *report, enum probe_stage stage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->detail[stage], sizeof report->detail[stage], format, arguments);
    va_end(arguments);
    report->done[stage] = true;
}

bool probe_report_fail(struct probe_report *report, enum probe_stage stage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->reason.text, sizeof report->reason.text, format, arguments);
    va_end(arguments);
    report->failed = true;
    report->failed_stage = stage;
    return false;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Percentiles by nearest rank. */
struct probe_times probe_times_of(uint64_t *times, uint64_t count)
{
    if (count == 0)
        return (struct probe_times){.count = 0};
    qsort(times, count, sizeof *times, compare);
    return (struct probe_times){.count = count,
                                .min = times[0],
                                .median = times[(count - 1) / 2],
                                .p99 = times[(count * 99 + 99) / 100 - 1],
                                .max = times[count - 1]};
}

/* ---- Text ------------------------------------------------------------------------------------ */

static void print_times(const char *name, const struct probe_times *times)
{
    if (times->count == 0) {
        printf("            %-16s nothing came back\n", name);
        return;
    }
    printf("            %-16s min %.3f  median %.3f  p99 %.3f  max %.3f ms\n", name,
           (double)times->min / 1e6, (double)times->median / 1e6, (double)times->p99 / 1e6,
           (double)times->max / 1e6);
}

static double percent_lost(const struct probe_way *way)
{
    return way->sent == 0 ? 0 : 100.0 * (double)(way->sent - way->received) / (double)way->sent;
}

static void print_way(const char *name, const struct probe_way *way)
{
    print_times(name, &way->times);
    printf("            %-16s %llu of %llu lost (%.1f %%), %llu duplicated, %llu reordered\n", "",
           (unsigned long long)(way->sent - way->received), (unsigned long long)way->sent,
           percent_lost(way), (unsigned long long)way->duplicated,
           (unsigned long long)way->reordered);
}

static void print_text(const struct probe_report *report)
{
    for (int stage = 0; stage < PROBE_STAGE_COUNT; stage++) {
        if (report->done[stage])
            printf("  %-9s %s\n", probe_stage_name((enum probe_stage)stage), report->detail[stage]);
        if (stage == PROBE_STAGE_MEASURE && report->measured) {
            print_times("round trip", &report->round_trip);
            print_way("client to server", &report->ways[0]);
            print_way("server to client", &report->ways[1]);
        }
    }
    if (!report->failed) {
        printf("ok: %s forwards\n", report->target);
        return;
    }
    printf("FAILED at %s: %s\n", probe_stage_name(report->failed_stage), report->reason.text);
    if (report->advice.text[0] != '\0')
        printf("  %s\n", report->advice.text);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void add_count(cJSON *json, const char *name, uint64_t value)
{
    cJSON_AddNumberToObject(json, name, (double)value);
}

static void add_times(cJSON *json, const struct probe_times *times)
{
    add_count(json, "count", times->count);
    if (times->count == 0)
        return;
    add_count(json, "min_ns", times->min);
    add_count(json, "median_ns", times->median);
    add_count(json, "p99_ns", times->p99);
    add_count(json, "max_ns", times->max);
}

static void add_way(cJSON *json, const char *name, const struct probe_way *way)
{
    cJSON *object = cJSON_AddObjectToObject(json, name);
    add_count(object, "sent", way->sent);
    add_count(object, "received", way->received);
    add_count(object, "duplicated", way->duplicated);
    add_count(object, "reordered", way->reordered);
    cJSON_AddNumberToObject(object, "lost_pct", percent_lost(way));
    add_times(cJSON_AddObjectToObject(object, "times"), &way->times);
}

static void add_text(cJSON *json, const char *name, const char *text)
{
    if (text == NULL || *text == '\0')
        cJSON_AddNullToObject(json, name);
    else
        cJSON_AddStringToObject(json, name, text);
}

static void print_json(const struct probe_report *report)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "ok", !report->failed);
    add_text(json, "target", report->target);
    add_text(json, "relay", report->relay);
    add_text(json, "relay_id", report->relay_id);
    add_text(json, "session", report->session);
    add_text(json, "failed_stage", report->failed ? probe_stage_name(report->failed_stage) : NULL);
    add_text(json, "reason", report->reason.text);
    add_text(json, "advice", report->advice.text);
    cJSON *stages = cJSON_AddObjectToObject(json, "stages");
    for (int stage = 0; stage < PROBE_STAGE_COUNT; stage++) {
        if (report->done[stage])
            add_text(stages, probe_stage_name((enum probe_stage)stage), report->detail[stage]);
    }
    if (report->measured) {
        add_times(cJSON_AddObjectToObject(json, "round_trip"), &report->round_trip);
        add_way(json, "client_to_server", &report->ways[0]);
        add_way(json, "server_to_client", &report->ways[1]);
    }
    char *text = cJSON_PrintUnformatted(json);
    if (text != NULL)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(json);
}

void probe_report_print(const struct probe_report *report, bool json)
{
    if (json)
        print_json(report);
    else
        print_text(report);
}
