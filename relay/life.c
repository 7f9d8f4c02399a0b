#include "life_state.h"

#include "address.h"
#include "identity.h"
#include "log.h"
#include "notify.h"
#include "sandbox.h"
#include "udp_socket.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* What a socket may hold while its worker is at something else: a tenth of a second at 60,000
 * datagrams of full size a second, as the kernel counts them. */
#define SOCKET_BUFFER_BYTES (16u << 20)

/* The cores end a drain by themselves. One that does not has failed, and so have we. */
#define DRAIN_GRACE_NS (5 * WR_S)

#define EXIT_FAILED 1
#define EXIT_OPTION 2

/* ---- What the parts tell us, on their threads --------------------------------------------------
 */

static void wake_worker(void *context, uint32_t worker)
{
    struct life *life = context;
    rd_worker_wake(life->group.workers[worker]);
}

static void on_key_wanted(void *context)
{
    struct life *life = context;
    struct rd_master_client *master = atomic_load(&life->master);
    if (master != NULL)
        rd_master_client_key_wanted(master);
}

static void on_drained(void *context, uint32_t worker)
{
    struct life *life = context;
    uint64_t one = 1;
    (void)worker;
    atomic_fetch_add(&life->drained, 1);
    (void)!write(life->event_fd, &one, sizeof one);
}

static void on_master_key(void *context, const char *kid,
                          const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    struct life *life = context;
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_key_add(life->group.workers[i], kid, public_key, WR_KEY_LEARNED);
}

static void on_master_event(void *context, enum wr_master_event event)
{
    const struct life *life = context;
    if (atomic_load(&life->draining))
        return;
    switch (event) {
    case WR_MASTER_REGISTERED:
        rd_notify("STATUS=Serving, registered with the master");
        return;
    case WR_MASTER_LOST:
        rd_notify("STATUS=Serving, the master does not answer");
        return;
    }
}

/* ---- The start, in order -----------------------------------------------------------------------
 */

/* Before any thread: all of them inherit that these come to the main thread only. */
static bool take_signals(struct life *life, struct rd_error *error)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE); /* a connection that broke is an error of its write */
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)sigdelset(&set, SIGPIPE);
    life->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    life->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return (life->signal_fd >= 0 && life->event_fd >= 0) ||
           rd_fail(error, "signals cannot be received: %s", strerror(errno));
}

/* Everything that may need power. */
static bool open_sockets(struct life *life, struct rd_error *error)
{
    const struct rd_options *options = &life->options;
    struct rd_udp_settings settings = {
        .listen = options->listen,
        .workers = options->workers,
        .buffer_bytes = SOCKET_BUFFER_BYTES,
        .dscp = options->dscp,
        .gro = options->gro,
    };
    if (!rd_udp_open(&settings, life->fds, &life->group.bound, error)) {
        for (uint32_t i = 0; i < RD_WORKERS_MAX; i++)
            life->fds[i] = -1;
        return false;
    }
    /* Where port 0 was asked for, peers must be told the one that it became. */
    for (uint32_t i = 0; i < options->advertise_count; i++)
        if (life->options.advertise[i].port == 0)
            life->options.advertise[i].port = life->group.bound.port;
    (void)rd_life_find_own_addresses(life, &life->group.own);
    rd_notify_open();
    return true;
}

static bool give_up_power(const struct rd_options *options, struct rd_error *error)
{
    return rd_sandbox_drop(options->user, error) &&
           rd_log_start(options->log_format, options->log_level, error);
}

static bool create_workers(struct life *life, struct rd_error *error)
{
    struct rd_worker_group *group = &life->group;
    const struct rd_options *options = &life->options;
    group->options = options;
    group->relay_id = life->relay_id;
    group->count = options->workers;
    group->key_wanted = on_key_wanted;
    group->drained = on_drained;
    group->context = life;
    group->verify_rate = rd_life_verify_rate(life, options);
    if (group->count > 1) {
        /* Two peers a session; an address that is bound no more leaves before another takes its
         * place. */
        uint64_t bound_max = (uint64_t)options->core.max_sessions * 2;
        group->shared = wr_shared_create();
        group->owners = rd_address_owners_create((uint32_t)bound_max);
        if (group->shared == NULL || group->owners == NULL)
            return rd_fail(error, "memory is short for %u sessions", options->core.max_sessions);
    }
    group->verifier = rd_verifier_start(group->count, wake_worker, life, error);
    if (group->verifier == NULL)
        return false;
    for (uint32_t i = 0; i < group->count; i++) {
        int fd = life->fds[i];
        life->fds[i] = -1;
        group->workers[i] = rd_worker_create(group, i, fd, error);
        if (group->workers[i] == NULL)
            return false;
    }
    return true;
}

