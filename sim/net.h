/*
 * The network as a tree: endpoints and NATs are nodes, each hangs on its parent by an uplink and a
 * downlink, and the root is the core of the public network. A datagram climbs from its endpoint
 * through links and NATs to the first node that knows where its destination lies and goes down from
 * there; a relay, a peer behind two NATs and a carrier's customer are all the same to it. Owns
 * links, NATs and routes; declines to know what endpoints do and what the bytes say.
 *
 * A further kind of node (a firewall, a gateway) is one more case in net.c, on the way up and on
 * the way down; nobody else needs to know.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "hash.h"
#include "link.h"
#include "nat.h"
#include "packet.h"
#include "queue.h"

#define SIM_NET_NONE UINT32_MAX
#define SIM_NET_CORE 0 /* the root */

enum sim_node_kind { SIM_NODE_CORE, SIM_NODE_NAT, SIM_NODE_ENDPOINT };

/* Why a datagram ended before it reached an endpoint. */
enum sim_drop {
    SIM_DROP_LOST,
    SIM_DROP_PARTITION,
    SIM_DROP_TOO_LONG,
    SIM_DROP_QUEUE_FULL,
    SIM_DROP_NAT_EXHAUSTED,
    SIM_DROP_NAT_NO_MAPPING,
    SIM_DROP_NAT_FILTERED,
    SIM_DROP_NAT_NO_HAIRPIN,
    SIM_DROP_NO_ROUTE,
    SIM_DROP_COUNT
};
const char *sim_drop_name(enum sim_drop drop);

struct sim_node {
    uint32_t parent;
    uint32_t uplink; /* SIM_NET_NONE: no delay, no loss */
    uint32_t downlink;
    uint32_t object;           /* NAT: its index; endpoint: the number that its owner gave it */
    struct wr_address address; /* of an endpoint */
    enum sim_node_kind kind;
    bool up_blocked; /* partitions */
    bool down_blocked;
};

/* What the network tells its owner. `dropped` and `entered` may be NULL. */
struct sim_net_listener {
    void *context;
    /* Reached the endpoint, which takes the datagram over. */
    void (*delivered)(void *context, uint32_t endpoint, struct sim_datagram *datagram);
    /* Is about to end; borrowed. */
    void (*dropped)(void *context, const struct sim_datagram *datagram, enum sim_drop why);
    /* Enters the public network; borrowed. Returns for how long it is held back there, in ns. */
    uint64_t (*entered)(void *context, const struct sim_datagram *datagram);
};

struct sim_net;

/* All are borrowed and outlive the network. Events of links are pushed under `class_`, with the
 * link's index as their data and `what` as it is given here. NULL where memory is short. */
struct sim_net *sim_net_create(struct sim_queue *queue, struct sim_packets *packets,
                               struct sim_hash *hash, uint64_t seed, unsigned class_, uint32_t what,
                               const struct sim_net_listener *listener);
void sim_net_destroy(struct sim_net *net);

/* ---- Building it ----------------------------------------------------------------------------- */

/* A link; `config` is borrowed, `name` names its dice and is copied. */
uint32_t sim_net_add_link(struct sim_net *net, const struct sim_link_config *config,
                          const char *name);

/* A NAT below `parent`, reached there by its public addresses. Returns its node. */
uint32_t sim_net_add_nat(struct sim_net *net, uint32_t parent, uint32_t uplink, uint32_t downlink,
                         const struct sim_nat_config *config, const struct wr_address *public_ips,
                         uint32_t public_ip_count, const char *name);

/* An endpoint below `parent`, reached there at `address`; with port 0 at every port. Returns its
 * node. */
uint32_t sim_net_add_endpoint(struct sim_net *net, uint32_t parent, uint32_t uplink,
                              uint32_t downlink, const struct wr_address *address,
                              uint32_t endpoint);

/* The endpoint is reached at `count` further addresses, counting up from `first` (any port). */
void sim_net_add_addresses(struct sim_net *net, uint32_t node, const struct wr_address *first,
                           uint32_t count);

/* ---- Running it ------------------------------------------------------------------------------ */

/* A datagram leaves an endpoint; the network takes it over. Its addresses, sender and cause are
 * filled in. `now` is at least the queue's time and never decreases for one uplink. Nothing is
 * delivered before this returns. */
void sim_net_send(struct sim_net *net, wr_instant now, uint32_t node,
                  struct sim_datagram *datagram);

/* An event of a link is due. Returns how many datagrams arrived at its end. */
uint32_t sim_net_on_event(struct sim_net *net, const struct sim_event *event);

/* ---- Changing it ----------------------------------------------------------------------------- */

/* The endpoint hangs somewhere else from now on and is reached there at `address`. What is under
 * way to its old place does not find it there. */
void sim_net_move(struct sim_net *net, uint32_t node, uint32_t parent, uint32_t uplink,
                  uint32_t downlink, const struct wr_address *address);

/* A partition of one node from its parent, by direction. */
void sim_net_block(struct sim_net *net, uint32_t node, bool up, bool down);

/* The NAT restarts, with other public addresses where they are given. */
void sim_net_reboot_nat(struct sim_net *net, uint32_t node, const struct wr_address *public_ips,
                        uint32_t public_ip_count);

void sim_net_change_link(struct sim_net *net, uint32_t link, const struct sim_link_config *config);

/* ---- Looking --------------------------------------------------------------------------------- */

struct sim_nat *sim_net_nat(struct sim_net *net, uint32_t node);
struct sim_link *sim_net_link(struct sim_net *net, uint32_t link);
const struct sim_node *sim_net_node(const struct sim_net *net, uint32_t node);
uint32_t sim_net_link_count(const struct sim_net *net);

uint64_t sim_net_drops(const struct sim_net *net, enum sim_drop drop);
uint64_t sim_net_memory_bytes(const struct sim_net *net);

#endif
