#include "attacker_yard.h"

#include "address.h"

#include <criterion/criterion.h>

#include <string.h>

static void on_send(void *context, const struct wr_address *from, const uint8_t *bytes,
                    uint32_t size)
{
    struct yard *yard = context;
    cr_assert_lt(yard->sent_count, SENT_MAX);
    cr_assert_leq(size, WR_DATAGRAM_BYTES_MAX);
    struct sent *sent = &yard->sent[yard->sent_count++];
    sent->from = *from;
    sent->size = size;
    memcpy(sent->bytes, bytes, size);
}

static uint32_t on_valid_token(void *context, const struct wr_session_id *session, uint8_t *out,
                               uint32_t capacity)
{
    struct yard *yard = context;
    (void)session;
    cr_assert_geq(capacity, 5);
    static const uint8_t token[5] = {'v', 'a', 'l', 'i', 'd'};
    memcpy(out, token, sizeof token);
    yard->valid_tokens++;
    return yard->no_leases ? 0 : 5;
}

static struct wr_address on_victim_address(void *context)
{
    return ((struct yard *)context)->victim;
}

struct wr_address yard_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    const uint8_t ip[4] = {a, b, c, d};
    return wr_address_v4(ip, port);
}

struct sim_attacker_spec yard_attack(enum sim_attack kind)
{
    return (struct sim_attacker_spec){.name = "mallory",
                                      .attack = kind,
                                      .address = yard_v4(203, 0, 113, 66, 6666),
                                      .session = SIM_NONE,
                                      .victim = SIM_NONE,
                                      .token = SIM_TOKEN_FORGED,
                                      .packet = SIM_PACKET_FORWARD,
                                      .sources = 1,
                                      .rate_pps = 100,
                                      .bytes = 200,
                                      .start_ns = 0,
                                      .stop_ns = WR_NEVER};
}

void yard_open(struct yard *yard, struct sim_attacker_spec spec)
{
    static struct sent buffer[SENT_MAX];
    struct sim_attacker_environment environment = {.context = yard,
                                                   .send = on_send,
                                                   .valid_token = on_valid_token,
                                                   .victim_address = on_victim_address};
    memset(yard, 0, sizeof *yard);
    yard->sent = buffer;
    yard->spec = spec;
    yard->victim = yard_v4(192, 0, 2, 9, 9000);
    memset(yard->session.bytes, 0x5a, sizeof yard->session.bytes);
    struct sim_attacker_target target = {
        .relay_id = "relay-a", .kid = "k1", .session = yard->session, .wall_unix_ms = YARD_WALL};
    yard->attacker = sim_attacker_create(&yard->spec, &target, &environment, 11);
    cr_assert_not_null(yard->attacker);
}

void yard_run(struct yard *yard, wr_instant until)
{
    while (sim_attacker_next_deadline(yard->attacker) <= until) {
        wr_instant now = sim_attacker_next_deadline(yard->attacker);
        sim_attacker_on_deadline(yard->attacker, now);
        cr_assert_gt(sim_attacker_next_deadline(yard->attacker), now);
    }
}

struct wr_packet yard_packet(const struct sent *sent)
{
    struct wr_packet packet = {0};
    enum wr_outcome failure;
    cr_assert(wr_wire_decode(sent->bytes, sent->size, &packet, &failure));
    return packet;
}

const struct sent *yard_last(const struct yard *yard)
{
    return &yard->sent[yard->sent_count - 1];
}

uint64_t yard_owner_says(struct yard *yard, wr_instant now, const uint8_t *bytes, uint32_t size)
{
    struct wr_address owner = yard_v4(198, 51, 100, 5, 5000);
    return sim_attacker_saw(yard->attacker, now, WR_ROLE_CLIENT, &owner, bytes, size);
}

uint64_t yard_owner_forwards(struct yard *yard, wr_instant now, uint64_t sequence)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size = wr_wire_encode_sequence(out, sizeof out, &yard->session, sequence,
                                            (const uint8_t *)"0123456789", 10);
    return yard_owner_says(yard, now, out, size);
}

uint64_t yard_owner_presents(struct yard *yard, wr_instant now, const uint8_t *cookie)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size = wr_wire_encode_present(out, sizeof out, &yard->session, WR_ROLE_CLIENT,
                                           (const uint8_t *)"token", 5, cookie);
    return yard_owner_says(yard, now, out, size);
}

void yard_relay_answers(struct yard *yard, const struct wr_address *to, bool reject,
                        const uint8_t *cookie)
{
    uint8_t out[WR_DATAGRAM_BYTES_MAX];
    uint32_t size =
        reject
            ? wr_wire_encode_reject(out, sizeof out, &yard->session, WR_REJECT_RATE_LIMITED, cookie)
            : wr_wire_encode_ack(out, sizeof out, &yard->session, 1, 1, 1, false, cookie);
    sim_attacker_receive(yard->attacker, 0, to, out, size);
}

const uint8_t yard_cookie[WR_COOKIE_BYTES] = {0xc0, 0x0c};
