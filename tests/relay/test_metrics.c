#include "metrics.h"

#include "lease.h"
#include "status_of_numbers.h"
#include "wire.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *prometheus(const struct rd_status *status)
{
    size_t bytes = 0;
    char *text = rd_metrics_prometheus(status, &bytes);
    cr_assert_not_null(text);
    cr_assert_eq(strlen(text), bytes);
    return text;
}

static uint32_t occurrences(const char *text, const char *needle)
{
    uint32_t found = 0;
    for (; (text = strstr(text, needle)) != NULL; text += strlen(needle))
        found++;
    return found;
}

/* The page has this very line, once. */
static void expect_line(const char *page, const char *line)
{
    char whole[512];
    (void)snprintf(whole, sizeof whole, "\n%s\n", line);
    cr_expect_eq(occurrences(page, whole), 1, "%s", line);
}

static void expect_sample(const char *page, const char *name, const char *more, uint64_t value)
{
    char line[512];
    (void)snprintf(line, sizeof line, "wavry_relay_%s{relay_id=\"relay-1\"%s} %" PRIu64, name, more,
                   value);
    expect_line(page, line);
}

static void expect_labelled(const char *page, const char *name, const char *label, const char *is,
                            uint64_t value)
{
    char more[128];
    (void)snprintf(more, sizeof more, ",%s=\"%s\"", label, is);
    expect_sample(page, name, more, value);
}

Test(metrics, upstreams_counters_keep_their_names_and_their_values)
{
    struct rd_status status = status_of_numbers();
    char *page = prometheus(&status);
#define EXPECT_UPSTREAM(name) expect_sample(page, #name, "", status.sum.core.counters.name);
    WR_COUNTERS(EXPECT_UPSTREAM)
    expect_sample(page, "active_sessions", "", status.sum.core.sessions_active);
    expect_line(page, "# TYPE wavry_relay_active_sessions gauge");
    expect_sample(page, "uptime_seconds", "", status.uptime_secs);
    expect_line(page, "# TYPE wavry_relay_uptime_seconds gauge");
    free(page);
}

Test(metrics, every_outcome_and_verdict_has_a_sample)
{
    struct rd_status status = status_of_numbers();
    const struct wr_counters *counters = &status.sum.core.counters;
    char *page = prometheus(&status);
    for (int i = 0; i < WR_OUTCOME_COUNT; i++)
        expect_labelled(page, "outcomes_total", "outcome", wr_outcome_name((enum wr_outcome)i),
                        counters->outcomes[i]);
    for (int i = 0; i < WR_VERDICT_COUNT; i++)
        expect_labelled(page, "verdicts_total", "verdict", wr_verdict_name((enum wr_verdict)i),
                        counters->verdicts[i]);
    free(page);
}

Test(metrics, rejects_are_verdicts_by_the_reason_on_the_wire)
{
    struct rd_status status = status_of_numbers();
    const uint64_t *verdicts = status.sum.core.counters.verdicts;
    char *page = prometheus(&status);
    expect_labelled(page, "rejects_total", "reason", "expired", verdicts[WR_VERDICT_EXPIRED]);
    expect_labelled(page, "rejects_total", "reason", "wrong_relay",
                    verdicts[WR_VERDICT_WRONG_RELAY]);
    expect_labelled(page, "rejects_total", "reason", "banned", verdicts[WR_VERDICT_BANNED]);
    expect_labelled(page, "rejects_total", "reason", "session_full",
                    verdicts[WR_VERDICT_SHED] + verdicts[WR_VERDICT_FULL] +
                        verdicts[WR_VERDICT_DRAINING]);
    expect_labelled(page, "rejects_total", "reason", "rate_limited",
                    verdicts[WR_VERDICT_IDENTITY_LIMITED] + verdicts[WR_VERDICT_QUEUE_DROPPED]);
    cr_expect_eq(occurrences(page, "\nwavry_relay_rejects_total{"), 6);
    cr_expect_eq(occurrences(page, "reason=\"none\""), 0);
    free(page);
}

