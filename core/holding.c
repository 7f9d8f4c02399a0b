#include "relay_state.h"

#include <assert.h>

/* ---- Behind a pending lease (section 2) --------------------------------------------------------
 */

bool wr_holding_behind_lease(struct wr_relay *relay, const struct wr_datagram *datagram,
                             const struct wr_session_id *session)
{
    struct wr_verify_request *request =
        wr_verify_queue_holder(&relay->queue, &datagram->from, session);
    if (request == NULL || wr_hold_pool_full(&relay->pool) ||
        !wr_admit_unbound(relay, &datagram->from))
        return false;
    wr_verify_queue_hold(&relay->queue, request,
                         wr_hold_pool_put(&relay->pool, datagram, relay->now));
    return true;
}

void wr_holding_release(struct wr_relay *relay, struct wr_verify_request *request)
{
    uint32_t held[WR_VERIFY_HELD_MAX];
    uint8_t count = request->held_count;
    memcpy(held, request->held, sizeof held);
    request->held_count = 0;
    for (uint8_t i = 0; i < count; i++) {
        const struct wr_datagram datagram = wr_hold_pool_get(&relay->pool, held[i]);
        if (!WR_FAULT(held_forgotten))
            wr_forward_path_resume(relay, &datagram);
        wr_hold_pool_free(&relay->pool, held[i]);
    }
}

/* ---- For message 3 (section 1) ----------------------------------------------------------------
 */

static void waiters_append(struct wr_relay *relay, uint32_t at)
{
    struct wr_held *entries = relay->pool.entries;
    entries[at].older = relay->waiters_newest;
    entries[at].newer = WR_HOLD_NONE;
    *(relay->waiters_newest != WR_HOLD_NONE ? &entries[relay->waiters_newest].newer
                                            : &relay->waiters_oldest) = at;
    relay->waiters_newest = at;
}

static void waiters_remove(struct wr_relay *relay, uint32_t at)
{
    struct wr_held *entries = relay->pool.entries;
    const struct wr_held *held = &entries[at];
    *(held->older != WR_HOLD_NONE ? &entries[held->older].newer : &relay->waiters_oldest) =
        held->newer;
    *(held->newer != WR_HOLD_NONE ? &entries[held->newer].older : &relay->waiters_newest) =
        held->older;
}

bool wr_holding_for_message_3(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                              const struct wr_datagram *datagram)
{
    struct wr_handshake *handshake = &session->handshake;
    if (!handshake->message_3_due || handshake->first != (uint8_t)role ||
        WR_FAULT(message_3_overtaken))
        return false;
    if (handshake->held_count == WR_MESSAGE_3_HELD_MAX || wr_hold_pool_full(&relay->pool)) {
        wr_holding_flush(relay, session);
        return false;
    }
    uint32_t at = wr_hold_pool_put(&relay->pool, datagram, relay->now);
    relay->pool.entries[at].session = wr_session_slot(&relay->sessions, session);
    waiters_append(relay, at);
    handshake->held[handshake->held_count++] = at;
    return true;
}

void wr_holding_orphans(struct wr_relay *relay, const struct wr_handshake *handshake)
{
    for (uint8_t i = 0; i < handshake->held_count; i++) {
        const struct wr_datagram datagram = wr_hold_pool_get(&relay->pool, handshake->held[i]);
        waiters_remove(relay, handshake->held[i]);
        wr_forward_path_resume(relay, &datagram);
        wr_hold_pool_free(&relay->pool, handshake->held[i]);
    }
}

void wr_holding_flush(struct wr_relay *relay, struct wr_session *session)
{
    struct wr_handshake waiting = session->handshake;
    session->handshake.message_3_due = false;
    session->handshake.held_count = 0;
    wr_holding_orphans(relay, &waiting);
}

void wr_holding_restart(struct wr_relay *relay, struct wr_session *session)
{
    struct wr_handshake waiting = session->handshake;
    session->handshake = (struct wr_handshake){.started = false};
    wr_holding_orphans(relay, &waiting);
}

wr_instant wr_holding_deadline(const struct wr_relay *relay)
{
    if (relay->waiters_oldest == WR_HOLD_NONE)
        return WR_NEVER;
    return wr_after(relay->pool.entries[relay->waiters_oldest].since_ns,
                    WR_FAULT(message_3_waits_long) ? 5 * WR_S : WR_MESSAGE_3_WAIT_NS);
}

void wr_holding_on_deadline(struct wr_relay *relay)
{
    uint32_t slot = relay->pool.entries[relay->waiters_oldest].session;
    wr_holding_flush(relay, &relay->sessions.sessions[slot]);
}
