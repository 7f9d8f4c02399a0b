#include "nearest.h"

#include <string.h>

#define WORD_BYTES_MAX 63

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

uint32_t wr_word_distance(const char *one, const char *other)
{
    size_t rows = strlen(one), columns = strlen(other);
    if (rows > WORD_BYTES_MAX || columns > WORD_BYTES_MAX)
        return UINT32_MAX;
    uint32_t before[WORD_BYTES_MAX + 1] = {0}, above[WORD_BYTES_MAX + 1] = {0};
    uint32_t row[WORD_BYTES_MAX + 1] = {0};
    for (uint32_t c = 0; c <= columns; c++)
        above[c] = c;
    for (uint32_t r = 1; r <= rows; r++) {
        row[0] = r;
        for (uint32_t c = 1; c <= columns; c++) {
            char a = folded(one[r - 1]), b = folded(other[c - 1]);
            row[c] = least(least(above[c] + 1, row[c - 1] + 1), above[c - 1] + (a != b));
            if (r > 1 && c > 1 && a == folded(other[c - 2]) && folded(one[r - 2]) == b)
                row[c] = least(row[c], before[c - 2] + 1);
        }
        memcpy(before, above, sizeof before);
        memcpy(above, row, sizeof above);
    }
    return above[columns];
}

void wr_nearest_offer(struct wr_nearest *search, const char *known)
{
    uint32_t distance = wr_word_distance(search->word, known);
    /* A third of the word may be wrong, and one letter of a short one. */
    uint32_t allowed = (uint32_t)(strlen(search->word) / 3);
    if (distance > (allowed > 0 ? allowed : 1))
        return;
    if (!search->best || distance < search->distance) {
        search->best = known;
        search->distance = distance;
    }
}
