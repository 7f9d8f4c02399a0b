/*
 * Path cookies (section 6): SipHash-2-4-128 of session, role, source address and port, under a
 * secret that is renewed at every multiple of 120 s since the start; the last two are accepted.
 * Says that somebody receives at an address, not who.
 */
#ifndef WR_COOKIE_H
#define WR_COOKIE_H

#include <wavry/types.h>

#define WR_COOKIE_PERIOD_NS  (120 * WR_S)
#define WR_COOKIE_ROOT_BYTES 32

struct wr_cookie_jar {
    wr_instant start_ns;
    uint64_t period; /* of `secrets[0]`; `secrets[1]` is the one before */
    uint8_t secrets[2][16];
    uint8_t root[WR_COOKIE_ROOT_BYTES];
};

/* `root` comes from the entropy interface; every period's secret is derived from it, so that the
 * entropy consumed does not depend on traffic. */
void wr_cookie_jar_start(struct wr_cookie_jar *jar, const uint8_t root[WR_COOKIE_ROOT_BYTES],
                         wr_instant now);

/* The cookie that is given out now. */
void wr_cookie_make(struct wr_cookie_jar *jar, const struct wr_session_id *session,
                    enum wr_role role, const struct wr_address *address, wr_instant now,
                    uint8_t out[WR_COOKIE_BYTES]);

/* Was this cookie given to this address for this role of this session, not too long ago? */
bool wr_cookie_valid(struct wr_cookie_jar *jar, const struct wr_session_id *session,
                     enum wr_role role, const struct wr_address *address, wr_instant now,
                     const uint8_t cookie[WR_COOKIE_BYTES]);

#endif
