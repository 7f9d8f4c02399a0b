#include <criterion/criterion.h>

#include "master_bench.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const plain[] = {NULL};

static const char *text_of(const cJSON *event, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(event, name)->valuestring;
}

static int number_of(const cJSON *event, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(event, name)->valueint;
}

/* A header of a recorded request; "" where there is none. */
static const char *header_of(const cJSON *event, const char *name)
{
    const cJSON *pair;
    cJSON_ArrayForEach(pair, cJSON_GetObjectItemCaseSensitive(event, "headers"))
    {
        if (strcasecmp(cJSON_GetArrayItem(pair, 0)->valuestring, name) == 0)
            return cJSON_GetArrayItem(pair, 1)->valuestring;
    }
    return "";
}

/* ---- What is sent ---------------------------------------------------------------------------- */

Test(master_client, registers_and_beats_as_the_real_master_wants_it)
{
    struct bench bench;
    bench_set_up(&bench, plain);
    bench.load_pct = 42;
    bench_start_client(&bench);
    cJSON *reg = bench_await(&bench, "request", "register");
    cr_expect_str_eq(text_of(reg, "body"),
                     "{\"relay_id\":\"relay-1\",\"endpoints\":[\"127.0.0.1:4000\"],\"region\":null,"
                     "\"asn\":null,\"max_sessions\":100,\"max_bitrate_kbps\":20000,"
                     "\"features\":[\"ipv4\"]}");
    cr_expect_eq(number_of(reg, "status"), 200, "%s", text_of(reg, "problem"));
    cr_expect_str_eq(header_of(reg, "authorization"), "Bearer " BENCH_TOKEN);
    cr_expect_str_eq(header_of(reg, "content-type"), "application/json");
    cr_expect_str_eq(header_of(reg, "user-agent"), "wavry-relay/" WAVRY_VERSION);
    cr_expect_str_eq(header_of(reg, "expect"), "");
    cr_expect_str_eq(header_of(reg, "cookie"), "");
    bench_await_registered(&bench, 1);
    cr_expect(rd_master_client_registered(bench.client));
    bench_await_keys(&bench, 1);
    cr_expect_str_eq(bench.last_kid, "k1");
    cr_expect_eq(bench.last_key[31], 7);

    for (int i = 0; i < 2; i++) {
        cJSON *beat = bench_await(&bench, "request", "heartbeat");
        cr_expect_str_eq(text_of(beat, "body"), "{\"relay_id\":\"relay-1\",\"load_pct\":42}");
        cr_expect_eq(number_of(beat, "status"), 200);
        cr_expect_eq(number_of(beat, "connection"), number_of(reg, "connection"), "kept alive");
        cJSON_Delete(beat);
    }
    cr_expect_eq(bench_counters(&bench).registers_sent, 1);
    cr_expect_eq(bench_counters(&bench).registers_failed, 0);
    cJSON_Delete(reg);
    bench_tear_down(&bench);
}

static void expect_interval(const char *given_ms, const char *logged)
{
    struct bench bench;
    char line[1024];
    bench_set_up(&bench, (const char *const[]){"--interval-ms", given_ms, NULL});
    bench_start_client(&bench);
    captured_log_await("info master_registered", logged, line);
    bench_tear_down(&bench);
}

Test(master_client, an_interval_too_short_is_half_a_second)
{
    expect_interval("1", "heartbeat_interval_ms=500");
}

Test(master_client, an_interval_too_long_is_a_minute)
{
    expect_interval("4000000000", "heartbeat_interval_ms=60000");
}

Test(master_client, the_interval_of_the_master_is_kept)
{
    expect_interval("5000", "heartbeat_interval_ms=5000");
}

Test(master_client, draining_says_full_load_at_once)
{
    struct bench bench;
    bench_set_up(&bench, (const char *const[]){"--interval-ms", "60000", NULL});
    bench_start_client(&bench);
    bench_await_registered(&bench, 1);
    rd_master_client_drain(bench.client);
    cJSON *beat = bench_await(&bench, "request", "heartbeat");
    cr_expect_str_eq(text_of(beat, "body"), "{\"relay_id\":\"relay-1\",\"load_pct\":100}");
    cJSON_Delete(beat);
    bench_tear_down(&bench);
}

