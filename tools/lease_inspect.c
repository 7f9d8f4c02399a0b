#include "lease_commands.h"

#include "address.h"
#include "json.h"
#include "lease.h"
#include "lease_text.h"
#include "paseto.h"
#include "rfc3339.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: wavry-lease inspect [--now TIME] [TOKEN|-]\n"
    "\n"
    "Explains a lease token in words: whose it is, for which session, role and relay, from\n"
    "when until when, its limits, the key it names, and whatever is odd about it. It verifies\n"
    "NOTHING and needs no key; 'wavry-lease verify' does.\n"
    "TOKEN \"-\", or none, is read from standard input. Blanks around it are taken off.\n"
    "\n"
    "  --now TIME   explain as of this time (RFC 3339), not now\n"
    "  --help       this text\n"
    "\n"
    "Exit code: 0 explained, 1 it is no lease that a relay could read, 2 wrong usage.\n";

/* ---- Words ------------------------------------------------------------------------------------
 */

/* "2026-11-21 11:39:22.965 UTC" */
static void print_time(uint64_t unix_ms)
{
    char text[WR_RFC3339_TEXT_BYTES];
    wr_rfc3339_format(unix_ms, text);
    printf("%.10s %.12s UTC", text, text + 11);
}

/* "2 days 3 hours", the two largest units of days, hours, minutes, seconds, milliseconds. */
static void print_span(uint64_t ms)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = {
        {86400000, "day"}, {3600000, "hour"},  {60000, "minute"},
        {1000, "second"},  {1, "millisecond"},
    };
    int printed = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units && printed < 2; i++) {
        unsigned long long count = ms / units[i].ms;
        ms %= units[i].ms;
        if (count == 0)
            continue;
        printf("%s%llu %s%s", printed > 0 ? " " : "", count, units[i].name, count == 1 ? "" : "s");
        printed++;
    }
    if (printed == 0)
        printf("no time");
}

static void print_distance(uint64_t unix_ms, uint64_t now_ms)
{
    if (unix_ms == now_ms) {
        printf("(now)");
    } else if (unix_ms > now_ms) {
        printf("(in ");
        print_span(unix_ms - now_ms);
        printf(")");
    } else {
        printf("(");
        print_span(now_ms - unix_ms);
        printf(" ago)");
    }
}

static void print_kbps(uint32_t kbps)
{
    if (kbps % 1000 == 0)
        printf("%lu Mbps", (unsigned long)kbps / 1000);
    else
        printf("%lu kbps", (unsigned long)kbps);
}

/* The list of what is odd; its title comes with the first. */
struct oddities {
    int count;
};

