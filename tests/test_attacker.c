#include <criterion/criterion.h>

#include "address.h"
#include "attacker_yard.h"
#include "claims.h"
#include "paseto.h"

#include <string.h>

/* ---- Floods ---------------------------------------------------------------------------------- */

Test(attacker, a_spoofed_flood_comes_from_as_many_addresses_as_told)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_SPOOFED_FLOOD);
    static bool seen[1000];
    spec.packet = SIM_PACKET_RENEW;
    spec.sources = 1000;
    spec.address = yard_v4(10, 0, 255, 0, 1000);
    spec.rate_pps = 4000;
    spec.stop_ns = 1 * WR_S;
    yard_open(&yard, spec);
    yard_run(&yard, 10 * WR_S);
    cr_expect_eq(yard.sent_count, 4000);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->sent, 4000);
    uint32_t different = 0;
    for (uint32_t i = 0; i < yard.sent_count; i++) {
        const uint8_t *ip = yard.sent[i].from.ip + 12;
        uint32_t number = ((uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3]) - 0xff00;
        cr_assert_lt(number, 1000);
        different += !seen[number];
        seen[number] = true;
        cr_assert_eq(yard_packet(&yard.sent[i]).type, WR_PACKET_LEASE_RENEW);
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
        struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_SPOOFED_FLOOD);
        spec.packet = (enum sim_packet)kind;
        spec.sources = 0;
        yard_open(&yard, spec);
        yard_run(&yard, 1 * WR_S);
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
        struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_LEASE_FLOOD);
        spec.token = (enum sim_token)kind;
        spec.sources = 3;
        yard_open(&yard, spec);
        yard_run(&yard, 1 * WR_S);
        cr_assert_eq(yard.sent_count, 101);
        struct wr_packet first = yard_packet(&yard.sent[0]);
        struct wr_packet second = yard_packet(&yard.sent[1]);
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
            cr_expect_gt(claims.expires_unix_ms, YARD_WALL);
        }
        sim_attacker_destroy(yard.attacker);
    }
}

Test(attacker, no_lease_to_be_had_is_no_datagram)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_LEASE_FLOOD);
    spec.token = SIM_TOKEN_VALID;
    yard_open(&yard, spec);
    yard.no_leases = true;
    yard_run(&yard, 1 * WR_S);
    cr_expect_eq(yard.sent_count, 0);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_lease_flood_may_name_a_live_session_and_come_back_with_its_cookie)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_LEASE_FLOOD);
    spec.names_live_session = true;
    spec.echoes_cookies = true;
    yard_open(&yard, spec);
    yard_run(&yard, 0);
    struct wr_packet packet = yard_packet(yard_last(&yard));
    cr_expect_eq(memcmp(&packet.session, &yard.session, 16), 0);
    yard_relay_answers(&yard, &spec.address, true, yard_cookie);
    packet = yard_packet(yard_last(&yard));
    cr_assert(packet.has_cookie);
    cr_expect_eq(memcmp(packet.cookie, yard_cookie, 16), 0);
    uint32_t mark = yard.sent_count;
    yard_relay_answers(&yard, &spec.address, true, NULL);
    yard_relay_answers(&yard, &spec.address, false, yard_cookie);
    cr_expect_eq(yard.sent_count, mark);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, guessed_sessions_are_all_different)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_SESSION_GUESS);
    spec.sources = 4;
    spec.bytes = 5000;
    yard_open(&yard, spec);
    yard_run(&yard, 0);
    cr_expect_eq(yard_last(&yard)->size, WR_DATAGRAM_BYTES_MAX);
    sim_attacker_destroy(yard.attacker);
    spec.bytes = 1;
    yard_open(&yard, spec);
    yard_run(&yard, 0);
    cr_expect_eq(yard_packet(yard_last(&yard)).type, WR_PACKET_FORWARD);
    sim_attacker_destroy(yard.attacker);
    spec.bytes = 200;
    yard_open(&yard, spec);
    yard_run(&yard, 100 * WR_MS);
    for (uint32_t i = 1; i < yard.sent_count; i++) {
        struct wr_packet before = yard_packet(&yard.sent[i - 1]);
        struct wr_packet packet = yard_packet(&yard.sent[i]);
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
        struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_REFLECTION);
        spec.packet = SIM_PACKET_PRESENT;
        spec.session = live ? 0 : SIM_NONE;
        yard_open(&yard, spec);
        yard_run(&yard, 0);
        cr_expect(wr_address_equal(&yard_last(&yard)->from, &yard.victim));
        struct wr_packet packet = yard_packet(yard_last(&yard));
        cr_expect_eq(memcmp(&packet.session, &yard.session, 16) == 0, live == 1);
        sim_attacker_destroy(yard.attacker);
    }
}

