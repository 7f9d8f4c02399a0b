/*
 * What the commands of wavry-lease share: reading keys, times, numbers and tokens as people give
 * them, and printing texts of strangers safely. Owns no state; knows nothing of leases.
 */
#ifndef WR_LEASE_TEXT_H
#define WR_LEASE_TEXT_H

#include <wavry/types.h>

/* "wavry-lease COMMAND: …" on standard error, with a hint at --help. Returns the usage exit code.
 */
__attribute__((format(printf, 2, 3))) int lease_usage_error(const char *command, const char *format,
                                                            ...);

/* "wavry-lease COMMAND: …" on standard error. Returns the exit code for things that went wrong. */
__attribute__((format(printf, 2, 3))) int lease_failure(const char *command, const char *format,
                                                        ...);

/* Hex digits, any case, of exactly `bytes` bytes. */
bool lease_parse_hex(const char *text, uint8_t *out, size_t bytes);
void lease_print_hex(const uint8_t *bytes, size_t count, char *out);

/* Digits only, at most `max`. */
bool lease_parse_number(const char *text, uint64_t max, uint64_t *out);

/* RFC 3339, as in a lease. */
bool lease_parse_time(const char *text, uint64_t *unix_ms);

/* The wall clock. */
uint64_t lease_clock_unix_ms(void);

/* Reads a whole file ("-": standard input) of at most `capacity` - 1 bytes and terminates it.
 * False, with errno set (EFBIG where it is longer), where that fails. */
bool lease_read_file(const char *path, char *out, size_t capacity, size_t *bytes);

/* A token as given: the argument itself, or standard input without its one line end where the
 * argument is "-" or missing (NULL). `*token` is then inside a static buffer. False: unreadable. */
bool lease_read_token(const char *argument, const char **token, size_t *bytes);

/* A JSON string; the text is valid UTF-8. */
void lease_print_json(const char *text, size_t bytes);

/* For a person's terminal: what could move the cursor or turn the writing around is shown as
 * "\u001b"; bytes that are no UTF-8 as "\xff". */
void lease_print_safe(const char *text, size_t bytes);

#endif
