#include "text_file.h"

#include "fault.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Files ----------------------------------------------------------------------------------- */

/* Reads on until the end or until `room` is full; the bytes read, or -1. */
static ssize_t read_all(int fd, char *out, size_t room)
{
    size_t size = 0;
    while (size < room) {
        ssize_t got = read(fd, out + size, room - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

static bool read_open_file(int fd, const char *path, size_t bytes_max, char **bytes, size_t *size,
                           mode_t *mode, struct rd_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return rd_fail(error, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return rd_fail(error, "%s: is not a regular file", path);
    if ((status.st_mode & S_IWOTH) != 0)
        return rd_fail(error,
                       "%s: everybody may write to it (mode %04o), so everybody could say what the "
                       "relay does: chmod o-w it",
                       path, (unsigned)status.st_mode & 07777);
    if (status.st_size < 0 || (uint64_t)status.st_size > bytes_max)
        return rd_fail(error, "%s: has %lld bytes; at most %zu are read", path,
                       (long long)status.st_size, bytes_max);
    /* One byte more than it should have, so that one that grew meanwhile is noticed. */
    size_t room = (size_t)status.st_size + 1;
    char *text = malloc(room);
    if (text == NULL)
        return rd_fail(error, "%s: no memory for its %zu bytes", path, room);
    ssize_t got = read_all(fd, text, room);
    if (got < 0 || (size_t)got == room) {
        int reason = got < 0 ? errno : EBUSY;
        free(text);
        return rd_fail(error, "%s: cannot be read: %s", path, strerror(reason));
    }
    *bytes = text;
    *size = (size_t)got;
    if (mode != NULL)
        *mode = status.st_mode & 07777;
    return true;
}

bool rd_file_read(const char *path, size_t bytes_max, char **bytes, size_t *size, mode_t *mode,
                  struct rd_error *error)
{
    /* O_NONBLOCK: a pipe without a writer must not hold up the start; it is refused after. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return rd_fail(error, "%s: cannot be opened: %s", path, strerror(errno));
    bool ok = read_open_file(fd, path, bytes_max, bytes, size, mode, error);
    (void)close(fd);
    return ok;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Behind the current line; behind a byte order mark at the very start. */
static const char *next_start(const struct rd_text *text, const struct rd_line *line)
{
    const char *end = text->bytes + text->size;
    if (line->number == 0)
        return text->size >= 3 && memcmp(text->bytes, "\xef\xbb\xbf", 3) == 0 ? text->bytes + 3
                                                                              : text->bytes;
    const char *at = line->end;
    while (at < end && *at != '\n')
        at++;
    return at < end ? at + 1 : end;
}

bool rd_line_next(const struct rd_text *text, struct rd_line *line)
{
    if (text->size == 0)
        return false;
    const char *limit = text->bytes + text->size;
    for (;;) {
        const char *at = next_start(text, line);
        if (at == limit)
            return false;
        const char *end = memchr(at, '\n', (size_t)(limit - at));
        if (end == NULL)
            end = limit;
        while (at < end && is_blank(*at))
            at++;
        while (end > at && is_blank(end[-1]))
            end--;
        *line = (struct rd_line){.at = at, .end = end, .number = line->number + 1};
        if (at < end && *at != '#')
            return true;
    }
}

bool rd_line_fail(const struct rd_text *text, const struct rd_line *line, struct rd_error *error,
                  const char *format, ...)
{
    char words[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return rd_fail(error, "%s:%u: %s", text->name, line->number, words);
}

/* ---- Values ---------------------------------------------------------------------------------- */

bool rd_text_is_clean(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        uint32_t code;
        size_t character = rd_utf8_take_of(text + i, bytes - i, &code);
        if (character == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        i += character;
    }
    return true;
}

/* The text between quotes, copied; what follows may only be a comment. */
static bool quoted_value(const struct rd_text *text, const struct rd_line *line, const char *at,
                         char *out, size_t room, size_t *size, struct rd_error *error)
{
    size_t used = 0;
    for (at++; at < line->end && *at != '"'; at++) {
        if (*at == '\\' && ++at < line->end && *at != '"' && *at != '\\')
            return rd_line_fail(text, line, error, "only \\\" and \\\\ may follow a backslash");
        if (at == line->end)
            break;
        if (used + 1 >= room)
            return rd_line_fail(text, line, error, "the value is too long: at most %zu bytes",
                                room - 1);
        out[used++] = *at;
    }
    if (at >= line->end)
        return rd_line_fail(text, line, error, "the quote is not closed");
    const char *after = at + 1;
    while (after < line->end && is_blank(*after))
        after++;
    if (after < line->end && (*after != '#' || after == at + 1))
        return rd_line_fail(text, line, error, "something follows the closing quote");
    *size = used;
    return true;
}

static bool plain_value(const struct rd_text *text, const struct rd_line *line, const char *at,
                        char *out, size_t room, size_t *size, struct rd_error *error)
{
    const char *end = at;
    while (end < line->end &&
           !(*end == '#' && (end == at || is_blank(end[-1]) || WR_FAULT(text_comment_anywhere))))
        end++;
    while (end > at && is_blank(end[-1]))
        end--;
    *size = (size_t)(end - at);
    if (*size >= room)
        return rd_line_fail(text, line, error, "the value is too long: at most %zu bytes",
                            room - 1);
    memcpy(out, at, *size);
    return true;
}

bool rd_line_value(const struct rd_text *text, const struct rd_line *line, const char *from,
                   char *out, size_t room, struct rd_error *error)
{
    size_t size = 0;
    const char *at = from;
    while (at < line->end && is_blank(*at))
        at++;
    bool quoted = at < line->end && *at == '"';
    if (quoted ? !quoted_value(text, line, at, out, room, &size, error)
               : !plain_value(text, line, at, out, room, &size, error))
        return false;
    out[size] = '\0';
    if (!rd_text_is_clean(out, size))
        return rd_line_fail(text, line, error,
                            "must be UTF-8 without control characters, and is not");
    return true;
}

bool rd_hex_key(const char *text, uint8_t out[32])
{
    size_t size = 0;
    const char *end = NULL;
    size_t length = strlen(text);
    return length == 64 && sodium_hex2bin(out, 32, text, length, NULL, &size, &end) == 0 &&
           size == 32 && end == text + length;
}
