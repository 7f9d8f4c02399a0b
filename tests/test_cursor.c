#include "cursor.h"

#include <criterion/criterion.h>

Test(cursor, what_is_written_is_read_again)
{
    uint8_t bytes[18];
    struct wr_writer out = wr_writer_over(bytes, sizeof bytes);
    wr_put_u8(&out, 0x01);
    wr_put_u16(&out, 0x0203);
    wr_put_u32(&out, 0x04050607);
    wr_put_u64(&out, 0x08090a0b0c0d0e0f);
    wr_put(&out, "xyz", 3);
    cr_expect_eq(out.used, 18U);
    cr_expect_not(out.ran_out);
    for (uint8_t i = 0; i < 15; i++)
        cr_expect_eq(bytes[i], i + 1, "network order");
    struct wr_reader in = wr_reader_over(bytes, sizeof bytes);
    cr_expect_eq(wr_take_u8(&in), 0x01);
    cr_expect_eq(wr_take_u16(&in), 0x0203);
    cr_expect_eq(wr_take_u32(&in), 0x04050607U);
    cr_expect_eq(wr_take_u64(&in), 0x08090a0b0c0d0e0fU);
    cr_expect_eq(memcmp(wr_take(&in, 3), "xyz", 3), 0);
    cr_expect_eq(in.left, 0U);
    cr_expect_not(in.ran_out);
}

Test(cursor, a_reader_that_ran_out_gives_zeros_for_good)
{
    static const uint8_t bytes[3] = {1, 2, 3};
    struct wr_reader in = wr_reader_over(bytes, sizeof bytes);
    cr_expect_eq(wr_take_u32(&in), 0U);
    cr_expect(in.ran_out);
    cr_expect_eq(wr_take_u8(&in), 0);
    cr_expect_eq(wr_take_u16(&in), 0);
    cr_expect_eq(wr_take_u64(&in), 0U);
    cr_expect_null(wr_take(&in, 1));
}

Test(cursor, the_last_bytes_leave_the_reader_from_behind)
{
    static const uint8_t bytes[4] = {1, 2, 3, 4};
    struct wr_reader in = wr_reader_over(bytes, sizeof bytes);
    cr_expect_eq(wr_take_last(&in, 3), bytes + 1);
    cr_expect_eq(in.left, 1U);
    cr_expect_null(wr_take_last(&in, 2));
    cr_expect(in.ran_out);
}

Test(cursor, a_writer_that_ran_out_writes_nothing_more)
{
    uint8_t bytes[4] = {9, 9, 9, 9};
    struct wr_writer out = wr_writer_over(bytes, 3);
    wr_put_u16(&out, 0x0102);
    wr_put_u16(&out, 0x0304);
    wr_put_u32(&out, 1);
    wr_put_u64(&out, 1);
    wr_put_u8(&out, 5);
    cr_expect(out.ran_out);
    cr_expect_eq(out.used, 2U);
    cr_expect_eq(bytes[2], 9);
}
