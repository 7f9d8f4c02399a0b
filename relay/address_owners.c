#include "address_owners.h"

#include "address.h"
#include "keyed_hash.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/*
 * Bound addresses are chained from buckets and lie in one pool: a bucket may have any number of
 * them, the table exactly what it was made for. What is pending lies in small sets, the oldest of
 * which makes room: a wrong answer there costs a packet that its sender repeats. Everything here is
 * the cold path (leases and bare packets), so locks are cheap enough; a stripe of buckets and sets
 * shares one.
 */
#define WORKERS_MAX  64
#define STRIPES      64 /* a power of two */
#define PENDING_SETS 1024
#define PENDING_WAYS 4
#define NO_ENTRY     UINT32_MAX

/* One bit for each worker. */
struct entry {
    struct wr_address address;
    uint32_t next;
    uint64_t active;
    uint64_t waiting;
};

struct pending {
    struct wr_address address;
    uint32_t worker;
    uint64_t since; /* by the count of all, from 1; 0: unused */
};

struct rd_address_owners {
    pthread_mutex_t stripes[STRIPES];
    pthread_mutex_t pool; /* guards `free` and the links of free entries; taken last */
    uint8_t key[WR_HASH_KEY_BYTES];
    uint64_t bucket_count; /* a power of two, at least STRIPES */
    uint32_t *buckets;
    struct entry *entries;
    uint32_t free;
    struct pending pending[PENDING_SETS][PENDING_WAYS];
    uint64_t pending_seen[STRIPES];
};

/* ---- Life ------------------------------------------------------------------------------------ */

static void start_pool(struct rd_address_owners *owners, uint32_t bound_max)
{
    for (uint64_t i = 0; i < owners->bucket_count; i++)
        owners->buckets[i] = NO_ENTRY;
    owners->free = NO_ENTRY;
    for (uint32_t i = bound_max; i-- > 0;) {
        owners->entries[i].next = owners->free;
        owners->free = i;
    }
}

struct rd_address_owners *rd_address_owners_create(uint32_t bound_max)
{
    struct rd_address_owners *owners = calloc(1, sizeof *owners);
    if (owners == NULL)
        return NULL;
    owners->bucket_count = STRIPES;
    while (owners->bucket_count < bound_max)
        owners->bucket_count *= 2;
    owners->buckets = malloc(owners->bucket_count * sizeof *owners->buckets);
    owners->entries = calloc(bound_max > 0 ? bound_max : 1, sizeof *owners->entries);
    if (owners->buckets == NULL || owners->entries == NULL) {
        free(owners->buckets);
        free(owners->entries);
        free(owners);
        return NULL;
    }
    randombytes_buf(owners->key, sizeof owners->key);
    start_pool(owners, bound_max);
    for (int i = 0; i < STRIPES; i++)
        (void)pthread_mutex_init(&owners->stripes[i], NULL);
    (void)pthread_mutex_init(&owners->pool, NULL);
    return owners;
}