static bool start_http(struct life *life, struct rd_error *error)
{
    life->http = rd_http_start(&life->options.health_listen, rd_life_status, life, error);
    if (life->http == NULL)
        return false;
    struct wr_address address = rd_http_address(life->http);
    RD_LOG(RD_LOG_INFO, "http_listening", rd_address("address", &address));
    return true;
}

/* Whoever reads what strangers send starts behind the filter. */
static bool start_threads(struct life *life, struct rd_error *error)
{
    rd_life_load(life);
    for (uint32_t i = 0; i < life->group.count; i++)
        if (!rd_worker_start(life->group.workers[i], error))
            return false;
    if (life->options.standalone)
        return true;
    struct rd_master_hooks hooks = {
        .context = life,
        .load_pct = rd_life_load_pct,
        .key = on_master_key,
        .event = on_master_event,
    };
    struct rd_master_client *master =
        rd_master_client_start(&life->options, life->relay_id, &hooks, error);
    atomic_store(&life->master, master);
    return master != NULL;
}

/* Bursts that the kernel's bounds leave no room for are lost, which shows only later. */
static void log_small_buffers(int fd)
{
    uint32_t receive = rd_udp_receive_buffer(fd), send = rd_udp_send_buffer(fd);
    if (receive < SOCKET_BUFFER_BYTES || send < SOCKET_BUFFER_BYTES)
        RD_LOG(RD_LOG_WARN, "socket_buffers_small", rd_number("wanted", SOCKET_BUFFER_BYTES),
               rd_number("receive", receive), rd_number("send", send),
               rd_text("do", "raise net.core.rmem_max and net.core.wmem_max (sysctl)"));
}

static void log_start(const struct life *life)
{
    const struct rd_options *options = &life->options;
    RD_LOG(RD_LOG_INFO, "starting", rd_text("version", WAVRY_VERSION),
           rd_text("relay_id", life->relay_id), rd_number("workers", options->workers),
           rd_number("max_sessions", options->core.max_sessions),
           rd_text("mode", options->standalone ? "standalone" : "with a master"));
    RD_LOG(RD_LOG_INFO, "listening", rd_address("address", &life->group.bound));
    log_small_buffers(life->fds[0]);
    for (uint32_t i = 0; i < options->notes.count; i++)
        RD_LOG(RD_LOG_WARN, "note", rd_text("text", options->notes.texts[i]));
    if (options->core.allow_insecure_dev)
        RD_LOG(RD_LOG_WARN, "insecure", rd_text("effect", "signatures of leases are not checked"));
    if (options->relay_id[0] == '\0' && options->state_dir[0] == '\0')
        RD_LOG(RD_LOG_WARN, "relay_id_is_temporary",
               rd_text("effect", "leases do not survive a restart"),
               rd_text("do", "give --relay-id or --state-dir"));
}

static bool start(struct life *life, struct rd_error *error)
{
    const struct rd_options *options = &life->options;
    if (!take_signals(life, error) || !open_sockets(life, error) || !give_up_power(options, error))
        return false;
    log_start(life);
    if (!create_workers(life, error) || !start_http(life, error) ||
        (options->seccomp && !rd_sandbox_filter(error)) || !start_threads(life, error))
        return false;
    RD_LOG(RD_LOG_INFO, "ready_to_serve", rd_number("verify_rate", life->group.verify_rate));
    rd_notify(options->standalone ? "READY=1\nSTATUS=Serving, standalone"
                                  : "READY=1\nSTATUS=Serving, registering with the master");
    return true;
}

/* ---- The life ----------------------------------------------------------------------------------
 */

/* Told once every worker has its order: who reads the line need not wait for it. */
static void drain(struct life *life, uint32_t signal)
{
    struct rd_master_client *master = atomic_load(&life->master);
    atomic_store(&life->draining, true);
    if (master != NULL)
        rd_master_client_drain(master);
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_drain(life->group.workers[i]);
    rd_notify("STOPPING=1\nSTATUS=Draining");
    RD_LOG(RD_LOG_INFO, "draining", rd_text("signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"),
           rd_number("timeout_secs", life->running->core.drain_timeout_secs));
}

/* `*drain_ends_ns` is set when a drain begins. */
static void obey_signals(struct life *life, wr_instant *drain_ends_ns)
{
    struct signalfd_siginfo info;
    while (read(life->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            rd_life_reload(life);
        } else if (atomic_load(&life->draining)) {
            _exit(128 + (int)info.ssi_signo); /* at once: nothing is waited for or given back */
        } else {
            *drain_ends_ns = wr_after(rd_clock(), life->running->core.drain_timeout_secs * WR_S +
                                                      DRAIN_GRACE_NS);
            drain(life, info.ssi_signo);
        }
    }
}

