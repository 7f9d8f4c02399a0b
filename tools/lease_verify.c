#include "lease_commands.h"

#include "address.h"
#include "lease.h"
#include "lease_keys.h"
#include "lease_text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: wavry-lease verify --key KID:HEX… --relay-id ID --session UUID --role ROLE\n"
    "                          [--now TIME] [--skew SECS] [TOKEN|-]\n"
    "\n"
    "Judges a lease token as a relay with role policy \"strict\" would, and prints one JSON\n"
    "object: its \"verdict\" in the protocol's words and, if accepted, its \"claims\".\n"
    "TOKEN \"-\", or none, is read from standard input; one line end behind it is taken off.\n"
    "\n"
    "  --key KID:HEX    a public key of the master by its kid; KID may be empty (such a key\n"
    "                   fits any token). Repeatable: of several the last is the newest\n"
    "  --relay-id ID    the id of the relay that judges\n"
    "  --session UUID   the session that the datagram's header names\n"
    "  --role ROLE      the role presented with it: client or server\n"
    "  --now TIME       judge at this time (RFC 3339, 2026-11-14T20:09:44Z), not now\n"
    "  --skew SECS      how far clocks may differ (30)\n"
    "  --help           this text\n"
    "\n"
    "Exit code: 0 accepted, 1 refused, 2 wrong usage.\n"
    "Example: wavry-lease verify --key k1:$(cat k1.hex) --relay-id fra-1 \\\n"
    "             --session 01001000-4000-8000-0000-00000000abc1 --role client - <token.txt\n";

struct verify {
    struct lease_keys keys;
    struct wr_lease_terms terms;
    bool has_session, has_role, has_now;
};

static void print_accepted(const struct wr_claims *claims)
{
    printf("{\"verdict\": \"accepted\", \"claims\": {\"sub\": ");
    lease_print_json(claims->sub, claims->sub_bytes);
    printf(", \"expires_unix_ms\": %llu, \"soft_limit_kbps\": %lu, \"hard_limit_kbps\": %lu",
           (unsigned long long)claims->expires_unix_ms, (unsigned long)claims->soft_limit_kbps,
           (unsigned long)claims->hard_limit_kbps);
    printf(", \"kid\": ");
    if (claims->has_kid)
        lease_print_json(claims->kid, claims->kid_bytes);
    else
        printf("null");
    printf("}}\n");
}

static enum wr_verdict judge(const struct verify *verify, const char *text, size_t bytes,
                             struct wr_claims *claims)
{
    struct wr_token token;
    if (!wr_token_decode((const uint8_t *)text, bytes, &token))
        return WR_VERDICT_MALFORMED_TOKEN;
    if (!wr_claims_decode(token.payload, token.payload_bytes, claims))
        return WR_VERDICT_MALFORMED_CLAIMS;
    enum wr_verdict verdict = lease_keys_check(&verify->keys, &token, claims);
    return verdict == WR_VERDICT_ACCEPTED ? wr_lease_check(claims, &verify->terms) : verdict;
}

/* Takes one option; 0, or the exit code of a usage error. */
static int take_option(struct verify *verify, int option, const char *value)
{
    const char *wrong;
    uint64_t skew_secs;
    switch (option) {
    case 'k':
        wrong = lease_keys_add(&verify->keys, value);
        return wrong == NULL ? 0 : lease_usage_error("verify", "--key %s: %s", value, wrong);
    case 'i':
        verify->terms.relay_id = value;
        verify->terms.relay_id_bytes = strlen(value);
        return 0;
    case 's':
        verify->has_session = wr_session_id_parse(value, strlen(value), &verify->terms.session);
        return verify->has_session
                   ? 0
                   : lease_usage_error("verify", "--session: '%s' is no UUID", value);
    case 'r':
        verify->has_role = strcmp(value, "client") == 0 || strcmp(value, "server") == 0;
        verify->terms.presented_role = value[0] == 'c' ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
        return verify->has_role
                   ? 0
                   : lease_usage_error("verify", "--role is client or server, not '%s'", value);
    case 'n':
        verify->has_now = lease_parse_time(value, &verify->terms.now_unix_ms);
        return verify->has_now
                   ? 0
                   : lease_usage_error("verify", "--now: '%s' is no RFC 3339 time", value);
    case 'S':
        if (!lease_parse_number(value, UINT32_MAX, &skew_secs))
            return lease_usage_error("verify", "--skew is whole seconds, not '%s'", value);
        verify->terms.skew_ms = skew_secs * 1000;
        return 0;
    default:
        return lease_usage_error("verify", "see above");
    }
}

static int check_complete(struct verify *verify)
{
    if (verify->keys.count == 0)
        return lease_usage_error("verify", "at least one --key is needed");
    if (verify->terms.relay_id == NULL)
        return lease_usage_error("verify", "--relay-id is needed");
    if (!verify->has_session)
        return lease_usage_error("verify", "--session is needed");
    if (!verify->has_role)
        return lease_usage_error("verify", "--role is needed");
    if (!verify->has_now)
        verify->terms.now_unix_ms = lease_clock_unix_ms();
    return 0;
}

int lease_verify_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},     {"relay-id", required_argument, NULL, 'i'},
        {"session", required_argument, NULL, 's'}, {"role", required_argument, NULL, 'r'},
        {"now", required_argument, NULL, 'n'},     {"skew", required_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    static struct verify verify = {.terms = {.strict_role = true, .skew_ms = 30000}};
    struct wr_claims claims;
    const char *token;
    size_t bytes;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return LEASE_EXIT_OK;
        }
        int wrong = take_option(&verify, option, optarg);
        if (wrong != 0)
            return wrong;
    }
    int wrong = check_complete(&verify);
    if (wrong != 0)
        return wrong;
    if (argc - optind > 1)
        return lease_usage_error("verify", "one token at a time");
    bool whole = lease_read_token(argc > optind ? argv[optind] : NULL, &token, &bytes);
    if (!whole && errno != EFBIG)
        return lease_usage_error("verify", "standard input: %s", strerror(errno));
    enum wr_verdict verdict =
        whole ? judge(&verify, token, bytes, &claims) : WR_VERDICT_MALFORMED_TOKEN;
    if (verdict == WR_VERDICT_ACCEPTED) {
        print_accepted(&claims);
        return LEASE_EXIT_OK;
    }
    printf("{\"verdict\": \"%s\"}\n", lease_verdict_name(verdict));
    return LEASE_EXIT_REFUSED;
}
