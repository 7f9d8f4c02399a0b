/*
 * Times in claims (section 2). The core's reading and a second one, by another calendar arithmetic,
 * agree on what is a time and on its millisecond; writing a time and reading it gives it back.
 */
#include "support.h"

#include "second/time.h"

#include <rfc3339.h>

#include <inttypes.h>
#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "rfc3339",
    .property = "two readings of a time agree to the millisecond, and writing gives it back",
    .bytes_max = 64,
    .canaries = {{"time_leap_centuries", 50000}, {"time_offset_of_a_day", 200000}},
};

static void check_written(uint64_t unix_ms)
{
    char text[WR_RFC3339_TEXT_BYTES];
    uint64_t again_ms = 0;
    int64_t second_ms;
    FUZZ_STAIN(text);
    wr_rfc3339_format(unix_ms, text);
    FUZZ_REQUIRE(text[WR_RFC3339_TEXT_BYTES - 1] == '\0' &&
                     strlen(text) == WR_RFC3339_TEXT_BYTES - 1,
                 "%s", text);
    FUZZ_REQUIRE(wr_rfc3339_parse(text, strlen(text), &again_ms) && again_ms == unix_ms,
                 "%s for %" PRIu64, text, unix_ms);
    FUZZ_REQUIRE(second_time((const uint8_t *)text, strlen(text), &second_ms) &&
                     second_ms == (int64_t)unix_ms,
                 "%s for %" PRIu64, text, unix_ms);
}

/* What lies behind the year 9999 is written as its end. */
static void check_beyond(uint64_t unix_ms)
{
    char text[WR_RFC3339_TEXT_BYTES], last[WR_RFC3339_TEXT_BYTES];
    wr_rfc3339_format(unix_ms, text);
    wr_rfc3339_format(WR_RFC3339_UNIX_MS_MAX, last);
    FUZZ_REQUIRE(strcmp(text, last) == 0, "%s for %" PRIu64, text, unix_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint64_t unix_ms = 12345, number = 0;
    int64_t second_ms = 0;
    if (size > fuzz_target.bytes_max)
        return 0;
    bool good = wr_rfc3339_parse((const char *)bytes, size, &unix_ms);
    bool second_good = second_time(bytes, size, &second_ms);
    FUZZ_REQUIRE(good == second_good, "a time for one reader: %d", good);
    if (good) {
        FUZZ_REQUIRE((int64_t)unix_ms == second_ms, "%" PRIu64 " or %" PRId64, unix_ms, second_ms);
        check_written(unix_ms);
        return 0;
    }
    FUZZ_REQUIRE(unix_ms == 12345, "a refused text leaves the result alone");
    /* What is no text is taken for a number of milliseconds: for what is written. */
    for (size_t i = 0; i < size && i < 8; i++)
        number = number << 8 | bytes[i];
    check_written(number % (WR_RFC3339_UNIX_MS_MAX + 1));
    if (number > WR_RFC3339_UNIX_MS_MAX)
        check_beyond(number);
    return 0;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    uint64_t unix_ms;
    return wr_rfc3339_parse((const char *)bytes, size, &unix_ms) ? "time" : "no time";
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    uint64_t unix_ms;
    fprintf(out, "  ");
    fuzz_print_text(out, bytes, size);
    if (wr_rfc3339_parse((const char *)bytes, size, &unix_ms))
        fprintf(out, ": %" PRIu64 " ms\n", unix_ms);
    else
        fprintf(out, ": no time\n");
}
