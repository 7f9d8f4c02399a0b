/*
 * Datagrams (section 1). The core's decoder and the oracles' (sim/oracle_decode.c, written apart)
 * agree on the outcome and on every field, and what was decoded, encoded again, gives the bytes
 * back; only what section 1 says is ignored (unknown flags, trailing bytes) is missing then.
 */
#include "support.h"

#include <oracle_decode.h>
#include <wire.h>

#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "datagram",
    .property = "two decoders agree on every datagram, and encoding gives its bytes back",
    .bytes_max = 1600,
    .canaries = {{"wire_any_role", 20000}, {"wire_token_into_cookie", 20000}},
};

static enum sim_sight_kind kind_of(enum wr_packet_type type)
{
    switch (type) {
    case WR_PACKET_LEASE_PRESENT:
        return SIM_SIGHT_PRESENT;
    case WR_PACKET_LEASE_ACK:
        return SIM_SIGHT_ACK;
    case WR_PACKET_LEASE_REJECT:
        return SIM_SIGHT_REJECT;
    case WR_PACKET_LEASE_RENEW:
        return SIM_SIGHT_RENEW;
    case WR_PACKET_FORWARD:
        return SIM_SIGHT_FORWARD;
    }
    return SIM_SIGHT_JUNK;
}

static void compare_cookie(const struct wr_packet *packet, const struct sim_sight *sight,
                           const uint8_t *bytes, bool at_end)
{
    FUZZ_REQUIRE(packet->has_cookie == sight->has_cookie, "cookie");
    FUZZ_REQUIRE((packet->cookie != NULL) == packet->has_cookie, "a view, or none");
    /* In an answer the core reads the cookie where it follows, the oracles where the datagram ends:
     * the same place in every answer that a relay makes. */
    if (packet->has_cookie && at_end)
        FUZZ_REQUIRE(packet->cookie == bytes + sight->cookie_at, "the last 16 bytes");
}

static void compare_request(const struct wr_packet *packet, const struct sim_sight *sight,
                            const uint8_t *bytes)
{
    compare_cookie(packet, sight, bytes, true);
    FUZZ_REQUIRE(packet->has_token == sight->has_token, "token");
    FUZZ_REQUIRE(packet->release == (sight->kind == SIM_SIGHT_RENEW && sight->releases), "release");
    if (!packet->has_token) {
        FUZZ_REQUIRE(packet->token == NULL && packet->token_bytes == 0, "no token, no view");
        return;
    }
    FUZZ_REQUIRE(packet->role == (enum wr_role)sight->presented_role, "role %d", packet->role);
    FUZZ_REQUIRE(packet->token == bytes + sight->token_at, "token at %u", sight->token_at);
    FUZZ_REQUIRE(packet->token_bytes == sight->token_bytes, "%u bytes", packet->token_bytes);
}

static void compare(const struct wr_packet *packet, const struct sim_sight *sight,
                    const uint8_t *bytes, size_t size)
{
    FUZZ_REQUIRE(kind_of(packet->type) == sight->kind, "type %d", packet->type);
    FUZZ_REQUIRE(packet->flags == sight->flags, "flags");
    FUZZ_REQUIRE(memcmp(&packet->session, &sight->session, 16) == 0, "session");
    switch (packet->type) {
    case WR_PACKET_LEASE_PRESENT:
    case WR_PACKET_LEASE_RENEW:
        compare_request(packet, sight, bytes);
        return;
    case WR_PACKET_LEASE_ACK:
        compare_cookie(packet, sight, bytes, size == 52);
        FUZZ_REQUIRE(packet->expires_unix_ms == sight->expires_unix_ms, "expiry");
        FUZZ_REQUIRE(packet->soft_limit_kbps == sight->soft_kbps, "soft limit");
        FUZZ_REQUIRE(packet->hard_limit_kbps == sight->hard_kbps, "hard limit");
        FUZZ_REQUIRE(packet->draining == ((bytes[3] & 2) != 0), "draining");
        return;
    case WR_PACKET_LEASE_REJECT:
        compare_cookie(packet, sight, bytes, size == 38);
        FUZZ_REQUIRE(packet->reason == sight->reason, "reason");
        return;
    case WR_PACKET_FORWARD:
        FUZZ_REQUIRE(packet->payload == bytes + 20 && packet->payload_bytes == size - 20, "view");
        FUZZ_REQUIRE(packet->sequence == sight->sequence, "sequence");
        FUZZ_REQUIRE(packet->is_rift == sight->rift, "RIFT or opaque");
        if (packet->is_rift)
            FUZZ_REQUIRE(wr_rift_exempt(&packet->rift) == sight->exempt, "exempt");
        return;
    }
}

