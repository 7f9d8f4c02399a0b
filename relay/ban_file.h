/*
 * Banned identities from the operator (section 2, check 11): one `sub` a line, as tokens carry it.
 * Owns the file's form and the sorted list made of it. An identity that holds ` #` or begins with
 * `#` or a quote stands in double quotes.
 */
#ifndef RD_BAN_FILE_H
#define RD_BAN_FILE_H

#include "options.h"
#include "text_file.h"

#define RD_SUB_BYTES_MAX      256
#define RD_BAN_FILE_BYTES_MAX (64u << 20)

/* Makes `bans` (which holds nothing yet) of a ban file's text: sorted by bytes, each once, at most
 * `bans_max`. On failure `bans` stays empty. */
bool rd_ban_file_parse(const struct rd_text *text, size_t bans_max, struct rd_bans *bans,
                       struct rd_error *error);
bool rd_ban_file_read(const char *path, size_t bans_max, struct rd_bans *bans,
                      struct rd_error *error);

/* Calls with every identity that is only in one of two lists: what a reload must ban and unban. */
void rd_bans_differences(const struct rd_bans *before, const struct rd_bans *after,
                         void (*ban)(void *context, const char *sub),
                         void (*unban)(void *context, const char *sub), void *context);

void rd_bans_free(struct rd_bans *bans);

#endif
