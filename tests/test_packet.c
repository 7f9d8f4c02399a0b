#include "packet.h"

#include "hash.h"

#include <address.h>
#include <criterion/criterion.h>
#include <string.h>

Test(packet, a_duplicate_shares_the_bytes_and_has_a_number_of_its_own)
{
    struct sim_packets *packets = sim_packets_create(0);
    struct sim_content *payload = sim_content_make(packets, (const uint8_t *)"hello", 5);
    struct sim_datagram *first = sim_datagram_make(packets, payload);
    cr_assert(wr_address_parse("192.0.2.1:1", &first->from));
    struct sim_datagram *second = sim_datagram_duplicate(packets, first);
    cr_expect_eq(second->payload, payload);
    cr_expect_neq(second->number, first->number);
    cr_expect(wr_address_equal(&second->from, &first->from));
    sim_datagram_release(packets, first);
    cr_expect_eq(payload->references, 1u);
    cr_expect_eq(memcmp(sim_content_bytes(second->payload), "hello", 5), 0);
    sim_datagram_release(packets, second);
    cr_expect_eq(sim_packets_in_use(packets), 0u);
    sim_packets_destroy(packets);
}

Test(packet, memory_is_used_again)
{
    static const uint8_t bytes[SIM_DATAGRAM_BYTES_MAX];
    struct sim_packets *packets = sim_packets_create(0);
    struct sim_datagram *held[600];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 600; i++) {
            uint32_t size = i % 2 == 0 ? 60 : SIM_DATAGRAM_BYTES_MAX;
            held[i] = sim_datagram_make(packets, sim_content_make(packets, bytes, size));
            cr_expect_eq(held[i]->number, round * 600 + i + 1);
        }
        for (unsigned i = 0; i < 600; i++) {
            sim_datagram_release(packets, held[i]);
        }
        static uint64_t memory_bytes;
        memory_bytes = round == 0 ? sim_packets_memory_bytes(packets) : memory_bytes;
        cr_expect_eq(sim_packets_memory_bytes(packets), memory_bytes);
    }
    sim_packets_destroy(packets);
}

Test(packet, a_flipped_bit_is_in_a_copy_with_a_digest_of_its_own)
{
    struct sim_packets *packets = sim_packets_create(0);
    struct sim_content *payload = sim_content_make(packets, (const uint8_t *)"abc", 3);
    struct sim_content *flipped = sim_content_flipped(packets, payload, 9);
    cr_expect_eq(memcmp(sim_content_bytes(payload), "abc", 3), 0);
    cr_expect_eq(memcmp(sim_content_bytes(flipped), "a`c", 3), 0);
    cr_expect_eq(flipped->digest, sim_hash_bytes((const uint8_t *)"a`c", 3));
    cr_expect_neq(flipped->digest, payload->digest);
    sim_content_release(packets, payload);
    sim_content_release(packets, flipped);
    sim_packets_destroy(packets);
}

Test(packet, the_wire_carries_headers_too)
{
    struct sim_packets *packets = sim_packets_create(0);
    struct sim_datagram *datagram =
        sim_datagram_make(packets, sim_content_make(packets, (const uint8_t *)"hello", 5));
    cr_assert(wr_address_parse("192.0.2.1:1", &datagram->to));
    cr_expect_eq(sim_datagram_wire_bytes(datagram), 33u);
    cr_assert(wr_address_parse("[2001:db8::1]:1", &datagram->to));
    cr_expect_eq(sim_datagram_wire_bytes(datagram), 53u);
    sim_datagram_release(packets, datagram);
    sim_packets_destroy(packets);
}
