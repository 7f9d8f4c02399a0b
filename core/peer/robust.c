#include "address.h"
#include "peer_private.h"

#include <string.h>

/*
 * Timers.
 * present      the token at hand is owed to the relay: PRESENT or token RENEW, 250 ms doubling to
 *              8 s, three quarters to five quarters of that each.
 * word         400 ms after the last FORWARD or cookie: another one.
 * probe        a FORWARD went out and nothing was heard since: a bare RENEW, which the relay
 *              answers even where the other peer does not.
 * refresh      a bare RENEW every 10 s, whatever flows: a cookie lives 120 to 240 s, and the ACK
 *              tells in time that the relay drains.
 * silence      a RENEW was not answered for 1 s: the relay has restarted, or this peer's address
 *              has changed on the way. The token goes again.
 * receipt      payload came and nothing was said since: an empty FORWARD tells the sender.
 * fruitless    payload went out and no receipt came for 2 s, although the relay answers: a new
 *              lease, in a PRESENT, which empties the window at the relay.
 * renewal      half of the lease's life is over. want: the environment is asked.
 */
#define PRESENT_BACKOFF_NS     (250 * WR_MS)
#define PRESENT_BACKOFF_MAX_NS (8 * WR_S)
#define COOKIE_RETURN_NS       (100 * WR_MS) /* after a reject 6 that brought a cookie */
#define FULL_WAIT_NS           (1 * WR_S)    /* after a reject 4 */
#define ATTEMPTS_UNREACHABLE   6             /* then another lease, perhaps another relay */
#define SILENCE_NS             (1 * WR_S)
#define SILENCES_FRUITLESS     3          /* ACKs to the token, none to its cookies */
#define PROBE_WITHOUT_LIFE_NS  (2 * WR_S) /* of a peer that gives no signs of life */
#define UNCONFIRMED_RENEW_NS   (1 * WR_S) /* half-way to fruitless a cookie goes out */
#define COOKIE_REFRESH_NS      (10 * WR_S)
#define SHORTENED_RETRY_NS     (1 * WR_S)
#define FRUITLESS_MAX_NS       (30 * WR_S)
#define WANT_PATIENCE_NS       (10 * WR_S) /* an unanswered wish is repeated */
#define WANT_BACKOFF_NS        (1 * WR_S)
#define WANT_BACKOFF_MAX_NS    (15 * WR_S)
#define SLEPT_NS               (500 * WR_MS) /* a deadline this late: the host was asleep */

static wr_instant earlier(wr_instant a, wr_instant b)
{
    return a < b ? a : b;
}

static wr_instant later(wr_instant a, wr_instant b)
{
    return a > b ? a : b;
}

static uint64_t doubled(uint64_t span_ns, uint64_t most_ns)
{
    return span_ns * 2 < most_ns ? span_ns * 2 : most_ns;
}

/* A peer that never renews does not come back from the end of its lease either. */
static bool lease_is_over(const struct wr_peer *peer, wr_instant now)
{
    return peer->config.renew_at_permille == 1000 && peer->token_bytes > 0 &&
           peer->lease_ends_ns <= now;
}

/* ---- Wanting a lease ------------------------------------------------------------------------- */

static void want(struct wr_peer *peer, wr_instant now, enum wr_peer_want reason, uint64_t delay_ns)
{
    struct wr_robust *robust = &peer->as.robust;
    if (!robust->wants_more || robust->lease_asked || lease_is_over(peer, now))
        return;
    if (wr_after(now, delay_ns) >= robust->want_due_ns)
        return;
    robust->want = reason;
    robust->want_due_ns = wr_after(now, delay_ns);
}

/* At once, but not again and again: there may be no other one. */
static void want_other_relay(struct wr_peer *peer, wr_instant now)
{
    want(peer, now, WR_PEER_WANT_OTHER_RELAY,
         wr_elapsed(now, peer->as.robust.other_relay_after_ns));
}

static void ask(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    robust->lease_asked = true;
    if (robust->want == WR_PEER_WANT_OTHER_RELAY)
        robust->other_relay_after_ns = wr_after(now, WANT_PATIENCE_NS);
    robust->want_due_ns = wr_after(now, WANT_PATIENCE_NS);
    wr_peer_want_lease(peer, robust->want,
                       robust->want == WR_PEER_WANT_OTHER_RELAY ? &peer->lease_relay : NULL);
}

