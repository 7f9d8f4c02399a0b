#include "load.h"

#include "cursor.h"
#include "wire.h"

#include <string.h>

/*
 * Floods, written in place: one good lease as the template, another session and another signature
 * in each datagram, so that no cache and no limit of one source hides their cost. What is random is
 * drawn from a seed: a run can be had again.
 */
#define SIGNATURE_CHARACTERS 85 /* of the 64 bytes at a token's end, those free of the payload */

static struct probe_token token;
static uint64_t dice;

static uint64_t roll(void)
{
    dice += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (dice ^ dice >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static void fill(uint8_t *out, uint32_t size)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (i % 8 == 0)
            value = roll();
        out[i] = (uint8_t)(value >> i % 8 * 8);
    }
}

bool load_flood_open(struct load *load, struct probe_error *error)
{
    struct probe_lease_terms terms = {.sub = "wavry-probe-load-bogus",
                                      .relay_id = load->relay_id,
                                      .ttl_secs = 600,
                                      .limit_kbps = 100000};
    struct wr_session_id session = probe_random_session();
    dice = load->options->seed;
    if (load->signer != NULL && !probe_mint(load->signer, &terms, &session, WR_ROLE_CLIENT, &token))
        return probe_fail(error, "the token would not fit a datagram");
    return load_socket_open(&load->flood, &load->relay, 0, false, false, error);
}

static uint32_t source_in(const struct load *load, uint32_t base, uint32_t count)
{
    return load->spread ? base + (uint32_t)(roll() % count) : 0;
}

/* The last character carries bits that no byte owns, and the first bits that belong to the payload:
 * those stay, so that the token is well-formed. */
static void spoil(uint8_t *text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t *at = text + token.bytes - 1 - SIGNATURE_CHARACTERS + 1;
    uint64_t value = 0;
    for (int i = 0; i < SIGNATURE_CHARACTERS - 1; i++, value >>= 6) {
        if (i % 10 == 0)
            value = roll();
        at[i] = (uint8_t)alphabet[value & 63];
    }
}

static uint32_t write_bogus(uint8_t *out)
{
    struct wr_session_id session;
    fill(session.bytes, sizeof session.bytes);
    uint32_t size = wr_wire_encode_present(out, WR_DATAGRAM_BYTES_MAX, &session, WR_ROLE_CLIENT,
                                           (const uint8_t *)token.text, token.bytes, NULL);
    spoil(out + size - token.bytes);
    return size;
}

void load_flood_bogus(struct load *load, uint32_t count)
{
    uint64_t before = load->flood.sent;
    uint32_t size = WR_WIRE_HEADER_BYTES + 3 + token.bytes;
    for (; count > 0; count--) {
        uint8_t *out = load_socket_room(&load->flood,
                                        source_in(load, LOAD_BOGUS, 4 * LOAD_PER_RANGE), size, 0);
        write_bogus(out);
    }
    load_socket_flush(&load->flood);
    load->results.bogus_sent += load->flood.sent - before;
}

/* One kind of wrong after the other: noise; noise behind a good magic, a good version, a good type;
 * a live flow's session with a spoiled rest; leases cut short, lengthened, with a bit turned; bare
 * RIFT; too short; too long. */
static uint32_t write_malformed(const struct load *load, uint8_t *out, uint32_t kind)
{
    static const uint8_t types[] = {0x01, 0x02, 0x03, 0x04, 0x10, 0x11, 0x00, 0xff};
    uint32_t size = (uint32_t)(roll() % 1500);
    if (kind % 8 == 1)
        size %= WR_DATAGRAM_BYTES_MIN;
    else if (kind % 8 == 2)
        size = WR_DATAGRAM_BYTES_MAX + 1 + size % 400;
    fill(out, size);
    switch (kind % 8) {
    case 0:
    case 1:
    case 2:
        return size;
    case 3:
        out[0] = 0x52;
        out[1] = 0x49;
        return size;
    case 4:
    case 5:
        out[0] = WR_WIRE_MAGIC;
        out[1] = kind % 16 == 4 ? 2 : WR_WIRE_VERSION;
        out[2] = types[roll() % sizeof types];
        if (kind % 8 == 5 && load->options->flows > 0)
            memcpy(out + 4, load->flows[roll() % load->options->flows].session.bytes, 16);
        return size;
    case 6:
        return write_bogus(out) - 1 - (uint32_t)(roll() % 100);
    default:
        size = write_bogus(out);
        out[20 + roll() % (size - 20)] ^= (uint8_t)(1u << roll() % 8);
        return size;
    }
}

void load_flood_malformed(struct load *load, uint32_t count)
{
    uint64_t before = load->flood.sent;
    for (; count > 0; count--) {
        uint8_t bytes[LOAD_SLOT_BYTES];
        uint32_t size = write_malformed(load, bytes, (uint32_t)roll());
        uint32_t source = source_in(load, LOAD_GARBAGE, LOAD_PER_RANGE);
        memcpy(load_socket_room(&load->flood, source, size, 0), bytes, size);
    }
    load_socket_flush(&load->flood);
    load->results.malformed_sent += load->flood.sent - before;
}
