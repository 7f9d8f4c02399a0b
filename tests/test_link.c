#include "link.h"

#include <address.h>
#include <criterion/criterion.h>
#include <string.h>

static struct sim_packets *packets;

static void open_packets(void)
{
    packets = sim_packets_create(0);
}

static void close_packets(void)
{
    cr_expect_eq(sim_packets_in_use(packets), 0u, "datagrams leaked");
    sim_packets_destroy(packets);
}

TestSuite(link, .init = open_packets, .fini = close_packets);

static struct sim_link link_of(const struct sim_link_config *config)
{
    struct sim_link link;
    sim_link_init(&link, config, 1, "alice/up");
    return link;
}

/* `size` bytes of UDP payload; the IP datagram has 28 more. */
static enum sim_link_fate give(struct sim_link *link, wr_instant now, uint32_t size)
{
    static const uint8_t bytes[SIM_DATAGRAM_BYTES_MAX];
    struct sim_datagram *datagram =
        sim_datagram_make(packets, sim_content_make(packets, bytes, size));
    cr_assert(wr_address_parse("192.0.2.1:4000", &datagram->to));
    enum sim_link_fate fate = sim_link_send(link, packets, now, datagram);
    if (fate != SIM_LINK_CARRIED) {
        sim_datagram_release(packets, datagram);
    }
    return fate;
}

/* The number of the next datagram, which must arrive exactly at `at`; 0 where none does. */
static uint64_t arrives(struct sim_link *link, wr_instant at)
{
    if (at > 0) {
        cr_expect_null(sim_link_take(link, at - 1));
    }
    struct sim_datagram *datagram = sim_link_take(link, at);
    if (datagram == NULL) {
        return 0;
    }
    uint64_t number = datagram->number;
    sim_datagram_release(packets, datagram);
    return number;
}

/* Takes everything; returns how many there were, and counts overtakings. */
static unsigned drain(struct sim_link *link, unsigned *overtaken)
{
    unsigned count = 0;
    uint64_t last = 0;
    struct sim_datagram *datagram;
    while ((datagram = sim_link_take(link, WR_NEVER - 1)) != NULL) {
        *overtaken += datagram->number < last ? 1u : 0u;
        last = datagram->number;
        count++;
        sim_datagram_release(packets, datagram);
    }
    return count;
}

Test(link, latency_delays_and_there_is_one_deadline)
{
    static const struct sim_link_config config = {.latency_ns = 20 * WR_MS};
    struct sim_link link = link_of(&config);
    cr_expect_eq(sim_link_next_deadline(&link), WR_NEVER);
    give(&link, 5, 100);
    give(&link, 7, 100);
    cr_expect_eq(sim_link_next_deadline(&link), 20 * WR_MS + 5);
    cr_expect_eq(arrives(&link, 20 * WR_MS + 5), 1u);
    cr_expect_eq(arrives(&link, 20 * WR_MS + 7), 2u);
    cr_expect_null(sim_link_take(&link, WR_NEVER - 1));
    sim_link_free(&link, packets);
}

Test(link, bandwidth_spaces_datagrams_by_their_bytes)
{
    /* 972 + 28 bytes at 8 Mbps take a millisecond. */
    static const struct sim_link_config config = {
        .latency_ns = 100, .bandwidth_kbps = 8000, .queue_bytes = 10000};
    struct sim_link link = link_of(&config);
    give(&link, 0, 972);
    give(&link, 0, 972);
    cr_expect_eq(sim_link_backlog_bytes(&link, 0), 2000u);
    cr_expect_eq(sim_link_backlog_bytes(&link, WR_MS), 1000u);
    cr_expect_eq(arrives(&link, WR_MS + 100), 1u);
    cr_expect_eq(arrives(&link, 2 * WR_MS + 100), 2u);
    give(&link, 50 * WR_MS, 472);
    cr_expect_eq(arrives(&link, 50 * WR_MS + WR_MS / 2 + 100), 3u);
    sim_link_free(&link, packets);
}

