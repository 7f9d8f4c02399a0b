/* The NAT model, first against the requirements of RFC 4787, then against what it is for beyond
 * them. REQ-7 (overlapping address realms) and REQ-10 (no application-level gateways) hold because
 * the model looks at nothing but addresses and never at bytes; REQ-12 and REQ-13 speak of ICMP,
 * which the simulated network does not have; REQ-14 (fragments) belongs to links. */
#include "nat.h"

#include <address.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct sim_packets *packets;
static struct sim_datagram *datagram;
static struct sim_nat nat;

static void open_nat(void)
{
    packets = sim_packets_create(0);
    datagram = sim_datagram_make(packets, sim_content_make(packets, NULL, 0));
}

static void close_nat(void)
{
    sim_nat_free(&nat);
    sim_packets_destroy(packets);
}

TestSuite(nat, .init = open_nat, .fini = close_nat);

static struct wr_address at(const char *text)
{
    struct wr_address address;
    cr_assert(wr_address_parse(text, &address), "%s", text);
    return address;
}

static void start(const struct sim_nat_config *config, const char *ip, const char *second_ip)
{
    struct wr_address ips[2] = {at(ip), at(second_ip != NULL ? second_ip : ip)};
    sim_nat_init(&nat, config, ips, second_ip != NULL ? 2 : 1, 1, "home");
}

static struct sim_nat_config recommended(void)
{
    struct sim_nat_config config;
    sim_nat_config_default(&config);
    return config;
}

static void start_default(void)
{
    struct sim_nat_config config = recommended();
    start(&config, "192.0.2.1:0", NULL);
}

static enum sim_nat_fate out_at(wr_instant now, const char *from, const char *to)
{
    datagram->from = at(from);
    datagram->to = at(to);
    return sim_nat_outbound(&nat, now, datagram);
}

static enum sim_nat_fate in_at(wr_instant now, const char *from, const char *to)
{
    datagram->from = at(from);
    datagram->to = at(to);
    return sim_nat_inbound(&nat, now, datagram);
}

static bool is(const struct wr_address *address, const char *text)
{
    struct wr_address expected = at(text);
    return wr_address_equal(address, &expected);
}

#define ALICE   "10.0.0.2:5000"
#define BOB     "10.0.0.3:5000"
#define RELAY   "198.51.100.1:4000"
#define RELAY_B "198.51.100.1:4001"
#define OTHER   "203.0.113.9:4000"

/* ---- RFC 4787 -------------------------------------------------------------------------------- */

Test(nat, req_1_the_mapping_does_not_depend_on_the_remote)
{
    start_default();
    cr_expect_eq(out_at(0, ALICE, RELAY), SIM_NAT_PASSED);
    struct wr_address first = datagram->from;
    cr_expect_eq(out_at(1, ALICE, RELAY_B), SIM_NAT_PASSED);
    cr_expect(wr_address_equal(&datagram->from, &first));
    cr_expect_eq(out_at(2, ALICE, OTHER), SIM_NAT_PASSED);
    cr_expect(wr_address_equal(&datagram->from, &first));
    cr_expect_eq(sim_nat_mapping_count(&nat), 1u);
}

Test(nat, req_1_the_other_two_mapping_behaviours_are_there_as_well)
{
    struct sim_nat_config config = recommended();
    config.mapping = SIM_SCOPE_ADDRESS;
    start(&config, "192.0.2.1:0", NULL);
    out_at(0, ALICE, RELAY);
    struct wr_address first = datagram->from;
    out_at(0, ALICE, RELAY_B);
    cr_expect(wr_address_equal(&datagram->from, &first), "same address, other port");
    out_at(0, ALICE, OTHER);
    cr_expect_not(wr_address_equal(&datagram->from, &first), "other address");
    sim_nat_free(&nat);

    config.mapping = SIM_SCOPE_ADDRESS_AND_PORT;
    start(&config, "192.0.2.1:0", NULL);
    out_at(0, ALICE, RELAY);
    first = datagram->from;
    out_at(0, ALICE, RELAY_B);
    cr_expect_not(wr_address_equal(&datagram->from, &first));
    out_at(0, ALICE, RELAY);
    cr_expect(wr_address_equal(&datagram->from, &first), "the first mapping is still there");
}

