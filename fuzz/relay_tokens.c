#include "relay_tokens.h"

#include "support.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

static const char *const subs[RELAY_SUBS] = {"alice", "bob", "carol", "dave", "e\\u0301ve"};
static const char *const sub_bytes[RELAY_SUBS] = {"alice", "bob", "carol", "dave", "e\xcc\x81ve"};
static const char *const kids[RELAY_KEYS] = {"k1", "k2", "k3", "k4"};

/* Milliseconds after the start. The horizon is 3630 s away, the skew 30 s. */
static const int64_t issued_ms[] = {0,       1000,    2000,     10000,   29999,  30000,
                                    30001,   60000,   90000,    120000,  300000, 900000,
                                    3600000, 7200000, 36000000, -3600000};
static const uint64_t ttls_ms[] = {900000, 3600000, 3600001, 60000, 20000, 3000, 7200000, 1};

/* ---- Keys and names --------------------------------------------------------------------------
 */

static struct {
    bool made;
    uint8_t public_bytes[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
} keys[RELAY_KEYS];

static void make_keys(void)
{
    for (uint32_t i = 0; i < RELAY_KEYS && !keys[i].made; i++) {
        const uint8_t seed[crypto_sign_SEEDBYTES] = {(uint8_t)(i + 1)};
        crypto_sign_seed_keypair(keys[i].public_bytes, keys[i].secret, seed);
        keys[i].made = true;
    }
}

const uint8_t *relay_key(uint32_t number)
{
    make_keys();
    return keys[number % RELAY_KEYS].public_bytes;
}

const char *relay_kid(uint32_t number)
{
    return kids[number % RELAY_KEYS];
}

const char *relay_sub(uint32_t number)
{
    return sub_bytes[number % RELAY_SUBS];
}

struct wr_session_id relay_session(uint32_t number)
{
    struct wr_session_id id = {{0x01, 0x00, 0x10, 0x00, 0x40, 0x00, 0x80}};
    id.bytes[15] = (uint8_t)(number % RELAY_SESSIONS + 1);
    return id;
}

/* ---- Making one ------------------------------------------------------------------------------ */

static struct relay_token_spec reduced(const struct relay_token_spec *spec)
{
    return (struct relay_token_spec){
        .sub = spec->sub % RELAY_SUBS,
        .session = spec->session % RELAY_SESSIONS,
        .role = spec->role % 2,
        .key = spec->key % RELAY_KEYS,
        .kid = spec->kid % (RELAY_KEYS + 3),
        .iat = spec->iat % COUNT(issued_ms),
        .ttl = spec->ttl % COUNT(ttls_ms),
        .more = spec->more,
    };
}

static const char *kid_of(const struct relay_token_spec *spec)
{
    if (spec->kid == 0)
        return kids[spec->key];
    return spec->kid <= RELAY_KEYS       ? kids[spec->kid - 1]
           : spec->kid == RELAY_KEYS + 1 ? NULL
                                         : "nobody's";
}

static int write_time(char *out, size_t room, const char *name, uint64_t unix_ms)
{
    const time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    return snprintf(out, room, ",\"%s\":\"%s.%03uZ\"", name, text, (unsigned)(unix_ms % 1000));
}

static size_t write_claims(char *out, size_t room, const struct relay_token_spec *spec)
{
    const uint64_t issued = RELAY_START_UNIX_MS + (uint64_t)issued_ms[spec->iat];
    const char *kid = kid_of(spec);
    int at = snprintf(out, room,
                      "{\"sub\":\"%s\",\"sid\":\"01001000-4000-8000-0000-0000000000%02x\","
                      "\"role\":\"%s\"",
                      subs[spec->sub], spec->session + 1u, spec->role != 0 ? "server" : "client");
#define MORE(...) at += snprintf(out + at, room - (size_t)at, __VA_ARGS__)
    if ((spec->more & RELAY_TOKEN_NO_RELAY) == 0)
        MORE(",\"rid\":\"%s\"", (spec->more & RELAY_TOKEN_OTHER_RELAY) != 0 ? "another" : RELAY_ID);
    if (kid != NULL)
        MORE(",\"kid\":\"%s\"", kid);
    if ((spec->more & (RELAY_TOKEN_SLOW | RELAY_TOKEN_FAST)) != 0)
        MORE((spec->more & RELAY_TOKEN_SLOW) != 0 ? ",\"slimit\":1000,\"hlimit\":1000"
                                                  : ",\"slimit\":4294967295,\"hlimit\":4294967295");
    if ((spec->more & RELAY_TOKEN_TWIN) != 0)
        MORE(", \"note\" : [ ]");
#undef MORE
    at += write_time(out + at, room - (size_t)at, "exp", issued + ttls_ms[spec->ttl]);
    if ((spec->more & RELAY_TOKEN_NO_IAT) == 0)
        at += write_time(out + at, room - (size_t)at, "iat_rfc3339", issued);
    if ((spec->more & RELAY_TOKEN_LATER) != 0)
        at += write_time(out + at, room - (size_t)at, "nbf", issued + 40000);
    out[at++] = '}';
    return (size_t)at;
}

static size_t put_piece(uint8_t *out, const void *bytes, size_t count)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)count >> (8 * i));
    memcpy(out + 8, bytes, count);
    return 8 + count;
}

