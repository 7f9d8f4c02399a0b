#include "nat.h"

#include "nat_table.h"

#include <address.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sim_nat_config_default(struct sim_nat_config *config)
{
    *config = (struct sim_nat_config){
        .mapping = SIM_SCOPE_ENDPOINT,
        .filtering = SIM_SCOPE_ENDPOINT,
        .allocation = SIM_ALLOCATE_PRESERVE,
        .timeout_ns = 300 * WR_S,
        .paired = true,
        .hairpin = true,
        .port_first = 1024,
        .port_last = 65535,
    };
}

static void open_pools(struct sim_nat *nat, const struct wr_address *public_ips, uint32_t count)
{
    assert(count > 0 && count <= UINT16_MAX);
    nat->pools = calloc(count, sizeof *nat->pools);
    if (nat->pools == NULL) {
        abort();
    }
    nat->pool_count = count;
    nat->next_pool = 0;
    for (uint32_t i = 0; i < count; i++) {
        nat->pools[i].ip = public_ips[i];
        nat->pools[i].ip.port = 0;
        nat->pools[i].next_port = nat->config.port_first;
    }
}

static void close_pools(struct sim_nat *nat)
{
    for (uint32_t i = 0; i < nat->pool_count; i++) {
        free(nat->pools[i].block_taken);
    }
    free(nat->pools);
    nat->pools = NULL;
    nat->pool_count = 0;
}

void sim_nat_init(struct sim_nat *nat, const struct sim_nat_config *config,
                  const struct wr_address *public_ips, uint32_t public_ip_count, uint64_t seed,
                  const char *name)
{
    assert(config->port_first > 0 && config->port_first <= config->port_last);
    memset(nat, 0, sizeof *nat);
    nat->config = *config;
    nat->ports = sim_rng_named(seed, name, "ports");
    open_pools(nat, public_ips, public_ip_count);
    sim_nat_table_init(nat);
}

void sim_nat_free(struct sim_nat *nat)
{
    sim_nat_table_free(nat);
    close_pools(nat);
}

/* As much of the remote's address as the behaviour depends on. */
static struct wr_address scoped(enum sim_nat_scope scope, const struct wr_address *remote)
{
    struct wr_address seen = {0};
    switch (scope) {
    case SIM_SCOPE_ENDPOINT:
        break;
    case SIM_SCOPE_ADDRESS:
        seen = *remote;
        seen.port = 0;
        break;
    case SIM_SCOPE_ADDRESS_AND_PORT:
        seen = *remote;
        break;
    }
    return seen;
}

wr_instant sim_nat_next_deadline(const struct sim_nat *nat)
{
    if (nat->oldest == SIM_NAT_NONE) {
        return WR_NEVER;
    }
    return wr_after(nat->mappings[nat->oldest].refreshed_ns, nat->config.timeout_ns);
}

void sim_nat_on_deadline(struct sim_nat *nat, wr_instant now)
{
    while (nat->oldest != SIM_NAT_NONE && sim_nat_next_deadline(nat) <= now) {
        sim_nat_remove(nat, nat->oldest);
    }
}

uint32_t sim_nat_public_count(const struct sim_nat *nat)
{
    return nat->pool_count;
}

struct wr_address sim_nat_public(const struct sim_nat *nat, uint32_t index)
{
    return nat->pools[index].ip;
}

uint32_t sim_nat_mapping_count(const struct sim_nat *nat)
{
    return nat->mapping_count;
}

static bool is_own_ip(const struct sim_nat *nat, const struct wr_address *address)
{
    for (uint32_t i = 0; i < nat->pool_count; i++) {
        if (wr_address_same_ip(&nat->pools[i].ip, address)) {
            return true;
        }
    }
    return false;
}

/* The mapping for what comes from `inside` to `remote`, made where there is none. */
static uint32_t mapping_for(struct sim_nat *nat, wr_instant now, const struct wr_address *inside,
                            const struct wr_address *remote)
{
    struct wr_address key = scoped(nat->config.mapping, remote);
    uint32_t index = sim_nat_find_inside(nat, inside, &key);
    if (index == SIM_NAT_NONE) {
        struct wr_address outside;
        uint16_t pool;
        if (!sim_nat_allocate(nat, inside, &outside, &pool)) {
            return SIM_NAT_NONE;
        }
        index = sim_nat_add(nat, now, inside, &key, &outside, pool);
    }
    return index;
}

static enum sim_nat_fate counted(struct sim_nat *nat, enum sim_nat_fate fate)
{
    nat->fates[fate]++;
    return fate;
}

static enum sim_nat_fate let_in(struct sim_nat *nat, wr_instant now, struct sim_datagram *datagram)
{
    uint32_t index = sim_nat_find_outside(nat, &datagram->to);
    if (index == SIM_NAT_NONE) {
        return SIM_NAT_NO_MAPPING;
    }
    if (nat->config.filtering != SIM_SCOPE_ENDPOINT) {
        struct wr_address remote = scoped(nat->config.filtering, &datagram->from);
        if (!sim_nat_permits(nat, now, index, &remote)) {
            return SIM_NAT_FILTERED;
        }
        if (nat->config.inbound_refreshes) {
            sim_nat_permit(nat, now, index, &remote);
        }
    }
    if (nat->config.inbound_refreshes) {
        sim_nat_refresh(nat, now, index);
    }
    datagram->to = nat->mappings[index].inside;
    return SIM_NAT_PASSED;
}

