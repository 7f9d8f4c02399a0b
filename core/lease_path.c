#include "relay_state.h"

#include "address.h"
#include "lease.h"
#include "paseto.h"

#include <assert.h>

static void conclude(struct wr_relay *relay, const struct wr_lease_origin *origin,
                     enum wr_verdict verdict)
{
    wr_report_verdict(relay, origin, verdict);
    wr_answer_reject(relay, origin, wr_lease_reject_reason(verdict), false, WR_ROLE_CLIENT);
}

/* The role that counts: the signed one, or under policy strict the presented one (check 6 demands
 * that both agree). */
static enum wr_role role_of(const struct wr_relay *relay, const struct wr_lease_origin *origin,
                            const struct wr_claims *claims)
{
    return relay->config.role_policy == WR_ROLE_POLICY_STRICT || WR_FAULT(presented_role_counts)
               ? origin->presented_role
               : claims->role;
}

static struct wr_session *find_session(struct wr_relay *relay, const struct wr_session_id *id)
{
    return wr_session_table_find(&relay->sessions, id, wr_session_table_hash(&relay->sessions, id));
}

/* ---- With the result: checks 5 to 11 and everything behind them (section 4) ------------------ */

/* A lease of a bound seat that is no older than the bound token. */
static enum wr_verdict take_bound(struct wr_relay *relay, struct wr_session *session,
                                  enum wr_role role, const struct wr_grant *grant, int order)
{
    struct wr_seat *seat = &session->seats[role];
    const struct wr_lease_origin *origin = grant->origin;
    const struct wr_route from = {origin->from, origin->via};
    if (order > 0) {
        wr_bind_newer(relay, session, role, grant);
        return WR_VERDICT_NEWER_TOKEN;
    }
    if (wr_address_equal(&seat->bound.address, &origin->from)) {
        wr_bind_heard(relay, session, seat);
        return WR_VERDICT_REPEATED;
    }
    wr_moving_presented(relay, session, role, &from, origin->size, origin->cookie_valid,
                        grant->token_hash);
    return WR_VERDICT_CANDIDATE;
}

/* The order of section 4: identity lock, same address, order of tokens, admission. Draws on
 * nothing: copies of a token of which nothing comes are no load on its owner. */
static enum wr_verdict admit(const struct wr_relay *relay, const struct wr_session *session,
                             enum wr_role role, const struct wr_grant *grant, int *order)
{
    if (session == NULL)
        return wr_admit_session(relay);
    const struct wr_seat *seat = &session->seats[role];
    const struct wr_seat *other = &session->seats[wr_role_other(role)];
    if (seat->is_locked && memcmp(seat->identity, grant->identity, sizeof seat->identity) != 0 &&
        !WR_FAULT(no_identity_lock))
        return WR_VERDICT_IDENTITY_LOCKED;
    if (other->is_bound && wr_address_equal(&other->bound.address, &grant->origin->from) &&
        !WR_FAULT(same_address_allowed))
        return WR_VERDICT_SAME_ADDRESS;
    if (seat->is_locked) {
        const struct wr_token_order presented = {
            .issued_unix_ms = grant->claims->has_issued ? grant->claims->issued_unix_ms : 0,
            .expires_unix_ms = grant->claims->expires_unix_ms,
        };
        *order = wr_token_order_compare(&presented, &seat->order);
        if (WR_FAULT(older_token_accepted) && *order < 0)
            *order = 1;
        if (*order < 0 || (*order == 0 && !seat->is_bound && seat->is_released &&
                           !WR_FAULT(released_token_comes_back)))
            return WR_VERDICT_OLDER_TOKEN;
    }
    return WR_VERDICT_ACCEPTED;
}

/* A lease that takes a free role draws on its identity, and where it opens the session on the
 * places for those. */
static enum wr_verdict take_free(struct wr_relay *relay, const struct wr_session *session,
                                 const uint8_t *identity)
{
    struct wr_bucket *set = wr_bucket_table_set(&relay->identities, wr_hash_value(identity));
    struct wr_bucket *bucket = wr_bucket_table_find(&relay->identities, set, identity);
    if (!wr_rate_allows(&relay->limits.identity, bucket->tat, relay->now))
        return WR_VERDICT_IDENTITY_LIMITED;
    enum wr_verdict verdict = session == NULL ? wr_admit_session_place(relay) : WR_VERDICT_ACCEPTED;
    if (verdict == WR_VERDICT_ACCEPTED)
        wr_rate_draw(&relay->limits.identity, &bucket->tat, relay->now);
    return verdict;
}

