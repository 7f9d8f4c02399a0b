#include "master.h"

#include "mint.h"
#include "rng.h"
#include "signing_key.h"
#include "user_quota.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_NS        (60 * WR_S)
#define PROBATION_PCT    85
#define DEGRADED_PCT     95
#define BITRATE_KBPS_MIN 10000 /* a register with less is a bad request */
#define SIGNATURE_INSIDE 40    /* characters before the end of a token: inside the signature */

struct relay_record {
    bool known;
    bool beaten; /* a heartbeat came since it registered */
    uint32_t load_pct;
    wr_instant seen_ns;
};

struct sim_master {
    const struct sim_scenario *scenario;
    const struct sim_master_spec *spec;
    struct sim_signing_key *keys; /* of scenario->keys, in that order */
    struct relay_record *relays;  /* of scenario->relays */
    struct sim_user_quota *quota; /* NULL: no limit */
    struct sim_rng relay_dice;
    struct sim_rng lease_dice;
    uint32_t signs_with;
    uint32_t publishes;
    uint64_t answer_delay_ns;
    enum sim_master_mode mode;
    uint32_t wrong_key;
};

const char *sim_relay_standing_name(enum sim_relay_standing standing)
{
    static const char *const names[] = {"unknown",   "new",      "active",
                                        "probation", "degraded", "quarantined"};
    return names[standing];
}

const char *sim_lease_result_name(enum sim_lease_result result)
{
    static const char *const names[] = {"granted", "limited", "no_relay", "failed", "not_answered"};
    return names[result];
}

/* ---- Set-up ---------------------------------------------------------------------------------- */

struct sim_master *sim_master_create(const struct sim_scenario *scenario, uint32_t index,
                                     uint64_t seed)
{
    struct sim_master *master = calloc(1, sizeof *master);
    if (master == NULL)
        return NULL;
    master->scenario = scenario;
    master->spec = &scenario->masters[index];
    master->keys = calloc(scenario->key_count + 1u, sizeof *master->keys);
    master->relays = calloc(scenario->relay_count + 1u, sizeof *master->relays);
    master->quota = sim_user_quota_create(master->spec->leases_per_minute, MINUTE_NS);
    if (master->keys == NULL || master->relays == NULL || master->quota == NULL) {
        sim_master_destroy(master);
        return NULL;
    }
    for (uint32_t i = 0; i < scenario->key_count; i++)
        sim_signing_key_derive(scenario->keys[i].name, &master->keys[i]);
    master->relay_dice = sim_rng_named(seed, master->spec->name, "answers to relays");
    master->lease_dice = sim_rng_named(seed, master->spec->name, "answers to users");
    master->signs_with = master->spec->signs_with;
    master->publishes = master->spec->publishes;
    master->answer_delay_ns = master->spec->answer_delay_ns;
    return master;
}

void sim_master_destroy(struct sim_master *master)
{
    if (master == NULL)
        return;
    free(master->keys);
    free(master->relays);
    sim_user_quota_destroy(master->quota);
    free(master);
}

/* ---- Relays ---------------------------------------------------------------------------------- */

enum sim_relay_standing sim_master_standing(const struct sim_master *master, wr_instant now,
                                            uint32_t relay)
{
    const struct relay_record *record = &master->relays[relay];
    uint64_t unseen_ns = wr_elapsed(record->seen_ns, now);
    if (!record->known || unseen_ns >= SIM_MASTER_FORGET_NS)
        return SIM_STANDING_UNKNOWN;
    if (unseen_ns >= SIM_MASTER_QUARANTINE_NS)
        return SIM_STANDING_QUARANTINED;
    if (!record->beaten)
        return SIM_STANDING_NEW;
    if (record->load_pct >= DEGRADED_PCT)
        return SIM_STANDING_DEGRADED;
    return record->load_pct >= PROBATION_PCT ? SIM_STANDING_PROBATION : SIM_STANDING_ACTIVE;
}

bool sim_master_assigns(enum sim_relay_standing standing)
{
    return standing != SIM_STANDING_UNKNOWN && standing != SIM_STANDING_QUARANTINED;
}

static void put_key(const struct sim_master *master, struct wr_master_answer *answer)
{
    uint32_t key = master->mode == SIM_MASTER_WRONG_KEY ? master->wrong_key : master->publishes;
    const char *kid = master->scenario->keys[key].kid;
    answer->has_key = true;
    memcpy(answer->public_key, master->keys[key].public_key, WR_PUBLIC_KEY_BYTES);
    memcpy(answer->kid, kid, strnlen(kid, WR_KID_BYTES_MAX));
}

