#include "identity.h"

#include "options_desk.h"

#include <criterion/criterion.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(identity, .fini = desk_remove_files);

static struct rd_error error;
static char id[WR_RELAY_ID_BYTES_MAX + 1];

static struct rd_options keeping(const char *folder)
{
    struct rd_options options = {.user = "nobody"};
    (void)snprintf(options.state_dir, sizeof options.state_dir, "%s/%s", desk_directory(), folder);
    return options;
}

static const char *file_of(const struct rd_options *options)
{
    static char path[RD_TEXT_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/relay-id", options->state_dir);
    return path;
}

static bool is_random_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36 && text[8] == '-' &&
           text[13] == '-' && text[14] == '4' && text[18] == '-' &&
           strchr("89ab", text[19]) != NULL && text[23] == '-';
}

Test(identity, one_that_is_given_is_used_and_not_kept)
{
    struct rd_options options = keeping("state");
    (void)snprintf(options.relay_id, sizeof options.relay_id, "given");
    cr_assert(rd_identity_load(&options, id, &error));
    cr_assert_str_eq(id, "given");
    cr_assert_neq(access(options.state_dir, F_OK), 0);
}

Test(identity, without_a_directory_each_start_has_a_new_uuid)
{
    struct rd_options options = {.user = "nobody"};
    char first[sizeof id];
    cr_assert(rd_identity_load(&options, first, &error));
    cr_assert(rd_identity_load(&options, id, &error));
    cr_assert(is_random_uuid(first) && is_random_uuid(id));
    cr_assert_str_neq(first, id);
}

