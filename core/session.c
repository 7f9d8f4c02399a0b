#include "session.h"

#include "address.h"
#include "fault.h"

int wr_session_role_of(const struct wr_session *session, const struct wr_address *address)
{
    for (int role = 0; role < WR_ROLES; role++) {
        const struct wr_seat *seat = &session->seats[role];
        if (wr_address_equal(&seat->bound.address, address) && seat->is_bound)
            return role;
    }
    return -1;
}

void wr_session_update_limits(struct wr_session *session)
{
    session->soft_limit_kbps = UINT32_MAX;
    session->hard_limit_kbps = UINT32_MAX;
    for (int role = 0; role < WR_ROLES; role++) {
        const struct wr_seat *seat = &session->seats[role];
        if (!seat->is_bound)
            continue;
        if (seat->soft_limit_kbps < session->soft_limit_kbps)
            session->soft_limit_kbps = seat->soft_limit_kbps;
        if (seat->hard_limit_kbps < session->hard_limit_kbps)
            session->hard_limit_kbps = seat->hard_limit_kbps;
    }
}

int wr_token_order_compare(const struct wr_token_order *a, const struct wr_token_order *b)
{
    if (a->issued_unix_ms != b->issued_unix_ms)
        return a->issued_unix_ms < b->issued_unix_ms ? -1 : 1;
    if (a->expires_unix_ms != b->expires_unix_ms)
        return a->expires_unix_ms < b->expires_unix_ms ? -1 : 1;
    return 0;
}

wr_instant wr_session_deadline(const struct wr_session *session, uint64_t peer_wait_ns,
                               uint64_t idle_timeout_ns)
{
    wr_instant deadline = wr_after(session->heard_ns, idle_timeout_ns);
    for (int role = 0; role < WR_ROLES; role++) {
        const struct wr_seat *seat = &session->seats[role];
        if (seat->is_bound && seat->ends_ns < deadline)
            deadline = seat->ends_ns;
    }
    if (session->state == WR_SESSION_WAITING_PEER) {
        wr_instant wait = wr_after(session->waiting_since_ns, peer_wait_ns);
        if (wait < deadline)
            deadline = wait;
    }
    if (WR_FAULT(sweep_instead_of_deadline) && deadline != WR_NEVER)
        deadline += (10 * WR_S - deadline % (10 * WR_S)) % (10 * WR_S);
    return deadline;
}
