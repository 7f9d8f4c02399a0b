/*
 * The log: one line an event, as text (logfmt) or JSON, to standard error. Any thread may log: a
 * record goes into a bounded queue and a thread of the log's own writes it, so that a slow reader
 * of the log stops nobody; what finds no room is dropped and counted. Each place in the source has
 * a rate limit of its own and says how many lines it kept back. Callers hand in no secrets:
 * identities come hashed, tokens and keys never.
 */
#ifndef RD_LOG_H
#define RD_LOG_H

#include "options.h"

#include <stdatomic.h>

enum rd_field_kind {
    RD_FIELD_END,
    RD_FIELD_TEXT,
    RD_FIELD_NUMBER,
    RD_FIELD_ADDRESS,
    RD_FIELD_SESSION
};
struct rd_field {
    enum rd_field_kind kind;
    const char *name;
    const char *text; /* borrowed for the call */
    uint64_t number;
    const struct wr_address *address;
    const struct wr_session_id *session;
};

static inline struct rd_field rd_text(const char *name, const char *text)
{
    return (struct rd_field){.kind = RD_FIELD_TEXT, .name = name, .text = text};
}
static inline struct rd_field rd_number(const char *name, uint64_t number)
{
    return (struct rd_field){.kind = RD_FIELD_NUMBER, .name = name, .number = number};
}
static inline struct rd_field rd_address(const char *name, const struct wr_address *address)
{
    return (struct rd_field){.kind = RD_FIELD_ADDRESS, .name = name, .address = address};
}
static inline struct rd_field rd_session(const char *name, const struct wr_session_id *session)
{
    return (struct rd_field){.kind = RD_FIELD_SESSION, .name = name, .session = session};
}

/* One place in the source. */
struct rd_log_site {
    _Atomic uint64_t tat_ns;
    _Atomic uint64_t suppressed;
};

/* True where a record of this level would be written at all: for what is costly to say. */
bool rd_log_wants(enum rd_log_level level);

void rd_log_write(struct rd_log_site *site, enum rd_log_level level, const char *event,
                  const struct rd_field *fields);

/* RD_LOG(level, event, fields…): `event` is a short constant name such as "session_active". Up to
 * RD_FIELDS_MAX fields, none is fine; what is not given is RD_FIELD_END. */
#define RD_FIELDS_MAX 20
#define RD_LOG(level, event, ...)                                                                  \
    do {                                                                                           \
        static struct rd_log_site rd_log_site_;                                                    \
        if (rd_log_wants(level))                                                                   \
            rd_log_write(&rd_log_site_, level, event,                                              \
                         (const struct rd_field[RD_FIELDS_MAX + 1]){__VA_ARGS__});                 \
    } while (0)

/* Of every line from now on, also before rd_log_start. */
void rd_log_set_format(enum rd_log_format format);
/* Starts the writer. Before it, and after rd_log_stop, lines go straight to standard error. */
bool rd_log_start(enum rd_log_format format, enum rd_log_level level, struct rd_error *error);
void rd_log_set_level(enum rd_log_level level);
/* Writes what is queued, and ends the writer. */
void rd_log_stop(void);
uint64_t rd_log_suppressed(void);
uint64_t rd_log_dropped(void);

#endif
