/* The clock that everything in relay/ reads: CLOCK_MONOTONIC, without a system call where the
 * kernel maps it. */
#ifndef RD_CLOCK_H
#define RD_CLOCK_H

#include <wavry/types.h>

#include <time.h>

static inline wr_instant rd_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

#endif
