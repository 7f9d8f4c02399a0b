#include "json_text.h"

#include <fault.h>

#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

/* A double keeps so many digits of any number, and does not take one with such an exponent for 0.
 */
#define DIGITS_MAX   15
#define EXPONENT_MIN (-200)

/* Beyond what any number's text is long enough to make up for. */
#define EXPONENT_BOUND 1000

/* The parts of a number's text: [-] whole [. fraction] [e exponent]. */
struct number {
    const char *whole;
    const char *fraction;
    long whole_digits;
    long fraction_digits;
    long exponent;
};

/* False where JSON knows no such number. */
static bool split_number(const char *text, size_t bytes, struct number *number)
{
    const char *at = text + (*text == '-');
    memset(number, 0, sizeof *number);
    number->whole = at;
    number->whole_digits = (long)strspn(at, DIGITS);
    at += number->whole_digits;
    if (number->whole_digits == 0 || (*number->whole == '0' && number->whole_digits > 1))
        return false;
    if (*at == '.') {
        number->fraction = ++at;
        number->fraction_digits = (long)strspn(at, DIGITS);
        at += number->fraction_digits;
        if (number->fraction_digits == 0)
            return false;
    }
    if (*at == 'e' || *at == 'E') {
        char *end;
        long exponent = strtol(++at, &end, 10);
        number->exponent = exponent > EXPONENT_BOUND    ? EXPONENT_BOUND
                           : exponent < -EXPONENT_BOUND ? -EXPONENT_BOUND
                                                        : exponent;
        at = end;
    }
    return at == text + bytes;
}

static long digits_of(const struct number *number)
{
    return number->whole_digits + number->fraction_digits;
}

/* 0 behind the last digit. */
static char digit_at(const struct number *number, long index)
{
    return index < number->whole_digits ? number->whole[index]
           : index < digits_of(number)  ? number->fraction[index - number->whole_digits]
                                        : '0';
}

/* Whether a whole number, the first digit of which that is not 0 is at `first`, is at most
 * SIM_EXACT_MAX. */
static bool is_exact(const struct number *number, long first)
{
    long digits = number->whole_digits + number->exponent - first;
    uint64_t value = 0;
    for (long i = first; digits <= DIGITS_MAX + 1 && i < first + digits; i++)
        value = value * 10 + (uint64_t)(digit_at(number, i) - '0');
    return digits <= DIGITS_MAX + 1 && value <= SIM_EXACT_MAX;
}

static const char *flaw_of_number(const char *text, size_t bytes)
{
    struct number number;
    if (!split_number(text, bytes, &number))
        return "a number as JSON writes it";
    long first = 0, last = digits_of(&number) - 1; /* digits that are not 0 */
    while (first <= last && digit_at(&number, first) == '0')
        first++;
    while (last > first && digit_at(&number, last) == '0')
        last--;
    if (first > last)
        return NULL; /* 0 */
    if (number.exponent >= last + 1 - number.whole_digits)
        return is_exact(&number, first) ? NULL : "a whole number of at most 9007199254740991";
    return last - first < DIGITS_MAX && number.exponent >= EXPONENT_MIN
               ? NULL
               : "a number that is kept as it is written";
}

/* Behind the closing quote; `*nul` is the first escaped NUL inside, if any. */
static const char *skip_string(const char *at, const char **nul)
{
    for (at++; *at != '"'; at++) {
        if (*at != '\\')
            continue;
        if (*nul == NULL && strncmp(at, "\\u0000", 6) == 0)
            *nul = at;
        at++;
    }
    return at + 1;
}

const char *sim_json_flaw(const char *text, const char **expected, uint32_t *bytes)
{
    for (const char *at = text; *at != '\0';) {
        if (*at == '"') {
            const char *nul = NULL;
            at = skip_string(at, &nul);
            if (nul != NULL) {
                *expected = "no NUL inside a text";
                *bytes = 6;
                return nul;
            }
        } else if (*at == '-' || strchr(DIGITS, *at) != NULL) {
            size_t length = strspn(at, "+-.eE" DIGITS);
            *expected = flaw_of_number(at, length);
            if (*expected != NULL) {
                *bytes = (uint32_t)length;
                return at;
            }
            at += length;
        } else {
            at++;
        }
    }
    return NULL;
}

bool sim_json_whole(const cJSON *item, uint64_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) ||
        item->valuedouble > (double)SIM_EXACT_MAX ||
        (double)(uint64_t)item->valuedouble != item->valuedouble)
        return false;
    *out = (uint64_t)item->valuedouble;
    return true;
}

bool sim_json_is_twin(const cJSON *object, const cJSON *member)
{
    for (const cJSON *earlier = object->child; earlier != member; earlier = earlier->next) {
        if (WR_FAULT(scenario_twins_apart) && earlier->next != member)
            continue;
        if (strcmp(earlier->string, member->string) == 0)
            return true;
    }
    return false;
}
