#include "user_quota.h"

#include "hash.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_AT_FIRST 64

struct user {
    char *name; /* NULL: a free place */
    uint64_t hash;
    uint64_t taken;    /* in all */
    wr_instant *times; /* of the latest `limit`, as a ring */
};

struct sim_user_quota {
    struct user *users; /* open addressing, a power of two, at most half full */
    uint32_t places;
    uint32_t used;
    uint32_t limit;
    uint64_t span_ns;
};

struct sim_user_quota *sim_user_quota_create(uint32_t limit, uint64_t span_ns)
{
    struct sim_user_quota *quota = calloc(1, sizeof *quota);
    if (quota == NULL)
        return NULL;
    quota->limit = limit;
    quota->span_ns = span_ns;
    quota->places = PLACES_AT_FIRST;
    quota->users = calloc(quota->places, sizeof *quota->users);
    if (quota->users == NULL) {
        free(quota);
        return NULL;
    }
    return quota;
}

void sim_user_quota_clear(struct sim_user_quota *quota)
{
    for (uint32_t i = 0; i < quota->places; i++) {
        free(quota->users[i].name);
        free(quota->users[i].times);
    }
    memset(quota->users, 0, quota->places * sizeof *quota->users);
    quota->used = 0;
}

void sim_user_quota_destroy(struct sim_user_quota *quota)
{
    if (quota == NULL)
        return;
    sim_user_quota_clear(quota);
    free(quota->users);
    free(quota);
}

/* The user's place, or the free one where it would be. */
static struct user *place_of(struct user *users, uint32_t places, const char *name, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & (places - 1);
    while (users[i].name != NULL && (users[i].hash != hash || strcmp(users[i].name, name) != 0))
        i = (i + 1) & (places - 1);
    return &users[i];
}

static bool grow(struct sim_user_quota *quota)
{
    uint32_t places = quota->places * 2;
    struct user *users = calloc(places, sizeof *users);
    if (users == NULL)
        return false;
    for (uint32_t i = 0; i < quota->places; i++) {
        const struct user *user = &quota->users[i];
        if (user->name != NULL)
            *place_of(users, places, user->name, user->hash) = *user;
    }
    free(quota->users);
    quota->users = users;
    quota->places = places;
    return true;
}

static bool move_in(struct sim_user_quota *quota, struct user *user, const char *name,
                    uint64_t hash)
{
    size_t bytes = strlen(name) + 1;
    char *copy = malloc(bytes);
    wr_instant *times = calloc(quota->limit, sizeof *times);
    if (copy == NULL || times == NULL) {
        free(copy);
        free(times);
        return false;
    }
    memcpy(copy, name, bytes);
    *user = (struct user){.name = copy, .hash = hash, .times = times};
    quota->used++;
    return true;
}

bool sim_user_quota_take(struct sim_user_quota *quota, const char *name, wr_instant now)
{
    if (quota->limit == 0)
        return true;
    uint64_t hash = sim_hash_bytes((const uint8_t *)name, strlen(name));
    if (quota->used * 2 >= quota->places && !grow(quota))
        return true;
    struct user *user = place_of(quota->users, quota->places, name, hash);
    if (user->name == NULL && !move_in(quota, user, name, hash))
        return true;
    wr_instant *oldest = &user->times[user->taken % quota->limit];
    if (user->taken >= quota->limit && wr_elapsed(*oldest, now) < quota->span_ns)
        return false;
    *oldest = now;
    user->taken++;
    return true;
}
