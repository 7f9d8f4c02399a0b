#include "world_scenario.h"

#include "world_plan.h"
#include "world_words.h"

#include <stdarg.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* ---- What an input says ---------------------------------------------------------------------- */

static uint32_t choices_of(const struct member *member)
{
    uint32_t count = 0;
    while (count < CHOICES_MAX && member->choices[count] != NULL)
        count++;
    return count;
}

static void choose(struct world_plan *plan, world_chosen of, const struct member *members,
                   uint32_t count, struct fuzz_action *record)
{
    uint32_t member = fuzz_take_below(record, count);
    of[member] = (uint8_t)(1 + fuzz_take_below(record, choices_of(&members[member])));
    plan->harsh = plan->harsh || !members[member].gentle;
}

#define CHOOSE(of, members) choose(plan, of, members, COUNT(members), record)

static void read_record(struct world_plan *plan, struct fuzz_action *record)
{
    uint32_t which;
    switch (record->tag) {
    case WORLD_RUN:
        CHOOSE(plan->run, run_members);
        break;
    case WORLD_LINK:
        which = fuzz_take_below(record, WORLD_LINKS);
        CHOOSE(plan->links[which], link_members);
        break;
    case WORLD_NAT:
        which = fuzz_take_below(record, WORLD_NATS);
        CHOOSE(plan->nats[which], nat_members);
        break;
    case WORLD_OPTION:
        CHOOSE(plan->options, option_members);
        break;
    case WORLD_RELAY:
        CHOOSE(plan->relay, relay_members);
        break;
    case WORLD_MASTER:
        CHOOSE(plan->master, master_members);
        break;
    case WORLD_PEER:
        which = fuzz_take_below(record, WORLD_PEERS);
        CHOOSE(plan->peers[which], peer_members);
        break;
    case WORLD_SESSION:
        which = fuzz_take_below(record, WORLD_SESSIONS);
        plan->has_session[which] = true;
        CHOOSE(plan->sessions[which], session_members);
        break;
    case WORLD_LEASE:
        which = fuzz_take_below(record, WORLD_SESSIONS);
        CHOOSE(plan->leases[which], lease_members);
        break;
    case WORLD_ATTACKER:
        which = fuzz_take_below(record, WORLD_ATTACKERS);
        plan->has_attacker[which] = true;
        CHOOSE(plan->attackers[which], attacker_members);
        break;
    case WORLD_DO:
        world_read_doing(plan, record);
        break;
    default:
        break;
    }
}

static void read_plan(struct world_plan *plan, const uint8_t *bytes, size_t size)
{
    struct fuzz_actions list = fuzz_actions_over(bytes, size);
    struct fuzz_action record;
    memset(plan, 0, sizeof *plan);
    plan->has_session[0] = true;
    while (fuzz_next_action(&list, &record))
        read_record(plan, &record);
}

/* ---- Writing it ------------------------------------------------------------------------------ */

void world_put(struct world_writer *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(out->at, (size_t)(out->end - out->at), format, arguments);
    va_end(arguments);
    FUZZ_REQUIRE(count >= 0 && count < out->end - out->at, "a scenario has room for %d characters",
                 WORLD_JSON_MAX);
    out->at += count;
}

static void open_object(struct world_writer *out, const char *name)
{
    world_put(out, "%s\n  \"%s\": {", out->first ? "" : ",", name);
    out->first = true;
}

static void close_object(struct world_writer *out)
{
    world_put(out, " }");
    out->first = false;
}

static void put_member(struct world_writer *out, const char *name, const char *json)
{
    world_put(out, "%s \"%s\": %s", out->first ? "" : ",", name, json);
    out->first = false;
}

static const char *said(const world_chosen of, const struct member *members, uint32_t member)
{
    return of[member] > 0 ? members[member].choices[of[member] - 1] : NULL;
}

static void put_chosen(struct world_writer *out, const world_chosen of,
                       const struct member *members, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (of[i] > 0)
            put_member(out, members[i].name, members[i].choices[of[i] - 1]);
    }
}

