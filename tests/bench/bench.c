#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t bench_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t bench_median(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

void bench_figure(const char *name, uint64_t milli, const char *unit, const char *bound)
{
    printf("FIGURE\t%s\t%" PRIu64 ".%03u\t%s\t%s\n", name, milli / 1000, (unsigned)(milli % 1000),
           unit, bound);
    fflush(stdout);
}

void bench_fail(const char *message)
{
    fprintf(stderr, "%s\n", message);
    exit(1);
}
