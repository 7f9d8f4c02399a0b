/*
 * What the application at each end of a session says: when and how much is the profile's business
 * (traffic.h), what is in it is said here. A body begins with its number and the time it was sent,
 * so that the other end can tell what it is and how long it took.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define BODY_HEAD_BYTES 16

static void put_le64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_le64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* Head, and a filling that differs from number to number. */
static void write_body(uint8_t *body, uint32_t bytes, uint64_t number, wr_instant sent_ns)
{
    uint8_t head[BODY_HEAD_BYTES];
    put_le64(head, number);
    put_le64(head + 8, sent_ns);
    memset(body, (int)(number * 167 & 0xff), bytes);
    memcpy(body, head, bytes < BODY_HEAD_BYTES ? bytes : BODY_HEAD_BYTES);
}

static void rearm(struct world_end *end)
{
    world_arm(end->world, &end->traffic.timer, sim_traffic_next_deadline(&end->traffic.profile),
              WORLD_CLASS_PEER, WORLD_TRAFFIC, end->index);
}

void world_traffic_build(struct world_end *end)
{
    struct world *world = end->world;
    end->traffic.timer = world_timer(world);
    end->traffic.profile.next_ns = WR_NEVER;
    if (world->scenario->peers[end->peer].behaviour == SIM_UPSTREAM) {
        end->traffic.history = world_zeroed(WORLD_HISTORY, sizeof *end->traffic.history);
    }
}

void world_traffic_begin(struct world_end *end)
{
    const struct sim_session_spec *session = &end->world->scenario->sessions[end->session];
    wr_instant now = sim_queue_now_ns(&end->world->queue);
    sim_traffic_begin(&end->traffic.profile, &session->traffic[end->role], now);
    if (end->traffic.stopped) {
        sim_traffic_stop(&end->traffic.profile, now, WR_NEVER);
    }
    rearm(end);
}

void world_traffic_resume(struct world_end *end)
{
    if (end->started) {
        sim_traffic_skip(&end->traffic.profile, sim_queue_now_ns(&end->world->queue));
        rearm(end);
    }
}

/* A datagram of so many bytes in all, or a longer one where the head would not fit. */
static void say(struct world_end *end, uint32_t datagram_bytes)
{
    struct world_traffic *traffic = &end->traffic;
    wr_instant now = sim_queue_now_ns(&end->world->queue);
    uint32_t overhead_bytes = wr_peer_overhead_bytes(end->core);
    uint32_t body_bytes = BODY_HEAD_BYTES;
    uint8_t body[WR_DATAGRAM_BYTES_MAX];
    uint64_t sequence;
    if (datagram_bytes > overhead_bytes + BODY_HEAD_BYTES) {
        body_bytes = datagram_bytes - overhead_bytes;
    }
    write_body(body, body_bytes, traffic->number, now);
    if (!wr_peer_send(end->core, now, body, body_bytes, &sequence)) {
        return; /* not bound yet, or not any more: the application has lost it */
    }
    if (traffic->history != NULL) {
        traffic->history[sequence % WORLD_HISTORY] =
            (struct world_sent){.sequence = sequence, .number = traffic->number, .sent_ns = now};
    }
    world_observe_sent(end, traffic->number++);
}

void world_traffic_on_event(struct world_end *end)
{
    const struct world_peer *peer = &end->world->peers[end->peer];
    wr_instant now = sim_queue_now_ns(&end->world->queue);
    bool speaks = end->started && !peer->asleep && !peer->crashed;
    uint32_t bytes;
    while ((bytes = sim_traffic_take(&end->traffic.profile, now)) > 0) {
        if (speaks) {
            say(end, bytes);
        }
    }
    world_end_rearm(end);
    rearm(end);
}

void world_traffic_stop(struct world_end *end, wr_instant until_ns)
{
    end->traffic.stopped = until_ns == WR_NEVER;
    if (end->started) {
        sim_traffic_stop(&end->traffic.profile, sim_queue_now_ns(&end->world->queue), until_ns);
        rearm(end);
    }
}

void world_traffic_start(struct world_end *end)
{
    end->traffic.stopped = false;
    if (end->started) {
        sim_traffic_start(&end->traffic.profile, sim_queue_now_ns(&end->world->queue));
        rearm(end);
    }
}

void world_traffic_delivered(struct world_end *end, const struct wr_peer_delivery *delivery)
{
    if (delivery->body_bytes >= BODY_HEAD_BYTES) {
        world_observe_delivered(end, get_le64(delivery->body), get_le64(delivery->body + 8));
    }
}

bool world_traffic_recall(struct world_end *end, uint64_t sequence, uint8_t *body,
                          uint32_t body_bytes)
{
    if (end->traffic.history == NULL) {
        return false;
    }
    const struct world_sent *sent = &end->traffic.history[sequence % WORLD_HISTORY];
    if (sent->sequence != sequence || sent->sent_ns == 0) {
        return false;
    }
    write_body(body, body_bytes, sent->number, sent->sent_ns);
    return true;
}
