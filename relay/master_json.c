#include "master_json.h"

#include "address.h"
#include "fault.h"
#include "json.h"
#include "text_file.h"

#include <cjson/cJSON.h>
#include <string.h>

_Static_assert(WR_JSON_BYTES_MAX >= RD_MASTER_ANSWER_BYTES_MAX,
               "the longest answer that is taken can be read");

/* ---- Requests -------------------------------------------------------------------------------- */

static bool add_text_to(cJSON *array, const char *text)
{
    return cJSON_AddItemToArray(array, cJSON_CreateString(text));
}

static bool add_endpoints(cJSON *body, const struct rd_options *options)
{
    char text[WR_ADDRESS_TEXT_BYTES];
    cJSON *endpoints = cJSON_AddArrayToObject(body, "endpoints");
    for (uint32_t i = 0; i < options->advertise_count; i++) {
        if (!add_text_to(endpoints, wr_address_format(&options->advertise[i], text)))
            return false;
    }
    return endpoints != NULL;
}

/* [::] takes IPv4 too (udp_socket.h); any other address is of one family. */
static bool add_features(cJSON *body, const struct wr_address *listen)
{
    static const uint8_t any[sizeof listen->ip];
    bool ipv4 = wr_address_is_v4(listen);
    bool both = memcmp(listen->ip, any, sizeof any) == 0;
    cJSON *features = cJSON_AddArrayToObject(body, "features");
    return features != NULL && (!(ipv4 || both) || add_text_to(features, "ipv4")) &&
           (ipv4 || add_text_to(features, "ipv6"));
}

/* The text of `body`, which is freed; NULL where something did not fit into memory. */
static char *printed(cJSON *body, bool complete)
{
    char *text = complete ? cJSON_PrintUnformatted(body) : NULL;
    cJSON_Delete(body);
    return text;
}

char *rd_master_register_body(const struct rd_options *options, uint32_t max_sessions,
                              const char *relay_id)
{
    cJSON *body = cJSON_CreateObject();
    bool complete =
        cJSON_AddStringToObject(body, "relay_id", relay_id) != NULL &&
        add_endpoints(body, options) &&
        (options->region[0] != '\0' ? cJSON_AddStringToObject(body, "region", options->region)
                                    : cJSON_AddNullToObject(body, "region")) != NULL &&
        (options->asn != 0 ? cJSON_AddNumberToObject(body, "asn", options->asn)
                           : cJSON_AddNullToObject(body, "asn")) != NULL &&
        cJSON_AddNumberToObject(body, "max_sessions", max_sessions) != NULL &&
        cJSON_AddNumberToObject(body, "max_bitrate_kbps", options->max_bitrate_kbps) != NULL &&
        add_features(body, &options->listen);
    return printed(body, complete);
}