Test(metrics, our_own_counters_are_all_there)
{
    struct rd_status status = status_of_numbers();
    const struct wr_counters *own = &status.sum.core.counters;
    char *page = prometheus(&status);
    expect_labelled(page, "candidates_total", "by", "token", own->candidates_by_token);
    expect_labelled(page, "candidates_total", "by", "forward", own->candidates_by_forward);
    expect_labelled(page, "promotions_total", "rule", "cookie", own->promotions_by_cookie);
    expect_labelled(page, "promotions_total", "rule", "forward", own->promotions_by_forward);
    expect_labelled(page, "promotions_total", "rule", "token", own->promotions_by_token);
    expect_labelled(page, "reversions_total", "rule", "cookie", own->reversions_by_cookie);
    expect_labelled(page, "reversions_total", "rule", "forward", own->reversions_by_forward);
    expect_labelled(page, "reversions_total", "rule", "token", own->reversions_by_token);
    expect_labelled(page, "promotions_refused_total", "reason", "unsilent",
                    own->promotions_refused_unsilent);
    expect_labelled(page, "promotions_refused_total", "reason", "sequence",
                    own->promotions_refused_sequence);
    expect_labelled(page, "promotions_refused_total", "reason", "loser",
                    own->promotions_refused_loser);
    expect_sample(page, "soft_limit_crossings_total", "", own->soft_limit_crossings);
    expect_sample(page, "verifications_requested_total", "", own->verifications_requested);
    expect_sample(page, "verification_cache_hits_total", "", own->verification_cache_hits);
    expect_sample(page, "rejects_sent_total", "", own->rejects_sent);
    expect_sample(page, "rejects_withheld_total", "", own->rejects_withheld);
    expect_sample(page, "acks_sent_total", "", own->acks_sent);
    expect_sample(page, "key_ring_changes_total", "", own->key_ring_changes);
    expect_sample(page, "keys_refused_total", "", own->key_refused);
    expect_sample(page, "sessions_created_total", "", own->sessions_created);
    expect_sample(page, "sessions_released_total", "", own->sessions_released);
    expect_sample(page, "sessions_revoked_total", "", own->sessions_revoked);
    expect_sample(page, "sessions_banned_total", "", own->sessions_banned);
    free(page);
}

Test(metrics, gauges_and_what_the_process_did)
{
    struct rd_status status = status_of_numbers();
    const struct wr_snapshot *core = &status.sum.core;
    char *page = prometheus(&status);
    expect_labelled(page, "sessions", "state", "waiting", core->sessions_waiting);
    expect_labelled(page, "sessions", "state", "active", core->sessions_active);
    expect_sample(page, "max_sessions", "", 1000);
    expect_sample(page, "held_datagrams", "", core->held);
    expect_sample(page, "leases_pending", "", core->pending);
    expect_sample(page, "verification_queue_depth", "", core->queue_depth);
    expect_sample(page, "verification_rate_limit", "", 12345);
    expect_sample(page, "verifications_total", "", status.verifications_done);
    expect_sample(page, "keys", "", 8);
    expect_sample(page, "key_ring_generation", "", core->key_ring_generation);
    expect_sample(page, "ready", "", 1);
    expect_sample(page, "registered_with_master", "", 1);
    expect_sample(page, "has_master_key", "", 1);
    expect_sample(page, "standalone", "", 0);
    expect_sample(page, "draining", "", 0);
    expect_sample(page, "workers", "", 4);
    expect_sample(page, "log_lines_suppressed_total", "", status.log_lines_suppressed);
    expect_sample(page, "log_lines_dropped_total", "", status.log_lines_dropped);
    expect_labelled(page, "build_info", "version", "1.2.3", 1);
#define EXPECT_NET(name) expect_sample(page, "net_" #name "_total", "", status.sum.net.name);
    RD_NET_COUNTERS(EXPECT_NET)
    free(page);
}

Test(metrics, the_master_by_request_and_by_status)
{
    struct rd_status status = status_of_numbers();
    const struct wr_master_counters *master = &status.master;
    char *page = prometheus(&status);
    expect_labelled(page, "master_requests_total", "request", "register", master->registers_sent);
    expect_labelled(page, "master_requests_total", "request", "heartbeat", master->heartbeats_sent);
    expect_labelled(page, "master_requests_total", "request", "key", master->key_fetches_sent);
    expect_labelled(page, "master_failures_total", "request", "register", master->registers_failed);
    expect_labelled(page, "master_failures_total", "request", "heartbeat",
                    master->heartbeats_failed);
    expect_labelled(page, "master_failures_total", "request", "key", master->key_fetches_failed);
    for (int i = 0; i < WR_MASTER_STATUS_COUNT; i++)
        expect_labelled(page, "master_answers_total", "status",
                        wr_master_status_name((enum wr_master_status)i), master->answers[i]);
    expect_sample(page, "master_late_answers_total", "", master->late_answers);
    expect_sample(page, "master_keys_learned_total", "", master->keys_learned);
    expect_sample(page, "master_keys_conflicting_total", "", master->keys_conflicting);
    free(page);
}

