/* The results as JUnit XML, for CI systems: a test suite per folder, a test case per scenario. */
#ifndef SIM_REPORT_JUNIT_H
#define SIM_REPORT_JUNIT_H

#include "play.h"

struct sim_report_junit;

struct sim_report_junit *sim_report_junit_begin(void);
void sim_report_junit_outcome(struct sim_report_junit *report, const struct sim_outcome *outcome);

/* Writes it and gives the report back. False where the file cannot be written. */
bool sim_report_junit_end(struct sim_report_junit *report, FILE *out);

#endif
