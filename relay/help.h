/*
 * What the program says of itself: help, version, and the configuration that would be used.
 */
#ifndef RD_HELP_H
#define RD_HELP_H

#include "options.h"

#include <stdio.h>

/* At most 100 columns wide. */
void rd_print_help(FILE *out);
void rd_print_version(FILE *out);

/* Every option with its value and where that comes from, in the form of a configuration file that
 * would do the same (secrets left out); keys and bans counted; notes. */
void rd_print_options(FILE *out, const struct rd_options *options);

#endif
