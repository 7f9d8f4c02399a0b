#include "relay_world.h"

#include "oracle_says.h"
#include "relay_tokens.h"

#include <address.h>

#include <inttypes.h>
#include <string.h>

#define DEADLINES_MAX 100000 /* of one entry: more than any sound core has */

/* ---- Addresses ------------------------------------------------------------------------------- */

static const char *const texts[RELAY_ADDRESSES] = {
    "203.0.113.5:5000",   "192.0.2.77:6000",    "203.0.113.5:5001",      "192.0.2.77:6001",
    "198.18.0.9:7000",    "203.0.113.5:5002",   "198.18.0.9:7001",       "[2001:db8::7]:9000",
    "[2001:db8::7]:9001", "[2001:db8::8]:9000", "[2001:db8:0:1::7]:900", "[fe80::7%3]:9000",
    "198.18.3.4:0",       "224.0.0.1:5000",     "198.51.100.1:4000",     "255.255.255.255:9",
};

const struct wr_address *relay_address(uint32_t number)
{
    static struct wr_address addresses[RELAY_ADDRESSES];
    if (addresses[RELAY_ADDRESSES - 1].port == 0) {
        for (uint32_t i = 0; i < RELAY_ADDRESSES; i++)
            FUZZ_REQUIRE(wr_address_parse(texts[i], &addresses[i]), "%s", texts[i]);
    }
    return &addresses[number % RELAY_ADDRESSES];
}

static uint32_t number_of(const struct wr_address *address)
{
    for (uint32_t i = 0; i < RELAY_ADDRESSES; i++) {
        if (memcmp(relay_address(i), address, sizeof *address) == 0)
            return i;
    }
    return RELAY_ADDRESSES;
}

/* ---- The environment ------------------------------------------------------------------------- */

static wr_instant monotonic_ns(void *context)
{
    return ((const struct relay_world *)context)->now;
}

static uint64_t wall_of(const struct relay_world *world)
{
    return RELAY_START_UNIX_MS + world->now / WR_MS + (uint64_t)world->wall_step_ms;
}

static uint64_t wall_unix_ms(void *context)
{
    return wall_of(context);
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    struct relay_world *world = context;
    uint64_t state = ++world->entropy;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)fuzz_random(&state);
}

static bool is_answer(const struct wr_output *output)
{
    return output->size >= 20 && output->bytes[0] == 0x57 &&
           (output->bytes[2] == 2 || output->bytes[2] == 3);
}

/* The local end that the datagram of this line came to. */
static uint8_t *via_of(struct relay_world *world, uint64_t line)
{
    return &world->vias[line % RELAY_LINES];
}

static void keep_cookie(struct relay_world *world, const struct wr_output *output)
{
    uint32_t to = number_of(&output->to), session = output->bytes[19];
    if ((output->bytes[3] & 1) == 0 || to == RELAY_ADDRESSES || session >= 8 ||
        output->size < 20 + WR_COOKIE_BYTES)
        return;
    world->cookies[to][session].line = output->cause;
    memcpy(world->cookies[to][session].bytes, output->bytes + output->size - WR_COOKIE_BYTES,
           WR_COOKIE_BYTES);
}

static void send_out(void *context, const struct wr_output *output)
{
    struct relay_world *world = context;
    if (world->explain != NULL)
        fprintf(world->explain, "         sends %" PRIu32 " bytes to %s for #%" PRIu64 "\n",
                output->size, sim_text_address(&output->to).text, output->cause);
    sim_oracle_sent(world->oracle, output);
    if (!is_answer(output))
        return;
    uint32_t via = *via_of(world, output->cause);
    FUZZ_REQUIRE(output->via == via,
                 "an answer to a datagram that came to local end %u leaves from %u", via,
                 output->via);
    keep_cookie(world, output);
}

static void verify(void *context, const struct wr_verification *request)
{
    struct relay_world *world = context;
    uint32_t at = world->pending_count;
    sim_oracle_verification(world->oracle, request);
    FUZZ_REQUIRE(at < WR_VERIFICATIONS_OUT, "at most %d are out at a time", WR_VERIFICATIONS_OUT);
    wr_instant start = at > 0 && world->pending_ends[at - 1] > world->now
                           ? world->pending_ends[at - 1]
                           : world->now;
    world->pending[at] = *request;
    world->pending_ends[at] = start + world->verify_ns;
    world->pending_count++;
}

static const char *const event_names[] = {
    "outcome",  "verdict", "created", "active",    "bound",       "candidate",          "promoted",
    "reverted", "vacated", "removed", "key_added", "key_dropped", "key_refresh_wanted", "drained"};

