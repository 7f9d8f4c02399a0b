#include "options_desk.h"

#include "option_value.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *desk_hex(char digit)
{
    static char text[8][65];
    static unsigned next;
    char *out = text[next++ % 8];
    memset(out, digit, 64);
    out[64] = '\0';
    return out;
}

void desk_clear_environment(void)
{
    static const char *const others[] = {"WAVRY_RELAY_ALLOW_PUBLIC_BIND",
                                         "WAVRY_RELAY_ALLOW_HOST_PROD_BIND",
                                         "WAVRY_ALLOW_INSECURE_RELAY", "container"};
    for (size_t i = 0; i < rd_option_count; i++) {
        if (rd_option_table[i].variable != NULL)
            (void)unsetenv(rd_option_table[i].variable);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        (void)unsetenv(others[i]);
}

static char directory[64]; /* of the directory, "" until it is needed */

const char *desk_directory(void)
{
    if (directory[0] == '\0') {
        (void)snprintf(directory, sizeof directory, "/tmp/wavry-options-XXXXXX");
        cr_assert_not_null(mkdtemp(directory));
    }
    return directory;
}

static int remove_one(const char *name, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(name);
}

void desk_remove_files(void)
{
    if (directory[0] != '\0')
        cr_assert_eq(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    directory[0] = '\0';
}

const char *desk_file(const char *name, const char *text)
{
    static char paths[8][256];
    static unsigned next;
    char *out = paths[next++ % 8];
    (void)snprintf(out, sizeof paths[0], "%s/%s", desk_directory(), name);
    FILE *file = fopen(out, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(out, 0600), 0);
    return out;
}

struct desk *desk_read_list(bool listen, const char *const *arguments)
{
    struct desk *desk = calloc(1, sizeof *desk);
    cr_assert_not_null(desk);
    desk->argv[desk->argc++] = strdup("wavry-relay");
    if (listen)
        desk->argv[desk->argc++] = strdup("--listen=127.0.0.1:0");
    for (; *arguments != NULL; arguments++) {
        cr_assert_lt(desk->argc, DESK_ARGUMENTS_MAX);
        desk->argv[desk->argc++] = strdup(*arguments);
    }
    desk->outcome = rd_options_read(&desk->options, desk->argc, desk->argv, &desk->error);
    return desk;
}

void desk_free(struct desk *desk)
{
    for (int i = 0; i < desk->argc; i++)
        free(desk->argv[i]);
    rd_options_free(&desk->options);
    free(desk);
}

const char *desk_value(const struct desk *desk, const char *name)
{
    static char text[RD_SHOWN_BYTES];
    const struct rd_option *option = rd_option_find(name);
    cr_assert_not_null(option, "no option %s", name);
    const char *shown = rd_option_show(&desk->options, option, text);
    return shown != NULL ? shown : "";
}

const char *desk_refused(struct desk *desk)
{
    static char text[sizeof(struct rd_error)];
    cr_assert_eq(desk->outcome, RD_OPTIONS_BAD, "not refused");
    (void)snprintf(text, sizeof text, "%s", desk->error.text);
    desk_free(desk);
    return text;
}

void desk_says_list(const char *text, const char *const *parts)
{
    for (; *parts != NULL; parts++)
        cr_assert_not_null(strstr(text, *parts), "\"%s\" does not say \"%s\"", text, *parts);
}
