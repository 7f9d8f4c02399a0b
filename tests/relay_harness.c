#include "relay_harness.h"

#include "address.h"
#include "shared.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct desk desk;

/* ---- What comes out ----------------------------------------------------------------------------
 */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    va_list arguments;
    if (desk.log == NULL)
        return;
    va_start(arguments, format);
    int written =
        vsnprintf(desk.log + desk.log_bytes, DESK_LOG - desk.log_bytes, format, arguments);
    va_end(arguments);
    cr_assert(written > 0 && desk.log_bytes + (size_t)written < DESK_LOG);
    desk.log_bytes += (size_t)written;
}

static wr_instant monotonic_ns(void *context)
{
    return ((const struct desk *)context)->now_ns;
}

static uint64_t wall_unix_ms(void *context)
{
    const struct desk *at_desk = context;
    return DESK_UNIX_MS + at_desk->now_ns / WR_MS + (uint64_t)at_desk->wall_offset_ms;
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    struct desk *at_desk = context;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(++at_desk->entropy * 37);
}

static void keep_sent(void *context, const struct wr_output *output)
{
    struct desk *at_desk = context;
    struct desk_sent *sent = &at_desk->sent[at_desk->sent_count++ % DESK_SENT];
    cr_assert(output->size > 0 && output->size <= sizeof sent->bytes);
    sent->to = output->to;
    sent->cause = output->cause;
    sent->via = output->via;
    sent->size = output->size;
    memcpy(sent->bytes, output->bytes, output->size);
    char text[WR_ADDRESS_TEXT_BYTES];
    unsigned sum = 0;
    for (uint32_t i = 0; i < output->size; i++)
        sum = sum * 31 + output->bytes[i];
    note("%llu sent to %s: %u bytes, %08x\n", (unsigned long long)output->cause,
         wr_address_format(&output->to, text), output->size, sum);
}

static void verify(void *context, const struct wr_verification *verification)
{
    struct desk *at_desk = context;
    int result = -1;
    cr_assert_lt(at_desk->asked_count, WR_VERIFICATIONS_OUT);
    cr_assert(verification->key_count >= 1 && verification->key_count <= WR_KEYS_MAX);
    for (uint32_t i = 0; i < verification->key_count && result < 0; i++) {
        if (crypto_sign_verify_detached(verification->signature, verification->message,
                                        verification->message_size, verification->keys[i]) == 0)
            result = (int)i;
    }
    at_desk->asked_keys = verification->key_count;
    at_desk->asked[at_desk->asked_count].id = verification->id;
    at_desk->asked[at_desk->asked_count].result = result;
    at_desk->asked_count++;
}

static void bound_changed(void *context, const struct wr_address *address, enum wr_bound bound)
{
    struct desk *at_desk = context;
    uint32_t place = at_desk->bound_count++ % DESK_SENT;
    at_desk->bound[place].address = *address;
    at_desk->bound[place].bound = bound;
    at_desk->bound[place].shared_sessions =
        at_desk->config.shared != NULL ? wr_shared_sessions(at_desk->config.shared) : 0;
}

int last_bound(const char *address)
{
    const struct wr_address wanted = at(address);
    for (uint32_t back = 1; back <= DESK_SENT && back <= desk.bound_count; back++) {
        uint32_t place = (desk.bound_count - back) % DESK_SENT;
        if (wr_address_equal(&desk.bound[place].address, &wanted))
            return (int)desk.bound[place].bound;
    }
    return -1;
}

static void observe(void *context, const struct wr_event *event)
{
    struct desk *at_desk = context;
    cr_assert_eq(event->at_ns > at_desk->now_ns, false, "nothing happens ahead of time");
    at_desk->events[event->kind]++;
    if (event->kind == WR_EVENT_OUTCOME) {
        if (event->tag == at_desk->tags)
            at_desk->outcome = event->outcome;
        note("%llu %s\n", (unsigned long long)event->tag, wr_outcome_name(event->outcome));
    } else if (event->kind == WR_EVENT_VERDICT) {
        at_desk->verdict = event->verdict;
        note("%llu %s\n", (unsigned long long)event->tag, wr_verdict_name(event->verdict));
    } else {
        at_desk->event = *event;
        if (event->kid != NULL)
            snprintf(at_desk->kid, sizeof at_desk->kid, "%s", event->kid);
        note("event %d at %llu, role %d, rule %u, why %s\n", (int)event->kind,
             (unsigned long long)event->at_ns, (int)event->role, event->rule,
             wr_why_name(event->why));
    }
}

