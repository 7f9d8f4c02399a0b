/*
 * The physical header of RIFT (section 1). The core's reading agrees with the oracles' on validity,
 * form, packet id and on which packets may come bare; the checksum is what the polynomial gives bit
 * by bit; what was decoded, encoded again, gives the header back.
 */
#include "support.h"

#include <oracle_decode.h>
#include <rift.h>

#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "rift",
    .property = "two readings of a RIFT header agree, and encoding gives it back",
    .bytes_max = 256,
    .canaries = {{"rift_bare_any_alias", 20000}, {"rift_handshake_at_28", 20000}},
};

/* Section 1: polynomial 0x1021 reflected, start 0. */
static uint16_t by_bits(const uint8_t *bytes, size_t size)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < size * 8; i++) {
        unsigned bit = (unsigned)bytes[i / 8] >> i % 8 & 1;
        crc = (uint16_t)(((crc ^ bit) & 1) != 0 ? crc >> 1 ^ 0x8408 : crc >> 1);
    }
    return crc;
}

static struct sim_sight sight_of_forward(const uint8_t *bytes, size_t size)
{
    uint8_t datagram[20 + 256] = {0x57, 1, 0x10, 0, 1};
    memcpy(datagram + 20, bytes, size);
    return sim_sight_of(datagram, (uint32_t)(20 + size), false);
}

static void check_again(const uint8_t *bytes, const struct wr_rift *rift)
{
    uint8_t again[WR_RIFT_HANDSHAKE_BYTES];
    FUZZ_STAIN(again);
    if (rift->handshake) {
        FUZZ_REQUIRE(rift->session == bytes + 4 && rift->alias == 0, "a view of the session");
        wr_rift_encode_handshake(again, rift->session, rift->packet_id);
    } else {
        FUZZ_REQUIRE(rift->session == NULL, "no session");
        wr_rift_encode_transport(again, rift->alias, rift->packet_id);
    }
    FUZZ_REQUIRE(memcmp(again, bytes, rift->header_bytes) == 0, "another header");
}

static void check_bare(const uint8_t *bytes, size_t size)
{
    struct sim_sight sight = sim_sight_of(bytes, (uint32_t)size, true);
    enum wr_bare expected = sight.kind == SIM_SIGHT_BARE_HANDSHAKE   ? WR_BARE_HANDSHAKE
                            : sight.kind == SIM_SIGHT_BARE_TRANSPORT ? WR_BARE_TRANSPORT
                                                                     : WR_BARE_NONE;
    /* A datagram of 18 or 19 bytes is short, whatever it says. */
    if (size >= WR_DATAGRAM_BYTES_MIN)
        FUZZ_REQUIRE(wr_rift_bare(bytes, size) == expected, "bare: %d", expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct wr_rift rift;
    if (size > fuzz_target.bytes_max)
        return 0;
    size_t head =
        size < 48 ? size : 48; /* no header is longer, and six steps of eight are enough */
    FUZZ_REQUIRE(wr_crc16_kermit(bytes, head) == by_bits(bytes, head), "checksum of %zu", head);
    check_bare(bytes, size);
    FUZZ_STAIN(rift);
    bool good = wr_rift_decode(bytes, size, &rift);
    if (!wr_rift_begins(bytes, size)) {
        FUZZ_REQUIRE(!good, "does not begin like RIFT");
        return 0;
    }
    struct sim_sight sight = sight_of_forward(bytes, size);
    FUZZ_REQUIRE(good == (sight.kind == SIM_SIGHT_FORWARD), "valid for one reader: %d", good);
    if (!good)
        return 0;
    FUZZ_REQUIRE(rift.packet_id == sight.sequence, "packet id");
    FUZZ_REQUIRE(wr_rift_exempt(&rift) == sight.exempt, "exempt");
    check_again(bytes, &rift);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    size = fuzz_mutate(bytes, size, size_max);
    if (seed % 4 != 0)
        fuzz_mend_rift(bytes, size);
    return size;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    struct wr_rift rift;
    if (!wr_rift_decode(bytes, size, &rift))
        return "no header";
    if (wr_rift_bare(bytes, size) != WR_BARE_NONE)
        return rift.handshake ? "bare handshake" : "bare transport";
    return rift.handshake ? "handshake" : "transport";
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    struct wr_rift rift;
    if (!wr_rift_decode(bytes, size, &rift)) {
        fprintf(out, "  no valid header: ");
        fuzz_print_hex(out, bytes, size);
        fputc('\n', out);
        return;
    }
    fprintf(out, "  %s form, alias %u, packet id %llu, bare kind %d, %zu bytes behind it\n",
            rift.handshake ? "handshake" : "transport", rift.alias,
            (unsigned long long)rift.packet_id, (int)wr_rift_bare(bytes, size),
            size - rift.header_bytes);
}