Test(master_client, no_proxy_of_the_environment_is_asked)
{
    struct bench bench;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    bench_set_up(&bench, plain);
    bench_start_client(&bench);
    bench_await_registered(&bench, 1);
    bench_tear_down(&bench);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

Test(master_client, an_unknown_kid_fetches_the_key_and_a_new_one_is_learned)
{
    struct bench bench;
    char line[1024];
    bench_set_up(&bench, plain);
    bench_start_client(&bench);
    captured_log_await("info master_key_learned", "kid=k1", line);
    bench_await_registered(&bench, 1);
    bench_order(&bench, "{\"rotate\":{\"kid\":\"k2\",\"public_hex\":\"" BENCH_KEY "\"}}");
    rd_master_client_key_wanted(bench.client);
    cJSON *fetch = bench_await(&bench, "request", "key");
    cr_expect_str_eq(text_of(fetch, "method"), "GET");
    cr_expect_str_eq(text_of(fetch, "path"), "/.well-known/wavry-id");
    cr_expect_str_eq(text_of(fetch, "body"), "");
    captured_log_await("info master_key_learned", "kid=k2", line);
    bench_await_keys(&bench, 2);
    cr_expect_str_eq(bench.last_kid, "k2");
    cJSON_Delete(fetch);
    bench_tear_down(&bench);
}

Test(master_client, with_pinned_keys_another_one_is_an_error_and_counted)
{
    struct bench bench;
    char line[1024];
    bench_set_up(&bench, plain);
    bench_pin(&bench, 8);
    bench_start_client(&bench);
    captured_log_await("error master_key_conflict", "kid=k1", line);
    cr_expect_eq(bench_counters(&bench).keys_conflicting, 1);
    cr_expect_eq(bench_counters(&bench).keys_learned, 0);
    bench_await_registered(&bench, 1);
    cr_expect_eq(bench.keys, 0);
    bench_tear_down(&bench);
}

Test(master_client, a_pinned_key_that_the_master_has_too_is_no_conflict)
{
    struct bench bench;
    bench_set_up(&bench, plain);
    bench_pin(&bench, 7);
    bench_start_client(&bench);
    bench_await_gone(&bench, "request", "heartbeat");
    cr_expect_eq(bench_counters(&bench).keys_conflicting, 0);
    cr_expect_eq(bench.keys, 0);
    bench_tear_down(&bench);
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* A master that answers registrations so: it is a failure of this kind, and the log says it. */
static void expect_failure(const char *behaviour, enum wr_master_status status, const char *words)
{
    struct bench bench;
    char order[256], wanted[64], line[1024];
    bench_set_up(&bench, plain);
    snprintf(order, sizeof order, "{\"set\":\"register\",\"behaviour\":%s}", behaviour);
    bench_order(&bench, order);
    bench_start_client(&bench);
    snprintf(wanted, sizeof wanted, " result=%s ", wr_master_status_name(status));
    captured_log_await("master_request_failed request=register", NULL, line);
    cr_expect_not_null(strstr(line, wanted), "%s: %s", behaviour, line);
    cr_expect_not_null(strstr(line, words), "%s: %s", behaviour, line);
    /* The second try is on its way: the first one has been counted. */
    bench_await_gone(&bench, "request", "register");
    bench_await_gone(&bench, "request", "register");
    cr_expect_geq(bench_counters(&bench).answers[status], 1, "%s", behaviour);
    cr_expect_geq(bench_counters(&bench).registers_failed, 1);
    cr_expect_not(rd_master_client_registered(bench.client));
    cr_expect_eq(bench.keys, 0);
    bench_tear_down(&bench);
}

#define STATUS(n) "\"status\",\"value\":" #n

Test(master_client, a_refused_token)
{
    expect_failure(STATUS(401), WR_MASTER_UNAUTHORIZED, "error master_request_failed");
}

Test(master_client, too_many_relays)
{
    expect_failure(STATUS(403), WR_MASTER_FORBIDDEN, "too many relays on this IP");
}

Test(master_client, a_bad_request)
{
    expect_failure(STATUS(400), WR_MASTER_BAD_REQUEST, "http_status=400");
}

Test(master_client, a_page_that_is_not_there)
{
    expect_failure(STATUS(404), WR_MASTER_NOT_FOUND, "is --master-url a master's?");
}

Test(master_client, an_error_of_the_masters)
{
    expect_failure(STATUS(500), WR_MASTER_OTHER, "http_status=500");
}

Test(master_client, another_success_than_200)
{
    expect_failure(STATUS(201), WR_MASTER_OTHER, "http_status=201");
}

Test(master_client, garbage)
{
    expect_failure("\"garbage\"", WR_MASTER_GARBAGE, "http_status=200");
}

Test(master_client, an_empty_answer)
{
    expect_failure("\"empty\"", WR_MASTER_GARBAGE, "http_status=200");
}

Test(master_client, an_answer_one_byte_too_long)
{
    expect_failure("\"huge\",\"value\":65537", WR_MASTER_GARBAGE, "too long");
}

Test(master_client, an_endless_answer_in_chunks)
{
    expect_failure("\"huge_chunked\",\"value\":10000000", WR_MASTER_GARBAGE, "too long");
}

Test(master_client, endless_header_lines)
{
    expect_failure("\"huge_headers\"", WR_MASTER_GARBAGE, "too long");
}

Test(master_client, a_connection_that_closes)
{
    expect_failure("\"close\"", WR_MASTER_UNREACHABLE, "http_status=0");
}

Test(master_client, an_answer_cut_short)
{
    expect_failure("\"cut\"", WR_MASTER_UNREACHABLE, "reason=transfer closed");
}

Test(master_client, a_server_that_speaks_no_http)
{
    expect_failure("\"not_http\"", WR_MASTER_UNREACHABLE, "HTTP/0.9");
}

Test(master_client, a_redirect_is_not_followed)
{
    struct bench bench;
    char line[1024], order[RD_TEXT_MAX + 128];
    bench_set_up(&bench, plain);
    snprintf(order, sizeof order,
             "{\"set\":\"register\",\"behaviour\":\"redirect\",\"value\":\"%s/.well-known/"
             "wavry-id\"}",
             bench.options.master_url);
    bench_order(&bench, order);
    bench_start_client(&bench);
    captured_log_await("result=other http_status=307", "redirects are not followed", line);
    bench_await_gone(&bench, "request", "register");
    cJSON *next = bench_next(&bench);
    cr_expect_str_eq(text_of(next, "endpoint"), "register", "it is tried again, nothing else");
    cJSON_Delete(next);
    bench_tear_down(&bench);
}

Test(master_client, an_answer_of_the_full_length_and_of_another_type_is_fine)
{
    struct bench bench;
    bench_set_up(&bench, plain);
    bench_order(&bench, "{\"set\":\"register\",\"behaviour\":\"huge_chunked\",\"value\":65536}");
    bench_order(&bench,
                "{\"set\":\"heartbeat\",\"behaviour\":\"content_type\",\"value\":\"text/plain\"}");
    bench_start_client(&bench);
    bench_await_registered(&bench, 1);
    bench_tear_down(&bench);
}

Test(master_client, a_master_that_is_not_there)
{
    struct bench bench;
    char line[1024];
    bench_set_up(&bench, plain);
    bench_order(&bench, "{\"stop\":true}");
    bench_start_client(&bench);
    captured_log_await("master_request_failed", "result=unreachable", line);
    cr_expect_not_null(strstr(line, "Failed to connect"), "%s", line);
    bench_order(&bench, "{\"start\":true}");
    bench_await_registered(&bench, 1);
    bench_tear_down(&bench);
}

/* Options let no such bitrate through: what is seen here is any registration that is refused. */
Test(master_client, a_registration_that_the_master_does_not_understand)
{
    struct bench bench;
    char line[1024];
    bench_set_up(&bench, plain);
    bench.options.max_bitrate_kbps = 9999;
    bench_start_client(&bench);
    captured_log_await("error master_request_failed", "result=bad_request", line);
    cr_expect_not_null(strstr(line, "compare their versions"), "%s", line);
    bench_tear_down(&bench);
}

Test(master_client, a_master_that_forgot_us_is_registered_with_again)
{
    struct bench bench;
    char line[1024];
    bench_set_up(&bench, plain);
    bench_start_client(&bench);
    bench_await_registered(&bench, 1);
    bench_order(&bench, "{\"forget\":true}");
    captured_log_await("request=heartbeat result=not_found", "registering again", line);
    captured_log_await("warn master_lost", NULL, line);
    bench_await_lost(&bench, 1);
    bench_await_registered(&bench, 2);
    bench_await_gone(&bench, "request", "register");
    bench_await_gone(&bench, "request", "register");
    cr_expect_eq(bench_counters(&bench).registers_sent, 2);
    bench_tear_down(&bench);
}

Test(master_client, six_heartbeats_that_fail_in_a_row_register_again)
{
    struct bench bench;
    bench_set_up(&bench, plain);
    bench_order(&bench, "{\"set\":\"heartbeat\",\"behaviour\":" STATUS(401) "}");
    bench_start_client(&bench);
    bench_await_gone(&bench, "request", "register");
    for (int i = 0; i < 6; i++) {
        cJSON *beat = bench_await(&bench, "request", NULL);
        cr_expect_str_eq(text_of(beat, "endpoint"), "heartbeat");
        cJSON_Delete(beat);
    }
    cJSON *again = bench_await(&bench, "request", NULL);
    cr_expect_str_eq(text_of(again, "endpoint"), "register");
    cJSON_Delete(again);
    bench_tear_down(&bench);
}

Test(master_client, a_heartbeat_that_fails_once_is_made_up_for_by_the_next)
{
    struct bench bench;
    bench_set_up(&bench, plain);
    bench_start_client(&bench);
    bench_await_registered(&bench, 1);
    bench_order(&bench, "{\"once\":\"heartbeat\",\"behaviour\":\"garbage\"}");
    bench_await_lost(&bench, 1);
    bench_await_registered(&bench, 2);
    cr_expect_eq(bench_counters(&bench).registers_sent, 1);
    bench_tear_down(&bench);
}

/* ---- Masters that hang ----------------------------------------------------------------------- */

static uint64_t real_seconds(void)
{
    return (uint64_t)time(NULL);
}

/* At once: far below every time limit of a request, which is 10 s. */
static void expect_stop_at_once(struct bench *bench)
{
    uint64_t before = real_seconds();
    rd_master_client_stop(bench->client);
    cr_expect_leq(real_seconds() - before, 4);
    bench->client = NULL;
}

Test(master_client, stops_at_once_though_the_master_hangs, .timeout = 60)
{
    struct bench bench;
    bench_set_up(&bench, plain);
    bench_order(&bench, "{\"set\":\"register\",\"behaviour\":\"hang\"}");
    bench_start_client(&bench);
    bench_await_gone(&bench, "request", "register");
    expect_stop_at_once(&bench);
    bench_await_gone(&bench, "hung_up", NULL);
    bench_tear_down(&bench);
}

static void give_up_on(const char *behaviour)
{
    struct bench bench;
    char line[1024], order[128];
    bench_set_up(&bench, plain);
    bench_pin(&bench, 7);
    snprintf(order, sizeof order, "{\"once\":\"register\",\"behaviour\":%s}", behaviour);
    bench_order(&bench, order);
    bench_start_client(&bench);
    bench_await_gone(&bench, "request", "register");
    bench_pass(&bench, 10 * WR_S);
    captured_log_await("warn master_request_failed request=register", "result=timed_out", line);
    bench_await_gone(&bench, "hung_up", NULL);
    bench_pass(&bench, 1 * WR_S);
    bench_await_registered(&bench, 1);
    cr_expect_eq(bench_counters(&bench).answers[WR_MASTER_TIMED_OUT], 1);
    cr_expect_eq(bench_counters(&bench).late_answers, 0, "it was given up for good");
    bench_tear_down(&bench);
}

Test(master_client, gives_up_after_ten_seconds_and_tries_again)
{
    give_up_on("\"hang\"");
}

Test(master_client, gives_up_on_an_answer_that_trickles)
{
    give_up_on("\"dribble\",\"value\":1");
}

static int resolver_reached[2];

/* A name server that hangs, for one name. libcurl finds this one before the C library's. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    (void)service;
    (void)hints;
    *out = NULL;
    if (name != NULL && strcmp(name, "hangs.test") == 0) {
        cr_assert_eq(write(resolver_reached[1], "", 1), 1);
        for (;;)
            pause();
    }
    return EAI_NONAME;
}

Test(master_client, stops_at_once_though_the_name_server_hangs, .timeout = 60)
{
    struct bench bench;
    char byte;
    cr_assert_eq(pipe(resolver_reached), 0);
    bench_set_up(&bench, plain);
    strcpy(bench.options.master_url, "http://hangs.test:8080");
    bench_start_client(&bench);
    cr_assert_eq(read(resolver_reached[0], &byte, 1), 1);
    expect_stop_at_once(&bench);
    bench_tear_down(&bench);
}

Test(master_client, a_name_that_nobody_knows)
{
    struct bench bench;
    char line[1024];
    bench_set_up(&bench, plain);
    strcpy(bench.options.master_url, "http://unknown.test:8080");
    bench_start_client(&bench);
    captured_log_await("result=unreachable", "Could not resolve host", line);
    bench_tear_down(&bench);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static void set_up_tls(struct bench *bench, char *folder, const char *names)
{
    cr_assert_not_null(mkdtemp(folder));
    unsetenv("CURL_CA_BUNDLE");
    unsetenv("SSL_CERT_FILE");
    bench_set_up(bench,
                 (const char *const[]){"--tls-self-signed", folder, "--tls-names", names, NULL});
}

static void tear_down_tls(struct bench *bench, const char *folder)
{
    char path[128];
    bench_tear_down(bench);
    snprintf(path, sizeof path, "%s/certificate.pem", folder);
    cr_expect_eq(unlink(path), 0);
    snprintf(path, sizeof path, "%s/certificate.key", folder);
    cr_expect_eq(unlink(path), 0);
    cr_expect_eq(rmdir(folder), 0);
}

Test(master_client, a_certificate_that_nobody_vouches_for_is_refused)
{
    struct bench bench;
    char folder[] = "/tmp/wavry-master-XXXXXX", line[1024];
    set_up_tls(&bench, folder, "IP:127.0.0.1");
    bench_start_client(&bench);
    captured_log_await("result=unreachable http_status=0", "certificate", line);
    bench_await_gone(&bench, "tls_failure", NULL);
    cr_expect_not(bench_has_come(&bench, "register"));
    tear_down_tls(&bench, folder);
}

static void expect_trusted_by(const char *variable)
{
    struct bench bench;
    char folder[] = "/tmp/wavry-master-XXXXXX";
    set_up_tls(&bench, folder, "IP:127.0.0.1");
    setenv(variable, bench.certificate, 1);
    bench_start_client(&bench);
    bench_await_registered(&bench, 1);
    tear_down_tls(&bench, folder);
}

Test(master_client, a_certificate_in_ssl_cert_file_is_trusted)
{
    expect_trusted_by("SSL_CERT_FILE");
}

Test(master_client, a_certificate_in_curl_ca_bundle_is_trusted)
{
    expect_trusted_by("CURL_CA_BUNDLE");
}

Test(master_client, a_trusted_certificate_for_another_name_is_refused)
{
    struct bench bench;
    char folder[] = "/tmp/wavry-master-XXXXXX", line[1024];
    set_up_tls(&bench, folder, "DNS:elsewhere.example");
    setenv("SSL_CERT_FILE", bench.certificate, 1);
    bench_start_client(&bench);
    captured_log_await("result=unreachable http_status=0", "127.0.0.1", line);
    cr_expect_not(bench_has_come(&bench, "register"));
    tear_down_tls(&bench, folder);
}

/* ---- Options --------------------------------------------------------------------------------- */

static void expect_refused(const char *url, const char *token, uint32_t advertised,
                           const char *words)
{
    static const struct rd_master_hooks hooks;
    struct rd_options options = {.advertise_count = advertised};
    struct rd_error error = {""};
    strcpy(options.master_url, url);
    strcpy(options.master_auth_token, token);
    cr_expect_null(rd_master_client_start(&options, "r", &hooks, &error));
    cr_expect_not_null(strstr(error.text, words), "%s: %s", url, error.text);
    cr_expect_null(strstr(error.text, "secret"), "%s", error.text);
}

Test(master_client, what_cannot_work_is_refused_at_the_start)
{
    expect_refused("ftp://master.example", "", 1, "--master-url");
    expect_refused("master.example", "", 1, "--master-url");
    expect_refused("http://", "", 1, "--master-url");
    expect_refused("", "", 1, "--master-url");
    expect_refused("http://user:secret@master.example", "", 1, "--master-url");
    expect_refused("http://master.example/?a=secret", "", 1, "--master-url");
    expect_refused("http://master.example/#secret", "", 1, "--master-url");
    expect_refused("http://master.example", "secret\r\nX-Evil: 1", 1, "--master-auth-token");
    expect_refused("http://master.example", "", 0, "--advertise");
}
