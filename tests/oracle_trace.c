#include "oracle_trace.h"

#include "feed_trace.h"
#include "oracle_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The latest answer to the datagram of a line; tags are line numbers here. */
static void cookie_of(void *context, uint64_t line, uint8_t cookie[WR_COOKIE_BYTES])
{
    const struct world *world = context;
    memset(cookie, 0, WR_COOKIE_BYTES);
    for (uint64_t back = 1; back <= world->sent_count && back <= WORLD_SENT_MAX; back++) {
        const struct world_sent *sent = &world->sent[(world->sent_count - back) % WORLD_SENT_MAX];
        if (sent->cause == line && sent->bytes[0] == 0x57 &&
            (sent->bytes[2] == 2 || sent->bytes[2] == 3) && (sent->bytes[3] & 1) != 0) {
            memcpy(cookie, sent->bytes + sent->size - WR_COOKIE_BYTES, WR_COOKIE_BYTES);
            return;
        }
    }
}

static void apply(struct world *world, const struct sim_feed_line *line, uint64_t number)
{
    world_until(world, line->at_ns);
    switch (line->kind) {
    case SIM_FEED_TIME:
        break;
    case SIM_FEED_DATAGRAM: {
        const struct wr_datagram datagram = {
            .from = line->from, .bytes = line->bytes, .size = line->size, .tag = number};
        world_deliver(world, &datagram);
        break;
    }
    case SIM_FEED_WALL_STEP:
        world->wall_step_ms += line->wall_step_ms;
        break;
    case SIM_FEED_KEY:
        world_key(world, line->key.kid, line->key.bytes);
        break;
    case SIM_FEED_REVOKE:
        world_revoke(world, line->key.bytes);
        break;
    case SIM_FEED_BAN:
        world_ban(world, line->sub);
        break;
    case SIM_FEED_UNBAN:
        world_unban(world, line->sub);
        break;
    case SIM_FEED_DRAIN:
        world_drain(world);
        break;
    }
    world_until(world, world->now);
}

void oracle_trace_play(const char *path, bool tolerant, uint64_t violations[SIM_ORACLE_COUNT])
{
    struct world *world = malloc(sizeof *world);
    struct sim_feed_config *config = malloc(sizeof *config);
    struct sim_feed_line *line = malloc(sizeof *line);
    char *text = NULL;
    size_t capacity = 0;
    uint64_t number = 0;
    FILE *in = fopen(path, "r");
    cr_assert(in != NULL && world != NULL && config != NULL && line != NULL, "%s", path);
    world_prepare(world);
    world->tolerant = tolerant;
    while (getline(&text, &capacity, in) >= 0) {
        if (++number == 1) {
            cr_assert_null(sim_feed_read_config(text, config));
            config->relay.relay_id = config->relay_id;
            config->relay.own_addresses = &config->listen;
            config->relay.own_address_count = 1;
            world->config = config->relay;
            world->verify_ns = config->verify_ns;
            world->start_unix_ms = config->start_unix_ms;
            world_open_without_key(world);
            for (uint32_t i = 0; i < config->key_count; i++)
                world_key(world, config->keys[i].kid, config->keys[i].bytes);
            continue;
        }
        cr_assert_null(sim_feed_read_line(text, number, cookie_of, world, line));
        apply(world, line, number);
        world_snapshot(world);
    }
    fclose(in);
    free(text);
    free(line);
    free(config);
    for (unsigned i = 0; i < SIM_ORACLE_COUNT; i++)
        violations[i] = sim_oracle_violations_of(world->oracle, (enum sim_oracle_name)i);
    world_end(world);
    free(world);
}
