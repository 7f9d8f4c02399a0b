#include "allocations.h"
#include "random.h"
#include "relay_harness.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The same datagrams at the same times, in batches of any size, give the same results; and nothing
 * of it takes memory. */

#define STEPS 250
#define BATCH 100

static struct wr_datagram batch[BATCH];
static uint8_t bytes[BATCH][WR_DATAGRAM_BYTES_MAX + 1];

/* One datagram of any kind: few sessions and addresses, so that much happens to each. */
static void make_datagram(uint64_t *random, uint64_t tag, size_t i)
{
    uint32_t session = random_below(random, 6);
    uint32_t kind = random_below(random, 16);
    const struct wr_session_id id = session_of(session);
    struct wr_datagram *datagram = &batch[i];
    uint8_t *out = bytes[i], payload[64] = {0};
    uint8_t cookie[WR_COOKIE_BYTES] = {1};
    memset(out, 0, WR_DATAGRAM_BYTES_MAX);
    datagram->from = at(host(random_below(random, 8)));
    datagram->bytes = out;
    datagram->tag = tag;
    datagram->via = 0;
    if (kind < 4) {
        struct lease lease = desk_lease(session, (enum wr_role)random_below(random, WR_ROLES));
        lease.issued_ms = -(int64_t)random_below(random, 3);
        lease.spoiled = random_below(random, 8) == 0;
        lease.renew = random_below(random, 4) == 0;
        datagram->size = desk_encode(&lease, out);
    } else if (kind < 11) {
        datagram->size = wr_wire_encode_sequence(out, WR_DATAGRAM_BYTES_MAX, &id,
                                                 tag / 3 + random_below(random, 20), payload, 40);
    } else if (kind == 11) {
        wr_rift_encode_transport(payload, 1, random_below(random, 3));
        datagram->size = wr_wire_encode_forward(out, WR_DATAGRAM_BYTES_MAX, &id, 0, payload, 40);
    } else if (kind == 12) {
        static const uint8_t nobody[16];
        wr_rift_encode_handshake(out, nobody, 0);
        datagram->size = 62;
    } else if (kind == 13) {
        wr_rift_encode_transport(out, 1, 0);
        datagram->size = 82;
    } else if (kind == 14) {
        datagram->size = wr_wire_encode_renew(out, WR_DATAGRAM_BYTES_MAX, &id, WR_ROLE_CLIENT, NULL,
                                              0, random_below(random, 2) ? cookie : NULL);
    } else {
        memset(out, (int)random_below(random, 256), 32);
        datagram->size = random_below(random, 32);
    }
}

/* Everything that came out of one run, as text; `size_max` datagrams at a time. */
static char *run(uint64_t seed, uint32_t size_max)
{
    uint64_t random = seed, sizes = seed + size_max;
    uint64_t tag = 0;
    desk_reset();
    desk_open();
    desk.log = calloc(1, DESK_LOG);
    desk.verifies_later = true;
    for (int step = 0; step < STEPS; step++) {
        uint32_t count = 1 + random_below(&random, BATCH);
        if (step % 8 != 0)
            count = 1 + count % 5;
        for (size_t i = 0; i < count; i++)
            make_datagram(&random, ++tag, i);
        desk.tags = tag;
        uint64_t before = allocations_so_far();
        for (uint32_t done = 0; done < count;) {
            uint32_t size = 1 + random_below(&sizes, size_max);
            size = size < count - done ? size : count - done;
            wr_relay_receive(desk.relay, batch + done, size);
            done += size;
        }
        if (random_below(&random, 3) == 0)
            desk_verify();
        cr_assert_eq(allocations_so_far(), before, "memory is taken at creation");
        desk_check();
        desk_wait(random_below(&random, 40) == 0 ? 3 * WR_S : random_below(&random, 30) * WR_MS);
    }
    char *log = desk.log;
    desk.log = NULL;
    desk_close();
    return log;
}

Test(relay_batch, batches_of_any_size_give_what_one_at_a_time_gives)
{
    static const char *const words[] = {"forwarded", "accepted",      "newer_token", "candidate",
                                        "replayed",  "bad_signature", "renewed",     "event 6"};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        char *alone = run(seed, 1);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            cr_expect_not_null(strstr(alone, words[i]), "nothing was %s in seed %d", words[i],
                               (int)seed);
        const uint32_t sizes[] = {2, 32, 33, 100};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            char *together = run(seed, sizes[i]);
            cr_expect(strcmp(alone, together) == 0, "seed %d, up to %u at a time", (int)seed,
                      sizes[i]);
            free(together);
        }
        free(alone);
    }
}

/* A session that a batch found may be gone, and its memory another's, before its turn. */
Test(relay_batch, a_session_that_goes_within_a_batch_is_not_found_behind_it)
{
    desk_reset();
    desk_open();
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    verdict_of(&lease, host(1));
    const struct wr_session_id id = session_of(1);
    uint32_t released = wr_wire_encode_release(bytes[0], WR_DATAGRAM_BYTES_MAX, &id, last_cookie());
    uint32_t forwarded =
        wr_wire_encode_sequence(bytes[1], WR_DATAGRAM_BYTES_MAX, &id, 1, bytes[2], 10);
    batch[0] =
        (struct wr_datagram){.from = at(host(1)), .bytes = bytes[0], .size = released, .tag = 100};
    batch[1] = (struct wr_datagram){
        .from = at(host(1)), .bytes = bytes[1], .size = forwarded, .tag = desk.tags = 101};
    wr_relay_receive(desk.relay, batch, 2);
    cr_expect_eq(desk.outcome, WR_OUTCOME_SESSION_NOT_FOUND);
    desk_close();
}
