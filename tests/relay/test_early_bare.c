#include "early_bare.h"

#include "address.h"

#include <criterion/criterion.h>
#include <string.h>

static struct rd_early_bare *early;

static void start(void)
{
    early = rd_early_bare_create();
    cr_assert_not_null(early);
}

static void stop(void)
{
    rd_early_bare_destroy(early);
}

TestSuite(early_bare, .init = start, .fini = stop);

static bool put(uint16_t number, wr_instant since, wr_instant now)
{
    uint8_t bytes[100];
    memset(bytes, (int)(number & 255), sizeof bytes);
    struct wr_datagram datagram = {
        .from = wr_address_v4((const uint8_t[]){10, 0, 0, 1}, number),
        .bytes = bytes,
        .size = sizeof bytes,
        .via = 7,
    };
    return rd_early_bare_put(early, &datagram, since, now);
}

static void expect_taken(uint16_t number, wr_instant since, wr_instant now)
{
    struct wr_datagram datagram;
    wr_instant said;
    cr_assert(rd_early_bare_take(early, now, &datagram, &said));
    cr_expect_eq(datagram.from.port, number);
    cr_expect_eq(datagram.size, 100);
    cr_expect_eq(datagram.bytes[0], number & 255);
    cr_expect_eq(datagram.bytes[99], number & 255);
    cr_expect_eq(datagram.via, 7);
    cr_expect_eq(said, since);
}

static void expect_none(wr_instant now)
{
    struct wr_datagram datagram;
    wr_instant since;
    cr_assert_not(rd_early_bare_take(early, now, &datagram, &since));
}

Test(early_bare, is_looked_at_when_it_is_due_and_in_the_order_it_came)
{
    cr_expect_eq(rd_early_bare_due(early), WR_NEVER);
    cr_assert(put(1, 0, 0));
    cr_assert(put(2, 5, 5));
    cr_expect_eq(rd_early_bare_due(early), RD_EARLY_LOOK_NS);
    expect_none(RD_EARLY_LOOK_NS - 1);
    expect_taken(1, 0, RD_EARLY_LOOK_NS);
    expect_none(RD_EARLY_LOOK_NS + 4);
    expect_taken(2, 5, RD_EARLY_LOOK_NS + 5);
    cr_expect_eq(rd_early_bare_due(early), WR_NEVER);
}

Test(early_bare, is_put_back_until_it_has_waited_its_time)
{
    struct wr_datagram datagram;
    wr_instant since, now = 1000;
    uint32_t looks = 0;
    cr_assert(put(3, now, now));
    for (;; looks++) {
        now = rd_early_bare_due(early);
        cr_assert(rd_early_bare_take(early, now, &datagram, &since));
        if (!rd_early_bare_put(early, &datagram, since, now))
            break;
    }
    cr_expect_eq(looks, RD_EARLY_NS / RD_EARLY_LOOK_NS - 1);
    cr_expect_eq(now, 1000 + RD_EARLY_NS);
    cr_expect_eq(datagram.bytes[99], 3);
}

Test(early_bare, what_finds_no_room_is_judged_as_it_is)
{
    for (uint16_t i = 0; i < RD_EARLY_MAX; i++)
        cr_assert(put(i, 0, 0));
    cr_expect_not(put(9, 0, 0));
    for (uint16_t i = 0; i < RD_EARLY_MAX; i++)
        expect_taken(i, 0, RD_EARLY_LOOK_NS);
    cr_expect(put(9, 0, 0));
}

Test(early_bare, those_put_back_while_it_is_full_keep_their_bytes)
{
    for (uint16_t i = 0; i < RD_EARLY_MAX; i++)
        cr_assert(put(i, 0, 0));
    for (uint16_t i = 0; i < RD_EARLY_MAX; i++) {
        struct wr_datagram datagram;
        wr_instant since;
        cr_assert(rd_early_bare_take(early, RD_EARLY_LOOK_NS, &datagram, &since));
        cr_assert(rd_early_bare_put(early, &datagram, since, RD_EARLY_LOOK_NS));
    }
    for (uint16_t i = 0; i < RD_EARLY_MAX; i++)
        expect_taken(i, 0, 2 * RD_EARLY_LOOK_NS);
}

Test(early_bare, an_oversize_datagram_is_not_kept)
{
    static const uint8_t bytes[WR_DATAGRAM_BYTES_MAX + 1];
    struct wr_datagram datagram = {.bytes = bytes, .size = sizeof bytes};
    cr_expect_not(rd_early_bare_put(early, &datagram, 0, 0));
    datagram.size--;
    cr_expect(rd_early_bare_put(early, &datagram, 0, 0));
}
