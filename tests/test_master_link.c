#include <criterion/criterion.h>

#include "master_link.h"

#include <string.h>

/* The owner of the link: remembers what it was asked. */
struct owner {
    struct wr_master_request requests[64];
    uint32_t request_count;
    uint32_t keys;
    uint32_t conflicts;
    uint32_t registered_events;
    uint32_t lost_events;
    char last_kid[WR_KID_BYTES_MAX + 1];
    uint8_t dice;
    uint32_t load_pct;
};

static void on_request(void *context, const struct wr_master_request *request)
{
    struct owner *owner = context;
    cr_assert_lt(owner->request_count, 64);
    owner->requests[owner->request_count++] = *request;
}

static void on_entropy(void *context, uint8_t *out, size_t bytes)
{
    memset(out, ((struct owner *)context)->dice, bytes);
}

static uint32_t on_load(void *context)
{
    return ((struct owner *)context)->load_pct;
}

static void on_key(void *context, const char *kid, const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    struct owner *owner = context;
    (void)public_key;
    owner->keys++;
    strcpy(owner->last_kid, kid);
}

static void on_conflict(void *context, const char *kid,
                        const uint8_t public_key[WR_PUBLIC_KEY_BYTES])
{
    (void)kid;
    (void)public_key;
    ((struct owner *)context)->conflicts++;
}

static void on_event(void *context, enum wr_master_event event)
{
    struct owner *owner = context;
    if (event == WR_MASTER_REGISTERED)
        owner->registered_events++;
    else
        owner->lost_events++;
}

static struct wr_master_environment environment_of(struct owner *owner)
{
    return (struct wr_master_environment){.context = owner,
                                          .request = on_request,
                                          .entropy = on_entropy,
                                          .load_pct = on_load,
                                          .key = on_key,
                                          .key_conflict = on_conflict,
                                          .event = on_event};
}

/* An answer that a master in good health gives, its key all `key` bytes. */
static struct wr_master_answer good(uint64_t interval_ms, uint8_t key)
{
    struct wr_master_answer answer = {
        .status = WR_MASTER_OK, .heartbeat_interval_ms = interval_ms, .has_key = true, .kid = "k1"};
    memset(answer.public_key, key, sizeof answer.public_key);
    return answer;
}

static void started(struct wr_master_link *link, struct owner *owner)
{
    struct wr_master_environment environment = environment_of(owner);
    wr_master_link_init(link, &environment, NULL, 0, 0);
    wr_master_link_on_deadline(link, 0);
}

static const struct wr_master_request *latest(const struct owner *owner)
{
    return &owner->requests[owner->request_count - 1];
}

static void answer_latest(struct wr_master_link *link, const struct owner *owner, wr_instant now,
                          enum wr_master_status status)
{
    struct wr_master_answer answer = {.status = status};
    wr_master_link_answer(link, now, latest(owner)->id, &answer);
}

static void enlist(struct wr_master_link *link, struct owner *owner, uint64_t interval_ms)
{
    struct wr_master_answer answer = good(interval_ms, 7);
    started(link, owner);
    wr_master_link_answer(link, 0, latest(owner)->id, &answer);
}

Test(master_link, registers_at_once_and_then_beats_at_the_interval)
{
    struct owner owner = {.load_pct = 42};
    struct wr_master_link link;
    struct wr_master_answer answer = good(5000, 7);
    started(&link, &owner);
    cr_expect_eq(owner.request_count, 1);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
    cr_expect_not(wr_master_link_registered(&link));

    wr_master_link_answer(&link, 20 * WR_MS, latest(&owner)->id, &answer);
    cr_expect(wr_master_link_registered(&link));
    cr_expect_eq(owner.registered_events, 1);
    cr_expect_eq(owner.keys, 1);
    cr_expect_str_eq(owner.last_kid, "k1");
    cr_expect_eq(wr_master_link_next_deadline(&link), 5020 * WR_MS);

    wr_master_link_on_deadline(&link, 5020 * WR_MS);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
    cr_expect_eq(latest(&owner)->load_pct, 42);
    answer_latest(&link, &owner, 5100 * WR_MS, WR_MASTER_OK);
    cr_expect_eq(wr_master_link_next_deadline(&link), 10020 * WR_MS, "paced from sending");
}

