#include "oracle_world.h"

#include "address.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define RELAY_ID "relay-1"

/* ---- The environment ------------------------------------------------------------------------- */

static wr_instant monotonic_ns(void *context)
{
    return ((const struct world *)context)->now;
}

static uint64_t wall_unix_ms(void *context)
{
    const struct world *world = context;
    return world->start_unix_ms + world->now / WR_MS + (uint64_t)world->wall_step_ms;
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    struct world *world = context;
    unsigned char seed[randombytes_SEEDBYTES] = {(unsigned char)++world->entropy};
    randombytes_buf_deterministic(out, bytes, seed);
}

static void send_out(void *context, const struct wr_output *output)
{
    struct world *world = context;
    struct world_sent *sent = &world->sent[world->sent_count++ % WORLD_SENT_MAX];
    sim_oracle_sent(world->oracle, output);
    sent->to = output->to;
    sent->size = output->size;
    sent->cause = output->cause;
    memcpy(sent->bytes, output->bytes, output->size);
}

static void verify(void *context, const struct wr_verification *verification)
{
    struct world *world = context;
    sim_oracle_verification(world->oracle, verification);
    cr_assert_leq(world->pending_count, WR_VERIFICATIONS_OUT);
    wr_instant start = world->now;
    if (world->pending_count > 0 && world->pending_ends[world->pending_count - 1] > start)
        start = world->pending_ends[world->pending_count - 1];
    world->pending[world->pending_count] = *verification;
    world->pending_ends[world->pending_count++] = start + world->verify_ns;
}

static void observe(void *context, const struct wr_event *event)
{
    struct world *world = context;
    sim_oracle_observed(world->oracle, event);
    if (event->kind == WR_EVENT_OUTCOME)
        world->last_outcome = event->outcome;
    if (event->kind == WR_EVENT_VERDICT)
        world->last_verdict = event->verdict;
}

static void violated(void *context, const struct sim_violation *violation)
{
    const struct world *world = context;
    if (world->expected == NULL)
        cr_expect_fail("%s at %llu ns, datagram %llu: %s", sim_oracle_name(violation->oracle),
                       (unsigned long long)violation->at_ns, (unsigned long long)violation->tag,
                       violation->text);
}

/* ---- Entries --------------------------------------------------------------------------------- */

static void enter(struct world *world)
{
    sim_oracle_enter(world->oracle, world->now, wall_unix_ms(world));
}

static void leave(struct world *world)
{
    sim_oracle_leave(world->oracle, wr_relay_next_deadline(world->relay));
}

static void finish_verification(struct world *world)
{
    const struct wr_verification request = world->pending[0];
    int fits = -1;
    world->pending_count--;
    memmove(&world->pending[0], &world->pending[1], world->pending_count * sizeof *world->pending);
    memmove(&world->pending_ends[0], &world->pending_ends[1],
            world->pending_count * sizeof *world->pending_ends);
    for (uint32_t i = 0; i < request.key_count && fits < 0; i++) {
        if (crypto_sign_verify_detached(request.signature, request.message, request.message_size,
                                        request.keys[i]) == 0)
            fits = (int)i;
    }
    enter(world);
    sim_oracle_verified(world->oracle, request.id, fits);
    wr_relay_verified(world->relay, request.id, fits);
    leave(world);
}

void world_until(struct world *world, wr_instant at_ns)
{
    for (unsigned rounds = 0;; rounds++) {
        wr_instant result = world->pending_count > 0 ? world->pending_ends[0] : WR_NEVER;
        wr_instant deadline = wr_relay_next_deadline(world->relay);
        wr_instant next = result <= deadline ? result : deadline;
        if (next > at_ns || rounds > 100000)
            break;
        if (next > world->now)
            world->now = next;
        if (result <= deadline) {
            finish_verification(world);
            continue;
        }
        enter(world);
        sim_oracle_deadline(world->oracle);
        wr_relay_on_deadline(world->relay);
        leave(world);
        if (wr_relay_next_deadline(world->relay) <= world->now)
            break; /* a broken core: the oracles have said so */
    }
    world->now = at_ns;
}

