#include "load.h"

#include "cursor.h"
#include "wire.h"

#include <string.h>
#include <time.h>

/*
 * A datagram of the stream: | header 20 | sequence u64 | mark u32 | flow u32 | sent unix ns u64 | …
 * A keep-alive is the same without a time: it is never part of what is measured.
 */
#define MARK         0x776c6f64u
#define AT_SEQUENCE  WR_WIRE_HEADER_BYTES
#define AT_MARK      (AT_SEQUENCE + 8)
#define AT_FLOW      (AT_MARK + 4)
#define AT_SENT      (AT_FLOW + 4)
#define KEEP_LIFE_NS (10 * WR_S)
#define KEEP_AT_ONCE 256

static uint64_t unix_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

static uint32_t source_of(const struct load *load, enum wr_role role, uint32_t flow)
{
    return !load->spread ? 0 : (role == WR_ROLE_CLIENT ? LOAD_CLIENTS : LOAD_SERVERS) + flow;
}

/* Sequences begin at 1: an empty window's top is 0. */
static void write(struct load *load, enum wr_role role, uint32_t flow, uint64_t sent_ns,
                  uint8_t *out)
{
    struct load_flow *self = &load->flows[flow];
    out[0] = WR_WIRE_MAGIC;
    out[1] = WR_WIRE_VERSION;
    out[2] = WR_PACKET_FORWARD;
    out[3] = 0;
    memcpy(out + 4, self->session.bytes, sizeof self->session.bytes);
    wr_store_u64(out + AT_SEQUENCE, ++self->next_sequence[role]);
    wr_store_u32(out + AT_MARK, MARK);
    wr_store_u32(out + AT_FLOW, flow);
    wr_store_u64(out + AT_SENT, sent_ns);
}

void load_stream_send(struct load *load, uint32_t count)
{
    static uint32_t flow;
    const struct load_options *options = load->options;
    struct load_socket *out = &load->sockets[WR_ROLE_CLIENT];
    load_socket_flush(out); /* what waits there is not of the stream */
    uint64_t before = out->sent;
    while (count > 0) {
        uint32_t run = options->run < count ? options->run : count;
        uint64_t now_ns = options->latency ? unix_ns() : 1;
        uint32_t source = source_of(load, WR_ROLE_CLIENT, flow);
        if (options->gso) {
            uint8_t *bytes = load_socket_room(out, source, run * options->size, options->size);
            for (uint32_t i = 0; i < run; i++)
                write(load, WR_ROLE_CLIENT, flow, now_ns, bytes + (size_t)i * options->size);
        } else {
            for (uint32_t i = 0; i < run; i++)
                write(load, WR_ROLE_CLIENT, flow, now_ns,
                      load_socket_room(out, source, options->size, 0));
        }
        count -= run;
        flow = flow + 1 == options->flows ? 0 : flow + 1;
    }
    load_socket_flush(out);
    load->results.sent += out->sent - before;
}

void load_keep_alive(struct load *load, wr_instant now)
{
    uint32_t flows = load->options->flows;
    uint64_t gap_ns = KEEP_LIFE_NS / flows;
    for (int n = 0; n < KEEP_AT_ONCE && wr_elapsed(load->keepalive_ns, now) >= gap_ns; n++) {
        load->keepalive_ns += gap_ns;
        uint32_t flow = load->keepalive_next;
        load->keepalive_next = flow + 1 == flows ? 0 : flow + 1;
        if (!load->flows[flow].bound[0] || !load->flows[flow].bound[1])
            continue;
        for (int role = 0; role < WR_ROLES; role++) {
            struct load_socket *out = &load->sockets[role];
            uint8_t *bytes =
                load_socket_room(out, source_of(load, (enum wr_role)role, flow), LOAD_SIZE_MIN, 0);
            write(load, (enum wr_role)role, flow, 0, bytes);
            load->results.keepalives++;
        }
    }
    load_socket_flush(&load->sockets[0]);
    load_socket_flush(&load->sockets[1]);
}

/* ---- What comes back ------------------------------------------------------------------------- */

static void take_forward(struct load *load, enum wr_role role, const struct load_arrival *arrival)
{
    const uint8_t *bytes = arrival->bytes;
    struct load_results *results = &load->results;
    uint32_t flow = arrival->size >= LOAD_SIZE_MIN ? wr_load_u32(bytes + AT_FLOW) : UINT32_MAX;
    if (flow >= load->options->flows || wr_load_u32(bytes + AT_MARK) != MARK ||
        memcmp(bytes + 4, load->flows[flow].session.bytes, 16) != 0) {
        results->stray++;
        return;
    }
    uint64_t sent_ns = wr_load_u64(bytes + AT_SENT), sequence = wr_load_u64(bytes + AT_SEQUENCE);
    if (sent_ns == 0 || role != WR_ROLE_SERVER)
        return;
    results->delivered++;
    results->bytes_delivered += arrival->size;
    if (sequence <= load->flows[flow].highest)
        results->late++;
    else
        load->flows[flow].highest = sequence;
    if (load->options->latency)
        load_histogram_add(&load->latency, wr_elapsed(sent_ns, arrival->unix_ns));
}

static void take_other(struct load *load, enum wr_role role, const struct load_arrival *arrival)
{
    struct load_results *results = &load->results;
    struct wr_packet packet;
    enum wr_outcome failure;
    if (load_session_heard(load, role, arrival->bytes, arrival->size))
        return;
    bool decoded = wr_wire_decode(arrival->bytes, arrival->size, &packet, &failure);
    if (decoded && packet.type == WR_PACKET_LEASE_REJECT)
        results->rejects[packet.reason < LOAD_REASONS ? packet.reason : 0]++;
    else if (decoded && packet.type == WR_PACKET_LEASE_ACK)
        results->acks++;
    else
        results->stray++;
}

static void take(struct load *load, enum wr_role role, const struct load_arrival *arrival)
{
    bool forward = arrival->size > 2 && arrival->bytes[2] == WR_PACKET_FORWARD;
    if (forward && arrival->size >= LOAD_SIZE_MIN && wr_load_u32(arrival->bytes + AT_MARK) == MARK)
        take_forward(load, role, arrival);
    else
        take_other(load, role, arrival);
}

static void take_at_client(void *context, const struct load_arrival *arrival)
{
    take(context, WR_ROLE_CLIENT, arrival);
}

static void take_at_server(void *context, const struct load_arrival *arrival)
{
    take(context, WR_ROLE_SERVER, arrival);
}

uint32_t load_drain(struct load *load)
{
    uint32_t all = 0, some;
    do {
        some = load_socket_take(&load->sockets[WR_ROLE_SERVER], take_at_server, load);
        all += some;
    } while (some > 0 && all < 16 * LOAD_BATCH);
    do {
        some = load_socket_take(&load->sockets[WR_ROLE_CLIENT], take_at_client, load);
        all += some;
    } while (some > 0 && all < 32 * LOAD_BATCH);
    if (load->flood.arena != NULL)
        all += load_socket_take(&load->flood, take_at_client, load);
    return all;
}