Test(master_link, the_interval_is_clamped)
{
    static const struct {
        uint64_t given_ms, used_ns;
    } cases[] = {{0, 500 * WR_MS},   {499, 500 * WR_MS},     {500, 500 * WR_MS},
                 {501, 501 * WR_MS}, {59999, 59999 * WR_MS}, {60000, 60 * WR_S},
                 {60001, 60 * WR_S}, {UINT64_MAX, 60 * WR_S}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct owner owner = {0};
        struct wr_master_link link;
        enlist(&link, &owner, cases[i].given_ms);
        cr_expect_eq(wr_master_link_next_deadline(&link), cases[i].used_ns, "case %zu", i);
    }
}

Test(master_link, a_failed_register_backs_off_from_1_s_doubling_to_60_s)
{
    static const uint64_t expected_s[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    struct owner owner = {.dice = 0};
    struct wr_master_link link;
    wr_instant now = 0;
    started(&link, &owner);
    for (size_t i = 0; i < sizeof expected_s / sizeof *expected_s; i++) {
        cr_assert_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
        answer_latest(&link, &owner, now, WR_MASTER_UNREACHABLE);
        wr_instant next = link.next_contact_ns;
        cr_expect_eq(next - now, expected_s[i] * WR_S, "attempt %zu", i);
        now = next;
        wr_master_link_on_deadline(&link, now);
        while (latest(&owner)->kind == WR_MASTER_KEY)
            owner.request_count--; /* the refresh of every 60 s is another test's matter */
    }
    cr_expect_eq(link.counters.registers_failed, 9);
    cr_expect_eq(owner.lost_events, 0, "never registered, nothing lost");
}

Test(master_link, jitter_shortens_the_backoff_by_at_most_a_quarter)
{
    struct owner owner = {.dice = 0xff};
    struct wr_master_link link;
    started(&link, &owner);
    answer_latest(&link, &owner, 0, WR_MASTER_UNREACHABLE);
    cr_expect_gt(wr_master_link_next_deadline(&link), 750 * WR_MS);
    cr_expect_lt(wr_master_link_next_deadline(&link), 751 * WR_MS);
}

Test(master_link, success_resets_the_backoff)
{
    struct owner owner = {0};
    struct wr_master_link link;
    struct wr_master_answer answer = good(1000, 7);
    started(&link, &owner);
    answer_latest(&link, &owner, 0, WR_MASTER_OTHER);
    wr_master_link_on_deadline(&link, 1 * WR_S);
    answer_latest(&link, &owner, 1 * WR_S, WR_MASTER_GARBAGE);
    wr_master_link_on_deadline(&link, 3 * WR_S);
    wr_master_link_answer(&link, 3 * WR_S, latest(&owner)->id, &answer);
    wr_master_link_on_deadline(&link, 4 * WR_S);
    answer_latest(&link, &owner, 4 * WR_S, WR_MASTER_NOT_FOUND);
    cr_assert_eq(latest(&owner)->kind, WR_MASTER_REGISTER, "404 registers at once");
    answer_latest(&link, &owner, 4 * WR_S, WR_MASTER_FORBIDDEN);
    cr_expect_eq(wr_master_link_next_deadline(&link), 5 * WR_S);
}

Test(master_link, any_failure_clears_the_flag_and_any_success_sets_it)
{
    static const enum wr_master_status failures[] = {
        WR_MASTER_BAD_REQUEST, WR_MASTER_UNAUTHORIZED, WR_MASTER_FORBIDDEN, WR_MASTER_OTHER,
        WR_MASTER_GARBAGE,     WR_MASTER_UNREACHABLE,  WR_MASTER_TIMED_OUT};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct owner owner = {0};
        struct wr_master_link link;
        enlist(&link, &owner, 1000);
        wr_master_link_on_deadline(&link, 1 * WR_S);
        answer_latest(&link, &owner, 1 * WR_S, failures[i]);
        cr_expect_not(wr_master_link_registered(&link));
        cr_expect_eq(owner.lost_events, 1);
        cr_expect_eq(link.counters.answers[failures[i]], 1);
        wr_master_link_on_deadline(&link, 2 * WR_S);
        cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT, "one failure is no reason");
        answer_latest(&link, &owner, 2 * WR_S, WR_MASTER_OK);
        cr_expect(wr_master_link_registered(&link));
        cr_expect_eq(owner.registered_events, 2);
    }
}

