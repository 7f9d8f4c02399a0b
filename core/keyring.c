#include "keyring.h"

#include "fault.h"

#include <string.h>

void wr_keyring_start(struct wr_keyring *ring, uint64_t skew_ns)
{
    memset(ring, 0, sizeof *ring);
    wr_keyring_set_skew(ring, skew_ns);
}

void wr_keyring_set_skew(struct wr_keyring *ring, uint64_t skew_ns)
{
    ring->linger_ns = WR_KEY_LINGER_NS + 2 * skew_ns;
}

static bool same_kid(const struct wr_ring_key *key, const char *kid, uint32_t kid_bytes)
{
    return key->kid_bytes == kid_bytes && memcmp(key->kid, kid, kid_bytes) == 0;
}

static bool same_bytes(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, WR_PUBLIC_KEY_BYTES) == 0;
}

static void close_gap(struct wr_keyring *ring, uint32_t index)
{
    memmove(&ring->keys[index], &ring->keys[index + 1],
            (ring->count - index - 1) * sizeof *ring->keys);
}

static void remove_at(struct wr_keyring *ring, uint32_t index)
{
    close_gap(ring, index);
    ring->count--;
    ring->generation++;
}

/* The newest key is the last; every other unpinned one begins to linger, if it does not yet. */
static void supersede_others(struct wr_keyring *ring, wr_instant now)
{
    for (uint32_t i = 0; i + 1 < ring->count; i++) {
        struct wr_ring_key *key = &ring->keys[i];
        if (!key->pinned && (key->leaves_ns == WR_NEVER || WR_FAULT(ring_lingers_anew)))
            key->leaves_ns = wr_after(now, ring->linger_ns);
    }
}

/* A key that is named again is current again: it moves to the end, with its age forgotten. */
static void renew_at(struct wr_keyring *ring, uint32_t index, enum wr_key_standing standing,
                     wr_instant now)
{
    struct wr_ring_key key = ring->keys[index];
    key.pinned = key.pinned || standing == WR_KEY_PINNED;
    key.leaves_ns = WR_NEVER;
    close_gap(ring, index);
    ring->keys[ring->count - 1] = key;
    if (standing == WR_KEY_LEARNED)
        supersede_others(ring, now);
}

/* The place that a new key may take in a full ring: that of the unpinned key that leaves first. */
static uint32_t find_victim(const struct wr_keyring *ring)
{
    uint32_t victim = ring->count;
    for (uint32_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].pinned)
            continue;
        if (victim == ring->count || ring->keys[i].leaves_ns < ring->keys[victim].leaves_ns)
            victim = i;
    }
    return victim;
}

enum wr_key_result wr_keyring_add(struct wr_keyring *ring, const char *kid,
                                  const uint8_t bytes[WR_PUBLIC_KEY_BYTES],
                                  enum wr_key_standing standing, wr_instant now, bool *evicted,
                                  char evicted_kid[WR_KID_BYTES_MAX + 1])
{
    uint32_t kid_bytes = 0;
    uint32_t victim = WR_KEYS_MAX;
    *evicted = false;
    while (kid_bytes <= WR_KID_BYTES_MAX && kid[kid_bytes] != '\0')
        kid_bytes++;
    if (kid_bytes > WR_KID_BYTES_MAX)
        return WR_KEY_NO_ROOM;
    if (wr_keyring_revoked(ring, bytes))
        return WR_KEY_REVOKED;
    for (uint32_t i = 0; i < ring->count; i++) {
        if (!same_kid(&ring->keys[i], kid, kid_bytes))
            continue;
        if (same_bytes(ring->keys[i].bytes, bytes)) {
            renew_at(ring, i, standing, now);
            return WR_KEY_KNOWN;
        }
        if (kid_bytes == 0) /* one key may have no kid */
            victim = i;
    }
    if (victim == WR_KEYS_MAX && ring->count == WR_KEYS_MAX)
        victim = find_victim(ring);
    else if (victim < ring->count && ring->keys[victim].pinned)
        return WR_KEY_NO_ROOM;
    if (victim < ring->count) {
        memcpy(evicted_kid, ring->keys[victim].kid, WR_KID_BYTES_MAX + 1);
        *evicted = true;
        remove_at(ring, victim);
    } else if (ring->count == WR_KEYS_MAX) {
        return WR_KEY_NO_ROOM;
    }
    struct wr_ring_key *key = &ring->keys[ring->count++];
    memset(key, 0, sizeof *key);
    memcpy(key->bytes, bytes, sizeof key->bytes);
    memcpy(key->kid, kid, kid_bytes);
    key->kid_bytes = kid_bytes;
    key->pinned = standing == WR_KEY_PINNED;
    key->leaves_ns = WR_NEVER;
    ring->generation++;
    if (standing == WR_KEY_LEARNED)
        supersede_others(ring, now);
    return WR_KEY_ADDED;
}

