/*
 * The relay id (section 8): given by --relay-id, else kept in the state directory, so that it is
 * the same after a restart and leases stay good. Owns the file; without a state directory the id
 * lives as long as the process, and the log says so.
 */
#ifndef RD_IDENTITY_H
#define RD_IDENTITY_H

#include "options.h"

/* Writes the id to use. Creates the directory and the file (atomically, mode 0600) where missing;
 * a file that cannot be read or holds nonsense is an error, never silently replaced. */
bool rd_identity_load(const struct rd_options *options, char out[WR_RELAY_ID_BYTES_MAX + 1],
                      struct rd_error *error);

/* For --check-config: fails where rd_identity_load would, as far as that shows without making or
 * writing anything. `out` is the id that would be used, empty where a start would make a new one.
 */
bool rd_identity_check(const struct rd_options *options, char out[WR_RELAY_ID_BYTES_MAX + 1],
                       struct rd_error *error);

#endif
