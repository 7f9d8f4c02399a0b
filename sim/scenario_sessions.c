#include "attacker.h"
#include "scenario_reading.h"

#include <address.h>

#include <stdlib.h>
#include <string.h>

static const char *const role_leases[WR_ROLES] = {"client_lease", "server_lease"};
static const char *const role_names[WR_ROLES] = {"client", "server"};

/* ---- Traffic --------------------------------------------------------------------------------- */

static int by_time(const void *one, const void *other)
{
    const struct sim_pause_spec *a = one, *b = other;
    return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

static void read_traffic(struct sim_reader *reader, const cJSON *node, enum sim_behaviour sender,
                         struct sim_traffic_spec *traffic)
{
    *traffic = (struct sim_traffic_spec){
        .payload = sender == SIM_UPSTREAM ? SIM_PAYLOAD_RIFT : SIM_PAYLOAD_SEQUENCE,
        .until_ns = reader->scenario->duration_ns,
    };
    if (!node)
        return;
    uint64_t given = sim_read_object(reader, node, &sim_table_traffic, NULL, traffic);
    bool rate = sim_given(&sim_table_traffic, given, "rate_pps");
    bool bytes = sim_given(&sim_table_traffic, given, "bytes");
    bool kbps = sim_given(&sim_table_traffic, given, "kbps");
    if ((rate || bytes) && traffic->profile != SIM_PROFILE_CONSTANT)
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected \"rate_pps\" and \"bytes\" with profile \"constant\" only");
    if (kbps && traffic->profile != SIM_PROFILE_VIDEO)
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected \"kbps\" with profile \"video\" only");
    switch (traffic->profile) {
    case SIM_PROFILE_SILENT:
        break;
    case SIM_PROFILE_PING:
        traffic->rate_pps = 2;
        traffic->bytes = 48;
        break;
    case SIM_PROFILE_AUDIO:
        traffic->rate_pps = 50;
        traffic->bytes = 180;
        break;
    case SIM_PROFILE_VIDEO:
        traffic->kbps = kbps ? traffic->kbps : 8000;
        break;
    case SIM_PROFILE_CONSTANT:
        if (!rate)
            sim_complain(reader->document, node, SIM_AT_VALUE,
                         "expected \"rate_pps\" with profile \"constant\", found nothing");
        traffic->bytes = bytes ? traffic->bytes : 1200;
        break;
    }
    qsort(traffic->pauses, traffic->pause_count, sizeof *traffic->pauses, by_time);
    for (uint32_t i = 1; i < traffic->pause_count; i++) {
        const struct sim_pause_spec *earlier = &traffic->pauses[i - 1];
        if (earlier->at_ns + earlier->for_ns > traffic->pauses[i].at_ns)
            sim_complain(reader->document, node, SIM_AT_VALUE,
                         "expected pauses that do not overlap, found pause %u inside the one "
                         "before it",
                         i + 1);
    }
    if (traffic->from_ns >= traffic->until_ns)
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected traffic that begins before it ends and within the run");
}

/* ---- Sessions -------------------------------------------------------------------------------- */

static void read_leases(struct sim_reader *reader, const cJSON *node,
                        struct sim_session_spec *session)
{
    const cJSON *both = cJSON_GetObjectItemCaseSensitive(node, "lease");
    for (int role = 0; role < WR_ROLES; role++) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(node, role_leases[role]);
        session->lease[role] = sim_lease_default();
        if (both)
            sim_read_object(reader, both, &sim_table_lease, NULL, &session->lease[role]);
        if (own)
            sim_read_object(reader, own, &sim_table_lease, NULL, &session->lease[role]);
    }
}

static void unfold_session(struct sim_reader *reader, const struct sim_group *group,
                           const struct sim_session_draft *draft, uint32_t index)
{
    struct sim_session_spec *session = &reader->scenario->sessions[group->range.first + index];
    *session = draft->spec;
    session->name = sim_member_name(reader, group, index);
    session->id = sim_session_id(session->name);
    for (int role = 0; role < WR_ROLES; role++) {
        session->peers[role] = draft->peers[role].first + index;
        session->start_ns[role] += index * draft->spread_ns;
    }
}

