#include "local_addresses.h"

#include <string.h>

static bool same(const struct rd_local_address *a, const struct rd_local_address *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->ifindex == b->ifindex;
}

void rd_local_addresses_start(struct rd_local_addresses *table)
{
    table->count = 1;
    table->last = 0;
    table->entries[0] = (struct rd_local_address){0};
}

uint32_t rd_local_addresses_number(struct rd_local_addresses *table,
                                   const struct rd_local_address *address)
{
    if (table->last != 0 && same(&table->entries[table->last], address))
        return table->last;
    for (uint32_t number = 1; number < table->count; number++) {
        if (same(&table->entries[number], address)) {
            table->last = number;
            return number;
        }
    }
    if (table->count == RD_LOCAL_ADDRESSES_MAX)
        return 0;
    table->last = table->count++;
    table->entries[table->last] = *address;
    return table->last;
}

const struct rd_local_address *rd_local_addresses_get(const struct rd_local_addresses *table,
                                                      uint32_t number)
{
    return number == 0 || number >= table->count ? NULL : &table->entries[number];
}
