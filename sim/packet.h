/*
 * Datagrams under way in the simulated network. The bytes lie in payloads that are counted by
 * reference and never change once they are made, so that a datagram is not copied per hop, by a
 * relay that forwards it or by a link that duplicates it; the small envelope around them carries
 * the addresses, which NATs rewrite. Owns the memory of both; declines to know what the bytes say.
 */
#ifndef SIM_PACKET_H
#define SIM_PACKET_H

#include <wavry/types.h>

/* Longer than the protocol allows, so that an oversize datagram can be sent. */
#define SIM_DATAGRAM_BYTES_MAX 2048

/* Bytes of the IP and UDP headers in front of the payload. */
#define SIM_HEADERS_V4_BYTES 28
#define SIM_HEADERS_V6_BYTES 48

struct sim_content {
    uint64_t digest; /* sim_hash_bytes of the bytes */
    uint32_t references;
    uint16_t size;
    uint16_t pool; /* which free list it goes back to */
    struct sim_content *next_free;
};

/* Pulls the bytes behind a content's head towards the cache. */
static inline void sim_content_prefetch(const struct sim_content *content, uint32_t size)
{
    const uint8_t *bytes = (const uint8_t *)(content + 1);
    for (uint32_t at = 0; at < size; at += 64) {
        __builtin_prefetch(bytes + at, 1);
    }
}

struct sim_datagram {
    struct wr_address from;
    struct wr_address to;
    struct sim_content *payload;
    struct sim_datagram *next; /* in the queue of the link or host that holds it */
    wr_instant due_ns;         /* when that link delivers it */
    wr_instant born_ns;        /* when it was sent */
    uint64_t number;           /* unique in the run, from 1 on; a duplicate has its own */
    uint64_t cause;            /* number of the datagram that made a relay send it, else 0 */
    uint32_t asker;            /* endpoint whose datagram that was */
    uint32_t sender;           /* endpoint that truly sent it, whatever `from` says */
    uint32_t at;               /* node of the topology that handles it next */
    bool down;                 /* on its way from the core of the network to an endpoint */
    bool entered;              /* has been seen at the core */
    uint16_t size;             /* of its content */
};

struct sim_packets;

/* Room for `datagrams` before it first grows. NULL where memory is short. */
struct sim_packets *sim_packets_create(uint32_t datagrams);
void sim_packets_destroy(struct sim_packets *packets);

/* A new payload with one reference, its bytes copied from `bytes` (0..SIM_DATAGRAM_BYTES_MAX). */
struct sim_content *sim_content_make(struct sim_packets *packets, const uint8_t *bytes,
                                     uint32_t size);

/* A copy of `payload` with bit `bit` (0..8 * size - 1) the other way round; one reference. */
struct sim_content *sim_content_flipped(struct sim_packets *packets,
                                        const struct sim_content *payload, uint32_t bit);

/* The bytes lie right behind the head. */
static inline const uint8_t *sim_content_bytes(const struct sim_content *payload)
{
    return (const uint8_t *)(payload + 1);
}

static inline struct sim_content *sim_content_share(struct sim_content *payload)
{
    payload->references++;
    return payload;
}

void sim_content_release(struct sim_packets *packets, struct sim_content *payload);

/* A new envelope around `payload`, whose reference it takes over. It has a number and nothing
 * else; the caller fills in the rest. */
struct sim_datagram *sim_datagram_make(struct sim_packets *packets, struct sim_content *payload);

/* A second envelope with a number of its own around the same bytes. */
struct sim_datagram *sim_datagram_duplicate(struct sim_packets *packets,
                                            const struct sim_datagram *datagram);

/* The envelope is gone, and the bytes with their last one. */
void sim_datagram_release(struct sim_packets *packets, struct sim_datagram *datagram);

/* Bytes that a link carries: payload and headers. */
uint32_t sim_datagram_wire_bytes(const struct sim_datagram *datagram);

/* Envelopes in use, and bytes of memory taken, for reports and leak checks. */
uint64_t sim_packets_in_use(const struct sim_packets *packets);
uint64_t sim_packets_memory_bytes(const struct sim_packets *packets);

#endif
