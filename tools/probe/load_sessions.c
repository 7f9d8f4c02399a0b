#include "load.h"

#include "cursor.h"
#include "wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Sessions that have peers: the flows while they are set up, and the churn for all of its short
 * life. A slot holds both peers of one; there are few, so that the relay's verification queue holds
 * what is out. A flow's peers go once both are acknowledged; what they knew is kept in the flow.
 */
#define SETUP_SLOTS      120
#define CHURN_SLOTS      1000
#define LEASE_SECS       3600
#define LIMIT_KBPS       UINT32_MAX
#define PATIENCE_NS      (20 * WR_S) /* without a single new flow */
#define CHURN_LIFE_NS    (20 * WR_S) /* then it counts as failed */
#define CHURN_ANSWERS_NS (10 * WR_S) /* then no more answers are waited for */
#define SERVE_EVERY_NS   (5 * WR_MS) /* deadlines of peers are looked at */

#define SETUP_REST_NS   50000
#define RELEASE_REST_NS 1000000

#define KIND_FLOW  0
#define KIND_CHURN 1

struct slot_peer {
    struct load *load;
    struct wr_peer *peer;
    enum wr_role role;
    uint32_t source;
    bool acked, heard, refused;
};

struct slot {
    bool used;
    uint32_t kind, number;
    struct wr_session_id session;
    wr_instant started_ns;
    bool spoke; /* churn: the client has sent its payload */
    struct slot_peer peers[WR_ROLES];
};

struct load_slots {
    struct slot slots[CHURN_SLOTS];
    uint32_t in_use, search;
    wr_instant served_ns;
    uint32_t churn_number;
};

/* Unlike in every part, as real ones are (a relay may spread sessions by any of them), and yet it
 * says whose it is. */
static struct wr_session_id session_of(const struct load *load, uint32_t kind, uint32_t number)
{
    struct wr_session_id id = {{0}};
    uint64_t mixed = load->run_id + ((uint64_t)kind << 32 | number) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    wr_store_u64(id.bytes, (mixed ^ mixed >> 31) | 1);
    wr_store_u32(id.bytes + 8, kind);
    wr_store_u32(id.bytes + 12, number);
    return id;
}

/* ---- What peers ask of the world ------------------------------------------------------------- */

static void send_datagram(void *context, const struct wr_address *to, const uint8_t *bytes,
                          uint32_t size)
{
    struct slot_peer *self = context;
    (void)to;
    memcpy(load_socket_room(&self->load->sockets[self->role], self->source, size, 0), bytes, size);
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    (void)context;
    randombytes_buf(out, bytes);
}

static void lease_wanted(void *context, enum wr_peer_want want, const struct wr_address *avoid)
{
    (void)context;
    (void)want;
    (void)avoid;
}

static void on_event(void *context, const struct wr_peer_event *event)
{
    struct slot_peer *self = context;
    uint64_t *rejects = self->load->results.rejects;
    if (event->kind == WR_PEER_EVENT_ACKED) {
        self->acked = true;
    } else if (event->kind == WR_PEER_EVENT_ESTABLISHED) {
        self->heard = true;
    } else if (event->kind == WR_PEER_EVENT_REJECTED) {
        self->refused = self->refused || event->reason != WR_REJECT_RATE_LIMITED;
        rejects[event->reason < LOAD_REASONS ? event->reason : 0]++;
    }
}

static const struct wr_peer_environment environment = {
    .send = send_datagram, .entropy = entropy, .lease_wanted = lease_wanted, .event = on_event};

/* ---- Slots ----------------------------------------------------------------------------------- */

static bool begin_peer(struct load *load, struct slot *slot, enum wr_role role, wr_instant now)
{
    struct slot_peer *self = &slot->peers[role];
    struct probe_token token;
    struct wr_peer_config config;
    static const char digits[] = "0123456789abcdef";
    char sub[] = "wavry-probe-load-00000000-c";
    for (int i = 0; i < 8; i++)
        sub[17 + i] = digits[slot->number >> (28 - 4 * i) & 15];
    sub[26] = role == WR_ROLE_CLIENT ? 'c' : 's';
    struct probe_lease_terms terms = {
        .sub = sub, .relay_id = load->relay_id, .ttl_secs = LEASE_SECS, .limit_kbps = LIMIT_KBPS};
    uint32_t base = slot->kind == KIND_CHURN
                        ? LOAD_CHURN + (role == WR_ROLE_CLIENT ? 0 : LOAD_PER_RANGE)
                        : (role == WR_ROLE_CLIENT ? LOAD_CLIENTS : LOAD_SERVERS);
    *self = (struct slot_peer){.load = load,
                               .role = role,
                               .source = load->spread ? base + slot->number % LOAD_PER_RANGE : 0};
    if (!probe_mint(load->signer, &terms, &slot->session, role, &token))
        return false;
    wr_peer_config_default(&config);
    config.role = role;
    config.session = slot->session;
    config.token_bytes_max = token.bytes;
    self->peer = wr_peer_create(&config, &environment, self);
    struct wr_peer_lease lease = {.relay = load->relay,
                                  .token = (const uint8_t *)token.text,
                                  .token_bytes = token.bytes,
                                  .lifetime_ns = token.lifetime_ms * WR_MS,
                                  .expires_unix_ms = token.expires_unix_ms};
    if (self->peer == NULL || !wr_peer_lease(self->peer, now, &lease))
        return false;
    wr_peer_start(self->peer, now);
    return true;
}