Test(nat, req_2_pooling_is_paired)
{
    struct sim_nat_config config = recommended();
    start(&config, "192.0.2.1:0", "192.0.2.2:0");
    out_at(0, "10.0.0.2:1111", RELAY);
    struct wr_address first = datagram->from;
    for (unsigned port = 2000; port < 2010; port++) {
        char from[WR_ADDRESS_TEXT_BYTES];
        snprintf(from, sizeof from, "10.0.0.2:%u", port);
        out_at(0, from, RELAY);
        cr_expect(wr_address_same_ip(&datagram->from, &first));
    }
    out_at(0, BOB, RELAY);
    cr_expect_not(wr_address_same_ip(&datagram->from, &first), "the next host has the next one");
}

Test(nat, req_2_arbitrary_pooling_is_there_as_well)
{
    struct sim_nat_config config = recommended();
    config.paired = false;
    start(&config, "192.0.2.1:0", "192.0.2.2:0");
    out_at(0, "10.0.0.2:1111", RELAY);
    struct wr_address first = datagram->from;
    out_at(0, "10.0.0.2:1112", RELAY);
    cr_expect_not(wr_address_same_ip(&datagram->from, &first));
}

Test(nat, req_3_no_port_is_overloaded)
{
    static const enum sim_nat_allocation all[] = {SIM_ALLOCATE_PRESERVE, SIM_ALLOCATE_CONTIGUOUS,
                                                  SIM_ALLOCATE_RANDOM};
    struct sim_nat_config config = recommended();
    config.mapping = SIM_SCOPE_ADDRESS_AND_PORT;
    config.port_first = 2000;
    config.port_last = 2299;
    for (unsigned which = 0; which < 3; which++) {
        bool seen[300] = {false};
        config.allocation = all[which];
        start(&config, "192.0.2.1:0", NULL);
        for (unsigned i = 0; i < 300; i++) {
            char from[WR_ADDRESS_TEXT_BYTES];
            snprintf(from, sizeof from, "10.0.%u.2:2000", i);
            cr_assert(i < 256 ? out_at(0, from, RELAY) == SIM_NAT_PASSED
                              : out_at(0, ALICE, "198.51.100.1:1") != SIM_NAT_FILTERED);
            if (i < 256) {
                cr_assert_not(seen[datagram->from.port - 2000], "port %u", datagram->from.port);
                seen[datagram->from.port - 2000] = true;
            }
        }
        sim_nat_free(&nat);
    }
    start(&config, "192.0.2.1:0", NULL);
}

