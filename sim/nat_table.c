#include "nat_table.h"

#include "hash.h"

#include <address.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *resized(void *array, size_t count, size_t element_bytes)
{
    void *bigger = realloc(array, count * element_bytes);
    if (bigger == NULL) {
        abort(); /* the simulator does not outlive its memory */
    }
    return bigger;
}

/* Buckets only find things; their order decides nothing. */
static uint32_t bucket_of(const struct wr_address *a, const struct wr_address *b, uint32_t capacity)
{
    struct sim_hash hash = {0};
    for (unsigned half = 0; half < 2; half++) {
        const struct wr_address *address = half == 0 ? a : b;
        uint64_t high;
        uint64_t low;
        memcpy(&high, address->ip, sizeof high);
        memcpy(&low, address->ip + 8, sizeof low);
        sim_hash_word(&hash, high);
        sim_hash_word(&hash, low ^ (uint64_t)address->zone << 16 ^ address->port);
    }
    return (uint32_t)sim_hash_mixed(hash.state) & (capacity - 1);
}

static const struct wr_address nothing;

static uint32_t *inside_bucket(const struct sim_nat *nat, const struct wr_address *inside,
                               const struct wr_address *remote)
{
    return &nat->inside_buckets[bucket_of(inside, remote, nat->mapping_capacity)];
}

static uint32_t *outside_bucket(const struct sim_nat *nat, const struct wr_address *outside)
{
    return &nat->outside_buckets[bucket_of(outside, &nothing, nat->mapping_capacity)];
}

static uint32_t *host_bucket(const struct sim_nat *nat, const struct wr_address *ip)
{
    return &nat->host_buckets[bucket_of(ip, &nothing, nat->host_capacity)];
}

static void link_inside(struct sim_nat *nat, uint32_t index)
{
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    uint32_t *bucket = inside_bucket(nat, &mapping->inside, &mapping->remote);
    mapping->next_inside = *bucket;
    *bucket = index;
}

static void link_outside(struct sim_nat *nat, uint32_t index)
{
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    uint32_t *bucket = outside_bucket(nat, &mapping->outside);
    mapping->next_outside = *bucket;
    *bucket = index;
}

static void unlink_inside(struct sim_nat *nat, uint32_t index)
{
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    uint32_t *place = inside_bucket(nat, &mapping->inside, &mapping->remote);
    while (*place != index) {
        place = &nat->mappings[*place].next_inside;
    }
    *place = mapping->next_inside;
}

static void unlink_outside(struct sim_nat *nat, uint32_t index)
{
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    uint32_t *place = outside_bucket(nat, &mapping->outside);
    while (*place != index) {
        place = &nat->mappings[*place].next_outside;
    }
    *place = mapping->next_outside;
}

static uint32_t *empty_buckets(uint32_t *buckets, uint32_t capacity)
{
    buckets = resized(buckets, capacity, sizeof *buckets);
    memset(buckets, 0xff, capacity * sizeof *buckets);
    return buckets;
}

static void grow_mappings(struct sim_nat *nat)
{
    uint32_t old = nat->mapping_capacity;
    uint32_t capacity = old > 0 ? 2 * old : 2;
    nat->mappings = resized(nat->mappings, capacity, sizeof *nat->mappings);
    nat->inside_buckets = empty_buckets(nat->inside_buckets, capacity);
    nat->outside_buckets = empty_buckets(nat->outside_buckets, capacity);
    nat->mapping_capacity = capacity;
    for (uint32_t i = nat->oldest; i != SIM_NAT_NONE; i = nat->mappings[i].newer) {
        if (!nat->mappings[i].inbound_only) {
            link_inside(nat, i);
        }
        link_outside(nat, i);
    }
    for (uint32_t i = capacity; i-- > old;) {
        nat->mappings[i].newer = nat->free_mapping;
        nat->free_mapping = i;
    }
}

static void grow_permits(struct sim_nat *nat)
{
    uint32_t old = nat->permit_capacity;
    uint32_t capacity = old > 0 ? 2 * old : 2;
    nat->permits = resized(nat->permits, capacity, sizeof *nat->permits);
    nat->permit_capacity = capacity;
    for (uint32_t i = capacity; i-- > old;) {
        nat->permits[i].next = nat->free_permit;
        nat->free_permit = i;
    }
}

