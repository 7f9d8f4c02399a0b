/*
 * Key files (section 10): the relay's reading and a second one accept the same files and come to
 * the same pinned and revoked keys; a file that is refused is refused with its line, and no message
 * shows a key.
 */
#include "support.h"

#include "second/lines.h"

#include <key_file.h>

#include <stdlib.h>
#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "key_file",
    .property = "two readings of a key file agree on every key, and no message shows one",
    .bytes_max = 2048,
    .canaries = {{"key_first_colon", 20000}, {"key_revoked_twice", 50000}},
};

#define REVOKED_MAX 64 /* as many as an input has room for */

struct expected {
    struct {
        char kid[256];
        uint8_t bytes[32];
    } pinned[8], revoked[REVOKED_MAX];
    uint32_t pinned_count, revoked_count;
    uint32_t bad_line; /* 0: none */
};

static bool same_key(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, 32) == 0;
}

static bool pin(struct expected *out, const char *kid, size_t kid_bytes, const uint8_t *bytes)
{
    for (uint32_t i = 0; i < out->pinned_count; i++) {
        bool same_kid = strlen(out->pinned[i].kid) == kid_bytes &&
                        memcmp(out->pinned[i].kid, kid, kid_bytes) == 0;
        if (same_kid && same_key(out->pinned[i].bytes, bytes))
            return true;
        if (same_kid && kid_bytes == 0)
            return false;
    }
    if (out->pinned_count == 8)
        return false;
    memcpy(out->pinned[out->pinned_count].kid, kid, kid_bytes);
    memcpy(out->pinned[out->pinned_count++].bytes, bytes, 32);
    return true;
}

static void revoke(struct expected *out, const uint8_t *bytes)
{
    for (uint32_t i = 0; i < out->revoked_count; i++) {
        if (same_key(out->revoked[i].bytes, bytes))
            return;
    }
    memcpy(out->revoked[out->revoked_count++].bytes, bytes, 32);
}

static bool read_line(struct expected *out, const uint8_t *text, const struct second_line *line)
{
    char entry[320];
    uint8_t bytes[32];
    size_t size, colon = 0, at = line->at;
    bool revokes = line->end - at > 6 && memcmp(text + at, "revoke", 6) == 0 &&
                   (text[at + 6] == ' ' || text[at + 6] == '\t');
    if (!second_line_value(text, revokes ? at + 6 : at, line->end, entry, sizeof entry, &size))
        return false;
    if (revokes) {
        if (!second_hex_key(entry, size, bytes))
            return false;
        revoke(out, bytes);
        return true;
    }
    for (size_t i = 0; i < size; i++)
        colon = entry[i] == ':' ? i + 1 : colon;
    if (!second_hex_key(entry + colon, size - colon, bytes))
        return false;
    return colon <= 256 && pin(out, entry, colon > 0 ? colon - 1 : 0, bytes);
}

static void read_all(struct expected *out, const uint8_t *text, size_t size)
{
    struct second_line line = {0};
    memset(out, 0, sizeof *out);
    while (out->bad_line == 0 && second_line(text, size, &line)) {
        if (!read_line(out, text, &line))
            out->bad_line = line.number;
    }
}

/* No run of hexadecimal digits as long as half a key stands in a message. */
static void check_message(const struct rd_error *error, uint32_t line)
{
    char place[32];
    size_t run = 0;
    snprintf(place, sizeof place, "keys:%u: ", line);
    FUZZ_REQUIRE(strncmp(error->text, place, strlen(place)) == 0, "%s not at %s", error->text,
                 place);
    for (const char *at = error->text; *at != '\0'; at++) {
        run = strchr("0123456789abcdefABCDEF", *at) != NULL ? run + 1 : 0;
        FUZZ_REQUIRE(run < 32, "shows a key: %s", error->text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct expected expected;
    static struct rd_keys keys;
    struct rd_error error = {""};
    const struct rd_text text = {(const char *)bytes, size, "keys"};
    if (size > fuzz_target.bytes_max)
        return 0;
    memset(&keys, 0, sizeof keys);
    read_all(&expected, bytes, size);
    bool good = rd_key_file_parse(&text, &keys, &error);
    FUZZ_REQUIRE(good == (expected.bad_line == 0), "line %u: %s", expected.bad_line, error.text);
    if (!good)
        check_message(&error, expected.bad_line);
    FUZZ_REQUIRE(keys.pinned_count == expected.pinned_count, "%u pinned", keys.pinned_count);
    FUZZ_REQUIRE(keys.revoked_count == expected.revoked_count, "%u revoked", keys.revoked_count);
    for (uint32_t i = 0; i < keys.pinned_count; i++)
        FUZZ_REQUIRE(strcmp(keys.pinned[i].kid, expected.pinned[i].kid) == 0 &&
                         same_key(keys.pinned[i].bytes, expected.pinned[i].bytes),
                     "pinned %u", i);
    for (uint32_t i = 0; i < keys.revoked_count; i++)
        FUZZ_REQUIRE(same_key(keys.revoked[i], expected.revoked[i].bytes), "revoked %u", i);
    rd_keys_free(&keys);
    return 0;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    static struct expected expected;
    read_all(&expected, bytes, size);
    return expected.bad_line != 0 ? "refused" : "keys";
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    static struct expected expected;
    read_all(&expected, bytes, size);
    fprintf(out, "  %u pinned, %u revoked, first bad line %u\n  ", expected.pinned_count,
            expected.revoked_count, expected.bad_line);
    fuzz_print_text(out, bytes, size);
    fputc('\n', out);
}
