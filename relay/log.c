/*
 * The ring is the bounded queue of many producers that numbers its slots: a slot whose number is
 * the position is free for it, one whose number is the position plus one holds its line, and taking
 * the line makes it free for the next round. The semaphore only wakes the writer; how many lines
 * there are the ring alone says.
 */
#include "log.h"

#include "clock.h"
#include "gcra.h"
#include "log_format.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SLOTS             512u /* a power of two */
#define SITE_PER_SECOND   10
#define SITE_BURST        20
#define FLUSH_PATIENCE_MS 1000 /* what rd_log_stop waits for a reader that is slow, in all */
#define STANDARD_ERROR    STDERR_FILENO

struct slot {
    _Atomic uint64_t turn;
    uint32_t bytes;
    char line[RD_LOG_LINE_BYTES];
};

static struct log {
    _Atomic int level;
    _Atomic int format;
    _Atomic bool running;
    _Atomic bool stopping;
    _Atomic uint64_t suppressed;
    _Atomic uint64_t dropped;
    _Atomic uint64_t head; /* producers */
    uint64_t tail;         /* the writer */
    uint64_t dropped_told; /* the writer */
    uint64_t give_up_ms;   /* the writer: 0 until it is asked to stop */
    bool torn;             /* the writer: the last line broke off */
    bool ready;            /* the semaphore and the slots are set up */
    int stop_fd;
    sem_t lines;
    pthread_t writer;
} the = {.level = RD_LOG_INFO, .format = RD_LOG_TEXT, .stop_fd = -1};
static struct slot slots[SLOTS];

bool rd_log_wants(enum rd_log_level level)
{
    return (int)level <= atomic_load_explicit(&the.level, memory_order_relaxed);
}

void rd_log_set_level(enum rd_log_level level)
{
    atomic_store_explicit(&the.level, (int)level, memory_order_relaxed);
}

void rd_log_set_format(enum rd_log_format format)
{
    atomic_store(&the.format, (int)format);
}

uint64_t rd_log_suppressed(void)
{
    return atomic_load_explicit(&the.suppressed, memory_order_relaxed);
}

uint64_t rd_log_dropped(void)
{
    return atomic_load_explicit(&the.dropped, memory_order_relaxed);
}

/* ---- The ring ----------------------------------------------------------------------------------
 */

static bool ring_put(const char *line, size_t bytes)
{
    uint64_t at = atomic_load_explicit(&the.head, memory_order_relaxed);
    struct slot *slot;
    for (;;) {
        slot = &slots[at % SLOTS];
        uint64_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        if (turn < at)
            return false; /* still holds the line of a round ago */
        if (turn > at)
            at = atomic_load_explicit(&the.head, memory_order_relaxed);
        else if (atomic_compare_exchange_weak_explicit(&the.head, &at, at + 1, memory_order_relaxed,
                                                       memory_order_relaxed))
            break;
    }
    memcpy(slot->line, line, bytes);
    slot->bytes = (uint32_t)bytes;
    atomic_store_explicit(&slot->turn, at + 1, memory_order_release);
    (void)sem_post(&the.lines);
    return true;
}

/* The next line, which stays where it is until ring_release; NULL for none. */
static const struct slot *ring_next(void)
{
    const struct slot *slot = &slots[the.tail % SLOTS];
    uint64_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
    return turn == the.tail + 1 ? slot : NULL;
}

static void ring_release(void)
{
    struct slot *slot = &slots[the.tail % SLOTS];
    atomic_store_explicit(&slot->turn, the.tail + SLOTS, memory_order_release);
    the.tail++;
}

/* ---- Writing -----------------------------------------------------------------------------------
 */

/* Waits until standard error takes something. False where that may never be: a stop was asked for
 * and the patience is over. */
static bool wait_for_room(void)
{
    for (;;) {
        int timeout_ms = -1;
        if (atomic_load(&the.stopping)) {
            uint64_t now_ms = rd_clock() / WR_MS;
            if (the.give_up_ms == 0)
                the.give_up_ms = now_ms + FLUSH_PATIENCE_MS;
            timeout_ms = now_ms < the.give_up_ms ? (int)(the.give_up_ms - now_ms) : 0;
        }
        struct pollfd wanted[] = {{.fd = STANDARD_ERROR, .events = POLLOUT},
                                  {.fd = timeout_ms < 0 ? the.stop_fd : -1, .events = POLLIN}};
        int ready = poll(wanted, 2, timeout_ms);
        if (ready > 0 && wanted[0].revents != 0)
            return true; /* room, or an error that the write will name */
        if (ready == 0 || (ready < 0 && errno != EINTR))
            return false;
    }
}

/* Asking for room first keeps a blocking standard error from holding the writer for ever: a line is
 * shorter than what a pipe promises to take. False where the line, or its end, is lost. */
static bool write_line(const char *line, size_t bytes)
{
    if (the.torn && wait_for_room() && write(STANDARD_ERROR, "\n", 1) == 1)
        the.torn = false;
    for (size_t done = 0; done < bytes;) {
        ssize_t count = wait_for_room() ? write(STANDARD_ERROR, line + done, bytes - done) : 0;
        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
            the.torn = the.torn || done > 0;
            return false;
        }
    }
    return true;
}

/* Says how many lines were lost, once lines pass again. */
static void tell_dropped(void)
{
    uint64_t dropped = rd_log_dropped();
    if (dropped == the.dropped_told)
        return;
    char text[RD_LOG_LINE_BYTES];
    struct rd_field fields[] = {rd_number("lines", dropped - the.dropped_told), {0}};
    struct rd_log_line line = {.unix_ms = rd_wall_unix_ms(),
                               .level = RD_LOG_WARN,
                               .event = "log_lines_dropped",
                               .fields = fields};
    size_t bytes = rd_log_format_line(&line, (enum rd_log_format)atomic_load(&the.format), text);
    if (write_line(text, bytes))
        the.dropped_told = dropped;
}

