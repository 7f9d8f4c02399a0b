#include "relay_tokens.h"
#include "relay_world.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(RELAY_BANNED == RELAY_SUBS, "one place an identity");

static void trace_key(const struct relay_world *world, const char *kid, const uint8_t *key)
{
    if (kid != NULL)
        fprintf(world->trace, "{\"kid\": \"%s\", \"public_key_hex\": ", kid);
    fputc('"', world->trace);
    for (uint32_t i = 0; i < WR_PUBLIC_KEY_BYTES; i++)
        fprintf(world->trace, "%02x", key[i]);
    fputs(kid != NULL ? "\"}" : "\"", world->trace);
}

void relay_world_key(struct relay_world *world, const char *kid, uint32_t key,
                     enum wr_key_standing standing)
{
    relay_world_begin_control(world);
    if (standing != WR_KEY_LEARNED)
        relay_world_beyond_trace(world, "a key that the master did not name");
    if (world->trace != NULL) {
        fprintf(world->trace, "{\"at_ns\": %" PRIu64 ", \"key\": ", world->now);
        trace_key(world, kid, relay_key(key));
        fputs("}\n", world->trace);
    }
    sim_oracle_key_add(world->oracle, kid, relay_key(key), standing);
    (void)wr_relay_key_add(world->relay, kid, relay_key(key), standing);
    relay_world_end_control(world);
}

void relay_world_retire(struct relay_world *world, uint32_t key)
{
    relay_world_begin_control(world);
    relay_world_beyond_trace(world, "a pinned key that is retired");
    sim_oracle_key_retire(world->oracle, relay_key(key));
    wr_relay_key_retire(world->relay, relay_key(key));
    relay_world_end_control(world);
}

void relay_world_revoke(struct relay_world *world, uint32_t key)
{
    relay_world_begin_control(world);
    if (world->trace != NULL) {
        fprintf(world->trace, "{\"at_ns\": %" PRIu64 ", \"revoke\": ", world->now);
        trace_key(world, NULL, relay_key(key));
        fputs("}\n", world->trace);
    }
    sim_oracle_key_revoke(world->oracle, relay_key(key));
    (void)wr_relay_key_revoke(world->relay, relay_key(key));
    relay_world_end_control(world);
}

static void trace_sub(const struct relay_world *world, const char *what, const char *sub)
{
    if (world->trace != NULL)
        fprintf(world->trace, "{\"at_ns\": %" PRIu64 ", \"%s\": \"%s\"}\n", world->now, what, sub);
}

static bool *banned_place(struct relay_world *world, const char *sub)
{
    uint32_t number = 0;
    while (number + 1 < RELAY_SUBS && strcmp(relay_sub(number), sub) != 0)
        number++;
    return &world->banned[number];
}

void relay_world_ban(struct relay_world *world, const char *sub)
{
    relay_world_begin_control(world);
    trace_sub(world, "ban", sub);
    bool *banned = banned_place(world, sub);
    bool fits = *banned || world->bans < world->config.max_bans;
    if (fits)
        sim_oracle_ban(world->oracle, sub, strlen(sub));
    FUZZ_REQUIRE(wr_relay_ban(world->relay, sub, strlen(sub)) == fits, "%" PRIu32 " bans",
                 world->bans);
    world->bans += fits && !*banned;
    *banned = fits;
    relay_world_end_control(world);
}

void relay_world_unban(struct relay_world *world, const char *sub)
{
    relay_world_begin_control(world);
    trace_sub(world, "unban", sub);
    bool *banned = banned_place(world, sub);
    world->bans -= *banned;
    *banned = false;
    sim_oracle_unban(world->oracle, sub, strlen(sub));
    wr_relay_unban(world->relay, sub, strlen(sub));
    relay_world_end_control(world);
}

void relay_world_drain(struct relay_world *world)
{
    relay_world_begin_control(world);
    if (world->trace != NULL)
        fprintf(world->trace, "{\"at_ns\": %" PRIu64 ", \"drain\": true}\n", world->now);
    sim_oracle_drain(world->oracle);
    wr_relay_drain(world->relay);
    relay_world_end_control(world);
}

void relay_world_backpressure(struct relay_world *world, uint64_t datagrams)
{
    relay_world_begin_control(world);
    relay_world_beyond_trace(world, "datagrams that the kernel dropped");
    sim_oracle_backpressure(world->oracle, datagrams);
    wr_relay_backpressure(world->relay, datagrams);
    relay_world_end_control(world);
}

void relay_world_limits(struct relay_world *world, const struct wr_relay_config *config)
{
    bool fits = config->max_sessions <= world->created_sessions;
    relay_world_begin_control(world);
    relay_world_beyond_trace(world, "limits that change");
    if (fits)
        sim_oracle_set_limits(world->oracle, config);
    const char *objection = wr_relay_set_limits(world->relay, config);
    FUZZ_REQUIRE((objection == NULL) == fits, "%s",
                 objection != NULL ? objection : "more sessions than there is memory for");
    if (fits)
        world->config = *config;
    relay_world_end_control(world);
}

static bool names_member(const char *objection, const char *member)
{
    return objection != NULL && strncmp(objection, member, strlen(member)) == 0;
}

void relay_world_refused(struct relay_world *world, const struct wr_relay_config *config,
                         const char *member)
{
    static struct wr_snapshot before, after;
    /* What a relay is born with is not looked at in a running one. */
    bool for_life = strcmp(member, "relay_id") == 0 || strcmp(member, "max_bans") == 0 ||
                    strcmp(member, "own_address_count") == 0;
    relay_world_begin_control(world);
    relay_world_beyond_trace(world, "limits that are refused");
    FUZZ_STAIN(before);
    FUZZ_STAIN(after);
    wr_relay_snapshot(world->relay, &before);
    wr_instant due = wr_relay_next_deadline(world->relay);
    const char *objection = wr_relay_config_error(config);
    FUZZ_REQUIRE(names_member(objection, member), "%s", objection != NULL ? objection : "all well");
    FUZZ_REQUIRE(wr_relay_create(config, &world->environment) == NULL, "%s", objection);
    objection = for_life ? NULL : wr_relay_set_limits(world->relay, config);
    FUZZ_REQUIRE(for_life || names_member(objection, member), "%s",
                 objection != NULL ? objection : "all well");
    wr_relay_snapshot(world->relay, &after);
    /* Both were zeroed whole. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    bool same = memcmp(&before, &after, sizeof before) == 0;
    FUZZ_REQUIRE(same && wr_relay_next_deadline(world->relay) == due,
                 "%s: something changed all the same", member);
    relay_world_end_control(world);
}

void relay_world_wall_step(struct relay_world *world, int64_t step_ms)
{
    relay_world_flush(world);
    world->wall_step_ms += step_ms;
    world->line++;
    if (world->trace != NULL)
        fprintf(world->trace, "{\"at_ns\": %" PRIu64 ", \"wall_step_ms\": %" PRId64 "}\n",
                world->now, step_ms);
}
