#include "net.h"

#include "net_route.h"

#include <address.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A link with its place in the event queue. At most one event of it matters: the one at armed_ns;
 * one that was pushed for a later time and then overtaken is ignored when it comes. */
struct net_link {
    struct sim_link link;
    wr_instant armed_ns;
    uint32_t source;
    char *name;
};

struct sim_net {
    struct sim_queue *queue;
    struct sim_packets *packets;
    struct sim_hash *hash;
    struct sim_net_listener listener;
    uint64_t seed;
    unsigned class_;
    uint32_t what;
    struct sim_node *nodes;
    struct net_link *links;
    struct sim_nat *nats;
    uint32_t node_count, node_capacity;
    uint32_t link_count, link_capacity;
    uint32_t nat_count, nat_capacity;
    uint32_t hold;    /* a perfect link that keeps what must not arrive within this call */
    uint32_t sending; /* calls of sim_net_send under way */
    struct sim_routes routes;
    uint64_t drops[SIM_DROP_COUNT];
};

static const struct sim_link_config hold_config = {.jitter_reorders = true};

const char *sim_drop_name(enum sim_drop drop)
{
    static const char *const names[SIM_DROP_COUNT] = {
        [SIM_DROP_LOST] = "lost on a link",
        [SIM_DROP_PARTITION] = "partition",
        [SIM_DROP_TOO_LONG] = "longer than the MTU",
        [SIM_DROP_QUEUE_FULL] = "link queue full",
        [SIM_DROP_NAT_EXHAUSTED] = "NAT has no port left",
        [SIM_DROP_NAT_NO_MAPPING] = "no NAT mapping",
        [SIM_DROP_NAT_FILTERED] = "filtered by a NAT",
        [SIM_DROP_NAT_NO_HAIRPIN] = "NAT does not hairpin",
        [SIM_DROP_NO_ROUTE] = "nobody has that address",
    };
    return names[drop];
}

static void *with_room(void *array, uint32_t count, uint32_t *capacity, size_t element_bytes)
{
    if (count < *capacity) {
        return array;
    }
    uint32_t bigger = *capacity > 0 ? 2 * *capacity : 16;
    array = realloc(array, (size_t)bigger * element_bytes);
    if (array == NULL) {
        abort(); /* the simulator does not outlive its memory */
    }
    *capacity = bigger;
    return array;
}

static uint32_t add_node(struct sim_net *net, enum sim_node_kind kind, uint32_t parent,
                         uint32_t uplink, uint32_t downlink, uint32_t object)
{
    net->nodes = with_room(net->nodes, net->node_count, &net->node_capacity, sizeof *net->nodes);
    net->nodes[net->node_count] = (struct sim_node){
        .parent = parent,
        .uplink = uplink,
        .downlink = downlink,
        .object = object,
        .kind = kind,
    };
    return net->node_count++;
}

struct sim_net *sim_net_create(struct sim_queue *queue, struct sim_packets *packets,
                               struct sim_hash *hash, uint64_t seed, unsigned class_, uint32_t what,
                               const struct sim_net_listener *listener)
{
    struct sim_net *net = calloc(1, sizeof *net);
    if (net == NULL) {
        return NULL;
    }
    net->queue = queue;
    net->packets = packets;
    net->hash = hash;
    net->listener = *listener;
    net->seed = seed;
    net->class_ = class_;
    net->what = what;
    sim_routes_init(&net->routes);
    add_node(net, SIM_NODE_CORE, SIM_NET_NONE, SIM_NET_NONE, SIM_NET_NONE, SIM_NET_NONE);
    net->hold = sim_net_add_link(net, &hold_config, "hold");
    return net;
}

void sim_net_destroy(struct sim_net *net)
{
    if (net == NULL) {
        return;
    }
    for (uint32_t i = 0; i < net->link_count; i++) {
        sim_link_free(&net->links[i].link, net->packets);
        free(net->links[i].name);
    }
    for (uint32_t i = 0; i < net->nat_count; i++) {
        sim_nat_free(&net->nats[i]);
    }
    sim_routes_free(&net->routes);
    free(net->links);
    free(net->nats);
    free(net->nodes);
    free(net);
}

