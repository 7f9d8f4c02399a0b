#include "second/json.h"

#include <string.h>

struct reader {
    struct second_json *json;
    const uint8_t *bytes;
    uint32_t at, size;
    uint32_t names_open;
};

static void blanks(struct reader *in)
{
    while (in->at < in->size && (in->bytes[in->at] == ' ' || in->bytes[in->at] == '\t' ||
                                 in->bytes[in->at] == '\r' || in->bytes[in->at] == '\n'))
        in->at++;
}

static bool next_is(const struct reader *in, char c)
{
    return in->at < in->size && in->bytes[in->at] == (uint8_t)c;
}

static bool take(struct reader *in, char c)
{
    if (!next_is(in, c))
        return false;
    in->at++;
    return true;
}

/* ---- Texts: code points in, UTF-8 out -------------------------------------------------------- */

#define NO_CHARACTER UINT32_MAX

static uint32_t four_hex(struct reader *in)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const char *found =
            in->at < in->size && in->bytes[in->at] != 0 ? strchr(digits, in->bytes[in->at]) : NULL;
        if (found == NULL)
            return NO_CHARACTER;
        uint32_t digit = (uint32_t)(found - digits);
        unit = unit * 16 + (digit > 15 ? digit - 6 : digit);
        in->at++;
    }
    return unit;
}

static uint32_t escaped(struct reader *in)
{
    if (in->at == in->size)
        return NO_CHARACTER;
    switch (in->bytes[in->at++]) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '/':
        return '/';
    case 'b':
        return 8;
    case 'f':
        return 12;
    case 'n':
        return 10;
    case 'r':
        return 13;
    case 't':
        return 9;
    case 'u':
        break;
    default:
        return NO_CHARACTER;
    }
    uint32_t unit = four_hex(in);
    if (unit == NO_CHARACTER || unit < 0xd800 || unit > 0xdfff)
        return unit;
    if (unit >= 0xdc00 || !take(in, '\\') || !take(in, 'u'))
        return NO_CHARACTER;
    uint32_t low = four_hex(in);
    if (low == NO_CHARACTER || low < 0xdc00 || low > 0xdfff)
        return NO_CHARACTER;
    return 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00);
}

/* A character of several bytes, judged by its value alone. */
static uint32_t wide(struct reader *in, uint8_t first)
{
    uint32_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    if (first < 0xc0 || first > 0xf7)
        return NO_CHARACTER;
    uint32_t character = first & (0x3fu >> more);
    for (uint32_t i = 0; i < more; i++) {
        if (in->at == in->size || in->bytes[in->at] >> 6 != 2)
            return NO_CHARACTER;
        character = character * 64 + (in->bytes[in->at++] & 0x3f);
    }
    bool surrogate = character >= 0xd800 && character <= 0xdfff;
    return character < least[more] || character > 0x10ffff || surrogate ? NO_CHARACTER : character;
}

static bool emit(struct second_json *json, uint32_t character)
{
    static const uint8_t marks[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    uint32_t bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    if (json->texts_used + bytes > SECOND_TEXTS_MAX)
        return false;
    if (bytes == 1) {
        json->texts[json->texts_used++] = (uint8_t)character;
        return true;
    }
    for (uint32_t i = bytes; i > 0; i--) {
        uint32_t six = i > 1 ? 0x80 | (character & 0x3f) : marks[bytes] | character;
        json->texts[json->texts_used + i - 1] = (uint8_t)six;
        character >>= 6;
    }
    json->texts_used += bytes;
    return true;
}

/* Takes what stands for itself: most of most texts. */
static void plain(struct reader *in)
{
    const uint8_t *bytes = in->bytes;
    uint32_t at = in->at, used = in->json->texts_used;
    while (at < in->size && used < SECOND_TEXTS_MAX && bytes[at] >= 0x20 && bytes[at] < 0x80 &&
           bytes[at] != '"' && bytes[at] != '\\')
        in->json->texts[used++] = bytes[at++];
    in->at = at;
    in->json->texts_used = used;
}

static bool text(struct reader *in, uint32_t *at, uint32_t *bytes)
{
    struct second_json *json = in->json;
    if (!take(in, '"'))
        return false;
    *at = json->texts_used;
    for (plain(in); !take(in, '"'); plain(in)) {
        if (in->at == in->size)
            return false;
        uint8_t first = in->bytes[in->at++];
        uint32_t character = first == '\\' ? escaped(in) : first < 0x80 ? first : wide(in, first);
        if (first < 0x20 || character == NO_CHARACTER || !emit(json, character))
            return false;
    }
    *bytes = json->texts_used - *at;
    return true;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static bool digits(struct reader *in)
{
    uint32_t from = in->at;
    while (in->at < in->size && in->bytes[in->at] >= '0' && in->bytes[in->at] <= '9')
        in->at++;
    return in->at > from;
}

static bool number(struct reader *in, struct second_value *value)
{
    bool negative = take(in, '-');
    uint32_t whole = in->at;
    if (!digits(in) || (in->bytes[whole] == '0' && in->at > whole + 1))
        return false;
    uint32_t end = in->at;
    if (take(in, '.') && !digits(in))
        return false;
    if (take(in, 'e') || take(in, 'E')) {
        if (!take(in, '+'))
            take(in, '-');
        if (!digits(in))
            return false;
    }
    value->digits_only = !negative && in->at == end;
    return true;
}

static bool literal(struct reader *in)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t bytes = strlen(words[i]);
        if (in->size - in->at >= bytes && memcmp(in->bytes + in->at, words[i], bytes) == 0) {
            in->at += (uint32_t)bytes;
            return true;
        }
    }
    return false;
}

