/*
 * One option's value: from text into struct rd_options and back. Owns what each kind of option may
 * look like and how it is said; declines to know where a text came from.
 */
#ifndef RD_OPTION_VALUE_H
#define RD_OPTION_VALUE_H

#include "options_table.h"

#define RD_ALLOWED_BYTES 256
#define RD_SHOWN_BYTES   (RD_TEXT_MAX + 64)

/* Sets the value. False: `allowed` says what it may be, in words that fit behind "expected ".
 * Repeatable options add to what is there. */
bool rd_option_set(struct rd_options *options, const struct rd_option *option, const char *text,
                   char allowed[RD_ALLOWED_BYTES]);

/* The value as a configuration file would have it, NULL where the option has none (nothing was
 * given and there is no default) or is not a setting. Secrets are "(hidden)". For an option that
 * can be repeated: the values, with commas between. */
const char *rd_option_show(const struct rd_options *options, const struct rd_option *option,
                           char out[RD_SHOWN_BYTES]);

/* Whether the two hold the same value; keys, bans and what is not a setting count as the same. */
bool rd_option_equal(const struct rd_options *one, const struct rd_options *other,
                     const struct rd_option *option);

/* Copies the value; nothing for keys. */
void rd_option_copy(struct rd_options *to, const struct rd_options *from,
                    const struct rd_option *option);

/* "true", "yes", "on", "1" … : what upstream takes as well. */
bool rd_bool_parse(const char *text, bool *out);

#endif
