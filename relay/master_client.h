/*
 * The master over HTTP (section 8): a thread of its own that drives the core's master link
 * (wavry/master.h) with libcurl. Owns connections, TLS, time limits and the JSON of requests and
 * answers; what a key or a registration means is its owner's to know. Nothing a master does or
 * fails to do blocks anybody else.
 */
#ifndef RD_MASTER_CLIENT_H
#define RD_MASTER_CLIENT_H

#include "error.h"
#include "options.h"
#include "snapshot.h"

/* Called on the client's thread; must not block. */
struct rd_master_hooks {
    void *context;
    uint32_t (*load_pct)(void *context);
    void (*key)(void *context, const char *kid, const uint8_t public_key[WR_PUBLIC_KEY_BYTES]);
    void (*event)(void *context, enum wr_master_event event);
};

struct rd_master_client;
/* `options` and `relay_id` are borrowed until rd_master_client_stop. */
struct rd_master_client *rd_master_client_start(const struct rd_options *options,
                                                const char *relay_id,
                                                const struct rd_master_hooks *hooks,
                                                struct rd_error *error);

/* From any thread. */
void rd_master_client_key_wanted(struct rd_master_client *client);
void rd_master_client_drain(struct rd_master_client *client);
/* The one thing of a registration that a reload can change (section 8): where it has, the master is
 * told by a new one. */
void rd_master_client_set_max_sessions(struct rd_master_client *client, uint32_t max_sessions);
/* What the master says is judged by these keys from now on. Some are pinned now exactly where some
 * were at the start. */
void rd_master_client_set_pinned(struct rd_master_client *client, const struct rd_keys *keys);
bool rd_master_client_registered(const struct rd_master_client *client);
void rd_master_client_counters(const struct rd_master_client *client,
                               struct wr_master_counters *out);

/* Ends at once, whatever the master is doing with a request; but for the last heartbeat of a drain,
 * which has half a second to get there. */
void rd_master_client_stop(struct rd_master_client *client);

#endif