static void explain_event(const struct relay_world *world, const struct wr_event *event)
{
    fprintf(world->explain, "         %s", event_names[event->kind]);
    if (event->kind == WR_EVENT_OUTCOME)
        fprintf(world->explain, " %s", wr_outcome_name(event->outcome));
    if (event->kind == WR_EVENT_VERDICT)
        fprintf(world->explain, " %s", wr_verdict_name(event->verdict));
    if (event->tag != 0)
        fprintf(world->explain, " #%" PRIu64, event->tag);
    if (event->kind >= WR_EVENT_CREATED && event->session != NULL)
        fprintf(world->explain, " in session %d", event->session->bytes[15] - 1);
    if (event->kind == WR_EVENT_BOUND || event->kind == WR_EVENT_CANDIDATE ||
        event->kind == WR_EVENT_PROMOTED || event->kind == WR_EVENT_REVERTED ||
        event->kind == WR_EVENT_VACATED)
        fprintf(world->explain, ", %s", event->role == WR_ROLE_CLIENT ? "client" : "server");
    if (event->kind >= WR_EVENT_CREATED && event->address != NULL)
        fprintf(world->explain, ", %s", sim_text_address(event->address).text);
    if (event->kind == WR_EVENT_PROMOTED || event->kind == WR_EVENT_REVERTED)
        fprintf(world->explain, ", rule %" PRIu32, event->rule);
    if (event->kind == WR_EVENT_VACATED || event->kind == WR_EVENT_REMOVED)
        fprintf(world->explain, ", %s", wr_why_name(event->why));
    if (event->kid != NULL)
        fprintf(world->explain, " %s", event->kid);
    fputc('\n', world->explain);
}

/* What is said of a thing's end is one of the words that docs/protocol.md has for it. */
static void check_why(const struct wr_event *event)
{
    static const char *const words[] = {
        [WR_WHY_EXPIRED] = "expired", [WR_WHY_IDLE] = "idle",     [WR_WHY_RELEASED] = "released",
        [WR_WHY_REVOKED] = "revoked", [WR_WHY_BANNED] = "banned",
    };
    FUZZ_REQUIRE(event->why <= WR_WHY_BANNED &&
                     strcmp(wr_why_name(event->why), words[event->why]) == 0,
                 "why %d", (int)event->why);
}

static void observe(void *context, const struct wr_event *event)
{
    struct relay_world *world = context;
    if (event->kind == WR_EVENT_VACATED || event->kind == WR_EVENT_REMOVED)
        check_why(event);
    if (world->explain != NULL)
        explain_event(world, event);
    if (event->kind == WR_EVENT_OUTCOME) {
        world->outcome = event->outcome;
        world->has_outcome = true;
        world->last_word = wr_outcome_name(event->outcome);
    } else if (event->kind == WR_EVENT_VERDICT) {
        world->verdict = event->verdict;
        world->has_verdict = true;
        world->last_word = wr_verdict_name(event->verdict);
    }
    world->refreshes += event->kind == WR_EVENT_KEY_REFRESH_WANTED;
    sim_oracle_observed(world->oracle, event);
}

static void bound_changed(void *context, const struct wr_address *address, enum wr_bound bound)
{
    struct relay_world *world = context;
    uint32_t number = number_of(address);
    FUZZ_REQUIRE(number < RELAY_ADDRESSES, "%s is nobody's", sim_text_address(address).text);
    world->told[number] = bound;
}

static void violated(void *context, const struct sim_violation *violation)
{
    const struct relay_world *world = context;
    const char *name = sim_oracle_name(violation->oracle);
    if (world->explain != NULL)
        fflush(world->explain);
    if (world->trace != NULL)
        fflush(world->trace);
    fuzz_oracle_says(name, strlen(name), violation->text, violation->at_ns, violation->tag);
}

/* ---- Entries --------------------------------------------------------------------------------- */

static void enter(struct relay_world *world)
{
    sim_oracle_enter(world->oracle, world->now, wall_of(world));
}

static void leave(struct relay_world *world)
{
    sim_oracle_leave(world->oracle, wr_relay_next_deadline(world->relay));
}

