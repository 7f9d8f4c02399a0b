#include "net.h"

#include <address.h>
#include <criterion/criterion.h>
#include <string.h>

#define CLASS_LINK 1
#define WHAT_LINK  7
#define LOG_MAX    64

enum { ALICE, BOB, CAROL, RELAY };

struct arrival {
    uint32_t endpoint;
    wr_instant at_ns;
    struct wr_address from;
    struct wr_address to;
};

static struct sim_queue queue;
static struct sim_packets *packets;
static struct sim_hash hash;
static struct sim_net *net;
static struct arrival arrivals[LOG_MAX];
static uint32_t arrival_count;
static uint32_t drop_count;
static enum sim_drop last_drop;
static uint32_t entered_count;

static void delivered(void *context, uint32_t endpoint, struct sim_datagram *datagram)
{
    (void)context;
    cr_assert_lt(arrival_count, LOG_MAX);
    arrivals[arrival_count++] = (struct arrival){
        .endpoint = endpoint,
        .at_ns = sim_queue_now_ns(&queue),
        .from = datagram->from,
        .to = datagram->to,
    };
    sim_datagram_release(packets, datagram);
}

static void dropped(void *context, const struct sim_datagram *datagram, enum sim_drop why)
{
    (void)context;
    (void)datagram;
    drop_count++;
    last_drop = why;
}

static uint64_t held_ns;

static uint64_t entered(void *context, const struct sim_datagram *datagram)
{
    (void)context;
    (void)datagram;
    entered_count++;
    return held_ns;
}

static void open_net(void)
{
    static const struct sim_net_listener listener = {
        .delivered = delivered, .dropped = dropped, .entered = entered};
    cr_assert(sim_queue_init(&queue, 0));
    cr_assert(sim_hash_init(&hash, 100));
    packets = sim_packets_create(0);
    net = sim_net_create(&queue, packets, &hash, 1, CLASS_LINK, WHAT_LINK, &listener);
    arrival_count = drop_count = entered_count = 0;
    held_ns = 0;
}

static void close_net(void)
{
    sim_net_destroy(net);
    cr_expect_eq(sim_packets_in_use(packets), 0u, "datagrams leaked");
    sim_packets_destroy(packets);
    sim_hash_free(&hash);
    sim_queue_free(&queue);
}

TestSuite(net, .init = open_net, .fini = close_net);

static struct wr_address at(const char *text)
{
    struct wr_address address;
    cr_assert(wr_address_parse(text, &address), "%s", text);
    return address;
}

static uint32_t endpoint(uint32_t parent, const char *address, uint32_t number)
{
    struct wr_address parsed = at(address);
    return sim_net_add_endpoint(net, parent, SIM_NET_NONE, SIM_NET_NONE, &parsed, number);
}

static uint32_t nat_at(uint32_t parent, const char *ip)
{
    struct sim_nat_config config;
    struct wr_address parsed = at(ip);
    sim_nat_config_default(&config);
    return sim_net_add_nat(net, parent, SIM_NET_NONE, SIM_NET_NONE, &config, &parsed, 1, ip);
}

static void send_at(wr_instant now, uint32_t node, const struct wr_address *from,
                    const struct wr_address *to)
{
    struct sim_datagram *datagram =
        sim_datagram_make(packets, sim_content_make(packets, (const uint8_t *)"x", 1));
    datagram->from = *from;
    datagram->to = *to;
    sim_net_send(net, now, node, datagram);
}

static void send(uint32_t node, const char *from, const char *to)
{
    struct wr_address parsed_from = at(from);
    struct wr_address parsed_to = at(to);
    send_at(sim_queue_now_ns(&queue), node, &parsed_from, &parsed_to);
    struct sim_event event;
    while (sim_queue_next_ns(&queue) == sim_queue_now_ns(&queue)) {
        cr_assert(sim_queue_pop(&queue, &event));
        sim_net_on_event(net, &event);
    }
}

