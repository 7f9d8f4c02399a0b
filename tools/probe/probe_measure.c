#include "cursor.h"
#include "probe_check.h"

#include <stdlib.h>
#include <string.h>

/*
 * What a measured body says: | mark u32 | kind u32 | number u64 | sent ns u64 | zeros … |. The
 * server sends each ping back as an echo with its number, so that one ping measures both ways and
 * the round trip. All times are of this process's one clock.
 */
#define MARK       0x77707262u
#define BODY_BYTES 24
#define KIND_PING  0
#define KIND_ECHO  1

#define REPEAT_NS (250 * WR_MS) /* of the first datagram */
#define GRACE_NS  WR_S          /* for what is still on its way */
#define LINGER_NS (50 * WR_MS)  /* for second copies, once all is there */

struct run {
    struct probe_check *check;
    uint64_t first, count; /* numbers of pings: first … first + count - 1 */
    uint32_t body_bytes;
    uint64_t echo_number; /* a ping came: it is to be sent back */
    bool echo_owed;
    uint64_t *pinged_ns;       /* when each ping went out */
    uint64_t *times[WR_ROLES]; /* of what arrived, each way */
    uint64_t *round_trips;
    uint64_t sent[WR_ROLES], received[WR_ROLES], reordered[WR_ROLES], highest[WR_ROLES];
};

static bool run_open(struct run *run, struct probe_check *check, uint64_t first, uint64_t count,
                     uint32_t size)
{
    memset(run, 0, sizeof *run);
    run->check = check;
    run->first = first;
    run->count = count;
    run->body_bytes = size - wr_peer_overhead_bytes(check->ends[0].peer);
    run->pinged_ns = calloc(4 * count, sizeof *run->pinged_ns);
    if (run->pinged_ns == NULL)
        return false;
    run->times[0] = run->pinged_ns + count;
    run->times[1] = run->pinged_ns + 2 * count;
    run->round_trips = run->pinged_ns + 3 * count;
    return true;
}

static void say(struct run *run, struct probe_end *end, uint32_t kind, uint64_t number)
{
    uint8_t body[WR_DATAGRAM_BYTES_MAX] = {0};
    uint64_t sequence;
    wr_instant now = probe_monotonic_ns();
    wr_store_u32(body, MARK);
    wr_store_u32(body + 4, kind);
    wr_store_u64(body + 8, number);
    wr_store_u64(body + 16, now);
    if (kind == KIND_PING)
        run->pinged_ns[number - run->first] = now;
    if (wr_peer_send(end->peer, now, body, run->body_bytes, &sequence))
        run->sent[end->role]++;
}

static void hear(void *context, struct probe_end *end, const struct wr_peer_delivery *delivery)
{
    struct run *run = context;
    enum wr_role way = wr_role_other(end->role); /* named by its sender */
    uint32_t kind = end->role == WR_ROLE_SERVER ? KIND_PING : KIND_ECHO;
    wr_instant now = probe_monotonic_ns();
    if (delivery->body_bytes != run->body_bytes || wr_load_u32(delivery->body) != MARK ||
        wr_load_u32(delivery->body + 4) != kind)
        return;
    uint64_t number = wr_load_u64(delivery->body + 8);
    if (number < run->first || number - run->first >= run->count ||
        run->received[way] == run->count)
        return;
    run->times[way][run->received[way]] = wr_elapsed(wr_load_u64(delivery->body + 16), now);
    if (kind == KIND_ECHO)
        run->round_trips[run->received[way]] = wr_elapsed(run->pinged_ns[number - run->first], now);
    run->received[way]++;
    if (number < run->highest[way])
        run->reordered[way]++;
    else
        run->highest[way] = number;
    run->echo_owed = kind == KIND_PING;
    run->echo_number = number;
}

static void send_back(void *context, struct probe_end *end)
{
    struct run *run = context;
    if (run->echo_owed)
        say(run, end, KIND_ECHO, run->echo_number);
    run->echo_owed = false;
}

static void listen_to(struct probe_end *ends, struct run *run)
{
    for (int role = 0; role < WR_ROLES; role++) {
        ends[role].delivered = run != NULL ? hear : NULL;
        ends[role].taken = run != NULL ? send_back : NULL;
        ends[role].context = run;
    }
}

