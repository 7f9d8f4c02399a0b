#include "document.h"

#include <criterion/criterion.h>

#include <string.h>

static struct sim_document document;

static bool parse(const char *text)
{
    return sim_document_parse(&document, sim_arena_create(), "a.json", text, strlen(text));
}

static void close_document(void)
{
    sim_document_close(&document);
    sim_arena_destroy(document.arena);
}

static const cJSON *at(const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(document.root, name);
}

static void expect_problem(uint32_t index, uint32_t line, uint32_t column, const char *text)
{
    cr_assert_lt(index, document.problem_count);
    cr_expect_eq(document.problems[index].line, line, "line %u", document.problems[index].line);
    cr_expect_eq(document.problems[index].column, column, "column %u",
                 document.problems[index].column);
    cr_expect_str_eq(document.problems[index].text, text);
}

Test(document, a_problem_points_to_the_value_or_to_the_name)
{
    cr_assert(parse("{\n  \"a\": 1,\n  \"b\" :\t[true, {\"c\": null}, \"x\"]\n}\n"));
    const cJSON *deep = cJSON_GetArrayItem(at("b"), 1)->child;
    sim_complain(&document, at("a"), SIM_AT_VALUE, "one");
    sim_complain(&document, at("a"), SIM_AT_NAME, "two");
    sim_complain(&document, deep, SIM_AT_VALUE, "three %d", 3);
    sim_complain(&document, deep, SIM_AT_NAME, "four");
    sim_complain(&document, cJSON_GetArrayItem(at("b"), 2), SIM_AT_NAME, "five");
    sim_complain(&document, document.root, SIM_AT_VALUE, "six");
    expect_problem(0, 2, 8, "a: one");
    expect_problem(1, 2, 3, "a: two");
    expect_problem(2, 3, 22, "b[1].c: three 3");
    expect_problem(3, 3, 17, "b[1].c: four");
    expect_problem(4, 3, 29, "b[2]: five");
    expect_problem(5, 1, 1, "six");
    cr_expect_eq(sim_document_line(&document, deep), 3);
    close_document();
}

Test(document, columns_count_characters_and_strings_hide_their_marks)
{
    cr_assert(parse("\xef\xbb\xbf{\"\\\"},{é\": \"[\\\\\", \"b\": 7}"));
    sim_complain(&document, at("b"), SIM_AT_VALUE, "here");
    expect_problem(0, 1, 25, "b: here");
    close_document();
}

Test(document, a_member_that_appears_twice_is_a_problem)
{
    cr_assert(parse("{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2},\n \"a\": 2}"));
    cr_assert_eq(document.problem_count, 2);
    expect_problem(0, 2, 16, "b.c: expected each member once, found \"c\" again");
    expect_problem(1, 3, 2, "a: expected each member once, found \"a\" again");
    close_document();
}

Test(document, what_json_would_be_read_as_something_else_is_refused_with_its_place)
{
    static const struct {
        const char *text, *problem;
        uint32_t column;
    } cases[] = {
        {"{\"a\": \"b\\u0000c\"}", "expected no NUL inside a text, found \"\\u0000\"", 9},
        {"{\"a\\u0000c\": 1}", "expected no NUL inside a text, found \"\\u0000\"", 4},
        {"{\"a\": 010}", "expected a number as JSON writes it, found \"010\"", 7},
        {"{\"a\": -01}", "expected a number as JSON writes it, found \"-01\"", 7},
        {"{\"a\": 2.}", "expected a number as JSON writes it, found \"2.\"", 7},
        {"{\"a\": -.5}", "expected a number as JSON writes it, found \"-.5\"", 7},
        {"{\"a\": 9.99999999999999999999}",
         "expected a number that is kept as it is written, found \"9.99999999999999999999\"", 7},
        {"{\"a\": 1e-400}", "expected a number that is kept as it is written, found \"1e-400\"", 7},
        {"{\"a\": 10000000000000000000000001e-24}",
         "expected a number that is kept as it is written, found "
         "\"10000000000000000000000001e-24\"",
         7},
        {"{\"a\": 9007199254740992}",
         "expected a whole number of at most 9007199254740991, found \"9007199254740992\"", 7},
        {"{\"a\": 0.09007199254740993e17}",
         "expected a whole number of at most 9007199254740991, found "
         "\"0.09007199254740993e17\"",
         7},
        {"{\"a\": -1e400}", "expected a whole number of at most 9007199254740991, found \"-1e400\"",
         7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_not(parse(cases[i].text), "%s", cases[i].text);
        cr_expect_null(document.root);
        expect_problem(0, 1, cases[i].column, cases[i].problem);
        close_document();
    }
}

Test(document, what_json_knows_is_taken_as_it_is)
{
    static const char *const texts[] = {
        "{\"a\": [0, -0, 10, 1.0, 1.50e1, 120e-1, 0e5, 0.0e-3, "
        "4e+15, 1E3, 0.5, 2.5e-1, 0.000123456789012345, 9007199254740991, 90071992547409910e-1]}",
        "{\"\\\\u0000\": \"\\\\u0000 \\\" -01 \\u0001\"}", "[\"010\", true, false, null]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_expect(parse(texts[i]), "%s", texts[i]);
        cr_expect_eq(document.problem_count, 0);
        close_document();
    }
}

Test(document, what_is_no_json_is_told_with_its_place)
{
    static const struct {
        const char *text;
        uint32_t line;
    } cases[] = {{"", 1}, {"{", 1}, {"{\"a\": 1,\n\"b\" 2}", 2}, {"{}\n\nx", 3}, {"nul", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_not(parse(cases[i].text), "%s", cases[i].text);
        cr_expect_eq(document.problem_count, 1);
        cr_expect_eq(document.problems[0].line, cases[i].line, "%s", cases[i].text);
        close_document();
    }
    struct sim_arena *arena = sim_arena_create();
    cr_expect_not(sim_document_parse(&document, arena, "a.json", "{}\0{}", 5));
    close_document();
}

Test(document, problems_are_printed_in_order_once_each_and_bounded)
{
    cr_assert(parse("[1,\n2,\n3]"));
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    sim_complain(&document, cJSON_GetArrayItem(document.root, 2), SIM_AT_VALUE, "third");
    sim_complain(&document, cJSON_GetArrayItem(document.root, 0), SIM_AT_VALUE, "first");
    sim_complain(&document, cJSON_GetArrayItem(document.root, 0), SIM_AT_VALUE, "first");
    sim_document_print_problems(&document, out);
    fclose(out);
    cr_expect_str_eq(text, "a.json:1:2: [0]: first\na.json:3:1: [2]: third\n");
    for (int i = 0; i < SIM_PROBLEMS_MAX + 5; i++)
        sim_complain(&document, document.root, SIM_AT_VALUE, "%d", i);
    cr_expect_eq(document.problem_count, SIM_PROBLEMS_MAX);
    cr_expect_eq(document.problems_left_out, 7);
    close_document();
}

Test(document, a_file_that_is_not_there_is_a_problem_of_the_whole_file)
{
    struct sim_arena *arena = sim_arena_create();
    cr_expect_not(sim_document_read(&document, arena, "/no/such/file.json"));
    cr_assert_eq(document.problem_count, 1);
    cr_expect_eq(document.problems[0].line, 0);
    close_document();
}
