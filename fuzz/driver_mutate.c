#include "driver.h"

#include <stdlib.h>
#include <string.h>

void fuzz_run_one(const struct fuzz_file *file)
{
    /* A copy of its own, so that tools that watch memory see the first byte behind it. */
    uint8_t *bytes = malloc(file->size > 0 ? file->size : 1);
    if (bytes == NULL)
        abort();
    if (file->size > 0)
        memcpy(bytes, file->bytes, file->size);
    LLVMFuzzerTestOneInput(bytes, file->size);
    free(bytes);
}

/* ---- Blind mutations ------------------------------------------------------------------------- */

static const struct fuzz_files *all_files;
static const struct fuzz_dict *all_words;
static uint64_t blind; /* the dice of LLVMFuzzerMutate */

static uint32_t below(uint32_t bound)
{
    return fuzz_random_below(&blind, bound);
}

static size_t insert(uint8_t *bytes, size_t size, size_t size_max, const uint8_t *piece,
                     size_t piece_bytes)
{
    size_t at = below((uint32_t)size + 1);
    if (piece_bytes > size_max - size)
        return size;
    memmove(bytes + at + piece_bytes, bytes + at, size - at);
    memcpy(bytes + at, piece, piece_bytes);
    return size + piece_bytes;
}

static void overwrite(uint8_t *bytes, size_t size, const uint8_t *piece, size_t piece_bytes)
{
    if (piece_bytes <= size)
        memcpy(bytes + below((uint32_t)(size - piece_bytes) + 1), piece, piece_bytes);
}

/* A piece of some file: of the same place as often as of another. */
static size_t splice(uint8_t *bytes, size_t size, size_t size_max)
{
    const struct fuzz_file *other = &all_files->items[below(all_files->count)];
    if (other->size == 0)
        return size;
    size_t from = below((uint32_t)other->size);
    size_t count = 1 + below((uint32_t)(other->size - from));
    if (below(2) == 0 && from <= size) { /* its tail behind our head */
        count = other->size - from < size_max - from ? other->size - from : size_max - from;
        memcpy(bytes + from, other->bytes + from, count);
        return from + count;
    }
    if (below(2) == 0)
        return insert(bytes, size, size_max, other->bytes + from, count);
    overwrite(bytes, size, other->bytes + from, count);
    return size;
}

static size_t use_word(uint8_t *bytes, size_t size, size_t size_max)
{
    if (all_words == NULL || all_words->count == 0)
        return size;
    const struct fuzz_word *word = &all_words->words[below(all_words->count)];
    if (below(2) == 0)
        return insert(bytes, size, size_max, word->bytes, word->size);
    overwrite(bytes, size, word->bytes, word->size);
    return size;
}

/* A number of 1, 2, 4 or 8 bytes becomes a neighbour or a boundary. */
static void change_number(uint8_t *bytes, size_t size)
{
    static const uint64_t boundaries[] = {0, 1, 2, 3, 127, 128, 255, 256, 1023, 1024, 1025, 65535};
    unsigned width = 1u << below(4);
    if (width > size)
        return;
    uint8_t *at = bytes + below((uint32_t)(size - width) + 1);
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value = value << 8 | at[i];
    uint32_t what = below(4);
    value = what == 0   ? boundaries[below(sizeof boundaries / sizeof *boundaries)]
            : what == 1 ? UINT64_MAX - boundaries[below(sizeof boundaries / sizeof *boundaries)]
            : what == 2 ? value + 1 + below(16)
                        : value - 1 - below(16);
    for (unsigned i = width; i > 0; i--, value >>= 8)
        at[i - 1] = (uint8_t)value;
}

static size_t cut_out(uint8_t *bytes, size_t size)
{
    size_t from = below((uint32_t)size), left = size - from;
    size_t count = 1 + below((uint32_t)(left < 16 || below(4) == 0 ? left : 16));
    memmove(bytes + from, bytes + from + count, left - count);
    return size - count;
}

static size_t double_piece(uint8_t *bytes, size_t size, size_t size_max)
{
    uint8_t piece[64];
    size_t from = below((uint32_t)size), left = size - from;
    size_t count = 1 + below((uint32_t)(left < sizeof piece ? left : sizeof piece));
    memcpy(piece, bytes + from, count);
    return insert(bytes, size, size_max, piece, count);
}

/* In text a digit becomes another digit: more often sensible than any other byte. */
static void change_digit(uint8_t *bytes, size_t size)
{
    size_t from = below((uint32_t)size);
    for (size_t i = 0; i < size; i++) {
        uint8_t *at = &bytes[(from + i) % size];
        if (*at >= '0' && *at <= '9') {
            *at = (uint8_t)('0' + below(10));
            return;
        }
    }
}

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t size_max)
{
    uint8_t byte = (uint8_t)fuzz_random(&blind);
    uint32_t what = size == 0 ? 0 : below(10);
    switch (what) {
    case 0:
        return insert(bytes, size, size_max, &byte, 1);
    case 1:
        return splice(bytes, size, size_max);
    case 2:
    case 3:
        return use_word(bytes, size, size_max);
    case 4:
        return cut_out(bytes, size);
    case 5:
        return double_piece(bytes, size, size_max);
    case 6:
        change_number(bytes, size);
        return size;
    case 7:
        change_digit(bytes, size);
        return size;
    case 8:
        bytes[below((uint32_t)size)] = byte;
        return size;
    default:
        bytes[below((uint32_t)size)] ^= (uint8_t)(1u << below(8));
        return size;
    }
}

/* Absent in most targets. */
#pragma weak LLVMFuzzerCustomMutator

void fuzz_mutations_begin(struct fuzz_mutations *mutations, const struct fuzz_files *files,
                          const struct fuzz_dict *dict, uint64_t seed)
{
    all_files = files;
    all_words = dict;
    blind = ~seed;
    mutations->files = files;
    mutations->random = seed;
    mutations->input = (struct fuzz_file){.bytes = malloc(fuzz_target.bytes_max)};
    if (mutations->input.bytes == NULL)
        abort();
}

void fuzz_mutations_next(struct fuzz_mutations *mutations)
{
    uint64_t *random = &mutations->random;
    const struct fuzz_file *from =
        &mutations->files->items[fuzz_random_below(random, mutations->files->count)];
    struct fuzz_file *input = &mutations->input;
    input->size = from->size < fuzz_target.bytes_max ? from->size : fuzz_target.bytes_max;
    if (input->size > 0)
        memcpy(input->bytes, from->bytes, input->size);
    for (uint32_t times = 1 + fuzz_random_below(random, 4); times > 0; times--) {
        unsigned seed = (unsigned)fuzz_random(random);
        input->size =
            LLVMFuzzerCustomMutator != NULL
                ? LLVMFuzzerCustomMutator(input->bytes, input->size, fuzz_target.bytes_max, seed)
                : LLVMFuzzerMutate(input->bytes, input->size, fuzz_target.bytes_max);
    }
}

void fuzz_mutations_end(struct fuzz_mutations *mutations)
{
    free(mutations->input.bytes);
}
