#include "nearest.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static char folded(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' ? '_' : c;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void fold(const char *text, struct wr_word *out)
{
    out->letters = 0;
    for (out->bytes = 0; text[out->bytes] != '\0'; out->bytes++) {
        if (out->bytes == WR_WORD_BYTES_MAX) {
            out->bytes++;
            return;
        }
        char c = folded(text[out->bytes]);
        out->text[out->bytes] = c;
        out->letters |= UINT64_C(1) << ((unsigned)c & 63);
    }
}

/* What the distance is at least: each letter that only one of them has takes an insertion, a
 * deletion or a replacement, and so does each that one has more. */
static bool is_beyond(const struct wr_word *one, const struct wr_word *other, uint32_t most)
{
    return one->bytes > other->bytes + most || other->bytes > one->bytes + most ||
           (uint32_t)__builtin_popcountll(one->letters & ~other->letters) > most ||
           (uint32_t)__builtin_popcountll(other->letters & ~one->letters) > most;
}

/* The distance where it is at most `most`, else something greater. Only cells within `most` of the
 * diagonal are looked at, because the others cannot be less; two rows in which all are greater end
 * the search, because a swap reaches two rows back. */
static uint32_t distance_within(const struct wr_word *one, const struct wr_word *other,
                                uint32_t most)
{
    uint32_t rows = one->bytes, columns = other->bytes;
    bool above_lost = false;
    assert(rows <= WR_WORD_BYTES_MAX && columns <= WR_WORD_BYTES_MAX);
    if (is_beyond(one, other, most))
        return most + 1;
    uint32_t cells[3][WR_WORD_BYTES_MAX + 2] = {{0}};
    for (uint32_t c = 0; c <= columns + 1; c++)
        cells[0][c] = c;
    for (uint32_t r = 1; r <= rows; r++) {
        const uint32_t *before = cells[(r + 1) % 3], *above = cells[(r + 2) % 3];
        uint32_t *row = cells[r % 3];
        uint32_t from = r > most ? r - most : 1, to = least(columns, r + most);
        uint32_t nearest = row[from - 1] = from == 1 ? r : most + 1;
        for (uint32_t c = from; c <= to; c++) {
            char a = one->text[r - 1], b = other->text[c - 1];
            uint32_t cell = least(least(above[c] + 1, row[c - 1] + 1), above[c - 1] + (a != b));
            if (r > 1 && c > 1 && a == other->text[c - 2] && one->text[r - 2] == b)
                cell = least(cell, before[c - 2] + 1);
            row[c] = cell;
            nearest = least(nearest, cell);
        }
        row[to + 1] = most + 1;
        if (nearest > most && above_lost)
            return most + 1;
        above_lost = nearest > most;
    }
    return cells[rows % 3][columns];
}

uint32_t wr_word_distance(const char *one, const char *other)
{
    struct wr_word a = {0}, b = {0};
    fold(one, &a);
    fold(other, &b);
    if (a.bytes > WR_WORD_BYTES_MAX || b.bytes > WR_WORD_BYTES_MAX)
        return UINT32_MAX;
    return distance_within(&a, &b, WR_WORD_BYTES_MAX);
}

struct wr_nearest wr_nearest_to(const char *word)
{
    struct wr_nearest search = {.best = NULL};
    fold(word, &search.word);
    return search;
}

void wr_nearest_offer(struct wr_nearest *search, const char *known)
{
    const struct wr_word *word = &search->word;
    /* A third of the word may be wrong, and one letter of a short one; and what comes later must be
     * nearer than what was there. */
    uint32_t most = word->bytes / 3 > 0 ? word->bytes / 3 : 1;
    if (search->best != NULL) {
        if (search->distance == 0)
            return;
        most = search->distance - 1;
    }
    size_t bytes = strlen(known);
    if (word->bytes > WR_WORD_BYTES_MAX || bytes > WR_WORD_BYTES_MAX ||
        bytes > word->bytes + most || word->bytes > bytes + most)
        return;
    struct wr_word name = {0};
    fold(known, &name);
    uint32_t distance = distance_within(word, &name, most);
    if (distance <= most) {
        search->best = known;
        search->distance = distance;
    }
}
