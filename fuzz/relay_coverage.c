/*
 * Coverage of states: which combinations of session, candidate, memory, silence and key the model
 * has been in. An engine that knows only edges takes two inputs for alike that pass the same code
 * in different states; libFuzzer counts what lies in this section as coverage, other engines leave
 * it alone.
 */
#include "relay_actions.h"

#include <string.h>

#define COUNTERS 32768u

__attribute__((section("__libfuzzer_extra_counters"), used)) static uint8_t counters[COUNTERS];

static void seen(uint32_t kind, uint64_t combination)
{
    uint64_t mixed = (combination << 3 | kind) * UINT64_C(0x9e3779b97f4a7c15);
    counters[mixed >> 49] = 1;
}

/* 0 spoke just now, 1 rule 1 could move it, 2 rule 2 could, 3 stale. */
static uint32_t silence_of(wr_instant since, wr_instant now)
{
    uint64_t silent = now > since ? now - since : 0;
    return (silent >= 1 * WR_S) + (uint32_t)(silent >= 2 * WR_S) + (silent >= 30 * WR_S);
}

/* 0 not in the ring (any more), 1 current, 2 superseded. */
static uint32_t key_age(const struct sim_oracle *oracle, const struct sim_role *role)
{
    for (uint32_t i = 0; i < oracle->key_count; i++) {
        const struct sim_key *key = &oracle->keys[i];
        if (key->in_ring && memcmp(key->bytes, role->key, sizeof key->bytes) == 0)
            return key->superseded_ns == WR_NEVER ? 1 : 2;
    }
    return 0;
}

static uint32_t moving_of(const struct sim_role *role, wr_instant now)
{
    const struct sim_candidate *candidate = &role->candidate;
    uint32_t state = 0;
    if (candidate->there && now - candidate->since_ns < 30 * WR_S)
        state = candidate->by_token ? 1 : 2;
    state = state * 2 + (role->remembered.there && now < role->remembered.until_ns);
    state = state * 2 + (role->overtaken.there && now < role->overtaken.until_ns);
    state = state * 2 + role->capped;
    return state * 2 + (now < role->loser_until_ns);
}

static uint32_t seat_of(const struct sim_role *role)
{
    return !role->bound ? (role->released ? 1u
                           : role->locked ? 2u
                                          : 0u)
                        : 3u + role->bound_by_token;
}

static uint32_t handshake_of(const struct sim_session *session)
{
    uint32_t state = session->roles[0].shook_hands + 2u * session->roles[1].shook_hands;
    state = state * 2 + (session->roles[0].sent_transport || session->roles[1].sent_transport);
    return (state * 2 + session->message_3_over) * 4 +
           (session->waiting_forwards < 3 ? session->waiting_forwards : 3);
}

/* Who an address is to a session: stranger, bound, candidate or remembered, as which role. */
static uint32_t relation(const struct sim_session *session, const struct wr_address *address)
{
    uint32_t all = 0;
    for (int i = 0; i < WR_ROLES; i++) {
        const struct sim_role *role = &session->roles[i];
        uint32_t is = role->bound && sim_address_equal(&role->address, address);
        is |= (uint32_t)(role->candidate.there &&
                         sim_address_equal(&role->candidate.address, address))
              << 1;
        is |= (uint32_t)(role->remembered.there &&
                         sim_address_equal(&role->remembered.address, address))
              << 2;
        is |= (uint32_t)(role->overtaken.there &&
                         sim_address_equal(&role->overtaken.address, address))
              << 3;
        all = all << 4 | is;
    }
    return all;
}

void relay_coverage(struct relay_world *world, uint32_t from)
{
    const struct sim_oracle *oracle = world->oracle;
    uint64_t what = (world->has_outcome ? 1u + (uint32_t)world->outcome : 0) * 64u +
                    (world->has_verdict ? 1u + (uint32_t)world->verdict : 0);
    uint32_t busy = (world->pending_count > 0) + 2u * (oracle->held_now > 0) +
                    4u * (oracle->pending_now > world->pending_count) + 8u * oracle->draining;
    seen(0, what * 16 + busy);
    for (uint32_t i = 0; i < oracle->session_count; i++) {
        const struct sim_session *session = &oracle->sessions[i];
        if (!session->used)
            continue;
        uint64_t state = session->active;
        for (int role = 0; role < WR_ROLES; role++) {
            const struct sim_role *seat = &session->roles[role];
            uint32_t moving = moving_of(seat, world->now);
            uint32_t jump = seat->window.jump.sequences < 3 ? seat->window.jump.sequences : 3u;
            state = state * 8 + seat_of(seat);
            seen(1, ((moving * 4 + silence_of(seat->sign_ns, world->now)) * 3 +
                     key_age(oracle, seat)) *
                            2 +
                        session->active);
            seen(2, (uint64_t)moving << 16 | what);
            seen(3, (what * 2 + seat->window.empty) * 4 + jump);
        }
        seen(4, state * 64 + handshake_of(session));
        seen(5,
             ((uint64_t)relation(session, relay_address(from)) * 2 + session->active) << 16 | what);
    }
}