static void read_session(struct sim_reader *reader, const cJSON *node,
                         const struct sim_group *group)
{
    struct sim_scenario *scenario = reader->scenario;
    struct sim_session_draft draft = {
        .spec = {.relay = sim_only(scenario->relay_count)},
    };
    uint64_t given = sim_read_object(reader, node, &sim_table_session, SIM_SESSION_PARTS, &draft);
    if (!sim_given(&sim_table_session, given, "client") ||
        !sim_given(&sim_table_session, given, "server"))
        return; /* complained of already */
    if (draft.spec.relay == SIM_NONE) {
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected \"relay\", since there is more than one, found nothing");
        draft.spec.relay = 0;
    }
    if (draft.peers[0].count != draft.peers[1].count) {
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected as many clients as servers, found %u and %u", draft.peers[0].count,
                     draft.peers[1].count);
        return;
    }
    const cJSON *traffic = cJSON_GetObjectItemCaseSensitive(node, "traffic"), *item;
    if (traffic && !cJSON_IsObject(traffic))
        sim_complain(reader->document, traffic, SIM_AT_VALUE, "expected an object, found %s",
                     sim_found(reader, traffic));
    cJSON_ArrayForEach(item, traffic)
    {
        if (cJSON_IsObject(traffic) && strcmp(item->string, "client") != 0 &&
            strcmp(item->string, "server") != 0)
            sim_complain(reader->document, item, SIM_AT_NAME,
                         "expected \"client\" or \"server\", found \"%s\"", item->string);
    }
    for (int role = 0; role < WR_ROLES; role++) {
        static const char *const starts[WR_ROLES] = {"client_start", "server_start"};
        const struct sim_peer_spec *peer = &scenario->peers[draft.peers[role].first];
        if (!sim_given(&sim_table_session, given, starts[role]))
            draft.spec.start_ns[role] = draft.start_ns;
        read_traffic(reader, cJSON_GetObjectItemCaseSensitive(traffic, role_names[role]),
                     peer->behaviour, &draft.spec.traffic[role]);
    }
    if (!sim_given(&sim_table_session, given, "handshake"))
        draft.spec.handshake = scenario->peers[draft.peers[0].first].behaviour == SIM_UPSTREAM;
    read_leases(reader, node, &draft.spec);
    for (uint32_t m = 0; m < group->range.count; m++)
        unfold_session(reader, group, &draft, m);
    for (int role = 0; role < WR_ROLES; role++) {
        if (!sim_within_run(scenario, draft.spec.start_ns[role], draft.spread_ns,
                            group->range.count))
            sim_complain(reader->document, node, SIM_AT_VALUE,
                         "expected the %s to start within the run", role_names[role]);
    }
}

/* A peer is one end of one session. */
static void check_peers_are_free(struct sim_reader *reader, const cJSON *section)
{
    const struct sim_scenario *scenario = reader->scenario;
    const char **taken = SIM_ARENA_ARRAY(reader->arena, const char *, scenario->peer_count);
    for (uint32_t i = 0; i < scenario->session_count; i++) {
        const struct sim_session_spec *session = &scenario->sessions[i];
        for (int role = 0; role < WR_ROLES; role++) {
            uint32_t peer = session->peers[role];
            if (taken[peer])
                sim_complain(reader->document, section, SIM_AT_VALUE,
                             "expected each peer in one place, found \"%s\" in \"%s\" and \"%s\"",
                             scenario->peers[peer].name, taken[peer], session->name);
            taken[peer] = session->name;
        }
    }
}

void sim_read_sessions(struct sim_reader *reader, const cJSON *root)
{
    const cJSON *section = cJSON_GetObjectItemCaseSensitive(root, "sessions");
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_SESSION]; i++) {
        const struct sim_group *group = &reader->groups[SIM_ENTITY_SESSION][i];
        read_session(reader, cJSON_GetObjectItemCaseSensitive(section, group->name), group);
    }
    if (reader->document->problem_count == 0)
        check_peers_are_free(reader, section);
}

/* ---- Attackers ------------------------------------------------------------------------------- */

/* What an attack cannot do without. */
static const char *needs_of(enum sim_attack attack)
{
    switch (attack) {
    case SIM_ATTACK_SPOOFED_FLOOD:
    case SIM_ATTACK_LEASE_FLOOD:
    case SIM_ATTACK_SESSION_GUESS:
        return "";
    case SIM_ATTACK_REFLECTION:
        return "victim";
    case SIM_ATTACK_REPLAY:
    case SIM_ATTACK_WINDOW_POISON:
    case SIM_ATTACK_THIEF:
    case SIM_ATTACK_ON_PATH:
        return "session";
    }
    return "";
}

