#include <criterion/criterion.h>

#include "claims.h"
#include "master.h"
#include "paseto.h"
#include "signing_key.h"

#include <stdio.h>
#include <string.h>

#define WALL UINT64_C(1795000000000)

/* A world of one master, three keys and two relays. */
struct stage {
    struct sim_key_spec keys[3];
    struct sim_relay_spec relays[2];
    struct sim_master_spec master_spec;
    struct sim_scenario scenario;
    struct sim_lease_spec lease;
    struct wr_session_id session;
    struct sim_master *master;
};

static void open_stage(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    stage->keys[0] = (struct sim_key_spec){.name = "first", .kid = "k1"};
    stage->keys[1] = (struct sim_key_spec){.name = "second", .kid = "k2"};
    stage->keys[2] = (struct sim_key_spec){.name = "first reborn", .kid = "k1"};
    for (int i = 0; i < 2; i++) {
        stage->relays[i].config.relay_id = i == 0 ? "relay-a" : "relay-b";
        stage->relays[i].max_bitrate_kbps = 20000;
    }
    stage->master_spec = (struct sim_master_spec){.name = "m",
                                                  .signs_with = 0,
                                                  .publishes = 0,
                                                  .answer_delay_ns = 20 * WR_MS,
                                                  .heartbeat_interval_ns = 5 * WR_S,
                                                  .leases_per_minute = 10};
    stage->scenario = (struct sim_scenario){.keys = stage->keys,
                                            .key_count = 3,
                                            .relays = stage->relays,
                                            .relay_count = 2,
                                            .masters = &stage->master_spec,
                                            .master_count = 1};
    stage->lease = (struct sim_lease_spec){.ttl_ns = 900 * WR_S,
                                           .has_issued = true,
                                           .has_not_before = true,
                                           .soft_kbps = 50000,
                                           .hard_kbps = 100000,
                                           .key = SIM_NONE};
    stage->session = sim_session_id("a session");
    stage->master = sim_master_create(&stage->scenario, 0, 7);
    cr_assert_not_null(stage->master);
}

static struct sim_lease_reply lease_at(struct stage *stage, wr_instant now, const char *identity,
                                       bool first)
{
    struct sim_lease_reply reply;
    struct sim_lease_request request = {.identity = identity,
                                        .session = &stage->session,
                                        .role = WR_ROLE_SERVER,
                                        .spec = &stage->lease,
                                        .first = first,
                                        .wall_unix_ms = WALL + now / WR_MS};
    sim_master_lease(stage->master, now, &request, &reply);
    return reply;
}

/* Reads the token with the core's own eyes, which must find it well-formed. */
static struct wr_claims claims_of(const struct sim_lease_reply *reply)
{
    struct wr_token token;
    struct wr_claims claims;
    cr_assert_eq(reply->result, SIM_LEASE_GRANTED);
    cr_assert(wr_token_decode(reply->token, reply->token_bytes, &token));
    cr_assert(wr_claims_decode(token.payload, token.payload_bytes, &claims));
    return claims;
}

static bool signed_with(const struct sim_lease_reply *reply, const char *key_name)
{
    struct wr_token token;
    struct sim_signing_key key;
    cr_assert(wr_token_decode(reply->token, reply->token_bytes, &token));
    sim_signing_key_derive(key_name, &key);
    return wr_token_verify(&token, key.public_key);
}

static struct sim_master_reply ask(struct stage *stage, wr_instant now,
                                   enum wr_master_request_kind kind, uint32_t load_pct)
{
    struct wr_master_request request = {.kind = kind, .load_pct = load_pct, .id = 1};
    return sim_master_request(stage->master, now, 0, &request);
}

