/*
 * A JSON document that a person wrote: its text, its tree (cJSON's) and the problems found in it.
 * Owns places: cJSON keeps no positions, so a node's line and column are found by walking the text
 * in the order of the tree. Declines to know what the document means.
 */
#ifndef SIM_DOCUMENT_H
#define SIM_DOCUMENT_H

#include "sim_arena.h"

#include <cjson/cJSON.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct sim_problem {
    uint32_t line; /* from 1; 0: the file as a whole */
    uint32_t column;
    const char *text; /* "peers.alice.behaviour: expected one of …, found …" */
};

#define SIM_PROBLEMS_MAX 50

struct sim_document {
    struct sim_arena *arena; /* borrowed; owns all text */
    const char *path;        /* as shown in problems */
    const char *text;
    size_t bytes;
    cJSON *root; /* NULL where the text is no JSON */
    struct sim_problem problems[SIM_PROBLEMS_MAX];
    uint32_t problem_count;
    uint32_t problems_left_out;
};

/* Reads and parses. False, with a problem, where the file cannot be read, is no JSON, or has what a
 * reader of JSON would take for something else (json_text.h). A member that appears twice is a
 * problem too, but leaves the tree usable. */
bool sim_document_read(struct sim_document *document, struct sim_arena *arena, const char *path);
bool sim_document_parse(struct sim_document *document, struct sim_arena *arena, const char *path,
                        const char *text, size_t bytes);

/* Gives the tree back; problems stay in the arena. */
void sim_document_close(struct sim_document *document);

/* Where a problem points to: the member's name or its value. */
enum sim_place { SIM_AT_VALUE, SIM_AT_NAME };

/* Adds a problem. The text is preceded by the node's path ("timeline[3].peer"). */
void sim_complain(struct sim_document *document, const cJSON *node, enum sim_place place,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

uint32_t sim_document_line(const struct sim_document *document, const cJSON *node);

/* "path:line:column: text", one a line, in order of place. */
void sim_document_print_problems(struct sim_document *document, FILE *out);

#endif
