#include "feed.h"

#include "address.h"
#include "feed_trace.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: wavry-sim feed [--json-out FILE] TRACE.jsonl\n"
    "\n"
    "Feeds one relay core with what TRACE says (- for standard input) and prints what the core\n"
    "does, one JSON object a line; docs/traces.md describes both forms.\n"
    "\n"
    "  --json-out FILE  write there instead of standard output\n"
    "  --help           this text\n"
    "\n"
    "Exit code 0, or 2 for bad usage or a bad trace.\n";

/* Verifications that the core asked for; one runs at a time, in the order of asking. */
struct pending {
    struct wr_verification verification;
    uint64_t ends_ns;
};

struct feeder {
    struct wr_relay *relay;
    struct sim_feed_config config;
    FILE *out;
    uint64_t now_ns;
    uint64_t wall_steps_ms; /* modulo 2^64: steps may be negative */
    uint64_t entropy_blocks;
    struct pending pending[WR_VERIFICATIONS_OUT];
    uint32_t pending_count;
    uint64_t verifier_free_ns;
    uint8_t (*cookies)[WR_COOKIE_BYTES]; /* by line */
    uint64_t cookie_lines;
};

/* ---- The environment
 * ----------------------------------------------------------------------------- */

static wr_instant monotonic_ns(void *context)
{
    const struct feeder *feeder = context;
    return feeder->now_ns;
}

static uint64_t wall_unix_ms(void *context)
{
    const struct feeder *feeder = context;
    return feeder->config.start_unix_ms + feeder->now_ns / WR_MS + feeder->wall_steps_ms;
}

/* The same bytes in every run: a trace is played, not defended. */
static void entropy(void *context, uint8_t *out, size_t bytes)
{
    static const unsigned char seed[randombytes_SEEDBYTES] = "wavry-sim feed";
    struct feeder *feeder = context;
    unsigned char block_seed[randombytes_SEEDBYTES];
    memcpy(block_seed, seed, sizeof seed);
    for (int i = 0; i < 8; i++)
        block_seed[24 + i] = (unsigned char)(feeder->entropy_blocks >> (8 * i));
    feeder->entropy_blocks++;
    randombytes_buf_deterministic(out, bytes, block_seed);
}

static void print_hex(FILE *out, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%02x", bytes[i]);
}

/* An answer that carries a cookie: an ACK or REJECT with flag bit 0, in its last 16 bytes. */
static void remember_cookie(struct feeder *feeder, const struct wr_output *output)
{
    bool answer = output->size >= WR_DATAGRAM_BYTES_MIN + WR_COOKIE_BYTES &&
                  output->bytes[0] == 0x57 && (output->bytes[2] == 2 || output->bytes[2] == 3);
    if (answer && (output->bytes[3] & 1) != 0 && output->cause < feeder->cookie_lines)
        memcpy(feeder->cookies[output->cause], output->bytes + output->size - WR_COOKIE_BYTES,
               WR_COOKIE_BYTES);
}

static void send_out(void *context, const struct wr_output *output)
{
    struct feeder *feeder = context;
    char text[WR_ADDRESS_TEXT_BYTES];
    fprintf(feeder->out, "{\"line\": %" PRIu64 ", \"send\": \"%s\", \"hex\": \"", output->cause,
            wr_address_format(&output->to, text));
    print_hex(feeder->out, output->bytes, output->size);
    fputs("\"}\n", feeder->out);
    remember_cookie(feeder, output);
}

static void verify(void *context, const struct wr_verification *verification)
{
    struct feeder *feeder = context;
    uint64_t starts_ns =
        feeder->verifier_free_ns > feeder->now_ns ? feeder->verifier_free_ns : feeder->now_ns;
    feeder->verifier_free_ns = wr_after(starts_ns, feeder->config.verify_ns);
    feeder->pending[feeder->pending_count++] =
        (struct pending){*verification, feeder->verifier_free_ns};
}

/* ---- What the core says
 * -------------------------------------------------------------------------- */

