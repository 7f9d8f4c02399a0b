#include "relay_actions.h"

#include "relay_packets.h"
#include "relay_tokens.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t bytes;
} actions[RELAY_ACTION_COUNT] = {
#define ROW(name, text, bytes) {text, bytes},
    RELAY_ACTIONS(ROW)
#undef ROW
};

const char *relay_action_name(uint8_t tag)
{
    return tag < RELAY_ACTION_COUNT ? actions[tag].name : NULL;
}

uint32_t relay_action_bytes(uint8_t tag)
{
    return tag < RELAY_ACTION_COUNT ? actions[tag].bytes : 0;
}

/* In the flags byte of a datagram's record, above the four that go into its header. */
enum { JOINS = 16, SAME_SEQUENCE = 32, ELSEWHERE = 64 };

static void say(const struct relay_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct relay_world *world, const char *format, ...)
{
    va_list arguments;
    if (world->explain == NULL)
        return;
    va_start(arguments, format);
    vfprintf(world->explain, format, arguments);
    va_end(arguments);
    fputc('\n', world->explain);
}

/* From one byte: once for most, up to 64 times. */
static uint32_t take_times(struct fuzz_action *action)
{
    uint8_t times = fuzz_take_u8(action);
    return times < 192 ? 1 : times - 191u;
}

/* From one byte: to the byte for small ones, up to more than a datagram takes. */
static uint32_t take_size(struct fuzz_action *action)
{
    uint8_t size = fuzz_take_u8(action);
    return size < 200 ? size : 200u + (size - 200u) * 24;
}

/* The cookie that was last given to an address for this session, zeros where none was. `of` 0 means
 * the sender's own, otherwise the address with that number. */
static void add_cookie(const struct relay_world *world, struct relay_packet *packet, uint32_t from,
                       uint8_t of, uint32_t session)
{
    static const uint8_t none[WR_COOKIE_BYTES];
    uint32_t whose = (of == 0 ? from : of - 1u) % RELAY_ADDRESSES;
    uint32_t at = session % RELAY_SESSIONS + 1;
    packet->cookie_at = packet->size;
    packet->cookie_line = world->cookies[whose][at].line;
    relay_packet_bytes(packet, packet->cookie_line != 0 ? world->cookies[whose][at].bytes : none,
                       WR_COOKIE_BYTES);
}

/* ---- Leases ---------------------------------------------------------------------------------- */

enum { LEASE_RENEWS = 1, LEASE_COOKIE = 2, LEASE_AS_SERVER = 4, LEASE_ELSEWHERE = 8 };

static void damage(struct relay_packet *packet, uint32_t token_at, uint8_t how, uint8_t where)
{
    uint32_t token = packet->size - token_at;
    switch (how % 8) {
    case 1: /* in the signature: the last 86 characters where there is no footer */
        packet->bytes[packet->size - 2 - where % 80] ^= 1;
        break;
    case 2: /* in the claims */
        packet->bytes[token_at + 10 + where % (token - 100)] ^= 2;
        break;
    case 3: /* the token ends early */
        packet->size -= 1 + where % (token - 1);
        break;
    case 4: /* another version */
        packet->bytes[token_at + 1] = '3';
        break;
    case 5: /* a character of no alphabet */
        packet->bytes[token_at + where % token] = '!';
        break;
    default:
        break;
    }
}

/* from, flags, cookie's owner, the token's eight numbers, damage's kind and place, datagram flags
 */
