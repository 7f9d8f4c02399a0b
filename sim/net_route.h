/*
 * Routes of the simulated network: which child of a node is reached at an address. Owns the table;
 * declines to know what nodes are.
 */
#ifndef SIM_NET_ROUTE_H
#define SIM_NET_ROUTE_H

#include <wavry/types.h>

#define SIM_ROUTE_NONE UINT32_MAX

struct sim_route {
    struct wr_address address; /* port 0: every port */
    uint32_t below;            /* the node that asks */
    uint32_t child;            /* the node that is meant */
    uint32_t next;
};

/* A run of addresses of one child, for senders that have thousands. */
struct sim_route_run {
    struct wr_address first;
    uint32_t count;
    uint32_t below;
    uint32_t child;
};

struct sim_routes {
    struct sim_route *routes;
    uint32_t *buckets;
    struct sim_route_run *runs;
    uint32_t capacity;
    uint32_t free;
    uint32_t run_count;
    uint32_t run_capacity;
};

void sim_routes_init(struct sim_routes *table);
void sim_routes_free(struct sim_routes *table);

/* `child` is reached below `below` at `address`. A place that is taken goes to the new one. */
void sim_routes_add(struct sim_routes *table, uint32_t below, const struct wr_address *address,
                    uint32_t child);
void sim_routes_add_run(struct sim_routes *table, uint32_t below, const struct wr_address *first,
                        uint32_t count, uint32_t child);

/* Forgets the route at exactly this address, if it leads to `child`. */
void sim_routes_remove(struct sim_routes *table, uint32_t below, const struct wr_address *address,
                       uint32_t child);

/* The child for `address`: a route for its port goes before one for every port. SIM_ROUTE_NONE for
 * none. */
uint32_t sim_routes_find(const struct sim_routes *table, uint32_t below,
                         const struct wr_address *address);

/* `address` counted up by `by` in its last 32 bits, without carry beyond them. */
struct wr_address sim_address_plus(const struct wr_address *address, uint32_t by);

#endif
