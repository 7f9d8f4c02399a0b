#include <criterion/criterion.h>

#include "address.h"
#include "attacker.h"
#include "claims.h"
#include "forge.h"
#include "paseto.h"

#include <string.h>

#define WALL     UINT64_C(1795000000000)
#define SENT_MAX 4096

struct sent {
    struct wr_address from;
    uint32_t size;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

/* The world around one attacker: keeps what it sends. */
struct yard {
    struct sim_attacker *attacker;
    struct sim_attacker_spec spec;
    struct wr_session_id session;
    struct wr_address victim;
    struct sent *sent;
    uint32_t sent_count;
    uint32_t valid_tokens;
    bool no_leases;
};

static void on_send(void *context, const struct wr_address *from, const uint8_t *bytes,
                    uint32_t size)
{
    struct yard *yard = context;
    cr_assert_lt(yard->sent_count, SENT_MAX);
    cr_assert_leq(size, WR_DATAGRAM_BYTES_MAX);
    struct sent *sent = &yard->sent[yard->sent_count++];
    sent->from = *from;
    sent->size = size;
    memcpy(sent->bytes, bytes, size);
}

static uint32_t on_valid_token(void *context, const struct wr_session_id *session, uint8_t *out,
                               uint32_t capacity)
{
    struct yard *yard = context;
    (void)session;
    cr_assert_geq(capacity, 5);
    memcpy(out, "valid", 5);
    yard->valid_tokens++;
    return yard->no_leases ? 0 : 5;
}

static struct wr_address on_victim_address(void *context)
{
    return ((struct yard *)context)->victim;
}

static struct wr_address v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    const uint8_t ip[4] = {a, b, c, d};
    return wr_address_v4(ip, port);
}

static struct sim_attacker_spec attack(enum sim_attack kind)
{
    return (struct sim_attacker_spec){.name = "mallory",
                                      .attack = kind,
                                      .address = v4(203, 0, 113, 66, 6666),
                                      .session = SIM_NONE,
                                      .victim = SIM_NONE,
                                      .token = SIM_TOKEN_FORGED,
                                      .packet = SIM_PACKET_FORWARD,
                                      .sources = 1,
                                      .rate_pps = 100,
                                      .bytes = 200,
                                      .start_ns = 0,
                                      .stop_ns = WR_NEVER};
}

static void open_yard(struct yard *yard, struct sim_attacker_spec spec)
{
    static struct sent buffer[SENT_MAX];
    struct sim_attacker_environment environment = {.context = yard,
                                                   .send = on_send,
                                                   .valid_token = on_valid_token,
                                                   .victim_address = on_victim_address};
    memset(yard, 0, sizeof *yard);
    yard->sent = buffer;
    yard->spec = spec;
    yard->victim = v4(192, 0, 2, 9, 9000);
    memset(yard->session.bytes, 0x5a, sizeof yard->session.bytes);
    struct sim_attacker_target target = {
        .relay_id = "relay-a", .kid = "k1", .session = yard->session, .wall_unix_ms = WALL};
    yard->attacker = sim_attacker_create(&yard->spec, &target, &environment, 11);
    cr_assert_not_null(yard->attacker);
}

static void run(struct yard *yard, wr_instant until)
{
    while (sim_attacker_next_deadline(yard->attacker) <= until) {
        wr_instant now = sim_attacker_next_deadline(yard->attacker);
        sim_attacker_on_deadline(yard->attacker, now);
        cr_assert_gt(sim_attacker_next_deadline(yard->attacker), now);
    }
}

static struct wr_packet packet_of(const struct sent *sent)
{
    struct wr_packet packet = {0};
    enum wr_outcome failure;
    cr_assert(wr_wire_decode(sent->bytes, sent->size, &packet, &failure));
    return packet;
}

static const struct sent *last(const struct yard *yard)
{
    return &yard->sent[yard->sent_count - 1];
}