static void print_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static const char *event_name(enum wr_event_kind kind)
{
    switch (kind) {
    case WR_EVENT_OUTCOME:
    case WR_EVENT_VERDICT:
        break;
    case WR_EVENT_CREATED:
        return "created";
    case WR_EVENT_ACTIVE:
        return "active";
    case WR_EVENT_BOUND:
        return "bound";
    case WR_EVENT_CANDIDATE:
        return "candidate";
    case WR_EVENT_PROMOTED:
        return "promoted";
    case WR_EVENT_REVERTED:
        return "reverted";
    case WR_EVENT_VACATED:
        return "vacated";
    case WR_EVENT_REMOVED:
        return "removed";
    case WR_EVENT_KEY_ADDED:
        return "key_added";
    case WR_EVENT_KEY_DROPPED:
        return "key_dropped";
    case WR_EVENT_KEY_REFRESH_WANTED:
        return "key_refresh_wanted";
    case WR_EVENT_DRAINED:
        return "drained";
    }
    return "unknown";
}

static void print_event(struct feeder *feeder, const struct wr_event *event)
{
    FILE *out = feeder->out;
    char text[WR_ADDRESS_TEXT_BYTES];
    bool seat = event->kind == WR_EVENT_BOUND || event->kind == WR_EVENT_CANDIDATE ||
                event->kind == WR_EVENT_PROMOTED || event->kind == WR_EVENT_REVERTED;
    fprintf(out, "{\"at_ns\": %" PRIu64 ", \"event\": \"%s\"", event->at_ns,
            event_name(event->kind));
    if (event->session != NULL)
        fprintf(out, ", \"session\": \"%s\"", wr_session_id_format(event->session, text));
    if (seat || event->kind == WR_EVENT_VACATED)
        fprintf(out, ", \"role\": \"%s\"", event->role == WR_ROLE_CLIENT ? "client" : "server");
    if (seat)
        fprintf(out, ", \"address\": \"%s\"", wr_address_format(event->address, text));
    if (event->kind == WR_EVENT_PROMOTED || event->kind == WR_EVENT_REVERTED)
        fprintf(out, ", \"rule\": %" PRIu32, event->rule);
    if (event->kind == WR_EVENT_VACATED || event->kind == WR_EVENT_REMOVED)
        fprintf(out, ", \"why\": \"%s\"", wr_why_name(event->why));
    if (event->kid != NULL) {
        fputs(", \"kid\": ", out);
        print_text(out, event->kid);
    }
    fputs("}\n", out);
}

static void observe(void *context, const struct wr_event *event)
{
    struct feeder *feeder = context;
    if (event->kind == WR_EVENT_OUTCOME)
        fprintf(feeder->out, "{\"line\": %" PRIu64 ", \"outcome\": \"%s\"}\n", event->tag,
                wr_outcome_name(event->outcome));
    else if (event->kind == WR_EVENT_VERDICT)
        fprintf(feeder->out, "{\"line\": %" PRIu64 ", \"verdict\": \"%s\"}\n", event->tag,
                wr_verdict_name(event->verdict));
    else
        print_event(feeder, event);
}

static void print_count(FILE *out, bool *first, const char *name, uint64_t count)
{
    if (count == 0)
        return;
    fprintf(out, "%s\"%s\": %" PRIu64, *first ? "" : ", ", name, count);
    *first = false;
}

static void print_counters(struct feeder *feeder)
{
    struct wr_snapshot snapshot;
    FILE *out = feeder->out;
    bool first = true;
    wr_relay_snapshot(feeder->relay, &snapshot);
    fputs("{\"counters\": {", out);
#define PRINT_COUNTER(name) print_count(out, &first, #name, snapshot.counters.name);
    WR_COUNTERS(PRINT_COUNTER)
    fputs("}, \"outcomes\": {", out);
    first = true;
    for (int i = 0; i < WR_OUTCOME_COUNT; i++)
        print_count(out, &first, wr_outcome_name((enum wr_outcome)i),
                    snapshot.counters.outcomes[i]);
    fputs("}, \"verdicts\": {", out);
    first = true;
    for (int i = 0; i < WR_VERDICT_COUNT; i++)
        print_count(out, &first, wr_verdict_name((enum wr_verdict)i),
                    snapshot.counters.verdicts[i]);
    fprintf(out,
            "}, \"held\": %" PRIu64 ", \"pending\": %" PRIu64
            ", \"sessions\": {\"waiting\": %" PRIu64 ", \"active\": %" PRIu64 "}}\n",
            snapshot.held, snapshot.pending, snapshot.sessions_waiting, snapshot.sessions_active);
}

