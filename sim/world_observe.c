/*
 * What watchers are told. Nothing here decides anything: without a watcher the run is the same.
 */
#include "world.h"

#include <string.h>

#define HEADER_BYTES 20
#define TYPE_ACK     0x02
#define TYPE_REJECT  0x03
#define TYPE_FORWARD 0x10

static struct sim_observation observation(const struct world *world, enum sim_observation_kind kind)
{
    return sim_observation(kind, sim_queue_now_ns(&world->queue));
}

static void tell(const struct world *world, const struct sim_observation *what)
{
    world->observer->observe(world->observer->context, what);
}

static void set_party(const struct world *world, struct sim_observation *what, uint32_t endpoint)
{
    uint32_t peers = world->scenario->peer_count;
    if (endpoint < peers) {
        what->peer = endpoint;
    } else if (endpoint != SIM_NONE && endpoint - peers < world->scenario->attacker_count) {
        what->attacker = endpoint - peers;
    }
}

enum sim_packet world_packet(const uint8_t *bytes, uint32_t size)
{
    if (size >= 2 && bytes[0] == 'R' && bytes[1] == 'I') {
        return SIM_PACKET_BARE;
    }
    if (size < HEADER_BYTES || bytes[0] != 0x57) {
        return SIM_PACKET_JUNK;
    }
    switch (bytes[2]) {
    case 0x01:
        return SIM_PACKET_PRESENT;
    case TYPE_ACK:
        return SIM_PACKET_ACK;
    case TYPE_REJECT:
        return SIM_PACKET_REJECT;
    case 0x04:
        return SIM_PACKET_RENEW;
    case TYPE_FORWARD:
        return SIM_PACKET_FORWARD;
    default:
        return SIM_PACKET_JUNK;
    }
}

bool world_is_answer(const uint8_t *bytes, uint32_t size)
{
    return size >= HEADER_BYTES && bytes[0] == 0x57 &&
           (bytes[2] == TYPE_ACK || bytes[2] == TYPE_REJECT);
}

static uint32_t session_bucket(const struct world *world, const uint8_t id[16])
{
    return (uint32_t)(sim_hash_bytes(id, 16) & (world->session_bucket_count - 1));
}

uint32_t world_session(const struct world *world, const uint8_t id[16])
{
    uint32_t index = world->session_buckets[session_bucket(world, id)];
    while (index != SIM_NONE && memcmp(world->scenario->sessions[index].id.bytes, id, 16) != 0) {
        index = world->session_next[index];
    }
    return index;
}

void world_index_sessions(struct world *world)
{
    uint32_t count = world->scenario->session_count;
    world->session_bucket_count = 16;
    while (world->session_bucket_count < 2 * count) {
        world->session_bucket_count *= 2;
    }
    world->session_buckets =
        world_zeroed(world->session_bucket_count, sizeof *world->session_buckets);
    world->session_next = world_zeroed(count, sizeof *world->session_next);
    memset(world->session_buckets, 0xff,
           world->session_bucket_count * sizeof *world->session_buckets);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bucket = session_bucket(world, world->scenario->sessions[i].id.bytes);
        world->session_next[i] = world->session_buckets[bucket];
        world->session_buckets[bucket] = i;
    }
}

void world_observe_relay(struct world_relay *relay, const struct wr_event *event, uint32_t sender)
{
    const struct world *world = relay->world;
    if (world->observer == NULL) {
        return;
    }
    struct sim_observation what = observation(world, SIM_OBSERVED_RELAY);
    what.relay = relay->index;
    what.event = event;
    set_party(world, &what, sender);
    if (event->session != NULL) {
        what.session = world_session(world, event->session->bytes);
    }
    tell(world, &what);
}

void world_observe_violation(void *context, const struct sim_violation *violation)
{
    struct world_relay *relay = context;
    struct world *world = relay->world;
    world->violations++;
    if (world->observer == NULL) {
        return;
    }
    struct sim_observation what = observation(world, SIM_OBSERVED_VIOLATION);
    what.relay = relay->index;
    what.number = (uint64_t)violation->oracle;
    what.text = violation->text;
    tell(world, &what);
}

static struct sim_observation of_flow(const struct world_end *end, enum sim_observation_kind kind,
                                      enum wr_role sender, uint64_t number)
{
    struct sim_observation what = observation(end->world, kind);
    what.session = end->session;
    what.peer = end->peer;
    what.role = sender;
    what.number = number;
    return what;
}

void world_observe_sent(struct world_end *end, uint64_t number)
{
    if (end->world->observer != NULL) {
        struct sim_observation what = of_flow(end, SIM_OBSERVED_SENT, end->role, number);
        tell(end->world, &what);
    }
}

void world_observe_delivered(struct world_end *end, uint64_t number, wr_instant sent_ns)
{
    if (end->world->observer != NULL) {
        enum wr_role sender = wr_role_other(end->role);
        struct sim_observation what = of_flow(end, SIM_OBSERVED_DELIVERED, sender, number);
        what.sent_ns = sent_ns;
        tell(end->world, &what);
    }
}