static void owe_token(struct wr_robust *robust, wr_instant now, bool in_renew)
{
    robust->token_owed = true;
    robust->token_in_renew = in_renew;
    robust->relay_answers = false;
    robust->attempts = 0;
    robust->backoff_ns = PRESENT_BACKOFF_NS;
    robust->next_present_ns = now;
}

/* The first word after a silence is a FORWARD or a cookie (section 11): a token comes behind it. */
static void speak_first(struct wr_peer *peer, wr_instant now)
{
    if (wr_peer_cookie(peer) != NULL)
        wr_robust_say_renew(peer, now);
    else
        wr_robust_say_empty(peer, now);
}

static void say_token(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    wr_robust_say_token(peer, now);
    robust->next_present_ns = peer->config.retransmits
                                  ? wr_after(now, wr_peer_jittered(peer, robust->backoff_ns))
                                  : WR_NEVER;
    robust->backoff_ns = doubled(robust->backoff_ns, PRESENT_BACKOFF_MAX_NS);
    if (robust->attempts % ATTEMPTS_UNREACHABLE == 0 && !robust->relay_answers)
        want(peer, now, WR_PEER_WANT_UNREACHABLE, 0);
}

void wr_robust_start(struct wr_peer *peer, wr_instant now, enum wr_peer_want reason)
{
    struct wr_robust *robust = &peer->as.robust;
    uint8_t dice[2];
    memset(robust, 0, sizeof *robust);
    peer->environment->entropy(peer->context, dice, sizeof dice);
    robust->epoch = (uint16_t)((unsigned)dice[0] << 8 | dice[1]);
    if (robust->epoch == 0)
        robust->epoch = 1;
    robust->next_sequence = peer->config.form == WR_PEER_RIFT ? 1 : 0; /* id 0 is exempt */
    robust->confirmed = robust->next_sequence;
    robust->window.empty = true;
    robust->wants_more = true;
    robust->want_due_ns = WR_NEVER;
    robust->want_backoff_ns = WANT_BACKOFF_NS;
    robust->renewal_due_ns = WR_NEVER;
    robust->next_present_ns = WR_NEVER;
    robust->shortened_due_ns = WR_NEVER;
    robust->unanswered_since_ns = WR_NEVER;
    robust->unheard_since_ns = WR_NEVER;
    robust->unconfirmed_since_ns = WR_NEVER;
    robust->fruitless_span_ns = WR_ROBUST_FRUITLESS_NS;
    robust->receipt_owed_ns = WR_NEVER;
    peer->state = WR_PEER_WANTS_LEASE;
    if (peer->token_bytes > 0) {
        wr_robust_lease(peer, now);
        return;
    }
    robust->want = reason;
    ask(peer, now);
}

void wr_robust_lease(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    uint64_t lifetime_ns = peer->lease_ends_ns - peer->lease_obtained_ns;
    bool bound = peer->state == WR_PEER_BOUND;
    bool same_relay = peer->has_relay && wr_address_equal(&peer->relay, &peer->lease_relay);

    robust->lease_asked = false;
    robust->wants_more = true;
    robust->want_due_ns = WR_NEVER;
    robust->want_backoff_ns = WANT_BACKOFF_NS;
    robust->renewal_due_ns = peer->config.renew_at_permille == 1000
                                 ? WR_NEVER
                                 : wr_after(peer->lease_obtained_ns,
                                            lifetime_ns / 1000 * peer->config.renew_at_permille);
    robust->token_is_new = true;
    robust->token_is_refused = false;
    owe_token(robust, now, bound && same_relay && !robust->present_next && !robust->silent);
    robust->present_next = false;
    if (!bound) {
        peer->state = WR_PEER_PRESENTING;
        peer->relay = peer->lease_relay;
        peer->has_relay = true;
        robust->has_cookie = robust->has_cookie && same_relay;
    } else if (wr_elapsed(robust->last_word_ns, now) >= SILENCE_NS) {
        speak_first(peer, now);
    }
    say_token(peer, now);
}