static void do_lease(struct relay_world *world, struct fuzz_action *action)
{
    struct relay_packet packet;
    char text[256];
    uint8_t from = fuzz_take_u8(action), how = fuzz_take_u8(action), owner = fuzz_take_u8(action);
    struct relay_token_spec spec;
    spec.sub = fuzz_take_u8(action);
    spec.session = fuzz_take_u8(action);
    spec.role = fuzz_take_u8(action);
    spec.key = fuzz_take_u8(action);
    spec.kid = fuzz_take_u8(action);
    spec.iat = fuzz_take_u8(action);
    spec.ttl = fuzz_take_u8(action);
    spec.more = fuzz_take_u8(action);
    uint8_t broken = fuzz_take_u8(action), where = fuzz_take_u8(action);
    uint8_t flags = fuzz_take_u8(action);
    uint32_t session = spec.session + ((how & LEASE_ELSEWHERE) != 0 ? 1u : 0u);
    const struct relay_token *token = relay_token_of(&spec);
    relay_token_describe(&spec, text, sizeof text);
    say(world, "     %s%s%s%s, presented as %s%s", (how & LEASE_RENEWS) != 0 ? "renews by " : "",
        text, (how & LEASE_COOKIE) != 0 ? ", with cookie" : "",
        (how & LEASE_ELSEWHERE) != 0 ? ", in the next session" : "",
        (how & LEASE_AS_SERVER) != 0 ? "server" : "client", broken % 8 != 0 ? ", damaged" : "");
    relay_packet_header(&packet, (how & LEASE_RENEWS) != 0 ? RELAY_RENEW : RELAY_PRESENT,
                        (how & LEASE_COOKIE) != 0 ? 1 : 0, session);
    relay_packet_number(&packet, (how & LEASE_AS_SERVER) != 0, 1);
    relay_packet_number(&packet, token->bytes, 2);
    uint32_t at = packet.size;
    relay_packet_bytes(&packet, token->text, token->bytes);
    damage(&packet, at, broken, where);
    if ((how & LEASE_COOKIE) != 0)
        add_cookie(world, &packet, from, owner, session);
    packet.elsewhere = (flags & ELSEWHERE) != 0;
    relay_world_receive(world, from, &packet, (flags & JOINS) != 0);
}

/* from, session, flags (1 cookie, 2 release, 4 a byte too many), cookie's owner */
static void do_renew(struct relay_world *world, struct fuzz_action *action)
{
    struct relay_packet packet;
    uint8_t from = fuzz_take_u8(action), session = fuzz_take_u8(action);
    uint8_t flags = fuzz_take_u8(action), owner = fuzz_take_u8(action);
    say(world, "     %s session %u%s%s", (flags & 2) != 0 ? "releases" : "renews",
        session % RELAY_SESSIONS, (flags & 1) != 0 ? ", with cookie" : "",
        (flags & 4) != 0 ? ", with a byte too many" : "");
    relay_packet_header(&packet, RELAY_RENEW, flags & 3, session);
    if ((flags & 4) != 0)
        relay_packet_number(&packet, 0, 1);
    if ((flags & 1) != 0)
        add_cookie(world, &packet, from, owner, session);
    relay_world_receive(world, from, &packet, (flags & JOINS) != 0);
}

/* ---- FORWARD and bare RIFT ---------------------------------------------------------------------
 */

/* Which role a FORWARD of this address would be for: bound, candidate or remembered. */
static int role_of(const struct sim_session *session, const struct wr_address *from)
{
    for (int i = 0; i < WR_ROLES; i++) {
        const struct sim_role *role = &session->roles[i];
        if ((role->bound && sim_address_equal(&role->address, from)) ||
            (role->candidate.there && sim_address_equal(&role->candidate.address, from)) ||
            (role->remembered.there && sim_address_equal(&role->remembered.address, from)))
            return i;
    }
    return 0;
}

static uint64_t sequence_of(const struct relay_world *world, uint32_t from, uint32_t number,
                            uint8_t base, uint16_t delta)
{
    const struct wr_session_id id = relay_session(number);
    const struct sim_session *session = sim_session_find(world->oracle, &id);
    uint64_t ahead = (uint64_t)(int64_t)(int16_t)delta + 1;
    base %= 6;
    if (base == 4)
        return delta;
    if (base == 5)
        return UINT64_MAX - delta;
    if (session == NULL)
        return ahead;
    int role = base == 1 ? 0 : base == 2 ? 1 : role_of(session, relay_address(from));
    const struct sim_role *seat = &session->roles[role];
    return (base == 3 ? seat->remembered.top : seat->window.top) + ahead;
}

static const char *const forms[8] = {"opaque",
                                     "RIFT",
                                     "RIFT handshake",
                                     "RIFT of id 0",
                                     "numbered RIFT handshake",
                                     "RIFT with a bad checksum",
                                     "too short",
                                     "opaque"};

