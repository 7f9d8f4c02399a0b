/*
 * Public keys from the operator (section 8): those that are pinned and those that are revoked, from
 * options and from the key file. Owns the forms KID:HEX, :HEX, HEX and `revoke HEX`, and how many
 * there may be; what a key means for sessions is the core's to know.
 */
#ifndef RD_KEY_FILE_H
#define RD_KEY_FILE_H

#include "options.h"
#include "text_file.h"

#define RD_KEYS_REVOKED_MAX   256 /* as many as the core's key ring remembers */
#define RD_KEY_FILE_BYTES_MAX (1u << 20)
#define RD_KEY_TEXT_BYTES_MAX (WR_KID_BYTES_MAX + 1 + 2 * WR_PUBLIC_KEY_BYTES)
#define RD_KEY_FORMS          "KID:HEX, :HEX or HEX, where HEX are 64 hexadecimal digits"

/* KID:HEX (split at the last colon), :HEX or HEX. False where it is none of these. */
bool rd_key_parse(const char *text, struct rd_key *out);

/* Joins the pinned ones, each once. NULL, or why not. */
const char *rd_keys_pin(struct rd_keys *keys, const struct rd_key *key);

/* Revokes these bytes, each once. NULL, or why not. Keys that are pinned as well stay in the list:
 * the core refuses them, and what the operator pins stays all that is trusted. */
const char *rd_keys_revoke(struct rd_keys *keys, const uint8_t bytes[WR_PUBLIC_KEY_BYTES]);
bool rd_keys_revoked(const struct rd_keys *keys, const uint8_t bytes[WR_PUBLIC_KEY_BYTES]);

/* Adds what the text of a key file says to `keys`, whatever is in there already. */
bool rd_key_file_parse(const struct rd_text *text, struct rd_keys *keys, struct rd_error *error);

/* The same for a file, which must not be writable by everybody. */
bool rd_key_file_read(const char *path, struct rd_keys *keys, struct rd_error *error);

void rd_keys_free(struct rd_keys *keys);

#endif
