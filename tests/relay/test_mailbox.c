#include "mailbox.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>

static struct rd_mailbox opened(void)
{
    struct rd_mailbox mailbox;
    rd_mailbox_start(&mailbox);
    return mailbox;
}

static void put(struct rd_mailbox *mailbox, enum rd_order_kind kind, const char *sub)
{
    struct rd_order *order = rd_order_create(kind);
    (void)snprintf(order->sub, sizeof order->sub, "%s", sub);
    rd_mailbox_put(mailbox, order);
}

Test(mailbox, an_empty_one_has_nothing)
{
    struct rd_mailbox mailbox = opened();
    cr_expect_null(rd_mailbox_take(&mailbox));
    rd_mailbox_end(&mailbox);
}

Test(mailbox, orders_come_in_the_order_they_were_put)
{
    struct rd_mailbox mailbox = opened();
    put(&mailbox, RD_ORDER_BAN, "a");
    put(&mailbox, RD_ORDER_UNBAN, "b");
    put(&mailbox, RD_ORDER_BAN, "c");
    struct rd_order *order = rd_mailbox_take(&mailbox);
    cr_expect_null(rd_mailbox_take(&mailbox), "all were taken");
    for (const char *expected = "abc"; *expected != '\0'; expected++) {
        struct rd_order *next = order->next;
        cr_expect_eq(order->sub[0], *expected);
        rd_order_free(order);
        order = next;
    }
    cr_expect_null(order);
}

Test(mailbox, what_nobody_took_is_given_back_at_its_end)
{
    struct rd_mailbox mailbox = opened();
    put(&mailbox, RD_ORDER_BAN, "a");
    struct rd_order *order = rd_order_create(RD_ORDER_SNAPSHOT);
    struct rd_snapshot_slip *slip = order->slip = rd_snapshot_slip_create();
    rd_mailbox_put(&mailbox, order);
    rd_mailbox_end(&mailbox);
    cr_expect_eq(atomic_load(&slip->holders), 1, "the one who asked still holds its slip");
    rd_snapshot_slip_let_go(slip);
}

#define WRITERS 4
#define EACH    2000

static void *write_many(void *argument)
{
    struct rd_mailbox *mailbox = argument;
    for (uint32_t i = 0; i < EACH; i++) {
        struct rd_order *order = rd_order_create(RD_ORDER_KEY_ADD);
        (void)snprintf(order->key.kid, sizeof order->key.kid, "%u", i);
        memcpy(order->key.bytes, &(pthread_t){pthread_self()}, sizeof(pthread_t));
        rd_mailbox_put(mailbox, order);
    }
    return NULL;
}

Test(mailbox, nothing_is_lost_between_threads_and_each_keeps_its_order)
{
    struct rd_mailbox mailbox = opened();
    pthread_t writers[WRITERS];
    uint32_t expected[WRITERS] = {0};
    for (uint32_t i = 0; i < WRITERS; i++)
        pthread_create(&writers[i], NULL, write_many, &mailbox);
    for (uint32_t taken = 0; taken < WRITERS * EACH;) {
        struct rd_order *order = rd_mailbox_take(&mailbox);
        while (order != NULL) {
            struct rd_order *next = order->next;
            uint32_t writer = 0;
            while (memcmp(order->key.bytes, &writers[writer], sizeof(pthread_t)) != 0)
                writer++;
            cr_assert_eq(atoi(order->key.kid), (int)expected[writer]++);
            rd_order_free(order);
            order = next;
            taken++;
        }
    }
    for (uint32_t i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    cr_expect_null(rd_mailbox_take(&mailbox));
}
