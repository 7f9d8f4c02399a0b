/*
 * The parts of our own engine: the files it reads, the dictionary, and blind mutations of both that
 * follow from a seed alone.
 */
#ifndef FUZZ_DRIVER_H
#define FUZZ_DRIVER_H

#include "support.h"

struct fuzz_file {
    char *path;
    uint8_t *bytes; /* exactly `size` of them, so that a read past the end is seen */
    size_t size;
};

struct fuzz_files {
    struct fuzz_file *items;
    uint32_t count, room;
};

/* A file, or every file of a folder in the order of names. False where it cannot be read. */
bool fuzz_files_add(struct fuzz_files *files, const char *path);
void fuzz_files_free(struct fuzz_files *files);

/* libFuzzer's form: lines of name="bytes" with \xNN, \\ and \"; # begins a comment. */
struct fuzz_dict {
    struct fuzz_word {
        uint8_t bytes[128];
        uint32_t size;
    } * words;
    uint32_t count;
};
bool fuzz_dict_read(struct fuzz_dict *dict, const char *path);
void fuzz_dict_free(struct fuzz_dict *dict);

/* Gives the input to the target, in memory of its own size. */
void fuzz_run_one(const struct fuzz_file *file);

struct fuzz_mutations {
    const struct fuzz_files *files;
    uint64_t random;
    struct fuzz_file input; /* of the last fuzz_mutations_next */
};

/* LLVMFuzzerMutate uses the files and words of the mutations begun last. */
void fuzz_mutations_begin(struct fuzz_mutations *mutations, const struct fuzz_files *files,
                          const struct fuzz_dict *dict, uint64_t seed);
void fuzz_mutations_next(struct fuzz_mutations *mutations);
void fuzz_mutations_end(struct fuzz_mutations *mutations);

#endif
