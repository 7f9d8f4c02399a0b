#include "scenario_reading.h"

#include "quantity.h"

#include <stdlib.h>
#include <string.h>

#define HALF 2 /* the relay spends at most half a core on signatures (protocol section 5) */

static const cJSON *body(const cJSON *root, enum sim_entity entity, const struct sim_group *group)
{
    const cJSON *section = cJSON_GetObjectItemCaseSensitive(root, sim_entity_section(entity));
    return cJSON_GetObjectItemCaseSensitive(section, group->name);
}

static void read_keys(struct sim_reader *reader, const cJSON *root)
{
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_KEY]; i++) {
        const struct sim_group *group = &reader->groups[SIM_ENTITY_KEY][i];
        struct sim_key_spec *key = &reader->scenario->keys[group->range.first];
        const cJSON *node = body(root, SIM_ENTITY_KEY, group);
        *key = (struct sim_key_spec){.name = group->name, .kid = group->name};
        if (node)
            sim_read_object(reader, node, &sim_table_key, NULL, key);
    }
}

static void read_masters(struct sim_reader *reader, const cJSON *root)
{
    const struct sim_scenario *scenario = reader->scenario;
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_MASTER]; i++) {
        const struct sim_group *group = &reader->groups[SIM_ENTITY_MASTER][i];
        const cJSON *node = body(root, SIM_ENTITY_MASTER, group);
        struct sim_master_draft draft = {
            .key = sim_only(scenario->key_count),
            .spec = {.name = group->name,
                     .signs_with = SIM_NONE,
                     .publishes = SIM_NONE,
                     .answer_delay_ns = 20 * WR_MS,
                     .heartbeat_interval_ns = 5 * WR_S,
                     .leases_per_minute = 10},
        };
        if (node)
            sim_read_object(reader, node, &sim_table_master, NULL, &draft);
        if (draft.spec.signs_with == SIM_NONE)
            draft.spec.signs_with = draft.key;
        if (draft.spec.publishes == SIM_NONE)
            draft.spec.publishes = draft.key;
        if (draft.spec.signs_with == SIM_NONE || draft.spec.publishes == SIM_NONE) {
            sim_complain(reader->document, node ? node : root, SIM_AT_VALUE,
                         "expected \"key\" of master \"%s\", since there is more than one, found "
                         "nothing",
                         group->name);
            draft.spec.signs_with = draft.spec.publishes = 0;
        }
        reader->scenario->masters[group->range.first] = draft.spec;
    }
}

static void read_links(struct sim_reader *reader, const cJSON *root)
{
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_LINK]; i++) {
        const struct sim_group *group = &reader->groups[SIM_ENTITY_LINK][i];
        struct sim_link_spec *link = &reader->scenario->links[group->range.first];
        const cJSON *node = body(root, SIM_ENTITY_LINK, group);
        *link = sim_link_default();
        link->name = group->name;
        sim_read_object(reader, node, &sim_table_link, NULL, link);
        if (link->mtu_bytes > link->queue_bytes)
            sim_complain(reader->document, node, SIM_AT_VALUE,
                         "expected a queue that holds one datagram of the mtu, found %u bytes "
                         "against %u",
                         link->queue_bytes, link->mtu_bytes);
    }
}

static void read_nats(struct sim_reader *reader, const cJSON *root)
{
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_NAT]; i++) {
        const struct sim_group *group = &reader->groups[SIM_ENTITY_NAT][i];
        struct sim_nat_draft draft = {
            .count = 1,
            .spec = {.pooling_paired = true,
                     .mapping = SIM_NAT_ENDPOINT_INDEPENDENT,
                     .filtering = SIM_NAT_ADDRESS_AND_PORT_DEPENDENT,
                     .ports = SIM_NAT_PORTS_PRESERVE,
                     .refresh = SIM_NAT_REFRESH_OUTBOUND,
                     .mapping_timeout_ns = 120 * WR_S,
                     .port_min = 1024,
                     .port_max = 65535,
                     .hairpin = true,
                     .link = SIM_NONE},
        };
        sim_read_object(reader, body(root, SIM_ENTITY_NAT, group), &sim_table_nat, NULL, &draft);
        for (uint32_t m = 0; m < group->range.count; m++) {
            struct sim_nat_spec *nat = &reader->scenario->nats[group->range.first + m];
            *nat = draft.spec;
            nat->name = sim_member_name(reader, group, m);
            for (uint32_t ip = 0; ip < nat->public_ip_count; ip++)
                nat->public_ips[ip] =
                    sim_address_step(nat->public_ips[ip], m * nat->public_ip_count);
        }
    }
}

/* ---- Relays ---------------------------------------------------------------------------------- */

