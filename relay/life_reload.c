/* SIGHUP: the options are read anew, and what a running relay can take over is handed to it. */
#include "life_state.h"

#include "ban_file.h"
#include "key_file.h"
#include "log.h"
#include "notify.h"

#include <stdio.h>
#include <string.h>

#define CHANGES_MAX (RD_OPTIONS_MAX + 3) /* and the three lists */

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

/* A ban list may be long: its orders are not piled up for every worker. */
#define ORDERS_AT_ONCE 256

static void settle(struct life *life)
{
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_settle(life->group.workers[i]);
}

void rd_life_load(struct life *life)
{
    const struct rd_options *options = &life->options;
    for (uint32_t i = 0; i < options->keys.revoked_count; i++)
        revoke(life, options->keys.revoked[i]);
    for (uint32_t i = 0; i < options->keys.pinned_count; i++)
        pin(life, &options->keys.pinned[i]);
    for (size_t i = 0; i < options->bans.count; i++) {
        each(life, rd_worker_ban, options->bans.subs[i]);
        if (i % ORDERS_AT_ONCE == 0)
            settle(life);
    }
    settle(life);
}

/* ---- Keys and bans -----------------------------------------------------------------------------
 */

static bool holds_key(const struct rd_keys *keys, const struct rd_key *key)
{
    for (uint32_t i = 0; i < keys->pinned_count; i++)
        if (memcmp(keys->pinned[i].bytes, key->bytes, WR_PUBLIC_KEY_BYTES) == 0 &&
            strcmp(keys->pinned[i].kid, key->kid) == 0)
            return true;
    return false;
}

/* Did these bytes stand under a kid that they lost? To retire that one retires all of theirs. */
static bool loses_a_kid(const struct rd_keys *before, const struct rd_keys *after,
                        const uint8_t bytes[WR_PUBLIC_KEY_BYTES])
{
    for (uint32_t i = 0; i < before->pinned_count; i++)
        if (memcmp(before->pinned[i].bytes, bytes, WR_PUBLIC_KEY_BYTES) == 0 &&
            !holds_key(after, &before->pinned[i]))
            return true;
    return false;
}

/* Revocations first: they take effect whatever else follows. Removed keys before new ones, so that
 * a ring full of pinned keys has room for what takes their places. */
static void change_keys(struct life *life, const struct rd_keys *before,
                        const struct rd_keys *after)
{
    for (uint32_t i = 0; i < after->revoked_count; i++) {
        if (rd_keys_revoked(before, after->revoked[i]))
            continue;
        revoke(life, after->revoked[i]);
        RD_LOG(RD_LOG_WARN, "key_revoked");
    }
    for (uint32_t i = 0; i < before->pinned_count; i++) {
        const struct rd_key *key = &before->pinned[i];
        if (holds_key(after, key) || rd_keys_revoked(after, key->bytes))
            continue;
        retire(life, key);
        RD_LOG(RD_LOG_INFO, "key_retired", rd_text("kid", key->kid));
    }
    for (uint32_t i = 0; i < after->pinned_count; i++) {
        const struct rd_key *key = &after->pinned[i];
        bool is_new = !holds_key(before, key);
        if (is_new || loses_a_kid(before, after, key->bytes))
            pin(life, key);
        if (is_new)
            RD_LOG(RD_LOG_INFO, "key_pinned", rd_text("kid", key->kid));
    }
}

/* Who is banned is nobody's business in a log. */
static void ban(void *life, const char *sub)
{
    each(life, rd_worker_ban, sub);
}

static void unban(void *life, const char *sub)
{
    each(life, rd_worker_unban, sub);
}

/* ---- Options -----------------------------------------------------------------------------------
 */

/* What cannot take effect stays as it was in the running options, and so is named again by every
 * reload that finds it different. */
static void name_changes(const struct rd_option_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (changes[i].live)
            RD_LOG(RD_LOG_INFO, "option_changed", rd_text("option", changes[i].name),
                   rd_text("from", changes[i].from), rd_text("to", changes[i].to));
        else
            RD_LOG(RD_LOG_WARN, "option_needs_restart", rd_text("option", changes[i].name),
                   rd_text("from", changes[i].from), rd_text("to", changes[i].to));
    }
}

