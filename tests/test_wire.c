#include "address.h"
#include "cursor.h"
#include "vectors.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct wr_session_id session = {
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const uint8_t cookie[WR_COOKIE_BYTES] = {0xc0, 1, 2,  3,  4,  5,  6,  7,
                                                8,    9, 10, 11, 12, 13, 14, 0xcf};

static struct wr_packet decoded(const uint8_t *bytes, size_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    cr_assert(wr_wire_decode(bytes, size, &packet, &failure), "failure %d", (int)failure);
    cr_assert_eq(memcmp(&packet.session, &session, sizeof session), 0);
    return packet;
}

static enum wr_outcome failure_of(const uint8_t *bytes, size_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure = WR_OUTCOME_COUNT;
    cr_assert_not(wr_wire_decode(bytes, size, &packet, &failure));
    return failure;
}

/* ---- The vectors ------------------------------------------------------------------------------
 */

static enum wr_outcome outcome_named(const char *name)
{
#define NAMED(outcome, text)                                                                       \
    if (strcmp(name, text) == 0)                                                                   \
        return WR_OUTCOME_##outcome;
    WR_OUTCOMES(NAMED)
#undef NAMED
    cr_assert_fail("no outcome %s", name);
    return WR_OUTCOME_COUNT;
}

/* The members that a packet's type gives it; marks each expected one as seen by counting. */
static int expect_cookie(const cJSON *expected, const struct wr_packet *packet)
{
    const cJSON *hex = cJSON_GetObjectItemCaseSensitive(expected, "cookie");
    uint8_t bytes[WR_COOKIE_BYTES];
    cr_expect_eq(packet->has_cookie, hex != NULL);
    cr_expect_eq(packet->cookie != NULL, hex != NULL);
    if (hex == NULL || packet->cookie == NULL)
        return 0;
    cr_expect_eq(vectors_hex(hex->valuestring, bytes, sizeof bytes), sizeof bytes);
    cr_expect_eq(memcmp(packet->cookie, bytes, sizeof bytes), 0);
    return 1;
}

static int expect_flag(const cJSON *expected, const char *member, bool is)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(expected, member);
    cr_expect_eq(is, cJSON_IsTrue(item), "%s", member);
    return item != NULL ? 1 : 0;
}

static int expect_token(const cJSON *expected, const struct wr_packet *packet)
{
    const cJSON *token = cJSON_GetObjectItemCaseSensitive(expected, "token");
    cr_expect_eq(packet->has_token, token != NULL);
    if (token == NULL)
        return 0;
    cr_assert_eq(packet->token_bytes, strlen(token->valuestring));
    cr_expect_eq(memcmp(packet->token, token->valuestring, packet->token_bytes), 0);
    cr_expect_str_eq(packet->role == WR_ROLE_CLIENT ? "client" : "server",
                     vectors_string(expected, "role"));
    return 2;
}

static int expect_members(const cJSON *expected, const struct wr_packet *packet, size_t size)
{
    char text[32];
    switch (packet->type) {
    case WR_PACKET_LEASE_PRESENT:
        return expect_token(expected, packet) + expect_cookie(expected, packet);
    case WR_PACKET_LEASE_RENEW:
        return expect_token(expected, packet) + expect_cookie(expected, packet) +
               expect_flag(expected, "release", packet->release);
    case WR_PACKET_LEASE_ACK:
        cr_expect_eq(packet->expires_unix_ms, vectors_number(expected, "expires_ms"));
        cr_expect_eq(packet->soft_limit_kbps, vectors_number(expected, "soft_limit_kbps"));
        cr_expect_eq(packet->hard_limit_kbps, vectors_number(expected, "hard_limit_kbps"));
        return 3 + expect_cookie(expected, packet) +
               expect_flag(expected, "draining", packet->draining);
    case WR_PACKET_LEASE_REJECT:
        cr_expect_str_eq(wr_reject_reason_name((enum wr_reject_reason)packet->reason),
                         vectors_string(expected, "reason"));
        return 1 + expect_cookie(expected, packet);
    case WR_PACKET_FORWARD:
        snprintf(text, sizeof text, "%" PRIu64, packet->sequence);
        cr_expect_str_eq(text, vectors_string(expected, "sequence"));
        cr_expect_eq(packet->payload_bytes, size - WR_WIRE_HEADER_BYTES);
        return 1;
    }
    return 0;
}

