#include "options_desk.h"

#include "help.h"
#include "key_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(options_rules, .init = desk_clear_environment, .fini = desk_remove_files);

static bool notes_say(const struct rd_options *options, const char *part)
{
    for (uint32_t i = 0; i < options->notes.count; i++) {
        if (strstr(options->notes.texts[i], part) != NULL)
            return true;
    }
    return false;
}

static struct desk *well(struct desk *desk)
{
    cr_assert_neq(desk->outcome, RD_OPTIONS_BAD, "%s", desk->error.text);
    return desk;
}

static const char *key_option(const char *kid, char digit)
{
    static char text[4][512];
    static unsigned next;
    char *out = text[next++ % 4];
    (void)snprintf(out, sizeof text[0], "--key=%s:%s", kid, desk_hex(digit));
    return out;
}

/* ---- Trust ----------------------------------------------------------------------------------- */

Test(options_rules, a_refused_url_with_a_password_is_not_repeated)
{
    static const char *const urls[] = {"http://user:hunter2@host:80", "https://host/?key=hunter2",
                                       "https://host/#hunter2", "hunter2@host"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const char *text = desk_refusal("--master-url", urls[i]);
        desk_says(text, "--master-url", "without user");
        cr_expect_null(strstr(text, "hunter2"), "%s", text);
    }
    desk_says(desk_refusal("--master-url", "ftp://host"), "\"ftp://host\"");
}

Test(options_rules, keys_come_from_options_variable_and_file_together_each_once)
{
    char lines[512];
    (void)snprintf(lines, sizeof lines, "a:%s\nc:%s\nrevoke %s # leaked\n", desk_hex('1'),
                   desk_hex('3'), desk_hex('e'));
    setenv("WAVRY_RELAY_MASTER_PUBLIC_KEY", desk_hex('9'), 1);
    struct desk *desk = well(desk_read(key_option("a", '1'), key_option("a", '2'), "--key-file",
                                       desk_file("keys", lines)));
    const struct rd_keys *keys = &desk->options.keys;
    cr_assert_eq(keys->pinned_count, 4, "a:1, a:2, c:3 and the one without a kid");
    cr_assert_eq(keys->revoked_count, 1);
    cr_assert_eq(keys->revoked[0][0], 0xee);
    cr_assert_not(desk->options.core.keys_refreshable);
    desk_free(desk);
}

Test(options_rules, without_a_pinned_key_an_unknown_kid_may_wait_for_the_master)
{
    struct desk *desk = well(desk_read("--gro=on"));
    cr_assert(desk->options.core.keys_refreshable);
    desk_free(desk);
}

Test(options_rules, key_options_of_the_command_line_replace_those_of_the_file)
{
    char lines[512];
    (void)snprintf(lines, sizeof lines, "key = a:%s\nkey = b:%s\n", desk_hex('1'), desk_hex('2'));
    const char *file = desk_file("relay.conf", lines);
    struct desk *desk = well(desk_read("--config", file));
    cr_assert_eq(desk->options.keys.pinned_count, 2);
    desk_free(desk);
    desk = well(desk_read("--config", file, key_option("c", '3')));
    cr_assert_eq(desk->options.keys.pinned_count, 1);
    cr_assert_str_eq(desk->options.keys.pinned[0].kid, "c");
    desk_free(desk);
}

Test(options_rules, the_master_key_takes_hex_and_no_kid)
{
    char text[128];
    (void)snprintf(text, sizeof text, "k:%s", desk_hex('1'));
    desk_says(desk_refusal("--master-public-key", text), "--master-public-key: a value of 66 bytes",
              "64 hexadecimal digits");
    desk_says(desk_refusal("--master-public-key", "abcd"), "a value of 4 bytes");
    struct desk *desk = well(desk_read("--master-public-key", desk_hex('A')));
    cr_assert_str_eq(desk->options.keys.pinned[0].kid, "");
    cr_assert_eq(desk->options.keys.pinned[0].bytes[31], 0xaa);
    desk_free(desk);
}

