#include "options_desk.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(options, .init = desk_clear_environment, .fini = desk_remove_files);

/* Section 10, written down once more: names, variables, defaults, and per option values at and one
 * beyond each bound. "GIVEN => SHOWN" where a value is shown otherwise than it was given. */
struct row {
    const char *name;
    const char *variable;
    const char *initial;
    const char *good[8];
    const char *bad[8];
};

#define TWO_24_AND_1 "16777217"
#define TWO_32       "4294967296"
#define LONG_SECS    "31622400"
#define LONG_SECS_1  "31622401"
#define RATE         "1000000000"
#define RATE_1       "1000000001"

static const struct row rows[] = {
    {"listen",
     "WAVRY_RELAY_LISTEN",
     "0.0.0.0:4000",
     {"127.0.0.1:1", "127.9.9.9:65535", "[::1]:4000", "[::ffff:127.0.0.1]:5 => 127.0.0.1:5"},
     {"127.0.0.1", "127.0.0.1:65536", "localhost:4000", ":4000", "4000", "[::1]", "::1:4000"}},
    {"health-listen",
     "WAVRY_RELAY_HEALTH_LISTEN",
     "127.0.0.1:9091",
     {"127.0.0.1:0", "[::1]:80"},
     {"9091", "localhost:9091"}},
    {"advertise",
     NULL,
     "127.0.0.1:0",
     {"203.0.113.5:4000", "203.0.113.5 => 203.0.113.5:0", "[2001:db8::5]:1"},
     {"0.0.0.0:4000", "[::]:4000", "224.0.0.1:4000", "255.255.255.255:1", "host:1", "[ff02::1]:9"}},
    {"dscp", NULL, "off", {"0", "63", "OFF => off"}, {"64", "-1", "ef"}},
    {"gro", NULL, "on", {"on", "off", "true => on", "0 => off"}, {"maybe", "2", ""}},
    {"gso", NULL, "on", {"on", "off", "true => on", "0 => off"}, {"maybe", "2", ""}},
    {"master-url",
     "WAVRY_MASTER_URL",
     "http://localhost:8080",
     {"https://master.wavry.dev", "http://127.0.0.1:1/ => http://127.0.0.1:1",
      "HTTPS://a.b/c// => HTTPS://a.b/c", "http://[::1]:8080"},
     {"ftp://a", "master.wavry.dev", "http://", "http://u:p@a", "http://a/?q", "http://a/#f",
      "http://a b", "file:///etc/passwd"}},
    {"master-auth-token",
     "WAVRY_RELAY_MASTER_TOKEN",
     "",
     {"abc => (hidden)"},
     {"a b", "a\nb", "\xc3\xa4"}},
    {"standalone", NULL, "false", {"false"}, {"maybe", "2"}},
    {"relay-id", NULL, "", {"r", "550e8400-e29b-41d4-a716-446655440000"}, {"a b", "\xc3\xa4"}},
    {"state-dir", NULL, "", {"/var/lib/wavry-relay"}, {"a\nb", "\xff"}},
    {"region", "WAVRY_RELAY_REGION", "", {"us-east-1", "\xc3\xa4"}, {"a\tb", "\xc3"}},
    {"asn", "WAVRY_RELAY_ASN", "0", {"0", "4294967295"}, {TWO_32, "AS15169"}},
    {"max-bitrate-kbps",
     "WAVRY_RELAY_MAX_BITRATE",
     "20000",
     {"10000", "4294967295"},
     {"9999", TWO_32}},
    {"key-file", NULL, "", {""}, {"\xff"}},
    {"ban-file", NULL, "", {""}, {"\xff"}},
    {"allow-insecure-dev",
     "WAVRY_RELAY_ALLOW_INSECURE_DEV",
     "false",
     {"true", "1 => true", "YES => true", "off => false", "0 => false"},
     {"maybe", "2"}},
    {"role-policy", NULL, "signed", {"signed", "strict"}, {"sign", ""}},
    {"max-sessions", NULL, "100", {"1", "16777216"}, {"0", TWO_24_AND_1}},
    {"load-shed-threshold-pct", NULL, "95", {"1", "100"}, {"0", "101"}},
    {"ip-rate-limit-pps",
     "WAVRY_RELAY_IP_RATE_LIMIT_PPS",
     "1000",
     {"1", RATE},
     {"0", RATE_1, "-1", "1.5", "ten", "", "1 "}},
    {"identity-rate-limit-pps",
     "WAVRY_RELAY_IDENTITY_RATE_LIMIT_PPS",
     "200",
     {"1", RATE},
     {"0", RATE_1, "99999999999999999999"}},
    {"peer-rate-limit-pps", NULL, "20000", {"0", RATE}, {RATE_1}},
    {"max-bandwidth-kbps", NULL, "0", {"0", "48", "4294967295"}, {"47", "1", TWO_32}},
    {"verify-rate", NULL, "auto", {"1", RATE, "auto"}, {"0", RATE_1}},
    {"packet-queue-capacity",
     "WAVRY_RELAY_PACKET_QUEUE_CAPACITY",
     "2048",
     {"1 => 64", "64", "1048576"},
     {"0", "1048577"}},
    {"idle-timeout", NULL, "60", {"1", LONG_SECS}, {"0", LONG_SECS_1}},
    {"peer-wait-secs", NULL, "60", {"1", LONG_SECS}, {"0", LONG_SECS_1}},
    {"lease-duration-secs", NULL, "0", {"0", "300", LONG_SECS}, {LONG_SECS_1}},
    {"max-clock-skew-secs", NULL, "30", {"0", "3600"}, {"3601"}},
    {"drain-timeout-secs", NULL, "30", {"0", LONG_SECS}, {LONG_SECS_1}},
    {"cleanup-interval-secs", NULL, "", {"10 => ", "0 => "}, {"-1", TWO_32}},
    {"passive-rebind", NULL, "same-ip", {"off", "same-ip", "any"}, {"on"}},
    {"bare-rift", NULL, "on", {"on", "off", "true => on", "0 => off"}, {"maybe", "2", ""}},
    {"workers", NULL, NULL, {"1", "64"}, {"0", "65", "many"}},
    {"user", NULL, "nobody", {"root", "nobody"}, {"", "a b"}},
    {"seccomp", NULL, "on", {"on", "off", "true => on", "0 => off"}, {"maybe", "2", ""}},
    {"log-level",
     NULL,
     "info",
     {"error", "warn", "INFO => info", "debug", "trace"},
     {"loud", "info,wavry_relay=debug"}},
    {"log-format", NULL, "text", {"text", "json"}, {"xml"}},
    {"stats-log-interval-secs", NULL, "30", {"0", "5", LONG_SECS}, {LONG_SECS_1}},
};
#define ROWS (sizeof rows / sizeof *rows)