static void expect_packet(const cJSON *expected, const struct wr_packet *packet, size_t size)
{
    char text[WR_SESSION_TEXT_BYTES];
    cr_expect_str_eq(wr_session_id_format(&packet->session, text),
                     vectors_string(expected, "session_id"));
    cr_expect_str_eq(wr_packet_type_name(packet->type), vectors_string(expected, "type"));
    /* name, hex, result, session_id, type and the type's own: nothing expected stays unread */
    cr_expect_eq(5 + expect_members(expected, packet, size), cJSON_GetArraySize(expected), "%s",
                 vectors_string(expected, "name"));
}

Test(wire, every_vector_reads_as_it_says)
{
    static uint8_t bytes[2048];
    cJSON *file = vectors_load("datagrams.json");
    const cJSON *expected;
    int cases = 0;
    cJSON_ArrayForEach(expected, vectors_cases(file, "cases"))
    {
        const char *result = vectors_string(expected, "result");
        size_t size = vectors_hex(vectors_string(expected, "hex"), bytes, sizeof bytes);
        struct wr_packet packet;
        enum wr_outcome failure;
        bool ok = wr_wire_decode(bytes, size, &packet, &failure);
        cr_expect_eq(ok, strcmp(result, "ok") == 0, "%s", vectors_string(expected, "name"));
        if (ok)
            expect_packet(expected, &packet, size);
        else
            cr_expect_eq(failure, outcome_named(result), "%s", vectors_string(expected, "name"));
        cases++;
    }
    cr_expect_eq(cases, 111);
    cJSON_Delete(file);
}

/* ---- Order of the checks ----------------------------------------------------------------------
 */

Test(wire, the_checks_come_in_their_order)
{
    uint8_t bytes[1600] = {0}; /* everything is wrong with it; mended one by one */
    cr_expect_eq(failure_of(bytes, 19), WR_OUTCOME_SHORT);
    cr_expect_eq(failure_of(bytes, 1501), WR_OUTCOME_OVERSIZE);
    cr_expect_eq(failure_of(bytes, 1500), WR_OUTCOME_BAD_MAGIC);
    cr_expect_eq(failure_of(bytes, 20), WR_OUTCOME_BAD_MAGIC);
    bytes[0] = 0x57;
    cr_expect_eq(failure_of(bytes, 20), WR_OUTCOME_BAD_VERSION);
    bytes[1] = 1;
    cr_expect_eq(failure_of(bytes, 20), WR_OUTCOME_UNKNOWN_TYPE);
    bytes[2] = 0x10;
    cr_expect_eq(failure_of(bytes, 20), WR_OUTCOME_NIL_SESSION);
    bytes[19] = 1;
    cr_expect_eq(failure_of(bytes, 27), WR_OUTCOME_BAD_PAYLOAD);
    struct wr_packet packet;
    enum wr_outcome failure;
    cr_expect(wr_wire_decode(bytes, 28, &packet, &failure));
}

Test(wire, nothing_at_all_is_short)
{
    cr_expect_eq(failure_of(NULL, 0), WR_OUTCOME_SHORT);
}

Test(wire, one_bit_of_the_session_anywhere_is_enough)
{
    for (size_t bit = 0; bit < 128; bit++) {
        uint8_t bytes[28] = {0x57, 1, 0x10};
        struct wr_packet packet;
        enum wr_outcome failure;
        bytes[4 + bit / 8] = (uint8_t)(1 << bit % 8);
        cr_expect(wr_wire_decode(bytes, sizeof bytes, &packet, &failure));
    }
}

Test(wire, every_type_but_five_is_unknown)
{
    uint8_t bytes[60] = {0x57, 1};
    bytes[10] = 1;
    for (unsigned type = 0; type < 256; type++) {
        bytes[2] = (uint8_t)type;
        struct wr_packet packet;
        enum wr_outcome failure = WR_OUTCOME_COUNT;
        wr_wire_decode(bytes, sizeof bytes, &packet, &failure);
        bool known = (type >= 1 && type <= 4) || type == 0x10;
        cr_expect_eq(failure == WR_OUTCOME_UNKNOWN_TYPE, !known, "%u", type);
    }
}

/* ---- Round trips ------------------------------------------------------------------------------
 */

Test(wire, an_ack_survives_the_round_trip_with_and_without_its_extras)
{
    uint8_t bytes[64];
    cr_assert_eq(
        wr_wire_encode_ack(bytes, sizeof bytes, &session, 1795000000123, 5000, 100000, false, NULL),
        36U);
    struct wr_packet packet = decoded(bytes, 36);
    cr_expect_eq(packet.type, WR_PACKET_LEASE_ACK);
    cr_expect_eq(packet.expires_unix_ms, 1795000000123U);
    cr_expect_eq(packet.soft_limit_kbps, 5000U);
    cr_expect_eq(packet.hard_limit_kbps, 100000U);
    cr_expect_not(packet.has_cookie);
    cr_expect_not(packet.draining);
    cr_assert_eq(wr_wire_encode_ack(bytes, sizeof bytes, &session, UINT64_MAX, 1, 2, true, cookie),
                 52U);
    packet = decoded(bytes, 52);
    cr_expect_eq(packet.expires_unix_ms, UINT64_MAX);
    cr_expect(packet.draining);
    cr_assert(packet.has_cookie);
    cr_expect_eq(memcmp(packet.cookie, cookie, 16), 0);
}

