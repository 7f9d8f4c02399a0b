#include "lease_commands.h"

#include "address.h"
#include "claims.h"
#include "lease_keys.h"
#include "lease_text.h"
#include "mint.h"

#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: wavry-lease mint --key-file FILE --sub WHO --session UUID --role ROLE\n"
    "                        --relay-id ID [OPTIONS]\n"
    "\n"
    "Signs a lease and prints its token.\n"
    "\n"
    "  --key-file FILE       the secret key, as keygen wrote it: KID:SECRET or SECRET, in hex;\n"
    "                        \"-\" reads standard input\n"
    "  --secret-in-arguments KID:SECRET\n"
    "                        the same, where everybody on this machine can read it (ps)\n"
    "  --sub WHO             the identity: 1 to 256 bytes\n"
    "  --session UUID        the session\n"
    "  --role ROLE           client or server\n"
    "  --relay-id ID         the relay that is to serve it\n"
    "  --kid KID             the key's name in the token; else the one of the key file\n"
    "  --now TIME            issued then (RFC 3339), not now\n"
    "  --ttl SECS            valid so long (900; the real master gives 60 to 3600)\n"
    "  --soft-kbps N         soft limit (50000)\n"
    "  --hard-kbps N         hard limit (100000)\n"
    "  --footer TEXT         a footer: authenticated, otherwise ignored\n"
    "  --help                this text\n"
    "\n"
    "For tests, leases that are odd or wrong:\n"
    "  --iat-rfc3339 TIME, --nbf-rfc3339 TIME, --exp-rfc3339 TIME\n"
    "                        other texts than --now and --ttl give\n"
    "  --iat TIME, --nbf TIME, --exp TIME\n"
    "                        the registered members beside them\n"
    "  --without MEMBER      leave a member out (sub, sid, role, rid, kid, exp_rfc3339,\n"
    "                        nbf_rfc3339, iat_rfc3339, slimit, hlimit); repeatable\n"
    "  --extra JSON          further members: '\"a\": 1, \"b\": []'\n"
    "  --payload FILE        sign these bytes as they are, instead of all members\n"
    "  --force               sign even what every relay will refuse\n"
    "\n"
    "Exit code: 0 minted, 1 could not be minted, 2 wrong usage.\n";

enum {
    OPTION_KEY_FILE = 256,
    OPTION_SECRET,
    OPTION_SUB,
    OPTION_SESSION,
    OPTION_ROLE,
    OPTION_RELAY_ID,
    OPTION_KID,
    OPTION_NOW,
    OPTION_TTL,
    OPTION_SOFT,
    OPTION_HARD,
    OPTION_FOOTER,
    OPTION_IAT_RFC3339,
    OPTION_NBF_RFC3339,
    OPTION_EXP_RFC3339,
    OPTION_IAT,
    OPTION_NBF,
    OPTION_EXP,
    OPTION_WITHOUT,
    OPTION_EXTRA,
    OPTION_PAYLOAD,
    OPTION_FORCE,
    OPTION_HELP,
};

static const struct option options[] = {
    {"key-file", required_argument, NULL, OPTION_KEY_FILE},
    {"secret-in-arguments", required_argument, NULL, OPTION_SECRET},
    {"sub", required_argument, NULL, OPTION_SUB},
    {"session", required_argument, NULL, OPTION_SESSION},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"relay-id", required_argument, NULL, OPTION_RELAY_ID},
    {"kid", required_argument, NULL, OPTION_KID},
    {"now", required_argument, NULL, OPTION_NOW},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"soft-kbps", required_argument, NULL, OPTION_SOFT},
    {"hard-kbps", required_argument, NULL, OPTION_HARD},
    {"footer", required_argument, NULL, OPTION_FOOTER},
    {"iat-rfc3339", required_argument, NULL, OPTION_IAT_RFC3339},
    {"nbf-rfc3339", required_argument, NULL, OPTION_NBF_RFC3339},
    {"exp-rfc3339", required_argument, NULL, OPTION_EXP_RFC3339},
    {"iat", required_argument, NULL, OPTION_IAT},
    {"nbf", required_argument, NULL, OPTION_NBF},
    {"exp", required_argument, NULL, OPTION_EXP},
    {"without", required_argument, NULL, OPTION_WITHOUT},
    {"extra", required_argument, NULL, OPTION_EXTRA},
    {"payload", required_argument, NULL, OPTION_PAYLOAD},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

#define WITHOUT_MAX 16

struct order {
    const char *key_file, *key_text;
    const char *kid;
    const char *payload_file;
    const char *without[WITHOUT_MAX];
    size_t without_count;
    bool help, force, has_now;
    uint64_t now_unix_ms, ttl_secs;
    struct wr_mint mint; /* what was given; the rest is filled in by complete() */
    char key_kid[WR_KID_BYTES_MAX + 1];
    uint8_t secret_key[WR_SECRET_KEY_BYTES];
    char payload[4096];
};

/* ---- Options ----------------------------------------------------------------------------------
 */

