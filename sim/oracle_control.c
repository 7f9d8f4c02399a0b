#include "oracle_judge.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_NS (10 * WR_S)

static uint64_t word(const struct sim_digest *digest)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | digest->bytes[i];
    return value;
}

/* ---- Signatures ------------------------------------------------------------------------------ */

static void remember_good(struct sim_oracle *oracle, const struct sim_digest *digest,
                          const uint8_t key[WR_PUBLIC_KEY_BYTES])
{
    uint32_t at = sim_map_find(&oracle->good_map, word(digest));
    if (at == SIM_NO_SLOT) {
        at = oracle->good_count++;
        oracle->good =
            sim_oracle_grow(oracle->good, &oracle->good_capacity, at + 1, sizeof *oracle->good);
        sim_map_put(&oracle->good_map, word(digest), at);
    }
    assert(oracle->good != NULL); /* a place was found or made */
    oracle->good[at].digest = *digest;
    memcpy(oracle->good[at].key, key, WR_PUBLIC_KEY_BYTES);
}

const uint8_t *sim_signing_key_known(struct sim_oracle *oracle, const struct sim_token *token)
{
    uint32_t at = sim_map_find(&oracle->good_map, word(&token->signed_by));
    return at != SIM_NO_SLOT && sim_digest_equal(&oracle->good[at].digest, &token->signed_by)
               ? oracle->good[at].key
               : NULL;
}

const uint8_t *sim_signing_key(struct sim_oracle *oracle, const struct sim_arrival *arrival,
                               const struct sim_token *token)
{
    const uint8_t *known = sim_signing_key_known(oracle, token);
    for (uint32_t i = 0; known == NULL && i < oracle->key_count; i++) {
        if (sim_token_verify(arrival->bytes + arrival->sight.token_at, arrival->sight.token_bytes,
                             oracle->keys[i].bytes)) {
            remember_good(oracle, &token->signed_by, oracle->keys[i].bytes);
            known = sim_signing_key_known(oracle, token);
        }
    }
    return known;
}

/* ---- The two queues (section 2) ----------------------------------------------------------------
 */

/* Whether check 3 may choose this key for this token. */
static bool key_fits(const struct sim_key *key, const struct sim_token *token)
{
    return key->kid[0] == '\0' || (token->has_kid && strcmp(key->kid, token->kid) == 0);
}

static bool ring_knows(const struct sim_oracle *oracle, const struct sim_token *token)
{
    for (uint32_t i = 0; i < oracle->key_count; i++) {
        if (oracle->keys[i].in_ring && key_fits(&oracle->keys[i], token))
            return true;
    }
    return false;
}

void sim_lease_taken(struct sim_oracle *oracle, struct sim_arrival *arrival)
{
    const struct sim_token *token = sim_lease_token(oracle, arrival);
    arrival->in_queue = token->readable && ring_knows(oracle, token);
    arrival->cookie_was_good =
        arrival->sight.has_cookie &&
        sim_cookie_good(oracle, arrival, (int)sim_lease_role(oracle, arrival));
    arrival->first_class = arrival->was_bound || arrival->cookie_was_good;
    arrival->signed_by = token->signed_by;
    struct sim_session *session = sim_session_find(oracle, &arrival->sight.session);
    int role = session != NULL ? sim_session_role_of(session, &arrival->from) : -1;
    if (role >= 0 && sim_cookie_good(oracle, arrival, role)) {
        session->roles[role].sign_ns = oracle->now; /* whatever becomes of the lease */
        session->roles[role].capped = false;
    }
    if (role < 0 || !sim_digest_equal(&session->roles[role].token, &token->token))
        sim_judge_unbound(oracle, arrival, true); /* repeats of a bound token draw on nothing */
}