void world_pass(struct world *world, uint64_t span_ns)
{
    world_until(world, world->now + span_ns);
}

void world_deliver(struct world *world, const struct wr_datagram *datagram)
{
    world_until(world, world->now);
    enter(world);
    sim_oracle_arrive(world->oracle, datagram, NULL, 1);
    wr_relay_receive(world->relay, datagram, 1);
    leave(world);
    world_until(world, world->now);
}

uint64_t world_receive(struct world *world, const char *from, const uint8_t *bytes, uint32_t size)
{
    struct wr_datagram datagram = {.bytes = bytes, .size = size, .tag = ++world->next_tag};
    cr_assert(wr_address_parse(from, &datagram.from));
    world_deliver(world, &datagram);
    return datagram.tag;
}

static void key_pair(uint8_t seed, uint8_t public_key[WR_PUBLIC_KEY_BYTES],
                     uint8_t secret_key[WR_SECRET_KEY_BYTES])
{
    uint8_t bytes[32] = {seed};
    wr_mint_keypair(bytes, public_key, secret_key);
}

void world_key(struct world *world, const char *kid, uint8_t seed)
{
    uint8_t public_key[WR_PUBLIC_KEY_BYTES], secret_key[WR_SECRET_KEY_BYTES];
    key_pair(seed, public_key, secret_key);
    enter(world);
    sim_oracle_key_add(world->oracle, kid, public_key, false);
    (void)wr_relay_key_add(world->relay, kid, public_key, false);
    leave(world);
    world_until(world, world->now);
}

void world_revoke(struct world *world, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    enter(world);
    sim_oracle_key_revoke(world->oracle, public_key);
    (void)wr_relay_key_revoke(world->relay, public_key);
    leave(world);
}

void world_ban(struct world *world, const char *sub)
{
    enter(world);
    sim_oracle_ban(world->oracle, sub, strlen(sub));
    (void)wr_relay_ban(world->relay, sub, strlen(sub));
    leave(world);
}

void world_drain(struct world *world)
{
    enter(world);
    sim_oracle_drain(world->oracle);
    wr_relay_drain(world->relay);
    leave(world);
}

void world_snapshot(struct world *world)
{
    struct wr_snapshot snapshot;
    wr_relay_snapshot(world->relay, &snapshot);
    sim_oracle_snapshot(world->oracle, world->now, &snapshot, 0);
}

/* ---- Beginning and end -------------------------------------------------------------------------
 */

void world_prepare(struct world *world)
{
    cr_assert(sodium_init() >= 0);
    memset(world, 0, sizeof *world);
    wr_relay_config_default(&world->config);
    cr_assert(wr_address_parse("198.51.100.1:4000", &world->listen));
    world->start_unix_ms = WORLD_START_UNIX_MS;
    world->config.relay_id = RELAY_ID;
    world->config.own_addresses = &world->listen;
    world->config.own_address_count = 1;
    world->config.verify_rate = 100000;
    key_pair(1, world->public_key, world->secret_key);
}

void world_open_without_key(struct world *world)
{
    const struct wr_environment environment = {.context = world,
                                               .monotonic_ns = monotonic_ns,
                                               .wall_unix_ms = wall_unix_ms,
                                               .entropy = entropy,
                                               .send = send_out,
                                               .verify = verify,
                                               .observe = observe};
    world->truth = sim_truth_create(5 * WR_S);
    const struct sim_oracle_config config = {
        .relay = &world->config, .truth = world->truth, .context = world, .violated = violated};
    world->oracle = sim_oracle_create(&config);
    world->relay = wr_relay_create(&world->config, &environment);
    cr_assert(world->oracle != NULL && world->relay != NULL && world->truth != NULL);
}

