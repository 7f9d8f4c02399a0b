/*
 * What a relay says of itself at /health (section 9). Owns one HTTP request; declines to judge.
 */
#ifndef PROBE_HEALTH_H
#define PROBE_HEALTH_H

#include "probe_net.h"

struct probe_health {
    char relay_id[257];
    bool ready;
    bool has_master_key;
    uint64_t sessions, max_sessions; /* 0 where it does not say */
};

/* `where` is a URL, or HOST:PORT for http://HOST:PORT/health. Takes at most `timeout_ms`. */
bool probe_health_ask(const char *where, uint64_t timeout_ms, struct probe_health *out,
                      struct probe_error *error);

#endif
