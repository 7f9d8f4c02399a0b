/*
 * The core's strict JSON reader (core/json.h) against a second one that reads the whole document at
 * once: both accept the same documents, and a walk with the pull reader meets the same values with
 * the same names, texts and numbers.
 */
#include "support.h"

#include "second/json.h"

#include <json.h>

#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "json",
    .property = "two strict readers accept the same documents and see the same members in them",
    .bytes_max = 2048,
    .canaries = {{"json_leading_zeros", 20000}, {"json_escaped_twins", 100000}},
};

static struct second_json second;

struct walk {
    struct wr_json json;
    uint32_t at; /* number of the value in `second` that must come next */
    const uint8_t *bytes;
};

static void compare_text(const struct wr_json_text *text, uint32_t at, uint32_t bytes)
{
    char unescaped[2048];
    uint32_t count = wr_json_unescape(text, unescaped, sizeof unescaped);
    FUZZ_REQUIRE(count == bytes && memcmp(unescaped, second.texts + at, bytes) == 0,
                 "a text of %u or %u bytes", count, bytes);
    FUZZ_REQUIRE(text->escaped || text->bytes == bytes, "nothing to unescape");
    if (bytes > 0)
        FUZZ_REQUIRE(wr_json_unescape(text, unescaped, bytes - 1) == bytes, "counts what is cut");
    if (memchr(unescaped, 0, count) == NULL && count < sizeof unescaped) {
        unescaped[count] = '\0';
        FUZZ_REQUIRE(wr_json_is(text, unescaped), "is itself");
        if (count > 0) {
            unescaped[count - 1] ^= 1;
            FUZZ_REQUIRE(unescaped[count - 1] == '\0' || !wr_json_is(text, unescaped),
                         "is nothing else");
        }
    }
}

static void compare_number(const struct walk *walk, const struct second_value *value)
{
    struct wr_json copy = walk->json;
    uint64_t expected = 0;
    uint32_t found = 0;
    bool fits = value->digits_only && value->to - value->from <= 10;
    for (uint32_t i = value->from; fits && i < value->to; i++)
        expected = expected * 10 + (uint64_t)(walk->bytes[i] - '0');
    fits = fits && expected <= UINT32_MAX;
    FUZZ_REQUIRE(wr_json_u32(&copy, &found) == fits, "a whole number of 32 bits: %d", fits);
    if (fits)
        FUZZ_REQUIRE(found == expected, "%u", found);
}

/* Values in arrays are skipped by the pull reader; here too. */
static void skip(struct walk *walk)
{
    uint32_t end = second.values[walk->at].to;
    while (walk->at < second.count && second.values[walk->at].from < end)
        walk->at++;
}

static void walk_value(struct walk *walk);

static void walk_object(struct walk *walk)
{
    uint32_t self = walk->at++;
    struct wr_json_text name;
    FUZZ_REQUIRE(wr_json_enter(&walk->json), "an object");
    while (wr_json_member(&walk->json, &name)) {
        FUZZ_REQUIRE(walk->at < second.count && second.values[walk->at].parent == self,
                     "a member too many");
        compare_text(&name, second.values[walk->at].name_at, second.values[walk->at].name_bytes);
        walk_value(walk);
    }
    FUZZ_REQUIRE(walk->at == second.count || second.values[walk->at].parent != self,
                 "a member too few");
}

static void walk_value(struct walk *walk)
{
    static const enum wr_json_kind kinds[] = {WR_JSON_OBJECT, WR_JSON_ARRAY, WR_JSON_STRING,
                                              WR_JSON_NUMBER, WR_JSON_LITERAL};
    const struct second_value *value = &second.values[walk->at];
    struct wr_json_text text;
    FUZZ_REQUIRE(wr_json_peek(&walk->json) == kinds[value->kind], "kind %d", value->kind);
    if (value->kind == SECOND_OBJECT) {
        walk_object(walk);
        return;
    }
    if (value->kind == SECOND_NUMBER)
        compare_number(walk, value);
    if (value->kind == SECOND_STRING) {
        FUZZ_REQUIRE(wr_json_string(&walk->json, &text), "a text");
        compare_text(&text, value->text_at, value->text_bytes);
    } else {
        FUZZ_REQUIRE(wr_json_skip(&walk->json), "a value");
    }
    skip(walk);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct walk walk = {.bytes = bytes};
    if (size > fuzz_target.bytes_max)
        return 0;
    bool second_good = second_json(&second, bytes, size);
    /* The bounds that core/json.h names beside the grammar. */
    second_good = second_good && second.names_most <= WR_JSON_MEMBERS_MAX &&
                  second.alike_names <= WR_JSON_COLLISIONS_MAX;
    wr_json_begin(&walk.json, bytes, size);
    bool good = wr_json_skip(&walk.json) && wr_json_end(&walk.json);
    FUZZ_REQUIRE(good == second_good, "a document for one reader: %d", good);
    if (!good)
        return 0;
    wr_json_begin(&walk.json, bytes, size);
    walk_value(&walk);
    FUZZ_REQUIRE(wr_json_end(&walk.json) && walk.at == second.count, "the end");
    return 0;
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    struct wr_json json;
    wr_json_begin(&json, bytes, size);
    bool good = wr_json_skip(&json) && wr_json_end(&json);
    fprintf(out, "  %s: ", good ? "JSON" : "no JSON");
    fuzz_print_text(out, bytes, size);
    fputc('\n', out);
}