/* "TEXT => SHOWN", or one text for both. */
struct value {
    char text[64];
    char shown[64];
};

static struct value split(const char *good)
{
    struct value value;
    const char *arrow = strstr(good, " => ");
    size_t bytes = arrow != NULL ? (size_t)(arrow - good) : strlen(good);
    (void)snprintf(value.text, sizeof value.text, "%.*s", (int)bytes, good);
    (void)snprintf(value.shown, sizeof value.shown, "%s", arrow != NULL ? arrow + 4 : good);
    return value;
}

/* `--name=value`, or NAME of a file quoted so that any value can stand there. */
static const char *joined(const char *name, const char *value)
{
    static char text[512];
    (void)snprintf(text, sizeof text, "--%s=%s", name, value);
    return text;
}

static const char *file_with(const char *name, const char *value)
{
    static char text[1024];
    (void)snprintf(text, sizeof text, "# a file\n\n  %s = \"%s\"   # words\n", name, value);
    return desk_file("relay.conf", text);
}

static void expect_value(struct desk *desk, const char *name, const char *value, const char *where)
{
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s %s: %s", where, name, desk->error.text);
    cr_assert_str_eq(desk_value(desk, name), value, "%s: %s is %s, not %s", where, name,
                     desk_value(desk, name), value);
    desk_free(desk);
}

/* Where an option is what every test gives, its file and variable would not count. */
static struct desk *read_file(const char *name, const char *path)
{
    if (strcmp(name, "listen") == 0)
        return desk_read_bare("--config", path);
    return desk_read("--config", path);
}

static struct desk *read_variable(const char *name)
{
    if (strcmp(name, "listen") == 0)
        return desk_read_bare("--gro=on");
    return desk_read("--gro=on");
}