static void read_attacker(struct sim_reader *reader, const cJSON *node,
                          const struct sim_group *group)
{
    struct sim_scenario *scenario = reader->scenario;
    struct sim_attacker_spec attacker = {
        .name = group->name,
        .link = SIM_NONE,
        .relay = sim_only(scenario->relay_count),
        .session = SIM_NONE,
        .victim = SIM_NONE,
        .token = SIM_TOKEN_FORGED,
        .sources = 1,
        .rate_pps = 100,
        .bytes = 200,
        .ahead = 1000000,
        .start_ns = WR_NEVER,
        .stop_ns = scenario->duration_ns,
    };
    uint64_t given = sim_read_object(reader, node, &sim_table_attacker, NULL, &attacker);
    if (attacker.relay == SIM_NONE) {
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected \"relay\", since there is more than one, found nothing");
        attacker.relay = 0;
    }
    if (!sim_given(&sim_table_attacker, given, "packet")) {
        attacker.packet = attacker.attack == SIM_ATTACK_SPOOFED_FLOOD ? SIM_PACKET_JUNK
                          : attacker.attack == SIM_ATTACK_LEASE_FLOOD ||
                                  attacker.attack == SIM_ATTACK_THIEF ||
                                  attacker.attack == SIM_ATTACK_REFLECTION
                              ? SIM_PACKET_PRESENT
                              : SIM_PACKET_FORWARD;
    }
    const char *needs = needs_of(attacker.attack);
    if (*needs && sim_given(&sim_table_attacker, given, "attack") &&
        !cJSON_HasObjectItem(node, needs))
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected \"%s\" with this attack, found nothing", needs);
    if (attacker.names_live_session && !cJSON_HasObjectItem(node, "session"))
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected \"session\" with \"names_live_session\", found nothing");
    if (attacker.start_ns != WR_NEVER && attacker.start_ns >= attacker.stop_ns)
        sim_complain(reader->document, node, SIM_AT_VALUE,
                     "expected an attack that begins before it stops and within the run");
    scenario->attackers[group->range.first] = attacker;
}

/* Somebody at a public address that the attacker owns as well; NULL for nobody. */
static const char *whose_address_is_taken(const struct sim_scenario *scenario, uint32_t index)
{
    const struct sim_attacker_spec *attacker = &scenario->attackers[index];
    for (uint32_t i = 0; i < scenario->relay_count; i++) {
        if (sim_attacker_spec_owns(attacker, &scenario->relays[i].address))
            return scenario->relays[i].name;
    }
    for (uint32_t i = 0; i < scenario->peer_count; i++) {
        const struct sim_peer_spec *peer = &scenario->peers[i];
        if (peer->nat == SIM_NONE && sim_attacker_spec_owns(attacker, &peer->address))
            return peer->name;
    }
    for (uint32_t i = 0; i < scenario->nat_count; i++) {
        for (uint32_t ip = 0; ip < scenario->nats[i].public_ip_count; ip++) {
            struct wr_address address = scenario->nats[i].public_ips[ip];
            address.port = attacker->address.port;
            if (sim_attacker_spec_owns(attacker, &address))
                return scenario->nats[i].name;
        }
    }
    for (uint32_t i = 0; i < index; i++) {
        if (wr_address_equal(&attacker->address, &scenario->attackers[i].address))
            return scenario->attackers[i].name;
    }
    return NULL;
}

/* What an attacker owns is its own, or it would get what is for others; what it pretends to be
 * ("source", a spoofed flood) is another matter. */
static void check_attackers_addresses(struct sim_reader *reader, const cJSON *section)
{
    const struct sim_scenario *scenario = reader->scenario;
    for (uint32_t i = 0; i < scenario->attacker_count; i++) {
        const char *name = scenario->attackers[i].name;
        const char *other = whose_address_is_taken(scenario, i);
        if (other)
            sim_complain(reader->document, cJSON_GetObjectItemCaseSensitive(section, name),
                         SIM_AT_VALUE,
                         "expected an address of its own for each, found that \"%s\" and \"%s\" "
                         "share one",
                         other, name);
    }
}

void sim_read_attackers(struct sim_reader *reader, const cJSON *root)
{
    const cJSON *section = cJSON_GetObjectItemCaseSensitive(root, "attackers");
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_ATTACKER]; i++) {
        const struct sim_group *group = &reader->groups[SIM_ENTITY_ATTACKER][i];
        read_attacker(reader, cJSON_GetObjectItemCaseSensitive(section, group->name), group);
    }
    if (reader->document->problem_count == 0)
        check_attackers_addresses(reader, section);
}