Test(sim_master, signs_real_leases)
{
    struct stage stage;
    open_stage(&stage);
    struct sim_lease_reply reply = lease_at(&stage, 0, "alice", true);
    struct wr_claims claims = claims_of(&reply);
    cr_expect(signed_with(&reply, "first"));
    cr_expect_not(signed_with(&reply, "second"));
    cr_expect_eq(claims.sub_bytes, 5);
    cr_expect_eq(memcmp(claims.sub, "alice", 5), 0);
    cr_expect_eq(memcmp(claims.rid, "relay-a", 7), 0);
    cr_expect_eq(memcmp(claims.kid, "k1", 2), 0);
    cr_expect_eq(memcmp(&claims.session, &stage.session, 16), 0);
    cr_expect_eq(claims.role, WR_ROLE_SERVER);
    cr_expect_eq(claims.issued_unix_ms, WALL);
    cr_expect_eq(claims.not_before_unix_ms, WALL);
    cr_expect_eq(claims.expires_unix_ms, WALL + 900000);
    cr_expect_eq(claims.soft_limit_kbps, 50000);
    cr_expect_eq(claims.hard_limit_kbps, 100000);
    cr_expect_eq(reply.lifetime_ns, 900 * WR_S);
    cr_expect_eq(reply.expires_unix_ms, WALL + 900000);
    cr_expect_eq(reply.delay_ns, 20 * WR_MS);
    sim_master_destroy(stage.master);
}

Test(sim_master, grants_every_wish_a_scenario_has)
{
    struct stage stage;
    open_stage(&stage);
    stage.lease.issued_offset_ms = 60000;
    stage.lease.not_before_offset_ms = -5000;
    stage.lease.key = 1;
    stage.lease.kid = "another";
    stage.lease.relay_id = "elsewhere";
    stage.lease.identity = "bob";
    stage.lease.session_name = "another session";
    stage.lease.role_given = true;
    stage.lease.role = WR_ROLE_CLIENT;
    struct sim_lease_reply reply = lease_at(&stage, 0, "alice", true);
    struct wr_claims claims = claims_of(&reply);
    struct wr_session_id other = sim_session_id("another session");
    cr_expect(signed_with(&reply, "second"));
    cr_expect_eq(memcmp(claims.kid, "another", 7), 0);
    cr_expect_eq(memcmp(claims.rid, "elsewhere", 9), 0);
    cr_expect_eq(memcmp(claims.sub, "bob", 3), 0);
    cr_expect_eq(memcmp(&claims.session, &other, 16), 0);
    cr_expect_eq(claims.role, WR_ROLE_CLIENT);
    cr_expect_eq(claims.issued_unix_ms, WALL + 60000);
    cr_expect_eq(claims.not_before_unix_ms, WALL - 5000);
    cr_expect_eq(claims.expires_unix_ms, WALL + 960000, "900 s from the issue that it claims");
    cr_expect_eq(reply.expires_unix_ms, WALL + 960000);
    cr_expect_eq(reply.lifetime_ns, 960 * WR_S);
    stage.lease.issued_offset_ms = -1000000;
    cr_expect_eq(lease_at(&stage, 0, "alice", true).lifetime_ns, 0, "it has expired");
    sim_master_destroy(stage.master);
}

Test(sim_master, leaves_out_what_it_is_told_to)
{
    struct stage stage;
    open_stage(&stage);
    stage.lease.has_issued = stage.lease.has_not_before = false;
    stage.lease.kid = "";
    struct sim_lease_reply reply = lease_at(&stage, 0, "alice", true);
    struct wr_claims claims = claims_of(&reply);
    cr_expect_not(claims.has_issued);
    cr_expect_not(claims.has_not_before);
    cr_expect_not(claims.has_kid);
    stage.lease.has_issued = true;
    stage.lease.issued_offset_ms = INT64_MIN / 2;
    reply = lease_at(&stage, 0, "alice", true);
    cr_expect_eq(reply.issued_unix_ms, 0, "not before 1970");
    sim_master_destroy(stage.master);
}

Test(sim_master, wishes_for_the_first_lease_end_with_it)
{
    struct stage stage;
    open_stage(&stage);
    stage.lease.scope = SIM_LEASE_FIRST;
    stage.lease.relay_id = "elsewhere";
    stage.lease.signature_spoiled = true;
    stage.lease.hard_kbps = 60000;
    struct sim_lease_reply first = lease_at(&stage, 0, "alice", true);
    cr_expect_eq(memcmp(claims_of(&first).rid, "elsewhere", 9), 0);
    cr_expect_not(signed_with(&first, "first"));
    struct sim_lease_reply second = lease_at(&stage, 1 * WR_S, "alice", false);
    cr_expect_eq(memcmp(claims_of(&second).rid, "relay-a", 7), 0);
    cr_expect(signed_with(&second, "first"));
    cr_expect_eq(claims_of(&second).hard_limit_kbps, 60000, "limits are no mistake");
    sim_master_destroy(stage.master);
}

