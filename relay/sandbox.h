/*
 * Giving up power: another user than root, no capabilities, no new privileges, no core dumps of
 * secrets, and a filter of system calls. Called once everything that needs power is open. Owns the
 * list of what the relay may still ask of the kernel.
 */
#ifndef RD_SANDBOX_H
#define RD_SANDBOX_H

#include "error.h"

#include <stdbool.h>

/* As root: becomes `user` (and its groups), before threads exist. As anybody: drops every
 * capability, sets no_new_privs, is not dumpable any more. */
bool rd_sandbox_drop(const char *user, struct rd_error *error);

/* The system call filter, for this thread and every one that it starts later. */
bool rd_sandbox_filter(struct rd_error *error);

#endif
