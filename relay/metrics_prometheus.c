/*
 * Upstream's counters are declared untyped: their names lack the `_total` that `promtool check
 * metrics` asks of whatever is declared a counter, and the names are what operators' rules rely on.
 * Prometheus treats both alike. Our own are typed and named by its conventions. Every sample has
 * the label relay_id, so that any two of them join.
 */
#include "metrics.h"

#include "lease.h"
#include "utf8.h"
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX "wavry_relay_"

/* A byte of an id becomes at most 5 (a backslash that is escaped, and xNN). */
#define LABEL_BYTES (5 * WR_RELAY_ID_BYTES_MAX + 1)

struct page {
    FILE *out;
    char relay_id[LABEL_BYTES]; /* escaped */
};

/* A label value as the format wants it: valid UTF-8, backslash, quote and line feed escaped. A byte
 * that is not UTF-8 shows as \xNN. What does not fit is left out. */
static void escape_label(const char *text, char out[LABEL_BYTES])
{
    size_t used = 0;
    while (*text != '\0' && used + 6 <= LABEL_BYTES) {
        uint32_t code;
        size_t taken = rd_utf8_take(text, &code);
        int length;
        if (taken == 0)
            length = snprintf(out + used, 6, "\\\\x%02x", (unsigned)(uint8_t)*text);
        else if (code == '\\' || code == '"')
            length = snprintf(out + used, 3, "\\%c", *text);
        else if (code == '\n')
            length = snprintf(out + used, 3, "\\n");
        else
            length = snprintf(out + used, 5, "%.*s", (int)taken, text);
        used += (size_t)length;
        text += taken > 0 ? taken : 1;
    }
    out[used] = '\0';
}