Test(master_link, six_failed_heartbeats_in_a_row_register_again)
{
    struct owner owner = {0};
    struct wr_master_link link;
    enlist(&link, &owner, 1000);
    for (uint64_t beat = 1; beat <= 5; beat++) {
        wr_master_link_on_deadline(&link, beat * WR_S);
        answer_latest(&link, &owner, beat * WR_S, WR_MASTER_OTHER);
        cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
    }
    wr_master_link_on_deadline(&link, 6 * WR_S);
    answer_latest(&link, &owner, 6 * WR_S, WR_MASTER_OTHER);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
    cr_expect_eq(link.counters.heartbeats_failed, 6);
}

Test(master_link, a_success_between_ends_the_row)
{
    struct owner owner = {0};
    struct wr_master_link link;
    enlist(&link, &owner, 1000);
    for (uint64_t beat = 1; beat <= 12; beat++) {
        wr_master_link_on_deadline(&link, beat * WR_S);
        answer_latest(&link, &owner, beat * WR_S, beat % 6 == 0 ? WR_MASTER_OK : WR_MASTER_OTHER);
        cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
    }
    cr_expect_eq(link.counters.registers_sent, 1);
}

Test(master_link, a_master_that_hangs_is_one_that_fails)
{
    struct owner owner = {0};
    struct wr_master_link link;
    started(&link, &owner);
    uint64_t hung = latest(&owner)->id;
    cr_expect_eq(wr_master_link_next_deadline(&link), WR_MASTER_TIMEOUT_NS);
    wr_master_link_on_deadline(&link, WR_MASTER_TIMEOUT_NS);
    cr_expect_eq(link.counters.registers_failed, 1);
    cr_expect_eq(link.counters.answers[WR_MASTER_TIMED_OUT], 1);

    struct wr_master_answer answer = good(1000, 7);
    wr_master_link_answer(&link, 10500 * WR_MS, hung, &answer);
    wr_master_link_answer(&link, 10500 * WR_MS, 0, &answer);
    cr_expect_eq(link.counters.late_answers, 2);
    cr_expect_not(wr_master_link_registered(&link), "it came too late");
    wr_master_link_on_deadline(&link, 11 * WR_S);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
}

Test(master_link, a_slow_heartbeat_is_followed_at_once_by_the_next_one_due)
{
    struct owner owner = {0};
    struct wr_master_link link;
    enlist(&link, &owner, 1000);
    wr_master_link_on_deadline(&link, 1 * WR_S);
    uint32_t before = owner.request_count;
    wr_master_link_on_deadline(&link, 2 * WR_S);
    cr_expect_eq(owner.request_count, before, "one at a time");
    answer_latest(&link, &owner, 3 * WR_S, WR_MASTER_OK);
    cr_expect_eq(owner.request_count, before + 1);
}

Test(master_link, the_key_is_refreshed_every_60_s)
{
    struct owner owner = {0};
    struct wr_master_link link;
    struct wr_master_answer answer = good(60000, 8);
    enlist(&link, &owner, 60000);
    wr_master_link_on_deadline(&link, 60 * WR_S);
    cr_expect_eq(owner.request_count, 3, "heartbeat and key");
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_KEY);
    wr_master_link_answer(&link, 60 * WR_S, latest(&owner)->id, &answer);
    cr_expect_eq(owner.keys, 2);
    cr_expect_eq(link.next_key_ns, 120 * WR_S);
}

