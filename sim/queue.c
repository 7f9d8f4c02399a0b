#include "queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_BITS 24
#define SOURCE_MASK (SIM_QUEUE_SOURCES_MAX - 1)

bool sim_queue_init(struct sim_queue *queue, uint32_t events)
{
    memset(queue, 0, sizeof *queue);
    queue->capacity = events < 64 ? 64 : events;
    queue->sources_capacity = 64;
    queue->heap = malloc((size_t)queue->capacity * sizeof *queue->heap);
    queue->numbers = malloc((size_t)queue->sources_capacity * sizeof *queue->numbers);
    if (queue->heap == NULL || queue->numbers == NULL) {
        sim_queue_free(queue);
        return false;
    }
    return true;
}

void sim_queue_free(struct sim_queue *queue)
{
    free(queue->heap);
    free(queue->numbers);
    memset(queue, 0, sizeof *queue);
}

void sim_queue_permute_ties(struct sim_queue *queue, uint64_t seed)
{
    assert(queue->pending == 0 && queue->now_ns == 0);
    queue->permute_ties = true;
    queue->tie_seed = seed;
}

/* Doubles an array. The simulator does not outlive its memory: there is nobody to report to. */
static void *grown(void *array, uint32_t *capacity, size_t element_bytes)
{
    assert(*capacity <= UINT32_MAX / 2);
    void *bigger = realloc(array, (size_t)*capacity * 2 * element_bytes);
    if (bigger == NULL) {
        abort();
    }
    *capacity *= 2;
    return bigger;
}

uint32_t sim_queue_source(struct sim_queue *queue)
{
    assert(queue->sources < SIM_QUEUE_SOURCES_MAX);
    if (queue->sources == queue->sources_capacity) {
        queue->numbers = grown(queue->numbers, &queue->sources_capacity, sizeof *queue->numbers);
    }
    queue->numbers[queue->sources] = 0;
    return queue->sources++;
}

/* A permutation of the 24-bit numbers keyed by (seed, time): four Feistel rounds on halves of 12
 * bits. Being a permutation it keeps two sources apart, so the order stays total. */
static uint32_t permuted_source(uint64_t seed, wr_instant at_ns, uint32_t source)
{
    uint32_t left = source >> 12;
    uint32_t right = source & 0xfff;
    uint64_t key = (seed ^ at_ns * UINT64_C(0x9e3779b97f4a7c15)) + UINT64_C(0x632be59bd9b4e019);
    for (unsigned round = 0; round < 4; round++) {
        uint64_t mixed = (key ^ right ^ (uint64_t)round << 16) * UINT64_C(0xd6e8feb86659fd93);
        mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
        uint32_t next = left ^ (uint32_t)(mixed >> 52);
        left = right;
        right = next;
    }
    return left << 12 | right;
}

/* Without a branch: which of two events comes first is a coin toss for the predictor. */
static inline uint32_t before(const struct sim_event *a, const struct sim_event *b)
{
    return (uint32_t)(a->at_ns < b->at_ns) |
           ((uint32_t)(a->at_ns == b->at_ns) & (uint32_t)(a->order < b->order));
}

static void sift_up(struct sim_event *heap, uint32_t hole, const struct sim_event *event)
{
    while (hole > 0) {
        uint32_t parent = (hole - 1) / 4;
        if (!before(event, &heap[parent])) {
            break;
        }
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = *event;
}

void sim_queue_push(struct sim_queue *queue, wr_instant at_ns, unsigned class_, uint32_t source,
                    uint32_t what, uint32_t data)
{
    assert(at_ns >= queue->now_ns && at_ns != WR_NEVER);
    assert(class_ < SIM_QUEUE_CLASSES && source < queue->sources);
    if (queue->pending == queue->capacity) {
        queue->heap = grown(queue->heap, &queue->capacity, sizeof *queue->heap);
    }
    uint64_t number = queue->numbers[source]++;
    assert(number >> SIM_QUEUE_NUMBER_BITS == 0);
    if (queue->permute_ties) {
        source = permuted_source(queue->tie_seed, at_ns, source);
    }
    struct sim_event event = {
        .at_ns = at_ns,
        .order = ((uint64_t)class_ << SOURCE_BITS | source) << SIM_QUEUE_NUMBER_BITS | number,
        .what = what,
        .data = data,
    };
    sift_up(queue->heap, queue->pending++, &event);
}

/* The hole goes down to a leaf along the earliest children; the last event, which belongs near
 * the leaves, then rises from there. That saves a comparison a level. */
bool sim_queue_pop(struct sim_queue *queue, struct sim_event *out)
{
    if (queue->pending == 0) {
        return false;
    }
    struct sim_event *heap = queue->heap;
    *out = heap[0];
    queue->now_ns = out->at_ns;
    uint32_t count = --queue->pending;
    struct sim_event last = heap[count];
    uint32_t hole = 0;
    uint32_t child = 1;
    while (child + 3 < count) {
        uint32_t a = child + before(&heap[child + 1], &heap[child]);
        uint32_t b = child + 2 + before(&heap[child + 3], &heap[child + 2]);
        uint32_t first = a + (b - a) * before(&heap[b], &heap[a]);
        heap[hole] = heap[first];
        hole = first;
        child = 4 * hole + 1;
    }
    if (child < count) {
        uint32_t first = child;
        for (uint32_t other = child + 1; other < count; other++) {
            first += (other - first) * before(&heap[other], &heap[first]);
        }
        heap[hole] = heap[first];
        hole = first;
    }
    if (count > 0) {
        sift_up(heap, hole, &last);
    }
    return true;
}