/* ---- Life --------------------------------------------------------------------------------------
 */

void desk_reset(void)
{
    memset(&desk, 0, sizeof desk);
    cr_assert(sodium_init() >= 0);
    wr_relay_config_default(&desk.config);
    desk.config.relay_id = DESK_RELAY_ID;
    desk.config.verify_rate = 100000;
    for (uint8_t key = 0; key < DESK_KEYS; key++) {
        const uint8_t seed[32] = {key};
        wr_mint_keypair(seed, desk.public_keys[key], desk.secret_keys[key]);
    }
}

void desk_open(void)
{
    const struct wr_environment environment = {
        .context = &desk,
        .monotonic_ns = monotonic_ns,
        .wall_unix_ms = wall_unix_ms,
        .entropy = entropy,
        .send = keep_sent,
        .verify = verify,
        .observe = observe,
        .bound_changed = bound_changed,
    };
    desk.relay = wr_relay_create(&desk.config, &environment);
    cr_assert_not_null(desk.relay);
    cr_assert_eq(desk_key("k1", 1, WR_KEY_INITIAL), WR_KEY_ADDED);
}

void desk_close(void)
{
    wr_relay_destroy(desk.relay);
    free(desk.log);
    desk.relay = NULL;
    desk.log = NULL;
}

struct wr_snapshot desk_check(void)
{
    struct wr_snapshot snapshot;
    uint64_t outcomes = 0, verdicts = 0;
    wr_relay_snapshot(desk.relay, &snapshot);
    for (int i = 0; i < WR_OUTCOME_COUNT; i++)
        outcomes += snapshot.counters.outcomes[i];
    for (int i = 0; i < WR_VERDICT_COUNT; i++)
        verdicts += snapshot.counters.verdicts[i];
    cr_assert_eq(outcomes + snapshot.held, snapshot.counters.packets_rx);
    cr_assert_eq(verdicts + snapshot.pending, snapshot.counters.outcomes[WR_OUTCOME_LEASE_TAKEN]);
    return snapshot;
}

void desk_verify(void)
{
    while (desk.asked_count > 0) {
        uint32_t id = desk.asked[0].id;
        int result = desk.asked[0].result;
        desk.asked_count--;
        memmove(desk.asked, desk.asked + 1, desk.asked_count * sizeof *desk.asked);
        wr_relay_verified(desk.relay, id, result);
        /* What a result makes room for is due at once. */
        if (wr_relay_next_deadline(desk.relay) <= desk.now_ns)
            wr_relay_on_deadline(desk.relay);
    }
}

static void settle(void)
{
    if (!desk.verifies_later)
        desk_verify();
    desk_check();
}

void desk_go(wr_instant at_ns)
{
    wr_instant next;
    cr_assert_geq(at_ns, desk.now_ns);
    while ((next = wr_relay_next_deadline(desk.relay)) <= at_ns) {
        if (next > desk.now_ns)
            desk.now_ns = next;
        wr_relay_on_deadline(desk.relay);
        cr_assert_gt(wr_relay_next_deadline(desk.relay), desk.now_ns,
                     "after acting, the next deadline lies ahead");
        settle();
    }
    desk.now_ns = at_ns;
}

void desk_wait(uint64_t span_ns)
{
    desk_go(desk.now_ns + span_ns);
}

/* ---- Addresses, keys, leases -------------------------------------------------------------------
 */

struct wr_address at(const char *text)
{
    struct wr_address address;
    cr_assert(wr_address_parse(text, &address), "%s", text);
    return address;
}

const char *host(uint32_t number)
{
    static char texts[16][WR_ADDRESS_TEXT_BYTES];
    static uint32_t next;
    char *text = texts[next++ % 16];
    snprintf(text, sizeof texts[0], "10.%u.%u.%u:5000", number >> 16 & 255, number >> 8 & 255,
             number & 255);
    return text;
}

