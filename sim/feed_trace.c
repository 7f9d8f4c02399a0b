#include "feed_trace.h"

#include "address.h"
#include "json_text.h"
#include "relay_options.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static char message[512];

__attribute__((format(printf, 1, 2))) static const char *complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return message;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex(const char *text, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        int high = digit_of(text[2 * i]);
        int low = high < 0 ? -1 : digit_of(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * bytes] == '\0';
}

static const char *read_key(const cJSON *item, struct sim_feed_key *out)
{
    const cJSON *kid = cJSON_GetObjectItemCaseSensitive(item, "kid");
    const cJSON *hex = cJSON_GetObjectItemCaseSensitive(item, "public_key_hex");
    memset(out, 0, sizeof *out);
    if (!cJSON_IsObject(item))
        return complain("a key is an object with \"kid\" and \"public_key_hex\"");
    for (const cJSON *member = item->child; member != NULL; member = member->next) {
        if (member != kid && member != hex)
            return complain("\"%s\" is no member of a key (kid, public_key_hex)", member->string);
    }
    if (kid != NULL && !cJSON_IsNull(kid)) {
        if (!cJSON_IsString(kid) || strlen(kid->valuestring) > WR_KID_BYTES_MAX)
            return complain("\"kid\" must be a text of at most %d bytes", WR_KID_BYTES_MAX);
        memcpy(out->kid, kid->valuestring, strlen(kid->valuestring) + 1);
    }
    if (!cJSON_IsString(hex) || !read_hex(hex->valuestring, out->bytes, sizeof out->bytes))
        return complain("\"public_key_hex\" must be 64 hex digits");
    return NULL;
}

static const char *read_options(const cJSON *item, struct wr_relay_config *config)
{
    if (!cJSON_IsObject(item))
        return complain("\"options\" must be an object");
    for (const cJSON *option = item->child; option != NULL; option = option->next) {
        bool known;
        const char *expected = sim_relay_option_set(config, option->string, option, &known);
        if (!known)
            return complain("\"%s\" is no option of the core", option->string);
        if (expected != NULL)
            return complain("option \"%s\" must be %s", option->string, expected);
    }
    return NULL;
}

