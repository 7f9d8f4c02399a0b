/*
 * A strict pull reader for one JSON document (RFC 8259, and section 2: UTF-8, no duplicate members
 * at any level, nesting at most 16). It owns syntax; it declines to know what members mean, and
 * allocates nothing: texts come out as views, still escaped, and are unescaped on demand.
 *
 * Duplicates are found with one list of the names of all objects that are open just now, each as a
 * hash and a place; a name is compared with those of its own object, by hash first. The list is
 * WR_JSON_MEMBERS_MAX long (a token's payload of 1036 bytes has room for fewer: a member takes 5
 * bytes at least), so the worst document costs under 33,000 comparisons of two integers: about 20
 * us, a third of a signature. A document with more names open is refused, and so is one in which
 * hashes of different names were equal more than WR_JSON_COLLISIONS_MAX times: chance makes no
 * two, but whoever wants them makes as many as fit.
 */
#ifndef WR_JSON_H
#define WR_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_JSON_BYTES_MAX      65536 /* every place in it fits 16 bits */
#define WR_JSON_DEPTH_MAX      16
#define WR_JSON_MEMBERS_MAX    256
#define WR_JSON_COLLISIONS_MAX 16

/* What stands between two quotes: valid UTF-8 and valid escapes. Borrowed from the document. */
struct wr_json_text {
    const uint8_t *at;
    uint32_t bytes;
    bool escaped; /* a backslash is in it */
};

enum wr_json_kind {
    WR_JSON_NONE, /* nothing that begins a value */
    WR_JSON_OBJECT,
    WR_JSON_ARRAY,
    WR_JSON_STRING,
    WR_JSON_NUMBER,
    WR_JSON_LITERAL, /* true, false, null */
};

/* Open, so that it can live on a stack; only json.c touches the members. */
struct wr_json {
    const uint8_t *start, *at, *end;
    bool failed;
    bool first; /* the innermost object or array has given nothing yet */
    uint32_t depth;
    uint32_t names;                   /* of the open objects, in the lists below */
    uint32_t collisions;              /* of names' hashes, in the whole document */
    uint32_t base[WR_JSON_DEPTH_MAX]; /* first name of the object at each depth */
    uint32_t hashes[WR_JSON_MEMBERS_MAX];
    uint16_t places[WR_JSON_MEMBERS_MAX]; /* where the name's text begins */
};

/* Once something is wrong every function returns false (or NONE) and wr_json_end says so. */
void wr_json_begin(struct wr_json *json, const uint8_t *bytes, size_t size);

/* The kind of the value that comes next. */
enum wr_json_kind wr_json_peek(struct wr_json *json);

/* Enters the object that comes next, or fails. */
bool wr_json_enter(struct wr_json *json);

/* The next member's name; its value must then be taken or skipped. False at the object's end, which
 * is left, and on failure. */
bool wr_json_member(struct wr_json *json, struct wr_json_text *name);

/* The same for an array: each time wr_json_element is true, one value must be taken or skipped. */
bool wr_json_enter_array(struct wr_json *json);
bool wr_json_element(struct wr_json *json);

/* Take a value of the kind, or fail. Numbers are digits only: no sign, fraction, exponent. */
bool wr_json_string(struct wr_json *json, struct wr_json_text *out);
bool wr_json_u32(struct wr_json *json, uint32_t *out);
bool wr_json_u64(struct wr_json *json, uint64_t *out);

/* Takes "true", "false" or "null" where it comes next; otherwise false, and nothing is wrong yet.
 */
bool wr_json_literal(struct wr_json *json, const char *wanted);

/* Passes over any value, checking all of it. */
bool wr_json_skip(struct wr_json *json);

/* True when nothing failed, everything entered was left, and only blanks follow. */
bool wr_json_end(struct wr_json *json);

/* Unescapes into `out`, at most `capacity` bytes of it. Returns the whole text's length, which may
 * be more. Not terminated. */
uint32_t wr_json_unescape(const struct wr_json_text *text, char *out, uint32_t capacity);

/* The text, unescaped, is exactly this. */
bool wr_json_is(const struct wr_json_text *text, const char *wanted);

#endif
