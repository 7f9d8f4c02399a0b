#include "capture.h"

#include <address.h>

#include <criterion/criterion.h>

#include <string.h>

static struct sim_observation datagram(const char *from, const char *to, const char *bytes)
{
    struct sim_observation o = sim_observation(SIM_OBSERVED_DATAGRAM, 1500 * WR_MS + 7);
    cr_assert(wr_address_parse(from, &o.from));
    cr_assert(wr_address_parse(to, &o.to));
    o.bytes = (const uint8_t *)bytes;
    o.size = (uint32_t)strlen(bytes);
    return o;
}

/* RFC 1071 over the bytes, pseudo header included: 0xffff where the checksum is right. */
static uint32_t folded(const uint8_t *bytes, size_t count, uint32_t sum)
{
    for (size_t i = 0; i < count; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static size_t captured(const struct sim_observation *o, uint8_t *out, size_t room)
{
    struct sim_scenario scenario = {.start_unix_ms = 2000999};
    FILE *file = fmemopen(out, room, "wb");
    sim_capture_begin(file);
    sim_capture_datagram(file, &scenario, o);
    long bytes = ftell(file);
    fclose(file);
    return (size_t)bytes;
}

Test(capture, an_ipv4_datagram_is_a_raw_packet_with_right_checksums_and_time)
{
    uint8_t out[256];
    struct sim_observation o = datagram("192.0.2.1:5000", "198.51.100.1:4000", "hello");
    size_t bytes = captured(&o, out, sizeof out);
    cr_assert_eq(bytes, 24 + 16 + 20 + 8 + 5);
    static const uint8_t head[24] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0,    4,    0, 0, 0,  0,
                                     0,    0,    0,    0,    0, 0xff, 0xff, 0, 0, 101};
    cr_expect_eq(memcmp(out, head, sizeof head), 0);
    /* 2000.999 s + 1.500000007 s = 2002.499000007 s */
    static const uint8_t when[8] = {0xd2, 0x07, 0, 0, 0xc7, 0x22, 0xbe, 0x1d};
    cr_expect_eq(memcmp(out + 24, when, sizeof when), 0);
    const uint8_t *ip = out + 40;
    cr_expect_eq(ip[0], 0x45);
    cr_expect_eq(ip[3], 33);
    cr_expect_eq(folded(ip, 20, 0), 0xffff);
    cr_expect_eq(folded(ip + 20, 13, folded(ip + 12, 8, 17 + 13)), 0xffff);
    cr_expect_eq(memcmp(ip + 28, "hello", 5), 0);
}

Test(capture, an_ipv6_datagram_too)
{
    uint8_t out[256];
    struct sim_observation o = datagram("[2001:db8::1]:5000", "[2001:db8::2]:4000", "hi");
    cr_assert_eq(captured(&o, out, sizeof out), 24 + 16 + 40 + 8 + 2);
    const uint8_t *ip = out + 40;
    cr_expect_eq(ip[0] >> 4, 6);
    cr_expect_eq(ip[5], 10);
    cr_expect_eq(ip[6], 17);
    cr_expect_eq(folded(ip + 40, 10, folded(ip + 8, 32, 17 + 10)), 0xffff);
}