void wr_keyring_retire(struct wr_keyring *ring, const uint8_t bytes[WR_PUBLIC_KEY_BYTES],
                       wr_instant now)
{
    for (uint32_t i = 0; i < ring->count; i++) {
        struct wr_ring_key *key = &ring->keys[i];
        if (!key->pinned || !same_bytes(key->bytes, bytes))
            continue;
        key->pinned = false;
        key->leaves_ns = wr_after(now, ring->linger_ns);
    }
}

bool wr_keyring_revoked(const struct wr_keyring *ring, const uint8_t bytes[WR_PUBLIC_KEY_BYTES])
{
    for (uint32_t i = 0; i < ring->revoked_count; i++) {
        if (same_bytes(ring->revoked[i], bytes))
            return true;
    }
    return false;
}

bool wr_keyring_revoke(struct wr_keyring *ring, const uint8_t bytes[WR_PUBLIC_KEY_BYTES],
                       void (*dropped)(void *context, const char *kid), void *context)
{
    for (uint32_t i = 0; i < ring->count;) {
        char kid[WR_KID_BYTES_MAX + 1];
        if (!same_bytes(ring->keys[i].bytes, bytes)) {
            i++;
            continue;
        }
        memcpy(kid, ring->keys[i].kid, sizeof kid);
        remove_at(ring, i);
        dropped(context, kid);
    }
    if (wr_keyring_revoked(ring, bytes))
        return true;
    if (ring->revoked_count == WR_KEYS_REVOKED_MAX)
        return false;
    memcpy(ring->revoked[ring->revoked_count++], bytes, WR_PUBLIC_KEY_BYTES);
    return true;
}

uint32_t wr_keyring_select(const struct wr_keyring *ring, const char *kid, uint32_t kid_bytes,
                           uint8_t out[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES])
{
    uint32_t found = 0;
    for (uint32_t i = ring->count; kid_bytes > 0 && i > 0; i--) {
        uint32_t at = WR_FAULT(ring_oldest_first) ? ring->count - i : i - 1;
        if (same_kid(&ring->keys[at], kid, kid_bytes))
            memcpy(out[found++], ring->keys[at].bytes, WR_PUBLIC_KEY_BYTES);
    }
    for (uint32_t i = ring->count; i > 0; i--) {
        if (ring->keys[i - 1].kid_bytes == 0)
            memcpy(out[found++], ring->keys[i - 1].bytes, WR_PUBLIC_KEY_BYTES);
    }
    return found;
}

wr_instant wr_keyring_next_deadline(const struct wr_keyring *ring)
{
    wr_instant next = WR_NEVER;
    for (uint32_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].leaves_ns < next)
            next = ring->keys[i].leaves_ns;
    }
    return next;
}

bool wr_keyring_expire_one(struct wr_keyring *ring, wr_instant now, char kid[WR_KID_BYTES_MAX + 1])
{
    for (uint32_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].leaves_ns <= now) {
            memcpy(kid, ring->keys[i].kid, WR_KID_BYTES_MAX + 1);
            remove_at(ring, i);
            return true;
        }
    }
    return false;
}