static void grow_hosts(struct sim_nat *nat)
{
    nat->host_capacity = nat->host_capacity > 0 ? 2 * nat->host_capacity : 2;
    nat->hosts = resized(nat->hosts, nat->host_capacity, sizeof *nat->hosts);
    nat->host_buckets = empty_buckets(nat->host_buckets, nat->host_capacity);
    for (uint32_t i = 0; i < nat->host_count; i++) {
        uint32_t *bucket = host_bucket(nat, &nat->hosts[i].ip);
        nat->hosts[i].next = *bucket;
        *bucket = i;
    }
}

void sim_nat_table_init(struct sim_nat *nat)
{
    nat->oldest = nat->newest = SIM_NAT_NONE;
    nat->free_mapping = nat->free_permit = SIM_NAT_NONE;
    grow_mappings(nat);
    grow_hosts(nat);
}

void sim_nat_table_free(struct sim_nat *nat)
{
    free(nat->mappings);
    free(nat->permits);
    free(nat->hosts);
    free(nat->inside_buckets);
    free(nat->outside_buckets);
    free(nat->host_buckets);
    nat->mappings = NULL;
    nat->permits = NULL;
    nat->hosts = NULL;
    nat->inside_buckets = nat->outside_buckets = nat->host_buckets = NULL;
    nat->mapping_capacity = nat->permit_capacity = nat->host_capacity = 0;
    nat->mapping_count = nat->host_count = 0;
}

uint32_t sim_nat_find_inside(const struct sim_nat *nat, const struct wr_address *inside,
                             const struct wr_address *remote)
{
    uint32_t index = *inside_bucket(nat, inside, remote);
    while (index != SIM_NAT_NONE && !(wr_address_equal(&nat->mappings[index].inside, inside) &&
                                      wr_address_equal(&nat->mappings[index].remote, remote))) {
        index = nat->mappings[index].next_inside;
    }
    return index;
}

uint32_t sim_nat_find_outside(const struct sim_nat *nat, const struct wr_address *outside)
{
    uint32_t index = *outside_bucket(nat, outside);
    while (index != SIM_NAT_NONE && !wr_address_equal(&nat->mappings[index].outside, outside)) {
        index = nat->mappings[index].next_outside;
    }
    return index;
}

uint32_t sim_nat_host_of(struct sim_nat *nat, const struct wr_address *inside)
{
    struct wr_address ip = *inside;
    ip.port = 0;
    uint32_t index = *host_bucket(nat, &ip);
    while (index != SIM_NAT_NONE && !wr_address_equal(&nat->hosts[index].ip, &ip)) {
        index = nat->hosts[index].next;
    }
    if (index == SIM_NAT_NONE) {
        if (nat->host_count == nat->host_capacity) {
            grow_hosts(nat);
        }
        uint32_t *bucket = host_bucket(nat, &ip);
        index = nat->host_count++;
        nat->hosts[index] = (struct sim_nat_host){.ip = ip, .next = *bucket};
        *bucket = index;
    }
    return index;
}

static void append_newest(struct sim_nat *nat, uint32_t index)
{
    nat->mappings[index].older = nat->newest;
    nat->mappings[index].newer = SIM_NAT_NONE;
    if (nat->newest != SIM_NAT_NONE) {
        nat->mappings[nat->newest].newer = index;
    } else {
        nat->oldest = index;
    }
    nat->newest = index;
}

static void take_out(struct sim_nat *nat, uint32_t index)
{
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    if (mapping->older != SIM_NAT_NONE) {
        nat->mappings[mapping->older].newer = mapping->newer;
    } else {
        nat->oldest = mapping->newer;
    }
    if (mapping->newer != SIM_NAT_NONE) {
        nat->mappings[mapping->newer].older = mapping->older;
    } else {
        nat->newest = mapping->older;
    }
}

uint32_t sim_nat_add(struct sim_nat *nat, wr_instant now, const struct wr_address *inside,
                     const struct wr_address *remote, const struct wr_address *outside,
                     uint16_t pool)
{
    if (nat->free_mapping == SIM_NAT_NONE) {
        grow_mappings(nat);
    }
    uint32_t index = nat->free_mapping;
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    nat->free_mapping = mapping->newer;
    *mapping = (struct sim_nat_mapping){
        .inside = *inside,
        .remote = *remote,
        .outside = *outside,
        .refreshed_ns = now,
        .host = sim_nat_host_of(nat, inside),
        .permits = SIM_NAT_NONE,
        .pool = pool,
    };
    link_inside(nat, index);
    link_outside(nat, index);
    append_newest(nat, index);
    nat->hosts[mapping->host].mappings++;
    nat->pools[pool].used++;
    nat->mapping_count++;
    return index;
}

