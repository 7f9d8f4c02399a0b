#include "option_value.h"

#include "address.h"
#include "address_kind.h"
#include "key_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void *member(struct rd_options *options, const struct rd_option *option)
{
    return (char *)options + option->offset;
}

static const void *member_of(const struct rd_options *options, const struct rd_option *option)
{
    return (const char *)options + option->offset;
}

/* ---- From text ------------------------------------------------------------------------------- */

bool rd_bool_parse(const char *text, bool *out)
{
    static const char *const words[][2] = {{"false", "true"}, {"off", "on"}, {"no", "yes"},
                                           {"0", "1"},        {"n", "y"},    {"f", "t"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        for (int value = 0; value < 2; value++) {
            if (strcasecmp(text, words[i][value]) == 0) {
                *out = value == 1;
                return true;
            }
        }
    }
    return false;
}

/* Decimal digits and nothing else. */
static bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (uint64_t)(*at - '0');
        if (number > UINT32_MAX)
            return false;
    }
    if (at == text || *at != '\0' || number < min || number > max)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool set_number(struct rd_options *options, const struct rd_option *option, const char *text,
                       char *allowed)
{
    uint32_t number;
    bool is_word = option->word != NULL && strcasecmp(text, option->word) == 0;
    if (is_word)
        number = option->word_value;
    else if (!parse_number(text, option->min, option->max, &number)) {
        (void)snprintf(allowed, RD_ALLOWED_BYTES, "%s%sa whole number from %" PRIu32 " to %" PRIu32,
                       option->word != NULL ? option->word : "", option->word != NULL ? " or " : "",
                       option->min, option->max);
        return false;
    }
    if (option->kind == RD_KIND_NUMBER)
        memcpy(member(options, option), &number, sizeof number);
    return true;
}

static bool set_bool(struct rd_options *options, const struct rd_option *option, const char *text,
                     char *allowed)
{
    bool value;
    if (!rd_bool_parse(text, &value)) {
        (void)snprintf(allowed, RD_ALLOWED_BYTES, "%s",
                       option->kind == RD_KIND_FLAG ? "true or false" : "on or off");
        return false;
    }
    memcpy(member(options, option), &value, sizeof value);
    return true;
}

static bool set_choice(struct rd_options *options, const struct rd_option *option, const char *text,
                       char *allowed)
{
    size_t used = 0;
    for (uint32_t i = 0; option->choices[i] != NULL; i++) {
        if (strcasecmp(text, option->choices[i]) == 0) {
            memcpy(member(options, option), &i, sizeof i);
            return true;
        }
        const char *before = i == 0 ? "" : option->choices[i + 1] != NULL ? ", " : " or ";
        used += (size_t)snprintf(allowed + used, RD_ALLOWED_BYTES - used, "%s%s", before,
                                 option->choices[i]);
    }
    return false;
}

static bool set_address(struct rd_options *options, const struct rd_option *option,
                        const char *text, char *allowed)
{
    struct wr_address address;
    if (!wr_address_parse(text, &address)) {
        (void)snprintf(allowed, RD_ALLOWED_BYTES,
                       "an address and a port, such as 0.0.0.0:4000 or [::]:4000 (no host name)");
        return false;
    }
    memcpy(member(options, option), &address, sizeof address);
    return true;
}

static bool set_text(struct rd_options *options, const struct rd_option *option, const char *text,
                     char *allowed)
{
    size_t bytes = strlen(text);
    const char *wrong = option->wrong(text);
    if (wrong != NULL || bytes >= option->room) {
        (void)snprintf(allowed, RD_ALLOWED_BYTES, "%s%sat most %zu bytes",
                       wrong != NULL ? wrong : "", wrong != NULL ? ", " : "", option->room - 1);
        return false;
    }
    memset(member(options, option), 0, option->room);
    memcpy(member(options, option), text, bytes);
    return true;
}

static bool parse_advertise(const char *text, struct wr_address *out)
{
    char with_port[WR_ADDRESS_TEXT_BYTES];
    if (!wr_address_parse(text, out)) {
        int bytes = snprintf(with_port, sizeof with_port, "%s:0", text);
        if (bytes >= (int)sizeof with_port || !wr_address_parse(with_port, out))
            return false;
    }
    /* Port 0 stands for the socket's own; any other judges the address alone. */
    struct wr_address probe = *out;
    probe.port = 1;
    return !rd_address_is_wildcard(&probe) && !wr_address_unanswerable(&probe);
}

/* Keeps IPv4 before IPv6: the real master and its clients look at the first one. */
static bool set_advertise(struct rd_options *options, const char *text, char *allowed)
{
    struct wr_address address;
    uint32_t count = options->advertise_count;
    if (!parse_advertise(text, &address)) {
        (void)snprintf(allowed, RD_ALLOWED_BYTES,
                       "an address that peers can reach, such as 203.0.113.5:4000 or "
                       "[2001:db8::5]:4000, no wildcard, multicast or broadcast");
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (wr_address_equal(&options->advertise[i], &address))
            return true;
    }
    if (count == RD_ADVERTISE_MAX) {
        (void)snprintf(allowed, RD_ALLOWED_BYTES, "at most %d addresses", RD_ADVERTISE_MAX);
        return false;
    }
    uint32_t at = count;
    while (at > 0 && wr_address_is_v4(&address) && !wr_address_is_v4(&options->advertise[at - 1])) {
        options->advertise[at] = options->advertise[at - 1];
        at--;
    }
    options->advertise[at] = address;
    options->advertise_count++;
    return true;
}

