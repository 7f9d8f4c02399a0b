/* SIGHUP: the options are read anew, and what a running relay can take over is handed to it. */
#include "life_state.h"

#include "log.h"
#include "notify.h"

#include <stdio.h>
#include <string.h>

#define CHANGES_MAX 64

static void each(struct life *life, void (*order)(struct rd_worker *worker, const char *sub),
                 const char *sub)
{
    for (uint32_t i = 0; i < life->group.count; i++)
        order(life->group.workers[i], sub);
}

static void pin(struct life *life, const struct rd_key *key)
{
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_key_add(life->group.workers[i], key->kid, key->bytes, WR_KEY_PINNED);
}

static void retire(struct life *life, const struct rd_key *key)
{
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_key_retire(life->group.workers[i], key->bytes);
}

static void revoke(struct life *life, const uint8_t key[WR_PUBLIC_KEY_BYTES])
{
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_key_revoke(life->group.workers[i], key);
}

void rd_life_load(struct life *life)
{
    const struct rd_options *options = life->options;
    for (uint32_t i = 0; i < options->keys.revoked_count; i++)
        revoke(life, options->keys.revoked[i]);
    for (uint32_t i = 0; i < options->keys.pinned_count; i++)
        pin(life, &options->keys.pinned[i]);
    for (size_t i = 0; i < options->bans.count; i++)
        each(life, rd_worker_ban, options->bans.subs[i]);
}

/* ---- Keys and bans ----------------------------------------------------------------------------- */

static bool holds_bytes(const struct rd_keys *keys, const uint8_t bytes[WR_PUBLIC_KEY_BYTES])
{
    for (uint32_t i = 0; i < keys->pinned_count; i++)
        if (memcmp(keys->pinned[i].bytes, bytes, WR_PUBLIC_KEY_BYTES) == 0)
            return true;
    return false;
}

static bool holds_key(const struct rd_keys *keys, const struct rd_key *key)
{
    for (uint32_t i = 0; i < keys->pinned_count; i++)
        if (memcmp(keys->pinned[i].bytes, key->bytes, WR_PUBLIC_KEY_BYTES) == 0 &&
            strcmp(keys->pinned[i].kid, key->kid) == 0)
            return true;
    return false;
}

static bool has_revoked(const struct rd_keys *keys, const uint8_t bytes[WR_PUBLIC_KEY_BYTES])
{
    for (uint32_t i = 0; i < keys->revoked_count; i++)
        if (memcmp(keys->revoked[i], bytes, WR_PUBLIC_KEY_BYTES) == 0)
            return true;
    return false;
}

/* Revocations first: they take effect whatever else follows. Removed keys before new ones, so that
 * a ring full of pinned keys has room for what takes their places. */
static void change_keys(struct life *life, const struct rd_keys *before,
                        const struct rd_keys *after)
{
    for (uint32_t i = 0; i < after->revoked_count; i++) {
        if (has_revoked(before, after->revoked[i]))
            continue;
        revoke(life, after->revoked[i]);
        RD_LOG(RD_LOG_WARN, "key_revoked");
    }
    for (uint32_t i = 0; i < before->revoked_count; i++)
        if (!has_revoked(after, before->revoked[i]))
            RD_LOG(RD_LOG_WARN, "key_stays_revoked",
                   rd_text("why", "a revocation is taken back by a restart only"));
    for (uint32_t i = 0; i < before->pinned_count; i++) {
        const struct rd_key *key = &before->pinned[i];
        if (holds_bytes(after, key->bytes) || has_revoked(after, key->bytes))
            continue;
        retire(life, key);
        RD_LOG(RD_LOG_INFO, "key_retired", rd_text("kid", key->kid));
    }
    for (uint32_t i = 0; i < after->pinned_count; i++) {
        if (holds_key(before, &after->pinned[i]))
            continue;
        pin(life, &after->pinned[i]);
        RD_LOG(RD_LOG_INFO, "key_pinned", rd_text("kid", after->pinned[i].kid));
    }
}