static void answer_register(struct sim_master *master, wr_instant now, uint32_t relay,
                            struct wr_master_answer *answer)
{
    if (master->scenario->relays[relay].max_bitrate_kbps < BITRATE_KBPS_MIN) {
        answer->status = WR_MASTER_BAD_REQUEST;
        return;
    }
    master->relays[relay] = (struct relay_record){.known = true, .seen_ns = now};
    answer->heartbeat_interval_ms = master->spec->heartbeat_interval_ns / WR_MS;
    put_key(master, answer);
}

static void answer_heartbeat(struct sim_master *master, wr_instant now, uint32_t relay,
                             uint32_t load_pct, struct wr_master_answer *answer)
{
    struct relay_record *record = &master->relays[relay];
    if (sim_master_standing(master, now, relay) == SIM_STANDING_UNKNOWN) {
        answer->status = WR_MASTER_NOT_FOUND;
        return;
    }
    record->beaten = true;
    record->load_pct = load_pct;
    record->seen_ns = now;
}

static void answer_in_health(struct sim_master *master, wr_instant now, uint32_t relay,
                             const struct wr_master_request *request,
                             struct wr_master_answer *answer)
{
    switch (request->kind) {
    case WR_MASTER_REGISTER:
        answer_register(master, now, relay, answer);
        break;
    case WR_MASTER_HEARTBEAT:
        answer_heartbeat(master, now, relay, request->load_pct, answer);
        break;
    case WR_MASTER_KEY:
        put_key(master, answer);
        break;
    }
}

static uint64_t answer_delay(const struct sim_master *master, struct sim_rng *dice)
{
    return master->answer_delay_ns + sim_rng_below(dice, master->spec->answer_jitter_ns + 1);
}

struct sim_master_reply sim_master_request(struct sim_master *master, wr_instant now,
                                           uint32_t relay, const struct wr_master_request *request)
{
    struct sim_master_reply reply = {.answered = true,
                                     .delay_ns = answer_delay(master, &master->relay_dice)};
    switch (master->mode) {
    case SIM_MASTER_OK:
    case SIM_MASTER_WRONG_KEY:
        answer_in_health(master, now, relay, request, &reply.answer);
        break;
    case SIM_MASTER_REFUSE:
        reply.delay_ns = 0;
        reply.answer.status = WR_MASTER_UNREACHABLE;
        break;
    case SIM_MASTER_HANG:
        reply.answered = false;
        break;
    case SIM_MASTER_ERROR:
        reply.answer.status = WR_MASTER_OTHER;
        break;
    case SIM_MASTER_UNAUTHORIZED:
        reply.answer.status = WR_MASTER_UNAUTHORIZED;
        break;
    case SIM_MASTER_GARBAGE:
        reply.answer.status = WR_MASTER_GARBAGE;
        break;
    }
    return reply;
}

/* ---- Leases ---------------------------------------------------------------------------------- */

/* A time of the master's clock, moved; not before 1970. */
static uint64_t moved(uint64_t unix_ms, int64_t by_ms)
{
    if (by_ms < 0)
        return unix_ms > (uint64_t)-by_ms ? unix_ms - (uint64_t)-by_ms : 0;
    return unix_ms + (uint64_t)by_ms;
}

/* What the scenario wants of this lease: an honest one where its wishes are for the first only. */
static struct sim_lease_spec wishes(const struct sim_lease_request *request)
{
    struct sim_lease_spec spec = *request->spec;
    if (spec.scope == SIM_LEASE_ALL || request->first)
        return spec;
    return (struct sim_lease_spec){.ttl_ns = spec.ttl_ns,
                                   .has_issued = true,
                                   .has_not_before = true,
                                   .soft_kbps = spec.soft_kbps,
                                   .hard_kbps = spec.hard_kbps,
                                   .key = SIM_NONE};
}

/* Another character with one bit of its six the other way round; the token stays well-formed. */
static uint8_t spoiled(uint8_t character)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = strchr(alphabet, character);
    return (uint8_t)alphabet[(at - alphabet) ^ 1];
}