/* The owner in role client, at its address, says something. Returns the hold-back. */
static uint64_t owner_says(struct yard *yard, wr_instant now, const uint8_t *bytes, uint32_t size)
{
    struct wr_address owner = v4(198, 51, 100, 5, 5000);
    return sim_attacker_saw(yard->attacker, now, WR_ROLE_CLIENT, &owner, bytes, size);
}

static uint64_t owner_forwards(struct yard *yard, wr_instant now, uint64_t sequence)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size = wr_wire_encode_sequence(out, sizeof out, &yard->session, sequence,
                                            (const uint8_t *)"0123456789", 10);
    return owner_says(yard, now, out, size);
}

static uint64_t owner_presents(struct yard *yard, wr_instant now, const uint8_t *cookie)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size = wr_wire_encode_present(out, sizeof out, &yard->session, WR_ROLE_CLIENT,
                                           (const uint8_t *)"token", 5, cookie);
    return owner_says(yard, now, out, size);
}

static void relay_answers(struct yard *yard, const struct wr_address *to, bool reject,
                          const uint8_t *cookie)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size =
        reject
            ? wr_wire_encode_reject(out, sizeof out, &yard->session, WR_REJECT_RATE_LIMITED, cookie)
            : wr_wire_encode_ack(out, sizeof out, &yard->session, 1, 1, 1, false, cookie);
    sim_attacker_receive(yard->attacker, 0, to, out, size);
}

static const uint8_t own_cookie[WR_COOKIE_BYTES] = {0xc0, 0x0c};

/* ---- Floods ---------------------------------------------------------------------------------- */

Test(attacker, a_spoofed_flood_comes_from_as_many_addresses_as_told)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_SPOOFED_FLOOD);
    static bool seen[1000];
    spec.packet = SIM_PACKET_RENEW;
    spec.sources = 1000;
    spec.address = v4(10, 0, 255, 0, 1000);
    spec.rate_pps = 4000;
    spec.stop_ns = 1 * WR_S;
    open_yard(&yard, spec);
    run(&yard, 10 * WR_S);
    cr_expect_eq(yard.sent_count, 4000);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->sent, 4000);
    uint32_t different = 0;
    for (uint32_t i = 0; i < yard.sent_count; i++) {
        const uint8_t *ip = yard.sent[i].from.ip + 12;
        uint32_t number = ((uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3]) - 0xff00;
        cr_assert_lt(number, 1000);
        different += !seen[number];
        seen[number] = true;
        cr_assert_eq(packet_of(&yard.sent[i]).type, WR_PACKET_LEASE_RENEW);
    }
    cr_expect_gt(different, 900);
    cr_expect_not(sim_attacker_owns(yard.attacker, &yard.sent[0].from) &&
                  sim_attacker_owns(yard.attacker, &yard.sent[1].from) &&
                  sim_attacker_owns(yard.attacker, &yard.sent[2].from));
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_flood_can_be_of_any_kind)
{
    for (int kind = SIM_PACKET_ANY; kind <= SIM_PACKET_JUNK; kind++) {
        struct yard yard;
        bool seen[SIM_PACKET_JUNK + 1] = {false};
        struct sim_attacker_spec spec = attack(SIM_ATTACK_SPOOFED_FLOOD);
        spec.packet = (enum sim_packet)kind;
        spec.sources = 0;
        open_yard(&yard, spec);
        run(&yard, 1 * WR_S);
        for (uint32_t i = 0; i < yard.sent_count; i++)
            seen[sim_forge_kind(yard.sent[i].bytes, yard.sent[i].size)] = true;
        for (int other = SIM_PACKET_PRESENT; other <= SIM_PACKET_JUNK; other++)
            cr_expect_eq(seen[other], kind == SIM_PACKET_ANY || kind == other, "%d, %d", kind,
                         other);
        sim_attacker_destroy(yard.attacker);
    }
}

