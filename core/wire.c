#include "wire.h"

#include "address.h"
#include "cursor.h"
#include "fault.h"

#include <string.h>

const char *wr_reject_reason_name(enum wr_reject_reason reason)
{
    switch (reason) {
    case WR_REJECT_NONE:
        break;
    case WR_REJECT_EXPIRED:
        return "expired";
    case WR_REJECT_INVALID_SIGNATURE:
        return "invalid_signature";
    case WR_REJECT_WRONG_RELAY:
        return "wrong_relay";
    case WR_REJECT_SESSION_FULL:
        return "session_full";
    case WR_REJECT_BANNED:
        return "banned";
    case WR_REJECT_RATE_LIMITED:
        return "rate_limited";
    }
    return "none";
}

const char *wr_packet_type_name(enum wr_packet_type type)
{
    switch (type) {
    case WR_PACKET_LEASE_PRESENT:
        return "lease_present";
    case WR_PACKET_LEASE_ACK:
        return "lease_ack";
    case WR_PACKET_LEASE_REJECT:
        return "lease_reject";
    case WR_PACKET_LEASE_RENEW:
        return "lease_renew";
    case WR_PACKET_FORWARD:
        return "forward";
    }
    return "unknown";
}

/* ---- Decoding -------------------------------------------------------------------------------- */

static bool decode_forward(const uint8_t *payload, size_t payload_bytes, struct wr_packet *out)
{
    out->payload = payload;
    out->payload_bytes = (uint32_t)payload_bytes;
    out->is_rift = wr_rift_begins(payload, payload_bytes);
    if (out->is_rift) {
        if (!wr_rift_decode(payload, payload_bytes, &out->rift))
            return false;
        out->sequence = out->rift.packet_id;
        return true;
    }
    if (payload_bytes < 8)
        return false;
    out->sequence = wr_load_u64(payload);
    return true;
}

/* Role, length, token; what follows it is ignored (section 1). */
static bool decode_token(struct wr_reader in, struct wr_packet *out)
{
    uint8_t role = wr_take_u8(&in);
    out->role = role == 0 ? WR_ROLE_CLIENT : WR_ROLE_SERVER;
    out->token_bytes = wr_take_u16(&in);
    out->token = wr_take(&in, out->token_bytes);
    out->has_token = true;
    return !in.ran_out && (role <= WR_ROLE_SERVER || WR_FAULT(wire_any_role)) &&
           out->token_bytes > 0;
}

static void take_no_token(struct wr_packet *out)
{
    out->has_token = false;
    out->role = WR_ROLE_CLIENT;
    out->token = NULL;
    out->token_bytes = 0;
}

/* The last 16 bytes of a request, where its flag announces them. */
static void take_last_cookie(struct wr_reader *in, struct wr_packet *out)
{
    out->has_cookie = (out->flags & WR_FLAG_COOKIE) != 0;
    out->cookie = out->has_cookie ? wr_take_last(in, WR_COOKIE_BYTES) : NULL;
    if (WR_FAULT(wire_token_into_cookie) && out->cookie != NULL && in->left > 0)
        in->left += WR_COOKIE_BYTES;
}

/* The next 16 bytes of an answer, where its flag announces them. */
static void take_next_cookie(struct wr_reader *in, struct wr_packet *out)
{
    out->has_cookie = (out->flags & WR_FLAG_COOKIE) != 0;
    out->cookie = out->has_cookie ? wr_take(in, WR_COOKIE_BYTES) : NULL;
}

static bool decode_present(struct wr_reader in, struct wr_packet *out)
{
    out->release = false;
    take_last_cookie(&in, out);
    return !in.ran_out && decode_token(in, out);
}

static bool decode_renew(struct wr_reader in, struct wr_packet *out)
{
    out->release = (out->flags & WR_FLAG_RELEASE) != 0;
    take_last_cookie(&in, out);
    if (in.ran_out || (out->release && !out->has_cookie))
        return false;
    if (in.left > 0)
        return !out->release && decode_token(in, out);
    take_no_token(out);
    return true;
}

