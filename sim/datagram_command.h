/*
 * "wavry-sim datagram HEX": one datagram of the relay's protocol, read and printed as JSON. Owns
 * that printing and nothing else; the reading is the core's own (protocol section 1).
 */
#ifndef SIM_DATAGRAM_COMMAND_H
#define SIM_DATAGRAM_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The command; argv[0] is "datagram", argv[1] the hex digits or "-" for standard input, around
 * which blanks are ignored. Exit code 0 where the datagram is ok, 1 where it is not, 2 for wrong
 * usage. */
int sim_datagram_command(int argc, char **argv);

/* Prints one line of JSON to `out`: `result`, in the words of section 1, and where that is "ok"
 * session_id and type with what the type holds: role, token (bytes beyond ASCII as \u00xx), cookie
 * (hex), release, draining, expires_ms, soft_limit_kbps, hard_limit_kbps, reason, and sequence (a
 * string: it needs 64 bits). Members that say nothing (no cookie, no token) are left out. Returns
 * whether the result is "ok". */
bool sim_datagram_print(FILE *out, const uint8_t *bytes, size_t size);

#endif
