/*
 * The scenario files that a command line means: files as they are, folders with all *.json below
 * them (schema.json excepted), in the order of their names, so that a suite always runs alike.
 */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "sim_arena.h"

#include <stdbool.h>
#include <stdint.h>

struct sim_files {
    const char **paths;
    uint32_t count;
    uint32_t room;
};

/* Adds what `path` means. False, with a message on standard error, where there is nothing. */
bool sim_files_add(struct sim_files *files, struct sim_arena *arena, const char *path);

#endif
