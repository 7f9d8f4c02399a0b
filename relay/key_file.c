#include "key_file.h"

#include "fault.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REVOKE "revoke"

bool rd_key_parse(const char *text, struct rd_key *out)
{
    const char *colon = WR_FAULT(key_first_colon) ? strchr(text, ':') : strrchr(text, ':');
    const char *hex = colon != NULL ? colon + 1 : text;
    size_t kid_bytes = colon != NULL ? (size_t)(colon - text) : 0;
    struct rd_key key = {0};
    if (kid_bytes > WR_KID_BYTES_MAX || !rd_text_is_clean(text, kid_bytes))
        return false;
    memcpy(key.kid, text, kid_bytes);
    if (!rd_hex_key(hex, key.bytes))
        return false;
    *out = key;
    return true;
}

const char *rd_keys_pin(struct rd_keys *keys, const struct rd_key *key)
{
    for (uint32_t i = 0; i < keys->pinned_count; i++) {
        const struct rd_key *known = &keys->pinned[i];
        bool same_bytes = memcmp(known->bytes, key->bytes, sizeof key->bytes) == 0;
        if (strcmp(known->kid, key->kid) != 0)
            continue;
        if (same_bytes)
            return NULL;
        if (key->kid[0] == '\0')
            return "another key without a kid is pinned already: only one may have none";
    }
    if (keys->pinned_count == WR_KEYS_MAX)
        return "8 keys are pinned already: there is room for no more";
    keys->pinned[keys->pinned_count++] = *key;
    return NULL;
}

bool rd_keys_revoked(const struct rd_keys *keys, const uint8_t bytes[WR_PUBLIC_KEY_BYTES])
{
    for (uint32_t i = 0; i < keys->revoked_count; i++) {
        if (memcmp(keys->revoked[i], bytes, WR_PUBLIC_KEY_BYTES) == 0)
            return true;
    }
    return false;
}

const char *rd_keys_revoke(struct rd_keys *keys, const uint8_t bytes[WR_PUBLIC_KEY_BYTES])
{
    if (rd_keys_revoked(keys, bytes) && !WR_FAULT(key_revoked_twice))
        return NULL;
    if (keys->revoked_count == RD_KEYS_REVOKED_MAX)
        return "256 keys are revoked already: there is room for no more";
    if (keys->revoked == NULL)
        keys->revoked = calloc(RD_KEYS_REVOKED_MAX, sizeof *keys->revoked);
    if (keys->revoked == NULL)
        return "no memory for revoked keys";
    memcpy(keys->revoked[keys->revoked_count++], bytes, WR_PUBLIC_KEY_BYTES);
    return NULL;
}

/* `revoke`, then blanks. */
static bool is_revocation(const struct rd_line *line)
{
    size_t bytes = sizeof REVOKE - 1;
    return (size_t)(line->end - line->at) > bytes && memcmp(line->at, REVOKE, bytes) == 0 &&
           (line->at[bytes] == ' ' || line->at[bytes] == '\t');
}

static const char *add_entry(struct rd_keys *keys, const char *entry, bool revocation)
{
    struct rd_key key;
    if (revocation)
        return rd_hex_key(entry, key.bytes) ? rd_keys_revoke(keys, key.bytes)
                                            : "expected 64 hexadecimal digits behind `revoke`";
    if (!rd_key_parse(entry, &key))
        return "expected " RD_KEY_FORMS ", or `revoke HEX`";
    return rd_keys_pin(keys, &key);
}

bool rd_key_file_parse(const struct rd_text *text, struct rd_keys *keys, struct rd_error *error)
{
    char entry[RD_KEY_TEXT_BYTES_MAX + 1];
    struct rd_line line = {0};
    while (rd_line_next(text, &line)) {
        bool revocation = is_revocation(&line);
        const char *from = line.at + (revocation ? sizeof REVOKE - 1 : 0);
        if (!rd_line_value(text, &line, from, entry, sizeof entry, error))
            return false;
        const char *wrong = add_entry(keys, entry, revocation);
        if (wrong != NULL)
            return rd_line_fail(text, &line, error, "%s", wrong);
    }
    return true;
}

bool rd_key_file_read(const char *path, struct rd_keys *keys, struct rd_error *error)
{
    struct rd_text text = {.name = path};
    char *bytes;
    if (!rd_file_read(path, RD_KEY_FILE_BYTES_MAX, &bytes, &text.size, NULL, error))
        return false;
    text.bytes = bytes;
    bool ok = rd_key_file_parse(&text, keys, error);
    free(bytes);
    return ok;
}

void rd_keys_free(struct rd_keys *keys)
{
    free(keys->revoked);
    *keys = (struct rd_keys){0};
}
