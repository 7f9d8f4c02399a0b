/* The oracles and what an operator changes while a relay runs: limits, and keys pinned no longer.
 */
#include "oracle_world.h"

#include <criterion/criterion.h>

static struct world world;

static void begin(void)
{
    sim_oracle_enter(world.oracle, world.now, world.start_unix_ms + world.now / WR_MS);
}

static void end(void)
{
    sim_oracle_leave(world.oracle, wr_relay_next_deadline(world.relay));
}

/* `told`: as an environment must; else as one that keeps it from the oracles. */
static void set_limits(const struct wr_relay_config *config, bool told)
{
    begin();
    if (told)
        sim_oracle_set_limits(world.oracle, config);
    cr_assert_null(wr_relay_set_limits(world.relay, config));
    if (told)
        end();
}

Test(oracle_limits, a_timeout_cut_short_ends_at_once_what_has_outlasted_it)
{
    world_start(&world);
    world_pair(&world);
    world_pass(&world, 20 * WR_S);
    struct wr_relay_config config = world.config;
    config.idle_timeout_secs = 5;
    set_limits(&config, true);
    world_until(&world, world.now);
    world_snapshot(&world);
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    world_end(&world);
}

Test(oracle_limits, sessions_above_a_lower_number_stay_and_no_new_one_comes)
{
    world_start(&world);
    world_pair(&world);
    world_present(&world, "203.0.113.6:5000", 2, WR_ROLE_CLIENT);
    struct wr_relay_config config = world.config;
    config.max_sessions = 1;
    set_limits(&config, true);
    world_present(&world, "203.0.113.7:5000", 3, WR_ROLE_CLIENT);
    world_snapshot(&world);
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    world_end(&world);
}

Test(oracle_limits, limits_that_nobody_told_of_are_seen)
{
    world_start(&world);
    world_pair(&world);
    world.tolerant = true;
    struct wr_relay_config config = world.config;
    config.idle_timeout_secs = 600;
    config.peer_wait_secs = 600;
    set_limits(&config, false);
    world_pass(&world, 100 * WR_S);
    world_forward(&world, CLIENT, 1, 2);
    cr_expect_gt(sim_oracle_violations_of(world.oracle, SIM_ORACLE_DEADLINES), 0);
    world_end(&world);
}

static const uint8_t *pinned_key(void)
{
    static uint8_t key[WR_PUBLIC_KEY_BYTES];
    uint8_t secret[WR_SECRET_KEY_BYTES];
    wr_mint_keypair((const uint8_t[32]){1}, key, secret);
    return key;
}

static void start_with_a_pinned_key(void)
{
    world_prepare(&world);
    world.config.idle_timeout_secs = world.config.peer_wait_secs = 20000;
    world_open_without_key(&world);
    begin();
    sim_oracle_key_add(world.oracle, "k1", pinned_key(), WR_KEY_PINNED);
    cr_assert_eq(wr_relay_key_add(world.relay, "k1", pinned_key(), WR_KEY_PINNED), WR_KEY_ADDED);
    end();
}

static void retire(bool in_the_core_too)
{
    begin();
    sim_oracle_key_retire(world.oracle, pinned_key());
    if (in_the_core_too)
        wr_relay_key_retire(world.relay, pinned_key());
    end();
}

/* A lease as world_present's, but issued `after_ms` after the start. */
static void present_later(uint64_t after_ms)
{
    uint8_t bytes[1500] = {0x57, 1, 1};
    struct wr_mint_texts texts;
    struct wr_session_id id = world_session(1);
    const struct wr_mint lease = wr_mint_lease(&texts, "alice", &id, WR_ROLE_CLIENT, "relay-1",
                                               "k1", WORLD_START_UNIX_MS + after_ms, 900000);
    uint32_t size = wr_mint_token(&lease, world.secret_key, (char *)bytes + 23, sizeof bytes - 23);
    for (unsigned i = 0; i < 16; i++)
        bytes[4 + i] = id.bytes[i];
    bytes[21] = (uint8_t)(size >> 8);
    bytes[22] = (uint8_t)size;
    world_receive(&world, CLIENT, bytes, size + 23);
}

Test(oracle_limits, a_retired_key_serves_until_it_has_aged)
{
    start_with_a_pinned_key();
    retire(true);
    world_pass(&world, 3600 * WR_S);
    present_later(3600000);
    world_snapshot(&world);
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    world_pass(&world, 100 * WR_S);
    present_later(3700000);
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    world_end(&world);
}

Test(oracle_limits, a_retired_key_that_serves_too_long_is_seen)
{
    start_with_a_pinned_key();
    retire(false);
    world_pass(&world, 3700 * WR_S);
    world.tolerant = true;
    present_later(3700000);
    cr_expect_gt(sim_oracle_violations_of(world.oracle, SIM_ORACLE_MODEL), 0);
    world_end(&world);
}

Test(oracle_limits, a_key_without_a_name_takes_the_place_of_another)
{
    uint8_t second[WR_PUBLIC_KEY_BYTES] = {2};
    world_prepare(&world);
    world_open_without_key(&world);
    world_key(&world, "", world.public_key);
    world_key(&world, "", second);
    world_key(&world, "", world.public_key);
    present_later(0);
    world_snapshot(&world);
    cr_expect_eq(world.last_outcome, WR_OUTCOME_LEASE_TAKEN);
    cr_expect_eq(sim_oracle_violations(world.oracle), 0);
    world_end(&world);
}