static void write_queued(void)
{
    const struct slot *slot;
    while ((slot = ring_next()) != NULL) {
        bool written = write_line(slot->line, slot->bytes);
        ring_release();
        (void)sem_trywait(&the.lines); /* its own wake, or one that the next look makes good */
        if (written)
            tell_dropped();
        else
            atomic_fetch_add_explicit(&the.dropped, 1, memory_order_relaxed);
    }
}

static void *writer_main(void *unused)
{
    (void)unused;
    while (!atomic_load(&the.stopping)) {
        while (sem_wait(&the.lines) != 0)
            continue; /* EINTR */
        write_queued();
    }
    write_queued();
    return NULL;
}

/* No SIGPIPE for this thread where nobody reads standard error any more. */
struct quiet {
    sigset_t before;
    bool was_pending;
};

static void quiet_begin(struct quiet *quiet)
{
    sigset_t broken_pipe, pending;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    sigpending(&pending);
    quiet->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &quiet->before);
}

static void quiet_end(const struct quiet *quiet)
{
    static const struct timespec at_once;
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    if (!quiet->was_pending)
        (void)sigtimedwait(&broken_pipe, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

/* Without a writer: straight to standard error. */
static void write_directly(const char *line, size_t bytes)
{
    struct quiet quiet;
    quiet_begin(&quiet);
    for (size_t done = 0; done < bytes;) {
        ssize_t count = write(STANDARD_ERROR, line + done, bytes - done);
        if (count > 0) {
            done += (size_t)count;
        } else if (errno != EINTR) {
            atomic_fetch_add_explicit(&the.dropped, 1, memory_order_relaxed);
            break;
        }
    }
    quiet_end(&quiet);
}

/* ---- Logging -----------------------------------------------------------------------------------
 */

static bool site_allows(struct rd_log_site *site)
{
    const struct wr_rate rate = wr_rate_packets_burst(SITE_PER_SECOND, SITE_BURST);
    uint64_t now = rd_clock();
    uint64_t tat = atomic_load_explicit(&site->tat_ns, memory_order_relaxed);
    for (;;) {
        wr_instant drawn = tat;
        if (!wr_rate_take(&rate, &drawn, now))
            return false;
        if (atomic_compare_exchange_weak_explicit(&site->tat_ns, &tat, drawn, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    }
}

void rd_log_write(struct rd_log_site *site, enum rd_log_level level, const char *event,
                  const struct rd_field *fields)
{
    if (!rd_log_wants(level))
        return;
    if (!site_allows(site)) {
        atomic_fetch_add_explicit(&site->suppressed, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&the.suppressed, 1, memory_order_relaxed);
        return;
    }
    char text[RD_LOG_LINE_BYTES];
    struct rd_log_line line = {
        .unix_ms = rd_wall_unix_ms(),
        .level = level,
        .event = event,
        .fields = fields,
        .suppressed = atomic_exchange_explicit(&site->suppressed, 0, memory_order_relaxed)};
    size_t bytes = rd_log_format_line(&line, (enum rd_log_format)atomic_load(&the.format), text);
    if (!atomic_load(&the.running)) {
        write_directly(text, bytes);
    } else if (!ring_put(text, bytes)) {
        atomic_fetch_add_explicit(&the.dropped, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&site->suppressed, line.suppressed, memory_order_relaxed);
    }
}

/* ---- Life --------------------------------------------------------------------------------------
 */

/* Once a process: a late producer may still use what a stopped log leaves behind. */
static bool set_up(struct rd_error *error)
{
    if (the.ready)
        return true;
    for (uint32_t i = 0; i < SLOTS; i++)
        atomic_init(&slots[i].turn, i);
    if (sem_init(&the.lines, 0, 0) != 0)
        return rd_fail(error, "the log cannot start: no semaphore: %s", strerror(errno));
    the.ready = true;
    return true;
}

bool rd_log_start(enum rd_log_format format, enum rd_log_level level, struct rd_error *error)
{
    if (atomic_load(&the.running))
        return rd_fail(error, "the log runs already");
    rd_log_set_format(format);
    rd_log_set_level(level);
    if (!set_up(error))
        return false;
    the.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (the.stop_fd < 0)
        return rd_fail(error, "the log cannot start: no event descriptor: %s", strerror(errno));
    atomic_store(&the.stopping, false);
    the.give_up_ms = 0;

    /* Signals are for those who wait for them; the writer takes none, SIGPIPE least of all. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&the.writer, NULL, writer_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        (void)close(the.stop_fd);
        the.stop_fd = -1;
        return rd_fail(error, "the log cannot start: no thread: %s", strerror(failed));
    }
    (void)pthread_setname_np(the.writer, "wavry-log");
    atomic_store(&the.running, true);
    return true;
}

void rd_log_stop(void)
{
    if (!atomic_load(&the.running))
        return;
    atomic_store(&the.running, false);
    atomic_store(&the.stopping, true);
    (void)eventfd_write(the.stop_fd, 1);
    (void)sem_post(&the.lines);
    (void)pthread_join(the.writer, NULL);
    (void)close(the.stop_fd);
    the.stop_fd = -1;
    struct quiet quiet;
    quiet_begin(&quiet);
    write_queued(); /* what a thread was about to queue when the writer ended */
    quiet_end(&quiet);
}