/* ---- Time
 * ---------------------------------------------------------------------------------------- */

static uint64_t next_result_ns(const struct feeder *feeder)
{
    return feeder->pending_count > 0 ? feeder->pending[0].ends_ns : WR_NEVER;
}

static void finish_verification(struct feeder *feeder)
{
    const struct wr_verification verification = feeder->pending[0].verification;
    int fits = -1;
    feeder->pending_count--;
    memmove(&feeder->pending[0], &feeder->pending[1],
            feeder->pending_count * sizeof *feeder->pending);
    for (uint32_t i = 0; i < verification.key_count && fits < 0; i++) {
        if (crypto_sign_verify_detached(verification.signature, verification.message,
                                        verification.message_size, verification.keys[i]) == 0)
            fits = (int)i;
    }
    wr_relay_verified(feeder->relay, verification.id, fits);
}

/* Results that are due at this instant come before the core's own deadlines. */
static void pass_time_until(struct feeder *feeder, uint64_t at_ns)
{
    for (;;) {
        uint64_t result_ns = next_result_ns(feeder);
        uint64_t deadline_ns = wr_relay_next_deadline(feeder->relay);
        uint64_t next_ns = result_ns <= deadline_ns ? result_ns : deadline_ns;
        if (next_ns > at_ns)
            break;
        if (next_ns > feeder->now_ns)
            feeder->now_ns = next_ns;
        if (result_ns <= deadline_ns)
            finish_verification(feeder);
        else
            wr_relay_on_deadline(feeder->relay);
    }
    feeder->now_ns = at_ns;
}

/* ---- A trace
 * ------------------------------------------------------------------------------------- */

static void look_up_cookie(void *context, uint64_t line, uint8_t cookie[WR_COOKIE_BYTES])
{
    const struct feeder *feeder = context;
    memcpy(cookie, feeder->cookies[line], WR_COOKIE_BYTES);
}

static bool make_room_for_line(struct feeder *feeder, uint64_t line)
{
    if (line < feeder->cookie_lines)
        return true;
    uint64_t lines = feeder->cookie_lines == 0 ? 1024 : feeder->cookie_lines * 2;
    void *cookies = realloc(feeder->cookies, (size_t)lines * sizeof *feeder->cookies);
    if (cookies == NULL)
        return false;
    feeder->cookies = cookies;
    memset(feeder->cookies[feeder->cookie_lines], 0,
           (size_t)(lines - feeder->cookie_lines) * sizeof *feeder->cookies);
    feeder->cookie_lines = lines;
    return true;
}

static bool start(struct feeder *feeder)
{
    const struct wr_environment environment = {
        .context = feeder,
        .monotonic_ns = monotonic_ns,
        .wall_unix_ms = wall_unix_ms,
        .entropy = entropy,
        .send = send_out,
        .verify = verify,
        .observe = NULL,
    };
    struct wr_environment observed = environment;
    observed.observe = observe;
    feeder->config.relay.relay_id = feeder->config.relay_id;
    feeder->config.relay.own_addresses = &feeder->config.listen;
    feeder->config.relay.own_address_count = 1;
    feeder->relay = wr_relay_create(&feeder->config.relay, &observed);
    return feeder->relay != NULL;
}

static void apply(struct feeder *feeder, const struct sim_feed_line *line, uint64_t number)
{
    switch (line->kind) {
    case SIM_FEED_TIME:
        break;
    case SIM_FEED_DATAGRAM: {
        const struct wr_datagram datagram = {
            .from = line->from, .bytes = line->bytes, .size = line->size, .tag = number};
        wr_relay_receive(feeder->relay, &datagram, 1);
        break;
    }
    case SIM_FEED_WALL_STEP:
        feeder->wall_steps_ms += (uint64_t)line->wall_step_ms;
        break;
    case SIM_FEED_KEY:
        (void)wr_relay_key_add(feeder->relay, line->key.kid, line->key.bytes, WR_KEY_LEARNED);
        break;
    case SIM_FEED_REVOKE:
        (void)wr_relay_key_revoke(feeder->relay, line->key.bytes);
        break;
    case SIM_FEED_BAN:
        (void)wr_relay_ban(feeder->relay, line->sub, strlen(line->sub));
        break;
    case SIM_FEED_UNBAN:
        wr_relay_unban(feeder->relay, line->sub, strlen(line->sub));
        break;
    case SIM_FEED_DRAIN:
        wr_relay_drain(feeder->relay);
        break;
    }
}

