#include "master_client.h"

#include "clock.h"
#include "log.h"
#include "master_http.h"
#include "master_json.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long the end of a drain waits for a heartbeat that is on its way. */
#define FAREWELL_NS (500 * WR_MS)

struct pins {
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    uint32_t count;
};

/*
 * One thread owns the link and its connections. Others leave orders as flags and wake it; what they
 * may read of the link is published before a hook or the log tells of it, and before each wait.
 */
struct rd_master_client {
    const struct rd_options *options;
    const char *relay_id;
    struct rd_master_hooks hooks;
    struct rd_master_http *http;
    pthread_t thread;
    _Atomic bool stop_ordered, drain_ordered, key_ordered, change_ordered, pins_ordered;
    _Atomic uint32_t max_sessions; /* a reload may change it */
    pthread_mutex_t lock;          /* guards what says so */
    struct pins pins;              /* the latest, under `lock` */

    struct wr_master_link link; /* the thread's own, with what follows */
    bool has_key;               /* the last key that was handed on: others are news */
    char kid[WR_KID_BYTES_MAX + 1];
    uint8_t key[WR_PUBLIC_KEY_BYTES];

    _Atomic bool registered;            /* published */
    struct wr_master_counters counters; /* published, under `lock` */
};

static void publish(struct rd_master_client *client)
{
    atomic_store(&client->registered, wr_master_link_registered(&client->link));
    pthread_mutex_lock(&client->lock);
    client->counters = client->link.counters;
    pthread_mutex_unlock(&client->lock);
}

/* ---- What the log says ----------------------------------------------------------------------- */

static const char *advice_for(const struct rd_master_outcome *outcome)
{
    switch (outcome->answer.status) {
    case WR_MASTER_OK:
        return "";
    case WR_MASTER_BAD_REQUEST:
        return "the master does not understand this relay: compare their versions";
    case WR_MASTER_UNAUTHORIZED:
        return "--master-auth-token is not the one that the master wants";
    case WR_MASTER_FORBIDDEN:
        return "the master has too many relays on this IP: take one away, or advertise another IP";
    case WR_MASTER_NOT_FOUND:
        return outcome->kind == WR_MASTER_HEARTBEAT
                   ? "the master does not know this relay any more: registering again"
                   : "is --master-url a master's?";
    case WR_MASTER_OTHER:
        return "see the master's own log; redirects are not followed";
    case WR_MASTER_GARBAGE:
        return "what answers at --master-url does not speak like a master";
    case WR_MASTER_UNREACHABLE:
        return "is the master up, and --master-url right?";
    case WR_MASTER_TIMED_OUT:
        return "the master, or the way to it, is too slow";
    }
    return "";
}

/* Refusals stay until somebody does something about them; the rest may pass. */
static enum rd_log_level level_of(enum wr_master_status status)
{
    return wr_master_status_refuses(status) ? RD_LOG_ERROR : RD_LOG_WARN;
}

static void log_failure(const struct rd_master_outcome *outcome)
{
    RD_LOG(level_of(outcome->answer.status), "master_request_failed",
           rd_text("request", wr_master_request_name(outcome->kind)),
           rd_text("result", wr_master_status_name(outcome->answer.status)),
           rd_number("http_status", (uint64_t)outcome->http_status),
           rd_text("reason", outcome->error), rd_text("advice", advice_for(outcome)));
}

/* ---- The link's environment ------------------------------------------------------------------ */

static void on_request(void *context, const struct wr_master_request *request)
{
    struct rd_master_client *client = context;
    enum rd_master_channel channel = rd_master_channel_of(request->kind);
    struct rd_master_outcome outcome;
    /* The link sends another one only when it has done with the one before. */
    if (rd_master_http_in_flight(client->http, channel) != 0) {
        rd_master_http_give_up(client->http, channel, &outcome);
        log_failure(&outcome);
    }
    char *body = NULL;
    switch (request->kind) {
    case WR_MASTER_REGISTER:
        body = rd_master_register_body(client->options, atomic_load(&client->max_sessions),
                                       client->relay_id);
        break;
    case WR_MASTER_HEARTBEAT:
        body = rd_master_heartbeat_body(client->relay_id, request->load_pct);
        break;
    case WR_MASTER_KEY:
        break;
    }
    rd_master_http_send(client->http, request, body);
    free(body);
}

static void on_entropy(void *context, uint8_t *out, size_t bytes)
{
    (void)context;
    randombytes_buf(out, bytes);
}

