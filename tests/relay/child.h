/* What a child process must find true: power that it gave up cannot be taken back, so tests do it
 * in children. One that finds otherwise says so and ends with 1. */
#ifndef CHILD_H
#define CHILD_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)dprintf(2, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition,           \
                          strerror(errno));                                                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

#endif
