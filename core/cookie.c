#include "cookie.h"

#include "fault.h"

#include <sodium.h>
#include <string.h>

static void derive(const struct wr_cookie_jar *jar, uint64_t period, uint8_t secret[16])
{
    uint8_t label[8];
    for (int i = 0; i < 8; i++)
        label[i] = (uint8_t)(period >> (8 * i));
    crypto_generichash(secret, 16, label, sizeof label, jar->root, sizeof jar->root);
}

static void turn_to(struct wr_cookie_jar *jar, wr_instant now)
{
    uint64_t period = wr_elapsed(jar->start_ns, now) / WR_COOKIE_PERIOD_NS;
    if (period == jar->period)
        return;
    jar->period = period;
    derive(jar, period, jar->secrets[0]);
    derive(jar, period - 1, jar->secrets[1]);
}

void wr_cookie_jar_start(struct wr_cookie_jar *jar, const uint8_t root[WR_COOKIE_ROOT_BYTES],
                         wr_instant now)
{
    jar->start_ns = now;
    jar->period = 0;
    memcpy(jar->root, root, sizeof jar->root);
    derive(jar, 0, jar->secrets[0]);
    derive(jar, UINT64_MAX, jar->secrets[1]); /* the period before the first gave none out */
}

static void compute(const uint8_t secret[16], const struct wr_session_id *session,
                    enum wr_role role, const struct wr_address *address,
                    uint8_t out[WR_COOKIE_BYTES])
{
    uint8_t input[16 + 1 + 16 + 4 + 2];
    memcpy(input, session->bytes, 16);
    input[16] = (uint8_t)role;
    memcpy(input + 17, address->ip, 16);
    for (int i = 0; i < 4; i++)
        input[33 + i] = (uint8_t)(address->zone >> (8 * i));
    input[37] = (uint8_t)(address->port >> 8);
    input[38] = (uint8_t)(address->port & 255);
    if (WR_FAULT(cookie_ignores_address))
        memset(input + 17, 0, sizeof input - 17);
    crypto_shorthash_siphashx24(out, input, sizeof input, secret);
}

void wr_cookie_make(struct wr_cookie_jar *jar, const struct wr_session_id *session,
                    enum wr_role role, const struct wr_address *address, wr_instant now,
                    uint8_t out[WR_COOKIE_BYTES])
{
    turn_to(jar, now);
    compute(jar->secrets[0], session, role, address, out);
}

bool wr_cookie_valid(struct wr_cookie_jar *jar, const struct wr_session_id *session,
                     enum wr_role role, const struct wr_address *address, wr_instant now,
                     const uint8_t cookie[WR_COOKIE_BYTES])
{
    uint8_t expected[WR_COOKIE_BYTES];
    turn_to(jar, now);
    for (int i = 0; i < 2; i++) {
        compute(jar->secrets[i], session, role, address, expected);
        if (sodium_memcmp(expected, cookie, sizeof expected) == 0)
            return true;
    }
    for (uint64_t period = 0; WR_FAULT(cookie_lives_forever) && period < jar->period; period++) {
        uint8_t secret[16];
        derive(jar, period, secret);
        compute(secret, session, role, address, expected);
        if (memcmp(expected, cookie, sizeof expected) == 0)
            return true;
    }
    return false;
}