static void add_payload(struct relay_packet *packet, uint8_t form, uint64_t sequence, uint32_t size)
{
    switch (form % 8) {
    case 1:
        relay_packet_rift(packet, false, sequence);
        break;
    case 2:
        relay_packet_rift(packet, true, 0);
        break;
    case 3:
        relay_packet_rift(packet, false, 0);
        break;
    case 4:
        relay_packet_rift(packet, true, sequence);
        break;
    case 5:
        relay_packet_rift(packet, false, sequence);
        packet->bytes[packet->size - 1] ^= 1;
        break;
    case 6:
        relay_packet_fill(packet, 0xee, size % 8);
        return;
    default:
        relay_packet_number(packet, sequence, 8);
        break;
    }
    relay_packet_fill(packet, 0xee, size);
}

/* from, session, form, base of the sequence, distance (two bytes), size, flags, times */
static void do_forward(struct relay_world *world, struct fuzz_action *action)
{
    struct relay_packet packet;
    uint8_t from = fuzz_take_u8(action), session = fuzz_take_u8(action);
    uint8_t form = fuzz_take_u8(action), base = fuzz_take_u8(action);
    uint16_t delta = (uint16_t)fuzz_take(action, 2);
    uint32_t size = take_size(action);
    uint8_t flags = fuzz_take_u8(action);
    uint32_t times = take_times(action);
    uint64_t sequence = sequence_of(world, from, session, base, delta);
    say(world, "     %" PRIu32 " x %s in session %u, sequence %" PRIu64 "%s", times,
        forms[form % 8], session % RELAY_SESSIONS, sequence,
        times > 1 && (flags & SAME_SEQUENCE) == 0 ? " and on" : "");
    for (uint32_t i = 0; i < times; i++) {
        relay_packet_header(&packet, RELAY_FORWARD, flags & 15, session);
        packet.elsewhere = (flags & ELSEWHERE) != 0;
        add_payload(&packet, form, sequence, size);
        relay_world_receive(world, from, &packet, (flags & JOINS) != 0);
        sequence += (flags & SAME_SEQUENCE) == 0;
    }
}

/* from, form (handshake, transport, and broken ones), size, times, flags */
static void do_bare(struct relay_world *world, struct fuzz_action *action)
{
    struct relay_packet packet = {0};
    uint8_t from = fuzz_take_u8(action), form = fuzz_take_u8(action) % 8;
    uint32_t size = take_size(action), times = take_times(action);
    uint8_t flags = fuzz_take_u8(action);
    bool handshake = form % 2 == 0;
    packet.elsewhere = (flags & ELSEWHERE) != 0;
    relay_packet_rift(&packet, handshake, form >= 6 ? 1 : 0);
    if (form == 5)
        packet.bytes[packet.size - 1] ^= 1;
    relay_packet_fill(&packet, 0xdd, size);
    say(world, "     %" PRIu32 " x bare %s%s", times, handshake ? "handshake" : "transport",
        form >= 5 ? ", wrong" : "");
    for (uint32_t i = 0; i < times; i++)
        relay_world_receive(world, from, &packet, (flags & JOINS) != 0);
}

/* ---- Other datagrams ------------------------------------------------------------------------- */

/* from, type, flags, session (above the last: none), size, what is broken, filling byte */
static void do_junk(struct relay_world *world, struct fuzz_action *action)
{
    struct relay_packet packet;
    uint8_t from = fuzz_take_u8(action), type = fuzz_take_u8(action);
    uint8_t flags = fuzz_take_u8(action), session = fuzz_take_u8(action);
    uint32_t size = take_size(action);
    uint8_t broken = fuzz_take_u8(action), fill = fuzz_take_u8(action);
    relay_packet_header(&packet, type, flags, session);
    if (session % 8 > RELAY_SESSIONS)
        memset(packet.bytes + 4, 0, 16);
    if (broken % 4 == 1)
        packet.bytes[0] ^= fill;
    if (broken % 4 == 2)
        packet.bytes[1] = fill;
    relay_packet_fill(&packet, fill, size);
    if (broken % 4 == 3)
        packet.size = size < packet.size ? size : packet.size;
    say(world, "     type %u, %" PRIu32 " bytes", type, packet.size);
    relay_world_receive(world, from, &packet, false);
}

/* from, and the datagram as it is */
static void do_raw(struct relay_world *world, struct fuzz_action *action)
{
    struct relay_packet packet = {0};
    uint8_t from = fuzz_take_u8(action);
    relay_packet_bytes(&packet, action->at, (uint32_t)(action->end - action->at));
    say(world, "     %" PRIu32 " bytes as they are", packet.size);
    relay_world_receive(world, from, &packet, false);
}

