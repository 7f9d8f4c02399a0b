/* Plays scenarios in a world of one's own: sim_run is defined here, in place of the simulator's. */
#include "play.h"
#include "report_json.h"
#include "report_junit.h"
#include "report_text.h"

#include <cjson/cJSON.h>

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define SCENARIO WAVRY_TEST_DATA "/play/a-call.json"
#define MISTAKE  WAVRY_TEST_DATA "/bad_scenarios/unknown-behaviour.json"

/* What the pretended world does next. */
static struct {
    uint64_t delivered;
    uint32_t violations;
    bool fickle; /* every run has another hash */
    uint64_t runs;
} pretence;

struct sim_run_result sim_run(const struct sim_scenario *scenario,
                              const struct sim_run_options *options)
{
    struct sim_run_result result = {.created = true,
                                    .hash =
                                        options->seed * 16 + (pretence.fickle ? pretence.runs : 0),
                                    .events = 12,
                                    .violations = pretence.violations,
                                    .checkpoint_count = 2};
    result.checkpoints[0].at_ns = scenario->duration_ns / 2;
    result.checkpoints[1].at_ns = scenario->duration_ns * 3 / 4;
    result.checkpoints[1].hash = result.hash;
    pretence.runs++;
    if (!options->observer)
        return result;
    const struct sim_observer *observer = options->observer;
    struct sim_observation o = sim_observation(SIM_OBSERVED_ACTION, scenario->actions[0].at_ns);
    o.action = &scenario->actions[0];
    observer->observe(observer->context, &o);
    struct wr_address address = {.port = 4000};
    struct wr_event event = {.kind = WR_EVENT_PROMOTED,
                             .rule = 2,
                             .session = &scenario->sessions[0].id,
                             .address = &address};
    o = sim_observation(SIM_OBSERVED_RELAY, 6 * WR_S);
    o.relay = 0;
    o.session = 0;
    o.event = &event;
    observer->observe(observer->context, &o);
    for (uint64_t i = 0; i < pretence.delivered; i++) {
        o = sim_observation(SIM_OBSERVED_DELIVERED, 7 * WR_S + i);
        o.session = 0;
        o.role = WR_ROLE_CLIENT;
        o.sent_ns = o.at_ns;
        observer->observe(observer->context, &o);
    }
    for (uint32_t i = 0; i < pretence.violations; i++) {
        o = sim_observation(SIM_OBSERVED_VIOLATION, 8 * WR_S + i);
        o.relay = 0;
        o.text = "bytes: <what> was forwarded is not what came";
        observer->observe(observer->context, &o);
    }
    if (observer->datagrams) {
        o = sim_observation(SIM_OBSERVED_DATAGRAM, 9 * WR_S);
        o.bytes = (const uint8_t *)"x";
        o.size = 1;
        observer->observe(observer->context, &o);
    }
    return result;
}

static struct sim_outcome *played(const char *path, const struct sim_play_options *options)
{
    FILE *nowhere = fopen("/dev/null", "w");
    struct sim_outcome *outcome = sim_play(path, options, nowhere);
    fclose(nowhere);
    return outcome;
}

static struct sim_outcome *played_with(uint64_t delivered, uint32_t violations)
{
    pretence.delivered = delivered;
    pretence.violations = violations;
    return played(SCENARIO, &(struct sim_play_options){0});
}

Test(play, each_ending_has_its_exit_code)
{
    struct sim_outcome *outcome = played_with(3, 0);
    cr_expect_eq(outcome->ending, SIM_ENDED_PASSED);
    cr_expect_eq(sim_ending_exit_code(outcome->ending), 0);
    cr_expect_eq(outcome->seed, 5, "the scenario's own");
    sim_outcome_free(outcome);

    outcome = played_with(2, 0);
    cr_expect_eq(outcome->ending, SIM_ENDED_FAILED);
    cr_expect_eq(sim_ending_exit_code(outcome->ending), 1);
    cr_expect_eq(outcome->lost, 1);
    sim_outcome_free(outcome);

    outcome = played(MISTAKE, &(struct sim_play_options){0});
    cr_expect_eq(outcome->ending, SIM_ENDED_UNREADABLE);
    cr_expect_eq(sim_ending_exit_code(outcome->ending), 2);
    cr_expect_null(outcome->scenario);
    sim_outcome_free(outcome);

    outcome = played_with(2, 1);
    cr_expect_eq(outcome->ending, SIM_ENDED_VIOLATED, "an oracle counts for more");
    cr_expect_eq(sim_ending_exit_code(outcome->ending), 3);
    sim_outcome_free(outcome);
}