/* One that was made before: what was signed, by whom, and whether libsodium was asked about it. */
struct made {
    bool used, checked;
    struct relay_token_spec spec;
    uint32_t message_bytes;
    uint8_t message[RELAY_TOKEN_MAX];
    uint8_t signature[crypto_sign_BYTES];
    struct relay_token token;
};

#define MADE_BITS       13
#define SIGNATURE_PLACE 65536

static struct made made[1u << MADE_BITS];
static uint16_t by_signature[SIGNATURE_PLACE]; /* of the signature's first bytes: place + 1 */

static uint32_t signature_place(const uint8_t *signature)
{
    return (uint32_t)signature[0] << 8 | signature[1];
}

static size_t write_base64(uint8_t *out, size_t room, const uint8_t *bytes, size_t count)
{
    char text[RELAY_TOKEN_MAX + 1];
    sodium_bin2base64(text, sizeof text, bytes, count, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    size_t length = strlen(text);
    FUZZ_REQUIRE(length <= room, "a token has room for %zu characters", room);
    memcpy(out, text, length); /* NOLINT(bugprone-not-null-terminated-result): no text of C */
    return length;
}

static void make(struct made *entry, const struct relay_token_spec *spec)
{
    static const char prefix[] = "v4.public.", note[] = "footer";
    uint8_t body[RELAY_TOKEN_MAX];
    size_t claims = write_claims((char *)body, sizeof body - crypto_sign_BYTES, spec);
    size_t footer = (spec->more & RELAY_TOKEN_FOOTER) != 0 ? sizeof note - 1 : 0, at = 8;
    make_keys();
    memset(entry->message, 0, 8);
    entry->message[0] = 4;
    at += put_piece(entry->message + at, prefix, sizeof prefix - 1);
    at += put_piece(entry->message + at, body, claims);
    at += put_piece(entry->message + at, note, footer);
    at += put_piece(entry->message + at, "", 0);
    entry->message_bytes = (uint32_t)at;
    crypto_sign_detached(entry->signature, NULL, entry->message, at, keys[spec->key].secret);
    memcpy(body + claims, entry->signature, crypto_sign_BYTES);

    uint8_t *text = entry->token.text;
    memcpy(text, prefix, sizeof prefix - 1);
    size_t length = sizeof prefix - 1;
    length +=
        write_base64(text + length, RELAY_TOKEN_MAX - length, body, claims + crypto_sign_BYTES);
    if (footer > 0) {
        text[length++] = '.';
        length +=
            write_base64(text + length, RELAY_TOKEN_MAX - length, (const uint8_t *)note, footer);
    }
    entry->token.bytes = (uint32_t)length;
    entry->spec = *spec;
    entry->used = true;
    entry->checked = false;
}

const struct relay_token *relay_token_of(const struct relay_token_spec *wanted)
{
    const struct relay_token_spec spec = reduced(wanted);
    uint64_t name = 0;
    memcpy(&name, &spec, sizeof spec);
    uint32_t place = (uint32_t)((name * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - MADE_BITS));
    struct made *entry = &made[place];
    if (!entry->used || memcmp(&entry->spec, &spec, sizeof spec) != 0)
        make(entry, &spec);
    by_signature[signature_place(entry->signature)] = (uint16_t)(place + 1);
    return &entry->token;
}

/* ---- Verifying ------------------------------------------------------------------------------- */

static int ask_libsodium(const struct wr_verification *request)
{
    for (uint32_t i = 0; i < request->key_count; i++) {
        if (crypto_sign_verify_detached(request->signature, request->message, request->message_size,
                                        request->keys[i]) == 0)
            return (int)i;
    }
    return -1;
}

/* What libsodium said of the last requests: the same broken token comes in thousands of inputs. */
#define ASKED_BITS 10
static struct {
    uint64_t request;
    int result;
} asked[1u << ASKED_BITS];

static uint64_t digest_of(const struct wr_verification *request)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "wavry fuzzing...";
    uint64_t parts[3], whole;
    crypto_shorthash((uint8_t *)&parts[0], request->message, request->message_size, key);
    crypto_shorthash((uint8_t *)&parts[1], request->signature, WR_SIGNATURE_BYTES, key);
    crypto_shorthash((uint8_t *)&parts[2], request->keys[0],
                     request->key_count * (unsigned long long)WR_PUBLIC_KEY_BYTES, key);
    crypto_shorthash((uint8_t *)&whole, (const uint8_t *)parts, sizeof parts, key);
    return whole;
}

