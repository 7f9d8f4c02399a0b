/*
 * The queue of coming events in one total order: (time, class, source, per-source number). Never a
 * pointer, a hash order or an accident of the heap decides which of two events comes first. Owns
 * the clock of the simulation; declines to know what an event means.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <wavry/types.h>

#define SIM_QUEUE_CLASSES     16
#define SIM_QUEUE_SOURCES_MAX (UINT32_C(1) << 24)
#define SIM_QUEUE_NUMBER_BITS 36 /* events that one source may push: 6.8 * 10^10 */

/* `what` and `data` are the caller's. `order` is class (4 bits), source (24) and number (36). */
struct sim_event {
    wr_instant at_ns;
    uint64_t order;
    uint32_t what;
    uint32_t data;
};

/* Open only so that the small functions below can be inlined; touch nothing. */
struct sim_queue {
    struct sim_event *heap; /* 4-ary */
    uint64_t *numbers;      /* next number of each source */
    uint32_t pending;
    uint32_t capacity;
    uint32_t sources;
    uint32_t sources_capacity;
    wr_instant now_ns;
    bool permute_ties;
    uint64_t tie_seed;
};

/* Room for `events` pending ones before it first grows. False where memory is short. */
bool sim_queue_init(struct sim_queue *queue, uint32_t events);
void sim_queue_free(struct sim_queue *queue);

/* From now on events of equal time and class are taken in an order of sources drawn from `seed`
 * and their time; those of one source keep their own order. Call before the first push. */
void sim_queue_permute_ties(struct sim_queue *queue, uint64_t seed);

/* A new source, numbered from 0 in the order of the calls. */
uint32_t sim_queue_source(struct sim_queue *queue);

/* Adds an event at `at_ns`, not before the last one taken. */
void sim_queue_push(struct sim_queue *queue, wr_instant at_ns, unsigned class_, uint32_t source,
                    uint32_t what, uint32_t data);

/* Takes the first event, if there is one, and sets the clock to its time. */
bool sim_queue_pop(struct sim_queue *queue, struct sim_event *out);

/* When the first event is due, WR_NEVER where there is none. */
static inline wr_instant sim_queue_next_ns(const struct sim_queue *queue)
{
    return queue->pending > 0 ? queue->heap[0].at_ns : WR_NEVER;
}

static inline wr_instant sim_queue_now_ns(const struct sim_queue *queue)
{
    return queue->now_ns;
}

static inline unsigned sim_event_class(const struct sim_event *event)
{
    return (unsigned)(event->order >> 60);
}

#endif