Test(link, a_full_queue_drops_at_its_tail_and_empties_with_time)
{
    static const struct sim_link_config config = {.bandwidth_kbps = 8000, .queue_bytes = 3000};
    struct sim_link link = link_of(&config);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_eq(give(&link, 0, 972), SIM_LINK_CARRIED);
    }
    cr_expect_eq(give(&link, 0, 0), SIM_LINK_QUEUE_FULL);
    cr_expect_eq(give(&link, WR_MS - 1, 972), SIM_LINK_QUEUE_FULL);
    cr_expect_eq(give(&link, WR_MS, 972), SIM_LINK_CARRIED);
    cr_expect_eq(link.fates[SIM_LINK_QUEUE_FULL], 2u);
    sim_link_free(&link, packets);
}

Test(link, jitter_alone_keeps_the_order_unless_it_may_reorder)
{
    static const struct sim_link_config keeps = {
        .latency_ns = WR_MS, .jitter = SIM_JITTER_UNIFORM, .jitter_ns = 10 * WR_MS};
    struct sim_link_config reorders = keeps;
    reorders.jitter_reorders = true;
    const struct sim_link_config *const configs[] = {&keeps, &reorders};
    for (unsigned which = 0; which < 2; which++) {
        struct sim_link link = link_of(configs[which]);
        unsigned overtaken = 0;
        for (unsigned i = 0; i < 500; i++) {
            give(&link, i * WR_MS, 100);
        }
        cr_expect_eq(drain(&link, &overtaken), 500u);
        cr_expect(which == 0 ? overtaken == 0 : overtaken > 100, "%u", overtaken);
        sim_link_free(&link, packets);
    }
}

Test(link, every_kind_of_jitter_stays_near_its_latency)
{
    static const enum sim_jitter kinds[] = {SIM_JITTER_UNIFORM, SIM_JITTER_EXPONENTIAL,
                                            SIM_JITTER_NORMAL};
    static const uint64_t mean_ms[] = {21, 22, 20};
    for (unsigned which = 0; which < 3; which++) {
        struct sim_link_config config = {.latency_ns = 20 * WR_MS,
                                         .jitter = kinds[which],
                                         .jitter_ns = 2 * WR_MS,
                                         .jitter_reorders = true};
        struct sim_link link = link_of(&config);
        uint64_t sum_ns = 0;
        for (unsigned i = 0; i < 4000; i++) {
            give(&link, 0, 10);
            wr_instant due_ns = sim_link_next_deadline(&link);
            cr_assert_lt(due_ns, 50 * WR_MS);
            sum_ns += due_ns;
            cr_assert_gt(arrives(&link, due_ns), 0u);
        }
        uint64_t off_ns = 100 * (sum_ns / 4000) / mean_ms[which] / WR_MS;
        cr_expect(off_ns >= 98 && off_ns <= 101, "kind %u: %u %%", which, (unsigned)off_ns);
        sim_link_free(&link, packets);
    }
}

Test(link, normal_jitter_never_arrives_before_it_is_sent)
{
    static const struct sim_link_config config = {.latency_ns = WR_MS,
                                                  .jitter = SIM_JITTER_NORMAL,
                                                  .jitter_ns = 5 * WR_MS,
                                                  .jitter_reorders = true};
    struct sim_link link = link_of(&config);
    for (unsigned i = 0; i < 1000; i++) {
        give(&link, 100 * WR_MS, 10);
    }
    cr_expect_eq(sim_link_next_deadline(&link), 100 * WR_MS);
    unsigned overtaken = 0;
    cr_expect_eq(drain(&link, &overtaken), 1000u);
    sim_link_free(&link, packets);
}

