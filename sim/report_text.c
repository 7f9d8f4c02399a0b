#include "report_text.h"

#include "quantity.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_BEFORE 8
#define EVENTS_AFTER  4

static const char *const ending_words[] = {"ok", "FAILED", "UNREADABLE", "VIOLATED",
                                           "NOT DETERMINISTIC"};
static const char *const ending_colours[] = {"\033[32m", "\033[31m", "\033[31m", "\033[35m",
                                             "\033[35m"};

void sim_report_text_begin(struct sim_report_text *report, FILE *out, uint32_t scenarios)
{
    bool terminal = isatty(fileno(out)) == 1;
    *report = (struct sim_report_text){
        .out = out, .total = scenarios, .colours = terminal, .progress = terminal};
}

static void clear_progress(struct sim_report_text *report)
{
    if (report->progress)
        fputs("\r\033[K", report->out);
}

void sim_report_text_start(struct sim_report_text *report, const char *path)
{
    report->current = path;
    if (report->progress) {
        fprintf(report->out, "\r\033[K[%u/%u] %s", report->done + 1, report->total, path);
        fflush(report->out);
    }
}

void sim_report_text_progress(void *context, uint64_t at_ns, uint64_t events)
{
    struct sim_report_text *report = context;
    char at[SIM_DURATION_TEXT_BYTES];
    if (!report->progress)
        return;
    fprintf(report->out, "\r\033[K[%u/%u] %s  %s simulated, %" PRIu64 " events", report->done + 1,
            report->total, report->current, sim_duration_format(at_ns, at), events);
    fflush(report->out);
}

/* "0.042" seconds. */
static void print_seconds(FILE *out, uint64_t ns)
{
    fprintf(out, "%" PRIu64 ".%03" PRIu64, ns / WR_S, ns % WR_S / WR_MS);
}

static void print_lost(const struct sim_report_text *report, const struct sim_outcome *outcome)
{
    char at[SIM_DURATION_TEXT_BYTES];
    for (uint32_t i = 0; i < outcome->scenario->expectation_count; i++) {
        const struct sim_judgement *judgement = &outcome->judgements[i];
        if (judgement->held)
            continue;
        fprintf(report->out, "    %s:%u: expected %s; %s\n", outcome->path,
                judgement->expectation->line, judgement->expectation->text, judgement->found);
        fprintf(report->out, "    lost at %s; around it:\n",
                sim_duration_format(judgement->at_ns, at));
        sim_chronicle_around(outcome->chronicle, judgement->at_ns, judgement->session,
                             EVENTS_BEFORE, EVENTS_AFTER, "      ", report->out);
    }
}

static void print_violations(const struct sim_report_text *report,
                             const struct sim_outcome *outcome)
{
    char at[SIM_DURATION_TEXT_BYTES];
    for (uint32_t i = 0; i < outcome->violation_count; i++)
        fprintf(report->out, "    at %s: %s\n",
                sim_duration_format(outcome->violations[i].at_ns, at), outcome->violations[i].text);
    if (outcome->result.violations > outcome->violation_count)
        fprintf(report->out, "    and %" PRIu64 " more\n",
                outcome->result.violations - outcome->violation_count);
    if (outcome->violation_count > 0) {
        fputs("    around the first one:\n", report->out);
        sim_chronicle_around(outcome->chronicle, outcome->violations[0].at_ns, SIM_NONE,
                             EVENTS_BEFORE, EVENTS_AFTER, "      ", report->out);
    }
}

static void print_divergence(const struct sim_report_text *report,
                             const struct sim_outcome *outcome)
{
    char at[SIM_DURATION_TEXT_BYTES];
    fprintf(report->out,
            "    two runs with seed %" PRIu64 " differ: %016" PRIx64 " and %016" PRIx64
            ", from some event before %s on\n",
            outcome->seed, outcome->result.hash, outcome->second_hash,
            sim_duration_format(outcome->diverged_at_ns, at));
}

static void print_hashes(const struct sim_report_text *report, const struct sim_outcome *outcome)
{
    char at[SIM_DURATION_TEXT_BYTES];
    fprintf(report->out, "hash %s/%s seed %" PRIu64 " events %" PRIu64 " %016" PRIx64 "\n",
            outcome->scenario->family, outcome->scenario->name, outcome->seed,
            outcome->result.events, outcome->result.hash);
    for (uint32_t i = 0; i < outcome->result.checkpoint_count; i++)
        fprintf(report->out, "checkpoint %s/%s %s events %" PRIu64 " %016" PRIx64 "\n",
                outcome->scenario->family, outcome->scenario->name,
                sim_duration_format(outcome->result.checkpoints[i].at_ns, at),
                outcome->result.checkpoints[i].events, outcome->result.checkpoints[i].hash);
}

void sim_report_text_outcome(struct sim_report_text *report, const struct sim_outcome *outcome)
{
    char duration[SIM_DURATION_TEXT_BYTES];
    const struct sim_scenario *scenario = outcome->scenario;
    report->done++;
    report->by_ending[outcome->ending]++;
    clear_progress(report);
    fprintf(report->out, "%s%-6s%s ", report->colours ? ending_colours[outcome->ending] : "",
            ending_words[outcome->ending], report->colours ? "\033[0m" : "");
    if (!scenario) {
        fprintf(report->out, "%s\n", outcome->path);
        return;
    }
    report->simulated_ns += scenario->duration_ns;
    report->wall_ns += outcome->wall_ns;
    report->events += outcome->result.events;
    fprintf(report->out, "%s/%s  %s in ", scenario->family, scenario->name,
            sim_duration_format(scenario->duration_ns, duration));
    print_seconds(report->out, outcome->wall_ns);
    fprintf(report->out, " s\n");
    if (outcome->ending != SIM_ENDED_PASSED)
        fprintf(report->out, "    %s\n", scenario->shows);
    if (outcome->ending == SIM_ENDED_VIOLATED)
        print_violations(report, outcome);
    if (outcome->ending == SIM_ENDED_DIVERGED)
        print_divergence(report, outcome);
    if (outcome->lost > 0)
        print_lost(report, outcome);
    if (report->hashes)
        print_hashes(report, outcome);
    fflush(report->out);
}

void sim_report_text_end(struct sim_report_text *report)
{
    static const char *const words[] = {"passed", "failed", "unreadable", "violated an oracle",
                                        "not deterministic"};
    char simulated[SIM_DURATION_TEXT_BYTES];
    clear_progress(report);
    fprintf(report->out, "%u scenario%s:", report->done, report->done == 1 ? "" : "s");
    const char *between = " ";
    for (uint32_t i = 0; i < 5; i++) {
        if (report->by_ending[i] == 0)
            continue;
        fprintf(report->out, "%s%u %s", between, report->by_ending[i], words[i]);
        between = ", ";
    }
    fprintf(report->out, "; %s simulated in ",
            sim_duration_format(report->simulated_ns, simulated));
    print_seconds(report->out, report->wall_ns);
    fprintf(report->out, " s, %" PRIu64 " events\n", report->events);
}
