#include "log_format.h"

#include "address.h"
#include "rfc3339.h"
#include "utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What every line ends with at the longest: `","cut":true}` and a line feed. */
#define TAIL_BYTES 16

struct writer {
    char *out;
    size_t used;
    size_t room; /* without the tail's */
    bool json;
    bool cut;
};

const char *rd_log_level_name(enum rd_log_level level)
{
    switch (level) {
    case RD_LOG_ERROR:
        return "error";
    case RD_LOG_WARN:
        return "warn";
    case RD_LOG_INFO:
        return "info";
    case RD_LOG_DEBUG:
        return "debug";
    case RD_LOG_TRACE:
        return "trace";
    }
    return "error";
}

/* All of it or nothing: an escape is never cut in two. */
static bool put(struct writer *writer, const char *bytes, size_t count)
{
    if (writer->cut || writer->used + count > writer->room) {
        writer->cut = true;
        return false;
    }
    memcpy(writer->out + writer->used, bytes, count);
    writer->used += count;
    return true;
}

/* The field's name with what separates it from the one before; all of it or nothing. */
static bool put_name(struct writer *writer, const char *name)
{
    char text[128];
    const char *before = writer->used > 0 ? (writer->json ? "," : " ") : (writer->json ? "{" : "");
    int length = snprintf(text, sizeof text, writer->json ? "%s\"%s\":" : "%s%s=", before, name);
    if (length < 0 || (size_t)length >= sizeof text)
        return false;
    return put(writer, text, (size_t)length);
}

/* Text needs no quotes where a reader of logfmt can see without them where it ends. */
static bool needs_quotes(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || *at == '"' || *at == '=' || *at == '\\')
            return true;
    }
    return text[0] == '\0';
}

/* One character of a quoted value, or one byte that is none. Returns how many bytes it took. */
static size_t put_character(struct writer *writer, const char *text)
{
    uint32_t code;
    char escaped[13];
    size_t taken = rd_utf8_take(text, &code);
    if (taken == 0) {
        const char *form = writer->json ? "\\\\x%02x" : "\\x%02x";
        int length = snprintf(escaped, sizeof escaped, form, (unsigned)(uint8_t)text[0]);
        put(writer, escaped, (size_t)length);
        return 1;
    }
    if (code == '"' || code == '\\')
        put(writer, code == '"' ? "\\\"" : "\\\\", 2);
    else if (code == '\n' || code == '\r' || code == '\t')
        put(writer, code == '\n' ? "\\n" : code == '\r' ? "\\r" : "\\t", 2);
    else if (!rd_utf8_is_plain(code))
        put(writer, escaped, rd_utf8_escape(code, escaped));
    else
        put(writer, text, taken);
    return taken;
}

static void put_text(struct writer *writer, const char *name, const char *text)
{
    bool quoted = writer->json || needs_quotes(text);
    size_t start = writer->used;
    if (!put_name(writer, name) || (quoted && !put(writer, "\"", 1))) {
        writer->used = start;
        return;
    }
    for (size_t at = 0; text[at] != '\0' && !writer->cut;)
        at += put_character(writer, text + at);
    if (quoted)
        writer->out[writer->used++] = '"'; /* a place in the tail is kept for it */
}

static void put_number(struct writer *writer, const char *name, uint64_t number)
{
    char text[24];
    size_t start = writer->used;
    int length = snprintf(text, sizeof text, "%" PRIu64, number);
    if (!put_name(writer, name) || !put(writer, text, (size_t)length))
        writer->used = start;
}

static void put_field(struct writer *writer, const struct rd_field *field)
{
    char address[WR_ADDRESS_TEXT_BYTES];
    char session[WR_SESSION_TEXT_BYTES];
    switch (field->kind) {
    case RD_FIELD_END:
        return;
    case RD_FIELD_TEXT:
        put_text(writer, field->name, field->text != NULL ? field->text : "");
        return;
    case RD_FIELD_NUMBER:
        put_number(writer, field->name, field->number);
        return;
    case RD_FIELD_ADDRESS:
        if (field->address != NULL)
            put_text(writer, field->name, wr_address_format(field->address, address));
        return;
    case RD_FIELD_SESSION:
        if (field->session != NULL)
            put_text(writer, field->name, wr_session_id_format(field->session, session));
        return;
    }
}

size_t rd_log_format_line(const struct rd_log_line *line, enum rd_log_format format,
                          char out[RD_LOG_LINE_BYTES])
{
    struct writer writer = {
        .out = out, .room = RD_LOG_LINE_BYTES - TAIL_BYTES, .json = format == RD_LOG_JSON};
    char time[WR_RFC3339_TEXT_BYTES];
    put_text(&writer, "ts", wr_rfc3339_format(line->unix_ms, time));
    put_text(&writer, "level", rd_log_level_name(line->level));
    put_text(&writer, "event", line->event);
    if (line->suppressed > 0)
        put_number(&writer, "suppressed", line->suppressed);
    for (const struct rd_field *field = line->fields; field->kind != RD_FIELD_END; field++)
        put_field(&writer, field);

    const char *tail = writer.json ? (writer.cut ? ",\"cut\":true}\n" : "}\n")
                                   : (writer.cut ? " cut=true\n" : "\n");
    size_t bytes = strlen(tail);
    memcpy(out + writer.used, tail, bytes); /* NOLINT(bugprone-not-null-terminated-result) */
    return writer.used + bytes;
}