enum sim_nat_fate sim_nat_outbound(struct sim_nat *nat, wr_instant now,
                                   struct sim_datagram *datagram)
{
    sim_nat_on_deadline(nat, now);
    bool to_itself = is_own_ip(nat, &datagram->to);
    if (to_itself && !nat->config.hairpin) {
        return counted(nat, SIM_NAT_NO_HAIRPIN);
    }
    uint32_t index = mapping_for(nat, now, &datagram->from, &datagram->to);
    if (index == SIM_NAT_NONE) {
        return counted(nat, SIM_NAT_EXHAUSTED);
    }
    sim_nat_refresh(nat, now, index);
    if (nat->config.filtering != SIM_SCOPE_ENDPOINT) {
        struct wr_address remote = scoped(nat->config.filtering, &datagram->to);
        sim_nat_permit(nat, now, index, &remote);
    }
    datagram->from = nat->mappings[index].outside;
    if (!to_itself) {
        return counted(nat, SIM_NAT_PASSED);
    }
    enum sim_nat_fate fate = let_in(nat, now, datagram);
    return counted(nat, fate == SIM_NAT_PASSED ? SIM_NAT_TURNED : fate);
}

enum sim_nat_fate sim_nat_inbound(struct sim_nat *nat, wr_instant now,
                                  struct sim_datagram *datagram)
{
    sim_nat_on_deadline(nat, now);
    return counted(nat, let_in(nat, now, datagram));
}

bool sim_nat_external(struct sim_nat *nat, wr_instant now, const struct wr_address *inside,
                      const struct wr_address *remote, struct wr_address *out)
{
    sim_nat_on_deadline(nat, now);
    struct wr_address key = scoped(nat->config.mapping, remote);
    uint32_t index = sim_nat_find_inside(nat, inside, &key);
    if (index != SIM_NAT_NONE) {
        *out = nat->mappings[index].outside;
    }
    return index != SIM_NAT_NONE;
}

void sim_nat_set_timeout(struct sim_nat *nat, wr_instant now, uint64_t timeout_ns)
{
    sim_nat_on_deadline(nat, now);
    nat->config.timeout_ns = timeout_ns;
    sim_nat_on_deadline(nat, now);
}

void sim_nat_reboot(struct sim_nat *nat, const struct wr_address *public_ips,
                    uint32_t public_ip_count)
{
    sim_nat_table_free(nat);
    if (public_ips == NULL) {
        for (uint32_t i = 0; i < nat->pool_count; i++) {
            struct sim_nat_pool *pool = &nat->pools[i];
            free(pool->block_taken);
            *pool = (struct sim_nat_pool){.ip = pool->ip, .next_port = nat->config.port_first};
        }
        nat->next_pool = 0;
    } else {
        close_pools(nat);
        open_pools(nat, public_ips, public_ip_count);
    }
    sim_nat_table_init(nat);
}

uint32_t sim_nat_rebind(struct sim_nat *nat, wr_instant now, const struct wr_address *inside)
{
    sim_nat_on_deadline(nat, now);
    uint32_t moved = 0;
    uint32_t index = nat->oldest;
    while (index != SIM_NAT_NONE) {
        uint32_t next = nat->mappings[index].newer;
        if (inside == NULL || wr_address_equal(&nat->mappings[index].inside, inside)) {
            /* The old port is still held while the new one is looked for: they differ. */
            struct wr_address owner = nat->mappings[index].inside;
            struct wr_address outside;
            uint16_t pool;
            if (sim_nat_allocate(nat, &owner, &outside, &pool)) {
                sim_nat_set_outside(nat, index, &outside, pool);
                moved++;
            } else {
                sim_nat_remove(nat, index);
            }
        }
        index = next;
    }
    return moved;
}

bool sim_nat_move(struct sim_nat *nat, wr_instant now, const struct wr_address *inside,
                  const struct wr_address *remote, const struct wr_address *external)
{
    static const uint8_t no_ip[16];
    sim_nat_on_deadline(nat, now);
    struct wr_address key = scoped(nat->config.mapping, remote);
    uint32_t index = sim_nat_find_inside(nat, inside, &key);
    if (index == SIM_NAT_NONE) {
        return false;
    }
    struct wr_address target = *external;
    uint32_t pool = nat->mappings[index].pool;
    if (memcmp(target.ip, no_ip, sizeof no_ip) == 0) {
        memcpy(target.ip, nat->mappings[index].outside.ip, sizeof target.ip);
        target.zone = nat->mappings[index].outside.zone;
    } else {
        for (pool = 0; pool < nat->pool_count; pool++) {
            if (wr_address_same_ip(&nat->pools[pool].ip, &target)) {
                break;
            }
        }
    }
    if (target.port == 0) {
        target.port = nat->mappings[index].outside.port;
    }
    if (pool == nat->pool_count || sim_nat_find_outside(nat, &target) != SIM_NAT_NONE) {
        return false;
    }
    sim_nat_set_outside(nat, index, &target, (uint16_t)pool);
    return true;
}

uint32_t sim_nat_give(struct sim_nat *nat, wr_instant now, const struct wr_address *from,
                      const struct wr_address *to)
{
    sim_nat_on_deadline(nat, now);
    uint32_t given = 0;
    for (uint32_t i = nat->oldest; i != SIM_NAT_NONE; i = nat->mappings[i].newer) {
        if (wr_address_equal(&nat->mappings[i].inside, from)) {
            sim_nat_set_inside(nat, i, to);
            given++;
        }
    }
    return given;
}
