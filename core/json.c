#include "json.h"

#include "fault.h"

#include <string.h>

static bool fail(struct wr_json *json)
{
    json->failed = true;
    json->at = json->end;
    return false;
}

void wr_json_begin(struct wr_json *json, const uint8_t *bytes, size_t size)
{
    json->start = bytes;
    json->at = bytes;
    json->end = bytes + size;
    json->failed = false;
    json->first = false;
    json->depth = 0;
    json->names = 0;
    json->collisions = 0;
    if (size > WR_JSON_BYTES_MAX)
        fail(json);
}

static void skip_blanks(struct wr_json *json)
{
    while (json->at != json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

/* Takes `wanted` where it comes next behind blanks. */
static bool take_if(struct wr_json *json, char wanted)
{
    skip_blanks(json);
    if (json->at == json->end || *json->at != (uint8_t)wanted)
        return false;
    json->at++;
    return true;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static int hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four hex digits of a \u escape; UINT32_MAX where they are none or out of bytes. */
static uint32_t hex4(const uint8_t *at, const uint8_t *end)
{
    uint32_t unit = 0;
    if (end - at < 4)
        return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return UINT32_MAX;
        unit = unit << 4 | (uint32_t)digit;
    }
    return unit;
}

static bool is_high_surrogate(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(uint32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The bytes that the escape at `at` (a backslash) takes; 0 where it is none. Its character goes to
 * `*character`. A surrogate stands only in a pair (Unicode has no character for half of one). */
static uint32_t read_escape(const uint8_t *at, const uint8_t *end, uint32_t *character)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (end - at < 2)
        return 0;
    if (at[1] != 'u') {
        const char *found = at[1] == 0 ? NULL : strchr(letters, at[1]);
        if (found == NULL)
            return 0;
        *character = (uint8_t)meanings[found - letters];
        return 2;
    }
    uint32_t unit = hex4(at + 2, end);
    if (unit == UINT32_MAX || is_low_surrogate(unit))
        return 0;
    *character = unit;
    if (!is_high_surrogate(unit))
        return 6;
    if (end - at < 8 || at[6] != '\\' || at[7] != 'u')
        return 0;
    uint32_t low = hex4(at + 8, end);
    if (low == UINT32_MAX || !is_low_surrogate(low))
        return 0;
    *character = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

/* The bytes of the UTF-8 sequence at `at`, whose first has bit 7 set; 0 where it is none: cut off,
 * overlong, a surrogate, or beyond U+10FFFF (RFC 3629). */
static uint32_t utf8_bytes(const uint8_t *at, const uint8_t *end)
{
    uint8_t low = 0x80, high = 0xbf; /* of the second byte */
    uint32_t bytes;
    if (at[0] >= 0xc2 && at[0] <= 0xdf) {
        bytes = 2;
    } else if ((at[0] & 0xf0) == 0xe0) {
        bytes = 3;
        low = at[0] == 0xe0 ? 0xa0 : 0x80;
        high = at[0] == 0xed ? 0x9f : 0xbf;
    } else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
        bytes = 4;
        low = at[0] == 0xf0 ? 0x90 : 0x80;
        high = at[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if ((size_t)(end - at) < bytes || at[1] < low || at[1] > high)
        return 0;
    for (uint32_t i = 2; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return bytes;
}

/* Bytes of a text that stand for themselves: ASCII but for control characters, quote and
 * backslash. Most of most texts. */
static bool is_plain(uint8_t byte)
{
    static const uint64_t plain[4] = {UINT64_C(0xfffffffb00000000), UINT64_C(0xffffffffefffffff)};
    return (plain[byte >> 6] >> (byte & 63) & 1) != 0;
}

/* Takes a text whose opening quote was taken already. */
static bool take_text(struct wr_json *json, struct wr_json_text *out)
{
    const uint8_t *at = json->at;
    out->at = at;
    out->escaped = false;
    for (;;) {
        while (at != json->end && is_plain(*at))
            at++;
        if (at == json->end || *at == '"')
            break;
        uint32_t step = 0, character;
        if (*at == '\\') {
            out->escaped = true;
            step = read_escape(at, json->end, &character);
        } else if (*at >= 0x80) {
            step = utf8_bytes(at, json->end);
        }
        if (step == 0)
            return fail(json);
        at += step;
    }
    if (at == json->end)
        return fail(json);
    out->bytes = (uint32_t)(at - out->at);
    json->at = at + 1;
    return true;
}

/* ---- Unescaping ------------------------------------------------------------------------------ */

/* Walks a text that take_text accepted, byte by byte of what it means. */
struct walk {
    const uint8_t *at, *end;
    uint8_t pending[4]; /* the rest of an escape's UTF-8 */
    uint32_t pending_bytes, pending_at;
};

static struct walk walk_over(const struct wr_json_text *text)
{
    return (struct walk){.at = text->at, .end = text->at + text->bytes};
}

static uint32_t put_utf8(uint32_t character, uint8_t out[4])
{
    if (character < 0x80) {
        out[0] = (uint8_t)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (uint8_t)(0xc0 | character >> 6);
        out[1] = (uint8_t)(0x80 | (character & 63));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (uint8_t)(0xe0 | character >> 12);
        out[1] = (uint8_t)(0x80 | (character >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (character & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | character >> 18);
    out[1] = (uint8_t)(0x80 | (character >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (character >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (character & 63));
    return 4;
}

/* The next byte, -1 at the end. */
static int walk_next(struct walk *walk)
{
    if (walk->pending_at < walk->pending_bytes)
        return walk->pending[walk->pending_at++];
    if (walk->at == walk->end)
        return -1;
    if (*walk->at != '\\')
        return *walk->at++;
    uint32_t character;
    walk->at += read_escape(walk->at, walk->end, &character);
    walk->pending_bytes = put_utf8(character, walk->pending);
    walk->pending_at = 1;
    return walk->pending[0];
}

uint32_t wr_json_unescape(const struct wr_json_text *text, char *out, uint32_t capacity)
{
    struct walk walk = walk_over(text);
    uint32_t bytes = 0;
    if (!text->escaped) {
        memcpy(out, text->at, text->bytes < capacity ? text->bytes : capacity);
        return text->bytes;
    }
    for (int byte = walk_next(&walk); byte >= 0; byte = walk_next(&walk)) {
        if (bytes < capacity)
            out[bytes] = (char)byte;
        bytes++;
    }
    return bytes;
}

static bool same_text(const struct wr_json_text *a, const struct wr_json_text *b)
{
    struct walk walk_a = walk_over(a), walk_b = walk_over(b);
    int byte_a, byte_b;
    do {
        byte_a = walk_next(&walk_a);
        byte_b = walk_next(&walk_b);
    } while (byte_a == byte_b && byte_a >= 0);
    return byte_a == byte_b;
}

bool wr_json_is(const struct wr_json_text *text, const char *wanted)
{
    struct walk walk = walk_over(text);
    size_t bytes = strlen(wanted);
    if (!text->escaped)
        return text->bytes == bytes && memcmp(text->at, wanted, bytes) == 0;
    for (size_t i = 0; i < bytes; i++) {
        if (walk_next(&walk) != (uint8_t)wanted[i])
            return false;
    }
    return walk_next(&walk) < 0;
}

/* ---- Names of members ------------------------------------------------------------------------ */

/* FNV-1a of the unescaped text. Where two are equal the texts are compared in full; who makes names
 * that collide is stopped at WR_JSON_COLLISIONS_MAX of them. */
static uint32_t hash_of(const struct wr_json_text *text)
{
    struct walk walk = walk_over(text);
    uint32_t hash = 2166136261U;
    for (int byte = walk_next(&walk); byte >= 0; byte = walk_next(&walk))
        hash = (hash ^ (uint32_t)byte) * 16777619U;
    return hash;
}

/* The text of a name already passed, found again from its place. */
static struct wr_json_text name_at(const struct wr_json *json, uint16_t place)
{
    struct wr_json again = {.at = json->start + place, .end = json->end};
    struct wr_json_text text;
    take_text(&again, &text);
    return text;
}

/* Adds a name to the list of open objects; false where its object has it already, the list is full,
 * or too many hashes were equal. */
static bool note_name(struct wr_json *json, const struct wr_json_text *name)
{
    uint32_t hash = hash_of(name);
    if (json->names == WR_JSON_MEMBERS_MAX)
        return false;
    for (uint32_t i = json->base[json->depth - 1]; i < json->names; i++) {
        if (json->hashes[i] != hash)
            continue;
        struct wr_json_text other = name_at(json, json->places[i]);
        if (WR_FAULT(json_escaped_twins) && other.escaped != name->escaped)
            continue;
        if (same_text(&other, name) || ++json->collisions > WR_JSON_COLLISIONS_MAX)
            return false;
    }
    json->hashes[json->names] = hash;
    json->places[json->names] = (uint16_t)(name->at - json->start);
    json->names++;
    return true;
}

/* ---- Values ---------------------------------------------------------------------------------- */

enum wr_json_kind wr_json_peek(struct wr_json *json)
{
    skip_blanks(json);
    if (json->at == json->end)
        return WR_JSON_NONE;
    switch (*json->at) {
    case '{':
        return WR_JSON_OBJECT;
    case '[':
        return WR_JSON_ARRAY;
    case '"':
        return WR_JSON_STRING;
    case 't':
    case 'f':
    case 'n':
        return WR_JSON_LITERAL;
    default:
        return *json->at == '-' || is_digit(*json->at) ? WR_JSON_NUMBER : WR_JSON_NONE;
    }
}

static bool open_level(struct wr_json *json, char bracket)
{
    if (!take_if(json, bracket) || json->depth == WR_JSON_DEPTH_MAX)
        return fail(json);
    json->base[json->depth++] = json->names;
    json->first = true;
    return true;
}

/* Closes the innermost level where its bracket comes next. The level around it has just given the
 * value that ends here, so it is no longer at its first. */
static bool close_level(struct wr_json *json, char bracket)
{
    if (!take_if(json, bracket))
        return false;
    json->names = json->base[--json->depth];
    json->first = false;
    return true;
}

/* Steps to the next member or element: false where the level was closed, or on failure. */
static bool next_in_level(struct wr_json *json, char bracket)
{
    if (json->failed || close_level(json, bracket))
        return false;
    if (!json->first && !take_if(json, ','))
        return fail(json);
    json->first = false;
    return true;
}

bool wr_json_enter(struct wr_json *json)
{
    return open_level(json, '{');
}

bool wr_json_member(struct wr_json *json, struct wr_json_text *name)
{
    if (!next_in_level(json, '}'))
        return false;
    if (!take_if(json, '"') || !take_text(json, name) || !note_name(json, name) ||
        !take_if(json, ':'))
        return fail(json);
    return true;
}

bool wr_json_enter_array(struct wr_json *json)
{
    return open_level(json, '[');
}

bool wr_json_element(struct wr_json *json)
{
    return next_in_level(json, ']');
}

bool wr_json_string(struct wr_json *json, struct wr_json_text *out)
{
    return take_if(json, '"') ? take_text(json, out) : fail(json);
}

/* Passes over digits; false where there is none. */
static bool take_digits(struct wr_json *json)
{
    const uint8_t *from = json->at;
    while (json->at != json->end && is_digit(*json->at))
        json->at++;
    return json->at != from;
}

/* Whether one of two letters comes next, without blanks; takes it. */
static bool take_either(struct wr_json *json, char one, char other)
{
    if (json->at == json->end || (*json->at != (uint8_t)one && *json->at != (uint8_t)other))
        return false;
    json->at++;
    return true;
}

static bool take_number(struct wr_json *json)
{
    take_either(json, '-', '-');
    const uint8_t *whole = json->at;
    if (!take_digits(json) ||
        (*whole == '0' && json->at - whole > 1 && !WR_FAULT(json_leading_zeros)))
        return fail(json);
    if (take_either(json, '.', '.') && !take_digits(json))
        return fail(json);
    if (take_either(json, 'e', 'E')) {
        take_either(json, '+', '-');
        if (!take_digits(json))
            return fail(json);
    }
    return true;
}

bool wr_json_u64(struct wr_json *json, uint64_t *out)
{
    if (wr_json_peek(json) != WR_JSON_NUMBER)
        return fail(json);
    const uint8_t *digits = json->at;
    if (!take_number(json))
        return false;
    uint64_t value = 0;
    for (; digits != json->at; digits++) {
        uint64_t digit = (uint64_t)*digits - '0';
        if (!is_digit(*digits) || value > (UINT64_MAX - digit) / 10)
            return fail(json);
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool wr_json_u32(struct wr_json *json, uint32_t *out)
{
    uint64_t value;
    if (!wr_json_u64(json, &value))
        return false;
    if (value > UINT32_MAX)
        return fail(json);
    *out = (uint32_t)value;
    return true;
}

bool wr_json_literal(struct wr_json *json, const char *wanted)
{
    size_t bytes = strlen(wanted);
    skip_blanks(json);
    if ((size_t)(json->end - json->at) < bytes || memcmp(json->at, wanted, bytes) != 0)
        return false;
    json->at += bytes;
    return true;
}

static bool take_literal(struct wr_json *json)
{
    return wr_json_literal(json, "true") || wr_json_literal(json, "false") ||
           wr_json_literal(json, "null") || fail(json);
}

static void skip_object(struct wr_json *json)
{
    struct wr_json_text name;
    wr_json_enter(json);
    while (wr_json_member(json, &name))
        wr_json_skip(json);
}

static void skip_array(struct wr_json *json)
{
    wr_json_enter_array(json);
    while (wr_json_element(json))
        wr_json_skip(json);
}

/* Calls itself for values inside values, at most WR_JSON_DEPTH_MAX deep. */
bool wr_json_skip(struct wr_json *json)
{
    struct wr_json_text text;
    switch (wr_json_peek(json)) {
    case WR_JSON_OBJECT:
        skip_object(json);
        break;
    case WR_JSON_ARRAY:
        skip_array(json);
        break;
    case WR_JSON_STRING:
        wr_json_string(json, &text);
        break;
    case WR_JSON_NUMBER:
        take_number(json);
        break;
    case WR_JSON_LITERAL:
        take_literal(json);
        break;
    case WR_JSON_NONE:
        fail(json);
        break;
    }
    return !json->failed;
}

bool wr_json_end(struct wr_json *json)
{
    skip_blanks(json);
    return !json->failed && json->depth == 0 && json->at == json->end;
}