Test(options_rules, only_one_pinned_key_may_have_no_kid)
{
    desk_says(desk_refusal("--master-public-key", desk_hex('1'), key_option("", '2')), "--key",
              "only one may have none");
    desk_free(well(desk_read("--master-public-key", desk_hex('1'), key_option("", '1'))));
}

Test(options_rules, a_key_that_is_pinned_and_revoked_is_worth_a_note)
{
    char lines[256];
    (void)snprintf(lines, sizeof lines, "a:%s\nrevoke %s\n", desk_hex('1'), desk_hex('1'));
    struct desk *desk = well(desk_read("--standalone", "--key-file", desk_file("keys", lines)));
    cr_assert(notes_say(&desk->options, "\"a\" is revoked as well"));
    desk_free(desk);
}

Test(options_rules, standalone_needs_keys_and_no_master)
{
    desk_says(desk_refusal("--standalone"), "--standalone:", "--key", "--key-file");
    desk_says(desk_refusal("--standalone", key_option("a", '1'), "--master-url=http://a"),
              "--standalone:", "--master-url");
    setenv("WAVRY_MASTER_URL", "http://a", 1);
    desk_says(desk_refusal("--standalone", key_option("a", '1')), "--master-url");
    unsetenv("WAVRY_MASTER_URL");
    struct desk *desk = well(desk_read("--standalone", key_option("a", '1')));
    cr_assert_eq(desk->options.advertise_count, 0);
    cr_assert_not(desk->options.core.keys_refreshable);
    desk_free(desk);
}

Test(options_rules, insecure_development_needs_a_second_word)
{
    desk_says(desk_refusal("--allow-insecure-dev"),
              "--allow-insecure-dev:", "WAVRY_ALLOW_INSECURE_RELAY=1");
    setenv("WAVRY_ALLOW_INSECURE_RELAY", "0", 1);
    desk_says(desk_refusal("--allow-insecure-dev"), "WAVRY_ALLOW_INSECURE_RELAY=1");
    setenv("WAVRY_ALLOW_INSECURE_RELAY", " True ", 1);
    struct desk *desk = well(desk_read("--standalone", "--allow-insecure-dev"));
    cr_assert(desk->options.core.allow_insecure_dev);
    cr_assert(notes_say(&desk->options, "signatures are not checked"));
    desk_free(desk);
}

Test(options_rules, a_token_in_clear_to_another_machine_is_worth_a_note)
{
    struct desk *desk =
        well(desk_read("--master-url=http://192.0.2.9:8080", "--master-auth-token=t0ps3cret"));
    cr_assert(notes_say(&desk->options, "read the token and hand the relay keys"));
    cr_assert_not(notes_say(&desk->options, "t0ps3cret"));
    desk_free(desk);
    desk = well(desk_read("--master-url=http://127.0.0.2:8080", "--master-auth-token=t0ps3cret"));
    cr_assert_not(notes_say(&desk->options, "token"));
    desk_free(desk);
    desk = well(desk_read("--master-url=https://192.0.2.9", "--master-auth-token=t0ps3cret"));
    cr_assert_not(notes_say(&desk->options, "token"));
    desk_free(desk);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

Test(options_rules, the_operations_guides_docker_run_still_starts)
{
    setenv("container", "docker", 1);
    setenv("WAVRY_RELAY_ALLOW_PUBLIC_BIND", "1", 1);
    setenv("WAVRY_MASTER_URL", "https://127.0.0.1", 1);
    setenv("WAVRY_RELAY_MASTER_PUBLIC_KEY", desk_hex('7'), 1);
    setenv("WAVRY_RELAY_MAX_BITRATE", "20000", 1);
    setenv("WAVRY_RELAY_REGION", "us-east-1", 1);
    setenv("WAVRY_RELAY_HEALTH_LISTEN", "0.0.0.0:9091", 1);
    struct desk *desk =
        well(desk_read_bare("--listen", "0.0.0.0:4000", "--health-listen", "0.0.0.0:9091"));
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN);
    cr_assert_str_eq(desk_value(desk, "advertise"), "127.0.0.1:4000", "the way to the master");
    cr_assert(notes_say(&desk->options, "127.0.0.1:4000, which peers on other machines cannot"));
    cr_assert_str_eq(desk->options.region, "us-east-1");
    desk_free(desk);
}