static uint32_t on_load_pct(void *context)
{
    struct rd_master_client *client = context;
    return client->hooks.load_pct(client->hooks.context);
}

static void on_key(void *context, const char *kid, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    struct rd_master_client *client = context;
    bool known = client->has_key && strcmp(client->kid, kid) == 0 &&
                 memcmp(client->key, public_key, sizeof client->key) == 0;
    publish(client);
    if (!known) {
        RD_LOG(RD_LOG_INFO, "master_key_learned", rd_text("kid", kid));
        client->has_key = true;
        memcpy(client->kid, kid, strlen(kid) + 1);
        memcpy(client->key, public_key, sizeof client->key);
    }
    client->hooks.key(client->hooks.context, kid, public_key);
}

static void on_key_conflict(void *context, const char *kid,
                            const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    (void)public_key;
    publish(context);
    RD_LOG(RD_LOG_ERROR, "master_key_conflict", rd_text("kid", kid),
           rd_text("advice", "the master signs with a key that is not pinned; its leases will be "
                             "refused until --key, --key-file or --master-public-key names it"));
}

static void on_event(void *context, enum wr_master_event event)
{
    struct rd_master_client *client = context;
    publish(client);
    switch (event) {
    case WR_MASTER_REGISTERED:
        RD_LOG(RD_LOG_INFO, "master_registered", rd_text("master", client->options->master_url),
               rd_number("heartbeat_interval_ms", client->link.interval_ns / WR_MS));
        break;
    case WR_MASTER_LOST:
        RD_LOG(RD_LOG_WARN, "master_lost", rd_text("master", client->options->master_url),
               rd_text("advice", "sessions go on; clients may be sent elsewhere until it is back"));
        break;
    }
    client->hooks.event(client->hooks.context, event);
}

/* ---- The thread ------------------------------------------------------------------------------ */

/* That the master heard what has changed is no event of the link: it was registered and still is.
 */
static void log_success(const struct rd_master_client *client,
                        const struct rd_master_outcome *outcome)
{
    if (outcome->kind == WR_MASTER_REGISTER && client->link.enlisted)
        RD_LOG(RD_LOG_INFO, "master_registered_anew",
               rd_text("master", client->options->master_url));
}

static void take_answers(struct rd_master_client *client)
{
    struct rd_master_outcome outcome;
    while (rd_master_http_next(client->http, &outcome)) {
        if (outcome.answer.status == WR_MASTER_OK)
            log_success(client, &outcome);
        else
            log_failure(&outcome);
        wr_master_link_answer(&client->link, rd_clock(), outcome.id, &outcome.answer);
    }
}

static void take_pins(struct rd_master_client *client)
{
    pthread_mutex_lock(&client->lock);
    struct pins pins = client->pins;
    pthread_mutex_unlock(&client->lock);
    wr_master_link_set_pinned(&client->link, pins.keys, pins.count);
}

static void take_orders(struct rd_master_client *client)
{
    if (atomic_exchange(&client->pins_ordered, false))
        take_pins(client);
    if (atomic_exchange(&client->drain_ordered, false))
        wr_master_link_drain(&client->link, rd_clock());
    if (atomic_exchange(&client->key_ordered, false))
        wr_master_link_key_wanted(&client->link, rd_clock());
    if (atomic_exchange(&client->change_ordered, false))
        wr_master_link_changed(&client->link, rd_clock());
}

/* What the link does not wait for any more has timed out: the connection ends with it. */
static void give_up_unawaited(struct rd_master_client *client)
{
    const uint64_t awaited[RD_MASTER_CHANNELS] = {
        [RD_MASTER_CONTACT] = client->link.contact.id,
        [RD_MASTER_KEYS] = client->link.key_fetch.id,
    };
    for (enum rd_master_channel i = RD_MASTER_CONTACT; i <= RD_MASTER_KEYS; i++) {
        uint64_t id = rd_master_http_in_flight(client->http, i);
        if (id != 0 && id != awaited[i]) {
            struct rd_master_outcome outcome;
            rd_master_http_give_up(client->http, i, &outcome);
            log_failure(&outcome);
        }
    }
}

/* The last heartbeat of a drain (full load) is on its way, where no session had to be waited for: a
 * master that is well gets it, one that is not holds nobody up. */
static void say_farewell(struct rd_master_client *client)
{
    wr_instant until = wr_after(rd_clock(), FAREWELL_NS);
    take_orders(client);
    while (client->link.draining && client->link.enlisted && client->link.contact.id != 0 &&
           rd_clock() < until) {
        rd_master_http_wait(client->http, wr_elapsed(rd_clock(), until));
        take_answers(client);
    }
}