Test(play, two_runs_that_differ_are_told_with_the_checkpoint_where_they_part)
{
    pretence.delivered = 3;
    pretence.fickle = true;
    struct sim_play_options options = {.check_determinism = true, .seed_given = true, .seed = 9};
    struct sim_outcome *outcome = played(SCENARIO, &options);
    cr_expect_eq(outcome->ending, SIM_ENDED_DIVERGED);
    cr_expect_eq(sim_ending_exit_code(outcome->ending), 4);
    cr_expect_eq(outcome->diverged_at_ns, 7500 * WR_MS);
    cr_expect_eq(outcome->seed, 9);
    sim_outcome_free(outcome);
    pretence.fickle = false;
    pretence.runs = 0;
    outcome = played(SCENARIO, &options);
    cr_expect_eq(outcome->ending, SIM_ENDED_PASSED);
    cr_expect_eq(pretence.runs, 2);
    sim_outcome_free(outcome);
}

Test(play, violations_are_kept_up_to_a_number_and_counted_beyond)
{
    struct sim_outcome *outcome = played_with(3, SIM_VIOLATIONS_KEPT + 7);
    cr_expect_eq(outcome->violation_count, SIM_VIOLATIONS_KEPT);
    cr_expect_eq(outcome->result.violations, SIM_VIOLATIONS_KEPT + 7);
    cr_expect_eq(outcome->violations[1].at_ns, 8 * WR_S + 1);
    sim_outcome_free(outcome);
}

/* Everything that a report writes to a file, as text. */
static char *text_of(void (*write)(FILE *out, void *context), void *context)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    write(out, context);
    fclose(out);
    return text;
}

static void write_summary(FILE *out, void *context)
{
    struct sim_report_text report;
    sim_report_text_begin(&report, out, 2);
    report.hashes = true;
    sim_report_text_start(&report, SCENARIO);
    sim_report_text_progress(&report, WR_S, 100);
    sim_report_text_outcome(&report, context);
    sim_report_text_end(&report);
}