/* Plays everything that is under way. Returns how many events that took. */
static unsigned play(void)
{
    struct sim_event event;
    unsigned events = 0;
    while (sim_queue_pop(&queue, &event)) {
        cr_assert_eq(event.what, WHAT_LINK);
        sim_net_on_event(net, &event);
        events++;
    }
    return events;
}

static bool last_is(uint32_t endpoint_number, const char *from, const char *to)
{
    if (arrival_count == 0) {
        return false;
    }
    const struct arrival *last = &arrivals[arrival_count - 1];
    struct wr_address expected_from = at(from);
    struct wr_address expected_to = at(to);
    return last->endpoint == endpoint_number && wr_address_equal(&last->from, &expected_from) &&
           wr_address_equal(&last->to, &expected_to);
}

Test(net, a_peer_behind_a_nat_reaches_a_relay_and_is_answered)
{
    uint32_t home = nat_at(SIM_NET_CORE, "192.0.2.1:0");
    uint32_t alice = endpoint(home, "10.0.0.2:5000", ALICE);
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    send(alice, "10.0.0.2:5000", "198.51.100.1:4000");
    cr_assert(last_is(RELAY, "192.0.2.1:5000", "198.51.100.1:4000"));
    send(relay, "198.51.100.1:4000", "192.0.2.1:5000");
    cr_expect(last_is(ALICE, "198.51.100.1:4000", "10.0.0.2:5000"));
    cr_expect_eq(entered_count, 2u);
    send(relay, "198.51.100.1:4000", "192.0.2.1:5001");
    cr_expect_eq(last_drop, SIM_DROP_NAT_NO_MAPPING);
    send(relay, "198.51.100.1:4000", "203.0.113.200:1");
    cr_expect_eq(last_drop, SIM_DROP_NO_ROUTE);
    send(alice, "10.0.0.2:5000", "198.51.100.1:4001");
    cr_expect_eq(last_drop, SIM_DROP_NO_ROUTE, "nobody listens at that port");
    cr_expect_eq(sim_net_drops(net, SIM_DROP_NO_ROUTE), 2u);
}

Test(net, two_nats_in_a_row_translate_twice)
{
    uint32_t carrier = nat_at(SIM_NET_CORE, "192.0.2.1:0");
    uint32_t home = nat_at(carrier, "100.64.0.7:0");
    uint32_t alice = endpoint(home, "10.0.0.2:5000", ALICE);
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    uint32_t bob = endpoint(carrier, "100.64.0.8:5000", BOB);
    send(bob, "100.64.0.8:5000", "198.51.100.1:4000");
    send(alice, "10.0.0.2:5000", "198.51.100.1:4000");
    cr_expect(last_is(RELAY, "192.0.2.1:5001", "198.51.100.1:4000"), "the carrier had given 5000");
    send(relay, "198.51.100.1:4000", "192.0.2.1:5001");
    cr_expect(last_is(ALICE, "198.51.100.1:4000", "10.0.0.2:5000"));
}

Test(net, neighbours_meet_inside_and_hairpins_turn_at_the_nat)
{
    uint32_t home = nat_at(SIM_NET_CORE, "192.0.2.1:0");
    uint32_t alice = endpoint(home, "10.0.0.2:5000", ALICE);
    uint32_t bob = endpoint(home, "10.0.0.3:6000", BOB);
    endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    send(alice, "10.0.0.2:5000", "10.0.0.3:6000");
    cr_expect(last_is(BOB, "10.0.0.2:5000", "10.0.0.3:6000"));
    send(bob, "10.0.0.3:6000", "198.51.100.1:4000");
    uint32_t in_public = entered_count;
    send(alice, "10.0.0.2:5000", "192.0.2.1:6000");
    cr_expect(last_is(BOB, "192.0.2.1:5000", "10.0.0.3:6000"));
    cr_expect_eq(entered_count, in_public, "never seen outside");
}