static void check_relay(struct sim_reader *reader, const cJSON *at, struct sim_relay_draft *draft,
                        bool options_given_verify_rate)
{
    struct sim_relay_spec *relay = &draft->spec;
    if (!options_given_verify_rate) {
        uint64_t verify_ns = relay->host.verify_ns > 0 ? relay->host.verify_ns : 1;
        uint64_t rate = WR_S / (HALF * verify_ns);
        relay->config.verify_rate = (uint32_t)(rate < 1            ? 1
                                               : rate > 1000000000 ? 1000000000
                                                                   : rate);
    }
    relay->config.keys_refreshable = !draft->standalone && relay->pinned_key_count == 0;
    const char *error = wr_relay_config_error(&relay->config);
    if (error)
        sim_complain(reader->document, at, SIM_AT_VALUE, "expected options a relay can use: %s",
                     error);
    if (draft->standalone && relay->pinned_key_count == 0)
        sim_complain(reader->document, at, SIM_AT_VALUE,
                     "expected \"pinned_keys\" of a standalone relay, found none");
}

static void read_relays(struct sim_reader *reader, const cJSON *root)
{
    struct sim_scenario *scenario = reader->scenario;
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_RELAY]; i++) {
        const struct sim_group *group = &reader->groups[SIM_ENTITY_RELAY][i];
        const cJSON *node = body(root, SIM_ENTITY_RELAY, group);
        struct sim_relay_draft draft = {
            .link = SIM_NONE,
            .spec = {.name = group->name,
                     .master = sim_only(scenario->master_count),
                     .region = "",
                     .max_bitrate_kbps = 20000,
                     .host = sim_host_default(),
                     .uplink = SIM_NONE,
                     .downlink = SIM_NONE},
        };
        struct sim_relay_spec *relay = &draft.spec;
        wr_relay_config_default(&relay->config);
        relay->config.relay_id = group->name;
        const uint8_t ip[4] = {198, 51, 100, 1};
        memcpy(relay->address.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
        memcpy(relay->address.ip + 12, ip, sizeof ip);
        relay->address.port = 4000;
        if (node)
            sim_read_object(reader, node, &sim_table_relay, NULL, &draft);
        const cJSON *options = cJSON_GetObjectItemCaseSensitive(node, "options");
        check_relay(reader,
                    options ? options
                    : node  ? node
                            : root,
                    &draft, cJSON_HasObjectItem(options, "verify-rate"));
        if (relay->uplink == SIM_NONE)
            relay->uplink = draft.link;
        if (relay->downlink == SIM_NONE)
            relay->downlink = draft.link;
        if (relay->master == SIM_NONE) {
            sim_complain(reader->document, node ? node : root, SIM_AT_VALUE,
                         "expected \"master\", since there is more than one, found nothing");
            relay->master = 0;
        }
        relay->issuer = relay->master;
        if (draft.standalone)
            relay->master = SIM_NONE;
        scenario->relays[group->range.first] = *relay;
    }
}

/* ---- Peers ----------------------------------------------------------------------------------- */

static void unfold_peer(struct sim_reader *reader, const struct sim_group *group,
                        const struct sim_peer_draft *draft, uint32_t index)
{
    struct sim_peer_spec *peer = &reader->scenario->peers[group->range.first + index];
    *peer = draft->spec;
    peer->name = sim_member_name(reader, group, index);
    if (!peer->identity)
        peer->identity = peer->name;
    else if (group->counted)
        peer->identity = sim_arena_print(reader->arena, "%s-%u", peer->identity, index);
    peer->address = sim_address_step(peer->address, index);
    if (draft->nat.count > 0)
        peer->nat = draft->nat.first + (draft->nat.count > 1 ? index : 0);
    if (peer->uplink == SIM_NONE)
        peer->uplink = draft->link;
    if (peer->downlink == SIM_NONE)
        peer->downlink = draft->link;
}

static void read_peers(struct sim_reader *reader, const cJSON *root)
{
    for (uint32_t i = 0; i < reader->group_counts[SIM_ENTITY_PEER]; i++) {
        const struct sim_group *group = &reader->groups[SIM_ENTITY_PEER][i];
        const cJSON *node = body(root, SIM_ENTITY_PEER, group);
        struct sim_peer_draft draft = {
            .count = 1,
            .link = SIM_NONE,
            .spec = {.nat = SIM_NONE,
                     .uplink = SIM_NONE,
                     .downlink = SIM_NONE,
                     .sign_of_life_ns = 400 * WR_MS,
                     .renew_at = {1, 2},
                     .echoes_cookies = true,
                     .retransmits = true},
        };
        uint64_t given = sim_read_object(reader, node, &sim_table_peer, NULL, &draft);
        static const char *const robust_only[] = {"sign_of_life", "renew_at", "echoes_cookies",
                                                  "retransmits"};
        for (size_t f = 0; f < SIM_COUNT(robust_only); f++) {
            if (draft.spec.behaviour == SIM_UPSTREAM &&
                sim_given(&sim_table_peer, given, robust_only[f]))
                sim_complain(reader->document,
                             cJSON_GetObjectItemCaseSensitive(node, robust_only[f]), SIM_AT_NAME,
                             "expected it of a robust peer only, found it of upstream's");
        }
        if (draft.nat.count > 1 && draft.nat.count != group->range.count) {
            sim_complain(reader->document, cJSON_GetObjectItemCaseSensitive(node, "nat"),
                         SIM_AT_VALUE,
                         "expected one NAT, or as many as there are peers (%u), found %u",
                         group->range.count, draft.nat.count);
            draft.nat.count = 1;
        }
        for (uint32_t m = 0; m < group->range.count; m++)
            unfold_peer(reader, group, &draft, m);
    }
}

