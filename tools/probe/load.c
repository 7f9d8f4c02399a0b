#include "load.h"

#include "address.h"
#include "probe_health.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define TICK_NS      (WR_MS / 4)  /* floods, churn and receiving: at least so often */
#define DEBT_NS      (50 * WR_MS) /* a pace that is further behind is given up */
#define QUIET_NS     (100 * WR_MS)
#define SETTLE_NS    (3 * WR_S)
#define WAIT_NS      (5 * WR_S)
#define RELEASES     2
#define KEEP_FROM_MS 8000

/* So many of something per second, in whole bursts, from a start on. */
struct pace {
    uint64_t per_second;
    uint32_t burst;
    wr_instant start;
    uint64_t done, missed;
};

/* How many are due now; what is too far behind is missed for good. */
static uint32_t due(struct pace *pace, wr_instant now)
{
    if (pace->per_second == 0)
        return 0;
    uint64_t elapsed_ns = wr_elapsed(pace->start, now);
    uint64_t all =
        elapsed_ns / WR_S * pace->per_second + elapsed_ns % WR_S * pace->per_second / WR_S;
    uint64_t owed = all - pace->done;
    uint64_t debt = pace->per_second * (DEBT_NS / WR_MS) / 1000 + pace->burst;
    if (owed > debt) {
        pace->missed += owed - debt;
        pace->done += owed - debt;
        owed = debt;
    }
    owed -= owed % pace->burst;
    pace->done += owed;
    return (uint32_t)owed;
}

static wr_instant next(const struct pace *pace)
{
    if (pace->per_second == 0)
        return WR_NEVER;
    uint64_t number = pace->done + pace->burst;
    return pace->start + number / pace->per_second * WR_S +
           (number % pace->per_second * WR_S + pace->per_second - 1) / pace->per_second;
}

