#include "driver.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void *grown(void *items, size_t bytes)
{
    void *larger = realloc(items, bytes);
    if (larger == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return larger;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static bool add_file(struct fuzz_files *files, const char *path, size_t size)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return false;
    struct fuzz_file file = {.path = grown(NULL, strlen(path) + 1), .bytes = grown(NULL, size + 1)};
    memcpy(file.path, path, strlen(path) + 1);
    file.size = fread(file.bytes, 1, size, in);
    bool whole = file.size == size && !ferror(in);
    fclose(in);
    file.bytes = grown(file.bytes, size > 0 ? size : 1);
    if (files->count == files->room) {
        files->room = files->room * 2 + 16;
        files->items = grown(files->items, files->room * sizeof *files->items);
    }
    files->items[files->count++] = file;
    return whole;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool add_folder(struct fuzz_files *files, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_shown, alphasort);
    bool good = count >= 0;
    for (int i = 0; i < count; i++) {
        size_t bytes = strlen(path) + strlen(entries[i]->d_name) + 2;
        char *inside = grown(NULL, bytes);
        snprintf(inside, bytes, "%s/%s", path, entries[i]->d_name);
        good = fuzz_files_add(files, inside) && good;
        free(inside);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return good;
}

bool fuzz_files_add(struct fuzz_files *files, const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return false;
    return S_ISDIR(found.st_mode) ? add_folder(files, path)
                                  : add_file(files, path, (size_t)found.st_size);
}

void fuzz_files_free(struct fuzz_files *files)
{
    for (uint32_t i = 0; i < files->count; i++) {
        free(files->items[i].path);
        free(files->items[i].bytes);
    }
    free(files->items);
}

/* ---- Dictionary ------------------------------------------------------------------------------ */

/* The bytes between the quotes of a line; false where it is no word. */
static bool read_word(const char *line, struct fuzz_word *word)
{
    const char *at = strchr(line, '"');
    word->size = 0;
    if (at == NULL)
        return false;
    for (at++; *at != '"'; at++) {
        unsigned value = (uint8_t)*at;
        if (*at == '\0' || word->size == sizeof word->bytes)
            return false;
        if (*at == '\\' && at[1] == 'x') {
            if (sscanf(at + 2, "%2x", &value) != 1)
                return false;
            at += 3;
        } else if (*at == '\\') {
            value = (uint8_t) * ++at;
        }
        word->bytes[word->size++] = (uint8_t)value;
    }
    return word->size > 0;
}

bool fuzz_dict_read(struct fuzz_dict *dict, const char *path)
{
    char line[1024];
    bool good = true;
    FILE *in = fopen(path, "r");
    if (in == NULL)
        return false;
    while (fgets(line, sizeof line, in) != NULL) {
        struct fuzz_word word;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (!read_word(line, &word)) {
            fprintf(stderr, "%s: no word: %s", path, line);
            good = false;
            continue;
        }
        dict->words = grown(dict->words, (dict->count + 1) * sizeof *dict->words);
        dict->words[dict->count++] = word;
    }
    fclose(in);
    return good;
}

void fuzz_dict_free(struct fuzz_dict *dict)
{
    free(dict->words);
}
