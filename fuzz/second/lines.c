#include "second/lines.h"

#include <string.h>

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool second_line(const uint8_t *text, size_t size, struct second_line *line)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    uint32_t number = line->number + 1;
    size_t begin = line->end;
    if (line->number == 0)
        begin = size >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
    else
        while (begin < size && text[begin++] != '\n')
            continue;
    while (begin < size) {
        size_t end = begin;
        while (end < size && text[end] != '\n')
            end++;
        size_t first = begin, last = end;
        while (first < last && blank(text[first]))
            first++;
        while (last > first && blank(text[last - 1]))
            last--;
        if (first < last && text[first] != '#') {
            *line = (struct second_line){number, first, last};
            return true;
        }
        begin = end + 1;
        number++;
    }
    return false;
}

/* One code point; UINT32_MAX where there is none. */
static uint32_t decode(const uint8_t *text, size_t bytes, size_t *at)
{
    uint8_t first = text[(*at)++];
    unsigned more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : 3;
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    if (first >= 0x80 && (first < 0xc0 || first > 0xf7))
        return UINT32_MAX;
    uint32_t code = more == 0 ? first : first & (0x3fu >> more);
    for (unsigned i = 0; i < more; i++) {
        if (*at == bytes || text[*at] >> 6 != 2)
            return UINT32_MAX;
        code = code << 6 | (text[(*at)++] & 0x3fu);
    }
    return code < least[more] || code > 0x10ffff || code >> 11 == 27 ? UINT32_MAX : code;
}

bool second_is_clean(const uint8_t *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        uint32_t code = decode(text, bytes, &at);
        if (code == UINT32_MAX || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
    }
    return true;
}

static bool put(char *out, size_t most, size_t *bytes, uint8_t c)
{
    if (*bytes == most)
        return false;
    out[(*bytes)++] = (char)c;
    return true;
}

static bool quoted(const uint8_t *text, size_t at, size_t end, char *out, size_t most,
                   size_t *bytes)
{
    for (at++; at < end && text[at] != '"'; at++) {
        if (text[at] == '\\') {
            at++;
            if (at == end || (text[at] != '"' && text[at] != '\\'))
                return false;
        }
        if (!put(out, most, bytes, text[at]))
            return false;
    }
    if (at >= end)
        return false;
    size_t behind = at + 1;
    while (behind < end && blank(text[behind]))
        behind++;
    return behind == end || (text[behind] == '#' && behind > at + 1);
}

bool second_line_value(const uint8_t *text, size_t at, size_t end, char *out, size_t most,
                       size_t *bytes)
{
    *bytes = 0;
    while (at < end && blank(text[at]))
        at++;
    if (at < end && text[at] == '"') {
        if (!quoted(text, at, end, out, most, bytes))
            return false;
    } else {
        size_t stop = at;
        while (stop < end && !(text[stop] == '#' && (stop == at || blank(text[stop - 1]))))
            stop++;
        while (stop > at && blank(text[stop - 1]))
            stop--;
        for (; at < stop; at++) {
            if (!put(out, most, bytes, text[at]))
                return false;
        }
    }
    return second_is_clean((const uint8_t *)out, *bytes);
}

bool second_hex_key(const char *text, size_t bytes, uint8_t out[32])
{
    if (bytes != 64)
        return false;
    for (size_t i = 0; i < 64; i++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *found = text[i] == '\0' ? NULL : strchr(digits, text[i]);
        if (found == NULL)
            return false;
        unsigned value = (unsigned)(found - digits);
        value = value > 15 ? value - 6 : value;
        out[i / 2] = (uint8_t)(i % 2 == 0 ? value << 4 : out[i / 2] | value);
    }
    return true;
}
