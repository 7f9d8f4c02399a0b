#include "master_bench.h"

#include "address.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 60

/* ---- Time ------------------------------------------------------------------------------------ */

static _Atomic uint64_t passed_ns;

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

/* Every clock_gettime that is linked statically: the client's, not libcurl's. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = __real_clock_gettime(clock, time);
    time->tv_sec += (time_t)(atomic_load(&passed_ns) / WR_S);
    return result;
}

void bench_pass(struct bench *bench, uint64_t ns)
{
    cr_assert_gt(bench->options.keys.pinned_count, 0);
    cr_assert_eq(ns % WR_S, 0);
    atomic_fetch_add(&passed_ns, ns);
    rd_master_client_key_wanted(bench->client);
}

/* ---- The child ------------------------------------------------------------------------------- */

static void become_master(const char *const *arguments, int in, int out)
{
    const char *words[16] = {WAVRY_PYTHON, WAVRY_FAKE_MASTER, "--token",
                             BENCH_TOKEN,  "--public-key",    BENCH_KEY};
    size_t count = 6;
    for (; *arguments != NULL && count < 15; arguments++)
        words[count++] = *arguments;
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execv(words[0], (char **)words);
    _exit(127);
}

static void start_master(struct bench *bench, const char *const *arguments)
{
    int in[2], out[2];
    cr_assert_eq(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    bench->child = fork();
    cr_assert_geq(bench->child, 0);
    if (bench->child == 0)
        become_master(arguments, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    bench->orders = in[1];
    bench->events = out[0];
}

/* The next line of the child's as an event; NULL where none is there and none is waited for. */
static cJSON *read_event(struct bench *bench, int timeout_ms)
{
    char *end;
    while ((end = memchr(bench->text, '\n', bench->text_bytes)) == NULL) {
        struct pollfd readable = {.fd = bench->events, .events = POLLIN};
        if (poll(&readable, 1, timeout_ms) == 0)
            return NULL;
        cr_assert_lt(bench->text_bytes, sizeof bench->text);
        ssize_t bytes = read(bench->events, bench->text + bench->text_bytes,
                             sizeof bench->text - bench->text_bytes);
        cr_assert_gt(bytes, 0, "the fake master has ended");
        bench->text_bytes += (size_t)bytes;
    }
    size_t line_bytes = (size_t)(end - bench->text) + 1;
    cJSON *event = cJSON_ParseWithLength(bench->text, line_bytes - 1);
    cr_assert_not_null(event, "not an event: %.*s", (int)line_bytes, bench->text);
    memmove(bench->text, end + 1, bench->text_bytes - line_bytes);
    bench->text_bytes -= line_bytes;
    return event;
}

static bool is_event(const cJSON *event, const char *name, const char *endpoint)
{
    const cJSON *of = cJSON_GetObjectItemCaseSensitive(event, "endpoint");
    return strcmp(cJSON_GetObjectItemCaseSensitive(event, "event")->valuestring, name) == 0 &&
           (endpoint == NULL || (cJSON_IsString(of) && strcmp(of->valuestring, endpoint) == 0));
}

static cJSON *take_early(struct bench *bench)
{
    if (bench->early_count == 0)
        return NULL;
    cJSON *event = bench->early[0];
    memmove(bench->early, bench->early + 1, --bench->early_count * sizeof *bench->early);
    return event;
}

cJSON *bench_next(struct bench *bench)
{
    cJSON *event = take_early(bench);
    if (event == NULL)
        event = read_event(bench, DEADLINE_S * 1000);
    cr_assert_not_null(event, "nothing came");
    return event;
}

cJSON *bench_await(struct bench *bench, const char *name, const char *endpoint)
{
    cJSON *event = bench_next(bench);
    while (!is_event(event, name, endpoint)) {
        cJSON_Delete(event);
        event = bench_next(bench);
    }
    return event;
}

void bench_await_gone(struct bench *bench, const char *event, const char *endpoint)
{
    cJSON_Delete(bench_await(bench, event, endpoint));
}

bool bench_has_come(struct bench *bench, const char *endpoint)
{
    bool has = false;
    cJSON *event;
    while ((event = take_early(bench)) != NULL || (event = read_event(bench, 0)) != NULL) {
        has = has || is_event(event, "request", endpoint);
        cJSON_Delete(event);
    }
    return has;
}

void bench_order(struct bench *bench, const char *command)
{
    cr_assert_gt(dprintf(bench->orders, "%s\n", command), 0);
    for (;;) {
        cJSON *event = read_event(bench, DEADLINE_S * 1000);
        cr_assert_not_null(event, "not obeyed: %s", command);
        if (is_event(event, "done", NULL)) {
            cJSON_Delete(event);
            return;
        }
        cr_assert_lt(bench->early_count, sizeof bench->early / sizeof *bench->early);
        bench->early[bench->early_count++] = event;
    }
}

/* ---- The client ------------------------------------------------------------------------------ */

static uint32_t load_pct(void *context)
{
    return ((struct bench *)context)->load_pct;
}

static void on_key(void *context, const char *kid, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    struct bench *bench = context;
    pthread_mutex_lock(&bench->lock);
    bench->keys++;
    strcpy(bench->last_kid, kid);
    memcpy(bench->last_key, public_key, sizeof bench->last_key);
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static void on_event(void *context, enum wr_master_event event)
{
    struct bench *bench = context;
    pthread_mutex_lock(&bench->lock);
    *(event == WR_MASTER_REGISTERED ? &bench->registered : &bench->lost) += 1;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static void await_count(struct bench *bench, const uint32_t *calls, uint32_t count,
                        const char *what)
{
    struct timespec deadline;
    timespec_get(&deadline, TIME_UTC);
    deadline.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&bench->lock);
    while (*calls < count)
        cr_assert_eq(pthread_cond_timedwait(&bench->changed, &bench->lock, &deadline), 0,
                     "never %s", what);
    pthread_mutex_unlock(&bench->lock);
}

void bench_await_registered(struct bench *bench, uint32_t count)
{
    await_count(bench, &bench->registered, count, "registered");
}

void bench_await_lost(struct bench *bench, uint32_t count)
{
    await_count(bench, &bench->lost, count, "lost");
}

void bench_await_keys(struct bench *bench, uint32_t count)
{
    await_count(bench, &bench->keys, count, "told of a key");
}

void bench_set_up(struct bench *bench, const char *const *arguments)
{
    memset(bench, 0, sizeof *bench);
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    signal(SIGPIPE, SIG_IGN);
    start_master(bench, arguments);
    cJSON *listening = bench_await(bench, "listening", NULL);
    const cJSON *certificate = cJSON_GetObjectItemCaseSensitive(listening, "certificate");
    struct rd_options *options = &bench->options;
    strcpy(options->master_url, cJSON_GetObjectItemCaseSensitive(listening, "url")->valuestring);
    if (cJSON_IsString(certificate))
        snprintf(bench->certificate, sizeof bench->certificate, "%s", certificate->valuestring);
    cJSON_Delete(listening);
    strcpy(options->master_auth_token, BENCH_TOKEN);
    cr_assert(wr_address_parse("127.0.0.1:4000", &options->listen));
    options->advertise[options->advertise_count++] = options->listen;
    options->max_bitrate_kbps = 20000;
    options->core.max_sessions = 100;
}

void bench_pin(struct bench *bench, uint8_t key_of_all)
{
    struct rd_key *key = &bench->options.keys.pinned[bench->options.keys.pinned_count++];
    strcpy(key->kid, "k1");
    memset(key->bytes, key_of_all, sizeof key->bytes);
}

void bench_start_client(struct bench *bench)
{
    const struct rd_master_hooks hooks = {
        .context = bench, .load_pct = load_pct, .key = on_key, .event = on_event};
    struct rd_error error = {""};
    bench->client = rd_master_client_start(&bench->options, "relay-1", &hooks, &error);
    cr_assert_not_null(bench->client, "%s", error.text);
}

struct wr_master_counters bench_counters(const struct bench *bench)
{
    struct wr_master_counters counters;
    rd_master_client_counters(bench->client, &counters);
    return counters;
}

void bench_tear_down(struct bench *bench)
{
    int status;
    rd_master_client_stop(bench->client);
    close(bench->orders); /* the master's sign to end */
    for (cJSON *event; (event = take_early(bench)) != NULL;)
        cJSON_Delete(event);
    cr_expect_eq(waitpid(bench->child, &status, 0), bench->child);
    cr_expect_eq(status, 0);
    close(bench->events);
    cr_expect_not(captured_log_has(BENCH_TOKEN), "the token is in the log");
    cr_expect_not(captured_log_has("07070707"), "a key is in the log");
}
