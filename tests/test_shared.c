#include "shared.h"

#include <criterion/criterion.h>
#include <pthread.h>

/* What several relays of a process share holds exactly, whatever the threads do. */

#define THREADS 4
#define TRIES   20000
#define COST    (WR_S / 1000)

static struct wr_shared *shared;

static void open_shared(void)
{
    shared = wr_shared_create();
    cr_assert_not_null(shared);
}

static void close_shared(void)
{
    wr_shared_destroy(shared);
}

TestSuite(shared, .init = open_shared, .fini = close_shared);

Test(shared, a_bucket_gives_its_burst_and_then_by_its_rate)
{
    struct wr_shared_bucket *bucket = &shared->verification;
    for (int i = 0; i < 250; i++)
        cr_assert(wr_shared_draw(bucket, COST, 250 * COST, WR_S));
    cr_expect_not(wr_shared_draw(bucket, COST, 250 * COST, WR_S));
    cr_expect_not(wr_shared_draw(bucket, COST, 250 * COST, WR_S + COST - 1));
    cr_expect(wr_shared_draw(bucket, COST, 250 * COST, WR_S + COST));
    cr_expect_eq(wr_shared_tat(bucket), WR_S + 251 * COST);
}

static void *draw_all_the_time(void *argument)
{
    uint64_t *drawn = argument;
    for (int i = 0; i < TRIES; i++)
        *drawn += wr_shared_draw(&shared->bandwidth, COST, (uint64_t)TRIES * COST, WR_S);
    return NULL;
}

static void run_threads(void *(*body)(void *), uint64_t counts[THREADS])
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, body, &counts[i]), 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
}

Test(shared, threads_together_draw_exactly_the_burst)
{
    uint64_t drawn[THREADS] = {0};
    run_threads(draw_all_the_time, drawn);
    cr_expect_eq(drawn[0] + drawn[1] + drawn[2] + drawn[3], TRIES);
}

static void *open_and_close(void *argument)
{
    uint64_t *opened = argument;
    for (int i = 0; i < TRIES; i++) {
        if (!wr_shared_open(shared, 2))
            continue;
        (*opened)++;
        cr_assert_leq(wr_shared_sessions(shared), 2);
        wr_shared_close(shared, 1);
    }
    return NULL;
}

Test(shared, threads_together_never_open_more_than_the_most)
{
    uint64_t opened[THREADS] = {0};
    run_threads(open_and_close, opened);
    cr_expect_gt(opened[0] + opened[1] + opened[2] + opened[3], 0);
    cr_expect_eq(wr_shared_sessions(shared), 0);
    cr_expect(wr_shared_open(shared, 1));
    cr_expect_not(wr_shared_open(shared, 1));
}