static void sign(const struct sim_master *master, const struct sim_lease_request *request,
                 const struct sim_lease_spec *spec, struct sim_lease_reply *reply)
{
    uint32_t key = spec->key == SIM_NONE ? master->signs_with : spec->key;
    const char *kid = spec->kid != NULL ? spec->kid : master->scenario->keys[key].kid;
    const char *relay_id = spec->relay_id != NULL
                               ? spec->relay_id
                               : master->scenario->relays[request->relay].config.relay_id;
    struct wr_session_id session =
        spec->session_name != NULL ? sim_session_id(spec->session_name) : *request->session;
    struct wr_mint_texts texts;
    char issued[WR_RFC3339_TEXT_BYTES];
    char not_before[WR_RFC3339_TEXT_BYTES];
    char token[WR_TOKEN_TEXT_BYTES_MAX];

    struct wr_mint mint =
        wr_mint_lease(&texts, spec->identity != NULL ? spec->identity : request->identity, &session,
                      spec->role_given ? spec->role : request->role, relay_id,
                      *kid == '\0' ? NULL : kid, reply->issued_unix_ms, spec->ttl_ns / WR_MS);
    mint.iat_rfc3339 = spec->has_issued ? wr_rfc3339_format(reply->issued_unix_ms, issued) : NULL;
    mint.nbf_rfc3339 =
        spec->has_not_before
            ? wr_rfc3339_format(moved(request->wall_unix_ms, spec->not_before_offset_ms),
                                not_before)
            : NULL;
    mint.has_soft_limit = mint.has_hard_limit = true;
    mint.soft_limit_kbps = spec->soft_kbps;
    mint.hard_limit_kbps = spec->hard_kbps;
    reply->token_bytes = wr_mint_token(&mint, master->keys[key].secret_key, token, sizeof token);
    memcpy(reply->token, token, reply->token_bytes);
    if (spec->signature_spoiled && reply->token_bytes > SIGNATURE_INSIDE) {
        uint8_t *inside = &reply->token[reply->token_bytes - SIGNATURE_INSIDE];
        *inside = spoiled(*inside);
    }
}

void sim_master_lease(struct sim_master *master, wr_instant now,
                      const struct sim_lease_request *request, struct sim_lease_reply *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->delay_ns = answer_delay(master, &master->lease_dice);
    switch (master->mode) {
    case SIM_MASTER_OK:
    case SIM_MASTER_WRONG_KEY:
        break;
    case SIM_MASTER_REFUSE:
        reply->delay_ns = 0;
        reply->result = SIM_LEASE_FAILED;
        return;
    case SIM_MASTER_HANG:
        reply->result = SIM_LEASE_NOT_ANSWERED;
        return;
    case SIM_MASTER_ERROR:
    case SIM_MASTER_UNAUTHORIZED:
    case SIM_MASTER_GARBAGE:
        reply->result = SIM_LEASE_FAILED;
        return;
    }
    if (request->relay_must_be_known &&
        !sim_master_assigns(sim_master_standing(master, now, request->relay))) {
        reply->result = SIM_LEASE_NO_RELAY;
        return;
    }
    if (!sim_user_quota_take(master->quota, request->identity, now)) {
        reply->result = SIM_LEASE_LIMITED;
        return;
    }
    struct sim_lease_spec spec = wishes(request);
    reply->result = SIM_LEASE_GRANTED;
    reply->issued_unix_ms = moved(request->wall_unix_ms, spec.issued_offset_ms);
    reply->expires_unix_ms = reply->issued_unix_ms + spec.ttl_ns / WR_MS;
    if (reply->expires_unix_ms > request->wall_unix_ms)
        reply->lifetime_ns = (reply->expires_unix_ms - request->wall_unix_ms) * WR_MS;
    sign(master, request, &spec, reply);
}

/* ---- What a scenario does to it -------------------------------------------------------------- */

void sim_master_fail(struct sim_master *master, enum sim_master_mode mode, uint32_t wrong_key)
{
    master->mode = mode;
    master->wrong_key = wrong_key;
}

void sim_master_recover(struct sim_master *master)
{
    master->mode = SIM_MASTER_OK;
    master->answer_delay_ns = master->spec->answer_delay_ns;
}

bool sim_master_fails(const struct sim_master *master)
{
    return master->mode != SIM_MASTER_OK;
}

void sim_master_sign_with(struct sim_master *master, uint32_t key)
{
    master->signs_with = key;
}

void sim_master_publish(struct sim_master *master, uint32_t key)
{
    master->publishes = key;
}

void sim_master_set_delay(struct sim_master *master, uint64_t answer_delay_ns)
{
    master->answer_delay_ns = answer_delay_ns;
}

void sim_master_forget(struct sim_master *master, uint32_t relay)
{
    master->relays[relay].known = false;
}

void sim_master_restart(struct sim_master *master)
{
    memset(master->relays, 0, master->scenario->relay_count * sizeof *master->relays);
    sim_user_quota_clear(master->quota);
}