Test(options_rules, a_specific_listen_address_is_announced_unless_another_is_given)
{
    setenv("WAVRY_RELAY_ALLOW_PUBLIC_BIND", "1", 1);
    setenv("WAVRY_RELAY_ALLOW_HOST_PROD_BIND", "1", 1);
    struct desk *desk = well(desk_read_bare("--listen=203.0.113.5:4000"));
    cr_assert_str_eq(desk_value(desk, "advertise"), "203.0.113.5:4000");
    cr_assert_eq(desk->options.notes.count, 0);
    desk_free(desk);
    desk = well(desk_read_bare("--listen=10.0.0.5:4000"));
    cr_assert(notes_say(&desk->options, "10.0.0.5:4000, which peers outside this network cannot"));
    desk_free(desk);
    desk = well(desk_read_bare("--listen=10.0.0.5:4000", "--advertise=198.51.100.1:4001"));
    cr_assert_str_eq(desk_value(desk, "advertise"), "198.51.100.1:4001");
    cr_assert_not(notes_say(&desk->options, "cannot reach"));
    desk_free(desk);
}

Test(options_rules, both_listeners_need_leave_to_be_reachable)
{
    desk_says(desk_refused(desk_read_bare("--health-listen=127.0.0.1:0")), "--listen: 0.0.0.0:4000",
              "WAVRY_RELAY_ALLOW_PUBLIC_BIND=1");
    desk_says(desk_refusal("--health-listen=0.0.0.0:9091"), "--health-listen: 0.0.0.0:9091",
              "WAVRY_RELAY_ALLOW_PUBLIC_BIND=1");
}

/* ---- Process --------------------------------------------------------------------------------- */

Test(options_rules, workers_auto_is_at_least_one_and_at_most_what_there_is_room_for)
{
    struct desk *desk = well(desk_read("--workers=auto"));
    cr_assert(desk->options.workers >= 1 && desk->options.workers <= RD_WORKERS_MAX);
    desk_free(desk);
}

Test(options_rules, a_small_queue_is_raised_and_said)
{
    struct desk *desk = well(desk_read("--packet-queue-capacity=63"));
    cr_assert_eq(desk->options.packet_queue_capacity, 64);
    cr_assert(notes_say(&desk->options, "63 is raised to 64"));
    desk_free(desk);
}

Test(options_rules, root_needs_a_user_that_exists)
{
    if (geteuid() == 0)
        desk_says(desk_refusal("--user=no-such-user-here"), "--user: \"no-such-user-here\"");
    else
        desk_free(well(desk_read("--user=no-such-user-here")));
}

/* ---- Files ----------------------------------------------------------------------------------- */

Test(options_rules, mistakes_in_lists_are_named_by_file_and_line)
{
    desk_says(desk_refusal("--key-file", desk_file("keys", "# keys\nnonsense\n")),
              "keys:2: ", "KID:HEX");
    desk_says(desk_refusal("--ban-file", desk_file("bans", "alice\n\"\"\n")), "bans:2: ");
    desk_says(desk_refusal("--key-file=/nowhere"), "--key-file: /nowhere: cannot be opened");
    desk_says(desk_refusal("--ban-file=/nowhere"), "--ban-file: /nowhere: cannot be opened");
}

Test(options_rules, files_that_everybody_may_write_are_not_believed)
{
    const char *keys = desk_file("keys", "");
    const char *config = desk_file("relay.conf", "asn = 1\n");
    cr_assert_eq(chmod(keys, 0666), 0);
    const char *bans = desk_file("bans", "alice\n");
    cr_assert_eq(chmod(config, 0602), 0);
    cr_assert_eq(chmod(bans, 0646), 0);
    desk_says(desk_refusal("--key-file", keys), "keys: everybody may write to it (mode 0666)");
    desk_says(desk_refusal("--ban-file", bans), "bans: everybody may write to it (mode 0646)");
    desk_says(desk_refusal("--config", config), "relay.conf: everybody may write to it");
    cr_assert_eq(chmod(keys, 0644), 0);
    cr_assert_eq(chmod(config, 0660), 0);
    desk_free(well(desk_read("--key-file", keys, "--config", config)));
}