/* from, whose datagram, how many of its datagrams ago, times */
static void do_copy(struct relay_world *world, struct fuzz_action *action)
{
    uint8_t from = fuzz_take_u8(action), of = fuzz_take_u8(action), back = fuzz_take_u8(action);
    uint32_t times = take_times(action);
    const struct relay_packet *original = relay_world_copy(world, of, back);
    if (original == NULL) {
        say(world, "     a copy of nothing");
        return;
    }
    struct relay_packet packet = *original;
    say(world, "     %" PRIu32 " x a copy of what address %u sent", times, of % RELAY_ADDRESSES);
    for (uint32_t i = 0; i < times; i++)
        relay_world_receive(world, from, &packet, false);
}

/* ---- Time and control ------------------------------------------------------------------------ */

/* To the core's next deadline, a nanosecond before or behind it. */
static void do_deadline(struct relay_world *world, struct fuzz_action *action)
{
    uint8_t side = fuzz_take_u8(action) % 3;
    relay_world_flush(world);
    wr_instant next = wr_relay_next_deadline(world->relay);
    if (world->pending_count > 0 && world->pending_ends[0] < next)
        next = world->pending_ends[0];
    if (next == WR_NEVER || next < world->now)
        return;
    uint64_t span = next - world->now;
    relay_world_pass(world, side == 0 ? span : side == 1 ? span + 1 : span > 0 ? span - 1 : 0);
}

/* Two bytes: milliseconds times a scale, either way. */
static void do_wall_step(struct relay_world *world, struct fuzz_action *action)
{
    static const int64_t scales[8] = {1, 1000, 10000, 30000, 60000, 3600000, -1000, -3600000};
    uint8_t scale = fuzz_take_u8(action);
    int64_t step = (int64_t)(int8_t)fuzz_take_u8(action) * scales[scale % 8];
    say(world, "     the wall clock jumps by %" PRId64 " ms", step);
    relay_world_wall_step(world, step);
}

/* key, kid (0: its own), standing */
static void do_key(struct relay_world *world, struct fuzz_action *action)
{
    uint8_t key = fuzz_take_u8(action), named = fuzz_take_u8(action) % (RELAY_KEYS + 2);
    enum wr_key_standing standing = (enum wr_key_standing)(fuzz_take_u8(action) % 3);
    const char *kid = named == 0                ? relay_kid(key)
                      : named == RELAY_KEYS + 1 ? ""
                                                : relay_kid(named - 1u);
    say(world, "     key %u joins as \"%s\"", key % RELAY_KEYS, kid);
    relay_world_key(world, kid, key, standing);
}

static void do_control(struct relay_world *world, enum relay_action_tag tag,
                       struct fuzz_action *action)
{
    uint8_t what = fuzz_take_u8(action);
    say(world, "     %u", what);
    switch ((int)tag) {
    case RELAY_DO_RETIRE:
        relay_world_retire(world, what);
        break;
    case RELAY_DO_REVOKE:
        relay_world_revoke(world, what);
        break;
    case RELAY_DO_BAN:
        relay_world_ban(world, relay_sub(what));
        break;
    case RELAY_DO_UNBAN:
        relay_world_unban(world, relay_sub(what));
        break;
    case RELAY_DO_DRAIN:
        if (what % 4 == 3) /* it changes all that follows: not by every stray byte */
            relay_world_drain(world);
        break;
    case RELAY_DO_BACKPRESSURE:
        relay_world_backpressure(world, what);
        break;
    default:
        relay_world_verify_now(world, what);
        break;
    }
}

static void do_limit(struct relay_world *world, struct fuzz_action *action)
{
    struct relay_options options = {.config = world->config};
    char text[96];
    uint8_t option = fuzz_take_u8(action), choice = fuzz_take_u8(action);
    relay_options_set(&options, option, choice, false, text, sizeof text);
    say(world, "     from now on %s", text);
    relay_world_limits(world, &options.config);
}

/* option, choice: limits that no relay has; neither this one takes them over nor a new one begins
 * with them */