Test(attacker, a_forged_lease_is_well_formed_though_no_session_is_known)
{
    struct sim_forge forge;
    struct wr_token token;
    struct wr_claims claims;
    static const struct wr_session_id nil;
    uint8_t text[SIM_FORGE_TOKEN_BYTES_MAX];
    sim_forge_init(&forge, 3, "mallory", SIM_TOKEN_FORGED, "relay-a", "k1", &nil, YARD_WALL);
    cr_assert(wr_token_decode(text, sim_forge_token(&forge, text), &token));
    cr_expect(wr_claims_decode(token.payload, token.payload_bytes, &claims));
}

/* ---- On the path ----------------------------------------------------------------------------- */

Test(attacker, replays_what_it_saw_round_and_round)
{
    for (int as_victim = 0; as_victim < 2; as_victim++) {
        struct yard yard;
        struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_REPLAY);
        spec.source = as_victim ? SIM_SOURCE_VICTIM : SIM_SOURCE_OWN;
        yard_open(&yard, spec);
        yard_run(&yard, 0);
        cr_expect_eq(yard.sent_count, 0, "it has seen nothing yet");
        yard_owner_presents(&yard, 1, NULL);
        yard_owner_forwards(&yard, 2, 7);
        yard_owner_forwards(&yard, 3, 8);
        yard_run(&yard, 30 * WR_MS);
        cr_assert_eq(yard.sent_count, 3);
        cr_expect_eq(yard_packet(&yard.sent[0]).sequence, 7);
        cr_expect_eq(yard_packet(&yard.sent[1]).sequence, 8);
        cr_expect_eq(yard_packet(&yard.sent[2]).sequence, 7);
        struct wr_address owner = yard_v4(198, 51, 100, 5, 5000);
        cr_expect_eq(wr_address_equal(&yard.sent[0].from, &owner), as_victim == 1);
        sim_attacker_destroy(yard.attacker);
    }
}

