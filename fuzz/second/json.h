/*
 * A second strict JSON reader (RFC 8259 and docs/protocol.md section 2: UTF-8, no duplicate
 * members, nesting at most 16): reads the whole document at once into a list of values, with texts
 * unescaped. Shares no code with the core, nor its way of working: characters become code points
 * first, and names are compared with all others of their object.
 */
#ifndef FUZZ_SECOND_JSON_H
#define FUZZ_SECOND_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum second_kind {
    SECOND_OBJECT,
    SECOND_ARRAY,
    SECOND_STRING,
    SECOND_NUMBER,
    SECOND_LITERAL,
};

struct second_value {
    enum second_kind kind;
    uint32_t parent;              /* the object or array it is in; the first value has itself */
    bool named;                   /* it is a member of an object */
    uint16_t next_alike;          /* member with the same place in the table of names; 0: none */
    uint32_t name_hash;           /* FNV-1a of it */
    uint32_t name_at, name_bytes; /* in `texts`, unescaped */
    uint32_t text_at, text_bytes; /* of a string */
    uint32_t from, to;            /* its place in the document */
    bool digits_only;             /* of a number: neither sign nor fraction nor exponent */
};

#define SECOND_VALUES_MAX 16384
#define SECOND_NAMES      512
#define SECOND_TEXTS_MAX  65536

struct second_json {
    uint32_t count;
    uint32_t texts_used;
    uint32_t names_most;          /* names of open objects at the same time, at most */
    uint32_t alike_names;         /* pairs of different names in one object whose FNV-1a is equal */
    uint16_t names[SECOND_NAMES]; /* the member noted last at each place; 0: none */
    struct second_value values[SECOND_VALUES_MAX]; /* in the order of the document */
    uint8_t texts[SECOND_TEXTS_MAX];
};

/* Reads a document of at most 65536 bytes. False where it is not strict JSON. */
bool second_json(struct second_json *json, const uint8_t *bytes, size_t size);

/* The member of that name in the object that is value number `object`; NULL for none. */
const struct second_value *second_member(const struct second_json *json, uint32_t object,
                                         const char *name);

#endif