Test(wire, a_reject_survives_the_round_trip)
{
    uint8_t bytes[64];
    for (unsigned reason = WR_REJECT_EXPIRED; reason <= WR_REJECT_RATE_LIMITED; reason++) {
        cr_assert_eq(wr_wire_encode_reject(bytes, sizeof bytes, &session,
                                           (enum wr_reject_reason)reason, NULL),
                     22U);
        cr_expect_eq(decoded(bytes, 22).reason, reason);
        cr_expect_not(decoded(bytes, 22).has_cookie);
    }
    cr_assert_eq(
        wr_wire_encode_reject(bytes, sizeof bytes, &session, WR_REJECT_RATE_LIMITED, cookie), 38U);
    cr_assert(decoded(bytes, 38).has_cookie);
    cr_expect_eq(memcmp(decoded(bytes, 38).cookie, cookie, 16), 0);
    cr_expect_eq(failure_of(bytes, 37), WR_OUTCOME_BAD_PAYLOAD);
}

Test(wire, a_present_survives_the_round_trip_and_takes_trailing_bytes_before_its_cookie)
{
    uint8_t bytes[100];
    const uint8_t token[] = "v4.public.x";
    uint32_t size =
        wr_wire_encode_present(bytes, sizeof bytes, &session, WR_ROLE_SERVER, token, 11, cookie);
    cr_assert_eq(size, 20U + 3 + 11 + 16);
    struct wr_packet packet = decoded(bytes, size);
    cr_expect_eq(packet.type, WR_PACKET_LEASE_PRESENT);
    cr_expect_eq(packet.role, WR_ROLE_SERVER);
    cr_assert_eq(packet.token_bytes, 11U);
    cr_expect_eq(memcmp(packet.token, token, 11), 0);
    cr_expect_eq(memcmp(packet.cookie, cookie, 16), 0);
    memmove(bytes + size - 16 + 5, bytes + size - 16, 16); /* five bytes more before the cookie */
    packet = decoded(bytes, size + 5);
    cr_expect_eq(packet.token_bytes, 11U);
    cr_expect_eq(memcmp(packet.cookie, cookie, 16), 0);
    cr_expect_eq(failure_of(bytes, 20 + 3 + 10 + 16), WR_OUTCOME_BAD_PAYLOAD,
                 "the cookie's bytes are not the token's");
}

Test(wire, a_renew_is_bare_or_holds_a_token_or_releases)
{
    uint8_t bytes[100];
    const uint8_t token[] = "tok";
    cr_assert_eq(wr_wire_encode_renew(bytes, sizeof bytes, &session, WR_ROLE_CLIENT, NULL, 0, NULL),
                 20U);
    struct wr_packet packet = decoded(bytes, 20);
    cr_expect_eq(packet.type, WR_PACKET_LEASE_RENEW);
    cr_expect_not(packet.has_token);
    cr_expect_null(packet.token);
    cr_expect_not(packet.has_cookie);
    cr_expect_not(packet.release);
    uint32_t size =
        wr_wire_encode_renew(bytes, sizeof bytes, &session, WR_ROLE_SERVER, token, 3, cookie);
    cr_assert_eq(size, 42U);
    packet = decoded(bytes, size);
    cr_expect(packet.has_token && packet.has_cookie && !packet.release);
    cr_expect_eq(packet.role, WR_ROLE_SERVER);
    cr_assert_eq(
        wr_wire_encode_renew(bytes, sizeof bytes, &session, WR_ROLE_SERVER, NULL, 0, cookie), 36U);
    packet = decoded(bytes, 36);
    cr_expect(!packet.has_token && packet.has_cookie && !packet.release);
    cr_assert_eq(wr_wire_encode_release(bytes, sizeof bytes, &session, cookie), 36U);
    packet = decoded(bytes, 36);
    cr_expect(!packet.has_token && packet.has_cookie && packet.release);
}

