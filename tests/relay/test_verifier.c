#include "verifier.h"

#include "mint.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <sodium.h>
#include <time.h>

#define WORKERS 3
#define NOW     WR_S

/* A verifier and somebody in the place of its workers: `woken` is raised once for each result. */
static sem_t woken[WORKERS];
static struct rd_verifier *verifier;
static uint8_t public_keys[2][WR_PUBLIC_KEY_BYTES], secret_keys[2][WR_SECRET_KEY_BYTES];
static const uint8_t message[] = "a lease";
static uint8_t signatures[2][WR_SIGNATURE_BYTES];

/* Held: the thread stands still in the first result of worker 0, as one that is not let run. */
static sem_t hold;
static bool held;

static void wake(void *context, uint32_t worker)
{
    while (held && worker == 0 && sem_wait(&hold) != 0)
        cr_assert_eq(errno, EINTR);
    sem_post((sem_t *)context + worker);
}

static void open_verifier(void)
{
    struct rd_error error;
    cr_assert_geq(sodium_init(), 0);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t seed[32] = {i};
        wr_mint_keypair(seed, public_keys[i], secret_keys[i]);
        crypto_sign_detached(signatures[i], NULL, message, sizeof message, secret_keys[i]);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        sem_init(&woken[i], 0, 0);
    verifier = rd_verifier_start(WORKERS, wake, woken, &error);
    cr_assert_not_null(verifier);
}

static void close_verifier(void)
{
    rd_verifier_stop(verifier);
}

TestSuite(verifier, .init = open_verifier, .fini = close_verifier);

/* Asks whether signature `signed_by` fits one of the `key_count` keys from `first_key` on. */
static void ask(uint32_t worker, uint32_t id, uint32_t signed_by, uint32_t first_key,
                uint32_t key_count)
{
    struct wr_verification verification = {.id = id,
                                           .message = message,
                                           .message_size = sizeof message,
                                           .signature = signatures[signed_by],
                                           .key_count = key_count};
    for (uint32_t i = 0; i < key_count; i++)
        memcpy(verification.keys[i], public_keys[(first_key + i) % 2], WR_PUBLIC_KEY_BYTES);
    rd_verifier_ask(verifier, worker, &verification, NOW);
}

static int result_of(uint32_t worker, uint32_t expected_id)
{
    uint32_t id;
    int key_index = -2;
    while (sem_wait(&woken[worker]) != 0)
        cr_assert_eq(errno, EINTR);
    cr_assert(rd_verifier_result(verifier, worker, NOW, &id, &key_index));
    cr_expect_eq(id, expected_id);
    return key_index;
}

Test(verifier, says_which_key_fits)
{
    ask(0, 7, 1, 0, 2);
    cr_expect_eq(result_of(0, 7), 1);
    ask(0, 8, 0, 0, 2);
    cr_expect_eq(result_of(0, 8), 0);
}

Test(verifier, says_that_none_fits)
{
    ask(0, 7, 1, 0, 1);
    cr_expect_eq(result_of(0, 7), -1);
}

Test(verifier, a_changed_message_fits_no_key)
{
    signatures[0][3] ^= 1;
    ask(0, 1, 0, 0, 2);
    cr_expect_eq(result_of(0, 1), -1);
}

Test(verifier, each_worker_gets_its_own_results_in_the_order_it_asked)
{
    for (uint32_t i = 0; i < WR_VERIFICATIONS_OUT; i++)
        for (uint32_t worker = 0; worker < WORKERS; worker++)
            ask(worker, 100 * worker + i, (worker + i) % 2, 0, 2);
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        for (uint32_t i = 0; i < WR_VERIFICATIONS_OUT; i++)
            cr_expect_eq(result_of(worker, 100 * worker + i), (int)((worker + i) % 2));
}

Test(verifier, nothing_is_there_before_it_was_asked_for)
{
    uint32_t id;
    int key_index;
    cr_expect_not(rd_verifier_result(verifier, 0, NOW, &id, &key_index));
}

