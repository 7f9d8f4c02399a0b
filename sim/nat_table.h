/*
 * The tables inside a NAT: mappings found from both sides, in the order of their last refresh, what
 * they let in, and the inside addresses with their share of the ports. Owns memory and order;
 * declines to know what passes and what does not (nat.c).
 */
#ifndef SIM_NAT_TABLE_H
#define SIM_NAT_TABLE_H

#include "nat.h"

#define SIM_NAT_NONE UINT32_MAX

struct sim_nat_mapping {
    struct wr_address inside;
    struct wr_address remote; /* as much of it as the mapping depends on, the rest zero */
    struct wr_address outside;
    wr_instant refreshed_ns;
    uint32_t host;
    uint32_t permits; /* the most recent one first */
    uint32_t next_inside;
    uint32_t next_outside;
    uint32_t older;
    uint32_t newer;
    uint16_t pool;
    bool inbound_only; /* was given to an endpoint that has a mapping of its own */
};

struct sim_nat_permit {
    struct wr_address remote; /* as much as the filter depends on */
    wr_instant refreshed_ns;
    uint32_t next;
};

struct sim_nat_host {
    struct wr_address ip; /* port 0 */
    uint32_t next;
    uint32_t mappings;
    uint16_t pool;        /* where its ports come from, once it has one */
    uint16_t block_first; /* first port of its block, 0 for none */
    bool has_pool;
};

/* One public address and its ports. */
struct sim_nat_pool {
    struct wr_address ip;
    uint32_t used;
    uint32_t next_port; /* contiguous allocation goes on here */
    uint8_t *block_taken;
};

/* Empty tables with room for few; they double when they are full. */
void sim_nat_table_init(struct sim_nat *nat);
void sim_nat_table_free(struct sim_nat *nat);

uint32_t sim_nat_find_inside(const struct sim_nat *nat, const struct wr_address *inside,
                             const struct wr_address *remote);
uint32_t sim_nat_find_outside(const struct sim_nat *nat, const struct wr_address *outside);

/* The record of the inside address of `inside`, made where there is none. */
uint32_t sim_nat_host_of(struct sim_nat *nat, const struct wr_address *inside);

/* A new mapping, just refreshed; `outside` is free and belongs to `pool`. */
uint32_t sim_nat_add(struct sim_nat *nat, wr_instant now, const struct wr_address *inside,
                     const struct wr_address *remote, const struct wr_address *outside,
                     uint16_t pool);
void sim_nat_remove(struct sim_nat *nat, uint32_t index);

/* Just refreshed: the last to expire. */
void sim_nat_refresh(struct sim_nat *nat, wr_instant now, uint32_t index);

/* Another external or inside endpoint for a mapping; its age and permits stay. */
void sim_nat_set_outside(struct sim_nat *nat, uint32_t index, const struct wr_address *outside,
                         uint16_t pool);
void sim_nat_set_inside(struct sim_nat *nat, uint32_t index, const struct wr_address *inside);

/* Lets `remote` in from now on; the same for a remote that is let in already. */
void sim_nat_permit(struct sim_nat *nat, wr_instant now, uint32_t index,
                    const struct wr_address *remote);
bool sim_nat_permits(const struct sim_nat *nat, wr_instant now, uint32_t index,
                     const struct wr_address *remote);

/* nat_ports.c: a free external endpoint for a mapping of `inside`. False where none is left. */
bool sim_nat_allocate(struct sim_nat *nat, const struct wr_address *inside,
                      struct wr_address *outside, uint16_t *pool);

/* The host has no mapping any more: its block of ports goes back. */
void sim_nat_give_back_block(struct sim_nat *nat, struct sim_nat_host *host);

#endif