__attribute__((format(printf, 2, 3))) static void odd(struct oddities *oddities, const char *format,
                                                      ...)
{
    va_list arguments;
    if (oddities->count++ == 0)
        printf("\nWhat is odd about it:\n");
    printf("  - ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* ---- The lease --------------------------------------------------------------------------------
 */

static void print_name(const char *title, bool has, const char *text, uint32_t bytes,
                       const char *missing)
{
    printf("  %-12s", title);
    if (has)
        lease_print_safe(text, bytes);
    else
        printf("%s", missing);
    printf("\n");
}

static void print_moment(const char *title, bool has, uint64_t unix_ms, uint64_t now_ms)
{
    printf("  %-12s", title);
    if (has) {
        print_time(unix_ms);
        printf(" ");
        print_distance(unix_ms, now_ms);
    } else {
        printf("it does not say");
    }
    printf("\n");
}

static void print_times(const struct wr_claims *claims, uint64_t now_ms)
{
    uint64_t from_ms = claims->has_not_before ? claims->not_before_unix_ms : claims->issued_unix_ms;
    bool has_from = claims->has_not_before || claims->has_issued;
    print_moment("Issued", claims->has_issued, claims->issued_unix_ms, now_ms);
    print_moment("Valid from", has_from, from_ms, now_ms);
    print_moment("Valid until", true, claims->expires_unix_ms, now_ms);
    if (has_from && claims->expires_unix_ms > from_ms) {
        printf("  %-12s", "That is for");
        print_span(claims->expires_unix_ms - from_ms);
        printf("\n");
    }
}

static void print_claims(const struct wr_claims *claims, uint64_t now_ms)
{
    char session[WR_SESSION_TEXT_BYTES];
    print_name("Who", true, claims->sub, claims->sub_bytes, "");
    printf("  %-12s%s\n", "Session", wr_session_id_format(&claims->session, session));
    printf("  %-12s%s\n", "Role", claims->role == WR_ROLE_CLIENT ? "client" : "server");
    print_name("Relay", claims->has_rid, claims->rid, claims->rid_bytes,
               "none that could be named");
    print_name("Key id", claims->has_kid, claims->kid, claims->kid_bytes, "it names none");
    print_times(claims, now_ms);
    printf("  %-12s", "Limits");
    print_kbps(claims->soft_limit_kbps);
    printf(" soft (what is above is counted), ");
    print_kbps(claims->hard_limit_kbps);
    printf(" hard (what is above is dropped)\n");
}

static void print_footer(const struct wr_token *token)
{
    printf("  %-12s", "Footer");
    if (token->footer_bytes == 0)
        printf("none");
    else
        lease_print_safe((const char *)token->footer, token->footer_bytes);
    printf("\n");
}

/* ---- Oddities ---------------------------------------------------------------------------------
 */

static void judge_times(struct oddities *oddities, const struct wr_claims *claims, uint64_t now_ms)
{
    if (claims->expires_unix_ms <= now_ms)
        odd(oddities, "It has expired. (A relay allows clocks to differ, by 30 s by default.)");
    else if (claims->expires_unix_ms - now_ms > WR_LEASE_HORIZON_MS)
        odd(oddities, "It ends more than an hour from now; no relay takes one that long "
                      "(horizon_exceeded).");
    if (claims->has_not_before && claims->not_before_unix_ms > now_ms)
        odd(oddities, "It is not valid yet.");
    if (claims->has_issued && claims->issued_unix_ms > now_ms)
        odd(oddities, "It was issued in the future.");
    if (claims->has_not_before && claims->not_before_unix_ms >= claims->expires_unix_ms)
        odd(oddities, "It ends before it begins.");
    if (claims->has_issued &&
        claims->expires_unix_ms - claims->issued_unix_ms > WR_LEASE_HORIZON_MS)
        odd(oddities, "It was issued for more than an hour, longer than the master's longest.");
    if (!claims->has_issued)
        odd(oddities,
            "It does not say when it was issued: any other token of its holder is newer.");
}

static void judge_names(struct oddities *oddities, const struct wr_claims *claims)
{
    if (!claims->has_rid)
        odd(oddities, "It names no relay, so every relay refuses it (wrong_relay).");
    if (!claims->has_kid)
        odd(oddities, "It names no key: only a relay that has a key without a kid takes it.");
}

static bool is_known_member(const struct wr_json_text *name)
{
    static const char *const known[] = {
        "sub", "sid", "role",   "rid",    "kid",      "exp",         "exp_rfc3339",
        "nbf", "iat", "slimit", "hlimit", "wavry_id", "nbf_rfc3339", "iat_rfc3339",
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (wr_json_is(name, known[i]))
            return true;
    }
    return false;
}

/* Members of the payload that no relay reads, and limits below what counts. */
static void judge_members(struct oddities *oddities, const struct wr_token *token,
                          const struct wr_claims *claims)
{
    struct wr_json json;
    struct wr_json_text name;
    uint32_t kbps;
    int unknown = 0;
    wr_json_begin(&json, token->payload, token->payload_bytes);
    wr_json_enter(&json);
    while (wr_json_member(&json, &name)) {
        bool soft = wr_json_is(&name, "slimit"), hard = wr_json_is(&name, "hlimit");
        unknown += is_known_member(&name) ? 0 : 1;
        if (!soft && !hard)
            wr_json_skip(&json);
        else if (wr_json_u32(&json, &kbps) &&
                 kbps != (soft ? claims->soft_limit_kbps : claims->hard_limit_kbps))
            odd(oddities, "It asks for a %s limit of %lu kbps, which counts as %lu.",
                soft ? "soft" : "hard", (unsigned long)kbps,
                (unsigned long)(soft ? claims->soft_limit_kbps : claims->hard_limit_kbps));
    }
    if (unknown > 0)
        odd(oddities,
            unknown == 1 ? "%d of its members means nothing to a relay."
                         : "%d of its members mean nothing to a relay.",
            unknown);
}

/* ---- What is no lease -------------------------------------------------------------------------
 */

static void explain_malformed(const struct wr_token *token)
{
    static const char *const required[] = {"sub", "sid", "role"};
    struct wr_json json;
    struct wr_json_text name;
    bool seen[3] = {false}, has_expiry = false;
    printf("This has the form of a PASETO v4.public token, but it holds no lease: a relay refuses\n"
           "it as malformed_claims, before it looks at the signature. Nothing was verified.\n\n");
    wr_json_begin(&json, token->payload, token->payload_bytes);
    wr_json_enter(&json);
    while (wr_json_member(&json, &name)) {
        for (size_t i = 0; i < 3; i++)
            seen[i] = seen[i] || wr_json_is(&name, required[i]);
        has_expiry = has_expiry || wr_json_is(&name, "exp") || wr_json_is(&name, "exp_rfc3339");
        wr_json_skip(&json);
    }
    if (!wr_json_end(&json)) {
        printf("Its payload is not one strict JSON object (UTF-8, no member twice, nested at most\n"
               "16 deep).\n");
    } else if (seen[0] && seen[1] && seen[2] && has_expiry) {
        printf(
            "All required members are there, but one has the wrong type, is out of range, or the\n"
            "expiry is not after the issue.\n");
    } else {
        printf("It lacks:%s%s%s%s\n", seen[0] ? "" : " sub", seen[1] ? "" : " sid",
               seen[2] ? "" : " role", has_expiry ? "" : " exp_rfc3339 (or exp)");
    }
    printf("\nPayload: ");
    lease_print_safe((const char *)token->payload, token->payload_bytes);
    printf("\n");
}

static void explain_no_token(size_t bytes)
{
    printf(
        "This is no PASETO v4.public token: a relay refuses it as malformed_token.\n"
        "One begins with \"v4.public.\", goes on in base64url without padding (a signature's 64\n"
        "bytes at least), and may have a footer behind another dot; %d characters at most.\n"
        "This text has %zu.\n",
        WR_TOKEN_TEXT_BYTES_MAX, bytes);
}

/* ---- The command ------------------------------------------------------------------------------
 */

static int explain(const char *text, size_t bytes, uint64_t now_ms)
{
    struct wr_token token;
    struct wr_claims claims;
    struct oddities oddities = {0};
    if (!wr_token_decode((const uint8_t *)text, bytes, &token)) {
        explain_no_token(bytes);
        return LEASE_EXIT_REFUSED;
    }
    if (!wr_claims_decode(token.payload, token.payload_bytes, &claims)) {
        explain_malformed(&token);
        return LEASE_EXIT_REFUSED;
    }
    printf("A lease token. NOTHING WAS VERIFIED: anybody can write such a text. What it says:\n\n");
    print_claims(&claims, now_ms);
    print_footer(&token);
    judge_times(&oddities, &claims, now_ms);
    judge_names(&oddities, &claims);
    judge_members(&oddities, &token, &claims);
    if (oddities.count == 0)
        printf(
            "\nNothing about it looks odd. Whether it is genuine, 'wavry-lease verify' tells.\n");
    return LEASE_EXIT_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int lease_inspect_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"now", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint64_t now_ms = lease_clock_unix_ms();
    const char *text;
    size_t bytes;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return LEASE_EXIT_OK;
        }
        if (option != 'n')
            return lease_usage_error("inspect", "see above");
        if (!lease_parse_time(optarg, &now_ms))
            return lease_usage_error("inspect", "--now: '%s' is no RFC 3339 time", optarg);
    }
    if (argc - optind > 1)
        return lease_usage_error("inspect", "one token at a time");
    if (!lease_read_token(argc > optind ? argv[optind] : NULL, &text, &bytes))
        return lease_usage_error("inspect", "standard input: %s", strerror(errno));
    while (bytes > 0 && is_blank(text[bytes - 1]))
        bytes--;
    while (bytes > 0 && is_blank(*text)) {
        text++;
        bytes--;
    }
    return explain(text, bytes, now_ms);
}