static void finish_verification(struct relay_world *world, uint32_t which)
{
    const struct wr_verification request = world->pending[which];
    uint32_t behind = --world->pending_count - which;
    memmove(&world->pending[which], &world->pending[which + 1], behind * sizeof *world->pending);
    memmove(&world->pending_ends[which], &world->pending_ends[which + 1],
            behind * sizeof *world->pending_ends);
    int fits = relay_token_verify(&request);
    enter(world);
    sim_oracle_verified(world->oracle, request.id, fits);
    wr_relay_verified(world->relay, request.id, fits);
    leave(world);
}

static void pass_until(struct relay_world *world, wr_instant at_ns)
{
    for (unsigned rounds = 0;; rounds++) {
        wr_instant result = world->pending_count > 0 ? world->pending_ends[0] : WR_NEVER;
        wr_instant deadline = wr_relay_next_deadline(world->relay);
        wr_instant next = result <= deadline ? result : deadline;
        if (next > at_ns)
            break;
        FUZZ_REQUIRE(rounds < DEADLINES_MAX, "deadlines without end at %" PRIu64 " ns", world->now);
        if (next > world->now)
            world->now = next;
        if (result <= deadline) {
            finish_verification(world, 0);
            continue;
        }
        enter(world);
        sim_oracle_deadline(world->oracle);
        wr_relay_on_deadline(world->relay);
        leave(world);
    }
    world->now = at_ns;
}

void relay_world_flush(struct relay_world *world)
{
    uint32_t count = world->batch_count;
    if (count == 0)
        return;
    pass_until(world, world->now);
    if (count > 1)
        relay_world_beyond_trace(world, "datagrams that are handed in together");
    enter(world);
    sim_oracle_arrive(world->oracle, world->batch, NULL, count);
    world->batch_count = 0;
    wr_relay_receive(world->relay, world->batch, count);
    leave(world);
    pass_until(world, world->now);
}