static void family(const struct page *page, const char *name, const char *type, const char *help)
{
    fprintf(page->out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void sample(const struct page *page, const char *name, uint64_t value)
{
    fprintf(page->out, PREFIX "%s{relay_id=\"%s\"} %" PRIu64 "\n", name, page->relay_id, value);
}

/* `label` and `is` are plain words of ours. */
static void labelled(const struct page *page, const char *name, const char *label, const char *is,
                     uint64_t value)
{
    fprintf(page->out, PREFIX "%s{relay_id=\"%s\",%s=\"%s\"} %" PRIu64 "\n", name, page->relay_id,
            label, is, value);
}

static void counter(const struct page *page, const char *name, const char *help, uint64_t value)
{
    family(page, name, "counter", help);
    sample(page, name, value);
}

static void gauge(const struct page *page, const char *name, const char *help, uint64_t value)
{
    family(page, name, "gauge", help);
    sample(page, name, value);
}

/* Nanoseconds as seconds, exactly: no floating point is involved. */
static void seconds_counter(const struct page *page, const char *name, const char *help,
                            uint64_t nanoseconds)
{
    family(page, name, "counter", help);
    fprintf(page->out, PREFIX "%s{relay_id=\"%s\"} %" PRIu64 ".%09" PRIu64 "\n", name,
            page->relay_id, nanoseconds / WR_S, nanoseconds % WR_S);
}

/* ---- Upstream's names --------------------------------------------------------------------------
 */

#define HELP_packets_rx                    "Datagrams received (counter)."
#define HELP_bytes_rx                      "UDP payload received, in bytes (counter)."
#define HELP_packets_forwarded             "Datagrams forwarded to the other peer (counter)."
#define HELP_bytes_forwarded               "UDP payload forwarded, in bytes (counter)."
#define HELP_lease_present_packets         "LEASE_PRESENT datagrams received (counter)."
#define HELP_lease_renew_packets           "LEASE_RENEW datagrams received (counter)."
#define HELP_dropped_packets               "Datagrams dropped or refused, for any reason (counter)."
#define HELP_rate_limited_packets          "Datagrams over one of the limits (counter)."
#define HELP_identity_rate_limited_packets "Leases over the limit of their identity (counter)."
#define HELP_invalid_packets               "Datagrams that are none of the protocol's (counter)."
#define HELP_auth_reject_packets           "Leases refused for what they say or who signed (counter)."
#define HELP_session_not_found_packets     "Datagrams for a session that is not there (counter)."
#define HELP_session_not_active_packets    "Datagrams for a session that lacks a peer (counter)."
#define HELP_unknown_peer_packets          "Datagrams from an address that is not bound (counter)."
#define HELP_replay_dropped_packets        "Datagrams refused by the replay window (counter)."
#define HELP_backpressure_dropped_packets  "Datagrams lost before they were looked at (counter)."
#define HELP_session_full_rejects          "Leases refused for want of room or by drain (counter)."
#define HELP_wrong_relay_rejects           "Leases made out to another relay (counter)."
#define HELP_expired_lease_rejects         "Leases that had expired (counter)."
#define HELP_cleanup_expired_sessions      "Sessions removed after a lease expired (counter)."
#define HELP_cleanup_idle_sessions         "Sessions removed because nobody was heard (counter)."
#define HELP_overload_shed_packets         "Leases refused above the shed threshold (counter)."
#define HELP_nat_rebind_events             "Promotions of a peer to another address (counter)."

static void put_upstream(const struct page *page, const struct rd_status *status)
{
    const struct wr_counters *counters = &status->sum.core.counters;
#define PUT_UPSTREAM(name)                                                                         \
    family(page, #name, "untyped", HELP_##name);                                                   \
    sample(page, #name, counters->name);
    WR_COUNTERS(PUT_UPSTREAM)
    gauge(page, "active_sessions", "Sessions that have both peers.",
          status->sum.core.sessions_active);
    gauge(page, "uptime_seconds", "Time since the relay started.", status->uptime_secs);
}

/* ---- What the core decided ---------------------------------------------------------------------
 */

static void put_decisions(const struct page *page, const struct wr_counters *counters)
{
    family(page, "outcomes_total", "counter", "Datagrams received, by what became of them.");
    for (int i = 0; i < WR_OUTCOME_COUNT; i++)
        labelled(page, "outcomes_total", "outcome", wr_outcome_name((enum wr_outcome)i),
                 counters->outcomes[i]);

    uint64_t rejects[WR_REJECT_RATE_LIMITED + 1] = {0};
    family(page, "verdicts_total", "counter", "Leases taken, by the verdict on them.");
    for (int i = 0; i < WR_VERDICT_COUNT; i++) {
        enum wr_verdict verdict = (enum wr_verdict)i;
        labelled(page, "verdicts_total", "verdict", wr_verdict_name(verdict),
                 counters->verdicts[i]);
        rejects[wr_lease_reject_reason(verdict)] += counters->verdicts[i];
    }
    family(page, "rejects_total", "counter",
           "Leases refused, by the reason that a LEASE_REJECT gives for the verdict.");
    for (int i = WR_REJECT_EXPIRED; i <= WR_REJECT_RATE_LIMITED; i++)
        labelled(page, "rejects_total", "reason", wr_reject_reason_name((enum wr_reject_reason)i),
                 rejects[i]);
}

static void put_moving(const struct page *page, const struct wr_counters *counters)
{
    const char *name = "candidates_total";
    family(page, name, "counter",
           "Addresses that became candidates for a role, by what they sent.");
    labelled(page, name, "by", "token", counters->candidates_by_token);
    labelled(page, name, "by", "forward", counters->candidates_by_forward);
    name = "promotions_total";
    family(page, name, "counter", "Candidates promoted to a role's address, by rule.");
    labelled(page, name, "rule", "cookie", counters->promotions_by_cookie);
    labelled(page, name, "rule", "forward", counters->promotions_by_forward);
    labelled(page, name, "rule", "token", counters->promotions_by_token);
    name = "reversions_total";
    family(page, name, "counter", "Promotions undone, by the rule that undid them.");
    labelled(page, name, "rule", "cookie", counters->reversions_by_cookie);
    labelled(page, name, "rule", "forward", counters->reversions_by_forward);
    labelled(page, name, "rule", "token", counters->reversions_by_token);
    name = "promotions_refused_total";
    family(page, name, "counter", "Promotions refused, by reason.");
    labelled(page, name, "reason", "unsilent", counters->promotions_refused_unsilent);
    labelled(page, name, "reason", "sequence", counters->promotions_refused_sequence);
    labelled(page, name, "reason", "loser", counters->promotions_refused_loser);
}

static void put_sessions(const struct page *page, const struct rd_status *status)
{
    const struct wr_counters *counters = &status->sum.core.counters;
    counter(page, "sessions_created_total", "Sessions created.", counters->sessions_created);
    counter(page, "sessions_released_total", "Sessions whose peers left by release.",
            counters->sessions_released);
    counter(page, "sessions_revoked_total", "Sessions ended because a key was revoked.",
            counters->sessions_revoked);
    counter(page, "sessions_banned_total", "Sessions ended because an identity was banned.",
            counters->sessions_banned);
    const char *name = "sessions";
    family(page, name, "gauge", "Sessions there are, by state.");
    labelled(page, name, "state", "waiting", status->sum.core.sessions_waiting);
    labelled(page, name, "state", "active", status->sum.core.sessions_active);
    gauge(page, "max_sessions", "Sessions that the relay has room for.", status->max_sessions);
    gauge(page, "held_datagrams", "Datagrams held for a verdict or for message 3.",
          status->sum.core.held);
    counter(page, "soft_limit_crossings_total", "Times a session went over its soft limit.",
            counters->soft_limit_crossings);
    counter(page, "acks_sent_total", "LEASE_ACKs sent.", counters->acks_sent);
    counter(page, "rejects_sent_total", "LEASE_REJECTs sent.", counters->rejects_sent);
    counter(page, "rejects_withheld_total", "LEASE_REJECTs not sent, by the limit on them.",
            counters->rejects_withheld);
}

static void put_verification(const struct page *page, const struct rd_status *status)
{
    const struct wr_snapshot *core = &status->sum.core;
    counter(page, "verifications_requested_total", "Signature checks that the core asked for.",
            core->counters.verifications_requested);
    counter(page, "verifications_total", "Signature checks done.", status->verifications_done);
    counter(page, "verification_cache_hits_total", "Leases whose signature result was known.",
            core->counters.verification_cache_hits);
    seconds_counter(page, "verification_wait_seconds_total",
                    "Time that leases waited in the verification queue.",
                    core->counters.verification_wait_ns);
    seconds_counter(page, "verification_busy_seconds_total",
                    "Time spent in signatures, by the helper thread or a worker.",
                    status->verification_busy_ns);
    gauge(page, "verification_queue_depth", "Leases queued for a signature check.",
          core->queue_depth);
    gauge(page, "leases_pending", "Leases taken that have no verdict yet.", core->pending);
    gauge(page, "verification_rate_limit", "Signature checks per second that are budgeted.",
          status->verify_rate);
    gauge(page, "keys", "Keys in the key ring.", core->keys);
    gauge(page, "key_ring_generation", "Changes when the key ring does.",
          core->key_ring_generation);
    counter(page, "key_ring_changes_total", "Changes of the key ring.",
            core->counters.key_ring_changes);
    counter(page, "keys_refused_total", "Keys that the ring refused.", core->counters.key_refused);
}

/* ---- What the process did ----------------------------------------------------------------------
 */

#define HELP_receive_calls    "Receive calls, those that found nothing too."
#define HELP_receive_trains   "Messages received that GRO had joined from several datagrams."
#define HELP_send_calls       "Send calls."
#define HELP_send_trains      "Messages sent that GSO takes apart."
#define HELP_send_failed      "Datagrams that the kernel refused to send."
#define HELP_send_too_long    "Datagrams not sent because they were too long for the path."
#define HELP_send_would_block "Datagrams not sent because the send buffer was full."
#define HELP_gso_fallbacks    "Trains sent one by one because GSO was refused."
#define HELP_handed_over      "Datagrams given to the worker that owns their session."
#define HELP_handover_full    "Datagrams dropped because that worker's ring was full."
#define HELP_kernel_dropped   "Datagrams that the kernel dropped for want of buffer."

static void put_net(const struct page *page, const struct rd_net_counters *net)
{
#define PUT_NET(name) counter(page, "net_" #name "_total", HELP_##name, net->name);
    RD_NET_COUNTERS(PUT_NET)
}

static void put_master(const struct page *page, const struct rd_status *status)
{
    const struct wr_master_counters *master = &status->master;
    const char *name = "master_requests_total";
    family(page, name, "counter", "Requests to the master.");
    labelled(page, name, "request", "register", master->registers_sent);
    labelled(page, name, "request", "heartbeat", master->heartbeats_sent);
    labelled(page, name, "request", "key", master->key_fetches_sent);
    name = "master_failures_total";
    family(page, name, "counter", "Requests to the master that failed.");
    labelled(page, name, "request", "register", master->registers_failed);
    labelled(page, name, "request", "heartbeat", master->heartbeats_failed);
    labelled(page, name, "request", "key", master->key_fetches_failed);
    name = "master_answers_total";
    family(page, name, "counter", "What became of requests to the master.");
    for (int i = 0; i < WR_MASTER_STATUS_COUNT; i++)
        labelled(page, name, "status", wr_master_status_name((enum wr_master_status)i),
                 master->answers[i]);
    counter(page, "master_late_answers_total", "Answers that were not waited for any more.",
            master->late_answers);
    counter(page, "master_keys_learned_total", "Answers of the master whose key was taken.",
            master->keys_learned);
    counter(page, "master_keys_conflicting_total",
            "Answers of the master whose key is not among the pinned ones.",
            master->keys_conflicting);
}

static void put_process(const struct page *page, const struct rd_status *status)
{
    gauge(page, "ready", "1 where the relay takes new sessions.", status->ready);
    gauge(page, "registered_with_master", "1 where the last word with the master went well.",
          status->registered);
    gauge(page, "has_master_key", "1 where a key is in the ring.", status->has_master_key);
    gauge(page, "standalone", "1 where the relay has no master by intent.", status->standalone);
    gauge(page, "draining", "1 from the moment the relay takes no new sessions.", status->draining);
    gauge(page, "workers", "Threads that forward.", status->workers);
    counter(page, "log_lines_suppressed_total", "Log lines kept back by rate limits.",
            status->log_lines_suppressed);
    counter(page, "log_lines_dropped_total", "Log lines lost because nobody read them in time.",
            status->log_lines_dropped);
    family(page, "build_info", "gauge", "Always 1; the label says which version runs.");
    labelled(page, "build_info", "version", status->version, 1);
}

/* ---- Histograms --------------------------------------------------------------------------------
 */

/* `value` units of 1 / `per_one`, as a decimal without needless zeros. */
static const char *decimal(uint64_t value, uint64_t per_one, char text[48])
{
    int length = snprintf(text, 48, "%" PRIu64, value / per_one);
    uint64_t rest = value % per_one;
    if (rest > 0)
        text[length++] = '.';
    for (; rest > 0; rest %= per_one) {
        rest *= 10;
        text[length++] = (char)('0' + rest / per_one);
    }
    text[length] = '\0';
    return text;
}

/* `per_one`: 10⁹ for nanoseconds shown in seconds, 1 for what is counted. */
static void put_histogram(const struct page *page, const char *name, const char *help,
                          const struct rd_histogram *histogram, uint64_t per_one)
{
    char bound[48];
    char bucket[64];
    uint64_t below = 0;
    (void)snprintf(bucket, sizeof bucket, "%s_bucket", name);
    family(page, name, "histogram", help);
    for (uint32_t i = 0; i < histogram->bound_count; i++) {
        below += histogram->counts[i];
        labelled(page, bucket, "le", decimal(histogram->bounds[i], per_one, bound), below);
    }
    below += histogram->counts[histogram->bound_count];
    labelled(page, bucket, "le", "+Inf", below);
    fprintf(page->out, PREFIX "%s_sum{relay_id=\"%s\"} %s\n", name, page->relay_id,
            decimal(histogram->sum, per_one, bound));
    fprintf(page->out, PREFIX "%s_count{relay_id=\"%s\"} %" PRIu64 "\n", name, page->relay_id,
            below);
}

char *rd_metrics_prometheus(const struct rd_status *status, size_t *bytes)
{
    char *text = NULL;
    struct page page = {.out = open_memstream(&text, bytes)};
    if (page.out == NULL)
        return NULL;
    escape_label(status->relay_id, page.relay_id);
    put_upstream(&page, status);
    put_decisions(&page, &status->sum.core.counters);
    put_moving(&page, &status->sum.core.counters);
    put_sessions(&page, status);
    put_verification(&page, status);
    put_histogram(&page, "forward_latency_seconds",
                  "Time from receiving a datagram to handing it to the kernel again.",
                  &status->sum.forward_latency_ns, WR_S);
    put_histogram(&page, "receive_batch_datagrams", "Datagrams that one receive brought.",
                  &status->sum.batch_size, 1);
    put_net(&page, &status->sum.net);
    put_master(&page, status);
    put_process(&page, status);

    bool failed = ferror(page.out) != 0;
    failed = fclose(page.out) != 0 || failed;
    if (failed) {
        free(text);
        return NULL;
    }
    return text;
}
