#include "link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FRAGMENT_HEADER_BYTES 20 /* each further piece has an IP header of its own */

static bool has_bursts(const struct sim_link_config *config)
{
    return config->burst_enter.numerator > 0 || config->loss_good.numerator > 0;
}

static bool needs_dice(const struct sim_link_config *config)
{
    return config->jitter != SIM_JITTER_NONE || config->loss.numerator > 0 || has_bursts(config) ||
           config->reorder.numerator > 0 || config->duplicate.numerator > 0 ||
           config->corrupt.numerator > 0;
}

void sim_link_change(struct sim_link *link, const struct sim_link_config *config, uint64_t seed,
                     const char *name)
{
    link->config = config;
    if (link->dice != NULL || !needs_dice(config)) {
        return;
    }
    link->dice = malloc(sizeof *link->dice);
    if (link->dice == NULL) {
        abort();
    }
    link->dice->jitter = sim_rng_named(seed, name, "jitter");
    link->dice->loss = sim_rng_named(seed, name, "loss");
    link->dice->burst = sim_rng_named(seed, name, "burst");
    link->dice->reorder = sim_rng_named(seed, name, "reorder");
    link->dice->duplicate = sim_rng_named(seed, name, "duplicate");
    link->dice->corrupt = sim_rng_named(seed, name, "corrupt");
}

void sim_link_init(struct sim_link *link, const struct sim_link_config *config, uint64_t seed,
                   const char *name)
{
    memset(link, 0, sizeof *link);
    sim_link_change(link, config, seed, name);
}

static void release_list(struct sim_link_list *list, struct sim_packets *packets)
{
    while (list->first != NULL) {
        struct sim_datagram *datagram = list->first;
        list->first = datagram->next;
        sim_datagram_release(packets, datagram);
    }
    list->last = NULL;
}

void sim_link_free(struct sim_link *link, struct sim_packets *packets)
{
    release_list(&link->line, packets);
    release_list(&link->late, packets);
    free(link->dice);
    link->dice = NULL;
}

static void append(struct sim_link_list *list, struct sim_datagram *datagram)
{
    datagram->next = NULL;
    if (list->last != NULL) {
        list->last->next = datagram;
    } else {
        list->first = datagram;
    }
    list->last = datagram;
}

/* Behind all that are due at the same time or earlier. */
static void insert(struct sim_link_list *list, struct sim_datagram *datagram)
{
    if (list->last == NULL || list->last->due_ns <= datagram->due_ns) {
        append(list, datagram);
        return;
    }
    struct sim_datagram **place = &list->first;
    while ((*place)->due_ns <= datagram->due_ns) {
        place = &(*place)->next;
    }
    datagram->next = *place;
    *place = datagram;
}

/* Whether one piece on the wire is lost. */
static bool loses_piece(struct sim_link *link)
{
    const struct sim_link_config *config = link->config;
    bool lost = sim_rng_chance(&link->dice->loss, config->loss);
    if (has_bursts(config)) {
        struct sim_rng *rng = &link->dice->burst;
        if (sim_rng_chance(rng, link->bad ? config->burst_leave : config->burst_enter)) {
            link->bad = !link->bad;
        }
        lost |= sim_rng_chance(rng, link->bad ? config->loss_bad : config->loss_good);
    }
    return lost;
}

static uint64_t jitter_of(struct sim_link *link, uint64_t latency_ns)
{
    struct sim_rng *rng = &link->dice->jitter;
    uint64_t spread_ns = link->config->jitter_ns;
    switch (link->config->jitter) {
    case SIM_JITTER_NONE:
        return latency_ns;
    case SIM_JITTER_UNIFORM:
        return latency_ns + sim_rng_below(rng, spread_ns + 1);
    case SIM_JITTER_EXPONENTIAL:
        return latency_ns + sim_rng_exponential_ns(rng, spread_ns);
    case SIM_JITTER_NORMAL: {
        int64_t off_ns = sim_rng_normal_ns(rng, spread_ns);
        uint64_t early_ns = off_ns < 0 ? (uint64_t)-off_ns : 0;
        return off_ns >= 0 ? latency_ns + (uint64_t)off_ns
                           : latency_ns - (early_ns < latency_ns ? early_ns : latency_ns);
    }
    }
    assert(false);
    return latency_ns;
}

uint64_t sim_link_backlog_bytes(const struct sim_link *link, wr_instant now)
{
    return (wr_elapsed(now, link->free_ns) * link->config->bandwidth_kbps + 7999999) / 8000000;
}

/* Gives the datagram its time of delivery and a place among those under way. */
static void carry(struct sim_link *link, wr_instant departs_ns, struct sim_datagram *datagram)
{
    const struct sim_link_config *config = link->config;
    uint64_t takes_ns = config->latency_ns;
    bool may_be_overtaken = false;
    if (link->dice != NULL) {
        takes_ns = jitter_of(link, takes_ns);
        if (sim_rng_chance(&link->dice->reorder, config->reorder)) {
            takes_ns += config->reorder_delay_ns;
            may_be_overtaken = true;
        }
    }
    datagram->due_ns = wr_after(departs_ns, takes_ns);
    if (may_be_overtaken) {
        insert(&link->late, datagram);
        return;
    }
    if (link->line.last != NULL && datagram->due_ns < link->line.last->due_ns) {
        if (config->jitter_reorders) {
            insert(&link->late, datagram);
            return;
        }
        datagram->due_ns = link->line.last->due_ns;
    }
    append(&link->line, datagram);
}

