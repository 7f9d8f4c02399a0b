/*
 * What forwarding costs in the core alone: batches of 64 datagrams over all sessions in an order
 * that no cache can guess, observer off. Prints nanoseconds per datagram, allocations meanwhile,
 * and what a session costs in memory.
 */
#include "allocations.h"
#include "bed.h"
#include "bench.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH         64
#define GROUP         16   /* batches that are made ahead: reading the clock costs, too */
#define PAYLOAD_BYTES 1180 /* with the header 1200 */
#define BATCH_NS      UINT64_C(100000) /* simulated time between batches */

struct load {
    uint32_t sessions;
    uint64_t *sequences; /* per seat */
    uint64_t next;       /* place in the order */
    uint8_t bytes[GROUP * BATCH][WR_DATAGRAM_BYTES_MAX];
    struct wr_datagram datagrams[GROUP * BATCH];
};

/* All seats once, in steps of a prime that shares no factor with their number. */
static void prepare_group(struct load *load)
{
    static const uint8_t payload[PAYLOAD_BYTES - 8];
    uint64_t seats = (uint64_t)load->sessions * WR_ROLES;
    for (int i = 0; i < GROUP * BATCH; i++) {
        uint64_t seat = load->next++ * UINT64_C(15485863) % seats;
        uint32_t number = (uint32_t)(seat / WR_ROLES);
        enum wr_role role = (enum wr_role)(seat % WR_ROLES);
        struct wr_session_id session = bed_session(number);
        uint32_t size = wr_wire_encode_sequence(load->bytes[i], sizeof load->bytes[i], &session,
                                                ++load->sequences[seat], payload, sizeof payload);
        load->datagrams[i] = (struct wr_datagram){
            .from = bed_address(number, role), .bytes = load->bytes[i], .size = size};
    }
}

static uint64_t forward(struct bed *bed, struct load *load, uint64_t groups)
{
    uint64_t spent_ns = 0;
    for (uint64_t group = 0; group < groups; group++) {
        prepare_group(load);
        uint64_t began = bench_cpu_ns();
        for (int batch = 0; batch < GROUP; batch++) {
            bed->now_ns += BATCH_NS;
            wr_relay_receive(bed->relay, load->datagrams + batch * BATCH, BATCH);
        }
        spent_ns += bench_cpu_ns() - began;
    }
    return spent_ns;
}

static void measure(uint32_t sessions, uint64_t groups, const char *bound)
{
    static struct bed bed;
    static struct load load;
    char name[64];
    bed_open(&bed, sessions, true);
    bed_fill(&bed, sessions);
    load.sessions = sessions;
    load.next = 0;
    load.sequences = calloc((size_t)sessions * WR_ROLES, sizeof *load.sequences);
    if (load.sequences == NULL)
        bench_fail("memory is short");

    forward(&bed, &load, groups / 4); /* warm */
    uint64_t sends_before = bed.sends, allocations_before = allocations_so_far();
    uint64_t spent_ns = forward(&bed, &load, groups);
    uint64_t allocations = allocations_so_far() - allocations_before;
    if (bed.sends - sends_before != groups * GROUP * BATCH)
        bench_fail("not everything was forwarded");

    snprintf(name, sizeof name, "core: forward, %u sessions", sessions);
    bench_figure(name, spent_ns * 1000 / (groups * GROUP * BATCH), "ns/datagram", bound);
    snprintf(name, sizeof name, "core: allocations while forwarding, %u sessions", sessions);
    bench_figure(name, allocations * 1000, "allocations", "<= 0");
    free(load.sequences);
    bed_close(&bed);
}

static void measure_memory(void)
{
    struct wr_relay_config config;
    wr_relay_config_default(&config);
    config.relay_id = BED_RELAY_ID;
    config.verify_rate = 1;
    config.max_sessions = 1000000;
    uint64_t bytes = wr_relay_memory_bytes(&config);
    bench_figure("core: memory, 1000000 sessions, all in", bytes * 1000 / config.max_sessions,
                 "bytes/session", "<= 1536");
    config.max_sessions = 1;
    bench_figure("core: memory, 1 session: all fixed tables",
                 (uint64_t)wr_relay_memory_bytes(&config) * 1000 / (1024 * 1024), "MiB", "-");
}

int main(void)
{
    measure_memory();
    measure(1000, 4000, "<= 150");
    measure(1000000, 4000, "<= 400");
    return 0;
}
