#include "fault.h"

#include <criterion/criterion.h>

#include <string.h>

Test(fault, each_is_found_by_its_name_and_says_what_it_breaks)
{
    for (unsigned i = 1; i < WR_FAULT_END; i++) {
        if (i == WR_FAULT_COUNT)
            continue;
        enum wr_fault fault = (enum wr_fault)i;
        cr_expect_eq(wr_fault_by_name(wr_fault_name(fault)), fault, "%s", wr_fault_name(fault));
        cr_expect_gt(strlen(wr_fault_text(fault)), 10);
    }
    cr_expect_eq(wr_fault_by_name("none"), WR_FAULT_NONE);
    cr_expect_eq(wr_fault_by_name("skip_signatur"), WR_FAULT_NONE);
    cr_expect_eq(wr_fault_by_name("count"), WR_FAULT_NONE, "the end of a list is no fault");
    cr_expect_eq(wr_fault_by_name(""), WR_FAULT_NONE);
}

Test(fault, one_is_selected_at_a_time_and_none_to_begin_with)
{
    cr_expect_not(WR_FAULT(skip_signature));
    wr_fault_selected = WR_FAULT_skip_signature;
    cr_expect(WR_FAULT(skip_signature));
    cr_expect_not(WR_FAULT(flip_a_byte));
}
