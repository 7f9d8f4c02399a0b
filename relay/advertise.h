/*
 * The addresses that the master tells peers, where the operator named none (section 8).
 */
#ifndef RD_ADVERTISE_H
#define RD_ADVERTISE_H

#include "options.h"

/* Fills `options->advertise` where it is empty: with --listen if that is one address; where it is a
 * wildcard, with the address that the kernel would send from towards the master (or, where the
 * master's name is not known now, towards the internet), of each family that the wildcard takes.
 * Sends nothing but what a name needs. Leaves notes on addresses that peers elsewhere cannot reach.
 * Fails where nothing is found: then --advertise must be given. */
bool rd_advertise_default(struct rd_options *options, struct rd_error *error);

/* Notes on the addresses that are announced, however they came about. */
void rd_advertise_judge(struct rd_options *options);

/* Adds a note, formatted; without effect when there is no room. */
void rd_note(struct rd_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
