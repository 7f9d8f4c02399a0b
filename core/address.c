#include "address.h"

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool wr_address_is_v4(const struct wr_address *address)
{
    return memcmp(address->ip, v4_mapped, sizeof v4_mapped) == 0;
}

struct wr_address wr_address_v4(const uint8_t ip[4], uint16_t port)
{
    struct wr_address address = {.port = port};
    memcpy(address.ip, v4_mapped, sizeof v4_mapped);
    memcpy(address.ip + 12, ip, 4);
    return address;
}

static bool is_link_local(const struct wr_address *address)
{
    return address->ip[0] == 0xfe && (address->ip[1] & 0xc0) == 0x80;
}

void wr_address_canonicalise(struct wr_address *address)
{
    address->reserved = 0;
    if (!is_link_local(address))
        address->zone = 0;
}

bool wr_address_unanswerable(const struct wr_address *address)
{
    static const uint8_t broadcast[4] = {255, 255, 255, 255};
    static const uint8_t unspecified[16];
    if (address->port == 0)
        return true;
    if (wr_address_is_v4(address)) {
        const uint8_t *ip = address->ip + 12;
        return (ip[0] & 0xf0) == 0xe0 || memcmp(ip, broadcast, 4) == 0 ||
               memcmp(ip, unspecified, 4) == 0;
    }
    return address->ip[0] == 0xff || memcmp(address->ip, unspecified, 16) == 0;
}

void wr_address_prefix(const struct wr_address *address, uint8_t prefix[16])
{
    memcpy(prefix, address->ip, 16);
    if (!wr_address_is_v4(address))
        memset(prefix + 8, 0, 8);
}

/* ---- Text ------------------------------------------------------------------------------------ */

static char *put_decimal(char *at, uint32_t value)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

static const char hex_digits[] = "0123456789abcdef";

static char *put_group(char *at, unsigned value)
{
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = (value >> shift) & 15;
        started = started || digit != 0 || shift == 0;
        if (started)
            *at++ = hex_digits[digit];
    }
    return at;
}

/* RFC 5952: lower case, the longest run of two or more zero groups (the first of equals) as "::".
 */
static char *put_v6(char *at, const uint8_t ip[16])
{
    unsigned groups[8];
    int best_start = -1, best_length = 1;
    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && groups[i + length] == 0)
            length++;
        if (length > best_length) {
            best_start = i;
            best_length = length;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == best_start) {
            *at++ = ':';
            *at++ = ':';
            i += best_length - 1;
            continue;
        }
        if (i > 0 && at[-1] != ':')
            *at++ = ':';
        at = put_group(at, groups[i]);
    }
    return at;
}

char *wr_address_format(const struct wr_address *address, char text[WR_ADDRESS_TEXT_BYTES])
{
    char *at = text;
    if (wr_address_is_v4(address)) {
        for (int i = 12; i < 16; i++) {
            at = put_decimal(at, address->ip[i]);
            *at++ = i < 15 ? '.' : ':';
        }
    } else {
        *at++ = '[';
        at = put_v6(at, address->ip);
        if (address->zone != 0) {
            *at++ = '%';
            at = put_decimal(at, address->zone);
        }
        *at++ = ']';
        *at++ = ':';
    }
    at = put_decimal(at, address->port);
    *at = '\0';
    return text;
}

/* Digits without a sign or a leading zero, at most `max`; advances `*at` past them. */
static bool take_decimal(const char **at, uint32_t max, uint32_t *out)
{
    const char *p = *at;
    uint64_t value = 0;
    size_t digits = 0;
    while (*p >= '0' && *p <= '9' && digits < 10) {
        value = value * 10 + (uint64_t)(*p++ - '0');
        digits++;
    }
    if (digits == 0 || value > max || (digits > 1 && **at == '0'))
        return false;
    *at = p;
    *out = (uint32_t)value;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool take_v4(const char **at, uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        uint32_t octet;
        if (i > 0 && *(*at)++ != '.')
            return false;
        if (!take_decimal(at, 255, &octet))
            return false;
        ip[i] = (uint8_t)octet;
    }
    return true;
}

static bool take_v6(const char **at, uint8_t ip[16])
{
    uint8_t head[16] = {0};
    size_t count = 0, gap = SIZE_MAX; /* bytes read; where "::" stood */
    const char *p = *at;
    if (p[0] == ':' && p[1] == ':') {
        gap = 0;
        p += 2;
    }
    while (count < 16 && hex_value(*p) >= 0) {
        const char *start = p;
        unsigned value = 0;
        size_t digits = 0;
        while (hex_value(*p) >= 0 && digits < 4) {
            value = value << 4 | (unsigned)hex_value(*p++);
            digits++;
        }
        if (*p == '.') { /* the last 32 bits in dotted form */
            if (count > 12)
                return false;
            p = start;
            if (!take_v4(&p, head + count))
                return false;
            count += 4;
            break;
        }
        head[count++] = (uint8_t)(value >> 8);
        head[count++] = (uint8_t)(value & 255);
        if (*p != ':')
            break;
        if (p[1] == ':') {
            if (gap != SIZE_MAX)
                return false;
            gap = count;
            p += 2;
        } else if (count < 16) {
            p++;
            if (hex_value(*p) < 0)
                return false;
        }
    }
    if (gap == SIZE_MAX ? count != 16 : count > 14)
        return false;
    memset(ip, 0, 16);
    if (gap == SIZE_MAX) {
        memcpy(ip, head, 16);
    } else {
        memcpy(ip, head, gap);
        memcpy(ip + 16 - (count - gap), head + gap, count - gap);
    }
    *at = p;
    return true;
}

bool wr_address_parse(const char *text, struct wr_address *out)
{
    struct wr_address address = {0};
    uint32_t port;
    const char *at = text;
    if (*at == '[') {
        at++;
        if (!take_v6(&at, address.ip))
            return false;
        if (*at == '%') {
            at++;
            if (!take_decimal(&at, UINT32_MAX, &address.zone))
                return false;
        }
        if (*at++ != ']')
            return false;
    } else {
        uint8_t ip[4];
        if (!take_v4(&at, ip))
            return false;
        address = wr_address_v4(ip, 0);
    }
    if (*at++ != ':' || !take_decimal(&at, 65535, &port) || *at != '\0')
        return false;
    address.port = (uint16_t)port;
    wr_address_canonicalise(&address);
    *out = address;
    return true;
}

char *wr_session_id_format(const struct wr_session_id *id, char text[WR_SESSION_TEXT_BYTES])
{
    char *at = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex_digits[id->bytes[i] >> 4];
        *at++ = hex_digits[id->bytes[i] & 15];
    }
    *at = '\0';
    return text;
}

bool wr_session_id_parse(const char *text, size_t bytes, struct wr_session_id *out)
{
    size_t at = 0;
    if (bytes != WR_SESSION_TEXT_BYTES - 1)
        return false;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
            return false;
        int high = hex_value(text[at]), low = hex_value(text[at + 1]);
        if (high < 0 || low < 0)
            return false;
        out->bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return true;
}