/* Keys of the configuration are there before anything happens: nobody is told of them. */
static void add_first_keys(struct feeder *feeder)
{
    FILE *out = feeder->out;
    feeder->out = fopen("/dev/null", "w");
    for (uint32_t i = 0; i < feeder->config.key_count; i++)
        (void)wr_relay_key_add(feeder->relay, feeder->config.keys[i].kid,
                               feeder->config.keys[i].bytes, WR_KEY_INITIAL);
    if (feeder->out != NULL)
        fclose(feeder->out);
    feeder->out = out;
}

static bool complain(const char *name, uint64_t line, const char *wrong)
{
    fprintf(stderr, "%s:%" PRIu64 ": %s\n", name, line, wrong);
    return false;
}

static bool take_line(struct feeder *feeder, const char *name, const char *text, uint64_t number,
                      struct sim_feed_line *line)
{
    if (!make_room_for_line(feeder, number))
        return complain(name, number, "out of memory");
    if (number == 1) {
        const char *wrong = sim_feed_read_config(text, &feeder->config);
        if (wrong != NULL)
            return complain(name, number, wrong);
        if (!start(feeder))
            return complain(name, number, "out of memory for a relay of this configuration");
        add_first_keys(feeder);
        return true;
    }
    const char *wrong = sim_feed_read_line(text, number, look_up_cookie, feeder, line);
    if (wrong != NULL)
        return complain(name, number, wrong);
    if (line->at_ns < feeder->now_ns)
        return complain(name, number, "\"at_ns\" must never decrease");
    pass_time_until(feeder, line->at_ns);
    apply(feeder, line, number);
    pass_time_until(feeder, feeder->now_ns);
    return true;
}

static bool play(struct feeder *feeder, const char *name, FILE *in)
{
    struct sim_feed_line *line = malloc(sizeof *line);
    char *text = NULL;
    size_t capacity = 0;
    uint64_t number = 0;
    bool good = line != NULL;
    ssize_t length;
    while (good && (length = getline(&text, &capacity, in)) >= 0) {
        number++;
        if (strlen(text) != (size_t)length)
            good = complain(name, number, "a NUL byte");
        else
            good = take_line(feeder, name, text, number, line);
    }
    if (good && ferror(in))
        good = complain(name, number + 1, strerror(errno));
    if (good && number == 0)
        good = complain(name, 1, "the first line must be the configuration; the file is empty");
    if (good)
        print_counters(feeder);
    free(text);
    free(line);
    return good;
}

int sim_feed_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"json-out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *out_name = NULL;
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (option != 'o') {
            fputs(usage, stderr);
            return 2;
        }
        out_name = optarg;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "wavry-sim feed: one trace is expected\n%s", usage);
        return 2;
    }
    struct feeder *feeder = calloc(1, sizeof *feeder);
    const char *name = argv[optind];
    FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    FILE *out = out_name == NULL ? stdout : fopen(out_name, "w");
    bool good = feeder != NULL && in != NULL && out != NULL && sodium_init() >= 0;
    if (!good)
        fprintf(stderr, "wavry-sim feed: %s: %s\n", in == NULL ? name : out_name, strerror(errno));
    if (good) {
        feeder->out = out;
        good = play(feeder, name, in);
    }
    if (out != NULL && fflush(out) != 0) {
        fprintf(stderr, "wavry-sim feed: cannot write: %s\n", strerror(errno));
        good = false;
    }
    if (in != NULL && in != stdin)
        fclose(in);
    if (out != NULL && out != stdout)
        fclose(out);
    if (feeder != NULL) {
        wr_relay_destroy(feeder->relay);
        free(feeder->cookies);
    }
    free(feeder);
    return good ? 0 : 2;
}