/* The signature is good (or not asked for): the rest of the checks, and what follows. `session` is
 * the one that the lease names, NULL where it does not exist. */
static void judge(struct wr_relay *relay, const struct wr_lease_origin *origin,
                  struct wr_session *session, const struct wr_claims *claims,
                  const uint8_t *token_hash, const uint8_t *key)
{
    uint8_t identity[WR_IDENTITY_HASH_BYTES];
    enum wr_role role = role_of(relay, origin, claims);
    const struct wr_seat *seat = session != NULL ? &session->seats[role] : NULL;
    const struct wr_lease_terms terms = {
        .session = origin->session,
        .presented_role = origin->presented_role,
        .strict_role = relay->config.role_policy == WR_ROLE_POLICY_STRICT,
        .relay_id = relay->relay_id,
        .relay_id_bytes = relay->relay_id_bytes,
        .now_unix_ms = wr_relay_wall(relay),
        .skew_ms = relay->skew_ms,
        .time_judged = seat != NULL && seat->is_bound &&
                       memcmp(seat->token_mark, token_hash, sizeof seat->token_mark) == 0,
    };
    wr_hash_identity(relay->identity_key, claims->sub, claims->sub_bytes, identity);
    enum wr_verdict verdict = wr_lease_check(claims, &terms);
    if (verdict == WR_VERDICT_ACCEPTED && wr_ban_list_holds(&relay->bans, identity) &&
        !WR_FAULT(ban_ignored))
        verdict = WR_VERDICT_BANNED;
    const struct wr_grant grant = {
        .claims = claims,
        .origin = origin,
        .token_hash = token_hash,
        .key = key,
        .identity = identity,
    };
    int order = 0;
    if (verdict == WR_VERDICT_ACCEPTED)
        verdict = admit(relay, session, role, &grant, &order);
    if (verdict == WR_VERDICT_ACCEPTED && (seat == NULL || !seat->is_bound))
        verdict = take_free(relay, session, identity);
    if (verdict != WR_VERDICT_ACCEPTED) {
        conclude(relay, origin, verdict);
        return;
    }
    if (session == NULL)
        session = wr_bind_open(relay, &origin->session);
    if (session->seats[role].is_bound)
        verdict = take_bound(relay, session, role, &grant, order);
    else
        wr_bind_seat(relay, session, role, &grant);
    wr_report_verdict(relay, origin, verdict);
    if (verdict == WR_VERDICT_NEWER_TOKEN && !origin->renew)
        wr_holding_restart(relay, session); /* the peer has restarted: its handshake too */
    const struct wr_route from = {origin->from, origin->via};
    wr_answer_ack(relay, session, role, &from, origin->tag, origin->size,
                  origin->size >= WR_COOKIE_REQUEST_BYTES);
}

/* ---- Asking for a verdict -------------------------------------------------------------------- */

/* Dropped from, or before, the queue: reject 6 with a cookie, so that a peer that does receive
 * there can come back through the first queue. */
static void drop_from_queue(struct wr_relay *relay, const struct wr_lease_origin *origin,
                            enum wr_role role)
{
    wr_report_verdict(relay, origin, WR_VERDICT_QUEUE_DROPPED);
    wr_answer_reject(relay, origin, WR_REJECT_RATE_LIMITED, true, role);
}

static uint32_t select_keys(const struct wr_relay *relay, const struct wr_claims *claims,
                            uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES])
{
    uint32_t kid_bytes = claims->has_kid ? claims->kid_bytes : 0;
    return wr_keyring_select(&relay->ring, claims->kid, kid_bytes, keys);
}

/* A token that has a kid may wait for the master to name it. */
static bool may_wait_for_key(const struct wr_relay *relay, const struct wr_claims *claims)
{
    return relay->config.keys_refreshable && claims->has_kid && claims->kid_bytes > 0 &&
           claims->kid_bytes <= WR_KID_BYTES_MAX &&
           wr_verify_queue_fits(&relay->queue, WR_VERIFY_KEY_WAIT);
}