static const char *read_keys(const cJSON *item, struct sim_feed_config *out)
{
    const cJSON *key;
    uint32_t room = SIM_FEED_KEYS_MAX - out->key_count;
    if (!cJSON_IsArray(item) || (uint32_t)cJSON_GetArraySize(item) > room)
        return complain("\"keys\" must be an array of at most %d keys", SIM_FEED_KEYS_MAX);
    cJSON_ArrayForEach(key, item)
    {
        const char *wrong = read_key(key, &out->keys[out->key_count++]);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

static const char *read_config_member(const cJSON *item, struct sim_feed_config *out)
{
    const char *name = item->string;
    if (strcmp(name, "relay_id") == 0) {
        if (!cJSON_IsString(item) || strlen(item->valuestring) > WR_RELAY_ID_BYTES_MAX)
            return complain("\"relay_id\" must be a text of 1 to 256 bytes");
        memcpy(out->relay_id, item->valuestring, strlen(item->valuestring) + 1);
    } else if (strcmp(name, "listen") == 0) {
        if (!cJSON_IsString(item) || !wr_address_parse(item->valuestring, &out->listen))
            return complain("\"listen\" must be an address with a port");
    } else if (strcmp(name, "start_unix_ms") == 0) {
        if (!sim_json_whole(item, &out->start_unix_ms))
            return complain("\"start_unix_ms\" must be a whole number of milliseconds");
    } else if (strcmp(name, "verify_ns") == 0) {
        if (!sim_json_whole(item, &out->verify_ns))
            return complain("\"verify_ns\" must be a whole number of nanoseconds");
    } else if (strcmp(name, "keys") == 0) {
        return read_keys(item, out);
    } else if (strcmp(name, "options") == 0) {
        return read_options(item, &out->relay);
    } else {
        return complain("\"%s\" is no member of the configuration (relay_id, listen, "
                        "start_unix_ms, keys, options, verify_ns)",
                        name);
    }
    return NULL;
}

/* A name that two members of one object have, in `node` or below; NULL for none. */
static const char *twin_in(const cJSON *node)
{
    const char *twin = NULL;
    for (const cJSON *child = node->child; child != NULL && twin == NULL; child = child->next) {
        if (cJSON_IsObject(node) && sim_json_is_twin(node, child))
            return child->string;
        twin = twin_in(child);
    }
    return twin;
}

/* What makes a line no object that we take; NULL for nothing. */
static const char *flaw_of_line(const char *text, const cJSON *root)
{
    const char *expected;
    uint32_t bytes;
    const char *flaw = sim_json_flaw(text, &expected, &bytes);
    if (flaw != NULL)
        return complain("expected %s, found \"%.*s\" in column %u", expected,
                        (int)(bytes < 80 ? bytes : 80), flaw, (unsigned)(flaw - text + 1));
    if (!cJSON_IsObject(root))
        return complain("each line must be one JSON object");
    const char *twin = twin_in(root);
    if (twin != NULL)
        return complain("each member may stand once: \"%s\" is there again", twin);
    return NULL;
}

static cJSON *parse_object(const char *text)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithOpts(text, &end, true);
    if (root == NULL) {
        (void)complain("no JSON object: column %u is not as expected",
                       (unsigned)(end != NULL ? end - text + 1 : 1));
    } else if (flaw_of_line(text, root) != NULL) {
        cJSON_Delete(root);
        root = NULL;
    }
    return root;
}

const char *sim_feed_read_config(const char *text, struct sim_feed_config *out)
{
    const char *wrong = NULL;
    memset(out, 0, sizeof *out);
    wr_relay_config_default(&out->relay);
    out->relay.verify_rate = 100000;
    cJSON *root = parse_object(text);
    if (root == NULL)
        return message;
    for (const cJSON *item = root->child; item != NULL && wrong == NULL; item = item->next)
        wrong = read_config_member(item, out);
    if (wrong == NULL && out->relay_id[0] == '\0')
        wrong = complain("the configuration needs \"relay_id\"");
    if (wrong == NULL && out->listen.port == 0)
        wrong = complain("the configuration needs \"listen\"");
    if (wrong == NULL) {
        out->relay.relay_id = out->relay_id;
        const char *error = wr_relay_config_error(&out->relay);
        if (error != NULL)
            wrong = complain("%s", error);
    }
    cJSON_Delete(root);
    return wrong;
}

/* Hex digits with "<cookie N>" in between. */
static const char *read_datagram(const char *text, uint64_t line, sim_feed_cookie *cookie,
                                 void *context, struct sim_feed_line *out)
{
    const char *at = text;
    out->size = 0;
    while (*at != '\0') {
        uint64_t named = 0;
        if (out->size + WR_COOKIE_BYTES > sizeof out->bytes)
            return complain("a datagram has at most %d bytes", SIM_FEED_DATAGRAM_MAX);
        if (strncmp(at, "<cookie ", 8) == 0) {
            for (at += 8; *at >= '0' && *at <= '9' && named < line; at++)
                named = named * 10 + (uint64_t)(*at - '0');
            if (*at++ != '>' || named < 2 || named >= line)
                return complain("\"<cookie N>\" needs the number of an earlier line");
            cookie(context, named, out->bytes + out->size);
            out->size += WR_COOKIE_BYTES;
            continue;
        }
        int high = digit_of(at[0]);
        int low = high < 0 ? -1 : digit_of(at[1]);
        if (low < 0)
            return complain("\"hex\" must be pairs of hex digits: digit %u is not one",
                            (unsigned)(at - text + 1));
        out->bytes[out->size++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return NULL;
}

static const char *read_sub(const cJSON *item, struct sim_feed_line *out)
{
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= sizeof out->sub)
        return complain("\"%s\" must be an identity (a text)", item->string);
    memcpy(out->sub, item->valuestring, strlen(item->valuestring) + 1);
    return NULL;
}

static const char *read_event(const cJSON *item, uint64_t line, sim_feed_cookie *cookie,
                              void *context, struct sim_feed_line *out)
{
    const char *name = item->string;
    if (strcmp(name, "hex") == 0) {
        out->kind = SIM_FEED_DATAGRAM;
        if (!cJSON_IsString(item))
            return complain("\"hex\" must be a text of hex digits");
        return read_datagram(item->valuestring, line, cookie, context, out);
    }
    if (strcmp(name, "wall_step_ms") == 0) {
        uint64_t size;
        out->kind = SIM_FEED_WALL_STEP;
        cJSON positive = *item;
        if (cJSON_IsNumber(item) && item->valuedouble < 0)
            positive.valuedouble = -item->valuedouble;
        if (!sim_json_whole(&positive, &size))
            return complain("\"wall_step_ms\" must be a whole number of milliseconds");
        out->wall_step_ms = item->valuedouble < 0 ? -(int64_t)size : (int64_t)size;
        return NULL;
    }
    if (strcmp(name, "key") == 0) {
        out->kind = SIM_FEED_KEY;
        return read_key(item, &out->key);
    }
    if (strcmp(name, "revoke") == 0) {
        out->kind = SIM_FEED_REVOKE;
        if (!cJSON_IsString(item) ||
            !read_hex(item->valuestring, out->key.bytes, sizeof out->key.bytes))
            return complain("\"revoke\" must be a public key of 64 hex digits");
        return NULL;
    }
    if (strcmp(name, "ban") == 0 || strcmp(name, "unban") == 0) {
        out->kind = name[0] == 'b' ? SIM_FEED_BAN : SIM_FEED_UNBAN;
        return read_sub(item, out);
    }
    if (strcmp(name, "drain") == 0) {
        out->kind = SIM_FEED_DRAIN;
        return cJSON_IsTrue(item) ? NULL : complain("\"drain\" must be true");
    }
    return complain("\"%s\" is no member of a line (at_ns, from, hex, wall_step_ms, key, revoke, "
                    "ban, unban, drain)",
                    name);
}

const char *sim_feed_read_line(const char *text, uint64_t line, sim_feed_cookie *cookie,
                               void *context, struct sim_feed_line *out)
{
    const char *wrong = NULL;
    bool timed = false, addressed = false;
    out->kind = SIM_FEED_TIME;
    cJSON *root = parse_object(text);
    if (root == NULL)
        return message;
    for (const cJSON *item = root->child; item != NULL && wrong == NULL; item = item->next) {
        if (strcmp(item->string, "at_ns") == 0) {
            timed = sim_json_whole(item, &out->at_ns);
            if (!timed)
                wrong = complain("\"at_ns\" must be a whole number of nanoseconds below 2^53");
        } else if (strcmp(item->string, "from") == 0) {
            addressed = cJSON_IsString(item) && wr_address_parse(item->valuestring, &out->from);
            if (!addressed)
                wrong = complain("\"from\" must be an address with a port");
        } else if (out->kind != SIM_FEED_TIME) {
            wrong = complain("a line says one thing: \"%s\" is a second one", item->string);
        } else {
            wrong = read_event(item, line, cookie, context, out);
        }
    }
    if (wrong == NULL && !timed)
        wrong = complain("a line needs \"at_ns\"");
    if (wrong == NULL && addressed != (out->kind == SIM_FEED_DATAGRAM))
        wrong = complain("\"from\" and \"hex\" belong together");
    cJSON_Delete(root);
    return wrong;
}