void world_open(struct world *world)
{
    world_open_without_key(world);
    world_key(world, "k1", 1);
}

void world_start(struct world *world)
{
    world_prepare(world);
    world_open(world);
}

void world_end(struct world *world)
{
    wr_relay_destroy(world->relay);
    sim_oracle_destroy(world->oracle);
    sim_truth_destroy(world->truth);
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

static uint32_t header(uint8_t *out, uint8_t type, uint8_t flags, unsigned session)
{
    struct wr_session_id id = world_session(session);
    out[0] = 0x57;
    out[1] = 1;
    out[2] = type;
    out[3] = flags;
    memcpy(out + 4, id.bytes, 16);
    return 20;
}

static void put(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

struct wr_session_id world_session(unsigned n)
{
    struct wr_session_id id = {{0x01, 0x00, 0x10, 0x00, 0x40, 0x00, 0x80}};
    put(id.bytes + 12, n, 4);
    return id;
}

/* The newest cookie in an answer to `address` in this session; zeroes where there is none. */
static void newest_cookie(const struct world *world, const char *address, unsigned session,
                          uint8_t out[WR_COOKIE_BYTES])
{
    struct wr_address to;
    struct wr_session_id id = world_session(session);
    cr_assert(wr_address_parse(address, &to));
    memset(out, 0, WR_COOKIE_BYTES);
    for (uint64_t back = 1; back <= world->sent_count && back <= WORLD_SENT_MAX; back++) {
        const struct world_sent *sent = &world->sent[(world->sent_count - back) % WORLD_SENT_MAX];
        if (memcmp(&sent->to, &to, sizeof to) == 0 && sent->bytes[0] == 0x57 &&
            (sent->bytes[2] == 2 || sent->bytes[2] == 3) && (sent->bytes[3] & 1) != 0 &&
            memcmp(sent->bytes + 4, id.bytes, 16) == 0) {
            memcpy(out, sent->bytes + sent->size - WR_COOKIE_BYTES, WR_COOKIE_BYTES);
            return;
        }
    }
}

uint64_t world_present(struct world *world, const char *from, const struct world_lease *lease)
{
    uint8_t bytes[1500], public_key[WR_PUBLIC_KEY_BYTES], secret_key[WR_SECRET_KEY_BYTES];
    struct wr_mint_texts texts, early;
    struct wr_session_id session = world_session(lease->session);
    const char *sub =
        lease->sub != NULL ? lease->sub : (lease->role == WR_ROLE_CLIENT ? "alice" : "bob");
    const char *cookie_of = lease->cookie_of != NULL ? lease->cookie_of
                            : lease->with_cookie     ? from
                                                     : NULL;
    struct wr_mint mint = wr_mint_lease(
        &texts, sub, &session, lease->role, lease->rid != NULL ? lease->rid : RELAY_ID,
        lease->kid != NULL ? lease->kid : "k1", WORLD_START_UNIX_MS + lease->issued_ms,
        lease->ttl_ms > 0 ? lease->ttl_ms : 900000);
    if (lease->hard_kbps > 0) {
        mint.has_soft_limit = mint.has_hard_limit = true;
        mint.soft_limit_kbps = mint.hard_limit_kbps = lease->hard_kbps;
    }
    if (lease->not_before_ms > 0) {
        struct wr_mint other = wr_mint_lease(&early, sub, &session, lease->role, RELAY_ID, "k1",
                                             WORLD_START_UNIX_MS + lease->not_before_ms, 1000);
        mint.nbf_rfc3339 = other.iat_rfc3339;
    }
    key_pair(lease->key_seed > 0 ? lease->key_seed : 1, public_key, secret_key);
    uint32_t size = header(bytes, lease->renew ? 4 : 1, cookie_of != NULL ? 1 : 0, lease->session);
    uint32_t token = wr_mint_token(&mint, secret_key, (char *)bytes + size + 3,
                                   sizeof bytes - size - 3 - WR_COOKIE_BYTES);
    cr_assert_gt(token, 0);
    bytes[size] = lease->presented_role;
    put(bytes + size + 1, token, 2);
    size += 3 + token;
    if (cookie_of != NULL) {
        newest_cookie(world, cookie_of, lease->session, bytes + size);
        size += WR_COOKIE_BYTES;
    }
    return world_receive(world, from, bytes, size);
}

uint64_t world_renew(struct world *world, const char *from, unsigned session, const char *cookie_of)
{
    uint8_t bytes[64];
    uint32_t size = header(bytes, 4, cookie_of != NULL ? 1 : 0, session);
    if (cookie_of != NULL) {
        newest_cookie(world, cookie_of, session, bytes + size);
        size += WR_COOKIE_BYTES;
    }
    return world_receive(world, from, bytes, size);
}

uint64_t world_release(struct world *world, const char *from, unsigned session,
                       const char *cookie_of)
{
    uint8_t bytes[64] = {0};
    uint32_t size = header(bytes, 4, 3, session);
    if (cookie_of != NULL)
        newest_cookie(world, cookie_of, session, bytes + size);
    return world_receive(world, from, bytes, size + WR_COOKIE_BYTES);
}

uint64_t world_forward_sized(struct world *world, const char *from, unsigned session,
                             uint64_t sequence, uint32_t size)
{
    uint8_t bytes[1500];
    memset(bytes, 0xee, sizeof bytes);
    put(bytes + header(bytes, 16, 0, session), sequence, 8);
    return world_receive(world, from, bytes, size);
}

uint64_t world_forward(struct world *world, const char *from, unsigned session, uint64_t sequence)
{
    return world_forward_sized(world, from, session, sequence, 32);
}

static uint16_t crc(const uint8_t *bytes, unsigned count)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count * 8; i++) {
        unsigned bit = (value ^ bytes[i / 8] >> i % 8) & 1;
        value = value >> 1 ^ (bit ? 0x8408 : 0);
    }
    return (uint16_t)value;
}