Test(attacker, tokens_of_a_lease_flood_are_as_wrong_as_told)
{
    for (int kind = SIM_TOKEN_GARBAGE; kind <= SIM_TOKEN_VALID; kind++) {
        struct yard yard;
        struct sim_attacker_spec spec = attack(SIM_ATTACK_LEASE_FLOOD);
        spec.token = (enum sim_token)kind;
        spec.sources = 3;
        open_yard(&yard, spec);
        run(&yard, 1 * WR_S);
        cr_assert_eq(yard.sent_count, 101);
        struct wr_packet first = packet_of(&yard.sent[0]);
        struct wr_packet second = packet_of(&yard.sent[1]);
        cr_expect_neq(memcmp(&first.session, &second.session, 16), 0);
        cr_expect(sim_attacker_owns(yard.attacker, &yard.sent[2].from));
        if (kind == SIM_TOKEN_VALID) {
            cr_expect_eq(yard.valid_tokens, 101);
            sim_attacker_destroy(yard.attacker);
            continue;
        }
        cr_expect(first.token_bytes != second.token_bytes ||
                  memcmp(first.token, second.token, first.token_bytes) != 0);
        struct wr_token token;
        struct wr_claims claims;
        bool formed = wr_token_decode(second.token, second.token_bytes, &token);
        bool claimed = formed && wr_claims_decode(token.payload, token.payload_bytes, &claims);
        cr_expect_eq(formed, kind != SIM_TOKEN_GARBAGE);
        cr_expect_eq(claimed, kind == SIM_TOKEN_FORGED || kind == SIM_TOKEN_UNKNOWN_KID);
        if (kind == SIM_TOKEN_FORGED) {
            cr_expect_eq(claims.kid_bytes, 2);
            cr_expect_eq(memcmp(claims.rid, "relay-a", 7), 0);
            cr_expect_gt(claims.expires_unix_ms, WALL);
        }
        sim_attacker_destroy(yard.attacker);
    }
}

Test(attacker, no_lease_to_be_had_is_no_datagram)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_LEASE_FLOOD);
    spec.token = SIM_TOKEN_VALID;
    open_yard(&yard, spec);
    yard.no_leases = true;
    run(&yard, 1 * WR_S);
    cr_expect_eq(yard.sent_count, 0);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_lease_flood_may_name_a_live_session_and_come_back_with_its_cookie)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_LEASE_FLOOD);
    spec.names_live_session = true;
    spec.echoes_cookies = true;
    open_yard(&yard, spec);
    run(&yard, 0);
    struct wr_packet packet = packet_of(last(&yard));
    cr_expect_eq(memcmp(&packet.session, &yard.session, 16), 0);
    relay_answers(&yard, &spec.address, true, own_cookie);
    packet = packet_of(last(&yard));
    cr_assert(packet.has_cookie);
    cr_expect_eq(memcmp(packet.cookie, own_cookie, 16), 0);
    uint32_t mark = yard.sent_count;
    relay_answers(&yard, &spec.address, true, NULL);
    relay_answers(&yard, &spec.address, false, own_cookie);
    cr_expect_eq(yard.sent_count, mark);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, guessed_sessions_are_all_different)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_SESSION_GUESS);
    spec.sources = 4;
    open_yard(&yard, spec);
    run(&yard, 100 * WR_MS);
    for (uint32_t i = 1; i < yard.sent_count; i++) {
        struct wr_packet before = packet_of(&yard.sent[i - 1]);
        struct wr_packet packet = packet_of(&yard.sent[i]);
        cr_expect_eq(packet.type, WR_PACKET_FORWARD);
        cr_expect_neq(memcmp(&packet.session, &before.session, 16), 0);
        cr_expect_eq(yard.sent[i].size, 200);
    }
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, reflection_speaks_in_the_name_of_its_victim)
{
    for (int live = 0; live < 2; live++) {
        struct yard yard;
        struct sim_attacker_spec spec = attack(SIM_ATTACK_REFLECTION);
        spec.packet = SIM_PACKET_PRESENT;
        spec.session = live ? 0 : SIM_NONE;
        open_yard(&yard, spec);
        run(&yard, 0);
        cr_expect(wr_address_equal(&last(&yard)->from, &yard.victim));
        struct wr_packet packet = packet_of(last(&yard));
        cr_expect_eq(memcmp(&packet.session, &yard.session, 16) == 0, live == 1);
        sim_attacker_destroy(yard.attacker);
    }
}