struct wr_session_id session_of(uint32_t number)
{
    struct wr_session_id id = {{0x5e, 0x55}};
    memcpy(id.bytes + 12, &number, sizeof number);
    return id;
}

enum wr_key_result desk_key(const char *kid, uint32_t key, enum wr_key_standing standing)
{
    enum wr_key_result result = wr_relay_key_add(desk.relay, kid, desk.public_keys[key], standing);
    settle();
    return result;
}

void desk_drop_key(uint32_t key)
{
    cr_assert(wr_relay_key_revoke(desk.relay, desk.public_keys[key]));
    settle();
}

struct lease desk_lease(uint32_t session, enum wr_role role)
{
    static char subjects[64][24]; /* a test holds a few leases at a time */
    static uint32_t next;
    char *sub = subjects[next++ % 64];
    snprintf(sub, sizeof subjects[0], "%s-%u", role == WR_ROLE_CLIENT ? "client" : "server",
             session);
    return (struct lease){
        .sub = sub,
        .rid = DESK_RELAY_ID,
        .kid = "k1",
        .key = 1,
        .session = session_of(session),
        .sid = session_of(session),
        .role = role,
        .presented = role,
        .expires_ms = 3600000,
        .soft_limit_kbps = 50000,
        .hard_limit_kbps = 100000,
    };
}

uint32_t desk_encode(const struct lease *lease, uint8_t out[WR_DATAGRAM_BYTES_MAX])
{
    char token[WR_TOKEN_TEXT_BYTES_MAX];
    char sid[WR_SESSION_TEXT_BYTES];
    char issued[WR_RFC3339_TEXT_BYTES], expires[WR_RFC3339_TEXT_BYTES];
    char not_before[WR_RFC3339_TEXT_BYTES];
    uint64_t now_ms = wall_unix_ms(&desk);
    wr_rfc3339_format(now_ms + (uint64_t)lease->issued_ms, issued);
    wr_rfc3339_format(now_ms + (uint64_t)lease->expires_ms, expires);
    wr_rfc3339_format(now_ms + (uint64_t)lease->not_before_ms, not_before);
    const struct wr_mint mint = {
        .sub = lease->sub,
        .sid = wr_session_id_format(&lease->sid, sid),
        .role = lease->role == WR_ROLE_CLIENT ? "client" : "server",
        .rid = lease->rid,
        .kid = lease->kid,
        .exp_rfc3339 = expires,
        .nbf_rfc3339 = not_before,
        .iat_rfc3339 = lease->no_issue ? NULL : issued,
        .has_soft_limit = true,
        .has_hard_limit = true,
        .soft_limit_kbps = lease->soft_limit_kbps,
        .hard_limit_kbps = lease->hard_limit_kbps,
        .extra = lease->extra,
    };
    uint32_t bytes = wr_mint_token(&mint, desk.secret_keys[lease->key], token, sizeof token);
    cr_assert_gt(bytes, 0);
    if (lease->spoiled)
        token[bytes - 6] = token[bytes - 6] == 'A' ? 'B' : 'A';
    uint32_t size =
        lease->renew
            ? wr_wire_encode_renew(out, WR_DATAGRAM_BYTES_MAX, &lease->session, lease->presented,
                                   (const uint8_t *)token, bytes, lease->cookie)
            : wr_wire_encode_present(out, WR_DATAGRAM_BYTES_MAX, &lease->session, lease->presented,
                                     (const uint8_t *)token, bytes, lease->cookie);
    cr_assert_gt(size, 0);
    return size;
}

/* ---- Datagrams ---------------------------------------------------------------------------------
 */

enum wr_outcome desk_arrive(struct wr_address from, const uint8_t *bytes, uint32_t size)
{
    const struct wr_datagram datagram = {
        .from = from,
        .bytes = bytes,
        .size = size,
        .via = desk.via,
        .bound_elsewhere = desk.bound_elsewhere,
        .tag = ++desk.tags,
    };
    desk.outcome = WR_OUTCOME_COUNT;
    desk.verdict = WR_VERDICT_COUNT;
    wr_relay_receive(desk.relay, &datagram, 1);
    settle();
    return desk.outcome;
}