static uint32_t rift(uint8_t *out, uint64_t packet_id)
{
    put(out, 0x52490001, 4);
    put(out + 4, 1, 4);
    put(out + 8, packet_id, 8);
    put(out + 16, crc(out, 16), 2);
    return 18;
}

uint64_t world_rift(struct world *world, const char *from, unsigned session, uint64_t packet_id)
{
    uint8_t bytes[64];
    uint32_t size = header(bytes, 16, 0, session);
    size += rift(bytes + size, packet_id);
    return world_receive(world, from, bytes, size);
}

uint64_t world_bare_handshake(struct world *world, const char *from)
{
    uint8_t bytes[62];
    memset(bytes, 0xdd, sizeof bytes);
    memset(bytes, 0, 30);
    put(bytes, 0x52490001, 4);
    put(bytes + 28, crc(bytes, 28), 2);
    return world_receive(world, from, bytes, sizeof bytes);
}

uint64_t world_bare_transport(struct world *world, const char *from)
{
    uint8_t bytes[82];
    memset(bytes, 0xdd, sizeof bytes);
    (void)rift(bytes, 0);
    return world_receive(world, from, bytes, sizeof bytes);
}

void world_pair(struct world *world)
{
    world_present(world, CLIENT, &(struct world_lease){.session = 1, .role = WR_ROLE_CLIENT});
    world_present(world, SERVER, &(struct world_lease){.session = 1, .role = WR_ROLE_SERVER});
    world_forward(world, CLIENT, 1, 1);
    cr_assert_eq(world->last_outcome, WR_OUTCOME_FORWARDED);
    world_forward(world, SERVER, 1, 1);
    cr_assert_eq(world->last_outcome, WR_OUTCOME_FORWARDED);
}
