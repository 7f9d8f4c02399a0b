#include "ban_file.h"
#include "key_file.h"
#include "option_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Lists ----------------------------------------------------------------------------------- */

static bool same_pinned(const struct rd_keys *one, const struct rd_keys *other)
{
    return one->pinned_count == other->pinned_count &&
           memcmp(one->pinned, other->pinned, one->pinned_count * sizeof one->pinned[0]) == 0;
}

/* Does `all` revoke everything that `some` does? */
static bool revokes_all(const struct rd_keys *all, const struct rd_keys *some)
{
    for (uint32_t i = 0; i < some->revoked_count; i++) {
        if (!rd_keys_revoked(all, some->revoked[i]))
            return false;
    }
    return true;
}

static void count_difference(void *context, const char *sub)
{
    (void)sub;
    ++*(size_t *)context;
}

static bool same_bans(const struct rd_bans *one, const struct rd_bans *other)
{
    size_t differences = 0;
    rd_bans_differences(one, other, count_difference, count_difference, &differences);
    return differences == 0;
}

/* ---- What changed ---------------------------------------------------------------------------- */

/* Addresses that the relay found by itself are no setting that could have changed. */
static bool is_found(const struct rd_options *options, const struct rd_option *option)
{
    return option->kind == RD_KIND_ADVERTISE &&
           options->sources[option - rd_option_table] == RD_SOURCE_DEFAULT;
}

static bool differs(const struct rd_options *before, const struct rd_options *after,
                    const struct rd_option *option)
{
    return rd_option_is_setting(option) && !rd_option_equal(before, after, option) &&
           !(is_found(before, option) && is_found(after, option));
}

static bool is_live(const struct rd_options *before, const struct rd_options *after,
                    const struct rd_option *option)
{
    if (option->offset == offsetof(struct rd_options, core.max_sessions) &&
        after->core.max_sessions > before->max_sessions_at_start)
        return false;
    return option->live;
}

static void show(const struct rd_options *options, const struct rd_option *option, char out[128])
{
    char text[RD_SHOWN_BYTES];
    const char *value =
        is_found(options, option) ? "as found" : rd_option_show(options, option, text);
    (void)snprintf(out, 128, "%.127s", value != NULL ? value : "(none)");
}

/* Adds one; gives its place back so that the caller fills it, NULL where there is no room. */
static struct rd_option_change *another(struct rd_option_change *changes, size_t room,
                                        size_t *count, const char *name, bool live)
{
    size_t index = (*count)++;
    if (index >= room)
        return NULL;
    changes[index] = (struct rd_option_change){.name = name, .live = live};
    return &changes[index];
}

static void say_count(char out[128], size_t number, const char *of)
{
    (void)snprintf(out, 128, "%zu %s", number, of);
}

static void compare_lists(const struct rd_options *before, const struct rd_options *after,
                          struct rd_option_change *changes, size_t room, size_t *count)
{
    struct rd_option_change *change;
    if (!same_pinned(&before->keys, &after->keys) &&
        (change = another(changes, room, count, "pinned keys", true)) != NULL) {
        say_count(change->from, before->keys.pinned_count, "keys");
        say_count(change->to, after->keys.pinned_count, "keys");
    }
    /* What a relay was told never to trust again it refuses as long as it runs. */
    bool grows = revokes_all(&after->keys, &before->keys);
    if ((!grows || !revokes_all(&before->keys, &after->keys)) &&
        (change = another(changes, room, count, "revoked keys", grows)) != NULL) {
        say_count(change->from, before->keys.revoked_count, "keys");
        say_count(change->to, after->keys.revoked_count, "keys");
    }
    if (!same_bans(&before->bans, &after->bans) &&
        (change = another(changes, room, count, "banned identities", true)) != NULL) {
        say_count(change->from, before->bans.count, "identities");
        say_count(change->to, after->bans.count, "identities");
    }
}

size_t rd_options_compare(const struct rd_options *before, const struct rd_options *after,
                          struct rd_option_change *changes, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        if (!differs(before, after, option))
            continue;
        struct rd_option_change *change =
            another(changes, room, &count, option->name, is_live(before, after, option));
        if (change == NULL)
            continue;
        show(before, option, change->from);
        show(after, option, change->to);
    }
    compare_lists(before, after, changes, room, &count);
    return count < room ? count : room;
}

void rd_options_take_live(struct rd_options *running, struct rd_options *after)
{
    for (size_t i = 0; i < rd_option_count; i++) {
        const struct rd_option *option = &rd_option_table[i];
        if (!differs(running, after, option) || !is_live(running, after, option))
            continue;
        rd_option_copy(running, after, option);
        running->sources[i] = after->sources[i];
    }
    for (uint32_t i = 0; i < running->keys.revoked_count; i++)
        (void)rd_keys_revoke(&after->keys, running->keys.revoked[i]);
    struct rd_keys keys = running->keys;
    struct rd_bans bans = running->bans;
    running->keys = after->keys;
    running->bans = after->bans;
    running->core.keys_refreshable = after->core.keys_refreshable;
    after->keys = keys;
    after->bans = bans;
}