/* Open leases: those of this entry, then those kept. NULL at the end. */
static struct sim_arrival *open_lease(struct sim_oracle *oracle, uint32_t *at)
{
    for (;; (*at)++) {
        struct sim_arrival *arrival;
        if (*at < oracle->batch_count) {
            arrival = &oracle->batch[*at];
        } else if (*at < oracle->batch_count + oracle->kept_count) {
            uint32_t slot = *at - oracle->batch_count;
            arrival = &oracle->kept[slot]->arrival;
            if (sim_map_find(&oracle->kept_by_tag, arrival->tag) != slot)
                continue;
        } else {
            return NULL;
        }
        if (arrival->has_outcome && arrival->sight.has_token && !arrival->has_verdict) {
            (*at)++;
            return arrival;
        }
    }
}

static bool comes_before(const struct sim_arrival *a, const struct sim_arrival *b)
{
    return a->first_class != b->first_class ? a->first_class : a->number < b->number;
}

/* First come first served within a queue, and the first queue before the second. A request does not
 * say which lease it is for: where several open ones have that very token, and where it waited for
 * its key, its turn is not judged. */
static void judge_turn(struct sim_oracle *oracle, const struct sim_digest *digest)
{
    struct sim_arrival *next = NULL, *asked = NULL, *open;
    uint32_t alike = 0;
    bool known = true;
    for (uint32_t at = 0; (open = open_lease(oracle, &at)) != NULL;) {
        if (open->in_queue && !open->asked && (next == NULL || comes_before(open, next)))
            next = open;
        if (sim_digest_equal(&open->signed_by, digest)) {
            alike++;
            known = !open->asked; /* else an earlier request may have been this one's */
            asked = open;
        }
    }
    for (uint32_t at = 0; (open = open_lease(oracle, &at)) != NULL;)
        open->asked = open->asked || sim_digest_equal(&open->signed_by, digest);
    if (alike != 1 || !known || !asked->in_queue)
        return;
    sim_oracle_judges(oracle, SIM_ORACLE_MODEL);
    if (asked != next)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, asked->tag,
                           "section 2: the lease of %s is verified before that of %s (datagram "
                           "%" PRIu64 "), which %s",
                           sim_text_address(&asked->from).text, sim_text_address(&next->from).text,
                           next->tag,
                           next->first_class && !asked->first_class
                               ? "carries a valid cookie or comes from a bound address"
                               : "came earlier");
}

void sim_judge_verification(struct sim_oracle *oracle, const struct wr_verification *request)
{
    struct sim_request *place = NULL;
    uint32_t out = 0, rate = oracle->config.verify_rate;
    for (uint32_t i = 0; i <= WR_VERIFICATIONS_OUT; i++) {
        out += oracle->requests[i].out;
        if (!oracle->requests[i].out)
            place = &oracle->requests[i];
    }
    sim_oracle_judges(oracle, SIM_ORACLE_MEMORY);
    sim_oracle_judges(oracle, SIM_ORACLE_LIMIT);
    if (out >= WR_VERIFICATIONS_OUT || place == NULL)
        sim_oracle_violate(oracle, SIM_ORACLE_MEMORY, 0,
                           "section 2: more than %d verifications are out at a time",
                           WR_VERIFICATIONS_OUT);
    if (rate > 0) {
        if (!sim_packets_allowed(oracle->verify_tat, rate, rate >= 4 ? rate / 4 : 1, oracle->now))
            sim_oracle_violate(
                oracle, SIM_ORACLE_LIMIT, 0,
                "section 2: verifications are asked for at more than %" PRIu32 " a second", rate);
        sim_packets_draw(&oracle->verify_tat, rate, oracle->since_ns);
    }
    if (place == NULL)
        return;
    place->out = true;
    place->id = request->id;
    place->key_count = request->key_count <= WR_KEYS_MAX ? request->key_count : WR_KEYS_MAX;
    memcpy(place->keys, request->keys, sizeof place->keys);
    place->digest =
        sim_token_signed_digest(request->message, request->message_size, request->signature);
    judge_turn(oracle, &place->digest);
}

