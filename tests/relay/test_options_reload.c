#include "options_desk.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(options_reload, .init = desk_clear_environment, .fini = desk_remove_files);

#define CHANGES 64

/* Reads the same command line once more, as SIGHUP does. */
static size_t reread(struct desk *desk, struct rd_options *after, struct rd_option_change *changes)
{
    cr_assert(rd_options_read_again(after, desk->argc, desk->argv, &desk->error), "%s",
              desk->error.text);
    return rd_options_compare(&desk->options, after, changes, CHANGES);
}

static struct desk *start(const char *lines)
{
    struct desk *desk = desk_read("--config", desk_file("relay.conf", lines));
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s", desk->error.text);
    return desk;
}

Test(options_reload, nothing_changed)
{
    struct desk *desk = start("asn = 1\n");
    struct rd_option_change changes[CHANGES];
    struct rd_options after;
    cr_assert_eq(reread(desk, &after, changes), 0);
    rd_options_free(&after);
    desk_free(desk);
}

/* Every setting with two values and whether a running relay can take over the second. */
static const struct {
    const char *name;
    const char *from;
    const char *to;
    bool live;
} rows[] = {
    {"advertise", "203.0.113.1:1", "203.0.113.2:1", false},
    {"health-listen", "127.0.0.1:1", "127.0.0.1:2", false},
    {"dscp", "off", "0", false},
    {"gro", "on", "off", false},
    {"gso", "on", "off", false},
    {"master-url", "\"http://a\"", "\"http://b\"", false},
    {"relay-id", "a", "b", false},
    {"state-dir", "/a", "/b", false},
    {"region", "a", "b", false},
    {"asn", "1", "2", false},
    {"max-bitrate-kbps", "10000", "10001", false},
    {"role-policy", "signed", "strict", true},
    {"max-sessions", "100", "99", true},
    {"max-sessions", "100", "101", false},
    {"load-shed-threshold-pct", "95", "94", true},
    {"ip-rate-limit-pps", "1000", "2000", true},
    {"identity-rate-limit-pps", "200", "100", true},
    {"peer-rate-limit-pps", "20000", "0", true},
    {"max-bandwidth-kbps", "0", "48", true},
    {"verify-rate", "auto", "100", true},
    {"packet-queue-capacity", "64", "65", false},
    {"idle-timeout", "60", "61", true},
    {"peer-wait-secs", "60", "61", true},
    {"lease-duration-secs", "0", "300", true},
    {"max-clock-skew-secs", "30", "29", true},
    {"drain-timeout-secs", "30", "0", true},
    {"passive-rebind", "same-ip", "any", true},
    {"bare-rift", "on", "off", true},
    {"workers", "1", "2", false},
    {"user", "root", "nobody", false},
    {"seccomp", "on", "off", false},
    {"log-level", "info", "trace", true},
    {"log-format", "text", "json", false},
    {"stats-log-interval-secs", "30", "0", true},
    {"allow-insecure-dev", "false", "true", false},
};

static const char *unquoted(const char *text)
{
    static char out[2][64];
    static unsigned next;
    char *to = out[next++ % 2];
    size_t bytes = strlen(text);
    bool quoted = text[0] == '"';
    (void)snprintf(to, 64, "%.*s", (int)(bytes - 2 * (size_t)quoted), text + quoted);
    return to;
}

Test(options_reload, every_change_is_said_with_what_a_running_relay_can_do_about_it)
{
    setenv("WAVRY_ALLOW_INSECURE_RELAY", "1", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[128];
        struct rd_option_change changes[CHANGES];
        struct rd_options after;
        (void)snprintf(line, sizeof line, "%s = %s\n", rows[i].name, rows[i].from);
        struct desk *desk = start(line);
        (void)snprintf(line, sizeof line, "%s = %s\n", rows[i].name, rows[i].to);
        (void)desk_file("relay.conf", line);
        cr_assert_eq(reread(desk, &after, changes), 1, "%s", rows[i].name);
        cr_assert_str_eq(changes[0].name, rows[i].name);
        cr_assert_str_eq(changes[0].from, unquoted(rows[i].from));
        cr_assert_str_eq(changes[0].to, unquoted(rows[i].to));
        cr_assert_eq(changes[0].live, rows[i].live, "%s", rows[i].name);
        rd_options_take_live(&desk->options, &after);
        cr_assert_str_eq(desk_value(desk, rows[i].name),
                         unquoted(rows[i].live ? rows[i].to : rows[i].from), "%s", rows[i].name);
        cr_assert_eq(rd_options_compare(&desk->options, &after, changes, CHANGES), !rows[i].live);
        rd_options_free(&after);
        desk_free(desk);
    }
}

Test(options_reload, sessions_lowered_can_be_raised_again_to_what_the_relay_started_with)
{
    struct rd_option_change changes[CHANGES];
    struct rd_options after;
    struct desk *desk = start("max-sessions = 100\n");
    static const struct {
        const char *line;
        bool live;
    } steps[] = {{"max-sessions = 50\n", true},
                 {"max-sessions = 101\n", false},
                 {"max-sessions = 100\n", true}};
    for (size_t i = 0; i < 3; i++) {
        (void)desk_file("relay.conf", steps[i].line);
        cr_assert_eq(reread(desk, &after, changes), 1);
        cr_assert_eq(changes[0].live, steps[i].live, "%s", steps[i].line);
        rd_options_take_live(&desk->options, &after);
        rd_options_free(&after);
    }
    cr_assert_eq(desk->options.core.max_sessions, 100);
    desk_free(desk);
}

