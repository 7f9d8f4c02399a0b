#include "master_link.h"

#include "fault.h"

#include <assert.h>
#include <string.h>

/*
 * Timers. `next_contact_ns`: the next register or heartbeat, whichever is due. `renewal_ns`: a
 * register although enlisted, because what it says has changed. `next_key_ns`: the refresh that
 * comes every 60 s, whatever else happens. `key_allowed_ns`: from then on an unknown kid may cause
 * a refresh of its own. While a request is on its way its timer rests, and a timeout runs instead,
 * so that a master that hangs is a master that fails.
 */

const char *wr_master_request_name(enum wr_master_request_kind kind)
{
    static const char *const names[] = {"register", "heartbeat", "key"};
    return names[kind];
}

const char *wr_master_status_name(enum wr_master_status status)
{
    static const char *const names[WR_MASTER_STATUS_COUNT] = {
        "ok",    "bad_request", "unauthorized", "forbidden", "not_found",
        "other", "garbage",     "unreachable",  "timed_out",
    };
    return names[status];
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

static wr_instant earlier(wr_instant a, wr_instant b)
{
    return a < b ? a : b;
}

/* Three quarters of the span to the whole of it: many relays that lost one master come back spread
 * out, and never later than the span says. */
static uint64_t jittered(const struct wr_master_link *link, uint64_t span_ns)
{
    uint8_t dice[2];
    link->environment.entropy(link->environment.context, dice, sizeof dice);
    return span_ns - ((span_ns / 4) * ((unsigned)dice[0] << 8 | dice[1]) >> 16);
}

static void pin(struct wr_master_link *link, const uint8_t (*pinned)[WR_PUBLIC_KEY_BYTES],
                uint32_t pinned_count)
{
    assert(pinned_count <= WR_KEYS_MAX);
    if (pinned_count > 0)
        memcpy(link->pinned, pinned, (size_t)pinned_count * WR_PUBLIC_KEY_BYTES);
    link->pinned_count = pinned_count;
}

void wr_master_link_init(struct wr_master_link *link,
                         const struct wr_master_environment *environment,
                         const uint8_t (*pinned)[WR_PUBLIC_KEY_BYTES], uint32_t pinned_count,
                         wr_instant now)
{
    memset(link, 0, sizeof *link);
    link->environment = *environment;
    pin(link, pinned, pinned_count);
    link->interval_ns = WR_MASTER_INTERVAL_MIN_NS;
    link->backoff_ns = WR_MASTER_BACKOFF_MIN_NS;
    link->next_contact_ns = now;
    link->renewal_ns = WR_NEVER;
    link->next_key_ns = wr_after(now, WR_MASTER_KEY_PERIOD_NS);
    link->key_allowed_ns = now;
}

void wr_master_link_set_pinned(struct wr_master_link *link,
                               const uint8_t (*pinned)[WR_PUBLIC_KEY_BYTES], uint32_t pinned_count)
{
    assert((pinned_count > 0) == (link->pinned_count > 0));
    pin(link, pinned, pinned_count);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static uint64_t emit(struct wr_master_link *link, enum wr_master_request_kind kind,
                     uint32_t load_pct)
{
    struct wr_master_request request = {.kind = kind, .load_pct = load_pct, .id = ++link->last_id};
    link->environment.request(link->environment.context, &request);
    return request.id;
}

static wr_instant renewal_due(const struct wr_master_link *link)
{
    return link->enlisted && !link->draining ? link->renewal_ns : WR_NEVER;
}

static void send_contact(struct wr_master_link *link, wr_instant now)
{
    link->contact_is_register = !link->enlisted || renewal_due(link) <= now;
    if (link->contact_is_register) {
        link->renewal_ns = WR_NEVER; /* it says what is so now */
        link->counters.registers_sent++;
        link->contact.id = emit(link, WR_MASTER_REGISTER, 0);
    } else {
        uint32_t load_pct =
            link->draining ? 100 : link->environment.load_pct(link->environment.context);
        link->counters.heartbeats_sent++;
        link->contact.id = emit(link, WR_MASTER_HEARTBEAT, load_pct > 100 ? 100 : load_pct);
    }
    link->contact.timeout_ns = wr_after(now, WR_MASTER_TIMEOUT_NS);
    if (WR_FAULT(master_waits_interval) && link->interval_ns > WR_MASTER_TIMEOUT_NS)
        link->contact.timeout_ns = wr_after(now, link->interval_ns);
    /* Heartbeats keep their pace from sending to sending, however slow the answers are. */
    link->next_contact_ns = wr_after(now, link->interval_ns);
}

static void send_key_fetch(struct wr_master_link *link, wr_instant now)
{
    if (link->key_wanted) {
        link->key_wanted = false;
        link->key_allowed_ns = wr_after(now, WR_MASTER_KEY_WANTED_NS);
    }
    link->next_key_ns = wr_after(now, WR_MASTER_KEY_PERIOD_NS);
    link->counters.key_fetches_sent++;
    link->key_fetch.id = emit(link, WR_MASTER_KEY, 0);
    link->key_fetch.timeout_ns = wr_after(now, WR_MASTER_TIMEOUT_NS);
}

static wr_instant contact_due(const struct wr_master_link *link)
{
    return link->contact.id != 0 ? WR_NEVER : earlier(link->next_contact_ns, renewal_due(link));
}

static wr_instant key_fetch_due(const struct wr_master_link *link)
{
    if (link->key_fetch.id != 0)
        return WR_NEVER;
    return link->key_wanted ? earlier(link->key_allowed_ns, link->next_key_ns) : link->next_key_ns;
}

static void send_what_is_due(struct wr_master_link *link, wr_instant now)
{
    if (contact_due(link) <= now)
        send_contact(link, now);
    if (key_fetch_due(link) <= now)
        send_key_fetch(link, now);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void set_registered(struct wr_master_link *link, bool registered)
{
    if (link->registered == registered)
        return;
    link->registered = registered;
    if (link->environment.event != NULL)
        link->environment.event(link->environment.context,
                                registered ? WR_MASTER_REGISTERED : WR_MASTER_LOST);
}

static bool is_pinned(const struct wr_master_link *link, const uint8_t *public_key)
{
    for (uint32_t i = 0; i < link->pinned_count; i++)
        if (memcmp(link->pinned[i], public_key, WR_PUBLIC_KEY_BYTES) == 0)
            return true;
    return false;
}

/* Section 8, Key ring: pinned keys are the only ones trusted, another one is the master's error. */
static void take_key(struct wr_master_link *link, const struct wr_master_answer *answer)
{
    if (!answer->has_key || is_pinned(link, answer->public_key))
        return;
    if (link->pinned_count == 0) {
        link->counters.keys_learned++;
        link->environment.key(link->environment.context, answer->kid, answer->public_key);
        return;
    }
    link->counters.keys_conflicting++;
    if (link->environment.key_conflict != NULL)
        link->environment.key_conflict(link->environment.context, answer->kid, answer->public_key);
}

static void register_succeeded(struct wr_master_link *link, const struct wr_master_answer *answer,
                               wr_instant now)
{
    uint64_t interval_ms = clamp(answer->heartbeat_interval_ms, WR_MASTER_INTERVAL_MIN_NS / WR_MS,
                                 WR_MASTER_INTERVAL_MAX_NS / WR_MS);
    link->enlisted = true;
    link->failures_in_a_row = 0;
    link->backoff_ns = WR_MASTER_BACKOFF_MIN_NS;
    link->interval_ns = interval_ms * WR_MS;
    link->next_contact_ns = link->draining ? now : wr_after(now, link->interval_ns);
    set_registered(link, true);
    take_key(link, answer);
}

/* A master that took us in before knows us by what it was told then: heartbeats go on, the first at
 * once, which finds out whether it does. */
static void renewal_failed(struct wr_master_link *link, enum wr_master_status status,
                           wr_instant retry_ns, wr_instant now)
{
    if (wr_master_status_refuses(status)) /* given up: what fails next is another matter */
        link->backoff_ns = WR_MASTER_BACKOFF_MIN_NS;
    else
        link->renewal_ns = earlier(link->renewal_ns, retry_ns);
    link->next_contact_ns = now;
}

static void register_failed(struct wr_master_link *link, enum wr_master_status status,
                            wr_instant now)
{
    wr_instant retry_ns = wr_after(now, jittered(link, link->backoff_ns));
    link->counters.registers_failed++;
    link->backoff_ns = clamp(link->backoff_ns * 2, 0, WR_MASTER_BACKOFF_MAX_NS);
    if (link->enlisted)
        renewal_failed(link, status, retry_ns, now);
    else
        link->next_contact_ns = retry_ns;
    set_registered(link, false);
}

static void heartbeat_failed(struct wr_master_link *link, enum wr_master_status status,
                             wr_instant now)
{
    link->counters.heartbeats_failed++;
    link->failures_in_a_row++;
    if (status == WR_MASTER_NOT_FOUND || link->failures_in_a_row >= WR_MASTER_HEARTBEAT_FAILURES) {
        link->enlisted = false;
        link->next_contact_ns = now;
    }
    set_registered(link, false);
}

static void contact_answered(struct wr_master_link *link, const struct wr_master_answer *answer,
                             wr_instant now)
{
    bool ok = answer->status == WR_MASTER_OK;
    link->contact.id = 0;
    link->counters.answers[answer->status]++;
    if (link->contact_is_register) {
        if (ok)
            register_succeeded(link, answer, now);
        else
            register_failed(link, answer->status, now);
    } else if (ok) {
        link->failures_in_a_row = 0;
        set_registered(link, true);
    } else {
        heartbeat_failed(link, answer->status, now);
    }
}

static void key_fetch_answered(struct wr_master_link *link, const struct wr_master_answer *answer)
{
    link->key_fetch.id = 0;
    link->counters.answers[answer->status]++;
    if (answer->status == WR_MASTER_OK)
        take_key(link, answer);
    else
        link->counters.key_fetches_failed++;
}

void wr_master_link_answer(struct wr_master_link *link, wr_instant now, uint64_t id,
                           const struct wr_master_answer *answer)
{
    if (id != 0 && id == link->contact.id)
        contact_answered(link, answer, now);
    else if (id != 0 && id == link->key_fetch.id)
        key_fetch_answered(link, answer);
    else
        link->counters.late_answers++;
    send_what_is_due(link, now);
}

/* ---- Time and the owner's wishes ------------------------------------------------------------- */

wr_instant wr_master_link_next_deadline(const struct wr_master_link *link)
{
    wr_instant contact = link->contact.id != 0 ? link->contact.timeout_ns : contact_due(link);
    wr_instant key = link->key_fetch.id != 0 ? link->key_fetch.timeout_ns : key_fetch_due(link);
    return earlier(contact, key);
}

void wr_master_link_on_deadline(struct wr_master_link *link, wr_instant now)
{
    const struct wr_master_answer timed_out = {.status = WR_MASTER_TIMED_OUT};
    if (link->contact.id != 0 && link->contact.timeout_ns <= now)
        contact_answered(link, &timed_out, now);
    if (link->key_fetch.id != 0 && link->key_fetch.timeout_ns <= now)
        key_fetch_answered(link, &timed_out);
    send_what_is_due(link, now);
}

void wr_master_link_key_wanted(struct wr_master_link *link, wr_instant now)
{
    if (link->pinned_count > 0)
        return;
    link->key_wanted = true;
    send_what_is_due(link, now);
}

void wr_master_link_changed(struct wr_master_link *link, wr_instant now)
{
    link->renewal_ns = now;
    send_what_is_due(link, now);
}

void wr_master_link_drain(struct wr_master_link *link, wr_instant now)
{
    if (link->draining)
        return;
    link->draining = true;
    if (link->enlisted)
        link->next_contact_ns = now;
    send_what_is_due(link, now);
}