static int take_limit(const char *value, const char *name, bool *has, uint32_t *out)
{
    uint64_t kbps;
    if (!lease_parse_number(value, UINT32_MAX, &kbps))
        return lease_usage_error("mint", "%s is 0 to 4294967295, not '%s'", name, value);
    *out = (uint32_t)kbps;
    *has = true;
    return 0;
}

static int take_without(struct order *order, const char *member)
{
    if (order->without_count == WITHOUT_MAX)
        return lease_usage_error("mint", "too many --without");
    order->without[order->without_count++] = member;
    return 0;
}

static int take_option(struct order *order, int option, const char *value)
{
    struct wr_mint *mint = &order->mint;
    switch (option) {
    case OPTION_KEY_FILE:
        order->key_file = value;
        return 0;
    case OPTION_SECRET:
        order->key_text = value;
        return 0;
    case OPTION_SUB:
        mint->sub = value;
        return 0;
    case OPTION_SESSION:
        mint->sid = value;
        return 0;
    case OPTION_ROLE:
        mint->role = value;
        return 0;
    case OPTION_RELAY_ID:
        mint->rid = value;
        return 0;
    case OPTION_KID:
        order->kid = value;
        return 0;
    case OPTION_NOW:
        order->has_now = lease_parse_time(value, &order->now_unix_ms);
        return order->has_now ? 0
                              : lease_usage_error("mint", "--now: '%s' is no RFC 3339 time", value);
    case OPTION_TTL:
        return lease_parse_number(value, UINT32_MAX, &order->ttl_secs)
                   ? 0
                   : lease_usage_error("mint", "--ttl is whole seconds, not '%s'", value);
    case OPTION_SOFT:
        return take_limit(value, "--soft-kbps", &mint->has_soft_limit, &mint->soft_limit_kbps);
    case OPTION_HARD:
        return take_limit(value, "--hard-kbps", &mint->has_hard_limit, &mint->hard_limit_kbps);
    case OPTION_FOOTER:
        mint->footer = (const uint8_t *)value;
        mint->footer_bytes = (uint32_t)strlen(value);
        return 0;
    case OPTION_IAT_RFC3339:
        mint->iat_rfc3339 = value;
        return 0;
    case OPTION_NBF_RFC3339:
        mint->nbf_rfc3339 = value;
        return 0;
    case OPTION_EXP_RFC3339:
        mint->exp_rfc3339 = value;
        return 0;
    case OPTION_IAT:
        mint->iat = value;
        return 0;
    case OPTION_NBF:
        mint->nbf = value;
        return 0;
    case OPTION_EXP:
        mint->exp = value;
        return 0;
    case OPTION_WITHOUT:
        return take_without(order, value);
    case OPTION_EXTRA:
        mint->extra = value;
        return 0;
    case OPTION_PAYLOAD:
        order->payload_file = value;
        return 0;
    case OPTION_FORCE:
        order->force = true;
        return 0;
    case OPTION_HELP:
        order->help = true;
        return 0;
    default:
        return lease_usage_error("mint", "see above");
    }
}

/* ---- The key ----------------------------------------------------------------------------------
 */

/* "[KID:]SECRET": 64 hex digits of seed, or 128 of seed and public key, which must belong together.
 * The text may end in one line end and is wiped. */
static bool parse_key(struct order *order, char *text)
{
    uint8_t bytes[WR_SECRET_KEY_BYTES], public_key[WR_PUBLIC_KEY_BYTES];
    text[strcspn(text, "\r\n")] = '\0';
    const char *hex = lease_split_kid(text, true, order->key_kid);
    bool with_public = hex != NULL && lease_parse_hex(hex, bytes, 64);
    bool good = with_public || (hex != NULL && lease_parse_hex(hex, bytes, 32));
    sodium_memzero(text, strlen(text));
    if (good) {
        wr_mint_keypair(bytes, public_key, order->secret_key);
        good = !with_public || memcmp(public_key, bytes + 32, sizeof public_key) == 0;
    }
    sodium_memzero(bytes, sizeof bytes);
    return good;
}

static int read_key(struct order *order)
{
    char text[1024];
    size_t bytes;
    if ((order->key_file == NULL) == (order->key_text == NULL))
        return lease_usage_error("mint", "one --key-file is needed");
    if (order->key_file != NULL) {
        if (!lease_read_file(order->key_file, text, sizeof text, &bytes))
            return lease_failure("mint", "%s: %s", order->key_file, strerror(errno));
    } else {
        snprintf(text, sizeof text, "%s", order->key_text);
    }
    if (!parse_key(order, text))
        return lease_failure("mint", "the key is not [KID:]SECRET with 64 hex digits of secret");
    return 0;
}

/* ---- The lease --------------------------------------------------------------------------------
 */

