#include "attacker.h"

#include "address.h"
#include "forge.h"
#include "net_route.h"

#include <stdlib.h>
#include <string.h>

/*
 * Timers. tick: `rate_pps` times a second while the attack runs. later: copies that follow their
 * original after a span.
 */
#define CAPTURES_MAX          64 /* kept for REPLAY, the oldest first to go */
#define COPIES_LATER_MAX      64
#define THIEF_PRESENTS_NS     (10 * WR_S) /* a candidate lives 30 s */
#define THIEF_WAITS_NS        (2 * WR_S)  /* of the owner's silence (section 3, rule 2) */
#define THIEF_WAITS_COOKIE_NS (1 * WR_S)  /* the same for one who has a cookie (rule 1) */

struct capture {
    struct wr_address from;
    uint32_t size; /* 0: none */
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

struct copy_later {
    wr_instant due_ns;
    struct wr_address from;
    uint32_t size;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

/* What it knows of the peer in one role. */
struct watched {
    struct capture latest[SIM_PACKET_JUNK + 1]; /* by enum sim_packet; ANY: of all kinds */
    wr_instant seen_ns;
    bool forwards;
    bool rift;
    uint64_t sequence; /* the highest of its FORWARDs */
};

/* SIM_DO_COPY for datagrams that are still to come. */
struct order {
    struct sim_action action;
    uint32_t left;
};

struct sim_attacker {
    const struct sim_attacker_spec *spec;
    struct sim_attacker_target target;
    struct sim_attacker_environment environment;
    struct sim_attacker_counts counts;
    struct sim_forge forge;
    struct sim_rng dice;

    wr_instant began_ns;
    wr_instant stops_ns;
    uint64_t ticks;
    wr_instant next_tick_ns;

    struct watched watched[WR_ROLES];
    struct capture *captures; /* CAPTURES_MAX, as a ring */
    uint64_t captured;
    uint64_t replayed;
    struct order order;
    struct copy_later *later; /* COPIES_LATER_MAX, in order of time */
    uint32_t later_count;