/* On arrival of a lease with an unknown kid, at most every 10 s. */
static void want_refresh(struct wr_relay *relay, const struct wr_claims *claims)
{
    char kid[WR_KID_BYTES_MAX + 1] = {0};
    if (relay->now < relay->key_refresh_allowed_ns && !WR_FAULT(wait_for_key_floods_master))
        return;
    memcpy(kid, claims->kid, claims->kid_bytes);
    relay->key_refresh_allowed_ns = wr_after(relay->now, WR_KEY_REFRESH_INTERVAL_NS);
    wr_report_key(relay, WR_EVENT_KEY_REFRESH_WANTED, kid);
}

/* Checks 1 to 3, then the queue. */
static void ask(struct wr_relay *relay, const struct wr_datagram *datagram,
                const struct wr_packet *packet, struct wr_lease_origin *origin,
                struct wr_session *session, const uint8_t *token_hash, bool bound)
{
    static const uint8_t no_key[WR_PUBLIC_KEY_BYTES];
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    const uint8_t *cached_key;
    struct wr_token token;
    struct wr_claims decoded;
    const struct wr_claims *claims = wr_token_cache_good(&relay->cache, token_hash, &cached_key);
    bool cached = claims != NULL;
    if (!cached) {
        if (!wr_token_decode(packet->token, packet->token_bytes, &token)) {
            conclude(relay, origin, WR_VERDICT_MALFORMED_TOKEN);
            return;
        }
        if (!wr_claims_decode(token.payload, token.payload_bytes, &decoded)) {
            conclude(relay, origin, WR_VERDICT_MALFORMED_CLAIMS);
            return;
        }
        claims = &decoded;
    }
    enum wr_role role = role_of(relay, origin, claims);
    if (packet->has_cookie)
        origin->cookie_valid = wr_cookie_valid(&relay->cookies, &origin->session, role,
                                               &datagram->from, relay->now, packet->cookie);
    if (cached) {
        relay->counters.verification_cache_hits++;
        judge(relay, origin, session, claims, token_hash, cached_key);
        return;
    }
    if (relay->config.allow_insecure_dev) {
        judge(relay, origin, session, claims, token_hash, no_key);
        return;
    }
    bool known = select_keys(relay, claims, keys) > 0;
    if (!known && !may_wait_for_key(relay, claims)) {
        conclude(relay, origin, WR_VERDICT_UNKNOWN_KEY);
        return;
    }
    if (known && wr_token_cache_bad(&relay->cache, token_hash)) {
        relay->counters.verification_cache_hits++;
        conclude(relay, origin, WR_VERDICT_BAD_SIGNATURE);
        return;
    }
    bool first =
        (origin->cookie_valid && !WR_FAULT(queue_ignores_cookie)) || (session != NULL && bound);
    enum wr_verify_place place = first ? WR_VERIFY_FIRST : WR_VERIFY_SECOND;
    if (!known)
        place = WR_VERIFY_KEY_WAIT;
    if (!wr_verify_queue_fits(&relay->queue, place)) {
        drop_from_queue(relay, origin, role);
        return;
    }
    struct wr_verify_request *request =
        wr_verify_queue_join(&relay->queue, place, origin, relay->now);
    request->first = first;
    memcpy(request->token_hash, token_hash, sizeof request->token_hash);
    memcpy(request->signature, token.signature, sizeof request->signature);
    request->message_size =
        wr_token_signing_input(&token, request->message, sizeof request->message);
    request->claims = *claims;
    if (!known)
        want_refresh(relay, claims);
}

/* A lease with a valid cookie from the bound address is a sign of life, whatever becomes of it. */
static void note_cookie(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                        const struct wr_packet *packet, const struct wr_lease_origin *origin)
{
    struct wr_seat *seat = &session->seats[role];
    if (packet->has_cookie && wr_cookie_valid(&relay->cookies, &session->id, role, &origin->from,
                                              relay->now, packet->cookie)) {
        seat->sign_ns = relay->now;
        wr_bind_proven(seat);
    }
}