static bool all_back(void *context)
{
    const struct run *run = context;
    return run->received[WR_ROLE_SERVER] == run->count;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

/* ---- The stages ------------------------------------------------------------------------------ */

bool probe_measure_first(struct probe_check *check)
{
    struct run run;
    struct probe_end *ends = check->ends;
    wr_instant start = probe_monotonic_ns();
    wr_instant until = wr_after(start, check->options->timeout_ms * WR_MS);
    bool back = false;
    if (!run_open(&run, check, 0, 1, PROBE_SIZE_MIN))
        return probe_report_fail(check->report, PROBE_STAGE_FORWARD, "no memory");
    listen_to(ends, &run);
    while (!back && probe_monotonic_ns() < until) {
        wr_instant again = wr_after(probe_monotonic_ns(), REPEAT_NS);
        say(&run, &ends[WR_ROLE_CLIENT], KIND_PING, 0);
        back = probe_ends_run(ends, WR_ROLES, again < until ? again : until, all_back, &run);
    }
    listen_to(ends, NULL);
    if (back)
        probe_report_pass(check->report, PROBE_STAGE_FORWARD, "both ways after %.1f ms",
                          (double)wr_elapsed(start, probe_monotonic_ns()) / 1e6);
    else
        probe_advise_forward(check, run.received[WR_ROLE_CLIENT] > 0);
    free(run.pinged_ns);
    return back;
}

static void send_all(struct run *run)
{
    struct probe_end *ends = run->check->ends;
    uint64_t gap_ns = WR_S / run->check->options->rate;
    wr_instant due = probe_monotonic_ns();
    for (uint64_t i = 0; i < run->count; i++) {
        probe_ends_run(ends, WR_ROLES, due, never, NULL);
        say(run, &ends[WR_ROLE_CLIENT], KIND_PING, run->first + i);
        due = wr_after(due, gap_ns);
    }
    probe_ends_run(ends, WR_ROLES, wr_after(probe_monotonic_ns(), GRACE_NS), all_back, run);
    probe_ends_run(ends, WR_ROLES, wr_after(probe_monotonic_ns(), LINGER_NS), never, NULL);
}

static void tell(const struct run *run, const uint64_t *duplicates_before)
{
    struct probe_report *report = run->check->report;
    for (int way = 0; way < WR_ROLES; way++) {
        const struct probe_end *receiver = &run->check->ends[wr_role_other((enum wr_role)way)];
        report->ways[way] = (struct probe_way){
            .sent = run->sent[way],
            .received = run->received[way],
            .reordered = run->reordered[way],
            .duplicated = wr_peer_counters(receiver->peer)->duplicates_received -
                          duplicates_before[receiver->role],
            .times = probe_times_of(run->times[way], run->received[way]),
        };
    }
    report->round_trip = probe_times_of(run->round_trips, run->received[WR_ROLE_SERVER]);
    report->measured = true;
}

static bool judge(const struct run *run)
{
    const struct probe_options *options = run->check->options;
    struct probe_report *report = run->check->report;
    for (int way = 0; way < WR_ROLES; way++) {
        uint64_t lost = run->sent[way] - run->received[way];
        if (lost * 100 <= run->sent[way] * options->max_loss_pct && run->received[way] > 0)
            continue;
        probe_report_fail(report, PROBE_STAGE_MEASURE, "%llu of %llu datagrams lost from %s",
                          (unsigned long long)lost, (unsigned long long)run->sent[way],
                          way == WR_ROLE_CLIENT ? "client to server" : "server to client");
        if (run->received[way] == 0 && options->size > 1200)
            probe_fail(&report->advice,
                       "small ones pass, those of %u bytes do not: a path with a small MTU that "
                       "drops fragments; --size 1200 should pass",
                       options->size);
        else
            probe_fail(&report->advice,
                       "the relay's backpressure_dropped_packets and session_limited tell whether "
                       "it dropped them; else the network did (--max-loss sets what is too much)");
        return false;
    }
    return true;
}

bool probe_measure_all(struct probe_check *check)
{
    const struct probe_options *options = check->options;
    struct run run;
    uint64_t duplicates[WR_ROLES];
    for (int role = 0; role < WR_ROLES; role++)
        duplicates[role] = wr_peer_counters(check->ends[role].peer)->duplicates_received;
    if (!run_open(&run, check, 1, options->count, options->size))
        return probe_report_fail(check->report, PROBE_STAGE_MEASURE, "no memory");
    listen_to(check->ends, &run);
    send_all(&run);
    listen_to(check->ends, NULL);
    tell(&run, duplicates);
    bool good = judge(&run);
    if (good)
        probe_report_pass(check->report, PROBE_STAGE_MEASURE, "%u datagrams of %u bytes at %u/s",
                          options->count, options->size, options->rate);
    free(run.pinged_ns);
    return good;
}
