#include "host.h"

#include <assert.h>
#include <string.h>

void sim_host_init(struct sim_host *host, const struct sim_host_config *config)
{
    assert(config->receive_queue_datagrams > 0);
    memset(host, 0, sizeof *host);
    host->config = *config;
    host->running = true;
}

enum sim_host_arrival sim_host_arrive(struct sim_host *host, struct sim_packets *packets,
                                      struct sim_datagram *datagram)
{
    if (!host->running) {
        host->lost++;
        sim_datagram_release(packets, datagram);
        return SIM_HOST_DOWN;
    }
    if (host->queued >= host->config.receive_queue_datagrams) {
        host->overflowed++;
        host->unreported++;
        sim_datagram_release(packets, datagram);
        return SIM_HOST_OVERFLOW;
    }
    datagram->next = NULL;
    if (host->last != NULL) {
        host->last->next = datagram;
    } else {
        host->first = datagram;
    }
    host->last = datagram;
    host->queued++;
    host->received++;
    return SIM_HOST_QUEUED;
}

static struct sim_datagram *take_first(struct sim_host *host)
{
    struct sim_datagram *datagram = host->first;
    host->first = datagram->next;
    if (host->first == NULL) {
        host->last = NULL;
    }
    host->queued--;
    datagram->next = NULL;
    return datagram;
}

struct sim_datagram *sim_host_next(struct sim_host *host, wr_instant now)
{
    return sim_host_next_deadline(host) <= now ? take_first(host) : NULL;
}

static wr_instant later(wr_instant a, wr_instant b)
{
    return a > b ? a : b;
}

wr_instant sim_host_spend(struct sim_host *host, wr_instant now, uint64_t spent_ns)
{
    host->busy_until_ns = wr_after(later(now, host->busy_until_ns), spent_ns);
    return host->busy_until_ns;
}

wr_instant sim_host_next_deadline(const struct sim_host *host)
{
    if (!host->running || host->first == NULL) {
        return WR_NEVER;
    }
    return later(host->busy_until_ns, host->paused_until_ns);
}

wr_instant sim_host_verify(struct sim_host *host, wr_instant now)
{
    host->helper_until_ns = wr_after(later(now, host->helper_until_ns), host->config.verify_ns);
    return host->helper_until_ns;
}

void sim_host_pause(struct sim_host *host, wr_instant until_ns)
{
    host->paused_until_ns = until_ns;
}

void sim_host_resume(struct sim_host *host)
{
    host->paused_until_ns = 0;
}

void sim_host_crash(struct sim_host *host, struct sim_packets *packets)
{
    while (host->first != NULL) {
        sim_datagram_release(packets, take_first(host));
        host->lost++;
    }
    host->running = false;
    host->unreported = 0;
}

void sim_host_start(struct sim_host *host, wr_instant now)
{
    host->running = true;
    host->busy_until_ns = host->helper_until_ns = now;
    host->paused_until_ns = 0;
}

uint64_t sim_host_take_overflows(struct sim_host *host)
{
    uint64_t overflows = host->unreported;
    host->unreported = 0;
    return overflows;
}
