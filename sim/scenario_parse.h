/*
 * From a JSON document to a scenario. Owns every rule about what a scenario may say; reports all
 * mistakes it can find in one go, each with file, line, column and path.
 */
#ifndef SIM_SCENARIO_PARSE_H
#define SIM_SCENARIO_PARSE_H

#include "document.h"
#include "scenario_expect.h"
#include "scenario_timeline.h"

/* The scenario, or NULL with problems in the document. It lives in the document's arena, which must
 * outlive it; the document itself may be closed. */
struct sim_scenario *sim_scenario_parse(struct sim_document *document);

/* Reads a file; prints the problems and returns NULL where there are any. To be given back by
 * sim_scenario_free. */
struct sim_scenario *sim_scenario_load(const char *path, FILE *problems);
void sim_scenario_free(struct sim_scenario *scenario);

#endif
