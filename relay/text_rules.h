/*
 * What texts from the operator may look like. Each function returns NULL where the text is allowed,
 * else what is: words that fit behind "expected ".
 */
#ifndef RD_TEXT_RULES_H
#define RD_TEXT_RULES_H

#include <stdbool.h>
#include <stddef.h>

/* http or https, a host, no user, query or fragment. */
const char *rd_url_wrong(const char *text);
/* What can stand in an Authorization header; "" for none. */
const char *rd_token_wrong(const char *text);
/* 1..256 printable ASCII characters without blanks; "" for none. */
const char *rd_relay_id_wrong(const char *text);
/* UTF-8 without control characters; "" for none. */
const char *rd_words_wrong(const char *text);
const char *rd_user_wrong(const char *text);

/* The host of an allowed URL, without brackets, and whether the scheme is https. False where it is
 * longer than `room` or memory is short. */
bool rd_url_host(const char *url, char *host, size_t room, bool *https);

#endif
