/* The oracles with a sound core, and with observations that no core of ours would make. */
#include "address.h"
#include "oracle_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct world world;

static uint64_t seen(enum sim_oracle_name name)
{
    return sim_oracle_violations_of(world.oracle, name);
}

Test(oracle, a_sound_session_violates_nothing_and_is_judged)
{
    world_start(&world);
    world_pair(&world);
    for (uint64_t i = 2; i < 200; i++) {
        world_pass(&world, 20 * WR_MS);
        world_forward(&world, CLIENT, 1, i);
        world_forward(&world, SERVER, 1, i);
    }
    world_snapshot(&world);
    world_pass(&world, 200 * WR_S);
    world_snapshot(&world);
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    for (unsigned i = 0; i < SIM_ORACLE_COUNT; i++) {
        if (i != SIM_ORACLE_LIVENESS)
            cr_expect_gt(sim_oracle_judged(world.oracle, (enum sim_oracle_name)i), 0, "%s",
                         sim_oracle_name((enum sim_oracle_name)i));
    }
    world_end(&world);
}

Test(oracle, many_sessions_come_and_go_without_a_word)
{
    world_prepare(&world);
    world.config.max_sessions = 1000;
    world_open(&world);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 1; i <= 300; i++) {
            char client[32], server[32];
            snprintf(client, sizeof client, "10.0.%u.%u:5000", i / 200, i % 200 + 1);
            snprintf(server, sizeof server, "10.1.%u.%u:5000", i / 200, i % 200 + 1);
            world_pass(&world, 7 * WR_MS);
            world_present(&world, client, round * 1000 + i, WR_ROLE_CLIENT);
            world_present(&world, server, round * 1000 + i, WR_ROLE_SERVER);
            world_forward(&world, client, round * 1000 + i, 1);
            cr_assert_eq(world.last_outcome, WR_OUTCOME_FORWARDED);
        }
        world_snapshot(&world);
        world_pass(&world, (round + 1) * 40 * WR_S);
    }
    world_snapshot(&world);
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    world_end(&world);
}

Test(oracle, a_restarted_relay_starts_with_a_clean_slate)
{
    world_start(&world);
    world_pair(&world);
    const uint64_t tag = world.next_tag;
    const struct wr_event again = {.kind = WR_EVENT_OUTCOME, .tag = tag};
    sim_oracle_restart(world.oracle);
    sim_oracle_snapshot(world.oracle, world.now, &(struct wr_snapshot){0});
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    world.tolerant = true;
    sim_oracle_observed(world.oracle, &again);
    cr_expect_eq(seen(SIM_ORACLE_COUNTING), 1);
    world_end(&world);
}

Test(oracle, a_send_without_a_cause_is_seen)
{
    static const uint8_t bytes[32] = {0x57, 1, 16};
    struct wr_output output = {.bytes = bytes, .size = sizeof bytes, .cause = 12345};
    world_start(&world);
    world.tolerant = true;
    cr_assert(wr_address_parse("224.0.0.1:5000", &output.to));
    sim_oracle_sent(world.oracle, &output);
    cr_expect_eq(seen(SIM_ORACLE_BYTES), 1);
    cr_expect_eq(seen(SIM_ORACLE_REFLECTION), 1);
    const struct sim_violation *first = sim_oracle_violation(world.oracle, 0);
    cr_expect(strstr(first->text, "224.0.0.1:5000") != NULL, "%s", first->text);
    cr_expect_null(sim_oracle_violation(world.oracle, 2));
    world_end(&world);
}

Test(oracle, a_session_event_out_of_nothing_is_seen)
{
    struct wr_session_id session = world_session(7);
    struct wr_address address;
    struct wr_event event = {.kind = WR_EVENT_ACTIVE, .session = &session, .address = &address};
    world_start(&world);
    world.tolerant = true;
    cr_assert(wr_address_parse(CLIENT, &address));
    sim_oracle_observed(world.oracle, &event);
    event.kind = WR_EVENT_BOUND;
    sim_oracle_observed(world.oracle, &event);
    event.kind = WR_EVENT_CREATED;
    sim_oracle_observed(world.oracle, &event);
    sim_oracle_observed(world.oracle, &event);
    cr_expect_eq(seen(SIM_ORACLE_MODEL), 3);
    world_end(&world);
}

Test(oracle, a_table_with_more_in_it_than_there_is_room_is_seen)
{
    struct wr_snapshot snapshot;
    world_start(&world);
    world.tolerant = true;
    wr_relay_snapshot(world.relay, &snapshot);
    snapshot.held = 1024;
    sim_oracle_snapshot(world.oracle, 0, &snapshot);
    cr_expect_eq(seen(SIM_ORACLE_MEMORY), 0);
    snapshot.held = 1025;
    sim_oracle_snapshot(world.oracle, 0, &snapshot);
    cr_expect_eq(seen(SIM_ORACLE_MEMORY), 1);
    world_end(&world);
}

Test(oracle, what_reaches_a_stranger_is_counted_and_service_is_known)
{
    struct wr_session_id session = world_session(1);
    world_start(&world);
    sim_truth_lease(world.truth, 0, 1, &session, WR_ROLE_SERVER, 900 * WR_S);
    sim_truth_demand(world.truth, 0, 1, true);
    sim_truth_peer(world.truth, 2, "the next tenant");
    world_pair(&world);
    const struct world_sent *sent = &world.sent[(world.sent_count - 1) % WORLD_SENT_MAX];
    sim_oracle_delivered(world.oracle, 1 * WR_S, 1, sent->cause, sent->bytes, sent->size);
    cr_expect_eq(sim_truth_strangers(world.truth), 0);
    sim_oracle_delivered(world.oracle, 1 * WR_S, 2, sent->cause, sent->bytes, sent->size);
    cr_expect_eq(sim_truth_strangers_of(world.truth, 2), 1);
    sim_oracle_liveness(world.oracle, 6 * WR_S);
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    world_end(&world);
}

Test(oracle, a_peer_that_is_served_no_more_is_named)
{
    struct wr_session_id session = world_session(1);
    world_start(&world);
    sim_truth_peer(world.truth, 1, "bob");
    sim_truth_lease(world.truth, 0, 1, &session, WR_ROLE_SERVER, 900 * WR_S);
    sim_truth_demand(world.truth, 0, 1, true);
    world_pair(&world);
    world.tolerant = true;
    sim_oracle_liveness(world.oracle, 5 * WR_S + 1);
    cr_expect_eq(seen(SIM_ORACLE_LIVENESS), 1);
    const struct sim_violation *first = sim_oracle_violation(world.oracle, 0);
    cr_expect(strstr(first->text, "bob (peer 1, server of session") != NULL, "%s", first->text);
    world_end(&world);
}
