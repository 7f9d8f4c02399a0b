/*
 * The relay's HTTP (section 9): /health, /ready, /metrics, /metrics/prometheus, on a thread of
 * libmicrohttpd's. Owns the server and the wording of its answers; what they say comes from one
 * callback. Bounded in connections, time and request size.
 */
#ifndef RD_HTTP_H
#define RD_HTTP_H

#include "error.h"
#include "snapshot.h"

/* Fills `out`; called on the server's thread. Never blocks for longer than about a second. */
typedef void (*rd_status_source)(void *context, struct rd_status *out);

struct rd_http;
/* Listens at once (a port in use is an error); answers from then on. NULL on failure. */
struct rd_http *rd_http_start(const struct wr_address *listen, rd_status_source source,
                              void *context, struct rd_error *error);
/* Where it really listens (port 0 was asked for: tests). */
struct wr_address rd_http_address(const struct rd_http *http);
void rd_http_stop(struct rd_http *http);

#endif
