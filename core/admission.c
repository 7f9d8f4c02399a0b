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

enum wr_verdict wr_admit_session(const struct wr_relay *relay)
{
    if (relay->draining && !WR_FAULT(no_drain))
        return WR_VERDICT_DRAINING;
    if (relay->sessions.count >= relay->config.max_sessions)
        return WR_VERDICT_FULL;
    if (relay->sessions.count >= relay->shed_at && !WR_FAULT(no_shed))
        return WR_VERDICT_SHED;
    return WR_VERDICT_ACCEPTED;
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
