/*
 * The nearest known name to a word that somebody mistyped. Owns the distance and the judgement
 * whether a name is near enough to be suggested.
 */
#ifndef WR_NEAREST_H
#define WR_NEAREST_H

#include <stddef.h>
#include <stdint.h>

/* Insertions, deletions, replacements and swaps of neighbours that turn one word into the other;
 * case and the difference between '-' and '_' cost nothing. Words over 63 bytes are far from
 * everything. */
uint32_t wr_word_distance(const char *one, const char *other);

/* A word as it is compared: in lower case, with '_' for '-'. */
#define WR_WORD_BYTES_MAX 63
struct wr_word {
    uint32_t bytes;   /* more than WR_WORD_BYTES_MAX: too long */
    uint64_t letters; /* which there are, modulo 64 */
    char text[WR_WORD_BYTES_MAX];
};

/* A search: feed it every known name, in an order that does not vary; of several equally near ones
 * the first counts. */
struct wr_nearest {
    struct wr_word word;
    const char *best; /* NULL: nothing near enough so far; borrowed */
    uint32_t distance;
};

struct wr_nearest wr_nearest_to(const char *word);
void wr_nearest_offer(struct wr_nearest *search, const char *known);

#endif
