#include "queue.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct sim_queue with_sources(uint32_t count)
{
    struct sim_queue queue;
    cr_assert(sim_queue_init(&queue, 0));
    for (uint32_t i = 0; i < count; i++) {
        cr_assert_eq(sim_queue_source(&queue), i);
    }
    return queue;
}

static uint32_t popped(struct sim_queue *queue)
{
    struct sim_event event;
    cr_assert(sim_queue_pop(queue, &event));
    return event.data;
}

Test(queue, time_goes_before_class_class_before_source_source_before_number)
{
    struct sim_queue queue = with_sources(3);
    sim_queue_push(&queue, 10, 2, 0, 0, 6);
    sim_queue_push(&queue, 10, 1, 2, 0, 4);
    sim_queue_push(&queue, 10, 1, 1, 0, 2);
    sim_queue_push(&queue, 10, 1, 1, 0, 3);
    sim_queue_push(&queue, 10, 1, 2, 0, 5);
    sim_queue_push(&queue, 9, 15, 2, 0, 1);
    for (uint32_t expected = 1; expected <= 6; expected++) {
        cr_expect_eq(popped(&queue), expected);
    }
    struct sim_event none;
    cr_expect_not(sim_queue_pop(&queue, &none));
    cr_expect_eq(sim_queue_next_ns(&queue), WR_NEVER);
    sim_queue_free(&queue);
}

Test(queue, the_clock_is_the_time_of_the_last_event)
{
    struct sim_queue queue = with_sources(1);
    sim_queue_push(&queue, 5, 0, 0, 0, 0);
    sim_queue_push(&queue, 8, 0, 0, 0, 0);
    cr_expect_eq(sim_queue_now_ns(&queue), 0u);
    popped(&queue);
    cr_expect_eq(sim_queue_now_ns(&queue), 5u);
    cr_expect_eq(sim_queue_next_ns(&queue), 8u);
    sim_queue_push(&queue, 5, 0, 0, 0, 7);
    cr_expect_eq(popped(&queue), 7u);
    sim_queue_free(&queue);
}

/* The same events in whatever order they are pushed come out in one order: that of a sort. */
Test(queue, agrees_with_a_sort_while_it_grows_and_shrinks)
{
    struct sim_queue queue = with_sources(50);
    struct sim_rng rng = sim_rng_named(1, "queue", "test");
    struct sim_event last = {0};
    uint32_t in = 0;
    uint32_t out = 0;
    for (unsigned step = 0; step < 200000; step++) {
        if (queue.pending == 0 || sim_rng_chance(&rng, (struct sim_ratio){51, 100})) {
            wr_instant at = sim_queue_now_ns(&queue) + sim_rng_below(&rng, 40);
            uint32_t source = (uint32_t)sim_rng_below(&rng, 50);
            unsigned class_ = at == sim_queue_now_ns(&queue) ? 15 : 3;
            sim_queue_push(&queue, at, class_, source, 0, in++);
        } else {
            struct sim_event event;
            cr_assert(sim_queue_pop(&queue, &event));
            bool later = event.at_ns > last.at_ns || event.order > last.order ||
                         sim_event_class(&event) == 15;
            cr_assert(event.at_ns >= last.at_ns && later);
            last = event;
            out++;
        }
    }
    cr_expect_eq(in - out, queue.pending);
    while (queue.pending > 0) {
        struct sim_event event;
        cr_assert(sim_queue_pop(&queue, &event));
        cr_assert(event.at_ns > last.at_ns ||
                  (event.at_ns == last.at_ns && event.order > last.order));
        last = event;
    }
    sim_queue_free(&queue);
}

static void play_ties(bool permute, uint64_t seed, uint32_t order[60])
{
    struct sim_queue queue = with_sources(20);
    if (permute) {
        sim_queue_permute_ties(&queue, seed);
    }
    for (uint32_t i = 0; i < 60; i++) {
        sim_queue_push(&queue, 100, 1, i % 20, i, i);
    }
    for (uint32_t i = 0; i < 60; i++) {
        order[i] = popped(&queue);
    }
    sim_queue_free(&queue);
}

Test(queue, permuted_ties_are_another_order_of_sources_and_keep_each_source_in_order)
{
    uint32_t plain[60];
    uint32_t once[60];
    uint32_t again[60];
    uint32_t other[60];
    play_ties(false, 0, plain);
    play_ties(true, 1, once);
    play_ties(true, 1, again);
    play_ties(true, 2, other);
    cr_expect_arr_eq(once, again, sizeof once);
    cr_expect_arr_neq(once, plain, sizeof once);
    cr_expect_arr_neq(once, other, sizeof once);
    uint32_t next[20];
    uint32_t count[60] = {0};
    for (uint32_t i = 0; i < 20; i++) {
        next[i] = i;
    }
    for (uint32_t i = 0; i < 60; i++) {
        cr_expect_eq(once[i], next[once[i] % 20], "source %u out of order", once[i] % 20);
        next[once[i] % 20] += 20;
        count[once[i]]++;
    }
    for (uint32_t i = 0; i < 60; i++) {
        cr_expect_eq(count[i], 1u);
    }
}

Test(queue, permuted_ties_leave_times_and_classes_alone)
{
    struct sim_queue queue = with_sources(3);
    sim_queue_permute_ties(&queue, 9);
    sim_queue_push(&queue, 7, 2, 0, 0, 3);
    sim_queue_push(&queue, 7, 1, 2, 0, 2);
    sim_queue_push(&queue, 6, 3, 1, 0, 1);
    for (uint32_t expected = 1; expected <= 3; expected++) {
        cr_expect_eq(popped(&queue), expected);
    }
    sim_queue_free(&queue);
}