void sim_oracle_verified(struct sim_oracle *oracle, uint32_t id, int key_index)
{
    oracle->entry = SIM_ENTRY_VERIFIED;
    for (uint32_t i = 0; i <= WR_VERIFICATIONS_OUT; i++) {
        struct sim_request *request = &oracle->requests[i];
        if (!request->out || request->id != id)
            continue;
        request->out = false;
        if (key_index >= 0 && (uint32_t)key_index < request->key_count)
            remember_good(oracle, &request->digest, request->keys[key_index]);
        return;
    }
}

/* ---- Keys --------------------------------------------------------------------------------------
 */

static bool same_key(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, WR_PUBLIC_KEY_BYTES) == 0;
}

static bool is_revoked(const struct sim_oracle *oracle, const uint8_t *key)
{
    for (uint32_t i = 0; i < oracle->revoked_count; i++) {
        if (same_key(oracle->revoked[i], key))
            return true;
    }
    return false;
}

const char *sim_key_objection(struct sim_oracle *oracle, const uint8_t *key,
                              const struct sim_token *token)
{
    const char *objection = "its key was never given to the relay";
    if (is_revoked(oracle, key))
        return "its key is revoked";
    for (uint32_t i = 0; i < oracle->key_count; i++) {
        const struct sim_key *held = &oracle->keys[i];
        if (!same_key(held->bytes, key))
            continue;
        if (!key_fits(held, token))
            objection = "it names another key than the one that signed it";
        else if (!held->in_ring)
            objection = "its key has left the ring";
        else if (held->superseded_ns != WR_NEVER && held->leaves_ns < oracle->now)
            objection = "its key was replaced more than 3600 s + 2 x skew ago";
        else
            return NULL;
    }
    return objection;
}

bool sim_key_joined_since(const struct sim_oracle *oracle, const uint8_t *key,
                          const struct sim_token *token, wr_instant since_ns)
{
    for (uint32_t i = 0; i < oracle->key_count; i++) {
        const struct sim_key *held = &oracle->keys[i];
        if (held->in_ring && key_fits(held, token) && same_key(held->bytes, key) &&
            held->joined_ns < since_ns)
            return false;
    }
    return true;
}

static void supersede(const struct sim_oracle *oracle, struct sim_key *key)
{
    uint64_t stays_s = 3600 + 2 * (uint64_t)oracle->config.max_clock_skew_secs;
    key->superseded_ns = oracle->now;
    key->leaves_ns = wr_after(oracle->now, stays_s * WR_S);
}

/* A key is current now; where the master named it, the others that are not pinned begin to age, if
 * they do not yet. */
static void supersede_others(struct sim_oracle *oracle, struct sim_key *current,
                             enum wr_key_standing standing)
{
    current->superseded_ns = WR_NEVER;
    for (uint32_t i = 0; i < oracle->key_count && standing == WR_KEY_LEARNED; i++) {
        struct sim_key *key = &oracle->keys[i];
        if (key != current && key->in_ring && !key->pinned && key->superseded_ns == WR_NEVER)
            supersede(oracle, key);
    }
}

void sim_oracle_key_add(struct sim_oracle *oracle, const char *kid,
                        const uint8_t public_key[WR_PUBLIC_KEY_BYTES],
                        enum wr_key_standing standing)
{
    struct sim_key *known = NULL;
    uint32_t in_ring = 0;
    bool others_pinned = false;
    for (uint32_t i = 0; i < oracle->key_count; i++) {
        struct sim_key *key = &oracle->keys[i];
        in_ring += key->in_ring;
        others_pinned = others_pinned || (key->in_ring && key->pinned);
        if (same_key(key->bytes, public_key) && strcmp(key->kid, kid) == 0)
            known = key;
    }
    oracle->key_expected = (known == NULL || !known->in_ring) && !others_pinned &&
                           !is_revoked(oracle, public_key) && in_ring < WR_KEYS_MAX &&
                           strlen(kid) > 0 && strlen(kid) <= WR_KID_BYTES_MAX;
    oracle->key_arrived = false;
    if (known != NULL)
        oracle->key_given = (uint32_t)(known - oracle->keys);
    if (known != NULL && known->in_ring && !is_revoked(oracle, public_key)) {
        known->pinned = known->pinned || standing == WR_KEY_PINNED;
        supersede_others(oracle, known, standing); /* named again: current again */
        return;
    }
    if (known == NULL) {
        oracle->keys = sim_oracle_grow(oracle->keys, &oracle->key_capacity, oracle->key_count + 1,
                                       sizeof *oracle->keys);
        oracle->key_given = oracle->key_count++;
        known = &oracle->keys[oracle->key_given];
        memset(known, 0, sizeof *known);
        strncpy(known->kid, kid, sizeof known->kid - 1);
        memcpy(known->bytes, public_key, WR_PUBLIC_KEY_BYTES);
    }
    known->pinned = standing == WR_KEY_PINNED;
    known->standing = standing;
}

