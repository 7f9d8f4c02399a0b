#include "early_bare.h"

#include <stdlib.h>
#include <string.h>

struct place {
    wr_instant since;
    wr_instant look; /* never earlier than that of the place before */
    struct wr_datagram datagram;
    uint8_t bytes[WR_DATAGRAM_BYTES_MAX];
};

struct rd_early_bare {
    uint32_t first;
    uint32_t count;
    struct place places[RD_EARLY_MAX];
};

struct rd_early_bare *rd_early_bare_create(void)
{
    return calloc(1, sizeof(struct rd_early_bare));
}

void rd_early_bare_destroy(struct rd_early_bare *early)
{
    free(early);
}

bool rd_early_bare_put(struct rd_early_bare *early, const struct wr_datagram *datagram,
                       wr_instant since, wr_instant now)
{
    if (early->count == RD_EARLY_MAX || datagram->size > WR_DATAGRAM_BYTES_MAX ||
        wr_elapsed(since, now) >= RD_EARLY_NS)
        return false;
    struct place *place = &early->places[(early->first + early->count++) % RD_EARLY_MAX];
    memmove(place->bytes, datagram->bytes, datagram->size); /* it may be where it was */
    place->datagram = *datagram;
    place->datagram.bytes = place->bytes;
    place->since = since;
    place->look = wr_after(now, RD_EARLY_LOOK_NS);
    return true;
}

wr_instant rd_early_bare_due(const struct rd_early_bare *early)
{
    return early->count > 0 ? early->places[early->first].look : WR_NEVER;
}

bool rd_early_bare_take(struct rd_early_bare *early, wr_instant now, struct wr_datagram *out,
                        wr_instant *since)
{
    if (rd_early_bare_due(early) > now)
        return false;
    const struct place *place = &early->places[early->first];
    early->first = (early->first + 1) % RD_EARLY_MAX;
    early->count--;
    *out = place->datagram;
    *since = place->since;
    return true;
}
