#include "relay_state.h"

#include "address.h"

struct wr_source wr_admit_source(const struct wr_relay *relay, const struct wr_address *from)
{
    struct wr_source source;
    wr_address_prefix(from, source.prefix);
    source.set = wr_bucket_table_set_of(&relay->sources, source.prefix);
    return source;
}

bool wr_admit_source_unbound(struct wr_relay *relay, const struct wr_source *source)
{
    struct wr_bucket *bucket = wr_bucket_table_find(&relay->sources, source->set, source->prefix);
    return wr_rate_take(&relay->limits.unbound, &bucket->tat, relay->now) ||
           WR_FAULT(unlimited_unbound);
}

bool wr_admit_unbound(struct wr_relay *relay, const struct wr_address *from)
{
    const struct wr_source source = wr_admit_source(relay, from);
    return wr_admit_source_unbound(relay, &source);
}

/* From so many sessions on no new one is opened. */
static uint32_t sessions_most(const struct wr_relay *relay)
{
    return WR_FAULT(no_shed) ? relay->config.max_sessions : relay->shed_at;
}

enum wr_verdict wr_admit_session(const struct wr_relay *relay)
{
    uint32_t sessions = wr_shared_sessions(relay->shared);
    if (relay->draining && !WR_FAULT(no_drain))
        return WR_VERDICT_DRAINING;
    if (sessions >= relay->config.max_sessions)
        return WR_VERDICT_FULL;
    return sessions >= sessions_most(relay) ? WR_VERDICT_SHED : WR_VERDICT_ACCEPTED;
}

enum wr_verdict wr_admit_session_place(struct wr_relay *relay)
{
    enum wr_verdict verdict = wr_admit_session(relay);
    if (verdict == WR_VERDICT_ACCEPTED && !wr_shared_open(relay->shared, sessions_most(relay)))
        verdict = WR_VERDICT_SHED; /* another relay of the process took the last place just now */
    return verdict;
}

bool wr_admit_bad_source(const struct wr_relay *relay, const struct wr_address *from)
{
    if (WR_FAULT(answer_any_source))
        return false;
    if (wr_address_unanswerable(from))
        return true;
    for (uint32_t i = 0; i < relay->config.own_address_count; i++) {
        if (wr_address_equal(from, &relay->own_addresses[i]))
            return true;
    }
    return false;
}
