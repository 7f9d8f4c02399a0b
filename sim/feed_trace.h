/*
 * The lines of a trace (docs/traces.md) as values: what arrives, when, and what the configuration
 * says. Knows the text form and nothing of the core's behaviour.
 */
#ifndef SIM_FEED_TRACE_H
#define SIM_FEED_TRACE_H

#include <wavry/relay.h>

#include <stdio.h>

#define SIM_FEED_DATAGRAM_MAX 65535

struct sim_feed_key {
    char kid[WR_KID_BYTES_MAX + 1];
    uint8_t bytes[WR_PUBLIC_KEY_BYTES];
};

#define SIM_FEED_KEYS_MAX 64

struct sim_feed_config {
    char relay_id[WR_RELAY_ID_BYTES_MAX + 1];
    struct wr_address listen;
    uint64_t start_unix_ms;
    uint64_t verify_ns;
    uint32_t key_count;
    struct sim_feed_key keys[SIM_FEED_KEYS_MAX];
    struct wr_relay_config relay; /* relay_id and own_addresses are set by the feeder */
};

enum sim_feed_kind {
    SIM_FEED_TIME, /* nothing but time passes */
    SIM_FEED_DATAGRAM,
    SIM_FEED_WALL_STEP,
    SIM_FEED_KEY,
    SIM_FEED_REVOKE,
    SIM_FEED_BAN,
    SIM_FEED_UNBAN,
    SIM_FEED_DRAIN,
};

struct sim_feed_line {
    enum sim_feed_kind kind;
    uint64_t at_ns;
    int64_t wall_step_ms;
    struct wr_address from;
    uint32_t size;
    struct sim_feed_key key; /* of SIM_FEED_KEY, and the bytes of SIM_FEED_REVOKE */
    char sub[4096];          /* of SIM_FEED_BAN and SIM_FEED_UNBAN */
    uint8_t bytes[SIM_FEED_DATAGRAM_MAX];
};

/* Looks up the cookie in the latest answer to the datagram of a line; zeroes where there is none.
 */
typedef void sim_feed_cookie(void *context, uint64_t line, uint8_t cookie[WR_COOKIE_BYTES]);

/* Both return NULL, or what is wrong with the text, in a buffer that the next call reuses. */
const char *sim_feed_read_config(const char *text, struct sim_feed_config *out);
const char *sim_feed_read_line(const char *text, uint64_t line, sim_feed_cookie *cookie,
                               void *context, struct sim_feed_line *out);

#endif
