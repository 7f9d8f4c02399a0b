/*
 * HTTP to one master (section 8): at most two exchanges at a time, one for each of the link's
 * channels, on connections that are kept and used again. Owns libcurl, TLS, time limits and the
 * bound of an answer; declines to know when a request is due and what an answer means for the link.
 * One thread uses it; rd_master_http_wake may be called by any.
 */
#ifndef RD_MASTER_HTTP_H
#define RD_MASTER_HTTP_H

#include "error.h"

#include <wavry/master.h>

/* A register or heartbeat, and a key fetch, may be on their way at the same time. */
enum rd_master_channel { RD_MASTER_CONTACT, RD_MASTER_KEYS };
#define RD_MASTER_CHANNELS 2

static inline enum rd_master_channel rd_master_channel_of(enum wr_master_request_kind kind)
{
    return kind == WR_MASTER_KEY ? RD_MASTER_KEYS : RD_MASTER_CONTACT;
}

/* What became of an exchange. */
struct rd_master_outcome {
    uint64_t id;
    enum wr_master_request_kind kind;
    long http_status; /* 0 where none came */
    char error[256];  /* libcurl's words, or "" */
    struct wr_master_answer answer;
};

struct rd_master_http;

/* `url` without a trailing slash; `token` may be "". NULL where the URL is none that is served
 * (http or https, a host, no user, query or fragment) or something could not be set up. */
struct rd_master_http *rd_master_http_create(const char *url, const char *token,
                                             struct rd_error *error);

/* Ends every exchange at once; never waits for a master or a name server. */
void rd_master_http_destroy(struct rd_master_http *http);

/* Starts an exchange; its channel must be idle. `body` is copied; a key fetch has none, for another
 * one NULL means that there was no memory. Whatever goes wrong is told by rd_master_http_next. */
void rd_master_http_send(struct rd_master_http *http, const struct wr_master_request *request,
                         const char *body);

/* The id of the request on its way in this channel; 0 for none. */
uint64_t rd_master_http_in_flight(const struct rd_master_http *http,
                                  enum rd_master_channel channel);

/* Gives up the exchange in this channel: WR_MASTER_TIMED_OUT, and how far it had come. */
void rd_master_http_give_up(struct rd_master_http *http, enum rd_master_channel which,
                            struct rd_master_outcome *out);

/* Moves all exchanges on as far as they go without waiting, and takes one that has ended. */
bool rd_master_http_next(struct rd_master_http *http, struct rd_master_outcome *out);

/* Waits until an exchange can go on, somebody wakes us, or the time is over. */
void rd_master_http_wait(struct rd_master_http *http, uint64_t timeout_ns);
void rd_master_http_wake(struct rd_master_http *http);

#endif