/* The bound token again, from its bound address: the same ACK, no check runs, nothing changes. */
static void repeat(struct wr_relay *relay, struct wr_session *session, enum wr_role role,
                   const struct wr_packet *packet, const struct wr_lease_origin *origin)
{
    struct wr_seat *seat = &session->seats[role];
    const struct wr_route from = {origin->from, origin->via};
    if (!wr_rate_take(&relay->limits.peer, &seat->peer_tat, relay->now)) {
        wr_report_outcome(relay, origin->tag, WR_OUTCOME_PEER_LIMITED, &origin->session);
        return;
    }
    note_cookie(relay, session, role, packet, origin);
    wr_bind_heard(relay, session, seat);
    wr_report_outcome(relay, origin->tag, WR_OUTCOME_LEASE_TAKEN, &origin->session);
    wr_report_verdict(relay, origin, WR_VERDICT_REPEATED);
    wr_answer_ack(relay, session, role, &from, origin->tag, origin->size,
                  origin->size >= WR_COOKIE_REQUEST_BYTES);
}

void wr_lease_path_receive(struct wr_relay *relay, const struct wr_datagram *datagram,
                           const struct wr_packet *packet, struct wr_session *session)
{
    uint8_t token_hash[WR_TOKEN_HASH_BYTES];
    struct wr_lease_origin origin = {
        .from = datagram->from,
        .via = datagram->via,
        .size = datagram->size,
        .tag = datagram->tag,
        .session = packet->session,
        .presented_role = packet->role,
        .renew = packet->type == WR_PACKET_LEASE_RENEW,
    };
    const struct wr_source source = wr_admit_source(relay, &datagram->from);
    int bound = session != NULL ? wr_session_role_of(session, &datagram->from) : -1;
    if (origin.renew)
        relay->counters.lease_renew_packets++;
    else
        relay->counters.lease_present_packets++;
    if (session != NULL) {
        wr_session_table_prefetch_seats(session);
        wr_moving_received(relay, session, &datagram->from, datagram->size);
    }
    if (bound >= 0)
        wr_hash_token(relay->token_key, packet->token, packet->token_bytes, token_hash);
    if (bound >= 0 &&
        memcmp(session->seats[bound].token_mark, token_hash, WR_TOKEN_MARK_BYTES) == 0) {
        repeat(relay, session, (enum wr_role)bound, packet, &origin);
        return;
    }
    if (!wr_admit_source_unbound(relay, &source)) {
        wr_report_outcome(relay, origin.tag, WR_OUTCOME_UNBOUND_LIMITED, &origin.session);
        wr_answer_reject(relay, &origin, WR_REJECT_RATE_LIMITED, false, WR_ROLE_CLIENT);
        return;
    }
    wr_report_outcome(relay, origin.tag, WR_OUTCOME_LEASE_TAKEN, &origin.session);
    enum wr_verdict verdict = session == NULL ? wr_admit_session(relay) : WR_VERDICT_ACCEPTED;
    if (verdict != WR_VERDICT_ACCEPTED) {
        conclude(relay, &origin, verdict);
        return;
    }
    if (bound >= 0)
        note_cookie(relay, session, (enum wr_role)bound, packet, &origin);
    if (bound < 0) /* a flood is turned away before anything is computed */
        wr_hash_token(relay->token_key, packet->token, packet->token_bytes, token_hash);
    ask(relay, datagram, packet, &origin, session, token_hash, bound >= 0);
    wr_lease_path_pump(relay);
}

/* ---- The queue ------------------------------------------------------------------------------- */

/* The keys are chosen when it goes out: the ring may have changed while it waited. False where its
 * key has left. */
static bool send_out(struct wr_relay *relay, struct wr_verify_request *request)
{
    struct wr_verification verification = {
        .id = wr_verify_queue_id(&relay->queue, request),
        .message = request->message,
        .message_size = request->message_size,
        .signature = request->signature,
    };
    verification.key_count = select_keys(relay, &request->claims, verification.keys);
    if (verification.key_count == 0)
        return false;
    request->key_count = verification.key_count;
    request->ring_generation = relay->ring.generation;
    memcpy(request->keys, verification.keys, sizeof request->keys);
    relay->counters.verifications_requested++;
    relay->counters.verification_wait_ns += wr_elapsed(request->arrived_ns, relay->now);
    relay->environment.verify(relay->environment.context, &verification);
    return true;
}