Test(identity, with_a_directory_it_is_made_once_and_the_same_from_then_on)
{
    struct rd_options options = keeping("state");
    char first[sizeof id];
    struct stat status;
    cr_assert(rd_identity_load(&options, first, &error), "%s", error.text);
    cr_assert(is_random_uuid(first));
    cr_assert_eq(stat(options.state_dir, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0700);
    cr_assert_eq(stat(file_of(&options), &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    cr_assert_eq(status.st_size, 37);
    for (int i = 0; i < 3; i++) {
        cr_assert(rd_identity_load(&options, id, &error), "%s", error.text);
        cr_assert_str_eq(id, first);
    }
}

Test(identity, what_root_makes_belongs_to_the_user_that_the_relay_becomes)
{
    struct rd_options options = keeping("state");
    const struct passwd *nobody = getpwnam("nobody");
    uid_t owner = geteuid() == 0 && nobody != NULL ? nobody->pw_uid : geteuid();
    struct stat status;
    cr_assert(rd_identity_load(&options, id, &error), "%s", error.text);
    cr_assert_eq(stat(options.state_dir, &status), 0);
    cr_assert_eq(status.st_uid, owner);
    cr_assert_eq(stat(file_of(&options), &status), 0);
    cr_assert_eq(status.st_uid, owner);
}

Test(identity, a_directory_that_was_there_keeps_its_owner_and_mode)
{
    struct rd_options options = keeping(".");
    struct stat status;
    cr_assert_eq(chmod(desk_directory(), 0750), 0);
    cr_assert(rd_identity_load(&options, id, &error), "%s", error.text);
    cr_assert_eq(stat(desk_directory(), &status), 0);
    cr_assert_eq(status.st_uid, geteuid());
    cr_assert_eq(status.st_mode & 07777, 0750);
}

Test(identity, what_a_crash_left_behind_is_replaced)
{
    struct rd_options options = keeping(".");
    (void)desk_file(".relay-id.new", "half of an i");
    cr_assert(rd_identity_load(&options, id, &error), "%s", error.text);
    cr_assert(is_random_uuid(id));
    char left[300];
    (void)snprintf(left, sizeof left, "%s/.relay-id.new", desk_directory());
    cr_assert_neq(access(left, F_OK), 0);
}

Test(identity, any_id_that_somebody_put_there_is_used)
{
    struct rd_options options = keeping(".");
    char longest[WR_RELAY_ID_BYTES_MAX + 2];
    (void)desk_file("relay-id", "relay-7\r\n");
    cr_assert(rd_identity_load(&options, id, &error), "%s", error.text);
    cr_assert_str_eq(id, "relay-7");
    memset(longest, 'r', sizeof longest);
    longest[WR_RELAY_ID_BYTES_MAX] = '\0';
    (void)desk_file("relay-id", longest);
    cr_assert(rd_identity_load(&options, id, &error), "%s", error.text);
    cr_assert_str_eq(id, longest);
}

Test(identity, nonsense_is_an_error_and_stays_as_it_is)
{
    char too_long[WR_RELAY_ID_BYTES_MAX + 2];
    memset(too_long, 'r', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    const char *const bad[] = {"",       "\n",       "two words\n", "two\nlines\n",
                               "\x01\n", "\xc3\xa4", too_long};
    struct rd_options options = keeping(".");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char now[300] = "";
        (void)desk_file("relay-id", bad[i]);
        cr_assert_not(rd_identity_load(&options, id, &error), "%zu", i);
        desk_says(error.text, "relay-id: holds no relay id");
        FILE *file = fopen(file_of(&options), "r");
        cr_assert_not_null(file);
        size_t bytes = fread(now, 1, sizeof now - 1, file);
        (void)fclose(file);
        cr_assert(bytes == strlen(bad[i]) && strcmp(now, bad[i]) == 0);
    }
}

Test(identity, a_place_where_nothing_can_be_kept)
{
    struct rd_options options = keeping("missing/state");
    cr_assert_not(rd_identity_load(&options, id, &error));
    desk_says(error.text, "--state-dir:", "missing/state cannot be made: No such file");
    options = keeping("file");
    (void)desk_file("file", "");
    cr_assert_not(rd_identity_load(&options, id, &error));
    desk_says(error.text, "--state-dir:", "/file cannot be opened: Not a directory");
}

/* ---- Looking, and changing nothing -------------------------------------------------------------
 */

/* As the user that may do nothing here; desk_remove_files wants the rights back. */
static void as_nobody(void (*check)(const struct rd_options *options),
                      const struct rd_options *options)
{
    bool root = geteuid() == 0;
    cr_assert(!root || seteuid(65534) == 0);
    check(options);
    cr_assert(!root || seteuid(0) == 0);
}

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

Test(identity, a_check_makes_nothing)
{
    struct rd_options options = keeping("state");
    cr_assert(rd_identity_check(&options, id, &error), "%s", error.text);
    cr_assert_str_empty(id);
    cr_assert_not(is_there(options.state_dir));
    options = keeping(".");
    cr_assert(rd_identity_check(&options, id, &error), "%s", error.text);
    cr_assert_str_empty(id);
    cr_assert_not(is_there(file_of(&options)));
    options = keeping("state/");
    cr_assert(rd_identity_check(&options, id, &error), "%s", error.text);
    options.state_dir[0] = '\0';
    cr_assert(rd_identity_check(&options, id, &error), "%s", error.text);
    cr_assert_str_empty(id);
}

Test(identity, a_check_finds_what_a_start_would_use)
{
    struct rd_options options = keeping("state");
    char made[sizeof id];
    cr_assert(rd_identity_load(&options, made, &error), "%s", error.text);
    cr_assert(rd_identity_check(&options, id, &error), "%s", error.text);
    cr_assert_str_eq(id, made);
    (void)snprintf(options.relay_id, sizeof options.relay_id, "given");
    cr_assert(rd_identity_check(&options, id, &error), "%s", error.text);
    cr_assert_str_eq(id, "given");
}

Test(identity, a_check_fails_where_a_start_would)
{
    struct rd_options options = keeping("missing/state");
    cr_assert_not(rd_identity_check(&options, id, &error));
    desk_says(error.text, "--state-dir:", "missing/state is not there", "/missing: No such file",
              "expected");
    (void)desk_file("file", "");
    options = keeping("file");
    cr_assert_not(rd_identity_check(&options, id, &error));
    desk_says(error.text, "--state-dir:", "/file cannot be opened: Not a directory", "expected");
    options = keeping("file/state");
    cr_assert_not(rd_identity_check(&options, id, &error));
    desk_says(error.text, "--state-dir:", "/file", "Not a directory", "expected");
    options = keeping("link");
    cr_assert_eq(symlink("nowhere", options.state_dir), 0);
    cr_assert_not(rd_identity_check(&options, id, &error));
    desk_says(error.text, "--state-dir:", "/link cannot be opened: No such file", "expected");
    cr_assert_eq(unlink(options.state_dir), 0);
    options = keeping(".");
    (void)desk_file("relay-id", "two words\n");
    cr_assert_not(rd_identity_check(&options, id, &error));
    desk_says(error.text, "relay-id: holds no relay id");
}

static void may_not_make_it(const struct rd_options *options)
{
    cr_assert_not(rd_identity_check(options, id, &error));
    desk_says(error.text, "--state-dir:", "state is not there and cannot be made in",
              "Permission denied", "expected");
    cr_assert_not(rd_identity_load(options, id, &error));
}

static void may_not_write(const struct rd_options *options)
{
    cr_assert_not(rd_identity_check(options, id, &error));
    desk_says(error.text, "--state-dir: nothing can be written in", "Permission denied",
              "expected");
    cr_assert_not(rd_identity_load(options, id, &error));
}

static void may_read(const struct rd_options *options)
{
    cr_assert(rd_identity_check(options, id, &error), "%s", error.text);
    cr_assert_str_eq(id, "relay-7");
    cr_assert(rd_identity_load(options, id, &error), "%s", error.text);
}

static void may_not_read(const struct rd_options *options)
{
    cr_assert_not(rd_identity_check(options, id, &error));
    desk_says(error.text, "relay-id", "Permission denied");
    cr_assert_not(rd_identity_load(options, id, &error));
}

Test(identity, a_check_knows_what_its_user_may_do)
{
    struct rd_options inside = keeping("state"), here = keeping(".");
    cr_assert_eq(chmod(desk_directory(), 0555), 0);
    as_nobody(may_not_make_it, &inside);
    as_nobody(may_not_write, &here);
    cr_assert_eq(chmod(desk_directory(), 0755), 0);
    (void)desk_file("relay-id", "relay-7\n");
    cr_assert_eq(chmod(file_of(&here), 0444), 0);
    cr_assert_eq(chmod(desk_directory(), 0555), 0);
    as_nobody(may_read, &here);
    cr_assert_eq(chmod(file_of(&here), 0000), 0);
    as_nobody(may_not_read, &here);
    cr_assert_eq(chmod(desk_directory(), 0755), 0);
}