Test(sim_master, a_spoiled_signature_is_well_formed_and_wrong)
{
    struct stage stage;
    open_stage(&stage);
    stage.lease.signature_spoiled = true;
    struct sim_lease_reply reply = lease_at(&stage, 0, "alice", false);
    claims_of(&reply);
    cr_expect_not(signed_with(&reply, "first"));
    sim_master_destroy(stage.master);
}

Test(sim_master, ten_leases_of_one_user_in_a_minute)
{
    struct stage stage;
    open_stage(&stage);
    for (uint64_t s = 0; s < 10; s++)
        cr_expect_eq(lease_at(&stage, s * WR_S, "alice", false).result, SIM_LEASE_GRANTED);
    cr_expect_eq(lease_at(&stage, 10 * WR_S, "alice", false).result, SIM_LEASE_LIMITED);
    cr_expect_eq(lease_at(&stage, 10 * WR_S, "bob", false).result, SIM_LEASE_GRANTED);
    cr_expect_eq(lease_at(&stage, 60 * WR_S - 1, "alice", false).result, SIM_LEASE_LIMITED);
    cr_expect_eq(lease_at(&stage, 60 * WR_S, "alice", false).result, SIM_LEASE_GRANTED);
    cr_expect_eq(lease_at(&stage, 60 * WR_S, "alice", false).result, SIM_LEASE_LIMITED);
    cr_expect_eq(lease_at(&stage, 61 * WR_S, "alice", false).result, SIM_LEASE_GRANTED);
    sim_master_restart(stage.master);
    cr_expect_eq(lease_at(&stage, 61 * WR_S, "alice", false).result, SIM_LEASE_GRANTED);
    sim_master_destroy(stage.master);
}

Test(sim_master, the_quota_holds_for_two_hundred_users)
{
    struct stage stage;
    char name[24];
    open_stage(&stage);
    stage.lease.kid = "";
    for (int user = 0; user < 200; user++)
        for (int n = 0; n < 11; n++) {
            snprintf(name, sizeof name, "user-%d", user);
            enum sim_lease_result result = lease_at(&stage, 0, name, false).result;
            cr_assert_eq(result, n < 10 ? SIM_LEASE_GRANTED : SIM_LEASE_LIMITED);
        }
    sim_master_destroy(stage.master);
}

Test(sim_master, without_a_limit_there_is_none)
{
    struct stage stage;
    open_stage(&stage);
    sim_master_destroy(stage.master);
    stage.master_spec.leases_per_minute = 0;
    stage.master = sim_master_create(&stage.scenario, 0, 7);
    for (int n = 0; n < 30; n++)
        cr_expect_eq(lease_at(&stage, 0, "alice", false).result, SIM_LEASE_GRANTED);
    sim_master_destroy(stage.master);
}