    bool has_cookie;
    uint8_t cookie[WR_COOKIE_BYTES];
    uint64_t poison; /* FORWARDs ahead that went out */
    bool presented;
    wr_instant presented_ns;
    bool taking; /* THIEF: the owner was silent long enough */
};

/* ---- Set-up ---------------------------------------------------------------------------------- */

struct sim_attacker *sim_attacker_create(const struct sim_attacker_spec *spec,
                                         const struct sim_attacker_target *target,
                                         const struct sim_attacker_environment *environment,
                                         uint64_t seed)
{
    struct sim_attacker *attacker = calloc(1, sizeof *attacker);
    if (attacker == NULL)
        return NULL;
    attacker->captures = calloc(CAPTURES_MAX, sizeof *attacker->captures);
    attacker->later = calloc(COPIES_LATER_MAX, sizeof *attacker->later);
    if (attacker->captures == NULL || attacker->later == NULL) {
        sim_attacker_destroy(attacker);
        return NULL;
    }
    attacker->spec = spec;
    attacker->target = *target;
    attacker->environment = *environment;
    attacker->dice = sim_rng_named(seed, spec->name, "attack");
    attacker->next_tick_ns = WR_NEVER;
    sim_forge_init(&attacker->forge, seed, spec->name, spec->token, target->relay_id, target->kid,
                   &target->session, target->wall_unix_ms);
    if (spec->start_ns != WR_NEVER)
        sim_attacker_start(attacker, spec->start_ns, spec->stop_ns);
    return attacker;
}

void sim_attacker_destroy(struct sim_attacker *attacker)
{
    if (attacker == NULL)
        return;
    free(attacker->captures);
    free(attacker->later);
    free(attacker);
}

static bool ticks_by_itself(const struct sim_attacker *attacker)
{
    return attacker->spec->attack != SIM_ATTACK_ON_PATH && attacker->spec->rate_pps > 0;
}

/* Tick n is due n / rate seconds after the beginning, without drift. */
static wr_instant tick_due(const struct sim_attacker *attacker, uint64_t tick)
{
    uint32_t rate = attacker->spec->rate_pps;
    wr_instant due = wr_after(attacker->began_ns, tick / rate * WR_S + tick % rate * WR_S / rate);
    return due < attacker->stops_ns ? due : WR_NEVER;
}

void sim_attacker_start(struct sim_attacker *attacker, wr_instant now, wr_instant until_ns)
{
    attacker->began_ns = now;
    attacker->stops_ns = until_ns;
    attacker->ticks = 0;
    attacker->taking = false;
    attacker->presented = false;
    attacker->next_tick_ns = ticks_by_itself(attacker) ? tick_due(attacker, 0) : WR_NEVER;
}

void sim_attacker_stop(struct sim_attacker *attacker)
{
    attacker->next_tick_ns = WR_NEVER;
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static uint32_t low_word(const struct wr_address *address)
{
    return (uint32_t)address->ip[12] << 24 | (uint32_t)address->ip[13] << 16 |
           (uint32_t)address->ip[14] << 8 | address->ip[15];
}

static uint32_t own_addresses(const struct sim_attacker_spec *spec)
{
    bool many = spec->attack == SIM_ATTACK_LEASE_FLOOD || spec->attack == SIM_ATTACK_SESSION_GUESS;
    return many && spec->sources > 1 ? spec->sources : 1;
}

/* Its addresses in turn. */
static struct wr_address own_source(const struct sim_attacker *attacker)
{
    uint64_t number = attacker->ticks % own_addresses(attacker->spec);
    return sim_address_plus(&attacker->spec->address, (uint32_t)number);
}

bool sim_attacker_spec_owns(const struct sim_attacker_spec *spec, const struct wr_address *address)
{
    return memcmp(address->ip, spec->address.ip, 12) == 0 && address->port == spec->address.port &&
           low_word(address) - low_word(&spec->address) < own_addresses(spec);
}

bool sim_attacker_owns(const struct sim_attacker *attacker, const struct wr_address *address)
{
    return sim_attacker_spec_owns(attacker->spec, address);
}

/* Its own address, or that of the peer it copies, as the relay knows it. */
static struct wr_address pose(const struct sim_attacker *attacker, enum sim_source as,
                              const struct wr_address *seen_from)
{
    return as == SIM_SOURCE_VICTIM ? *seen_from : attacker->spec->address;
}

static void send(struct sim_attacker *attacker, const struct wr_address *from, const uint8_t *bytes,
                 uint32_t size)
{
    if (size == 0)
        return;
    attacker->counts.sent++;
    attacker->environment.send(attacker->environment.context, from, bytes, size);
}

/* ---- What each attack does at a tick ----------------------------------------------------------
 */

static void spoofed_flood(struct sim_attacker *attacker)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    const struct sim_attacker_spec *spec = attacker->spec;
    struct wr_session_id session = sim_forge_session(&attacker->forge);
    uint64_t number = sim_rng_below(&attacker->dice, spec->sources > 0 ? spec->sources : 1);
    struct wr_address from = sim_address_plus(&spec->address, (uint32_t)number);
    send(attacker, &from, out,
         sim_forge_packet(&attacker->forge, spec->packet, &session, spec->bytes, out));
}

static void flood_present(struct sim_attacker *attacker, const struct wr_address *from,
                          const struct wr_session_id *session, const uint8_t *cookie)
{
    uint8_t token[WR_DATAGRAM_BYTES_MAX];
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t token_bytes;
    if (attacker->spec->token == SIM_TOKEN_VALID)
        token_bytes = attacker->environment.valid_token(attacker->environment.context, session,
                                                        token, sizeof token);
    else
        token_bytes = sim_forge_token(&attacker->forge, token);
    if (token_bytes == 0)
        return;
    send(attacker, from, out,
         wr_wire_encode_present(out, sizeof out, session, WR_ROLE_CLIENT, token, token_bytes,
                                cookie));
}

static void lease_flood(struct sim_attacker *attacker)
{
    struct wr_address from = own_source(attacker);
    struct wr_session_id session = attacker->spec->names_live_session
                                       ? attacker->target.session
                                       : sim_forge_session(&attacker->forge);
    flood_present(attacker, &from, &session, NULL);
}

/* Round and round through what it has captured. */
static void replay(struct sim_attacker *attacker)
{
    uint64_t kept = attacker->captured < CAPTURES_MAX ? attacker->captured : CAPTURES_MAX;
    if (kept == 0)
        return;
    const struct capture *capture = &attacker->captures[attacker->replayed++ % kept];
    struct wr_address from = pose(attacker, attacker->spec->source, &capture->from);
    send(attacker, &from, capture->bytes, capture->size);
}

static void poison(struct sim_attacker *attacker)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    const struct sim_attacker_spec *spec = attacker->spec;
    const struct watched *watched = &attacker->watched[spec->role];
    if (!watched->forwards)
        return;
    struct wr_address from =
        pose(attacker, spec->source, &watched->latest[SIM_PACKET_FORWARD].from);
    uint64_t sequence = watched->sequence + spec->ahead + attacker->poison++;
    send(attacker, &from, out,
         sim_forge_forward(&attacker->forge, &attacker->target.session, watched->rift, sequence,
                           spec->bytes, out));
}

static void session_guess(struct sim_attacker *attacker)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    struct wr_session_id session = sim_forge_session(&attacker->forge);
    struct wr_address from = own_source(attacker);
    send(attacker, &from, out,
         sim_forge_packet(&attacker->forge, SIM_PACKET_FORWARD, &session, attacker->spec->bytes,
                          out));
}