Test(metrics, times_are_exact_seconds)
{
    struct rd_status status = status_of_numbers();
    status.sum.core.counters.verification_wait_ns = UINT64_MAX;
    status.verification_busy_ns = 1000000001;
    char *page = prometheus(&status);
    expect_line(page, "wavry_relay_verification_wait_seconds_total{relay_id=\"relay-1\"}"
                      " 18446744073.709551615");
    expect_line(page, "wavry_relay_verification_busy_seconds_total{relay_id=\"relay-1\"}"
                      " 1.000000001");
    free(page);
}

Test(metrics, histograms_are_cumulative_and_in_base_units)
{
    struct rd_status status = status_of_numbers();
    char *page = prometheus(&status);
    expect_labelled(page, "forward_latency_seconds_bucket", "le", "0.000001", 1);
    expect_labelled(page, "forward_latency_seconds_bucket", "le", "0.00005", 21);
    expect_labelled(page, "forward_latency_seconds_bucket", "le", "0.1", 136);
    expect_labelled(page, "forward_latency_seconds_bucket", "le", "+Inf", 141);
    expect_sample(page, "forward_latency_seconds_count", "", 141);
    expect_line(page, "wavry_relay_forward_latency_seconds_sum{relay_id=\"relay-1\"} 7.85926");
    expect_labelled(page, "receive_batch_datagrams_bucket", "le", "32", 0);
    expect_labelled(page, "receive_batch_datagrams_bucket", "le", "64", 7);
    expect_labelled(page, "receive_batch_datagrams_bucket", "le", "4096", 7);
    expect_labelled(page, "receive_batch_datagrams_bucket", "le", "+Inf", 8);
    expect_sample(page, "receive_batch_datagrams_sum", "", 5448);
    expect_sample(page, "receive_batch_datagrams_count", "", 8);
    free(page);
}

/* The family of the sample or comment at `line`: its name up to a blank or brace. */
static size_t name_bytes(const char *line)
{
    return strcspn(line, " {");
}

Test(metrics, every_family_has_one_help_and_one_type_and_no_sample_comes_twice)
{
    struct rd_status status = status_of_numbers();
    char *page = prometheus(&status);
    cr_assert_eq(strncmp(page, "# HELP ", 7), 0);
    char *copy = strdup(page);
    char family[128] = "";
    char *rest = NULL;
    uint32_t families = 0;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char needle[300];
        if (strncmp(line, "# HELP ", 7) == 0) {
            (void)snprintf(family, sizeof family, "%.*s", (int)name_bytes(line + 7), line + 7);
            (void)snprintf(needle, sizeof needle, "# HELP %s ", family);
            cr_expect_eq(occurrences(page, needle), 1, "%s", family);
            (void)snprintf(needle, sizeof needle, "\n# TYPE %s ", family);
            cr_expect_eq(occurrences(page, needle), 1, "%s", family);
            cr_expect_gt(strlen(line + 7), strlen(family) + 5, "%s has no words", family);
            families++;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            cr_expect_eq(strncmp(line + 7, family, name_bytes(line + 7)), 0, "%s", line);
        } else {
            cr_expect_eq(strncmp(line, family, strlen(family)), 0, "%s under %s", line, family);
            (void)snprintf(needle, sizeof needle, "\n%.*s ", (int)(strrchr(line, ' ') - line),
                           line);
            cr_expect_eq(occurrences(page, needle), 1, "%s", needle);
        }
    }
    cr_expect_gt(families, 60);
    free(copy);
    free(page);
}

/* ---- The judgement of Prometheus' own tool -----------------------------------------------------
 */

