#include "handover.h"

#include "address.h"

#include <criterion/criterion.h>
#include <string.h>

static struct rd_local_addresses addresses;
static struct rd_handover *ring;

static void start(void)
{
    rd_local_addresses_start(&addresses);
    ring = rd_handover_create(8);
    cr_assert_not_null(ring);
}

static void stop(void)
{
    rd_handover_destroy(ring);
}

TestSuite(handover, .init = start, .fini = stop);

static struct wr_datagram datagram_of(const void *bytes, uint32_t size)
{
    return (struct wr_datagram){
        .from = wr_address_v4((const uint8_t[]){10, 0, 0, 1}, 4000), .bytes = bytes, .size = size};
}

static bool put(uint32_t number)
{
    struct wr_datagram datagram = datagram_of(&number, sizeof number);
    return rd_handover_put(ring, &datagram, NULL);
}

static void expect_number(const struct wr_datagram *datagram, uint32_t number)
{
    uint32_t heard;
    cr_assert_eq(datagram->size, sizeof heard);
    memcpy(&heard, datagram->bytes, sizeof heard);
    cr_assert_eq(heard, number);
}

Test(handover, a_datagram_arrives_whole_with_everything_that_is_known_of_it)
{
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX] = {0};
    struct rd_local_address local = {.ip = {0xfe, 0x80, [15] = 9}, .ifindex = 3};
    struct wr_datagram out[2], datagram = datagram_of(bytes, sizeof bytes);
    memset(bytes, 0xa5, sizeof bytes);
    datagram.bound_elsewhere = true;
    datagram.tag = 77;
    datagram.via = 12; /* the producer's number, which means nothing here */
    cr_assert(rd_handover_put(ring, &datagram, &local));
    memset(bytes, 0, sizeof bytes); /* it was copied */
    cr_assert_eq(rd_handover_take(ring, &addresses, out, 2), 1);
    cr_expect_eq(out[0].size, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        cr_assert_eq(out[0].bytes[i], 0xa5);
    cr_expect(wr_address_equal(&out[0].from, &datagram.from));
    cr_expect(out[0].bound_elsewhere);
    cr_expect_eq(out[0].tag, 77);
    const struct rd_local_address *found = rd_local_addresses_get(&addresses, out[0].via);
    cr_assert_not_null(found);
    cr_expect_eq(memcmp(found->ip, local.ip, 16), 0);
    cr_expect_eq(found->ifindex, 3);
    cr_expect(rd_handover_owns(ring, out[0].bytes));
    cr_expect(rd_handover_owns(ring, out[0].bytes + out[0].size - 1));
    cr_expect_not(rd_handover_owns(ring, bytes));
}

Test(handover, an_unknown_local_address_is_left_to_the_kernel)
{
    struct wr_datagram out;
    cr_assert(put(1));
    cr_assert_eq(rd_handover_take(ring, &addresses, &out, 1), 1);
    cr_expect_eq(out.via, 0);
    cr_expect_not(out.bound_elsewhere);
}

Test(handover, an_oversize_datagram_is_cut_and_stays_oversize)
{
    static uint8_t bytes[65507];
    struct wr_datagram out[3];
    const uint32_t sizes[] = {WR_DATAGRAM_BYTES_MAX, WR_DATAGRAM_BYTES_MAX + 1, sizeof bytes};
    for (size_t i = 0; i < 3; i++) {
        struct wr_datagram datagram = datagram_of(bytes, sizes[i]);
        cr_assert(rd_handover_put(ring, &datagram, NULL));
    }
    cr_assert_eq(rd_handover_take(ring, &addresses, out, 3), 3);
    cr_expect_eq(out[0].size, WR_DATAGRAM_BYTES_MAX);
    cr_expect_eq(out[1].size, WR_DATAGRAM_BYTES_MAX + 1);
    cr_expect_gt(out[2].size, WR_DATAGRAM_BYTES_MAX);
}

Test(handover, a_full_ring_takes_nothing_until_something_is_given_back)
{
    struct wr_datagram out[8];
    for (uint32_t i = 0; i < 8; i++)
        cr_assert(put(i));
    cr_expect_not(put(8));
    /* Taken is not given back: the bytes are still read. */
    cr_assert_eq(rd_handover_take(ring, &addresses, out, 3), 3);
    cr_expect_not(put(8));
    for (uint32_t i = 0; i < 3; i++)
        expect_number(&out[i], i);
    rd_handover_release(ring);
    for (uint32_t i = 8; i < 11; i++)
        cr_assert(put(i));
    cr_expect_not(put(11));
    cr_assert_eq(rd_handover_take(ring, &addresses, out, 8), 8);
    for (uint32_t i = 0; i < 8; i++)
        expect_number(&out[i], i + 3);
    rd_handover_release(ring);
    cr_expect_eq(rd_handover_take(ring, &addresses, out, 8), 0);
}

Test(handover, what_is_taken_in_several_goes_is_released_at_once)
{
    struct wr_datagram out[8];
    for (uint32_t i = 0; i < 6; i++)
        cr_assert(put(i));
    cr_assert_eq(rd_handover_take(ring, &addresses, out, 2), 2);
    cr_assert_eq(rd_handover_take(ring, &addresses, out + 2, 3), 3);
    for (uint32_t i = 0; i < 5; i++)
        expect_number(&out[i], i);
    rd_handover_release(ring);
    rd_handover_release(ring);
    for (uint32_t i = 6; i < 13; i++)
        cr_assert(put(i));
    cr_expect_not(put(13));
}

Test(handover, it_is_empty_until_something_is_there_to_be_taken)
{
    struct wr_datagram out;
    cr_expect_eq(rd_handover_take(ring, &addresses, &out, 1), 0);
    for (uint32_t round = 0; round < 100; round++) {
        cr_assert(put(round));
        cr_assert_eq(rd_handover_take(ring, &addresses, &out, 1), 1);
        expect_number(&out, round);
        cr_assert_eq(rd_handover_take(ring, &addresses, &out, 1), 0);
        rd_handover_release(ring);
    }
}

Test(handover, the_capacity_is_rounded_up)
{
    struct rd_handover *odd = rd_handover_create(5);
    uint32_t room = 0;
    struct wr_datagram datagram = datagram_of("x", 1);
    while (room < 100 && rd_handover_put(odd, &datagram, NULL))
        room++;
    cr_expect_eq(room, 8);
    rd_handover_destroy(odd);
    rd_handover_destroy(NULL);
}
