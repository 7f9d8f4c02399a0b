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
}

static void violated(void *context, const struct sim_violation *violation)
{
    const struct world *world = context;
    if (!world->tolerant)
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

void world_key(struct world *world, const char *kid, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    enter(world);
    sim_oracle_key_add(world->oracle, kid, public_key, false);
    (void)wr_relay_key_add(world->relay, kid, public_key, WR_KEY_LEARNED);
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

void world_unban(struct world *world, const char *sub)
{
    enter(world);
    sim_oracle_unban(world->oracle, sub, strlen(sub));
    wr_relay_unban(world->relay, sub, strlen(sub));
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
    sim_oracle_snapshot(world->oracle, world->now, &snapshot);
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
    wr_mint_keypair((const uint8_t[32]){1}, world->public_key, world->secret_key);
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
    world_key(world, "k1", world->public_key);
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

static uint32_t header(uint8_t *out, uint8_t type, unsigned session)
{
    struct wr_session_id id = world_session(session);
    out[0] = 0x57;
    out[1] = 1;
    out[2] = type;
    out[3] = 0;
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

uint64_t world_present(struct world *world, const char *from, unsigned session, enum wr_role role)
{
    uint8_t bytes[1500];
    struct wr_mint_texts texts;
    struct wr_session_id id = world_session(session);
    const struct wr_mint mint = wr_mint_lease(&texts, role == WR_ROLE_CLIENT ? "alice" : "bob", &id,
                                              role, RELAY_ID, "k1", WORLD_START_UNIX_MS, 900000);
    uint32_t size = header(bytes, 1, session);
    uint32_t token =
        wr_mint_token(&mint, world->secret_key, (char *)bytes + size + 3, sizeof bytes - size - 3);
    cr_assert_gt(token, 0);
    bytes[size] = 0;
    put(bytes + size + 1, token, 2);
    return world_receive(world, from, bytes, size + 3 + token);
}

uint64_t world_forward(struct world *world, const char *from, unsigned session, uint64_t sequence)
{
    uint8_t bytes[32];
    memset(bytes, 0xee, sizeof bytes);
    put(bytes + header(bytes, 16, session), sequence, 8);
    return world_receive(world, from, bytes, sizeof bytes);
}

void world_pair(struct world *world)
{
    world_present(world, CLIENT, 1, WR_ROLE_CLIENT);
    world_present(world, SERVER, 1, WR_ROLE_SERVER);
    world_forward(world, CLIENT, 1, 1);
    cr_assert_eq(world->last_outcome, WR_OUTCOME_FORWARDED);
    world_forward(world, SERVER, 1, 1);
    cr_assert_eq(world->last_outcome, WR_OUTCOME_FORWARDED);
}