static void end_slot(struct load *load, struct slot *slot)
{
    for (int role = 0; role < WR_ROLES; role++) {
        wr_peer_destroy(slot->peers[role].peer);
        slot->peers[role].peer = NULL;
    }
    if (slot->kind == KIND_FLOW)
        load->flows[slot->number].slot = -1;
    slot->used = false;
    load->slots->in_use--;
}

/* NULL where all are in use. */
static struct slot *begin_slot(struct load *load, uint32_t kind, uint32_t number, wr_instant now)
{
    struct load_slots *slots = load->slots;
    if (slots->in_use == CHURN_SLOTS)
        return NULL;
    while (slots->slots[slots->search].used)
        slots->search = (slots->search + 1) % CHURN_SLOTS;
    struct slot *slot = &slots->slots[slots->search];
    *slot = (struct slot){.used = true, .kind = kind, .number = number, .started_ns = now};
    slot->session = session_of(load, kind, kind == KIND_FLOW ? number : slots->search);
    /* A churned session's number is its slot; its generation makes it another session. */
    if (kind == KIND_CHURN)
        wr_store_u32(slot->session.bytes + 8, KIND_CHURN + number);
    slots->in_use++;
    if (kind == KIND_FLOW)
        load->flows[number].slot = (int32_t)slots->search;
    if (begin_peer(load, slot, WR_ROLE_CLIENT, now) && begin_peer(load, slot, WR_ROLE_SERVER, now))
        return slot;
    end_slot(load, slot);
    return NULL;
}

static struct slot *slot_of(struct load *load, const uint8_t *bytes, uint32_t size)
{
    if (size < WR_WIRE_HEADER_BYTES || load->slots == NULL)
        return NULL;
    uint32_t kind = wr_load_u32(bytes + 12), number = wr_load_u32(bytes + 16);
    if (kind == KIND_FLOW) {
        if (number >= load->options->flows || load->flows[number].slot < 0)
            return NULL;
        number = (uint32_t)load->flows[number].slot;
    }
    struct slot *slot = number < CHURN_SLOTS ? &load->slots->slots[number] : NULL;
    bool fits = slot != NULL && slot->used && memcmp(bytes + 4, slot->session.bytes, 16) == 0;
    return fits ? slot : NULL;
}

/* ---- What becomes of a session --------------------------------------------------------------- */

static void flow_is_up(struct load *load, struct slot *slot)
{
    struct load_flow *flow = &load->flows[slot->number];
    for (int role = 0; role < WR_ROLES; role++) {
        const uint8_t *cookie = wr_peer_cookie(slot->peers[role].peer);
        flow->bound[role] = true;
        flow->has_cookie[role] = cookie != NULL;
        if (cookie != NULL)
            memcpy(flow->cookie[role], cookie, WR_COOKIE_BYTES);
    }
    load->results.flows_up++;
    end_slot(load, slot);
}

/* A repeated PRESENT that came behind the release would make the session anew. */
static bool all_answered(const struct slot *slot, wr_instant now)
{
    if (wr_elapsed(slot->started_ns, now) > CHURN_ANSWERS_NS)
        return true; /* some were lost */
    for (int role = 0; role < WR_ROLES; role++) {
        const struct wr_peer_counters *counters = wr_peer_counters(slot->peers[role].peer);
        if (counters->acks_received + counters->rejects_received <
            counters->presents_sent + counters->renews_sent + counters->token_renews_sent)
            return false;
    }
    return true;
}

static void churn_step(struct load *load, struct slot *slot, wr_instant now)
{
    static const uint8_t body[32];
    uint64_t sequence;
    if (slot->peers[WR_ROLE_SERVER].heard && all_answered(slot, now)) {
        wr_peer_leave(slot->peers[WR_ROLE_CLIENT].peer, now);
        wr_peer_leave(slot->peers[WR_ROLE_SERVER].peer, now);
        load->results.churn_ended++;
        end_slot(load, slot);
    } else if (!slot->spoke) {
        slot->spoke =
            wr_peer_send(slot->peers[WR_ROLE_CLIENT].peer, now, body, sizeof body, &sequence);
    }
}

static void look_at(struct load *load, struct slot *slot, wr_instant now)
{
    struct slot_peer *peers = slot->peers;
    if (slot->kind == KIND_CHURN && (peers[0].refused || peers[1].refused ||
                                     wr_elapsed(slot->started_ns, now) > CHURN_LIFE_NS)) {
        load->results.churn_failed++;
        end_slot(load, slot);
    } else if (peers[0].acked && peers[1].acked && slot->kind == KIND_FLOW) {
        flow_is_up(load, slot);
    } else if (peers[0].acked && peers[1].acked) {
        churn_step(load, slot, now);
    }
}

