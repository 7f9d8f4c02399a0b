#include "relay_packets.h"

#include "relay_tokens.h"

#include <string.h>

void relay_packet_header(struct relay_packet *packet, uint8_t type, uint8_t flags, uint32_t session)
{
    const struct wr_session_id id = relay_session(session);
    packet->size = packet->cookie_at = 0;
    packet->cookie_line = 0;
    packet->elsewhere = false;
    relay_packet_number(packet, 0x5701, 2);
    relay_packet_number(packet, type, 1);
    relay_packet_number(packet, flags, 1);
    relay_packet_bytes(packet, id.bytes, sizeof id.bytes);
}

void relay_packet_number(struct relay_packet *packet, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i > 0 && packet->size < RELAY_ROOM; i--)
        packet->bytes[packet->size++] = (uint8_t)(value >> (8 * (i - 1)));
}

static uint32_t room_for(const struct relay_packet *packet, uint32_t count)
{
    return count < RELAY_ROOM - packet->size ? count : RELAY_ROOM - packet->size;
}

void relay_packet_bytes(struct relay_packet *packet, const void *bytes, uint32_t count)
{
    count = room_for(packet, count);
    memcpy(packet->bytes + packet->size, bytes, count);
    packet->size += count;
}

void relay_packet_fill(struct relay_packet *packet, uint8_t byte, uint32_t count)
{
    count = room_for(packet, count);
    memset(packet->bytes + packet->size, byte, count);
    packet->size += count;
}

void relay_packet_rift(struct relay_packet *packet, bool handshake, uint64_t packet_id)
{
    uint32_t at = packet->size;
    relay_packet_number(packet, 0x52490001, 4);
    relay_packet_number(packet, handshake ? 0 : 1, 4);
    if (handshake)
        relay_packet_fill(packet, 0, 12);
    relay_packet_number(packet, packet_id, 8);
    relay_packet_number(packet, 0, 2);
    fuzz_mend_rift(packet->bytes + at, packet->size - at);
}