enum wr_outcome present(const struct lease *lease, const char *from)
{
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    uint32_t size = desk_encode(lease, bytes);
    return desk_arrive(at(from), bytes, size);
}

enum wr_verdict verdict_of(const struct lease *lease, const char *from)
{
    cr_assert_eq(present(lease, from), WR_OUTCOME_LEASE_TAKEN);
    return desk.verdict;
}

enum wr_outcome forward_sized(uint32_t session, const char *from, uint64_t sequence, uint32_t size)
{
    static const uint8_t opaque[WR_DATAGRAM_BYTES_MAX];
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    const struct wr_session_id id = session_of(session);
    uint32_t made = wr_wire_encode_sequence(bytes, sizeof bytes, &id, sequence, opaque,
                                            size - WR_WIRE_HEADER_BYTES - 8);
    cr_assert_eq(made, size);
    return desk_arrive(at(from), bytes, size);
}

enum wr_outcome forward(uint32_t session, const char *from, uint64_t sequence)
{
    return forward_sized(session, from, sequence, 100);
}

enum wr_outcome rift(uint32_t session, const char *from, uint64_t packet_id)
{
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX], payload[WR_RIFT_TRANSPORT_BYTES];
    const struct wr_session_id id = session_of(session);
    wr_rift_encode_transport(payload, 1, packet_id);
    uint32_t size =
        wr_wire_encode_forward(bytes, sizeof bytes, &id, 0, payload, WR_RIFT_TRANSPORT_BYTES);
    return desk_arrive(at(from), bytes, size);
}

enum wr_outcome bare_handshake(const char *from)
{
    static const uint8_t nobody[16];
    uint8_t bytes[62] = {0};
    wr_rift_encode_handshake(bytes, nobody, 0);
    return desk_arrive(at(from), bytes, sizeof bytes);
}

enum wr_outcome bare_transport(const char *from)
{
    uint8_t bytes[82] = {0};
    wr_rift_encode_transport(bytes, 1, 0);
    return desk_arrive(at(from), bytes, sizeof bytes);
}

enum wr_outcome renew(uint32_t session, const char *from, const uint8_t *cookie)
{
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    const struct wr_session_id id = session_of(session);
    uint32_t size = wr_wire_encode_renew(bytes, sizeof bytes, &id, WR_ROLE_CLIENT, NULL, 0, cookie);
    return desk_arrive(at(from), bytes, size);
}

enum wr_outcome release(uint32_t session, const char *from, const uint8_t *cookie)
{
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
    const struct wr_session_id id = session_of(session);
    uint32_t size = wr_wire_encode_release(bytes, sizeof bytes, &id, cookie);
    return desk_arrive(at(from), bytes, size);
}

void join(uint32_t session, const char *client, const char *server)
{
    struct lease first = desk_lease(session, WR_ROLE_CLIENT);
    struct lease second = desk_lease(session, WR_ROLE_SERVER);
    cr_assert_eq(verdict_of(&first, client), WR_VERDICT_ACCEPTED);
    cr_assert_eq(verdict_of(&second, server), WR_VERDICT_ACCEPTED);
}

struct wr_packet last_sent(void)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    cr_assert_gt(desk.sent_count, 0);
    const struct desk_sent *sent = &desk.sent[(desk.sent_count - 1) % DESK_SENT];
    cr_assert(wr_wire_decode(sent->bytes, sent->size, &packet, &failure));
    return packet;
}

const uint8_t *last_cookie(void)
{
    static uint8_t cookies[16][WR_COOKIE_BYTES];
    static uint32_t next;
    struct wr_packet packet = last_sent();
    cr_assert(packet.has_cookie);
    return memcpy(cookies[next++ % 16], packet.cookie, WR_COOKIE_BYTES);
}

bool last_went_to(const char *address)
{
    const struct wr_address expected = at(address);
    return desk.sent_count > 0 &&
           wr_address_equal(&desk.sent[(desk.sent_count - 1) % DESK_SENT].to, &expected);
}