Test(master_link, an_unknown_kid_asks_at_once_and_then_at_most_every_10_s)
{
    struct owner owner = {0};
    struct wr_master_link link;
    enlist(&link, &owner, 60000);
    wr_master_link_key_wanted(&link, 3 * WR_S);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_KEY);
    cr_expect_eq(link.counters.key_fetches_sent, 1);
    for (uint64_t ms = 3001; ms < 3100; ms++)
        wr_master_link_key_wanted(&link, ms * WR_MS);
    cr_expect_eq(link.counters.key_fetches_sent, 1, "asked once, not a hundred times");
    answer_latest(&link, &owner, 3100 * WR_MS, WR_MASTER_OTHER);
    cr_expect_eq(link.counters.key_fetches_failed, 1);
    cr_expect(wr_master_link_registered(&link), "a failed refresh says nothing about registration");
    cr_expect_eq(wr_master_link_next_deadline(&link), 13 * WR_S, "what came since is not lost");
    wr_master_link_on_deadline(&link, 13 * WR_S);
    cr_expect_eq(link.counters.key_fetches_sent, 2);
    answer_latest(&link, &owner, 13 * WR_S, WR_MASTER_OK);
    cr_expect_eq(owner.keys, 1, "an answer without a key teaches none");
    wr_master_link_key_wanted(&link, 23 * WR_S);
    cr_expect_eq(link.counters.key_fetches_sent, 3);
}

Test(master_link, a_key_request_that_hangs_is_given_up)
{
    struct owner owner = {0};
    struct wr_master_link link;
    enlist(&link, &owner, 60000);
    wr_master_link_key_wanted(&link, 3 * WR_S);
    cr_expect_eq(wr_master_link_next_deadline(&link), 13 * WR_S);
    wr_master_link_on_deadline(&link, 13 * WR_S);
    cr_expect_eq(link.counters.key_fetches_failed, 1);
    cr_expect_gt(wr_master_link_next_deadline(&link), 13 * WR_S);
}

Test(master_link, pinned_keys_are_the_only_ones_trusted)
{
    struct owner owner = {0};
    struct wr_master_environment environment = environment_of(&owner);
    struct wr_master_link link;
    uint8_t pinned[2][WR_PUBLIC_KEY_BYTES];
    memset(pinned[0], 1, sizeof pinned[0]);
    memset(pinned[1], 2, sizeof pinned[1]);
    wr_master_link_init(&link, &environment, (const uint8_t(*)[WR_PUBLIC_KEY_BYTES])pinned, 2, 0);
    wr_master_link_on_deadline(&link, 0);
    struct wr_master_answer same = good(1000, 2);
    wr_master_link_answer(&link, 0, latest(&owner)->id, &same);
    cr_expect_eq(owner.conflicts, 0);
    wr_master_link_key_wanted(&link, 0);
    cr_expect_eq(link.counters.key_fetches_sent, 0, "nothing to learn");

    wr_master_link_on_deadline(&link, 60 * WR_S);
    cr_assert_eq(latest(&owner)->kind, WR_MASTER_KEY);
    struct wr_master_answer other = good(1000, 3);
    wr_master_link_answer(&link, 60 * WR_S, latest(&owner)->id, &other);
    cr_expect_eq(owner.conflicts, 1);
    cr_expect_eq(link.counters.keys_conflicting, 1);
    cr_expect_eq(owner.keys, 0);
}