static void do_refusal(struct relay_world *world, struct fuzz_action *action)
{
    struct wr_relay_config config = world->config;
    uint8_t option = fuzz_take_u8(action), choice = fuzz_take_u8(action);
    const char *member = relay_options_spoil(&config, option, choice);
    say(world, "     %s beyond its range", member);
    relay_world_refused(world, &config, member);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static void act(struct relay_world *world, enum relay_action_tag tag, struct fuzz_action *action)
{
    switch (tag) {
    case RELAY_DO_LEASE:
        do_lease(world, action);
        break;
    case RELAY_DO_RENEW:
        do_renew(world, action);
        break;
    case RELAY_DO_FORWARD:
        do_forward(world, action);
        break;
    case RELAY_DO_BARE:
        do_bare(world, action);
        break;
    case RELAY_DO_JUNK:
        do_junk(world, action);
        break;
    case RELAY_DO_RAW:
        do_raw(world, action);
        break;
    case RELAY_DO_COPY:
        do_copy(world, action);
        break;
    case RELAY_DO_PASS:
        relay_world_pass(world, fuzz_take_span_ns(action));
        break;
    case RELAY_DO_DEADLINE:
        do_deadline(world, action);
        break;
    case RELAY_DO_WALL_STEP:
        do_wall_step(world, action);
        break;
    case RELAY_DO_KEY:
        do_key(world, action);
        break;
    case RELAY_DO_RETIRE:
    case RELAY_DO_REVOKE:
    case RELAY_DO_BAN:
    case RELAY_DO_UNBAN:
    case RELAY_DO_DRAIN:
    case RELAY_DO_BACKPRESSURE:
    case RELAY_DO_VERIFY_NOW:
        do_control(world, tag, action);
        break;
    case RELAY_DO_VERIFY_LATER:
        relay_world_verify_later(world, fuzz_take_span_ns(action));
        break;
    case RELAY_DO_LIMIT:
        do_limit(world, action);
        break;
    case RELAY_DO_LOOK:
        relay_world_look(world);
        break;
    case RELAY_DO_REFUSAL:
        do_refusal(world, action);
        break;
    case RELAY_DO_NOTHING:
    case RELAY_DO_OPTION:
    case RELAY_DO_ROOM_FOR_BANS:
    case RELAY_ACTION_COUNT:
        break;
    }
}

static void read_options(struct relay_options *options, const uint8_t *bytes, size_t size,
                         FILE *explain)
{
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    struct fuzz_action action;
    relay_options_default(options);
    while (fuzz_next_action(&list, &action)) {
        char text[96];
        if (action.tag == RELAY_DO_ROOM_FOR_BANS) /* less than there are identities */
            options->config.max_bans = fuzz_take_u8(&action) % RELAY_SUBS;
        if (action.tag != RELAY_DO_OPTION)
            continue;
        uint8_t option = fuzz_take_u8(&action), choice = fuzz_take_u8(&action);
        relay_options_set(options, option, choice, true, text, sizeof text);
        if (explain != NULL)
            fprintf(explain, "  0  option           %s\n", text);
    }
}

/* The local end that a record's datagrams come to: leases to another one than FORWARDs of the same
 * address, and the upper half of the byte that names the sender can say any. */
static uint8_t via_of(uint8_t tag, uint8_t from)
{
    return (uint8_t)((tag + from % RELAY_ADDRESSES + from / RELAY_ADDRESSES) % RELAY_VIAS);
}

#define LOOK_EVERY 32 /* actions */

void relay_actions_live(struct relay_world *world, const uint8_t *bytes, size_t size, FILE *explain,
                        FILE *trace)
{
    struct relay_options options;
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    struct fuzz_action action;
    read_options(&options, bytes, size, explain);
    if (trace != NULL)
        relay_options_trace(&options, trace);
    relay_world_open(world, &options.config, options.verify_ns, explain, trace);
    relay_world_begin(world);
    if (relay_options_beyond_trace(&options) != NULL)
        relay_world_beyond_trace(world, relay_options_beyond_trace(&options));
    for (unsigned number = 1; fuzz_next_action(&list, &action); number++) {
        if (action.tag >= RELAY_ACTION_COUNT)
            continue;
        uint32_t from = action.at < action.end ? *action.at : 0;
        world->via = via_of(action.tag, (uint8_t)from);
        world->has_outcome = world->has_verdict = false;
        if (explain != NULL)
            fprintf(explain, "%3u  %s\n", number, actions[action.tag].name);
        act(world, (enum relay_action_tag)action.tag, &action);
        relay_coverage(world, from);
        if (number % LOOK_EVERY == 0)
            relay_world_look(world);
    }
    relay_world_look(world);
    relay_world_close(world);
}
