/* The clocks that everything in relay/ reads, without a system call where the kernel maps them. */
#ifndef RD_CLOCK_H
#define RD_CLOCK_H

#include <wavry/types.h>

#include <time.h>

/* CLOCK_MONOTONIC. */
static inline wr_instant rd_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

/* CLOCK_REALTIME, in milliseconds since 1970. */
static inline uint64_t rd_wall_unix_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / WR_MS;
}

#endif