Test(play, the_summary_says_what_was_lost_and_when_with_the_events_around_it)
{
    struct sim_outcome *outcome = played_with(2, 0);
    char *text = text_of(write_summary, outcome);
    static const char *const parts[] = {
        "FAILED play/a-call  10s in ",
        "What the test of the reports needs.",
        "a-call.json:27: expected delivered of call.client at least 3; found 2",
        "lost at 10s; around it:",
        "5.000000s  ** peer_pause (line ",
        "6.000000s  call: client promoted to",
        "by rule 2",
        "hash play/a-call seed 5 events 12 0000000000000050",
        "checkpoint play/a-call 5s events 0 0000000000000000",
        "1 scenario: 1 failed; 10s simulated in ",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect_not_null(strstr(text, parts[i]), "\"%s\" is not in:\n%s", parts[i], text);
    cr_expect_null(strchr(text, '\033'), "no colours where it is no terminal");
    free(text);
    sim_outcome_free(outcome);
}

Test(play, the_summary_names_the_oracle_and_the_divergence)
{
    struct sim_outcome *outcome = played_with(3, SIM_VIOLATIONS_KEPT + 1);
    char *text = text_of(write_summary, outcome);
    cr_expect_not_null(strstr(text, "at 8s: bytes: <what> was forwarded is not what came"));
    cr_expect_not_null(strstr(text, "and 1 more"));
    cr_expect_not_null(strstr(text, "1 violated an oracle"));
    free(text);
    sim_outcome_free(outcome);
    pretence.violations = 0;
    pretence.fickle = true;
    outcome = played(SCENARIO, &(struct sim_play_options){.check_determinism = true});
    text = text_of(write_summary, outcome);
    cr_expect_not_null(strstr(text, "two runs with seed 5 differ"));
    free(text);
    sim_outcome_free(outcome);
}

static void write_json(FILE *out, void *context)
{
    struct sim_outcome *const *outcomes = context;
    struct sim_report_json *report = sim_report_json_begin();
    for (; *outcomes; outcomes++)
        sim_report_json_outcome(report, *outcomes);
    cr_expect(sim_report_json_end(report, out));
}

Test(play, the_json_holds_every_expectation_and_the_totals)
{
    struct sim_outcome *outcomes[] = {played_with(2, 1),
                                      played(MISTAKE, &(struct sim_play_options){0}), NULL};
    char *text = text_of(write_json, outcomes);
    cJSON *root = cJSON_Parse(text);
    cr_assert_not_null(root, "%s", text);
    const cJSON *list = cJSON_GetObjectItem(root, "scenarios");
    cr_assert_eq(cJSON_GetArraySize(list), 2);
    const cJSON *first = cJSON_GetArrayItem(list, 0);
    cr_expect_str_eq(cJSON_GetObjectItem(first, "result")->valuestring, "violated");
    cr_expect_str_eq(cJSON_GetObjectItem(first, "hash")->valuestring, "0000000000000050");
    const cJSON *expectation = cJSON_GetArrayItem(cJSON_GetObjectItem(first, "expectations"), 0);
    cr_expect(cJSON_IsFalse(cJSON_GetObjectItem(expectation, "held")));
    cr_expect_str_eq(cJSON_GetObjectItem(expectation, "found")->valuestring, "found 2");
    cr_expect_eq(cJSON_GetArraySize(cJSON_GetObjectItem(first, "first_violations")), 1);
    const cJSON *totals = cJSON_GetObjectItem(root, "totals");
    cr_expect_eq(cJSON_GetObjectItem(totals, "violated")->valueint, 1);
    cr_expect_eq(cJSON_GetObjectItem(totals, "unreadable")->valueint, 1);
    cJSON_Delete(root);
    free(text);
    sim_outcome_free(outcomes[0]);
    sim_outcome_free(outcomes[1]);
}

static void write_junit(FILE *out, void *context)
{
    struct sim_outcome *const *outcomes = context;
    struct sim_report_junit *report = sim_report_junit_begin();
    for (; *outcomes; outcomes++)
        sim_report_junit_outcome(report, *outcomes);
    cr_expect(sim_report_junit_end(report, out));
}

Test(play, junit_tells_failures_from_errors_and_escapes_its_text)
{
    struct sim_outcome *outcomes[] = {played_with(3, 0), played_with(2, 0), played_with(3, 1),
                                      played(MISTAKE, &(struct sim_play_options){0}), NULL};
    char *text = text_of(write_junit, outcomes);
    static const char *const parts[] = {
        "<testsuites name=\"wavry-sim\" tests=\"4\" failures=\"1\" errors=\"2\"",
        "<testsuite name=\"play\" tests=\"3\" failures=\"1\" errors=\"1\"",
        "<testcase classname=\"play\" name=\"a-call\" time=\"0.",
        "<failure type=\"failed\" message=\"What the test of the reports needs.\">line 27: ",
        "bytes: &lt;what&gt; was forwarded",
        "<testsuite name=\"unreadable\" tests=\"1\" failures=\"0\" errors=\"1\"",
        "</testsuites>\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect_not_null(strstr(text, parts[i]), "\"%s\" is not in:\n%s", parts[i], text);
    free(text);
    for (size_t i = 0; outcomes[i]; i++)
        sim_outcome_free(outcomes[i]);
}

Test(play, the_chronicle_is_a_list_of_sentences)
{
    struct sim_outcome *outcome = played_with(3, 1);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    sim_chronicle_print(outcome->chronicle, out);
    fclose(out);
    static const char wanted[] = "5.000000s  ** peer_pause (line 23)\n"
                                 "6.000000s  call: client promoted to [::]:4000 by rule 2\n"
                                 "8.000000s  !! bytes: <what> was forwarded is not what came\n";
    cr_expect_str_eq(text, wanted);
    free(text);
    sim_outcome_free(outcome);
}