static void end_request(struct wr_relay *relay, struct wr_verify_request *request)
{
    wr_verify_queue_leave(&relay->queue, request);
    wr_holding_release(relay, request);
}

void wr_lease_path_pump(struct wr_relay *relay)
{
    struct wr_verify_request *request;
    while ((request = wr_verify_queue_next_out(&relay->queue, relay->now)) != NULL) {
        if (send_out(relay, request))
            continue;
        conclude(relay, &request->origin, WR_VERDICT_UNKNOWN_KEY);
        end_request(relay, request);
    }
}

/* Is one of these keys still in the ring, for this token? The same bytes may be there under another
 * kid. */
static bool may_sign_now(const struct wr_relay *relay, const struct wr_verify_request *request,
                         const uint8_t (*tried)[WR_PUBLIC_KEY_BYTES], uint32_t tried_count)
{
    uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
    uint32_t count = select_keys(relay, &request->claims, keys);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < tried_count; j++) {
            if (memcmp(keys[i], tried[j], WR_PUBLIC_KEY_BYTES) == 0)
                return true;
        }
    }
    return false;
}

void wr_lease_path_verified(struct wr_relay *relay, struct wr_verify_request *request,
                            int key_index)
{
    if (WR_FAULT(skip_signature) && key_index < 0)
        key_index = 0;
    bool good = key_index >= 0; /* else every key was tried */
    const uint8_t(*tried)[WR_PUBLIC_KEY_BYTES] = &request->keys[good ? key_index : 0];
    if (!may_sign_now(relay, request, tried, good ? 1 : request->key_count)) {
        conclude(relay, &request->origin, WR_VERDICT_UNKNOWN_KEY);
    } else if (!good) {
        /* What the ring of today says of it is not known where it went out with another. */
        if (request->ring_generation == relay->ring.generation)
            wr_token_cache_add_bad(&relay->cache, request->token_hash);
        conclude(relay, &request->origin, WR_VERDICT_BAD_SIGNATURE);
    } else {
        wr_token_cache_add_good(&relay->cache, request->token_hash, &request->claims, *tried);
        if (request->released)
            conclude(relay, &request->origin, WR_VERDICT_OLDER_TOKEN);
        else
            judge(relay, &request->origin, find_session(relay, &request->origin.session),
                  &request->claims, request->token_hash, *tried);
    }
    end_request(relay, request);
}

void wr_lease_path_released(struct wr_relay *relay, const struct wr_session_id *session,
                            enum wr_role role, const struct wr_address *from)
{
    struct wr_verify_request *request = NULL;
    while ((request = wr_verify_queue_pending(&relay->queue, from, session, request)) != NULL)
        request->released =
            request->released || role_of(relay, &request->origin, &request->claims) == role;
}

void wr_lease_path_timed_out(struct wr_relay *relay, struct wr_verify_request *request)
{
    if (request->place == WR_VERIFY_KEY_WAIT)
        conclude(relay, &request->origin, WR_VERDICT_UNKNOWN_KEY);
    else
        drop_from_queue(relay, &request->origin,
                        role_of(relay, &request->origin, &request->claims));
    end_request(relay, request);
}

void wr_lease_path_keys_changed(struct wr_relay *relay)
{
    struct wr_verify_queue *queue = &relay->queue;
    wr_token_cache_clear(&relay->cache);
    relay->counters.key_ring_changes++;
    uint32_t at = queue->lists[WR_VERIFY_KEY_WAIT].oldest;
    while (at != WR_VERIFY_NONE) {
        struct wr_verify_request *request = &queue->requests[at];
        uint8_t keys[WR_KEYS_MAX][WR_PUBLIC_KEY_BYTES];
        at = request->newer;
        if (select_keys(relay, &request->claims, keys) == 0 ||
            wr_verify_queue_rejoin(queue, request, relay->now))
            continue;
        drop_from_queue(relay, &request->origin,
                        role_of(relay, &request->origin, &request->claims));
        end_request(relay, request);
    }
    wr_lease_path_pump(relay);
}
