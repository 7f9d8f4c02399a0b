#include "ban_file.h"

#include <stdlib.h>
#include <string.h>

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts, and gives back those that stand twice. */
static void sort_once(struct rd_bans *bans)
{
    if (bans->count == 0)
        return;
    qsort(bans->subs, bans->count, sizeof *bans->subs, by_bytes);
    size_t kept = 1;
    for (size_t i = 1; i < bans->count; i++) {
        if (strcmp(bans->subs[i], bans->subs[kept - 1]) == 0)
            free(bans->subs[i]);
        else
            bans->subs[kept++] = bans->subs[i];
    }
    bans->count = kept;
}

static bool add(struct rd_bans *bans, size_t *room, const char *sub)
{
    if (bans->count == *room) {
        size_t more = *room > 0 ? *room * 2 : 64;
        char **subs = reallocarray(bans->subs, more, sizeof *subs);
        if (subs == NULL)
            return false;
        bans->subs = subs;
        *room = more;
    }
    bans->subs[bans->count] = strdup(sub);
    return bans->subs[bans->count] != NULL && ++bans->count > 0;
}

static bool parse_lines(const struct rd_text *text, struct rd_bans *bans, struct rd_error *error)
{
    char sub[RD_SUB_BYTES_MAX + 1];
    struct rd_line line = {0};
    size_t room = 0;
    while (rd_line_next(text, &line)) {
        if (!rd_line_value(text, &line, line.at, sub, sizeof sub, error))
            return false;
        if (strspn(sub, " ") == strlen(sub))
            return rd_line_fail(text, &line, error,
                                "an identity has 1 to 256 bytes and is not blank");
        if (!add(bans, &room, sub))
            return rd_line_fail(text, &line, error, "no memory for further identities");
    }
    return true;
}

bool rd_ban_file_parse(const struct rd_text *text, size_t bans_max, struct rd_bans *bans,
                       struct rd_error *error)
{
    bool ok = parse_lines(text, bans, error);
    if (ok)
        sort_once(bans);
    if (ok && bans->count > bans_max)
        ok = rd_fail(error, "%s: has %zu identities; at most %zu can be banned", text->name,
                     bans->count, bans_max);
    if (!ok)
        rd_bans_free(bans);
    return ok;
}

bool rd_ban_file_read(const char *path, size_t bans_max, struct rd_bans *bans,
                      struct rd_error *error)
{
    struct rd_text text = {.name = path};
    char *bytes;
    if (!rd_file_read(path, RD_BAN_FILE_BYTES_MAX, &bytes, &text.size, NULL, error))
        return false;
    text.bytes = bytes;
    bool ok = rd_ban_file_parse(&text, bans_max, bans, error);
    free(bytes);
    return ok;
}

void rd_bans_differences(const struct rd_bans *before, const struct rd_bans *after,
                         void (*ban)(void *context, const char *sub),
                         void (*unban)(void *context, const char *sub), void *context)
{
    size_t b = 0, a = 0;
    while (b < before->count || a < after->count) {
        int order = b == before->count  ? 1
                    : a == after->count ? -1
                                        : strcmp(before->subs[b], after->subs[a]);
        if (order < 0)
            unban(context, before->subs[b]);
        if (order > 0)
            ban(context, after->subs[a]);
        b += order <= 0;
        a += order >= 0;
    }
}

void rd_bans_free(struct rd_bans *bans)
{
    for (size_t i = 0; i < bans->count; i++)
        free(bans->subs[i]);
    free(bans->subs);
    *bans = (struct rd_bans){0};
}