/* A key is in the ring from the moment the core says so: it is the one that was handed in last. */
static void key_joined(struct sim_oracle *oracle, const char *kid)
{
    struct sim_key *given =
        oracle->key_given < oracle->key_count ? &oracle->keys[oracle->key_given] : NULL;
    oracle->key_arrived = true;
    if (given == NULL || given->in_ring || strcmp(given->kid, kid) != 0)
        return;
    given->in_ring = true;
    given->joined_ns = oracle->now;
    supersede_others(oracle, given, given->standing);
}

static void key_left(struct sim_oracle *oracle, const char *kid)
{
    struct sim_key *oldest = NULL; /* of several with that kid, a revoked or superseded one */
    for (uint32_t i = 0; i < oracle->key_count; i++) {
        struct sim_key *key = &oracle->keys[i];
        if (!key->in_ring || strcmp(key->kid, kid) != 0)
            continue;
        if (is_revoked(oracle, key->bytes)) {
            oldest = key;
            break;
        }
        if (oldest == NULL || key->superseded_ns < oldest->superseded_ns)
            oldest = key;
    }
    if (oldest != NULL)
        oldest->in_ring = false;
}

void sim_judge_key_event(struct sim_oracle *oracle, const struct wr_event *event)
{
    if (event->kind == WR_EVENT_KEY_ADDED) {
        key_joined(oracle, event->kid);
    } else if (event->kind == WR_EVENT_KEY_DROPPED) {
        key_left(oracle, event->kid);
    } else {
        sim_oracle_judges(oracle, SIM_ORACLE_REFLECTION);
        if (oracle->refresh_wanted_ns != WR_NEVER &&
            wr_elapsed(oracle->refresh_wanted_ns, event->at_ns) < REFRESH_NS)
            sim_oracle_violate(oracle, SIM_ORACLE_REFLECTION, event->tag,
                               "section 8, Key ring: the master is asked for keys %" PRIu64
                               " ms after the last time; for an unknown kid at most every 10 s",
                               wr_elapsed(oracle->refresh_wanted_ns, event->at_ns) / WR_MS);
        oracle->refresh_wanted_ns = event->at_ns;
    }
}

void sim_oracle_key_revoke(struct sim_oracle *oracle, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    oracle->entry = SIM_ENTRY_REVOKE;
    memcpy(oracle->entry_key, public_key, WR_PUBLIC_KEY_BYTES);
    if (is_revoked(oracle, public_key))
        return;
    oracle->revoked = sim_oracle_grow(oracle->revoked, &oracle->revoked_capacity,
                                      oracle->revoked_count + 1, WR_PUBLIC_KEY_BYTES);
    memcpy(oracle->revoked[oracle->revoked_count++], public_key, WR_PUBLIC_KEY_BYTES);
}

/* Pinned no longer, it ages like one that was followed by another. */
void sim_oracle_key_retire(struct sim_oracle *oracle, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    for (uint32_t i = 0; i < oracle->key_count; i++) {
        struct sim_key *key = &oracle->keys[i];
        if (!key->pinned || !same_key(key->bytes, public_key))
            continue;
        key->pinned = false;
        if (key->in_ring)
            supersede(oracle, key);
    }
}

/* ---- Bans ------------------------------------------------------------------------------------ */