Test(master_link, answers_are_judged_by_the_keys_that_are_pinned_now)
{
    struct owner owner = {0};
    struct wr_master_environment environment = environment_of(&owner);
    struct wr_master_link link;
    uint8_t before[1][WR_PUBLIC_KEY_BYTES], after[1][WR_PUBLIC_KEY_BYTES];
    memset(before[0], 1, sizeof before[0]);
    memset(after[0], 2, sizeof after[0]);
    wr_master_link_init(&link, &environment, (const uint8_t(*)[WR_PUBLIC_KEY_BYTES])before, 1, 0);
    wr_master_link_on_deadline(&link, 0);
    wr_master_link_set_pinned(&link, (const uint8_t(*)[WR_PUBLIC_KEY_BYTES])after, 1);
    struct wr_master_answer now_pinned = good(1000, 2), no_longer = good(1000, 1);
    wr_master_link_answer(&link, 0, latest(&owner)->id, &now_pinned);
    cr_expect_eq(owner.conflicts, 0);

    wr_master_link_on_deadline(&link, 60 * WR_S);
    cr_assert_eq(latest(&owner)->kind, WR_MASTER_KEY);
    wr_master_link_answer(&link, 60 * WR_S, latest(&owner)->id, &no_longer);
    cr_expect_eq(owner.conflicts, 1);
    cr_expect_eq(owner.keys, 0);
}

Test(master_link, an_owner_may_leave_out_what_it_does_not_listen_to)
{
    struct owner owner = {0};
    struct wr_master_environment environment = environment_of(&owner);
    struct wr_master_link link;
    uint8_t pinned[1][WR_PUBLIC_KEY_BYTES] = {{1}};
    environment.event = NULL;
    environment.key_conflict = NULL;
    wr_master_link_init(&link, &environment, (const uint8_t(*)[WR_PUBLIC_KEY_BYTES])pinned, 1, 0);
    wr_master_link_on_deadline(&link, 0);
    struct wr_master_answer other = good(1000, 3);
    wr_master_link_answer(&link, 0, latest(&owner)->id, &other);
    cr_expect(wr_master_link_registered(&link));
    cr_expect_eq(link.counters.keys_conflicting, 1);
}

Test(master_link, draining_says_100_percent_at_once)
{
    struct owner owner = {.load_pct = 3};
    struct wr_master_link link;
    enlist(&link, &owner, 60000);
    wr_master_link_drain(&link, 5 * WR_S);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
    cr_expect_eq(latest(&owner)->load_pct, 100);
    uint32_t before = owner.request_count;
    wr_master_link_drain(&link, 6 * WR_S);
    cr_expect_eq(owner.request_count, before, "once is enough");
}

Test(master_link, draining_before_registration_is_said_right_after_it)
{
    struct owner owner = {.load_pct = 3};
    struct wr_master_link link;
    struct wr_master_answer answer = good(60000, 7);
    started(&link, &owner);
    wr_master_link_drain(&link, 1 * WR_S);
    cr_expect_eq(owner.request_count, 1);
    wr_master_link_answer(&link, 2 * WR_S, latest(&owner)->id, &answer);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
    cr_expect_eq(latest(&owner)->load_pct, 100);
}

Test(master_link, a_load_above_100_percent_is_100)
{
    struct owner owner = {.load_pct = 250};
    struct wr_master_link link;
    enlist(&link, &owner, 1000);
    wr_master_link_on_deadline(&link, 1 * WR_S);
    cr_expect_eq(latest(&owner)->load_pct, 100);
}

/* ---- What was registered has changed -----------------------------------------------------------
 */

Test(master_link, a_change_registers_anew_at_once_and_nothing_is_lost)
{
    struct owner owner = {0};
    struct wr_master_link link;
    struct wr_master_answer answer = good(60000, 7);
    enlist(&link, &owner, 60000);
    wr_master_link_changed(&link, 5 * WR_S);
    cr_expect_eq(owner.request_count, 2);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
    cr_expect(wr_master_link_registered(&link));
    wr_master_link_answer(&link, 6 * WR_S, latest(&owner)->id, &answer);
    cr_expect(wr_master_link_registered(&link));
    cr_expect_eq(owner.registered_events, 1);
    cr_expect_eq(owner.lost_events, 0);
    cr_expect_eq(link.counters.registers_sent, 2);
    cr_expect_eq(owner.request_count, 2, "once is enough");
    /* The interval begins anew; the refresh of the key comes first. */
    wr_master_link_on_deadline(&link, 66 * WR_S - 1);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_KEY);
    wr_master_link_on_deadline(&link, 66 * WR_S);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
}