static void reflection(struct sim_attacker *attacker)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    const struct sim_attacker_spec *spec = attacker->spec;
    struct wr_address victim = attacker->environment.victim_address(attacker->environment.context);
    struct wr_session_id session =
        spec->session == SIM_NONE ? sim_forge_session(&attacker->forge) : attacker->target.session;
    send(attacker, &victim, out,
         sim_forge_packet(&attacker->forge, spec->packet, &session, spec->bytes, out));
}

static void echo_cookie(struct sim_attacker *attacker, const struct wr_address *from)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    attacker->counts.cookies_echoed++;
    send(attacker, from, out,
         wr_wire_encode_renew(out, sizeof out, &attacker->target.session, WR_ROLE_CLIENT, NULL, 0,
                              attacker->cookie));
}

/* Presents what it has copied, so as to be a candidate; waits until the owner is silent; then takes
 * over, with its cookie or with FORWARDs ahead of the owner's, and goes on to keep what it took. */
static void steal(struct sim_attacker *attacker, wr_instant now)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    const struct sim_attacker_spec *spec = attacker->spec;
    struct watched *watched = &attacker->watched[spec->role];
    const struct capture *present = &watched->latest[SIM_PACKET_PRESENT];
    bool with_cookie = attacker->has_cookie && spec->echoes_cookies;
    if (present->size == 0)
        return;
    if (!attacker->presented ||
        (!attacker->taking && wr_elapsed(attacker->presented_ns, now) >= THIEF_PRESENTS_NS)) {
        attacker->presented = true;
        attacker->presented_ns = now;
        send(attacker, &spec->address, out,
             sim_forge_with_cookie(present->bytes, present->size, NULL, out));
        return;
    }
    uint64_t wait_ns = with_cookie ? THIEF_WAITS_COOKIE_NS : THIEF_WAITS_NS;
    if (!attacker->taking && wr_elapsed(watched->seen_ns, now) < wait_ns)
        return;
    attacker->taking = true;
    if (with_cookie && attacker->ticks % 2 == 0)
        echo_cookie(attacker, &spec->address);
    else if (watched->forwards)
        send(attacker, &spec->address, out,
             sim_forge_forward(&attacker->forge, &attacker->target.session, watched->rift,
                               ++watched->sequence, spec->bytes, out));
}

