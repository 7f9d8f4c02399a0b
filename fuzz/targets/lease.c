/*
 * Leases (section 2, checks 1 to 10). The input is the terms (what the header, the clock, the key
 * ring and the relay say), then a token:
 *
 *     | flags u8 | relay u8 | skew u8 (s) | now u64 (unix ms) | session 16 bytes | token text |
 *
 * The core's verdict is that of a second reading that shares nothing with it, up to checks 5 to 10,
 * which the oracles judge (sim/oracle_token.c). What is accepted, minted anew from its claims, is
 * accepted again and says the same. The mutator works on what is signed and signs it again with the
 * test key, so that most inputs get behind the signature.
 */
#include "signatures.h"
#include "support.h"

#include "second/claims.h"
#include "second/token.h"

#include <address.h>
#include <claims.h>
#include <json.h>
#include <keyring.h>
#include <lease.h>
#include <mint.h>
#include <oracle_token.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TERMS_BYTES 27

const struct fuzz_target fuzz_target = {
    .name = "lease",
    .property = "a lease's verdict is that of a second reading, and minted anew it is accepted",
    .bytes_max = TERMS_BYTES + WR_TOKEN_TEXT_BYTES_MAX + 8,
    .canaries = {{"skip_horizon", 5000}, {"skip_not_yet_valid", 5000}, {"token_loose_bits", 5000}},
};

/* ---- Terms ----------------------------------------------------------------------------------- */

enum { FLAG_STRICT = 1, FLAG_SERVER = 2, FLAG_TIME_JUDGED = 4 };

/* Which keys the ring holds: bits 3 and 4 of the flags. */
enum ring { RING_NAMED, RING_NAMELESS, RING_BOTH, RING_TWINS };

struct terms {
    uint8_t flags;
    const char *relay_id;
    uint64_t skew_ms, now_ms;
    struct wr_session_id session;
};

static const char *const relays[] = {"relay-1", "relay-2", "", "relay-1 "};

static struct {
    bool made;
    uint8_t open[3][WR_PUBLIC_KEY_BYTES], secret[3][WR_SECRET_KEY_BYTES];
} keys; /* 0: "k1"; 1: without a kid; 2: another "k1" */

static void make_keys(void)
{
    for (int i = 0; !keys.made && i < 3; i++) {
        uint8_t seed[32];
        memset(seed, i + 1, sizeof seed);
        wr_mint_keypair(seed, keys.open[i], keys.secret[i]);
    }
    keys.made = true;
}

static struct terms terms_of(const uint8_t *bytes)
{
    struct terms terms = {
        .flags = bytes[0], .relay_id = relays[bytes[1] % 4], .skew_ms = bytes[2] * UINT64_C(1000)};
    for (int i = 3; i < 11; i++)
        terms.now_ms = terms.now_ms << 8 | bytes[i];
    terms.now_ms %= UINT64_C(1) << 48; /* the oracles count in signed numbers; to the year 10889 */
    memcpy(terms.session.bytes, bytes + 11, 16);
    return terms;
}

/* Which of our keys may have signed a token of this kid, in the order in which they are tried. */
static uint32_t keys_for(const struct terms *terms, bool k1, int out[3])
{
    enum ring ring = (enum ring)(terms->flags >> 3 & 3);
    uint32_t count = 0;
    if (k1 && ring == RING_TWINS)
        out[count++] = 2;
    if (k1 && ring != RING_NAMELESS)
        out[count++] = 0;
    if (ring == RING_NAMELESS || ring == RING_BOTH)
        out[count++] = 1;
    return count;
}

static void fill_ring(const struct terms *terms, struct wr_keyring *ring)
{
    enum ring what = (enum ring)(terms->flags >> 3 & 3);
    bool evicted;
    char kid[WR_KID_BYTES_MAX + 1];
    wr_keyring_start(ring, 0);
    if (what != RING_NAMELESS)
        wr_keyring_add(ring, "k1", keys.open[0], WR_KEY_PINNED, 1, &evicted, kid);
    if (what == RING_NAMELESS || what == RING_BOTH)
        wr_keyring_add(ring, "", keys.open[1], WR_KEY_PINNED, 1, &evicted, kid);
    if (what == RING_TWINS)
        wr_keyring_add(ring, "k1", keys.open[2], WR_KEY_PINNED, 1, &evicted, kid);
}