/* ---- On the path ----------------------------------------------------------------------------- */

Test(attacker, replays_what_it_saw_round_and_round)
{
    for (int as_victim = 0; as_victim < 2; as_victim++) {
        struct yard yard;
        struct sim_attacker_spec spec = attack(SIM_ATTACK_REPLAY);
        spec.source = as_victim ? SIM_SOURCE_VICTIM : SIM_SOURCE_OWN;
        open_yard(&yard, spec);
        run(&yard, 0);
        cr_expect_eq(yard.sent_count, 0, "it has seen nothing yet");
        owner_presents(&yard, 1, NULL);
        owner_forwards(&yard, 2, 7);
        owner_forwards(&yard, 3, 8);
        run(&yard, 30 * WR_MS);
        cr_assert_eq(yard.sent_count, 3);
        cr_expect_eq(packet_of(&yard.sent[0]).sequence, 7);
        cr_expect_eq(packet_of(&yard.sent[1]).sequence, 8);
        cr_expect_eq(packet_of(&yard.sent[2]).sequence, 7);
        struct wr_address owner = v4(198, 51, 100, 5, 5000);
        cr_expect_eq(wr_address_equal(&yard.sent[0].from, &owner), as_victim == 1);
        sim_attacker_destroy(yard.attacker);
    }
}

