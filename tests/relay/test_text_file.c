#include "text_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rd_text text_of(const char *bytes)
{
    return (struct rd_text){.bytes = bytes, .size = strlen(bytes), .name = "file"};
}

/* The value of the first line, or what is wrong with it. */
static const char *value_of(const char *bytes)
{
    static char value[32];
    static struct rd_error error;
    struct rd_text text = text_of(bytes);
    struct rd_line line = {0};
    cr_assert(rd_line_next(&text, &line));
    return rd_line_value(&text, &line, line.at, value, sizeof value, &error) ? value : error.text;
}

Test(text_file, lines_are_counted_and_empty_ones_and_comments_passed_over)
{
    struct rd_text text = text_of("\xef\xbb\xbf# one\n\n  two # words\r\n\t#three\nfour");
    struct rd_line line = {0};
    cr_assert(rd_line_next(&text, &line));
    cr_assert_eq(line.number, 3);
    cr_assert_eq(line.end - line.at, 11);
    cr_assert(rd_line_next(&text, &line));
    cr_assert_eq(line.number, 5);
    cr_assert_not(rd_line_next(&text, &line));
}

Test(text_file, an_empty_text_has_no_lines)
{
    struct rd_text none = {.name = "file"}, blank = text_of("\n \n#\n"),
                   mark = text_of("\xef\xbb\xbf");
    struct rd_line line = {0};
    cr_assert_not(rd_line_next(&none, &line));
    cr_assert_not(rd_line_next(&blank, &line));
    line = (struct rd_line){0};
    cr_assert_not(rd_line_next(&mark, &line));
}

Test(text_file, values_end_at_a_comment_and_quotes_hold_everything)
{
    cr_assert_str_eq(value_of("a b  # c"), "a b");
    cr_assert_str_eq(value_of("a#b"), "a#b");
    cr_assert_str_eq(value_of("\" a # b \"  # c"), " a # b ");
    cr_assert_str_eq(value_of("\"a\\\"b\\\\\""), "a\"b\\");
    cr_assert_str_eq(value_of("\"\""), "");
    cr_assert_str_eq(value_of("a\"b"), "a\"b");
    cr_assert_str_eq(value_of("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
                     "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

Test(text_file, what_is_wrong_with_a_value_is_said_with_its_line)
{
    cr_assert_str_eq(value_of("\n\"a"), "file:2: the quote is not closed");
    cr_assert_str_eq(value_of("\"a\\"), "file:1: the quote is not closed");
    cr_assert_str_eq(value_of("\"a\" b"), "file:1: something follows the closing quote");
    cr_assert_str_eq(value_of("\"a\"#b"), "file:1: something follows the closing quote");
    cr_assert_str_eq(value_of("\"a\\n\""), "file:1: only \\\" and \\\\ may follow a backslash");
}

Test(text_file, a_value_as_long_as_there_is_room_and_one_byte_longer)
{
    char line[64] = "1234567890123456789012345678901", quoted[68];
    cr_assert_str_eq(value_of(line), line);
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", line);
    cr_assert_str_eq(value_of(quoted), line);
    strcat(line, "2");
    cr_assert_str_eq(value_of(line), "file:1: the value is too long: at most 31 bytes");
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", line);
    cr_assert_str_eq(value_of(quoted), "file:1: the value is too long: at most 31 bytes");
}

Test(text_file, only_utf8_without_control_characters)
{
    static const char *const bad[] = {
        "\x01",         "a\x7f",        "\xc2\x80",         "\xc0\x80",         "\xc3",
        "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80",
        "\xe2\x82",     "a\tb"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not_null(strstr(value_of(bad[i]), "must be UTF-8"), "%zu", i);
    struct rd_text nul = {.bytes = "a\0b", .size = 3, .name = "file"};
    struct rd_line line = {0};
    struct rd_error error;
    char value[8];
    cr_assert(rd_line_next(&nul, &line));
    cr_assert_not(rd_line_value(&nul, &line, line.at, value, sizeof value, &error));
}

Test(text_file, hex_keys_are_64_digits)
{
    uint8_t key[32];
    char text[80];
    memset(text, 'a', sizeof text);
    text[64] = '\0';
    cr_assert(rd_hex_key(text, key));
    cr_assert_eq(key[0], 0xaa);
    text[63] = 'g';
    cr_assert_not(rd_hex_key(text, key));
    text[63] = '\0';
    cr_assert_not(rd_hex_key(text, key));
    memset(text, 'A', 66);
    text[66] = '\0';
    cr_assert_not(rd_hex_key(text, key));
}

Test(text_file, files_are_read_whole_up_to_their_bound)
{
    char path[] = "/tmp/wavry-text-XXXXXX", *bytes;
    int fd = mkstemp(path);
    struct rd_error error;
    size_t size;
    mode_t mode;
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "12345", 5), 5);
    cr_assert_eq(fchmod(fd, 0640), 0);
    cr_assert(rd_file_read(path, 5, &bytes, &size, &mode, &error));
    cr_assert_eq(size, 5);
    cr_assert_eq(mode, 0640);
    cr_assert_eq(memcmp(bytes, "12345", 5), 0);
    free(bytes);
    cr_assert_not(rd_file_read(path, 4, &bytes, &size, &mode, &error));
    cr_assert_not_null(strstr(error.text, "has 5 bytes; at most 4 are read"));
    cr_assert_eq(unlink(path), 0);
    cr_assert_not(rd_file_read(path, 4, &bytes, &size, &mode, &error));
    cr_assert_not_null(strstr(error.text, "cannot be opened: No such file"));
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_not(rd_file_read(path, 4, &bytes, &size, &mode, &error));
    cr_assert_not_null(strstr(error.text, "is not a regular file"));
    cr_assert_eq(unlink(path), 0);
    (void)close(fd);
}
