#include "second/time.h"

/* "dddd-dd-ddTdd:dd:dd", where d is any digit and all else stands for itself. */
static bool fits(const uint8_t *text, const char *pattern)
{
    for (; *pattern != '\0'; pattern++, text++) {
        if (*pattern == 'd' ? *text < '0' || *text > '9' : *text != (uint8_t)*pattern)
            return false;
    }
    return true;
}

static int64_t value(const uint8_t *text, int digits)
{
    int64_t sum = 0;
    while (digits-- > 0)
        sum = sum * 10 + (*text++ - '0');
    return sum;
}

/* Days since 1970 by counting years from March on, so that the leap day is a year's last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month > 2 ? year : year - 1;
    int64_t from_march = (month + 9) % 12;
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 +
           (153 * from_march + 2) / 5 + day - 1 - 719468;
}

/* A date is real where it comes before the first of the next month. */
static bool is_real(int64_t year, int64_t month, int64_t day)
{
    if (month < 1 || month > 12 || day < 1)
        return false;
    int64_t next = month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1);
    return days_of(year, month, day) < next;
}

bool second_time(const uint8_t *text, size_t bytes, int64_t *unix_ms)
{
    if (bytes < 20 || !fits(text, "dddd-dd-ddTdd:dd:dd"))
        return false;
    int64_t year = value(text, 4), month = value(text + 5, 2), day = value(text + 8, 2);
    int64_t hour = value(text + 11, 2), minute = value(text + 14, 2), second = value(text + 17, 2);
    size_t at = 19;
    int64_t ms = 0;
    if (text[at] == '.') {
        size_t digits = 0;
        for (at++; at < bytes && text[at] >= '0' && text[at] <= '9'; at++, digits++) {
            if (digits < 3)
                ms = ms * 10 + (text[at] - '0');
        }
        if (digits == 0)
            return false;
        for (; digits < 3; digits++)
            ms *= 10;
    }
    int64_t offset = 0;
    if (bytes - at == 6 && (fits(text + at, "+dd:dd") || fits(text + at, "-dd:dd"))) {
        int64_t hours = value(text + at + 1, 2), minutes = value(text + at + 4, 2);
        if (hours > 23 || minutes > 59)
            return false;
        offset = (hours * 60 + minutes) * (text[at] == '+' ? 1 : -1);
    } else if (bytes - at != 1 || text[at] != 'Z') {
        return false;
    }
    if (year < 1970 || !is_real(year, month, day) || hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t result = ((days_of(year, month, day) * 24 + hour) * 60 + minute - offset) * 60000 +
                     second * 1000 + ms;
    if (result < 0 || result >= days_of(10000, 1, 1) * 86400000)
        return false;
    *unix_ms = result;
    return true;
}