Test(link, loss_comes_as_often_as_it_says)
{
    static const struct sim_link_config config = {.loss = {1, 20}};
    struct sim_link link = link_of(&config);
    unsigned overtaken = 0;
    for (unsigned i = 0; i < 20000; i++) {
        give(&link, 0, 10);
    }
    cr_expect(link.fates[SIM_LINK_LOST] > 880 && link.fates[SIM_LINK_LOST] < 1120);
    cr_expect_eq(drain(&link, &overtaken) + link.fates[SIM_LINK_LOST], 20000u);
    sim_link_free(&link, packets);
}

Test(link, bursts_lose_runs_and_not_single_datagrams)
{
    /* Bad one time in 100, for ten datagrams on average: 9.1 % lost in runs of ten. */
    static const struct sim_link_config config = {
        .burst_enter = {1, 100}, .burst_leave = {1, 10}, .loss_bad = {1, 1}};
    struct sim_link link = link_of(&config);
    unsigned lost = 0;
    unsigned runs = 0;
    bool was_lost = false;
    for (unsigned i = 0; i < 50000; i++) {
        bool is_lost = give(&link, 0, 10) == SIM_LINK_LOST;
        lost += is_lost ? 1u : 0u;
        runs += is_lost && !was_lost ? 1u : 0u;
        was_lost = is_lost;
    }
    cr_expect(lost > 4000 && lost < 5100, "%u lost", lost);
    cr_expect(lost / runs >= 9 && lost / runs <= 11, "%u in %u runs", lost, runs);
    sim_link_free(&link, packets);
}

Test(link, a_reordered_datagram_is_overtaken_by_those_behind_it)
{
    static const struct sim_link_config config = {
        .latency_ns = 10 * WR_MS, .reorder = {1, 10}, .reorder_delay_ns = 5 * WR_MS};
    struct sim_link link = link_of(&config);
    unsigned late = 0;
    for (unsigned i = 0; i < 1000; i++) {
        give(&link, i * WR_MS, 10);
    }
    uint64_t last = 0;
    struct sim_datagram *datagram;
    while ((datagram = sim_link_take(&link, WR_NEVER - 1)) != NULL) {
        bool is_late = datagram->due_ns == (datagram->number - 1 + 15) * WR_MS;
        cr_expect(is_late || datagram->due_ns == (datagram->number - 1 + 10) * WR_MS);
        late += is_late ? 1u : 0u;
        cr_expect(is_late || datagram->number > last, "one in time overtook another");
        last = is_late ? last : datagram->number;
        sim_datagram_release(packets, datagram);
    }
    cr_expect(late > 70 && late < 130, "%u", late);
    sim_link_free(&link, packets);
}

Test(link, duplicates_share_the_bytes_and_arrive_behind_each_other)
{
    static const struct sim_link_config config = {.latency_ns = 10, .duplicate = {1, 1}};
    struct sim_link link = link_of(&config);
    give(&link, 0, 10);
    struct sim_datagram *first = sim_link_take(&link, 10);
    struct sim_datagram *second = sim_link_take(&link, 10);
    cr_assert(first != NULL && second != NULL);
    cr_expect_eq(first->payload, second->payload);
    cr_expect_neq(first->number, second->number);
    sim_datagram_release(packets, first);
    sim_datagram_release(packets, second);
    sim_link_free(&link, packets);
}

Test(link, corruption_flips_one_bit_of_a_copy)
{
    static const struct sim_link_config config = {.corrupt = {1, 1}};
    struct sim_link link = link_of(&config);
    static const uint8_t zeros[64];
    struct sim_content *payload = sim_content_make(packets, zeros, sizeof zeros);
    struct sim_datagram *datagram = sim_datagram_make(packets, sim_content_share(payload));
    cr_assert_eq(sim_link_send(&link, packets, 0, datagram), SIM_LINK_CARRIED);
    datagram = sim_link_take(&link, 0);
    unsigned bits = 0;
    for (unsigned i = 0; i < sizeof zeros; i++) {
        bits += (unsigned)__builtin_popcount(sim_content_bytes(datagram->payload)[i]);
    }
    cr_expect_eq(bits, 1u);
    cr_expect_eq(memcmp(sim_content_bytes(payload), zeros, sizeof zeros), 0);
    cr_expect_eq(give(&link, 1, 0), SIM_LINK_CARRIED, "an empty one has no bit to flip");
    sim_datagram_release(packets, datagram);
    sim_content_release(packets, payload);
    sim_link_free(&link, packets);
}