bool load_session_heard(struct load *load, enum wr_role role, const uint8_t *bytes, uint32_t size)
{
    struct slot *slot = slot_of(load, bytes, size);
    if (slot == NULL)
        return false;
    wr_instant now = probe_monotonic_ns();
    wr_peer_receive(slot->peers[role].peer, now, &load->relay, bytes, size);
    look_at(load, slot, now);
    return true;
}

static void serve(struct load *load, wr_instant now)
{
    struct load_slots *slots = load->slots;
    if (wr_elapsed(slots->served_ns, now) >= SERVE_EVERY_NS) {
        slots->served_ns = now;
        for (uint32_t i = 0; i < CHURN_SLOTS && slots->in_use > 0; i++) {
            struct slot *slot = &slots->slots[i];
            if (!slot->used)
                continue;
            wr_peer_on_deadline(slot->peers[0].peer, now);
            wr_peer_on_deadline(slot->peers[1].peer, now);
            look_at(load, slot, now);
        }
    }
    load_socket_flush(&load->sockets[0]);
    load_socket_flush(&load->sockets[1]);
}

uint32_t load_churn_room(const struct load *load)
{
    uint32_t in_use = load->slots->in_use;
    return in_use < SETUP_SLOTS ? SETUP_SLOTS - in_use : 0;
}

void load_churn(struct load *load, wr_instant now, uint32_t begin)
{
    for (; begin > 0; begin--) {
        load->results.churn_started++;
        if (begin_slot(load, KIND_CHURN, load->slots->churn_number++ & 0x0fffffff, now) == NULL)
            load->results.churn_failed++;
    }
    if (load->slots->in_use > 0)
        serve(load, now);
}

/* ---- All flows ------------------------------------------------------------------------------- */

static bool refused(const struct load *load, struct probe_error *error)
{
    for (uint16_t reason = 0; reason < LOAD_REASONS; reason++) {
        if (load->results.rejects[reason] == 0 || reason == WR_REJECT_RATE_LIMITED)
            continue;
        probe_fail(error,
                   "the relay refuses a lease, reason %u (%s), after %u flows; "
                   "'wavry-probe HOST:PORT' tells more",
                   (unsigned)reason, wr_reject_reason_name((enum wr_reject_reason)reason),
                   load->results.flows_up);
        return true;
    }
    return false;
}

static void rest(long ns)
{
    struct timespec while_ns = {.tv_nsec = ns};
    nanosleep(&while_ns, NULL);
}

bool load_set_up(struct load *load, struct probe_error *error)
{
    uint32_t begun = 0, up = 0, flows = load->options->flows;
    wr_instant start = probe_monotonic_ns(), moved = start;
    load->slots = calloc(1, sizeof *load->slots);
    if (load->slots == NULL)
        return probe_fail(error, "no memory");
    while (load->results.flows_up < flows) {
        wr_instant now = probe_monotonic_ns();
        while (begun < flows && load->slots->in_use < SETUP_SLOTS) {
            load->flows[begun].session = session_of(load, KIND_FLOW, begun);
            if (begin_slot(load, KIND_FLOW, begun++, now) == NULL)
                return probe_fail(error, "no memory, or the token would not fit a datagram");
        }
        serve(load, now);
        load_keep_alive(load, now);
        if (load_drain(load) == 0)
            rest(SETUP_REST_NS);
        if (load->results.flows_up > up)
            moved = now;
        up = load->results.flows_up;
        if (refused(load, error))
            return false;
        if (wr_elapsed(moved, now) > PATIENCE_NS)
            return probe_fail(error,
                              "%u of %u flows are set up, no more for %u s; "
                              "'wavry-probe HOST:PORT' tells more",
                              up, flows, (unsigned)(PATIENCE_NS / WR_S));
    }
    load->results.setup_ns = wr_elapsed(start, probe_monotonic_ns());
    return true;
}

void load_release(struct load *load)
{
    for (uint32_t i = 0; i < load->options->flows; i++) {
        const struct load_flow *flow = &load->flows[i];
        for (int role = 0; role < WR_ROLES; role++) {
            uint8_t bytes[64];
            if (!flow->has_cookie[role])
                continue;
            uint32_t source = role == WR_ROLE_CLIENT ? LOAD_CLIENTS : LOAD_SERVERS;
            uint32_t size =
                wr_wire_encode_release(bytes, sizeof bytes, &flow->session, flow->cookie[role]);
            memcpy(load_socket_room(&load->sockets[role], load->spread ? source + i : 0, size, 0),
                   bytes, size);
        }
        /* Not faster than a relay takes it: what is lost here stays until it is idle. */
        if (i % LOAD_BATCH == LOAD_BATCH - 1)
            rest(RELEASE_REST_NS);
    }
    load_socket_flush(&load->sockets[0]);
    load_socket_flush(&load->sockets[1]);
}

void load_slots_free(struct load *load)
{
    for (uint32_t i = 0; load->slots != NULL && i < CHURN_SLOTS; i++) {
        if (load->slots->slots[i].used)
            end_slot(load, &load->slots->slots[i]);
    }
    free(load->slots);
    load->slots = NULL;
}
