#include "capture.h"

#include <address.h>

#include <string.h>

#define PCAP_MAGIC_NS 0xa1b23c4du
#define PCAP_SNAP     65535u
#define LINKTYPE_RAW  101u

#define IPV4_BYTES   20u
#define IPV6_BYTES   40u
#define UDP_BYTES    8u
#define PROTOCOL_UDP 17u
#define HOPS         64u

static void put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* pcap's own fields are in the byte order of whoever wrote them; little-endian here, always. */
static void write_u32(FILE *out, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    fwrite(bytes, 1, sizeof bytes, out);
}

/* RFC 1071: the running sum of 16-bit words; an odd last byte counts as the high one. */
static uint32_t sum(const uint8_t *bytes, size_t count, uint32_t so_far)
{
    for (size_t i = 0; i + 1 < count; i += 2)
        so_far += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    if (count % 2)
        so_far += (uint32_t)bytes[count - 1] << 8;
    while (so_far >> 16)
        so_far = (so_far & 0xffff) + (so_far >> 16);
    return so_far;
}

void sim_capture_begin(FILE *out)
{
    write_u32(out, PCAP_MAGIC_NS);
    write_u32(out, 2 | 4u << 16); /* version 2.4 */
    write_u32(out, 0);
    write_u32(out, 0);
    write_u32(out, PCAP_SNAP);
    write_u32(out, LINKTYPE_RAW);
}

static uint32_t ipv4_header(uint8_t *header, const struct sim_observation *o, uint32_t udp_bytes)
{
    header[0] = 0x45;
    put_u16(header + 2, IPV4_BYTES + udp_bytes);
    header[8] = HOPS;
    header[9] = PROTOCOL_UDP;
    memcpy(header + 12, o->from.ip + 12, 4);
    memcpy(header + 16, o->to.ip + 12, 4);
    put_u16(header + 10, ~sum(header, IPV4_BYTES, 0) & 0xffff);
    return IPV4_BYTES;
}

static uint32_t ipv6_header(uint8_t *header, const struct sim_observation *o, uint32_t udp_bytes)
{
    header[0] = 0x60;
    put_u16(header + 4, udp_bytes);
    header[6] = PROTOCOL_UDP;
    header[7] = HOPS;
    memcpy(header + 8, o->from.ip, 16);
    memcpy(header + 24, o->to.ip, 16);
    return IPV6_BYTES;
}

void sim_capture_datagram(FILE *out, const struct sim_scenario *scenario,
                          const struct sim_observation *o)
{
    uint8_t header[IPV6_BYTES + UDP_BYTES] = {0};
    uint32_t udp_bytes = UDP_BYTES + o->size;
    bool v4 = wr_address_is_v4(&o->from) && wr_address_is_v4(&o->to);
    uint32_t ip_bytes = v4 ? ipv4_header(header, o, udp_bytes) : ipv6_header(header, o, udp_bytes);
    uint8_t *udp = header + ip_bytes;
    put_u16(udp, o->from.port);
    put_u16(udp + 2, o->to.port);
    put_u16(udp + 4, udp_bytes);
    /* The pseudo header: both addresses, the protocol, the length. */
    uint32_t pseudo = v4 ? sum(header + 12, 8, 0) : sum(header + 8, 32, 0);
    uint32_t check = sum(udp, UDP_BYTES, pseudo + PROTOCOL_UDP + udp_bytes);
    check = ~sum(o->bytes, o->size, check) & 0xffff;
    put_u16(udp + 6, check ? check : 0xffff);

    uint64_t unix_ns = scenario->start_unix_ms % 1000 * WR_MS + o->at_ns;
    uint32_t bytes = ip_bytes + udp_bytes;
    write_u32(out, (uint32_t)(scenario->start_unix_ms / 1000 + unix_ns / WR_S));
    write_u32(out, (uint32_t)(unix_ns % WR_S));
    write_u32(out, bytes);
    write_u32(out, bytes);
    fwrite(header, 1, ip_bytes + UDP_BYTES, out);
    fwrite(o->bytes, 1, o->size, out);
}