Test(link, the_mtu_counts_headers)
{
    static const struct sim_link_config config = {.mtu_bytes = 1280};
    struct sim_link link = link_of(&config);
    cr_expect_eq(give(&link, 0, 1252), SIM_LINK_CARRIED);
    cr_expect_eq(give(&link, 0, 1253), SIM_LINK_TOO_LONG);
    sim_link_free(&link, packets);
}

Test(link, fragments_are_lost_together_and_cost_headers)
{
    /* 1500 IP bytes over 1000: two pieces, 20 bytes more. */
    static const struct sim_link_config config = {
        .mtu_bytes = 1000, .fragments = true, .bandwidth_kbps = 8000, .queue_bytes = 100000};
    struct sim_link link = link_of(&config);
    cr_expect_eq(give(&link, 0, 1472), SIM_LINK_CARRIED);
    cr_expect_eq(arrives(&link, 1520000), 1u);
    sim_link_free(&link, packets);

    static const struct sim_link_config lossy = {
        .mtu_bytes = 500, .fragments = true, .loss = {1, 2}};
    link = link_of(&lossy);
    for (unsigned i = 0; i < 1000; i++) {
        give(&link, 0, 1472); /* four pieces: one in sixteen arrives */
    }
    cr_expect(link.fates[SIM_LINK_CARRIED] > 40 && link.fates[SIM_LINK_CARRIED] < 90);
    sim_link_free(&link, packets);
}

Test(link, a_partition_lets_nothing_in_and_what_is_under_way_arrives)
{
    static const struct sim_link_config config = {.latency_ns = 10};
    struct sim_link link = link_of(&config);
    give(&link, 0, 10);
    sim_link_block(&link, true);
    cr_expect_eq(give(&link, 5, 10), SIM_LINK_BLOCKED);
    cr_expect_eq(arrives(&link, 10), 1u);
    sim_link_block(&link, false);
    cr_expect_eq(give(&link, 20, 10), SIM_LINK_CARRIED);
    sim_link_free(&link, packets);
}

Test(link, a_change_keeps_the_order_of_what_is_under_way)
{
    static const struct sim_link_config slow = {.latency_ns = 100};
    static const struct sim_link_config fast = {.latency_ns = 10};
    struct sim_link link = link_of(&slow);
    give(&link, 0, 10);
    sim_link_change(&link, &fast, 1, "alice/up");
    give(&link, 1, 10);
    cr_expect_eq(arrives(&link, 100), 1u);
    cr_expect_gt(arrives(&link, 100) + 1, 2u, "the second one waits behind the first");
    give(&link, 200, 10);
    cr_expect_eq(arrives(&link, 210), 3u);
    sim_link_free(&link, packets);
}

/* Fates of 200 datagrams as bits, with and without a further fault. */
static void losses_of(const struct sim_link_config *config, bool lost[200])
{
    struct sim_link link = link_of(config);
    for (unsigned i = 0; i < 200; i++) {
        lost[i] = give(&link, 0, 50) == SIM_LINK_LOST;
    }
    sim_link_free(&link, packets);
}

Test(link, one_fault_does_not_shift_the_dice_of_another)
{
    struct sim_link_config config = {.loss = {1, 5}};
    bool alone[200];
    bool together[200];
    losses_of(&config, alone);
    config.jitter = SIM_JITTER_UNIFORM;
    config.jitter_ns = 100;
    config.duplicate = (struct sim_ratio){1, 3};
    config.corrupt = (struct sim_ratio){1, 3};
    config.reorder = (struct sim_ratio){1, 3};
    losses_of(&config, together);
    cr_expect_arr_eq(alone, together, sizeof alone);
}