static void tick(struct sim_attacker *attacker, wr_instant now)
{
    switch (attacker->spec->attack) {
    case SIM_ATTACK_SPOOFED_FLOOD:
        spoofed_flood(attacker);
        break;
    case SIM_ATTACK_LEASE_FLOOD:
        lease_flood(attacker);
        break;
    case SIM_ATTACK_REPLAY:
        replay(attacker);
        break;
    case SIM_ATTACK_WINDOW_POISON:
        poison(attacker);
        break;
    case SIM_ATTACK_SESSION_GUESS:
        session_guess(attacker);
        break;
    case SIM_ATTACK_REFLECTION:
        reflection(attacker);
        break;
    case SIM_ATTACK_THIEF:
        steal(attacker, now);
        break;
    case SIM_ATTACK_ON_PATH:
        break;
    }
}

/* ---- Copies ---------------------------------------------------------------------------------- */

static struct copy_later made_copy(const struct sim_attacker *attacker,
                                   const struct sim_action *action, const struct capture *original)
{
    struct copy_later copy = {.from = pose(attacker, action->source, &original->from),
                              .size = original->size};
    memcpy(copy.bytes, original->bytes, original->size);
    if (action->cookie == SIM_COOKIE_NONE ||
        (action->cookie == SIM_COOKIE_OWN && !attacker->has_cookie))
        copy.size = sim_forge_with_cookie(original->bytes, original->size, NULL, copy.bytes);
    else if (action->cookie == SIM_COOKIE_OWN)
        copy.size =
            sim_forge_with_cookie(original->bytes, original->size, attacker->cookie, copy.bytes);
    return copy;
}

static void copy_now(struct sim_attacker *attacker, const struct sim_action *action,
                     const struct capture *original)
{
    struct copy_later copy = made_copy(attacker, action, original);
    send(attacker, &copy.from, copy.bytes, copy.size);
}

/* Spans are all the same within an order, and orders replace each other: sorted by insertion. */
static void copy_later(struct sim_attacker *attacker, wr_instant due_ns,
                       const struct sim_action *action, const struct capture *original)
{
    uint32_t at = attacker->later_count;
    if (at == COPIES_LATER_MAX)
        return;
    while (at > 0 && attacker->later[at - 1].due_ns > due_ns) {
        attacker->later[at] = attacker->later[at - 1];
        at--;
    }
    attacker->later[at] = made_copy(attacker, action, original);
    attacker->later[at].due_ns = due_ns;
    attacker->later_count++;
}

static void send_copies_due(struct sim_attacker *attacker, wr_instant now)
{
    uint32_t due = 0;
    while (due < attacker->later_count && attacker->later[due].due_ns <= now) {
        const struct copy_later *copy = &attacker->later[due++];
        send(attacker, &copy->from, copy->bytes, copy->size);
    }
    attacker->later_count -= due;
    memmove(attacker->later, attacker->later + due,
            attacker->later_count * sizeof *attacker->later);
}

void sim_attacker_copy(struct sim_attacker *attacker, wr_instant now,
                       const struct sim_action *action)
{
    (void)now;
    if (action->copy != SIM_COPY_LATEST) {
        attacker->order = (struct order){.action = *action, .left = action->count};
        return;
    }
    for (uint32_t role = 0; role < WR_ROLES; role++) {
        const struct capture *latest = &attacker->watched[role].latest[action->packet];
        for (uint32_t i = 0; (action->roles & SIM_ROLE_BIT(role)) != 0 && i < action->count; i++)
            if (latest->size > 0)
                copy_now(attacker, action, latest);
    }
}