Test(net, direct_paths_work_where_nats_let_them)
{
    uint32_t home_a = nat_at(SIM_NET_CORE, "192.0.2.1:0");
    uint32_t home_b = nat_at(SIM_NET_CORE, "192.0.2.2:0");
    uint32_t alice = endpoint(home_a, "10.0.0.2:5000", ALICE);
    uint32_t bob = endpoint(home_b, "10.0.0.2:5000", BOB);
    send(bob, "10.0.0.2:5000", "192.0.2.1:5000");
    cr_expect_eq(last_drop, SIM_DROP_NAT_NO_MAPPING);
    send(alice, "10.0.0.2:5000", "192.0.2.2:5000");
    cr_expect(last_is(BOB, "192.0.2.1:5000", "10.0.0.2:5000"));
}

Test(net, links_delay_and_need_one_event_for_many_datagrams)
{
    static const struct sim_link_config slow = {.latency_ns = 20 * WR_MS};
    uint32_t up = sim_net_add_link(net, &slow, "alice/up");
    uint32_t down = sim_net_add_link(net, &slow, "alice/down");
    struct wr_address address = at("192.0.2.5:5000");
    uint32_t alice = sim_net_add_endpoint(net, SIM_NET_CORE, up, down, &address, ALICE);
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    for (unsigned i = 0; i < 10; i++) {
        send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    }
    cr_expect_eq(play(), 1u);
    cr_assert_eq(arrival_count, 10u);
    cr_expect_eq(arrivals[0].at_ns, 20 * WR_MS);
    send(relay, "198.51.100.1:4000", "192.0.2.5:5000");
    play();
    cr_expect_eq(arrivals[10].at_ns, 40 * WR_MS);
}

Test(net, who_watches_the_core_can_hold_a_datagram_back)
{
    uint32_t alice = endpoint(SIM_NET_CORE, "192.0.2.5:5000", ALICE);
    endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    held_ns = 300;
    send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    held_ns = 0;
    send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    cr_expect_eq(arrival_count, 1u, "the second one overtakes");
    play();
    cr_assert_eq(arrival_count, 2u);
    cr_expect_eq(arrivals[1].at_ns, 300u);
    cr_expect_eq(entered_count, 2u, "it enters once");
}

Test(net, nobody_receives_from_inside_a_send)
{
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    endpoint(SIM_NET_CORE, "192.0.2.5:5000", ALICE);
    struct wr_address from = at("198.51.100.1:4000");
    struct wr_address to = at("192.0.2.5:5000");
    send_at(0, relay, &from, &to);
    cr_expect_eq(arrival_count, 0u);
    cr_expect_eq(play(), 1u);
    cr_expect_eq(arrival_count, 1u);
    cr_expect_eq(arrivals[0].at_ns, 0u);
}

Test(net, what_leaves_later_is_not_seen_before)
{
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    endpoint(SIM_NET_CORE, "192.0.2.5:5000", ALICE);
    struct wr_address from = at("198.51.100.1:4000");
    struct wr_address to = at("192.0.2.5:5000");
    send_at(700, relay, &from, &to);
    cr_expect_eq(arrival_count, 0u);
    play();
    cr_assert_eq(arrival_count, 1u);
    cr_expect_eq(arrivals[0].at_ns, 700u);
}

Test(net, a_later_straggler_does_not_hide_an_earlier_arrival)
{
    static const struct sim_link_config slow = {.latency_ns = 100};
    static const struct sim_link_config fast = {.latency_ns = 10, .reorder = {1, 1}};
    uint32_t up = sim_net_add_link(net, &slow, "alice/up");
    struct wr_address address = at("192.0.2.5:5000");
    uint32_t alice = sim_net_add_endpoint(net, SIM_NET_CORE, up, SIM_NET_NONE, &address, ALICE);
    endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    sim_net_change_link(net, up, &fast);
    send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    play();
    cr_assert_eq(arrival_count, 2u);
    cr_expect_eq(arrivals[0].at_ns, 10u);
    cr_expect_eq(arrivals[1].at_ns, 100u);
}