Test(master_link, a_change_waits_for_the_request_that_is_on_its_way)
{
    struct owner owner = {0};
    struct wr_master_link link;
    struct wr_master_answer answer = good(60000, 7);
    started(&link, &owner);
    wr_master_link_changed(&link, 1 * WR_S);
    cr_expect_eq(owner.request_count, 1);
    wr_master_link_answer(&link, 2 * WR_S, latest(&owner)->id, &answer);
    cr_expect_eq(owner.request_count, 2, "behind a register");
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
    wr_master_link_answer(&link, 3 * WR_S, latest(&owner)->id, &answer);
    cr_expect_eq(owner.request_count, 2);

    wr_master_link_on_deadline(&link, 60 * WR_S);
    wr_master_link_on_deadline(&link, 63 * WR_S);
    cr_assert_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
    wr_master_link_changed(&link, 64 * WR_S);
    cr_assert_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
    answer_latest(&link, &owner, 65 * WR_S, WR_MASTER_OK);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_REGISTER, "behind a heartbeat");
}

Test(master_link, a_change_before_the_master_took_us_in_needs_no_registration_of_its_own)
{
    struct owner owner = {0};
    struct wr_master_link link;
    struct wr_master_answer answer = good(60000, 7);
    started(&link, &owner);
    answer_latest(&link, &owner, 0, WR_MASTER_UNREACHABLE);
    wr_master_link_changed(&link, 1);
    cr_expect_eq(owner.request_count, 1, "the backoff is kept");
    wr_master_link_on_deadline(&link, 1 * WR_S);
    cr_assert_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
    wr_master_link_answer(&link, 2 * WR_S, latest(&owner)->id, &answer);
    cr_expect_eq(owner.request_count, 2);
}

Test(master_link, a_change_that_the_master_refuses_is_given_up_and_heartbeats_go_on)
{
    const enum wr_master_status refusals[] = {WR_MASTER_BAD_REQUEST, WR_MASTER_UNAUTHORIZED,
                                              WR_MASTER_FORBIDDEN};
    for (size_t i = 0; i < 3; i++) {
        struct owner owner = {0};
        struct wr_master_link link;
        enlist(&link, &owner, 20000);
        wr_master_link_changed(&link, 1 * WR_S);
        answer_latest(&link, &owner, 2 * WR_S, refusals[i]);
        cr_expect_not(wr_master_link_registered(&link), "any failure");
        cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
        answer_latest(&link, &owner, 2 * WR_S, WR_MASTER_OK);
        cr_expect(wr_master_link_registered(&link));
        cr_expect_eq(wr_master_link_next_deadline(&link), 22 * WR_S, "the next heartbeat");
        wr_master_link_on_deadline(&link, 22 * WR_S);
        cr_expect_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
        answer_latest(&link, &owner, 22 * WR_S, WR_MASTER_NOT_FOUND);
        answer_latest(&link, &owner, 22 * WR_S, WR_MASTER_UNREACHABLE);
        cr_expect_eq(wr_master_link_next_deadline(&link), 23 * WR_S, "backoff is anew");
    }
}