Test(sim_master, takes_relays_in_and_keeps_their_standing)
{
    static const struct {
        uint32_t load_pct;
        enum sim_relay_standing standing;
    } cases[] = {{0, SIM_STANDING_ACTIVE},     {84, SIM_STANDING_ACTIVE},
                 {85, SIM_STANDING_PROBATION}, {94, SIM_STANDING_PROBATION},
                 {95, SIM_STANDING_DEGRADED},  {100, SIM_STANDING_DEGRADED}};
    struct stage stage;
    open_stage(&stage);
    cr_expect_eq(sim_master_standing(stage.master, 0, 0), SIM_STANDING_UNKNOWN);
    cr_expect_eq(ask(&stage, 0, WR_MASTER_HEARTBEAT, 5).answer.status, WR_MASTER_NOT_FOUND);

    struct sim_master_reply reply = ask(&stage, 0, WR_MASTER_REGISTER, 0);
    struct sim_signing_key key;
    sim_signing_key_derive("first", &key);
    cr_expect(reply.answered);
    cr_expect_eq(reply.answer.status, WR_MASTER_OK);
    cr_expect_eq(reply.answer.heartbeat_interval_ms, 5000);
    cr_expect(reply.answer.has_key);
    cr_expect_str_eq(reply.answer.kid, "k1");
    cr_expect_eq(memcmp(reply.answer.public_key, key.public_key, 32), 0);
    cr_expect_eq(sim_master_standing(stage.master, 0, 0), SIM_STANDING_NEW);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(&stage, i * WR_S, WR_MASTER_HEARTBEAT, cases[i].load_pct);
        cr_expect_eq(sim_master_standing(stage.master, i * WR_S, 0), cases[i].standing);
        cr_expect(sim_master_assigns(cases[i].standing));
    }
    wr_instant last = 5 * WR_S;
    cr_expect_eq(sim_master_standing(stage.master, last + 120 * WR_S - 1, 0),
                 SIM_STANDING_DEGRADED);
    cr_expect_eq(sim_master_standing(stage.master, last + 120 * WR_S, 0), SIM_STANDING_QUARANTINED);
    ask(&stage, last + 130 * WR_S, WR_MASTER_HEARTBEAT, 1);
    cr_expect_eq(sim_master_standing(stage.master, last + 130 * WR_S, 0), SIM_STANDING_ACTIVE);
    cr_expect_eq(sim_master_standing(stage.master, last + 730 * WR_S, 0), SIM_STANDING_UNKNOWN);
    cr_expect_eq(ask(&stage, last + 730 * WR_S, WR_MASTER_HEARTBEAT, 1).answer.status,
                 WR_MASTER_NOT_FOUND);
    cr_expect_not(sim_master_assigns(SIM_STANDING_QUARANTINED));
    cr_expect_not(sim_master_assigns(SIM_STANDING_UNKNOWN));
    sim_master_destroy(stage.master);
}

Test(sim_master, a_relay_that_offers_too_little_is_a_bad_request)
{
    struct stage stage;
    open_stage(&stage);
    stage.relays[0].max_bitrate_kbps = 9999;
    cr_expect_eq(ask(&stage, 0, WR_MASTER_REGISTER, 0).answer.status, WR_MASTER_BAD_REQUEST);
    cr_expect_eq(sim_master_standing(stage.master, 0, 0), SIM_STANDING_UNKNOWN);
    sim_master_destroy(stage.master);
}

Test(sim_master, leases_may_need_a_relay_that_is_there)
{
    struct stage stage;
    struct sim_lease_reply reply;
    open_stage(&stage);
    struct sim_lease_request request = {.identity = "alice",
                                        .session = &stage.session,
                                        .relay_must_be_known = true,
                                        .spec = &stage.lease,
                                        .wall_unix_ms = WALL};
    sim_master_lease(stage.master, 0, &request, &reply);
    cr_expect_eq(reply.result, SIM_LEASE_NO_RELAY);
    ask(&stage, 0, WR_MASTER_REGISTER, 0);
    sim_master_lease(stage.master, 0, &request, &reply);
    cr_expect_eq(reply.result, SIM_LEASE_GRANTED);
    sim_master_forget(stage.master, 0);
    sim_master_lease(stage.master, 0, &request, &reply);
    cr_expect_eq(reply.result, SIM_LEASE_NO_RELAY);
    sim_master_destroy(stage.master);
}