/* ---- Addresses that nobody else has ---------------------------------------------------------- */

struct place {
    uint32_t nat;
    struct wr_address address;
    const char *name;
};

static int by_address(const void *one, const void *other)
{
    const struct place *a = one, *b = other;
    if (a->nat != b->nat)
        return a->nat < b->nat ? -1 : 1;
    return memcmp(&a->address, &b->address, sizeof a->address);
}

/* Of one IP address the NATs come first: SIM_NONE is the largest number. */
static int by_ip(const void *one, const void *other)
{
    const struct place *a = one, *b = other;
    int order = memcmp(a->address.ip, b->address.ip, sizeof a->address.ip);
    if (order != 0)
        return order;
    if (a->nat != b->nat)
        return a->nat < b->nat ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void check_addresses(struct sim_reader *reader, const cJSON *root)
{
    const struct sim_scenario *scenario = reader->scenario;
    const cJSON *peers =
        cJSON_GetObjectItemCaseSensitive(root, sim_entity_section(SIM_ENTITY_PEER));
    uint32_t count = 0;
    struct place *places =
        SIM_ARENA_ARRAY(reader->arena, struct place, scenario->relay_count + scenario->peer_count);
    for (uint32_t i = 0; i < scenario->relay_count; i++)
        places[count++] =
            (struct place){SIM_NONE, scenario->relays[i].address, scenario->relays[i].name};
    for (uint32_t i = 0; i < scenario->peer_count; i++) {
        const struct sim_peer_spec *peer = &scenario->peers[i];
        places[count++] = (struct place){peer->nat, peer->address, peer->name};
    }
    qsort(places, count, sizeof *places, by_address);
    for (uint32_t i = 1; i < count; i++) {
        if (by_address(&places[i - 1], &places[i]) == 0)
            sim_complain(reader->document, peers ? peers : root, SIM_AT_VALUE,
                         "expected an address of its own for each, found that \"%s\" and \"%s\" "
                         "share one",
                         places[i - 1].name, places[i].name);
    }
}

/* Whose a public address is must be certain: no two NATs share one, and no host has a NAT's. */
static void check_public_ips(struct sim_reader *reader, const cJSON *root)
{
    const struct sim_scenario *scenario = reader->scenario;
    const cJSON *nats = cJSON_GetObjectItemCaseSensitive(root, sim_entity_section(SIM_ENTITY_NAT));
    uint32_t count = 0, room = scenario->relay_count + scenario->peer_count;
    for (uint32_t i = 0; i < scenario->nat_count; i++)
        room += scenario->nats[i].public_ip_count;
    struct place *places = SIM_ARENA_ARRAY(reader->arena, struct place, room);
    for (uint32_t i = 0; i < scenario->nat_count; i++) {
        for (uint32_t ip = 0; ip < scenario->nats[i].public_ip_count; ip++)
            places[count++] =
                (struct place){i, scenario->nats[i].public_ips[ip], scenario->nats[i].name};
    }
    for (uint32_t i = 0; i < scenario->relay_count; i++)
        places[count++] =
            (struct place){SIM_NONE, scenario->relays[i].address, scenario->relays[i].name};
    for (uint32_t i = 0; i < scenario->peer_count; i++) {
        if (scenario->peers[i].nat == SIM_NONE)
            places[count++] =
                (struct place){SIM_NONE, scenario->peers[i].address, scenario->peers[i].name};
    }
    qsort(places, count, sizeof *places, by_ip);
    for (uint32_t i = 1; i < count; i++) {
        const struct place *one = &places[i - 1], *other = &places[i];
        if (one->nat != SIM_NONE && memcmp(one->address.ip, other->address.ip, 16) == 0)
            sim_complain(reader->document, nats, SIM_AT_VALUE,
                         "expected public addresses that nobody else has, found that \"%s\" and "
                         "\"%s\" share one",
                         one->name, other->name);
    }
}

void sim_read_topology(struct sim_reader *reader, const cJSON *root)
{
    read_keys(reader, root);
    read_masters(reader, root);
    read_links(reader, root);
    read_nats(reader, root);
    read_relays(reader, root);
    read_peers(reader, root);
    if (reader->document->problem_count == 0) {
        check_addresses(reader, root);
        check_public_ips(reader, root);
    }
}