Test(attacker, a_replayer_may_echo_the_cookie_it_is_sent)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_REPLAY);
    spec.packet = SIM_PACKET_PRESENT;
    spec.echoes_cookies = true;
    open_yard(&yard, spec);
    relay_answers(&yard, &spec.address, false, own_cookie);
    struct wr_packet echo = packet_of(last(&yard));
    cr_expect_eq(echo.type, WR_PACKET_LEASE_RENEW);
    cr_expect_eq(memcmp(echo.cookie, own_cookie, 16), 0);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->cookies_echoed, 1);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, keeps_the_latest_64_captures)
{
    struct yard yard;
    open_yard(&yard, attack(SIM_ATTACK_REPLAY));
    for (uint64_t sequence = 0; sequence < 100; sequence++)
        owner_forwards(&yard, sequence, sequence);
    run(&yard, 1 * WR_S);
    for (uint32_t i = 0; i < yard.sent_count; i++)
        cr_expect_geq(packet_of(&yard.sent[i]).sequence, 36);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, poisons_the_window_ahead_of_what_it_saw)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_WINDOW_POISON);
    spec.ahead = 1000000;
    spec.source = SIM_SOURCE_VICTIM;
    open_yard(&yard, spec);
    run(&yard, 0);
    cr_expect_eq(yard.sent_count, 0);
    owner_forwards(&yard, 1, 500);
    owner_forwards(&yard, 1, 400);
    run(&yard, 30 * WR_MS);
    cr_assert_eq(yard.sent_count, 3);
    for (uint64_t i = 0; i < 3; i++)
        cr_expect_eq(packet_of(&yard.sent[i]).sequence, 1000500 + i, "three move the window");
    cr_expect_eq(yard.sent[0].from.port, 5000);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, speaks_rift_where_the_owner_does)
{
    struct yard yard;
    uint8_t rift[64] = {0};
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    open_yard(&yard, attack(SIM_ATTACK_WINDOW_POISON));
    wr_rift_encode_transport(rift, 1, 0);
    uint32_t size = wr_wire_encode_forward(out, sizeof out, &yard.session, 0, rift, 40);
    owner_says(&yard, 0, out, size);
    run(&yard, 0);
    cr_expect_eq(yard.sent_count, 0, "id 0 is exempt and says nothing about the window");
    wr_rift_encode_transport(rift, 1, 77);
    size = wr_wire_encode_forward(out, sizeof out, &yard.session, 0, rift, 40);
    owner_says(&yard, 0, out, size);
    run(&yard, 10 * WR_MS);
    cr_expect(packet_of(last(&yard)).is_rift);
    cr_expect_eq(packet_of(last(&yard)).sequence, 77);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_thief_presents_waits_for_a_pause_and_goes_ahead_of_its_owner)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_THIEF);
    open_yard(&yard, spec);
    run(&yard, 0);
    cr_expect_eq(yard.sent_count, 0);
    owner_presents(&yard, 1, own_cookie);
    for (uint64_t ms = 0; ms <= 1000; ms += 10) {
        owner_forwards(&yard, ms * WR_MS, ms);
        run(&yard, ms * WR_MS);
    }
    cr_assert_eq(yard.sent_count, 1);
    cr_expect_eq(packet_of(last(&yard)).type, WR_PACKET_LEASE_PRESENT);
    cr_expect_not(packet_of(last(&yard)).has_cookie, "the owner's cookie is of no use here");
    run(&yard, 2990 * WR_MS);
    cr_expect_eq(yard.sent_count, 1);
    run(&yard, 3 * WR_S);
    cr_assert_eq(yard.sent_count, 2);
    cr_expect_eq(packet_of(last(&yard)).sequence, 1001);
    owner_forwards(&yard, 3 * WR_S, 1050);
    run(&yard, 3010 * WR_MS);
    cr_expect_eq(packet_of(last(&yard)).sequence, 1051, "and tries to keep it");
    relay_answers(&yard, &spec.address, false, NULL);
    owner_forwards(&yard, 3 * WR_S, 1052);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->received, 1);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_thief_with_a_cookie_waits_only_a_second)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_THIEF);
    spec.echoes_cookies = true;
    open_yard(&yard, spec);
    owner_presents(&yard, 0, NULL);
    run(&yard, 0);
    relay_answers(&yard, &spec.address, false, own_cookie);
    run(&yard, 1 * WR_S);
    cr_expect_eq(packet_of(last(&yard)).type, WR_PACKET_LEASE_RENEW);
    run(&yard, 2 * WR_S);
    cr_expect_eq(packet_of(last(&yard)).type, WR_PACKET_LEASE_RENEW, "no FORWARD was ever seen");
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_thief_stays_a_candidate_while_it_waits)
{
    struct yard yard;
    open_yard(&yard, attack(SIM_ATTACK_THIEF));
    owner_presents(&yard, 0, NULL);
    for (uint64_t ms = 0; ms <= 25000; ms += 100) {
        owner_forwards(&yard, ms * WR_MS, ms);
        run(&yard, ms * WR_MS);
    }
    cr_expect_eq(yard.sent_count, 3, "every 10 s");
    sim_attacker_destroy(yard.attacker);
}

/* ---- Copies by order ------------------------------------------------------------------------- */

static struct sim_action copy_action(enum sim_copy copy, enum sim_packet packet)
{
    return (struct sim_action){.kind = SIM_DO_COPY,
                               .copy = copy,
                               .packet = packet,
                               .roles = SIM_ROLE_BIT(WR_ROLE_CLIENT),
                               .count = 1};
}

