#include "packet.h"

#include "hash.h"

#include <address.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Control datagrams and pings are many, media ones are long: two pools keep both dense. */
enum { POOL_SMALL, POOL_LARGE, POOL_COUNT };

static const uint32_t pool_bytes[POOL_COUNT] = {224, SIM_DATAGRAM_BYTES_MAX};

#define CHUNK_ELEMENTS 256

struct chunk {
    struct chunk *next;
    uint64_t elements; /* keeps what follows aligned to 16 bytes on 64 bit, to 8 on 32 */
};

struct sim_packets {
    struct sim_datagram *free_datagrams;
    struct sim_content *free_payloads[POOL_COUNT];
    struct chunk *chunks;
    uint64_t next_number;
    uint64_t in_use;
    uint64_t memory_bytes;
};

/* Memory for `elements`, owned by the pool until it is destroyed. The simulator does not outlive
 * its memory: there is nobody to report to. */
static void *take_chunk(struct sim_packets *packets, size_t elements, size_t element_bytes)
{
    size_t bytes = sizeof(struct chunk) + elements * element_bytes;
    struct chunk *chunk = malloc(bytes);
    if (chunk == NULL) {
        abort();
    }
    chunk->next = packets->chunks;
    chunk->elements = elements;
    packets->chunks = chunk;
    packets->memory_bytes += bytes;
    return chunk + 1;
}

static void grow_datagrams(struct sim_packets *packets, uint32_t count)
{
    struct sim_datagram *datagrams = take_chunk(packets, count, sizeof *datagrams);
    for (uint32_t i = count; i-- > 0;) {
        datagrams[i].next = packets->free_datagrams;
        packets->free_datagrams = &datagrams[i];
    }
}

static void grow_payloads(struct sim_packets *packets, unsigned pool)
{
    /* Every pool's bytes are a multiple of the head's alignment, so heads stay aligned. */
    size_t heads = 1 + pool_bytes[pool] / sizeof(struct sim_content) + 1;
    struct sim_content *memory =
        take_chunk(packets, CHUNK_ELEMENTS, heads * sizeof(struct sim_content));
    for (uint32_t i = CHUNK_ELEMENTS; i-- > 0;) {
        struct sim_content *payload = memory + i * heads;
        payload->next_free = packets->free_payloads[pool];
        packets->free_payloads[pool] = payload;
    }
}

struct sim_packets *sim_packets_create(uint32_t datagrams)
{
    struct sim_packets *packets = calloc(1, sizeof *packets);
    if (packets != NULL) {
        packets->next_number = 1;
        grow_datagrams(packets, datagrams < CHUNK_ELEMENTS ? CHUNK_ELEMENTS : datagrams);
    }
    return packets;
}

void sim_packets_destroy(struct sim_packets *packets)
{
    if (packets == NULL) {
        return;
    }
    while (packets->chunks != NULL) {
        struct chunk *chunk = packets->chunks;
        packets->chunks = chunk->next;
        free(chunk);
    }
    free(packets);
}

static struct sim_content *payload_of_size(struct sim_packets *packets, uint32_t size)
{
    assert(size <= SIM_DATAGRAM_BYTES_MAX);
    unsigned pool = size <= pool_bytes[POOL_SMALL] ? POOL_SMALL : POOL_LARGE;
    if (packets->free_payloads[pool] == NULL) {
        grow_payloads(packets, pool);
    }
    struct sim_content *payload = packets->free_payloads[pool];
    packets->free_payloads[pool] = payload->next_free;
    payload->references = 1;
    payload->size = (uint16_t)size;
    payload->pool = (uint16_t)pool;
    if (payload->next_free != NULL) {
        sim_content_prefetch(payload->next_free, size); /* the next one is likely as long */
    }
    return payload;
}

struct sim_content *sim_content_make(struct sim_packets *packets, const uint8_t *bytes,
                                     uint32_t size)
{
    struct sim_content *payload = payload_of_size(packets, size);
    uint8_t *copy = (uint8_t *)(payload + 1);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    payload->digest = sim_hash_bytes(bytes, size);
    return payload;
}

struct sim_content *sim_content_flipped(struct sim_packets *packets,
                                        const struct sim_content *payload, uint32_t bit)
{
    assert(bit / 8 < payload->size);
    struct sim_content *copy = payload_of_size(packets, payload->size);
    uint8_t *bytes = (uint8_t *)(copy + 1);
    memcpy(bytes, sim_content_bytes(payload), payload->size);
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    copy->digest = sim_hash_bytes(bytes, copy->size);
    return copy;
}

void sim_content_release(struct sim_packets *packets, struct sim_content *payload)
{
    assert(payload->references > 0);
    if (--payload->references == 0) {
        payload->next_free = packets->free_payloads[payload->pool];
        packets->free_payloads[payload->pool] = payload;
    }
}

struct sim_datagram *sim_datagram_make(struct sim_packets *packets, struct sim_content *payload)
{
    if (packets->free_datagrams == NULL) {
        grow_datagrams(packets, CHUNK_ELEMENTS);
    }
    struct sim_datagram *datagram = packets->free_datagrams;
    packets->free_datagrams = datagram->next;
    packets->in_use++;
    memset(datagram, 0, sizeof *datagram);
    datagram->payload = payload;
    datagram->size = payload->size;
    datagram->number = packets->next_number++;
    return datagram;
}

struct sim_datagram *sim_datagram_duplicate(struct sim_packets *packets,
                                            const struct sim_datagram *datagram)
{
    struct sim_datagram *copy = sim_datagram_make(packets, sim_content_share(datagram->payload));
    uint64_t number = copy->number;
    *copy = *datagram;
    copy->number = number;
    copy->next = NULL;
    return copy;
}

void sim_datagram_release(struct sim_packets *packets, struct sim_datagram *datagram)
{
    sim_content_release(packets, datagram->payload);
    datagram->next = packets->free_datagrams;
    packets->free_datagrams = datagram;
    packets->in_use--;
}

uint32_t sim_datagram_wire_bytes(const struct sim_datagram *datagram)
{
    bool is_v4 = wr_address_is_v4(&datagram->to);
    uint32_t headers_bytes = is_v4 ? SIM_HEADERS_V4_BYTES : SIM_HEADERS_V6_BYTES;
    return headers_bytes + datagram->payload->size;
}

uint64_t sim_packets_in_use(const struct sim_packets *packets)
{
    return packets->in_use;
}

uint64_t sim_packets_memory_bytes(const struct sim_packets *packets)
{
    return packets->memory_bytes;
}