static void sleep_until(wr_instant until)
{
    struct timespec at = {.tv_sec = (time_t)(until / WR_S), .tv_nsec = (long)(until % WR_S)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static uint64_t cpu_ns_of(uint32_t process)
{
    clockid_t clock;
    struct timespec used;
    if (process == 0 || clock_getcpuclockid((pid_t)process, &clock) != 0 ||
        clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * WR_S + (uint64_t)used.tv_nsec;
}

/* ---- The measured time ----------------------------------------------------------------------- */

struct streams {
    struct pace stream, bogus, malformed, churn;
};

static struct streams begin(const struct load_options *options, wr_instant start)
{
    return (struct streams){
        .stream = {.per_second = options->rate, .burst = options->burst, .start = start},
        .bogus = {.per_second = options->bogus, .burst = 1, .start = start},
        .malformed = {.per_second =
                          ((uint64_t)options->malformed * 1000 + options->duration_ms - 1) /
                          options->duration_ms,
                      .burst = 1,
                      .start = start},
        .churn = {.per_second = options->churn, .burst = 1, .start = start},
    };
}

/* Of a total: what fits now, and is left. */
static uint32_t churn_now(const struct load *load)
{
    uint64_t left = load->options->churn_total - load->results.churn_started;
    uint32_t room = load_churn_room(load);
    return room < left ? room : (uint32_t)left;
}

static bool churn_goes_on(const struct load *load)
{
    const struct load_results *results = &load->results;
    return results->churn_ended + results->churn_failed < load->options->churn_total;
}

static void send_due(struct load *load, struct streams *streams, wr_instant now)
{
    const struct load_options *options = load->options;
    uint64_t malformed_left = options->malformed - load->results.malformed_sent;
    uint32_t malformed = due(&streams->malformed, now);
    if (options->rate == 0)
        load_stream_send(load, options->run > LOAD_BATCH ? options->run : LOAD_BATCH);
    else
        load_stream_send(load, due(&streams->stream, now));
    load_flood_bogus(load, due(&streams->bogus, now));
    load_flood_malformed(load, malformed < malformed_left ? malformed : (uint32_t)malformed_left);
    if (options->churn > 0)
        load_churn(load, now, due(&streams->churn, now));
    else if (options->churn_total > 0)
        load_churn(load, now, churn_now(load));
    /* A short stream needs none, and they are none of its cost. */
    if (options->duration_ms > KEEP_FROM_MS || options->churn_total > 0)
        load_keep_alive(load, now);
}

static void stream(struct load *load)
{
    const struct load_options *options = load->options;
    wr_instant start = probe_monotonic_ns(), now = start;
    wr_instant end = wr_after(start, options->duration_ms * WR_MS);
    struct streams streams = begin(options, start);
    while (now < end || churn_goes_on(load)) {
        send_due(load, &streams, now);
        load_drain(load);
        if (options->rate > 0) {
            wr_instant wake = next(&streams.stream);
            wr_instant tick = wr_after(now, TICK_NS);
            sleep_until(wake < tick ? wake : tick);
        }
        now = probe_monotonic_ns();
    }
    load->results.stream_ns = wr_elapsed(start, now);
    load_flood_malformed(load, (uint32_t)(options->malformed - load->results.malformed_sent));
    load->results.unsent = streams.stream.missed;
}

/* Takes what is still on its way: until nothing has come for a while, and, with churn, until the
 * last session has ended. Without churn that is soon, and no flow needs keeping alive: what that
 * costs the relay would be counted as the stream's, and its arrivals would never let it be quiet.
 */
static void settle(struct load *load)
{
    wr_instant now = probe_monotonic_ns(), heard = now, until = wr_after(now, SETTLE_NS);
    const struct load_results *results = &load->results;
    const struct load_options *options = load->options;
    if (options->churn > 0)
        until = wr_after(until, 10 * SETTLE_NS);
    while (now < until && (wr_elapsed(heard, now) < QUIET_NS ||
                           results->churn_started > results->churn_ended + results->churn_failed)) {
        if (results->churn_started > 0) {
            load_churn(load, now, 0);
            load_keep_alive(load, now);
        }
        if (load_drain(load) > 0)
            heard = now;
        sleep_until(wr_after(now, WR_MS / 2));
        now = probe_monotonic_ns();
    }
    load->results.churn_failed =
        results->churn_started - results->churn_ended; /* those that are left have failed too */
}

/* ---- All of it ------------------------------------------------------------------------------- */

static bool find_relay(struct load *load, struct probe_error *error)
{
    static struct probe_health health;
    const struct load_options *options = load->options;
    unsigned count;
    if (!probe_resolve(options->target, options->family, &load->relay, &count, error))
        return false;
    load->relay_id = options->relay_id;
    if (options->health != NULL) {
        if (!probe_health_ask(options->health, WAIT_NS / WR_MS, &health, error))
            return false;
        load->relay_id = health.relay_id;
    }
    bool loopback = wr_address_is_v4(&load->relay) && load->relay.ip[12] == 127;
    load->spread = loopback;
    return true;
}

static bool open_sockets(struct load *load, struct probe_error *error)
{
    const struct load_options *options = load->options;
    for (int role = 0; role < WR_ROLES; role++) {
        if (!load_socket_open(&load->sockets[role], &load->relay, (uint16_t)options->ports[role],
                              role == WR_ROLE_SERVER && options->gro_sink,
                              role == WR_ROLE_SERVER && options->latency, error))
            return false;
    }
    return options->bare || load_flood_open(load, error);
}

static bool measure(struct load *load, struct probe_error *error)
{
    const struct load_options *options = load->options;
    if (options->bare)
        load->results.flows_up = options->flows;
    else if (!load_set_up(load, error))
        return false;
    /* What set-up left behind (cookie echoes and their answers) is none of the stream's cost. */
    settle(load);
    memset(load->results.rejects, 0, sizeof load->results.rejects);
    load->results.acks = load->results.stray = 0;
    uint64_t before = cpu_ns_of(options->cpu_of);
    stream(load);
    settle(load);
    load->results.cpu_ns = cpu_ns_of(options->cpu_of) - before;
    /* Releases are not answered, and after a flood the first ones may have found no room. */
    for (int i = 0; i < RELEASES && !options->keep && !options->bare; i++) {
        if (i > 0)
            sleep_until(wr_after(probe_monotonic_ns(), QUIET_NS));
        load_release(load);
    }
    return true;
}

bool load_run(const struct load_options *options, const struct probe_signer *signer,
              struct load_results *results, struct load_histogram *latency,
              struct probe_error *error)
{
    static struct load load;
    memset(&load, 0, sizeof load);
    load.options = options;
    load.signer = signer;
    load.keepalive_ns = probe_monotonic_ns();
    randombytes_buf(&load.run_id, sizeof load.run_id);
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    load.flows = calloc(options->flows, sizeof *load.flows);
    if (load.flows == NULL)
        return probe_fail(error, "no memory for %u flows", options->flows);
    for (uint32_t i = 0; i < options->flows; i++)
        load.flows[i].slot = -1;
    bool good = find_relay(&load, error) && open_sockets(&load, error) && measure(&load, error);
    load_slots_free(&load);
    load_socket_close(&load.sockets[0]);
    load_socket_close(&load.sockets[1]);
    load_socket_close(&load.flood);
    free(load.flows);
    *results = load.results;
    *latency = load.latency;
    return good;
}
