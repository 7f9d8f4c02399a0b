#include "verify_queue.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct wr_verify_queue queue;
static struct wr_shared_bucket budget;
static void *memory;

static void open_queue(void)
{
    struct wr_arena sizes = {NULL, 0};
    wr_verify_queue_layout(&queue, &sizes);
    memory = calloc(1, sizes.used);
    struct wr_arena arena = {memory, 0};
    wr_verify_queue_layout(&queue, &arena);
    wr_verify_queue_start(&queue, 1000, &budget);
}

static void close_queue(void)
{
    free(memory);
}

TestSuite(verify_queue, .init = open_queue, .fini = close_queue);

static struct wr_verify_request *join(enum wr_verify_place place, uint16_t port, wr_instant now)
{
    const struct wr_lease_origin origin = {.from = {.ip = {1}, .port = port},
                                           .session = {{(uint8_t)(port & 255)}}};
    struct wr_verify_request *request = wr_verify_queue_join(&queue, place, &origin, now);
    request->first = place == WR_VERIFY_FIRST;
    return request;
}

static uint16_t next_port(wr_instant now)
{
    struct wr_verify_request *request = wr_verify_queue_next_out(&queue, now);
    return request != NULL ? request->origin.from.port : 0;
}

Test(verify_queue, the_first_queue_goes_before_the_second_and_each_in_order)
{
    join(WR_VERIFY_SECOND, 1, 0);
    join(WR_VERIFY_SECOND, 2, 0);
    join(WR_VERIFY_FIRST, 3, 0);
    join(WR_VERIFY_FIRST, 4, 0);
    cr_expect_eq(next_port(0), 3);
    cr_expect_eq(next_port(0), 4);
    cr_expect_eq(next_port(0), 1);
    cr_expect_eq(next_port(0), 2);
    cr_expect_eq(next_port(0), 0);
}

Test(verify_queue, at_most_four_are_out)
{
    struct wr_verify_request *out[4];
    for (uint16_t port = 1; port <= 5; port++)
        join(WR_VERIFY_SECOND, port, 0);
    for (int i = 0; i < 4; i++)
        out[i] = wr_verify_queue_next_out(&queue, 0);
    cr_expect_eq(next_port(0), 0);
    cr_expect_eq(wr_verify_queue_budget_deadline(&queue, 0), WR_NEVER);
    cr_expect_eq(out[2]->place, WR_VERIFY_OUT);
    wr_verify_queue_leave(&queue, out[2]);
    cr_expect_eq(wr_verify_queue_budget_deadline(&queue, 0), 0);
    cr_expect_eq(next_port(0), 5);
    cr_expect_eq(queue.pending, 4);
}

Test(verify_queue, each_queue_has_512_places_and_64_may_wait_for_a_key)
{
    for (uint16_t port = 1; port <= 512; port++) {
        cr_assert(wr_verify_queue_fits(&queue, WR_VERIFY_FIRST));
        join(WR_VERIFY_FIRST, port, 0);
        cr_assert(wr_verify_queue_fits(&queue, WR_VERIFY_SECOND));
        join(WR_VERIFY_SECOND, port, 0);
    }
    cr_expect_not(wr_verify_queue_fits(&queue, WR_VERIFY_FIRST));
    cr_expect_not(wr_verify_queue_fits(&queue, WR_VERIFY_SECOND));
    for (uint16_t port = 1; port <= 64; port++) {
        cr_assert(wr_verify_queue_fits(&queue, WR_VERIFY_KEY_WAIT));
        join(WR_VERIFY_KEY_WAIT, port, 0);
    }
    cr_expect_not(wr_verify_queue_fits(&queue, WR_VERIFY_KEY_WAIT));
    for (int i = 0; i < 4; i++)
        wr_verify_queue_next_out(&queue, 0);
    for (uint16_t port = 1; port <= 4; port++)
        join(WR_VERIFY_FIRST, port, 0);
    cr_expect_eq(queue.pending, WR_VERIFY_REQUESTS);
    cr_expect_eq(queue.free, WR_VERIFY_NONE);
}