void wr_robust_lease_refused(struct wr_peer *peer, wr_instant now, bool final)
{
    struct wr_robust *robust = &peer->as.robust;
    if (!robust->lease_asked)
        return;
    robust->lease_asked = false;
    if (!final) {
        robust->want_due_ns = wr_after(now, wr_peer_jittered(peer, robust->want_backoff_ns));
        robust->want_backoff_ns = doubled(robust->want_backoff_ns, WANT_BACKOFF_MAX_NS);
        return;
    }
    robust->wants_more = false;
    robust->want_due_ns = WR_NEVER;
    if (peer->state == WR_PEER_WANTS_LEASE)
        wr_peer_give_up(peer, WR_PEER_END_NO_LEASE);
}

/* ---- What the relay says --------------------------------------------------------------------- */

static void take_cookie(struct wr_peer *peer, wr_instant now, const struct wr_packet *packet)
{
    struct wr_robust *robust = &peer->as.robust;
    if (!packet->has_cookie || !peer->config.echoes_cookies)
        return;
    memcpy(robust->cookie, packet->cookie, WR_COOKIE_BYTES);
    robust->has_cookie = true;
    robust->cookie_ns = now;
}

static void heard_relay(struct wr_robust *robust, wr_instant now)
{
    robust->last_heard_ns = now;
    robust->unanswered_since_ns = WR_NEVER;
    robust->unheard_since_ns = WR_NEVER;
}

/* ACKs to bare RENEWs look like those to a token. One that names the new expiry, or a later one
 * than the old token had, is the new token's; after three sendings any is believed, because a relay
 * that shortens leases names neither. */
static bool confirms_token(const struct wr_peer *peer, const struct wr_packet *ack)
{
    const struct wr_robust *robust = &peer->as.robust;
    return peer->state != WR_PEER_BOUND || !robust->token_is_new ||
           ack->expires_unix_ms == peer->lease_expires_unix_ms ||
           ack->expires_unix_ms > robust->bound_expires_unix_ms || robust->attempts >= 3;
}

/* Another relay has taken us: the old one is released, the new one has its own cookies. */
static void move(struct wr_peer *peer)
{
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_MOVED};
    wr_robust_say_release(peer);
    peer->relay = peer->lease_relay;
    peer->as.robust.has_cookie = false;
    wr_peer_tell(peer, &event);
}

/* `--lease-duration-secs` shortens what the signature gives; a bare RENEW restarts it (section 3,
 * Renew). */
static void note_shortened(struct wr_peer *peer, wr_instant now, uint64_t expires_unix_ms)
{
    struct wr_robust *robust = &peer->as.robust;
    robust->shortened_due_ns = WR_NEVER;
    if (robust->token_is_new || expires_unix_ms >= peer->lease_expires_unix_ms)
        return;
    uint64_t left_ns = wr_elapsed(now, peer->lease_ends_ns);
    uint64_t short_ms = peer->lease_expires_unix_ms - expires_unix_ms;
    if (short_ms < left_ns / WR_MS)
        robust->shortened_due_ns =
            wr_after(now, later((left_ns - short_ms * WR_MS) / 2, SHORTENED_RETRY_NS));
}

static void token_confirmed(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    bool in_renew = robust->token_in_renew;
    robust->token_owed = false;
    robust->token_is_new = false;
    robust->next_present_ns = WR_NEVER;
    robust->cookie_returned = false;
    robust->reject_delay_ns = 0;
    robust->bound_expires_unix_ms = peer->lease_expires_unix_ms;
    peer->state = WR_PEER_BOUND;
    /* Bound, or only a candidate: the ACK is the same. The cookie decides (section 3, rule 1). */
    if (!in_renew && robust->has_cookie) {
        robust->proving = true;
        wr_robust_say_renew(peer, now);
    }
}

