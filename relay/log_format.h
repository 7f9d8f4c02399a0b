/*
 * A log record as one line: text (logfmt) or JSON. Owns quoting, so that no value, whoever chose
 * it, can end its line, forge a field or steer a terminal; JSON lines are valid UTF-8 whatever they
 * are given. Declines to know when and whither lines are written.
 */
#ifndef RD_LOG_FORMAT_H
#define RD_LOG_FORMAT_H

#include "log.h"

/* No line is longer, its line feed included. What does not fit is cut, and the line says
 * `cut=true`. */
#define RD_LOG_LINE_BYTES 2048

struct rd_log_line {
    uint64_t unix_ms;
    enum rd_log_level level;
    const char *event;             /* a plain word */
    const struct rd_field *fields; /* up to RD_FIELD_END; their names are plain words */
    uint64_t suppressed;           /* lines of the same place kept back before this one */
};

/* Returns the length; the last byte is the line feed, there is no NUL. A byte that is not UTF-8
 * shows as \xNN, a character that is not plain as \uNNNN. */
size_t rd_log_format_line(const struct rd_log_line *line, enum rd_log_format format,
                          char out[RD_LOG_LINE_BYTES]);

const char *rd_log_level_name(enum rd_log_level level);

#endif
