#include "oracle_judge.h"

#include <stdlib.h>
#include <string.h>

void *sim_oracle_grow(void *items, uint32_t *capacity, uint32_t needed, size_t item_bytes)
{
    if (needed <= *capacity)
        return items;
    uint32_t larger = *capacity > 0 ? *capacity : 16;
    while (larger < needed)
        larger *= 2;
    void *moved = realloc(items, larger * item_bytes);
    if (moved == NULL)
        abort();
    memset((char *)moved + *capacity * item_bytes, 0, (larger - *capacity) * item_bytes);
    *capacity = larger;
    return moved;
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= UINT64_C(0x9e3779b97f4a7c15);
    value ^= value >> 29;
    value *= UINT64_C(0xbf58476d1ce4e5b9);
    return value ^ value >> 32;
}

#define TOMBSTONE (SIM_NO_SLOT - 1)

static uint32_t map_place(const struct sim_map *map, uint64_t key)
{
    uint32_t mask = map->size - 1, place = (uint32_t)mix(key) & mask;
    while (map->slots[place] != SIM_NO_SLOT &&
           (map->slots[place] == TOMBSTONE || map->keys[place] != key))
        place = (place + 1) & mask;
    return place;
}

uint32_t sim_map_find(const struct sim_map *map, uint64_t key)
{
    return map->live == 0 ? SIM_NO_SLOT : map->slots[map_place(map, key)];
}

static void map_rebuild(struct sim_map *map, uint32_t size)
{
    struct sim_map old = *map;
    map->size = size;
    map->keys = malloc(size * sizeof *map->keys);
    map->slots = malloc(size * sizeof *map->slots);
    if (map->keys == NULL || map->slots == NULL)
        abort();
    memset(map->slots, 0xff, size * sizeof *map->slots);
    map->used = map->live;
    for (uint32_t i = 0; i < old.size; i++) {
        if (old.slots[i] < TOMBSTONE) {
            uint32_t place = map_place(map, old.keys[i]);
            map->keys[place] = old.keys[i];
            map->slots[place] = old.slots[i];
        }
    }
    free(old.keys);
    free(old.slots);
}

void sim_map_put(struct sim_map *map, uint64_t key, uint32_t slot)
{
    if (map->used * 2 >= map->size)
        map_rebuild(map,
                    map->live * 4 >= map->size ? (map->size > 0 ? map->size * 2 : 64) : map->size);
    uint32_t place = map_place(map, key);
    if (map->slots[place] == SIM_NO_SLOT) {
        map->used++;
        map->live++;
    }
    map->keys[place] = key;
    map->slots[place] = slot;
}

void sim_map_remove(struct sim_map *map, uint64_t key)
{
    if (map->live == 0)
        return;
    uint32_t place = map_place(map, key);
    if (map->slots[place] != SIM_NO_SLOT) {
        map->slots[place] = TOMBSTONE;
        map->live--;
    }
}

void sim_map_clear(struct sim_map *map)
{
    if (map->size > 0)
        memset(map->slots, 0xff, map->size * sizeof *map->slots);
    map->used = map->live = 0;
}

void sim_map_free(struct sim_map *map)
{
    free(map->keys);
    free(map->slots);
    memset(map, 0, sizeof *map);
}

/* ---- Sessions by id -------------------------------------------------------------------------- */