static void hear_ack(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                     const struct wr_packet *ack)
{
    struct wr_robust *robust = &peer->as.robust;
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_ACKED,
                                  .expires_unix_ms = ack->expires_unix_ms,
                                  .soft_kbps = ack->soft_limit_kbps,
                                  .hard_kbps = ack->hard_limit_kbps,
                                  .draining = ack->draining,
                                  .with_cookie = ack->has_cookie};
    bool answers_renew = robust->unanswered_since_ns != WR_NEVER;
    bool answers_token = robust->token_owed && wr_address_equal(from, &peer->lease_relay);

    peer->counters.acks_received++;
    heard_relay(robust, now);
    robust->silent = false;
    if (answers_token && !wr_address_equal(from, &peer->relay))
        move(peer);
    take_cookie(peer, now, ack);
    wr_peer_tell(peer, &event);
    if (answers_token && confirms_token(peer, ack)) {
        token_confirmed(peer, now);
    } else if (robust->proving && answers_renew) {
        struct wr_peer_event proven = {.kind = WR_PEER_EVENT_PROVEN};
        robust->proving = false;
        robust->silences_unproven = 0;
        if (robust->unconfirmed_since_ns != WR_NEVER)
            robust->unconfirmed_since_ns = now;
        wr_peer_tell(peer, &proven);
    }
    note_shortened(peer, now, ack->expires_unix_ms);
    if (ack->draining)
        want_other_relay(peer, now);
}

/* The token at hand is of no use: another one, at once the first time, then at growing distance. */
static void token_refused(struct wr_peer *peer, wr_instant now, enum wr_peer_want reason)
{
    struct wr_robust *robust = &peer->as.robust;
    robust->token_owed = false;
    robust->token_is_refused = true;
    robust->next_present_ns = WR_NEVER;
    want(peer, now, reason,
         robust->reject_delay_ns == 0 ? 0 : wr_peer_jittered(peer, robust->reject_delay_ns));
    robust->reject_delay_ns = robust->reject_delay_ns == 0
                                  ? WANT_BACKOFF_NS
                                  : doubled(robust->reject_delay_ns, WANT_BACKOFF_MAX_NS);
    if (peer->state == WR_PEER_BOUND)
        return;
    peer->state = WR_PEER_WANTS_LEASE;
    if (!robust->wants_more)
        wr_peer_give_up(peer, WR_PEER_END_NO_LEASE);
}

static void act_on_reject(struct wr_peer *peer, wr_instant now, const struct wr_packet *reject)
{
    struct wr_robust *robust = &peer->as.robust;
    switch ((enum wr_reject_reason)reject->reason) {
    case WR_REJECT_NONE:
        break;
    case WR_REJECT_EXPIRED:
    case WR_REJECT_INVALID_SIGNATURE:
        token_refused(peer, now, WR_PEER_WANT_AFTER_REJECT);
        break;
    case WR_REJECT_WRONG_RELAY:
        token_refused(peer, now, WR_PEER_WANT_OTHER_RELAY);
        break;
    case WR_REJECT_SESSION_FULL:
        if (robust->next_present_ns != WR_NEVER)
            robust->next_present_ns = later(robust->next_present_ns, wr_after(now, FULL_WAIT_NS));
        want_other_relay(peer, now);
        break;
    case WR_REJECT_BANNED:
        wr_peer_give_up(peer, WR_PEER_END_BANNED);
        break;
    case WR_REJECT_RATE_LIMITED:
        /* Come back with the cookie, soon, once; if that is no use, with the usual patience. */
        if (robust->has_cookie && reject->has_cookie && !robust->cookie_returned) {
            robust->cookie_returned = true;
            robust->next_present_ns = wr_after(now, wr_peer_jittered(peer, COOKIE_RETURN_NS));
        }
        break;
    }
}

static void hear_reject(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                        const struct wr_packet *reject)
{
    struct wr_robust *robust = &peer->as.robust;
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_REJECTED,
                                  .reason = reject->reason,
                                  .with_cookie = reject->has_cookie};
    peer->counters.rejects_received++;
    peer->counters.rejects[reject->reason < WR_PEER_REASONS ? reject->reason : 0]++;
    robust->last_heard_ns = now;
    robust->relay_answers = true;
    wr_peer_tell(peer, &event);
    /* Only a token that waits for its answer can be refused: what else comes is late or forged. */
    if (!robust->token_owed || !wr_address_equal(from, &peer->lease_relay))
        return;
    if (wr_address_equal(&peer->relay, &peer->lease_relay))
        take_cookie(peer, now, reject);
    act_on_reject(peer, now, reject);
}

