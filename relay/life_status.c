#include "life_state.h"

#include "log.h"

/* Sections 5 and 9: ready is below the shed threshold. */
static bool is_below_threshold(struct life *life, uint64_t sessions)
{
    uint64_t shed_at = (uint64_t)atomic_load(&life->max_sessions) *
                       atomic_load(&life->load_shed_threshold_pct) / 100;
    return sessions < (shed_at > 0 ? shed_at : 1);
}

void rd_life_status(void *context, struct rd_status *out)
{
    struct life *life = context;
    struct rd_master_client *master = atomic_load(&life->master);
    *out = (struct rd_status){
        .relay_id = life->relay_id,
        .version = WAVRY_VERSION,
        .uptime_secs = wr_elapsed(life->started_ns, rd_clock()) / WR_S,
        .max_sessions = atomic_load(&life->max_sessions),
        .workers = life->group.count,
        .standalone = life->options.standalone,
        .registered = master != NULL && rd_master_client_registered(master),
        .draining = atomic_load(&life->draining),
        .verify_rate = atomic_load(&life->verify_rate),
        .verifications_done = rd_verifier_done(life->group.verifier),
        .verification_busy_ns = rd_verifier_busy_ns(life->group.verifier),
        .log_lines_suppressed = rd_log_suppressed(),
        .log_lines_dropped = rd_log_dropped(),
    };
    if (master != NULL)
        rd_master_client_counters(master, &out->master);
    (void)pthread_mutex_lock(&life->asking);
    if (!rd_workers_snapshot(&life->group, &out->sum))
        RD_LOG(RD_LOG_WARN, "worker_does_not_answer");
    (void)pthread_mutex_unlock(&life->asking);
    const struct wr_snapshot *core = &out->sum.core;
    out->has_master_key = core->keys > 0;
    out->ready = (out->has_master_key || life->options.core.allow_insecure_dev) &&
                 (out->standalone || out->registered) && !out->draining &&
                 is_below_threshold(life, core->sessions_active + core->sessions_waiting);
}

uint32_t rd_life_load_pct(void *context)
{
    struct life *life = context;
    uint64_t sessions = 0;
    if (atomic_load(&life->draining))
        return 100;
    for (uint32_t i = 0; i < life->group.count; i++)
        sessions += rd_worker_sessions(life->group.workers[i]);
    uint64_t pct = sessions * 100 / atomic_load(&life->max_sessions);
    return pct < 100 ? (uint32_t)pct : 100;
}

void rd_life_log_statistics(struct life *life)
{
    struct rd_status status;
    rd_life_status(life, &status);
    const struct wr_counters *now = &status.sum.core.counters;
    const struct wr_counters *before = &life->last_logged.sum.core.counters;
    wr_instant at_ns = rd_clock();
    uint64_t millis = wr_elapsed(life->last_logged_ns, at_ns) / WR_MS;
#define MORE(name) rd_number(#name, now->name - before->name)
    RD_LOG(RD_LOG_INFO, "statistics", rd_number("millis", millis), MORE(packets_rx), MORE(bytes_rx),
           MORE(packets_forwarded), MORE(bytes_forwarded), MORE(dropped_packets),
           MORE(rate_limited_packets), MORE(invalid_packets), MORE(auth_reject_packets),
           MORE(replay_dropped_packets), MORE(backpressure_dropped_packets),
           MORE(overload_shed_packets), MORE(nat_rebind_events), MORE(sessions_created),
           MORE(verifications_requested),
           rd_number("active_sessions", status.sum.core.sessions_active),
           rd_number("waiting_sessions", status.sum.core.sessions_waiting),
           rd_number("queue_depth", status.sum.core.queue_depth),
           rd_text("registered", status.registered ? "yes" : "no"),
           rd_text("ready", status.ready ? "yes" : "no"));
#undef MORE
    life->last_logged = status;
    life->last_logged_ns = at_ns;
}