/* The next datagram that an order waits for. Returns how long the original is held back. */
static uint64_t obey(struct sim_attacker *attacker, wr_instant now, enum wr_role role,
                     enum sim_packet kind, const struct capture *original)
{
    struct order *order = &attacker->order;
    const struct sim_action *action = &order->action;
    if (order->left == 0 || (action->roles & SIM_ROLE_BIT(role)) == 0 ||
        (action->packet != SIM_PACKET_ANY && action->packet != kind))
        return 0;
    order->left--;
    if (action->copy == SIM_COPY_FOLLOW) {
        copy_later(attacker, wr_after(now, action->value_ns), action, original);
        return 0;
    }
    copy_now(attacker, action, original);
    return action->value_ns;
}

/* ---- What it sees and hears -------------------------------------------------------------------
 */

static void note_sequence(struct watched *watched, const uint8_t *bytes, uint32_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    if (!wr_wire_decode(bytes, size, &packet, &failure) ||
        (packet.is_rift && wr_rift_exempt(&packet.rift)))
        return;
    if (!watched->forwards || packet.sequence > watched->sequence)
        watched->sequence = packet.sequence;
    watched->forwards = true;
    watched->rift = packet.is_rift;
}

uint64_t sim_attacker_saw(struct sim_attacker *attacker, wr_instant now, enum wr_role role,
                          const struct wr_address *from, const uint8_t *bytes, uint32_t size)
{
    struct watched *watched = &attacker->watched[role];
    enum sim_packet kind = sim_forge_kind(bytes, size);
    if (size == 0 || size > WR_DATAGRAM_BYTES_MAX)
        return 0;
    attacker->counts.seen++;
    struct capture *latest = &watched->latest[kind];
    latest->from = *from;
    latest->size = size;
    memcpy(latest->bytes, bytes, size);
    watched->latest[SIM_PACKET_ANY] = *latest;
    watched->seen_ns = now;
    if (kind == SIM_PACKET_FORWARD)
        note_sequence(watched, bytes, size);
    const struct sim_attacker_spec *spec = attacker->spec;
    if (role == spec->role && (spec->packet == SIM_PACKET_ANY || spec->packet == kind))
        attacker->captures[attacker->captured++ % CAPTURES_MAX] = *latest;
    return obey(attacker, now, role, kind, latest);
}

void sim_attacker_receive(struct sim_attacker *attacker, wr_instant now,
                          const struct wr_address *to, const uint8_t *bytes, uint32_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    (void)now;
    attacker->counts.received++;
    if (!wr_wire_decode(bytes, size, &packet, &failure))
        return;
    if (packet.type == WR_PACKET_FORWARD) {
        attacker->counts.forwards_received++;
        return;
    }
    if ((packet.type != WR_PACKET_LEASE_ACK && packet.type != WR_PACKET_LEASE_REJECT) ||
        !packet.has_cookie)
        return;
    memcpy(attacker->cookie, packet.cookie, WR_COOKIE_BYTES);
    attacker->has_cookie = true;
    if (!attacker->spec->echoes_cookies)
        return;
    if (packet.type == WR_PACKET_LEASE_REJECT && attacker->spec->attack == SIM_ATTACK_LEASE_FLOOD) {
        attacker->counts.cookies_echoed++;
        flood_present(attacker, to, &packet.session, packet.cookie);
    } else if (packet.type == WR_PACKET_LEASE_ACK && attacker->spec->attack == SIM_ATTACK_REPLAY) {
        echo_cookie(attacker, to);
    }
}

/* ---- Time ------------------------------------------------------------------------------------ */

wr_instant sim_attacker_next_deadline(const struct sim_attacker *attacker)
{
    wr_instant copy = attacker->later_count > 0 ? attacker->later[0].due_ns : WR_NEVER;
    return copy < attacker->next_tick_ns ? copy : attacker->next_tick_ns;
}

void sim_attacker_on_deadline(struct sim_attacker *attacker, wr_instant now)
{
    send_copies_due(attacker, now);
    while (attacker->next_tick_ns <= now) {
        tick(attacker, now);
        attacker->next_tick_ns = tick_due(attacker, ++attacker->ticks);
    }
}

const struct sim_attacker_counts *sim_attacker_counts(const struct sim_attacker *attacker)
{
    return &attacker->counts;
}