static void hear_forward(struct wr_peer *peer, wr_instant now, const struct wr_packet *packet)
{
    struct wr_robust *robust = &peer->as.robust;
    uint32_t header_bytes = packet->is_rift ? packet->rift.header_bytes : 8;
    heard_relay(robust, now);
    robust->silences_unproven = 0;
    if (robust->silent) {
        robust->silent = false;
        if (!robust->token_is_new) {
            robust->token_owed = false;
            robust->next_present_ns = WR_NEVER;
        }
    }
    wr_robust_hear_forward(peer, now, packet->sequence, packet->payload + header_bytes,
                           packet->payload_bytes - header_bytes);
}

static bool from_a_relay_of_ours(const struct wr_peer *peer, const struct wr_address *from)
{
    return wr_address_equal(from, &peer->relay) ||
           (peer->as.robust.token_owed && wr_address_equal(from, &peer->lease_relay));
}

void wr_robust_receive(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                       const uint8_t *bytes, uint32_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    if (!from_a_relay_of_ours(peer, from) || !wr_wire_decode(bytes, size, &packet, &failure) ||
        memcmp(&packet.session, &peer->config.session, sizeof packet.session) != 0) {
        peer->counters.ignored_received++;
        return;
    }
    switch (packet.type) {
    case WR_PACKET_LEASE_ACK:
        hear_ack(peer, now, from, &packet);
        break;
    case WR_PACKET_LEASE_REJECT:
        hear_reject(peer, now, from, &packet);
        break;
    case WR_PACKET_FORWARD:
        hear_forward(peer, now, &packet);
        break;
    case WR_PACKET_LEASE_PRESENT:
    case WR_PACKET_LEASE_RENEW:
        peer->counters.ignored_received++;
        break;
    }
}

/* ---- Payload --------------------------------------------------------------------------------- */

uint64_t wr_robust_send(struct wr_peer *peer, wr_instant now, const uint8_t *body,
                        uint32_t body_bytes)
{
    struct wr_robust *robust = &peer->as.robust;
    uint64_t sequence = wr_robust_say_forward(peer, now, WR_ROBUST_PAYLOAD, body, body_bytes);
    robust->last_payload = sequence;
    if (robust->unconfirmed_since_ns == WR_NEVER)
        robust->unconfirmed_since_ns = now;
    return sequence;
}

/* ---- Timers ---------------------------------------------------------------------------------- */

static wr_instant word_due(const struct wr_peer *peer)
{
    return peer->config.sign_of_life_ns == 0
               ? WR_NEVER
               : wr_after(peer->as.robust.last_word_ns, peer->config.sign_of_life_ns);
}

/* A bare RENEW for any reason but the mere sign of life. */
static wr_instant renew_due(const struct wr_peer *peer)
{
    const struct wr_robust *robust = &peer->as.robust;
    uint64_t life_ns = peer->config.sign_of_life_ns;
    uint64_t probe_ns = life_ns == 0 ? PROBE_WITHOUT_LIFE_NS : life_ns;
    wr_instant due = robust->shortened_due_ns;
    if (robust->unheard_since_ns != WR_NEVER)
        due = earlier(due,
                      wr_after(later(robust->last_renew_ns, robust->unheard_since_ns), probe_ns));
    if (robust->proving)
        due = earlier(due, wr_after(robust->last_renew_ns, probe_ns));
    if (life_ns > 0 && robust->has_cookie)
        due = earlier(due,
                      wr_after(later(robust->last_renew_ns, robust->cookie_ns), COOKIE_REFRESH_NS));
    if (life_ns > 0 && robust->unconfirmed_since_ns != WR_NEVER)
        due = earlier(due, wr_after(later(robust->last_renew_ns, robust->unconfirmed_since_ns),
                                    UNCONFIRMED_RENEW_NS));
    return due;
}

static wr_instant silence_due(const struct wr_peer *peer)
{
    const struct wr_robust *robust = &peer->as.robust;
    return robust->token_owed ? WR_NEVER : wr_after(robust->unanswered_since_ns, SILENCE_NS);
}