static bool decode_ack(struct wr_reader in, struct wr_packet *out)
{
    out->draining = (out->flags & WR_FLAG_DRAINING) != 0;
    out->expires_unix_ms = wr_take_u64(&in);
    out->soft_limit_kbps = wr_take_u32(&in);
    out->hard_limit_kbps = wr_take_u32(&in);
    take_next_cookie(&in, out);
    return !in.ran_out;
}

static bool decode_reject(struct wr_reader in, struct wr_packet *out)
{
    out->reason = wr_take_u16(&in);
    take_next_cookie(&in, out);
    return !in.ran_out && out->reason >= WR_REJECT_EXPIRED && out->reason <= WR_REJECT_RATE_LIMITED;
}

static bool decode_payload(struct wr_reader in, struct wr_packet *out)
{
    switch (out->type) {
    case WR_PACKET_LEASE_PRESENT:
        return decode_present(in, out);
    case WR_PACKET_LEASE_ACK:
        return decode_ack(in, out);
    case WR_PACKET_LEASE_REJECT:
        return decode_reject(in, out);
    case WR_PACKET_LEASE_RENEW:
        return decode_renew(in, out);
    case WR_PACKET_FORWARD:
        return decode_forward(in.at, in.left, out);
    }
    return false;
}

static bool is_known_type(uint8_t type)
{
    return type == WR_PACKET_FORWARD ||
           (type >= WR_PACKET_LEASE_PRESENT && type <= WR_PACKET_LEASE_RENEW);
}

static bool fail(enum wr_outcome *failure, enum wr_outcome why)
{
    *failure = why;
    return false;
}

bool wr_wire_decode(const uint8_t *bytes, size_t size, struct wr_packet *out,
                    enum wr_outcome *failure)
{
    if (size < WR_DATAGRAM_BYTES_MIN)
        return fail(failure, WR_OUTCOME_SHORT);
    if (size > WR_DATAGRAM_BYTES_MAX)
        return fail(failure, WR_OUTCOME_OVERSIZE);
    if (bytes[0] != WR_WIRE_MAGIC)
        return fail(failure, WR_OUTCOME_BAD_MAGIC);
    if (bytes[1] != WR_WIRE_VERSION)
        return fail(failure, WR_OUTCOME_BAD_VERSION);
    if (!is_known_type(bytes[2]))
        return fail(failure, WR_OUTCOME_UNKNOWN_TYPE);
    out->type = (enum wr_packet_type)bytes[2];
    out->flags = bytes[3];
    memcpy(out->session.bytes, bytes + 4, sizeof out->session.bytes);
    if (wr_session_id_is_nil(&out->session))
        return fail(failure, WR_OUTCOME_NIL_SESSION);
    if (!decode_payload(wr_reader_over(bytes + WR_WIRE_HEADER_BYTES, size - WR_WIRE_HEADER_BYTES),
                        out))
        return fail(failure, WR_OUTCOME_BAD_PAYLOAD);
    return true;
}

/* ---- Encoding -------------------------------------------------------------------------------- */

static struct wr_writer begin(uint8_t *out, size_t capacity, enum wr_packet_type type,
                              unsigned flags, const struct wr_session_id *session)
{
    struct wr_writer writer =
        wr_writer_over(out, capacity < WR_DATAGRAM_BYTES_MAX ? capacity : WR_DATAGRAM_BYTES_MAX);
    wr_put_u8(&writer, WR_WIRE_MAGIC);
    wr_put_u8(&writer, WR_WIRE_VERSION);
    wr_put_u8(&writer, (uint8_t)type);
    wr_put_u8(&writer, (uint8_t)flags);
    wr_put(&writer, session->bytes, sizeof session->bytes);
    return writer;
}

static void put_cookie(struct wr_writer *writer, const uint8_t *cookie)
{
    if (cookie != NULL)
        wr_put(writer, cookie, WR_COOKIE_BYTES);
}