static uint32_t encode(const struct wr_packet *packet, uint8_t *out, size_t capacity)
{
    const struct wr_session_id *session = &packet->session;
    switch (packet->type) {
    case WR_PACKET_LEASE_PRESENT:
        return wr_wire_encode_present(out, capacity, session, packet->role, packet->token,
                                      packet->token_bytes, packet->cookie);
    case WR_PACKET_LEASE_RENEW:
        if (packet->release)
            return wr_wire_encode_release(out, capacity, session, packet->cookie);
        return wr_wire_encode_renew(out, capacity, session, packet->role, packet->token,
                                    packet->token_bytes, packet->cookie);
    case WR_PACKET_LEASE_ACK:
        return wr_wire_encode_ack(out, capacity, session, packet->expires_unix_ms,
                                  packet->soft_limit_kbps, packet->hard_limit_kbps,
                                  packet->draining, packet->cookie);
    case WR_PACKET_LEASE_REJECT:
        return wr_wire_encode_reject(out, capacity, session, (enum wr_reject_reason)packet->reason,
                                     packet->cookie);
    case WR_PACKET_FORWARD:
        return wr_wire_encode_forward(out, capacity, session, packet->flags, packet->payload,
                                      packet->payload_bytes);
    }
    return 0;
}

/* The datagram without what section 1 ignores: flags that its type does not know, and the bytes
 * behind a token or an answer, where no cookie announces the end. */
static size_t essence(const uint8_t *bytes, size_t size, uint8_t *out)
{
    static const uint8_t known_flags[256] = {[1] = 1, [2] = 3, [3] = 1, [4] = 3, [16] = 255};
    uint8_t type = bytes[2], flags = bytes[3] & known_flags[type];
    size_t cookie = type != 16 && (flags & 1) != 0 ? 16 : 0;
    size_t body = size - 20;
    if (type == 2)
        body = 16;
    else if (type == 3)
        body = 2;
    else if (type == 1 || (type == 4 && body > cookie))
        body = 3 + (size_t)bytes[21] * 256 + bytes[22];
    else if (type == 4)
        body = 0;
    memcpy(out, bytes, 20 + body);
    out[3] = flags;
    if (cookie > 0) { /* requests carry it at their end, answers where it follows */
        const uint8_t *from = type == 2 || type == 3 ? bytes + 20 + body : bytes + size - 16;
        memcpy(out + 20 + body, from, 16);
    }
    return 20 + body + cookie;
}

/* Names of what a datagram says, known or not: types by their byte, reasons by their number. */
static void check_names(uint8_t type, unsigned reason)
{
    static const char *const types[] = {[1] = "lease_present",
                                        [2] = "lease_ack",
                                        [3] = "lease_reject",
                                        [4] = "lease_renew",
                                        [16] = "forward"};
    static const char *const reasons[] = {"none",        "expired",      "invalid_signature",
                                          "wrong_relay", "session_full", "banned",
                                          "rate_limited"};
    const char *wanted = type < 17 && types[type] != NULL ? types[type] : "unknown";
    const char *name = wr_packet_type_name((enum wr_packet_type)type);
    FUZZ_REQUIRE(strcmp(name, wanted) == 0, "type %u is %s", type, name);
    name = wr_reject_reason_name((enum wr_reject_reason)reason);
    wanted = reason < 7 ? reasons[reason] : "none";
    FUZZ_REQUIRE(strcmp(name, wanted) == 0, "reason %u is %s", reason, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t again[2000], wanted[2000];
    struct wr_packet packet;
    enum wr_outcome failure = WR_OUTCOME_COUNT;
    if (size > fuzz_target.bytes_max)
        return 0;
    if (size >= 22)
        check_names(bytes[2], (unsigned)bytes[20] << 8 | bytes[21]);
    struct sim_sight sight = sim_sight_of(bytes, (uint32_t)size, false);
    FUZZ_STAIN(packet);
    bool good = wr_wire_decode(bytes, size, &packet, &failure);
    FUZZ_REQUIRE(good == (sight.kind != SIM_SIGHT_JUNK), "one of two decoders refuses: %s or %s",
                 good ? "good" : wr_outcome_name(failure),
                 sight.kind != SIM_SIGHT_JUNK ? "good" : wr_outcome_name(sight.failure));
    if (!good) {
        FUZZ_REQUIRE(failure == sight.failure, "%s or %s", wr_outcome_name(failure),
                     wr_outcome_name(sight.failure));
        return 0;
    }
    compare(&packet, &sight, bytes, size);
    size_t wanted_bytes = essence(bytes, size, wanted);
    FUZZ_STAIN(again);
    size_t again_bytes = encode(&packet, again, sizeof again);
    FUZZ_REQUIRE(again_bytes == wanted_bytes && memcmp(again, wanted, again_bytes) == 0,
                 "%zu bytes became %zu", wanted_bytes, again_bytes);
    FUZZ_REQUIRE(encode(&packet, again, again_bytes - 1) == 0, "into too little room");
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    size = fuzz_mutate(bytes, size, size_max);
    if (size > 22 && bytes[2] == 16 && bytes[20] == 0x52 && seed % 4 != 0)
        fuzz_mend_rift(bytes + 20, size - 20);
    return size;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    return wr_wire_decode(bytes, size, &packet, &failure) ? wr_packet_type_name(packet.type)
                                                          : wr_outcome_name(failure);
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    if (!wr_wire_decode(bytes, size, &packet, &failure)) {
        fprintf(out, "  %s: ", wr_outcome_name(failure));
        fuzz_print_hex(out, bytes, size);
        fputc('\n', out);
        return;
    }
    fprintf(out, "  %s, flags %#x, session ", wr_packet_type_name(packet.type), packet.flags);
    fuzz_print_hex(out, packet.session.bytes, 16);
    fprintf(out, ", payload ");
    fuzz_print_hex(out, bytes + 20, size - 20);
    fputc('\n', out);
}
