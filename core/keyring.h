/*
 * The key ring (section 8): up to eight Ed25519 keys by kid, which of them may have signed a token,
 * when a superseded one leaves, and which bytes are refused for good. Where keys come from, and
 * what a change means for sessions, is the owner's to know.
 */
#ifndef WR_KEYRING_H
#define WR_KEYRING_H

#include <wavry/relay.h>

/* A superseded key stays so long, and twice the clock skew: no lease it signed lives longer. */
#define WR_KEY_LINGER_NS    (3600 * WR_S)
#define WR_KEYS_REVOKED_MAX 256

struct wr_ring_key {
    uint8_t bytes[WR_PUBLIC_KEY_BYTES];
    char kid[WR_KID_BYTES_MAX + 1];
    uint32_t kid_bytes;
    bool pinned;
    wr_instant leaves_ns; /* WR_NEVER while it is current */
};

struct wr_keyring {
    uint32_t count;
    uint32_t revoked_count;
    uint64_t generation; /* raised by every change of membership */
    uint64_t linger_ns;
    struct wr_ring_key keys[WR_KEYS_MAX]; /* oldest first */
    uint8_t revoked[WR_KEYS_REVOKED_MAX][WR_PUBLIC_KEY_BYTES];
};

/* An empty ring. `skew_ns` is the tolerated clock skew. */
void wr_keyring_start(struct wr_keyring *ring, uint64_t skew_ns);

/* A key joins. `*evicted` (its kid in `evicted_kid`) tells whether another had to leave for it. */
enum wr_key_result wr_keyring_add(struct wr_keyring *ring, const char *kid,
                                  const uint8_t bytes[WR_PUBLIC_KEY_BYTES],
                                  enum wr_key_standing standing, wr_instant now, bool *evicted,
                                  char evicted_kid[WR_KID_BYTES_MAX + 1]);

/* The tolerated skew is another from now on: for keys that are superseded later. */
void wr_keyring_set_skew(struct wr_keyring *ring, uint64_t skew_ns);

/* A pinned key is pinned no longer and leaves like a superseded one; another stays as it is. */
void wr_keyring_retire(struct wr_keyring *ring, const uint8_t bytes[WR_PUBLIC_KEY_BYTES],
                       wr_instant now);

/* Refuses these bytes from now on; every key with them leaves the ring (one call of `dropped` for
 * each). False where the table of revoked keys is full. */
bool wr_keyring_revoke(struct wr_keyring *ring, const uint8_t bytes[WR_PUBLIC_KEY_BYTES],
                       void (*dropped)(void *context, const char *kid), void *context);

bool wr_keyring_revoked(const struct wr_keyring *ring, const uint8_t bytes[WR_PUBLIC_KEY_BYTES]);

/* The keys that may have signed a token with this kid (`kid_bytes` 0: it has none), in the order
 * in which they are tried: of several the newest first, the one without a kid last (section 2,
 * check 3). Returns how many; 0 means unknown_key. */
uint32_t wr_keyring_select(const struct wr_keyring *ring, const char *kid, uint32_t kid_bytes,
                           uint8_t out[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES]);

/* When the next superseded key leaves, WR_NEVER for none. */
wr_instant wr_keyring_next_deadline(const struct wr_keyring *ring);

/* Takes out one key whose time is over; false when there is none. */
bool wr_keyring_expire_one(struct wr_keyring *ring, wr_instant now, char kid[WR_KID_BYTES_MAX + 1]);

#endif