Test(verify_queue, leaves_places_untouched_until_they_are_used)
{
    uint8_t unused[sizeof *queue.requests];
    memset(unused, 0xa5, sizeof unused);
    memset(queue.requests, 0xa5, WR_VERIFY_REQUESTS * sizeof *queue.requests);
    wr_verify_queue_start(&queue, 1000, &budget);
    struct wr_verify_request *first = join(WR_VERIFY_FIRST, 1, 0);
    cr_expect_eq(first, &queue.requests[0]);
    cr_expect_eq(join(WR_VERIFY_SECOND, 2, 0), &queue.requests[1]);
    wr_verify_queue_leave(&queue, first);
    cr_expect_eq(join(WR_VERIFY_SECOND, 3, 0), first);
    for (uint32_t at = 2; at < WR_VERIFY_REQUESTS; at++)
        cr_expect_arr_eq(&queue.requests[at], unused, sizeof unused);
}

Test(verify_queue, the_budget_is_a_rate_with_a_burst_of_250_ms)
{
    wr_verify_queue_start(&queue, 8, &budget);
    for (uint16_t port = 1; port <= 4; port++)
        join(WR_VERIFY_SECOND, port, 0);
    cr_expect_eq(next_port(0), 1);
    cr_expect_eq(next_port(0), 2);
    cr_expect_eq(next_port(0), 0);
    cr_expect_eq(wr_verify_queue_budget_deadline(&queue, 0), 125 * WR_MS);
    cr_expect_eq(next_port(125 * WR_MS - 1), 0);
    cr_expect_eq(next_port(125 * WR_MS), 3);
}

Test(verify_queue, a_request_that_joined_first_runs_out_of_time_first)
{
    cr_expect_eq(wr_verify_queue_timeout_deadline(&queue), WR_NEVER);
    cr_expect_null(wr_verify_queue_timed_out(&queue, WR_NEVER - 1));
    join(WR_VERIFY_SECOND, 1, 10);
    join(WR_VERIFY_FIRST, 2, 10);
    join(WR_VERIFY_KEY_WAIT, 3, 9);
    cr_expect_eq(wr_verify_queue_timeout_deadline(&queue), 9 + 2 * WR_S);
    cr_expect_null(wr_verify_queue_timed_out(&queue, 9 + 2 * WR_S - 1));
    const uint16_t order[] = {3, 1, 2};
    for (int i = 0; i < 3; i++) {
        struct wr_verify_request *request = wr_verify_queue_timed_out(&queue, 10 + 2 * WR_S);
        cr_assert_not_null(request);
        cr_expect_eq(request->origin.from.port, order[i]);
        wr_verify_queue_leave(&queue, request);
    }
    cr_expect_eq(queue.pending, 0);
}

Test(verify_queue, what_is_out_runs_out_of_no_time)
{
    join(WR_VERIFY_SECOND, 1, 0);
    wr_verify_queue_next_out(&queue, 0);
    cr_expect_eq(wr_verify_queue_timeout_deadline(&queue), WR_NEVER);
}

Test(verify_queue, a_request_whose_key_came_joins_anew_at_the_end)
{
    struct wr_verify_request *waiting = join(WR_VERIFY_KEY_WAIT, 1, 0);
    struct wr_verify_request *urgent = join(WR_VERIFY_KEY_WAIT, 2, 0);
    urgent->first = true;
    join(WR_VERIFY_SECOND, 3, WR_S);
    cr_expect(wr_verify_queue_rejoin(&queue, waiting, WR_S));
    cr_expect(wr_verify_queue_rejoin(&queue, urgent, WR_S));
    cr_expect_eq(wr_verify_queue_timeout_deadline(&queue), 3 * WR_S);
    cr_expect_eq(next_port(WR_S), 2);
    cr_expect_eq(next_port(WR_S), 3);
    cr_expect_eq(next_port(WR_S), 1);
}

Test(verify_queue, a_full_queue_takes_no_request_back)
{
    struct wr_verify_request *waiting = join(WR_VERIFY_KEY_WAIT, 1, 0);
    for (uint16_t port = 1; port <= 512; port++)
        join(WR_VERIFY_SECOND, port, 0);
    cr_expect_not(wr_verify_queue_rejoin(&queue, waiting, 0));
    cr_expect_eq(waiting->place, WR_VERIFY_KEY_WAIT);
}