char *rd_master_heartbeat_body(const char *relay_id, uint32_t load_pct)
{
    cJSON *body = cJSON_CreateObject();
    bool complete = cJSON_AddStringToObject(body, "relay_id", relay_id) != NULL &&
                    cJSON_AddNumberToObject(body, "load_pct", load_pct) != NULL;
    return printed(body, complete);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* Members that an answer must have; each is there at most once, the reader sees to that. */
struct found {
    bool interval;
    bool key;
    bool ok;
};

/* A JSON array of exactly 32 bytes' values. */
static bool take_key_numbers(struct wr_json *json, struct wr_master_answer *out)
{
    uint32_t count = 0, value;
    if (!wr_json_enter_array(json))
        return false;
    for (; wr_json_element(json); count++) {
        if (count == WR_PUBLIC_KEY_BYTES || !wr_json_u32(json, &value) || value > UINT8_MAX)
            return false;
        out->public_key[count] = (uint8_t)value;
    }
    return count == WR_PUBLIC_KEY_BYTES || (WR_FAULT(answer_key_of_31) && count == 31);
}

/* Exactly 64 hex digits, of either case. */
static bool take_key_hex(struct wr_json *json, struct wr_master_answer *out)
{
    struct wr_json_text text;
    char digits[2 * WR_PUBLIC_KEY_BYTES + 1] = "";
    return wr_json_string(json, &text) &&
           wr_json_unescape(&text, digits, sizeof digits - 1) == sizeof digits - 1 &&
           rd_hex_key(digits, out->public_key);
}

/* A kid, or null for none. A NUL would end it early, and it would name another key. */
static bool take_kid(struct wr_json *json, struct wr_master_answer *out)
{
    struct wr_json_text text;
    if (wr_json_literal(json, "null"))
        return true;
    if (!wr_json_string(json, &text))
        return false;
    uint32_t bytes = wr_json_unescape(&text, out->kid, WR_KID_BYTES_MAX);
    return bytes <= WR_KID_BYTES_MAX &&
           (memchr(out->kid, '\0', bytes) == NULL || WR_FAULT(answer_kid_with_nul));
}

static bool take_register_member(struct wr_json *json, const struct wr_json_text *name,
                                 struct wr_master_answer *out, struct found *found)
{
    if (wr_json_is(name, "heartbeat_interval_ms"))
        return found->interval = wr_json_u64(json, &out->heartbeat_interval_ms);
    if (wr_json_is(name, "master_public_key"))
        return found->key = take_key_numbers(json, out);
    if (wr_json_is(name, "master_key_id"))
        return take_kid(json, out);
    return wr_json_skip(json);
}

static bool take_key_member(struct wr_json *json, const struct wr_json_text *name,
                            struct wr_master_answer *out, struct found *found)
{
    if (wr_json_is(name, "public_key"))
        return found->key = take_key_hex(json, out);
    if (wr_json_is(name, "key_id"))
        return take_kid(json, out);
    return wr_json_skip(json);
}

/* A heartbeat that was not accepted is refused by its status; a 200 says true, or it is not a
 * master that speaks. */
static bool take_heartbeat_member(struct wr_json *json, const struct wr_json_text *name,
                                  struct found *found)
{
    if (wr_json_is(name, "ok"))
        return found->ok = wr_json_literal(json, "true");
    return wr_json_skip(json);
}

static bool take_member(enum wr_master_request_kind kind, struct wr_json *json,
                        const struct wr_json_text *name, struct wr_master_answer *out,
                        struct found *found)
{
    switch (kind) {
    case WR_MASTER_REGISTER:
        return take_register_member(json, name, out, found);
    case WR_MASTER_HEARTBEAT:
        return take_heartbeat_member(json, name, found);
    case WR_MASTER_KEY:
        return take_key_member(json, name, out, found);
    }
    return false;
}

static bool is_complete(enum wr_master_request_kind kind, const struct found *found)
{
    switch (kind) {
    case WR_MASTER_REGISTER:
        return found->interval && found->key;
    case WR_MASTER_HEARTBEAT:
        return found->ok;
    case WR_MASTER_KEY:
        return found->key;
    }
    return false;
}

static bool read_answer(enum wr_master_request_kind kind, const uint8_t *bytes, size_t size,
                        struct wr_master_answer *out)
{
    struct wr_json json;
    struct wr_json_text name;
    struct found found = {0};
    wr_json_begin(&json, bytes, size);
    if (!wr_json_enter(&json))
        return false;
    while (wr_json_member(&json, &name)) {
        if (!take_member(kind, &json, &name, out, &found))
            return false;
    }
    out->has_key = found.key;
    return wr_json_end(&json) && is_complete(kind, &found);
}

void rd_master_read_answer(enum wr_master_request_kind kind, const uint8_t *bytes, size_t size,
                           struct wr_master_answer *out)
{
    *out = (struct wr_master_answer){.status = WR_MASTER_OK};
    if (!read_answer(kind, bytes, size, out))
        *out = (struct wr_master_answer){.status = WR_MASTER_GARBAGE};
}
