#include "oracle_judge.h"

#include <inttypes.h>
#include <string.h>

#define HOLD_NS       (50 * WR_MS) /* for message 3 (section 1) */
#define HOLD_FORWARDS 2            /* for it, and for each pending lease (section 2) */
#define HELD_MAX      1024

/* Whether a lease from where this held datagram came is still on its way. */
static bool lease_pending(const struct sim_oracle *oracle, const struct sim_arrival *held)
{
    for (uint32_t i = 0; i < oracle->kept_count; i++) {
        const struct sim_arrival *lease = &oracle->kept[i]->arrival;
        if (sim_map_find(&oracle->kept_by_tag, lease->tag) == i && lease->sight.has_token &&
            !lease->has_verdict && sim_address_equal(&lease->from, &held->from))
            return true;
    }
    return false;
}

static bool is_kept(const struct sim_oracle *oracle, uint32_t slot)
{
    return sim_map_find(&oracle->kept_by_tag, oracle->kept[slot]->arrival.tag) == slot;
}

static bool is_held(const struct sim_oracle *oracle, uint32_t slot)
{
    return !oracle->kept[slot]->arrival.sight.has_token && is_kept(oracle, slot);
}

/* It waits for message 3 if its source is bound, for its lease if there is one, else for nothing.
 */
static void set_hold(struct sim_oracle *oracle, struct sim_arrival *held)
{
    int role;
    struct sim_session *session = sim_path_place(oracle, held, &role);
    bool bound = session != NULL && role >= 0, pending = lease_pending(oracle, held);
    /* what another of its batch has taken the peer back from waits on, to no avail */
    bool waits = bound || held->waits_for_message_3;
    held->hold_until_ns = pending ? WR_NEVER : waits ? wr_after(oracle->now, HOLD_NS) : oracle->now;
    if (bound) { /* behind a lease that is still out, or for message 3 */
        held->was_bound = true;
        held->role = role;
        sim_path_waits_for_message_3(session, held);
    }
    if (held->hold_until_ns == oracle->now)
        sim_oracle_violate(oracle, SIM_ORACLE_ORDER, held->tag,
                           "section 2: a datagram from %s is held though no lease of its source "
                           "is on its way",
                           sim_text_address(&held->from).text);
    if (held->hold_until_ns < oracle->next_hold_ns)
        oracle->next_hold_ns = held->hold_until_ns;
}

void sim_held_new(struct sim_oracle *oracle, struct sim_arrival *held)
{
    uint32_t same = 0, places = HOLD_FORWARDS; /* for message 3, and for each lease */
    sim_oracle_judges(oracle, SIM_ORACLE_MEMORY);
    held->behind_lease = !held->was_bound;
    set_hold(oracle, held);
    if (oracle->held_now > HELD_MAX)
        sim_oracle_violate(oracle, SIM_ORACLE_MEMORY, held->tag,
                           "section 2: %" PRIu32 " datagrams are held; the pool has 1024 places",
                           oracle->held_now);
    for (uint32_t i = 0; i < oracle->kept_count; i++) {
        const struct sim_arrival *other = &oracle->kept[i]->arrival;
        if (!is_kept(oracle, i) || !sim_address_equal(&other->from, &held->from))
            continue;
        if (other->sight.has_token)
            places += HOLD_FORWARDS;
        else if (memcmp(&other->sight.session, &held->sight.session, 16) == 0)
            same++;
    }
    if (same > places)
        sim_oracle_violate(oracle, SIM_ORACLE_MEMORY, held->tag,
                           "sections 1 and 2: %" PRIu32
                           " datagrams of %s are held for one session; at most two may be for "
                           "each lease and for message 3",
                           same, sim_text_address(&held->from).text);
}

void sim_held_lease_decided(struct sim_oracle *oracle, const struct wr_address *from)
{
    for (uint32_t i = 0; oracle->held_now > 0 && i < oracle->kept_count; i++) {
        struct sim_arrival *held = &oracle->kept[i]->arrival;
        if (is_held(oracle, i) && held->hold_until_ns == WR_NEVER &&
            sim_address_equal(&held->from, from))
            set_hold(oracle, held);
    }
}

void sim_judge_held(struct sim_oracle *oracle, wr_instant next_deadline_ns)
{
    /* every entry but a verification's result acts on what is due now */
    wr_instant before = oracle->now + (oracle->entry == SIM_ENTRY_VERIFIED ? 0 : 1);
    wr_instant expected = next_deadline_ns > before ? next_deadline_ns : before;
    if (oracle->held_now == 0 || oracle->next_hold_ns >= expected)
        return;
    oracle->next_hold_ns = WR_NEVER;
    for (uint32_t i = 0; i < oracle->kept_count; i++) {
        struct sim_arrival *held = &oracle->kept[i]->arrival;
        if (!is_held(oracle, i))
            continue;
        if (held->hold_until_ns < expected) {
            sim_oracle_violate(oracle, SIM_ORACLE_ORDER, held->tag,
                               "sections 1 and 2: a datagram from %s is held since %" PRIu64
                               " ns; it must go on at %" PRIu64 " ns",
                               sim_text_address(&held->from).text, held->at_ns,
                               held->hold_until_ns);
            held->hold_until_ns = WR_NEVER - 1;
        }
        if (held->hold_until_ns < oracle->next_hold_ns)
            oracle->next_hold_ns = held->hold_until_ns;
    }
}
