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

/* A search: feed it every known name, in an order that does not vary; of several equally near ones
 * the first counts. */
struct wr_nearest {
    const char *word;
    const char *best; /* NULL: nothing near enough so far */
    uint32_t distance;
};

static inline struct wr_nearest wr_nearest_to(const char *word)
{
    return (struct wr_nearest){.word = word};
}

void wr_nearest_offer(struct wr_nearest *search, const char *known);

#endif