static void *run(void *context)
{
    struct rd_master_client *client = context;
    while (!atomic_load(&client->stop_ordered)) {
        take_answers(client);
        take_orders(client);
        wr_instant now = rd_clock();
        if (wr_master_link_next_deadline(&client->link) <= now)
            wr_master_link_on_deadline(&client->link, now);
        give_up_unawaited(client);
        publish(client);
        rd_master_http_wait(client->http,
                            wr_elapsed(now, wr_master_link_next_deadline(&client->link)));
    }
    say_farewell(client);
    return NULL;
}

/* ---- For the owner --------------------------------------------------------------------------- */

static struct pins pins_of(const struct rd_keys *keys)
{
    struct pins pins = {.count = keys->pinned_count};
    for (uint32_t i = 0; i < keys->pinned_count; i++)
        memcpy(pins.keys[i], keys->pinned[i].bytes, sizeof pins.keys[i]);
    return pins;
}

static void init_link(struct rd_master_client *client)
{
    const struct wr_master_environment environment = {
        .context = client,
        .request = on_request,
        .entropy = on_entropy,
        .load_pct = on_load_pct,
        .key = on_key,
        .key_conflict = on_key_conflict,
        .event = on_event,
    };
    client->pins = pins_of(&client->options->keys);
    wr_master_link_init(&client->link, &environment, client->pins.keys, client->pins.count,
                        rd_clock());
}

/* Signals are for the thread that waits for them. */
static bool start_thread(struct rd_master_client *client, struct rd_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&client->thread, NULL, run, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure == 0 || rd_fail(error, "master: no thread: %s", strerror(failure));
}

struct rd_master_client *rd_master_client_start(const struct rd_options *options,
                                                const char *relay_id,
                                                const struct rd_master_hooks *hooks,
                                                struct rd_error *error)
{
    if (options->advertise_count == 0) {
        rd_fail(error, "--advertise: no address that the master could tell to clients");
        return NULL;
    }
    struct rd_master_client *client = calloc(1, sizeof *client);
    if (client == NULL || sodium_init() < 0) {
        rd_fail(error, "master: out of memory");
        free(client);
        return NULL;
    }
    client->options = options;
    client->relay_id = relay_id;
    atomic_store(&client->max_sessions, options->core.max_sessions);
    client->hooks = *hooks;
    client->http = rd_master_http_create(options->master_url, options->master_auth_token, error);
    if (client->http == NULL) {
        free(client);
        return NULL;
    }
    pthread_mutex_init(&client->lock, NULL);
    init_link(client);
    if (!start_thread(client, error)) {
        pthread_mutex_destroy(&client->lock);
        rd_master_http_destroy(client->http);
        free(client);
        return NULL;
    }
    return client;
}

static void order(struct rd_master_client *client, _Atomic bool *flag)
{
    atomic_store(flag, true);
    rd_master_http_wake(client->http);
}

void rd_master_client_key_wanted(struct rd_master_client *client)
{
    order(client, &client->key_ordered);
}

void rd_master_client_drain(struct rd_master_client *client)
{
    order(client, &client->drain_ordered);
}

void rd_master_client_set_max_sessions(struct rd_master_client *client, uint32_t max_sessions)
{
    if (atomic_exchange(&client->max_sessions, max_sessions) != max_sessions)
        order(client, &client->change_ordered);
}

void rd_master_client_set_pinned(struct rd_master_client *client, const struct rd_keys *keys)
{
    struct pins pins = pins_of(keys);
    pthread_mutex_lock(&client->lock);
    client->pins = pins;
    pthread_mutex_unlock(&client->lock);
    order(client, &client->pins_ordered);
}

bool rd_master_client_registered(const struct rd_master_client *client)
{
    return atomic_load(&client->registered);
}

void rd_master_client_counters(const struct rd_master_client *client,
                               struct wr_master_counters *out)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&client->lock; /* reading leaves it as it was */
    pthread_mutex_lock(lock);
    *out = client->counters;
    pthread_mutex_unlock(lock);
}

void rd_master_client_stop(struct rd_master_client *client)
{
    if (client == NULL)
        return;
    order(client, &client->stop_ordered);
    pthread_join(client->thread, NULL);
    pthread_mutex_destroy(&client->lock);
    rd_master_http_destroy(client->http);
    free(client);
}