Test(wire, a_release_needs_its_cookie_and_no_token)
{
    uint8_t bytes[100];
    const uint8_t token[] = "tok";
    uint32_t size =
        wr_wire_encode_renew(bytes, sizeof bytes, &session, WR_ROLE_CLIENT, token, 3, cookie);
    bytes[3] |= WR_FLAG_RELEASE;
    cr_expect_eq(failure_of(bytes, size), WR_OUTCOME_BAD_PAYLOAD);
    wr_wire_encode_release(bytes, sizeof bytes, &session, cookie);
    bytes[3] = WR_FLAG_RELEASE;
    cr_expect_eq(failure_of(bytes, 20), WR_OUTCOME_BAD_PAYLOAD);
    cr_expect_eq(failure_of(bytes, 36), WR_OUTCOME_BAD_PAYLOAD);
}

Test(wire, the_release_bit_means_nothing_in_a_present)
{
    uint8_t bytes[100];
    uint32_t size = wr_wire_encode_present(bytes, sizeof bytes, &session, WR_ROLE_CLIENT,
                                           (const uint8_t *)"tok", 3, NULL);
    bytes[3] = 0xfe;
    cr_expect_not(decoded(bytes, size).release);
    cr_expect_eq(decoded(bytes, size).flags, 0xfe);
}

Test(wire, a_forward_is_rift_or_begins_with_its_sequence)
{
    uint8_t bytes[200], rift[40] = {0};
    uint32_t size = wr_wire_encode_sequence(bytes, sizeof bytes, &session, 0x0102030405060708,
                                            (const uint8_t *)"hello", 5);
    cr_assert_eq(size, 33U);
    struct wr_packet packet = decoded(bytes, size);
    cr_expect_not(packet.is_rift);
    cr_expect_eq(packet.sequence, 0x0102030405060708U);
    cr_expect_eq(packet.payload, bytes + 20);
    cr_expect_eq(packet.payload_bytes, 13U);
    wr_rift_encode_transport(rift, 7, 99);
    size = wr_wire_encode_forward(bytes, sizeof bytes, &session, 0xa5, rift, sizeof rift);
    packet = decoded(bytes, size);
    cr_expect(packet.is_rift);
    cr_expect_eq(packet.flags, 0xa5);
    cr_expect_eq(packet.sequence, 99U);
    cr_expect_eq(packet.rift.alias, 7U);
    cr_expect_eq(packet.rift.header_bytes, 18U);
    bytes[20 + 16] ^= 1; /* the checksum */
    cr_expect_eq(failure_of(bytes, size), WR_OUTCOME_BAD_PAYLOAD);
    bytes[21] = 0x48; /* no longer RIFT: a sequence then, whatever it is */
    cr_expect_eq(decoded(bytes, size).sequence, wr_load_u64(bytes + 20));
}

Test(wire, what_does_not_fit_is_not_written)
{
    static uint8_t bytes[3000], big[2000];
    cr_expect_eq(wr_wire_encode_ack(bytes, 35, &session, 1, 2, 3, false, NULL), 0U);
    cr_expect_eq(wr_wire_encode_ack(bytes, 51, &session, 1, 2, 3, false, cookie), 0U);
    cr_expect_eq(wr_wire_encode_reject(bytes, 21, &session, WR_REJECT_BANNED, NULL), 0U);
    cr_expect_eq(wr_wire_encode_release(bytes, 35, &session, cookie), 0U);
    cr_expect_eq(wr_wire_encode_renew(bytes, 19, &session, WR_ROLE_CLIENT, NULL, 0, NULL), 0U);
    cr_expect_eq(wr_wire_encode_forward(bytes, 0, &session, 0, big, 8), 0U);
    cr_expect_eq(wr_wire_encode_sequence(bytes, 27, &session, 1, big, 0), 0U);
    /* a datagram's own limit, however large the buffer */
    cr_expect_eq(wr_wire_encode_forward(bytes, sizeof bytes, &session, 0, big, 1480), 1500U);
    cr_expect_eq(wr_wire_encode_forward(bytes, sizeof bytes, &session, 0, big, 1481), 0U);
    cr_expect_eq(wr_wire_encode_present(bytes, sizeof bytes, &session, WR_ROLE_CLIENT, big,
                                        WR_TOKEN_TEXT_BYTES_MAX, NULL),
                 1500U);
    cr_expect_eq(wr_wire_encode_present(bytes, sizeof bytes, &session, WR_ROLE_CLIENT, big,
                                        WR_TOKEN_TEXT_BYTES_MAX + 1, NULL),
                 0U);
}

Test(wire, names_are_the_words_of_the_protocol)
{
    cr_expect_str_eq(wr_reject_reason_name(WR_REJECT_NONE), "none");
    cr_expect_str_eq(wr_reject_reason_name((enum wr_reject_reason)99), "none");
    cr_expect_str_eq(wr_packet_type_name((enum wr_packet_type)99), "unknown");
}