/* Runs `promtool check metrics`; its exit code, and what it said in `said`. */
static int promtool(const char *page, char *said, size_t room)
{
    char path[] = "/tmp/wavry_metrics_XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    FILE *file = fdopen(fd, "w");
    cr_assert_geq(fputs(page, file), 0);
    cr_assert_eq(fclose(file), 0);
    char command[128];
    (void)snprintf(command, sizeof command, "promtool check metrics <%s 2>&1", path);
    FILE *tool = popen(command, "r");
    cr_assert_not_null(tool);
    size_t bytes = fread(said, 1, room - 1, tool);
    said[bytes] = '\0';
    int code = pclose(tool);
    cr_assert_eq(unlink(path), 0);
    cr_assert(WIFEXITED(code));
    cr_assert_neq(WEXITSTATUS(code), 127,
                  "promtool is not installed; run ci/setup --test (package prometheus)");
    return WEXITSTATUS(code);
}

static const char *const odd_ids[] = {
    "relay-1", "a\"b\\c\nd", "\\", "ends with \\\\\"", "\xff\xfe", "Übung 日本", "}{,=\t#",
};

Test(metrics, promtool_has_no_complaint)
{
    for (size_t i = 0; i < sizeof odd_ids / sizeof odd_ids[0]; i++) {
        struct rd_status status = status_of_numbers();
        status.relay_id = odd_ids[i];
        char *page = prometheus(&status);
        char said[4096];
        cr_expect_eq(promtool(page, said, sizeof said), 0, "%s", said);
        cr_expect_str_empty(said);
        free(page);
    }
}

Test(metrics, promtool_would_complain)
{
    char said[4096];
    cr_expect_neq(promtool("a_counter{x=\"\\q\"} 1\n", said, sizeof said), 0);
    cr_expect_str_not_empty(said);
}

Test(metrics, an_id_is_escaped_as_a_label)
{
    struct rd_status status = status_of_numbers();
    status.relay_id = "a\"b\\c\nd\xff";
    char *page = prometheus(&status);
    expect_line(page, "wavry_relay_keys{relay_id=\"a\\\"b\\\\c\\nd\\\\xff\"} 8");
    free(page);
}

Test(metrics, the_longest_id_is_shown_whole)
{
    static const char *const worst[] = {"\xff", "\\", "x"};
    for (size_t i = 0; i < 3; i++) {
        char id[WR_RELAY_ID_BYTES_MAX + 1];
        memset(id, worst[i][0], sizeof id - 1);
        id[sizeof id - 1] = '\0';
        struct rd_status status = status_of_numbers();
        status.relay_id = id;
        char *page = prometheus(&status);
        const char *shown = strstr(page, "wavry_relay_keys{relay_id=\"") + 27;
        size_t each = i == 0 ? 5 : i == 1 ? 2 : 1;
        cr_expect_eq((size_t)(strstr(shown, "\"} 8\n") - shown), WR_RELAY_ID_BYTES_MAX * each);
        free(page);
    }
}

/* ---- JSON --------------------------------------------------------------------------------------
 */

/* `"name":value` with what delimits it, anywhere in the text. */
static void expect_number(const char *json, const char *name, uint64_t value)
{
    char member[128];
    int length = snprintf(member, sizeof member, "\"%s\":%" PRIu64, name, value);
    const char *at = strstr(json, member);
    cr_assert_not_null(at, "%s", member);
    cr_expect(at[length] == ',' || at[length] == '}', "%s", member);
}

static cJSON *parsed(const char *json)
{
    cJSON *root = cJSON_Parse(json);
    cr_assert_not_null(root, "%s", json);
    return root;
}

Test(metrics, json_numbers_are_exact)
{
    struct rd_status status = status_of_numbers();
    const struct wr_snapshot *core = &status.sum.core;
    char *json = rd_metrics_json(&status);
#define EXPECT_NUMBER(name) expect_number(json, #name, core->counters.name);
    WR_COUNTERS(EXPECT_NUMBER)
    WR_OWN_COUNTERS(EXPECT_NUMBER)
    for (int i = 0; i < WR_OUTCOME_COUNT; i++)
        expect_number(json, wr_outcome_name((enum wr_outcome)i), core->counters.outcomes[i]);
    for (int i = 0; i < WR_VERDICT_COUNT; i++)
        expect_number(json, wr_verdict_name((enum wr_verdict)i), core->counters.verdicts[i]);
#define EXPECT_NET_NUMBER(name) expect_number(json, #name, status.sum.net.name);
    RD_NET_COUNTERS(EXPECT_NET_NUMBER)
#define EXPECT_MASTER_NUMBER(name) expect_number(json, #name, status.master.name);
    WR_MASTER_COUNTERS(EXPECT_MASTER_NUMBER)
    for (int i = 0; i < WR_MASTER_STATUS_COUNT; i++)
        expect_number(json, wr_master_status_name((enum wr_master_status)i),
                      status.master.answers[i]);
    expect_number(json, "sessions_waiting", core->sessions_waiting);
    expect_number(json, "verification_busy_ns", status.verification_busy_ns);
    free(json);
}

