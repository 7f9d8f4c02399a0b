#include "ban_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rd_error error;

static bool parse(const char *bytes, size_t most, struct rd_bans *bans)
{
    struct rd_text text = {.bytes = bytes, .size = strlen(bytes), .name = "bans"};
    *bans = (struct rd_bans){0};
    return rd_ban_file_parse(&text, most, bans, &error);
}

Test(ban_file, identities_come_sorted_and_each_once)
{
    struct rd_bans bans;
    cr_assert(parse("# bad ones\nmallory\n alice smith # spam\n\nmallory\n\"# odd\"\n\xc3\xa4\n", 9,
                    &bans));
    cr_assert_eq(bans.count, 4);
    cr_assert_str_eq(bans.subs[0], "# odd");
    cr_assert_str_eq(bans.subs[1], "alice smith");
    cr_assert_str_eq(bans.subs[2], "mallory");
    cr_assert_str_eq(bans.subs[3], "\xc3\xa4");
    rd_bans_free(&bans);
}

Test(ban_file, an_empty_file_bans_nobody)
{
    struct rd_bans bans;
    cr_assert(parse("", 9, &bans));
    cr_assert_eq(bans.count, 0);
    rd_bans_free(&bans);
}

Test(ban_file, an_identity_as_long_as_a_token_may_carry_and_one_byte_longer)
{
    char text[300];
    struct rd_bans bans;
    memset(text, 'a', sizeof text);
    text[256] = '\0';
    cr_assert(parse(text, 9, &bans));
    rd_bans_free(&bans);
    text[256] = 'a';
    text[257] = '\0';
    cr_assert_not(parse(text, 9, &bans));
    cr_assert_str_eq(error.text, "bans:1: the value is too long: at most 256 bytes");
    cr_assert_null(bans.subs);
}

Test(ban_file, blank_and_broken_identities_are_refused_with_their_line)
{
    struct rd_bans bans;
    cr_assert_not(parse("a\n\" \"\n", 9, &bans));
    cr_assert_str_eq(error.text, "bans:2: an identity has 1 to 256 bytes and is not blank");
    cr_assert_not(parse("a\nb\n\xff\n", 9, &bans));
    cr_assert_eq(strncmp(error.text, "bans:3: must be UTF-8", 21), 0);
    cr_assert_null(bans.subs);
    cr_assert_eq(bans.count, 0);
}

Test(ban_file, as_many_as_the_core_has_room_for_and_not_one_more)
{
    char lines[1024] = "";
    struct rd_bans bans;
    for (int i = 0; i < 70; i++)
        (void)snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "u%d\nu0\n", i);
    cr_assert(parse(lines, 70, &bans), "those that stand twice do not count");
    cr_assert_eq(bans.count, 70);
    rd_bans_free(&bans);
    cr_assert_not(parse(lines, 69, &bans));
    cr_assert_str_eq(error.text, "bans: has 70 identities; at most 69 can be banned");
}

/* What was called, in order: "+a" banned, "-a" unbanned. */
static void note(char *log, char sign, const char *sub)
{
    size_t used = strlen(log);
    (void)snprintf(log + used, 64 - used, "%c%s", sign, sub);
}
static void on_ban(void *context, const char *sub)
{
    note(context, '+', sub);
}
static void on_unban(void *context, const char *sub)
{
    note(context, '-', sub);
}

Test(ban_file, a_reload_bans_the_new_and_unbans_the_gone)
{
    struct rd_bans before, after, none = {0};
    char log[64] = "";
    cr_assert(parse("a\nb\nd\n", 9, &before));
    cr_assert(parse("b\nc\ne\n", 9, &after));
    rd_bans_differences(&before, &after, on_ban, on_unban, log);
    cr_assert_str_eq(log, "-a+c-d+e");
    log[0] = '\0';
    rd_bans_differences(&none, &after, on_ban, on_unban, log);
    rd_bans_differences(&after, &none, on_ban, on_unban, log);
    rd_bans_differences(&after, &after, on_ban, on_unban, log);
    cr_assert_str_eq(log, "+b+c+e-b-c-e");
    rd_bans_free(&before);
    rd_bans_free(&after);
}