void rd_address_owners_destroy(struct rd_address_owners *owners)
{
    if (owners == NULL)
        return;
    for (int i = 0; i < STRIPES; i++)
        (void)pthread_mutex_destroy(&owners->stripes[i]);
    (void)pthread_mutex_destroy(&owners->pool);
    free(owners->buckets);
    free(owners->entries);
    free(owners);
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* Takes the lock of everything that this address can be in. */
static uint64_t lock(struct rd_address_owners *owners, const struct wr_address *address)
{
    uint64_t hash = wr_hash_bytes(owners->key, address, sizeof *address);
    (void)pthread_mutex_lock(&owners->stripes[hash & (STRIPES - 1)]);
    return hash;
}

static void unlock(struct rd_address_owners *owners, uint64_t hash)
{
    (void)pthread_mutex_unlock(&owners->stripes[hash & (STRIPES - 1)]);
}

/* The link that leads to the address's entry, or to the end of its chain. */
static uint32_t *find_link(struct rd_address_owners *owners, const struct wr_address *address,
                           uint64_t hash)
{
    uint32_t *link = &owners->buckets[hash & (owners->bucket_count - 1)];
    while (*link != NO_ENTRY && !wr_address_equal(&owners->entries[*link].address, address))
        link = &owners->entries[*link].next;
    return link;
}

static struct entry *add_entry(struct rd_address_owners *owners, const struct wr_address *address,
                               uint32_t *link)
{
    (void)pthread_mutex_lock(&owners->pool);
    uint32_t at = owners->free;
    if (at != NO_ENTRY)
        owners->free = owners->entries[at].next;
    (void)pthread_mutex_unlock(&owners->pool);
    if (at == NO_ENTRY)
        return NULL;
    owners->entries[at] = (struct entry){.address = *address, .next = NO_ENTRY};
    *link = at;
    return &owners->entries[at];
}

static void drop_entry(struct rd_address_owners *owners, uint32_t *link)
{
    uint32_t at = *link;
    *link = owners->entries[at].next;
    (void)pthread_mutex_lock(&owners->pool);
    owners->entries[at].next = owners->free;
    owners->free = at;
    (void)pthread_mutex_unlock(&owners->pool);
}

/* ---- Writing --------------------------------------------------------------------------------- */

void rd_address_owners_bound(struct rd_address_owners *owners, const struct wr_address *address,
                             uint32_t worker, enum wr_bound bound)
{
    assert(worker < WORKERS_MAX);
    uint64_t bit = UINT64_C(1) << worker;
    uint64_t hash = lock(owners, address);
    uint32_t *link = find_link(owners, address, hash);
    struct entry *entry = *link != NO_ENTRY ? &owners->entries[*link] : NULL;
    if (entry == NULL && bound != WR_BOUND_NOWHERE)
        entry = add_entry(owners, address, link);
    if (entry != NULL) {
        entry->active &= ~bit;
        entry->waiting &= ~bit;
        switch (bound) {
        case WR_BOUND_NOWHERE:
            break;
        case WR_BOUND_WAITING:
            entry->waiting |= bit;
            break;
        case WR_BOUND_ONCE:
        case WR_BOUND_AMBIGUOUS: /* which it is, its core knows itself */
            entry->active |= bit;
            break;
        }
        if ((entry->active | entry->waiting) == 0)
            drop_entry(owners, link);
    }
    unlock(owners, hash);
}

static struct pending *pending_set(struct rd_address_owners *owners, uint64_t hash)
{
    return owners->pending[hash & (PENDING_SETS - 1)];
}

void rd_address_owners_pending(struct rd_address_owners *owners, const struct wr_address *address,
                               uint32_t worker)
{
    assert(worker < WORKERS_MAX);
    uint64_t hash = lock(owners, address);
    struct pending *set = pending_set(owners, hash), *place = set;
    for (int i = 0; i < PENDING_WAYS; i++) {
        if (set[i].since != 0 && wr_address_equal(&set[i].address, address)) {
            place = &set[i];
            break;
        }
        if (set[i].since < place->since)
            place = &set[i];
    }
    *place = (struct pending){.address = *address,
                              .worker = worker,
                              .since = ++owners->pending_seen[hash & (STRIPES - 1)]};
    unlock(owners, hash);
}

void rd_address_owners_settled(struct rd_address_owners *owners, const struct wr_address *address,
                               uint32_t worker)
{
    uint64_t hash = lock(owners, address);
    struct pending *set = pending_set(owners, hash);
    for (int i = 0; i < PENDING_WAYS; i++) {
        if (set[i].since != 0 && set[i].worker == worker &&
            wr_address_equal(&set[i].address, address))
            set[i].since = 0;
    }
    unlock(owners, hash);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* One of these workers: the one that has the packet already, if it is among them. */
static uint32_t one_of(uint64_t workers, uint32_t otherwise)
{
    if (otherwise < WORKERS_MAX && (workers >> otherwise & 1) != 0)
        return otherwise;
    return (uint32_t)__builtin_ctzll(workers);
}

static uint32_t find_pending(struct rd_address_owners *owners, const struct wr_address *address,
                             uint64_t hash, uint32_t otherwise)
{
    const struct pending *set = pending_set(owners, hash);
    for (int i = 0; i < PENDING_WAYS; i++) {
        if (set[i].since != 0 && wr_address_equal(&set[i].address, address))
            return set[i].worker;
    }
    return otherwise;
}

/* The order of a core's own judgement: bound in an active session, in a waiting one, pending. */
uint32_t rd_address_owners_find(struct rd_address_owners *owners, const struct wr_address *address,
                                uint32_t otherwise, bool *ambiguous)
{
    uint32_t worker;
    uint64_t hash = lock(owners, address);
    uint32_t at = *find_link(owners, address, hash);
    const struct entry *entry = at != NO_ENTRY ? &owners->entries[at] : NULL;
    *ambiguous = entry != NULL && (entry->active & (entry->active - 1)) != 0;
    if (entry == NULL)
        worker = find_pending(owners, address, hash, otherwise);
    else
        worker = one_of(entry->active != 0 ? entry->active : entry->waiting, otherwise);
    unlock(owners, hash);
    return worker;
}

bool rd_address_owners_know(struct rd_address_owners *owners, const struct wr_address *address)
{
    bool ambiguous;
    return rd_address_owners_find(owners, address, UINT32_MAX, &ambiguous) != UINT32_MAX;
}
