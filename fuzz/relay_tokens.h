/*
 * Leases for the target `relay`: a token follows from eight small numbers alone, so the same record
 * of an input means the same token wherever it stands, and tokens are kept from one input to the
 * next. Encodes and signs by itself (no code of the core's), and knows of every signature it made
 * which key it fits: a relay's verification requests are answered from that.
 */
#ifndef FUZZ_RELAY_TOKENS_H
#define FUZZ_RELAY_TOKENS_H

#include <wavry/relay.h>

#define RELAY_ID            "relay-1"
#define RELAY_START_UNIX_MS UINT64_C(1795000000000)
#define RELAY_KEYS          4
#define RELAY_SUBS          5
#define RELAY_SESSIONS      4
#define RELAY_TOKEN_MAX     1100

/* Numbers of any size: each is taken modulo what there is. All zero is a lease of "alice" as the
 * client of the first session, signed by the first key, issued at the start, for 900 s. */
struct relay_token_spec {
    uint8_t sub, session, role, key;
    uint8_t kid;  /* 0: the signing key's own; then each key's, then none, then an unknown one */
    uint8_t iat;  /* a moment; most lie near the start */
    uint8_t ttl;  /* a span */
    uint8_t more; /* RELAY_TOKEN_… */
};

enum {
    RELAY_TOKEN_SLOW = 1,        /* hard limit 1000 kbps */
    RELAY_TOKEN_FAST = 2,        /* limits of 32 bits */
    RELAY_TOKEN_OTHER_RELAY = 4, /* made for another relay */
    RELAY_TOKEN_LATER = 8,       /* not before 40 s after its issue */
    RELAY_TOKEN_NO_IAT = 16,
    RELAY_TOKEN_FOOTER = 32,
    RELAY_TOKEN_NO_RELAY = 64, /* names none */
    RELAY_TOKEN_TWIN = 128,    /* other bytes, the same meaning */
};

struct relay_token {
    uint32_t bytes;
    uint8_t text[RELAY_TOKEN_MAX];
};

/* The token of a specification; valid until the next call. */
const struct relay_token *relay_token_of(const struct relay_token_spec *wanted);

/* The key that a request's signature fits, or -1: from knowledge where there is some, and then the
 * first answer about each token is held against libsodium's. */
int relay_token_verify(const struct wr_verification *request);

const uint8_t *relay_key(uint32_t number);           /* public; number modulo RELAY_KEYS */
const char *relay_kid(uint32_t number);              /* "k1", … ; number modulo RELAY_KEYS */
const char *relay_sub(uint32_t number);              /* number modulo RELAY_SUBS */
struct wr_session_id relay_session(uint32_t number); /* modulo RELAY_SESSIONS */

/* "alice, client of session 0, k1, issued +30000 ms, for 900000 ms" into `text`. */
void relay_token_describe(const struct relay_token_spec *wanted, char *text, size_t bytes);

#endif