uint32_t sim_net_add_link(struct sim_net *net, const struct sim_link_config *config,
                          const char *name)
{
    net->links = with_room(net->links, net->link_count, &net->link_capacity, sizeof *net->links);
    struct net_link *link = &net->links[net->link_count];
    size_t name_bytes = strlen(name) + 1;
    sim_link_init(&link->link, config, net->seed, name);
    link->armed_ns = WR_NEVER;
    link->source = sim_queue_source(net->queue);
    link->name = malloc(name_bytes);
    if (link->name == NULL) {
        abort();
    }
    memcpy(link->name, name, name_bytes);
    return net->link_count++;
}

static void add_nat_routes(struct sim_net *net, uint32_t node)
{
    const struct sim_nat *nat = &net->nats[net->nodes[node].object];
    for (uint32_t i = 0; i < sim_nat_public_count(nat); i++) {
        struct wr_address ip = sim_nat_public(nat, i);
        sim_routes_add(&net->routes, net->nodes[node].parent, &ip, node);
    }
}

uint32_t sim_net_add_nat(struct sim_net *net, uint32_t parent, uint32_t uplink, uint32_t downlink,
                         const struct sim_nat_config *config, const struct wr_address *public_ips,
                         uint32_t public_ip_count, const char *name)
{
    net->nats = with_room(net->nats, net->nat_count, &net->nat_capacity, sizeof *net->nats);
    sim_nat_init(&net->nats[net->nat_count], config, public_ips, public_ip_count, net->seed, name);
    uint32_t node = add_node(net, SIM_NODE_NAT, parent, uplink, downlink, net->nat_count++);
    add_nat_routes(net, node);
    return node;
}

uint32_t sim_net_add_endpoint(struct sim_net *net, uint32_t parent, uint32_t uplink,
                              uint32_t downlink, const struct wr_address *address,
                              uint32_t endpoint)
{
    uint32_t node = add_node(net, SIM_NODE_ENDPOINT, parent, uplink, downlink, endpoint);
    net->nodes[node].address = *address;
    sim_routes_add(&net->routes, parent, address, node);
    return node;
}

void sim_net_add_addresses(struct sim_net *net, uint32_t node, const struct wr_address *first,
                           uint32_t count)
{
    sim_routes_add_run(&net->routes, net->nodes[node].parent, first, count, node);
}

/* ---- The way of a datagram ------------------------------------------------------------------- */

static void drop(struct sim_net *net, struct sim_datagram *datagram, enum sim_drop why)
{
    net->drops[why]++;
    sim_hash_word(net->hash, datagram->number << 8 | 0x80u | (unsigned)why);
    if (net->listener.dropped != NULL) {
        net->listener.dropped(net->listener.context, datagram, why);
    }
    sim_datagram_release(net->packets, datagram);
}

static void go_on(struct sim_net *net, wr_instant now, struct sim_datagram *datagram);

static void arm(struct sim_net *net, uint32_t index)
{
    struct net_link *link = &net->links[index];
    wr_instant due_ns = sim_link_next_deadline(&link->link);
    if (due_ns < link->armed_ns) {
        link->armed_ns = due_ns;
        sim_queue_push(net->queue, due_ns, net->class_, link->source, net->what, index);
    }
}

static void over_link(struct sim_net *net, wr_instant now, uint32_t index,
                      struct sim_datagram *datagram)
{
    static const enum sim_drop why[SIM_LINK_FATE_COUNT] = {
        [SIM_LINK_LOST] = SIM_DROP_LOST,
        [SIM_LINK_BLOCKED] = SIM_DROP_PARTITION,
        [SIM_LINK_TOO_LONG] = SIM_DROP_TOO_LONG,
        [SIM_LINK_QUEUE_FULL] = SIM_DROP_QUEUE_FULL,
    };
    enum sim_link_fate fate = sim_link_send(&net->links[index].link, net->packets, now, datagram);
    if (fate == SIM_LINK_CARRIED) {
        arm(net, index);
    } else {
        drop(net, datagram, why[fate]);
    }
}

/* Over a link, or without one, to the node `datagram->at`. */
static void traverse(struct sim_net *net, wr_instant now, uint32_t index,
                     struct sim_datagram *datagram)
{
    if (index == SIM_NET_NONE || sim_link_is_perfect(&net->links[index].link)) {
        /* The core keeps no state, so that it may see a datagram before its time; nobody else
         * may. And nobody receives from inside a send: it may be in the middle of its own work. */
        bool is_now = now == sim_queue_now_ns(net->queue);
        bool is_endpoint = net->nodes[datagram->at].kind == SIM_NODE_ENDPOINT;
        if (datagram->at == SIM_NET_CORE || (is_now && !(is_endpoint && net->sending > 0))) {
            go_on(net, now, datagram);
            return;
        }
        index = net->hold;
    }
    over_link(net, now, index, datagram);
}