Test(attacker, a_replayer_may_echo_the_cookie_it_is_sent)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_REPLAY);
    spec.packet = SIM_PACKET_PRESENT;
    spec.echoes_cookies = true;
    yard_open(&yard, spec);
    yard_relay_answers(&yard, &spec.address, false, yard_cookie);
    struct wr_packet echo = yard_packet(yard_last(&yard));
    cr_expect_eq(echo.type, WR_PACKET_LEASE_RENEW);
    cr_expect_eq(memcmp(echo.cookie, yard_cookie, 16), 0);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->cookies_echoed, 1);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, keeps_the_latest_64_captures)
{
    struct yard yard;
    yard_open(&yard, yard_attack(SIM_ATTACK_REPLAY));
    for (uint64_t sequence = 0; sequence < 100; sequence++)
        yard_owner_forwards(&yard, sequence, sequence);
    yard_run(&yard, 1 * WR_S);
    for (uint32_t i = 0; i < yard.sent_count; i++)
        cr_expect_geq(yard_packet(&yard.sent[i]).sequence, 36);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, poisons_the_window_ahead_of_what_it_saw)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_WINDOW_POISON);
    spec.ahead = 1000000;
    spec.source = SIM_SOURCE_VICTIM;
    yard_open(&yard, spec);
    yard_run(&yard, 0);
    cr_expect_eq(yard.sent_count, 0);
    yard_owner_forwards(&yard, 1, 500);
    yard_owner_forwards(&yard, 1, 400);
    yard_run(&yard, 30 * WR_MS);
    cr_assert_eq(yard.sent_count, 3);
    for (uint64_t i = 0; i < 3; i++)
        cr_expect_eq(yard_packet(&yard.sent[i]).sequence, 1000500 + i, "three move the window");
    cr_expect_eq(yard.sent[0].from.port, 5000);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, speaks_rift_where_the_owner_does)
{
    struct yard yard;
    uint8_t rift[64] = {0};
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    yard_open(&yard, yard_attack(SIM_ATTACK_WINDOW_POISON));
    wr_rift_encode_transport(rift, 1, 0);
    uint32_t size = wr_wire_encode_forward(out, sizeof out, &yard.session, 0, rift, 40);
    yard_owner_says(&yard, 0, out, size);
    yard_run(&yard, 0);
    cr_expect_eq(yard.sent_count, 0, "id 0 is exempt and says nothing about the window");
    wr_rift_encode_transport(rift, 1, 77);
    size = wr_wire_encode_forward(out, sizeof out, &yard.session, 0, rift, 40);
    yard_owner_says(&yard, 0, out, size);
    yard_run(&yard, 10 * WR_MS);
    cr_expect(yard_packet(yard_last(&yard)).is_rift);
    cr_expect_eq(yard_packet(yard_last(&yard)).sequence, 77);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_thief_presents_waits_for_a_pause_and_goes_ahead_of_its_owner)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_THIEF);
    yard_open(&yard, spec);
    yard_run(&yard, 0);
    cr_expect_eq(yard.sent_count, 0);
    yard_owner_presents(&yard, 1, yard_cookie);
    for (uint64_t ms = 0; ms <= 1000; ms += 10) {
        yard_owner_forwards(&yard, ms * WR_MS, ms);
        yard_run(&yard, ms * WR_MS);
    }
    cr_assert_eq(yard.sent_count, 1);
    cr_expect_eq(yard_packet(yard_last(&yard)).type, WR_PACKET_LEASE_PRESENT);
    cr_expect_not(yard_packet(yard_last(&yard)).has_cookie, "the owner's cookie is of no use here");
    yard_run(&yard, 2990 * WR_MS);
    cr_expect_eq(yard.sent_count, 1);
    yard_run(&yard, 3 * WR_S);
    cr_assert_eq(yard.sent_count, 2);
    cr_expect_eq(yard_packet(yard_last(&yard)).sequence, 1001);
    yard_owner_forwards(&yard, 3 * WR_S, 1050);
    yard_run(&yard, 3010 * WR_MS);
    cr_expect_eq(yard_packet(yard_last(&yard)).sequence, 1051, "and tries to keep it");
    yard_relay_answers(&yard, &spec.address, false, NULL);
    yard_owner_forwards(&yard, 3 * WR_S, 1052);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->received, 1);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_thief_with_a_cookie_waits_only_a_second)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_THIEF);
    spec.echoes_cookies = true;
    yard_open(&yard, spec);
    yard_owner_presents(&yard, 0, NULL);
    yard_run(&yard, 0);
    yard_relay_answers(&yard, &spec.address, false, yard_cookie);
    yard_run(&yard, 1 * WR_S);
    cr_expect_eq(yard_packet(yard_last(&yard)).type, WR_PACKET_LEASE_RENEW);
    yard_run(&yard, 2 * WR_S);
    cr_expect_eq(yard_packet(yard_last(&yard)).type, WR_PACKET_LEASE_RENEW,
                 "no FORWARD was ever seen");
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_thief_stays_a_candidate_while_it_waits)
{
    struct yard yard;
    yard_open(&yard, yard_attack(SIM_ATTACK_THIEF));
    yard_owner_presents(&yard, 0, NULL);
    for (uint64_t ms = 0; ms <= 25000; ms += 100) {
        yard_owner_forwards(&yard, ms * WR_MS, ms);
        yard_run(&yard, ms * WR_MS);
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
    yard_open(&yard, yard_attack(SIM_ATTACK_ON_PATH));
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard.sent_count, 0);
    yard_owner_forwards(&yard, 0, 3);
    yard_owner_forwards(&yard, 0, 4);
    yard_owner_presents(&yard, 0, yard_cookie);
    action.count = 2;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_assert_eq(yard.sent_count, 2);
    cr_expect_eq(yard_packet(yard_last(&yard)).sequence, 4);
    cr_expect(wr_address_equal(&yard_last(&yard)->from, &yard.spec.address));
    action = copy_action(SIM_COPY_LATEST, SIM_PACKET_ANY);
    action.source = SIM_SOURCE_VICTIM;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard_packet(yard_last(&yard)).type, WR_PACKET_LEASE_PRESENT);
    cr_expect_eq(yard_last(&yard)->from.port, 5000);
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
    yard_open(&yard, yard_attack(SIM_ATTACK_ON_PATH));
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard_owner_forwards(&yard, 1, 1), 0);
    cr_expect_eq(yard_owner_presents(&yard, 2, NULL), 300 * WR_MS);
    cr_expect_eq(yard.sent_count, 1);
    cr_expect_eq(yard_owner_presents(&yard, 3, NULL), 0, "one was ordered");
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_copy_that_follows_comes_later)
{
    struct yard yard;
    struct sim_action action = copy_action(SIM_COPY_FOLLOW, SIM_PACKET_ANY);
    action.value_ns = 100 * WR_MS;
    action.count = 100;
    yard_open(&yard, yard_attack(SIM_ATTACK_ON_PATH));
    sim_attacker_copy(yard.attacker, 0, &action);
    for (uint64_t i = 0; i < 70; i++)
        cr_expect_eq(yard_owner_forwards(&yard, i, i), 0);
    yard_run(&yard, 100 * WR_MS - 1);
    cr_expect_eq(yard.sent_count, 0);
    yard_run(&yard, 100 * WR_MS);
    cr_expect_eq(yard.sent_count, 1);
    action.value_ns = 50 * WR_MS;
    sim_attacker_copy(yard.attacker, 0, &action);
    yard_run(&yard, 1 * WR_S);
    cr_expect_eq(yard.sent_count, 64, "as many as it can remember");
    yard_owner_forwards(&yard, 2 * WR_S, 90);
    action.value_ns = 10 * WR_MS;
    sim_attacker_copy(yard.attacker, 2 * WR_S, &action);
    yard_owner_forwards(&yard, 2 * WR_S, 91);
    yard_run(&yard, 3 * WR_S);
    cr_expect_eq(yard_packet(&yard.sent[64]).sequence, 91, "in order of time");
    cr_expect_eq(yard_packet(&yard.sent[65]).sequence, 90);
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, a_copy_carries_the_cookie_it_is_told_to)
{
    static const uint8_t theirs[WR_COOKIE_BYTES] = {0x77};
    struct yard yard;
    struct sim_action action = copy_action(SIM_COPY_LATEST, SIM_PACKET_PRESENT);
    yard_open(&yard, yard_attack(SIM_ATTACK_ON_PATH));
    yard_owner_presents(&yard, 0, theirs);
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard_packet(yard_last(&yard)).cookie[0], 0x77);
    action.cookie = SIM_COOKIE_OWN;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_not(yard_packet(yard_last(&yard)).has_cookie, "it has none yet");
    yard_relay_answers(&yard, &yard.spec.address, false, yard_cookie);
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard_packet(yard_last(&yard)).cookie[0], 0xc0);
    action.cookie = SIM_COOKIE_NONE;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_not(yard_packet(yard_last(&yard)).has_cookie);
    cr_expect_eq(yard_packet(yard_last(&yard)).token_bytes, 5);

    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size =
        wr_wire_encode_renew(out, sizeof out, &yard.session, WR_ROLE_CLIENT, NULL, 0, theirs);
    yard_owner_says(&yard, 0, out, size);
    action = copy_action(SIM_COPY_LATEST, SIM_PACKET_RENEW);
    action.cookie = SIM_COOKIE_OWN;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard_packet(yard_last(&yard)).cookie[0], 0xc0);
    yard_owner_forwards(&yard, 0, 5);
    action.packet = SIM_PACKET_FORWARD;
    sim_attacker_copy(yard.attacker, 0, &action);
    cr_expect_eq(yard_packet(yard_last(&yard)).sequence, 5, "a FORWARD has no cookie to change");
    sim_attacker_destroy(yard.attacker);
}