static uint64_t word(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint32_t id_hash(const struct wr_session_id *id)
{
    return (uint32_t)mix(word(id->bytes) ^ mix(word(id->bytes + 8)));
}

static uint32_t id_place(const struct sim_oracle *oracle, const struct wr_session_id *id)
{
    uint32_t mask = oracle->session_table_size - 1, place = id_hash(id) & mask;
    for (;; place = (place + 1) & mask) {
        uint32_t entry = oracle->session_table[place];
        if (entry == 0 || memcmp(&oracle->sessions[entry - 1].id, id, sizeof *id) == 0)
            return place;
    }
}

struct sim_session *sim_session_find(struct sim_oracle *oracle, const struct wr_session_id *id)
{
    if (oracle->session_table_size == 0)
        return NULL;
    uint32_t entry = oracle->session_table[id_place(oracle, id)];
    return entry == 0 ? NULL : &oracle->sessions[entry - 1];
}

static void id_table_grow(struct sim_oracle *oracle)
{
    uint32_t size = oracle->session_table_size > 0 ? oracle->session_table_size * 2 : 64;
    free(oracle->session_table);
    oracle->session_table = calloc(size, sizeof *oracle->session_table);
    if (oracle->session_table == NULL)
        abort();
    oracle->session_table_size = size;
    for (uint32_t i = 0; i < oracle->session_count; i++) {
        if (oracle->sessions[i].used)
            oracle->session_table[id_place(oracle, &oracle->sessions[i].id)] = i + 1;
    }
}

struct sim_session *sim_session_create(struct sim_oracle *oracle, const struct wr_session_id *id)
{
    uint32_t slot = oracle->session_free, capacity = oracle->session_capacity;
    if ((oracle->sessions_used + 1) * 2 > oracle->session_table_size)
        id_table_grow(oracle);
    if (slot != SIM_NO_SLOT) {
        oracle->session_free = oracle->sessions[slot].next_free;
    } else {
        slot = oracle->session_count++;
        oracle->sessions = sim_oracle_grow(oracle->sessions, &oracle->session_capacity,
                                           oracle->session_count, sizeof *oracle->sessions);
        oracle->heap =
            sim_oracle_grow(oracle->heap, &capacity, oracle->session_count, sizeof *oracle->heap);
    }
    struct sim_session *session = &oracle->sessions[slot];
    memset(session, 0, sizeof *session);
    session->id = *id;
    session->used = true;
    session->heap_place = oracle->heap_count;
    session->heap_key = WR_NEVER;
    for (int role = 0; role < WR_ROLES; role++)
        sim_window_clear(&session->roles[role].window);
    oracle->heap[oracle->heap_count++] = slot;
    oracle->session_table[id_place(oracle, id)] = slot + 1;
    oracle->sessions_used++;
    return session;
}

/* ---- Deadlines: a heap of sessions, whose keys never lie behind the true deadline --------------
 */

static void heap_set(struct sim_oracle *oracle, uint32_t place, uint32_t slot)
{
    oracle->heap[place] = slot;
    oracle->sessions[slot].heap_place = place;
}

static bool heap_before(const struct sim_oracle *oracle, uint32_t a, uint32_t b)
{
    wr_instant left = oracle->sessions[a].heap_key, right = oracle->sessions[b].heap_key;
    return left != right ? left < right : a < b;
}

static void heap_fix(struct sim_oracle *oracle, uint32_t place)
{
    uint32_t slot = oracle->heap[place];
    while (place > 0 && heap_before(oracle, slot, oracle->heap[(place - 1) / 2])) {
        heap_set(oracle, place, oracle->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t child = place * 2 + 1;
        if (child >= oracle->heap_count)
            break;
        if (child + 1 < oracle->heap_count &&
            heap_before(oracle, oracle->heap[child + 1], oracle->heap[child]))
            child++;
        if (!heap_before(oracle, oracle->heap[child], slot))
            break;
        heap_set(oracle, place, oracle->heap[child]);
        place = child;
    }
    heap_set(oracle, place, slot);
}

/* A timeout that was cut short ends what it has outlasted when that was done, not before. */
static wr_instant end_of(const struct sim_oracle *oracle, wr_instant since, uint32_t timeout_secs)
{
    wr_instant end = wr_after(since, timeout_secs * WR_S);
    return end > oracle->limits_ns ? end : oracle->limits_ns;
}

wr_instant sim_session_wait_over(const struct sim_oracle *oracle, const struct sim_session *session)
{
    return end_of(oracle, session->waiting_since_ns, oracle->config.peer_wait_secs);
}

wr_instant sim_session_idle_over(const struct sim_oracle *oracle, const struct sim_session *session)
{
    return end_of(oracle, session->heard_ns, oracle->config.idle_timeout_secs);
}

wr_instant sim_session_deadline(const struct sim_oracle *oracle, const struct sim_session *session)
{
    wr_instant first = sim_session_idle_over(oracle, session);
    wr_instant wait = sim_session_wait_over(oracle, session);
    if (session->idle_told)
        first = WR_NEVER;
    if (!session->active && !session->wait_told && wait < first)
        first = wait;
    for (int role = 0; role < WR_ROLES; role++) {
        if (session->roles[role].bound && !session->roles[role].end_told &&
            session->roles[role].end_ns < first)
            first = session->roles[role].end_ns;
    }
    return first;
}

void sim_session_deadline_moved(struct sim_oracle *oracle, struct sim_session *session)
{
    session->heap_key = sim_session_deadline(oracle, session);
    heap_fix(oracle, session->heap_place);
}

struct sim_session *sim_session_overdue(struct sim_oracle *oracle, wr_instant before)
{
    while (oracle->heap_count > 0) {
        struct sim_session *first = &oracle->sessions[oracle->heap[0]];
        if (first->heap_key >= before)
            return NULL;
        wr_instant true_deadline = sim_session_deadline(oracle, first);
        if (true_deadline < before)
            return first;
        first->heap_key = true_deadline;
        heap_fix(oracle, 0);
    }
    return NULL;
}

void sim_session_remove(struct sim_oracle *oracle, struct sim_session *session)
{
    uint32_t slot = (uint32_t)(session - oracle->sessions);
    uint32_t mask = oracle->session_table_size - 1, hole = id_place(oracle, &session->id);
    for (int role = 0; role < WR_ROLES; role++)
        sim_session_unbind(oracle, session, role);
    if (session->active)
        oracle->sessions_active--;
    /* close the gap that the entry leaves in its run */
    for (uint32_t next = (hole + 1) & mask; oracle->session_table[next] != 0;
         next = (next + 1) & mask) {
        uint32_t home = id_hash(&oracle->sessions[oracle->session_table[next] - 1].id) & mask;
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            oracle->session_table[hole] = oracle->session_table[next];
            hole = next;
        }
    }
    oracle->session_table[hole] = 0;
    uint32_t place = session->heap_place, last = oracle->heap[--oracle->heap_count];
    if (last != slot) {
        heap_set(oracle, place, last);
        heap_fix(oracle, place);
    }
    session->used = false;
    session->next_free = oracle->session_free;
    oracle->session_free = slot;
    oracle->sessions_used--;
}

/* ---- Sessions by address --------------------------------------------------------------------- */

static uint32_t address_bucket(const struct sim_oracle *oracle, const struct wr_address *address)
{
    uint64_t low = (uint64_t)address->port << 32 | address->zone;
    return (uint32_t)mix(word(address->ip) ^ mix(word(address->ip + 8) ^ mix(low))) &
           (oracle->address_table_size - 1);
}

static struct sim_role *node_role(const struct sim_oracle *oracle, uint32_t node)
{
    return &oracle->sessions[node / WR_ROLES].roles[node % WR_ROLES];
}

static void address_link(struct sim_oracle *oracle, uint32_t node)
{
    uint32_t *head =
        &oracle->address_heads[address_bucket(oracle, &node_role(oracle, node)->address)];
    node_role(oracle, node)->next_of_address = *head;
    *head = node + 1;
}

static void address_table_grow(struct sim_oracle *oracle)
{
    uint32_t size = oracle->address_table_size > 0 ? oracle->address_table_size * 2 : 128;
    free(oracle->address_heads);
    oracle->address_heads = calloc(size, sizeof *oracle->address_heads);
    if (oracle->address_heads == NULL)
        abort();
    oracle->address_table_size = size;
    for (uint32_t node = 0; node < oracle->session_count * WR_ROLES; node++) {
        if (oracle->sessions[node / WR_ROLES].used && node_role(oracle, node)->bound)
            address_link(oracle, node);
    }
}

void sim_session_bind(struct sim_oracle *oracle, struct sim_session *session, int role,
                      const struct wr_address *address)
{
    uint32_t node = (uint32_t)(session - oracle->sessions) * WR_ROLES + (uint32_t)role;
    sim_session_unbind(oracle, session, role);
    if (oracle->address_nodes + 1 > oracle->address_table_size)
        address_table_grow(oracle);
    session->roles[role].address = *address;
    session->roles[role].bound = true;
    oracle->address_nodes++;
    address_link(oracle, node);
}

void sim_session_unbind(struct sim_oracle *oracle, struct sim_session *session, int role)
{
    uint32_t node = (uint32_t)(session - oracle->sessions) * WR_ROLES + (uint32_t)role;
    if (!session->roles[role].bound)
        return;
    uint32_t *link = &oracle->address_heads[address_bucket(oracle, &session->roles[role].address)];
    while (*link != node + 1)
        link = &node_role(oracle, *link - 1)->next_of_address;
    *link = session->roles[role].next_of_address;
    session->roles[role].bound = false;
    oracle->address_nodes--;
}

struct sim_bindings sim_address_bindings(struct sim_oracle *oracle,
                                         const struct wr_address *address)
{
    struct sim_bindings found = {0};
    if (oracle->address_table_size == 0)
        return found;
    for (uint32_t link = oracle->address_heads[address_bucket(oracle, address)]; link != 0;
         link = node_role(oracle, link - 1)->next_of_address) {
        struct sim_session *session = &oracle->sessions[(link - 1) / WR_ROLES];
        if (!sim_address_equal(&node_role(oracle, link - 1)->address, address))
            continue;
        found.all++;
        if (session->active) {
            found.active++;
            found.session = session;
            found.role = (int)((link - 1) % WR_ROLES);
        }
    }
    return found;
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

void sim_oracle_state_clear(struct sim_oracle *oracle)
{
    while (oracle->heap_count > 0)
        sim_session_remove(oracle, &oracle->sessions[oracle->heap[oracle->heap_count - 1]]);
    oracle->session_count = 0;
    oracle->session_free = SIM_NO_SLOT;
    oracle->kept_free = SIM_NO_SLOT;
    for (uint32_t i = 0; i < oracle->kept_count; i++) {
        oracle->kept[i]->next_free = oracle->kept_free;
        oracle->kept_free = i;
    }
    sim_map_clear(&oracle->kept_by_tag);
    sim_map_clear(&oracle->good_map);
    sim_map_clear(&oracle->cookie_map[0]);
    sim_map_clear(&oracle->cookie_map[1]);
    sim_map_clear(&oracle->prefix_map);
    sim_map_clear(&oracle->identity_map);
    oracle->batch_count = oracle->batch_met = oracle->batch_cursor = oracle->touched_count = 0;
    oracle->held_now = oracle->pending_now = 0;
    oracle->next_hold_ns = WR_NEVER;
    oracle->key_count = oracle->revoked_count = oracle->ban_count = 0;
    oracle->good_count = oracle->cookie_count[0] = oracle->cookie_count[1] = 0;
    oracle->cookie_period = 0;
    oracle->bare_sends = 0;
    oracle->draining = oracle->drained = oracle->inside = oracle->started = false;
    oracle->key_expected = oracle->key_arrived = false;
    oracle->refresh_wanted_ns = WR_NEVER;
    oracle->verify_tat = oracle->reject_all_tat = 0;
    oracle->due_ns = WR_NEVER;
    oracle->prefix_count = oracle->identity_count = 0;
    oracle->unbound_second = oracle->unbound_seen[0] = oracle->unbound_seen[1] = 0;
    oracle->token_tag = 0;
    memset(oracle->requests, 0, sizeof oracle->requests);
    memset(&oracle->expected, 0, sizeof oracle->expected);
}

void sim_oracle_state_free(struct sim_oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->kept_count; i++)
        free(oracle->kept[i]);
    free(oracle->kept);
    free(oracle->batch);
    free(oracle->batch_bytes);
    free(oracle->touched);
    free(oracle->sessions);
    free(oracle->session_table);
    free(oracle->address_heads);
    free(oracle->heap);
    free(oracle->keys);
    free(oracle->revoked);
    free(oracle->bans);
    free(oracle->good);
    free(oracle->cookies[0]);
    free(oracle->cookies[1]);
    free(oracle->prefixes);
    free(oracle->identity_tats);
    sim_map_free(&oracle->kept_by_tag);
    sim_map_free(&oracle->good_map);
    sim_map_free(&oracle->cookie_map[0]);
    sim_map_free(&oracle->cookie_map[1]);
    sim_map_free(&oracle->prefix_map);
    sim_map_free(&oracle->identity_map);
    free(oracle->bare_causes);
}
