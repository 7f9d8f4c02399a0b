#include "utf8.h"

#include <stdio.h>

/* The bits that a first byte contributes, and how many bytes follow it; false for none that can
 * begin a character. */
static bool read_first(uint8_t first, uint32_t *code, size_t *following, uint32_t *least)
{
    if (first < 0x80) {
        *code = first, *following = 0, *least = 0;
    } else if (first >= 0xc2 && first <= 0xdf) {
        *code = first & 0x1fu, *following = 1, *least = 0x80;
    } else if (first >= 0xe0 && first <= 0xef) {
        *code = first & 0x0fu, *following = 2, *least = 0x800;
    } else if (first >= 0xf0 && first <= 0xf4) {
        *code = first & 0x07u, *following = 3, *least = 0x10000;
    } else {
        return false;
    }
    return true;
}

size_t rd_utf8_take_of(const char *text, size_t left, uint32_t *code)
{
    size_t following;
    uint32_t least;
    if (!read_first((uint8_t)text[0], code, &following, &least) || following >= left)
        return 0;
    for (size_t i = 1; i <= following; i++) {
        uint8_t byte = (uint8_t)text[i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (byte & 0x3fu);
    }
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code < least || surrogate || *code > 0x10ffff ? 0 : following + 1;
}

size_t rd_utf8_take(const char *text, uint32_t *code)
{
    return rd_utf8_take_of(text, SIZE_MAX, code); /* NUL is no following byte: it is not passed */
}

bool rd_utf8_is_plain(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } astray[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (size_t i = 0; i < sizeof astray / sizeof astray[0]; i++) {
        if (code >= astray[i].first && code <= astray[i].last)
            return false;
    }
    return true;
}

size_t rd_utf8_escape(uint32_t code, char out[13])
{
    if (code < 0x10000)
        return (size_t)snprintf(out, 13, "\\u%04x", code & 0xffffu);
    uint32_t rest = code - 0x10000;
    return (size_t)snprintf(out, 13, "\\u%04x\\u%04x", 0xd800u | (rest >> 10 & 0x3ffu),
                            0xdc00u | (rest & 0x3ffu));
}
