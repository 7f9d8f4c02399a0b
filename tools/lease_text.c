#include "lease_text.h"

#include "lease_commands.h"
#include "rfc3339.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- Complaints -------------------------------------------------------------------------------
 */

static void complain(const char *command, const char *format, va_list arguments)
{
    fprintf(stderr, "wavry-lease %s: ", command);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int lease_usage_error(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try 'wavry-lease %s --help'.\n", command);
    return LEASE_EXIT_USAGE;
}

int lease_failure(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
    return LEASE_EXIT_REFUSED;
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool lease_parse_hex(const char *text, uint8_t *out, size_t bytes)
{
    if (strlen(text) != 2 * bytes)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void lease_print_hex(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

bool lease_parse_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool lease_parse_time(const char *text, uint64_t *unix_ms)
{
    return wr_rfc3339_parse(text, strlen(text), unix_ms);
}

uint64_t lease_clock_unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool lease_read_file(const char *path, char *out, size_t capacity, size_t *bytes)
{
    bool standard_input = strcmp(path, "-") == 0;
    FILE *file = standard_input ? stdin : fopen(path, "rb");
    if (file == NULL)
        return false;
    errno = EIO; /* where fread fails without a reason */
    *bytes = fread(out, 1, capacity, file);
    int error = ferror(file) ? errno : *bytes == capacity ? EFBIG : 0;
    if (!standard_input)
        fclose(file);
    out[error == 0 ? *bytes : 0] = '\0';
    errno = error;
    return error == 0;
}

bool lease_read_token(const char *argument, const char **token, size_t *bytes)
{
    static char text[65536];
    if (argument != NULL && strcmp(argument, "-") != 0) {
        *token = argument;
        *bytes = strlen(argument);
        return true;
    }
    *token = text;
    if (!lease_read_file("-", text, sizeof text, bytes))
        return false;
    if (*bytes > 0 && text[*bytes - 1] == '\n') {
        --*bytes;
        if (*bytes > 0 && text[*bytes - 1] == '\r')
            --*bytes;
    }
    return true;
}

/* ---- Printing ---------------------------------------------------------------------------------
 */

void lease_print_json(const char *text, size_t bytes)
{
    putchar('"');
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

/* The bytes of the UTF-8 character at `at`, 0 where it is none; its number to `*character`. */
static size_t utf8_character(const unsigned char *at, size_t left, unsigned *character)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : 4;
    if (bytes == 4 && at[0] >> 3 != 30)
        return 0;
    if (bytes > left)
        return 0;
    *character = bytes == 1 ? at[0] : at[0] & (0x7fU >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (at[i] & 63);
    }
    bool surrogate = *character >= 0xd800 && *character <= 0xdfff;
    return *character < least[bytes] || *character > 0x10ffff || surrogate ? 0 : bytes;
}

/* Characters that act instead of showing: controls, line separators, changes of direction. */
static bool acts(unsigned character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f) ||
           (character >= 0x200b && character <= 0x200f) ||
           (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2060 && character <= 0x206f) || character == 0xfeff;
}

void lease_print_safe(const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    while (bytes > 0) {
        unsigned character = 0;
        size_t step = utf8_character(at, bytes, &character);
        if (step == 0) {
            printf("\\x%02x", at[0]);
            step = 1;
        } else if (acts(character)) {
            printf("\\u%04x", character);
        } else {
            fwrite(at, 1, step, stdout);
        }
        at += step;
        bytes -= step;
    }
}
