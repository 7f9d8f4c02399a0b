/*
 * A NAT after RFC 4787: mapping and filtering behaviour, timers and what refreshes them, pools of
 * ports and addresses, hairpinning, and what goes wrong in the field: reboots, mappings that move,
 * ports that are given to another tenant. Owns its mappings; declines to know links and routes: it
 * rewrites the addresses of a datagram, or says why it does not.
 *
 * Every mapping has its own deadline. They are kept in the order of their last refresh, so that
 * what has expired is taken from one end and nothing is ever swept.
 */
#ifndef SIM_NAT_H
#define SIM_NAT_H

#include "packet.h"
#include "rng.h"

#define SIM_NAT_PERMITS_MAX 64 /* remotes that one mapping lets in; the least recent goes first */

/* RFC 4787, sections 4.1 and 5: how much of the remote's address a mapping or filter depends on. */
enum sim_nat_scope { SIM_SCOPE_ENDPOINT, SIM_SCOPE_ADDRESS, SIM_SCOPE_ADDRESS_AND_PORT };

/* Section 4.2. PRESERVE falls back to the next free port. No port is ever overloaded (REQ-3). */
enum sim_nat_allocation { SIM_ALLOCATE_PRESERVE, SIM_ALLOCATE_CONTIGUOUS, SIM_ALLOCATE_RANDOM };

struct sim_nat_config {
    enum sim_nat_scope mapping;
    enum sim_nat_scope filtering;
    enum sim_nat_allocation allocation;
    uint64_t timeout_ns;    /* a mapping or permit is gone this long after its last refresh */
    bool inbound_refreshes; /* outbound always does (REQ-6) */
    bool paired;            /* one inside address keeps one public address (REQ-2) */
    bool hairpin;           /* with the external source address and port (REQ-9) */
    uint16_t port_first;    /* external ports, both inclusive, 1.. */
    uint16_t port_last;
    uint16_t block_ports;       /* ports set aside for each inside address; 0: no blocks */
    uint32_t mappings_max_each; /* of one inside address; 0: no limit */
};

enum sim_nat_fate {
    SIM_NAT_PASSED,
    SIM_NAT_TURNED,     /* hairpin: both addresses are rewritten, it goes back inside */
    SIM_NAT_EXHAUSTED,  /* no external port is left for it */
    SIM_NAT_NO_MAPPING, /* inbound, to a port that nobody has */
    SIM_NAT_FILTERED,   /* inbound, from a remote that may not */
    SIM_NAT_NO_HAIRPIN, /* to the NAT itself, which does not turn datagrams */
    SIM_NAT_FATE_COUNT
};

struct sim_nat_mapping;
struct sim_nat_permit;
struct sim_nat_host;
struct sim_nat_pool;

/* Open only so that it can be embedded. */
struct sim_nat {
    struct sim_nat_config config;
    struct sim_rng ports;
    struct sim_nat_pool *pools; /* one per public address */
    struct sim_nat_mapping *mappings;
    struct sim_nat_permit *permits;
    struct sim_nat_host *hosts;
    uint32_t *inside_buckets; /* by inside endpoint and what of the remote the mapping keeps */
    uint32_t *outside_buckets;
    uint32_t *host_buckets;
    uint32_t pool_count;
    uint32_t mapping_capacity, mapping_count, free_mapping;
    uint32_t permit_capacity, free_permit;
    uint32_t host_capacity, host_count;
    uint32_t oldest, newest; /* mappings by last refresh */
    uint32_t next_pool;
    uint64_t fates[SIM_NAT_FATE_COUNT];
};

/* What the RFC recommends: endpoint-independent mapping and filtering, ports preserved, 300 s. */
void sim_nat_config_default(struct sim_nat_config *config);

/* `config` and `public_ips` (1.. addresses whose port is 0) are copied. `name` and `seed` name the
 * stream of random ports. */
void sim_nat_init(struct sim_nat *nat, const struct sim_nat_config *config,
                  const struct wr_address *public_ips, uint32_t public_ip_count, uint64_t seed,
                  const char *name);
void sim_nat_free(struct sim_nat *nat);

/* A datagram from the inside: gives it its external source. A hairpinned one gets its inside
 * destination too. It stays the caller's, also when it is not passed. */
enum sim_nat_fate sim_nat_outbound(struct sim_nat *nat, wr_instant now,
                                   struct sim_datagram *datagram);

/* A datagram from the outside to one of the public addresses: gives it its inside destination. */
enum sim_nat_fate sim_nat_inbound(struct sim_nat *nat, wr_instant now,
                                  struct sim_datagram *datagram);

/* When the next mapping expires. Nobody needs to be there: every entry first forgets what has
 * expired by its `now`. */
wr_instant sim_nat_next_deadline(const struct sim_nat *nat);
void sim_nat_on_deadline(struct sim_nat *nat, wr_instant now);

/* The public addresses, numbered from 0; port 0. */
uint32_t sim_nat_public_count(const struct sim_nat *nat);
struct wr_address sim_nat_public(const struct sim_nat *nat, uint32_t index);

/* Mappings alive at the last entry. */
uint32_t sim_nat_mapping_count(const struct sim_nat *nat);

/* The external address of `inside` towards `remote`; false where there is no mapping. Refreshes
 * nothing. */
bool sim_nat_external(struct sim_nat *nat, wr_instant now, const struct wr_address *inside,
                      const struct wr_address *remote, struct wr_address *out);

/* ---- What goes wrong ------------------------------------------------------------------------- */

/* Another timeout, also for the mappings that are there. */
void sim_nat_set_timeout(struct sim_nat *nat, wr_instant now, uint64_t timeout_ns);

/* All mappings are lost and allocation starts anew. With `public_ips` (NULL: the same) the public
 * addresses change. */
void sim_nat_reboot(struct sim_nat *nat, const struct wr_address *public_ips,
                    uint32_t public_ip_count);

/* Every mapping of this inside endpoint (NULL: of all) gets another external port, at once. Returns
 * how many did; one for which there is no other port is lost. */
uint32_t sim_nat_rebind(struct sim_nat *nat, wr_instant now, const struct wr_address *inside);

/* The mapping of `inside` towards `remote` moves to this external address; an IP of zero or a port
 * of 0 stays as it is. False where there is no such mapping, the IP is not one of the NAT's or the
 * place is taken. */
bool sim_nat_move(struct sim_nat *nat, wr_instant now, const struct wr_address *inside,
                  const struct wr_address *remote, const struct wr_address *external);

/* What was mapped for the inside endpoint `from` now belongs to `to`, filters and all; the next
 * datagram of `from` gets another port. Returns how many mappings went over. */
uint32_t sim_nat_give(struct sim_nat *nat, wr_instant now, const struct wr_address *from,
                      const struct wr_address *to);

#endif