/* ---- The rest -------------------------------------------------------------------------------- */

Test(attacker, begins_and_ends_when_told)
{
    struct yard yard;
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_SESSION_GUESS);
    spec.start_ns = WR_NEVER;
    yard_open(&yard, spec);
    cr_expect_eq(sim_attacker_next_deadline(yard.attacker), WR_NEVER);
    sim_attacker_start(yard.attacker, 5 * WR_S, 6 * WR_S);
    yard_run(&yard, 10 * WR_S);
    cr_expect_eq(yard.sent_count, 100);
    sim_attacker_start(yard.attacker, 11 * WR_S, WR_NEVER);
    yard_run(&yard, 12 * WR_S - 1);
    sim_attacker_stop(yard.attacker);
    yard_run(&yard, 20 * WR_S);
    cr_expect_eq(yard.sent_count, 200);
    sim_attacker_destroy(yard.attacker);
    spec.rate_pps = 0;
    spec.start_ns = 0;
    yard_open(&yard, spec);
    cr_expect_eq(sim_attacker_next_deadline(yard.attacker), WR_NEVER);
    sim_attacker_destroy(yard.attacker);
    sim_attacker_destroy(NULL);
}

Test(attacker, counts_what_comes_to_its_addresses)
{
    struct yard yard;
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    yard_open(&yard, yard_attack(SIM_ATTACK_ON_PATH));
    uint32_t size =
        wr_wire_encode_sequence(out, sizeof out, &yard.session, 1, (const uint8_t *)"0123", 4);
    sim_attacker_receive(yard.attacker, 0, &yard.spec.address, out, size);
    sim_attacker_receive(yard.attacker, 0, &yard.spec.address, out, 3);
    size = wr_wire_encode_renew(out, sizeof out, &yard.session, WR_ROLE_CLIENT, NULL, 0, NULL);
    sim_attacker_receive(yard.attacker, 0, &yard.spec.address, out, size);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->received, 3);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->forwards_received, 1);
    cr_expect_eq(yard_owner_says(&yard, 0, out, 0), 0);
    cr_expect_eq(sim_attacker_counts(yard.attacker)->seen, 0);
    cr_expect(sim_attacker_owns(yard.attacker, &yard.spec.address));
    struct wr_address next = yard_v4(203, 0, 113, 67, 6666);
    cr_expect_not(sim_attacker_owns(yard.attacker, &next));
    sim_attacker_destroy(yard.attacker);
}

Test(attacker, the_same_seed_does_the_same)
{
    struct yard one, two;
    static struct sent first[64];
    struct sim_attacker_spec spec = yard_attack(SIM_ATTACK_SPOOFED_FLOOD);
    spec.packet = SIM_PACKET_ANY;
    spec.sources = 1000000;
    yard_open(&one, spec);
    yard_run(&one, 500 * WR_MS);
    uint32_t count = one.sent_count;
    memcpy(first, one.sent, count * sizeof *first);
    yard_open(&two, spec);
    yard_run(&two, 500 * WR_MS);
    cr_assert_eq(two.sent_count, count);
    for (uint32_t i = 0; i < count; i++) {
        cr_expect(wr_address_equal(&first[i].from, &two.sent[i].from));
        cr_assert_eq(first[i].size, two.sent[i].size);
        cr_expect_eq(memcmp(first[i].bytes, two.sent[i].bytes, first[i].size), 0);
    }
    sim_attacker_destroy(one.attacker);
    sim_attacker_destroy(two.attacker);
}