Test(options, every_setting_has_a_row_here_with_its_variable)
{
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        const struct row *row = NULL;
        if (!rd_option_is_setting(option) || option->kind == RD_KIND_KEY ||
            option->kind == RD_KIND_PUBLIC_KEY)
            continue;
        for (size_t r = 0; r < ROWS; r++) {
            if (strcmp(rows[r].name, option->name) == 0)
                row = &rows[r];
        }
        cr_assert_not_null(row, "%s has no row", option->name);
        cr_assert_eq(row->variable == NULL, option->variable == NULL);
        cr_assert(row->variable == NULL || strcmp(row->variable, option->variable) == 0);
    }
}

Test(options, who_asks_for_health_looks_nothing_up)
{
    /* A name that would be looked up to find the address to announce. */
    char *argv[] = {"wavry-relay", "--master-url=http://master.invalid", NULL};
    struct rd_options options;
    struct rd_error error = {""};
    setenv("WAVRY_RELAY_ALLOW_PUBLIC_BIND", "1", 1);
    setenv("WAVRY_RELAY_ALLOW_HOST_PROD_BIND", "1", 1);
    cr_assert_eq(rd_options_read_health(&options, 2, argv, &error), RD_OPTIONS_RUN, "%s",
                 error.text);
    cr_expect_eq(options.advertise_count, 0);
    cr_expect_eq(options.health_listen.port, 9091);
    rd_options_free(&options);
}

Test(options, defaults_are_those_of_section_10)
{
    setenv("WAVRY_RELAY_ALLOW_PUBLIC_BIND", "1", 1);
    setenv("WAVRY_RELAY_ALLOW_HOST_PROD_BIND", "1", 1);
    struct desk *desk = desk_read_bare("--advertise=127.0.0.1:0");
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s", desk->error.text);
    for (size_t r = 0; r < ROWS; r++) {
        if (rows[r].initial != NULL)
            cr_assert_str_eq(desk_value(desk, rows[r].name), rows[r].initial, "%s is %s",
                             rows[r].name, desk_value(desk, rows[r].name));
    }
    cr_assert(desk->options.workers >= 1 && desk->options.workers <= RD_WORKERS_MAX);
    struct wr_relay_config core;
    wr_relay_config_default(&core);
    core.keys_refreshable = true;
    cr_assert_eq(memcmp(&core, &desk->options.core, sizeof core), 0,
                 "the core's own defaults are others");
    desk_free(desk);
}

Test(options, every_good_value_counts_from_the_command_line)
{
    setenv("WAVRY_ALLOW_INSECURE_RELAY", "1", 1);
    for (size_t r = 0; r < ROWS; r++) {
        for (const char *const *good = rows[r].good; *good != NULL; good++) {
            struct value value = split(*good);
            const char *name = rows[r].name;
            char dashed[64];
            (void)snprintf(dashed, sizeof dashed, "--%s", name);
            expect_value(desk_read(joined(name, value.text)), name, value.shown, "with =");
            if (rd_option_find(name)->kind != RD_KIND_FLAG)
                expect_value(desk_read(dashed, value.text), name, value.shown, "apart");
        }
    }
}

Test(options, every_good_value_counts_from_its_variable)
{
    setenv("WAVRY_ALLOW_INSECURE_RELAY", "1", 1);
    for (size_t r = 0; r < ROWS; r++) {
        for (const char *const *good = rows[r].good; *good != NULL; good++) {
            struct value value = split(*good);
            if (rows[r].variable == NULL)
                break;
            setenv(rows[r].variable, value.text, 1);
            expect_value(read_variable(rows[r].name), rows[r].name, value.shown, "variable");
            unsetenv(rows[r].variable);
        }
    }
}

Test(options, every_good_value_counts_from_the_file)
{
    setenv("WAVRY_ALLOW_INSECURE_RELAY", "1", 1);
    for (size_t r = 0; r < ROWS; r++) {
        for (const char *const *good = rows[r].good; *good != NULL; good++) {
            struct value value = split(*good);
            expect_value(read_file(rows[r].name, file_with(rows[r].name, value.text)), rows[r].name,
                         value.shown, "file");
        }
    }
}