Test(sim_master, fails_in_every_way_and_recovers)
{
    static const struct {
        enum sim_master_mode mode;
        bool answered;
        enum wr_master_status status;
        enum sim_lease_result lease;
    } cases[] = {
        {SIM_MASTER_REFUSE, true, WR_MASTER_UNREACHABLE, SIM_LEASE_FAILED},
        {SIM_MASTER_HANG, false, WR_MASTER_OK, SIM_LEASE_NOT_ANSWERED},
        {SIM_MASTER_ERROR, true, WR_MASTER_OTHER, SIM_LEASE_FAILED},
        {SIM_MASTER_UNAUTHORIZED, true, WR_MASTER_UNAUTHORIZED, SIM_LEASE_FAILED},
        {SIM_MASTER_GARBAGE, true, WR_MASTER_GARBAGE, SIM_LEASE_FAILED},
        {SIM_MASTER_WRONG_KEY, true, WR_MASTER_OK, SIM_LEASE_GRANTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stage stage;
        open_stage(&stage);
        sim_master_fail(stage.master, cases[i].mode, 1);
        struct sim_master_reply reply = ask(&stage, 0, WR_MASTER_KEY, 0);
        cr_expect_eq(reply.answered, cases[i].answered);
        cr_expect_eq(reply.answer.status, cases[i].status);
        cr_expect_eq(reply.delay_ns, cases[i].mode == SIM_MASTER_REFUSE ? 0 : 20 * WR_MS);
        cr_expect_eq(lease_at(&stage, 0, "alice", false).result, cases[i].lease);
        if (cases[i].mode == SIM_MASTER_WRONG_KEY)
            cr_expect_str_eq(reply.answer.kid, "k2");
        sim_master_recover(stage.master);
        reply = ask(&stage, 0, WR_MASTER_KEY, 0);
        cr_expect_eq(reply.answer.status, WR_MASTER_OK);
        cr_expect_str_eq(reply.answer.kid, "k1");
        sim_master_destroy(stage.master);
    }
}

Test(sim_master, rotates_its_keys_together_or_one_by_one)
{
    struct stage stage;
    open_stage(&stage);
    sim_master_publish(stage.master, 1);
    struct sim_lease_reply reply = lease_at(&stage, 0, "alice", false);
    cr_expect(signed_with(&reply, "first"), "relays first, master later");
    cr_expect_str_eq(ask(&stage, 0, WR_MASTER_KEY, 0).answer.kid, "k2");
    sim_master_sign_with(stage.master, 1);
    reply = lease_at(&stage, 0, "alice", false);
    cr_expect(signed_with(&reply, "second"));
    sim_master_destroy(stage.master);
}

Test(sim_master, the_same_kid_may_have_other_bytes_after_a_restart)
{
    struct stage stage;
    open_stage(&stage);
    struct sim_master_reply before = ask(&stage, 0, WR_MASTER_REGISTER, 0);
    sim_master_restart(stage.master);
    sim_master_sign_with(stage.master, 2);
    sim_master_publish(stage.master, 2);
    struct sim_master_reply after = ask(&stage, 0, WR_MASTER_KEY, 0);
    cr_expect_str_eq(before.answer.kid, after.answer.kid);
    cr_expect_neq(memcmp(before.answer.public_key, after.answer.public_key, 32), 0);
    cr_expect_eq(sim_master_standing(stage.master, 0, 0), SIM_STANDING_UNKNOWN);
    sim_master_destroy(stage.master);
}

Test(sim_master, answers_take_their_time_within_the_jitter)
{
    struct stage stage;
    open_stage(&stage);
    sim_master_destroy(stage.master);
    stage.master_spec.answer_jitter_ns = 10 * WR_MS;
    stage.master = sim_master_create(&stage.scenario, 0, 7);
    struct sim_master *twin = sim_master_create(&stage.scenario, 0, 7);
    struct wr_master_request request = {.kind = WR_MASTER_KEY};
    bool varies = false;
    for (int n = 0; n < 100; n++) {
        uint64_t delay_ns = ask(&stage, 0, WR_MASTER_KEY, 0).delay_ns;
        cr_expect_geq(delay_ns, 20 * WR_MS);
        cr_expect_leq(delay_ns, 30 * WR_MS);
        varies = varies || delay_ns != 20 * WR_MS;
        cr_expect_eq(sim_master_request(twin, 0, 0, &request).delay_ns, delay_ns, "same seed");
    }
    cr_expect(varies);
    sim_master_set_delay(stage.master, 2 * WR_S);
    cr_expect_geq(ask(&stage, 0, WR_MASTER_KEY, 0).delay_ns, 2 * WR_S);
    sim_master_recover(stage.master);
    cr_expect_leq(ask(&stage, 0, WR_MASTER_KEY, 0).delay_ns, 30 * WR_MS);
    sim_master_destroy(twin);
    sim_master_destroy(stage.master);
    sim_master_destroy(NULL);
}

Test(sim_master, everything_has_a_name)
{
    cr_expect_str_eq(sim_relay_standing_name(SIM_STANDING_QUARANTINED), "quarantined");
    cr_expect_str_eq(sim_lease_result_name(SIM_LEASE_NOT_ANSWERED), "not_answered");
}
