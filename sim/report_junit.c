#include "report_junit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
    const char *family;
    const char *text; /* the <testcase> element */
    bool failed;      /* an expectation: JUnit's failure */
    bool broken;      /* everything else: JUnit's error */
    uint64_t wall_ns;
};

struct sim_report_junit {
    struct sim_arena *arena;
    struct test_case *cases;
    uint32_t count;
    uint32_t room;
};

struct sim_report_junit *sim_report_junit_begin(void)
{
    struct sim_arena *arena = sim_arena_create();
    struct sim_report_junit *report = sim_arena_take(arena, sizeof *report);
    report->arena = arena;
    return report;
}

/* Text as XML 1.0 takes it: marks escaped, control characters (not allowed at all) as '?'. */
static const char *escaped(struct sim_arena *arena, const char *text)
{
    static const struct {
        char mark;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};
    char *out = sim_arena_take(arena, strlen(text) * 6 + 1), *to = out;
    for (const char *c = text; *c; c++) {
        const char *entity = NULL;
        for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
            entity = entities[i].mark == *c ? entities[i].entity : entity;
        if (entity) {
            memcpy(to, entity, strlen(entity));
            to += strlen(entity);
        } else {
            bool allowed = (unsigned char)*c >= ' ' || *c == '\n' || *c == '\t';
            *to++ = allowed ? *c : '?';
        }
    }
    *to = '\0';
    return out;
}

static const char *seconds(struct sim_arena *arena, uint64_t ns)
{
    return sim_arena_print(arena, "%" PRIu64 ".%03" PRIu64, ns / WR_S, ns % WR_S / WR_MS);
}

/* Why it did not pass, as text for people; "" where it did. */
static const char *reason(struct sim_arena *arena, const struct sim_outcome *outcome)
{
    char *text = NULL;
    size_t bytes = 0;
    if (!outcome->scenario)
        return "the scenario has mistakes; see the log";
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return "no memory to say why";
    for (uint32_t i = 0; i < outcome->violation_count; i++)
        fprintf(out, "at %" PRIu64 " ns: %s\n", outcome->violations[i].at_ns,
                outcome->violations[i].text);
    if (outcome->ending == SIM_ENDED_DIVERGED)
        fprintf(out, "two runs with seed %" PRIu64 " differ before %" PRIu64 " ns\n", outcome->seed,
                outcome->diverged_at_ns);
    for (uint32_t i = 0; outcome->judgements && i < outcome->scenario->expectation_count; i++) {
        const struct sim_judgement *judgement = &outcome->judgements[i];
        if (judgement->held)
            continue;
        fprintf(out, "line %u: expected %s; %s\n", judgement->expectation->line,
                judgement->expectation->text, judgement->found);
        sim_chronicle_around(outcome->chronicle, judgement->at_ns, judgement->session, 8, 4, "  ",
                             out);
    }
    fclose(out);
    const char *kept = sim_arena_text(arena, text, bytes);
    free(text);
    return kept;
}

void sim_report_junit_outcome(struct sim_report_junit *report, const struct sim_outcome *outcome)
{
    struct sim_arena *arena = report->arena;
    if (report->count == report->room) {
        uint32_t room = report->room ? report->room * 2 : 64;
        struct test_case *cases = SIM_ARENA_ARRAY(arena, struct test_case, room);
        if (report->count > 0)
            memcpy(cases, report->cases, sizeof *cases * report->count);
        report->cases = cases;
        report->room = room;
    }
    struct test_case *test = &report->cases[report->count++];
    const struct sim_scenario *scenario = outcome->scenario;
    const char *family = scenario ? scenario->family : "unreadable";
    const char *name = scenario ? scenario->name : outcome->path;
    test->family = sim_arena_text(arena, family, strlen(family));
    test->wall_ns = outcome->wall_ns;
    test->failed = outcome->ending == SIM_ENDED_FAILED;
    test->broken = !test->failed && outcome->ending != SIM_ENDED_PASSED;
    const char *head = sim_arena_print(
        arena, "    <testcase classname=\"%s\" name=\"%s\" time=\"%s\"", escaped(arena, family),
        escaped(arena, name), seconds(arena, outcome->wall_ns));
    if (outcome->ending == SIM_ENDED_PASSED) {
        test->text = sim_arena_print(arena, "%s/>\n", head);
        return;
    }
    const char *element = test->failed ? "failure" : "error";
    test->text = sim_arena_print(
        arena, "%s>\n      <%s type=\"%s\" message=\"%s\">%s</%s>\n    </testcase>\n", head,
        element, sim_ending_name(outcome->ending), escaped(arena, scenario ? scenario->shows : ""),
        escaped(arena, reason(arena, outcome)), element);
}

static void write_counts(const struct sim_report_junit *report, uint32_t first, uint32_t end,
                         FILE *out)
{
    uint32_t failed = 0, broken = 0;
    uint64_t wall_ns = 0;
    for (uint32_t i = first; i < end; i++) {
        failed += report->cases[i].failed;
        broken += report->cases[i].broken;
        wall_ns += report->cases[i].wall_ns;
    }
    fprintf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" time=\"%s\">\n", end - first, failed,
            broken, seconds(report->arena, wall_ns));
}

bool sim_report_junit_end(struct sim_report_junit *report, FILE *out)
{
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"wavry-sim\"", out);
    write_counts(report, 0, report->count, out);
    for (uint32_t i = 0, end; i < report->count; i = end) {
        const char *family = report->cases[i].family;
        for (end = i + 1; end < report->count && strcmp(report->cases[end].family, family) == 0;)
            end++;
        fprintf(out, "  <testsuite name=\"%s\"", escaped(report->arena, family));
        write_counts(report, i, end, out);
        for (uint32_t c = i; c < end; c++)
            fputs(report->cases[c].text, out);
        fputs("  </testsuite>\n", out);
    }
    fputs("</testsuites>\n", out);
    bool written = fflush(out) == 0 && !ferror(out);
    sim_arena_destroy(report->arena);
    return written;
}
