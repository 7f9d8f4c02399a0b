/* The results as one JSON object, for programs: what each scenario was asked and what came of it.
 */
#ifndef SIM_REPORT_JSON_H
#define SIM_REPORT_JSON_H

#include "play.h"

struct sim_report_json;

struct sim_report_json *sim_report_json_begin(void);
void sim_report_json_outcome(struct sim_report_json *report, const struct sim_outcome *outcome);

/* Writes it and gives the report back. False where the file cannot be written. */
bool sim_report_json_end(struct sim_report_json *report, FILE *out);

#endif