static void climb(struct sim_net *net, wr_instant now, uint32_t from, struct sim_datagram *datagram)
{
    const struct sim_node *node = &net->nodes[from];
    if (node->up_blocked) {
        drop(net, datagram, SIM_DROP_PARTITION);
        return;
    }
    datagram->at = node->parent;
    datagram->down = false;
    traverse(net, now, node->uplink, datagram);
}

static void descend(struct sim_net *net, wr_instant now, uint32_t to, struct sim_datagram *datagram)
{
    const struct sim_node *node = &net->nodes[to];
    if (node->down_blocked) {
        drop(net, datagram, SIM_DROP_PARTITION);
        return;
    }
    datagram->at = to;
    datagram->down = true;
    traverse(net, now, node->downlink, datagram);
}

/* From a node to the child that has the destination. */
static void route(struct sim_net *net, wr_instant now, uint32_t from, struct sim_datagram *datagram)
{
    uint32_t child = sim_routes_find(&net->routes, from, &datagram->to);
    if (child == SIM_ROUTE_NONE) {
        drop(net, datagram, SIM_DROP_NO_ROUTE);
        return;
    }
    descend(net, now, child, datagram);
}

static enum sim_drop nat_drop(enum sim_nat_fate fate)
{
    switch (fate) {
    case SIM_NAT_EXHAUSTED:
        return SIM_DROP_NAT_EXHAUSTED;
    case SIM_NAT_FILTERED:
        return SIM_DROP_NAT_FILTERED;
    case SIM_NAT_NO_HAIRPIN:
        return SIM_DROP_NAT_NO_HAIRPIN;
    case SIM_NAT_NO_MAPPING:
    case SIM_NAT_PASSED:
    case SIM_NAT_TURNED:
    case SIM_NAT_FATE_COUNT:
        break;
    }
    return SIM_DROP_NAT_NO_MAPPING;
}

static void up_through_nat(struct sim_net *net, wr_instant now, struct sim_datagram *datagram)
{
    uint32_t at = datagram->at;
    if (sim_routes_find(&net->routes, at, &datagram->to) != SIM_ROUTE_NONE) {
        route(net, now, at, datagram); /* a neighbour on the inside: not translated */
        return;
    }
    enum sim_nat_fate fate = sim_nat_outbound(&net->nats[net->nodes[at].object], now, datagram);
    if (fate == SIM_NAT_PASSED) {
        climb(net, now, at, datagram);
    } else if (fate == SIM_NAT_TURNED) {
        route(net, now, at, datagram);
    } else {
        drop(net, datagram, nat_drop(fate));
    }
}

static void down_through_nat(struct sim_net *net, wr_instant now, struct sim_datagram *datagram)
{
    uint32_t at = datagram->at;
    enum sim_nat_fate fate = sim_nat_inbound(&net->nats[net->nodes[at].object], now, datagram);
    if (fate == SIM_NAT_PASSED) {
        route(net, now, at, datagram);
    } else {
        drop(net, datagram, nat_drop(fate));
    }
}

/* False where the endpoint has moved away from that address meanwhile. */
static bool is_reached(const struct sim_net *net, const struct sim_node *node,
                       const struct sim_datagram *datagram)
{
    return wr_address_equal(&node->address, &datagram->to) ||
           sim_routes_find(&net->routes, node->parent, &datagram->to) == datagram->at;
}

/* It has reached the node `datagram->at`. */
static void go_on(struct sim_net *net, wr_instant now, struct sim_datagram *datagram)
{
    const struct sim_node *node = &net->nodes[datagram->at];
    switch (node->kind) {
    case SIM_NODE_CORE:
        if (net->listener.entered != NULL && !datagram->entered) {
            datagram->entered = true;
            uint64_t held_ns = net->listener.entered(net->listener.context, datagram);
            if (held_ns > 0) {
                over_link(net, wr_after(now, held_ns), net->hold, datagram);
                return;
            }
        }
        route(net, now, datagram->at, datagram);
        return;
    case SIM_NODE_NAT:
        if (datagram->down) {
            down_through_nat(net, now, datagram);
        } else {
            up_through_nat(net, now, datagram);
        }
        return;
    case SIM_NODE_ENDPOINT:
        if (!is_reached(net, node, datagram)) {
            drop(net, datagram, SIM_DROP_NO_ROUTE);
            return;
        }
        sim_hash_word(net->hash, datagram->number << 8 | 0x40u);
        sim_hash_word(net->hash, (uint64_t)node->object << 32 | datagram->to.port);
        net->listener.delivered(net->listener.context, node->object, datagram);
        return;
    }
    assert(false);
}

