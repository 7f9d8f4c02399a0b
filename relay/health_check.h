/*
 * Asks a relay's own /health from the outside, as a container's health check does: images carry no
 * curl. Owns one short connection; declines to know what the answer says beyond its status line.
 */
#ifndef RD_HEALTH_CHECK_H
#define RD_HEALTH_CHECK_H

#include <wavry/types.h>

/* `address` as in --health-listen: a wildcard is asked on loopback. Returns an exit code: 0 for a
 * status of 200, otherwise 1 with the reason on standard error. No step waits longer than three
 * seconds. */
int rd_health_check(const struct wr_address *address);

#endif
