#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add(struct sim_files *files, struct sim_arena *arena, const char *path)
{
    if (files->count == files->room) {
        uint32_t room = files->room ? files->room * 2 : 64;
        const char **paths = SIM_ARENA_ARRAY(arena, const char *, room);
        for (uint32_t i = 0; i < files->count; i++)
            paths[i] = files->paths[i];
        files->paths = paths;
        files->room = room;
    }
    files->paths[files->count++] = sim_arena_text(arena, path, strlen(path));
}

static bool is_scenario(const char *name)
{
    size_t bytes = strlen(name);
    return bytes > 5 && strcmp(name + bytes - 5, ".json") == 0 && strcmp(name, "schema.json") != 0;
}

static int by_name(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* Folders below come in the order of their names too, after and among the files. */
static bool add_folder(struct sim_files *files, struct sim_arena *arena, const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    size_t bytes = strlen(path);
    while (bytes > 1 && path[bytes - 1] == '/')
        bytes--;
    struct sim_files inside = {0};
    const struct dirent *item;
    while ((item = readdir(folder)) != NULL) {
        if (item->d_name[0] != '.')
            add(&inside, arena, sim_arena_print(arena, "%.*s/%s", (int)bytes, path, item->d_name));
    }
    closedir(folder);
    if (inside.count > 0)
        qsort(inside.paths, inside.count, sizeof *inside.paths, by_name);
    bool good = true;
    for (uint32_t i = 0; i < inside.count; i++) {
        struct stat status;
        if (stat(inside.paths[i], &status) == 0 && S_ISDIR(status.st_mode))
            good = add_folder(files, arena, inside.paths[i]) && good;
        else if (is_scenario(strrchr(inside.paths[i], '/') + 1))
            add(files, arena, inside.paths[i]);
    }
    return good;
}

bool sim_files_add(struct sim_files *files, struct sim_arena *arena, const char *path)
{
    struct stat status;
    uint32_t before = files->count;
    if (stat(path, &status) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(status.st_mode)) {
        add(files, arena, path);
        return true;
    }
    if (!add_folder(files, arena, path))
        return false;
    if (files->count == before)
        fprintf(stderr, "%s: no scenarios in it\n", path);
    return files->count > before;
}
