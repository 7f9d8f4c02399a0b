#include "bind_policy.h"

#include "address.h"
#include "address_kind.h"
#include "options_desk.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(bind_policy, .init = desk_clear_environment, .fini = desk_remove_files);

static struct wr_address at(const char *text)
{
    struct wr_address address;
    cr_assert(wr_address_parse(text, &address));
    return address;
}

Test(bind_policy, loopback_needs_no_leave_and_everything_else_the_right_one)
{
    /* may, public, host, container */
    static const struct {
        bool may;
        struct rd_bind_facts facts;
        const char *says;
    } rows[] = {
        {false, {false, false, false}, "=1 and, as this is no container, WAVRY_RELAY_ALLOW_HOST"},
        {false, {false, true, false}, "WAVRY_RELAY_ALLOW_PUBLIC_BIND=1, or listen on"},
        {false, {false, false, true}, "WAVRY_RELAY_ALLOW_PUBLIC_BIND=1, or listen on"},
        {false, {false, true, true}, "WAVRY_RELAY_ALLOW_PUBLIC_BIND=1, or listen on"},
        {false, {true, false, false}, "set WAVRY_RELAY_ALLOW_HOST_PROD_BIND=1"},
        {true, {true, true, false}, ""},
        {true, {true, false, true}, ""},
        {true, {true, true, true}, ""},
    };
    static const char *const outside[] = {"0.0.0.0:4000", "[::]:4000", "10.0.0.1:1",
                                          "[::ffff:10.0.0.1]:1", "[2001:db8::1]:1"};
    static const char *const inside[] = {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1",
                                         "[::ffff:127.0.0.1]:1"};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t i = 0; i < 5; i++) {
            struct wr_address address = at(outside[i]);
            struct rd_error error = {""};
            cr_assert_eq(rd_bind_allowed(&rows[r].facts, "listen", &address, &error), rows[r].may);
            cr_assert_not_null(strstr(error.text, rows[r].says), "%s", error.text);
        }
        for (size_t i = 0; i < 4; i++) {
            struct wr_address address = at(inside[i]);
            cr_assert(rd_bind_allowed(&rows[r].facts, "listen", &address, NULL));
        }
    }
}

Test(bind_policy, a_container_is_known_by_its_files_or_its_variable)
{
    char path[256];
    const char *root = desk_directory();
    cr_assert_not(rd_bind_facts_gather(root).in_container);
    (void)desk_file(".dockerenv", "");
    cr_assert(rd_bind_facts_gather(root).in_container);
    (void)snprintf(path, sizeof path, "%s/.dockerenv", root);
    cr_assert_eq(remove(path), 0);
    (void)snprintf(path, sizeof path, "%s/run", root);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)desk_file("run/.containerenv", "");
    cr_assert(rd_bind_facts_gather(root).in_container);
    (void)snprintf(path, sizeof path, "%s/run/.containerenv", root);
    cr_assert_eq(remove(path), 0);
    cr_assert_not(rd_bind_facts_gather(root).in_container);
    setenv("container", "", 1);
    cr_assert(rd_bind_facts_gather(root).in_container);
}

Test(bind_policy, leave_is_given_by_a_word_that_means_yes)
{
    static const char *const yes[] = {"1", "true", "TRUE", "yes", "on", " 1\n"};
    static const char *const no[] = {"", "0", "false", "no", "off", "2", "1 1", "definitely"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        setenv("WAVRY_RELAY_ALLOW_PUBLIC_BIND", yes[i], 1);
        cr_assert(rd_bind_facts_gather("").public_allowed, "%s", yes[i]);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        setenv("WAVRY_RELAY_ALLOW_PUBLIC_BIND", no[i], 1);
        cr_assert_not(rd_bind_facts_gather("").public_allowed, "%s", no[i]);
    }
    cr_assert_not(rd_bind_facts_gather("").host_allowed);
    setenv("WAVRY_RELAY_ALLOW_HOST_PROD_BIND", "1", 1);
    cr_assert(rd_bind_facts_gather("").host_allowed);
}

Test(bind_policy, private_addresses_are_those_that_the_internet_does_not_route)
{
    static const char *const inside[] = {"10.1.2.3:1",    "172.16.0.1:1",  "172.31.255.255:1",
                                         "192.168.0.1:1", "169.254.1.1:1", "100.64.0.1:1",
                                         "[fd00::1]:1",   "[fe80::1]:1"};
    static const char *const outside[] = {"172.32.0.1:1", "172.15.0.1:1", "100.128.0.1:1",
                                          "8.8.8.8:1", "[2001:db8::1]:1"};
    for (size_t i = 0; i < 8; i++) {
        struct wr_address address = at(inside[i]);
        cr_assert(rd_address_is_private(&address), "%s", inside[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        struct wr_address address = at(outside[i]);
        cr_assert_not(rd_address_is_private(&address), "%s", outside[i]);
    }
}