static wr_instant fruitless_due(const struct wr_peer *peer)
{
    const struct wr_robust *robust = &peer->as.robust;
    bool looks = peer->config.sign_of_life_ns > 0 && peer->config.echoes_cookies;
    return looks ? wr_after(robust->unconfirmed_since_ns, robust->fruitless_span_ns) : WR_NEVER;
}

wr_instant wr_robust_next_deadline(const struct wr_peer *peer)
{
    const struct wr_robust *robust = &peer->as.robust;
    wr_instant due = earlier(robust->want_due_ns, robust->renewal_due_ns);
    due = earlier(due, robust->next_present_ns);
    if (peer->state != WR_PEER_BOUND)
        return due;
    due = earlier(due, earlier(word_due(peer), renew_due(peer)));
    due = earlier(due, earlier(silence_due(peer), fruitless_due(peer)));
    return earlier(due, robust->receipt_owed_ns);
}

/* A newer token in a PRESENT displaces whoever is bound in this role, and empties the window. */
static void want_to_displace(struct wr_peer *peer, wr_instant now)
{
    peer->counters.fruitless++;
    peer->as.robust.present_next = true;
    want(peer, now, WR_PEER_WANT_FRUITLESS, 0);
}

/* The token goes again. Where the relay acknowledges it time and again and yet no cookie, somebody
 * else is bound here and alive. */
static void fell_silent(struct wr_peer *peer, wr_instant now)
{
    struct wr_peer_event event = {.kind = WR_PEER_EVENT_SILENCE};
    struct wr_robust *robust = &peer->as.robust;
    robust->unanswered_since_ns = WR_NEVER;
    if (lease_is_over(peer, now) || robust->token_is_refused)
        return;
    peer->counters.silences++;
    robust->silent = true;
    owe_token(robust, now, false);
    wr_peer_tell(peer, &event);
    if (++robust->silences_unproven % SILENCES_FRUITLESS == 0)
        want_to_displace(peer, now);
}

/* The relay answers and yet nothing arrives: somebody stands between, or the window at the relay
 * was moved away. Only a newer token in a PRESENT empties it (section 3, Replay). */
static void fruitless(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    robust->unconfirmed_since_ns = now;
    if (wr_elapsed(robust->last_heard_ns, now) >= WR_ROBUST_FRUITLESS_NS)
        return; /* the relay is silent: that is another timer's business */
    robust->fruitless_span_ns = doubled(robust->fruitless_span_ns, FRUITLESS_MAX_NS);
    want_to_displace(peer, now);
}

static void speak(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    if (renew_due(peer) <= now) {
        if (robust->shortened_due_ns <= now)
            robust->shortened_due_ns = wr_after(now, SHORTENED_RETRY_NS);
        wr_robust_say_renew(peer, now);
    }
    if (robust->receipt_owed_ns <= now)
        wr_robust_say_empty(peer, now);
    if (word_due(peer) > now)
        return;
    if (robust->receipt_owed_ns == WR_NEVER && wr_peer_cookie(peer) != NULL)
        wr_robust_say_renew(peer, now);
    else
        wr_robust_say_empty(peer, now);
}

void wr_robust_on_deadline(struct wr_peer *peer, wr_instant now)
{
    struct wr_robust *robust = &peer->as.robust;
    bool bound = peer->state == WR_PEER_BOUND;
    if (bound && wr_elapsed(wr_robust_next_deadline(peer), now) >= SLEPT_NS) {
        speak_first(peer, now);
        robust->unanswered_since_ns = now;
        robust->unconfirmed_since_ns = robust->unconfirmed_since_ns == WR_NEVER ? WR_NEVER : now;
        if (robust->next_present_ns <= now)
            robust->next_present_ns = wr_after(now, PRESENT_BACKOFF_NS);
    }
    if (robust->renewal_due_ns <= now) {
        robust->renewal_due_ns = WR_NEVER;
        want(peer, now, WR_PEER_WANT_RENEWAL, 0);
    }
    if (bound && silence_due(peer) <= now)
        fell_silent(peer, now);
    if (bound && fruitless_due(peer) <= now)
        fruitless(peer, now);
    if (robust->next_present_ns <= now)
        say_token(peer, now);
    if (bound)
        speak(peer, now);
    if (robust->want_due_ns <= now)
        ask(peer, now);
}
