#include "quantity.h"

#include <address.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DURATION_NS_MAX (UINT64_C(10) * 366 * 86400 * WR_S)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *cursor; at most 18 of them, so that nothing overflows. */
static bool take_digits(const char **cursor, uint64_t *value, uint32_t *digits)
{
    *value = 0;
    *digits = 0;
    for (; is_digit(**cursor); ++*cursor) {
        if (++*digits > 18)
            return false;
        *value = *value * 10 + (uint64_t)(**cursor - '0');
    }
    return *digits > 0;
}

static bool take_unit(const char **cursor, uint64_t *ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"h", 3600 * WR_S}, {"ms", WR_MS}, {"m", 60 * WR_S}, {"s", WR_S}, {"us", 1000}, {"ns", 1},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t bytes = strlen(units[i].name);
        if (strncmp(*cursor, units[i].name, bytes) == 0) {
            *cursor += bytes;
            *ns = units[i].ns;
            return true;
        }
    }
    return false;
}

/* `fraction` / 10^digits of a unit, where that is a whole number of nanoseconds. */
static bool fraction_ns(uint64_t fraction, uint32_t digits, uint64_t unit_ns, uint64_t *ns)
{
    for (; digits > 0 && fraction % 10 == 0; digits--)
        fraction /= 10;
    uint64_t scale = 1;
    for (; digits > 0; digits--) {
        if (scale > unit_ns)
            return false;
        scale *= 10;
    }
    *ns = unit_ns * fraction / scale;
    return unit_ns * fraction % scale == 0;
}

bool sim_duration_parse(const char *text, uint64_t *ns)
{
    uint64_t total = 0, previous_unit = UINT64_MAX;
    const char *cursor = text;
    do {
        uint64_t whole, fraction = 0, unit, part;
        uint32_t digits;
        if (!take_digits(&cursor, &whole, &digits))
            return false;
        digits = 0;
        if (*cursor == '.' && (cursor++, !take_digits(&cursor, &fraction, &digits)))
            return false;
        if (digits > 6 || !take_unit(&cursor, &unit) || unit >= previous_unit ||
            whole > DURATION_NS_MAX / unit || !fraction_ns(fraction, digits, unit, &part))
            return false;
        total += whole * unit + part;
        if (total > DURATION_NS_MAX)
            return false;
        previous_unit = unit;
    } while (*cursor);
    *ns = total;
    return true;
}

bool sim_offset_parse(const char *text, int64_t *ms)
{
    bool negative = *text == '-';
    uint64_t ns;
    if (!sim_duration_parse(text + (*text == '-' || *text == '+'), &ns) || ns % WR_MS != 0)
        return false;
    *ms = negative ? -(int64_t)(ns / WR_MS) : (int64_t)(ns / WR_MS);
    return true;
}

bool sim_ratio_parse(const char *text, struct sim_ratio *ratio)
{
    uint64_t numerator, denominator = 1, fraction = 0;
    uint32_t digits;
    const char *cursor = text;
    if (!take_digits(&cursor, &numerator, &digits) || numerator > UINT32_MAX)
        return false;
    if (*cursor == '/') {
        cursor++;
        if (!take_digits(&cursor, &denominator, &digits))
            return false;
    } else if (*cursor == '.' || *cursor == '%') {
        digits = 0;
        if (*cursor == '.' && (cursor++, !take_digits(&cursor, &fraction, &digits)))
            return false;
        if (digits > 6 || *cursor++ != '%')
            return false;
        denominator = 100;
        for (; digits > 0; digits--) {
            numerator *= 10;
            denominator *= 10;
        }
        numerator += fraction;
    }
    if (*cursor || denominator == 0 || denominator > UINT32_MAX || numerator > denominator)
        return false;
    *ratio = (struct sim_ratio){(uint32_t)numerator, (uint32_t)denominator};
    return true;
}

bool sim_ip_parse(const char *text, struct wr_address *address)
{
    char with_port[WR_ADDRESS_TEXT_BYTES];
    if (strlen(text) + sizeof "[]:0" > sizeof with_port)
        return false;
    snprintf(with_port, sizeof with_port, strchr(text, ':') ? "[%s]:0" : "%s:0", text);
    return wr_address_parse(with_port, address);
}

struct wr_address sim_address_step(struct wr_address address, uint32_t steps)
{
    uint64_t carry = steps;
    for (int i = 15; i >= 0 && carry > 0; i--) {
        carry += address.ip[i];
        address.ip[i] = (uint8_t)(carry & 0xff);
        carry >>= 8;
    }
    return address;
}

char *sim_duration_format(uint64_t ns, char text[SIM_DURATION_TEXT_BYTES])
{
    static const struct {
        const char *name;
        uint64_t ns;
    } steps[] = {{"s", WR_S}, {"ms", WR_MS}, {"us", 1000}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (ns < steps[i].ns)
            continue;
        uint64_t thousandths = ns % steps[i].ns / (steps[i].ns / 1000);
        int bytes = snprintf(text, SIM_DURATION_TEXT_BYTES, "%" PRIu64 ".%03" PRIu64,
                             ns / steps[i].ns, thousandths);
        while (text[bytes - 1] == '0')
            bytes--;
        if (text[bytes - 1] == '.')
            bytes--;
        snprintf(text + bytes, SIM_DURATION_TEXT_BYTES - (size_t)bytes, "%s", steps[i].name);
        return text;
    }
    if (ns == 0)
        snprintf(text, SIM_DURATION_TEXT_BYTES, "0s");
    else
        snprintf(text, SIM_DURATION_TEXT_BYTES, "%" PRIu64 "ns", ns);
    return text;
}

/* Days from 1970-01-01 to the first of the month; years 1970 to 10000. */
static uint64_t days_before(uint32_t year, uint32_t month)
{
    static const uint16_t days[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint32_t leap_years = (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 477;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return (uint64_t)(year - 1970) * 365 + leap_years + days[month - 1] + (leap && month > 2);
}

bool sim_date_parse(const char *text, uint64_t *unix_ms)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    if (strlen(text) != sizeof shape - 1)
        return false;
    uint32_t numbers[7] = {0}, n = 0;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == 'd') {
            if (!is_digit(text[i]))
                return false;
            numbers[n] = numbers[n] * 10 + (uint32_t)(text[i] - '0');
        } else if (text[i] != shape[i]) {
            return false;
        } else {
            n++;
        }
    }
    uint32_t year = numbers[0], month = numbers[1], day = numbers[2];
    if (year < 1970 || month < 1 || month > 12 || day < 1 || numbers[3] > 23 || numbers[4] > 59 ||
        numbers[5] > 59)
        return false;
    uint64_t first = days_before(year, month);
    uint64_t next = month == 12 ? days_before(year + 1, 1) : days_before(year, month + 1);
    if (day > next - first)
        return false;
    *unix_ms =
        (((first + day - 1) * 24 + numbers[3]) * 3600 + numbers[4] * 60u + numbers[5]) * 1000u;
    return true;
}
