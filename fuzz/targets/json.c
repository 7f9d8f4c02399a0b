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
    static char unescaped[2048];
    memset(unescaped, 0xa5, bytes < sizeof unescaped ? bytes : sizeof unescaped);
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

/* What was taken on trial is given back: the reader is large, so only what a number or a literal
 * moves in it is put back. */
struct trial {
    const uint8_t *at;
    bool failed;
};

static struct trial begin_trial(const struct wr_json *json)
{
    return (struct trial){json->at, json->failed};
}

static void end_trial(struct wr_json *json, struct trial before)
{
    json->at = before.at;
    json->failed = before.failed;
}

static void compare_number(struct walk *walk, const struct second_value *value)
{
    struct trial before = begin_trial(&walk->json);
    unsigned __int128 expected = 0;
    uint32_t found = 0;
    uint64_t wide = 0;
    bool small = value->digits_only && value->to - value->from <= 20;
    for (uint32_t i = value->from; small && i < value->to; i++)
        expected = expected * 10 + (unsigned)(walk->bytes[i] - '0');
    bool fits = small && expected <= UINT32_MAX, fits_wide = small && expected <= UINT64_MAX;
    FUZZ_REQUIRE(wr_json_u32(&walk->json, &found) == fits, "a whole number of 32 bits: %d", fits);
    end_trial(&walk->json, before);
    FUZZ_REQUIRE(wr_json_u64(&walk->json, &wide) == fits_wide, "of 64 bits: %d", fits_wide);
    end_trial(&walk->json, before);
    FUZZ_REQUIRE(!fits || found == expected, "%u", found);
    FUZZ_REQUIRE(!fits_wide || wide == expected, "%llu", (unsigned long long)wide);
}

static void compare_literal(struct walk *walk, const struct second_value *value)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        struct trial before = begin_trial(&walk->json);
        bool is = walk->bytes[value->from] == (uint8_t)words[i][0];
        FUZZ_REQUIRE(wr_json_literal(&walk->json, words[i]) == is && !walk->json.failed, "%s",
                     words[i]);
        end_trial(&walk->json, before);
    }
}

static void walk_value(struct walk *walk);

static void walk_array(struct walk *walk)
{
    uint32_t self = walk->at++;
    FUZZ_REQUIRE(wr_json_enter_array(&walk->json), "an array");
    while (wr_json_element(&walk->json)) {
        FUZZ_REQUIRE(walk->at < second.count && second.values[walk->at].parent == self,
                     "an element too many");
        walk_value(walk);
    }
    FUZZ_REQUIRE(walk->at == second.count || second.values[walk->at].parent != self,
                 "an element too few");
}

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
    if (value->kind == SECOND_OBJECT || value->kind == SECOND_ARRAY) {
        value->kind == SECOND_OBJECT ? walk_object(walk) : walk_array(walk);
        return;
    }
    if (value->kind == SECOND_NUMBER)
        compare_number(walk, value);
    if (value->kind == SECOND_LITERAL)
        compare_literal(walk, value);
    if (value->kind == SECOND_STRING) {
        FUZZ_REQUIRE(wr_json_string(&walk->json, &text), "a text");
        compare_text(&text, value->text_at, value->text_bytes);
    } else {
        FUZZ_REQUIRE(wr_json_skip(&walk->json), "a value");
    }
    walk->at++;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct walk walk;
    walk.bytes = bytes;
    walk.at = 0;
    if (size > fuzz_target.bytes_max)
        return 0;
    bool second_good = second_json(&second, bytes, size);
    /* The bounds that core/json.h names beside the grammar. */
    second_good = second_good && second.names_most <= WR_JSON_MEMBERS_MAX &&
                  second.alike_names <= WR_JSON_COLLISIONS_MAX;
    /* Many names take the core long, as it says; once is enough for those. */
    if (!second_good || second.names_most < 64) {
        FUZZ_STAIN(walk.json);
        wr_json_begin(&walk.json, bytes, size);
        bool good = wr_json_skip(&walk.json) && wr_json_end(&walk.json);
        FUZZ_REQUIRE(good == second_good, "a document for one reader: %d", good);
        if (!good)
            return 0;
    }
    FUZZ_STAIN(walk.json);
    wr_json_begin(&walk.json, bytes, size);
    walk_value(&walk);
    FUZZ_REQUIRE(wr_json_end(&walk.json) && walk.at == second.count, "the end");
    return 0;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    struct wr_json json;
    wr_json_begin(&json, bytes, size);
    return wr_json_skip(&json) && wr_json_end(&json) ? "json" : "no json";
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