void sim_net_send(struct sim_net *net, wr_instant now, uint32_t node, struct sim_datagram *datagram)
{
    assert(now >= sim_queue_now_ns(net->queue));
    datagram->born_ns = now;
    sim_hash_word(net->hash, datagram->number << 8 | datagram->from.port);
    sim_hash_word(net->hash, datagram->payload->digest);
    net->sending++;
    climb(net, now, node, datagram);
    net->sending--;
}

uint32_t sim_net_on_event(struct sim_net *net, const struct sim_event *event)
{
    uint32_t index = event->data;
    uint32_t arrived = 0;
    struct sim_datagram *datagram;
    if (net->links[index].armed_ns != event->at_ns) {
        return 0;
    }
    /* Whoever receives may send again and add links: nothing is kept across the call. */
    while ((datagram = sim_link_take(&net->links[index].link, event->at_ns)) != NULL) {
        arrived++;
        go_on(net, event->at_ns, datagram);
    }
    net->links[index].armed_ns = WR_NEVER;
    arm(net, index);
    return arrived;
}

/* ---- Changes --------------------------------------------------------------------------------- */

void sim_net_move(struct sim_net *net, uint32_t node, uint32_t parent, uint32_t uplink,
                  uint32_t downlink, const struct wr_address *address)
{
    struct sim_node *moved = &net->nodes[node];
    assert(moved->kind == SIM_NODE_ENDPOINT);
    sim_routes_remove(&net->routes, moved->parent, &moved->address, node);
    moved->parent = parent;
    moved->uplink = uplink;
    moved->downlink = downlink;
    moved->address = *address;
    sim_routes_add(&net->routes, parent, address, node);
}

void sim_net_block(struct sim_net *net, uint32_t node, bool up, bool down)
{
    net->nodes[node].up_blocked = up;
    net->nodes[node].down_blocked = down;
}

void sim_net_reboot_nat(struct sim_net *net, uint32_t node, const struct wr_address *public_ips,
                        uint32_t public_ip_count)
{
    const struct sim_node *at = &net->nodes[node];
    struct sim_nat *nat = &net->nats[at->object];
    assert(at->kind == SIM_NODE_NAT);
    for (uint32_t i = 0; i < sim_nat_public_count(nat); i++) {
        struct wr_address ip = sim_nat_public(nat, i);
        sim_routes_remove(&net->routes, at->parent, &ip, node);
    }
    sim_nat_reboot(nat, public_ips, public_ip_count);
    add_nat_routes(net, node);
}

void sim_net_change_link(struct sim_net *net, uint32_t link, const struct sim_link_config *config)
{
    sim_link_change(&net->links[link].link, config, net->seed, net->links[link].name);
}

/* ---- Looking --------------------------------------------------------------------------------- */

struct sim_nat *sim_net_nat(struct sim_net *net, uint32_t node)
{
    assert(net->nodes[node].kind == SIM_NODE_NAT);
    return &net->nats[net->nodes[node].object];
}

struct sim_link *sim_net_link(struct sim_net *net, uint32_t link)
{
    return &net->links[link].link;
}

const struct sim_node *sim_net_node(const struct sim_net *net, uint32_t node)
{
    return &net->nodes[node];
}

uint32_t sim_net_link_count(const struct sim_net *net)
{
    return net->link_count;
}

uint64_t sim_net_drops(const struct sim_net *net, enum sim_drop drop)
{
    return net->drops[drop];
}

uint64_t sim_net_memory_bytes(const struct sim_net *net)
{
    return sizeof *net + (uint64_t)net->node_capacity * sizeof *net->nodes +
           (uint64_t)net->link_capacity * sizeof *net->links +
           (uint64_t)net->nat_capacity * sizeof *net->nats +
           (uint64_t)net->routes.capacity * (sizeof *net->routes.routes + sizeof(uint32_t));
}
