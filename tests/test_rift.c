#include "cursor.h"
#include "rift.h"

#include <criterion/criterion.h>

/* The definition: one bit at a time, polynomial 0x1021 read backwards. */
static uint16_t crc_by_bits(const uint8_t *bytes, size_t size)
{
    unsigned crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x8408 : crc >> 1;
    }
    return (uint16_t)crc;
}

Test(rift, the_checksum_is_crc_16_kermit)
{
    cr_expect_eq(wr_crc16_kermit((const uint8_t *)"123456789", 9), 0x2189);
    cr_expect_eq(wr_crc16_kermit((const uint8_t *)"", 0), 0);
}

Test(rift, the_checksum_by_eights_equals_the_one_by_bits)
{
    uint8_t bytes[40] = {0};
    for (size_t size = 1; size <= sizeof bytes; size++) {
        for (size_t at = 0; at < size; at++) {
            for (unsigned value = 1; value < 256; value++) {
                bytes[at] = (uint8_t)value;
                cr_assert_eq(wr_crc16_kermit(bytes, size), crc_by_bits(bytes, size));
            }
            bytes[at] = (uint8_t)(31 * size + 7 * at); /* other content for the next round */
        }
    }
}

Test(rift, a_transport_header_survives_the_round_trip)
{
    uint8_t bytes[WR_RIFT_TRANSPORT_BYTES];
    struct wr_rift rift;
    wr_rift_encode_transport(bytes, 0x01020304, UINT64_MAX - 5);
    cr_assert(wr_rift_decode(bytes, sizeof bytes, &rift));
    cr_expect_not(rift.handshake);
    cr_expect_eq(rift.alias, 0x01020304U);
    cr_expect_eq(rift.packet_id, UINT64_MAX - 5);
    cr_expect_eq(rift.header_bytes, 18U);
    cr_expect_null(rift.session);
    cr_expect_not(wr_rift_exempt(&rift));
}

Test(rift, a_handshake_header_survives_the_round_trip)
{
    static const uint8_t session[16] = {0, 0, 0, 0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    uint8_t bytes[WR_RIFT_HANDSHAKE_BYTES];
    struct wr_rift rift;
    wr_rift_encode_handshake(bytes, session, 77);
    cr_assert(wr_rift_decode(bytes, sizeof bytes, &rift));
    cr_expect(rift.handshake);
    cr_expect_eq(rift.alias, 0U);
    cr_expect_eq(rift.packet_id, 77U);
    cr_expect_eq(rift.header_bytes, 30U);
    cr_expect_eq(rift.session, bytes + 4);
    cr_expect(wr_rift_exempt(&rift));
}

Test(rift, packet_id_zero_is_exempt_in_either_form)
{
    cr_expect(wr_rift_exempt(&(struct wr_rift){.packet_id = 0}));
    cr_expect(wr_rift_exempt(&(struct wr_rift){.handshake = true, .packet_id = 9}));
    cr_expect_not(wr_rift_exempt(&(struct wr_rift){.packet_id = 1}));
}

Test(rift, alias_zero_is_the_handshake_form_only_with_thirty_bytes)
{
    uint8_t bytes[WR_RIFT_HANDSHAKE_BYTES] = {0};
    struct wr_rift rift;
    wr_rift_encode_transport(bytes, 0, 5);
    for (size_t size = 18; size < 30; size++) {
        cr_assert(wr_rift_decode(bytes, size, &rift), "%zu", size);
        cr_expect_not(rift.handshake);
        cr_expect_eq(rift.packet_id, 5U);
    }
    /* the checksum of the short form lies inside the long one, where it is none */
    cr_expect_not(wr_rift_decode(bytes, 30, &rift));
}

Test(rift, every_flipped_bit_of_a_header_is_noticed)
{
    static const uint8_t session[16] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    uint8_t bytes[WR_RIFT_HANDSHAKE_BYTES];
    struct wr_rift rift;
    wr_rift_encode_handshake(bytes, session, 3);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_expect_not(wr_rift_decode(bytes, sizeof bytes, &rift), "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(rift, too_few_bytes_are_no_header)
{
    uint8_t bytes[WR_RIFT_TRANSPORT_BYTES];
    struct wr_rift rift;
    wr_rift_encode_transport(bytes, 1, 1);
    for (size_t size = 0; size < sizeof bytes; size++)
        cr_expect_not(wr_rift_decode(bytes, size, &rift), "%zu", size);
}

Test(rift, another_version_is_refused_even_with_its_checksum)
{
    uint8_t bytes[WR_RIFT_TRANSPORT_BYTES];
    struct wr_rift rift;
    wr_rift_encode_transport(bytes, 1, 1);
    wr_store_u16(bytes + 2, 2);
    wr_store_u16(bytes + 16, crc_by_bits(bytes, 16));
    cr_expect_not(wr_rift_decode(bytes, sizeof bytes, &rift));
    wr_store_u16(bytes + 2, 1);
    wr_store_u16(bytes + 16, crc_by_bits(bytes, 16));
    cr_expect(wr_rift_decode(bytes, sizeof bytes, &rift));
}

static enum wr_bare bare_handshake(uint8_t last_of_session, uint64_t packet_id, size_t size)
{
    uint8_t bytes[200] = {0}, session[16] = {0};
    session[15] = last_of_session;
    wr_rift_encode_handshake(bytes, session, packet_id);
    return wr_rift_bare(bytes, size);
}

static enum wr_bare bare_transport(uint32_t alias, uint64_t packet_id, size_t size)
{
    uint8_t bytes[200] = {0};
    wr_rift_encode_transport(bytes, alias, packet_id);
    return wr_rift_bare(bytes, size);
}

Test(rift, exactly_two_forms_are_relayed_bare)
{
    cr_expect_eq(bare_handshake(0, 0, 62), WR_BARE_HANDSHAKE);
    cr_expect_eq(bare_handshake(0, 0, 126), WR_BARE_HANDSHAKE);
    cr_expect_eq(bare_handshake(0, 0, 30), WR_BARE_HANDSHAKE);
    cr_expect_eq(bare_transport(1, 0, 82), WR_BARE_TRANSPORT);
    cr_expect_eq(bare_transport(1, 0, 18), WR_BARE_TRANSPORT);

    cr_expect_eq(bare_handshake(0, 0, 29), WR_BARE_NONE, "one byte short");
    cr_expect_eq(bare_handshake(0, 1, 62), WR_BARE_NONE, "another packet id");
    cr_expect_eq(bare_handshake(1, 0, 62), WR_BARE_NONE, "a session");
    cr_expect_eq(bare_transport(1, 1, 82), WR_BARE_NONE, "another packet id");
    cr_expect_eq(bare_transport(2, 0, 82), WR_BARE_NONE, "another alias");
    cr_expect_eq(bare_transport(0, 0, 18), WR_BARE_NONE, "no alias");
    cr_expect_eq(bare_transport(1, 0, 17), WR_BARE_NONE, "one byte short");
    cr_expect_eq(wr_rift_bare((const uint8_t *)"RI", 2), WR_BARE_NONE);
    cr_expect_eq(wr_rift_bare((const uint8_t *)"", 0), WR_BARE_NONE);
}
