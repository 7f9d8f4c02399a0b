/*
 * The rolling hash over everything that happens in a run, and its checkpoints. Two runs of the same
 * scenario and seed give the same hash, or something is not deterministic; the checkpoints say from
 * where on. Owns the order in which it is fed; declines to know what the words mean. Feed it
 * fixed-width integers and digests of bytes, never a struct with padding, a pointer or a size_t.
 */
#ifndef SIM_HASH_H
#define SIM_HASH_H

#include <wavry/types.h>

#define SIM_HASH_CHECKPOINTS_MAX 4096
#define SIM_HASH_TEXT_BYTES      17 /* 16 hex digits and NUL */

struct sim_checkpoint {
    uint64_t events; /* how many had been hashed */
    wr_instant at_ns;
    uint64_t hash;
};

struct sim_hash {
    uint64_t state;
    uint64_t events;
    uint64_t interval; /* events between checkpoints; doubles when the table is full */
    uint64_t next_checkpoint;
    uint32_t checkpoint_count;
    struct sim_checkpoint *checkpoints; /* SIM_HASH_CHECKPOINTS_MAX, owned */
};

/* Checkpoints every `interval` events (1..) until there are too many, then every second one is
 * forgotten and the interval doubles. False where memory is short. */
bool sim_hash_init(struct sim_hash *hash, uint64_t interval);
void sim_hash_free(struct sim_hash *hash);

/* One word. For a given state every word leads to another state, and for a given word every
 * state does: a difference never vanishes by itself. */
static inline void sim_hash_word(struct sim_hash *hash, uint64_t word)
{
    uint64_t state = (hash->state ^ word) * UINT64_C(0x9fb21c651e98df25);
    hash->state = state ^ state >> 29;
}

/* The same word with every bit depending on every other: for tables. */
static inline uint64_t sim_hash_mixed(uint64_t word)
{
    word ^= word >> 33;
    word *= UINT64_C(0xc2b2ae3d27d4eb4f);
    word ^= word >> 29;
    word *= UINT64_C(0x9e3779b185ebca87);
    return word ^ word >> 32;
}

/* A text with its length, for names in the preamble. */
void sim_hash_text(struct sim_hash *hash, const char *text);

/* Takes the checkpoint that is due. Called by sim_hash_event. */
void sim_hash_checkpoint(struct sim_hash *hash, wr_instant at_ns);

/* One event: its time and two words of the caller's. */
static inline void sim_hash_event(struct sim_hash *hash, wr_instant at_ns, uint64_t first,
                                  uint64_t second)
{
    sim_hash_word(hash, at_ns);
    sim_hash_word(hash, first);
    sim_hash_word(hash, second);
    if (++hash->events == hash->next_checkpoint) {
        sim_hash_checkpoint(hash, at_ns);
    }
}

/* The value so far, finished: every bit depends on every word. */
uint64_t sim_hash_value(const struct sim_hash *hash);
char *sim_hash_format(uint64_t value, char text[SIM_HASH_TEXT_BYTES]);

/* Digest of bytes, for a packet's payload. */
uint64_t sim_hash_bytes(const uint8_t *bytes, size_t size);

/* Where two runs part: the index in `a` of the first checkpoint that has another hash in `b`.
 * Events after the checkpoint before it are the suspects. Checkpoints that only one run has are
 * skipped; -1 where all common ones agree. */
int32_t sim_hash_first_difference(const struct sim_checkpoint *a, uint32_t a_count,
                                  const struct sim_checkpoint *b, uint32_t b_count);

#endif