#define PUT_CHOSEN(out, of, members, from) put_chosen(out, of, members, from, COUNT(members))

/* The NAT that a peer is behind, -1 for none. */
int world_nat_of(const struct world_plan *plan, uint32_t peer)
{
    uint8_t choice = plan->peers[peer][PEER_NAT];
    return choice >= 1 && choice <= WORLD_NATS ? choice - 1 : -1;
}

static void put_peer(struct world_writer *out, const struct world_plan *plan, uint32_t peer)
{
    const uint8_t *of = plan->peers[peer];
    int nat = world_nat_of(plan, peer);
    bool upstream = of[PEER_UPSTREAM] == 2;
    char text[64];
    snprintf(text, sizeof text, "p%u", peer);
    world_put(out, "%s\n    \"%s\": {", out->first ? "" : ",", text);
    out->first = true;
    put_member(out, "behaviour", upstream ? "\"upstream\"" : "\"robust\"");
    if (nat >= 0)
        snprintf(text, sizeof text, "\"192.168.%d.%u:5000\"", nat, 10 + peer);
    else
        snprintf(text, sizeof text, "\"192.0.2.%u:6000\"", 10 + peer);
    put_member(out, "address", text);
    if (nat >= 0)
        put_member(out, "nat", said(of, peer_members, PEER_NAT));
    if (!upstream)
        put_chosen(out, of, peer_members, PEER_ROBUST_ONLY, PEER_ROBUST_END);
    PUT_CHOSEN(out, of, peer_members, PEER_ROBUST_END);
    close_object(out);
}

static void put_session(struct world_writer *out, const struct world_plan *plan, uint32_t session)
{
    static const char *const sides[2] = {"client", "server"};
    const uint8_t *of = plan->sessions[session];
    char text[16];
    world_put(out, "%s\n    \"s%u\": {", out->first ? "" : ",", session);
    out->first = true;
    for (uint32_t side = 0; side < 2; side++) {
        snprintf(text, sizeof text, "\"p%u\"", 2 * session + side);
        put_member(out, sides[side], text);
    }
    PUT_CHOSEN(out, of, session_members, SESSION_PLAIN);
    world_put(
        out, ", \"traffic\": { \"client\": %s, \"server\": %s }",
        of[SESSION_TRAFFIC_CLIENT] > 0 ? said(of, session_members, SESSION_TRAFFIC_CLIENT) : PING,
        of[SESSION_TRAFFIC_SERVER] > 0 ? said(of, session_members, SESSION_TRAFFIC_SERVER) : PING);
    world_put(out, ", \"lease\": {");
    out->first = true;
    PUT_CHOSEN(out, plan->leases[session], lease_members, 0);
    close_object(out);
    close_object(out);
}

/* The session that an attacker watches: one that there is. */
uint32_t world_watched_by(const struct world_plan *plan, uint32_t attacker)
{
    uint8_t choice = plan->attackers[attacker][ATTACKER_SESSION];
    uint32_t session = choice > 0 ? choice - 1u : 0;
    return plan->has_session[session] ? session : 0;
}

static void put_attacker(struct world_writer *out, const struct world_plan *plan, uint32_t attacker)
{
    const uint8_t *of = plan->attackers[attacker];
    char text[32];
    world_put(out, "%s\n    \"a%u\": {", out->first ? "" : ",", attacker);
    out->first = true;
    put_member(out, "attack",
               of[ATTACKER_ATTACK] > 0 ? said(of, attacker_members, ATTACKER_ATTACK)
                                       : "\"on_path\"");
    snprintf(text, sizeof text, "\"198.18.%u.1:7000\"", attacker + 1);
    put_member(out, "address", text);
    snprintf(text, sizeof text, "\"s%u\"", world_watched_by(plan, attacker));
    put_member(out, "session", text);
    put_member(out, "victim", "\"p1\"");
    if (of[ATTACKER_ATTACK] == 7) /* a reflection aims at somebody else than itself */
        put_member(out, "bytes", "120");
    PUT_CHOSEN(out, of, attacker_members, ATTACKER_START);
    close_object(out);
}

