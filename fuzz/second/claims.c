#include "second/claims.h"

#include "second/time.h"

#include <string.h>

struct reading {
    const struct second_json *json;
    const uint8_t *document;
};

/* False where the member is there and no string. */
static bool string_of(const struct reading *in, const char *name, struct second_text *out)
{
    const struct second_value *member = second_member(in->json, 0, name);
    *out = (struct second_text){0};
    if (member == NULL)
        return true;
    out->there = true;
    out->at = in->json->texts + member->text_at;
    out->bytes = member->text_bytes;
    return member->kind == SECOND_STRING;
}

/* The next code point of valid UTF-8. */
static uint32_t next_character(const uint8_t **at)
{
    uint32_t first = *(*at)++;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t character = more == 0 ? first : first & (0x3fu >> more);
    for (; more > 0; more--)
        character = character << 6 | (*(*at)++ & 0x3fu);
    return character;
}

/* Unicode's White_Space. */
static bool is_blank(uint32_t character)
{
    return (character >= 9 && character <= 13) || character == 0x20 || character == 0x85 ||
           character == 0xa0 || character == 0x1680 ||
           (character >= 0x2000 && character <= 0x200a) || character == 0x2028 ||
           character == 0x2029 || character == 0x202f || character == 0x205f || character == 0x3000;
}

static bool is_identity(const struct second_text *text)
{
    bool says_something = false;
    if (!text->there || text->bytes > 256)
        return false;
    for (const uint8_t *at = text->at, *end = at + text->bytes; at < end;) {
        uint32_t character = next_character(&at);
        if (character == 0)
            return false;
        says_something = says_something || !is_blank(character);
    }
    return says_something;
}

static bool is_uuid(const struct second_text *text, uint8_t out[16])
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    uint32_t nibbles = 0;
    uint8_t any = 0;
    if (!text->there || text->bytes != 36)
        return false;
    for (uint32_t i = 0; i < 36; i++) {
        uint32_t c = text->at[i], lower = c | 0x20, nibble;
        if (shape[i] == '-') {
            if (c != '-')
                return false;
            continue;
        }
        if (c >= '0' && c <= '9')
            nibble = c - '0';
        else if (lower >= 'a' && lower <= 'f' && c >= 'A')
            nibble = lower - 'a' + 10;
        else
            return false;
        uint8_t *byte = &out[nibbles / 2];
        *byte = (uint8_t)(nibbles % 2 == 0 ? nibble << 4 : *byte | nibble);
        any |= (uint8_t)nibble;
        nibbles++;
    }
    return any != 0;
}

static bool equals(const struct second_text *text, const char *word)
{
    return text->bytes == strlen(word) && memcmp(text->at, word, text->bytes) == 0;
}

/* A name that no relay and no key can have counts as none. */
static void forget_if_odd(struct second_text *text, uint32_t bytes_max)
{
    if (text->there && (text->bytes > bytes_max || memchr(text->at, 0, text->bytes) != NULL))
        *text = (struct second_text){0};
}

/* Both members for one time; false where one of them is there and no time. */
static bool time_of(const struct reading *in, const char *one, const char *other, bool later,
                    bool *there, int64_t *out)
{
    const char *const names[2] = {one, other};
    *there = false;
    *out = 0;
    for (int i = 0; i < 2; i++) {
        struct second_text text;
        int64_t ms;
        if (!string_of(in, names[i], &text))
            return false;
        if (!text.there)
            continue;
        if (!second_time(text.at, text.bytes, &ms))
            return false;
        if (!*there || (later ? ms > *out : ms < *out))
            *out = ms;
        *there = true;
    }
    return true;
}

static bool limit_of(const struct reading *in, const char *name, uint64_t missing, uint64_t *out)
{
    const struct second_value *member = second_member(in->json, 0, name);
    *out = missing;
    if (member == NULL)
        return true;
    if (member->kind != SECOND_NUMBER || !member->digits_only || member->to - member->from > 10)
        return false;
    *out = 0;
    for (uint32_t i = member->from; i < member->to; i++)
        *out = *out * 10 + in->document[i] - '0';
    return *out <= 4294967295u;
}

static uint64_t at_least(uint64_t value, uint64_t bound)
{
    return value < bound ? bound : value;
}

bool second_claims(struct second_json *json, const uint8_t *payload, size_t bytes,
                   struct second_claims *claims)
{
    struct reading in = {json, payload};
    struct second_text sid, role;
    bool expires;
    if (!second_json(json, payload, bytes) || json->values[0].kind != SECOND_OBJECT)
        return false;
    if (!string_of(&in, "sub", &claims->sub) || !is_identity(&claims->sub))
        return false;
    if (!string_of(&in, "sid", &sid) || !is_uuid(&sid, claims->session))
        return false;
    if (!string_of(&in, "role", &role) || (!equals(&role, "client") && !equals(&role, "server")))
        return false;
    claims->server = equals(&role, "server");
    if (!string_of(&in, "rid", &claims->rid) || !string_of(&in, "kid", &claims->kid))
        return false;
    forget_if_odd(&claims->rid, 256);
    forget_if_odd(&claims->kid, 255);
    if (!time_of(&in, "exp_rfc3339", "exp", false, &expires, &claims->expires_ms) || !expires ||
        !time_of(&in, "nbf_rfc3339", "nbf", true, &claims->has_not_before,
                 &claims->not_before_ms) ||
        !time_of(&in, "iat_rfc3339", "iat", true, &claims->has_issued, &claims->issued_ms))
        return false;
    if (!limit_of(&in, "slimit", 50000, &claims->soft_kbps) ||
        !limit_of(&in, "hlimit", 100000, &claims->hard_kbps))
        return false;
    claims->soft_kbps = at_least(claims->soft_kbps, 1000);
    claims->hard_kbps = at_least(claims->hard_kbps, claims->soft_kbps);
    return !claims->has_issued || claims->expires_ms > claims->issued_ms;
}