static int check_given(const struct order *order)
{
    const struct wr_mint *mint = &order->mint;
    struct wr_session_id session;
    if (order->payload_file != NULL || order->force)
        return 0;
    if (mint->sub == NULL || mint->sid == NULL || mint->role == NULL || mint->rid == NULL)
        return lease_usage_error("mint", "--sub, --session, --role and --relay-id are needed");
    if (!wr_session_id_parse(mint->sid, strlen(mint->sid), &session))
        return lease_usage_error("mint", "--session: '%s' is no UUID", mint->sid);
    if (strcmp(mint->role, "client") != 0 && strcmp(mint->role, "server") != 0)
        return lease_usage_error("mint", "--role is client or server, not '%s'", mint->role);
    return 0;
}

static int leave_out(struct wr_mint *mint, const char *member)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"sub", &mint->sub},
        {"sid", &mint->sid},
        {"role", &mint->role},
        {"rid", &mint->rid},
        {"kid", &mint->kid},
        {"exp_rfc3339", &mint->exp_rfc3339},
        {"nbf_rfc3339", &mint->nbf_rfc3339},
        {"iat_rfc3339", &mint->iat_rfc3339},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(member, texts[i].name) == 0) {
            *texts[i].text = NULL;
            return 0;
        }
    }
    if (strcmp(member, "slimit") == 0)
        mint->has_soft_limit = false;
    else if (strcmp(member, "hlimit") == 0)
        mint->has_hard_limit = false;
    else
        return lease_usage_error("mint", "--without: there is no member '%s'", member);
    return 0;
}

/* Fills in what was not given, then takes away what is not wanted. */
static int complete(struct order *order, struct wr_mint_texts *texts)
{
    static const struct wr_session_id no_session;
    struct wr_mint *mint = &order->mint;
    uint64_t now_ms = order->has_now ? order->now_unix_ms : lease_clock_unix_ms();
    struct wr_mint common = wr_mint_lease(texts, NULL, &no_session, WR_ROLE_CLIENT, NULL, NULL,
                                          now_ms, order->ttl_secs * 1000);
    const char *kid = order->kid != NULL ? order->kid : order->key_kid;
    mint->kid = *kid != '\0' ? kid : NULL;
    if (mint->exp_rfc3339 == NULL)
        mint->exp_rfc3339 = common.exp_rfc3339;
    if (mint->nbf_rfc3339 == NULL)
        mint->nbf_rfc3339 = common.nbf_rfc3339;
    if (mint->iat_rfc3339 == NULL)
        mint->iat_rfc3339 = common.iat_rfc3339;
    if (!mint->has_soft_limit)
        mint->soft_limit_kbps = common.soft_limit_kbps;
    if (!mint->has_hard_limit)
        mint->hard_limit_kbps = common.hard_limit_kbps;
    mint->has_soft_limit = mint->has_hard_limit = true;
    for (size_t i = 0; i < order->without_count; i++) {
        int wrong = leave_out(mint, order->without[i]);
        if (wrong != 0)
            return wrong;
    }
    return 0;
}

static int read_payload(struct order *order)
{
    size_t bytes;
    if (order->payload_file == NULL)
        return 0;
    if (!lease_read_file(order->payload_file, order->payload, sizeof order->payload, &bytes))
        return lease_failure("mint", "%s: %s", order->payload_file, strerror(errno));
    order->mint.raw_payload = (const uint8_t *)order->payload;
    order->mint.raw_payload_bytes = (uint32_t)bytes;
    return 0;
}

static int sign(const struct order *order)
{
    char text[WR_TOKEN_TEXT_BYTES_MAX];
    struct wr_token token;
    struct wr_claims claims;
    uint32_t bytes = wr_mint_token(&order->mint, order->secret_key, text, sizeof text);
    if (bytes == 0 || !wr_token_decode((const uint8_t *)text, bytes, &token))
        return lease_failure("mint", "the token would not fit a datagram (%d characters)",
                             WR_TOKEN_TEXT_BYTES_MAX);
    if (!order->force && !wr_claims_decode(token.payload, token.payload_bytes, &claims))
        return lease_failure("mint", "every relay would refuse it (malformed_claims); "
                                     "--force signs it all the same");
    printf("%.*s\n", (int)bytes, text);
    return LEASE_EXIT_OK;
}

static int mint_order(struct order *order)
{
    struct wr_mint_texts texts;
    int wrong = check_given(order);
    if (wrong == 0)
        wrong = read_key(order);
    if (wrong == 0)
        wrong = complete(order, &texts);
    if (wrong == 0)
        wrong = read_payload(order);
    return wrong != 0 ? wrong : sign(order);
}

int lease_mint_command(int argc, char **argv)
{
    static struct order order = {.ttl_secs = 900};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int wrong = take_option(&order, option, optarg);
        if (wrong != 0)
            return wrong;
    }
    if (order.help) {
        fputs(help, stdout);
        return LEASE_EXIT_OK;
    }
    if (optind < argc)
        return lease_usage_error("mint", "'%s' is not expected", argv[optind]);
    int code = mint_order(&order);
    sodium_memzero(&order, sizeof order);
    return code;
}