Test(net, a_partition_is_one_way)
{
    uint32_t alice = endpoint(SIM_NET_CORE, "192.0.2.5:5000", ALICE);
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    sim_net_block(net, alice, false, true);
    send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    cr_expect_eq(arrival_count, 1u);
    send(relay, "198.51.100.1:4000", "192.0.2.5:5000");
    cr_expect_eq(last_drop, SIM_DROP_PARTITION);
    sim_net_block(net, alice, true, false);
    send(relay, "198.51.100.1:4000", "192.0.2.5:5000");
    cr_expect_eq(arrival_count, 2u);
    send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    cr_expect_eq(arrival_count, 2u);
    sim_net_block(net, alice, false, false);
    send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    cr_expect_eq(arrival_count, 3u);
}

Test(net, who_moves_is_found_at_its_new_place_only)
{
    static const struct sim_link_config slow = {.latency_ns = 100};
    uint32_t down = sim_net_add_link(net, &slow, "alice/down");
    struct wr_address wifi = at("192.0.2.5:5000");
    struct wr_address mobile = at("10.0.0.9:5000");
    uint32_t alice = sim_net_add_endpoint(net, SIM_NET_CORE, SIM_NET_NONE, down, &wifi, ALICE);
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    uint32_t carrier = nat_at(SIM_NET_CORE, "192.0.2.1:0");
    send(relay, "198.51.100.1:4000", "192.0.2.5:5000");
    sim_net_move(net, alice, carrier, SIM_NET_NONE, down, &mobile);
    play();
    cr_expect_eq(arrival_count, 0u, "was under way to the old place");
    send(relay, "198.51.100.1:4000", "192.0.2.5:5000");
    cr_expect_eq(last_drop, SIM_DROP_NO_ROUTE);
    send(alice, "10.0.0.9:5000", "198.51.100.1:4000");
    cr_expect(last_is(RELAY, "192.0.2.1:5000", "198.51.100.1:4000"));
    send(relay, "198.51.100.1:4000", "192.0.2.1:5000");
    play();
    cr_expect(last_is(ALICE, "198.51.100.1:4000", "10.0.0.9:5000"));
}

Test(net, a_nat_that_reboots_with_another_address_is_found_there)
{
    uint32_t home = nat_at(SIM_NET_CORE, "192.0.2.1:0");
    uint32_t alice = endpoint(home, "10.0.0.2:5000", ALICE);
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    send(alice, "10.0.0.2:5000", "198.51.100.1:4000");
    struct wr_address other = at("192.0.2.99:0");
    sim_net_reboot_nat(net, home, &other, 1);
    send(relay, "198.51.100.1:4000", "192.0.2.1:5000");
    cr_expect_eq(last_drop, SIM_DROP_NO_ROUTE);
    send(alice, "10.0.0.2:5000", "198.51.100.1:4000");
    cr_expect(last_is(RELAY, "192.0.2.99:5000", "198.51.100.1:4000"));
}

Test(net, a_run_of_addresses_leads_to_one_endpoint)
{
    uint32_t relay = endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    uint32_t mallory = endpoint(SIM_NET_CORE, "203.0.113.1:9", CAROL);
    struct wr_address first = at("203.0.114.0:0");
    sim_net_add_addresses(net, mallory, &first, 1000);
    send(relay, "198.51.100.1:4000", "203.0.117.231:77");
    cr_expect(last_is(CAROL, "198.51.100.1:4000", "203.0.117.231:77"));
    send(relay, "198.51.100.1:4000", "203.0.117.232:77");
    cr_expect_eq(last_drop, SIM_DROP_NO_ROUTE);
    send(relay, "198.51.100.1:4000", "203.0.113.255:77");
    cr_expect_eq(last_drop, SIM_DROP_NO_ROUTE);
}

Test(net, the_hash_tells_two_runs_apart)
{
    uint32_t alice = endpoint(SIM_NET_CORE, "192.0.2.5:5000", ALICE);
    endpoint(SIM_NET_CORE, "198.51.100.1:4000", RELAY);
    uint64_t before = sim_hash_value(&hash);
    send(alice, "192.0.2.5:5000", "198.51.100.1:4000");
    uint64_t after_one = sim_hash_value(&hash);
    send(alice, "192.0.2.5:5000", "198.51.100.1:4001");
    cr_expect_neq(before, after_one);
    cr_expect_neq(after_one, sim_hash_value(&hash));
}