Test(master_link, a_change_that_fails_is_tried_again_with_backoff_between_heartbeats)
{
    struct owner owner = {0};
    struct wr_master_link link;
    struct wr_master_answer answer = good(60000, 7);
    enlist(&link, &owner, 60000);
    wr_master_link_changed(&link, 1 * WR_S);
    wr_instant now = 1 * WR_S;
    for (uint64_t backoff_s = 1; backoff_s <= 8; backoff_s *= 2) {
        cr_assert_eq(latest(&owner)->kind, WR_MASTER_REGISTER, "%u s", (unsigned)backoff_s);
        answer_latest(&link, &owner, now, WR_MASTER_OTHER);
        cr_assert_eq(latest(&owner)->kind, WR_MASTER_HEARTBEAT);
        answer_latest(&link, &owner, now, WR_MASTER_OK);
        now = wr_after(now, backoff_s * WR_S);
        cr_assert_eq(wr_master_link_next_deadline(&link), now, "%u s", (unsigned)backoff_s);
        wr_master_link_on_deadline(&link, now);
    }
    wr_master_link_answer(&link, now, latest(&owner)->id, &answer);
    cr_expect(wr_master_link_registered(&link));
    cr_expect_eq(link.backoff_ns, WR_MASTER_BACKOFF_MIN_NS);
    cr_expect_eq(wr_master_link_next_deadline(&link), 60 * WR_S, "the key's refresh");
}

Test(master_link, a_change_meets_a_master_that_forgot_us)
{
    struct owner owner = {0};
    struct wr_master_link link;
    struct wr_master_answer answer = good(60000, 7);
    enlist(&link, &owner, 60000);
    wr_master_link_changed(&link, 1 * WR_S);
    answer_latest(&link, &owner, 1 * WR_S, WR_MASTER_UNREACHABLE);
    answer_latest(&link, &owner, 1 * WR_S, WR_MASTER_NOT_FOUND);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
    wr_master_link_answer(&link, 1 * WR_S, latest(&owner)->id, &answer);
    cr_expect_eq(owner.request_count, 4, "it said what had changed");
}

Test(master_link, a_draining_relay_registers_anew_only_where_it_was_forgotten)
{
    struct owner owner = {0};
    struct wr_master_link link;
    enlist(&link, &owner, 20000);
    wr_master_link_drain(&link, 1 * WR_S);
    answer_latest(&link, &owner, 1 * WR_S, WR_MASTER_OK);
    wr_master_link_changed(&link, 2 * WR_S);
    cr_expect_eq(wr_master_link_next_deadline(&link), 21 * WR_S, "nothing but the next heartbeat");
    wr_master_link_on_deadline(&link, 21 * WR_S);
    answer_latest(&link, &owner, 21 * WR_S, WR_MASTER_NOT_FOUND);
    cr_expect_eq(latest(&owner)->kind, WR_MASTER_REGISTER);
}

/* Whatever the master does, the next deadline lies ahead, and never two contacts are out. */
Test(master_link, deadlines_move_on_whatever_the_master_does)
{
    for (uint32_t seed = 1; seed < 40; seed++) {
        struct owner owner = {.dice = (uint8_t)(seed * 37)};
        struct wr_master_link link;
        uint32_t dice = seed;
        wr_instant now = 0;
        started(&link, &owner);
        for (int step = 0; step < 400; step++) {
            dice = dice * 1664525u + 1013904223u;
            if (owner.request_count > 0 && dice >> 30 != 0) {
                struct wr_master_answer answer = good(dice >> 12, (uint8_t)dice);
                answer.status = (enum wr_master_status)((dice >> 20) % WR_MASTER_STATUS_COUNT);
                wr_master_link_answer(&link, now, latest(&owner)->id, &answer);
            }
            if (dice >> 29 == 3)
                wr_master_link_key_wanted(&link, now);
            if (dice >> 29 == 5)
                wr_master_link_changed(&link, now);
            wr_instant next = wr_master_link_next_deadline(&link);
            cr_assert_gt(next, now, "seed %u step %d", seed, step);
            now = next;
            if (owner.request_count > 8)
                owner.request_count = 0;
            wr_master_link_on_deadline(&link, now);
        }
    }
}

Test(master_link, everything_has_a_name)
{
    cr_expect_str_eq(wr_master_request_name(WR_MASTER_KEY), "key");
    cr_expect_str_eq(wr_master_status_name(WR_MASTER_OK), "ok");
    cr_expect_str_eq(wr_master_status_name(WR_MASTER_TIMED_OUT), "timed_out");
}