static uint32_t fnv(const uint8_t *bytes, uint32_t count)
{
    uint32_t hash = 0x811c9dc5;
    while (count-- > 0)
        hash = (hash ^ *bytes++) * 0x01000193;
    return hash;
}

/* No other member of its object has this one's name. Members are found by a table of hashes, so
 * that many of them cost no more than few. */
static bool is_new(struct second_json *json, struct second_value *value)
{
    value->name_hash = fnv(json->texts + value->name_at, value->name_bytes);
    uint16_t *head = &json->names[(value->name_hash ^ value->parent * 31) % SECOND_NAMES];
    for (uint32_t i = *head; i != 0; i = json->values[i].next_alike) {
        const struct second_value *other = &json->values[i];
        if (other->parent != value->parent || other->name_hash != value->name_hash)
            continue;
        if (other->name_bytes == value->name_bytes &&
            memcmp(json->texts + other->name_at, json->texts + value->name_at, value->name_bytes) ==
                0)
            return false;
        json->alike_names++;
    }
    value->next_alike = *head;
    *head = (uint16_t)(value - json->values);
    return true;
}

static bool value(struct reader *in, uint32_t parent, bool named, uint32_t depth);

static bool member(struct reader *in, uint32_t object, uint32_t depth)
{
    in->names_open++;
    if (in->names_open > in->json->names_most)
        in->json->names_most = in->names_open;
    return value(in, object, true, depth);
}

static bool level(struct reader *in, uint32_t self, char close, uint32_t depth)
{
    uint32_t names_before = in->names_open;
    if (depth >= 16)
        return false;
    in->at++;
    blanks(in);
    if (!take(in, close)) {
        do {
            blanks(in);
            if (close == '}' ? !member(in, self, depth + 1) : !value(in, self, false, depth + 1))
                return false;
            blanks(in);
        } while (take(in, ','));
        if (!take(in, close))
            return false;
    }
    in->names_open = names_before;
    return true;
}

static bool value(struct reader *in, uint32_t parent, bool named, uint32_t depth)
{
    struct second_json *json = in->json;
    uint32_t self = json->count;
    if (self == SECOND_VALUES_MAX)
        return false;
    struct second_value *out = &json->values[json->count++];
    *out = (struct second_value){.parent = parent, .named = named};
    if (named) {
        if (!text(in, &out->name_at, &out->name_bytes) || !is_new(json, out))
            return false;
        blanks(in);
        if (!take(in, ':'))
            return false;
        blanks(in);
    }
    out->from = in->at;
    bool good;
    if (next_is(in, '{') || next_is(in, '[')) {
        out->kind = next_is(in, '{') ? SECOND_OBJECT : SECOND_ARRAY;
        good = level(in, self, out->kind == SECOND_OBJECT ? '}' : ']', depth);
    } else if (next_is(in, '"')) {
        out->kind = SECOND_STRING;
        good = text(in, &out->text_at, &out->text_bytes);
    } else if (next_is(in, 't') || next_is(in, 'f') || next_is(in, 'n')) {
        out->kind = SECOND_LITERAL;
        good = literal(in);
    } else {
        out->kind = SECOND_NUMBER;
        good = number(in, out);
    }
    out->to = in->at;
    return good;
}

bool second_json(struct second_json *json, const uint8_t *bytes, size_t size)
{
    struct reader in = {.json = json, .bytes = bytes, .size = (uint32_t)size};
    json->count = 0;
    json->texts_used = 0;
    json->names_most = 0;
    json->alike_names = 0;
    memset(json->names, 0, sizeof json->names);
    if (size > 65536)
        return false;
    blanks(&in);
    if (!value(&in, 0, false, 0))
        return false;
    blanks(&in);
    return in.at == in.size;
}

const struct second_value *second_member(const struct second_json *json, uint32_t object,
                                         const char *name)
{
    size_t bytes = strlen(name);
    for (uint32_t i = object + 1; i < json->count; i++) {
        const struct second_value *value = &json->values[i];
        if (value->parent == object && value->named && value->name_bytes == bytes &&
            memcmp(json->texts + value->name_at, name, bytes) == 0)
            return value;
    }
    return NULL;
}