static enum sim_link_fate judged(struct sim_link *link, wr_instant now, uint32_t *wire_bytes)
{
    const struct sim_link_config *config = link->config;
    uint32_t pieces = 1;
    if (link->blocked) {
        return SIM_LINK_BLOCKED;
    }
    if (config->mtu_bytes > 0 && *wire_bytes > config->mtu_bytes) {
        if (!config->fragments) {
            return SIM_LINK_TOO_LONG;
        }
        /* Pieces carry a multiple of 8 bytes behind their headers (RFC 791). */
        uint32_t piece_bytes = (config->mtu_bytes - FRAGMENT_HEADER_BYTES) / 8 * 8;
        uint32_t inside_bytes = *wire_bytes - FRAGMENT_HEADER_BYTES;
        pieces = (inside_bytes + piece_bytes - 1) / piece_bytes;
        *wire_bytes += (pieces - 1) * FRAGMENT_HEADER_BYTES;
    }
    if (config->bandwidth_kbps > 0 &&
        sim_link_backlog_bytes(link, now) + *wire_bytes > config->queue_bytes) {
        return SIM_LINK_QUEUE_FULL;
    }
    bool lost = false;
    if (link->dice != NULL) {
        for (uint32_t piece = 0; piece < pieces; piece++) {
            lost |= loses_piece(link);
        }
    }
    return lost ? SIM_LINK_LOST : SIM_LINK_CARRIED;
}

enum sim_link_fate sim_link_send(struct sim_link *link, struct sim_packets *packets, wr_instant now,
                                 struct sim_datagram *datagram)
{
    const struct sim_link_config *config = link->config;
    uint32_t wire_bytes = sim_datagram_wire_bytes(datagram);
    enum sim_link_fate fate = judged(link, now, &wire_bytes);
    wr_instant departs_ns = now;

    link->fates[fate]++;
    /* What is lost on the way has used the bandwidth all the same. */
    if (config->bandwidth_kbps > 0 && (fate == SIM_LINK_CARRIED || fate == SIM_LINK_LOST)) {
        wr_instant start_ns = link->free_ns > now ? link->free_ns : now;
        uint64_t takes_ns =
            ((uint64_t)wire_bytes * 8000000 + config->bandwidth_kbps - 1) / config->bandwidth_kbps;
        departs_ns = link->free_ns = start_ns + takes_ns;
    }
    if (fate != SIM_LINK_CARRIED) {
        return fate;
    }
    if (link->dice != NULL && datagram->payload->size > 0 &&
        sim_rng_chance(&link->dice->corrupt, config->corrupt)) {
        uint32_t bits = datagram->payload->size * 8u;
        uint32_t bit = (uint32_t)sim_rng_below(&link->dice->corrupt, bits);
        struct sim_content *flipped = sim_content_flipped(packets, datagram->payload, bit);
        sim_content_release(packets, datagram->payload);
        datagram->payload = flipped;
    }
    struct sim_datagram *second = NULL;
    if (link->dice != NULL && sim_rng_chance(&link->dice->duplicate, config->duplicate)) {
        second = sim_datagram_duplicate(packets, datagram);
    }
    carry(link, departs_ns, datagram);
    if (second != NULL) {
        carry(link, departs_ns, second);
    }
    return SIM_LINK_CARRIED;
}

bool sim_link_is_perfect(const struct sim_link *link)
{
    const struct sim_link_config *config = link->config;
    return link->line.first == NULL && link->late.first == NULL && !link->blocked &&
           config->latency_ns == 0 && config->bandwidth_kbps == 0 && config->mtu_bytes == 0 &&
           !needs_dice(config);
}

wr_instant sim_link_next_deadline(const struct sim_link *link)
{
    wr_instant line_ns = link->line.first != NULL ? link->line.first->due_ns : WR_NEVER;
    wr_instant late_ns = link->late.first != NULL ? link->late.first->due_ns : WR_NEVER;
    return line_ns < late_ns ? line_ns : late_ns;
}

struct sim_datagram *sim_link_take(struct sim_link *link, wr_instant now)
{
    wr_instant due_ns = sim_link_next_deadline(link);
    if (due_ns > now || due_ns == WR_NEVER) {
        return NULL;
    }
    bool from_line = link->line.first != NULL && link->line.first->due_ns == due_ns;
    struct sim_link_list *list = from_line ? &link->line : &link->late;
    struct sim_datagram *datagram = list->first;
    list->first = datagram->next;
    if (list->first == NULL) {
        list->last = NULL;
    } else { /* it is read soon: thousands of others lie between its sending and now */
        sim_content_prefetch(list->first->payload, list->first->size);
    }
    datagram->next = NULL;
    return datagram;
}
