#include "datagram_command.h"

#include "vectors.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

/* What is printed for a datagram, parsed; the caller deletes it. */
static cJSON *printed(const uint8_t *bytes, size_t size, bool *ok)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    cr_assert_not_null(out);
    *ok = sim_datagram_print(out, bytes, size);
    fclose(out);
    cr_assert(length > 0 && text[length - 1] == '\n' && strchr(text, '\n') == text + length - 1,
              "one line");
    cJSON *parsed = cJSON_ParseWithOpts(text, NULL, true);
    cr_assert_not_null(parsed, "%s", text);
    free(text);
    return parsed;
}

Test(datagram_command, every_vector_prints_exactly_its_members)
{
    static uint8_t bytes[2048];
    cJSON *file = vectors_load("datagrams.json");
    cJSON *expected;
    int cases = 0;
    cJSON_ArrayForEach(expected, vectors_cases(file, "cases"))
    {
        bool ok, wanted_ok = strcmp(vectors_string(expected, "result"), "ok") == 0;
        size_t size = vectors_hex(vectors_string(expected, "hex"), bytes, sizeof bytes);
        cJSON *actual = printed(bytes, size, &ok);
        cr_expect_eq(ok, wanted_ok);
        cJSON *wanted = cJSON_Duplicate(expected, true);
        cJSON_DeleteItemFromObjectCaseSensitive(wanted, "name");
        cJSON_DeleteItemFromObjectCaseSensitive(wanted, "hex");
        cr_expect(cJSON_Compare(actual, wanted, true), "%s", vectors_string(expected, "name"));
        cJSON_Delete(wanted);
        cJSON_Delete(actual);
        cases++;
    }
    cr_expect_eq(cases, 111);
    cJSON_Delete(file);
}

Test(datagram_command, a_token_of_any_bytes_is_printed_as_ascii)
{
    static const struct wr_session_id session = {{1}};
    static const uint8_t token[] = {'a', '"', '\\', 0, 0x1f, 0x7f, 0xff};
    uint8_t bytes[60];
    uint32_t size =
        wr_wire_encode_present(bytes, sizeof bytes, &session, WR_ROLE_CLIENT, token, 7, NULL);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    cr_expect(sim_datagram_print(out, bytes, size));
    fclose(out);
    cr_expect_not_null(strstr(text, "\"a\\\"\\\\\\u0000\\u001f\\u007f\\u00ff\""), "%s", text);
    free(text);
}

Test(datagram_command, an_ack_keeps_all_64_bits_of_its_expiry)
{
    static const struct wr_session_id session = {{1}};
    uint8_t bytes[60];
    uint32_t size =
        wr_wire_encode_ack(bytes, sizeof bytes, &session, UINT64_MAX, 1, 2, false, NULL);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    cr_expect(sim_datagram_print(out, bytes, size));
    fclose(out);
    cr_expect_not_null(strstr(text, "\"expires_ms\": 18446744073709551615,"), "%s", text);
    free(text);
}

static int run(const char *argument)
{
    char *argv[] = {(char *)"datagram", (char *)argument, NULL};
    return sim_datagram_command(argument == NULL ? 1 : 2, argv);
}

Test(datagram_command, the_exit_code_tells_good_from_bad_from_wrong_usage)
{
    cr_redirect_stdout();
    cr_redirect_stderr();
    cr_expect_eq(run("5701100001a95bdccdec47aab3fe13b887cd4ce20000000000000001"), 0);
    cr_expect_eq(run(" 5701100001A95BDCCDEC47AAB3FE13B887CD4CE20000000000000001\r\n"), 0);
    cr_expect_eq(run(""), 1, "an empty datagram is short");
    cr_expect_eq(run("57"), 1);
    cr_expect_eq(run("5"), 2);
    cr_expect_eq(run("5g"), 2);
    cr_expect_eq(run("g5"), 2);
    cr_expect_eq(run("57 01"), 2);
    cr_expect_eq(run("--help"), 0);
    cr_expect_eq(run(NULL), 2);
}

Test(datagram_command, more_than_udp_carries_is_wrong_usage)
{
    char *hex = malloc(2 * 65536 + 1);
    memset(hex, '0', 2 * 65536);
    hex[2 * 65536] = '\0';
    cr_redirect_stdout();
    cr_redirect_stderr();
    cr_expect_eq(run(hex), 2);
    hex[2 * 65535] = '\0';
    cr_expect_eq(run(hex), 1, "oversize");
    free(hex);
}

Test(datagram_command, a_dash_reads_standard_input)
{
    FILE *input = cr_get_redirected_stdin();
    cr_redirect_stdout();
    fputs("5701100001a95bdccdec47aab3fe13b887cd4ce20000000000000007\n", input);
    fclose(input);
    cr_expect_eq(run("-"), 0);
    fflush(stdout);
    cr_expect_stdout_eq_str("{\"result\": \"ok\", \"session_id\": "
                            "\"01a95bdc-cdec-47aa-b3fe-13b887cd4ce2\", \"type\": \"forward\", "
                            "\"sequence\": \"7\"}\n");
}