Test(attacker, copies_the_latest_packet_of_a_kind)
{
    struct yard yard;
    struct sim_action action = copy_action(SIM_COPY_LATEST, SIM_PACKET_FORWARD);
    open_yard(&yard, attack(SIM_ATTACK_ON_PATH));
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard.sent_count, 0);
    owner_forwards(&yard, 0, 3);
    owner_forwards(&yard, 0, 4);
    owner_presents(&yard, 0, own_cookie);
    action.count = 2;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_assert_eq(yard.sent_count, 2);
    cr_expect_eq(packet_of(last(&yard)).sequence, 4);
    cr_expect(wr_address_equal(&last(&yard)->from, &yard.spec.address));
    action = copy_action(SIM_COPY_LATEST, SIM_PACKET_ANY);
    action.source = SIM_SOURCE_VICTIM;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(packet_of(last(&yard)).type, WR_PACKET_LEASE_PRESENT);
    cr_expect_eq(last(&yard)->from.port, 5000);
    action.roles = SIM_ROLE_BIT(WR_ROLE_SERVER);
    uint32_t mark = yard.sent_count;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard.sent_count, mark);
    cr_expect_eq(sim_attacker_next_deadline(yard.attacker), WR_NEVER);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_copy_that_overtakes_holds_the_original_back)
{
    struct yard yard;
    struct sim_action action = copy_action(SIM_COPY_OVERTAKE, SIM_PACKET_PRESENT);
    action.value_ns = 300 * WR_MS;
    open_yard(&yard, attack(SIM_ATTACK_ON_PATH));
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(owner_forwards(&yard, 1, 1), 0);
    cr_expect_eq(owner_presents(&yard, 2, NULL), 300 * WR_MS);
    cr_expect_eq(yard.sent_count, 1);
    cr_expect_eq(owner_presents(&yard, 3, NULL), 0, "one was ordered");
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_copy_that_follows_comes_later)
{
    struct yard yard;
    struct sim_action action = copy_action(SIM_COPY_FOLLOW, SIM_PACKET_ANY);
    action.value_ns = 100 * WR_MS;
    action.count = 100;
    open_yard(&yard, attack(SIM_ATTACK_ON_PATH));
    sim_attacker_copy(yard.attacker, 0, &action);
    for (uint64_t i = 0; i < 70; i++)
        cr_expect_eq(owner_forwards(&yard, i, i), 0);
    run(&yard, 100 * WR_MS - 1);
    cr_expect_eq(yard.sent_count, 0);
    run(&yard, 100 * WR_MS);
    cr_expect_eq(yard.sent_count, 1);
    action.value_ns = 50 * WR_MS;
    sim_attacker_copy(yard.attacker, 0, &action);
    run(&yard, 1 * WR_S);
    cr_expect_eq(yard.sent_count, 64, "as many as it can remember");
    owner_forwards(&yard, 2 * WR_S, 90);
    action.value_ns = 10 * WR_MS;
    sim_attacker_copy(yard.attacker, 2 * WR_S, &action);
    owner_forwards(&yard, 2 * WR_S, 91);
    run(&yard, 3 * WR_S);
    cr_expect_eq(packet_of(&yard.sent[64]).sequence, 91, "in order of time");
    cr_expect_eq(packet_of(&yard.sent[65]).sequence, 90);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_copy_carries_the_cookie_it_is_told_to)
{
    static const uint8_t theirs[WR_COOKIE_BYTES] = {0x77};
    struct yard yard;
    struct sim_action action = copy_action(SIM_COPY_LATEST, SIM_PACKET_PRESENT);
    open_yard(&yard, attack(SIM_ATTACK_ON_PATH));
    owner_presents(&yard, 0, theirs);
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(packet_of(last(&yard)).cookie[0], 0x77);
    action.cookie = SIM_COOKIE_OWN;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_not(packet_of(last(&yard)).has_cookie, "it has none yet");
    relay_answers(&yard, &yard.spec.address, false, own_cookie);
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(packet_of(last(&yard)).cookie[0], 0xc0);
    action.cookie = SIM_COOKIE_NONE;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_not(packet_of(last(&yard)).has_cookie);
    cr_expect_eq(packet_of(last(&yard)).token_bytes, 5);

    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size =
        wr_wire_encode_renew(out, sizeof out, &yard.session, WR_ROLE_CLIENT, NULL, 0, theirs);
    owner_says(&yard, 0, out, size);
    action = copy_action(SIM_COPY_LATEST, SIM_PACKET_RENEW);
    action.cookie = SIM_COOKIE_OWN;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(packet_of(last(&yard)).cookie[0], 0xc0);
    owner_forwards(&yard, 0, 5);
    action.packet = SIM_PACKET_FORWARD;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(packet_of(last(&yard)).sequence, 5, "a FORWARD has no cookie to change");
    sim_attacker_destroy(yard.attacker);
}