Test(metrics, json_has_upstreams_members_first_and_ours_nested)
{
    struct rd_status status = status_of_numbers();
    char *json = rd_metrics_json(&status);
    cJSON *root = parsed(json);
    static const char *const nested[] = {"own",
                                         "outcomes",
                                         "verdicts",
                                         "rejects",
                                         "net",
                                         "master",
                                         "state",
                                         "forward_latency_ns",
                                         "receive_batch_datagrams"};
    int upstream = 0;
    for (const cJSON *item = root->child; item != NULL; item = item->next)
        upstream += cJSON_IsNumber(item);
    cr_expect_eq(upstream, 23);
    cr_expect_eq(cJSON_GetArraySize(root), 23 + 9);
    for (size_t i = 0; i < 9; i++)
        cr_expect(cJSON_IsObject(cJSON_GetObjectItem(root, nested[i])), "%s", nested[i]);
    cr_expect_str_eq(root->child->string, "packets_rx");
    const cJSON *latency = cJSON_GetObjectItem(root, "forward_latency_ns");
    const cJSON *buckets = cJSON_GetObjectItem(latency, "buckets");
    cr_expect_eq(cJSON_GetArraySize(buckets), (int)rd_latency_bound_count);
    const cJSON *last = cJSON_GetArrayItem(buckets, (int)rd_latency_bound_count - 1);
    cr_expect_eq(cJSON_GetObjectItem(last, "le")->valueint, 100000000);
    cr_expect_eq(cJSON_GetObjectItem(last, "count")->valueint, 136);
    cr_expect_eq(cJSON_GetObjectItem(latency, "count")->valueint, 141);
    cJSON_Delete(root);
    free(json);
}

Test(metrics, health_is_what_the_protocol_says_and_no_more)
{
    struct rd_status status = status_of_numbers();
    status.sum.core.sessions_waiting = 2;
    status.sum.core.sessions_active = 5;
    status.uptime_secs = 77;
    char *json = rd_health_json(&status);
    char head[512];
    (void)snprintf(head, sizeof head,
                   "{\"relay_id\":\"relay-1\",\"status\":\"ok\",\"ready\":true,"
                   "\"has_master_key\":true,\"registered_with_master\":true,"
                   "\"active_sessions\":5,\"total_sessions\":7,\"max_sessions\":1000,"
                   "\"uptime_secs\":77,\"metrics\":{\"packets_rx\":%" PRIu64 ",",
                   NUMBERS_FROM);
    cr_expect_eq(strncmp(json, head, strlen(head)), 0, "%s", json);
#define EXPECT_HEALTH(name) expect_number(json, #name, status.sum.core.counters.name);
    WR_COUNTERS(EXPECT_HEALTH)
    cJSON *root = parsed(json);
    cr_expect_eq(cJSON_GetArraySize(root), 10);
    cr_expect_eq(cJSON_GetArraySize(cJSON_GetObjectItem(root, "metrics")), 23);
    cJSON_Delete(root);
    free(json);
}

Test(metrics, ready_is_two_members)
{
    struct rd_status status = status_of_numbers();
    char *json = rd_ready_json(&status);
    cr_expect_str_eq(json, "{\"relay_id\":\"relay-1\",\"ready\":true}\n");
    free(json);
    status.ready = false;
    json = rd_ready_json(&status);
    cr_expect_str_eq(json, "{\"relay_id\":\"relay-1\",\"ready\":false}\n");
    free(json);
}

Test(metrics, an_odd_id_leaves_json_well_formed)
{
    for (size_t i = 0; i < sizeof odd_ids / sizeof odd_ids[0]; i++) {
        struct rd_status status = status_of_numbers();
        status.relay_id = odd_ids[i];
        char *json = rd_health_json(&status);
        cJSON *root = parsed(json);
        const char *shown = cJSON_GetObjectItem(root, "relay_id")->valuestring;
        cr_expect_str_eq(shown, i == 4 ? "\\xff\\xfe" : odd_ids[i]);
        cJSON_Delete(root);
        free(json);
    }
}
