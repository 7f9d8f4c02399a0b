/*
 * Giving up power: another user than root, no capabilities, no new privileges, no core dumps of
 * secrets, and a filter of system calls. Called once everything that needs power is open. Owns the
 * list of what the relay may still ask of the kernel.
 */
#ifndef RD_SANDBOX_H
#define RD_SANDBOX_H

#include "error.h"

#include <stdbool.h>

/* As root: becomes `user` (and its groups), which must be named and must not be root. As anybody:
 * drops every capability, sets no_new_privs, is not dumpable any more. Then looks whether it is
 * true. Before threads exist: most of it is per thread. After it, /proc/self belongs to root.
 * False: the process must not go on, some of its power may be gone. */
bool rd_sandbox_drop(const char *user, struct rd_error *error);

/* The system call filter, for every thread there is and every one that starts later. No file is
 * opened for writing after it; reading files, name lookups, TLS, new threads and new connections go
 * on as before. Sets no_new_privs. */
bool rd_sandbox_filter(struct rd_error *error);

#endif