Test(options, every_bad_value_is_refused_by_name_from_wherever_it_comes)
{
    for (size_t r = 0; r < ROWS; r++) {
        for (const char *const *bad = rows[r].bad; *bad != NULL; bad++) {
            const char *name = rows[r].name;
            char dashed[64];
            (void)snprintf(dashed, sizeof dashed, "--%s: ", name);
            desk_says(desk_refusal(joined(name, *bad)), dashed, "given, expected ");
            if (rows[r].variable != NULL && **bad != '\0') {
                setenv(rows[r].variable, *bad, 1);
                desk_says(desk_refused(read_variable(name)), name, rows[r].variable,
                          "given, expected ");
                unsetenv(rows[r].variable);
            }
            desk_says(desk_refused(read_file(name, file_with(name, *bad))), "relay.conf:3: ");
        }
    }
}

Test(options, command_line_before_variable_before_file_before_default)
{
    const char *file = desk_file("relay.conf", "asn = 1\nregion = file\nmax-sessions = 7\n");
    setenv("WAVRY_RELAY_ASN", "2", 1);
    setenv("WAVRY_RELAY_REGION", "variable", 1);
    struct desk *desk = desk_read("--asn=3", "--config", file);
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s", desk->error.text);
    cr_assert_eq(desk->options.asn, 3);
    cr_assert_str_eq(desk->options.region, "variable");
    cr_assert_eq(desk->options.core.max_sessions, 7);
    cr_assert_eq(desk->options.core.idle_timeout_secs, 60);
    desk_free(desk);
}

Test(options, the_later_of_two_on_a_command_line_counts_and_two_in_a_file_are_a_mistake)
{
    struct desk *desk = desk_read("--asn=junk", "--asn=1", "--asn", "2");
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s", desk->error.text);
    cr_assert_eq(desk->options.asn, 2);
    desk_free(desk);
    desk_says(desk_refusal("--config", desk_file("relay.conf", "asn = 1\n\nasn = 1\n")),
              "relay.conf:3: asn: stands in line 1 already");
}

Test(options, a_value_in_the_file_is_judged_even_where_another_counts_but_not_a_variable)
{
    desk_says(desk_refusal("--asn=1", "--config", desk_file("relay.conf", "asn = x\n")),
              "relay.conf:1: asn: \"x\" was given, expected a whole number from 0 to 4294967295");
    setenv("WAVRY_RELAY_ASN", "x", 1);
    struct desk *desk = desk_read("--asn=1");
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s", desk->error.text);
    desk_free(desk);
}

Test(options, repeated_ones_of_the_stronger_source_replace_those_of_the_weaker)
{
    const char *file =
        desk_file("relay.conf", "advertise = 203.0.113.1:1\nadvertise = 203.0.113.2:1\n");
    struct desk *desk = desk_read("--config", file);
    cr_assert_str_eq(desk_value(desk, "advertise"), "203.0.113.1:1, 203.0.113.2:1");
    desk_free(desk);
    desk = desk_read("--config", file, "--advertise=[2001:db8::1]:5", "--advertise=203.0.113.3:5",
                     "--advertise=203.0.113.4", "--advertise=203.0.113.3:5");
    cr_assert_str_eq(desk_value(desk, "advertise"), "203.0.113.3:5, 203.0.113.4:0, [2001:db8::1]:5",
                     "IPv4 first, each once");
    desk_free(desk);
}

Test(options, eight_addresses_can_be_announced_and_not_nine)
{
    char lines[512] = "";
    for (int i = 0; i < 8; i++)
        (void)snprintf(lines + strlen(lines), sizeof lines - strlen(lines),
                       "advertise = 203.0.113.%d:1\n", i + 1);
    struct desk *desk = desk_read("--config", desk_file("relay.conf", lines));
    cr_assert_eq(desk->options.advertise_count, 8);
    desk_free(desk);
    strcat(lines, "advertise = 203.0.113.9:1\n");
    desk_says(desk_refusal("--config", desk_file("relay.conf", lines)),
              "relay.conf:9: advertise:", "at most 8 addresses");
}

