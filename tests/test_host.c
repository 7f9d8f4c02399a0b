#include "host.h"

#include <criterion/criterion.h>

static const struct sim_host_config config = {
    .receive_ns = 200,
    .forward_ns = 800,
    .verify_ns = 64000,
    .receive_queue_datagrams = 3,
};

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

TestSuite(host, .init = open_packets, .fini = close_packets);

static struct sim_host host_of(const struct sim_host_config *with)
{
    struct sim_host host;
    sim_host_init(&host, with);
    return host;
}

static enum sim_host_arrival arrive(struct sim_host *host)
{
    struct sim_content *payload = sim_content_make(packets, NULL, 0);
    return sim_host_arrive(host, packets, sim_datagram_make(packets, payload));
}

static bool serve(struct sim_host *host, wr_instant now, uint64_t spent_ns)
{
    struct sim_datagram *datagram = sim_host_next(host, now);
    if (datagram != NULL) {
        sim_datagram_release(packets, datagram);
        sim_host_spend(host, now, spent_ns);
    }
    return datagram != NULL;
}

Test(host, serves_one_after_the_other_in_the_order_they_came)
{
    struct sim_host host = host_of(&config);
    arrive(&host);
    arrive(&host);
    uint64_t first = host.first->number;
    struct sim_datagram *datagram = sim_host_next(&host, 100);
    cr_assert_not_null(datagram);
    cr_expect_eq(datagram->number, first);
    sim_datagram_release(packets, datagram);
    cr_expect_eq(sim_host_spend(&host, 100, 1000), 1100u);
    cr_expect_eq(sim_host_next_deadline(&host), 1100u);
    cr_expect_not(serve(&host, 1099, 1000));
    cr_expect(serve(&host, 1100, 1000));
    cr_expect_eq(sim_host_next_deadline(&host), WR_NEVER);
}

Test(host, a_full_queue_drops_and_says_how_many_once)
{
    struct sim_host host = host_of(&config);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_eq(arrive(&host), SIM_HOST_QUEUED);
    }
    cr_expect_eq(arrive(&host), SIM_HOST_OVERFLOW);
    cr_expect_eq(arrive(&host), SIM_HOST_OVERFLOW);
    cr_expect_eq(sim_host_take_overflows(&host), 2u);
    cr_expect_eq(sim_host_take_overflows(&host), 0u);
    cr_expect(serve(&host, 0, 10));
    cr_expect_eq(arrive(&host), SIM_HOST_QUEUED);
    cr_expect_eq(host.overflowed, 2u);
    sim_host_crash(&host, packets);
}

Test(host, a_pause_fills_the_queue_and_ends_by_itself)
{
    struct sim_host host = host_of(&config);
    sim_host_pause(&host, 5000);
    arrive(&host);
    cr_expect(sim_host_paused(&host, 4999));
    cr_expect_eq(sim_host_next_deadline(&host), 5000u);
    cr_expect_not(serve(&host, 4999, 0));
    cr_expect(serve(&host, 5000, 0));
    sim_host_pause(&host, WR_NEVER);
    arrive(&host);
    cr_expect_eq(sim_host_next_deadline(&host), WR_NEVER);
    sim_host_resume(&host);
    cr_expect(serve(&host, 6000, 0));
}

Test(host, a_crash_loses_the_queue_and_what_comes_until_the_restart)
{
    struct sim_host host = host_of(&config);
    arrive(&host);
    sim_host_spend(&host, 0, 9000);
    sim_host_crash(&host, packets);
    cr_expect_eq(arrive(&host), SIM_HOST_DOWN);
    cr_expect_eq(sim_host_next_deadline(&host), WR_NEVER);
    cr_expect_eq(host.lost, 2u);
    sim_host_start(&host, 400);
    arrive(&host);
    cr_expect_eq(sim_host_next_deadline(&host), 400u, "the old process's work is gone");
    cr_expect(serve(&host, 400, 0));
}

Test(host, the_helper_verifies_one_at_a_time_beside_the_datagrams)
{
    struct sim_host host = host_of(&config);
    cr_expect_eq(sim_host_verify(&host, 1000), 65000u);
    cr_expect_eq(sim_host_verify(&host, 2000), 129000u);
    arrive(&host);
    cr_expect(serve(&host, 2000, 1000), "datagrams do not wait for signatures");
    cr_expect_eq(sim_host_verify(&host, 500000), 564000u);
}
