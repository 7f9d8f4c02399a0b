#include "net_route.h"

#include "hash.h"

#include <address.h>

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
static uint32_t *bucket_of(const struct sim_routes *table, uint32_t below,
                           const struct wr_address *address)
{
    struct sim_hash hash = {.state = below};
    uint64_t halves[2];
    memcpy(halves, address->ip, sizeof halves);
    sim_hash_word(&hash, halves[0]);
    sim_hash_word(&hash, halves[1] ^ (uint64_t)address->zone << 16 ^ address->port);
    return &table->buckets[(uint32_t)sim_hash_mixed(hash.state) & (table->capacity - 1)];
}

static void resize(struct sim_routes *table, uint32_t capacity)
{
    uint32_t old = table->capacity;
    table->routes = resized(table->routes, capacity, sizeof *table->routes);
    table->buckets = resized(table->buckets, capacity, sizeof *table->buckets);
    memset(table->buckets, 0xff, capacity * sizeof *table->buckets);
    table->capacity = capacity;
    for (uint32_t i = 0; i < old; i++) { /* it grows only when every place is used */
        uint32_t *bucket = bucket_of(table, table->routes[i].below, &table->routes[i].address);
        table->routes[i].next = *bucket;
        *bucket = i;
    }
    for (uint32_t i = capacity; i-- > old;) {
        table->routes[i].next = table->free;
        table->free = i;
    }
}

void sim_routes_init(struct sim_routes *table)
{
    memset(table, 0, sizeof *table);
    table->free = SIM_ROUTE_NONE;
    resize(table, 64);
}

void sim_routes_free(struct sim_routes *table)
{
    free(table->routes);
    free(table->buckets);
    free(table->runs);
    memset(table, 0, sizeof *table);
}

static uint32_t find_exact(const struct sim_routes *table, uint32_t below,
                           const struct wr_address *address)
{
    uint32_t index = *bucket_of(table, below, address);
    while (index != SIM_ROUTE_NONE && !(table->routes[index].below == below &&
                                        wr_address_equal(&table->routes[index].address, address))) {
        index = table->routes[index].next;
    }
    return index;
}

void sim_routes_add(struct sim_routes *table, uint32_t below, const struct wr_address *address,
                    uint32_t child)
{
    uint32_t index = find_exact(table, below, address);
    if (index != SIM_ROUTE_NONE) {
        table->routes[index].child = child;
        return;
    }
    if (table->free == SIM_ROUTE_NONE) {
        resize(table, 2 * table->capacity);
    }
    index = table->free;
    table->free = table->routes[index].next;
    uint32_t *bucket = bucket_of(table, below, address);
    table->routes[index] = (struct sim_route){
        .address = *address,
        .below = below,
        .child = child,
        .next = *bucket,
    };
    *bucket = index;
}

void sim_routes_add_run(struct sim_routes *table, uint32_t below, const struct wr_address *first,
                        uint32_t count, uint32_t child)
{
    if (table->run_count == table->run_capacity) {
        table->run_capacity = table->run_capacity > 0 ? 2 * table->run_capacity : 4;
        table->runs = resized(table->runs, table->run_capacity, sizeof *table->runs);
    }
    table->runs[table->run_count++] = (struct sim_route_run){
        .first = *first,
        .count = count,
        .below = below,
        .child = child,
    };
}

void sim_routes_remove(struct sim_routes *table, uint32_t below, const struct wr_address *address,
                       uint32_t child)
{
    uint32_t index = find_exact(table, below, address);
    if (index == SIM_ROUTE_NONE || table->routes[index].child != child) {
        return;
    }
    uint32_t *place = bucket_of(table, below, address);
    while (*place != index) {
        place = &table->routes[*place].next;
    }
    *place = table->routes[index].next;
    table->routes[index].next = table->free;
    table->free = index;
}

static uint32_t last_32_bits(const struct wr_address *address)
{
    return (uint32_t)address->ip[12] << 24 | (uint32_t)address->ip[13] << 16 |
           (uint32_t)address->ip[14] << 8 | address->ip[15];
}

struct wr_address sim_address_plus(const struct wr_address *address, uint32_t by)
{
    struct wr_address sum = *address;
    uint32_t low = last_32_bits(address) + by;
    sum.ip[12] = (uint8_t)(low >> 24);
    sum.ip[13] = (uint8_t)(low >> 16);
    sum.ip[14] = (uint8_t)(low >> 8);
    sum.ip[15] = (uint8_t)low;
    return sum;
}

uint32_t sim_routes_find(const struct sim_routes *table, uint32_t below,
                         const struct wr_address *address)
{
    uint32_t index = find_exact(table, below, address);
    if (index == SIM_ROUTE_NONE) {
        struct wr_address any_port = *address;
        any_port.port = 0;
        index = find_exact(table, below, &any_port);
    }
    if (index != SIM_ROUTE_NONE) {
        return table->routes[index].child;
    }
    for (uint32_t i = 0; i < table->run_count; i++) {
        const struct sim_route_run *run = &table->runs[i];
        if (run->below == below && memcmp(run->first.ip, address->ip, 12) == 0 &&
            run->first.zone == address->zone &&
            last_32_bits(address) - last_32_bits(&run->first) < run->count) {
            return run->child;
        }
    }
    return SIM_ROUTE_NONE;
}
