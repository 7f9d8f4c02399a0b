/*
 * The log as a test reads it: takes the place of log.c's writer (rd_log_wants, rd_log_write) in a
 * program that links this. A record becomes one line, `level event name=value …`.
 */
#ifndef CAPTURED_LOG_H
#define CAPTURED_LOG_H

#include "log.h"

/* Waits until a line contains `part` (and, unless NULL, `other`), and copies it to `line`. Lines
 * that were found once are not found again, nor are those before them. Fails the test after a
 * minute. */
void captured_log_await(const char *part, const char *other, char line[1024]);

/* Whether any line so far contains `part`. */
bool captured_log_has(const char *part);

#endif
