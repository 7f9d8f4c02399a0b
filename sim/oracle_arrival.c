/*
 * Datagrams on their way, from their arrival to their outcome: a batch as long as its entry lasts,
 * then copies of those whose outcome or verdict is still open.
 */
#include "oracle_judge.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool is_lease_packet(const struct sim_arrival *arrival)
{
    return arrival->sight.kind == SIM_SIGHT_PRESENT || arrival->sight.kind == SIM_SIGHT_RENEW;
}

static bool is_done(const struct sim_arrival *arrival)
{
    return arrival->has_outcome &&
           (arrival->outcome != WR_OUTCOME_LEASE_TAKEN || arrival->has_verdict);
}

static void touch(struct sim_oracle *oracle, uint32_t slot)
{
    for (uint32_t i = oracle->touched_count; i > 0; i--) {
        if (oracle->touched[i - 1] == slot)
            return;
    }
    oracle->touched = sim_oracle_grow(oracle->touched, &oracle->touched_capacity,
                                      oracle->touched_count + 1, sizeof *oracle->touched);
    oracle->touched[oracle->touched_count++] = slot;
}

/* A core takes a batch in order. When it first speaks of one, it has had those before it. */
static void meet_until(struct sim_oracle *oracle, uint32_t count)
{
    while (oracle->batch_met < count)
        sim_path_arrived(oracle, &oracle->batch[oracle->batch_met++]);
}

struct sim_arrival *sim_arrival_find(struct sim_oracle *oracle, uint64_t tag)
{
    for (uint32_t i = 0; i < oracle->batch_count; i++) {
        uint32_t at = oracle->batch_cursor + i;
        if (at >= oracle->batch_count)
            at -= oracle->batch_count;
        if (oracle->batch[at].tag == tag) {
            oracle->batch_cursor = at;
            meet_until(oracle, at + 1);
            return &oracle->batch[at];
        }
    }
    uint32_t slot = sim_map_find(&oracle->kept_by_tag, tag);
    if (slot == SIM_NO_SLOT)
        return NULL;
    touch(oracle, slot);
    return &oracle->kept[slot]->arrival;
}

/* A copy by the library: where a bound of the size is known, compilers make one in place that is
 * slow to start. */
static void copy_bytes(uint8_t *to, const uint8_t *from, size_t bytes)
{
    __asm__("" : "+r"(bytes));
    memcpy(to, from, bytes);
}

struct sim_arrival *sim_arrival_add(struct sim_oracle *oracle, const struct wr_datagram *datagram,
                                    uint32_t sender)
{
    uint32_t capacity = oracle->batch_capacity, at = oracle->batch_count++;
    oracle->batch = sim_oracle_grow(oracle->batch, &oracle->batch_capacity, oracle->batch_count,
                                    sizeof *oracle->batch);
    if (capacity != oracle->batch_capacity) {
        oracle->batch_bytes =
            sim_oracle_grow(oracle->batch_bytes, &capacity, oracle->batch_count, SIM_COPY_MAX);
        for (uint32_t i = 0; i < at; i++)
            oracle->batch[i].bytes = oracle->batch_bytes + (size_t)i * SIM_COPY_MAX;
    }
    uint8_t *copy = oracle->batch_bytes + (size_t)at * SIM_COPY_MAX;
    copy_bytes(copy, datagram->bytes,
               datagram->size < SIM_COPY_MAX ? datagram->size : SIM_COPY_MAX);
    struct sim_arrival *arrival = &oracle->batch[at];
    memset(arrival, 0, offsetof(struct sim_arrival, answer));
    arrival->tag = datagram->tag;
    arrival->number = ++oracle->arrivals;
    arrival->at_ns = oracle->now;
    arrival->from = datagram->from;
    arrival->bytes = copy;
    arrival->size = datagram->size;
    arrival->elsewhere = datagram->bound_elsewhere;
    arrival->sender = sender;
    arrival->slot = SIM_NO_SLOT;
    arrival->hold_until_ns = WR_NEVER;
    arrival->from.reserved = 0;
    if (arrival->from.ip[0] != 0xfe || (arrival->from.ip[1] & 0xc0) != 0x80)
        arrival->from.zone = 0;
    arrival->bad_source = sim_source_bad(oracle, &arrival->from);
    arrival->sight = sim_sight_of(datagram->bytes, datagram->size, oracle->config.bare_rift);
    return arrival;
}

static void keep(struct sim_oracle *oracle, const struct sim_arrival *arrival)
{
    uint32_t slot = oracle->kept_free;
    if (slot != SIM_NO_SLOT) {
        oracle->kept_free = oracle->kept[slot]->next_free;
    } else {
        slot = oracle->kept_count++;
        oracle->kept = sim_oracle_grow(oracle->kept, &oracle->kept_capacity, oracle->kept_count,
                                       sizeof(struct sim_kept *));
        oracle->kept[slot] = malloc(sizeof(struct sim_kept));
        if (oracle->kept[slot] == NULL)
            abort();
    }
    struct sim_kept *kept = oracle->kept[slot];
    kept->arrival = *arrival;
    kept->arrival.kept = true;
    kept->arrival.bytes = kept->bytes;
    memcpy(kept->bytes, arrival->bytes,
           arrival->size < SIM_COPY_MAX ? arrival->size : SIM_COPY_MAX);
    sim_map_put(&oracle->kept_by_tag, arrival->tag, slot);
    if (is_lease_packet(arrival)) {
        oracle->pending_now++;
    } else {
        oracle->held_now++;
        sim_held_new(oracle, &kept->arrival);
    }
}

static void release(struct sim_oracle *oracle, uint32_t slot)
{
    struct sim_kept *kept = oracle->kept[slot];
    sim_map_remove(&oracle->kept_by_tag, kept->arrival.tag);
    if (is_lease_packet(&kept->arrival))
        oracle->pending_now--;
    else
        oracle->held_now--;
    kept->next_free = oracle->kept_free;
    oracle->kept_free = slot;
}

void sim_arrivals_settle(struct sim_oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->touched_count; i++) {
        uint32_t slot = oracle->touched[i];
        if (is_done(&oracle->kept[slot]->arrival))
            release(oracle, slot);
    }
    meet_until(oracle, oracle->batch_count);
    for (uint32_t i = 0; i < oracle->batch_count; i++) {
        if (!is_done(&oracle->batch[i]))
            keep(oracle, &oracle->batch[i]);
    }
    oracle->touched_count = 0;
    oracle->batch_count = oracle->batch_met = oracle->batch_cursor = 0;
}
