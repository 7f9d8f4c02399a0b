#include "rfc3339.h"

#include "fault.h"

#define DAY_MS UINT64_C(86400000)

/* ---- Calendar (proleptic Gregorian, years 1970 to 9999) ---------------------------------------
 */

static bool is_leap(uint32_t year)
{
    return (year % 4 == 0 && (year % 100 != 0 || WR_FAULT(time_leap_centuries))) || year % 400 == 0;
}

static uint32_t days_in_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1 January 1970 to 1 January of `year`. */
static uint32_t days_before_year(uint32_t year)
{
    uint32_t past = year - 1;
    return (year - 1970) * 365 + (past / 4 - 1969 / 4) - (past / 100 - 1969 / 100) +
           (past / 400 - 1969 / 400);
}

static uint32_t days_before(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t days = days_before_year(year) + day - 1;
    for (uint32_t m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days;
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct text {
    const char *at, *end;
    bool bad;
};

static uint32_t take_digits(struct text *text, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++) {
        if (text->at == text->end || *text->at < '0' || *text->at > '9') {
            text->bad = true;
            return 0;
        }
        value = value * 10 + (uint32_t)(*text->at++ - '0');
    }
    return value;
}

static bool take_if(struct text *text, char wanted)
{
    if (text->at == text->end || *text->at != wanted)
        return false;
    text->at++;
    return true;
}

static void take(struct text *text, char wanted)
{
    if (!take_if(text, wanted))
        text->bad = true;
}

/* Milliseconds of a fraction behind its dot: the first three digits, the rest only looked at. */
static uint32_t take_fraction(struct text *text)
{
    uint32_t ms = take_digits(text, 1) * 100;
    for (uint32_t worth = 10; text->at != text->end && *text->at >= '0' && *text->at <= '9';
         worth /= 10)
        ms += (uint32_t)(*text->at++ - '0') * worth;
    return ms;
}

/* What an offset moves the time by, in minutes; `*east` where it lies ahead of UTC. */
static uint32_t take_offset(struct text *text, bool *east)
{
    *east = true;
    if (take_if(text, 'Z'))
        return 0;
    *east = take_if(text, '+');
    if (!*east)
        take(text, '-');
    uint32_t hours = take_digits(text, 2);
    take(text, ':');
    uint32_t minutes = take_digits(text, 2);
    if ((hours > 23 && !WR_FAULT(time_offset_of_a_day)) || hours > 24 || minutes > 59)
        text->bad = true;
    return hours * 60 + minutes;
}

static bool is_date(uint32_t year, uint32_t month, uint32_t day)
{
    return year >= 1970 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days_in_month(year, month);
}

bool wr_rfc3339_parse(const char *at, size_t bytes, uint64_t *unix_ms)
{
    struct text text = {.at = at, .end = at + bytes, .bad = false};
    uint32_t year = take_digits(&text, 4);
    take(&text, '-');
    uint32_t month = take_digits(&text, 2);
    take(&text, '-');
    uint32_t day = take_digits(&text, 2);
    take(&text, 'T');
    uint32_t hour = take_digits(&text, 2);
    take(&text, ':');
    uint32_t minute = take_digits(&text, 2);
    take(&text, ':');
    uint32_t second = take_digits(&text, 2);
    uint32_t ms = take_if(&text, '.') ? take_fraction(&text) : 0;
    bool east;
    uint64_t offset_ms = UINT64_C(60000) * take_offset(&text, &east);
    if (text.bad || text.at != text.end || !is_date(year, month, day) || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    uint64_t local_ms = days_before(year, month, day) * DAY_MS +
                        ((hour * 60 + minute) * 60 + second) * UINT64_C(1000) + ms;
    if (east ? offset_ms > local_ms : local_ms + offset_ms > WR_RFC3339_UNIX_MS_MAX)
        return false;
    *unix_ms = east ? local_ms - offset_ms : local_ms + offset_ms;
    return true;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static char *put_digits(char *at, uint32_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

static char *put(char *at, char c)
{
    *at = c;
    return at + 1;
}

char *wr_rfc3339_format(uint64_t unix_ms, char out[WR_RFC3339_TEXT_BYTES])
{
    if (unix_ms > WR_RFC3339_UNIX_MS_MAX)
        unix_ms = WR_RFC3339_UNIX_MS_MAX;
    uint32_t days = (uint32_t)(unix_ms / DAY_MS);
    uint32_t ms = (uint32_t)(unix_ms % DAY_MS);
    uint32_t year = 1970 + days / 366, month = 1; /* never too late, at most a few years early */
    while (days_before_year(year + 1) <= days)
        year++;
    days -= days_before_year(year);
    while (days >= days_in_month(year, month))
        days -= days_in_month(year, month++);
    char *at = put_digits(out, year, 4);
    at = put_digits(put(at, '-'), month, 2);
    at = put_digits(put(at, '-'), days + 1, 2);
    at = put_digits(put(at, 'T'), ms / 3600000, 2);
    at = put_digits(put(at, ':'), ms / 60000 % 60, 2);
    at = put_digits(put(at, ':'), ms / 1000 % 60, 2);
    at = put_digits(put(at, '.'), ms % 1000, 3);
    at = put(at, 'Z');
    put(at, '\0');
    return out;
}