Test(options, texts_as_long_as_allowed_and_one_byte_longer)
{
    static const struct {
        const char *name;
        size_t most;
    } texts[] = {
        {"relay-id", 256}, {"region", 255}, {"state-dir", 1023}, {"master-auth-token", 1023}};
    char text[1200];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char dashed[64];
        (void)snprintf(dashed, sizeof dashed, "--%s", texts[i].name);
        memset(text, 'a', sizeof text);
        text[texts[i].most] = '\0';
        struct desk *desk = desk_read(dashed, text);
        cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s: %s", texts[i].name, desk->error.text);
        desk_free(desk);
        text[texts[i].most] = 'a';
        text[texts[i].most + 1] = '\0';
        desk_says(desk_refusal(dashed, text), dashed, "at most", "bytes");
    }
}

Test(options, a_variable_that_is_empty_is_not_set)
{
    setenv("WAVRY_RELAY_MASTER_PUBLIC_KEY", "", 1);
    setenv("WAVRY_RELAY_ALLOW_INSECURE_DEV", "", 1);
    setenv("WAVRY_MASTER_URL", "", 1);
    struct desk *desk = desk_read("--gro=on");
    cr_assert_eq(desk->outcome, RD_OPTIONS_RUN, "%s", desk->error.text);
    cr_assert_eq(desk->options.keys.pinned_count, 0);
    cr_assert_str_eq(desk->options.master_url, "http://localhost:8080");
    desk_free(desk);
}

Test(options, unknown_names_are_refused_with_the_nearest_one)
{
    desk_says(desk_refusal("--max-sesions=5"), "--max-sesions: unknown option",
              "did you mean --max-sessions?");
    desk_says(desk_refusal("--quite-another-thing"), "--quite-another-thing: unknown option",
              "--help");
    desk_says(desk_refusal("--listen-address=1"), "unknown option");
    desk_says(desk_refusal("-x"), "-x: unknown option");
    desk_says(desk_refusal("--config", desk_file("relay.conf", "\n max_sesions = 5\n")),
              "relay.conf:2: max_sesions: unknown option; did you mean max-sessions?");
}

Test(options, an_abbreviation_is_unknown)
{
    desk_says(desk_refusal("--max-session=5"), "--max-session: unknown option",
              "did you mean --max-sessions?");
    desk_says(desk_refusal("--stand"), "--stand: unknown option");
}

Test(options, arguments_that_are_no_options_and_values_that_miss)
{
    desk_says(desk_refusal("relay"), "\"relay\"", "this is none");
    desk_says(desk_refusal("--gro=on", "--", "more"), "\"more\"");
    desk_says(desk_refusal("--asn"), "--asn: needs a value: N");
    desk_says(desk_refusal("--check-config=yes"), "--check-config: takes no value");
}

Test(options, secrets_are_never_repeated)
{
    const char *text = desk_refusal("--master-auth-token", "very secret words");
    desk_says(text, "--master-auth-token: a value of 17 bytes was given");
    cr_assert_null(strstr(text, "secret words"));
    text = desk_refusal("--key", "k:5ec1e7");
    desk_says(text, "--key: a value of 8 bytes", "KID:HEX");
    cr_assert_null(strstr(text, "5ec1e7"));
    text = desk_refusal("--config",
                        desk_file("relay.conf", "\nmaster-auth-token = \"secret words\"\n"));
    desk_says(text, "relay.conf:2: master-auth-token: a value of 12 bytes");
    cr_assert_null(strstr(text, "secret words"));
}

Test(options, what_is_repeated_cannot_steer_a_terminal_and_is_not_endless)
{
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[0] = '\x1b';
    text[sizeof text - 1] = '\0';
    const char *refusal = desk_refusal("--asn", text);
    cr_assert_null(strchr(refusal, '\x1b'));
    cr_assert_lt(strlen(refusal), 300);
}

Test(options, a_file_that_is_none)
{
    desk_says(desk_refusal("--config", "/nowhere/relay.conf"), "/nowhere/relay.conf",
              "cannot be opened");
    desk_says(desk_refusal("--config", "/"), "not a regular file");
    desk_says(desk_refusal("--config", desk_file("relay.conf", "asn\n")),
              "relay.conf:1: expected `name = value`");
    desk_says(desk_refusal("--config", desk_file("relay.conf", "= 5\n")),
              "relay.conf:1: expected `name = value`");
    desk_says(desk_refusal("--config", desk_file("relay.conf", "config = x\n")),
              "relay.conf:1: config: only on the command line");
    desk_says(desk_refusal("--config", desk_file("relay.conf", "help = true\n")),
              "relay.conf:1: help: only on the command line");
}