static void forget_permits(struct sim_nat *nat, uint32_t index)
{
    uint32_t permit = nat->mappings[index].permits;
    while (permit != SIM_NAT_NONE) {
        uint32_t next = nat->permits[permit].next;
        nat->permits[permit].next = nat->free_permit;
        nat->free_permit = permit;
        permit = next;
    }
}

static void leave_host(struct sim_nat *nat, uint32_t host)
{
    if (--nat->hosts[host].mappings == 0) {
        sim_nat_give_back_block(nat, &nat->hosts[host]);
    }
}

void sim_nat_remove(struct sim_nat *nat, uint32_t index)
{
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    if (!mapping->inbound_only) {
        unlink_inside(nat, index);
    }
    unlink_outside(nat, index);
    take_out(nat, index);
    forget_permits(nat, index);
    leave_host(nat, mapping->host);
    nat->pools[mapping->pool].used--;
    nat->mapping_count--;
    mapping->newer = nat->free_mapping;
    nat->free_mapping = index;
}

void sim_nat_refresh(struct sim_nat *nat, wr_instant now, uint32_t index)
{
    nat->mappings[index].refreshed_ns = now;
    if (nat->newest != index) {
        take_out(nat, index);
        append_newest(nat, index);
    }
}

void sim_nat_set_outside(struct sim_nat *nat, uint32_t index, const struct wr_address *outside,
                         uint16_t pool)
{
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    unlink_outside(nat, index);
    nat->pools[mapping->pool].used--;
    mapping->outside = *outside;
    mapping->pool = pool;
    nat->pools[pool].used++;
    link_outside(nat, index);
}

void sim_nat_set_inside(struct sim_nat *nat, uint32_t index, const struct wr_address *inside)
{
    uint32_t host = sim_nat_host_of(nat, inside);
    struct sim_nat_mapping *mapping = &nat->mappings[index];
    if (!mapping->inbound_only) {
        unlink_inside(nat, index);
    }
    nat->hosts[host].mappings++;
    leave_host(nat, mapping->host);
    mapping->host = host;
    mapping->inside = *inside;
    mapping->inbound_only = sim_nat_find_inside(nat, inside, &mapping->remote) != SIM_NAT_NONE;
    if (!mapping->inbound_only) {
        link_inside(nat, index);
    }
}

void sim_nat_permit(struct sim_nat *nat, wr_instant now, uint32_t index,
                    const struct wr_address *remote)
{
    uint32_t *place = &nat->mappings[index].permits;
    uint32_t *last = place;
    uint32_t count = 0;
    while (*place != SIM_NAT_NONE && !wr_address_equal(&nat->permits[*place].remote, remote)) {
        last = place;
        place = &nat->permits[*place].next;
        count++;
    }
    if (*place == SIM_NAT_NONE && count == SIM_NAT_PERMITS_MAX) {
        place = last; /* the least recent one makes room */
    }
    uint32_t permit = *place;
    if (permit != SIM_NAT_NONE) {
        *place = nat->permits[permit].next;
    } else {
        if (nat->free_permit == SIM_NAT_NONE) {
            grow_permits(nat);
        }
        permit = nat->free_permit;
        nat->free_permit = nat->permits[permit].next;
    }
    nat->permits[permit] = (struct sim_nat_permit){
        .remote = *remote,
        .refreshed_ns = now,
        .next = nat->mappings[index].permits,
    };
    nat->mappings[index].permits = permit;
}

bool sim_nat_permits(const struct sim_nat *nat, wr_instant now, uint32_t index,
                     const struct wr_address *remote)
{
    uint32_t permit = nat->mappings[index].permits;
    while (permit != SIM_NAT_NONE) {
        const struct sim_nat_permit *candidate = &nat->permits[permit];
        if (wr_address_equal(&candidate->remote, remote)) {
            return now < wr_after(candidate->refreshed_ns, nat->config.timeout_ns);
        }
        permit = candidate->next;
    }
    return false;
}
