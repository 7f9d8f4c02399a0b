/*
 * Written by hand rather than through cJSON: its numbers are doubles, and counters must stay exact
 * above 2^53.
 */
#include "metrics.h"

#include "lease.h"
#include "utf8.h"
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct page {
    FILE *out;
    char *text;
    size_t bytes;
    bool first; /* of its object or array */
};

static bool page_open(struct page *page)
{
    *page = (struct page){.first = true};
    page->out = open_memstream(&page->text, &page->bytes);
    return page->out != NULL;
}

static char *page_close(struct page *page)
{
    (void)fputc('\n', page->out);
    bool failed = ferror(page->out) != 0;
    failed = fclose(page->out) != 0 || failed;
    if (failed) {
        free(page->text);
        return NULL;
    }
    return page->text;
}

static void separate(struct page *page)
{
    if (!page->first)
        (void)fputc(',', page->out);
    page->first = false;
}

/* Names are plain words of ours. */
static void name_is(struct page *page, const char *name)
{
    separate(page);
    fprintf(page->out, "\"%s\":", name);
}

static void open_with(struct page *page, char bracket)
{
    (void)fputc(bracket, page->out);
    page->first = true;
}

static void close_with(struct page *page, char bracket)
{
    (void)fputc(bracket, page->out);
    page->first = false;
}

static void object(struct page *page, const char *name)
{
    name_is(page, name);
    open_with(page, '{');
}

static void number(struct page *page, const char *name, uint64_t value)
{
    name_is(page, name);
    fprintf(page->out, "%" PRIu64, value);
}

static void truth(struct page *page, const char *name, bool value)
{
    name_is(page, name);
    (void)fputs(value ? "true" : "false", page->out);
}

/* A byte that is not UTF-8 shows as \xNN. */
static void text_is(struct page *page, const char *name, const char *text)
{
    name_is(page, name);
    (void)fputc('"', page->out);
    while (*text != '\0') {
        uint32_t code;
        char escaped[13] = "";
        size_t taken = rd_utf8_take(text, &code);
        if (taken == 0)
            fprintf(page->out, "\\\\x%02x", (unsigned)(uint8_t)*text);
        else if (code == '"' || code == '\\')
            fprintf(page->out, "\\%c", *text);
        else if (!rd_utf8_is_plain(code))
            (void)fwrite(escaped, 1, rd_utf8_escape(code, escaped), page->out);
        else
            (void)fwrite(text, 1, taken, page->out);
        text += taken > 0 ? taken : 1;
    }
    (void)fputc('"', page->out);
}

/* ---- The parts ---------------------------------------------------------------------------------
 */

static void upstream_counters(struct page *page, const struct wr_counters *counters)
{
#define PUT_COUNTER(name) number(page, #name, counters->name);
    WR_COUNTERS(PUT_COUNTER)
}

static void decisions(struct page *page, const struct wr_counters *counters)
{
    object(page, "own");
    WR_OWN_COUNTERS(PUT_COUNTER)
    close_with(page, '}');

    object(page, "outcomes");
    for (int i = 0; i < WR_OUTCOME_COUNT; i++)
        number(page, wr_outcome_name((enum wr_outcome)i), counters->outcomes[i]);
    close_with(page, '}');

    uint64_t rejects[WR_REJECT_RATE_LIMITED + 1] = {0};
    object(page, "verdicts");
    for (int i = 0; i < WR_VERDICT_COUNT; i++) {
        enum wr_verdict verdict = (enum wr_verdict)i;
        number(page, wr_verdict_name(verdict), counters->verdicts[i]);
        rejects[wr_lease_reject_reason(verdict)] += counters->verdicts[i];
    }
    close_with(page, '}');

    object(page, "rejects");
    for (int i = WR_REJECT_EXPIRED; i <= WR_REJECT_RATE_LIMITED; i++)
        number(page, wr_reject_reason_name((enum wr_reject_reason)i), rejects[i]);
    close_with(page, '}');
}