Test(options_reload, keys_and_bans_are_counted_and_taken_over)
{
    char lines[512], config[512];
    (void)snprintf(lines, sizeof lines, "a:%s\n", desk_hex('1'));
    const char *keys = desk_file("keys", lines), *bans = desk_file("bans", "alice\n");
    (void)snprintf(config, sizeof config, "key-file = %s\nban-file = %s\n", keys, bans);
    struct desk *desk = start(config);
    (void)snprintf(lines, sizeof lines, "a:%s\nb:%s\nrevoke %s\n", desk_hex('1'), desk_hex('2'),
                   desk_hex('3'));
    (void)desk_file("keys", lines);
    (void)desk_file("bans", "alice\nbob\n");

    struct rd_option_change changes[CHANGES];
    struct rd_options after;
    cr_assert_eq(reread(desk, &after, changes), 3);
    cr_assert_str_eq(changes[0].name, "pinned keys");
    cr_assert_str_eq(changes[0].from, "1 keys");
    cr_assert_str_eq(changes[0].to, "2 keys");
    cr_assert_str_eq(changes[1].name, "revoked keys");
    cr_assert_str_eq(changes[2].name, "banned identities");
    cr_assert(changes[0].live && changes[1].live && changes[2].live);
    rd_options_take_live(&desk->options, &after);
    cr_assert_eq(desk->options.keys.pinned_count, 2);
    cr_assert_eq(desk->options.keys.revoked_count, 1);
    cr_assert_eq(desk->options.bans.count, 2);
    rd_options_free(&after);
    desk_free(desk);
}

Test(options_reload, one_key_for_another_is_a_change_too)
{
    char lines[128];
    (void)snprintf(lines, sizeof lines, "a:%s\n", desk_hex('1'));
    struct desk *desk = desk_read("--key-file", desk_file("keys", lines));
    (void)snprintf(lines, sizeof lines, "a:%s\n", desk_hex('2'));
    (void)desk_file("keys", lines);
    struct rd_option_change changes[CHANGES];
    struct rd_options after;
    cr_assert_eq(reread(desk, &after, changes), 1);
    cr_assert_str_eq(changes[0].name, "pinned keys");
    rd_options_free(&after);
    desk_free(desk);
}

Test(options_reload, a_revocation_is_taken_back_by_a_restart_only)
{
    char lines[128];
    (void)snprintf(lines, sizeof lines, "revoke %s\n", desk_hex('1'));
    struct desk *desk = desk_read("--key-file", desk_file("keys", lines));
    struct rd_option_change changes[CHANGES];
    struct rd_options after;
    (void)snprintf(lines, sizeof lines, "revoke %s\n", desk_hex('2'));
    (void)desk_file("keys", lines);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(reread(desk, &after, changes), 1);
        cr_assert_str_eq(changes[0].name, "revoked keys");
        cr_assert_not(changes[0].live);
        rd_options_take_live(&desk->options, &after);
        cr_assert_eq(desk->options.keys.revoked_count, 2, "the old one and the new one");
        rd_options_free(&after);
    }
    desk_free(desk);
}

Test(options_reload, a_secret_that_changed_is_not_shown)
{
    struct rd_option_change changes[CHANGES];
    struct rd_options after;
    struct desk *desk = start("master-auth-token = t0ps3cret\n");
    (void)desk_file("relay.conf", "master-auth-token = 0thers3cret\n");
    cr_assert_eq(reread(desk, &after, changes), 1);
    cr_assert_str_eq(changes[0].from, "(hidden)");
    cr_assert_str_eq(changes[0].to, "(hidden)");
    cr_assert_not(changes[0].live);
    rd_options_free(&after);
    desk_free(desk);
}

Test(options_reload, addresses_that_the_relay_found_itself_are_no_change)
{
    setenv("WAVRY_RELAY_ALLOW_PUBLIC_BIND", "1", 1);
    setenv("WAVRY_RELAY_ALLOW_HOST_PROD_BIND", "1", 1);
    struct desk *desk = desk_read_bare("--master-url=http://127.0.0.1:1", "--listen=0.0.0.0:0");
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s", desk->error.text);
    cr_assert_eq(desk->options.advertise_count, 1);
    struct rd_option_change changes[CHANGES];
    struct rd_options after;
    cr_assert_eq(reread(desk, &after, changes), 0);
    rd_options_free(&after);
    desk_free(desk);
}

Test(options_reload, a_file_that_became_wrong_leaves_everything_as_it_was)
{
    struct rd_options after;
    struct desk *desk = start("asn = 1\n");
    (void)desk_file("relay.conf", "asn = one\n");
    cr_assert_not(rd_options_read_again(&after, desk->argc, desk->argv, &desk->error));
    desk_says(desk->error.text, "relay.conf:1: asn:");
    cr_assert_null(after.keys.revoked);
    cr_assert_null(after.bans.subs);
    cr_assert_eq(desk->options.asn, 1);
    desk_free(desk);
}

Test(options_reload, no_more_changes_are_written_than_there_is_room_for)
{
    struct rd_option_change changes[2] = {0};
    struct rd_options after;
    struct desk *desk = start("asn = 1\nregion = a\n");
    (void)desk_file("relay.conf", "asn = 2\nregion = b\n");
    cr_assert(rd_options_read_again(&after, desk->argc, desk->argv, &desk->error));
    cr_assert_eq(rd_options_compare(&desk->options, &after, changes, 1), 1);
    cr_assert_null(changes[1].name);
    rd_options_free(&after);
    desk_free(desk);
}
