/*
 * The life of a relay process: everything is opened, power is given up, threads run, signals are
 * obeyed (SIGHUP reloads, SIGTERM and SIGINT drain, the second of them ends at once), and all is
 * given back. Owns the order of these things and the status that HTTP shows.
 */
#ifndef RD_LIFE_H
#define RD_LIFE_H

#include "options.h"

/* Runs until the end; the exit code: 0 drained or asked to, 1 something failed, 2 the state
 * directory cannot be used (both logged), 130 or 143 after a second signal. `argc` and `argv` are
 * read again on SIGHUP; `options` are then kept up to date, and stay the caller's to free. */
int rd_life_run(struct rd_options *options, int argc, char **argv);

#endif