static const uint32_t durations_ms[] = {20000, 5000, 10000, 40000, 70000, 100000, 130000, 2000};

uint32_t world_duration_ms(const struct world_plan *plan)
{
    return durations_ms[plan->run[0] > 0 ? plan->run[0] - 1 : 0];
}

/* ---- All of it ------------------------------------------------------------------------------- */

static void put_network(struct world_writer *out, const struct world_plan *plan)
{
    open_object(out, "keys");
    world_put(out, " \"k1\": {}, \"k2\": {}, \"k3\": {}");
    close_object(out);
    open_object(out, "links");
    for (uint32_t i = 0; i < WORLD_LINKS; i++) {
        world_put(out, "%s\n    \"l%u\": {", i > 0 ? "," : "", i);
        out->first = true;
        PUT_CHOSEN(out, plan->links[i], link_members, 0);
        close_object(out);
    }
    close_object(out);
    open_object(out, "nats");
    for (uint32_t i = 0; i < WORLD_NATS; i++) {
        world_put(out, "%s\n    \"n%u\": { \"public\": \"203.0.113.%u\"", i > 0 ? "," : "", i,
                  5 + i);
        out->first = false;
        PUT_CHOSEN(out, plan->nats[i], nat_members, 0);
        close_object(out);
    }
    close_object(out);
}

static void put_relay(struct world_writer *out, const struct world_plan *plan)
{
    open_object(out, "masters");
    world_put(out, "\n    \"master\": { \"key\": \"k1\"");
    out->first = false;
    PUT_CHOSEN(out, plan->master, master_members, 0);
    close_object(out);
    close_object(out);
    open_object(out, "relays");
    world_put(out, "\n    \"relay\": { \"address\": \"198.51.100.1:4000\"");
    out->first = false;
    PUT_CHOSEN(out, plan->relay, relay_members, 0);
    world_put(out, ", \"options\": {");
    out->first = true;
    PUT_CHOSEN(out, plan->options, option_members, 0);
    close_object(out);
    close_object(out);
    close_object(out);
}

static void put_people(struct world_writer *out, const struct world_plan *plan)
{
    open_object(out, "peers");
    for (uint32_t i = 0; i < WORLD_PEERS; i++) {
        if (world_has_peer(plan, i))
            put_peer(out, plan, i);
    }
    close_object(out);
    open_object(out, "sessions");
    for (uint32_t i = 0; i < WORLD_SESSIONS; i++) {
        if (plan->has_session[i])
            put_session(out, plan, i);
    }
    close_object(out);
    open_object(out, "attackers");
    for (uint32_t i = 0; i < WORLD_ATTACKERS; i++) {
        if (plan->has_attacker[i])
            put_attacker(out, plan, i);
    }
    close_object(out);
}

size_t world_scenario_write(const uint8_t *bytes, size_t size, const char *name,
                            char json[WORLD_JSON_MAX])
{
    static struct world_plan plan;
    struct world_writer out = {json, json + WORLD_JSON_MAX, true};
    read_plan(&plan, bytes, size);
    world_put(&out,
              "{\n  \"name\": \"%s\",\n  \"shows\": \"What a fuzzer came upon.\",\n"
              "  \"covers\": [\"fuzz/targets/world.c\"]",
              name);
    out.first = false;
    world_put(&out, ",\n ");
    out.first = true;
    if (plan.run[0] == 0)
        put_member(&out, "duration", "\"20s\"");
    PUT_CHOSEN(&out, plan.run, run_members, 0);
    put_member(&out, "served_within", plan.harsh ? "\"1000h\"" : "\"20s\"");
    put_network(&out, &plan);
    put_relay(&out, &plan);
    put_people(&out, &plan);
    world_put(&out, ",\n  \"timeline\": [");
    out.first = true;
    world_put_doings(&out, &plan);
    world_put(
        &out,
        "\n  ],\n  \"expect\": [{ \"counter\": \"packets_rx\", \"between\": [\"0s\", \"%ums\"], "
        "\"at_least\": 1 }]\n}\n",
        world_duration_ms(&plan));
    return (size_t)(out.at - json);
}