Test(nat, req_3_ports_are_preserved_where_they_are_free)
{
    start_default();
    out_at(0, ALICE, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.1:5000"));
    out_at(0, BOB, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.1:5001"), "taken: the next one");
}

Test(nat, req_3a_system_ports_stay_system_ports)
{
    struct sim_nat_config config = recommended();
    config.port_first = 1;
    start(&config, "192.0.2.1:0", NULL);
    out_at(0, "10.0.0.2:1023", RELAY);
    cr_expect_eq(datagram->from.port, 1023);
    out_at(0, "10.0.0.3:1023", RELAY);
    cr_expect_leq(datagram->from.port, 1023);
    out_at(0, "10.0.0.2:65535", RELAY);
    out_at(0, "10.0.0.3:65535", RELAY);
    cr_expect_geq(datagram->from.port, 1024);
}

Test(nat, req_5_a_mapping_lives_at_least_two_minutes_and_its_timer_can_be_set)
{
    start_default();
    out_at(0, ALICE, RELAY);
    cr_expect_eq(in_at(120 * WR_S, RELAY, "192.0.2.1:5000"), SIM_NAT_PASSED);
    cr_expect_eq(sim_nat_next_deadline(&nat), 300 * WR_S);
    cr_expect_eq(in_at(300 * WR_S - 1, RELAY, "192.0.2.1:5000"), SIM_NAT_PASSED);
    cr_expect_eq(in_at(300 * WR_S, RELAY, "192.0.2.1:5000"), SIM_NAT_NO_MAPPING);
    out_at(400 * WR_S, ALICE, RELAY);
    sim_nat_set_timeout(&nat, 401 * WR_S, 30 * WR_S);
    cr_expect_eq(sim_nat_next_deadline(&nat), 430 * WR_S);
    cr_expect_eq(in_at(430 * WR_S, RELAY, "192.0.2.1:5000"), SIM_NAT_NO_MAPPING);
}

Test(nat, req_6_outbound_refreshes_always)
{
    start_default();
    out_at(0, ALICE, RELAY);
    out_at(299 * WR_S, ALICE, RELAY);
    cr_expect_eq(in_at(500 * WR_S, RELAY, "192.0.2.1:5000"), SIM_NAT_PASSED);
    cr_expect_eq(in_at(599 * WR_S, RELAY, "192.0.2.1:5000"), SIM_NAT_NO_MAPPING);
}

Test(nat, req_6_inbound_refreshes_where_it_is_told_to)
{
    for (unsigned refreshes = 0; refreshes < 2; refreshes++) {
        struct sim_nat_config config = recommended();
        config.inbound_refreshes = refreshes == 1;
        config.filtering = SIM_SCOPE_ADDRESS_AND_PORT;
        start(&config, "192.0.2.1:0", NULL);
        out_at(0, ALICE, RELAY);
        cr_expect_eq(in_at(200 * WR_S, RELAY, "192.0.2.1:5000"), SIM_NAT_PASSED);
        cr_expect_eq(in_at(400 * WR_S, RELAY, "192.0.2.1:5000"),
                     refreshes == 1 ? SIM_NAT_PASSED : SIM_NAT_NO_MAPPING);
        sim_nat_free(&nat);
    }
    start_default();
}

Test(nat, req_8_the_three_filtering_behaviours)
{
    static const enum sim_nat_scope scopes[] = {SIM_SCOPE_ENDPOINT, SIM_SCOPE_ADDRESS,
                                                SIM_SCOPE_ADDRESS_AND_PORT};
    static const enum sim_nat_fate other_port[] = {SIM_NAT_PASSED, SIM_NAT_PASSED,
                                                   SIM_NAT_FILTERED};
    static const enum sim_nat_fate other_ip[] = {SIM_NAT_PASSED, SIM_NAT_FILTERED,
                                                 SIM_NAT_FILTERED};
    for (unsigned which = 0; which < 3; which++) {
        struct sim_nat_config config = recommended();
        config.filtering = scopes[which];
        start(&config, "192.0.2.1:0", NULL);
        out_at(0, ALICE, RELAY);
        cr_expect_eq(in_at(1, RELAY, "192.0.2.1:5000"), SIM_NAT_PASSED);
        cr_expect(is(&datagram->to, ALICE));
        cr_expect_eq(in_at(1, RELAY_B, "192.0.2.1:5000"), other_port[which]);
        cr_expect_eq(in_at(1, OTHER, "192.0.2.1:5000"), other_ip[which]);
        cr_expect_eq(in_at(1, RELAY, "192.0.2.1:5001"), SIM_NAT_NO_MAPPING);
        sim_nat_free(&nat);
    }
    start_default();
}

Test(nat, req_9_hairpinning_shows_the_external_source)
{
    start_default();
    out_at(0, ALICE, RELAY);
    out_at(0, BOB, RELAY);
    cr_expect_eq(out_at(1, ALICE, "192.0.2.1:5001"), SIM_NAT_TURNED);
    cr_expect(is(&datagram->to, BOB));
    cr_expect(is(&datagram->from, "192.0.2.1:5000"), "external address and port (REQ-9a)");
    cr_expect_eq(out_at(1, ALICE, "192.0.2.1:9999"), SIM_NAT_NO_MAPPING);
}

Test(nat, req_9_a_nat_that_does_not_hairpin_drops)
{
    struct sim_nat_config config = recommended();
    config.hairpin = false;
    start(&config, "192.0.2.1:0", NULL);
    out_at(0, BOB, RELAY);
    cr_expect_eq(out_at(1, ALICE, "192.0.2.1:5000"), SIM_NAT_NO_HAIRPIN);
}

Test(nat, req_11_behaviour_does_not_change_when_ports_collide)
{
    start_default();
    out_at(0, ALICE, RELAY);
    out_at(0, BOB, RELAY); /* wanted the same port */
    struct wr_address bob = datagram->from;
    out_at(1, BOB, OTHER);
    cr_expect(wr_address_equal(&datagram->from, &bob), "still endpoint-independent");
    cr_expect_eq(in_at(2, RELAY_B, "192.0.2.1:5001"), SIM_NAT_PASSED, "and so is its filter");
}

/* ---- Beyond the RFC -------------------------------------------------------------------------- */

Test(nat, contiguous_ports_follow_each_other_and_wrap)
{
    struct sim_nat_config config = recommended();
    config.allocation = SIM_ALLOCATE_CONTIGUOUS;
    config.port_first = 3000;
    config.port_last = 3002;
    config.timeout_ns = 10;
    start(&config, "192.0.2.1:0", NULL);
    for (unsigned i = 0; i < 7; i++) {
        out_at(i * 10, ALICE, RELAY);
        cr_expect_eq(datagram->from.port, 3000 + i % 3);
    }
}

Test(nat, a_symmetric_one_moves_its_port_at_every_pause)
{
    struct sim_nat_config config = recommended();
    config.mapping = config.filtering = SIM_SCOPE_ADDRESS_AND_PORT;
    config.allocation = SIM_ALLOCATE_RANDOM;
    config.timeout_ns = 2 * WR_S;
    start(&config, "192.0.2.1:0", NULL);
    uint16_t last = 0;
    for (unsigned pause = 0; pause < 20; pause++) {
        wr_instant now = pause * 5 * WR_S;
        out_at(now, ALICE, RELAY);
        uint16_t port = datagram->from.port;
        cr_expect_neq(port, last);
        out_at(now + 1999 * WR_MS, ALICE, RELAY);
        cr_expect_eq(datagram->from.port, port, "no pause, no move");
        last = port;
    }
}

Test(nat, exhaustion_refuses_new_mappings_and_ends_when_old_ones_expire)
{
    struct sim_nat_config config = recommended();
    config.port_first = 4000;
    config.port_last = 4001;
    start(&config, "192.0.2.1:0", NULL);
    cr_expect_eq(out_at(0, ALICE, RELAY), SIM_NAT_PASSED);
    cr_expect_eq(out_at(100 * WR_S, BOB, RELAY), SIM_NAT_PASSED);
    cr_expect_eq(out_at(200 * WR_S, "10.0.0.4:5000", RELAY), SIM_NAT_EXHAUSTED);
    cr_expect_eq(out_at(250 * WR_S, BOB, OTHER), SIM_NAT_PASSED, "mapped already");
    cr_expect_eq(out_at(300 * WR_S, "10.0.0.4:5000", RELAY), SIM_NAT_PASSED);
    cr_expect_eq(datagram->from.port, 4000);
    cr_expect_eq(nat.fates[SIM_NAT_EXHAUSTED], 1u);
}

Test(nat, one_inside_address_can_be_limited)
{
    struct sim_nat_config config = recommended();
    config.mappings_max_each = 2;
    start(&config, "192.0.2.1:0", NULL);
    cr_expect_eq(out_at(0, "10.0.0.2:1", RELAY), SIM_NAT_PASSED);
    cr_expect_eq(out_at(0, "10.0.0.2:2", RELAY), SIM_NAT_PASSED);
    cr_expect_eq(out_at(0, "10.0.0.2:3", RELAY), SIM_NAT_EXHAUSTED);
    cr_expect_eq(out_at(0, "10.0.0.3:3", RELAY), SIM_NAT_PASSED);
}

Test(nat, port_blocks_belong_to_one_inside_address_and_come_back)
{
    struct sim_nat_config config = recommended();
    config.allocation = SIM_ALLOCATE_CONTIGUOUS;
    config.port_first = 2000;
    config.port_last = 2007;
    config.block_ports = 4;
    start(&config, "192.0.2.1:0", NULL);
    for (unsigned port = 1; port <= 4; port++) {
        char from[WR_ADDRESS_TEXT_BYTES];
        snprintf(from, sizeof from, "10.0.0.2:%u", port);
        cr_expect_eq(out_at(0, from, RELAY), SIM_NAT_PASSED);
        cr_expect(datagram->from.port >= 2000 && datagram->from.port <= 2003);
    }
    cr_expect_eq(out_at(0, "10.0.0.2:5", RELAY), SIM_NAT_EXHAUSTED, "its block is full");
    cr_expect_eq(out_at(0, BOB, RELAY), SIM_NAT_PASSED);
    cr_expect(datagram->from.port >= 2004 && datagram->from.port <= 2007);
    cr_expect_eq(out_at(0, "10.0.0.4:1", RELAY), SIM_NAT_EXHAUSTED, "no block is left");
    cr_expect_eq(out_at(300 * WR_S, "10.0.0.4:1", RELAY), SIM_NAT_PASSED, "all have expired");
}

Test(nat, a_reboot_forgets_everything_and_may_change_the_address)
{
    start_default();
    out_at(0, BOB, RELAY);
    out_at(0, ALICE, RELAY);
    sim_nat_reboot(&nat, NULL, 0);
    cr_expect_eq(sim_nat_mapping_count(&nat), 0u);
    cr_expect_eq(in_at(1, RELAY, "192.0.2.1:5001"), SIM_NAT_NO_MAPPING);
    out_at(2, ALICE, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.1:5000"), "first come, first served again");
    struct wr_address other = at("192.0.2.77:0");
    sim_nat_reboot(&nat, &other, 1);
    out_at(3, ALICE, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.77:5000"));
}

Test(nat, a_rebind_moves_each_mapping_to_another_port)
{
    static const enum sim_nat_allocation all[] = {SIM_ALLOCATE_PRESERVE, SIM_ALLOCATE_CONTIGUOUS,
                                                  SIM_ALLOCATE_RANDOM};
    for (unsigned which = 0; which < 3; which++) {
        struct sim_nat_config config = recommended();
        config.allocation = all[which];
        config.filtering = SIM_SCOPE_ADDRESS_AND_PORT;
        start(&config, "192.0.2.1:0", NULL);
        out_at(0, ALICE, RELAY);
        struct wr_address old = datagram->from;
        struct wr_address inside = at(ALICE);
        cr_expect_eq(sim_nat_rebind(&nat, 1, &inside), 1u);
        out_at(2, ALICE, RELAY);
        cr_expect_not(wr_address_equal(&datagram->from, &old));
        struct wr_address moved = datagram->from;
        datagram->from = at(RELAY);
        datagram->to = old;
        cr_expect_eq(sim_nat_inbound(&nat, 3, datagram), SIM_NAT_NO_MAPPING);
        datagram->to = moved;
        cr_expect_eq(sim_nat_inbound(&nat, 3, datagram), SIM_NAT_PASSED);
        sim_nat_free(&nat);
    }
    start_default();
}

Test(nat, a_mapping_moves_to_a_given_port_or_address)
{
    struct sim_nat_config config = recommended();
    start(&config, "192.0.2.1:0", "192.0.2.2:0");
    struct wr_address alice = at(ALICE);
    struct wr_address relay = at(RELAY);
    out_at(0, ALICE, RELAY);
    struct wr_address target = {.port = 6000};
    cr_expect(sim_nat_move(&nat, 1, &alice, &relay, &target));
    out_at(2, ALICE, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.1:6000"));
    target = at("192.0.2.2:0");
    cr_expect(sim_nat_move(&nat, 3, &alice, &relay, &target));
    out_at(4, ALICE, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.2:6000"));
    target = at("192.0.2.9:0");
    cr_expect_not(sim_nat_move(&nat, 5, &alice, &relay, &target), "not an address of its own");
    target = at("192.0.2.2:6000");
    cr_expect_not(sim_nat_move(&nat, 5, &alice, &relay, &target), "taken, by itself");
    struct wr_address bob = at(BOB);
    cr_expect_not(sim_nat_move(&nat, 5, &bob, &relay, &target), "no mapping");
}

Test(nat, a_port_given_to_another_tenant_feeds_the_wrong_one)
{
    struct sim_nat_config config = recommended();
    config.filtering = SIM_SCOPE_ADDRESS_AND_PORT;
    start(&config, "192.0.2.1:0", NULL);
    struct wr_address alice = at(ALICE);
    struct wr_address bob = at(BOB);
    out_at(0, ALICE, RELAY);
    cr_expect_eq(sim_nat_give(&nat, 1, &alice, &bob), 1u);
    cr_expect_eq(in_at(2, RELAY, "192.0.2.1:5000"), SIM_NAT_PASSED);
    cr_expect(is(&datagram->to, BOB));
    out_at(3, ALICE, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.1:5001"), "its own port is gone");
    out_at(4, BOB, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.1:5000"));
}

Test(nat, a_given_port_does_not_take_the_place_of_the_tenants_own)
{
    start_default();
    struct wr_address alice = at(ALICE);
    struct wr_address bob = at(BOB);
    out_at(0, ALICE, RELAY);
    out_at(0, BOB, RELAY);
    sim_nat_give(&nat, 1, &alice, &bob);
    out_at(2, BOB, RELAY);
    cr_expect(is(&datagram->from, "192.0.2.1:5001"));
    cr_expect_eq(in_at(3, RELAY, "192.0.2.1:5000"), SIM_NAT_PASSED);
    cr_expect(is(&datagram->to, BOB), "both ports lead to it");
    cr_expect_eq(in_at(301 * WR_S, RELAY, "192.0.2.1:5000"), SIM_NAT_NO_MAPPING);
}

Test(nat, many_mappings_come_and_go_and_are_found_from_both_sides)
{
    struct sim_nat_config config = recommended();
    config.mapping = config.filtering = SIM_SCOPE_ADDRESS_AND_PORT;
    config.allocation = SIM_ALLOCATE_RANDOM;
    config.timeout_ns = 1000;
    start(&config, "192.0.2.1:0", NULL);
    for (unsigned round = 0; round < 5000; round++) {
        char from[WR_ADDRESS_TEXT_BYTES];
        snprintf(from, sizeof from, "10.0.%u.%u:%u", round % 7, round % 250, 1000 + round % 13);
        cr_assert_eq(out_at(round, from, RELAY), SIM_NAT_PASSED);
        struct wr_address outside = datagram->from;
        datagram->from = at(RELAY);
        datagram->to = outside;
        cr_assert_eq(sim_nat_inbound(&nat, round, datagram), SIM_NAT_PASSED);
        cr_assert(is(&datagram->to, from));
        cr_assert_leq(sim_nat_mapping_count(&nat), 1000u);
    }
    sim_nat_on_deadline(&nat, 10000);
    cr_expect_eq(sim_nat_mapping_count(&nat), 0u);
    cr_expect_eq(sim_nat_next_deadline(&nat), WR_NEVER);
}

Test(nat, a_filter_remembers_a_bounded_number_of_remotes)
{
    struct sim_nat_config config = recommended();
    config.filtering = SIM_SCOPE_ADDRESS_AND_PORT;
    start(&config, "192.0.2.1:0", NULL);
    for (unsigned i = 0; i <= SIM_NAT_PERMITS_MAX; i++) {
        char to[WR_ADDRESS_TEXT_BYTES];
        snprintf(to, sizeof to, "198.51.100.1:%u", 1000 + i);
        out_at(i, ALICE, to);
    }
    cr_expect_eq(in_at(100, "198.51.100.1:1000", "192.0.2.1:5000"), SIM_NAT_FILTERED);
    cr_expect_eq(in_at(100, "198.51.100.1:1001", "192.0.2.1:5000"), SIM_NAT_PASSED);
}

Test(nat, a_permit_ends_by_itself_while_the_mapping_lives)
{
    struct sim_nat_config config = recommended();
    config.filtering = SIM_SCOPE_ADDRESS;
    start(&config, "192.0.2.1:0", NULL);
    out_at(0, ALICE, RELAY);
    out_at(200 * WR_S, ALICE, OTHER);
    cr_expect_eq(in_at(300 * WR_S, RELAY, "192.0.2.1:5000"), SIM_NAT_FILTERED);
    cr_expect_eq(in_at(300 * WR_S, OTHER, "192.0.2.1:5000"), SIM_NAT_PASSED);
}