uint32_t rd_life_verify_rate(struct life *life, const struct rd_options *options)
{
    uint32_t rate = options->core.verify_rate;
    if (rate == 0 && life->measured_verify_rate == 0)
        life->measured_verify_rate = rd_verifier_measure();
    if (rate == 0)
        rate = life->measured_verify_rate;
    atomic_store(&life->verify_rate, rate);
    return rate;
}

static void change_limits(struct life *life)
{
    struct wr_relay_config config = life->running->core;
    config.verify_rate = rd_life_verify_rate(life, life->running);
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_set_limits(life->group.workers[i], &config);
    atomic_store(&life->max_sessions, config.max_sessions);
    struct rd_master_client *master = atomic_load(&life->master);
    if (master != NULL)
        rd_master_client_set_max_sessions(master, config.max_sessions);
    atomic_store(&life->load_shed_threshold_pct, config.load_shed_threshold_pct);
}

static bool has_note(const struct rd_notes *notes, const char *text)
{
    for (uint32_t i = 0; i < notes->count; i++)
        if (strcmp(notes->texts[i], text) == 0)
            return true;
    return false;
}

/* Those that were said already are not said again. */
static void take_notes(struct rd_notes *said, const struct rd_notes *notes)
{
    for (uint32_t i = 0; i < notes->count; i++)
        if (!has_note(said, notes->texts[i]))
            RD_LOG(RD_LOG_WARN, "note", rd_text("text", notes->texts[i]));
    *said = *notes;
}

bool rd_life_find_own_addresses(const struct life *life, struct rd_own_addresses *out)
{
    bool told = rd_own_addresses_find(&life->group.bound, &life->options, out);
    if (!told)
        RD_LOG(RD_LOG_WARN, "own_addresses_unknown",
               rd_text("effect", "only those that are announced are known"));
    if (out->left_out > 0)
        RD_LOG(RD_LOG_WARN, "own_addresses_left_out", rd_number("addresses", out->left_out));
    return told;
}

/* No option: an interface may have got an address, or lost one. */
static void change_own_addresses(struct life *life)
{
    struct rd_own_addresses now;
    if (!rd_life_find_own_addresses(life, &now) || rd_own_addresses_equal(&life->group.own, &now))
        return;
    RD_LOG(RD_LOG_INFO, "own_addresses_changed", rd_number("from", life->group.own.count),
           rd_number("to", now.count));
    for (uint32_t i = 0; i < life->group.count; i++)
        rd_worker_set_own_addresses(life->group.workers[i], &now);
    life->group.own = now;
}

static void take_over(struct life *life, struct rd_options *next)
{
    struct rd_master_client *master = atomic_load(&life->master);
    struct rd_option_change changes[CHANGES_MAX];
    size_t count = rd_options_compare(life->running, next, changes, CHANGES_MAX);
    name_changes(changes, count);
    change_keys(life, &life->running->keys, &next->keys);
    rd_bans_differences(&life->running->bans, &next->bans, ban, unban, life);
    rd_options_take_live(life->running, next);
    if (master != NULL)
        rd_master_client_set_pinned(master, &life->running->keys);
    change_limits(life);
    change_own_addresses(life);
    rd_log_set_level(life->running->log_level);
    take_notes(&life->running->notes, &next->notes);
    RD_LOG(RD_LOG_INFO, "reloaded", rd_number("changes", count),
           rd_number("own_addresses", life->group.own.count));
}

static void announce_reloading(void)
{
    char state[64];
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)(rd_clock() / 1000));
    rd_notify(state);
}

/* With pinned keys the master's are not trusted, without them they are: the workers and the master
 * client were told which at their start. Without a master, pinned keys are all there is to trust;
 * options that name one instead are good after a restart, and not before. */
static bool trusts_the_same(const struct life *life, const struct rd_options *next)
{
    bool had = life->options.keys.pinned_count > 0, has = next->keys.pinned_count > 0;
    if (life->options.standalone)
        return has || life->options.core.allow_insecure_dev;
    return had == has;
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
        take_over(life, &next);
        rd_options_free(&next); /* with the old keys and bans */
    }
    rd_notify("READY=1");
}