void relay_world_pass(struct relay_world *world, uint64_t span_ns)
{
    relay_world_flush(world);
    wr_instant until = wr_after(world->now, span_ns);
    pass_until(world, until < RELAY_TIME_MAX ? until : RELAY_TIME_MAX);
    if (world->explain != NULL)
        fprintf(world->explain, "         it is %" PRIu64 ".%09" PRIu64 " s\n", world->now / WR_S,
                world->now % WR_S);
    world->line++;
    if (world->trace != NULL)
        fprintf(world->trace, "{\"at_ns\": %" PRIu64 "}\n", world->now);
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

/* What was sent is kept until the same address has sent RELAY_COPIES more: also while it waits in
 * the batch, which is shorter than all of them together only where one address sends it all. */
static struct relay_packet copies[RELAY_ADDRESSES][RELAY_COPIES + RELAY_BATCH];

static struct relay_packet *place_of_copy(uint32_t from, uint32_t number)
{
    return &copies[from][number % (RELAY_COPIES + RELAY_BATCH)];
}

const struct relay_packet *relay_world_copy(const struct relay_world *world, uint32_t from,
                                            uint32_t back)
{
    from %= RELAY_ADDRESSES;
    back %= RELAY_COPIES;
    return back < world->copies_made[from]
               ? place_of_copy(from, world->copies_made[from] - 1 - back)
               : NULL;
}

void relay_world_beyond_trace(struct relay_world *world, const char *what)
{
    if (world->trace != NULL && world->explain != NULL && world->beyond_trace == NULL)
        fprintf(world->explain, "     a trace cannot say it all: %s\n", what);
    world->beyond_trace = what;
}

static void trace_datagram(const struct relay_world *world, uint32_t from,
                           const struct relay_packet *packet)
{
    fprintf(world->trace, "{\"at_ns\": %" PRIu64 ", \"from\": \"%s\", \"hex\": \"", world->now,
            texts[from]);
    for (uint32_t i = 0; i < packet->size; i++) {
        if (packet->cookie_line != 0 && i == packet->cookie_at) {
            fprintf(world->trace, "<cookie %" PRIu64 ">", packet->cookie_line);
            i += WR_COOKIE_BYTES - 1;
        } else {
            fprintf(world->trace, "%02x", packet->bytes[i]);
        }
    }
    fputs("\"}\n", world->trace);
}

void relay_world_receive(struct relay_world *world, uint32_t from,
                         const struct relay_packet *packet, bool joins)
{
    from %= RELAY_ADDRESSES;
    if (world->datagrams == RELAY_DATAGRAMS_MAX)
        return;
    world->datagrams++;
    struct relay_packet *copy = place_of_copy(from, world->copies_made[from]++);
    copy->size = packet->size;
    copy->cookie_at = packet->cookie_at;
    copy->cookie_line = packet->cookie_line;
    copy->elsewhere = packet->elsewhere;
    memcpy(copy->bytes, packet->bytes, packet->size);
    world->line++;
    if (packet->elsewhere)
        relay_world_beyond_trace(world, "an address that is bound in another relay");
    if (world->explain != NULL)
        fprintf(world->explain, "         #%" PRIu64 ": %" PRIu32 " bytes from %s to end %u%s\n",
                world->line, packet->size, texts[from], world->via,
                joins ? ", together with the next" : "");
    if (world->trace != NULL)
        trace_datagram(world, from, packet);
    *via_of(world, world->line) = world->via;
    world->batch[world->batch_count++] = (struct wr_datagram){
        .from = *relay_address(from),
        .bytes = copy->bytes,
        .size = packet->size,
        .via = world->via,
        .bound_elsewhere = packet->elsewhere,
        .tag = world->line,
    };
    if (!joins || world->batch_count == RELAY_BATCH)
        relay_world_flush(world);
}

/* ---- Verifications --------------------------------------------------------------------------- */

void relay_world_verify_now(struct relay_world *world, uint32_t which)
{
    relay_world_flush(world);
    if (world->pending_count == 0)
        return;
    relay_world_beyond_trace(world, "a verification's result before its turn");
    finish_verification(world, which % world->pending_count);
    pass_until(world, world->now);
}

void relay_world_verify_later(struct relay_world *world, uint64_t span_ns)
{
    relay_world_flush(world);
    if (world->pending_count > 0)
        relay_world_beyond_trace(world, "a verification's result that comes late");
    for (uint32_t i = 0; i < world->pending_count; i++)
        world->pending_ends[i] = wr_after(world->pending_ends[i], span_ns);
}

/* ---- Control --------------------------------------------------------------------------------- */

void relay_world_begin_control(struct relay_world *world)
{
    relay_world_flush(world);
    pass_until(world, world->now);
    world->line++;
    enter(world);
}

void relay_world_end_control(struct relay_world *world)
{
    leave(world);
    pass_until(world, world->now);
}

void relay_world_look(struct relay_world *world)
{
    struct wr_snapshot snapshot;
    relay_world_flush(world);
    FUZZ_STAIN(snapshot);
    wr_relay_snapshot(world->relay, &snapshot);
    sim_oracle_snapshot(world->oracle, world->now, &snapshot);
    for (uint32_t i = 0; i < RELAY_ADDRESSES; i++) {
        struct sim_bindings in = sim_address_bindings(world->oracle, relay_address(i));
        enum wr_bound expected = in.active > 1    ? WR_BOUND_AMBIGUOUS
                                 : in.active == 1 ? WR_BOUND_ONCE
                                 : in.all > 0     ? WR_BOUND_WAITING
                                                  : WR_BOUND_NOWHERE;
        FUZZ_REQUIRE(world->told[i] == expected, "%s is bound %u/%u, and %d was told", texts[i],
                     in.active, in.all, (int)world->told[i]);
    }
}

/* ---- Beginning and end -------------------------------------------------------------------------
 */

void relay_world_open(struct relay_world *world, const struct wr_relay_config *config,
                      uint64_t verify_ns, FILE *explain, FILE *trace)
{
    memset(world, 0, sizeof *world);
    world->environment = (struct wr_environment){
        .context = world,
        .monotonic_ns = monotonic_ns,
        .wall_unix_ms = wall_unix_ms,
        .entropy = entropy,
        .send = send_out,
        .verify = verify,
        .observe = observe,
        .bound_changed = bound_changed,
    };
    world->config = *config;
    world->created_sessions = config->max_sessions;
    world->verify_ns = verify_ns;
    world->line = 1; /* the configuration */
    world->explain = explain;
    world->trace = trace;
    const struct sim_oracle_config judge = {
        .relay = &world->config, .context = world, .violated = violated};
    world->oracle = sim_oracle_create(&judge);
    world->relay = wr_relay_create(&world->config, &world->environment);
    FUZZ_REQUIRE(world->oracle != NULL && world->relay != NULL, "%s",
                 "no memory, or no such configuration");
}

void relay_world_begin(struct relay_world *world)
{
    enter(world);
    sim_oracle_key_add(world->oracle, relay_kid(0), relay_key(0), WR_KEY_INITIAL);
    (void)wr_relay_key_add(world->relay, relay_kid(0), relay_key(0), WR_KEY_INITIAL);
    leave(world);
}

void relay_world_close(struct relay_world *world)
{
    wr_relay_destroy(world->relay);
    sim_oracle_destroy(world->oracle);
}