/* ---- The rest -------------------------------------------------------------------------------- */

Test(attacker, begins_and_ends_when_told)
{
    struct yard yard;
    struct sim_attacker_spec spec = attack(SIM_ATTACK_SESSION_GUESS);
    spec.start_ns = WR_NEVER;
    open_yard(&yard, spec);
    cr_expect_eq(sim_attacker_next_deadline(yard.attacker), WR_NEVER);
    sim_attacker_start(yard.attacker, 5 * WR_S, 6 * WR_S);
    run(&yard, 10 * WR_S);
    cr_expect_eq(yard.sent_count, 100);
    sim_attacker_start(yard.attacker, 11 * WR_S, WR_NEVER);
    run(&yard, 12 * WR_S - 1);
    sim_attacker_stop(yard.attacker);
    run(&yard, 20 * WR_S);
    cr_expect_eq(yard.sent_count, 200);
    sim_attacker_destroy(yard.attacker);
    spec.rate_pps = 0;
    spec.start_ns = 0;
    open_yard(&yard, spec);
    cr_expect_eq(sim_attacker_next_deadline(yard.attacker), WR_NEVER);
    sim_attacker_destroy(yard.attacker);
    sim_attacker_destroy(NULL);
}

Test(attacker, counts_what_comes_to_its_addresses)
{
    struct yard yard;
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    open_yard(&yard, attack(SIM_ATTACK_ON_PATH));
    uint32_t size =
        wr_wire_encode_sequence(out, sizeof out, &yard.session, 1, (const uint8_t *)"0123", 4);
    sim_attacker_receive(yard.attacker, 0, &yard.spec.address, out, size);
    sim_attacker_receive(yard.attacker, 0, &yard.spec.address, out, 3);
    size = wr_wire_encode_renew(out, sizeof out, &yard.session, WR_ROLE_CLIENT, NULL, 0, NULL);
    sim_attacker_receive(yard.attacker, 0, &yard.spec.address, out, size);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->received, 3);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->forwards_received, 1);
    cr_expect_eq(owner_says(&yard, 0, out, 0), 0);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->seen, 0);
    cr_expect(sim_attacker_owns(yard.attacker, &yard.spec.address));
    struct wr_address next = v4(203, 0, 113, 67, 6666);
    cr_expect_not(sim_attacker_owns(yard.attacker, &next));
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, the_same_seed_does_the_same)
{
    struct yard one, two;
    static struct sent first[64];
    struct sim_attacker_spec spec = attack(SIM_ATTACK_SPOOFED_FLOOD);
    spec.packet = SIM_PACKET_ANY;
    spec.sources = 1000000;
    open_yard(&one, spec);
    run(&one, 500 * WR_MS);
    uint32_t count = one.sent_count;
    memcpy(first, one.sent, count * sizeof *first);
    open_yard(&two, spec);
    run(&two, 500 * WR_MS);
    cr_assert_eq(two.sent_count, count);
    for (uint32_t i = 0; i < count; i++) {
        cr_expect(wr_address_equal(&first[i].from, &two.sent[i].from));
        cr_assert_eq(first[i].size, two.sent[i].size);
        cr_expect_eq(memcmp(first[i].bytes, two.sent[i].bytes, first[i].size), 0);
    }
    sim_attacker_destroy(one.attacker);
    sim_attacker_destroy(two.attacker);
}
