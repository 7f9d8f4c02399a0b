#include "nat_table.h"

#include <address.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WELL_KNOWN_PORT_LAST 1023

struct port_range {
    uint32_t first;
    uint32_t last;
};

static uint32_t range_ports(struct port_range range)
{
    return range.last - range.first + 1;
}

static bool is_taken(const struct sim_nat *nat, const struct sim_nat_pool *pool, uint32_t port)
{
    struct wr_address outside = pool->ip;
    outside.port = (uint16_t)port;
    return sim_nat_find_outside(nat, &outside) != SIM_NAT_NONE;
}

/* The first port of a free block, 0 where all are taken. */
static uint16_t take_block(struct sim_nat *nat, struct sim_nat_pool *pool)
{
    uint32_t ports = nat->config.block_ports;
    uint32_t blocks = ((uint32_t)nat->config.port_last - nat->config.port_first + 1) / ports;
    uint32_t start = 0;
    if (blocks == 0) {
        return 0;
    }
    if (pool->block_taken == NULL) {
        pool->block_taken = calloc(blocks, sizeof *pool->block_taken);
        if (pool->block_taken == NULL) {
            abort();
        }
    }
    if (nat->config.allocation == SIM_ALLOCATE_RANDOM) {
        start = (uint32_t)sim_rng_below(&nat->ports, blocks);
    }
    for (uint32_t i = 0; i < blocks; i++) {
        uint32_t block = (start + i) % blocks;
        if (!pool->block_taken[block]) {
            pool->block_taken[block] = 1;
            return (uint16_t)(nat->config.port_first + block * ports);
        }
    }
    return 0;
}

void sim_nat_give_back_block(struct sim_nat *nat, struct sim_nat_host *host)
{
    if (host->block_first != 0) {
        uint32_t offset = (uint32_t)host->block_first - nat->config.port_first;
        nat->pools[host->pool].block_taken[offset / nat->config.block_ports] = 0;
        host->block_first = 0;
    }
}

/* The ports a preserved one may become: system ports stay system ports (REQ-3a). */
static struct port_range same_class(struct port_range range, uint32_t wanted)
{
    struct port_range class_ = range;
    if (wanted <= WELL_KNOWN_PORT_LAST) {
        class_.last = range.last < WELL_KNOWN_PORT_LAST ? range.last : WELL_KNOWN_PORT_LAST;
    } else {
        class_.first = range.first > WELL_KNOWN_PORT_LAST ? range.first : WELL_KNOWN_PORT_LAST + 1u;
    }
    return class_.first <= class_.last ? class_ : range;
}

static uint32_t first_try(struct sim_nat *nat, const struct sim_nat_pool *pool,
                          struct port_range range, uint32_t wanted)
{
    uint32_t start = range.first;
    switch (nat->config.allocation) {
    case SIM_ALLOCATE_PRESERVE:
        start = wanted;
        break;
    case SIM_ALLOCATE_CONTIGUOUS:
        start = pool->next_port;
        break;
    case SIM_ALLOCATE_RANDOM:
        start += (uint32_t)sim_rng_below(&nat->ports, range_ports(range));
        break;
    }
    return start >= range.first && start <= range.last ? start : range.first;
}

static bool allocate_in(struct sim_nat *nat, uint16_t pool_index, struct sim_nat_host *host,
                        uint32_t wanted, uint16_t *port)
{
    struct sim_nat_pool *pool = &nat->pools[pool_index];
    struct port_range range = {nat->config.port_first, nat->config.port_last};
    if (nat->config.block_ports > 0) {
        if (host->block_first == 0) {
            host->block_first = take_block(nat, pool);
            host->pool = pool_index;
        }
        if (host->block_first == 0) {
            return false;
        }
        range.first = host->block_first;
        range.last = range.first + nat->config.block_ports - 1u;
    } else if (pool->used == range_ports(range)) {
        return false;
    }
    if (nat->config.allocation == SIM_ALLOCATE_PRESERVE) {
        range = same_class(range, wanted);
    }
    uint32_t candidate = first_try(nat, pool, range, wanted);
    for (uint32_t tried = 0; tried < range_ports(range); tried++) {
        if (!is_taken(nat, pool, candidate)) {
            pool->next_port = candidate + 1;
            *port = (uint16_t)candidate;
            return true;
        }
        candidate = candidate == range.last ? range.first : candidate + 1;
    }
    return false;
}

bool sim_nat_allocate(struct sim_nat *nat, const struct wr_address *inside,
                      struct wr_address *outside, uint16_t *pool)
{
    uint32_t host_index = sim_nat_host_of(nat, inside); /* may move the table */
    struct sim_nat_host *host = &nat->hosts[host_index];
    uint32_t limit = nat->config.mappings_max_each;
    if (limit > 0 && host->mappings >= limit) {
        return false;
    }
    /* A paired host, and one that holds a block, stays with its public address. */
    bool stays = host->has_pool && (nat->config.paired || host->block_first != 0);
    uint32_t first = stays ? host->pool : nat->next_pool;
    uint32_t tries = stays ? 1 : nat->pool_count;
    for (uint32_t i = 0; i < tries; i++) {
        uint16_t candidate = (uint16_t)((first + i) % nat->pool_count);
        uint16_t port;
        if (allocate_in(nat, candidate, host, inside->port, &port)) {
            if (!stays) {
                nat->next_pool = (candidate + 1u) % nat->pool_count;
                host->pool = candidate;
                host->has_pool = true;
            }
            *pool = candidate;
            *outside = nat->pools[candidate].ip;
            outside->port = port;
            return true;
        }
    }
    return false;
}
