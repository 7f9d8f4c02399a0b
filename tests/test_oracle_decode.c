#include "oracle_decode.h"

#include "address.h"
#include "vectors.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_name(enum sim_sight_kind kind)
{
    switch (kind) {
    case SIM_SIGHT_PRESENT:
        return "lease_present";
    case SIM_SIGHT_RENEW:
        return "lease_renew";
    case SIM_SIGHT_ACK:
        return "lease_ack";
    case SIM_SIGHT_REJECT:
        return "lease_reject";
    case SIM_SIGHT_FORWARD:
        return "forward";
    case SIM_SIGHT_JUNK:
    case SIM_SIGHT_BARE_HANDSHAKE:
    case SIM_SIGHT_BARE_TRANSPORT:
        break;
    }
    return "none";
}

static void expect_fields(const cJSON *test, const struct sim_sight *sight, const char *name)
{
    char session[WR_SESSION_TEXT_BYTES];
    cr_expect_str_eq(kind_name(sight->kind), vectors_string(test, "type"), "%s", name);
    wr_session_id_format(&sight->session, session);
    cr_expect_str_eq(session, vectors_string(test, "session_id"), "%s", name);
    if (sight->kind == SIM_SIGHT_FORWARD) {
        uint64_t sequence = strtoull(vectors_string(test, "sequence"), NULL, 10);
        cr_expect_eq(sight->sequence, sequence, "%s", name);
    }
    if (sight->kind == SIM_SIGHT_ACK)
        cr_expect_eq(sight->expires_unix_ms, vectors_number(test, "expires_ms"), "%s", name);
    if (sight->has_token)
        cr_expect_eq(sight->token_bytes, strlen(vectors_string(test, "token")), "%s", name);
    cr_expect_eq(sight->has_cookie, cJSON_HasObjectItem(test, "cookie"), "%s", name);
}

Test(oracle_decode, agrees_with_every_datagram_of_the_vectors)
{
    cJSON *file = vectors_load("datagrams.json");
    const cJSON *test;
    cJSON_ArrayForEach(test, vectors_cases(file, "cases"))
    {
        static uint8_t bytes[65536];
        const char *name = vectors_string(test, "name"), *result = vectors_string(test, "result");
        size_t size = vectors_hex(vectors_string(test, "hex"), bytes, sizeof bytes);
        struct sim_sight sight = sim_sight_of(bytes, (uint32_t)size, true);
        if (strcmp(result, "ok") == 0)
            expect_fields(test, &sight, name);
        else if (sight.kind == SIM_SIGHT_JUNK)
            cr_expect_str_eq(wr_outcome_name(sight.failure), result, "%s", name);
        else
            cr_expect_fail("%s should be %s", name, result);
    }
    cJSON_Delete(file);
}

Test(oracle_decode, bare_rift_is_read_in_its_two_forms_and_in_no_other)
{
    uint8_t bytes[82] = {0x52, 0x49, 0, 1};
    bytes[28] = 0xe6;
    bytes[29] = 0x96;
    cr_expect_eq(sim_sight_of(bytes, 62, true).kind, SIM_SIGHT_BARE_HANDSHAKE);
    cr_expect_eq(sim_sight_of(bytes, 62, false).kind, SIM_SIGHT_JUNK);
    bytes[8] = 1; /* a session */
    cr_expect_eq(sim_sight_of(bytes, 62, true).failure, WR_OUTCOME_BAD_MAGIC);
    uint8_t transport[82] = {0x52, 0x49, 0, 1, 0, 0, 0, 1};
    transport[16] = 0xe9;
    transport[17] = 0x01;
    cr_expect_eq(sim_sight_of(transport, 82, true).kind, SIM_SIGHT_BARE_TRANSPORT);
    transport[17] = 0x02;
    cr_expect_eq(sim_sight_of(transport, 82, true).failure, WR_OUTCOME_BAD_MAGIC);
}

Test(oracle_decode, what_cannot_be_answered_is_known)
{
    static const struct {
        const char *text;
        bool unanswerable;
    } cases[] = {
        {"203.0.113.5:0", true},     {"224.0.0.1:5", true}, {"239.255.255.255:5", true},
        {"255.255.255.255:5", true}, {"0.0.0.0:5", true},   {"240.0.0.1:5", false},
        {"[ff02::1]:5", true},       {"[::]:5", true},      {"[2001:db8::1]:5", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wr_address address;
        cr_assert(wr_address_parse(cases[i].text, &address));
        cr_expect_eq(sim_sight_unanswerable(&address), cases[i].unanswerable, "%s", cases[i].text);
    }
}