static void fill(struct wr_verify_request *request)
{
    for (uint32_t at = 0; at < WR_VERIFY_HELD_MAX; at++)
        wr_verify_queue_hold(&queue, request, at);
}

Test(verify_queue, the_holder_is_the_oldest_of_its_address_and_session_with_room)
{
    const struct wr_address from = {.ip = {1}, .port = 7};
    const struct wr_session_id session = {{7}}, other = {{8}};
    cr_expect_null(wr_verify_queue_holder(&queue, &from, &session));
    struct wr_verify_request *older = join(WR_VERIFY_SECOND, 7, 0);
    struct wr_verify_request *newer = join(WR_VERIFY_FIRST, 7, 0);
    join(WR_VERIFY_FIRST, 9, 0);
    cr_expect_eq(wr_verify_queue_holder(&queue, &from, &session), older);
    cr_expect_eq(wr_verify_queue_holder(&queue, &from, NULL), older);
    cr_expect_null(wr_verify_queue_holder(&queue, &from, &other));
    fill(older);
    cr_expect_eq(wr_verify_queue_holder(&queue, &from, &session), newer);
    fill(newer);
    cr_expect_null(wr_verify_queue_holder(&queue, &from, NULL));
    wr_verify_queue_leave(&queue, older);
    wr_verify_queue_leave(&queue, newer);
    cr_expect_null(wr_verify_queue_holder(&queue, &from, NULL));
}

/* Else whoever fills the requests of one address makes every datagram behind them walk past all. */
Test(verify_queue, a_request_without_room_stands_in_nobodys_way)
{
    const struct wr_address from = {.ip = {1}, .port = 7};
    struct wr_verify_request *full = join(WR_VERIFY_SECOND, 7, 0);
    struct wr_verify_request *also_full = join(WR_VERIFY_SECOND, 7, 0);
    struct wr_verify_request *open = join(WR_VERIFY_SECOND, 7, 0);
    fill(full);
    fill(also_full);
    cr_expect_eq(full->held[1], 1);
    cr_expect_eq(full->held_count, WR_VERIFY_HELD_MAX);
    cr_expect_eq(open->chain[WR_VERIFY_BY_ADDRESS][0], WR_VERIFY_NONE);
    cr_expect_eq(open->chain[WR_VERIFY_BY_SESSION][0], WR_VERIFY_NONE);
    wr_verify_queue_leave(&queue, full);
    wr_verify_queue_leave(&queue, also_full);
    cr_expect_eq(wr_verify_queue_holder(&queue, &from, NULL), open);
    cr_expect_eq(queue.pending, 1);
    wr_verify_queue_leave(&queue, open);
    cr_expect_null(wr_verify_queue_holder(&queue, &from, NULL));
}

Test(verify_queue, all_of_an_address_and_session_are_found_wherever_they_are)
{
    const struct wr_address from = {.ip = {1}, .port = 7};
    const enum wr_verify_place places[] = {WR_VERIFY_SECOND, WR_VERIFY_FIRST, WR_VERIFY_KEY_WAIT};
    struct wr_verify_request *of[3];
    for (int i = 0; i < 3; i++) {
        join(places[i], 8, 0);
        of[i] = join(places[i], 7, 0);
    }
    const struct wr_session_id session = of[0]->origin.session;
    fill(of[1]);
    next_port(0);
    struct wr_verify_request *request = NULL;
    for (int i = 0; i < 3; i++) {
        request = wr_verify_queue_pending(&queue, &from, &session, request);
        cr_expect_eq(request, of[i]);
    }
    cr_expect_null(wr_verify_queue_pending(&queue, &from, &session, request));
    wr_verify_queue_leave(&queue, of[0]);
    wr_verify_queue_leave(&queue, of[1]);
    cr_expect_eq(wr_verify_queue_pending(&queue, &from, &session, NULL), of[2]);
    wr_verify_queue_leave(&queue, of[2]);
    cr_expect_null(wr_verify_queue_pending(&queue, &from, &session, NULL));
}