/* Both lists are sorted and have each name once. Who is banned is nobody's business in a log. */
static void change_bans(struct life *life, const struct rd_bans *before,
                        const struct rd_bans *after)
{
    size_t old = 0, new = 0, banned = 0, unbanned = 0;
    while (old < before->count || new < after->count) {
        int order = old == before->count  ? 1
                    : new == after->count ? -1
                                          : strcmp(before->subs[old], after->subs[new]);
        if (order < 0) {
            each(life, rd_worker_unban, before->subs[old++]);
            unbanned++;
        } else if (order > 0) {
            each(life, rd_worker_ban, after->subs[new++]);
            banned++;
        } else {
            old++;
            new++;
        }
    }
    if (banned + unbanned > 0)
        RD_LOG(RD_LOG_INFO, "bans_changed", rd_number("banned", banned),
               rd_number("unbanned", unbanned));
}

/* ---- Options ----------------------------------------------------------------------------------- */

/* What takes effect is named when it changes; what needs a restart as long as it differs from what
 * the relay was started with. Returns how many lines that made. */
static uint32_t name_changes(const struct rd_options *from, const struct rd_options *to, bool live)
{
    struct rd_option_change changes[CHANGES_MAX];
    size_t count = rd_options_compare(from, to, changes, CHANGES_MAX);
    uint32_t named = 0;
    for (size_t i = 0; i < count && i < CHANGES_MAX; i++) {
        if (changes[i].live != live)
            continue;
        named++;
        if (live)
            RD_LOG(RD_LOG_INFO, "option_changed", rd_text("option", changes[i].name),
                   rd_text("from", changes[i].from), rd_text("to", changes[i].to));
        else
            RD_LOG(RD_LOG_WARN, "option_needs_restart", rd_text("option", changes[i].name),
                   rd_text("from", changes[i].from), rd_text("to", changes[i].to));
    }
    return named;
}

static void change_limits(struct life *life, struct rd_options *next)
{
    /* The tables were made for so many sessions. */
    if (next->core.max_sessions > life->options->core.max_sessions) {
        RD_LOG(RD_LOG_WARN, "option_needs_restart", rd_text("option", "max-sessions"),
               rd_number("from", life->options->core.max_sessions),
               rd_number("to", next->core.max_sessions),
               rd_text("why", "more than the relay was started with"));
        next->core.max_sessions = life->options->core.max_sessions;
    }
    struct wr_relay_config config = next->core;
    if (config.verify_rate == 0)
        config.verify_rate = life->group.verify_rate;
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_set_limits(life->group.workers[i], &config);
    atomic_store(&life->max_sessions, config.max_sessions);
    atomic_store(&life->load_shed_threshold_pct, config.load_shed_threshold_pct);
}

static void announce_reloading(void)
{
    char state[64];
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)(rd_clock() / 1000));
    rd_notify(state);
}

/* With pinned keys the master's are not trusted, without them they are: the workers and the master
 * client were told which at their start. */
static bool trusts_the_same(const struct life *life, const struct rd_options *next)
{
    return life->options->standalone ||
           (life->options->keys.pinned_count == 0) == (next->keys.pinned_count == 0);
}

void rd_life_reload(struct life *life)
{
    struct rd_options next;
    struct rd_error error = {""};
    announce_reloading();
    if (!rd_options_read_again(&next, life->argc, life->argv, &error)) {
        RD_LOG(RD_LOG_ERROR, "reload_failed", rd_text("error", error.text),
               rd_text("effect", "nothing was changed"));
    } else if (!trusts_the_same(life, &next)) {
        RD_LOG(RD_LOG_ERROR, "reload_failed",
               rd_text("error", "to begin or to end pinning keys needs a restart"),
               rd_text("effect", "nothing was changed"));
        rd_options_free(&next);
    } else {
        uint32_t restart = name_changes(life->options, &next, false);
        uint32_t changed = name_changes(&life->running, &next, true);
        change_keys(life, &life->running.keys, &next.keys);
        change_bans(life, &life->running.bans, &next.bans);
        change_limits(life, &next);
        rd_log_set_level(next.log_level);
        if (life->was_reloaded)
            rd_options_free(&life->running);
        life->running = next;
        life->was_reloaded = true;
        RD_LOG(RD_LOG_INFO, "reloaded", rd_number("changed", changed),
               rd_number("need_restart", restart));
    }
    rd_notify("READY=1");
}
