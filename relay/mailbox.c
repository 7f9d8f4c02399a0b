#include "mailbox.h"

#include <stdlib.h>

struct rd_snapshot_slip *rd_snapshot_slip_create(void)
{
    struct rd_snapshot_slip *slip = calloc(1, sizeof *slip);
    if (slip == NULL)
        return NULL;
    atomic_init(&slip->holders, 2);
    (void)sem_init(&slip->answered, 0, 0);
    return slip;
}

void rd_snapshot_slip_let_go(struct rd_snapshot_slip *slip)
{
    if (atomic_fetch_sub(&slip->holders, 1) > 1)
        return;
    (void)sem_destroy(&slip->answered);
    free(slip);
}

void rd_mailbox_start(struct rd_mailbox *mailbox)
{
    atomic_init(&mailbox->newest, NULL);
}

struct rd_order *rd_order_create(enum rd_order_kind kind)
{
    struct rd_order *order = calloc(1, sizeof *order);
    if (order != NULL)
        order->kind = kind;
    return order;
}

void rd_mailbox_put(struct rd_mailbox *mailbox, struct rd_order *order)
{
    order->next = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &order->next, order,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

struct rd_order *rd_mailbox_take(struct rd_mailbox *mailbox)
{
    struct rd_order *newest =
        atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire);
    struct rd_order *oldest = NULL;
    while (newest != NULL) {
        struct rd_order *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

void rd_order_free(struct rd_order *order)
{
    if (order->kind == RD_ORDER_SNAPSHOT && order->slip != NULL)
        rd_snapshot_slip_let_go(order->slip);
    free(order);
}

void rd_order_free_all(struct rd_order *order)
{
    while (order != NULL) {
        struct rd_order *next = order->next;
        rd_order_free(order);
        order = next;
    }
}

void rd_mailbox_end(struct rd_mailbox *mailbox)
{
    rd_order_free_all(rd_mailbox_take(mailbox));
}
