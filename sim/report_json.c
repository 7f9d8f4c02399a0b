#include "report_json.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <stdlib.h>

struct sim_report_json {
    cJSON *root;
    cJSON *scenarios;
    uint32_t by_ending[5];
};

struct sim_report_json *sim_report_json_begin(void)
{
    struct sim_report_json *report = calloc(1, sizeof *report);
    if (!report)
        return NULL;
    report->root = cJSON_CreateObject();
    report->scenarios = cJSON_AddArrayToObject(report->root, "scenarios");
    return report;
}

/* As digits, so that nothing is lost: a reader with doubles keeps 53 bits. */
static void add_u64(cJSON *node, const char *name, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    cJSON_AddRawToObject(node, name, digits);
}

static void add_hash(cJSON *node, const char *name, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%016" PRIx64, value);
    cJSON_AddStringToObject(node, name, digits);
}

static void add_expectations(cJSON *node, const struct sim_outcome *outcome)
{
    cJSON *list = cJSON_AddArrayToObject(node, "expectations");
    for (uint32_t i = 0; i < outcome->scenario->expectation_count; i++) {
        const struct sim_judgement *judgement = &outcome->judgements[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        cJSON_AddNumberToObject(item, "line", judgement->expectation->line);
        cJSON_AddStringToObject(item, "expected", judgement->expectation->text);
        cJSON_AddBoolToObject(item, "held", judgement->held);
        if (*judgement->found)
            cJSON_AddStringToObject(item, "found", judgement->found);
        if (!judgement->held)
            add_u64(item, "lost_at_ns", judgement->at_ns);
    }
}

static void add_violations(cJSON *node, const struct sim_outcome *outcome)
{
    add_u64(node, "violations", outcome->result.violations);
    cJSON *list = cJSON_AddArrayToObject(node, "first_violations");
    for (uint32_t i = 0; i < outcome->violation_count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        add_u64(item, "at_ns", outcome->violations[i].at_ns);
        cJSON_AddStringToObject(item, "text", outcome->violations[i].text);
    }
}

static void add_checkpoints(cJSON *node, const struct sim_run_result *result)
{
    cJSON *list = cJSON_AddArrayToObject(node, "checkpoints");
    for (uint32_t i = 0; i < result->checkpoint_count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        add_u64(item, "at_ns", result->checkpoints[i].at_ns);
        add_u64(item, "events", result->checkpoints[i].events);
        add_hash(item, "hash", result->checkpoints[i].hash);
    }
}

void sim_report_json_outcome(struct sim_report_json *report, const struct sim_outcome *outcome)
{
    const struct sim_scenario *scenario = outcome->scenario;
    cJSON *node = cJSON_CreateObject();
    cJSON_AddItemToArray(report->scenarios, node);
    report->by_ending[outcome->ending]++;
    cJSON_AddStringToObject(node, "path", outcome->path);
    cJSON_AddStringToObject(node, "result", sim_ending_name(outcome->ending));
    if (!scenario || !outcome->result.created)
        return;
    cJSON_AddStringToObject(node, "family", scenario->family);
    cJSON_AddStringToObject(node, "name", scenario->name);
    cJSON_AddStringToObject(node, "shows", scenario->shows);
    add_u64(node, "seed", outcome->seed);
    add_u64(node, "duration_ns", scenario->duration_ns);
    add_u64(node, "wall_ns", outcome->wall_ns);
    add_u64(node, "events", outcome->result.events);
    add_u64(node, "datagrams_forwarded", outcome->result.datagrams_forwarded);
    add_hash(node, "hash", outcome->result.hash);
    add_expectations(node, outcome);
    add_violations(node, outcome);
    add_checkpoints(node, &outcome->result);
    if (outcome->ending == SIM_ENDED_DIVERGED) {
        add_hash(node, "second_hash", outcome->second_hash);
        add_u64(node, "diverged_before_ns", outcome->diverged_at_ns);
    }
}

bool sim_report_json_end(struct sim_report_json *report, FILE *out)
{
    cJSON *totals = cJSON_AddObjectToObject(report->root, "totals");
    for (int i = 0; i < 5; i++)
        cJSON_AddNumberToObject(totals, sim_ending_name((enum sim_ending)i), report->by_ending[i]);
    char *text = cJSON_Print(report->root);
    bool written = text && fputs(text, out) >= 0 && fputc('\n', out) != EOF && fflush(out) == 0;
    cJSON_free(text);
    cJSON_Delete(report->root);
    free(report);
    return written;
}