Test(verifier, counts_what_it_did_and_how_long_that_took)
{
    for (uint32_t i = 0; i < 20; i++) {
        ask(0, i, 0, 0, 1);
        cr_expect_eq(result_of(0, i), 0);
    }
    cr_expect_eq(rd_verifier_done(verifier), 20);
    cr_expect_gt(rd_verifier_busy_ns(verifier), 0);
}

/* Asks for four and lets the thread take one of them, and stand still. */
static void ask_a_thread_that_stands_still(void)
{
    sem_init(&hold, 0, 0);
    held = true;
    for (uint32_t i = 0; i < WR_VERIFICATIONS_OUT; i++)
        ask(0, i, i % 2, 0, 2);
    while (rd_verifier_done(verifier) == 0)
        sched_yield();
}

Test(verifier, a_worker_helps_itself_where_the_thread_does_not_run)
{
    uint32_t id;
    int key_index;
    wr_instant now = NOW;
    cr_expect_eq(rd_verifier_help_at(verifier, 0), WR_NEVER);
    ask_a_thread_that_stands_still();
    cr_expect_eq(rd_verifier_help_at(verifier, 0), NOW + 50 * WR_MS);
    cr_expect_not(rd_verifier_help(verifier, 0, NOW + 50 * WR_MS - 1, &id, &key_index));
    for (uint32_t i = 1; i < WR_VERIFICATIONS_OUT; i++) {
        now = rd_verifier_help_at(verifier, 0);
        cr_assert(rd_verifier_help(verifier, 0, now, &id, &key_index));
        cr_expect_eq(id, i);
        cr_expect_eq(key_index, (int)(i % 2));
        cr_expect_not(rd_verifier_help(verifier, 0, now, &id, &key_index), "one at a time");
        cr_expect_eq(rd_verifier_help_at(verifier, 0), now + 10 * WR_MS);
    }
    now = rd_verifier_help_at(verifier, 0);
    cr_expect_not(rd_verifier_help(verifier, 0, now, &id, &key_index), "the rest is the thread's");
    cr_expect_eq(rd_verifier_done(verifier), WR_VERIFICATIONS_OUT);
    held = false;
    sem_post(&hold);
    cr_expect_eq(result_of(0, 0), 0);
    cr_expect_eq(rd_verifier_help_at(verifier, 0), WR_NEVER);
}

Test(verifier, its_places_are_free_again_however_they_were_served)
{
    uint32_t id;
    int key_index;
    wr_instant now = NOW;
    ask_a_thread_that_stands_still();
    for (uint32_t i = 0; i < 100; i++) {
        now = rd_verifier_help_at(verifier, 0);
        cr_assert(rd_verifier_help(verifier, 0, now, &id, &key_index));
        cr_expect_eq(id, i + 1);
        ask(0, i + WR_VERIFICATIONS_OUT, 0, 0, 1);
    }
    held = false;
    sem_post(&hold);
    cr_expect_eq(result_of(0, 0), 0);
    for (uint32_t i = 0; i < WR_VERIFICATIONS_OUT - 1; i++)
        (void)result_of(0, 101 + i);
}

Test(verifier, a_thread_that_runs_again_is_not_helped)
{
    ask(0, 7, 0, 0, 1);
    while (sem_wait(&woken[0]) != 0)
        cr_assert_eq(errno, EINTR);
    uint32_t id;
    int key_index;
    ask(0, 8, 0, 0, 1);
    cr_assert(rd_verifier_result(verifier, 0, NOW + 49 * WR_MS, &id, &key_index));
    cr_expect_eq(id, 7);
    cr_expect_eq(rd_verifier_help_at(verifier, 0), NOW + 99 * WR_MS);
    cr_expect_eq(result_of(0, 8), 0);
}

Test(verifier, ends_with_requests_still_in_its_rings)
{
    for (uint32_t i = 0; i < WR_VERIFICATIONS_OUT; i++)
        ask(0, i, 0, 0, 1);
    /* close_verifier must come back */
}

Test(verifier, measures_what_half_a_core_can_do)
{
    uint32_t rate = rd_verifier_measure();
    cr_expect_gt(rate, 100, "%u a second", rate);
    cr_expect_lt(rate, 1000000, "%u a second", rate);
}