bool sim_is_banned(const struct sim_oracle *oracle, const struct sim_digest *identity)
{
    for (uint32_t i = 0; i < oracle->ban_count; i++) {
        if (sim_digest_equal(&oracle->bans[i], identity))
            return true;
    }
    return false;
}

void sim_oracle_ban(struct sim_oracle *oracle, const char *sub, size_t sub_bytes)
{
    oracle->entry = SIM_ENTRY_BAN;
    oracle->entry_ban = sim_token_identity(sub, sub_bytes);
    if (sim_is_banned(oracle, &oracle->entry_ban) || oracle->ban_count >= oracle->config.max_bans)
        return;
    oracle->bans = sim_oracle_grow(oracle->bans, &oracle->ban_capacity, oracle->ban_count + 1,
                                   sizeof *oracle->bans);
    oracle->bans[oracle->ban_count++] = oracle->entry_ban;
}

void sim_oracle_unban(struct sim_oracle *oracle, const char *sub, size_t sub_bytes)
{
    struct sim_digest identity = sim_token_identity(sub, sub_bytes);
    for (uint32_t i = 0; i < oracle->ban_count; i++) {
        if (sim_digest_equal(&oracle->bans[i], &identity)) {
            oracle->bans[i] = oracle->bans[--oracle->ban_count];
            return;
        }
    }
}

void sim_oracle_drain(struct sim_oracle *oracle)
{
    oracle->draining = true;
}

void sim_oracle_set_limits(struct sim_oracle *oracle, const struct wr_relay_config *config)
{
    const struct wr_relay_config born = oracle->config;
    oracle->entry = SIM_ENTRY_LIMITS;
    oracle->config = *config;
    oracle->config.shared = born.shared;
    oracle->config.relay_id = born.relay_id;
    oracle->config.own_addresses = born.own_addresses;
    oracle->config.own_address_count = born.own_address_count;
    oracle->config.max_bans = born.max_bans;
    oracle->config.allow_insecure_dev = born.allow_insecure_dev;
    oracle->config.keys_refreshable = born.keys_refreshable;
    oracle->limits_ns = oracle->now;
    oracle->limits_sessions = oracle->sessions_used;
    sim_path_set_limits(oracle);
    for (uint32_t i = 0; i < oracle->session_count; i++) {
        if (oracle->sessions[i].used)
            sim_session_deadline_moved(oracle, &oracle->sessions[i]);
    }
}

void sim_oracle_backpressure(struct sim_oracle *oracle, uint64_t datagrams)
{
    oracle->expected.backpressure_dropped_packets += datagrams;
}

/* ---- After a control entry ------------------------------------------------------------------- */

static bool concerns(const struct sim_oracle *oracle, const struct sim_role *role)
{
    if (!role->bound)
        return false;
    return oracle->entry == SIM_ENTRY_BAN ? sim_digest_equal(&role->identity, &oracle->entry_ban)
                                          : same_key(role->key, oracle->entry_key);
}

void sim_judge_control_settled(struct sim_oracle *oracle)
{
    if (oracle->key_expected && !oracle->key_arrived)
        sim_oracle_violate(oracle, SIM_ORACLE_MODEL, 0,
                           "section 8, Key ring: a new key joins the ring; this one did not");
    oracle->key_expected = false;
    if (oracle->entry != SIM_ENTRY_BAN && oracle->entry != SIM_ENTRY_REVOKE)
        return;
    if (oracle->entry == SIM_ENTRY_REVOKE && oracle->config.allow_insecure_dev)
        return;
    for (uint32_t i = 0; i < oracle->session_count; i++) {
        const struct sim_session *session = &oracle->sessions[i];
        if (session->used &&
            (concerns(oracle, &session->roles[0]) || concerns(oracle, &session->roles[1])))
            sim_oracle_violate(oracle, SIM_ORACLE_MODEL, 0,
                               "section 8: a %s ends the sessions it concerns at once; session %s "
                               "lives on",
                               oracle->entry == SIM_ENTRY_BAN ? "ban" : "revocation",
                               sim_text_session(&session->id).text);
    }
}