/* ---- The core's verdict ---------------------------------------------------------------------- */

static enum wr_verdict verdict_of(const struct terms *terms, const uint8_t *text, size_t bytes,
                                  struct wr_claims *claims)
{
    static struct wr_token token;
    static struct wr_keyring ring;
    uint8_t found[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    FUZZ_STAIN(token);
    FUZZ_STAIN(found);
    FUZZ_STAIN(*claims);
    const struct wr_lease_terms lease_terms = {
        .session = terms->session,
        .presented_role = (terms->flags & FLAG_SERVER) != 0 ? WR_ROLE_SERVER : WR_ROLE_CLIENT,
        .strict_role = (terms->flags & FLAG_STRICT) != 0,
        .relay_id = terms->relay_id,
        .relay_id_bytes = strlen(terms->relay_id),
        .now_unix_ms = terms->now_ms,
        .skew_ms = terms->skew_ms,
        .time_judged = (terms->flags & FLAG_TIME_JUDGED) != 0,
    };
    if (!wr_token_decode(text, bytes, &token))
        return WR_VERDICT_MALFORMED_TOKEN;
    if (!wr_claims_decode(token.payload, token.payload_bytes, claims))
        return WR_VERDICT_MALFORMED_CLAIMS;
    fill_ring(terms, &ring);
    uint32_t count = wr_keyring_select(&ring, claims->kid, claims->kid_bytes, found);
    if (count == 0)
        return WR_VERDICT_UNKNOWN_KEY;
    for (uint32_t i = 0; i < count; i++) {
        if (wr_token_verify(&token, found[i]))
            return wr_lease_check(claims, &lease_terms);
    }
    return WR_VERDICT_BAD_SIGNATURE;
}

/* ---- The second one -------------------------------------------------------------------------- */

static bool is_text(const struct second_text *text, const char *word)
{
    return text->there && text->bytes == strlen(word) && memcmp(text->at, word, text->bytes) == 0;
}

static enum wr_verdict judge(const struct terms *terms, const struct second_claims *claims)
{
    struct sim_token token = {
        .readable = true,
        .role = claims->server ? WR_ROLE_SERVER : WR_ROLE_CLIENT,
        .right_relay = is_text(&claims->rid, terms->relay_id),
        .expires_ms = claims->expires_ms,
        .not_before_ms = claims->has_not_before ? claims->not_before_ms : INT64_MIN,
        .issued_ms = claims->has_issued ? claims->issued_ms : INT64_MIN,
    };
    const struct sim_token_context context = {
        .session = terms->session,
        .presented_role = (terms->flags & FLAG_SERVER) != 0,
        .strict_role = (terms->flags & FLAG_STRICT) != 0,
        .now_unix_ms = terms->now_ms,
        .skew_ms = terms->skew_ms,
        .skip_times = (terms->flags & FLAG_TIME_JUDGED) != 0,
    };
    memcpy(token.session.bytes, claims->session, 16);
    return sim_token_judge(&token, &context);
}

static enum wr_verdict second_verdict(const struct terms *terms, const uint8_t *text, size_t bytes,
                                      struct second_claims *claims)
{
    static struct second_json room;
    static struct second_token token;
    int tried[3];
    if (!second_token(text, bytes, &token))
        return WR_VERDICT_MALFORMED_TOKEN;
    if (!second_claims(&room, token.body, token.payload_bytes, claims) ||
        room.alike_names > WR_JSON_COLLISIONS_MAX)
        return WR_VERDICT_MALFORMED_CLAIMS;
    uint32_t count = keys_for(terms, is_text(&claims->kid, "k1"), tried);
    if (count == 0)
        return WR_VERDICT_UNKNOWN_KEY;
    for (uint32_t i = 0; i < count; i++) {
        if (second_token_signed(&token, keys.open[tried[i]]))
            return judge(terms, claims);
    }
    return WR_VERDICT_BAD_SIGNATURE;
}

/* ---- Properties ------------------------------------------------------------------------------ */

/* The oracles' own reading of what both call a good payload. */
static void check_oracle_reading(const struct terms *terms, const uint8_t *text, size_t bytes,
                                 const struct second_claims *claims)
{
    struct sim_token token = sim_token_read(text, (uint32_t)bytes, terms->relay_id);
    FUZZ_REQUIRE(token.readable, "the oracles cannot read it");
    FUZZ_REQUIRE(memcmp(token.session.bytes, claims->session, 16) == 0, "session");
    FUZZ_REQUIRE((token.role == WR_ROLE_SERVER) == claims->server, "role");
    FUZZ_REQUIRE(token.expires_ms == claims->expires_ms, "expiry");
    FUZZ_REQUIRE(token.not_before_ms ==
                     (claims->has_not_before ? claims->not_before_ms : INT64_MIN),
                 "not before");
    FUZZ_REQUIRE(token.issued_ms == (claims->has_issued ? claims->issued_ms : INT64_MIN), "issued");
    FUZZ_REQUIRE(token.soft_kbps == claims->soft_kbps && token.hard_kbps == claims->hard_kbps,
                 "limits");
    FUZZ_REQUIRE(token.right_relay == is_text(&claims->rid, terms->relay_id), "relay");
}

static void check_minted_anew(const struct terms *terms, const struct wr_claims *claims)
{
    char text[WR_TOKEN_TEXT_BYTES_MAX], sub[WR_SUB_BYTES_MAX + 1] = "", rid[257] = "";
    char sid[WR_SESSION_TEXT_BYTES], times[3][WR_RFC3339_TEXT_BYTES];
    struct wr_claims again;
    int signers[3];
    memcpy(sub, claims->sub, claims->sub_bytes);
    memcpy(rid, claims->rid, claims->rid_bytes);
    wr_rfc3339_format(claims->expires_unix_ms, times[0]);
    wr_rfc3339_format(claims->not_before_unix_ms, times[1]);
    wr_rfc3339_format(claims->issued_unix_ms, times[2]);
    const struct wr_mint mint = {
        .sub = sub,
        .sid = wr_session_id_format(&claims->session, sid),
        .role = claims->role == WR_ROLE_SERVER ? "server" : "client",
        .rid = claims->has_rid ? rid : NULL,
        .kid = claims->has_kid ? claims->kid : NULL,
        .exp_rfc3339 = times[0],
        .nbf_rfc3339 = claims->has_not_before ? times[1] : NULL,
        .iat_rfc3339 = claims->has_issued ? times[2] : NULL,
        .has_soft_limit = true,
        .has_hard_limit = true,
        .soft_limit_kbps = claims->soft_limit_kbps,
        .hard_limit_kbps = claims->hard_limit_kbps,
    };
    bool k1 = claims->has_kid && strcmp(claims->kid, "k1") == 0;
    uint32_t count = keys_for(terms, k1, signers);
    FUZZ_STAIN(text);
    uint32_t bytes = wr_mint_token(&mint, keys.secret[signers[count - 1]], text, sizeof text);
    if (bytes == 0) /* all members in their long form may need more room than a token has */
        return;
    enum wr_verdict verdict = verdict_of(terms, (const uint8_t *)text, bytes, &again);
    FUZZ_REQUIRE(verdict == WR_VERDICT_ACCEPTED, "minted anew: %s", wr_verdict_name(verdict));
    /* Both were zeroed whole. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    FUZZ_REQUIRE(memcmp(&again, claims, sizeof again) == 0, "minted anew it says something else");
}

static void check(const uint8_t *bytes, size_t size)
{
    struct wr_claims claims;
    struct second_claims second;
    struct terms terms = terms_of(bytes);
    bytes += TERMS_BYTES;
    size -= TERMS_BYTES;
    enum wr_verdict verdict = verdict_of(&terms, bytes, size, &claims);
    enum wr_verdict expected = second_verdict(&terms, bytes, size, &second);
    FUZZ_REQUIRE(verdict == expected, "%s, not %s", wr_verdict_name(verdict),
                 wr_verdict_name(expected));
    if (verdict > WR_VERDICT_BAD_SIGNATURE || verdict == WR_VERDICT_ACCEPTED)
        check_oracle_reading(&terms, bytes, size, &second);
    if (verdict == WR_VERDICT_ACCEPTED)
        check_minted_anew(&terms, &claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < TERMS_BYTES || size > fuzz_target.bytes_max)
        return 0;
    make_keys();
    check(bytes, size);
    fuzz_signatures_forget();
    return 0;
}

/* ---- Mutating what is signed ----------------------------------------------------------------- */

#define PAYLOAD_MAX WR_TOKEN_PAYLOAD_BYTES_MAX

struct draft {
    uint8_t payload[PAYLOAD_MAX + 64];
    size_t payload_bytes;
    uint8_t footer[256];
    size_t footer_bytes;
};

/* A value that stands at or beside a boundary of the terms, as JSON. */
static size_t invent_value(char *out, size_t room, uint64_t *random, const struct terms *terms)
{
    static const char *const values[] = {
        "\"client\"", "\"server\"", "\"relay-1\"", "\"relay-2\"", "\"k1\"", "\"\"",       "0",
        "999",        "1000",       "4294967295",  "4294967296",  "null",   "true",       "[[]]",
        "{\"a\":1}",  "\" \"",      "\"\\u0000\"", "-1",          "1.0",    "\"\\u00e9\""};
    static const int64_t spans[] = {0, 3600000, -3600000, 60000, -60000, 900000, 3700000, 7200000};
    char time[WR_RFC3339_TEXT_BYTES], sid[WR_SESSION_TEXT_BYTES];
    uint32_t what = fuzz_random_below(random, 4);
    if (what == 0)
        return (size_t)snprintf(out, room, "%s",
                                values[fuzz_random_below(random, sizeof values / sizeof *values)]);
    if (what == 1)
        return (size_t)snprintf(out, room, "\"%s\"", wr_session_id_format(&terms->session, sid));
    int64_t ms = (int64_t)terms->now_ms + spans[fuzz_random_below(random, 8)];
    ms += (int64_t)terms->skew_ms * ((int64_t)fuzz_random_below(random, 3) - 1);
    ms += (int64_t)fuzz_random_below(random, 3) - 1;
    wr_rfc3339_format(ms < 0 ? 0 : (uint64_t)ms, time);
    return (size_t)snprintf(out, room, "\"%s\"", time);
}

static void replace(struct draft *draft, size_t from, size_t to, const char *text, size_t bytes)
{
    if (draft->payload_bytes - (to - from) + bytes > sizeof draft->payload)
        return;
    memmove(draft->payload + from + bytes, draft->payload + to, draft->payload_bytes - to);
    memcpy(draft->payload + from, text, bytes);
    draft->payload_bytes = draft->payload_bytes - (to - from) + bytes;
}

/* One member gets another value, goes, or a new one comes. */
static void change_claims(struct draft *draft, uint64_t *random, const struct terms *terms)
{
    static struct second_json json;
    static const char *const names[] = {
        "sub",         "sid", "role",        "rid", "kid",    "exp_rfc3339", "exp",
        "nbf_rfc3339", "nbf", "iat_rfc3339", "iat", "slimit", "hlimit",      "other"};
    char text[128];
    if (!second_json(&json, draft->payload, draft->payload_bytes) || json.count < 2 ||
        json.values[0].kind != SECOND_OBJECT) {
        draft->payload_bytes =
            fuzz_mutate(draft->payload, draft->payload_bytes, sizeof draft->payload);
        return;
    }
    const struct second_value *one = &json.values[1 + fuzz_random_below(random, json.count - 1)];
    uint32_t what = fuzz_random_below(random, 4);
    /* Half of what is worth trying are times: the boundaries of checks 8 to 10. */
    for (int i = 0; what == 0 && one->text_bytes < 20 && i < 8; i++)
        one = &json.values[1 + fuzz_random_below(random, json.count - 1)];
    if (what <= 1) {
        size_t bytes = invent_value(text, sizeof text, random, terms);
        replace(draft, one->from, one->to, text, bytes);
    } else if (what == 2) {
        size_t bytes =
            (size_t)snprintf(text, sizeof text, "\"%s\":", names[fuzz_random_below(random, 14)]);
        bytes += invent_value(text + bytes, sizeof text - bytes, random, terms);
        text[bytes++] = ',';
        replace(draft, json.values[0].from + 1, json.values[0].from + 1, text, bytes);
    } else {
        uint8_t value[PAYLOAD_MAX];
        size_t bytes = one->to - one->from;
        if (bytes > 200)
            return;
        memcpy(value, draft->payload + one->from, bytes);
        bytes = fuzz_mutate(value, bytes, 256);
        replace(draft, one->from, one->to, (const char *)value, bytes);
    }
}

static void change(struct draft *draft, uint8_t *bytes, uint64_t *random)
{
    struct terms terms = terms_of(bytes);
    switch (fuzz_random_below(random, 8)) {
    case 0:
        fuzz_mutate(bytes, TERMS_BYTES, TERMS_BYTES);
        break;
    case 1:
        draft->footer_bytes = fuzz_mutate(draft->footer, draft->footer_bytes, sizeof draft->footer);
        break;
    case 2:
        draft->payload_bytes =
            fuzz_mutate(draft->payload, draft->payload_bytes, sizeof draft->payload);
        break;
    default:
        change_claims(draft, random, &terms);
        break;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    static struct second_token token;
    static struct draft draft;
    char text[WR_TOKEN_TEXT_BYTES_MAX];
    uint64_t random = seed;
    int signers[3];
    make_keys();
    if (size < TERMS_BYTES || size_max < TERMS_BYTES || seed % 8 == 0 ||
        !second_token(bytes + TERMS_BYTES, size - TERMS_BYTES, &token) ||
        token.footer_bytes > sizeof draft.footer)
        return fuzz_mutate(bytes, size, size_max);
    memcpy(draft.payload, token.body, token.payload_bytes);
    draft.payload_bytes = token.payload_bytes;
    memcpy(draft.footer, token.footer, token.footer_bytes);
    draft.footer_bytes = token.footer_bytes;
    change(&draft, bytes, &random);
    struct terms terms = terms_of(bytes);
    uint32_t count = keys_for(&terms, fuzz_random_below(&random, 4) != 0, signers);
    const struct wr_mint mint = {
        .raw_payload = draft.payload,
        .raw_payload_bytes = (uint32_t)draft.payload_bytes,
        .footer = draft.footer_bytes > 0 ? draft.footer : NULL,
        .footer_bytes = (uint32_t)draft.footer_bytes,
    };
    int signer = count > 0 ? signers[fuzz_random_below(&random, count)] : 0;
    uint32_t text_bytes = wr_mint_token(&mint, keys.secret[signer], text, sizeof text);
    if (text_bytes == 0 || text_bytes > size_max - TERMS_BYTES)
        return size;
    memcpy(bytes + TERMS_BYTES, text, text_bytes);
    return TERMS_BYTES + text_bytes;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    struct wr_claims claims;
    if (size < TERMS_BYTES)
        return "no terms";
    make_keys();
    struct terms terms = terms_of(bytes);
    return wr_verdict_name(verdict_of(&terms, bytes + TERMS_BYTES, size - TERMS_BYTES, &claims));
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    static struct second_token token;
    struct wr_claims claims;
    char now[WR_RFC3339_TEXT_BYTES], sid[WR_SESSION_TEXT_BYTES];
    static const char *const rings[] = {"k1", "a key without kid", "k1 and a key without kid",
                                        "k1 twice"};
    if (size < TERMS_BYTES) {
        fprintf(out, "  too short for the terms\n");
        return;
    }
    make_keys();
    struct terms terms = terms_of(bytes);
    fprintf(out, "  relay \"%s\" at %s, skew %u s, ring: %s%s\n", terms.relay_id,
            wr_rfc3339_format(terms.now_ms, now), bytes[2], rings[terms.flags >> 3 & 3],
            (terms.flags & FLAG_TIME_JUDGED) != 0 ? ", bound token" : "");
    fprintf(out, "  session %s as %s%s\n", wr_session_id_format(&terms.session, sid),
            (terms.flags & FLAG_SERVER) != 0 ? "server" : "client",
            (terms.flags & FLAG_STRICT) != 0 ? " (strict)" : "");
    if (second_token(bytes + TERMS_BYTES, size - TERMS_BYTES, &token)) {
        fprintf(out, "  payload ");
        fuzz_print_text(out, token.body, token.payload_bytes);
        fprintf(out, ", footer ");
        fuzz_print_text(out, token.footer, token.footer_bytes);
        fputc('\n', out);
    }
    fprintf(out, "  verdict %s\n",
            wr_verdict_name(verdict_of(&terms, bytes + TERMS_BYTES, size - TERMS_BYTES, &claims)));
}
