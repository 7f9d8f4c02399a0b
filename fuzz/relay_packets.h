/*
 * Datagrams for the target `relay`, written byte by byte from section 1 of docs/protocol.md; shares
 * no code with the core's encoder. Makes wrong ones as readily as right ones.
 */
#ifndef FUZZ_RELAY_PACKETS_H
#define FUZZ_RELAY_PACKETS_H

#include "relay_world.h"

enum { RELAY_PRESENT = 1, RELAY_ACK = 2, RELAY_REJECT = 3, RELAY_RENEW = 4, RELAY_FORWARD = 16 };

/* The 20 bytes that every packet begins with; `session` is a number of relay_session. */
void relay_packet_header(struct relay_packet *packet, uint8_t type, uint8_t flags,
                         uint32_t session);

/* Appends a big-endian number, bytes, or `count` times the same byte; what does not fit is left
 * out (a packet may be longer than a relay takes). */
void relay_packet_number(struct relay_packet *packet, uint64_t value, unsigned bytes);
void relay_packet_bytes(struct relay_packet *packet, const void *bytes, uint32_t count);
void relay_packet_fill(struct relay_packet *packet, uint8_t byte, uint32_t count);

/* Appends a RIFT header of transport form (alias 1) or handshake form (session 0). */
void relay_packet_rift(struct relay_packet *packet, bool handshake, uint64_t packet_id);

#endif