Test(options_rules, a_token_that_everybody_may_read_is_worth_a_note)
{
    const char *config = desk_file("relay.conf", "master-auth-token = abc\n");
    struct desk *desk = well(desk_read("--config", config));
    cr_assert_not(notes_say(&desk->options, "everybody may read it"));
    cr_assert_str_eq(desk->options.master_auth_token, "abc");
    desk_free(desk);
    cr_assert_eq(chmod(config, 0644), 0);
    desk = well(desk_read("--config", config));
    cr_assert(notes_say(&desk->options, "everybody may read it"));
    desk_free(desk);
}

/* ---- What it prints -------------------------------------------------------------------------- */

static char *printed(void (*print)(FILE *out, const struct rd_options *options),
                     const struct rd_options *options)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    cr_assert_not_null(out);
    print(out, options);
    cr_assert_eq(fclose(out), 0);
    return text;
}

static void print_help(FILE *out, const struct rd_options *options)
{
    (void)options;
    rd_print_help(out);
}

Test(options_rules, help_names_every_option_and_variable_within_100_columns)
{
    char *help = printed(print_help, NULL), dashed[80];
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        (void)snprintf(dashed, sizeof dashed, "--%s%s", option->name,
                       option->argument != NULL ? " " : "");
        cr_assert_not_null(strstr(help, dashed), "%s", option->name);
        (void)snprintf(dashed, sizeof dashed, "[env: %s]",
                       option->variable != NULL ? option->variable : "WAVRY_MASTER_URL");
        cr_assert_not_null(strstr(help, dashed), "%s", dashed);
    }
    for (char *line = strtok(help, "\n"); line != NULL; line = strtok(NULL, "\n"))
        cr_assert_leq(strlen(line), 100, "%s", line);
    free(help);
}

Test(options_rules, help_and_version_end_the_reading_at_once)
{
    static const char *const words[] = {"--help", "-h", "--version", "-V"};
    for (size_t i = 0; i < 4; i++) {
        struct desk *desk = desk_read("--asn=junk", words[i], "--unknown");
        cr_assert_eq(desk->outcome, RD_OPTIONS_DONE, "%s", words[i]);
        desk_free(desk);
    }
}

Test(options_rules, the_checked_configuration_is_a_file_that_says_the_same_without_secrets)
{
    char lines[256];
    (void)snprintf(lines, sizeof lines, "a:%s\n", desk_hex('1'));
    const char *keys = desk_file("keys", lines);
    struct desk *first = well(desk_read(
        "--check-config", "--master-auth-token=t0ps3cret", "--region=a \"b\" \\ # c", "--dscp=46",
        "--advertise=203.0.113.5", "--advertise=203.0.113.6:1", "--key-file", keys,
        "--max-bandwidth-kbps=48", "--log-level=trace", "--bare-rift=off", "--role-policy=strict"));
    cr_assert_eq(first->outcome, RD_OPTIONS_CHECK);
    char *text = printed(rd_print_options, &first->options);
    cr_assert_null(strstr(text, "t0ps3cret"));
    cr_assert_null(strstr(text, desk_hex('1')));
    cr_assert_not_null(strstr(text, "# keys: 1 pinned, 0 revoked"));
    cr_assert_not_null(strstr(text, "dscp = 46  # command line"));
    struct desk *second = well(desk_read_bare("--config", desk_file("relay.conf", text)));
    struct rd_option_change changes[8];
    size_t count = rd_options_compare(&first->options, &second->options, changes, 8);
    cr_assert_eq(count, 1, "%s", count > 0 ? changes[0].name : "");
    cr_assert_str_eq(changes[0].name, "master-auth-token");
    desk_free(first);
    desk_free(second);
    free(text);
}