static bool set_key(struct rd_options *options, const struct rd_option *option, const char *text,
                    char *allowed)
{
    struct rd_key key;
    bool bare = option->kind == RD_KIND_PUBLIC_KEY;
    if (bare && text[0] == '\0')
        return true;
    if (!rd_key_parse(text, &key) || (bare && strchr(text, ':') != NULL)) {
        (void)snprintf(allowed, RD_ALLOWED_BYTES, "%s",
                       bare ? "64 hexadecimal digits" : RD_KEY_FORMS);
        return false;
    }
    const char *wrong = rd_keys_pin(&options->keys, &key);
    if (wrong != NULL)
        (void)snprintf(allowed, RD_ALLOWED_BYTES, "no further key: %s", wrong);
    return wrong == NULL;
}

bool rd_option_set(struct rd_options *options, const struct rd_option *option, const char *text,
                   char allowed[RD_ALLOWED_BYTES])
{
    switch (option->kind) {
    case RD_KIND_NUMBER:
    case RD_KIND_UNUSED:
        return set_number(options, option, text, allowed);
    case RD_KIND_FLAG:
    case RD_KIND_SWITCH:
        return set_bool(options, option, text, allowed);
    case RD_KIND_CHOICE:
        return set_choice(options, option, text, allowed);
    case RD_KIND_ADDRESS:
        return set_address(options, option, text, allowed);
    case RD_KIND_TEXT:
        return set_text(options, option, text, allowed);
    case RD_KIND_ADVERTISE:
        return set_advertise(options, text, allowed);
    case RD_KIND_KEY:
    case RD_KIND_PUBLIC_KEY:
        return set_key(options, option, text, allowed);
    case RD_KIND_ACTION:
        break;
    }
    (void)snprintf(allowed, RD_ALLOWED_BYTES, "nothing: it is no setting");
    return false;
}

/* ---- Back to text ---------------------------------------------------------------------------- */

static const char *show_number(const struct rd_options *options, const struct rd_option *option,
                               char *out)
{
    uint32_t number;
    memcpy(&number, member_of(options, option), sizeof number);
    if (option->word != NULL && number == option->word_value)
        return option->word;
    (void)snprintf(out, RD_SHOWN_BYTES, "%" PRIu32, number);
    return out;
}

static const char *show_advertise(const struct rd_options *options, char *out)
{
    char text[WR_ADDRESS_TEXT_BYTES];
    size_t used = 0;
    for (uint32_t i = 0; i < options->advertise_count; i++)
        used += (size_t)snprintf(out + used, RD_SHOWN_BYTES - used, "%s%s", i > 0 ? ", " : "",
                                 wr_address_format(&options->advertise[i], text));
    return used > 0 ? out : NULL;
}

const char *rd_option_show(const struct rd_options *options, const struct rd_option *option,
                           char out[RD_SHOWN_BYTES])
{
    const char *text = member_of(options, option);
    struct wr_address address;
    uint32_t choice;
    bool on;
    switch (option->kind) {
    case RD_KIND_NUMBER:
        return show_number(options, option, out);
    case RD_KIND_FLAG:
    case RD_KIND_SWITCH:
        memcpy(&on, text, sizeof on);
        if (option->kind == RD_KIND_FLAG)
            return on ? "true" : "false";
        return on ? "on" : "off";
    case RD_KIND_CHOICE:
        memcpy(&choice, text, sizeof choice);
        return option->choices[choice];
    case RD_KIND_ADDRESS:
        memcpy(&address, text, sizeof address);
        return wr_address_format(&address, out);
    case RD_KIND_TEXT:
        if (text[0] == '\0')
            return NULL;
        return option->secret ? "(hidden)" : text;
    case RD_KIND_ADVERTISE:
        return show_advertise(options, out);
    case RD_KIND_KEY:
    case RD_KIND_PUBLIC_KEY:
    case RD_KIND_UNUSED:
    case RD_KIND_ACTION:
        break;
    }
    return NULL;
}

/* Bytes of the value in struct rd_options; 0 for what does not lie there. */
static size_t value_bytes(const struct rd_option *option)
{
    switch (option->kind) {
    case RD_KIND_NUMBER:
    case RD_KIND_CHOICE:
        return sizeof(uint32_t);
    case RD_KIND_FLAG:
    case RD_KIND_SWITCH:
        return sizeof(bool);
    case RD_KIND_ADDRESS:
        return sizeof(struct wr_address);
    case RD_KIND_TEXT:
        return option->room;
    case RD_KIND_ADVERTISE:
        return sizeof(struct wr_address[RD_ADVERTISE_MAX]);
    case RD_KIND_KEY:
    case RD_KIND_PUBLIC_KEY:
    case RD_KIND_UNUSED:
    case RD_KIND_ACTION:
        break;
    }
    return 0;
}

bool rd_option_equal(const struct rd_options *one, const struct rd_options *other,
                     const struct rd_option *option)
{
    return memcmp(member_of(one, option), member_of(other, option), value_bytes(option)) == 0;
}

void rd_option_copy(struct rd_options *to, const struct rd_options *from,
                    const struct rd_option *option)
{
    memcpy(member(to, option), member_of(from, option), value_bytes(option));
}
