#include "key_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ONES   "1111111111111111111111111111111111111111111111111111111111111111"
#define TWOS   "2222222222222222222222222222222222222222222222222222222222222222"
#define THREES "3333333333333333333333333333333333333333333333333333333333333333"

static struct rd_error error;

static bool parse(const char *bytes, struct rd_keys *keys)
{
    struct rd_text text = {.bytes = bytes, .size = strlen(bytes), .name = "keys"};
    memset(keys, 0, sizeof *keys);
    return rd_key_file_parse(&text, keys, &error);
}

Test(key_file, all_forms_of_a_line)
{
    struct rd_keys keys;
    cr_assert(parse(
        "# ours\nk1:" ONES "\nurn:kid:" TWOS " # words\n" THREES "\nrevoke \t" ONES "\n", &keys));
    cr_assert_eq(keys.pinned_count, 3);
    cr_assert_str_eq(keys.pinned[0].kid, "k1");
    cr_assert_str_eq(keys.pinned[1].kid, "urn:kid", "split at the last colon");
    cr_assert_str_eq(keys.pinned[2].kid, "");
    cr_assert_eq(keys.pinned[2].bytes[0], 0x33);
    cr_assert_eq(keys.revoked_count, 1);
    cr_assert(rd_keys_revoked(&keys, keys.pinned[0].bytes));
    cr_assert_not(rd_keys_revoked(&keys, keys.pinned[1].bytes));
    rd_keys_free(&keys);
}

Test(key_file, a_colon_alone_means_no_kid)
{
    struct rd_keys keys;
    cr_assert(parse(":" ONES "\n" ONES "\n", &keys));
    cr_assert_eq(keys.pinned_count, 1, "the same one twice");
    cr_assert_not(parse(":" ONES "\n" TWOS "\n", &keys));
    cr_assert_str_eq(error.text, "keys:2: another key without a kid is pinned already: only one "
                                 "may have none");
}

Test(key_file, the_same_kid_with_other_bytes_keeps_both_and_twice_the_same_is_one)
{
    struct rd_keys keys;
    cr_assert(parse("k:" ONES "\nk:" TWOS "\nk:" ONES "\nrevoke " ONES "\nrevoke " ONES, &keys));
    cr_assert_eq(keys.pinned_count, 2);
    cr_assert_eq(keys.revoked_count, 1);
    rd_keys_free(&keys);
}

Test(key_file, mistakes_say_the_line_and_the_forms_and_never_the_key)
{
    static const char *const bad[] = {
        "k:" ONES "1",  "k", "k:", "revoke", "revoke k:" ONES, "revoke 12", "k:" ONES " " TWOS,
        "revoked " ONES};
    struct rd_keys keys;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char lines[256];
        (void)snprintf(lines, sizeof lines, "# one\n%s\n", bad[i]);
        cr_assert_not(parse(lines, &keys), "%s", bad[i]);
        cr_assert_eq(strncmp(error.text, "keys:2: expected ", 17), 0, "%s", error.text);
        cr_assert_null(strstr(error.text, "1111"));
    }
}

Test(key_file, eight_keys_and_not_nine)
{
    char lines[1024] = "";
    struct rd_keys keys;
    for (int i = 0; i < 8; i++)
        (void)snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "k%d:" ONES "\n", i);
    cr_assert(parse(lines, &keys));
    cr_assert_eq(keys.pinned_count, WR_KEYS_MAX);
    strcat(lines, "k8:" ONES "\n");
    cr_assert_not(parse(lines, &keys));
    cr_assert_str_eq(error.text, "keys:9: 8 keys are pinned already: there is room for no more");
}

Test(key_file, as_many_revoked_keys_as_the_core_remembers_and_not_one_more)
{
    static char lines[RD_KEYS_REVOKED_MAX * 80];
    struct rd_keys keys;
    size_t used = 0;
    for (int i = 0; i < RD_KEYS_REVOKED_MAX; i++)
        used += (size_t)snprintf(lines + used, sizeof lines - used, "revoke %064x\n", i);
    cr_assert(parse(lines, &keys));
    cr_assert_eq(keys.revoked_count, RD_KEYS_REVOKED_MAX);
    rd_keys_free(&keys);
    (void)snprintf(lines + used, sizeof lines - used, "revoke " ONES "\n");
    cr_assert_not(parse(lines, &keys));
    cr_assert_not_null(strstr(error.text, "keys:257: 256 keys are revoked already"));
    rd_keys_free(&keys);
}

Test(key_file, a_kid_as_long_as_allowed_and_one_byte_longer)
{
    char text[400];
    struct rd_key key;
    memset(text, 'k', WR_KID_BYTES_MAX);
    strcpy(text + WR_KID_BYTES_MAX, ":" ONES);
    cr_assert(rd_key_parse(text, &key));
    cr_assert_eq(strlen(key.kid), WR_KID_BYTES_MAX);
    memset(text, 'k', WR_KID_BYTES_MAX + 1);
    strcpy(text + WR_KID_BYTES_MAX + 1, ":" ONES);
    cr_assert_not(rd_key_parse(text, &key));
}