/* An ACK or a reject that reached a peer of its session. */
static void observe_answer(struct world *world, uint32_t peer, uint32_t session,
                           const uint8_t *bytes, uint32_t size)
{
    const struct sim_session_spec *spec = &world->scenario->sessions[session];
    struct sim_observation what = observation(world, SIM_OBSERVED_ANSWER);
    what.peer = peer;
    what.session = session;
    what.role = spec->peers[WR_ROLE_CLIENT] == peer ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
    what.packet = bytes[2] == TYPE_ACK ? SIM_PACKET_ACK : SIM_PACKET_REJECT;
    if (bytes[2] == TYPE_REJECT && size >= HEADER_BYTES + 2) {
        what.reason = (uint32_t)bytes[HEADER_BYTES] << 8 | bytes[HEADER_BYTES + 1];
    }
    tell(world, &what);
}

/* An ACK is for whoever asked: a candidate gets its own, whoever it is. */
void world_observe_arrival(struct world *world, uint32_t endpoint,
                           const struct sim_datagram *datagram)
{
    const uint8_t *bytes = sim_content_bytes(datagram->payload);
    uint32_t size = datagram->payload->size;
    if (!world_is_relay_endpoint(world, datagram->sender)) {
        return;
    }
    uint32_t relay = datagram->sender - world_relay_endpoint(world, 0);
    sim_oracle_delivered(world->relays[relay].oracle, sim_queue_now_ns(&world->queue), endpoint,
                         datagram->cause, bytes, size);
    if (world->observer == NULL || size < HEADER_BYTES || bytes[0] != 0x57) {
        return;
    }
    uint32_t session = world_session(world, bytes + 4);
    if (session == SIM_NONE) {
        return;
    }
    const struct sim_session_spec *spec = &world->scenario->sessions[session];
    if (spec->peers[WR_ROLE_CLIENT] == endpoint || spec->peers[WR_ROLE_SERVER] == endpoint) {
        if (bytes[2] == TYPE_ACK || bytes[2] == TYPE_REJECT) {
            observe_answer(world, endpoint, session, bytes, size);
        }
    } else if (bytes[2] == TYPE_FORWARD || (bytes[2] == TYPE_ACK && datagram->asker != endpoint)) {
        struct sim_observation what = observation(world, SIM_OBSERVED_STRAY);
        set_party(world, &what, endpoint);
        what.session = session;
        tell(world, &what);
    }
}

void world_observe_sample(struct world *world, wr_instant at_ns)
{
    if (world->observer == NULL) {
        return;
    }
    for (uint32_t i = 0; i < world->scenario->relay_count; i++) {
        struct world_relay *relay = &world->relays[i];
        struct wr_snapshot snapshot;
        world_relay_snapshot(relay, &snapshot);
        const struct sim_sample sample = {
            .snapshot = &snapshot,
            .memory_bytes = relay->memory_bytes,
            .receive_queue_datagrams = relay->host.queued,
            .registered = relay->has_link && wr_master_link_registered(&relay->link),
            .ready = world_relay_ready(relay),
            .running = relay->core != NULL,
        };
        struct sim_observation what = sim_observation(SIM_OBSERVED_SAMPLE, at_ns);
        what.relay = i;
        what.sample = &sample;
        tell(world, &what);
    }
}

void world_observe_action(struct world *world, const struct sim_action *action)
{
    if (world->observer != NULL) {
        struct sim_observation what = observation(world, SIM_OBSERVED_ACTION);
        what.action = action;
        tell(world, &what);
    }
}

void world_observe_note(struct world *world, uint32_t peer, const char *text)
{
    if (world->observer != NULL) {
        struct sim_observation what = observation(world, SIM_OBSERVED_NOTE);
        what.peer = peer;
        what.text = text;
        tell(world, &what);
    }
}

void world_observe_relay_note(const struct world_relay *relay, const char *text)
{
    if (relay->world->observer != NULL) {
        struct sim_observation what = observation(relay->world, SIM_OBSERVED_NOTE);
        what.relay = relay->index;
        what.text = text;
        tell(relay->world, &what);
    }
}

void world_observe_request(struct world *world, uint32_t master, enum sim_request request,
                           uint32_t relay, uint32_t peer)
{
    if (world->observer != NULL) {
        struct sim_observation what = observation(world, SIM_OBSERVED_REQUEST);
        what.master = master;
        what.request = request;
        what.relay = relay;
        what.peer = peer;
        tell(world, &what);
    }
}

void world_observe_datagram(struct world *world, const struct sim_datagram *datagram)
{
    if (world->observer != NULL && world->observer->datagrams) {
        struct sim_observation what = observation(world, SIM_OBSERVED_DATAGRAM);
        what.from = datagram->from;
        what.to = datagram->to;
        what.bytes = sim_content_bytes(datagram->payload);
        what.size = datagram->payload->size;
        tell(world, &what);
    }
}