static void surroundings(struct page *page, const struct rd_status *status)
{
    const struct rd_net_counters *net = &status->sum.net;
    const struct wr_master_counters *master = &status->master;
    object(page, "net");
#define PUT_NET(name) number(page, #name, net->name);
    RD_NET_COUNTERS(PUT_NET)
    close_with(page, '}');

    object(page, "master");
#define PUT_MASTER(name) number(page, #name, master->name);
    WR_MASTER_COUNTERS(PUT_MASTER)
    object(page, "answers");
    for (int i = 0; i < WR_MASTER_STATUS_COUNT; i++)
        number(page, wr_master_status_name((enum wr_master_status)i), master->answers[i]);
    close_with(page, '}');
    close_with(page, '}');
}

static void state(struct page *page, const struct rd_status *status)
{
    const struct wr_snapshot *core = &status->sum.core;
    object(page, "state");
    number(page, "sessions_waiting", core->sessions_waiting);
    number(page, "sessions_active", core->sessions_active);
    number(page, "max_sessions", status->max_sessions);
    number(page, "held_datagrams", core->held);
    number(page, "leases_pending", core->pending);
    number(page, "verification_queue_depth", core->queue_depth);
    number(page, "verification_rate_limit", status->verify_rate);
    number(page, "verifications", status->verifications_done);
    number(page, "verification_busy_ns", status->verification_busy_ns);
    number(page, "keys", core->keys);
    number(page, "key_ring_generation", core->key_ring_generation);
    number(page, "workers", status->workers);
    number(page, "uptime_secs", status->uptime_secs);
    number(page, "log_lines_suppressed", status->log_lines_suppressed);
    number(page, "log_lines_dropped", status->log_lines_dropped);
    truth(page, "ready", status->ready);
    truth(page, "draining", status->draining);
    truth(page, "registered_with_master", status->registered);
    truth(page, "has_master_key", status->has_master_key);
    truth(page, "standalone", status->standalone);
    text_is(page, "version", status->version);
    close_with(page, '}');
}

/* Buckets as in Prometheus: each counts what is at most its `le`; `count` is all of it. */
static void histogram_is(struct page *page, const char *name, const struct rd_histogram *histogram)
{
    uint64_t below = 0;
    object(page, name);
    name_is(page, "buckets");
    open_with(page, '[');
    for (uint32_t i = 0; i < histogram->bound_count; i++) {
        below += histogram->counts[i];
        separate(page);
        open_with(page, '{');
        number(page, "le", histogram->bounds[i]);
        number(page, "count", below);
        close_with(page, '}');
    }
    close_with(page, ']');
    number(page, "count", below + histogram->counts[histogram->bound_count]);
    number(page, "sum", histogram->sum);
    close_with(page, '}');
}

/* ---- The answers -------------------------------------------------------------------------------
 */

char *rd_metrics_json(const struct rd_status *status)
{
    struct page page;
    if (!page_open(&page))
        return NULL;
    open_with(&page, '{');
    upstream_counters(&page, &status->sum.core.counters);
    decisions(&page, &status->sum.core.counters);
    surroundings(&page, status);
    state(&page, status);
    histogram_is(&page, "forward_latency_ns", &status->sum.forward_latency_ns);
    histogram_is(&page, "receive_batch_datagrams", &status->sum.batch_size);
    close_with(&page, '}');
    return page_close(&page);
}

char *rd_health_json(const struct rd_status *status)
{
    const struct wr_snapshot *core = &status->sum.core;
    struct page page;
    if (!page_open(&page))
        return NULL;
    open_with(&page, '{');
    text_is(&page, "relay_id", status->relay_id);
    text_is(&page, "status", "ok");
    truth(&page, "ready", status->ready);
    truth(&page, "has_master_key", status->has_master_key);
    truth(&page, "registered_with_master", status->registered);
    number(&page, "active_sessions", core->sessions_active);
    number(&page, "total_sessions", core->sessions_waiting + core->sessions_active);
    number(&page, "max_sessions", status->max_sessions);
    number(&page, "uptime_secs", status->uptime_secs);
    object(&page, "metrics");
    upstream_counters(&page, &core->counters);
    close_with(&page, '}');
    close_with(&page, '}');
    return page_close(&page);
}

char *rd_ready_json(const struct rd_status *status)
{
    struct page page;
    if (!page_open(&page))
        return NULL;
    open_with(&page, '{');
    text_is(&page, "relay_id", status->relay_id);
    truth(&page, "ready", status->ready);
    close_with(&page, '}');
    return page_close(&page);
}