static void wait_for_something(const struct life *life, wr_instant until_ns)
{
    struct pollfd waited_for[2] = {{.fd = life->signal_fd, .events = POLLIN},
                                   {.fd = life->event_fd, .events = POLLIN}};
    uint64_t left_ns = wr_elapsed(rd_clock(), until_ns);
    struct timespec left = {.tv_sec = (time_t)(left_ns / WR_S), .tv_nsec = (long)(left_ns % WR_S)};
    (void)ppoll(waited_for, 2, until_ns == WR_NEVER ? NULL : &left, NULL);
    uint64_t count;
    (void)!read(life->event_fd, &count, sizeof count);
}

/* A reload may have changed how often. */
static wr_instant next_statistics(const struct life *life)
{
    uint64_t interval_ns = life->running->stats_log_interval_secs * WR_S;
    return interval_ns > 0 ? wr_after(life->last_logged_ns, interval_ns) : WR_NEVER;
}

static int live(struct life *life)
{
    wr_instant drain_ends_ns = WR_NEVER;
    life->last_logged_ns = rd_clock();
    while (atomic_load(&life->drained) < life->group.count) {
        wr_instant statistics_ns = next_statistics(life);
        wait_for_something(life, statistics_ns < drain_ends_ns ? statistics_ns : drain_ends_ns);
        obey_signals(life, &drain_ends_ns);
        wr_instant now = rd_clock();
        if (now >= drain_ends_ns) {
            RD_LOG(RD_LOG_ERROR, "drain_overdue", rd_text("effect", "ended without it"));
            return EXIT_FAILED;
        }
        if (now >= next_statistics(life))
            rd_life_log_statistics(life);
    }
    RD_LOG(RD_LOG_INFO, "drained");
    return 0;
}

static void end_at_once(int number)
{
    _exit(128 + number);
}

/* Nobody reads signal_fd any more. What is left to do may take a second (a log that nobody reads is
 * waited for so long), and whoever signals again does not want to wait. */
static void obey_signals_without_reading(void)
{
    static const struct sigaction at_once = {.sa_handler = end_at_once};
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaction(SIGTERM, &at_once, NULL);
    (void)sigaction(SIGINT, &at_once, NULL);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* First whoever asks (HTTP), then whoever works; nothing is freed while a thread could name it. */
static void end(struct life *life)
{
    struct rd_worker_group *group = &life->group;
    obey_signals_without_reading();
    if (life->http != NULL)
        rd_http_stop(life->http);
    for (uint32_t i = 0; i < group->count; i++)
        if (group->workers[i] != NULL)
            rd_worker_halt(group->workers[i]);
    struct rd_master_client *master = atomic_load(&life->master);
    if (master != NULL)
        rd_master_client_stop(master);
    rd_verifier_stop(group->verifier);
    for (uint32_t i = 0; i < group->count; i++)
        rd_worker_destroy(group->workers[i]);
    if (group->owners != NULL)
        rd_address_owners_destroy(group->owners);
    if (group->shared != NULL)
        wr_shared_destroy(group->shared);
    for (uint32_t i = 0; i < RD_WORKERS_MAX; i++)
        if (life->fds[i] >= 0)
            (void)close(life->fds[i]);
    if (life->signal_fd >= 0)
        (void)close(life->signal_fd);
    if (life->event_fd >= 0)
        (void)close(life->event_fd);
    (void)pthread_mutex_destroy(&life->asking);
    rd_log_stop();
    free(life);
}

int rd_life_run(struct rd_options *options, int argc, char **argv)
{
    struct rd_error error = {""};
    struct life *life = calloc(1, sizeof *life);
    if (life == NULL) {
        (void)fputs("wavry-relay: memory is short\n", stderr);
        return EXIT_FAILED;
    }
    life->options = *options;
    life->running = options;
    life->argc = argc;
    life->argv = argv;
    life->started_ns = rd_clock();
    life->signal_fd = life->event_fd = -1;
    for (uint32_t i = 0; i < RD_WORKERS_MAX; i++)
        life->fds[i] = -1;
    atomic_store(&life->max_sessions, options->core.max_sessions);
    atomic_store(&life->load_shed_threshold_pct, options->core.load_shed_threshold_pct);
    (void)pthread_mutex_init(&life->asking, NULL);
    rd_log_set_format(options->log_format);
    rd_log_set_level(options->log_level);
    bool has_id = rd_identity_load(options, life->relay_id, &error);
    int code = has_id ? EXIT_FAILED : EXIT_OPTION;
    if (has_id && start(life, &error))
        code = live(life);
    else
        RD_LOG(RD_LOG_ERROR, "cannot_start", rd_text("error", error.text));
    end(life);
    return code;
}