static unsigned cookie_flag(const uint8_t *cookie)
{
    return cookie != NULL ? WR_FLAG_COOKIE : 0;
}

static uint32_t finish(const struct wr_writer *writer)
{
    return writer->ran_out ? 0 : (uint32_t)writer->used;
}

uint32_t wr_wire_encode_ack(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                            uint64_t expires_unix_ms, uint32_t soft_limit_kbps,
                            uint32_t hard_limit_kbps, bool draining, const uint8_t *cookie)
{
    unsigned flags = cookie_flag(cookie) | (draining ? WR_FLAG_DRAINING : 0);
    struct wr_writer writer = begin(out, capacity, WR_PACKET_LEASE_ACK, flags, session);
    wr_put_u64(&writer, expires_unix_ms);
    wr_put_u32(&writer, soft_limit_kbps);
    wr_put_u32(&writer, hard_limit_kbps);
    put_cookie(&writer, cookie);
    return finish(&writer);
}

uint32_t wr_wire_encode_reject(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                               enum wr_reject_reason reason, const uint8_t *cookie)
{
    struct wr_writer writer =
        begin(out, capacity, WR_PACKET_LEASE_REJECT, cookie_flag(cookie), session);
    wr_put_u16(&writer, (uint16_t)reason);
    put_cookie(&writer, cookie);
    return finish(&writer);
}

/* PRESENT and a renew with a token differ in their type alone. */
static uint32_t encode_token(uint8_t *out, size_t capacity, enum wr_packet_type type,
                             const struct wr_session_id *session, enum wr_role role,
                             const uint8_t *token, uint32_t token_bytes, const uint8_t *cookie)
{
    struct wr_writer writer = begin(out, capacity, type, cookie_flag(cookie), session);
    wr_put_u8(&writer, (uint8_t)role);
    wr_put_u16(&writer, (uint16_t)token_bytes); /* more than 16 bits never fit a datagram */
    wr_put(&writer, token, token_bytes);
    put_cookie(&writer, cookie);
    return finish(&writer);
}

uint32_t wr_wire_encode_present(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                                enum wr_role role, const uint8_t *token, uint32_t token_bytes,
                                const uint8_t *cookie)
{
    return encode_token(out, capacity, WR_PACKET_LEASE_PRESENT, session, role, token, token_bytes,
                        cookie);
}

uint32_t wr_wire_encode_renew(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                              enum wr_role role, const uint8_t *token, uint32_t token_bytes,
                              const uint8_t *cookie)
{
    if (token != NULL)
        return encode_token(out, capacity, WR_PACKET_LEASE_RENEW, session, role, token, token_bytes,
                            cookie);
    struct wr_writer writer =
        begin(out, capacity, WR_PACKET_LEASE_RENEW, cookie_flag(cookie), session);
    put_cookie(&writer, cookie);
    return finish(&writer);
}

uint32_t wr_wire_encode_release(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                                const uint8_t *cookie)
{
    struct wr_writer writer =
        begin(out, capacity, WR_PACKET_LEASE_RENEW, WR_FLAG_COOKIE | WR_FLAG_RELEASE, session);
    wr_put(&writer, cookie, WR_COOKIE_BYTES);
    return finish(&writer);
}

uint32_t wr_wire_encode_forward(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                                uint8_t flags, const uint8_t *payload, uint32_t payload_bytes)
{
    struct wr_writer writer = begin(out, capacity, WR_PACKET_FORWARD, flags, session);
    wr_put(&writer, payload, payload_bytes);
    return finish(&writer);
}

uint32_t wr_wire_encode_sequence(uint8_t *out, size_t capacity, const struct wr_session_id *session,
                                 uint64_t sequence, const uint8_t *opaque, uint32_t opaque_bytes)
{
    struct wr_writer writer = begin(out, capacity, WR_PACKET_FORWARD, 0, session);
    wr_put_u64(&writer, sequence);
    wr_put(&writer, opaque, opaque_bytes);
    return finish(&writer);
}