static int verify_truly(const struct wr_verification *request)
{
    uint64_t digest = digest_of(request);
    uint32_t place = (uint32_t)(digest >> (64 - ASKED_BITS));
    if (asked[place].request != digest) {
        asked[place].request = digest;
        asked[place].result = ask_libsodium(request);
    }
    return asked[place].result;
}

static int verify_by_knowledge(const struct wr_verification *request, const struct made *entry)
{
    for (uint32_t i = 0; i < request->key_count; i++) {
        if (memcmp(request->keys[i], keys[entry->spec.key].public_bytes, WR_PUBLIC_KEY_BYTES) == 0)
            return (int)i;
    }
    return -1;
}

int relay_token_verify(const struct wr_verification *request)
{
    uint16_t place = by_signature[signature_place(request->signature)];
    struct made *entry = place > 0 ? &made[place - 1] : NULL;
    if (entry == NULL ||
        memcmp(entry->signature, request->signature, sizeof entry->signature) != 0 ||
        entry->message_bytes != request->message_size ||
        memcmp(entry->message, request->message, request->message_size) != 0)
        return verify_truly(request);
    int known = verify_by_knowledge(request, entry);
    if (!entry->checked) {
        int truth = ask_libsodium(request);
        FUZZ_REQUIRE(known == truth, "a token of ours verifies with %d, not with %d", truth, known);
        entry->checked = true;
    }
    return known;
}

void relay_token_describe(const struct relay_token_spec *wanted, char *text, size_t bytes)
{
    const struct relay_token_spec spec = reduced(wanted);
    const char *kid = kid_of(&spec);
    int at = snprintf(text, bytes, "%s, %s of session %u, signed by %s", relay_sub(spec.sub),
                      spec.role != 0 ? "server" : "client", spec.session, kids[spec.key]);
#define MORE(...) at += snprintf(text + at, bytes - (size_t)at, __VA_ARGS__)
    if (spec.kid != 0)
        MORE(", kid %s", kid != NULL ? kid : "missing");
    MORE(", issued at %+lld ms, for %llu ms", (long long)issued_ms[spec.iat],
         (unsigned long long)ttls_ms[spec.ttl]);
    static const char *const flags[8] = {"1000 kbps", "2^32-1 kbps", "another relay", "nbf +40 s",
                                         "no iat",    "footer",      "no rid",        "twin"};
    for (unsigned i = 0; i < 8; i++) {
        if ((spec.more & 1u << i) != 0)
            MORE(", %s", flags[i]);
    }
#undef MORE
}
