#include "relay_state.h"

#include "address.h"

static void send(struct wr_relay *relay, const struct wr_address *to, uint32_t via,
                 const uint8_t *bytes, uint32_t size, uint64_t cause)
{
    const struct wr_output output = {
        .to = *to, .bytes = bytes, .size = size, .via = via, .cause = cause};
    relay->environment.send(relay->environment.context, &output);
}

void wr_answer_ack(struct wr_relay *relay, const struct wr_session *session, enum wr_role role,
                   const struct wr_route *to, uint64_t tag, uint32_t request_bytes,
                   bool with_cookie)
{
    const struct wr_seat *seat = &session->seats[role];
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    uint8_t cookie[WR_COOKIE_BYTES];
    if (with_cookie)
        wr_cookie_make(&relay->cookies, &session->id, role, &to->address, relay->now, cookie);
    uint32_t size = wr_wire_encode_ack(bytes, sizeof bytes, &session->id, seat->ack_expires_unix_ms,
                                       session->soft_limit_kbps, session->hard_limit_kbps,
                                       relay->draining, with_cookie ? cookie : NULL);
    /* To an address that is not bound, an answer is never longer than its request (section 5). */
    bool bound = seat->is_bound && wr_address_equal(&seat->bound.address, &to->address);
    if (!bound && size > request_bytes)
        return;
    relay->counters.acks_sent++;
    send(relay, &to->address, to->via, bytes, size, tag);
}

/* Every reject 6, whatever its cause: at most one a second and prefix and 1000 in all. */
static bool may_reject_limited(struct wr_relay *relay, const struct wr_address *to)
{
    const struct wr_source source = wr_admit_source(relay, to);
    struct wr_bucket *bucket = wr_bucket_table_find(&relay->sources, source.set, source.prefix);
    const struct wr_limits *limits = &relay->limits;
    if (WR_FAULT(rejects_uncapped))
        return true;
    if (!wr_rate_allows(&limits->reject_prefix, bucket->reject_tat, relay->now) ||
        !wr_shared_draw(&relay->shared->reject_all, limits->reject_all.cost_ns,
                        limits->reject_all.burst_ns, relay->now))
        return false;
    wr_rate_draw(&limits->reject_prefix, &bucket->reject_tat, relay->now);
    return true;
}

void wr_answer_reject(struct wr_relay *relay, const struct wr_lease_origin *origin,
                      enum wr_reject_reason reason, bool with_cookie, enum wr_role role)
{
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    uint8_t cookie[WR_COOKIE_BYTES];
    if (reason == WR_REJECT_NONE)
        return;
    if (WR_FAULT(reject_longer_than_request))
        with_cookie = true;
    if (with_cookie)
        wr_cookie_make(&relay->cookies, &origin->session, role, &origin->from, relay->now, cookie);
    uint32_t size = wr_wire_encode_reject(bytes, sizeof bytes, &origin->session, reason,
                                          with_cookie ? cookie : NULL);
    if ((size > origin->size && !WR_FAULT(reject_longer_than_request)) ||
        (reason == WR_REJECT_RATE_LIMITED && !may_reject_limited(relay, &origin->from))) {
        relay->counters.rejects_withheld++;
        return;
    }
    relay->counters.rejects_sent++;
    send(relay, &origin->from, origin->via, bytes, size, origin->tag);
}
